/* Pictures against rays, against the camera model, against themselves: threads, instruction sets, history, anti-aliasing. */
#include "base/cpu.h"
#include "base/random.h"
#include "sim/render/render.h"
#include "tests/support/random_scene.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { WIDTH = 230, HEIGHT = 150, PIXELS = WIDTH * HEIGHT, CARS = 60 }; /* not multiples of a tile */

typedef struct picture {
    uint8_t bgra[PIXELS * 4];
    uint8_t tag[PIXELS];
    uint32_t id[PIXELS];
    float depth[PIXELS];
} picture;

typedef struct fixture {
    scene *scene;
    scene_instance cars[CARS];
    render_environment light;
    picture *a, *b;
} fixture;

static int setup(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    f->scene = random_scene(21, 350);
    random_instances(22, f->cars, CARS);
    render_weather w = render_weather_default();
    w.sun_azimuth_deg = 130;
    w.cloudiness = 40;
    f->light = render_environment_from_weather(&w, 12);
    f->a = calloc(1, sizeof *f->a);
    f->b = calloc(1, sizeof *f->b);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    scene_destroy(f->scene);
    free(f->a);
    free(f->b);
    free(f);
    return 0;
}

static render *create(const fixture *f, base_pool *pool, uint32_t bits)
{
    base_error err;
    render_options o = render_options_default();
    o.cpu_bits = bits;
    render *r = render_create(f->scene, pool, &o, &err);
    if (!r)
        fail_msg("%s", err.text);
    return r;
}

static render_view view_at(const fixture *f, uint64_t number)
{
    return (render_view){ .pose = random_camera(f->scene, 31, number),
                          .width = WIDTH,
                          .height = HEIGHT,
                          .fov_deg = 60 + 10.0 * (double)(number % 5) };
}

static void draw(const fixture *f, render *r, const render_view *v, picture *p)
{
    base_error err;
    render_output out = { .bgra = p->bgra, .tag = p->tag, .id = p->id, .depth = p->depth };
    memset(p, 0xa5, sizeof *p);
    if (!render_frame(r, v, &f->light, f->cars, CARS, &out, &err))
        fail_msg("%s", err.text);
}

static uint32_t all_bits(void) { return base_cpu_detect(); }

/* Each pixel's tag, id and depth against a ray through its middle: one surface, not three. Pixels whose ray passes an edge
 * closely may differ; more than a few in a thousand may not. */
static void pixels_show_what_rays_hit(void **state)
{
    fixture *f = *state;
    render *r = create(f, NULL, all_bits());
    int compared = 0, wrong = 0, sky = 0, dynamic = 0;
    for (uint64_t n = 0; n < 8; n++) {
        render_view v = view_at(f, n);
        draw(f, r, &v, f->a);
        base_mat3 m = base_rotation_matrix(v.pose.rotation);
        double focal = WIDTH / (2 * tan(BASE_RAD(v.fov_deg) / 2));
        for (int y = 3; y < HEIGHT; y += 7)
            for (int x = 2; x < WIDTH; x += 7) {
                int at = y * WIDTH + x;
                base_vec3 local = { 1, (x + 0.5 - WIDTH / 2.0) / focal, -(y + 0.5 - HEIGHT / 2.0) / focal };
                base_vec3 ray = base_mat3_apply(&m, local);
                scene_hit hit;
                bool found = scene_ray(f->scene, f->cars, CARS, v.pose.location, ray, 1e5, &hit);
                compared++;
                if (!found) {
                    sky++;
                    wrong += f->a->tag[at] != SCENE_TAG_SKY || !isinf(f->a->depth[at]) || f->a->id[at] != 0;
                    continue;
                }
                double depth = hit.distance_m / base_vec3_length(ray);
                dynamic += hit.dynamic >= 0;
                wrong +=
                    f->a->tag[at] != hit.tag || f->a->id[at] != hit.instance || fabs(f->a->depth[at] - depth) > 1e-4 * depth;
            }
    }
    if (wrong * 300 > compared || sky == 0 || dynamic < 20 || compared - sky < 1000)
        fail_msg("%d of %d pixels differ from their rays (%d sky, %d on instances)", wrong, compared, sky, dynamic);
    render_destroy(r);
}

/* Small boxes at known places of the camera's frame appear where u = W/2 + f y/x, v = H/2 - f z/x says. */
static void points_land_where_the_camera_model_says(void **state)
{
    (void)state;
    base_error err;
    static const double spot[][3] = { { 10, 0, 0 },  { 10, 5, 0 },    { 10, -5, 0 }, { 10, 0, 3 },
                                      { 10, 0, -3 }, { 4, 2.5, 1.5 }, { 30, -20, 9 } };
    enum { SPOTS = sizeof spot / sizeof *spot };
    static const base_pose cameras[] = { { { 0, 0, 0 }, { 0, 0, 0 } },
                                         { { 12, -40, 3 }, { 0, 90, 0 } },
                                         { { 400.25, -312.5, 8 }, { -20, -135, 12 } } };
    for (size_t c = 0; c < sizeof cameras / sizeof *cameras; c++) {
        scene *s = scene_create(&err);
        scene_mesh m = { 0 };
        for (uint32_t k = 0; k < SPOTS; k++) {
            base_pose at = cameras[c];
            at.location = base_pose_to_world(&cameras[c], (base_vec3){ spot[k][0], spot[k][1], spot[k][2] });
            double half = spot[k][0] * 0.008; /* about 1.6 pixels at this focal length */
            scene_mesh_box(&m, &at, (base_vec3){ half, half, half }, true,
                           (scene_surface){ .tag = SCENE_TAG_POLES, .instance = k + 1 });
        }
        scene_material_add(s, (scene_material){ .rgb = { 0.5f, 0.5f, 0.5f } });
        assert_true(scene_add_static(s, &m, &err));
        assert_true(scene_finish(s, 0, NULL, &err));
        render *r = render_create(s, NULL, NULL, &err);
        render_view v = { .pose = cameras[c], .width = 200, .height = 130, .fov_deg = 90 };
        uint32_t id[200 * 130];
        float depth[200 * 130];
        render_environment light = { .exposure = 1 };
        assert_true(render_frame(r, &v, &light, NULL, 0, &(render_output){ .id = id, .depth = depth }, &err));
        for (uint32_t k = 0; k < SPOTS; k++) { /* f = 100 */
            double u = 100 + 100 * spot[k][1] / spot[k][0], w = 65 - 100 * spot[k][2] / spot[k][0];
            int at = (int)floor(w) * 200 + (int)floor(u);
            if (id[at] != k + 1 || fabs(depth[at] - spot[k][0] * (1 - 0.008)) > 0.01 * spot[k][0])
                fail_msg("camera %zu spot %u: pixel (%.1f, %.1f) shows id %u at %.3f m, expected %u at %.3f m", c, k, u, w,
                         id[at], (double)depth[at], k + 1, spot[k][0] * (1 - 0.008));
        }
        render_destroy(r);
        scene_destroy(s);
    }
}

static void same_bytes_for_any_number_of_threads(void **state)
{
    fixture *f = *state;
    for (int antialias = 0; antialias < 2; antialias++)
        for (int threads = 1; threads <= 4; threads *= 2) {
            base_error err;
            base_pool *pool = base_pool_create(threads, &err);
            assert_non_null(pool);
            render *r = create(f, pool, all_bits());
            for (uint64_t n = 0; n < 3; n++) {
                render_view v = view_at(f, n);
                v.antialias = antialias;
                render *single = create(f, NULL, all_bits());
                draw(f, single, &v, f->a);
                draw(f, r, &v, f->b); /* and whatever r drew before must not matter */
                if (memcmp(f->a, f->b, sizeof *f->a))
                    fail_msg("view %d differs with %d threads (anti-aliasing %d)", (int)n, threads, antialias);
                render_destroy(single);
            }
            render_destroy(r);
            base_pool_destroy(pool);
        }
}

/* Copies of shadow pieces are kept with what moves in them; what moved, went or came must leave nothing behind. */
static void moving_things_take_their_shadows_along(void **state)
{
    fixture *f = *state;
    render *kept = create(f, NULL, all_bits());
    render_view v = view_at(f, 1);
    scene_instance all[CARS];
    memcpy(all, f->cars, sizeof all);
    static const struct {
        double step_m;
        int first, count;
    } turns[] = { { 0, 0, CARS }, { 0, 0, CARS }, { 0.7, 0, CARS }, { 0.7, 5, CARS - 9 }, { -0.7, 0, CARS }, { 12, 0, CARS } };
    bool shadows_moved = false;
    for (size_t k = 0; k < sizeof turns / sizeof *turns; k++) {
        for (int i = 0; i < CARS; i += 2)
            all[i].pose.location.x += turns[k].step_m;
        render *fresh = create(f, NULL, all_bits());
        memcpy(f->cars, all + turns[k].first, (size_t)turns[k].count * sizeof *all);
        for (int i = turns[k].count; i < CARS; i++)
            f->cars[i].pose.location.z = -500; /* out of the way */
        memcpy(f->a, f->b, sizeof *f->a);
        draw(f, kept, &v, f->b);
        for (int i = 0; k > 0 && i < PIXELS; i++)
            shadows_moved |=
                f->a->id[i] == f->b->id[i] && f->a->depth[i] == f->b->depth[i] && f->b->bgra[4 * i] != f->a->bgra[4 * i];
        draw(f, fresh, &v, f->a);
        if (memcmp(f->a, f->b, sizeof *f->a))
            fail_msg("turn %zu: the picture depends on what was drawn before", k);
        render_destroy(fresh);
    }
    assert_true(shadows_moved);
    random_instances(22, f->cars, CARS);
    render_destroy(kept);
}

typedef struct parts { /* what was there when the renderer said so */
    const picture *drawn;
    picture *copy;
    bool own_labels; /* of the part, not of the picture */
    uint8_t times[PIXELS];
} parts;

static void copy_part(void *user, const render_part *part)
{
    parts *p = user;
    for (int y = part->y0; y < part->y1; y++)
        for (int x = part->x0; x < part->x1; x++) {
            int i = y * WIDTH + x, own = (y - part->y0) * RENDER_PART_PITCH + x - part->x0;
            memcpy(p->copy->bgra + 4 * i, p->drawn->bgra + 4 * i, 4);
            p->copy->tag[i] = p->own_labels ? part->tag[own] : p->drawn->tag[i];
            p->copy->id[i] = p->own_labels ? part->id[own] : p->drawn->id[i];
            p->copy->depth[i] = p->own_labels ? part->depth[own] : p->drawn->depth[i];
            p->times[i]++;
        }
}

static void finished_parts_are_finished(void **state)
{
    fixture *f = *state;
    base_error err;
    base_pool *pool = base_pool_create(3, &err);
    render *r = create(f, pool, all_bits());
    picture *whole = malloc(sizeof *whole);
    assert_non_null(whole);
    for (int k = 0; k < 4; k++) {
        parts p = { .drawn = f->a, .copy = f->b, .own_labels = k & 2 };
        render_output out = {
            .bgra = f->a->bgra, .tag = f->a->tag, .id = f->a->id, .depth = f->a->depth, .finished = copy_part, .user = &p
        };
        render_view v = view_at(f, 2);
        v.antialias = k & 1;
        memset(f->a, 0x55, sizeof *f->a);
        assert_true(render_frame(r, &v, &f->light, f->cars, CARS, &out, &err));
        assert_memory_equal(f->a, f->b, sizeof *f->a);
        for (int i = 0; i < PIXELS; i++)
            assert_int_equal(p.times[i], 1);
        /* Labels for the parts alone are the same, and no picture of them is written. */
        *whole = *f->a;
        memset(f->a->tag, 0x55, sizeof f->a->tag);
        out.tag = NULL;
        out.id = NULL;
        out.depth = NULL;
        out.part_labels = p.own_labels = true;
        assert_true(render_frame(r, &v, &f->light, f->cars, CARS, &out, &err));
        assert_memory_equal(whole, f->b, sizeof *f->b);
        assert_int_equal(f->a->tag[0], 0x55);
    }
    free(whole);
    render_destroy(r);
    base_pool_destroy(pool);
}

static void labels_are_the_same_on_every_instruction_set(void **state)
{
    fixture *f = *state;
    static const struct {
        const char *name;
        uint32_t bits;
    } levels[] = { { "plain", 0 }, { "avx2", CPU_SSE2 | CPU_AVX2 }, { "avx512", ~0u } };
    int compared = 0;
    for (size_t k = 1; k < 3; k++) {
        uint32_t needs = k == 1 ? CPU_AVX2 : CPU_AVX512;
        if (!(all_bits() & needs)) {
            print_message("skip: this CPU has no %s\n", levels[k].name);
            continue;
        }
        render *plain = create(f, NULL, 0), *wide = create(f, NULL, levels[k].bits & all_bits());
        const render_environment usual = f->light;
        for (uint64_t n = 0; n < 12; n++) {
            render_view v = view_at(f, n);
            v.antialias = n & 1;
            if (n >= 6) { /* everything shines in a low sun, some of it from behind */
                render_weather w = render_weather_default();
                w.sun_altitude_deg = 12;
                w.sun_azimuth_deg = 60 * (float)n;
                w.wetness = 100;
                w.cloudiness = 30;
                f->light = render_environment_from_weather(&w, 0);
            }
            draw(f, plain, &v, f->a);
            draw(f, wide, &v, f->b);
            assert_string_equal(render_last_stats(wide).kernel, levels[k].name);
            assert_memory_equal(f->a->tag, f->b->tag, sizeof f->a->tag);
            assert_memory_equal(f->a->id, f->b->id, sizeof f->a->id);
            assert_memory_equal(f->a->depth, f->b->depth, sizeof f->a->depth);
            /* Colour uses the same operations in the same order, so it is equal too. */
            assert_memory_equal(f->a->bgra, f->b->bgra, sizeof f->a->bgra);
            compared++;
        }
        f->light = usual;
        render_destroy(plain);
        render_destroy(wide);
    }
    if (!compared)
        skip();
}

static void antialiasing_smooths_colour_and_leaves_labels_alone(void **state)
{
    fixture *f = *state;
    render *r = create(f, NULL, all_bits());
    long rough = 0, smooth = 0;
    for (uint64_t n = 0; n < 4; n++) {
        render_view v = view_at(f, n);
        draw(f, r, &v, f->a);
        v.antialias = true;
        draw(f, r, &v, f->b);
        assert_memory_equal(f->a->tag, f->b->tag, sizeof f->a->tag);
        assert_memory_equal(f->a->id, f->b->id, sizeof f->a->id);
        assert_memory_equal(f->a->depth, f->b->depth, sizeof f->a->depth);
        assert_memory_not_equal(f->a->bgra, f->b->bgra, sizeof f->a->bgra);
        for (int i = 0; i + 1 < PIXELS; i++) {
            rough += abs(f->a->bgra[4 * i + 1] - f->a->bgra[4 * i + 5]);
            smooth += abs(f->b->bgra[4 * i + 1] - f->b->bgra[4 * i + 5]);
        }
    }
    assert_true(smooth < rough);
    render_destroy(r);
}

/* What a frame shows must not depend on which outputs were asked for. */
static void outputs_may_be_left_out(void **state)
{
    fixture *f = *state;
    base_error err;
    render *r = create(f, NULL, all_bits());
    render_view v = view_at(f, 3);
    v.antialias = true;
    draw(f, r, &v, f->a);
    memset(f->b, 0, sizeof *f->b);
    assert_true(render_frame(r, &v, &f->light, f->cars, CARS, &(render_output){ .tag = f->b->tag }, &err));
    assert_true(render_frame(r, &v, &f->light, f->cars, CARS, &(render_output){ .depth = f->b->depth, .id = f->b->id }, &err));
    assert_true(render_frame(r, &v, &f->light, f->cars, CARS, &(render_output){ .bgra = f->b->bgra }, &err));
    assert_memory_equal(f->a, f->b, sizeof *f->a);
    render_destroy(r);
}

/* A shadow lies where a ray towards the sun is blocked: the same ground is darker there, on average by much. */
static void shadows_lie_where_the_sun_is_hidden(void **state)
{
    fixture *f = *state;
    render *r = create(f, NULL, all_bits());
    double lit = 0, dark = 0;
    int lit_count = 0, dark_count = 0;
    for (uint64_t n = 0; n < 6; n++) {
        render_view v = view_at(f, n);
        draw(f, r, &v, f->a);
        base_mat3 m = base_rotation_matrix(v.pose.rotation);
        double focal = WIDTH / (2 * tan(BASE_RAD(v.fov_deg) / 2));
        const float *d = f->light.sun_direction;
        for (int y = 0; y < HEIGHT; y += 3)
            for (int x = 0; x < WIDTH; x += 3) {
                int at = y * WIDTH + x;
                if (f->a->tag[at] != SCENE_TAG_GROUND || f->a->depth[at] > 40)
                    continue;
                base_vec3 local = { 1, (x + 0.5 - WIDTH / 2.0) / focal, -(y + 0.5 - HEIGHT / 2.0) / focal };
                base_vec3 p = base_vec3_add(v.pose.location, base_mat3_apply(&m, base_vec3_scale(local, f->a->depth[at])));
                p.z = 0.02;
                double sum = f->a->bgra[4 * at] + f->a->bgra[4 * at + 1] + f->a->bgra[4 * at + 2];
                if (scene_ray(f->scene, f->cars, CARS, p, (base_vec3){ d[0], d[1], d[2] }, 200, NULL)) {
                    dark += sum;
                    dark_count++;
                } else {
                    lit += sum;
                    lit_count++;
                }
            }
    }
    assert_true(lit_count > 200 && dark_count > 200);
    if (dark / dark_count > 0.72 * lit / lit_count)
        fail_msg("ground in shadow has %.1f, in the sun %.1f", dark / dark_count, lit / lit_count);
    render_destroy(r);
}

/* Walls in a low sun must not be striped by their own shadow: with and without shadows they look the same. */
static void sunlit_walls_do_not_shade_themselves(void **state)
{
    (void)state;
    static const struct {
        float azimuth, altitude;
    } suns[] = { { 180, 8 }, { 200, 15 }, { 150, 30 }, { 215, 50 } };
    base_error err;
    scene *s = scene_create(&err);
    scene_mesh m = { 0 };
    uint16_t plain = scene_material_add(s, (scene_material){ .rgb = { 0.5f, 0.5f, 0.5f } });
    scene_mesh_box(&m, &(base_pose){ { 20, 0, 5 }, { 0, 12, 0 } }, (base_vec3){ 3, 9, 5 }, true,
                   (scene_surface){ plain, SCENE_TAG_WALLS, 0, 1 });
    scene_mesh_tube(&m, (base_vec3){ 12, 4, 0 }, (base_vec3){ 12, 4, 6 }, 1.2, 0.8, 24, true,
                    (scene_surface){ plain, SCENE_TAG_POLES, 0, 2 });
    assert_true(scene_add_static(s, &m, &err));
    assert_true(scene_finish(s, 0, NULL, &err));
    for (size_t k = 0; k < sizeof suns / sizeof *suns; k++) {
        render_weather w = { .sun_azimuth_deg = suns[k].azimuth, .sun_altitude_deg = suns[k].altitude };
        render_environment light = render_environment_from_weather(&w, 0);
        render_view v = { .pose = { { 0, 0, 2 }, { 0, 0, 0 } }, .width = 200, .height = 120, .fov_deg = 70 };
        static uint8_t with[200 * 120 * 4], without[200 * 120 * 4];
        static uint32_t id[200 * 120];
        for (int shadows = 0; shadows < 2; shadows++) {
            render_options o = render_options_default();
            o.shadows = shadows;
            render *r = render_create(s, NULL, &o, &err);
            assert_non_null(r);
            assert_true(
                render_frame(r, &v, &light, NULL, 0, &(render_output){ .bgra = shadows ? with : without, .id = id }, &err));
            render_destroy(r);
        }
        int wall = 0, darker = 0;
        for (int i = 0; i < 200 * 120; i++)
            if (id[i] == 1) { /* the tube's own shadow takes up to a fifth of it */
                wall++;
                darker += abs(with[4 * i + 1] - without[4 * i + 1]) > 6;
            }
        if (wall < 3000 || darker * 5 > wall)
            fail_msg("sun %g deg high: %d of %d wall pixels are darker with shadows", (double)suns[k].altitude, darker, wall);
    }
    scene_destroy(s);
}

static void the_own_car_can_be_hidden(void **state)
{
    fixture *f = *state;
    render *r = create(f, NULL, all_bits());
    render_view v = view_at(f, 0);
    v.hidden_id = f->cars[1].id;
    assert_true(v.hidden_id != 0);
    v.pose = f->cars[1].pose; /* inside it */
    v.pose.location.z += 1.4;
    draw(f, r, &v, f->a);
    for (int i = 0; i < PIXELS; i++)
        assert_true(f->a->id[i] != v.hidden_id);
    render_destroy(r);
}

static void bad_views_are_refused(void **state)
{
    fixture *f = *state;
    base_error err;
    render *r = create(f, NULL, all_bits());
    render_view good = view_at(f, 0);
    static const struct {
        int width, height;
        double fov, x;
        const char *word;
    } cases[] = {
        { 0, 10, 90, 0, "pixels" },          { 10, 5000, 90, 0, "pixels" },       { 10, 10, 0, 0, "field of view" },
        { 10, 10, NAN, 0, "field of view" }, { 10, 10, 175, 0, "field of view" }, { 10, 10, 90, INFINITY, "finite" },
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        render_view v = good;
        v.width = cases[k].width;
        v.height = cases[k].height;
        v.fov_deg = cases[k].fov;
        v.pose.location.x = cases[k].x;
        assert_false(render_frame(r, &v, &f->light, NULL, 0, &(render_output){ .tag = f->a->tag }, &err));
        assert_int_equal(err.code, BASE_ARGUMENT);
        assert_non_null(strstr(err.text, cases[k].word));
    }
    scene_instance wrong = { .mesh = 99 };
    assert_false(render_frame(r, &good, &f->light, &wrong, 1, &(render_output){ .tag = f->a->tag }, &err));
    assert_non_null(strstr(err.text, "mesh 99"));
    draw(f, r, &good, f->a); /* and it still works */
    render_destroy(r);
}

/* Weather moves light the right way. */
static void weather_makes_sense(void **state)
{
    (void)state;
    render_weather w = render_weather_default();
    render_environment noon = render_environment_from_weather(&w, 0);
    assert_true(fabsf(noon.sun_direction[2] - sinf(0.785398f)) < 1e-5f);
    w.sun_azimuth_deg = 90;
    render_environment east = render_environment_from_weather(&w, 0);
    assert_true(east.sun_direction[1] > 0.7f && fabsf(east.sun_direction[0]) < 1e-6f);
    w.cloudiness = 100;
    render_environment closed = render_environment_from_weather(&w, 0);
    assert_true(closed.sun_rgb[1] < 0.1f * noon.sun_rgb[1]);
    w.sun_altitude_deg = -30;
    render_environment night = render_environment_from_weather(&w, 0);
    assert_true(night.sun_rgb[1] == 0 && night.zenith_rgb[1] < 0.05f);
    w = render_weather_default();
    w.fog_density = 80;
    assert_true(render_environment_from_weather(&w, 0).fog_density_per_m > 20 * noon.fog_density_per_m);
    w.wetness = 70;
    assert_true(render_environment_from_weather(&w, 0).wetness > 0.6f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pixels_show_what_rays_hit),
        cmocka_unit_test(points_land_where_the_camera_model_says),
        cmocka_unit_test(same_bytes_for_any_number_of_threads),
        cmocka_unit_test(moving_things_take_their_shadows_along),
        cmocka_unit_test(finished_parts_are_finished),
        cmocka_unit_test(labels_are_the_same_on_every_instruction_set),
        cmocka_unit_test(antialiasing_smooths_colour_and_leaves_labels_alone),
        cmocka_unit_test(outputs_may_be_left_out),
        cmocka_unit_test(shadows_lie_where_the_sun_is_hidden),
        cmocka_unit_test(sunlit_walls_do_not_shade_themselves),
        cmocka_unit_test(the_own_car_can_be_hidden),
        cmocka_unit_test(bad_views_are_refused),
        cmocka_unit_test(weather_makes_sense),
    };
    return cmocka_run_group_tests_name("render", tests, setup, teardown);
}
