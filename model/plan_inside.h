/* model/plan_inside.h — inside the planner: what plan.c and plan_lives.c decide and run.c carries out. Included by nothing else.
 *
 * Time runs in moments: step i of the forward pass (node i) at i, the loss at N, each later step at its number + 1. A buffer
 * lives from the moment that first writes it to the last that reads it; buffers whose lives overlap get different bytes. */
#ifndef MODEL_PLAN_INSIDE_H
#define MODEL_PLAN_INSIDE_H
#include "model/kernels/batchnorm.h"
#include "model/kernels/convolve.h"
#include "model/plan.h"

/* Bytes that several nodes may share: a tensor, or a concat with all its inputs; or what one step works with. */
typedef struct model_plan_buffer {
    size_t bytes, offset;
    int first, last; /* moments; INT_MAX, -1: never touched */
    bool placed;     /* offset is known */
} model_plan_buffer;

/* Where a node's values (or their gradients) lie: channels [channel, channel + c) of a buffer. */
typedef struct model_plan_slot {
    int buffer; /* -1: none */
    int pitch, channel;
} model_plan_slot;

typedef enum model_plan_kind {
    MODEL_PLAN_FORWARD,
    MODEL_PLAN_AGAIN, /* forward once more, for the backward steps: the values of the forward pass were dropped */
    MODEL_PLAN_BACKWARD
} model_plan_kind;

typedef struct model_plan_step {
    model_plan_kind kind;
    int node;
    int work; /* buffer of packed weights and scratch, in that order; -1: none needed */
} model_plan_step;

/* What a step takes for itself. The weights' gradients use all of it as scratch, before weights are packed. */
typedef struct model_plan_need {
    size_t packed; /* bytes of packed weights; 0 when they are kept from run to run */
    size_t bytes;  /* all */
} model_plan_need;

/* What a node needs besides its tensors. */
typedef struct model_plan_work {
    model_conv2d conv;                           /* CONV2D; CONV_TRANSPOSE2D: the convolution it is the transpose of */
    model_algorithm algorithm;                   /* of conv, forward and backward-data */
    model_algorithm weights_algorithm;           /* backward-weights */
    float *packed;                               /* inference: weights in the kernels' order, kept */
    model_plan_need forward, backward;           /* forward: of MODEL_PLAN_AGAIN too */
    float *mean, *var, *scale, *shift, *inv_std; /* BATCHNORM, [c] each, of the last forward */
    int pool;                                    /* BATCHNORM: the MAXPOOL node that its calls compute too; 0 = none */
    bool inside;                                 /* MAXPOOL: computed by the BATCHNORM before it */
    bool grad_input;                             /* something below wants the gradient */
    bool accumulate;                             /* another consumer wrote grad of the input before */
} model_plan_work;

struct model_plan {
    const model_graph *graph;
    int batch;
    bool training;
    model_cpu cpu;
    model_plan_slot *values, *grads; /* per node */
    model_plan_slot *again; /* per node: the values that backward steps read; those of the forward pass unless dropped */
    model_plan_work *works; /* per node */
    bool *dropped;          /* per node: computed again in the backward pass */
    model_plan_step *steps; /* forward ones, one per node, then those of the backward pass */
    int step_count;
    model_plan_buffer *buffers; /* of values, then of gradients, then what differs with `dropped` */
    int buffer_count, tensor_count;
    unsigned char *memory; /* buffers, then kept weights and statistics */
    size_t bytes;
    base_spans *spans; /* NULL: nobody wants to know */
    bool packed;       /* for the current weights */
    model_mode mode;   /* of the last forward */
};

/* plan_lives.c: which poolings a BatchNorm computes in passing. */
void model_plan_join_pools(model_plan *p);
/* Where values and gradients lie, and what wants a gradient. Lives come later. */
void model_plan_place_values(model_plan *p);
bool model_plan_place_grads(model_plan *p, base_error *err);
/* Steps, lives and offsets for p->dropped. Returns the bytes of all buffers. */
size_t model_plan_lay_out(model_plan *p);
/* Drop values until the buffers take at most `limit` bytes, the cheapest to compute again first. Returns the bytes of the layout that is left
 * in place: more than limit when nothing fits, then the least that was found. */
size_t model_plan_fit(model_plan *p, size_t limit);

/* N*H*W of a node. */
size_t model_plan_pixels(const model_plan *p, int node);
/* The convolution of node i between gradient tensors, whose pitches may differ from the values': its output is a gradient,
 * its input too when src_is_grad. */
model_conv2d model_plan_conv_grad(const model_plan *p, int i, bool src_is_grad);
model_batchnorm model_plan_batchnorm(const model_plan *p, int i);
#endif
