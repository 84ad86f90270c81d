/* sim/town/scenery_ground.c — the ground around what is paved.
 *
 * It meets the pavement's edge 3 cm below it, dips under it, and rolls into low hills further out. */
#include "sim/town/scenery_internal.h"
#include "base/random.h"
#include <stdlib.h>
#include <string.h>

#define HORIZON_M   224.0 /* the ground goes on this far beyond the raster; a multiple of SCENERY_COARSE_M */
#define FINE_M      2.0
#define COARSE_M    SCENERY_COARSE_M
#define FINE_BAND_M 5.0

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
