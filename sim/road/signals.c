/* Signals and controllers: ids resolved to indices, and which lanes a signal is for. */
#include "sim/road/road_map.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Ids are strings: sort indices by them once, then search. */
typedef struct id_index {
    const char *id;
    int index;
} id_index;

static int compare_id(const void *a, const void *b) { return strcmp(((const id_index *)a)->id, ((const id_index *)b)->id); }

static int find_id(const id_index *list, int count, const char *id)
{
    id_index key = { id, 0 };
    id_index *found = count ? bsearch(&key, list, (size_t)count, sizeof *list, compare_id) : NULL;
    return found ? found->index : -1;
}

static id_index *sort_ids(const road_map *m, int count, size_t (*id_of)(const road_map *, int))
{
    id_index *list = malloc(sizeof *list * ((size_t)count + 1));
    for (int i = 0; list && i < count; i++)
        list[i] = (id_index){ road_text(m, id_of(m, i)), i };
    if (list)
        qsort(list, (size_t)count, sizeof *list, compare_id);
    return list;
}
static size_t signal_id(const road_map *m, int i) { return m->signals.items[i].id; }
static size_t controller_id(const road_map *m, int i) { return m->controllers.items[i].id; }

/* Where a signal names no lanes: by its orientation, those of one side or a record for each side. */
static bool lanes_by_orientation(road_map *m, road_signal_use u, road_orientation o)
{
    const road_road *r = &m->roads.items[u.road];
    const road_section *sec = &m->sections.items[r->first_section + road_find_section(m, u.road, u.s)];
    for (int left = 1; left >= 0; left--) {
        if (o == (left ? ROAD_ORIENTATION_MINUS : ROAD_ORIENTATION_PLUS) || (left ? sec->high < 1 : sec->low > -1))
            continue;
        u.from_lane = left ? 1 : sec->low;
        u.to_lane = left ? sec->high : -1;
        road_signal_use *kept = ROAD_PUSH(m->public_uses);
        if (!kept)
            return false;
        *kept = u;
    }
    return true;
}

/* All validities of an element are lane 0: CARLA takes such a signal for decoration. */
static bool names_no_lane(const road_map *m, int first)
{
    const road_use_data *d = &m->uses.items[first];
    bool none = d->valid;
    for (int i = first; i < m->uses.count && (i == first || m->uses.items[i].more); i++)
        none &= m->uses.items[i].from == 0 && m->uses.items[i].to == 0;
    return none;
}

/* Records as read become uses of a signal that exists, and landmarks: all records of one element. */
static bool resolve_uses(road_map *m, const id_index *signals)
{
    int first = 0; /* record of the element at hand */
    for (int i = 0; i < m->uses.count; i++) {
        const road_use_data *d = &m->uses.items[i];
        road_road *r = &m->roads.items[d->road];
        first = d->more ? first : i;
        int signal = d->signal >= 0 ? d->signal : find_id(signals, m->signals.count, road_text(m, d->signal_id));
        if (signal < 0) {
            m->dropped_links++;
            continue;
        }
        if (!d->more && !names_no_lane(m, i)) {
            road_landmark_data *l = ROAD_PUSH(m->landmarks);
            if (!l)
                return false;
            *l = (road_landmark_data){ .use = i, .first_use = m->public_uses.count, .signal = signal };
            if (r->landmark_count++ == 0)
                r->first_landmark = m->landmarks.count - 1;
        }
        road_landmark_data *l = names_no_lane(m, first) ? NULL : &m->landmarks.items[m->landmarks.count - 1];
        road_signal_use u = { signal, d->road, d->s, d->from, d->to, d->reference };
        road_signal_use *kept = d->valid ? ROAD_PUSH(m->public_uses) : NULL;
        if (kept)
            *kept = u;
        else if (d->valid || !lanes_by_orientation(m, u, d->orientation))
            return false;
        if (l)
            l->use_count = m->public_uses.count - l->first_use;
    }
    return true;
}

static bool resolve_controllers(road_map *m, const id_index *signals, const id_index *controllers)
{
    for (int i = 0, at = 0; i < m->controllers.count; i++) {
        road_controller_data *c = &m->controllers.items[i];
        c->first_signal = m->controller_signals.count;
        for (; at < m->controls.count && m->controls.items[at].owner == i; at++) {
            int signal = find_id(signals, m->signals.count, road_text(m, m->controls.items[at].id));
            bool known = signal < 0;
            for (int k = 0; k < c->signal_count && !known; k++) /* maps repeat a signal once per reference */
                known = m->controller_signals.items[c->first_signal + k] == signal;
            int *slot = known ? NULL : ROAD_PUSH(m->controller_signals);
            if (known)
                continue;
            if (!slot)
                return false;
            *slot = signal;
            c->signal_count++;
        }
    }
    for (int i = 0, at = 0; i < m->junctions.count; i++) {
        road_junction_data *j = &m->junctions.items[i];
        j->first_controller = m->junction_controllers.count;
        for (; at < m->junction_controls.count && m->junction_controls.items[at].owner == i; at++) {
            int controller = find_id(controllers, m->controllers.count, road_text(m, m->junction_controls.items[at].id));
            int *slot = controller < 0 ? NULL : ROAD_PUSH(m->junction_controllers);
            if (controller < 0)
                continue;
            if (!slot)
                return false;
            *slot = controller;
            j->controller_count++;
        }
    }
    return true;
}

bool road_signals_build(road_map *m, base_error *err)
{
    id_index *signals = sort_ids(m, m->signals.count, signal_id),
             *controllers = sort_ids(m, m->controllers.count, controller_id);
    bool ok = signals && controllers && resolve_uses(m, signals) && resolve_controllers(m, signals, controllers);
    free(signals);
    free(controllers);
    return ok || base_fail(err, BASE_MEMORY, "%s: no memory for signals", m->name);
}

/* ---- Accessors ---- */

static road_signal_kind kind_of(const char *type)
{
    if (strcmp(type, "206") == 0)
        return ROAD_SIGNAL_STOP;
    if (strcmp(type, "205") == 0)
        return ROAD_SIGNAL_YIELD;
    if (strcmp(type, "274") == 0)
        return ROAD_SIGNAL_SPEED_LIMIT;
    if (strcmp(type, "F") == 0 || strcmp(type, "W") == 0 || strcmp(type, "A") == 0)
        return ROAD_SIGNAL_TRAFFIC_LIGHT;
    char *end;
    long n = strtol(type, &end, 10);
    if (end != type && *end == 0 && (n == 1000001 || n == 1000002 || (n >= 1000007 && n <= 1000020)))
        return ROAD_SIGNAL_TRAFFIC_LIGHT;
    return ROAD_SIGNAL_OTHER;
}

int road_signal_count(const road_map *m) { return m->signals.count; }

road_signal road_map_signal(const road_map *m, int signal)
{
    assert(signal >= 0 && signal < m->signals.count);
    const road_signal_data *d = &m->signals.items[signal];
    base_pose p = road_surface_pose(m, d->road, d->s, -d->t, 0);
    p.rotation = (base_rotation){ 0, base_wrap_deg(p.rotation.yaw_deg - BASE_DEG(d->h_offset)), 0 };
    if (d->inertial)
        p = (base_pose){ { d->ix, -d->iy, d->iz }, { 0, base_wrap_deg(-BASE_DEG(d->ih)), 0 } };
    return (road_signal){ .id = road_text(m, d->id),
                          .name = road_text(m, d->name),
                          .type = road_text(m, d->type),
                          .subtype = road_text(m, d->subtype),
                          .country = road_text(m, d->country),
                          .unit = road_text(m, d->unit),
                          .text = road_text(m, d->text),
                          .kind = kind_of(road_text(m, d->type)),
                          .dynamic = d->dynamic,
                          .painted = d->painted,
                          .orientation = d->orientation,
                          .value = d->value,
                          .road = d->road,
                          .s = d->s,
                          .t_m = -d->t,
                          .z_offset_m = d->z_offset,
                          .h_offset_rad = d->h_offset,
                          .pitch_rad = d->pitch,
                          .roll_rad = d->roll,
                          .width_m = d->width,
                          .height_m = d->height,
                          .pose = p };
}

const road_signal_use *road_map_signal_uses(const road_map *m, size_t *count)
{
    *count = (size_t)m->public_uses.count;
    return m->public_uses.items;
}

int road_controller_count(const road_map *m) { return m->controllers.count; }

road_controller road_map_controller(const road_map *m, int controller)
{
    assert(controller >= 0 && controller < m->controllers.count);
    const road_controller_data *c = &m->controllers.items[controller];
    return (road_controller){ road_text(m, c->id), road_text(m, c->name), m->controller_signals.items + c->first_signal,
                              c->signal_count };
}
