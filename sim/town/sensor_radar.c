/* Radar and obstacle sensor, as CARLA 0.9.13 - 0.9.16 model them (Radar.cpp, ObstacleDetectionSensor.cpp).
 *
 * Radar: points_per_second dt rays to random places of an ellipse that spans the two fields of view at `range`, denser in the
 * middle; each return has the speed at which its target moves away along the ray (CARLA's manual calls it the speed towards the
 * sensor; its code and its clients count distance that grows as positive).
 *
 * Obstacle: a ball of hit_radius rolls `distance` metres ahead; what it touches first, the parent aside, is one event. With
 * only_dynamics it passes through scenery. debug_linetrace draws in CARLA's window and does nothing here. */
#include "sim/town/sense.h"
#include <stdlib.h>

typedef struct sweep_of_rays {
    const town_world *world;
    const town_actor *sensor;
    const scene_rays *rays;
    base_mat3 turn;
    int count;
    town_radar_detection *out; /* depth 0: no return */
} sweep_of_rays;

enum { RAYS_PER_ITEM = 256 };

static base_vec3 velocity_of(const town_world *w, const scene_hit *hit)
{
    const town_actor *a = hit->dynamic >= 0 ? town_actor_find(w, hit->instance) : NULL;
    return a ? a->velocity : (base_vec3){ 0, 0, 0 };
}

static void trace(void *user, int item, int worker)
{
    (void)worker;
    const sweep_of_rays *s = user;
    const town_radar *radar = &s->sensor->sense->is.radar;
    double reach_y = tan(BASE_RAD(radar->horizontal_deg) / 2), reach_z = tan(BASE_RAD(radar->vertical_deg) / 2);
    base_random r = town_sense_random(s->world, s->sensor, "radar", (uint64_t)item);
    for (int i = item * RAYS_PER_ITEM; i < (item + 1) * RAYS_PER_ITEM && i < s->count; i++) {
        double radius = base_random_uniform(&r), angle = 2 * BASE_PI * base_random_uniform(&r);
        base_vec3 end = { 1, reach_y * radius * cos(angle), reach_z * radius * sin(angle) }; /* in units of the range */
        double length = base_vec3_length(end);
        base_vec3 world = base_mat3_apply(&s->turn, base_vec3_scale(end, 1 / length));
        scene_hit hit;
        s->out[i].depth_m = 0;
        if (!scene_rays_hit(s->rays, s->sensor->pose.location, world, radar->range_m * length, &hit) || !(hit.distance_m > 0))
            continue;
        base_vec3 relative = base_vec3_sub(velocity_of(s->world, &hit), s->sensor->velocity);
        s->out[i] = (town_radar_detection){ (float)base_vec3_dot(relative, world), (float)atan2(end.y, end.x),
                                            (float)asin(end.z / length), (float)hit.distance_m };
    }
}

bool town_radar_measure(town_world *w, town_actor *sensor, const scene_rays *rays, const town_sink *sink, base_error *err)
{
    struct town_sense *sense = sensor->sense;
    int count = (int)fmin(sense->is.radar.points_per_second * w->delta_s + 1e-9, TOWN_POINTS_MAX);
    if (!town_sense_room(sense, ((size_t)count + 1) * sizeof(town_radar_detection), err))
        return false;
    town_radar_detection *out = sense->items;
    sweep_of_rays s = { w, sensor, rays, base_rotation_matrix(sensor->pose.rotation), count, out };
    base_pool_run(w->options.pool, (count + RAYS_PER_ITEM - 1) / RAYS_PER_ITEM, trace, &s);
    town_measurement m = town_measurement_of(w, sensor);
    for (int i = 0; i < count; i++)
        if (out[i].depth_m > 0)
            out[m.item_count++] = out[i];
    m.detections = out;
    sink->measurement(sink->user, &m);
    return true;
}

/* ---- obstacle ---- */

typedef struct obstacle_search {
    const town_world *world;
    uint32_t parent;
} obstacle_search;

static bool is_parent(void *user, int instance)
{
    const obstacle_search *s = user;
    return s->parent && s->world->shown.instances[instance].id == s->parent;
}

bool town_obstacle_measure(town_world *w, town_actor *sensor, const scene_rays *rays, const town_sink *sink)
{
    const town_obstacle *o = &sensor->sense->is.obstacle;
    base_vec3 from = sensor->pose.location;
    base_vec3 to = base_pose_to_world(&sensor->pose, (base_vec3){ o->distance_m, 0, 0 });
    obstacle_search search = { w, sensor->parent };
    scene_hit hit;
    if (!scene_rays_sweep(rays, from, to, o->radius_m, !o->only_dynamics, is_parent, &search, &hit))
        return true;
    town_measurement m = town_measurement_of(w, sensor);
    char type[64];
    town_scenery_type(type, sizeof type, hit.tag);
    const town_actor *other = hit.dynamic >= 0 ? town_actor_find(w, hit.instance) : NULL;
    m.actor_id = sensor->id;
    m.other_id = other ? other->id : 0;
    m.other_type = other ? other->type_id : type;
    m.other_tag = hit.tag;
    m.distance_m = (float)hit.distance_m;
    sink->measurement(sink->user, &m);
    return true;
}
