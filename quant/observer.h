/* quant/observer.h — the range of a tensor over many images, in two passes: extremes first, then integer counts in 2048 equal bins between
 * them. Counts and extremes do not depend on the order of images or threads. */
#ifndef QUANT_OBSERVER_H
#define QUANT_OBSERVER_H
#include "quant/quant.h"

#define QUANT_BINS 2048

typedef struct quant_histogram {
    float lo, hi; /* extremes; +inf, -inf while nothing was seen */
    bool finite;  /* no NaN or infinity was seen */
    uint64_t counts[QUANT_BINS];
} quant_histogram;

void quant_histogram_start(quant_histogram *h);
/* First pass. Values at data[p*pitch + c], c < channels, p < pixels. */
void quant_histogram_widen(quant_histogram *h, const float *data, size_t pixels, int channels, int pitch, int threads);
/* Second pass, over the same values: bin of x = floor((x - lo) * QUANT_BINS / (hi - lo)), hi in the last one. */
void quant_histogram_count(quant_histogram *h, const float *data, size_t pixels, int channels, int pitch, int threads);
/* The range without the outer (100 - percentile) percent of all counted values: half on each side, or all of it on the side
 * that is not exactly 0 when the other one is (the output of a ReLU). Whole bins are dropped, never more than that share. */
void quant_histogram_range(const quant_histogram *h, double percentile, float *lo, float *hi);
#endif
