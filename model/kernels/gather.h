/* model/kernels/gather.h — inside the kernels: what forward and backward-data have in common, and the strips that spare all
 * passes from thinking about edges. Included by nothing outside this folder.
 *
 *     dst[y][x][o] = sum over taps (i, j), channels c of src[y*step_h + dy[i]][x*step_w + dx[j]][c] * weights[o][c][u[i]][v[j]]
 *
 * Forward is one gather. Backward-data is one for each (row mod stride_h, column mod stride_w) of grad_src, because those pixels
 * meet the same taps; with stride 1 that is one gather with the window turned around. */
#ifndef MODEL_KERNELS_GATHER_H
#define MODEL_KERNELS_GATHER_H
#include "model/kernels/bf16.h"
#include "model/kernels/conv2d.h"
#include "model/kernels/tiles.h"

typedef struct gather {
    int images, channels, outputs;
    int in_h, in_w, in_pitch; /* images follow densely */
    int out_h, out_w;
    int last_w; /* columns of the last row; out_w except in flattened 1x1 convolutions (and the same for src) */
    size_t out_first, out_pixel, out_row, out_image; /* floats: first pixel, and from one to the next */
    int step_h, step_w;
    int taps_h, taps_w;                                           /* 0 when no weight meets these pixels */
    int dy[MODEL_CONV2D_MAX_WINDOW], dx[MODEL_CONV2D_MAX_WINDOW]; /* ascending */
    int u[MODEL_CONV2D_MAX_WINDOW], v[MODEL_CONV2D_MAX_WINDOW];   /* position in the window */
    size_t weight_output, weight_channel;                         /* floats between neighbouring o, c of the unpacked weights */
    int window_w;                                                 /* floats between neighbouring u */
    const model_bf16
        *bf16; /* NULL: float32; else channels counts elements of pairs (bf16.h), src and weights hold src_channels */
    int src_channels;
} gather;

gather gather_forward(const model_conv2d *s);
/* phase 0 .. stride_h*stride_w - 1 */
gather gather_backward_data(const model_conv2d *s, int phase);
/* The same with src and weights rounded to bf16 and paired, on tiles without shared and half forms: every output then is a sum over taps
 * and pairs in order, whatever the level. */
void gather_round(gather *g, const model_bf16 *b);

size_t gather_packed_floats(const model_tiles *t, const gather *g);
/* Called by every thread of a team; the work is shared, nobody waits at the end. */
void gather_pack(const model_tiles *t, const gather *g, const float *weights, float *packed);
/* Scratch of one thread. */
size_t gather_scratch_bytes(const model_tiles *t, const gather *g, int threads);

typedef struct gather_operands {
    const float *src, *packed, *bias;
    float *dst;
    bool accumulate, relu;
} gather_operands;
/* Called by every thread of a team; the work is shared, nobody waits at the end. scratch: this thread's own. */
void gather_run(const model_tiles *t, const gather *g, const gather_operands *o, void *scratch, int threads);

/* ---- 1x1 gathers of one row of pixels, by one thread: the products of winograd.c ----
 * src must hold the channels rounded up to an even number, the last one zero: half tiles take pairs. */
void gather_multiply(const model_tiles *t, const gather *g, const gather_operands *o);
/* Where the packed weights of outputs first, first + 1, ... lie, as far as the panel goes that holds `first`: output o of channel c
 * at at + c/pair*(lanes*pair) + c%pair + (o - first)*pair. Panels begin at multiples of 8 outputs. */
typedef struct gather_weights {
    size_t at;
    int lanes, pair;
} gather_weights;
gather_weights gather_weights_at(const model_tiles *t, const gather *g, int first);
int gather_padded_channels(const model_tiles *t, const gather *g); /* even where a panel is a half */

/* ---- strips: the input rows of a block of output rows, copied with zeros left and right ---- */

typedef struct strip {
    int block; /* output rows */
    int rows;  /* input rows held */
    int cols;  /* pixels of a row; the first is input column dx[0] */
    int pitch; /* floats of a pixel: channels, or one more */
    bool
        sparse; /* rows[tap*block + y] because taps are further apart than the block is high; else rows[y*step_h + dy - dy[0]] */
    size_t row; /* floats from row to row */
    size_t bytes;
} strip;

strip strip_plan(const gather *g, int block, int pitch);
/* Row of the strip that tap i of output row y (counted from the block's first) reads. */
static inline int strip_row(const strip *p, const gather *g, int y, int i)
{
    return p->sparse ? i * p->block + y : y * g->step_h + g->dy[i] - g->dy[0];
}
/* Copy what output rows y0 .. y0+count-1 of one image read. Rows outside the image are cleared when zero_rows, else left alone. */
void strip_fill(const strip *p, const gather *g, const float *image, int y0, int count, bool zero_rows, float *rows);
#endif
