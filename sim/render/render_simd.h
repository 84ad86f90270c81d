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
typedef uint16_t vh_unaligned __attribute__((vector_size(2 * LANES), may_alias, aligned(2)));
typedef int32_t vi_unaligned __attribute__((vector_size(4 * LANES), may_alias, aligned(4)));

static inline vf vf_splat(float x) { return (vf){ 0 } + x; }
static inline vi vi_splat(int32_t x) { return (vi){ 0 } + x; }
static inline vf vf_load(const float *p) { return *(const vf_unaligned *)p; }
static inline vi vi_load(const void *p) { return *(const vi_unaligned *)p; }
static inline vi vi_load16(const uint16_t *p) { return __builtin_convertvector(*(const vh_unaligned *)p, vi); }
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
static inline vi vi_gather1(const uint8_t *p, vi i) { return (vi)_mm512_i32gather_epi32((__m512i)i, p, 1); }
static inline vi vi_gather2(const uint16_t *p, vi i) { return (vi)_mm512_i32gather_epi32((__m512i)i, p, 2); }
#elif LANES == 8
static inline vf vf_min(vf a, vf b) { return (vf)_mm256_min_ps((__m256)a, (__m256)b); }
static inline vf vf_max(vf a, vf b) { return (vf)_mm256_max_ps((__m256)a, (__m256)b); }
static inline vf vf_sqrt(vf a) { return (vf)_mm256_sqrt_ps((__m256)a); }
static inline int vi_any(vi m) { return !_mm256_testz_si256((__m256i)m, (__m256i)m); }
static inline vf vf_gather(const float *p, vi i) { return (vf)_mm256_i32gather_ps(p, (__m256i)i, 4); }
static inline vi vi_gather(const void *p, vi i) { return (vi)_mm256_i32gather_epi32(p, (__m256i)i, 4); }
static inline vi vi_gather1(const uint8_t *p, vi i)
{
    return (vi)_mm256_i32gather_epi32((const int *)(const void *)p, (__m256i)i, 1);
}
static inline vi vi_gather2(const uint16_t *p, vi i) { return (vi)_mm256_i32gather_epi32((const int *)p, (__m256i)i, 2); }
#else
static inline vf vf_gather(const float *p, vi i) { return (vf){ p[i[0]], p[i[1]], p[i[2]], p[i[3]] }; }
static inline vi vi_gather(const void *p, vi i)
{
    const int32_t *q = p;
    return (vi){ q[i[0]], q[i[1]], q[i[2]], q[i[3]] };
}
static inline vi vi_gather1(const uint8_t *p, vi i) { return (vi){ p[i[0]], p[i[1]], p[i[2]], p[i[3]] }; }
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

/* vf_put: x with some lanes replaced by one number. lane_bits: bit k is lane k. vi_same: are all lanes equal? */
#define ALL_LANES ((uint32_t)((1ull << LANES) - 1))
#if LANES == 16
typedef __mmask16 lane_mask;
static inline lane_mask no_lanes(void) { return 0; }
static inline lane_mask all_lanes(void) { return 0xffff; }
static inline vf vf_put(vf x, lane_mask m, float v) { return (vf)_mm512_mask_broadcastss_ps((__m512)x, m, _mm_set_ss(v)); }
static inline lane_mask vi_equal(vi a, vi b) { return _mm512_cmpeq_epi32_mask((__m512i)a, (__m512i)b); }
static inline uint32_t lane_bits(lane_mask m) { return m; }
#else
typedef vi lane_mask;
static inline lane_mask no_lanes(void) { return (vi){ 0 }; }
static inline lane_mask all_lanes(void) { return ~(vi){ 0 }; }
static inline vf vf_put(vf x, lane_mask m, float v) { return vf_select(m, vf_splat(v), x); }
static inline lane_mask vi_equal(vi a, vi b) { return a == b; }
#if LANES == 8
static inline uint32_t lane_bits(lane_mask m) { return (uint32_t)_mm256_movemask_ps((__m256)m); }
#elif defined(__SSE2__)
static inline uint32_t lane_bits(lane_mask m) { return (uint32_t)_mm_movemask_ps((__m128)m); }
#else
static inline uint32_t lane_bits(lane_mask m)
{
    m &= (vi){ 1, 2, 4, 8 };
    return (uint32_t)(m[0] | m[1] | m[2] | m[3]);
}
#endif
#endif

static inline bool vi_same(vi x) { return lane_bits(vi_equal(x, vi_splat(x[0]))) == ALL_LANES; }

/* Sets of lanes where they count: one bit a lane where the machine has such masks (gcc 12 turns vector masks into them and back at every
 * step), else as lane_mask. vf_below and its like: those of m for which it holds; vf_keep: 0 in all others; vf_replace: b in them. */
#if LANES == 16
static inline lane_mask vf_above(vf a, vf b) { return _mm512_cmp_ps_mask((__m512)a, (__m512)b, _CMP_GT_OQ); }
static inline lane_mask vf_not_below(lane_mask m, vf a, vf b)
{
    return _mm512_mask_cmp_ps_mask(m, (__m512)a, (__m512)b, _CMP_GE_OQ);
}
static inline bool lanes_any(lane_mask m) { return m != 0; }
static inline lane_mask vf_below(lane_mask m, vf a, vf b)
{
    return _mm512_mask_cmp_ps_mask(m, (__m512)a, (__m512)b, _CMP_LT_OQ);
}
static inline lane_mask vi_not_above(lane_mask m, vi a, vi b)
{
    return _mm512_mask_cmple_epi32_mask(m, (__m512i)a, (__m512i)b);
}
static inline vf vf_keep(lane_mask m, vf a) { return (vf)_mm512_maskz_mov_ps(m, (__m512)a); }
static inline vi vi_keep(lane_mask m, vi a) { return (vi)_mm512_maskz_mov_epi32(m, (__m512i)a); }
static inline vf vf_replace(lane_mask m, vf a, vf b) { return (vf)_mm512_mask_mov_ps((__m512)b, m, (__m512)a); }
static inline vi vi_replace(lane_mask m, vi a, vi b) { return (vi)_mm512_mask_mov_epi32((__m512i)b, m, (__m512i)a); }
#else
static inline lane_mask vf_above(vf a, vf b) { return a > b; }
static inline lane_mask vf_not_below(lane_mask m, vf a, vf b) { return m & (a >= b); }
static inline lane_mask vf_below(lane_mask m, vf a, vf b) { return m & (a < b); }
static inline lane_mask vi_not_above(lane_mask m, vi a, vi b) { return m & (a <= b); }
static inline bool lanes_any(lane_mask m) { return vi_any(m); }
static inline vf vf_keep(lane_mask m, vf a) { return (vf)((vi)a & m); }
static inline vi vi_keep(lane_mask m, vi a) { return a & m; }
static inline vf vf_replace(lane_mask m, vf a, vf b) { return vf_select(m, a, b); }
static inline vi vi_replace(lane_mask m, vi a, vi b) { return vi_select(m, a, b); }
#endif

/* ---- texels: LANES x 4 channels as 16-bit numbers, two vectors' worth (the first half of the lanes, then the second).
 *
 * texels_row: of each lane the texels at[lane] and the next one, mixed by t with 7 bits: (127 - w) first + w second, at most 255 x 127.
 * texels_lerp: a to b by t with 15 bits. texels_split: channels as floats. Whole numbers, so that all instruction sets agree. */
typedef struct texels {
    vi half[2];
} texels;

static inline vi weights7(vf t) /* (127 - w), w in the bytes of both halves */
{
    vi w = vi_of(t * 127.99f); /* t may have been rounded up to 1 */
    return (127 + w * 255) * 65537;
}
static inline vi weights15(vf t)
{
    vi w = vi_of(t * 32767.0f);
    return w | (w << 16);
}

#if LANES == 16
static inline __m512i texels_wide(vi w, int half) /* each of half the lanes twice */
{
    const __m512i index = half ? _mm512_setr_epi32(8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13, 14, 14, 15, 15)
                               : _mm512_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7);
    return _mm512_permutexvar_epi32(index, (__m512i)w);
}
static inline texels texels_row(const uint32_t *t, vi at, vf by)
{
    const __m512i pairs = _mm512_broadcast_i32x4(_mm_setr_epi8(0, 4, 1, 5, 2, 6, 3, 7, 8, 12, 9, 13, 10, 14, 11, 15));
    vi w = weights7(by);
    texels out;
    for (int h = 0; h < 2; h++) {
        __m256i index = h ? _mm512_extracti64x4_epi64((__m512i)at, 1) : _mm512_castsi512_si256((__m512i)at);
        __m512i two = _mm512_shuffle_epi8(_mm512_i32gather_epi64(index, t, 4), pairs);
        out.half[h] = (vi)_mm512_maddubs_epi16(two, texels_wide(w, h));
    }
    return out;
}
static inline texels texels_lerp(texels a, texels b, vf by)
{
    vi w = weights15(by);
    for (int h = 0; h < 2; h++) {
        __m512i from = (__m512i)a.half[h];
        __m512i part = _mm512_mulhi_epi16(_mm512_sub_epi16((__m512i)b.half[h], from), texels_wide(w, h));
        a.half[h] = (vi)_mm512_add_epi16(from, _mm512_add_epi16(part, part));
    }
    return a;
}
static inline void texels_split(texels x, vf sum[4])
{
    const __m512i even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    const __m512i odd = _mm512_setr_epi32(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
    vi rg = (vi)_mm512_permutex2var_epi32((__m512i)x.half[0], even, (__m512i)x.half[1]);
    vi ba = (vi)_mm512_permutex2var_epi32((__m512i)x.half[0], odd, (__m512i)x.half[1]);
#elif LANES == 8
static inline __m256i texels_wide(vi w, int half)
{
    const __m256i index = half ? _mm256_setr_epi32(4, 4, 5, 5, 6, 6, 7, 7) : _mm256_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3);
    return _mm256_permutevar8x32_epi32((__m256i)w, index);
}
static inline texels texels_row(const uint32_t *t, vi at, vf by)
{
    const __m256i pairs = _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 4, 1, 5, 2, 6, 3, 7, 8, 12, 9, 13, 10, 14, 11, 15));
    vi w = weights7(by);
    texels out;
    for (int h = 0; h < 2; h++) {
        __m128i index = h ? _mm256_extracti128_si256((__m256i)at, 1) : _mm256_castsi256_si128((__m256i)at);
        __m256i two = _mm256_shuffle_epi8(_mm256_i32gather_epi64((const long long *)(const void *)t, index, 4), pairs);
        out.half[h] = (vi)_mm256_maddubs_epi16(two, texels_wide(w, h));
    }
    return out;
}
static inline texels texels_lerp(texels a, texels b, vf by)
{
    vi w = weights15(by);
    for (int h = 0; h < 2; h++) {
        __m256i from = (__m256i)a.half[h];
        __m256i part = _mm256_mulhi_epi16(_mm256_sub_epi16((__m256i)b.half[h], from), texels_wide(w, h));
        a.half[h] = (vi)_mm256_add_epi16(from, _mm256_add_epi16(part, part));
    }
    return a;
}
static inline void texels_split(texels x, vf sum[4])
{
    vi rg = __builtin_shufflevector(x.half[0], x.half[1], 0, 2, 4, 6, 8, 10, 12, 14);
    vi ba = __builtin_shufflevector(x.half[0], x.half[1], 1, 3, 5, 7, 9, 11, 13, 15);
#else
typedef int16_t texels_half __attribute__((vector_size(16), may_alias));
typedef uint8_t texels_two __attribute__((vector_size(8), may_alias, aligned(4)));

static inline texels_half texels_high(texels_half a, texels_half b) /* upper half of the product */
{
#if defined(__SSE2__)
    return (texels_half)_mm_mulhi_epi16((__m128i)a, (__m128i)b);
#else
    for (int k = 0; k < 8; k++)
        a[k] = (int16_t)((int32_t)a[k] * b[k] >> 16);
    return a;
#endif
}
static inline texels texels_row(const uint32_t *t, vi at, vf by)
{
    vi w = vi_of(by * 127.99f);
    texels out;
    for (int h = 0; h < 2; h++) {
        texels_half weighed[2];
        for (int k = 0; k < 2; k++) {
            int16_t second = (int16_t)w[2 * h + k], first = (int16_t)(127 - second);
            texels_half two = __builtin_convertvector(*(const texels_two *)(t + at[2 * h + k]), texels_half);
            weighed[k] = two * (texels_half){ first, first, first, first, second, second, second, second };
        }
        out.half[h] = (vi)(__builtin_shufflevector(weighed[0], weighed[1], 0, 1, 2, 3, 8, 9, 10, 11) +
                           __builtin_shufflevector(weighed[0], weighed[1], 4, 5, 6, 7, 12, 13, 14, 15));
    }
    return out;
}
static inline texels texels_lerp(texels a, texels b, vf by)
{
    vi w = weights15(by);
    for (int h = 0; h < 2; h++) {
        texels_half wide =
            (texels_half)(h ? __builtin_shufflevector(w, w, 2, 2, 3, 3) : __builtin_shufflevector(w, w, 0, 0, 1, 1));
        texels_half from = (texels_half)a.half[h], part = texels_high((texels_half)b.half[h] - from, wide);
        a.half[h] = (vi)(from + part + part);
    }
    return a;
}
static inline void texels_split(texels x, vf sum[4])
{
    vi rg = __builtin_shufflevector(x.half[0], x.half[1], 0, 2, 4, 6);
    vi ba = __builtin_shufflevector(x.half[0], x.half[1], 1, 3, 5, 7);
#endif
    sum[0] = vf_of((rg << 16) >> 16);
    sum[1] = vf_of(rg >> 16);
    sum[2] = vf_of((ba << 16) >> 16);
    sum[3] = vf_of(ba >> 16);
}

static inline float vf_least(vf x) /* of all lanes */
{
#if LANES == 16
    return _mm512_reduce_min_ps((__m512)x);
#else
#if LANES == 8
    x = vf_min(x, __builtin_shufflevector(x, x, 4, 5, 6, 7, 4, 5, 6, 7));
    x = vf_min(x, __builtin_shufflevector(x, x, 2, 3, 2, 3, 2, 3, 2, 3));
    x = vf_min(x, __builtin_shufflevector(x, x, 1, 1, 1, 1, 1, 1, 1, 1));
#else
    x = vf_min(x, __builtin_shufflevector(x, x, 2, 3, 2, 3));
    x = vf_min(x, __builtin_shufflevector(x, x, 1, 1, 1, 1));
#endif
    return x[0];
#endif
}

static inline vf vf_clamp(vf x, float lo, float hi) { return vf_min(vf_max(x, vf_splat(lo)), vf_splat(hi)); }
static inline vf vf_saturate(vf x) { return vf_clamp(x, 0, 1); }
static inline vf vf_floor(vf x) /* |x| < 2^31 */
{
#if LANES == 16
    return (vf)_mm512_roundscale_ps((__m512)x, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
#elif LANES == 8
    return (vf)_mm256_floor_ps((__m256)x);
#else
    vf t = vf_of(vi_of(x));
    return t + vf_of(t > x); /* a true comparison is -1 */
#endif
}

/* 2^x for -126 <= x <= 126, relative error 2e-4: enough for light. */
static inline vf vf_exp2(vf x)
{
    x = vf_clamp(x, -126, 126);
    vf whole = vf_floor(x), f = x - whole;
    vf p = 1.0f + f * (0.6951786f + f * (0.2276300f + f * 0.0780245f));
    return (vf)((vi)p + (vi_of(whole) << 23));
}

/* 1/sqrt(x) for 0 < x < infinity, relative error 5e-6: a guess from the bits and two steps of Newton's method cost a fifth of a square root
 * and a division. */
static inline vf vf_rsqrt(vf x)
{
    vf half = x * 0.5f, y = (vf)(0x5f3759df - ((vi)x >> 1));
    y = y * (1.5f - half * y * y);
    return y * (1.5f - half * y * y);
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
