/* tests/support/model_reference.h — graphs and losses in double, naive loops: what gradients are checked against. */
#ifndef TESTS_SUPPORT_MODEL_REFERENCE_H
#define TESTS_SUPPORT_MODEL_REFERENCE_H
#include "model/graph.h"
#include "model/loss.h"
#include <stdint.h>

/* Forward pass with batch statistics. params: as a parameter store (graph->store_floats doubles). input [n][h][w][c] packed.
 * Returns the output, [n][h][w][c] packed; the caller frees it.
 * margin (may be NULL): the smallest distance of any value from a kink (a ReLU's 0, the runner-up of a pooling window), so
 * that a caller knows when a finite difference would step over one. */
double *reference_forward(const model_graph *g, const double *params, const double *input, int n, double *margin);

/* The loss of model/loss.h in double, z [pixels][outputs]. */
double reference_loss(const model_loss_options *o, const double *z, const uint8_t *labels, size_t pixels, int outputs);
#endif
