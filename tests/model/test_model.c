/* Models on disk, BatchNorm folding, the predictor, and the known answers of the optimiser and of small operators. */
#include "base/cpu.h"
#include "base/file.h"
#include "base/random.h"
#include "model/checkpoint.h"
#include "model/loss.h"
#include "model/model.h"
#include "model/optimizer.h"
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <setjmp.h>
#include <cmocka.h>

static char folder[] = "/tmp/laneloop-model-XXXXXX";

static model_description describe(model_unet_variant variant, int h, int w)
{
    model_description d = { .net = { variant, 4, 2, 3, 3 }, .image_h = h, .image_w = w, .classes = dataset_classes_default() };
    return d;
}

/* Random weights with BatchNorm statistics away from 0 and 1, so that folding has something to do. */
static model *make_model(model_description d, uint64_t seed)
{
    base_error err;
    model *m = model_create(&d, &err);
    if (!m)
        fail_msg("%s", err.text);
    model_parameters_initialise(&m->graph, &m->weights, MODEL_INIT_KAIMING, seed);
    base_random r = base_random_start(seed, "statistics", 0, 0);
    for (int i = 0; i < m->graph.parameter_count; i++) {
        const model_parameter *p = &m->graph.parameters[i];
        float *v = model_parameter_at(&m->graph, &m->weights, i);
        for (size_t k = 0; k < p->count && p->rank == 1; k++)
            v[k] =
                (float)(p->kind == MODEL_PARAMETER_GAMMA || p->kind == MODEL_PARAMETER_VAR ? base_random_range(&r, 0.5, 2)
                                                                                           : base_random_range(&r, -0.4, 0.4));
    }
    return m;
}

static uint8_t *make_image(int h, int w, uint64_t seed)
{
    base_random r = base_random_start(seed, "image", 0, 0);
    uint8_t *rgb = malloc((size_t)h * w * 3);
    for (int i = 0; i < h * w * 3; i++)
        rgb[i] = (uint8_t)base_random_below(&r, 256);
    return rgb;
}

/* The network as it was trained, node by node, against the folded one behind the predictor. */
static void check_folding(model_unet_variant variant, int h, int w)
{
    base_error err;
    model *m = make_model(describe(variant, 32, 40), 3);
    uint8_t *rgb = make_image(h, w, 5), *mask = malloc((size_t)h * w), *wanted_mask = malloc((size_t)h * w);
    float *logits = malloc((size_t)h * w * 3 * sizeof *logits);
    model_graph g;
    if (!model_graph_for(&m->about, h, w, &g, &err))
        fail_msg("%s", err.text);
    model_plan *plan = model_plan_create(&g, &(model_plan_options){ .batch = 1, .threads = 2 }, &err);
    model_predictor *p = model_predictor_create(m, &(model_predictor_options){ .h = h, .w = w, .threads = 2 }, &err);
    if (!plan || !p)
        fail_msg("%s", err.text);
    model_view in = model_plan_input(plan);
    model_normalise(rgb, (size_t)h * w, 3, in.data, in.pitch);
    model_plan_infer(plan, &m->weights);
    model_view out = model_plan_output(plan);
    model_decide(out.data, out.pitch, 3, (size_t)h * w, wanted_mask);
    model_predictor_logits(p, rgb, logits);
    double largest = 0;
    for (int i = 0; i < h * w * 3; i++)
        largest = fmax(largest, fabs((double)out.data[i / 3 * out.pitch + i % 3]));
    for (int i = 0; i < h * w * 3; i++) {
        double want = (double)out.data[i / 3 * out.pitch + i % 3];
        if (!(fabs((double)logits[i] - want) <= 2e-5 * largest)) /* ten layers of float32, each rounded differently */
            fail_msg("%d x %d: logit %d: folded %.9g, unfolded %.9g", w, h, i, (double)logits[i], want);
    }
    model_predictor_mask(p, rgb, mask);
    int differ = 0;
    for (int i = 0; i < h * w; i++)
        differ += mask[i] != wanted_mask[i];
    assert_true(differ <= h * w / 1000); /* ties may fall either way */
    model_predictor_destroy(p);
    model_plan_destroy(plan);
    model_graph_destroy(&g);
    model_destroy(m);
    free(logits);
    free(wanted_mask);
    free(mask);
    free(rgb);
}

static void test_folding(void **state)
{
    (void)state;
    check_folding(MODEL_UNET_SAME, 32, 40);
    check_folding(MODEL_UNET_SAME, 37, 51); /* padded inside */
    check_folding(MODEL_UNET_ORIGINAL, 32, 40);
    check_folding(MODEL_UNET_ORIGINAL, 45, 33);

    base_error err;
    model *m = make_model(describe(MODEL_UNET_SAME, 32, 32), 1);
    model_graph g;
    model_parameters w;
    assert_true(model_fold(m, 32, 32, &g, &w, &err));
    for (int i = 0; i < g.node_count; i++) {
        assert_int_not_equal(g.nodes[i].op, MODEL_OP_BATCHNORM);
        assert_int_not_equal(g.nodes[i].op, MODEL_OP_RELU);
        if (g.nodes[i].op == MODEL_OP_CONV2D) {
            assert_true(g.nodes[i].bias >= 0);
            assert_int_equal(g.nodes[i].relu, strcmp(g.nodes[i].name, "head") != 0);
        }
    }
    model_parameters_destroy(&w);
    model_graph_destroy(&g);
    model_destroy(m);
}

static void test_predictor_is_repeatable(void **state)
{
    (void)state;
    base_error err;
    model *m = make_model(describe(MODEL_UNET_SAME, 48, 64), 9);
    uint8_t *a = make_image(48, 64, 1), *b = make_image(48, 64, 2);
    float first[48 * 64 * 3], again[48 * 64 * 3];
    for (int threads = 1; threads <= 3; threads++) {
        model_predictor *p = model_predictor_create(m, &(model_predictor_options){ .threads = threads }, &err);
        assert_non_null(p);
        model_predictor_logits(p, a, threads == 1 ? first : again);
        if (threads > 1)
            assert_memory_equal(first, again, sizeof first);
        model_predictor_logits(p, b, again);
        assert_memory_not_equal(first, again, sizeof first);
        model_predictor_logits(p, a, again);
        assert_memory_equal(first, again, sizeof first);
        model_predictor_destroy(p);
    }
    model_destroy(m);
    free(a);
    free(b);
}

/* By default a predictor runs F(4x4) where it pays: other bits than the direct sums, the same numbers to four digits; at any size, as an
 * image whose tiles reach beside it shows. */
static void test_winograd_predictor(void **state)
{
    (void)state;
    enum { H = 58, W = 75 };
    base_error err;
    model_description d = describe(MODEL_UNET_SAME, H, W);
    d.net.base = 16;
    model *m = make_model(d, 11);
    uint8_t *image = make_image(H, W, 3);
    static float logits[4][H * W * 3];
    for (int w = MODEL_WINOGRAD_AUTO; w <= MODEL_WINOGRAD_F4; w++) {
        model_predictor *p = model_predictor_create(m, &(model_predictor_options){ .threads = 2, .winograd = w }, &err);
        if (!p)
            fail_msg("%s", err.text);
        model_predictor_logits(p, image, logits[w]);
        model_predictor_destroy(p);
    }
    assert_memory_equal(logits[MODEL_WINOGRAD_AUTO], logits[MODEL_WINOGRAD_F4], sizeof logits[0]);
    assert_memory_not_equal(logits[MODEL_WINOGRAD_OFF], logits[MODEL_WINOGRAD_F2], sizeof logits[0]);
    assert_memory_not_equal(logits[MODEL_WINOGRAD_F2], logits[MODEL_WINOGRAD_F4], sizeof logits[0]);
    for (int w = MODEL_WINOGRAD_F2; w <= MODEL_WINOGRAD_F4; w++)
        for (int i = 0; i < H * W * 3; i++) {
            float off = logits[MODEL_WINOGRAD_OFF][i];
            if (!(fabsf(logits[w][i] - off) <= 5e-5f * (fabsf(off) + 1)))
                fail_msg("%s: logit %d is %.9g, directly %.9g", model_winograd_names[w], i, (double)logits[w][i], (double)off);
        }
    model_destroy(m);
    free(image);
}

/* ---- on disk ---- */

static void path_in(const char *name, char path[256]) { snprintf(path, 256, "%s/%s", folder, name); }

static void test_save_and_load(void **state)
{
    (void)state;
    char dir[256];
    base_error err;
    model *m = make_model(describe(MODEL_UNET_SAME, 40, 56), 4);
    path_in("saved", dir);
    for (int twice = 0; twice < 2; twice++) /* the second replaces the first */
        if (!model_checkpoint_write(m, NULL, 123, NULL, dir, &err))
            fail_msg("%s", err.text);
    model *back = model_load(dir, &err);
    if (!back)
        fail_msg("%s", err.text);
    assert_int_equal(back->about.image_h, 40);
    assert_int_equal(back->about.image_w, 56);
    assert_int_equal(back->about.classes.count, 3);
    assert_int_equal(model_class_index(&back->about, "lane_line"), 2);
    assert_int_equal(model_class_index(&back->about, "sky"), -1);
    assert_string_equal(back->about.classes.list[1].tags[0], "Roads");
    assert_memory_equal(back->weights.values, m->weights.values, m->weights.count * sizeof(float));
    model_destroy(back);

    /* names as PyTorch's module of the same structure has them */
    char file[300];
    model_safetensors s;
    snprintf(file, sizeof file, "%s/model.safetensors", dir);
    assert_true(model_safetensors_read(&s, file, &err));
    static const char *const names[] = { "encoder.0.conv1.weight",
                                         "encoder.1.bn2.running_var",
                                         "bottleneck.conv1.weight",
                                         "decoder.0.up.bias",
                                         "decoder.1.bn1.bias",
                                         "head.weight",
                                         "head.bias",
                                         "encoder.0.bn1.num_batches_tracked" };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (!model_safetensors_find(&s, names[i]))
            fail_msg("%s has no %s", file, names[i]);
    assert_int_equal(model_safetensors_find(&s, "decoder.0.up.weight")->dims[0], 16); /* ConvTranspose2d: [in][out][2][2] */
    assert_int_equal(model_safetensors_find(&s, "decoder.0.up.weight")->dims[1], 8);
    model_safetensors_free(&s);
    model_destroy(m);
}

static void check_load_fails(const char *dir, const char *expected)
{
    base_error err;
    model *m = model_load(dir, &err);
    if (m)
        fail_msg("%s was loaded, expected an error with '%s'", dir, expected);
    if (!strstr(err.text, expected))
        fail_msg("%s: '%s' does not say '%s'", dir, err.text, expected);
}

static void test_bad_directories(void **state)
{
    (void)state;
    char dir[256], file[300], other[256], text[300];
    base_error err;
    model *m = make_model(describe(MODEL_UNET_SAME, 32, 32), 4);
    path_in("bad", dir);
    check_load_fails(dir, "no model directory");
    assert_true(model_checkpoint_write(m, NULL, 0, NULL, dir, &err));
    model_destroy(m);

    /* a description of 8e9 weights beside a file of a few: refused by the file, before memory is taken */
    model_description huge = describe(MODEL_UNET_SAME, 32, 32);
    huge.net.base = 256;
    huge.net.depth = 6;
    cJSON *state_json = cJSON_CreateObject();
    cJSON_AddNumberToObject(state_json, "format", 1);
    cJSON_AddItemToObject(state_json, "model", model_description_print(&huge));
    char *huge_text = cJSON_PrintUnformatted(state_json);
    path_in("huge", other);
    m = make_model(describe(MODEL_UNET_SAME, 32, 32), 4);
    assert_true(model_checkpoint_write(m, NULL, 0, NULL, other, &err));
    model_destroy(m);
    snprintf(file, sizeof file, "%s/state.json", other);
    assert_true(base_file_write(file, huge_text, strlen(huge_text), false, &err));
    check_load_fails(other, "tensor encoder.0.conv1.weight: expected F32 [256,3,3,3], found F32 [4,3,3,3]");
    cJSON_free(huge_text);
    cJSON_Delete(state_json);

    /* weights of another architecture under this description */
    model_description wide = describe(MODEL_UNET_SAME, 32, 32);
    wide.net.base = 8;
    m = make_model(wide, 4);
    path_in("wide", other);
    assert_true(model_checkpoint_write(m, NULL, 0, NULL, other, &err));
    model_destroy(m);
    snprintf(file, sizeof file, "%s/model.safetensors", other);
    snprintf(text, sizeof text, "%s/model.safetensors", dir);
    assert_int_equal(rename(file, text), 0);
    check_load_fails(dir, "tensor encoder.0.conv1.weight: expected F32 [4,3,3,3], found F32 [8,3,3,3]");

    assert_int_equal(truncate(text, 20000), 0);
    check_load_fails(dir, "model.safetensors");
    snprintf(file, sizeof file, "%s/state.json", dir);
    assert_true(base_file_write(file, "{\"format\": 9}", 13, false, &err));
    check_load_fails(dir, "format 9, this build reads 1");
    assert_true(base_file_write(file, "{\"format\": 1, \"model\": {\"architecture\": \"enet\"}}", 48, false, &err));
    check_load_fails(dir, "\"unet\"");
    assert_true(base_file_write(file, "{\"format\": 1,\n", 14, false, &err));
    check_load_fails(dir, "state.json:2");
}

/* ---- known answers ---- */

static void test_known_answers(void **state)
{
    (void)state;
    base_error err;
    uint32_t bits;
    assert_true(base_cpu_select(NULL, &bits, &err));
    model_cpu cpu = { model_kernels_select(bits), 1 };

    /* Adam, lr 0.1, w0 = 1, gradients 0.5, -0.2, 0.1 */
    static const double steps[3][2] = { { 0.5, 0.900000002 }, { -0.2, 0.865439418 }, { 0.1, 0.827500241 } };
    model_graph g;
    model_graph_start(&g, 2, 2, 1);
    assert_true(model_graph_finish(&g, model_graph_conv2d(&g, "w", 0, &(model_conv_spec){ .oc = 1, .kernel = 1 }), &err));
    model_parameters w, grad;
    model_optimizer adam;
    model_optimizer_options o = model_optimizer_options_default();
    assert_true(model_parameters_create(&w, &g, &err) && model_parameters_create(&grad, &g, &err) &&
                model_optimizer_create(&adam, &g, &o, &err));
    w.values[0] = 1;
    for (int i = 0; i < 3; i++) {
        grad.values[0] = (float)steps[i][0];
        model_optimizer_step(&adam, &g, &w, &grad, 0.1, &cpu);
        if (!(fabs((double)w.values[0] - steps[i][1]) < 3e-7))
            fail_msg("Adam step %d: %.9f, expected %.9f", i + 1, (double)w.values[0], steps[i][1]);
    }
    model_optimizer_destroy(&adam);
    model_parameters_destroy(&w);
    model_parameters_destroy(&grad);
    model_graph_destroy(&g);

    /* binary losses of z = 2, -1, 0.5 against 1, 0, 1 */
    float z[3] = { 2, -1, 0.5f }, gz[3];
    uint8_t y[3] = { 1, 0, 1 };
    model_view zv = { z, 1, 1, 3, 1, 1 }, gv = { gz, 1, 1, 3, 1, 1 };
    void *scratch = malloc(model_loss_scratch_bytes(3, 3));
    static const struct {
        model_loss_kind kind;
        double value, grad[3];
    } losses[] = {
        { MODEL_LOSS_BCE, 0.304755561, { -0.03973431, 0.08964714, -0.12584689 } },
        { MODEL_LOSS_DICE, 0.160447039, { -0.02553111, 0.03458912, -0.05714544 } },
    };
    for (int k = 0; k < 2; k++) {
        model_loss_options lo = { .kind = losses[k].kind, .dice_smooth = 1 };
        double value = model_loss_forward_backward(&lo, &zv, y, &gv, scratch, 1).total;
        if (!(fabs(value - losses[k].value) < 1e-7))
            fail_msg("%s: %.9f, expected %.9f", model_loss_names[losses[k].kind], value, losses[k].value);
        for (int i = 0; i < 3; i++)
            if (!(fabs((double)gz[i] - losses[k].grad[i]) < 2e-8))
                fail_msg("%s: gradient %d is %.8f, expected %.8f", model_loss_names[losses[k].kind], i, (double)gz[i],
                         losses[k].grad[i]);
    }
    /* softmax cross-entropy of z = 1, 2, 3, class 2 */
    float three[3] = { 1, 2, 3 };
    uint8_t two = 2, ignored = MODEL_LABEL_IGNORE;
    model_view tv = { three, 1, 1, 1, 3, 3 }, tg = { gz, 1, 1, 1, 3, 3 };
    model_loss_options ce = { .kind = MODEL_LOSS_CE, .dice_smooth = 1 };
    assert_true(fabs(model_loss_forward_backward(&ce, &tv, &two, &tg, scratch, 1).total - 0.407605964) < 1e-7);
    for (int k = MODEL_LOSS_CE; k <= MODEL_LOSS_CE_DICE; k++) { /* nothing counts: loss 0, gradient 0, not NaN */
        model_loss_options lo = { .kind = (model_loss_kind)k, .dice_smooth = 1 };
        if (!model_loss_options_check(&lo, 3, NULL))
            continue;
        memset(gz, 0x7f, sizeof gz);
        assert_true(model_loss_forward_backward(&lo, &tv, &ignored, &tg, scratch, 1).total == 0);
        for (int i = 0; i < 3; i++)
            assert_true(gz[i] == 0);
    }
    free(scratch);
}

static void test_batchnorm_and_pad(void **state)
{
    (void)state;
    base_error err;
    /* 1, 2, 3, 4 -> -1.3416 ...; running from (0, 1): mean 0.25, var 1.0666667 */
    model_graph g;
    model_parameters w;
    model_graph_start(&g, 1, 4, 1);
    assert_true(model_graph_finish(&g, model_graph_batchnorm(&g, "bn", 0), &err) && model_parameters_create(&w, &g, &err));
    model_parameters_initialise(&g, &w, MODEL_INIT_KAIMING, 1);
    model_plan *p = model_plan_create(&g, &(model_plan_options){ .batch = 1, .threads = 1 }, &err);
    assert_non_null(p);
    model_view in = model_plan_input(p);
    for (int i = 0; i < 4; i++)
        in.data[i] = (float)(i + 1);
    model_plan_forward(p, &w, MODEL_BATCH_STATISTICS);
    static const double wanted[4] = { -1.341635, -0.447212, 0.447212, 1.341635 };
    model_view out = model_plan_output(p);
    for (int i = 0; i < 4; i++)
        assert_true(fabs((double)out.data[i] - wanted[i]) < 1e-6);
    assert_true(fabs((double)*model_parameter_at(&g, &w, model_graph_find_parameter(&g, "bn.running_mean")) - 0.25) < 1e-7);
    assert_true(fabs((double)*model_parameter_at(&g, &w, model_graph_find_parameter(&g, "bn.running_var")) - 1.0666667) < 1e-6);
    model_plan_destroy(p);
    model_parameters_destroy(&w);
    model_graph_destroy(&g);

    /* reflect-101 by 2: 0,1,2,3 -> 2,1,0,1,2,3,2,1 */
    model_graph_start(&g, 1, 4, 1);
    assert_true(model_graph_finish(&g, model_graph_reflect_pad(&g, "pad", 0, (model_sides){ 0, 0, 2, 2 }), &err) &&
                model_parameters_create(&w, &g, &err));
    p = model_plan_create(&g, &(model_plan_options){ .batch = 1, .threads = 1 }, &err);
    in = model_plan_input(p);
    for (int i = 0; i < 4; i++)
        in.data[i] = (float)i;
    model_plan_infer(p, &w);
    static const float reflected[8] = { 2, 1, 0, 1, 2, 3, 2, 1 };
    assert_memory_equal(model_plan_output(p).data, reflected, sizeof reflected);
    model_plan_destroy(p);
    model_parameters_destroy(&w);
    model_graph_destroy(&g);
}

static void test_schedules(void **state)
{
    (void)state;
    model_schedule s = { .kind = MODEL_SCHEDULE_EXPONENTIAL, .lr = 1e-4, .gamma = 0.95, .step_epochs = 1 };
    assert_true(fabs(model_schedule_lr(&s, 0, 100, 10) - 1e-4) < 1e-12);
    assert_true(fabs(model_schedule_lr(&s, 9, 100, 10) - 1e-4) < 1e-12);
    assert_true(fabs(model_schedule_lr(&s, 10, 100, 10) - 0.95e-4) < 1e-12);
    assert_true(fabs(model_schedule_lr(&s, 35, 100, 10) - 1e-4 * 0.95 * 0.95 * 0.95) < 1e-12);
    s = (model_schedule){ .kind = MODEL_SCHEDULE_STEP, .lr = 1, .gamma = 0.1, .step_epochs = 3 };
    assert_true(fabs(model_schedule_lr(&s, 29, 100, 10) - 1) < 1e-12);
    assert_true(fabs(model_schedule_lr(&s, 30, 100, 10) - 0.1) < 1e-12);
    s = (model_schedule){ .kind = MODEL_SCHEDULE_COSINE, .lr = 2, .final_ratio = 0.1, .warmup_steps = 4 };
    assert_true(fabs(model_schedule_lr(&s, 0, 104, 10) - 0.5) < 1e-12); /* 1/4 of the peak */
    assert_true(fabs(model_schedule_lr(&s, 3, 104, 10) - 2) < 1e-12);
    assert_true(fabs(model_schedule_lr(&s, 4, 104, 10) - 2) < 1e-12);
    assert_true(fabs(model_schedule_lr(&s, 54, 104, 10) - 1.1) < 1e-12); /* half way */
    assert_true(fabs(model_schedule_lr(&s, 104, 104, 10) - 0.2) < 1e-12);
    s.kind = MODEL_SCHEDULE_CONSTANT;
    assert_true(fabs(model_schedule_lr(&s, 90, 104, 10) - 2) < 1e-12);
}

/* U(-b, b) has deviation b/sqrt(3); names, not places, choose the numbers. */
static void test_initialisation(void **state)
{
    (void)state;
    model_description small = describe(MODEL_UNET_SAME, 32, 32), deep = small;
    deep.net.depth = 3;
    model *a = make_model(small, 1), *b = make_model(deep, 1);
    model_parameters_initialise(&a->graph, &a->weights, MODEL_INIT_KAIMING, 6);
    model_parameters_initialise(&b->graph, &b->weights, MODEL_INIT_KAIMING, 6);
    int i = model_graph_find_parameter(&a->graph, "bottleneck.conv2.weight"),
        first = model_graph_find_parameter(&a->graph, "encoder.0.conv1.weight");
    const float *w = model_parameter_at(&a->graph, &a->weights, i);
    size_t count = a->graph.parameters[i].count;
    double squares = 0, bound = sqrt(6.0 / (16 * 9)), most = 0;
    for (size_t k = 0; k < count; k++) {
        squares += (double)w[k] * (double)w[k] / (double)count;
        most = fmax(most, fabs((double)w[k]));
    }
    assert_true(most <= bound && most > 0.99 * bound);
    assert_true(fabs(sqrt(squares) / (bound / sqrt(3)) - 1) < 0.05); /* 2304 draws: deviation of the estimate about 1 % */
    assert_memory_equal(
        model_parameter_at(&a->graph, &a->weights, first),
        model_parameter_at(&b->graph, &b->weights, model_graph_find_parameter(&b->graph, "encoder.0.conv1.weight")),
        108 * sizeof(float));
    model_destroy(a);
    model_destroy(b);
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}
static int remove_folder(void **state)
{
    (void)state;
    return base_dir_remove(folder, NULL) ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_folding),
        cmocka_unit_test(test_predictor_is_repeatable),
        cmocka_unit_test(test_winograd_predictor),
        cmocka_unit_test(test_save_and_load),
        cmocka_unit_test(test_bad_directories),
        cmocka_unit_test(test_known_answers),
        cmocka_unit_test(test_batchnorm_and_pad),
        cmocka_unit_test(test_schedules),
        cmocka_unit_test(test_initialisation),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
