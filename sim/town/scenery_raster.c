/* sim/town/scenery_raster.c — a raster of what is paved, and the gaps that roads enclose.
 *
 * The raster (half a metre per cell) knows for each cell what lies there, at what height, and how far the nearest pavement is, less
 * than a tenth too far: by propagating offsets (Danielsson, Euclidean distance mapping, 1980), to one side in each of two sweeps. */
#include "sim/town/scenery_internal.h"
#include <stdlib.h>
#include <string.h>

#define MARGIN_M   64.0 /* of the raster around the roads */
#define CELLS_MAX  ((size_t)12 << 20)
#define EXTENT_MAX 16000.0 /* m; bounds the ground's cells and, in raster cells, 16-bit offsets */

void scenery_raster_free(scenery_raster *r)
{
    free(r->kind);
    free(r->level);
    free(r->outside_m);
    free(r->taken);
    free(r->yard);
    *r = (scenery_raster){ 0 };
}

int scenery_cell(const scenery_raster *r, double x, double y)
{
    double fx = floor((x - r->x0) / r->cell_m), fy = floor((y - r->y0) / r->cell_m);
    if (!(fx >= 0) || !(fx < r->width) || !(fy >= 0) || !(fy < r->height))
        return -1;
    return (int)fy * r->width + (int)fx;
}

bool scenery_quad_z(const scenery_quad *q, double x, double y, double *z)
{
    /* As two triangles 0 1 2 and 0 2 3, from either side. */
    for (int half = 0; half < 2; half++) {
        int a = 0, b = half ? 2 : 1, c = half ? 3 : 2;
        double abx = q->x[b] - q->x[a], aby = q->y[b] - q->y[a], acx = q->x[c] - q->x[a], acy = q->y[c] - q->y[a];
        double det = abx * acy - aby * acx, px = x - q->x[a], py = y - q->y[a];
        if (fabs(det) < 1e-9)
            continue;
        double u = (px * acy - py * acx) / det, v = (abx * py - aby * px) / det;
        if (u >= -1e-6 && v >= -1e-6 && u + v <= 1 + 1e-6) {
            *z = q->z[a] + u * (q->z[b] - q->z[a]) + v * (q->z[c] - q->z[a]);
            return true;
        }
    }
    return false;
}

typedef void (*cell_visitor)(scenery_raster *r, size_t at, double z, void *user);

static inline float least(float a, float b) { return a < b ? a : b; } /* fminf is a call, for its NaNs */

/* All cells of rows [row0, row1) whose middle the quad covers. */
static void visit_quad(scenery_raster *r, const scenery_quad *q, int row0, int row1, cell_visitor visit, void *user)
{
    float lo[2] = { q->x[0], q->y[0] }, hi[2] = { q->x[0], q->y[0] };
    for (int k = 1; k < 4; k++) {
        lo[0] = least(lo[0], q->x[k]);
        hi[0] = -least(-hi[0], -q->x[k]);
        lo[1] = least(lo[1], q->y[k]);
        hi[1] = -least(-hi[1], -q->y[k]);
    }
    int x0 = (int)floor((lo[0] - r->x0) / r->cell_m), x1 = (int)floor((hi[0] - r->x0) / r->cell_m);
    int y0 = (int)floor((lo[1] - r->y0) / r->cell_m), y1 = (int)floor((hi[1] - r->y0) / r->cell_m);
    for (int y = y0 < row0 ? row0 : y0; y <= y1 && y < row1; y++)
        for (int x = x0 < 0 ? 0 : x0; x <= x1 && x < r->width; x++) {
            double z;
            size_t at = (size_t)y * r->width + x;
            if (!scenery_quad_z(q, r->x0 + (x + 0.5) * r->cell_m, r->y0 + (y + 0.5) * r->cell_m, &z))
                continue;
            visit(r, at, z, user);
        }
}

/* Roads win over sidewalks, and those over green. */
static void paint_cell(scenery_raster *r, size_t at, double z, void *user)
{
    const scenery_quad *q = user;
    if (r->kind[at] == PAVED_NONE || q->kind < r->kind[at]) {
        r->kind[at] = q->kind;
        r->level[at] = (float)z;
    }
}

static void take_cell(scenery_raster *r, size_t at, double z, void *user)
{
    (void)z, (void)user;
    r->taken[at] = 1;
}

/* ---- bridges: what lies 3 m or more above another road, and what leads up to it */

#define OVER_M   3.0
#define DECK_M   11.0 /* a bridge reaches this far beyond the road below: room for the slope of its ends */
#define SEED_MAX 4096

static void lowest_cell(scenery_raster *r, size_t at, double z, void *user)
{
    (void)user;
    r->outside_m[at] = least(r->outside_m[at], (float)z);
}

static void over_cell(scenery_raster *r, size_t at, double z, void *user)
{
    if (z > r->outside_m[at] + OVER_M)
        *(bool *)user = true;
}

static base_vec3 middle_of(const scenery_quad *q)
{
    return (base_vec3){ 0.25 * (q->x[0] + q->x[1] + q->x[2] + q->x[3]), 0.25 * (q->y[0] + q->y[1] + q->y[2] + q->y[3]),
                        0.25 * (q->z[0] + q->z[1] + q->z[2] + q->z[3]) };
}

/* Bands of rows, each looked at for all quads in order: what a cell ends as does not depend on who works on which band. */
typedef struct painting {
    scenery_raster *raster;
    scenery_footprint *footprint;
    uint8_t *over; /* [bands][quads]: the quad is over another there */
} painting;

enum { PAINT_BANDS = 16 };

static int band_row(const scenery_raster *r, int band) { return (int)((long)r->height * band / PAINT_BANDS); }

/* outside_m serves as the lowest pavement's height here and is cleared again. */
static void look_under(void *user, int band, int worker)
{
    (void)worker;
    const painting *p = user;
    scenery_raster *r = p->raster;
    int row0 = band_row(r, band), row1 = band_row(r, band + 1);
    float *lowest = r->outside_m + (size_t)row0 * r->width;
    size_t cells = (size_t)(row1 - row0) * r->width;
    for (size_t i = 0; i < cells; i++)
        lowest[i] = 1e9f;
    for (size_t i = 0; i < p->footprint->count; i++)
        visit_quad(r, &p->footprint->quads[i], row0, row1, lowest_cell, NULL);
    for (size_t i = 0; i < p->footprint->count; i++) {
        bool over = false;
        visit_quad(r, &p->footprint->quads[i], row0, row1, over_cell, &over);
        p->over[(size_t)band * p->footprint->count + i] = over;
    }
    memset(lowest, 0, cells * sizeof *lowest);
}

static void find_decks(const painting *p)
{
    scenery_footprint *f = p->footprint;
    size_t seed[SEED_MAX];
    int seeds = 0;
    for (size_t i = 0; i < f->count && seeds < SEED_MAX; i++) {
        f->quads[i].deck = false;
        for (int band = 0; band < PAINT_BANDS; band++)
            f->quads[i].deck = f->quads[i].deck || p->over[(size_t)band * f->count + i];
        if (f->quads[i].deck)
            seed[seeds++] = i;
    }
    for (size_t i = 0; seeds && i < f->count; i++) {
        base_vec3 here = middle_of(&f->quads[i]);
        for (int k = 0; k < seeds && !f->quads[i].deck; k++) {
            base_vec3 there = middle_of(&f->quads[seed[k]]);
            f->quads[i].deck = fabs(here.z - there.z) < 1.5 && hypot(here.x - there.x, here.y - there.y) < DECK_M;
        }
    }
}

static void paint_band(void *user, int band, int worker)
{
    (void)worker;
    const painting *p = user;
    scenery_quad *quads = p->footprint->quads;
    for (size_t i = 0; i < p->footprint->count; i++)
        visit_quad(p->raster, &quads[i], band_row(p->raster, band), band_row(p->raster, band + 1),
                   quads[i].deck ? take_cell : paint_cell, &quads[i]);
}

static bool paint(town_scenery *t, base_error *err)
{
    painting p = { &t->raster, &t->footprint, malloc(PAINT_BANDS * t->footprint.count + 1) };
    if (!p.over)
        return base_fail(err, BASE_MEMORY, "scenery: no memory for %zu pieces of pavement", t->footprint.count);
    base_pool_run(t->options.pool, PAINT_BANDS, look_under, &p);
    find_decks(&p);
    base_pool_run(t->options.pool, PAINT_BANDS, paint_band, &p);
    free(p.over);
    return true;
}

/* ---- the ground between pavements */

#define SLOPE     0.6 /* that cuttings and embankments keep to where there is room */
#define STEEPER_M 4.0 /* where there is none, the difference is made up within this distance of the pavement */

/* What comes to a row from the one before, whose middle cells have three neighbours there. */
static void cone_above(float *row, const float *from, int w, float straight, float diagonal)
{
    row[0] = least(row[0], least(from[0] + straight, w > 1 ? from[1] + diagonal : 1e9f));
    for (int x = 1; x + 1 < w; x++)
        row[x] = least(row[x], least(from[x] + straight, least(from[x - 1], from[x + 1]) + diagonal));
    if (w > 1)
        row[w - 1] = least(row[w - 1], least(from[w - 1] + straight, from[w - 2] + diagonal));
}

/* high[at], low[at] = min over paved cells of (+-level + SLOPE * way to it), by two passes over the eight neighbours. What comes from the row before
 * is found for a whole row at once; then it runs along the row, in both at once: neither waits for the other. */
static void cones(const scenery_raster *r, float *high, float *low)
{
    int w = r->width, h = r->height;
    float straight = (float)(SLOPE * r->cell_m), diagonal = straight * 1.41421356f;
    for (size_t i = 0; i < (size_t)w * h; i++) {
        bool paved = r->kind[i] != PAVED_NONE;
        high[i] = paved ? r->level[i] : 1e9f;
        low[i] = paved ? -r->level[i] : 1e9f;
    }
    for (int pass = 0; pass < 2; pass++)
        for (int j = 0; j < h; j++) {
            size_t at = (size_t)(pass ? h - 1 - j : j) * w;
            float *a = high + at, *b = low + at;
            if (j > 0) {
                cone_above(a, pass ? a + w : a - w, w, straight, diagonal);
                cone_above(b, pass ? b + w : b - w, w, straight, diagonal);
            }
            int step = pass ? -1 : 1, x = pass ? w - 1 : 0;
            float last_a = a[x], last_b = b[x];
            for (int i = 1; i < w; i++) {
                x += step;
                a[x] = last_a = least(a[x], last_a + straight);
                b[x] = last_b = least(b[x], last_b + straight);
            }
        }
}

enum { FAR_AWAY = 16000 };

/* Columns and rows to a paved cell, and how far that is, squared; FAR_AWAY twice: none is known, and then the square is INT32_MAX. */
typedef struct way {
    int x, y, far_2;
} way;

static inline way way_of(const int16_t to[2], int x, int y)
{
    if (to[0] == FAR_AWAY)
        return (way){ FAR_AWAY, FAR_AWAY, INT32_MAX };
    int dx = to[0] + x, dy = to[1] + y;
    return (way){ dx, dy, dx * dx + dy * dy };
}

/* above[width]: the nearest pavement that the up to three neighbours in the row `from`, which lies `back` rows away, know of: the one straight across
 * first, then the one on the side that a sweep comes from, then the other. */
static void ask_row(int16_t (*above)[2], const int16_t (*from)[2], int back, int width)
{
    for (int x = 0; x < width; x++) {
        way best = way_of(from[x], 0, back);
        for (int side = 0; side < 2; side++) {
            int step = side ? -back : back;
            if (x + step < 0 || x + step >= width)
                continue;
            way other = way_of(from[x + step], step, back);
            if (other.far_2 < best.far_2)
                best = other;
        }
        above[x][0] = (int16_t)best.x;
        above[x][1] = (int16_t)best.y;
    }
}

/* to[at]: columns and rows to the nearest paved cell (Danielsson): from above and the left, then from below and the right. What comes from the row
 * before is found for a whole row at once, into above[width]; then it runs along the row. */
static void find_nearest(const scenery_raster *r, int16_t (*to)[2], int16_t (*above)[2])
{
    int w = r->width, h = r->height;
    for (size_t i = 0; i < (size_t)w * h; i++)
        to[i][0] = to[i][1] = r->kind[i] != PAVED_NONE ? 0 : FAR_AWAY;
    for (int pass = 0; pass < 2; pass++) {
        int back = pass ? 1 : -1; /* where those lie that were visited before */
        for (int j = 0; j < h; j++) {
            int16_t(*row)[2] = to + (size_t)(pass ? h - 1 - j : j) * w;
            if (j > 0)
                ask_row(above, (const int16_t(*)[2])(row + (ptrdiff_t)back * w), back, w);
            way left = { FAR_AWAY, FAR_AWAY, INT32_MAX };
            for (int i = 0; i < w; i++) {
                int x = pass ? w - 1 - i : i;
                int16_t *me = row[x];
                way best = way_of(me, 0, 0);
                if (best.far_2 > 0) {
                    if (left.far_2 != INT32_MAX) {
                        left.far_2 += 2 * back * left.x + 1;
                        left.x += back;
                        if (left.far_2 < best.far_2)
                            best = left;
                    }
                    if (j > 0) {
                        way up = way_of(above[x], 0, 0);
                        if (up.far_2 < best.far_2)
                            best = up;
                    }
                    me[0] = (int16_t)best.x;
                    me[1] = (int16_t)best.y;
                }
                left = best;
            }
        }
    }
}

/* Two sweeps that do not need each other, then bands of rows. */
typedef struct sweeps {
    scenery_raster *raster;
    int16_t (*to)[2], (*above)[2];
    float *high, *low;
} sweeps;

static void sweep(void *user, int item, int worker)
{
    (void)worker;
    const sweeps *s = user;
    if (item == 0)
        find_nearest(s->raster, s->to, s->above);
    else
        cones(s->raster, s->high, s->low);
}

enum { BAND_ROWS = 64 };

/* Distances; and for the cells without pavement a level half-way between the lowest ground that all pavements can rest on and the highest that none is
 * buried under. Only levels of paved cells are read, and only others written. */
static void settle(void *user, int item, int worker)
{
    (void)worker;
    const sweeps *s = user;
    scenery_raster *r = s->raster;
    size_t n = (size_t)r->width * r->height, end = (size_t)(item + 1) * BAND_ROWS * (size_t)r->width;
    for (size_t at = (size_t)item * BAND_ROWS * (size_t)r->width; at < end && at < n; at++) {
        const int16_t *to = s->to[at];
        if (to[0] == FAR_AWAY || r->kind[at] != PAVED_NONE)
            continue;
        r->outside_m[at] = (float)(r->cell_m * sqrt((double)to[0] * to[0] + (double)to[1] * to[1]));
        size_t near = (size_t)((ptrdiff_t)at + (ptrdiff_t)to[1] * r->width + to[0]);
        double short_of = r->level[near] - 0.5 * ((double)s->high[near] - s->low[near]);
        r->level[at] =
            (float)(0.5 * ((double)s->high[at] - s->low[at]) + short_of * fmax(0, 1 - (double)r->outside_m[at] / STEEPER_M));
    }
}

/* Distances to the nearest pavement, and levels for the cells without. */
static bool spread(scenery_raster *r, base_pool *pool, base_error *err)
{
    size_t n = (size_t)r->width * r->height;
    sweeps s = { r, malloc(n * sizeof *s.to), malloc((size_t)r->width * sizeof *s.above), malloc(n * sizeof *s.high),
                 malloc(n * sizeof *s.low) };
    bool good = s.to && s.above && s.high && s.low;
    if (good) {
        base_pool_run(pool, 2, sweep, &s);
        base_pool_run(pool, (r->height + BAND_ROWS - 1) / BAND_ROWS, settle, &s);
    }
    free(s.to);
    free(s.above);
    free(s.high);
    free(s.low);
    return good || base_fail(err, BASE_MEMORY, "scenery: no memory for a raster of %zu cells", n);
}

/* ---- gaps that roads enclose */

/* Unpaved cells side by side in a row; runs of neighbouring rows that touch are one area. */
typedef struct run {
    uint32_t first, end; /* cells */
    uint32_t parent;     /* a run of the same area that stands before it, or itself: the area's first */
    uint32_t cells;      /* of the area, at its first run */
    bool rim;            /* the area reaches the raster's rim, likewise */
} run;

typedef struct runs {
    run *list;
    size_t count, capacity;
} runs;

static uint32_t area_of(run *list, uint32_t i)
{
    while (list[i].parent != i) {
        list[i].parent = list[list[i].parent].parent;
        i = list[i].parent;
    }
    return i;
}

static void join(run *list, uint32_t a, uint32_t b)
{
    uint32_t x = area_of(list, a), y = area_of(list, b), first = x < y ? x : y, second = x < y ? y : x;
    if (first == second)
        return;
    list[second].parent = first;
    list[first].cells += list[second].cells;
    list[first].rim = list[first].rim || list[second].rim;
}

static bool add_run(runs *r, uint32_t first, uint32_t end, bool rim)
{
    if (r->count == r->capacity) {
        size_t wanted = r->capacity ? 2 * r->capacity : 4096;
        run *moved = realloc(r->list, wanted * sizeof *moved);
        if (!moved)
            return false;
        r->list = moved;
        r->capacity = wanted;
    }
    r->list[r->count] = (run){ first, end, (uint32_t)r->count, end - first, rim };
    r->count++;
    return true;
}

static bool find_runs(const scenery_raster *r, runs *all)
{
    size_t above = 0, above_end = 0; /* runs of the row before */
    uint32_t w = (uint32_t)r->width, h = (uint32_t)r->height;
    for (uint32_t y = 0; y < h; y++) {
        size_t begin = all->count, over = above;
        for (uint32_t x = 0; x < w;) {
            const uint8_t *row = r->kind + (size_t)y * w;
            if (row[x] != PAVED_NONE) {
                x++;
                continue;
            }
            uint32_t end = x;
            while (end < w && row[end] == PAVED_NONE)
                end++;
            if (!add_run(all, y * w + x, y * w + end, y == 0 || y + 1 == h || x == 0 || end == w))
                return false;
            while (over < above_end && all->list[over].end + w <= y * w + x)
                over++;
            for (size_t k = over; k < above_end && all->list[k].first + w < y * w + end; k++)
                join(all->list, (uint32_t)k, (uint32_t)all->count - 1);
            x = end;
        }
        above = begin;
        above_end = all->count;
    }
    return true;
}

/* Fill one area that begins at `start`; seen, stack and area have room for its cells. A quad per cell, one cell wider on each side and 1 cm low, so
 * that the real surfaces cover its ragged rim. */
static void fill_gap(town_scenery *t, scene_mesh *m, scene_surface s, uint32_t start, size_t limit, uint8_t *seen,
                     uint32_t *stack, uint32_t *area)
{
    scenery_raster *r = &t->raster;
    size_t top = 0, count = 0;
    bool walk = false;
    double low = 1e9; /* of the road around it */
    stack[top++] = start;
    seen[start] = 1;
    while (top) {
        uint32_t at = stack[--top];
        area[count++] = at;
        const uint32_t around[4] = { at + 1, at - 1, at + (uint32_t)r->width, at - (uint32_t)r->width }; /* it is off the rim */
        for (int k = 0; k < 4; k++) {
            uint32_t next = around[k];
            walk = walk || r->kind[next] == PAVED_WALK;
            if (r->kind[next] == PAVED_ROAD && r->level[next] < low)
                low = r->level[next];
            if (!seen[next] && r->kind[next] == PAVED_NONE) {
                seen[next] = 1;
                stack[top++] = next;
            }
        }
    }
    if (low > 1e8 || count > (walk ? limit / 5 : limit)) /* green between sidewalks stays */
        return;
    for (size_t k = 0; k < count; k++) {
        uint32_t at = area[k];
        double x = r->x0 + (at % (uint32_t)r->width) * r->cell_m, y = r->y0 + (at / (uint32_t)r->width) * r->cell_m;
        double z = (walk ? low : r->level[at]) - 0.01, e = r->cell_m;
        uint32_t v = scene_mesh_vertex(m, (base_vec3){ x - e, y - e, z }, (base_vec3){ 0, 0, 1 }, x - e, y - e, 1);
        scene_mesh_vertex(m, (base_vec3){ x + 2 * e, y - e, z }, (base_vec3){ 0, 0, 1 }, x + 2 * e, y - e, 1);
        scene_mesh_vertex(m, (base_vec3){ x + 2 * e, y + 2 * e, z }, (base_vec3){ 0, 0, 1 }, x + 2 * e, y + 2 * e, 1);
        scene_mesh_vertex(m, (base_vec3){ x - e, y + 2 * e, z }, (base_vec3){ 0, 0, 1 }, x - e, y + 2 * e, 1);
        scene_mesh_triangle(m, v, v + 1, v + 2, s);
        scene_mesh_triangle(m, v, v + 2, v + 3, s);
        r->kind[at] = PAVED_ROAD;
        r->outside_m[at] = 0;
    }
}

/* Connected unpaved areas of at most 80 m2 that do not reach the raster's rim (slivers inside junctions) become asphalt. */
static bool fill_gaps(town_scenery *t, scene_mesh *m, base_error *err)
{
    scenery_raster *r = &t->raster;
    size_t n = (size_t)r->width * r->height, limit = (size_t)(80 / (r->cell_m * r->cell_m));
    uint8_t *seen = calloc(n, 1); /* only pages of small areas are ever touched */
    uint32_t *stack = malloc((limit + 1) * sizeof *stack), *area = malloc((limit + 1) * sizeof *area);
    runs all = { 0 };
    bool good = seen && stack && area && find_runs(r, &all);
    scenery_piece_begin(t, "Filling", (base_pose){ { r->x0, r->y0, 0 }, { 0, 0, 0 } });
    scene_surface s = scenery_piece_surface(t, MATERIAL_ASPHALT, SCENE_TAG_ROADS, SCENE_NO_SHADOW);
    for (uint32_t i = 0; good && i < all.count; i++)
        if (all.list[i].parent == i && !all.list[i].rim && all.list[i].cells <= limit)
            fill_gap(t, m, s, all.list[i].first, limit, seen, stack, area);
    free(seen);
    free(stack);
    free(area);
    free(all.list);
    return good || base_fail(err, BASE_MEMORY, "scenery: no memory for a raster of %zu cells", n);
}

bool scenery_raster_build(town_scenery *t, scene_mesh *m, base_error *err)
{
    scenery_raster *r = &t->raster;
    scenery_footprint *f = &t->footprint;
    double lo[2] = { 1e30, 1e30 }, hi[2] = { -1e30, -1e30 };
    for (size_t i = 0; i < f->count; i++)
        for (int k = 0; k < 4; k++) {
            lo[0] = fmin(lo[0], f->quads[i].x[k]);
            hi[0] = fmax(hi[0], f->quads[i].x[k]);
            lo[1] = fmin(lo[1], f->quads[i].y[k]);
            hi[1] = fmax(hi[1], f->quads[i].y[k]);
        }
    if (!f->count)
        lo[0] = lo[1] = hi[0] = hi[1] = 0;
    if (!(hi[0] - lo[0] <= EXTENT_MAX) || !(hi[1] - lo[1] <= EXTENT_MAX))
        return base_fail(err, BASE_FORMAT, "%s: the roads span %.0f x %.0f m; towns of at most %.0f m a side are built",
                         road_map_describe(t->map).name, hi[0] - lo[0], hi[1] - lo[1], EXTENT_MAX);
    r->cell_m = 0.5;
    for (int k = 0; k < 2; k++) {
        lo[k] = SCENERY_COARSE_M * floor((lo[k] - MARGIN_M) / SCENERY_COARSE_M);
        hi[k] = SCENERY_COARSE_M * ceil((hi[k] + MARGIN_M) / SCENERY_COARSE_M);
    }
    while ((hi[0] - lo[0]) / r->cell_m * ((hi[1] - lo[1]) / r->cell_m) > CELLS_MAX)
        r->cell_m *= 2;
    r->x0 = lo[0];
    r->y0 = lo[1];
    r->width = (int)lrint((hi[0] - lo[0]) / r->cell_m);
    r->height = (int)lrint((hi[1] - lo[1]) / r->cell_m);
    size_t n = (size_t)r->width * r->height;
    r->kind = calloc(n, 1);
    r->taken = calloc(n, 1);
    r->yard = calloc(n, 1);
    r->level = calloc(n, sizeof *r->level);
    r->outside_m = calloc(n, sizeof *r->outside_m);
    if (!r->kind || !r->taken || !r->yard || !r->level || !r->outside_m)
        return base_fail(err, BASE_MEMORY, "scenery: no memory for a raster of %zu cells", n);
    return paint(t, err) && spread(r, t->options.pool, err) && fill_gaps(t, m, err);
}
