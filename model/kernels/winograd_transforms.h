/* model/kernels/winograd_transforms.h — inside the kernels: the three transforms of winograd.h, in one table per instruction set.
 * Included by nothing outside this folder.
 *
 * A tile is m x m outputs and reads (m+2) x (m+2) inputs, m = 2 or 4. In one dimension, with the points 0, +-a, +-b and infinity (m = 4:
 * a*a = 1/2, b*b = 2; m = 2: 0, +-1 and infinity), inputs d, weights g and products p of the transformed ones:
 *
 *     m = 4   inputs    d0 - 5/2 d2 + d4                      weights  g0                              outputs  p0 + s + t
 *                       (d4 - 2 d2) +- a (d3 - 2 d1)                   -2/3 (g0 + 1/2 g2 +- a g1)               a s' + b t'
 *                       (d4 - 1/2 d2) +- b (d3 - 1/2 d1)               1/6 (g0 + 2 g2 +- b g1)                  1/2 s + 2 t
 *                       d1 - 5/2 d3 + d5                               g2                                       a/2 s' + 2b t' + p5
 *             with s, s' = p1 +- p2 and t, t' = p3 +- p4
 *     m = 2   inputs    d0 - d2, d2 +- d1, d3 - d1            weights  g0, 1/2 (g0 + g2 +- g1), g2     outputs  p0 + s, s' + p3
 *
 * Gradients of weights take the transposed maps: outputs' gradients y become m + 2 values, and sums q over tiles of their products with
 * the transformed inputs become three:
 *     m = 4   y0, (y0 + 1/2 y2) +- a (y1 + 1/2 y3), (y0 + 2 y2) +- b (y1 + 2 y3), y3
 *             q0 - 2/3 (q1 + q2) + 1/6 (q3 + q4), -2/3 a (q1 - q2) + 1/6 b (q3 - q4), -1/3 (q1 + q2) + 1/3 (q3 + q4) + q5
 *     m = 2   y0, y0 +- y1, y1        q0 + 1/2 (q1 + q2), 1/2 (q1 - q2), 1/2 (q1 + q2) + q3
 *
 * Two dimensions: along the columns, then along the rows. Lavin and Gray, CVPR 2016; points of equal distance from 1 on a logarithmic
 * scale round about five times better than their 0, +-1, +-2. */
#ifndef MODEL_KERNELS_WINOGRAD_TRANSFORMS_H
#define MODEL_KERNELS_WINOGRAD_TRANSFORMS_H
#include "model/kernels/conv2d.h"
#include <stdbool.h>
#include <stddef.h>

#define WINOGRAD_SIDE    6 /* most inputs of a tile, one way */
#define WINOGRAD_OUTPUTS 8 /* whose weights are transformed together */

/* Tiles of an image, and a run of them in one row. Tiles count row by row, over all images. */
typedef struct winograd_grid {
    int rows, columns;
} winograd_grid;
typedef struct winograd_segment {
    int image, row, column, tiles;
} winograd_segment;
/* From `tile` to the end of its row, or to `end`. */
static inline winograd_segment winograd_segment_at(winograd_grid q, int tile, int end)
{
    winograd_segment g = { tile / (q.rows * q.columns), tile / q.columns % q.rows, tile % q.columns, 0 };
    g.tiles = end - tile < q.columns - g.column ? end - tile : q.columns - g.column;
    return g;
}

/* From one position to the next: an odd number of 64-byte lines, so that they do not meet in a few sets of the caches. */
static inline size_t winograd_odd_lines(size_t floats)
{
    size_t lines = (floats + 15) / 16;
    return 16 * (lines % 2 ? lines : lines + 1);
}

/* Transform the inputs of tiles that lie side by side. */
typedef struct winograd_input {
    const float *rows[WINOGRAD_SIDE]; /* column 0 of each input row; NULL: beside the image, zeros */
    int first;                        /* input column of the first tile; may be negative */
    int columns;                      /* of the image; others are zeros */
    size_t pitch;                     /* floats from column to column */
    int tiles, channels;
    float *v; /* [position][tile][channels, rounded up to whole vectors of 16, with zeros] */
    size_t v_tile, v_position;
} winograd_input;

/* Turn products into outputs of tiles that lie side by side. */
typedef struct winograd_output {
    const float *y; /* [position][tile][channels, rounded up to 16] */
    size_t y_tile, y_position;
    int tiles, channels;
    float *dst;        /* first pixel of the first tile */
    size_t pixel, row; /* floats from one to the next */
    int rows, columns; /* of the image from dst on: what lies beyond is not written */
    const float *bias; /* [channels]; NULL: 0 */
    bool accumulate, relu;
} winograd_output;

typedef struct model_winograd {
    void (*input)(const winograd_input *t);
    void (*output)(const winograd_output *t);
    /* u[position*p + o*step] = transformed weights of output o; g holds the 3x3 windows, row by row */
    void (*weights)(const double g[9][WINOGRAD_OUTPUTS], float *u, size_t position, int step);
    /* As input, but of tiles of m x m gradients of outputs that do not overlap: m rows are read, v gets (m+2) x (m+2) positions. */
    void (*gradient)(const winograd_input *t);
    /* grad[c*9 + tap] from sums[position*p + c] of one output and `channels` inputs. Whole vectors of sums are read. */
    void (*weight_gradient)(const float *sums, size_t position, int channels, float *grad);
} model_winograd;

size_t winograd_weights_scratch_bytes(const model_cpu *cpu, const model_conv2d *s, int tile);

/* [0]: m = 2, [1]: m = 4 */
extern const model_winograd model_winograd_scalar[2];
#if defined(__x86_64__)
extern const model_winograd model_winograd_avx2[2];
extern const model_winograd model_winograd_avx512[2];
#elif defined(__aarch64__)
extern const model_winograd model_winograd_neon[2];
#endif
#endif
