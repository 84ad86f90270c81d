/* cli/bench_subject.h — a whole network set up to be run again and again on the same images: what `laneloop bench net` times.
 *
 *     s = bench_subject_create(&options, &err);                    weights random (seed 1) or of a model directory
 *     bench_subject_run(s, NULL)                                    one round; the first one is a warm-up
 *     bench_subject_write(s, "DIR", &err)                           images and results of the last round, for another program
 *
 * A round starts from RGB bytes, noise of seed 1:
 *     train     x/127.5 - 1, forward with batch statistics, cross-entropy, backward, Adam (1e-3, no decay): the network changes
 *     forward   x/127.5 - 1, the network with BatchNorm folded, logits
 *     int8      the integer network image by image, logits (int32 sums) */
#ifndef CLI_BENCH_SUBJECT_H
#define CLI_BENCH_SUBJECT_H
#include "base/spans.h"
#include "model/model.h"

typedef enum bench_mode { BENCH_TRAIN, BENCH_FORWARD, BENCH_INT8 } bench_mode;
extern const char *const bench_mode_names[]; /* "train", "forward", "int8", NULL */

/* Kinds of work beside those of model/plan.h, of no node. */
enum { BENCH_WORK_INPUT = MODEL_WORK_COUNT, BENCH_WORK_LOSS, BENCH_WORK_ADAM, BENCH_WORK_COUNT };
const char *bench_work_name(int work);

typedef struct bench_subject_options {
    bench_mode mode;
    int base;        /* of a U-Net with random weights: channels of the first level */
    int h, w;        /* pixels; 0: as trained, 256 x 512 for random weights */
    int batch;       /* images a round */
    int threads;     /* 0: one per core */
    const char *isa; /* level name, NULL: LANELOOP_ISA or the best */
    int winograd;    /* model_winograd (model/plan.h); int8 takes none */
    int limit_mib;   /* train: of the memory that bench_subject_bytes counts; 0 = none */
    int precision;   /* model_precision (model/kernels/conv2d.h); int8 takes none */
    const char
        *weights; /* model directory; for int8 also one of an int8 model, else it is calibrated on the images; NULL: random */
    const char *write; /* directory for the network as it is before the first round; NULL: nowhere */
} bench_subject_options;

typedef struct bench_subject bench_subject;

bench_subject *bench_subject_create(const bench_subject_options *o, base_error *err);
void bench_subject_destroy(bench_subject *s); /* NULL is accepted */

/* One round; returns the loss (0 unless training). spans NULL: no clock is read inside. */
double bench_subject_run(bench_subject *s, base_spans *spans);
/* Operations per second of the multiply-adds that the mode lives from, a burst of about `seconds` on the same threads. */
double bench_subject_peak(const bench_subject *s, double seconds);

/* What was made of the options. */
const model_description *bench_subject_about(const bench_subject *s);
const model_graph *bench_subject_graph(const bench_subject *s); /* spans' nodes count in it */
int bench_subject_height(const bench_subject *s);
int bench_subject_width(const bench_subject *s);
int bench_subject_threads(const bench_subject *s);
const char *bench_subject_isa(const bench_subject *s);
size_t bench_subject_bytes(
    const bench_subject *s); /* planned memory: tensors, packed weights, scratch; training also weights and moments */

/* DIR/round.safetensors: "rgb" U8 [N][H][W][3]; "label" U8 [N][H][W] when training; else "logits" [N][H][W][outputs] of the last round, F32
 * or I32; int8 also "layer.NAME" U8 [H][W][C], each layer's bytes for the first image. */
bool bench_subject_write(bench_subject *s, const char *dir, base_error *err);
#endif
