/* model/model.h — a trained network as a thing on disk and in memory: what it is, what its classes mean, its weights.
 *
 * A model directory (a checkpoint of `laneloop train` is one) holds
 *     model.safetensors   F32 weights, PyTorch names and order; load_state_dict(strict=True) takes them
 *     state.json          {"format": 1, "model": {...this header's description...}, "training": {...}}
 *
 *     model *m = model_load("runs/demo/train/model", err);
 *     model_predictor *p = model_predictor_create(m, NULL, err);
 *     model_predictor_mask(p, rgb, mask);                     per frame: no allocation
 *     model_predictor_destroy(p);  model_destroy(m);
 *
 * Input everywhere: RGB bytes [H][W][3], row 0 on top; the network sees x/127.5 - 1. */
#ifndef MODEL_MODEL_H
#define MODEL_MODEL_H
#include "base/json.h"
#include "dataset/classes.h"
#include "model/graph.h"
#include "model/nets/unet.h"
#include "model/parameters.h"
#include "model/plan.h"
#include <stdint.h>

#define MODEL_FORMAT 1

typedef enum model_architecture { MODEL_UNET } model_architecture;
typedef enum model_input { MODEL_INPUT_RGB_SIGNED /* x/127.5 - 1 */ } model_input;

typedef struct model_description {
    int architecture; /* model_architecture; "unet" */
    int input;        /* model_input: what pixels go through before the network; "rgb/127.5-1" */
    model_unet_options net;
    int image_h, image_w;    /* trained size; other sizes run too */
    dataset_classes classes; /* values of the mask: 0 .. classes.count-1, with the names of the semantic tags each stands for */
    /* net.outputs == 1: two classes, the mask is 1 where logit >= 0. Else net.outputs == classes.count, the mask is the argmax,
     * the lowest class on ties. */
} model_description;

typedef struct model {
    model_description about;
    model_graph graph; /* for image_h x image_w, as trained: convolution, BatchNorm, ReLU are nodes of their own */
    model_parameters weights;
} model;

/* A model with zero weights (fill with model_parameters_initialise). */
model *model_create(const model_description *d, base_error *err);
model *model_load(const char *dir, base_error *err);
void model_destroy(model *m); /* NULL is accepted */
bool model_description_check(const model_description *d, base_error *err);
/* Index of the class of that name, -1 when absent. */
int model_class_index(const model_description *d, const char *name);

/* The description as JSON (the "model" member of state.json) and back. */
cJSON *model_description_print(const model_description *d);
bool model_description_read(model_description *d, const base_json *j, const cJSON *object, base_error *err);

/* The graph of this model for another image size. */
bool model_graph_for(const model_description *d, int h, int w, model_graph *g, base_error *err);

/* BatchNorm folded into the convolution before it, ReLU into the convolution: a new graph (for h x w) of INPUT, REFLECT_PAD,
 * CONV2D with bias and relu flag, CONV_TRANSPOSE2D, MAXPOOL, CROP, CONCAT only, and its weights. The caller destroys both.
 *     w' = w gamma/sqrt(var + eps),  b' = beta + (b - mean) gamma/sqrt(var + eps)       computed in double */
bool model_fold(const model *m, int h, int w, model_graph *graph, model_parameters *weights, base_error *err);
/* That graph alone; takes no memory for weights. */
bool model_fold_graph(const model_description *d, int h, int w, model_graph *graph, base_error *err);

/* ---- inference ---- */
typedef struct model_predictor model_predictor;

typedef struct model_predictor_options {
    int h, w;        /* image size, any (the net pads inside); 0 = as trained */
    int threads;     /* OpenMP threads; 0 = one per core */
    const char *isa; /* level name (base/cpu.h); NULL = LANELOOP_ISA or the best of this CPU */
    int winograd;    /* model_winograd (model/plan.h) */
} model_predictor_options;

/* o NULL: the defaults, all 0. BatchNorm is folded, memory is taken once; the model is not needed afterwards. One thread at
 * a time may use a predictor. */
model_predictor *model_predictor_create(const model *m, const model_predictor_options *o, base_error *err);
void model_predictor_destroy(model_predictor *p); /* NULL is accepted */
/* mask [H][W]: class per pixel. */
void model_predictor_mask(model_predictor *p, const uint8_t *rgb, uint8_t *mask);
/* logits [H][W][outputs], packed. */
void model_predictor_logits(model_predictor *p, const uint8_t *rgb, float *logits);
const char *model_predictor_isa(const model_predictor *p); /* level of the kernels in use */
int model_predictor_outputs(const model_predictor *p);
size_t model_predictor_bytes(const model_predictor *p);

/* Shared pieces: the same preprocessing and decision everywhere. */
void model_normalise(const uint8_t *rgb, size_t pixels, int channels, float *dst, int pitch); /* x/127.5 - 1 */
void model_decide(const float *logits, int pitch, int outputs, size_t pixels, uint8_t *mask);
#endif
