/* tests/support/synthetic_dataset.h — drawn frames (sky, grass, a bending road with lines) for tests that need a dataset but no simulator. */
#ifndef TESTS_SUPPORT_SYNTHETIC_DATASET_H
#define TESTS_SUPPORT_SYNTHETIC_DATASET_H
#include "dataset/writer.h"

typedef struct synthetic_options {
    int width_px, height_px, episodes, frames; /* frames per episode */
    bool depth;
    uint64_t seed;
} synthetic_options;

dataset_info synthetic_info(const synthetic_options *o);
/* Split of an episode: the last two are val and test, the others train. */
dataset_split synthetic_split(const synthetic_options *o, int episode);
/* Draw one frame: rgb [h][w][3], tags [h][w], depth [h][w] (may be NULL); *f without files. */
void synthetic_frame(const synthetic_options *o, int episode, int index, dataset_frame *f, uint8_t *rgb, uint8_t *tags,
                     uint16_t *depth);
/* Write (or resume) a dataset; stops without ending its episode after stop_after frames were added (-1: never). */
bool synthetic_write(const char *dir, const synthetic_options *o, int threads, int stop_after, base_error *err);

/* A new empty folder under TMPDIR, removed by synthetic_dir_remove. */
void synthetic_dir(char path[256]);
void synthetic_dir_remove(const char *path);
/* One hash over names and contents of every file below a folder (order of names). */
uint64_t synthetic_tree_hash(const char *dir);
#endif
