/* The client against a scripted peer: what no real server does on purpose — wrong version, no answer, half an answer, rubbish, a sensor
 * that skips a frame. The peer is a thread that speaks through the wire room and breaks where a test tells it to. Everything that works
 * is tested against the embedded simulator (test_client_embedded.c) and CARLA's own client (tests/interop). */
#include "base/clock.h"
#include "sim/client/client.h"
#include "sim/wire/wire.h"
#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

typedef struct peer {
    /* the script */
    const char *version;
    const char *silent_on;  /* function that is never answered */
    const char *half_on;    /* function whose answer is cut in half, then the connection closes */
    const char *rubbish_on; /* function that is answered with bytes that are no message */
    const char *bomb_on;    /* function that is answered with an array of 2^28 elements */
    const char *refuse_on;  /* function that answers an error */
    double slow_s;          /* every sensor message comes this late */
    int skip_frame;         /* the camera leaves out this many ticks after the first */
    bool bad_length;        /* the camera announces more bytes than the client accepts */
    int ahead;              /* the camera's frames are numbered this much too high */
    bool late_answers;      /* an answer to an old id comes before every answer */
    /* what happened */
    atomic_int destroyed, spawned, settings_calls, joins;
    atomic_bool synchronous, stop;
    int rpc_port, rpc_listen, stream_listen, stream_port;
    pthread_t thread;
    uint64_t frame;
} peer;

enum { CAMERA_STREAM = 2, W = 8, H = 4, CONNECTIONS = 16 };

static int listen_any(int *port)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t n = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof a) == 0 && listen(fd, 8) == 0);
    getsockname(fd, (struct sockaddr *)&a, &n);
    *port = ntohs(a.sin_port);
    return fd;
}

static bool is(const char *name, const char *what) { return what && strcmp(name, what) == 0; }

static void send_all(int fd, const void *data, size_t bytes)
{
    for (size_t done = 0; done < bytes;) {
        ssize_t n = send(fd, (const char *)data + done, bytes - done, MSG_NOSIGNAL);
        if (n <= 0)
            return;
        done += (size_t)n;
    }
}

static wire_actor camera(wire_token *token, uint8_t bytes[WIRE_TOKEN_BYTES])
{
    static wire_attribute_value tick = { "sensor_tick", WIRE_ATTRIBUTE_FLOAT, "0.0" };
    wire_token_write(token, bytes);
    return (wire_actor){ .id = 20,
                         .parent_id = 10,
                         .description = { 1, "sensor.camera.rgb", { &tick, 1 } },
                         .stream_token = { bytes, WIRE_TOKEN_BYTES } };
}

/* Send one frame: the snapshot to whoever joined stream 1, an image to whoever joined the camera's. */
static void send_frame(peer *p, const int fds[CONNECTIONS], const uint32_t joined[CONNECTIONS])
{
    static const uint8_t pixels[W * H * 4];
    wire_actor_state car = { .id = 10, .life = WIRE_ACTOR_ACTIVE, .transform = { { 1, 2, 3 }, { 4, 5, 6 } } };
    wire_snapshot s = { .episode_id = 77, .delta_seconds = 0.05F };
    p->frame++;
    for (int i = 0; i < CONNECTIONS; i++) {
        base_buffer b = { 0 };
        size_t start = wire_frame_begin(&b);
        if (joined[i] == WIRE_STREAM_SNAPSHOT)
            wire_snapshot_append(&b, p->frame, (double)p->frame * 0.05, &s, &car, 1, WIRE_0_9_16, NULL);
        else if (joined[i] == CAMERA_STREAM && !(p->skip_frame && p->frame > 101 && p->skip_frame--)) {
            base_sleep_s(p->slow_s);
            wire_image_append(&b, WIRE_SENSOR_RGB, p->frame + (uint64_t)p->ahead, 0, car.transform, &(wire_image){ W, H, 90 },
                              WIRE_0_9_16, NULL);
            base_buffer_append(&b, pixels, sizeof pixels);
        } else {
            base_buffer_free(&b);
            continue;
        }
        wire_frame_end(&b, start);
        if (p->bad_length && joined[i] == CAMERA_STREAM)
            memset(b.data, 0xff, 4);
        send_all(fds[i], b.data, b.bytes);
        base_buffer_free(&b);
    }
}

/* Answer one request; false: close the connection. */
static bool answer(peer *p, int fd, const wire_request *r, wire_memory *m, const int fds[CONNECTIONS],
                   const uint32_t joined[CONNECTIONS])
{
    const wire_method *method = wire_method_find(r->name, strlen(r->name), WIRE_0_9_16);
    base_buffer out = { 0 };
    bool keep = true, tick = false;
    wire_token token = { .stream_id = 1, .port = (uint16_t)p->stream_port, .protocol = 1 };
    uint8_t token_bytes[WIRE_TOKEN_BYTES];
    union {
        uint64_t u64;
        bool flag;
        const char *text;
        wire_episode_info info;
        wire_actor actor;
        wire_episode_settings settings;
        wire_actor_definition_list blueprints;
        wire_token token;
        wire_actor_list actors;
    } v;
    wire_attribute attributes[] = { { "sensor_tick", WIRE_ATTRIBUTE_FLOAT, "0.0", { NULL, 0 }, true, false },
                                    { "image_size_x", WIRE_ATTRIBUTE_INT, "800", { NULL, 0 }, true, false },
                                    { "generation", WIRE_ATTRIBUTE_INT, "2", { NULL, 0 }, false, false } };
    wire_actor_definition blueprints[] = { { 1, "sensor.camera.rgb", "sensor,camera,rgb", { attributes, 3 } },
                                           { 2, "vehicle.test.car", "vehicle,test,car", { attributes + 2, 1 } } };
    union {
        wire_args_settings settings;
        wire_args_stream stream;
        wire_args_spawn_with_parent spawn;
    } args = { 0 };
    memset(&v, 0, sizeof v);
    switch (method ? (int)method->id : -1) {
    case WIRE_METHOD_version: v.text = p->version; break;
    case WIRE_METHOD_get_episode_info: v.info = (wire_episode_info){ 77, token }; break;
    case WIRE_METHOD_get_sensor_token:
        wire_arguments_decode(&args, r, method, WIRE_0_9_16, m, NULL);
        token.stream_id = args.stream.stream_id;
        v.token = token;
        break;
    case WIRE_METHOD_get_episode_settings: v.settings = wire_episode_settings_default(); break;
    case WIRE_METHOD_set_episode_settings:
        wire_arguments_decode(&args, r, method, WIRE_0_9_16, m, NULL);
        p->synchronous = args.settings.settings.synchronous_mode;
        p->settings_calls++;
        v.u64 = p->frame;
        break;
    case WIRE_METHOD_get_actor_definitions: v.blueprints = (wire_actor_definition_list){ blueprints, 2 }; break;
    case WIRE_METHOD_spawn_actor:
        v.actor = (wire_actor){ .id = 10, .description = { 2, "vehicle.test.car", { NULL, 0 } } };
        p->spawned++;
        break;
    case WIRE_METHOD_spawn_actor_with_parent:
        token.stream_id = CAMERA_STREAM;
        v.actor = camera(&token, token_bytes);
        p->spawned++;
        break;
    case WIRE_METHOD_destroy_actor:
        v.flag = true;
        p->destroyed++;
        break;
    case WIRE_METHOD_tick_cue:
        v.u64 = p->frame + 1;
        tick = true;
        break;
    default: break;
    }
    if (p->late_answers)
        wire_result_encode(&out, r->id + 1000, wire_method_get(WIRE_METHOD_tick_cue), &(uint64_t){ 5 }, WIRE_0_9_16, NULL);
    if (is(r->name, p->silent_on))
        ;
    else if (is(r->name, p->rubbish_on))
        base_buffer_append(&out, "HTTP/1.1 400 Bad Request\r\n\r\n", 28);
    else if (is(r->name, p->bomb_on))
        base_buffer_append(&out, "\xdd\x10\x00\x00\x00", 5);
    else if (!method)
        wire_fault_encode(&out, r, NULL, WIRE_0_9_16, NULL);
    else if (is(r->name, p->refuse_on))
        wire_error_encode(&out, r->id, method, "Spawn failed because of collision at spawn position");
    else if (r->asynchronous)
        wire_unheeded_encode(&out, r->id, method);
    else
        wire_result_encode(&out, r->id, method, &v, WIRE_0_9_16, NULL);
    keep = !is(r->name, p->half_on);
    send_all(fd, out.data, keep ? out.bytes : out.bytes / 2);
    base_buffer_free(&out);
    if (tick)
        send_frame(p, fds, joined);
    return keep;
}

static void *run_peer(void *user)
{
    peer *p = user;
    int fds[CONNECTIONS], rpc = -1;
    uint32_t joined[CONNECTIONS] = { 0 };
    base_buffer in = { 0 };
    wire_scan scan;
    wire_memory *m = wire_memory_create(WIRE_MEMORY_DEFAULT, NULL);
    memset(fds, -1, sizeof fds);
    wire_scan_start(&scan, NULL);
    p->frame = 100;
    while (!p->stop) {
        struct pollfd f[3 + CONNECTIONS] = { { p->rpc_listen, POLLIN, 0 },
                                             { p->stream_listen, POLLIN, 0 },
                                             { rpc, POLLIN, 0 } };
        for (int i = 0; i < CONNECTIONS; i++)
            f[3 + i] = (struct pollfd){ joined[i] ? -1 : fds[i], POLLIN, 0 };
        poll(f, 3 + CONNECTIONS, 20);
        if (f[1].revents) {
            int i = 0;
            while (i < CONNECTIONS - 1 && fds[i] >= 0)
                i++;
            fds[i] = accept(p->stream_listen, NULL, NULL);
        }
        for (int i = 0; i < CONNECTIONS; i++) {
            uint8_t join[4];
            if (f[3 + i].revents && recv(fds[i], join, 4, MSG_WAITALL) == 4) {
                joined[i] = wire_join_read(join);
                p->joins++;
            }
        }
        if (f[0].revents) {
            rpc = accept(p->rpc_listen, NULL, NULL);
            base_buffer_clear(&in);
            wire_scan_start(&scan, NULL);
        }
        if (f[2].revents) {
            char chunk[4096];
            ssize_t n = recv(rpc, chunk, sizeof chunk, 0);
            if (n <= 0) {
                close(rpc);
                rpc = -1;
                continue;
            }
            base_buffer_append(&in, chunk, (size_t)n);
            while (in.bytes && wire_scan_feed(&scan, in.data, in.bytes, NULL) == WIRE_SCAN_COMPLETE) {
                wire_request r;
                bool ignore, keep = wire_request_decode(&r, &ignore, in.data, scan.offset, m, NULL) &&
                                    answer(p, rpc, &r, m, fds, joined);
                base_buffer_consume(&in, scan.offset);
                wire_scan_start(&scan, NULL);
                wire_memory_reset(m);
                if (!keep) {
                    close(rpc);
                    rpc = -1;
                    break;
                }
            }
        }
    }
    for (int i = 0; i < CONNECTIONS; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    if (rpc >= 0)
        close(rpc);
    base_buffer_free(&in);
    wire_memory_destroy(m);
    return NULL;
}

static void peer_start(peer *p)
{
    if (!p->version)
        p->version = "0.9.16";
    p->rpc_listen = listen_any(&p->rpc_port);
    p->stream_listen = listen_any(&p->stream_port);
    assert_int_equal(pthread_create(&p->thread, NULL, run_peer, p), 0);
}

static void peer_stop(peer *p)
{
    p->stop = true;
    pthread_join(p->thread, NULL);
    close(p->rpc_listen);
    close(p->stream_listen);
}

static client *connect_to(const peer *p, base_error *err)
{
    client_options o = client_options_default();
    o.port = p->rpc_port;
    o.connect_timeout_s = 10;
    o.call_timeout_s = p->silent_on || p->skip_frame || p->slow_s > 0 ? 1 : 30; /* short only where it must run out */
    o.max_message_bytes = (size_t)1 << 20;
    return client_connect(&o, err);
}

static void assert_error(const base_error *err, base_code code, const char *part)
{
    if (err->code != code || !strstr(err->text, part))
        fail_msg("expected %s error with \"%s\", found %s: %s", base_code_name(code), part, base_code_name(err->code),
                 err->text);
}

/* --- connecting ----------------------------------------------------------------------------------------------------------- */

static void dead_port(void **state)
{
    (void)state;
    base_error err = { 0 };
    client_options o = client_options_default();
    int fd = listen_any(&o.port);
    close(fd); /* a port that was free a moment ago */
    assert_null(client_connect(&o, &err));
    assert_error(&err, BASE_NETWORK, "cannot connect");
    o.port = 70000;
    assert_null(client_connect(&o, &err));
    assert_error(&err, BASE_ARGUMENT, "port: expected 1 to 65535, found 70000");
}

static const struct {
    peer script;
    base_code code;
    const char *part, *why;
} refusals[] = {
    { { .version = "0.9.10" }, BASE_VERSION, "the server is CARLA 0.9.10, this client speaks 0.9.13 to 0.9.16", "too old" },
    { { .version = "0.9.130" }, BASE_VERSION, "0.9.130", "begins like a known one" },
    { { .version = "0.9.16-4-gabcdef" }, BASE_OK, NULL, "a self-built server" },
    { { .silent_on = "version" }, BASE_TIMEOUT, "no answer to version within 1 s", "silence at once" },
    { { .silent_on = "get_episode_info" }, BASE_TIMEOUT, "no answer to get_episode_info", "silence later" },
    { { .half_on = "get_episode_settings" }, BASE_NETWORK, "closed by the server", "cut in half" },
    { { .rubbish_on = "version" }, BASE_FORMAT, "not CARLA's protocol", "a web server" },
    { { .bomb_on = "version" }, BASE_FORMAT, "268435456 values announced", "five bytes that announce 2^28 values" },
    { { .refuse_on = "get_episode_info" }, BASE_REMOTE, "get_episode_info: Spawn failed", "an error of the simulator" },
    { { .late_answers = true }, BASE_OK, NULL, "answers to ids nobody waits for" },
};

static void connecting(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        peer p = refusals[i].script;
        base_error err = { 0 };
        peer_start(&p);
        client *c = connect_to(&p, &err);
        if (refusals[i].code == BASE_OK && !c)
            fail_msg("%s: %s", refusals[i].why, err.text);
        if (refusals[i].code != BASE_OK) {
            if (c)
                fail_msg("%s: connected", refusals[i].why);
            assert_error(&err, refusals[i].code, refusals[i].part);
        }
        assert_true(client_close(c, &err));
        peer_stop(&p);
    }
}

/* --- spawning, and undoing it --------------------------------------------------------------------------------------------- */

static const struct {
    const char *blueprint, *attribute, *value, *part;
} bad_spawns[] = {
    { "vehicle.no.such", NULL, NULL, "the server has none such" },
    { "sensor.camera.rgb", "image_size_z", "8", "no attribute image_size_z" },
    { "sensor.camera.rgb", "image_size_x", "8x", "expected an integer, found \"8x\"" },
    { "sensor.camera.rgb", "image_size_x", "", "expected an integer, found \"\"" },
    { "sensor.camera.rgb", "sensor_tick", "nan", "expected a number, found \"nan\"" },
    { "sensor.camera.rgb", "generation", "1", "cannot be set" },
};

static void spawning_is_checked(void **state)
{
    (void)state;
    peer p = { 0 };
    base_error err = { 0 };
    wire_actor_id id;
    peer_start(&p);
    client *c = connect_to(&p, &err);
    assert_non_null(c);
    for (size_t i = 0; i < sizeof bad_spawns / sizeof *bad_spawns; i++) {
        client_attribute a = { bad_spawns[i].attribute, bad_spawns[i].value };
        assert_false(client_spawn(
            c,
            &(client_spawn_options){ .blueprint = bad_spawns[i].blueprint, .attributes = &a, .attribute_count = a.id != NULL },
            &id, &err));
        assert_error(&err, BASE_ARGUMENT, bad_spawns[i].part);
        assert_int_equal(id, 0);
    }
    assert_int_equal(p.spawned, 0);
    assert_true(client_close(c, &err));
    peer_stop(&p);
}

static client *with_camera(const peer *p, wire_actor_id *car, wire_actor_id *cam)
{
    base_error err = { 0 };
    client *c = connect_to(p, &err);
    client_attribute size = { "image_size_x", "8" };
    if (!c || !client_synchronous(c, 0.05, &err) ||
        !client_spawn(c, &(client_spawn_options){ .blueprint = "vehicle.test.car" }, car, &err) ||
        !client_spawn(c,
                      &(client_spawn_options){
                          .blueprint = "sensor.camera.rgb", .parent = *car, .attributes = &size, .attribute_count = 1 },
                      cam, &err) ||
        !client_listen(c, *cam, &err))
        fail_msg("%s", err.text);
    return c;
}

static void a_tick_brings_its_frame(void **state)
{
    (void)state;
    peer p = { 0 };
    base_error err = { 0 };
    wire_actor_id car, cam;
    client_image image;
    client_state s;
    peer_start(&p);
    client *c = with_camera(&p, &car, &cam);
    assert_false(client_image_get(c, cam, &image, &err));
    assert_error(&err, BASE_UNSUPPORTED, "no data yet");
    assert_false(client_state_get(c, car, &s));
    for (uint64_t frame = 101; frame < 121; frame++) {
        if (!client_tick(c, &err) || !client_image_get(c, cam, &image, &err))
            fail_msg("%s", err.text);
        assert_int_equal(client_snapshot_get(c).frame, frame);
        assert_int_equal(image.frame, frame);
        assert_true(image.width_px == W && image.height_px == H && image.fov_deg == 90);
        assert_true(client_state_get(c, car, &s));
        assert_true(s.pose.location.y == 2 && s.pose.rotation.yaw_deg == 5);
        assert_true(client_control(c, car, (wire_vehicle_control){ .throttle = 0.5F }, &err));
    }
    assert_false(client_image_get(c, car, &image, &err));
    assert_error(&err, BASE_ARGUMENT, "not listening");
    assert_true(client_close(c, &err));
    assert_int_equal(p.destroyed, 2);
    assert_int_equal(p.settings_calls, 2);
    assert_false(p.synchronous);
    peer_stop(&p);
}

static void missing_data_is_named(void **state)
{
    (void)state;
    static const struct {
        peer script;
        base_code code;
        const char *part;
    } cases[] = {
        { { .skip_frame = 1 }, BASE_TIMEOUT, "tick 102: no data within 1 s from sensor 20 (sensor.camera.rgb)" },
        { { .slow_s = 2 }, BASE_TIMEOUT, "tick 101: no data within 1 s from sensor 20 (sensor.camera.rgb)" },
        { { .ahead = 1 },
          BASE_FORMAT,
          "tick 101: sensor 20 (sensor.camera.rgb): its data of this frame is missing, frame 102 came" },
        { { .silent_on = "tick_cue" }, BASE_TIMEOUT, "no answer to tick_cue" },
        { { .bad_length = true }, BASE_FORMAT, "sensor 20 (sensor.camera.rgb): stream: a message of 4294967295 bytes" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        peer p = cases[i].script;
        base_error err = { 0 };
        wire_actor_id car, cam;
        bool ok = true;
        peer_start(&p);
        client *c = with_camera(&p, &car, &cam);
        for (int tick = 0; tick < 3 && ok; tick++)
            ok = client_tick(c, &err);
        assert_false(ok);
        assert_error(&err, cases[i].code, cases[i].part);
        client_close(c, NULL); /* frees everything whatever the state; run with the sanitizers */
        peer_stop(&p);
    }
}

/* After a time-out of one call the connection still works, and closing undoes everything. */
static void undoes_after_an_error(void **state)
{
    (void)state;
    peer p = { .skip_frame = 1 };
    base_error err = { 0 };
    wire_actor_id car, cam;
    peer_start(&p);
    client *c = with_camera(&p, &car, &cam);
    assert_true(client_tick(c, &err));
    assert_false(client_tick(c, &err));
    assert_true(client_close(c, &err));
    assert_int_equal(p.destroyed, 2);
    assert_false(p.synchronous);
    peer_stop(&p);
}

static atomic_bool stop_now;
static bool asked_to_stop(void) { return stop_now; }

static void stops_when_asked_and_still_undoes(void **state)
{
    (void)state;
    peer p = { 0 };
    base_error err = { 0 };
    wire_actor_id car;
    client_options o = client_options_default();
    peer_start(&p);
    o.port = p.rpc_port;
    o.stop = asked_to_stop;
    stop_now = false;
    client *c = client_connect(&o, &err);
    assert_non_null(c);
    assert_true(client_spawn(c, &(client_spawn_options){ .blueprint = "vehicle.test.car" }, &car, &err));
    stop_now = true;
    assert_false(client_wait_for_tick(c, &err)); /* the peer sends no snapshot by itself */
    assert_error(&err, BASE_INTERRUPTED, "stopped");
    assert_true(client_close(c, &err));
    assert_int_equal(p.destroyed, 1);
    peer_stop(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dead_port),
        cmocka_unit_test(connecting),
        cmocka_unit_test(spawning_is_checked),
        cmocka_unit_test(a_tick_brings_its_frame),
        cmocka_unit_test(missing_data_is_named),
        cmocka_unit_test(undoes_after_an_error),
        cmocka_unit_test(stops_when_asked_and_still_undoes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
