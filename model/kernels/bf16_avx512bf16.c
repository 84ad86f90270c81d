/* model/kernels/bf16_avx512bf16.c — bf16_body.h for CPUs with VDPBF16PS: Cooper Lake, Sapphire Rapids, Zen 4 and later; empty elsewhere. */
#if defined(__x86_64__)
#define BF16  model_bf16_avx512bf16
#define WORDS 1
#define TILES model_tiles_avx512bf16
#include "model/kernels/bf16_body.h"
#endif
