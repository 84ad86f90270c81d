/* model/kernels/conv2d_weights.c — gradients of weights: a matrix product over pixels, without packing either side.
 *
 * Rows of the product are output channels (broadcast from grad_dst), columns are the src channels under the window, taken as
 * vectors: where the taps of a row lie side by side in memory (a strip always, see gather.c) the kw*ic floats of one row of taps are
 * cut into vectors as one, so that 16 lanes are full with 8 or 16 channels too. Sums: [output][vector][width] floats.
 *
 * The rows of all images are cut into chunks; their number depends on the shape and the vector width only. A task is a chunk and a
 * range of outputs; it goes through its rows in order. Then the chunks are added in order. Threads, blocks of rows and ranges of
 * outputs do not change a bit, because a sum between two tile calls is kept exactly, in memory.
 *
 * Deep layers copy both sides of a call next to each other first (`packs`). Their pixels lie 2 or 4 KiB apart, so all of a call's fall
 * into a few sets of the caches and throw each other out, and their sums, tens of MiB, are worth more pixels a call than a strip
 * that fits L2 would give. 1024 to 1024 channels at 16 x 32 pixels went from 30 to 65 % of the peak of an Ice-Lake-class Xeon. */
#include "model/kernels/conv2d_weights.h"
#include "base/arena.h"
#include "model/kernels/gather.h"
#include "model/kernels/rows.h"
#include <omp.h>
#include <string.h>

#define MAX_CHUNKS      16
#define CHUNK_PIXELS    1024              /* a chunk of fewer would spend its time on loading and adding sums */
#define SUMS_BYTES      ((size_t)4 << 20) /* all chunks together */
#define BLOCK_ROWS      8
#define STRIP_BYTES     ((size_t)320 << 10)
#define PIXELS_PER_CALL 192  /* enough to hide loading and storing the sums, few enough to stay in L1 */
#define PIXELS_PACKED   512  /* the same where both sides are packed: L2 gives what a tile wants when it comes in a row */
#define PACKED_OUTPUTS  256  /* pack where a copy serves enough tiles: */
#define PACKED_FLOATS   1024 /* that many outputs, floats under a window */

typedef struct plan {
    gather g;
    bool copied;       /* src goes through a strip */
    bool side_by_side; /* the taps of a row are one range of floats */
    int groups;        /* ranges that are cut into vectors: rows of taps, or taps */
    int group_floats;  /* of one range */
    int group_vectors;
    size_t output_floats; /* sums of one output: groups*group_vectors*width */
    int chunks, block, ranges;
    bool packs;
    int pixels;         /* of one call of a tile, unless a row has more */
    size_t grad_floats; /* packed: of one tile's channels; not a multiple of a page either */
    size_t pack_bytes;  /* of a thread */
    strip strip;
} plan;

static int chunk_count(const gather *g, size_t sums_bytes)
{
    long rows = (long)g->images * g->out_h, by_pixels = rows * g->out_w / CHUNK_PIXELS;
    long chunks = rows < MAX_CHUNKS ? rows : MAX_CHUNKS;
    if (chunks > by_pixels)
        chunks = by_pixels;
    while (chunks > 1 && (size_t)chunks * sums_bytes > SUMS_BYTES)
        chunks /= 2;
    return chunks < 1 ? 1 : (int)chunks;
}

static plan plan_make(const model_tiles *t, const model_conv2d *s, int threads)
{
    plan p = { .g = gather_forward(s) };
    const gather *g = &p.g;
    int last_x = (g->out_w - 1) * g->step_w + g->dx[g->taps_w - 1], last_y = (g->out_h - 1) * g->step_h + g->dy[g->taps_h - 1];
    /* vectors are read whole: without a strip the last one must end with the pixel */
    p.copied = g->dx[0] < 0 || last_x >= g->in_w || g->dy[0] < 0 || last_y >= g->in_h || g->channels % t->width != 0;
    p.side_by_side = (p.copied || g->in_pitch == g->channels) && s->dilation_w == 1;
    p.groups = p.side_by_side ? g->taps_h : g->taps_h * g->taps_w;
    p.group_floats = p.side_by_side ? g->taps_w * g->channels : g->channels;
    p.group_vectors = (p.group_floats + t->width - 1) / t->width;
    p.output_floats = (size_t)p.groups * (size_t)p.group_vectors * (size_t)t->width;
    p.chunks = chunk_count(g, p.output_floats * (size_t)g->outputs * sizeof(float));
    /* ranges of outputs, so that there are four tasks a thread; whole tiles, and not so few that filling strips counts */
    int blocks = (g->outputs + t->channels_max - 1) / t->channels_max, wanted = (4 * threads + p.chunks - 1) / p.chunks;
    p.ranges = threads == 1 ? 1 : wanted < (blocks + 1) / 2 ? wanted : (blocks + 1) / 2;
    p.packs = g->outputs >= PACKED_OUTPUTS && p.groups * p.group_floats >= PACKED_FLOATS;
    p.pixels = p.packs ? PIXELS_PACKED : PIXELS_PER_CALL;
    int least = p.packs ? (p.pixels + g->out_w - 1) / g->out_w : 1; /* rows; packed, a strip need not fit a cache */
    p.block = BLOCK_ROWS > least ? BLOCK_ROWS : least;
    if (p.copied) {
        p.strip = strip_plan(g, p.block, g->channels);
        while (p.block > least && p.strip.bytes > STRIP_BYTES)
            p.strip = strip_plan(g, --p.block, g->channels);
    }
    if (p.packs) {
        size_t pixels = (size_t)(p.pixels > g->out_w ? p.pixels : g->out_w);
        p.grad_floats = pixels * (size_t)t->channels_max + 16;
        p.pack_bytes = base_arena_round((pixels * (size_t)(MODEL_WTILE_VECTORS * t->width) + (size_t)blocks * p.grad_floats) *
                                        sizeof(float));
    }
    return p;
}

static size_t sums_floats(const plan *p) { return p->output_floats * (size_t)p->g.outputs; }

size_t conv2d_weights_scratch_bytes(const model_tiles *t, const model_conv2d *s, int threads)
{
    plan p = plan_make(t, s, threads);
    return (size_t)p.chunks * sums_floats(&p) * sizeof(float) + (size_t)threads * (p.strip.bytes + p.pack_bytes);
}

/* ---- packing ---- */

/* count floats of each pixel of a call, one pixel after the other, `step` floats apart. */
static void pack_pixels(const float *from, size_t row_bytes, size_t pixel_bytes, const model_wtile *w, int count, float *to,
                        size_t step)
{
    for (int r = 0; r < w->rows; r++) {
        const char *pixel = (const char *)from + (size_t)r * row_bytes;
        for (long q = r + 1 < w->rows ? w->cols : w->last_cols; q > 0; q--, pixel += pixel_bytes, to += step)
            model_copy_pixels(to, step, (const float *)(const void *)pixel, step, count, 1);
    }
}

/* The gradients of a call, block after block of a tile's channels. w->g stands at output `first`. */
static void pack_grad(const model_tiles *t, const plan *p, const model_wtile *w, int first, int last, float *packed)
{
    for (int o = first; o < last; o += t->channels_max, packed += p->grad_floats)
        pack_pixels(w->g + (o - first), w->g_row, w->g_step, w, last - o < t->channels_max ? last - o : t->channels_max, packed,
                    (size_t)t->channels_max);
}

/* One tile's vectors of src; w then reads them there, all pixels as one row. */
static void pack_src(const model_tiles *t, const model_wtile *w, int vectors, float *packed, model_wtile *out)
{
    size_t step = (size_t)(vectors * t->width);
    for (int i = 0; i < vectors; i++) {
        pack_pixels(w->x[i], w->x_row, w->x_step, w, t->width, packed + i * t->width, step);
        out->x[i] = packed + i * t->width;
    }
    out->x_step = step * sizeof(float);
}

/* Sums of the next tile, outputs from `o` on, into the cache: a few lines of each of several distant rows, which no prefetcher foresees. */
static void fetch_sums(const model_tiles *t, const plan *p, int o, int last, int vectors, const float *sums)
{
    for (int m = 0; m < t->channels_max && o + m < last; m++)
        for (int i = 0; i < vectors * t->width; i += 16)
            __builtin_prefetch(sums + (size_t)m * p->output_floats + i, 1);
}

/* Rows y0 .. y1-1 of one image (at most a block), outputs first .. last-1, added to sums. */
static void add_block(const model_tiles *t, const plan *p, const float *image, const float *grad, int y0, int y1, int first,
                      int last, float *rows, float *sums)
{
    const gather *g = &p->g;
    float *packed_src = (float *)(void *)((char *)rows + p->strip.bytes), *packed_grad = packed_src;
    const float *base = image;
    size_t row = (size_t)g->in_w * g->in_pitch, pixel = (size_t)g->in_pitch;
    if (p->copied) {
        strip_fill(&p->strip, g, image, y0, y1 - y0, true, rows);
        base = rows, row = p->strip.row, pixel = (size_t)p->strip.pitch;
    }
    int per_call = p->pixels / g->out_w < 1 ? 1 : p->pixels / g->out_w, vectors = p->groups * p->group_vectors;
    model_wtile w = { .g_step = g->out_pixel * sizeof(float),
                      .x_step = (size_t)g->step_w * pixel * sizeof(float),
                      .g_row = g->out_row * sizeof(float),
                      .x_row = (p->copied && p->strip.sparse ? 1 : (size_t)g->step_h) * row * sizeof(float),
                      .cols = g->out_w,
                      .sums_step = p->output_floats * sizeof(float) };
    for (int y = y0; y < y1; y += per_call) {
        w.rows = y1 - y < per_call ? y1 - y : per_call;
        w.last_cols = y + w.rows == g->out_h ? g->last_w : g->out_w;
        model_wtile tile = w;
        if (p->packs) {
            size_t pixels = (size_t)(p->pixels > g->out_w ? p->pixels : g->out_w);
            packed_grad = packed_src + pixels * (size_t)(MODEL_WTILE_VECTORS * t->width);
            w.g = grad + (size_t)y * g->out_row + first;
            pack_grad(t, p, &w, first, last, packed_grad);
            tile.rows = 1;
            tile.last_cols = (long)(w.rows - 1) * w.cols + w.last_cols;
            tile.g_step = (size_t)t->channels_max * sizeof(float);
        }
        for (int v = 0; v < vectors; v += MODEL_WTILE_VECTORS) {
            int count = vectors - v < MODEL_WTILE_VECTORS ? vectors - v : MODEL_WTILE_VECTORS;
            for (int i = 0; i < count; i++) {
                int group = (v + i) / p->group_vectors, at = (v + i) % p->group_vectors * t->width;
                int tap_h = p->side_by_side ? group : group / g->taps_w, tap_w = p->side_by_side ? 0 : group % g->taps_w;
                long from = p->copied ? strip_row(&p->strip, g, y - y0, tap_h) : y * g->step_h + g->dy[tap_h];
                long column = p->copied ? g->dx[tap_w] - g->dx[0] : g->dx[tap_w];
                w.x[i] = tile.x[i] = base + (size_t)from * row + (size_t)column * pixel + at;
            }
            if (p->packs)
                pack_src(t, &w, count, packed_src, &tile);
            for (int o = first; o < last; o += t->channels_max) {
                tile.g = p->packs ? packed_grad + (size_t)((o - first) / t->channels_max) * p->grad_floats
                                  : grad + (size_t)y * g->out_row + o;
                tile.sums = sums + (size_t)o * p->output_floats + (size_t)v * (size_t)t->width;
                if (p->packs)
                    fetch_sums(t, p, o + t->channels_max, last, count, tile.sums + (size_t)t->channels_max * p->output_floats);
                t->wtile[count - 1][last - o < t->channels_max ? last - o : t->channels_max](&tile);
            }
        }
    }
}

static void run_task(const model_tiles *t, const plan *p, int task, const float *src, const float *grad_dst, float *rows,
                     float *sums)
{
    const gather *g = &p->g;
    int chunk = task / p->ranges, range = task % p->ranges, blocks = (g->outputs + t->channels_max - 1) / t->channels_max;
    int first = blocks * range / p->ranges * t->channels_max, last = blocks * (range + 1) / p->ranges * t->channels_max;
    if (last > g->outputs)
        last = g->outputs;
    sums += (size_t)chunk * sums_floats(p);
    memset(sums + (size_t)first * p->output_floats, 0, (size_t)(last - first) * p->output_floats * sizeof *sums);
    long all = (long)g->images * g->out_h, end = all * (chunk + 1) / p->chunks;
    for (long at = all * chunk / p->chunks; at < end;) {
        int image = (int)(at / g->out_h), y0 = (int)(at % g->out_h), y1 = y0 + p->block < g->out_h ? y0 + p->block : g->out_h;
        if (at + (y1 - y0) > end)
            y1 = y0 + (int)(end - at);
        add_block(t, p, src + (size_t)image * g->in_h * g->in_w * g->in_pitch, grad_dst + (size_t)image * g->out_image, y0, y1,
                  first, last, rows, sums);
        at += y1 - y0;
    }
}

/* Add the chunks of one output in order and write it as [IC][KH][KW]. */
static void finish_output(const model_tiles *t, const plan *p, int output, float *sums, float *grad_weights)
{
    const gather *g = &p->g;
    float *total = sums + (size_t)output * p->output_floats;
    for (int chunk = 1; chunk < p->chunks; chunk++) {
        const float *part = total + (size_t)chunk * sums_floats(p);
#pragma omp simd
        for (size_t i = 0; i < p->output_floats; i++)
            total[i] += part[i];
    }
    int taps = g->taps_h * g->taps_w, group_size = p->group_vectors * t->width;
    for (int i = 0; i < g->taps_h; i++)
        for (int j = 0; j < g->taps_w; j++) {
            const float *from = p->side_by_side ? total + (size_t)i * (size_t)group_size + (size_t)j * g->channels
                                                : total + (size_t)(i * g->taps_w + j) * (size_t)group_size;
            float *to = grad_weights + (size_t)output * g->weight_output + (size_t)(i * g->taps_w + j);
            for (int c = 0; c < g->channels; c++)
                to[(size_t)c * (size_t)taps] = from[c];
        }
}

void conv2d_weights_run(const model_tiles *t, const model_conv2d *s, const float *src, const float *grad_dst,
                        float *grad_weights, void *scratch, int threads)
{
    plan p = plan_make(t, s, threads);
    float *sums = scratch;
    char *strips = (char *)(sums + (size_t)p.chunks * sums_floats(&p));
#pragma omp parallel num_threads(threads)
    {
        float *rows = (float *)(void *)(strips + (size_t)omp_get_thread_num() * (p.strip.bytes + p.pack_bytes));
#pragma omp for schedule(dynamic, 1)
        for (int task = 0; task < p.chunks * p.ranges; task++)
            run_task(t, &p, task, src, grad_dst, rows, sums);
#pragma omp for schedule(static)
        for (int o = 0; o < p.g.outputs; o++)
            finish_output(t, &p, o, sums, grad_weights);
    }
}
