#include "quant/kernels/depthwise.h"
#include "base/arena.h"
#include "quant/kernels/levels.h"
#include <assert.h>
#include <string.h>

enum { MOST_TAPS = 16 * 16 };

static size_t padded(const quant_conv *c)
{
    return (size_t)(c->oc + QUANT_DEPTHWISE_PAD - 1) / QUANT_DEPTHWISE_PAD * QUANT_DEPTHWISE_PAD;
}
static int taps_of(const quant_conv *c) { return c->kh * c->kw; }
static size_t weights_bytes(const quant_conv *c) { return (size_t)taps_of(c) * padded(c) * sizeof(int32_t); }

/* packed: int32 bias and float multiplier [padded], weights, and a pixel of padding. */
size_t quant_depthwise_packed_bytes(const quant_conv *c)
{
    return base_arena_round(padded(c) * (sizeof(int32_t) + sizeof(float)) + weights_bytes(c) + padded(c));
}

void quant_depthwise_pack(const quant_conv *c, void *packed)
{
    assert(!c->transposed && c->ic == c->oc && taps_of(c) <= MOST_TAPS);
    unsigned char *at = packed;
    memset(at, 0, quant_depthwise_packed_bytes(c));
    memcpy(at, c->bias, sizeof(int32_t) * (size_t)c->oc);
    at += sizeof(int32_t) * padded(c);
    memcpy(at, c->multiplier, sizeof(float) * (size_t)c->oc);
    at += sizeof(float) * padded(c);
    int32_t *weights = (int32_t *)(void *)at;
    for (int tap = 0; tap < taps_of(c); tap++)
        for (int i = 0; i < c->oc; i++)
            weights[(size_t)tap * padded(c) + (size_t)i] = c->weights[(size_t)i * (size_t)taps_of(c) + (size_t)tap];
    memset(at + weights_bytes(c), c->src_zero_point, padded(c));
}

/* Columns of taps inside the image at output column x, as bits. */
static uint32_t inside(const quant_conv *c, const quant_view *src, int x)
{
    uint32_t bits = 0;
    for (int k = 0; k < c->kw; k++) {
        int ix = x * c->stride + k * c->dilation - c->padding;
        bits |= (uint32_t)(ix >= 0 && ix < src->width) << k;
    }
    return bits;
}

static void find_taps(const quant_conv *c, const quant_view *src, int y, int x, const uint8_t *zeros, const uint8_t *at[],
                      ptrdiff_t step[])
{
    for (int tap = 0; tap < taps_of(c); tap++) {
        int iy = y * c->stride + tap / c->kw * c->dilation - c->padding,
            ix = x * c->stride + tap % c->kw * c->dilation - c->padding;
        bool reads = iy >= 0 && iy < src->height && ix >= 0 && ix < src->width;
        at[tap] = reads ? quant_view_at(src, iy, ix) : zeros;
        step[tap] = reads ? (ptrdiff_t)src->pitch * c->stride : 0;
    }
}

void quant_depthwise_rows(void (*run)(const quant_depthwise_run *), const quant_conv *c, const void *packed,
                          const quant_view *src, const quant_view *dst, int row0, int row1)
{
    const uint8_t *at[MOST_TAPS], *bytes = packed;
    ptrdiff_t step[MOST_TAPS];
    quant_depthwise_run r = { .channels = c->oc,
                              .taps = taps_of(c),
                              .src = at,
                              .src_step = step,
                              .dst_step = dst->pitch,
                              .tap_weights = padded(c),
                              .lo = c->lo,
                              .hi = c->hi,
                              .zero_point = c->zero_point };
    r.bias = (const int32_t *)packed;
    r.multiplier = (const float *)(const void *)(bytes + sizeof(int32_t) * padded(c));
    const uint8_t *weights = bytes + (sizeof(int32_t) + sizeof(float)) * padded(c), *zeros = weights + weights_bytes(c);
    r.weights = (const int32_t *)(const void *)weights;
    for (int y = row0; y < row1; y++)
        for (int x = 0, end; x < dst->width; x = end) {
            uint32_t columns = inside(c, src, x);
            for (end = x + 1; end < dst->width && inside(c, src, end) == columns;)
                end++;
            find_taps(c, src, y, x, zeros, at, step);
            r.pixels = end - x;
            r.dst = quant_view_at(dst, y, x);
            run(&r);
        }
}

void quant_depthwise(const quant_kernels *k, const quant_conv *c, const void *packed, const quant_view *src,
                     const quant_view *dst, int row0, int row1)
{
    (k->depthwise ? k->depthwise : quant_kernels_ref.depthwise)(c, packed, src, dst, row0, row1);
}
