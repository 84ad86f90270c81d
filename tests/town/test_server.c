/* The server through its sockets: what a good client gets, and what a bad one cannot do. */
#include "tests/town/served.h"
#include "base/clock.h"
#include "sim/town/serve.h"
#include "sim/wire/rpc.h"
#include <sys/resource.h>

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
    served *s = served_start(town_server_options_default());
    client *c = served_join(s);
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
    town_server_stats stats = served_stop(s);
    assert_int_equal(stats.frames_dropped, 0);
    assert_true(stats.frames_sent >= 60 * 4);
}

static void test_second_client_sees_the_first(void **state)
{
    (void)state;
    served *s = served_start(town_server_options_default());
    client *a = served_join(s), *b = served_join(s);
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
    served_stop(s);
}

/* Same seed and calls, same bytes: all pictures and the last pose of two servers. */
static uint64_t drive_hash(void)
{
    served *s = served_start(town_server_options_default());
    client *c = served_join(s);
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
    served_stop(s);
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
    served *s = served_start(town_server_options_default());
    client *c = served_join(s);
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
    served_stop(s);
}

/* A road of its own length for each call, so that an older map of the same name would show. */
static void test_maps_from_text(void **state)
{
    (void)state;
    served *s = served_start(town_server_options_default());
    client *c = served_join(s);
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
    served_stop(s);
}

static void test_asynchronous_mode_runs_by_itself(void **state)
{
    (void)state;
    served *s = served_start(town_server_options_default());
    client *c = served_join(s);
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
    served_stop(s);
}

/* ---- ports ---- */

static void test_port_in_use(void **state)
{
    (void)state;
    served *s = served_start(town_server_options_default());
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
    served_stop(s);
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

static double resident_mib(void)
{
    long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    assert_non_null(f);
    assert_int_equal(fscanf(f, "%*d %ld", &pages), 1);
    fclose(f);
    return (double)pages * (double)sysconf(_SC_PAGESIZE) / (1 << 20);
}

static void test_garbage_closes_only_its_connection(void **state)
{
    (void)state;
    served *s = served_start(town_server_options_default());
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
    const double before = resident_mib();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int bad = dial(port), good = dial(port);
        char bytes[256];
        put(bad, cases[i].bytes, cases[i].count);
        ssize_t got = get(bad, bytes, sizeof bytes, 3000);
        if (got != 0)
            fail_msg("%s: connection is not closed (%zd)", cases[i].why, got);
        PUT(good, VERSION_CALL);
        assert_version_answered(good);
        assert_int_equal(atomic_load(&s->warnings), i + 1); /* a line in the log says so */
        double grown = resident_mib() - before;
        if (grown > 32) /* msgpack's own unpacker would take gigabytes for the first */
            fail_msg("%s: %.0f MiB of memory taken", cases[i].why, grown);
        close(bad);
        close(good);
    }
    served_stop(s);
}

static void test_half_messages(void **state)
{
    (void)state;
    served *s = served_start(town_server_options_default());
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
    served_stop(s);
}

static void test_faults_are_rpclibs(void **state)
{
    (void)state;
    served *s = served_start(town_server_options_default());
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
        { "\x94\x00\x01\xaf"
          "console_command\x92\x91\xc2\xa1x",
          "console_command: 'x' was not run", 24 },
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
    served_stop(s);
}

static void test_unknown_stream_is_closed_slowly(void **state)
{
    (void)state;
    served *s = served_start(town_server_options_default());
    int fd = dial(town_server_stream_port(s->server));
    char bytes[64];
    PUT(fd, "\x39\x30\x00\x00");
    double since = base_clock_s();
    assert_int_equal(get(fd, bytes, sizeof bytes, 5000), 0);
    assert_true(base_clock_s() - since > 0.5); /* a client that returns at once must not spin */
    close(fd);
    served_stop(s);
}

static void test_client_dies_in_the_middle_of_a_stream(void **state)
{
    (void)state;
    served *s = served_start(town_server_options_default());
    client *c = served_join(s);
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
    served_stop(s);
}

/* ---- connections ---- */

static void test_half_a_message_is_given_up(void **state)
{
    (void)state;
    town_server_options o = town_server_options_default();
    o.stall_s = 0.4;
    served *s = served_start(o);
    int port = town_server_rpc_port(s->server);
    int silent = dial(port), half = dial(port), slow = dial(port);
    const char call[] = VERSION_CALL;
    char bytes[64];
    put(half, call, 9);
    for (size_t i = 0; i + 2 < sizeof call; i++) { /* takes longer than stall_s in all, but goes on */
        put(slow, call + i, 1);
        assert_int_equal(get(slow, bytes, sizeof bytes, 60), -1);
    }
    assert_int_equal(get(half, bytes, sizeof bytes, 3000), 0);
    assert_int_equal(atomic_load(&s->warnings), 1);
    put(slow, call + sizeof call - 2, 1);
    assert_version_answered(slow);
    put(silent, call, sizeof call - 1); /* a client may think between calls as long as it likes */
    assert_version_answered(silent);
    close(silent);
    close(half);
    close(slow);
    served_stop(s);
}

static void test_too_many_connections(void **state)
{
    (void)state;
    town_server_options o = town_server_options_default();
    o.stall_s = 1;
    served *s = served_start(o);
    static int fd[TOWN_PEERS_MAX];
    int port = town_server_rpc_port(s->server);
    char bytes[64];
    for (int i = 0; i < TOWN_PEERS_MAX; i++) {
        fd[i] = dial(port);
        PUT(fd[i], VERSION_CALL);
        assert_version_answered(fd[i]);
    }
    for (int i = 0; i < 5; i++) {
        int more = dial(port);
        assert_int_equal(get(more, bytes, sizeof bytes, 3000), 0);
        close(more);
    }
    assert_int_equal(atomic_load(&s->warnings), 1); /* not one per attempt */
    /* One leaves; who takes the place says nothing for more than stall_s and gives way to the next. */
    close(fd[0]);
    usleep(200000);
    fd[0] = dial(port);
    usleep(1200000);
    int next = dial(port);
    PUT(next, VERSION_CALL);
    assert_version_answered(next);
    assert_int_equal(get(fd[0], bytes, sizeof bytes, 3000), 0);
    PUT(fd[1], VERSION_CALL);
    assert_version_answered(fd[1]);
    close(next);
    for (int i = 0; i < TOWN_PEERS_MAX; i++)
        close(fd[i]);
    assert_int_equal(served_stop(s).connections_refused, 5);
}

/* A connection that cannot be accepted stays in the kernel's queue: the loop must not turn at full speed until it can. */
static void test_out_of_descriptors(void **state)
{
    (void)state;
    served *s = served_start(town_server_options_default());
    client *c = served_join(s);
    base_error err = { 0 };
    MUST(client_synchronous(c, 0.05, &err));
    int fd = socket(AF_INET, SOCK_STREAM, 0), next = dup(fd);
    struct rlimit before, tight;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    close(next);
    tight = (struct rlimit){ (rlim_t)next, before.rlim_max }; /* `next` would be the number of the accepted socket */
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)town_server_rpc_port(s->server)) };
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int connected = connect(fd, (struct sockaddr *)&a, sizeof a);
    usleep(100000);
    double busy = served_busy_s(s);
    usleep(500000);
    busy = served_busy_s(s) - busy;
    setrlimit(RLIMIT_NOFILE, &before);
    assert_int_equal(connected, 0);
    assert_true(busy < 0.1);
    assert_int_equal(atomic_load(&s->warnings), 1);
    PUT(fd, VERSION_CALL);
    assert_version_answered(fd);
    close(fd);
    MUST(client_close(c, &err));
    served_stop(s);
}

static void test_failure_says_why(void **state)
{
    (void)state;
    served *s = served_start(town_server_options_default());
    s->server->message.max_bytes = 100; /* stands for memory that is out; nobody listens yet, so nothing is written at once */
    int fd = listen_to(s, WIRE_STREAM_SNAPSHOT);
    char byte;
    assert_int_equal(get(fd, &byte, 1, 5000), -1); /* the loop has ended; its sockets live as long as the server */
    close(fd);
    close(s->pipe[1]);
    pthread_join(s->thread, NULL);
    close(s->pipe[0]);
    assert_false(s->ok);
    assert_int_equal(s->err.code, BASE_MEMORY);
    assert_non_null(strstr(s->err.text, "snapshot, stream 1: "));
    town_server_destroy(s->server);
    free(s);
}

static void test_silent_client_gets_no_more_than_it_reads(void **state)
{
    (void)state;
    served *s = served_start(town_server_options_default());
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
    town_server_stats stats = served_stop(s);
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
        cmocka_unit_test(test_silent_client_gets_no_more_than_it_reads),
        cmocka_unit_test(test_half_a_message_is_given_up),
        cmocka_unit_test(test_too_many_connections),
        cmocka_unit_test(test_out_of_descriptors),
        cmocka_unit_test(test_failure_says_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
