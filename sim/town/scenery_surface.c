/* sim/town/scenery_surface.c — how high the road is at a point: a grid of square cells over the footprint's quads. */
#include "sim/town/scenery_internal.h"
#include <stdlib.h>

#define CELL_M   8.0
#define WITHIN_M 1.0 /* of the height asked for: not the bridge above */

static void cells_of(const scenery_surface_index *s, const scenery_quad *q, int at[4])
{
    double lo[2] = { q->x[0], q->y[0] }, hi[2] = { q->x[0], q->y[0] };
    for (int k = 1; k < 4; k++) {
        lo[0] = fmin(lo[0], q->x[k]), hi[0] = fmax(hi[0], q->x[k]);
        lo[1] = fmin(lo[1], q->y[k]), hi[1] = fmax(hi[1], q->y[k]);
    }
    at[0] = (int)floor((lo[0] - s->x0) / CELL_M), at[1] = (int)floor((hi[0] - s->x0) / CELL_M);
    at[2] = (int)floor((lo[1] - s->y0) / CELL_M), at[3] = (int)floor((hi[1] - s->y0) / CELL_M);
    for (int k = 0; k < 4; k++) { /* the raster's rim is beyond all roads; rounding is not */
        int last = (k < 2 ? s->width : s->height) - 1;
        at[k] = at[k] < 0 ? 0 : at[k] > last ? last : at[k];
    }
}

bool scenery_surface_build(town_scenery *t, base_error *err)
{
    const scenery_raster *r = &t->raster;
    const scenery_footprint *f = &t->footprint;
    scenery_surface_index *s = &t->surface;
    *s = (scenery_surface_index){ .x0 = r->x0, .y0 = r->y0 };
    s->width = (int)ceil(r->width * r->cell_m / CELL_M) + 1;
    s->height = (int)ceil(r->height * r->cell_m / CELL_M) + 1;
    size_t cells = (size_t)s->width * s->height, total = 0;
    s->first = calloc(cells + 1, sizeof *s->first);
    for (int pass = 0; s->first && pass < 2; pass++) { /* count, then fill from each cell's end downwards */
        for (size_t i = 0; i < f->count; i++) {
            int at[4];
            cells_of(s, &f->quads[i], at);
            for (int y = at[2]; y <= at[3]; y++)
                for (int x = at[0]; x <= at[1]; x++) {
                    size_t cell = (size_t)y * s->width + x;
                    if (pass == 0)
                        s->first[cell]++, total++;
                    else
                        s->members[--s->first[cell]] = (uint32_t)i;
                }
        }
        if (pass)
            break;
        s->members = malloc((total + 1) * sizeof *s->members);
        if (!s->members)
            break;
        for (size_t i = 1; i <= cells; i++)
            s->first[i] += s->first[i - 1];
    }
    return (s->first && s->members) || base_fail(err, BASE_MEMORY, "scenery: no memory for an index of %zu surfaces", f->count);
}

void scenery_surface_free(town_scenery *t)
{
    free(t->surface.first);
    free(t->surface.members);
    t->surface = (scenery_surface_index){ 0 };
}

/* Height of the ruled surface between the quad's two stations (corners 0, 3 and 1, 2) at a point within it: the strips that are
 * drawn there follow it much closer than the two triangles of the whole lane do where the road twists. */
static double ruled_z(const scenery_quad *q, double x, double y, double otherwise)
{
    double d[2];
    for (int end = 0; end < 2; end++) {
        int a = end ? 1 : 0, b = end ? 2 : 3;
        double ax = q->x[b] - q->x[a], ay = q->y[b] - q->y[a], length = sqrt(ax * ax + ay * ay);
        if (length < 1e-3)
            return otherwise;
        d[end] = fabs(ax * (y - q->y[a]) - ay * (x - q->x[a])) / length;
    }
    if (d[0] + d[1] < 1e-6)
        return otherwise;
    double t = d[0] / (d[0] + d[1]);
    double lx = q->x[0] + t * (q->x[1] - q->x[0]), ly = q->y[0] + t * (q->y[1] - q->y[0]);
    double rx = q->x[3] + t * (q->x[2] - q->x[3]), ry = q->y[3] + t * (q->y[2] - q->y[3]);
    double wide2 = (rx - lx) * (rx - lx) + (ry - ly) * (ry - ly);
    double u = wide2 > 1e-9 ? ((x - lx) * (rx - lx) + (y - ly) * (ry - ly)) / wide2 : 0;
    double lz = q->z[0] + t * (q->z[1] - q->z[0]), rz = q->z[3] + t * (q->z[2] - q->z[3]);
    return lz + u * (rz - lz);
}

bool scenery_surface_z(const town_scenery *t, scenery_paved kind, double x, double y, double z, double *out)
{
    const scenery_surface_index *s = &t->surface;
    int cx = (int)floor((x - s->x0) / CELL_M), cy = (int)floor((y - s->y0) / CELL_M);
    if (cx < 0 || cy < 0 || cx >= s->width || cy >= s->height)
        return false;
    size_t cell = (size_t)cy * s->width + cx;
    bool found = false;
    for (uint32_t i = s->first[cell]; i < s->first[cell + 1]; i++) {
        const scenery_quad *q = &t->footprint.quads[s->members[i]];
        double here;
        if (q->kind != kind || !scenery_quad_z(q, x, y, &here))
            continue;
        here = ruled_z(q, x, y, here);
        if (fabs(here - z) < WITHIN_M && (!found || here > *out)) {
            *out = here;
            found = true;
        }
    }
    return found;
}

bool scenery_is_deck(const town_scenery *t, double x, double y, double z)
{
    const scenery_surface_index *s = &t->surface;
    int cx = (int)floor((x - s->x0) / CELL_M), cy = (int)floor((y - s->y0) / CELL_M);
    if (cx < 0 || cy < 0 || cx >= s->width || cy >= s->height)
        return false;
    size_t cell = (size_t)cy * s->width + cx;
    for (uint32_t i = s->first[cell]; i < s->first[cell + 1]; i++) {
        const scenery_quad *q = &t->footprint.quads[s->members[i]];
        double here;
        if (q->deck && scenery_quad_z(q, x, y, &here) && fabs(here - z) < WITHIN_M)
            return true;
    }
    return false;
}
