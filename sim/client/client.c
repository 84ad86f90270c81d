#include "sim/client/internal.h"
#include "base/clock.h"
#include "sim/road/road.h"
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

client_options client_options_default(void)
{
    return (client_options){ .host = "127.0.0.1",
                             .port = 2000,
                             .connect_timeout_s = 5,
                             .call_timeout_s = 10,
                             .load_timeout_s = 60,
                             .max_message_bytes = (size_t)256 << 20 };
}

static bool options_check(const client_options *o, base_error *err)
{
    if (!o->host || !o->host[0] || strlen(o->host) > 250)
        return base_fail(err, BASE_ARGUMENT, "host: expected a name of 1 to 250 characters");
    if (o->port < 1 || o->port > 65535)
        return base_fail(err, BASE_ARGUMENT, "port: expected 1 to 65535, found %d", o->port);
    if (!(o->connect_timeout_s > 0) || !(o->call_timeout_s > 0) || !(o->load_timeout_s > 0))
        return base_fail(err, BASE_ARGUMENT, "time-outs: expected more than 0 s");
    if (o->max_message_bytes < 1024)
        return base_fail(err, BASE_ARGUMENT, "max_message_bytes: expected at least 1024, found %zu", o->max_message_bytes);
    return true;
}

/* --- connecting ----------------------------------------------------------------------------------------------------------- */

static bool make_memory(client *c, base_error *err)
{
    wire_memory **all[] = { &c->rpc_memory,  &c->result_memory, &c->map_memory,    &c->blueprint_memory, &c->batch_memory,
                            &c->list_memory, &c->sensor_memory, &c->street_memory, &c->command_memory };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (!(*all[i] = wire_memory_create(2 * c->options.max_message_bytes, err)))
            return false;
    return true;
}

static void free_client(client *c)
{
    while (c->stream_count)
        client_stream_leave(c, c->streams[c->stream_count - 1]);
    free(c->streams);
    client_socket_close(&c->rpc);
    base_buffer_free(&c->rpc_in);
    base_buffer_free(&c->rpc_out);
    client_lanes_free(c);
    client_records_free(c);
    road_map_destroy(c->road);
    free(c->spawn_points);
    wire_memory *all[] = { c->rpc_memory,  c->result_memory, c->map_memory,    c->blueprint_memory, c->batch_memory,
                           c->list_memory, c->sensor_memory, c->street_memory, c->command_memory };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        wire_memory_destroy(all[i]);
    free(c);
    curl_global_cleanup(); /* counted: pairs with client_connect */
}

static bool ask_version(client *c, base_error *err)
{
    const char *text = NULL;
    c->version = WIRE_VERSION_LATEST; /* `version` is the same in all releases */
    if (!client_call(c, WIRE_METHOD_version, NULL, &text, NULL, err))
        return false;
    snprintf(c->version_text, sizeof c->version_text, "%s", text);
    for (char *p = c->version_text; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f) /* it is shown on terminals */
            *p = '?';
    if (!wire_version_parse(&c->version, c->version_text, NULL))
        return base_fail(err, BASE_VERSION, "%s:%d: the server is CARLA %s, this client speaks " WIRE_VERSION_RANGE, c->host,
                         c->options.port, c->version_text);
    return true;
}

/* Where a stream is. Servers since 0.9.14 want to be asked; they may keep streams on several machines. */
static bool find_stream(client *c, wire_token *token, base_error *err)
{
    if (c->version < WIRE_0_9_14)
        return true;
    wire_args_stream args = { token->stream_id };
    return client_call(c, WIRE_METHOD_get_sensor_token, &args, token, NULL, err);
}

static bool join_episode(client *c, base_error *err)
{
    wire_episode_info info;
    if (!client_call(c, WIRE_METHOD_get_episode_info, NULL, &info, NULL, err) || !find_stream(c, &info.token, err) ||
        !client_stream_join(c, info.token.stream_id, info.token, 0, WIRE_SENSOR_SNAPSHOT, err))
        return false;
    c->episode = info.id;
    c->streams[c->stream_count - 1]->awaited = true;
    return client_call(c, WIRE_METHOD_get_episode_settings, NULL, &c->settings, NULL, err);
}

client *client_connect(const client_options *o, base_error *err)
{
    if (!options_check(o, err))
        return NULL;
    client *c = calloc(1, sizeof *c);
    if (!c) {
        base_fail(err, BASE_MEMORY, "no memory for a client");
        return NULL;
    }
    curl_global_init(CURL_GLOBAL_DEFAULT);
    c->options = *o;
    snprintf(c->host, sizeof c->host, "%s", o->host);
    c->options.host = c->host;
    c->rpc.fd = -1;
    c->rpc_in.max_bytes = 2 * o->max_message_bytes; /* one whole message and what has come behind it */
    wire_limits limits = wire_limits_default();
    limits.max_bytes = o->max_message_bytes;
    wire_scan_start(&c->scan, &limits);
    if (!make_memory(c, err) || !client_socket_open(&c->rpc, c->host, o->port, o->connect_timeout_s, err) ||
        !ask_version(c, err) || !join_episode(c, err)) {
        free_client(c);
        return NULL;
    }
    c->found_settings = c->settings;
    return c;
}

bool client_close(client *c, base_error *err)
{
    if (!c)
        return true;
    base_error why = { 0 };
    c->closing = true;
    while (c->stream_count > 1) /* sensors stop measuring before they go */
        client_stream_leave(c, c->streams[c->stream_count - 1]);
    bool ok = client_destroy_mine(c, &why);
    if (c->settings_changed && !(why.code == BASE_TIMEOUT)) {
        wire_args_settings args = { c->found_settings };
        uint64_t frame;
        if (!client_call(c, WIRE_METHOD_set_episode_settings, &args, &frame, NULL, ok ? &why : NULL))
            ok = false;
    }
    if (!ok && err)
        *err = why;
    if (!ok)
        base_fail_in(err, "closing the client");
    free_client(c);
    return ok;
}

wire_version client_version(const client *c) { return c->version; }
const char *client_version_text(const client *c) { return c->version_text; }

/* --- settings ------------------------------------------------------------------------------------------------------------- */

wire_episode_settings client_settings(const client *c) { return c->settings; }

bool client_settings_set(client *c, const wire_episode_settings *s, base_error *err)
{
    wire_args_settings args = { *s };
    uint64_t frame;
    c->settings_changed = true; /* also when the answer is lost */
    if (!client_call(c, WIRE_METHOD_set_episode_settings, &args, &frame, NULL, err))
        return false;
    c->settings = *s;
    return true;
}

static bool set_mode(client *c, bool synchronous, double dt_s, base_error *err)
{
    wire_episode_settings s = c->settings;
    if (!(dt_s >= 0 && dt_s <= 10) || (synchronous && dt_s == 0))
        return base_fail(err, BASE_ARGUMENT, "dt_s: expected %s to 10 s, found %g", synchronous ? "more than 0" : "0", dt_s);
    s.synchronous_mode = synchronous;
    s.fixed_delta_seconds = (wire_optional_f64){ dt_s > 0, dt_s };
    return client_settings_set(c, &s, err);
}

void client_settings_keep(client *c)
{
    c->found_settings = c->settings;
    c->settings_changed = false;
}

bool client_synchronous(client *c, double dt_s, base_error *err) { return set_mode(c, true, dt_s, err); }
bool client_asynchronous(client *c, double dt_s, base_error *err) { return set_mode(c, false, dt_s, err); }

/* --- map ------------------------------------------------------------------------------------------------------------------ */

static void forget_map(client *c)
{
    road_map_destroy(c->road);
    c->road = NULL;
    free(c->spawn_points);
    c->spawn_points = NULL;
    c->xodr = NULL;
    c->map_known = false;
    wire_memory_reset(c->map_memory);
}

static bool know_map(client *c, base_error *err)
{
    if (c->map_known)
        return true;
    if (!client_call(c, WIRE_METHOD_get_map_info, NULL, &c->map, c->map_memory, err))
        return false;
    c->spawn_points = calloc(c->map.recommended_spawn_points.count + 1, sizeof *c->spawn_points);
    if (!c->spawn_points)
        return base_fail(err, BASE_MEMORY, "no memory for %zu spawn points", c->map.recommended_spawn_points.count);
    for (size_t i = 0; i < c->map.recommended_spawn_points.count; i++)
        c->spawn_points[i] = wire_transform_to_pose(c->map.recommended_spawn_points.items[i]);
    c->map_known = true;
    return true;
}

const char *client_map_name(client *c, base_error *err) { return know_map(c, err) ? c->map.name : NULL; }

const base_pose *client_spawn_points(client *c, size_t *count, base_error *err)
{
    *count = 0;
    if (!know_map(c, err))
        return NULL;
    *count = c->map.recommended_spawn_points.count;
    return c->spawn_points;
}

const char *client_map_xodr(client *c, base_error *err)
{
    if (!c->xodr && know_map(c, err)) {
        const char *text = NULL;
        if (client_call_for(c, WIRE_METHOD_get_map_data, NULL, &text, c->map_memory, c->options.load_timeout_s, err))
            c->xodr = text;
    }
    return c->xodr;
}

const struct road_map *client_road_map(client *c, base_error *err)
{
    const char *xodr = c->road ? NULL : client_map_xodr(c, err);
    if (xodr) {
        const char *slash = strrchr(c->map.name, '/');
        c->road = road_map_parse(xodr, strlen(xodr), slash ? slash + 1 : c->map.name, c->options.log, err);
    }
    return c->road;
}

bool client_maps(client *c, wire_text_list *names, base_error *err)
{
    wire_memory_reset(c->list_memory);
    return client_call(c, WIRE_METHOD_get_available_maps, NULL, names, c->list_memory, err);
}

enum { EPISODE_POLL_MS = 50 }; /* as CARLA's own client */

/* The call that loads is answered before the new world is there. */
static bool await_episode(client *c, const char *what, base_error *err)
{
    uint64_t before = c->episode;
    for (double deadline = base_clock_s() + c->options.load_timeout_s;;) {
        wire_episode_info info;
        base_error why = { 0 };
        bool ok = client_call(c, WIRE_METHOD_get_episode_info, NULL, &info, NULL, &why);
        if (ok && info.id != before)
            return join_episode(c, err);
        if (!ok && why.code != BASE_REMOTE) { /* "episode not ready" is fine */
            if (err)
                *err = why;
            return false;
        }
        if (base_clock_s() > deadline)
            return base_fail(err, BASE_TIMEOUT, "%s:%d: load_world(\"%s\"): no new episode within %g s", c->host,
                             c->options.port, what, c->options.load_timeout_s);
        if (!client_wait(c, base_clock_s() + EPISODE_POLL_MS / 1000.0, &why) && why.code != BASE_TIMEOUT) {
            if (err)
                *err = why;
            return false;
        }
    }
}

bool client_load_world(client *c, const char *name, bool keep_settings, base_error *err)
{
    wire_args_load args = { name, !keep_settings, 0xffff };
    if (!client_call_for(c, WIRE_METHOD_load_new_episode, &args, NULL, c->result_memory, c->options.load_timeout_s, err))
        return false;
    while (c->stream_count)
        client_stream_leave(c, c->streams[c->stream_count - 1]);
    client_lanes_free(c);
    client_records_free(c);
    forget_map(c);
    c->spectator = 0;
    c->street_lights_known = false;
    c->snapshot = (client_snapshot){ 0 };
    if (!keep_settings)
        c->settings_changed = false; /* the server's defaults hold now; there is nothing of ours to undo */
    return await_episode(c, name, err);
}

wire_opendrive_parameters client_opendrive_parameters_default(void)
{
    return (wire_opendrive_parameters){ 2.0, 50.0, 1.0, 0.6, true, true, true };
}

bool client_generate_world(client *c, const char *xodr, const wire_opendrive_parameters *p, bool keep_settings, base_error *err)
{
    wire_args_opendrive args = { xodr, p ? *p : client_opendrive_parameters_default() };
    wire_memory_reset(c->result_memory);
    return client_call_for(c, WIRE_METHOD_copy_opendrive_to_file, &args, NULL, c->result_memory, c->options.load_timeout_s,
                           err) &&
           client_load_world(c, "OpenDriveMap", keep_settings, err); /* the name CARLA gives such a map */
}
