/* The port of a traffic manager: msgpack-rpc as rpclib has it, without the Metadata and the Response that the simulator's port wraps around
 * every call, and with whole actors where that port has ids. */
#include "sim/client/internal.h"
#include "base/clock.h"
#include "sim/wire/table.h"
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK_BYTES = 16 * 1024, PUMP_MS = 20 };

struct client_tm {
    client *c;
    client_socket socket;
    char name[300]; /* "traffic manager at HOST:PORT", for errors */
    uint32_t last_id;
    base_buffer out, in;
    wire_scan scan;
    wire_memory *memory;
    bool broken;
};

/* --- argument structs ----------------------------------------------------------------------------------------------------- */

typedef struct wire_tm_number {
    wire_actor actor;
    float value;
} wire_tm_number;
typedef struct wire_tm_flag {
    wire_actor actor;
    bool flag;
} wire_tm_flag;
typedef struct wire_tm_pair {
    wire_actor a, b;
    bool detect;
} wire_tm_pair;
typedef struct wire_tm_actors {
    wire_actor_list actors;
} wire_tm_actors;
typedef struct wire_locations {
    wire_vector3 *items;
    size_t count;
} wire_locations;
typedef struct wire_tm_path {
    wire_actor actor;
    wire_locations path;
    bool empty;
} wire_tm_path;
typedef struct wire_tm_route {
    wire_actor actor;
    wire_bytes route;
    bool empty;
} wire_tm_route;
typedef struct wire_tm_u64 {
    uint64_t value;
} wire_tm_u64;
typedef struct wire_tm_f32 {
    float value;
} wire_tm_f32;
typedef struct wire_tm_bool {
    bool flag;
} wire_tm_bool;

static const wire_field fields_tm_number[] = { FIELD(wire_tm_number, actor, actor), FIELD(wire_tm_number, value, f32) };
static const wire_field fields_tm_flag[] = { FIELD(wire_tm_flag, actor, actor), FIELD(wire_tm_flag, flag, flag) };
static const wire_field fields_tm_pair[] = { FIELD(wire_tm_pair, a, actor), FIELD(wire_tm_pair, b, actor),
                                             FIELD(wire_tm_pair, detect, flag) };
static const wire_field fields_tm_actors[] = { FIELD(wire_tm_actors, actors, actor_list) };
static LIST_TYPE(locations, vector3);
static const wire_field fields_tm_path[] = { FIELD(wire_tm_path, actor, actor), FIELD(wire_tm_path, path, locations),
                                             FIELD(wire_tm_path, empty, flag) };
static const wire_field fields_tm_route[] = { FIELD(wire_tm_route, actor, actor), FIELD(wire_tm_route, route, bytes),
                                              FIELD(wire_tm_route, empty, flag) };
static const wire_field fields_tm_u64[] = { FIELD(wire_tm_u64, value, u64) };
static const wire_field fields_tm_f32[] = { FIELD(wire_tm_f32, value, f32) };
static const wire_field fields_tm_bool[] = { FIELD(wire_tm_bool, flag, flag) };
static STRUCT_TYPE(tm_number);
static STRUCT_TYPE(tm_flag);
static STRUCT_TYPE(tm_pair);
static STRUCT_TYPE(tm_actors);
static STRUCT_TYPE(tm_path);
static STRUCT_TYPE(tm_route);
static STRUCT_TYPE(tm_u64);
static STRUCT_TYPE(tm_f32);
static STRUCT_TYPE(tm_bool);

/* --- calling -------------------------------------------------------------------------------------------------------------- */

static bool encode(client_tm *tm, const char *function, const wire_type *type, const void *args, base_error *err)
{
    uint32_t id = ++tm->last_id;
    const uint8_t head[] = { 0x94, 0x00, 0xce, (uint8_t)(id >> 24), (uint8_t)(id >> 16), (uint8_t)(id >> 8), (uint8_t)id };
    base_buffer_clear(&tm->out);
    return (base_buffer_append(&tm->out, head, sizeof head) &&
            wire_value_encode(&tm->out, &wire_type_text, &function, tm->c->version, err) &&
            (type ? wire_value_encode(&tm->out, type, args, tm->c->version, err) : base_buffer_append(&tm->out, "\x90", 1))) ||
           base_fail(err, BASE_MEMORY, "%s: no memory for a call", tm->name);
}

/* Wait for its socket while our own are read too: the manager may itself be waiting for a simulator that waits for us. */
static bool wait_for(client_tm *tm, short events, double deadline_s, const char *function, base_error *err)
{
    struct pollfd f = { tm->socket.fd, events, 0 };
    if (tm->c->options.stop && tm->c->options.stop() && !tm->c->closing)
        return base_fail(err, BASE_INTERRUPTED, "stopped while waiting for the %s", tm->name);
    if (base_clock_s() > deadline_s)
        return base_fail(err, BASE_TIMEOUT, "%s: no answer to %s within %g s", tm->name, function,
                         tm->c->options.call_timeout_s);
    poll(&f, 1, PUMP_MS);
    return client_pump(tm->c, 0, false, err);
}

static bool send_all(client_tm *tm, const char *function, double deadline_s, base_error *err)
{
    for (size_t sent = 0; sent < tm->out.bytes;) {
        ptrdiff_t n = client_socket_send(&tm->socket, tm->out.data + sent, tm->out.bytes - sent, err);
        if (n < 0)
            return base_fail_in(err, "%s", tm->name);
        sent += (size_t)n;
        if (n == 0 && !wait_for(tm, POLLOUT, deadline_s, function, err))
            return false;
    }
    return true;
}

/* The answer to the last call; late ones to earlier calls are passed over. */
static bool receive(client_tm *tm, const char *function, double deadline_s, wire_response *r, base_error *err)
{
    for (;;) {
        wire_scan_result got = tm->in.bytes ? wire_scan_feed(&tm->scan, tm->in.data, tm->in.bytes, err) : WIRE_SCAN_MORE;
        if (got == WIRE_SCAN_BAD)
            return base_fail_in(err, "%s: not a traffic manager", tm->name);
        if (got == WIRE_SCAN_COMPLETE) {
            wire_memory_reset(tm->memory);
            if (!wire_response_decode(r, tm->in.data, tm->scan.offset, tm->memory, err))
                return base_fail_in(err, "%s: not a traffic manager", tm->name);
            if (r->id == tm->last_id)
                return true;
            base_buffer_consume(&tm->in, tm->scan.offset);
            wire_scan_start(&tm->scan, &tm->scan.limits);
            continue;
        }
        void *to = base_buffer_reserve(&tm->in, CHUNK_BYTES);
        if (!to)
            return base_fail(err, BASE_MEMORY, "%s: no memory for an answer", tm->name);
        ptrdiff_t n = client_socket_receive(&tm->socket, to, CHUNK_BYTES, err);
        if (n < 0)
            return base_fail_in(err, "%s", tm->name);
        tm->in.bytes += (size_t)n;
        if (n == 0 && !wait_for(tm, POLLIN, deadline_s, function, err))
            return false;
    }
}

/* type NULL: no arguments; done NULL: the result is not looked at. */
static bool call(client_tm *tm, const char *function, const wire_type *type, const void *args, bool *done, base_error *err)
{
    wire_response r;
    double deadline = base_clock_s() + tm->c->options.call_timeout_s;
    if (tm->broken)
        return base_fail(err, BASE_NETWORK, "%s: the connection was lost before", tm->name);
    if (!encode(tm, function, type, args, err))
        return false;
    if (!send_all(tm, function, deadline, err) || !receive(tm, function, deadline, &r, err)) {
        tm->broken = !err || err->code != BASE_TIMEOUT; /* half a message, or rubbish: nothing after it can be trusted */
        return false;
    }
    bool ok = true;
    if (r.fault)
        ok = base_fail(err, BASE_REMOTE, "%s: %s: %s", tm->name, function, r.fault);
    else if (done)
        ok = wire_value_decode(r.result, &wire_type_flag, done, tm->c->version, tm->memory, err) ||
             base_fail_in(err, "%s: %s", tm->name, function);
    base_buffer_consume(&tm->in, tm->scan.offset);
    wire_scan_start(&tm->scan, &tm->scan.limits);
    return ok;
}

/* --- connecting ----------------------------------------------------------------------------------------------------------- */

client_tm *client_tm_connect(client *c, int port, base_error *err)
{
    wire_endpoint at;
    wire_args_u16 args = { (uint16_t)port };
    if (port < 1 || port > 65535) {
        base_fail(err, BASE_ARGUMENT, "port: expected 1 to 65535, found %d", port);
        return NULL;
    }
    if (!client_call(c, WIRE_METHOD_get_traffic_manager_running, &args, &at, NULL, err))
        return NULL;
    if (!at.host || !at.host[0] || !at.port) {
        base_fail(err, BASE_REMOTE,
                  "%s:%d: no traffic manager is registered for port %d; host one with CARLA's client: "
                  "client.get_trafficmanager(%d)",
                  c->host, c->options.port, port, port);
        return NULL;
    }
    if (strlen(at.host) > 250) {
        base_fail(err, BASE_FORMAT, "%s:%d: the traffic manager's host name has %zu characters", c->host, c->options.port,
                  strlen(at.host));
        return NULL;
    }
    client_tm *tm = calloc(1, sizeof *tm);
    if (!tm || !(tm->memory = wire_memory_create((size_t)1 << 20, err))) {
        free(tm);
        base_fail(err, BASE_MEMORY, "no memory for a traffic manager's connection");
        return NULL;
    }
    tm->c = c;
    tm->socket.fd = -1;
    tm->in.max_bytes = (size_t)1 << 20;
    tm->out.max_bytes = (size_t)64 << 20;
    wire_scan_start(&tm->scan, NULL);
    snprintf(tm->name, sizeof tm->name, "traffic manager at %s:%d", at.host, at.port);
    if (!client_socket_open(&tm->socket, at.host, at.port, c->options.connect_timeout_s, err) ||
        !call(tm, "health_check_remote_TM", NULL, NULL, NULL, err)) {
        client_tm_close(tm);
        base_fail_in(err, "traffic manager on port %d", port);
        return NULL;
    }
    return tm;
}

void client_tm_close(client_tm *tm)
{
    if (!tm)
        return;
    client_socket_close(&tm->socket);
    base_buffer_free(&tm->in);
    base_buffer_free(&tm->out);
    wire_memory_destroy(tm->memory);
    free(tm);
}

/* --- functions ------------------------------------------------------------------------------------------------------------ */

/* The records go over whole; what is not known yet is asked from the simulator. */
static bool actor(client_tm *tm, wire_actor_id id, wire_actor *a, base_error *err)
{
    const wire_actor *known = client_actor(tm->c, id, err);
    if (known)
        *a = *known;
    return known != NULL;
}

bool client_tm_register(client_tm *tm, const wire_actor_id *vehicles, size_t count, bool on, base_error *err)
{
    wire_tm_actors args = { { calloc(count + 1, sizeof *args.actors.items), count } };
    bool ok = args.actors.items || base_fail(err, BASE_MEMORY, "no memory for %zu vehicles", count);
    for (size_t i = 0; ok && i < count; i++)
        ok = actor(tm, vehicles[i], &args.actors.items[i], err);
    ok = ok && call(tm, on ? "register_vehicle" : "unregister_vehicle", &wire_type_tm_actors, &args, NULL, err);
    free(args.actors.items);
    return ok;
}

static const struct {
    const char *of_one, *of_all;
} numbers[] = {
    [CLIENT_TM_SPEED_DIFFERENCE] = { "set_percentage_speed_difference", "set_global_percentage_speed_difference" },
    [CLIENT_TM_DISTANCE] = { "set_distance_to_leading_vehicle", "set_global_distance_to_leading_vehicle" },
    [CLIENT_TM_LANE_OFFSET] = { "set_lane_offset", "set_global_lane_offset" },
    [CLIENT_TM_DESIRED_SPEED] = { "set_desired_speed", NULL },
    [CLIENT_TM_RUNNING_LIGHT] = { "set_percentage_running_light", NULL },
    [CLIENT_TM_RUNNING_SIGN] = { "set_percentage_running_sign", NULL },
    [CLIENT_TM_IGNORE_WALKERS] = { "set_percentage_ignore_walkers", NULL },
    [CLIENT_TM_IGNORE_VEHICLES] = { "set_percentage_ignore_vehicles", NULL },
    [CLIENT_TM_KEEP_RIGHT] = { "set_percentage_keep_right_rule", NULL },
    [CLIENT_TM_RANDOM_LEFT_CHANGE] = { "set_percentage_random_left_lanechange", NULL },
    [CLIENT_TM_RANDOM_RIGHT_CHANGE] = { "set_percentage_random_right_lanechange", NULL },
    [CLIENT_TM_HYBRID_RADIUS] = { NULL, "set_hybrid_physics_radius" },
};

bool client_tm_set(client_tm *tm, wire_actor_id vehicle, client_tm_number what, double value, base_error *err)
{
    wire_tm_number args = { .value = (float)value };
    if ((unsigned)what >= sizeof numbers / sizeof *numbers || !numbers[what].of_one)
        return base_fail(err, BASE_ARGUMENT, "traffic manager: number %d is not of one vehicle", (int)what);
    return actor(tm, vehicle, &args.actor, err) && call(tm, numbers[what].of_one, &wire_type_tm_number, &args, NULL, err);
}

bool client_tm_set_all(client_tm *tm, client_tm_number what, double value, base_error *err)
{
    wire_tm_f32 args = { (float)value };
    if ((unsigned)what >= sizeof numbers / sizeof *numbers || !numbers[what].of_all)
        return base_fail(err, BASE_ARGUMENT, "traffic manager: number %d is not of all vehicles", (int)what);
    return call(tm, numbers[what].of_all, &wire_type_tm_f32, &args, NULL, err);
}

bool client_tm_switch_set(client_tm *tm, wire_actor_id vehicle, client_tm_switch what, bool on, base_error *err)
{
    static const char *const functions[] = {
        [CLIENT_TM_VEHICLE_LIGHTS] = "update_vehicle_lights",
        [CLIENT_TM_AUTO_LANE_CHANGE] = "set_auto_lane_change",
        [CLIENT_TM_FORCE_LANE_CHANGE] = "set_force_lane_change",
        [CLIENT_TM_HYBRID_PHYSICS] = "set_hybrid_physics_mode",
        [CLIENT_TM_OSM_MODE] = "set_osm_mode",
        [CLIENT_TM_RESPAWN_DORMANT] = "set_respawn_dormant_vehicles",
        [CLIENT_TM_SYNCHRONOUS] = "set_synchronous_mode",
    };
    bool of_vehicle = what <= CLIENT_TM_FORCE_LANE_CHANGE;
    if ((unsigned)what >= sizeof functions / sizeof *functions || of_vehicle != (vehicle != 0))
        return base_fail(err, BASE_ARGUMENT, "traffic manager: switch %d is %s", (int)what,
                         of_vehicle ? "of a vehicle" : "of the manager, the vehicle must be 0");
    if (!of_vehicle)
        return call(tm, functions[what], &wire_type_tm_bool, &(wire_tm_bool){ on }, NULL, err);
    wire_tm_flag args = { .flag = on };
    return actor(tm, vehicle, &args.actor, err) && call(tm, functions[what], &wire_type_tm_flag, &args, NULL, err);
}

bool client_tm_collision_set(client_tm *tm, wire_actor_id a, wire_actor_id b, bool detect, base_error *err)
{
    wire_tm_pair args = { .detect = detect };
    return actor(tm, a, &args.a, err) && actor(tm, b, &args.b, err) &&
           call(tm, "set_collision_detection", &wire_type_tm_pair, &args, NULL, err);
}

bool client_tm_seed(client_tm *tm, uint64_t seed, base_error *err)
{
    return call(tm, "set_random_device_seed", &wire_type_tm_u64, &(wire_tm_u64){ seed }, NULL, err);
}

bool client_tm_path(client_tm *tm, wire_actor_id vehicle, const base_vec3 *path, size_t count, bool keep, base_error *err)
{
    wire_tm_path args = { .path = { calloc(count + 1, sizeof *args.path.items), count }, .empty = !keep };
    bool ok = args.path.items || base_fail(err, BASE_MEMORY, "no memory for a path of %zu places", count);
    for (size_t i = 0; ok && i < count; i++)
        args.path.items[i] = wire_vector3_from_vec3(path[i]);
    ok = ok && actor(tm, vehicle, &args.actor, err) && call(tm, "set_path", &wire_type_tm_path, &args, NULL, err);
    free(args.path.items);
    return ok;
}

bool client_tm_route(client_tm *tm, wire_actor_id vehicle, const road_option *route, size_t count, bool keep, base_error *err)
{
    uint8_t *bytes = calloc(count + 1, 1);
    wire_tm_route args = { .route = { bytes, count }, .empty = !keep };
    bool ok = bytes || base_fail(err, BASE_MEMORY, "no memory for a route of %zu options", count);
    for (size_t i = 0; ok && i < count; i++)
        bytes[i] = route[i] == ROAD_OPTION_VOID ? 0 : (uint8_t)route[i];
    ok = ok && actor(tm, vehicle, &args.actor, err) && call(tm, "set_imported_route", &wire_type_tm_route, &args, NULL, err);
    free(bytes);
    return ok;
}

bool client_tm_tick(client_tm *tm, base_error *err)
{
    bool done = false;
    if (!call(tm, "synchronous_tick", NULL, NULL, &done, err))
        return false;
    return done || base_fail(err, BASE_REMOTE, "%s: synchronous_tick did nothing: CLIENT_TM_SYNCHRONOUS is off", tm->name);
}

bool client_tm_shut_down(client_tm *tm, base_error *err) { return call(tm, "shut_down", NULL, NULL, NULL, err); }
