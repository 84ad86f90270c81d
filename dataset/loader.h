/* dataset/loader.h — batches for training and evaluation.
 *
 * A loader serves the frames of one split of one camera as `u8 rgb [n][h][w][3]` and `u8 label [n][h][w]` (class, or 255 = ignored).
 * RGB is resized by area/bilinear, labels by nearest neighbour. Every choice is a hash of (seed, epoch, sample), so a batch does
 * not depend on threads, on earlier batches or on resuming.
 *
 * Usual order: dataset_open, dataset_loader_create, dataset_loader_batch for first = 0, n, 2n, ... of each epoch, _destroy, dataset_close. */
#ifndef DATASET_LOADER_H
#define DATASET_LOADER_H
#include "dataset/augment.h"
#include "dataset/classes.h"
#include "dataset/dataset.h"

typedef struct dataset_loader dataset_loader;

typedef struct dataset_loader_options {
    dataset_split split; /* default train */
    int width_px;        /* of the batch; 0 = as recorded; default 0 */
    int height_px;
    char camera[DATASET_NAME_BYTES]; /* "" = the first; default "" */
    bool shuffle;                    /* a new order each epoch; default true */
    double share;                    /* of the split that an epoch uses, (0, 1]; after shuffling; default 1 */
    dataset_augment augment;         /* default dataset_augment_none() */
    uint64_t seed;                   /* default 1 */
    int threads;                     /* that decode; 0 = one per core; default 0 */
    uint64_t cache_bytes;            /* decoded and resized frames kept in memory; 0 = none; default 512 MiB */
} dataset_loader_options;
dataset_loader_options dataset_loader_options_default(void);
bool dataset_loader_options_check(const dataset_loader_options *o, base_error *err);

/* d stays the caller's and must outlive the loader. Classes are resolved with d's taxonomy. An empty split is an error that says
 * what the dataset has. */
dataset_loader *dataset_loader_create(const dataset *d, const dataset_classes *classes, const dataset_loader_options *o,
                                      base_error *err);
void dataset_loader_destroy(dataset_loader *l); /* NULL is accepted */

int dataset_loader_count(const dataset_loader *l); /* samples per epoch */
int dataset_loader_width(const dataset_loader *l); /* px, of a batch */
int dataset_loader_height(const dataset_loader *l);

/* The dataset's frame behind position 0 .. count-1 of an epoch, for dataset_frame_at. */
int dataset_loader_frame(dataset_loader *l, uint64_t epoch, int position);

/* Fill rgb [n][h][w][3] and label [n][h][w] with positions first .. first+n-1 of an epoch; positions past the end wrap to its
 * beginning. rgb or label may be NULL. Decodes in parallel. A file that is missing or broken is an error naming it.
 * One call at a time per loader. */
bool dataset_loader_batch(dataset_loader *l, uint64_t epoch, int first, int n, uint8_t *rgb, uint8_t *label, base_error *err);
#endif
