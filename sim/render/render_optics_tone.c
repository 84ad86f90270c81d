/* From light to code: exposure by hand or by the mean of the picture, white balance, film curve and gamma. */
#include "sim/render/optics_internal.h"
#include <math.h>
#include <string.h>

/* ---- exposure */

/* The factor before the tone curve at EV100 = 12. The weather's own exposure is about this at noon and 2.1 stops more at night: CARLA's default
 * range of an automatic camera, 12 to 10. */
#define EXPOSURE_AT_12 0.66f
#define MIDDLE_GREY    0.18f

float optics_exposure_of_ev(float ev) { return EXPOSURE_AT_12 * exp2f(12 - ev); }
float optics_ev_of_exposure(float exposure) { return 12 - log2f(exposure / EXPOSURE_AT_12); }

/* Mean of log2 of the luminance, without the darkest and the brightest tenth, as Unreal's histogram has it by default. */
float optics_meter(const render_exposed *in)
{
    enum { PER_OCTAVE = 16, LEAST = -20, OCTAVES = 32, BINS = OCTAVES * PER_OCTAVE, SAMPLES = 1 << 15 };
    uint32_t bins[BINS] = { 0 }, count = 0;
    int step = 1;
    while ((int64_t)(in->width / step) * (in->height / step) > SAMPLES)
        step++;
    for (int y = step / 2; y < in->height; y += step)
        for (int x = step / 2; x < in->width; x += step) {
            const float *c = in->radiance + ((size_t)y * (size_t)in->width + (size_t)x) * 4;
            float luma = 0.2126f * c[0] + 0.7152f * c[1] + 0.0722f * c[2];
            if (!(luma > 0))
                continue;
            int bin = (int)floorf((log2f(luma) - LEAST) * PER_OCTAVE);
            bins[bin < 0 ? 0 : bin >= BINS ? BINS - 1 : bin]++;
            count++;
        }
    if (!count)
        return NAN;
    double below = 0, from = 0.1 * count, to = 0.9 * count, sum = 0;
    for (int i = 0; i < BINS; i++) {
        double share = fmin(below + bins[i], to) - fmax(below, from);
        if (share > 0)
            sum += share * (LEAST + (i + 0.5) / PER_OCTAVE);
        below += bins[i];
    }
    return optics_ev_of_exposure(MIDDLE_GREY / exp2f((float)(sum / (to - from))));
}

float optics_adapt(const render_optics *o, float ev, float target, double dt_s)
{
    const float near = 1.5f; /* stops */
    float away = target - ev, speed = away > 0 ? o->up_ev_per_s : o->down_ev_per_s, left = (float)dt_s * speed;
    float far = fabsf(away) - near; /* at full speed until only `near` is left */
    if (far > 0) {
        float go = fminf(left, far);
        ev += away > 0 ? go : -go;
        away = target - ev;
        left -= go;
    }
    return ev + away * (1 - expf(-left / near));
}

/* ---- white balance */

typedef struct chroma {
    double x, y;
} chroma;

/* CIE's formula for daylight, 4000 to 25000 K, and Krystek's for the black body below (Color Research & Application 10, 1985). */
static chroma white_of(double kelvin, double tint)
{
    double t = fmax(1000, fmin(25000, kelvin)), u, v, du, dv;
    const double step = 1;
    double at[2][2]; /* u, v of 1960 at t and a little on, for the direction along the locus */
    for (int i = 0; i < 2; i++) {
        double k = t + step * i;
        if (k < 4000) {
            at[i][0] =
                (0.860117757 + 1.54118254e-4 * k + 1.28641212e-7 * k * k) / (1 + 8.42420235e-4 * k + 7.08145163e-7 * k * k);
            at[i][1] =
                (0.317398726 + 4.22806245e-5 * k + 4.20481691e-8 * k * k) / (1 - 2.89741816e-5 * k + 1.61456053e-7 * k * k);
            continue;
        }
        double m = 1000 / k;
        double x = k <= 7000 ? ((-4.6070 * m + 2.9678) * m + 0.09911) * m + 0.244063
                             : ((-2.0064 * m + 1.9018) * m + 0.24748) * m + 0.237040;
        double y = (-3 * x + 2.870) * x - 0.275, w = -2 * x + 12 * y + 3;
        at[i][0] = 4 * x / w;
        at[i][1] = 6 * y / w;
    }
    du = at[1][0] - at[0][0];
    dv = at[1][1] - at[0][1];
    double length = sqrt(du * du + dv * dv);
    /* Tint leaves the locus at a right angle: towards green when positive, a twentieth for 1. */
    u = at[0][0] + dv / length * tint * 0.05;
    v = at[0][1] - du / length * tint * 0.05;
    double w = 2 * u - 8 * v + 4;
    return (chroma){ 3 * u / w, 2 * v / w };
}

static void multiply(const double a[3][3], const double b[3][3], double out[3][3])
{
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++)
            out[i][j] = a[i][0] * b[0][j] + a[i][1] * b[1][j] + a[i][2] * b[2][j];
}

static void invert(const double m[3][3], double out[3][3])
{
    double cofactor[3][3];
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++) {
            int a = (i + 1) % 3, b = (i + 2) % 3, c = (j + 1) % 3, d = (j + 2) % 3;
            cofactor[i][j] = m[a][c] * m[b][d] - m[a][d] * m[b][c];
        }
    double det = m[0][0] * cofactor[0][0] + m[0][1] * cofactor[0][1] + m[0][2] * cofactor[0][2];
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++)
            out[i][j] = cofactor[j][i] / det;
}

void optics_white_balance(float temperature_k, float tint, float matrix[3][3])
{
    static const double bradford[3][3] = { { 0.8951, 0.2664, -0.1614 },
                                           { -0.7502, 1.7135, 0.0367 },
                                           { 0.0389, -0.0685, 1.0296 } };
    static const double xyz_of_rgb[3][3] = { { 0.4124564, 0.3575761, 0.1804375 },
                                             { 0.2126729, 0.7151522, 0.0721750 },
                                             { 0.0193339, 0.1191920, 0.9503041 } };
    chroma from = white_of(temperature_k, tint), to = white_of(6500, 0);
    double white[2][3] = { { from.x / from.y, 1, (1 - from.x - from.y) / from.y },
                           { to.x / to.y, 1, (1 - to.x - to.y) / to.y } };
    double cone[2][3], scale[3][3] = { { 0 } }, back[3][3], rgb_of_xyz[3][3], a[3][3], b[3][3];
    for (int k = 0; k < 2; k++)
        for (int i = 0; i < 3; i++)
            cone[k][i] = bradford[i][0] * white[k][0] + bradford[i][1] * white[k][1] + bradford[i][2] * white[k][2];
    for (int i = 0; i < 3; i++)
        scale[i][i] = cone[1][i] / cone[0][i];
    invert(bradford, back);
    invert(xyz_of_rgb, rgb_of_xyz);
    multiply(scale, bradford, a);
    multiply(back, a, b);
    multiply(b, xyz_of_rgb, a);
    multiply(rgb_of_xyz, a, b);
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++)
            matrix[i][j] = (float)b[i][j];
}

/* ---- film */

/* As render_light_body.h. */
static double own_curve(double v) { return v * (2.51 * v + 0.03) / (v * (2.43 * v + 0.59) + 0.14); }

/* Unreal's film curve (its documentation of the filmic tone mapper): over the logarithm a straight line of the given slope, with an S-shaped
 * end at the toe and at the shoulder; 0.18 stays 0.18. */
typedef struct film {
    double slope, toe_scale, shoulder_scale, black, white, toe_at, straight, shoulder_at;
} film;

static film film_of(const render_optics *o)
{
    film f = { .slope = o->slope, .black = o->black_clip, .white = o->white_clip };
    f.toe_scale = 1 + o->black_clip - o->toe;
    f.shoulder_scale = 1 + o->white_clip - o->shoulder;
    const double grey = log10(0.18);
    if (o->toe > 0.8) {
        f.toe_at = (1 - o->toe - 0.18) / f.slope + grey;
    } else {
        double t = (0.18 + o->black_clip) / f.toe_scale - 1;
        t = fmax(-0.999, fmin(0.999, t));
        f.toe_at = grey - 0.5 * log((1 + t) / (1 - t)) * f.toe_scale / f.slope;
    }
    f.straight = (1 - o->toe) / f.slope - f.toe_at;
    f.shoulder_at = o->shoulder / f.slope - f.straight;
    return f;
}

static double film_at(const film *f, double light)
{
    double x = log10(light), line = f->slope * (x + f->straight);
    double toe = 2 * f->toe_scale / (1 + exp(-2 * f->slope / f->toe_scale * (x - f->toe_at))) - f->black;
    double shoulder = 1 + f->white - 2 * f->shoulder_scale / (1 + exp(2 * f->slope / f->shoulder_scale * (x - f->shoulder_at)));
    toe = x < f->toe_at ? toe : line;
    shoulder = x > f->shoulder_at ? shoulder : line;
    double span = f->shoulder_at - f->toe_at, t = span != 0 ? fmax(0, fmin(1, (x - f->toe_at) / span)) : x > f->toe_at;
    t = span < 0 ? 1 - t : t;
    return toe + (shoulder - toe) * t * t * (3 - 2 * t);
}

void optics_film_fill(uint16_t codes[OPTICS_CODES], const render_optics *o)
{
    film f = film_of(o);
    /* What the renderer's curve makes 0.18 of is made 0.18 by the film too: another slope does not also darken the picture. */
    const double same_grey = 0.18 / 0.13017;
    for (int i = 0; i < OPTICS_CODES; i++) {
        int octave = OPTICS_OCTAVE_LEAST + (i >> OPTICS_STEP_BITS);
        double part = (i & ((1 << OPTICS_STEP_BITS) - 1)) + 0.5;
        double light = ldexp(1 + part / (1 << OPTICS_STEP_BITS), octave);
        double c = o->own_film ? film_at(&f, light * same_grey) : own_curve(light);
        c = fmax(0, fmin(1, c));
        if (o->gamma != 2.2f)
            c = pow(c, 2.2 / o->gamma);
        double s1 = sqrt(c), s2 = sqrt(s1), s3 = sqrt(s2); /* as render_tile_body.h codes it */
        double shown = 0.662002687 * s1 + 0.684122060 * s2 - 0.323583601 * s3 - 0.0225411470 * c;
        codes[i] = (uint16_t)(fmax(0, fmin(1, shown)) * 255 * 256 + 0.5);
    }
}
