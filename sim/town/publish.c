/* What a tick puts on the streams: the snapshot of all actors, then every sensor's measurement. */
#include "base/clock.h"
#include "sim/town/serve.h"
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static void vehicle_state(const town_actor_view *a, wire_actor_state *out, wire_version version)
{
    wire_vehicle_state v = {
        .control = { a->control.throttle, a->control.steer, a->control.brake, a->control.hand_brake, a->control.reverse,
                     a->control.manual_gear_shift, a->control.gear },
        .speed_limit = a->speed_limit_kmh,
        .traffic_light_state = (uint8_t)a->light_state,
        .has_traffic_light = a->light_id != 0,
        .traffic_light_id = a->light_id,
        .failure_state = 0, /* none: nothing here turns over or breaks */
    };
    wire_vehicle_state_write(out, &v, version);
}

static void sign_state(const town_actor_view *a, wire_actor_state *out)
{
    wire_sign_state s = { { 0 } };
    memcpy(s.sign_id, a->sign_id, strnlen(a->sign_id, sizeof s.sign_id));
    wire_sign_state_write(out, &s);
}

static void light_state(const town_actor_view *a, wire_actor_state *out)
{
    wire_light_state l = { .green_time = a->green_s,
                           .yellow_time = a->yellow_s,
                           .red_time = a->red_s,
                           .elapsed_time = a->light_elapsed_s,
                           .pole_index = a->pole_index,
                           .time_is_frozen = a->light_frozen,
                           .state = (uint8_t)a->light_state };
    memcpy(l.sign_id, a->sign_id, strnlen(a->sign_id, sizeof l.sign_id));
    wire_light_state_write(out, &l);
}

static void actor_state(const town_actor_view *a, wire_actor_state *out, wire_version version)
{
    *out = (wire_actor_state){ .id = a->id,
                               .life = WIRE_ACTOR_ACTIVE,
                               .transform = wire_transform_from_pose(a->pose),
                               .velocity = wire_vector3_from_vec3(a->velocity_mps),
                               .angular_velocity = wire_vector3_from_vec3(a->angular_velocity_dps),
                               .acceleration = wire_vector3_from_vec3(a->acceleration_mps2) };
    if (a->kind == TOWN_VEHICLE) {
        vehicle_state(a, out, version);
    } else if (a->kind == TOWN_WALKER) {
        wire_walker_control c = { wire_vector3_from_vec3(a->walker.direction), (float)a->walker.speed_mps, a->walker.jump };
        wire_walker_state_write(out, &c);
    } else if (a->kind == TOWN_TRAFFIC_LIGHT) {
        light_state(a, out);
    } else if (a->kind == TOWN_TRAFFIC_SIGN) {
        sign_state(a, out);
    }
}

static bool gather_states(town_server *s, int count)
{
    if (count > s->state_capacity) {
        wire_actor_state *more = realloc(s->states, (size_t)count * sizeof *more);
        if (!more)
            return base_fail(&s->failure, BASE_MEMORY, "out of memory for the state of %d actors", count);
        s->states = more;
        s->state_capacity = count;
    }
    for (int i = 0; i < count; i++) {
        town_actor_view a;
        town_actor_get(s->world, town_actor_id_at(s->world, i), &a);
        actor_state(&a, &s->states[i], town_wire_version(s));
    }
    return true;
}

/* A message that cannot be built ends the run: without it a client would wait for ever. */
static void give_up(town_server *s, const char *what, uint32_t stream_id)
{
    if (s->failure.code == BASE_OK)
        base_fail(&s->failure, BASE_MEMORY, "no room for its message, %zu bytes of at most %zu are built", s->message.bytes,
                  s->message.max_bytes);
    base_fail_in(&s->failure, "%s, stream %u", what, stream_id);
    s->failed = true;
}

static void send_snapshot_to(town_server *s, bool unaware, bool lights_pending)
{
    town_world *w = s->world;
    if (!town_snapshot_wanted(s, unaware))
        return;
    /* Wall time only where nothing is repeatable anyway: in synchronous mode the same calls give the same bytes. */
    double platform_s = town_settings_get(w).synchronous_mode ? town_elapsed_s(w) : base_clock_s();
    wire_snapshot head = { .episode_id = town_episode_id(w),
                           .platform_timestamp = platform_s,
                           .delta_seconds = (float)town_delta_s(w),
                           .simulation_state =
                               (unaware ? WIRE_STATE_MAP_CHANGE : 0) | (lights_pending ? WIRE_STATE_LIGHT_UPDATE : 0) };
    int count = town_actor_count(w);
    base_buffer_clear(&s->message);
    size_t start = wire_frame_begin(&s->message);
    if (!gather_states(s, count) ||
        !wire_snapshot_append(&s->message, town_frame(w), town_elapsed_s(w), &head, s->states, (size_t)count,
                              town_wire_version(s), &s->failure) ||
        !wire_frame_end(&s->message, start)) {
        give_up(s, "snapshot", WIRE_STREAM_SNAPSHOT);
        return;
    }
    town_snapshot_send(s, unaware, &s->message);
}

static void send_snapshot(void *user)
{
    town_server *s = user;
    bool lights_pending = town_street_lights_pending(s->world);
    send_snapshot_to(s, false, lights_pending);
    send_snapshot_to(s, true, lights_pending);
}

static wire_sensor sensor_on_wire(town_sensor_kind kind)
{
    switch (kind) {
    case TOWN_CAMERA_RGB: return WIRE_SENSOR_RGB;
    case TOWN_CAMERA_DEPTH: return WIRE_SENSOR_DEPTH;
    case TOWN_CAMERA_SEMANTIC: return WIRE_SENSOR_SEMANTIC;
    case TOWN_CAMERA_INSTANCE: return WIRE_SENSOR_INSTANCE;
    case TOWN_COLLISION: return WIRE_SENSOR_COLLISION;
    case TOWN_GNSS: return WIRE_SENSOR_GNSS;
    case TOWN_IMU: return WIRE_SENSOR_IMU;
    case TOWN_LANE_INVASION: return WIRE_SENSOR_LANE_INVASION;
    case TOWN_CAMERA_NORMALS: return WIRE_SENSOR_NORMALS;
    case TOWN_CAMERA_FLOW: return WIRE_SENSOR_OPTICAL_FLOW;
    case TOWN_CAMERA_DVS: return WIRE_SENSOR_DVS;
    case TOWN_LIDAR: return WIRE_SENSOR_LIDAR;
    case TOWN_LIDAR_SEMANTIC: return WIRE_SENSOR_SEMANTIC_LIDAR;
    case TOWN_RADAR: return WIRE_SENSOR_RADAR;
    case TOWN_OBSTACLE: return WIRE_SENSOR_OBSTACLE;
    case TOWN_RSS: return WIRE_SENSOR_RSS;
    case TOWN_V2X: return WIRE_SENSOR_V2X;
    case TOWN_V2X_CUSTOM: return WIRE_SENSOR_V2X_CUSTOM;
    case TOWN_SENSOR_NONE: break;
    }
    return WIRE_SENSOR_COUNT;
}

/* The measurement's other: an actor, or scenery under CARLA's name for it. *tag keeps the scenery's tag and must outlive the actor. */
static bool other_actor(town_server *s, const town_measurement *m, wire_actor *other, uint8_t *tag)
{
    if (m->other_id)
        return town_wire_actor(s, m->other_id, other, s->memory, &s->failure);
    *tag = town_tag_number(s->world, m->other_tag);
    other->description.id = m->other_type;
    other->semantic_tags = (wire_bytes){ tag, 1 };
    return true;
}

static bool append_collision(town_server *s, const town_measurement *m, wire_transform pose)
{
    wire_collision c = { .normal_impulse = wire_vector3_from_vec3(m->normal_impulse_ns) };
    uint8_t tag;
    if (!town_wire_actor(s, m->actor_id, &c.self, s->memory, &s->failure) || !other_actor(s, m, &c.other, &tag))
        return false;
    return wire_object_append(&s->message, WIRE_SENSOR_COLLISION, m->frame, m->time_s, pose, &wire_type_collision, &c,
                              town_wire_version(s), &s->failure);
}

static bool append_obstacle(town_server *s, const town_measurement *m, wire_transform pose)
{
    wire_obstacle o = { .distance = m->distance_m };
    uint8_t tag;
    if (!town_wire_actor(s, m->actor_id, &o.self, s->memory, &s->failure) || !other_actor(s, m, &o.other, &tag))
        return false;
    return wire_object_append(&s->message, WIRE_SENSOR_OBSTACLE, m->frame, m->time_s, pose, &wire_type_obstacle, &o,
                              town_wire_version(s), &s->failure);
}

/* The world's records are the wire's, member for member. */
_Static_assert(sizeof(town_lidar_point) == sizeof(wire_lidar_point) &&
                   offsetof(town_lidar_point, intensity) == offsetof(wire_lidar_point, intensity),
               "lidar points");
_Static_assert(sizeof(town_semantic_point) == sizeof(wire_semantic_point) &&
                   offsetof(town_semantic_point, actor_id) == offsetof(wire_semantic_point, object) &&
                   offsetof(town_semantic_point, tag) == offsetof(wire_semantic_point, object_tag),
               "semantic lidar points");
_Static_assert(sizeof(town_radar_detection) == sizeof(wire_detection) &&
                   offsetof(town_radar_detection, depth_m) == offsetof(wire_detection, depth),
               "radar detections");
_Static_assert(sizeof(town_dvs_event) == sizeof(wire_event) && offsetof(town_dvs_event, time_ns) == offsetof(wire_event, t) &&
                   offsetof(town_dvs_event, brighter) == offsetof(wire_event, pol),
               "DVS events");

/* Everything of the message that is not pixels. */
static bool append_head(town_server *s, const town_measurement *m)
{
    wire_version version = town_wire_version(s);
    wire_transform pose = wire_transform_from_pose(m->pose);
    wire_sensor sensor = sensor_on_wire(m->kind);
    wire_image image = { (uint32_t)m->width_px, (uint32_t)m->height_px, m->fov_deg };
    base_error *err = &s->failure;
    switch (m->kind) {
    case TOWN_COLLISION: return append_collision(s, m, pose);
    case TOWN_OBSTACLE: return append_obstacle(s, m, pose);
    case TOWN_IMU: {
        wire_imu imu = { wire_vector3_from_vec3(m->accelerometer), wire_vector3_from_vec3(m->gyroscope),
                         (float)m->compass_rad };
        return wire_object_append(&s->message, sensor, m->frame, m->time_s, pose, &wire_type_imu, &imu, version, err);
    }
    case TOWN_GNSS: {
        wire_geo_location geo = { m->latitude_deg, m->longitude_deg, m->altitude_m };
        return wire_object_append(&s->message, sensor, m->frame, m->time_s, pose, &wire_type_geo_location, &geo, version, err);
    }
    case TOWN_LIDAR:
    case TOWN_LIDAR_SEMANTIC:
        return wire_lidar_append(&s->message, sensor, m->frame, m->time_s, pose, m->horizontal_angle_rad, m->channel_points,
                                 (uint32_t)m->channel_count,
                                 m->points ? (const void *)m->points : (const void *)m->semantic_points, version, err);
    case TOWN_RADAR:
        return wire_radar_append(&s->message, m->frame, m->time_s, pose, (const wire_detection *)m->detections, m->item_count,
                                 version, err);
    case TOWN_V2X:
    case TOWN_V2X_CUSTOM:
        return wire_v2x_append(&s->message, sensor, m->frame, m->time_s, pose, m->v2x, m->item_count, version, err);
    case TOWN_CAMERA_DVS:
        return wire_dvs_append(&s->message, m->frame, m->time_s, pose, &image, (const wire_event *)m->events, m->item_count,
                               version, err);
    default: return wire_image_append(&s->message, sensor, m->frame, m->time_s, pose, &image, version, err);
    }
}

static void send_measurement(void *user, const town_measurement *m)
{
    town_server *s = user;
    const void *body = m->bgra ? (const void *)m->bgra : (const void *)m->flow;
    size_t pixels = body ? (size_t)m->width_px * (size_t)m->height_px * (m->bgra ? 4 : 8) : 0;
    wire_memory_reset(s->memory);
    base_buffer_clear(&s->message);
    size_t start = wire_frame_begin(&s->message);
    if (!append_head(s, m) || s->message.failed) {
        give_up(s, "measurement", m->stream_id);
        return;
    }
    /* The prefix counts the pixels too, which are not in this buffer. */
    size_t bytes = s->message.bytes - start - WIRE_FRAME_PREFIX_BYTES + pixels;
    for (int i = 0; i < WIRE_FRAME_PREFIX_BYTES; i++)
        s->message.data[start + (size_t)i] = (unsigned char)(bytes >> (8 * i));
    town_stream_send(s, m->stream_id, &s->message, body, pixels);
}

/* Measured when somebody listens and, in asynchronous mode, can take it: a picture for a reader that is behind is not even drawn. */
static bool is_wanted(void *user, uint32_t stream_id)
{
    town_server *s = user;
    bool may_lose = !town_settings_get(s->world).synchronous_mode, free_reader = false;
    for (int i = 0; i < s->session_count; i++) {
        const town_session *t = s->sessions[i];
        if (t->stream_id == stream_id && t->close_at_s == 0)
            free_reader |= !may_lose || !town_session_waiting(t);
    }
    if (!free_reader)
        for (int i = 0; i < s->session_count; i++)
            if (s->sessions[i]->stream_id == stream_id && s->sessions[i]->close_at_s == 0) {
                s->sessions[i]->dropped++;
                s->stats.frames_dropped++;
            }
    return free_reader;
}

town_sink town_server_sink(town_server *s) { return (town_sink){ is_wanted, send_snapshot, send_measurement, s }; }
