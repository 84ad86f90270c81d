/* Traffic lights and speed signs: phases, and which vehicle stands where they act.
 *
 * Phases as CARLA runs them: the controllers of a junction form a group in which one after the other is green for 10 s, yellow
 * for 3 s and red for 2 s while the rest stays red. A light without a controller is a group of its own with 10 s of red.
 *
 * A light acts in boxes 3 m long (CARLA: 1.5 m half length, a quarter of the lane's width to each side, 3 m before the signal's
 * place along travel), one per driving lane it is valid for. Speed signs act in a box at their place; before the first
 * sign a vehicle's limit is what the road says, or CARLA's initial 30 km/h. */
#include "sim/town/internal.h"
#include <stdlib.h>
#include <string.h>

typedef struct zone { /* a box across a lane */
    scene_box box;
    uint32_t light; /* actor; 0: a speed sign */
    float limit_kmh;
} zone;

typedef struct group {
    int stages, active, phase; /* phase 0 green, 1 yellow, 2 red of the active stage */
    float elapsed_s;
} group;

struct town_signals {
    zone *zones;
    int zone_count, zone_capacity;
    group *groups;
    int group_count;
    bool has_speed_signs;
};

static bool add_zone(struct town_signals *t, zone z)
{
    if (t->zone_count == t->zone_capacity) {
        int capacity = t->zone_capacity ? 2 * t->zone_capacity : 64;
        zone *more = realloc(t->zones, (size_t)capacity * sizeof *more);
        if (!more)
            return false;
        t->zones = more;
        t->zone_capacity = capacity;
    }
    t->zones[t->zone_count++] = z;
    return true;
}

static float sign_kmh(const road_signal *s)
{
    double value = s->value > 0 ? s->value : strtod(s->subtype, NULL);
    if (!(value > 0 && value < 300))
        value = 0;
    return (float)value; /* as written: CARLA does not convert units */
}

static bool add_zones_of(town_world *w, const road_signal_use *use, uint32_t light, float limit_kmh)
{
    const road_map *map = w->map->road;
    uint32_t road_id = road_map_road(map, use->road).id;
    for (int lane = use->from_lane; lane <= use->to_lane; lane++) {
        road_waypoint at, places[4];
        if (lane == 0 || !road_waypoint_xodr(map, road_id, lane, fmax(0, use->s - 1e-6), &at) ||
            !(road_waypoint_type(map, &at) & ROAD_LANE_DRIVING))
            continue;
        int count = 1;
        places[0] = at;
        if (light) {
            count = road_waypoint_previous(map, &at, 3.0, places, 4);
            if (count > 4)
                count = 4;
        }
        for (int i = 0; i < count; i++) {
            double width = road_waypoint_width(map, &places[i]);
            zone z = { { road_waypoint_pose(map, &places[i]), { 1.5, 0.25 * width, 1.0 } }, light, limit_kmh };
            if (!light)
                z.box.extent.x = z.box.extent.y = 0.35 * width;
            z.box.pose.location.z += 1;
            if (!add_zone(w->signals, z))
                return false;
        }
    }
    return true;
}

/* Group and stage of every signal that a controller of a junction holds. */
static void assign_groups(const road_map *map, int *group_of, int *stage_of, int *stages, int *group_count)
{
    for (int j = 0; j < road_junction_count(map); j++) {
        road_junction junction = road_map_junction(map, j);
        int stage = 0;
        for (int k = 0; k < junction.controller_count; k++) {
            road_controller controller = road_map_controller(map, junction.controllers[k]);
            bool used = false;
            for (int i = 0; i < controller.signal_count; i++)
                if (group_of[controller.signals[i]] < 0) {
                    group_of[controller.signals[i]] = *group_count;
                    stage_of[controller.signals[i]] = stage;
                    used = true;
                }
            stage += used;
        }
        if (stage > 0)
            stages[(*group_count)++] = stage;
    }
}

static bool add_light(town_world *w, const road_signal *signal, int index, int group_index, int stage, bool alone, uint32_t *id)
{
    base_pose pose = signal->pose;
    pose.rotation = (base_rotation){ 0, base_wrap_deg(pose.rotation.yaw_deg + 90), 0 };
    town_actor *a = town_actor_add(w, TOWN_TRAFFIC_LIGHT, "traffic.traffic_light", pose);
    town_light *l = a ? calloc(1, sizeof *l) : NULL;
    if (!l)
        return false;
    *l = (town_light){ .signal = index,
                       .group = group_index,
                       .stage = stage,
                       .green_s = 10,
                       .yellow_s = 3,
                       .red_s = alone ? 10 : 2,
                       .sign_id = signal->id,
                       .pole_index = (uint32_t)stage };
    a->light = l;
    a->tag = SCENE_TAG_TRAFFIC_LIGHT;
    a->box = (town_box){ { 0, 0, 2.5 }, { 0.3, 0.3, 2.5 } };
    *id = a->id;
    return true;
}

static bool create_lights(town_world *w, const road_map *map, int signal_count, int *group_of, int *stage_of, int *stages)
{
    size_t use_count;
    const road_signal_use *uses = road_map_signal_uses(map, &use_count);
    int group_count = 0;
    for (int i = 0; i < signal_count; i++)
        group_of[i] = -1;
    assign_groups(map, group_of, stage_of, stages, &group_count);
    int controlled = group_count;
    for (int i = 0; i < signal_count; i++) {
        road_signal signal = road_map_signal(map, i);
        uint32_t id = 0;
        float limit = signal.kind == ROAD_SIGNAL_SPEED_LIMIT ? sign_kmh(&signal) : 0;
        if (signal.kind == ROAD_SIGNAL_TRAFFIC_LIGHT) {
            if (group_of[i] < 0) {
                group_of[i] = group_count;
                stages[group_count++] = 1;
            }
            if (!add_light(w, &signal, i, group_of[i], stage_of[i], group_of[i] >= controlled, &id))
                return false;
        } else if (limit <= 0) {
            continue;
        }
        w->signals->has_speed_signs |= limit > 0;
        for (size_t k = 0; k < use_count; k++)
            if (uses[k].signal == i && !add_zones_of(w, &uses[k], id, limit))
                return false;
    }
    w->signals->groups = calloc((size_t)(group_count ? group_count : 1), sizeof *w->signals->groups);
    if (!w->signals->groups)
        return false;
    w->signals->group_count = group_count;
    for (int i = 0; i < group_count; i++)
        w->signals->groups[i].stages = stages[i];
    return true;
}

bool town_lights_create(town_world *w, base_error *err)
{
    int signal_count = w->map ? road_signal_count(w->map->road) : 0;
    w->signals = NULL;
    if (signal_count == 0)
        return true;
    w->signals = calloc(1, sizeof *w->signals);
    int groups_max = signal_count + road_junction_count(w->map->road);
    int *scratch = calloc((size_t)(2 * signal_count + groups_max), sizeof *scratch);
    bool ok = w->signals && scratch &&
              create_lights(w, w->map->road, signal_count, scratch, scratch + signal_count, scratch + 2 * signal_count);
    free(scratch);
    if (!ok)
        return base_fail(err, BASE_MEMORY, "out of memory for %d signals", signal_count);
    town_lights_tick(w, 0);
    return true;
}

void town_lights_destroy(town_world *w)
{
    if (!w->signals)
        return;
    free(w->signals->zones);
    free(w->signals->groups);
    free(w->signals);
    w->signals = NULL;
}

/* ---- phases ---- */

static float phase_length(const town_world *w, int group_index, const group *g)
{
    for (int i = 0; i < w->actor_count; i++) {
        const town_light *l = w->actors[i]->light;
        if (l && l->group == group_index && l->stage == g->active)
            return g->phase == 0 ? l->green_s : g->phase == 1 ? l->yellow_s : l->red_s;
    }
    return 1;
}

static bool advance(const town_world *w, int index, group *g, double dt_s)
{
    bool changed = false;
    g->elapsed_s += (float)dt_s;
    for (int guard = 0; guard < 100 && g->elapsed_s >= phase_length(w, index, g); guard++) {
        g->elapsed_s -= phase_length(w, index, g);
        changed = true;
        if (++g->phase == 3) {
            g->phase = 0;
            g->active = (g->active + 1) % g->stages;
        }
    }
    return changed;
}

static void show_phases(town_world *w, int group_index)
{
    const group *g = &w->signals->groups[group_index];
    static const int state_of_phase[3] = { 2, 1, 0 };
    for (int i = 0; i < w->actor_count; i++) {
        town_light *l = w->actors[i]->light;
        if (l && l->group == group_index)
            l->state = l->stage == g->active ? state_of_phase[g->phase] : 0;
    }
}

static void look_around(const town_world *w, town_actor *vehicle)
{
    scene_box mine = town_box_in_world(&vehicle->pose, &vehicle->box);
    vehicle->light_id = 0;
    vehicle->light_state = 2;
    for (int i = 0; i < w->signals->zone_count; i++) {
        const zone *z = &w->signals->zones[i];
        base_vec3 d = base_vec3_sub(z->box.pose.location, mine.pose.location);
        double turn = fabs(base_wrap_deg(z->box.pose.rotation.yaw_deg - vehicle->pose.rotation.yaw_deg));
        if (fabs(d.x) > 20 || fabs(d.y) > 20 || turn > 90 || !scene_boxes_overlap(&z->box, &mine))
            continue;
        if (!z->light) {
            vehicle->speed_limit_kmh = z->limit_kmh;
            continue;
        }
        const town_actor *light = town_actor_find(w, z->light);
        vehicle->light_id = z->light;
        vehicle->light_state = light && light->light ? light->light->state : 2;
    }
}

static void limit_from_road(const town_world *w, town_actor *vehicle)
{
    road_waypoint at;
    if (!road_waypoint_at(w->map->road, vehicle->pose.location, ROAD_LANE_DRIVING, true, &at))
        return;
    double limit = road_waypoint_speed_limit(w->map->road, &at);
    if (limit > 0)
        vehicle->speed_limit_kmh = (float)(3.6 * limit);
}

void town_lights_tick(town_world *w, double dt_s)
{
    struct town_signals *t = w->signals;
    for (int i = 0; t && i < t->group_count; i++)
        if (!w->lights_frozen && (advance(w, i, &t->groups[i], dt_s) || dt_s == 0))
            show_phases(w, i);
    for (int i = 0; i < w->actor_count; i++) {
        town_actor *a = w->actors[i];
        if (a->light)
            a->light->elapsed_s = t->groups[a->light->group].elapsed_s;
        if (a->kind != TOWN_VEHICLE)
            continue;
        if (t)
            look_around(w, a);
        if (w->map && !(t && t->has_speed_signs))
            limit_from_road(w, a);
    }
}

bool town_light_state_set(town_world *w, uint32_t id, int state)
{
    town_actor *a = town_actor_find(w, id);
    if (!a || !a->light || state < 0 || state > 4)
        return false;
    a->light->state = state;
    return true;
}

bool town_light_times_set(town_world *w, uint32_t id, float green_s, float yellow_s, float red_s)
{
    town_actor *a = town_actor_find(w, id);
    if (!a || !a->light)
        return false;
    for (int i = 0; i < w->actor_count; i++) { /* the times belong to the controller: all lights of the stage */
        town_light *l = w->actors[i]->light;
        if (!l || l->group != a->light->group || l->stage != a->light->stage)
            continue;
        if (green_s >= 0)
            l->green_s = fmaxf(green_s, 0.1f);
        if (yellow_s >= 0)
            l->yellow_s = fmaxf(yellow_s, 0.1f);
        if (red_s >= 0)
            l->red_s = fmaxf(red_s, 0.1f);
    }
    return true;
}

void town_lights_freeze(town_world *w, bool frozen) { w->lights_frozen = frozen; }

void town_lights_reset(town_world *w)
{
    for (int i = 0; w->signals && i < w->signals->group_count; i++) {
        w->signals->groups[i].active = w->signals->groups[i].phase = 0;
        w->signals->groups[i].elapsed_s = 0;
        show_phases(w, i);
    }
}

int town_light_group(const town_world *w, uint32_t id, uint32_t *ids, int capacity)
{
    const town_actor *a = town_actor_find(w, id);
    int count = 0;
    for (int i = 0; a && a->light && i < w->actor_count; i++)
        if (w->actors[i]->light && w->actors[i]->light->group == a->light->group) {
            if (count < capacity)
                ids[count] = w->actors[i]->id;
            count++;
        }
    return count;
}
