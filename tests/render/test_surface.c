/* What the pictures of one pass say about a pixel is said of one surface. Every box of the scene glows in a colour of its own number under
 * a black sky, so that the colour of a pixel names the box, as its instance id does; tag, normal, depth and motion must be those of
 * that box, at every pixel, on every instruction set. Rays, which know nothing of the renderer, say which box it had to be. */
#include "base/cpu.h"
#include "base/random.h"
#include "sim/render/render.h"
#include "sim/scene/rays.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { WIDTH = 250, HEIGHT = 150, PIXELS = WIDTH * HEIGHT, STILL = 400, MOVING = 60, CODES = 26, FIRST_MOVING = 1000 };

typedef struct body {
    base_pose pose, before;
    base_vec3 extent;
    int code;
    uint8_t tag;
} body;

typedef struct fixture {
    scene *scene;
    body still[STILL], moving[MOVING];
    scene_instance now[MOVING], before[MOVING];
    uint8_t shown[CODES + 1][3]; /* bytes of a code's colour, b g r; the last is the sky's */
} fixture;

typedef struct picture {
    uint8_t bgra[PIXELS * 4], tag[PIXELS];
    uint32_t id[PIXELS];
    float depth[PIXELS], normal[PIXELS * 3], motion[PIXELS * 2];
} picture;

/* Three levels a channel, not all of them dark: 26 colours. */
static uint16_t glowing(scene *s, int code)
{
    static const float level[3] = { 0, 0.06f, 0.5f };
    int digits = code + 1;
    scene_material m = { .texture = SCENE_PLAIN, .emission = 1 };
    for (int k = 0; k < 3; k++, digits /= 3)
        m.rgb[k] = level[digits % 3];
    return scene_material_add(s, m);
}

static base_vec3 between(base_random *r, double lo, double hi)
{
    return (base_vec3){ base_random_range(r, lo, hi), base_random_range(r, lo, hi), base_random_range(r, lo, hi) };
}

static body random_body(uint64_t number, double lo_m, double hi_m)
{
    base_random r = base_random_start(5, "glowing box", number, 0);
    body b = { .extent = between(&r, lo_m, hi_m), .code = (int)(number % CODES), .tag = (uint8_t)(1 + number % 28) };
    if (b.tag == SCENE_TAG_SKY)
        b.tag = SCENE_TAG_ROADS;
    b.pose.location =
        (base_vec3){ base_random_range(&r, 6, 60), base_random_range(&r, -40, 40), base_random_range(&r, -18, 18) };
    b.pose.rotation =
        (base_rotation){ base_random_range(&r, -80, 80), base_random_range(&r, -180, 180), base_random_range(&r, -180, 180) };
    b.before = b.pose;
    return b;
}

static void add_box(scene_mesh *m, const base_pose *at, const body *b, uint16_t material, uint32_t id)
{
    scene_mesh_box(m, at, b->extent, true, (scene_surface){ .material = material, .tag = b->tag, .instance = id });
}

static int setup(void **state)
{
    base_error err;
    fixture *f = calloc(1, sizeof *f);
    scene_mesh m = { 0 };
    f->scene = scene_create(&err);
    for (int i = 0; i < STILL; i++) {
        f->still[i] = random_body((uint64_t)i, 0.05, 2);
        add_box(&m, &f->still[i].pose, &f->still[i], glowing(f->scene, f->still[i].code), (uint32_t)i + 1);
    }
    assert_true(scene_add_static(f->scene, &m, &err));
    for (int i = 0; i < MOVING; i++) {
        body *b = &f->moving[i];
        *b = random_body(FIRST_MOVING + (uint64_t)i, 0.3, 1.5);
        base_random r = base_random_start(6, "step", (uint64_t)i, 0);
        b->before.location = base_vec3_add(b->pose.location, between(&r, -0.4, 0.4));
        b->before.rotation.yaw_deg += base_random_range(&r, -8, 8);
        int mesh;
        add_box(&m, &(base_pose){ 0 }, b, glowing(f->scene, b->code), 0);
        assert_true(scene_add_mesh(f->scene, &m, &mesh, &err));
        f->now[i] = (scene_instance){ .mesh = mesh, .pose = b->pose, .id = FIRST_MOVING + (uint32_t)i };
        if (i % 3 == 0)
            b->tag = f->now[i].tag = SCENE_TAG_TRUCK; /* instead of the mesh's */
        f->before[i] = f->now[i];
        f->before[i].pose = b->before;
    }
    assert_true(scene_finish(f->scene, 24, NULL, &err));
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    scene_destroy(f->scene);
    free(f);
    return 0;
}

static const render_environment black = { .sun_direction = { 0, 0, 1 }, .exposure = 1 };
static const base_pose eye_now = { { 0, 0.4, 0.2 }, { 3, -2, 4 } }, eye_before = { { -0.6, 0.2, 0.1 }, { 2, 1, 3 } };

static void draw(const fixture *f, uint32_t bits, bool antialias, picture *p)
{
    base_error err;
    render_options o = render_options_default();
    o.cpu_bits = bits;
    render *r = render_create(f->scene, NULL, &o, &err);
    assert_non_null(r);
    render_before before = { eye_before, f->before };
    render_view v = {
        .pose = eye_now, .width = WIDTH, .height = HEIGHT, .fov_deg = 80, .antialias = antialias, .before = &before
    };
    render_output out = {
        .bgra = p->bgra, .tag = p->tag, .id = p->id, .depth = p->depth, .normal = p->normal, .motion = p->motion
    };
    if (!render_frame(r, &v, &black, f->now, MOVING, &out, &err))
        fail_msg("%s", err.text);
    render_destroy(r);
}

/* A code's bytes, from a wall that fills the picture. */
static void learn_colours(fixture *f)
{
    for (int code = 0; code <= CODES; code++) {
        base_error err;
        scene *s = scene_create(&err);
        scene_mesh m = { 0 };
        body wall = { .extent = { 0.1, 50, 50 } };
        add_box(&m, &(base_pose){ .location = { code == CODES ? -20 : 5, 0, 0 } }, &wall, glowing(s, code % CODES), 1);
        assert_true(scene_add_static(s, &m, &err) && scene_finish(s, 0, NULL, &err));
        render *r = render_create(s, NULL, NULL, &err);
        uint8_t bgra[16 * 16 * 4];
        render_view v = { .width = 16, .height = 16, .fov_deg = 60 };
        assert_true(render_frame(r, &v, &black, NULL, 0, &(render_output){ .bgra = bgra }, &err));
        memcpy(f->shown[code], bgra + 4 * (8 * 16 + 8), 3);
        for (int k = 0, digits = code + 1; k < 3 && code < CODES; k++, digits /= 3) { /* red is red */
            int byte = f->shown[code][2 - k], lo = (int[]){ 0, 40, 160 }[digits % 3], hi = (int[]){ 2, 120, 255 }[digits % 3];
            assert_in_range(byte, lo, hi);
        }
        render_destroy(r);
        scene_destroy(s);
    }
}

/* The code whose colour is nearest; the surfaces' grain moves bytes a little. */
static int code_of(const fixture *f, const uint8_t *bgr)
{
    int best = -1, least = INT32_MAX;
    for (int code = 0; code <= CODES; code++) {
        int d = 0;
        for (int k = 0; k < 3; k++)
            d += (bgr[k] - f->shown[code][k]) * (bgr[k] - f->shown[code][k]);
        if (d < least) {
            least = d;
            best = code;
        }
    }
    return best;
}

static const body *body_of(const fixture *f, uint32_t id)
{
    if (id >= 1 && id <= STILL)
        return &f->still[id - 1];
    return id >= FIRST_MOVING && id < FIRST_MOVING + MOVING ? &f->moving[id - FIRST_MOVING] : NULL;
}

static base_vec3 ray_of(int x, int y, double focal)
{
    base_mat3 m = base_rotation_matrix(eye_now.rotation);
    return base_mat3_apply(&m, (base_vec3){ 1, (x + 0.5 - WIDTH / 2.0) / focal, -(y + 0.5 - HEIGHT / 2.0) / focal });
}

/* The point seen lies on the box's surface, on the face whose normal the picture shows. */
static bool is_on_face(const body *b, base_vec3 point, const float n[3])
{
    base_mat3 m = base_rotation_matrix(b->pose.rotation);
    base_vec3 local = base_pose_to_local(&b->pose, point),
              normal = base_mat3_apply_inverse(&m, (base_vec3){ n[0], n[1], n[2] });
    const double at[3] = { local.x, local.y, local.z }, size[3] = { b->extent.x, b->extent.y, b->extent.z },
                 way[3] = { normal.x, normal.y, normal.z };
    bool found = false;
    for (int k = 0; k < 3; k++) {
        if (fabs(at[k]) > size[k] + 2e-3)
            return false;
        found |= fabs(way[k]) > 0.9999 && fabs(at[k] - copysign(size[k], way[k])) < 2e-3;
    }
    return found;
}

/* columns and rows that the point has moved since the frame before. */
static bool moved_as(const body *b, base_vec3 point, int x, int y, double focal, const float motion[2])
{
    base_vec3 was = base_pose_to_world(&b->before, base_pose_to_local(&b->pose, point));
    base_vec3 c = base_pose_to_local(&eye_before, was);
    double column = WIDTH / 2.0 + focal * c.y / c.x, row = HEIGHT / 2.0 - focal * c.z / c.x;
    return fabs(motion[0] - (x + 0.5 - column)) < 0.02 && fabs(motion[1] - (y + 0.5 - row)) < 0.02;
}

static void check_pixels(const fixture *f, const picture *p, const char *level)
{
    base_error err;
    const double focal = WIDTH / (2 * tan(BASE_RAD(80) / 2));
    scene_rays *rays = scene_rays_create(f->scene, f->now, MOVING, &err);
    assert_non_null(rays);
    int sky = 0, still = 0, moving = 0, beside = 0;
    bool seen[STILL + MOVING] = { false };
    for (int i = 0; i < PIXELS; i++) {
        int x = i % WIDTH, y = i / WIDTH, code = code_of(f, p->bgra + 4 * i);
        base_vec3 ray = ray_of(x, y, focal);
        scene_hit hit;
        bool found = scene_rays_hit(rays, eye_now.location, ray, 1e4, &hit);
        beside += (found ? hit.instance : 0) != p->id[i]; /* an edge through the middle of the pixel, to rounding */
        const body *b = body_of(f, p->id[i]);
        if (!b) {
            sky++;
            if (p->id[i] || code != CODES || p->tag[i] != SCENE_TAG_SKY || !isinf(p->depth[i]))
                fail_msg("%s (%d, %d): id %u, tag %d, depth %g, colour of code %d: not the sky's", level, x, y, p->id[i],
                         p->tag[i], (double)p->depth[i], code);
            continue;
        }
        bool is_still = p->id[i] < FIRST_MOVING;
        still += is_still;
        moving += !is_still;
        seen[is_still ? p->id[i] - 1 : STILL + p->id[i] - FIRST_MOVING] = true;
        base_vec3 point = base_vec3_add(eye_now.location, base_vec3_scale(ray, (double)p->depth[i]));
        if (code != b->code || p->tag[i] != b->tag)
            fail_msg("%s (%d, %d): id %u has code %d and tag %d, but colour says %d, label %d", level, x, y, p->id[i], b->code,
                     b->tag, code, p->tag[i]);
        if (!is_on_face(b, point, p->normal + 3 * i))
            fail_msg("%s (%d, %d): depth %g and normal (%g, %g, %g) are of no face of box %u", level, x, y, (double)p->depth[i],
                     (double)p->normal[3 * i], (double)p->normal[3 * i + 1], (double)p->normal[3 * i + 2], p->id[i]);
        if (!moved_as(b, point, x, y, focal, p->motion + 2 * i))
            fail_msg("%s (%d, %d): motion (%g, %g) is not that of box %u", level, x, y, (double)p->motion[2 * i],
                     (double)p->motion[2 * i + 1], p->id[i]);
    }
    int boxes = 0;
    for (int i = 0; i < STILL + MOVING; i++)
        boxes += seen[i];
    scene_rays_destroy(rays);
    print_message("# %s: sky %d, still %d, moving %d pixels of %d boxes; %d differ from their rays\n", level, sky, still,
                  moving, boxes, beside);
    assert_true(sky > 1000 && still > 5000 && moving > 1500 && boxes > 150);
    assert_true(beside * 500 < PIXELS);
}

static void every_picture_is_of_the_same_surface(void **state)
{
    fixture *f = *state;
    static const struct {
        const char *name;
        uint32_t bits, needs;
    } levels[] = { { "plain", 0, 0 }, { "avx2", CPU_SSE2 | CPU_AVX2, CPU_AVX2 }, { "avx512", ~0u, CPU_AVX512 } };
    picture *p = calloc(1, sizeof *p);
    learn_colours(f);
    for (size_t k = 0; k < sizeof levels / sizeof *levels; k++) {
        if (levels[k].needs & ~base_cpu_detect())
            continue;
        draw(f, levels[k].bits & base_cpu_detect(), false, p);
        check_pixels(f, p, levels[k].name);
    }
    free(p);
}

/* Anti-aliased colour is a mixture of what is seen within a pixel, all else is as without. */
static void smooth_colour_is_of_the_surfaces_around(void **state)
{
    fixture *f = *state;
    picture *p = calloc(1, sizeof *p), *q = calloc(1, sizeof *q);
    draw(f, base_cpu_detect(), false, p);
    draw(f, base_cpu_detect(), true, q);
    assert_memory_equal(p->tag, q->tag, sizeof p->tag);
    assert_memory_equal(p->id, q->id, sizeof p->id);
    assert_memory_equal(p->depth, q->depth, sizeof p->depth);
    assert_memory_equal(p->normal, q->normal, sizeof p->normal);
    assert_memory_equal(p->motion, q->motion, sizeof p->motion);
    int outside = 0, mixed = 0;
    for (int y = 1; y < HEIGHT - 1; y++)
        for (int x = 1; x < WIDTH - 1; x++) {
            const uint8_t *c = q->bgra + 4 * (y * WIDTH + x);
            bool within = true;
            for (int k = 0; k < 3; k++) {
                int lo = 255, hi = 0;
                for (int j = -1; j <= 1; j++)
                    for (int i = -1; i <= 1; i++) {
                        int at = p->bgra[4 * ((y + j) * WIDTH + x + i) + k];
                        lo = at < lo ? at : lo;
                        hi = at > hi ? at : hi;
                    }
                within &= c[k] >= lo - 8 && c[k] <= hi + 8;
            }
            outside += !within; /* something thin that no pixel's middle meets */
            mixed += abs(c[0] - p->bgra[4 * (y * WIDTH + x)]) > 12;
        }
    print_message("# %d pixels mixed, %d with a colour from farther away\n", mixed, outside);
    assert_true(mixed > 1000);
    assert_true(outside * 200 < PIXELS);
    free(p);
    free(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_picture_is_of_the_same_surface),
        cmocka_unit_test(smooth_colour_is_of_the_surfaces_around),
    };
    return cmocka_run_group_tests_name("surface", tests, setup, teardown);
}
