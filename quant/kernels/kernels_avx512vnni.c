/* AVX-512 VNNI: vpdpbusd adds four u8 x s8 products to an int32 without intermediate saturation.
 *
 * Wide tiles: 16 output channels x 4 source channels a step; 32 registers hold 26 pixels x 1 vector (26 + 3 + 1 = 30) or 12 x 2
 * (24 + 6 + 1 = 31) of the shared form, 28 x 1 or 14 x 2 of the plain one.
 * Narrow tiles for layers of at most 8 output channels, where half of a wide vector would be padding: the vector holds 8 output channels
 * x 2 halves of the source channels, 8 source channels a step, and the two partial sums meet in the epilogue. */
#if defined(__x86_64__)
#include "quant/kernels/depthwise.h"
#include "quant/kernels/levels.h"
#include "quant/kernels/tiled.h"
#include "base/cpu.h"
#include <immintrin.h>
#include <string.h>

static inline __attribute__((always_inline)) void store_bytes(uint8_t *dst, __m128i bytes, int n)
{
    if (n >= 16)
        _mm_storeu_si128((__m128i *)(void *)dst, bytes);
    else if (n == 8)
        _mm_storel_epi64((__m128i *)(void *)dst, bytes);
    else
        _mm_mask_storeu_epi8(dst, (__mmask16)((1u << n) - 1), bytes);
}

static inline __attribute__((always_inline)) void store_wide(uint8_t *dst, __m512i acc, __m512 m, __m512 lo, __m512 hi,
                                                             __m512i zero, int n)
{
    __m512 f = _mm512_mul_ps(_mm512_cvtepi32_ps(acc), m);
    f = _mm512_min_ps(_mm512_max_ps(f, lo), hi);
    store_bytes(dst, _mm512_cvtepi32_epi8(_mm512_add_epi32(_mm512_cvtps_epi32(f), zero)), n);
}

/* Lanes 2o and 2o + 1 hold the two halves of channel o. */
static inline __attribute__((always_inline)) void store_narrow(uint8_t *dst, __m512i acc, __m256 m, __m256 lo, __m256 hi,
                                                               __m256i zero, int n)
{
    __m256i sum = _mm512_cvtepi64_epi32(_mm512_add_epi32(acc, _mm512_srli_epi64(acc, 32)));
    __m256 f = _mm256_mul_ps(_mm256_cvtepi32_ps(sum), m);
    f = _mm256_min_ps(_mm256_max_ps(f, lo), hi);
    store_bytes(dst, _mm256_cvtepi32_epi8(_mm256_add_epi32(_mm256_cvtps_epi32(f), zero)), n);
}

#define VEC          __m512i
#define BROADCAST    "vpbroadcastd"
#define REG          "v"
#define LANES        16
#define STEP         4
#define LOAD_BIAS(p) _mm512_loadu_si512(p)
#define DOT(c, a, w) __asm__("vpdpbusd %2, %1, %0" : "+v"(c) : "v"(a), "v"(w))
#define CONSTANTS(t, N)                                                                                                        \
    const __m512 m0 = _mm512_loadu_ps((t)->multiplier), m1 = (N) == 2 ? _mm512_loadu_ps((t)->multiplier + 16) : m0;            \
    const __m512 lo = _mm512_set1_ps((t)->lo), hi = _mm512_set1_ps((t)->hi);                                                   \
    const __m512i zero = _mm512_set1_epi32((t)->zero_point)
#define STORE(v, dst, c, n) store_wide(dst, c, m##v, lo, hi, zero, n)
#define NAME(x)             wide_##x
#include "quant/kernels/tile_template.h"

TILES_1_TO_12(shared, 1)
TILES_13_TO_26(shared, 1)
TILES_1_TO_12(shared, 2)
TILES_1_TO_12(plain, 1)
TILES_13_TO_26(plain, 1)
TILES_1_TO_12(plain, 2)
static const quant_tile_kernel wide_shared_1[] = { NAMES_1_TO_12(shared, 1), NAMES_13_TO_26(shared, 1) };
static const quant_tile_kernel wide_shared_2[] = { NAMES_1_TO_12(shared, 2) };
static const quant_tile_kernel wide_plain_1[] = { NAMES_1_TO_12(plain, 1), NAMES_13_TO_26(plain, 1) };
static const quant_tile_kernel wide_plain_2[] = { NAMES_1_TO_12(plain, 2) };

#undef BROADCAST
#undef LANES
#undef STEP
#undef LOAD_BIAS
#undef STORE
#undef CONSTANTS
#undef NAME
#define BROADCAST    "vpbroadcastq"
#define LANES        8
#define STEP         8
#define LOAD_BIAS(p) _mm512_cvtepu32_epi64(_mm256_loadu_si256((const __m256i *)(const void *)(p)))
#define CONSTANTS(t, N)                                                                                                        \
    const __m256 m0 = _mm256_loadu_ps((t)->multiplier), m1 = m0;                                                               \
    const __m256 lo = _mm256_set1_ps((t)->lo), hi = _mm256_set1_ps((t)->hi);                                                   \
    const __m256i zero = _mm256_set1_epi32((t)->zero_point)
#define STORE(v, dst, c, n) store_narrow(dst, c, m##v, lo, hi, zero, n)
#define NAME(x)             narrow_##x
#include "quant/kernels/tile_template.h"

TILES_1_TO_12(shared, 1)
TILES_13_TO_26(shared, 1)
TILES_1_TO_12(plain, 1)
TILES_13_TO_26(plain, 1)
static const quant_tile_kernel narrow_shared_1[] = { NAMES_1_TO_12(shared, 1), NAMES_13_TO_26(shared, 1) };
static const quant_tile_kernel narrow_plain_1[] = { NAMES_1_TO_12(plain, 1), NAMES_13_TO_26(plain, 1) };

static const quant_tiler wide = {
    .lanes = 16,
    .vectors = 2,
    .group = 4,
    .element_bytes = 1,
    .shared_max = { 0, 26, 12 },
    .plain_max = { 0, 26, 12 },
    .shared = { NULL, wide_shared_1, wide_shared_2 },
    .plain = { NULL, wide_plain_1, wide_plain_2 },
    .stage = quant_stage_u8,
};
static const quant_tiler narrow = {
    .lanes = 8,
    .vectors = 1,
    .group = 8,
    .element_bytes = 1,
    .shared_max = { 0, 26, 0 },
    .plain_max = { 0, 26, 0 },
    .shared = { NULL, narrow_shared_1, NULL },
    .plain = { NULL, narrow_plain_1, NULL },
    .stage = quant_stage_u8,
};

static const quant_tiler *tiler_for(const quant_conv *c) { return c->oc <= 8 && c->ic > 4 ? &narrow : &wide; }

static size_t packed_bytes(const quant_conv *c) { return quant_tiled_packed_bytes(tiler_for(c), c); }
static void pack(const quant_conv *c, void *packed) { quant_tiled_pack(tiler_for(c), c, packed); }
static size_t scratch_bytes(const quant_conv *c, int src_width)
{
    return quant_tiled_scratch_bytes(tiler_for(c), c, src_width);
}
static void conv(const quant_conv *c, const void *packed, const quant_view *src, const quant_view *dst, int row0, int row1,
                 void *scratch)
{
    quant_tiled_conv(tiler_for(c), c, packed, src, dst, row0, row1, scratch);
}

static void pool2x2(const quant_view *src, const quant_view *dst, int row0, int row1)
{
    for (int y = row0; y < row1; y++) {
        const uint8_t *a = quant_view_at(src, 2 * y, 0), *b = quant_view_at(src, 2 * y + 1, 0);
        uint8_t *d = quant_view_at(dst, y, 0);
        for (int x = 0; x < dst->width; x++, a += 2 * src->pitch, b += 2 * src->pitch, d += dst->pitch)
            for (int i = 0; i < dst->channels; i += 64) {
                int n = dst->channels - i;
                __mmask64 m = n >= 64 ? ~(__mmask64)0 : ((__mmask64)1 << n) - 1;
                __m512i top =
                    _mm512_max_epu8(_mm512_maskz_loadu_epi8(m, a + i), _mm512_maskz_loadu_epi8(m, a + src->pitch + i));
                __m512i low =
                    _mm512_max_epu8(_mm512_maskz_loadu_epi8(m, b + i), _mm512_maskz_loadu_epi8(m, b + src->pitch + i));
                _mm512_mask_storeu_epi8(d + i, m, _mm512_max_epu8(top, low));
            }
    }
}

/* Four weights of class o as one dword. */
static int32_t head_weights(const quant_head *h, int o, int g)
{
    int32_t w = 0;
    memcpy(&w, h->weights + (size_t)o * h->ic + 4 * g, (size_t)(h->ic - 4 * g < 4 ? h->ic - 4 * g : 4));
    return w;
}

/* Four groups of channels of 16 whole pixels from s on, group g of pixel i in lane i of out[g]. Sixteen loads and a transposition of 4x4 dwords
 * in each quarter: half of what four gathers cost. Reads 16 bytes of each pixel. */
static inline __attribute__((always_inline)) void take_groups(const uint8_t *s, int pitch, __m512i out[4])
{
    __m512i v[4];
    for (int k = 0; k < 4; k++) { /* quarter q holds pixel 4q + k */
        const uint8_t *at = s + (size_t)k * pitch;
        size_t step = 4 * (size_t)pitch;
        v[k] = _mm512_castsi128_si512(_mm_loadu_si128((const __m128i *)(const void *)at));
        v[k] = _mm512_inserti32x4(v[k], _mm_loadu_si128((const __m128i *)(const void *)(at + step)), 1);
        v[k] = _mm512_inserti32x4(v[k], _mm_loadu_si128((const __m128i *)(const void *)(at + 2 * step)), 2);
        v[k] = _mm512_inserti32x4(v[k], _mm_loadu_si128((const __m128i *)(const void *)(at + 3 * step)), 3);
    }
    __m512i low01 = _mm512_unpacklo_epi32(v[0], v[1]), low23 = _mm512_unpacklo_epi32(v[2], v[3]),
            high01 = _mm512_unpackhi_epi32(v[0], v[1]), high23 = _mm512_unpackhi_epi32(v[2], v[3]);
    out[0] = _mm512_unpacklo_epi64(low01, low23);
    out[1] = _mm512_unpackhi_epi64(low01, low23);
    out[2] = _mm512_unpacklo_epi64(high01, high23);
    out[3] = _mm512_unpackhi_epi64(high01, high23);
}

/* The sums of three classes of 16 pixels, pixel by pixel. */
static inline __attribute__((always_inline)) void store_three(int32_t *dst, const __m512i sums[3])
{
    /* element e of 48 is class e % 3 of pixel e / 3: classes 0 and 1 from a pair (class 1 from 16 on), class 2 over them */
    const __m512i pair[3] = { _mm512_setr_epi32(0, 16, 0, 1, 17, 0, 2, 18, 0, 3, 19, 0, 4, 20, 0, 5),
                              _mm512_setr_epi32(21, 0, 6, 22, 0, 7, 23, 0, 8, 24, 0, 9, 25, 0, 10, 26),
                              _mm512_setr_epi32(0, 11, 27, 0, 12, 28, 0, 13, 29, 0, 14, 30, 0, 15, 31, 0) };
    const __m512i third[3] = { _mm512_setr_epi32(0, 0, 0, 0, 0, 1, 0, 0, 2, 0, 0, 3, 0, 0, 4, 0),
                               _mm512_setr_epi32(0, 5, 0, 0, 6, 0, 0, 7, 0, 0, 8, 0, 0, 9, 0, 0),
                               _mm512_setr_epi32(10, 0, 0, 11, 0, 0, 12, 0, 0, 13, 0, 0, 14, 0, 0, 15) };
    const __mmask16 here[3] = { 0x4924, 0x2492, 0x9249 }; /* elements 2, 5, 8 ... of the 48 */
    for (int k = 0; k < 3; k++)
        _mm512_storeu_si512(dst + 16 * k, _mm512_mask_permutexvar_epi32(_mm512_permutex2var_epi32(sums[0], pair[k], sums[1]),
                                                                        here[k], third[k], sums[2]));
}

enum { HEAD_HELD = 16, HEAD_KEPT = 3 }; /* groups of channels, and sums of classes, that stay in registers or close by */

/* Sixteen pixels in the lanes, the class's weights broadcast; argmax is then a comparison and a blend per class. The first HEAD_HELD groups of
 * channels are taken once for all classes; the last pixels of a row, where there are no 16, come by gathers. */
static void head(const quant_head *h, const quant_view *src, uint8_t *mask, int32_t *logits, int row0, int row1)
{
    int32_t weights[QUANT_MAX_CLASSES][HEAD_HELD];
    int groups = (h->ic + 3) / 4, held = groups < HEAD_HELD ? groups : HEAD_HELD;
    bool three = logits && h->classes == HEAD_KEPT;
    __m512i a[HEAD_HELD], kept[HEAD_KEPT],
        pixel = _mm512_mullo_epi32(_mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15),
                                   _mm512_set1_epi32(src->pitch));
    for (int o = 0; o < h->classes; o++)
        for (int g = 0; g < held; g++)
            weights[o][g] = head_weights(h, o, g);
    for (int y = row0; y < row1; y++)
        for (int x = 0; x < src->width; x += 16) {
            int n = src->width - x < 16 ? src->width - x : 16;
            __mmask16 lanes = (__mmask16)((1u << n) - 1);
            const uint8_t *s = quant_view_at(src, y, x);
            size_t p = (size_t)y * src->width + x;
            __m512i best = _mm512_setzero_si512(), acc = best;
            __m512 best_logit = _mm512_setzero_ps();
            int taken = 0;
            for (; n == 16 && taken + 4 <= held; taken += 4)
                take_groups(s + 4 * taken, src->pitch, a + taken);
            for (int g = taken; g < held; g++)
                a[g] = _mm512_mask_i32gather_epi32(_mm512_setzero_si512(), lanes, pixel, s + 4 * g, 1);
            for (int o = 0; o < h->classes; o++) {
                acc = _mm512_set1_epi32(h->bias[o]);
                for (int g = 0; g < held; g++)
                    acc = _mm512_dpbusd_epi32(acc, a[g], _mm512_set1_epi32(weights[o][g]));
                for (int g = held; g < groups; g++)
                    acc = _mm512_dpbusd_epi32(acc,
                                              _mm512_mask_i32gather_epi32(_mm512_setzero_si512(), lanes, pixel, s + 4 * g, 1),
                                              _mm512_set1_epi32(head_weights(h, o, g)));
                __m512 logit = _mm512_mul_ps(_mm512_cvtepi32_ps(acc), _mm512_set1_ps(h->scale[o]));
                __mmask16 better = o == 0 ? (__mmask16)0xffff : _mm512_cmp_ps_mask(logit, best_logit, _CMP_GT_OQ);
                best = _mm512_mask_mov_epi32(best, better, _mm512_set1_epi32(o));
                best_logit = _mm512_mask_mov_ps(best_logit, better, logit);
                if (three)
                    kept[o] = acc;
                if (logits && !(three && n == 16)) {
                    int32_t sums[16];
                    _mm512_storeu_si512(sums, acc);
                    for (int i = 0; i < n; i++)
                        logits[(p + i) * h->classes + o] = sums[i];
                }
            }
            if (three && n == 16)
                store_three(logits + p * HEAD_KEPT, kept);
            if (h->classes == 1)
                best = _mm512_srli_epi32(_mm512_andnot_si512(acc, _mm512_set1_epi32(INT32_MIN)), 31);
            if (mask)
                _mm_mask_storeu_epi8(mask + p, lanes, _mm512_cvtepi32_epi8(best));
        }
}

/* 12 independent sums: two multiply-adds a cycle with a latency of 4 or 5 need 8 to 10. */
#define EACH(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11)
static double peak(long rounds)
{
    __m512i a = _mm512_setzero_si512(), w = a;
#define DECLARE(i)   __m512i c##i = a;
#define STEP_ONCE(i) __asm__ volatile("vpdpbusd %2, %1, %0" : "+v"(c##i) : "v"(a), "v"(w));
    EACH(DECLARE)
    for (long r = 0; r < rounds; r++) {
        EACH(STEP_ONCE)
    }
    return 2.0 * 12 * 64 * (double)rounds;
}

const quant_kernels quant_kernels_avx512vnni = {
    .name = "avx512vnni",
    .needs = CPU_AVX512 | CPU_AVX512_VNNI,
    .conv_packed_bytes = packed_bytes,
    .conv_pack = pack,
    .conv_scratch_bytes = scratch_bytes,
    .conv = conv,
    .depthwise = quant_depthwise_avx512vnni,
    .pool2x2 = pool2x2,
    .map = quant_map_unrolled,
    .head = head,
    .peak = peak,
};

/* The same with a faster table (kernels_avx512vbmi.c). */
const quant_kernels quant_kernels_avx512vbmi = {
    .name = "avx512vbmi",
    .needs = CPU_AVX512 | CPU_AVX512_VNNI | CPU_AVX512_VBMI,
    .conv_packed_bytes = packed_bytes,
    .conv_pack = pack,
    .conv_scratch_bytes = scratch_bytes,
    .conv = conv,
    .depthwise = quant_depthwise_avx512vnni,
    .pool2x2 = pool2x2,
    .map = quant_map_vbmi,
    .head = head,
    .peak = peak,
};
#else
typedef int quant_kernels_avx512vnni_is_x86_only;
#endif
