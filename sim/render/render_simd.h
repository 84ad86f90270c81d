/* sim/render/render_simd.h — vectors of LANES floats or ints for the tile kernels (internal to the render room).
 *
 * LANES is 4, 8 or 16 and set by the including file, which is compiled for the matching instruction set. gcc's generic vectors do the
 * arithmetic (never wider than the registers: gcc 12 lowers 64-byte vectors without AVX-512 some eight times slower);
 * intrinsics only where the language has no operator. All operations round as IEEE says and none is fused, so every width
 * gives the same bits. Masks are ints, 0 or -1 per lane. */
#ifndef SIM_RENDER_SIMD_H
#define SIM_RENDER_SIMD_H
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

typedef float vf __attribute__((vector_size(4 * LANES), may_alias));
typedef int32_t vi __attribute__((vector_size(4 * LANES), may_alias));
typedef uint32_t vu __attribute__((vector_size(4 * LANES), may_alias));
typedef float vf_unaligned __attribute__((vector_size(4 * LANES), may_alias, aligned(4)));
typedef int32_t vi_unaligned __attribute__((vector_size(4 * LANES), may_alias, aligned(4)));

static inline vf vf_splat(float x) { return (vf){ 0 } + x; }
static inline vi vi_splat(int32_t x) { return (vi){ 0 } + x; }
static inline vf vf_load(const float *p) { return *(const vf_unaligned *)p; }
static inline vi vi_load(const void *p) { return *(const vi_unaligned *)p; }
static inline void vf_store(float *p, vf x) { *(vf_unaligned *)p = x; }
static inline void vi_store(void *p, vi x) { *(vi_unaligned *)p = x; }
static inline vi vi_of(vf x) { return __builtin_convertvector(x, vi); } /* toward zero */
static inline vf vf_of(vi x) { return __builtin_convertvector(x, vf); }
static inline vf vf_select(vi m, vf a, vf b) { return (vf)(((vi)a & m) | ((vi)b & ~m)); }
static inline vi vi_select(vi m, vi a, vi b) { return (a & m) | (b & ~m); }
static inline vf vf_abs(vf x) { return (vf)((vi)x & 0x7fffffff); }

#if LANES == 16
static inline vf vf_min(vf a, vf b) { return (vf)_mm512_min_ps((__m512)a, (__m512)b); }
static inline vf vf_max(vf a, vf b) { return (vf)_mm512_max_ps((__m512)a, (__m512)b); }
static inline vf vf_sqrt(vf a) { return (vf)_mm512_sqrt_ps((__m512)a); }
static inline int vi_any(vi m) { return _mm512_test_epi32_mask((__m512i)m, (__m512i)m) != 0; }
static inline vf vf_gather(const float *p, vi i) { return (vf)_mm512_i32gather_ps((__m512i)i, p, 4); }
static inline vi vi_gather(const void *p, vi i) { return (vi)_mm512_i32gather_epi32((__m512i)i, p, 4); }
static inline vi vi_gather2(const uint16_t *p, vi i) { return (vi)_mm512_i32gather_epi32((__m512i)i, p, 2); }
#elif LANES == 8
static inline vf vf_min(vf a, vf b) { return (vf)_mm256_min_ps((__m256)a, (__m256)b); }
static inline vf vf_max(vf a, vf b) { return (vf)_mm256_max_ps((__m256)a, (__m256)b); }
static inline vf vf_sqrt(vf a) { return (vf)_mm256_sqrt_ps((__m256)a); }
static inline int vi_any(vi m) { return !_mm256_testz_si256((__m256i)m, (__m256i)m); }
static inline vf vf_gather(const float *p, vi i) { return (vf)_mm256_i32gather_ps(p, (__m256i)i, 4); }
static inline vi vi_gather(const void *p, vi i) { return (vi)_mm256_i32gather_epi32(p, (__m256i)i, 4); }
static inline vi vi_gather2(const uint16_t *p, vi i) { return (vi)_mm256_i32gather_epi32((const int *)p, (__m256i)i, 2); }
#else
static inline vf vf_gather(const float *p, vi i) { return (vf){ p[i[0]], p[i[1]], p[i[2]], p[i[3]] }; }
static inline vi vi_gather(const void *p, vi i)
{
    const int32_t *q = p;
    return (vi){ q[i[0]], q[i[1]], q[i[2]], q[i[3]] };
}
static inline vi vi_gather2(const uint16_t *p, vi i)
{
    vi x = { 0 };
    for (int k = 0; k < 4; k++) {
        int32_t pair;
        memcpy(&pair, p + i[k], sizeof pair);
        x[k] = pair;
    }
    return x;
}
#if defined(__SSE2__)
static inline vf vf_min(vf a, vf b) { return (vf)_mm_min_ps((__m128)a, (__m128)b); }
static inline vf vf_max(vf a, vf b) { return (vf)_mm_max_ps((__m128)a, (__m128)b); }
static inline vf vf_sqrt(vf a) { return (vf)_mm_sqrt_ps((__m128)a); }
static inline int vi_any(vi m) { return _mm_movemask_epi8((__m128i)m) != 0; }
#else
static inline vf vf_min(vf a, vf b) { return vf_select(a < b, a, b); }
static inline vf vf_max(vf a, vf b) { return vf_select(a > b, a, b); }
static inline vf vf_sqrt(vf a)
{
    return (vf){ __builtin_sqrtf(a[0]), __builtin_sqrtf(a[1]), __builtin_sqrtf(a[2]), __builtin_sqrtf(a[3]) };
}
static inline int vi_any(vi m) { return (m[0] | m[1] | m[2] | m[3]) != 0; }
#endif
#endif

/* lanes_from(k): lanes k and up. vf_put: x with those lanes replaced by one number. vi_starts: bit k is set where lane k differs from the
 * one before it. */
#if LANES == 16
typedef __mmask16 lane_mask;
static inline lane_mask lanes_from(int k) { return (lane_mask)(0xffffu << k); }
static inline vf vf_put(vf x, lane_mask m, float v) { return (vf)_mm512_mask_broadcastss_ps((__m512)x, m, _mm_set_ss(v)); }
static inline uint32_t vi_starts(vi x)
{
    vi before = __builtin_shufflevector(x, x, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14);
    return _mm512_cmpneq_epi32_mask((__m512i)x, (__m512i)before);
}
#else
typedef vi lane_mask;
static inline vf vf_put(vf x, lane_mask m, float v) { return vf_select(m, vf_splat(v), x); }
#if LANES == 8
static inline lane_mask lanes_from(int k)
{
    vi lane = { 0, 1, 2, 3, 4, 5, 6, 7 };
    return lane >= k;
}
static inline uint32_t vi_starts(vi x)
{
    return (uint32_t)_mm256_movemask_ps((__m256)(x != __builtin_shufflevector(x, x, 0, 0, 1, 2, 3, 4, 5, 6)));
}
#else
static inline lane_mask lanes_from(int k)
{
    vi lane = { 0, 1, 2, 3 };
    return lane >= k;
}
static inline uint32_t vi_starts(vi x)
{
    vi differs = (x != __builtin_shufflevector(x, x, 0, 0, 1, 2)) & (vi){ 1, 2, 4, 8 };
    return (uint32_t)(differs[0] | differs[1] | differs[2] | differs[3]);
}
#endif
#endif

/* Sets of lanes for the innermost loop: one bit a lane where the machine has such masks (gcc 12 turns vector masks into them and back at
 * every step), else as lane_mask. */
#if LANES == 16
static inline lane_mask vf_above(vf a, vf b) { return _mm512_cmp_ps_mask((__m512)a, (__m512)b, _CMP_GT_OQ); }
static inline lane_mask vf_not_below(lane_mask m, vf a, vf b)
{
    return _mm512_mask_cmp_ps_mask(m, (__m512)a, (__m512)b, _CMP_GE_OQ);
}
static inline bool lanes_any(lane_mask m) { return m != 0; }
static inline vf vf_replace(lane_mask m, vf a, vf b) { return (vf)_mm512_mask_mov_ps((__m512)b, m, (__m512)a); }
static inline vi vi_replace(lane_mask m, vi a, vi b) { return (vi)_mm512_mask_mov_epi32((__m512i)b, m, (__m512i)a); }
#else
static inline lane_mask vf_above(vf a, vf b) { return a > b; }
static inline lane_mask vf_not_below(lane_mask m, vf a, vf b) { return m & (a >= b); }
static inline bool lanes_any(lane_mask m) { return vi_any(m); }
static inline vf vf_replace(lane_mask m, vf a, vf b) { return vf_select(m, a, b); }
static inline vi vi_replace(lane_mask m, vi a, vi b) { return vi_select(m, a, b); }
#endif

static inline vf vf_clamp(vf x, float lo, float hi) { return vf_min(vf_max(x, vf_splat(lo)), vf_splat(hi)); }
static inline vf vf_saturate(vf x) { return vf_clamp(x, 0, 1); }
static inline vf vf_floor(vf x) /* |x| < 2^31 */
{
    vf t = vf_of(vi_of(x));
    return t + vf_of(t > x); /* a true comparison is -1 */
}

/* 2^x for -126 <= x <= 126, relative error 2e-4: enough for light. */
static inline vf vf_exp2(vf x)
{
    x = vf_clamp(x, -126, 126);
    vf whole = vf_floor(x), f = x - whole;
    vf p = 1.0f + f * (0.6951786f + f * (0.2276300f + f * 0.0780245f));
    return (vf)((vi)p + (vi_of(whole) << 23));
}

/* log2 of a positive number, absolute error 4e-3: enough to choose a mip level. */
static inline vf vf_log2(vf x)
{
    vi bits = (vi)x;
    vf e = vf_of(((bits >> 23) & 255) - 127);
    vf m = (vf)((bits & 0x7fffff) | 0x3f800000);
    return e + (-1.6749f + m * (2.0246f - m * 0.3448f));
}
#endif
