/* model/kernels/tiles.h — inside the kernels: the register tiles that conv2d.c drives. Included by nothing outside this folder.
 *
 * Forward and backward-data tile, C[m][n] = sum over runs r and steps k of A_r[m][k] * B_r[k][n]:
 *   m   pixels of one output row, a_step bytes apart in A, c_step bytes apart in C
 *   n   outputs of one panel: 1 or 2 vectors, or half a vector
 *   k   steps of a run: the input channels under one tap, or under a whole row of taps when those lie side by side
 * A is read where it lies (one float at a time, broadcast); B is packed so that every step reads the next floats:
 *   plain    B[k][vectors*width]
 *   shared   B[k][3 taps][width]: three taps side by side, stride 1. Input pixel j serves outputs j, j-1, j-2, so a broadcast feeds
 *            three multiply-adds; A points to the leftmost input pixel. One vector of outputs.
 *   half     <= width/2 outputs would leave half of each vector idle: lanes 2o and 2o+1 hold output o for an even and an odd
 *            channel, a step is two channels (B[k/2][width/2][2]), and the pairs are added at the end. Plain or shared.
 *
 * Weight-gradient tile, P[m][n] += sum over pixels q of G[q][m] * X_n[q][.]:
 *   m   channels of grad_dst, side by side (broadcast);  n   vectors of src channels at any addresses;  sums are kept in memory
 *   between calls. */
#ifndef MODEL_KERNELS_TILES_H
#define MODEL_KERNELS_TILES_H
#include <stdbool.h>
#include <stddef.h>

typedef struct model_tile {
    const float *const *a; /* [runs] first pixel of the tile */
    const float *const *b; /* [runs] packed weights */
    int runs;
    long steps;            /* of every run; channels, or pairs of channels for half */
    size_t a_step, c_step; /* bytes */
    float *c;
    int outputs;       /* of the panel, 1..vectors*width (half: width/2); further lanes are not stored */
    const float *bias; /* [outputs]; NULL: 0 */
    bool accumulate, relu;
} model_tile;
typedef void (*model_tile_run)(const model_tile *t);

#define MODEL_WTILE_VECTORS 3
typedef struct model_wtile {
    const float *g;                      /* grad_dst, first pixel, first channel of the block */
    const float *x[MODEL_WTILE_VECTORS]; /* where each vector starts at the first pixel */
    size_t g_step, x_step;               /* bytes from pixel to pixel */
    size_t g_row, x_row;                 /* bytes from row to row */
    int rows;
    long cols, last_cols; /* pixels of a row, of the last row */
    float *sums;          /* [m] sums_step bytes apart, vectors side by side */
    size_t sums_step;
    bool fresh; /* sums start from zero, whatever is there */
} model_wtile;
typedef void (*model_wtile_run)(const model_wtile *t);

typedef struct model_tiles {
    int width; /* floats of a vector */
    /* tables are indexed by the number of pixels, 0..max; entry 0 is NULL */
    int plain2_max, plain1_max, shared1_max;
    const model_tile_run *plain2, *plain1, *shared1;
    const model_tile_run *half_plain1, *half_shared1;  /* NULL: the set has no half tiles; same max as above */
    int channels_max;                                  /* of the weight-gradient tile */
    const model_wtile_run *wtile[MODEL_WTILE_VECTORS]; /* [vectors - 1][channels] */
} model_tiles;

extern const model_tiles model_tiles_scalar;
#if defined(__x86_64__)
extern const model_tiles model_tiles_avx2;
extern const model_tiles model_tiles_avx512;
#elif defined(__aarch64__)
extern const model_tiles model_tiles_neon;
#endif
#endif
