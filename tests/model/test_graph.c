/* Graphs: shapes and counts against the tables of published and counted networks, rewrites, and what is said about
 * impossible nets. */
#include "model/model.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

static model_graph build(model_unet_options o, int h, int w)
{
    base_error err;
    model_graph g;
    if (!model_unet_build(&g, &o, h, w, &err))
        fail_msg("%s base %d depth %d, %d x %d: %s", model_unet_variant_names[o.variant], o.base, o.depth, h, w, err.text);
    return g;
}

/* Parameters: closed forms of the architecture; multiply-adds at 256x512: counted layer by layer elsewhere. */
static void test_counts(void **state)
{
    (void)state;
    static const struct {
        model_unet_variant variant;
        int base, outputs, h, w;
        size_t parameters;
        double macs_m; /* millions; 0 = not in the table */
    } cases[] = {
        { MODEL_UNET_SAME, 64, 1, 256, 512, 31037633, 96334.77 },
        { MODEL_UNET_SAME, 32, 1, 256, 512, 7763041, 24142 },
        { MODEL_UNET_SAME, 16, 1, 256, 512, 1942577, 6065 },
        { MODEL_UNET_SAME, 8, 1, 256, 512, 486553, 1531 },
        { MODEL_UNET_SAME, 8, 3, 256, 512, 486571, 0 },
        { MODEL_UNET_ORIGINAL, 64, 1, 500, 500, 23371265, 208840.17 },
        { MODEL_UNET_ORIGINAL, 64, 1, 600, 800, 23371265, 382380 },
        { MODEL_UNET_ORIGINAL, 64, 1, 256, 512, 23371265, 124740 },
        { MODEL_UNET_ORIGINAL, 64, 23, 500, 500, 23372695, 0 },
        { MODEL_UNET_ORIGINAL, 32, 1, 500, 500, 5844737, 52410 },
        { MODEL_UNET_ORIGINAL, 16, 1, 500, 500, 1462145, 13210 },
        { MODEL_UNET_ORIGINAL, 8, 1, 500, 500, 366017, 3350 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        model_unet_options o = { cases[i].variant, cases[i].base, 4, 3, cases[i].outputs };
        model_graph g = build(o, cases[i].h, cases[i].w);
        if (model_graph_trainable_count(&g) != cases[i].parameters)
            fail_msg("case %zu: %zu parameters, expected %zu", i, model_graph_trainable_count(&g), cases[i].parameters);
        double macs = model_graph_macs(&g) / 1e6;
        if (cases[i].macs_m > 0 &&
            !(macs > 0.9985 * cases[i].macs_m && macs < 1.0015 * cases[i].macs_m)) /* the table has 3 to 4 digits */
            fail_msg("case %zu: %.2f M multiply-adds, expected %.2f", i, macs, cases[i].macs_m);
        model_graph_destroy(&g);
    }
}

static void check_shape(const model_graph *g, const char *name, int c, int h, int w)
{
    int i = model_graph_find_node(g, name);
    if (i < 0)
        fail_msg("no node %s", name);
    const model_node *n = &g->nodes[i];
    if (n->c != c || n->h != h || n->w != w)
        fail_msg("%s: %dx%dx%d, expected %dx%dx%d", name, n->c, n->h, n->w, c, h, w);
}

/* The older network on 600x800, every level (the table of its layers). */
static void test_original_shapes(void **state)
{
    (void)state;
    model_graph g = build((model_unet_options){ MODEL_UNET_ORIGINAL, 64, 4, 3, 1 }, 600, 800);
    check_shape(&g, "pad", 3, 796, 988);
    check_shape(&g, "encoder.0.conv2", 64, 792, 984);
    check_shape(&g, "encoder.1.conv2", 128, 392, 488);
    check_shape(&g, "encoder.2.conv2", 256, 192, 240);
    check_shape(&g, "encoder.3.conv2", 512, 92, 116);
    check_shape(&g, "bottleneck.conv1", 1024, 44, 56);
    check_shape(&g, "bottleneck.conv2", 512, 42, 54);
    check_shape(&g, "decoder.0.up", 512, 84, 108);
    check_shape(&g, "decoder.0.concat", 1024, 84, 108);
    check_shape(&g, "decoder.0.conv2", 256, 80, 104);
    check_shape(&g, "decoder.1.conv2", 128, 156, 204);
    check_shape(&g, "decoder.2.conv2", 64, 308, 404);
    check_shape(&g, "decoder.3.conv2", 64, 612, 804);
    check_shape(&g, "head", 1, 612, 804);
    check_shape(&g, "unpad", 1, 600, 800);
    const model_node *pad = &g.nodes[model_graph_find_node(&g, "pad")];
    assert_int_equal(pad->top, 98);
    assert_int_equal(pad->left, 94);
    model_graph_destroy(&g);

    g = build((model_unet_options){ MODEL_UNET_ORIGINAL, 64, 4, 3, 1 }, 500, 500); /* fits without a crop */
    check_shape(&g, "pad", 3, 684, 684);
    assert_int_equal(model_graph_find_node(&g, "unpad"), -1);
    model_graph_destroy(&g);
}

/* Any size comes back as that size. */
static void test_sizes(void **state)
{
    (void)state;
    for (int h = 96; h < 130; h += 3)
        for (int variant = 0; variant < 2; variant++)
            for (int depth = 1; depth <= 4; depth++) {
                int w = 2 * h + 1;
                model_graph g = build((model_unet_options){ (model_unet_variant)variant, 2, depth, 3, 2 }, h, w);
                const model_node *out = &g.nodes[g.output];
                assert_int_equal(out->h, h);
                assert_int_equal(out->w, w);
                assert_int_equal(out->c, 2);
                model_graph_destroy(&g);
            }
}

static void test_refusals(void **state)
{
    (void)state;
    static const struct {
        model_unet_options o;
        int h, w;
        const char *expected;
    } cases[] = {
        { { MODEL_UNET_SAME, 0, 4, 3, 3 }, 64, 64, "base must be in 1..256, found 0" },
        { { MODEL_UNET_SAME, 8, 7, 3, 3 }, 64, 64, "depth must be in 1..6, found 7" },
        { { MODEL_UNET_SAME, 8, 4, 3, 0 }, 64, 64, "outputs" },
        { { MODEL_UNET_SAME, 8, 4, 3, 3 }, 0, 64, "0 x 64" },
        { { MODEL_UNET_ORIGINAL, 8, 4, 3, 3 }, 64, 64, "longer sides" }, /* 92 pixels cannot be reflected */
        { { MODEL_UNET_SAME, 8, 6, 3, 3 }, 20, 20, "longer sides" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        base_error err;
        model_graph g;
        if (model_unet_build(&g, &cases[i].o, cases[i].h, cases[i].w, &err))
            fail_msg("case %zu was accepted, expected '%s'", i, cases[i].expected);
        if (!strstr(err.text, cases[i].expected))
            fail_msg("case %zu: '%s' does not say '%s'", i, err.text, cases[i].expected);
        model_graph_destroy(&g);
    }
    base_error err;
    model_graph g;
    model_graph_start(&g, 8, 8, 3); /* the first failure is the one that is reported */
    int x = model_graph_conv2d(&g, "a", 0, &(model_conv_spec){ .oc = 4, .kernel = 11 });
    x = model_graph_relu(&g, "b", x);
    assert_int_equal(x, -1);
    assert_false(model_graph_finish(&g, x, &err));
    assert_non_null(strstr(err.text, "node a"));
    model_graph_destroy(&g);
    model_graph_start(&g, 8, 8, 3);
    x = model_graph_conv2d(&g, "a", 0, &(model_conv_spec){ .oc = 4, .kernel = 1 });
    int grouped = model_graph_conv2d(&g, "b", x, &(model_conv_spec){ .oc = 6, .kernel = 1, .groups = 2 });
    assert_int_equal(g.parameters[g.nodes[grouped].weight].dims[1], 2);
    x = model_graph_concat(&g, "join", x, model_graph_maxpool(&g, "pool", x));
    assert_false(model_graph_finish(&g, x, &err));
    assert_non_null(strstr(err.text, "8 x 8 with 4 x 4"));
    model_graph_destroy(&g);
    model_graph_start(&g, 8, 8, 3);
    x = model_graph_conv2d(&g, "a", 0, &(model_conv_spec){ .oc = 4, .kernel = 3, .padding = 1, .groups = 3 });
    assert_false(model_graph_finish(&g, x, &err));
    assert_non_null(strstr(err.text, "node a: 3 groups do not divide 3 channels and 4 outputs"));
    model_graph_destroy(&g);
}

static void test_fuse(void **state)
{
    (void)state;
    base_error err;
    model_graph g = build((model_unet_options){ MODEL_UNET_SAME, 4, 2, 3, 3 }, 16, 16);
    int before = g.node_count, relus = 0;
    for (int i = 0; i < g.node_count; i++)
        relus += g.nodes[i].op == MODEL_OP_RELU;
    assert_int_equal(relus, 10);
    assert_true(model_graph_fuse_relu(&g, &err));
    assert_int_equal(g.node_count, before - relus);
    for (int i = 0; i < g.node_count; i++) {
        const model_node *n = &g.nodes[i];
        assert_int_equal(n->relu, n->op == MODEL_OP_BATCHNORM);
        for (int k = 0; k < n->input_count; k++)
            assert_in_range(n->inputs[k], 0, i - 1);
    }
    for (int i = 0; i < g.parameter_count; i++) { /* owners moved with their nodes */
        const char *owner = g.nodes[g.parameters[i].node].name;
        assert_int_equal(strncmp(g.parameters[i].name, owner, strlen(owner)), 0);
    }
    assert_string_equal(g.nodes[g.output].name, "head");
    model_graph_destroy(&g);

    /* a ReLU stays when someone else wants the value before it */
    model_graph_start(&g, 4, 4, 3);
    int x = model_graph_conv2d(&g, "c", 0, &(model_conv_spec){ .oc = 4, .kernel = 1 });
    x = model_graph_concat(&g, "join", x, model_graph_relu(&g, "r", x));
    assert_true(model_graph_finish(&g, x, &err) && model_graph_fuse_relu(&g, &err));
    assert_true(model_graph_find_node(&g, "r") > 0);
    assert_false(g.nodes[1].relu);
    model_graph_destroy(&g);
}

/* Tensors that live at different times share bytes: a plan for inference is far smaller than one for training, and both stay
 * below what one buffer per tensor would take. */
static void test_plan_shares_memory(void **state)
{
    (void)state;
    base_error err;
    model_graph g = build((model_unet_options){ MODEL_UNET_SAME, 8, 4, 3, 3 }, 128, 256);
    assert_true(model_graph_fuse_relu(&g, &err));
    size_t all = 0;
    for (int i = 0; i < g.node_count; i++)
        all += g.nodes[i].op == MODEL_OP_CONCAT ? 0 : (size_t)g.nodes[i].h * g.nodes[i].w * g.nodes[i].c * sizeof(float);
    model_plan *infer = model_plan_create(&g, &(model_plan_options){ .batch = 4, .threads = 1 }, &err);
    model_plan *train = model_plan_create(&g, &(model_plan_options){ .batch = 4, .training = true, .threads = 1 }, &err);
    assert_non_null(infer);
    assert_non_null(train);
    size_t packed = 6u << 20; /* weights in kernel order and scratch */
    if (!(model_plan_bytes(infer) < 4 * all / 2 + packed))
        fail_msg("inference takes %zu bytes, one buffer per tensor would take %zu", model_plan_bytes(infer), 4 * all);
    if (!(model_plan_bytes(train) < 4 * all * 3 / 2 + 2 * packed))
        fail_msg("training takes %zu bytes, one buffer per tensor and gradient would take %zu", model_plan_bytes(train),
                 2 * 4 * all);
    model_plan_destroy(infer);
    model_plan_destroy(train);
    model_graph_destroy(&g);

    /* A training step packs the weights of one layer at a time, both ways: where weights are the most, all of them have no room. */
    g = build((model_unet_options){ MODEL_UNET_SAME, 32, 4, 3, 3 }, 32, 32);
    assert_non_null(train = model_plan_create(&g, &(model_plan_options){ .batch = 1, .training = true, .threads = 1 }, &err));
    if (!(model_plan_bytes(train) < g.weight_floats * sizeof(float)))
        fail_msg("a plan of %zu bytes for %zu bytes of weights", model_plan_bytes(train), g.weight_floats * sizeof(float));
    model_plan_destroy(train);
    model_graph_destroy(&g);
}

static int count_algorithm(const model_plan *p, const model_graph *g, model_algorithm a)
{
    int count = 0;
    for (int i = 0; i < g->node_count; i++)
        count += g->nodes[i].op == MODEL_OP_CONV2D && model_plan_algorithm(p, i) == a;
    return count;
}

static int count_weights_algorithm(const model_plan *p, const model_graph *g, model_algorithm a)
{
    int count = 0;
    for (int i = 0; i < g->node_count; i++)
        count += g->nodes[i].op == MODEL_OP_CONV2D && model_plan_weights_algorithm(p, i) == a;
    return count;
}

/* Where Winograd is chosen: never for the image and the head, nowhere when it is off, by default F(4x4) where it pays;
 * and a list of algorithms stands above the rule. */
static void test_algorithms(void **state)
{
    (void)state;
    static const struct {
        int base, winograd;
        bool training;
        int direct, f2, f4; /* of 19 convolutions */
        int weights_f2, weights_f4;
        const char *why;
    } cases[] = {
        { 16, MODEL_WINOGRAD_OFF, false, 19, 0, 0, 0, 0, "off" },
        { 16, MODEL_WINOGRAD_AUTO, false, 2, 0, 17, 0, 0, "inference: all but image and head" },
        { 16, MODEL_WINOGRAD_F4, false, 2, 0, 17, 0, 0, "the same by name" },
        { 16, MODEL_WINOGRAD_F2, false, 4, 15, 0, 0, 0, "16 to 16 channels do not pay in F(2x2)" },
        { 16, MODEL_WINOGRAD_F2, true, 4, 15, 0, 15, 0, "the same in training" },
        { 16, MODEL_WINOGRAD_AUTO, true, 2, 6, 11, 0, 17,
          "training: F(2x2) at 32x64 and below, where F(4x4) has too few tiles but for gradients of weights" },
        { 8, MODEL_WINOGRAD_AUTO, false, 6, 0, 13, 0, 0, "8 channels are too few" },
    };
    base_error err;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        model_graph g = build((model_unet_options){ MODEL_UNET_SAME, cases[i].base, 4, 3, 3 }, 256, 512);
        const model_plan_options o = { .batch = 1, .training = cases[i].training, .threads = 1, .winograd = cases[i].winograd };
        model_plan *p = model_plan_create(&g, &o, &err);
        assert_non_null(p);
        int direct = count_algorithm(p, &g, MODEL_DIRECT), f2 = count_algorithm(p, &g, MODEL_WINOGRAD2),
            f4 = count_algorithm(p, &g, MODEL_WINOGRAD4);
        if (direct != cases[i].direct || f2 != cases[i].f2 || f4 != cases[i].f4)
            fail_msg("%s: %d direct, %d F(2x2), %d F(4x4); expected %d, %d, %d", cases[i].why, direct, f2, f4, cases[i].direct,
                     cases[i].f2, cases[i].f4);
        int weights_f2 = count_weights_algorithm(p, &g, MODEL_WINOGRAD2),
            weights_f4 = count_weights_algorithm(p, &g, MODEL_WINOGRAD4);
        if (weights_f2 != cases[i].weights_f2 || weights_f4 != cases[i].weights_f4)
            fail_msg("%s: gradients of weights: %d F(2x2), %d F(4x4); expected %d, %d", cases[i].why, weights_f2, weights_f4,
                     cases[i].weights_f2, cases[i].weights_f4);
        model_plan_destroy(p);
        model_graph_destroy(&g);
    }

    model_graph g = build((model_unet_options){ MODEL_UNET_SAME, 4, 1, 3, 3 }, 16, 16);
    model_algorithm *algorithms = calloc((size_t)g.node_count, sizeof *algorithms);
    int conv = model_graph_find_node(&g, "encoder.0.conv2"), head = model_graph_find_node(&g, "head");
    assert_true(conv > 0 && head > 0);
    algorithms[conv] = MODEL_WINOGRAD4;
    model_plan_options o = { .batch = 1, .threads = 1, .algorithms = algorithms };
    model_plan *p = model_plan_create(&g, &o, &err);
    assert_non_null(p);
    assert_int_equal(count_algorithm(p, &g, MODEL_WINOGRAD4), 1);
    model_plan_destroy(p);
    o.precision = MODEL_BF16; /* no transform of rounded factors */
    assert_null(model_plan_create(&g, &o, &err));
    assert_non_null(strstr(err.text, "encoder.0.conv2 cannot be computed by winograd4"));
    o.precision = 2;
    assert_null(model_plan_create(&g, &o, &err));
    o.precision = MODEL_FP32;
    algorithms[head] = MODEL_WINOGRAD2; /* 1x1 */
    assert_null(model_plan_create(&g, &o, &err));
    assert_non_null(strstr(err.text, "head cannot be computed by winograd2"));
    algorithms[head] = MODEL_DIRECT;
    o = (model_plan_options){ .batch = 1, .training = true, .threads = 1, .weights_algorithms = algorithms };
    p = model_plan_create(&g, &o, &err);
    assert_non_null(p);
    assert_int_equal(count_weights_algorithm(p, &g, MODEL_WINOGRAD4), 1);
    model_plan_destroy(p);
    algorithms[head] = MODEL_WINOGRAD4;
    assert_null(model_plan_create(&g, &o, &err));
    assert_non_null(strstr(err.text, "head cannot be computed by winograd4"));
    free(algorithms);
    model_graph_destroy(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts),     cmocka_unit_test(test_original_shapes),
        cmocka_unit_test(test_sizes),      cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_fuse),       cmocka_unit_test(test_plan_shares_memory),
        cmocka_unit_test(test_algorithms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
