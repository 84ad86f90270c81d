/* sim/town/encode.h — labels as CARLA's cameras send them: a row of pixels at a time, B, G, R, A from the lowest byte of the number.
 *
 * Whole numbers, and doubles that are not fused: the same bytes on every instruction set. */
#ifndef SIM_TOWN_ENCODE_H
#define SIM_TOWN_ENCODE_H
#include <stddef.h>
#include <stdint.h>

typedef struct town_encode {
    const char *name; /* "plain", "avx2", "avx512" */
    /* 24 bits of 1000 m, red the lowest ones; farther is farthest. */
    void (*depth)(uint32_t *bgra, const float *depth_m, size_t px);
    /* word[tag]: alpha 255, the tag's number in red. */
    void (*tags)(uint32_t *bgra, const uint8_t *tag, const uint32_t word[256], size_t px);
    /* The same, and the lowest 16 bits of the id in green (low) and blue. */
    void (*instances)(uint32_t *bgra, const uint8_t *tag, const uint32_t *id, const uint32_t word[256], size_t px);
} town_encode;

extern const town_encode town_encode_plain, town_encode_avx2, town_encode_avx512;
const town_encode *town_encode_choose(uint32_t cpu_bits);
#endif
