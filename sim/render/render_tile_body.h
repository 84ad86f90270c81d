/* sim/render/render_tile_body.h — one 64 x 64 tile: what is visible, then its light (included once per instruction set).
 *
 *   1. rasterise   what is visible: render_visibility_body.h
 *   2. jobs        per pixel the distinct triangles among its samples, each with its share of the pixel
 *   3. shade       LANES jobs at a time, of one triangle where there are enough: render_light_body.h, and the tone curve
 *   4. resolve     display coding, bytes
 *
 * Tags, ids and depth come from a pass with the one sample in the middle of the pixel: the same bytes with and without
 * anti-aliasing. Only + - * / sqrt, comparisons and conversions are used, never fused, so lanes do not change results. */
#include "sim/render/render_light_body.h"
#include "sim/render/render_visibility_body.h"
#include <stdlib.h>

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
    bool flat =
        !memcmp(v[0]->normal, v[1]->normal, sizeof v[0]->normal) && !memcmp(v[0]->normal, v[2]->normal, sizeof v[0]->normal);
    for (int k = 0; k < 3; k++) {
        double e[3];
        for (int i = 0; i < 3; i++) {
            const double *q = t->edge[i];
            e[i] = (k < 2 ? q[k] : q[2] + q[0] * ox + q[1] * oy) * t->inverse_det;
        }
        for (int j = 0; j < 8; j++)
            r[k * 8 + j] = (float)((e[0] * attribute[0][j] + e[1] * attribute[1][j]) + e[2] * attribute[2][j]);
    }
    for (int j = R_NX; flat && j <= R_NZ; j++) {
        r[j] = r[8 + j] = 0;
        r[16 + j] = (float)attribute[0][j];
    }
    r[R_FLAT] = flat ? FLAT : BENT;
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
        float *records = realloc(s->records, (size_t)wanted * RECORD_FLOATS * sizeof *records);
        s->records = records ? records : s->records;
        render_gathered *gathered = realloc(s->gathered, (size_t)wanted * sizeof *gathered);
        s->gathered = gathered ? gathered : s->gathered;
        if (!records || !gathered) {
            s->failed = true;
            return 0;
        }
        s->record_capacity = wanted;
    }
    s->gathered[s->record_count].count = 0;
    fill_record(p, s->setups[n], ox, oy, s->records + (size_t)s->record_count * RECORD_FLOATS);
    return s->record_of[n] = s->record_count++;
}

/* What is to be shaded in a tile, in lists: blocks of 4 x LANES / 4 pixels that show one triangle; groups of LANES other pixels that show
 * one; what pixels of one triangle are left then; and parts of pixels that several triangles share, with their middle and weight. In
 * each but the groups, surfaces are listed from the front of the arrays, sky from the back. */
typedef struct job_counts {
    int block, block_sky, group, whole, whole_sky, part, part_sky, shared; /* shared: pixels of several triangles */
} job_counts;

static inline void add_whole(const render_pass *p, render_scratch *s, job_counts *c, uint32_t n, int pixel, int ox, int oy)
{
    if (n == NOTHING) {
        s->whole_pixel[WHOLE_MAX - ++c->whole_sky] = (uint16_t)pixel;
        return;
    }
    uint32_t record = record_for(p, s, n, ox, oy);
    if (s->failed)
        return;
    render_gathered *g = &s->gathered[record];
    g->pixel[g->count++] = (uint16_t)pixel;
    if (g->count < LANES)
        return;
    memcpy(s->group_pixel + c->group * LANES, g->pixel, LANES * sizeof *g->pixel);
    s->group_record[c->group++] = record * RECORD_FLOATS;
    g->count = 0;
}

static void add_left_over(render_scratch *s, job_counts *c)
{
    for (uint32_t r = 0; r < s->record_count; r++)
        for (int k = 0; k < s->gathered[r].count; k++) {
            s->whole_record[c->whole] = r * RECORD_FLOATS;
            s->whole_pixel[c->whole++] = s->gathered[r].pixel[k];
        }
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
    add_left_over(s, &c);
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
        s->job_record[JOBS_MAX + k] = 0;
        s->job_x[JOBS_MAX + k] = s->job_y[JOBS_MAX + k] = s->job_weight[JOBS_MAX + k] = 0;
    }
    return c;
}

/* ---- 3. shading */

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

/* LANES pixels from anywhere in the tile, the first `count` of which are put: of one record, of several, or sky (both NULL). */
static inline void shade_pixels(const render_pass *p, render_scratch *s, int tile, const uint16_t *pixels, const uint32_t *one,
                                const uint32_t *several, int count)
{
    int left = tile % p->tiles_x * TILE, top = tile / p->tiles_x * TILE;
    vi pixel = vi_load16(pixels), column = pixel & (TILE - 1), row = pixel >> TILE_LOG2;
    vf x = vf_of(column) + 0.5f, y = vf_of(row) + 0.5f;
    v3 c = one       ? light_of_one(p, s, *one, x, y, (float)left, (float)top)
           : several ? light_of_several(p, s, several, x, y, (float)left, (float)top)
                     : light_of_sky(p, x, y, (float)left, (float)top);
    put(p, (size_t)top * p->width + left, row * p->width + column, c, count);
}

static void shade_whole(const render_pass *p, render_scratch *s, int tile, const job_counts *c)
{
    for (int i = 0; i < c->group; i++)
        shade_pixels(p, s, tile, s->group_pixel + i * LANES, s->group_record + i, NULL, LANES);
    for (int i = 0; i < c->whole; i += LANES)
        shade_pixels(p, s, tile, s->whole_pixel + i, NULL, s->whole_record + i, c->whole - i);
    for (int i = WHOLE_MAX - c->whole_sky; i < WHOLE_MAX; i += LANES)
        shade_pixels(p, s, tile, s->whole_pixel + i, NULL, NULL, WHOLE_MAX - i);
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
        shade_whole(p, s, tile, &jobs);
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
