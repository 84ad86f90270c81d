/* laneloop quantize — an fp32 checkpoint to an int8 model, with size and IoU before and after. */
#include "cli/cli.h"
#include "base/file.h"
#include "eval/iou.h"
#include "quant/quant.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const cli_command command = {
    .usage = "laneloop quantize CONFIG MODEL [--dataset DIR] [--out DIR] [--json]",
    .summary =
        "Fold BatchNorm, observe activations on training frames, and write an int8 model (u8 activations, s8 weights per output\n"
        "channel, integers only). Prints bytes, IoU and time per frame before and after, on held-out frames.",
    .example =
        "laneloop quantize configs/quantize/default.json runs/demo/train/model --dataset runs/demo/dataset --out runs/int8",
};

typedef struct quantize_options {
    char dataset[512]; /* directory */
    int frames;        /* of calibration, from the training split */
    int split;         /* dataset_split of the comparison */
    int eval_frames;   /* 0 = all */
    uint64_t seed;     /* which training frames, and which of eval_frames */
    quant_options quant;
    int observer, concat; /* of quant, as the option table needs them */
} quantize_options;

static quantize_options options_default(void)
{
    return (quantize_options){ .frames = 128,
                               .split = DATASET_TEST,
                               .seed = 1,
                               .quant = quant_options_default(),
                               .observer = (int)quant_options_default().observer,
                               .concat = (int)quant_options_default().concat };
}

#define AT(field) offsetof(quantize_options, field)
static const base_option table[] = {
    { "dataset", BASE_OPTION_STRING, AT(dataset), 512, 0, 0, NULL, NULL, NULL, "directory of the recorded dataset" },
    { "frames", BASE_OPTION_INT, AT(frames), 0, 1, 100000, NULL, NULL, NULL, "training frames to calibrate with" },
    { "observer", BASE_OPTION_ENUM, AT(observer), 0, 0, 0, quant_observer_names, NULL, NULL, "how a range is chosen" },
    { "percentile", BASE_OPTION_DOUBLE, AT(quant.percentile), 0, 50, 100, NULL, NULL, NULL, "of the values inside the range" },
    { "concat", BASE_OPTION_ENUM, AT(concat), 0, 0, 0, quant_concat_names, NULL, NULL, "scales of concatenated branches" },
    { "seed", BASE_OPTION_U64, AT(seed), 0, 0, 0, NULL, NULL, NULL, "chooses the frames" },
    { "threads", BASE_OPTION_INT, AT(quant.threads), 0, 0, 1024, NULL, NULL, NULL, "OpenMP threads, 0 = one per core" },
    { "eval_split", BASE_OPTION_ENUM, AT(split), 0, 0, 0, dataset_split_names, NULL, NULL, "frames to compare on" },
    { "eval_frames", BASE_OPTION_INT, AT(eval_frames), 0, 0, DATASET_MAX_FRAMES, NULL, NULL, NULL,
      "how many of them, 0 = all" },
};
enum { TABLE_COUNT = sizeof table / sizeof table[0] };

/* ---- calibration frames ---- */
static bool read_frame(void *user, int index, uint8_t *rgb, base_error *err)
{
    return dataset_loader_batch(user, 0, index, 1, rgb, NULL, err);
}

/* What the file says about its calibration: options, and which frames, by ID. */
static cJSON *calibration_note(const quantize_options *o, const dataset *d, dataset_loader *l, int count)
{
    cJSON *note = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(note, "frames");
    uint32_t crc = 0;
    for (int i = 0; list && i < count; i++) {
        char id[DATASET_ID_BYTES];
        dataset_frame_id(dataset_frame_at(d, dataset_loader_frame(l, 0, i)), id);
        cJSON_AddItemToArray(list, cJSON_CreateString(id));
        crc = base_crc32(crc, id, strlen(id));
    }
    char text[16];
    snprintf(text, sizeof text, "%08x", crc);
    cJSON_AddStringToObject(note, "frames_crc32", text);
    cJSON_AddStringToObject(note, "split", dataset_split_names[DATASET_TRAIN]);
    cJSON_AddNumberToObject(note, "seed", (double)o->seed);
    cJSON_AddStringToObject(note, "observer", quant_observer_names[o->quant.observer]);
    cJSON_AddNumberToObject(note, "percentile", o->quant.percentile);
    cJSON_AddStringToObject(note, "concat", quant_concat_names[o->quant.concat]);
    return note;
}

static quant_model *calibrate(const quantize_options *o, const model *m, const dataset *d, base_progress *progress,
                              base_error *err)
{
    dataset_loader_options lo = dataset_loader_options_default();
    lo.split = DATASET_TRAIN;
    lo.width_px = m->about.image_w;
    lo.height_px = m->about.image_h;
    lo.shuffle = true;
    lo.seed = o->seed;
    dataset_loader *l = dataset_loader_create(d, &m->about.classes, &lo, err);
    if (!l)
        return NULL;
    int count = dataset_loader_count(l) < o->frames ? dataset_loader_count(l) : o->frames;
    progress->total = 2 * (uint64_t)count;
    quant_frames frames = { .count = count, .h = m->about.image_h, .w = m->about.image_w, .read = read_frame, .user = l };
    quant_model *q = quant_calibrate(m, &o->quant, &frames, progress, err);
    cJSON *note = q ? calibration_note(o, d, l, count) : NULL;
    if (q && !quant_model_note(q, note, err)) {
        quant_model_destroy(q);
        q = NULL;
    }
    if (q)
        base_progress_end(progress, progress->total, NULL);
    cJSON_Delete(note);
    dataset_loader_destroy(l);
    return q;
}

/* ---- before and after ---- */
typedef struct measured {
    eval_iou iou;
    size_t bytes;
    char level[32];
} measured;

static bool measure(const char *path, const quantize_options *o, const dataset *d, bool quiet, measured *out, base_error *err)
{
    eval_predictor_options po = eval_predictor_options_default();
    po.threads = o->quant.threads;
    eval_predictor *p = eval_predictor_open(path, &po, err);
    if (!p)
        return false;
    base_progress progress = base_progress_start(quiet ? NULL : stderr, "eval", 0);
    bool ok = eval_iou_measure(p, d, (dataset_split)o->split, o->eval_frames, o->seed, &progress, &out->iou, err);
    if (ok)
        base_progress_end(&progress, (uint64_t)out->iou.frames, NULL);
    out->bytes = eval_predictor_about(p)->weight_bytes;
    snprintf(out->level, sizeof out->level, "%s", eval_predictor_about(p)->level);
    eval_predictor_close(p);
    return ok;
}

static void print_row(const char *name, double before, double after, double scale, const char *unit)
{
    if (isfinite(before) && isfinite(after))
        printf("%-12s %12.2f %12.2f %s\n", name, scale * before, scale * after, unit);
    else
        printf("%-12s %12s %12s\n", name, "-", "-");
}

static void print_text(const measured *a, const measured *b, const dataset_classes *classes, const char *out)
{
    printf("%-12s %12s %12s   (%d held-out frames)\n", "", "fp32", "int8", a->iou.frames);
    printf("%-12s %12zu %12zu bytes, %.2f x smaller\n", "weights", a->bytes, b->bytes, (double)a->bytes / (double)b->bytes);
    print_row("road IoU", a->iou.road_iou, b->iou.road_iou, 100, "%");
    print_row("line IoU", a->iou.line_iou, b->iou.line_iou, 100, "%");
    for (int i = 0; i < classes->count; i++)
        print_row(classes->list[i].name, dataset_iou(&a->iou.confusion, i), dataset_iou(&b->iou.confusion, i), 100, "% IoU");
    print_row("per frame", a->iou.infer_ms, b->iou.infer_ms, 1, "ms");
    printf("%-12s %12s %12s\nmodel: %s\n", "kernels", a->level, b->level, out);
}

static bool print_json(const measured *a, const measured *b, const dataset_classes *classes, const char *out, base_error *err)
{
    cJSON *o = cJSON_CreateObject(), *before = eval_iou_print(&a->iou, classes), *after = eval_iou_print(&b->iou, classes);
    char *text = NULL;
    if (o && before && after) {
        cJSON_AddStringToObject(o, "model", out);
        cJSON_AddNumberToObject(before, "model_bytes", (double)a->bytes);
        cJSON_AddNumberToObject(after, "model_bytes", (double)b->bytes);
        cJSON_AddStringToObject(before, "level", a->level);
        cJSON_AddStringToObject(after, "level", b->level);
        cJSON_AddItemToObject(o, "fp32", before);
        cJSON_AddItemToObject(o, "int8", after);
        before = after = NULL;
        text = cJSON_PrintUnformatted(o);
    }
    if (text)
        puts(text);
    cJSON_free(text);
    cJSON_Delete(before);
    cJSON_Delete(after);
    cJSON_Delete(o);
    return text || base_fail(err, BASE_MEMORY, "no memory to print the result");
}

/* "MODEL-int8", trailing slashes dropped. */
static void default_out(const char *path, char *out, size_t bytes)
{
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/')
        n--;
    snprintf(out, bytes, "%.*s-int8", (int)n, path);
}

static bool run(const quantize_options *o, const char *path, const char *out, bool json, base_error *err)
{
    base_progress progress = base_progress_start(json ? NULL : stderr, "calibrate", 0);
    model *m = NULL;
    quant_model *q = NULL;
    measured before, after;
    dataset *d = dataset_open(o->dataset, NULL, err);
    bool ok = d && (m = model_load(path, err)) && (q = calibrate(o, m, d, &progress, err)) && quant_model_save(q, out, err) &&
              measure(path, o, d, json, &before, err) && measure(out, o, d, json, &after, err);
    if (ok && json)
        ok = print_json(&before, &after, &m->about.classes, out, err);
    else if (ok)
        print_text(&before, &after, &m->about.classes, out);
    quant_model_destroy(q);
    model_destroy(m);
    dataset_close(d);
    return ok;
}

int cli_quantize(int argc, char **argv)
{
    const char *paths[2] = { NULL, NULL }, *out = NULL, *data = NULL, *seed = NULL, *threads = NULL, *frames = NULL;
    bool json = false, print_config = false;
    const cli_flag flags[] = {
        { "--dataset", "DIR", "instead of the dataset that CONFIG names", &data, NULL },
        { "--out", "DIR", "where the int8 model goes; default MODEL-int8", &out, NULL },
        { "--frames", "N", "calibration frames, instead of CONFIG's", &frames, NULL },
        { "--seed", "N", "instead of CONFIG's", &seed, NULL },
        { "--threads", "N", "OpenMP threads, 0 = one per core", &threads, NULL },
        { "--json", NULL, "print the result as one JSON line; IoU as fractions", NULL, &json },
        { "--print-config", NULL, "print the effective options (without CONFIG: the defaults) and stop", NULL, &print_config },
    };
    int count = 0, status = cli_parse(&command, flags, sizeof flags / sizeof flags[0], argc, argv, paths, 0, 2, &count);
    if (status != CLI_GO)
        return status;
    base_error err = { 0 };
    quantize_options o = options_default();
    if (count > 0 && !cli_config_read(paths[0], &o, table, TABLE_COUNT, &err))
        return cli_fail(&err);
    if (!cli_int("--frames", frames, 1, 100000, &o.frames, &err) || !cli_u64("--seed", seed, &o.seed, &err) ||
        !cli_int("--threads", threads, 0, 1024, &o.quant.threads, &err))
        return cli_usage(&command, "%s", err.text);
    if (data && (size_t)snprintf(o.dataset, sizeof o.dataset, "%s", data) >= sizeof o.dataset)
        return cli_usage(&command, "--dataset: longer than %zu bytes", sizeof o.dataset - 1);
    o.quant.observer = (quant_observer)o.observer;
    o.quant.concat = (quant_concat)o.concat;
    if (print_config)
        return cli_config_print(&o, table, TABLE_COUNT);
    if (count < 2)
        return cli_usage(&command, "CONFIG and MODEL expected");
    if (!o.dataset[0])
        return cli_usage(&command, "no dataset: CONFIG has no \"dataset\" and --dataset is not given");
    if (!quant_options_check(&o.quant, &err))
        return cli_fail(&err);
    if (quant_model_present(paths[1])) {
        base_fail(&err, BASE_ARGUMENT, "%s is an int8 model already; MODEL must be an fp32 checkpoint", paths[1]);
        return cli_fail(&err);
    }
    char beside[4096];
    default_out(paths[1], beside, sizeof beside);
    return run(&o, paths[1], out ? out : beside, json, &err) ? 0 : cli_fail(&err);
}
