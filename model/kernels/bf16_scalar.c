/* model/kernels/bf16_scalar.c — bf16_body.h for any CPU. */
#define BF16  model_bf16_scalar
#define WORDS 0
#include "model/kernels/bf16_body.h"
