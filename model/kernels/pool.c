/* model/kernels/pool.c — threads over the rows of windows. */
#include "model/kernels/pool.h"
#include "model/kernels/rows.h"
#include <string.h>

void model_pool2x2_forward(const model_cpu *cpu, const model_pool2x2 *s, const float *src, float *dst)
{
    int oh = s->h / 2, ow = s->w / 2;
#pragma omp parallel for schedule(static) num_threads(cpu->threads)
    for (int i = 0; i < s->n * oh; i++) {
        const float *top = src + ((size_t)(i / oh) * s->h + 2 * (size_t)(i % oh)) * s->w * s->src_pitch;
        cpu->kernels->loops->pool(ow, s->channels, top, top + (size_t)s->w * s->src_pitch, s->src_pitch,
                                  dst + (size_t)i * ow * s->dst_pitch, s->dst_pitch);
    }
}

/* Clear `pixels` pixels, channels only. */
static void clear(float *p, size_t pixels, int channels, int pitch)
{
    for (size_t i = 0; i < pixels; i++)
        memset(p + i * (size_t)pitch, 0, (size_t)channels * sizeof *p);
}

void model_pool2x2_backward(const model_cpu *cpu, const model_pool2x2 *s, const float *src, const float *grad_dst,
                            bool accumulate, float *grad_src)
{
    int oh = s->h / 2, ow = s->w / 2;
    size_t row = (size_t)s->w * s->src_pitch;
#pragma omp parallel for schedule(static) num_threads(cpu->threads)
    for (int i = 0; i < s->n * oh; i++) {
        size_t top = ((size_t)(i / oh) * s->h + 2 * (size_t)(i % oh)) * row;
        cpu->kernels->loops->pool_backward(ow, s->channels, accumulate, src + top, src + top + row, s->src_pitch,
                                           grad_dst + (size_t)i * ow * s->dst_pitch, s->dst_pitch, grad_src + top,
                                           grad_src + top + row);
        if (accumulate)
            continue;
        if (s->w % 2) { /* the dropped last column */
            clear(grad_src + top + row - s->src_pitch, 1, s->channels, s->src_pitch);
            clear(grad_src + top + 2 * row - s->src_pitch, 1, s->channels, s->src_pitch);
        }
        if (s->h % 2 && i % oh == oh - 1) /* the dropped last row */
            clear(grad_src + top + 2 * row, (size_t)s->w, s->channels, s->src_pitch);
    }
}
