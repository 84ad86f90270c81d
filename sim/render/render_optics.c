/* The way of a picture through a camera: from the renderer's light to bytes. */
#include "sim/render/optics_internal.h"
#include "base/random.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct render_camera {
    render_optics optics;
    bool has_met; /* the exposure has begun: */
    float ev;
    double time_s;
    optics_bend bend;
    float white[3][3];
    optics_plane work[2], glow[OPTICS_GLOW_LEVELS], ghosts;
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
typedef uint32_t quad __attribute__((vector_size(16), may_alias));
typedef struct finish {
    const render_camera *camera;
    const render_exposed *in;
    const optics_px *src;
    uint8_t *bgra;
    float exposure;
    optics_px column[3]; /* white balance times exposure */
    bool bends, is_plain, glows;
    float grain; /* deviation at a light of 1 */
    uint32_t seed;
} finish;

static optics_px at_lens(const finish *f, float sx, float sy)
{
    int w = f->in->width, h = f->in->height;
    optics_px c = optics_sample(f->src, w, h, sx, sy);
    const optics_plane *g = &f->camera->glow[0];
    if (f->glows)
        c += optics_sample(g->at, g->width, g->height, sx * 0.5f, sy * 0.5f);
    return c;
}

static float beyond(float x, float offset) /* x -1..1: how far outside the offset, as a share of the rest */
{
    float away = fabsf(x) - offset;
    return away > 0 && offset < 1 ? (x > 0 ? away : -away) / (1 - offset) : 0;
}

/* Light that the lens brings to the middle of pixel (x, y). */
static optics_px through_lens(const finish *f, int x, int y)
{
    const render_optics *o = &f->camera->optics;
    float w = (float)f->in->width, h = (float)f->in->height;
    float u = ((float)x + 0.5f) / w - 0.5f, v = ((float)y + 0.5f) / h - 0.5f,
          b = optics_bend_at(&f->camera->bend, u * u + v * v);
    u *= 1 + o->distortion.x_size * b;
    v *= 1 + o->distortion.y_size * b;
    optics_px blue = at_lens(f, (0.5f + u) * w, (0.5f + v) * h);
    if (!(o->fringe > 0))
        return blue;
    /* Unreal's: the shift is linear in the wavelength of the primaries, 611, 549 and 464 nm. */
    float du = beyond(2 * u, o->fringe_offset) * 0.5f * 0.01f * o->fringe,
          dv = beyond(2 * v, o->fringe_offset) * 0.5f * 0.01f * o->fringe;
    const float red_share = 1.029f, green_share = 0.594f;
    optics_px red = at_lens(f, (0.5f + u - du * red_share) * w, (0.5f + v - dv * red_share) * h);
    optics_px green = at_lens(f, (0.5f + u - du * green_share) * w, (0.5f + v - dv * green_share) * h);
    return (optics_px){ red[0], green[1], blue[2], 0 };
}

/* Three numbers of mean 0 and deviation 1: sums of four bytes each. */
static optics_px noise(uint32_t seed, uint32_t pixel)
{
    quad h = (quad){ 0x9e3779b9u, 0x85ebca6bu, 0xc2b2ae35u, 0x27d4eb2fu } * (pixel + 1) + seed;
    h = (h ^ h >> 16) * 0x7feb352du;
    h = (h ^ h >> 15) * 0x846ca68bu;
    h = h ^ h >> 16;
    quad sum = (h & 255) + (h >> 8 & 255) + (h >> 16 & 255) + (h >> 24);
    optics_px out;
    for (int k = 0; k < 4; k++)
        out[k] = ((float)(int32_t)sum[k] - 510) * (1 / 147.8f);
    return out;
}

static uint32_t code(const uint16_t *codes, float light)
{
    light = light > OPTICS_CODE_LEAST ? (light < OPTICS_CODE_MOST ? light : OPTICS_CODE_MOST) : OPTICS_CODE_LEAST;
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
            optics_px c = f->bends ? through_lens(f, x, y) : f->src[row + (size_t)x];
            if (!f->bends && f->glows) {
                const optics_plane *g = &f->camera->glow[0];
                c += optics_sample(g->at, g->width, g->height, ((float)x + 0.5f) * 0.5f, ((float)y + 0.5f) * 0.5f);
            }
            if (f->is_plain)
                c *= f->exposure;
            else
                c = f->column[0] * c[0] + f->column[1] * c[1] + f->column[2] * c[2];
            if (f->grain > 0) {
                optics_px n = noise(f->seed, (uint32_t)(row + (size_t)x));
                for (int k = 0; k < 3; k++)
                    c[k] += n[k] * f->grain * sqrtf((c[k] > 0 ? c[k] : 0) + 0.01f);
            }
            uint32_t packed = code(codes, c[2]) | code(codes, c[1]) << 8 | code(codes, c[0]) << 16 | 0xff000000u;
            memcpy(f->bgra + 4 * (row + (size_t)x), &packed, 4);
        }
    }
}

bool render_camera_develop(render_camera *c, base_pool *pool, const render_exposed *in, uint8_t *bgra, base_error *err)
{
    const render_optics *o = &c->optics;
    const optics_px *src = (const optics_px *)(const void *)in->radiance;
    int next = 0;
    if (render_optics_needs_motion(o) && in->motion && in->motion_s > 0) {
        if (!optics_plane_resize(&c->work[next], in->width, in->height, err))
            return false;
        optics_motion_blur(o, pool, in, src, c->work[next].at);
        src = c->work[next++].at;
    }
    if (o->has_focus && in->depth) {
        if (!optics_plane_resize(&c->work[next], in->width, in->height, err))
            return false;
        optics_focus(o, pool, in, src, c->work[next].at);
        src = c->work[next].at;
    }
    finish f = {
        .camera = c, .in = in, .src = src, .bgra = bgra, .exposure = expose(c, in), .is_plain = !has_white_balance(o)
    };
    if (has_glow(o) && !optics_glow(o, pool, src, in->width, in->height, f.exposure, c->glow, &c->ghosts, err))
        return false;
    f.glows = has_glow(o);
    f.bends = render_distortion_acts(&o->distortion) || o->fringe > 0;
    for (int k = 0; k < 3; k++)
        f.column[k] = (optics_px){ c->white[0][k], c->white[1][k], c->white[2][k], 0 } * f.exposure;
    f.grain = 0.006f * sqrtf(o->grain);
    base_random r = base_random_start(o->seed, "grain", in->picture, 0);
    f.seed = (uint32_t)base_random_bits(&r);
    base_pool_run(pool, (in->height + ROWS - 1) / ROWS, finish_rows, &f);
    return true;
}
