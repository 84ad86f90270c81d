/* sim/render/render_visibility_body.h — what is visible in a tile: for each triangle and sample, is it inside, is it nearer? Keeps 1/depth and
 * the triangle's number (included once per instruction set, by render_tile_body.h).
 *
 * With four samples a vector holds LANES / 4 pixels of a row with all their samples, with one sample 4 pixels of LANES / 4 rows: small
 * triangles cost few vectors, and the same loop serves both. In a street three of four triangles lie behind others: each
 * block of 8 x 8 pixels knows how far its farthest sample is, and what is farther still is left out. */
#include "sim/render/render_internal.h"
#include "sim/render/render_simd.h"
#include <float.h>

#define NOTHING UINT32_MAX
/* Colour and labels go by blocks of 4 x HIGH pixels, one vector. */
enum { HIGH = LANES / 4, BLOCK_MAX = TILE * TILE / LANES };

/* Rotated grid: four samples, no two in one row or column. */
static const float sample_x[2][4] = { { 0.5f, 0.5f, 0.5f, 0.5f }, { 0.375f, 0.875f, 0.125f, 0.625f } };
static const float sample_y[2][4] = { { 0.5f, 0.5f, 0.5f, 0.5f }, { 0.125f, 0.375f, 0.625f, 0.875f } };

typedef struct tile_lanes { /* where the lanes of a vector lie, relative to its first pixel */
    vf x, y;
    int width, height; /* pixels of a vector */
    int pitch;         /* vectors from one row of them to the next */
} tile_lanes;

static tile_lanes lanes_for(int samples)
{
    tile_lanes l = { .width = samples == 4 ? LANES / 4 : 4, .height = samples == 4 ? 1 : LANES / 4 };
    l.pitch = TILE / l.width;
    for (int k = 0; k < LANES; k++) {
        int pixel = k / samples;
        l.x[k] = (float)(pixel % l.width) + sample_x[samples == 4][k % samples];
        l.y[k] = (float)(pixel / l.width) + sample_y[samples == 4][k % samples];
    }
    return l;
}

/* Index of a pixel's first sample. */
static inline int sample_at(int x, int y, int samples)
{
    if (samples == 4)
        return (y * TILE + x) * 4;
    return (y / (LANES / 4) * (TILE / 4) + x / 4) * LANES + y % (LANES / 4) * 4 + x % 4;
}

/* An edge counts its zero when it is a top or left one, so that pixels on a shared edge belong to exactly one triangle. */
static float edge_threshold(double a, double b) { return a > 0 || (a == 0 && b > 0) ? 0.0f : FLT_MIN; }

typedef struct coverage { /* a triangle's edges and depth over the tile */
    vf a[3], b[3], c[3], threshold[3];
    vf za, zb, zc, z_limit;
    vi number;
} coverage;

typedef struct rectangle { /* of vectors or pixels; x1 and y1 excluded */
    int x0, y0, x1, y1;
} rectangle;

/* Returns whether any sample was written. `edges` and `crosses` (the near plane) are constants of each call. */
static inline __attribute__((always_inline)) int fill(const coverage *t, render_scratch *s, const tile_lanes *l, rectangle r,
                                                      const int edges, const bool crosses)
{
    /* In registers: what is stored below might otherwise have changed *t. */
    const vf a0 = t->a[0], a1 = t->a[1], a2 = t->a[2], b0 = t->b[0], b1 = t->b[1], b2 = t->b[2];
    const vf c0 = t->c[0], c1 = t->c[1], c2 = t->c[2], t0 = t->threshold[0], t1 = t->threshold[1], t2 = t->threshold[2];
    const vf za = t->za, zb = t->zb, zc = t->zc, z_limit = t->z_limit, lane_x = l->x, lane_y = l->y;
    const vi number = t->number;
    const float width = (float)l->width, height = (float)l->height;
    const int pitch = l->pitch;
    lane_mask written = no_lanes();
    for (int vy = r.y0; vy < r.y1; vy++) {
        vf py = lane_y + (float)vy * height, z_row = zb * py, row0 = b0 * py, row1 = b1 * py, row2 = b2 * py;
        float *z_at = s->z + (size_t)(vy * pitch + r.x0) * LANES;
        uint32_t *id_at = s->id + (size_t)(vy * pitch + r.x0) * LANES;
        for (int vx = r.x0; vx < r.x1; vx++, z_at += LANES, id_at += LANES) {
            vf px = lane_x + (float)vx * width;
            vf z = (zc + za * px) + z_row, old = vf_load(z_at);
            if (!crosses)
                z = vf_min(z, z_limit);
            lane_mask inside = vf_above(z, old);
            if (crosses)
                inside = vf_not_below(inside, z_limit, z);
            if (edges > 0)
                inside = vf_not_below(inside, (c0 + a0 * px) + row0, t0);
            if (edges > 1)
                inside = vf_not_below(inside, (c1 + a1 * px) + row1, t1);
            if (edges > 2)
                inside = vf_not_below(inside, (c2 + a2 * px) + row2, t2);
            if (!lanes_any(inside))
                continue;
            written |= inside;
            vf_store(z_at, vf_replace(inside, z, old));
            vi_store(id_at, vi_replace(inside, number, vi_load(id_at)));
        }
    }
    return lanes_any(written);
}

/* pixels: a rectangle of the tile, widened to whole vectors. */
static int fill_any(const coverage *t, render_scratch *s, const tile_lanes *l, rectangle pixels, int edges, bool crosses)
{
    int w = __builtin_ctz((unsigned)l->width), h = __builtin_ctz((unsigned)l->height);
    rectangle r = { pixels.x0 >> w, pixels.y0 >> h, (pixels.x1 + l->width - 1) >> w, (pixels.y1 + l->height - 1) >> h };
    if (crosses)
        return edges == 3   ? fill(t, s, l, r, 3, true)
               : edges == 2 ? fill(t, s, l, r, 2, true)
               : edges == 1 ? fill(t, s, l, r, 1, true)
                            : fill(t, s, l, r, 0, true);
    return edges == 3   ? fill(t, s, l, r, 3, false)
           : edges == 2 ? fill(t, s, l, r, 2, false)
           : edges == 1 ? fill(t, s, l, r, 1, false)
                        : fill(t, s, l, r, 0, false);
}

/* ---- how far the farthest sample of each block is; z is 1/depth: the least. What is stored may be less than true, never more. */

enum { BLOCK = 8, BLOCKS = TILE / BLOCK };

static void look_again(render_scratch *s, int block, const tile_lanes *l)
{
    int wide = BLOCK / l->width, high = BLOCK / l->height;
    size_t at = (size_t)(block / BLOCKS * high * l->pitch + block % BLOCKS * wide) * LANES;
    vf least = vf_load(s->z + at);
    for (int y = 0; y < high; y++, at += (size_t)l->pitch * LANES)
        for (int x = 0; x < wide; x++)
            least = vf_min(least, vf_load(s->z + at + (size_t)x * LANES));
    s->far[block] = vf_least(least);
    s->stale[block] = false;
}

static inline bool block_hidden(render_scratch *s, int block, float z_top, const tile_lanes *l)
{
    if (z_top < s->far[block])
        return true;
    if (!s->stale[block])
        return false;
    look_again(s, block, l);
    return z_top < s->far[block];
}

/* Is everything of these blocks nearer than z_top? */
static bool all_hidden(render_scratch *s, const int block[4], float z_top, const tile_lanes *l)
{
    for (int y = block[1]; y <= block[3]; y++)
        for (int x = block[0]; x <= block[2]; x++)
            if (!block_hidden(s, y * BLOCKS + x, z_top, l))
                return false;
    return true;
}

/* A large triangle, block by block: most blocks of its rectangle lie beside it or behind something. */
static void fill_blocks(const coverage *t, render_scratch *s, const tile_lanes *l, rectangle r, const int block[4], int edges,
                        bool crosses, float z_top)
{
    float step[4],
        best[4]; /* edges, then z: change per block to the right, and the greatest value in the first block of a row */
    for (int e = 0; e <= edges; e++) {
        float a = e < edges ? t->a[e][0] : t->za[0], b = e < edges ? t->b[e][0] : t->zb[0];
        float c = e < edges ? t->c[e][0] : t->zc[0], slack = 1e-5f * ((fabsf(a) + fabsf(b)) * TILE + fabsf(c));
        step[e] = a * BLOCK;
        best[e] = c + slack + (a > 0 ? step[e] : 0) + (b > 0 ? b * BLOCK : 0);
    }
    for (int y = block[1]; y <= block[3]; y++) {
        int start = -1; /* of a run of blocks to be filled */
        for (int x = block[0]; x <= block[2] + 1; x++) {
            bool live = x <= block[2];
            for (int e = 0; live && e < edges; e++)
                live = best[e] + step[e] * (float)x + t->b[e][0] * (float)(y * BLOCK) >= 0;
            if (live) {
                float z = best[edges] + step[edges] * (float)x + t->zb[0] * (float)(y * BLOCK);
                live = !block_hidden(s, y * BLOCKS + x, z < z_top ? z : z_top, l);
            }
            if (live && start < 0)
                start = x;
            if (live || start < 0)
                continue;
            rectangle run = { start * BLOCK, y * BLOCK, x * BLOCK, (y + 1) * BLOCK };
            run.x0 = run.x0 > r.x0 ? run.x0 : r.x0;
            run.x1 = run.x1 < r.x1 ? run.x1 : r.x1;
            run.y0 = run.y0 > r.y0 ? run.y0 : r.y0;
            run.y1 = run.y1 < r.y1 ? run.y1 : r.y1;
            if (fill_any(t, s, l, run, edges, crosses))
                for (int k = start; k < x; k++)
                    s->stale[y * BLOCKS + k] = true;
            start = -1;
        }
    }
}

static void rasterise(const render_pass *p, render_scratch *s, const render_setup *t, uint32_t number, int ox, int oy,
                      const tile_lanes *l)
{
    int x0 = t->x0 - ox, x1 = t->x1 - ox, y0 = t->y0 - oy, y1 = t->y1 - oy;
    x0 = x0 < 0 ? 0 : x0;
    y0 = y0 < 0 ? 0 : y0;
    x1 = x1 > TILE ? TILE : x1;
    y1 = y1 > TILE ? TILE : y1;
    const int block[4] = { x0 / BLOCK, y0 / BLOCK, (x1 - 1) / BLOCK, (y1 - 1) / BLOCK };
    if (all_hidden(s, block, t->z_top, l))
        return;
    bool small = x1 - x0 <= 8 && y1 - y0 <= 8; /* then an edge less to test does not repay finding out */
    x0 &= -l->width;
    y0 &= -l->height;
    x1 = (x1 + l->width - 1) & -l->width;
    y1 = (y1 + l->height - 1) & -l->height;
    coverage c;
    c.number = vi_splat((int32_t)number);
    for (int e = 0; e < 3; e++) /* those that need no test stay */
        c.a[e] = c.b[e] = c.c[e] = c.threshold[e] = vf_splat(0);
    int edges = 0;
    double plane[3] = { 0, 0, 0 };
    for (int e = 0; e < 3; e++) {
        double ea = t->edge[e][0], eb = t->edge[e][1], ec = t->edge[e][2] + ea * ox + eb * oy;
        plane[0] += ea;
        plane[1] += eb;
        plane[2] += ec;
        /* An edge that the whole rectangle clears, by more than float can lose, needs no test. */
        double least = small ? -1 : ec + (ea < 0 ? ea * x1 : ea * x0) + (eb < 0 ? eb * y1 : eb * y0);
        if (least > 1e-5 * (fabs(ea) * TILE + fabs(eb) * TILE + fabs(ec)))
            continue;
        c.a[edges] = vf_splat((float)ea);
        c.b[edges] = vf_splat((float)eb);
        c.c[edges] = vf_splat((float)ec);
        c.threshold[edges++] = vf_splat(edge_threshold(ea, eb));
    }
    bool crosses = t->z_top > p->inverse_near;
    c.za = vf_splat((float)(plane[0] * t->inverse_det));
    c.zb = vf_splat((float)(plane[1] * t->inverse_det));
    c.zc = vf_splat((float)(plane[2] * t->inverse_det));
    c.z_limit = vf_splat(crosses ? p->inverse_near : t->z_top); /* float may err beyond the nearest corner */
    const rectangle r = { x0, y0, x1, y1 };
    if ((block[2] - block[0] + 1) * (block[3] - block[1] + 1) > 2) {
        fill_blocks(&c, s, l, r, block, edges, crosses, t->z_top);
    } else if (fill_any(&c, s, l, r, edges, crosses)) {
        s->stale[block[1] * BLOCKS + block[0]] = true;
        s->stale[block[3] * BLOCKS + block[2]] = true;
    }
}

static void clear(render_scratch *s, int samples)
{
    size_t n = (size_t)TILE * TILE * samples;
    memset(s->z, 0, n * sizeof *s->z);
    memset(s->id, 0xff, n * sizeof *s->id);
    memset(s->far, 0, sizeof s->far);
    memset(s->stale, 0, sizeof s->stale);
}

static void visibility(const render_pass *p, render_scratch *s, int tile, uint32_t count, int samples)
{
    int ox = tile % p->tiles_x * TILE, oy = tile / p->tiles_x * TILE;
    tile_lanes l = lanes_for(samples);
    clear(s, samples);
    for (uint32_t i = 0; i < count; i++) {
        if (i + 8 < count) { /* they lie all over the slots; two lines each */
            __builtin_prefetch(s->setups[i + 8]);
            __builtin_prefetch((const char *)s->setups[i + 8] + 64);
        }
        rasterise(p, s, s->setups[i], i, ox, oy, &l);
    }
}
