/* The loops of encode.h, compiled once for each instruction set; the compiler makes vectors of them. Neighbours mostly have one tag: eight
 * of them are looked up at once. */
#include "sim/town/encode.h"
#include <stdbool.h>
#include <string.h>

#if defined(__AVX512F__)
enum { WIDE = 8 };
#else
enum { WIDE = 4 };
#endif
typedef float wide_floats __attribute__((vector_size(4 * WIDE), may_alias));
typedef double wide_doubles __attribute__((vector_size(8 * WIDE)));
typedef int32_t wide_ints __attribute__((vector_size(4 * WIDE), may_alias));
typedef uint32_t wide_words __attribute__((vector_size(4 * WIDE), may_alias));

static inline wide_words depth_words(wide_floats depth_m)
{
    const float farthest = 1000; /* the sky is at the far plane */
    wide_ints nearer = depth_m < farthest;
    wide_floats metres = (wide_floats)((nearer & (wide_ints)depth_m) | (~nearer & (wide_ints)((wide_floats){ 0 } + farthest)));
    wide_doubles value = __builtin_convertvector(metres, wide_doubles) * (16777215.0 / 1000) + 0.5;
    wide_words v = (wide_words) __builtin_convertvector(value, wide_ints);
    return v >> 16 | (v & 0xff00) | (v & 0xff) << 16 | 0xff000000;
}

static void encode_depth(uint32_t *bgra, const float *depth_m, size_t px)
{
    wide_floats depth = { 0 };
    size_t i = 0;
    for (; i + WIDE <= px; i += WIDE) {
        memcpy(&depth, depth_m + i, sizeof depth);
        wide_words words = depth_words(depth);
        memcpy(bgra + i, &words, sizeof words);
    }
    if (i < px) {
        memcpy(&depth, depth_m + i, (px - i) * sizeof *depth_m);
        wide_words words = depth_words(depth);
        memcpy(bgra + i, &words, (px - i) * sizeof *bgra);
    }
}

enum { EIGHT = 8 };

static inline bool all_alike(const uint8_t tag[EIGHT])
{
    uint64_t eight;
    memcpy(&eight, tag, sizeof eight);
    return eight == tag[0] * 0x0101010101010101u;
}

static void encode_tags(uint32_t *bgra, const uint8_t *tag, const uint32_t word[256], size_t px)
{
    size_t i = 0;
    for (; i + EIGHT <= px; i += EIGHT) {
        if (all_alike(tag + i)) {
            uint32_t one = word[tag[i]];
#pragma omp simd
            for (size_t k = 0; k < EIGHT; k++)
                bgra[i + k] = one;
            continue;
        }
        for (size_t k = 0; k < EIGHT; k++)
            bgra[i + k] = word[tag[i + k]];
    }
    for (; i < px; i++)
        bgra[i] = word[tag[i]];
}

static inline uint32_t low_bytes(uint32_t id) { return (id >> 8 & 0xff) | (id & 0xff) << 8; }

static void encode_instances(uint32_t *bgra, const uint8_t *tag, const uint32_t *id, const uint32_t word[256], size_t px)
{
    size_t i = 0;
    for (; i + EIGHT <= px; i += EIGHT) {
        if (all_alike(tag + i)) {
            uint32_t one = word[tag[i]];
#pragma omp simd
            for (size_t k = 0; k < EIGHT; k++)
                bgra[i + k] = low_bytes(id[i + k]) | one;
            continue;
        }
        for (size_t k = 0; k < EIGHT; k++)
            bgra[i + k] = low_bytes(id[i + k]) | word[tag[i + k]];
    }
    for (; i < px; i++)
        bgra[i] = low_bytes(id[i]) | word[tag[i]];
}
