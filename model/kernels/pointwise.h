/* model/kernels/pointwise.h — loops over pixels or over flat arrays: ReLU, add, copy, sums, Adam. */
#ifndef MODEL_KERNELS_POINTWISE_H
#define MODEL_KERNELS_POINTWISE_H
#include "model/kernels/kernels.h"

/* Three pixel arrays of one size: two inputs and one output, each with its own pitch. */
typedef struct model_pixels {
    size_t pixels; /* N*H*W */
    int channels;
    int a_pitch, b_pitch, dst_pitch;
} model_pixels;

/* dst may be a or b when the pitches agree. Inputs that a function does not take leave their pitch unused. */
void model_relu_forward(const model_cpu *cpu, const model_pixels *s, const float *a, float *dst);
/* dst = b where a > 0, else 0: a is the ReLU's input or its output, b the gradient of its output. */
void model_relu_backward(const model_cpu *cpu, const model_pixels *s, const float *a, const float *b, float *dst);
void model_add(const model_cpu *cpu, const model_pixels *s, const float *a, const float *b, float *dst);
void model_copy(const model_cpu *cpu, const model_pixels *s, const float *a, float *dst);

/* sums[c] = sum of a over pixels, chunks of a fixed size added in order. scratch: model_sum_scratch_bytes. */
size_t model_sum_scratch_bytes(const model_pixels *s);
void model_sum(const model_cpu *cpu, const model_pixels *s, const float *a, float *sums, void *scratch);

/* One Adam step over `count` values (Kingma and Ba, 2015; weight decay decoupled as in AdamW when decoupled, else added to the
 * gradient as in PyTorch's Adam). step counts from 1.
 *     m = beta1*m + (1-beta1)*g;  v = beta2*v + (1-beta2)*g*g
 *     w -= lr * (m/(1-beta1^step)) / (sqrt(v/(1-beta2^step)) + epsilon) */
typedef struct model_adam_terms {
    float lr, beta1, beta2, epsilon, weight_decay;
    bool decoupled;
    long step;
} model_adam_terms;
void model_adam_update(const model_cpu *cpu, const model_adam_terms *o, size_t count, const float *grad, float *m, float *v,
                       float *weights);
#endif
