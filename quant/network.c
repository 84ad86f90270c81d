#include "quant/network.h"
#include "base/arena.h"
#include <math.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

int quant_origin(const model_graph *g, int node)
{
    for (;;) {
        model_op op = g->nodes[node].op;
        if (op != MODEL_OP_CROP && op != MODEL_OP_MAXPOOL && op != MODEL_OP_REFLECT_PAD)
            return node;
        node = g->nodes[node].inputs[0];
    }
}

int quant_last_layer(const model_graph *g)
{
    int i = g->output;
    while (g->nodes[i].op == MODEL_OP_CROP)
        i = g->nodes[i].inputs[0];
    const model_node *n = &g->nodes[i];
    bool fits = n->op == MODEL_OP_CONV2D && n->kernel == 1 && n->stride == 1 && n->padding == 0 && !n->relu &&
                n->c <= QUANT_MAX_CLASSES && model_graph_consumers(g, i) <= 1;
    return fits ? i : -1;
}

static bool layer_blank(quant_layer *l, const model_graph *g, int i, base_error *err)
{
    const model_node *n = &g->nodes[i];
    snprintf(l->name, sizeof l->name, "%s", n->name);
    l->op = n->op;
    l->last = i == quant_last_layer(g);
    l->oc = n->c;
    if (n->op == MODEL_OP_CONCAT)
        return true;
    l->ic = g->nodes[n->inputs[0]].c;
    l->taps = n->op == MODEL_OP_CONV_TRANSPOSE2D ? 4 : n->kernel * n->kernel;
    size_t count = (size_t)l->oc * l->ic * l->taps;
    return (l->weights = base_alloc_zero(count, 1, err)) && (l->weight_scale = base_alloc_zero(l->oc, sizeof(float), err)) &&
           (l->bias = base_alloc_zero(l->oc, sizeof(int32_t), err)) &&
           (l->last || (l->multiplier = base_alloc_zero(l->oc, sizeof(float), err)));
}

quant_model *quant_model_blank(const model_description *d, const model_graph *g, base_error *err)
{
    if (quant_last_layer(g) < 0) {
        base_fail(err, BASE_UNSUPPORTED,
                  "quant: the network must end in a 1x1 convolution without ReLU, of at most %d outputs; it ends in %s %s",
                  QUANT_MAX_CLASSES, model_op_name(g->nodes[g->output].op), g->nodes[g->output].name);
        return NULL;
    }
    quant_model *q = base_alloc_zero(1, sizeof *q, err);
    if (!q)
        return NULL;
    q->about = *d;
    if (!(q->layers = base_alloc_zero((size_t)g->node_count, sizeof *q->layers, err)))
        goto failed;
    for (int i = 0; i < g->node_count; i++) {
        const model_node *n = &g->nodes[i];
        if (n->op == MODEL_OP_CONV2D && n->groups > 1) {
            base_fail(err, BASE_UNSUPPORTED,
                      "quant: layer %s has %d groups: only convolutions of one group have an integer form", n->name, n->groups);
            goto failed;
        }
        if (n->op == MODEL_OP_BATCHNORM || n->op == MODEL_OP_RELU ||
            (n->op == MODEL_OP_CONCAT && (quant_origin(g, n->inputs[0]) == 0 || quant_origin(g, n->inputs[1]) == 0))) {
            base_fail(err, BASE_UNSUPPORTED, "quant: layer %s (%s) has no integer form here", n->name, model_op_name(n->op));
            goto failed;
        }
        if (n->op != MODEL_OP_CONV2D && n->op != MODEL_OP_CONV_TRANSPOSE2D && n->op != MODEL_OP_CONCAT)
            continue;
        if (!layer_blank(&q->layers[q->layer_count++], g, i, err))
            goto failed;
    }
    return q;
failed:
    quant_model_destroy(q);
    return NULL;
}

void quant_model_destroy(quant_model *q)
{
    if (!q)
        return;
    for (int i = 0; i < q->layer_count; i++) {
        quant_layer *l = &q->layers[i];
        free(l->weights);
        free(l->weight_scale);
        free(l->bias);
        free(l->multiplier);
        for (int k = 0; k < MODEL_MAX_INPUTS; k++)
            free(l->tables[k]);
    }
    free(q->layers);
    cJSON_Delete(q->note);
    free(q);
}

const model_description *quant_model_about(const quant_model *q) { return &q->about; }

bool quant_model_note(quant_model *q, const cJSON *calibration, base_error *err)
{
    cJSON *copy = calibration ? cJSON_Duplicate(calibration, true) : NULL;
    if (calibration && !copy)
        return base_fail(err, BASE_MEMORY, "quant: no memory for the calibration note");
    cJSON_Delete(q->note);
    q->note = copy;
    return true;
}

quant_layer *quant_layer_find(const quant_model *q, const char *name)
{
    for (int i = 0; i < q->layer_count; i++)
        if (!strcmp(q->layers[i].name, name))
            return &q->layers[i];
    return NULL;
}

quant_params quant_node_params(const quant_model *q, const model_graph *g, int node)
{
    int origin = quant_origin(g, node);
    if (g->nodes[origin].op == MODEL_OP_INPUT)
        return (quant_params){ QUANT_PIXEL_SCALE, QUANT_PIXEL_ZERO };
    return quant_layer_find(q, g->nodes[origin].name)->out;
}

/* Weights of one tap of output o: [ic]. */
static const int8_t *tap_weights(const quant_layer *l, int o, int tap)
{
    if (l->op == MODEL_OP_CONV_TRANSPOSE2D)
        return l->weights + ((size_t)tap * l->oc + o) * l->ic;
    return l->weights + ((size_t)o * l->taps + tap) * l->ic;
}

void quant_corrected_bias(const quant_layer *l, quant_params src, bool pixels, int32_t *out)
{
    bool transposed = l->op == MODEL_OP_CONV_TRANSPOSE2D;
    for (int phase = 0; phase < (transposed ? 4 : 1); phase++)
        for (int o = 0; o < l->oc; o++) {
            int32_t sum = 0;
            for (int t = transposed ? phase : 0; t < (transposed ? phase + 1 : l->taps); t++)
                for (int i = 0; i < l->ic; i++)
                    sum += tap_weights(l, o, t)[i];
            out[(size_t)phase * l->oc + o] = l->bias[o] - (pixels ? (int32_t)rint(127.5 * sum) : src.zero_point * sum);
        }
}

bool quant_sums_fit(const quant_layer *l, base_error *err)
{
    for (int o = 0; o < l->oc; o++) {
        int64_t most = llabs((long long)l->bias[o]);
        for (int t = 0; t < l->taps; t++)
            for (int i = 0; i < l->ic; i++)
                most += 2 * 255 * abs(tap_weights(l, o, t)[i]);
        if (most > INT32_MAX)
            return base_fail(err, BASE_FORMAT, "layer %s, output %d: sums may reach %lld, past int32", l->name, o,
                             (long long)most);
    }
    return true;
}

/* File: convolution [oc][ic][taps], transposed [ic][oc][taps]. */
static size_t file_index(const quant_layer *l, int o, int i, int tap)
{
    if (l->op == MODEL_OP_CONV_TRANSPOSE2D)
        return ((size_t)i * l->oc + o) * l->taps + tap;
    return ((size_t)o * l->ic + i) * l->taps + tap;
}

void quant_weights_from_file(const quant_layer *l, const int8_t *file, int8_t *kernel)
{
    for (int o = 0; o < l->oc; o++)
        for (int t = 0; t < l->taps; t++)
            for (int i = 0; i < l->ic; i++)
                kernel[tap_weights(l, o, t) - l->weights + i] = file[file_index(l, o, i, t)];
}

void quant_weights_to_file(const quant_layer *l, const int8_t *kernel, int8_t *file)
{
    for (int o = 0; o < l->oc; o++)
        for (int t = 0; t < l->taps; t++)
            for (int i = 0; i < l->ic; i++)
                file[file_index(l, o, i, t)] = kernel[tap_weights(l, o, t) - l->weights + i];
}
