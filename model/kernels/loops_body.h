/* model/kernels/loops_body.h — the source of model_loops, compiled once per instruction set: define LOOPS to the table's name
 * and include this file. Plain C with `omp simd`: these loops are bound by memory, and written this way every level rounds alike
 * (sums aside, they are the same bits for every level).
 *
 * Few channels would leave vectors half empty and sums waiting for memory, so pixels are looked at as wider ones: `repeat`
 * neighbours become one row of repeat*channels values, and per-channel operands are repeated (WIDE floats at most). Loops that
 * write need dense tensors (pitch == channels) for that and go pixel by pixel through a channel slice; sums pack a slice first.
 * Vectors are of 8 floats on AVX-512 too: no slower where memory is the limit, twice as fast right after packing 8 channels, because
 * a load of 16 cannot be served from two younger stores of 8. */
#include "model/kernels/rows.h"
#include <math.h>
#include <stdint.h>
#include <string.h>

#define WIDE 128

typedef struct grid {
    size_t rows; /* wide pixels, a shorter last one included */
    size_t repeat;
    size_t last; /* pixels of the last row */
    int width;   /* floats of a row */
} grid;

static grid grid_make(size_t pixels, int channels, bool dense)
{
    int repeat = dense && channels <= WIDE / 2 ? WIDE / channels : 1;
    grid g = { (pixels + (size_t)repeat - 1) / (size_t)repeat, (size_t)repeat, 0, repeat * channels };
    g.last = pixels - (g.rows - 1) * g.repeat;
    return g;
}

/* Pixels of row r, which starts at pixel r*repeat. */
static inline size_t grid_count(const grid *g, size_t r) { return r + 1 < g->rows ? g->repeat : g->last; }

/* Row r of a tensor as dense floats: where it lies, or packed into `packed`. */
static inline const float *row_in(const grid *g, size_t r, const float *a, int pitch, int channels, float packed[WIDE])
{
    a += r * g->repeat * (size_t)pitch;
    if (pitch == channels || g->repeat == 1)
        return a;
    model_copy_pixels(packed, (size_t)channels, a, (size_t)pitch, channels, grid_count(g, r));
    return packed;
}

/* Eight values at a time where there are eight: a constant number that fills a vector. */
#define FOR_VALUES(count, body)                                                                                                \
    do {                                                                                                                       \
        int done = 0;                                                                                                          \
        for (; done + 8 <= (count); done += 8) {                                                                               \
            _Pragma("omp simd") for (int i = done; i < done + 8; i++) body                                                     \
        }                                                                                                                      \
        for (int i = done; i < (count); i++)                                                                                   \
            body                                                                                                               \
    } while (0)

static const float *widen(const float *values, int channels, int width, float wide[WIDE])
{
    if (width == channels)
        return values;
    for (int i = 0; i < width; i++)
        wide[i] = values[i % channels];
    return wide;
}

/* sums[c] = wide[c] + wide[c + channels] + ..., in that order. */
static void fold(const float *wide, int channels, int width, float *sums)
{
    for (int c = 0; c < channels; c++) {
        float sum = 0;
        for (int i = c; i < width; i += channels)
            sum += wide[i];
        sums[c] = sum;
    }
}

static void loop_relu(size_t pixels, int channels, const float *a, int a_pitch, float *dst, int dst_pitch)
{
    grid g = grid_make(pixels, channels, a_pitch == channels && dst_pitch == channels);
    for (size_t r = 0; r < g.rows; r++) {
        int width = (int)grid_count(&g, r) * channels;
        const float *x = a + r * g.repeat * (size_t)a_pitch;
        float *y = dst + r * g.repeat * (size_t)dst_pitch;
        FOR_VALUES(width, { y[i] = x[i] > 0 ? x[i] : 0; });
    }
}

static void loop_relu_backward(size_t pixels, int channels, const float *a, int a_pitch, const float *b, int b_pitch,
                               float *dst, int dst_pitch)
{
    grid g = grid_make(pixels, channels, a_pitch == channels && b_pitch == channels && dst_pitch == channels);
    for (size_t r = 0; r < g.rows; r++) {
        int width = (int)grid_count(&g, r) * channels;
        const float *x = a + r * g.repeat * (size_t)a_pitch, *gy = b + r * g.repeat * (size_t)b_pitch;
        float *gx = dst + r * g.repeat * (size_t)dst_pitch;
        FOR_VALUES(width, { gx[i] = x[i] > 0 ? gy[i] : 0; });
    }
}

static void loop_add(size_t pixels, int channels, const float *a, int a_pitch, const float *b, int b_pitch, float *dst,
                     int dst_pitch)
{
    grid g = grid_make(pixels, channels, a_pitch == channels && b_pitch == channels && dst_pitch == channels);
    for (size_t r = 0; r < g.rows; r++) {
        int width = (int)grid_count(&g, r) * channels;
        const float *x = a + r * g.repeat * (size_t)a_pitch, *y = b + r * g.repeat * (size_t)b_pitch;
        float *z = dst + r * g.repeat * (size_t)dst_pitch;
        FOR_VALUES(width, { z[i] = x[i] + y[i]; });
    }
}

/* Sums of channels that do not fit WIDE go straight to the caller's array; narrow ones through a wide copy. */
static void loop_sum(size_t pixels, int channels, const float *a, int a_pitch, float *sums)
{
    grid g = grid_make(pixels, channels, true);
    float wide[WIDE] = { 0 };
    float *s = g.repeat > 1 ? wide : sums;
    memset(s, 0, (size_t)g.width * sizeof *s);
    for (size_t r = 0; r < g.rows; r++) {
        int width = (int)grid_count(&g, r) * channels;
        float packed_a[WIDE];
        const float *x = row_in(&g, r, a, a_pitch, channels, packed_a);
        FOR_VALUES(width, { s[i] += x[i]; });
    }
    if (g.repeat > 1)
        fold(wide, channels, g.width, sums);
}

#include "model/kernels/batchnorm_body.h"

static void loop_batchnorm_gradient(size_t pixels, int channels, bool relu, const float *a, int a_pitch, const float *grad,
                                    int grad_pitch, const float *scale, const float *shift, const float *mean,
                                    const float *offset, const float *slope, float *dst, int dst_pitch)
{
    grid g = grid_make(pixels, channels, a_pitch == channels && grad_pitch == channels && dst_pitch == channels);
    float wide[5][WIDE];
    scale = widen(scale, channels, g.width, wide[0]);
    shift = widen(shift, channels, g.width, wide[1]);
    mean = widen(mean, channels, g.width, wide[2]);
    offset = widen(offset, channels, g.width, wide[3]);
    slope = widen(slope, channels, g.width, wide[4]);
    float least = relu ? 0 : -INFINITY;
    for (size_t r = 0; r < g.rows; r++) {
        int width = (int)grid_count(&g, r) * channels;
        const float *x = a + r * g.repeat * (size_t)a_pitch;
        const float *gy = grad + r * g.repeat * (size_t)grad_pitch;
        float *gx = dst + r * g.repeat * (size_t)dst_pitch;
        FOR_VALUES(width, {
            float v = x[i] * scale[i] + shift[i];
            float m = v > least ? gy[i] : 0;
            gx[i] = scale[i] * (m - offset[i] - (x[i] - mean[i]) * slope[i]);
        });
    }
}

static void loop_adam(size_t count, const float k[MODEL_ADAM_FACTORS], const float *grad, float *m, float *v, float *weights)
{
#pragma omp simd
    for (size_t i = 0; i < count; i++) {
        float w = weights[i];
        float g = grad[i] + k[7] * w;
        m[i] = k[0] * m[i] + k[1] * g;
        v[i] = k[2] * v[i] + k[3] * g * g;
        weights[i] = w * k[8] - k[4] * m[i] / (sqrtf(v[i]) * k[5] + k[6]);
    }
}

static void loop_pool(int width, int channels, const float *top, const float *bottom, int src_pitch, float *dst, int dst_pitch)
{
    for (int x = 0; x < width; x++) {
        const float *p = top + (size_t)(2 * x) * (size_t)src_pitch, *q = p + src_pitch;
        const float *r = bottom + (size_t)(2 * x) * (size_t)src_pitch, *s = r + src_pitch;
        float *d = dst + (size_t)x * (size_t)dst_pitch;
        FOR_VALUES(channels, {
            float t = q[i] > p[i] ? q[i] : p[i];
            float b = s[i] > r[i] ? s[i] : r[i];
            d[i] = b > t ? b : t;
        });
    }
}

static inline __attribute__((always_inline)) void pool_backward(int width, int channels, const bool accumulate,
                                                                const float *top, const float *bottom, int src_pitch,
                                                                const float *grad, int dst_pitch, float *grad_top,
                                                                float *grad_bottom)
{
    for (int x = 0; x < width; x++) {
        size_t at = (size_t)(2 * x) * (size_t)src_pitch;
        const float *p = top + at, *q = p + src_pitch, *r = bottom + at, *s = r + src_pitch;
        float *gp = grad_top + at, *gq = gp + src_pitch, *gr = grad_bottom + at, *gs = gr + src_pitch;
        const float *g = grad + (size_t)x * (size_t)dst_pitch;
        FOR_VALUES(channels, {
            float t = q[i] > p[i] ? q[i] : p[i];
            float b = s[i] > r[i] ? s[i] : r[i];
            float upper = b > t ? 0 : g[i];
            float lower = b > t ? g[i] : 0;
            float wp = q[i] > p[i] ? 0 : upper;
            float wq = q[i] > p[i] ? upper : 0;
            float wr = s[i] > r[i] ? 0 : lower;
            float ws = s[i] > r[i] ? lower : 0;
            gp[i] = accumulate ? gp[i] + wp : wp;
            gq[i] = accumulate ? gq[i] + wq : wq;
            gr[i] = accumulate ? gr[i] + wr : wr;
            gs[i] = accumulate ? gs[i] + ws : ws;
        });
    }
}

static void loop_pool_backward(int width, int channels, bool accumulate, const float *top, const float *bottom, int src_pitch,
                               const float *grad, int dst_pitch, float *grad_top, float *grad_bottom)
{
    if (accumulate)
        pool_backward(width, channels, true, top, bottom, src_pitch, grad, dst_pitch, grad_top, grad_bottom);
    else
        pool_backward(width, channels, false, top, bottom, src_pitch, grad, dst_pitch, grad_top, grad_bottom);
}

const model_loops LOOPS = {
    .relu = loop_relu,
    .relu_backward = loop_relu_backward,
    .add = loop_add,
    .sum = loop_sum,
    .adam = loop_adam,
    .moments = loop_moments,
    .affine = loop_affine,
    .batchnorm_sums = loop_batchnorm_sums,
    .batchnorm_pool_sums = loop_batchnorm_pool_sums,
    .batchnorm_gradient = loop_batchnorm_gradient,
    .pool = loop_pool,
    .pool_backward = loop_pool_backward,
};
