/* quant/kernels/tile_template.h — the register tiles, written once for every vector width. Included by the SIMD levels, which define
 *
 *     VEC               vector of int32 accumulators          LANES   output channels in it
 *     BROADCAST         mnemonic that fills a vector with the STEP bytes at an address, "vpbroadcastd"; or, on another CPU than x86,
 *     BROADCAST_0(a, b) .. _4   which do so from the address b + 0 .. 4 times s (s and s3 = 3*s are in scope)
 *     BYTES, WEIGHTS    types of such a vector and of one of weights, where they are not VEC
 *     STEP              bytes of a pixel per multiply-add     REG     asm constraint of a vector register, "v" or "x"
 *     LOAD_BIAS(p)      accumulators that start from the int32 at p, one per output channel
 *     DOT(c, a, w)      c += a * w, one statement of inline asm
 *     CONSTANTS(t, N)   declares what STORE uses, as locals: a byte store may alias *t, so that whatever is read through t is
 *                       loaded again for every pixel (16 channels at 256x512: 69 % of the peak instead of 81)
 *     STORE(v, dst, c, n)  requantise c with the multipliers of vector v and write n bytes
 *     NAME(x)           prefix for this inclusion's functions
 *
 * Why inline asm and named scalars: gcc 12 spills accumulators that live in an array or pass through dot-product intrinsics, at half to
 * a third of the speed; clang 14 reorders and spills too. One asm statement per instruction leaves both nothing to rearrange.
 *
 * Shared tile (3 taps in a row, stride 1): source pixel q at one step serves outputs q, q-1 and q-2 (counted from the tile's padded left
 * edge), so one broadcast feeds three multiply-adds: M + 2 broadcasts and 3N weights for 3MN multiply-adds. Registers: MN
 * accumulators + 3N weights + 1. Plain tile (any taps): M broadcasts and N weights for MN multiply-adds; MN + N + 1 registers.
 *
 * Addresses: pixels lie s bytes apart, s known at run time only. Five of them share a base register through the addressing modes
 * {0, s, 2s, 3s, 4s}, so that 28 pixels need 6 bases + s + 3s and no spills of general registers. */

#ifndef BYTES
#define BYTES VEC
#endif
#ifndef WEIGHTS
#define WEIGHTS VEC
#endif

#ifdef BROADCAST
#define BROADCAST_0(a, b) __asm__(BROADCAST " (%1), %0" : "=" REG(a) : "r"(b))
#define BROADCAST_1(a, b) __asm__(BROADCAST " (%1,%2), %0" : "=" REG(a) : "r"(b), "r"(s))
#define BROADCAST_2(a, b) __asm__(BROADCAST " (%1,%2,2), %0" : "=" REG(a) : "r"(b), "r"(s))
#define BROADCAST_3(a, b) __asm__(BROADCAST " (%1,%2), %0" : "=" REG(a) : "r"(b), "r"(s3))
#define BROADCAST_4(a, b) __asm__(BROADCAST " (%1,%2,4), %0" : "=" REG(a) : "r"(b), "r"(s))
#endif

/* DO(pixel, base register, pixel within the base, accumulators of output pixel, pixel - 1, pixel - 2). */
#define FOR_PIXELS(DO)                                                                                                         \
    DO(0, b0, 0, 0, 0, 0)                                                                                                      \
    DO(1, b0, 1, 1, 0, 0)                                                                                                      \
    DO(2, b0, 2, 2, 1, 0)                                                                                                      \
    DO(3, b0, 3, 3, 2, 1)                                                                                                      \
    DO(4, b0, 4, 4, 3, 2)                                                                                                      \
    DO(5, b1, 0, 5, 4, 3)                                                                                                      \
    DO(6, b1, 1, 6, 5, 4)                                                                                                      \
    DO(7, b1, 2, 7, 6, 5)                                                                                                      \
    DO(8, b1, 3, 8, 7, 6)                                                                                                      \
    DO(9, b1, 4, 9, 8, 7)                                                                                                      \
    DO(10, b2, 0, 10, 9, 8)                                                                                                    \
    DO(11, b2, 1, 11, 10, 9)                                                                                                   \
    DO(12, b2, 2, 12, 11, 10)                                                                                                  \
    DO(13, b2, 3, 13, 12, 11)                                                                                                  \
    DO(14, b2, 4, 14, 13, 12)                                                                                                  \
    DO(15, b3, 0, 15, 14, 13)                                                                                                  \
    DO(16, b3, 1, 16, 15, 14)                                                                                                  \
    DO(17, b3, 2, 17, 16, 15)                                                                                                  \
    DO(18, b3, 3, 18, 17, 16)                                                                                                  \
    DO(19, b3, 4, 19, 18, 17)                                                                                                  \
    DO(20, b4, 0, 20, 19, 18)                                                                                                  \
    DO(21, b4, 1, 21, 20, 19)                                                                                                  \
    DO(22, b4, 2, 22, 21, 20)                                                                                                  \
    DO(23, b4, 3, 23, 22, 21)                                                                                                  \
    DO(24, b4, 4, 24, 23, 22)                                                                                                  \
    DO(25, b5, 0, 25, 24, 23)                                                                                                  \
    DO(26, b5, 1, 26, 25, 24)                                                                                                  \
    DO(27, b5, 2, 27, 26, 25)

/* The asm statements name no memory operand: nothing that a tile reads is written by it. */
#define SHARED_PIXEL(p, b, k, left, middle, right)                                                                             \
    if (p < M + 2) {                                                                                                           \
        BYTES a;                                                                                                               \
        BROADCAST_##k(a, b);                                                                                                   \
        if (p < M) {                                                                                                           \
            DOT(c##left, a, w0);                                                                                               \
            if (N == 2)                                                                                                        \
                DOT(d##left, a, v0);                                                                                           \
        }                                                                                                                      \
        if (p >= 1 && p <= M) {                                                                                                \
            DOT(c##middle, a, w1);                                                                                             \
            if (N == 2)                                                                                                        \
                DOT(d##middle, a, v1);                                                                                         \
        }                                                                                                                      \
        if (p >= 2) {                                                                                                          \
            DOT(c##right, a, w2);                                                                                              \
            if (N == 2)                                                                                                        \
                DOT(d##right, a, v2);                                                                                          \
        }                                                                                                                      \
    }
#define PLAIN_PIXEL(p, b, k, same, unused1, unused2)                                                                           \
    if (p < M) {                                                                                                               \
        BYTES a;                                                                                                               \
        BROADCAST_##k(a, b);                                                                                                   \
        DOT(c##same, a, w0);                                                                                                   \
        if (N == 2)                                                                                                            \
            DOT(d##same, a, v0);                                                                                               \
    }
#define STORE_PIXEL(p, b, k, same, unused1, unused2)                                                                           \
    if (p < M) {                                                                                                               \
        STORE(0, at, c##same, N == 2 ? LANES : channels);                                                                      \
        if (N == 2)                                                                                                            \
            STORE(1, at + LANES, d##same, channels - LANES);                                                                   \
        at += dst_bytes;                                                                                                       \
    }

#define ACCUMULATORS(x, first)                                                                                                 \
    VEC x##0 = (first), x##1 = x##0, x##2 = x##0, x##3 = x##0, x##4 = x##0, x##5 = x##0, x##6 = x##0, x##7 = x##0,             \
        x##8 = x##0, x##9 = x##0, x##10 = x##0, x##11 = x##0, x##12 = x##0, x##13 = x##0, x##14 = x##0, x##15 = x##0,          \
        x##16 = x##0, x##17 = x##0, x##18 = x##0, x##19 = x##0, x##20 = x##0, x##21 = x##0, x##22 = x##0, x##23 = x##0,        \
        x##24 = x##0, x##25 = x##0, x##26 = x##0, x##27 = x##0
#define BASES(at)                                                                                                              \
    const uint8_t *b0 = (at), *b1 = b0 + 5 * s, *b2 = b1 + 5 * s, *b3 = b2 + 5 * s, *b4 = b3 + 5 * s, *b5 = b4 + 5 * s
#define ADVANCE_BASES (b0 += STEP, b1 += STEP, b2 += STEP, b3 += STEP, b4 += STEP, b5 += STEP)

static inline __attribute__((always_inline)) void NAME(shared)(const quant_tile *t, const uint8_t *src, uint8_t *dst,
                                                               const int M, const int N)
{
    const ptrdiff_t s = t->pixel_bytes, s3 = 3 * s;
    const WEIGHTS *w = t->weights;
    const uint8_t *row = src;
    ACCUMULATORS(c, LOAD_BIAS(t->bias));
    ACCUMULATORS(d, N == 2 ? LOAD_BIAS(t->bias + LANES) : c0);
    for (int ky = 0; ky < t->kh; ky++, row += t->row_bytes) {
        BASES(row);
        for (int g = 0; g < t->groups; g++, w += 3 * N) {
            WEIGHTS w0 = w[0], w1 = w[N], w2 = w[2 * N];
            WEIGHTS v0 = w[N - 1], v1 = w[2 * N - 1], v2 = w[3 * N - 1];
            FOR_PIXELS(SHARED_PIXEL)
            ADVANCE_BASES;
        }
    }
    const ptrdiff_t dst_bytes = t->dst_bytes;
    const int channels = t->channels;
    uint8_t *at = dst;
    CONSTANTS(t, N);
    FOR_PIXELS(STORE_PIXEL)
}

static inline __attribute__((always_inline)) void NAME(plain)(const quant_tile *t, const uint8_t *src, uint8_t *dst,
                                                              const int M, const int N)
{
    const ptrdiff_t s = t->pixel_bytes, s3 = 3 * s;
    const WEIGHTS *w = t->weights;
    const uint8_t *row = src;
    ACCUMULATORS(c, LOAD_BIAS(t->bias));
    ACCUMULATORS(d, N == 2 ? LOAD_BIAS(t->bias + LANES) : c0);
    for (int ky = 0; ky < t->kh; ky++, row += t->row_bytes)
        for (int kx = 0; kx < t->kw; kx++) {
            BASES(row + kx * t->tap_bytes);
            for (int g = 0; g < t->groups; g++, w += N) {
                WEIGHTS w0 = w[0], v0 = w[N - 1];
                FOR_PIXELS(PLAIN_PIXEL)
                ADVANCE_BASES;
            }
        }
    const ptrdiff_t dst_bytes = t->dst_bytes;
    const int channels = t->channels;
    uint8_t *at = dst;
    CONSTANTS(t, N);
    FOR_PIXELS(STORE_PIXEL)
}

/* One function per tile size, and tables of them. form: shared or plain; n: vectors. */
/* clang-format 14 wraps these lists anew each time. */
/* clang-format off */
#define TILE(form, m, n) \
    static void NAME(form##_##m##x##n)(const quant_tile *t, const uint8_t *src, uint8_t *dst) { NAME(form)(t, src, dst, m, n); }
#define TILES_1_TO_12(form, n) \
    TILE(form, 1, n) \
    TILE(form, 2, n) \
    TILE(form, 3, n) \
    TILE(form, 4, n) \
    TILE(form, 5, n) \
    TILE(form, 6, n) TILE(form, 7, n) TILE(form, 8, n) TILE(form, 9, n) TILE(form, 10, n) TILE(form, 11, n) TILE(form, 12, n)
#define NAMES_1_TO_12(form, n) \
    NULL, NAME(form##_1x##n), NAME(form##_2x##n), NAME(form##_3x##n), NAME(form##_4x##n), NAME(form##_5x##n), \
        NAME(form##_6x##n), NAME(form##_7x##n), NAME(form##_8x##n), NAME(form##_9x##n), NAME(form##_10x##n), \
        NAME(form##_11x##n), NAME(form##_12x##n)
#define TILES_13_TO_26(form, n) \
    TILE(form, 13, n) \
    TILE(form, 14, n) \
    TILE(form, 15, n) \
    TILE(form, 16, n) \
    TILE(form, 17, n) \
    TILE(form, 18, n) \
    TILE(form, 19, n) TILE(form, 20, n) TILE(form, 21, n) TILE(form, 22, n) TILE(form, 23, n) TILE(form, 24, n) \
        TILE(form, 25, n) TILE(form, 26, n)
#define NAMES_13_TO_26(form, n) \
    NAME(form##_13x##n), NAME(form##_14x##n), NAME(form##_15x##n), NAME(form##_16x##n), NAME(form##_17x##n), \
        NAME(form##_18x##n), NAME(form##_19x##n), NAME(form##_20x##n), NAME(form##_21x##n), NAME(form##_22x##n), \
        NAME(form##_23x##n), NAME(form##_24x##n), NAME(form##_25x##n), NAME(form##_26x##n)
/* clang-format on */
