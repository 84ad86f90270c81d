/* model/kernels/vector_avx512.h — inside the kernels: a vector of 16 floats, as the bodies compiled per instruction set see it. */
#ifndef MODEL_KERNELS_VECTOR_AVX512_H
#define MODEL_KERNELS_VECTOR_AVX512_H
#include <immintrin.h>

#define LANES 16
typedef __m512 vector;
typedef __mmask16 lane_mask;

static inline vector vector_zero(void) { return _mm512_setzero_ps(); }
static inline vector vector_all(float x) { return _mm512_set1_ps(x); }
static inline vector vector_load(const float *p) { return _mm512_loadu_ps(p); }
static inline void vector_store(float *p, vector x) { _mm512_storeu_ps(p, x); }
/* To memory past the caches; p is a multiple of the vector. vector_fence before another thread looks. */
static inline void vector_store_past(float *p, vector x) { _mm512_stream_ps(p, x); }
static inline void vector_fence(void) { _mm_sfence(); }
static inline vector vector_add(vector x, vector y) { return _mm512_add_ps(x, y); }
static inline vector vector_sub(vector x, vector y) { return _mm512_sub_ps(x, y); }
static inline vector vector_mul(vector x, vector y) { return _mm512_mul_ps(x, y); }
static inline vector vector_max(vector x, vector y) { return _mm512_max_ps(x, y); }
/* x*y + z, rounded once */
static inline vector vector_fma(vector x, vector y, vector z) { return _mm512_fmadd_ps(x, y, z); }
/* z where x > y, else 0 */
static inline vector vector_where_above(vector x, vector y, vector z)
{
    return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(x, y, _CMP_GT_OQ), z);
}
static inline lane_mask mask_of(int count) { return count >= 16 ? 0xffff : count <= 0 ? 0 : (lane_mask)((1u << count) - 1); }
static inline vector vector_load_lanes(const float *p, const lane_mask *m) { return _mm512_maskz_loadu_ps(*m, p); }
static inline void vector_store_lanes(float *p, const lane_mask *m, vector x) { _mm512_mask_storeu_ps(p, *m, x); }
#endif
