/* model/checkpoint.h — a model directory on disk, and what training keeps beside the weights.
 *
 *     model.safetensors      F32 weights and running statistics; I64 NAME.num_batches_tracked for PyTorch's sake
 *     optimizer.safetensors  Adam's moments, "m.NAME" and "v.NAME"                                        (training only)
 *     state.json             {"format": 1, "model": {...}, "training": {"config": {...}, "step": N, ...}}
 *
 * A checkpoint is written into DIR.tmp and renamed into place as a whole: a reader sees the old or the new one. */
#ifndef MODEL_CHECKPOINT_H
#define MODEL_CHECKPOINT_H
#include "model/model.h"
#include "model/optimizer.h"
#include "model/safetensors.h"

/* Write the checkpoint `dir`, replacing one that is there. optimizer and training may be NULL; training (borrowed) becomes
 * the "training" member. steps: what num_batches_tracked says. */
bool model_checkpoint_write(const model *m, const model_optimizer *optimizer, int64_t steps, const cJSON *training,
                            const char *dir, base_error *err);

/* state.json of a checkpoint: its description, and the whole text for the caller to read "training" from (base_json_free). */
bool model_state_read(const char *dir, base_json *j, model_description *d, base_error *err);
/* Moments of the checkpoint into an optimiser created for m's graph; t is set to `steps`. */
bool model_optimizer_read(model_optimizer *o, const model *m, const char *dir, int64_t steps, base_error *err);

/* Fill p from tensors prefix + NAME. Missing ones, wrong shapes, and tensors of no parameter with that prefix are errors;
 * trainable_only leaves running statistics out. p NULL: only look whether all of it would do. */
bool model_parameters_read(model_parameters *p, const model_graph *g, const model_safetensors *s, const char *prefix,
                           bool trainable_only, base_error *err);
#endif
