#include "model/model.h"
#include "base/arena.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- description ---- */

bool model_description_check(const model_description *d, base_error *err)
{
    if (!model_unet_options_check(&d->net, err))
        return false;
    if (d->image_h < 1 || d->image_w < 1 || d->image_h > 8192 || d->image_w > 8192)
        return base_fail(err, BASE_ARGUMENT, "model: image of %d x %d (h x w): sides must be in 1..8192", d->image_h,
                         d->image_w);
    if (!dataset_classes_check(&d->classes, err))
        return false;
    if (d->classes.count != (d->net.outputs == 1 ? 2 : d->net.outputs))
        return base_fail(err, BASE_ARGUMENT,
                         "model: %d outputs do not fit %d classes (one output is for two classes, else one each)",
                         d->net.outputs, d->classes.count);
    return true;
}

int model_class_index(const model_description *d, const char *name) { return dataset_classes_find(&d->classes, name); }

static const base_option net_table[] = {
    { "variant", BASE_OPTION_ENUM, offsetof(model_unet_options, variant), 0, 0, 0, model_unet_variant_names, NULL, NULL,
      "same or original" },
    { "base", BASE_OPTION_INT, offsetof(model_unet_options, base), 0, 1, 256, NULL, NULL, NULL, "channels of the first level" },
    { "depth", BASE_OPTION_INT, offsetof(model_unet_options, depth), 0, 1, 6, NULL, NULL, NULL, "poolings" },
    { "channels", BASE_OPTION_INT, offsetof(model_unet_options, channels), 0, 1, 16, NULL, NULL, NULL, "of the image" },
    { "outputs", BASE_OPTION_INT, offsetof(model_unet_options, outputs), 0, 1, 64, NULL, NULL, NULL, "logits per pixel" },
};
static const char *const architecture_names[] = { "unet", NULL };
static const char *const input_names[] = { "rgb/127.5-1", NULL };
static const base_option description_table[] = {
    { "architecture", BASE_OPTION_ENUM, offsetof(model_description, architecture), 0, 0, 0, architecture_names, NULL, NULL,
      "unet" },
    { "input", BASE_OPTION_ENUM, offsetof(model_description, input), 0, 0, 0, input_names, NULL, NULL, "pixels to numbers" },
    { "net", BASE_OPTION_OBJECT, offsetof(model_description, net), sizeof net_table / sizeof net_table[0], 0, 0, NULL,
      net_table, NULL, "U-Net" },
    { "image_h", BASE_OPTION_INT, offsetof(model_description, image_h), 0, 1, 8192, NULL, NULL, NULL, "pixels" },
    { "image_w", BASE_OPTION_INT, offsetof(model_description, image_w), 0, 1, 8192, NULL, NULL, NULL, "pixels" },
    { "classes", BASE_OPTION_CUSTOM, offsetof(model_description, classes), 0, 0, 0, NULL, NULL, &dataset_classes_option,
      "values of the mask" },
};
#define DESCRIPTION_COUNT (sizeof description_table / sizeof description_table[0])

cJSON *model_description_print(const model_description *d)
{
    return base_options_print(d, description_table, DESCRIPTION_COUNT);
}

bool model_description_read(model_description *d, const base_json *j, const cJSON *object, base_error *err)
{
    *d = (model_description){ .net = model_unet_options_default() };
    if (!base_options_read(d, description_table, DESCRIPTION_COUNT, j, object, err))
        return false;
    return model_description_check(d, err) || base_fail_in(err, "%s:%d", j->name, base_json_line_of(j, object));
}

/* ---- models ---- */

bool model_graph_for(const model_description *d, int h, int w, model_graph *g, base_error *err)
{
    return model_unet_build(g, &d->net, h, w, err);
}

model *model_create(const model_description *d, base_error *err)
{
    if (!model_description_check(d, err))
        return NULL;
    model *m = base_alloc_zero(1, sizeof *m, err);
    if (!m)
        return NULL;
    m->about = *d;
    if (model_graph_for(d, d->image_h, d->image_w, &m->graph, err) && model_parameters_create(&m->weights, &m->graph, err))
        return m;
    model_destroy(m);
    return NULL;
}

void model_destroy(model *m)
{
    if (!m)
        return;
    model_parameters_destroy(&m->weights);
    model_graph_destroy(&m->graph);
    free(m);
}

/* ---- folding ---- */

/* Which BatchNorm follows convolution i alone; -1 for none. */
static int batchnorm_after(const model_graph *g, int i)
{
    if (model_graph_consumers(g, i) != 1)
        return -1;
    for (int k = i + 1; k < g->node_count; k++)
        if (g->nodes[k].inputs[0] == i && g->nodes[k].op == MODEL_OP_BATCHNORM)
            return k;
    return -1;
}

/* Append node i of `from` to `to`, reading `inputs` there. Returns its index. */
static int append(model_graph *to, const model_node *n, const int *inputs, bool bias)
{
    model_sides sides = { n->top, n->bottom, n->left, n->right };
    switch (n->op) {
    case MODEL_OP_INPUT: return 0;
    case MODEL_OP_REFLECT_PAD: return model_graph_reflect_pad(to, n->name, inputs[0], sides);
    case MODEL_OP_CONV2D:
        return model_graph_conv2d(to, n->name, inputs[0],
                                  &(model_conv_spec){ .oc = n->c,
                                                      .kernel = n->kernel,
                                                      .stride = n->stride,
                                                      .padding = n->padding,
                                                      .dilation = n->dilation,
                                                      .groups = n->groups,
                                                      .bias = bias });
    case MODEL_OP_CONV_TRANSPOSE2D: return model_graph_conv_transpose2d(to, n->name, inputs[0], n->c);
    case MODEL_OP_BATCHNORM: return model_graph_batchnorm(to, n->name, inputs[0]);
    case MODEL_OP_RELU: return model_graph_relu(to, n->name, inputs[0]);
    case MODEL_OP_MAXPOOL: return model_graph_maxpool(to, n->name, inputs[0]);
    case MODEL_OP_CROP: return model_graph_crop(to, n->name, inputs[0], sides);
    case MODEL_OP_CONCAT: return model_graph_concat(to, n->name, inputs[0], inputs[1]);
    }
    return -1;
}

/* Weights and bias of convolution i with BatchNorm bn (-1: none) multiplied in. */
static void fold_weights(const model_graph *g, const model_parameters *p, int i, int bn, float *weights, float *bias)
{
    const model_node *n = &g->nodes[i];
    const model_parameter *w = &g->parameters[n->weight];
    const float *src = model_parameter_at(g, p, n->weight), *src_bias = n->bias >= 0 ? model_parameter_at(g, p, n->bias) : NULL;
    size_t each = w->count / (size_t)n->c;
    for (int o = 0; o < n->c; o++) {
        double scale = 1, shift = src_bias ? (double)src_bias[o] : 0;
        if (bn >= 0) {
            const model_node *b = &g->nodes[bn];
            scale = (double)model_parameter_at(g, p, b->weight)[o] /
                    sqrt((double)model_parameter_at(g, p, b->running_var)[o] + (double)b->eps);
            shift = (double)model_parameter_at(g, p, b->bias)[o] +
                    (shift - (double)model_parameter_at(g, p, b->running_mean)[o]) * scale;
        }
        for (size_t k = 0; k < each; k++)
            weights[o * each + k] = (float)((double)src[o * each + k] * scale);
        if (bias)
            bias[o] = (float)shift;
    }
}

/* The folded graph of g: the structure only. */
static bool fold_structure(const model_graph *g, model_graph *graph, base_error *err)
{
    *graph = (model_graph){ .output = -1 };
    int *moved = calloc((size_t)g->node_count, sizeof *moved); /* node of g -> node of the folded graph */
    if (!moved)
        return base_fail(err, BASE_MEMORY, "model: no memory to fold %d nodes", g->node_count);
    model_graph_start(graph, g->nodes[0].h, g->nodes[0].w, g->nodes[0].c);
    for (int i = 0; i < g->node_count; i++) {
        const model_node *n = &g->nodes[i];
        int inputs[MODEL_MAX_INPUTS] = { 0 }, from = n->inputs[0];
        for (int k = 0; k < n->input_count; k++)
            inputs[k] = moved[n->inputs[k]];
        if (n->op == MODEL_OP_BATCHNORM && g->nodes[from].op == MODEL_OP_CONV2D && batchnorm_after(g, from) == i)
            moved[i] = moved[from]; /* its effect is in the convolution's weights */
        else
            moved[i] = append(graph, n, inputs, n->bias >= 0 || batchnorm_after(g, i) >= 0);
    }
    bool ok = model_graph_finish(graph, moved[g->output], err) && model_graph_fuse_relu(graph, err);
    free(moved);
    if (!ok)
        model_graph_destroy(graph);
    return ok;
}

bool model_fold_graph(const model_description *d, int h, int w, model_graph *graph, base_error *err)
{
    model_graph g;
    if (!model_graph_for(d, h, w, &g, err))
        return false;
    bool ok = fold_structure(&g, graph, err);
    model_graph_destroy(&g);
    return ok;
}

bool model_fold(const model *m, int h, int w, model_graph *graph, model_parameters *weights, base_error *err)
{
    model_graph g;
    *graph = (model_graph){ .output = -1 };
    *weights = (model_parameters){ 0 };
    if (!model_graph_for(&m->about, h, w, &g, err))
        return false;
    bool ok = fold_structure(&g, graph, err);
    if (ok && !(ok = model_parameters_create(weights, graph, err)))
        model_graph_destroy(graph);
    for (int i = 0; ok && i < g.parameter_count; i++) {
        const model_node *n = &g.nodes[g.parameters[i].node];
        int same = model_graph_find_parameter(graph, g.parameters[i].name);
        if (n->op == MODEL_OP_CONV2D && i == n->weight) {
            const model_node *to = &graph->nodes[model_graph_find_node(graph, n->name)];
            fold_weights(&g, &m->weights, g.parameters[i].node, batchnorm_after(&g, g.parameters[i].node),
                         model_parameter_at(graph, weights, to->weight),
                         to->bias >= 0 ? model_parameter_at(graph, weights, to->bias) : NULL);
        } else if (n->op != MODEL_OP_CONV2D && same >= 0) {
            memcpy(model_parameter_at(graph, weights, same), model_parameter_at(&g, &m->weights, i),
                   g.parameters[i].count * sizeof(float));
        }
    }
    model_graph_destroy(&g);
    return ok;
}

/* ---- inference ---- */

struct model_predictor {
    model_graph graph; /* folded */
    model_parameters weights;
    model_plan *plan;
    int h, w, channels, outputs;
};

model_predictor *model_predictor_create(const model *m, const model_predictor_options *o, base_error *err)
{
    model_predictor_options options = o ? *o : (model_predictor_options){ 0 };
    model_predictor *p = base_alloc_zero(1, sizeof *p, err);
    if (!p)
        return NULL;
    p->h = options.h ? options.h : m->about.image_h;
    p->w = options.w ? options.w : m->about.image_w;
    p->channels = m->about.net.channels;
    p->outputs = m->about.net.outputs;
    if (model_fold(m, p->h, p->w, &p->graph, &p->weights, err))
        p->plan = model_plan_create(
            &p->graph,
            &(model_plan_options){ .batch = 1, .threads = options.threads, .isa = options.isa, .winograd = options.winograd },
            err);
    if (p->plan)
        return p;
    model_predictor_destroy(p);
    return NULL;
}

void model_predictor_destroy(model_predictor *p)
{
    if (!p)
        return;
    model_plan_destroy(p->plan);
    model_parameters_destroy(&p->weights);
    model_graph_destroy(&p->graph);
    free(p);
}

static model_view run(model_predictor *p, const uint8_t *rgb)
{
    model_view in = model_plan_input(p->plan);
    model_normalise(rgb, (size_t)p->h * p->w, p->channels, in.data, in.pitch);
    model_plan_infer(p->plan, &p->weights);
    return model_plan_output(p->plan);
}

void model_predictor_mask(model_predictor *p, const uint8_t *rgb, uint8_t *mask)
{
    model_view out = run(p, rgb);
    model_decide(out.data, out.pitch, p->outputs, (size_t)p->h * p->w, mask);
}

void model_predictor_logits(model_predictor *p, const uint8_t *rgb, float *logits)
{
    model_view out = run(p, rgb);
    for (size_t i = 0; i < (size_t)p->h * p->w; i++)
        memcpy(logits + i * (size_t)p->outputs, out.data + i * (size_t)out.pitch, (size_t)p->outputs * sizeof *logits);
}

int model_predictor_outputs(const model_predictor *p) { return p->outputs; }
const char *model_predictor_isa(const model_predictor *p) { return model_plan_isa(p->plan); }
size_t model_predictor_bytes(const model_predictor *p) { return model_plan_bytes(p->plan) + p->weights.count * sizeof(float); }

void model_normalise(const uint8_t *rgb, size_t pixels, int channels, float *dst, int pitch)
{
    for (size_t i = 0; i < pixels; i++)
        for (int c = 0; c < channels; c++)
            dst[i * (size_t)pitch + c] = (float)rgb[i * (size_t)channels + c] / 127.5f - 1.0f;
}

void model_decide(const float *logits, int pitch, int outputs, size_t pixels, uint8_t *mask)
{
    for (size_t i = 0; i < pixels; i++) {
        const float *z = logits + i * (size_t)pitch;
        int best = outputs == 1 ? z[0] >= 0 : 0;
        for (int c = 1; c < outputs; c++)
            best = z[c] > z[best] ? c : best;
        mask[i] = (uint8_t)best;
    }
}
