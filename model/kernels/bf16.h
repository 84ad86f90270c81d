/* model/kernels/bf16.h — inside the kernels: sums of products whose factors are rounded to bfloat16, the upper half of a float32.
 * Included by this folder and its tests.
 *
 * What is computed is what Intel's manual says of VDPBF16PS (and Bochs does), on every level the same bits: two factors of either side
 * are a pair, and a step is
 *
 *     sum = fma(a[2i + 1], b[2i + 1], sum)         the odd one first
 *     sum = fma(a[2i], b[2i], sum)
 *
 * each rounded to nearest even, denormals taken as zero before and flushed to zero after. Pairs run along what is summed: forward and
 * backward-data channels under a tap (an odd last one is paired with zero), backward-weights the pixels of an output row.
 *
 * Where the instruction is missing, the float tiles do it: factors are rounded to bf16, stored as float32 with each pair exchanged, and
 * summed one after the other. A level without FMA multiplies, then adds: a product of two bf16 has 16 digits and is exact, unless it
 * leaves the range of float32 (below 2^-126, above 2^128); only there may its bits differ. */
#ifndef MODEL_KERNELS_BF16_H
#define MODEL_KERNELS_BF16_H
#include "model/kernels/tiles.h"
#include <stdint.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

/* Round to nearest even as VCVTNEPS2BF16 does: denormals become zeros of their sign, NaN stays a (quiet) NaN. */
static inline uint32_t model_bf16_bits(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    uint32_t magnitude = bits & 0x7fffffffu, rounded = (bits + 0x7fffu + (bits >> 16 & 1)) >> 16;
    uint32_t number = magnitude < 0x00800000u ? bits >> 31 << 15 : rounded;
    return magnitude > 0x7f800000u ? bits >> 16 | 0x40u : number;
}

static inline float model_bf16_round(float x)
{
    uint32_t bits = model_bf16_bits(x) << 16;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* What differs between levels; bf16_body.h is the source, one file per level compiles it. */
typedef struct model_bf16 {
    bool words;               /* a pair is a 32-bit word, the even one in its lower half; else two floats, the odd one first */
    const model_tiles *tiles; /* that sum words; NULL: the float tiles of the row */
    /* Pixels with their channels as pairs: dst_pitch elements (words, floats) a pixel, ceil(channels/2) pairs. */
    void (*channel_pairs)(float *dst, size_t dst_pitch, const float *src, size_t src_pitch, int channels, size_t pixels);
    /* Two pixels as pairs, channel by channel: words to dst, or floats of b to dst and of a to dst + second. NULL: zeros. */
    void (*pixel_pairs)(float *dst, size_t second, const float *a, const float *b, int channels);
} model_bf16;

extern const model_bf16 model_bf16_scalar;
#if defined(__x86_64__)
extern const model_bf16 model_bf16_avx2;
extern const model_bf16 model_bf16_avx512;
extern const model_bf16 model_bf16_avx512bf16;
extern const model_tiles model_tiles_avx512bf16;
#endif

/* Denormals off in the calling thread; returns what to give back to the other. Nothing on CPUs other than x86-64 and AArch64. */
static inline uint64_t model_denormals_off(void)
{
    uint64_t was = 0;
#if defined(__x86_64__)
    was = _mm_getcsr();
    _mm_setcsr((unsigned)was | 0x8040u); /* FTZ, DAZ */
#elif defined(__aarch64__)
    __asm__ volatile("mrs %0, fpcr" : "=r"(was));
    __asm__ volatile("msr fpcr, %0" : : "r"(was | UINT64_C(1) << 24)); /* FZ */
#endif
    return was;
}

static inline void model_denormals_restore(uint64_t was)
{
#if defined(__x86_64__)
    _mm_setcsr((unsigned)was);
#elif defined(__aarch64__)
    __asm__ volatile("msr fpcr, %0" : : "r"(was));
#else
    (void)was;
#endif
}
#endif
