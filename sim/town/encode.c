/* sim/town/encode.c — plain C, and the choice. */
#include "base/cpu.h"
#include "sim/town/encode_body.h"

const town_encode town_encode_plain = { "plain", encode_depth, encode_tags, encode_instances };

const town_encode *town_encode_choose(uint32_t cpu_bits)
{
#if defined(__x86_64__)
    if (cpu_bits & CPU_AVX512)
        return &town_encode_avx512;
    if (cpu_bits & CPU_AVX2)
        return &town_encode_avx2;
#endif
    (void)cpu_bits;
    return &town_encode_plain;
}
