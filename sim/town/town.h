/* sim/town/town.h — the embedded simulator: a world that ticks, and a server that speaks CARLA's protocol for it.
 *
 * A world owns actors on one map. Usual order inside a process:
 *
 *     town_map *map = town_map_load(path, &err);             road network, scenery, spawn points; shared by worlds
 *     town_world *w = town_world_create(map, &options, &err);
 *     uint32_t car  = town_spawn(w, &description, pose, 0, TOWN_RIGID, &err);
 *     town_vehicle_control_set(w, car, control);
 *     town_tick(w, 0.05, sink);                              controls -> physics -> frame counter -> sensors
 *
 * and for everyone else `town_server_create` puts the same world behind two sockets.
 *
 * Frame: CARLA's (left-handed, x forward, y right, z up; metres, degrees; see base/geom.h). Actors are named by CARLA's
 * 32-bit id, which an episode never reuses: 0 is no actor, and an id kept past its actor's end is refused.
 * Nothing is global; a world belongs to one thread at a time. The same map, options and calls give the same bytes. */
#ifndef TOWN_TOWN_H
#define TOWN_TOWN_H
#include "base/error.h"
#include "base/geom.h"
#include "base/log.h"
#include "base/pool.h"
#include <stdint.h>

/* ---------------------------------------------------------------- blueprints */

typedef enum town_attribute_type { /* version-free; the wire's numbers differ between CARLA versions */
                                   TOWN_BOOL,
                                   TOWN_INT,
                                   TOWN_FLOAT,
                                   TOWN_STRING,
                                   TOWN_COLOR
} town_attribute_type;

typedef enum town_kind {
    TOWN_VEHICLE,
    TOWN_WALKER,
    TOWN_PROP,
    TOWN_SENSOR,
    TOWN_CONTROLLER, /* controller.ai.walker: driven by the client, nothing to simulate */
    TOWN_SPECTATOR,
    TOWN_TRAFFIC_LIGHT,
    TOWN_TRAFFIC_SIGN /* stop, yield, speed limit */
} town_kind;

typedef enum town_sensor_kind {
    TOWN_SENSOR_NONE,
    TOWN_CAMERA_RGB,
    TOWN_CAMERA_DEPTH,
    TOWN_CAMERA_SEMANTIC,
    TOWN_CAMERA_INSTANCE,
    TOWN_CAMERA_NORMALS,
    TOWN_CAMERA_FLOW,
    TOWN_CAMERA_DVS, /* events where the light changes */
    TOWN_LIDAR,
    TOWN_LIDAR_SEMANTIC,
    TOWN_RADAR,
    TOWN_OBSTACLE,
    TOWN_COLLISION,
    TOWN_GNSS,
    TOWN_IMU,
    TOWN_LANE_INVASION, /* computed by the client; the server only hands out a stream */
    TOWN_RSS,           /* likewise */
    TOWN_V2X,           /* since 0.9.16 */
    TOWN_V2X_CUSTOM
} town_sensor_kind;

/* An attribute as a blueprint offers it. Values are strings, as on the wire ("800", "90.0", "true", "255,0,0"). */
typedef struct town_attribute_offer {
    const char *id;
    town_attribute_type type;
    const char *value;              /* default */
    const char *const *recommended; /* NULL-terminated, NULL for read-only attributes */
    bool is_modifiable, restrict_to_recommended;
    int since; /* first CARLA version that has it: 13 .. 16 */
} town_attribute_offer;

typedef struct town_blueprint town_blueprint;
/* uid: 1-based position in the table, the same in every version. NULL: no such uid. */
const town_blueprint *town_blueprint_at(uint32_t uid);
const town_blueprint *town_blueprint_find(const char *id);
uint32_t town_blueprint_count(void);
const char *town_blueprint_id(const town_blueprint *b);
town_kind town_blueprint_kind(const town_blueprint *b);
/* First CARLA version that lists it: 13 .. 16. */
int town_blueprint_since(const town_blueprint *b);
#define TOWN_ATTRIBUTES_MAX 64
/* Fill offers[TOWN_ATTRIBUTES_MAX] for one version (13 .. 16): first the modifiable ones, then the read-only ones, role_name
 * first. Returns the count. Pointers live as long as the program. */
int town_blueprint_attributes(const town_blueprint *b, int version, town_attribute_offer *offers);

/* ---------------------------------------------------------------- maps */

typedef struct town_map town_map;
/* path: an OpenDRIVE file. The map's name is the file name without directory and ".xodr". */
town_map *town_map_load(const char *path, base_error *err);
/* The same from text in memory (copied). */
town_map *town_map_parse(const char *xodr, size_t bytes, const char *name, base_error *err);
void town_map_destroy(town_map *m);
const char *town_map_name(const town_map *m);
const char *town_map_xodr(const town_map *m, size_t *bytes);
/* Borrowed from the map. Points stand 0.5 m above the lane centre, in order of road, section, lane and s. */
const base_pose *town_map_spawn_points(const town_map *m, int *count);

/* ---------------------------------------------------------------- world */

typedef struct town_settings { /* CARLA's EpisodeSettings as far as a headless server can obey them; the rest is echoed */
    bool synchronous_mode, no_rendering_mode;
    bool has_fixed_delta;
    double fixed_delta_s;
    bool substepping;
    double max_substep_delta_s;
    int max_substeps;
    float max_culling_distance;
    bool deterministic_ragdolls;
    float tile_stream_distance, actor_active_distance;
    bool spectator_as_ego;
} town_settings;
town_settings town_settings_default(void);

typedef struct town_weather { /* CARLA's WeatherParameters, same order and units */
    float cloudiness, precipitation, precipitation_deposits, wind_intensity, sun_azimuth_deg, sun_altitude_deg, fog_density,
        fog_distance_m, fog_falloff, wetness, scattering_intensity, mie_scattering_scale, rayleigh_scattering_scale, dust_storm;
} town_weather;

typedef struct town_options {
    int version;   /* CARLA 0.9.<version>: 13 .. 16; decides tags and attributes; default 16 */
    uint64_t seed; /* scenery colours, sensor noise, episode id; default 1 */
    /* Of colour: 0 plain, 1 sun shadows, 2 also anti-aliased, 3 also what CARLA's cameras do by default: glow, flare, motion blur, exposure by
     * the picture; default 2. Tags and depth do not depend on it. */
    int quality;
    base_pool *pool;     /* renders; NULL: the calling thread; borrowed */
    const base_log *log; /* may be NULL; borrowed */
} town_options;
town_options town_options_default(void);

typedef struct town_world town_world;
/* The map is borrowed and must outlive the world. map NULL: an endless flat plane at z = 0 without roads (physics tests). */
town_world *town_world_create(const town_map *map, const town_options *o, base_error *err);
void town_world_destroy(town_world *w);

uint64_t town_episode_id(const town_world *w);
uint64_t town_frame(const town_world *w);   /* of the last tick */
double town_elapsed_s(const town_world *w); /* simulation clock of the last tick */
double town_delta_s(const town_world *w);   /* step of the last tick */
const town_map *town_world_map(const town_world *w);
town_settings town_settings_get(const town_world *w);
/* Refuses non-finite values, fixed_delta outside 0 .. 10 s, max_substeps outside 1 .. 1000. */
bool town_settings_set(town_world *w, const town_settings *s, base_error *err);
town_weather town_weather_get(const town_world *w);                /* as it was set, negative fields too */
void town_weather_set(town_world *w, const town_weather *weather); /* negative: that field acts on as it was, as in CARLA */
/* The semantic tag's number in the world's CARLA version. */
uint8_t town_tag_number(const town_world *w, uint8_t tag);
/* New episode on the same or another map: every actor but the spectator goes, frames count on, ids start after the old ones. */
bool town_episode_restart(town_world *w, const town_map *map, bool reset_settings, base_error *err);

/* ---------------------------------------------------------------- actors */

typedef struct town_attribute {
    const char *id;
    town_attribute_type type;
    const char *value;
} town_attribute;
typedef struct town_description { /* what a client sends to spawn */
    uint32_t uid;                 /* of the blueprint; 0: look id up */
    const char *id;
    const town_attribute *attributes; /* missing ones take the blueprint's default */
    int attribute_count;
} town_description;
typedef enum town_attachment { TOWN_RIGID, TOWN_SPRING_ARM, TOWN_SPRING_ARM_GHOST } town_attachment;

typedef struct town_box {
    base_vec3 center, extent;
} town_box; /* half sizes, in the actor's frame */

typedef struct town_vehicle_control {
    float throttle, steer, brake; /* 0..1, -1..1 (positive right), 0..1 */
    bool hand_brake, reverse, manual_gear_shift;
    int gear;
} town_vehicle_control;
typedef struct town_walker_control {
    base_vec3 direction;
    double speed_mps;
    bool jump;
} town_walker_control;

/* An actor as others may read it. Pointers are borrowed until the actor is destroyed; the struct is filled by a copy. */
typedef struct town_actor_view {
    uint32_t id, parent_id;
    town_kind kind;
    town_sensor_kind sensor;
    uint32_t stream_id;              /* sensors: >= 2, else 0 */
    const town_blueprint *blueprint; /* NULL for spectator and traffic lights */
    const char *type_id;             /* "vehicle.tesla.model3", "spectator", ... */
    const town_attribute *attributes;
    int attribute_count;
    town_box box;                                                    /* lights and signs: around the places where they act */
    uint8_t tag;                                                     /* semantic tag as in scene.h; 0 = none */
    base_pose pose;                                                  /* world */
    base_vec3 velocity_mps, angular_velocity_dps, acceleration_mps2; /* world */
    town_vehicle_control control;                                    /* vehicles: what acts; gear is the one engaged */
    town_walker_control walker;                                      /* walkers */
    bool dead;                                                       /* walkers */
    float speed_limit_kmh;
    int light_state;     /* vehicles: state of the light they stand at; lights: their own (0 red 1 yellow 2 green 3 off) */
    uint32_t light_id;   /* vehicles: the traffic light whose box they are in, 0 none */
    const char *sign_id; /* traffic lights and signs: OpenDRIVE signal id, else NULL */
    float green_s, yellow_s, red_s, light_elapsed_s; /* traffic lights */
    bool light_frozen;
    uint32_t pole_index;     /* of a light within its group */
    uint32_t vehicle_lights; /* CARLA's VehicleLightState bits */
    uint32_t doors_open;     /* bit per door: front left, front right, rear left, rear right, hood, trunk */
    bool ackermann;          /* vehicles: the Ackermann controller drives, not the last control */
} town_actor_view;

/* 0 and an error text that is CARLA's own on failure (collision at the spawn position, bad description, missing parent). */
uint32_t town_spawn(town_world *w, const town_description *d, base_pose pose, uint32_t parent, town_attachment attachment,
                    base_error *err);
bool town_destroy(town_world *w, uint32_t id); /* children of a destroyed actor stay where they are, as CARLA's do */
bool town_actor_get(const town_world *w, uint32_t id, town_actor_view *view);
int town_actor_count(const town_world *w);
uint32_t town_actor_id_at(const town_world *w, int index); /* in order of id; index < count */
uint32_t town_spectator(const town_world *w);
uint32_t town_sensor_of_stream(const town_world *w, uint32_t stream_id); /* 0: no sensor has it */

/* All of these return false for an id that is not there or is of the wrong kind. They act in the next tick. */
bool town_vehicle_control_set(town_world *w, uint32_t id, town_vehicle_control c); /* clamped; NaN counts as 0 */
bool town_walker_control_set(town_world *w, uint32_t id, town_walker_control c);   /* velocity = direction * speed */
/* A dead walker stands still where it is and takes no more controls (how it falls is not shown). False: no walker, or dead already. */
bool town_walker_kill(town_world *w, uint32_t id);
/* Puts the walker's feet there and lets it walk on along its heading. */
bool town_walker_state_set(town_world *w, uint32_t id, base_pose feet, double speed_mps);
/* A walker's skeleton, parents before children: names and tree are CARLA's, bones.c tells its frames. */
#define TOWN_BONES 66
typedef struct town_bone {
    const char *name;
    base_pose world, component, relative; /* component: to the walker's feet; relative: to the parent bone */
} town_bone;
typedef struct town_bone_setting {
    const char *name;
    base_pose relative;
} town_bone_setting;
const char *town_bone_name(int bone);                                    /* 0 .. TOWN_BONES - 1 */
bool town_bones_get(const town_world *w, uint32_t id, town_bone *bones); /* fills bones[TOWN_BONES] */
/* The client's pose becomes what is shown now with the named bones replaced; unknown names are passed over. */
bool town_bones_set(town_world *w, uint32_t id, const town_bone_setting *settings, size_t count, base_error *err);
bool town_bones_blend(town_world *w, uint32_t id, double blend); /* 0: gait, 1: the client's pose; clamped */
bool town_bones_capture(town_world *w, uint32_t id);             /* the client's pose becomes that of the gait now */
bool town_pose_set(town_world *w, uint32_t id, base_pose pose);
bool town_velocity_set(town_world *w, uint32_t id, base_vec3 velocity_mps);
bool town_angular_velocity_set(town_world *w, uint32_t id, base_vec3 dps);
bool town_constant_velocity_set(town_world *w, uint32_t id, bool enable, base_vec3 local_mps);
bool town_impulse_add(town_world *w, uint32_t id, base_vec3 newton_s);
bool town_force_add(town_world *w, uint32_t id, base_vec3 newton); /* acts during the next tick */
bool town_angular_impulse_add(town_world *w, uint32_t id,
                              base_vec3 impulse);                   /* N m s, with angles in degrees as CARLA has it */
bool town_torque_add(town_world *w, uint32_t id, base_vec3 torque); /* the same as a torque during the next tick */
/* at: world. What does not pass through the centre of mass turns the body, too. */
bool town_impulse_add_at(town_world *w, uint32_t id, base_vec3 newton_s, base_vec3 at);
bool town_force_add_at(town_world *w, uint32_t id, base_vec3 newton, base_vec3 at);
bool town_simulate_physics_set(town_world *w, uint32_t id, bool enable);
bool town_gravity_set(town_world *w, uint32_t id, bool enable);
bool town_collisions_set(town_world *w, uint32_t id, bool enable);
bool town_vehicle_lights_set(town_world *w, uint32_t id, uint32_t bits);
bool town_light_state_set(town_world *w, uint32_t id, int state);
bool town_light_times_set(town_world *w, uint32_t id, float green_s, float yellow_s, float red_s); /* negative: keep */
/* Lights of the same junction, itself included, by pole index; returns how many there are, writes at most `capacity`. 0: no light. */
int town_light_group(const town_world *w, uint32_t id, uint32_t *ids, int capacity);
bool town_light_freeze(town_world *w, uint32_t id, bool frozen); /* the light's whole group, as CARLA */
bool town_light_group_reset(town_world *w, uint32_t id);         /* its first controller becomes green */
void town_lights_freeze(town_world *w, bool frozen);
void town_lights_reset(town_world *w);
typedef struct town_placed_box { /* a box in the world */
    base_pose pose;
    base_vec3 extent; /* half sizes */
} town_placed_box;
/* The heads that carry a light's lamps; returns how many there are (0: no light), writes at most `capacity`. */
int town_light_heads(const town_world *w, uint32_t id, town_placed_box *boxes, int capacity);
#define TOWN_LIGHT_HEADS_MAX 4

/* ---------------------------------------------------------------- vehicle physics */

#define TOWN_CURVE_MAX 16
#define TOWN_GEARS_MAX 8
typedef struct town_curve_point {
    float x, y;
} town_curve_point;
typedef struct town_wheel {
    float tire_friction, damping_rate, max_steer_deg, radius_cm, max_brake_torque_nm, max_handbrake_torque_nm,
        lat_stiff_max_load, lat_stiff_value, long_stiff_value;
    base_vec3 position_m; /* actor frame */
} town_wheel;
typedef struct town_gear {
    float ratio, down_ratio, up_ratio;
} town_gear;
/* CARLA's VehiclePhysicsControl. The model obeys every field but use_sweep_wheel_collision, which is kept and echoed; center_of_mass_m
 * is the offset from where the body has it. */
typedef struct town_physics {
    town_curve_point torque_curve[TOWN_CURVE_MAX]; /* rpm -> N m */
    int torque_points;
    float max_rpm, moi, damping_full_throttle, damping_zero_throttle_engaged, damping_zero_throttle_disengaged;
    bool use_gear_autobox;
    float gear_switch_s, clutch_strength, final_ratio;
    town_gear gears[TOWN_GEARS_MAX];
    int gear_count;
    float mass_kg, drag_coefficient;
    base_vec3 center_of_mass_m;
    town_curve_point steering_curve[TOWN_CURVE_MAX]; /* km/h -> share of max_steer_deg */
    int steering_points;
    town_wheel wheels[4]; /* front left, front right, rear left, rear right; two-wheelers: 0 and 2 */
    int wheel_count;
    bool use_sweep_wheel_collision;
} town_physics;
bool town_physics_get(const town_world *w, uint32_t id, town_physics *p);
bool town_physics_set(town_world *w, uint32_t id, const town_physics *p,
                      base_error *err); /* refuses nonsense (mass <= 0, ...) */

/* CARLA's Ackermann control: a steering angle and a speed instead of pedals. From then on the controller of ackermann.c works the
 * pedals, until the next town_vehicle_control_set. */
typedef struct town_ackermann {
    float steer_rad, steer_speed_radps; /* of the inner front wheel, positive right; steer speed 0: at once */
    float speed_mps;                    /* negative: backwards */
    float acceleration_mps2;            /* most to use; 0: 3 up and 8 down */
    float jerk_mps3;                    /* kept; CARLA's controller does not use it either */
} town_ackermann;
typedef struct town_ackermann_settings {
    float speed_kp, speed_ki, speed_kd, accel_kp, accel_ki, accel_kd;
} town_ackermann_settings;
bool town_ackermann_set(town_world *w, uint32_t id, town_ackermann target); /* refuses values that are not finite */
bool town_ackermann_settings_get(const town_world *w, uint32_t id, town_ackermann_settings *s);
bool town_ackermann_settings_set(town_world *w, uint32_t id, town_ackermann_settings s); /* the same */

#define TOWN_DOORS 6 /* CARLA's VehicleDoor; 6 stands for all of them */
/* A vehicle without moving doors takes the call and keeps them shut, as CARLA's do. False: no vehicle, or no such door. */
bool town_door_set(town_world *w, uint32_t id, int door, bool open);

/* Wheels as in town_physics.wheels. Angles are read at any time; they are set (for show) while physics are off, and are the
 * model's again when physics are switched on. False: no vehicle, or no such wheel. */
bool town_wheel_steer_get(const town_world *w, uint32_t id, int wheel, float *deg); /* right positive */
bool town_wheel_steer_set(town_world *w, uint32_t id, int wheel, float deg);
bool town_wheel_pitch_get(const town_world *w, uint32_t id, int wheel, float *deg); /* how far it has rolled, 0 .. 360 */
bool town_wheel_pitch_set(town_world *w, uint32_t id, int wheel, float deg);

/* The parts an actor is made of, as 0.9.16 lets clients ask for them. Poses are in the actor's frame; wheels turn and roll. */
typedef enum town_part_kind {
    TOWN_PART_COMPONENTS, /* the root first ("VehicleMesh", or "RootComponent" of what has no body), bounds, lamps */
    TOWN_PART_BONES,      /* vehicles: Vehicle_Base, then the wheels by the names CARLA asks of its own models */
    TOWN_PART_SOCKETS,    /* places to attach to: lamps, roof */
} town_part_kind;
typedef struct town_part {
    const char *name; /* lives as long as the program */
    base_pose pose;
} town_part;
#define TOWN_PARTS_MAX 12
/* Returns how many, -1: no such actor. Walkers have their bones elsewhere (town_bones_get). */
int town_actor_parts(const town_world *w, uint32_t id, town_part_kind kind, town_part parts[TOWN_PARTS_MAX]);

/* What the tyres did in the last substep. */
typedef struct town_wheel_telemetry {
    float tire_friction;             /* as in the physics control */
    float lat_slip_deg, long_slip;   /* slip angle; (wheel speed - ground speed) / ground speed */
    float omega_radps;               /* the wheel's own speed, forward positive */
    float load_n, normalized_load;   /* 1: the load at rest */
    float torque_nm;                 /* drive less brake */
    float long_force_n, lat_force_n; /* wheel's frame: forward, right */
} town_wheel_telemetry;
typedef struct town_telemetry {
    float speed_mps, steer, throttle, brake, engine_rpm;
    int gear;
    float drag_n;
    town_wheel_telemetry wheels[4];
    int wheel_count;
} town_telemetry;
bool town_telemetry_get(const town_world *w, uint32_t id, town_telemetry *t);

/* ---------------------------------------------------------------- ticking and sensors */

typedef struct town_lidar_point { /* sensor frame, metres */
    float x, y, z, intensity;
} town_lidar_point;
typedef struct town_semantic_point {
    float x, y, z, cos_incidence;
    uint32_t actor_id; /* 0: scenery */
    uint32_t tag;      /* number of the world's version */
} town_semantic_point;
typedef struct town_radar_detection {
    float velocity_mps; /* along the ray, positive when the distance grows */
    float azimuth_rad, altitude_rad, depth_m;
} town_radar_detection;
typedef struct town_dvs_event {
    uint16_t x, y;
    int64_t time_ns; /* of the episode */
    bool brighter;
} town_dvs_event;

/* One measurement. Pointers are borrowed until the callback returns. */
typedef struct town_measurement {
    uint32_t sensor_id, stream_id;
    town_sensor_kind kind;
    uint64_t frame;
    double time_s;
    base_pose pose; /* of the sensor in the world at this frame */
    /* cameras: [height_px][width_px][4] u8 B,G,R,A as CARLA encodes the kind, row 0 on top */
    int width_px, height_px;
    float fov_deg;
    const uint8_t *bgra;
    /* optical flow: [height_px][width_px][x, y]: where the point seen moved since the last frame, 2.0 = the picture's size; x to the
     * right, y up */
    const float *flow;
    /* dvs: in order of time; other sensors: in the order of the wire */
    const town_dvs_event *events;
    const town_lidar_point *points;             /* by channel, the top one first */
    const town_semantic_point *semantic_points; /* likewise */
    const town_radar_detection *detections;
    const void *v2x;                /* wire_cam or, of a custom sensor, wire_v2x_message: see sim/wire/sensor.h */
    size_t item_count;              /* of the array above that is not NULL */
    const uint32_t *channel_points; /* [channel_count] */
    int channel_count;
    float horizontal_angle_rad; /* where the lidar stands after this measurement */
    /* obstacle: actor_id is the sensor; other_* as for collisions */
    float distance_m;
    /* collision: other_id 0 is scenery, described by other_type ("static.building") */
    uint32_t actor_id, other_id;
    const char *other_type;
    uint8_t other_tag; /* as in scene.h */
    base_vec3 normal_impulse_ns;
    /* imu: sensor frame, m/s^2 with gravity's reaction, rad/s; gnss: degrees, degrees, metres */
    base_vec3 accelerometer, gyroscope;
    double compass_rad, latitude_deg, longitude_deg, altitude_m;
} town_measurement;

typedef struct town_sink {
    bool (*wants)(void *user, uint32_t stream_id); /* NULL: every sensor measures; else only those somebody listens to */
    void (*tick)(void *user);                      /* physics of the frame are done, before any sensor; may be NULL */
    void (*measurement)(void *user, const town_measurement *m);
    void *user;
} town_sink;

/* One step of dt_s (0 < dt_s <= 10): controls act, physics runs in substeps, the frame counter advances, sensors measure. */
bool town_tick(town_world *w, double dt_s, town_sink sink, base_error *err);

/* ---------------------------------------------------------------- scenery */

/* What IMUs take for the pull of the earth, m/s^2; default 9.81. Bodies fall as ever. Refuses what is not finite. */
float town_imu_gravity_get(const town_world *w);
bool town_imu_gravity_set(town_world *w, float mps2, base_error *err);

/* A thing of the scenery: a building, a tree, a lamp, a stretch of road or sidewalk, a sign. Pointers live as long as the map is in
 * use; ids follow from map and seed, not from the episode. */
typedef struct town_object {
    uint64_t id;
    const char *name;         /* unique in the map */
    uint8_t tag;              /* as in scene.h */
    base_pose pose;           /* where it stands */
    base_vec3 center, extent; /* box in the world, turned as the pose */
    bool is_shown;
} town_object;
int town_object_count(const town_world *w);
bool town_object_get(const town_world *w, int index, town_object *o); /* false: a name without a surface of its own */
/* Take it out of pictures, rays and collisions, or put it back. False: no object has this id. */
bool town_object_enable(town_world *w, uint64_t id, bool enable);
/* Give the surfaces of the object of this name a linear colour; their patterns stay. It lasts as long as the episode. False: no
 * such object. */
bool town_object_paint(town_world *w, const char *name, const float rgb[3]);
/* Layers of the map that are loaded, CARLA's MapLayer bits; roads, signs and traffic lights are always there. A new episode loads
 * all. */
void town_layers_set(town_world *w, uint16_t layers);
uint16_t town_layers_get(const town_world *w);

enum { TOWN_LIGHTS_NONE, TOWN_LIGHTS_VEHICLE, TOWN_LIGHTS_STREET, TOWN_LIGHTS_BUILDING, TOWN_LIGHTS_OTHER };
typedef struct town_street_light {
    uint32_t id;        /* from 1 */
    base_vec3 location; /* of the lens */
    float intensity;    /* >= 0; 1000 is what a lamp starts with */
    uint8_t group;      /* TOWN_LIGHTS_* */
    uint8_t color[3];   /* sRGB */
    bool is_on;
} town_street_light;
/* Lamps go on at dusk and off at dawn (sun below the horizon) unless town_street_lights_cycle says otherwise. */
int town_street_light_count(const town_world *w);
town_street_light town_street_light_at(const town_world *w, int index);
bool town_street_light_set(town_world *w, const town_street_light *l); /* false: no such id, or an impossible intensity */
void town_street_lights_cycle(town_world *w, bool active);
/* Who knows the lights, by the name it gives itself: after a change `by` one, all others are behind until they have heard. */
void town_street_lights_heard(town_world *w, const char *client);
void town_street_lights_changed(town_world *w, const char *by);
void town_street_lights_leave(town_world *w, const char *client);
bool town_street_lights_pending(town_world *w); /* is anybody behind? */

/* What clients draw for debugging. */
typedef enum town_shape_kind {
    TOWN_SHAPE_POINT,
    TOWN_SHAPE_LINE,
    TOWN_SHAPE_ARROW,
    TOWN_SHAPE_BOX,
    TOWN_SHAPE_TEXT
} town_shape_kind;
typedef struct town_debug_shape {
    town_shape_kind kind;
    bool on_hud;            /* over the picture, not in it */
    base_vec3 from, to;     /* point, text: the place; line, arrow: its ends; box: centre and half sizes */
    base_rotation rotation; /* of a box */
    float size;             /* point: CARLA's size; others: thickness, m */
    float head_m;           /* of an arrow */
    uint8_t color[3];
    bool is_persistent, has_shadow;
    char text[128];          /* UTF-8; longer ones are cut */
    double since_s, until_s; /* simulation clock; INFINITY: stays */
} town_debug_shape;
#define TOWN_SHAPES_MAX 4096 /* beyond this the oldest goes */
/* What a sensor.other.v2x_custom says in the next tick, at most 99 bytes; a text that waits already is replaced. */
bool town_v2x_send(town_world *w, uint32_t id, const char *text, base_error *err);
/* life_s < 0: for ever; 0: this frame. since_s and until_s of shape are not read. Refuses numbers that are not finite. */
bool town_debug_draw(town_world *w, const town_debug_shape *shape, double life_s, base_error *err);
int town_debug_count(const town_world *w);
const town_debug_shape *town_debug_at(const town_world *w, int index); /* oldest first; borrowed until the next call */
void town_debug_clear_shapes(town_world *w);                           /* all but texts */
void town_debug_clear_texts(town_world *w);

/* Things along a segment, for project_point and cast_ray: scenery and actors, nearest first, each thing once, where the segment
 * meets it first. Returns the number of hits written; ends without length or that are no numbers meet nothing. */
typedef struct town_hit {
    base_vec3 point;
    uint8_t tag;   /* as in scene.h */
    uint32_t body; /* id of an actor, or instance number of a thing of the scenery; 0: neither */
    bool is_actor;
} town_hit;
int town_cast_ray(town_world *w, base_vec3 from, base_vec3 to, town_hit *hits, int max_hits);

/* ---------------------------------------------------------------- recordings */

/* Write every frame from now on to a file in CARLA's recorder format (sim/town/recording.h); additional: also speeds and boxes. A
 * recording that runs is ended first; one ends by itself with a log line when the disk is full or it has 512 MiB, and with the
 * episode. */
bool town_recorder_start(town_world *w, const char *path, bool additional, base_error *err);
void town_recorder_stop(town_world *w);

typedef struct town_replay_options {
    double start_s;    /* where to begin; negative: counted from the end */
    double duration_s; /* 0: to the end */
    uint32_t follow;   /* recorded id of an actor that the spectator follows; 0: none */
    bool sensors;      /* spawn the recorded sensors too */
    base_pose offset;  /* of the spectator from that actor */
} town_replay_options;
/* Play a recording on the world's map from the next tick on; a replay that runs is stopped first. name is for errors; *from_s and
 * *to_s become the stretch that will be played. */
bool town_replay_start(town_world *w, const char *path, const char *name, const town_replay_options *o, double *from_s,
                       double *to_s, base_error *err);
bool town_replay_runs(const town_world *w);
void town_replay_stop(town_world *w, bool keep_actors); /* keep: what was spawned stays and gets physics again */
/* For this and later replays. time_factor: 0 .. 100, refused beyond. */
bool town_replay_factor_set(town_world *w, double time_factor, base_error *err);
double town_replay_factor_get(const town_world *w);
void town_replay_ignore_hero_set(town_world *w, bool ignore);
void town_replay_ignore_spectator_set(town_world *w, bool ignore);

/* ---------------------------------------------------------------- server */

typedef struct town_server_options {
    const char *map;        /* NAME or path of an OpenDRIVE file */
    const char *maps_dir;   /* where NAMEs are looked up; NULL: found beside the program, see town_maps_find */
    const char *recordings; /* folder of recordings; NULL: laneloop/recordings in XDG_STATE_HOME or ~/.local/state */
    const char *bind;       /* IPv4 address; default "127.0.0.1" */
    int port;               /* RPC port; stream port is the next one; 0: a free adjacent pair; default 2000 */
    int version;            /* 13 .. 16, default 16 */
    uint64_t seed;          /* default 1 */
    int threads;            /* for rendering; 0: one per core; default 0 */
    int quality;            /* of colour, as in town_options; default 2 */
    double async_period_s;  /* asynchronous mode without fixed_delta: wall time between ticks; default 1/30 */
    double stall_s; /* how long a tick waits for a reader (synchronous mode), and the rest of a message may take; default 10 */
    const base_log *log; /* borrowed */
} town_server_options;
town_server_options town_server_options_default(void);

typedef struct town_server town_server;
town_server *town_server_create(const town_server_options *o, base_error *err);
void town_server_destroy(town_server *s);
int town_server_rpc_port(const town_server *s);
int town_server_stream_port(const town_server *s);
/* Serve until stop() is true; it is asked at least every 50 ms. extra_fd >= 0: also return when that descriptor reaches end of file. */
bool town_server_run(town_server *s, bool (*stop)(void), int extra_fd, base_error *err);

typedef struct town_server_stats {
    uint64_t ticks, requests, request_errors, frames_sent, frames_dropped, sessions_stalled, connections_refused, bytes_sent;
    int rpc_connections, stream_sessions;
} town_server_stats;
town_server_stats town_server_stats_get(const town_server *s);

/* ---------------------------------------------------------------- looking on */

/* A watch shows a server's world to somebody who is not in it: no actor, no stream, no request and no random draw, so that clients
 * cannot tell whether anybody looks on and every byte they get is the same. Between two ticks the server's thread copies what there
 * is to see, when it was asked to, and waits for nobody; pictures are drawn from the copy by the thread that looks, on a renderer of
 * its own. Only what changes the scenery itself (another map, an object taken away or painted, a lamp switched) waits until the
 * picture that is being drawn is done. Usual order:
 *
 *     town_watch *watch = town_server_watch(server, &err);             before town_server_run
 *     while (town_watch_next(watch, 1.0, &seen, &err))                 on one other thread
 *         if (seen)
 *             town_watch_draw(watch, &view, bgra, tag, &err);
 *
 * and that thread ends before town_server_destroy. While nobody asks, a watch costs nothing. */
typedef struct town_watch town_watch;
typedef struct town_seen_actor {
    uint32_t id, parent_id;
    town_kind kind;
    town_sensor_kind sensor;
    char type_id[64], role[64]; /* longer ones are cut; role: the attribute role_name, "" without */
    base_pose pose;             /* world */
    town_box box;
    double speed_mps;
    int light_state;              /* of a traffic light: 0 red 1 yellow 2 green 3 off */
    bool dead;                    /* walkers */
    int camera_w_px, camera_h_px; /* of a camera, else 0 */
    double fov_deg;
} town_seen_actor;
typedef struct town_seen { /* borrowed until the next town_watch_next */
    uint64_t episode_id, frame;
    double elapsed_s, delta_s;
    char map[256];
    town_settings settings;
    town_weather weather;
    town_server_stats stats;
    base_pose spectator;
    const town_seen_actor *actors; /* all but the spectator, in order of id */
    int actor_count;
    const town_debug_shape *shapes; /* oldest first */
    int shape_count;
} town_seen;
/* Owned by the server; the same one on every call. */
town_watch *town_server_watch(town_server *s, base_error *err);
/* The world as it is after this call, within timeout_s; *seen becomes NULL when the server does not run. False: out of memory. */
bool town_watch_next(town_watch *w, double timeout_s, const town_seen **seen, base_error *err);
typedef struct town_watch_view {
    base_pose pose;
    double fov_deg;          /* horizontal, 1 .. 170 */
    int width_px, height_px; /* 1 .. 4096 */
    uint32_t hidden_id;      /* an actor that is left out: the car that the camera is in; 0: none */
} town_watch_view;
/* Draw what town_watch_next saw last: bgra [height][width][4] with the world's quality, tag [height][width] as in scene.h; either may
 * be NULL. *drawn is false, and nothing is written, when the map has changed since. */
bool town_watch_draw(town_watch *w, const town_watch_view *v, uint8_t *bgra, uint8_t *tag, bool *drawn, base_error *err);
struct road_map;
/* Call visit with the roads the world stands on, of any thread; they must not be kept. False, without a call: between two maps. */
bool town_watch_roads(town_watch *w, void (*visit)(void *user, const struct road_map *roads), void *user);

/* The folder with the bundled maps: LANELOOP_MAPS, configs/maps of a build tree, ../share/laneloop/maps of an installation. On
 * failure the text lists every place that was tried. */
bool town_maps_find(char *dir, size_t bytes, base_error *err);
/* NAME or path -> path of the file; on failure the text says where was looked and which names exist. */
bool town_map_path(const char *maps_dir, const char *name, char *path, size_t bytes, base_error *err);
#endif
