/* eval/predictor.h — one door to a network, whatever its numbers: an fp32 checkpoint or an int8 model gives a mask per image.
 *
 *     eval_predictor *p = eval_predictor_open("runs/a/int8", &options, err);
 *     eval_predictor_run(p, rgb, width, height, mask, err);   once per image
 *     eval_predictor_close(p);
 *
 * The kind is found from the files. A predictor works for one thread at a time (it owns the activations) and uses
 * `threads` OpenMP threads inside. */
#ifndef EVAL_PREDICTOR_H
#define EVAL_PREDICTOR_H
#include "base/error.h"
#include "dataset/classes.h"
#include <stdint.h>

typedef struct eval_predictor_options {
    int width_px, height_px; /* image size to plan for; 0: the size the model was trained or quantised with */
    int threads;             /* OpenMP threads; 0 = one per core; default 0 */
    const char *level;       /* CPU level as LANELOOP_ISA names it; NULL: from the environment, else the best */
    int winograd;            /* model_winograd (model/plan.h) of fp32 networks: 0 auto; int8 takes none */
    bool untrained;          /* same architecture, fresh random weights of `seed` (a control; fp32 checkpoints only) */
    uint64_t seed;           /* default 1 */
} eval_predictor_options;
eval_predictor_options eval_predictor_options_default(void);

typedef enum eval_predictor_kind { EVAL_PREDICTOR_FP32, EVAL_PREDICTOR_INT8 } eval_predictor_kind;

typedef struct eval_predictor_info {
    eval_predictor_kind kind;
    const char *kind_name; /* "fp32", "int8" */
    const char *level;     /* CPU level of the kernels in use: "avx512vnni", ... */
    int width_px, height_px, threads;
    const dataset_classes *classes; /* values of the mask; borrowed from the predictor */
    size_t weight_bytes;            /* bytes of the file with the weights */
} eval_predictor_info;

typedef struct eval_predictor eval_predictor;

/* path: a checkpoint directory, an int8 model directory, or the .safetensors file in one. */
eval_predictor *eval_predictor_open(const char *path, const eval_predictor_options *o, base_error *err);
void eval_predictor_close(eval_predictor *p);                             /* accepts NULL */
const eval_predictor_info *eval_predictor_about(const eval_predictor *p); /* borrowed until close */

/* Index of a class by name, -1 when the model has none of that name. */
int eval_predictor_class(const eval_predictor *p, const char *name);

/* rgb [height][width][3] u8, row 0 on top; mask [height][width] class indices. The size must be the planned one. */
bool eval_predictor_run(eval_predictor *p, const uint8_t *rgb, int width_px, int height_px, uint8_t *mask, base_error *err);
/* Seconds the network alone took in the last run (no image decoding, no copy of the mask). */
double eval_predictor_last_s(const eval_predictor *p);
#endif
