/* The loops of encode.h, compiled once for each instruction set; the compiler makes vectors of them. */
#include "sim/town/encode.h"

static void encode_depth(uint32_t *bgra, const float *depth_m, size_t px)
{
#pragma omp simd
    for (size_t i = 0; i < px; i++) {
        double metres = depth_m[i] < 1000 ? (double)depth_m[i] : 1000; /* the sky is at the far plane */
        uint32_t value = (uint32_t)(int32_t)(metres * (16777215.0 / 1000) + 0.5);
        bgra[i] = value >> 16 | (value & 0xff00) | (value & 0xff) << 16 | 0xff000000;
    }
}

static void encode_tags(uint32_t *bgra, const uint8_t *tag, const uint32_t word[256], size_t px)
{
#pragma omp simd
    for (size_t i = 0; i < px; i++)
        bgra[i] = word[tag[i]];
}

static void encode_instances(uint32_t *bgra, const uint8_t *tag, const uint32_t *id, const uint32_t word[256], size_t px)
{
#pragma omp simd
    for (size_t i = 0; i < px; i++)
        bgra[i] = (id[i] >> 8 & 0xff) | (id[i] & 0xff) << 8 | word[tag[i]];
}
