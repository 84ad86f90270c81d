/* quant/kernels/depthwise.h — depthwise convolutions (every channel a group of its own) of u8 by s8, inside the kernels.
 *
 * Channels are the vector axis; a tap widens bytes to int32 and multiplies lane by lane. All taps are always there: padding reads a row of
 * the byte that means 0. */
#ifndef QUANT_KERNELS_DEPTHWISE_H
#define QUANT_KERNELS_DEPTHWISE_H
#include "quant/kernels/kernels.h"

#define QUANT_DEPTHWISE_PAD 16 /* packed channels are a multiple of it */

/* Some neighbouring outputs of a row, whose taps fall inside the image or beside it alike. */
typedef struct quant_depthwise_run {
    int pixels, channels;
    int taps;
    const uint8_t *const *src; /* [taps] what the first pixel reads */
    const ptrdiff_t *src_step; /* [taps] bytes from pixel to pixel; 0 beside the image */
    uint8_t *dst;
    ptrdiff_t dst_step;
    const int32_t *weights; /* [taps][padded channels] */
    size_t tap_weights;     /* int32 from tap to tap */
    const int32_t *bias;    /* [padded channels] */
    const float *multiplier;
    float lo, hi;
    int32_t zero_point;
} quant_depthwise_run;

/* Rows [row0, row1) of dst by a level's loop over a run. */
void quant_depthwise_rows(void (*run)(const quant_depthwise_run *), const quant_conv *c, const void *packed,
                          const quant_view *src, const quant_view *dst, int row0, int row1);

void quant_depthwise_avx2(const quant_conv *c, const void *packed, const quant_view *src, const quant_view *dst, int row0,
                          int row1);
void quant_depthwise_avx512vnni(const quant_conv *c, const void *packed, const quant_view *src, const quant_view *dst, int row0,
                                int row1);
#endif
