/* sim/client/internal.h — inside of a client, for the files of this room.
 *
 *   socket.c  one TCP connection               call.c   RPC: requests out, answers in
 *   stream.c  subscriptions, sensor messages   pump.c   the one poll loop that all waiting goes through
 *   client.c  connecting, settings, map        world.c  weather, files, scenery, rays, lights, drawing, recorder
 *   actor.c   blueprints, spawning             command.c  what is sent to actors     batch.c  the same, many at once
 *   tick.c    ticking, snapshot                sensor.c  listening, sensor data      lane.c  the lane-invasion sensor
 *   traffic_manager.c  the port of a traffic manager elsewhere
 *
 * Whoever waits, reads: every wait is a loop around client_pump, which moves bytes of all sockets into buffers. So a server that writes
 * sensor data while we wait for an answer never blocks on us. */
#ifndef SIM_CLIENT_INTERNAL_H
#define SIM_CLIENT_INTERNAL_H
#include "base/buffer.h"
#include "sim/client/client.h"
#include "sim/wire/rpc.h"

/* --- socket.c ------------------------------------------------------------------------------------------------------------- */
typedef struct client_socket {
    void *curl; /* CURL *, which owns the descriptor; NULL: closed */
    int fd;
} client_socket;

bool client_socket_open(client_socket *s, const char *host, int port, double timeout_s, base_error *err);
void client_socket_close(client_socket *s);
/* Bytes moved, 0 when none can be now, -1 on an error (text in err) or when the peer has closed. Never block. */
ptrdiff_t client_socket_send(client_socket *s, const void *data, size_t bytes, base_error *err);
ptrdiff_t client_socket_receive(client_socket *s, void *data, size_t bytes, base_error *err);

/* --- stream.c ------------------------------------------------------------------------------------------------------------- */
typedef struct client_message {
    base_buffer data; /* header and payload, without the length prefix */
    uint64_t frame;
} client_message;

#define CLIENT_QUEUE_MAX 64
typedef struct client_stream {
    wire_actor_id sensor; /* 0: the world snapshot */
    uint32_t stream_id;
    wire_sensor kind;
    char name[80]; /* "sensor 12 (sensor.camera.rgb)", for errors */
    bool awaited;  /* sends something every frame */
    char host[256];
    int port;
    client_socket socket;
    int reconnects;    /* since the last message */
    double retry_at_s; /* when the socket is closed */
    uint8_t prefix[WIRE_FRAME_PREFIX_BYTES];
    size_t prefix_bytes, payload_bytes; /* payload_bytes 0: the prefix is not complete */
    base_buffer incoming;
    client_message queue[CLIENT_QUEUE_MAX]; /* ring, oldest at `first`; spent buffers are used again */
    int first, count, capacity;
    client_message current;  /* what the getters show; no bytes: nothing */
    base_buffer unpacked[2]; /* of `current`, when it is records: channels, records */
} client_stream;

bool client_stream_join(client *c, uint32_t stream_id, wire_token token, wire_actor_id sensor, wire_sensor kind,
                        base_error *err);
void client_stream_leave(client *c, client_stream *s);
client_stream *client_stream_of(const client *c, wire_actor_id sensor); /* NULL: not listening */
/* Read what has come; a closed stream is joined again. */
bool client_stream_read(client *c, client_stream *s, base_error *err);
void client_streams_retry(client *c); /* join those again whose time has come */
/* Joining has no answer. A tick on the other connection could overtake it, and the first frame would be missing; two round trips give
 * the server the time to accept the connection and to read the stream id. */
bool client_stream_settle(client *c, base_error *err);
void client_stream_advance(client_stream *s); /* oldest of the queue -> current */

/* --- call.c, pump.c ------------------------------------------------------------------------------------------------------- */
/* One round of poll over all sockets for at most timeout_s, reading what there is. want_write: also wait until requests can be sent. */
bool client_pump(client *c, double timeout_s, bool want_write, base_error *err);
/* client_pump until the deadline (base_clock_s), in slices that notice `stop`. BASE_TIMEOUT without text when it has passed. */
bool client_wait(client *c, double deadline_s, base_error *err);
bool client_rpc_read(client *c, base_error *err); /* socket -> rpc_in; drops answers that nobody waits for */
bool client_call_for(client *c, wire_method_id method, const void *args, void *result, wire_memory *memory, double timeout_s,
                     base_error *err);
/* Remember the first fatal error; every later call repeats it. Always false. */
bool client_broken(client *c, base_error *err);

/* --- actor.c -------------------------------------------------------------------------------------------------------------- */
typedef struct client_record { /* an actor we know of */
    wire_actor_id id;
    bool mine;  /* spawned by this client, to be destroyed by it */
    bool known; /* `actor` is filled */
    wire_actor actor;
    wire_memory *memory; /* of the actor's text */
} client_record;
client_record *client_record_find(const client *c, wire_actor_id id);
void client_record_free(client_record *r);
client_record *client_record_new(base_error *err);
bool client_record_add(client *c, client_record *r, base_error *err);
void client_record_drop(client *c, wire_actor_id id);
/* Blueprint and overrides to what goes over the wire: all attributes, with their values. Free ->attributes.items. */
bool client_describe(client *c, const client_spawn_options *o, wire_actor_description *d, base_error *err);
void client_records_free(client *c);
bool client_destroy_mine(client *c, base_error *err);

/* --- sensor.c, lane.c ----------------------------------------------------------------------------------------------------- */
bool client_sensor_is_event(wire_sensor kind); /* stays in its queue until taken */
typedef struct client_lane_sensor client_lane_sensor;
client_lane_sensor *client_lane_of(const client *c, wire_actor_id sensor);
bool client_lane_listen(client *c, const wire_actor *sensor, base_error *err);
void client_lane_unlisten(client *c, wire_actor_id sensor);
void client_lanes_step(client *c); /* with each snapshot */
void client_lanes_free(client *c);

struct client {
    client_options options;
    char host[256];
    wire_version version;
    char version_text[64];
    base_error broken; /* code BASE_OK: fine */
    bool closing;      /* `stop` no longer counts */

    client_socket rpc;
    base_buffer rpc_out, rpc_in;
    wire_scan scan;
    uint32_t last_id, awaited_id; /* awaited_id 0: nobody waits */
    bool answered;                /* the awaited answer is the first message of rpc_in */
    wire_response answer;
    wire_memory *rpc_memory;    /* of the answer being looked at */
    wire_memory *result_memory; /* of client_call(..., NULL) */

    client_stream **streams; /* the snapshot's is the first */
    size_t stream_count;
    bool unsettled; /* a stream was joined again since the last tick */
    uint64_t dropped;

    wire_episode_settings settings, found_settings;
    bool settings_changed;
    uint64_t episode;

    wire_memory *map_memory;
    bool map_known;
    wire_map_info map;
    base_pose *spawn_points;
    const char *xodr;
    struct road_map *road;

    wire_memory *blueprint_memory;
    bool blueprints_known;
    wire_actor_definition_list blueprints;

    client_record **records;
    size_t record_count;
    const wire_actor **listed; /* of client_actors */
    wire_memory *batch_memory, *list_memory, *sensor_memory;
    wire_actor_id spectator;

    wire_memory *street_memory, *command_memory;
    bool street_lights_known;
    wire_street_light_list street_lights;
    char endpoint[300];

    client_lane_sensor **lanes;
    size_t lane_count;

    client_snapshot snapshot;
};

/* Whole bodies of functions that are one call: without waiting for the answer, and with it. */
#define SEND(method, type, ...) return client_send(c, WIRE_METHOD_##method, &(wire_args_##type){ __VA_ARGS__ }, err)
#define CALL(method, type, result, ...)                                                                                        \
    return client_call(c, WIRE_METHOD_##method, &(wire_args_##type){ __VA_ARGS__ }, result, NULL, err)

#endif
