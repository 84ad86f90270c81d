/* The ground under things, and rays through the static world. */
#include "sim/town/internal.h"

#define BIT(TAG) (1u << (TAG))
static const uint32_t walkable = BIT(SCENE_TAG_ROADS) | BIT(SCENE_TAG_ROAD_LINE) | BIT(SCENE_TAG_SIDEWALKS) |
                                 BIT(SCENE_TAG_TERRAIN) | BIT(SCENE_TAG_GROUND) | BIT(SCENE_TAG_BRIDGE) |
                                 BIT(SCENE_TAG_RAIL_TRACK);

/* A wheel climbs what is at most this much above it; above that it stands beside it. */
#define STEP_UP_M 1.0

bool town_ground_at(const town_world *w, double x, double y, double z, double *height)
{
    if (!w->scenery) {
        *height = 0;
        return true;
    }
    scene_hit hit;
    if (!scene_ground(town_scenery_scene(w->scenery), x, y, z + STEP_UP_M, walkable, &hit))
        return false;
    *height = hit.point.z - town_scenery_sheet_m(w->scenery, hit.instance);
    return true;
}

/* A ray through a tree's leaves meets many triangles of one thing. */
#define STEPS_MAX 4096
#define STEP_M    1e-3

static bool is_known(const town_hit *hits, int count, const town_hit *h)
{
    for (int i = 0; i < count; i++)
        if (h->body && hits[i].body == h->body && hits[i].is_actor == h->is_actor)
            return true;
    return false;
}

int town_cast_ray(town_world *w, base_vec3 from, base_vec3 to, town_hit *hits, int max_hits)
{
    base_vec3 along = base_vec3_sub(to, from);
    double length = base_vec3_length(along), done = 0;
    int count = 0;
    if (!(length > 0) || !isfinite(length) || max_hits <= 0)
        return 0;
    base_vec3 direction = base_vec3_scale(along, 1 / length);
    if (!w->scenery) {
        if (from.z * to.z >= 0)
            return 0;
        hits[0] =
            (town_hit){ base_vec3_add(from, base_vec3_scale(along, from.z / (from.z - to.z))), SCENE_TAG_ROADS, 0, false };
        return 1;
    }
    if (!town_shown_update(w, NULL))
        w->shown.count = 0; /* out of memory: the scenery alone */
    for (int step = 0; step < STEPS_MAX && count < max_hits && done <= length; step++) {
        scene_hit hit;
        base_vec3 origin = base_vec3_add(from, base_vec3_scale(direction, done));
        if (!scene_ray(town_scenery_scene(w->scenery), w->shown.instances, w->shown.count, origin, direction, length - done,
                       &hit))
            break;
        done += hit.distance_m;
        town_hit h = { base_vec3_add(from, base_vec3_scale(direction, done)), hit.tag, hit.instance, hit.dynamic >= 0 };
        if (!is_known(hits, count, &h))
            hits[count++] = h;
        done += STEP_M;
    }
    return count;
}
