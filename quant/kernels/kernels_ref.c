/* The definition: naive loops, never tuned. Where this file and another level disagree, the other level is wrong. */
#include "quant/kernels/levels.h"
#include <math.h>
#include <string.h>

static uint8_t requantise(const quant_conv *c, int o, int32_t acc)
{
    float f = (float)acc * c->multiplier[o];
    f = fminf(fmaxf(f, c->lo), c->hi);
    return (uint8_t)((int32_t)rintf(f) + c->zero_point);
}

/* The byte of channel i at row y, column x of the padded source. */
static int32_t tap(const quant_conv *c, const quant_view *src, int y, int x, int i)
{
    bool inside = y >= 0 && y < src->height && x >= 0 && x < src->width;
    return inside ? quant_view_at(src, y, x)[i] : c->src_zero_point;
}

static int32_t conv_sum(const quant_conv *c, const quant_view *src, int y, int x, int o)
{
    int32_t acc = c->bias[o];
    for (int ky = 0; ky < c->kh; ky++)
        for (int kx = 0; kx < c->kw; kx++)
            for (int i = 0; i < c->ic; i++)
                acc += tap(c, src, y * c->stride + ky * c->dilation - c->padding, x * c->stride + kx * c->dilation - c->padding,
                           i) *
                       c->weights[(((size_t)o * c->kh + ky) * c->kw + kx) * c->ic + i];
    return acc;
}

/* Output pixel (y, x) sees one source pixel, (y/2, x/2), through the taps of its phase 2*(y%2) + x%2. */
static int32_t transposed_sum(const quant_conv *c, const quant_view *src, int y, int x, int o)
{
    int phase = 2 * (y % 2) + x % 2;
    int32_t acc = c->bias[phase * c->oc + o];
    for (int i = 0; i < c->ic; i++)
        acc += quant_view_at(src, y / 2, x / 2)[i] * c->weights[((size_t)phase * c->oc + o) * c->ic + i];
    return acc;
}

static void conv(const quant_conv *c, const void *packed, const quant_view *src, const quant_view *dst, int row0, int row1,
                 void *scratch)
{
    (void)packed;
    (void)scratch;
    for (int y = row0; y < row1; y++)
        for (int x = 0; x < dst->width; x++)
            for (int o = 0; o < c->oc; o++) {
                int32_t acc = c->transposed ? transposed_sum(c, src, y, x, o) : conv_sum(c, src, y, x, o);
                quant_view_at(dst, y, x)[o] = requantise(c, o, acc);
            }
}

static void depthwise(const quant_conv *c, const void *packed, const quant_view *src, const quant_view *dst, int row0, int row1)
{
    (void)packed;
    for (int y = row0; y < row1; y++)
        for (int x = 0; x < dst->width; x++)
            for (int i = 0; i < c->oc; i++) {
                int32_t acc = c->bias[i];
                for (int k = 0; k < c->kh * c->kw; k++)
                    acc += tap(c, src, y * c->stride + k / c->kw * c->dilation - c->padding,
                               x * c->stride + k % c->kw * c->dilation - c->padding, i) *
                           c->weights[(size_t)i * c->kh * c->kw + k];
                quant_view_at(dst, y, x)[i] = requantise(c, i, acc);
            }
}

static void pool2x2(const quant_view *src, const quant_view *dst, int row0, int row1)
{
    for (int y = row0; y < row1; y++)
        for (int x = 0; x < dst->width; x++)
            for (int i = 0; i < dst->channels; i++) {
                uint8_t best = 0;
                for (int k = 0; k < 4; k++) {
                    uint8_t q = quant_view_at(src, 2 * y + k / 2, 2 * x + k % 2)[i];
                    best = q > best ? q : best;
                }
                quant_view_at(dst, y, x)[i] = best;
            }
}

static void map(const quant_view *src, const quant_view *dst, const uint8_t table[256], int row0, int row1)
{
    for (int y = row0; y < row1; y++)
        for (int x = 0; x < dst->width; x++) {
            const uint8_t *s = quant_view_at(src, y, x);
            uint8_t *d = quant_view_at(dst, y, x);
            for (int i = 0; i < dst->channels; i++)
                d[i] = table ? table[s[i]] : s[i];
        }
}

static void head(const quant_head *h, const quant_view *src, uint8_t *mask, int32_t *logits, int row0, int row1)
{
    for (size_t p = (size_t)row0 * src->width; p < (size_t)row1 * src->width; p++) {
        const uint8_t *s = quant_view_at(src, (int)(p / src->width), (int)(p % src->width));
        int best = 0;
        float best_logit = 0.0f;
        int32_t acc = 0;
        for (int o = 0; o < h->classes; o++) {
            acc = h->bias[o];
            for (int i = 0; i < h->ic; i++)
                acc += s[i] * h->weights[(size_t)o * h->ic + i];
            float logit = (float)acc * h->scale[o];
            if (o == 0 || logit > best_logit) {
                best = o;
                best_logit = logit;
            }
            if (logits)
                logits[p * h->classes + o] = acc;
        }
        if (mask)
            mask[p] = (uint8_t)(h->classes == 1 ? acc >= 0 : best);
    }
}

static size_t no_bytes(const quant_conv *c)
{
    (void)c;
    return 0;
}

static void no_pack(const quant_conv *c, void *packed)
{
    (void)c;
    (void)packed;
}

static size_t no_scratch(const quant_conv *c, int src_width)
{
    (void)c;
    (void)src_width;
    return 0;
}

/* Eight sums; the multiplier changes, or the compiler would multiply once. */
static double peak(long rounds)
{
    volatile int32_t seed = 3;
    int32_t sums[8] = { 0 }, a = seed;
    for (long r = 0; r < rounds; r++)
        for (int i = 0; i < 8; i++)
            sums[i] += (int32_t)((uint32_t)a * (uint32_t)(i + (int32_t)r)) & 0xff;
    for (int i = 0; i < 8; i++)
        seed = sums[i];
    return 2.0 * 8 * (double)rounds;
}

const quant_kernels quant_kernels_ref = {
    .name = "scalar",
    .needs = 0,
    .conv_packed_bytes = no_bytes,
    .conv_pack = no_pack,
    .conv_scratch_bytes = no_scratch,
    .conv = conv,
    .depthwise = depthwise,
    .pool2x2 = pool2x2,
    .map = map,
    .head = head,
    .peak = peak,
};
