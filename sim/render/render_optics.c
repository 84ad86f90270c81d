/* The way of a picture through a camera: from the renderer's light to bytes. */
#include "sim/render/optics_internal.h"
#include "base/random.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

typedef struct lens_tap { /* four neighbours, from the upper left one on, and where between them */
    uint32_t at;
    uint16_t fx, fy;
} lens_tap;

struct render_camera {
    render_optics optics;
    bool has_met; /* the exposure has begun: */
    float ev;
    double time_s;
    optics_bend bend;
    float white[3][3];
    optics_plane work[2], glow[OPTICS_GLOW_LEVELS], ghosts;
    lens_tap *taps;    /* [height][width][1, or 3 with fringes] */
    int width, height; /* of the taps */
    uint16_t codes[OPTICS_CODES];
};

/* ---- settings */

render_optics render_optics_default(void)
{
    return (render_optics){ .metering = RENDER_METER_WEATHER,
                            .iso = 100,
                            .shutter_per_s = 200,
                            .fstop = 1.4f,
                            .min_ev = 10,
                            .max_ev = 12,
                            .up_ev_per_s = 3,
                            .down_ev_per_s = 1,
                            .slope = 0.88f,
                            .toe = 0.55f,
                            .shoulder = 0.26f,
                            .white_clip = 0.04f,
                            .gamma = 2.2f,
                            .temperature_k = 6500,
                            .blur_max_percent = 0.35f,
                            .focus_m = 10,
                            .min_fstop = 1.2f,
                            .blades = 5,
                            .haze_km = 1 };
}

bool render_optics_check(const render_optics *o, base_error *err)
{
    const struct {
        const char *name;
        double value, lo, hi;
    } rows[] = {
        { "iso", o->iso, 1e-2, 1e7 },
        { "shutter_per_s", o->shutter_per_s, 1e-3, 1e7 },
        { "fstop", o->fstop, 1e-2, 1e4 },
        { "min_ev", o->min_ev, -100, 100 },
        { "max_ev", o->max_ev, o->min_ev, 100 },
        { "up_ev_per_s", o->up_ev_per_s, 0, 1e4 },
        { "down_ev_per_s", o->down_ev_per_s, 0, 1e4 },
        { "compensation_ev", o->compensation_ev, -40, 40 },
        { "slope", o->slope, 1e-2, 10 },
        { "toe", o->toe, 0, 1 },
        { "shoulder", o->shoulder, 0, 1 },
        { "black_clip", o->black_clip, 0, 1 },
        { "white_clip", o->white_clip, 0, 1 },
        { "gamma", o->gamma, 0.1, 20 },
        { "temperature_k", o->temperature_k, 1000, 25000 },
        { "tint", o->tint, -1, 1 },
        { "grain", o->grain, 0, 1000 },
        { "distortion.k", o->distortion.k, -1e4, 1e4 },
        { "distortion.kcube", o->distortion.kcube, -1e4, 1e4 },
        { "distortion.x_size", o->distortion.x_size, -100, 100 },
        { "distortion.y_size", o->distortion.y_size, -100, 100 },
        { "distortion.multiplier", o->distortion.multiplier, 0, 1e3 },
        { "distortion.falloff", o->distortion.falloff, 0, 100 },
        { "fringe", o->fringe, 0, 100 },
        { "fringe_offset", o->fringe_offset, 0, 1 },
        { "bloom", o->bloom, 0, 100 },
        { "flare", o->flare, 0, 100 },
        { "blur", o->blur, 0, 100 },
        { "blur_max_percent", o->blur_max_percent, 0, 100 },
        { "focus_m", o->focus_m, 1e-2, 1e7 },
        { "min_fstop", o->min_fstop, 0, 1e4 },
        { "blades", o->blades, 3, 1e6 },
        { "haze_px", o->haze_px, 0, 1e3 },
        { "haze_km", o->haze_km, 1e-6, 1e6 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (!(rows[i].value >= rows[i].lo && rows[i].value <= rows[i].hi))
            return base_fail(err, BASE_ARGUMENT, "optics: %s is %g, expected %g..%g", rows[i].name, rows[i].value, rows[i].lo,
                             rows[i].hi);
    return true;
}

static bool has_glow(const render_optics *o) { return o->bloom > 0 || o->flare > 0; }
static bool has_white_balance(const render_optics *o) { return o->temperature_k != 6500 || o->tint != 0; }
bool render_optics_needs_motion(const render_optics *o) { return o->blur > 0 && o->blur_max_percent > 0; }
bool render_optics_needs_depth(const render_optics *o) { return o->has_focus; }

bool render_optics_acts(const render_optics *o)
{
    return o->metering != RENDER_METER_WEATHER || o->compensation_ev != 0 || o->own_film || o->gamma != 2.2f ||
           has_white_balance(o) || o->grain > 0 || render_distortion_acts(&o->distortion) || o->fringe > 0 || has_glow(o) ||
           render_optics_needs_motion(o) || o->has_focus;
}

/* ---- the camera */

bool optics_plane_resize(optics_plane *p, int width, int height, base_error *err)
{
    size_t wanted = (size_t)width * (size_t)height;
    p->width = width;
    p->height = height;
    if (wanted <= p->capacity)
        return true;
    free(p->at);
    p->at = aligned_alloc(64, (wanted * sizeof *p->at + 63) / 64 * 64);
    p->capacity = p->at ? wanted : 0;
    return p->at || base_fail(err, BASE_MEMORY, "optics: no memory for a picture of %d x %d pixels", width, height);
}

render_camera *render_camera_create(const render_optics *o, base_error *err)
{
    if (!render_optics_check(o, err))
        return NULL;
    render_camera *c = calloc(1, sizeof *c);
    if (!c) {
        base_fail(err, BASE_MEMORY, "optics: out of memory");
        return NULL;
    }
    c->optics = *o;
    optics_bend_fill(&c->bend, &o->distortion);
    optics_white_balance(o->temperature_k, o->tint, c->white);
    optics_film_fill(c->codes, o);
    return c;
}

void render_camera_destroy(render_camera *c)
{
    if (!c)
        return;
    for (int i = 0; i < 2; i++)
        free(c->work[i].at);
    for (int i = 0; i < OPTICS_GLOW_LEVELS; i++)
        free(c->glow[i].at);
    free(c->ghosts.at);
    free(c->taps);
    free(c);
}

float render_camera_ev(const render_camera *c) { return c->ev; }

/* The first picture is exposed as it should be; later ones follow the light in time. */
static float expose(render_camera *c, const render_exposed *in)
{
    const render_optics *o = &c->optics;
    if (o->metering == RENDER_METER_WEATHER) {
        c->ev = optics_ev_of_exposure(in->exposure);
        return in->exposure * exp2f(o->compensation_ev);
    }
    if (o->metering == RENDER_METER_MANUAL) {
        c->ev = log2f(o->fstop * o->fstop * o->shutter_per_s * 100 / o->iso);
    } else {
        float target = optics_meter(in);
        if (isnan(target)) /* black: as open as it goes */
            target = o->min_ev;
        target = fmaxf(o->min_ev, fminf(o->max_ev, target));
        c->ev = c->has_met ? optics_adapt(o, c->ev, target, fmax(0, in->time_s - c->time_s)) : target;
        c->has_met = true;
        c->time_s = in->time_s;
    }
    return optics_exposure_of_ev(c->ev - o->compensation_ev);
}

/* ---- the last step: lens, grain, white balance and film, row by row */

enum { ROWS = 16 };
typedef struct finish {
    const render_camera *camera;
    const render_exposed *in;
    const optics_px *src;
    uint8_t *bgra;
    float exposure;
    optics_px column[3]; /* white balance times exposure */
    bool bends, is_plain;
    float grain; /* deviation at a light of 1 */
    uint64_t seed;
} finish;

static float beyond(float x, float offset) /* x -1..1: how far outside the offset, as a share of the rest */
{
    float away = fabsf(x) - offset;
    return away > 0 && offset < 1 ? (x > 0 ? away : -away) / (1 - offset) : 0;
}

/* Unreal's fringes: the shift is linear in the wavelength of the primaries, 464, 549 and 611 nm; blue stays. */
static const float fringe_share[3] = { 1.029f, 0.594f, 0 };

/* The two pixels of a row of `count` that x lies between, and how far from the first; outside: the edge's. */
static uint16_t between(int *first, float x, int count)
{
    float last = (float)(count - 1);
    x = x > 0 ? (x < last ? x : last) : 0;
    *first = (int)x < count - 1 ? (int)x : count - 2;
    float rest = (x - (float)*first) * 65536;
    return rest < 65535 ? (uint16_t)rest : 65535;
}

/* Where the colour at (x, y) comes from. */
static lens_tap tap_of(const render_camera *c, int x, int y, float fringe)
{
    const render_optics *o = &c->optics;
    float w = (float)c->width, h = (float)c->height;
    float u = ((float)x + 0.5f) / w - 0.5f, v = ((float)y + 0.5f) / h - 0.5f, b = optics_bend_at(&c->bend, u * u + v * v);
    u *= 1 + o->distortion.x_size * b;
    v *= 1 + o->distortion.y_size * b;
    float du = beyond(2 * u, o->fringe_offset) * 0.005f * fringe, dv = beyond(2 * v, o->fringe_offset) * 0.005f * fringe;
    int x0, y0;
    uint16_t fx = between(&x0, (0.5f + u - du) * w - 0.5f, c->width), fy = between(&y0, (0.5f + v - dv) * h - 0.5f, c->height);
    return (lens_tap){ (uint32_t)(y0 * c->width + x0), fx, fy };
}

/* The lens does the same to every picture: where each pixel comes from is found once. */
static bool prepare_lens(render_camera *c, int width, int height, base_error *err)
{
    if (c->taps && c->width == width && c->height == height)
        return true;
    size_t px = (size_t)width * (size_t)height;
    int colours = c->optics.fringe > 0 ? 3 : 1;
    free(c->taps);
    c->taps = malloc(px * (size_t)colours * sizeof *c->taps);
    if (!c->taps)
        return base_fail(err, BASE_MEMORY, "optics: no memory for a lens of %d x %d pixels", width, height);
    c->width = width;
    c->height = height;
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            for (int k = 0; k < colours; k++)
                c->taps[((size_t)y * (size_t)width + (size_t)x) * (size_t)colours + (size_t)k] =
                    tap_of(c, x, y, colours == 3 ? c->optics.fringe * fringe_share[k] : 0);
    return true;
}

static optics_px at_tap(const finish *f, const lens_tap *t)
{
    const float unit = 1.0f / 65536;
    return optics_mix(f->src + t->at, 1, f->in->width, (float)t->fx * unit, (float)t->fy * unit);
}

/* Light that the lens brings to a pixel. */
static optics_px through_lens(const finish *f, size_t pixel)
{
    const lens_tap *t = f->camera->taps;
    if (!(f->camera->optics.fringe > 0))
        return at_tap(f, t + pixel);
    t += 3 * pixel;
    optics_px red = at_tap(f, t), green = at_tap(f, t + 1), blue = at_tap(f, t + 2);
    return (optics_px){ red[0], green[1], blue[2], 0 };
}

/* Three numbers of mean 0 and deviation 1, each the sum of two even ones: a triangle, which in grain nobody tells from a bell. */
static optics_px noise(uint64_t seed, uint64_t pixel)
{
    uint64_t h = seed + pixel * 0x9e3779b97f4a7c15u;
    h = (h ^ h >> 30) * 0xbf58476d1ce4e5b9u;
    h = (h ^ h >> 27) * 0x94d049bb133111ebu;
    h ^= h >> 31;
    optics_mask a = { (int32_t)h & 1023, (int32_t)(h >> 10) & 1023, (int32_t)(h >> 20) & 1023, 0 };
    optics_mask b = { (int32_t)(h >> 30) & 1023, (int32_t)(h >> 40) & 1023, (int32_t)(h >> 50) & 1023, 0 };
    return (__builtin_convertvector(a + b, optics_px) - 1023.0f) * (1 / 418.05f);
}

static optics_px root(optics_px x)
{
#if defined(__SSE2__)
    return (optics_px)_mm_sqrt_ps((__m128)x);
#else
    return (optics_px){ sqrtf(x[0]), sqrtf(x[1]), sqrtf(x[2]), sqrtf(x[3]) };
#endif
}

static uint32_t code(const uint16_t *codes, float light) /* OPTICS_CODE_LEAST .. OPTICS_CODE_MOST */
{
    uint32_t bits;
    memcpy(&bits, &light, sizeof bits);
    return (codes[(bits >> (23 - OPTICS_STEP_BITS)) - ((127 + OPTICS_OCTAVE_LEAST) << OPTICS_STEP_BITS)] + 128u) >> 8;
}

static void finish_rows(void *user, int part, int worker)
{
    (void)worker;
    const finish *f = user;
    const uint16_t *codes = f->camera->codes;
    int w = f->in->width, end = (part + 1) * ROWS < f->in->height ? (part + 1) * ROWS : f->in->height;
    for (int y = part * ROWS; y < end; y++) {
        size_t row = (size_t)y * (size_t)w;
        for (int x = 0; x < w; x++) {
            optics_px c = f->bends ? through_lens(f, row + (size_t)x) : f->src[row + (size_t)x];
            if (f->is_plain)
                c *= f->exposure;
            else
                c = f->column[0] * c[0] + f->column[1] * c[1] + f->column[2] * c[2];
            if (f->grain > 0)
                c += noise(f->seed, row + (size_t)x) * f->grain * root(optics_clamp(c, 0, OPTICS_CODE_MOST) + 0.01f);
            c = optics_clamp(c, OPTICS_CODE_LEAST, OPTICS_CODE_MOST);
            uint32_t packed = code(codes, c[2]) | code(codes, c[1]) << 8 | code(codes, c[0]) << 16 | 0xff000000u;
            memcpy(f->bgra + 4 * (row + (size_t)x), &packed, 4);
        }
    }
}

/* The plane that src is not in, large enough; NULL: out of memory. */
static optics_px *other_plane(render_camera *c, const render_exposed *in, const optics_px *src, base_error *err)
{
    optics_plane *p = &c->work[src == c->work[0].at];
    return optics_plane_resize(p, in->width, in->height, err) ? p->at : NULL;
}

bool render_camera_develop(render_camera *c, base_pool *pool, const render_exposed *in, uint8_t *bgra, base_error *err)
{
    const render_optics *o = &c->optics;
    const optics_px *src = (const optics_px *)(const void *)in->radiance;
    optics_px *dst;
    if (render_optics_needs_motion(o) && in->motion && in->motion_s > 0) {
        if (!(dst = other_plane(c, in, src, err)))
            return false;
        optics_motion_blur(o, pool, in, src, dst);
        src = dst;
    }
    if (o->has_focus && in->depth) {
        if (!(dst = other_plane(c, in, src, err)))
            return false;
        optics_focus(o, pool, in, src, dst);
        src = dst;
    }
    finish f = { .camera = c, .in = in, .bgra = bgra, .exposure = expose(c, in), .is_plain = !has_white_balance(o) };
    if (has_glow(o)) {
        if (!(dst = other_plane(c, in, src, err)) ||
            !optics_glow(o, pool, src, in->width, in->height, f.exposure, c->glow, &c->ghosts, dst, err))
            return false;
        src = dst;
    }
    f.src = src;
    f.bends = (render_distortion_acts(&o->distortion) || o->fringe > 0) && in->width > 1 && in->height > 1;
    if (f.bends && !prepare_lens(c, in->width, in->height, err))
        return false;
    for (int k = 0; k < 3; k++)
        f.column[k] = (optics_px){ c->white[0][k], c->white[1][k], c->white[2][k], 0 } * f.exposure;
    f.grain = 0.006f * sqrtf(o->grain);
    base_random r = base_random_start(o->seed, "grain", in->picture, 0);
    f.seed = base_random_bits(&r);
    base_pool_run(pool, (in->height + ROWS - 1) / ROWS, finish_rows, &f);
    return true;
}
