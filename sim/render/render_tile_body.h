/* sim/render/render_tile_body.h — one 64 x 64 tile: what is visible, then its light (included once per instruction set).
 *
 *   1. rasterise   for each triangle of the tile, each sample: is it inside, is it nearer? Keeps 1/depth and the triangle's number.
 *   2. jobs        per pixel the distinct triangles among its samples, each with its share of the pixel
 *   3. shade       LANES jobs at a time: surface picture, sun, shadow, sky light, reflection, fog, tone curve
 *   4. resolve     display coding, bytes
 *
 * With four samples a vector holds LANES / 4 pixels of a row with all their samples, with one sample 4 pixels of LANES / 4 rows: small
 * triangles cost few vectors, and the same loop serves both. In a street three of four triangles lie behind others: each
 * block of 8 x 8 pixels knows how far its farthest sample is, and what is farther still is left out.
 *
 * Tags, ids and depth come from a pass with the one sample in the middle of the pixel: the same bytes with and without
 * anti-aliasing. Only + - * / sqrt, comparisons and conversions are used, never fused, so lanes do not change results. */
#include "sim/render/render_internal.h"
#include "sim/render/render_simd.h"
#include <float.h>
#include <stdlib.h>

#define NOTHING UINT32_MAX
/* Colour and labels go by blocks of 4 x HIGH pixels, one vector. */
enum { HIGH = LANES / 4, BLOCK_MAX = TILE * TILE / LANES };

/* Rotated grid: four samples, no two in one row or column. */
static const float sample_x[2][4] = { { 0.5f, 0.5f, 0.5f, 0.5f }, { 0.375f, 0.875f, 0.125f, 0.625f } };
static const float sample_y[2][4] = { { 0.5f, 0.5f, 0.5f, 0.5f }, { 0.125f, 0.375f, 0.625f, 0.875f } };

/* ---- 1. visibility */

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

/* ---- labels: the sample in the middle of the pixel, as it is. A vector is 4 pixels of LANES / 4 rows. */

/* To the tile's own rows, where who turns them into something else finds them; whole vectors, beyond the picture's edge too. */
static void labels(const render_pass *p, render_scratch *s, int tile)
{
    int ox = tile % p->tiles_x * TILE, oy = tile / p->tiles_x * TILE;
    int w = p->width - ox < TILE ? p->width - ox : TILE, h = p->height - oy < TILE ? p->height - oy : TILE;
    uint32_t last = NOTHING, id = 0; /* neighbours mostly share their triangle */
    uint8_t tag = SCENE_TAG_SKY;
    for (int y = 0; y < h; y += HIGH)
        for (int x = 0; x < w; x += 4) {
            const uint32_t *numbers = s->id + sample_at(x, y, 1);
            vf depth = 1.0f / vf_load(s->z + sample_at(x, y, 1)); /* z = 0 in the sky */
            vi ids;
            uint32_t id_of[LANES];
            uint8_t tags[LANES];
            bool same = vi_same(vi_load(numbers));
            for (int k = 0; k < (same ? 1 : LANES); k++) {
                uint32_t n = numbers[k];
                if (n != last) {
                    last = n;
                    tag = n == NOTHING ? SCENE_TAG_SKY : s->setups[n]->tag;
                    id = n == NOTHING ? 0 : s->setups[n]->id;
                }
                tags[k] = tag;
                id_of[k] = id;
            }
            if (same) {
                ids = vi_splat((int32_t)id);
                memset(tags, tag, sizeof tags);
            } else {
                ids = vi_load(id_of);
            }
            for (int j = 0; j < HIGH; j++) {
                int at = (y + j) * TILE + x;
                memcpy(s->label_tag + at, tags + 4 * j, 4);
                memcpy(s->label_id + at, (const int32_t *)&ids + 4 * j, 16);
                memcpy(s->label_depth + at, (const float *)&depth + 4 * j, 16);
            }
        }
    for (int y = 0; y < h; y++) {
        size_t at = (size_t)(oy + y) * p->width + ox;
        if (p->out.tag)
            memcpy(p->out.tag + at, s->label_tag + y * TILE, (size_t)w);
        if (p->out.id)
            memcpy(p->out.id + at, s->label_id + y * TILE, (size_t)w * sizeof *s->label_id);
        if (p->out.depth)
            memcpy(p->out.depth + at, s->label_depth + y * TILE, (size_t)w * sizeof *s->label_depth);
    }
}

/* ---- normals and motion: exact for the middle of the pixel, in double; neighbours mostly share their triangle */

typedef struct surface_of_triangle {
    uint32_t number;
    double edge[3][3];   /* in the picture's pixels, turned so that they are positive inside */
    double normal[3][3]; /* of the corners, world */
    double before[3][3]; /* corners in the picture before: x w, y w, w */
} surface_of_triangle;

static void find_surface(const render_pass *p, const render_setup *t, uint32_t number, surface_of_triangle *s)
{
    const render_item *item = &p->items[t->item];
    const scene_triangle *tri = &item->part->triangles[t->triangle];
    double sign = t->flipped ? -1 : 1;
    s->number = number;
    memcpy(s->edge, t->edge, sizeof s->edge);
    for (int i = 0; i < 3; i++) {
        const scene_vertex *v = &item->part->vertices[tri->vertex[i]];
        double n[3] = { v->normal[0], v->normal[1], v->normal[2] };
        for (int k = 0; k < 3; k++) {
            const double *m = item->normal[k], *b = item->before[k];
            s->normal[i][k] = sign * (item->instance ? m[0] * n[0] + m[1] * n[1] + m[2] * n[2] : n[k]);
            s->before[i][k] = p->out.motion ? b[0] * v->position[0] + b[1] * v->position[1] + b[2] * v->position[2] + b[3] : 0;
        }
    }
}

static void put_normal(float *out, const double n[3])
{
    double length = sqrt(n[0] * n[0] + n[1] * n[1] + n[2] * n[2]);
    for (int k = 0; k < 3; k++)
        out[k] = length > 0 ? (float)(n[k] / length) : 0;
}

static void put_motion(float *out, double x, double y, const double before[3], double w)
{
    bool seen = before[2] > 1e-6 * w;
    out[0] = seen ? (float)(x - before[0] / before[2]) : 0;
    out[1] = seen ? (float)(y - before[1] / before[2]) : 0;
}

/* wants_normal, wants_motion: constants of each call. */
static inline __attribute__((always_inline)) void surfaces_with(const render_pass *p, render_scratch *s, int tile,
                                                                const bool wants_normal, const bool wants_motion)
{
    int ox = tile % p->tiles_x * TILE, oy = tile / p->tiles_x * TILE;
    int w = p->width - ox < TILE ? p->width - ox : TILE, h = p->height - oy < TILE ? p->height - oy : TILE;
    surface_of_triangle at = { .number = NOTHING };
    for (int j = 0; j < h; j++)
        for (int i = 0; i < w; i++) {
            size_t pixel = (size_t)(oy + j) * p->width + ox + i;
            uint32_t n = s->id[sample_at(i, j, 1)];
            double x = ox + i + 0.5, y = oy + j + 0.5, normal[3] = { 0, 0, 0 }, before[3] = { 0, 0, 0 }, sum = 0;
            if (n == NOTHING) {
                for (int k = 0; wants_motion && k < 3; k++)
                    before[k] = p->sky_before[k][0] * x + p->sky_before[k][1] * y + p->sky_before[k][2];
                sum = 1;
            } else {
                if (n != at.number)
                    find_surface(p, s->setups[n], n, &at);
                for (int v = 0; v < 3; v++) {
                    double e = at.edge[v][0] * x + at.edge[v][1] * y + at.edge[v][2];
                    sum += e;
                    for (int k = 0; k < 3; k++) {
                        if (wants_normal)
                            normal[k] += e * at.normal[v][k];
                        if (wants_motion)
                            before[k] += e * at.before[v][k];
                    }
                }
            }
            if (wants_normal)
                put_normal(p->out.normal + 3 * pixel, normal);
            if (wants_motion)
                put_motion(p->out.motion + 2 * pixel, x, y, before, sum);
        }
}

static void surfaces(const render_pass *p, render_scratch *s, int tile)
{
    if (p->out.normal && p->out.motion)
        surfaces_with(p, s, tile, true, true);
    else if (p->out.normal)
        surfaces_with(p, s, tile, true, false);
    else
        surfaces_with(p, s, tile, false, true);
}

/* ---- 2. jobs */

/* Record of a visible triangle: planes over (x, y) in the tile of 1/w, u/w, v/w, normal/w, light/w, then its material.
 *   [0..7] factor of x   [8..15] factor of y   [16..23] constant
 *   [24..26] colour  [27] gloss  [28] emission  [29] texture layer (int)  [30] 1 = lets light through  [31] 1 = can be wet */
enum { R_Z, R_U, R_V, R_NX, R_NY, R_NZ, R_LIGHT, R_RED = 24, R_GLOSS = 27, R_EMISSION, R_LAYER, R_LEAF, R_WET };

static void corner_attributes(const render_item *item, const render_setup *t, const scene_vertex *v, double u0, double v0,
                              double scale, double a[8])
{
    double n[3] = { v->normal[0], v->normal[1], v->normal[2] }, sign = t->flipped ? -1.0 / 32767 : 1.0 / 32767;
    if (item->instance) {
        double m[3];
        for (int k = 0; k < 3; k++)
            m[k] = item->normal[k][0] * n[0] + item->normal[k][1] * n[1] + item->normal[k][2] * n[2];
        memcpy(n, m, sizeof n);
    }
    a[0] = 1;
    a[1] = v->uv[0] * scale - u0;
    a[2] = v->uv[1] * scale - v0;
    a[3] = n[0] * sign;
    a[4] = n[1] * sign;
    a[5] = n[2] * sign;
    a[6] = v->light * (1.0 / 65535);
    a[7] = 0;
}

static bool is_facade(scene_texture t)
{
    return t == SCENE_FACADE_BRICK || t == SCENE_FACADE_PLASTER || t == SCENE_FACADE_OFFICE || t == SCENE_FACADE_SHOP ||
           t == SCENE_FACADE_GLASS || t == SCENE_FACADE_STONE;
}

static void fill_record(const render_pass *p, const render_setup *t, int ox, int oy, float *r)
{
    const render_item *item = &p->items[t->item];
    const scene_triangle *tri = &item->part->triangles[t->triangle];
    const scene_vertex *v[3];
    for (int k = 0; k < 3; k++)
        v[k] = &item->part->vertices[tri->vertex[k]];
    const scene_material *m = &p->scene->materials[tri->material];
    double scale = 1.0 / scene_texture_repeat_m(m->texture);
    /* Whole repeats are dropped, so that float keeps its digits far from the origin. */
    double u0 = floor(v[0]->uv[0] * scale), v0 = floor(v[0]->uv[1] * scale);
    if (is_facade(m->texture))
        u0 = v0 = 0; /* windows are counted from the wall's corner */
    double attribute[3][8];
    for (int k = 0; k < 3; k++)
        corner_attributes(item, t, v[k], u0, v0, scale, attribute[k]);
    for (int k = 0; k < 3; k++) {
        double e[3];
        for (int i = 0; i < 3; i++) {
            const double *q = t->edge[i];
            e[i] = (k < 2 ? q[k] : q[2] + q[0] * ox + q[1] * oy) * t->inverse_det;
        }
        for (int j = 0; j < 8; j++)
            r[k * 8 + j] = (float)((e[0] * attribute[0][j] + e[1] * attribute[1][j]) + e[2] * attribute[2][j]);
    }
    const float *rgb = m->rgb;
    if (m->texture == SCENE_CAR_PAINT && item->instance)
        rgb = item->instance->tint;
    memcpy(r + R_RED, rgb, 3 * sizeof *r);
    r[R_GLOSS] = m->gloss;
    r[R_EMISSION] = m->emission + (m->glow && item->instance ? item->instance->glow[m->glow - 1] : 0);
    int32_t layer = (int32_t)m->texture * TEXTURE_TEXELS;
    memcpy(r + R_LAYER, &layer, sizeof layer);
    r[R_LEAF] = m->texture == SCENE_LEAF;
    r[R_WET] = m->texture == SCENE_ASPHALT || m->texture == SCENE_PAINT || m->texture == SCENE_PAVING ||
               m->texture == SCENE_CONCRETE || m->texture == SCENE_ROOF;
}

static uint32_t record_for(const render_pass *p, render_scratch *s, uint32_t n, int ox, int oy)
{
    if (s->record_of[n] != NOTHING)
        return s->record_of[n];
    if (s->record_count == s->record_capacity) {
        uint32_t wanted = s->record_capacity ? s->record_capacity * 2 : 1024;
        float *moved = realloc(s->records, (size_t)wanted * RECORD_FLOATS * sizeof *moved);
        if (!moved) {
            s->failed = true;
            return 0;
        }
        s->records = moved;
        s->record_capacity = wanted;
    }
    fill_record(p, s->setups[n], ox, oy, s->records + (size_t)s->record_count * RECORD_FLOATS);
    return s->record_of[n] = s->record_count++;
}

/* What is to be shaded in a tile, in four lists: blocks of 4 x LANES / 4 pixels that show one triangle, other pixels that do, and parts of
 * pixels that several triangles share, with their middle and weight. In each, surfaces are listed from the front of the arrays, sky from
 * the back. */
typedef struct job_counts {
    int block, block_sky, whole, whole_sky, part, part_sky, shared; /* shared: pixels of several triangles */
} job_counts;

static inline void add_whole(const render_pass *p, render_scratch *s, job_counts *c, uint32_t n, int pixel, int ox, int oy)
{
    int at = n == NOTHING ? WHOLE_MAX - ++c->whole_sky : c->whole++;
    s->whole_record[at] = n == NOTHING ? 0 : record_for(p, s, n, ox, oy) * RECORD_FLOATS;
    s->whole_pixel[at] = (uint16_t)pixel;
}

/* A pixel with several triangles: one part for each. */
static void add_parts(const render_pass *p, render_scratch *s, job_counts *c, const uint32_t id[4], int x, int y, int ox,
                      int oy)
{
    uint32_t left = 15;
    while (left) {
        int k = __builtin_ctz(left), at;
        uint32_t n = id[k], mine = 0;
        float sx = 0, sy = 0, count = 0;
        for (int j = k; j < 4; j++)
            if (id[j] == n) {
                mine |= 1u << j;
                sx += sample_x[1][j];
                sy += sample_y[1][j];
                count++;
            }
        left &= ~mine;
        at = n == NOTHING ? JOBS_MAX - ++c->part_sky : c->part++;
        s->job_record[at] = n == NOTHING ? 0 : record_for(p, s, n, ox, oy) * RECORD_FLOATS;
        s->job_pixel[at] = (uint16_t)c->shared;
        s->job_x[at] = (float)x + sx / count;
        s->job_y[at] = (float)y + sy / count;
        s->job_weight[at] = count / 4;
    }
    s->shared_pixel[c->shared++] = (uint16_t)(y * TILE + x);
}

/* Does a block show one triangle? One sample per pixel: it is a vector; four: a row of it is 16 of them. */
static inline bool is_one(const uint32_t *id, int samples)
{
    vi first = vi_splat((int32_t)id[0]);
    if (samples == 1)
        return lane_bits(vi_equal(vi_load(id), first)) == ALL_LANES;
    for (int row = 0; row < HIGH; row++, id += TILE * 4)
        for (int k = 0; k < 16; k += LANES)
            if (lane_bits(vi_equal(vi_load(id + k), first)) != ALL_LANES)
                return false;
    return true;
}

static void list_block(const render_pass *p, render_scratch *s, job_counts *c, int x, int y, int samples, int ox, int oy,
                       bool cut)
{
    const uint32_t *id = s->id + sample_at(x, y, samples);
    if (!cut && is_one(id, samples)) {
        int at = id[0] == NOTHING ? BLOCK_MAX - ++c->block_sky : c->block++;
        s->block_record[at] = id[0] == NOTHING ? 0 : record_for(p, s, id[0], ox, oy) * RECORD_FLOATS;
        s->block_pixel[at] = (uint16_t)(y * TILE + x);
        return;
    }
    for (int j = 0; j < HIGH && oy + y + j < p->height; j++)
        for (int i = 0; i < 4 && ox + x + i < p->width; i++) {
            const uint32_t *at = samples == 1 ? id + 4 * j + i : id + 4 * (j * TILE + i);
            if (samples == 1 || ((at[0] ^ at[1]) | (at[0] ^ at[2]) | (at[0] ^ at[3])) == 0)
                add_whole(p, s, c, at[0], (y + j) * TILE + x + i, ox, oy);
            else
                add_parts(p, s, c, at, x + i, y + j, ox, oy);
        }
}

static job_counts make_jobs(const render_pass *p, render_scratch *s, int tile, int samples)
{
    int ox = tile % p->tiles_x * TILE, oy = tile / p->tiles_x * TILE;
    job_counts c = { 0 };
    for (int y = 0; y < TILE && oy + y < p->height; y += HIGH)
        for (int x = 0; x < TILE && ox + x < p->width; x += 4)
            list_block(p, s, &c, x, y, samples, ox, oy, ox + x + 4 > p->width || oy + y + HIGH > p->height);
    /* Lanes behind the last job repeat it, their results are dropped; those behind the last of the sky see the tile's corner. */
    for (int k = 0; k < LANES; k++) {
        if (c.whole > 0 && c.whole + k < WHOLE_MAX - c.whole_sky) {
            s->whole_record[c.whole + k] = s->whole_record[c.whole - 1];
            s->whole_pixel[c.whole + k] = s->whole_pixel[c.whole - 1];
        }
        if (c.part > 0 && c.part + k < JOBS_MAX - c.part_sky) {
            s->job_record[c.part + k] = s->job_record[c.part - 1];
            s->job_x[c.part + k] = s->job_x[c.part - 1];
            s->job_y[c.part + k] = s->job_y[c.part - 1];
        }
        s->whole_pixel[WHOLE_MAX + k] = 0;
        s->whole_record[WHOLE_MAX + k] = s->job_record[JOBS_MAX + k] = 0;
        s->job_x[JOBS_MAX + k] = s->job_y[JOBS_MAX + k] = s->job_weight[JOBS_MAX + k] = 0;
    }
    return c;
}

/* ---- 3. light */

typedef struct v3 {
    vf x, y, z;
} v3;
static inline vf dot3(v3 a, v3 b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
static inline vf dot3f(v3 a, const float b[3]) { return a.x * b[0] + a.y * b[1] + a.z * b[2]; }
static inline v3 scale3(v3 a, vf k) { return (v3){ a.x * k, a.y * k, a.z * k }; }
static inline v3 mix3(v3 a, v3 b, vf t) { return (v3){ a.x + (b.x - a.x) * t, a.y + (b.y - a.y) * t, a.z + (b.z - a.z) * t }; }
static inline v3 splat3(const float c[3]) { return (v3){ vf_splat(c[0]), vf_splat(c[1]), vf_splat(c[2]) }; }
static inline vf smooth(vf x, float lo, float hi)
{
    vf t = vf_saturate((x - lo) * (1.0f / (hi - lo)));
    return t * t * (3.0f - 2.0f * t);
}

/* Clear sky in direction d (unit), and its glow around the sun. Below the horizon: the sunlit ground. */
static v3 sky_gradient(const render_environment *e, v3 d)
{
    vf up = vf_saturate(d.z), curve = up * vf_rsqrt(vf_max(up, vf_splat(1e-12f)));
    v3 c = mix3(splat3(e->horizon_rgb), splat3(e->zenith_rgb), vf_saturate(curve * 1.25f - 0.06f));
    vf towards = vf_saturate(dot3f(d, e->sun_direction)), t2 = towards * towards, t8 = t2 * t2 * t2 * t2;
    vf glow = t8 * 0.12f * (1.0f - e->cloud_cover * 0.8f);
    c = (v3){ c.x + glow * e->sun_rgb[0], c.y + glow * e->sun_rgb[1], c.z + glow * e->sun_rgb[2] };
    return mix3(c, splat3(e->ground_rgb), vf_saturate(d.z * -12.0f));
}

static vf cloud_sample(const float *clouds, vf u, vf v)
{
    u = (u - vf_floor(u)) * (float)CLOUD_SIZE;
    v = (v - vf_floor(v)) * (float)CLOUD_SIZE;
    vf fu = vf_floor(u), fv = vf_floor(v), tu = u - fu, tv = v - fv;
    vi x0 = vi_of(fu) & (CLOUD_SIZE - 1), x1 = (x0 + 1) & (CLOUD_SIZE - 1);
    vi y0 = (vi_of(fv) & (CLOUD_SIZE - 1)) * CLOUD_SIZE, y1 = (y0 + CLOUD_SIZE) & (CLOUD_SIZE * CLOUD_SIZE - 1);
    vf a = vf_gather(clouds, y0 + x0), b = vf_gather(clouds, y0 + x1);
    vf c = vf_gather(clouds, y1 + x0), d = vf_gather(clouds, y1 + x1);
    a = a + (b - a) * tu;
    c = c + (d - c) * tu;
    return a + (c - a) * tv;
}

static v3 sky(const render_pass *p, v3 d)
{
    const render_environment *e = &p->environment;
    v3 c = sky_gradient(e, d);
    vf towards = dot3f(d, e->sun_direction);
    /* The disc is a quarter degree in radius; its halo hides in the clouds. */
    vf disc = vf_splat(0), cover = vf_splat(0), density = vf_splat(0);
    if (vi_any(towards > 0.985f))
        disc = smooth(towards, 0.99980f, 0.99993f) * 12.0f + smooth(towards, 0.985f, 1.0004f) * 0.55f;
    /* Both octaves are at most 1: where the first one is low no cloud can be, whatever the second. */
    float least = 0.80f - 0.95f * e->cloud_cover;
    vf k = 0.55f / (vf_max(d.z, vf_splat(0)) + 0.16f);
    vf u = d.x * k + e->cloud_offset_m[0] * 1e-4f, v = d.y * k + e->cloud_offset_m[1] * 1e-4f;
    if (e->cloud_cover > 0)
        density = cloud_sample(p->clouds, u, v) * 0.68f;
    if (e->cloud_cover > 0.9f || vi_any(density > least - 0.33f)) {
        density = density + cloud_sample(p->clouds, u * 3.7f + 0.31f, v * 3.7f + 0.17f) * 0.32f;
        vf body = (density - least) * 3.2f;
        cover = vf_saturate(body);
        cover = cover * cover * (3.0f - 2.0f * cover) * vf_saturate(d.z * 9.0f - 0.1f);
        cover = vf_max(cover, vf_splat(e->cloud_cover > 0.9f ? (e->cloud_cover - 0.9f) * 10.0f : 0.0f));
        vf shade = 1.0f - vf_saturate(body * 0.35f) * 0.45f;
        v3 cloud = scale3(splat3(e->cloud_rgb), shade);
        vf lining = vf_saturate(towards) * (1.0f - cover) * 0.6f;
        cloud = (v3){ cloud.x + lining * e->sun_rgb[0], cloud.y + lining * e->sun_rgb[1], cloud.z + lining * e->sun_rgb[2] };
        c = mix3(c, cloud, cover);
    }
    disc = disc * (1.0f - cover) * (1.0f - cover) * vf_saturate(d.z * 40.0f + 0.2f);
    c = (v3){ c.x + disc * e->sun_rgb[0], c.y + disc * e->sun_rgb[1], c.z + disc * e->sun_rgb[2] };
    /* Fog fills the lower sky. */
    if (e->fog_density_per_m > 0) {
        vf path = 220.0f / (vf_max(d.z, vf_splat(0)) + 0.02f);
        vf clear = vf_exp2(vf_min(path, vf_splat(9000)) * (-1.4427f * e->fog_density_per_m));
        c = mix3(splat3(e->horizon_rgb), c, clear);
    }
    return c;
}

/* Trilinear sample of the surface pictures. rgb: factor on the material's colour; a: share of glass. Only the weights are floats: colours
 * are mixed as whole numbers (render_simd.h), four channels at a time. */
static inline __attribute__((always_inline)) void texture(const uint32_t *textures, vi layer, vf u, vf v, vf lod, v3 *rgb,
                                                          vf *a)
{
    lod = vf_clamp(lod, 0, TEXTURE_LEVELS - 1.001f);
    vi level = vi_of(lod);
    vf blend = lod - vf_of(level);
    u = u - vf_floor(u);
    v = v - vf_floor(v);
    texels mixed = { 0 };
    int levels = vi_any(blend > 0.0f) ? 2 : 1;
    for (int k = 0; k < levels; k++) {
        vi size = vi_splat(TEXTURE_SIZE) >> level, mask = size - 1;
        vf pu = u * vf_of(size) - 0.5f, pv = v * vf_of(size) - 0.5f;
        vf fu = vf_floor(pu), fv = vf_floor(pv), tu = pu - fu, tv = pv - fv;
        /* Where the level begins: squares of 257, 129, 65 ... texels come before it. */
        vi squares = 0x15554 & -(vi_splat(4 << 2 * TEXTURE_SIZE_LOG2) >> (level + level)); /* 0, 4^8, 4^8 + 4^7, ... */
        vi base = layer + squares + (4 * TEXTURE_SIZE + level - 4 * size);
        vi pitch = size + 1, at = base + (vi_of(fv) & mask) * pitch + (vi_of(fu) & mask);
        texels here = texels_lerp(texels_row(textures, at, tu), texels_row(textures, at + pitch, tu), tv);
        mixed = k == 0 ? here : texels_lerp(mixed, here, blend);
        level = level + 1;
    }
    vf sum[4];
    texels_split(mixed, sum);
    const float unit = 1.4142135f / (255 * 127);
    for (int c = 0; c < 3; c++)
        sum[c] = sum[c] * unit;
    *rgb = (v3){ sum[0] * sum[0], sum[1] * sum[1], sum[2] * sum[2] };
    *a = sum[3] * (1.0f / (255 * 127));
}

/* Share of sunlight that reaches a camera-relative world point: four neighbouring texels, weighted by distance. */
static vf sunlit(const render_shadow_lookup *l, v3 at, v3 n, vf distance)
{
    /* A texel knows one height; the surface's own varies across it. How much, by the slope of the surface against the plane across
     * the rays, is what the point may be lower without being in its own shadow: nothing on level ground, much on walls. */
    vf facing = vf_max(dot3f(n, l->sun), vf_splat(0.05f));
    vf per = l->sun[2] / facing;
    vf slope = vf_abs(l->unit_s[2] - dot3f(n, l->unit_s) * per) + vf_abs(l->unit_t[2] - dot3f(n, l->unit_t) * per);
    vf slack = vf_min(0.015f + 0.125f * slope, vf_splat(1.5f)); /* a texel is 0.1 m wide */
    vf s = at.x * l->across_s[0] + at.y * l->across_s[1] + at.z * l->across_s[2] + l->origin_s;
    vf t = at.x * l->across_t[0] + at.y * l->across_t[1] + at.z * l->across_t[2] + l->origin_t;
    vi valid = (s >= 0) & (s < SHADOW_GRID) & (t >= 0) & (t < SHADOW_GRID) & (distance < l->range_m);
    s = vf_select(valid, s, vf_splat(0));
    t = vf_select(valid, t, vf_splat(0));
    vf fs = vf_floor(s), ft = vf_floor(t);
    vi piece = vi_gather(l->piece, vi_of(ft) * SHADOW_GRID + vi_of(fs));
    valid &= piece >= 0;
    piece = vi_select(valid, piece, vi_splat(0));
    vf x = (s - fs) * (float)SHADOW_TEXELS + (SHADOW_BORDER - 0.5f),
       y = (t - ft) * (float)SHADOW_TEXELS + (SHADOW_BORDER - 0.5f);
    vf fx = vf_floor(x), fy = vf_floor(y), wx = x - fx, wy = y - fy;
    vf height = vf_clamp((at.z + slack) * l->height_scale + l->height_origin, 0, 65535);
    vi h = vi_of(height), texel = piece + vi_of(fy) * SHADOW_PITCH + vi_of(fx);
    vi upper = vi_gather2(l->maps, texel), lower = vi_gather2(l->maps, texel + SHADOW_PITCH);
    /* A true comparison is -1. */
    vf l00 = -vf_of((upper & 65535) <= h), l01 = -vf_of(((upper >> 16) & 65535) <= h);
    vf l10 = -vf_of((lower & 65535) <= h), l11 = -vf_of(((lower >> 16) & 65535) <= h);
    l00 = l00 + (l01 - l00) * wx;
    l10 = l10 + (l11 - l10) * wx;
    vf lit = l00 + (l10 - l00) * wy;
    vf fade = vf_saturate((distance - 0.85f * l->range_m) * (1.0f / (0.15f * l->range_m)));
    lit = lit + (1.0f - lit) * fade;
    return vf_select(valid, lit, vf_splat(1));
}

static v3 tone_curve(v3 c, float exposure) /* Narkowicz's fit of the ACES film curve */
{
    vf *x[3] = { &c.x, &c.y, &c.z };
    for (int k = 0; k < 3; k++) {
        vf v = *x[k] * exposure;
        *x[k] = vf_saturate(v * (2.51f * v + 0.03f) / (v * (2.43f * v + 0.59f) + 0.14f));
    }
    return c;
}

/* Fields of the records of LANES jobs. Neighbouring jobs mostly share a record: each distinct one is one broadcast into its lanes. A
 * gather reads lane by lane and costs four times as much as the usual two or three. */
enum { RUNS_MAX = LANES / 2 };
typedef struct field_reader {
    const float *records;
    vi offset;
    int runs; /* distinct ones; 0: too many, gather */
    const float *first[RUNS_MAX];
    lane_mask lanes[RUNS_MAX]; /* of those after the first */
} field_reader;

static field_reader read_fields(const float *records, const uint32_t *offsets)
{
    field_reader f = { .records = records, .offset = vi_load(offsets), .runs = 1 };
    f.first[0] = records + offsets[0];
    uint32_t left = ~lane_bits(vi_equal(f.offset, vi_splat((int32_t)offsets[0]))) & ALL_LANES;
    while (left) {
        if (f.runs == RUNS_MAX) {
            f.runs = 0;
            break;
        }
        int k = __builtin_ctz(left);
        lane_mask same = vi_equal(f.offset, vi_splat((int32_t)offsets[k]));
        left &= ~lane_bits(same);
        f.first[f.runs] = records + offsets[k];
        f.lanes[f.runs++] = same;
    }
    return f;
}

static inline __attribute__((always_inline)) vf field(const field_reader *f, int k, const bool one)
{
    if (one)
        return vf_splat(f->records[k]);
    if (f->runs == 0)
        return vf_gather(f->records + k, f->offset);
    vf x = vf_splat(f->first[0][k]);
    for (int i = 1; i < f->runs; i++)
        x = vf_put(x, f->lanes[i], f->first[i][k]);
    return x;
}

/* Light of the tile's lamps on a surface; *shine gets what a wet or glossy one mirrors of them, by `gloss` squared. */
static v3 lamp_light(const render_pass *p, const render_scratch *s, v3 at, v3 n, v3 mirrored, vf leaf, v3 *shine)
{
    v3 sum = { { 0 }, { 0 }, { 0 } };
    for (int i = 0; i < s->lamp_count; i++) {
        const render_lit *l = &p->lamps[s->lamps[i]];
        v3 d = { l->at[0] - at.x, l->at[1] - at.y, l->at[2] - at.z };
        vf d2 = dot3(d, d), far = d2 * l->inverse_range2;
        vf reach = vf_saturate(1.0f - far * far);
        if (!vi_any(reach > 0))
            continue;
        vf inverse2 = 1.0f / (d2 + l->soft2);
        v3 to = scale3(d, 1.0f / vf_sqrt(vf_max(d2, vf_splat(1e-4f))));
        vf cone = vf_saturate(l->cone_offset - dot3f(to, l->direction) * l->cone_scale);
        reach = reach * reach * cone * cone;
        vf facing = dot3(n, to);
        vf diffuse = vf_saturate(facing) * (1.0f - leaf) + leaf * (0.25f + 0.35f * vf_abs(facing));
        vf power = reach * inverse2 * diffuse;
        vf spot = vf_saturate(dot3(mirrored, to)), s2 = spot * spot, s4 = s2 * s2, s16 = s4 * s4 * s4 * s4;
        vf glint = reach * vf_sqrt(inverse2) * s16 * s16 * 0.05f;
        sum = (v3){ sum.x + power * l->rgb[0], sum.y + power * l->rgb[1], sum.z + power * l->rgb[2] };
        *shine = (v3){ shine->x + glint * l->rgb[0], shine->y + glint * l->rgb[1], shine->z + glint * l->rgb[2] };
    }
    return sum;
}

/* Which windows are lit: by their number on the wall, the wall's colour and the way it looks. 0 or how strongly. */
static vf window_lit(vf u, vf v, v3 n, vf red)
{
    vu h = (vu)vi_of(vf_floor(u * 2.0f)) * 374761393u + (vu)vi_of(vf_floor(v * 2.0f)) * 668265263u;
    h = h + (vu)vi_of(vf_floor(n.x * 2.0f + 0.5f)) * 2246822519u + (vu)vi_of(vf_floor(n.y * 2.0f + 0.5f)) * 3266489917u;
    h = h + (vu)vi_of(red * 997.0f) * 1597334677u;
    h = (h ^ (h >> 13)) * 1274126177u;
    h = h ^ (h >> 16);
    vf unit = vf_of((vi)(h & 1023)) * (1.0f / 1024);
    return vf_select(unit < 0.3f, 0.35f + unit * 2.0f, vf_splat(0));
}

/* ray: of unit depth; inverse: 1 / its length. one: all lanes have the record f->records. */
static inline __attribute__((always_inline)) v3 surface(const render_pass *p, const render_scratch *s, const field_reader *f,
                                                        vf x, vf y, v3 ray, vf inverse, const bool one)
{
    const render_environment *e = &p->environment;
    vf za = field(f, R_Z, one), zb = field(f, R_Z + 8, one);
    vf w = 1.0f / (field(f, R_Z + 16, one) + za * x + zb * y);
    vf ua = field(f, R_U, one), ub = field(f, R_U + 8, one), va = field(f, R_V, one), vb = field(f, R_V + 8, one);
    vf u = (field(f, R_U + 16, one) + ua * x + ub * y) * w, v = (field(f, R_V + 16, one) + va * x + vb * y) * w;
    /* Footprint of the pixel in texels: along the screen's axes, then a compromise between the longer and the shorter. */
    vf size = w * (float)TEXTURE_SIZE;
    vf ux = (ua - u * za) * size, vx = (va - v * za) * size, uy = (ub - u * zb) * size, vy = (vb - v * zb) * size;
    vf dx = ux * ux + vx * vx, dy = uy * uy + vy * vy;
    vf longer = vf_max(vf_max(dx, dy), vf_splat(1e-12f)), shorter = vf_max(vf_min(dx, dy), longer * (1.0f / 16));
    vf lod = 0.25f * vf_log2(vf_min(longer, vf_splat(1e15f)) * vf_min(shorter, vf_splat(1e15f)));
    v3 grain;
    vf glass;
    texture(p->textures, (vi)field(f, R_LAYER, one), u, v, lod, &grain, &glass);

    v3 n = { field(f, R_NX + 16, one) + field(f, R_NX, one) * x + field(f, R_NX + 8, one) * y,
             field(f, R_NY + 16, one) + field(f, R_NY, one) * x + field(f, R_NY + 8, one) * y,
             field(f, R_NZ + 16, one) + field(f, R_NZ, one) * x + field(f, R_NZ + 8, one) * y };
    n = scale3(n, vf_rsqrt(vf_max(dot3(n, n), vf_splat(1e-30f))));
    vf open = vf_saturate((field(f, R_LIGHT + 16, one) + field(f, R_LIGHT, one) * x + field(f, R_LIGHT + 8, one) * y) * w);
    v3 at = scale3(ray, w);
    vf distance = w * dot3(ray, ray) * inverse;
    v3 eye = scale3(ray, -inverse);

    /* colour: glass in a picture keeps its own */
    v3 base = { field(f, R_RED, one), field(f, R_RED + 1, one), field(f, R_RED + 2, one) };
    vf wall = 1.0f - glass;
    v3 albedo = { grain.x * (base.x * wall + glass * 0.5f), grain.y * (base.y * wall + glass * 0.5f),
                  grain.z * (base.z * wall + glass * 0.5f) };
    vf gloss = field(f, R_GLOSS, one) * wall + glass * 0.9f, water = vf_splat(0);
    if (e->wetness > 0) {
        vf wet = field(f, R_WET, one) * vf_saturate(n.z) * e->wetness;
        albedo = scale3(albedo, 1.0f - 0.5f * wet);
        gloss = vf_max(gloss, wet * 0.75f);
        if (e->puddles > 0) {
            vf depth = cloud_sample(p->clouds, at.x * (1.0f / RENDER_PUDDLES_M) + p->puddle_u,
                                    at.y * (1.0f / RENDER_PUDDLES_M) + p->puddle_v);
            vf level = vf_saturate((n.z - 0.97f) * 50.0f) * vf_saturate(field(f, R_WET, one));
            water = vf_saturate((depth - (0.80f - 0.42f * e->puddles)) * 9.0f) * level;
            albedo = scale3(albedo, 1.0f - 0.45f * water);
            n = (v3){ n.x * (1.0f - water), n.y * (1.0f - water), n.z + (1.0f - n.z) * water };
            gloss = vf_max(gloss, water);
        }
    }

    /* light */
    vf leaf = field(f, R_LEAF, one);
    vf facing = dot3f(n, e->sun_direction);
    vf sun = vf_max(facing, vf_splat(0)) * (1.0f - leaf) + leaf * (0.30f + 0.45f * vf_abs(facing));
    vf lit = vf_splat(p->shadow.on ? 0 : 1);
    vi sees_sun = sun > 0.0f; /* what faces away is dark anyway, and does not mirror the sun */
    if (p->shadow.on && vi_any(sees_sun)) {
        v3 lifted = { at.x + n.x * 0.04f, at.y + n.y * 0.04f, at.z + n.z * 0.04f };
        lit = sunlit(&p->shadow, lifted, n, distance);
        lit = vf_select(sees_sun, lit + (1.0f - lit) * leaf * 0.25f, vf_splat(0));
    }
    vf direct = sun * lit * (0.55f + 0.45f * open);
    vf up = n.z * 0.5f + 0.5f;
    /* Mostly the lower sky lights things, and walls lend each other some of its grey. */
    v3 above = mix3(splat3(e->zenith_rgb), splat3(e->horizon_rgb), vf_splat(0.55f));
    vf grey = (above.x + above.y + above.z) * (1.0f / 3);
    above = mix3(above, (v3){ grey, grey, grey }, vf_splat(0.35f));
    v3 light = mix3(splat3(e->ground_rgb), above, up);
    light = (v3){ light.x * open + direct * e->sun_rgb[0], light.y * open + direct * e->sun_rgb[1],
                  light.z * open + direct * e->sun_rgb[2] };
    vf cosine = dot3(n, eye);
    v3 mirrored = { n.x * 2.0f * cosine - eye.x, n.y * 2.0f * cosine - eye.y, n.z * 2.0f * cosine - eye.z };
    v3 lamp_shine = { { 0 }, { 0 }, { 0 } };
    if (s->lamp_count) {
        v3 lamps = lamp_light(p, s, at, n, mirrored, leaf, &lamp_shine);
        light = (v3){ light.x + lamps.x, light.y + lamps.y, light.z + lamps.z };
    }
    vf emission = field(f, R_EMISSION, one);
    v3 c = { albedo.x * light.x + base.x * emission, albedo.y * light.y + base.y * emission,
             albedo.z * light.z + base.z * emission };

    /* reflection of the sky and of the sun, Schlick's Fresnel term */
    vi shines = gloss > 0.01f;
    if (vi_any(shines)) {
        gloss = vf_select(shines, gloss, vf_splat(0)); /* a lane's light must not depend on its neighbours */
        vf k = 1.0f - vf_saturate(cosine), k2 = k * k;
        vf share = gloss * (0.05f + (0.6f + 0.35f * water) * k2 * k2 * k);
        v3 image = sky_gradient(e, mirrored);
        vf spot = vf_saturate(dot3f(mirrored, e->sun_direction)), s2 = spot * spot, s4 = s2 * s2, s16 = s4 * s4 * s4 * s4;
        vf shine = gloss * gloss * lit * (s16 * s16 * s16 * s16) * 1.2f;
        c = (v3){ c.x + share * image.x * open + shine * e->sun_rgb[0], c.y + share * image.y * open + shine * e->sun_rgb[1],
                  c.z + share * image.z * open + shine * e->sun_rgb[2] };
        vf polish = gloss * gloss;
        c = (v3){ c.x + polish * lamp_shine.x, c.y + polish * lamp_shine.y, c.z + polish * lamp_shine.z };
    }
    if (e->window_light > 0 && vi_any(glass > 0.0f)) {
        vf inside = window_lit(u, v, n, base.x) * glass * (e->window_light * 0.30f);
        c = (v3){ c.x + inside, c.y + inside * 0.72f, c.z + inside * 0.42f };
    }
    if (e->fog_density_per_m > 0) {
        vf path = vf_max(distance - e->fog_start_m, vf_splat(0));
        vf clear = vf_exp2(path * (-1.4427f * e->fog_density_per_m));
        vf towards = vf_saturate(-dot3f(eye, e->sun_direction)), t2 = towards * towards, t4 = t2 * t2;
        v3 air = splat3(e->horizon_rgb);
        vf glow = t4 * 0.15f;
        air = (v3){ air.x + glow * e->sun_rgb[0], air.y + glow * e->sun_rgb[1], air.z + glow * e->sun_rgb[2] };
        c = mix3(air, c, clear);
    }
    return c;
}

static inline v3 ray_through(const render_pass *p, vf x, vf y)
{
    return (v3){ p->ray_0[0] + x * p->ray_x[0] + y * p->ray_y[0], p->ray_0[1] + x * p->ray_x[1] + y * p->ray_y[1],
                 p->ray_0[2] + x * p->ray_x[2] + y * p->ray_y[2] };
}

static v3 light_of_sky(const render_pass *p, vf x, vf y, float ox, float oy)
{
    v3 ray = ray_through(p, x + ox, y + oy);
    return sky(p, scale3(ray, vf_rsqrt(dot3(ray, ray))));
}

static v3 light_of_several(const render_pass *p, const render_scratch *s, const uint32_t *record, vf x, vf y, float ox,
                           float oy)
{
    v3 ray = ray_through(p, x + ox, y + oy);
    field_reader f = read_fields(s->records, record);
    return surface(p, s, &f, x, y, ray, vf_rsqrt(dot3(ray, ray)), false);
}

static v3 light_of_one(const render_pass *p, const render_scratch *s, uint32_t record, vf x, vf y, float ox, float oy)
{
    v3 ray = ray_through(p, x + ox, y + oy);
    field_reader f = { .records = s->records + record };
    return surface(p, s, &f, x, y, ray, vf_rsqrt(dot3(ray, ray)), true);
}

/* Light to bytes by a table (render_internal.h). */
static inline vi shown(const render_pass *p, v3 c)
{
    const vf channel[3] = { c.z, c.y, c.x };
    vi packed = vi_splat((int32_t)0xff000000);
    for (int k = 0; k < 3; k++) {
        vf v = vf_clamp(channel[k] * p->environment.exposure, DISPLAY_LEAST, DISPLAY_MOST);
        vi code = vi_gather1(p->display, ((vi)v >> DISPLAY_SHIFT) - DISPLAY_FIRST);
        packed |= (code & 255) << (8 * k);
    }
    return packed;
}

/* The first `count` lanes to pixels at[] of the picture, counted from the tile's corner. */
static inline void put(const render_pass *p, size_t corner, vi at, v3 c, int count)
{
    for (int k = 0; p->out.radiance && k < LANES && k < count; k++) {
        float *out = p->out.radiance + (corner + (size_t)at[k]) * 4;
        memcpy(out, (float[4]){ c.x[k], c.y[k], c.z[k], 1 }, 4 * sizeof *out);
    }
    if (!p->out.bgra)
        return;
    uint32_t *bgra = (uint32_t *)(void *)p->out.bgra + corner, pixel[LANES], to[LANES];
    vi_store(pixel, shown(p, c));
    vi_store(to, at);
    for (int k = 0; k < LANES && k < count; k++)
        bgra[to[k]] = pixel[k];
}

static void shade_blocks(const render_pass *p, render_scratch *s, int tile, int from, int to, bool is_sky)
{
    int left = tile % p->tiles_x * TILE, top = tile / p->tiles_x * TILE;
    float ox = (float)left, oy = (float)top;
    vf lane_x = vf_splat(0), lane_y = lane_x;
    vi lane_at = vi_splat(0);
    for (int k = 0; k < LANES; k++) {
        lane_x[k] = (float)(k % 4) + 0.5f;
        lane_y[k] = (float)(k / 4) + 0.5f;
        lane_at[k] = k / 4 * p->width + k % 4;
    }
    for (int i = from; i < to; i++) {
        int column = s->block_pixel[i] & (TILE - 1), row = s->block_pixel[i] >> TILE_LOG2;
        vf x = lane_x + (float)column, y = lane_y + (float)row;
        size_t corner = (size_t)(top + row) * p->width + left + column;
        v3 c = is_sky ? light_of_sky(p, x, y, ox, oy) : light_of_one(p, s, s->block_record[i], x, y, ox, oy);
        if (p->out.radiance) {
            put(p, corner, lane_at, c, LANES);
            continue;
        }
        vi pixels = shown(p, c);
        for (int k = 0; k < HIGH; k++)
            memcpy(p->out.bgra + (corner + (size_t)k * p->width) * 4, (const int32_t *)&pixels + 4 * k, 16);
    }
}

static void shade_whole(const render_pass *p, render_scratch *s, int tile, int from, int to, bool is_sky)
{
    int left = tile % p->tiles_x * TILE, top = tile / p->tiles_x * TILE;
    size_t corner = (size_t)top * p->width + left;
    for (int i = from; i < to; i += LANES) {
        vi pixel = vi_load16(s->whole_pixel + i), column = pixel & (TILE - 1), row = pixel >> TILE_LOG2;
        vf x = vf_of(column) + 0.5f, y = vf_of(row) + 0.5f;
        v3 c = is_sky ? light_of_sky(p, x, y, (float)left, (float)top)
                      : light_of_several(p, s, s->whole_record + i, x, y, (float)left, (float)top);
        put(p, corner, row * p->width + column, c, to - i);
    }
}

/* Brighter jobs of a pixel count less, as they do behind the tone curve: else a lamp at an edge would outshine all the rest of it. */
static void keep_radiance(const render_pass *p, render_scratch *s, int from, int to, v3 c, vf share)
{
    vf weight = share / (1.0f + (c.x * 0.2126f + c.y * 0.7152f + c.z * 0.0722f) * p->environment.exposure);
    c = scale3(c, weight);
    for (int k = 0; k < LANES && from + k < to; k++) {
        int shared = s->job_pixel[from + k];
        s->radiance[0][shared] += c.x[k];
        s->radiance[1][shared] += c.y[k];
        s->radiance[2][shared] += c.z[k];
        s->radiance[3][shared] += weight[k];
    }
}

/* Parts of pixels: light after the tone curve is added up by weight. */
static void shade_parts(const render_pass *p, render_scratch *s, int tile, int from, int to, bool is_sky)
{
    float ox = (float)(tile % p->tiles_x * TILE), oy = (float)(tile / p->tiles_x * TILE);
    for (int i = from; i < to; i += LANES) {
        vf weight = vf_load(s->job_weight + i);
        vf x = vf_load(s->job_x + i), y = vf_load(s->job_y + i);
        v3 c = is_sky ? light_of_sky(p, x, y, ox, oy) : light_of_several(p, s, s->job_record + i, x, y, ox, oy);
        if (p->out.radiance)
            keep_radiance(p, s, i, to, c, weight);
        c = scale3(tone_curve(c, p->environment.exposure), weight);
        for (int k = 0; k < LANES && i + k < to; k++) { /* neighbouring jobs share a pixel */
            int shared = s->job_pixel[i + k];
            s->colour[0][shared] += c.x[k];
            s->colour[1][shared] += c.y[k];
            s->colour[2][shared] += c.z[k];
        }
    }
}

/* ---- 4. bytes */

static vi display_code(vf c) /* sRGB curve by three roots, error < 0.3 of a step */
{
    vf s1 = vf_sqrt(c), s2 = vf_sqrt(s1), s3 = vf_sqrt(s2);
    vf v = 0.662002687f * s1 + 0.684122060f * s2 - 0.323583601f * s3 - 0.0225411470f * c;
    return vi_of(vf_saturate(v) * 255.0f + 0.5f);
}

static void resolve(const render_pass *p, const render_scratch *s, int tile, int count)
{
    uint32_t *bgra = (uint32_t *)(void *)p->out.bgra + (size_t)(tile / p->tiles_x * TILE) * p->width + tile % p->tiles_x * TILE;
    for (int i = 0; i < count; i += LANES) {
        vi r = display_code(vf_load(s->colour[0] + i)), g = display_code(vf_load(s->colour[1] + i));
        vi packed = display_code(vf_load(s->colour[2] + i)) | (g << 8) | (r << 16) | (int32_t)0xff000000;
        for (int k = 0; k < LANES && i + k < count; k++) {
            int pixel = s->shared_pixel[i + k];
            bgra[(pixel >> TILE_LOG2) * p->width + (pixel & (TILE - 1))] = (uint32_t)packed[k];
        }
    }
}

static void put_radiance(const render_pass *p, const render_scratch *s, int tile, int count)
{
    float *corner = p->out.radiance + ((size_t)(tile / p->tiles_x * TILE) * p->width + tile % p->tiles_x * TILE) * 4;
    for (int i = 0; i < count; i++) {
        int pixel = s->shared_pixel[i];
        float *out = corner + ((size_t)(pixel >> TILE_LOG2) * p->width + (pixel & (TILE - 1))) * 4,
              share = 1.0f / s->radiance[3][i];
        for (int k = 0; k < 3; k++)
            out[k] = s->radiance[k][i] * share;
        out[3] = 1;
    }
}

/* ---- the tile */

static void choose_lamps(const render_pass *p, render_scratch *s, int tile)
{
    int x0 = tile % p->tiles_x * TILE, y0 = tile / p->tiles_x * TILE;
    s->lamp_count = 0;
    for (int i = 0; i < p->lamp_count; i++) {
        const render_lit *l = &p->lamps[i];
        if (l->x1 >= x0 && l->x0 < x0 + TILE && l->y1 >= y0 && l->y0 < y0 + TILE)
            s->lamps[s->lamp_count++] = (uint8_t)i;
    }
}

static bool reserve(render_scratch *s, uint32_t triangles)
{
    if (triangles <= s->setup_capacity)
        return true;
    uint32_t wanted = triangles + triangles / 2 + 256;
    void *setups = realloc(s->setups, (size_t)wanted * sizeof *s->setups);
    if (!setups)
        return false;
    s->setups = setups;
    void *record_of = realloc(s->record_of, (size_t)wanted * sizeof *s->record_of);
    if (!record_of)
        return false;
    s->record_of = record_of;
    s->setup_capacity = wanted;
    return true;
}

static void draw_tile(const render_pass *p, render_scratch *s, int tile)
{
    uint32_t triangles = 0, n = 0;
    for (int k = 0; k < p->slot_count; k++)
        triangles += p->slots[k].starts[tile + 1] - p->slots[k].starts[tile];
    if (!reserve(s, triangles)) {
        s->failed = true;
        return;
    }
    for (int k = 0; k < p->slot_count; k++) {
        const render_slot *slot = &p->slots[k];
        for (uint32_t i = slot->starts[tile]; i < slot->starts[tile + 1]; i++)
            s->setups[n++] = &slot->setups[slot->bins[i]];
    }
    bool want_labels = p->out.tag || p->out.id || p->out.depth || p->out.part_labels;
    bool want_surfaces = p->out.normal || p->out.motion;
    bool want_colour = p->out.bgra || p->out.radiance;
    int samples = want_colour && p->antialias ? 4 : 1;
    visibility(p, s, tile, triangles, samples);
    if (want_labels && samples == 1)
        labels(p, s, tile);
    if (want_surfaces && samples == 1)
        surfaces(p, s, tile);
    if (want_colour) {
        if (triangles)
            memset(s->record_of, 0xff, (size_t)triangles * sizeof *s->record_of);
        s->record_count = 0;
        choose_lamps(p, s, tile);
        job_counts jobs = make_jobs(p, s, tile, samples);
        if (s->failed)
            return;
        shade_blocks(p, s, tile, 0, jobs.block, false);
        shade_blocks(p, s, tile, BLOCK_MAX - jobs.block_sky, BLOCK_MAX, true);
        shade_whole(p, s, tile, 0, jobs.whole, false);
        shade_whole(p, s, tile, WHOLE_MAX - jobs.whole_sky, WHOLE_MAX, true);
        for (int k = 0; k < 3; k++)
            memset(s->colour[k], 0, ((size_t)jobs.shared + LANES) * sizeof *s->colour[k]);
        for (int k = 0; p->out.radiance && k < 4; k++)
            memset(s->radiance[k], 0, (size_t)jobs.shared * sizeof *s->radiance[k]);
        shade_parts(p, s, tile, 0, jobs.part, false);
        shade_parts(p, s, tile, JOBS_MAX - jobs.part_sky, JOBS_MAX, true);
        if (p->out.bgra)
            resolve(p, s, tile, jobs.shared);
        if (p->out.radiance)
            put_radiance(p, s, tile, jobs.shared);
    }
    if ((want_labels || want_surfaces) && samples != 1) {
        visibility(p, s, tile, triangles, 1);
        if (want_labels)
            labels(p, s, tile);
        if (want_surfaces)
            surfaces(p, s, tile);
    }
    if (p->out.finished) {
        int ox = tile % p->tiles_x * TILE, oy = tile / p->tiles_x * TILE;
        const render_part part = { .x0 = ox,
                                   .y0 = oy,
                                   .x1 = ox + TILE < p->width ? ox + TILE : p->width,
                                   .y1 = oy + TILE < p->height ? oy + TILE : p->height,
                                   .tag = s->label_tag,
                                   .id = s->label_id,
                                   .depth = s->label_depth };
        p->out.finished(p->out.user, &part);
    }
}
