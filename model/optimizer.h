/* model/optimizer.h — Adam with PyTorch's semantics, and learning-rate schedules.
 *
 *     m = b1 m + (1-b1) g;  v = b2 v + (1-b2) g^2;  w -= lr/(1-b1^t) * m / (sqrt(v)/sqrt(1-b2^t) + eps),  t from 1
 *     decoupled (AdamW): w *= 1 - lr*wd first; else L2: g += wd w first.     Kingma and Ba 2015; Loshchilov and Hutter 2019
 *
 * Weight decay touches convolution weights only, not biases and BatchNorm parameters. */
#ifndef MODEL_OPTIMIZER_H
#define MODEL_OPTIMIZER_H
#include "model/kernels/kernels.h"
#include "model/parameters.h"

typedef struct model_optimizer_options {
    double beta1, beta2, eps; /* default 0.9, 0.999, 1e-8 */
    double weight_decay;      /* >= 0; default 0 */
    bool decoupled;           /* AdamW; default false */
} model_optimizer_options;

typedef struct model_optimizer {
    model_optimizer_options options;
    model_parameters m, v;
    int64_t t; /* steps done */
} model_optimizer;

model_optimizer_options model_optimizer_options_default(void);
bool model_optimizer_create(model_optimizer *o, const model_graph *g, const model_optimizer_options *options, base_error *err);
void model_optimizer_destroy(model_optimizer *o); /* {0} is accepted */
void model_optimizer_step(model_optimizer *o, const model_graph *g, model_parameters *weights,
                          const model_parameters *gradients, double lr, const model_cpu *cpu);

typedef enum model_schedule_kind {
    MODEL_SCHEDULE_CONSTANT,
    MODEL_SCHEDULE_STEP,
    MODEL_SCHEDULE_EXPONENTIAL,
    MODEL_SCHEDULE_COSINE
} model_schedule_kind;
extern const char *const model_schedule_names[]; /* "constant", "step", "exponential", "cosine", NULL */

typedef struct model_schedule {
    model_schedule_kind kind;
    double lr;            /* > 0: the peak */
    double final_ratio;   /* cosine: lr at the end / peak, 0..1; default 0 */
    double gamma;         /* step, exponential: factor; default 0.95 */
    int step_epochs;      /* step: epochs between factors; exponential uses 1 */
    int64_t warmup_steps; /* linear ramp lr*(s+1)/warmup for the first steps; default 0 */
} model_schedule;

/* lr of step `step` (from 0) of `total_steps`, with steps_per_epoch steps an epoch. */
double model_schedule_lr(const model_schedule *s, int64_t step, int64_t total_steps, int64_t steps_per_epoch);
#endif
