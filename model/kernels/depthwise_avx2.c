/* model/kernels/depthwise_avx2.c — depthwise_body.h for this level; empty elsewhere. */
#if defined(__x86_64__)
#include "model/kernels/vector_avx2.h"

#define DEPTHWISE model_depthwise_avx2
#include "model/kernels/depthwise_body.h"
#endif
