/* model/kernels/peak_avx2.c — 12 independent sums: two FMA a cycle with a latency of 4 or 5 need 8 to 10. */
#if defined(__x86_64__)
#include "model/kernels/rows.h"
#include <immintrin.h>

#define EACH(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11)
double model_peak_avx2(long rounds)
{
    __m256 a = _mm256_set1_ps(0.5f), b = _mm256_set1_ps(0.25f);
#define DECLARE(i) __m256 c##i = _mm256_setzero_ps();
#define STEP(i)    __asm__ volatile("vfmadd231ps %2, %1, %0" : "+x"(c##i) : "x"(a), "x"(b));
    EACH(DECLARE)
    for (long r = 0; r < rounds; r++) {
        EACH(STEP)
    }
    return 2.0 * 12 * 8 * (double)rounds;
}
#endif
