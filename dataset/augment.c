#include "dataset/augment.h"
#include "base/geom.h"
#include "base/random.h"
#include "dataset/classes.h"
#include <math.h>
#include <stddef.h>
#include <string.h>

static const char *const mode_names[] = { "off", "standard", "original", NULL };

const base_option dataset_augment_table[] = {
    { .key = "mode",
      .type = BASE_OPTION_ENUM,
      .offset = offsetof(dataset_augment, mode),
      .names = mode_names,
      .help = "off, standard, or original (the older project's fixed change per image)" },
    { .key = "flip",
      .type = BASE_OPTION_FLOAT,
      .offset = offsetof(dataset_augment, flip),
      .hi = 1,
      .help = "probability of mirroring left-right" },
    { .key = "scale",
      .type = BASE_OPTION_FLOAT,
      .offset = offsetof(dataset_augment, scale),
      .hi = 0.5,
      .help = "zoom in 1/(1+s) .. 1+s" },
    { .key = "rotation_deg",
      .type = BASE_OPTION_FLOAT,
      .offset = offsetof(dataset_augment, rotation_deg),
      .hi = 45,
      .help = "about the centre, -r .. r degrees" },
    { .key = "shear",
      .type = BASE_OPTION_FLOAT,
      .offset = offsetof(dataset_augment, shear),
      .hi = 0.5,
      .help = "x += k y, k in -s .. s" },
    { .key = "shift",
      .type = BASE_OPTION_FLOAT,
      .offset = offsetof(dataset_augment, shift),
      .hi = 0.5,
      .help = "part of width and height, -s .. s" },
    { .key = "brightness",
      .type = BASE_OPTION_FLOAT,
      .offset = offsetof(dataset_augment, brightness),
      .hi = 0.5,
      .help = "added, part of full scale, -b .. b" },
    { .key = "contrast",
      .type = BASE_OPTION_FLOAT,
      .offset = offsetof(dataset_augment, contrast),
      .hi = 0.9,
      .help = "factor about mid grey, 1-c .. 1+c" },
    { .key = "saturation",
      .type = BASE_OPTION_FLOAT,
      .offset = offsetof(dataset_augment, saturation),
      .hi = 1,
      .help = "factor about grey, 1-s .. 1+s" },
    { .key = "channel",
      .type = BASE_OPTION_FLOAT,
      .offset = offsetof(dataset_augment, channel),
      .hi = 0.5,
      .help = "gain of each channel, 1-c .. 1+c" },
    { .key = "gamma",
      .type = BASE_OPTION_FLOAT,
      .offset = offsetof(dataset_augment, gamma),
      .hi = 1,
      .help = "exponent in 1/(1+g) .. 1+g" },
    { .key = "noise",
      .type = BASE_OPTION_FLOAT,
      .offset = offsetof(dataset_augment, noise),
      .hi = 0.2,
      .help = "largest deviation of white noise, part of full scale" },
};
const size_t dataset_augment_table_count = sizeof dataset_augment_table / sizeof dataset_augment_table[0];

dataset_augment dataset_augment_none(void) { return (dataset_augment){ .mode = DATASET_AUGMENT_OFF }; }

dataset_augment dataset_augment_standard(void)
{
    return (dataset_augment){ .mode = DATASET_AUGMENT_STANDARD,
                              .flip = 0.5f,
                              .scale = 0.15f,
                              .rotation_deg = 3.0f,
                              .shear = 0.0f,
                              .shift = 0.05f,
                              .brightness = 0.12f,
                              .contrast = 0.25f,
                              .saturation = 0.3f,
                              .channel = 0.08f,
                              .gamma = 0.25f,
                              .noise = 0.02f };
}

bool dataset_augment_check(const dataset_augment *a, base_error *err)
{
    for (size_t i = 0; i < dataset_augment_table_count; i++) {
        const base_option *o = &dataset_augment_table[i];
        if (o->type != BASE_OPTION_FLOAT)
            continue;
        float v = *(const float *)(const void *)((const char *)a + o->offset);
        if (!(v >= (float)o->lo && v <= (float)o->hi))
            return base_fail(err, BASE_ARGUMENT, "augment.%s: %g to %g expected, found %g", o->key, o->lo, o->hi, v);
    }
    if (a->mode < DATASET_AUGMENT_OFF || a->mode > DATASET_AUGMENT_ORIGINAL)
        return base_fail(err, BASE_ARGUMENT, "augment.mode: %d is none of off, standard, original", a->mode);
    return true;
}

/* ---- geometry ---- */

/* Source pixel coordinates of an output pixel: sx = xx*x + xy*y + x0, likewise sy (pixel indices, centres at whole numbers). */
typedef struct warp {
    double xx, xy, x0, yx, yy, y0;
    bool identity;
} warp;

static double symmetric(base_random *r) { return base_random_range(r, -1.0, 1.0); }

/* Every number is drawn whether it is used or not, so that turning one step off leaves the others as they were. */
static warp draw_warp(const dataset_augment *a, uint64_t seed, uint64_t epoch, uint64_t sample, int w, int h)
{
    base_random r = base_random_start(seed, "augment geometry", epoch, sample);
    bool flip = base_random_uniform(&r) < a->flip;
    double zoom = exp(symmetric(&r) * log1p(a->scale)), angle = BASE_RAD(symmetric(&r) * a->rotation_deg);
    double shear = symmetric(&r) * a->shear, dx = symmetric(&r) * a->shift * w, dy = symmetric(&r) * a->shift * h;
    double c = cos(angle) / zoom, s = sin(angle) / zoom;
    /* inverse of (shift o zoom o rotate o shear o flip) about the image's centre, outermost first */
    warp m = { .xx = c, .xy = s, .yx = -s, .yy = c };
    m.xx -= shear * m.yx;
    m.xy -= shear * m.yy;
    if (flip) {
        m.xx = -m.xx;
        m.xy = -m.xy;
    }
    double cx = (w - 1) / 2.0, cy = (h - 1) / 2.0;
    m.x0 = cx - m.xx * (cx + dx) - m.xy * (cy + dy);
    m.y0 = cy - m.yx * (cx + dx) - m.yy * (cy + dy);
    m.identity = !flip && a->scale == 0 && a->rotation_deg == 0 && a->shear == 0 && a->shift == 0;
    return m;
}

static int clamp_int(int v, int hi) { return v < 0 ? 0 : v > hi ? hi : v; }

static void warp_images(const warp *m, int w, int h, const uint8_t *src_rgb, const uint8_t *src_label, uint8_t *dst_rgb,
                        uint8_t *dst_label)
{
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++) {
            double sx = m->xx * x + m->xy * y + m->x0, sy = m->yx * x + m->yy * y + m->y0;
            int nx = (int)floor(sx + 0.5), ny = (int)floor(sy + 0.5), ix = (int)floor(sx), iy = (int)floor(sy);
            float fx = (float)(sx - ix), fy = (float)(sy - iy);
            size_t at = (size_t)y * (size_t)w + (size_t)x;
            bool inside = nx >= 0 && nx < w && ny >= 0 && ny < h;
            dst_label[at] = inside ? src_label[(size_t)ny * (size_t)w + (size_t)nx] : DATASET_IGNORED;
            int x0 = clamp_int(ix, w - 1), x1 = clamp_int(ix + 1, w - 1);
            const uint8_t *top = src_rgb + (size_t)clamp_int(iy, h - 1) * (size_t)w * 3;
            const uint8_t *low = src_rgb + (size_t)clamp_int(iy + 1, h - 1) * (size_t)w * 3;
            for (int c = 0; c < 3; c++) {
                float a = (float)top[3 * x0 + c] + fx * ((float)top[3 * x1 + c] - (float)top[3 * x0 + c]);
                float b = (float)low[3 * x0 + c] + fx * ((float)low[3 * x1 + c] - (float)low[3 * x0 + c]);
                dst_rgb[3 * at + (size_t)c] = (uint8_t)(a + fy * (b - a) + 0.5f);
            }
        }
}

/* ---- colour ---- */

typedef struct tint {
    float contrast, offset, saturation, gain[3], deviation;
    float gamma[257];
} tint;

static tint draw_tint(const dataset_augment *a, uint64_t seed, uint64_t epoch, uint64_t sample)
{
    base_random r = base_random_start(seed, "augment colour", epoch, sample);
    tint t;
    t.contrast = (float)(1.0 + symmetric(&r) * a->contrast);
    t.offset = (float)(128.0 - 128.0 * t.contrast + 255.0 * symmetric(&r) * a->brightness);
    t.saturation = (float)(1.0 + symmetric(&r) * a->saturation);
    for (int c = 0; c < 3; c++)
        t.gain[c] = (float)(1.0 + symmetric(&r) * a->channel);
    double exponent = exp(symmetric(&r) * log1p(a->gamma));
    for (int i = 0; i < 257; i++)
        t.gamma[i] = a->gamma > 0 ? (float)(255.0 * pow(i / 255.0, exponent)) : (float)i;
    t.deviation = (float)(255.0 * a->noise * base_random_uniform(&r));
    return t;
}

static inline float clamp255(float v) { return v < 0.0f ? 0.0f : v > 255.0f ? 255.0f : v; }

/* Sum of four uniform numbers, scaled to deviation 1: near enough to a normal draw (no tail past 3.5) for one hash and no log. */
static inline float quick_normal(base_random *r)
{
    uint64_t bits = base_random_bits(r);
    float sum = (float)((bits & 0xffff) + (bits >> 16 & 0xffff) + (bits >> 32 & 0xffff) + (bits >> 48));
    return (sum - 2.0f * 65535.0f) * (1.7320508f / 65536.0f);
}

static void tint_image(const tint *t, base_random noise, uint8_t *rgb, size_t pixels)
{
    for (size_t i = 0; i < pixels; i++) {
        uint8_t *p = rgb + 3 * i;
        float v[3];
        for (int c = 0; c < 3; c++)
            v[c] = (float)p[c] * t->contrast + t->offset;
        float grey = 0.299f * v[0] + 0.587f * v[1] + 0.114f * v[2];
        for (int c = 0; c < 3; c++) {
            float x = clamp255((grey + (v[c] - grey) * t->saturation) * t->gain[c]);
            int k = (int)x;
            x = t->gamma[k] + (x - (float)k) * (t->gamma[k + 1] - t->gamma[k]);
            if (t->deviation > 0.0f)
                x += t->deviation * quick_normal(&noise);
            p[c] = (uint8_t)(clamp255(x) + 0.5f);
        }
    }
}

/* ---- the older project's mode ---- */

static void apply_original(uint64_t sample, int w, int h, const uint8_t *src_rgb, const uint8_t *src_label, uint8_t *dst_rgb,
                           uint8_t *dst_label)
{
    base_random r = base_random_start(0, "augment original", sample, 0);
    size_t pixels = (size_t)w * (size_t)h;
    switch (base_random_below(&r, 3)) {
    case 0: { /* brightness; its clip raises black to 10 as well */
        int add = 10 + (int)base_random_below(&r, 10);
        for (size_t i = 0; i < 3 * pixels; i++)
            dst_rgb[i] = (uint8_t)(src_rgb[i] + add > 255 ? 255 : src_rgb[i] + add);
        memcpy(dst_label, src_label, pixels);
        break;
    }
    case 1: {
        float a = (float)base_random_range(&r, 0.1, 0.3);
        for (size_t i = 0; i < 3 * pixels; i++)
            dst_rgb[i] = (uint8_t)clamp255((float)src_rgb[i] * (1.0f + a) - 128.0f * a);
        memcpy(dst_label, src_label, pixels);
        break;
    }
    default: {
        warp mirror = { .xx = -1, .x0 = w - 1, .yy = 1 };
        warp_images(&mirror, w, h, src_rgb, src_label, dst_rgb, dst_label);
        break;
    }
    }
}

void dataset_augment_apply(const dataset_augment *a, uint64_t seed, uint64_t epoch, uint64_t sample, int width_px,
                           int height_px, const uint8_t *src_rgb, const uint8_t *src_label, uint8_t *dst_rgb,
                           uint8_t *dst_label)
{
    size_t pixels = (size_t)width_px * (size_t)height_px;
    if (a->mode == DATASET_AUGMENT_ORIGINAL) {
        apply_original(sample, width_px, height_px, src_rgb, src_label, dst_rgb, dst_label);
        return;
    }
    warp m = draw_warp(a, seed, epoch, sample, width_px, height_px);
    if (a->mode == DATASET_AUGMENT_OFF || m.identity) {
        memcpy(dst_rgb, src_rgb, 3 * pixels);
        memcpy(dst_label, src_label, pixels);
    } else
        warp_images(&m, width_px, height_px, src_rgb, src_label, dst_rgb, dst_label);
    bool colour = a->brightness > 0 || a->contrast > 0 || a->saturation > 0 || a->channel > 0 || a->gamma > 0 || a->noise > 0;
    if (a->mode == DATASET_AUGMENT_STANDARD && colour) {
        tint t = draw_tint(a, seed, epoch, sample);
        tint_image(&t, base_random_start(seed, "augment noise", epoch, sample), dst_rgb, pixels);
    }
}
