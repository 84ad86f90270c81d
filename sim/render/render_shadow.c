/* sim/render/render_shadow.c — where the sun does not reach.
 *
 * Seen along the sun's rays, the plane across them is cut into square pieces of 51.2 m with 512 x 512 texels (10 cm each). A texel
 * holds the greatest height (world z) of anything solid on its ray: a point is in shadow when something on its ray is
 * higher. Height rather than distance along the ray needs no knowledge of where the ray starts.
 *
 * Which pieces exist depends only on the sun and on what is in view, never on what was drawn earlier, so that the same
 * view gives the same picture; static pieces are kept between frames, and those with something moving in them are copied
 * first, then the moving things are drawn onto the copy. */
#include "sim/render/render_internal.h"
#include <float.h>
#include <stdlib.h>
#include <string.h>

#define PIECE_BYTES  ((size_t)SHADOW_ROWS * SHADOW_PITCH * sizeof(uint16_t))
#define PIECE_TEXELS ((size_t)SHADOW_ROWS * SHADOW_PITCH)

typedef struct piece {
    int32_t i, j;
    uint64_t used;
    bool valid;
} piece;

struct render_shadow {
    const scene *scene;
    uint16_t *maps; /* SHADOW_STATIC_MAX pieces, then SHADOW_DYNAMIC_MAX copies; pages are touched only when used */
    piece pieces[SHADOW_STATIC_MAX];
    uint64_t clock;
    uint32_t edits; /* of the scene when the pieces were drawn */
    float sun[3];
    double across_s[3], across_t[3];
    double low, height_unit; /* u16 = (z - low) / height_unit */
};

render_shadow *render_shadow_create(const scene *s, base_error *err)
{
    render_shadow *r = calloc(1, sizeof *r);
    uint16_t *maps = malloc(PIECE_BYTES * (SHADOW_STATIC_MAX + SHADOW_DYNAMIC_MAX) + 64);
    if (!r || !maps) {
        free(r);
        free(maps);
        base_fail(err, BASE_MEMORY, "render: no memory for shadows");
        return NULL;
    }
    r->scene = s;
    r->maps = maps;
    r->low = (double)s->world.bounds.lo[2] - 8;
    r->height_unit = ((double)s->world.bounds.hi[2] + 24 - r->low) / 65000;
    return r;
}

void render_shadow_destroy(render_shadow *s)
{
    if (!s)
        return;
    free(s->maps);
    free(s);
}

static void face_sun(render_shadow *s, const float sun[3])
{
    if (memcmp(s->sun, sun, sizeof s->sun) == 0)
        return;
    memcpy(s->sun, sun, sizeof s->sun);
    for (int i = 0; i < SHADOW_STATIC_MAX; i++)
        s->pieces[i].valid = false;
    base_vec3 d = { sun[0], sun[1], sun[2] };
    base_vec3 flat = fabs(d.z) < 0.999 ? (base_vec3){ 0, 0, 1 } : (base_vec3){ 1, 0, 0 };
    base_vec3 a = base_vec3_cross(d, flat);
    a = base_vec3_scale(a, 1 / base_vec3_length(a));
    base_vec3 b = base_vec3_cross(a, d);
    memcpy(s->across_s, (double[3]){ a.x, a.y, a.z }, sizeof s->across_s);
    memcpy(s->across_t, (double[3]){ b.x, b.y, b.z }, sizeof s->across_t);
}

static inline float least(float a, float b) { return a < b ? a : b; }

static inline float most(float a, float b) { return a > b ? a : b; }

/* ---- drawing triangles into one piece */

/* x, y in texels of the piece with its border, h in u16 units. Keeps the maximum of the heights. */
static void draw_triangle(uint16_t *map, const float x[3], const float y[3], const float h[3])
{
    float area = (x[1] - x[0]) * (y[2] - y[0]) - (x[2] - x[0]) * (y[1] - y[0]);
    if (area == 0)
        return;
    float min_y = least(y[0], least(y[1], y[2])), max_y = most(y[0], most(y[1], y[2]));
    if (!(max_y > 0.5f) || !(min_y < SHADOW_ROWS - 0.5f))
        return;
    int y0 = (int)ceilf(most(min_y - 0.5f, 0)), y1 = (int)floorf(least(max_y - 0.5f, SHADOW_ROWS - 1));
    float inv = 1 / area;
    float hx = ((h[1] - h[0]) * (y[2] - y[0]) - (h[2] - h[0]) * (y[1] - y[0])) * inv;
    float hy = ((h[2] - h[0]) * (x[1] - x[0]) - (h[1] - h[0]) * (x[2] - x[0])) * inv;
    float top = most(h[0], most(h[1], h[2])), bottom = least(h[0], least(h[1], h[2]));
    for (int row = y0; row <= y1; row++) {
        float py = (float)row + 0.5f, left = FLT_MAX, right = -FLT_MAX;
        for (int e = 0; e < 3; e++) { /* where the row meets the edges */
            int f = e == 2 ? 0 : e + 1;
            float ya = y[e], yb = y[f];
            if ((ya <= py) == (yb <= py))
                continue;
            float at = x[e] + (x[f] - x[e]) * ((py - ya) / (yb - ya));
            left = least(left, at);
            right = most(right, at);
        }
        if (!(left <= right))
            continue;
        int x0 = (int)ceilf(most(left - 0.5f, 0)), x1 = (int)floorf(least(right - 0.5f, SHADOW_PITCH - 1));
        uint16_t *line = map + (size_t)row * SHADOW_PITCH;
        float value = h[0] + hy * (py - y[0]) + hx * ((float)x0 + 0.5f - x[0]);
        for (int k = x0; k <= x1; k++, value += hx) {
            float v = value < bottom ? bottom : value > top ? top : value;
            uint16_t u = (uint16_t)v;
            if (u > line[k])
                line[k] = u;
        }
    }
}

typedef struct projection {
    double s[4], t[4], h[4];
} projection; /* affine: vertex -> texels and height units */

static projection project_for(const render_shadow *s, int32_t i, int32_t j, const scene_instance *in)
{
    projection p;
    double unit = SHADOW_TEXELS / SHADOW_PIECE_M;
    for (int k = 0; k < 3; k++) {
        p.s[k] = s->across_s[k] * unit;
        p.t[k] = s->across_t[k] * unit;
        p.h[k] = k == 2 ? 1 / s->height_unit : 0;
    }
    p.s[3] = SHADOW_BORDER - (double)i * SHADOW_TEXELS;
    p.t[3] = SHADOW_BORDER - (double)j * SHADOW_TEXELS;
    p.h[3] = -s->low / s->height_unit;
    if (!in)
        return p;
    base_mat3 r = base_rotation_matrix(in->pose.rotation);
    double scale[3] = { in->scale.x != 0 ? in->scale.x : 1, in->scale.y != 0 ? in->scale.y : 1,
                        in->scale.z != 0 ? in->scale.z : 1 };
    double at[3] = { in->pose.location.x, in->pose.location.y, in->pose.location.z };
    double *rows[3] = { p.s, p.t, p.h };
    for (int q = 0; q < 3; q++) {
        double old[4];
        memcpy(old, rows[q], sizeof old);
        for (int k = 0; k < 3; k++)
            rows[q][k] = (old[0] * r.m[0][k] + old[1] * r.m[1][k] + old[2] * r.m[2][k]) * scale[k];
        rows[q][3] = old[0] * at[0] + old[1] * at[1] + old[2] * at[2] + old[3];
    }
    return p;
}

static float apply(const double row[4], const float *v)
{
    return (float)(row[0] * v[0] + row[1] * v[1] + row[2] * v[2] + row[3]);
}

/* Bounds of a box in texels of the piece: { s low, s high, t low, t high }. */
static void project_bounds(const projection *p, const scene_bounds *b, float out[4])
{
    out[0] = out[2] = FLT_MAX;
    out[1] = out[3] = -FLT_MAX;
    for (int c = 0; c < 8; c++) {
        float corner[3] = { c & 1 ? b->hi[0] : b->lo[0], c & 2 ? b->hi[1] : b->lo[1], c & 4 ? b->hi[2] : b->lo[2] };
        float s = apply(p->s, corner), t = apply(p->t, corner);
        out[0] = least(out[0], s);
        out[1] = most(out[1], s);
        out[2] = least(out[2], t);
        out[3] = most(out[3], t);
    }
}

static bool overlaps(const float b[4]) { return b[1] >= 0 && b[0] <= SHADOW_PITCH && b[3] >= 0 && b[2] <= SHADOW_ROWS; }

static void draw_part(uint16_t *map, const projection *p, const scene_part *part, uint32_t first, uint32_t count,
                      uint8_t without)
{
    for (uint32_t i = first; i < first + count; i++) {
        const scene_triangle *tri = &part->triangles[i];
        if (tri->flags & without)
            continue;
        float x[3], y[3], h[3];
        for (int k = 0; k < 3; k++) {
            const float *v = part->vertices[tri->vertex[k]].position;
            x[k] = apply(p->s, v);
            y[k] = apply(p->t, v);
            h[k] = least(most(apply(p->h, v), 0), 65535);
        }
        if (most(x[0], most(x[1], x[2])) < 0 || least(x[0], least(x[1], x[2])) > SHADOW_PITCH)
            continue;
        draw_triangle(map, x, y, h);
    }
}

/* ---- one update */

typedef struct wanted {
    int32_t i, j;
    float distance;
    int slot;
    bool missing;
    int copy;
} wanted;

typedef struct update {
    render_shadow *shadow;
    wanted *list;
    int count;
    const scene_instance *instances;
    int instance_count;
    int32_t i0, j0;
    float (*bounds)[4]; /* of each instance in texels of piece (i0, j0); empty ones lie far away */
} update;

/* May an instance shade a piece? */
static bool reaches(const update *u, int instance, const wanted *w)
{
    float ds = (float)(w->i - u->i0) * SHADOW_TEXELS, dt = (float)(w->j - u->j0) * SHADOW_TEXELS;
    const float *b = u->bounds[instance];
    return overlaps((float[4]){ b[0] - ds, b[1] - ds, b[2] - dt, b[3] - dt });
}

static void draw_static_piece(void *user, int index, int worker)
{
    (void)worker;
    update *u = user;
    wanted *w = &u->list[index];
    render_shadow *s = u->shadow;
    if (!w->missing)
        return;
    uint16_t *map = s->maps + (size_t)w->slot * PIECE_TEXELS;
    memset(map, 0, PIECE_BYTES);
    projection p = project_for(s, w->i, w->j, NULL);
    for (uint32_t c = 0; c < s->scene->chunk_count; c++) {
        const scene_chunk *chunk = &s->scene->chunks[c];
        float b[4];
        project_bounds(&p, &chunk->bounds, b);
        if (overlaps(b))
            draw_part(map, &p, &s->scene->world, chunk->first_triangle, chunk->triangle_count, SCENE_NO_SHADOW | SCENE_HIDDEN);
    }
}

static void draw_dynamic_piece(void *user, int index, int worker)
{
    (void)worker;
    update *u = user;
    wanted *w = &u->list[index];
    render_shadow *s = u->shadow;
    if (w->copy < 0)
        return;
    uint16_t *map = s->maps + (size_t)(SHADOW_STATIC_MAX + w->copy) * PIECE_TEXELS;
    memcpy(map, s->maps + (size_t)w->slot * PIECE_TEXELS, PIECE_BYTES);
    for (int k = 0; k < u->instance_count; k++) {
        if (!reaches(u, k, w))
            continue;
        const scene_instance *in = &u->instances[k];
        const scene_part *part = &s->scene->meshes[in->mesh];
        projection p = project_for(s, w->i, w->j, in);
        draw_part(map, &p, part, 0, part->triangle_count, SCENE_NO_SHADOW | SCENE_DETAIL); /* trim casts none */
    }
}

static int nearer_first(const void *a, const void *b)
{
    const wanted *x = a, *y = b;
    if (x->distance != y->distance)
        return x->distance < y->distance ? -1 : 1;
    return x->j != y->j ? (x->j < y->j ? -1 : 1) : (x->i > y->i) - (x->i < y->i);
}

/* Mark the pieces that a box within range may lie in. */
static void mark(const render_shadow *s, const scene_bounds *b, base_vec3 camera, double range, int32_t i0, int32_t j0,
                 bool *marks)
{
    scene_bounds near_part = *b;
    float eye[3] = { (float)camera.x, (float)camera.y, (float)camera.z };
    for (int k = 0; k < 3; k++) {
        near_part.lo[k] = most(b->lo[k], eye[k] - (float)range);
        near_part.hi[k] = least(b->hi[k], eye[k] + (float)range);
        if (near_part.lo[k] > near_part.hi[k])
            return;
    }
    projection p = project_for(s, i0, j0, NULL);
    float box[4];
    project_bounds(&p, &near_part, box);
    int a[4];
    for (int k = 0; k < 4; k++) {
        float cell = (box[k] - SHADOW_BORDER + (k & 1 ? 2 : -2)) / SHADOW_TEXELS;
        a[k] = (int)floorf(most(-1, least(SHADOW_GRID, cell)));
    }
    for (int j = a[2] < 0 ? 0 : a[2]; j <= a[3] && j < SHADOW_GRID; j++)
        for (int i = a[0] < 0 ? 0 : a[0]; i <= a[1] && i < SHADOW_GRID; i++)
            marks[j * SHADOW_GRID + i] = true;
}

/* Give every wanted piece a slot: the one that already holds it, else the one unused for longest. */
static uint32_t assign_slots(render_shadow *s, wanted *list, int count)
{
    uint32_t drawn = 0;
    s->clock++;
    for (int k = 0; k < count; k++) {
        list[k].slot = -1;
        for (int q = 0; q < SHADOW_STATIC_MAX; q++)
            if (s->pieces[q].valid && s->pieces[q].i == list[k].i && s->pieces[q].j == list[k].j) {
                list[k].slot = q;
                s->pieces[q].used = s->clock;
            }
    }
    for (int k = 0; k < count; k++) {
        if (list[k].slot >= 0)
            continue;
        int oldest = 0;
        for (int q = 1; q < SHADOW_STATIC_MAX; q++) {
            const piece *a = &s->pieces[q], *b = &s->pieces[oldest];
            if ((a->valid ? a->used : 0) < (b->valid ? b->used : 0))
                oldest = q;
        }
        s->pieces[oldest] = (piece){ list[k].i, list[k].j, s->clock, true };
        list[k].slot = oldest;
        list[k].missing = true;
        drawn++;
    }
    return drawn;
}

uint32_t render_shadow_update(render_shadow *s, base_pool *pool, const float sun[3], base_vec3 camera, double range_m,
                              const render_item *items, uint32_t item_count, const scene_instance *instances,
                              int instance_count, render_shadow_lookup *lookup)
{
    if (s->edits != s->scene->edits) { /* something was taken away or put back */
        s->edits = s->scene->edits;
        for (int k = 0; k < SHADOW_STATIC_MAX; k++)
            s->pieces[k].valid = false;
    }
    face_sun(s, sun);
    double cs = (s->across_s[0] * camera.x + s->across_s[1] * camera.y + s->across_s[2] * camera.z) / SHADOW_PIECE_M;
    double ct = (s->across_t[0] * camera.x + s->across_t[1] * camera.y + s->across_t[2] * camera.z) / SHADOW_PIECE_M;
    int32_t i0 = (int32_t)floor(cs) - SHADOW_GRID / 2, j0 = (int32_t)floor(ct) - SHADOW_GRID / 2;

    bool marks[SHADOW_GRID * SHADOW_GRID] = { false };
    for (uint32_t k = 0; k < item_count; k++) {
        if (items[k].bounds)
            mark(s, items[k].bounds, camera, range_m, i0, j0, marks);
    }
    wanted list[SHADOW_GRID * SHADOW_GRID];
    int count = 0;
    for (int j = 0; j < SHADOW_GRID; j++)
        for (int i = 0; i < SHADOW_GRID; i++)
            if (marks[j * SHADOW_GRID + i]) {
                double dx = i0 + i + 0.5 - cs, dy = j0 + j + 0.5 - ct;
                list[count++] = (wanted){ .i = i0 + i, .j = j0 + j, .distance = (float)(dx * dx + dy * dy), .copy = -1 };
            }
    qsort(list, (size_t)count, sizeof *list, nearer_first);
    count = count > SHADOW_STATIC_MAX ? SHADOW_STATIC_MAX : count;
    uint32_t drawn = assign_slots(s, list, count);

    /* Pieces that something moving may shade. */
    update u = { s, list, count, instances, instance_count, i0, j0, NULL };
    int copies = 0;
    if (instance_count > 0)
        u.bounds = malloc((size_t)instance_count * sizeof *u.bounds); /* out of memory: moving things cast no shadow */
    for (int q = 0; u.bounds && q < instance_count; q++) {
        const scene_part *part = &s->scene->meshes[instances[q].mesh];
        projection p = project_for(s, i0, j0, &instances[q]);
        if (part->triangle_count)
            project_bounds(&p, &part->bounds, u.bounds[q]);
        else
            memcpy(u.bounds[q], (float[4]){ 1e9f, 1e9f, 1e9f, 1e9f }, sizeof u.bounds[q]);
    }
    for (int k = 0; u.bounds && k < count && copies < SHADOW_DYNAMIC_MAX; k++)
        for (int q = 0; q < instance_count && list[k].copy < 0; q++)
            if (reaches(&u, q, &list[k]))
                list[k].copy = copies++;
    if (drawn)
        base_pool_run(pool, count, draw_static_piece, &u);
    if (copies)
        base_pool_run(pool, count, draw_dynamic_piece, &u);
    free(u.bounds);

    lookup->on = true;
    lookup->maps = s->maps;
    for (int k = 0; k < SHADOW_GRID * SHADOW_GRID; k++)
        lookup->piece[k] = -1;
    for (int k = 0; k < count; k++) {
        int slot = list[k].copy >= 0 ? SHADOW_STATIC_MAX + list[k].copy : list[k].slot;
        lookup->piece[(list[k].j - j0) * SHADOW_GRID + list[k].i - i0] = (int32_t)((size_t)slot * PIECE_TEXELS);
    }
    for (int k = 0; k < 3; k++) {
        lookup->sun[k] = sun[k];
        lookup->unit_s[k] = (float)s->across_s[k];
        lookup->unit_t[k] = (float)s->across_t[k];
        lookup->across_s[k] = (float)(s->across_s[k] / SHADOW_PIECE_M);
        lookup->across_t[k] = (float)(s->across_t[k] / SHADOW_PIECE_M);
    }
    lookup->origin_s = (float)(cs - i0);
    lookup->origin_t = (float)(ct - j0);
    lookup->height_scale = (float)(1 / s->height_unit);
    lookup->height_origin = (float)((camera.z - s->low) / s->height_unit);
    lookup->range_m = (float)range_m;
    return drawn;
}
