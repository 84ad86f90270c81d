/* model/kernels/winograd_avx2.c — winograd_body.h for this level; empty elsewhere. */
#if defined(__x86_64__)
#include "model/kernels/vector_avx2.h"
#define WINOGRAD model_winograd_avx2
#include "model/kernels/winograd_body.h"
#endif
