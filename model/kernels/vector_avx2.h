/* model/kernels/vector_avx2.h — inside the kernels: a vector of 8 floats, as the bodies compiled per instruction set see it. */
#ifndef MODEL_KERNELS_VECTOR_AVX2_H
#define MODEL_KERNELS_VECTOR_AVX2_H
#include <immintrin.h>
#include <stdbool.h>

#define LANES 8
typedef __m256 vector;
typedef struct lane_mask {
    __m256i lanes;
    bool all; /* the usual case takes plain loads and stores: masked stores are slow on many CPUs */
} lane_mask;

static inline vector vector_zero(void) { return _mm256_setzero_ps(); }
static inline vector vector_all(float x) { return _mm256_set1_ps(x); }
static inline vector vector_load(const float *p) { return _mm256_loadu_ps(p); }
static inline void vector_store(float *p, vector x) { _mm256_storeu_ps(p, x); }
/* To memory past the caches; p is a multiple of the vector. vector_fence before another thread looks. */
static inline void vector_store_past(float *p, vector x) { _mm256_stream_ps(p, x); }
static inline void vector_fence(void) { _mm_sfence(); }
static inline vector vector_add(vector x, vector y) { return _mm256_add_ps(x, y); }
static inline vector vector_sub(vector x, vector y) { return _mm256_sub_ps(x, y); }
static inline vector vector_mul(vector x, vector y) { return _mm256_mul_ps(x, y); }
static inline vector vector_max(vector x, vector y) { return _mm256_max_ps(x, y); }
/* x*y + z, rounded once */
static inline vector vector_fma(vector x, vector y, vector z) { return _mm256_fmadd_ps(x, y, z); }
/* z where x > y, else 0 */
static inline vector vector_where_above(vector x, vector y, vector z)
{
    return _mm256_and_ps(_mm256_cmp_ps(x, y, _CMP_GT_OQ), z);
}
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
#endif
