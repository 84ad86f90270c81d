/* model/kernels/tiles_avx2.c — tiles.h on 16 registers of 8 floats.
 *
 *   plain2   6 pixels x 2 vectors: 12 sums + 2 B + 1 broadcast = 15 registers, 8 loads for 12 multiply-adds
 *   shared1  10 pixels x 1 vector: 10 sums + 3 B + 1 broadcast = 14 registers, 15 loads for 30 multiply-adds
 *   plain1   12 pixels x 1 vector: 12 sums + 1 B + 1 broadcast = 14 registers, 13 loads for 12 multiply-adds: bound by loads
 *   wtile    4 channels x 3 vectors: 12 sums + 3 X + 1 broadcast = 16 registers, 7 loads for 12 multiply-adds
 *
 * No half tiles: a vector is 8 outputs, and fewer than 5 occur in network heads only. */
#if defined(__x86_64__)
#include <immintrin.h>
#include <stdbool.h>

#define TILES            model_tiles_avx2
#define LANES            8
#define HALF_TILES       0
#define REGISTER(x)      "+x"(x)
#define FMA(sum, x, y)   __asm__("vfmadd231ps %2, %1, %0" : "+x"(sum) : "x"(x), "x"(y))
#define EACH_CHANNELS(X) X(1) X(2) X(3) X(4)
#define EACH_PLAIN2(X)   EACH_CHANNELS(X) X(5) X(6)
#define EACH_SHARED1(X)  EACH_PLAIN2(X) X(7) X(8) X(9) X(10)
#define EACH_PLAIN1(X)   EACH_SHARED1(X) X(11) X(12)

typedef __m256 vector;
typedef struct lane_mask {
    __m256i lanes;
    bool all; /* the usual case takes plain loads and stores: masked stores are slow on many CPUs */
} lane_mask;

static inline vector vector_zero(void) { return _mm256_setzero_ps(); }
static inline vector vector_all(float x) { return _mm256_set1_ps(x); }
static inline vector vector_load(const float *p) { return _mm256_loadu_ps(p); }
static inline void vector_store(float *p, vector x) { _mm256_storeu_ps(p, x); }
static inline vector vector_add(vector x, vector y) { return _mm256_add_ps(x, y); }
static inline vector vector_max(vector x, vector y) { return _mm256_max_ps(x, y); }
static inline lane_mask mask_of(int count)
{
    const __m256i index = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return (lane_mask){ _mm256_cmpgt_epi32(_mm256_set1_epi32(count), index), count >= 8 };
}
static inline vector vector_load_lanes(const float *p, const lane_mask *m)
{
    return m->all ? _mm256_loadu_ps(p) : _mm256_maskload_ps(p, m->lanes);
}
static inline void vector_store_lanes(float *p, const lane_mask *m, vector x)
{
    if (m->all)
        _mm256_storeu_ps(p, x);
    else
        _mm256_maskstore_ps(p, m->lanes, x);
}

#include "model/kernels/tiles_body.h"
#endif
