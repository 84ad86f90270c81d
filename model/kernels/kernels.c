/* model/kernels/kernels.c — the only dispatch: one row per instruction set, best last. */
#include "model/kernels/kernels.h"
#include "base/clock.h"
#include "base/cpu.h"
#include "model/kernels/rows.h"

static const model_kernels rows[] = {
    { "scalar", 0, &model_tiles_scalar, &model_loops_scalar, model_winograd_scalar, model_peak_scalar, &model_depthwise_scalar,
      &model_bf16_scalar },
#if defined(__x86_64__)
    { "avx2", CPU_AVX2, &model_tiles_avx2, &model_loops_avx2, model_winograd_avx2, model_peak_avx2, &model_depthwise_avx2,
      &model_bf16_avx2 },
    { "avx512", CPU_AVX2 | CPU_AVX512, &model_tiles_avx512, &model_loops_avx512, model_winograd_avx512, model_peak_avx512,
      &model_depthwise_avx512, &model_bf16_avx512 },
    { "avx512bf16", CPU_AVX2 | CPU_AVX512 | CPU_AVX512_BF16, &model_tiles_avx512, &model_loops_avx512, model_winograd_avx512,
      model_peak_avx512bf16, &model_depthwise_avx512, &model_bf16_avx512bf16 },
#elif defined(__aarch64__)
    /* the loops are plain C, and for this CPU the compiler always makes NEON of them */
    { "neon", CPU_NEON, &model_tiles_neon, &model_loops_scalar, model_winograd_neon, model_peak_neon, &model_depthwise_scalar,
      &model_bf16_scalar },
#endif
};
enum { ROWS = sizeof rows / sizeof *rows };

static const model_kernels *best_row(uint32_t cpu_bits, bool bf16)
{
    const model_kernels *best = rows;
    for (int i = 1; i < ROWS; i++)
        if ((rows[i].needs & ~cpu_bits) == 0 && (bf16 || !rows[i].bf16 || !rows[i].bf16->words))
            best = &rows[i];
    return best;
}

const model_kernels *model_kernels_select(uint32_t cpu_bits) { return best_row(cpu_bits, false); }
const model_kernels *model_kernels_select_bf16(uint32_t cpu_bits) { return best_row(cpu_bits, true); }

const model_kernels *model_kernels_row(size_t index) { return index < ROWS ? &rows[index] : NULL; }
const char *model_kernels_name(const model_kernels *k) { return k->name; }
uint32_t model_kernels_needs(const model_kernels *k) { return k->needs; }

double model_kernels_peak_flops(const model_cpu *cpu, double seconds)
{
    double flops = 0, start = base_clock_s();
#pragma omp parallel num_threads(cpu->threads) reduction(+ : flops)
    do
        flops += cpu->kernels->peak(20000);
    while (base_clock_s() - start < seconds);
    return flops / (base_clock_s() - start);
}
