/* model/kernels/conv2d_ref.c — the definition of conv2d.h as naive loops in double; never tuned. */
#include "model/kernels/conv2d.h"
#include <string.h>

/* First channel of the group of output o. */
static int first_channel(const model_conv2d *s, int o)
{
    return o / (s->oc / model_conv2d_groups(s)) * model_conv2d_group_channels(s);
}

/* Calls body with the indices of one product: src element (n, iy, ix, c), weight (o, c, u, v), dst element (n, y, x, o). */
#define FOR_EACH_PRODUCT(s, oh, ow, body)                                                                                      \
    for (int n = 0, per_group = (s)->oc / model_conv2d_groups(s), channels = model_conv2d_group_channels(s); n < (s)->n; n++)  \
        for (int y = 0; y < (oh); y++)                                                                                         \
            for (int x = 0; x < (ow); x++)                                                                                     \
                for (int u = 0; u < (s)->kh; u++) {                                                                            \
                    int iy = y * (s)->stride_h + u * (s)->dilation_h - (s)->padding_h;                                         \
                    if (iy < 0 || iy >= (s)->ih)                                                                               \
                        continue;                                                                                              \
                    for (int v = 0; v < (s)->kw; v++) {                                                                        \
                        int ix = x * (s)->stride_w + v * (s)->dilation_w - (s)->padding_w;                                     \
                        if (ix < 0 || ix >= (s)->iw)                                                                           \
                            continue;                                                                                          \
                        size_t src_pixel = ((size_t)n * (s)->ih + iy) * (s)->iw + ix;                                          \
                        size_t dst_pixel = ((size_t)n * (oh) + y) * (ow) + x;                                                  \
                        for (int o = 0; o < (s)->oc; o++)                                                                      \
                            for (int i = 0, c = o / per_group * channels; i < channels; i++, c++) {                            \
                                size_t weight = (((size_t)o * channels + i) * (s)->kh + u) * (s)->kw + v;                      \
                                body                                                                                           \
                            }                                                                                                  \
                    }                                                                                                          \
                }

void model_conv2d_forward_ref(const model_conv2d *s, const float *src, const float *weights, const float *bias, bool relu,
                              double *dst)
{
    int oh = model_conv2d_oh(s), ow = model_conv2d_ow(s);
    size_t pixels = (size_t)s->n * oh * ow;
    for (size_t i = 0; i < pixels * s->oc; i++)
        dst[i] = bias ? bias[i % s->oc] : 0;
    FOR_EACH_PRODUCT(s, oh, ow, { dst[dst_pixel * s->oc + o] += (double)weights[weight] * src[src_pixel * s->src_pitch + c]; })
    if (relu)
        for (size_t i = 0; i < pixels * s->oc; i++)
            dst[i] = dst[i] > 0 ? dst[i] : 0;
}

void model_conv2d_backward_data_ref(const model_conv2d *s, const float *grad_dst, const float *weights, double *grad_src)
{
    int oh = model_conv2d_oh(s), ow = model_conv2d_ow(s);
    memset(grad_src, 0, (size_t)s->n * s->ih * s->iw * s->ic * sizeof *grad_src);
    FOR_EACH_PRODUCT(s, oh, ow,
                     { grad_src[src_pixel * s->ic + c] += (double)weights[weight] * grad_dst[dst_pixel * s->dst_pitch + o]; })
}

void model_conv2d_backward_weights_ref(const model_conv2d *s, const float *src, const float *grad_dst, double *grad_weights,
                                       double *grad_bias)
{
    int oh = model_conv2d_oh(s), ow = model_conv2d_ow(s);
    memset(grad_weights, 0, (size_t)s->oc * model_conv2d_group_channels(s) * s->kh * s->kw * sizeof *grad_weights);
    FOR_EACH_PRODUCT(s, oh, ow, {
        grad_weights[weight] += (double)src[src_pixel * s->src_pitch + c] * grad_dst[dst_pixel * s->dst_pitch + o];
    })
    if (!grad_bias)
        return;
    for (int o = 0; o < s->oc; o++)
        grad_bias[o] = 0;
    for (size_t p = 0; p < (size_t)s->n * oh * ow; p++)
        for (int o = 0; o < s->oc; o++)
            grad_bias[o] += grad_dst[p * s->dst_pitch + o];
}

/* ---- single elements ---- */

double model_conv2d_forward_at(const model_conv2d *s, const float *src, const float *weights, size_t pixel, int o)
{
    int oh = model_conv2d_oh(s), ow = model_conv2d_ow(s);
    int x = (int)(pixel % (size_t)ow), y = (int)(pixel / (size_t)ow % (size_t)oh), n = (int)(pixel / (size_t)ow / (size_t)oh);
    int first = first_channel(s, o), channels = model_conv2d_group_channels(s);
    double sum = 0;
    for (int u = 0; u < s->kh; u++)
        for (int v = 0; v < s->kw; v++) {
            int iy = y * s->stride_h + u * s->dilation_h - s->padding_h,
                ix = x * s->stride_w + v * s->dilation_w - s->padding_w;
            if (iy < 0 || iy >= s->ih || ix < 0 || ix >= s->iw)
                continue;
            const float *a = src + (((size_t)n * s->ih + iy) * s->iw + ix) * s->src_pitch + first;
            for (int i = 0; i < channels; i++)
                sum += (double)a[i] * weights[(((size_t)o * channels + i) * s->kh + u) * s->kw + v];
        }
    return sum;
}

double model_conv2d_backward_data_at(const model_conv2d *s, const float *grad_dst, const float *weights, size_t pixel, int c)
{
    int oh = model_conv2d_oh(s), ow = model_conv2d_ow(s);
    int ix = (int)(pixel % (size_t)s->iw), iy = (int)(pixel / (size_t)s->iw % (size_t)s->ih);
    int n = (int)(pixel / (size_t)s->iw / (size_t)s->ih);
    int outputs = s->oc / model_conv2d_groups(s), channels = model_conv2d_group_channels(s), group = c / channels;
    double sum = 0;
    for (int u = 0; u < s->kh; u++)
        for (int v = 0; v < s->kw; v++) {
            int y = iy + s->padding_h - u * s->dilation_h, x = ix + s->padding_w - v * s->dilation_w;
            if (y < 0 || y % s->stride_h || y / s->stride_h >= oh || x < 0 || x % s->stride_w || x / s->stride_w >= ow)
                continue;
            const float *g = grad_dst + (((size_t)n * oh + y / s->stride_h) * ow + x / s->stride_w) * s->dst_pitch;
            for (int o = group * outputs; o < (group + 1) * outputs; o++)
                sum += (double)g[o] * weights[(((size_t)o * channels + c % channels) * s->kh + u) * s->kw + v];
        }
    return sum;
}

double model_conv2d_backward_weights_at(const model_conv2d *s, const float *src, const float *grad_dst, size_t weight)
{
    int oh = model_conv2d_oh(s), ow = model_conv2d_ow(s), taps = s->kh * s->kw;
    int u = (int)(weight % (size_t)taps) / s->kw, v = (int)(weight % (size_t)taps) % s->kw;
    size_t channels = (size_t)model_conv2d_group_channels(s), o = weight / (size_t)taps / channels;
    size_t c = weight / (size_t)taps % channels + (size_t)first_channel(s, (int)o);
    double sum = 0;
    for (int n = 0; n < s->n; n++)
        for (int y = 0; y < oh; y++) {
            int iy = y * s->stride_h + u * s->dilation_h - s->padding_h;
            if (iy < 0 || iy >= s->ih)
                continue;
            for (int x = 0; x < ow; x++) {
                int ix = x * s->stride_w + v * s->dilation_w - s->padding_w;
                if (ix >= 0 && ix < s->iw)
                    sum += (double)src[(((size_t)n * s->ih + iy) * s->iw + ix) * s->src_pitch + c] *
                           grad_dst[(((size_t)n * oh + y) * ow + x) * s->dst_pitch + o];
            }
        }
    return sum;
}
