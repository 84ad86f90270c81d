/* model/kernels/peak_neon.c — 24 independent sums, as in the tiles: two to four multiply-adds a cycle with a latency of 4 need 8 to 16. */
#if defined(__aarch64__)
#include "model/kernels/rows.h"
#include <arm_neon.h>

#define EACH_8(X, p) X(p##0) X(p##1) X(p##2) X(p##3) X(p##4) X(p##5) X(p##6) X(p##7)
#define EACH(X)      EACH_8(X, c) EACH_8(X, d) EACH_8(X, e)
double model_peak_neon(long rounds)
{
    float32x4_t a = vdupq_n_f32(0.5f), b = vdupq_n_f32(0.25f);
#define DECLARE(c) float32x4_t c = vdupq_n_f32(0);
#define STEP(c)    __asm__ volatile("fmla %0.4s, %1.4s, %2.s[0]" : "+w"(c) : "w"(a), "w"(b));
    EACH(DECLARE)
    for (long r = 0; r < rounds; r++) {
        EACH(STEP)
    }
    return 2.0 * 24 * 4 * (double)rounds;
}
#endif
