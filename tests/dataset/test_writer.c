/* Writer and reader: what is written is read; killed and resumed equals undisturbed; other configurations are refused. */
#include "base/file.h"
#include "dataset/format.h"
#include "tests/support/synthetic_dataset.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static const synthetic_options small = {
    .width_px = 40, .height_px = 24, .episodes = 4, .frames = 11, .depth = true, .seed = 7
};

static void check(bool ok, const base_error *err)
{
    if (!ok)
        fail_msg("%s", err->text);
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    char dir[256];
    base_error err = { 0 };
    synthetic_dir(dir);
    check(synthetic_write(dir, &small, 2, -1, &err), &err);
    dataset *d = dataset_open(dir, NULL, &err);
    check(d != NULL, &err);
    assert_int_equal(dataset_frame_count(d), 44);
    assert_int_equal(dataset_episode_count(d), 4);
    assert_string_equal(dataset_info_of(d)->server_version, "0.9.16");
    assert_int_equal(dataset_info_of(d)->taxonomy.count, 29);
    dataset_intrinsics k = dataset_camera_intrinsics(&dataset_info_of(d)->cameras[0]);
    assert_true(k.fx > 19.99 && k.fx < 20.01 && k.cy == 12); /* 90 degrees: f = W/2 */
    uint8_t rgb[40 * 24 * 3], tags[40 * 24];
    uint16_t depth[40 * 24];
    dataset_image image = { 0 };
    for (int i = 0; i < 44; i++) {
        dataset_frame expected;
        const dataset_frame *f = dataset_frame_at(d, i);
        synthetic_frame(&small, i / 11, i % 11, &expected, rgb, tags, depth);
        assert_int_equal(f->episode, i / 11);
        assert_int_equal(f->index, i % 11);
        assert_int_equal(f->tick, expected.tick);
        assert_int_equal(f->split, expected.split);
        assert_string_equal(f->weather, expected.weather);
        assert_true(fabs(f->pose.location.x - expected.pose.location.x) < 1e-4);
        assert_true(fabs(f->curvature_1pm - expected.curvature_1pm) < 1e-6);
        assert_true(f->perturbed == expected.perturbed);
        check(dataset_read(d, f, 0, DATASET_RGB, &image, &err), &err);
        assert_memory_equal(image.pixels, rgb, sizeof rgb);
        check(dataset_read(d, f, 0, DATASET_SEG, &image, &err), &err);
        assert_memory_equal(image.pixels, tags, sizeof tags);
        check(dataset_read(d, f, 0, DATASET_DEPTH, &image, &err), &err);
        assert_memory_equal(image.pixels, depth, sizeof depth);
    }
    dataset_image_free(&image);
    dataset_close(d);
    synthetic_dir_remove(dir);
}

static void bytes_depend_on_neither_threads_nor_time(void **state)
{
    (void)state;
    uint64_t hash[3];
    for (int i = 0; i < 3; i++) {
        char dir[256];
        base_error err = { 0 };
        synthetic_dir(dir);
        check(synthetic_write(dir, &small, i + 1, -1, &err), &err);
        hash[i] = synthetic_tree_hash(dir);
        synthetic_dir_remove(dir);
    }
    assert_true(hash[0] == hash[1] && hash[1] == hash[2]);
}

/* What a kill may leave: some frames of an episode, a torn last line, torn or missing files behind the last line. */
static void killed_and_resumed_equals_undisturbed(void **state)
{
    (void)state;
    char whole[256], dir[256], path[512];
    base_error err = { 0 };
    synthetic_dir(whole);
    check(synthetic_write(whole, &small, 2, -1, &err), &err);
    uint64_t expected = synthetic_tree_hash(whole);
    for (int stop = 0; stop < 44; stop += 5) {
        synthetic_dir(dir);
        check(synthetic_write(dir, &small, 2, stop, &err), &err);
        int episode = stop / 11, in_episode = stop % 11;
        snprintf(path, sizeof path, "%s/episodes/%06d.jsonl.open", dir, episode);
        if (in_episode > 1) { /* tear the last line; the frame's label image loses its end */
            unsigned char *text;
            size_t bytes;
            check(base_file_read(path, 1 << 20, &text, &bytes, &err), &err);
            free(text);
            assert_int_equal(truncate(path, (off_t)bytes - 100), 0);
            char seg[512];
            snprintf(seg, sizeof seg, "%s/seg/%s/%06d_%06d.png", dir, dataset_split_names[synthetic_split(&small, episode)],
                     episode, in_episode - 1);
            assert_int_equal(truncate(seg, 20), 0);
            snprintf(seg, sizeof seg, "%s/rgb/%s/%06d_%06d.png", dir, dataset_split_names[synthetic_split(&small, episode)],
                     episode, 0);
            assert_int_equal(unlink(seg), 0); /* a file of a whole line is gone: the replay heals it */
        }
        check(synthetic_write(dir, &small, 1, -1, &err), &err);
        if (synthetic_tree_hash(dir) != expected)
            fail_msg("stopped after %d frames and resumed: other bytes", stop);
        synthetic_dir_remove(dir);
    }
    check(synthetic_write(whole, &small, 2, -1, &err), &err); /* everything is there: nothing to do, nothing changes */
    assert_true(synthetic_tree_hash(whole) == expected);
    synthetic_dir_remove(whole);
}

static void a_replay_that_differs_is_refused(void **state)
{
    (void)state;
    char dir[256], path[512];
    base_error err = { 0 };
    synthetic_dir(dir);
    check(synthetic_write(dir, &small, 2, 5, &err), &err);
    snprintf(path, sizeof path, "%s/episodes/000000.jsonl.open", dir);
    unsigned char *text;
    size_t bytes;
    check(base_file_read(path, 1 << 20, &text, &bytes, &err), &err);
    char *speed = strstr((char *)text, "\"speed_mps\":7.5");
    assert_non_null(speed);
    speed[12] = '8';
    check(base_file_write(path, text, bytes, false, &err), &err);
    free(text);
    assert_false(synthetic_write(dir, &small, 2, -1, &err));
    assert_non_null(strstr(err.text, "000000.jsonl.open:1: the replayed frame differs"));
    assert_non_null(strstr(err.text, "\"speed_mps\":8.5"));
    synthetic_dir_remove(dir);
}

static void another_configuration_is_refused(void **state)
{
    (void)state;
    char dir[256], path[512];
    base_error err = { 0 };
    synthetic_options other = small;
    synthetic_dir(dir);
    check(synthetic_write(dir, &small, 2, 5, &err), &err);
    other.seed = 8;
    assert_false(synthetic_write(dir, &other, 2, -1, &err));
    assert_non_null(strstr(err.text, "dataset.json:5: recorded with another configuration"));
    assert_non_null(strstr(err.text, "\"seed\": 7"));
    synthetic_dir_remove(dir);
    synthetic_dir(dir);
    snprintf(path, sizeof path, "%s/holiday.jpg", dir);
    check(base_file_write(path, "x", 1, false, &err), &err);
    assert_false(synthetic_write(dir, &small, 2, -1, &err));
    assert_non_null(strstr(err.text, "has files but no dataset.json"));
    synthetic_dir_remove(dir);
}

static void the_writer_guards_its_contract(void **state)
{
    (void)state;
    char dir[256];
    base_error err = { 0 };
    dataset_info info = synthetic_info(&small);
    dataset_writer_options o = dataset_writer_options_default();
    uint8_t rgb[40 * 24 * 3], tags[40 * 24];
    uint16_t depth[40 * 24];
    dataset_frame f;
    synthetic_dir(dir);
    o.dir = dir;
    dataset_writer *w = dataset_writer_open(&info, &o, &err);
    check(w != NULL, &err);
    synthetic_frame(&small, 0, 1, &f, rgb, tags, depth);
    dataset_pixels images[] = { { 0, DATASET_RGB, rgb }, { 0, DATASET_SEG, tags }, { 0, DATASET_DEPTH, depth } };
    check(dataset_writer_begin(w, 0, NULL, &err), &err);
    assert_false(dataset_writer_add(w, &f, images, 3, &err)); /* frame 1 before frame 0 */
    f.index = 0;
    assert_false(dataset_writer_add(w, &f, images, 2, &err));
    tags[17] = 29;
    assert_false(dataset_writer_add(w, &f, images, 3, &err));
    assert_non_null(strstr(err.text, "label pixel 17 has tag 29"));
    tags[17] = 28;
    f.map = "../../etc";
    assert_false(dataset_writer_add(w, &f, images, 3, &err));
    dataset_writer_close(w, NULL);
    synthetic_dir_remove(dir);
}

/* Cut and flipped index lines: an error with file and line, never a crash, and what is accepted encodes to the same text again. */
static void broken_lines_name_their_place(void **state)
{
    (void)state;
    dataset_info info = synthetic_info(&small);
    dataset_frame f;
    uint8_t rgb[40 * 24 * 3], tags[40 * 24];
    base_buffer text = { 0 }, again = { 0 };
    dataset_file files[] = { { 0, DATASET_RGB, 1000, 0xdeadbeef }, { 0, DATASET_SEG, 200, 1 }, { 0, DATASET_DEPTH, 300, 2 } };
    base_error err = { 0 };
    synthetic_frame(&small, 3, 9, &f, rgb, tags, NULL);
    check(dataset_line_encode(&text, &info, &f, files, 3, &err), &err);
    dataset_line line;
    check(dataset_line_decode(&line, &info, (char *)text.data, text.bytes - 1, "e.jsonl", 10, &err), &err);
    line.frame.map = line.map;
    line.frame.weather = line.weather;
    check(dataset_line_encode(&again, &info, &line.frame, line.files, line.frame.file_count, &err), &err);
    assert_int_equal(again.bytes, text.bytes);
    assert_memory_equal(again.data, text.data, text.bytes);
    for (size_t cut = 0; cut < text.bytes - 1; cut++) {
        assert_false(dataset_line_decode(&line, &info, (char *)text.data, cut, "e.jsonl", 10, &err));
        assert_int_equal(strncmp(err.text, "e.jsonl:10: ", 12), 0);
    }
    static const struct {
        const char *from, *to, *expected;
    } edits[] = {
        { "\"000003_000009\"", "\"000003-000009\"", "\"id\": EEEEEE_FFFFFF expected" },
        { "\"test\"", "\"tset\"", "\"split\": train, val or test expected" },
        { "\"map\":\"drawn\"", "\"map\":\"drown\"", "\"drown\" is not among the maps" },
        { "rgb/test/", "rgb/../../", "\"path\": \"rgb/test/000003_000009.png\" expected" },
        { "deadbeef", "deadbeeg", "8 lower-case hexadecimal digits" },
        { "\"kind\":\"seg\"", "\"kind\":\"rgb\"", "\"path\":" },
        { "\"bytes\":1000", "\"bytes\":-1", "bytes" },
        { "\"tick\":36", "\"tick\":\"x\"", "tick" },
        { "\"speed_mps\":7.5000", "\"speed_mps\":1e999", "too large" },
    };
    for (size_t i = 0; i < sizeof edits / sizeof edits[0]; i++) {
        base_buffer changed = { 0 };
        char *at = strstr((char *)text.data, edits[i].from);
        assert_non_null(at);
        base_buffer_append(&changed, text.data, (size_t)(at - (char *)text.data));
        base_buffer_append(&changed, edits[i].to, strlen(edits[i].to));
        at += strlen(edits[i].from);
        base_buffer_append(&changed, at, text.bytes - 1 - (size_t)(at - (char *)text.data));
        if (dataset_line_decode(&line, &info, (char *)changed.data, changed.bytes, "e.jsonl", 10, &err))
            fail_msg("%s was accepted", edits[i].to);
        if (strncmp(err.text, "e.jsonl:10: ", 12) || !strstr(err.text, edits[i].expected))
            fail_msg("%s gave \"%s\", \"%s\" expected in it", edits[i].to, err.text, edits[i].expected);
        base_buffer_free(&changed);
    }
    base_buffer_free(&text);
    base_buffer_free(&again);
}

static void dataset_json_is_checked(void **state)
{
    (void)state;
    dataset_info info = synthetic_info(&small), back;
    base_buffer text = { 0 };
    base_error err = { 0 };
    info.seed = UINT64_C(0xfedcba9876543210); /* past 2^53: a decimal string */
    check(dataset_info_encode(&text, &info, "{\"a\": [1, 2]}", &err), &err);
    check(dataset_info_decode(&back, (char *)text.data, text.bytes, "dataset.json", &err), &err);
    assert_true(back.seed == info.seed);
    assert_memory_equal(&back.taxonomy, &info.taxonomy, sizeof info.taxonomy);
    assert_true(back.cameras[0].has[DATASET_DEPTH] && back.cameras[0].mount.rotation.pitch_deg == -8);
    for (size_t cut = 0; cut < text.bytes - 2; cut += 7)
        assert_false(dataset_info_decode(&back, (char *)text.data, cut, "dataset.json", &err));
    static const struct {
        const char *from, *to, *expected;
    } edits[] = {
        { "\"format_version\": 1", "\"format_version\": 9", "format version 9, this build reads 1" },
        { "laneloop-dataset", "otherloop-datase", "\"laneloop-dataset\" expected" },
        { "\"width_px\": 40", "\"width_px\": -4", "width_px" },
        { "\"tag\": 3", "\"tag\": 4", "tag" },
        { "\"rgb\": [0, 0, 0]", "\"rgb\": [0, 0, 9e9]", "whole numbers" },
        { "\"name\": \"drawn\"", "\"name\": \"../x\"", "letters" },
    };
    for (size_t i = 0; i < sizeof edits / sizeof edits[0]; i++) {
        base_buffer changed = { 0 };
        char *at = strstr((char *)text.data, edits[i].from);
        assert_non_null(at);
        base_buffer_append(&changed, text.data, (size_t)(at - (char *)text.data));
        base_buffer_append(&changed, edits[i].to, strlen(edits[i].to));
        at += strlen(edits[i].from);
        base_buffer_append(&changed, at, text.bytes - (size_t)(at - (char *)text.data));
        if (dataset_info_decode(&back, (char *)changed.data, changed.bytes, "dataset.json", &err))
            fail_msg("%s was accepted", edits[i].to);
        if (!strstr(err.text, edits[i].expected))
            fail_msg("%s gave \"%s\", \"%s\" expected in it", edits[i].to, err.text, edits[i].expected);
        base_buffer_free(&changed);
    }
    base_buffer_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(bytes_depend_on_neither_threads_nor_time),
        cmocka_unit_test(killed_and_resumed_equals_undisturbed),
        cmocka_unit_test(a_replay_that_differs_is_refused),
        cmocka_unit_test(another_configuration_is_refused),
        cmocka_unit_test(the_writer_guards_its_contract),
        cmocka_unit_test(broken_lines_name_their_place),
        cmocka_unit_test(dataset_json_is_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
