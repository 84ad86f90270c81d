/* sim/town/serve.h — the server's own structures, shared by server.c (loop), rpc*.c (port 2000) and stream.c (port 2001).
 *
 * One thread, one poll loop, every socket non-blocking. A request is answered by a row of rpc.c's table; a tick is run between
 * requests, never inside one. While a tick waits for slow readers (synchronous mode) no request is looked at, so that a
 * control sent behind a tick_cue acts in the next frame whatever the readers do. */
#ifndef TOWN_SERVE_H
#define TOWN_SERVE_H
#include "base/buffer.h"
#include "sim/town/internal.h"
#include "sim/wire/wire.h"

#define TOWN_PEERS_MAX    256 /* RPC connections; the same number of stream sessions */
#define TOWN_REQUEST_MAX  ((size_t)64 << 20)
#define TOWN_ANSWERS_HIGH ((size_t)1 << 20) /* a peer that does not read this much of its answers gets no more */
#define TOWN_MAPS_MAX     64
#define TOWN_MANAGERS_MAX 64

typedef struct town_peer { /* an RPC connection */
    int fd;
    base_buffer in, out;
    size_t sent; /* of out */
    wire_scan scan;
    bool at_end;    /* the other side sends no more */
    bool has_asked; /* at least one complete message */
    double since_s; /* connected */
    double moved_s; /* last time that bytes came or were not wanted */
} town_peer;

typedef struct town_session { /* a connection of the streaming port */
    int fd;
    uint32_t stream_id; /* 0: has not said */
    uint8_t join[WIRE_JOIN_BYTES];
    size_t join_bytes;
    base_buffer out;
    size_t sent;
    uint64_t dropped;
    bool unaware;      /* of snapshots: joined before the map changed and has not been told */
    double since_s;    /* connected */
    double close_at_s; /* > 0: joined a stream that does not exist; closed a little later so that a client that comes
                          back at once does not spin */
} town_session;

typedef struct town_manager { /* a traffic manager that a client announced */
    char host[64];
    uint16_t port; /* 0: free entry */
} town_manager;

#define TOWN_JOINS_MAX 32
typedef struct town_join { /* a client asked where a stream is and will join it in a moment */
    uint32_t stream_id;    /* 0: free entry */
    double since_s;
} town_join;

struct town_server {
    town_server_options options;
    char maps_dir[1024], start_path[1024];
    base_pool *pool;
    town_world *world;
    town_map *maps[TOWN_MAPS_MAX]; /* every map in use so far; kept because worlds borrow them */
    int map_count;
    int rpc_listen, stream_listen, rpc_port, stream_port;
    town_peer *peers[TOWN_PEERS_MAX];
    town_session *sessions[TOWN_PEERS_MAX];
    int peer_count, session_count;
    town_join joins[TOWN_JOINS_MAX];
    bool tick_pending;      /* a cue was answered, its tick has not run */
    bool tick_waiting;      /* ... because readers are behind or a join is on its way */
    double pending_since_s; /* wall clock */
    double last_tick_s, next_tick_s;
    double accept_after_s, refusal_logged_s; /* wall clock */
    town_manager managers[TOWN_MANAGERS_MAX];
    wire_memory *memory;
    base_buffer message; /* one stream message being built */
    wire_actor_state *states;
    int state_capacity;
    town_server_stats stats;
    town_watch *watch; /* NULL: nobody looks on */
    bool failed;       /* a tick could not be computed; the text is in failure */
    base_error failure;
};

static inline wire_version town_wire_version(const town_server *s) { return (wire_version)s->options.version; }

/* ---- who looks on (watch.c) ---- */

/* Between two ticks: copy the world when somebody waits for it. */
void town_watch_serve(town_server *s);
void town_watch_destroy(town_watch *w);

/* ---- RPC (rpc.c) ---- */

typedef struct town_call { /* one request on its way through a handler */
    town_server *server;
    int peer; /* descriptor of the connection it came by */
    town_world *world;
    const wire_method *method;
    const void *args; /* of the method's argument type */
    void *result;     /* of the method's result type, cleared */
    wire_memory *memory;
    base_error *err;
} town_call;
typedef bool (*town_handler)(town_call *c);

town_peer *town_peer_create(int fd, double now_s);
void town_peer_destroy(town_peer *p);
bool town_peer_read(town_peer *p, double now_s);    /* false: close it */
bool town_peer_write(town_server *s, town_peer *p); /* false: close it */
/* Answer complete requests until none is left, a tick is pending or the peer does not read. False: close it. */
bool town_peer_serve(town_server *s, town_peer *p);

/* "Responding error from function NAME: REASON.  Actor Id: ID", as CARLA words it. Always false. */
bool town_call_refuse(town_call *c, const char *reason, uint32_t actor);
#define TOWN_NOT_FOUND  "Actor could not be found in the registry"
#define TOWN_NO_VEHICLE "Actor is not a Vehicle"

/* ---- handlers (rpc_*.c) ---- */

/* The table of a file: rows end with a handler of NULL. */
typedef struct town_row {
    wire_method_id method;
    town_handler handler;
} town_row;
extern const town_row town_rows_world[], town_rows_scene[], town_rows_actor[], town_rows_vehicle[], town_rows_walker[],
    town_rows_traffic[], town_rows_batch[], town_rows_lights[], town_rows_parts[], town_rows_recorder[];
town_handler town_handler_of(wire_method_id id); /* NULL: not available in this simulator */

/* Answered with frame + 1; in synchronous mode the tick runs before the next request. */
uint64_t town_server_cue(town_server *s);
/* A loaded map by the name a client uses ("Town01", "/Game/Carla/Maps/Town01"; "" = the current one). */
const town_map *town_server_map(town_server *s, const char *name, base_error *err);
/* Files of a map by CARLA's names ("Carla/Maps/OpenDrive/Town01.xodr"); they come from memory, no path of a peer is ever opened. */
int town_map_file_count(void);
bool town_map_file_name(const town_map *m, int index, char *name, size_t bytes); /* false: this map has no such file */
bool town_map_file(const town_map *m, const char *name, const void **data, size_t *bytes);
/* A new episode on that map, which clients are told of; false with map NULL (err says why already). */
bool town_server_enter(town_server *s, const town_map *map, bool reset_settings, base_error *err);
bool town_server_map_add(town_server *s, town_map *map, base_error *err); /* takes map over, also on failure */
bool town_wire_actor(const town_server *s, uint32_t id, wire_actor *out, wire_memory *m, base_error *err);
uint32_t town_spawn_from_wire(town_call *c, const wire_actor_description *d, const wire_transform *t, uint32_t parent,
                              uint8_t attachment);
void town_wire_physics(const town_physics *p, const base_pose *pose, wire_vehicle_physics *out, wire_memory *m);
/* False with a reason: more points, gears or wheels than a vehicle has. */
bool town_physics_from_wire(const wire_vehicle_physics *in, const base_pose *pose, town_physics *out, base_error *err);

/* ---- streams (stream.c, publish.c) ---- */

town_session *town_session_create(int fd, double now_s);
void town_session_destroy(town_session *s);
/* Destroy the session and move the last one into its place; say how much it has lost. */
void town_session_close(town_server *s, int index);
bool town_session_read(town_server *s, town_session *t, double now_s); /* false: close it */
bool town_session_write(town_server *s, town_session *t);              /* false: close it */
bool town_session_waiting(const town_session *t);                      /* has unsent bytes */
bool town_stream_wanted(const town_server *s, uint32_t stream_id);
/* In synchronous mode the next tick waits a moment for a stream whose place a client has just asked for: so that the first frame
 * after listen() is not lost to the race between its two connections, as it is in CARLA. */
void town_stream_expect(town_server *s, uint32_t stream_id, double now_s);
/* Is a join still on its way? Forgets those that took too long. */
bool town_stream_expected(town_server *s, double now_s);
/* Send head and body as one message to every session of the stream. In asynchronous mode a session that is behind loses it. */
void town_stream_send(town_server *s, uint32_t stream_id, const base_buffer *head, const void *body, size_t body_bytes);
/* Snapshots say once that the map has changed, and only to sessions that joined before it did: the official client crashes when it meets
 * the flag while it is still connecting. _map_changed makes all present sessions unaware; _send serves those that are, who then know, or
 * those that are not. */
void town_snapshot_map_changed(town_server *s);
bool town_snapshot_wanted(const town_server *s, bool unaware);
void town_snapshot_send(town_server *s, bool unaware, const base_buffer *message);
/* Close the sessions whose sensor is gone. */
void town_streams_prune(town_server *s);
town_sink town_server_sink(town_server *s);
#endif
