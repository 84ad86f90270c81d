/* The lens bends the picture: CARLA's lens_* attributes.
 *
 * CARLA does it in a material of the engine that exists as a binary only. Known of it are the names of its inputs (k and kcube, as in
 * the usual cubic lens shader; a circle with multiplier and falloff; a size in x and y), that the defaults leave a pinhole's picture, and
 * that a multiplier of 1 to 3 bends the rim alone. The formula in optics.h has these properties; it is ours. */
#include "sim/render/optics_internal.h"
#include <math.h>

/* c b of optics.h at radius r. */
static double bend(const render_distortion *d, double r)
{
    return d->multiplier > 0 ? fmin(1, pow(d->multiplier * r, d->falloff)) * (d->k + d->kcube * r) : 0;
}

bool render_distortion_acts(const render_distortion *d)
{
    return d->multiplier > 0 && (d->k != 0 || d->kcube != 0) && (d->x_size != 0 || d->y_size != 0);
}

void render_distortion_source(const render_distortion *d, int width, int height, double *x, double *y)
{
    double u = *x / width - 0.5, v = *y / height - 0.5, b = bend(d, sqrt(u * u + v * v));
    *x = (0.5 + u * (1 + d->x_size * b)) * width;
    *y = (0.5 + v * (1 + d->y_size * b)) * height;
}

void optics_bend_fill(optics_bend *b, const render_distortion *d)
{
    for (int i = 0; i < OPTICS_BEND_STEPS + 2; i++)
        b->at[i] = (float)bend(d, sqrt(i / (2.0 * OPTICS_BEND_STEPS)));
}

/* ---- labels */

enum { ROWS = 16 };
typedef struct move {
    const render_distortion *lens;
    optics_bend bend;
    int width, height, bytes;
    const void *src;
    void *dst;
} move;

static int nearest(float x, int count) { return x > 0 ? (x < (float)(count - 1) ? (int)x : count - 1) : 0; }

static void move_rows(void *user, int part, int worker)
{
    (void)worker;
    const move *m = user;
    float w = (float)m->width, h = (float)m->height;
    int end = (part + 1) * ROWS < m->height ? (part + 1) * ROWS : m->height;
    for (int j = part * ROWS; j < end; j++)
        for (int i = 0; i < m->width; i++) {
            float u = ((float)i + 0.5f) / w - 0.5f, v = ((float)j + 0.5f) / h - 0.5f;
            float b = optics_bend_at(&m->bend, u * u + v * v);
            int x = nearest((0.5f + u * (1 + m->lens->x_size * b)) * w, m->width);
            int y = nearest((0.5f + v * (1 + m->lens->y_size * b)) * h, m->height);
            size_t from = (size_t)y * (size_t)m->width + (size_t)x, to = (size_t)j * (size_t)m->width + (size_t)i;
            if (m->bytes == 4)
                ((uint32_t *)m->dst)[to] = ((const uint32_t *)m->src)[from];
            else
                ((uint64_t *)m->dst)[to] = ((const uint64_t *)m->src)[from];
        }
}

void render_distort(const render_distortion *d, base_pool *pool, int width, int height, int bytes, const void *src, void *dst)
{
    move m = { .lens = d, .width = width, .height = height, .bytes = bytes, .src = src, .dst = dst };
    optics_bend_fill(&m.bend, d);
    base_pool_run(pool, (height + ROWS - 1) / ROWS, move_rows, &m);
}
