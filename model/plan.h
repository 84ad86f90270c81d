/* model/plan.h — memory and execution of a graph: one arena, taken once; running it allocates nothing.
 *
 *     model_plan *p = model_plan_create(&graph, &(model_plan_options){ .batch = 8, .training = true, .threads = 0 }, err);
 *     fill model_plan_input(p), model_plan_forward(p, &weights, MODEL_BATCH_STATISTICS);
 *     fill model_plan_grad_output(p) from model_plan_output(p), model_plan_backward(p, &weights, &gradients);
 *
 * The planner walks the forward and (for training) the backward steps, notes the first and last step that touches each
 * tensor and gives tensors whose lives do not overlap the same bytes; so do packed weights (in training, where they change with each
 * step) and scratch, which live for one step. Inputs of a concat live inside its buffer as channel slices. Results do not depend on the thread count: every sum has an order given by shapes. */
#ifndef MODEL_PLAN_H
#define MODEL_PLAN_H
#include "base/spans.h"
#include "model/kernels/convolve.h"
#include "model/parameters.h"

typedef struct model_plan model_plan;

/* Which 3x3 convolutions run by Winograd's algorithms: where the rule of model_convolve_choose says that they pay. */
typedef enum model_winograd {
    MODEL_WINOGRAD_AUTO, /* what measured best: F4, in inference and in training (docs/kernels.md) */
    MODEL_WINOGRAD_OFF,
    MODEL_WINOGRAD_F2, /* F(2x2,3x3) */
    MODEL_WINOGRAD_F4  /* F(4x4,3x3); F(2x2,3x3) where only that pays */
} model_winograd;
extern const char *const model_winograd_names[]; /* "auto", "off", "f2", "f4", NULL */

typedef struct model_plan_options {
    int batch;       /* images per run, >= 1 */
    bool training;   /* keep what backward needs */
    int threads;     /* OpenMP threads; 0 = one per core */
    const char *isa; /* level name (base/cpu.h); NULL = LANELOOP_ISA or the best of this CPU */
    int winograd;    /* model_winograd */
    int precision;   /* model_precision (conv2d.h): of every convolution but depthwise ones; bf16 is never Winograd */
    const model_algorithm *algorithms; /* per node, instead of the rule: what a resumed run began with; NULL = by the rule */
    const model_algorithm *weights_algorithms; /* the same of gradients of weights */
    size_t memory_limit;  /* bytes of the plan and of memory_beside; 0 = none. Training drops values and computes them
                                        * again in the backward pass until it fits: slower, the same bits */
    size_t memory_beside; /* bytes that the caller takes for the same work: weights, gradients, moments, batch */
} model_plan_options;

/* The graph is borrowed for the plan's life and must not change. */
model_plan *model_plan_create(const model_graph *g, const model_plan_options *o, base_error *err);
void model_plan_destroy(model_plan *p); /* NULL is accepted */

/* A tensor inside a plan: element (n, y, x, c) at ((n*h + y)*w + x)*pitch + c. Borrowed from the plan; valid until the next
 * run. */
typedef struct model_view {
    float *data;
    int n, h, w, c;
    int pitch; /* floats from pixel to pixel, >= c */
} model_view;

model_view model_plan_input(model_plan *p);       /* [batch][H][W][C], to be filled before forward */
model_view model_plan_output(model_plan *p);      /* logits after forward */
model_view model_plan_grad_output(model_plan *p); /* training: dL/dlogits, to be filled before backward */

typedef enum model_mode {
    MODEL_RUNNING_STATISTICS, /* inference: BatchNorm uses the stored mean and variance */
    MODEL_BATCH_STATISTICS    /* training: BatchNorm uses the batch's, and updates the stored ones in `weights` */
} model_mode;

/* Convolution weights are packed for the kernels on the first run and again after model_plan_weights_changed; in training by each
 * step that uses them. */
void model_plan_forward(model_plan *p, model_parameters *weights, model_mode mode);
/* The same with stored statistics and constant weights. */
void model_plan_infer(model_plan *p, const model_parameters *weights);
void model_plan_weights_changed(model_plan *p);
/* After model_plan_forward with batch statistics and the same weights: gradients of all trainable parameters, overwriting
 * `gradients`. */
void model_plan_backward(model_plan *p, const model_parameters *weights, model_parameters *gradients);

/* Calibration: like model_plan_infer, and after each node calls observe with its output (a view that is valid during the
 * call). */
typedef void (*model_observe)(void *user, const model_graph *g, int node, const model_view *out);
void model_plan_observe(model_plan *p, const model_parameters *weights, model_observe observe, void *user);

/* How node i is computed: forward and backward-data; gradients of its weights. MODEL_DIRECT for what is no CONV2D. */
model_algorithm model_plan_algorithm(const model_plan *p, int node);
model_algorithm model_plan_weights_algorithm(const model_plan *p, int node);
size_t model_plan_bytes(const model_plan *p);    /* the arena: activations, gradients, scratch, packed weights */
int model_plan_recomputed(const model_plan *p);  /* nodes whose values the backward pass computes again */
const char *model_plan_isa(const model_plan *p); /* level of the kernels in use */

/* Kinds of work in a profile. */
typedef enum model_work {
    MODEL_WORK_PACK, /* weights into the kernels' order; inference: all nodes at once, node -1 */
    MODEL_WORK_FORWARD,
    MODEL_WORK_AGAIN,            /* forward once more in the backward pass (memory_limit) */
    MODEL_WORK_BACKWARD,         /* of a node that is no convolution, and the ReLU inside one */
    MODEL_WORK_BACKWARD_WEIGHTS, /* of a convolution, bias included */
    MODEL_WORK_BACKWARD_DATA,
    MODEL_WORK_COUNT
} model_work;
extern const char *const model_work_names[MODEL_WORK_COUNT];
/* Note every piece of the runs to come in `spans` (borrowed); NULL, as at first: no clock is read. */
void model_plan_record(model_plan *p, base_spans *spans);
#endif
