/* Sensors: listening, and what their messages hold. */
#include "sim/client/internal.h"
#include <stdlib.h>
#include <string.h>

/* --- listening ------------------------------------------------------------------------------------------------------------ */

bool client_listen(client *c, wire_actor_id sensor, base_error *err)
{
    const wire_actor *a = client_actor(c, sensor, err);
    wire_token token;
    if (!a)
        return false;
    if (client_stream_of(c, sensor) || client_lane_of(c, sensor))
        return base_fail(err, BASE_ARGUMENT, "sensor %u: listening already", sensor);
    wire_sensor kind = wire_sensor_from_blueprint(a->description.id);
    if (!sensor || kind == WIRE_SENSOR_COUNT || !wire_token_read(&token, a->stream_token))
        return base_fail(err, BASE_ARGUMENT, "actor %u (%s) is not a sensor", sensor, a->description.id);
    if (kind == WIRE_SENSOR_LANE_INVASION)
        return client_lane_listen(c, a, err);
    if (kind == WIRE_SENSOR_RSS)
        return base_fail(err, BASE_UNSUPPORTED, "%s: CARLA leaves this sensor to the client, and this one does not compute it",
                         a->description.id);
    const char *period = client_actor_attribute(a, "sensor_tick");
    bool every_frame = !client_sensor_is_event(kind) && kind != WIRE_SENSOR_DVS && kind != WIRE_SENSOR_V2X &&
                       kind != WIRE_SENSOR_V2X_CUSTOM && (!period || strtod(period, NULL) <= 0);
    uint32_t stream_id = token.stream_id;
    if (c->version >= WIRE_0_9_14 &&
        !client_call(c, WIRE_METHOD_get_sensor_token, &(wire_args_stream){ stream_id }, &token, NULL, err))
        return false;
    if (!client_stream_join(c, stream_id, token, sensor, kind, err))
        return false;
    c->streams[c->stream_count - 1]->awaited = every_frame;
    return client_stream_settle(c, err);
}

void client_unlisten(client *c, wire_actor_id sensor)
{
    client_stream *s = sensor ? client_stream_of(c, sensor) : NULL;
    if (s)
        client_stream_leave(c, s);
    client_lane_unlisten(c, sensor);
}

/* --- sensor data ---------------------------------------------------------------------------------------------------------- */

static const client_stream *current_of(const client *c, wire_actor_id sensor, base_error *err)
{
    const client_stream *s = sensor ? client_stream_of(c, sensor) : NULL;
    if (!s)
        base_fail(err, BASE_ARGUMENT, "sensor %u: not listening", sensor);
    else if (!s->current.data.bytes)
        base_fail(err, BASE_UNSUPPORTED, "%s: no data yet", s->name);
    return s && s->current.data.bytes ? s : NULL;
}

bool client_image_get(const client *c, wire_actor_id sensor, client_image *image, base_error *err)
{
    const client_stream *s = current_of(c, sensor, err);
    wire_header h;
    wire_image w;
    if (!s)
        return false;
    if (!wire_sensor_pixel_bytes(s->kind))
        return base_fail(err, BASE_ARGUMENT, "%s: not a camera", s->name);
    const uint8_t *pixels;
    if (!wire_image_read(&h, &w, &pixels, s->current.data.data, s->current.data.bytes, c->version, err))
        return base_fail_in(err, "%s", s->name);
    if (w.width > INT32_MAX || w.height > INT32_MAX)
        return base_fail(err, BASE_FORMAT, "%s: image of %u x %u", s->name, w.width, w.height);
    *image =
        (client_image){ h.frame, h.timestamp, wire_transform_to_pose(h.transform), (int)w.width, (int)w.height, w.fov, pixels };
    return true;
}

static bool object_get(client *c, wire_actor_id sensor, wire_sensor kind, const wire_type *type, void *value, base_error *err)
{
    const client_stream *s = current_of(c, sensor, err);
    wire_header h;
    if (!s)
        return false;
    if (s->kind != kind)
        return base_fail(err, BASE_ARGUMENT, "%s: not a %s", s->name, wire_sensor_blueprint(kind));
    wire_memory_reset(c->sensor_memory);
    return wire_object_read(&h, type, value, s->current.data.data, s->current.data.bytes, c->version, c->sensor_memory, err) ||
           base_fail_in(err, "%s", s->name);
}

bool client_imu_get(client *c, wire_actor_id sensor, wire_imu *imu, base_error *err)
{
    return object_get(c, sensor, WIRE_SENSOR_IMU, &wire_type_imu, imu, err);
}

bool client_gnss_get(client *c, wire_actor_id sensor, wire_geo_location *location, base_error *err)
{
    return object_get(c, sensor, WIRE_SENSOR_GNSS, &wire_type_geo_location, location, err);
}

/* --- records -------------------------------------------------------------------------------------------------------------- */

/* The records as C structs, in a buffer of the stream. A message's own bytes may lie at any address, and their records have no padding. */
static const void *unpack(client_stream *s, base_buffer *to, const wire_records *r, base_error *err)
{
    size_t packed = wire_packed_bytes(r->type, WIRE_VERSION_LATEST), bytes;
    base_buffer_clear(to);
    to->max_bytes = SIZE_MAX / 2;
    if (__builtin_mul_overflow(r->count + 1, r->type->bytes, &bytes) || !base_buffer_reserve(to, bytes)) {
        base_fail(err, BASE_MEMORY, "%s: no memory for %zu records", s->name, r->count);
        return NULL;
    }
    if (packed == r->type->bytes && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__)
        memcpy(to->data, r->data, r->count * packed); /* a lidar has 10^5 points per tick */
    else
        for (size_t i = 0; i < r->count; i++)
            wire_record_read(to->data + i * r->type->bytes, r, i);
    return to->data;
}

static client_stream *measured(client *c, wire_actor_id sensor, wire_sensor kind, wire_sensor or_kind, base_error *err)
{
    client_stream *s = (client_stream *)(uintptr_t)current_of(c, sensor, err); /* it is ours, and c is not const here */
    if (s && s->kind != kind && s->kind != or_kind) {
        base_fail(err, BASE_ARGUMENT, "%s: not a %s", s->name, wire_sensor_blueprint(kind));
        return NULL;
    }
    return s;
}

bool client_lidar_get(client *c, wire_actor_id sensor, client_lidar *lidar, base_error *err)
{
    client_stream *s = measured(c, sensor, WIRE_SENSOR_LIDAR, WIRE_SENSOR_SEMANTIC_LIDAR, err);
    wire_header h;
    float angle;
    wire_records channels, points;
    if (!s)
        return false;
    if (!wire_lidar_read(&h, &angle, &channels, &points, s->current.data.data, s->current.data.bytes, c->version, err))
        return base_fail_in(err, "%s", s->name);
    const void *counts = unpack(s, &s->unpacked[0], &channels, err),
               *all = counts ? unpack(s, &s->unpacked[1], &points, err) : NULL;
    bool semantic = s->kind == WIRE_SENSOR_SEMANTIC_LIDAR;
    *lidar = (client_lidar){ h.frame,
                             h.timestamp,
                             wire_transform_to_pose(h.transform),
                             (double)angle,
                             counts,
                             channels.count,
                             semantic ? NULL : all,
                             semantic ? all : NULL,
                             points.count };
    return all != NULL;
}

bool client_radar_get(client *c, wire_actor_id sensor, client_radar *radar, base_error *err)
{
    client_stream *s = measured(c, sensor, WIRE_SENSOR_RADAR, WIRE_SENSOR_RADAR, err);
    wire_header h;
    wire_records r;
    if (!s)
        return false;
    if (!wire_radar_read(&h, &r, s->current.data.data, s->current.data.bytes, c->version, err))
        return base_fail_in(err, "%s", s->name);
    const void *all = unpack(s, &s->unpacked[1], &r, err);
    *radar = (client_radar){ h.frame, h.timestamp, wire_transform_to_pose(h.transform), all, r.count };
    return all != NULL;
}

bool client_dvs_get(client *c, wire_actor_id sensor, client_dvs *dvs, base_error *err)
{
    client_stream *s = measured(c, sensor, WIRE_SENSOR_DVS, WIRE_SENSOR_DVS, err);
    wire_header h;
    wire_image image;
    wire_records r;
    if (!s)
        return false;
    if (!wire_dvs_read(&h, &image, &r, s->current.data.data, s->current.data.bytes, c->version, err))
        return base_fail_in(err, "%s", s->name);
    if (image.width > INT32_MAX || image.height > INT32_MAX)
        return base_fail(err, BASE_FORMAT, "%s: image of %u x %u", s->name, image.width, image.height);
    const void *all = unpack(s, &s->unpacked[1], &r, err);
    *dvs =
        (client_dvs){ h.frame, h.timestamp, wire_transform_to_pose(h.transform), (int)image.width, (int)image.height, image.fov,
                      all,     r.count };
    return all != NULL;
}

bool client_v2x_get(client *c, wire_actor_id sensor, client_v2x *v2x, base_error *err)
{
    client_stream *s = measured(c, sensor, WIRE_SENSOR_V2X, WIRE_SENSOR_V2X_CUSTOM, err);
    wire_header h;
    wire_records r;
    if (!s)
        return false;
    if (!wire_v2x_read(&h, &r, s->current.data.data, s->current.data.bytes, c->version, err))
        return base_fail_in(err, "%s", s->name);
    const void *all = unpack(s, &s->unpacked[1], &r, err);
    bool custom = s->kind == WIRE_SENSOR_V2X_CUSTOM;
    *v2x = (client_v2x){ h.frame, h.timestamp, wire_transform_to_pose(h.transform), custom ? NULL : all, custom ? all : NULL,
                         r.count };
    return all != NULL;
}

bool client_v2x_send(client *c, wire_actor_id sensor, const char *message, base_error *err)
{
    if (strlen(message) > 99)
        return base_fail(err, BASE_ARGUMENT, "V2X message: expected at most 99 bytes, found %zu", strlen(message));
    return client_send(c, WIRE_METHOD_send, &(wire_args_actor_text){ sensor, message }, err);
}

wire_flow client_flow_pixel(const client_image *image, size_t i)
{
    wire_flow f = wire_flow_read(image->bgra + 8 * i);
    return (wire_flow){ f.x * (float)image->width_px / 2, f.y * (float)image->height_px / 2 };
}

/* --- events --------------------------------------------------------------------------------------------------------------- */

bool client_sensor_is_event(wire_sensor kind) { return kind == WIRE_SENSOR_COLLISION || kind == WIRE_SENSOR_OBSTACLE; }

/* The oldest event that decodes; one that does not is logged and passed over. */
static bool next_event(client *c, wire_actor_id sensor, wire_sensor kind, const wire_type *type, wire_header *h, void *value)
{
    client_stream *s = sensor ? client_stream_of(c, sensor) : NULL;
    while (s && s->kind == kind && s->count) {
        base_error err = { 0 };
        client_stream_advance(s);
        wire_memory_reset(c->sensor_memory);
        if (wire_object_read(h, type, value, s->current.data.data, s->current.data.bytes, c->version, c->sensor_memory, &err))
            return true;
        base_log_write(c->options.log, BASE_LOG_WARNING, "%s: %s", s->name, err.text);
    }
    return false;
}

bool client_collision_next(client *c, wire_actor_id sensor, client_collision *collision)
{
    wire_collision w;
    wire_header h;
    if (!next_event(c, sensor, WIRE_SENSOR_COLLISION, &wire_type_collision, &h, &w))
        return false;
    *collision =
        (client_collision){ h.frame, w.self.id, w.other.id, w.other.description.id, wire_vector3_to_vec3(w.normal_impulse) };
    return true;
}

bool client_obstacle_next(client *c, wire_actor_id sensor, client_obstacle *obstacle)
{
    wire_obstacle w;
    wire_header h;
    if (!next_event(c, sensor, WIRE_SENSOR_OBSTACLE, &wire_type_obstacle, &h, &w))
        return false;
    *obstacle = (client_obstacle){ h.frame, w.self.id, w.other.id, w.other.description.id, (double)w.distance };
    return true;
}

uint64_t client_dropped(const client *c) { return c->dropped; }
