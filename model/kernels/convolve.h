/* model/kernels/convolve.h — a convolution by a chosen algorithm: the passes of conv2d.h and winograd.h behind one set of calls, and the
 * rule that says where Winograd pays. Arguments and contracts are those of conv2d.h. Transposed convolutions are always direct.
 *
 * The rule looks at the shape alone, so that a plan is the same on every machine and for every thread count. */
#ifndef MODEL_KERNELS_CONVOLVE_H
#define MODEL_KERNELS_CONVOLVE_H
#include "model/kernels/conv2d.h"

typedef enum model_algorithm {
    MODEL_DIRECT,
    MODEL_WINOGRAD2, /* F(2x2,3x3) */
    MODEL_WINOGRAD4, /* F(4x4,3x3) */
    MODEL_ALGORITHM_COUNT
} model_algorithm;
extern const char *const model_algorithm_names[]; /* "direct", "winograd2", "winograd4", NULL */

/* Whether the algorithm can compute the convolution. */
bool model_convolve_fits(model_algorithm a, const model_conv2d *s);
/* The best of `a` and the algorithms before it that is faster than the direct kernels (docs/kernels.md has the measurements), else
 * MODEL_DIRECT. training: weights are packed before every forward pass, and backward-data runs too. */
model_algorithm model_convolve_choose(model_algorithm a, const model_conv2d *s, bool training);
/* The same for gradients of weights. */
model_algorithm model_convolve_choose_weights(model_algorithm a, const model_conv2d *s);

/* pass: MODEL_FORWARD, MODEL_BACKWARD_DATA; scratch bytes of MODEL_BACKWARD_WEIGHTS too. */
size_t model_convolve_packed_bytes(const model_cpu *cpu, model_algorithm a, const model_conv2d *s, model_pass pass);
void model_convolve_pack(const model_cpu *cpu, model_algorithm a, const model_conv2d *s, model_pass pass, const float *weights,
                         float *packed);
size_t model_convolve_scratch_bytes(const model_cpu *cpu, model_algorithm a, const model_conv2d *s, model_pass pass);

void model_convolve_forward(const model_cpu *cpu, model_algorithm a, const model_conv2d *s, const float *src,
                            const float *packed, const float *bias, bool relu, float *dst, void *scratch);
void model_convolve_backward_data(const model_cpu *cpu, model_algorithm a, const model_conv2d *s, const float *grad_dst,
                                  const float *packed, bool accumulate, float *grad_src, void *scratch);
void model_convolve_backward_weights(const model_cpu *cpu, model_algorithm a, const model_conv2d *s, const float *src,
                                     const float *grad_dst, float *grad_weights, float *grad_bias, void *scratch);
#endif
