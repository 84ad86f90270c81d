#include "sim/wire/stream.h"
#include "sim/wire/rpc.h"
#include "sim/wire/table.h"
#include <assert.h>
#include <string.h>

static const struct {
    const char *blueprint;
    int pixel_bytes;
    signed char index[WIRE_VERSION_COUNT]; /* SensorRegistry.h of the releases; 0.9.16: the type names in its released wheel */
} sensors[WIRE_SENSOR_COUNT] = {
    /*                                                                       0.9.13  14  15  16 */
    [WIRE_SENSOR_COLLISION] = { "sensor.other.collision", 0, { 0, 0, 0, 0 } },
    [WIRE_SENSOR_DEPTH] = { "sensor.camera.depth", 4, { 1, 1, 1, 1 } },
    [WIRE_SENSOR_NORMALS] = { "sensor.camera.normals", 4, { -1, 2, 2, 2 } },
    [WIRE_SENSOR_DVS] = { "sensor.camera.dvs", 0, { 2, 3, 3, 3 } },
    [WIRE_SENSOR_GNSS] = { "sensor.other.gnss", 0, { 3, 4, 4, 4 } },
    [WIRE_SENSOR_IMU] = { "sensor.other.imu", 0, { 4, 5, 5, 5 } },
    [WIRE_SENSOR_LANE_INVASION] = { "sensor.other.lane_invasion", 0, { 5, 6, 6, 6 } },
    [WIRE_SENSOR_OBSTACLE] = { "sensor.other.obstacle", 0, { 6, 7, 7, 7 } },
    [WIRE_SENSOR_OPTICAL_FLOW] = { "sensor.camera.optical_flow", 8, { 7, 8, 8, 8 } },
    [WIRE_SENSOR_RADAR] = { "sensor.other.radar", 0, { 8, 9, 9, 9 } },
    [WIRE_SENSOR_SEMANTIC_LIDAR] = { "sensor.lidar.ray_cast_semantic", 0, { 9, 10, 10, 10 } },
    [WIRE_SENSOR_LIDAR] = { "sensor.lidar.ray_cast", 0, { 10, 11, 11, 11 } },
    [WIRE_SENSOR_RSS] = { "sensor.other.rss", 0, { 11, 12, 12, 12 } },
    [WIRE_SENSOR_RGB] = { "sensor.camera.rgb", 4, { 12, 13, 13, 13 } },
    [WIRE_SENSOR_SEMANTIC] = { "sensor.camera.semantic_segmentation", 4, { 13, 14, 14, 14 } },
    [WIRE_SENSOR_INSTANCE] = { "sensor.camera.instance_segmentation", 4, { 14, 15, 15, 15 } },
    [WIRE_SENSOR_COSMOS] = { NULL, 4, { -1, -1, -1, 16 } },
    [WIRE_SENSOR_SNAPSHOT] = { NULL, 0, { 15, 16, 16, 17 } },
    [WIRE_SENSOR_GBUFFER_U8] = { NULL, 4, { -1, 17, 17, 18 } },
    [WIRE_SENSOR_GBUFFER_F32] = { NULL, 16, { -1, 18, 18, 19 } },
    [WIRE_SENSOR_V2X] = { "sensor.other.v2x", 0, { -1, -1, -1, 20 } },
    [WIRE_SENSOR_V2X_CUSTOM] = { "sensor.other.v2x_custom", 0, { -1, -1, -1, 21 } },
};

int wire_sensor_index(wire_sensor s, wire_version version) { return sensors[s].index[WIRE_VERSION_INDEX(version)]; }

wire_sensor wire_sensor_from_index(uint64_t index, wire_version version)
{
    int s = 0;
    while (s < WIRE_SENSOR_COUNT && (index > 127 || sensors[s].index[WIRE_VERSION_INDEX(version)] != (int)index))
        s++;
    return (wire_sensor)s;
}

const char *wire_sensor_blueprint(wire_sensor s) { return sensors[s].blueprint; }

wire_sensor wire_sensor_from_blueprint(const char *id)
{
    int s = 0;
    while (s < WIRE_SENSOR_COUNT && (!sensors[s].blueprint || strcmp(sensors[s].blueprint, id) != 0))
        s++;
    return (wire_sensor)s;
}

int wire_sensor_pixel_bytes(wire_sensor s) { return sensors[s].pixel_bytes; }

/* --- frames --------------------------------------------------------------------------------------------------------------- */

static void put_u32(uint8_t *dst, uint32_t x) { wire_packed_write(dst, &wire_type_u32, &x, WIRE_VERSION_LATEST); }
static uint32_t get_u32(const uint8_t *src)
{
    uint32_t x;
    wire_packed_read(src, &wire_type_u32, &x, WIRE_VERSION_LATEST);
    return x;
}

void wire_join_write(uint8_t dst[WIRE_JOIN_BYTES], uint32_t stream_id) { put_u32(dst, stream_id); }
uint32_t wire_join_read(const uint8_t src[WIRE_JOIN_BYTES]) { return get_u32(src); }

size_t wire_frame_begin(base_buffer *out)
{
    size_t start = out->bytes;
    base_buffer_append(out, &(uint32_t){ 0 }, WIRE_FRAME_PREFIX_BYTES);
    return start;
}

bool wire_frame_end(base_buffer *out, size_t start)
{
    size_t payload = out->bytes - start - WIRE_FRAME_PREFIX_BYTES;
    if (out->failed || payload > UINT32_MAX)
        return false;
    put_u32(out->data + start, (uint32_t)payload);
    return true;
}

bool wire_frame_look(const uint8_t *data, size_t bytes, size_t max_bytes, size_t *payload_bytes, base_error *err)
{
    *payload_bytes = 0;
    if (bytes < WIRE_FRAME_PREFIX_BYTES)
        return true;
    uint32_t n = get_u32(data);
    if (n == 0)
        return base_fail(err, BASE_FORMAT, "stream: a message of 0 bytes");
    if (n > max_bytes)
        return base_fail(err, BASE_FORMAT, "stream: a message of %u bytes, the bound is %zu", n, max_bytes);
    *payload_bytes = n;
    return true;
}

/* --- header --------------------------------------------------------------------------------------------------------------- */

static const wire_field fields_header[] = {
    FIELD(wire_header, sensor_type, u64),
    FIELD(wire_header, frame, u64),
    FIELD(wire_header, timestamp, f64),
    FIELD(wire_header, transform, transform),
};
STRUCT_TYPE(header);

bool wire_packed_append(base_buffer *out, const wire_type *type, const void *value, wire_version version, base_error *err)
{
    size_t n = wire_packed_bytes(type, version);
    uint8_t *dst = base_buffer_reserve(out, n);
    if (!dst)
        return base_fail(err, BASE_MEMORY, "%s: does not fit the output of at most %zu bytes", type->name, out->max_bytes);
    wire_packed_write(dst, type, value, version);
    out->bytes += n;
    return true;
}

bool wire_header_append(base_buffer *out, wire_sensor s, uint64_t frame, double timestamp, wire_transform t,
                        wire_version version, base_error *err)
{
    int index = wire_sensor_index(s, version);
    if (index < 0)
        return base_fail(err, BASE_UNSUPPORTED, "CARLA %s has no %s", wire_version_name(version),
                         sensors[s].blueprint ? sensors[s].blueprint : "such stream");
    wire_header h = { (uint64_t)index, frame, timestamp, t };
    return wire_packed_append(out, &wire_type_header, &h, version, err);
}

bool wire_header_read(wire_header *h, const uint8_t *message, size_t bytes, base_error *err)
{
    if (bytes < WIRE_HEADER_BYTES)
        return base_fail(err, BASE_FORMAT, "sensor message of %zu bytes, the header needs %d", bytes, WIRE_HEADER_BYTES);
    wire_packed_read(message, &wire_type_header, h, WIRE_VERSION_LATEST);
    return true;
}

bool wire_expect_sensor(wire_header *h, wire_sensor s, const uint8_t *message, size_t bytes, wire_version version,
                        base_error *err)
{
    if (!wire_header_read(h, message, bytes, err))
        return false;
    if (wire_sensor_from_index(h->sensor_type, version) != s)
        return base_fail(err, BASE_FORMAT, "sensor message: expected type %d, found %llu", wire_sensor_index(s, version),
                         (unsigned long long)h->sensor_type);
    return true;
}

/* --- world snapshot ------------------------------------------------------------------------------------------------------- */

static const wire_type wire_type_origin = { "map_origin", WIRE_KIND_I32, sizeof(int32_t), NULL, NULL, 0, NULL, 0 };
static const wire_field fields_snapshot[] = {
    FIELD(wire_snapshot, episode_id, u64),
    FIELD(wire_snapshot, platform_timestamp, f64),
    FIELD(wire_snapshot, delta_seconds, f32),
    { "map_origin_x", &wire_type_origin, offsetof(wire_snapshot, map_origin[0]), WIRE_0_9_13 },
    { "map_origin_y", &wire_type_origin, offsetof(wire_snapshot, map_origin[1]), WIRE_0_9_13 },
    { "map_origin_z", &wire_type_origin, offsetof(wire_snapshot, map_origin[2]), WIRE_0_9_13 },
    FIELD(wire_snapshot, simulation_state, u32),
};
STRUCT_TYPE(snapshot);

static const wire_type wire_type_actor_union = { "state", WIRE_KIND_CHARS, WIRE_ACTOR_UNION_BYTES, NULL, NULL, 0, NULL, 0 };
static const wire_field fields_actor_state[] = {
    FIELD(wire_actor_state, id, u32),
    FIELD(wire_actor_state, life, u8),
    FIELD(wire_actor_state, transform, transform),
    FIELD(wire_actor_state, velocity, vector3),
    FIELD(wire_actor_state, angular_velocity, vector3),
    FIELD(wire_actor_state, acceleration, vector3),
    FIELD(wire_actor_state, state, actor_union),
};
STRUCT_TYPE(actor_state);

static const wire_field fields_vehicle_state[] = {
    FIELD(wire_vehicle_state, control, vehicle_control), FIELD(wire_vehicle_state, speed_limit, f32),
    FIELD(wire_vehicle_state, traffic_light_state, u8),  FIELD(wire_vehicle_state, has_traffic_light, flag),
    FIELD(wire_vehicle_state, traffic_light_id, u32),    FIELD_SINCE(wire_vehicle_state, failure_state, u8, 14),
};
STRUCT_TYPE(vehicle_state);

static const wire_type wire_type_sign_id = { "sign_id", WIRE_KIND_CHARS, 32, NULL, NULL, 0, NULL, 0 };
static const wire_field fields_light_state[] = {
    FIELD(wire_light_state, sign_id, sign_id),     FIELD(wire_light_state, green_time, f32),
    FIELD(wire_light_state, yellow_time, f32),     FIELD(wire_light_state, red_time, f32),
    FIELD(wire_light_state, elapsed_time, f32),    FIELD(wire_light_state, pole_index, u32),
    FIELD(wire_light_state, time_is_frozen, flag), FIELD(wire_light_state, state, u8),
};
STRUCT_TYPE(light_state);
static const wire_field fields_sign_state[] = { FIELD(wire_sign_state, sign_id, sign_id) };
STRUCT_TYPE(sign_state);

static void union_write(wire_actor_state *a, const wire_type *type, const void *value, wire_version version)
{
    memset(a->state, 0, sizeof a->state);
    assert(wire_packed_bytes(type, version) <= sizeof a->state);
    wire_packed_write((uint8_t *)a->state, type, value, version);
}

static void union_read(void *value, const wire_type *type, const wire_actor_state *a, wire_version version)
{
    memset(value, 0, type->bytes);
    wire_packed_read((const uint8_t *)a->state, type, value, version);
}

void wire_vehicle_state_write(wire_actor_state *a, const wire_vehicle_state *s, wire_version v)
{
    union_write(a, &wire_type_vehicle_state, s, v);
}
void wire_vehicle_state_read(wire_vehicle_state *s, const wire_actor_state *a, wire_version v)
{
    union_read(s, &wire_type_vehicle_state, a, v);
}
void wire_light_state_write(wire_actor_state *a, const wire_light_state *s)
{
    union_write(a, &wire_type_light_state, s, WIRE_VERSION_LATEST);
}
void wire_light_state_read(wire_light_state *s, const wire_actor_state *a)
{
    union_read(s, &wire_type_light_state, a, WIRE_VERSION_LATEST);
}
void wire_sign_state_write(wire_actor_state *a, const wire_sign_state *s)
{
    union_write(a, &wire_type_sign_state, s, WIRE_VERSION_LATEST);
}
void wire_sign_state_read(wire_sign_state *s, const wire_actor_state *a)
{
    union_read(s, &wire_type_sign_state, a, WIRE_VERSION_LATEST);
}
void wire_walker_state_write(wire_actor_state *a, const wire_walker_control *s)
{
    union_write(a, &wire_type_walker_control, s, WIRE_VERSION_LATEST);
}
void wire_walker_state_read(wire_walker_control *s, const wire_actor_state *a)
{
    union_read(s, &wire_type_walker_control, a, WIRE_VERSION_LATEST);
}

bool wire_snapshot_append(base_buffer *out, uint64_t frame, double timestamp, const wire_snapshot *s,
                          const wire_actor_state *actors, size_t count, wire_version version, base_error *err)
{
    if (!wire_header_append(out, WIRE_SENSOR_SNAPSHOT, frame, timestamp, (wire_transform){ 0 }, version, err) ||
        !wire_packed_append(out, &wire_type_snapshot, s, version, err))
        return false;
    for (size_t i = 0; i < count; i++)
        if (!wire_packed_append(out, &wire_type_actor_state, &actors[i], version, err))
            return false;
    return true;
}

bool wire_snapshot_read(wire_header *h, wire_snapshot *s, size_t *count, const uint8_t *message, size_t bytes,
                        wire_version version, base_error *err)
{
    const size_t start = WIRE_HEADER_BYTES + WIRE_SNAPSHOT_BYTES;
    if (!wire_expect_sensor(h, WIRE_SENSOR_SNAPSHOT, message, bytes, version, err))
        return false;
    if (bytes < start || (bytes - start) % WIRE_ACTOR_STATE_BYTES)
        return base_fail(err, BASE_FORMAT, "snapshot of %zu bytes: expected %zu and a multiple of %d", bytes, start,
                         WIRE_ACTOR_STATE_BYTES);
    wire_packed_read(message + WIRE_HEADER_BYTES, &wire_type_snapshot, s, version);
    *count = (bytes - start) / WIRE_ACTOR_STATE_BYTES;
    return true;
}

static const uint8_t *record(const uint8_t *message, size_t i)
{
    return message + WIRE_HEADER_BYTES + WIRE_SNAPSHOT_BYTES + i * WIRE_ACTOR_STATE_BYTES;
}

wire_actor_id wire_snapshot_actor_id(const uint8_t *message, size_t i) { return get_u32(record(message, i)); }

void wire_snapshot_actor(wire_actor_state *a, const uint8_t *message, size_t i)
{
    wire_packed_read(record(message, i), &wire_type_actor_state, a, WIRE_VERSION_LATEST);
}

/* --- images --------------------------------------------------------------------------------------------------------------- */

static const wire_field fields_image[] = { FIELD(wire_image, width, u32), FIELD(wire_image, height, u32),
                                           FIELD(wire_image, fov, f32) };
STRUCT_TYPE(image);

bool wire_image_append(base_buffer *out, wire_sensor s, uint64_t frame, double timestamp, wire_transform t,
                       const wire_image *image, wire_version version, base_error *err)
{
    return wire_header_append(out, s, frame, timestamp, t, version, err) &&
           wire_packed_append(out, &wire_type_image, image, version, err);
}

bool wire_image_read(wire_header *h, wire_image *image, const uint8_t **pixels, const uint8_t *message, size_t bytes,
                     wire_version version, base_error *err)
{
    const size_t start = WIRE_HEADER_BYTES + WIRE_IMAGE_BYTES;
    if (!wire_header_read(h, message, bytes, err))
        return false;
    wire_sensor s = wire_sensor_from_index(h->sensor_type, version);
    int pixel_bytes = s < WIRE_SENSOR_COUNT ? sensors[s].pixel_bytes : 0;
    if (!pixel_bytes)
        return base_fail(err, BASE_FORMAT, "sensor message of type %llu is not an image", (unsigned long long)h->sensor_type);
    if (bytes < start)
        return base_fail(err, BASE_FORMAT, "image message of %zu bytes, the headers need %zu", bytes, start);
    wire_packed_read(message + WIRE_HEADER_BYTES, &wire_type_image, image, version);
    /* 2^32 x 2^32 x 16 does not fit 64 bits: compare by dividing */
    uint64_t row = (uint64_t)image->width * (uint64_t)pixel_bytes;
    if (row == 0 || image->height == 0 || (bytes - start) / row != image->height || (bytes - start) % row)
        return base_fail(err, BASE_FORMAT, "image of %u x %u pixels: expected %d bytes each, found %zu in all", image->width,
                         image->height, pixel_bytes, bytes - start);
    *pixels = message + start;
    return true;
}

#define DEPTH_STEPS 16777215.0 /* 2^24 - 1 */
#define DEPTH_FAR_M 1000.0

float wire_depth_decode(const uint8_t bgra[4])
{
    return (float)(DEPTH_FAR_M / DEPTH_STEPS * (double)(bgra[2] | (uint32_t)bgra[1] << 8 | (uint32_t)bgra[0] << 16));
}

void wire_depth_encode(uint8_t bgra[4], float metres)
{
    double d = metres >= DEPTH_FAR_M ? 1.0 : metres > 0 ? metres / DEPTH_FAR_M : 0.0;
    uint32_t n = (uint32_t)(d * DEPTH_STEPS + 0.5);
    bgra[2] = (uint8_t)n;
    bgra[1] = (uint8_t)(n >> 8);
    bgra[0] = (uint8_t)(n >> 16);
    bgra[3] = 255;
}

static const wire_field fields_flow[] = { FIELD(wire_flow, x, f32), FIELD(wire_flow, y, f32) };
static STRUCT_TYPE(flow);

void wire_flow_write(uint8_t dst[8], wire_flow f) { wire_packed_write(dst, &wire_type_flow, &f, WIRE_VERSION_LATEST); }
wire_flow wire_flow_read(const uint8_t src[8])
{
    wire_flow f;
    wire_packed_read(src, &wire_type_flow, &f, WIRE_VERSION_LATEST);
    return f;
}

/* --- small sensors -------------------------------------------------------------------------------------------------------- */

static const wire_field fields_collision[] = {
    FIELD(wire_collision, self, actor),
    FIELD(wire_collision, other, actor),
    FIELD(wire_collision, normal_impulse, vector3),
};
STRUCT_TYPE(collision);
static const wire_field fields_obstacle[] = {
    FIELD(wire_obstacle, self, actor),
    FIELD(wire_obstacle, other, actor),
    FIELD(wire_obstacle, distance, f32),
};
STRUCT_TYPE(obstacle);
static const wire_field fields_imu[] = { FIELD(wire_imu, accelerometer, vector3), FIELD(wire_imu, gyroscope, vector3),
                                         FIELD(wire_imu, compass, f32) };
STRUCT_TYPE(imu);

bool wire_object_append(base_buffer *out, wire_sensor s, uint64_t frame, double timestamp, wire_transform t,
                        const wire_type *type, const void *value, wire_version version, base_error *err)
{
    return wire_header_append(out, s, frame, timestamp, t, version, err) && wire_value_encode(out, type, value, version, err);
}

bool wire_object_read(wire_header *h, const wire_type *type, void *value, const uint8_t *message, size_t bytes,
                      wire_version version, wire_memory *m, base_error *err)
{
    return wire_header_read(h, message, bytes, err) &&
           wire_value_read(message + WIRE_HEADER_BYTES, bytes - WIRE_HEADER_BYTES, type, value, version, m, err);
}
