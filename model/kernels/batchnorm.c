/* model/kernels/batchnorm.c — chunks of pixels over threads; partial sums are merged in chunk order. */
#include "model/kernels/batchnorm.h"
#include "model/kernels/rows.h"
#include <math.h>

static size_t chunk_count(const model_batchnorm *s)
{
    size_t chunk = model_chunk_pixels(s->channels);
    return (s->pixels + chunk - 1) / chunk;
}

static size_t chunk_length(const model_batchnorm *s, size_t index)
{
    size_t chunk = model_chunk_pixels(s->channels), first = index * chunk;
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
    size_t chunks = chunk_count(s), chunk = model_chunk_pixels(s->channels), channels = (size_t)s->channels;
    float *partial = scratch; /* [chunks][means, squares][channels] */
#pragma omp parallel for schedule(static) num_threads(cpu->threads)
    for (size_t i = 0; i < chunks; i++)
        cpu->kernels->loops->moments(chunk_length(s, i), s->channels, src + i * chunk * (size_t)s->src_pitch, s->src_pitch,
                                     partial + i * 2 * channels, partial + (i * 2 + 1) * channels);
    for (size_t c = 0; c < channels; c++) {
        double count = 0, average = 0, squares = 0;
        for (size_t i = 0; i < chunks; i++) { /* Chan, Golub, LeVeque: merge two sets by count, mean, squares */
            double n = (double)chunk_length(s, i), delta = (double)partial[i * 2 * channels + c] - average;
            squares += (double)partial[(i * 2 + 1) * channels + c] + delta * delta * count * n / (count + n);
            average += delta * n / (count + n);
            count += n;
        }
        mean[c] = (float)average;
        var[c] = (float)(squares / count);
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

void model_batchnorm_apply(const model_cpu *cpu, const model_batchnorm *s, const float *src, const float *scale,
                           const float *shift, float *dst)
{
    size_t chunks = chunk_count(s), chunk = model_chunk_pixels(s->channels);
#pragma omp parallel for schedule(static) num_threads(cpu->threads)
    for (size_t i = 0; i < chunks; i++)
        cpu->kernels->loops->affine(chunk_length(s, i), s->channels, s->relu, src + i * chunk * (size_t)s->src_pitch,
                                    s->src_pitch, scale, shift, dst + i * chunk * (size_t)s->dst_pitch, s->dst_pitch);
}

/* With g the masked gradient, xh = (x - mean)*inv_std and scale = gamma*inv_std:
 *     grad_src = scale * (g - sum(g)/m - xh * sum(g*xh)/m) = scale * (g - offset - (x - mean)*slope) */
void model_batchnorm_backward(const model_cpu *cpu, const model_batchnorm *s, const float *src, const float *grad_dst,
                              const float *scale, const float *shift, const float *mean, const float *inv_std, float *grad_src,
                              float *grad_gamma, float *grad_beta, void *scratch)
{
    size_t chunks = chunk_count(s), chunk = model_chunk_pixels(s->channels), channels = (size_t)s->channels;
    float *partial = scratch, *offset = partial + chunks * 2 * channels, *slope = offset + channels;
#pragma omp parallel for schedule(static) num_threads(cpu->threads)
    for (size_t i = 0; i < chunks; i++)
        cpu->kernels->loops->batchnorm_sums(chunk_length(s, i), s->channels, s->relu, src + i * chunk * (size_t)s->src_pitch,
                                            s->src_pitch, grad_dst + i * chunk * (size_t)s->dst_pitch, s->dst_pitch, scale,
                                            shift, mean, partial + i * 2 * channels, partial + (i * 2 + 1) * channels);
    for (size_t c = 0; c < channels; c++) {
        double sum = 0, product = 0, m = (double)s->pixels, inv = (double)inv_std[c];
        for (size_t i = 0; i < chunks; i++) {
            sum += (double)partial[i * 2 * channels + c];
            product += (double)partial[(i * 2 + 1) * channels + c];
        }
        grad_beta[c] = (float)sum;
        grad_gamma[c] = (float)(product * inv);
        offset[c] = (float)(sum / m);
        slope[c] = (float)(product * inv * inv / m);
    }
#pragma omp parallel for schedule(static) num_threads(cpu->threads)
    for (size_t i = 0; i < chunks; i++)
        cpu->kernels->loops->batchnorm_gradient(chunk_length(s, i), s->channels, s->relu,
                                                src + i * chunk * (size_t)s->src_pitch, s->src_pitch,
                                                grad_dst + i * chunk * (size_t)s->dst_pitch, s->dst_pitch, scale, shift, mean,
                                                offset, slope, grad_src + i * chunk * (size_t)s->src_pitch, s->src_pitch);
}
