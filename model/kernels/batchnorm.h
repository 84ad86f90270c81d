/* model/kernels/batchnorm.h — batch normalisation over the pixels of an NHWC tensor (Ioffe and Szegedy, 2015).
 *
 *     mean[c], var[c]   over m = pixels values, var biased (divided by m)
 *     y = gamma*(x - mean)/sqrt(var + epsilon) + beta, then max(0, y) when relu
 *
 * Training: statistics, fold, apply; later backward. Inference: fold with the running statistics, apply.
 * All per-channel arrays have `channels` floats. ReLU is fused both ways: the mask is recomputed from x, nothing is stored. */
#ifndef MODEL_KERNELS_BATCHNORM_H
#define MODEL_KERNELS_BATCHNORM_H
#include "model/kernels/kernels.h"

typedef struct model_batchnorm {
    size_t pixels; /* N*H*W, >= 1 */
    int channels;
    int src_pitch; /* of x and grad_src */
    int dst_pitch; /* of y and grad_dst */
    bool relu;
    int pooled_w;     /* 0, or for the calls that pool: pixels of a row; even, and so is the number of rows of an image */
    int pooled_pitch; /* of the pooled tensor and its gradient */
} model_batchnorm;

/* Scratch for statistics and for backward (one size serves both), 64-byte aligned. */
size_t model_batchnorm_scratch_bytes(const model_cpu *cpu, const model_batchnorm *s);

/* mean and biased variance of src. Chunks of pixels are summed in float around their own mean and merged in double in chunk
 * order (Chan, Golub, LeVeque 1979), so large means lose no digits. */
void model_batchnorm_statistics(const model_cpu *cpu, const model_batchnorm *s, const float *src, float *mean, float *var,
                                void *scratch);

/* scale = gamma/sqrt(var + epsilon), shift = beta - mean*scale. gamma NULL: 1, beta NULL: 0. */
void model_batchnorm_fold(int channels, const float *gamma, const float *beta, const float *mean, const float *var,
                          float epsilon, float *scale, float *shift);

/* dst = src*scale + shift, then ReLU when s->relu. src == dst is allowed (equal pitches). */
void model_batchnorm_apply(const model_cpu *cpu, const model_batchnorm *s, const float *src, const float *scale,
                           const float *shift, float *dst);

/* The same, and the 2x2 max pooling of dst (pool.h) while its rows are at hand. */
void model_batchnorm_apply_pooled(const model_cpu *cpu, const model_batchnorm *s, const float *src, const float *scale,
                                  const float *shift, float *dst, float *pooled);

/* Gradients of statistics + apply. src is what went in; scale, shift, mean as in the forward pass; inv_std[c] = 1/sqrt(var +
 * epsilon) (model_batchnorm_inv_std). grad_gamma, grad_beta are overwritten. grad_src == grad_dst is allowed (equal pitches). */
void model_batchnorm_backward(const model_cpu *cpu, const model_batchnorm *s, const float *src, const float *grad_dst,
                              const float *scale, const float *shift, const float *mean, const float *inv_std, float *grad_src,
                              float *grad_gamma, float *grad_beta, void *scratch);
/* Gradients of the pooling first: grad_pooled goes to the winner of each window in grad_dst; with accumulate it is added to what
 * grad_dst holds. Then the same of the sum. dst is not needed: it is computed again from src, to the same bits. */
void model_batchnorm_backward_pooled(const model_cpu *cpu, const model_batchnorm *s, const float *src, const float *grad_pooled,
                                     bool accumulate, float *grad_dst, const float *scale, const float *shift,
                                     const float *mean, const float *inv_std, float *grad_src, float *grad_gamma,
                                     float *grad_beta, void *scratch);
void model_batchnorm_inv_std(int channels, const float *var, float epsilon, float *inv_std);
#endif
