/* Signals, controllers, junctions and objects: ids resolved to indices, places turned into poses. */
#include "sim/road/road_map.h"
#include <assert.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static const char *text_at(const road_map *m, size_t offset) { return m->text.items + offset; }

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
        list[i] = (id_index){ text_at(m, id_of(m, i)), i };
    if (list)
        qsort(list, (size_t)count, sizeof *list, compare_id);
    return list;
}
static size_t signal_id(const road_map *m, int i) { return m->signals.items[i].id; }
static size_t controller_id(const road_map *m, int i) { return m->controllers.items[i].id; }

/* Which road carries lanes low..high at s; used where a signal names no lanes. */
static void lanes_by_orientation(const road_map *m, road_signal_use *u, road_orientation o)
{
    const road_road *r = &m->roads.items[u->road];
    const road_section *sec = &m->sections.items[r->first_section + road_find_section(m, u->road, u->s)];
    u->from_lane = o == ROAD_ORIENTATION_PLUS ? (sec->high > 0 ? 1 : 0) : sec->low;
    u->to_lane = o == ROAD_ORIENTATION_MINUS ? (sec->low < 0 ? -1 : 0) : sec->high;
}

static bool resolve_uses(road_map *m, const id_index *signals)
{
    for (int i = 0; i < m->uses.count; i++) {
        const road_use_data *d = &m->uses.items[i];
        int signal = d->signal >= 0 ? d->signal : find_id(signals, m->signals.count, text_at(m, d->signal_id));
        if (signal < 0) {
            m->dropped_links++;
            continue;
        }
        road_signal_use *u = ROAD_PUSH(m->public_uses);
        if (!u)
            return false;
        *u = (road_signal_use){ signal, d->road, d->s, d->from, d->to, d->reference };
        if (!d->valid)
            lanes_by_orientation(m, u, d->orientation);
    }
    return true;
}

static bool resolve_controllers(road_map *m, const id_index *signals, const id_index *controllers)
{
    for (int i = 0, at = 0; i < m->controllers.count; i++) {
        road_controller_data *c = &m->controllers.items[i];
        c->first_signal = m->controller_signals.count;
        for (; at < m->controls.count && m->controls.items[at].owner == i; at++) {
            int signal = find_id(signals, m->signals.count, text_at(m, m->controls.items[at].id));
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
            int controller = find_id(controllers, m->controllers.count, text_at(m, m->junction_controls.items[at].id));
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

/* Corners into the world. The first corner is often repeated at the end: drop it there. */
static bool place_outlines(road_map *m)
{
    for (int i = 0; i < m->corners.count; i++)
        if (!ROAD_PUSH(m->outlines))
            return false;
    for (int i = 0; i < m->objects.count; i++) {
        road_object_data *o = &m->objects.items[i];
        base_pose p = road_surface_pose(m, o->road, o->s, -o->t, o->z_offset);
        double yaw = BASE_RAD(p.rotation.yaw_deg) - o->heading;
        for (int k = 0; k < o->corner_count; k++) {
            const road_corner *c = &m->corners.items[o->first_corner + k];
            base_vec3 *w = &m->outlines.items[o->first_corner + k];
            if (c->on_road)
                *w = road_surface_pose(m, o->road, c->u, -c->v, c->z).location;
            else /* v is to the left: -v to the right */
                *w = (base_vec3){ p.location.x + c->u * cos(yaw) + c->v * sin(yaw),
                                  p.location.y + c->u * sin(yaw) - c->v * cos(yaw), p.location.z + c->z };
        }
        if (o->corner_count > 1) {
            base_vec3 *w = &m->outlines.items[o->first_corner];
            if (base_vec3_length(base_vec3_sub(w[0], w[o->corner_count - 1])) < 1e-3)
                o->corner_count--;
        }
    }
    return true;
}

static void box_junctions(road_map *m)
{
    for (int i = 0; i < m->junctions.count; i++) {
        road_junction_data *j = &m->junctions.items[i];
        j->low = (base_vec3){ INFINITY, INFINITY, INFINITY };
        j->high = (base_vec3){ -INFINITY, -INFINITY, -INFINITY };
    }
    for (int i = 0; i < m->pieces.count; i++) {
        const road_piece *q = &m->pieces.items[i];
        const road_section *sec = &m->sections.items[m->lanes.items[q->lane].section];
        const road_road *r = &m->roads.items[sec->road];
        if (r->junction < 0)
            continue;
        road_junction_data *j = &m->junctions.items[r->junction];
        double half = road_width_at(m, &m->lanes.items[q->lane], q->sa) / 2;
        base_vec3 ends[2] = { q->a, q->b };
        for (int k = 0; k < 2; k++) {
            j->low =
                (base_vec3){ fmin(j->low.x, ends[k].x - half), fmin(j->low.y, ends[k].y - half), fmin(j->low.z, ends[k].z) };
            j->high =
                (base_vec3){ fmax(j->high.x, ends[k].x + half), fmax(j->high.y, ends[k].y + half), fmax(j->high.z, ends[k].z) };
        }
    }
    for (int i = 0; i < m->junctions.count; i++)
        if (m->junctions.items[i].low.x > m->junctions.items[i].high.x)
            m->junctions.items[i].low = m->junctions.items[i].high = (base_vec3){ 0, 0, 0 };
}

bool road_signals_build(road_map *m, base_error *err)
{
    id_index *signals = sort_ids(m, m->signals.count, signal_id),
             *controllers = sort_ids(m, m->controllers.count, controller_id);
    bool ok =
        signals && controllers && resolve_uses(m, signals) && resolve_controllers(m, signals, controllers) && place_outlines(m);
    free(signals);
    free(controllers);
    if (!ok)
        return base_fail(err, BASE_MEMORY, "%s: no memory for signals and objects", m->name);
    for (int i = 0; i < m->objects.count; i++)
        for (char *c = m->text.items + m->objects.items[i].type; *c; c++)
            *c = (char)tolower((unsigned char)*c);
    box_junctions(m);
    return true;
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
    return (road_signal){ .id = text_at(m, d->id),
                          .name = text_at(m, d->name),
                          .type = text_at(m, d->type),
                          .subtype = text_at(m, d->subtype),
                          .country = text_at(m, d->country),
                          .unit = text_at(m, d->unit),
                          .kind = kind_of(text_at(m, d->type)),
                          .dynamic = d->dynamic,
                          .orientation = d->orientation,
                          .value = d->value,
                          .road = d->road,
                          .s = d->s,
                          .t_m = -d->t,
                          .z_offset_m = d->z_offset,
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
    return (road_controller){ text_at(m, c->id), text_at(m, c->name), m->controller_signals.items + c->first_signal,
                              c->signal_count };
}

int road_junction_count(const road_map *m) { return m->junctions.count; }

road_junction road_map_junction(const road_map *m, int junction)
{
    assert(junction >= 0 && junction < m->junctions.count);
    const road_junction_data *j = &m->junctions.items[junction];
    return (road_junction){ .id = (int)j->id,
                            .name = text_at(m, j->name),
                            .roads = m->junction_roads.items + j->first_road,
                            .road_count = j->road_count,
                            .controllers = m->junction_controllers.items + j->first_controller,
                            .controller_count = j->controller_count,
                            .low = j->low,
                            .high = j->high };
}

int road_object_count(const road_map *m) { return m->objects.count; }

road_object road_map_object(const road_map *m, int object)
{
    assert(object >= 0 && object < m->objects.count);
    const road_object_data *o = &m->objects.items[object];
    base_pose p = road_surface_pose(m, o->road, o->s, -o->t, o->z_offset);
    p.rotation = (base_rotation){ 0, base_wrap_deg(p.rotation.yaw_deg - BASE_DEG(o->heading)), 0 };
    return (road_object){ .id = text_at(m, o->id),
                          .name = text_at(m, o->name),
                          .type = text_at(m, o->type),
                          .road = o->road,
                          .s = o->s,
                          .t_m = -o->t,
                          .pose = p,
                          .length_m = o->length,
                          .width_m = o->width,
                          .height_m = o->height,
                          .outline = m->outlines.items + o->first_corner,
                          .outline_count = o->corner_count };
}
