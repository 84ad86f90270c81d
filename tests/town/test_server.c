/* The server through its sockets: what a good client gets, and what a bad one cannot do. */
#include "base/clock.h"
#include "sim/client/client.h"
#include "sim/town/town.h"
#include "sim/wire/rpc.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

/* ---- a server on a thread of its own, ended by closing a pipe ---- */

typedef struct served {
    town_server *server;
    pthread_t thread;
    int pipe[2];
    bool ok;
    base_error err;
    base_log log;
    atomic_int warnings;
} served;

static void count_warning(void *user, base_log_level level, const char *line)
{
    (void)line;
    if (level == BASE_LOG_WARNING)
        atomic_fetch_add(&((served *)user)->warnings, 1);
}

static void *serve(void *user)
{
    served *s = user;
    s->ok = town_server_run(s->server, NULL, s->pipe[0], &s->err);
    return NULL;
}

static served *start_with(town_server_options o)
{
    served *s = calloc(1, sizeof *s);
    s->log = (base_log){ count_warning, s, BASE_LOG_WARNING };
    o.map = "configs/maps/training_loop.xodr";
    o.maps_dir = "configs/maps";
    o.port = 0;
    o.threads = 1;
    o.log = &s->log;
    s->server = town_server_create(&o, &s->err);
    if (!s->server)
        fail_msg("%s", s->err.text);
    assert_int_equal(pipe(s->pipe), 0);
    assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
    return s;
}

static served *start(void) { return start_with(town_server_options_default()); }

static town_server_stats finish(served *s)
{
    close(s->pipe[1]);
    pthread_join(s->thread, NULL);
    close(s->pipe[0]);
    if (!s->ok)
        fail_msg("server: %s", s->err.text);
    town_server_stats stats = town_server_stats_get(s->server);
    town_server_destroy(s->server);
    free(s);
    return stats;
}

static client *join(const served *s)
{
    client_options o = client_options_default();
    base_error err = { 0 };
    o.port = town_server_rpc_port(s->server);
    client *c = client_connect(&o, &err);
    if (!c)
        fail_msg("%s", err.text);
    return c;
}

#define MUST(CALL)                                                                                                             \
    do {                                                                                                                       \
        if (!(CALL))                                                                                                           \
            fail_msg("%s: %s", #CALL, err.text);                                                                               \
    } while (0)

/* ---- raw sockets ---- */

static int dial(int port)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    return fd;
}

static void put(int fd, const void *data, size_t bytes) { assert_int_equal(send(fd, data, bytes, MSG_NOSIGNAL), bytes); }
#define PUT(FD, TEXT) put(FD, TEXT, sizeof(TEXT) - 1)

/* Bytes that come within a while; 0: closed, -1: silence. */
static ssize_t get(int fd, void *data, size_t bytes, int wait_ms)
{
    struct pollfd p = { fd, POLLIN, 0 };
    if (poll(&p, 1, wait_ms) <= 0)
        return -1;
    ssize_t got = recv(fd, data, bytes, 0);
    return got < 0 ? 0 : got;
}

#define VERSION_CALL "\x94\x00\x01\xa7version\x91\x91\xc2"

static void assert_version_answered(int fd)
{
    char bytes[256];
    ssize_t got = get(fd, bytes, sizeof bytes, 5000);
    static const char want[] = "\x94\x01\x01\xc0\x91\x92\x01\xa6"
                               "0.9.16";
    assert_int_equal(got, sizeof want - 1);
    assert_memory_equal(bytes, want, sizeof want - 1);
}

/* ---- a good client ---- */

static bool spawn_camera(client *c, wire_actor_id car, const char *kind, wire_actor_id *id, base_error *err)
{
    static const client_attribute size[] = { { "image_size_x", "64" }, { "image_size_y", "32" } };
    client_spawn_options o = {
        .blueprint = kind, .pose = { { 1.5, 0, 1.8 }, { -8, 0, 0 } }, .parent = car, .attributes = size, .attribute_count = 2
    };
    return client_spawn(c, &o, id, err) && client_listen(c, *id, err);
}

static void test_drive_in_lockstep(void **state)
{
    (void)state;
    served *s = start();
    client *c = join(s);
    base_error err = { 0 };
    size_t count;
    MUST(client_synchronous(c, 0.05, &err));
    const base_pose *points = client_spawn_points(c, &count, &err);
    assert_non_null(points);
    assert_true(count > 50);
    wire_actor_id car, rgb, seg, depth;
    client_spawn_options o = { .blueprint = "vehicle.lincoln.mkz_2020", .pose = points[0] };
    MUST(client_spawn(c, &o, &car, &err));
    assert_false(client_spawn(c, &o, &rgb, &err)); /* the place is taken */
    assert_int_equal(err.code, BASE_REMOTE);
    assert_non_null(strstr(err.text, "Spawn failed because of collision at spawn position"));
    MUST(spawn_camera(c, car, "sensor.camera.rgb", &rgb, &err));
    MUST(spawn_camera(c, car, "sensor.camera.semantic_segmentation", &seg, &err));
    MUST(spawn_camera(c, car, "sensor.camera.depth", &depth, &err));
    uint64_t before = 0;
    for (int i = 0; i < 60; i++) {
        MUST(client_control(c, car, (wire_vehicle_control){ .throttle = 0.6f }, &err));
        MUST(client_tick(c, &err));
        client_snapshot shot = client_snapshot_get(c);
        assert_true(i == 0 || shot.frame == before + 1);
        before = shot.frame;
        client_image image[3];
        MUST(client_image_get(c, rgb, &image[0], &err) && client_image_get(c, seg, &image[1], &err) &&
             client_image_get(c, depth, &image[2], &err));
        for (int k = 0; k < 3; k++) {
            assert_int_equal(image[k].frame, shot.frame);
            assert_int_equal(image[k].width_px * image[k].height_px, 64 * 32);
        }
        assert_int_equal(shot.actor_count, 5); /* spectator, car, three cameras */
    }
    client_state st;
    wire_vehicle_state v;
    assert_true(client_state_get(c, car, &st) && client_vehicle_get(c, car, &v));
    double speed = base_vec3_length(st.velocity_mps); /* 2.4 s on the ground at 0.6 * 4.5 less rolling */
    assert_true(speed > 4.5 && speed < 7);
    assert_true(v.control.throttle == 0.6f && v.control.gear == 1 && v.speed_limit > 0);
    MUST(client_destroy(c, car, &err));
    MUST(client_close(c, &err));
    town_server_stats stats = finish(s);
    assert_int_equal(stats.frames_dropped, 0);
    assert_true(stats.frames_sent >= 60 * 4);
}

static void test_second_client_sees_the_first(void **state)
{
    (void)state;
    served *s = start();
    client *a = join(s), *b = join(s);
    base_error err = { 0 };
    size_t count;
    wire_actor_id car;
    MUST(client_synchronous(a, 0.05, &err));
    client_spawn_options o = { .blueprint = "vehicle.tesla.model3", .pose = client_spawn_points(a, &count, &err)[2] };
    MUST(client_spawn(a, &o, &car, &err));
    MUST(client_tick(a, &err));
    const wire_actor *seen = client_actor(b, car, &err);
    assert_non_null(seen);
    assert_string_equal(seen->description.id, "vehicle.tesla.model3");
    assert_string_equal(client_actor_attribute(seen, "base_type"), "car");
    MUST(client_close(b, &err));
    MUST(client_tick(a, &err)); /* the one who is gone holds nobody up */
    MUST(client_close(a, &err));
    finish(s);
}

/* Same seed and calls, same bytes: all pictures and the last pose of two servers. */
static uint64_t drive_hash(void)
{
    served *s = start();
    client *c = join(s);
    base_error err = { 0 };
    size_t count;
    wire_actor_id car, rgb;
    uint64_t hash = 14695981039346656037u;
    MUST(client_synchronous(c, 0.05, &err));
    client_spawn_options o = { .blueprint = "vehicle.lincoln.mkz_2020", .pose = client_spawn_points(c, &count, &err)[7] };
    MUST(client_spawn(c, &o, &car, &err));
    MUST(spawn_camera(c, car, "sensor.camera.rgb", &rgb, &err));
    for (int i = 0; i < 10; i++) {
        client_image image;
        client_state st;
        MUST(client_control(c, car, (wire_vehicle_control){ .throttle = 0.9f, .steer = 0.1f }, &err));
        MUST(client_tick(c, &err) && client_image_get(c, rgb, &image, &err) && client_state_get(c, car, &st));
        for (int k = 0; k < 64 * 32 * 4; k++)
            hash = (hash ^ image.bgra[k]) * 1099511628211u;
        const uint8_t *pose = (const uint8_t *)&st.pose;
        for (size_t k = 0; k < sizeof st.pose; k++)
            hash = (hash ^ pose[k]) * 1099511628211u;
    }
    client_close(c, NULL);
    finish(s);
    return hash;
}

static void test_two_servers_same_bytes(void **state)
{
    (void)state;
    assert_true(drive_hash() == drive_hash());
}

static void test_load_world(void **state)
{
    (void)state;
    served *s = start();
    client *c = join(s);
    base_error err = { 0 };
    wire_actor_id car;
    size_t count;
    client_spawn_options o = { .blueprint = "vehicle.tesla.model3", .pose = client_spawn_points(c, &count, &err)[2] };
    MUST(client_spawn(c, &o, &car, &err));
    MUST(client_load_world(c, "driving_loop", false, &err));
    assert_string_equal(client_map_name(c, &err), "Carla/Maps/driving_loop");
    assert_null(client_actor(c, car, &err));
    assert_false(client_load_world(c, "../../../etc/passwd", false, &err));
    assert_non_null(strstr(err.text, "not found"));
    assert_false(client_load_world(c, "NoSuchTown", false, &err));
    MUST(client_close(c, &err));
    finish(s);
}

/* A road of its own length for each call, so that an older map of the same name would show. */
static void test_maps_from_text(void **state)
{
    (void)state;
    served *s = start();
    client *c = join(s);
    base_error err = { 0 };
    for (int i = 1; i <= 4; i++) {
        char xodr[1024], length[32];
        snprintf(length, sizeof length, "length=\"%d00\"", i);
        snprintf(
            xodr, sizeof xodr,
            "<OpenDRIVE><header revMajor=\"1\" revMinor=\"4\"/><road name=\"\" %s id=\"1\" junction=\"-1\"><planView><geometry s=\"0\" "
            "x=\"0\" y=\"0\" hdg=\"0\" %s><line/></geometry></planView><lanes><laneSection s=\"0\"><center><lane id=\"0\" type=\"none\"/>"
            "</center><right><lane id=\"-1\" type=\"driving\"><width sOffset=\"0\" a=\"3.5\" b=\"0\" c=\"0\" d=\"0\"/></lane></right>"
            "</laneSection></lanes></road></OpenDRIVE>",
            length, length);
        wire_args_opendrive args = { .xodr = xodr };
        MUST(client_call(c, WIRE_METHOD_copy_opendrive_to_file, &args, NULL, NULL, &err));
        MUST(client_load_world(c, "OpenDriveMap", false, &err));
        const char *got = client_map_xodr(c, &err);
        assert_non_null(got);
        assert_string_equal(got, xodr);
    }
    wire_args_opendrive bad = { .xodr = "<OpenDRIVE>" };
    assert_false(client_call(c, WIRE_METHOD_copy_opendrive_to_file, &bad, NULL, NULL, &err));
    assert_int_equal(err.code, BASE_REMOTE);
    MUST(client_close(c, &err));
    finish(s);
}

static void test_asynchronous_mode_runs_by_itself(void **state)
{
    (void)state;
    served *s = start();
    client *c = join(s);
    base_error err = { 0 };
    MUST(client_wait_for_tick(c, &err));
    uint64_t first = client_snapshot_get(c).frame;
    double start_s = base_clock_s(), sim_s = client_snapshot_get(c).time_s;
    for (int i = 0; i < 10; i++)
        MUST(client_wait_for_tick(c, &err));
    assert_true(client_snapshot_get(c).frame >= first + 10);
    double wall = base_clock_s() - start_s, simulated = client_snapshot_get(c).time_s - sim_s;
    assert_true(simulated < 1.5 * wall + 0.2); /* it does not run away from the wall clock */
    MUST(client_close(c, &err));
    finish(s);
}

/* ---- ports ---- */

static void test_port_in_use(void **state)
{
    (void)state;
    served *s = start();
    town_server_options o = town_server_options_default();
    base_error err = { 0 };
    o.map = "configs/maps/training_loop.xodr";
    o.port = town_server_rpc_port(s->server);
    assert_null(town_server_create(&o, &err));
    assert_int_equal(err.code, BASE_NETWORK);
    assert_non_null(strstr(err.text, "in use"));
    char number[16];
    snprintf(number, sizeof number, ":%d", o.port);
    assert_non_null(strstr(err.text, number));
    o.port--; /* now the stream port is the busy one */
    assert_null(town_server_create(&o, &err));
    assert_non_null(strstr(err.text, "in use"));
    o.port = 0;
    o.bind = "not an address";
    assert_null(town_server_create(&o, &err));
    assert_non_null(strstr(err.text, "not an address"));
    finish(s);
}

static void test_missing_map(void **state)
{
    (void)state;
    town_server_options o = town_server_options_default();
    base_error err = { 0 };
    o.port = 0;
    o.maps_dir = "configs/maps";
    o.map = "Town99";
    assert_null(town_server_create(&o, &err));
    assert_non_null(strstr(err.text, "Town99"));
    assert_non_null(strstr(err.text, "configs/maps"));
    assert_non_null(strstr(err.text, "training_loop")); /* what there is */
}

/* ---- bad clients ---- */

static void test_garbage_closes_only_its_connection(void **state)
{
    (void)state;
    served *s = start();
    int port = town_server_rpc_port(s->server);
    static const struct {
        const char *bytes;
        size_t count;
        const char *why;
    } cases[] = {
        { "\xdd\x10\x00\x00\x00", 5, "an array of 268 million elements" },
        { "\xc1\xc1\xc1\xc1", 4, "a byte msgpack does not use" },
        { "GET / HTTP/1.1\r\n\r\n", 18, "a browser" },
        { "\x94\x00\x01\xa7version\xdd\xff\xff\xff\xff", 16, "parameters that claim 4 billion elements" },
        { "\xdb\xff\xff\xff\xff"
          "a",
          6, "a string of 4 GB" },
        { "\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91", 20, "nested too deep" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int bad = dial(port), good = dial(port);
        char bytes[256];
        put(bad, cases[i].bytes, cases[i].count);
        ssize_t got = get(bad, bytes, sizeof bytes, 3000);
        if (got != 0)
            fail_msg("%s: connection is not closed (%zd)", cases[i].why, got);
        PUT(good, VERSION_CALL);
        assert_version_answered(good);
        close(bad);
        close(good);
    }
    finish(s);
}

static void test_half_messages(void **state)
{
    (void)state;
    served *s = start();
    int fd = dial(town_server_rpc_port(s->server));
    const char call[] = VERSION_CALL;
    char bytes[256];
    for (size_t i = 0; i + 2 < sizeof call; i++) {
        put(fd, call + i, 1);
        assert_int_equal(get(fd, bytes, sizeof bytes, 1), -1);
    }
    put(fd, call + sizeof call - 2, 1);
    assert_version_answered(fd);
    /* two and a half in one piece */
    char many[128];
    size_t size = sizeof call - 1, used = 0;
    memcpy(many, call, size);
    memcpy(many + size, call, size);
    memcpy(many + 2 * size, call, 5);
    put(fd, many, 2 * size + 5);
    while (used < 2 * 14) {
        ssize_t got = get(fd, bytes + used, sizeof bytes - used, 3000);
        assert_true(got > 0);
        used += (size_t)got;
    }
    assert_int_equal(used, 28);
    put(fd, call + 5, size - 5);
    assert_version_answered(fd);
    /* leaves in the middle of one */
    put(fd, call, 7);
    close(fd);
    int next = dial(town_server_rpc_port(s->server));
    PUT(next, VERSION_CALL);
    assert_version_answered(next);
    close(next);
    finish(s);
}

static void test_faults_are_rpclibs(void **state)
{
    (void)state;
    served *s = start();
    int fd = dial(town_server_rpc_port(s->server));
    static const struct {
        const char *call, *answer;
        size_t bytes;
    } cases[] = {
        { "\x94\x00\x01\xa7no_such\x92\x91\xc2\x05", "rpclib: server could not find function 'no_such' with argument count 2.",
          15 },
        { "\x94\x00\x01\xa7version\x90",
          "rpclib: client error C0002: Function 'version' was called with an invalid number of arguments.", 12 },
        { "\x94\x00\x01\xad"
          "destroy_actor\x92\x91\xc2\xa1x",
          "rpclib: function 'destroy_actor' (called with 2 arg(s)) threw an exception.", 22 },
        { "\x94\x00\x01\xad"
          "destroy_actor\x92\x91\xc2\x63",
          "unable to destroy actor: not found", 21 },
        { "\x94\x00\x01\xac"
          "stop_recorde\x91\x91\xc2",
          "rpclib: server could not find function 'stop_recorde'", 19 },
        { "\x94\x00\x01\xad"
          "stop_recorder\x91\x91\xc2",
          "Responding error from function stop_recorder", 20 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char bytes[1024] = { 0 };
        put(fd, cases[i].call, cases[i].bytes);
        ssize_t got = get(fd, bytes, sizeof bytes - 1, 3000);
        assert_true(got > 0);
        if (!memmem(bytes, (size_t)got, cases[i].answer, strlen(cases[i].answer)))
            fail_msg("case %zu: answer lacks \"%s\"", i, cases[i].answer);
    }
    /* a notification is not answered, an array of five is ignored; the next call is */
    PUT(fd, "\x93\x02\xa7version\x91\x91\xc2\x95\x00\x01\xa1x\x90\x90" VERSION_CALL);
    assert_version_answered(fd);
    close(fd);
    finish(s);
}

static void test_unknown_stream_is_closed_slowly(void **state)
{
    (void)state;
    served *s = start();
    int fd = dial(town_server_stream_port(s->server));
    char bytes[64];
    PUT(fd, "\x39\x30\x00\x00");
    double since = base_clock_s();
    assert_int_equal(get(fd, bytes, sizeof bytes, 5000), 0);
    assert_true(base_clock_s() - since > 0.5); /* a client that returns at once must not spin */
    close(fd);
    finish(s);
}

static void test_client_dies_in_the_middle_of_a_stream(void **state)
{
    (void)state;
    served *s = start();
    client *c = join(s);
    base_error err = { 0 };
    MUST(client_synchronous(c, 0.05, &err));
    int fd = dial(town_server_stream_port(s->server));
    char bytes[8];
    PUT(fd, "\x01\x00\x00\x00");
    MUST(client_tick(c, &err));
    MUST(client_tick(c, &err));
    assert_true(get(fd, bytes, sizeof bytes, 3000) > 0);
    struct linger abort_it = { 1, 0 }; /* a reset, not an orderly end */
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &abort_it, sizeof abort_it);
    close(fd);
    for (int i = 0; i < 5; i++)
        MUST(client_tick(c, &err));
    MUST(client_close(c, &err));
    finish(s);
}

/* ---- slow readers ---- */

static uint32_t large_camera(client *c, wire_actor_id *camera)
{
    base_error err = { 0 };
    static const client_attribute size[] = { { "image_size_x", "1024" }, { "image_size_y", "1024" } };
    client_spawn_options o = { .blueprint = "sensor.camera.semantic_segmentation",
                               .pose = { { 0, 0, 5 }, { 0, 0, 0 } },
                               .attributes = size,
                               .attribute_count = 2 };
    wire_actor_id id;
    MUST(client_spawn(c, &o, &id, &err));
    *camera = id;
    wire_token token;
    assert_true(wire_token_read(&token, client_actor(c, id, &err)->stream_token));
    return token.stream_id;
}
/* A session on a camera of 4 MB a frame that reads nothing by itself. */
static int stall(client *c, const served *s, wire_actor_id *camera)
{
    uint32_t stream = large_camera(c, camera);
    int fd = socket(AF_INET, SOCK_STREAM, 0), little = 4096;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &little, sizeof little);
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)town_server_stream_port(s->server)) };
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    uint8_t join_bytes[4] = { (uint8_t)stream, (uint8_t)(stream >> 8), 0, 0 };
    put(fd, join_bytes, 4);
    return fd;
}

static void test_stalled_reader_in_synchronous_mode(void **state)
{
    (void)state;
    town_server_options o = town_server_options_default();
    o.stall_s = 0.5;
    served *s = start_with(o);
    client *c = join(s);
    base_error err = { 0 };
    MUST(client_synchronous(c, 0.05, &err));
    wire_actor_id camera;
    int fd = stall(c, s, &camera);
    double since = base_clock_s();
    for (int i = 0; i < 6; i++)
        MUST(client_tick(c, &err));
    double waited = base_clock_s() - since;
    assert_true(waited > 0.45); /* one tick waited for it, the others did not */
    assert_int_equal(atomic_load(&s->warnings), 1);
    close(fd);
    MUST(client_close(c, &err));
    assert_int_equal(finish(s).sessions_stalled, 1);
}

static void test_slow_reader_is_waited_for(void **state)
{
    (void)state;
    served *s = start();
    client *c = join(s);
    base_error err = { 0 };
    MUST(client_synchronous(c, 0.05, &err));
    wire_actor_id camera;
    int fd = stall(c, s, &camera);
    size_t total = 0, frame = 1024 * 1024 * 4 + 64;
    static uint8_t bytes[1 << 20];
    for (int i = 0; i < 4; i++) {
        MUST(client_tick(c, &err));                     /* answered although the reader has not taken the frame before */
        while (total < (size_t)i * frame + frame / 2) { /* stay half a frame behind */
            ssize_t got = get(fd, bytes, sizeof bytes, 5000);
            assert_true(got > 0);
            total += (size_t)got;
        }
    }
    while (total < 4 * frame) {
        ssize_t got = get(fd, bytes, sizeof bytes, 5000);
        assert_true(got > 0);
        total += (size_t)got;
    }
    assert_int_equal(total, 4 * frame);
    close(fd);
    MUST(client_close(c, &err));
    town_server_stats stats = finish(s);
    assert_int_equal(stats.sessions_stalled + stats.frames_dropped, 0);
}

static void test_slow_reader_loses_frames_in_asynchronous_mode(void **state)
{
    (void)state;
    served *s = start();
    client *c = join(s);
    base_error err = { 0 };
    wire_actor_id camera;
    int fd = stall(c, s, &camera);
    uint64_t first = 0;
    MUST(client_listen(c, camera, &err)); /* a second reader, which keeps up and must not be held back */
    for (int i = 0; i < 15; i++) {        /* nobody waits for it */
        MUST(client_wait_for_tick(c, &err));
        first = first ? first : client_snapshot_get(c).frame;
    }
    assert_true(client_snapshot_get(c).frame >= first + 14);
    close(fd);
    MUST(client_close(c, &err));
    town_server_stats stats = finish(s);
    assert_true(stats.frames_dropped > 3);
    assert_int_equal(stats.sessions_stalled, 0);
}

static void test_silent_client_gets_no_more_than_it_reads(void **state)
{
    (void)state;
    served *s = start();
    int fd = dial(town_server_rpc_port(s->server));
    static const char call[] = "\x94\x00\x01\xac"
                               "get_map_data\x91\x91\xc2";
    struct pollfd p = { fd, POLLOUT, 0 };
    size_t asked = 0;
    /* Ask for the map again and again without reading: the server must stop taking requests instead of piling up answers. */
    while (asked < 2000000 && poll(&p, 1, 300) == 1 && (p.revents & POLLOUT)) {
        if (send(fd, call, sizeof call - 1, MSG_NOSIGNAL | MSG_DONTWAIT) <= 0)
            break;
        asked++;
    }
    int other = dial(town_server_rpc_port(s->server));
    PUT(other, VERSION_CALL);
    assert_version_answered(other);
    close(other);
    close(fd);
    town_server_stats stats = finish(s);
    size_t map_bytes;
    town_map *map = town_map_load("configs/maps/training_loop.xodr", NULL);
    town_map_xodr(map, &map_bytes);
    town_map_destroy(map);
    /* what was answered fits the server's bound of 1 MiB and the kernel's buffers on both sides */
    assert_true(stats.requests < asked && stats.requests * map_bytes < (size_t)32 << 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_drive_in_lockstep),
        cmocka_unit_test(test_second_client_sees_the_first),
        cmocka_unit_test(test_two_servers_same_bytes),
        cmocka_unit_test(test_load_world),
        cmocka_unit_test(test_maps_from_text),
        cmocka_unit_test(test_asynchronous_mode_runs_by_itself),
        cmocka_unit_test(test_port_in_use),
        cmocka_unit_test(test_missing_map),
        cmocka_unit_test(test_garbage_closes_only_its_connection),
        cmocka_unit_test(test_half_messages),
        cmocka_unit_test(test_faults_are_rpclibs),
        cmocka_unit_test(test_unknown_stream_is_closed_slowly),
        cmocka_unit_test(test_client_dies_in_the_middle_of_a_stream),
        cmocka_unit_test(test_stalled_reader_in_synchronous_mode),
        cmocka_unit_test(test_slow_reader_is_waited_for),
        cmocka_unit_test(test_slow_reader_loses_frames_in_asynchronous_mode),
        cmocka_unit_test(test_silent_client_gets_no_more_than_it_reads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
