/* The lane-invasion sensor. In CARLA it runs in the client: with every snapshot the four corners of the parent's box are looked up in the
 * map, before and after the step; a corner that changed lanes crossed the mark between them.
 * Rules: CARLA's LaneInvasionSensor and LaneCrossingCalculator. */
#include "sim/client/internal.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CORNERS = 4, QUEUE = 64 };
static const uint32_t lane_types = ROAD_LANE_DRIVING | ROAD_LANE_BIDIRECTIONAL | ROAD_LANE_BIKING | ROAD_LANE_PARKING;
static const double still_m = 1.2e-6; /* ten times a float's epsilon */

struct client_lane_sensor {
    wire_actor_id sensor, parent;
    wire_bounding_box box;
    bool has_corners;
    base_vec3 corners[CORNERS];
    client_lane_invasion queue[QUEUE]; /* ring, oldest at `first` */
    int first, count;
};

client_lane_sensor *client_lane_of(const client *c, wire_actor_id sensor)
{
    for (size_t i = 0; i < c->lane_count; i++)
        if (c->lanes[i]->sensor == sensor)
            return c->lanes[i];
    return NULL;
}

bool client_lane_listen(client *c, const wire_actor *sensor, base_error *err)
{
    wire_actor_id id = sensor->id, parent = sensor->parent_id;
    wire_bounding_box box;
    if (!parent)
        return base_fail(err, BASE_ARGUMENT, "sensor %u (%s): attach it to a vehicle when spawning", id,
                         sensor->description.id);
    if (!client_road_map(c, err) || !client_bounding_box(c, parent, &box, err))
        return base_fail_in(err, "lane-invasion sensor %u", id);
    client_lane_sensor *s = calloc(1, sizeof *s);
    void *grown = realloc(c->lanes, (c->lane_count + 1) * sizeof *c->lanes);
    if (grown)
        c->lanes = grown;
    if (!s || !grown) {
        free(s);
        return base_fail(err, BASE_MEMORY, "no memory for a sensor");
    }
    *s = (client_lane_sensor){ .sensor = id, .parent = parent, .box = box };
    c->lanes[c->lane_count++] = s;
    return true;
}

void client_lane_unlisten(client *c, wire_actor_id sensor)
{
    for (size_t i = 0; i < c->lane_count; i++)
        if (c->lanes[i]->sensor == sensor) {
            free(c->lanes[i]);
            c->lanes[i] = c->lanes[--c->lane_count];
            return;
        }
}

void client_lanes_free(client *c)
{
    for (size_t i = 0; i < c->lane_count; i++)
        free(c->lanes[i]);
    free(c->lanes);
    c->lanes = NULL;
    c->lane_count = 0;
}

/* The box turned by yaw alone, its centre not turned at all, as CARLA has it. */
static void place_corners(const client_lane_sensor *s, const base_pose *pose, base_vec3 corners[CORNERS])
{
    double yaw = BASE_RAD(pose->rotation.yaw_deg), cy = cos(yaw), sy = sin(yaw);
    base_vec3 center = base_vec3_add(pose->location, wire_vector3_to_vec3(s->box.location));
    for (int i = 0; i < CORNERS; i++) {
        double x = (double)s->box.extent.x * (i & 1 ? -1 : 1), y = (double)s->box.extent.y * (i & 2 ? -1 : 1);
        corners[i] = base_vec3_add(center, (base_vec3){ cy * x - sy * y, sy * x + cy * y, 0 });
    }
}

/* The mark between the lanes of two places; false: none was crossed. */
static bool crossed(const road_map *map, base_vec3 from, base_vec3 to, road_mark *mark)
{
    road_waypoint w0, w1, unused;
    if (!road_waypoint_at(map, from, lane_types, true, &w0) || !road_waypoint_at(map, to, lane_types, true, &w1))
        return false;
    if (w0.road != w1.road || w0.section != w1.section || road_waypoint_junction(map, &w0) >= 0)
        return false;
    bool off0 = !road_waypoint_at(map, from, lane_types, false, &unused),
         off1 = !road_waypoint_at(map, to, lane_types, false, &unused);
    if ((off0 && off1) || (w0.lane == w1.lane && !off0 && !off1))
        return false;
    double yaw = BASE_RAD(road_waypoint_pose(map, &w0).rotation.yaw_deg);
    bool right = -cos(yaw) * (to.y - from.y) + sin(yaw) * (to.x - from.x) < 0;
    road_mark left_mark, right_mark;
    road_waypoint_marks(map, off0 ? &w1 : &w0, &left_mark, &right_mark);
    *mark =
        right == off0 ? left_mark : right_mark; /* from outside, the mark met first is on the other side of the lane entered */
    return true;
}

static void step(client *c, client_lane_sensor *s)
{
    client_state parent;
    base_vec3 before[CORNERS];
    client_lane_invasion event = { .frame = c->snapshot.frame, .time_s = c->snapshot.time_s };
    if (!client_state_get(c, s->parent, &parent))
        return;
    memcpy(before, s->corners, sizeof before);
    place_corners(s, &parent.pose, s->corners);
    if (!s->has_corners) {
        s->has_corners = true;
        return;
    }
    for (int i = 0; i < CORNERS; i++)
        if (base_vec3_length(base_vec3_sub(s->corners[i], before[i])) < still_m) {
            memcpy(s->corners, before, sizeof before);
            return;
        }
    for (int i = 0; i < CORNERS; i++) {
        road_mark m;
        if (!crossed(c->road, before[i], s->corners[i], &m))
            continue;
        event.types[event.mark_count] = m.type;
        event.colors[event.mark_count] = m.color;
        event.widths_m[event.mark_count] = m.width_m;
        event.lane_changes[event.mark_count++] = m.lane_change;
    }
    if (!event.mark_count)
        return;
    if (s->count == QUEUE) { /* nobody has taken them: the oldest goes */
        s->first = (s->first + 1) % QUEUE;
        s->count--;
        c->dropped++;
    }
    s->queue[(s->first + s->count++) % QUEUE] = event;
}

void client_lanes_step(client *c)
{
    for (size_t i = 0; c->road && i < c->lane_count; i++)
        step(c, c->lanes[i]);
}

bool client_lane_invasion_next(client *c, wire_actor_id sensor, client_lane_invasion *invasion)
{
    client_lane_sensor *s = client_lane_of(c, sensor);
    if (!s || !s->count)
        return false;
    *invasion = s->queue[s->first];
    s->first = (s->first + 1) % QUEUE;
    s->count--;
    return true;
}
