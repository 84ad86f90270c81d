/* Running a plan: one call of a kernel, or of a loop below, per node. */
#include "model/kernels/pointwise.h"
#include "model/kernels/pool.h"
#include "model/plan_inside.h"
#include <assert.h>
#include <string.h>

/* ---- access ---- */

static float *at(const model_plan *p, model_plan_slot s)
{
    return (float *)(void *)(p->memory + p->buffers[s.buffer].offset) + s.channel;
}

static model_view view(const model_plan *p, int node, model_plan_slot s)
{
    const model_node *n = &p->graph->nodes[node];
    return (model_view){
        .data = s.buffer >= 0 ? at(p, s) : NULL, .n = p->batch, .h = n->h, .w = n->w, .c = n->c, .pitch = s.pitch
    };
}

model_view model_plan_input(model_plan *p) { return view(p, 0, p->values[0]); }
model_view model_plan_output(model_plan *p) { return view(p, p->graph->output, p->values[p->graph->output]); }

model_view model_plan_grad_output(model_plan *p)
{
    assert(p->training);
    return view(p, p->graph->output, p->grads[p->graph->output]);
}

model_algorithm model_plan_algorithm(const model_plan *p, int node) { return p->works[node].algorithm; }
model_algorithm model_plan_weights_algorithm(const model_plan *p, int node) { return p->works[node].weights_algorithm; }
size_t model_plan_bytes(const model_plan *p) { return p->bytes; }

int model_plan_recomputed(const model_plan *p)
{
    int count = 0;
    for (int i = p->graph->node_count; i < p->step_count; i++)
        count += p->steps[i].kind == MODEL_PLAN_AGAIN;
    return count;
}

const char *model_plan_isa(const model_plan *p) { return model_kernels_name(p->cpu.kernels); }
void model_plan_weights_changed(model_plan *p) { p->packed = false; }

const char *const model_work_names[MODEL_WORK_COUNT] = { "pack",     "forward",          "forward again",
                                                         "backward", "backward weights", "backward data" };
void model_plan_record(model_plan *p, base_spans *spans) { p->spans = spans; }

/* ---- running ---- */

/* Memory of one step: packed weights, then scratch. */
static float *work_at(const model_plan *p, const model_plan_step *s)
{
    return s->work >= 0 ? (float *)(void *)(p->memory + p->buffers[s->work].offset) : NULL;
}

static void pack_node(model_plan *p, int i, const model_parameters *weights, float *packed)
{
    const model_node *n = &p->graph->nodes[i];
    const model_plan_work *w = &p->works[i];
    model_convolve_pack(&p->cpu, w->algorithm, &w->conv,
                        n->op == MODEL_OP_CONV_TRANSPOSE2D ? MODEL_BACKWARD_DATA : MODEL_FORWARD,
                        model_parameter_at(p->graph, weights, n->weight), packed);
}

/* Inference: all weights, kept for the runs to come. */
static void pack_weights(model_plan *p, const model_parameters *weights)
{
    if (p->packed || p->training)
        return;
    double start = base_spans_start(p->spans);
    for (int i = 0; i < p->graph->node_count; i++)
        if (p->works[i].packed)
            pack_node(p, i, weights, p->works[i].packed);
    p->packed = true;
    base_spans_end(p->spans, -1, MODEL_WORK_PACK, start);
}

static const float *bias_of(const model_plan *p, const model_parameters *weights, const model_node *n)
{
    return n->bias >= 0 ? model_parameter_at(p->graph, weights, n->bias) : NULL;
}

/* Reflect-101: index -k reads k, n-1+k reads n-1-k. */
static int reflect(int i, int n) { return i < 0 ? -i : i >= n ? 2 * (n - 1) - i : i; }

static void pad_forward(const model_plan *p, const model_node *n, const model_view *src, const model_view *dst)
{
#pragma omp parallel for num_threads(p->cpu.threads) schedule(static)
    for (int row = 0; row < src->n * dst->h; row++) {
        int image = row / dst->h, y = reflect(row % dst->h - n->top, src->h);
        const float *from = src->data + ((size_t)image * src->h + y) * src->w * src->pitch;
        float *to = dst->data + (size_t)row * dst->w * dst->pitch;
        for (int x = 0; x < dst->w; x++)
            memcpy(to + (size_t)x * dst->pitch, from + (size_t)reflect(x - n->left, src->w) * src->pitch,
                   (size_t)dst->c * sizeof(float));
    }
}

/* One thread owns a whole image: several border pixels fold onto one inside pixel. Only reached when something trainable
 * stands before the border; in both U-Nets it is the image. */
static void pad_backward(const model_plan *p, const model_node *n, const model_view *grad_dst, const model_view *grad_src)
{
#pragma omp parallel for num_threads(p->cpu.threads) schedule(static)
    for (int image = 0; image < grad_src->n; image++) {
        float *base = grad_src->data + (size_t)image * grad_src->h * grad_src->w * grad_src->pitch;
        for (int i = 0; i < grad_src->h * grad_src->w; i++)
            memset(base + (size_t)i * grad_src->pitch, 0, (size_t)grad_src->c * sizeof(float));
        for (int y = 0; y < grad_dst->h; y++)
            for (int x = 0; x < grad_dst->w; x++) {
                const float *g = grad_dst->data + (((size_t)image * grad_dst->h + y) * grad_dst->w + x) * grad_dst->pitch;
                float *d = base + ((size_t)reflect(y - n->top, grad_src->h) * grad_src->w + reflect(x - n->left, grad_src->w)) *
                                      grad_src->pitch;
                for (int c = 0; c < grad_src->c; c++)
                    d[c] += g[c];
            }
    }
}

/* Copy the inner rectangle of `large` to `small` (forward), or back with zeros around it (backward). */
static void crop(const model_plan *p, const model_node *n, const model_view *large, const model_view *small, bool backward)
{
#pragma omp parallel for num_threads(p->cpu.threads) schedule(static)
    for (int row = 0; row < large->n * large->h; row++) {
        int image = row / large->h, y = row % large->h - n->top;
        float *outer = large->data + (size_t)row * large->w * large->pitch;
        bool inside = y >= 0 && y < small->h;
        float *inner = inside ? small->data + ((size_t)image * small->h + y) * small->w * small->pitch : NULL;
        for (int x = 0; x < large->w; x++) {
            bool in = inside && x >= n->left && x < n->left + small->w;
            float *o = outer + (size_t)x * large->pitch, *i = in ? inner + (size_t)(x - n->left) * small->pitch : NULL;
            if (backward && in)
                memcpy(o, i, (size_t)large->c * sizeof(float));
            else if (backward)
                memset(o, 0, (size_t)large->c * sizeof(float));
            else if (in)
                memcpy(i, o, (size_t)large->c * sizeof(float));
        }
    }
}

/* Batch statistics, and the running ones that they change. */
static void batchnorm_statistics(model_plan *p, int i, const float *src, model_parameters *stats, void *scratch)
{
    const model_graph *g = p->graph;
    const model_node *n = &g->nodes[i];
    const model_plan_work *w = &p->works[i];
    model_batchnorm s = model_plan_batchnorm(p, i);
    float *running_mean = model_parameter_at(g, stats, n->running_mean),
          *running_var = model_parameter_at(g, stats, n->running_var);
    model_batchnorm_statistics(&p->cpu, &s, src, w->mean, w->var, scratch);
    /* the running variance is the unbiased one: m/(m-1) */
    float unbias = s.pixels > 1 ? (float)((double)s.pixels / (double)(s.pixels - 1)) : 1.0f;
    for (int c = 0; c < n->c; c++) {
        running_mean[c] = (1 - n->momentum) * running_mean[c] + n->momentum * w->mean[c];
        running_var[c] = (1 - n->momentum) * running_var[c] + n->momentum * (w->var[c] * unbias);
    }
    model_batchnorm_inv_std(n->c, w->var, n->eps, w->inv_std);
}

/* stats: where running statistics are kept, NULL = use them instead of the batch's. Once more: scale and shift are there already. */
static void batchnorm_forward(model_plan *p, const model_plan_step *step, const model_view *src, const model_view *dst,
                              const model_parameters *weights, model_parameters *stats)
{
    const model_graph *g = p->graph;
    const model_node *n = &g->nodes[step->node];
    const model_plan_work *w = &p->works[step->node];
    model_batchnorm s = model_plan_batchnorm(p, step->node);
    if (step->kind == MODEL_PLAN_FORWARD) {
        if (stats)
            batchnorm_statistics(p, step->node, src->data, stats, work_at(p, step));
        model_batchnorm_fold(n->c, model_parameter_at(g, weights, n->weight), model_parameter_at(g, weights, n->bias),
                             stats ? w->mean : model_parameter_at(g, weights, n->running_mean),
                             stats ? w->var : model_parameter_at(g, weights, n->running_var), n->eps, w->scale, w->shift);
    }
    if (w->pool && step->kind == MODEL_PLAN_FORWARD)
        model_batchnorm_apply_pooled(&p->cpu, &s, src->data, w->scale, w->shift, dst->data, at(p, p->values[w->pool]));
    else
        model_batchnorm_apply(&p->cpu, &s, src->data, w->scale, w->shift, dst->data);
}

static void convolution_forward(model_plan *p, const model_plan_step *step, const model_view *src, const model_view *dst,
                                const model_parameters *weights)
{
    const model_node *n = &p->graph->nodes[step->node];
    const model_plan_work *w = &p->works[step->node];
    float *own = work_at(p, step);
    const float *bias = bias_of(p, weights, n), *packed = p->training ? own : w->packed;
    void *scratch = p->training ? own + w->forward.packed / sizeof *own : own;
    if (p->training) {
        double start = base_spans_start(p->spans);
        pack_node(p, step->node, weights, own);
        base_spans_end(p->spans, step->node, MODEL_WORK_PACK, start);
    }
    double start = base_spans_start(p->spans);
    if (n->op == MODEL_OP_CONV2D)
        model_convolve_forward(&p->cpu, w->algorithm, &w->conv, src->data, packed, bias, n->relu, dst->data, scratch);
    else
        model_conv2d_transposed_forward(&p->cpu, &w->conv, src->data, packed, bias, false, dst->data, scratch);
    base_spans_end(p->spans, step->node, step->kind == MODEL_PLAN_AGAIN ? MODEL_WORK_AGAIN : MODEL_WORK_FORWARD, start);
}

/* MODEL_PLAN_FORWARD and MODEL_PLAN_AGAIN. */
static void forward_step(model_plan *p, const model_plan_step *step, const model_parameters *weights, model_parameters *stats)
{
    const model_graph *g = p->graph;
    int i = step->node, from = g->nodes[i].inputs[0];
    const model_node *n = &g->nodes[i];
    const model_plan_slot *slots = step->kind == MODEL_PLAN_AGAIN ? p->again : p->values;
    double start = base_spans_start(p->spans);
    model_view src = view(p, from, slots[from]), dst = view(p, i, slots[i]);
    switch (n->op) {
    case MODEL_OP_INPUT: break;
    case MODEL_OP_REFLECT_PAD: pad_forward(p, n, &src, &dst); break;
    case MODEL_OP_CONV2D:
    case MODEL_OP_CONV_TRANSPOSE2D: convolution_forward(p, step, &src, &dst, weights); return;
    case MODEL_OP_BATCHNORM: batchnorm_forward(p, step, &src, &dst, weights, stats); break;
    case MODEL_OP_RELU:
        model_relu_forward(&p->cpu, &(model_pixels){ model_plan_pixels(p, i), n->c, src.pitch, 0, dst.pitch }, src.data,
                           dst.data);
        break;
    case MODEL_OP_MAXPOOL:
        if (p->works[i].inside && step->kind == MODEL_PLAN_FORWARD)
            return; /* its BatchNorm did it */
        model_pool2x2_forward(&p->cpu, &(model_pool2x2){ p->batch, src.h, src.w, n->c, src.pitch, dst.pitch }, src.data,
                              dst.data);
        break;
    case MODEL_OP_CROP: crop(p, n, &src, &dst, false); break;
    case MODEL_OP_CONCAT:
        for (int k = 0, channel = 0; k < n->input_count; channel += g->nodes[n->inputs[k]].c, k++) {
            model_view part = view(p, n->inputs[k], p->values[n->inputs[k]]);
            if (part.data != dst.data + channel) /* not written in place */
                model_copy(&p->cpu, &(model_pixels){ model_plan_pixels(p, i), part.c, part.pitch, 0, dst.pitch }, part.data,
                           dst.data + channel);
        }
        break;
    }
    base_spans_end(p->spans, i, step->kind == MODEL_PLAN_AGAIN ? MODEL_WORK_AGAIN : MODEL_WORK_FORWARD, start);
}

static void forward(model_plan *p, const model_parameters *weights, model_parameters *stats, model_observe observe, void *user)
{
    pack_weights(p, weights);
    for (int i = 0; i < p->graph->node_count; i++) {
        forward_step(p, &p->steps[i], weights, stats);
        if (observe) {
            model_view out = view(p, i, p->values[i]);
            observe(user, p->graph, i, &out);
        }
    }
    p->mode = stats ? MODEL_BATCH_STATISTICS : MODEL_RUNNING_STATISTICS;
}

void model_plan_forward(model_plan *p, model_parameters *weights, model_mode mode)
{
    forward(p, weights, mode == MODEL_BATCH_STATISTICS ? weights : NULL, NULL, NULL);
}

void model_plan_infer(model_plan *p, const model_parameters *weights) { forward(p, weights, NULL, NULL, NULL); }

void model_plan_observe(model_plan *p, const model_parameters *weights, model_observe observe, void *user)
{
    forward(p, weights, NULL, observe, user);
}

/* Weights first, then the gradient of the input: grad_dst is read by both. */
static void convolution_backward(model_plan *p, const model_plan_step *step, const model_parameters *weights,
                                 model_parameters *gradients, const model_view *src, const model_view *grad_dst,
                                 const model_view *grad_src)
{
    int i = step->node;
    const model_node *n = &p->graph->nodes[i];
    const model_plan_work *w = &p->works[i];
    bool transposed = n->op == MODEL_OP_CONV_TRANSPOSE2D;
    float *grad_weight = model_parameter_at(p->graph, gradients, n->weight);
    float *grad_bias = n->bias >= 0 ? model_parameter_at(p->graph, gradients, n->bias) : NULL;
    double start = base_spans_start(p->spans);
    model_conv2d s = model_plan_conv_grad(p, i, false);
    if (transposed)
        model_conv2d_transposed_backward_weights(&p->cpu, &s, src->data, grad_dst->data, grad_weight, grad_bias,
                                                 work_at(p, step));
    else
        model_convolve_backward_weights(&p->cpu, w->weights_algorithm, &s, src->data, grad_dst->data, grad_weight, grad_bias,
                                        work_at(p, step));
    base_spans_end(p->spans, i, MODEL_WORK_BACKWARD_WEIGHTS, start);
    if (!w->grad_input)
        return;
    float *packed = work_at(p, step), *scratch = packed + w->backward.packed / sizeof *packed;
    start = base_spans_start(p->spans);
    s = model_plan_conv_grad(p, i, true);
    model_convolve_pack(&p->cpu, w->algorithm, &s, transposed ? MODEL_FORWARD : MODEL_BACKWARD_DATA,
                        model_parameter_at(p->graph, weights, n->weight), packed);
    base_spans_end(p->spans, i, MODEL_WORK_PACK, start);
    start = base_spans_start(p->spans);
    if (transposed)
        model_conv2d_transposed_backward_data(&p->cpu, &s, grad_dst->data, packed, grad_src->data, scratch);
    else
        model_convolve_backward_data(&p->cpu, w->algorithm, &s, grad_dst->data, packed, w->accumulate, grad_src->data, scratch);
    base_spans_end(p->spans, i, MODEL_WORK_BACKWARD_DATA, start);
}

static void backward_step(model_plan *p, const model_plan_step *step, const model_parameters *weights,
                          model_parameters *gradients)
{
    const model_graph *g = p->graph;
    int i = step->node;
    const model_node *n = &g->nodes[i];
    const model_plan_work *w = &p->works[i];
    double start = base_spans_start(p->spans);
    int from = n->inputs[0];
    model_view src = view(p, from, p->again[from]), dst = view(p, i, p->again[i]), grad_dst = view(p, i, p->grads[i]);
    model_view grad_src = w->grad_input ? view(p, from, p->grads[from]) : (model_view){ 0 };
    float *grad_weight = n->weight >= 0 ? model_parameter_at(g, gradients, n->weight) : NULL;
    float *grad_bias = n->bias >= 0 ? model_parameter_at(g, gradients, n->bias) : NULL;
    switch (n->op) {
    case MODEL_OP_INPUT: break;
    case MODEL_OP_CONV2D:
    case MODEL_OP_CONV_TRANSPOSE2D:
        if (n->op == MODEL_OP_CONV2D && n->relu) {
            model_relu_backward(&p->cpu,
                                &(model_pixels){ model_plan_pixels(p, i), n->c, dst.pitch, grad_dst.pitch, grad_dst.pitch },
                                dst.data, grad_dst.data, grad_dst.data);
            base_spans_end(p->spans, i, MODEL_WORK_BACKWARD, start);
        }
        convolution_backward(p, step, weights, gradients, &src, &grad_dst, &grad_src);
        return;
    case MODEL_OP_BATCHNORM: {
        model_batchnorm s = model_plan_batchnorm(p, i);
        s.dst_pitch = grad_dst.pitch;
        if (w->pool) {
            s.pooled_pitch = p->grads[w->pool].pitch;
            model_batchnorm_backward_pooled(&p->cpu, &s, src.data, at(p, p->grads[w->pool]), p->works[w->pool].accumulate,
                                            grad_dst.data, w->scale, w->shift, w->mean, w->inv_std, grad_src.data, grad_weight,
                                            grad_bias, work_at(p, step));
            break;
        }
        model_batchnorm_backward(&p->cpu, &s, src.data, grad_dst.data, w->scale, w->shift, w->mean, w->inv_std, grad_src.data,
                                 grad_weight, grad_bias, work_at(p, step));
        break;
    }
    case MODEL_OP_RELU:
        if (w->grad_input)
            model_relu_backward(&p->cpu,
                                &(model_pixels){ model_plan_pixels(p, i), n->c, dst.pitch, grad_dst.pitch, grad_src.pitch },
                                dst.data, grad_dst.data, grad_src.data);
        break;
    case MODEL_OP_MAXPOOL:
        model_pool2x2_backward(&p->cpu, &(model_pool2x2){ p->batch, src.h, src.w, n->c, src.pitch, grad_dst.pitch }, src.data,
                               grad_dst.data, w->accumulate, grad_src.data);
        break;
    case MODEL_OP_REFLECT_PAD: pad_backward(p, n, &grad_dst, &grad_src); break;
    case MODEL_OP_CROP: crop(p, n, &grad_src, &grad_dst, true); break;
    case MODEL_OP_CONCAT: return; /* gradients of the parts are slices of grad_dst */
    }
    base_spans_end(p->spans, i, MODEL_WORK_BACKWARD, start);
}

void model_plan_backward(model_plan *p, const model_parameters *weights, model_parameters *gradients)
{
    assert(p->training && p->mode == MODEL_BATCH_STATISTICS);
    for (int i = p->graph->node_count; i < p->step_count; i++)
        if (p->steps[i].kind == MODEL_PLAN_AGAIN)
            forward_step(p, &p->steps[i], weights, NULL);
        else
            backward_step(p, &p->steps[i], weights, gradients);
}
