/* Cameras: exposure against its formula and against light that changes, lenses against the formula in optics.h, blur along motion only, and
 * the same bytes for any threads and instruction sets. */
#include "base/cpu.h"
#include "sim/render/optics.h"
#include "tests/support/random_scene.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { W = 200, H = 120, PIXELS = W * H };

static float light[PIXELS * 4] __attribute__((aligned(64)));
static float motion[PIXELS * 2], depth[PIXELS];
static uint8_t a[PIXELS * 4], b[PIXELS * 4];

static render_exposed exposed(void)
{
    return (render_exposed){ .radiance = light, .width = W, .height = H, .fov_deg = 90, .exposure = 1, .picture = 1 };
}

static void fill(float r, float g, float blue)
{
    for (int i = 0; i < PIXELS; i++) {
        light[4 * i] = r;
        light[4 * i + 1] = g;
        light[4 * i + 2] = blue;
        light[4 * i + 3] = 1;
    }
}

static void grey_ramp(float scale) /* over three decades, from left to right */
{
    for (int i = 0; i < PIXELS; i++)
        for (int k = 0; k < 3; k++)
            light[4 * i + k] = scale * 0.004f * powf(1000, (float)(i % W) / W);
}

static render_camera *camera_with(const render_optics *o)
{
    base_error err = { 0 };
    render_camera *c = render_camera_create(o, &err);
    if (!c)
        fail_msg("%s", err.text);
    return c;
}

static void develop(const render_optics *o, const render_exposed *in, uint8_t *bgra)
{
    base_error err = { 0 };
    render_camera *c = camera_with(o);
    if (!render_camera_develop(c, NULL, in, bgra, &err))
        fail_msg("%s", err.text);
    render_camera_destroy(c);
}

static int red(const uint8_t *p, int x, int y) { return p[4 * (y * W + x) + 2]; }
static int green(const uint8_t *p, int x, int y) { return p[4 * (y * W + x) + 1]; }
static int blue_at(const uint8_t *p, int x, int y) { return p[4 * (y * W + x)]; }

/* ---- exposure and film */

static void a_stop_is_twice_the_light(void **state)
{
    (void)state;
    render_exposed in = exposed();
    render_optics o = render_optics_default();
    o.metering = RENDER_METER_MANUAL;
    o.shutter_per_s = 2000;
    grey_ramp(2);
    develop(&o, &in, a);
    static const struct {
        float iso, shutter_per_s, fstop, compensation_ev;
        const char *why;
    } cases[] = {
        { 100, 1000, 1.4f, 0, "the shutter is open twice as long" },
        { 200, 2000, 1.4f, 0, "the sensor is twice as sensitive" },
        { 100, 2000, 0.98994949f, 0, "the opening has twice the area" },
        { 100, 2000, 1.4f, 1, "compensated by a stop" },
        { 50, 250, 1.4f, -1, "four times, half, half" },
    };
    grey_ramp(1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        o.iso = cases[i].iso;
        o.shutter_per_s = cases[i].shutter_per_s;
        o.fstop = cases[i].fstop;
        o.compensation_ev = cases[i].compensation_ev;
        develop(&o, &in, b);
        for (int x = 0; x < W; x++)
            if (abs(red(a, x, 50) - red(b, x, 50)) > 1) /* the last bit of exp2f */
                fail_msg("%s: column %d is %d, wanted %d", cases[i].why, x, red(b, x, 50), red(a, x, 50));
    }
    assert_true(red(a, W - 1, 50) - red(a, 0, 50) > 150);
}

static double mean_green(const uint8_t *p)
{
    double sum = 0;
    for (int i = 0; i < PIXELS; i++)
        sum += p[4 * i + 1];
    return sum / PIXELS;
}

static void the_meter_finds_the_same_brightness_by_day_and_dusk(void **state)
{
    (void)state;
    render_exposed in = exposed();
    render_optics o = render_optics_default();
    o.metering = RENDER_METER_PICTURE;
    o.min_ev = -5;
    o.max_ev = 20;
    grey_ramp(1);
    develop(&o, &in, a);
    grey_ramp(1.0f / 64);
    develop(&o, &in, b); /* the first picture of a camera is right at once */
    assert_true(fabs(mean_green(a) - mean_green(b)) < 1);
    assert_true(mean_green(a) > 80 && mean_green(a) < 150);
    o.min_ev = 11;
    develop(&o, &in, b); /* not so far down: darker */
    assert_true(mean_green(b) < mean_green(a) - 30);
    fill(0, 0, 0);
    develop(&o, &in, b);
    assert_int_equal(red(b, 10, 10), 0);
}

/* Six stops down at 1 stop a second, up at 3: at full speed to within 1.5 stops, then in proportion. */
static void exposure_follows_the_light_in_time(void **state)
{
    (void)state;
    static const struct {
        float speed, step;
    } cases[] = { { 1, 1.0f / 64 }, { 3, 64 } };
    base_error err = { 0 };
    for (int k = 0; k < 2; k++) {
        render_exposed in = exposed();
        render_optics o = render_optics_default();
        o.metering = RENDER_METER_PICTURE;
        o.min_ev = -5;
        o.max_ev = 20;
        render_camera *c = camera_with(&o);
        grey_ramp(1);
        assert_true(render_camera_develop(c, NULL, &in, a, &err));
        float start = render_camera_ev(c), before = start;
        grey_ramp(cases[k].step);
        for (int i = 1; i <= 400; i++) {
            in.time_s = 0.05 * i;
            assert_true(render_camera_develop(c, NULL, &in, b, &err));
            float ev = render_camera_ev(c), went = fabsf(ev - before), want = cases[k].speed * 0.05f;
            assert_true(went <= want + 1e-4f);
            float left = 6 - fabsf(before - start); /* before this step */
            if (left > 1.5f + want)
                assert_true(fabsf(went - want) < 1e-4f);
            else if (left < 1.4f && left > 0.05f)
                assert_true(fabsf(went - left * (1 - expf(-want / 1.5f))) < 0.01f * left + 1e-3f);
            before = ev;
        }
        assert_true(fabsf(fabsf(before - start) - 6) < 0.02f);
        assert_true(fabs(mean_green(a) - mean_green(b)) < 2);
        render_camera_destroy(c);
    }
}

static void film_keeps_grey_and_bends_the_ends(void **state)
{
    (void)state;
    render_exposed in = exposed();
    render_optics o = render_optics_default(), steep = o, lifted = o;
    grey_ramp(1);
    develop(&o, &in, a);
    int grey = 0; /* where the renderer's curve gives 0.18: 118 of 255 */
    while (red(a, grey, 0) < 118)
        grey++;
    steep.own_film = true;
    develop(&steep, &in, b);
    assert_true(abs(red(b, grey, 0) - 118) <= 2);
    steep.slope = 1.4f;
    develop(&steep, &in, b);
    assert_true(abs(red(b, grey, 0) - 118) <= 2);
    assert_true(red(b, grey + 25, 0) > red(a, grey + 25, 0) + 10 && red(b, grey - 25, 0) < red(a, grey - 25, 0) - 10);
    for (int x = 1; x < W; x++)
        assert_true(red(b, x, 0) >= red(b, x - 1, 0));
    lifted.gamma = 2.8f;
    develop(&lifted, &in, b);
    /* c -> c^(2.2/2.8) before it is coded; where 118 stood, 0.18^0.786 = 0.26 is coded as 139 */
    assert_true(abs(red(b, grey, 0) - 139) <= 2);
}

static void light_of_the_temperature_becomes_white(void **state)
{
    (void)state;
    render_exposed in = exposed();
    render_optics o = render_optics_default();
    fill(0.2f, 0.2f, 0.2f);
    o.temperature_k = 6501; /* as good as 6500, and computed */
    develop(&o, &in, a);
    assert_true(abs(red(a, 0, 0) - green(a, 0, 0)) <= 1 && abs(blue_at(a, 0, 0) - green(a, 0, 0)) <= 1);
    o.temperature_k = 3200; /* for lamplight: grey becomes blue */
    develop(&o, &in, a);
    assert_true(blue_at(a, 0, 0) > green(a, 0, 0) + 20 && green(a, 0, 0) > red(a, 0, 0) + 5);
    o.temperature_k = 10000;
    develop(&o, &in, a);
    assert_true(red(a, 0, 0) > green(a, 0, 0) + 3 && green(a, 0, 0) > blue_at(a, 0, 0) + 10);
    o.temperature_k = 6500;
    o.tint = 0.3f;
    develop(&o, &in, a);
    o.tint = -0.3f;
    develop(&o, &in, b);
    assert_true(abs((green(a, 0, 0) - red(a, 0, 0))) > 5);
    assert_true((green(a, 0, 0) - red(a, 0, 0)) * (green(b, 0, 0) - red(b, 0, 0)) < 0);
}

static void grain_has_its_strength_and_no_bias(void **state)
{
    (void)state;
    render_exposed in = exposed();
    render_optics o = render_optics_default();
    fill(0.2f, 0.2f, 0.2f);
    develop(&o, &in, a);
    int clean = red(a, 0, 0);
    double spread[2];
    for (int k = 0; k < 2; k++) {
        o.grain = k ? 15 : 3;
        develop(&o, &in, a);
        double sum = 0, squares = 0;
        for (int i = 0; i < PIXELS; i++) {
            double off = a[4 * i + 2] - clean;
            sum += off;
            squares += off * off;
        }
        assert_true(fabs(sum / PIXELS) < 0.6); /* `clean` is rounded, and the curve is not straight */
        spread[k] = sqrt(squares / PIXELS);
    }
    assert_true(spread[0] > 0.8 && spread[1] / spread[0] > 1.8 && spread[1] / spread[0] < 2.6); /* root of 15/3 = 2.24 */
    develop(&o, &in, b);
    assert_memory_equal(a, b, sizeof a);
    in.picture = 2;
    develop(&o, &in, b);
    assert_memory_not_equal(a, b, sizeof a);
    in.picture = 1;
    o.seed = 5;
    develop(&o, &in, b);
    assert_memory_not_equal(a, b, sizeof a);
}

/* ---- lens */

static const render_distortion lenses[] = {
    { -1, 0, 0.08f, 0.08f, 3, 3 },    { -1, 0, 0.08f, 0.08f, 1.5f, 5 }, { 1, -0.5f, 0.2f, 0.1f, 2, 2 },
    { 0.5f, 1, 0.1f, 0.1f, 1, 0.5f }, { -1, 0, 0.3f, 0.3f, 10, 0 },
};

static void an_edge_goes_where_the_formula_says(void **state)
{
    (void)state;
    render_exposed in = exposed();
    int checked = 0;
    for (size_t k = 0; k < sizeof lenses / sizeof *lenses; k++) {
        render_optics o = render_optics_default();
        o.distortion = lenses[k];
        for (int edge = 15; edge < W; edge += 17) { /* dark left of it */
            for (int i = 0; i < PIXELS; i++)
                for (int c = 0; c < 3; c++)
                    light[4 * i + c] = i % W < edge ? 0.02f : 0.5f;
            develop(&o, &in, a);
            for (int y = 1; y < H; y += 13)
                for (int x = 0; x < W; x++) {
                    double sx = x + 0.5, sy = y + 0.5;
                    render_distortion_source(&o.distortion, W, H, &sx, &sy);
                    if (fabs(sx - edge) < 0.6) /* on the edge: a mean */
                        continue;
                    bool bright = sx > edge && edge < W;
                    if ((red(a, x, y) > 100) != bright)
                        fail_msg("lens %zu, edge %d: pixel %d, %d shows %.2f and is %d", k, edge, x, y, sx, red(a, x, y));
                    checked++;
                }
        }
    }
    assert_true(checked > 50000);
}

static void labels_move_whole(void **state)
{
    (void)state;
    static uint32_t src[PIXELS], dst[PIXELS];
    static uint64_t src8[PIXELS], dst8[PIXELS];
    for (int i = 0; i < PIXELS; i++) {
        src[i] = (uint32_t)i * 2654435761u;
        src8[i] = (uint64_t)i << 32 | 7;
    }
    for (size_t k = 0; k < sizeof lenses / sizeof *lenses; k++) {
        render_distort(&lenses[k], NULL, W, H, 4, src, dst);
        render_distort(&lenses[k], NULL, W, H, 8, src8, dst8);
        int moved = 0;
        for (int i = 0; i < PIXELS; i++) {
            double x = i % W + 0.5, y = i / W + 0.5;
            render_distortion_source(&lenses[k], W, H, &x, &y);
            x = fmax(0, fmin(W - 1, x));
            y = fmax(0, fmin(H - 1, y));
            uint32_t at = dst[i] * 244002641u; /* back to the index */
            assert_true(at < PIXELS && dst8[i] == ((uint64_t)at << 32 | 7));
            /* its pixel, or the one beside it where it falls between two */
            if (fabs((int)(at % W) + 0.5 - fmax(0.5, fmin(W - 0.5, x))) > 0.53 + 0.5 ||
                fabs((int)(at / W) + 0.5 - fmax(0.5, fmin(H - 0.5, y))) > 0.53 + 0.5)
                fail_msg("lens %zu: pixel %d holds %u, wanted %.2f %.2f", k, i, at, x, y);
            moved += at != (uint32_t)i;
        }
        assert_true(moved > PIXELS / 20);
    }
    const render_distortion none = { -1, 0, 0.08f, 0.08f, 0, 5 }; /* CARLA's default */
    assert_false(render_distortion_acts(&none));
    render_distort(&none, NULL, W, H, 4, src, dst);
    assert_memory_equal(src, dst, sizeof src);
}

static void fringes_part_red_from_blue(void **state)
{
    (void)state;
    render_exposed in = exposed();
    render_optics o = render_optics_default();
    o.fringe = 4;
    for (int i = 0; i < PIXELS; i++)
        for (int c = 0; c < 3; c++)
            light[4 * i + c] = i % W == 150 || i % W == W / 2 ? 3 : 0.05f; /* two lines, one in the middle */
    develop(&o, &in, a);
    int most[3] = { 0 }, at[3] = { 0 };
    for (int c = 0; c < 3; c++)
        for (int x = 120; x < W; x++)
            if (a[4 * (60 * W + x) + c] > most[c]) {
                most[c] = a[4 * (60 * W + x) + c];
                at[c] = x;
            }
    assert_int_equal(at[0], 150); /* blue stays */
    /* The red of 150 comes from 1.03 % x 4 of half the distance from the middle further in: 200 (0.2525 - 0.0104 x ...) */
    assert_true(at[2] == 152 && at[1] == 151);
    assert_true(red(a, W / 2, 60) > 200 && blue_at(a, W / 2, 60) > 200);
    o.fringe_offset = 0.6f; /* 150 lies at 0.505 of the way to the edge: within */
    develop(&o, &in, a);
    assert_true(red(a, 150, 60) > 200 && blue_at(a, 150, 60) > 200);
}

static void only_what_is_above_white_glows(void **state)
{
    (void)state;
    render_exposed in = exposed();
    render_optics o = render_optics_default(), glow = o, flare = o;
    glow.bloom = 1;
    flare.flare = 1;
    grey_ramp(0.2f);
    develop(&o, &in, a);
    develop(&glow, &in, b);
    assert_memory_equal(a, b, sizeof a);
    fill(0.05f, 0.05f, 0.05f);
    for (int k = 0; k < 3; k++) /* a lamp of 2 x 2 pixels */
        for (int i = 0; i < 4; i++)
            light[4 * ((40 + i / 2) * W + 50 + i % 2) + k] = 400;
    develop(&o, &in, a);
    develop(&glow, &in, b);
    int last = 256;
    for (int x = 54; x < 110; x += 4) {
        assert_true(red(b, x, 40) >= red(a, x, 40) && red(b, x, 40) <= last);
        if (x > 58) /* as far to the left, up to the grid of the pyramid */
            assert_true(abs(red(b, x, 40) - red(b, 101 - x, 40)) <= 12);
        last = red(b, x, 40);
    }
    assert_true(red(b, 56, 40) > red(a, 56, 40) + 20);
    develop(&flare, &in, b);
    /* The ghost of -0.9 lies on the other side, 1/0.9 as far from the middle: at (155, 81). */
    assert_true(green(b, 155, 81) > green(a, 155, 81) + 2);
    assert_int_equal(green(b, 45, 81), green(a, 45, 81));
}

/* ---- blur */

static void blur_follows_the_motion_and_nothing_else(void **state)
{
    (void)state;
    render_exposed in = exposed();
    render_optics o = render_optics_default(), still = o;
    o.blur = 0.5f;
    o.blur_max_percent = 10;
    assert_true(render_optics_needs_motion(&o) && !render_optics_needs_motion(&still));
    in.motion = motion;
    in.motion_s = 0.05;
    /* A chessboard; its right half moves, to the right in the upper part, down in the lower one, 30 pixels in a 20th of a second. */
    for (int i = 0; i < PIXELS; i++) {
        int x = i % W, y = i / W;
        for (int c = 0; c < 3; c++)
            light[4 * i + c] = (x / 5 + y / 5) % 2 ? 0.4f : 0.02f;
        motion[2 * i] = x >= W / 2 && y < H / 2 ? 30 : 0;
        motion[2 * i + 1] = x >= W / 2 && y >= H / 2 ? 30 : 0;
    }
    develop(&still, &in, a);
    develop(&o, &in, b);
    /* Open for half of 1/30 s: a trail of 10 pixels, two fields of the board. */
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++) {
            if (x < W / 2)
                assert_memory_equal(a + 4 * (y * W + x), b + 4 * (y * W + x), 4);
            else if (x > W / 2 + 8 && x < W - 8 && y < H / 2 - 8)
                assert_true(abs(red(b, x, y) - red(b, x - 1, y)) <= 30);
            else if (x > W / 2 && y > H / 2 + 8 && y < H - 8)
                assert_true(abs(red(b, x, y) - red(b, x, y - 1)) <= 30);
        }
    /* A stripe across the motion is gone, one along it is left as it was. */
    for (int i = 0; i < PIXELS; i++)
        for (int c = 0; c < 3; c++)
            light[4 * i + c] = i / W / 5 % 2 ? 0.4f : 0.02f;
    develop(&still, &in, a);
    develop(&o, &in, b);
    for (int y = 0; y < H / 2; y++)
        for (int x = 0; x < W; x++)
            assert_true(abs(red(a, x, y) - red(b, x, y)) <= 1);
    int contrast = abs(red(b, W - 20, H - 20) - red(b, W - 20, H - 25)),
        was = abs(red(a, W - 20, H - 20) - red(a, W - 20, H - 25));
    assert_true(was > 80 && contrast < was / 3);
    o.blur_max_percent = 0.5f; /* a trail of one pixel at most */
    develop(&o, &in, b);
    contrast = abs(red(b, W - 20, H - 22) - red(b, W - 20, H - 27));
    assert_true(contrast > was - 10);
}

static void what_is_in_focus_stays_sharp(void **state)
{
    (void)state;
    render_exposed in = exposed();
    render_optics o = render_optics_default(), still = o;
    o.has_focus = true;
    o.focus_m = 4;
    o.fstop = o.min_fstop = 0.05f;
    in.depth = depth;
    for (int i = 0; i < PIXELS; i++) {
        for (int c = 0; c < 3; c++)
            light[4 * i + c] = i % W / 4 % 2 ? 0.4f : 0.02f;
        depth[i] = i % W < W / 2 ? 4 : 40;
    }
    develop(&still, &in, a);
    develop(&o, &in, b);
    int sharp = 0, blurred = 0;
    for (int x = 20; x < W / 2 - 10; x++) {
        sharp += abs(red(b, x, 50) - red(a, x, 50));
        blurred += abs(red(b, x + W / 2, 50) - red(a, x + W / 2, 50));
    }
    assert_int_equal(sharp, 0);
    assert_true(blurred > 70 * 20);
}

/* ---- against the renderer */

typedef struct fixture {
    scene *scene;
    scene_instance cars[40];
    render_environment light;
} fixture;

static void draw(const fixture *f, base_pool *pool, uint32_t bits, bool antialias, uint8_t *bgra, float *radiance)
{
    base_error err = { 0 };
    render_options o = render_options_default();
    o.cpu_bits = bits;
    render *r = render_create(f->scene, pool, &o, &err);
    if (!r)
        fail_msg("%s", err.text);
    render_view v = {
        .pose = { { -10, 3, 12 }, { -12, 20, 3 } }, .width = W, .height = H, .fov_deg = 80, .antialias = antialias
    };
    render_output out = { .bgra = bgra, .radiance = radiance };
    if (!render_frame(r, &v, &f->light, f->cars, 40, &out, &err))
        fail_msg("%s", err.text);
    render_destroy(r);
}

static fixture *make_fixture(float rain)
{
    fixture *f = calloc(1, sizeof *f);
    f->scene = random_scene(21, 350);
    random_instances(22, f->cars, 40);
    render_weather w = render_weather_default();
    w.precipitation = rain;
    f->light = render_environment_from_weather(&w, 3);
    return f;
}

static void drop_fixture(fixture *f)
{
    scene_destroy(f->scene);
    free(f);
}

static void a_camera_at_rest_shows_the_renderers_picture(void **state)
{
    (void)state;
    static const float rain[] = { 0, 80 };
    for (int k = 0; k < 4; k++) {
        fixture *f = make_fixture(rain[k / 2]);
        bool antialias = k % 2;
        render_optics o = render_optics_default();
        assert_false(render_optics_acts(&o));
        draw(f, NULL, 0, antialias, a, light);
        draw(f, NULL, 0, antialias, b, NULL);
        assert_memory_equal(a, b, sizeof a); /* light beside it changes nothing */
        render_exposed in = exposed();
        in.exposure = f->light.exposure;
        develop(&o, &in, b);
        double sum = 0;
        int far = 0;
        for (int i = 0; i < 4 * PIXELS; i++) {
            sum += abs(a[i] - b[i]);
            far += abs(a[i] - b[i]) > (rain[k / 2] > 0 ? 6 : 1);
        }
        print_message("rain %g, %s: mean difference %.3f, %.2f %% of bytes differ by more\n", (double)rain[k / 2],
                      antialias ? "anti-aliased" : "plain", sum / (4 * PIXELS), 100.0 * far / (4 * PIXELS));
        assert_true(sum / (4 * PIXELS) < (antialias ? 0.3 : 0.05));
        /* an edge is the mean of its samples, of their light here and of their bytes there: seen 2.7 % of bytes */
        assert_true(antialias ? far < PIXELS / 6 : far < PIXELS / 500);
        draw(f, NULL, 0, antialias, NULL, light); /* and alone it is the same light */
        develop(&o, &in, a);
        assert_memory_equal(a, b, sizeof a);
        drop_fixture(f);
    }
}

/* Streaks are drawn twice, over bytes and over light: where they change the one they change the other alike. */
static void rain_falls_in_light_as_in_bytes(void **state)
{
    (void)state;
    static uint8_t dry[PIXELS * 4];
    fixture *f = make_fixture(100);
    render_optics o = render_optics_default();
    render_exposed in = exposed();
    in.exposure = f->light.exposure;
    f->light.rain_slant = 0.3f;
    draw(f, NULL, 0, false, a, light);
    develop(&o, &in, b);
    f->light.rain = 0;
    draw(f, NULL, 0, false, dry, NULL);
    int streaks = 0, off = 0;
    for (int i = 0; i < PIXELS; i++) {
        int change = red(a, i % W, i / W) - red(dry, i % W, i / W), developed = red(b, i % W, i / W) - red(dry, i % W, i / W);
        if (abs(change) < 3)
            continue;
        streaks++;
        off += abs(change - developed) > 2 + abs(change) / 5;
    }
    print_message("%d pixels of streaks, %d developed otherwise\n", streaks, off);
    assert_true(streaks > 60 && off <= streaks / 20);
    drop_fixture(f);
}

static void same_bytes_for_threads_and_levels(void **state)
{
    (void)state;
    fixture *f = make_fixture(30);
    render_optics o = render_optics_default();
    o.metering = RENDER_METER_PICTURE;
    o.min_ev = 0;
    o.distortion = lenses[0];
    o.fringe = 0.5f;
    o.bloom = 0.7f;
    o.flare = 0.2f;
    o.grain = 4;
    o.blur = 0.5f;
    o.blur_max_percent = 5;
    o.temperature_k = 5000;
    o.has_focus = true;
    o.fstop = o.min_fstop = 0.2f;
    for (int i = 0; i < PIXELS; i++) {
        motion[2 * i] = (float)(i % 37) - 18;
        motion[2 * i + 1] = (float)(i % 11);
        depth[i] = 1 + (float)(i / W);
    }
    uint32_t all;
    assert_true(base_cpu_select(NULL, &all, NULL));
    const uint32_t level[] = { 0, all & CPU_AVX2, all };
    static const int threads[] = { 1, 2, 5 };
    for (int k = 0; k < 3; k++) {
        base_error err = { 0 };
        base_pool *pool = base_pool_create(threads[k], &err);
        assert_non_null(pool);
        draw(f, pool, level[k], true, NULL, light);
        render_exposed in = exposed();
        in.exposure = f->light.exposure;
        in.motion = motion;
        in.motion_s = 0.05;
        in.depth = depth;
        render_camera *c = camera_with(&o);
        assert_true(render_camera_develop(c, pool, &in, k ? b : a, &err));
        render_camera_destroy(c);
        base_pool_destroy(pool);
        if (k)
            assert_memory_equal(a, b, sizeof a);
    }
    drop_fixture(f);
}

/* Memory of exactly the picture's size: a sanitizer sees a pixel read beside it. */
static void every_size_is_developed_within_its_bounds(void **state)
{
    (void)state;
    static const int sizes[][2] = { { 1, 1 }, { 1, 7 }, { 9, 1 }, { 2, 2 }, { 3, 5 }, { 1023, 7 }, { 800, 600 }, { 4096, 3 } };
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        int w = sizes[k][0], h = sizes[k][1];
        size_t n = (size_t)w * (size_t)h;
        render_exposed in = { .width = w, .height = h, .fov_deg = 90, .exposure = 1, .motion_s = 0.05 };
        float *colour = aligned_alloc(16, 16 * n), *moves = malloc(8 * n), *far = malloc(4 * n);
        uint8_t *first = malloc(4 * n), *second = malloc(4 * n);
        for (size_t i = 0; i < n; i++) {
            for (size_t c = 0; c < 4; c++)
                colour[4 * i + c] = (float)((i * 2654435761u >> 7) % 1000) * 0.004f;
            moves[2 * i] = (float)(i % 200) - 100;
            moves[2 * i + 1] = 80 - (float)(i % 161);
            far[i] = i % 5 ? (float)(i % 77) : INFINITY;
        }
        in.radiance = colour;
        in.motion = moves;
        in.depth = far;
        render_optics o = render_optics_default();
        o.metering = RENDER_METER_PICTURE;
        o.distortion = (render_distortion){ 1, 0.5f, 0.3f, 0.2f, 3, 1 };
        o.fringe = 8;
        o.bloom = 1;
        o.flare = 1;
        o.grain = 3;
        o.blur = 3;
        o.blur_max_percent = 100;
        o.has_focus = true;
        o.fstop = o.min_fstop = 0.02f;
        o.haze_px = 100;
        for (int lens = 0; lens < 2; lens++) { /* fringes alone keep the far corner the far corner */
            o.distortion.multiplier = lens ? 3 : 0;
            develop(&o, &in, first);
            develop(&o, &in, second);
            assert_memory_equal(first, second, 4 * n);
        }
        free(colour);
        free(moves);
        free(far);
        free(first);
        free(second);
    }
}

static void nonsense_is_refused(void **state)
{
    (void)state;
    for (int k = 0; k < 8; k++) {
        render_optics o = render_optics_default();
        base_error err = { 0 };
        switch (k) {
        case 0: o.iso = 0; break;
        case 1: o.fstop = -1; break;
        case 2: o.max_ev = o.min_ev - 1; break;
        case 3: o.gamma = 0; break;
        case 4: o.bloom = NAN; break;
        case 5: o.distortion.k = INFINITY; break;
        case 6: o.blades = 2; break;
        default: o.slope = 0; break;
        }
        assert_null(render_camera_create(&o, &err));
        assert_non_null(strstr(err.text, "optics: "));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stop_is_twice_the_light),
        cmocka_unit_test(the_meter_finds_the_same_brightness_by_day_and_dusk),
        cmocka_unit_test(exposure_follows_the_light_in_time),
        cmocka_unit_test(film_keeps_grey_and_bends_the_ends),
        cmocka_unit_test(light_of_the_temperature_becomes_white),
        cmocka_unit_test(grain_has_its_strength_and_no_bias),
        cmocka_unit_test(an_edge_goes_where_the_formula_says),
        cmocka_unit_test(labels_move_whole),
        cmocka_unit_test(fringes_part_red_from_blue),
        cmocka_unit_test(only_what_is_above_white_glows),
        cmocka_unit_test(blur_follows_the_motion_and_nothing_else),
        cmocka_unit_test(what_is_in_focus_stays_sharp),
        cmocka_unit_test(a_camera_at_rest_shows_the_renderers_picture),
        cmocka_unit_test(rain_falls_in_light_as_in_bytes),
        cmocka_unit_test(same_bytes_for_threads_and_levels),
        cmocka_unit_test(every_size_is_developed_within_its_bounds),
        cmocka_unit_test(nonsense_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
