/* model/kernels/tiles_avx2.c — tiles.h on 16 registers of 8 floats.
 *
 *   plain2   6 pixels x 2 vectors: 12 sums + 2 B + 1 broadcast = 15 registers, 8 loads for 12 multiply-adds
 *   shared1  10 pixels x 1 vector: 10 sums + 3 B + 1 broadcast = 14 registers, 15 loads for 30 multiply-adds
 *   plain1   12 pixels x 1 vector: 12 sums + 1 B + 1 broadcast = 14 registers, 13 loads for 12 multiply-adds: bound by loads
 *   wtile    4 channels x 3 vectors: 12 sums + 3 X + 1 broadcast = 16 registers, 7 loads for 12 multiply-adds
 *
 * No half tiles: a vector is 8 outputs, and fewer than 5 occur in network heads only. */
#if defined(__x86_64__)
#include "model/kernels/vector_avx2.h"

#define TILES            model_tiles_avx2
#define HALF_TILES       0
#define REGISTER(x)      "+x"(x)
#define FMA(sum, x, y)   __asm__("vfmadd231ps %2, %1, %0" : "+x"(sum) : "x"(x), "x"(y))
#define EACH_CHANNELS(X) X(1) X(2) X(3) X(4)
#define EACH_PLAIN2(X)   EACH_CHANNELS(X) X(5) X(6)
#define EACH_SHARED1(X)  EACH_PLAIN2(X) X(7) X(8) X(9) X(10)
#define EACH_PLAIN1(X)   EACH_SHARED1(X) X(11) X(12)

#include "model/kernels/tiles_body.h"
#endif
