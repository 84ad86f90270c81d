/* The streaming port: slow readers, tokens, many readers, readers that come back. */
#include "tests/town/served.h"
#include "base/clock.h"
#include "sim/wire/wire.h"

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
    served *s = served_start(o);
    client *c = served_join(s);
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
    assert_int_equal(served_stop(s).sessions_stalled, 1);
}

static void test_slow_reader_is_waited_for(void **state)
{
    (void)state;
    served *s = served_start(town_server_options_default());
    client *c = served_join(s);
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
    town_server_stats stats = served_stop(s);
    assert_int_equal(stats.sessions_stalled + stats.frames_dropped, 0);
}

static void test_slow_reader_loses_frames_in_asynchronous_mode(void **state)
{
    (void)state;
    served *s = served_start(town_server_options_default());
    client *c = served_join(s);
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
    town_server_stats stats = served_stop(s);
    assert_true(stats.frames_dropped > 3);
    assert_int_equal(stats.sessions_stalled, 0);
}

/* The loss is the slow session's own: said once, when it ends, and the reader beside it loses nothing. */
static void test_losses_are_counted_per_session(void **state)
{
    (void)state;
    served *s = served_start(town_server_options_default());
    client *c = served_join(s);
    base_error err = { 0 };
    wire_actor_id camera;
    int fd = stall(c, s, &camera);
    for (int i = 0; i < 10; i++)
        MUST(client_wait_for_tick(c, &err));
    assert_int_equal(atomic_load(&s->losses), 0);
    close(fd);
    for (int i = 0; i < 5; i++)
        MUST(client_wait_for_tick(c, &err));
    assert_int_equal(atomic_load(&s->losses), 1);
    MUST(client_close(c, &err));
    served_stop(s);
}

/* ---- streams: tokens, several readers, coming back ---- */

/* One message of the streaming port; NULL: none came or the connection ended. */
static const uint8_t *read_message(int fd, size_t *payload_bytes)
{
    static uint8_t bytes[1 << 16];
    size_t have = 0, want = WIRE_FRAME_PREFIX_BYTES;
    while (have < want) {
        ssize_t got = get(fd, bytes + have, want - have, 5000);
        if (got <= 0)
            return NULL;
        have += (size_t)got;
        if (have == WIRE_FRAME_PREFIX_BYTES && want == have) {
            if (!wire_frame_look(bytes, have, sizeof bytes - WIRE_FRAME_PREFIX_BYTES, payload_bytes, NULL))
                return NULL;
            want += *payload_bytes;
        }
    }
    return bytes + WIRE_FRAME_PREFIX_BYTES;
}

/* Its frame number, or 0. */
static uint64_t read_frame(int fd, size_t *payload_bytes)
{
    const uint8_t *message = read_message(fd, payload_bytes);
    wire_header h;
    return message && wire_header_read(&h, message, *payload_bytes, NULL) ? h.frame : 0;
}

static wire_snapshot read_snapshot(int fd)
{
    size_t bytes, actors;
    wire_header header;
    wire_snapshot s;
    base_error err = { 0 };
    const uint8_t *message = read_message(fd, &bytes);
    assert_non_null(message);
    MUST(wire_snapshot_read(&header, &s, &actors, message, bytes, WIRE_VERSION_LATEST, &err));
    return s;
}

static uint32_t stream_of(client *c, wire_actor_id sensor)
{
    base_error err = { 0 };
    wire_token token;
    const wire_actor *a = client_actor(c, sensor, &err);
    assert_non_null(a);
    assert_int_equal(a->stream_token.bytes, WIRE_TOKEN_BYTES);
    assert_true(wire_token_read(&token, a->stream_token));
    return token.stream_id;
}

static wire_actor_id add_camera(client *c, double x_m)
{
    base_error err = { 0 };
    static const client_attribute size[] = { { "image_size_x", "32" }, { "image_size_y", "16" } };
    client_spawn_options o = { .blueprint = "sensor.camera.semantic_segmentation",
                               .pose = { { x_m, 0, 5 }, { 0, 0, 0 } },
                               .attributes = size,
                               .attribute_count = 2 };
    wire_actor_id id;
    MUST(client_spawn(c, &o, &id, &err));
    return id;
}

static void test_tokens(void **state)
{
    (void)state;
    served *s = served_start(town_server_options_default());
    client *c = served_join(s);
    base_error err = { 0 };
    wire_actor_id a = add_camera(c, 0), b = add_camera(c, 5);
    wire_token in_record, asked;
    assert_true(wire_token_read(&in_record, client_actor(c, a, &err)->stream_token));
    assert_int_equal(in_record.port, town_server_stream_port(s->server));
    assert_true(in_record.stream_id != stream_of(c, b) && in_record.stream_id != WIRE_STREAM_SNAPSHOT);
    wire_args_stream args = { in_record.stream_id };
    MUST(client_call(c, WIRE_METHOD_get_sensor_token, &args, &asked, NULL, &err));
    assert_int_equal(asked.stream_id, in_record.stream_id);
    assert_int_equal(asked.port, in_record.port);
    MUST(client_destroy(c, b, &err));
    assert_true(stream_of(c, add_camera(c, 5)) > in_record.stream_id + 1); /* the number of a stream never comes again */
    MUST(client_close(c, &err));
    served_stop(s);
}

/* Five clients with a camera each, all of them also on one shared camera: everyone gets every frame of a synchronous run. */
static void test_many_clients_many_streams(void **state)
{
    (void)state;
    enum { CLIENTS = 5, TICKS = 20 };
    served *s = served_start(town_server_options_default());
    client *c[CLIENTS];
    wire_actor_id own[CLIENTS];
    int shared[CLIENTS];
    base_error err = { 0 };
    for (int i = 0; i < CLIENTS; i++)
        c[i] = served_join(s);
    MUST(client_synchronous(c[0], 0.05, &err));
    uint32_t stream = stream_of(c[0], add_camera(c[0], -5));
    int reader[CLIENTS];
    for (int i = 0; i < CLIENTS; i++) {
        own[i] = add_camera(c[i], 2 * i);
        reader[i] = listen_to(s, stream_of(c[i], own[i]));
        shared[i] = listen_to(s, stream);
    }
    for (int k = 0; k < TICKS; k++) {
        MUST(client_tick(c[0], &err));
        uint64_t frame = client_snapshot_get(c[0]).frame;
        for (int i = 0; i < CLIENTS; i++) {
            size_t bytes;
            assert_int_equal(read_frame(reader[i], &bytes), frame);
            assert_int_equal(read_frame(shared[i], &bytes), frame);
            assert_true(bytes > 32 * 16 * 4);
        }
    }
    for (int i = 0; i < CLIENTS; i++) {
        close(reader[i]);
        close(shared[i]);
        MUST(client_close(c[i], &err));
    }
    town_server_stats stats = served_stop(s);
    assert_int_equal(stats.frames_dropped + stats.sessions_stalled + stats.connections_refused, 0);
}

static void test_reader_comes_back(void **state)
{
    (void)state;
    served *s = served_start(town_server_options_default());
    client *c = served_join(s);
    base_error err = { 0 };
    size_t bytes;
    char one;
    MUST(client_synchronous(c, 0.05, &err));
    wire_actor_id camera = add_camera(c, 0);
    uint32_t stream = stream_of(c, camera);
    for (int i = 0; i < 5; i++) { /* goes and comes between any two ticks, and misses none */
        int fd = listen_to(s, stream);
        wire_args_stream args = { stream };
        wire_token token; /* asking for it makes the next tick wait for the join */
        MUST(client_call(c, WIRE_METHOD_get_sensor_token, &args, &token, NULL, &err));
        MUST(client_tick(c, &err));
        assert_int_equal(read_frame(fd, &bytes), client_snapshot_get(c).frame);
        close(fd);
    }
    int half = dial(town_server_stream_port(s->server)); /* says half a stream number and leaves */
    put(half, "\x01\x00", 2);
    close(half);
    int left = listen_to(s, stream);
    MUST(client_tick(c, &err));
    assert_int_equal(read_frame(left, &bytes), client_snapshot_get(c).frame);
    MUST(client_destroy(c, camera,
                        &err)); /* the sensor goes: its readers are closed, and who comes back waits a second in vain */
    assert_int_equal(get(left, &one, 1, 3000), 0);
    close(left);
    int again = listen_to(s, stream);
    for (int i = 0; i < 3; i++)
        MUST(client_tick(c, &err)); /* which no tick waits for */
    assert_int_equal(get(again, &one, 1, 5000), 0);
    close(again);
    MUST(client_close(c, &err));
    assert_int_equal(served_stop(s).stream_sessions, 0);
}

/* A new world that ticks by itself is silent for a moment, in which client 0.9.16 changes its subscription; that the map has changed hear those who
 * were there before, once. */
static void test_snapshots_of_a_new_world(void **state)
{
    (void)state;
    served *s = served_with_client(WIRE_0_9_16);
    int before = listen_to(s, WIRE_STREAM_SNAPSHOT);
    wire_snapshot seen = read_snapshot(before);
    uint64_t first = seen.episode_id;
    assert_int_equal(seen.simulation_state, 0);
    double asked_s = base_clock_s();
    wire_args_load load = { .map_name = "training_loop", .reset_settings = true };
    served_call(s, WIRE_METHOD_load_new_episode, &load, NULL);
    int after = listen_to(s, WIRE_STREAM_SNAPSHOT);
    do
        seen = read_snapshot(before);
    while (seen.episode_id == first);
    assert_true(base_clock_s() - asked_s > 0.06);
    assert_int_equal(seen.simulation_state, WIRE_STATE_MAP_CHANGE);
    assert_int_equal(read_snapshot(before).simulation_state, 0);
    for (int i = 0; i < 3; i++) {
        seen = read_snapshot(after);
        assert_int_equal(seen.simulation_state, 0);
        assert_true(seen.episode_id != first);
    }
    close(before);
    close(after);
    served_stop(s);
}

static void test_closed_peers_do_not_spin(void **state)
{
    (void)state;
    town_server_options o = town_server_options_default();
    o.stall_s = 1;
    served *s = served_start(o);
    client *c = served_join(s);
    base_error err = { 0 };
    MUST(client_synchronous(c, 0.05, &err));
    wire_actor_id camera;
    int stalled = stall(c, s, &camera), half = dial(town_server_rpc_port(s->server)),
        gone = dial(town_server_rpc_port(s->server));
    PUT(half, VERSION_CALL);
    assert_version_answered(half);
    PUT(gone, VERSION_CALL);
    assert_version_answered(gone);
    for (int i = 0; i < 2; i++)
        MUST(client_tick(c, &err));
    PUT(half, "\x94\x00\x02\xa8tick_cue\x91\x91\xc2"); /* a tick that waits for the stalled reader ... */
    usleep(100000);
    PUT(half,
        VERSION_CALL); /* ... while this one has asked and half closed, and the other is reset: poll reports that always */
    shutdown(half, SHUT_WR);
    struct linger at_once = { 1, 0 };
    setsockopt(gone, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(gone);
    usleep(50000);
    double busy = served_busy_s(s);
    usleep(500000);
    busy = served_busy_s(s) - busy;
    assert_true(busy < 0.15);
    char bytes[256];
    size_t got = 0;
    for (ssize_t n; got < 14 + 5 && (n = get(half, bytes + got, sizeof bytes - got, 5000)) > 0;)
        got += (size_t)n;
    assert_true(memmem(bytes, got, "0.9.16", 6) != NULL); /* what was asked before closing is still answered */
    close(half);
    close(stalled);
    MUST(client_close(c, &err));
    served_stop(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stalled_reader_in_synchronous_mode),
        cmocka_unit_test(test_slow_reader_is_waited_for),
        cmocka_unit_test(test_slow_reader_loses_frames_in_asynchronous_mode),
        cmocka_unit_test(test_losses_are_counted_per_session),
        cmocka_unit_test(test_tokens),
        cmocka_unit_test(test_many_clients_many_streams),
        cmocka_unit_test(test_reader_comes_back),
        cmocka_unit_test(test_snapshots_of_a_new_world),
        cmocka_unit_test(test_closed_peers_do_not_spin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
