/* base/cpu.h — CPU features as bits, and named levels for tests and for LANELOOP_ISA.
 *
 * A kernel table states the bits that each row needs; base_cpu_features says which bits may be used. The environment
 * variable LANELOOP_ISA names a level and lowers what may be used; a level that this CPU lacks is an error. */
#ifndef BASE_CPU_H
#define BASE_CPU_H
#include "base/error.h"
#include <stdint.h>

enum {
    CPU_SSE2 = 1u << 0,
    CPU_AVX2 = 1u << 1,   /* with FMA and F16C: no CPU of interest has one without the others */
    CPU_AVX512 = 1u << 2, /* F, BW, DQ, VL together (Skylake-X and later, Zen 4 and later) */
    CPU_AVX512_VNNI = 1u << 3,
    CPU_AVX_VNNI = 1u << 4,
    CPU_AVX512_BF16 = 1u << 5,
    CPU_NEON = 1u << 6,
    CPU_DOTPROD = 1u << 7,
    CPU_AVX512_VBMI = 1u << 8 /* Ice Lake and later, Zen 4 and later */
};

/* What the hardware and the operating system offer; 0 is plain C. */
uint32_t base_cpu_detect(void);

/* Levels, each a set of bits: scalar, sse2, avx2, avx2vnni, avx512, avx512vnni, avx512vbmi, avx512bf16, neon, neondot. */
typedef struct base_cpu_level {
    const char *name;
    uint32_t bits;
} base_cpu_level;
const base_cpu_level *base_cpu_levels(size_t *count); /* every known level, lowest first */

/* Bits to use. level_name NULL: take LANELOOP_ISA from the environment; unset or "auto": everything detected.
 * Fails with BASE_ARGUMENT for an unknown name (lists the known ones) and BASE_UNSUPPORTED for a level the CPU lacks. */
bool base_cpu_select(const char *level_name, uint32_t *bits, base_error *err);

/* The highest level whose bits are all in `bits`: for reports. */
const char *base_cpu_level_name(uint32_t bits);

/* "AMD EPYC ..." as the operating system prints it, cut to fit; "unknown" when it does not. */
void base_cpu_model(char *text, size_t bytes);
#endif
