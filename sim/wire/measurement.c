/* Payloads of lidar, radar, DVS and V2X: records behind a short header. */
#include "sim/wire/stream.h"
#include "sim/wire/table.h"
#include <assert.h>
#include <string.h>

static uint32_t u32_at(const uint8_t *src)
{
    uint32_t x;
    wire_packed_read(src, &wire_type_u32, &x, WIRE_VERSION_LATEST);
    return x;
}

static const wire_field fields_lidar_point[] = {
    FIELD(wire_lidar_point, x, f32),
    FIELD(wire_lidar_point, y, f32),
    FIELD(wire_lidar_point, z, f32),
    FIELD(wire_lidar_point, intensity, f32),
};
STRUCT_TYPE(lidar_point);
static const wire_field fields_semantic_point[] = {
    FIELD(wire_semantic_point, x, f32),      FIELD(wire_semantic_point, y, f32),
    FIELD(wire_semantic_point, z, f32),      FIELD(wire_semantic_point, cos_incidence_angle, f32),
    FIELD(wire_semantic_point, object, u32), FIELD(wire_semantic_point, object_tag, u32),
};
STRUCT_TYPE(semantic_point);
static const wire_field fields_detection[] = {
    FIELD(wire_detection, velocity, f32),
    FIELD(wire_detection, azimuth, f32),
    FIELD(wire_detection, altitude, f32),
    FIELD(wire_detection, depth, f32),
};
STRUCT_TYPE(detection);
static const wire_field fields_event[] = { FIELD(wire_event, x, u16), FIELD(wire_event, y, u16), FIELD(wire_event, t, i64),
                                           FIELD(wire_event, pol, flag) };
STRUCT_TYPE(event);

void wire_record_read(void *value, const wire_records *r, size_t i)
{
    wire_packed_read(r->data + i * wire_packed_bytes(r->type, WIRE_VERSION_LATEST), r->type, value, WIRE_VERSION_LATEST);
}

static bool append_records(base_buffer *out, const wire_type *type, const void *records, size_t count, base_error *err)
{
    size_t each = wire_packed_bytes(type, WIRE_VERSION_LATEST), bytes;
    uint8_t *dst = __builtin_mul_overflow(each, count, &bytes) ? NULL : base_buffer_reserve(out, bytes);
    if (!dst)
        return base_fail(err, BASE_MEMORY, "%zu records of %s do not fit the output of at most %zu bytes", count, type->name,
                         out->max_bytes);
    out->bytes += bytes;
    /* Most records have no padding in C either; on a little-endian host they are their own wire form (a lidar has 10^5 a tick). */
    if (each == type->bytes && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__) {
        if (bytes)
            memcpy(dst, records, bytes);
        return true;
    }
    for (size_t i = 0; i < count; i++)
        wire_packed_write(dst + i * each, type, (const uint8_t *)records + i * type->bytes, WIRE_VERSION_LATEST);
    return true;
}

/* What is behind `start` as records of the type. */
static bool take_records(wire_records *r, const wire_type *type, const uint8_t *message, size_t bytes, size_t start,
                         base_error *err)
{
    size_t each = wire_packed_bytes(type, WIRE_VERSION_LATEST);
    if (bytes < start || (bytes - start) % each)
        return base_fail(err, BASE_FORMAT, "message of %zu bytes: expected %zu and a multiple of %zu for %ss", bytes, start,
                         each, type->name);
    *r = (wire_records){ message + start, (bytes - start) / each, type };
    return true;
}

#define LIDAR_BYTES 8 /* f32 angle, u32 channels; then a u32 per channel */

static const wire_type *point_type(wire_sensor s)
{
    return s == WIRE_SENSOR_LIDAR ? &wire_type_lidar_point : s == WIRE_SENSOR_SEMANTIC_LIDAR ? &wire_type_semantic_point : NULL;
}

bool wire_lidar_append(base_buffer *out, wire_sensor s, uint64_t frame, double timestamp, wire_transform t,
                       float horizontal_angle, const uint32_t *counts, uint32_t channels, const void *points,
                       wire_version version, base_error *err)
{
    const wire_type *type = point_type(s);
    assert(type);
    size_t total = 0;
    for (uint32_t i = 0; i < channels; i++)
        total += counts[i];
    return wire_header_append(out, s, frame, timestamp, t, version, err) &&
           wire_packed_append(out, &wire_type_f32, &horizontal_angle, version, err) &&
           wire_packed_append(out, &wire_type_u32, &channels, version, err) &&
           append_records(out, &wire_type_u32, counts, channels, err) && append_records(out, type, points, total, err);
}

bool wire_lidar_read(wire_header *h, float *horizontal_angle, wire_records *channels, wire_records *points,
                     const uint8_t *message, size_t bytes, wire_version version, base_error *err)
{
    const size_t start = WIRE_HEADER_BYTES + LIDAR_BYTES;
    if (!wire_header_read(h, message, bytes, err))
        return false;
    const wire_type *type = point_type(wire_sensor_from_index(h->sensor_type, version));
    if (!type)
        return base_fail(err, BASE_FORMAT, "sensor message of type %llu is not of a lidar", (unsigned long long)h->sensor_type);
    if (bytes < start)
        return base_fail(err, BASE_FORMAT, "lidar message of %zu bytes, the headers need %zu", bytes, start);
    wire_packed_read(message + WIRE_HEADER_BYTES, &wire_type_f32, horizontal_angle, version);
    uint32_t count = u32_at(message + WIRE_HEADER_BYTES + sizeof(float));
    if (count > (bytes - start) / sizeof(uint32_t))
        return base_fail(err, BASE_FORMAT, "lidar message of %zu bytes is too short for its %u channels", bytes, count);
    *channels = (wire_records){ message + start, count, &wire_type_u32 };
    if (!take_records(points, type, message, bytes, start + count * sizeof(uint32_t), err))
        return false;
    uint64_t total = 0;
    for (uint32_t i = 0; i < count; i++)
        total += u32_at(channels->data + i * sizeof(uint32_t));
    if (total != points->count)
        return base_fail(err, BASE_FORMAT, "lidar message: its %u channels count %llu points, there are %zu", count,
                         (unsigned long long)total, points->count);
    return true;
}

bool wire_radar_append(base_buffer *out, uint64_t frame, double timestamp, wire_transform t, const wire_detection *detections,
                       size_t count, wire_version version, base_error *err)
{
    return wire_header_append(out, WIRE_SENSOR_RADAR, frame, timestamp, t, version, err) &&
           append_records(out, &wire_type_detection, detections, count, err);
}

bool wire_radar_read(wire_header *h, wire_records *detections, const uint8_t *message, size_t bytes, wire_version version,
                     base_error *err)
{
    return wire_expect_sensor(h, WIRE_SENSOR_RADAR, message, bytes, version, err) &&
           take_records(detections, &wire_type_detection, message, bytes, WIRE_HEADER_BYTES, err);
}

bool wire_dvs_append(base_buffer *out, uint64_t frame, double timestamp, wire_transform t, const wire_image *image,
                     const wire_event *events, size_t count, wire_version version, base_error *err)
{
    return wire_image_append(out, WIRE_SENSOR_DVS, frame, timestamp, t, image, version, err) &&
           append_records(out, &wire_type_event, events, count, err);
}

bool wire_dvs_read(wire_header *h, wire_image *image, wire_records *events, const uint8_t *message, size_t bytes,
                   wire_version version, base_error *err)
{
    const size_t start = WIRE_HEADER_BYTES + WIRE_IMAGE_BYTES;
    if (!wire_expect_sensor(h, WIRE_SENSOR_DVS, message, bytes, version, err) ||
        !take_records(events, &wire_type_event, message, bytes, start, err))
        return false;
    wire_packed_read(message + WIRE_HEADER_BYTES, &wire_type_image, image, version);
    for (size_t i = 0; i < events->count; i++) {
        wire_event e;
        wire_record_read(&e, events, i);
        if (e.x >= image->width || e.y >= image->height)
            return base_fail(err, BASE_FORMAT, "DVS event %zu at %u, %u is outside the image of %u x %u", i, e.x, e.y,
                             image->width, image->height);
    }
    return true;
}

/* --- V2X ---- */
/* The structs of 0.9.16's LibITS.h as its compiler laid them out on x86-64 (the debug information of the released client): 464 and 136
 * bytes a message. Two of them hold a C++ vector, whose pointers mean nothing to the receiver; they travel as zeros. */
static const wire_field fields_its_header[] = {
    FIELD(wire_its_header, protocol_version, i64),
    FIELD(wire_its_header, message_id, i64),
    FIELD(wire_its_header, station_id, i64),
};
static STRUCT_TYPE(its_header);
static const wire_field fields_its_value[] = { FIELD(wire_its_value, value, i64), FIELD(wire_its_value, confidence, i64) };
static STRUCT_TYPE(its_value);

#define ZERO(bytes) static const wire_type wire_type_zero##bytes = { "zero", WIRE_KIND_CHARS, bytes, NULL, NULL, 0, NULL, 0 }
ZERO(4);
ZERO(5);
ZERO(7);
ZERO(24);
static const wire_field fields_cam[] = {
    FIELD(wire_cam, power, f32),
    FIELD(wire_cam, zero_1, zero4),
    FIELD(wire_cam, header, its_header),
    FIELD(wire_cam, generation_delta_time, i64),
    FIELD(wire_cam, station_type, i64),
    FIELD(wire_cam, latitude, i64),
    FIELD(wire_cam, longitude, i64),
    FIELD(wire_cam, semi_major_confidence, i64),
    FIELD(wire_cam, semi_minor_confidence, i64),
    FIELD(wire_cam, semi_major_orientation, i64),
    FIELD(wire_cam, altitude, its_value),
    FIELD(wire_cam, high_frequency_present, i64),
    FIELD(wire_cam, heading, its_value),
    FIELD(wire_cam, speed, its_value),
    FIELD(wire_cam, drive_direction, i64),
    FIELD(wire_cam, vehicle_length, its_value),
    FIELD(wire_cam, vehicle_width, i64),
    FIELD(wire_cam, longitudinal_acceleration, its_value),
    FIELD(wire_cam, curvature, its_value),
    FIELD(wire_cam, curvature_calculation_mode, i64),
    FIELD(wire_cam, yaw_rate, its_value),
    FIELD(wire_cam, has_acceleration_control, flag),
    FIELD(wire_cam, acceleration_control, u8),
    FIELD(wire_cam, has_lane_position, flag),
    FIELD(wire_cam, zero_2, zero5),
    FIELD(wire_cam, lane_position, i64),
    FIELD(wire_cam, has_steering_wheel_angle, flag),
    FIELD(wire_cam, zero_3, zero7),
    FIELD(wire_cam, steering_wheel_angle, its_value),
    FIELD(wire_cam, has_lateral_acceleration, flag),
    FIELD(wire_cam, zero_4, zero7),
    FIELD(wire_cam, lateral_acceleration, its_value),
    FIELD(wire_cam, has_vertical_acceleration, flag),
    FIELD(wire_cam, zero_5, zero7),
    FIELD(wire_cam, vertical_acceleration, its_value),
    FIELD(wire_cam, has_performance_class, flag),
    FIELD(wire_cam, zero_6, zero7),
    FIELD(wire_cam, performance_class, i64),
    FIELD(wire_cam, has_tolling_zone, flag),
    FIELD(wire_cam, zero_7, zero7),
    FIELD(wire_cam, tolling_zone_latitude, i64),
    FIELD(wire_cam, tolling_zone_longitude, i64),
    FIELD(wire_cam, tolling_zone_id, i64),
    FIELD(wire_cam, has_tolling_zone_id, flag),
    FIELD(wire_cam, zero_8, zero7),
    FIELD(wire_cam, protected_zone_count, i64),
    FIELD(wire_cam, zero_9, zero24),
    FIELD(wire_cam, low_frequency_present, i64),
    FIELD(wire_cam, vehicle_role, i64),
    FIELD(wire_cam, exterior_lights, u8),
    FIELD(wire_cam, zero_10, zero7),
    FIELD(wire_cam, path_point_count, i64),
    FIELD(wire_cam, zero_11, zero24),
};
STRUCT_TYPE(cam);
static const wire_type wire_type_message_text = { "message", WIRE_KIND_CHARS, 100, NULL, NULL, 0, NULL, 0 };
static const wire_field fields_v2x_message[] = {
    FIELD(wire_v2x_message, power, f32),         FIELD(wire_v2x_message, zero_1, zero4),
    FIELD(wire_v2x_message, header, its_header), FIELD(wire_v2x_message, message, message_text),
    FIELD(wire_v2x_message, zero_2, zero4),
};
STRUCT_TYPE(v2x_message);

static const wire_type *v2x_type(wire_sensor s)
{
    return s == WIRE_SENSOR_V2X ? &wire_type_cam : s == WIRE_SENSOR_V2X_CUSTOM ? &wire_type_v2x_message : NULL;
}

bool wire_v2x_append(base_buffer *out, wire_sensor s, uint64_t frame, double timestamp, wire_transform t, const void *messages,
                     size_t count, wire_version version, base_error *err)
{
    const wire_type *type = v2x_type(s);
    assert(type);
    return wire_header_append(out, s, frame, timestamp, t, version, err) && append_records(out, type, messages, count, err);
}

bool wire_v2x_read(wire_header *h, wire_records *messages, const uint8_t *message, size_t bytes, wire_version version,
                   base_error *err)
{
    if (!wire_header_read(h, message, bytes, err))
        return false;
    const wire_type *type = v2x_type(wire_sensor_from_index(h->sensor_type, version));
    if (!type)
        return base_fail(err, BASE_FORMAT, "sensor message of type %llu is not of a V2X sensor",
                         (unsigned long long)h->sensor_type);
    return take_records(messages, type, message, bytes, WIRE_HEADER_BYTES, err);
}
