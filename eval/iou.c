#include "eval/iou.h"
#include "base/arena.h"
#include <math.h>
#include <stdlib.h>

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, int count)
{
    qsort(values, (size_t)count, sizeof *values, by_value);
    return count % 2 ? values[count / 2] : 0.5 * (values[count / 2 - 1] + values[count / 2]);
}

bool eval_iou_measure(eval_predictor *p, const dataset *d, dataset_split split, int most, uint64_t seed,
                      base_progress *progress, eval_iou *result, base_error *err)
{
    const eval_predictor_info *about = eval_predictor_about(p);
    dataset_loader_options o = dataset_loader_options_default();
    o.split = split;
    o.width_px = about->width_px;
    o.height_px = about->height_px;
    o.shuffle = most > 0;
    o.seed = seed;
    o.cache_bytes = 0;
    dataset_loader *loader = dataset_loader_create(d, about->classes, &o, err);
    if (!loader)
        return false;
    int count = dataset_loader_count(loader), done = 0;
    if (most > 0 && most < count)
        count = most;
    size_t pixels = (size_t)about->width_px * about->height_px;
    uint8_t *rgb = base_alloc(pixels * 3, err), *label = base_alloc(pixels, err), *mask = base_alloc(pixels, err);
    double *times = base_alloc((size_t)count * sizeof *times, err);
    *result = (eval_iou){ .confusion = dataset_confusion_start(about->classes->count), .road_iou = NAN, .line_iou = NAN };
    bool ok = rgb && label && mask && times;
    for (; ok && done < count; done++) {
        ok = dataset_loader_batch(loader, 0, done, 1, rgb, label, err) &&
             eval_predictor_run(p, rgb, about->width_px, about->height_px, mask, err) &&
             dataset_confusion_add(&result->confusion, label, mask, pixels, err);
        times[done] = 1e3 * eval_predictor_last_s(p);
        base_progress_step(progress, (uint64_t)done + 1, about->kind_name);
    }
    if (ok) {
        uint32_t road = dataset_road_bits(about->classes);
        int line = dataset_line_class(about->classes);
        result->frames = count;
        result->infer_ms = median(times, count);
        if (road)
            result->road_iou = dataset_union_iou(&result->confusion, road);
        if (line >= 0)
            result->line_iou = dataset_iou(&result->confusion, line);
    }
    free(times);
    free(mask);
    free(label);
    free(rgb);
    dataset_loader_destroy(loader);
    return ok;
}

static void add_figure(cJSON *o, const char *key, double value)
{
    if (isfinite(value))
        cJSON_AddNumberToObject(o, key, value);
    else
        cJSON_AddNullToObject(o, key);
}

cJSON *eval_iou_print(const eval_iou *r, const dataset_classes *classes)
{
    cJSON *o = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(o, "classes");
    if (!list) {
        cJSON_Delete(o);
        return NULL;
    }
    for (int i = 0; i < classes->count; i++) {
        cJSON *c = cJSON_CreateObject();
        cJSON_AddStringToObject(c, "name", classes->list[i].name);
        add_figure(c, "iou", dataset_iou(&r->confusion, i));
        add_figure(c, "precision", dataset_precision(&r->confusion, i));
        add_figure(c, "recall", dataset_recall(&r->confusion, i));
        cJSON_AddItemToArray(list, c);
    }
    cJSON_AddNumberToObject(o, "frames", r->frames);
    add_figure(o, "mean_iou", dataset_mean_iou(&r->confusion, NULL));
    add_figure(o, "road_iou", r->road_iou);
    add_figure(o, "line_iou", r->line_iou);
    add_figure(o, "pixel_accuracy", dataset_pixel_accuracy(&r->confusion));
    add_figure(o, "infer_ms", r->infer_ms);
    return o;
}
