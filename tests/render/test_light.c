/* Lamps, puddles, lit windows and rain: where their light falls, how strong it is, and that labels know nothing of it. */
#include "base/cpu.h"
#include "sim/render/render.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { WIDTH = 192, HEIGHT = 128, PIXELS = WIDTH * HEIGHT };

typedef struct picture {
    uint8_t bgra[PIXELS * 4];
    uint8_t tag[PIXELS];
    float depth[PIXELS];
} picture;

/* A plain of one material, with a wall of windows at x = 40 on request. */
static scene *plain(scene_texture ground, bool wall)
{
    base_error err;
    scene *s = scene_create(&err);
    assert_non_null(s);
    scene_mesh m = { 0 };
    scene_surface floor = { scene_material_add(s, (scene_material){ { 0.3f, 0.3f, 0.3f }, .texture = ground }), SCENE_TAG_ROADS,
                            0, 0 };
    scene_mesh_quad(&m, (base_vec3){ -200, -200, 0 }, (base_vec3){ 200, -200, 0 }, (base_vec3){ 200, 200, 0 },
                    (base_vec3){ -200, 200, 0 }, 0, 0, floor);
    if (wall) {
        scene_surface bricks = { scene_material_add(s,
                                                    (scene_material){ { 0.4f, 0.3f, 0.2f }, .texture = SCENE_FACADE_PLASTER }),
                                 SCENE_TAG_BUILDINGS, 0, 0 };
        scene_mesh_quad(&m, (base_vec3){ 40, 45, 0 }, (base_vec3){ 40, -45, 0 }, (base_vec3){ 40, -45, 30 },
                        (base_vec3){ 40, 45, 30 }, 0, 0, bricks);
    }
    if (!scene_add_static(s, &m, &err) || !scene_finish(s, 0, NULL, &err))
        fail_msg("%s", err.text);
    return s;
}

static render_environment dark(void) { return (render_environment){ .sun_direction = { 0, 0, -1 }, .exposure = 1 }; }

static void draw(const scene *s, base_pool *pool, uint32_t bits, const render_view *v, const render_environment *e, picture *p)
{
    base_error err;
    render_options o = render_options_default();
    o.cpu_bits = bits;
    render *r = render_create(s, pool, &o, &err);
    if (!r)
        fail_msg("%s", err.text);
    render_output out = { .bgra = p->bgra, .tag = p->tag, .depth = p->depth };
    if (!render_frame(r, v, e, NULL, 0, &out, &err))
        fail_msg("%s", err.text);
    render_destroy(r);
}

/* From 30 m above, looking down: row 64 is x = 0, columns go to the right by 60 / 192 m. */
static render_view from_above(void)
{
    return (render_view){ .pose = { { 0, 0, 30 }, { -90, 0, 0 } }, .width = WIDTH, .height = HEIGHT, .fov_deg = 90 };
}

static int brightness(const picture *p, int x, int y) { return p->bgra[4 * (y * WIDTH + x) + 1]; }

static void a_lamp_lights_what_is_within_its_range(void **state)
{
    (void)state;
    scene *s = plain(SCENE_PLAIN, false);
    picture *p = calloc(2, sizeof *p);
    render_environment e = dark();
    render_view v = from_above();
    draw(s, NULL, base_cpu_detect(), &v, &e, &p[0]);
    for (int i = 0; i < PIXELS; i++)
        assert_true(p[0].bgra[4 * i + 1] == 0);
    render_lamp lamp = { .location = { 0, 10, 4 }, .rgb = { 20, 20, 20 }, .range_m = 12, .cos_outer = -2 };
    v.lamps = &lamp;
    v.lamp_count = 1;
    draw(s, NULL, base_cpu_detect(), &v, &e, &p[1]);
    int below = WIDTH / 2 + (int)(10 / (60.0 / WIDTH));
    assert_true(brightness(&p[1], below, HEIGHT / 2) > 150);
    int before = 256;
    for (int m = 0; m < 15; m++) { /* weaker with every metre, nothing beyond sqrt(12^2 - 4^2) = 11.3 m */
        int now = brightness(&p[1], below - (int)(m / (60.0 / WIDTH)), HEIGHT / 2);
        assert_true(now < before || now == 0);
        assert_true(m < 8 ? now > 0 : m < 12 || now == 0);
        before = now;
    }
    assert_memory_equal(p[0].tag, p[1].tag, sizeof p[0].tag);
    assert_memory_equal(p[0].depth, p[1].depth, sizeof p[0].depth);
    free(p);
    scene_destroy(s);
}

static void a_beam_lights_its_cone_only(void **state)
{
    (void)state;
    scene *s = plain(SCENE_PLAIN, false);
    picture *p = calloc(1, sizeof *p);
    render_environment e = dark();
    render_view v = from_above();
    render_lamp lamp = { .location = { 0, 0, 5 },
                         .rgb = { 30, 30, 30 },
                         .range_m = 60,
                         .direction = { 0, 0, -1 },
                         .cos_inner = 0.9f,
                         .cos_outer = 0.7071f };
    v.lamps = &lamp;
    v.lamp_count = 1;
    draw(s, NULL, base_cpu_detect(), &v, &e, p);
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++) {
            double across = (x + 0.5 - WIDTH / 2) * 60 / WIDTH, along = (y + 0.5 - HEIGHT / 2) * 60 / WIDTH,
                   far = hypot(across, along);
            if (far > 5.2) /* outside 45 degrees */
                assert_int_equal(brightness(p, x, y), 0);
            if (far < 3)
                assert_true(brightness(p, x, y) > 20);
        }
    free(p);
    scene_destroy(s);
}

static void only_the_nearest_lamps_act(void **state)
{
    (void)state;
    enum { MANY = RENDER_LAMPS_MAX + 40 };
    scene *s = plain(SCENE_PLAIN, false);
    picture *p = calloc(2, sizeof *p);
    render_environment e = dark();
    render_view v = from_above();
    render_lamp *lamps = calloc(MANY, sizeof *lamps);
    for (int i = 0; i < MANY; i++) /* the far ones first, high above the camera where they light nothing but are in reach */
        lamps[i] = (render_lamp){ .location = { 0, 0, -60 - i }, .rgb = { 1, 1, 1 }, .range_m = 200, .cos_outer = -2 };
    lamps[MANY - 1] = (render_lamp){ .location = { 0, 0, 3 }, .rgb = { 20, 20, 20 }, .range_m = 10, .cos_outer = -2 };
    v.lamps = lamps;
    v.lamp_count = MANY;
    draw(s, NULL, base_cpu_detect(), &v, &e, &p[0]);
    v.lamps = &lamps[MANY - 1];
    v.lamp_count = 1;
    draw(s, NULL, base_cpu_detect(), &v, &e, &p[1]);
    assert_memory_equal(p[0].bgra, p[1].bgra, sizeof p[0].bgra);
    assert_true(brightness(&p[0], WIDTH / 2, HEIGHT / 2) > 100);
    free(lamps);
    free(p);
    scene_destroy(s);
}

static render_environment hard_rain_at_night(double time_s)
{
    render_weather w = render_weather_default();
    w.sun_altitude_deg = -30;
    w.precipitation = w.precipitation_deposits = w.wetness = w.cloudiness = 100;
    return render_environment_from_weather(&w, time_s);
}

static void same_bytes_for_threads_and_levels(void **state)
{
    (void)state;
    base_error err;
    size_t count;
    const base_cpu_level *levels = base_cpu_levels(&count);
    scene *s = plain(SCENE_ASPHALT, true);
    picture *p = calloc(2, sizeof *p);
    render_environment e = hard_rain_at_night(3.5);
    render_lamp lamps[20];
    for (int i = 0; i < 20; i++)
        lamps[i] = (render_lamp){ .location = { 4.0 * i, i % 5 - 2.0, 1 + i % 3 },
                                  .rgb = { 3, 2, 1 },
                                  .range_m = 15,
                                  .direction = { 1, 0, 0 },
                                  .cos_inner = 0.9f,
                                  .cos_outer = i % 2 ? 0.5f : -2 };
    render_view v = { .pose = { { -5, 0, 2 }, { -5, 0, 0 } },
                      .width = WIDTH,
                      .height = HEIGHT,
                      .fov_deg = 90,
                      .antialias = true,
                      .lamps = lamps,
                      .lamp_count = 20 };
    draw(s, NULL, base_cpu_detect(), &v, &e, &p[0]);
    for (int threads = 2; threads <= 4; threads += 2) {
        base_pool *pool = base_pool_create(threads, &err);
        assert_non_null(pool);
        draw(s, pool, base_cpu_detect(), &v, &e, &p[1]);
        base_pool_destroy(pool);
        assert_memory_equal(&p[0], &p[1], sizeof p[0]);
    }
#if defined(__x86_64__)
    for (size_t i = 0; i < count; i++)
        if (!(levels[i].bits & ~base_cpu_detect())) {
            draw(s, NULL, levels[i].bits, &v, &e, &p[1]);
            assert_memory_equal(&p[0], &p[1], sizeof p[0]);
        }
#else
    (void)levels;
#endif
    free(p);
    scene_destroy(s);
}

static int differing(const picture *a, const picture *b)
{
    int n = 0;
    for (int i = 0; i < PIXELS; i++)
        n += memcmp(a->bgra + 4 * i, b->bgra + 4 * i, 4) != 0;
    return n;
}

static void rain_is_another_in_every_frame_and_no_label_knows(void **state)
{
    (void)state;
    scene *s = plain(SCENE_ASPHALT, false);
    picture *p = calloc(4, sizeof *p);
    render_view v = { .pose = { { 0, 0, 2 }, { 0, 0, 0 } }, .width = WIDTH, .height = HEIGHT, .fov_deg = 90 };
    render_environment e = hard_rain_at_night(1), later = hard_rain_at_night(1.05), none = e;
    none.rain = 0;
    draw(s, NULL, base_cpu_detect(), &v, &none, &p[0]);
    draw(s, NULL, base_cpu_detect(), &v, &e, &p[1]);
    draw(s, NULL, base_cpu_detect(), &v, &later, &p[2]);
    draw(s, NULL, base_cpu_detect(), &v, &e, &p[3]);
    int streaks = differing(&p[0], &p[1]);
    assert_true(streaks > 50 && streaks < PIXELS / 4);
    assert_true(differing(&p[1], &p[2]) > streaks / 2);
    assert_int_equal(differing(&p[1], &p[3]), 0);
    assert_memory_equal(p[0].tag, p[1].tag, sizeof p[0].tag);
    assert_memory_equal(p[0].depth, p[1].depth, sizeof p[0].depth);
    free(p);
    scene_destroy(s);
}

/* More standing water, more of the road mirrors the sky; grass does not. */
static void puddles_grow_with_the_water(void **state)
{
    (void)state;
    picture *p = calloc(3, sizeof *p);
    render_view v = { .pose = { { 0, 0, 2 }, { -4, 0, 0 } }, .width = WIDTH, .height = HEIGHT, .fov_deg = 60 };
    for (int kind = 0; kind < 2; kind++) {
        scene *s = plain(kind ? SCENE_GRASS : SCENE_ASPHALT, false);
        for (int i = 0; i < 3; i++) {
            render_weather w = render_weather_default();
            w.wetness = 50;
            w.cloudiness = 100;
            render_environment e = render_environment_from_weather(&w, 0);
            e.puddles = 0.5f * (float)i;
            draw(s, NULL, base_cpu_detect(), &v, &e, &p[i]);
        }
        int half = differing(&p[0], &p[1]), full = differing(&p[0], &p[2]);
        if (kind)
            assert_int_equal(half + full, 0);
        else
            assert_true(half > 100 && full > half + 100);
        scene_destroy(s);
    }
    free(p);
}

static void some_windows_are_lit_at_night(void **state)
{
    (void)state;
    scene *s = plain(SCENE_ASPHALT, true);
    picture *p = calloc(2, sizeof *p);
    render_view v = { .pose = { { 0, 0, 12 }, { 5, 0, 0 } }, .width = WIDTH, .height = HEIGHT, .fov_deg = 90 };
    render_environment e = dark();
    draw(s, NULL, base_cpu_detect(), &v, &e, &p[0]);
    e.window_light = 1;
    draw(s, NULL, base_cpu_detect(), &v, &e, &p[1]);
    int wall = 0, lit = 0;
    for (int i = 0; i < PIXELS; i++) {
        bool is_wall = p[1].tag[i] == SCENE_TAG_BUILDINGS, bright = p[1].bgra[4 * i + 2] > 40;
        assert_true(is_wall || !bright);
        wall += is_wall;
        lit += bright;
    }
    print_message("%d of %d pixels of the wall are lit\n", lit, wall);
    assert_true(lit * 100 > wall && lit * 4 < wall); /* windows are a third of a wall, three in ten of them lit */
    assert_int_equal(differing(&p[0], &p[1]) > 0, 1);
    free(p);
    scene_destroy(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lamp_lights_what_is_within_its_range),
        cmocka_unit_test(a_beam_lights_its_cone_only),
        cmocka_unit_test(only_the_nearest_lamps_act),
        cmocka_unit_test(same_bytes_for_threads_and_levels),
        cmocka_unit_test(rain_is_another_in_every_frame_and_no_label_knows),
        cmocka_unit_test(puddles_grow_with_the_water),
        cmocka_unit_test(some_windows_are_lit_at_night),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
