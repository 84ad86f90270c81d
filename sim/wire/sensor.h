/* sim/wire/sensor.h — the streaming port: joining a stream, frames, the 48-byte header and the payloads behind it.
 *
 *     client, once:     u32 stream id
 *     server, per tick: u32 bytes, then as many: header (48 bytes) + payload
 *
 * All numbers little-endian, records packed. The lane-invasion and RSS sensors have a stream but never send: CARLA's client computes
 * them. Which sensor a message comes from is a number that changed between releases. */
#ifndef SIM_WIRE_SENSOR_H
#define SIM_WIRE_SENSOR_H
#include "sim/wire/types.h"

typedef enum wire_sensor { /* our numbers */
                           WIRE_SENSOR_COLLISION,
                           WIRE_SENSOR_DEPTH,
                           WIRE_SENSOR_NORMALS,
                           WIRE_SENSOR_DVS,
                           WIRE_SENSOR_GNSS,
                           WIRE_SENSOR_IMU,
                           WIRE_SENSOR_LANE_INVASION,
                           WIRE_SENSOR_OBSTACLE,
                           WIRE_SENSOR_OPTICAL_FLOW,
                           WIRE_SENSOR_RADAR,
                           WIRE_SENSOR_SEMANTIC_LIDAR,
                           WIRE_SENSOR_LIDAR,
                           WIRE_SENSOR_RSS,
                           WIRE_SENSOR_RGB,
                           WIRE_SENSOR_SEMANTIC,
                           WIRE_SENSOR_INSTANCE,
                           WIRE_SENSOR_COSMOS, /* 0.9.16's control image for NVIDIA Cosmos; pushed the numbers behind it up by one */
                           WIRE_SENSOR_SNAPSHOT,
                           WIRE_SENSOR_GBUFFER_U8,
                           WIRE_SENSOR_GBUFFER_F32,
                           WIRE_SENSOR_V2X,
                           WIRE_SENSOR_V2X_CUSTOM,
                           WIRE_SENSOR_COUNT
} wire_sensor;
/* Number on the wire, -1 when the release does not have the sensor. */
int wire_sensor_index(wire_sensor s, wire_version version);
/* WIRE_SENSOR_COUNT when no sensor of the release has that number. */
wire_sensor wire_sensor_from_index(uint64_t index, wire_version version);
/* "sensor.camera.rgb"; NULL where there is no blueprint (snapshot, g-buffers). */
const char *wire_sensor_blueprint(wire_sensor s);
wire_sensor wire_sensor_from_blueprint(const char *id); /* WIRE_SENSOR_COUNT: not a sensor's id */
/* Pixel bytes of the image sensors (rgb, depth, semantic, instance, normals: 4; flow: 8), 0 for others. */
int wire_sensor_pixel_bytes(wire_sensor s);

/* --- frames --------------------------------------------------------------------------------------------------------------- */
#define WIRE_STREAM_SNAPSHOT 1u /* the stream id of the world snapshot */
#define WIRE_JOIN_BYTES      4
void wire_join_write(uint8_t dst[WIRE_JOIN_BYTES], uint32_t stream_id);
uint32_t wire_join_read(const uint8_t src[WIRE_JOIN_BYTES]);

#define WIRE_FRAME_PREFIX_BYTES 4
#define WIRE_FRAME_MAX_BYTES    ((size_t)256 << 20) /* 8K float images are 133 MB */
/* Write the length in front of what was appended since `start` = out->bytes before wire_frame_begin. */
size_t wire_frame_begin(base_buffer *out);
bool wire_frame_end(base_buffer *out, size_t start);
/* Look at the front of `data`: true and *payload_bytes set when the prefix is there; *payload_bytes is then what follows it. Lengths of 0
 * or above max_bytes are errors; with fewer than four bytes *payload_bytes is 0 and true is returned. */
bool wire_frame_look(const uint8_t *data, size_t bytes, size_t max_bytes, size_t *payload_bytes, base_error *err);

/* --- header --------------------------------------------------------------------------------------------------------------- */
typedef struct wire_header {
    uint64_t sensor_type; /* number on the wire */
    uint64_t frame;
    double timestamp;         /* simulation seconds of the episode */
    wire_transform transform; /* of the sensor in the world */
} wire_header;
#define WIRE_HEADER_BYTES 48
bool wire_header_append(base_buffer *out, wire_sensor s, uint64_t frame, double timestamp, wire_transform t,
                        wire_version version, base_error *err);
bool wire_header_read(wire_header *h, const uint8_t *message, size_t bytes, base_error *err);

/* --- world snapshot ------------------------------------------------------------------------------------------------------- */
typedef struct wire_snapshot {
    uint64_t episode_id;
    double platform_timestamp; /* wall clock of the server */
    float delta_seconds;
    int32_t map_origin[3];
    uint32_t simulation_state; /* bits below */
} wire_snapshot;
#define WIRE_STATE_MAP_CHANGE   1u
#define WIRE_STATE_LIGHT_UPDATE 2u
#define WIRE_SNAPSHOT_BYTES     36
#define WIRE_ACTOR_STATE_BYTES  119
#define WIRE_ACTOR_UNION_BYTES  54

typedef struct wire_actor_state {
    wire_actor_id id;
    uint8_t life; /* wire_actor_life */
    wire_transform transform;
    wire_vector3 velocity;              /* m/s, world */
    wire_vector3 angular_velocity;      /* deg/s, world */
    wire_vector3 acceleration;          /* m/s2, world */
    char state[WIRE_ACTOR_UNION_BYTES]; /* packed, by kind of actor: see below; zero for sensors and the spectator */
} wire_actor_state;

typedef struct wire_vehicle_state {
    wire_vehicle_control control; /* as the server applied it */
    float speed_limit;            /* km/h */
    uint8_t traffic_light_state;  /* wire_light_color */
    bool has_traffic_light;
    wire_actor_id traffic_light_id;
    uint8_t failure_state; /* since 0.9.14 */
} wire_vehicle_state;
typedef struct wire_light_state { /* of a traffic light */
    char sign_id[32];             /* OpenDRIVE signal id; unterminated when 32 characters long */
    float green_time, yellow_time, red_time, elapsed_time;
    uint32_t pole_index;
    bool time_is_frozen;
    uint8_t state; /* wire_light_color */
} wire_light_state;
typedef struct wire_sign_state {
    char sign_id[32];
} wire_sign_state;

/* Which of the three applies is known from the actor's blueprint id, not from the bytes. */
void wire_vehicle_state_write(wire_actor_state *a, const wire_vehicle_state *s, wire_version version);
void wire_vehicle_state_read(wire_vehicle_state *s, const wire_actor_state *a, wire_version version);
void wire_light_state_write(wire_actor_state *a, const wire_light_state *s);
void wire_light_state_read(wire_light_state *s, const wire_actor_state *a);
void wire_sign_state_write(wire_actor_state *a, const wire_sign_state *s);
void wire_sign_state_read(wire_sign_state *s, const wire_actor_state *a);
void wire_walker_state_write(wire_actor_state *a, const wire_walker_control *s);
void wire_walker_state_read(wire_walker_control *s, const wire_actor_state *a);

/* Header, snapshot and actors as one message (without the frame prefix). */
bool wire_snapshot_append(base_buffer *out, uint64_t frame, double timestamp, const wire_snapshot *s,
                          const wire_actor_state *actors, size_t count, wire_version version, base_error *err);
/* *count actors follow, to be read one by one. Both are errors: a message too short, a torn last record. */
bool wire_snapshot_read(wire_header *h, wire_snapshot *s, size_t *count, const uint8_t *message, size_t bytes,
                        wire_version version, base_error *err);
wire_actor_id wire_snapshot_actor_id(const uint8_t *message, size_t i);          /* i < *count */
void wire_snapshot_actor(wire_actor_state *a, const uint8_t *message, size_t i); /* i < *count */

/* --- images --------------------------------------------------------------------------------------------------------------- */
typedef struct wire_image {
    uint32_t width, height;
    float fov; /* horizontal, degrees */
} wire_image;
#define WIRE_IMAGE_BYTES 12 /* pixels begin at offset 60 of the message */
/* Header and image header; the caller appends width*height*pixel_bytes of pixels, rows packed, top row first, B G R A. */
bool wire_image_append(base_buffer *out, wire_sensor s, uint64_t frame, double timestamp, wire_transform t,
                       const wire_image *image, wire_version version, base_error *err);
/* *pixels points into the message; its size was checked against width and height. */
bool wire_image_read(wire_header *h, wire_image *image, const uint8_t **pixels, const uint8_t *message, size_t bytes,
                     wire_version version, base_error *err);
/* A pixel of optical flow: motion as a share of half the image, that is pixels = x * width / 2, y * height / 2. 8 bytes on the wire. */
typedef struct wire_flow {
    float x, y;
} wire_flow;
void wire_flow_write(uint8_t dst[8], wire_flow f);
wire_flow wire_flow_read(const uint8_t src[8]);
/* Depth in metres of one depth pixel (planar, along the camera's x), and back; 1000 m is the far plane. */
float wire_depth_decode(const uint8_t bgra[4]);
void wire_depth_encode(uint8_t bgra[4], float metres);

/* --- measurements: records without padding behind a short header ---------------------------------------------------------- */
typedef struct wire_lidar_point { /* sensor frame, metres */
    float x, y, z;
    float intensity; /* 0..1 */
} wire_lidar_point;
typedef struct wire_semantic_point {
    float x, y, z;
    float cos_incidence_angle;
    uint32_t object;     /* actor id; 0: no actor */
    uint32_t object_tag; /* the release's semantic tag */
} wire_semantic_point;
typedef struct wire_detection { /* of a radar */
    float velocity;             /* m/s along the ray, positive: moving away */
    float azimuth, altitude;    /* rad, from the sensor's forward axis */
    float depth;                /* metres */
} wire_detection;
typedef struct wire_event { /* of a DVS camera */
    uint16_t x, y;          /* pixels */
    int64_t t;              /* nanoseconds of simulation */
    bool pol;               /* brighter */
} wire_event;
extern const wire_type wire_type_lidar_point, wire_type_semantic_point, wire_type_detection, wire_type_event;

/* Records inside a received message, which they borrow; wire_record_read copies one out (i < count). */
typedef struct wire_records {
    const uint8_t *data;
    size_t count;
    const wire_type *type;
} wire_records;
void wire_record_read(void *record, const wire_records *r, size_t i);

/* Both lidars. counts[channels]: points of each channel, top channel first; points: as many in all, channel after channel, of
 * wire_lidar_point for WIRE_SENSOR_LIDAR and wire_semantic_point for WIRE_SENSOR_SEMANTIC_LIDAR. horizontal_angle: rad, where the head
 * stands at the end of this measurement. */
bool wire_lidar_append(base_buffer *out, wire_sensor s, uint64_t frame, double timestamp, wire_transform t,
                       float horizontal_angle, const uint32_t *counts, uint32_t channels, const void *points,
                       wire_version version, base_error *err);
/* points->type says which of the two it is; channels holds u32 counts whose sum was checked against the points. */
bool wire_lidar_read(wire_header *h, float *horizontal_angle, wire_records *channels, wire_records *points,
                     const uint8_t *message, size_t bytes, wire_version version, base_error *err);
bool wire_radar_append(base_buffer *out, uint64_t frame, double timestamp, wire_transform t, const wire_detection *detections,
                       size_t count, wire_version version, base_error *err);
bool wire_radar_read(wire_header *h, wire_records *detections, const uint8_t *message, size_t bytes, wire_version version,
                     base_error *err);
/* CARLA sends no message in a tick without events. Events outside the image are refused when read. */
bool wire_dvs_append(base_buffer *out, uint64_t frame, double timestamp, wire_transform t, const wire_image *image,
                     const wire_event *events, size_t count, wire_version version, base_error *err);
bool wire_dvs_read(wire_header *h, wire_image *image, wire_records *events, const uint8_t *message, size_t bytes,
                   wire_version version, base_error *err);

/* --- V2X ------------------------------------------------------------------------------------------------------------------ */
typedef struct wire_its_header {
    int64_t protocol_version, message_id, station_id;
} wire_its_header;
typedef struct wire_its_value {
    int64_t value, confidence;
} wire_its_value;
typedef struct
    wire_cam {   /* since 0.9.16; cooperative awareness message of ETSI EN 302 637-2, its units. zero_N: compiler padding */
    float power; /* dBm, received */
    char zero_1[4];
    wire_its_header header;
    int64_t generation_delta_time; /* ms, modulo 65,536 */
    int64_t station_type;          /* 5: passenger car, 15: road side unit */
    int64_t latitude;              /* 1e-7 degrees */
    int64_t longitude;             /* 1e-7 degrees */
    int64_t semi_major_confidence;
    int64_t semi_minor_confidence;
    int64_t semi_major_orientation; /* 0.1 degrees */
    wire_its_value altitude;        /* centimetres */
    int64_t high_frequency_present; /* 0: nothing, 1: the vehicle fields down to has_tolling_zone_id, 2: the road side unit's */
    wire_its_value heading;         /* 0.1 degrees from north, clockwise */
    wire_its_value speed;           /* cm/s */
    int64_t drive_direction;        /* 0 forward, 1 backward */
    wire_its_value vehicle_length;  /* decimetres */
    int64_t vehicle_width;          /* decimetres */
    wire_its_value longitudinal_acceleration; /* 0.1 m/s2 */
    wire_its_value curvature;                 /* 1e-4 1/m */
    int64_t curvature_calculation_mode;
    wire_its_value yaw_rate; /* 0.01 degrees/s */
    bool has_acceleration_control;
    uint8_t acceleration_control; /* bits: brake, gas, emergency brake, collision warning, ACC, cruise, limiter */
    bool has_lane_position;
    char zero_2[5];
    int64_t lane_position;
    bool has_steering_wheel_angle;
    char zero_3[7];
    wire_its_value steering_wheel_angle; /* 1.5 degrees */
    bool has_lateral_acceleration;
    char zero_4[7];
    wire_its_value lateral_acceleration;
    bool has_vertical_acceleration;
    char zero_5[7];
    wire_its_value vertical_acceleration;
    bool has_performance_class;
    char zero_6[7];
    int64_t performance_class;
    bool has_tolling_zone;
    char zero_7[7];
    int64_t tolling_zone_latitude;
    int64_t tolling_zone_longitude;
    int64_t tolling_zone_id;
    bool has_tolling_zone_id;
    char zero_8[7];
    int64_t protected_zone_count; /* 0: the zones themselves cannot travel */
    char zero_9[24];
    int64_t low_frequency_present; /* 0: nothing, 1: the fields below */
    int64_t vehicle_role;
    uint8_t exterior_lights; /* bits */
    char zero_10[7];
    int64_t path_point_count; /* 0, as above */
    char zero_11[24];
} wire_cam;
typedef struct wire_v2x_message { /* since 0.9.16; of sensor.other.v2x_custom */
    float power;
    char zero_1[4];
    wire_its_header header;
    char message[100]; /* zero-padded text */
    char zero_2[4];
} wire_v2x_message;
extern const wire_type wire_type_cam, wire_type_v2x_message;
/* messages: wire_cam for WIRE_SENSOR_V2X, wire_v2x_message for WIRE_SENSOR_V2X_CUSTOM; what was received since the last tick. */
bool wire_v2x_append(base_buffer *out, wire_sensor s, uint64_t frame, double timestamp, wire_transform t, const void *messages,
                     size_t count, wire_version version, base_error *err);
bool wire_v2x_read(wire_header *h, wire_records *messages, const uint8_t *message, size_t bytes, wire_version version,
                   base_error *err);

/* --- small sensors: one msgpack object behind the header ------------------------------------------------------------------ */
typedef struct wire_collision {
    wire_actor self, other;
    wire_vector3 normal_impulse;
} wire_collision; /* N s */
typedef struct wire_obstacle {
    wire_actor self, other;
    float distance;
} wire_obstacle;
typedef struct wire_imu {
    wire_vector3 accelerometer; /* m/s2, sensor frame, with the reaction to gravity on z */
    wire_vector3 gyroscope;     /* rad/s, sensor frame */
    float compass;              /* rad, 0 = north = -y, clockwise */
} wire_imu;
extern const wire_type wire_type_collision, wire_type_obstacle, wire_type_imu; /* GNSS: wire_type_geo_location */

bool wire_object_append(base_buffer *out, wire_sensor s, uint64_t frame, double timestamp, wire_transform t,
                        const wire_type *type, const void *value, wire_version version, base_error *err);
bool wire_object_read(wire_header *h, const wire_type *type, void *value, const uint8_t *message, size_t bytes,
                      wire_version version, wire_memory *m, base_error *err);

extern const wire_type wire_type_header, wire_type_snapshot, wire_type_actor_state, wire_type_vehicle_state,
    wire_type_light_state, wire_type_sign_state, wire_type_image;
#endif
