/* model/kernels/pool.h — 2x2 max pooling, stride 2, no padding; an odd last row or column is dropped.
 *
 * src [N][H][W][C] pitch src_pitch, dst [N][H/2][W/2][C] pitch dst_pitch. Of equal values the first in row-major order wins; the
 * backward pass finds the winner again from src, so no index is stored. */
#ifndef MODEL_KERNELS_POOL_H
#define MODEL_KERNELS_POOL_H
#include "model/kernels/kernels.h"

typedef struct model_pool2x2 {
    int n, h, w, channels; /* of src; h, w >= 2 */
    int src_pitch, dst_pitch;
} model_pool2x2;

void model_pool2x2_forward(const model_cpu *cpu, const model_pool2x2 *s, const float *src, float *dst);
/* grad_src (pitch src_pitch) gets grad_dst at each window's winner and 0 elsewhere; with accumulate it is added to what grad_src
 * holds (a tensor that also feeds a skip connection). */
void model_pool2x2_backward(const model_cpu *cpu, const model_pool2x2 *s, const float *src, const float *grad_dst,
                            bool accumulate, float *grad_src);
#endif
