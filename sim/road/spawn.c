/* Places to start from. */
#include "sim/road/road_map.h"

#define SPAWN_STEP   12.0
#define SPAWN_MARGIN 6.0
#define SPAWN_HEIGHT 0.5

static bool add_spawn(road_map *m, int lane, double s)
{
    base_pose *at = ROAD_PUSH(m->spawns);
    if (!at)
        return false;
    road_waypoint w = road_lane_waypoint(m, lane, s);
    *at = road_waypoint_pose(m, &w);
    at->location.z += SPAWN_HEIGHT;
    return true;
}

bool road_spawns_build(road_map *m, base_error *err)
{
    int longest = -1;
    double longest_m = 0;
    for (int i = 0; i < m->lanes.count; i++) {
        const road_lane *l = &m->lanes.items[i];
        const road_section *sec = &m->sections.items[l->section];
        double length = sec->s1 - sec->s0;
        if (l->type != ROAD_LANE_DRIVING || l->id == 0)
            continue;
        if (longest < 0 || length > longest_m)
            longest = i, longest_m = length;
        if (m->roads.items[sec->road].junction >= 0)
            continue;
        for (int k = 0; SPAWN_MARGIN + SPAWN_STEP * k <= length - SPAWN_MARGIN; k++) {
            double d = SPAWN_MARGIN + SPAWN_STEP * k;
            if (road_width_at(m, l, sec->s0 + d) < 2) /* a lane that is just appearing */
                continue;
            if (!add_spawn(m, i, road_lane_forward(l) ? sec->s0 + d : sec->s1 - d))
                return base_fail(err, BASE_MEMORY, "%s: no memory", m->name);
        }
    }
    if (m->spawns.count == 0 && longest >= 0) {
        const road_section *sec = &m->sections.items[m->lanes.items[longest].section];
        if (!add_spawn(m, longest, (sec->s0 + sec->s1) / 2))
            return base_fail(err, BASE_MEMORY, "%s: no memory", m->name);
    }
    return true;
}

const base_pose *road_map_spawn_points(const road_map *m, size_t *count)
{
    *count = (size_t)m->spawns.count;
    return m->spawns.items;
}
