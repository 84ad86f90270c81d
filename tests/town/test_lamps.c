/* Lamps that light their surroundings: street lights by the sun and by clients, vehicles by their light flags. */
#include "sim/render/render.h"
#include "sim/town/internal.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

typedef struct town {
    town_map *map;
    town_world *world;
    uint32_t car;
} town;

static int set_up(void **state)
{
    town *t = calloc(1, sizeof *t);
    base_error err = { 0 };
    town_options o = town_options_default();
    t->map = town_map_load("configs/maps/training_loop.xodr", &err);
    t->world = t->map ? town_world_create(t->map, &o, &err) : NULL;
    if (!t->world)
        fail_msg("%s", err.text);
    town_description d = { 0, "vehicle.lincoln.mkz_2020", NULL, 0 };
    t->car = town_spawn(t->world, &d, (base_pose){ { 500, 500, 40 }, { 0, 90, 0 } }, 0, TOWN_RIGID, &err);
    assert_true(t->car);
    *state = t;
    return 0;
}

static int tear_down(void **state)
{
    town *t = *state;
    town_world_destroy(t->world);
    town_map_destroy(t->map);
    free(t);
    return 0;
}

static int list(const town_world *w, render_lamp **lamps)
{
    *lamps = malloc((size_t)town_lamps_most(w) * sizeof **lamps + 1);
    int count = town_lamps_list(w, *lamps);
    assert_true(count <= town_lamps_most(w));
    return count;
}

static int number(const town_world *w)
{
    render_lamp *lamps;
    int count = list(w, &lamps);
    free(lamps);
    return count;
}

static void sun_at(town_world *w, float altitude_deg)
{
    town_weather weather = w->weather;
    weather.sun_altitude_deg = altitude_deg;
    town_weather_set(w, &weather);
}

static void test_street_lights_follow_the_sun(void **state)
{
    town_world *w = ((town *)*state)->world;
    assert_int_equal(number(w), 0);
    sun_at(w, -20);
    assert_int_equal(number(w), town_street_light_count(w));
    town_street_light l = town_street_light_at(w, 0), before = l;
    l.is_on = false;
    assert_true(town_street_light_set(w, &l));
    assert_int_equal(number(w), town_street_light_count(w) - 1);
    l.is_on = true;
    l.intensity = 2 * before.intensity;
    l.color[0] = 0;
    assert_true(town_street_light_set(w, &l));
    render_lamp *lamps;
    list(w, &lamps);
    assert_true(lamps[0].rgb[0] == 0); /* of another colour and twice as strong as its neighbour */
    assert_true(fabsf(lamps[0].rgb[1] - 2 * lamps[1].rgb[1]) < 1e-5f);
    assert_true(lamps[0].direction[2] == -1);
    free(lamps);
    assert_true(town_street_light_set(w, &before));
    sun_at(w, 45);
    assert_int_equal(number(w), 0);
}

static void test_vehicles_by_their_flags(void **state)
{
    town *t = *state;
    static const struct {
        uint32_t flags;
        int lamps;
    } cases[] = {
        { 0, 0 }, { 1, 1 }, { 3, 2 }, { 2, 2 }, { 4, 2 }, { 8, 1 }, { 64, 1 }, { 3 | 64, 3 }, { 128, 1 }, { 256, 0 }
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_true(town_vehicle_lights_set(t->world, t->car, cases[i].flags));
        if (number(t->world) != cases[i].lamps)
            fail_msg("flags %u: %d lamps, expected %d", cases[i].flags, number(t->world), cases[i].lamps);
    }
    /* Yaw 90 looks along +y: the beam goes there, a little down, from the nose; the tail's light goes the other way. */
    town_vehicle_lights_set(t->world, t->car, 2 | 8);
    render_lamp *lamps;
    assert_int_equal(list(t->world, &lamps), 2);
    assert_true(lamps[0].direction[1] > 0.99f && lamps[0].direction[2] < 0 && fabs(lamps[0].location.y - 502.4) < 0.3);
    assert_true(lamps[1].direction[1] < -0.99f && lamps[1].location.y < 498 && lamps[1].rgb[0] > 10 * lamps[1].rgb[1]);
    free(lamps);
    town_vehicle_lights_set(t->world, t->car, 0);
}

static void test_lenses(void **state)
{
    (void)state;
    float off[SCENE_GLOWS], low[SCENE_GLOWS], brake[SCENE_GLOWS];
    town_lamps_glow(0, off);
    town_lamps_glow(3, low);
    town_lamps_glow(3 | 8, brake);
    assert_true(off[SCENE_GLOW_FRONT] == 0 && off[SCENE_GLOW_REAR] == 0);
    assert_true(low[SCENE_GLOW_FRONT] > 1 && low[SCENE_GLOW_REAR] > 0);
    assert_true(brake[SCENE_GLOW_REAR] > 2 * low[SCENE_GLOW_REAR] && brake[SCENE_GLOW_FRONT] == low[SCENE_GLOW_FRONT]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_street_lights_follow_the_sun),
        cmocka_unit_test(test_vehicles_by_their_flags),
        cmocka_unit_test(test_lenses),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
