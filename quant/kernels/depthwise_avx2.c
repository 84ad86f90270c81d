/* Depthwise convolution, 8 channels a vector. */
#if defined(__x86_64__)
#include "quant/kernels/depthwise.h"
#include <immintrin.h>
#include <string.h>

#define LANES 8
typedef __m256i vector;
static inline vector load(const int32_t *p) { return _mm256_loadu_si256((const __m256i *)(const void *)p); }
static inline vector widen(const uint8_t *p) { return _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)p)); }
/* the upper halves of the bytes are 0 */
static inline vector dot(vector sum, vector bytes, vector weights)
{
    return _mm256_add_epi32(sum, _mm256_madd_epi16(bytes, weights));
}

static inline void store(const quant_depthwise_run *r, uint8_t *dst, vector sum, int c, int n)
{
    __m256 f = _mm256_mul_ps(_mm256_cvtepi32_ps(sum), _mm256_loadu_ps(r->multiplier + c));
    f = _mm256_min_ps(_mm256_max_ps(f, _mm256_set1_ps(r->lo)), _mm256_set1_ps(r->hi));
    __m256i q = _mm256_add_epi32(_mm256_cvtps_epi32(f), _mm256_set1_epi32(r->zero_point));
    __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(q), _mm256_extracti128_si256(q, 1));
    uint64_t bytes = (uint64_t)_mm_cvtsi128_si64(_mm_packus_epi16(words, words));
    if (n == LANES)
        memcpy(dst, &bytes, LANES);
    else
        memcpy(dst, &bytes, (size_t)n);
}

#include "quant/kernels/depthwise_body.h"

void quant_depthwise_avx2(const quant_conv *c, const void *packed, const quant_view *src, const quant_view *dst, int row0,
                          int row1)
{
    quant_depthwise_rows(run, c, packed, src, dst, row0, row1);
}
#else
typedef int quant_depthwise_avx2_is_x86_only;
#endif
