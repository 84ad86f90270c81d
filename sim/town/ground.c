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
    *height = hit.point.z;
    return true;
}

int town_cast_ray(const town_world *w, base_vec3 from, base_vec3 to, town_hit *hits, int max_hits)
{
    base_vec3 along = base_vec3_sub(to, from);
    double length = base_vec3_length(along), done = 0;
    int count = 0;
    if (!(length > 0) || !isfinite(length))
        return 0;
    base_vec3 direction = base_vec3_scale(along, 1 / length);
    if (!w->scenery) {
        if (max_hits > 0 && from.z * to.z < 0) {
            hits[0] = (town_hit){ base_vec3_add(from, base_vec3_scale(along, from.z / (from.z - to.z))), SCENE_TAG_ROADS };
            return 1;
        }
        return 0;
    }
    while (count < max_hits && done < length) {
        scene_hit hit;
        base_vec3 origin = base_vec3_add(from, base_vec3_scale(direction, done));
        if (!scene_ray(town_scenery_scene(w->scenery), NULL, 0, origin, direction, length - done, &hit))
            break;
        hits[count++] = (town_hit){ hit.point, hit.tag };
        done += hit.distance_m + 1e-3;
    }
    return count;
}
