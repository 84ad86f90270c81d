/* Time runs over 2N+1 moments: forward of node i at i, the loss at N, backward of node i at 2N-i. A buffer lives from the
 * moment that first writes it to the last that reads it; buffers whose lives overlap get different bytes. */
#include "model/plan.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/cpu.h"
#include "base/pool.h"
#include "model/kernels/batchnorm.h"
#include "model/kernels/conv2d.h"
#include "model/kernels/kernels.h"
#include "model/kernels/pointwise.h"
#include "model/kernels/pool.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Bytes that several nodes may share: a tensor, or a concat with all its inputs. */
typedef struct buffer {
    size_t bytes, offset;
    int first, last; /* moments */
} buffer;

/* Where a node's values (or their gradients) lie: channels [channel, channel + c) of a buffer. */
typedef struct slot {
    int buffer; /* -1: none */
    int pitch, channel;
} slot;

/* What a node needs besides its tensors. */
typedef struct work {
    model_conv2d conv;                           /* CONV2D; CONV_TRANSPOSE2D: the convolution it is the transpose of */
    float *packed, *packed_backward;             /* weights in the kernels' order: for the output, for grad of the input */
    float *mean, *var, *scale, *shift, *inv_std; /* BATCHNORM, [c] each, of the last forward */
    bool grad_input;                             /* something below wants the gradient */
    bool accumulate;                             /* another consumer wrote grad of the input before */
} work;

struct model_plan {
    const model_graph *graph;
    int batch;
    bool training;
    model_cpu cpu;
    slot *values, *grads; /* per node */
    work *works;          /* per node */
    buffer *buffers;
    int buffer_count;
    unsigned char *memory; /* tensors, then packed weights and statistics, then scratch */
    void *scratch;         /* the largest that any call wants */
    size_t bytes;
    double *forward_s, *backward_s; /* per node */
    bool packed;                    /* for the current weights */
    model_mode mode;                /* of the last forward */
};

static size_t round64(size_t bytes) { return (bytes + 63) / 64 * 64; }
static size_t max_size(size_t a, size_t b) { return a > b ? a : b; }

static size_t pixels_of(const model_plan *p, int node)
{
    return (size_t)p->batch * p->graph->nodes[node].h * p->graph->nodes[node].w;
}

/* ---- planning ---- */

static int new_buffer(model_plan *p, size_t floats, int first)
{
    p->buffers[p->buffer_count] = (buffer){ .bytes = round64(floats * sizeof(float)), .first = first, .last = first };
    return p->buffer_count++;
}

static void touch(model_plan *p, slot s, int moment)
{
    buffer *b = &p->buffers[s.buffer];
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
static void place(model_plan *p, slot *slots, int moment_of_node_0, int step)
{
    const model_graph *g = p->graph;
    for (int i = g->node_count - 1; i >= 0; i--) {
        int home = home_of(g, i);
        if (home >= 0)
            slots[i] = (slot){ slots[home].buffer, slots[home].pitch, slots[home].channel + channel_in(g, home, i) };
        else
            slots[i] = (slot){ new_buffer(p, pixels_of(p, i) * g->nodes[i].c, moment_of_node_0 + step * i), g->nodes[i].c, 0 };
    }
}

static void plan_values(model_plan *p)
{
    const model_graph *g = p->graph;
    int n = g->node_count;
    place(p, p->values, 0, 1);
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
    bool *wanted = calloc((size_t)n * 2, sizeof *wanted), *written = wanted + n;
    if (!wanted)
        return base_fail(err, BASE_MEMORY, "plan: no memory for %d nodes", n);
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
            p->grads[i] =
                (slot){ p->grads[home].buffer, p->grads[home].pitch, p->grads[home].channel + channel_in(g, home, i) };
        else if (reader < n && model_graph_consumers(g, i) == 1 && p->grads[reader].pitch == g->nodes[i].c)
            p->grads[i] = p->grads[reader];
        else
            p->grads[i] = (slot){ new_buffer(p, pixels_of(p, i) * g->nodes[i].c, 2 * n - i), g->nodes[i].c, 0 };
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

/* Offsets by first fit, largest first: each buffer goes to the lowest place that is free during its whole life. Returns the bytes used. */
static size_t pack_buffers(model_plan *p)
{
    size_t total = 0;
    bool placed[2 * 4096] = { false };
    for (int round = 0; round < p->buffer_count; round++) {
        int largest = -1;
        for (int i = 0; i < p->buffer_count; i++)
            if (!placed[i] && (largest < 0 || p->buffers[i].bytes > p->buffers[largest].bytes))
                largest = i;
        buffer *b = &p->buffers[largest];
        b->offset = 0;
        for (bool moved = true; moved;) {
            moved = false;
            for (int i = 0; i < p->buffer_count; i++) {
                const buffer *o = &p->buffers[i];
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

/* The same convolution between gradient tensors, whose pitches may differ from the values'. */
static model_conv2d conv_grad(const model_plan *p, int i, bool src_is_grad)
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

static model_batchnorm batchnorm_of(const model_plan *p, int i)
{
    const model_node *n = &p->graph->nodes[i];
    return (model_batchnorm){ .pixels = pixels_of(p, i),
                              .channels = n->c,
                              .src_pitch = p->values[n->inputs[0]].pitch,
                              .dst_pitch = p->values[i].pitch,
                              .relu = n->relu };
}

/* The next `bytes` of a block; NULL while only sizes are counted. */
static float *hand_out(unsigned char *base, size_t *at, size_t bytes)
{
    float *p = base ? (float *)(void *)(base + *at) : NULL;
    *at += round64(bytes);
    return p;
}

/* Sizes first (base NULL), then the same walk hands out the memory. Returns the bytes; *scratch_bytes the largest scratch. */
static size_t plan_works(model_plan *p, unsigned char *base, size_t *scratch_bytes, base_error *err)
{
    size_t at = 0, scratch = 64;
    for (int i = 0; i < p->graph->node_count; i++) {
        const model_node *n = &p->graph->nodes[i];
        work *w = &p->works[i];
        if (n->op == MODEL_OP_CONV2D || n->op == MODEL_OP_CONV_TRANSPOSE2D) {
            bool transposed = n->op == MODEL_OP_CONV_TRANSPOSE2D;
            w->conv = conv_of(p, i);
            if (!model_conv2d_check(&w->conv, err)) {
                base_fail_in(err, "node %s", n->name);
                return 0;
            }
            model_pass forward = transposed ? MODEL_BACKWARD_DATA : MODEL_FORWARD,
                       data = transposed ? MODEL_FORWARD : MODEL_BACKWARD_DATA;
            w->packed = hand_out(base, &at, model_conv2d_packed_bytes(&p->cpu, &w->conv, forward));
            scratch = max_size(scratch, model_conv2d_scratch_bytes(&p->cpu, &w->conv, forward));
            if (p->training) {
                model_conv2d values = conv_grad(p, i, false);
                scratch = max_size(scratch, model_conv2d_scratch_bytes(&p->cpu, &values, MODEL_BACKWARD_WEIGHTS));
            }
            if (p->training && w->grad_input) {
                model_conv2d grads = conv_grad(p, i, true);
                w->packed_backward = hand_out(base, &at, model_conv2d_packed_bytes(&p->cpu, &grads, data));
                scratch = max_size(scratch, model_conv2d_scratch_bytes(&p->cpu, &grads, data));
            }
        } else if (n->op == MODEL_OP_BATCHNORM) {
            model_batchnorm s = batchnorm_of(p, i);
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
    size_t scratch = 0, tensors = pack_buffers(p), works = plan_works(p, NULL, &scratch, err);
    if (works == 0)
        return false;
    p->bytes = tensors + works + scratch;
    p->memory = base_alloc(p->bytes, err);
    if (!p->memory)
        return base_fail_in(err, "plan: %zu MiB for a batch of %d", p->bytes >> 20, p->batch);
        /* First touch by all threads: page faults of a large arena cost as much as a training step. */
#pragma omp parallel for num_threads(p->cpu.threads) schedule(static)
    for (size_t at = 0; at < p->bytes; at += 4096)
        memset(p->memory + at, 0, p->bytes - at < 4096 ? p->bytes - at : 4096);
    plan_works(p, p->memory + tensors, &scratch, NULL);
    p->scratch = p->memory + tensors + works;
    return true;
}

model_plan *model_plan_create(const model_graph *g, const model_plan_options *o, base_error *err)
{
    uint32_t bits;
    if (o->batch < 1 || o->batch > 65536 || o->threads < 0 || g->output < 0 || g->node_count > 4096) {
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
    p->forward_s = base_alloc_zero(2 * n, sizeof *p->forward_s, err);
    if (!p->values || !p->works || !p->buffers || !p->forward_s)
        goto failed;
    p->grads = p->values + n;
    p->backward_s = p->forward_s + n;
    for (size_t i = 0; i < 2 * n; i++)
        p->values[i].buffer = -1;
    plan_values(p);
    if (p->training && !plan_grads(p, err))
        goto failed;
    if (!take_memory(p, err))
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
    free(p->forward_s);
    free(p->buffers);
    free(p->works);
    free(p->values);
    free(p);
}

/* ---- access ---- */

static float *at(const model_plan *p, slot s) { return (float *)(p->memory + p->buffers[s.buffer].offset) + s.channel; }

static model_view view(const model_plan *p, int node, slot s)
{
    const model_node *n = &p->graph->nodes[node];
    return (model_view){ .data = at(p, s), .n = p->batch, .h = n->h, .w = n->w, .c = n->c, .pitch = s.pitch };
}

model_view model_plan_input(model_plan *p) { return view(p, 0, p->values[0]); }
model_view model_plan_output(model_plan *p) { return view(p, p->graph->output, p->values[p->graph->output]); }

model_view model_plan_grad_output(model_plan *p)
{
    assert(p->training);
    return view(p, p->graph->output, p->grads[p->graph->output]);
}

size_t model_plan_bytes(const model_plan *p) { return p->bytes; }
const char *model_plan_isa(const model_plan *p) { return model_kernels_name(p->cpu.kernels); }
void model_plan_weights_changed(model_plan *p) { p->packed = false; }

void model_plan_times(const model_plan *p, const double **forward_s, const double **backward_s)
{
    if (forward_s)
        *forward_s = p->forward_s;
    if (backward_s)
        *backward_s = p->backward_s;
}

/* ---- running ---- */

static void pack_weights(model_plan *p, const model_parameters *weights)
{
    if (p->packed)
        return;
    for (int i = 0; i < p->graph->node_count; i++) {
        const model_node *n = &p->graph->nodes[i];
        const work *w = &p->works[i];
        if (n->op != MODEL_OP_CONV2D && n->op != MODEL_OP_CONV_TRANSPOSE2D)
            continue;
        bool transposed = n->op == MODEL_OP_CONV_TRANSPOSE2D;
        const float *values = model_parameter_at(p->graph, weights, n->weight);
        model_conv2d_pack(&p->cpu, &w->conv, transposed ? MODEL_BACKWARD_DATA : MODEL_FORWARD, values, w->packed);
        if (w->packed_backward) {
            model_conv2d s = conv_grad(p, i, true);
            model_conv2d_pack(&p->cpu, &s, transposed ? MODEL_FORWARD : MODEL_BACKWARD_DATA, values, w->packed_backward);
        }
    }
    p->packed = true;
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

static void batchnorm_forward(model_plan *p, int i, const model_parameters *weights, float *running_mean, float *running_var,
                              bool batch)
{
    const model_graph *g = p->graph;
    const model_node *n = &g->nodes[i];
    const work *w = &p->works[i];
    model_batchnorm s = batchnorm_of(p, i);
    const float *src = at(p, p->values[n->inputs[0]]), *mean = model_parameter_at(g, weights, n->running_mean),
                *var = model_parameter_at(g, weights, n->running_var);
    if (batch) {
        model_batchnorm_statistics(&p->cpu, &s, src, w->mean, w->var, p->scratch);
        /* the running variance is the unbiased one: m/(m-1) */
        float unbias = s.pixels > 1 ? (float)((double)s.pixels / (double)(s.pixels - 1)) : 1.0f;
        for (int c = 0; c < n->c; c++) {
            running_mean[c] = (1 - n->momentum) * running_mean[c] + n->momentum * w->mean[c];
            running_var[c] = (1 - n->momentum) * running_var[c] + n->momentum * (w->var[c] * unbias);
        }
        mean = w->mean;
        var = w->var;
        model_batchnorm_inv_std(n->c, var, n->eps, w->inv_std);
    }
    model_batchnorm_fold(n->c, model_parameter_at(g, weights, n->weight), model_parameter_at(g, weights, n->bias), mean, var,
                         n->eps, w->scale, w->shift);
    model_batchnorm_apply(&p->cpu, &s, src, w->scale, w->shift, at(p, p->values[i]));
}

/* stats: where batch statistics are kept, NULL = use the stored ones. */
static void forward_node(model_plan *p, int i, const model_parameters *weights, model_parameters *stats)
{
    const model_graph *g = p->graph;
    const model_node *n = &g->nodes[i];
    const work *w = &p->works[i];
    if (n->op == MODEL_OP_INPUT)
        return;
    int from = n->inputs[0];
    model_view src = view(p, from, p->values[from]), dst = view(p, i, p->values[i]);
    switch (n->op) {
    case MODEL_OP_INPUT: break;
    case MODEL_OP_REFLECT_PAD: pad_forward(p, n, &src, &dst); break;
    case MODEL_OP_CONV2D:
        model_conv2d_forward(&p->cpu, &w->conv, src.data, w->packed, bias_of(p, weights, n), n->relu, dst.data, p->scratch);
        break;
    case MODEL_OP_CONV_TRANSPOSE2D:
        model_conv2d_transposed_forward(&p->cpu, &w->conv, src.data, w->packed, bias_of(p, weights, n), false, dst.data,
                                        p->scratch);
        break;
    case MODEL_OP_BATCHNORM:
        batchnorm_forward(p, i, weights, stats ? model_parameter_at(g, stats, n->running_mean) : NULL,
                          stats ? model_parameter_at(g, stats, n->running_var) : NULL, stats != NULL);
        break;
    case MODEL_OP_RELU:
        model_relu_forward(&p->cpu, &(model_pixels){ pixels_of(p, i), n->c, src.pitch, 0, dst.pitch }, src.data, dst.data);
        break;
    case MODEL_OP_MAXPOOL:
        model_pool2x2_forward(&p->cpu, &(model_pool2x2){ p->batch, src.h, src.w, n->c, src.pitch, dst.pitch }, src.data,
                              dst.data);
        break;
    case MODEL_OP_CROP: crop(p, n, &src, &dst, false); break;
    case MODEL_OP_CONCAT:
        for (int k = 0, channel = 0; k < n->input_count; channel += g->nodes[n->inputs[k]].c, k++) {
            model_view part = view(p, n->inputs[k], p->values[n->inputs[k]]);
            if (part.data != dst.data + channel) /* not written in place */
                model_copy(&p->cpu, &(model_pixels){ pixels_of(p, i), part.c, part.pitch, 0, dst.pitch }, part.data,
                           dst.data + channel);
        }
        break;
    }
}

static void forward(model_plan *p, const model_parameters *weights, model_parameters *stats, model_observe observe, void *user)
{
    pack_weights(p, weights);
    for (int i = 0; i < p->graph->node_count; i++) {
        double start = base_clock_s();
        forward_node(p, i, weights, stats);
        p->forward_s[i] += base_clock_s() - start;
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

static void backward_node(model_plan *p, int i, model_parameters *gradients)
{
    const model_graph *g = p->graph;
    const model_node *n = &g->nodes[i];
    const work *w = &p->works[i];
    if (p->grads[i].buffer < 0 || n->op == MODEL_OP_INPUT)
        return; /* nothing trainable at or below this node */
    int from = n->inputs[0];
    model_view src = view(p, from, p->values[from]), dst = view(p, i, p->values[i]), grad_dst = view(p, i, p->grads[i]);
    model_view grad_src = w->grad_input ? view(p, from, p->grads[from]) : (model_view){ 0 };
    float *grad_weight = n->weight >= 0 ? model_parameter_at(g, gradients, n->weight) : NULL;
    float *grad_bias = n->bias >= 0 ? model_parameter_at(g, gradients, n->bias) : NULL;
    switch (n->op) {
    case MODEL_OP_INPUT: break;
    case MODEL_OP_CONV2D: {
        if (n->relu)
            model_relu_backward(&p->cpu, &(model_pixels){ pixels_of(p, i), n->c, dst.pitch, grad_dst.pitch, grad_dst.pitch },
                                dst.data, grad_dst.data, grad_dst.data);
        model_conv2d s = conv_grad(p, i, false);
        model_conv2d_backward_weights(&p->cpu, &s, src.data, grad_dst.data, grad_weight, grad_bias, p->scratch);
        if (w->grad_input) {
            s = conv_grad(p, i, true);
            model_conv2d_backward_data(&p->cpu, &s, grad_dst.data, w->packed_backward, w->accumulate, grad_src.data,
                                       p->scratch);
        }
        break;
    }
    case MODEL_OP_CONV_TRANSPOSE2D: {
        model_conv2d s = conv_grad(p, i, false);
        model_conv2d_transposed_backward_weights(&p->cpu, &s, src.data, grad_dst.data, grad_weight, grad_bias, p->scratch);
        if (w->grad_input) {
            s = conv_grad(p, i, true);
            model_conv2d_transposed_backward_data(&p->cpu, &s, grad_dst.data, w->packed_backward, grad_src.data, p->scratch);
        }
        break;
    }
    case MODEL_OP_BATCHNORM: {
        model_batchnorm s = batchnorm_of(p, i);
        s.dst_pitch = grad_dst.pitch;
        model_batchnorm_backward(&p->cpu, &s, src.data, grad_dst.data, w->scale, w->shift, w->mean, w->inv_std, grad_src.data,
                                 grad_weight, grad_bias, p->scratch);
        break;
    }
    case MODEL_OP_RELU:
        if (w->grad_input)
            model_relu_backward(&p->cpu, &(model_pixels){ pixels_of(p, i), n->c, dst.pitch, grad_dst.pitch, grad_src.pitch },
                                dst.data, grad_dst.data, grad_src.data);
        break;
    case MODEL_OP_MAXPOOL:
        model_pool2x2_backward(&p->cpu, &(model_pool2x2){ p->batch, src.h, src.w, n->c, src.pitch, grad_dst.pitch }, src.data,
                               grad_dst.data, w->accumulate, grad_src.data);
        break;
    case MODEL_OP_REFLECT_PAD: pad_backward(p, n, &grad_dst, &grad_src); break;
    case MODEL_OP_CROP: crop(p, n, &grad_src, &grad_dst, true); break;
    case MODEL_OP_CONCAT: break; /* gradients of the parts are slices of grad_dst */
    }
}

void model_plan_backward(model_plan *p, model_parameters *gradients)
{
    assert(p->training && p->mode == MODEL_BATCH_STATISTICS);
    for (int i = p->graph->node_count - 1; i >= 0; i--) {
        double start = base_clock_s();
        backward_node(p, i, gradients);
        p->backward_s[i] += base_clock_s() - start;
    }
}
