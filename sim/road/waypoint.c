/* Waypoints: places on lanes, and what can be asked about one. */
#include "sim/road/road_map.h"
#include <assert.h>

static const road_lane *lane_at(const road_map *m, int road, int section, int lane)
{
    return &m->lanes.items[road_lane_index(m, road, section, lane)];
}
static const road_lane *lane_of(const road_map *m, const road_waypoint *w) { return lane_at(m, w->road, w->section, w->lane); }

bool road_waypoint_xodr(const road_map *m, uint32_t road_id, int lane, double s, road_waypoint *out)
{
    int road = road_find_road_id(m, road_id);
    if (road < 0 || lane == 0 || !(s >= 0) || !(s < m->roads.items[road].length))
        return false;
    int section = road_find_section(m, road, s);
    if (!road_find_lane(m, road, section, lane))
        return false;
    *out = (road_waypoint){ road, road_id, section, lane, s };
    return true;
}

base_pose road_waypoint_pose(const road_map *m, const road_waypoint *w)
{
    const road_lane *l = lane_of(m, w);
    road_center c = road_lane_center(m, l, w->s);
    double level = hypot(c.along.x, c.along.y), pitch = BASE_DEG(atan2(c.along.z, level)), yaw = -BASE_DEG(c.heading),
           roll = BASE_DEG(c.roll);
    if (!road_lane_forward(l))
        yaw += 180, pitch = -pitch, roll = -roll;
    return (base_pose){ c.at, { pitch, base_wrap_deg(yaw), roll } };
}

double road_waypoint_width(const road_map *m, const road_waypoint *w) { return road_width_at(m, lane_of(m, w), w->s); }
uint32_t road_waypoint_type(const road_map *m, const road_waypoint *w) { return lane_of(m, w)->type; }

double road_waypoint_curvature(const road_map *m, const road_waypoint *w)
{
    const road_lane *l = lane_of(m, w);
    double k = road_lane_center(m, l, w->s).curvature; /* left positive along s */
    return road_lane_forward(l) ? -k : k;
}

int road_waypoint_junction(const road_map *m, const road_waypoint *w)
{
    int j = m->roads.items[w->road].junction;
    return j < 0 ? -1 : (int)m->junctions.items[j].id;
}

double road_waypoint_speed_limit(const road_map *m, const road_waypoint *w)
{
    const road_lane *l = lane_of(m, w);
    const road_road *r = &m->roads.items[w->road];
    double limit = 0;
    for (int i = 0; i < r->speed_count && m->speeds.items[r->first_speed + i].start <= w->s + 1e-9; i++)
        limit = m->speeds.items[r->first_speed + i].mps;
    for (int i = 0; i < l->speed_count && m->lane_speeds.items[l->first_speed + i].start <= w->s + 1e-9; i++)
        limit = m->lane_speeds.items[l->first_speed + i].mps;
    return limit;
}

static road_mark mark_at(const road_map *m, const road_lane *l, double s, bool *given)
{
    road_mark none = { .type = ROAD_MARK_NONE, .lane_change = ROAD_CHANGE_BOTH };
    *given = false;
    for (int i = 0; i < l->mark_count && (i == 0 || m->marks.items[l->first_mark + i].s0 <= s); i++)
        none = m->marks.items[l->first_mark + i], *given = true;
    return none;
}

void road_waypoint_marks(const road_map *m, const road_waypoint *w, road_mark *left, road_mark *right)
{
    bool given;
    *right = mark_at(m, lane_of(m, w), w->s, &given);
    *left = mark_at(m, lane_at(m, w->road, w->section, w->lane < 0 ? w->lane + 1 : w->lane - 1), w->s, &given);
}

static int swapped(int change)
{
    return (change & ROAD_CHANGE_RIGHT ? ROAD_CHANGE_LEFT : 0) | (change & ROAD_CHANGE_LEFT ? ROAD_CHANGE_RIGHT : 0);
}

int road_waypoint_lane_change(const road_map *m, const road_waypoint *w)
{
    road_mark left, right;
    road_waypoint_marks(m, w, &left, &right);
    int r = w->lane > 0 ? swapped(right.lane_change) : right.lane_change;
    int l = w->lane > 1 ? swapped(left.lane_change) : left.lane_change; /* owner is the lane one nearer to the centre */
    return (r & ROAD_CHANGE_RIGHT) | (l & ROAD_CHANGE_LEFT);
}

double road_waypoint_lateral(const road_map *m, const road_waypoint *w, base_vec3 at)
{
    base_pose p = road_waypoint_pose(m, w);
    double yaw = BASE_RAD(p.rotation.yaw_deg);
    return -sin(yaw) * (at.x - p.location.x) + cos(yaw) * (at.y - p.location.y);
}

bool road_waypoint_equal(const road_waypoint *a, const road_waypoint *b)
{
    return a->road_id == b->road_id && a->section == b->section && a->lane == b->lane && floor(200 * a->s) == floor(200 * b->s);
}

static bool neighbour(const road_map *m, const road_waypoint *w, int lane, road_waypoint *out)
{
    if (!road_find_lane(m, w->road, w->section, lane))
        return false;
    road_waypoint there = *w;
    there.lane = lane;
    *out = there;
    return true;
}

bool road_waypoint_left(const road_map *m, const road_waypoint *w, road_waypoint *out)
{
    int lane = w->lane < 0 ? w->lane + 1 : w->lane - 1;
    return neighbour(m, w, lane == 0 ? -w->lane : lane, out);
}

bool road_waypoint_right(const road_map *m, const road_waypoint *w, road_waypoint *out)
{
    return neighbour(m, w, w->lane < 0 ? w->lane - 1 : w->lane + 1, out);
}
