/* The server's handlers: a sequence of RPC calls and ticks against a real world on a small map.
 *
 * The bytes of an input are read as choices. A choice is a tick, a piece of raw RPC bytes, or a call: then every argument is made
 * from the following bytes by the tables of sim/wire, with a liking for values that hurt (NaN, huge, negative, actors that exist,
 * blueprints that exist). So any input is mostly valid calls, and at the start every function is called a few times.
 * Every sensor has a reader, a socket pair, so that what ticks measure is encoded and sent.
 *
 * After each tick every actor must be somewhere finite. The server must never fail. */
#include "sim/town/serve.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);
int LLVMFuzzerInitialize(int *argc, char ***argv);

#define READERS_MAX 16
#define TICKS_MAX   40 /* per input */
#define DEPTH_MAX   8  /* of commands inside commands */

static const char tiny[] =
    "<OpenDRIVE><header revMajor=\"1\" revMinor=\"4\"/><road name=\"\" length=\"80\" id=\"1\" junction=\"-1\"><planView><geometry s=\"0\" "
    "x=\"0\" y=\"0\" hdg=\"0\" length=\"80\"><line/></geometry></planView><lanes><laneSection s=\"0\"><left><lane id=\"1\" type=\"sidewalk\">"
    "<width sOffset=\"0\" a=\"2\" b=\"0\" c=\"0\" d=\"0\"/></lane></left><center><lane id=\"0\" type=\"none\"/></center><right><lane id=\"-1\" "
    "type=\"driving\"><width sOffset=\"0\" a=\"3.5\" b=\"0\" c=\"0\" d=\"0\"/></lane></right></laneSection></lanes><signals><signal s=\"60\" "
    "t=\"-4\" id=\"77\" name=\"light\" dynamic=\"yes\" orientation=\"+\" zOffset=\"0\" type=\"1000001\" subtype=\"-1\" value=\"-1\" hOffset=\"0\" "
    "height=\"1\" width=\"1\"><validity fromLane=\"-1\" toLane=\"-1\"/></signal></signals></road></OpenDRIVE>";

static town_server *server;
static const town_map *start_map;
static int readers[READERS_MAX], reader_count; /* our ends of the sessions */

/* ---- choices ---- */

typedef struct choices {
    const uint8_t *data;
    size_t left;
    wire_memory *memory;
    wire_version version;
    int depth;
} choices;

static unsigned choose(choices *c)
{
    if (c->left == 0)
        return 0;
    c->left--;
    return *c->data++;
}

static uint64_t raw(choices *c, int bytes)
{
    uint64_t v = 0;
    for (int i = 0; i < bytes; i++)
        v = v << 8 | choose(c);
    return v;
}

static double number(choices *c)
{
    static const double table[] = { 0,     1,     -1,     0.5,     0.05,   -0.5,     10,        45,    -90,         180,
                                    3.6e2, 1e3,   1e4,    1e5,     9.99e5, 1e6,      -1e6,      1e9,   1e30,        -1e30,
                                    1e-6,  1e-30, 3.4e38, -3.4e38, NAN,    INFINITY, -INFINITY, 1e308, 2147483648.0 };
    unsigned k = choose(c);
    if (k < sizeof table / sizeof *table)
        return table[k];
    if (k < 192)
        return ((int)k - 112) / 4.0;
    float f;
    uint32_t bits = (uint32_t)raw(c, 4);
    memcpy(&f, &bits, sizeof f);
    return k < 224 ? f : (int32_t)bits / 65536.0;
}

static uint64_t integer(choices *c, int bytes)
{
    unsigned k = choose(c);
    if (k < 128) /* an actor that exists */
        return town_actor_count(server->world) ? town_actor_id_at(server->world, (int)k % town_actor_count(server->world)) : 0;
    if (k < 224)
        return k - 128;
    uint64_t v = raw(c, bytes);
    return k < 240 ? v : v >> (8 * (bytes - 1));
}

static const char *text(choices *c)
{
    static const char *const table[] = { "",
                                         "tiny",
                                         "/Game/Carla/Maps/tiny",
                                         "OpenDriveMap",
                                         "../../etc/passwd",
                                         tiny,
                                         "0",
                                         "1",
                                         "-1",
                                         "64",
                                         "16",
                                         "nan",
                                         "inf",
                                         "1e9",
                                         "4097",
                                         "true",
                                         "false",
                                         "255,0,0",
                                         "hero",
                                         "1,2",
                                         "99999999999999999999",
                                         "0.1",
                                         "127.0.0.1:1",
                                         "%s%n",
                                         "vehicle.lincoln.mkz_2020" };
    unsigned k = choose(c);
    if (k < 200)
        return table[k % (sizeof table / sizeof *table)];
    size_t n = k - 200;
    char *s = wire_memory_take(c->memory, n + 1, 1, NULL);
    for (size_t i = 0; s && i < n; i++)
        s[i] = (char)(choose(c) | 1); /* never zero */
    return s ? s : "";
}

static void fill(choices *c, const wire_type *t, void *value);

/* A blueprint that exists, with attributes that it has. */
static void fill_description(choices *c, wire_actor_description *d)
{
    d->uid = 1 + (uint32_t)raw(c, 1) % town_blueprint_count();
    const town_blueprint *b = town_blueprint_at(d->uid);
    d->id = town_blueprint_id(b);
    town_attribute_offer offers[TOWN_ATTRIBUTES_MAX];
    int offered = town_blueprint_attributes(b, server->options.version, offers);
    unsigned count = choose(c) % 6;
    d->attributes.items = wire_memory_take(c->memory, count + 2, sizeof *d->attributes.items, NULL);
    bool pictures = false;
    for (unsigned i = 0; i < count && offered > 0; i++) {
        const town_attribute_offer *o = &offers[choose(c) % (unsigned)offered];
        pictures |= strncmp(o->id, "image_size", 10) == 0;
        d->attributes.items[d->attributes.count++] = (wire_attribute_value){ o->id, WIRE_ATTRIBUTE_TEXT, text(c) };
    }
    /* Small pictures unless a size was chosen: it is calls that are wanted here, not pixels. */
    for (int i = 0; i < offered && !pictures; i++)
        if (strncmp(offers[i].id, "image_size", 10) == 0 && d->attributes.count < count + 2)
            d->attributes.items[d->attributes.count++] = (wire_attribute_value){ offers[i].id, WIRE_ATTRIBUTE_INT, "24" };
}

static void fill_variant(choices *c, const wire_type *t, void *value)
{
    unsigned k = choose(c) % (unsigned)t->count;
    while (t->choices[k].index[WIRE_VERSION_INDEX(c->version)] < 0)
        k = (k + 1) % (unsigned)t->count;
    *(int *)value = (int)k;
    fill(c, t->choices[k].type, (char *)value + t->offset);
}

static void fill_list(choices *c, const wire_type *t, void *value)
{
    struct {
        void *items;
        size_t count;
    } *list = value;
    size_t count = c->depth > DEPTH_MAX ? 0 : choose(c) % 7;
    list->items = wire_memory_take(c->memory, count + 1, t->element->bytes, NULL);
    for (size_t i = 0; list->items && i < count; i++)
        fill(c, t->element, (char *)list->items + list->count++ * t->element->bytes);
}

static void fill(choices *c, const wire_type *t, void *value)
{
    c->depth++;
    if (t == &wire_type_actor_description && choose(c) < 240) {
        fill_description(c, value);
        c->depth--;
        return;
    }
    switch (t->kind) {
    case WIRE_KIND_BOOL: *(bool *)value = choose(c) & 1; break;
    case WIRE_KIND_ATTRIBUTE: *(uint8_t *)value = (uint8_t)(1 + choose(c) % 5); break;
    case WIRE_KIND_U8: *(uint8_t *)value = (uint8_t)choose(c); break;
    case WIRE_KIND_U16: *(uint16_t *)value = (uint16_t)integer(c, 2); break;
    case WIRE_KIND_U32: *(uint32_t *)value = (uint32_t)integer(c, 4); break;
    case WIRE_KIND_I32: *(int32_t *)value = (int32_t)integer(c, 4); break;
    case WIRE_KIND_U64:
    case WIRE_KIND_I64: *(uint64_t *)value = integer(c, 8); break;
    case WIRE_KIND_F32: {
        double v = number(c);
        *(float *)value = v > 3.4e38 && v < INFINITY ? 3.4e38f : (float)v;
        break;
    }
    case WIRE_KIND_F64: *(double *)value = number(c); break;
    case WIRE_KIND_TEXT: *(const char **)value = text(c); break;
    case WIRE_KIND_BYTES: *(wire_bytes *)value = (wire_bytes){ (const uint8_t *)tiny, choose(c) % 32 }; break;
    case WIRE_KIND_CHARS: memset(value, (int)choose(c), t->bytes); break;
    case WIRE_KIND_STRUCT:
    case WIRE_KIND_PACKED:
        for (size_t i = 0; i < t->count; i++)
            fill(c, t->fields[i].type, (char *)value + t->fields[i].offset);
        break;
    case WIRE_KIND_LIST: fill_list(c, t, value); break;
    case WIRE_KIND_OPTIONAL:
        if ((*(bool *)value = choose(c) & 1))
            fill(c, t->element, (char *)value + t->offset);
        break;
    case WIRE_KIND_VARIANT: fill_variant(c, t, value); break;
    }
    c->depth--;
}

/* ---- the server without its loop ---- */

static _Noreturn void complain(const char *what, const char *why)
{
    fprintf(stderr, "%s: %s\n", what, why);
    abort();
}

/* Everybody listens to every sensor. */
static void join_sensors(void)
{
    for (int i = 0; i < town_actor_count(server->world) && reader_count < READERS_MAX; i++) {
        town_actor_view v;
        int pair[2];
        town_actor_get(server->world, town_actor_id_at(server->world, i), &v);
        if (!v.stream_id || town_stream_wanted(server, v.stream_id) ||
            socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair))
            continue;
        uint8_t join[WIRE_JOIN_BYTES] = { (uint8_t)v.stream_id, (uint8_t)(v.stream_id >> 8), (uint8_t)(v.stream_id >> 16),
                                          (uint8_t)(v.stream_id >> 24) };
        town_session *t = town_session_create(pair[0], 0);
        if (!t || write(pair[1], join, sizeof join) != sizeof join || !town_session_read(server, t, 0))
            complain("join", "refused");
        server->sessions[server->session_count++] = t;
        readers[reader_count++] = pair[1];
    }
}

static void drain(void)
{
    static uint8_t bytes[1 << 18];
    for (int k = 0; k < reader_count; k++)
        while (read(readers[k], bytes, sizeof bytes) > 0)
            ;
    for (int i = 0; i < server->session_count; i++) {
        base_buffer_clear(&server->sessions[i]->out);
        server->sessions[i]->sent = 0;
    }
}

static void tick(void)
{
    town_settings set = town_settings_get(server->world);
    base_error err = { 0 };
    server->tick_pending = false;
    join_sensors();
    if (!town_tick(server->world, set.has_fixed_delta ? set.fixed_delta_s : 0.05, town_server_sink(server), &err))
        complain("tick", err.text);
    if (server->failed)
        complain("tick", server->failure.text);
    drain();
    for (int i = 0; i < town_actor_count(server->world); i++) {
        town_actor_view v;
        town_actor_get(server->world, town_actor_id_at(server->world, i), &v);
        if (!town_pose_is_sane(&v.pose) || !isfinite(base_vec3_length(v.velocity_mps)) ||
            !isfinite(base_vec3_length(v.angular_velocity_dps)) || !isfinite(base_vec3_length(v.acceleration_mps2)))
            complain(v.type_id, "is nowhere, or moves at no finite speed");
    }
}

static void serve(town_peer **p)
{
    if (town_peer_serve(server, *p))
        return;
    town_peer_destroy(*p); /* the connection was closed: the next call comes on a new one */
    *p = NULL;
}

static void leave(void)
{
    for (int i = 0; i < server->session_count; i++)
        town_session_destroy(server->sessions[i]);
    for (int i = 0; i < reader_count; i++)
        close(readers[i]);
    server->session_count = reader_count = 0;
    server->tick_pending = false;
    memset(server->managers, 0, sizeof server->managers);
    memset(server->joins, 0, sizeof server->joins);
}

/* Raw bytes first, if any; then the call, which town_peer_serve reads behind them. */
static void call(town_peer **p, choices *c, const wire_method *m, bool asynchronous)
{
    base_error err = { 0 };
    void *args = wire_memory_take(c->memory, 1, m->args->bytes ? m->args->bytes : 1, NULL);
    c->depth = 0;
    fill(c, m->args, args);
    if (m->since <= c->version && wire_request_encode(&(*p)->in, 1, m, asynchronous, args, c->version, &err))
        serve(p);
}

static town_peer *peer(int *other_end)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair))
        return NULL;
    *other_end = pair[1];
    return town_peer_create(pair[0], 0);
}

static void run(const uint8_t *data, size_t bytes)
{
    base_error err = { 0 };
    choices c = { data, bytes, wire_memory_create((size_t)16 << 20, NULL), (wire_version)server->options.version, 0 };
    int other = -1, ticks = 0;
    static uint8_t answers[1 << 16];
    if (!town_episode_restart(server->world, start_map, true, &err))
        complain("restart", err.text);
    town_peer *p = peer(&other);
    while (p && c.left > 0) {
        unsigned k = choose(&c);
        if (k < 16) {
            if (ticks++ < TICKS_MAX)
                tick();
        } else if (k < 24) {
            for (unsigned n = choose(&c); n > 0 && c.left > 0; n--)
                base_buffer_append(&p->in, &(uint8_t){ (uint8_t)choose(&c) }, 1);
            serve(&p);
        } else {
            call(&p, &c, wire_method_get((wire_method_id)(choose(&c) % WIRE_METHOD_COUNT)), k & 1);
        }
        if (server->tick_pending && ticks++ < TICKS_MAX)
            tick();
        server->tick_pending = false;
        while (other >= 0 && read(other, answers, sizeof answers) > 0)
            ;
        if (!p) {
            close(other);
            p = peer(&other);
        }
        wire_memory_reset(c.memory);
    }
    town_peer_destroy(p);
    if (other >= 0)
        close(other);
    leave();
    wire_memory_destroy(c.memory);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    run(data, bytes);
    return 0;
}

/* Every function of the table behind a car, a walker and a camera, with arguments from a few patterns of bytes. */
static void call_everything(void)
{
    for (unsigned m = 0; m < WIRE_METHOD_COUNT; m++)
        for (unsigned pattern = 0; pattern < 8; pattern++) {
            uint8_t input[96];
            size_t n = 0;
            for (unsigned s = 0; s < 3; s++) { /* spawn_actor: a description, no attributes, a place on the road */
                const uint8_t spawn[] = {
                    24, WIRE_METHOD_spawn_actor, 0, (uint8_t)(s * 20), 0, (uint8_t)(140 + 15 * s), 120, 3, 0, 0, 0
                };
                memcpy(input + n, spawn, sizeof spawn);
                n += sizeof spawn;
            }
            input[n++] = 0; /* tick */
            input[n++] = 25;
            input[n++] = (uint8_t)m;
            for (unsigned i = 0; i < 40; i++)
                input[n++] = (uint8_t)(pattern * 31 + i * (pattern / 2) * 7);
            input[n++] = 0;
            run(input, n);
        }
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    static char dir[] = "/tmp/fuzz_town_XXXXXX";
    char path[64];
    base_error err = { 0 };
    if (!mkdtemp(dir))
        complain(dir, "cannot be made");
    snprintf(path, sizeof path, "%s/tiny.xodr", dir);
    FILE *f = fopen(path, "w");
    if (!f || fputs(tiny, f) < 0 || fclose(f))
        complain(path, "cannot be written");
    town_server_options o = town_server_options_default();
    o.recordings = dir;
    o.map = "tiny";
    o.maps_dir = dir;
    o.port = 0;
    o.threads = 1;
    server = town_server_create(&o, &err);
    remove(path);
    rmdir(dir);
    if (!server)
        complain("server", err.text);
    start_map = town_world_map(server->world);
    call_everything();
    return 0;
}
