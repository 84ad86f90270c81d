/* Small things at the edges of what a wall hides: none that shows is left out, and most that do not are. */
#include "base/random.h"
#include "sim/render/render.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { WIDTH = 120, HEIGHT = 90, PIXELS = WIDTH * HEIGHT, BOXES = 1500, VIEWS = 120, THINGS = 50 };

typedef struct picture {
    uint8_t bgra[PIXELS * 4];
    uint32_t id[PIXELS];
    float depth[PIXELS], normal[PIXELS * 3], motion[PIXELS * 2];
} picture;

/* The wall stands across the x axis of `frame`, its front towards -x; everything else lies around it. */
static scene *wall_and_boxes(base_random *d, const base_pose *frame)
{
    base_error err;
    scene *s = scene_create(&err);
    scene_mesh m = { 0 }, cube = { 0 };
    assert_non_null(s);
    scene_surface wall = { scene_material_add(s, (scene_material){ { 0.5f, 0.3f, 0.3f }, SCENE_PLAIN, .gloss = 0 }),
                           SCENE_TAG_BUILDINGS, 0, 1 };
    const base_vec3 local[4] = { { 0, -8, -1 }, { 0, -8, 9 }, { 0, 8, 9 }, { 0, 8, -1 } };
    base_vec3 corner[4];
    for (int k = 0; k < 4; k++)
        corner[k] = base_pose_to_world(frame, local[k]);
    scene_mesh_quad(&m, corner[0], corner[1], corner[2], corner[3], 0, 0, wall);
    scene_add_occluder(s, corner, 1);
    for (uint32_t i = 0; i < BOXES; i++) {
        scene_surface box = { wall.material, SCENE_TAG_STATIC, 0, 2 + i };
        base_pose at = { { base_random_range(d, -1, 40), base_random_range(d, -30, 30), base_random_range(d, 0, 10) },
                         { 0, base_random_range(d, 0, 90), 0 } };
        at = base_pose_compose(frame, &at);
        scene_mesh_box(&m, &at, (base_vec3){ 0.12, 0.12, 0.12 }, true, box);
    }
    int mesh;
    scene_mesh_box(&cube, &(base_pose){ 0 }, (base_vec3){ 0.1, 0.1, 0.1 }, true, wall);
    assert_true(scene_add_static(s, &m, &err) && scene_add_mesh(s, &cube, &mesh, &err) && scene_finish(s, 0.6, NULL, &err));
    return s;
}

static void draw(render *r, const render_view *v, const scene_instance *things, picture *p)
{
    base_error err;
    render_weather w = render_weather_default();
    render_environment light = render_environment_from_weather(&w, 0);
    render_output out = { .bgra = p->bgra, .id = p->id, .depth = p->depth, .normal = p->normal, .motion = p->motion };
    if (!render_frame(r, v, &light, things, THINGS, &out, &err))
        fail_msg("%s", err.text);
}

static void compare(const base_pose *frame)
{
    base_error err;
    base_random d = base_random_start(5, "boxes", 0, 0);
    scene *s = wall_and_boxes(&d, frame);
    base_pool *pool = base_pool_create(3, &err);
    render *r = pool ? render_create(s, pool, NULL, &err) : NULL;
    picture *with = calloc(1, sizeof *with), *without = calloc(1, sizeof *without);
    scene_instance things[THINGS];
    assert_true(r && with && without);
    uint64_t left_in = 0, all = 0;
    for (int n = 0; n < VIEWS; n++) {
        for (uint32_t i = 0; i < THINGS; i++)
            things[i] = (scene_instance){ .pose = { { base_random_range(&d, -1, 9), base_random_range(&d, -12, 12),
                                                      base_random_range(&d, -2, 12) },
                                                    { 0, 0, 0 } },
                                          .id = 9000 + i };
        for (int i = 0; i < THINGS; i++)
            things[i].pose = base_pose_compose(frame, &things[i].pose);
        render_view v = {
            .pose = { { base_random_range(&d, -15, -0.02), base_random_range(&d, -9, 9), base_random_range(&d, 0, 10) },
                      { base_random_range(&d, -20, 20), base_random_range(&d, -60, 60), base_random_range(&d, -20, 20) } },
            .width = WIDTH,
            .height = HEIGHT,
            .fov_deg = base_random_range(&d, 30, 120),
            .antialias = n % 3 == 0
        };
        if (n % 2) { /* close to its edge, where rounding counts most */
            v.pose.location.x = base_random_range(&d, -0.5, -0.17);
            v.pose.location.y = (n & 2 ? 8 : -8) + base_random_range(&d, -0.3, 0.3);
        }
        render_before before = { v.pose, things };
        before.pose.location.y += 0.2;
        v.pose = base_pose_compose(frame, &v.pose);
        before.pose = base_pose_compose(frame, &before.pose);
        v.before = &before;
        draw(r, &v, things, with);
        left_in += render_last_stats(r).triangles_in;
        s->occluder_count = 0;
        draw(r, &v, things, without);
        s->occluder_count = 1;
        all += render_last_stats(r).triangles_in;
        if (memcmp(with, without, sizeof *with))
            fail_msg("view %d changes when hidden things are left out", n);
    }
    print_message("# %llu of %llu triangles left in\n", (unsigned long long)left_in, (unsigned long long)all);
    assert_true(left_in * 5 < all * 4);
    free(with);
    free(without);
    render_destroy(r);
    base_pool_destroy(pool);
    scene_destroy(s);
}

static void nothing_that_shows_is_left_out(void **state)
{
    (void)state;
    compare(&(base_pose){ 0 });
    compare(&(base_pose){ { 20000, -3000, 0 }, { 0, 27, 0 } });
}

/* Vertices are rounded to centimetres there, the wall's with them. */
static void nor_far_from_the_origin(void **state)
{
    (void)state;
    compare(&(base_pose){ { 100000, 70000, 0 }, { 0, 27, 0 } });
}

/* A thing shows over a wall that hides all ground around it: it lies in the shadow of the roof above it all the same. */
static void things_over_hidden_ground_have_their_shadows(void **state)
{
    (void)state;
    base_error err;
    scene *s = scene_create(&err);
    scene_mesh m = { 0 }, slab = { 0 };
    assert_non_null(s);
    scene_surface grey = { scene_material_add(s, (scene_material){ { 0.4f, 0.4f, 0.4f }, SCENE_PLAIN, .gloss = 0 }),
                           SCENE_TAG_BUILDINGS, 0, 1 };
    const base_vec3 corner[4] = { { 0, -40, -1 }, { 0, -40, 3 }, { 0, 40, 3 }, { 0, 40, -1 } };
    scene_mesh_quad(&m, corner[0], corner[1], corner[2], corner[3], 0, 0, grey);
    scene_add_occluder(s, corner, 1);
    scene_mesh_box(&m, &(base_pose){ { 100, 0, -28 }, { 0, 0, 0 } }, (base_vec3){ 3, 3, 0.5 }, true, grey);
    int mesh;
    scene_mesh_box(&slab, &(base_pose){ 0 }, (base_vec3){ 4, 4, 1 }, true, grey);
    assert_true(scene_add_static(s, &m, &err) && scene_add_mesh(s, &slab, &mesh, &err) && scene_finish(s, 0, NULL, &err));
    const scene_instance things[2] = { { .pose = { { 100, 0, -15 }, { 0, 0, 0 } }, .id = 7 },
                                       { .pose = { { 100, 0, -4 }, { 0, 0, 0 } }, .scale = { 2, 2, 1 }, .id = 8 } };
    render *r = render_create(s, NULL, NULL, &err);
    render_weather w = render_weather_default();
    w.sun_altitude_deg = 88;
    render_environment light = render_environment_from_weather(&w, 0);
    render_view v = { .pose = { { -30, 0, 10 }, { -12, 0, 0 } }, .width = WIDTH, .height = HEIGHT, .fov_deg = 20 };
    picture *with = calloc(1, sizeof *with), *without = calloc(1, sizeof *without);
    assert_true(r && with && without);
    uint32_t in_view[2];
    for (int k = 0; k < 2; k++) {
        picture *p = k ? without : with;
        s->occluder_count = k ? 0 : 1;
        render_output out = { .bgra = p->bgra, .id = p->id, .depth = p->depth };
        assert_true(render_frame(r, &v, &light, things, 2, &out, &err));
        in_view[k] = render_last_stats(r).triangles_in;
    }
    int car = 0;
    for (int i = 0; i < PIXELS; i++)
        car += with->id[i] == 7;
    assert_true(car > 100 && in_view[0] < in_view[1]);
    assert_memory_equal(with, without, sizeof *with);
    free(with);
    free(without);
    render_destroy(r);
    scene_destroy(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_that_shows_is_left_out),
        cmocka_unit_test(nor_far_from_the_origin),
        cmocka_unit_test(things_over_hidden_ground_have_their_shadows),
    };
    return cmocka_run_group_tests_name("occlusion", tests, NULL, NULL);
}
