/* model/kernels/conv2d.c — plain loops over packed weights. */
#include "model/kernels/conv2d.h"
#include "model/kernels/rows.h"
#include <string.h>

size_t model_conv2d_packed_bytes(const model_cpu *cpu, const model_conv2d *s, model_pass pass)
{
    (void)cpu;
    return pass == MODEL_BACKWARD_WEIGHTS ? 0 : (size_t)s->oc * s->ic * s->kh * s->kw * sizeof(float);
}

/* forward [KH][KW][IC][OC], backward data [KH][KW][OC][IC] */
void model_conv2d_pack(const model_cpu *cpu, const model_conv2d *s, model_pass pass, const float *weights, float *packed)
{
    int taps = s->kh * s->kw;
#pragma omp parallel for schedule(static) num_threads(cpu->threads)
    for (int t = 0; t < taps; t++)
        for (int o = 0; o < s->oc; o++)
            for (int c = 0; c < s->ic; c++) {
                float w = weights[((size_t)o * s->ic + c) * taps + t];
                if (pass == MODEL_FORWARD)
                    packed[((size_t)t * s->ic + c) * s->oc + o] = w;
                else
                    packed[((size_t)t * s->oc + o) * s->ic + c] = w;
            }
}

size_t model_conv2d_scratch_bytes(const model_cpu *cpu, const model_conv2d *s, model_pass pass)
{
    (void)cpu, (void)s, (void)pass;
    return 0;
}

void model_conv2d_forward(const model_cpu *cpu, const model_conv2d *s, const float *src, const float *packed, const float *bias,
                          bool relu, float *dst, void *scratch)
{
    (void)scratch;
    int oh = model_conv2d_oh(s), ow = model_conv2d_ow(s);
#pragma omp parallel for schedule(static) num_threads(cpu->threads)
    for (int row = 0; row < s->n * oh; row++)
        for (int x = 0; x < ow; x++) {
            float *d = dst + ((size_t)row * ow + x) * s->dst_pitch;
            for (int o = 0; o < s->oc; o++)
                d[o] = bias ? bias[o] : 0;
            for (int u = 0; u < s->kh; u++)
                for (int v = 0; v < s->kw; v++) {
                    int iy = row % oh * s->stride_h + u * s->dilation_h - s->padding_h;
                    int ix = x * s->stride_w + v * s->dilation_w - s->padding_w;
                    if (iy < 0 || iy >= s->ih || ix < 0 || ix >= s->iw)
                        continue;
                    const float *a = src + (((size_t)(row / oh) * s->ih + iy) * s->iw + ix) * s->src_pitch;
                    const float *b = packed + (size_t)(u * s->kw + v) * s->ic * s->oc;
                    for (int c = 0; c < s->ic; c++, b += s->oc) {
#pragma omp simd
                        for (int o = 0; o < s->oc; o++)
                            d[o] += a[c] * b[o];
                    }
                }
            for (int o = 0; relu && o < s->oc; o++)
                d[o] = d[o] > 0 ? d[o] : 0;
        }
}

static void backward_data(const model_cpu *cpu, const model_conv2d *s, const float *grad_dst, const float *packed,
                          const float *bias, bool accumulate, bool relu, float *grad_src)
{
    int oh = model_conv2d_oh(s), ow = model_conv2d_ow(s);
#pragma omp parallel for schedule(static) num_threads(cpu->threads)
    for (int row = 0; row < s->n * s->ih; row++)
        for (int ix = 0; ix < s->iw; ix++) {
            float *d = grad_src + ((size_t)row * s->iw + ix) * s->src_pitch;
            for (int c = 0; c < s->ic; c++)
                d[c] = (accumulate ? d[c] : 0) + (bias ? bias[c] : 0);
            for (int u = 0; u < s->kh; u++)
                for (int v = 0; v < s->kw; v++) {
                    int y = row % s->ih + s->padding_h - u * s->dilation_h, x = ix + s->padding_w - v * s->dilation_w;
                    if (y < 0 || y % s->stride_h || y / s->stride_h >= oh || x < 0 || x % s->stride_w || x / s->stride_w >= ow)
                        continue;
                    const float *a =
                        grad_dst + (((size_t)(row / s->ih) * oh + y / s->stride_h) * ow + x / s->stride_w) * s->dst_pitch;
                    const float *b = packed + (size_t)(u * s->kw + v) * s->ic * s->oc;
                    for (int o = 0; o < s->oc; o++, b += s->ic) {
#pragma omp simd
                        for (int c = 0; c < s->ic; c++)
                            d[c] += a[o] * b[c];
                    }
                }
            for (int c = 0; relu && c < s->ic; c++)
                d[c] = d[c] > 0 ? d[c] : 0;
        }
}

void model_conv2d_backward_data(const model_cpu *cpu, const model_conv2d *s, const float *grad_dst, const float *packed,
                                bool accumulate, float *grad_src, void *scratch)
{
    (void)scratch;
    backward_data(cpu, s, grad_dst, packed, NULL, accumulate, false, grad_src);
}

static void backward_weights(const model_cpu *cpu, const model_conv2d *s, const float *src, const float *grad_dst,
                             float *grad_weights)
{
    int oh = model_conv2d_oh(s), ow = model_conv2d_ow(s), taps = s->kh * s->kw;
#pragma omp parallel for schedule(static) num_threads(cpu->threads)
    for (int o = 0; o < s->oc; o++) {
        memset(grad_weights + (size_t)o * s->ic * taps, 0, (size_t)s->ic * taps * sizeof *grad_weights);
        for (int row = 0; row < s->n * oh; row++)
            for (int x = 0; x < ow; x++)
                for (int t = 0; t < taps; t++) {
                    int iy = row % oh * s->stride_h + t / s->kw * s->dilation_h - s->padding_h;
                    int ix = x * s->stride_w + t % s->kw * s->dilation_w - s->padding_w;
                    if (iy < 0 || iy >= s->ih || ix < 0 || ix >= s->iw)
                        continue;
                    const float *a = src + (((size_t)(row / oh) * s->ih + iy) * s->iw + ix) * s->src_pitch;
                    float g = grad_dst[((size_t)row * ow + x) * s->dst_pitch + o];
                    for (int c = 0; c < s->ic; c++)
                        grad_weights[((size_t)o * s->ic + c) * taps + t] += a[c] * g;
                }
    }
}

static void sum_pixels(size_t pixels, int channels, int pitch, const float *a, float *sums)
{
    for (int c = 0; c < channels; c++) {
        double sum = 0;
        for (size_t p = 0; p < pixels; p++)
            sum += (double)a[p * (size_t)pitch + (size_t)c];
        sums[c] = (float)sum;
    }
}

void model_conv2d_backward_weights(const model_cpu *cpu, const model_conv2d *s, const float *src, const float *grad_dst,
                                   float *grad_weights, float *grad_bias, void *scratch)
{
    (void)scratch;
    backward_weights(cpu, s, src, grad_dst, grad_weights);
    if (grad_bias)
        sum_pixels((size_t)s->n * model_conv2d_oh(s) * model_conv2d_ow(s), s->oc, s->dst_pitch, grad_dst, grad_bias);
}

void model_conv2d_transposed_forward(const model_cpu *cpu, const model_conv2d *s, const float *src, const float *packed,
                                     const float *bias, bool relu, float *dst, void *scratch)
{
    (void)scratch;
    backward_data(cpu, s, src, packed, bias, false, relu, dst);
}

void model_conv2d_transposed_backward_data(const model_cpu *cpu, const model_conv2d *s, const float *grad_dst,
                                           const float *packed, float *grad_src, void *scratch)
{
    model_conv2d_forward(cpu, s, grad_dst, packed, NULL, false, grad_src, scratch);
}

void model_conv2d_transposed_backward_weights(const model_cpu *cpu, const model_conv2d *s, const float *src,
                                              const float *grad_dst, float *grad_weights, float *grad_bias, void *scratch)
{
    (void)scratch;
    backward_weights(cpu, s, grad_dst, src, grad_weights);
    if (grad_bias)
        sum_pixels((size_t)s->n * s->ih * s->iw, s->ic, s->src_pitch, grad_dst, grad_bias);
}
