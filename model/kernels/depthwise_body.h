/* model/kernels/depthwise_body.h — the source of depthwise.h's loops, compiled once per instruction set: define DEPTHWISE to the table's
 * name, include the header of a vector, then this.
 *
 * Outputs: 8 pixels x 1 vector, 8 sums + 1 weight + what is read. Eight sums hide the latency of a multiply-add, and a weight is loaded
 * once for eight of them. Weight gradients: the taps are the sums, and a gradient is loaded once for nine. */
#include "model/kernels/depthwise.h"
#include <math.h>

#define TEMPLATE static inline __attribute__((always_inline))
#define UNROLL   _Pragma("GCC unroll 16")
#define PIXELS   8

TEMPLATE vector load(const float *p, const lane_mask *m, const bool whole)
{
    return whole ? vector_load(p) : vector_load_lanes(p, m);
}

/* Channels c .. of `pixels` outputs from the first on. */
TEMPLATE void outputs(const model_depthwise_run *r, int first, int c, const int pixels, const bool whole)
{
    const lane_mask m = mask_of(r->channels - c);
    vector sum[PIXELS];
    UNROLL
    for (int i = 0; i < pixels; i++)
        sum[i] = vector_zero();
    for (int t = 0; t < r->taps; t++) {
        const float *x = r->src[t] + (size_t)first * r->src_step + c;
        vector w = vector_load(r->weights[t] + c);
        UNROLL
        for (int i = 0; i < pixels; i++)
            sum[i] = vector_fma(load(x + (size_t)i * r->src_step, &m, whole), w, sum[i]);
    }
    vector bias = r->bias ? load(r->bias + c, &m, whole) : vector_zero(), least = vector_all(r->relu ? 0.0f : -INFINITY);
    UNROLL
    for (int i = 0; i < pixels; i++) {
        float *to = r->dst + (size_t)(first + i) * r->dst_step + c;
        vector v = vector_add(sum[i], bias);
        if (r->accumulate)
            v = vector_add(v, load(to, &m, whole));
        v = vector_max(least, v); /* NaN passes: the second operand wins */
        if (whole)
            vector_store(to, v);
        else
            vector_store_lanes(to, &m, v);
    }
}

TEMPLATE void all_channels(const model_depthwise_run *r, int first, const int pixels)
{
    int c = 0;
    for (; c + LANES <= r->channels; c += LANES)
        outputs(r, first, c, pixels, true);
    if (c < r->channels)
        outputs(r, first, c, pixels, false);
}

static void depthwise_run_pixels(const model_depthwise_run *r)
{
    int i = 0;
    for (; i + PIXELS <= r->pixels; i += PIXELS)
        all_channels(r, i, PIXELS);
    if (i + PIXELS / 2 <= r->pixels) {
        all_channels(r, i, PIXELS / 2);
        i += PIXELS / 2;
    }
    for (; i < r->pixels; i++)
        all_channels(r, i, 1);
}

TEMPLATE void tap_sums(const model_depthwise_sums *s, int c, const int taps, const bool whole)
{
    const lane_mask m = mask_of(s->channels - c);
    const float *x[MODEL_DEPTHWISE_TAPS], *g = s->grad + c;
    vector sum[MODEL_DEPTHWISE_TAPS];
    UNROLL
    for (int t = 0; t < taps; t++) {
        sum[t] = vector_load(s->sums[t] + c);
        x[t] = s->src[t] + c;
    }
    size_t at = 0;
    for (int i = 0; i < s->pixels; i++, g += s->grad_step, at += s->src_step) {
        vector gradient = load(g, &m, whole);
        UNROLL
        for (int t = 0; t < taps; t++)
            sum[t] = vector_fma(load(x[t] + at, &m, whole), gradient, sum[t]);
    }
    UNROLL
    for (int t = 0; t < taps; t++)
        vector_store(s->sums[t] + c, sum[t]);
}

TEMPLATE void tap_sums_of(const model_depthwise_sums *s, const int taps)
{
    int c = 0;
    for (; c + LANES <= s->channels; c += LANES)
        tap_sums(s, c, taps, true);
    if (c < s->channels)
        tap_sums(s, c, taps, false);
}

static void depthwise_tap_sums(const model_depthwise_sums *s)
{
    switch (s->taps) {
    case 1: tap_sums_of(s, 1); break;
    case 2: tap_sums_of(s, 2); break;
    case 3: tap_sums_of(s, 3); break;
    case 4: tap_sums_of(s, 4); break;
    case 5: tap_sums_of(s, 5); break;
    case 6: tap_sums_of(s, 6); break;
    case 7: tap_sums_of(s, 7); break;
    case 8: tap_sums_of(s, 8); break;
    default: tap_sums_of(s, MODEL_DEPTHWISE_TAPS); break;
    }
}

const model_depthwise DEPTHWISE = { .run = depthwise_run_pixels, .sums = depthwise_tap_sums };
