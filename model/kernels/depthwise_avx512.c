/* model/kernels/depthwise_avx512.c — depthwise_body.h for this level; empty elsewhere. */
#if defined(__x86_64__)
#include "model/kernels/vector_avx512.h"

#define DEPTHWISE model_depthwise_avx512
#include "model/kernels/depthwise_body.h"
#endif
