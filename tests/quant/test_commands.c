/* A trained network from checkpoint to int8 on a drawn dataset: IoU before and after, the predictor's two kinds, and what `quantize` and `eval`
 * print, also when their input is wrong. */
#include "base/file.h"
#include "eval/iou.h"
#include "model/checkpoint.h"
#include "model/train.h"
#include "quant/quant.h"
#include "tests/support/sanitized.h"
#include "tests/support/synthetic_dataset.h"
#include <cjson/cJSON.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WIDTH = 96, HEIGHT = 64 };

static char folder[256], data[300], trained[300], int8[300], config[300];

/* A few seconds of training: enough for a network whose masks mean something. */
static int prepare(void **state)
{
    (void)state;
    base_error err = { 0 };
    synthetic_dir(folder);
    snprintf(data, sizeof data, "%s/data", folder);
    snprintf(int8, sizeof int8, "%s/int8", folder);
    snprintf(config, sizeof config, "%s/quantize.json", folder);
    snprintf(trained, sizeof trained, "%s/run/model", folder);
    synthetic_options so = { .width_px = WIDTH, .height_px = HEIGHT, .episodes = 6, .frames = 12, .seed = 3 };
    bool ok = synthetic_write(data, &so, 2, -1, &err);
    model_train_options o = model_train_options_default();
    snprintf(o.dataset, sizeof o.dataset, "%s", data);
    o.net.base = 8;
    o.net.depth = 3;
    o.epochs = SANITIZED ? 1 : 10;
    o.batch = 4;
    o.threads = 1; /* waiting threads spin, which costs more than it brings on a shared machine */
    o.schedule.warmup_steps = 5;
    o.schedule.lr = 4e-3;
    model_source source = { 0 };
    model_train_result result;
    char run[300];
    snprintf(run, sizeof run, "%s/run", folder);
    ok = ok && model_source_open(&source, &o, &err) &&
         model_train(&o, &source.batches, run, MODEL_START_ANEW, NULL, &(model_train_hooks){ 0 }, &result, &err);
    model_source_close(&source);
    const char *text = "{\"frames\": 24, \"seed\": 5}\n";
    ok = ok && base_file_write(config, text, strlen(text), false, &err);
    if (!ok)
        print_error("%s\n", err.text);
    return ok ? 0 : -1;
}

static int tidy(void **state)
{
    (void)state;
    synthetic_dir_remove(folder);
    return 0;
}

/* Run the program with a shell command line behind it; its output (standard error included) into text. Returns the exit status. */
static int laneloop(char *text, size_t bytes, const char *format, ...)
{
    char arguments[2048], line[2400];
    va_list args;
    va_start(args, format);
    vsnprintf(arguments, sizeof arguments, format, args);
    va_end(args);
    const char *program = getenv("LANELOOP");
    snprintf(line, sizeof line, "%s %s 2>&1", program ? program : "build/release/laneloop", arguments);
    FILE *pipe = popen(line, "r");
    assert_non_null(pipe);
    size_t n = fread(text, 1, bytes - 1, pipe);
    text[n] = '\0';
    int status = pclose(pipe);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static double number(const cJSON *object, const char *key)
{
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(object, key);
    if (!cJSON_IsNumber(v))
        fail_msg("no number \"%s\"", key);
    return v->valuedouble;
}

static void quantize_keeps_iou(void **state)
{
    (void)state;
    static char text[65536];
    int status = laneloop(text, sizeof text, "quantize %s %s --dataset %s --out %s --json", config, trained, data, int8);
    if (status != 0)
        fail_msg("exit %d: %s", status, text);
    cJSON *result = cJSON_Parse(text);
    const cJSON *fp32 = cJSON_GetObjectItem(result, "fp32"), *quantised = cJSON_GetObjectItem(result, "int8");
    double before = number(fp32, "road_iou"), after = number(quantised, "road_iou");
    double line_before = number(fp32, "line_iou"), line_after = number(quantised, "line_iou");
    print_message("# road IoU %.4f -> %.4f, line IoU %.4f -> %.4f, %.0f -> %.0f bytes, %.2f -> %.2f ms\n", before, after,
                  line_before, line_after, number(fp32, "model_bytes"), number(quantised, "model_bytes"),
                  number(fp32, "infer_ms"), number(quantised, "infer_ms"));
    assert_true(number(quantised, "model_bytes") < 0.4 * number(fp32, "model_bytes")); /* headers weigh in a net this small */
    cJSON_Delete(result);
    if (SANITIZED) {
        print_message("# skip: trained too little to compare IoU under a sanitizer\n");
        skip();
    }
    if (!(before > 0.8))
        fail_msg("the network learned too little to compare: road IoU %g", before);
    /* the bound of the whole project for 8 bit is 0.01 */
    if (!(fabs(before - after) < 0.01 && fabs(line_before - line_after) < 0.03))
        fail_msg("road IoU %.4f -> %.4f, line IoU %.4f -> %.4f", before, after, line_before, line_after);
}

/* eval finds the kind from the files and gives the figures that quantize gave; the library agrees. */
static void eval_agrees(void **state)
{
    (void)state;
    char text[8192];
    base_error err;
    const char *models[] = { trained, int8 }, *kinds[] = { "fp32", "int8" };
    for (int i = 0; i < 2; i++) {
        int status = laneloop(text, sizeof text, "eval %s %s --json", models[i], data);
        if (status != 0)
            fail_msg("exit %d: %s", status, text);
        cJSON *o = cJSON_Parse(text);
        assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(o, "kind")), kinds[i]);
        eval_predictor_options po = eval_predictor_options_default();
        eval_predictor *p = eval_predictor_open(models[i], &po, &err);
        dataset *d = dataset_open(data, NULL, &err);
        eval_iou r;
        if (!p || !d || !eval_iou_measure(p, d, DATASET_TEST, 0, 1, NULL, &r, &err))
            fail_msg("%s", err.text);
        assert_int_equal(r.frames, 12);
        /* the JSON printer keeps 15 digits */
        assert_true(fabs(r.road_iou - number(o, "road_iou")) < 1e-12 && fabs(r.line_iou - number(o, "line_iou")) < 1e-12);
        assert_int_equal(eval_predictor_class(p, "drivable"), 1);
        assert_int_equal(eval_predictor_class(p, "sky"), -1);
        dataset_close(d);
        eval_predictor_close(p);
        cJSON_Delete(o);
    }
}

/* Masks of the two kinds on one image; a size that was not planned is refused. */
static void predictors_see_the_same(void **state)
{
    (void)state;
    base_error err;
    synthetic_options so = { .width_px = WIDTH, .height_px = HEIGHT, .episodes = 6, .frames = 12, .seed = 3 };
    static uint8_t rgb[WIDTH * HEIGHT * 3], tags[WIDTH * HEIGHT], masks[2][WIDTH * HEIGHT];
    dataset_frame f;
    synthetic_frame(&so, 5, 4, &f, rgb, tags, NULL);
    const char *models[] = { trained, int8 };
    for (int i = 0; i < 2; i++) {
        eval_predictor_options po = eval_predictor_options_default();
        po.width_px = WIDTH;
        po.height_px = HEIGHT;
        eval_predictor *p = eval_predictor_open(models[i], &po, &err);
        if (!p)
            fail_msg("%s", err.text);
        assert_int_equal(eval_predictor_about(p)->kind, i ? EVAL_PREDICTOR_INT8 : EVAL_PREDICTOR_FP32);
        assert_true(eval_predictor_run(p, rgb, WIDTH, HEIGHT, masks[i], &err));
        assert_true(eval_predictor_last_s(p) > 0);
        assert_false(eval_predictor_run(p, rgb, WIDTH, HEIGHT - 1, masks[i], &err));
        eval_predictor_close(p);
    }
    int equal = 0;
    for (int i = 0; i < WIDTH * HEIGHT; i++)
        equal += masks[0][i] == masks[1][i];
    if (equal < WIDTH * HEIGHT * 98 / 100)
        fail_msg("%d of %d pixels are equal", equal, WIDTH * HEIGHT);
}

static void untrained_is_another_network(void **state)
{
    (void)state;
    base_error err;
    eval_predictor_options po = eval_predictor_options_default();
    po.untrained = true;
    dataset *d = dataset_open(data, NULL, &err);
    eval_predictor *p = eval_predictor_open(trained, &po, &err);
    eval_iou r;
    if (!p || !d || !eval_iou_measure(p, d, DATASET_TEST, 4, 1, NULL, &r, &err))
        fail_msg("%s", err.text);
    assert_int_equal(r.frames, 4);
    assert_true(r.road_iou < 0.7); /* what an image of nothing but road would get is below that */
    eval_predictor_close(p);
    dataset_close(d);
    assert_null(eval_predictor_open(int8, &po, &err)); /* there is nothing to draw weights for */
    assert_non_null(strstr(err.text, "untrained"));
}

static void wrong_input_is_named(void **state)
{
    (void)state;
    char text[8192], other[300], broken[300], file[400];
    base_error err;
    snprintf(other, sizeof other, "%s/other.json", folder);
    snprintf(broken, sizeof broken, "%s/broken", folder);
    static const char *const configs[] = { "{\"frmes\": 3}", "{\"observer\": \"entropy\"}", "{\"frames\": \"many\"}",
                                           "{\"percentile\": 101}", "{\"frames\": 3, \"frames\": 4}" };
    static const char *const says[] = { "frmes", "entropy", "frames", "percentile", "frames" };
    for (size_t i = 0; i < sizeof configs / sizeof configs[0]; i++) {
        assert_true(base_file_write(other, configs[i], strlen(configs[i]), false, &err));
        int status = laneloop(text, sizeof text, "quantize %s %s --dataset %s --out %s/none", other, trained, data, folder);
        if (status != 1 || !strstr(text, "other.json:1") || !strstr(text, says[i]) ||
            strchr(text, '\n') != text + strlen(text) - 1)
            fail_msg("%s: exit %d: %s", configs[i], status, text);
    }
    struct {
        const char *line, *says;
        int status;
    } cases[] = {
        { "eval %1$s/nowhere %1$s/data", "neither int8.safetensors (int8) nor model.safetensors", 1 },
        { "eval %1$s/int8 %1$s/nowhere", "nowhere", 1 },
        { "eval %1$s/int8 %1$s/data --split test2", "test2", 2 },
        { "quantize %1$s/quantize.json %1$s/int8 --dataset %1$s/data", "int8 model already", 1 },
        { "quantize %1$s/quantize.json %1$s/run/model", "no dataset", 2 },
        { "eval %1$s/broken %1$s/data", "broken/int8.safetensors", 1 },
    };
    /* a model file cut in half */
    unsigned char *bytes;
    size_t count;
    snprintf(file, sizeof file, "%s/%s", int8, QUANT_FILE);
    assert_true(base_file_read(file, 1 << 26, &bytes, &count, &err) && base_dir_create(broken, &err));
    snprintf(file, sizeof file, "%s/%s", broken, QUANT_FILE);
    assert_true(base_file_write(file, bytes, count / 2, false, &err));
    free(bytes);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char line[2048];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(line, sizeof line, cases[i].line, folder);
#pragma GCC diagnostic pop
        int status = laneloop(text, sizeof text, "%s", line);
        if (status != cases[i].status || !strstr(text, cases[i].says))
            fail_msg("%s: exit %d: %s", line, status, text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantize_keeps_iou),      cmocka_unit_test(eval_agrees),
        cmocka_unit_test(predictors_see_the_same), cmocka_unit_test(untrained_is_another_network),
        cmocka_unit_test(wrong_input_is_named),
    };
    return cmocka_run_group_tests(tests, prepare, tidy);
}
