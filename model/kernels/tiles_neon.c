/* model/kernels/tiles_neon.c — tiles.h on 32 registers of 4 floats, two of them to a vector of 8.
 *
 *   plain2   6 pixels x 2 vectors: 24 sums + 4 B + 1 of A = 29 registers, 6 + 2 loads for 24 multiply-adds
 *   shared1  11 pixels x 1 vector: 22 sums + 6 B + 1 of A = 29 registers, 13 + 3 loads for 66 multiply-adds
 *   plain1   12 pixels x 1 vector: 24 sums + 2 B + 1 of A = 27 registers, 12 + 1 loads for 24 multiply-adds
 *   wtile    4 channels x 3 vectors: 24 sums + 6 X + 1 of G = 31 registers, 4 + 3 loads for 24 multiply-adds
 *
 * A multiply-add takes its factor from one lane, so a float of A is loaded as it is and not spread over lanes: LD1R costs a slot of the
 * pipes that multiply on most cores. A pair of B registers is one load (LDP). 22 to 24 sums hide a latency of 4 on up to four pipes. Vectors
 * of one register would make plain2 14 pixels x 2: 15 loads and 14 additions of addresses for 28 multiply-adds, more than two other
 * instructions for two multiply-adds, which is what a core of four instructions a cycle and two multiply-adds starts (Cortex-A76).
 * Chosen by counting; nothing was timed on ARM.
 *
 * No half tiles: a vector is 8 outputs, and fewer than 5 occur in network heads only. */
#if defined(__aarch64__)
#include "model/kernels/vector_neon.h"
#include <stdbool.h>

#define TILES          model_tiles_neon
#define HALF_TILES     0
#define REGISTER(x)    "+w"((x).low), "+w"((x).high)
#define LOAD_FACTOR(p) load_factor(p)
#define FMA(sum, x, y)                                                                                                         \
    do {                                                                                                                       \
        __asm__("fmla %0.4s, %2.4s, %1.s[0]" : "+w"((sum).low) : "w"((x).low), "w"((y).low));                                  \
        __asm__("fmla %0.4s, %2.4s, %1.s[0]" : "+w"((sum).high) : "w"((x).low), "w"((y).high));                                \
    } while (0)
#define EACH_CHANNELS(X) X(1) X(2) X(3) X(4)
#define EACH_PLAIN2(X)   EACH_CHANNELS(X) X(5) X(6)
#define EACH_SHARED1(X)  EACH_PLAIN2(X) X(7) X(8) X(9) X(10) X(11)
#define EACH_PLAIN1(X)   EACH_SHARED1(X) X(12)

/* A float in lane 0. As assembly, because the compiler would choose LD1R or add a move; the high half is never looked at. */
static inline vector load_factor(const float *p)
{
    vector x;
    __asm__("ldr %s0, %1" : "=w"(x.low) : "m"(*p));
    x.high = x.low;
    return x;
}

#include "model/kernels/tiles_body.h"
#endif
