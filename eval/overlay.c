#include "eval/overlay.h"
#include "base/arena.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ZOOM = 2 };

bool eval_ground_pixel(const dataset_camera *c, double x, double y, double *u, double *v)
{
    dataset_intrinsics k = dataset_camera_intrinsics(c);
    base_vec3 p = base_pose_to_local(&c->mount, (base_vec3){ x, y, 0 });
    if (p.x < 0.1)
        return false;
    *u = k.cx + k.fx * p.y / p.x;
    *v = k.cy - k.fy * p.z / p.x;
    return true;
}

static void dot(uint8_t *out, int width, int height, int x, int y, const uint8_t color[3])
{
    for (int j = y - 1; j <= y + 1; j++)
        for (int i = x - 1; i <= x + 1; i++)
            if (i >= 0 && i < width && j >= 0 && j < height)
                memcpy(out + 3 * ((size_t)j * width + i), color, 3);
}

/* A curve `offset` metres right of the path; x0: left edge of the picture it is drawn into. */
static void draw_curve(uint8_t *out, int width, int height, int x0, const eval_overlay_options *o, double offset,
                       const uint8_t color[3])
{
    for (double x = 0; x <= o->path->x_far; x += 0.05) {
        double u, v;
        if (eval_ground_pixel(o->camera, x, eval_path_at(o->path, x) + offset, &u, &v) && u > 0 && u < o->camera->width_px)
            dot(out, width, height, x0 + (int)(ZOOM * u), (int)(ZOOM * v), color);
    }
}

bool eval_overlay_write(const char *file, const eval_overlay_options *o, const uint8_t *rgb, const uint8_t *mask,
                        base_error *err)
{
    static const uint8_t drivable[3] = { 128, 64, 128 }, line[3] = { 157, 234, 50 }; /* CARLA's colours of Roads and RoadLine */
    static const uint8_t centre[3] = { 255, 60, 60 }, border[3] = { 60, 160, 255 };
    int w = o->camera->width_px, h = o->camera->height_px, width = 2 * ZOOM * w, height = ZOOM * h;
    uint8_t *out = base_alloc_zero((size_t)width * height, 3, err);
    if (!out)
        return false;
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width / 2; x++) {
            size_t from = (size_t)(y / ZOOM) * w + x / ZOOM;
            uint8_t *left = out + 3 * ((size_t)y * width + x), *right = left + 3 * (width / 2);
            const uint8_t *tint = mask[from] == o->line_class ? line : mask[from] == o->drivable_class ? drivable : NULL;
            for (int k = 0; k < 3; k++) {
                left[k] = rgb[3 * from + k];
                right[k] = (uint8_t)(tint ? (rgb[3 * from + k] * 2 + tint[k] * 3) / 5 : rgb[3 * from + k]);
            }
        }
    if (o->path && o->path->source != EVAL_PATH_NONE) {
        draw_curve(out, width, height, width / 2, o, -0.5 * o->path->lane_width_m, border);
        draw_curve(out, width, height, width / 2, o, 0.5 * o->path->lane_width_m, border);
        draw_curve(out, width, height, width / 2, o, 0, centre);
    }
    bool ok = dataset_png_write_rgb(file, out, width, height, err);
    free(out);
    return ok;
}
