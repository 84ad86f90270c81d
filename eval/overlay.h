/* eval/overlay.h — what the car saw: the camera's image beside the same image tinted by the mask, with the path drawn. */
#ifndef EVAL_OVERLAY_H
#define EVAL_OVERLAY_H
#include "eval/path.h"

typedef struct eval_overlay_options {
    const dataset_camera *camera;
    int drivable_class, line_class; /* mask values; -1 = none. Other classes stay untinted */
    const eval_path *path;          /* NULL: none */
} eval_overlay_options;

/* rgb [h][w][3], mask [h][w] -> PNG of twice the camera's size per image, side by side (4w x 2h pixels). */
bool eval_overlay_write(const char *file, const eval_overlay_options *o, const uint8_t *rgb, const uint8_t *mask,
                        base_error *err);
/* Image column and row (pixel centres at .5) of a ground point in the vehicle's frame; false behind the camera. */
bool eval_ground_pixel(const dataset_camera *c, double x, double y, double *u, double *v);
#endif
