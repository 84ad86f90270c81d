/* model/kernels/winograd_weights.c — gradients of weights by Winograd's algorithms: the transpose of winograd.c.
 *
 * Inputs are transformed as for the forward pass, gradients of outputs by the transpose of the output transform; at each position of the
 * window the sums over tiles are a matrix product, P[o][c] = sum of U[tile][o] * V[tile][c], on the tile of conv2d_weights.c; and
 * the transpose of the weight transform makes 3x3 windows of them.
 *
 *   V     [panel of up to 3 vectors of inputs][position][tile][channels]
 *   U     [band of 16 outputs][position][tile][16]
 *   sums  [panel][band][position][16 outputs][channels]
 *
 * Tiles are cut into chunks whose number depends on the shape and the vector width only; a task is a chunk and a block of panels and
 * bands; it takes its tiles in stages whose V and U stay in a cache. Chunks are added in order. Blocks, stages and threads do not change a bit:
 * every sum is over the tiles of its chunk in order, kept exactly in memory from one call of a tile to the next.
 *
 * Sums are 4 times the weights (tile 4), so chunks are few and only where there are few channels. Else a task keeps its own sums and turns
 * them into windows itself. Where all tiles are one stage (deep layers), that is done panel by band, and no sums are kept. */
#include "base/arena.h"
#include "model/kernels/pointwise.h"
#include "model/kernels/rows.h"
#include "model/kernels/winograd.h"
#include <assert.h>
#include <omp.h>
#include <string.h>

#define BAND         16 /* outputs whose gradients lie side by side */
#define MAX_CHUNKS   16
#define CHUNK_TILES  64                 /* a chunk of fewer would spend its time on loading and adding sums */
#define SUMS_BYTES   ((size_t)4 << 20)  /* of all chunks together, or of a block where there is one */
#define STAGE_BYTES  ((size_t)1 << 20)  /* V and U of a stage */
#define STAGE_TILES  64                 /* at least: sums are loaded and stored once a stage */
#define SINGLE_TILES 160                /* up to here all tiles are one stage: a panel of them still fits L2 */
#define SINGLE_BYTES ((size_t)10 << 20) /* V and U of a block then */

typedef struct plan {
    int side, positions;
    winograd_grid grid;
    int tiles;                           /* of all images */
    int width, vectors, panels, bands;   /* vectors of inputs */
    size_t panel;                        /* floats of a panel's widest pixel */
    int chunks, stage;                   /* tiles of a stage */
    bool single;                         /* one chunk of one stage */
    int panel_blocks, band_blocks;       /* tasks of a chunk */
    size_t v_position, u_position, sums; /* floats; of a panel and band */
    size_t own_bytes;                    /* of a thread: V, U, sums */
} plan;

static int cut(int count, int pieces, int i) { return (int)((long)count * i / pieces); }
static int largest(int count, int pieces) { return (count + pieces - 1) / pieces; }

/* Floats of V and U for one tile of the largest block, of its sums. */
static size_t block_tile(const plan *p)
{
    return (size_t)p->positions *
           ((size_t)largest(p->panels, p->panel_blocks) * p->panel + (size_t)largest(p->bands, p->band_blocks) * BAND);
}
static size_t block_sums(const plan *p)
{
    return (size_t)largest(p->panels, p->panel_blocks) * (size_t)largest(p->bands, p->band_blocks) * p->sums;
}

/* Cut the longer side of the blocks once more, if there is one. */
static bool split(plan *p)
{
    int panels = largest(p->panels, p->panel_blocks), bands = largest(p->bands, p->band_blocks);
    if (panels == 1 && bands == 1)
        return false;
    if (bands == 1 || (panels > 1 && (size_t)panels * p->panel > (size_t)bands * BAND))
        p->panel_blocks = p->panel_blocks * 2 < p->panels ? p->panel_blocks * 2 : p->panels;
    else
        p->band_blocks = p->band_blocks * 2 < p->bands ? p->band_blocks * 2 : p->bands;
    return true;
}

static int chunk_count(const plan *p)
{
    size_t all = (size_t)p->panels * (size_t)p->bands * p->sums * sizeof(float);
    int chunks = MAX_CHUNKS;
    while (chunks > 1 && (p->tiles < chunks * CHUNK_TILES || (size_t)chunks * all > SUMS_BYTES))
        chunks /= 2;
    return p->tiles <= SINGLE_TILES ? 1 : chunks;
}

static plan plan_make(const model_cpu *cpu, const model_conv2d *s, int tile)
{
    const model_tiles *t = cpu->kernels->tiles;
    plan p = { .side = tile + 2, .positions = (tile + 2) * (tile + 2), .panel_blocks = 1, .band_blocks = 1 };
    p.grid = (winograd_grid){ largest(model_conv2d_oh(s), tile), largest(model_conv2d_ow(s), tile) };
    p.tiles = s->n * p.grid.rows * p.grid.columns;
    p.width = t->width;
    p.vectors = largest(s->ic, t->width);
    p.panels = largest(p.vectors, MODEL_WTILE_VECTORS);
    p.bands = largest(s->oc, BAND);
    p.panel = (size_t)(largest(p.vectors, p.panels) * p.width);
    p.sums = (size_t)p.positions * BAND * p.panel;
    p.chunks = chunk_count(&p);
    p.single = p.tiles <= SINGLE_TILES;
    if (p.single)
        while (block_tile(&p) * (size_t)p.tiles * sizeof(float) > SINGLE_BYTES && split(&p))
            ;
    else if (p.chunks == 1)
        while (block_sums(&p) * sizeof(float) > SUMS_BYTES && split(&p))
            ;
    while (cpu->threads > 1 && p.chunks * p.panel_blocks * p.band_blocks < 2 * cpu->threads &&
           split(&p)) /* no thread idle at the end */
        ;
    size_t fit = STAGE_BYTES / sizeof(float) / block_tile(&p);
    p.stage = p.single ? p.tiles : fit < STAGE_TILES ? STAGE_TILES : (int)fit;
    if (p.stage > largest(p.tiles, p.chunks))
        p.stage = largest(p.tiles, p.chunks);
    p.v_position = winograd_odd_lines((size_t)p.stage * p.panel);
    p.u_position = winograd_odd_lines((size_t)p.stage * BAND);
    size_t own = (size_t)p.positions * ((size_t)largest(p.panels, p.panel_blocks) * p.v_position +
                                        (size_t)largest(p.bands, p.band_blocks) * p.u_position);
    own += p.single ? p.sums : p.chunks == 1 ? block_sums(&p) : 0;
    p.own_bytes = base_arena_round(own * sizeof(float));
    return p;
}

static size_t chunk_bytes(const plan *p)
{
    return p->chunks == 1 ? 0 : (size_t)p->chunks * (size_t)p->panels * (size_t)p->bands * p->sums * sizeof(float);
}

static model_pixels dst_pixels(const model_conv2d *s)
{
    return (model_pixels){ .pixels = (size_t)s->n * model_conv2d_oh(s) * model_conv2d_ow(s),
                           .channels = s->oc,
                           .a_pitch = s->dst_pitch };
}

size_t winograd_weights_scratch_bytes(const model_cpu *cpu, const model_conv2d *s, int tile)
{
    plan p = plan_make(cpu, s, tile);
    model_pixels dst = dst_pixels(s);
    size_t bytes = chunk_bytes(&p) + (size_t)cpu->threads * p.own_bytes, bias = model_sum_scratch_bytes(&dst);
    return base_arena_round(bytes > bias ? bytes : bias);
}

typedef struct operands {
    const model_cpu *cpu;
    const model_conv2d *s;
    const float *src, *grad_dst;
    float *grad_weights;
} operands;

/* Panels panel0 .. panel1-1, bands band0 .. band1-1. */
typedef struct block {
    int panel0, panel1, band0, band1;
    float *v, *u; /* of a stage */
} block;

static int panel_channel(const plan *p, int panel) { return cut(p->vectors, p->panels, panel) * p->width; }

/* Rows of one image that a row of tiles reads, from channel 0 on. */
static void find_rows(winograd_input *in, int count, const float *tensor, int image, int first, int rows, int columns,
                      int pitch)
{
    for (int i = 0; i < count; i++)
        in->rows[i] = first + i >= 0 && first + i < rows
                          ? tensor + ((size_t)image * (size_t)rows + (size_t)(first + i)) * (size_t)columns * (size_t)pitch
                          : NULL;
    in->columns = columns;
    in->pitch = (size_t)pitch;
}

/* Channels first .. last-1 of the rows found. */
static winograd_input channels_of(winograd_input in, int rows, int first, int last, float *v, size_t v_tile, size_t v_position)
{
    for (int i = 0; i < rows; i++)
        if (in.rows[i])
            in.rows[i] += first;
    in.channels = last - first;
    in.v = v;
    in.v_tile = v_tile;
    in.v_position = v_position;
    return in;
}

/* V and U of tiles begin .. end-1. */
static void transform(const plan *p, const operands *o, const block *b, int begin, int end)
{
    const model_conv2d *s = o->s;
    const model_winograd *w = &o->cpu->kernels->winograd[(p->side - 2) / 4];
    int m = p->side - 2, oh = model_conv2d_oh(s), ow = model_conv2d_ow(s);
    for (int at = begin; at < end;) {
        winograd_segment g = winograd_segment_at(p->grid, at, end);
        size_t place = (size_t)(at - begin);
        winograd_input in = { .first = g.column * m - s->padding_w, .tiles = g.tiles };
        find_rows(&in, p->side, o->src, g.image, g.row * m - s->padding_h, s->ih, s->iw, s->src_pitch);
        for (int i = b->panel0; i < b->panel1; i++) {
            int first = panel_channel(p, i), last = panel_channel(p, i + 1);
            float *v = b->v + (size_t)((i - b->panel0) * p->positions) * p->v_position + place * p->panel;
            winograd_input part = channels_of(in, p->side, first, last < s->ic ? last : s->ic, v, p->panel, p->v_position);
            w->input(&part);
        }
        winograd_input grad = { .first = g.column * m, .tiles = g.tiles };
        find_rows(&grad, m, o->grad_dst, g.image, g.row * m, oh, ow, s->dst_pitch);
        for (int i = b->band0; i < b->band1; i++) {
            int first = i * BAND, last = first + BAND < s->oc ? first + BAND : s->oc;
            float *u = b->u + (size_t)((i - b->band0) * p->positions) * p->u_position + place * BAND;
            winograd_input part = channels_of(grad, m, first, last, u, BAND, p->u_position);
            w->gradient(&part);
        }
        at += g.tiles;
    }
}

/* Add the products of `tiles` tiles at one position to the sums of one panel and band. */
static void multiply(const plan *p, const operands *o, const block *b, int panel, int band, int position, int tiles, bool fresh,
                     float *sums)
{
    const model_tiles *t = o->cpu->kernels->tiles;
    int vectors = cut(p->vectors, p->panels, panel + 1) - cut(p->vectors, p->panels, panel);
    int outputs = o->s->oc - band * BAND < BAND ? o->s->oc - band * BAND : BAND;
    const float *v = b->v + (size_t)((panel - b->panel0) * p->positions + position) * p->v_position,
                *u = b->u + (size_t)((band - b->band0) * p->positions + position) * p->u_position;
    model_wtile w = { .g_step = BAND * sizeof(float),
                      .x_step = p->panel * sizeof(float),
                      .rows = 1,
                      .last_cols = tiles,
                      .sums_step = p->panel * sizeof(float),
                      .fresh = fresh };
    for (int i = 0; i < vectors; i++)
        w.x[i] = v + i * p->width;
    sums += (size_t)position * BAND * p->panel;
    for (int i = 0; i < outputs; i += t->channels_max) {
        w.g = u + i;
        w.sums = sums + (size_t)i * p->panel;
        t->wtile[vectors - 1][outputs - i < t->channels_max ? outputs - i : t->channels_max](&w);
    }
}

/* Windows from the sums of one panel and band. */
static void finish(const plan *p, const operands *o, int panel, int band, const float *sums)
{
    const model_conv2d *s = o->s;
    int first = panel_channel(p, panel), last = panel_channel(p, panel + 1);
    last = last < s->ic ? last : s->ic;
    for (int i = 0; i < BAND && band * BAND + i < s->oc; i++)
        o->cpu->kernels->winograd[(p->side - 2) / 4].weight_gradient(
            sums + (size_t)i * p->panel, BAND * p->panel, last - first,
            o->grad_weights + ((size_t)(band * BAND + i) * (size_t)s->ic + (size_t)first) * 9);
}

/* All tiles at once: sums of one panel and band at a time. */
static void run_single(const plan *p, const operands *o, const block *b, float *sums)
{
    transform(p, o, b, 0, p->tiles);
    for (int panel = b->panel0; panel < b->panel1; panel++)
        for (int band = b->band0; band < b->band1; band++) {
            for (int i = 0; i < p->positions; i++)
                multiply(p, o, b, panel, band, i, p->tiles, true, sums);
            finish(p, o, panel, band, sums);
        }
}

/* Stage after stage; the sums of band0 .. of each panel follow each other, panels `step` floats apart. */
static void run_stages(const plan *p, const operands *o, const block *b, int begin, int end, float *sums, size_t step)
{
    for (int at = begin; at < end; at += p->stage) {
        int tiles = end - at < p->stage ? end - at : p->stage;
        transform(p, o, b, at, at + tiles);
        for (int i = 0; i < p->positions; i++)
            for (int panel = b->panel0; panel < b->panel1; panel++)
                for (int band = b->band0; band < b->band1; band++)
                    multiply(p, o, b, panel, band, i, tiles, at == begin,
                             sums + (size_t)(panel - b->panel0) * step + (size_t)(band - b->band0) * p->sums);
    }
}

static void run_task(const plan *p, const operands *o, int task, float *own, float *chunks)
{
    int chunk = task / (p->panel_blocks * p->band_blocks), at = task % (p->panel_blocks * p->band_blocks);
    int i = at / p->band_blocks, j = at % p->band_blocks;
    block b = { .panel0 = cut(p->panels, p->panel_blocks, i), .panel1 = cut(p->panels, p->panel_blocks, i + 1) };
    b.band0 = cut(p->bands, p->band_blocks, j);
    b.band1 = cut(p->bands, p->band_blocks, j + 1);
    b.v = own;
    b.u = b.v + (size_t)((b.panel1 - b.panel0) * p->positions) * p->v_position;
    float *sums = b.u + (size_t)((b.band1 - b.band0) * p->positions) * p->u_position;
    if (p->single) {
        run_single(p, o, &b, sums);
        return;
    }
    int begin = cut(p->tiles, p->chunks, chunk), end = cut(p->tiles, p->chunks, chunk + 1);
    if (p->chunks > 1) {
        sums = chunks + ((size_t)(chunk * p->panels + b.panel0) * (size_t)p->bands + (size_t)b.band0) * p->sums;
        run_stages(p, o, &b, begin, end, sums, (size_t)p->bands * p->sums);
        return;
    }
    size_t step = (size_t)(b.band1 - b.band0) * p->sums;
    run_stages(p, o, &b, begin, end, sums, step);
    for (int panel = b.panel0; panel < b.panel1; panel++)
        for (int band = b.band0; band < b.band1; band++)
            finish(p, o, panel, band, sums + (size_t)(panel - b.panel0) * step + (size_t)(band - b.band0) * p->sums);
}

/* Add the chunks of one panel and band in order. */
static void add_chunks(const plan *p, const operands *o, int index, float *chunks)
{
    size_t step = (size_t)p->panels * (size_t)p->bands * p->sums;
    float *total = chunks + (size_t)index * p->sums;
    for (int chunk = 1; chunk < p->chunks; chunk++) {
        const float *part = total + (size_t)chunk * step;
#pragma omp simd
        for (size_t i = 0; i < p->sums; i++)
            total[i] += part[i];
    }
    finish(p, o, index / p->bands, index % p->bands, total);
}

void model_winograd_backward_weights(const model_cpu *cpu, const model_conv2d *s, int tile, const float *src,
                                     const float *grad_dst, float *grad_weights, float *grad_bias, void *scratch)
{
    assert(model_winograd_fits(s));
    plan p = plan_make(cpu, s, tile);
    operands o = { .cpu = cpu, .s = s, .src = src, .grad_dst = grad_dst, .grad_weights = grad_weights };
    float *chunks = scratch;
    char *own = (char *)scratch + chunk_bytes(&p);
#pragma omp parallel num_threads(cpu->threads)
    {
        float *mine = (float *)(void *)(own + (size_t)omp_get_thread_num() * p.own_bytes);
#pragma omp for schedule(dynamic, 1)
        for (int task = 0; task < p.chunks * p.panel_blocks * p.band_blocks; task++)
            run_task(&p, &o, task, mine, chunks);
        if (p.chunks > 1) {
#pragma omp for schedule(static)
            for (int i = 0; i < p.panels * p.bands; i++)
                add_chunks(&p, &o, i, chunks);
        }
    }
    if (grad_bias) { /* summed after the weights, in the same memory */
        model_pixels pixels = dst_pixels(s);
        model_sum(cpu, &pixels, grad_dst, grad_bias, scratch);
    }
}
