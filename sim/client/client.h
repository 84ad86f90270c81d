/* sim/client/client.h — a CARLA client in C: connect, spawn, tick, read sensors.
 *
 *     client_options o = client_options_default();               127.0.0.1:2000
 *     client *c = client_connect(&o, &err);
 *     client_synchronous(c, 0.05, &err);
 *     client_spawn(c, &(client_spawn_options){ .blueprint = "vehicle.lincoln.mkz_2020", .pose = p }, &car, &err);
 *     client_spawn(c, &(client_spawn_options){ .blueprint = "sensor.camera.rgb", .parent = car, ... }, &camera, &err);
 *     client_listen(c, camera, &err);
 *     while (client_tick(c, &err)) {
 *         client_image image;
 *         client_image_get(c, camera, &image, &err);               exactly the frame of this tick
 *         client_control(c, car, control, &err);                   acts in the next one
 *     }
 *     client_close(c, &err);                                      destroys what it spawned, restores the settings
 *
 * Works with CARLA 0.9.13 to 0.9.16 and with `laneloop serve`; the server's version picks the protocol. Frame: CARLA's, left-handed,
 * x forward, y right, z up, metres, degrees.
 *
 * One thread, no hidden ones: sockets are read while a call waits, so a client that neither ticks nor calls does not read either.
 * A client belongs to one thread at a time; several clients in one process are independent. What a function lends ("borrowed") lasts
 * until the next client_tick, client_wait_for_tick, client_load_world or client_close unless it says otherwise.
 *
 * Answers that are lists or text (wire_..._list, const char *, wire_bytes) are borrowed until the next call of this client that waits for
 * an answer, client_tick included, unless a function says otherwise. "since 0.9.x": with an older server the function fails with
 * BASE_VERSION and nothing is sent. Semantic tags are wire_tag numbers (those since 0.9.14) with every release.
 *
 * After an error of code BASE_NETWORK or BASE_FORMAT the connection is of no more use and every later call fails with the same text;
 * client_close still frees everything. BASE_REMOTE (the simulator refused) and BASE_ARGUMENT leave it usable. */
#ifndef SIM_CLIENT_CLIENT_H
#define SIM_CLIENT_CLIENT_H
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif
#include "base/error.h"
#include "base/geom.h"
#include "base/log.h"
#include "sim/road/road.h"
#include "sim/wire/command.h"
#include "sim/wire/method.h"
#include "sim/wire/sensor.h"
#include "sim/wire/tag.h"
#include "sim/wire/types.h"

typedef struct client client;

/* --- connecting ----------------------------------------------------------------------------------------------------------- */
typedef struct client_options {
    const char *host;         /* name or address; default "127.0.0.1" */
    int port;                 /* RPC port; default 2000. The streaming port comes from the server */
    double connect_timeout_s; /* for each TCP connection; default 5 */
    double call_timeout_s;    /* for an answer, and for all data of a tick; default 10 */
    double load_timeout_s;    /* for loading a map, and for answers that carry one; default 60 */
    size_t max_message_bytes; /* of an answer or a sensor message; default 256 MiB */
    bool (*stop)(void);  /* asked while waiting (base_stop_requested); true ends the wait with BASE_INTERRUPTED. May be NULL */
    const base_log *log; /* borrowed, may be NULL */
} client_options;
client_options client_options_default(void);

/* Connects, checks the version, joins the snapshot stream. NULL on failure; a server of another release is BASE_VERSION. */
client *client_connect(const client_options *o, base_error *err);
/* Closes the sensors' streams, destroys every actor this client spawned (newest first), restores the settings it found, frees c. Also
 * after errors and after `stop`, as far as the connection still carries. False: something could not be undone; c is gone anyway.
 * NULL is accepted. */
bool client_close(client *c, base_error *err);

wire_version client_version(const client *c);
const char *client_version_text(const client *c); /* as the server said it; borrowed while c lives */

/* --- world ---------------------------------------------------------------------------------------------------------------- */
wire_episode_settings client_settings(const client *c); /* the last known */
/* Returns when the server has taken them; the frame counter may go on by one tick in asynchronous mode. */
bool client_settings_set(client *c, const wire_episode_settings *s, base_error *err);
/* Synchronous mode with a fixed step: the server advances only in client_tick. dt_s > 0. */
bool client_synchronous(client *c, double dt_s, base_error *err);
/* Asynchronous mode; dt_s 0: variable step. */
bool client_asynchronous(client *c, double dt_s, base_error *err);
/* Leave the settings as they are now when the client closes, instead of those it found. */
void client_settings_keep(client *c);

/* The map of the episode, fetched once. Borrowed until client_load_world or client_close. */
const char *client_map_name(client *c, base_error *err);                         /* "Carla/Maps/Town03" */
const char *client_map_xodr(client *c, base_error *err);                         /* OpenDRIVE text */
const base_pose *client_spawn_points(client *c, size_t *count, base_error *err); /* recommended by the server */
/* The same text as a parsed map, made on first use, for the queries of sim/road/road.h (waypoints, lanes, routes, topology, landmarks,
 * junctions, crosswalks): CARLA's map logic runs in the client, and so does ours. Borrowed as above. */
const struct road_map *client_road_map(client *c, base_error *err);
/* Latitude and longitude of a place and back, as this release's own client computes them: 0.9.16 changed the projection. */
bool client_geolocation(client *c, base_vec3 location, wire_geo_location *geo, base_error *err);
bool client_location(client *c, wire_geo_location geo, base_vec3 *location, base_error *err);
/* What client_load_world accepts; borrowed until the next such call. */
bool client_maps(client *c, wire_text_list *names, base_error *err);
/* Load a map ("" = the current one anew). Every actor is gone afterwards, listening ends, settings fall back to the server's defaults
 * unless keep_settings. */
bool client_load_world(client *c, const char *name, bool keep_settings, base_error *err);
/* Make a world of an OpenDRIVE text. p NULL: CARLA's defaults. Otherwise as client_load_world. */
bool client_generate_world(client *c, const char *xodr, const wire_opendrive_parameters *p, bool keep_settings,
                           base_error *err);
wire_opendrive_parameters client_opendrive_parameters_default(void);
/* Bits of CARLA's MapLayer; only maps whose name ends in _Opt have layers. */
bool client_map_layers(client *c, uint16_t layers, bool load, base_error *err);
/* Files that belong to the map, below a folder ("" all, "Nav", "TM"), and the content of one. */
bool client_files(client *c, const char *folder, wire_text_list *paths, base_error *err);
bool client_file(client *c, const char *path, wire_bytes *content, base_error *err);

bool client_weather(client *c, wire_weather *w, base_error *err);
bool client_weather_set(client *c, const wire_weather *w, base_error *err);
/* One of CARLA's 23 presets ("ClearNoon", "HardRainSunset", ...; wire_weather_preset_name lists them). */
bool client_weather_preset(client *c, const char *name, base_error *err);
wire_actor_id client_spectator(client *c, base_error *err); /* the free camera; move it with client_pose_set. 0 on failure */

/* --- what stands in the world --------------------------------------------------------------------------------------------- */
/* Houses, poles, trees of one tag, WIRE_TAG_ANY for all; their boxes are in the world. Hidden ones are neither seen nor hit. */
bool client_environment_objects(client *c, wire_tag tag, wire_environment_object_list *objects, base_error *err);
bool client_environment_objects_enable(client *c, const uint64_t *ids, size_t count, bool visible, base_error *err);
bool client_level_boxes(client *c, wire_tag tag, wire_bounding_box_list *boxes, base_error *err);
/* Everything hit on the way from `from` to `to`, in order. */
bool client_cast_ray(client *c, base_vec3 from, base_vec3 to, wire_labelled_point_list *hits, base_error *err);
/* First thing hit from a place in a direction within distance_m; p->hit false: nothing. */
bool client_project(client *c, base_vec3 location, base_vec3 direction, double distance_m, wire_projection *p, base_error *err);
/* The ground below a place, CARLA's ground_projection. */
bool client_ground(client *c, base_vec3 location, double distance_m, wire_projection *p, base_error *err);

/* Street lights as CARLA's light manager keeps them: fetched on first use and again after a snapshot that says they or the map have
 * changed. Borrowed until the next client_street_lights. */
bool client_street_lights(client *c, wire_street_light_list *lights, base_error *err);
bool client_street_lights_set(client *c, const wire_street_light *lights, size_t count, base_error *err);
bool client_day_night_cycle_set(client *c, bool on, base_error *err); /* since 0.9.14: street lights follow the sun */

/* Shapes in the simulator's window. life_s 0: one frame, -1: for ever. The HUD kinds and clearing: since 0.9.16. */
bool client_draw(client *c, const wire_debug_primitive *shape, wire_color color, double life_s, base_error *err);
bool client_draw_point(client *c, base_vec3 at, double size, wire_color color, double life_s, base_error *err);
bool client_draw_line(client *c, base_vec3 from, base_vec3 to, double thickness, wire_color color, double life_s,
                      base_error *err);
bool client_draw_arrow(client *c, base_vec3 from, base_vec3 to, double thickness, double head, wire_color color, double life_s,
                       base_error *err);
bool client_draw_box(client *c, const wire_bounding_box *box, base_rotation rotation, double thickness, wire_color color,
                     double life_s, base_error *err);
bool client_draw_text(client *c, base_vec3 at, const char *text, wire_color color, double life_s, base_error *err);
bool client_draw_clear(client *c, base_error *err);

/* --- recorder ------------------------------------------------------------------------------------------------------------- */
/* Names are files on the server. The texts are what the server says about it. */
bool client_recorder_start(client *c, const char *name, bool additional_data, const char **text, base_error *err);
bool client_recorder_stop(client *c, base_error *err);
bool client_recorder_info(client *c, const char *name, bool all, const char **text, base_error *err);
/* Kinds: 'h' hero, 'v' vehicle, 'w' walker, 't' light, 'o' other, 'a' any. */
bool client_recorder_collisions(client *c, const char *name, char kind1, char kind2, const char **text, base_error *err);
bool client_recorder_blocked(client *c, const char *name, double min_time_s, double min_distance_cm, const char **text,
                             base_error *err);
typedef struct client_replay_options {
    double start_s;       /* negative: from the end */
    double duration_s;    /* 0: all */
    wire_actor_id follow; /* 0: none */
    bool sensors;         /* spawn the recorded sensors too */
    base_pose offset;     /* of the follower; since 0.9.16, zero before */
} client_replay_options;
bool client_replay(client *c, const char *name, const client_replay_options *o, const char **text, base_error *err);
bool client_replay_stop(client *c, bool keep_actors, base_error *err);
bool client_replay_speed(client *c, double factor, base_error *err);
bool client_replay_ignore(client *c, bool hero, bool spectator, base_error *err); /* spectator: since 0.9.15 */

/* --- blueprints and actors ------------------------------------------------------------------------------------------------ */
/* All blueprints; borrowed while c lives. */
const wire_actor_definition *client_blueprints(client *c, size_t *count, base_error *err);
/* One by its id; NULL with BASE_ARGUMENT when the server has none such. */
const wire_actor_definition *client_blueprint(client *c, const char *id, base_error *err);

typedef struct client_attribute {
    const char *id, *value;
} client_attribute; /* {"image_size_x", "256"} */
typedef struct client_spawn_options {
    const char *blueprint;
    base_pose pose;                     /* in the world, or relative to the parent */
    wire_actor_id parent;               /* 0: none */
    wire_attachment attachment;         /* with a parent; default rigid */
    const client_attribute *attributes; /* the others keep the blueprint's values */
    size_t attribute_count;
} client_spawn_options;
/* An unknown blueprint or attribute, a value of the wrong type or outside a restricted list is BASE_ARGUMENT; a place that is taken
 * BASE_REMOTE. The actor's state is known from the next tick on. */
bool client_spawn(client *c, const client_spawn_options *o, wire_actor_id *id, base_error *err);
/* A sensor's listening ends with it. */
bool client_destroy(client *c, wire_actor_id id, base_error *err);
/* An actor's record, also of one that others spawned; borrowed while the episode lasts. NULL when the server knows none such. */
const wire_actor *client_actor(client *c, wire_actor_id id, base_error *err);
/* The records of all actors of the last snapshot, those not known yet fetched in one call; the list is borrowed until the next such
 * call. Actors that the server forgot since are left out. NULL on failure; records of vanished actors of others are freed. */
const wire_actor *const *client_actors(client *c, size_t *count, base_error *err);
/* Value of an actor's attribute, NULL when it has none such. */
const char *client_actor_attribute(const wire_actor *a, const char *id);

/* An actor's box around its centre. Since 0.9.16 the server is asked, earlier the record knows. */
bool client_bounding_box(client *c, wire_actor_id id, wire_bounding_box *box, base_error *err);

/* From here to the batches: what returns no value is sent without waiting and acts in the next tick; what the simulator thinks of it is
 * not reported (a batch answers one by one). Vectors are in the world unless they say otherwise. */
bool client_pose_set(client *c, wire_actor_id id, base_pose pose, base_error *err);
bool client_location_set(client *c, wire_actor_id id, base_vec3 location, base_error *err);
bool client_velocity_set(client *c, wire_actor_id id, base_vec3 mps, base_error *err); /* target velocity */
bool client_angular_velocity_set(client *c, wire_actor_id id, base_vec3 dps, base_error *err);
bool client_constant_velocity_set(client *c, wire_actor_id id, base_vec3 local_mps, base_error *err); /* in the actor's frame */
bool client_constant_velocity_end(client *c, wire_actor_id id, base_error *err);
bool client_impulse(client *c, wire_actor_id id, base_vec3 ns, base_error *err); /* N s, at the centre of mass */
bool client_impulse_at(client *c, wire_actor_id id, base_vec3 ns, base_vec3 location, base_error *err);
bool client_force(client *c, wire_actor_id id, base_vec3 n, base_error *err); /* N, for one step */
bool client_force_at(client *c, wire_actor_id id, base_vec3 n, base_vec3 location, base_error *err);
bool client_angular_impulse(client *c, wire_actor_id id, base_vec3 v, base_error *err); /* degrees, as CARLA's */
bool client_torque(client *c, wire_actor_id id, base_vec3 v, base_error *err);
bool client_physics_set(client *c, wire_actor_id id, bool simulate, base_error *err);
bool client_gravity_set(client *c, wire_actor_id id, bool on, base_error *err);
bool client_collisions_set(client *c, wire_actor_id id, bool on, base_error *err); /* since 0.9.15, as the next */
bool client_dead_set(client *c, wire_actor_id id, base_error *err);

/* --- vehicles ------------------------------------------------------------------------------------------------------------- */
bool client_control(client *c, wire_actor_id vehicle, wire_vehicle_control control, base_error *err);
bool client_ackermann(client *c, wire_actor_id vehicle, wire_ackermann_control control,
                      base_error *err); /* since 0.9.14, as the two below */
bool client_ackermann_settings(client *c, wire_actor_id vehicle, wire_ackermann_settings *s, base_error *err);
bool client_ackermann_settings_set(client *c, wire_actor_id vehicle, const wire_ackermann_settings *s, base_error *err);
bool client_vehicle_physics(client *c, wire_actor_id vehicle, wire_vehicle_physics *p, base_error *err);
bool client_vehicle_physics_set(client *c, wire_actor_id vehicle, const wire_vehicle_physics *p, base_error *err);
bool client_telemetry(client *c, wire_actor_id vehicle, wire_vehicle_telemetry *t, base_error *err); /* since 0.9.16 */
bool client_debug_telemetry_set(client *c, wire_actor_id vehicle, bool show, base_error *err);

enum { /* lights of a vehicle, bits */
       CLIENT_LIGHT_POSITION = 0x1,
       CLIENT_LIGHT_LOW_BEAM = 0x2,
       CLIENT_LIGHT_HIGH_BEAM = 0x4,
       CLIENT_LIGHT_BRAKE = 0x8,
       CLIENT_LIGHT_RIGHT_BLINKER = 0x10,
       CLIENT_LIGHT_LEFT_BLINKER = 0x20,
       CLIENT_LIGHT_REVERSE = 0x40,
       CLIENT_LIGHT_FOG = 0x80,
       CLIENT_LIGHT_INTERIOR = 0x100,
       CLIENT_LIGHT_SPECIAL1 = 0x200,
       CLIENT_LIGHT_SPECIAL2 = 0x400
};
bool client_vehicle_lights(client *c, wire_actor_id vehicle, uint32_t *flags, base_error *err);
bool client_vehicle_lights_set(client *c, wire_actor_id vehicle, uint32_t flags, base_error *err);
bool client_all_vehicle_lights(client *c, wire_vehicle_light_list *lights, base_error *err);

typedef enum client_door {
    CLIENT_DOOR_FRONT_LEFT,
    CLIENT_DOOR_FRONT_RIGHT,
    CLIENT_DOOR_REAR_LEFT,
    CLIENT_DOOR_REAR_RIGHT,
    CLIENT_DOOR_HOOD,
    CLIENT_DOOR_TRUNK,
    CLIENT_DOOR_ALL
} client_door;
bool client_door_set(client *c, wire_actor_id vehicle, client_door door, bool open, base_error *err);
typedef enum client_wheel { /* two-wheelers: front 0, back 1 */
                            CLIENT_WHEEL_FRONT_LEFT,
                            CLIENT_WHEEL_FRONT_RIGHT,
                            CLIENT_WHEEL_BACK_LEFT,
                            CLIENT_WHEEL_BACK_RIGHT
} client_wheel;
bool client_wheel_steer(client *c, wire_actor_id vehicle, client_wheel wheel, double *deg, base_error *err);
bool client_wheel_steer_set(client *c, wire_actor_id vehicle, client_wheel wheel, double deg,
                            base_error *err); /* to look at only */

/* --- walkers -------------------------------------------------------------------------------------------------------------- */
bool client_walk(client *c, wire_actor_id walker, wire_walker_control control, base_error *err);
bool client_bones(client *c, wire_actor_id walker, wire_bones_out *bones, base_error *err);
bool client_bones_set(client *c, wire_actor_id walker, const wire_bone_in *bones, size_t count, base_error *err);
bool client_bones_blend(client *c, wire_actor_id walker, double share, base_error *err); /* 0 animation .. 1 the bones set */
bool client_bones_from_animation(client *c, wire_actor_id walker, base_error *err); /* the pose of now becomes the pose set */

/* --- traffic lights ------------------------------------------------------------------------------------------------------- */
/* What a light shows and how long comes with the snapshot: client_traffic_light_get. */
bool client_traffic_light_set(client *c, wire_actor_id light, wire_light_color color, base_error *err);
/* Seconds; negative: leave this one as it is. */
bool client_traffic_light_times_set(client *c, wire_actor_id light, double green_s, double yellow_s, double red_s,
                                    base_error *err);
bool client_traffic_light_freeze(client *c, wire_actor_id light, bool frozen, base_error *err);
bool client_traffic_lights_freeze(client *c, bool frozen, base_error *err);       /* all of them */
bool client_traffic_light_reset(client *c, wire_actor_id light, base_error *err); /* its group begins its cycle anew */
bool client_traffic_lights_reset(client *c, base_error *err);
bool client_traffic_light_group(client *c, wire_actor_id light, wire_u32_list *lights, base_error *err);
bool client_traffic_light_boxes(client *c, wire_actor_id light, wire_bounding_box_list *boxes, base_error *err);

/* --- batches -------------------------------------------------------------------------------------------------------------- */
/* Several at once, answered one by one in *outcomes (may be NULL; borrowed until the next batch). Actors a batch spawns are tracked too. */
bool client_batch(client *c, const wire_command *commands, size_t count, wire_outcome_list *outcomes, base_error *err);
/* The same and then client_tick: what the commands do is in the snapshot. */
bool client_batch_tick(client *c, const wire_command *commands, size_t count, wire_outcome_list *outcomes, base_error *err);
/* Sent without waiting; tick: the server also advances one step, which the next client_tick does not wait for. What such a batch spawns
 * is nobody's: spawn with client_batch. */
bool client_batch_send(client *c, const wire_command *commands, size_t count, bool tick, base_error *err);

/* The 22 commands. Spawning checks the blueprint and its attributes as client_spawn; its texts are borrowed from c until the next batch
 * has been sent. Put commands for the new actor, with actor 0, into .as.spawn.do_after. */
bool client_command_spawn(client *c, const client_spawn_options *o, wire_command *command, base_error *err);
wire_command client_command_destroy(wire_actor_id id);
wire_command client_command_control(wire_actor_id id, wire_vehicle_control control);
wire_command client_command_ackermann(wire_actor_id id, wire_ackermann_control control);
wire_command client_command_walk(wire_actor_id id, wire_walker_control control);
wire_command client_command_walker_state(wire_actor_id id, base_pose pose, double speed_mps);
wire_command client_command_vehicle_physics(wire_actor_id id, const wire_vehicle_physics *p); /* borrows its lists */
wire_command client_command_pose(wire_actor_id id, base_pose pose);
/* LOCATION, TARGET_VELOCITY, TARGET_ANGULAR_VELOCITY, IMPULSE, FORCE, ANGULAR_IMPULSE, TORQUE */
wire_command client_command_vector(wire_command_kind kind, wire_actor_id id, base_vec3 v);
/* SIMULATE_PHYSICS, ENABLE_GRAVITY, AUTOPILOT, SHOW_DEBUG_TELEMETRY */
wire_command client_command_flag(wire_command_kind kind, wire_actor_id id, bool on);
wire_command client_command_vehicle_lights(wire_actor_id id, uint32_t flags);
wire_command client_command_console(const char *text);
wire_command client_command_traffic_light(wire_actor_id id, wire_light_color color);

/* --- ticking -------------------------------------------------------------------------------------------------------------- */
/* Synchronous mode: advance by one step and wait for its snapshot and for the data of exactly that frame from every sensor listened to.
 * Data that does not come in time is BASE_TIMEOUT, data that was skipped BASE_FORMAT; both name the sensor and the frame. Event
 * sensors (collision, obstacle, lane invasion, DVS, V2X) and those with a sensor_tick are not waited for. */
bool client_tick(client *c, base_error *err);
/* Asynchronous mode: wait for the next snapshot. Images are then the newest that have come, each with its own frame number. */
bool client_wait_for_tick(client *c, base_error *err);
/* The same, waiting timeout_s > 0 at most; also in synchronous mode, where it sees ticks that another client asks for. */
bool client_wait_for_tick_within(client *c, double timeout_s, base_error *err);

typedef struct client_snapshot {
    uint64_t frame; /* simulation step */
    double time_s;  /* simulation clock since the start of the episode */
    double delta_s; /* length of this step */
    uint64_t episode;
    size_t actor_count;
    double server_clock_s; /* wall clock of the server, arbitrary origin */
    uint32_t state;        /* WIRE_STATE_*: the map has changed, street lights have */
} client_snapshot;
/* Of the last tick. Before the first one all zero. */
client_snapshot client_snapshot_get(const client *c);
wire_actor_id client_snapshot_actor(const client *c, size_t i); /* i < actor_count */

typedef struct client_state {
    wire_actor_life life;
    base_pose pose;         /* world */
    base_vec3 velocity_mps; /* world, as the next two */
    base_vec3 angular_velocity_dps;
    base_vec3 acceleration_mps2;
} client_state;
/* An actor in the last snapshot. False when it is not in it: destroyed, or spawned since. */
bool client_state_get(const client *c, wire_actor_id id, client_state *s);
bool client_vehicle_get(const client *c, wire_actor_id id,
                        wire_vehicle_state *s); /* control as applied, speed limit, light ahead */
bool client_traffic_light_get(const client *c, wire_actor_id id, wire_light_state *s);
bool client_sign_get(const client *c, wire_actor_id id, wire_sign_state *s); /* of a traffic sign */
bool client_walker_get(const client *c, wire_actor_id id, wire_walker_control *s);

/* --- sensors -------------------------------------------------------------------------------------------------------------- */
bool client_listen(client *c, wire_actor_id sensor, base_error *err);
void client_unlisten(client *c, wire_actor_id sensor); /* not listening is fine */

/* [height_px][width_px][4] u8 in B,G,R,A order, row 0 on top, rows packed (optical flow: 2 f32). Borrowed. */
typedef struct client_image {
    uint64_t frame;
    double time_s;
    base_pose pose; /* of the camera in the world */
    int width_px, height_px;
    float fov_deg; /* horizontal */
    const uint8_t *bgra;
} client_image;
/* BASE_ARGUMENT when not listening or not an image; BASE_UNSUPPORTED when nothing has come yet (asynchronous mode). */
bool client_image_get(const client *c, wire_actor_id sensor, client_image *image, base_error *err);
/* Distance along the camera's axis in metres of a depth image's pixel: wire_depth_decode(bgra + 4 * i). Motion in pixels of an optical flow
 * image's pixel i, right and down. */
wire_flow client_flow_pixel(const client_image *image, size_t i);
bool client_imu_get(client *c, wire_actor_id sensor, wire_imu *imu, base_error *err);
bool client_gnss_get(client *c, wire_actor_id sensor, wire_geo_location *location, base_error *err);

/* Records of the sensor's last message; borrowed as images are. */
typedef struct client_lidar {
    uint64_t frame;
    double time_s;
    base_pose pose;              /* of the sensor in the world */
    double horizontal_angle_rad; /* of its head at the end of this measurement */
    const uint32_t *channels;    /* points of each channel, the top one first */
    size_t channel_count;
    const wire_lidar_point *points;             /* sensor.lidar.ray_cast, channel after channel; else NULL */
    const wire_semantic_point *semantic_points; /* sensor.lidar.ray_cast_semantic; else NULL. object_tag: as the wire has it */
    size_t point_count;
} client_lidar;
bool client_lidar_get(client *c, wire_actor_id sensor, client_lidar *lidar, base_error *err);

typedef struct client_radar {
    uint64_t frame;
    double time_s;
    base_pose pose;
    const wire_detection *detections;
    size_t count;
} client_radar;
bool client_radar_get(client *c, wire_actor_id sensor, client_radar *radar, base_error *err);

typedef struct client_dvs {
    uint64_t frame; /* of the last tick with events: others bring no message */
    double time_s;
    base_pose pose;
    int width_px, height_px;
    float fov_deg;
    const wire_event *events; /* in order of time */
    size_t count;
} client_dvs;
bool client_dvs_get(client *c, wire_actor_id sensor, client_dvs *dvs, base_error *err);

typedef struct client_v2x { /* since 0.9.16 */
    uint64_t frame;
    double time_s;
    base_pose pose;
    const wire_cam *cams;             /* sensor.other.v2x; else NULL */
    const wire_v2x_message *messages; /* sensor.other.v2x_custom; else NULL */
    size_t count;
} client_v2x;
bool client_v2x_get(client *c, wire_actor_id sensor, client_v2x *v2x, base_error *err);
bool client_v2x_send(client *c, wire_actor_id sensor, const char *message, base_error *err); /* custom ones, at most 99 bytes */

/* Events. `next` takes the oldest not taken yet; false when there is none. */
typedef struct client_collision {
    uint64_t frame; /* of the collision; may be older than the last tick, for events travel on a socket of their own */
    wire_actor_id actor, other; /* other 0: scenery */
    const char *other_type;     /* "vehicle.tesla.model3", "static.pole"; borrowed until the next event is taken */
    base_vec3 normal_impulse_ns;
} client_collision;
bool client_collision_next(client *c, wire_actor_id sensor, client_collision *collision);

typedef struct client_obstacle {
    uint64_t frame;
    wire_actor_id actor, other; /* the sensor's parent, as the server says; 0: scenery */
    const char *other_type;     /* borrowed as above */
    double distance_m;
} client_obstacle;
bool client_obstacle_next(client *c, wire_actor_id sensor, client_obstacle *obstacle);

/* Marks that the sensor's parent crossed in a tick. No server sends these: the client computes them from the snapshot and the map, so
 * the sensor costs a few map queries per tick while it is listened to. */
#define CLIENT_MARKS_MAX 4 /* a mark per corner of the parent's box */
typedef struct client_lane_invasion {
    uint64_t frame;
    double time_s;
    int mark_count;
    road_mark_type types[CLIENT_MARKS_MAX];
    road_mark_color colors[CLIENT_MARKS_MAX];
    double widths_m[CLIENT_MARKS_MAX];
    int lane_changes[CLIENT_MARKS_MAX]; /* ROAD_CHANGE_* as written */
} client_lane_invasion;
bool client_lane_invasion_next(client *c, wire_actor_id sensor, client_lane_invasion *invasion);

/* Messages thrown away because nobody took them in time, over all sensors. */
uint64_t client_dropped(const client *c);

/* --- a traffic manager that another process hosts --------------------------------------------------------------------------- */
/* CARLA's traffic manager is a part of some client process; others reach it over a port of its own. This is such another one: it drives
 * nothing itself. (Vehicles that this program drives: sim/agents, or client_batch.) Host one with CARLA's own client:
 * client.get_trafficmanager(8000). Its address comes from the simulator, so only connect to simulators you trust. */
typedef struct client_tm client_tm;
/* The one that is registered for that port; it uses c for as long as it lives. */
client_tm *client_tm_connect(client *c, int port, base_error *err);
void client_tm_close(client_tm *tm); /* it goes on driving what was registered. NULL is accepted */
/* Hand vehicles over to it, or take them back. */
bool client_tm_register(client_tm *tm, const wire_actor_id *vehicles, size_t count, bool on, base_error *err);

typedef enum client_tm_number {                             /* of one vehicle; those marked * also of all */
                                CLIENT_TM_SPEED_DIFFERENCE, /* * percent below the speed limit; negative: above */
                                CLIENT_TM_DISTANCE,         /* * metres to the vehicle ahead */
                                CLIENT_TM_LANE_OFFSET,      /* * metres to the right; since 0.9.14, as the next */
                                CLIENT_TM_DESIRED_SPEED,    /* km/h */
                                CLIENT_TM_RUNNING_LIGHT,    /* percent, as all below */
                                CLIENT_TM_RUNNING_SIGN,
                                CLIENT_TM_IGNORE_WALKERS,
                                CLIENT_TM_IGNORE_VEHICLES,
                                CLIENT_TM_KEEP_RIGHT,
                                CLIENT_TM_RANDOM_LEFT_CHANGE,
                                CLIENT_TM_RANDOM_RIGHT_CHANGE,
                                CLIENT_TM_HYBRID_RADIUS /* metres; of all only */
} client_tm_number;
bool client_tm_set(client_tm *tm, wire_actor_id vehicle, client_tm_number what, double value, base_error *err);
bool client_tm_set_all(client_tm *tm, client_tm_number what, double value, base_error *err);
typedef enum client_tm_switch {
    CLIENT_TM_VEHICLE_LIGHTS,    /* of a vehicle: its lights are switched for it */
    CLIENT_TM_AUTO_LANE_CHANGE,  /* of a vehicle */
    CLIENT_TM_FORCE_LANE_CHANGE, /* of a vehicle, once: true to the right, false to the left */
    CLIENT_TM_HYBRID_PHYSICS,    /* of the manager, as all below */
    CLIENT_TM_OSM_MODE,          /* vehicles that run out of road are destroyed: true by default */
    CLIENT_TM_RESPAWN_DORMANT,
    CLIENT_TM_SYNCHRONOUS /* it steps in client_tm_tick only */
} client_tm_switch;
/* vehicle: 0 for those of the manager. */
bool client_tm_switch_set(client_tm *tm, wire_actor_id vehicle, client_tm_switch what, bool on, base_error *err);
bool client_tm_collision_set(client_tm *tm, wire_actor_id a, wire_actor_id b, bool detect, base_error *err);
bool client_tm_seed(client_tm *tm, uint64_t seed, base_error *err);
bool client_tm_path(client_tm *tm, wire_actor_id vehicle, const base_vec3 *path, size_t count, bool keep, base_error *err);
/* Options of road.h at the forks ahead. */
bool client_tm_route(client_tm *tm, wire_actor_id vehicle, const road_option *route, size_t count, bool keep, base_error *err);
/* One step of a synchronous manager: call it after client_tick. */
bool client_tm_tick(client_tm *tm, base_error *err);
bool client_tm_shut_down(client_tm *tm, base_error *err);

/* --- anything else -------------------------------------------------------------------------------------------------------- */
/* Call any function of wire/method.h. Text and lists of the result live in `memory` (NULL: until the next client_call with NULL). */
bool client_call(client *c, wire_method_id method, const void *args, void *result, wire_memory *memory, base_error *err);
/* Send it without waiting for an answer. */
bool client_send(client *c, wire_method_id method, const void *args, base_error *err);
#ifdef __cplusplus
}
#endif
#endif
