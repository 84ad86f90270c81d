/* dataset/import.h — labelled pictures made elsewhere (recordings of CARLA) as a dataset of ours.
 *
 * A folder holds pictures STEM + rgb_suffix beside labels STEM + label_suffix (labels may lie in a folder of their own); PNG both.
 * A label picture is one of
 *
 *     DATASET_LABEL_TAGS      one number per pixel, CARLA's tag: grey, palette index, or the red channel of RGB and RGBA, numbered
 *                             as since 0.9.14 or, with table WIRE_0_9_13, as until 0.9.13
 *     DATASET_LABEL_PALETTE   CARLA's CityScapes colours. Those of all releases are known: the three that changed (Fence
 *                             100 40 40, Terrain 145 170 100, Other 250 170 160) mean nothing else in any other release
 *
 * An import becomes one episode of the dataset at `out`: a new one, or one that earlier imports of the same size made. Nothing is known of pose,
 * speed and control: they are 0, and so is the CRC-32 of the map, which says so; weather is "unknown". */
#ifndef DATASET_IMPORT_H
#define DATASET_IMPORT_H
#include "base/log.h"
#include "base/progress.h"
#include "dataset/dataset.h"
#include "sim/wire/version.h"

typedef enum dataset_label_format { DATASET_LABEL_TAGS, DATASET_LABEL_PALETTE } dataset_label_format;
extern const char *const dataset_label_format_names[]; /* "tags", "palette", NULL */

/* How a picture of another shape gets the dataset's size. Colour is averaged, labels take the pixel under the centre. */
typedef enum dataset_fit {
    DATASET_FIT_CROP,   /* cut the middle of the wanted proportions, then scale: circles stay circles */
    DATASET_FIT_STRETCH /* scale each axis alone: everything stays in view */
} dataset_fit;
extern const char *const dataset_fit_names[]; /* "crop", "stretch", NULL */

typedef struct dataset_import_options {
    const char *pictures;        /* folder */
    const char *labels;          /* folder; NULL: the pictures' */
    const char *out;             /* folder of the dataset */
    const char *rgb_suffix;      /* default "_rgb.png" */
    const char *label_suffix;    /* default "_seg.png" */
    dataset_label_format format; /* default DATASET_LABEL_TAGS */
    wire_version table;          /* of DATASET_LABEL_TAGS; default the newest */
    int width_px, height_px;     /* of the dataset; 0, 0: as the first picture has, and all must have; default 0, 0 */
    dataset_fit fit;             /* default DATASET_FIT_CROP */
    double fov_deg;              /* horizontal, as the dataset shall say; default 90 */
    dataset_split split;         /* default DATASET_TEST */
    const char *map;             /* a name for where the pictures are from; default "imported" */
    int threads;                 /* that encode; 0 = one per core; default 0 */
    const base_log *log;         /* may be NULL */
    base_progress *progress;     /* may be NULL */
} dataset_import_options;
dataset_import_options dataset_import_options_default(void);

/* Import every pair, in order of name. A bad pair (a file missing, not a PNG, an unknown tag or colour, sizes that differ) is one finding
 * that names the file, and is left out. *frames: imported ones. An error when not one pair is good, and for what stops everything. */
bool dataset_import(const dataset_import_options *o, dataset_findings *findings, int *frames, base_error *err);

/* CARLA's tag (as since 0.9.14) of each pixel of a label picture, as DATASET_INDEX8. name: for messages. */
bool dataset_label_decode(dataset_image *tags, const void *png, size_t bytes, dataset_label_format format, wire_version table,
                          const char *name, base_error *err);
#endif
