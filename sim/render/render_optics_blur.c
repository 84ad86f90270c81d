/* What moves while the shutter is open leaves a trail; what is not in focus spreads. Both gather: a pixel is the mean of what lies along its
 * own motion, or within its own circle of confusion. */
#include "sim/render/optics_internal.h"
#include <math.h>

enum { ROWS = 16 };
typedef struct blur {
    const render_optics *o;
    const render_exposed *in;
    const optics_px *src;
    optics_px *dst;
    float scale, longest;                  /* motion: pixels of the buffer -> pixels of the trail, and at most */
    float spread, haze, haze_per_m;        /* focus: pixels of radius per 1/m off the focus; by distance */
    float tap_x[24], tap_y[24], tap_r[24]; /* of a circle of radius 1, in order of radius */
} blur;

static int last_row(const blur *b, int part) { return (part + 1) * ROWS < b->in->height ? (part + 1) * ROWS : b->in->height; }
static int within(int x, int count) { return x < 0 ? 0 : x < count ? x : count - 1; }

/* ---- motion */

/* Along the motion in steps of a pixel, in 16 bits of fraction. */
static optics_px trail(const blur *b, int x, int y, float mx, float my, float length)
{
    enum { TAPS_MAX = 64, ONE = 1 << 16 };
    int w = b->in->width, h = b->in->height, taps = (int)length + 2;
    taps = taps < TAPS_MAX ? taps : TAPS_MAX;
    float each = (float)ONE / (float)(taps - 1);
    int32_t step_x = (int32_t)(mx * each), step_y = (int32_t)(my * each);
    /* The picture is the middle of the exposure. */
    int32_t px = x * ONE + ONE / 2 - step_x * (taps - 1) / 2, py = y * ONE + ONE / 2 - step_y * (taps - 1) / 2;
    int32_t end_x = px + step_x * (taps - 1), end_y = py + step_y * (taps - 1);
    optics_px sum = { 0 };
    if ((px | py | end_x | end_y) >= 0 && (px > end_x ? px : end_x) < w * ONE && (py > end_y ? py : end_y) < h * ONE) {
        for (int k = 0; k < taps; k++, px += step_x, py += step_y)
            sum += b->src[(size_t)(py >> 16) * (size_t)w + (size_t)(px >> 16)];
    } else {
        for (int k = 0; k < taps; k++, px += step_x, py += step_y)
            sum += b->src[(size_t)within(py >> 16, h) * (size_t)w + (size_t)within(px >> 16, w)];
    }
    return sum * (1.0f / (float)taps);
}

static void motion_rows(void *user, int part, int worker)
{
    (void)worker;
    const blur *b = user;
    int w = b->in->width;
    for (int y = part * ROWS; y < last_row(b, part); y++)
        for (int x = 0; x < w; x++) {
            size_t at = (size_t)y * (size_t)w + (size_t)x;
            float mx = b->in->motion[2 * at] * b->scale, my = b->in->motion[2 * at + 1] * b->scale;
            float length = sqrtf(mx * mx + my * my);
            if (!(length >= 0.5f)) {
                b->dst[at] = b->src[at];
                continue;
            }
            if (length > b->longest) {
                mx *= b->longest / length;
                my *= b->longest / length;
                length = b->longest;
            }
            b->dst[at] = trail(b, x, y, mx, my, length);
        }
}

void optics_motion_blur(const render_optics *o, base_pool *pool, const render_exposed *in, const optics_px *src, optics_px *dst)
{
    /* Unreal's shutter is open for a share of a frame at 30 per second, however long this one is. */
    blur b = { .o = o, .in = in, .src = src, .dst = dst };
    b.scale = (float)(o->blur / 30 / in->motion_s);
    b.longest = o->blur_max_percent / 100 * (float)in->width;
    base_pool_run(pool, (in->height + ROWS - 1) / ROWS, motion_rows, &b);
}

/* ---- focus */

static float circle(const blur *b, float depth) /* radius in pixels of what is this far */
{
    float near = 1.0f / (depth > 0.05f ? depth : 0.05f);
    float r = fabsf(near - 1.0f / b->o->focus_m) * b->spread;
    if (b->haze > 0)
        r += b->haze * (1 - exp2f(-depth * b->haze_per_m));
    return r < 64 ? r : 64;
}

static int rounded(float x) { return (int)(x + 1024.5f) - 1024; } /* |x| < 1024; floorf is a call without SSE4.1 */

static void focus_rows(void *user, int part, int worker)
{
    (void)worker;
    const blur *b = user;
    int w = b->in->width, h = b->in->height, taps = (int)(sizeof b->tap_x / sizeof *b->tap_x);
    for (int y = part * ROWS; y < last_row(b, part); y++)
        for (int x = 0; x < w; x++) {
            size_t at = (size_t)y * (size_t)w + (size_t)x;
            float depth = b->in->depth[at], r = circle(b, depth), total = 1;
            optics_px sum = b->src[at];
            for (int k = 0; r >= 0.5f && k < taps; k++) {
                int i = within(x + rounded(b->tap_x[k] * r), w), j = within(y + rounded(b->tap_y[k] * r), h);
                size_t there = (size_t)j * (size_t)w + (size_t)i;
                /* What is sharp in front does not run into the blur behind it. */
                float other = b->in->depth[there];
                float share = other >= depth * 0.98f || circle(b, other) >= b->tap_r[k] * r ? 1.0f : 0.02f;
                sum += b->src[there] * share;
                total += share;
            }
            b->dst[at] = sum * (1.0f / total);
        }
}

void optics_focus(const render_optics *o, base_pool *pool, const render_exposed *in, const optics_px *src, optics_px *dst)
{
    const double sensor_m = 0.024576; /* Unreal's width of a sensor: APS-C */
    blur b = { .o = o, .in = in, .src = src, .dst = dst };
    double focal_m = sensor_m / (2 * tan(BASE_RAD(in->fov_deg) / 2)), stop = fmax(o->fstop, o->min_fstop);
    b.spread = (float)(0.5 * focal_m * focal_m / stop / sensor_m * in->width);
    b.haze = o->haze_px * (float)in->width / 1920;
    b.haze_per_m = o->haze_km > 0 ? 1 / (o->haze_km * 1000) : 0;
    int taps = (int)(sizeof b.tap_x / sizeof *b.tap_x);
    for (int k = 0; k < taps; k++) { /* sunflower: even over the circle, pulled in to the diaphragm's straight edges */
        double angle = k * 2.399963229728653, r = sqrt((k + 1.0) / taps);
        if (o->blades <= 16) {
            double side = 2 * BASE_PI / o->blades, off = fmod(angle, side) - side / 2;
            r *= cos(side / 2) / cos(off);
        }
        b.tap_x[k] = (float)(r * cos(angle));
        b.tap_y[k] = (float)(r * sin(angle));
        b.tap_r[k] = (float)r;
    }
    base_pool_run(pool, (in->height + ROWS - 1) / ROWS, focus_rows, &b);
}
