/* model/parameters.h — the numbers of a graph: weights, running statistics, or gradients and moments of the same layout.
 *
 * One block of floats for all parameters of a graph, parameter i at values + graph->parameters[i].offset, in PyTorch's order
 * (OIHW), gaps zero. A store fits every graph that was built from the same options, whatever the image size. */
#ifndef MODEL_PARAMETERS_H
#define MODEL_PARAMETERS_H
#include "model/graph.h"
#include <stdint.h>

typedef struct model_parameters {
    float *values; /* owned, 64-byte aligned */
    size_t count;  /* floats, gaps included */
} model_parameters;

bool model_parameters_create(model_parameters *p, const model_graph *g, base_error *err);        /* all zero */
void model_parameters_destroy(model_parameters *p);                                              /* {0} is accepted */
bool model_parameters_copy(model_parameters *dst, const model_parameters *src, base_error *err); /* creates dst */

typedef enum model_init {
    MODEL_INIT_KAIMING, /* conv and transposed conv: U(-b, b), b = sqrt(6/fan_in), biases 0: the older project's choice */
    MODEL_INIT_PYTORCH  /* the framework's defaults: weights and biases U(-1/sqrt(fan_in), 1/sqrt(fan_in)) */
} model_init;
extern const char *const model_init_names[]; /* "kaiming", "pytorch", NULL */

/* BatchNorm gamma 1, beta 0, mean 0, var 1. fan_in = ic*kh*kw; for a transposed convolution oc*kh*kw, as PyTorch takes it.
 * Draws depend on the seed and the parameter's name only. */
void model_parameters_initialise(const model_graph *g, model_parameters *p, model_init how, uint64_t seed);

static inline float *model_parameter_at(const model_graph *g, const model_parameters *p, int index)
{
    return p->values + g->parameters[index].offset;
}
#endif
