/* model/kernels/peak_scalar.c — independent multiply-adds from registers, as plain C compiles them. */
#include "model/kernels/rows.h"

/* 4 vectors of 4 sums: what the compiler can keep in the registers of any 64-bit CPU. */
double model_peak_scalar(long rounds)
{
    float sums[32];
    volatile float start = 1.0f, by = 0.999f;
    float factor = by;
    for (int i = 0; i < 32; i++)
        sums[i] = start;
    for (long r = 0; r < rounds; r++) {
#pragma omp simd
        for (int i = 0; i < 32; i++)
            sums[i] = sums[i] * factor + 1.0f;
    }
    volatile float keep = 0;
    for (int i = 0; i < 32; i++)
        keep += sums[i];
    return 2.0 * 32 * (double)rounds;
}
