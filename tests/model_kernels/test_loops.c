/* Batch norm, pooling and pointwise loops of every instruction set that this CPU has, against formulas in double. */
#include "base/arena.h"
#include "base/cpu.h"
#include "base/random.h"
#include "model/kernels/batchnorm.h"
#include "model/kernels/pointwise.h"
#include "model/kernels/pool.h"
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#define GAP -777.0f

/* Sizes that meet every way of cutting: fewer channels than a vector, dense or sliced, several chunks, odd ends. */
static const struct {
    size_t pixels;
    int channels, pitch;
    const char *why;
} cases[] = {
    { 1, 1, 1, "one value" },
    { 7, 3, 3, "fewer pixels than one wide row" },
    { 5000, 3, 3, "three classes, dense" },
    { 5000, 3, 8, "three classes in a wider tensor" },
    { 4099, 8, 8, "base 8, dense, several chunks and a rest" },
    { 4099, 8, 24, "base 8, slice of a concatenation" },
    { 2050, 16, 16, "base 16" },
    { 777, 24, 24, "24 channels: a vector and a half" },
    { 300, 65, 65, "more than half of a wide row" },
    { 200, 128, 160, "one whole wide row" },
    { 100, 300, 300, "more than two wide rows" },
};
enum { CASES = sizeof cases / sizeof *cases };

static float *make(size_t count, base_random *r, double lo, double hi)
{
    float *p = base_alloc((count + 16) * sizeof *p, NULL);
    assert_non_null(p);
    for (size_t i = 0; i < count; i++)
        p[i] = r ? (float)base_random_range(r, lo, hi) : GAP;
    return p;
}

static const model_kernels *usable(size_t *row)
{
    const model_kernels *k;
    while ((k = model_kernels_row((*row)++)))
        if ((model_kernels_needs(k) & ~base_cpu_detect()) == 0)
            return k;
    return NULL;
}
#define FOR_EACH_ROW(k)                                                                                                        \
    size_t next_ = 0;                                                                                                          \
    for (const model_kernels *k; (k = usable(&next_));)

static void near(const model_kernels *k, int index, const char *what, size_t i, double got, double want, double tolerance)
{
    if (!(fabs(got - want) <= tolerance))
        fail_msg("%s, case %d (%s), %s[%zu]: got %.9g, want %.9g, tolerance %.2g", model_kernels_name(k), index,
                 cases[index].why, what, i, got, want, tolerance);
}

static void check_gap(const model_kernels *k, int index, const char *what, const float *x)
{
    for (size_t i = 0; i < cases[index].pixels * (size_t)cases[index].pitch; i++)
        if (i % (size_t)cases[index].pitch >= (size_t)cases[index].channels && x[i] != GAP)
            fail_msg("%s, case %d (%s), %s[%zu]: gap between channels and pitch was written", model_kernels_name(k), index,
                     cases[index].why, what, i);
}

/* Values around a large mean: E[x^2] - E[x]^2 in float would lose every digit of the variance. */
static void test_batchnorm(void **state)
{
    (void)state;
    base_random r = base_random_start(1, "test_loops batchnorm", 0, 0);
    for (int i = 0; i < CASES; i++) {
        size_t pixels = cases[i].pixels, channels = (size_t)cases[i].channels, pitch = (size_t)cases[i].pitch,
               count = pixels * pitch;
        for (int relu = 0; relu < 2; relu++) {
            double middle = relu ? 0.2 : 500;
            float *x = make(count, &r, middle - 1, middle + 1), *gy = make(count, &r, -1, 1);
            float *gamma = make(channels, &r, 0.5, 1.5), *beta = make(channels, &r, -0.5, 0.5);
            double *mean = calloc(channels, sizeof *mean), *var = calloc(channels, sizeof *var);
            double *sum_g = calloc(channels, sizeof *sum_g), *sum_gx = calloc(channels, sizeof *sum_gx);
            for (size_t c = 0; c < channels; c++) {
                for (size_t p = 0; p < pixels; p++)
                    mean[c] += (double)x[p * pitch + c] / (double)pixels;
                for (size_t p = 0; p < pixels; p++)
                    var[c] += (x[p * pitch + c] - mean[c]) * (x[p * pitch + c] - mean[c]) / (double)pixels;
            }
            FOR_EACH_ROW(k)
            {
                model_cpu cpu = { k, 2 };
                model_batchnorm s = { pixels, (int)channels, (int)pitch, (int)pitch, relu, 0, 0 };
                void *scratch = base_alloc(model_batchnorm_scratch_bytes(&cpu, &s), NULL);
                float *m = make(channels, NULL, 0, 0), *v = make(channels, NULL, 0, 0), *scale = make(channels, NULL, 0, 0);
                float *shift = make(channels, NULL, 0, 0), *inv_std = make(channels, NULL, 0, 0), *y = make(count, NULL, 0, 0);
                float *gx = make(count, NULL, 0, 0), *g_gamma = make(channels, NULL, 0, 0),
                      *g_beta = make(channels, NULL, 0, 0);
                const float epsilon = 1e-5f;
                model_batchnorm_statistics(&cpu, &s, x, m, v, scratch);
                for (size_t c = 0; c < channels; c++) {
                    near(k, i, "mean", c, m[c], mean[c], 1.2e-7 * (fabs(middle) + 1));
                    near(k, i, "var", c, v[c], var[c], 1e-5 * var[c] + 1e-12);
                }
                model_batchnorm_fold((int)channels, gamma, beta, m, v, epsilon, scale, shift);
                model_batchnorm_inv_std((int)channels, v, epsilon, inv_std);
                model_batchnorm_apply(&cpu, &s, x, scale, shift, y);
                check_gap(k, i, "y", y);
                /* The mask is where y is not 0: with ReLU that is what the formula in double must use, or values on the
                 * edge would differ. */
                memset(sum_g, 0, channels * sizeof *sum_g), memset(sum_gx, 0, channels * sizeof *sum_gx);
                for (size_t p = 0; p < pixels; p++)
                    for (size_t c = 0; c < channels; c++) {
                        size_t at = p * pitch + c;
                        double xh = (x[at] - mean[c]) / sqrt(var[c] + (double)epsilon), want = gamma[c] * xh + beta[c];
                        near(k, i, "y", at, y[at], relu && want < 0 ? 0 : want, pixels > 1 ? 1e-4 * (1 + fabs(middle)) / 8 : 1);
                        double g = relu && y[at] <= 0 ? 0 : gy[at];
                        sum_g[c] += g, sum_gx[c] += g * xh;
                    }
                model_batchnorm_backward(&cpu, &s, x, gy, scale, shift, m, inv_std, gx, g_gamma, g_beta, scratch);
                check_gap(k, i, "grad_src", gx);
                double spread = middle * 1e-7 / sqrt(1.0 / 3); /* error of x - mean when the mean is large */
                for (size_t c = 0; c < channels; c++) {
                    near(k, i, "grad_beta", c, g_beta[c], sum_g[c], 1e-6 * (double)pixels);
                    near(k, i, "grad_gamma", c, g_gamma[c], sum_gx[c], (2e-6 + spread) * (double)pixels + (pixels == 1));
                }
                for (size_t p = 0; p < pixels && pixels > 1; p++)
                    for (size_t c = 0; c < channels; c++) {
                        size_t at = p * pitch + c;
                        double inv = 1 / sqrt(var[c] + (double)epsilon), xh = (x[at] - mean[c]) * inv;
                        double g = relu && y[at] <= 0 ? 0 : gy[at];
                        double want = gamma[c] * inv * (g - sum_g[c] / (double)pixels - xh * sum_gx[c] / (double)pixels);
                        near(k, i, "grad_src", at, gx[at], want, (2e-5 + 20 * spread) * (1 + fabs(gamma[c] * inv)));
                    }
                free(scratch), free(m), free(v), free(scale), free(shift), free(inv_std), free(y), free(gx), free(g_gamma),
                    free(g_beta);
            }
            free(x), free(gy), free(gamma), free(beta), free(mean), free(var), free(sum_g), free(sum_gx);
        }
    }
}

static void test_pointwise(void **state)
{
    (void)state;
    base_random r = base_random_start(1, "test_loops pointwise", 0, 0);
    for (int i = 0; i < CASES; i++) {
        size_t pixels = cases[i].pixels, channels = (size_t)cases[i].channels, pitch = (size_t)cases[i].pitch,
               count = pixels * pitch;
        float *a = make(count, &r, -1, 1), *b = make(count, &r, -1, 1);
        model_pixels s = { pixels, (int)channels, (int)pitch, (int)pitch, (int)pitch };
        FOR_EACH_ROW(k)
        {
            model_cpu cpu = { k, 2 };
            float *out[4];
            for (int o = 0; o < 4; o++)
                out[o] = make(count, NULL, 0, 0);
            model_relu_forward(&cpu, &s, a, out[0]);
            model_relu_backward(&cpu, &s, a, b, out[1]);
            model_add(&cpu, &s, a, b, out[2]);
            model_copy(&cpu, &s, a, out[3]);
            float *sums = make(channels, NULL, 0, 0), *scratch = base_alloc(model_sum_scratch_bytes(&s), NULL);
            model_sum(&cpu, &s, a, sums, scratch);
            for (size_t c = 0; c < channels; c++) {
                double sum = 0;
                for (size_t p = 0; p < pixels; p++) {
                    size_t at = p * pitch + c;
                    sum += a[at];
                    near(k, i, "relu", at, out[0][at], a[at] > 0 ? a[at] : 0, 0);
                    near(k, i, "relu_backward", at, out[1][at], a[at] > 0 ? b[at] : 0, 0);
                    near(k, i, "add", at, out[2][at], a[at] + b[at], 0);
                    near(k, i, "copy", at, out[3][at], a[at], 0);
                }
                near(k, i, "sum", c, sums[c], sum, 1e-7 * ((double)pixels + 16));
            }
            for (int o = 0; o < 4; o++)
                check_gap(k, i, "output", out[o]);
            for (int o = 0; o < 4; o++)
                free(out[o]);
            free(sums), free(scratch);
        }
        free(a), free(b);
    }
}

static void test_pool(void **state)
{
    (void)state;
    static const model_pool2x2 shapes[] = {
        { 1, 2, 2, 1, 1, 1 }, { 2, 6, 8, 8, 8, 8 }, { 1, 7, 9, 3, 5, 4 }, { 3, 5, 4, 16, 32, 16 }, { 1, 8, 7, 24, 24, 40 }
    };
    base_random r = base_random_start(1, "test_loops pool", 0, 0);
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        const model_pool2x2 *s = &shapes[i];
        size_t in = (size_t)s->n * s->h * s->w * s->src_pitch, out = (size_t)s->n * (s->h / 2) * (s->w / 2) * s->dst_pitch;
        float *x = make(in, &r, -1, 1), *gy = make(out, &r, -1, 1), *before = make(in, &r, -1, 1);
        for (size_t j = 0; j < in; j += 3)
            x[j] = 0.5f; /* ties */
        double *want = calloc(in, sizeof *want);
        for (int n = 0; n < s->n; n++)
            for (int y = 0; y < s->h / 2; y++)
                for (int c = 0; c < s->channels; c++)
                    for (int q = 0; q < s->w / 2; q++) {
                        size_t best = 0;
                        for (int t = 0; t < 4; t++) {
                            size_t at = (((size_t)n * s->h + 2 * y + t / 2) * s->w + 2 * q + t % 2) * s->src_pitch + c;
                            if (t == 0 || x[at] > x[best])
                                best = at;
                        }
                        want[best] += gy[(((size_t)n * (s->h / 2) + y) * (s->w / 2) + q) * s->dst_pitch + c];
                    }
        FOR_EACH_ROW(k)
        {
            model_cpu cpu = { k, 2 };
            float *y = make(out, NULL, 0, 0), *gx = make(in, NULL, 0, 0);
            model_pool2x2_forward(&cpu, s, x, y);
            for (size_t j = 0; j < out; j++) {
                size_t pixel = j / (size_t)s->dst_pitch, c = j % (size_t)s->dst_pitch;
                size_t q = pixel % (size_t)(s->w / 2), row = pixel / (size_t)(s->w / 2);
                size_t top = (row / (size_t)(s->h / 2) * s->h + row % (size_t)(s->h / 2) * 2) * s->w + 2 * q;
                const float *p = x + top * s->src_pitch + c, *low = p + (size_t)s->w * s->src_pitch;
                float most = fmaxf(fmaxf(p[0], p[s->src_pitch]), fmaxf(low[0], low[s->src_pitch]));
                if (y[j] != (c < (size_t)s->channels ? most : GAP))
                    fail_msg("%s, shape %zu, dst[%zu]: got %g, want %g", model_kernels_name(k), i, j, y[j], most);
            }
            model_pool2x2_backward(&cpu, s, x, gy, false, gx);
            for (size_t j = 0; j < in; j++) {
                float expected = j % (size_t)s->src_pitch < (size_t)s->channels ? (float)want[j] : GAP;
                if (gx[j] != expected)
                    fail_msg("%s, shape %zu, grad_src[%zu]: got %g, want %g", model_kernels_name(k), i, j, gx[j], expected);
            }
            memcpy(gx, before, in * sizeof *gx);
            model_pool2x2_backward(&cpu, s, x, gy, true, gx);
            for (size_t j = 0; j < in; j++) {
                float expected = j % (size_t)s->src_pitch < (size_t)s->channels ? before[j] + (float)want[j] : before[j];
                if (gx[j] != expected)
                    fail_msg("%s, shape %zu, accumulated grad_src[%zu]: got %g, want %g", model_kernels_name(k), i, j, gx[j],
                             expected);
            }
            free(y), free(gx);
        }
        free(x), free(gy), free(before), free(want);
    }
}

/* Pooling in passing: the bits of the calls of their own where those have no sums, the same gradients where they do. */
static void test_batchnorm_pooled(void **state)
{
    (void)state;
    static const struct {
        int n, h, w, channels, src_pitch, dst_pitch, pooled_pitch;
        const char *why;
    } shapes[] = {
        { 1, 2, 2, 1, 1, 1, 1, "one window" },
        { 2, 6, 8, 8, 8, 8, 8, "base 8, dense" },
        { 1, 8, 30, 16, 16, 32, 16, "base 16, slice of a concatenation" },
        { 3, 4, 6, 5, 7, 6, 9, "odd channels, gaps everywhere" },
        { 1, 4, 10, 70, 70, 140, 70, "more channels than a vector, and a rest" },
    };
    base_random r = base_random_start(1, "test_loops pooled", 0, 0);
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (int variant = 0; variant < 4; variant++) {
            bool relu = variant & 1, accumulate = variant & 2;
            int n = shapes[i].n, h = shapes[i].h, w = shapes[i].w, c = shapes[i].channels;
            size_t pixels = (size_t)n * h * w, channels = (size_t)c, in = pixels * (size_t)shapes[i].src_pitch,
                   out = pixels * (size_t)shapes[i].dst_pitch, small = pixels / 4 * (size_t)shapes[i].pooled_pitch;
            float *x = make(in, &r, -1, 1), *gy = make(out, &r, -1, 1), *gp = make(small, &r, -1, 1);
            float *gamma = make(channels, &r, 0.5, 1.5), *beta = make(channels, &r, -0.5, 0.5);
            for (size_t j = 0; j < in; j += 3)
                x[j] = 0.5f; /* ties */
            FOR_EACH_ROW(k)
            {
                float *before[4] = { NULL };
                for (int threads = 1; threads <= 4; threads += 3) {
                    model_cpu cpu = { k, threads };
                    model_batchnorm s = {
                        pixels, c, shapes[i].src_pitch, shapes[i].dst_pitch, relu, w, shapes[i].pooled_pitch
                    };
                    model_pool2x2 pool = { n, h, w, c, shapes[i].dst_pitch, shapes[i].pooled_pitch };
                    void *scratch = base_alloc(model_batchnorm_scratch_bytes(&cpu, &s), NULL);
                    float *v = make(5 * channels, NULL, 0, 0), *mean = v, *var = v + channels, *scale = var + channels,
                          *shift = scale + channels, *inv_std = shift + channels;
                    model_batchnorm_statistics(&cpu, &s, x, mean, var, scratch);
                    model_batchnorm_fold(c, gamma, beta, mean, var, 1e-5f, scale, shift);
                    model_batchnorm_inv_std(c, var, 1e-5f, inv_std);

                    float *y[2], *p[2], *g[2], *gx[2], *sums[2];
                    for (int o = 0; o < 2; o++) {
                        y[o] = make(out, NULL, 0, 0), p[o] = make(small, NULL, 0, 0), g[o] = make(out, NULL, 0, 0);
                        gx[o] = make(in, NULL, 0, 0), sums[o] = make(2 * channels, NULL, 0, 0);
                        for (size_t j = 0; j < out; j++)
                            g[o][j] = accumulate || j % (size_t)shapes[i].dst_pitch >= channels ? gy[j] : GAP;
                    }
                    model_batchnorm_apply(&cpu, &s, x, scale, shift, y[0]);
                    model_pool2x2_forward(&cpu, &pool, y[0], p[0]);
                    model_batchnorm_apply_pooled(&cpu, &s, x, scale, shift, y[1], p[1]);
                    assert_memory_equal(y[0], y[1], out * sizeof(float));
                    assert_memory_equal(p[0], p[1], small * sizeof(float));
                    model_pool2x2_backward(&cpu, &pool, y[0], gp, accumulate, g[0]);
                    model_batchnorm_backward(&cpu, &s, x, g[0], scale, shift, mean, inv_std, gx[0], sums[0], sums[0] + c,
                                             scratch);
                    model_batchnorm_backward_pooled(&cpu, &s, x, gp, accumulate, g[1], scale, shift, mean, inv_std, gx[1],
                                                    sums[1], sums[1] + c, scratch);
                    for (size_t j = 0; j < out; j++)
                        if (g[0][j] != g[1][j])
                            fail_msg("%s, %s: grad_dst[%zu]: got %g, want %g", model_kernels_name(k), shapes[i].why, j, g[1][j],
                                     g[0][j]);
                    for (size_t j = 0; j < 2 * channels; j++)
                        if (!(fabsf(sums[0][j] - sums[1][j]) <= 1e-5f * (float)pixels))
                            fail_msg("%s, %s: sum %zu: got %g, want %g", model_kernels_name(k), shapes[i].why, j, sums[1][j],
                                     sums[0][j]);
                    for (size_t j = 0; j < in; j++)
                        if (!(fabsf(gx[0][j] - gx[1][j]) <= 2e-5f * (1 + fabsf(gx[0][j]))))
                            fail_msg("%s, %s: grad_src[%zu]: got %g, want %g", model_kernels_name(k), shapes[i].why, j,
                                     gx[1][j], gx[0][j]);
                    if (threads > 1) {
                        assert_memory_equal(before[0], v, 5 * channels * sizeof(float));
                        assert_memory_equal(before[1], sums[1], 2 * channels * sizeof(float));
                        assert_memory_equal(before[2], gx[1], in * sizeof(float));
                    }
                    for (int o = 0; o < 3; o++)
                        free(before[o]);
                    before[0] = v, before[1] = sums[1], before[2] = gx[1];
                    free(gx[0]), free(sums[0]), free(scratch);
                    for (int o = 0; o < 2; o++)
                        free(y[o]), free(p[o]), free(g[o]);
                }
                for (int o = 0; o < 3; o++)
                    free(before[o]);
            }
            free(x), free(gy), free(gp), free(gamma), free(beta);
        }
}

/* An output too large for caches is written past them: nothing else about it differs. */
static void test_batchnorm_large(void **state)
{
    (void)state;
    enum { PIXELS = 262144, CHANNELS = 16, PITCH = 32 };
    base_random r = base_random_start(1, "test_loops large", 0, 0);
    float *x = make((size_t)PIXELS * CHANNELS, NULL, 0, 0), *terms = make(2 * CHANNELS, &r, -1, 1);
    for (size_t i = 0; i < (size_t)PIXELS * CHANNELS; i++)
        x[i] = (float)(int)((i * 2654435761u) >> 8 & 0xffff) / 32768 - 1;
    FOR_EACH_ROW(k)
    {
        model_cpu cpu = { k, 2 };
        for (int pitch = CHANNELS; pitch <= PITCH; pitch += PITCH - CHANNELS) {
            model_batchnorm s = { PIXELS, CHANNELS, CHANNELS, pitch, true, 0, 0 };
            float *y = make((size_t)PIXELS * (size_t)pitch, NULL, 0, 0);
            model_batchnorm_apply(&cpu, &s, x, terms, terms + CHANNELS, y);
            for (size_t i = 0; i < (size_t)PIXELS * (size_t)pitch; i++) {
                size_t c = i % (size_t)pitch;
                float want = GAP;
                if (c < CHANNELS)
                    want = x[i / (size_t)pitch * CHANNELS + c] * terms[c] + terms[CHANNELS + c];
                want = c < CHANNELS && !(want > 0) ? 0 : want;
                if (y[i] != want)
                    fail_msg("%s, pitch %d: y[%zu] is %g, want %g", model_kernels_name(k), pitch, i, y[i], want);
            }
            free(y);
        }
    }
    free(x), free(terms);
}

static void test_adam(void **state)
{
    (void)state;
    enum { COUNT = 40001 };
    base_random r = base_random_start(1, "test_loops adam", 0, 0);
    for (int decoupled = 0; decoupled < 2; decoupled++) {
        float *start = make(COUNT, &r, -1, 1), *grad = make(COUNT, &r, -0.1, 0.1);
        FOR_EACH_ROW(k)
        {
            model_cpu cpu = { k, 2 };
            float *w = make(COUNT, NULL, 0, 0), *m = make(COUNT, NULL, 0, 0), *v = make(COUNT, NULL, 0, 0);
            memcpy(w, start, COUNT * sizeof *w), memset(m, 0, COUNT * sizeof *m), memset(v, 0, COUNT * sizeof *v);
            model_adam_terms o = { 0.01f, 0.9f, 0.999f, 1e-8f, 0.1f, decoupled, 0 };
            double *dw = malloc(COUNT * sizeof *dw), *dm = calloc(COUNT, sizeof *dm), *dv = calloc(COUNT, sizeof *dv);
            for (int i = 0; i < COUNT; i++)
                dw[i] = start[i];
            for (int step = 1; step <= 3; step++) {
                o.step = step;
                model_adam_update(&cpu, &o, COUNT, grad, m, v, w);
                for (int i = 0; i < COUNT; i++) {
                    double g = grad[i] + (decoupled ? 0 : 0.1 * dw[i]);
                    dm[i] = 0.9 * dm[i] + 0.1 * g, dv[i] = 0.999 * dv[i] + 0.001 * g * g;
                    dw[i] *= decoupled ? 1 - 0.01 * 0.1 : 1;
                    dw[i] -= 0.01 * (dm[i] / (1 - pow(0.9, step))) / (sqrt(dv[i] / (1 - pow(0.999, step))) + 1e-8);
                    /* 1 - beta2 as a float is 0.00099998: the step differs by 1e-5 of itself */
                    if (!(fabs(w[i] - dw[i]) <= 3e-6))
                        fail_msg("%s, %s, step %d, w[%d]: got %.9g, want %.9g", model_kernels_name(k),
                                 decoupled ? "decoupled" : "L2", step, i, w[i], dw[i]);
                }
            }
            free(w), free(m), free(v), free(dw), free(dm), free(dv);
        }
        free(start), free(grad);
    }
}

/* Chunks depend on sizes only: the same bits for any number of threads. */
static void test_thread_counts(void **state)
{
    (void)state;
    base_random r = base_random_start(1, "test_loops threads", 0, 0);
    for (int i = 0; i < CASES; i++) {
        size_t pixels = cases[i].pixels * 3, channels = (size_t)cases[i].channels, count = pixels * channels;
        float *x = make(count, &r, -1, 1), *g = make(count, &r, -1, 1);
        FOR_EACH_ROW(k)
        {
            float *first[3] = { NULL };
            for (int threads = 1; threads <= 4; threads *= 2) {
                model_cpu cpu = { k, threads };
                model_batchnorm s = { pixels, (int)channels, (int)channels, (int)channels, true, 0, 0 };
                void *scratch = base_alloc(model_batchnorm_scratch_bytes(&cpu, &s), NULL);
                float *values = make(8 * channels, NULL, 0, 0), *y = make(count, NULL, 0, 0), *gx = make(count, NULL, 0, 0);
                float *mean = values, *var = mean + channels, *scale = var + channels, *shift = scale + channels;
                float *inv_std = shift + channels, *g_gamma = inv_std + channels, *g_beta = g_gamma + channels;
                model_batchnorm_statistics(&cpu, &s, x, mean, var, scratch);
                model_batchnorm_fold((int)channels, NULL, NULL, mean, var, 1e-5f, scale, shift);
                model_batchnorm_inv_std((int)channels, var, 1e-5f, inv_std);
                model_batchnorm_apply(&cpu, &s, x, scale, shift, y);
                model_batchnorm_backward(&cpu, &s, x, g, scale, shift, mean, inv_std, gx, g_gamma, g_beta, scratch);
                if (threads == 1) {
                    first[0] = values, first[1] = y, first[2] = gx;
                } else {
                    assert_memory_equal(first[0], values, 7 * channels * sizeof(float));
                    assert_memory_equal(first[1], y, count * sizeof(float));
                    assert_memory_equal(first[2], gx, count * sizeof(float));
                    free(values), free(y), free(gx);
                }
                free(scratch);
            }
            free(first[0]), free(first[1]), free(first[2]);
        }
        free(x), free(g);
    }
}

static void test_selection(void **state)
{
    (void)state;
    assert_string_equal(model_kernels_name(model_kernels_select(0)), "scalar");
#if defined(__x86_64__)
    assert_string_equal(model_kernels_name(model_kernels_select(CPU_SSE2 | CPU_AVX2)), "avx2");
    assert_string_equal(model_kernels_name(model_kernels_select(CPU_AVX2 | CPU_AVX512 | CPU_AVX512_VNNI)), "avx512");
    /* VNNI without AVX-512 exists (Alder Lake): still the AVX2 row */
    assert_string_equal(model_kernels_name(model_kernels_select(CPU_AVX2 | CPU_AVX_VNNI)), "avx2");
#elif defined(__aarch64__)
    assert_string_equal(model_kernels_name(model_kernels_select(CPU_NEON)), "neon");
    assert_string_equal(model_kernels_name(model_kernels_select(CPU_NEON | CPU_DOTPROD)), "neon");
#endif
    FOR_EACH_ROW(k)
    {
        model_cpu cpu = { k, 1 };
        assert_true(model_kernels_peak_flops(&cpu, 0.001) > 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_selection), cmocka_unit_test(test_batchnorm),        cmocka_unit_test(test_pointwise),
        cmocka_unit_test(test_pool),      cmocka_unit_test(test_batchnorm_pooled), cmocka_unit_test(test_batchnorm_large),
        cmocka_unit_test(test_adam),      cmocka_unit_test(test_thread_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
