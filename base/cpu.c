#include "base/cpu.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

uint32_t base_cpu_detect(void)
{
    uint32_t bits = 0;
#if defined(__x86_64__)
    bits |= CPU_SSE2; /* part of x86-64 */
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        bits |= CPU_AVX2;
    if ((bits & CPU_AVX2) && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
        bits |= CPU_AVX512;
    if ((bits & CPU_AVX512) && __builtin_cpu_supports("avx512vnni"))
        bits |= CPU_AVX512_VNNI;
    if ((bits & CPU_AVX512) && __builtin_cpu_supports("avx512vbmi"))
        bits |= CPU_AVX512_VBMI;
    /* gcc 12 has no name for these two: leaf 7, subleaf 1, EAX bits 4 and 5. The operating system's part is covered above. */
    unsigned a, b, c, d;
    if ((bits & CPU_AVX2) && __get_cpuid_count(7, 1, &a, &b, &c, &d)) {
        if (a & (1u << 4))
            bits |= CPU_AVX_VNNI;
        if ((bits & CPU_AVX512) && (a & (1u << 5)))
            bits |= CPU_AVX512_BF16;
    }
#elif defined(__aarch64__)
    bits |= CPU_NEON;
    if (getauxval(AT_HWCAP) & HWCAP_ASIMDDP)
        bits |= CPU_DOTPROD;
#endif
    return bits;
}

#define LEVEL_AVX2   (CPU_SSE2 | CPU_AVX2)
#define LEVEL_AVX512 (LEVEL_AVX2 | CPU_AVX512)
#define LEVEL_VNNI   (LEVEL_AVX512 | CPU_AVX512_VNNI)

static const base_cpu_level levels[] = {
    { "scalar", 0 },
    { "sse2", CPU_SSE2 },
    { "avx2", LEVEL_AVX2 },
    { "avx2vnni", LEVEL_AVX2 | CPU_AVX_VNNI },
    { "avx512", LEVEL_AVX512 },
    { "avx512vnni", LEVEL_VNNI },
    { "avx512vbmi", LEVEL_VNNI | CPU_AVX512_VBMI },
    { "avx512bf16", LEVEL_VNNI | CPU_AVX512_BF16 },
    { "neon", CPU_NEON },
    { "neondot", CPU_NEON | CPU_DOTPROD },
};
enum { LEVEL_COUNT = sizeof levels / sizeof *levels };

const base_cpu_level *base_cpu_levels(size_t *count)
{
    *count = LEVEL_COUNT;
    return levels;
}

bool base_cpu_select(const char *level_name, uint32_t *bits, base_error *err)
{
    const char *from = level_name ? "level" : "LANELOOP_ISA";
    if (!level_name)
        level_name = getenv("LANELOOP_ISA");
    uint32_t have = base_cpu_detect();
    if (!level_name || !*level_name || !strcmp(level_name, "auto")) {
        *bits = have;
        return true;
    }
    for (int i = 0; i < LEVEL_COUNT; i++) {
        if (strcmp(level_name, levels[i].name))
            continue;
        if (levels[i].bits & ~have)
            return base_fail(err, BASE_UNSUPPORTED, "%s: this CPU lacks %s; its highest level is %s", from, level_name,
                             base_cpu_level_name(have));
        *bits = levels[i].bits;
        return true;
    }
    char known[256] = "auto";
    size_t used = strlen(known);
    for (int i = 0; i < LEVEL_COUNT; i++)
        used += (size_t)snprintf(known + used, sizeof known - used, ", %s", levels[i].name);
    return base_fail(err, BASE_ARGUMENT, "%s: no level is called '%s'; known: %s", from, level_name, known);
}

const char *base_cpu_level_name(uint32_t bits)
{
    const char *best = levels[0].name;
    for (int i = 1; i < LEVEL_COUNT; i++)
        if ((levels[i].bits & ~bits) == 0)
            best = levels[i].name;
    return best;
}

void base_cpu_model(char *text, size_t bytes)
{
    snprintf(text, bytes, "unknown");
    FILE *f = fopen("/proc/cpuinfo", "r");
    if (!f)
        return;
    char line[512];
    while (fgets(line, sizeof line, f)) {
        if (strncmp(line, "model name", 10))
            continue;
        char *value = strchr(line, ':');
        if (value) {
            value += strspn(value, ": \t");
            value[strcspn(value, "\n")] = 0;
            snprintf(text, bytes, "%s", value);
        }
        break;
    }
    fclose(f);
}
