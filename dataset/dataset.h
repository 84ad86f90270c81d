/* dataset/dataset.h — paired camera images on disk: the layout, and reading it.
 *
 *     DIR/dataset.json                 what the whole set shares: format version, cameras, taxonomy, server version, maps, seed
 *     DIR/classes.json                 the class list of the older project's loader (index 6 is RoadLine), see dataset/classes.h
 *     DIR/episodes/EEEEEE.jsonl        a line per frame; EEEEEE.jsonl.open while the episode is being recorded
 *     DIR/rgb/{train,val,test}/ID.png  8-bit RGB
 *     DIR/seg/{train,val,test}/ID.png  8-bit palette: the index is the CARLA tag, the colour CARLA's colour of that tag
 *     DIR/depth/{...}/ID.png           16-bit grey: metres along the optical axis = value / 256 (as KITTI), 0 = none; optional
 *
 * ID is EEEEEE_FFFFFF: episode and kept frame within it, both from 0. With several cameras each image folder has one level
 * more: rgb/train/CAMERA/ID.png. Nothing on disk holds wall time, host, port or path, so a config and a seed fix every byte.
 * All images of a frame are of the same simulation step. A line of an episode (one line, wrapped here):
 *
 *     {"id":"000003_000012","tick":245,"time_s":12.2500,"split":"train","map":"training_loop","weather":"ClearNoon",
 *      "sun_azimuth_deg":30.0000,"sun_altitude_deg":45.0000,
 *      "pose":{"x":1.0000,"y":2.0000,"z":0.0300,"pitch_deg":0.0000,"yaw_deg":90.0000,"roll_deg":0.0000},
 *      "speed_mps":7.9000,"yaw_rate_dps":1.2000,"control":{"throttle":0.310000,"steer":-0.020000,"brake":0.000000},
 *      "expert_steer":-0.010000,"perturbed":false,"lane_offset_m":0.1200,"lane_width_m":3.5000,"curvature_1pm":0.010000,
 *      "files":[{"camera":"front","kind":"rgb","path":"rgb/train/000003_000012.png","bytes":40211,"crc32":"00c0ffee"},...]}
 *
 * Usual order: dataset_open, then dataset_frame_at / dataset_read_* from any thread, dataset_close. */
#ifndef DATASET_DATASET_H
#define DATASET_DATASET_H
#include "base/error.h"
#include "base/geom.h"
#include "dataset/image.h"
#include <stdint.h>

#define DATASET_FORMAT_VERSION 1
#define DATASET_NAME_BYTES     48 /* names: 1..47 characters of A-Z a-z 0-9 _ - . */
#define DATASET_MAX_CAMERAS    8
#define DATASET_MAX_MAPS       64
#define DATASET_MAX_TAGS       64
#define DATASET_MAX_LINE_BYTES 65536     /* of an episode file */
#define DATASET_MAX_FRAMES     (1 << 22) /* of one dataset */
#define DATASET_MAX_EPISODES   1000000

typedef enum dataset_split { DATASET_TRAIN, DATASET_VAL, DATASET_TEST, DATASET_SPLITS } dataset_split;
typedef enum dataset_kind { DATASET_RGB, DATASET_SEG, DATASET_DEPTH, DATASET_KINDS } dataset_kind;
extern const char *const dataset_split_names[DATASET_SPLITS + 1]; /* "train", "val", "test", NULL */
extern const char *const dataset_kind_names[DATASET_KINDS + 1];   /* "rgb", "seg", "depth", NULL: also the folder names */

/* Meaning of the values in a label image: tags[v] for v < count. */
typedef struct dataset_tag {
    char name[DATASET_NAME_BYTES];
    uint8_t rgb[3];
} dataset_tag;
typedef struct dataset_taxonomy {
    int count;
    dataset_tag tags[DATASET_MAX_TAGS];
} dataset_taxonomy;

/* One mounting point with up to three co-located cameras (RGB, labels, depth) of the same lens.
 * Pinhole: u = cx + fx*y/x, v = cy - fy*z/x for a point (x forward, y right, z up) in the camera's frame; pixel centres at .5. */
typedef struct dataset_camera {
    char name[DATASET_NAME_BYTES];
    int width_px, height_px;
    double fov_deg;  /* horizontal */
    base_pose mount; /* in the vehicle's frame, CARLA axes */
    bool has[DATASET_KINDS];
} dataset_camera;
typedef struct dataset_intrinsics {
    double fx, fy, cx, cy;
} dataset_intrinsics;                                                  /* pixels */
dataset_intrinsics dataset_camera_intrinsics(const dataset_camera *c); /* fx = fy = W / (2 tan(fov/2)) */

typedef struct dataset_map {
    char name[DATASET_NAME_BYTES];
    uint32_t crc32;
} dataset_map; /* CRC-32 of the OpenDRIVE text */

/* Content of dataset.json. */
typedef struct dataset_info {
    dataset_camera cameras[DATASET_MAX_CAMERAS];
    int camera_count;
    dataset_taxonomy taxonomy;
    char server_version[DATASET_NAME_BYTES]; /* "0.9.16": the tag table follows from it */
    dataset_map maps[DATASET_MAX_MAPS];
    int map_count;
    uint64_t seed;
    double dt_s; /* one simulation step */
} dataset_info;

/* One file of a frame. */
typedef struct dataset_file {
    uint8_t camera, kind;  /* index into info.cameras; dataset_kind */
    uint32_t bytes, crc32; /* of the whole file */
} dataset_file;

/* One line of an episode. */
typedef struct dataset_frame {
    uint32_t episode, index; /* the ID is "%06u_%06u" of these */
    uint32_t tick;           /* simulation steps since the episode's start */
    dataset_split split;
    const char *map, *weather; /* names; borrowed from the dataset (or from the caller when writing) */
    double time_s;             /* tick * dt_s */
    double sun_azimuth_deg, sun_altitude_deg;
    base_pose pose; /* ego vehicle in the CARLA world */
    double speed_mps, yaw_rate_dps;
    double throttle, steer, brake; /* executed control */
    double expert_steer;           /* what the expert asked for; differs from steer while perturbed */
    bool perturbed;                /* a steering perturbation was acting */
    double lane_offset_m;          /* from the lane's centre, positive right */
    double lane_width_m;
    double curvature_1pm; /* of the lane's centre line, positive right */
    uint32_t first_file;  /* reader only: index for dataset_files_of */
    int file_count;       /* reader only */
} dataset_frame;

#define DATASET_ID_BYTES 14
void dataset_frame_id(const dataset_frame *f, char id[DATASET_ID_BYTES]);

/* Path inside the dataset: "rgb/train/000003_000012.png", with the camera's folder when info has several cameras. */
bool dataset_file_path(const dataset_info *info, const dataset_frame *f, int camera, dataset_kind kind, char *out, size_t bytes,
                       base_error *err);

/* Names become folders and JSON text: anything but the characters above, and "." and "..", is refused. what: for the message. */
bool dataset_name_check(const char *name, const char *what, base_error *err);

typedef struct dataset dataset;

/* Where to send what is wrong with an index: one line of text per finding. */
typedef struct dataset_findings {
    void (*add)(void *user, const char *line);
    void *user;
    uint64_t count; /* findings so far */
} dataset_findings;
void dataset_finding(dataset_findings *f, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Read dataset.json and every finished episode; no image is opened. Episodes in order of number, frames in order of line.
 * findings NULL: the first bad line is an error "FILE:LINE: expected, found". findings given: bad lines are reported and left out. */
dataset *dataset_open(const char *dir, dataset_findings *findings, base_error *err);
void dataset_close(dataset *d); /* NULL is accepted */

const char *dataset_dir(const dataset *d);
const dataset_info *dataset_info_of(const dataset *d);
int dataset_frame_count(const dataset *d);
const dataset_frame *dataset_frame_at(const dataset *d, int frame);             /* borrowed until close */
const dataset_file *dataset_files_of(const dataset *d, const dataset_frame *f); /* file_count entries */
int dataset_episode_count(const dataset *d);                                    /* finished ones */
int dataset_open_episodes(const dataset *d);                  /* being recorded, or left by a killed collect */
int dataset_camera_index(const dataset *d, const char *name); /* -1: none of that name */

/* Read one image of a frame: whole file, length and CRC as the index says, then decoded. The image's size must be the camera's.
 * kind RGB gives DATASET_RGB8, SEG DATASET_INDEX8 (values are tags; one past the taxonomy is an error), DEPTH DATASET_GREY16.
 * Errors name the file: missing, wrong length, wrong CRC, not a PNG of that kind, wrong size, unknown tag. Thread-safe;
 * image keeps its memory for the next call. */
bool dataset_read(const dataset *d, const dataset_frame *f, int camera, dataset_kind kind, dataset_image *image,
                  base_error *err);
#endif
