#include "quant/kernels/kernels.h"
#include "quant/kernels/levels.h"
#include "base/clock.h"

int quant_conv_out(const quant_conv *c, int size, int window)
{
    if (c->transposed)
        return 2 * size;
    int room = size + 2 * c->padding - c->dilation * (window - 1) - 1;
    return room < 0 ? 0 : room / c->stride + 1;
}

static const quant_kernels *const levels[] = {
    &quant_kernels_ref,
#if defined(__x86_64__)
    &quant_kernels_avx2, &quant_kernels_avx2vnni, &quant_kernels_avx512vnni, &quant_kernels_avx512vbmi,
#elif defined(__aarch64__)
    &quant_kernels_neon,
    &quant_kernels_neondot,
#endif
};

const quant_kernels *const *quant_kernels_all(size_t *count)
{
    *count = sizeof levels / sizeof levels[0];
    return levels;
}

const quant_kernels *quant_kernels_select(uint32_t cpu_bits)
{
    const quant_kernels *best = levels[0];
    for (size_t i = 1; i < sizeof levels / sizeof levels[0]; i++)
        if ((levels[i]->needs & ~cpu_bits) == 0)
            best = levels[i];
    return best;
}

double quant_kernels_peak_ops(const quant_kernels *k, int threads, double seconds)
{
    double total = 0;
#pragma omp parallel num_threads(threads) reduction(+ : total)
    {
        double done = 0, start = base_clock_s(), now = start;
        for (; now - start < seconds; now = base_clock_s())
            done += k->peak(20000);
        total += done / (now - start);
    }
    return total;
}
