/* model/kernels/bf16_body.h — the source of model_bf16, compiled once per level: define BF16 to the table's name and WORDS to what a pair
 * is (bf16.h), TILES to the tiles of words. */
#include "model/kernels/bf16.h"

#if WORDS
static inline void store_pair(float *dst, size_t second, size_t i, float a, float b)
{
    (void)second;
    uint32_t word = model_bf16_bits(a) | model_bf16_bits(b) << 16;
    memcpy(dst + i, &word, sizeof word);
}
#else
static inline void store_pair(float *dst, size_t second, size_t i, float a, float b)
{
    dst[i] = model_bf16_round(b);
    dst[second + i] = model_bf16_round(a);
}
#endif

static void channel_pairs(float *dst, size_t dst_pitch, const float *src, size_t src_pitch, int channels, size_t pixels)
{
    const size_t step = WORDS ? 1 : 2, whole = (size_t)channels / 2;
    for (size_t p = 0; p < pixels; p++, dst += dst_pitch, src += src_pitch) {
#pragma omp simd
        for (size_t i = 0; i < whole; i++)
            store_pair(dst, 1, step * i, src[2 * i], src[2 * i + 1]);
        if (channels % 2)
            store_pair(dst, 1, step * whole, src[channels - 1], 0);
    }
}

static void pixel_pairs(float *dst, size_t second, const float *a, const float *b, int channels)
{
    size_t count = (size_t)channels;
    if (a && b) {
#pragma omp simd
        for (size_t c = 0; c < count; c++)
            store_pair(dst, second, c, a[c], b[c]);
        return;
    }
    for (size_t c = 0; c < count; c++)
        store_pair(dst, second, c, a ? a[c] : 0, b ? b[c] : 0);
}

const model_bf16 BF16 = {
    .words = WORDS,
#if WORDS
    .tiles = &TILES,
#endif
    .channel_pairs = channel_pairs,
    .pixel_pairs = pixel_pairs,
};
