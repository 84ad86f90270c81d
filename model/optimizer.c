#include "model/optimizer.h"
#include "model/kernels/pointwise.h"
#include <math.h>

const char *const model_schedule_names[] = { "constant", "step", "exponential", "cosine", NULL };

model_optimizer_options model_optimizer_options_default(void)
{
    return (model_optimizer_options){ .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8 };
}

bool model_optimizer_create(model_optimizer *o, const model_graph *g, const model_optimizer_options *options, base_error *err)
{
    *o = (model_optimizer){ .options = *options };
    if (model_parameters_create(&o->m, g, err) && model_parameters_create(&o->v, g, err))
        return true;
    model_optimizer_destroy(o);
    return false;
}

void model_optimizer_destroy(model_optimizer *o)
{
    model_parameters_destroy(&o->m);
    model_parameters_destroy(&o->v);
}

void model_optimizer_step(model_optimizer *o, const model_graph *g, model_parameters *weights,
                          const model_parameters *gradients, double lr, const model_cpu *cpu)
{
    const model_optimizer_options *p = &o->options;
    o->t++;
    model_adam_terms update = { .lr = (float)lr,
                                .beta1 = (float)p->beta1,
                                .beta2 = (float)p->beta2,
                                .epsilon = (float)p->eps,
                                .weight_decay = (float)p->weight_decay,
                                .decoupled = p->decoupled,
                                .step = (long)o->t };
    /* Two runs over the store, the decayed part first. Gaps and running statistics have gradient 0 and so do not move. */
    size_t split = g->weight_floats, rest = g->store_floats - split;
    model_adam_update(cpu, &update, split, gradients->values, o->m.values, o->v.values, weights->values);
    update.weight_decay = 0;
    model_adam_update(cpu, &update, rest, gradients->values + split, o->m.values + split, o->v.values + split,
                      weights->values + split);
}

double model_schedule_lr(const model_schedule *s, int64_t step, int64_t total_steps, int64_t steps_per_epoch)
{
    if (step < s->warmup_steps)
        return s->lr * (double)(step + 1) / (double)s->warmup_steps;
    int64_t epoch = steps_per_epoch > 0 ? step / steps_per_epoch : 0;
    switch (s->kind) {
    case MODEL_SCHEDULE_CONSTANT: break;
    case MODEL_SCHEDULE_STEP: return s->lr * pow(s->gamma, (double)(epoch / (s->step_epochs > 0 ? s->step_epochs : 1)));
    case MODEL_SCHEDULE_EXPONENTIAL: return s->lr * pow(s->gamma, (double)epoch);
    case MODEL_SCHEDULE_COSINE: {
        double span = (double)(total_steps - s->warmup_steps), done = span > 0 ? (double)(step - s->warmup_steps) / span : 1;
        done = done > 1 ? 1 : done;
        return s->lr * (s->final_ratio + (1 - s->final_ratio) * 0.5 * (1 + cos(3.14159265358979323846 * done)));
    }
    }
    return s->lr;
}
