/* model/kernels/winograd.h — 3x3 convolution with stride 1 by Winograd's minimal filtering: the passes of conv2d.h with 2.25 or 4 times
 * fewer multiplications.
 *
 *     F(2x2,3x3)   tile 2: 16 products for 4 outputs, 36 directly      error about 0.6 times the direct sum's (rms)
 *     F(4x4,3x3)   tile 4: 36 products for 16 outputs, 144 directly    error about twice the direct sum's
 *
 * An image is cut into tile x tile outputs. The (tile+2) x (tile+2) inputs of each are transformed channel by channel, the weights too
 * (when packed); then every position of the transformed window is a matrix product of its own, tiles x ic times ic x oc, on the
 * register tiles of the direct convolution; and the results are transformed back. Gradients of weights are the transpose of that: at every
 * position ic x tiles times tiles x oc. winograd_transforms.h holds the formulas.
 *
 * Error. With values in [-1, 1) and a sum of k = 9 ic products, against exact arithmetic at most 1e-7 (k + 16) for F(2x2), which is the
 * bound of the direct kernels too, and 3e-7 (k + 16) for F(4x4): tests/model_kernels/test_winograd.c holds every instruction set to
 * that. Relative to the outputs' root mean square, ic = 64: direct 4e-6, F(2x2) 1.5e-6, F(4x4) 6e-6 at most.
 *
 * Same contract as conv2d.h otherwise: layouts and pitches, packing by pass and row, scratch, slices as operands, same bits for
 * every thread count (each output is one sum over ic in order at each position). `tile` is 2 or 4 everywhere. */
#ifndef MODEL_KERNELS_WINOGRAD_H
#define MODEL_KERNELS_WINOGRAD_H
#include "model/kernels/conv2d.h"

/* Window 3x3, stride 1, no dilation, padding 0..2 each way, one group, float32. */
bool model_winograd_fits(const model_conv2d *s);

/* pass: MODEL_FORWARD or MODEL_BACKWARD_DATA. Weights grow by 16/9 or 4. They are transformed in double and rounded once. */
size_t model_winograd_packed_bytes(const model_cpu *cpu, const model_conv2d *s, model_pass pass, int tile);
void model_winograd_pack(const model_cpu *cpu, const model_conv2d *s, model_pass pass, int tile, const float *weights,
                         float *packed);
/* Any pass. 64-byte aligned, depends on cpu->threads. */
size_t model_winograd_scratch_bytes(const model_cpu *cpu, const model_conv2d *s, model_pass pass, int tile);

/* As model_conv2d_forward and model_conv2d_backward_data. */
void model_winograd_forward(const model_cpu *cpu, const model_conv2d *s, int tile, const float *src, const float *packed,
                            const float *bias, bool relu, float *dst, void *scratch);
void model_winograd_backward_data(const model_cpu *cpu, const model_conv2d *s, int tile, const float *grad_dst,
                                  const float *packed, bool accumulate, float *grad_src, void *scratch);
/* As model_conv2d_backward_weights. Nothing is packed. */
void model_winograd_backward_weights(const model_cpu *cpu, const model_conv2d *s, int tile, const float *src,
                                     const float *grad_dst, float *grad_weights, float *grad_bias, void *scratch);
#endif
