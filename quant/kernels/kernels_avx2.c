/* AVX2 without dot-product instructions, exact: vpmaddubsw would saturate (2 * 255 * 127 > 32767), so activations are widened to
 * s16 once, while a strip is staged, weights once, while they are packed; vpmaddwd then adds two products into an int32.
 *
 * 8 output channels x 2 source channels a step; of the 16 registers the shared form takes 10 accumulators + 3 weights + broadcast +
 * product, the plain one 12 + 1 + 1 + 1. */
#if defined(__x86_64__)
#include "quant/kernels/depthwise.h"
#include "quant/kernels/levels.h"
#include "quant/kernels/tiled.h"
#include "base/cpu.h"
#include <immintrin.h>
#include <string.h>

static inline __attribute__((always_inline)) void store(uint8_t *dst, __m256i acc, __m256 m, __m256 lo, __m256 hi, __m256i zero,
                                                        int n)
{
    __m256 f = _mm256_mul_ps(_mm256_cvtepi32_ps(acc), m);
    f = _mm256_min_ps(_mm256_max_ps(f, lo), hi);
    __m256i q = _mm256_add_epi32(_mm256_cvtps_epi32(f), zero);
    __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(q), _mm256_extracti128_si256(q, 1));
    __m128i bytes = _mm_packus_epi16(words, words);
    if (n >= 8) {
        _mm_storel_epi64((__m128i *)(void *)dst, bytes);
    } else {
        uint64_t eight = (uint64_t)_mm_cvtsi128_si64(bytes);
        memcpy(dst, &eight, (size_t)n);
    }
}

#define VEC          __m256i
#define BROADCAST    "vpbroadcastd"
#define REG          "x"
#define LANES        8
#define STEP         4
#define LOAD_BIAS(p) _mm256_loadu_si256((const __m256i *)(const void *)(p))
#define DOT(c, a, w)                                                                                                           \
    do {                                                                                                                       \
        __m256i product;                                                                                                       \
        __asm__("vpmaddwd %3, %2, %1\n\tvpaddd %1, %0, %0" : "+x"(c), "=&x"(product) : "x"(a), "x"(w));                        \
    } while (0)
#define CONSTANTS(t, N)                                                                                                        \
    const __m256 m0 = _mm256_loadu_ps((t)->multiplier), m1 = m0;                                                               \
    const __m256 lo = _mm256_set1_ps((t)->lo), hi = _mm256_set1_ps((t)->hi);                                                   \
    const __m256i zero = _mm256_set1_epi32((t)->zero_point)
#define STORE(v, dst, c, n) store(dst, c, m##v, lo, hi, zero, n)
#define NAME(x)             x
#include "quant/kernels/tile_template.h"

TILES_1_TO_12(shared, 1)
TILES_1_TO_12(plain, 1)
static const quant_tile_kernel shared_1[] = { NAMES_1_TO_12(shared, 1) };
static const quant_tile_kernel plain_1[] = { NAMES_1_TO_12(plain, 1) };

/* u8 to s16, 16 channels a step; a row of whole pixels without gaps is one run. */
static void widen(const uint8_t *src, int count, int16_t *dst)
{
    int i = 0;
    for (; i + 16 <= count; i += 16)
        _mm256_storeu_si256((__m256i *)(void *)(dst + i),
                            _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)(const void *)(src + i))));
    for (; i + 8 <= count; i += 8)
        _mm_storeu_si128((__m128i *)(void *)(dst + i),
                         _mm_cvtepu8_epi16(_mm_loadl_epi64((const __m128i *)(const void *)(src + i))));
    for (; i < count; i++)
        dst[i] = src[i];
}

static void stage(const uint8_t *src, int pixels, int channels, int pitch, void *dst, int staged)
{
    int16_t *d = dst;
    if (pitch == staged) {
        widen(src, pixels * pitch, d);
        return;
    }
    for (int x = 0; x < pixels; x++, src += pitch, d += staged) {
        widen(src, channels, d);
        for (int i = channels; i < staged; i++)
            d[i] = 0;
    }
}

static const quant_tiler tiler = {
    .lanes = 8,
    .vectors = 1,
    .group = 2,
    .element_bytes = 2,
    .shared_max = { 0, 10, 0 },
    .plain_max = { 0, 12, 0 },
    .shared = { NULL, shared_1, NULL },
    .plain = { NULL, plain_1, NULL },
    .stage = stage,
};

static size_t packed_bytes(const quant_conv *c) { return quant_tiled_packed_bytes(&tiler, c); }
static void pack(const quant_conv *c, void *packed) { quant_tiled_pack(&tiler, c, packed); }
static size_t scratch_bytes(const quant_conv *c, int src_width) { return quant_tiled_scratch_bytes(&tiler, c, src_width); }
static void conv(const quant_conv *c, const void *packed, const quant_view *src, const quant_view *dst, int row0, int row1,
                 void *scratch)
{
    quant_tiled_conv(&tiler, c, packed, src, dst, row0, row1, scratch);
}

/* Largest of four times `count` bytes. */
static void max_of_four(const uint8_t *a, const uint8_t *b, ptrdiff_t next, uint8_t *dst, int count)
{
    int i = 0;
    for (; i + 16 <= count; i += 16) {
        __m128i top = _mm_max_epu8(_mm_loadu_si128((const __m128i *)(const void *)(a + i)),
                                   _mm_loadu_si128((const __m128i *)(const void *)(a + next + i)));
        __m128i low = _mm_max_epu8(_mm_loadu_si128((const __m128i *)(const void *)(b + i)),
                                   _mm_loadu_si128((const __m128i *)(const void *)(b + next + i)));
        _mm_storeu_si128((__m128i *)(void *)(dst + i), _mm_max_epu8(top, low));
    }
    for (; i + 8 <= count; i += 8) {
        __m128i top = _mm_max_epu8(_mm_loadl_epi64((const __m128i *)(const void *)(a + i)),
                                   _mm_loadl_epi64((const __m128i *)(const void *)(a + next + i)));
        __m128i low = _mm_max_epu8(_mm_loadl_epi64((const __m128i *)(const void *)(b + i)),
                                   _mm_loadl_epi64((const __m128i *)(const void *)(b + next + i)));
        _mm_storel_epi64((__m128i *)(void *)(dst + i), _mm_max_epu8(top, low));
    }
    for (; i < count; i++) {
        uint8_t top = a[i] > a[next + i] ? a[i] : a[next + i], low = b[i] > b[next + i] ? b[i] : b[next + i];
        dst[i] = top > low ? top : low;
    }
}

void quant_pool2x2_avx2(const quant_view *src, const quant_view *dst, int row0, int row1)
{
    for (int y = row0; y < row1; y++) {
        const uint8_t *a = quant_view_at(src, 2 * y, 0), *b = quant_view_at(src, 2 * y + 1, 0);
        uint8_t *d = quant_view_at(dst, y, 0);
        for (int x = 0; x < dst->width; x++, a += 2 * src->pitch, b += 2 * src->pitch, d += dst->pitch)
            max_of_four(a, b, src->pitch, d, dst->channels);
    }
}

/* Weights 4g .. 4g+3 of one class as two pairs of s16: (w0, w2) meets the even bytes of a pixel, (w1, w3) the odd ones. */
typedef struct pair_weights {
    int32_t even, odd;
} pair_weights;

static pair_weights head_weights(const quant_head *h, int o, int g)
{
    int16_t w[4] = { 0 };
    for (int i = 0; i < 4 && 4 * g + i < h->ic; i++)
        w[i] = h->weights[(size_t)o * h->ic + 4 * g + i];
    return (pair_weights){ (int32_t)((uint32_t)(uint16_t)w[0] | (uint32_t)(uint16_t)w[2] << 16),
                           (int32_t)((uint32_t)(uint16_t)w[1] | (uint32_t)(uint16_t)w[3] << 16) };
}

static __m256i head_add(__m256i acc, __m256i a, pair_weights w)
{
    const __m256i low_bytes = _mm256_set1_epi32(0x00ff00ff);
    acc = _mm256_add_epi32(acc, _mm256_madd_epi16(_mm256_and_si256(a, low_bytes), _mm256_set1_epi32(w.even)));
    return _mm256_add_epi32(acc,
                            _mm256_madd_epi16(_mm256_and_si256(_mm256_srli_epi32(a, 8), low_bytes), _mm256_set1_epi32(w.odd)));
}

static __m256i head_gather(const uint8_t *s, int g, __m256i pixel)
{
    return _mm256_i32gather_epi32((const int *)(const void *)(s + 4 * g), pixel, 1);
}

/* Eight pixels in the lanes, the class's weights broadcast; argmax is then a comparison and a blend per class. The first HELD groups of
 * channels are gathered once for all classes. */
void quant_head_avx2(const quant_head *h, const quant_view *src, uint8_t *mask, int32_t *logits, int row0, int row1)
{
    enum { HELD = 16 };
    pair_weights weights[QUANT_MAX_CLASSES][HELD];
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    int groups = (h->ic + 3) / 4, held = groups < HELD ? groups : HELD;
    for (int o = 0; o < h->classes; o++)
        for (int g = 0; g < held; g++)
            weights[o][g] = head_weights(h, o, g);
    for (int y = row0; y < row1; y++)
        for (int x = 0; x < src->width; x += 8) {
            int n = src->width - x < 8 ? src->width - x : 8;
            /* lanes past the row's end read its last pixel */
            __m256i pixel = _mm256_mullo_epi32(_mm256_min_epi32(lane, _mm256_set1_epi32(n - 1)), _mm256_set1_epi32(src->pitch));
            const uint8_t *s = quant_view_at(src, y, x);
            __m256i best = _mm256_setzero_si256(), acc = best, a[HELD];
            __m256 best_logit = _mm256_setzero_ps();
            size_t p = (size_t)y * src->width + x;
            for (int g = 0; g < held; g++)
                a[g] = head_gather(s, g, pixel);
            for (int o = 0; o < h->classes; o++) {
                acc = _mm256_set1_epi32(h->bias[o]);
                for (int g = 0; g < held; g++)
                    acc = head_add(acc, a[g], weights[o][g]);
                for (int g = held; g < groups; g++)
                    acc = head_add(acc, head_gather(s, g, pixel), head_weights(h, o, g));
                __m256 logit = _mm256_mul_ps(_mm256_cvtepi32_ps(acc), _mm256_set1_ps(h->scale[o]));
                __m256 better =
                    o == 0 ? _mm256_castsi256_ps(_mm256_set1_epi32(-1)) : _mm256_cmp_ps(logit, best_logit, _CMP_GT_OQ);
                best = _mm256_blendv_epi8(best, _mm256_set1_epi32(o), _mm256_castps_si256(better));
                best_logit = _mm256_blendv_ps(best_logit, logit, better);
                if (logits) {
                    int32_t sums[8];
                    _mm256_storeu_si256((__m256i *)(void *)sums, acc);
                    for (int i = 0; i < n; i++)
                        logits[(p + i) * h->classes + o] = sums[i];
                }
            }
            if (h->classes == 1)
                best = _mm256_srli_epi32(_mm256_andnot_si256(acc, _mm256_set1_epi32(INT32_MIN)), 31);
            if (mask) {
                __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(best), _mm256_extracti128_si256(best, 1));
                uint64_t eight = (uint64_t)_mm_cvtsi128_si64(_mm_packus_epi16(words, words));
                memcpy(mask + p, &eight, (size_t)n);
            }
        }
}

/* 10 independent sums: two multiply-adds a cycle with a latency of 4 or 5 need 8 to 10. */
#define EACH(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9)
static double peak(long rounds)
{
    __m256i a = _mm256_setzero_si256(), w = a;
#define DECLARE(i) __m256i c##i = a;
#define STEP_ONCE(i)                                                                                                           \
    {                                                                                                                          \
        __m256i p;                                                                                                             \
        __asm__ volatile("vpmaddwd %3, %2, %1\n\tvpaddd %1, %0, %0" : "+x"(c##i), "=&x"(p) : "x"(a), "x"(w));                  \
    }
    EACH(DECLARE)
    for (long r = 0; r < rounds; r++) {
        EACH(STEP_ONCE)
    }
    return 2.0 * 10 * 16 * (double)rounds;
}

const quant_kernels quant_kernels_avx2 = {
    .name = "avx2",
    .needs = CPU_AVX2,
    .conv_packed_bytes = packed_bytes,
    .conv_pack = pack,
    .conv_scratch_bytes = scratch_bytes,
    .conv = conv,
    .depthwise = quant_depthwise_avx2,
    .pool2x2 = quant_pool2x2_avx2,
    .map = quant_map_unrolled,
    .head = quant_head_avx2,
    .peak = peak,
};
#else
typedef int quant_kernels_avx2_is_x86_only;
#endif
