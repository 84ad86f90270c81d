/* model/kernels/gather.c — forward and backward-data: what the tiles are run on. Knows shapes, no instruction set.
 *
 * A task is a block of rows of one image. Where a tap may fall beside the image, the input rows of the block are first copied to
 * a strip with zeros left and right: no tile needs to know about edges, the taps of a row become one run, and the copy brings the
 * rows into the core's own cache. It costs about (block + 2)/block loads and stores per input value. Rows above and below the
 * image are left out of the runs. Inside a task: panel of outputs, row, tile; so a panel's weights stay in the L2 cache.
 *
 * Every dst element is one sum over all its runs in a fixed order: tiles, blocks and threads do not change a bit. */
#include "model/kernels/gather.h"
#include <assert.h>
#include <string.h>

#define BLOCK_ROWS  8
#define STRIP_BYTES ((size_t)320 << 10) /* of a core's 1 MiB L2 (512 KiB on older ones), beside one panel of weights */

/* ---- from a convolution to gathers ---- */

/* 1x1 without padding or stride: the image is one long row, cut into segments so that threads can share it. */
static void flatten(gather *g)
{
    enum { SEGMENT = 224 }; /* a multiple of 14 and 28 pixels: no short tiles */
    size_t pixels = (size_t)g->images * g->in_h * g->in_w;
    g->images = 1;
    g->in_h = g->out_h = (int)((pixels + SEGMENT - 1) / SEGMENT);
    g->in_w = g->out_w = pixels < SEGMENT ? (int)pixels : SEGMENT;
    g->last_w = (int)(pixels - (size_t)(g->out_h - 1) * (size_t)g->out_w);
    g->out_row = (size_t)g->out_w * g->out_pixel;
}

static bool is_pointwise(const model_conv2d *s)
{
    return s->kh == 1 && s->kw == 1 && s->stride_h == 1 && s->stride_w == 1 && s->padding_h == 0 && s->padding_w == 0;
}

gather gather_forward(const model_conv2d *s)
{
    gather g = { .images = s->n, .channels = s->ic, .outputs = s->oc };
    g.in_h = s->ih, g.in_w = s->iw, g.in_pitch = s->src_pitch;
    g.out_h = model_conv2d_oh(s), g.out_w = g.last_w = model_conv2d_ow(s);
    g.out_pixel = (size_t)s->dst_pitch;
    g.out_row = (size_t)g.out_w * g.out_pixel;
    g.out_image = (size_t)g.out_h * g.out_row;
    g.step_h = s->stride_h, g.step_w = s->stride_w;
    g.taps_h = s->kh, g.taps_w = s->kw;
    for (int i = 0; i < s->kh; i++)
        g.u[i] = i, g.dy[i] = i * s->dilation_h - s->padding_h;
    for (int j = 0; j < s->kw; j++)
        g.v[j] = j, g.dx[j] = j * s->dilation_w - s->padding_w;
    g.weight_output = (size_t)s->ic * s->kh * s->kw;
    g.weight_channel = (size_t)s->kh * s->kw;
    g.window_w = s->kw;
    if (is_pointwise(s))
        flatten(&g);
    return g;
}

/* Taps that meet pixels a = phase + stride*i: those with stride dividing phase + padding - dilation*u; last u first, so that the
 * offsets ascend. Returns their number. */
static int taps_of_phase(int k, int stride, int padding, int dilation, int phase, int *window, int *offset)
{
    int taps = 0;
    for (int u = k - 1; u >= 0; u--) {
        int distance = phase + padding - dilation * u;
        if (distance % stride == 0) {
            window[taps] = u;
            offset[taps++] = distance / stride;
        }
    }
    return taps;
}

gather gather_backward_data(const model_conv2d *s, int phase)
{
    int first_y = phase / s->stride_w, first_x = phase % s->stride_w;
    gather g = { .images = s->n, .channels = s->oc, .outputs = s->ic };
    g.in_h = model_conv2d_oh(s), g.in_w = model_conv2d_ow(s), g.in_pitch = s->dst_pitch;
    g.out_h = s->ih > first_y ? (s->ih - first_y - 1) / s->stride_h + 1 : 0;
    g.out_w = g.last_w = s->iw > first_x ? (s->iw - first_x - 1) / s->stride_w + 1 : 0;
    size_t row = (size_t)s->iw * s->src_pitch;
    g.out_first = (size_t)first_y * row + (size_t)first_x * s->src_pitch;
    g.out_pixel = (size_t)s->stride_w * s->src_pitch;
    g.out_row = (size_t)s->stride_h * row;
    g.out_image = (size_t)s->ih * row;
    g.step_h = g.step_w = 1;
    g.taps_h = taps_of_phase(s->kh, s->stride_h, s->padding_h, s->dilation_h, first_y, g.u, g.dy);
    g.taps_w = taps_of_phase(s->kw, s->stride_w, s->padding_w, s->dilation_w, first_x, g.v, g.dx);
    g.weight_output = (size_t)s->kh * s->kw;
    g.weight_channel = (size_t)s->ic * s->kh * s->kw;
    g.window_w = s->kw;
    if (is_pointwise(s))
        flatten(&g);
    return g;
}

void gather_round(gather *g, const model_bf16 *b)
{
    int pairs = (g->channels + 1) / 2;
    g->bf16 = b;
    g->src_channels = g->channels;
    g->channels = b->words ? pairs : 2 * pairs;
}

/* ---- panels of outputs ---- */

typedef struct panel {
    int first, outputs;
    int vectors; /* 1 or 2; 0 is a half */
    bool shared;
    int lanes; /* floats per channel and tap in the packed weights */
    int tile_max;
    const model_tile_run *tiles;
} panel;

/* The panel that starts at output `first`: two vectors while they fill more than one and a half, then one, then a half. */
static panel panel_at(const model_tiles *t, const gather *g, int first)
{
    int left = g->outputs - first, width = t->width, half = t->half_plain1 ? width / 2 : 0;
    panel p = { .first = first };
    p.vectors = left > width + half ? 2 : left > half ? 1 : 0;
    p.lanes = p.vectors ? p.vectors * width : half;
    p.outputs = left < p.lanes ? left : p.lanes;
    bool three = g->taps_w == 3 && g->step_w == 1 && g->dx[1] == g->dx[0] + 1 && g->dx[2] == g->dx[1] + 1;
    p.shared = three && p.vectors < 2 && t->shared1_max > 0;
    p.tile_max = p.shared ? t->shared1_max : p.vectors == 2 ? t->plain2_max : t->plain1_max;
    if (p.shared)
        p.tiles = p.vectors ? t->shared1 : t->half_shared1;
    else
        p.tiles = p.vectors == 2 ? t->plain2 : p.vectors ? t->plain1 : t->half_plain1;
    return p;
}

/* Channels as the tiles see them: half tiles take pairs. */
int gather_padded_channels(const model_tiles *t, const gather *g)
{
    for (int first = 0; first < g->outputs;) {
        panel p = panel_at(t, g, first);
        if (p.vectors == 0)
            return (g->channels + 1) / 2 * 2;
        first += p.outputs;
    }
    return g->channels;
}

size_t gather_packed_floats(const model_tiles *t, const gather *g)
{
    size_t lanes = 0;
    for (int first = 0; first < g->outputs;) {
        panel p = panel_at(t, g, first);
        lanes += (size_t)p.lanes;
        first += p.outputs;
    }
    size_t floats = lanes * (size_t)gather_padded_channels(t, g) * (size_t)g->taps_h * (size_t)g->taps_w;
    return (floats + 15) / 16 * 16;
}

/* Pack one row of taps of one panel; forms as in tiles.h:
 *   plain [j][c][lanes], shared [c][j][lanes], half plain [j][c/2][lanes][2], half shared [c/2][j][lanes][2] */
static void pack_row(const gather *g, const panel *p, int channels, int row, const float *weights, float *packed)
{
    for (int j = 0; j < g->taps_w; j++)
        for (int c = 0; c < channels; c++) {
            int pair = p->vectors ? 1 : 2; /* channels of a step */
            size_t step = (size_t)(c / pair), steps = (size_t)(channels / pair);
            size_t place = p->shared ? step * (size_t)g->taps_w + (size_t)j : (size_t)j * steps + step;
            float *to = packed + place * (size_t)(p->lanes * pair) + (size_t)(c % pair);
            const float *from = weights + (size_t)p->first * g->weight_output + (size_t)c * g->weight_channel +
                                (size_t)(g->u[row] * g->window_w + g->v[j]);
            for (int o = 0; o < p->lanes; o++)
                to[o * pair] = c < g->channels && o < p->outputs ? from[(size_t)o * g->weight_output] : 0;
        }
}

/* The same with pairs of bf16: [j][element][lanes]. */
static void pack_row_pairs(const gather *g, const panel *p, int row, const float *weights, float *packed)
{
    enum { MOST_LANES = 64 };
    int step = g->bf16->words ? 1 : 2;
    assert(p->lanes <= MOST_LANES);
    for (int j = 0; j < g->taps_w; j++)
        for (int c = 0; c < g->src_channels; c += 2, packed += step * p->lanes) {
            float even[MOST_LANES] = { 0 }, odd[MOST_LANES] = { 0 };
            const float *from = weights + (size_t)p->first * g->weight_output + (size_t)c * g->weight_channel +
                                (size_t)(g->u[row] * g->window_w + g->v[j]);
            for (int o = 0; o < p->outputs; o++, from += g->weight_output) {
                even[o] = from[0];
                odd[o] = c + 1 < g->src_channels ? from[g->weight_channel] : 0;
            }
            g->bf16->pixel_pairs(packed, (size_t)p->lanes, even, odd, p->lanes);
        }
}

void gather_pack(const model_tiles *t, const gather *g, const float *weights, float *packed)
{
    int channels = gather_padded_channels(t, g);
    for (int first = 0; first < g->outputs;) {
        panel p = panel_at(t, g, first);
        size_t row_floats = (size_t)g->taps_w * (size_t)channels * (size_t)p.lanes;
#pragma omp for schedule(static) nowait
        for (int i = 0; i < g->taps_h; i++)
            if (g->bf16)
                pack_row_pairs(g, &p, i, weights, packed + (size_t)i * row_floats);
            else
                pack_row(g, &p, channels, i, weights, packed + (size_t)i * row_floats);
        packed += (size_t)g->taps_h * row_floats;
        first += p.outputs;
    }
}

/* ---- running ---- */

typedef struct plan {
    int channels; /* padded */
    int block;    /* rows of a task */
    bool copied;  /* src goes through a strip; always as pairs of bf16 */
    strip strip;
} plan;

static plan plan_make(const model_tiles *t, const gather *g, int threads)
{
    plan p = { .channels = gather_padded_channels(t, g), .block = BLOCK_ROWS };
    if (g->taps_h == 0 || g->taps_w == 0 || g->out_h == 0 || g->out_w == 0)
        return p;
    if (threads > 1) { /* at least four tasks a thread where rows allow it */
        long rows = (long)g->images * g->out_h / (4L * threads);
        p.block = rows < 1 ? 1 : rows < BLOCK_ROWS ? (int)rows : BLOCK_ROWS;
    }
    p.copied =
        g->bf16 || p.channels != g->channels || g->dx[0] < 0 || (g->out_w - 1) * g->step_w + g->dx[g->taps_w - 1] >= g->in_w;
    if (!p.copied)
        return p;
    p.strip = strip_plan(g, p.block, p.channels);
    while (p.block > 1 && p.strip.bytes > STRIP_BYTES)
        p.strip = strip_plan(g, --p.block, p.channels);
    return p;
}

size_t gather_scratch_bytes(const model_tiles *t, const gather *g, int threads) { return plan_make(t, g, threads).strip.bytes; }

/* What one task reads and where its taps begin. */
typedef struct view {
    const float *base; /* strip, or image */
    size_t row, pixel; /* floats */
} view;

/* Row of `v` that tap i of output row y reads, or -1 when it lies outside the image. */
static int input_row(const plan *p, const gather *g, int y, int y0, int i)
{
    int iy = y * g->step_h + g->dy[i];
    if (iy < 0 || iy >= g->in_h)
        return -1;
    return p->copied ? strip_row(&p->strip, g, y - y0, i) : iy;
}

/* The runs of one output row for one panel: addresses at output column 0. Returns their number. */
static int runs_of_row(const plan *p, const gather *g, const panel *n, const view *in, int y, int y0, const float *packed,
                       bool joined, const float **a, const float **b)
{
    int runs = 0;
    size_t row_floats = (size_t)g->taps_w * (size_t)p->channels * (size_t)n->lanes;
    for (int i = 0; i < g->taps_h; i++) {
        int row = input_row(p, g, y, y0, i);
        if (row < 0)
            continue;
        for (int j = 0; j < (joined ? 1 : g->taps_w); j++) {
            long column = p->copied ? g->dx[j] - g->dx[0] : g->dx[j];
            a[runs] = in->base + (size_t)row * in->row + (size_t)column * in->pixel;
            b[runs++] = packed + (size_t)i * row_floats + (size_t)j * (size_t)p->channels * (size_t)n->lanes;
        }
    }
    return runs;
}

static void run_block(const model_tiles *t, const plan *p, const gather *g, const gather_operands *o, const view *in, int y0,
                      int y1, float *dst)
{
    enum { MOST = MODEL_CONV2D_MAX_WINDOW * MODEL_CONV2D_MAX_WINDOW };
    const float *start[MOST], *a[MOST], *b[MOST];
    bool side_by_side = in->pixel == (size_t)p->channels; /* the taps of a row are one run */
    for (int j = 1; j < g->taps_w; j++)
        side_by_side = side_by_side && g->dx[j] == g->dx[j - 1] + 1;
    const float *packed = o->packed;
    for (int first = 0; first < g->outputs;) {
        panel n = panel_at(t, g, first);
        model_tile tile = { .a = a, .b = b, .outputs = n.outputs, .accumulate = o->accumulate, .relu = o->relu };
        tile.bias = o->bias ? o->bias + first : NULL;
        tile.a_step = (size_t)g->step_w * in->pixel * sizeof(float);
        tile.c_step = g->out_pixel * sizeof(float);
        tile.steps = n.shared || !side_by_side ? p->channels : (long)p->channels * g->taps_w;
        if (n.vectors == 0)
            tile.steps /= 2;
        for (int y = y0; y < y1; y++) {
            tile.runs = runs_of_row(p, g, &n, in, y, y0, packed, n.shared || side_by_side, start, b);
            int columns = y + 1 == g->out_h ? g->last_w : g->out_w, tiles = (columns + n.tile_max - 1) / n.tile_max;
            for (int i = 0; i < tiles; i++) {
                int x0 = (int)((long)columns * i / tiles), x1 = (int)((long)columns * (i + 1) / tiles);
                for (int r = 0; r < tile.runs; r++)
                    a[r] = start[r] + (size_t)x0 * (size_t)g->step_w * in->pixel;
                tile.c = dst + (size_t)y * g->out_row + (size_t)x0 * g->out_pixel + first;
                n.tiles[x1 - x0](&tile);
            }
        }
        packed += (size_t)g->taps_h * (size_t)g->taps_w * (size_t)p->channels * (size_t)n.lanes;
        first += n.outputs;
    }
}

void gather_run(const model_tiles *t, const gather *g, const gather_operands *o, void *scratch, int threads)
{
    plan p = plan_make(t, g, threads);
    int blocks = (g->out_h + p.block - 1) / p.block;
    if (g->out_w == 0)
        return;
#pragma omp for schedule(dynamic, 1) nowait
    for (int task = 0; task < g->images * blocks; task++) {
        int image = task / blocks, y0 = task % blocks * p.block, y1 = y0 + p.block < g->out_h ? y0 + p.block : g->out_h;
        const float *src = o->src + (size_t)image * g->in_h * g->in_w * g->in_pitch;
        view in = { src, (size_t)g->in_w * g->in_pitch, (size_t)g->in_pitch };
        if (p.copied) {
            strip_fill(&p.strip, g, src, y0, y1 - y0, false, scratch);
            in = (view){ scratch, p.strip.row, (size_t)p.strip.pitch };
        }
        run_block(t, &p, g, o, &in, y0, y1, o->dst + g->out_first + (size_t)image * g->out_image);
    }
}

/* ---- 1x1 gathers of one row ---- */

void gather_multiply(const model_tiles *t, const gather *g, const gather_operands *o)
{
    plan p = { .channels = gather_padded_channels(t, g), .block = 1 };
    view in = { o->src, 0, (size_t)g->in_pitch };
    run_block(t, &p, g, o, &in, 0, 1, o->dst);
}

gather_weights gather_weights_at(const model_tiles *t, const gather *g, int first)
{
    size_t at = 0;
    int channels = gather_padded_channels(t, g);
    for (int begin = 0;;) {
        panel p = panel_at(t, g, begin);
        int pair = p.vectors ? 1 : 2;
        if (first < begin + p.lanes)
            return (gather_weights){ at + (size_t)((first - begin) * pair), p.lanes, pair };
        at += (size_t)channels * (size_t)p.lanes;
        begin += p.lanes;
    }
}
