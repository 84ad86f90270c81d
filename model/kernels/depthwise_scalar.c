/* model/kernels/depthwise_scalar.c — depthwise_body.h for any CPU. */
#include "model/kernels/vector_scalar.h"

#define DEPTHWISE model_depthwise_scalar
#include "model/kernels/depthwise_body.h"
