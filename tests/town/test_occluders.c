/* Walls that hide: what they promise holds, and pictures that leave out what is behind them do not change by a byte. */
#include "base/random.h"
#include "sim/render/render.h"
#include "sim/town/scenery.h"
#include "tests/support/sanitized.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { WIDTH = 150, HEIGHT = 100, PIXELS = WIDTH * HEIGHT, CARS = 40 };

typedef struct picture {
    uint8_t bgra[PIXELS * 4], tag[PIXELS];
    uint32_t id[PIXELS];
    float depth[PIXELS];
} picture;

typedef struct town {
    road_map *map;
    town_scenery *scenery;
    scene *scene; /* the scenery's, to take its occluders away */
    scene_instance cars[CARS * TOWN_SCENERY_PARTS];
    int parts;
    const base_pose *spawns;
    size_t spawn_count;
} town;

static const char *const maps[] = { "configs/maps/town_grid.xodr", "configs/maps/training_loop.xodr" };
enum { MAPS = sizeof maps / sizeof *maps };
static town towns[MAPS];

static int build_all(void **state)
{
    (void)state;
    base_error err;
    for (int i = 0; i < MAPS; i++) {
        town *t = &towns[i];
        t->map = road_map_read(maps[i], NULL, &err);
        t->scenery = t->map ? town_scenery_build(t->map, 3, &err) : NULL;
        if (!t->scenery) {
            print_error("%s\n", err.text);
            return -1;
        }
        t->scene = (scene *)(uintptr_t)town_scenery_scene(t->scenery);
        t->spawns = road_map_spawn_points(t->map, &t->spawn_count);
        for (int k = 0; k < CARS; k++) {
            town_scenery_car car = { .blueprint = "vehicle.tesla.model3",
                                     .extent = { 2.4, 1.0, 0.75 },
                                     .pose = t->spawns[(size_t)k * t->spawn_count / CARS],
                                     .id = 5000 + (uint32_t)k };
            t->parts += town_scenery_vehicle(t->scenery, &car, t->cars + t->parts);
        }
    }
    return 0;
}

static int destroy_all(void **state)
{
    (void)state;
    for (int i = 0; i < MAPS; i++) {
        town_scenery_destroy(towns[i].scenery);
        road_map_destroy(towns[i].map);
    }
    return 0;
}

static base_vec3 corner_of(const scene_occluder *o, int k)
{
    return (base_vec3){ o->corner[k][0], o->corner[k][1], o->corner[k][2] };
}

static base_vec3 on_wall(const scene_occluder *o, double u, double v)
{
    base_vec3 right = base_vec3_sub(corner_of(o, 3), corner_of(o, 0)), up = base_vec3_sub(corner_of(o, 1), corner_of(o, 0));
    return base_vec3_add(corner_of(o, 0), base_vec3_add(base_vec3_scale(right, u), base_vec3_scale(up, v)));
}

static base_vec3 front_of(const scene_occluder *o)
{
    base_vec3 n =
        base_vec3_cross(base_vec3_sub(corner_of(o, 3), corner_of(o, 1)), base_vec3_sub(corner_of(o, 2), corner_of(o, 0)));
    return base_vec3_scale(n, -1 / base_vec3_length(n));
}

/* A ray from 5 cm before the wall meets something there, at the wall's edges too, and the surface faces the front: a triangle seen
 * from behind is not drawn. */
static void walls_cover_their_occluders(void **state)
{
    (void)state;
    for (int i = 0; i < MAPS; i++) {
        const scene *s = towns[i].scene;
        assert_true(s->occluder_count > 100);
        for (uint32_t k = 0; k < s->occluder_count; k++) {
            const scene_occluder *o = &s->occluders[k];
            base_vec3 front = front_of(o), lies_in = on_wall(o, 1, 1);
            assert_true(base_vec3_length(base_vec3_sub(lies_in, corner_of(o, 2))) < 1e-3);
            for (int q = 0; q < 49; q++) {
                double u = 0.002 + 0.996 * (q % 7) / 6.0, v = 0.002 + 0.996 * (q / 7) / 6.0;
                base_vec3 from = base_vec3_add(on_wall(o, u, v), base_vec3_scale(front, 0.05));
                scene_hit hit;
                if (!scene_ray(s, NULL, 0, from, base_vec3_scale(front, -1), 0.06, &hit))
                    fail_msg("%s: occluder %u is open at %.3f, %.3f", maps[i], k, u, v);
            }
            /* its own triangles turn their front where it does */
            scene_hit hit;
            base_vec3 from = base_vec3_add(on_wall(o, 0.51, 0.04), base_vec3_scale(front, 0.002));
            assert_true(scene_ray(s, NULL, 0, from, base_vec3_scale(front, -1), 0.01, &hit));
            const scene_triangle *t = &s->world.triangles[hit.triangle];
            const scene_vertex *a = &s->world.vertices[t->vertex[0]];
            double facing = front.x * a->normal[0] + front.y * a->normal[1] + front.z * a->normal[2];
            assert_true(facing > 32000 && t->instance == o->instance);
        }
    }
}

static void draw(const town *t, render *r, const render_view *v, picture *p)
{
    base_error err;
    render_weather w = render_weather_default();
    render_environment light = render_environment_from_weather(&w, 3);
    render_output out = { .bgra = p->bgra, .tag = p->tag, .id = p->id, .depth = p->depth };
    memset(p, 0xa5, sizeof *p);
    if (!render_frame(r, v, &light, t->cars, t->parts, &out, &err))
        fail_msg("%s", err.text);
}

/* From the street, and from where it is harder: a hand's breadth before a wall, beside its edge, above roofs, inside a house, tilted. */
static render_view view_of(const town *t, base_random *d, int n)
{
    render_view v = { .width = WIDTH, .height = HEIGHT, .fov_deg = base_random_range(d, 20, 150), .antialias = n % 3 == 0 };
    v.pose.rotation = (base_rotation){ base_random_range(d, -30, 30), base_random_range(d, -180, 180),
                                       n % 2 ? base_random_range(d, -180, 180) : 0 };
    if (n % 4 == 0) {
        v.pose.location = t->spawns[base_random_below(d, (uint32_t)t->spawn_count)].location;
        v.pose.location.z += base_random_range(d, 0.5, 3);
        return v;
    }
    const scene_occluder *o = &t->scene->occluders[base_random_below(d, t->scene->occluder_count)];
    base_vec3 front = front_of(o);
    double away = n % 4 == 1 ? base_random_range(d, 0.05, 1) : base_random_range(d, -6, 20);
    v.pose.location = base_vec3_add(on_wall(o, base_random_range(d, -0.2, 1.2), base_random_range(d, 0.15, n % 4 == 3 ? 3 : 1)),
                                    base_vec3_scale(front, away));
    if (n % 8 < 4) /* towards the wall, past its edges */
        v.pose.rotation.yaw_deg = BASE_DEG(atan2(-front.y, -front.x)) + base_random_range(d, -50, 50);
    return v;
}

/* Draws each view with and without occluders; returns the share of triangles that they saved. */
static double compare(town *t, uint64_t seed, int views)
{
    base_error err;
    render *r = render_create(t->scene, NULL, NULL, &err);
    picture *with = malloc(sizeof *with), *without = malloc(sizeof *without);
    assert_true(r && with && without);
    uint64_t left_in = 0, all = 0;
    for (int n = 0; n < views; n++) {
        base_random d = base_random_start(seed, "occlusion", (uint64_t)n, 0);
        render_view v = view_of(t, &d, n);
        draw(t, r, &v, with);
        left_in += render_last_stats(r).triangles_in;
        uint32_t count = t->scene->occluder_count;
        t->scene->occluder_count = 0;
        draw(t, r, &v, without);
        t->scene->occluder_count = count;
        all += render_last_stats(r).triangles_in;
        if (memcmp(with, without, sizeof *with))
            fail_msg("view %d of seed %llu changes when hidden things are left out", n, (unsigned long long)seed);
    }
    free(with);
    free(without);
    render_destroy(r);
    return 1 - (double)left_in / (double)all;
}

static void pictures_do_not_change(void **state)
{
    (void)state;
    for (int i = 0; i < MAPS; i++) {
        double saved = compare(&towns[i], 11 + (uint64_t)i, SANITIZED ? 24 : 160);
        print_message("# %s: %.0f %% of the triangles left out\n", maps[i], 100 * saved);
        assert_true(saved > 0.05);
    }
}

/* A house that a client takes out hides nothing, until it is back. */
static void hidden_houses_hide_nothing(void **state)
{
    (void)state;
    town *t = &towns[0];
    int n = town_scenery_object_count(t->scenery), houses = 0;
    uint32_t hidden = 0;
    for (int i = 0; i < n; i++)
        if (town_scenery_object_at(t->scenery, i)->tag == SCENE_TAG_BUILDINGS && houses++ % 2 == 0)
            town_scenery_object_show(t->scenery, i, false);
    for (uint32_t i = 0; i < t->scene->occluder_count; i++)
        hidden += t->scene->occluders[i].hidden;
    assert_true(hidden > t->scene->occluder_count / 4 && hidden < t->scene->occluder_count * 3 / 4);
    compare(t, 23, SANITIZED ? 8 : 80);
    for (int i = 0; i < n; i++)
        town_scenery_object_show(t->scenery, i, true);
    for (uint32_t i = 0; i < t->scene->occluder_count; i++)
        assert_false(t->scene->occluders[i].hidden);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(walls_cover_their_occluders),
        cmocka_unit_test(pictures_do_not_change),
        cmocka_unit_test(hidden_houses_hide_nothing),
    };
    return cmocka_run_group_tests_name("occluders", tests, build_all, destroy_all);
}
