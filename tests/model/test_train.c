/* Training: it learns, it resumes bit for bit, it does not depend on threads, it refuses what it cannot go on from. */
#include "base/file.h"
#include "base/random.h"
#include "model/checkpoint.h"
#include "model/train.h"
#include "tests/support/sanitized.h"
#include <malloc.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <setjmp.h>
#include <cmocka.h>

#define SIDE 32

/* A road of random place and width on noisy ground, with a bright line in it: three classes that colour and place tell
 * apart. */
static void draw(uint64_t sample, uint8_t *rgb, uint8_t *label)
{
    base_random r = base_random_start(7, "scene", sample, 0);
    int centre = 8 + (int)base_random_below(&r, 16), half = 4 + (int)base_random_below(&r, 5);
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++) {
            bool road = y > 8 && abs(x - centre) <= half * y / SIDE + 2, line = road && x == centre;
            uint8_t noise = (uint8_t)base_random_below(&r, 20);
            uint8_t *p = rgb + (y * SIDE + x) * 3;
            p[0] = (uint8_t)((line ? 220 : road ? 90 : 60) + noise);
            p[1] = (uint8_t)((line ? 220 : road ? 90 : 130) + noise);
            p[2] = (uint8_t)((line ? 220 : road ? 95 : 50) + noise);
            label[y * SIDE + x] = line ? 2 : road ? 1 : 0;
        }
}

static bool fill(int count, int first, int n, uint64_t salt, uint8_t *rgb, uint8_t *label)
{
    for (int i = 0; i < n; i++)
        draw((uint64_t)((first + i) % count) + salt, rgb + (size_t)i * SIDE * SIDE * 3, label + (size_t)i * SIDE * SIDE);
    return true;
}
static bool train_batch(void *user, uint64_t epoch, int first, int n, uint8_t *rgb, uint8_t *label, base_error *err)
{
    (void)user, (void)err;
    return fill(1000, first, n, 1000 * (epoch % 3), rgb, label); /* epochs differ, as augmentation makes them */
}
static bool val_batch(void *user, int first, int n, uint8_t *rgb, uint8_t *label, base_error *err)
{
    (void)user, (void)err;
    return fill(5, first, n, 50000, rgb, label);
}
static const model_batches scenes = { 12, 5, SIDE, SIDE, train_batch, val_batch, NULL };
/* Enough steps to learn from, in few epochs: each writes two checkpoints to disk. */
static const model_batches many_scenes = { 480, 5, SIDE, SIDE, train_batch, val_batch, NULL };

static char folder[] = "/tmp/laneloop-train-XXXXXX";

static const char *in_folder(const char *name, char path[256])
{
    snprintf(path, 256, "%s/%s", folder, name);
    return path;
}

static model_train_options small(void)
{
    model_train_options o = model_train_options_default();
    o.net.base = 4;
    o.net.depth = 2;
    o.batch = 4;
    o.epochs = 2;
    o.schedule.warmup_steps = 2;
    o.threads = 1;
    return o;
}

static model_train_result must_train_on(const model_batches *b, const model_train_options *o, const char *dir,
                                        model_start start, const char *from, model_train_hooks hooks)
{
    base_error err;
    model_train_result result;
    if (!model_train(o, b, dir, start, from, &hooks, &result, &err))
        fail_msg("%s", err.text);
    return result;
}

static model_train_result must_train(const model_train_options *o, const char *dir, model_start start, const char *from,
                                     model_train_hooks hooks)
{
    return must_train_on(&scenes, o, dir, start, from, hooks);
}

/* Both directories hold the same bytes in `file`. */
static void check_same_file(const char *a, const char *b, const char *file)
{
    char pa[512], pb[512];
    unsigned char *da, *db;
    size_t na, nb;
    base_error err;
    snprintf(pa, sizeof pa, "%s/%s", a, file);
    snprintf(pb, sizeof pb, "%s/%s", b, file);
    if (!base_file_read(pa, 1 << 28, &da, &na, &err) || !base_file_read(pb, 1 << 28, &db, &nb, &err))
        fail_msg("%s", err.text);
    assert_int_equal(na, nb);
    for (size_t i = 0; i < na; i++)
        if (da[i] != db[i])
            fail_msg("%s and %s differ at byte %zu of %zu", pa, pb, i, na);
    free(da);
    free(db);
}

static void check_same_run(const char *a, const char *b)
{
    check_same_file(a, b, "checkpoints/last/model.safetensors");
    check_same_file(a, b, "checkpoints/last/optimizer.safetensors");
    check_same_file(a, b, "model/model.safetensors");
}

static int stop_after;
static bool stop_now(void) { return --stop_after <= 0; }

static void test_resume_is_exact(void **state)
{
    (void)state;
    char whole[256], parts[256];
    model_train_options o = small();
    in_folder("whole", whole);
    in_folder("parts", parts);
    model_train_result all = must_train(&o, whole, MODEL_START_ANEW, NULL, (model_train_hooks){ 0 });
    assert_int_equal(all.steps, 6);
    /* stopped inside the first epoch, inside the second, and at the epoch's end */
    stop_after = 2;
    model_train_result first = must_train(&o, parts, MODEL_START_ANEW, NULL, (model_train_hooks){ .stop = stop_now });
    assert_true(first.stopped);
    assert_int_equal(first.steps, 2);
    stop_after = 2;
    assert_int_equal(must_train(&o, parts, MODEL_START_RESUME, NULL, (model_train_hooks){ .stop = stop_now }).steps, 4);
    stop_after = 100;
    model_train_result last = must_train(&o, parts, MODEL_START_RESUME, NULL, (model_train_hooks){ .stop = stop_now });
    assert_false(last.stopped);
    assert_int_equal(last.steps, 6);
    check_same_run(whole, parts);
}

/* A process killed after it had gone on past its checkpoint: the log is cut back, the steps are done again. */
static void test_resume_after_kill(void **state)
{
    (void)state;
    char whole[256], killed[256], path[512];
    model_train_options o = small();
    o.checkpoint_steps = 2;
    in_folder("whole2", whole);
    in_folder("killed", killed);
    must_train(&o, whole, MODEL_START_ANEW, NULL, (model_train_hooks){ 0 });
    stop_after = 5;
    must_train(&o, killed, MODEL_START_ANEW, NULL, (model_train_hooks){ .stop = stop_now });
    snprintf(path, sizeof path, "%s/log.jsonl",
             killed); /* what a killed process leaves: lines past the checkpoint, the last one torn */
    FILE *log = fopen(path, "ab");
    assert_non_null(log);
    fputs("{\"kind\":\"step\",\"step\":6,\"epo", log);
    fclose(log);
    must_train(&o, killed, MODEL_START_RESUME, NULL, (model_train_hooks){ 0 });
    check_same_run(whole, killed);
    unsigned char *text;
    size_t bytes, lines = 0;
    base_error err;
    assert_true(base_file_read(path, 1 << 20, &text, &bytes, &err));
    for (size_t i = 0; i < bytes; i++)
        lines += text[i] == '\n';
    free(text);
    assert_int_equal(lines, 6 + 2); /* six steps, two epochs, nothing twice */
}

static void test_threads_do_not_matter(void **state)
{
    (void)state;
    char one[256], other[256];
    model_train_options o = small();
    in_folder("threads1", one);
    must_train(&o, one, MODEL_START_ANEW, NULL, (model_train_hooks){ 0 });
    for (int threads = 2; threads <= 5; threads += 3) {
        char name[32];
        snprintf(name, sizeof name, "threads%d", threads);
        o.threads = threads;
        must_train(&o, in_folder(name, other), MODEL_START_ANEW, NULL, (model_train_hooks){ 0 });
        check_same_run(one, other);
    }
}

/* The instruction set is part of a run: begun on one, it goes on there, whatever the machine could do by then. */
static void test_resume_keeps_the_instruction_set(void **state)
{
    (void)state;
    char whole[256], parts[256];
    model_train_options o = small();
    in_folder("scalar", whole);
    in_folder("scalar-parts", parts);
    setenv("LANELOOP_ISA", "scalar", 1);
    must_train(&o, whole, MODEL_START_ANEW, NULL, (model_train_hooks){ 0 });
    stop_after = 4;
    must_train(&o, parts, MODEL_START_ANEW, NULL, (model_train_hooks){ .stop = stop_now });
    unsetenv("LANELOOP_ISA");
    assert_string_equal(must_train(&o, parts, MODEL_START_RESUME, NULL, (model_train_hooks){ 0 }).isa, "scalar");
    check_same_run(whole, parts);
}

/* `from` becomes `to` everywhere in a text file; returns how often it did. */
static int replace_in_file(const char *path, const char *from, const char *to)
{
    unsigned char *data;
    size_t bytes;
    base_error err;
    if (!base_file_read(path, 1 << 20, &data, &bytes, &err))
        fail_msg("%s", err.text);
    char *text = malloc(bytes + 1);
    memcpy(text, data, bytes);
    text[bytes] = '\0';
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    int count = 0;
    char *at = text, *next;
    for (; (next = strstr(at, from)); at = next + strlen(from), count++)
        fprintf(f, "%.*s%s", (int)(next - at), at, to);
    fputs(at, f);
    fclose(f);
    free(text);
    free(data);
    return count;
}

static bool same_weights(const char *run_a, const char *run_b)
{
    unsigned char *a, *b;
    size_t na, nb;
    char path[512];
    snprintf(path, sizeof path, "%s/model/model.safetensors", run_a);
    assert_true(base_file_read(path, 1 << 28, &a, &na, NULL));
    snprintf(path, sizeof path, "%s/model/model.safetensors", run_b);
    assert_true(base_file_read(path, 1 << 28, &b, &nb, NULL));
    bool same = na == nb && memcmp(a, b, na) == 0;
    free(a);
    free(b);
    return same;
}

/* How each convolution is computed is part of a run too: a checkpoint knows it, and a resumed run does as it says, whatever the rule
 * would choose. */
static void test_resume_keeps_the_algorithms(void **state)
{
    (void)state;
    char whole[256], parts[256], changed[256], direct[256], last[256], path[512];
    model_train_options o = small();
    o.net.base = 16;
    o.epochs = 1;
    o.winograd = MODEL_WINOGRAD_F4;
    must_train(&o, in_folder("winograd", whole), MODEL_START_ANEW, NULL, (model_train_hooks){ 0 });
    stop_after = 2;
    must_train(&o, in_folder("winograd-parts", parts), MODEL_START_ANEW, NULL, (model_train_hooks){ .stop = stop_now });
    in_folder("winograd-parts/checkpoints/last", last);
    must_train(&o, in_folder("winograd-changed", changed), MODEL_START_RESUME, last, (model_train_hooks){ 0 });
    check_same_run(whole, changed);

    /* Gradients of weights have a list of their own; without one they are direct, with other rounding. */
    snprintf(path, sizeof path, "%s/state.json", last);
    assert_int_equal(replace_in_file(path, "\"weights_algorithms\":", "\"nothing\":"), 1);
    must_train(&o, in_folder("winograd-weights", direct), MODEL_START_RESUME, last, (model_train_hooks){ 0 });
    assert_false(same_weights(changed, direct));
    assert_true(replace_in_file(path, "\"winograd4\"", "\"direct\"") > 0);
    must_train(&o, in_folder("winograd-direct", whole), MODEL_START_RESUME, last, (model_train_hooks){ 0 });
    assert_false(same_weights(changed, whole));
    assert_false(same_weights(direct, whole));

    snprintf(path, sizeof path, "%s/state.json", last);
    assert_true(replace_in_file(path, "\"direct\"", "\"fft\"") > 0);
    base_error err;
    model_train_result r;
    assert_false(model_train(&o, &scenes, direct, MODEL_START_RESUME, last, &(model_train_hooks){ 0 }, &r, &err));
    assert_non_null(strstr(err.text, "\"algorithms\""));
    assert_non_null(strstr(err.text, "direct, winograd2 or winograd4 expected, found fft"));
    assert_int_equal(replace_in_file(path, "\"algorithms\":", "\"absent\":"), 1);
    assert_int_equal(replace_in_file(path, "\"nothing\":", "\"weights_algorithms\":"), 1);
    assert_false(model_train(&o, &scenes, direct, MODEL_START_RESUME, last, &(model_train_hooks){ 0 }, &r, &err));
    assert_non_null(strstr(err.text, "\"weights_algorithms\""));

    /* A checkpoint from before there was a choice: it has neither, and began direct. */
    o.winograd = MODEL_WINOGRAD_OFF;
    must_train(&o, in_folder("before", whole), MODEL_START_ANEW, NULL, (model_train_hooks){ 0 });
    stop_after = 2;
    must_train(&o, in_folder("before-parts", parts), MODEL_START_ANEW, NULL, (model_train_hooks){ .stop = stop_now });
    snprintf(path, sizeof path, "%s/checkpoints/last/state.json", parts);
    assert_int_equal(replace_in_file(path, "\"algorithms\":", "\"unknown\":"), 1);
    assert_int_equal(replace_in_file(path, "\"weights_algorithms\":", "\"nothing\":"), 1);
    assert_int_equal(replace_in_file(path, "\"winograd\":", "\"unknown\":"), 1);
    o.winograd = MODEL_WINOGRAD_AUTO;
    must_train(&o, parts, MODEL_START_RESUME, NULL, (model_train_hooks){ 0 });
    check_same_run(whole, parts);
}

/* So is the precision: a bf16 run goes on as one, and no other goes on from its checkpoint. */
static void test_resume_keeps_the_precision(void **state)
{
    (void)state;
    char whole[256], parts[256], before[256], path[512];
    base_error err;
    model_train_result r;
    model_train_options o = small();
    o.precision = MODEL_BF16;
    must_train(&o, in_folder("bf16", whole), MODEL_START_ANEW, NULL, (model_train_hooks){ 0 });
    stop_after = 2;
    must_train(&o, in_folder("bf16-parts", parts), MODEL_START_ANEW, NULL, (model_train_hooks){ .stop = stop_now });
    o.precision = MODEL_FP32;
    assert_false(model_train(&o, &scenes, parts, MODEL_START_RESUME, NULL, &(model_train_hooks){ 0 }, &r, &err));
    assert_non_null(strstr(err.text, "was trained with \"precision\": \"bf16\", the configuration says \"fp32\""));
    o.precision = MODEL_BF16;
    o.threads = 2; /* nor do threads matter */
    must_train(&o, parts, MODEL_START_RESUME, NULL, (model_train_hooks){ 0 });
    check_same_run(whole, parts);

    /* A checkpoint from before there was a choice is of fp32. */
    o.precision = MODEL_FP32;
    stop_after = 2;
    must_train(&o, in_folder("fp32-before", before), MODEL_START_ANEW, NULL, (model_train_hooks){ .stop = stop_now });
    snprintf(path, sizeof path, "%s/checkpoints/last/state.json", before);
    assert_int_equal(replace_in_file(path, "\"precision\":", "\"unknown\":"), 1);
    o.precision = MODEL_BF16;
    assert_false(model_train(&o, &scenes, before, MODEL_START_RESUME, NULL, &(model_train_hooks){ 0 }, &r, &err));
    assert_non_null(strstr(err.text, "was trained with \"precision\": nothing"));
    o.precision = MODEL_FP32;
    must_train(&o, before, MODEL_START_RESUME, NULL, (model_train_hooks){ 0 });
}

/* Under a sanitizer: a few steps, so that it sees them, and no verdict, for which it takes 600 on one thread. */
static void few_steps(model_train_options *o)
{
    if (SANITIZED)
        o->epochs = 1;
}
static void no_verdict(void)
{
    if (SANITIZED) {
        print_message("skip: whether it learns is for the plain build; a sanitizer sees three steps\n");
        skip();
    }
}

static void keep_losses(void *user, const model_epoch *e) { ((double *)user)[e->epoch] = e->train_loss; }

/* The loss falls as in fp32. bf16 keeps 8 digits of 24, a relative error of 2^-9 of each factor. Measured: the mean losses of three epochs of
 * 120 steps differ by 0.2 %; allowed are 2 %, and no difference at all would mean that nothing was rounded. */
static void test_bf16_learns(void **state)
{
    (void)state;
    char dir[256];
    double losses[2][3];
    model_train_options o = small();
    o.epochs = 3;
    o.schedule.lr = 1e-2;
    for (int i = 0; i < 2; i++) {
        o.precision = i == 0 ? MODEL_FP32 : MODEL_BF16;
        few_steps(&o);
        must_train_on(SANITIZED ? &scenes : &many_scenes, &o, in_folder(i == 0 ? "learn-fp32" : "learn-bf16", dir),
                      MODEL_START_ANEW, NULL, (model_train_hooks){ .epoch = keep_losses, .user = losses[i] });
    }
    no_verdict();
    for (int e = 0; e < 3; e++)
        if (losses[0][e] == losses[1][e] || fabs(losses[1][e] - losses[0][e]) > 0.02 * losses[0][e])
            fail_msg("epoch %d: mean loss %.9g in fp32, %.9g in bf16", e, losses[0][e], losses[1][e]);
    assert_true(losses[1][2] < 0.5 * losses[1][0]);
}

static void check_learns(model_train_options o, const char *name, double score)
{
    char dir[256];
    few_steps(&o);
    model_train_result r = must_train_on(SANITIZED ? &scenes : &many_scenes, &o, in_folder(name, dir), MODEL_START_ANEW, NULL,
                                         (model_train_hooks){ 0 });
    if (!SANITIZED && !(r.best_score > score))
        fail_msg("%s: mean IoU of unseen scenes after %lld steps is %.4f, expected above %.2f", name, (long long)r.steps,
                 r.best_score, score);
}

static void test_learns(void **state)
{
    (void)state;
    model_train_options o = small();
    o.epochs = 5; /* 600 steps */
    o.schedule.lr = 2e-2;
    check_learns(o, "learn-same", 0.95);
    o.net.variant = MODEL_UNET_ORIGINAL;
    o.net.depth = 1;
    o.schedule.lr = 3e-3;
    check_learns(o, "learn-original", 0.85);
    no_verdict();
}

/* One logit; the line against everything else, as the older project's target. */
static bool binary_batch(void *user, uint64_t epoch, int first, int n, uint8_t *rgb, uint8_t *label, base_error *err)
{
    train_batch(user, epoch, first, n, rgb, label, err);
    for (int i = 0; i < n * SIDE * SIDE; i++)
        label[i] = label[i] == 2;
    return true;
}
static bool binary_val(void *user, int first, int n, uint8_t *rgb, uint8_t *label, base_error *err)
{
    return binary_batch(user, 77, first, n, rgb, label, err);
}

static void test_learns_binary(void **state)
{
    (void)state;
    const model_batches lines = { SANITIZED ? scenes.train_count : 480, 5, SIDE, SIDE, binary_batch, binary_val, NULL };
    static const model_loss_kind kinds[] = { MODEL_LOSS_BCE, MODEL_LOSS_DICE, MODEL_LOSS_BCE_DICE };
    for (int i = 0; i < 3; i++) {
        char dir[256];
        base_error err;
        model_train_result r;
        model_train_options o = small();
        o.classes.count = 2;
        snprintf(o.classes.list[0].name, sizeof o.classes.list[0].name, "background");
        snprintf(o.classes.list[1].name, sizeof o.classes.list[1].name, "RoadLine");
        snprintf(o.classes.list[1].tags[0], sizeof o.classes.list[1].tags[0], "RoadLine");
        o.loss.kind = kinds[i];
        o.epochs = 5;
        o.schedule.lr = 2e-2;
        few_steps(&o);
        if (!model_train(&o, &lines, in_folder(model_loss_names[kinds[i]], dir), MODEL_START_ANEW, NULL,
                         &(model_train_hooks){ 0 }, &r, &err))
            fail_msg("%s", err.text);
        if (!SANITIZED && !(r.best_score > 0.95))
            fail_msg("%s: mean IoU %.4f after %lld steps, expected above 0.95", model_loss_names[kinds[i]], r.best_score,
                     (long long)r.steps);
    }
    no_verdict();
}

/* A net whose values take room, and MiB that it fits only when values are recomputed. */
static model_train_options roomy(void)
{
    model_train_options o = small();
    o.net.base = 12;
    o.winograd = MODEL_WINOGRAD_OFF; /* its scratch would be most of a limit this small */
    return o;
}
#define MEMORY_LIMIT 3

/* Bytes in use after each step, from the allocator itself. */
static size_t used[64];
static int used_count;
static bool note_use(void)
{
    if (used_count < 64)
        used[used_count++] = mallinfo2().uordblks;
    return false;
}

static void test_steps_take_no_memory(void **state)
{
    (void)state;
    char dir[256];
    const model_batches twelve_steps = { 48, 5, SIDE, SIDE, train_batch, val_batch, NULL };
    for (int limit = 0; limit <= MEMORY_LIMIT; limit += MEMORY_LIMIT) {
        model_train_options o = roomy();
        o.epochs = 1;
        o.memory_limit_mib = limit;
        used_count = 0;
        const model_train_hooks hooks = { .stop = note_use };
        model_train_result r = must_train_on(&twelve_steps, &o, in_folder("memory", dir), MODEL_START_ANEW, NULL, hooks);
        assert_int_equal(r.recomputed > 0, limit > 0);
        assert_int_equal(used_count, 12);
        for (int i = 2; i < used_count - 1; i++) /* the last one follows the validation */
            if (used[i] != used[1])
                fail_msg("limit %d: step %d holds %zu bytes, step 2 held %zu", limit, i + 1, used[i], used[1]);
    }
}

static void check_refused(const model_train_options *o, const char *dir, model_start start, const char *from,
                          const char *expected)
{
    base_error err;
    model_train_result r;
    if (model_train(o, &scenes, dir, start, from, &(model_train_hooks){ 0 }, &r, &err))
        fail_msg("accepted; expected an error with '%s'", expected);
    if (!strstr(err.text, expected))
        fail_msg("error '%s' does not say '%s'", err.text, expected);
}

/* Under a memory limit the run is the same; it can be resumed with another limit. */
static void test_memory_limit(void **state)
{
    (void)state;
    char whole[256], limited[256];
    model_train_options o = roomy();
    in_folder("unlimited", whole);
    in_folder("limited", limited);
    must_train(&o, whole, MODEL_START_ANEW, NULL, (model_train_hooks){ 0 });
    o.memory_limit_mib = MEMORY_LIMIT + 1;
    stop_after = 2;
    must_train(&o, limited, MODEL_START_ANEW, NULL, (model_train_hooks){ .stop = stop_now });
    o.memory_limit_mib = MEMORY_LIMIT;
    model_train_result r = must_train(&o, limited, MODEL_START_RESUME, NULL, (model_train_hooks){ 0 });
    if (r.recomputed == 0 || r.memory_bytes > MEMORY_LIMIT << 20)
        fail_msg("%d values recomputed, %zu bytes taken", r.recomputed, r.memory_bytes);
    check_same_run(whole, limited);
    o.memory_limit_mib = 1;
    check_refused(&o, limited, MODEL_START_RESUME, NULL, "memory limit: 1 MiB are too few for a batch of 4");
}

static void test_refusals(void **state)
{
    (void)state;
    char dir[256], other[256], last[256];
    model_train_options o = small(), changed;
    o.epochs = 1;
    must_train(&o, in_folder("refuse", dir), MODEL_START_ANEW, NULL, (model_train_hooks){ 0 });
    in_folder("refuse2", other);
    in_folder("refuse/checkpoints/last", last);
    changed = o;
    changed.net.base = 8;
    check_refused(&changed, dir, MODEL_START_RESUME, NULL, "\"net\"");
    check_refused(&changed, other, MODEL_START_ANEW, last, "base 4");
    changed = o;
    changed.schedule.lr *= 2;
    check_refused(&changed, dir, MODEL_START_RESUME, NULL, "\"lr\"");
    check_refused(&o, other, MODEL_START_RESUME, NULL, "no model directory");
    changed = o;
    changed.loss.kind = MODEL_LOSS_BCE;
    check_refused(&changed, other, MODEL_START_ANEW, NULL, "bce is for 2 classes");
    changed = o;
    changed.net.variant = MODEL_UNET_ORIGINAL; /* without BatchNorm nothing holds the activations */
    changed.net.depth = 1;
    changed.schedule.lr = 1e9;
    changed.schedule.warmup_steps = 0;
    check_refused(&changed, other, MODEL_START_ANEW, NULL, "diverged");

    char weights[512];
    snprintf(weights, sizeof weights, "%s/model.safetensors", last);
    assert_int_equal(truncate(weights, 5000), 0); /* a checkpoint cut in half */
    check_refused(&o, dir, MODEL_START_RESUME, NULL, "model.safetensors");
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
        cmocka_unit_test(test_resume_is_exact),
        cmocka_unit_test(test_resume_after_kill),
        cmocka_unit_test(test_threads_do_not_matter),
        cmocka_unit_test(test_resume_keeps_the_instruction_set),
        cmocka_unit_test(test_resume_keeps_the_algorithms),
        cmocka_unit_test(test_resume_keeps_the_precision),
        cmocka_unit_test(test_bf16_learns),
        cmocka_unit_test(test_learns),
        cmocka_unit_test(test_learns_binary),
        cmocka_unit_test(test_steps_take_no_memory),
        cmocka_unit_test(test_memory_limit),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
