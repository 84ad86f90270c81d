/* model/kernels/batchnorm.c — chunks of pixels over threads; partial sums are merged in chunk order. */
#include "model/kernels/batchnorm.h"
#include "model/kernels/rows.h"
#include <assert.h>
#include <math.h>

#define MERGED 64 /* channels whose partial sums are merged side by side */

#define PAST_BYTES ((size_t)16 << 20) /* of an output that no core's share of the caches will hold until it is read */

static size_t chunk_pixels(const model_batchnorm *s)
{
    return s->pooled_w > 0 ? 2 * (size_t)s->pooled_w : model_chunk_pixels(s->channels);
}

static size_t chunk_count(const model_batchnorm *s)
{
    size_t chunk = chunk_pixels(s);
    return (s->pixels + chunk - 1) / chunk;
}

static size_t chunk_length(const model_batchnorm *s, size_t index)
{
    size_t chunk = chunk_pixels(s), first = index * chunk;
    return s->pixels - first < chunk ? s->pixels - first : chunk;
}

/* Two partial values per channel and chunk, then five per-channel arrays for the gradient. */
size_t model_batchnorm_scratch_bytes(const model_cpu *cpu, const model_batchnorm *s)
{
    (void)cpu;
    return ((chunk_count(s) * 2 + 2) * (size_t)s->channels + 16) * sizeof(float);
}

void model_batchnorm_statistics(const model_cpu *cpu, const model_batchnorm *s, const float *src, float *mean, float *var,
                                void *scratch)
{
    size_t chunks = chunk_count(s), chunk = chunk_pixels(s), channels = (size_t)s->channels;
    float *partial = scratch; /* [chunks][means, squares][channels] */
#pragma omp parallel for schedule(static) num_threads(cpu->threads)
    for (size_t i = 0; i < chunks; i++)
        cpu->kernels->loops->moments(chunk_length(s, i), s->channels, src + i * chunk * (size_t)s->src_pitch, s->src_pitch,
                                     partial + i * 2 * channels, partial + (i * 2 + 1) * channels);
    for (size_t first = 0; first < channels; first += MERGED) {
        double average[MERGED] = { 0 }, squares[MERGED] = { 0 }, count = 0;
        size_t some = channels - first < MERGED ? channels - first : MERGED;
        for (size_t i = 0; i < chunks; i++) { /* Chan, Golub, LeVeque: merge two sets by count, mean, squares */
            const float *m = partial + i * 2 * channels + first, *q = m + channels;
            double n = (double)chunk_length(s, i), share = n / (count + n), cross = count * share;
#pragma omp simd
            for (size_t c = 0; c < some; c++) {
                double delta = (double)m[c] - average[c];
                squares[c] += (double)q[c] + delta * delta * cross;
                average[c] += delta * share;
            }
            count += n;
        }
        for (size_t c = 0; c < some; c++) {
            mean[first + c] = (float)average[c];
            var[first + c] = (float)(squares[c] / count);
        }
    }
}

void model_batchnorm_inv_std(int channels, const float *var, float epsilon, float *inv_std)
{
    for (int c = 0; c < channels; c++)
        inv_std[c] = (float)(1.0 / sqrt((double)var[c] + (double)epsilon));
}

void model_batchnorm_fold(int channels, const float *gamma, const float *beta, const float *mean, const float *var,
                          float epsilon, float *scale, float *shift)
{
    for (int c = 0; c < channels; c++) {
        double k = (gamma ? (double)gamma[c] : 1.0) / sqrt((double)var[c] + (double)epsilon);
        scale[c] = (float)k;
        shift[c] = (float)((beta ? (double)beta[c] : 0.0) - (double)mean[c] * k);
    }
}

/* pooled NULL: none. */
static void apply(const model_cpu *cpu, const model_batchnorm *s, const float *src, const float *scale, const float *shift,
                  float *dst, float *pooled)
{
    size_t chunks = chunk_count(s), chunk = chunk_pixels(s), w = (size_t)s->pooled_w;
    bool past = !pooled && s->pixels * (size_t)s->channels * sizeof *dst >= PAST_BYTES;
#pragma omp parallel for schedule(static) num_threads(cpu->threads)
    for (size_t i = 0; i < chunks; i++) {
        float *y = dst + i * chunk * (size_t)s->dst_pitch;
        cpu->kernels->loops->affine(chunk_length(s, i), s->channels, s->relu, past, src + i * chunk * (size_t)s->src_pitch,
                                    s->src_pitch, scale, shift, y, s->dst_pitch);
        if (pooled)
            cpu->kernels->loops->pool(s->pooled_w / 2, s->channels, y, y + w * (size_t)s->dst_pitch, s->dst_pitch,
                                      pooled + i * (w / 2) * (size_t)s->pooled_pitch, s->pooled_pitch);
    }
}

void model_batchnorm_apply(const model_cpu *cpu, const model_batchnorm *s, const float *src, const float *scale,
                           const float *shift, float *dst)
{
    apply(cpu, s, src, scale, shift, dst, NULL);
}

void model_batchnorm_apply_pooled(const model_cpu *cpu, const model_batchnorm *s, const float *src, const float *scale,
                                  const float *shift, float *dst, float *pooled)
{
    assert(s->pooled_w > 0);
    apply(cpu, s, src, scale, shift, dst, pooled);
}

/* With g the masked gradient, xh = (x - mean)*inv_std and scale = gamma*inv_std:
 *     grad_src = scale * (g - sum(g)/m - xh * sum(g*xh)/m) = scale * (g - offset - (x - mean)*slope) */
static void gradient(const model_cpu *cpu, const model_batchnorm *s, const float *src, const float *grad_dst,
                     const float *scale, const float *shift, const float *mean, const float *inv_std, float *grad_src,
                     float *grad_gamma, float *grad_beta, float *partial)
{
    size_t chunks = chunk_count(s), chunk = chunk_pixels(s), channels = (size_t)s->channels;
    float *offset = partial + chunks * 2 * channels, *slope = offset + channels;
    for (size_t first = 0; first < channels; first += MERGED) {
        double sum[MERGED] = { 0 }, product[MERGED] = { 0 }, m = (double)s->pixels;
        size_t some = channels - first < MERGED ? channels - first : MERGED;
        for (size_t i = 0; i < chunks; i++) {
            const float *p = partial + i * 2 * channels + first;
#pragma omp simd
            for (size_t c = 0; c < some; c++) {
                sum[c] += (double)p[c];
                product[c] += (double)p[channels + c];
            }
        }
        for (size_t c = 0; c < some; c++) {
            double inv = (double)inv_std[first + c];
            grad_beta[first + c] = (float)sum[c];
            grad_gamma[first + c] = (float)(product[c] * inv);
            offset[first + c] = (float)(sum[c] / m);
            slope[first + c] = (float)(product[c] * inv * inv / m);
        }
    }
#pragma omp parallel for schedule(static) num_threads(cpu->threads)
    for (size_t i = 0; i < chunks; i++)
        cpu->kernels->loops->batchnorm_gradient(chunk_length(s, i), s->channels, s->relu,
                                                src + i * chunk * (size_t)s->src_pitch, s->src_pitch,
                                                grad_dst + i * chunk * (size_t)s->dst_pitch, s->dst_pitch, scale, shift, mean,
                                                offset, slope, grad_src + i * chunk * (size_t)s->src_pitch, s->src_pitch);
}

void model_batchnorm_backward(const model_cpu *cpu, const model_batchnorm *s, const float *src, const float *grad_dst,
                              const float *scale, const float *shift, const float *mean, const float *inv_std, float *grad_src,
                              float *grad_gamma, float *grad_beta, void *scratch)
{
    size_t chunks = chunk_count(s), chunk = chunk_pixels(s), channels = (size_t)s->channels;
    float *partial = scratch;
#pragma omp parallel for schedule(static) num_threads(cpu->threads)
    for (size_t i = 0; i < chunks; i++)
        cpu->kernels->loops->batchnorm_sums(chunk_length(s, i), s->channels, s->relu, src + i * chunk * (size_t)s->src_pitch,
                                            s->src_pitch, grad_dst + i * chunk * (size_t)s->dst_pitch, s->dst_pitch, scale,
                                            shift, mean, partial + i * 2 * channels, partial + (i * 2 + 1) * channels);
    gradient(cpu, s, src, grad_dst, scale, shift, mean, inv_std, grad_src, grad_gamma, grad_beta, partial);
}

void model_batchnorm_backward_pooled(const model_cpu *cpu, const model_batchnorm *s, const float *src, const float *grad_pooled,
                                     bool accumulate, float *grad_dst, const float *scale, const float *shift,
                                     const float *mean, const float *inv_std, float *grad_src, float *grad_gamma,
                                     float *grad_beta, void *scratch)
{
    assert(s->pooled_w > 0);
    size_t chunks = chunk_count(s), chunk = chunk_pixels(s), channels = (size_t)s->channels, w = (size_t)s->pooled_w;
    float *partial = scratch;
#pragma omp parallel for schedule(static) num_threads(cpu->threads)
    for (size_t i = 0; i < chunks; i++)
        cpu->kernels->loops->batchnorm_pool_sums(
            s->pooled_w / 2, s->channels, s->relu, accumulate, src + i * chunk * (size_t)s->src_pitch, s->src_pitch,
            grad_pooled + i * (w / 2) * (size_t)s->pooled_pitch, s->pooled_pitch, grad_dst + i * chunk * (size_t)s->dst_pitch,
            s->dst_pitch, scale, shift, mean, partial + i * 2 * channels, partial + (i * 2 + 1) * channels);
    gradient(cpu, s, src, grad_dst, scale, shift, mean, inv_std, grad_src, grad_gamma, grad_beta, partial);
}
