/* model/kernels/bf16_avx512.c — bf16_body.h for this level, which has no instruction for it; empty elsewhere. */
#if defined(__x86_64__)
#define BF16  model_bf16_avx512
#define WORDS 0
#include "model/kernels/bf16_body.h"
#endif
