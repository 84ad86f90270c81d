/* model/kernels/peak_avx512.c — 12 independent sums: two FMA a cycle with a latency of 4 or 5 need 8 to 10. */
#if defined(__x86_64__)
#include "model/kernels/rows.h"
#include <immintrin.h>

#define EACH(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11)
double model_peak_avx512(long rounds)
{
    __m512 a = _mm512_set1_ps(0.5f), b = _mm512_set1_ps(0.25f);
#define DECLARE(i) __m512 c##i = _mm512_setzero_ps();
#define STEP(i)    __asm__ volatile("vfmadd231ps %2, %1, %0" : "+v"(c##i) : "v"(a), "v"(b));
    EACH(DECLARE)
    for (long r = 0; r < rounds; r++) {
        EACH(STEP)
    }
    return 2.0 * 12 * 16 * (double)rounds;
}
#endif
