#include "model/graph.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A graph larger than this is a mistake of its builder: the deepest U-Net has 87 nodes. */
#define MAX_NODES    4096
#define MAX_SIDE     65536
#define MAX_CHANNELS 65536

const char *model_op_name(model_op op)
{
    static const char *const names[] = {
        [MODEL_OP_INPUT] = "input",         [MODEL_OP_REFLECT_PAD] = "reflect_pad",
        [MODEL_OP_CONV2D] = "conv2d",       [MODEL_OP_CONV_TRANSPOSE2D] = "conv_transpose2d",
        [MODEL_OP_BATCHNORM] = "batchnorm", [MODEL_OP_RELU] = "relu",
        [MODEL_OP_MAXPOOL] = "maxpool",     [MODEL_OP_CROP] = "crop",
        [MODEL_OP_CONCAT] = "concat",
    };
    return names[op];
}

/* Keep the first failure only: later ones follow from it. Returns -1, what every building call returns then. */
static int refuse(model_graph *g, base_code code, const char *format, ...) __attribute__((format(printf, 3, 4)));
static int refuse(model_graph *g, base_code code, const char *format, ...)
{
    if (g->error.code != BASE_OK)
        return -1;
    va_list args;
    va_start(args, format);
    vsnprintf(g->error.text, sizeof g->error.text, format, args);
    va_end(args);
    g->error.code = code;
    return -1;
}

/* Room for one more element of an array that grows by doubling; false when memory is out. */
static bool grow(void **array, int count, int *capacity, size_t size)
{
    if (count < *capacity)
        return true;
    int more = *capacity ? 2 * *capacity : 64;
    void *bigger = realloc(*array, (size_t)more * size);
    if (!bigger)
        return false;
    *array = bigger;
    *capacity = more;
    return true;
}

/* Append a node whose shape is that of its first input; the caller changes what its operator changes. NULL after a failure. */
static model_node *add(model_graph *g, model_op op, const char *name, int input)
{
    if (g->error.code != BASE_OK || input < 0) {
        refuse(g, BASE_ARGUMENT, "graph: node %s: its input was not built", name);
        return NULL;
    }
    if (input >= g->node_count) {
        refuse(g, BASE_ARGUMENT, "graph: node %s: reads node %d, but only %d exist", name, input, g->node_count);
        return NULL;
    }
    if (strlen(name) >= MODEL_NAME_BYTES) {
        refuse(g, BASE_ARGUMENT, "graph: node name '%s' is longer than %d bytes", name, MODEL_NAME_BYTES - 1);
        return NULL;
    }
    if (model_graph_find_node(g, name) >= 0) {
        refuse(g, BASE_ARGUMENT, "graph: two nodes named '%s'", name);
        return NULL;
    }
    if (g->node_count >= MAX_NODES || !grow((void **)&g->nodes, g->node_count, &g->node_capacity, sizeof *g->nodes)) {
        refuse(g, BASE_MEMORY, "graph: no room for node %s (%d nodes)", name, g->node_count);
        return NULL;
    }
    model_node *n = &g->nodes[g->node_count++], *from = &g->nodes[input];
    *n = (model_node){ .op = op,
                       .inputs = { input },
                       .input_count = 1,
                       .h = from->h,
                       .w = from->w,
                       .c = from->c,
                       .weight = -1,
                       .bias = -1,
                       .running_mean = -1,
                       .running_var = -1 };
    snprintf(n->name, sizeof n->name, "%s", name);
    return n;
}

/* Append a parameter of the newest node; its place in the store follows the one before. */
static int add_parameter(model_graph *g, const char *suffix, model_parameter_kind kind, int rank, const int dims[4])
{
    if (!grow((void **)&g->parameters, g->parameter_count, &g->parameter_capacity, sizeof *g->parameters))
        return refuse(g, BASE_MEMORY, "graph: no room for parameter %d", g->parameter_count);
    int node = g->node_count - 1;
    model_parameter *p = &g->parameters[g->parameter_count];
    *p = (model_parameter){ .kind = kind, .node = node, .rank = rank, .count = 1 };
    snprintf(p->name, sizeof p->name, "%s.%s", g->nodes[node].name, suffix);
    for (int i = 0; i < rank; i++) {
        p->dims[i] = dims[i];
        p->count *= (size_t)dims[i];
    }
    return g->parameter_count++;
}

void model_graph_start(model_graph *g, int h, int w, int c)
{
    *g = (model_graph){ .output = -1 };
    if (h < 1 || w < 1 || c < 1 || h > MAX_SIDE || w > MAX_SIDE || c > MAX_CHANNELS) {
        refuse(g, BASE_ARGUMENT, "graph: input of %d x %d x %d (h x w x channels): each must be in 1..%d", h, w, c, MAX_SIDE);
        return;
    }
    if (!grow((void **)&g->nodes, 0, &g->node_capacity, sizeof *g->nodes)) {
        refuse(g, BASE_MEMORY, "graph: no memory for nodes");
        return;
    }
    g->nodes[g->node_count++] = (model_node){ .op = MODEL_OP_INPUT,
                                              .name = "input",
                                              .h = h,
                                              .w = w,
                                              .c = c,
                                              .weight = -1,
                                              .bias = -1,
                                              .running_mean = -1,
                                              .running_var = -1 };
}

int model_graph_conv2d(model_graph *g, const char *name, int input, const model_conv_spec *s)
{
    model_node *n = add(g, MODEL_OP_CONV2D, name, input);
    if (!n)
        return -1;
    int ic = n->c;
    n->kernel = s->kernel;
    n->stride = s->stride ? s->stride : 1;
    n->padding = s->padding;
    n->dilation = s->dilation ? s->dilation : 1;
    n->groups = s->groups ? s->groups : 1;
    n->c = s->oc;
    if (s->oc < 1 || s->oc > MAX_CHANNELS || s->kernel < 1 || s->kernel > 15 || n->stride < 1 || n->padding < 0 ||
        n->dilation < 1)
        return refuse(g, BASE_ARGUMENT,
                      "graph: node %s: %d channels, window %d, stride %d, padding %d, dilation %d is no convolution", name,
                      s->oc, s->kernel, n->stride, n->padding, n->dilation);
    if (n->groups < 1 || ic % n->groups || s->oc % n->groups)
        return refuse(g, BASE_ARGUMENT, "graph: node %s: %d groups do not divide %d channels and %d outputs", name, n->groups,
                      ic, s->oc);
    int reach = n->dilation * (n->kernel - 1);
    if (n->h + 2 * n->padding <= reach || n->w + 2 * n->padding <= reach)
        return refuse(g, BASE_ARGUMENT,
                      "graph: node %s: a %d x %d image is smaller than the window of %d: use a larger image or less depth",
                      name, n->h, n->w, reach + 1);
    n->h = (n->h + 2 * n->padding - reach - 1) / n->stride + 1;
    n->w = (n->w + 2 * n->padding - reach - 1) / n->stride + 1;
    n->weight = add_parameter(g, "weight", MODEL_PARAMETER_WEIGHT, 4, (int[4]){ s->oc, ic / n->groups, s->kernel, s->kernel });
    if (s->bias)
        n->bias = add_parameter(g, "bias", MODEL_PARAMETER_BIAS, 1, (int[4]){ s->oc });
    return g->error.code == BASE_OK ? g->node_count - 1 : -1;
}

int model_graph_conv_transpose2d(model_graph *g, const char *name, int input, int oc)
{
    model_node *n = add(g, MODEL_OP_CONV_TRANSPOSE2D, name, input);
    if (!n)
        return -1;
    int ic = n->c;
    if (oc < 1 || oc > MAX_CHANNELS || n->h > MAX_SIDE / 2 || n->w > MAX_SIDE / 2)
        return refuse(g, BASE_ARGUMENT, "graph: node %s: %d channels of %d x %d cannot be doubled", name, oc, n->h, n->w);
    n->kernel = n->stride = 2;
    n->dilation = 1;
    n->h *= 2;
    n->w *= 2;
    n->c = oc;
    n->weight = add_parameter(g, "weight", MODEL_PARAMETER_WEIGHT, 4, (int[4]){ ic, oc, 2, 2 });
    n->bias = add_parameter(g, "bias", MODEL_PARAMETER_BIAS, 1, (int[4]){ oc });
    return g->error.code == BASE_OK ? g->node_count - 1 : -1;
}

int model_graph_batchnorm(model_graph *g, const char *name, int input)
{
    model_node *n = add(g, MODEL_OP_BATCHNORM, name, input);
    if (!n)
        return -1;
    int dims[4] = { n->c };
    n->eps = 1e-5f;
    n->momentum = 0.1f;
    n->weight = add_parameter(g, "weight", MODEL_PARAMETER_GAMMA, 1, dims);
    n->bias = add_parameter(g, "bias", MODEL_PARAMETER_BETA, 1, dims);
    n->running_mean = add_parameter(g, "running_mean", MODEL_PARAMETER_MEAN, 1, dims);
    n->running_var = add_parameter(g, "running_var", MODEL_PARAMETER_VAR, 1, dims);
    return g->error.code == BASE_OK ? g->node_count - 1 : -1;
}

int model_graph_relu(model_graph *g, const char *name, int input)
{
    return add(g, MODEL_OP_RELU, name, input) ? g->node_count - 1 : -1;
}

int model_graph_maxpool(model_graph *g, const char *name, int input)
{
    model_node *n = add(g, MODEL_OP_MAXPOOL, name, input);
    if (!n)
        return -1;
    if (n->h < 2 || n->w < 2)
        return refuse(g, BASE_ARGUMENT, "graph: node %s: a %d x %d image cannot be pooled 2x2", name, n->h, n->w);
    n->kernel = n->stride = 2;
    n->h /= 2;
    n->w /= 2;
    return g->node_count - 1;
}

int model_graph_reflect_pad(model_graph *g, const char *name, int input, model_sides a)
{
    model_node *n = add(g, MODEL_OP_REFLECT_PAD, name, input);
    if (!n)
        return -1;
    /* reflect-101 reads index -k at k and does not wrap twice */
    if (a.top < 0 || a.bottom < 0 || a.left < 0 || a.right < 0 || a.top >= n->h || a.bottom >= n->h || a.left >= n->w ||
        a.right >= n->w)
        return refuse(
            g, BASE_ARGUMENT,
            "graph: node %s: reflecting %d/%d/%d/%d pixels (top/bottom/left/right) needs an image with longer sides than %d x %d",
            name, a.top, a.bottom, a.left, a.right, n->h, n->w);
    n->top = a.top, n->bottom = a.bottom, n->left = a.left, n->right = a.right;
    n->h += a.top + a.bottom;
    n->w += a.left + a.right;
    return g->node_count - 1;
}

int model_graph_crop(model_graph *g, const char *name, int input, model_sides r)
{
    model_node *n = add(g, MODEL_OP_CROP, name, input);
    if (!n)
        return -1;
    if (r.top < 0 || r.bottom < 0 || r.left < 0 || r.right < 0 || r.top + r.bottom >= n->h || r.left + r.right >= n->w)
        return refuse(g, BASE_ARGUMENT,
                      "graph: node %s: removing %d/%d/%d/%d pixels (top/bottom/left/right) leaves nothing of %d x %d", name,
                      r.top, r.bottom, r.left, r.right, n->h, n->w);
    n->top = r.top, n->bottom = r.bottom, n->left = r.left, n->right = r.right;
    n->h -= r.top + r.bottom;
    n->w -= r.left + r.right;
    return g->node_count - 1;
}

int model_graph_concat(model_graph *g, const char *name, int first, int second)
{
    model_node *n = add(g, MODEL_OP_CONCAT, name, first);
    if (!n)
        return -1;
    if (second < 0 || second >= g->node_count - 1 || second == first)
        return refuse(g, BASE_ARGUMENT, "graph: node %s: its second input was not built or is the first one", name);
    const model_node *other = &g->nodes[second];
    if (other->h != n->h || other->w != n->w)
        return refuse(g, BASE_ARGUMENT, "graph: node %s: cannot join %d x %d with %d x %d", name, n->h, n->w, other->h,
                      other->w);
    n->inputs[n->input_count++] = second;
    n->c += other->c;
    return g->node_count - 1;
}

/* Give the parameters that are weights (or those that are not) their places at the end of the store. */
static void lay_out(model_graph *g, bool weights)
{
    for (int i = 0; i < g->parameter_count; i++) {
        model_parameter *p = &g->parameters[i];
        if ((p->kind == MODEL_PARAMETER_WEIGHT) != weights)
            continue;
        p->offset = g->store_floats;
        g->store_floats += (p->count + 15) / 16 * 16;
    }
}

bool model_graph_finish(model_graph *g, int output, base_error *err)
{
    if (g->error.code == BASE_OK && (output < 0 || output >= g->node_count))
        refuse(g, BASE_ARGUMENT, "graph: output node %d does not exist", output);
    if (g->error.code != BASE_OK)
        return base_fail(err, g->error.code, "%s", g->error.text);
    g->output = output;
    g->store_floats = 0;
    lay_out(g, true);
    g->weight_floats = g->store_floats;
    lay_out(g, false);
    return true;
}

void model_graph_destroy(model_graph *g)
{
    free(g->nodes);
    free(g->parameters);
    *g = (model_graph){ .output = -1 };
}

int model_graph_consumers(const model_graph *g, int node)
{
    int count = 0;
    for (int i = node + 1; i < g->node_count; i++)
        for (int k = 0; k < g->nodes[i].input_count; k++)
            count += g->nodes[i].inputs[k] == node;
    return count;
}

bool model_graph_fuse_relu(model_graph *g, base_error *err)
{
    /* moved: old index -> new index; readers: consumers by old index, counted before anything moves */
    int *moved = calloc((size_t)g->node_count * 2, sizeof *moved);
    if (!moved)
        return base_fail(err, BASE_MEMORY, "graph: no memory to rewrite %d nodes", g->node_count);
    int *readers = moved + g->node_count, kept = 0;
    for (int i = 0; i < g->node_count; i++)
        readers[i] = model_graph_consumers(g, i);
    for (int i = 0; i < g->node_count; i++) {
        model_node n = g->nodes[i];
        int from = n.inputs[0];
        if (n.op == MODEL_OP_RELU && readers[from] == 1 && from != g->output) {
            model_node *producer = &g->nodes[moved[from]];
            if (producer->op == MODEL_OP_CONV2D || producer->op == MODEL_OP_BATCHNORM) {
                producer->relu = true;
                moved[i] = moved[from];
                continue;
            }
        }
        for (int k = 0; k < n.input_count; k++)
            n.inputs[k] = moved[n.inputs[k]];
        moved[i] = kept;
        g->nodes[kept++] = n;
    }
    for (int p = 0; p < g->parameter_count; p++)
        g->parameters[p].node = moved[g->parameters[p].node];
    g->output = moved[g->output];
    g->node_count = kept;
    free(moved);
    return true;
}

int model_graph_find_node(const model_graph *g, const char *name)
{
    for (int i = 0; i < g->node_count; i++)
        if (!strcmp(g->nodes[i].name, name))
            return i;
    return -1;
}

int model_graph_find_parameter(const model_graph *g, const char *name)
{
    for (int i = 0; i < g->parameter_count; i++)
        if (!strcmp(g->parameters[i].name, name))
            return i;
    return -1;
}

bool model_parameter_trainable(const model_parameter *p)
{
    return p->kind != MODEL_PARAMETER_MEAN && p->kind != MODEL_PARAMETER_VAR;
}

size_t model_graph_trainable_count(const model_graph *g)
{
    size_t count = 0;
    for (int i = 0; i < g->parameter_count; i++)
        count += model_parameter_trainable(&g->parameters[i]) ? g->parameters[i].count : 0;
    return count;
}

double model_graph_macs(const model_graph *g)
{
    double sum = 0;
    for (int i = 0; i < g->node_count; i++) {
        const model_node *n = &g->nodes[i];
        if (n->op == MODEL_OP_CONV2D)
            sum += (double)n->h * n->w * (double)g->parameters[n->weight].count;
        else if (n->op == MODEL_OP_CONV_TRANSPOSE2D) /* each output pixel is one tap deep */
            sum += (double)n->h * n->w / 4 * (double)g->parameters[n->weight].count;
    }
    return sum;
}
