/* Shapes, then lives and places (plan_lives.c); memory once at the end. */
#include "base/arena.h"
#include "base/cpu.h"
#include "base/pool.h"
#include "model/plan_inside.h"
#include <stdlib.h>
#include <string.h>

static size_t round64(size_t bytes) { return (bytes + 63) / 64 * 64; }
static size_t max_size(size_t a, size_t b) { return a > b ? a : b; }

static bool convolves(const model_node *n) { return n->op == MODEL_OP_CONV2D || n->op == MODEL_OP_CONV_TRANSPOSE2D; }

size_t model_plan_pixels(const model_plan *p, int node)
{
    return (size_t)p->batch * p->graph->nodes[node].h * p->graph->nodes[node].w;
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
                           .dst_pitch = dst_pitch,
                           .groups = n->groups };
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
                              .relu = n->relu,
                              .pooled_w = p->works[i].pool ? n->w : 0,
                              .pooled_pitch = p->works[i].pool ? p->values[p->works[i].pool].pitch : 0 };
}

/* What one convolution takes in each step. */
static void plan_needs(model_plan *p, int i)
{
    model_plan_work *w = &p->works[i];
    bool transposed = p->graph->nodes[i].op == MODEL_OP_CONV_TRANSPOSE2D;
    model_pass forward = transposed ? MODEL_BACKWARD_DATA : MODEL_FORWARD,
               data = transposed ? MODEL_FORWARD : MODEL_BACKWARD_DATA;
    w->forward.packed = round64(model_convolve_packed_bytes(&p->cpu, w->algorithm, &w->conv, forward));
    w->forward.bytes = w->forward.packed + model_convolve_scratch_bytes(&p->cpu, w->algorithm, &w->conv, forward);
    if (!p->training) {
        w->forward.bytes -= w->forward.packed;
        return;
    }
    model_conv2d s = model_plan_conv_grad(p, i, false);
    w->backward.bytes = model_convolve_scratch_bytes(&p->cpu, w->weights_algorithm, &s, MODEL_BACKWARD_WEIGHTS);
    if (!w->grad_input)
        return;
    s = model_plan_conv_grad(p, i, true);
    w->backward.packed = round64(model_convolve_packed_bytes(&p->cpu, w->algorithm, &s, data));
    w->backward.bytes =
        max_size(w->backward.bytes, w->backward.packed + model_convolve_scratch_bytes(&p->cpu, w->algorithm, &s, data));
}

const char *const model_winograd_names[] = { "auto", "off", "f2", "f4", NULL };

/* The shapes of convolutions, how each is computed, and what each step takes for itself. */
static bool plan_works(model_plan *p, const model_plan_options *o, base_error *err)
{
    static const model_algorithm most[] = { [MODEL_WINOGRAD_AUTO] = MODEL_WINOGRAD4,
                                            [MODEL_WINOGRAD_OFF] = MODEL_DIRECT,
                                            [MODEL_WINOGRAD_F2] = MODEL_WINOGRAD2,
                                            [MODEL_WINOGRAD_F4] = MODEL_WINOGRAD4 };
    for (int i = 0; i < p->graph->node_count; i++) {
        const model_node *n = &p->graph->nodes[i];
        model_plan_work *w = &p->works[i];
        if (n->op == MODEL_OP_BATCHNORM) {
            model_batchnorm s = model_plan_batchnorm(p, i);
            w->forward.bytes = w->backward.bytes = model_batchnorm_scratch_bytes(&p->cpu, &s);
        }
        if (!convolves(n))
            continue;
        w->conv = conv_of(p, i);
        w->conv.precision = (model_precision)o->precision;
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
        plan_needs(p, i);
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

/* What is kept beside the buffers. Sizes first (base NULL), then the same walk hands out the memory. Returns the bytes. */
static size_t plan_kept(model_plan *p, unsigned char *base)
{
    size_t at = 0;
    for (int i = 0; i < p->graph->node_count; i++) {
        const model_node *n = &p->graph->nodes[i];
        model_plan_work *w = &p->works[i];
        if (convolves(n) && !p->training) {
            w->packed = hand_out(base, &at, w->forward.packed);
        } else if (n->op == MODEL_OP_BATCHNORM) {
            float **arrays[] = { &w->mean, &w->var, &w->scale, &w->shift, &w->inv_std };
            for (size_t k = 0; k < sizeof arrays / sizeof arrays[0]; k++)
                *arrays[k] = hand_out(base, &at, (size_t)n->c * sizeof(float));
        }
    }
    return at + 64;
}

static size_t mib(size_t bytes) { return (bytes + (1 << 20) - 1) >> 20; }

static bool take_memory(model_plan *p, const model_plan_options *o, base_error *err)
{
    size_t kept = plan_kept(p, NULL), beside = kept + o->memory_beside;
    size_t limit = o->memory_limit == 0 ? SIZE_MAX : o->memory_limit > beside ? o->memory_limit - beside : 0;
    size_t buffers = model_plan_fit(p, limit);
    if (buffers > limit)
        return base_fail(
            err, BASE_MEMORY,
            "memory limit: %zu MiB are too few for a batch of %d: at least %zu MiB are needed, %zu of them for what is "
            "not recomputed (weights and the like)",
            o->memory_limit >> 20, p->batch, mib(buffers + beside), mib(beside));
    p->bytes = buffers + kept;
    p->memory = base_alloc(p->bytes, err);
    if (!p->memory)
        return base_fail_in(err, "plan: %zu MiB for a batch of %d", p->bytes >> 20, p->batch);
        /* First touch by all threads: page faults of a large arena cost as much as a training step. */
#pragma omp parallel for num_threads(p->cpu.threads) schedule(static)
    for (size_t at = 0; at < p->bytes; at += 4096)
        memset(p->memory + at, 0, p->bytes - at < 4096 ? p->bytes - at : 4096);
    plan_kept(p, p->memory + buffers);
    return true;
}

model_plan *model_plan_create(const model_graph *g, const model_plan_options *o, base_error *err)
{
    uint32_t bits;
    if (o->batch < 1 || o->batch > 65536 || o->threads < 0 || o->winograd < MODEL_WINOGRAD_AUTO ||
        o->winograd > MODEL_WINOGRAD_F4 || o->precision < MODEL_FP32 || o->precision > MODEL_BF16 || g->output < 0 ||
        g->node_count > 4096) {
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
    p->cpu = (model_cpu){ o->precision == MODEL_BF16 ? model_kernels_select_bf16(bits) : model_kernels_select(bits),
                          o->threads ? o->threads : base_cores() };
    p->values = base_alloc_zero(3 * n, sizeof *p->values, err);
    p->works = base_alloc_zero(n, sizeof *p->works, err);
    p->dropped = base_alloc_zero(n, sizeof *p->dropped, err);
    p->steps = base_alloc_zero(3 * n, sizeof *p->steps, err);     /* forward, again, backward */
    p->buffers = base_alloc_zero(6 * n, sizeof *p->buffers, err); /* values, gradients, values again; one per step */
    if (!p->values || !p->works || !p->dropped || !p->steps || !p->buffers)
        goto failed;
    p->grads = p->values + n;
    p->again = p->grads + n;
    for (size_t i = 0; i < 3 * n; i++)
        p->values[i].buffer = -1;
    model_plan_join_pools(p);
    model_plan_place_values(p);
    if (p->training && !model_plan_place_grads(p, err))
        goto failed;
    if (!plan_works(p, o, err) || !take_memory(p, o, err))
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
    free(p->steps);
    free(p->dropped);
    free(p->works);
    free(p->values);
    free(p);
}
