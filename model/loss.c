#include "model/loss.h"
#include "base/pool.h"
#include <assert.h>
#include <math.h>

const char *const model_loss_names[] = { "ce", "bce", "dice", "bce_dice", "ce_dice", NULL };

/* Pixels per partial sum: fixed, so that sums do not depend on the number of threads. */
#define CHUNK 4096

/* What one chunk adds up; class arrays are used up to the number of outputs (binary: index 0 is the positive class). */
typedef struct sums {
    double cross_entropy, weight;
    double both[MODEL_LOSS_MAX_CLASSES];        /* sum of p*y */
    double predicted[MODEL_LOSS_MAX_CLASSES];   /* sum of p */
    double true_pixels[MODEL_LOSS_MAX_CLASSES]; /* sum of y */
} sums;

model_loss_options model_loss_options_default(void)
{
    return (model_loss_options){ .kind = MODEL_LOSS_CE_DICE, .dice_smooth = 1 };
}

static bool uses_cross_entropy(model_loss_kind k) { return k != MODEL_LOSS_DICE; }
static bool uses_dice(model_loss_kind k) { return k == MODEL_LOSS_DICE || k == MODEL_LOSS_BCE_DICE || k == MODEL_LOSS_CE_DICE; }

bool model_loss_options_check(const model_loss_options *o, int outputs, base_error *err)
{
    bool binary = o->kind == MODEL_LOSS_BCE || o->kind == MODEL_LOSS_BCE_DICE,
         many = o->kind == MODEL_LOSS_CE || o->kind == MODEL_LOSS_CE_DICE;
    if (outputs < 1 || outputs > MODEL_LOSS_MAX_CLASSES)
        return base_fail(err, BASE_ARGUMENT, "loss: a net has 1..%d outputs, found %d", MODEL_LOSS_MAX_CLASSES, outputs);
    if ((binary && outputs != 1) || (many && outputs < 2))
        return base_fail(err, BASE_ARGUMENT, "loss: %s needs a net with %s, found %d", model_loss_names[o->kind],
                         binary ? "1 output" : "2 or more outputs", outputs);
    if (!(o->dice_smooth > 0))
        return base_fail(err, BASE_ARGUMENT, "loss: dice_smooth must be above 0, found %g", (double)o->dice_smooth);
    for (int c = 0; o->weighted && c < (outputs > 1 ? outputs : 2); c++)
        if (!(o->class_weights[c] >= 0) || !isfinite(o->class_weights[c]))
            return base_fail(err, BASE_ARGUMENT, "loss: class weight %d must be a finite number >= 0, found %g", c,
                             (double)o->class_weights[c]);
    return true;
}

static size_t chunk_count(size_t pixels) { return (pixels + CHUNK - 1) / CHUNK; }

/* Probabilities [pixels][outputs] behind the chunk sums. */
static size_t sums_bytes(size_t pixels) { return (chunk_count(pixels) * sizeof(sums) + 63) / 64 * 64; }

size_t model_loss_scratch_bytes(size_t pixels, int outputs)
{
    return sums_bytes(pixels) + pixels * (size_t)outputs * sizeof(float);
}

static float weight_of(const model_loss_options *o, int label) { return o->weighted ? o->class_weights[label] : 1.0f; }

/* ln(1 + e^-|z|) + max(z, 0) - y z, and p = sigmoid(z) from the same exponential. */
static double binary_pixel(float z, int label, float *p)
{
    float e = expf(-fabsf(z));
    *p = z >= 0 ? 1 / (1 + e) : e / (1 + e);
    return (double)(log1pf(e) + (z > 0 ? z : 0) - (label ? z : 0));
}

/* Returns ln(sum exp z) - z[label]; p = softmax(z). */
static double softmax_pixel(const float *z, int outputs, int label, float *p)
{
    float top = z[0];
    for (int c = 1; c < outputs; c++)
        top = z[c] > top ? z[c] : top;
    float total = p[0] = expf(z[0] - top);
    for (int c = 1; c < outputs; c++) {
        p[c] = expf(z[c] - top);
        total += p[c];
    }
    float inverse = 1 / total;
    for (int c = 0; c < outputs; c++)
        p[c] *= inverse;
    return (double)(logf(total) + (top - z[label]));
}

/* Sums of pixels [from, to) and their probabilities. */
static void forward_chunk(const model_loss_options *o, const model_view *logits, const uint8_t *labels, size_t from, size_t to,
                          float *probability, sums *s)
{
    int k = logits->c;
    *s = (sums){ 0 };
    for (size_t i = from; i < to; i++) {
        const float *z = logits->data + i * (size_t)logits->pitch;
        float *p = probability + i * (size_t)k;
        int label = labels[i];
        if (label == MODEL_LABEL_IGNORE)
            continue;
        assert(label < (k > 1 ? k : 2));
        double l = k == 1 ? binary_pixel(z[0], label, p) : softmax_pixel(z, k, label, p);
        s->cross_entropy += (double)weight_of(o, label) * l;
        s->weight += (double)weight_of(o, label);
        for (int c = 0; c < k; c++)
            s->predicted[c] += (double)p[c];
        int c = k == 1 ? 0 : label;
        if (k > 1 || label == 1) {
            s->both[c] += (double)p[c];
            s->true_pixels[c] += 1;
        }
    }
}

/* Derivative of the Dice term by p of class c, for a pixel with y = 0 and with y = 1. */
typedef struct dice_slope {
    float absent, present;
} dice_slope;

static double dice_value(const model_loss_options *o, const sums *s, int outputs, dice_slope *slope)
{
    double loss = 0, smooth = (double)o->dice_smooth;
    for (int c = 0; c < outputs; c++) {
        double numerator = 2 * s->both[c] + smooth, denominator = s->predicted[c] + s->true_pixels[c] + smooth;
        loss += (1 - numerator / denominator) / outputs;
        slope[c].absent = (float)(numerator / (denominator * denominator) / outputs);
        slope[c].present = (float)((numerator - 2 * denominator) / (denominator * denominator) / outputs);
    }
    return loss;
}

/* Gradient of pixels [from, to). ce_scale = 1/sum of weights, 0 without cross-entropy; slope NULL without Dice. */
static void backward_chunk(const model_loss_options *o, const model_view *grad, const uint8_t *labels, size_t from, size_t to,
                           const float *probability, float ce_scale, const dice_slope *slope)
{
    int k = grad->c;
    for (size_t i = from; i < to; i++) {
        float *g = grad->data + i * (size_t)grad->pitch;
        const float *p = probability + i * (size_t)k;
        int label = labels[i];
        if (label == MODEL_LABEL_IGNORE) {
            for (int c = 0; c < k; c++)
                g[c] = 0;
            continue;
        }
        float w = ce_scale * weight_of(o, label), mean = 0;
        if (k == 1) {
            g[0] = w * (p[0] - (float)label);
            if (slope)
                g[0] += (label ? slope[0].present : slope[0].absent) * p[0] * (1 - p[0]);
            continue;
        }
        for (int c = 0; slope && c < k; c++)
            mean += p[c] * (c == label ? slope[c].present : slope[c].absent);
        for (int c = 0; c < k; c++) {
            g[c] = w * (p[c] - (c == label ? 1.0f : 0.0f));
            if (slope)
                g[c] += p[c] * ((c == label ? slope[c].present : slope[c].absent) - mean);
        }
    }
}

model_loss_value model_loss_forward_backward(const model_loss_options *o, const model_view *logits, const uint8_t *labels,
                                             const model_view *grad, void *scratch, int threads)
{
    size_t pixels = (size_t)logits->n * logits->h * logits->w, chunks = chunk_count(pixels);
    sums *parts = scratch, total = { 0 };
    float *probability = (float *)(void *)((char *)scratch + sums_bytes(pixels));
    int k = logits->c, team = threads ? threads : base_cores();
#pragma omp parallel for num_threads(team) schedule(static)
    for (size_t i = 0; i < chunks; i++)
        forward_chunk(o, logits, labels, i * CHUNK, i + 1 < chunks ? (i + 1) * CHUNK : pixels, probability, &parts[i]);
    for (size_t i = 0; i < chunks; i++) {
        total.cross_entropy += parts[i].cross_entropy;
        total.weight += parts[i].weight;
        for (int c = 0; c < k; c++) {
            total.both[c] += parts[i].both[c];
            total.predicted[c] += parts[i].predicted[c];
            total.true_pixels[c] += parts[i].true_pixels[c];
        }
    }

    model_loss_value value = { 0 };
    dice_slope slope[MODEL_LOSS_MAX_CLASSES];
    bool counted = total.weight > 0 || total.predicted[0] > 0; /* else every pixel is ignored: loss and gradient 0 */
    float ce_scale = 0;
    if (uses_cross_entropy(o->kind) && total.weight > 0) {
        value.cross_entropy = total.cross_entropy / total.weight;
        ce_scale = (float)(1 / total.weight);
    }
    if (uses_dice(o->kind) && counted)
        value.dice = dice_value(o, &total, k, slope);
    value.total = value.cross_entropy + value.dice;
    if (!grad->data)
        return value;
#pragma omp parallel for num_threads(team) schedule(static)
    for (size_t i = 0; i < chunks; i++)
        backward_chunk(o, grad, labels, i * CHUNK, i + 1 < chunks ? (i + 1) * CHUNK : pixels, probability, ce_scale,
                       uses_dice(o->kind) && counted ? slope : NULL);
    return value;
}
