/* Shapes, lives and places first; memory once at the end. */
#include "base/arena.h"
#include "base/cpu.h"
#include "base/pool.h"
#include "model/plan_inside.h"
#include <stdlib.h>
#include <string.h>

static size_t round64(size_t bytes) { return (bytes + 63) / 64 * 64; }
static size_t max_size(size_t a, size_t b) { return a > b ? a : b; }

size_t model_plan_pixels(const model_plan *p, int node)
{
    return (size_t)p->batch * p->graph->nodes[node].h * p->graph->nodes[node].w;
}

/* ---- planning ---- */

static int new_buffer(model_plan *p, size_t floats, int first)
{
    p->buffers[p->buffer_count] =
        (model_plan_buffer){ .bytes = round64(floats * sizeof(float)), .first = first, .last = first };
    return p->buffer_count++;
}

static void touch(model_plan *p, model_plan_slot s, int moment)
{
    model_plan_buffer *b = &p->buffers[s.buffer];
    b->first = moment < b->first ? moment : b->first;
    b->last = moment > b->last ? moment : b->last;
}

/* The concat that node i can write straight into: its channels then need no copy. -1 when there is none or several. */
static int home_of(const model_graph *g, int i)
{
    int home = -1;
    if (g->nodes[i].op == MODEL_OP_INPUT || i == g->output)
        return -1; /* the caller reads and writes these: they stay packed */
    for (int k = i + 1; k < g->node_count; k++)
        for (int j = 0; g->nodes[k].op == MODEL_OP_CONCAT && j < g->nodes[k].input_count; j++)
            if (g->nodes[k].inputs[j] == i) {
                if (home >= 0)
                    return -1;
                home = k;
            }
    return home;
}

/* Channel at which input i of concat k begins. */
static int channel_in(const model_graph *g, int k, int i)
{
    int channel = 0;
    for (int j = 0; g->nodes[k].inputs[j] != i; j++)
        channel += g->nodes[g->nodes[k].inputs[j]].c;
    return channel;
}

/* Give every node a slot; concats (higher indices) come first so that their inputs can be placed inside. */
static void place(model_plan *p, model_plan_slot *slots)
{
    const model_graph *g = p->graph;
    for (int i = g->node_count - 1; i >= 0; i--) {
        int home = home_of(g, i);
        if (home >= 0)
            slots[i] = (model_plan_slot){ slots[home].buffer, slots[home].pitch, slots[home].channel + channel_in(g, home, i) };
        else
            slots[i] = (model_plan_slot){ new_buffer(p, model_plan_pixels(p, i) * g->nodes[i].c, i), g->nodes[i].c, 0 };
    }
}

static void plan_values(model_plan *p)
{
    const model_graph *g = p->graph;
    int n = g->node_count;
    place(p, p->values);
    for (int i = 0; i < n; i++) {
        const model_node *node = &g->nodes[i];
        touch(p, p->values[i], i);
        for (int k = 0; k < node->input_count; k++)
            touch(p, p->values[node->inputs[k]], i);
        if (!p->training)
            continue;
        int backward = 2 * n - i;
        bool reads_input = node->op == MODEL_OP_CONV2D || node->op == MODEL_OP_CONV_TRANSPOSE2D ||
                           node->op == MODEL_OP_BATCHNORM || node->op == MODEL_OP_MAXPOOL;
        bool reads_output = node->op == MODEL_OP_RELU || (node->op == MODEL_OP_CONV2D && node->relu);
        if (reads_input)
            touch(p, p->values[node->inputs[0]], backward);
        if (reads_output)
            touch(p, p->values[i], backward);
    }
    touch(p, p->values[0], 0);         /* filled before the first node */
    touch(p, p->values[g->output], n); /* read by the loss */
}

/* Whether the gradient call of node i writes that of its input `from` as the kernels can: adding to what later consumers wrote
 * only for convolution and pooling, at the pitch of the values for pooling and BatchNorm, in place for a concat. */
static bool can_write_grad(const model_plan *p, int i, int from, bool accumulate)
{
    const model_node *node = &p->graph->nodes[i];
    if (node->op == MODEL_OP_CONCAT)
        return !accumulate && home_of(p->graph, from) == i;
    if (accumulate && node->op != MODEL_OP_CONV2D && node->op != MODEL_OP_MAXPOOL)
        return false;
    return (node->op != MODEL_OP_MAXPOOL && node->op != MODEL_OP_BATCHNORM) || p->grads[from].pitch == p->values[from].pitch;
}

static bool plan_grads(model_plan *p, base_error *err)
{
    const model_graph *g = p->graph;
    int n = g->node_count;
    bool *wanted = calloc((size_t)n * 2, sizeof *wanted);
    if (!wanted)
        return base_fail(err, BASE_MEMORY, "plan: no memory for %d nodes", n);
    bool *written = wanted + n; /* by a consumer that comes later in the graph */
    for (int i = 0; i < n; i++) {
        wanted[i] = g->nodes[i].weight >= 0;
        for (int k = 0; k < g->nodes[i].input_count; k++)
            wanted[i] |= wanted[g->nodes[i].inputs[k]];
    }
    for (int i = n - 1; i >= 0; i--) {
        if (!wanted[i])
            continue;
        int home = home_of(g, i), reader = i + 1;
        /* BatchNorm turns the gradient of its output into that of its input on the spot */
        while (reader < n && !(g->nodes[reader].op == MODEL_OP_BATCHNORM && g->nodes[reader].inputs[0] == i))
            reader++;
        if (home >= 0 && wanted[home])
            p->grads[i] = (model_plan_slot){ p->grads[home].buffer, p->grads[home].pitch,
                                             p->grads[home].channel + channel_in(g, home, i) };
        else if (reader < n && model_graph_consumers(g, i) == 1 && p->grads[reader].pitch == g->nodes[i].c)
            p->grads[i] = p->grads[reader];
        else
            p->grads[i] =
                (model_plan_slot){ new_buffer(p, model_plan_pixels(p, i) * g->nodes[i].c, 2 * n - i), g->nodes[i].c, 0 };
    }
    bool ok = true;
    touch(p, p->grads[g->output], n);
    written[g->output] = true;
    for (int i = n - 1; i > 0 && ok; i--) {
        const model_node *node = &g->nodes[i];
        if (!wanted[i])
            continue;
        touch(p, p->grads[i], 2 * n - i);
        if (!written[i]) {
            ok = base_fail(err, BASE_UNSUPPORTED, "plan: node %s leads nowhere: it cannot be trained", node->name);
            break;
        }
        for (int k = 0; k < node->input_count; k++) {
            int from = node->inputs[k];
            if (!wanted[from])
                continue;
            p->works[i].grad_input = true;
            p->works[i].accumulate = written[from];
            if (!can_write_grad(p, i, from, written[from])) {
                ok = base_fail(err, BASE_UNSUPPORTED,
                               "plan: node %s (%s) cannot share the gradient of %s with its other readers", node->name,
                               model_op_name(node->op), g->nodes[from].name);
                break;
            }
            written[from] = true;
            touch(p, p->grads[from], 2 * n - i);
        }
    }
    free(wanted);
    return ok;
}

/* Offsets by first fit, largest first: each buffer goes to the lowest place that is free during its whole life. Returns the
 * bytes used. */
static size_t pack_buffers(model_plan *p)
{
    size_t total = 0;
    bool placed[2 * 4096] = { false };
    for (int round = 0; round < p->buffer_count; round++) {
        int largest = -1;
        for (int i = 0; i < p->buffer_count; i++)
            if (!placed[i] && (largest < 0 || p->buffers[i].bytes > p->buffers[largest].bytes))
                largest = i;
        model_plan_buffer *b = &p->buffers[largest];
        b->offset = 0;
        for (bool moved = true; moved;) {
            moved = false;
            for (int i = 0; i < p->buffer_count; i++) {
                const model_plan_buffer *o = &p->buffers[i];
                bool together = placed[i] && o->first <= b->last && b->first <= o->last;
                if (together && o->offset < b->offset + b->bytes && b->offset < o->offset + o->bytes) {
                    b->offset = o->offset + o->bytes;
                    moved = true;
                }
            }
        }
        placed[largest] = true;
        total = max_size(total, b->offset + b->bytes);
    }
    return total;
}

static model_conv2d conv_of(const model_plan *p, int i)
{
    const model_node *n = &p->graph->nodes[i], *from = &p->graph->nodes[n->inputs[0]];
    int src_pitch = p->values[n->inputs[0]].pitch, dst_pitch = p->values[i].pitch;
    if (n->op == MODEL_OP_CONV_TRANSPOSE2D) {
        model_conv2d s = model_conv2d_transposed_2x2(p->batch, from->c, n->c, from->h, from->w);
        s.dst_pitch = src_pitch; /* its output side is what the transpose reads */
        s.src_pitch = dst_pitch;
        return s;
    }
    return (model_conv2d){ .n = p->batch,
                           .ic = from->c,
                           .ih = from->h,
                           .iw = from->w,
                           .oc = n->c,
                           .kh = n->kernel,
                           .kw = n->kernel,
                           .stride_h = n->stride,
                           .stride_w = n->stride,
                           .padding_h = n->padding,
                           .padding_w = n->padding,
                           .dilation_h = n->dilation,
                           .dilation_w = n->dilation,
                           .src_pitch = src_pitch,
                           .dst_pitch = dst_pitch };
}

model_conv2d model_plan_conv_grad(const model_plan *p, int i, bool src_is_grad)
{
    model_conv2d s = p->works[i].conv;
    int from = p->graph->nodes[i].inputs[0];
    bool transposed = p->graph->nodes[i].op == MODEL_OP_CONV_TRANSPOSE2D;
    int *input_pitch = transposed ? &s.dst_pitch : &s.src_pitch, *output_pitch = transposed ? &s.src_pitch : &s.dst_pitch;
    *output_pitch = p->grads[i].pitch;
    if (src_is_grad)
        *input_pitch = p->grads[from].pitch;
    return s;
}

model_batchnorm model_plan_batchnorm(const model_plan *p, int i)
{
    const model_node *n = &p->graph->nodes[i];
    return (model_batchnorm){ .pixels = model_plan_pixels(p, i),
                              .channels = n->c,
                              .src_pitch = p->values[n->inputs[0]].pitch,
                              .dst_pitch = p->values[i].pitch,
                              .relu = n->relu };
}

const char *const model_winograd_names[] = { "auto", "off", "f2", "f4", NULL };

/* The shapes of convolutions, and how each is computed. */
static bool plan_convolutions(model_plan *p, const model_plan_options *o, base_error *err)
{
    static const model_algorithm most[] = { [MODEL_WINOGRAD_AUTO] = MODEL_WINOGRAD4,
                                            [MODEL_WINOGRAD_OFF] = MODEL_DIRECT,
                                            [MODEL_WINOGRAD_F2] = MODEL_WINOGRAD2,
                                            [MODEL_WINOGRAD_F4] = MODEL_WINOGRAD4 };
    for (int i = 0; i < p->graph->node_count; i++) {
        const model_node *n = &p->graph->nodes[i];
        model_plan_work *w = &p->works[i];
        if (n->op != MODEL_OP_CONV2D && n->op != MODEL_OP_CONV_TRANSPOSE2D)
            continue;
        w->conv = conv_of(p, i);
        if (!model_conv2d_check(&w->conv, err))
            return base_fail_in(err, "node %s", n->name);
        if (n->op == MODEL_OP_CONV2D) {
            w->algorithm = o->algorithms ? o->algorithms[i] : model_convolve_choose(most[o->winograd], &w->conv, p->training);
            if (p->training)
                w->weights_algorithm = o->weights_algorithms ? o->weights_algorithms[i]
                                                             : model_convolve_choose_weights(most[o->winograd], &w->conv);
        }
        if (!model_convolve_fits(w->algorithm, &w->conv) || !model_convolve_fits(w->weights_algorithm, &w->conv))
            return base_fail(err, BASE_ARGUMENT, "plan: node %s cannot be computed by %s", n->name,
                             model_algorithm_names[w->algorithm > w->weights_algorithm ? w->algorithm : w->weights_algorithm]);
    }
    return true;
}

/* The next `bytes` of a block; NULL while only sizes are counted. */
static float *hand_out(unsigned char *base, size_t *at, size_t bytes)
{
    float *p = base ? (float *)(void *)(base + *at) : NULL;
    *at += round64(bytes);
    return p;
}

/* Sizes first (base NULL), then the same walk hands out the memory. Returns the bytes; *scratch_bytes the largest scratch. */
static size_t plan_works(model_plan *p, unsigned char *base, size_t *scratch_bytes)
{
    size_t at = 0, scratch = 64;
    for (int i = 0; i < p->graph->node_count; i++) {
        const model_node *n = &p->graph->nodes[i];
        model_plan_work *w = &p->works[i];
        if (n->op == MODEL_OP_CONV2D || n->op == MODEL_OP_CONV_TRANSPOSE2D) {
            bool transposed = n->op == MODEL_OP_CONV_TRANSPOSE2D;
            model_pass forward = transposed ? MODEL_BACKWARD_DATA : MODEL_FORWARD,
                       data = transposed ? MODEL_FORWARD : MODEL_BACKWARD_DATA;
            w->packed = hand_out(base, &at, model_convolve_packed_bytes(&p->cpu, w->algorithm, &w->conv, forward));
            scratch = max_size(scratch, model_convolve_scratch_bytes(&p->cpu, w->algorithm, &w->conv, forward));
            if (p->training) {
                model_conv2d values = model_plan_conv_grad(p, i, false);
                scratch = max_size(
                    scratch, model_convolve_scratch_bytes(&p->cpu, w->weights_algorithm, &values, MODEL_BACKWARD_WEIGHTS));
            }
            if (p->training && w->grad_input) {
                model_conv2d grads = model_plan_conv_grad(p, i, true);
                w->packed_backward = hand_out(base, &at, model_convolve_packed_bytes(&p->cpu, w->algorithm, &grads, data));
                scratch = max_size(scratch, model_convolve_scratch_bytes(&p->cpu, w->algorithm, &grads, data));
            }
        } else if (n->op == MODEL_OP_BATCHNORM) {
            model_batchnorm s = model_plan_batchnorm(p, i);
            float **arrays[] = { &w->mean, &w->var, &w->scale, &w->shift, &w->inv_std };
            for (size_t k = 0; k < sizeof arrays / sizeof arrays[0]; k++)
                *arrays[k] = hand_out(base, &at, (size_t)n->c * sizeof(float));
            scratch = max_size(scratch, model_batchnorm_scratch_bytes(&p->cpu, &s));
        }
    }
    *scratch_bytes = round64(scratch);
    return at + 64;
}

static bool take_memory(model_plan *p, base_error *err)
{
    size_t scratch = 0, tensors = pack_buffers(p), works = plan_works(p, NULL, &scratch);
    p->bytes = tensors + works + scratch;
    p->memory = base_alloc(p->bytes, err);
    if (!p->memory)
        return base_fail_in(err, "plan: %zu MiB for a batch of %d", p->bytes >> 20, p->batch);
        /* First touch by all threads: page faults of a large arena cost as much as a training step. */
#pragma omp parallel for num_threads(p->cpu.threads) schedule(static)
    for (size_t at = 0; at < p->bytes; at += 4096)
        memset(p->memory + at, 0, p->bytes - at < 4096 ? p->bytes - at : 4096);
    plan_works(p, p->memory + tensors, &scratch);
    p->scratch = p->memory + tensors + works;
    return true;
}

model_plan *model_plan_create(const model_graph *g, const model_plan_options *o, base_error *err)
{
    uint32_t bits;
    if (o->batch < 1 || o->batch > 65536 || o->threads < 0 || o->winograd < MODEL_WINOGRAD_AUTO ||
        o->winograd > MODEL_WINOGRAD_F4 || g->output < 0 || g->node_count > 4096) {
        base_fail(err, BASE_ARGUMENT, "plan: batch %d and threads %d must be at least 1 and 0, and the graph finished",
                  o->batch, o->threads);
        return NULL;
    }
    if (!base_cpu_select(o->isa, &bits, err))
        return NULL;
    size_t n = (size_t)g->node_count;
    model_plan *p = base_alloc_zero(1, sizeof *p, err);
    if (!p)
        return NULL;
    p->graph = g;
    p->batch = o->batch;
    p->training = o->training;
    p->cpu = (model_cpu){ model_kernels_select(bits), o->threads ? o->threads : base_cores() };
    p->values = base_alloc_zero(2 * n, sizeof *p->values, err);
    p->works = base_alloc_zero(n, sizeof *p->works, err);
    p->buffers = base_alloc_zero(2 * n, sizeof *p->buffers, err);
    if (!p->values || !p->works || !p->buffers)
        goto failed;
    p->grads = p->values + n;
    for (size_t i = 0; i < 2 * n; i++)
        p->values[i].buffer = -1;
    plan_values(p);
    if (p->training && !plan_grads(p, err))
        goto failed;
    if (!plan_convolutions(p, o, err) || !take_memory(p, err))
        goto failed;
    return p;
failed:
    model_plan_destroy(p);
    return NULL;
}

void model_plan_destroy(model_plan *p)
{
    if (!p)
        return;
    free(p->memory);
    free(p->buffers);
    free(p->works);
    free(p->values);
    free(p);
}
