/* model/kernels/winograd_scalar.c — winograd_body.h for any CPU. */
#include "model/kernels/vector_scalar.h"
#define WINOGRAD model_winograd_scalar
#include "model/kernels/winograd_body.h"
