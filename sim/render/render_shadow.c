/* sim/render/render_shadow.c — where the sun does not reach.
 *
 * Seen along the sun's rays, the plane across them is cut into square pieces of 51.2 m with 512 x 512 texels (10 cm each). A texel
 * holds the greatest height (world z) of anything solid on its ray: a point is in shadow when something on its ray is
 * higher. Height rather than distance along the ray needs no knowledge of where the ray starts.
 *
 * Which pieces exist depends only on the sun and on what is in view, never on what was drawn earlier, so that the same
 * view gives the same picture; static pieces are kept between frames, and those with something moving in them are copied
 * first, then the moving things are drawn onto the copy. A copy is kept too while the same things stand at the same places in
 * it; when they do not, only the rectangles that the old ones may have touched are copied again. */
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

typedef struct caster { /* a moving thing as far as its shadow goes */
    int mesh;
    base_pose pose;
    base_vec3 scale;
} caster;

typedef struct copy { /* a piece with moving things in it */
    piece piece;
    caster *casters; /* [count], drawn in it */
    int count, capacity;
} copy;

typedef struct corner { /* x, y in texels of the piece with its border, h in units of height */
    float x, y, h;
} corner;

typedef struct wanted {
    int32_t i, j;
    float distance;
    int slot;
    bool missing;
    int copy; /* -1: nothing moves here */
    bool copy_stale;
} wanted;

typedef struct update {
    render_shadow *shadow;
    wanted list[SHADOW_GRID * SHADOW_GRID];
    int count;
    const scene_instance *instances;
    int instance_count;
    int32_t i0, j0;
    float (*bounds)[4]; /* of each instance in texels of piece (i0, j0); empty ones lie far away */
    int bounds_capacity;
    int stale[SHADOW_DYNAMIC_MAX]; /* places in the list of copies to be drawn */
    int stale_count;
} update;

struct render_shadow {
    const scene *scene;
    uint16_t *maps; /* SHADOW_STATIC_MAX pieces, then SHADOW_DYNAMIC_MAX copies; pages are touched only when used */
    piece pieces[SHADOW_STATIC_MAX];
    copy copies[SHADOW_DYNAMIC_MAX];
    corner **corners; /* [workers]: vertices of the chunk or mesh at hand */
    int workers;
    uint32_t most_vertices; /* of any mesh or chunk */
    uint64_t clock;
    uint32_t edits; /* of the scene when the pieces were drawn */
    float sun[3];
    double across_s[3], across_t[3];
    double low, height_unit; /* u16 = (z - low) / height_unit */
    update update;           /* of the frame at hand */
};

render_shadow *render_shadow_create(const scene *s, int workers, base_error *err)
{
    render_shadow *r = calloc(1, sizeof *r);
    if (!r) {
        base_fail(err, BASE_MEMORY, "render: no memory for shadows");
        return NULL;
    }
    r->scene = s;
    r->low = (double)s->world.bounds.lo[2] - 8;
    r->height_unit = ((double)s->world.bounds.hi[2] + 24 - r->low) / 65000;
    for (uint32_t i = 0; i < s->mesh_count; i++)
        r->most_vertices = s->meshes[i].vertex_count > r->most_vertices ? s->meshes[i].vertex_count : r->most_vertices;
    for (uint32_t i = 0; i < s->chunk_count; i++)
        r->most_vertices = s->chunks[i].vertex_count > r->most_vertices ? s->chunks[i].vertex_count : r->most_vertices;
    r->workers = workers;
    r->maps = malloc(PIECE_BYTES * (SHADOW_STATIC_MAX + SHADOW_DYNAMIC_MAX) + 64);
    r->corners = calloc((size_t)workers, sizeof *r->corners);
    bool good = r->maps && r->corners;
    for (int i = 0; good && i < workers; i++) {
        r->corners[i] = malloc(((size_t)r->most_vertices + 1) * sizeof *r->corners[i]);
        good = r->corners[i] != NULL;
    }
    if (good)
        return r;
    base_fail(err, BASE_MEMORY, "render: no memory for shadows");
    render_shadow_destroy(r);
    return NULL;
}

void render_shadow_destroy(render_shadow *s)
{
    if (!s)
        return;
    for (int i = 0; i < SHADOW_DYNAMIC_MAX; i++)
        free(s->copies[i].casters);
    free(s->update.bounds);
    for (int i = 0; s->corners && i < s->workers; i++)
        free(s->corners[i]);
    free(s->corners);
    free(s->maps);
    free(s);
}

static void forget_pieces(render_shadow *s)
{
    for (int i = 0; i < SHADOW_STATIC_MAX; i++)
        s->pieces[i].valid = false;
    for (int i = 0; i < SHADOW_DYNAMIC_MAX; i++)
        s->copies[i].piece.valid = false;
}

static void face_sun(render_shadow *s, const float sun[3])
{
    if (memcmp(s->sun, sun, sizeof s->sun) == 0)
        return;
    memcpy(s->sun, sun, sizeof s->sun);
    forget_pieces(s);
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

/* Rounds up, x >= 0. ceilf is a call or a dozen instructions where SSE4.1 is not taken for granted. */
static inline int up(float x)
{
    int i = (int)x;
    return i + ((float)i < x);
}

#define SWAP(a, b)                                                                                                             \
    do {                                                                                                                       \
        const corner *t = a;                                                                                                   \
        a = b;                                                                                                                 \
        b = t;                                                                                                                 \
    } while (0)

/* ---- drawing triangles into one piece */

/* Rows of a piece: pieces are drawn in bands, so that all threads help with a new one. */
typedef struct band {
    uint16_t *map; /* of the whole piece */
    int first, end;
} band;

/* Keeps the maximum of the heights. The rows between the upper and the lower corner reach from the long edge to one of the others. */
static void draw_triangle(const band *to, const corner *a, const corner *b, const corner *c)
{
    /* Most triangles of vehicles are smaller than a texel and slip between the middles of all. */
    if (up(most(least(a->y, least(b->y, c->y)) - 0.5f, 0)) >= up(most(most(a->y, most(b->y, c->y)) - 0.5f, 0)) ||
        up(most(least(a->x, least(b->x, c->x)) - 0.5f, 0)) >= up(most(most(a->x, most(b->x, c->x)) - 0.5f, 0)))
        return;
    if (a->y > b->y)
        SWAP(a, b);
    if (b->y > c->y)
        SWAP(b, c);
    if (a->y > b->y)
        SWAP(a, b);
    int y0 = up(most(a->y - 0.5f, (float)to->first)), y1 = up(most(least(c->y - 0.5f, (float)to->end), 0));
    float abx = b->x - a->x, aby = b->y - a->y, acx = c->x - a->x, acy = c->y - a->y, area = abx * acy - acx * aby;
    if (y0 >= y1 || area == 0)
        return;
    float inv = 1 / area, long_slope = acx / acy, upper_slope = abx / aby, lower_slope = (c->x - b->x) / (c->y - b->y);
    float hx = ((b->h - a->h) * acy - (c->h - a->h) * aby) * inv, hy = ((c->h - a->h) * abx - (b->h - a->h) * acx) * inv;
    float top = most(a->h, most(b->h, c->h)), bottom = least(a->h, least(b->h, c->h));
    for (int row = y0; row < y1; row++) {
        float py = (float)row + 0.5f, from_a = py - a->y;
        float one = a->x + from_a * long_slope;
        float other = py < b->y ? a->x + from_a * upper_slope : b->x + (py - b->y) * lower_slope;
        int x0 = up(most(least(one, other) - 0.5f, 0)), x1 = up(most(least(most(one, other) - 0.5f, SHADOW_PITCH), 0));
        uint16_t *line = to->map + (size_t)row * SHADOW_PITCH;
        float v = a->h + hy * from_a + hx * ((float)x0 + 0.5f - a->x);
        for (int k = x0; k < x1; k++, v += hx) {
            uint16_t u = (uint16_t)(int)least(most(v, bottom), top);
            line[k] = u > line[k] ? u : line[k];
        }
    }
}

typedef struct projection {
    double s[4], t[4], h[4];
} projection; /* affine: vertex -> texels and height units */

static projection project_for(const render_shadow *s, int32_t i, int32_t j, const caster *in)
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
        float at[3] = { c & 1 ? b->hi[0] : b->lo[0], c & 2 ? b->hi[1] : b->lo[1], c & 4 ? b->hi[2] : b->lo[2] };
        float s = apply(p->s, at), t = apply(p->t, at);
        out[0] = least(out[0], s);
        out[1] = most(out[1], s);
        out[2] = least(out[2], t);
        out[3] = most(out[3], t);
    }
}

static bool overlaps(const float b[4], int first_row, int end_row)
{
    return b[1] >= 0 && b[0] <= SHADOW_PITCH && b[3] >= (float)first_row && b[2] <= (float)end_row;
}

/* Does the sun see its front? What it sees from behind is the far side of something whose near side is higher. */
static bool faces_sun(const corner *a, const corner *b, const corner *c)
{
    return (b->x - a->x) * (c->y - a->y) - (c->x - a->x) * (b->y - a->y) < 0;
}

/* Triangles share vertices: they are moved first. corners: room for vertex_count. fronts: only those, of what is closed */
static void draw_part(const band *to, const projection *p, const scene_part *part, uint32_t first_vertex, uint32_t vertex_count,
                      uint32_t first, uint32_t count, uint8_t without, bool fronts, corner *corners)
{
    for (uint32_t i = 0; i < vertex_count; i++) {
        const float *v = part->vertices[first_vertex + i].position;
        corners[i] = (corner){ apply(p->s, v), apply(p->t, v), least(most(apply(p->h, v), 0), 65535) };
    }
    for (uint32_t i = first; i < first + count; i++) {
        const scene_triangle *tri = &part->triangles[i];
        if (tri->flags & without)
            continue;
        const corner *a = &corners[tri->vertex[0] - first_vertex], *b = &corners[tri->vertex[1] - first_vertex],
                     *c = &corners[tri->vertex[2] - first_vertex];
        if (most(a->x, most(b->x, c->x)) < 0 || least(a->x, least(b->x, c->x)) > SHADOW_PITCH)
            continue;
        if (fronts && !(tri->flags & SCENE_TWO_SIDED) && !faces_sun(a, b, c))
            continue;
        draw_triangle(to, a, b, c);
    }
}

/* ---- one update */

/* May an instance shade a piece? */
static bool reaches(const update *u, int instance, const wanted *w)
{
    float ds = (float)(w->i - u->i0) * SHADOW_TEXELS, dt = (float)(w->j - u->j0) * SHADOW_TEXELS;
    const float *b = u->bounds[instance];
    return overlaps((float[4]){ b[0] - ds, b[1] - ds, b[2] - dt, b[3] - dt }, 0, SHADOW_ROWS);
}

enum { BANDS = 4 };

static void draw_static_band(void *user, int index, int worker)
{
    const update *u = user;
    const wanted *w = &u->list[index / BANDS];
    render_shadow *s = u->shadow;
    if (!w->missing)
        return;
    int part = index % BANDS;
    band to = { s->maps + (size_t)w->slot * PIECE_TEXELS, SHADOW_ROWS * part / BANDS, SHADOW_ROWS * (part + 1) / BANDS };
    memset(to.map + (size_t)to.first * SHADOW_PITCH, 0, (size_t)(to.end - to.first) * SHADOW_PITCH * sizeof *to.map);
    projection p = project_for(s, w->i, w->j, NULL);
    for (uint32_t k = 0; k < s->scene->chunk_count; k++) {
        const scene_chunk *c = &s->scene->chunks[k];
        float b[4];
        project_bounds(&p, &c->bounds, b);
        if (overlaps(b, to.first, to.end))
            draw_part(&to, &p, &s->scene->world, c->first_vertex, c->vertex_count, c->first_triangle, c->triangle_count,
                      SCENE_NO_SHADOW | SCENE_HIDDEN, false, s->corners[worker]);
    }
}

static caster caster_of(const scene_instance *in) { return (caster){ in->mesh, in->pose, in->scale }; }

/* Whatever the things drawn in a copy may have touched, as it is without them. */
static void wipe(const render_shadow *s, const copy *c, const uint16_t *from, uint16_t *to)
{
    for (int k = 0; k < c->count; k++) {
        projection p = project_for(s, c->piece.i, c->piece.j, &c->casters[k]);
        float b[4];
        project_bounds(&p, &s->scene->meshes[c->casters[k].mesh].bounds, b);
        int x0 = (int)most(b[0] - 2, 0), x1 = (int)least(b[1] + 2, SHADOW_PITCH);
        int y0 = (int)most(b[2] - 2, 0), y1 = (int)least(b[3] + 2, SHADOW_ROWS);
        for (int y = y0; y < y1 && x0 < x1; y++)
            memcpy(to + (size_t)y * SHADOW_PITCH + x0, from + (size_t)y * SHADOW_PITCH + x0, (size_t)(x1 - x0) * sizeof *to);
    }
}

void render_shadow_draw(render_shadow *s, int index, int worker)
{
    const update *u = &s->update;
    const wanted *w = &u->list[u->stale[index]];
    copy *c = &s->copies[w->copy];
    const uint16_t *bare = s->maps + (size_t)w->slot * PIECE_TEXELS;
    uint16_t *map = s->maps + (size_t)(SHADOW_STATIC_MAX + w->copy) * PIECE_TEXELS;
    if (c->piece.valid && c->piece.i == w->i && c->piece.j == w->j)
        wipe(s, c, bare, map);
    else
        memcpy(map, bare, PIECE_BYTES);
    const band whole = { map, 0, SHADOW_ROWS };
    c->piece.i = w->i;
    c->piece.j = w->j;
    c->piece.valid = true;
    c->count = 0;
    for (int k = 0; k < u->instance_count; k++) {
        if (!reaches(u, k, w))
            continue;
        caster in = caster_of(&u->instances[k]);
        projection p = project_for(s, w->i, w->j, &in);
        const scene_part *part = &s->scene->meshes[in.mesh];
        draw_part(&whole, &p, part, 0, part->vertex_count, 0, part->triangle_count, SCENE_NO_SHADOW | SCENE_DETAIL, true,
                  s->corners[worker]); /* trim casts none */
        c->casters[c->count++] = in;
    }
}

/* Does the copy show just what reaches the piece now? */
static bool still_true(const update *u, const copy *c, const wanted *w)
{
    if (!c->piece.valid || c->piece.i != w->i || c->piece.j != w->j)
        return false;
    int n = 0;
    for (int k = 0; k < u->instance_count; k++) {
        if (!reaches(u, k, w))
            continue;
        caster in = caster_of(&u->instances[k]);
        if (n == c->count || memcmp(&in, &c->casters[n], sizeof in) != 0)
            return false;
        n++;
    }
    return n == c->count;
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

/* Room for the list of what is in a copy; false: out of memory. */
static bool copy_room(copy *c, int casters)
{
    if (casters > c->capacity) {
        caster *more = realloc(c->casters, 2 * (size_t)casters * sizeof *more);
        if (!more)
            return false;
        c->casters = more;
        c->capacity = 2 * casters;
    }
    return true;
}

/* Give the nearest pieces that something moving may shade their copies: the one of that place if there is one, else the one unused for
 * longest. Notes which must be drawn. */
static void assign_copies(update *u)
{
    render_shadow *s = u->shadow;
    int copies = 0;
    bool needs[SHADOW_STATIC_MAX] = { false };
    for (int k = 0; k < u->count && copies < SHADOW_DYNAMIC_MAX; k++) {
        for (int q = 0; q < u->instance_count && !needs[k]; q++)
            needs[k] = reaches(u, q, &u->list[k]);
        copies += needs[k];
        for (int c = 0; c < SHADOW_DYNAMIC_MAX && needs[k]; c++) {
            piece *p = &s->copies[c].piece;
            if (p->valid && p->i == u->list[k].i && p->j == u->list[k].j) {
                u->list[k].copy = c;
                p->used = s->clock;
            }
        }
    }
    for (int k = 0; k < u->count; k++) {
        wanted *w = &u->list[k];
        if (!needs[k])
            continue;
        for (int c = 0; c < SHADOW_DYNAMIC_MAX && w->copy < 0; c++) {
            piece *p = &s->copies[c].piece;
            bool oldest = p->used != s->clock;
            for (int q = 0; q < SHADOW_DYNAMIC_MAX && oldest; q++)
                oldest = s->copies[q].piece.used >= p->used;
            if (oldest) {
                w->copy = c;
                p->valid = false;
                p->used = s->clock;
            }
        }
        w->copy_stale = !still_true(u, &s->copies[w->copy], w);
        if (w->copy_stale && !copy_room(&s->copies[w->copy], u->instance_count)) {
            s->copies[w->copy].piece.valid = false;
            w->copy = -1; /* nothing moving casts a shadow here */
        }
        if (w->copy >= 0 && w->copy_stale)
            u->stale[u->stale_count++] = k;
    }
}

/* Where the kernels find the pieces. */
static void fill_lookup(const render_shadow *s, base_vec3 camera, double cs, double ct, double range_m,
                        render_shadow_lookup *lookup)
{
    const update *u = &s->update;
    lookup->on = true;
    lookup->maps = s->maps;
    for (int k = 0; k < SHADOW_GRID * SHADOW_GRID; k++)
        lookup->piece[k] = -1;
    for (int k = 0; k < u->count; k++) {
        const wanted *w = &u->list[k];
        int slot = w->copy >= 0 ? SHADOW_STATIC_MAX + w->copy : w->slot;
        lookup->piece[(w->j - u->j0) * SHADOW_GRID + w->i - u->i0] = (int32_t)((size_t)slot * PIECE_TEXELS);
    }
    for (int k = 0; k < 3; k++) {
        lookup->sun[k] = s->sun[k];
        lookup->unit_s[k] = (float)s->across_s[k];
        lookup->unit_t[k] = (float)s->across_t[k];
        lookup->across_s[k] = (float)(s->across_s[k] / SHADOW_PIECE_M);
        lookup->across_t[k] = (float)(s->across_t[k] / SHADOW_PIECE_M);
    }
    lookup->origin_s = (float)(cs - u->i0);
    lookup->origin_t = (float)(ct - u->j0);
    lookup->height_scale = (float)(1 / s->height_unit);
    lookup->height_origin = (float)((camera.z - s->low) / s->height_unit);
    lookup->range_m = (float)range_m;
}

/* Bounds of the moving things on the grid; out of memory: false, they cast no shadow. */
static bool find_casters(update *u)
{
    if (u->instance_count > u->bounds_capacity) {
        free(u->bounds);
        u->bounds_capacity = 2 * u->instance_count;
        u->bounds = malloc((size_t)u->bounds_capacity * sizeof *u->bounds);
        if (!u->bounds)
            u->bounds_capacity = 0;
    }
    for (int q = 0; u->bounds && q < u->instance_count; q++) {
        const scene_part *part = &u->shadow->scene->meshes[u->instances[q].mesh];
        caster in = caster_of(&u->instances[q]);
        projection p = project_for(u->shadow, u->i0, u->j0, &in);
        if (part->triangle_count)
            project_bounds(&p, &part->bounds, u->bounds[q]);
        else
            memcpy(u->bounds[q], (float[4]){ 1e9f, 1e9f, 1e9f, 1e9f }, sizeof u->bounds[q]);
    }
    return u->bounds != NULL;
}

int render_shadow_begin(render_shadow *s, base_pool *pool, const float sun[3], base_vec3 camera, double range_m,
                        const render_item *items, uint32_t item_count, const scene_instance *instances, int instance_count,
                        render_shadow_lookup *lookup, uint32_t *new_pieces)
{
    if (s->edits != s->scene->edits) { /* something was taken away or put back */
        s->edits = s->scene->edits;
        forget_pieces(s);
    }
    face_sun(s, sun);
    double cs = (s->across_s[0] * camera.x + s->across_s[1] * camera.y + s->across_s[2] * camera.z) / SHADOW_PIECE_M;
    double ct = (s->across_t[0] * camera.x + s->across_t[1] * camera.y + s->across_t[2] * camera.z) / SHADOW_PIECE_M;
    update *u = &s->update;
    u->shadow = s;
    u->instances = instances;
    u->instance_count = instance_count;
    u->i0 = (int32_t)floor(cs) - SHADOW_GRID / 2;
    u->j0 = (int32_t)floor(ct) - SHADOW_GRID / 2;
    u->count = u->stale_count = 0;

    bool marks[SHADOW_GRID * SHADOW_GRID] = { false };
    for (uint32_t k = 0; k < item_count; k++)
        mark(s, &items[k].bounds, camera, range_m, u->i0, u->j0, marks);
    for (int j = 0; j < SHADOW_GRID; j++)
        for (int i = 0; i < SHADOW_GRID; i++)
            if (marks[j * SHADOW_GRID + i]) {
                double dx = u->i0 + i + 0.5 - cs, dy = u->j0 + j + 0.5 - ct;
                u->list[u->count++] =
                    (wanted){ .i = u->i0 + i, .j = u->j0 + j, .distance = (float)(dx * dx + dy * dy), .copy = -1 };
            }
    qsort(u->list, (size_t)u->count, sizeof *u->list, nearer_first);
    u->count = u->count > SHADOW_STATIC_MAX ? SHADOW_STATIC_MAX : u->count;
    *new_pieces = assign_slots(s, u->list, u->count);
    if (*new_pieces)
        base_pool_run(pool, u->count * BANDS, draw_static_band, u);
    if (instance_count > 0 && find_casters(u))
        assign_copies(u);
    fill_lookup(s, camera, cs, ct, range_m, lookup);
    return u->stale_count;
}
