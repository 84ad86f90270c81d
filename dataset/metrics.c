#include "dataset/metrics.h"
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

dataset_confusion dataset_confusion_start(int classes)
{
    assert(classes >= 1 && classes <= DATASET_MAX_CLASSES);
    return (dataset_confusion){ .classes = classes };
}

bool dataset_confusion_add(dataset_confusion *c, const uint8_t *truth, const uint8_t *prediction, size_t count, base_error *err)
{
    for (size_t i = 0; i < count; i++)
        if ((truth[i] >= c->classes && truth[i] != DATASET_IGNORED) || prediction[i] >= c->classes)
            return base_fail(err, BASE_ARGUMENT,
                             "pixel %zu: truth %d, prediction %d; classes 0 to %d (truth also 255) expected", i, truth[i],
                             prediction[i], c->classes - 1);
    for (size_t i = 0; i < count; i++)
        if (truth[i] == DATASET_IGNORED)
            c->ignored++;
        else
            c->counts[truth[i]][prediction[i]]++;
    return true;
}

void dataset_confusion_merge(dataset_confusion *into, const dataset_confusion *from)
{
    assert(into->classes == from->classes);
    for (int g = 0; g < into->classes; g++)
        for (int p = 0; p < into->classes; p++)
            into->counts[g][p] += from->counts[g][p];
    into->ignored += from->ignored;
}

/* True and false positives and false negatives of the union of `bits`. */
typedef struct tally {
    uint64_t tp, fp, fn;
} tally;

static tally count_union(const dataset_confusion *c, uint32_t bits)
{
    tally t = { 0 };
    for (int g = 0; g < c->classes; g++)
        for (int p = 0; p < c->classes; p++) {
            bool is = bits >> g & 1, said = bits >> p & 1;
            t.tp += is && said ? c->counts[g][p] : 0;
            t.fn += is && !said ? c->counts[g][p] : 0;
            t.fp += !is && said ? c->counts[g][p] : 0;
        }
    return t;
}

static double ratio(uint64_t part, uint64_t whole) { return whole ? (double)part / (double)whole : NAN; }

double dataset_union_iou(const dataset_confusion *c, uint32_t class_bits)
{
    tally t = count_union(c, class_bits);
    return ratio(t.tp, t.tp + t.fp + t.fn);
}

double dataset_iou(const dataset_confusion *c, int class_index)
{
    assert(class_index >= 0 && class_index < c->classes);
    return dataset_union_iou(c, UINT32_C(1) << class_index);
}

double dataset_mean_iou(const dataset_confusion *c, int *averaged)
{
    double sum = 0;
    int n = 0;
    for (int k = 0; k < c->classes; k++) {
        double iou = dataset_iou(c, k);
        if (!isnan(iou)) {
            sum += iou;
            n++;
        }
    }
    if (averaged)
        *averaged = n;
    return n ? sum / n : NAN;
}

double dataset_precision(const dataset_confusion *c, int class_index)
{
    tally t = count_union(c, UINT32_C(1) << class_index);
    return ratio(t.tp, t.tp + t.fp);
}

double dataset_recall(const dataset_confusion *c, int class_index)
{
    tally t = count_union(c, UINT32_C(1) << class_index);
    return ratio(t.tp, t.tp + t.fn);
}

double dataset_f1(const dataset_confusion *c, int class_index)
{
    tally t = count_union(c, UINT32_C(1) << class_index);
    return ratio(2 * t.tp, 2 * t.tp + t.fp + t.fn);
}

double dataset_pixel_accuracy(const dataset_confusion *c)
{
    uint64_t right = 0, all = 0;
    for (int g = 0; g < c->classes; g++)
        for (int p = 0; p < c->classes; p++) {
            all += c->counts[g][p];
            right += g == p ? c->counts[g][p] : 0;
        }
    return ratio(right, all);
}

/* The two tags of a road's surface, for matching names by the rules of classes.h. */
static const dataset_taxonomy surface = { .count = 2, .tags = { { .name = "Roads" }, { .name = "RoadLine" } } };

uint32_t dataset_road_bits(const dataset_classes *c)
{
    uint32_t bits = 0;
    for (int i = 0; i < c->count; i++) {
        bool all = c->list[i].tag_count > 0;
        for (int k = 0; k < c->list[i].tag_count; k++)
            all = all && dataset_taxonomy_find(&surface, c->list[i].tags[k]) >= 0;
        bits |= all ? UINT32_C(1) << i : 0;
    }
    return bits;
}

int dataset_line_class(const dataset_classes *c)
{
    for (int i = 0; i < c->count; i++)
        if (c->list[i].tag_count == 1 && dataset_taxonomy_find(&surface, c->list[i].tags[0]) == 1)
            return i;
    return -1;
}

double dataset_soft_iou(const float *probability, const uint8_t *truth, uint8_t positive, size_t count)
{
    double both = 0, p = 0, y = 0;
    for (size_t i = 0; i < count; i++) {
        double label = truth[i] == positive;
        both += probability[i] * label;
        p += probability[i];
        y += label;
    }
    double whole = p + y - both;
    return whole > 0 ? both / whole : 0;
}
