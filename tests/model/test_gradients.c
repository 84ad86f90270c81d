/* Gradients against central differences in double.
 *
 * The differences are taken on an independent forward pass in double (tests/support/model_reference.c), so their own error
 * is about 1e-9; what is compared is our float32 backward pass. Its error per sum of K terms of size s is about sqrt(K) *
 * 6e-8 * s; with K up to some thousands and chains of ten layers, 3e-5 of the largest gradient of the same tensor passes and
 * a wrong term does not. Cases whose values come closer to a kink of ReLU or pooling than the step reaches are drawn anew. */
#include "base/random.h"
#include "model/loss.h"
#include "model/nets/unet.h"
#include "model/plan.h"
#include "tests/support/model_reference.h"
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#define STEP      1e-5
#define TOLERANCE 3e-5

/* Numbers of one drawing: parameters, input, and what the output is multiplied with to give the scalar that is
 * differentiated. */
typedef struct drawing {
    double *params, *input, *r;
    size_t inputs, outputs;
} drawing;

static double scalar(const model_graph *g, const drawing *d, const double *params, int n, double *margin)
{
    double *out = reference_forward(g, params, d->input, n, margin), sum = 0;
    for (size_t i = 0; i < d->outputs; i++)
        sum += d->r[i] * out[i];
    free(out);
    return sum;
}

/* Float values in double, so that both sides see the same numbers. */
static double draw(base_random *r, double lo, double hi) { return (double)(float)base_random_range(r, lo, hi); }

static drawing make_drawing(const model_graph *g, int n, uint64_t seed)
{
    base_random r = base_random_start(seed, "gradients", 0, 0);
    const model_node *out = &g->nodes[g->output];
    drawing d = { .inputs = (size_t)n * g->nodes[0].h * g->nodes[0].w * g->nodes[0].c,
                  .outputs = (size_t)n * out->h * out->w * out->c };
    d.params = calloc(g->store_floats, sizeof *d.params);
    d.input = calloc(d.inputs, sizeof *d.input);
    d.r = calloc(d.outputs, sizeof *d.r);
    for (int i = 0; i < g->parameter_count; i++) {
        const model_parameter *p = &g->parameters[i];
        double fan = p->rank == 4 ? sqrt(3.0 / (p->dims[1] * p->dims[2] * p->dims[3])) : 0.3;
        for (size_t k = 0; k < p->count; k++)
            d.params[p->offset + k] =
                draw(&r, -fan, fan) + (p->kind == MODEL_PARAMETER_GAMMA || p->kind == MODEL_PARAMETER_VAR);
        for (size_t k = 0; k < p->count; k++)
            d.params[p->offset + k] = (double)(float)d.params[p->offset + k];
    }
    for (size_t i = 0; i < d.inputs; i++)
        d.input[i] = draw(&r, -1, 1);
    for (size_t i = 0; i < d.outputs; i++)
        d.r[i] = draw(&r, -1, 1);
    return d;
}

static void free_drawing(drawing *d)
{
    free(d->params);
    free(d->input);
    free(d->r);
}

/* Our gradients of sum(r * output), with every 3x3 convolution of stride 1 computed by `algorithm`. */
static model_parameters our_gradients(const model_graph *g, const drawing *d, int n, model_algorithm algorithm)
{
    base_error err;
    model_parameters weights, gradients;
    model_algorithm *algorithms = calloc((size_t)g->node_count, sizeof *algorithms);
    for (int i = 0; i < g->node_count; i++) {
        const model_node *q = &g->nodes[i];
        if (q->op == MODEL_OP_CONV2D && q->kernel == 3 && q->stride == 1 && q->dilation == 1 && q->groups == 1)
            algorithms[i] = algorithm;
    }
    const model_plan_options o = {
        .batch = n, .training = true, .threads = 2, .algorithms = algorithms, .weights_algorithms = algorithms
    };
    model_plan *p = model_plan_create(g, &o, &err);
    if (!p || !model_parameters_create(&weights, g, &err) || !model_parameters_create(&gradients, g, &err))
        fail_msg("%s", err.text);
    for (size_t i = 0; i < weights.count; i++)
        weights.values[i] = (float)d->params[i];
    model_view in = model_plan_input(p);
    for (size_t i = 0; i < d->inputs; i++)
        in.data[i / (size_t)in.c * (size_t)in.pitch + i % (size_t)in.c] = (float)d->input[i];
    model_plan_forward(p, &weights, MODEL_BATCH_STATISTICS);
    model_view grad = model_plan_grad_output(p);
    for (size_t i = 0; i < d->outputs; i++)
        grad.data[i / (size_t)grad.c * (size_t)grad.pitch + i % (size_t)grad.c] = (float)d->r[i];
    model_plan_backward(p, &weights, &gradients);
    model_plan_destroy(p);
    model_parameters_destroy(&weights);
    free(algorithms);
    return gradients;
}

/* A drawing whose values keep away from kinks. The seed that is used is in every message. */
static drawing safe_drawing(const model_graph *g, int n, double margin_wanted, uint64_t *seed)
{
    for (;; ++*seed) {
        double margin;
        drawing d = make_drawing(g, n, *seed);
        scalar(g, &d, d.params, n, &margin);
        if (margin > margin_wanted)
            return d;
        free_drawing(&d);
        assert_true(*seed < 100000);
    }
}

/* Every element of every parameter. */
static void check_all(const char *name, const model_graph *g, int n)
{
    uint64_t seed = 1;
    drawing d = safe_drawing(g, n, 20 * STEP, &seed);
    model_parameters ours[MODEL_ALGORITHM_COUNT];
    for (int a = 0; a < MODEL_ALGORITHM_COUNT; a++)
        ours[a] = our_gradients(g, &d, n, (model_algorithm)a);
    for (int i = 0; i < g->parameter_count; i++) {
        const model_parameter *p = &g->parameters[i];
        double *wanted = calloc(p->count, sizeof *wanted), largest = 1;
        if (!model_parameter_trainable(p)) {
            free(wanted);
            continue;
        }
        for (size_t k = 0; k < p->count; k++) {
            double *x = &d.params[p->offset + k], was = *x;
            *x = was + STEP;
            double up = scalar(g, &d, d.params, n, NULL);
            *x = was - STEP;
            wanted[k] = (up - scalar(g, &d, d.params, n, NULL)) / (2 * STEP);
            *x = was;
            largest = fmax(largest, fabs(wanted[k]));
        }
        for (size_t k = 0; k < p->count * MODEL_ALGORITHM_COUNT; k++) {
            size_t a = k / p->count, at = k % p->count;
            double got = (double)ours[a].values[p->offset + at];
            if (!(fabs(got - wanted[at]) <= TOLERANCE * largest))
                fail_msg("%s, %s (seed %llu): gradient of %s[%zu]: got %.9g, central difference %.9g, allowed difference %.3g",
                         name, model_algorithm_names[a], (unsigned long long)seed, p->name, at, got, wanted[at],
                         TOLERANCE * largest);
        }
        free(wanted);
    }
    for (int a = 0; a < MODEL_ALGORITHM_COUNT; a++)
        model_parameters_destroy(&ours[a]);
    free_drawing(&d);
}

/* A 1x1 convolution first: its gradients show the operator's gradient of its input. */
static int start(model_graph *g, int h, int w, int channels)
{
    model_graph_start(g, h, w, 2);
    return model_graph_conv2d(g, "stem", 0, &(model_conv_spec){ .oc = channels, .kernel = 1, .bias = true });
}

static void finish(const char *name, model_graph *g, int output, int n)
{
    base_error err;
    if (!model_graph_finish(g, output, &err))
        fail_msg("%s: %s", name, err.text);
    check_all(name, g, n);
    if (!model_graph_fuse_relu(g, &err))
        fail_msg("%s: %s", name, err.text);
    check_all(name, g, n);
    model_graph_destroy(g);
}

static void test_convolutions(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int h, w, ic;
        model_conv_spec spec;
    } cases[] = {
        { "3x3 same", 5, 6, 3, { 4, 3, 1, 1, 1, true, 1 } },
        { "3x3 valid", 6, 5, 4, { 3, 3, 1, 0, 1, true, 1 } },
        { "3x3 stride 2, last row unused", 6, 7, 3, { 2, 3, 2, 0, 1, false, 1 } },
        { "dilation larger than the image", 3, 4, 2, { 3, 3, 1, 5, 5, true, 1 } },
        { "5x5", 6, 6, 2, { 2, 5, 1, 2, 1, false, 1 } },
        { "1x1", 4, 3, 5, { 3, 1, 1, 0, 1, true, 1 } },
        { "one pixel", 1, 1, 3, { 2, 3, 1, 1, 1, true, 1 } },
        { "depthwise", 5, 6, 4, { 4, 3, 1, 1, 1, true, 4 } },
        { "depthwise, stride 2, dilated", 6, 7, 3, { 3, 3, 2, 2, 2, false, 3 } },
        { "three groups", 4, 5, 6, { 3, 3, 1, 1, 1, true, 3 } },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        model_graph g;
        int x = start(&g, cases[i].h, cases[i].w, cases[i].ic);
        finish(cases[i].name, &g, model_graph_conv2d(&g, "op", x, &cases[i].spec), 2);
        x = start(&g, cases[i].h, cases[i].w, cases[i].ic);
        x = model_graph_relu(&g, "relu", model_graph_conv2d(&g, "op", x, &cases[i].spec)); /* ReLU inside the node */
        finish(cases[i].name, &g, model_graph_conv2d(&g, "after", x, &(model_conv_spec){ .oc = 2, .kernel = 1 }), 2);
    }
}

static void test_other_operators(void **state)
{
    (void)state;
    model_graph g;
    int x = start(&g, 3, 4, 3);
    finish("transposed", &g, model_graph_conv_transpose2d(&g, "op", x, 4), 2);
    x = start(&g, 4, 5, 3);
    finish("batchnorm", &g, model_graph_batchnorm(&g, "op", x), 3);
    x = start(&g, 4, 5, 3);
    x = model_graph_relu(&g, "relu", model_graph_batchnorm(&g, "op", x));
    finish("batchnorm, relu", &g, model_graph_conv2d(&g, "after", x, &(model_conv_spec){ .oc = 2, .kernel = 1 }), 3);
    x = start(&g, 4, 5, 3);
    finish("relu", &g, model_graph_relu(&g, "op", x), 2);
    x = start(&g, 5, 7, 3);
    finish("maxpool, odd sides", &g, model_graph_maxpool(&g, "op", x), 2);
    x = start(&g, 4, 5, 3);
    finish("reflect pad", &g, model_graph_reflect_pad(&g, "op", x, (model_sides){ 3, 1, 0, 4 }), 2);
    x = start(&g, 5, 6, 3);
    finish("crop", &g, model_graph_crop(&g, "op", x, (model_sides){ 1, 2, 0, 3 }), 2);

    /* a tensor with three readers: pooled, cropped, and convolved; gradients must add up */
    x = start(&g, 6, 6, 3);
    int pooled = model_graph_conv_transpose2d(&g, "up", model_graph_maxpool(&g, "pool", x), 2);
    int convolved = model_graph_conv2d(&g, "conv", x, &(model_conv_spec){ .oc = 2, .kernel = 3, .padding = 1 });
    finish("three readers", &g, model_graph_concat(&g, "join", convolved, pooled), 2);
}

static void test_unets(void **state)
{
    (void)state;
    static const struct {
        model_unet_options o;
        int h, w;
    } cases[] = {
        { { MODEL_UNET_SAME, 2, 2, 3, 3 }, 8, 8 },
        { { MODEL_UNET_SAME, 2, 1, 3, 2 }, 5, 7 }, /* padded and cropped */
        { { MODEL_UNET_ORIGINAL, 2, 1, 3, 1 }, 10, 11 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        base_error err;
        model_graph g;
        if (!model_unet_build(&g, &cases[i].o, cases[i].h, cases[i].w, &err) || !model_graph_fuse_relu(&g, &err))
            fail_msg("%s", err.text);
        /* Directional derivatives along ten random directions; a whole net has too many kinks for a wide margin, so the step
         * is small. */
        uint64_t seed = 1;
        const double step = 1e-7;
        drawing d = safe_drawing(&g, 2, 2e-5, &seed);
        model_parameters ours[MODEL_ALGORITHM_COUNT];
        for (int a = 0; a < MODEL_ALGORITHM_COUNT; a++)
            ours[a] = our_gradients(&g, &d, 2, (model_algorithm)a);
        double *moved = calloc(g.store_floats, sizeof *moved), *direction = calloc(g.store_floats, sizeof *direction);
        for (uint64_t k = 0; k < 10; k++) {
            base_random r = base_random_start(seed, "direction", k, 0);
            for (size_t j = 0; j < g.store_floats; j++)
                direction[j] = base_random_range(&r, -1, 1);
            for (size_t j = 0; j < g.store_floats; j++)
                moved[j] = d.params[j] + step * direction[j];
            double up = scalar(&g, &d, moved, 2, NULL);
            for (size_t j = 0; j < g.store_floats; j++)
                moved[j] = d.params[j] - step * direction[j];
            double wanted = (up - scalar(&g, &d, moved, 2, NULL)) / (2 * step);
            for (int a = 0; a < MODEL_ALGORITHM_COUNT; a++) {
                double along = 0, size = 0;
                for (size_t j = 0; j < g.store_floats; j++) {
                    along += direction[j] * (double)ours[a].values[j];
                    size += fabs(direction[j] * (double)ours[a].values[j]);
                }
                if (!(fabs(along - wanted) <= 1e-5 * size))
                    fail_msg(
                        "unet %zu, %s (seed %llu), direction %d: got %.9g, central difference %.9g, allowed difference %.3g", i,
                        model_algorithm_names[a], (unsigned long long)seed, (int)k, along, wanted, 1e-5 * size);
            }
        }
        free(moved);
        free(direction);
        free_drawing(&d);
        for (int a = 0; a < MODEL_ALGORITHM_COUNT; a++)
            model_parameters_destroy(&ours[a]);
        model_graph_destroy(&g);
    }
}

static void test_losses(void **state)
{
    (void)state;
    enum { PIXELS = 35, MOST = 4 };
    static const model_loss_kind many[] = { MODEL_LOSS_CE, MODEL_LOSS_DICE, MODEL_LOSS_CE_DICE };
    static const model_loss_kind binary[] = { MODEL_LOSS_BCE, MODEL_LOSS_DICE, MODEL_LOSS_BCE_DICE };
    void *scratch = malloc(model_loss_scratch_bytes(PIXELS, MOST));
    for (int c = 0; c < 12; c++) {
        bool one = c % 2;
        int k = one ? 1 : MOST;
        model_loss_options o = { .kind = one ? binary[c / 2 % 3] : many[c / 2 % 3],
                                 .dice_smooth = 0.5f,
                                 .weighted = c >= 6,
                                 .class_weights = { 0.5f, 2, 1, 3 } };
        base_random r = base_random_start(3, "loss", (uint64_t)c, 0);
        double z[PIXELS * MOST];
        float logits[PIXELS * MOST], grad[PIXELS * MOST];
        uint8_t labels[PIXELS];
        for (int i = 0; i < PIXELS * k; i++) {
            z[i] = draw(&r, -4, 4);
            logits[i] = (float)z[i];
        }
        for (int i = 0; i < PIXELS; i++)
            labels[i] = i % 7 == 3 ? MODEL_LABEL_IGNORE : (uint8_t)base_random_below(&r, one ? 2 : MOST);
        model_view zv = { logits, 1, 5, 7, k, k }, gv = { grad, 1, 5, 7, k, k };
        model_loss_value v = model_loss_forward_backward(&o, &zv, labels, &gv, scratch, 2);
        double wanted = reference_loss(&o, z, labels, PIXELS, k);
        if (!(fabs(v.total - wanted) <= 1e-6))
            fail_msg("%s with %d outputs: loss %.9g, in double %.9g", model_loss_names[o.kind], k, v.total, wanted);
        for (int i = 0; i < PIXELS * k; i++) {
            double was = z[i];
            z[i] = was + STEP;
            double up = reference_loss(&o, z, labels, PIXELS, k);
            z[i] = was - STEP;
            double slope = (up - reference_loss(&o, z, labels, PIXELS, k)) / (2 * STEP);
            z[i] = was;
            if (!(fabs((double)grad[i] - slope) <=
                  1e-6)) /* gradients are below 0.2: float32 of that, and 1e-9 of the difference */
                fail_msg("%s with %d outputs: gradient %d: got %.9g, central difference %.9g", model_loss_names[o.kind], k, i,
                         (double)grad[i], slope);
        }
    }
    free(scratch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_convolutions),
        cmocka_unit_test(test_other_operators),
        cmocka_unit_test(test_unets),
        cmocka_unit_test(test_losses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
