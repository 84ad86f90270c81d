/* model/kernels/tiles_avx512.c — tiles.h on 32 registers of 16 floats.
 *
 *   plain2   14 pixels x 2 vectors: 28 sums + 2 B + 1 broadcast = 31 registers, 16 loads for 28 multiply-adds
 *   shared1  26 pixels x 1 vector:  26 sums + 3 B + 1 broadcast = 30 registers, 31 loads for 78 multiply-adds
 *   plain1   28 pixels x 1 vector:  28 sums + 1 B + 1 broadcast = 30 registers, 29 loads for 28 multiply-adds: bound by loads at
 *            80-90 % of the peak; only for windows that are not 3 wide
 *   wtile    8 channels x 3 vectors: 24 sums + 3 X + 1 broadcast = 28 registers, 11 loads for 24 multiply-adds
 *
 * A core starts 2 multiply-adds (latency 4) and 2 loads a cycle: 8 sums hide the latency, loads must stay below 1 per multiply-add. */
#if defined(__x86_64__)
#include "model/kernels/vector_avx512.h"
#include <stdbool.h>
#include <string.h>

#define TILES            model_tiles_avx512
#define HALF_TILES       1
#define REGISTER(x)      "+v"(x)
#define FMA(sum, x, y)   __asm__("vfmadd231ps %2, %1, %0" : "+v"(sum) : "v"(x), "v"(y))
#define EACH_PLAIN2(X)   X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14)
#define EACH_SHARED1(X)  EACH_PLAIN2(X) X(15) X(16) X(17) X(18) X(19) X(20) X(21) X(22) X(23) X(24) X(25) X(26)
#define EACH_PLAIN1(X)   EACH_SHARED1(X) X(27) X(28)
#define EACH_CHANNELS(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8)

/* Two floats, repeated eight times. They need not be aligned to 8 bytes: pixels may be an odd number of floats apart. */
static inline vector vector_all_pairs(const char *p)
{
    double pair;
    memcpy(&pair, p, sizeof pair);
    return _mm512_castpd_ps(_mm512_set1_pd(pair));
}
/* Lane o of the result: lanes 2o and 2o+1 of x added; the upper half is not used. */
static inline vector vector_add_pairs(vector x)
{
    const __m512i even = _mm512_set_epi32(0, 0, 0, 0, 0, 0, 0, 0, 14, 12, 10, 8, 6, 4, 2, 0);
    return _mm512_permutexvar_ps(even, _mm512_add_ps(x, _mm512_permute_ps(x, 0xb1)));
}

#include "model/kernels/tiles_body.h"
#endif
