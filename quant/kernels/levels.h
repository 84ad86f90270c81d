/* quant/kernels/levels.h — the rows of the kernel table, for kernels.c alone. */
#ifndef QUANT_KERNELS_LEVELS_H
#define QUANT_KERNELS_LEVELS_H
#include "quant/kernels/kernels.h"

extern const quant_kernels quant_kernels_ref;
extern const quant_kernels quant_kernels_avx2;
extern const quant_kernels quant_kernels_avx2vnni;
extern const quant_kernels quant_kernels_avx512vnni;
extern const quant_kernels quant_kernels_avx512vbmi;
extern const quant_kernels quant_kernels_neon;
extern const quant_kernels quant_kernels_neondot;

/* Functions that a level takes over from a lower one. */
void quant_map_unrolled(const quant_view *src, const quant_view *dst, const uint8_t table[256], int row0, int row1);
void quant_map_vbmi(const quant_view *src, const quant_view *dst, const uint8_t table[256], int row0, int row1);
void quant_pool2x2_avx2(const quant_view *src, const quant_view *dst, int row0, int row1);
void quant_head_avx2(const quant_head *h, const quant_view *src, uint8_t *mask, int32_t *logits, int row0, int row1);
void quant_pool2x2_neon(const quant_view *src, const quant_view *dst, int row0, int row1);
void quant_head_neon(const quant_head *h, const quant_view *src, uint8_t *mask, int32_t *logits, int row0, int row1);
#endif
