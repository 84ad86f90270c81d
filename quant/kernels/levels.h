/* quant/kernels/levels.h — the rows of the kernel table, for kernels.c alone. */
#ifndef QUANT_KERNELS_LEVELS_H
#define QUANT_KERNELS_LEVELS_H
#include "quant/kernels/kernels.h"

extern const quant_kernels quant_kernels_ref;
extern const quant_kernels quant_kernels_avx2;
extern const quant_kernels quant_kernels_avx2vnni;
extern const quant_kernels quant_kernels_avx512vnni;
#endif
