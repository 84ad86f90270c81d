/* Post-training quantisation: fold, observe the float network on real images, choose scales, round the weights. */
#include "quant/network.h"
#include "quant/observer.h"
#include "base/arena.h"
#include "base/pool.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const quant_observer_names[] = { "minmax", "percentile", NULL };
const char *const quant_concat_names[] = { "table", "shared", NULL };

quant_options quant_options_default(void)
{
    return (quant_options){ .observer = QUANT_PERCENTILE, .percentile = 99.99, .concat = QUANT_CONCAT_TABLE };
}

bool quant_options_check(const quant_options *o, base_error *err)
{
    if (!(o->percentile > 50.0 && o->percentile <= 100.0))
        return base_fail(err, BASE_ARGUMENT, "percentile must be above 50 and at most 100, found %g", o->percentile);
    if (o->threads < 0 || o->threads > 1024)
        return base_fail(err, BASE_ARGUMENT, "threads must be 0..1024, found %d", o->threads);
    return true;
}

/* What the observing callback needs. */
typedef struct calibration {
    quant_histogram *histograms; /* one per node */
    bool counting;               /* second pass */
    int threads, last;
} calibration;

static bool is_convolution(model_op op) { return op == MODEL_OP_CONV2D || op == MODEL_OP_CONV_TRANSPOSE2D; }

static void observe(void *user, const model_graph *g, int node, const model_view *out)
{
    calibration *c = user;
    if (!is_convolution(g->nodes[node].op) || node == c->last)
        return;
    size_t pixels = (size_t)out->n * out->h * out->w;
    (c->counting ? quant_histogram_count : quant_histogram_widen)(&c->histograms[node], out->data, pixels, out->c, out->pitch,
                                                                  c->threads);
}

/* A ReLU may turn NaN into 0, so the weights are looked at too. */
static bool weights_finite(const model_graph *g, const model_parameters *weights, base_error *err)
{
    for (int i = 0; i < g->parameter_count; i++)
        for (size_t k = 0; k < g->parameters[i].count; k++)
            if (!isfinite(model_parameter_at(g, weights, i)[k]))
                return base_fail(err, BASE_FORMAT,
                                 "calibration: %s has NaN or infinity after folding: the float network diverged",
                                 g->parameters[i].name);
    return true;
}

/* Both passes over all frames. */
static bool observe_frames(calibration *c, const model_graph *g, const model_parameters *weights, const quant_frames *frames,
                           base_progress *progress, base_error *err)
{
    bool ok = false;
    size_t pixels = (size_t)frames->h * frames->w;
    int channels = g->nodes[0].c;
    uint8_t *rgb = base_alloc(pixels * channels, err);
    /* Directly: the ranges become part of a file, and should be those of the sums that the integers stand for. */
    const model_plan_options direct = { .batch = 1, .threads = c->threads, .winograd = MODEL_WINOGRAD_OFF };
    model_plan *plan = rgb ? model_plan_create(g, &direct, err) : NULL;
    if (!plan)
        goto done;
    for (int pass = 0; pass < 2; pass++) {
        c->counting = pass == 1;
        for (int i = 0; i < frames->count; i++) {
            if (!frames->read(frames->user, i, rgb, err))
                goto done;
            model_view in = model_plan_input(plan);
            model_normalise(rgb, pixels, channels, in.data, in.pitch);
            model_plan_observe(plan, weights, observe, c);
            base_progress_step(progress, (uint64_t)pass * frames->count + i + 1, pass ? "histograms" : "ranges");
        }
        for (int i = 0; pass == 0 && i < g->node_count; i++)
            if (!c->histograms[i].finite) {
                base_fail(err, BASE_FORMAT, "calibration: layer %s gives NaN or infinity: the float network diverged",
                          g->nodes[i].name);
                goto done;
            }
    }
    ok = true;
done:
    model_plan_destroy(plan);
    free(rgb);
    return ok;
}

static void node_range(const calibration *c, const quant_options *o, int node, float *lo, float *hi)
{
    const quant_histogram *h = &c->histograms[node];
    if (o->observer == QUANT_MINMAX) {
        *lo = h->lo;
        *hi = h->hi;
    } else {
        quant_histogram_range(h, o->percentile, lo, hi);
    }
}

/* Does `node` reach its parameters' origin without anyone else reading on the way? Then the origin may take the reader's parameters. */
static bool read_once(const model_graph *g, int node)
{
    for (;;) {
        if (model_graph_consumers(g, node) != 1)
            return false;
        model_op op = g->nodes[node].op;
        if (op != MODEL_OP_CROP && op != MODEL_OP_MAXPOOL)
            return true;
        node = g->nodes[node].inputs[0];
    }
}

/* Scales and zero points of every stored tensor. A concat gets the union of its branches' ranges; a branch that nothing else reads
 * (the transposed convolution) is quantised with the concat's parameters at once, one rounding instead of two. */
static bool choose_params(quant_model *q, const model_graph *g, const calibration *c, const quant_options *o, base_error *err)
{
    struct range {
        float lo, hi;
    } *ranges = base_alloc_zero((size_t)g->node_count, sizeof *ranges, err);
    bool *adopted = base_alloc_zero((size_t)g->node_count, sizeof *adopted, err);
    bool ok = ranges && adopted;
    for (int i = 0; ok && i < g->node_count; i++) {
        const model_node *n = &g->nodes[i];
        if (is_convolution(n->op) && i != c->last) {
            node_range(c, o, i, &ranges[i].lo, &ranges[i].hi);
            quant_layer_find(q, n->name)->out = quant_params_from_range(ranges[i].lo, ranges[i].hi);
        }
        if (n->op != MODEL_OP_CONCAT)
            continue;
        for (int k = 0; k < n->input_count; k++) {
            int origin = quant_origin(g, n->inputs[k]);
            ranges[i].lo = fminf(ranges[i].lo, ranges[origin].lo);
            ranges[i].hi = fmaxf(ranges[i].hi, ranges[origin].hi);
        }
        quant_params joint = quant_params_from_range(ranges[i].lo, ranges[i].hi);
        quant_layer_find(q, n->name)->out = joint;
        for (int k = 0; k < n->input_count; k++) {
            int origin = quant_origin(g, n->inputs[k]);
            bool takes = o->concat == QUANT_CONCAT_SHARED || read_once(g, n->inputs[k]);
            if (takes && is_convolution(g->nodes[origin].op) && !adopted[origin]) {
                quant_layer_find(q, g->nodes[origin].name)->out = joint;
                adopted[origin] = true;
            }
        }
    }
    free(adopted);
    free(ranges);
    return ok;
}

/* Round the weights of one convolution. file: its float weights in PyTorch's order. */
static bool quantise_layer(quant_layer *l, const float *file, const float *bias, quant_params src, base_error *err)
{
    size_t each = (size_t)l->ic * l->taps, count = each * l->oc;
    float *row = base_alloc(each * sizeof *row, err);
    int8_t *row_q = base_alloc(each, err), *file_q = base_alloc(count, err);
    bool ok = row && row_q && file_q;
    for (int o = 0; ok && o < l->oc; o++) {
        /* weights of output o: one run in OIHW, ic runs of `taps` in the transposed order */
        bool transposed = l->op == MODEL_OP_CONV_TRANSPOSE2D;
        size_t runs = transposed ? (size_t)l->ic : 1, run = each / runs;
        size_t first = transposed ? (size_t)o * run : (size_t)o * each, step = transposed ? (size_t)l->oc * run : 0;
        for (size_t r = 0; r < runs; r++)
            memcpy(row + r * run, file + first + r * step, run * sizeof *row);
        float b = bias ? bias[o] : 0.0f;
        float scale = quant_encode_weights(row, each, b, src.scale, row_q);
        for (size_t r = 0; r < runs; r++)
            memcpy(file_q + first + r * step, row_q + r * run, run);
        float sum_scale = src.scale * scale;
        l->weight_scale[o] = scale;
        l->bias[o] = (int32_t)rint((double)b / (double)sum_scale);
        if (l->multiplier)
            l->multiplier[o] = sum_scale / l->out.scale;
    }
    if (ok)
        quant_weights_from_file(l, file_q, l->weights);
    free(file_q);
    free(row_q);
    free(row);
    return ok && quant_sums_fit(l, err);
}

static bool quantise_layers(quant_model *q, const model_graph *g, const model_parameters *weights, base_error *err)
{
    for (int i = 0; i < g->node_count; i++) {
        const model_node *n = &g->nodes[i];
        quant_layer *l = quant_layer_find(q, n->name);
        if (!l)
            continue;
        if (is_convolution(n->op)) {
            const float *bias = n->bias >= 0 ? model_parameter_at(g, weights, n->bias) : NULL;
            if (!quantise_layer(l, model_parameter_at(g, weights, n->weight), bias, quant_node_params(q, g, n->inputs[0]), err))
                return false;
        }
        for (int k = 0; n->op == MODEL_OP_CONCAT && k < n->input_count; k++) {
            quant_params from = quant_node_params(q, g, n->inputs[k]);
            if (quant_params_equal(from, l->out))
                continue;
            if (!(l->tables[k] = base_alloc(256, err)))
                return false;
            quant_rescale_table(from, l->out, l->tables[k]);
        }
    }
    return true;
}

quant_model *quant_calibrate(const model *m, const quant_options *o, const quant_frames *frames, base_progress *progress,
                             base_error *err)
{
    if (!quant_options_check(o, err))
        return NULL;
    if (frames->count < 1) {
        base_fail(err, BASE_ARGUMENT, "calibration needs at least one image, found %d", frames->count);
        return NULL;
    }
    model_graph g = { 0 };
    model_parameters weights = { 0 };
    if (!model_fold(m, frames->h, frames->w, &g, &weights, err))
        return NULL;
    calibration c = { .threads = o->threads ? o->threads : base_cores(), .last = quant_last_layer(&g) };
    quant_model *q = quant_model_blank(&m->about, &g, err);
    bool ok = q && (c.histograms = base_alloc_zero((size_t)g.node_count, sizeof *c.histograms, err));
    for (int i = 0; ok && i < g.node_count; i++)
        quant_histogram_start(&c.histograms[i]);
    ok = ok && weights_finite(&g, &weights, err) && observe_frames(&c, &g, &weights, frames, progress, err) &&
         choose_params(q, &g, &c, o, err) && quantise_layers(q, &g, &weights, err);
    free(c.histograms);
    model_parameters_destroy(&weights);
    model_graph_destroy(&g);
    if (ok)
        return q;
    quant_model_destroy(q);
    return NULL;
}
