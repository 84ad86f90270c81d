/* model/kernels/bf16_weights.c — see bf16_weights.h: the matrix product over pixels of conv2d_weights.c, with pairs of pixels.
 *
 * A pair is two neighbouring pixels of an output row, so both sides are copied: grad_dst to [channels of a tile][row][pair][channel], src
 * once for every column of taps v to [v][row][pair][ic], where row is an input row and pair holds what the two outputs read of it
 * through v. The tiles then walk both as they walk pixels.
 *
 * The rows of all images are cut into chunks; their number depends on the shape only. A task is a chunk and a range of outputs, goes through
 * its rows in order, and the chunks are added in order: the same bits for any thread count, and on any level. */
#include "model/kernels/bf16_weights.h"
#include "base/arena.h"
#include "model/kernels/gather.h"
#include <omp.h>
#include <string.h>

#define MAX_CHUNKS   16
#define CHUNK_PIXELS 1024
#define SUMS_BYTES   ((size_t)4 << 20)
#define BLOCK_ROWS   8
#define SRC_BYTES    ((size_t)320 << 10) /* of a core's L2 */
#define CALL_PAIRS   192                 /* of a tile's call: enough to hide loading and storing its sums */

typedef struct plan {
    gather g;
    strip rows;          /* which input rows a block holds; its sizes are not used */
    int floats;          /* of a pair and channel: 1 word or 2 floats */
    int pairs;           /* of an output row */
    size_t src_row;      /* floats of one input row and column of taps */
    size_t grad_channel; /* floats of one tile's channels */
    int tap_vectors;     /* of one tap's channels */
    size_t output_floats;
    int chunks, block, ranges;
    size_t src_bytes, grad_bytes; /* of a thread */
} plan;

static int chunk_count(const gather *g)
{
    size_t bytes = (size_t)g->outputs * (size_t)g->channels * (size_t)g->taps_h * (size_t)g->taps_w * sizeof(float);
    long rows = (long)g->images * g->out_h, by_pixels = rows * g->out_w / CHUNK_PIXELS;
    long chunks = rows < MAX_CHUNKS ? rows : MAX_CHUNKS;
    if (chunks > by_pixels)
        chunks = by_pixels;
    while (chunks > 1 && (size_t)chunks * bytes > SUMS_BYTES)
        chunks /= 2;
    return chunks < 1 ? 1 : (int)chunks;
}

static plan plan_make(const model_tiles *t, const model_bf16 *b, const model_conv2d *s, int threads)
{
    plan p = { .g = gather_forward(s), .floats = b->words ? 1 : 2, .block = BLOCK_ROWS };
    const gather *g = &p.g;
    p.pairs = (g->out_w + 1) / 2;
    p.src_row = ((size_t)p.pairs * (size_t)p.floats * (size_t)g->channels + 15) / 16 * 16;
    p.tap_vectors = (g->channels + t->width - 1) / t->width;
    p.output_floats = (size_t)(g->taps_h * g->taps_w * p.tap_vectors) * (size_t)t->width;
    p.chunks = chunk_count(g);
    int blocks = (g->outputs + t->channels_max - 1) / t->channels_max, wanted = (4 * threads + p.chunks - 1) / p.chunks;
    p.ranges = threads == 1 ? 1 : wanted < (blocks + 1) / 2 ? wanted : (blocks + 1) / 2;
    for (;; p.block--) {
        p.rows = strip_plan(g, p.block, g->channels);
        /* a vector of slack: the last one is read whole */
        p.src_bytes = base_arena_round(((size_t)(g->taps_w * p.rows.rows) * p.src_row + 64) * sizeof(float));
        if (p.block == 1 || p.src_bytes <= SRC_BYTES)
            break;
    }
    p.grad_channel = (size_t)(p.block * p.pairs * p.floats * t->channels_max);
    p.grad_bytes = base_arena_round((size_t)blocks * p.grad_channel * sizeof(float));
    return p;
}

static size_t sums_floats(const plan *p) { return p->output_floats * (size_t)p->g.outputs; }

size_t bf16_weights_scratch_bytes(const model_tiles *t, const model_bf16 *b, const model_conv2d *s, int threads)
{
    plan p = plan_make(t, b, s, threads);
    return base_arena_round((size_t)p.chunks * sums_floats(&p) * sizeof(float)) +
           (size_t)threads * (p.src_bytes + p.grad_bytes);
}

/* ---- copies of pairs ---- */

static int columns_of(const gather *g, int y) { return y + 1 == g->out_h ? g->last_w : g->out_w; }

/* The pairs of outputs y0 .. y1-1 for channels first .. last-1. */
static void copy_grad(const model_tiles *t, const model_bf16 *b, const plan *p, const float *grad, int y0, int y1, int first,
                      int last, float *to)
{
    const gather *g = &p->g;
    size_t most = (size_t)t->channels_max;
    for (int o = first; o < last; o += t->channels_max, to += p->grad_channel) {
        int count = last - o < t->channels_max ? last - o : t->channels_max;
        float *pair = to;
        for (int y = y0; y < y1; y++, pair = to + (size_t)((y - y0) * p->pairs * p->floats) * most) {
            const float *row = grad + (size_t)y * g->out_row + o;
            for (int x = 0; x < columns_of(g, y); x += 2, pair += (size_t)p->floats * most, row += 2 * g->out_pixel)
                b->pixel_pairs(pair, most, row, x + 1 < columns_of(g, y) ? row + g->out_pixel : NULL, count);
        }
    }
}

/* What outputs of a row with `columns` read of input row iy through tap column j. */
static void copy_src_row(const model_bf16 *b, const plan *p, const float *image, int iy, int j, int columns, float *to)
{
    const gather *g = &p->g;
    if (iy < 0 || iy >= g->in_h) {
        memset(to, 0, p->src_row * sizeof *to);
        return;
    }
    const float *row = image + (size_t)iy * g->in_w * g->in_pitch;
    for (int x = 0; x < columns; x += 2, to += (size_t)p->floats * (size_t)g->channels) {
        int even = x * g->step_w + g->dx[j], odd = even + g->step_w;
        const float *first = even >= 0 && even < g->in_w ? row + (size_t)even * g->in_pitch : NULL;
        const float *second = x + 1 < columns && odd >= 0 && odd < g->in_w ? row + (size_t)odd * g->in_pitch : NULL;
        b->pixel_pairs(to, (size_t)g->channels, first, second, g->channels);
    }
}

static void copy_src(const model_bf16 *b, const plan *p, const float *image, int y0, int y1, float *to)
{
    const gather *g = &p->g;
    int held = (y1 - y0 - 1) * g->step_h + g->dy[g->taps_h - 1] - g->dy[0] + 1;
    for (int j = 0; j < g->taps_w; j++) {
        float *rows = to + (size_t)(j * p->rows.rows) * p->src_row;
        if (p->rows.sparse)
            for (int i = 0; i < g->taps_h; i++)
                for (int y = y0; y < y1; y++)
                    copy_src_row(b, p, image, y * g->step_h + g->dy[i], j, columns_of(g, y),
                                 rows + (size_t)strip_row(&p->rows, g, y - y0, i) * p->src_row);
        else /* rows of several outputs; a flattened image, whose last row is shorter, has one tap */
            for (int r = 0; r < held; r++)
                copy_src_row(b, p, image, y0 * g->step_h + g->dy[0] + r, j, columns_of(g, y0 + r),
                             rows + (size_t)r * p->src_row);
    }
}

/* ---- sums ---- */

static void add_block(const model_tiles *t, const plan *p, const float *src, const float *grad, int y0, int y1, int first,
                      int last, float *sums)
{
    const gather *g = &p->g;
    size_t most = (size_t)t->channels_max;
    int per_call = CALL_PAIRS / p->pairs < 1 ? 1 : CALL_PAIRS / p->pairs, vectors = g->taps_h * g->taps_w * p->tap_vectors;
    model_wtile w = { .g_step = most * sizeof(float),
                      .x_step = (size_t)g->channels * sizeof(float),
                      .g_row = (size_t)(p->pairs * p->floats) * most * sizeof(float),
                      .x_row = (p->rows.sparse ? 1 : (size_t)g->step_h) * p->src_row * sizeof(float),
                      .cols = (long)p->pairs * p->floats,
                      .sums_step = p->output_floats * sizeof(float) };
    for (int y = y0; y < y1; y += per_call) {
        w.rows = y1 - y < per_call ? y1 - y : per_call;
        w.last_cols = (long)((columns_of(g, y + w.rows - 1) + 1) / 2) * p->floats;
        for (int v = 0; v < vectors; v += MODEL_WTILE_VECTORS) {
            int count = vectors - v < MODEL_WTILE_VECTORS ? vectors - v : MODEL_WTILE_VECTORS;
            for (int i = 0; i < count; i++) {
                int tap = (v + i) / p->tap_vectors, at = (v + i) % p->tap_vectors * t->width;
                int row = tap % g->taps_w * p->rows.rows + strip_row(&p->rows, g, y - y0, tap / g->taps_w);
                w.x[i] = src + (size_t)row * p->src_row + at;
            }
            for (int o = first; o < last; o += t->channels_max) {
                w.g = grad + (size_t)((o - first) / t->channels_max) * p->grad_channel +
                      (size_t)((y - y0) * p->pairs * p->floats) * most;
                w.sums = sums + (size_t)o * p->output_floats + (size_t)v * (size_t)t->width;
                t->wtile[count - 1][last - o < t->channels_max ? last - o : t->channels_max](&w);
            }
        }
    }
}

static void run_task(const model_tiles *t, const model_bf16 *b, const plan *p, int task, const float *src,
                     const float *grad_dst, char *own, float *sums)
{
    const gather *g = &p->g;
    int chunk = task / p->ranges, range = task % p->ranges, blocks = (g->outputs + t->channels_max - 1) / t->channels_max;
    int first = blocks * range / p->ranges * t->channels_max, last = blocks * (range + 1) / p->ranges * t->channels_max;
    float *pairs_src = (float *)(void *)own, *pairs_grad = (float *)(void *)(own + p->src_bytes);
    if (last > g->outputs)
        last = g->outputs;
    sums += (size_t)chunk * sums_floats(p);
    memset(sums + (size_t)first * p->output_floats, 0, (size_t)(last - first) * p->output_floats * sizeof *sums);
    long all = (long)g->images * g->out_h, end = all * (chunk + 1) / p->chunks;
    for (long at = all * chunk / p->chunks; at < end;) {
        int image = (int)(at / g->out_h), y0 = (int)(at % g->out_h), y1 = y0 + p->block < g->out_h ? y0 + p->block : g->out_h;
        if (at + (y1 - y0) > end)
            y1 = y0 + (int)(end - at);
        copy_src(b, p, src + (size_t)image * g->in_h * g->in_w * g->in_pitch, y0, y1, pairs_src);
        copy_grad(t, b, p, grad_dst + (size_t)image * g->out_image, y0, y1, first, last, pairs_grad);
        add_block(t, p, pairs_src, pairs_grad, y0, y1, first, last, sums);
        at += y1 - y0;
    }
}

/* Add the chunks of one output in order and write it as [IC][KH][KW]. */
static void finish_output(const model_tiles *t, const plan *p, int output, const float *sums, float *grad_weights)
{
    const gather *g = &p->g;
    int taps = g->taps_h * g->taps_w;
    for (int tap = 0; tap < taps; tap++)
        for (int c = 0; c < g->channels; c++) {
            const float *part = sums + (size_t)output * p->output_floats + (size_t)(tap * p->tap_vectors * t->width + c);
            float total = part[0];
            for (int chunk = 1; chunk < p->chunks; chunk++)
                total += part[(size_t)chunk * sums_floats(p)];
            grad_weights[(size_t)output * g->weight_output + (size_t)c * (size_t)taps + (size_t)tap] = total;
        }
}

void bf16_weights_run(const model_tiles *t, const model_bf16 *b, const model_conv2d *s, const float *src, const float *grad_dst,
                      float *grad_weights, void *scratch, int threads)
{
    plan p = plan_make(t, b, s, threads);
    float *sums = scratch;
    char *copies = (char *)scratch + base_arena_round((size_t)p.chunks * sums_floats(&p) * sizeof(float));
#pragma omp parallel num_threads(threads)
    {
        uint64_t was = model_denormals_off();
#pragma omp for schedule(dynamic, 1)
        for (int task = 0; task < p.chunks * p.ranges; task++)
            run_task(t, b, &p, task, src, grad_dst, copies + (size_t)omp_get_thread_num() * (p.src_bytes + p.grad_bytes), sums);
#pragma omp for schedule(static)
        for (int o = 0; o < p.g.outputs; o++)
            finish_output(t, &p, o, sums, grad_weights);
        model_denormals_restore(was);
    }
}
