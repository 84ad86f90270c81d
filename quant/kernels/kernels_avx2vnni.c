/* AVX-VNNI: vpdpbusd in 256-bit registers, 8 output channels x 4 source channels a step. Of the 16 registers the shared form takes 12
 * accumulators + 3 weights + 1 broadcast. */
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
#define DOT(c, a, w) __asm__("%{vex%} vpdpbusd %2, %1, %0" : "+x"(c) : "x"(a), "x"(w))
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

static const quant_tiler tiler = {
    .lanes = 8,
    .vectors = 1,
    .group = 4,
    .element_bytes = 1,
    .shared_max = { 0, 12, 0 },
    .plain_max = { 0, 12, 0 },
    .shared = { NULL, shared_1, NULL },
    .plain = { NULL, plain_1, NULL },
    .stage = quant_stage_u8,
};

static size_t packed_bytes(const quant_conv *c) { return quant_tiled_packed_bytes(&tiler, c); }
static void pack(const quant_conv *c, void *packed) { quant_tiled_pack(&tiler, c, packed); }
static size_t scratch_bytes(const quant_conv *c, int src_width) { return quant_tiled_scratch_bytes(&tiler, c, src_width); }
static void conv(const quant_conv *c, const void *packed, const quant_view *src, const quant_view *dst, int row0, int row1,
                 void *scratch)
{
    quant_tiled_conv(&tiler, c, packed, src, dst, row0, row1, scratch);
}

/* 12 independent sums: two multiply-adds a cycle with a latency of 4 or 5 need 8 to 10. */
#define EACH(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11)
static double peak(long rounds)
{
    __m256i a = _mm256_setzero_si256(), w = a;
#define DECLARE(i)   __m256i c##i = a;
#define STEP_ONCE(i) __asm__ volatile("%{vex%} vpdpbusd %2, %1, %0" : "+x"(c##i) : "x"(a), "x"(w));
    EACH(DECLARE)
    for (long r = 0; r < rounds; r++) {
        EACH(STEP_ONCE)
    }
    return 2.0 * 12 * 32 * (double)rounds;
}

const quant_kernels quant_kernels_avx2vnni = {
    .name = "avx2vnni",
    .needs = CPU_AVX2 | CPU_AVX_VNNI,
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
typedef int quant_kernels_avx2vnni_is_x86_only;
#endif
