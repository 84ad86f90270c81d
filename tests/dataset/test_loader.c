/* Classes, augmentation and batches. */
#include "base/file.h"
#include "base/random.h"
#include "dataset/loader.h"
#include "sim/wire/tag.h"
#include "tests/support/synthetic_dataset.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static const synthetic_options drawn = { .width_px = 64, .height_px = 32, .episodes = 4, .frames = 9, .seed = 3 };

typedef struct fixture {
    char dir[256];
    dataset *d;
} fixture;

static int set_up(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    base_error err = { 0 };
    synthetic_dir(f->dir);
    if (!synthetic_write(f->dir, &drawn, 2, -1, &err) || !(f->d = dataset_open(f->dir, NULL, &err))) {
        print_error("%s\n", err.text);
        return 1;
    }
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    dataset_close(f->d);
    synthetic_dir_remove(f->dir);
    free(f);
    return 0;
}

static void classes_resolve_by_name(void **state)
{
    (void)state;
    dataset_taxonomy t = dataset_taxonomy_carla();
    dataset_classes c = dataset_classes_default();
    uint8_t label[256];
    base_error err = { 0 };
    assert_true(dataset_classes_resolve(&c, &t, label, &err));
    assert_int_equal(label[WIRE_TAG_ROADS], 1);
    assert_int_equal(label[WIRE_TAG_ROAD_LINE], 2);
    assert_int_equal(label[WIRE_TAG_SKY], 0);
    assert_int_equal(label[29], DATASET_IGNORED); /* no tag */
    dataset_classes two = { .count = 2, .list = { { "line", { "road_lines" }, 1 }, { "ways", { "Road", "Sidewalk" }, 2 } } };
    assert_true(dataset_classes_resolve(&two, &t, label, &err)); /* spellings of other releases; no "*": the rest is ignored */
    assert_int_equal(label[WIRE_TAG_ROAD_LINE], 0);
    assert_int_equal(label[WIRE_TAG_SIDEWALKS], 1);
    assert_int_equal(label[WIRE_TAG_SKY], DATASET_IGNORED);
    snprintf(two.list[0].tags[0], DATASET_NAME_BYTES, "Rode");
    assert_false(dataset_classes_resolve(&two, &t, label, &err));
    assert_non_null(strstr(err.text, "class line: no tag is named Rode; the dataset has Unlabeled, Roads"));
    snprintf(two.list[0].tags[0], DATASET_NAME_BYTES, "Roads");
    assert_false(dataset_classes_resolve(&two, &t, label, &err));
    assert_non_null(strstr(err.text, "stands in class line and in class ways"));
}

static void classes_are_options(void **state)
{
    (void)state;
    static const base_option table[] = { { .key = "classes", .type = BASE_OPTION_CUSTOM, .custom = &dataset_classes_option } };
    static const struct {
        const char *text, *expected;
    } cases[] = {
        { "{\"classes\": [{\"name\": \"a\", \"tags\": [\"Roads\"]},\n {\"name\": \"a\", \"tags\": [\"*\"]}]}",
          "c.json:1: \"classes\": two classes are named a" },
        { "{\"classes\": [\n{\"name\": \"a\", \"tag\": [\"Roads\"]}]}", "c.json:2: unknown key \"tag\"" },
        { "{\"classes\": []}", "1 to 32 classes expected" },
        { "{\"classes\": [{\"name\": \"a\", \"tags\": \"Roads\"}]}", "an array of tag names" },
    };
    base_json j;
    base_error err = { 0 };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        dataset_classes c = dataset_classes_default();
        assert_true(base_json_parse(&j, cases[i].text, strlen(cases[i].text), "c.json", &err));
        assert_false(base_options_read(&c, table, 1, &j, j.root, &err));
        if (!strstr(err.text, cases[i].expected))
            fail_msg("got \"%s\", \"%s\" expected in it", err.text, cases[i].expected);
        assert_int_equal(c.count, 3); /* untouched */
        base_json_free(&j);
    }
    dataset_classes c = dataset_classes_default(), back = { 0 };
    cJSON *printed = base_options_print(&c, table, 1);
    char *text = cJSON_Print(printed);
    assert_true(base_json_parse(&j, text, strlen(text), "c.json", &err));
    assert_true(base_options_read(&back, table, 1, &j, j.root, &err));
    assert_memory_equal(&back, &c, sizeof c);
    base_json_free(&j);
    cJSON_free(text);
    cJSON_Delete(printed);
}

/* The older project's target_channel 6 must stay RoadLine although its tag is 24 now. */
static void the_older_target_is_road_line(void **state)
{
    fixture *f = *state;
    dataset_classes c;
    base_error err = { 0 };
    uint8_t label[256];
    assert_true(dataset_legacy_target(f->dir, 6, &c, &err));
    assert_int_equal(c.count, 2);
    assert_string_equal(c.list[1].name, "RoadLine");
    assert_true(dataset_classes_resolve(&c, &dataset_info_of(f->d)->taxonomy, label, &err));
    for (int tag = 0; tag < WIRE_TAG_COUNT; tag++)
        assert_int_equal(label[tag], tag == WIRE_TAG_ROAD_LINE);
    assert_true(dataset_legacy_target(f->dir, 10, &c, &err));
    assert_string_equal(c.list[1].name, "Vehicles");
    assert_int_equal(c.list[1].tag_count, 6);
    assert_false(dataset_legacy_target(f->dir, 23, &c, &err));
    assert_non_null(strstr(err.text, "target_channel 23"));
}

static uint8_t *batch(const dataset *d, const dataset_loader_options *o, uint64_t epoch, int first, int n, size_t *bytes)
{
    base_error err = { 0 };
    dataset_classes classes = dataset_classes_default();
    dataset_loader *l = dataset_loader_create(d, &classes, o, &err);
    if (!l)
        fail_msg("%s", err.text);
    size_t pixels = (size_t)dataset_loader_width(l) * (size_t)dataset_loader_height(l) * (size_t)n;
    uint8_t *data = malloc(4 * pixels);
    if (!dataset_loader_batch(l, epoch, first, n, data, data + 3 * pixels, &err))
        fail_msg("%s", err.text);
    dataset_loader_destroy(l);
    *bytes = 4 * pixels;
    return data;
}

static void batches_depend_on_seed_epoch_and_sample_only(void **state)
{
    fixture *f = *state;
    dataset_loader_options o = dataset_loader_options_default();
    size_t bytes, other;
    o.augment = dataset_augment_standard();
    o.width_px = 48;
    o.height_px = 24;
    o.threads = 1;
    o.cache_bytes = 0;
    uint8_t *expected = batch(f->d, &o, 5, 4, 10, &bytes);
    o.threads = 3;
    o.cache_bytes = 1 << 24;
    uint8_t *again = batch(f->d, &o, 5, 4, 10, &other);
    assert_memory_equal(again, expected, bytes);
    free(again);
    /* the same samples one by one, after another epoch filled the cache */
    base_error err = { 0 };
    dataset_classes classes = dataset_classes_default();
    dataset_loader *l = dataset_loader_create(f->d, &classes, &o, &err);
    uint8_t rgb[48 * 24 * 3], label[48 * 24];
    for (int i = 0; i < 18; i++)
        assert_true(dataset_loader_batch(l, 4, i, 1, rgb, label, &err));
    for (int i = 0; i < 10; i++) {
        assert_true(dataset_loader_batch(l, 5, 4 + i, 1, rgb, label, &err));
        assert_memory_equal(rgb, expected + (size_t)i * sizeof rgb, sizeof rgb);
        assert_memory_equal(label, expected + 10 * sizeof rgb + (size_t)i * sizeof label, sizeof label);
    }
    dataset_loader_destroy(l);
    again = batch(f->d, &o, 6, 4, 10, &other);
    assert_memory_not_equal(again, expected, bytes); /* another epoch */
    free(again);
    o.seed = 2;
    again = batch(f->d, &o, 5, 4, 10, &other);
    assert_memory_not_equal(again, expected, bytes);
    free(again);
    free(expected);
}

static void an_epoch_visits_every_frame_of_its_split_once(void **state)
{
    fixture *f = *state;
    dataset_loader_options o = dataset_loader_options_default();
    dataset_classes classes = dataset_classes_default();
    base_error err = { 0 };
    dataset_loader *l = dataset_loader_create(f->d, &classes, &o, &err);
    assert_int_equal(dataset_loader_count(l), 18);
    int orders_differ = 0;
    for (uint64_t epoch = 0; epoch < 3; epoch++) {
        int seen[36] = { 0 };
        for (int i = 0; i < 18; i++) {
            int frame = dataset_loader_frame(l, epoch, i);
            seen[frame]++;
            orders_differ += epoch && frame != dataset_loader_frame(l, epoch - 1, i);
            assert_int_equal(dataset_loader_frame(l, epoch, i + 18), frame); /* wraps */
        }
        for (int k = 0; k < 36; k++)
            assert_int_equal(seen[k], k < 18);
    }
    assert_true(orders_differ > 20);
    dataset_loader_destroy(l);
    o.share = 0.5;
    l = dataset_loader_create(f->d, &classes, &o, &err);
    assert_int_equal(dataset_loader_count(l), 9);
    dataset_loader_destroy(l);
    o.split = DATASET_TEST;
    o.share = 1;
    o.shuffle = false;
    l = dataset_loader_create(f->d, &classes, &o, &err);
    for (int i = 0; i < 9; i++)
        assert_int_equal(dataset_loader_frame(l, 77, i), 27 + i);
    dataset_loader_destroy(l);
}

static void labels_are_the_tags_classes(void **state)
{
    fixture *f = *state;
    dataset_loader_options o = dataset_loader_options_default();
    size_t bytes;
    o.split = DATASET_VAL;
    o.shuffle = false;
    uint8_t *data = batch(f->d, &o, 0, 0, 1, &bytes), rgb[64 * 32 * 3], tags[64 * 32];
    dataset_frame frame;
    synthetic_frame(&drawn, 2, 0, &frame, rgb, tags, NULL);
    assert_memory_equal(data, rgb, sizeof rgb);
    for (int i = 0; i < 64 * 32; i++)
        assert_int_equal(data[3 * 64 * 32 + i], tags[i] == WIRE_TAG_ROADS ? 1 : tags[i] == WIRE_TAG_ROAD_LINE ? 2 : 0);
    free(data);
}

/* Each step of the augmentation alone, against what it must do. */
static void augmentation_steps(void **state)
{
    (void)state;
    enum { W = 32, H = 16 };
    uint8_t rgb[W * H * 3], label[W * H], out[W * H * 3], out_label[W * H];
    base_random r = base_random_start(9, "x", 0, 0);
    for (int i = 0; i < W * H; i++) {
        label[i] = (uint8_t)base_random_below(&r, 3);
        for (int c = 0; c < 3; c++)
            rgb[3 * i + c] = (uint8_t)(60 + base_random_below(&r, 120));
    }
    dataset_augment a = dataset_augment_none();
    dataset_augment_apply(&a, 1, 2, 3, W, H, rgb, label, out, out_label);
    assert_memory_equal(out, rgb, sizeof rgb);
    a.mode = DATASET_AUGMENT_STANDARD;
    a.flip = 1;
    dataset_augment_apply(&a, 1, 2, 3, W, H, rgb, label, out, out_label);
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++) {
            assert_memory_equal(out + 3 * (y * W + x), rgb + 3 * (y * W + W - 1 - x), 3);
            assert_int_equal(out_label[y * W + x], label[y * W + W - 1 - x]);
        }
    a = dataset_augment_none();
    a.mode = DATASET_AUGMENT_STANDARD;
    a.shift = 0.25f;
    int moved = 0, outside = 0;
    for (uint64_t sample = 0; sample < 20; sample++) {
        dataset_augment_apply(&a, 1, 2, sample, W, H, rgb, label, out, out_label);
        moved += memcmp(out, rgb, sizeof rgb) != 0;
        for (int i = 0; i < W * H; i++) {
            outside += out_label[i] == DATASET_IGNORED;
            assert_true(out_label[i] < 3 || out_label[i] == DATASET_IGNORED);
        }
    }
    assert_true(moved >= 19 && outside > 0);
    a = dataset_augment_none();
    a.mode = DATASET_AUGMENT_STANDARD;
    a.brightness = 0.2f;
    int lo = 255, hi = -255;
    for (uint64_t sample = 0; sample < 200; sample++) { /* one offset for the whole image, within +-51 */
        dataset_augment_apply(&a, 1, 2, sample, W, H, rgb, label, out, out_label);
        int first = out[0] - rgb[0];
        lo = first < lo ? first : lo;
        hi = first > hi ? first : hi;
        for (int i = 0; i < W * H * 3; i++)
            assert_int_equal(out[i] - rgb[i], first);
        assert_memory_equal(out_label, label, sizeof label);
    }
    assert_true(lo >= -51 && lo < -40 && hi <= 51 && hi > 40);
    a = dataset_augment_none();
    a.mode = DATASET_AUGMENT_STANDARD;
    a.noise = 0.1f;
    double sum = 0, squares = 0;
    int n = 0;
    for (uint64_t sample = 0; sample < 50; sample++) {
        dataset_augment_apply(&a, 1, 2, sample, W, H, rgb, label, out, out_label);
        for (int i = 0; i < W * H * 3; i++, n++) {
            sum += out[i] - rgb[i];
            squares += (out[i] - rgb[i]) * (out[i] - rgb[i]);
        }
    }
    assert_true(fabs(sum / n) < 0.2);     /* 77,000 draws of deviation about 15: the mean's deviation is 0.05 */
    double deviation = sqrt(squares / n); /* sqrt(mean of u^2) * 25.5 = 14.7 over many images */
    assert_true(deviation > 11 && deviation < 18);
}

static void original_mode_is_a_fixed_change_per_image(void **state)
{
    (void)state;
    enum { W = 16, H = 8 };
    uint8_t rgb[W * H * 3], label[W * H], a[W * H * 3], b[W * H * 3], la[W * H], lb[W * H];
    int kinds[3] = { 0 };
    for (int i = 0; i < W * H * 3; i++)
        rgb[i] = (uint8_t)(i * 7 % 256);
    for (int i = 0; i < W * H; i++)
        label[i] = (uint8_t)(i % 3);
    dataset_augment o = { .mode = DATASET_AUGMENT_ORIGINAL };
    for (uint64_t sample = 0; sample < 60; sample++) {
        dataset_augment_apply(&o, 1, 0, sample, W, H, rgb, label, a, la);
        dataset_augment_apply(&o, 99, 7, sample, W, H, rgb, label, b, lb); /* another seed and epoch: no difference */
        assert_memory_equal(a, b, sizeof a);
        assert_memory_equal(la, lb, sizeof la);
        bool mirrored = !memcmp(a, rgb + 3 * (W - 1), 3) && memcmp(la, label, sizeof la);
        bool brighter = !mirrored && a[0] >= 10 && a[0] <= 19; /* rgb[0] is 0 */
        kinds[mirrored ? 2 : brighter ? 0 : 1]++;
    }
    assert_true(kinds[0] > 8 && kinds[1] > 8 && kinds[2] > 8); /* 20 each expected */
}

static void errors_say_what_is_there(void **state)
{
    fixture *f = *state;
    dataset_loader_options o = dataset_loader_options_default();
    dataset_classes classes = dataset_classes_default();
    base_error err = { 0 };
    snprintf(o.camera, sizeof o.camera, "rear");
    assert_null(dataset_loader_create(f->d, &classes, &o, &err));
    assert_non_null(strstr(err.text, "no camera is named rear; the first is front"));
    o = dataset_loader_options_default();
    o.share = 0;
    assert_null(dataset_loader_create(f->d, &classes, &o, &err));
    o = dataset_loader_options_default();
    o.height_px = 10;
    assert_null(dataset_loader_create(f->d, &classes, &o, &err));
    o = dataset_loader_options_default();
    o.augment.mode = DATASET_AUGMENT_STANDARD;
    o.augment.flip = 2;
    assert_null(dataset_loader_create(f->d, &classes, &o, &err));
    assert_non_null(strstr(err.text, "augment.flip: 0 to 1 expected, found 2"));
    /* a missing file fails the batch that needs it, with its name, from any thread */
    char path[512], kept[520];
    snprintf(path, sizeof path, "%s/rgb/val/000002_000004.png", f->dir);
    snprintf(kept, sizeof kept, "%s.kept", path);
    assert_int_equal(rename(path, kept), 0);
    o = dataset_loader_options_default();
    o.split = DATASET_VAL;
    dataset_loader *l = dataset_loader_create(f->d, &classes, &o, &err);
    uint8_t *data = malloc(64 * 32 * 4 * 9);
    assert_false(dataset_loader_batch(l, 0, 0, 9, data, data + 64 * 32 * 3 * 9, &err));
    assert_non_null(strstr(err.text, "rgb/val/000002_000004.png: missing"));
    free(data);
    dataset_loader_destroy(l);
    assert_int_equal(rename(kept, path), 0);
    synthetic_options one = drawn; /* only a test episode: no training frames */
    char dir[256];
    one.episodes = 1;
    synthetic_dir(dir);
    assert_true(synthetic_write(dir, &one, 1, -1, &err));
    dataset *d = dataset_open(dir, NULL, &err);
    o.split = DATASET_TRAIN;
    assert_null(dataset_loader_create(d, &classes, &o, &err));
    assert_non_null(strstr(err.text, "no frames in split train (train 0, val 0, test 9)"));
    dataset_close(d);
    synthetic_dir_remove(dir);
    assert_null(dataset_open("/nonexistent", NULL, &err));
    assert_non_null(strstr(err.text, "/nonexistent: no such dataset"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(classes_resolve_by_name),
        cmocka_unit_test(classes_are_options),
        cmocka_unit_test(the_older_target_is_road_line),
        cmocka_unit_test(batches_depend_on_seed_epoch_and_sample_only),
        cmocka_unit_test(an_epoch_visits_every_frame_of_its_split_once),
        cmocka_unit_test(labels_are_the_tags_classes),
        cmocka_unit_test(augmentation_steps),
        cmocka_unit_test(original_mode_is_a_fixed_change_per_image),
        cmocka_unit_test(errors_say_what_is_there),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
