#include "model/nets/unet.h"
#include <stdio.h>

const char *const model_unet_variant_names[] = { "same", "original", NULL };

model_unet_options model_unet_options_default(void)
{
    return (model_unet_options){ .variant = MODEL_UNET_SAME, .base = 8, .depth = 4, .channels = 3, .outputs = 3 };
}

bool model_unet_options_check(const model_unet_options *o, base_error *err)
{
    if (o->variant != MODEL_UNET_SAME && o->variant != MODEL_UNET_ORIGINAL)
        return base_fail(err, BASE_ARGUMENT, "unet: unknown variant %d", (int)o->variant);
    if (o->base < 1 || o->base > 256)
        return base_fail(err, BASE_ARGUMENT, "unet: base must be in 1..256, found %d", o->base);
    if (o->depth < 1 || o->depth > 6)
        return base_fail(err, BASE_ARGUMENT, "unet: depth must be in 1..6, found %d", o->depth);
    if (o->channels < 1 || o->channels > 16)
        return base_fail(err, BASE_ARGUMENT, "unet: channels must be in 1..16, found %d", o->channels);
    if (o->outputs < 1 || o->outputs > 64)
        return base_fail(err, BASE_ARGUMENT, "unet: outputs must be in 1..64, found %d", o->outputs);
    return true;
}

/* One 3x3 convolution with what follows it. path is the block ("encoder.0"), which is 1 or 2. */
static int conv_unit(model_graph *g, const model_unet_options *o, const char *path, int which, int x, int oc)
{
    char name[MODEL_NAME_BYTES];
    bool same = o->variant == MODEL_UNET_SAME;
    snprintf(name, sizeof name, "%s.conv%d", path, which);
    x = model_graph_conv2d(g, name, x, &(model_conv_spec){ .oc = oc, .kernel = 3, .padding = same ? 1 : 0, .bias = !same });
    if (same) {
        snprintf(name, sizeof name, "%s.bn%d", path, which);
        x = model_graph_batchnorm(g, name, x);
    }
    snprintf(name, sizeof name, "%s.relu%d", path, which);
    return model_graph_relu(g, name, x);
}

static int block(model_graph *g, const model_unet_options *o, const char *path, int x, int mid, int oc)
{
    x = conv_unit(g, o, path, 1, x, mid);
    return conv_unit(g, o, path, 2, x, oc);
}

/* Two ends of an added border as even as possible. */
static model_sides sides(int extra_h, int extra_w)
{
    return (model_sides){ extra_h / 2, extra_h - extra_h / 2, extra_w / 2, extra_w - extra_w / 2 };
}

/* Smallest side >= n of which the original variant returns exactly n' (its pools halve without rest): the bottleneck's input m
 * must satisfy: going up, each level needs an even size before its pool. From the innermost size s, one level outwards
 * is 2 s + 4; the net's output of innermost s shrinks by 4 and doubles per level, so both sides are affine in s and a
 * search over s finds the pair. */
static bool original_sides(int n, int depth, int *padded, int *output)
{
    for (int inner = 5; inner < 65536; inner++) { /* input of the bottleneck block: two 3x3 must leave at least one pixel */
        long in = inner, out = inner - 4;
        for (int level = 0; level < depth; level++) {
            in = 2 * in + 4;
            out = 2 * out - 4;
        }
        if (out >= n) {
            *padded = (int)in;
            *output = (int)out;
            return true;
        }
    }
    return false;
}

bool model_unet_build(model_graph *g, const model_unet_options *o, int h, int w, base_error *err)
{
    *g = (model_graph){ .output = -1 };
    if (!model_unet_options_check(o, err))
        return false;
    bool same = o->variant == MODEL_UNET_SAME;
    int padded_h = h, padded_w = w, output_h = h, output_w = w;
    if (same) {
        int m = 1 << o->depth;
        padded_h = output_h = (h + m - 1) / m * m;
        padded_w = output_w = (w + m - 1) / m * m;
    } else if (!original_sides(h, o->depth, &padded_h, &output_h) || !original_sides(w, o->depth, &padded_w, &output_w)) {
        return base_fail(err, BASE_ARGUMENT, "unet: image of %d x %d is too large", h, w);
    }
    model_graph_start(g, h, w, o->channels);
    int x = 0, skip[8] = { 0 };
    if (padded_h != h || padded_w != w)
        x = model_graph_reflect_pad(g, "pad", x, sides(padded_h - h, padded_w - w));

    char path[MODEL_NAME_BYTES], name[MODEL_NAME_BYTES + 8];
    for (int level = 0; level < o->depth; level++) {
        int c = o->base << level;
        snprintf(path, sizeof path, "encoder.%d", level);
        skip[level] = block(g, o, path, x, c, c);
        snprintf(name, sizeof name, "%s.pool", path);
        x = model_graph_maxpool(g, name, skip[level]);
    }
    int deep = o->base << o->depth;
    x = block(g, o, "bottleneck", x, deep, same ? deep : deep / 2);
    for (int level = o->depth - 1; level >= 0; level--) {
        int c = o->base << level;
        /* decoder.0 is the innermost: the order in which data flows */
        snprintf(path, sizeof path, "decoder.%d", o->depth - 1 - level);
        snprintf(name, sizeof name, "%s.up", path);
        x = model_graph_conv_transpose2d(g, name, x, c);
        int from = skip[level];
        if (!same && x >= 0 && from >= 0) {
            int dh = g->nodes[from].h - g->nodes[x].h, dw = g->nodes[from].w - g->nodes[x].w;
            snprintf(name, sizeof name, "%s.crop", path);
            from = model_graph_crop(g, name, from, sides(dh, dw));
        }
        snprintf(name, sizeof name, "%s.concat", path);
        x = model_graph_concat(g, name, from, x);
        x = block(g, o, path, x, c, same || level == 0 ? c : c / 2);
    }
    x = model_graph_conv2d(g, "head", x, &(model_conv_spec){ .oc = o->outputs, .kernel = 1, .bias = true });
    if (output_h != h || output_w != w)
        x = model_graph_crop(g, "unpad", x, sides(output_h - h, output_w - w));
    if (model_graph_finish(g, x, err))
        return true;
    model_graph_destroy(g);
    return false;
}
