/* model/kernels/tiles_avx512.c — tiles.h on 32 registers of 16 floats.
 *
 *   plain2   14 pixels x 2 vectors: 28 sums + 2 B + 1 broadcast = 31 registers, 16 loads for 28 multiply-adds
 *   shared1  26 pixels x 1 vector:  26 sums + 3 B + 1 broadcast = 30 registers, 31 loads for 78 multiply-adds
 *   plain1   28 pixels x 1 vector:  28 sums + 1 B, 29 loads for 28 multiply-adds: bound by loads at 80-90 % of the peak; for windows
 *            that are not 3 wide
 *   wtile    8 channels x 3 vectors: 24 sums + 3 X + 1 broadcast = 28 registers, 11 loads for 24 multiply-adds
 *
 * A core starts 2 multiply-adds (latency 4) and 2 loads a cycle, so 8 sums hide the latency and loads must stay below 1 per
 * multiply-add. Sums are named variables and multiply-adds one-line assembly: gcc 12 spills arrays and intrinsics here. Each
 * template is inlined with a constant number of pixels, so `if (m < pixels)` costs nothing. */
#if defined(__x86_64__)
#include "model/kernels/tiles.h"
#include <immintrin.h>
#include <math.h>

#define TEMPLATE       static inline __attribute__((always_inline))
#define FMA(sum, x, y) __asm__("vfmadd231ps %2, %1, %0" : "+v"(sum) : "v"(x), "v"(y))

static const float zeros[32];

/* Pixels m = 0..27 lie m*s bytes after the first. Every fifth has a pointer, the four after it are reached with s, 2s, s3 = 3s
 * and 4s: few enough registers for no spill. */
#define A_0  (p0)
#define A_1  (p0 + s)
#define A_2  (p0 + 2 * s)
#define A_3  (p0 + s3)
#define A_4  (p0 + 4 * s)
#define A_5  (p1)
#define A_6  (p1 + s)
#define A_7  (p1 + 2 * s)
#define A_8  (p1 + s3)
#define A_9  (p1 + 4 * s)
#define A_10 (p2)
#define A_11 (p2 + s)
#define A_12 (p2 + 2 * s)
#define A_13 (p2 + s3)
#define A_14 (p2 + 4 * s)
#define A_15 (p3)
#define A_16 (p3 + s)
#define A_17 (p3 + 2 * s)
#define A_18 (p3 + s3)
#define A_19 (p3 + 4 * s)
#define A_20 (p4)
#define A_21 (p4 + s)
#define A_22 (p4 + 2 * s)
#define A_23 (p4 + s3)
#define A_24 (p4 + 4 * s)
#define A_25 (p5)
#define A_26 (p5 + s)
#define A_27 (p5 + 2 * s)

#define EACH_14(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13)
#define EACH_28(X) EACH_14(X) X(14) X(15) X(16) X(17) X(18) X(19) X(20) X(21) X(22) X(23) X(24) X(25) X(26) X(27)

#define POINTERS(r)                                                                                                            \
    const char *p0 = (const char *)t->a[r], *p1 = p0 + 5 * s, *p2 = p1 + 5 * s, *p3 = p2 + 5 * s, *p4 = p3 + 5 * s,            \
               *p5 = p4 + 5 * s;                                                                                               \
    const float *b = t->b[r];
/* The empty assembly keeps the compiler from turning six pointers into one pointer per pixel. */
#define ADVANCE(bytes)                                                                                                         \
    p0 += bytes, p1 += bytes, p2 += bytes, p3 += bytes, p4 += bytes, p5 += bytes;                                              \
    __asm__("" : "+r"(p0), "+r"(p1), "+r"(p2));                                                                                \
    if (pixels > 15)                                                                                                           \
        __asm__("" : "+r"(p3), "+r"(p4), "+r"(p5));

/* One channel of a pixel in all lanes; two channels alternating for half tiles. */
TEMPLATE __m512 broadcast(const char *p, const bool half)
{
    __m512 x = half ? _mm512_castpd_ps(_mm512_set1_pd(*(const double *)(const void *)p))
                    : _mm512_set1_ps(*(const float *)(const void *)p);
    __asm__("" : "+v"(x)); /* loaded once, not folded into each use */
    return x;
}

typedef struct epilogue {
    __mmask16 mask;
    __m512 bias, least;
    bool accumulate;
} epilogue;

TEMPLATE __mmask16 first_lanes(int count) { return count >= 16 ? 0xffff : count <= 0 ? 0 : (__mmask16)((1u << count) - 1); }

TEMPLATE epilogue epilogue_make(const model_tile *t, int first)
{
    epilogue e = { .mask = first_lanes(t->outputs - first), .accumulate = t->accumulate };
    e.bias = _mm512_maskz_loadu_ps(e.mask, t->bias ? t->bias + first : zeros);
    e.least = _mm512_set1_ps(t->relu ? 0.0f : -INFINITY);
    return e;
}

TEMPLATE void store(const epilogue *e, float *c, __m512 sum)
{
    sum = _mm512_add_ps(sum, e->bias);
    if (e->accumulate)
        sum = _mm512_add_ps(sum, _mm512_maskz_loadu_ps(e->mask, c));
    _mm512_mask_storeu_ps(c, e->mask, _mm512_max_ps(e->least, sum)); /* NaN passes: the second operand wins */
}

/* Lanes 2o and 2o+1 hold the two parts of output o. */
TEMPLATE __m512 add_pairs(__m512 sum)
{
    const __m512i even = _mm512_set_epi32(0, 0, 0, 0, 0, 0, 0, 0, 14, 12, 10, 8, 6, 4, 2, 0);
    return _mm512_permutexvar_ps(even, _mm512_add_ps(sum, _mm512_permute_ps(sum, 0xb1)));
}

#define DECLARE(m) __m512 c##m = _mm512_setzero_ps();
#define STORE(m)                                                                                                               \
    if (m < pixels)                                                                                                            \
        store(&e, (float *)(void *)(c + m * t->c_step), half ? add_pairs(c##m) : c##m);

TEMPLATE void plain1(const model_tile *t, const int pixels, const bool half)
{
    const size_t s = t->a_step, s3 = 3 * s;
    EACH_28(DECLARE)
    for (int r = 0; r < t->runs; r++) {
        POINTERS(r)
        for (long k = t->steps; k > 0; k--) {
            __m512 w = _mm512_loadu_ps(b), x;
#define STEP(m)                                                                                                                \
    if (m < pixels) {                                                                                                          \
        x = broadcast(A_##m, half);                                                                                            \
        FMA(c##m, x, w);                                                                                                       \
    }
            EACH_28(STEP)
#undef STEP
            b += 16;
            ADVANCE((half ? 8 : 4))
        }
    }
    const epilogue e = epilogue_make(t, 0);
    char *c = (char *)t->c;
    EACH_28(STORE)
}

/* Input pixel j with outputs j, j-1, j-2 (names a, b, c of their sums; guarded by constants). */
#define INPUT(j, ca, cb, cc)                                                                                                   \
    if (j < pixels + 2) {                                                                                                      \
        x = broadcast(A_##j, half);                                                                                            \
        if (j < pixels)                                                                                                        \
            FMA(ca, x, w0);                                                                                                    \
        if (j >= 1 && j < pixels + 1)                                                                                          \
            FMA(cb, x, w1);                                                                                                    \
        if (j >= 2)                                                                                                            \
            FMA(cc, x, w2);                                                                                                    \
    }

TEMPLATE void shared1(const model_tile *t, const int pixels, const bool half)
{
    const size_t s = t->a_step, s3 = 3 * s;
    EACH_28(DECLARE)
    for (int r = 0; r < t->runs; r++) {
        POINTERS(r)
        for (long k = t->steps; k > 0; k--) {
            __m512 w0 = _mm512_loadu_ps(b), w1 = _mm512_loadu_ps(b + 16), w2 = _mm512_loadu_ps(b + 32), x;
            __asm__("" : "+v"(w0), "+v"(w1), "+v"(w2));
            INPUT(0, c0, c0, c0)
            INPUT(1, c1, c0, c0)
            INPUT(2, c2, c1, c0)
            INPUT(3, c3, c2, c1)
            INPUT(4, c4, c3, c2)
            INPUT(5, c5, c4, c3)
            INPUT(6, c6, c5, c4)
            INPUT(7, c7, c6, c5)
            INPUT(8, c8, c7, c6)
            INPUT(9, c9, c8, c7)
            INPUT(10, c10, c9, c8)
            INPUT(11, c11, c10, c9)
            INPUT(12, c12, c11, c10)
            INPUT(13, c13, c12, c11)
            INPUT(14, c14, c13, c12)
            INPUT(15, c15, c14, c13)
            INPUT(16, c16, c15, c14)
            INPUT(17, c17, c16, c15)
            INPUT(18, c18, c17, c16)
            INPUT(19, c19, c18, c17)
            INPUT(20, c20, c19, c18)
            INPUT(21, c21, c20, c19)
            INPUT(22, c22, c21, c20)
            INPUT(23, c23, c22, c21)
            INPUT(24, c24, c23, c22)
            INPUT(25, c25, c24, c23)
            INPUT(26, c26, c25, c24)
            INPUT(27, c27, c26, c25)
            b += 48;
            ADVANCE((half ? 8 : 4))
        }
    }
    const epilogue e = epilogue_make(t, 0);
    char *c = (char *)t->c;
    EACH_28(STORE)
}

TEMPLATE void plain2(const model_tile *t, const int pixels)
{
    const size_t s = t->a_step, s3 = 3 * s;
#define DECLARE2(m) __m512 l##m = _mm512_setzero_ps(), h##m = _mm512_setzero_ps();
    EACH_14(DECLARE2)
    for (int r = 0; r < t->runs; r++) {
        POINTERS(r)
        for (long k = t->steps; k > 0; k--) {
            __m512 w0 = _mm512_loadu_ps(b), w1 = _mm512_loadu_ps(b + 16), x;
            __asm__("" : "+v"(w0), "+v"(w1));
#define STEP2(m)                                                                                                               \
    if (m < pixels) {                                                                                                          \
        x = broadcast(A_##m, false);                                                                                           \
        FMA(l##m, x, w0);                                                                                                      \
        FMA(h##m, x, w1);                                                                                                      \
    }
            EACH_14(STEP2)
            b += 32;
            ADVANCE(4)
        }
    }
    const epilogue low = epilogue_make(t, 0), high = epilogue_make(t, 16);
    char *c = (char *)t->c;
#define STORE2(m)                                                                                                              \
    if (m < pixels) {                                                                                                          \
        store(&low, (float *)(void *)(c + m * t->c_step), l##m);                                                               \
        store(&high, (float *)(void *)(c + m * t->c_step) + 16, h##m);                                                         \
    }
    EACH_14(STORE2)
}

#define EACH_8(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7)
TEMPLATE void wtile(const model_wtile *t, const int channels, const int vectors)
{
#define SUMS(m) ((float *)(void *)((char *)t->sums + m * t->sums_step))
#define LOAD3(m)                                                                                                               \
    __m512 d##m = _mm512_setzero_ps(), e##m = d##m, f##m = d##m;                                                               \
    if (m < channels) {                                                                                                        \
        d##m = _mm512_loadu_ps(SUMS(m));                                                                                       \
        if (vectors > 1)                                                                                                       \
            e##m = _mm512_loadu_ps(SUMS(m) + 16);                                                                              \
        if (vectors > 2)                                                                                                       \
            f##m = _mm512_loadu_ps(SUMS(m) + 32);                                                                              \
    }
    EACH_8(LOAD3)
    for (int r = 0; r < t->rows; r++) {
        const char *g = (const char *)t->g + (size_t)r * t->g_row;
        const char *x0 = (const char *)t->x[0] + (size_t)r * t->x_row, *x1 = x0, *x2 = x0;
        if (vectors > 1)
            x1 = (const char *)t->x[1] + (size_t)r * t->x_row;
        if (vectors > 2)
            x2 = (const char *)t->x[2] + (size_t)r * t->x_row;
        for (long q = r + 1 < t->rows ? t->cols : t->last_cols; q > 0; q--) {
            __m512 v0 = _mm512_loadu_ps(x0), v1 = v0, v2 = v0, x;
            if (vectors > 1)
                v1 = _mm512_loadu_ps(x1);
            if (vectors > 2)
                v2 = _mm512_loadu_ps(x2);
            __asm__("" : "+v"(v0), "+v"(v1), "+v"(v2));
#define STEP3(m)                                                                                                               \
    if (m < channels) {                                                                                                        \
        x = broadcast(g + 4 * m, false);                                                                                       \
        FMA(d##m, x, v0);                                                                                                      \
        if (vectors > 1)                                                                                                       \
            FMA(e##m, x, v1);                                                                                                  \
        if (vectors > 2)                                                                                                       \
            FMA(f##m, x, v2);                                                                                                  \
    }
            EACH_8(STEP3)
            g += t->g_step;
            x0 += t->x_step, x1 += t->x_step, x2 += t->x_step;
        }
    }
#define STORE3(m)                                                                                                              \
    if (m < channels) {                                                                                                        \
        _mm512_storeu_ps(SUMS(m), d##m);                                                                                       \
        if (vectors > 1)                                                                                                       \
            _mm512_storeu_ps(SUMS(m) + 16, e##m);                                                                              \
        if (vectors > 2)                                                                                                       \
            _mm512_storeu_ps(SUMS(m) + 32, f##m);                                                                              \
    }
    EACH_8(STORE3)
}

#define FROM_1(X, last) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) last
#define FROM_15(X)      X(15) X(16) X(17) X(18) X(19) X(20) X(21) X(22) X(23) X(24) X(25) X(26)

#define INSTANCE_1(m)                                                                                                          \
    static void plain1_##m(const model_tile *t) { plain1(t, m, false); }                                                       \
    static void half_plain1_##m(const model_tile *t) { plain1(t, m, true); }
#define INSTANCE_S(m)                                                                                                          \
    static void shared1_##m(const model_tile *t) { shared1(t, m, false); }                                                     \
    static void half_shared1_##m(const model_tile *t) { shared1(t, m, true); }
#define INSTANCE_2(m)                                                                                                          \
    static void plain2_##m(const model_tile *t) { plain2(t, m); }
#define INSTANCE_W(m)                                                                                                          \
    static void wtile1_##m(const model_wtile *t) { wtile(t, m, 1); }                                                           \
    static void wtile2_##m(const model_wtile *t) { wtile(t, m, 2); }                                                           \
    static void wtile3_##m(const model_wtile *t) { wtile(t, m, 3); }
FROM_1(INSTANCE_1, FROM_15(INSTANCE_1) INSTANCE_1(27) INSTANCE_1(28))
FROM_1(INSTANCE_S, FROM_15(INSTANCE_S))
FROM_1(INSTANCE_2, )
INSTANCE_W(1)
INSTANCE_W(2)
INSTANCE_W(3) INSTANCE_W(4) INSTANCE_W(5) INSTANCE_W(6) INSTANCE_W(7) INSTANCE_W(8)

#define NAME_P1(m) plain1_##m,
#define NAME_H1(m) half_plain1_##m,
#define NAME_S1(m) shared1_##m,
#define NAME_HS(m) half_shared1_##m,
#define NAME_P2(m) plain2_##m,
    static const model_tile_run plain1_table[] = { NULL, FROM_1(NAME_P1, FROM_15(NAME_P1)) plain1_27, plain1_28 };
static const model_tile_run half_plain1_table[] = { NULL, FROM_1(NAME_H1, FROM_15(NAME_H1)) half_plain1_27, half_plain1_28 };
static const model_tile_run shared1_table[] = { NULL, FROM_1(NAME_S1, FROM_15(NAME_S1)) };
static const model_tile_run half_shared1_table[] = { NULL, FROM_1(NAME_HS, FROM_15(NAME_HS)) };
static const model_tile_run plain2_table[] = { NULL, FROM_1(NAME_P2, ) };
#define WTILES(v)                                                                                                              \
    {                                                                                                                          \
        NULL, v##_1, v##_2, v##_3, v##_4, v##_5, v##_6, v##_7, v##_8                                                           \
    }
static const model_wtile_run wtile1_table[] = WTILES(wtile1), wtile2_table[] = WTILES(wtile2), wtile3_table[] = WTILES(wtile3);

const model_tiles model_tiles_avx512 = {
    .width = 16,
    .plain2_max = 14,
    .plain1_max = 28,
    .shared1_max = 26,
    .plain2 = plain2_table,
    .plain1 = plain1_table,
    .shared1 = shared1_table,
    .half_plain1 = half_plain1_table,
    .half_shared1 = half_shared1_table,
    .channels_max = 8,
    .wtile = { wtile1_table, wtile2_table, wtile3_table },
};
#endif
