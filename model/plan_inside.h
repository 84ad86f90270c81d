/* model/plan_inside.h — inside the planner: what plan.c decides and run.c carries out. Included by nothing else.
 *
 * Time runs over 2N+1 moments: forward of node i at i, the loss at N, backward of node i at 2N-i. A buffer lives from the
 * moment that first writes it to the last that reads it; buffers whose lives overlap get different bytes. */
#ifndef MODEL_PLAN_INSIDE_H
#define MODEL_PLAN_INSIDE_H
#include "model/kernels/batchnorm.h"
#include "model/kernels/convolve.h"
#include "model/plan.h"

/* Bytes that several nodes may share: a tensor, or a concat with all its inputs. */
typedef struct model_plan_buffer {
    size_t bytes, offset;
    int first, last; /* moments */
} model_plan_buffer;

/* Where a node's values (or their gradients) lie: channels [channel, channel + c) of a buffer. */
typedef struct model_plan_slot {
    int buffer; /* -1: none */
    int pitch, channel;
} model_plan_slot;

/* What a node needs besides its tensors. */
typedef struct model_plan_work {
    model_conv2d conv;                           /* CONV2D; CONV_TRANSPOSE2D: the convolution it is the transpose of */
    model_algorithm algorithm;                   /* of conv, forward and backward-data */
    model_algorithm weights_algorithm;           /* backward-weights */
    float *packed, *packed_backward;             /* weights in the kernels' order: for the output, for grad of the input */
    float *mean, *var, *scale, *shift, *inv_std; /* BATCHNORM, [c] each, of the last forward */
    bool grad_input;                             /* something below wants the gradient */
    bool accumulate;                             /* another consumer wrote grad of the input before */
} model_plan_work;

struct model_plan {
    const model_graph *graph;
    int batch;
    bool training;
    model_cpu cpu;
    model_plan_slot *values, *grads; /* per node */
    model_plan_work *works;          /* per node */
    model_plan_buffer *buffers;
    int buffer_count;
    unsigned char *memory; /* tensors, then packed weights and statistics, then scratch */
    void *scratch;         /* the largest that any call wants */
    size_t bytes;
    base_spans *spans; /* NULL: nobody wants to know */
    bool packed;       /* for the current weights */
    model_mode mode;   /* of the last forward */
};

/* N*H*W of a node. */
size_t model_plan_pixels(const model_plan *p, int node);
/* The convolution of node i between gradient tensors, whose pitches may differ from the values': its output is a gradient,
 * its input too when src_is_grad. */
model_conv2d model_plan_conv_grad(const model_plan *p, int i, bool src_is_grad);
model_batchnorm model_plan_batchnorm(const model_plan *p, int i);
#endif
