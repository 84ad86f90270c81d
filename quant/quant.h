/* quant/quant.h — post-training quantisation to integers, the integer network, its file.
 *
 *     real = scale * (q - zero_point)                                   Jacob et al., CVPR 2018, eq. 1
 *
 * Activations are u8 with one scale and zero point per tensor, weights s8 in [-127, 127] with one scale per output channel, sums int32.
 * From the pixel to the class nothing but integers is stored; the only float operation on the way is the one multiplication
 * of a requantisation (quant/kernels/kernels.h gives the formula), so every CPU level and thread count gives the same mask.
 *
 *     quant_model *q = quant_calibrate(model, &options, &frames, NULL, err);      fold, observe, quantise
 *     quant_model_save(q, "runs/demo/int8", err);                                  and quant_model_load
 *     quant_session *s = quant_session_create(q, h, w, threads, cpu_bits, err);
 *     quant_session_run(s, rgb, mask, NULL);                                      per frame: no allocation
 *
 * The image enters as its bytes: x/127.5 - 1 is scale 1/127.5 and zero point 127.5, which is not a byte. The first convolution's sums are
 * corrected by -rint(127.5 * sum of weights) instead, so pixels carry no quantisation error; its zero padding reads the byte 128, half a
 * level off real 0, at the border only. Calibration observes the float network with true zero padding. */
#ifndef QUANT_QUANT_H
#define QUANT_QUANT_H
#include "base/log.h"
#include "base/progress.h"
#include "base/spans.h"
#include "model/model.h"
#include "quant/kernels/kernels.h"

/* ---- numbers ---- */
typedef struct quant_params {
    float scale;        /* > 0 */
    int32_t zero_point; /* 0..255 */
} quant_params;

/* u8 parameters that cover [lo, hi] and 0 exactly: scale = (hi - lo)/255 after lo = min(lo, 0), hi = max(hi, 0), not below 2^-23;
 * zero_point = clamp(rint(-lo/scale), 0, 255). */
quant_params quant_params_from_range(float lo, float hi);
bool quant_params_equal(quant_params a, quant_params b);
/* clamp(rint(x/scale) + zero_point, 0, 255): a true division, ties to even. */
uint8_t quant_encode(quant_params p, float x);
float quant_decode(quant_params p, uint8_t q);
/* One output channel of weights: scale = max|w|/127 (1 when all are 0), raised when |bias|/(scale * src_scale) would pass 2^30; then
 * q = clamp(rint(w/scale), -127, 127). Returns the scale. */
float quant_encode_weights(const float *weights, size_t count, float bias, float src_scale, int8_t *q);
/* table[q] = encode(to, decode(from, q)): how a branch enters a concatenation of another scale. */
void quant_rescale_table(quant_params from, quant_params to, uint8_t table[256]);

/* ---- calibration ---- */
typedef enum quant_observer {
    QUANT_MINMAX, /* the range seen */
    QUANT_PERCENTILE /* the range without the outer (100 - percentile) percent of the values, half on each side; a side that ends at 0 exactly
                      * (ReLU) keeps 0 and gives its half to the other */
} quant_observer;
extern const char *const quant_observer_names[]; /* "minmax", "percentile", NULL */

typedef enum quant_concat {
    QUANT_CONCAT_TABLE, /* a branch with other consumers keeps its own scale and passes a 256-byte table into the concatenation */
    QUANT_CONCAT_SHARED /* all branches take the union's scale and are written in place: faster, coarser for the narrower branch */
} quant_concat;
extern const char *const quant_concat_names[]; /* "table", "shared", NULL */

typedef struct quant_options {
    quant_observer observer; /* default percentile */
    double percentile;       /* in (50, 100]; default 99.99 */
    quant_concat concat;     /* default table */
    int threads;             /* OpenMP threads; 0 = one per core; default 0 */
} quant_options;
quant_options quant_options_default(void);
bool quant_options_check(const quant_options *o, base_error *err);

/* Calibration images: frame i in 0..count-1 into rgb [h][w][3]. Called in order, twice per frame (ranges, then histograms). */
typedef struct quant_frames {
    int count;
    int h, w;
    bool (*read)(void *user, int index, uint8_t *rgb, base_error *err);
    void *user;
} quant_frames;

/* ---- the integer network ---- */
typedef struct quant_model quant_model; /* constant after creation; any number of sessions share it */

/* m is not kept. A range that is not finite is refused, naming the layer: the float network diverged. progress may be NULL. */
quant_model *quant_calibrate(const model *m, const quant_options *o, const quant_frames *frames, base_progress *progress,
                             base_error *err);
void quant_model_destroy(quant_model *q); /* NULL is accepted */
const model_description *quant_model_about(const quant_model *q);

/* Provenance that goes into the file's description: what was it calibrated with. JSON object, copied; may be NULL. */
bool quant_model_note(quant_model *q, const cJSON *calibration, base_error *err);

/* Write DIR/int8.safetensors (DIR is created). The file, all of it, little-endian:
 *   metadata   "laneloop.quant" = JSON {"format": 1, "model": {as in a checkpoint's state.json}, "calibration": {...}}
 *   NAME.weight       I8  [oc][ic][kh][kw], transposed [ic][oc][2][2]: PyTorch's order    real = weight * weight_scale[o]
 *   NAME.weight_scale F32 [oc]
 *   NAME.bias         I32 [oc]       real = bias * src_scale * weight_scale[o]
 *   NAME.multiplier   F32 [oc]       of the requantisation; absent for the last layer
 *   NAME.output       F32 [2]        scale and zero point of the output, also of concatenations; absent for the last layer
 *   NAME.table.I      U8  [256]      concatenation NAME: input I's bytes to its own; absent where they are the same
 * BatchNorm is folded. Nothing in it depends on a CPU: weights are packed for the level in use when a session is created. */
#define QUANT_FILE "int8.safetensors"
bool quant_model_save(const quant_model *q, const char *dir, base_error *err);
/* path: the directory or the file. Everything is checked: names, types, shapes against the described network, value ranges, tables, and
 * that the sums fit int32. */
quant_model *quant_model_load(const char *path, base_error *err);
/* The same from memory; `name` stands in messages. */
quant_model *quant_model_parse(const void *bytes, size_t count, const char *name, base_error *err);
/* Is there an int8 model at path (directory or file)? Looks at names only. */
bool quant_model_present(const char *path);

/* ---- running it ---- */
typedef struct quant_session quant_session;

/* Plan for images of h x w (any size the network accepts) and take all memory, packed weights included. q must outlive the session.
 * threads 0 = one per core; cpu_bits from base_cpu_select. */
quant_session *quant_session_create(const quant_model *q, int h, int w, int threads, uint32_t cpu_bits, base_error *err);
void quant_session_destroy(quant_session *s); /* NULL is accepted */
/* rgb [h][w][3] (as many bytes a pixel as the network has input channels); mask [h][w] class per pixel; logits [h][w][outputs] the last layer's int32 sums. mask or logits may be NULL. */
void quant_session_run(quant_session *s, const uint8_t *rgb, uint8_t *mask, int32_t *logits);
int quant_session_outputs(const quant_session *s);
size_t quant_session_bytes(const quant_session *s); /* activations + packed weights + scratch */
const char *quant_session_level(const quant_session *s);

/* Note every layer of the runs to come in `spans` (borrowed; a span's node counts in quant_session_graph, its work is MODEL_WORK_FORWARD); NULL, as at
 * first: no clock is read. A layer ends when its slowest thread does. */
void quant_session_record(quant_session *s, base_spans *spans);
/* The folded network at the session's image size; lives as long as the session. */
const model_graph *quant_session_graph(const quant_session *s);

/* Looking inside, for tests and comparisons: after each layer, its name and bytes (valid during the call; of the last layer nothing). */
typedef void (*quant_observe)(void *user, const char *name, const quant_view *out, quant_params params);
void quant_session_observe(quant_session *s, const uint8_t *rgb, quant_observe observe, void *user);
#endif
