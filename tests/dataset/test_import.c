/* dataset_import: each label format gives the tags that were drawn, each bad pair its finding, and the middle is what is cut out. */
#include "base/file.h"
#include "dataset/import.h"
#include "dataset/inspect.h"
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

enum { W = 24, H = 12 };
static const uint8_t grey_palette[256][3];

static void collect_text(void *user, const char *line) { base_buffer_printf(user, "%s\n", line); }

static void put(const char *dir, const char *name, base_buffer *png)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    assert_true(base_dir_create(dir, NULL));
    assert_true(base_file_write(path, png->data, png->bytes, false, NULL));
    base_buffer_free(png);
}

/* A picture whose colour says where a pixel was: red its column, green its row. */
static void put_picture(const char *dir, const char *name, int w, int h)
{
    base_buffer png = { 0 };
    uint8_t *rgb = calloc((size_t)w * (size_t)h, 3);
    for (int i = 0; i < w * h; i++) {
        rgb[3 * i] = (uint8_t)(i % w);
        rgb[3 * i + 1] = (uint8_t)(i / w);
    }
    assert_true(dataset_png_encode_rgb(&png, rgb, w, h, NULL));
    free(rgb);
    put(dir, name, &png);
}

/* All 29 tags, each next to another one. */
static uint8_t tag_at(int i) { return (uint8_t)(i % WIRE_TAG_COUNT); }

typedef enum drawing { GREY, RED, COLORS, OLD_NUMBERS, OLD_COLORS } drawing;

static void put_label(const char *dir, const char *name, int w, int h, drawing how)
{
    base_buffer png = { 0 };
    uint8_t *p = calloc((size_t)w * (size_t)h, 3);
    for (int i = 0; i < w * h; i++) {
        uint8_t tag = tag_at(i), *rgb = p + 3 * i;
        static const uint8_t fence[3] = { 100, 40, 40 }, terrain[3] = { 145, 170, 100 }, other[3] = { 250, 170, 160 };
        if (how == GREY)
            p[i] = tag;
        else if (how == OLD_NUMBERS)
            p[i] = wire_tag_to_wire((wire_tag)tag, WIRE_0_9_13);
        else if (how == RED) { /* CARLA's raw labels: the instance in green and blue is not looked at */
            rgb[0] = tag;
            rgb[1] = (uint8_t)(i * 7);
            rgb[2] = (uint8_t)(i * 3);
        } else
            wire_tag_color(tag, rgb);
        if (how == OLD_COLORS && (tag == WIRE_TAG_FENCE || tag == WIRE_TAG_TERRAIN || tag == WIRE_TAG_OTHER))
            memcpy(rgb, tag == WIRE_TAG_FENCE ? fence : tag == WIRE_TAG_TERRAIN ? terrain : other, 3);
    }
    bool index = how == GREY || how == OLD_NUMBERS;
    assert_true(index ? dataset_png_encode_index(&png, p, w, h, grey_palette, 256, NULL)
                      : dataset_png_encode_rgb(&png, p, w, h, NULL));
    free(p);
    put(dir, name, &png);
}

static dataset_import_options options_for(const char *source, const char *out)
{
    dataset_import_options o = dataset_import_options_default();
    o.pictures = source;
    o.out = out;
    o.threads = 1;
    return o;
}

/* Import and return the findings as one text. */
static char *import_all(const dataset_import_options *o, int *frames, bool expected, base_error *err)
{
    static base_buffer text;
    base_buffer_free(&text);
    dataset_findings findings = { collect_text, &text, 0 };
    if (dataset_import(o, &findings, frames, err) != expected)
        fail_msg("%s expected: %s", expected ? "success" : "an error", err->text);
    base_buffer_append(&text, "", 1);
    return (char *)text.data;
}

static void read_frame(const char *dir, int frame, dataset_image *rgb, dataset_image *seg)
{
    base_error err = { 0 };
    dataset *d = dataset_open(dir, NULL, &err);
    if (!d || !dataset_read(d, dataset_frame_at(d, frame), 0, DATASET_RGB, rgb, &err) ||
        !dataset_read(d, dataset_frame_at(d, frame), 0, DATASET_SEG, seg, &err))
        fail_msg("%s", err.text);
    dataset_close(d);
}

static const struct {
    const char *name;
    drawing how;
    dataset_label_format format;
    wire_version table;
} formats[] = {
    { "numbers in a grey or palette picture", GREY, DATASET_LABEL_TAGS, WIRE_0_9_16 },
    { "numbers in the red channel", RED, DATASET_LABEL_TAGS, WIRE_0_9_15 },
    { "numbers until 0.9.13", OLD_NUMBERS, DATASET_LABEL_TAGS, WIRE_0_9_13 },
    { "colours", COLORS, DATASET_LABEL_PALETTE, WIRE_0_9_16 },
    { "colours of older releases", OLD_COLORS, DATASET_LABEL_PALETTE, WIRE_0_9_16 },
};

static void each_format_gives_the_tags(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof formats / sizeof formats[0]; k++) {
        char dir[256], source[300], out[300];
        base_error err = { 0 };
        int frames;
        dataset_image rgb = { 0 }, seg = { 0 };
        synthetic_dir(dir);
        snprintf(source, sizeof source, "%s/source", dir);
        snprintf(out, sizeof out, "%s/out", dir);
        put_picture(source, "a_rgb.png", W, H);
        put_label(source, "a_seg.png", W, H, formats[k].how);
        dataset_import_options o = options_for(source, out);
        o.format = formats[k].format;
        o.table = formats[k].table;
        assert_string_equal(import_all(&o, &frames, true, &err), "");
        assert_int_equal(frames, 1);
        read_frame(out, 0, &rgb, &seg);
        assert_int_equal(seg.width_px, W);
        for (int i = 0; i < W * H; i++) {
            wire_tag want = (wire_tag)tag_at(i); /* 0.9.13 has one number for all vehicles and for all people */
            if (formats[k].how == OLD_NUMBERS)
                want = wire_tag_from_wire(wire_tag_to_wire(want, WIRE_0_9_13), WIRE_0_9_13);
            if (((uint8_t *)seg.pixels)[i] != want)
                fail_msg("%s: pixel %d: tag %d wanted, got %d", formats[k].name, i, want, ((uint8_t *)seg.pixels)[i]);
            assert_int_equal(((uint8_t *)rgb.pixels)[3 * i], i % W);
        }
        dataset_image_free(&rgb);
        dataset_image_free(&seg);
        synthetic_dir_remove(dir);
    }
}

static void bad_pairs_are_named_and_left_out(void **state)
{
    (void)state;
    char dir[256], source[300], out[300];
    base_error err = { 0 };
    base_buffer junk = { 0 };
    int frames;
    synthetic_dir(dir);
    snprintf(source, sizeof source, "%s/source", dir);
    snprintf(out, sizeof out, "%s/out", dir);
    put_picture(source, "good_rgb.png", W, H);
    put_label(source, "good_seg.png", W, H, GREY);
    put_picture(source, "lonely_rgb.png", W, H);
    put_label(source, "orphan_seg.png", W, H, GREY);
    put_picture(source, "size_rgb.png", W, H);
    put_label(source, "size_seg.png", W, H - 1, GREY);
    put_picture(source, "colour_rgb.png", W, H);
    put_label(source, "colour_seg.png", W, H, COLORS); /* its red channel is no tag */
    put_picture(source, "zother_rgb.png", 2 * W, H);
    put_label(source, "zother_seg.png", 2 * W, H, GREY);
    put_picture(source, "text_rgb.png", W, H);
    base_buffer_append(&junk, "this is not an image at all", 27);
    put(source, "text_seg.png", &junk);
    dataset_import_options o = options_for(source, out);
    const char *text = import_all(&o, &frames, true, &err);
    static const char *const expected[] = {
        "orphan_seg.png: no picture orphan_rgb.png belongs to it\n",
        "lonely_rgb.png: no label lonely_seg.png belongs to it\n",
        "/size_seg.png: 24 x 11 pixels, its picture has 24 x 12\n",
        "/colour_seg.png: pixel (1, 0): a tag of CARLA 0.9.16 expected, found 128\n",
        "/zother_seg.png: 48 x 12 pixels, those before have 24 x 12",
        "/text_seg.png: not a PNG file (27 bytes)\n",
    };
    int lines = 0;
    for (const char *p = text; (p = strchr(p, '\n')); p++)
        lines++;
    assert_int_equal(lines, sizeof expected / sizeof expected[0]);
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++)
        if (!strstr(text, expected[i]))
            fail_msg("\"%s\" wanted in\n%s", expected[i], text);
    assert_int_equal(frames, 1);
    o.format = DATASET_LABEL_PALETTE; /* index pictures with an all-black palette read as Unlabeled; the junk stays junk */
    assert_non_null(strstr(import_all(&o, &frames, true, &err), "text_seg.png: not a PNG file"));
    o.rgb_suffix = "_depth.png";
    import_all(&o, &frames, false, &err);
    assert_non_null(strstr(err.text, "no file's name ends with \"_depth.png\""));
    o.rgb_suffix = o.label_suffix;
    import_all(&o, &frames, false, &err);
    assert_non_null(strstr(err.text, "both end with \"_seg.png\""));
    synthetic_dir_remove(dir);
}

static void unknown_colours_are_named(void **state)
{
    (void)state;
    base_buffer png = { 0 };
    base_error err = { 0 };
    dataset_image tags = { 0 };
    uint8_t rgb[4 * 2 * 3] = { 0 };
    memcpy(rgb + 3 * 5, (const uint8_t[]){ 129, 64, 128 }, 3); /* one off from Roads */
    assert_true(dataset_png_encode_rgb(&png, rgb, 4, 2, NULL));
    assert_false(dataset_label_decode(&tags, png.data, png.bytes, DATASET_LABEL_PALETTE, WIRE_0_9_16, "x.png", &err));
    assert_string_equal(err.text, "x.png: pixel (1, 1): a colour of CARLA's palette expected, found (129, 64, 128)");
    base_buffer_free(&png);
    dataset_image_free(&tags);
}

/* A wide and a high picture into one size: the middle is kept, colour and label alike. */
static void the_middle_is_cut_and_scaled(void **state)
{
    (void)state;
    char dir[256], source[300], out[300];
    base_error err = { 0 };
    int frames;
    dataset_image rgb = { 0 }, seg = { 0 };
    synthetic_dir(dir);
    snprintf(source, sizeof source, "%s/source", dir);
    snprintf(out, sizeof out, "%s/out", dir);
    put_picture(source, "high_rgb.png", 32, 28); /* its rows 6 to 21 are twice the size wanted */
    put_label(source, "high_seg.png", 32, 28, GREY);
    put_picture(source, "wide_rgb.png", 24, 8); /* its columns 4 to 19 as they are */
    put_label(source, "wide_seg.png", 24, 8, GREY);
    dataset_import_options o = options_for(source, out);
    o.width_px = 16;
    o.height_px = 8;
    assert_string_equal(import_all(&o, &frames, true, &err), "");
    assert_int_equal(frames, 2);
    read_frame(out, 0, &rgb, &seg);
    for (int y = 0; y < 8; y++)
        for (int x = 0; x < 16; x++) {
            const uint8_t *p = (const uint8_t *)rgb.pixels + 3 * (y * 16 + x);
            assert_in_range(p[0], 2 * x, 2 * x + 1); /* the mean of two columns */
            assert_in_range(p[1], 6 + 2 * y, 6 + 2 * y + 1);
            assert_int_equal(((uint8_t *)seg.pixels)[y * 16 + x], tag_at((6 + 2 * y + 1) * 32 + 2 * x + 1));
        }
    read_frame(out, 1, &rgb, &seg);
    for (int i = 0; i < 16 * 8; i++) {
        assert_int_equal(((uint8_t *)rgb.pixels)[3 * i], 4 + i % 16);
        assert_int_equal(((uint8_t *)seg.pixels)[i], tag_at(i / 16 * 24 + 4 + i % 16));
    }
    o.fit = DATASET_FIT_STRETCH; /* into the same dataset: a second episode */
    assert_string_equal(import_all(&o, &frames, true, &err), "");
    read_frame(out, 3, &rgb, &seg);
    assert_int_equal(((uint8_t *)rgb.pixels)[0], 0);
    assert_in_range(((uint8_t *)rgb.pixels)[3 * 15], 22, 23);
    o.width_px = 8; /* another size is another dataset */
    import_all(&o, &frames, false, &err);
    assert_non_null(strstr(err.text, "recorded with another configuration"));
    dataset_image_free(&rgb);
    dataset_image_free(&seg);
    synthetic_dir_remove(dir);
}

/* Poses of imported frames are unknown: two splits do not "see the same road"; equal pictures are still found. */
static void checked_without_poses(void **state)
{
    (void)state;
    char dir[256], source[300], out[300];
    base_error err = { 0 };
    base_buffer text = { 0 };
    int frames;
    synthetic_dir(dir);
    snprintf(source, sizeof source, "%s/source", dir);
    snprintf(out, sizeof out, "%s/out", dir);
    put_picture(source, "a_rgb.png", W, H);
    put_label(source, "a_seg.png", W, H, GREY);
    dataset_import_options o = options_for(source, out);
    import_all(&o, &frames, true, &err);
    o.split = DATASET_TRAIN;
    import_all(&o, &frames, true, &err);
    dataset_findings findings = { collect_text, &text, 0 };
    assert_true(dataset_check(out, 1, &findings, NULL, &err));
    base_buffer_append(&text, "", 1);
    assert_null(strstr((char *)text.data, "same road"));
    assert_non_null(strstr((char *)text.data, "same image"));
    base_buffer_free(&text);
    synthetic_dir_remove(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_format_gives_the_tags), cmocka_unit_test(bad_pairs_are_named_and_left_out),
        cmocka_unit_test(unknown_colours_are_named),  cmocka_unit_test(the_middle_is_cut_and_scaled),
        cmocka_unit_test(checked_without_poses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
