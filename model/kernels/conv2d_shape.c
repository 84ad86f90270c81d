/* model/kernels/conv2d_shape.c — sizes of a convolution, its checks, and its name as text. */
#include "model/kernels/conv2d.h"
#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const model_precision_names[] = { "fp32", "bf16", NULL };

model_conv2d model_conv2d_transposed_2x2(int n, int channels_in, int channels_out, int in_h, int in_w)
{
    return (model_conv2d){ .n = n,
                           .ic = channels_out,
                           .ih = 2 * in_h,
                           .iw = 2 * in_w,
                           .oc = channels_in,
                           .kh = 2,
                           .kw = 2,
                           .stride_h = 2,
                           .stride_w = 2,
                           .dilation_h = 1,
                           .dilation_w = 1,
                           .src_pitch = channels_out,
                           .dst_pitch = channels_in };
}

/* (size + 2*padding - dilation*(k-1) - 1)/stride + 1, or 0 when the window does not fit. */
static int out_size(int size, int k, int stride, int padding, int dilation)
{
    long span = (long)size + 2L * padding - (long)dilation * (k - 1) - 1;
    return span < 0 ? 0 : (int)(span / stride + 1);
}

int model_conv2d_oh(const model_conv2d *s) { return out_size(s->ih, s->kh, s->stride_h, s->padding_h, s->dilation_h); }
int model_conv2d_ow(const model_conv2d *s) { return out_size(s->iw, s->kw, s->stride_w, s->padding_w, s->dilation_w); }

int model_conv2d_groups(const model_conv2d *s) { return s->groups > 1 ? s->groups : 1; }
int model_conv2d_group_channels(const model_conv2d *s) { return s->ic / model_conv2d_groups(s); }
bool model_conv2d_depthwise(const model_conv2d *s) { return s->groups > 1 && s->groups == s->ic && s->ic == s->oc; }

double model_conv2d_flops(const model_conv2d *s)
{
    return 2.0 * s->n * model_conv2d_oh(s) * model_conv2d_ow(s) * s->oc * model_conv2d_group_channels(s) * s->kh * s->kw;
}

bool model_conv2d_check(const model_conv2d *s, base_error *err)
{
    const struct {
        const char *name;
        int value, lo, hi;
    } limits[] = {
        { "n", s->n, 1, 1 << 20 },
        { "ic", s->ic, 1, 1 << 16 },
        { "ih", s->ih, 1, 1 << 20 },
        { "iw", s->iw, 1, 1 << 24 },
        { "oc", s->oc, 1, 1 << 16 },
        { "kh", s->kh, 1, MODEL_CONV2D_MAX_WINDOW },
        { "kw", s->kw, 1, MODEL_CONV2D_MAX_WINDOW },
        { "stride_h", s->stride_h, 1, 64 },
        { "stride_w", s->stride_w, 1, 64 },
        { "padding_h", s->padding_h, 0, 1024 },
        { "padding_w", s->padding_w, 0, 1024 },
        { "dilation_h", s->dilation_h, 1, 1024 },
        { "dilation_w", s->dilation_w, 1, 1024 },
        { "src_pitch", s->src_pitch, s->ic, 1 << 20 },
        { "dst_pitch", s->dst_pitch, s->oc, 1 << 20 },
        { "groups", s->groups, 0, 1 << 16 },
    };
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
        if (limits[i].value < limits[i].lo || limits[i].value > limits[i].hi)
            return base_fail(err, BASE_ARGUMENT, "convolution: %s is %d, expected %d..%d", limits[i].name, limits[i].value,
                             limits[i].lo, limits[i].hi);
    int groups = model_conv2d_groups(s);
    if (s->ic % groups || s->oc % groups)
        return base_fail(err, BASE_ARGUMENT, "convolution: %d groups do not divide %d channels and %d outputs", groups, s->ic,
                         s->oc);
    int oh = model_conv2d_oh(s), ow = model_conv2d_ow(s);
    if (oh < 1 || ow < 1)
        return base_fail(err, BASE_ARGUMENT,
                         "convolution: window %dx%d (dilation %dx%d) does not fit image %dx%d with padding %dx%d", s->kh, s->kw,
                         s->dilation_h, s->dilation_w, s->ih, s->iw, s->padding_h, s->padding_w);
    /* Element counts are size_t inside the kernels; offsets within one image row are int. */
    double src = (double)s->n * s->ih * s->iw * s->src_pitch, dst = (double)s->n * oh * ow * s->dst_pitch;
    double row = (double)s->iw * s->src_pitch, out_row = (double)ow * s->dst_pitch;
    if (src > 1e12 || dst > 1e12 || row > INT_MAX / 16 || out_row > INT_MAX / 16)
        return base_fail(err, BASE_ARGUMENT, "convolution: tensors of %.0f and %.0f floats are too large", src, dst);
    if ((double)s->oc * (s->ic / groups) * s->kh * s->kw > INT_MAX / 16)
        return base_fail(err, BASE_ARGUMENT, "convolution: %d x %d x %d x %d weights are too many", s->oc, s->ic / groups,
                         s->kh, s->kw);
    return true;
}

/* Read "<letter(s)><integer>" at *p when it is there; keeps *value otherwise. */
static bool take(const char **p, const char *key, int *value)
{
    size_t length = strlen(key);
    const char *digits = *p + length;
    if (strncmp(*p, key, length) != 0 || !isdigit((unsigned char)*digits))
        return false;
    char *end;
    long v = strtol(digits, &end, 10);
    if (v > INT_MAX)
        return false;
    *value = (int)v;
    *p = end;
    return true;
}

/* "k3" or "k5x1": height, then width. */
static bool take_pair(const char **p, const char *key, int *h, int *w)
{
    if (!take(p, key, h))
        return false;
    *w = *h;
    if (**p == 'x')
        return take(p, "x", w);
    return true;
}

bool model_conv2d_parse(model_conv2d *s, const char *text, base_error *err)
{
    const char *p = text;
    *s = (model_conv2d){ .dilation_h = 1, .dilation_w = 1 };
    if (*p == 'g' && !take(&p, "g", &s->groups))
        return base_fail(err, BASE_FORMAT, "shape '%.100s': g must be followed by the number of groups", text);
    bool ok = take(&p, "n", &s->n) && take(&p, "_ic", &s->ic) && take(&p, "oc", &s->oc) && take(&p, "_ih", &s->ih) &&
              take(&p, "iw", &s->iw) && take_pair(&p, "_k", &s->kh, &s->kw) && take_pair(&p, "s", &s->stride_h, &s->stride_w) &&
              take_pair(&p, "p", &s->padding_h, &s->padding_w);
    if (ok && *p == 'd')
        ok = take_pair(&p, "d", &s->dilation_h, &s->dilation_w);
    s->src_pitch = s->ic;
    s->dst_pitch = s->oc;
    if (ok && *p == '_')
        ok = take(&p, "_sp", &s->src_pitch) && take(&p, "dp", &s->dst_pitch);
    if (!ok || *p)
        return base_fail(err, BASE_FORMAT, "shape '%.100s': expected n1_ic32oc32_ih128iw256_k3s1p1d1, cannot read '%.40s'",
                         text, p);
    return model_conv2d_check(s, err);
}

static size_t append_pair(char *text, size_t used, const char *key, int h, int w)
{
    int wrote = h == w ? snprintf(text + used, MODEL_CONV2D_TEXT - used, "%s%d", key, h)
                       : snprintf(text + used, MODEL_CONV2D_TEXT - used, "%s%dx%d", key, h, w);
    used += (size_t)wrote;
    return used < MODEL_CONV2D_TEXT ? used : MODEL_CONV2D_TEXT - 1;
}

char *model_conv2d_format(const model_conv2d *s, char text[MODEL_CONV2D_TEXT])
{
    size_t used = s->groups > 1 ? (size_t)snprintf(text, MODEL_CONV2D_TEXT, "g%d", s->groups) : 0;
    used += (size_t)snprintf(text + used, MODEL_CONV2D_TEXT - used, "n%d_ic%doc%d_ih%diw%d_", s->n, s->ic, s->oc, s->ih, s->iw);
    used = append_pair(text, used, "k", s->kh, s->kw);
    used = append_pair(text, used, "s", s->stride_h, s->stride_w);
    used = append_pair(text, used, "p", s->padding_h, s->padding_w);
    used = append_pair(text, used, "d", s->dilation_h, s->dilation_w);
    if (s->src_pitch != s->ic || s->dst_pitch != s->oc)
        snprintf(text + used, MODEL_CONV2D_TEXT - used, "_sp%ddp%d", s->src_pitch, s->dst_pitch);
    return text;
}
