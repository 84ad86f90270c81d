/* model/kernels/winograd_neon.c — winograd_body.h for this level; empty elsewhere. */
#if defined(__aarch64__)
#include "model/kernels/vector_neon.h"
#define WINOGRAD model_winograd_neon
#include "model/kernels/winograd_body.h"
#endif
