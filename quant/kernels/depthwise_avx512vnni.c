/* Depthwise convolution, 16 channels a vector; vpdpwssd multiplies and adds. */
#if defined(__x86_64__)
#include "quant/kernels/depthwise.h"
#include <immintrin.h>

#define LANES 16
typedef __m512i vector;
static inline vector load(const int32_t *p) { return _mm512_loadu_si512(p); }
static inline vector widen(const uint8_t *p) { return _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)(const void *)p)); }
/* Assembly: gcc 12 copies every sum of the intrinsic. */
static inline vector dot(vector sum, vector bytes, vector weights)
{
    __asm__("vpdpwssd %2, %1, %0" : "+v"(sum) : "v"(bytes), "v"(weights));
    return sum;
}

static inline void store(const quant_depthwise_run *r, uint8_t *dst, vector sum, int c, int n)
{
    __m512 f = _mm512_mul_ps(_mm512_cvtepi32_ps(sum), _mm512_loadu_ps(r->multiplier + c));
    f = _mm512_min_ps(_mm512_max_ps(f, _mm512_set1_ps(r->lo)), _mm512_set1_ps(r->hi));
    __m512i q = _mm512_add_epi32(_mm512_cvtps_epi32(f), _mm512_set1_epi32(r->zero_point));
    _mm_mask_storeu_epi8(dst, (__mmask16)((1u << n) - 1), _mm512_cvtepi32_epi8(q));
}

#include "quant/kernels/depthwise_body.h"

void quant_depthwise_avx512vnni(const quant_conv *c, const void *packed, const quant_view *src, const quant_view *dst, int row0,
                                int row1)
{
    quant_depthwise_rows(run, c, packed, src, dst, row0, row1);
}
#else
typedef int quant_depthwise_avx512vnni_is_x86_only;
#endif
