/* `laneloop train` and `laneloop infer` as a user meets them: files, exit statuses, one clear line on stderr. */
#include "base/file.h"
#include "dataset/image.h"
#include "tests/support/synthetic_dataset.h"
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <setjmp.h>
#include <cmocka.h>

extern char **environ;

static char dir[256];

/* "%s/name" of the test's folder, in one of a few static places. */
static const char *at(const char *name)
{
    static char paths[8][512];
    static int next;
    char *p = paths[next++ % 8];
    snprintf(p, sizeof paths[0], "%s/%s", dir, name);
    return p;
}

/* Run the program; its stderr goes to DIR/stderr. Arguments end with NULL. interrupt: send SIGINT once the file of that name
 * appears. */
static int run(const char *interrupt, ...)
{
    const char *program = getenv("LANELOOP") ? getenv("LANELOOP") : "build/release/laneloop";
    char *argv[16] = { (char *)program };
    va_list args;
    int count = 1, status;
    va_start(args, interrupt);
    while (count < 15 && (argv[count] = va_arg(args, char *)) != NULL)
        count++;
    va_end(args);
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, 1, at("stdout"), O_WRONLY | O_CREAT | O_TRUNC, 0644);
    posix_spawn_file_actions_addopen(&files, 2, at("stderr"), O_WRONLY | O_CREAT | O_TRUNC, 0644);
    pid_t pid;
    assert_int_equal(posix_spawn(&pid, program, &files, NULL, argv, environ), 0);
    posix_spawn_file_actions_destroy(&files);
    for (bool sent = false; waitpid(pid, &status, WNOHANG) == 0; usleep(1000))
        if (interrupt && !sent && base_file_exists(interrupt)) {
            kill(pid, SIGINT);
            sent = true;
        }
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void check_says(const char *file, const char *expected)
{
    unsigned char *text;
    size_t bytes;
    base_error err;
    if (!base_file_read(at(file), 1 << 20, &text, &bytes, &err))
        fail_msg("%s", err.text);
    if (!strstr((char *)text, expected))
        fail_msg("%s is '%s', expected '%s' in it", file, (char *)text, expected);
    free(text);
}

static void write_config(const char *name, const char *rest)
{
    FILE *f = fopen(at(name), "w");
    assert_non_null(f);
    fprintf(f, "{\"dataset\": \"%s/set\",\n \"net\": {\"base\": 4, \"depth\": 2}, \"batch\": 4%s}\n", dir, rest);
    fclose(f);
}

static void test_train_and_infer(void **state)
{
    (void)state;
    write_config("a.json", ", \"epochs\": 2");
    assert_int_equal(run(NULL, "train", at("a.json"), "--out", at("run"), "--seed", "5", NULL), 0);
    check_says("stdout", "epoch 2/2");
    check_says("run/config.json", "\"seed\":\t5");
    check_says("run/log.jsonl", "\"kind\":\"epoch\",\"epoch\":1");
    check_says("run/model/state.json", "\"lane_line\"");

    /* a folder with a checkpoint is not overwritten by mistake */
    assert_int_equal(run(NULL, "train", at("a.json"), "--out", at("run"), NULL), 1);
    check_says("stderr", "say T to resume it or F to begin anew");
    assert_int_equal(run(NULL, "train", at("a.json"), "T", "--out", at("run"), "--seed", "5", "--epochs", "3", "--json", NULL),
                     0);
    check_says("stdout", "\"steps\":9"); /* 12 images, 4 a step, 3 epochs */
    assert_int_equal(run(NULL, "train", at("a.json"), "F", "-p", at("run/model"), "--out", at("second"), "--epochs", "1", NULL),
                     0);

    assert_int_equal(run(NULL, "infer", at("run/model"), at("set"), "--split", "test", "--out", at("masks"), NULL), 0);
    base_error err;
    dataset_image mask = { 0 }, overlay = { 0 };
    unsigned char *png;
    size_t bytes;
    assert_true(base_file_read(at("masks/000005_000000_mask.png"), 1 << 20, &png, &bytes, &err));
    assert_true(dataset_png_decode_index(&mask, png, bytes, "mask", &err));
    assert_true(dataset_png_read_rgb(&overlay, at("masks/000005_000000_overlay.png"), &err));
    assert_int_equal(mask.width_px, 48);
    assert_int_equal(mask.height_px, 40);
    assert_int_equal(overlay.width_px, 48);
    for (int i = 0; i < 48 * 40; i++)
        assert_in_range(((const uint8_t *)mask.pixels)[i], 0, 2);
    free(png);
    dataset_image_free(&mask);
    dataset_image_free(&overlay);

    assert_int_equal(
        run(NULL, "infer", at("run/model"), at("set/rgb/val/000004_000001.png"), "--out", at("one"), "--json", NULL), 0);
    check_says("stdout", "\"image\":\"000004_000001\"");
    assert_int_equal(run(NULL, "infer", at("run/model"), at("set/rgb/val"), "--native", "--out", at("folder"), NULL), 0);
    check_says("stdout", "3 images");

    assert_int_equal(run(NULL, "infer", at("run/model"), at("set"), "--winograd", "off", "--out", at("direct"), NULL), 0);
    assert_int_equal(run(NULL, "eval", at("run/model"), at("set"), "--winograd", "f2", "--json", NULL), 0);
    check_says("stdout", "\"mean_iou\"");
    assert_int_equal(run(NULL, "infer", at("run/model"), at("set"), "--winograd", "f3", NULL), 2);
    check_says("stderr", "--winograd: auto, off, f2 or f4 expected, found 'f3'");
}

static void test_interrupted(void **state)
{
    (void)state;
    char log[512];
    snprintf(log, sizeof log, "%s", at("stop/log.jsonl"));
    write_config("long.json", ", \"epochs\": 100000");
    assert_int_equal(run(log, "train", at("long.json"), "F", "--out", at("stop"), NULL), 1);
    check_says("stderr", "checkpoint written; go on with: laneloop train");
    assert_true(base_file_exists(at("stop/checkpoints/last/optimizer.safetensors")));
}

static void test_wrong_usage(void **state)
{
    (void)state;
    write_config("good.json", "");
    write_config("tail.json", ", \"epochs\": \"8x\"");
    write_config("unknown.json", ",\n \"batchsize\": 8");
    write_config("twice.json", ",\n \"batch\": 8");
    assert_int_equal(run(NULL, "train", NULL), 2);
    assert_int_equal(run(NULL, "train", at("good.json"), "X", NULL), 1);
    check_says("stderr", "T (resume) or F (anew) expected, found 'X'");
    assert_int_equal(run(NULL, "train", at("good.json"), "F", "--epochs", "3q", NULL), 2);
    check_says("stderr", "--epochs");
    assert_int_equal(run(NULL, "train", at("none.json"), NULL), 1);
    check_says("stderr", "none.json");
    assert_int_equal(run(NULL, "train", at("tail.json"), NULL), 1);
    check_says("stderr", "tail.json:2: \"epochs\"");
    assert_int_equal(run(NULL, "train", at("unknown.json"), NULL), 1);
    check_says("stderr", "unknown.json:3: unknown key \"batchsize\"");
    assert_int_equal(run(NULL, "train", at("twice.json"), NULL), 1);
    check_says("stderr", "twice.json:3");
    assert_int_equal(run(NULL, "train", at("good.json"), "T", "--out", at("nothing"), NULL), 1);
    check_says("stderr", "no model directory");
    assert_int_equal(run(NULL, "train", at("good.json"), "F", "--dataset", at("nowhere"), NULL), 1);
    check_says("stderr", "nowhere");
    assert_int_equal(run(NULL, "infer", at("nowhere"), at("set"), NULL), 1);
    check_says("stderr", "no model here");
    assert_int_equal(run(NULL, "infer", at("nowhere"), NULL), 2);
    assert_int_equal(run(NULL, "train", "--help", NULL), 0);
    assert_int_equal(run(NULL, "train", "--print-config", NULL), 0);
    check_says("stdout", "\"loss\":\t\"ce_dice\"");
    check_says("stdout", "\"winograd\":\t\"auto\"");
    check_says("stdout", "\"memory_limit_mib\":\t0");
    check_says("stdout", "\"precision\":\t\"fp32\"");
    assert_int_equal(run(NULL, "train", at("good.json"), "F", "--memory-limit", "-1", NULL), 2);
    check_says("stderr", "--memory-limit");
    assert_int_equal(run(NULL, "train", at("good.json"), "--precision", "bf16", "--print-config", NULL), 0);
    check_says("stdout", "\"precision\":\t\"bf16\"");
    assert_int_equal(run(NULL, "train", at("good.json"), "--precision", "fp16", NULL), 2);
    check_says("stderr", "--precision: fp32 or bf16 expected, found 'fp16'");
    assert_int_equal(run(NULL, "drive", "--print-config", NULL), 0);
    check_says("stdout", "\"winograd\":\t\"auto\"");
    assert_int_equal(run(NULL, "drive", "a", "b", "--winograd", "4", NULL), 1);
}

static int make_set(void **state)
{
    (void)state;
    base_error err;
    synthetic_dir(dir);
    const synthetic_options set = { .width_px = 48, .height_px = 40, .episodes = 6, .frames = 3, .seed = 2 };
    if (synthetic_write(at("set"), &set, 1, -1, &err))
        return 0;
    print_message("%s\n", err.text);
    return -1;
}
static int remove_set(void **state)
{
    (void)state;
    synthetic_dir_remove(dir);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_train_and_infer), cmocka_unit_test(test_interrupted),
                                        cmocka_unit_test(test_wrong_usage) };
    return cmocka_run_group_tests(tests, make_set, remove_set);
}
