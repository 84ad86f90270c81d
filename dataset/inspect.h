/* dataset/inspect.h — looking at a recorded set: is it whole, what is in it, how does it look. */
#ifndef DATASET_INSPECT_H
#define DATASET_INSPECT_H
#include "base/progress.h"
#include "dataset/dataset.h"

/* Read every image of every frame and report, one line per finding:
 * bad or torn index lines, lines out of order, duplicate IDs, missing files, wrong length, wrong CRC, broken PNG, wrong size, tags
 * outside the taxonomy, an episode left open, files that no line names, and frames that leak between splits:
 * an episode with two splits, the same RGB bytes in two splits, or poses of two splits on one map that see the same road
 * (within 2 m and 15 degrees; one line per pair of episodes, with the count).
 * Returns false with err only when the set cannot be read at all; findings->count says how many were reported.
 * threads: 0 = one per core. Order of findings does not depend on it. */
bool dataset_check(const char *dir, int threads, dataset_findings *findings, base_progress *progress, base_error *err);

#define DATASET_CURVATURE_BINS 4  /* |curvature| < 0.002, < 0.01, < 0.05, >= 0.05 1/m (driving-evaluation rules of diversity) */
#define DATASET_SPEED_BINS     16 /* 1 m/s each, the last one open */
#define DATASET_MAX_WEATHERS   64

typedef struct dataset_stats {
    int frames, episodes, open_episodes, perturbed;
    uint64_t bytes; /* of all image files */
    int per_split[DATASET_SPLITS];
    struct dataset_stats_map {
        char name[DATASET_NAME_BYTES];
        int frames[DATASET_SPLITS];
    } maps[DATASET_MAX_MAPS];
    int map_count;
    struct dataset_stats_weather {
        char name[DATASET_NAME_BYTES];
        int frames[DATASET_SPLITS];
    } weathers[DATASET_MAX_WEATHERS];
    int weather_count;                     /* further weathers are counted under the name "others" */
    uint64_t tag_pixels[DATASET_MAX_TAGS]; /* label pixels per tag, over the frames looked at */
    struct dataset_stats_colour {
        uint64_t rgb[3];  /* sums over the label's pixels */
        uint64_t squares; /* of the pixels' brightness, (77 R + 150 G + 29 B) / 256 rounded down, which is at most 255 */
        uint64_t brightness;
    } tag_colours[DATASET_MAX_TAGS];            /* all 0 when colours were not asked for */
    int tag_frames;                             /* frames whose labels were counted */
    int curvature[DATASET_CURVATURE_BINS];      /* frames */
    int speed[DATASET_SPEED_BINS];              /* frames */
    double distance_m;                          /* sum over episodes of the path between kept frames */
    double mean_abs_offset_m, max_abs_offset_m; /* from the lane's centre */
} dataset_stats;
extern const double dataset_curvature_edges[DATASET_CURVATURE_BINS - 1]; /* 1/m */

/* label_stride: count the labels of every k-th frame (1 = all, 0 = none). colours: read these frames' pictures too. */
bool dataset_stats_read(const dataset *d, int label_stride, bool colours, int threads, dataset_stats *s, base_error *err);
/* Standard deviation of the brightness of a tag's pixels, 0..128. */
double dataset_stats_brightness_deviation(const dataset_stats *s, int tag);

typedef struct dataset_sheet_options {
    int columns, rows; /* cells, each RGB beside label overlay; 1..32; default 3 x 4 */
    int cell_width_px; /* of one image, 64..1024; default 256 */
    int split;         /* dataset_split, or -1 for all; default -1 */
    int first, step;   /* frames first, first+step, ...; step 0 spreads the cells over the set; default 0, 0 */
    int camera;        /* default 0 */
} dataset_sheet_options;
dataset_sheet_options dataset_sheet_options_default(void);
/* Contact sheet: for each chosen frame RGB and RGB blended with the tag colours, ID, weather and speed written below. */
bool dataset_sheet(const dataset *d, const dataset_sheet_options *o, dataset_image *sheet, base_error *err);
#endif
