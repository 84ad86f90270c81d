/* AVX-512 VBMI: a table of 256 bytes fits four registers, and two vpermi2b look 64 bytes up at once, bit 7 choosing between them. One
 * byte a cycle, as scalar code does it, made the concatenations of a U-Net 7 % of its time. */
#if defined(__x86_64__)
#include "quant/kernels/levels.h"
#include <immintrin.h>
#include <string.h>

/* A slice of a wider pixel cannot be written 64 bytes at a time, so a run of pixels is looked up as it lies in memory into a block on the
 * stack, what lies between the pixels included, and goes from there to its places. */
enum { BLOCK = 4096 };

typedef struct lookup {
    __m512i quarter[4];
} lookup;

static inline __attribute__((always_inline)) __m512i look_up(const lookup *t, __m512i q)
{
    __m512i low = _mm512_permutex2var_epi8(t->quarter[0], q, t->quarter[1]),
            high = _mm512_permutex2var_epi8(t->quarter[2], q, t->quarter[3]);
    return _mm512_mask_mov_epi8(low, _mm512_movepi8_mask(q), high);
}

/* dst[i] = table[src[i]]; dst has room for whole vectors. */
static void look_up_run(const lookup *t, const uint8_t *src, uint8_t *dst, int bytes)
{
    int i = 0;
    for (; i + 64 <= bytes; i += 64)
        _mm512_storeu_si512(dst + i, look_up(t, _mm512_loadu_si512(src + i)));
    if (i < bytes) {
        __mmask64 rest = ((__mmask64)1 << (bytes - i)) - 1;
        _mm512_storeu_si512(dst + i, look_up(t, _mm512_maskz_loadu_epi8(rest, src + i)));
    }
}

/* `channels` bytes of each pixel. A constant number of bytes is a load and a store, not a call. */
static inline __attribute__((always_inline)) void spread(const uint8_t *src, int src_pitch, uint8_t *dst, int dst_pitch,
                                                         int channels, int pixels)
{
    for (int x = 0; x < pixels; x++)
        memcpy(dst + (size_t)x * dst_pitch, src + (size_t)x * src_pitch, (size_t)channels);
}

static void spread_any(const uint8_t *src, int src_pitch, uint8_t *dst, int dst_pitch, int channels, int pixels)
{
    switch (channels) {
    case 8: spread(src, src_pitch, dst, dst_pitch, 8, pixels); break;
    case 16: spread(src, src_pitch, dst, dst_pitch, 16, pixels); break;
    case 32: spread(src, src_pitch, dst, dst_pitch, 32, pixels); break;
    case 64: spread(src, src_pitch, dst, dst_pitch, 64, pixels); break;
    default: spread(src, src_pitch, dst, dst_pitch, channels, pixels);
    }
}

void quant_map_vbmi(const quant_view *src, const quant_view *dst, const uint8_t table[256], int row0, int row1)
{
    uint8_t block[BLOCK + 64];
    int at_once = BLOCK / src->pitch;
    /* a narrow slice of a wide pixel: looking the rest up too would cost more than it saves */
    if (!table || at_once == 0 || src->pitch > 4 * dst->channels) {
        quant_map_unrolled(src, dst, table, row0, row1);
        return;
    }
    lookup t;
    for (int i = 0; i < 4; i++)
        t.quarter[i] = _mm512_loadu_si512(table + 64 * i);
    for (int y = row0; y < row1; y++)
        for (int x = 0; x < dst->width; x += at_once) {
            int pixels = dst->width - x < at_once ? dst->width - x : at_once;
            /* nothing behind the last pixel's channels is read */
            look_up_run(&t, quant_view_at(src, y, x), block, (pixels - 1) * src->pitch + dst->channels);
            spread_any(block, src->pitch, quant_view_at(dst, y, x), dst->pitch, dst->channels, pixels);
        }
}
#else
typedef int quant_kernels_avx512vbmi_is_x86_only;
#endif
