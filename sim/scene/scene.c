/* sim/scene/scene.c — materials, static triangles sorted into chunks, meshes for instances, rays through all of them. */
#include "sim/scene/scene.h"
#include "sim/scene/bvh.h"
#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct scene_build {
    scene_mesh all; /* static triangles before they are sorted */
    uint32_t mesh_capacity;
    bool failed;
};

double scene_linear_from_srgb(double srgb) { return srgb <= 0.04045 ? srgb / 12.92 : pow((srgb + 0.055) / 1.055, 2.4); }

scene *scene_create(base_error *err)
{
    scene *s = calloc(1, sizeof *s);
    struct scene_build *build = calloc(1, sizeof *build);
    if (!s || !build) {
        free(s);
        free(build);
        base_fail(err, BASE_MEMORY, "scene: out of memory");
        return NULL;
    }
    s->build = build;
    return s;
}

static void part_free(scene_part *p)
{
    free(p->vertices);
    free(p->triangles);
    scene_bvh_free(p);
}

void scene_destroy(scene *s)
{
    if (!s)
        return;
    if (s->build) {
        scene_mesh_free(&s->build->all);
        free(s->build);
    }
    for (uint32_t i = 0; i < s->mesh_count; i++)
        part_free(&s->meshes[i]);
    part_free(&s->world);
    free(s->meshes);
    free(s->chunks);
    free(s->materials);
    free(s->occluders);
    free(s);
}

static bool same_material(const scene_material *a, const scene_material *b)
{
    return a->rgb[0] == b->rgb[0] && a->rgb[1] == b->rgb[1] && a->rgb[2] == b->rgb[2] && a->texture == b->texture &&
           a->gloss == b->gloss && a->emission == b->emission && a->glow == b->glow;
}

static uint16_t append_material(scene *s, scene_material m)
{
    assert(m.texture >= 0 && m.texture < SCENE_TEXTURE_COUNT);
    if (s->material_count == s->material_capacity) {
        uint32_t wanted = s->material_count ? s->material_count * 2 : 64;
        scene_material *moved = s->material_count < 65535 ? realloc(s->materials, (size_t)wanted * sizeof *s->materials) : NULL;
        if (!moved) {
            if (s->build)
                s->build->failed = true;
            return 0;
        }
        s->materials = moved;
        s->material_capacity = wanted;
    }
    s->materials[s->material_count] = m;
    return (uint16_t)s->material_count++;
}

uint16_t scene_material_add(scene *s, scene_material m)
{
    for (uint32_t i = 0; i < s->material_count; i++)
        if (!s->materials[i].is_own && same_material(&s->materials[i], &m))
            return (uint16_t)i;
    m.is_own = false;
    return append_material(s, m);
}

uint16_t scene_material_own(scene *s, scene_material m)
{
    m.is_own = true;
    return append_material(s, m);
}

bool scene_add_static(scene *s, scene_mesh *m, base_error *err)
{
    assert(!s->finished);
    scene_mesh *all = &s->build->all;
    if (all->vertex_count == 0 && !all->failed) {
        scene_mesh_free(all);
        *all = *m;
        *m = (scene_mesh){ 0 };
    } else {
        scene_mesh_append(all, m, NULL);
        scene_mesh_free(m);
    }
    if (all->failed)
        return base_fail(err, BASE_MEMORY, "scene: no memory for %u static triangles", all->triangle_count);
    return true;
}

void scene_add_occluder(scene *s, const base_vec3 corner[4], uint32_t instance)
{
    assert(!s->finished && (s->occluder_count == 0 || s->occluders[s->occluder_count - 1].instance <= instance));
    if (s->occluder_count == s->occluder_capacity) {
        uint32_t wanted = s->occluder_capacity ? s->occluder_capacity * 2 : 64;
        scene_occluder *moved = realloc(s->occluders, (size_t)wanted * sizeof *moved);
        if (!moved) {
            s->build->failed = true;
            return;
        }
        s->occluders = moved;
        s->occluder_capacity = wanted;
    }
    scene_occluder *o = &s->occluders[s->occluder_count++];
    *o = (scene_occluder){ .instance = instance };
    for (int k = 0; k < 4; k++) {
        o->corner[k][0] = (float)corner[k].x;
        o->corner[k][1] = (float)corner[k].y;
        o->corner[k][2] = (float)corner[k].z;
    }
}

bool scene_add_mesh(scene *s, scene_mesh *m, int *mesh, base_error *err)
{
    assert(!s->finished);
    if (!m->failed && s->mesh_count == s->build->mesh_capacity) {
        uint32_t wanted = s->mesh_count ? s->mesh_count * 2 : 16;
        scene_part *moved = realloc(s->meshes, (size_t)wanted * sizeof *s->meshes);
        if (moved) {
            s->meshes = moved;
            s->build->mesh_capacity = wanted;
        } else {
            m->failed = true;
        }
    }
    if (m->failed) {
        scene_mesh_free(m);
        return base_fail(err, BASE_MEMORY, "scene: no memory for mesh %u", s->mesh_count);
    }
    scene_part *p = &s->meshes[s->mesh_count];
    *p = (scene_part){
        .vertices = m->vertices, .triangles = m->triangles, .vertex_count = m->vertex_count, .triangle_count = m->triangle_count
    };
    *m = (scene_mesh){ 0 };
    *mesh = (int)s->mesh_count++;
    return true;
}

/* ---- chunks: cells of a square grid, row by row; a triangle belongs to the cell of its middle */

typedef struct cell_key {
    uint32_t cell, triangle;
} cell_key;

/* By cell, in order of the triangles within one: 11 bits a pass, as many passes as the largest cell needs. Returns the sorted one of the two
 * arrays. */
static cell_key *sort_keys(cell_key *keys, cell_key *other, uint32_t count, uint32_t most)
{
    enum { BITS = 11, BUCKETS = 1 << BITS };
    for (int shift = 0; shift < 32 && most >> shift; shift += BITS) {
        uint32_t starts[BUCKETS] = { 0 }, sum = 0;
        for (uint32_t i = 0; i < count; i++)
            starts[keys[i].cell >> shift & (BUCKETS - 1)]++;
        for (int b = 0; b < BUCKETS; b++) {
            uint32_t here = starts[b];
            starts[b] = sum;
            sum += here;
        }
        for (uint32_t i = 0; i < count; i++)
            other[starts[keys[i].cell >> shift & (BUCKETS - 1)]++] = keys[i];
        cell_key *swap = keys;
        keys = other;
        other = swap;
    }
    return keys;
}

static void bounds_point(scene_bounds *b, const float *x)
{
    for (int k = 0; k < 3; k++) {
        b->lo[k] = x[k] < b->lo[k] ? x[k] : b->lo[k];
        b->hi[k] = x[k] > b->hi[k] ? x[k] : b->hi[k];
    }
}

static double middle(const scene_mesh *m, const scene_triangle *t, int axis)
{
    return ((double)m->vertices[t->vertex[0]].position[axis] + m->vertices[t->vertex[1]].position[axis] +
            m->vertices[t->vertex[2]].position[axis]) /
           3;
}

/* Blocks of triangles: where their middles lie, then the cells of these. */
typedef struct cell_blocks {
    const scene_mesh *mesh;
    cell_key *keys;
    struct cell_block {
        double low[2], high[2];
        uint32_t most; /* the largest cell */
    } * blocks;
    double chunk_m, low[2];
    uint32_t columns;
} cell_blocks;

enum { CELL_BLOCK = 32768 };

static void span_cells(void *user, int item, int worker)
{
    (void)worker;
    const cell_blocks *b = user;
    struct cell_block own = { { DBL_MAX, DBL_MAX }, { -DBL_MAX, -DBL_MAX }, 0 };
    uint32_t first = (uint32_t)item * CELL_BLOCK, end = first + CELL_BLOCK;
    for (uint32_t i = first; i < end && i < b->mesh->triangle_count; i++)
        for (int k = 0; k < 2; k++) { /* not by fmin: a call, for its NaNs */
            double at = middle(b->mesh, &b->mesh->triangles[i], k);
            own.low[k] = at < own.low[k] ? at : own.low[k];
            own.high[k] = at > own.high[k] ? at : own.high[k];
        }
    b->blocks[item] = own;
}

static void key_cells(void *user, int item, int worker)
{
    (void)worker;
    const cell_blocks *b = user;
    uint32_t first = (uint32_t)item * CELL_BLOCK, end = first + CELL_BLOCK, most = 0;
    for (uint32_t i = first; i < end && i < b->mesh->triangle_count; i++) {
        const scene_triangle *t = &b->mesh->triangles[i];
        uint32_t x = (uint32_t)((middle(b->mesh, t, 0) - b->low[0]) / b->chunk_m);
        uint32_t y = (uint32_t)((middle(b->mesh, t, 1) - b->low[1]) / b->chunk_m);
        uint32_t level = t->flags & SCENE_DETAIL ? 1 : t->flags & SCENE_DETAIL_FAR ? 2 : 0;
        b->keys[i] = (cell_key){ (y * b->columns + x) * 4 + level, i };
        most = b->keys[i].cell > most ? b->keys[i].cell : most;
    }
    b->blocks[item].most = most;
}

/* Cells of all triangles, sorted: four numbers per cell of the plane, one for each level of detail. */
static cell_key *sort_cells(const scene_mesh *m, double chunk_m, base_pool *pool)
{
    int blocks = (int)((m->triangle_count + CELL_BLOCK - 1) / CELL_BLOCK);
    cell_key *other = malloc((size_t)m->triangle_count * sizeof *other), *sorted = NULL;
    cell_blocks b = { .mesh = m,
                      .keys = malloc((size_t)m->triangle_count * sizeof *b.keys),
                      .blocks = malloc((size_t)blocks * sizeof *b.blocks) };
    if (b.keys && other && b.blocks) {
        double high[2];
        uint32_t most = 0;
        base_pool_run(pool, blocks, span_cells, &b);
        for (int k = 0; k < 2; k++) {
            b.low[k] = b.blocks[0].low[k];
            high[k] = b.blocks[0].high[k];
            for (int i = 1; i < blocks; i++) {
                b.low[k] = b.blocks[i].low[k] < b.low[k] ? b.blocks[i].low[k] : b.low[k];
                high[k] = b.blocks[i].high[k] > high[k] ? b.blocks[i].high[k] : high[k];
            }
        }
        while ((floor((high[0] - b.low[0]) / chunk_m) + 1) * (floor((high[1] - b.low[1]) / chunk_m) + 1) > 1e9)
            chunk_m *= 2;
        b.chunk_m = chunk_m;
        b.columns = (uint32_t)((high[0] - b.low[0]) / chunk_m) + 1;
        base_pool_run(pool, blocks, key_cells, &b);
        for (int i = 0; i < blocks; i++)
            most = b.blocks[i].most > most ? b.blocks[i].most : most;
        sorted = sort_keys(b.keys, other, m->triangle_count, most);
    }
    free(b.blocks);
    if (sorted != b.keys)
        free(b.keys);
    if (sorted != other)
        free(other);
    return sorted;
}

static const uint8_t detail_of_level[4] = { 0, SCENE_DETAIL, SCENE_DETAIL_FAR, 0 };

/* Triangles are copied in order of their cells, a vertex used in several cells into each: one look counts the vertices of every chunk, another
 * copies. A task takes a run of chunks, marks for each vertex the last chunk it met it in, and keeps its place there. */
enum { FILLING_TASKS = 4 }; /* at most: each has marks for all vertices */
typedef struct chunk_filling {
    scene *scene;
    const scene_mesh *mesh;
    const cell_key *keys;
    uint32_t first_chunk[FILLING_TASKS + 1];
    uint32_t *seen_in, *place; /* [task][vertex of the mesh] */
} chunk_filling;

static void count_vertices(void *user, int task, int worker)
{
    (void)worker;
    const chunk_filling *f = user;
    const scene_mesh *m = f->mesh;
    uint32_t *seen_in = f->seen_in + (size_t)task * m->vertex_count;
    for (uint32_t n = f->first_chunk[task]; n < f->first_chunk[task + 1]; n++) {
        scene_chunk *c = &f->scene->chunks[n];
        c->bounds = (scene_bounds){ { FLT_MAX, FLT_MAX, FLT_MAX }, { -FLT_MAX, -FLT_MAX, -FLT_MAX } };
        for (uint32_t i = c->first_triangle; i < c->first_triangle + c->triangle_count; i++)
            for (int k = 0; k < 3; k++) {
                uint32_t v = m->triangles[f->keys[i].triangle].vertex[k];
                if (seen_in[v] == n + 1)
                    continue;
                seen_in[v] = n + 1;
                c->vertex_count++;
                bounds_point(&c->bounds, m->vertices[v].position);
            }
    }
}

static void copy_chunks(void *user, int task, int worker)
{
    (void)worker;
    const chunk_filling *f = user;
    const scene_mesh *m = f->mesh;
    scene_part *world = &f->scene->world;
    uint32_t *seen_in = f->seen_in + (size_t)task * m->vertex_count, *place = f->place + (size_t)task * m->vertex_count;
    for (uint32_t n = f->first_chunk[task]; n < f->first_chunk[task + 1]; n++) {
        const scene_chunk *c = &f->scene->chunks[n];
        uint32_t mark = f->scene->chunk_count + n + 1, next = c->first_vertex;
        for (uint32_t i = c->first_triangle; i < c->first_triangle + c->triangle_count; i++) {
            scene_triangle t = m->triangles[f->keys[i].triangle];
            for (int k = 0; k < 3; k++) {
                uint32_t v = t.vertex[k];
                if (seen_in[v] != mark) {
                    seen_in[v] = mark;
                    place[v] = next;
                    world->vertices[next++] = m->vertices[v];
                }
                t.vertex[k] = place[v];
            }
            world->triangles[i] = t;
        }
    }
}

/* Runs of chunks with about the same number of triangles. */
static void share_chunks(chunk_filling *f, int tasks)
{
    uint32_t chunk = 0;
    for (int k = 0; k < tasks; k++) {
        f->first_chunk[k] = chunk;
        while (chunk < f->scene->chunk_count && (uint64_t)f->scene->chunks[chunk].first_triangle * (uint64_t)tasks <
                                                    (uint64_t)f->mesh->triangle_count * (uint64_t)(k + 1))
            chunk++;
    }
    f->first_chunk[tasks] = f->scene->chunk_count;
}

static bool list_chunks(scene *s, const cell_key *keys, uint32_t triangles)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < triangles; i++)
        count += i == 0 || keys[i].cell != keys[i - 1].cell;
    s->chunks = calloc(count, sizeof *s->chunks);
    if (!s->chunks)
        return false;
    for (uint32_t i = 0; i < triangles; i++) {
        if (i == 0 || keys[i].cell != keys[i - 1].cell)
            s->chunks[s->chunk_count++] = (scene_chunk){ .first_triangle = i, .detail = detail_of_level[keys[i].cell & 3] };
        s->chunks[s->chunk_count - 1].triangle_count++;
    }
    return true;
}

static bool fill_chunks(scene *s, const scene_mesh *m, const cell_key *keys, base_pool *pool)
{
    if (!list_chunks(s, keys, m->triangle_count))
        return false;
    int threads = base_pool_threads(pool), tasks = threads < FILLING_TASKS ? threads : FILLING_TASKS;
    size_t marks = (size_t)tasks * m->vertex_count;
    chunk_filling f = { .scene = s,
                        .mesh = m,
                        .keys = keys,
                        .seen_in = calloc(marks, sizeof *f.seen_in),
                        .place = malloc(marks * sizeof *f.place) };
    bool good = f.seen_in && f.place;
    if (good) {
        share_chunks(&f, tasks);
        base_pool_run(pool, tasks, count_vertices, &f);
        uint64_t vertices = 0;
        for (uint32_t i = 0; i < s->chunk_count; i++) {
            s->chunks[i].first_vertex = (uint32_t)vertices;
            vertices += s->chunks[i].vertex_count;
        }
        s->world.vertices = vertices <= UINT32_MAX ? malloc((size_t)vertices * sizeof *s->world.vertices) : NULL;
        s->world.triangles = malloc((size_t)m->triangle_count * sizeof *s->world.triangles);
        s->world.vertex_count = (uint32_t)vertices;
        s->world.triangle_count = m->triangle_count;
        good = s->world.vertices && s->world.triangles;
    }
    if (good)
        base_pool_run(pool, tasks, copy_chunks, &f);
    free(f.seen_in);
    free(f.place);
    return good;
}

typedef struct mesh_hierarchies {
    scene *scene;
    base_error *errors; /* of each mesh */
    bool *good;
} mesh_hierarchies;

static void build_mesh_hierarchy(void *user, int item, int worker)
{
    (void)worker;
    const mesh_hierarchies *m = user;
    m->good[item] = scene_bvh_build(&m->scene->meshes[item], NULL, &m->errors[item]);
}

static bool build_mesh_hierarchies(scene *s, base_pool *pool, base_error *err)
{
    mesh_hierarchies m = { s, malloc((s->mesh_count + 1) * sizeof *m.errors), malloc((s->mesh_count + 1) * sizeof *m.good) };
    bool good = m.errors && m.good;
    if (good)
        base_pool_run(pool, (int)s->mesh_count, build_mesh_hierarchy, &m);
    else
        base_fail(err, BASE_MEMORY, "scene: no memory for the hierarchies of %u meshes", s->mesh_count);
    for (uint32_t i = 0; good && i < s->mesh_count; i++)
        if (!m.good[i]) {
            *err = m.errors[i];
            good = false;
        }
    free(m.errors);
    free(m.good);
    return good;
}

bool scene_finish(scene *s, double chunk_m, base_pool *pool, base_error *err)
{
    assert(!s->finished);
    struct scene_build *b = s->build;
    if (b->failed || b->all.failed)
        return base_fail(err, BASE_MEMORY, "scene: out of memory while it was built (%u materials, %u triangles)",
                         s->material_count, b->all.triangle_count);
    if (b->all.triangle_count) {
        cell_key *keys = sort_cells(&b->all, chunk_m > 0 ? chunk_m : 48, pool);
        bool good = keys && fill_chunks(s, &b->all, keys, pool);
        free(keys);
        if (!good)
            return base_fail(err, BASE_MEMORY, "scene: no memory to sort %u triangles", b->all.triangle_count);
    }
    scene_mesh_free(&b->all);
    free(b);
    s->build = NULL;
    s->finished = scene_bvh_build(&s->world, pool, err) && build_mesh_hierarchies(s, pool, err);
    return s->finished;
}

/* ---- changes to what stands there */

typedef struct edit {
    scene *scene;
    uint32_t instance, changed;
    bool hides; /* some of its triangles are hidden now */
    bool (*visit)(void *user, scene_triangle *t);
    void *user;
} edit;

static bool edit_triangle(void *user, uint32_t triangle)
{
    edit *e = user;
    scene_triangle *t = &e->scene->world.triangles[triangle];
    if (t->instance == e->instance) {
        e->changed += e->visit(e->user, t);
        e->hides |= t->flags & SCENE_HIDDEN;
    }
    return true;
}

/* The first whose instance is not below this one. */
static uint32_t first_occluder(const scene *s, uint32_t instance)
{
    uint32_t low = 0, high = s->occluder_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (s->occluders[middle].instance < instance)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

uint32_t scene_edit(scene *s, const scene_bounds *where, uint32_t instance, bool (*visit)(void *user, scene_triangle *t),
                    void *user)
{
    assert(s->finished);
    edit e = { s, instance, 0, false, visit, user };
    scene_bvh_walk(&s->world, where, edit_triangle, &e);
    for (uint32_t i = first_occluder(s, instance); e.changed && i < s->occluder_count && s->occluders[i].instance == instance;
         i++)
        s->occluders[i].hidden = e.hides;
    s->edits += e.changed > 0;
    return e.changed;
}
