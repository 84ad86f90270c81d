/* laneloop train — fit a network to a recorded dataset. */
#include "cli/cli.h"
#include "base/file.h"
#include "base/process.h"
#include "model/train.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const cli_command command = {
    .usage = "laneloop train CONFIG [T|F] [-p CHECKPOINT] [--out RUN]",
    .summary =
        "Train a U-Net. T resumes the run's last checkpoint (or -p CHECKPOINT) bit for bit, F begins anew (with -p: from the\n"
        "weights of CHECKPOINT). CONFIG may be the older project's Unet_config.json. The run folder gets config.json,\n"
        "log.jsonl, checkpoints/last and model (the best weights by validation).",
    .example = "laneloop train configs/train/roadline_bce_dice.json F --out runs/roadline",
};

typedef struct screen {
    const model_train_options *options;
    const base_progress *progress;
} screen;

static void print_epoch(void *user, const model_epoch *e)
{
    const model_train_options *o = ((const screen *)user)->options;
    if (((const screen *)user)->progress->terminal)
        fputs("\r\033[K", stderr); /* the bar is drawn again below the line */
    printf("epoch %d/%d  step %lld  loss %.4f", e->epoch + 1, o->epochs, (long long)e->step, e->train_loss);
    if (!isnan(e->val_loss)) {
        printf("  validation loss %.4f  mIoU %.2f %%", e->val_loss, 100 * e->mean_iou);
        for (int c = 0; c < o->classes.count; c++)
            printf("  %s %.2f", o->classes.list[c].name, 100 * dataset_iou(&e->confusion, c));
        if (!isnan(e->road_iou))
            printf("  road %.2f", 100 * e->road_iou);
    }
    printf("  %.1f s\n", e->seconds);
    fflush(stdout);
}

/* "runs/NAME" of ".../NAME.json". */
static void default_run(const char *config, char *out, size_t bytes)
{
    const char *slash = strrchr(config, '/'), *name = slash ? slash + 1 : config, *dot = strrchr(name, '.');
    snprintf(out, bytes, "runs/%.*s", dot && dot > name ? (int)(dot - name) : (int)strlen(name), name);
}

/* T, F, or neither: then a run folder with a checkpoint is not silently overwritten. */
static bool choose_start(const char *word, const char *run, model_start *start, base_error *err)
{
    char last[MODEL_TRAIN_PATH_BYTES + 32];
    snprintf(last, sizeof last, "%s/checkpoints/last", run);
    if (word && !strcmp(word, "T"))
        *start = MODEL_START_RESUME;
    else if (word && !strcmp(word, "F"))
        *start = MODEL_START_ANEW;
    else if (word)
        return base_fail(err, BASE_ARGUMENT, "after CONFIG: T (resume) or F (anew) expected, found '%s'", word);
    else if (base_file_exists(last))
        return base_fail(err, BASE_ARGUMENT, "%s holds a checkpoint: say T to resume it or F to begin anew", run);
    else
        *start = MODEL_START_ANEW;
    return true;
}

static int print_options(const model_train_options *o)
{
    cJSON *object = model_train_options_print(o);
    char *text = object ? cJSON_Print(object) : NULL;
    if (text)
        puts(text);
    cJSON_free(text);
    cJSON_Delete(object);
    return text ? 0 : 1;
}

static void add_number(cJSON *o, const char *key, double value)
{
    if (isfinite(value))
        cJSON_AddNumberToObject(o, key, value);
    else
        cJSON_AddNullToObject(o, key);
}

static void print_result(const model_train_result *r, const char *run, bool json)
{
    if (!json) {
        printf("%lld steps in %.1f s (%.1f images/s, kernels %s)", (long long)r->steps, r->seconds, r->images_per_s, r->isa);
        if (!isnan(r->best_score))
            printf("; best mIoU %.2f %% after epoch %d", 100 * r->best_score, r->best_epoch + 1);
        printf("\nmodel: %s/model\n", run);
        return;
    }
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "run", run);
    cJSON_AddNumberToObject(o, "steps", (double)r->steps);
    add_number(o, "best_miou_pct", 100 * r->best_score);
    cJSON_AddNumberToObject(o, "best_epoch", r->best_epoch + 1);
    add_number(o, "seconds", r->seconds);
    add_number(o, "images_per_s", r->images_per_s);
    cJSON_AddStringToObject(o, "isa", r->isa);
    char *text = cJSON_PrintUnformatted(o);
    puts(text ? text : "{}");
    cJSON_free(text);
    cJSON_Delete(o);
}

int cli_train(int argc, char **argv)
{
    const char *positional[2] = { NULL, NULL }, *checkpoint = NULL, *out = NULL, *data = NULL, *seed = NULL, *threads = NULL,
               *epochs = NULL, *limit = NULL, *precision = NULL;
    bool json = false, print_config = false;
    const cli_flag flags[] = {
        { "-p", "CHECKPOINT", "directory of a checkpoint to go on from", &checkpoint, NULL },
        { "--out", "RUN", "run folder; default \"out\" of CONFIG, else runs/NAME of CONFIG's name", &out, NULL },
        { "--dataset", "DIR", "instead of the dataset that CONFIG names", &data, NULL },
        { "--seed", "N", "instead of CONFIG's", &seed, NULL },
        { "--epochs", "N", "instead of CONFIG's", &epochs, NULL },
        { "--threads", "N", "OpenMP threads, 0 = one per core", &threads, NULL },
        { "--precision", "NAME", "instead of CONFIG's: factors in convolutions are fp32, or bf16 with fp32 sums and weights",
          &precision, NULL },
        { "--memory-limit", "MIB",
          "instead of CONFIG's: drop values and compute them again in the backward pass until training fits", &limit, NULL },
        { "--json", NULL, "print the result as one JSON line", NULL, &json },
        { "--print-config", NULL, "print the effective options (without CONFIG: the defaults) and stop", NULL, &print_config },
    };
    int count = 0, status = cli_parse(&command, flags, sizeof flags / sizeof flags[0], argc, argv, positional, 0, 2, &count);
    if (status != CLI_GO)
        return status;
    model_train_options o = model_train_options_default();
    base_error err = { 0 };
    if (count == 0)
        return print_config ? print_options(&o) : cli_usage(&command, "CONFIG is missing");
    base_json j;
    if (!base_json_read(&j, positional[0], &err))
        return cli_fail(&err);
    bool ok = model_train_options_read(&o, &j, &err);
    base_json_free(&j);
    if (!ok)
        return cli_fail(&err);
    if (!cli_u64("--seed", seed, &o.seed, &err) || !cli_int("--threads", threads, 0, 1024, &o.threads, &err) ||
        !cli_int("--epochs", epochs, 1, 1000000, &o.epochs, &err) ||
        !cli_int("--memory-limit", limit, 0, 1 << 24, &o.memory_limit_mib, &err) ||
        !cli_name("--precision", precision, model_precision_names, &o.precision, &err))
        return cli_usage(&command, "%s", err.text);
    if (data && (size_t)snprintf(o.dataset, sizeof o.dataset, "%s", data) >= sizeof o.dataset)
        return cli_usage(&command, "--dataset: longer than %zu bytes", sizeof o.dataset - 1);
    if (out && (size_t)snprintf(o.out, sizeof o.out, "%s", out) >= sizeof o.out)
        return cli_usage(&command, "--out: longer than %zu bytes", sizeof o.out - 1);
    if (!o.out[0])
        default_run(positional[0], o.out, sizeof o.out);
    if (print_config)
        return print_options(&o);

    model_source source;
    model_train_result result;
    model_start start = MODEL_START_ANEW;
    if (!choose_start(positional[1], o.out, &start, &err) || !model_source_open(&source, &o, &err))
        return cli_fail(&err);
    base_log log = base_log_stderr(BASE_LOG_INFO);
    base_progress progress = base_progress_start(json ? NULL : stderr, "train", 0);
    int64_t per_epoch = (source.batches.train_count + o.batch - 1) / o.batch;
    progress.total = (uint64_t)(o.steps > 0 && o.steps < per_epoch * o.epochs ? o.steps : per_epoch * o.epochs);
    if (o.legacy)
        base_log_write(json ? NULL : &log, BASE_LOG_INFO,
                       "%s is the older project's: target_channel %d of %s/classes.json is %s", positional[0], o.target_channel,
                       o.dataset, o.classes.list[o.classes.count - 1].name);
    base_stop_install();
    screen shown = { &o, &progress };
    model_train_hooks hooks = { .log = json ? NULL : &log,
                                .progress = &progress,
                                .stop = base_stop_requested,
                                .epoch = json ? NULL : print_epoch,
                                .user = &shown };
    ok = model_train(&o, &source.batches, o.out, start, checkpoint, &hooks, &result, &err);
    base_progress_end(&progress, ok ? (uint64_t)result.steps : 0, NULL);
    model_source_close(&source);
    if (ok && result.stopped)
        ok = base_fail(&err, BASE_INTERRUPTED,
                       "stopped after step %lld of %lld, checkpoint written; go on with: laneloop train %s T --out %s",
                       (long long)result.steps, (long long)result.total_steps, positional[0], o.out);
    if (!ok)
        return cli_fail(&err);
    print_result(&result, o.out, json);
    return 0;
}
