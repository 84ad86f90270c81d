/* dataset_check: each kind of damage gives its finding, a whole set none; statistics and the contact sheet. */
#include "base/file.h"
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

static const synthetic_options drawn = { .width_px = 64, .height_px = 32, .episodes = 4, .frames = 6, .seed = 3 };

static void collect_text(void *user, const char *line) { base_buffer_printf(user, "%s\n", line); }

/* Findings of a folder as one text; caller frees the buffer. */
static uint64_t findings_of(const char *dir, int threads, base_buffer *text)
{
    base_error err = { 0 };
    dataset_findings f = { collect_text, text, 0 };
    if (!dataset_check(dir, threads, &f, NULL, &err))
        fail_msg("%s", err.text);
    base_buffer_append(text, "", 1);
    return f.count;
}

static void edit(const char *dir, const char *file, const char *from, const char *to)
{
    char path[512];
    unsigned char *text;
    size_t bytes;
    base_buffer out = { 0 };
    snprintf(path, sizeof path, "%s/%s", dir, file);
    assert_true(base_file_read(path, 1 << 20, &text, &bytes, NULL));
    char *at = strstr((char *)text, from);
    assert_non_null(at);
    base_buffer_append(&out, text, (size_t)(at - (char *)text));
    base_buffer_append(&out, to, strlen(to));
    base_buffer_append(&out, at + strlen(from), bytes - (size_t)(at - (char *)text) - strlen(from));
    assert_true(base_file_write(path, out.data, out.bytes, false, NULL));
    base_buffer_free(&out);
    free(text);
}

/* Put other bytes in a file's place, with the index's length and CRC made to match: what is left is the content itself. */
static void replace_image(const char *dir, const char *file, const base_buffer *png)
{
    char path[512], episode[64], old[200], now[200];
    unsigned char *data;
    size_t bytes;
    snprintf(path, sizeof path, "%s/%s", dir, file);
    assert_true(base_file_read(path, 1 << 20, &data, &bytes, NULL));
    snprintf(episode, sizeof episode, "episodes/%.6s.jsonl", strrchr(file, '/') + 1);
    snprintf(old, sizeof old, "\"path\":\"%s\",\"bytes\":%zu,\"crc32\":\"%08x\"", file, bytes,
             (unsigned)base_crc32(0, data, bytes));
    snprintf(now, sizeof now, "\"path\":\"%s\",\"bytes\":%zu,\"crc32\":\"%08x\"", file, png->bytes,
             (unsigned)base_crc32(0, png->data, png->bytes));
    free(data);
    edit(dir, episode, old, now);
    assert_true(base_file_write(path, png->data, png->bytes, false, NULL));
}

static void path_in(char out[512], const char *dir, const char *file) { snprintf(out, 512, "%s/%s", dir, file); }

static void missing_file(const char *dir)
{
    char path[512];
    path_in(path, dir, "rgb/train/000001_000003.png");
    assert_int_equal(unlink(path), 0);
}

static void corrupt_png(const char *dir)
{
    char path[512];
    unsigned char *data;
    size_t bytes;
    path_in(path, dir, "seg/val/000002_000001.png");
    assert_true(base_file_read(path, 1 << 20, &data, &bytes, NULL));
    data[bytes / 2] ^= 0x10;
    assert_true(base_file_write(path, data, bytes, false, NULL));
    free(data);
}

static void cut_png(const char *dir)
{
    char path[512];
    path_in(path, dir, "rgb/test/000003_000000.png");
    assert_int_equal(truncate(path, 100), 0);
}

/* The index agrees with the bytes, but they are not an image. */
static void not_a_png(const char *dir)
{
    base_buffer junk = { 0 };
    base_buffer_append(&junk, "this is not an image", 20);
    replace_image(dir, "rgb/train/000000_000002.png", &junk);
    base_buffer_free(&junk);
}

static void broken_inside(const char *dir)
{
    uint8_t rgb[64 * 32 * 3] = { 0 };
    base_buffer png = { 0 };
    assert_true(dataset_png_encode_rgb(&png, rgb, 64, 32, NULL));
    png.data[png.bytes - 20] ^= 0xff; /* in the pixels' chunk: its own CRC is wrong */
    replace_image(dir, "rgb/train/000000_000002.png", &png);
    base_buffer_free(&png);
}

static void wrong_size(const char *dir)
{
    uint8_t rgb[32 * 32 * 3] = { 0 };
    base_buffer png = { 0 };
    assert_true(dataset_png_encode_rgb(&png, rgb, 32, 32, NULL));
    replace_image(dir, "rgb/train/000000_000002.png", &png);
    base_buffer_free(&png);
}

static void unknown_tag(const char *dir)
{
    uint8_t tags[64 * 32] = { 0 }, palette[40][3] = { { 0 } };
    base_buffer png = { 0 };
    tags[65] = 33;
    assert_true(dataset_png_encode_index(&png, tags, 64, 32, (const uint8_t(*)[3])palette, 40, NULL));
    replace_image(dir, "seg/train/000000_000002.png", &png);
    base_buffer_free(&png);
}

static void duplicate_id(const char *dir)
{
    char path[512];
    unsigned char *text;
    size_t bytes;
    base_buffer out = { 0 };
    path_in(path, dir, "episodes/000000.jsonl");
    assert_true(base_file_read(path, 1 << 20, &text, &bytes, NULL));
    size_t line = (size_t)((char *)memchr(text, '\n', bytes) - (char *)text) + 1;
    base_buffer_append(&out, text, line);
    base_buffer_append(&out, text, bytes); /* the first line twice */
    assert_true(base_file_write(path, out.data, out.bytes, false, NULL));
    base_buffer_free(&out);
    free(text);
}

static void torn_line(const char *dir)
{
    char path[512];
    unsigned char *text;
    size_t bytes;
    path_in(path, dir, "episodes/000003.jsonl");
    assert_true(base_file_read(path, 1 << 20, &text, &bytes, NULL));
    free(text);
    assert_int_equal(truncate(path, (off_t)bytes - 30), 0);
}

static void strange_file(const char *dir)
{
    char path[512];
    path_in(path, dir, "seg/train/000000_000099.png");
    assert_true(base_file_write(path, "x", 1, false, NULL));
}

static void near_poses(const char *dir) /* frame 0 of the validation episode at frame 0 of training episode 1 */
{
    edit(dir, "episodes/000002.jsonl", "\"x\":2000.0000", "\"x\":1000.9000");
}

static void same_image(const char *dir)
{
    char path[512];
    unsigned char *data;
    size_t bytes;
    base_buffer png = { 0 };
    path_in(path, dir, "rgb/train/000000_000000.png");
    assert_true(base_file_read(path, 1 << 20, &data, &bytes, NULL));
    base_buffer_append(&png, data, bytes);
    free(data);
    replace_image(dir, "rgb/test/000003_000005.png", &png);
    base_buffer_free(&png);
}

static const struct {
    const char *name;
    void (*damage)(const char *dir);
    int findings;
    const char *expected;
} cases[] = {
    { "missing file", missing_file, 1, "rgb/train/000001_000003.png: missing" },
    { "flipped bit", corrupt_png, 1, "seg/val/000002_000001.png: CRC-32 " },
    { "cut PNG", cut_png, 1, "rgb/test/000003_000000.png: 100 bytes, the index says " },
    { "not a PNG", not_a_png, 1, "rgb/train/000000_000002.png: not a PNG file (20 bytes)" },
    { "broken PNG", broken_inside, 1, "rgb/train/000000_000002.png: PNG is broken at byte " },
    { "wrong size", wrong_size, 1, "rgb/train/000000_000002.png: 32 x 32 pixels, camera front has 64 x 32" },
    { "unknown tag", unknown_tag, 1, "seg/train/000000_000002.png: pixel (1, 1) has tag 33" },
    { "duplicate ID", duplicate_id, 1, "episodes/000000.jsonl:2: id 000000_000000 stands twice" },
    /* the lost line's two files are nobody's then */
    { "torn line", torn_line, 3, "episodes/000003.jsonl:6: the last line is torn" },
    { "file without a line", strange_file, 1, "seg/train/000000_000099.png: no line of the index names this file" },
    { "poses leak", near_poses, 1, "episodes 000001 (train) and 000002 (val) see the same road: 1 frames" },
    { "image leaks", same_image, 1, "000000_000000 (train) and 000003_000005 (test) are the same image" },
};

static void each_damage_has_its_finding(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char dir[256];
        base_error err = { 0 };
        base_buffer before = { 0 }, one = { 0 }, three = { 0 };
        synthetic_dir(dir);
        if (!synthetic_write(dir, &drawn, 2, -1, &err))
            fail_msg("%s", err.text);
        if (findings_of(dir, 2, &before) != 0)
            fail_msg("a whole dataset has findings: %s", (char *)before.data);
        cases[i].damage(dir);
        uint64_t count = findings_of(dir, 1, &one);
        findings_of(dir, 3, &three);
        if ((int)count != cases[i].findings || !strstr((char *)one.data, cases[i].expected))
            fail_msg("%s: %d findings wanted with \"%s\", got:\n%s", cases[i].name, cases[i].findings, cases[i].expected,
                     (char *)one.data);
        assert_string_equal((char *)one.data, (char *)three.data);
        base_buffer_free(&before);
        base_buffer_free(&one);
        base_buffer_free(&three);
        synthetic_dir_remove(dir);
    }
}

static void open_episodes_are_reported(void **state)
{
    (void)state;
    char dir[256];
    base_error err = { 0 };
    base_buffer text = { 0 };
    synthetic_dir(dir);
    assert_true(synthetic_write(dir, &drawn, 2, 9, &err)); /* stops within episode 1 */
    assert_int_equal(findings_of(dir, 2, &text), 1);
    assert_non_null(strstr((char *)text.data, "1 episode is left open: run collect again"));
    base_buffer_free(&text);
    synthetic_dir_remove(dir);
}

static void statistics_count(void **state)
{
    (void)state;
    char dir[256];
    base_error err = { 0 };
    synthetic_dir(dir);
    assert_true(synthetic_write(dir, &drawn, 2, -1, &err));
    dataset *d = dataset_open(dir, NULL, &err);
    dataset_stats s;
    assert_true(dataset_stats_read(d, 1, true, 2, &s, &err));
    assert_int_equal(s.frames, 24);
    assert_int_equal(s.per_split[DATASET_TRAIN], 12);
    assert_int_equal(s.per_split[DATASET_TEST], 6);
    assert_int_equal(s.weather_count, 2);
    assert_string_equal(s.weathers[1].name, "CloudyNoon");
    assert_int_equal(s.weathers[1].frames[DATASET_TEST], 6);
    assert_int_equal(s.maps[0].frames[DATASET_VAL], 6);
    assert_int_equal(s.perturbed, 4);
    assert_int_equal(s.speed[7], 24);
    assert_true(fabs(s.distance_m - 4 * 5 * 1.5) < 1e-6);
    uint64_t tags[WIRE_TAG_COUNT] = { 0 }, red[WIRE_TAG_COUNT] = { 0 }, all = 0;
    double sum = 0, squares = 0;
    for (int e = 0; e < 4; e++)
        for (int i = 0; i < 6; i++) {
            uint8_t rgb[64 * 32 * 3], label[64 * 32];
            dataset_frame f;
            synthetic_frame(&drawn, e, i, &f, rgb, label, NULL);
            for (int k = 0; k < 64 * 32; k++) {
                uint64_t y = (77u * rgb[3 * k] + 150u * rgb[3 * k + 1] + 29u * rgb[3 * k + 2]) >> 8;
                tags[label[k]]++;
                red[label[k]] += rgb[3 * k];
                sum += label[k] == WIRE_TAG_ROADS ? (double)y : 0;
                squares += label[k] == WIRE_TAG_ROADS ? (double)(y * y) : 0;
            }
        }
    for (int i = 0; i < WIRE_TAG_COUNT; i++) {
        assert_int_equal(s.tag_pixels[i], tags[i]);
        assert_int_equal(s.tag_colours[i].rgb[0], red[i]);
        all += tags[i];
    }
    assert_int_equal(all, 24 * 64 * 32);
    double n = (double)tags[WIRE_TAG_ROADS], deviation = sqrt(squares / n - sum / n * (sum / n));
    assert_true(deviation > 1 && fabs(dataset_stats_brightness_deviation(&s, WIRE_TAG_ROADS) - deviation) < 1e-6);
    int bends = 0;
    for (int i = 0; i < DATASET_CURVATURE_BINS; i++)
        bends += s.curvature[i];
    assert_int_equal(bends, 24);
    dataset_close(d);
    synthetic_dir_remove(dir);
}

static void the_sheet_shows_frames_beside_their_labels(void **state)
{
    (void)state;
    char dir[256];
    base_error err = { 0 };
    dataset_image sheet = { 0 };
    synthetic_dir(dir);
    assert_true(synthetic_write(dir, &drawn, 2, -1, &err));
    dataset *d = dataset_open(dir, NULL, &err);
    dataset_sheet_options o = dataset_sheet_options_default();
    o.columns = 2;
    o.rows = 2;
    o.cell_width_px = 64;
    o.split = DATASET_VAL;
    if (!dataset_sheet(d, &o, &sheet, &err))
        fail_msg("%s", err.text);
    assert_int_equal(sheet.width_px, 2 * (2 * 64 + 8) + 8);
    uint8_t rgb[64 * 32 * 3], tags[64 * 32];
    dataset_frame f;
    const uint8_t *pixels = sheet.pixels;
    synthetic_frame(&drawn, 2, 0, &f, rgb, tags, NULL); /* the split's first frame in the first cell */
    for (int y = 0; y < 32; y++) {
        const uint8_t *row = pixels + ((size_t)(8 + y) * (size_t)sheet.width_px + 8) * 3;
        assert_memory_equal(row, rgb + y * 64 * 3, 64 * 3);
        for (int x = 0; x < 64; x++)
            for (int c = 0; c < 3; c++)
                assert_int_equal(row[(64 + x) * 3 + c],
                                 (rgb[(y * 64 + x) * 3 + c] + dataset_info_of(d)->taxonomy.tags[tags[y * 64 + x]].rgb[c] + 1) /
                                     2);
    }
    o.first = 100;
    assert_false(dataset_sheet(d, &o, &sheet, &err));
    assert_non_null(strstr(err.text, "no frame to show"));
    dataset_image_free(&sheet);
    dataset_close(d);
    synthetic_dir_remove(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_damage_has_its_finding),
        cmocka_unit_test(open_episodes_are_reported),
        cmocka_unit_test(statistics_count),
        cmocka_unit_test(the_sheet_shows_frames_beside_their_labels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
