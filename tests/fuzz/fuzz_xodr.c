/* Any bytes as OpenDRIVE: an error or a map that answers queries with finite numbers. */
#include "sim/road/road.h"
#include <math.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

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
    for (int k = 0; k < i.junctions && k < 16; k++)
        (void)road_map_junction(m, k);
    road_map_destroy(m);
    return 0;
}
