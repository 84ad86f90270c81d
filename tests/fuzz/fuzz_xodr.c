/* Any bytes as OpenDRIVE: an error or a map that answers queries with finite numbers. */
#include "sim/road/road.h"
#include <math.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

/* What only CARLA's clients ask. */
static void as_carla(const road_map *m, base_vec3 at)
{
    road_waypoint w, found[8];
    road_landmark_ahead ahead[8];
    base_vec3 corners[16];
    int group[8];
    for (int k = 0; k < road_landmark_count(m) && k < 8; k++) {
        road_landmark l = road_map_landmark(m, k);
        (void)road_signal_place(m, l.signal, 13 + k % 4);
        road_landmark_group(m, k, group, 8);
    }
    for (int release = 15; release <= 16; release++) {
        road_map_crosswalks(m, release, corners, 16);
        (void)road_map_location(m, release, road_map_geolocation(m, release, at));
    }
    road_map_waypoints(m, 50, found, 8);
    road_carla_index *x = road_carla_index_create(m, NULL);
    if (x && road_carla_waypoint_at(x, at, ROAD_LANE_ANY, true, &w)) {
        if (!isfinite(w.s) || !isfinite(road_waypoint_pose(m, &w).location.x))
            abort();
        road_waypoint_landmarks(m, &w, 100, false, ahead, 8);
        road_waypoint_until_end(m, &w, 5, found, 8);
        road_waypoint_until_start(m, &w, 5, found, 8);
    }
    road_carla_index_destroy(x);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    road_map *m = road_map_parse((const char *)data, bytes, "fuzz", NULL, NULL);
    if (!m)
        return 0;
    road_map_info i = road_map_describe(m);
    road_waypoint w, next[8];
    base_vec3 at = { (i.low.x + i.high.x) / 2, (i.low.y + i.high.y) / 2, 0 };
    if (road_waypoint_at(m, at, ROAD_LANE_ANY, true, &w)) {
        base_pose p = road_waypoint_pose(m, &w);
        road_mark left, right;
        if (!isfinite(p.location.x) || !isfinite(p.rotation.yaw_deg))
            abort();
        road_waypoint_marks(m, &w, &left, &right);
        road_waypoint_next(m, &w, 30, next, 8);
        road_waypoint_previous(m, &w, 30, next, 8);
        road_route r;
        if (road_route_follow(m, &w, 100, 1, 1, &r, NULL))
            road_route_free(&r);
        road_waypoint keys[2] = { w, w };
        if (road_route_find(m, keys, 2, 5, &r, NULL))
            road_route_free(&r);
    }
    double s[256];
    for (int k = 0; k < i.roads && k < 4; k++)
        road_section_samples(m, k, 0, 0.05, 5, s, 256);
    for (int k = 0; k < i.signals && k < 16; k++)
        (void)road_map_signal(m, k);
    for (int k = 0; k < i.objects && k < 16; k++)
        (void)road_map_object(m, k);
    for (int k = 0; k < i.junctions && k < 16; k++) {
        road_edge pairs[8];
        (void)road_map_junction(m, k);
        road_junction_waypoints(m, k, ROAD_LANE_ANY, pairs, 8);
    }
    as_carla(m, at);
    road_map_destroy(m);
    return 0;
}
