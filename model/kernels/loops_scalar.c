/* model/kernels/loops_scalar.c — loops_body.h for any CPU. */
#include "model/kernels/vector_scalar.h"
#define LOOPS model_loops_scalar
#include "model/kernels/loops_body.h"
