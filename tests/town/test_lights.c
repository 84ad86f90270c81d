/* Traffic lights and signs: groups, phases, times, freezing and resetting, boxes, and what a vehicle learns in them. */
#include "sim/town/town.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static const town_sink deaf = { NULL, NULL, NULL, NULL };
enum { RED, YELLOW, GREEN };

/* A straight road to the east, 3.5 m lanes -1 and 1. Lights a and b share a controller, c has the other one of junction 9; d stands
 * alone. A stop, a yield, a speed sign and an object that CARLA reads as one. */
#define SIGNAL(ID, S, TYPE, SUBTYPE)                                                                                           \
    "<signal s=\"" S "\" t=\"-4\" id=\"" ID "\" name=\"" ID "\" dynamic=\"yes\" orientation=\"-\" zOffset=\"0\" "              \
    "country=\"OpenDRIVE\" type=\"" TYPE "\" subtype=\"" SUBTYPE "\" value=\"-1\"><validity fromLane=\"-1\" toLane=\"-1\"/>"   \
    "</signal>"
static const char text[] =
    "<?xml version=\"1.0\"?><OpenDRIVE><header revMajor=\"1\" revMinor=\"4\"/><road name=\"a\" length=\"300\" id=\"1\" "
    "junction=\"-1\"><link/><planView><geometry s=\"0\" x=\"0\" y=\"0\" hdg=\"0\" length=\"300\"><line/></geometry></planView>"
    "<lanes><laneSection s=\"0\"><left><lane id=\"1\" type=\"driving\" level=\"false\"><width sOffset=\"0\" a=\"3.5\" b=\"0\" c=\"0\" "
    "d=\"0\"/></lane></left><center><lane id=\"0\" type=\"none\" level=\"false\"/></center><right><lane id=\"-1\" "
    "type=\"driving\" level=\"false\"><width sOffset=\"0\" a=\"3.5\" b=\"0\" c=\"0\" d=\"0\"/></lane></right></laneSection>"
    "</lanes><objects><object id=\"90\" name=\"Speed_90\" s=\"270\" t=\"4\" zOffset=\"0\" hdg=\"0\" orientation=\"+\" "
    "type=\"-1\"/></objects><signals>" SIGNAL("a", "60", "1000001", "-1") SIGNAL("b", "90", "1000001", "-1") SIGNAL(
        "c", "120", "1000001", "-1") SIGNAL("d", "150", "1000001", "-1") SIGNAL("stop", "180", "206", "-1")
        SIGNAL("yield", "210", "205", "-1") SIGNAL("fifty", "240", "274", "50") SIGNAL(
            "odd", "250", "274",
            "55") "</signals></road><controller id=\"1\" name=\"\"><control signalId=\"a\" type=\"0\"/><control signalId=\"b\" "
                  "type=\"0\"/></controller><controller id=\"2\" name=\"\"><control signalId=\"c\" type=\"0\"/></controller><junction "
                  "id=\"9\" name=\"\"><controller id=\"1\" type=\"0\"/><controller id=\"2\" type=\"0\"/></junction></OpenDRIVE>";

typedef struct street {
    town_map *map;
    town_world *world;
} street;

static int open_street(void **state)
{
    street *s = calloc(1, sizeof *s);
    base_error err = { 0 };
    town_options o = town_options_default();
    s->map = town_map_parse(text, sizeof text - 1, "street", &err);
    s->world = s->map ? town_world_create(s->map, &o, &err) : NULL;
    if (!s->world)
        print_message("%s\n", err.text);
    *state = s;
    return s->world ? 0 : -1;
}

static int close_street(void **state)
{
    street *s = *state;
    town_world_destroy(s->world);
    town_map_destroy(s->map);
    free(s);
    return 0;
}

static town_world *world_of(void **state) { return ((street *)*state)->world; }

static town_actor_view sign(const town_world *w, const char *sign_id)
{
    town_actor_view v;
    for (int i = 0; i < town_actor_count(w); i++)
        if (town_actor_get(w, town_actor_id_at(w, i), &v) && v.sign_id && !strcmp(v.sign_id, sign_id))
            return v;
    fail_msg("no actor has the sign id '%s'", sign_id);
    return v;
}

static void run_for(town_world *w, double seconds)
{
    base_error err = { 0 };
    for (int i = 0; i < (int)(seconds / 0.05 + 0.5); i++)
        if (!town_tick(w, 0.05, deaf, &err))
            fail_msg("%s", err.text);
}

static void expect_states(const town_world *w, int a, int c, int d)
{
    assert_int_equal(sign(w, "a").light_state, a);
    assert_int_equal(sign(w, "b").light_state, a);
    assert_int_equal(sign(w, "c").light_state, c);
    assert_int_equal(sign(w, "d").light_state, d);
}

static void test_controllers_take_turns(void **state)
{
    town_world *w = world_of(state);
    expect_states(w, GREEN, RED, GREEN);
    run_for(w, 9.5);
    expect_states(w, GREEN, RED, GREEN);
    assert_true(fabs(sign(w, "a").light_elapsed_s - 9.5) < 0.01);
    assert_true(sign(w, "c").light_elapsed_s == 0); /* its controller waits */
    run_for(w, 3);                                  /* 12.5 s */
    expect_states(w, YELLOW, RED, YELLOW);
    run_for(w, 2); /* 14.5 s */
    expect_states(w, RED, RED, RED);
    run_for(w, 1); /* 15.5 s: 10 + 3 + 2 are over for the first controller, the single light is red for 10 s */
    expect_states(w, RED, GREEN, RED);
    run_for(w, 7.8); /* 23.3 s */
    expect_states(w, RED, GREEN, GREEN);
    run_for(w, 7); /* 30.3 s */
    assert_int_equal(sign(w, "a").light_state, GREEN);
    assert_int_equal(sign(w, "c").light_state, RED);
}

static void test_groups_and_poles(void **state)
{
    const town_world *w = world_of(state);
    uint32_t ids[4] = { 0 };
    assert_int_equal(town_light_group(w, sign(w, "c").id, ids, 4), 3);
    const char *const names[] = { "a", "b", "c" };
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(ids[i], sign(w, names[i]).id);
        assert_int_equal(sign(w, names[i]).pole_index, i);
    }
    assert_int_equal(town_light_group(w, sign(w, "d").id, ids, 4), 1);
    assert_int_equal(town_light_group(w, sign(w, "stop").id, ids, 4), 0);
    assert_int_equal(town_light_group(w, 4711, ids, 4), 0);
    assert_int_equal(town_light_group(w, sign(w, "a").id, ids, 1), 3); /* counted, not written */
}

static void test_times_belong_to_the_controller(void **state)
{
    town_world *w = world_of(state);
    assert_true(town_light_times_set(w, sign(w, "a").id, 2, 1, -1));
    assert_true(sign(w, "b").green_s == 2 && sign(w, "b").yellow_s == 1 && sign(w, "b").red_s == 2);
    assert_true(sign(w, "c").green_s == 10);
    run_for(w, 1.5);
    expect_states(w, GREEN, RED, GREEN);
    run_for(w, 1); /* 2.5 s */
    expect_states(w, YELLOW, RED, GREEN);
    run_for(w, 3); /* 5.5 s */
    expect_states(w, RED, GREEN, GREEN);
    assert_false(town_light_times_set(w, sign(w, "a").id, INFINITY, -1, -1));
    assert_false(town_light_times_set(w, sign(w, "stop").id, 1, 1, 1));
}

static void test_phases_without_length_pass(void **state)
{
    town_world *w = world_of(state);
    assert_true(town_light_times_set(w, sign(w, "d").id, 0, 0, 0));
    int seen[3] = { 0, 0, 0 };
    for (int i = 0; i < 30; i++) {
        run_for(w, 0.05);
        seen[sign(w, "d").light_state]++;
    }
    assert_int_equal(seen[RED], 10);
    assert_int_equal(seen[GREEN], 10);
}

static void test_freeze_and_reset_a_group(void **state)
{
    town_world *w = world_of(state);
    run_for(w, 11);
    assert_true(town_light_freeze(w, sign(w, "c").id, true));
    run_for(w, 20);
    expect_states(w, YELLOW, RED, GREEN); /* the single light went on: 31 s are 8 s into its second cycle */
    assert_true(sign(w, "a").light_frozen && sign(w, "c").light_frozen && !sign(w, "d").light_frozen);
    assert_true(town_light_group_reset(w, sign(w, "b").id));
    expect_states(w, GREEN, RED, GREEN);
    float elapsed = sign(w, "d").light_elapsed_s;
    assert_true(elapsed > 7);
    run_for(w, 20);
    assert_int_equal(sign(w, "a").light_state, GREEN); /* reset, but still frozen */
    town_lights_freeze(w, false);
    run_for(w, 10.5);
    assert_int_equal(sign(w, "a").light_state, YELLOW);
    town_lights_freeze(w, true);
    run_for(w, 0.05);
    assert_true(sign(w, "d").light_frozen);
    town_lights_reset(w);
    expect_states(w, GREEN, RED, GREEN);
    assert_false(town_light_freeze(w, sign(w, "yield").id, true));
    assert_false(town_light_group_reset(w, sign(w, "yield").id));
}

static void test_a_state_holds_until_the_next_phase(void **state)
{
    town_world *w = world_of(state);
    assert_true(town_light_state_set(w, sign(w, "a").id, RED));
    run_for(w, 5);
    assert_int_equal(sign(w, "a").light_state, RED);
    assert_int_equal(sign(w, "b").light_state, GREEN); /* this light alone */
    run_for(w, 6);
    expect_states(w, YELLOW, RED, YELLOW);
    assert_false(town_light_state_set(w, sign(w, "a").id, 5));
    assert_false(town_light_state_set(w, sign(w, "stop").id, RED));
}

static void test_signs_are_actors(void **state)
{
    town_world *w = world_of(state);
    static const struct {
        const char *id, *type;
    } signs[] = { { "stop", "traffic.stop" },
                  { "yield", "traffic.yield" },
                  { "fifty", "traffic.speed_limit.50" },
                  { "odd", "traffic.unknown" },
                  { "90", "traffic.speed_limit.90" } };
    for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++) {
        town_actor_view v = sign(w, signs[i].id);
        assert_int_equal(v.kind, TOWN_TRAFFIC_SIGN);
        assert_string_equal(v.type_id, signs[i].type);
        assert_false(town_destroy(w, v.id));
        assert_false(town_pose_set(w, v.id, v.pose));
    }
}

static void test_boxes_lie_before_the_signal(void **state)
{
    const town_world *w = world_of(state);
    /* travel is to the east; the actor is turned by 90 degrees, so its x axis lies across the road */
    static const struct {
        const char *id;
        double x, y, along, across;
    } boxes[] = { { "a", 57, 1.75, 1.5, 0.875 },
                  { "stop", 180 - 1.575, 1.75, 1.575, 1.575 },
                  { "fifty", 240, 1.75, 1.225, 1.225 },
                  { "90", 270, -1.75, 1.225, 1.225 } };
    for (size_t i = 0; i < sizeof boxes / sizeof boxes[0]; i++) {
        town_actor_view v = sign(w, boxes[i].id);
        base_vec3 centre = base_pose_to_world(&v.pose, v.box.center);
        if (fabs(centre.x - boxes[i].x) > 1e-3 || fabs(centre.y - boxes[i].y) > 1e-3 || fabs(centre.z) > 1e-3)
            fail_msg("%s: box around (%.3f %.3f %.3f), expected (%.3f %.3f 0)", boxes[i].id, centre.x, centre.y, centre.z,
                     boxes[i].x, boxes[i].y);
        if (fabs(v.box.extent.x - boxes[i].across) > 1e-3 || fabs(v.box.extent.y - boxes[i].along) > 1e-3)
            fail_msg("%s: half sizes %.3f across and %.3f along, expected %.3f and %.3f", boxes[i].id, v.box.extent.x,
                     v.box.extent.y, boxes[i].across, boxes[i].along);
    }
    town_placed_box head;
    assert_int_equal(town_light_heads(w, sign(w, "a").id, &head, 1), 1);
    assert_true(head.pose.location.z > 2 && head.extent.z > 0.3);
    assert_true(fabs(head.pose.location.x - 60) < 1);
    assert_int_equal(town_light_heads(w, sign(w, "stop").id, &head, 1), 0);
}

static void test_vehicles_learn_where_they_stand(void **state)
{
    town_world *w = world_of(state);
    base_error err = { 0 };
    static const struct {
        double x, y, yaw;
        const char *light;
        float limit;
    } places[] = { { 57, 1.75, 0, "a", 30 },   { 117, 1.75, 0, "c", 30 },  { 57, -1.75, 180, NULL, 30 },
                   { 178, 1.75, 0, NULL, 30 }, { 240, 1.75, 0, NULL, 50 }, { 270, -1.75, 180, NULL, 90 },
                   { 30, 1.75, 0, NULL, 30 } };
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        town_description d = { 0, "vehicle.tesla.model3", NULL, 0 };
        base_pose pose = { { places[i].x, places[i].y, 0.3 }, { 0, places[i].yaw, 0 } };
        uint32_t car = town_spawn(w, &d, pose, 0, TOWN_RIGID, &err);
        assert_true(car != 0);
        run_for(w, 0.1);
        town_actor_view v;
        assert_true(town_actor_get(w, car, &v));
        uint32_t expected = places[i].light ? sign(w, places[i].light).id : 0;
        int shown = places[i].light ? sign(w, places[i].light).light_state : GREEN;
        if (v.light_id != expected || v.light_state != shown || v.speed_limit_kmh != places[i].limit)
            fail_msg("at (%g, %g): light %u in state %d, limit %g; expected %u in %d, %g", places[i].x, places[i].y, v.light_id,
                     v.light_state, (double)v.speed_limit_kmh, expected, shown, (double)places[i].limit);
        town_destroy(w, car);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_controllers_take_turns, open_street, close_street),
        cmocka_unit_test_setup_teardown(test_groups_and_poles, open_street, close_street),
        cmocka_unit_test_setup_teardown(test_times_belong_to_the_controller, open_street, close_street),
        cmocka_unit_test_setup_teardown(test_phases_without_length_pass, open_street, close_street),
        cmocka_unit_test_setup_teardown(test_freeze_and_reset_a_group, open_street, close_street),
        cmocka_unit_test_setup_teardown(test_a_state_holds_until_the_next_phase, open_street, close_street),
        cmocka_unit_test_setup_teardown(test_signs_are_actors, open_street, close_street),
        cmocka_unit_test_setup_teardown(test_boxes_lie_before_the_signal, open_street, close_street),
        cmocka_unit_test_setup_teardown(test_vehicles_learn_where_they_stand, open_street, close_street),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
