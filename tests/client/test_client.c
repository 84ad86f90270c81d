/* The client against a scripted peer: what no real server does on purpose. Everything that works is tested against the embedded simulator
 * (test_client_embedded.c) and CARLA's own client (tests/interop). */
#include "base/clock.h"
#include "sim/client/client.h"
#include "tests/support/scripted_peer.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

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
    int fd = peer_listen_any(&o.port);
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
        assert_true(image.width_px == PEER_IMAGE_W && image.height_px == PEER_IMAGE_H && image.fov_deg == 90);
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

/* A stream that the server closes is joined again in time for the next tick: no frame is missed. */
static void closed_streams_are_joined_again(void **state)
{
    (void)state;
    peer p = { .close_streams = true };
    base_error err = { 0 };
    wire_actor_id car, cam;
    client_image image;
    peer_start(&p);
    client *c = with_camera(&p, &car, &cam);
    for (uint64_t frame = 101; frame < 121; frame++) {
        if (!client_tick(c, &err) || !client_image_get(c, cam, &image, &err))
            fail_msg("%s", err.text);
        assert_true(client_snapshot_get(c).frame == frame && image.frame == frame);
    }
    assert_true(p.joins >= 2 * 20);
    assert_true(client_close(c, &err));
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
        cmocka_unit_test(closed_streams_are_joined_again),
        cmocka_unit_test(stops_when_asked_and_still_undoes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
