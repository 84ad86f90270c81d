/* model/kernels/convolve.c — see convolve.h. */
#include "model/kernels/convolve.h"
#include "model/kernels/winograd.h"

const char *const model_algorithm_names[] = { "direct", "winograd2", "winograd4", NULL };

static int tile_of(model_algorithm a) { return a == MODEL_WINOGRAD2 ? 2 : 4; }

bool model_convolve_fits(model_algorithm a, const model_conv2d *s) { return a == MODEL_DIRECT || model_winograd_fits(s); }

/* Transforms cost per channel, products per pair of channels: few channels do not pay. Nor do few tiles, which would not fill a register
 * tile or whose outputs lie mostly beside the image; deep layers want more of them, because what counts there is reading the weights.
 * In training the weights are transformed for each step, which costs a deep layer as much as a hundred tiles save. */
static bool pays(model_algorithm a, const model_conv2d *s, bool training)
{
    int tile = tile_of(a), oh = model_conv2d_oh(s), ow = model_conv2d_ow(s);
    int least = s->ic < s->oc ? s->ic : s->oc, most = s->ic < s->oc ? s->oc : s->ic;
    double tiles = (double)s->n * ((oh + tile - 1) / tile) * ((ow + tile - 1) / tile);
    double whole = (double)s->n * oh * ow / (tiles * tile * tile); /* outputs that exist */
    if (least < 16 || (a == MODEL_WINOGRAD2 && most < 32) || whole < 0.6)
        return false;
    if (training)
        return tiles >= (a == MODEL_WINOGRAD2 ? 128 : 192);
    return tiles >= ((double)s->ic * s->oc < 256 * 256 ? 8 : 16);
}

model_algorithm model_convolve_choose(model_algorithm a, const model_conv2d *s, bool training)
{
    for (int i = (int)a; i > MODEL_DIRECT; i--)
        if (model_convolve_fits((model_algorithm)i, s) && pays((model_algorithm)i, s, training))
            return (model_algorithm)i;
    return MODEL_DIRECT;
}

/* Gradients of weights transform none, so that they pay from fewer tiles on. */
static bool weights_pay(model_algorithm a, const model_conv2d *s)
{
    int tile = tile_of(a), oh = model_conv2d_oh(s), ow = model_conv2d_ow(s);
    int least = s->ic < s->oc ? s->ic : s->oc, most = s->ic < s->oc ? s->oc : s->ic;
    double tiles = (double)s->n * ((oh + tile - 1) / tile) * ((ow + tile - 1) / tile);
    double whole = (double)s->n * oh * ow / (tiles * tile * tile); /* outputs that exist */
    return least >= 16 && (a == MODEL_WINOGRAD4 || most >= 32) && whole >= 0.6 && tiles >= 8;
}

model_algorithm model_convolve_choose_weights(model_algorithm a, const model_conv2d *s)
{
    for (int i = (int)a; i > MODEL_DIRECT; i--)
        if (model_convolve_fits((model_algorithm)i, s) && weights_pay((model_algorithm)i, s))
            return (model_algorithm)i;
    return MODEL_DIRECT;
}

size_t model_convolve_packed_bytes(const model_cpu *cpu, model_algorithm a, const model_conv2d *s, model_pass pass)
{
    return a == MODEL_DIRECT ? model_conv2d_packed_bytes(cpu, s, pass) : model_winograd_packed_bytes(cpu, s, pass, tile_of(a));
}

void model_convolve_pack(const model_cpu *cpu, model_algorithm a, const model_conv2d *s, model_pass pass, const float *weights,
                         float *packed)
{
    if (a == MODEL_DIRECT)
        model_conv2d_pack(cpu, s, pass, weights, packed);
    else
        model_winograd_pack(cpu, s, pass, tile_of(a), weights, packed);
}

size_t model_convolve_scratch_bytes(const model_cpu *cpu, model_algorithm a, const model_conv2d *s, model_pass pass)
{
    return a == MODEL_DIRECT ? model_conv2d_scratch_bytes(cpu, s, pass)
                             : model_winograd_scratch_bytes(cpu, s, pass, tile_of(a));
}

void model_convolve_forward(const model_cpu *cpu, model_algorithm a, const model_conv2d *s, const float *src,
                            const float *packed, const float *bias, bool relu, float *dst, void *scratch)
{
    if (a == MODEL_DIRECT)
        model_conv2d_forward(cpu, s, src, packed, bias, relu, dst, scratch);
    else
        model_winograd_forward(cpu, s, tile_of(a), src, packed, bias, relu, dst, scratch);
}

void model_convolve_backward_data(const model_cpu *cpu, model_algorithm a, const model_conv2d *s, const float *grad_dst,
                                  const float *packed, bool accumulate, float *grad_src, void *scratch)
{
    if (a == MODEL_DIRECT)
        model_conv2d_backward_data(cpu, s, grad_dst, packed, accumulate, grad_src, scratch);
    else
        model_winograd_backward_data(cpu, s, tile_of(a), grad_dst, packed, accumulate, grad_src, scratch);
}

void model_convolve_backward_weights(const model_cpu *cpu, model_algorithm a, const model_conv2d *s, const float *src,
                                     const float *grad_dst, float *grad_weights, float *grad_bias, void *scratch)
{
    if (a == MODEL_DIRECT)
        model_conv2d_backward_weights(cpu, s, src, grad_dst, grad_weights, grad_bias, scratch);
    else
        model_winograd_backward_weights(cpu, s, tile_of(a), src, grad_dst, grad_weights, grad_bias, scratch);
}
