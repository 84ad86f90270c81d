/* Operators, both U-Nets, losses and Adam against PyTorch (tests/golden/model/make_golden.py, computed there in float64).
 *
 * Tolerance: an output or gradient is a float32 sum of K products of values around 1; its error is bounded by a small
 * multiple of sqrt(K) * 6e-8 of the sum's size. The largest tensors here have K of some thousands (gradients over all
 * pixels, five layers deep), so 2e-5 of the tensor's largest value passes with a margin of about 10 and fails on any wrong
 * tap, index or factor. */
#include "base/arena.h"
#include "model/kernels/pointwise.h"
#include "model/loss.h"
#include "model/model.h"
#include "model/optimizer.h"
#include "model/safetensors.h"
#include "base/cpu.h"
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#define GOLDEN    "tests/golden/model/"
#define TOLERANCE 2e-5

static model_safetensors open_golden(const char *name)
{
    char path[256];
    base_error err;
    model_safetensors s;
    snprintf(path, sizeof path, GOLDEN "%s", name);
    if (!model_safetensors_read(&s, path, &err))
        fail_msg("%s", err.text);
    return s;
}

static const model_tensor *tensor(const model_safetensors *s, const char *prefix, const char *name)
{
    char full[160];
    snprintf(full, sizeof full, "%s%s", prefix, name);
    const model_tensor *t = model_safetensors_find(s, full);
    if (!t)
        fail_msg("%s has no %s", s->path, full);
    return t;
}

static float value(const model_tensor *t, size_t i)
{
    float v;
    memcpy(&v, (const char *)t->data + i * sizeof v, sizeof v);
    return v;
}

/* Compare count values. The scale of the tolerance is the largest wanted value, or `least` for tensors that are zero up to
 * rounding (the gradient of a bias before BatchNorm). */
static void check_values(const char *what, const model_tensor *want, const float *got, size_t count, double tolerance,
                         double least)
{
    double largest = least, worst = 0;
    size_t where = 0;
    assert_int_equal(want->bytes, count * sizeof(float));
    for (size_t i = 0; i < count; i++)
        largest = fmax(largest, fabs((double)value(want, i)));
    for (size_t i = 0; i < count; i++) {
        double e = fabs((double)got[i] - (double)value(want, i));
        if (!(e <= worst)) {
            worst = e;
            where = i;
        }
    }
    if (!(worst <= tolerance * largest))
        fail_msg("%s: element %zu of %zu: got %.9g, PyTorch %.9g; difference %.3g, allowed %.3g", what, where, count,
                 (double)got[where], (double)value(want, where), worst, tolerance * largest);
}

static void fill_view(const model_view *v, const model_tensor *t)
{
    size_t pixels = (size_t)v->n * v->h * v->w;
    assert_int_equal(t->bytes, pixels * (size_t)v->c * sizeof(float));
    for (size_t i = 0; i < pixels; i++)
        for (int c = 0; c < v->c; c++)
            v->data[i * (size_t)v->pitch + c] = value(t, i * (size_t)v->c + c);
}

static float *dense(const model_view *v)
{
    size_t pixels = (size_t)v->n * v->h * v->w;
    float *out = malloc(pixels * (size_t)v->c * sizeof *out);
    for (size_t i = 0; i < pixels; i++)
        memcpy(out + i * (size_t)v->c, v->data + i * (size_t)v->pitch, (size_t)v->c * sizeof *out);
    return out;
}

/* Run a graph on a golden case: output, gradients, statistics, evaluation output. */
static void check_graph(const model_graph *g, const model_safetensors *s, const char *name, const char *isa, int threads)
{
    base_error err;
    char prefix[64], what[160];
    model_parameters weights, gradients;
    snprintf(prefix, sizeof prefix, "%s/", name);
    const model_tensor *input = tensor(s, prefix, "input"), *output = tensor(s, prefix, "output");
    model_plan_options o = { .batch = (int)input->dims[0], .training = true, .threads = threads, .isa = isa };
    model_plan *p = model_plan_create(g, &o, &err);
    if (!p)
        fail_msg("%s: %s", name, err.text);
    assert_true(model_parameters_create(&weights, g, &err) && model_parameters_create(&gradients, g, &err));
    for (int i = 0; i < g->parameter_count; i++) {
        snprintf(prefix, sizeof prefix, "%s/param/", name);
        const model_tensor *t = tensor(s, prefix, g->parameters[i].name);
        assert_int_equal(t->bytes, g->parameters[i].count * sizeof(float));
        memcpy(model_parameter_at(g, &weights, i), t->data, t->bytes);
    }
    snprintf(prefix, sizeof prefix, "%s/", name);
    model_view in = model_plan_input(p);
    fill_view(&in, input);
    model_plan_forward(p, &weights, MODEL_BATCH_STATISTICS);
    model_view out = model_plan_output(p);
    float *got = dense(&out);
    snprintf(what, sizeof what, "%s output (%s, %d threads)", name, model_plan_isa(p), threads);
    check_values(what, output, got, output->bytes / sizeof(float), TOLERANCE, 1);
    free(got);

    model_view grad = model_plan_grad_output(p);
    fill_view(&grad, tensor(s, prefix, "grad_output"));
    model_plan_backward(p, &weights, &gradients);
    for (int i = 0; i < g->parameter_count; i++) {
        bool trained = model_parameter_trainable(&g->parameters[i]);
        snprintf(prefix, sizeof prefix, trained ? "%s/grad/" : "%s/after/", name);
        snprintf(what, sizeof what, "%s %s of %s (%s)", name, trained ? "gradient" : "new value", g->parameters[i].name,
                 model_plan_isa(p));
        const model_tensor *t = tensor(s, prefix, g->parameters[i].name);
        check_values(what, t, model_parameter_at(g, trained ? &gradients : &weights, i), g->parameters[i].count, TOLERANCE, 1);
    }
    in = model_plan_input(p);
    snprintf(prefix, sizeof prefix, "%s/", name);
    fill_view(&in, input);
    model_plan_infer(p, &weights);
    out = model_plan_output(p);
    got = dense(&out);
    snprintf(what, sizeof what, "%s output with stored statistics", name);
    check_values(what, tensor(s, prefix, "eval_output"), got, output->bytes / sizeof(float), TOLERANCE, 1);
    free(got);
    model_parameters_destroy(&weights);
    model_parameters_destroy(&gradients);
    model_plan_destroy(p);
}

/* ---- operators ---- */

static int conv(model_graph *g, int x, int oc, int kernel, int stride, int padding, int dilation, bool bias)
{
    return model_graph_conv2d(g, "op", x, &(model_conv_spec){ oc, kernel, stride, padding, dilation, bias, 1 });
}
static int op_conv3(model_graph *g, int x) { return conv(g, x, 7, 3, 1, 1, 1, true); }
static int op_conv3_valid(model_graph *g, int x) { return conv(g, x, 6, 3, 1, 0, 1, false); }
static int op_conv3_stride2(model_graph *g, int x) { return conv(g, x, 6, 3, 2, 1, 1, true); }
static int op_conv3_dilated(model_graph *g, int x) { return conv(g, x, 5, 3, 1, 2, 2, true); }
static int op_conv1(model_graph *g, int x) { return conv(g, x, 3, 1, 1, 0, 1, true); }
static int op_conv3_wide(model_graph *g, int x) { return conv(g, x, 33, 3, 1, 1, 1, true); }
static int op_up(model_graph *g, int x) { return model_graph_conv_transpose2d(g, "op", x, 4); }
static int op_batchnorm(model_graph *g, int x) { return model_graph_batchnorm(g, "op", x); }
static int op_batchnorm_relu(model_graph *g, int x) { return model_graph_relu(g, "after", model_graph_batchnorm(g, "op", x)); }
static int op_relu(model_graph *g, int x) { return model_graph_relu(g, "op", x); }
static int op_maxpool(model_graph *g, int x) { return model_graph_maxpool(g, "op", x); }
static int op_reflect_pad(model_graph *g, int x) { return model_graph_reflect_pad(g, "op", x, (model_sides){ 1, 4, 2, 3 }); }
static int op_crop(model_graph *g, int x) { return model_graph_crop(g, "op", x, (model_sides){ 1, 2, 3, 1 }); }
static int op_skip(model_graph *g, int x)
{
    return model_graph_concat(g, "join", x, model_graph_conv_transpose2d(g, "up", model_graph_maxpool(g, "pool", x), 5));
}

static const struct {
    const char *name;
    int channels;
    int (*add)(model_graph *g, int x);
} operators[] = {
    { "conv3", 5, op_conv3 },
    { "conv3_valid", 4, op_conv3_valid },
    { "conv3_stride2", 4, op_conv3_stride2 },
    { "conv3_dilated", 4, op_conv3_dilated },
    { "conv1", 8, op_conv1 },
    { "conv3_wide", 16, op_conv3_wide },
    { "up", 6, op_up },
    { "batchnorm", 6, op_batchnorm },
    { "batchnorm_relu", 5, op_batchnorm_relu },
    { "relu", 5, op_relu },
    { "maxpool", 6, op_maxpool },
    { "reflect_pad", 4, op_reflect_pad },
    { "crop", 4, op_crop },
    { "skip", 4, op_skip },
};

/* Levels of this CPU, one after another; NULL past the last. */
static const char *level_name(size_t index)
{
    size_t count;
    uint32_t bits;
    const base_cpu_level *levels = base_cpu_levels(&count);
    for (size_t i = 0; i < count; i++)
        if (base_cpu_select(levels[i].name, &bits, NULL) && index-- == 0)
            return levels[i].name;
    return NULL;
}

static void test_operators(void **state)
{
    (void)state;
    model_safetensors s = open_golden("ops.safetensors");
    for (size_t i = 0; i < sizeof operators / sizeof operators[0]; i++)
        for (int fused = 0; fused < 2; fused++) {
            base_error err;
            model_graph g;
            char prefix[64];
            snprintf(prefix, sizeof prefix, "%s/", operators[i].name);
            const model_tensor *input = tensor(&s, prefix, "input");
            model_graph_start(&g, (int)input->dims[1], (int)input->dims[2], 3);
            int stem =
                model_graph_conv2d(&g, "stem", 0, &(model_conv_spec){ .oc = operators[i].channels, .kernel = 1, .bias = true });
            if (!model_graph_finish(&g, operators[i].add(&g, stem), &err) || (fused && !model_graph_fuse_relu(&g, &err)))
                fail_msg("%s: %s", operators[i].name, err.text);
            for (size_t level = 0; level_name(level); level++)
                check_graph(&g, &s, operators[i].name, level_name(level), 2);
            model_graph_destroy(&g);
        }
    model_safetensors_free(&s);
}

static void check_unet(const char *file, model_unet_variant variant)
{
    model_safetensors s = open_golden(file);
    const uint8_t *shape = tensor(&s, "", "shape")->data;
    model_unet_options o = { .variant = variant, .base = shape[0], .depth = shape[1], .channels = 3, .outputs = shape[2] };
    for (size_t level = 0; level_name(level); level++)
        for (int fused = 0; fused < 2; fused++) {
            base_error err;
            model_graph g;
            if (!model_unet_build(&g, &o, shape[3], shape[4], &err) || (fused && !model_graph_fuse_relu(&g, &err)))
                fail_msg("%s: %s", file, err.text);
            check_graph(&g, &s, "unet", level_name(level), 2);
            model_graph_destroy(&g);
        }
    model_safetensors_free(&s);
}

static void test_unet_same(void **state)
{
    (void)state;
    check_unet("unet_same.safetensors", MODEL_UNET_SAME);
}

static void test_unet_original(void **state)
{
    (void)state;
    check_unet("unet_original.safetensors", MODEL_UNET_ORIGINAL);
}

/* ---- losses ---- */

static void check_loss(const model_safetensors *s, const char *set, const char *name, model_loss_options o)
{
    char prefix[64], what[96];
    base_error err;
    snprintf(prefix, sizeof prefix, "%s/", set);
    const model_tensor *z = tensor(s, prefix, "logits"), *y = tensor(s, prefix, "labels");
    int k = (int)z->dims[3], pitch = k + 3; /* logits as a slice of something wider */
    size_t pixels = (size_t)(z->dims[0] * z->dims[1] * z->dims[2]);
    model_view logits = { .n = (int)z->dims[0], .h = (int)z->dims[1], .w = (int)z->dims[2], .c = k, .pitch = pitch },
               grad = logits;
    logits.data = calloc(pixels * (size_t)pitch, sizeof(float));
    grad.data = calloc(pixels * (size_t)pitch, sizeof(float));
    void *scratch = base_alloc(model_loss_scratch_bytes(pixels, k), NULL);
    fill_view(&logits, z);
    if (!model_loss_options_check(&o, k, &err))
        fail_msg("%s: %s", name, err.text);
    model_loss_value v = model_loss_forward_backward(&o, &logits, y->data, &grad, scratch, 2);
    float *got = dense(&grad), total = (float)v.total;
    snprintf(prefix, sizeof prefix, "%s/%s/", set, name);
    snprintf(what, sizeof what, "%s %s", set, name);
    check_values(what, tensor(s, prefix, "loss"), &total, 1, 2e-6, 0); /* one logarithm and one mean in double */
    check_values(what, tensor(s, prefix, "grad"), got, pixels * (size_t)k, 1e-5, 0);
    free(got);
    free(scratch);
    free(grad.data);
    free(logits.data);
}

static void test_losses(void **state)
{
    (void)state;
    model_safetensors s = open_golden("losses.safetensors");
    model_loss_options o = model_loss_options_default(), weighted = o;
    memcpy(weighted.class_weights, tensor(&s, "", "many/weights")->data, 4 * sizeof(float));
    weighted.weighted = true;
    weighted.kind = MODEL_LOSS_CE;
    check_loss(&s, "many", "ce_weighted", weighted);
    static const model_loss_kind many[] = { MODEL_LOSS_CE, MODEL_LOSS_DICE, MODEL_LOSS_CE_DICE };
    static const model_loss_kind binary[] = { MODEL_LOSS_BCE, MODEL_LOSS_DICE, MODEL_LOSS_BCE_DICE };
    for (int i = 0; i < 3; i++) {
        o.kind = many[i];
        check_loss(&s, "many", model_loss_names[many[i]], o);
        o.kind = binary[i];
        check_loss(&s, "binary", model_loss_names[binary[i]], o);
    }
    model_safetensors_free(&s);
}

/* ---- Adam ---- */

static void check_adam(const model_safetensors *s, const char *name, double decay, bool decoupled)
{
    base_error err;
    model_graph g;
    model_parameters weights, gradients;
    model_optimizer adam;
    model_optimizer_options o = model_optimizer_options_default();
    uint32_t bits;
    char prefix[64], key[16], what[64];
    model_graph_start(&g, 4, 4, 2);
    int x = model_graph_conv2d(&g, "c", 0, &(model_conv_spec){ .oc = 3, .kernel = 1, .bias = true });
    assert_true(model_graph_finish(&g, x, &err));
    o.weight_decay = decay;
    o.decoupled = decoupled;
    assert_true(model_parameters_create(&weights, &g, &err) && model_parameters_create(&gradients, &g, &err));
    assert_true(model_optimizer_create(&adam, &g, &o, &err) && base_cpu_select(NULL, &bits, &err));
    snprintf(prefix, sizeof prefix, "%s/", name);
    int parameter[2] = { model_graph_find_parameter(&g, "c.weight"), model_graph_find_parameter(&g, "c.bias") };
    for (int i = 0; i < 2; i++)
        memcpy(model_parameter_at(&g, &weights, parameter[i]), tensor(s, prefix, i ? "b0" : "w0")->data,
               g.parameters[parameter[i]].count * sizeof(float));
    for (int step = 0; step < 5; step++) {
        for (int i = 0; i < 2; i++) {
            snprintf(key, sizeof key, "g%c%d", i ? 'b' : 'w', step);
            memcpy(model_parameter_at(&g, &gradients, parameter[i]), tensor(s, prefix, key)->data,
                   g.parameters[parameter[i]].count * sizeof(float));
        }
        model_optimizer_step(&adam, &g, &weights, &gradients, 0.01, &(model_cpu){ model_kernels_select(bits), 2 });
        for (int i = 0; i < 2; i++) {
            snprintf(key, sizeof key, "%c%d", i ? 'b' : 'w', step + 1);
            snprintf(what, sizeof what, "%s step %d %s", name, step + 1, i ? "bias" : "weight");
            /* a step moves a weight by 0.01; 2e-6 of values around 1 is 2e-4 of a step */
            check_values(what, tensor(s, prefix, key), model_parameter_at(&g, &weights, parameter[i]),
                         g.parameters[parameter[i]].count, 2e-6, 1);
        }
    }
    model_optimizer_destroy(&adam);
    model_parameters_destroy(&weights);
    model_parameters_destroy(&gradients);
    model_graph_destroy(&g);
}

static void test_adam(void **state)
{
    (void)state;
    model_safetensors s = open_golden("losses.safetensors");
    check_adam(&s, "adam", 0, false);
    check_adam(&s, "adam_l2", 0.05, false);
    check_adam(&s, "adamw", 0.05, true);
    model_safetensors_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_operators), cmocka_unit_test(test_unet_same), cmocka_unit_test(test_unet_original),
        cmocka_unit_test(test_losses),    cmocka_unit_test(test_adam),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
