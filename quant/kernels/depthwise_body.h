/* quant/kernels/depthwise_body.h — a run of depthwise outputs, compiled once per level. The including file says
 *
 *     LANES, vector                       int32 lanes
 *     load(p)                             int32 from memory
 *     widen(p)                            LANES bytes to int32
 *     dot(sum, bytes, weights)            sum + bytes * weights, lane by lane: both fit s16
 *     store(r, dst, sum, c, n)            n bytes of channels c .. requantised
 *
 * Eight pixels share a weight. */
#include "quant/kernels/depthwise.h"
#include <string.h>

#define TEMPLATE static inline __attribute__((always_inline))
#define PIXELS   8

/* Channels c .. c + LANES - 1 of `pixels` outputs; only n of them exist, and where they are fewer than LANES their bytes are copied. */
TEMPLATE void outputs(const quant_depthwise_run *r, int first, int c, const int pixels, int n, const bool whole)
{
    vector sums[PIXELS];
    const int32_t *weights = r->weights + c;
    _Pragma("GCC unroll 8") for (int i = 0; i < pixels; i++) sums[i] = load(r->bias + c);
    for (int t = 0; t < r->taps; t++, weights += r->tap_weights) {
        const uint8_t *from = r->src[t] + first * r->src_step[t] + c;
        const ptrdiff_t step = r->src_step[t];
        vector w = load(weights);
        _Pragma("GCC unroll 8") for (int i = 0; i < pixels; i++)
        {
            uint8_t copied[LANES];
            if (!whole)
                memcpy(copied, from + i * step, (size_t)n);
            sums[i] = dot(sums[i], widen(whole ? from + i * step : copied), w);
        }
    }
    _Pragma("GCC unroll 8") for (int i = 0; i < pixels; i++) store(r, r->dst + (first + i) * r->dst_step + c, sums[i], c, n);
}

TEMPLATE void all_channels(const quant_depthwise_run *r, int first, const int pixels)
{
    int c = 0;
    for (; c + LANES <= r->channels; c += LANES)
        outputs(r, first, c, pixels, LANES, true);
    for (int i = 0; c < r->channels && i < pixels; i++)
        outputs(r, first + i, c, 1, r->channels - c, false);
}

static void run(const quant_depthwise_run *r)
{
    int i = 0;
    for (; i + PIXELS <= r->pixels; i += PIXELS)
        all_channels(r, i, PIXELS);
    for (; i < r->pixels; i++)
        all_channels(r, i, 1);
}
