#include "quant/observer.h"
#include <math.h>
#include <string.h>

void quant_histogram_start(quant_histogram *h) { *h = (quant_histogram){ .lo = INFINITY, .hi = -INFINITY, .finite = true }; }

void quant_histogram_widen(quant_histogram *h, const float *data, size_t pixels, int channels, int pitch, int threads)
{
    float lo = h->lo, hi = h->hi;
    int bad = 0;
#pragma omp parallel for num_threads(threads) reduction(min : lo) reduction(max : hi) reduction(| : bad)
    for (size_t p = 0; p < pixels; p++)
        for (int c = 0; c < channels; c++) {
            float x = data[p * pitch + c];
            bad |= !isfinite(x);
            lo = x < lo ? x : lo;
            hi = x > hi ? x : hi;
        }
    h->lo = lo;
    h->hi = hi;
    h->finite = h->finite && !bad;
}

void quant_histogram_count(quant_histogram *h, const float *data, size_t pixels, int channels, int pitch, int threads)
{
    double lo = (double)h->lo, range = (double)h->hi - lo;
    double per_unit = range > 0 ? QUANT_BINS / range : 0;
#pragma omp parallel num_threads(threads)
    {
        uint64_t own[QUANT_BINS] = { 0 };
#pragma omp for
        for (size_t p = 0; p < pixels; p++)
            for (int c = 0; c < channels; c++) {
                int bin = (int)(((double)data[p * pitch + c] - lo) * per_unit);
                own[bin < 0 ? 0 : bin >= QUANT_BINS ? QUANT_BINS - 1 : bin]++;
            }
#pragma omp critical(quant_histogram)
        for (int b = 0; b < QUANT_BINS; b++)
            h->counts[b] += own[b];
    }
}

void quant_histogram_range(const quant_histogram *h, double percentile, float *lo, float *hi)
{
    uint64_t total = 0;
    for (int b = 0; b < QUANT_BINS; b++)
        total += h->counts[b];
    double outside = (100.0 - percentile) / 100.0 * (double)total;
    double low_share = h->lo == 0.0f ? 0.0 : h->hi == 0.0f ? 1.0 : 0.5;
    double drop_low = outside * low_share, drop_high = outside - drop_low;
    int first = 0, last = QUANT_BINS - 1;
    for (uint64_t dropped = 0; first < last && (double)(dropped + h->counts[first]) <= drop_low; first++)
        dropped += h->counts[first];
    for (uint64_t dropped = 0; last > first && (double)(dropped + h->counts[last]) <= drop_high; last--)
        dropped += h->counts[last];
    double width = ((double)h->hi - (double)h->lo) / QUANT_BINS;
    *lo = first == 0 ? h->lo : (float)((double)h->lo + first * width);
    *hi = last == QUANT_BINS - 1 ? h->hi : (float)((double)h->lo + (last + 1) * width);
}
