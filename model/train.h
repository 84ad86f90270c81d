/* model/train.h — training a network on batches of labelled images.
 *
 *     model_train_options o = model_train_options_default();
 *     model_train_options_read(&o, &json, err)                     a configuration, also the older project's Unet_config.json
 *     model_source_open(&source, &o, err)                          batches of its dataset
 *     model_train(&o, &source.batches, "runs/a", MODEL_START_ANEW, &hooks, &result, err)
 *
 * A run folder holds
 *     config.json        the effective options
 *     log.jsonl          a line per step and per epoch, see below
 *     checkpoints/last/  what a resumed run goes on from (model/checkpoint.h): after each epoch, each checkpoint_steps, on a stop
 *     model/             the weights with the best validation score so far: what to use
 * Resuming goes on bit for bit: killed after any step and resumed gives the files of an undisturbed run (times aside), with
 * any number of threads, on the instruction set and with the algorithm per convolution that the run began with (state.json keeps
 * them: "isa", "algorithms", "weights_algorithms").
 *
 * log.jsonl, one object a line (wrapped here); step counts from 1, epoch from 0; IoU is hard and global over the whole
 * validation split (dataset/metrics.h):
 *     {"kind":"step","step":1,"epoch":0,"lr":0.0005,"loss":1.7,"cross_entropy":1.1,"dice":0.6,"seconds":0.12}
 *     {"kind":"epoch","epoch":0,"step":50,"train_loss":0.9,"val_frames":80,"val_loss":0.7,"miou_pct":71.2,
 *      "iou_pct":{"other":98.1,...},"road_iou_pct":97.5,"seconds":12.1}                                        */
#ifndef MODEL_TRAIN_H
#define MODEL_TRAIN_H
#include "base/log.h"
#include "base/options.h"
#include "base/progress.h"
#include "dataset/loader.h"
#include "dataset/metrics.h"
#include "model/loss.h"
#include "model/model.h"
#include "model/optimizer.h"

#define MODEL_TRAIN_PATH_BYTES 1024

/* Every field has a key of the same name in a configuration unless noted. */
typedef struct model_train_options {
    char dataset[MODEL_TRAIN_PATH_BYTES]; /* folder */
    dataset_classes classes;              /* default other, drivable, lane_line */
    model_unet_options net;       /* "net": {"variant", "base", "depth"}; channels 3; outputs follow from classes and loss */
    int init;                     /* model_init; default kaiming */
    int width, height;            /* image, pixels; 0 = as recorded */
    model_loss_options loss;      /* "loss", "dice_smooth", "class_weights" */
    int epochs;                   /* default 20 */
    int64_t steps;                /* stop after so many; 0 = all epochs */
    int batch;                    /* images a step; default 8 */
    model_schedule schedule;      /* "lr", "schedule", "warmup_steps", "final_ratio", "gamma", "step_epochs" */
    model_optimizer_options adam; /* "weight_decay", "decoupled", "beta1", "beta2", "epsilon" */
    dataset_augment augment;      /* default standard */
    bool shuffle;                 /* default true */
    double share;                 /* of the training split per epoch, (0, 1] */
    uint64_t seed;                /* default 1: weights, order, augmentation */
    int threads;                  /* OpenMP; 0 = one per core */
    int winograd;                 /* model_winograd (model/plan.h); default auto */
    int memory_limit_mib;         /* of weights, gradients, moments, tensors and batch; 0 = none. Slower, the same bits */
    int precision;        /* model_precision (model/kernels/conv2d.h); default fp32; weights and moments are fp32 either way */
    int checkpoint_steps; /* besides those after each epoch; 0 = none */
    char out[MODEL_TRAIN_PATH_BYTES]; /* run folder; "" = the caller's choice; the older pth_path */
    /* Of the older project's file only (networks.md 1.1): index into the dataset's classes.json, -1 = not given. */
    int target_channel;
    bool legacy;
    char legacy_infer_path[MODEL_TRAIN_PATH_BYTES], legacy_prefix[MODEL_TRAIN_PATH_BYTES]; /* accepted, not used */
    int legacy_workers;                                                                    /* accepted, not used */
} model_train_options;

model_train_options model_train_options_default(void);
/* Read a configuration over the defaults. A file with "data_path" is the older project's: epoch, pth_path, data_path,
 * infer_path, prefix_name, shuffle, data_rate, learning_rate, batch_size, num_workers, depth, img_channel, target_channel;
 * its defaults are those of its code (original U-Net, base 64, BCE + Dice, Adam 1e-4 * 0.95^epoch, its augmentation), and
 * the newer keys may stand beside them. */
bool model_train_options_read(model_train_options *o, const base_json *j, base_error *err);
/* After classes are known (model_source_open resolves target_channel). Fills net.outputs. */
bool model_train_options_check(model_train_options *o, base_error *err);
cJSON *model_train_options_print(const model_train_options *o);

/* Batches. Positions past the end of an epoch wrap to its beginning. */
typedef struct model_batches {
    int train_count, val_count; /* images an epoch; val_count may be 0: then the best model is the last */
    int h, w;
    bool (*train)(void *user, uint64_t epoch, int first, int n, uint8_t *rgb, uint8_t *label, base_error *err);
    bool (*val)(void *user, int first, int n, uint8_t *rgb, uint8_t *label, base_error *err);
    void *user;
} model_batches;

typedef struct model_source {
    model_batches batches;
    dataset *data;
    dataset_loader *train, *val;
} model_source;
/* Open o->dataset, resolve target_channel into o->classes, check o. source.batches points at source: do not move it. */
bool model_source_open(model_source *s, model_train_options *o, base_error *err);
void model_source_close(model_source *s); /* {0} is accepted */

typedef enum model_start {
    MODEL_START_ANEW,  /* fresh weights, or those of a checkpoint */
    MODEL_START_RESUME /* go on from a checkpoint */
} model_start;

typedef struct model_epoch {
    int epoch; /* from 0 */
    int64_t step;
    double train_loss, val_loss, mean_iou, road_iou; /* 0..1; NaN where undefined */
    dataset_confusion confusion;
    double seconds;
} model_epoch;

typedef struct model_train_hooks {
    const base_log *log;                             /* may be NULL */
    base_progress *progress;                         /* may be NULL: steps of the run */
    bool (*stop)(void);                              /* asked after each step; may be NULL */
    void (*epoch)(void *user, const model_epoch *e); /* after each; may be NULL */
    void *user;
} model_train_hooks;

typedef struct model_train_result {
    int64_t steps, total_steps;
    bool stopped;      /* by hooks->stop; a checkpoint is there */
    double best_score; /* mean IoU on the validation split, 0..1; NaN without one */
    int best_epoch;
    double seconds, images_per_s; /* of this process */
    char isa[32];                 /* level of the kernels */
    size_t memory_bytes;          /* of weights, gradients, moments, tensors and batch */
    int recomputed;               /* values that each backward pass computes again to keep to memory_limit_mib */
} model_train_result;

/* checkpoint: directory to begin from; NULL = none for ANEW, run_dir/checkpoints/last for RESUME. ANEW empties log.jsonl. */
bool model_train(const model_train_options *o, const model_batches *batches, const char *run_dir, model_start start,
                 const char *checkpoint, const model_train_hooks *hooks, model_train_result *result, base_error *err);

#endif
