/* eval/path.h — from a segmentation mask to the path ahead, on a flat ground plane.
 *
 * Vehicle frame: origin at the actor's location on the ground, x forward, y right, metres. The path is the centre line of the
 * own lane as a cubic, y(x) = c0 + c1 x + c2 x^2 + c3 x^3, for x in [x_near, x_far].
 *
 * Pixels meet the ground by inverse perspective: with d = R (1, (u-cx)/f, -(v-cy)/f) for the camera's rotation R and height h,
 * lambda = -h/d_z, X = x_c + lambda d_x, Y = y_c + lambda d_y. Rows are used while one row spans less than 0.8 m.
 *
 * Each run of lane-line pixels in a row is one sample; it belongs to the left (right) border when it lies near the expected path
 * minus (plus) half a lane width. Both borders together determine the path and the width (least squares in x/20 m, weight
 * 1/sigma^2 with sigma = max(0.05 m, 1.5 px on the ground), Huber k = 1.5, three rounds, each assigning samples anew). Where no lines
 * are seen the drivable region serves: its right edge minus half a lane, or its middle where neither edge is in view.
 * Nothing but the mask and the expectation goes in: no pose, no map. */
#ifndef EVAL_PATH_H
#define EVAL_PATH_H
#include "dataset/dataset.h"
#include <stdbool.h>
#include <stdint.h>

typedef enum eval_path_source {
    EVAL_PATH_NONE,  /* nothing usable in the mask */
    EVAL_PATH_LINES, /* one or both lane lines */
    EVAL_PATH_EDGE,  /* right edge of the drivable region */
    EVAL_PATH_REGION /* middle of a drivable region that fills the view */
} eval_path_source;

typedef struct eval_path {
    double c[4];
    double x_near, x_far; /* metres; the cubic is not trusted outside */
    double lane_width_m;  /* estimated; the default where it was not seen */
    double rms_m;         /* residual of the inliers */
    int left_samples, right_samples;
    eval_path_source source;
} eval_path;

typedef struct eval_path_options {
    dataset_camera camera; /* lens and mounting */
    int drivable_class;    /* mask value; -1: the network has none */
    int line_class;        /* mask value; -1: the network has none */
    double lane_width_m;   /* expected; default 3.5 */
    double far_m;          /* samples beyond are not used; default 25 */
} eval_path_options;

/* A straight path ahead: what is expected before the first image. */
eval_path eval_path_straight(double lane_width_m);
double eval_path_at(const eval_path *p, double x);        /* y */
double eval_path_heading(const eval_path *p, double x);   /* dy/dx */
double eval_path_curvature(const eval_path *p, double x); /* 1/m, right positive */

/* The same path seen after the vehicle moved: ds_m forward, turned by dyaw_rad (right positive), along an arc. */
eval_path eval_path_moved(const eval_path *p, double ds_m, double dyaw_rad);

/* Ground point of pixel (u, v) (pixel centres at .5): false above the horizon. */
bool eval_ground_point(const dataset_camera *c, double u, double v, double *x, double *y);

/* mask [height][width] of the camera's size; expected: from the last image. Returns the measured path; source NONE when the mask
 * shows too little (fewer than 6 rows or 4 m of range), then the path is `expected` unchanged. */
eval_path eval_path_from_mask(const eval_path_options *o, const uint8_t *mask, const eval_path *expected);
#endif
