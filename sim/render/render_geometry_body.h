/* sim/render/render_geometry_body.h — corners of a chunk moved to the screen, and which of its triangles can show at all (included once per
 * instruction set, LANES / 2 doubles at a time).
 *
 * In a street three triangles of four show nothing: they are beside the picture, turned away, or slip between all samples.
 * Finding that out is most of the work of small pictures. All numbers are doubles and none is fused: every instruction set
 * keeps the same triangles. */
#include "sim/render/render_internal.h"
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

enum { WIDE = LANES / 2 };
typedef double vd __attribute__((vector_size(8 * WIDE), may_alias));
typedef int64_t vl __attribute__((vector_size(8 * WIDE), may_alias));
typedef double vd_unaligned __attribute__((vector_size(8 * WIDE), may_alias, aligned(8)));
typedef float wide_floats __attribute__((vector_size(4 * WIDE), may_alias, aligned(4)));
typedef int32_t wide_ints __attribute__((vector_size(4 * WIDE), may_alias));
typedef int32_t wide_ints_unaligned __attribute__((vector_size(4 * WIDE), may_alias, aligned(4)));

static inline vd vd_splat(double x) { return (vd){ 0 } + x; }
static inline vd vd_load(const double *p) { return *(const vd_unaligned *)p; }
static inline void vd_store(double *p, vd x) { *(vd_unaligned *)p = x; }
static inline vd vd_of_floats(const float *p) { return __builtin_convertvector(*(const wide_floats *)p, vd); }
static inline vd vd_select(vl m, vd a, vd b) { return (vd)(((vl)a & m) | ((vl)b & ~m)); }

#if LANES == 16
static inline vd vd_min(vd a, vd b) { return (vd)_mm512_min_pd((__m512d)a, (__m512d)b); }
static inline vd vd_max(vd a, vd b) { return (vd)_mm512_max_pd((__m512d)a, (__m512d)b); }
static inline vd vd_gather(const double *p, wide_ints i) { return (vd)_mm512_i32gather_pd((__m256i)i, p, 8); }
static inline wide_ints wide_gather(const int32_t *p, wide_ints i)
{
    return (wide_ints)_mm256_i32gather_epi32(p, (__m256i)i, 4);
}
static inline uint32_t vl_bits(vl m) { return _mm512_movepi64_mask((__m512i)m); }
#elif LANES == 8
static inline vd vd_min(vd a, vd b) { return (vd)_mm256_min_pd((__m256d)a, (__m256d)b); }
static inline vd vd_max(vd a, vd b) { return (vd)_mm256_max_pd((__m256d)a, (__m256d)b); }
static inline vd vd_gather(const double *p, wide_ints i) { return (vd)_mm256_i32gather_pd(p, (__m128i)i, 8); }
static inline wide_ints wide_gather(const int32_t *p, wide_ints i) { return (wide_ints)_mm_i32gather_epi32(p, (__m128i)i, 4); }
static inline uint32_t vl_bits(vl m) { return (uint32_t)_mm256_movemask_pd((__m256d)m); }
#else
static inline vd vd_gather(const double *p, wide_ints i) { return (vd){ p[i[0]], p[i[1]] }; }
static inline wide_ints wide_gather(const int32_t *p, wide_ints i) { return (wide_ints){ p[i[0]], p[i[1]] }; }
static inline uint32_t vl_bits(vl m) { return (uint32_t)((m[0] & 1) | (m[1] & 2)); }
#if defined(__SSE2__)
static inline vd vd_min(vd a, vd b) { return (vd)_mm_min_pd((__m128d)a, (__m128d)b); }
static inline vd vd_max(vd a, vd b) { return (vd)_mm_max_pd((__m128d)a, (__m128d)b); }
#else
static inline vd vd_min(vd a, vd b) { return vd_select(a < b, a, b); }
static inline vd vd_max(vd a, vd b) { return vd_select(a > b, a, b); }
#endif
#endif

static void transform(const render_lens *c, const double m[3][4], const render_shape *shape, uint32_t first, uint32_t count,
                      const render_corners *out)
{
    for (uint32_t i = 0; i < count; i += WIDE) {
        vd x = vd_of_floats(shape->x + first + i), y = vd_of_floats(shape->y + first + i),
           z = vd_of_floats(shape->z + first + i);
        vd xw = m[0][0] * x + m[0][1] * y + m[0][2] * z + m[0][3];
        vd yw = m[1][0] * x + m[1][1] * y + m[1][2] * z + m[1][3];
        vd w = m[2][0] * x + m[2][1] * y + m[2][2] * z + m[2][3];
        vl outside = ((xw < 0.0) & OUT_LEFT) | ((xw > c->width * w) & OUT_RIGHT) | ((yw < 0.0) & OUT_TOP) |
                     ((yw > c->height * w) & OUT_BOTTOM) | ((w < c->near_m) & OUT_NEAR);
        vd inverse = 1.0 / vd_max(w, vd_splat(c->near_m));
        vd_store(out->xw + i, xw);
        vd_store(out->yw + i, yw);
        vd_store(out->w + i, w);
        vd_store(out->x + i, xw * inverse);
        vd_store(out->y + i, yw * inverse);
        *(wide_ints_unaligned *)(out->outside + i) = __builtin_convertvector(outside, wide_ints);
    }
}

/* Round to the nearest whole number, |x| < 2^50: its value is then in the low bits too. */
static const double rounder = 6755399441055744.0; /* 1.5 x 2^52 */

static inline vd vd_up(vd x)
{
    vd near = (x + rounder) - rounder;
    return near - __builtin_convertvector(near < x, vd); /* a true comparison is -1 */
}

/* Is there a row (or column) of samples between lo and hi? Without anti-aliasing they are in the middle of pixels, else (counting the
 * label's) 1, 3, 4, 5 and 7 eighths into them. */
static inline vl hits_line(vd lo, vd hi, bool antialias)
{
    if (!antialias)
        return vd_up(lo - 0.5) <= hi - 0.5;
    vd eighth = vd_up(lo * 8.0);
    vl skip = ((vl)(eighth + rounder) & 7); /* 0, 2 and 6 have none: the next one has */
    vd next = eighth - __builtin_convertvector((skip == 0) | (skip == 2) | (skip == 6), vd);
    return next <= hi * 8.0;
}

/* Lower and upper end of three corners, a hundred-thousandth of a pixel more, cut at the picture's edge. */
static inline void span(vd a, vd b, vd c, double limit, vd *lo, vd *hi)
{
    *lo = vd_max(vd_min(a, vd_min(b, c)) - 1e-5, vd_splat(0));
    *hi = vd_min(vd_max(a, vd_max(b, c)) + 1e-5, vd_splat(limit));
}

/* kept[]: the triangles first .. first + count, counted from 0, that may show; room for count. Returns how many. */
static uint32_t cull(const render_lens *c, const render_corners *at, const render_shape *shape, uint32_t first, uint32_t count,
                     uint32_t *kept)
{
    wide_ints lane = { 0 };
    for (int k = 0; k < WIDE; k++)
        lane[k] = k;
    uint32_t n = 0;
    for (uint32_t i = 0; i < count; i += WIDE) {
        wide_ints valid = lane < (int32_t)(count - i < WIDE ? count - i : WIDE);
        wide_ints v0 = *(const wide_ints_unaligned *)(shape->vertex[0] + first + i) & valid;
        wide_ints v1 = *(const wide_ints_unaligned *)(shape->vertex[1] + first + i) & valid;
        wide_ints v2 = *(const wide_ints_unaligned *)(shape->vertex[2] + first + i) & valid;
        vl two_sided = __builtin_convertvector(v0 < 0, vl);
        v0 &= INT32_MAX;
        wide_ints o0 = wide_gather(at->outside, v0), o1 = wide_gather(at->outside, v1), o2 = wide_gather(at->outside, v2);
        vl in = __builtin_convertvector(((o0 & o1 & o2) == 0) & valid, vl);
        if (vl_bits(in) == 0)
            continue;
        vl across = __builtin_convertvector(((o0 | o1 | o2) & OUT_NEAR) != 0, vl); /* anywhere on the screen */
        vd x0 = vd_gather(at->x, v0), x1 = vd_gather(at->x, v1), x2 = vd_gather(at->x, v2);
        vd y0 = vd_gather(at->y, v0), y1 = vd_gather(at->y, v1), y2 = vd_gather(at->y, v2);
        /* Seen from behind beyond doubt; a close call is left to the determinant of set_up_triangle. */
        vl shows = ((x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0) >= -1e-6) | two_sided;
        vd lo, hi;
        span(x0, x1, x2, c->width, &lo, &hi);
        shows &= (lo < hi) & hits_line(lo, hi, c->antialias);
        span(y0, y1, y2, c->height, &lo, &hi);
        shows &= (lo < hi) & hits_line(lo, hi, c->antialias);
        uint32_t bits = vl_bits((shows | across) & in);
        for (; bits; bits &= bits - 1)
            kept[n++] = i + (uint32_t)__builtin_ctz(bits);
    }
    return n;
}
