/* sim/wire/types.h — CARLA's value types as plain C structs, each with its wire_type.
 *
 * Field order here is the order on the wire. Units: metres, degrees, seconds, m/s unless a field says otherwise; CARLA's left-handed
 * frame (x forward, y right, z up). Text and lists of decoded values are borrowed from the wire_memory they were decoded into.
 * "since 0.9.x" after a field or a struct: earlier releases do not have it. */
#ifndef SIM_WIRE_TYPES_H
#define SIM_WIRE_TYPES_H
#include "base/geom.h"
#include "sim/wire/value.h"

typedef uint32_t wire_actor_id; /* 0: no actor */

/* --- geometry ----------------------------------------------------------------------------------------------------------- */
typedef struct wire_vector2 {
    float x, y;
} wire_vector2;
typedef struct wire_vector3 {
    float x, y, z;
} wire_vector3;
typedef struct wire_rotation {
    float pitch, yaw, roll;
} wire_rotation; /* degrees; this order everywhere on the wire */
typedef struct wire_transform {
    wire_vector3 location;
    wire_rotation rotation;
} wire_transform;
typedef struct wire_bounding_box {
    wire_vector3 location; /* centre, relative to the actor (level boxes: in the world) */
    wire_vector3 extent;   /* half sizes */
    wire_rotation rotation;
    wire_actor_id actor_id; /* since 0.9.16 */
} wire_bounding_box;
typedef struct wire_geo_location {
    double latitude, longitude, altitude;
} wire_geo_location; /* degrees, degrees, metres */
typedef struct wire_color {
    uint8_t r, g, b;
} wire_color;
typedef struct wire_float_color {
    float r, g, b, a;
} wire_float_color;

base_vec3 wire_vector3_to_vec3(wire_vector3 v);
wire_vector3 wire_vector3_from_vec3(base_vec3 v);
base_pose wire_transform_to_pose(wire_transform t);
wire_transform wire_transform_from_pose(base_pose p);

/* --- lists and optionals -------------------------------------------------------------------------------------------------- */
typedef struct wire_text_list {
    const char **items;
    size_t count;
} wire_text_list;
typedef struct wire_u32_list {
    uint32_t *items;
    size_t count;
} wire_u32_list;
typedef struct wire_u64_list {
    uint64_t *items;
    size_t count;
} wire_u64_list;
typedef struct wire_vector2_list {
    wire_vector2 *items;
    size_t count;
} wire_vector2_list;
typedef struct wire_transform_list {
    wire_transform *items;
    size_t count;
} wire_transform_list;
typedef struct wire_bounding_box_list {
    wire_bounding_box *items;
    size_t count;
} wire_bounding_box_list;
typedef struct wire_optional_f64 {
    bool has;
    double value;
} wire_optional_f64;
typedef struct wire_optional_u32 {
    bool has;
    uint32_t value;
} wire_optional_u32;

/* --- actors and blueprints ------------------------------------------------------------------------------------------------ */
typedef enum wire_attribute_type { /* numbered as in 0.9.16; earlier releases send one less */
                                   WIRE_ATTRIBUTE_BOOL = 1,
                                   WIRE_ATTRIBUTE_INT = 2,
                                   WIRE_ATTRIBUTE_FLOAT = 3,
                                   WIRE_ATTRIBUTE_TEXT = 4,
                                   WIRE_ATTRIBUTE_COLOR = 5 /* "255,0,0" */
} wire_attribute_type;

typedef struct wire_attribute_value { /* of an actor */
    const char *id;
    uint8_t type;      /* wire_attribute_type */
    const char *value; /* always text: "800", "90.0", "true", "255,0,0" */
} wire_attribute_value;
typedef struct wire_attribute_value_list {
    wire_attribute_value *items;
    size_t count;
} wire_attribute_value_list;

typedef struct wire_actor_description { /* what a client sends to spawn */
    uint32_t uid;                       /* of the definition */
    const char *id;                     /* "vehicle.tesla.model3" */
    wire_attribute_value_list attributes;
} wire_actor_description;

typedef struct wire_attribute { /* of a blueprint */
    const char *id;
    uint8_t type;
    const char *value;
    wire_text_list recommended_values;
    bool is_modifiable;
    bool restrict_to_recommended;
} wire_attribute;
typedef struct wire_attribute_list {
    wire_attribute *items;
    size_t count;
} wire_attribute_list;

typedef struct wire_actor_definition {
    uint32_t uid; /* 1-based position in the list of definitions */
    const char *id;
    const char *tags; /* comma separated */
    wire_attribute_list attributes;
} wire_actor_definition;
typedef struct wire_actor_definition_list {
    wire_actor_definition *items;
    size_t count;
} wire_actor_definition_list;

typedef struct wire_actor {
    wire_actor_id id, parent_id;
    wire_actor_description description;
    wire_bounding_box bounding_box;
    wire_bytes semantic_tags; /* one byte per tag */
    wire_bytes stream_token;  /* empty, or 24 bytes for sensors: wire_token_read */
} wire_actor;
typedef struct wire_actor_list {
    wire_actor *items;
    size_t count;
} wire_actor_list;

typedef enum wire_attachment {
    WIRE_ATTACH_RIGID = 0,
    WIRE_ATTACH_SPRING_ARM = 1,
    WIRE_ATTACH_SPRING_ARM_GHOST = 2 /* 14 */
} wire_attachment;
typedef enum wire_actor_life {
    WIRE_ACTOR_INVALID = 0,
    WIRE_ACTOR_ACTIVE = 1,
    WIRE_ACTOR_DORMANT = 2,
    WIRE_ACTOR_PENDING_KILL = 3
} wire_actor_life;

/* --- episode and map ------------------------------------------------------------------------------------------------------ */
typedef struct wire_token { /* where a stream is; 24 packed bytes, little-endian */
    uint32_t stream_id;     /* 1: the world snapshot */
    uint16_t port;
    uint8_t protocol;     /* 1: TCP */
    uint8_t address_type; /* 0: the host of the RPC connection, 1: IPv4, 2: IPv6 */
    uint8_t address[16];  /* IPv4: first 4 bytes, network order */
} wire_token;
#define WIRE_TOKEN_BYTES 24
void wire_token_write(const wire_token *t, uint8_t dst[WIRE_TOKEN_BYTES]);
/* False when the field does not hold exactly 24 bytes, that is, the actor has no stream. */
bool wire_token_read(wire_token *t, wire_bytes field);

typedef struct wire_episode_info {
    uint64_t id; /* random, new for every loaded episode */
    wire_token token;
} wire_episode_info;

typedef struct wire_map_info {
    const char *name; /* "Carla/Maps/Town03" */
    wire_transform_list recommended_spawn_points;
} wire_map_info;

typedef struct wire_episode_settings {
    bool synchronous_mode, no_rendering_mode;
    wire_optional_f64 fixed_delta_seconds;
    bool substepping;
    double max_substep_delta_time;
    int32_t max_substeps;
    float max_culling_distance;
    bool deterministic_ragdolls;
    float tile_stream_distance, actor_active_distance;
    bool spectator_as_ego; /* since 0.9.15 */
} wire_episode_settings;
wire_episode_settings wire_episode_settings_default(void);

typedef struct wire_opendrive_parameters {
    double vertex_distance, max_road_length, wall_height, additional_width;
    bool smooth_junctions, enable_mesh_visibility, enable_pedestrian_navigation;
} wire_opendrive_parameters;

typedef struct wire_weather {
    float cloudiness, precipitation, precipitation_deposits, wind_intensity; /* 0-100 */
    float sun_azimuth_angle, sun_altitude_angle;                             /* degrees; altitude -90..90 */
    float fog_density, fog_distance, fog_falloff;                            /* 0-100, metres, - */
    float wetness;                                                           /* 0-100 */
    float scattering_intensity, mie_scattering_scale, rayleigh_scattering_scale;
    float dust_storm; /* 0-100, since 0.9.14 */
} wire_weather;
/* CARLA's client-side presets ("ClearNoon", "WetCloudySunset", ...); false for an unknown name. */
bool wire_weather_preset(wire_weather *w, const char *name);
const char *wire_weather_preset_name(size_t i); /* NULL behind the last */

/* --- controls ------------------------------------------------------------------------------------------------------------- */
typedef struct wire_vehicle_control {
    float throttle; /* 0..1 */
    float steer;    /* -1..1, positive right */
    float brake;    /* 0..1 */
    bool hand_brake, reverse, manual_gear_shift;
    int32_t gear;
} wire_vehicle_control;

typedef struct wire_ackermann_control { /* since 0.9.14 */
    float steer, steer_speed;           /* rad, rad/s */
    float speed, acceleration, jerk;    /* m/s, m/s2, m/s3 */
} wire_ackermann_control;
typedef struct wire_ackermann_settings {
    float speed_kp, speed_ki, speed_kd, accel_kp, accel_ki, accel_kd;
} wire_ackermann_settings;

typedef struct wire_walker_control {
    wire_vector3 direction;
    float speed; /* m/s */
    bool jump;
} wire_walker_control;

/* A pose set bone by bone: each transform is relative to the parent bone. */
typedef struct wire_bone_in {
    const char *name; /* "crl_arm__R" */
    wire_transform transform;
} wire_bone_in;
typedef struct wire_bone_in_list {
    wire_bone_in *items;
    size_t count;
} wire_bone_in_list;
typedef struct wire_bones_in {
    wire_bone_in_list bone_transforms;
} wire_bones_in;
typedef struct wire_bone_out {
    const char *bone_name;
    wire_transform world, component, relative; /* component: in the frame of the walker's mesh */
} wire_bone_out;
typedef struct wire_bone_out_list {
    wire_bone_out *items;
    size_t count;
} wire_bone_out_list;
typedef struct wire_bones_out {
    wire_bone_out_list bone_transforms;
} wire_bones_out;

typedef struct wire_gear {
    float ratio, down_ratio, up_ratio;
} wire_gear;
typedef struct wire_gear_list {
    wire_gear *items;
    size_t count;
} wire_gear_list;
typedef struct wire_wheel {
    float tire_friction, damping_rate;
    float max_steer_angle; /* degrees */
    float radius;          /* centimetres */
    float max_brake_torque, max_handbrake_torque;
    float lat_stiff_max_load, lat_stiff_value, long_stiff_value;
    wire_vector3 position; /* centimetres, world */
} wire_wheel;
typedef struct wire_wheel_list {
    wire_wheel *items;
    size_t count;
} wire_wheel_list; /* front left, front right, rear left, rear right */
typedef struct wire_vehicle_physics {
    wire_vector2_list torque_curve; /* rpm, Nm */
    float max_rpm, moi;
    float damping_rate_full_throttle, damping_rate_zero_throttle_clutch_engaged, damping_rate_zero_throttle_clutch_disengaged;
    bool use_gear_autobox;
    float gear_switch_time, clutch_strength, final_ratio;
    wire_gear_list forward_gears;
    float mass; /* kg */
    float drag_coefficient;
    wire_vector3 center_of_mass;
    wire_vector2_list steering_curve;
    wire_wheel_list wheels;
    bool use_sweep_wheel_collision;
} wire_vehicle_physics;

typedef struct wire_vehicle_light {
    wire_actor_id id;
    uint32_t flags;
} wire_vehicle_light;
typedef struct wire_vehicle_light_list {
    wire_vehicle_light *items;
    size_t count;
} wire_vehicle_light_list;

typedef struct wire_wheel_telemetry {
    float tire_friction, lat_slip, long_slip, omega, tire_load, normalized_tire_load, torque, long_force, lat_force,
        normalized_long_force, normalized_lat_force;
} wire_wheel_telemetry;
typedef struct wire_wheel_telemetry_list {
    wire_wheel_telemetry *items;
    size_t count;
} wire_wheel_telemetry_list;
typedef struct wire_vehicle_telemetry { /* since 0.9.16 */
    float speed, steer, throttle, brake, engine_rpm;
    int32_t gear;
    float drag;
    wire_wheel_telemetry_list wheels;
} wire_vehicle_telemetry;

typedef enum wire_light_color {
    WIRE_LIGHT_RED = 0,
    WIRE_LIGHT_YELLOW = 1,
    WIRE_LIGHT_GREEN = 2,
    WIRE_LIGHT_OFF = 3,
    WIRE_LIGHT_UNKNOWN = 4
} wire_light_color;

/* --- world objects -------------------------------------------------------------------------------------------------------- */
typedef struct wire_labelled_point {
    wire_vector3 location;
    uint8_t label;
} wire_labelled_point;
typedef struct wire_labelled_point_list {
    wire_labelled_point *items;
    size_t count;
} wire_labelled_point_list;
typedef struct wire_projection {
    bool hit;
    wire_labelled_point point;
} wire_projection;
typedef struct wire_environment_object {
    wire_transform transform;
    wire_bounding_box bounding_box; /* in the world */
    uint64_t id;
    const char *name;
    uint8_t type; /* semantic tag */
} wire_environment_object;
typedef struct wire_environment_object_list {
    wire_environment_object *items;
    size_t count;
} wire_environment_object_list;
typedef struct wire_street_light {
    uint32_t id;
    wire_vector3 location;
    float intensity;
    uint8_t group; /* 0 none, 1 vehicle, 2 street, 3 building, 4 other */
    wire_color color;
    bool active;
} wire_street_light;
typedef struct wire_street_light_list {
    wire_street_light *items;
    size_t count;
} wire_street_light_list;
typedef struct wire_endpoint {
    const char *host;
    uint16_t port;
} wire_endpoint; /* a traffic manager's */

/* --- textures ------------------------------------------------------------------------------------------------------------- */
typedef enum wire_material {
    WIRE_MATERIAL_NORMAL = 0,
    WIRE_MATERIAL_AO_ROUGHNESS_METALLIC_EMISSIVE = 1,
    WIRE_MATERIAL_DIFFUSE = 2,
    WIRE_MATERIAL_EMISSIVE = 3
} wire_material;
typedef struct wire_pixel {
    uint8_t r, g, b, a;
} wire_pixel;
typedef struct wire_pixel_list {
    wire_pixel *items;
    size_t count;
} wire_pixel_list;
typedef struct wire_float_color_list {
    wire_float_color *items;
    size_t count;
} wire_float_color_list;
/* Rows of width pixels. The peer says width and height beside the pixels: count need not be their product before it was checked. */
typedef struct wire_texture {
    uint32_t width, height;
    wire_pixel_list pixels;
} wire_texture;
typedef struct wire_float_texture {
    uint32_t width, height;
    wire_float_color_list pixels;
} wire_float_texture;

/* --- debug drawing -------------------------------------------------------------------------------------------------------- */
typedef struct wire_debug_point {
    wire_vector3 location;
    float size;
} wire_debug_point;
typedef struct wire_debug_line {
    wire_vector3 begin, end;
    float thickness;
} wire_debug_line;
typedef struct wire_debug_arrow {
    wire_debug_line line;
    float arrow_size;
} wire_debug_arrow;
typedef struct wire_debug_box {
    wire_bounding_box box;
    wire_rotation rotation;
    float thickness;
} wire_debug_box;
typedef struct wire_debug_text {
    wire_vector3 location;
    const char *text;
    bool draw_shadow;
} wire_debug_text;
typedef enum wire_debug_kind {
    WIRE_DEBUG_POINT,
    WIRE_DEBUG_LINE,
    WIRE_DEBUG_ARROW,
    WIRE_DEBUG_BOX,
    WIRE_DEBUG_TEXT,
    WIRE_DEBUG_HUD_POINT,
    WIRE_DEBUG_HUD_LINE,
    WIRE_DEBUG_HUD_ARROW,
    WIRE_DEBUG_HUD_BOX /* since 0.9.16 */
} wire_debug_kind;
typedef struct wire_debug_primitive {
    int kind; /* wire_debug_kind */
    union {
        wire_debug_point point;
        wire_debug_line line;
        wire_debug_arrow arrow;
        wire_debug_box box;
        wire_debug_text text;
    } as;
} wire_debug_primitive;
typedef struct wire_debug_shape {
    wire_debug_primitive primitive;
    wire_color color;
    float life_time; /* seconds, -1 for ever */
    bool persistent_lines;
} wire_debug_shape;

extern const wire_type wire_type_vector2, wire_type_vector3, wire_type_rotation, wire_type_transform, wire_type_bounding_box,
    wire_type_geo_location, wire_type_color, wire_type_float_color, wire_type_text_list, wire_type_u32_list, wire_type_u64_list,
    wire_type_vector2_list, wire_type_transform_list, wire_type_bounding_box_list, wire_type_optional_f64,
    wire_type_optional_u32, wire_type_attribute_value, wire_type_actor_description, wire_type_attribute,
    wire_type_actor_definition, wire_type_actor_definition_list, wire_type_actor, wire_type_actor_list, wire_type_token,
    wire_type_token_data, wire_type_episode_info, wire_type_map_info, wire_type_episode_settings,
    wire_type_opendrive_parameters, wire_type_weather, wire_type_vehicle_control, wire_type_ackermann_control,
    wire_type_ackermann_settings, wire_type_walker_control, wire_type_bones_in, wire_type_bones_out, wire_type_gear,
    wire_type_wheel, wire_type_vehicle_physics, wire_type_light_flags, wire_type_vehicle_light_list,
    wire_type_vehicle_telemetry, wire_type_wheel_telemetry, wire_type_labelled_point, wire_type_labelled_point_list,
    wire_type_projection, wire_type_environment_object, wire_type_environment_object_list, wire_type_street_light,
    wire_type_street_light_list, wire_type_endpoint, wire_type_texture, wire_type_float_texture, wire_type_debug_shape;
#endif
