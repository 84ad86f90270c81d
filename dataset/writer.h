/* dataset/writer.h — frames to disk, so that killed and resumed equals undisturbed, byte for byte.
 *
 * Usual order: dataset_writer_open; for each episode whose state is not DONE: _begin, _add for every kept frame, _end; _close.
 *
 * A frame's image files are written first, its line last: a line is the promise that its files are complete. The episode's file is
 * EEEEEE.jsonl.open until _end renames it. _begin on an episode that was left open cuts a torn last line and keeps the rest; the
 * caller then replays the episode from its start, and _add compares: a line that is there must be the line that would be
 * written (else the replay differs, an error that names the first difference), a file that is missing or whose bytes changed is
 * written again. From the first frame without a line on, _add writes.
 *
 * Frames are encoded in groups by a pool of threads; _flush, _end and _close write what is waiting. One process writes an episode. */
#ifndef DATASET_WRITER_H
#define DATASET_WRITER_H
#include "base/log.h"
#include "dataset/dataset.h"

typedef struct dataset_writer dataset_writer;

typedef struct dataset_writer_options {
    const char *dir;     /* made when missing */
    const base_log *log; /* NULL: silent */
    const char *plan;    /* JSON text of what is being recorded, stored in dataset.json as "plan"; NULL: none */
    int threads;         /* that encode; 0 = one per core; default 0 */
    int group;           /* frames encoded at a time, 1..64; default 8 */
} dataset_writer_options;
dataset_writer_options dataset_writer_options_default(void);

/* Write dataset.json and classes.json, or, in a directory that has them, demand that they are what would be written:
 * another config, seed or server version is an error that shows the first line that differs. A non-empty directory without
 * dataset.json is refused. */
dataset_writer *dataset_writer_open(const dataset_info *info, const dataset_writer_options *o, base_error *err);
/* Writes what is waiting only when no error happened before; the open episode stays open. NULL is accepted. */
bool dataset_writer_close(dataset_writer *w, base_error *err);

typedef enum dataset_episode_state { DATASET_EPISODE_NEW, DATASET_EPISODE_OPEN, DATASET_EPISODE_DONE } dataset_episode_state;
dataset_episode_state dataset_writer_state(const dataset_writer *w, uint32_t episode);

/* Start or resume an episode. *kept (may be NULL): frames whose line is already on disk. */
bool dataset_writer_begin(dataset_writer *w, uint32_t episode, uint32_t *kept, base_error *err);

/* Pixels of one image of a frame: kind RGB [h][w][3] u8, SEG [h][w] u8 tags, DEPTH [h][w] u16. Copied by _add. */
typedef struct dataset_pixels {
    int camera;
    dataset_kind kind;
    const void *pixels;
} dataset_pixels;

/* Exactly one entry per image that info's cameras have, in any order. f->episode must be the open one and f->index count up from 0. */
bool dataset_writer_add(dataset_writer *w, const dataset_frame *f, const dataset_pixels *images, int count, base_error *err);

/* Write what is waiting. */
bool dataset_writer_flush(dataset_writer *w, base_error *err);
/* The episode is complete. Fails when the episode on disk had more frames than were added (the replay differs). */
bool dataset_writer_end(dataset_writer *w, base_error *err);
#endif
