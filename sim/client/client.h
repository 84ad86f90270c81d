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
/* The same text as a parsed map of sim/road, made on first use. Borrowed as above. */
const struct road_map *client_road_map(client *c, base_error *err);
bool client_maps(client *c, wire_text_list *names,
                 base_error *err); /* what client_load_world accepts; borrowed until the next such call */
/* Load a map ("" = the current one anew). Every actor is gone afterwards, listening ends, settings fall back to the server's defaults
 * unless keep_settings. */
bool client_load_world(client *c, const char *name, bool keep_settings, base_error *err);

bool client_weather(client *c, wire_weather *w, base_error *err);
bool client_weather_set(client *c, const wire_weather *w, base_error *err);
wire_actor_id client_spectator(client *c, base_error *err); /* the free camera; move it with client_pose_set. 0 on failure */

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

/* These are sent without waiting and act in the next tick; what the simulator thinks of them is not reported. */
bool client_control(client *c, wire_actor_id vehicle, wire_vehicle_control control, base_error *err);
bool client_ackermann(client *c, wire_actor_id vehicle, wire_ackermann_control control, base_error *err);
bool client_pose_set(client *c, wire_actor_id id, base_pose pose, base_error *err);
bool client_velocity_set(client *c, wire_actor_id id, base_vec3 mps, base_error *err); /* target velocity, world */
bool client_angular_velocity_set(client *c, wire_actor_id id, base_vec3 dps, base_error *err);
bool client_physics_set(client *c, wire_actor_id id, bool simulate, base_error *err);
/* Several at once, answered one by one in *outcomes (may be NULL; borrowed until the next batch). Actors a batch spawns are tracked too. */
bool client_batch(client *c, const wire_command *commands, size_t count, wire_outcome_list *outcomes, base_error *err);

/* --- ticking -------------------------------------------------------------------------------------------------------------- */
/* Synchronous mode: advance by one step and wait for its snapshot and for the data of exactly that frame from every sensor listened to.
 * Data that does not come in time is BASE_TIMEOUT, data that was skipped BASE_FORMAT; both name the sensor and the frame. Event
 * sensors (collision, obstacle, lane invasion) and those with a sensor_tick are not waited for. */
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
bool client_light_get(const client *c, wire_actor_id id, wire_light_state *s); /* of a traffic light */

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
bool client_imu_get(client *c, wire_actor_id sensor, wire_imu *imu, base_error *err);
bool client_gnss_get(client *c, wire_actor_id sensor, wire_geo_location *location, base_error *err);

typedef struct client_collision {
    uint64_t frame; /* of the collision; may be older than the last tick, for events travel on a socket of their own */
    wire_actor_id actor, other; /* other 0: scenery */
    const char *other_type;     /* "vehicle.tesla.model3", "static.pole"; borrowed */
    base_vec3 normal_impulse_ns;
} client_collision;
/* Take the oldest collision not taken yet; false when there is none. */
bool client_collision_next(client *c, wire_actor_id sensor, client_collision *collision);
/* Messages thrown away because nobody took them in time, over all sensors. */
uint64_t client_dropped(const client *c);

/* --- anything else -------------------------------------------------------------------------------------------------------- */
/* Call any function of wire/method.h. Text and lists of the result live in `memory` (NULL: until the next client_call with NULL). */
bool client_call(client *c, wire_method_id method, const void *args, void *result, wire_memory *memory, base_error *err);
/* Send it without waiting for an answer. */
bool client_send(client *c, wire_method_id method, const void *args, base_error *err);
#ifdef __cplusplus
}
#endif
#endif
