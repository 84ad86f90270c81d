/* model/kernels/conv2d.c — the public passes in terms of gathers (gather.c), weight gradients (conv2d_weights.c) and depthwise loops
 * (depthwise.c). */
#include "model/kernels/conv2d.h"
#include "base/arena.h"
#include "model/kernels/bf16_weights.h"
#include "model/kernels/conv2d_weights.h"
#include "model/kernels/depthwise.h"
#include "model/kernels/gather.h"
#include "model/kernels/pointwise.h"
#include "model/kernels/rows.h"
#include <omp.h>

/* One group as a convolution of its own: a channel slice of both sides. */
typedef struct group {
    model_conv2d s;
    size_t weights; /* floats of its unpacked weights */
} group;

static group group_of(const model_conv2d *s)
{
    group g = { .s = *s };
    g.s.groups = 1;
    g.s.ic /= model_conv2d_groups(s);
    g.s.oc /= model_conv2d_groups(s);
    g.weights = (size_t)g.s.oc * g.s.ic * g.s.kh * g.s.kw;
    return g;
}

static int gather_count(const model_conv2d *s, model_pass pass)
{
    return pass == MODEL_FORWARD ? 1 : s->stride_h * s->stride_w;
}

static const model_bf16 *bf16_of(const model_cpu *cpu) { return cpu->kernels->bf16 ? cpu->kernels->bf16 : &model_bf16_scalar; }

static gather gather_of(const model_cpu *cpu, const model_conv2d *s, model_pass pass, int index)
{
    gather g = pass == MODEL_FORWARD ? gather_forward(s) : gather_backward_data(s, index);
    if (s->precision == MODEL_BF16 && !model_conv2d_depthwise(s))
        gather_round(&g, bf16_of(cpu));
    return g;
}

/* The tiles that compute s: of pairs of bf16 without the forms that sum in another order. A copy, because a row's are constant. */
static model_tiles tiles_of(const model_cpu *cpu, const model_conv2d *s)
{
    if (s->precision != MODEL_BF16)
        return *cpu->kernels->tiles;
    model_tiles t = bf16_of(cpu)->tiles ? *bf16_of(cpu)->tiles : *cpu->kernels->tiles;
    t.shared1_max = 0;
    t.half_plain1 = t.half_shared1 = NULL;
    return t;
}

static const model_depthwise *depthwise_of(const model_cpu *cpu)
{
    return cpu->kernels->depthwise ? cpu->kernels->depthwise : &model_depthwise_scalar;
}

size_t model_conv2d_packed_bytes(const model_cpu *cpu, const model_conv2d *s, model_pass pass)
{
    size_t floats = 0;
    if (pass == MODEL_BACKWARD_WEIGHTS)
        return 0;
    if (model_conv2d_depthwise(s))
        return depthwise_packed_floats(s) * sizeof(float);
    group one = group_of(s);
    model_tiles t = tiles_of(cpu, s);
    for (int i = 0; i < gather_count(s, pass); i++) {
        gather g = gather_of(cpu, &one.s, pass, i);
        floats += gather_packed_floats(&t, &g);
    }
    return (size_t)model_conv2d_groups(s) * floats * sizeof(float);
}

void model_conv2d_pack(const model_cpu *cpu, const model_conv2d *s, model_pass pass, const float *weights, float *packed)
{
    const model_tiles t = tiles_of(cpu, s);
    group one = group_of(s);
    if (pass == MODEL_BACKWARD_WEIGHTS)
        return;
#pragma omp parallel num_threads(cpu->threads)
    if (model_conv2d_depthwise(s)) {
        depthwise_pack(s, weights, packed);
    } else {
        float *to = packed;
        for (int k = 0; k < model_conv2d_groups(s); k++)
            for (int i = 0; i < gather_count(s, pass); i++) {
                gather g = gather_of(cpu, &one.s, pass, i);
                gather_pack(&t, &g, weights + (size_t)k * one.weights, to);
                to += gather_packed_floats(&t, &g);
            }
    }
}

/* Sums of either side for the bias gradient. */
static model_pixels dst_pixels(const model_conv2d *s)
{
    return (model_pixels){ .pixels = (size_t)s->n * model_conv2d_oh(s) * model_conv2d_ow(s),
                           .channels = s->oc,
                           .a_pitch = s->dst_pitch };
}
static model_pixels src_pixels(const model_conv2d *s)
{
    return (model_pixels){ .pixels = (size_t)s->n * s->ih * s->iw, .channels = s->ic, .a_pitch = s->src_pitch };
}

static size_t weights_scratch_bytes(const model_cpu *cpu, const model_conv2d *s)
{
    model_tiles t = tiles_of(cpu, s);
    group one = group_of(s);
    if (model_conv2d_depthwise(s))
        return depthwise_weights_scratch_bytes(s);
    return s->precision == MODEL_BF16 ? bf16_weights_scratch_bytes(&t, bf16_of(cpu), &one.s, cpu->threads)
                                      : conv2d_weights_scratch_bytes(&t, &one.s, cpu->threads);
}

size_t model_conv2d_scratch_bytes(const model_cpu *cpu, const model_conv2d *s, model_pass pass)
{
    const model_tiles t = tiles_of(cpu, s);
    size_t most = 0;
    group one = group_of(s);
    if (pass == MODEL_BACKWARD_WEIGHTS) { /* the bias is summed after the weights, in the same memory */
        model_pixels dst = dst_pixels(s), src = src_pixels(s);
        size_t sizes[] = { weights_scratch_bytes(cpu, s), model_sum_scratch_bytes(&dst), model_sum_scratch_bytes(&src) };
        for (int i = 0; i < 3; i++)
            most = sizes[i] > most ? sizes[i] : most;
        return base_arena_round(most);
    }
    for (int i = 0; !model_conv2d_depthwise(s) && i < gather_count(s, pass); i++) {
        gather g = gather_of(cpu, &one.s, pass, i);
        size_t bytes = gather_scratch_bytes(&t, &g, cpu->threads);
        most = bytes > most ? bytes : most;
    }
    return most * (size_t)cpu->threads;
}

/* Called by every thread of a team: the gathers of all groups, whose outputs are disjoint. No thread waits between them. */
static void run_gathers(const model_cpu *cpu, const model_conv2d *s, model_pass pass, gather_operands o, void *scratch)
{
    const model_tiles t = tiles_of(cpu, s);
    group one = group_of(s);
    bool forward = pass == MODEL_FORWARD;
    for (int k = 0; k < model_conv2d_groups(s); k++) {
        for (int i = 0; i < gather_count(s, pass); i++) {
            gather g = gather_of(cpu, &one.s, pass, i);
            gather_run(&t, &g, &o, scratch, cpu->threads);
            o.packed += gather_packed_floats(&t, &g);
        }
        o.src += forward ? one.s.ic : one.s.oc;
        o.dst += forward ? one.s.oc : one.s.ic;
        o.bias = o.bias ? o.bias + (forward ? one.s.oc : one.s.ic) : NULL;
    }
}

static void run(const model_cpu *cpu, const model_conv2d *s, model_pass pass, gather_operands o, void *scratch)
{
    size_t own = model_conv2d_scratch_bytes(cpu, s, pass) / (size_t)cpu->threads;
#pragma omp parallel num_threads(cpu->threads)
    if (model_conv2d_depthwise(s)) {
        for (int i = 0; i < gather_count(s, pass); i++) {
            gather g = gather_of(cpu, s, pass, i);
            depthwise_run(depthwise_of(cpu), &g, &o);
        }
    } else {
        bool rounded = s->precision == MODEL_BF16;
        uint64_t was = rounded ? model_denormals_off() : 0;
        run_gathers(cpu, s, pass, o, (char *)scratch + (size_t)omp_get_thread_num() * own);
        if (rounded)
            model_denormals_restore(was);
    }
}

/* The gradient of the weights, group after group. */
static void run_weights(const model_cpu *cpu, const model_conv2d *s, const float *src, const float *grad_dst,
                        float *grad_weights, void *scratch)
{
    if (model_conv2d_depthwise(s)) {
        depthwise_weights_run(depthwise_of(cpu), s, src, grad_dst, grad_weights, scratch, cpu->threads);
        return;
    }
    group one = group_of(s);
    model_tiles t = tiles_of(cpu, s);
    for (int k = 0; k < model_conv2d_groups(s); k++) {
        const float *x = src + (size_t)k * one.s.ic, *g = grad_dst + (size_t)k * one.s.oc;
        float *to = grad_weights + (size_t)k * one.weights;
        if (s->precision == MODEL_BF16)
            bf16_weights_run(&t, bf16_of(cpu), &one.s, x, g, to, scratch, cpu->threads);
        else
            conv2d_weights_run(&t, &one.s, x, g, to, scratch, cpu->threads);
    }
}

void model_conv2d_forward(const model_cpu *cpu, const model_conv2d *s, const float *src, const float *packed, const float *bias,
                          bool relu, float *dst, void *scratch)
{
    run(cpu, s, MODEL_FORWARD, (gather_operands){ .src = src, .packed = packed, .bias = bias, .dst = dst, .relu = relu },
        scratch);
}

void model_conv2d_backward_data(const model_cpu *cpu, const model_conv2d *s, const float *grad_dst, const float *packed,
                                bool accumulate, float *grad_src, void *scratch)
{
    run(cpu, s, MODEL_BACKWARD_DATA,
        (gather_operands){ .src = grad_dst, .packed = packed, .dst = grad_src, .accumulate = accumulate }, scratch);
}

void model_conv2d_backward_weights(const model_cpu *cpu, const model_conv2d *s, const float *src, const float *grad_dst,
                                   float *grad_weights, float *grad_bias, void *scratch)
{
    run_weights(cpu, s, src, grad_dst, grad_weights, scratch);
    if (grad_bias) {
        model_pixels pixels = dst_pixels(s);
        model_sum(cpu, &pixels, grad_dst, grad_bias, scratch);
    }
}

void model_conv2d_transposed_forward(const model_cpu *cpu, const model_conv2d *s, const float *src, const float *packed,
                                     const float *bias, bool relu, float *dst, void *scratch)
{
    run(cpu, s, MODEL_BACKWARD_DATA, (gather_operands){ .src = src, .packed = packed, .bias = bias, .dst = dst, .relu = relu },
        scratch);
}

void model_conv2d_transposed_backward_data(const model_cpu *cpu, const model_conv2d *s, const float *grad_dst,
                                           const float *packed, float *grad_src, void *scratch)
{
    run(cpu, s, MODEL_FORWARD, (gather_operands){ .src = grad_dst, .packed = packed, .dst = grad_src }, scratch);
}

void model_conv2d_transposed_backward_weights(const model_cpu *cpu, const model_conv2d *s, const float *src,
                                              const float *grad_dst, float *grad_weights, float *grad_bias, void *scratch)
{
    run_weights(cpu, s, grad_dst, src, grad_weights, scratch);
    if (grad_bias) {
        model_pixels pixels = src_pixels(s);
        model_sum(cpu, &pixels, grad_dst, grad_bias, scratch);
    }
}
