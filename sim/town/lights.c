/* Traffic lights and signs: their actors, the boxes in which they act, phases, and which vehicle stands where they act.
 *
 * Phases as CARLA runs them: the controllers of a junction form a group in which one after the other is green for 10 s, yellow
 * for 3 s and red for 2 s while the rest stays red. A light without a controller is a group of its own with 10 s of red.
 * Times belong to the controller, so that a time set on one light holds for all lights of its stage; freezing and
 * resetting concern a light's whole group.
 *
 * Boxes as CARLA places them, one per driving lane that a signal is valid for, flat on the road and 1 m up and down:
 *     light        3 m long (1.5 m half), a quarter of the lane's width to each side, 3 m before the signal along travel; of a
 *                  lane inside a junction whose only predecessor lies outside, on that predecessor
 *     stop, yield  a square of 0.45 lane widths half size, by that much before the signal
 *     speed limit  a square of 0.35 lane widths half size at the signal
 * The smallest box around them in the actor's frame is its trigger volume. Before the first speed sign a vehicle's limit is what
 * the road says, or CARLA's initial 30 km/h. CARLA reads objects named Speed_NN as signs for NN km/h; so does this. */
#include "sim/town/internal.h"
#include <stdlib.h>
#include <string.h>
#include <strings.h>

typedef struct zone { /* a box across a lane */
    scene_box box;
    uint32_t actor;
    road_signal_kind kind;
    float limit_kmh; /* speed signs */
} zone;

typedef struct group {
    int stages, active, phase; /* phase 0 green, 1 yellow, 2 red of the active stage */
    float elapsed_s;
    bool frozen;
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

/* The box of a signal across the lane of `at`, which is where the signal acts. */
static zone zone_at(const road_map *map, road_waypoint at, zone z)
{
    road_waypoint before[2];
    bool inside = road_waypoint_junction(map, &at) >= 0;
    if (z.kind == ROAD_SIGNAL_TRAFFIC_LIGHT && inside && road_waypoint_predecessors(map, &at, before, 2) == 1 &&
        road_waypoint_junction(map, &before[0]) < 0)
        at = before[0];
    double width = fmax(0.04, road_waypoint_width(map, &at)), back_m = 0;
    switch (z.kind) {
    case ROAD_SIGNAL_TRAFFIC_LIGHT:
        z.box.extent = (base_vec3){ 1.5, 0.25 * width, 1 };
        back_m = 3;
        break;
    case ROAD_SIGNAL_SPEED_LIMIT: z.box.extent = (base_vec3){ 0.35 * width, 0.35 * width, 1 }; break;
    default:
        z.box.extent = (base_vec3){ 0.45 * width, 0.45 * width, 1 };
        back_m = 0.45 * width;
        break;
    }
    road_section_info section = road_map_section(map, at.road, at.section);
    double s = at.lane < 0 ? at.s - back_m : at.s + back_m, inset = fmin(1e-5, (section.s1 - section.s0) / 2);
    at.s = fmax(section.s0 + inset, fmin(s, section.s1 - inset));
    z.box.pose = road_waypoint_pose(map, &at);
    return z;
}

static bool add_zones_of(town_world *w, const road_signal_use *use, zone z)
{
    const road_map *map = w->map->road;
    uint32_t road_id = road_map_road(map, use->road).id;
    for (int lane = use->from_lane; lane <= use->to_lane; lane++) {
        road_waypoint at;
        if (lane != 0 && road_waypoint_xodr(map, road_id, lane, fmax(0, use->s - 1e-6), &at) &&
            (road_waypoint_type(map, &at) & ROAD_LANE_DRIVING) && !add_zone(w->signals, zone_at(map, at, z)))
            return false;
    }
    return true;
}

/* The smallest box in the actor's frame around its zones from number `first` on; without zones it keeps its own. */
static void bound_zones(const struct town_signals *t, int first, town_actor *a)
{
    base_vec3 low = { INFINITY, INFINITY, INFINITY }, high = { -INFINITY, -INFINITY, -INFINITY };
    for (int i = first; i < t->zone_count; i++)
        for (int k = 0; k < 8; k++) {
            base_vec3 e = t->zones[i].box.extent, corner = { k & 1 ? e.x : -e.x, k & 2 ? e.y : -e.y, k & 4 ? e.z : -e.z };
            base_vec3 p = base_pose_to_local(&a->pose, base_pose_to_world(&t->zones[i].box.pose, corner));
            low = (base_vec3){ fmin(low.x, p.x), fmin(low.y, p.y), fmin(low.z, p.z) };
            high = (base_vec3){ fmax(high.x, p.x), fmax(high.y, p.y), fmax(high.z, p.z) };
        }
    if (first < t->zone_count)
        a->box = (town_box){ base_vec3_scale(base_vec3_add(low, high), 0.5), base_vec3_scale(base_vec3_sub(high, low), 0.5) };
}

/* ---- actors ---- */

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

/* CARLA's blueprints of lights and signs are turned by 90 degrees: their forward axis lies across the road. */
static base_pose sign_pose(base_pose p)
{
    p.rotation = (base_rotation){ 0, base_wrap_deg(p.rotation.yaw_deg + 90), 0 };
    return p;
}

static town_actor *add_sign(town_world *w, town_kind kind, const char *type_id, base_pose pose, const char *sign_id)
{
    town_actor *a = town_actor_add(w, kind, type_id, sign_pose(pose));
    if (!a)
        return NULL;
    a->sign_id = sign_id;
    a->tag = kind == TOWN_TRAFFIC_LIGHT ? SCENE_TAG_TRAFFIC_LIGHT : SCENE_TAG_TRAFFIC_SIGNS;
    a->box = (town_box){ { 0, 0, 1.25 }, { 0.3, 0.3, 1.25 } };
    return a;
}

static town_actor *add_light(town_world *w, const road_signal *signal, int index, int group_index, int stage, bool alone)
{
    town_light *l = calloc(1, sizeof *l);
    town_actor *a = l ? add_sign(w, TOWN_TRAFFIC_LIGHT, "traffic.traffic_light", signal->pose, signal->id) : NULL;
    if (!a) {
        free(l);
        return NULL;
    }
    *l = (town_light){
        .signal = index, .group = group_index, .stage = stage, .green_s = 10, .yellow_s = 3, .red_s = alone ? 10 : 2
    };
    a->light = l;
    return a;
}

static const char *speed_sign_type(double kmh)
{
    static const char *const types[] = {
        "traffic.speed_limit.30",  "traffic.speed_limit.40",  "traffic.speed_limit.50",  "traffic.speed_limit.60",
        "traffic.speed_limit.70",  "traffic.speed_limit.80",  "traffic.speed_limit.90",  "traffic.speed_limit.100",
        "traffic.speed_limit.110", "traffic.speed_limit.120", "traffic.speed_limit.130",
    };
    int i = (int)(kmh / 10) - 3;
    return kmh >= 30 && kmh <= 130 && fmod(kmh, 10) == 0 ? types[i] : "traffic.unknown";
}

/* The actor of a signal, and its boxes. Signals that are neither light nor sign, and STOP painted on the road, have none. */
static bool add_signal(town_world *w, int index, const int *group_of, const int *stage_of, int controlled)
{
    size_t use_count;
    const road_signal_use *uses = road_map_signal_uses(w->map->road, &use_count);
    road_signal s = road_map_signal(w->map->road, index);
    zone z = { .kind = s.kind };
    town_actor *a = NULL;
    switch (s.kind) {
    case ROAD_SIGNAL_TRAFFIC_LIGHT:
        a = add_light(w, &s, index, group_of[index], stage_of[index], group_of[index] >= controlled);
        break;
    case ROAD_SIGNAL_SPEED_LIMIT:
        z.limit_kmh = sign_kmh(&s);
        if (z.limit_kmh <= 0)
            return true;
        a = add_sign(w, TOWN_TRAFFIC_SIGN, speed_sign_type(z.limit_kmh), s.pose, s.id);
        break;
    case ROAD_SIGNAL_STOP:
        if (!strcmp(s.name, "Stencil_STOP"))
            return true;
        a = add_sign(w, TOWN_TRAFFIC_SIGN, "traffic.stop", s.pose, s.id);
        break;
    case ROAD_SIGNAL_YIELD: a = add_sign(w, TOWN_TRAFFIC_SIGN, "traffic.yield", s.pose, s.id); break;
    case ROAD_SIGNAL_OTHER: return true;
    }
    if (!a)
        return false;
    z.actor = a->id;
    w->signals->has_speed_signs |= z.limit_kmh > 0;
    int first = w->signals->zone_count;
    for (size_t k = 0; k < use_count; k++)
        if (uses[k].signal == index && !add_zones_of(w, &uses[k], z))
            return false;
    bound_zones(w->signals, first, a);
    return true;
}

/* An object named Speed_NN: a sign for the lanes on its side of the road. */
static bool add_speed_object(town_world *w, const road_object *o)
{
    double kmh = strtod(o->name + strlen("Speed_"), NULL);
    if (!(kmh > 0 && kmh < 300))
        return true;
    const road_map *map = w->map->road;
    road_section_info section = road_map_section(map, o->road, road_find_section(map, o->road, o->s));
    road_signal_use use = { .signal = -1, .road = o->road, .s = o->s };
    use.from_lane = o->t_m > 0 ? section.lane_low : 1;
    use.to_lane = o->t_m > 0 ? -1 : section.lane_high;
    base_pose pose = road_surface_pose(map, o->road, o->s, o->t_m, 0);
    pose.rotation.yaw_deg += o->t_m > 0 ? 0 : 180; /* along the travel of those lanes */
    town_actor *a = add_sign(w, TOWN_TRAFFIC_SIGN, speed_sign_type(kmh), pose, o->id);
    if (!a)
        return false;
    zone z = { .actor = a->id, .kind = ROAD_SIGNAL_SPEED_LIMIT, .limit_kmh = (float)kmh };
    int first = w->signals->zone_count;
    w->signals->has_speed_signs = true;
    if (!add_zones_of(w, &use, z))
        return false;
    bound_zones(w->signals, first, a);
    return true;
}

static bool is_speed_object(const road_object *o) { return !strncasecmp(o->name, "Speed_", strlen("Speed_")); }

/* Lights of a group are numbered in the order of their stages. */
static void number_poles(town_world *w)
{
    for (int i = 0; i < w->actor_count; i++) {
        town_light *l = w->actors[i]->light;
        for (int k = 0; l && k < w->actor_count; k++) {
            const town_light *other = w->actors[k]->light;
            if (other && other->group == l->group && (other->stage < l->stage || (other->stage == l->stage && k < i)))
                l->pole_index++;
        }
    }
}

static bool create_actors(town_world *w, const road_map *map, int signal_count, int *group_of, int *stage_of, int *stages)
{
    int group_count = 0;
    for (int i = 0; i < signal_count; i++)
        group_of[i] = -1;
    assign_groups(map, group_of, stage_of, stages, &group_count);
    int controlled = group_count;
    for (int i = 0; i < signal_count; i++) {
        if (group_of[i] < 0 && road_map_signal(map, i).kind == ROAD_SIGNAL_TRAFFIC_LIGHT) {
            group_of[i] = group_count;
            stages[group_count++] = 1;
        }
        if (!add_signal(w, i, group_of, stage_of, controlled))
            return false;
    }
    for (int i = 0; i < road_object_count(map); i++) {
        road_object o = road_map_object(map, i);
        if (is_speed_object(&o) && !add_speed_object(w, &o))
            return false;
    }
    number_poles(w);
    w->signals->groups = calloc((size_t)(group_count ? group_count : 1), sizeof *w->signals->groups);
    if (!w->signals->groups)
        return false;
    w->signals->group_count = group_count;
    for (int i = 0; i < group_count; i++)
        w->signals->groups[i].stages = stages[i];
    return true;
}

static bool has_signals(const road_map *map)
{
    for (int i = 0; i < road_object_count(map); i++) {
        road_object o = road_map_object(map, i);
        if (is_speed_object(&o))
            return true;
    }
    return road_signal_count(map) > 0;
}

bool town_lights_create(town_world *w, base_error *err)
{
    w->signals = NULL;
    if (!w->map || !has_signals(w->map->road))
        return true;
    int signal_count = road_signal_count(w->map->road), groups_max = signal_count + road_junction_count(w->map->road);
    w->signals = calloc(1, sizeof *w->signals);
    int *scratch = calloc((size_t)(2 * signal_count + groups_max + 1), sizeof *scratch);
    bool ok = w->signals && scratch &&
              create_actors(w, w->map->road, signal_count, scratch, scratch + signal_count, scratch + 2 * signal_count);
    free(scratch);
    if (!ok)
        return base_fail(err, BASE_MEMORY, "out of memory for %d signals, or more than %d actors", signal_count,
                         TOWN_ACTORS_MAX);
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

/* Phases of no length are passed through one per tick, as in CARLA: a cycle of nothing but those would not end. */
static bool advance(const town_world *w, int index, group *g, double dt_s)
{
    bool changed = false;
    g->elapsed_s += (float)dt_s;
    for (float length; g->elapsed_s >= (length = phase_length(w, index, g));) {
        g->elapsed_s -= length;
        changed = true;
        if (++g->phase == 3) {
            g->phase = 0;
            g->active = (g->active + 1) % g->stages;
        }
        if (length <= 0)
            break;
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
        if (z->kind == ROAD_SIGNAL_SPEED_LIMIT)
            vehicle->speed_limit_kmh = z->limit_kmh;
        if (z->kind != ROAD_SIGNAL_TRAFFIC_LIGHT)
            continue;
        const town_actor *light = town_actor_find(w, z->actor);
        vehicle->light_id = z->actor;
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
        if (!t->groups[i].frozen && (advance(w, i, &t->groups[i], dt_s) || dt_s == 0))
            show_phases(w, i);
    for (int i = 0; i < w->actor_count; i++) {
        town_actor *a = w->actors[i];
        if (a->light) {
            const group *g = &t->groups[a->light->group];
            a->light->elapsed_s =
                a->light->stage == g->active ? g->elapsed_s : 0; /* a controller's clock stands while it waits */
            a->light->frozen = g->frozen;
        }
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
    if (!a || !a->light || isinf(green_s) || isinf(yellow_s) || isinf(red_s))
        return false;
    for (int i = 0; i < w->actor_count; i++) { /* the times belong to the controller: all lights of the stage */
        town_light *l = w->actors[i]->light;
        if (!l || l->group != a->light->group || l->stage != a->light->stage)
            continue;
        if (green_s >= 0)
            l->green_s = green_s;
        if (yellow_s >= 0)
            l->yellow_s = yellow_s;
        if (red_s >= 0)
            l->red_s = red_s;
    }
    return true;
}

static void reset_group(town_world *w, int index)
{
    group *g = &w->signals->groups[index];
    g->active = g->phase = 0;
    g->elapsed_s = 0;
    show_phases(w, index);
}

void town_lights_freeze(town_world *w, bool frozen)
{
    for (int i = 0; w->signals && i < w->signals->group_count; i++)
        w->signals->groups[i].frozen = frozen;
}

void town_lights_reset(town_world *w)
{
    for (int i = 0; w->signals && i < w->signals->group_count; i++)
        reset_group(w, i);
}

bool town_light_freeze(town_world *w, uint32_t id, bool frozen)
{
    const town_actor *a = town_actor_find(w, id);
    if (!a || !a->light)
        return false;
    w->signals->groups[a->light->group].frozen = frozen;
    return true;
}

bool town_light_group_reset(town_world *w, uint32_t id)
{
    const town_actor *a = town_actor_find(w, id);
    if (!a || !a->light)
        return false;
    reset_group(w, a->light->group);
    return true;
}

int town_light_heads(const town_world *w, uint32_t id, town_placed_box *boxes, int capacity)
{
    const town_actor *a = town_actor_find(w, id);
    town_placed_box head;
    if (!a || !a->light || !town_scenery_light_box(w->scenery, a->light->signal, &head.pose, &head.extent))
        return 0;
    if (capacity > 0)
        boxes[0] = head;
    return 1;
}

int town_light_group(const town_world *w, uint32_t id, uint32_t *ids, int capacity)
{
    const town_actor *a = town_actor_find(w, id);
    int count = 0;
    for (int i = 0; a && a->light && i < w->actor_count; i++) {
        const town_light *l = w->actors[i]->light;
        if (!l || l->group != a->light->group)
            continue;
        if ((int)l->pole_index < capacity)
            ids[l->pole_index] = w->actors[i]->id;
        count++;
    }
    return count;
}
