/* dataset/metrics.h — what label images are worth: the confusion matrix of a whole set and the numbers read from it.
 *
 *     C[g][p]  pixels of true class g predicted as p, summed over the set; pixels whose truth is 255 are skipped
 *     TP_c = C[c][c]    FN_c = sum_p C[c][p] - TP_c    FP_c = sum_g C[g][c] - TP_c
 *     IoU_c          = TP / (TP + FP + FN)
 *     union IoU of S = the same after merging the classes of S into one: TP = sum_{g in S, p in S} C[g][p],
 *                      FN = sum_{g in S, p not in S}, FP = sum_{g not in S, p in S}
 *     precision      = TP / (TP + FP),   recall = TP / (TP + FN),   F1 = 2 TP / (2 TP + FP + FN)
 *     pixel accuracy = sum_c C[c][c] / sum C
 *
 * These are global: sums first, one division last; a mean over images is another number. A ratio whose denominator is 0 is NaN
 * ("undefined": class absent from both); the mean leaves it out and says how many classes it averaged.
 * road_iou is the union IoU of {drivable, lane_line} (Roads and RoadLine), line_iou the IoU of lane_line. All values are 0..1. */
#ifndef DATASET_METRICS_H
#define DATASET_METRICS_H
#include "base/error.h"
#include "dataset/classes.h"
#include <stdint.h>

/* A plain value: start from dataset_confusion_start. */
typedef struct dataset_confusion {
    int classes;
    uint64_t counts[DATASET_MAX_CLASSES][DATASET_MAX_CLASSES]; /* [truth][prediction] */
    uint64_t ignored;                                          /* pixels whose truth is 255 */
} dataset_confusion;

dataset_confusion dataset_confusion_start(int classes); /* 1 .. DATASET_MAX_CLASSES */
/* Add `count` pixels. Truth: class or 255; prediction: class. Other values are refused (and nothing is added). */
bool dataset_confusion_add(dataset_confusion *c, const uint8_t *truth, const uint8_t *prediction, size_t count,
                           base_error *err);
void dataset_confusion_merge(dataset_confusion *into, const dataset_confusion *from);

double dataset_iou(const dataset_confusion *c, int class_index);
/* classes: bit k set = class k belongs to the union. */
double dataset_union_iou(const dataset_confusion *c, uint32_t class_bits);
double dataset_mean_iou(const dataset_confusion *c, int *averaged); /* averaged: classes that counted; may be NULL */
double dataset_precision(const dataset_confusion *c, int class_index);
double dataset_recall(const dataset_confusion *c, int class_index);
double dataset_f1(const dataset_confusion *c, int class_index);
double dataset_pixel_accuracy(const dataset_confusion *c);

/* Bits of the classes of {Roads, RoadLine} in a class list: those all of whose tags are among them; 0 when there is none. */
uint32_t dataset_road_bits(const dataset_classes *c);
/* The class that holds RoadLine alone, -1 when there is none. */
int dataset_line_class(const dataset_classes *c);

/* Mean over images of the older project's soft IoU: sum(p*y) / (sum p + sum y - sum p*y), p in [0,1] per pixel, y in {0,1}; 0 for an
 * empty label. For comparison with its logs only. */
double dataset_soft_iou(const float *probability, const uint8_t *truth, uint8_t positive, size_t count);
#endif
