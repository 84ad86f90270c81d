/* Recorded sessions of CARLA's own client against our server: every request in order, the answers compared in shape with those of the
 * recording: same msgpack types, same array lengths, success where there was success, refusal where there was refusal.
 *
 * Numbers that two servers choose differently are translated on the way: actor and stream ids (learned from the answers), blueprint
 * uids, spawn points, the map's name. tests/golden/wire says where the recordings come from. */
#include "tests/town/served.h"
#include "base/file.h"
#include "sim/wire/wire.h"
#include <dirent.h>
#include <cjson/cJSON.h>
#include <msgpack.h>

#define IDS 512
typedef struct session {
    served *served;
    int fd, streams[32], stream_count;
    wire_version version;
    uint32_t next_id;
    wire_memory *memory, *kept; /* of one call, of the session */
    base_buffer out, in;
    uint32_t actor_of[IDS], stream_of[IDS]; /* recorded -> ours; 0: unknown */
    wire_actor_definition_list definitions;
    wire_map_info map;
    wire_vector3 places[64]; /* recorded spawn locations, in order of appearance; each is one of our spawn points */
    size_t place_count;
    const char *xodr;
    char why[400], recordings[64];
} session;

/* Read and forget what the streams brought, so that a synchronous tick never waits for this test. */
static void drain(session *s)
{
    static char bytes[1 << 16];
    for (int i = 0; i < s->stream_count; i++)
        while (recv(s->streams[i], bytes, sizeof bytes, MSG_DONTWAIT) > 0)
            ;
}

/* Send a request, wait for the message that answers it. Borrowed until the next call. */
static wire_bytes exchange(session *s, const base_buffer *request)
{
    static char bytes[1 << 16];
    wire_scan scan;
    base_buffer_clear(&s->in);
    assert_int_equal(send(s->fd, request->data, request->bytes, MSG_NOSIGNAL), request->bytes);
    wire_scan_start(&scan, NULL);
    for (int waited = 0;;) {
        struct pollfd p = { s->fd, POLLIN, 0 };
        if (poll(&p, 1, 20) <= 0) {
            drain(s);
            if (++waited > 1500)
                return (wire_bytes){ 0 };
            continue;
        }
        ssize_t got = recv(s->fd, bytes, sizeof bytes, 0);
        if (got <= 0)
            return (wire_bytes){ 0 };
        base_buffer_append(&s->in, bytes, (size_t)got);
        if (wire_scan_feed(&scan, s->in.data, s->in.bytes, NULL) == WIRE_SCAN_COMPLETE)
            return (wire_bytes){ s->in.data, scan.offset };
    }
}

/* A question of the test itself; its answer lives in s->kept. */
static void *ask(session *s, wire_method_id id, const void *args)
{
    const wire_method *m = wire_method_get(id);
    base_error err = { 0 };
    wire_response r;
    void *result = wire_memory_take(s->kept, 1, m->result->bytes + 1, &err);
    base_buffer_clear(&s->out);
    assert_true(wire_request_encode(&s->out, ++s->next_id, m, false, args, s->version, &err));
    wire_bytes answer = exchange(s, &s->out);
    if (!wire_response_decode(&r, answer.data, answer.bytes, s->kept, &err) ||
        !wire_result_decode(result, &r, m, s->version, s->kept, &err))
        fail_msg("%s: %s", m->name, err.text);
    return result;
}

#define SIGNAL(ID, S, TYPE)                                                                                                    \
    "<signal s=\"" S "\" t=\"-4\" id=\"" ID "\" name=\"" ID "\" dynamic=\"yes\" orientation=\"-\" zOffset=\"0\" "              \
    "country=\"OpenDRIVE\" type=\"" TYPE "\" subtype=\"-1\" value=\"-1\"><validity fromLane=\"-1\" toLane=\"-1\"/></signal>"

/* The training map with two traffic lights of one controller and a stop sign, as the recorded town had. In s->kept. */
static const char *town_with_lights(session *s)
{
    static const char mark[] = "<signals/>", end[] = "</OpenDRIVE>",
                      signals[] = "<signals>" SIGNAL("900", "60", "1000001") SIGNAL("901", "90", "1000001")
                          SIGNAL("902", "120", "206") "</signals>",
                      controller[] = "<controller id=\"1\" name=\"\"><control signalId=\"900\" type=\"0\"/><control "
                                     "signalId=\"901\" type=\"0\"/></controller></OpenDRIVE>";
    unsigned char *text;
    size_t bytes;
    assert_true(base_file_read("configs/maps/training_loop.xodr", (size_t)8 << 20, &text, &bytes, NULL));
    char *out = wire_memory_take(s->kept, bytes + sizeof signals + sizeof controller, 1, NULL), *at = (char *)text;
    char *first = strstr(at, mark), *last = strstr(at, end);
    assert_true(first && last && first < last);
    sprintf(out, "%.*s%s%.*s%s", (int)(first - at), at, signals, (int)(last - first - (int)sizeof mark + 1),
            first + sizeof mark - 1, controller);
    free(text);
    return out;
}

static void open_session(session *s, wire_version version, bool synchronous)
{
    town_server_options o = town_server_options_default();
    o.version = (int)version;
    *s = (session){ .version = version, .recordings = "/tmp/test_replay_XXXXXX" };
    assert_non_null(mkdtemp(s->recordings));
    o.recordings = s->recordings;
    s->served = served_start(o);
    s->memory = wire_memory_create(WIRE_MEMORY_DEFAULT, NULL);
    s->kept = wire_memory_create(WIRE_MEMORY_DEFAULT, NULL);
    s->fd = dial(town_server_rpc_port(s->served->server));
    s->xodr = town_with_lights(s);
    ask(s, WIRE_METHOD_copy_opendrive_to_file, &(wire_args_opendrive){ s->xodr, { 2, 50, 1, 0.6, true, true, true } });
    ask(s, WIRE_METHOD_load_new_episode, &(wire_args_load){ "OpenDriveMap", true, 0xffff });
    s->definitions = *(wire_actor_definition_list *)ask(s, WIRE_METHOD_get_actor_definitions, NULL);
    s->map = *(wire_map_info *)ask(s, WIRE_METHOD_get_map_info, NULL);
    if (synchronous) {
        wire_args_settings a = { wire_episode_settings_default() };
        a.settings.synchronous_mode = true;
        a.settings.fixed_delta_seconds = (wire_optional_f64){ true, 0.05 };
        ask(s, WIRE_METHOD_set_episode_settings, &a);
        ask(s, WIRE_METHOD_tick_cue, NULL);
    }
}

static void close_session(session *s)
{
    for (int i = 0; i < s->stream_count; i++)
        close(s->streams[i]);
    close(s->fd);
    served_stop(s->served);
    DIR *dir = opendir(s->recordings);
    for (struct dirent *e; dir && (e = readdir(dir));)
        unlinkat(dirfd(dir), e->d_name, 0);
    closedir(dir);
    rmdir(s->recordings);
    base_buffer_free(&s->in);
    base_buffer_free(&s->out);
    wire_memory_destroy(s->memory);
    wire_memory_destroy(s->kept);
}

/* The recorded world had actors 24 (spectator), 25 and 26 (traffic lights of one group) and 27 (a sign). */
static void find_fixtures(session *s)
{
    uint32_t all[IDS], lights = 0;
    for (uint32_t i = 0; i < IDS; i++)
        all[i] = i + 1;
    wire_actor_list *actors = ask(s, WIRE_METHOD_get_actors_by_id, &(wire_args_actors){ { all, IDS } });
    for (size_t i = 0; i < actors->count; i++) {
        const wire_actor *a = &actors->items[i];
        if (strcmp(a->description.id, "spectator") == 0)
            s->actor_of[24] = a->id;
        else if (strcmp(a->description.id, "traffic.traffic_light") == 0 && lights < 2)
            s->actor_of[25 + lights++] = a->id;
        else if (strncmp(a->description.id, "traffic.", 8) == 0 && strcmp(a->description.id, "traffic.traffic_light") != 0)
            s->actor_of[27] = a->id;
    }
    assert_true(s->actor_of[24] && s->actor_of[25] && s->actor_of[26]);
}

/* ---- translation of requests ---- */

static uint32_t own(const uint32_t *table, uint32_t recorded)
{
    return recorded < IDS && table[recorded] ? table[recorded] : recorded;
}

static const char *own_text(session *s, const char *text)
{
    const char *town = strstr(text, "Town01");
    if (strncmp(text, "<OpenDRIVE>", 11) == 0)
        return s->xodr; /* the stand-in took any text for a map */
    if (!town)
        return text;
    char *copy = wire_memory_take(s->memory, strlen(text) + 32, 1, NULL);
    sprintf(copy, "%.*sOpenDriveMap%s", (int)(town - text), text, town + 6);
    return copy;
}

static void translate(session *s, const wire_type *t, void *value, const char *name)
{
    uint8_t *at = value;
    switch (t->kind) {
    case WIRE_KIND_U32: {
        uint32_t *x = value;
        if (strcmp(name, "actor") == 0 || strcmp(name, "actors") == 0 || strcmp(name, "parent") == 0)
            *x = own(s->actor_of, *x);
        else if (strcmp(name, "stream_id") == 0)
            *x = own(s->stream_of, *x);
        break;
    }
    case WIRE_KIND_TEXT: {
        const char *text;
        memcpy(&text, value, sizeof text);
        text = own_text(s, text);
        memcpy(value, &text, sizeof text);
        break;
    }
    case WIRE_KIND_STRUCT:
        for (size_t i = 0; i < t->count; i++)
            translate(s, t->fields[i].type, at + t->fields[i].offset, t->fields[i].name);
        if (t == &wire_type_actor_description) {
            wire_actor_description *d = value;
            for (size_t i = 0; i < s->definitions.count; i++)
                if (strcmp(s->definitions.items[i].id, d->id) == 0)
                    d->uid = s->definitions.items[i].uid;
        }
        break;
    case WIRE_KIND_LIST: {
        wire_u32_list list; /* all lists are laid out alike */
        memcpy(&list, value, sizeof list);
        for (size_t i = 0; i < list.count; i++)
            translate(s, t->element, (uint8_t *)list.items + i * t->element->bytes, name);
        break;
    }
    case WIRE_KIND_OPTIONAL:
        if (*(bool *)value)
            translate(s, t->element, at + t->offset, name);
        break;
    case WIRE_KIND_VARIANT: translate(s, t->choices[*(int *)value].type, at + t->offset, t->choices[*(int *)value].name); break;
    default: break;
    }
}

/* Our spawn point for a recorded place: the same one for the same place. */
static void move_to_spawn_point(session *s, wire_transform *t)
{
    size_t i = 0;
    while (i < s->place_count && memcmp(&s->places[i], &t->location, sizeof t->location) != 0)
        i++;
    assert_true(i < 64 && i < s->map.recommended_spawn_points.count);
    if (i == s->place_count)
        s->places[s->place_count++] = t->location;
    *t = s->map.recommended_spawn_points.items[i * 3 % s->map.recommended_spawn_points.count];
}

static void place(session *s, const wire_method *m, void *args)
{
    if (m->id == WIRE_METHOD_spawn_actor)
        move_to_spawn_point(s, &((wire_args_spawn *)args)->transform);
    if (m->id == WIRE_METHOD_set_actor_transform && ((wire_args_actor_transform *)args)->transform.location.y == 59.5F)
        move_to_spawn_point(s, &((wire_args_actor_transform *)args)->transform); /* the recorded town's were in a row */
    if (m->id != WIRE_METHOD_apply_batch)
        return;
    wire_command_list *list = &((wire_args_batch *)args)->commands;
    for (size_t i = 0; i < list->count; i++)
        if (list->items[i].kind == WIRE_COMMAND_SPAWN_ACTOR && !list->items[i].as.spawn.parent.has)
            move_to_spawn_point(s, &list->items[i].as.spawn.transform);
}

/* ---- shapes ---- */

static bool no(session *s, const char *what, const msgpack_object *want, const msgpack_object *got)
{
    char a[160] = "", b[160] = "";
    msgpack_object_print_buffer(a, sizeof a, *want);
    msgpack_object_print_buffer(b, sizeof b, *got);
    snprintf(s->why, sizeof s->why, "%s: recorded %.120s, answered %.120s", what, a, b);
    return false;
}

static bool integer(const msgpack_object *o)
{
    return o->type == MSGPACK_OBJECT_POSITIVE_INTEGER || o->type == MSGPACK_OBJECT_NEGATIVE_INTEGER;
}

static size_t fields_of(const wire_type *t, wire_version v)
{
    size_t n = 0;
    for (size_t i = 0; i < t->count; i++)
        n += t->fields[i].since <= v;
    return n;
}

/* Lists that depend on the server alone may be of any length; the recording's first element is the pattern of all of ours. */
static bool same_shape(session *s, const wire_type *t, const msgpack_object *want, const msgpack_object *got, const char *name)
{
    const msgpack_object *w = want->via.array.ptr, *g = got->via.array.ptr;
    switch (t->kind) {
    case WIRE_KIND_STRUCT:
        if (want->type != MSGPACK_OBJECT_ARRAY || got->type != MSGPACK_OBJECT_ARRAY ||
            got->via.array.size != fields_of(t, s->version))
            return no(s, name, want, got);
        for (size_t i = 0, k = 0; i < t->count; i++) {
            if (t->fields[i].since > s->version)
                continue;
            /* the recorded boxes had no actor id yet */
            if (k < want->via.array.size && !same_shape(s, t->fields[i].type, &w[k], &g[k], t->fields[i].name))
                return false;
            k++;
        }
        return true;
    case WIRE_KIND_LIST:
        if (want->type != MSGPACK_OBJECT_ARRAY || got->type != MSGPACK_OBJECT_ARRAY)
            return no(s, name, want, got);
        for (uint32_t i = 0; i < got->via.array.size && want->via.array.size; i++)
            if (!same_shape(s, t->element, &w[0], &g[i], name))
                return false;
        return true;
    case WIRE_KIND_OPTIONAL:
        return (got->type == MSGPACK_OBJECT_ARRAY && got->via.array.size == 1u + g[0].via.boolean &&
                want->via.array.size == got->via.array.size) ||
               no(s, name, want, got);
    case WIRE_KIND_VARIANT:
        if (got->type != MSGPACK_OBJECT_ARRAY || got->via.array.size != 2 || g[0].via.u64 != w[0].via.u64)
            return no(s, name, want, got);
        for (size_t i = 0; i < t->count; i++)
            if (t->choices[i].index[WIRE_VERSION_INDEX(s->version)] == (int)g[0].via.u64)
                return same_shape(s, t->choices[i].type, &w[1], &g[1], name);
        return no(s, name, want, got);
    case WIRE_KIND_PACKED:
        return (got->type == MSGPACK_OBJECT_BIN && got->via.bin.size == want->via.bin.size) || no(s, name, want, got);
    case WIRE_KIND_BYTES: /* a stream's token: none, or 24 bytes; CARLA's lane-invasion sensor has one, the stand-in's had none */
        return (got->type == MSGPACK_OBJECT_BIN &&
                (strcmp(name, "stream_token") != 0 || got->via.bin.size == WIRE_TOKEN_BYTES ||
                 got->via.bin.size == want->via.bin.size)) ||
               no(s, name, want, got);
    case WIRE_KIND_F32:
    case WIRE_KIND_F64:
    case WIRE_KIND_BOOL:
    case WIRE_KIND_TEXT: return got->type == want->type || no(s, name, want, got);
    default: return (integer(got) && integer(want)) || no(s, name, want, got);
    }
}

/* ---- the walk ---- */

static void learn_actor(session *s, uint32_t recorded, uint32_t ours)
{
    if (recorded < IDS && ours)
        s->actor_of[recorded] = ours;
}

static void learn(session *s, const wire_method *m, const void *want, const void *got)
{
    wire_token a, b;
    if (m->result == &wire_type_actor) {
        const wire_actor *w = want, *g = got;
        learn_actor(s, w->id, g->id);
        if (wire_token_read(&a, w->stream_token) && wire_token_read(&b, g->stream_token) && a.stream_id < IDS)
            s->stream_of[a.stream_id] = b.stream_id;
    } else if (m->id == WIRE_METHOD_apply_batch) {
        const wire_outcome_list *w = want, *g = got;
        for (size_t i = 0; i < w->count && i < g->count; i++)
            if (w->items[i].kind == WIRE_OUTCOME_ACTOR && g->items[i].kind == WIRE_OUTCOME_ACTOR &&
                w->items[i].as.actor < IDS && !s->actor_of[w->items[i].as.actor])
                learn_actor(s, w->items[i].as.actor, g->items[i].as.actor);
    } else if (m->id == WIRE_METHOD_get_sensor_token && s->stream_count < 32) {
        uint8_t join[WIRE_JOIN_BYTES]; /* the recorded client joined at once */
        const wire_token *t = got;
        int fd = dial(t->port);
        wire_join_write(join, t->stream_id);
        assert_int_equal(send(fd, join, sizeof join, MSG_NOSIGNAL), sizeof join);
        s->streams[s->stream_count++] = fd;
    }
}

static void from_hex(base_buffer *out, const char *hex)
{
    base_buffer_clear(out);
    for (size_t i = 0; hex[i] && hex[i + 1]; i += 2) {
        unsigned x;
        assert_int_equal(sscanf(hex + i, "%2x", &x), 1);
        base_buffer_append(out, &(uint8_t){ (uint8_t)x }, 1);
    }
}

static const char *text_of(const cJSON *row, const char *key) { return cJSON_GetStringValue(cJSON_GetObjectItem(row, key)); }

/* What stands inside Response<T>: the value. */
static const msgpack_object *inside(const wire_method *m, const wire_object *result)
{
    return m->bare ? result : &result->via.array.ptr[0].via.array.ptr[1];
}

static bool fails(session *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
static bool fails(session *s, const char *format, ...)
{
    va_list a;
    va_start(a, format);
    vsnprintf(s->why, sizeof s->why, format, a);
    va_end(a);
    return false;
}

/* One recorded call. */
static bool replay(session *s, const cJSON *row)
{
    static _Alignas(16) char args[4096], want[4096], got[4096];
    const char *name = text_of(row, "method"), *reply = text_of(row, "reply");
    const wire_method *m = wire_method_find(name, strlen(name), s->version);
    base_error err = { 0 };
    base_buffer recorded = { 0 };
    wire_request r;
    wire_response a, b;
    bool ignore, ok = false;
    wire_memory_reset(s->memory);
    base_buffer_clear(&s->out);
    from_hex(&recorded, text_of(row, "request"));
    if (!wire_request_decode(&r, &ignore, recorded.data, recorded.bytes, s->memory, &err) ||
        !wire_arguments_decode(args, &r, m, s->version, s->memory, &err)) {
        fails(s, "%s", err.text);
        goto done;
    }
    translate(s, m->args, args, "");
    place(s, m, args);
    if (!wire_request_encode(&s->out, ++s->next_id, m, r.asynchronous, args, s->version, &err)) {
        fails(s, "%s", err.text);
        goto done;
    }
    wire_bytes answer = exchange(s, &s->out);
    drain(s);
    if (!answer.bytes || !wire_response_decode(&b, answer.data, answer.bytes, s->memory, &err)) {
        fails(s, "no answer, or none that can be read: %s", err.text);
        goto done;
    }
    if (b.id != s->next_id || b.fault) {
        fails(s, "%s", b.fault ? b.fault : "the answer to another call");
        goto done;
    }
    bool answered = wire_result_decode(got, &b, m, s->version, s->memory, &err);
    if (!answered && err.code != BASE_REMOTE) {
        fails(s, "%s", err.text);
        goto done;
    }
    if (!reply) { /* the text of a map, or the end of the recording */
        ok = answered || fails(s, "refused: %s", err.text);
        goto done;
    }
    from_hex(&recorded, reply);
    if (!wire_response_decode(&a, recorded.data, recorded.bytes, s->memory, NULL)) {
        fails(s, "the recorded answer cannot be read");
        goto done;
    }
    bool recorded_ok = wire_result_decode(want, &a, m, s->version, s->memory, NULL);
    if (answered != recorded_ok)
        ok = fails(s, "recorded: %s, here: %s", recorded_ok ? "success" : "refusal", answered ? "success" : err.text);
    else if (!answered || m->result == &wire_type_none)
        ok = true;
    else {
        const msgpack_object *w = inside(m, a.result), *g = inside(m, b.result);
        bool counted = m->id == WIRE_METHOD_apply_batch || m->id == WIRE_METHOD_get_actors_by_id ||
                       m->id == WIRE_METHOD_get_vehicle_light_states;
        ok = !counted || w->via.array.size == g->via.array.size || no(s, "length", w, g);
        if (ok && m->id != WIRE_METHOD_apply_batch)
            ok = same_shape(s, m->result, w, g, name);
        else
            for (uint32_t i = 0; ok && i < w->via.array.size; i++) /* which commands fail is part of the answer */
                ok = same_shape(s, m->result->element, &w->via.array.ptr[i], &g->via.array.ptr[i], "outcome");
        learn(s, m, want, got);
    }
done:
    base_buffer_free(&recorded);
    return ok;
}

static cJSON *read_lines(const char *path)
{
    unsigned char *text;
    size_t bytes;
    base_error err;
    if (!base_file_read(path, (size_t)16 << 20, &text, &bytes, &err))
        fail_msg("%s", err.text);
    cJSON *rows = cJSON_CreateArray();
    for (char *line = strtok((char *)text, "\n"); line; line = strtok(NULL, "\n"))
        cJSON_AddItemToArray(rows, cJSON_Parse(line));
    free(text);
    return rows;
}

static void replay_session(const char *which, bool synchronous)
{
    session s;
    cJSON *rows = read_lines("tests/golden/wire/sessions.jsonl"), *row;
    int passed = 0, all = 0;
    open_session(&s, WIRE_0_9_16, synchronous);
    find_fixtures(&s);
    cJSON_ArrayForEach(row, rows)
    {
        if (strcmp(text_of(row, "session"), which) != 0)
            continue;
        all++;
        if (replay(&s, row))
            passed++;
        else
            print_message("%s: %s: %s\n", text_of(row, "step"), text_of(row, "method"), s.why);
    }
    print_message("session %s: %d of %d calls answered alike\n", which, passed, all);
    close_session(&s);
    cJSON_Delete(rows);
    assert_true(all > 10);
    assert_int_equal(passed, all);
}
static void full_session(void **state) { (void)state, replay_session("full", false); }
static void session_that_finds_synchronous_mode(void **state) { (void)state, replay_session("sync_server_with_files", true); }
static void traffic_manager_asynchronous(void **state) { (void)state, replay_session("traffic_manager_async", false); }
static void traffic_manager_synchronous(void **state) { (void)state, replay_session("traffic_manager_sync", true); }

/* What the released clients send, each function once, to a server of their version: understood, and answered with a result of the right
 * shape or with a refusal in CARLA's form. No fault: those mean that the call itself was not understood. */
static void understands(wire_version version)
{
    session s;
    cJSON *rows = read_lines("tests/golden/wire/official.jsonl"), *row;
    int understood = 0, all = 0;
    static _Alignas(16) char result[4096];
    open_session(&s, version, false);
    cJSON_ArrayForEach(row, rows)
    {
        if (cJSON_GetObjectItem(row, "version")->valueint != (int)version)
            continue;
        const char *name = text_of(row, "method");
        const wire_method *m = wire_method_find(name, strlen(name), version);
        base_error err = { 0 };
        wire_response r;
        all++;
        wire_memory_reset(s.memory);
        from_hex(&s.out, text_of(row, "request"));
        wire_bytes answer = exchange(&s, &s.out);
        bool ok = answer.bytes && wire_response_decode(&r, answer.data, answer.bytes, s.memory, &err) && !r.fault &&
                  (wire_result_decode(result, &r, m, version, s.memory, &err) || err.code == BASE_REMOTE);
        understood += ok;
        if (!ok)
            print_message("%s: %s\n", name, err.text);
    }
    print_message("CARLA %s: %d of %d requests understood\n", wire_version_name(version), understood, all);
    close_session(&s);
    cJSON_Delete(rows);
    assert_true(all > 100);
    assert_int_equal(understood, all);
}
static void requests_of_0_9_15(void **state) { (void)state, understands(WIRE_0_9_15); }
static void requests_of_0_9_16(void **state) { (void)state, understands(WIRE_0_9_16); }

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(full_session),
        cmocka_unit_test(session_that_finds_synchronous_mode),
        cmocka_unit_test(traffic_manager_asynchronous),
        cmocka_unit_test(traffic_manager_synchronous),
        cmocka_unit_test(requests_of_0_9_15),
        cmocka_unit_test(requests_of_0_9_16),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
