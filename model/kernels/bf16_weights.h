/* model/kernels/bf16_weights.h — inside the kernels: gradients of weights from factors rounded to bf16 (bf16.h). Included by nothing
 * outside this folder. One group. t: the tiles that sum what b makes. */
#ifndef MODEL_KERNELS_BF16_WEIGHTS_H
#define MODEL_KERNELS_BF16_WEIGHTS_H
#include "model/kernels/bf16.h"
#include "model/kernels/conv2d.h"

size_t bf16_weights_scratch_bytes(const model_tiles *t, const model_bf16 *b, const model_conv2d *s, int threads);
void bf16_weights_run(const model_tiles *t, const model_bf16 *b, const model_conv2d *s, const float *src, const float *grad_dst,
                      float *grad_weights, void *scratch, int threads);
#endif
