/* Landmarks: signals and references to them as CARLA's clients see them, where they stand, and which lie ahead. */
#include "sim/road/road_map.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

int road_landmark_count(const road_map *m) { return m->landmarks.count; }

road_landmark road_map_landmark(const road_map *m, int landmark)
{
    assert(landmark >= 0 && landmark < m->landmarks.count);
    const road_landmark_data *l = &m->landmarks.items[landmark];
    const road_use_data *u = &m->uses.items[l->use];
    return (road_landmark){ .signal = l->signal,
                            .road = u->road,
                            .s = u->s,
                            .t_m = -u->t,
                            .orientation = u->orientation,
                            .reference = u->reference,
                            .uses = m->public_uses.items + l->first_use,
                            .use_count = l->use_count };
}

int road_find_landmarks(const road_map *m, const char *signal_id, const char *type, int *out, int capacity)
{
    int count = 0;
    for (int i = 0; i < m->landmarks.count; i++) {
        const road_signal_data *g = &m->signals.items[m->landmarks.items[i].signal];
        if ((signal_id && strcmp(signal_id, road_text(m, g->id)) != 0) || (type && strcmp(type, road_text(m, g->type)) != 0))
            continue;
        if (count < capacity)
            out[count] = i;
        count++;
    }
    return count;
}

static bool controls(const road_map *m, const road_controller_data *c, int signal)
{
    for (int i = 0; i < c->signal_count; i++)
        if (m->controller_signals.items[c->first_signal + i] == signal)
            return true;
    return false;
}

int road_landmark_group(const road_map *m, int landmark, int *out, int capacity)
{
    assert(landmark >= 0 && landmark < m->landmarks.count);
    int signal = m->landmarks.items[landmark].signal, count = 0;
    for (int i = 0; i < m->landmarks.count; i++) {
        bool together = false;
        for (int k = 0; k < m->junction_controllers.count && !together;
             k++) { /* a controller of no junction switches nothing */
            const road_controller_data *c = &m->controllers.items[m->junction_controllers.items[k]];
            together = controls(m, c, signal) && controls(m, c, m->landmarks.items[i].signal);
        }
        if (together && count < capacity)
            out[count] = i;
        count += together;
    }
    return count;
}

/* ---- Where CARLA puts a signal ---- */

#define BESIDE           (ROAD_LANE_DRIVING | ROAD_LANE_SHOULDER)
#define CLEARANCE        0.7 /* lane widths from a lane's centre */
#define SIDE_STEP        0.2 /* lane widths */
#define SIDE_STEPS_MAX   10
#define LIGHT_FORWARD_M  0.25
#define RELEASE_Z_OFFSET 16 /* the first that finds zOffset in signals */

static bool is_driving(const road_map *m, const road_waypoint *w) { return road_waypoint_type(m, w) == ROAD_LANE_DRIVING; }

/* Step aside until clear of every lane; a signal for which ten steps do not do stays where it was. */
static base_pose beside_lanes(const road_map *m, base_pose pose)
{
    road_waypoint near, other;
    if (!road_waypoint_at(m, pose.location, BESIDE, true, &near))
        return pose;
    base_pose lane = road_waypoint_pose(m, &near), moved = pose;
    base_mat3 axes = base_rotation_matrix(lane.rotation);
    base_vec3 right = base_mat3_apply(&axes, (base_vec3){ 0, 1, 0 });
    double away = base_vec3_length(base_vec3_sub(lane.location, pose.location)), width = road_waypoint_width(m, &near);
    int steps = 0;
    for (int side = 1; away < CLEARANCE * width && steps < SIDE_STEPS_MAX && side != 0; steps++) {
        side = !road_waypoint_right(m, &near, &other) || !is_driving(m, &other)  ? 1
               : !road_waypoint_left(m, &near, &other) || !is_driving(m, &other) ? -1
                                                                                 : 0;
        moved.location = base_vec3_add(moved.location, base_vec3_scale(right, side * SIDE_STEP * width));
        moved.rotation = lane.rotation;
        road_waypoint_at(m, moved.location, BESIDE, true, &near);
        away = base_vec3_length(base_vec3_sub(road_waypoint_pose(m, &near).location, moved.location));
        width = road_waypoint_width(m, &near);
    }
    return steps == SIDE_STEPS_MAX ? pose : moved;
}

base_pose road_signal_place(const road_map *m, int signal, int release)
{
    road_signal g = road_map_signal(m, signal);
    const road_signal_data *d = &m->signals.items[signal];
    base_pose pose = g.pose;
    if (d->inertial)
        return pose;
    pose.location.z += release >= RELEASE_Z_OFFSET ? d->z_offset : d->lift;
    pose.rotation.pitch_deg = BASE_DEG(d->pitch);
    pose.rotation.roll_deg = BASE_DEG(d->roll);
    if (g.kind == ROAD_SIGNAL_TRAFFIC_LIGHT)
        pose.location = base_pose_to_world(&pose, (base_vec3){ LIGHT_FORWARD_M, 0, 0 });
    if (g.painted || strstr(g.name, "STATIC"))
        return pose;
    return beside_lanes(m, pose);
}

/* ---- Landmarks ahead ---- */

#define FOUND_MAX 4096
#define OPEN_MAX  4096
#define VISIT_MAX 100000 /* lane sections of one search */

typedef struct search {
    const road_map *m;
    road_landmark_ahead *out;
    int capacity, found;
    unsigned char *seen; /* by landmark */
} search;

static bool is_for(const road_map *m, const road_landmark_data *l, int lane)
{
    for (int i = l->first_use; i < l->first_use + l->use_count; i++)
        if (lane >= m->public_uses.items[i].from_lane && lane <= m->public_uses.items[i].to_lane)
            return true;
    return false;
}

/* Landmarks for a lane between two places on it, in the order of travel. */
static void collect(search *q, int lane, double from, double to, double behind_m)
{
    const road_map *m = q->m;
    const road_lane *l = &m->lanes.items[lane];
    const road_road *r = &m->roads.items[m->sections.items[l->section].road];
    double low = fmin(from, to), high = fmax(from, to);
    for (int i = 0; i < r->landmark_count && q->found < FOUND_MAX; i++) {
        int at = r->first_landmark + i;
        double s = m->uses.items[m->landmarks.items[at].use].s;
        if (s < low || s > high || q->seen[at] || !is_for(m, &m->landmarks.items[at], l->id))
            continue;
        q->seen[at] = 1;
        if (q->found < q->capacity)
            q->out[q->found] = (road_landmark_ahead){ at, behind_m + fabs(s - from), road_lane_waypoint(m, lane, s) };
        q->found++;
    }
}

int road_waypoint_landmarks(const road_map *m, const road_waypoint *w, double distance_m, bool stop_at_junction,
                            road_landmark_ahead *out, int capacity)
{
    typedef struct place {
        int lane;
        double s, left;
    } place;
    search q = { m, out, capacity, 0, calloc((size_t)m->landmarks.count + 1, 1) };
    place *open = malloc(sizeof *open * OPEN_MAX);
    int depth = 0, visits = 0;
    if (q.seen && open)
        open[depth++] = (place){ road_lane_index(m, w->road, w->section, w->lane), w->s, distance_m };
    while (depth > 0 && visits++ < VISIT_MAX) {
        place at = open[--depth];
        const road_lane *l = &m->lanes.items[at.lane];
        double end = road_lane_end(m, l), room = fabs(end - at.s), forward = road_lane_forward(l) ? 1 : -1;
        collect(&q, at.lane, at.s, at.left <= room ? at.s + forward * at.left : end, distance_m - at.left);
        for (int i = l->next_count - 1; i >= 0 && at.left > room && depth < OPEN_MAX; i--) {
            int to = m->links.items[l->first_next + i];
            const road_lane *t = &m->lanes.items[to];
            if (!stop_at_junction || m->roads.items[m->sections.items[t->section].road].junction < 0)
                open[depth++] = (place){ to, road_lane_start(m, t), at.left - room };
        }
    }
    free(open);
    free(q.seen);
    return q.found;
}
