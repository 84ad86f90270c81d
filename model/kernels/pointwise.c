/* model/kernels/pointwise.c — chunks of pixels over threads. */
#include "model/kernels/pointwise.h"
#include "model/kernels/rows.h"
#include <math.h>
#include <string.h>

/* Pixels [first, first + count) of one task. */
typedef struct chunk {
    size_t first, count;
} chunk;

static size_t chunk_count(const model_pixels *s)
{
    size_t pixels = model_chunk_pixels(s->channels);
    return (s->pixels + pixels - 1) / pixels;
}

static chunk chunk_at(const model_pixels *s, size_t index)
{
    size_t pixels = model_chunk_pixels(s->channels), first = index * pixels;
    return (chunk){ first, s->pixels - first < pixels ? s->pixels - first : pixels };
}

#define AT(array, pitch) ((array) + k.first * (size_t)(pitch))

void model_relu_forward(const model_cpu *cpu, const model_pixels *s, const float *a, float *dst)
{
    size_t chunks = chunk_count(s);
#pragma omp parallel for schedule(static) num_threads(cpu->threads)
    for (size_t i = 0; i < chunks; i++) {
        chunk k = chunk_at(s, i);
        cpu->kernels->loops->relu(k.count, s->channels, AT(a, s->a_pitch), s->a_pitch, AT(dst, s->dst_pitch), s->dst_pitch);
    }
}

void model_relu_backward(const model_cpu *cpu, const model_pixels *s, const float *a, const float *b, float *dst)
{
    size_t chunks = chunk_count(s);
#pragma omp parallel for schedule(static) num_threads(cpu->threads)
    for (size_t i = 0; i < chunks; i++) {
        chunk k = chunk_at(s, i);
        cpu->kernels->loops->relu_backward(k.count, s->channels, AT(a, s->a_pitch), s->a_pitch, AT(b, s->b_pitch), s->b_pitch,
                                           AT(dst, s->dst_pitch), s->dst_pitch);
    }
}

void model_add(const model_cpu *cpu, const model_pixels *s, const float *a, const float *b, float *dst)
{
    size_t chunks = chunk_count(s);
#pragma omp parallel for schedule(static) num_threads(cpu->threads)
    for (size_t i = 0; i < chunks; i++) {
        chunk k = chunk_at(s, i);
        cpu->kernels->loops->add(k.count, s->channels, AT(a, s->a_pitch), s->a_pitch, AT(b, s->b_pitch), s->b_pitch,
                                 AT(dst, s->dst_pitch), s->dst_pitch);
    }
}

void model_copy(const model_cpu *cpu, const model_pixels *s, const float *a, float *dst)
{
    size_t chunks = chunk_count(s);
#pragma omp parallel for schedule(static) num_threads(cpu->threads)
    for (size_t i = 0; i < chunks; i++) {
        chunk k = chunk_at(s, i);
        if (s->a_pitch == s->channels && s->dst_pitch == s->channels)
            memcpy(AT(dst, s->channels), AT(a, s->channels), k.count * (size_t)s->channels * sizeof *dst);
        else
            model_copy_pixels(AT(dst, s->dst_pitch), (size_t)s->dst_pitch, AT(a, s->a_pitch), (size_t)s->a_pitch, s->channels,
                              k.count);
    }
}

size_t model_sum_scratch_bytes(const model_pixels *s) { return chunk_count(s) * (size_t)s->channels * sizeof(float); }

void model_sum(const model_cpu *cpu, const model_pixels *s, const float *a, float *sums, void *scratch)
{
    float *partial = scratch; /* [chunks][channels] */
    size_t chunks = chunk_count(s);
#pragma omp parallel for schedule(static) num_threads(cpu->threads)
    for (size_t i = 0; i < chunks; i++) {
        chunk k = chunk_at(s, i);
        cpu->kernels->loops->sum(k.count, s->channels, AT(a, s->a_pitch), s->a_pitch, partial + i * (size_t)s->channels);
    }
    for (int c = 0; c < s->channels; c++) {
        double sum = 0;
        for (size_t i = 0; i < chunks; i++)
            sum += (double)partial[i * (size_t)s->channels + (size_t)c];
        sums[c] = (float)sum;
    }
}

void model_adam_update(const model_cpu *cpu, const model_adam_terms *o, size_t count, const float *grad, float *m, float *v,
                       float *weights)
{
    double correct1 = 1 - pow((double)o->beta1, (double)o->step), correct2 = 1 - pow((double)o->beta2, (double)o->step);
    float k[MODEL_ADAM_FACTORS] = { o->beta1,
                                    1 - o->beta1,
                                    o->beta2,
                                    1 - o->beta2,
                                    (float)((double)o->lr / correct1),
                                    (float)(1 / sqrt(correct2)),
                                    o->epsilon,
                                    o->decoupled ? 0 : o->weight_decay,
                                    o->decoupled ? 1 - o->lr * o->weight_decay : 1 };
    const size_t task = 16384;
    size_t chunks = (count + task - 1) / task;
#pragma omp parallel for schedule(static) num_threads(cpu->threads)
    for (size_t i = 0; i < chunks; i++) {
        size_t first = i * task, n = count - first < task ? count - first : task;
        cpu->kernels->loops->adam(n, k, grad + first, m + first, v + first, weights + first);
    }
}
