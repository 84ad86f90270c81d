/* model/kernels/conv2d_weights.h — inside the kernels: gradients of weights. Included by nothing outside this folder. */
#ifndef MODEL_KERNELS_CONV2D_WEIGHTS_H
#define MODEL_KERNELS_CONV2D_WEIGHTS_H
#include "model/kernels/conv2d.h"
#include "model/kernels/tiles.h"

size_t conv2d_weights_scratch_bytes(const model_tiles *t, const model_conv2d *s, int threads);
void conv2d_weights_run(const model_tiles *t, const model_conv2d *s, const float *src, const float *grad_dst,
                        float *grad_weights, void *scratch, int threads);
#endif
