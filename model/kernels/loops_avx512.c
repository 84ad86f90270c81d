/* model/kernels/loops_avx512.c — loops_body.h for this level; empty elsewhere. */
#if defined(__x86_64__)
#include "model/kernels/vector_avx512.h"
#define LOOPS model_loops_avx512
#include "model/kernels/loops_body.h"
#endif
