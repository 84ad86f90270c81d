/* sim/town/scenery_ground.c — a raster of what is paved, the gaps that roads enclose, and the ground around them.
 *
 * The raster (half a metre per cell) knows for each cell what lies there, at what height, and how far the nearest pavement is: an
 * exact enough Euclidean distance by propagating offsets (Danielsson, Euclidean distance mapping, 1980). The ground
 * meets the pavement's edge 3 cm below it, dips under it, and rolls into low hills further out. */
#include "sim/town/scenery_internal.h"
#include "base/random.h"
#include <stdlib.h>
#include <string.h>

#define MARGIN_M    64.0  /* of the raster around the roads */
#define HORIZON_M   224.0 /* the ground goes on this far beyond the raster; a multiple of COARSE_M */
#define FINE_M      2.0
#define COARSE_M    16.0
#define FINE_BAND_M 5.0
#define CELLS_MAX   ((size_t)12 << 20)
#define EXTENT_MAX  16000.0 /* m; bounds the ground's cells and, in raster cells, 16-bit offsets */

/* ---- raster */

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

/* All cells whose middle the quad covers. */
static inline float least(float a, float b) { return a < b ? a : b; } /* fminf is a call, for its NaNs */

static void visit_quad(scenery_raster *r, const scenery_quad *q, cell_visitor visit, void *user)
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
    for (int y = y0 < 0 ? 0 : y0; y <= y1 && y < r->height; y++)
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

/* outside_m serves as the lowest pavement's height here and is cleared again. */
static void find_decks(scenery_raster *r, scenery_footprint *f)
{
    size_t n = (size_t)r->width * r->height, seed[SEED_MAX];
    int seeds = 0;
    for (size_t i = 0; i < n; i++)
        r->outside_m[i] = 1e9f;
    for (size_t i = 0; i < f->count; i++)
        visit_quad(r, &f->quads[i], lowest_cell, NULL);
    for (size_t i = 0; i < f->count && seeds < SEED_MAX; i++) {
        bool over = false;
        visit_quad(r, &f->quads[i], over_cell, &over);
        f->quads[i].deck = over;
        if (over)
            seed[seeds++] = i;
    }
    for (size_t i = 0; seeds && i < f->count; i++) {
        base_vec3 here = middle_of(&f->quads[i]);
        for (int k = 0; k < seeds && !f->quads[i].deck; k++) {
            base_vec3 there = middle_of(&f->quads[seed[k]]);
            f->quads[i].deck = fabs(here.z - there.z) < 1.5 && hypot(here.x - there.x, here.y - there.y) < DECK_M;
        }
    }
    memset(r->outside_m, 0, n * sizeof *r->outside_m);
}

/* ---- the ground between pavements */

#define SLOPE     0.6 /* that cuttings and embankments keep to where there is room */
#define STEEPER_M 4.0 /* where there is none, the difference is made up within this distance of the pavement */

/* to[at] = min over paved cells of (sign * level + SLOPE * way to it), by two passes over the eight neighbours. What comes from the row before is
 * found for a whole row at once; then it runs along the row. */
static void cone(const scenery_raster *r, float sign, float *to)
{
    int w = r->width, h = r->height;
    float straight = (float)(SLOPE * r->cell_m), diagonal = straight * 1.41421356f;
    for (size_t i = 0; i < (size_t)w * h; i++)
        to[i] = r->kind[i] != PAVED_NONE ? sign * r->level[i] : 1e9f;
    for (int pass = 0; pass < 2; pass++)
        for (int j = 0; j < h; j++) {
            float *row = to + (size_t)(pass ? h - 1 - j : j) * w;
            const float *from = pass ? row + w : row - w;
            if (j > 0) {
                row[0] = least(row[0], least(from[0] + straight, w > 1 ? from[1] + diagonal : 1e9f));
                for (int x = 1; x + 1 < w; x++)
                    row[x] = least(row[x], least(from[x] + straight, least(from[x - 1], from[x + 1]) + diagonal));
                if (w > 1)
                    row[w - 1] = least(row[w - 1], least(from[w - 1] + straight, from[w - 2] + diagonal));
            }
            if (pass)
                for (int x = w - 2; x >= 0; x--)
                    row[x] = least(row[x], row[x + 1] + straight);
            else
                for (int x = 1; x < w; x++)
                    row[x] = least(row[x], row[x - 1] + straight);
        }
}

enum { FAR_AWAY = 16000 };

/* to[at]: columns and rows to the nearest paved cell (Danielsson). */
static void find_nearest(const scenery_raster *r, int16_t (*to)[2])
{
    static const int8_t around[2][4][2] = { { { -1, 0 }, { 0, -1 }, { -1, -1 }, { 1, -1 } },
                                            { { 1, 0 }, { 0, 1 }, { 1, 1 }, { -1, 1 } } };
    int w = r->width, h = r->height;
    for (size_t i = 0; i < (size_t)w * h; i++)
        to[i][0] = to[i][1] = r->kind[i] != PAVED_NONE ? 0 : FAR_AWAY;
    for (int pass = 0; pass < 2; pass++)
        for (int j = 0; j < h; j++)
            for (int i = 0; i < w; i++) {
                int x = pass ? w - 1 - i : i, y = pass ? h - 1 - j : j;
                int16_t *me = to[(size_t)y * w + x];
                int least_2 = me[0] == FAR_AWAY ? INT32_MAX : me[0] * me[0] + me[1] * me[1];
                if (least_2 == 0)
                    continue;
                for (int k = 0; k < 4; k++) {
                    int nx = x + around[pass][k][0], ny = y + around[pass][k][1];
                    if (nx < 0 || nx >= w || ny < 0 || ny >= h)
                        continue;
                    const int16_t *other = to[(size_t)ny * w + nx];
                    if (other[0] == FAR_AWAY)
                        continue;
                    int dx = other[0] + around[pass][k][0], dy = other[1] + around[pass][k][1];
                    if (dx * dx + dy * dy < least_2) {
                        least_2 = dx * dx + dy * dy;
                        me[0] = (int16_t)dx;
                        me[1] = (int16_t)dy;
                    }
                }
            }
}

/* Three sweeps that do not need each other, then bands of rows. */
typedef struct sweeps {
    scenery_raster *raster;
    int16_t (*to)[2];
    float *high, *low;
} sweeps;

static void sweep(void *user, int item, int worker)
{
    (void)worker;
    const sweeps *s = user;
    if (item == 0)
        find_nearest(s->raster, s->to);
    else
        cone(s->raster, item == 1 ? 1 : -1, item == 1 ? s->high : s->low);
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
    sweeps s = { r, malloc(n * sizeof *s.to), malloc(n * sizeof *s.high), malloc(n * sizeof *s.low) };
    bool good = s.to && s.high && s.low;
    if (good) {
        base_pool_run(pool, 3, sweep, &s);
        base_pool_run(pool, (r->height + BAND_ROWS - 1) / BAND_ROWS, settle, &s);
    }
    free(s.to);
    free(s.high);
    free(s.low);
    return good || base_fail(err, BASE_MEMORY, "scenery: no memory for a raster of %zu cells", n);
}

/* Connected unpaved areas below 80 m2 that do not reach the raster's rim (slivers inside junctions) become asphalt: a quad
 * per run of cells, one cell wider on each side and 1 cm low, so that the real surfaces cover its ragged rim. */
static bool fill_gaps(town_scenery *t, scene_mesh *m, base_error *err)
{
    scenery_raster *r = &t->raster;
    size_t n = (size_t)r->width * r->height;
    size_t limit = (size_t)(80 / (r->cell_m * r->cell_m));
    uint8_t *seen = calloc(n, 1);
    uint32_t *stack = malloc(n * sizeof *stack), *area = malloc(n * sizeof *area);
    bool good = seen && stack && area;
    scenery_piece_begin(t, "Filling", (base_pose){ { r->x0, r->y0, 0 }, { 0, 0, 0 } });
    scene_surface s = scenery_piece_surface(t, MATERIAL_ASPHALT, SCENE_TAG_ROADS, SCENE_NO_SHADOW);
    for (size_t start = 0; good && start < n; start++) {
        if (seen[start] || r->kind[start] != PAVED_NONE)
            continue;
        size_t top = 0, count = 0;
        bool rim = false, walk = false;
        double low = 1e9; /* of the road around it */
        stack[top++] = (uint32_t)start;
        seen[start] = 1;
        while (top) {
            uint32_t at = stack[--top];
            int x = (int)(at % (uint32_t)r->width), y = (int)(at / (uint32_t)r->width);
            area[count++] = at;
            for (int k = 0; k < 4; k++) {
                int nx = x + (k == 0) - (k == 1), ny = y + (k == 2) - (k == 3);
                if (nx < 0 || nx >= r->width || ny < 0 || ny >= r->height) {
                    rim = true;
                    continue;
                }
                uint32_t next = (uint32_t)(ny * r->width + nx);
                walk = walk || r->kind[next] == PAVED_WALK;
                if (r->kind[next] == PAVED_ROAD && r->level[next] < low)
                    low = r->level[next];
                if (!seen[next] && r->kind[next] == PAVED_NONE) {
                    seen[next] = 1;
                    stack[top++] = next;
                }
            }
        }
        if (rim || low > 1e8 || count > (walk ? limit / 5 : limit)) /* green between sidewalks stays */
            continue;
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
    free(seen);
    free(stack);
    free(area);
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
        lo[k] = COARSE_M * floor((lo[k] - MARGIN_M) / COARSE_M);
        hi[k] = COARSE_M * ceil((hi[k] + MARGIN_M) / COARSE_M);
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
    find_decks(r, f);
    for (size_t i = 0; i < f->count; i++)
        visit_quad(r, &f->quads[i], f->quads[i].deck ? take_cell : paint_cell, &f->quads[i]);
    return spread(r, t->options.pool, err) && fill_gaps(t, m, err);
}

/* ---- ground */

static double lattice(uint64_t seed, int64_t x, int64_t y)
{
    base_random d = base_random_start(seed, "ground", (uint64_t)x, (uint64_t)y);
    return base_random_uniform(&d);
}

/* Corners of the cell that each kind of hills was last asked about: neighbours on the ground mostly lie in the same. */
enum { HILLS_WIDE, HILLS_SMALL, HILLS_BUMPS, HILLS_PATCHES, HILLS_SPOTS, HILLS_COUNT };
static const double hills_cell_m[HILLS_COUNT] = { 110, 45, 9, 31, 8 };

typedef struct noise {
    uint64_t seed; /* of the town; each kind has its own after it */
    struct {
        bool known;
        int64_t i, j;
        double corner[4];
    } last[HILLS_COUNT];
} noise;

static double hills(noise *n, int kind, double x, double y)
{
    double fx = x / hills_cell_m[kind], fy = y / hills_cell_m[kind];
    double ix = floor(fx), iy = floor(fy), tx = fx - ix, ty = fy - iy;
    tx = tx * tx * (3 - 2 * tx);
    ty = ty * ty * (3 - 2 * ty);
    int64_t i = (int64_t)ix, j = (int64_t)iy;
    double *c = n->last[kind].corner;
    if (!n->last[kind].known || n->last[kind].i != i || n->last[kind].j != j) {
        n->last[kind].known = true;
        n->last[kind].i = i;
        n->last[kind].j = j;
        for (int k = 0; k < 4; k++)
            c[k] = lattice(n->seed + (uint64_t)kind, i + (k & 1), j + (k >> 1));
    }
    return (c[0] + (c[1] - c[0]) * tx) * (1 - ty) + (c[2] + (c[3] - c[2]) * tx) * ty;
}

/* Cell nearest to a point. */
static int clamped_cell(const scenery_raster *r, double x, double y)
{
    int i = (int)floor((fmax(r->x0, fmin(r->x0 + r->width * r->cell_m, x)) - r->x0) / r->cell_m);
    int j = (int)floor((fmax(r->y0, fmin(r->y0 + r->height * r->cell_m, y)) - r->y0) / r->cell_m);
    return (j < r->height ? j : r->height - 1) * r->width + (i < r->width ? i : r->width - 1);
}

double scenery_outside_m(const scenery_raster *r, double x, double y)
{
    double dx = fmax(0, fmax(r->x0 - x, x - r->x0 - r->width * r->cell_m));
    double dy = fmax(0, fmax(r->y0 - y, y - r->y0 - r->height * r->cell_m));
    return r->outside_m[clamped_cell(r, x, y)] + sqrt(dx * dx + dy * dy);
}

static double ground_z(const scenery_raster *r, noise *n, double x, double y)
{
    int at = clamped_cell(r, x, y);
    double d = scenery_outside_m(r, x, y), z = r->level[at] - 0.03;
    if (r->kind[at] !=
        PAVED_NONE) /* deep enough for what the ground's coarse mesh cuts off at kerbs, no deeper: edges must not float */
        return z - (r->kind[at] == PAVED_WALK ? 0.30 : 0.14);
    double rise = fmax(0, fmin(1, (d - 25) / 150));
    z += rise * rise * (3 - 2 * rise) * (14 * hills(n, HILLS_WIDE, x, y) + 4 * hills(n, HILLS_SMALL, x, y) - 3);
    return z + fmin(1, d / 12) * 0.25 * (hills(n, HILLS_BUMPS, x, y) - 0.5);
}

double scenery_ground_z(const town_scenery *t, double x, double y)
{
    noise n = { .seed = t->seed };
    return ground_z(&t->raster, &n, x, y);
}

typedef struct ground_grid { /* coarse cells; some are divided into fine ones */
    const town_scenery *town;
    scene_mesh *mesh;
    noise noise;
    double x0, y0;
    int width, height;
    uint8_t *fine; /* [height][width] 1 = divided */
    scene_surface surface, paved;
} ground_grid;

static uint32_t ground_vertex(ground_grid *g, double x, double y)
{
    const scenery_raster *r = &g->town->raster;
    double e = 1.5, z = ground_z(r, &g->noise, x, y);
    double dx = ground_z(r, &g->noise, x + e, y) - ground_z(r, &g->noise, x - e, y);
    double dy = ground_z(r, &g->noise, x, y + e) - ground_z(r, &g->noise, x, y - e);
    base_vec3 n = { -dx / (2 * e), -dy / (2 * e), 1 };
    if (fabs(dx) + fabs(dy) > 0.2 && scenery_cell(r, x, y) >= 0) {
        int at = scenery_cell(r, x, y);
        if (r->outside_m[at] < 4) /* beside the pavement: the dip under it must not darken the grass */
            n = (base_vec3){ 0, 0, 1 };
    }
    /* Meadows are not of one colour: patches of some 30 and 8 metres. */
    double light = 0.62 + 0.28 * hills(&g->noise, HILLS_PATCHES, x, y) + 0.20 * hills(&g->noise, HILLS_SPOTS, x, y);
    return scene_mesh_vertex(g->mesh, (base_vec3){ x, y, z }, n, x, y, light);
}

static bool cell_is_fine(const ground_grid *g, int i, int j)
{
    return i >= 0 && j >= 0 && i < g->width && j < g->height && g->fine[j * g->width + i];
}

/* Is the whole fine cell under pavement? Then nothing of the ground can show. */
static bool hidden_cell(const scenery_raster *r, double x, double y)
{
    for (double dy = -0.5; dy <= FINE_M + 0.5; dy += 0.5)
        for (double dx = -0.5; dx <= FINE_M + 0.5; dx += 0.5) {
            int at = scenery_cell(r, x + dx, y + dy);
            if (at < 0 || r->kind[at] == PAVED_NONE)
                return false;
        }
    return true;
}

static void fine_cell(ground_grid *g, double x, double y)
{
    enum { STEPS = (int)(COARSE_M / FINE_M) };
    uint32_t v[STEPS + 1][STEPS + 1];
    bool made[STEPS + 1][STEPS + 1];
    memset(made, 0, sizeof made);
    for (int j = 0; j < STEPS; j++)
        for (int i = 0; i < STEPS; i++) {
            if (hidden_cell(&g->town->raster, x + i * FINE_M, y + j * FINE_M))
                continue;
            for (int c = 0; c < 4; c++) {
                int p = i + (c & 1), q = j + (c >> 1);
                if (!made[q][p]) {
                    v[q][p] = ground_vertex(g, x + p * FINE_M, y + q * FINE_M);
                    made[q][p] = true;
                }
            }
            int at = scenery_cell(&g->town->raster, x + (i + 0.5) * FINE_M, y + (j + 0.5) * FINE_M);
            scene_surface s = at >= 0 && g->town->raster.yard[at] ? g->paved : g->surface;
            scene_mesh_triangle(g->mesh, v[j][i], v[j][i + 1], v[j + 1][i + 1], s);
            scene_mesh_triangle(g->mesh, v[j][i], v[j + 1][i + 1], v[j + 1][i], s);
        }
}

/* A fan around the middle; along fine neighbours it takes their vertices, so that no crack opens. */
static void coarse_cell(ground_grid *g, int i, int j)
{
    double x = g->x0 + i * COARSE_M, y = g->y0 + j * COARSE_M;
    static const int8_t corner[5][2] = { { 0, 0 }, { 1, 0 }, { 1, 1 }, { 0, 1 }, { 0, 0 } }; /* clockwise from above */
    static const int8_t beside[4][2] = { { 0, -1 }, { 1, 0 }, { 0, 1 }, { -1, 0 } };
    uint32_t middle = ground_vertex(g, x + COARSE_M / 2, y + COARSE_M / 2), first = 0, last = 0;
    for (int side = 0; side < 4; side++) {
        int steps = cell_is_fine(g, i + beside[side][0], j + beside[side][1]) ? (int)(COARSE_M / FINE_M) : 1;
        for (int k = 0; k < steps; k++) {
            double a = (double)k / steps;
            double px = x + COARSE_M * (corner[side][0] + a * (corner[side + 1][0] - corner[side][0]));
            double py = y + COARSE_M * (corner[side][1] + a * (corner[side + 1][1] - corner[side][1]));
            uint32_t v = ground_vertex(g, px, py);
            if (side == 0 && k == 0)
                first = v;
            else
                scene_mesh_triangle(g->mesh, middle, last, v, g->surface);
            last = v;
        }
    }
    scene_mesh_triangle(g->mesh, middle, last, first, g->surface);
}

static bool near_pavement(const scenery_raster *r, double x, double y)
{
    for (double dy = 0; dy <= COARSE_M; dy += 2)
        for (double dx = 0; dx <= COARSE_M; dx += 2) {
            int at = scenery_cell(r, x + dx, y + dy);
            if (at >= 0 && (r->outside_m[at] < FINE_BAND_M || r->yard[at]))
                return true;
        }
    return false;
}

/* Rows of cells, each built into a mesh of its own: their order in the whole does not depend on who builds them. */
typedef struct ground_rows {
    ground_grid grid;
    scene_mesh *meshes; /* per row */
} ground_rows;

static void divide_row(void *user, int j, int worker)
{
    (void)worker;
    const ground_grid *g = &((const ground_rows *)user)->grid;
    for (int i = 0; i < g->width; i++)
        g->fine[j * g->width + i] = near_pavement(&g->town->raster, g->x0 + i * COARSE_M, g->y0 + j * COARSE_M);
}

static void build_row(void *user, int j, int worker)
{
    (void)worker;
    const ground_rows *rows = user;
    ground_grid g = rows->grid;
    g.mesh = &rows->meshes[j];
    for (int i = 0; i < g.width; i++)
        if (g.fine[j * g.width + i])
            fine_cell(&g, g.x0 + i * COARSE_M, g.y0 + j * COARSE_M);
        else
            coarse_cell(&g, i, j);
}

bool scenery_ground_build(town_scenery *t, scene_mesh *m, base_error *err)
{
    const scenery_raster *r = &t->raster;
    scenery_piece_begin(t, "Ground", (base_pose){ { r->x0, r->y0, 0 }, { 0, 0, 0 } });
    ground_rows rows = { .grid = { .town = t,
                                   .noise = { .seed = t->seed },
                                   .x0 = r->x0 - HORIZON_M,
                                   .y0 = r->y0 - HORIZON_M,
                                   .width = (int)lrint((r->width * r->cell_m + 2 * HORIZON_M) / COARSE_M),
                                   .height = (int)lrint((r->height * r->cell_m + 2 * HORIZON_M) / COARSE_M),
                                   .surface = scenery_piece_surface(t, MATERIAL_GRASS, SCENE_TAG_TERRAIN, SCENE_NO_SHADOW),
                                   .paved = scenery_piece_surface(t, MATERIAL_PAVING, SCENE_TAG_SIDEWALKS, SCENE_NO_SHADOW) } };
    rows.grid.fine = calloc((size_t)rows.grid.width * rows.grid.height + 1, 1);
    rows.meshes = calloc((size_t)rows.grid.height + 1, sizeof *rows.meshes);
    if (rows.grid.fine && rows.meshes) {
        base_pool_run(t->options.pool, rows.grid.height, divide_row, &rows);
        base_pool_run(t->options.pool, rows.grid.height, build_row, &rows);
        for (int j = 0; j < rows.grid.height; j++) {
            scene_mesh_append(m, &rows.meshes[j], NULL);
            scene_mesh_free(&rows.meshes[j]);
        }
    } else {
        m->failed = true;
    }
    free(rows.grid.fine);
    free(rows.meshes);
    return !m->failed || base_fail(err, BASE_MEMORY, "scenery: no memory for the ground");
}

bool scenery_plain_build(town_scenery *t, scene_mesh *m, base_error *err)
{
    scenery_piece_begin(t, "Ground", (base_pose){ { 0, 0, 0 }, { 0, 0, 0 } });
    scene_surface s = scenery_piece_surface(t, MATERIAL_ASPHALT, SCENE_TAG_GROUND, SCENE_NO_SHADOW);
    for (int j = -20; j < 20; j++)
        for (int i = -20; i < 20; i++) {
            double x = i * 50.0, y = j * 50.0;
            scene_mesh_quad(m, (base_vec3){ x, y, 0 }, (base_vec3){ x + 50, y, 0 }, (base_vec3){ x + 50, y + 50, 0 },
                            (base_vec3){ x, y + 50, 0 }, x, y, s);
        }
    return !m->failed || base_fail(err, BASE_MEMORY, "scenery: no memory for the ground");
}
