/* Recordings: what is written is CARLA's format, what is played is what was recorded, and no file or name does harm. */
#include "base/file.h"
#include "sim/town/recording.h"
#include "sim/town/town.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#define GOLDEN "tests/golden/recording/two_cars.log"
static const town_sink deaf = { NULL, NULL, NULL, NULL };
static char dir[] = "/tmp/test_recorder_XXXXXX", path[64];
static town_map *map;

static int make_room(void **state)
{
    (void)state;
    base_error err;
    map = town_map_load("configs/maps/training_loop.xodr", &err);
    if (!map || !mkdtemp(dir))
        return -1;
    snprintf(path, sizeof path, "%s/a.log", dir);
    return 0;
}

static int clear_room(void **state)
{
    (void)state;
    town_map_destroy(map);
    return base_dir_remove(dir, NULL) ? 0 : -1;
}

static town_world *world(void)
{
    base_error err = { 0 };
    town_options o = town_options_default();
    town_world *w = town_world_create(map, &o, &err);
    if (!w)
        fail_msg("%s", err.text);
    return w;
}

static void tick(town_world *w)
{
    base_error err = { 0 };
    if (!town_tick(w, 0.05, deaf, &err))
        fail_msg("%s", err.text);
}

static town_actor_view view(town_world *w, uint32_t id)
{
    town_actor_view v;
    assert_true(town_actor_get(w, id, &v));
    return v;
}

static char *describe(const recording *r, bool all)
{
    base_buffer out = { 0 };
    recording_describe(r, all, &out);
    base_buffer_append(&out, "", 1);
    assert_false(out.failed);
    return (char *)out.data;
}

/* ---- a file that others wrote ---- */

static void a_foreign_recording_is_read(void **state)
{
    (void)state;
    base_error err = { 0 };
    recording r;
    if (!recording_read(&r, GOLDEN, "two_cars.log", &err))
        fail_msg("%s", err.text);
    assert_int_equal(r.frame_count, 3);
    char *text = describe(&r, false);
    assert_string_equal(text, "Version: 1\nMap: Carla/Maps/training_loop\nDate: 2023-11-14 22:13:20 UTC\n\n"
                              "Frame 1 at 0 seconds\n Create 24: vehicle.tesla.model3 (1) at (1000, 2000, 50)\n"
                              "  role_name = hero\n  color = 255,0,0\n"
                              " Create 25: vehicle.audi.tt (1) at (3000, 2000, 50)\n  role_name = autopilot\n"
                              "Frame 2 at 0.5 seconds\n Collision id 0 between 24 (hero)  with 25\n"
                              "Frame 3 at 1 seconds\n Destroy 25\n"
                              "\nFrames: 3\nDuration: 1 seconds\n");
    free(text);
    text = describe(&r, true);
    assert_non_null(strstr(text, " Positions: 2\n  Id: 24 Location: (1500, 2000, 50) Rotation: (0, 0, 10)\n"));
    assert_non_null(strstr(text, "  Id: 24 Steering: 0.25 Throttle: 0.5 Brake: 0 Handbrake: 0 Gear: 1\n"));
    free(text);
    base_buffer out = { 0 };
    recording_collisions(&r, 'h', 'v', &out);
    base_buffer_append(&out, "", 1);
    assert_non_null(strstr((char *)out.data, "vehicle.tesla.model3"));
    base_buffer_clear(&out);
    recording_collisions(&r, 'w', 'v', &out);
    base_buffer_append(&out, "", 1);
    assert_null(strstr((char *)out.data, "vehicle.tesla.model3"));
    base_buffer_clear(&out);
    recording_blocked(&r, 0.4, 300, &out); /* the second car moves one metre in half a second */
    base_buffer_append(&out, "", 1);
    assert_non_null(strstr((char *)out.data, "vehicle.audi.tt"));
    assert_null(strstr((char *)out.data, "vehicle.tesla.model3"));
    base_buffer_free(&out);
    recording_free(&r);
}

static void cut_and_changed_files_are_refused_or_harmless(void **state)
{
    (void)state;
    unsigned char *data;
    size_t bytes;
    int refused = 0;
    assert_true(base_file_read(GOLDEN, 1 << 20, &data, &bytes, NULL));
    for (size_t i = 0; i < bytes * 9; i++) {
        unsigned char *copy = malloc(bytes + 1);
        size_t length = i < bytes ? i : bytes;
        memcpy(copy, data, bytes);
        if (i >= bytes)
            copy[(i - bytes) / 8] ^= (unsigned char)(1u << ((i - bytes) % 8));
        recording r;
        base_error err = { 0 };
        if (!recording_parse(&r, copy, length, "x", &err)) {
            refused++;
            assert_int_equal(strncmp(err.text, "x: ", 3), 0);
            continue;
        }
        assert_true(i >= bytes || r.frame_count < 3); /* cut behind a frame: what is there is whole */
        free(describe(&r, true));
        recording_free(&r);
    }
    assert_true(refused > (int)bytes / 2);
    free(data);
}

/* ---- our own ---- */

static uint32_t spawn_car(town_world *w, const char *id, int place, const char *role)
{
    base_error err = { 0 };
    int count;
    town_attribute attribute = { "role_name", TOWN_STRING, role };
    town_description d = { 0, id, &attribute, 1 };
    uint32_t car = town_spawn(w, &d, town_map_spawn_points(map, &count)[place], 0, TOWN_RIGID, &err);
    if (!car)
        fail_msg("%s", err.text);
    return car;
}

enum { FRAMES = 60 };
static base_pose driven[FRAMES + 1];

/* A car drives for three seconds while another is there for the first two. */
static uint32_t record(town_world *w)
{
    base_error err = { 0 };
    uint32_t car = spawn_car(w, "vehicle.tesla.model3", 0, "hero");
    for (int i = 0; i < 20; i++)
        tick(w);
    if (!town_recorder_start(w, path, true, &err))
        fail_msg("%s", err.text);
    driven[0] = view(w, car).pose;
    uint32_t other = spawn_car(w, "vehicle.audi.tt", 5, "autopilot");
    town_vehicle_control_set(w, car, (town_vehicle_control){ .throttle = 0.8f, .steer = 0.1f });
    for (int i = 1; i <= FRAMES; i++) {
        tick(w);
        driven[i] = view(w, car).pose;
        if (i == 40)
            town_destroy(w, other);
    }
    town_recorder_stop(w);
    assert_true(base_vec3_length(base_vec3_sub(driven[FRAMES].location, driven[0].location)) > 5);
    return car;
}

static void expect_driven(town_world *w, uint32_t car, int frame)
{
    base_pose got = view(w, car).pose;
    double off = base_vec3_length(base_vec3_sub(got.location, driven[frame].location));
    double turned = fabs(base_wrap_deg(got.rotation.yaw_deg - driven[frame].rotation.yaw_deg));
    if (!(off < 0.001) || !(turned < 0.01)) /* floats of centimetres */
        fail_msg("frame %d: %.4f m and %.3f degrees off", frame, off, turned);
}

static void what_is_played_is_what_was_recorded(void **state)
{
    (void)state;
    town_world *w = world();
    record(w);
    recording r;
    base_error err = { 0 };
    if (!recording_read(&r, path, "a.log", &err))
        fail_msg("%s", err.text);
    assert_int_equal(r.frame_count, FRAMES + 1);
    assert_true(fabs(r.frames[FRAMES].elapsed_s - 3) < 1e-9 && fabs(r.frames[0].duration_s - 0.05) < 1e-9);
    recording_free(&r);
    town_world_destroy(w);

    w = world(); /* an empty one: the actors are spawned */
    int before = town_actor_count(w);
    town_replay_options o = { .start_s = 0 };
    double from_s, to_s;
    if (!town_replay_start(w, path, "a.log", &o, &from_s, &to_s, &err))
        fail_msg("%s", err.text);
    assert_true(fabs(to_s - 3) < 1e-9);
    uint32_t car = 0;
    for (int i = 0; i < town_actor_count(w); i++)
        if (view(w, town_actor_id_at(w, i)).kind == TOWN_VEHICLE)
            car = town_actor_id_at(w, i);
    assert_true(car);
    expect_driven(w, car, 0);
    for (int i = 1; i < FRAMES; i++) {
        tick(w);
        expect_driven(w, car, i);
        assert_int_equal(town_actor_count(w), before + (i <= 40 ? 2 : 1));
    }
    town_replay_stop(w, false);
    assert_int_equal(town_actor_count(w), before);

    /* half as fast from the middle: every second tick stands between two frames */
    assert_true(town_replay_factor_set(w, 0.5, &err));
    assert_false(town_replay_factor_set(w, NAN, &err));
    o.start_s = -1.5;
    assert_true(town_replay_start(w, path, "a.log", &o, &from_s, &to_s, &err));
    assert_true(fabs(from_s - 1.5) < 1e-9);
    for (int i = 0; i < town_actor_count(w); i++)
        if (!strcmp(view(w, town_actor_id_at(w, i)).type_id, "vehicle.tesla.model3"))
            car = town_actor_id_at(w, i);
    tick(w);
    base_vec3 half = base_vec3_scale(base_vec3_add(driven[30].location, driven[31].location), 0.5);
    assert_true(base_vec3_length(base_vec3_sub(view(w, car).pose.location, half)) < 0.002);
    tick(w);
    expect_driven(w, car, 31);
    for (int i = 0; i < 70; i++)
        tick(w);
    assert_false(town_replay_runs(w)); /* it ended by itself and left its actors */
    assert_int_equal(town_actor_count(w), before + 1);
    town_world_destroy(w);
}

static void heroes_and_spectators_can_be_left_out(void **state)
{
    (void)state;
    town_world *w = world();
    base_error err = { 0 };
    uint32_t car = record(w);
    int before = town_actor_count(w);
    town_replay_options o = { .follow = car, .offset = { { -6, 0, 3 }, { -10, 0, 0 } } };
    double from_s, to_s;
    assert_true(town_replay_start(w, path, "a.log", &o, &from_s, &to_s, &err));
    assert_int_equal(town_actor_count(w), before); /* the car is the world's own; the other one is born with the second frame */
    tick(w);
    assert_int_equal(town_actor_count(w), before + 1);
    expect_driven(w, car, 1);
    base_pose behind = base_pose_compose(&driven[1], &o.offset);
    assert_true(base_vec3_length(base_vec3_sub(view(w, town_spectator(w)).pose.location, behind.location)) < 0.01);
    town_replay_stop(w, false);
    assert_int_equal(town_actor_count(w), before); /* what was there before stays */
    town_replay_ignore_hero_set(w, true);
    base_pose stays = view(w, car).pose;
    assert_true(town_replay_start(w, path, "a.log", &o, &from_s, &to_s, &err));
    tick(w);
    assert_true(base_vec3_length(base_vec3_sub(view(w, car).pose.location, stays.location)) < 2);
    town_world_destroy(w);
}

static void a_replay_of_changed_bytes_does_no_harm(void **state)
{
    (void)state;
    unsigned char *data;
    size_t bytes;
    base_error err = { 0 };
    assert_true(base_file_read(GOLDEN, 1 << 20, &data, &bytes, &err));
    town_world *w = world();
    for (size_t i = 0; i < bytes; i += 3) {
        data[i] ^= 0x40;
        assert_true(base_file_write(path, data, bytes, false, &err));
        data[i] ^= 0x40;
        town_replay_options o = { .sensors = true, .follow = 24 };
        double from_s, to_s;
        if (!town_replay_start(w, path, "a.log", &o, &from_s, &to_s, &err))
            continue;
        for (int k = 0; k < 3; k++)
            tick(w);
        town_replay_stop(w, false);
    }
    for (int i = 0; i < town_actor_count(w); i++)
        assert_true(isfinite(view(w, town_actor_id_at(w, i)).pose.location.x));
    free(data);
    town_world_destroy(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_foreign_recording_is_read),
        cmocka_unit_test(cut_and_changed_files_are_refused_or_harmless),
        cmocka_unit_test(what_is_played_is_what_was_recorded),
        cmocka_unit_test(heroes_and_spectators_can_be_left_out),
        cmocka_unit_test(a_replay_of_changed_bytes_does_no_harm),
    };
    return cmocka_run_group_tests(tests, make_room, clear_room);
}
