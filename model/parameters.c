#include "model/parameters.h"
#include "base/arena.h"
#include "base/random.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const model_init_names[] = { "kaiming", "pytorch", NULL };

bool model_parameters_create(model_parameters *p, const model_graph *g, base_error *err)
{
    p->count = g->store_floats;
    p->values = base_alloc_zero(g->store_floats, sizeof *p->values, err);
    return p->values != NULL;
}

void model_parameters_destroy(model_parameters *p)
{
    free(p->values);
    *p = (model_parameters){ 0 };
}

bool model_parameters_copy(model_parameters *dst, const model_parameters *src, base_error *err)
{
    dst->count = src->count;
    dst->values = base_alloc(src->count * sizeof *src->values, err);
    if (!dst->values)
        return false;
    memcpy(dst->values, src->values, src->count * sizeof *src->values);
    return true;
}

static int fan_in(const model_graph *g, int node)
{
    const model_parameter *w = &g->parameters[g->nodes[node].weight];
    return w->dims[1] * w->dims[2] * w->dims[3]; /* dimension 1 is ic, or oc of a transposed convolution: PyTorch's rule */
}

static void fill(float *dst, size_t count, float value)
{
    for (size_t i = 0; i < count; i++)
        dst[i] = value;
}

static void fill_uniform(float *dst, size_t count, double bound, uint64_t seed, const char *name)
{
    base_random r = base_random_start(seed, name, 0, 0);
    for (size_t i = 0; i < count; i++)
        dst[i] = (float)base_random_range(&r, -bound, bound);
}

void model_parameters_initialise(const model_graph *g, model_parameters *p, model_init how, uint64_t seed)
{
    for (int i = 0; i < g->parameter_count; i++) {
        const model_parameter *q = &g->parameters[i];
        float *dst = model_parameter_at(g, p, i);
        switch (q->kind) {
        case MODEL_PARAMETER_WEIGHT:
            fill_uniform(dst, q->count, sqrt((how == MODEL_INIT_KAIMING ? 6.0 : 1.0) / fan_in(g, q->node)), seed, q->name);
            break;
        case MODEL_PARAMETER_BIAS:
            if (how == MODEL_INIT_KAIMING)
                fill(dst, q->count, 0);
            else
                fill_uniform(dst, q->count, sqrt(1.0 / fan_in(g, q->node)), seed, q->name);
            break;
        case MODEL_PARAMETER_GAMMA:
        case MODEL_PARAMETER_VAR: fill(dst, q->count, 1); break;
        case MODEL_PARAMETER_BETA:
        case MODEL_PARAMETER_MEAN: fill(dst, q->count, 0); break;
        }
    }
}
