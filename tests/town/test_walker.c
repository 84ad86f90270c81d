/* Walkers: control and state, ground, collisions, blueprints. */
#include "sim/scene/scene.h"
#include "sim/town/town.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static const town_sink deaf = { NULL, NULL, NULL, NULL };

/* A road to the east that climbs by 10 %, a sidewalk behind a kerb at y from 3.5 to 6.5. */
static const char text[] =
    "<?xml version=\"1.0\"?><OpenDRIVE><header revMajor=\"1\" revMinor=\"4\"/><road name=\"a\" length=\"100\" id=\"1\" "
    "junction=\"-1\"><link/><planView><geometry s=\"0\" x=\"0\" y=\"0\" hdg=\"0\" length=\"100\"><line/></geometry></planView>"
    "<elevationProfile><elevation s=\"0\" a=\"0\" b=\"0.1\" c=\"0\" d=\"0\"/></elevationProfile><lanes><laneSection s=\"0\">"
    "<center><lane id=\"0\" type=\"none\" level=\"false\"/></center><right><lane id=\"-1\" type=\"driving\" level=\"false\">"
    "<width sOffset=\"0\" a=\"3.5\" b=\"0\" c=\"0\" d=\"0\"/></lane><lane id=\"-2\" type=\"sidewalk\" level=\"false\"><width "
    "sOffset=\"0\" a=\"3\" b=\"0\" c=\"0\" d=\"0\"/></lane></right></laneSection></lanes></road></OpenDRIVE>";

typedef struct hill {
    town_map *map;
    town_world *world;
} hill;

static int open_hill(void **state)
{
    hill *h = calloc(1, sizeof *h);
    base_error err = { 0 };
    town_options o = town_options_default();
    h->map = town_map_parse(text, sizeof text - 1, "hill", &err);
    h->world = h->map ? town_world_create(h->map, &o, &err) : NULL;
    if (!h->world)
        print_message("%s\n", err.text);
    *state = h;
    return h->world ? 0 : -1;
}

static int close_hill(void **state)
{
    hill *h = *state;
    town_world_destroy(h->world);
    town_map_destroy(h->map);
    free(h);
    return 0;
}

static town_world *world_of(void **state) { return ((hill *)*state)->world; }

static base_pose at(double x, double y, double z, double yaw) { return (base_pose){ { x, y, z }, { 0, yaw, 0 } }; }

static uint32_t spawn(town_world *w, const char *id, base_pose pose)
{
    base_error err = { 0 };
    town_description d = { 0, id, NULL, 0 };
    uint32_t actor = town_spawn(w, &d, pose, 0, TOWN_RIGID, &err);
    if (!actor)
        fail_msg("%s: %s", id, err.text);
    return actor;
}

static void ticks(town_world *w, int count)
{
    base_error err = { 0 };
    for (int i = 0; i < count; i++)
        if (!town_tick(w, 0.05, deaf, &err))
            fail_msg("%s", err.text);
}

static town_actor_view view(const town_world *w, uint32_t id)
{
    town_actor_view v;
    assert_true(town_actor_get(w, id, &v));
    return v;
}

static double feet(const town_actor_view *v) { return v->pose.location.z - v->box.extent.z; }

/* Height of road or sidewalk under a place. */
static double ground(town_world *w, double x, double y)
{
    town_hit hits[16];
    int count = town_cast_ray(w, (base_vec3){ x, y, 50 }, (base_vec3){ x, y, -50 }, hits, 16), k = 0;
    while (k < count && hits[k].is_actor)
        k++;
    assert_true(k < count);
    return hits[k].point.z;
}

static void expect_near(const char *what, double got, double expected, double tolerance)
{
    if (!(fabs(got - expected) <= tolerance))
        fail_msg("%s: %.4f, expected %.4f", what, got, expected);
}

static void test_control_is_direction_times_speed(void **state)
{
    town_world *w = world_of(state);
    uint32_t id = spawn(w, "walker.pedestrian.0001", at(20, 5, 3.6, 0));
    ticks(w, 20);
    static const struct {
        base_vec3 direction;
        double speed, vx, vy, yaw;
    } cases[] = {
        { { 1, 0, 0 }, 1.4, 1.4, 0, 0 }, { { 0, -1, 0 }, 1, 0, -1, -90 }, { { 0.5, 0, 0 }, 2, 1, 0, 0 },
        { { -2, 0, 0 }, 1, -2, 0, 180 }, { { 0, 0, 1 }, 3, 0, 0, 180 }, /* up is no way to go; the heading stays */
        { { 1, 0, 0 }, -3, 0, 0, 180 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_true(town_walker_control_set(w, id, (town_walker_control){ cases[i].direction, cases[i].speed, false }));
        base_vec3 before = view(w, id).pose.location;
        ticks(w, 5);
        town_actor_view v = view(w, id);
        expect_near("x", v.pose.location.x - before.x, 0.25 * cases[i].vx, 1e-6);
        expect_near("y", v.pose.location.y - before.y, 0.25 * cases[i].vy, 1e-6);
        expect_near("vx", v.velocity_mps.x, cases[i].vx, 1e-6);
        expect_near("turn", base_wrap_deg(v.pose.rotation.yaw_deg - cases[i].yaw), 0, 1e-6);
        expect_near("feet", feet(&v), ground(w, v.pose.location.x, v.pose.location.y), 0.02);
    }
    town_walker_control wild = { { INFINITY, 0, 0 }, 1, false };
    assert_false(town_walker_control_set(w, id, wild));
    assert_false(town_walker_control_set(w, town_spectator(w), (town_walker_control){ { 1, 0, 0 }, 1, false }));
    town_walker_control fast = { { 1e6, 0, 0 }, 1, false };
    assert_true(town_walker_control_set(w, id, fast));
    ticks(w, 1);
    expect_near("limit", view(w, id).velocity_mps.x, 20, 1e-6);
}

static void test_feet_follow_slope_and_kerb(void **state)
{
    town_world *w = world_of(state);
    double road = ground(w, 20, 2), walk = ground(w, 20, 5);
    assert_true(walk - road > 0.05); /* a kerb between them */
    uint32_t id = spawn(w, "walker.pedestrian.0009", at(20, 1.5, 2.6, 0));
    ticks(w, 20);
    town_actor_view v = view(w, id);
    expect_near("on the road", feet(&v), road, 0.02);
    town_walker_control aside = { { 0, 1, 0 }, 1.5, false };
    town_walker_control_set(w, id, aside);
    for (int i = 0; i < 60; i++) {
        ticks(w, 1);
        v = view(w, id);
        double below = ground(w, v.pose.location.x, v.pose.location.y);
        if (fabs(v.pose.location.y - 3.5) > 0.35) /* half a body beside the kerb's edge */
            expect_near("on the way", feet(&v), below, 0.02);
    }
    assert_true(v.pose.location.y > 5);
    expect_near("on the sidewalk", feet(&v), walk, 0.02);
    town_walker_control uphill = { { 1, 0, 0 }, 2, false };
    town_walker_control_set(w, id, uphill);
    ticks(w, 100);
    v = view(w, id);
    expect_near("ten metres on, one metre higher", feet(&v), walk + 1, 0.02);
    expect_near("climbing", v.velocity_mps.z, 0.2, 0.02);
    expect_near("upright", v.pose.rotation.pitch_deg, 0, 1e-9);
}

static void test_jump(void **state)
{
    town_world *w = world_of(state);
    uint32_t id = spawn(w, "walker.pedestrian.0001", at(20, 5, 3.6, 0));
    ticks(w, 20);
    town_actor_view stand = view(w, id);
    double start = feet(&stand), top = start;
    town_walker_control_set(w, id, (town_walker_control){ { 1, 0, 0 }, 0, true });
    ticks(w, 1);
    town_walker_control_set(w, id, (town_walker_control){ { 1, 0, 0 }, 0, false });
    for (int i = 0; i < 40; i++) {
        town_actor_view v = view(w, id);
        top = fmax(top, feet(&v));
        ticks(w, 1);
    }
    expect_near("4.2 m/s upwards reach", top - start, 4.2 * 4.2 / 2 / 9.81, 0.04);
    town_actor_view v = view(w, id);
    expect_near("back on the ground", feet(&v), start, 1e-6);
}

static void test_state_names_the_feet(void **state)
{
    town_world *w = world_of(state);
    static const char *const ids[] = { "walker.pedestrian.0001", "walker.pedestrian.0009" };
    for (size_t i = 0; i < 2; i++) {
        uint32_t id = spawn(w, ids[i], at(20, 5, 3.6, 0));
        double z = ground(w, 40, 5);
        for (int k = 0; k < 20; k++) { /* as CARLA's client does every tick */
            assert_true(town_walker_state_set(w, id, at(40 + 0.07 * k, 5, z + 0.007 * k, 0), 1.4));
            ticks(w, 1);
        }
        town_actor_view v = view(w, id);
        expect_near("x", v.pose.location.x, 40 + 0.07 * 20, 1e-3);
        expect_near("feet", feet(&v), ground(w, v.pose.location.x, 5), 0.02);
        expect_near("speed", v.walker.speed_mps, 1.4, 1e-6);
        expect_near("velocity", hypot(v.velocity_mps.x, v.velocity_mps.y), 1.4, 1e-3);
        assert_true(town_walker_state_set(w, id, at(60, 5, z + 20, 90), 0)); /* far above the ground: it falls */
        ticks(w, 10);
        v = view(w, id);
        assert_true(feet(&v) < z + 20 && feet(&v) > z + 15);
        expect_near("heading", v.pose.rotation.yaw_deg, 90, 1e-6);
        assert_false(town_walker_state_set(w, id, at(NAN, 5, z, 0), 1));
        assert_false(town_walker_state_set(w, town_spectator(w), at(60, 5, z, 0), 1));
        town_destroy(w, id);
    }
}

/* CARLA's client takes physics from the walkers it moves: their velocity is how they are moved, and their legs follow. */
static void test_carried_walkers_have_a_velocity(void **state)
{
    town_world *w = world_of(state);
    uint32_t id = spawn(w, "walker.pedestrian.0001", at(20, 5, 3.6, 0));
    ticks(w, 20);
    assert_true(town_simulate_physics_set(w, id, false));
    double z = ground(w, 40, 5), apart = 0;
    for (int k = 0; k < 40; k++) {
        assert_true(town_walker_state_set(w, id, at(40 + 0.07 * k, 5, z, 0), 1.4));
        ticks(w, 1);
        town_bone b[TOWN_BONES];
        assert_true(town_bones_get(w, id, b));
        for (int i = 0; i < TOWN_BONES; i++)
            if (!strcmp(b[i].name, "crl_foot__L"))
                apart = fmax(apart, b[i].component.location.x);
        town_actor_view v = view(w, id);
        expect_near("velocity", v.velocity_mps.x, k < 1 ? 0 : 1.4, 1e-6); /* the first is a leap from where it stood */
        expect_near("place", v.pose.location.x, 40 + 0.07 * k, 1e-9);
    }
    assert_true(apart > 0.2);
    ticks(w, 1);
    expect_near("left alone it stands", view(w, id).velocity_mps.x, 0, 1e-9);
}

static void test_cars_and_walkers_meet(void **state)
{
    town_world *w = world_of(state);
    uint32_t car = spawn(w, "vehicle.tesla.model3", at(30, 1.75, 3.2, 0));
    uint32_t id = spawn(w, "walker.pedestrian.0001", at(30, 5.5, 4.2, 0));
    town_vehicle_control_set(w, car, (town_vehicle_control){ .hand_brake = true, .brake = 1 });
    ticks(w, 20);
    town_walker_control_set(w, id, (town_walker_control){ { 0, -1, 0 }, 1.5, false });
    ticks(w, 100);
    town_actor_view v = view(w, id);
    assert_true(v.pose.location.y > view(w, car).pose.location.y + 1.0); /* it stands at the door */
}

static const town_bone *bone(const town_bone *bones, const char *name)
{
    for (int i = 0; i < TOWN_BONES; i++)
        if (!strcmp(bones[i].name, name))
            return &bones[i];
    fail_msg("no bone %s", name);
    return NULL;
}

static void test_skeleton_stands_in_the_body(void **state)
{
    town_world *w = world_of(state);
    uint32_t id = spawn(w, "walker.pedestrian.0001", at(20, 5, 3.6, 90));
    ticks(w, 20);
    town_actor_view v = view(w, id);
    town_bone b[TOWN_BONES];
    assert_true(town_bones_get(w, id, b));
    assert_false(town_bones_get(w, town_spectator(w), b));
    assert_string_equal(b[0].name, "crl_root");
    expect_near("root", b[0].world.location.z, feet(&v), 1e-9);
    for (int i = 0; i < TOWN_BONES; i++) {
        base_vec3 d = base_vec3_sub(b[i].world.location, v.pose.location);
        if (fabs(d.z) > v.box.extent.z + 0.02 || hypot(d.x, d.y) > 0.45)
            fail_msg("%s is %.2f %.2f %.2f off the middle", b[i].name, d.x, d.y, d.z);
    }
    /* heading 90: forward is +y, right is -x */
    assert_true(bone(b, "crl_hand__R")->world.location.x < bone(b, "crl_hand__L")->world.location.x - 0.3);
    assert_true(bone(b, "crl_toe__L")->world.location.y > bone(b, "crl_foot__L")->world.location.y + 0.05);
    assert_true(bone(b, "crl_Head__C")->component.location.z > 1.5);
    double bend = bone(b, "crl_foreArm__L")->relative.rotation.pitch_deg;
    expect_near("arms hang", bend, 0, 1e-9);

    double most = 0; /* walking, the feet part by a good step, one leg ahead after the other */
    int ahead_left = 0, ahead_right = 0;
    town_walker_control_set(w, id, (town_walker_control){ { 1, 0, 0 }, 1.4, false });
    for (int i = 0; i < 40; i++) {
        ticks(w, 1);
        assert_true(town_bones_get(w, id, b));
        double step = bone(b, "crl_foot__L")->component.location.x - bone(b, "crl_foot__R")->component.location.x;
        most = fmax(most, fabs(step));
        ahead_left += step > 0.2;
        ahead_right += step < -0.2;
        double low = fmin(bone(b, "crl_toe__L")->component.location.z, bone(b, "crl_toe__R")->component.location.z);
        assert_true(low > -0.12 && low < 0.15);
    }
    assert_true(most > 0.4 && most < 1.0);
    assert_true(ahead_left > 5 && ahead_right > 5);
}

static void test_pose_is_laid_over_the_gait(void **state)
{
    town_world *w = world_of(state);
    base_error err = { 0 };
    uint32_t id = spawn(w, "walker.pedestrian.0001", at(20, 5, 3.6, 0));
    ticks(w, 20);
    town_bone rest[TOWN_BONES], b[TOWN_BONES];
    assert_true(town_bones_get(w, id, rest));
    base_pose up = bone(rest, "crl_arm__R")->relative;
    up.rotation.pitch_deg = 90;
    town_bone_setting settings[] = { { "crl_arm__R", up }, { "crl_tail__C", up } };
    assert_true(town_bones_set(w, id, settings, 2, &err));
    assert_true(town_bones_get(w, id, b)); /* not shown yet */
    expect_near("hidden", bone(b, "crl_arm__R")->relative.rotation.pitch_deg, 0, 1e-9);
    assert_true(town_bones_blend(w, id, 1));
    assert_true(town_bones_get(w, id, b));
    expect_near("shown", bone(b, "crl_arm__R")->relative.rotation.pitch_deg, 90, 1e-6);
    const town_bone *hand = bone(b, "crl_hand__R"), *arm = bone(b, "crl_arm__R");
    assert_true(hand->component.location.x - arm->component.location.x > 0.4); /* the arm points ahead, the hand with it */
    expect_near("level", hand->component.location.z, arm->component.location.z, 0.05);
    assert_true(town_bones_blend(w, id, 0.5));
    assert_true(town_bones_get(w, id, b));
    expect_near("half way", bone(b, "crl_arm__R")->relative.rotation.pitch_deg, 45, 1e-6);
    expect_near("the other arm", bone(b, "crl_arm__L")->relative.rotation.pitch_deg, 0, 1e-6);
    assert_true(town_bones_capture(w, id)); /* the gait's own pose again */
    assert_true(town_bones_blend(w, id, 7));
    assert_true(town_bones_get(w, id, b));
    expect_near("captured", bone(b, "crl_arm__R")->relative.rotation.pitch_deg, 0, 1e-6);
    settings[0].relative.location.x = NAN;
    assert_false(town_bones_set(w, id, settings, 1, &err));
    assert_non_null(strstr(err.text, "crl_arm__R"));
    assert_false(town_bones_set(w, town_spectator(w), settings, 0, &err));
    assert_false(town_bones_blend(w, town_spectator(w), 1));
    assert_false(town_bones_capture(w, town_spectator(w)));
}

static void test_blueprints(void **state)
{
    (void)state;
    int walkers[17] = { 0 }, children = 0, old = 0;
    for (uint32_t uid = 1; uid <= town_blueprint_count(); uid++) {
        const town_blueprint *b = town_blueprint_at(uid);
        if (town_blueprint_kind(b) != TOWN_WALKER)
            continue;
        for (int version = town_blueprint_since(b); version <= 16; version++)
            walkers[version]++;
        town_attribute_offer offers[TOWN_ATTRIBUTES_MAX];
        int count = town_blueprint_attributes(b, 16, offers);
        const char *wanted[] = {
            "gender", "age", "generation", "is_invincible", "speed", "can_use_wheelchair", "use_wheelchair"
        };
        for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
            int found = -1;
            for (int k = 0; k < count; k++)
                if (!strcmp(offers[k].id, wanted[i]))
                    found = k;
            if (found < 0)
                fail_msg("%s has no attribute %s", town_blueprint_id(b), wanted[i]);
            children += !strcmp(offers[found].value, "child");
            old += !strcmp(wanted[i], "generation") && !strcmp(offers[found].value, "1");
        }
    }
    assert_int_equal(walkers[13], 49);
    assert_int_equal(walkers[16], 51);
    assert_int_equal(children, 8);
    assert_int_equal(old, 14);
    assert_non_null(town_blueprint_find("walker.pedestrian.0049"));
    assert_non_null(town_blueprint_find("controller.ai.walker"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_control_is_direction_times_speed, open_hill, close_hill),
        cmocka_unit_test_setup_teardown(test_feet_follow_slope_and_kerb, open_hill, close_hill),
        cmocka_unit_test_setup_teardown(test_jump, open_hill, close_hill),
        cmocka_unit_test_setup_teardown(test_state_names_the_feet, open_hill, close_hill),
        cmocka_unit_test_setup_teardown(test_carried_walkers_have_a_velocity, open_hill, close_hill),
        cmocka_unit_test_setup_teardown(test_cars_and_walkers_meet, open_hill, close_hill),
        cmocka_unit_test_setup_teardown(test_skeleton_stands_in_the_body, open_hill, close_hill),
        cmocka_unit_test_setup_teardown(test_pose_is_laid_over_the_gait, open_hill, close_hill),
        cmocka_unit_test(test_blueprints),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
