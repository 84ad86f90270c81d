/* model/kernels/tiles_body.h — the source of the tiles of tiles.h, compiled once per instruction set. The including file says what
 * a vector is and how many pixels fit its registers:
 *
 *     vector, lane_mask, LANES          REGISTER(x): an assembly operand that is read and written
 *     FMA(sum, x, y)                    sum += x*y, one line of assembly
 *     vector_zero, _all, _load, _store, _add, _max, mask_of, _load_lanes, _store_lanes
 *     vector_all_pairs, vector_add_pairs   when HALF_TILES
 *     LOAD_FACTOR(p)                    optional: the float at p as the x of FMA, where that need not be in all lanes
 *     EACH_PLAIN1(X), EACH_SHARED1(X), EACH_PLAIN2(X), EACH_CHANNELS(X)   X(1) .. X(most pixels or channels)
 *
 * Sums are named variables and multiply-adds assembly, because gcc 12 spills arrays and intrinsics here. Each template is
 * inlined with a constant number of pixels, so `if (m < pixels)` costs nothing and unused sums vanish. */
#include "model/kernels/tiles.h"
#include <math.h>

/* Sanitizers leave these functions alone: instrumenting hundreds of unrolled loops takes minutes to compile. tiles_scalar.c runs
 * under the same drivers and is checked. */
#if defined(__clang__)
#define UNCHECKED __attribute__((no_sanitize("address", "undefined", "thread", "coverage")))
#else
#define UNCHECKED __attribute__((no_sanitize("address"), no_sanitize("undefined")))
#endif
#define TEMPLATE static inline __attribute__((always_inline)) UNCHECKED

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

#if !HALF_TILES /* named in code that constants remove */
#define vector_all_pairs(p) vector_zero()
#define vector_add_pairs(x) (x)
#endif

/* One channel of a pixel in all lanes; two channels alternating for half tiles. The empty assembly: loaded once, not folded into
 * each use. */
TEMPLATE vector broadcast(const char *p, const bool half)
{
#ifdef LOAD_FACTOR
    (void)half;
    return LOAD_FACTOR((const float *)(const void *)p);
#else
    vector x = half ? vector_all_pairs(p) : vector_all(*(const float *)(const void *)p);
    __asm__("" : REGISTER(x));
    return x;
#endif
}

/* What happens to a finished sum, for the lanes of one vector of outputs. */
typedef struct epilogue {
    lane_mask mask; /* outputs that exist */
    vector bias, least;
    bool accumulate;
} epilogue;

TEMPLATE epilogue epilogue_make(const model_tile *t, int first)
{
    static const float zeros[2 * LANES];
    epilogue e = { .mask = mask_of(t->outputs - first), .accumulate = t->accumulate };
    e.bias = vector_load_lanes(t->bias ? t->bias + first : zeros, &e.mask);
    e.least = vector_all(t->relu ? 0.0f : -INFINITY);
    return e;
}

TEMPLATE void finish(const epilogue *e, float *c, vector sum)
{
    sum = vector_add(sum, e->bias);
    if (e->accumulate)
        sum = vector_add(sum, vector_load_lanes(c, &e->mask));
    vector_store_lanes(c, &e->mask, vector_max(e->least, sum)); /* NaN passes: the second operand wins */
}

#define DECLARE(m) vector c##m = vector_zero();
#define STORE(m)                                                                                                               \
    if (m < pixels)                                                                                                            \
        finish(&e, (float *)(void *)(c + m * t->c_step), half ? vector_add_pairs(c##m) : c##m);

TEMPLATE void plain1(const model_tile *t, const int pixels, const bool half)
{
    const size_t s = t->a_step, s3 = 3 * s;
    EACH_28(DECLARE)
    for (int r = 0; r < t->runs; r++) {
        POINTERS(r)
        for (long k = t->steps; k > 0; k--) {
            vector w = vector_load(b), x;
#define STEP(m)                                                                                                                \
    if (m < pixels) {                                                                                                          \
        x = broadcast(A_##m, half);                                                                                            \
        FMA(c##m, x, w);                                                                                                       \
    }
            EACH_28(STEP)
#undef STEP
            b += LANES;
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
            vector w0 = vector_load(b), w1 = vector_load(b + LANES), w2 = vector_load(b + 2 * LANES), x;
            __asm__("" : REGISTER(w0), REGISTER(w1), REGISTER(w2));
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
            b += 3 * LANES;
            ADVANCE((half ? 8 : 4))
        }
    }
    const epilogue e = epilogue_make(t, 0);
    char *c = (char *)t->c;
    EACH_28(STORE)
}

/* Weights of deep layers come from L3 or memory, and the hardware stops fetching ahead at the end of a page: fetch a page ahead. 512 to
 * 512 channels at 16x32 gain a seventh, Winograd's products of such layers a fifth. */
#define AHEAD 4096

TEMPLATE void plain2(const model_tile *t, const int pixels)
{
    const size_t s = t->a_step, s3 = 3 * s;
#define DECLARE2(m) vector l##m = vector_zero(), h##m = vector_zero();
    EACH_14(DECLARE2)
    for (int r = 0; r < t->runs; r++) {
        POINTERS(r)
        const char *line = (const char *)t->a[r] + pixels * s, *next = line; /* of the tile to the right */
        for (long k = t->steps; k > 0; k--) {
            vector w0 = vector_load(b), w1 = vector_load(b + LANES), x;
            __asm__("" : REGISTER(w0), REGISTER(w1));
#define STEP2(m)                                                                                                               \
    if (m < pixels) {                                                                                                          \
        x = broadcast(A_##m, false);                                                                                           \
        FMA(l##m, x, w0);                                                                                                      \
        FMA(h##m, x, w1);                                                                                                      \
    }
            __builtin_prefetch((const char *)b + AHEAD);
            if (LANES > 8)
                __builtin_prefetch((const char *)b + AHEAD + 64);
            __builtin_prefetch(next);
            EACH_14(STEP2)
            b += 2 * LANES;
            next = k % 16 == 1 ? line += 64 : next + s;
            ADVANCE(4)
        }
    }
    const epilogue low = epilogue_make(t, 0), high = epilogue_make(t, LANES);
    char *c = (char *)t->c;
#define STORE2(m)                                                                                                              \
    if (m < pixels) {                                                                                                          \
        finish(&low, (float *)(void *)(c + m * t->c_step), l##m);                                                              \
        finish(&high, (float *)(void *)(c + m * t->c_step) + LANES, h##m);                                                     \
    }
    EACH_14(STORE2)
}

/* Pixels lie up to 4 KiB apart, a few of them in a page, and come from memory the first time: fetch them ahead. Transposed convolutions
 * gain a tenth to a fifth, Winograd's gradients of weights a twentieth. */
#define PIXELS_AHEAD 16

#define EACH_8(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7)
TEMPLATE void wtile(const model_wtile *t, const int channels, const int vectors)
{
#define SUMS(m)     ((float *)(void *)((char *)t->sums + m * t->sums_step))
#define DECLARE3(m) vector d##m = vector_zero(), e##m = d##m, f##m = d##m;
#define LOAD3(m)                                                                                                               \
    if (m < channels) {                                                                                                        \
        d##m = vector_load(SUMS(m));                                                                                           \
        if (vectors > 1)                                                                                                       \
            e##m = vector_load(SUMS(m) + LANES);                                                                               \
        if (vectors > 2)                                                                                                       \
            f##m = vector_load(SUMS(m) + 2 * LANES);                                                                           \
    }
    EACH_8(DECLARE3)
    if (!t->fresh) {
        EACH_8(LOAD3)
    }
    for (int r = 0; r < t->rows; r++) {
        const char *g = (const char *)t->g + (size_t)r * t->g_row;
        const char *x0 = (const char *)t->x[0] + (size_t)r * t->x_row, *x1 = x0, *x2 = x0;
        if (vectors > 1)
            x1 = (const char *)t->x[1] + (size_t)r * t->x_row;
        if (vectors > 2)
            x2 = (const char *)t->x[2] + (size_t)r * t->x_row;
        for (long q = r + 1 < t->rows ? t->cols : t->last_cols; q > 0; q--) {
            vector v0 = vector_load((const float *)(const void *)x0), v1 = v0, v2 = v0, x;
            if (vectors > 1)
                v1 = vector_load((const float *)(const void *)x1);
            if (vectors > 2)
                v2 = vector_load((const float *)(const void *)x2);
            __asm__("" : REGISTER(v0), REGISTER(v1), REGISTER(v2));
#define STEP3(m)                                                                                                               \
    if (m < channels) {                                                                                                        \
        x = broadcast(g + 4 * m, false);                                                                                       \
        FMA(d##m, x, v0);                                                                                                      \
        if (vectors > 1)                                                                                                       \
            FMA(e##m, x, v1);                                                                                                  \
        if (vectors > 2)                                                                                                       \
            FMA(f##m, x, v2);                                                                                                  \
    }
            __builtin_prefetch(g + PIXELS_AHEAD * t->g_step);
            __builtin_prefetch(x0 + PIXELS_AHEAD * t->x_step);
            if (vectors > 1)
                __builtin_prefetch(x1 + PIXELS_AHEAD * t->x_step);
            if (vectors > 2)
                __builtin_prefetch(x2 + PIXELS_AHEAD * t->x_step);
            EACH_8(STEP3)
            g += t->g_step;
            x0 += t->x_step, x1 += t->x_step, x2 += t->x_step;
        }
    }
#define STORE3(m)                                                                                                              \
    if (m < channels) {                                                                                                        \
        vector_store(SUMS(m), d##m);                                                                                           \
        if (vectors > 1)                                                                                                       \
            vector_store(SUMS(m) + LANES, e##m);                                                                               \
        if (vectors > 2)                                                                                                       \
            vector_store(SUMS(m) + 2 * LANES, f##m);                                                                           \
    }
    EACH_8(STORE3)
}

/* ---- instances and tables ---- */

#define TABLE_END(name) (int)(sizeof name / sizeof *name) - 1

#define INSTANCE_PLAIN1(m)                                                                                                     \
    UNCHECKED static void plain1_##m(const model_tile *t) { plain1(t, m, false); }
#define INSTANCE_SHARED1(m)                                                                                                    \
    UNCHECKED static void shared1_##m(const model_tile *t) { shared1(t, m, false); }
#define INSTANCE_PLAIN2(m)                                                                                                     \
    UNCHECKED static void plain2_##m(const model_tile *t) { plain2(t, m); }
#define INSTANCE_CHANNELS(m)                                                                                                   \
    UNCHECKED static void wtile1_##m(const model_wtile *t) { wtile(t, m, 1); }                                                 \
    UNCHECKED static void wtile2_##m(const model_wtile *t) { wtile(t, m, 2); }                                                 \
    UNCHECKED static void wtile3_##m(const model_wtile *t) { wtile(t, m, 3); }
EACH_PLAIN1(INSTANCE_PLAIN1)
EACH_SHARED1(INSTANCE_SHARED1)
EACH_PLAIN2(INSTANCE_PLAIN2)
EACH_CHANNELS(INSTANCE_CHANNELS)

#define NAME_PLAIN1(m)  plain1_##m,
#define NAME_SHARED1(m) shared1_##m,
#define NAME_PLAIN2(m)  plain2_##m,
#define NAME_WTILE1(m)  wtile1_##m,
#define NAME_WTILE2(m)  wtile2_##m,
#define NAME_WTILE3(m)  wtile3_##m,
static const model_tile_run plain1_table[] = { NULL, EACH_PLAIN1(NAME_PLAIN1) };
static const model_tile_run shared1_table[] = { NULL, EACH_SHARED1(NAME_SHARED1) };
static const model_tile_run plain2_table[] = { NULL, EACH_PLAIN2(NAME_PLAIN2) };
static const model_wtile_run wtile1_table[] = { NULL, EACH_CHANNELS(NAME_WTILE1) };
static const model_wtile_run wtile2_table[] = { NULL, EACH_CHANNELS(NAME_WTILE2) };
static const model_wtile_run wtile3_table[] = { NULL, EACH_CHANNELS(NAME_WTILE3) };

#if HALF_TILES
#define INSTANCE_HALF_PLAIN1(m)                                                                                                \
    UNCHECKED static void half_plain1_##m(const model_tile *t) { plain1(t, m, true); }
#define INSTANCE_HALF_SHARED1(m)                                                                                               \
    UNCHECKED static void half_shared1_##m(const model_tile *t) { shared1(t, m, true); }
EACH_PLAIN1(INSTANCE_HALF_PLAIN1)
EACH_SHARED1(INSTANCE_HALF_SHARED1)
#define NAME_HALF_PLAIN1(m)  half_plain1_##m,
#define NAME_HALF_SHARED1(m) half_shared1_##m,
static const model_tile_run half_plain1_table[] = { NULL, EACH_PLAIN1(NAME_HALF_PLAIN1) };
static const model_tile_run half_shared1_table[] = { NULL, EACH_SHARED1(NAME_HALF_SHARED1) };
#endif

const model_tiles TILES = {
    .width = LANES,
    .plain2_max = TABLE_END(plain2_table),
    .plain1_max = TABLE_END(plain1_table),
    .shared1_max = TABLE_END(shared1_table),
    .plain2 = plain2_table,
    .plain1 = plain1_table,
    .shared1 = shared1_table,
#if HALF_TILES
    .half_plain1 = half_plain1_table,
    .half_shared1 = half_shared1_table,
#endif
    .channels_max = TABLE_END(wtile1_table),
    .wtile = { wtile1_table, wtile2_table, wtile3_table },
};
