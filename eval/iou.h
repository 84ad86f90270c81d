/* eval/iou.h — how well a network labels the frames of a dataset, and how long it takes. */
#ifndef EVAL_IOU_H
#define EVAL_IOU_H
#include "base/progress.h"
#include "dataset/loader.h"
#include "dataset/metrics.h"
#include "eval/predictor.h"

typedef struct eval_iou {
    int frames;
    dataset_confusion confusion; /* of all frames: global figures follow from it */
    double road_iou, line_iou;   /* dataset/metrics.h; NaN when the network has no such class */
    double infer_ms;             /* median over the frames, the network alone */
} eval_iou;

/* Frames of a split in their recorded order, resized to the predictor's size (labels by nearest neighbour); most 0 = all,
 * else the first `most` of a shuffle by seed, so that a part represents the whole. progress may be NULL. */
bool eval_iou_measure(eval_predictor *p, const dataset *d, dataset_split split, int most, uint64_t seed,
                      base_progress *progress, eval_iou *result, base_error *err);

/* {"frames", "classes": [{"name", "iou", "precision", "recall"}], "mean_iou", "road_iou", "line_iou", "pixel_accuracy", "infer_ms"} for
 * machine output; undefined figures are null. NULL: no memory. */
cJSON *eval_iou_print(const eval_iou *r, const dataset_classes *classes);
#endif
