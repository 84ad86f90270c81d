/* model/kernels/peak_avx512bf16.c — as peak_avx512.c, with VDPBF16PS: two multiply-adds a lane. */
#if defined(__x86_64__)
#include "model/kernels/rows.h"
#include <immintrin.h>

#define EACH(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11)
double model_peak_avx512bf16(long rounds)
{
    __m512i a = _mm512_set1_epi16(0x3f00), b = _mm512_set1_epi16(0x3e80); /* 0.5, 0.25 */
#define DECLARE(i) __m512 c##i = _mm512_setzero_ps();
#define STEP(i)    __asm__ volatile("vdpbf16ps %2, %1, %0" : "+v"(c##i) : "v"(a), "v"(b));
    EACH(DECLARE)
    for (long r = 0; r < rounds; r++) {
        EACH(STEP)
    }
    return 4.0 * 12 * 16 * (double)rounds;
}
#endif
