/* model/kernels/tiles_avx512bf16.c — the plain and weight tiles of tiles.h where an element is a pair of bf16 and a multiply-add is
 * VDPBF16PS (bf16.h): twice the products of tiles_avx512.c in the same registers. Nothing else of a tile looks into an element, so its
 * source is the same. No half tiles, and shared ones of one pixel for the table's sake alone: both would sum in another order. */
#if defined(__x86_64__)
#include "model/kernels/vector_avx512.h"
#include <stdbool.h>

#define TILES            model_tiles_avx512bf16
#define HALF_TILES       0
#define REGISTER(x)      "+v"(x)
#define FMA(sum, x, y)   __asm__("vdpbf16ps %2, %1, %0" : "+v"(sum) : "v"(x), "v"(y))
#define EACH_SHARED1(X)  X(1)
#define EACH_PLAIN2(X)   X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14)
#define EACH_PLAIN1(X)   EACH_PLAIN2(X) X(15) X(16) X(17) X(18) X(19) X(20) X(21) X(22) X(23) X(24) X(25) X(26) X(27) X(28)
#define EACH_CHANNELS(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8)

#include "model/kernels/tiles_body.h"
#endif
