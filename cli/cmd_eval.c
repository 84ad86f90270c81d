/* laneloop eval — IoU of a model, fp32 or int8, over a dataset. */
#include "cli/cli.h"
#include "eval/iou.h"
#include "model/plan.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

static const cli_command command = {
    .usage = "laneloop eval MODEL DATASET [--split test] [--json]",
    .summary =
        "Compare a model's masks with the labels of a dataset: global IoU per class (sums over all frames, one division), road_iou of\n"
        "{Roads, RoadLine} together, line_iou of RoadLine, the network's time per frame and the bytes of its weights. MODEL is a\n"
        "checkpoint or an int8 model; which one is found from its files.",
    .example = "laneloop eval runs/demo/int8 runs/demo/heldout --split test",
};

static void print_percent(const char *name, double value)
{
    if (isfinite(value))
        printf("%-20s %8.2f %%\n", name, 100 * value);
    else
        printf("%-20s %8s\n", name, "-");
}

static void print_text(const eval_iou *r, const eval_predictor_info *about, const char *path, dataset_split split)
{
    printf("%s: %s, %d x %d, %s, %d thread%s; %d frames of %s\n\n", path, about->kind_name, about->width_px, about->height_px,
           about->level, about->threads, about->threads == 1 ? "" : "s", r->frames, dataset_split_names[split]);
    printf("%-20s %10s %10s %10s\n", "class", "IoU", "precision", "recall");
    for (int i = 0; i < about->classes->count; i++)
        printf("%-20s %8.2f %% %8.2f %% %8.2f %%\n", about->classes->list[i].name, 100 * dataset_iou(&r->confusion, i),
               100 * dataset_precision(&r->confusion, i), 100 * dataset_recall(&r->confusion, i));
    printf("\n");
    print_percent("mean IoU", dataset_mean_iou(&r->confusion, NULL));
    print_percent("road IoU", r->road_iou);
    print_percent("line IoU", r->line_iou);
    printf("%-20s %8.2f ms (median)\n%-20s %8zu bytes\n", "network per frame", r->infer_ms, "weights", about->weight_bytes);
}

static bool print_json(const eval_iou *r, const eval_predictor_info *about, const char *path, const char *dataset_path,
                       dataset_split split, base_error *err)
{
    cJSON *o = eval_iou_print(r, about->classes);
    char *text = NULL;
    if (o) {
        cJSON_AddStringToObject(o, "model", path);
        cJSON_AddStringToObject(o, "dataset", dataset_path);
        cJSON_AddStringToObject(o, "split", dataset_split_names[split]);
        cJSON_AddStringToObject(o, "kind", about->kind_name);
        cJSON_AddStringToObject(o, "level", about->level);
        cJSON_AddNumberToObject(o, "threads", about->threads);
        cJSON_AddNumberToObject(o, "model_bytes", (double)about->weight_bytes);
        text = cJSON_PrintUnformatted(o);
    }
    if (text)
        puts(text);
    cJSON_free(text);
    cJSON_Delete(o);
    return text || base_fail(err, BASE_MEMORY, "no memory to print the result");
}

int cli_eval(int argc, char **argv)
{
    const char *paths[2], *split_name = "test", *threads = NULL, *frames = NULL, *level = NULL, *winograd = NULL;
    bool json = false;
    const cli_flag flags[] = {
        { "--split", "NAME", "train, val or test (default test)", &split_name, NULL },
        { "--frames", "N", "a random N frames of the split, 0 = all (default)", &frames, NULL },
        { "--threads", "N", "OpenMP threads, 0 = one per core (default)", &threads, NULL },
        { "--isa", "LEVEL", "CPU level of the kernels; default LANELOOP_ISA, else the best", &level, NULL },
        { "--winograd", "NAME", "of an fp32 model's 3x3 convolutions: off, f2, f4 or auto (default: f4 where it pays)",
          &winograd, NULL },
        { "--json", NULL, "print the result as one JSON line; IoU as fractions", NULL, &json },
    };
    int status = cli_parse(&command, flags, sizeof flags / sizeof flags[0], argc, argv, paths, 2, 2, NULL), most = 0;
    if (status != CLI_GO)
        return status;
    base_error err = { 0 };
    eval_predictor_options o = eval_predictor_options_default();
    o.level = level;
    int split = 0;
    while (split < DATASET_SPLITS && strcmp(split_name, dataset_split_names[split]))
        split++;
    if (split == DATASET_SPLITS)
        return cli_usage(&command, "--split: train, val or test expected, found '%s'", split_name);
    if (!cli_int("--threads", threads, 0, 1024, &o.threads, &err) ||
        !cli_int("--frames", frames, 0, DATASET_MAX_FRAMES, &most, &err) ||
        !cli_name("--winograd", winograd, model_winograd_names, &o.winograd, &err))
        return cli_usage(&command, "%s", err.text);

    base_progress progress = base_progress_start(json ? NULL : stderr, "eval", 0);
    eval_iou result;
    eval_predictor *p = eval_predictor_open(paths[0], &o, &err);
    dataset *d = p ? dataset_open(paths[1], NULL, &err) : NULL;
    bool ok = d && eval_iou_measure(p, d, (dataset_split)split, most, 1, &progress, &result, &err);
    if (ok) {
        base_progress_end(&progress, (uint64_t)result.frames, NULL);
        if (json)
            ok = print_json(&result, eval_predictor_about(p), paths[0], paths[1], (dataset_split)split, &err);
        else
            print_text(&result, eval_predictor_about(p), paths[0], (dataset_split)split);
    }
    dataset_close(d);
    eval_predictor_close(p);
    return ok ? 0 : cli_fail(&err);
}
