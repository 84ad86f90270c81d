/* Lamps: which of them reach into a picture, and which pixels they can touch. */
#include "sim/render/render_internal.h"
#include <math.h>

/* The square around the ball of the lamp's light, seen from the camera, is wider than the ball. lo, hi: pixels from the middle. */
static void extent(double across, double range, double depth, double near_m, double focal, double *lo, double *hi)
{
    double nearest = fmax(depth - range, near_m), farthest = depth + range;
    double least = across - range, most = across + range;
    *lo = focal * least / (least < 0 ? nearest : farthest);
    *hi = focal * most / (most > 0 ? nearest : farthest);
}

static int pixel(double x, int most) { return x < -1 ? -1 : x > most ? most : (int)floor(x); }

/* False: no pixel of the picture sees anything that the lamp lights. */
static bool place(const render_lamp *l, base_vec3 camera, const double rotation[3][3], double focal, int width, int height,
                  double near_m, render_lit *lit)
{
    double d[3] = { l->location.x - camera.x, l->location.y - camera.y, l->location.z - camera.z }, own[3] = { 0, 0, 0 };
    for (int axis = 0; axis < 3; axis++)
        for (int k = 0; k < 3; k++)
            own[axis] += rotation[k][axis] * d[k]; /* forward, right, up */
    if (!(l->range_m > 0) || !(own[0] + l->range_m > near_m))
        return false;
    double left, right, down, up;
    extent(own[1], l->range_m, own[0], near_m, focal, &left, &right);
    extent(own[2], l->range_m, own[0], near_m, focal, &down, &up);
    lit->x0 = pixel(0.5 * width + left, width);
    lit->x1 = pixel(0.5 * width + right, width);
    lit->y0 = pixel(0.5 * height - up, height);
    lit->y1 = pixel(0.5 * height - down, height);
    if (lit->x1 < 0 || lit->x0 >= width || lit->y1 < 0 || lit->y0 >= height)
        return false;
    bool beam = l->cos_outer >= -1;
    for (int k = 0; k < 3; k++) {
        lit->at[k] = (float)d[k];
        lit->rgb[k] = l->rgb[k];
        lit->direction[k] = beam ? l->direction[k] : 0;
    }
    lit->inverse_range2 = 1 / (l->range_m * l->range_m);
    lit->soft2 = fmaxf(0.05f, l->soft_m * l->soft_m);
    lit->cone_scale = beam ? 1 / fmaxf(1e-4f, l->cos_inner - l->cos_outer) : 0;
    lit->cone_offset = beam ? -l->cos_outer * lit->cone_scale : 1;
    return true;
}

static float distance2(const render_lit *l) { return l->at[0] * l->at[0] + l->at[1] * l->at[1] + l->at[2] * l->at[2]; }

int render_lamps_in_view(const render_lamp *lamps, int count, base_vec3 camera, const double rotation[3][3], double focal,
                         int width, int height, double near_m, render_lit *lit)
{
    int n = 0;
    for (int i = 0; i < count; i++) {
        render_lit one;
        if (!place(&lamps[i], camera, rotation, focal, width, height, near_m, &one))
            continue;
        /* Into its place; equals stay in the order of the list. The farthest falls off the end. */
        int at = n < RENDER_LAMPS_MAX ? n : RENDER_LAMPS_MAX - 1;
        if (n == RENDER_LAMPS_MAX && distance2(&one) >= distance2(&lit[at]))
            continue;
        for (; at > 0 && distance2(&lit[at - 1]) > distance2(&one); at--)
            lit[at] = lit[at - 1];
        lit[at] = one;
        n += n < RENDER_LAMPS_MAX;
    }
    return n;
}
