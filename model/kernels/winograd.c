/* model/kernels/winograd.c — what the transforms (winograd_body.h) and the register tiles (gather_multiply) are run on.
 *
 * A task is a block of tiles that follow each other in rows, over all images. Its transformed inputs V and products Y stay in the
 * core's L2:   V [position][tile][ic]   Y [position][tile][oc]   weights U [position][panel][ic][lanes]
 * Positions lie an odd number of 64-byte lines apart, or the stores of one tile or window would meet in a few sets of the caches.
 *
 * Where U is large (deep layers), it is the stream that counts: all tiles are one block, and threads share the rows of tiles, then the
 * positions, then the rows again, so that U is read once and not by every task.
 *
 * Backward-data is forward with ic and oc exchanged, the window turned and padding 2 - p. */
#include "model/kernels/winograd.h"
#include "base/arena.h"
#include "model/kernels/gather.h"
#include "model/kernels/rows.h"
#include <assert.h>
#include <omp.h>
#include <string.h>

#define MOST_TILES    112                 /* of a block */
#define LEAST_TILES   28                  /* two register tiles: fewer would read the weights too often */
#define BLOCK_BYTES   ((size_t)640 << 10) /* V and Y of a block */
#define PACK_CHANNELS 32                  /* whose weights one task packs: their lines are written whole */

/* One pass as a forward convolution. */
typedef struct problem {
    int images, channels, outputs;
    int in_h, in_w, in_pitch, out_h, out_w, out_pitch;
    int padding_h, padding_w;
    size_t weight_output, weight_channel; /* floats between neighbours in the unpacked weights */
    bool turned;                          /* the window */
} problem;

static problem problem_of(const model_conv2d *s, model_pass pass)
{
    int oh = model_conv2d_oh(s), ow = model_conv2d_ow(s);
    if (pass == MODEL_FORWARD)
        return (problem){ s->n, s->ic, s->oc,        s->ih,        s->iw,        s->src_pitch,
                          oh,   ow,    s->dst_pitch, s->padding_h, s->padding_w, (size_t)s->ic * 9,
                          9,    false };
    return (problem){ s->n,
                      s->oc,
                      s->ic,
                      oh,
                      ow,
                      s->dst_pitch,
                      s->ih,
                      s->iw,
                      s->src_pitch,
                      2 - s->padding_h,
                      2 - s->padding_w,
                      9,
                      (size_t)s->ic * 9,
                      true };
}

/* How it is cut. */
typedef struct plan {
    int side; /* tile + 2 */
    winograd_grid grid;
    int tiles, blocks, most; /* of all images; tasks; tiles of the largest task */
    bool shared;             /* one block, shared by all threads */
    size_t v_tile, y_tile;   /* floats */
    size_t v_position, y_position;
    size_t u_position;
    gather product; /* of one position: 1x1; out_w of the moment */
} plan;

static size_t round16(size_t floats) { return (floats + 15) / 16 * 16; }

static gather product_of(const problem *p, size_t v_tile, size_t y_tile)
{
    gather g = { .images = 1, .channels = p->channels, .outputs = p->outputs, .in_h = 1, .out_h = 1, .step_h = 1, .step_w = 1 };
    g.taps_h = g.taps_w = 1;
    g.in_pitch = (int)v_tile;
    g.out_pixel = y_tile;
    return g;
}

/* Floats of the packed weights from one position to the next. */
static size_t weights_position(const model_tiles *t, const gather *product)
{
    return winograd_odd_lines(gather_packed_floats(t, product));
}

/* Whether all tiles should be one block. Blocks read U once each; sharing reads it once, but V and Y of all tiles then pass through a
 * farther cache. Measured, that pays where it spares six times their size: 512 to 512 channels at 32x64, not 256 to 256. */
static bool shares(const plan *q, size_t tile_floats)
{
    double u = (double)q->u_position, all = (double)tile_floats * q->tiles;
    return u >= all || u * ((double)q->tiles / q->most - 1) > 6 * all;
}

static plan plan_make(const model_tiles *t, const problem *p, int tile, int threads)
{
    plan q = { .side = tile + 2 };
    q.grid = (winograd_grid){ (p->out_h + tile - 1) / tile, (p->out_w + tile - 1) / tile };
    q.tiles = p->images * q.grid.rows * q.grid.columns;
    q.v_tile = round16((size_t)p->channels);
    q.y_tile = round16((size_t)p->outputs);
    q.product = product_of(p, q.v_tile, q.y_tile);
    q.u_position = weights_position(t, &q.product);
    size_t tile_floats = q.v_tile + q.y_tile, fit = BLOCK_BYTES / sizeof(float) / (size_t)(q.side * q.side) / tile_floats;
    q.most = fit > MOST_TILES ? MOST_TILES : fit < LEAST_TILES ? LEAST_TILES : (int)fit / LEAST_TILES * LEAST_TILES;
    q.shared = shares(&q, tile_floats);
    if (q.shared)
        q.most = q.tiles;
    q.blocks = (q.tiles + q.most - 1) / q.most;
    if (!q.shared && q.blocks < 4 * threads) /* no thread idle at the end */
        q.blocks = (q.blocks + threads - 1) / threads * threads;
    if (q.blocks > q.tiles)
        q.blocks = q.tiles;
    q.most = (q.tiles + q.blocks - 1) / q.blocks;
    q.v_position = winograd_odd_lines((size_t)q.most * q.v_tile);
    q.y_position = winograd_odd_lines((size_t)q.most * q.y_tile);
    return q;
}

bool model_winograd_fits(const model_conv2d *s)
{
    return model_conv2d_groups(s) == 1 && s->precision == MODEL_FP32 && s->kh == 3 && s->kw == 3 && s->stride_h == 1 &&
           s->stride_w == 1 && s->dilation_h == 1 && s->dilation_w == 1 && s->padding_h <= 2 && s->padding_w <= 2;
}

/* ---- packing ---- */

size_t model_winograd_packed_bytes(const model_cpu *cpu, const model_conv2d *s, model_pass pass, int tile)
{
    problem p = problem_of(s, pass);
    gather g = product_of(&p, 0, 0);
    return (size_t)((tile + 2) * (tile + 2)) * weights_position(cpu->kernels->tiles, &g) * sizeof(float);
}

/* Windows of outputs first .. first+7 at one channel; zeros where there is none. */
static void read_windows(const problem *p, const float *weights, int first, int c, double g[9][WINOGRAD_OUTPUTS])
{
    int count = c < p->channels ? p->outputs - first : 0;
    if (count < WINOGRAD_OUTPUTS)
        memset(g, 0, 9 * sizeof g[0]);
    const float *w = weights + (size_t)first * p->weight_output + (size_t)c * p->weight_channel;
    for (int o = 0; o < WINOGRAD_OUTPUTS && o < count; o++, w += p->weight_output) {
        if (p->turned)
            for (int k = 0; k < 9; k++)
                g[8 - k][o] = (double)w[k];
        else
            for (int k = 0; k < 9; k++)
                g[k][o] = (double)w[k];
    }
}

void model_winograd_pack(const model_cpu *cpu, const model_conv2d *s, model_pass pass, int tile, const float *weights,
                         float *packed)
{
    assert(model_winograd_fits(s));
    const model_tiles *t = cpu->kernels->tiles;
    problem p = problem_of(s, pass);
    gather g = product_of(&p, 0, 0);
    size_t position = weights_position(t, &g);
    int channels = gather_padded_channels(t, &g);
#pragma omp parallel for num_threads(cpu->threads) schedule(static)
    for (int begin = 0; begin < channels; begin += PACK_CHANNELS)
        for (int o = 0; o < p.outputs;) {
            gather_weights at = gather_weights_at(t, &g, o);
            for (int c = begin; c < channels && c < begin + PACK_CHANNELS; c++) {
                double window[9][WINOGRAD_OUTPUTS];
                size_t place = at.at + (size_t)(c / at.pair * at.lanes * at.pair + c % at.pair);
                read_windows(&p, weights, o, c, window);
                cpu->kernels->winograd[tile / 4].weights(window, packed + place, position, at.pair);
            }
            o += WINOGRAD_OUTPUTS;
        }
}

/* ---- running ---- */

size_t model_winograd_scratch_bytes(const model_cpu *cpu, const model_conv2d *s, model_pass pass, int tile)
{
    if (pass == MODEL_BACKWARD_WEIGHTS)
        return winograd_weights_scratch_bytes(cpu, s, tile);
    problem p = problem_of(s, pass);
    plan q = plan_make(cpu->kernels->tiles, &p, tile, cpu->threads);
    size_t floats = (size_t)(q.side * q.side) * (q.v_position + q.y_position);
    return base_arena_round(floats * sizeof(float)) * (size_t)(q.shared ? 1 : cpu->threads);
}

typedef struct operands {
    const float *src, *packed, *bias;
    float *dst;
    bool accumulate, relu;
} operands;

static void transform_inputs(const model_cpu *cpu, const problem *p, const plan *q, const winograd_segment *g, const float *src,
                             float *v)
{
    int m = q->side - 2, first_row = g->row * m - p->padding_h;
    winograd_input in = { .first = g->column * m - p->padding_w, .columns = p->in_w, .pitch = (size_t)p->in_pitch };
    for (int i = 0; i < q->side; i++)
        if (first_row + i >= 0 && first_row + i < p->in_h)
            in.rows[i] = src + ((size_t)g->image * p->in_h + (size_t)(first_row + i)) * p->in_w * p->in_pitch;
    in.tiles = g->tiles;
    in.channels = p->channels;
    in.v = v;
    in.v_tile = q->v_tile;
    in.v_position = q->v_position;
    cpu->kernels->winograd[m / 4].input(&in);
}

static void transform_outputs(const model_cpu *cpu, const problem *p, const plan *q, const winograd_segment *g,
                              const operands *o, const float *y)
{
    int m = q->side - 2;
    winograd_output out = { .y = y, .y_tile = q->y_tile, .y_position = q->y_position, .tiles = g->tiles };
    out.channels = p->outputs;
    out.pixel = (size_t)p->out_pitch;
    out.row = (size_t)p->out_w * p->out_pitch;
    out.dst = o->dst + ((size_t)g->image * p->out_h + (size_t)g->row * m) * out.row + (size_t)g->column * m * out.pixel;
    out.rows = p->out_h - g->row * m;
    out.columns = p->out_w - g->column * m;
    out.bias = o->bias;
    out.accumulate = o->accumulate;
    out.relu = o->relu;
    cpu->kernels->winograd[m / 4].output(&out);
}

/* Products of one position for `tiles` tiles. */
static void multiply(const model_cpu *cpu, const plan *q, const float *packed, int position, int tiles, const float *v,
                     float *y)
{
    gather product = q->product;
    product.in_w = product.out_w = product.last_w = tiles;
    gather_operands part = { .src = v + (size_t)position * q->v_position,
                             .packed = packed + (size_t)position * q->u_position,
                             .dst = y + (size_t)position * q->y_position };
    gather_multiply(cpu->kernels->tiles, &product, &part);
}

static void run_block(const model_cpu *cpu, const problem *p, const plan *q, const operands *o, int begin, int end, float *v,
                      float *y)
{
    for (int at = begin; at < end;) {
        winograd_segment g = winograd_segment_at(q->grid, at, end);
        transform_inputs(cpu, p, q, &g, o->src, v + (size_t)(at - begin) * q->v_tile);
        at += g.tiles;
    }
    for (int i = 0; i < q->side * q->side; i++)
        multiply(cpu, q, o->packed, i, end - begin, v, y);
    for (int at = begin; at < end;) {
        winograd_segment g = winograd_segment_at(q->grid, at, end);
        transform_outputs(cpu, p, q, &g, o, y + (size_t)(at - begin) * q->y_tile);
        at += g.tiles;
    }
}

/* Called by every thread of a team. */
static void run_shared(const model_cpu *cpu, const problem *p, const plan *q, const operands *o, float *v, float *y)
{
    int rows = p->images * q->grid.rows;
#pragma omp for schedule(static)
    for (int row = 0; row < rows; row++) {
        winograd_segment g = winograd_segment_at(q->grid, row * q->grid.columns, q->tiles);
        transform_inputs(cpu, p, q, &g, o->src, v + (size_t)(row * q->grid.columns) * q->v_tile);
    }
#pragma omp for schedule(dynamic, 1)
    for (int i = 0; i < q->side * q->side; i++)
        multiply(cpu, q, o->packed, i, q->tiles, v, y);
#pragma omp for schedule(static)
    for (int row = 0; row < rows; row++) {
        winograd_segment g = winograd_segment_at(q->grid, row * q->grid.columns, q->tiles);
        transform_outputs(cpu, p, q, &g, o, y + (size_t)(row * q->grid.columns) * q->y_tile);
    }
}

static void run(const model_cpu *cpu, const model_conv2d *s, model_pass pass, int tile, const operands *o, void *scratch)
{
    assert(model_winograd_fits(s));
    problem p = problem_of(s, pass);
    plan q = plan_make(cpu->kernels->tiles, &p, tile, cpu->threads);
    size_t v_floats = (size_t)(q.side * q.side) * q.v_position, all = model_winograd_scratch_bytes(cpu, s, pass, tile);
    if (q.shared) {
#pragma omp parallel num_threads(cpu->threads)
        run_shared(cpu, &p, &q, o, scratch, (float *)scratch + v_floats);
        return;
    }
#pragma omp parallel for num_threads(cpu->threads) schedule(dynamic, 1)
    for (int block = 0; block < q.blocks; block++) {
        int begin = (int)((long)q.tiles * block / q.blocks), end = (int)((long)q.tiles * (block + 1) / q.blocks);
        float *v = (float *)(void *)((char *)scratch + (size_t)omp_get_thread_num() * (all / (size_t)cpu->threads));
        run_block(cpu, &p, &q, o, begin, end, v, v + v_floats);
    }
}

void model_winograd_forward(const model_cpu *cpu, const model_conv2d *s, int tile, const float *src, const float *packed,
                            const float *bias, bool relu, float *dst, void *scratch)
{
    operands o = { .src = src, .packed = packed, .bias = bias, .dst = dst, .relu = relu };
    run(cpu, s, MODEL_FORWARD, tile, &o, scratch);
}

void model_winograd_backward_data(const model_cpu *cpu, const model_conv2d *s, int tile, const float *grad_dst,
                                  const float *packed, bool accumulate, float *grad_src, void *scratch)
{
    operands o = { .src = grad_dst, .packed = packed, .dst = grad_src, .accumulate = accumulate };
    run(cpu, s, MODEL_BACKWARD_DATA, tile, &o, scratch);
}
