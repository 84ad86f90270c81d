/* Configurations: the newer keys, the older project's Unet_config.json on a new dataset, and what is said about wrong ones. */
#include "base/file.h"
#include "model/train.h"
#include "tests/support/synthetic_dataset.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

static bool read_text(model_train_options *o, const char *text, base_error *err)
{
    base_json j;
    if (!base_json_parse(&j, text, strlen(text), "test.json", err))
        return false;
    *o = model_train_options_default();
    bool ok = model_train_options_read(o, &j, err);
    base_json_free(&j);
    return ok;
}

static void test_newer_keys(void **state)
{
    (void)state;
    base_error err;
    model_train_options o;
    if (!read_text(
            &o,
            "{\"dataset\": \"d\", \"net\": {\"base\": 16, \"depth\": 3}, \"loss\": \"ce\", \"class_weights\": [0.5, 1, 4], \"epochs\": 7,"
            " \"batch\": 3, \"lr\": 0.01, \"schedule\": \"step\", \"step_epochs\": 2, \"gamma\": 0.1, \"warmup_steps\": 5, \"seed\": 9,"
            " \"augment\": {\"mode\": \"off\"}, \"width\": 64, \"height\": 32}",
            &err) ||
        !model_train_options_check(&o, &err))
        fail_msg("%s", err.text);
    assert_int_equal(o.net.base, 16);
    assert_int_equal(o.net.depth, 3);
    assert_int_equal(o.net.outputs, 3);
    assert_int_equal(o.loss.kind, MODEL_LOSS_CE);
    assert_true(o.loss.weighted && o.loss.class_weights[2] == 4);
    assert_int_equal(o.schedule.warmup_steps, 5);
    assert_int_equal(o.seed, 9);
    assert_false(o.legacy);

    /* printed and read again it is the same */
    cJSON *printed = model_train_options_print(&o);
    char *text = cJSON_Print(printed);
    model_train_options again;
    if (!read_text(&again, text, &err))
        fail_msg("%s", err.text);
    cJSON *second = model_train_options_print(&again);
    assert_true(cJSON_Compare(printed, second, true));
    cJSON_Delete(second);
    cJSON_Delete(printed);
    cJSON_free(text);
}

static void test_errors(void **state)
{
    (void)state;
    static const struct {
        const char *text, *expected;
    } cases[] = {
        { "{}", "dataset" },
        { "{\"dataset\": \"d\",\n \"learning_rat\": 1}", "test.json:2: unknown key \"learning_rat\"" },
        { "{\"dataset\": \"d\",\n\n \"batch\": \"8x\"}", "test.json:3: " },
        { "{\"dataset\": \"d\", \"batch\": 0}", "batch" },
        { "{\"dataset\": \"d\",\n \"lr\": 1,\n \"lr\": 2}", "test.json:3: " },
        { "{\"dataset\": \"d\", \"loss\": \"focal\"}", "\"ce\"" },
        { "{\"dataset\": \"d\", \"net\": {\"depth\": 9}}", "depth" },
        { "{\"dataset\": \"d\", \"class_weights\": [1, -1, 1]}", "class_weights" },
        { "{\"dataset\": \"d\", \"warmup_steps\": 1.5}", "warmup_steps" },
        { "{\"dataset\": \"d\", \"learning_rate\": 1}", "learning_rate" }, /* an older key in a newer file */
        { "{\"data_path\": \"d\", \"img_channel\": 4}", "img_channel" },
        { "{\"data_path\": \"d\", \"target_channel\": \"RoadLine\"}", "target_channel" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        base_error err;
        model_train_options o;
        if (read_text(&o, cases[i].text, &err))
            fail_msg("%s was accepted, expected an error with %s", cases[i].text, cases[i].expected);
        if (!strstr(err.text, cases[i].expected))
            fail_msg("%s: error '%s' does not say %s", cases[i].text, err.text, cases[i].expected);
    }
    base_error err;
    model_train_options o;
    assert_true(read_text(&o, "{\"dataset\": \"d\", \"class_weights\": [1, 2]}", &err));
    assert_false(model_train_options_check(&o, &err)); /* three classes */
    assert_non_null(strstr(err.text, "class_weights: 3 numbers expected"));
}

static void test_legacy_file(void **state)
{
    (void)state;
    char dir[256], run[300], text[2048];
    base_error err;
    synthetic_dir(dir);
    const synthetic_options set = { .width_px = 48, .height_px = 40, .episodes = 4, .frames = 3, .seed = 5 };
    if (!synthetic_write(dir, &set, 1, -1, &err))
        fail_msg("%s", err.text);
    /* every key of the older file, as its repository had them; depth 1 so that a net of width 64 runs in a test */
    snprintf(
        text, sizeof text,
        "{\"epoch\": 2, \"pth_path\": \"%s/pth\", \"data_path\": \"%s\", \"infer_path\": \"./infer\", \"prefix_name\": \"unet_epoch\","
        " \"shuffle\": true, \"data_rate\": 0.5, \"learning_rate\": 1e-4, \"batch_size\": 1, \"num_workers\": 12, \"depth\": 1,"
        " \"img_channel\": 3, \"target_channel\": 6}",
        dir, dir);
    model_train_options o;
    model_source source;
    if (!read_text(&o, text, &err) || !model_source_open(&source, &o, &err))
        fail_msg("%s", err.text);
    assert_true(o.legacy);
    assert_int_equal(o.net.variant, MODEL_UNET_ORIGINAL);
    assert_int_equal(o.net.base, 64);
    assert_int_equal(o.net.outputs, 1);
    assert_int_equal(o.loss.kind, MODEL_LOSS_BCE_DICE);
    assert_int_equal(o.augment.mode, DATASET_AUGMENT_ORIGINAL);
    assert_int_equal(o.classes.count, 2);
    assert_string_equal(o.classes.list[1].name, "RoadLine");
    assert_string_equal(o.classes.list[1].tags[0], "RoadLine");
    assert_int_equal(source.batches.train_count, 3); /* half of two episodes of three frames */

    /* the labels are RoadLine's pixels: tag 24 of this dataset's version, not 6 */
    uint8_t rgb[40 * 48 * 3], label[40 * 48];
    const dataset_frame *frame = NULL;
    dataset_image seg = { 0 };
    for (int i = 0; i < dataset_frame_count(source.data) && !frame; i++)
        if (dataset_frame_at(source.data, i)->split == DATASET_VAL)
            frame = dataset_frame_at(source.data, i);
    assert_true(source.batches.val(source.batches.user, 0, 1, rgb, label, &err));
    assert_true(dataset_read(source.data, frame, 0, DATASET_SEG, &seg, &err));
    int lines = 0;
    for (int i = 0; i < 40 * 48; i++) {
        assert_int_equal(label[i], ((const uint8_t *)seg.pixels)[i] == 24);
        lines += label[i];
    }
    assert_true(lines > 0);
    dataset_image_free(&seg);

    model_train_result result;
    snprintf(run, sizeof run, "%s/run", dir);
    if (!model_train(&o, &source.batches, run, MODEL_START_ANEW, NULL, &(model_train_hooks){ 0 }, &result, &err))
        fail_msg("%s", err.text);
    assert_int_equal(result.steps, 6);
    model_source_close(&source);

    char path[400];
    snprintf(path, sizeof path, "%s/model", run);
    model *m = model_load(path, &err);
    if (!m)
        fail_msg("%s", err.text);
    assert_int_equal(model_class_index(&m->about, "RoadLine"), 1);
    /* depth 1, by hand: encoder 1792 + 36928, bottleneck 73856 + 73792, up 16448, decoder 73792 + 36928, head 65 */
    assert_int_equal(model_graph_trainable_count(&m->graph), 313601);
    model_destroy(m);
    synthetic_dir_remove(dir);
}

static void test_bundled_files(void **state)
{
    (void)state;
    static const char *const files[] = { "configs/train/roadline_bce.json", "configs/train/roadline_bce_dice.json",
                                         "configs/train/lane_demo.json" };
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        base_error err;
        base_json j;
        model_train_options o = model_train_options_default();
        if (!base_json_read(&j, files[i], &err) || !model_train_options_read(&o, &j, &err) ||
            !model_train_options_check(&o, &err))
            fail_msg("%s", err.text);
        base_json_free(&j);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_newer_keys),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_legacy_file),
        cmocka_unit_test(test_bundled_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
