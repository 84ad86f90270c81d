/* sim/town/scenery_object.c — what stands in the scenery as a list of things with names, boxes and places.
 *
 * A builder begins an object and draws its triangles with the instance number it got; bounds are taken from the triangles when
 * all are there. Names follow from the order of building, which follows from map and seed; ids are hashes of the names, so that
 * a program finds the same bench again after a reload. */
#include "sim/town/scenery_internal.h"
#include <float.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* FNV-1a, 64 bits. */
static uint64_t hash_of(const char *name)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (; *name; name++)
        h = (h ^ (unsigned char)*name) * 0x100000001b3u;
    return h;
}

/* Instance pictures carry 16 bits, and actors count from 1: objects have bit 15 set there. */
static uint32_t instance_of(uint32_t index) { return (index >> 15 << 16) | 0x8000u | (index & 0x7fffu); }

int town_scenery_object_of(const town_scenery *t, uint32_t instance)
{
    uint32_t index = (instance >> 16 << 15) | (instance & 0x7fffu);
    return (instance & 0x8000u) && index < (uint32_t)t->object_count ? (int)index : -1;
}

double town_scenery_sheet_m(const town_scenery *t, uint32_t instance)
{
    int index = town_scenery_object_of(t, instance);
    return index < 0 ? 0 : t->objects[index].sheet_m;
}

/* The number of this object among those of its kind. */
static int next_number(town_scenery *t, const char *kind)
{
    int k = 0;
    while (k < t->kind_count && strcmp(t->kinds[k].name, kind))
        k++;
    if (k == t->kind_count) {
        if (k == SCENERY_KINDS_MAX)
            return t->object_count;
        t->kinds[t->kind_count++].name = kind;
    }
    return t->kinds[k].count++;
}

uint32_t scenery_object_begin(town_scenery *t, const char *kind, const char *suffix, uint8_t tag, uint16_t layer, base_pose at)
{
    if (t->object_count == t->object_capacity) {
        int wanted = t->object_capacity ? 2 * t->object_capacity : 1024;
        town_scenery_object *moved = realloc(t->objects, (size_t)wanted * sizeof *moved);
        if (!moved) {
            t->objects_failed = true;
            return 0;
        }
        t->objects = moved;
        t->object_capacity = wanted;
    }
    uint32_t instance = instance_of((uint32_t)t->object_count);
    town_scenery_object *o = &t->objects[t->object_count++];
    *o = (town_scenery_object){ .instance = instance, .tag = tag, .layer = layer, .pose = at, .shown = true };
    if (suffix)
        snprintf(o->name, sizeof o->name, "%s_%s", kind, suffix);
    else
        snprintf(o->name, sizeof o->name, "%s_%d", kind, next_number(t, kind));
    o->id = hash_of(o->name);
    return instance;
}

void scenery_piece_begin(town_scenery *t, const char *suffix, base_pose at)
{
    snprintf(t->piece_name, sizeof t->piece_name, "%s", suffix);
    t->piece_at = at;
    memset(t->piece, 0, sizeof t->piece);
}

scene_surface scenery_piece_surface(town_scenery *t, scenery_material m, uint8_t tag, uint8_t flags)
{
    static const char *const kinds[32] = {
        [SCENE_TAG_ROADS] = "Road",      [SCENE_TAG_ROAD_LINE] = "RoadLine", [SCENE_TAG_SIDEWALKS] = "Sidewalk",
        [SCENE_TAG_TERRAIN] = "Terrain", [SCENE_TAG_GROUND] = "Ground",      [SCENE_TAG_WALLS] = "EdgeWall",
    };
    if (!t->piece[tag & 31])
        t->piece[tag & 31] = scenery_object_begin(t, kinds[tag & 31] ? kinds[tag & 31] : "Piece", t->piece_name, tag,
                                                  strcmp(t->piece_name, "Ground") ? 0 : TOWN_LAYER_GROUND, t->piece_at);
    return (scene_surface){ t->material[m], tag, flags, t->piece[tag & 31] };
}

static int by_id(const void *a, const void *b)
{
    const town_scenery_id *x = a, *y = b;
    return (x->id > y->id) - (x->id < y->id);
}

static inline double lower(double a, double b) { return a < b ? a : b; } /* fmin is a call, for its NaNs */

/* What an object's triangles span: in the frame of the object, and in the world. */
typedef struct span {
    base_vec3 low, high;
    scene_bounds bounds;
    uint32_t triangles;
} span;

static void span_add(span *s, const span *more)
{
    s->low = (base_vec3){ lower(s->low.x, more->low.x), lower(s->low.y, more->low.y), lower(s->low.z, more->low.z) };
    s->high =
        (base_vec3){ -lower(-s->high.x, -more->high.x), -lower(-s->high.y, -more->high.y), -lower(-s->high.z, -more->high.z) };
    for (int a = 0; a < 3; a++) {
        s->bounds.lo[a] = more->bounds.lo[a] < s->bounds.lo[a] ? more->bounds.lo[a] : s->bounds.lo[a];
        s->bounds.hi[a] = more->bounds.hi[a] > s->bounds.hi[a] ? more->bounds.hi[a] : s->bounds.hi[a];
    }
    s->triangles += more->triangles;
}

/* Blocks of triangles; each worker has spans of its own, of all objects. Least and most do not depend on who found them. */
typedef struct spanning {
    const town_scenery *town;
    const scene_mesh *mesh;
    span *spans; /* [workers][objects] */
} spanning;

enum { SPAN_BLOCK = 16384 };

static void span_block(void *user, int item, int worker)
{
    const spanning *g = user;
    const scene_mesh *m = g->mesh;
    span *spans = g->spans + (size_t)worker * (size_t)g->town->object_count;
    base_mat3 frame = { { { 0 } } };
    int last = -1;
    uint32_t first = (uint32_t)item * SPAN_BLOCK, end = first + SPAN_BLOCK;
    for (uint32_t i = first; i < end && i < m->triangle_count; i++) {
        int index = town_scenery_object_of(g->town, m->triangles[i].instance);
        if (index < 0)
            continue;
        const base_pose *pose = &g->town->objects[index].pose;
        if (index != last)
            frame = base_rotation_matrix(pose->rotation);
        last = index;
        for (int k = 0; k < 3; k++) {
            const float *v = m->vertices[m->triangles[i].vertex[k]].position;
            base_vec3 p = base_vec3_sub((base_vec3){ v[0], v[1], v[2] }, pose->location);
            p = base_mat3_apply_inverse(&frame, p);
            span_add(&spans[index], &(span){ p, p, { { v[0], v[1], v[2] }, { v[0], v[1], v[2] } }, k == 0 });
        }
    }
}

bool scenery_objects_finish(town_scenery *t, const scene_mesh *m, base_error *err)
{
    int workers = base_pool_threads(t->options.pool);
    size_t count = (size_t)t->object_count;
    spanning g = { t, m, malloc(((size_t)workers * count + 1) * sizeof *g.spans) };
    t->ids = malloc((count + 1) * sizeof *t->ids);
    if (t->objects_failed || !t->ids || !g.spans) {
        free(g.spans);
        return base_fail(err, BASE_MEMORY, "scenery: no memory for the list of %d objects", t->object_count);
    }
    for (size_t i = 0; i < (size_t)workers * count; i++)
        g.spans[i] = (span){ { DBL_MAX, DBL_MAX, DBL_MAX },
                             { -DBL_MAX, -DBL_MAX, -DBL_MAX },
                             { { FLT_MAX, FLT_MAX, FLT_MAX }, { -FLT_MAX, -FLT_MAX, -FLT_MAX } },
                             0 };
    base_pool_run(t->options.pool, (int)((m->triangle_count + SPAN_BLOCK - 1) / SPAN_BLOCK), span_block, &g);
    for (size_t i = 0; i < count; i++) {
        town_scenery_object *o = &t->objects[i];
        span *s = &g.spans[i];
        for (int w = 1; w < workers; w++)
            span_add(s, &g.spans[(size_t)w * count + i]);
        o->low = s->low;
        o->high = s->high;
        o->bounds = s->bounds;
        o->triangles = s->triangles;
        if (o->triangles == 0)
            o->low = o->high = (base_vec3){ 0, 0, 0 };
        o->box.pose.rotation = o->pose.rotation;
        o->box.pose.location = base_pose_to_world(&o->pose, base_vec3_scale(base_vec3_add(o->low, o->high), 0.5));
        o->box.extent = base_vec3_scale(base_vec3_sub(o->high, o->low), 0.5);
        t->ids[i] = (town_scenery_id){ o->id, (int)i };
    }
    free(g.spans);
    qsort(t->ids, count, sizeof *t->ids, by_id);
    return true;
}

int town_scenery_object_count(const town_scenery *t) { return t->object_count; }

const town_scenery_object *town_scenery_object_at(const town_scenery *t, int index) { return &t->objects[index]; }

int town_scenery_object_find(const town_scenery *t, uint64_t id)
{
    int low = 0, high = t->object_count;
    while (low < high) {
        int middle = low + (high - low) / 2;
        if (t->ids[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low < t->object_count && t->ids[low].id == id ? t->ids[low].index : -1;
}

static bool show_triangle(void *user, scene_triangle *t)
{
    uint8_t wanted = (uint8_t)(*(bool *)user ? t->flags & ~SCENE_HIDDEN : t->flags | SCENE_HIDDEN);
    bool changes = wanted != t->flags;
    t->flags = wanted;
    return changes;
}

void town_scenery_object_show(town_scenery *t, int index, bool shown)
{
    town_scenery_object *o = &t->objects[index];
    if (o->shown == shown)
        return;
    o->shown = shown;
    scene_edit(t->scene, &o->bounds, o->instance, show_triangle, &shown);
}

void town_scenery_object_take(town_scenery *t, int index, bool taken) { t->objects[index].taken = taken; }

/* ---- colours that clients give ---- */

enum { COAT_MATERIALS = 16 };
typedef struct coat {
    scene *scene;
    const float *rgb;
    uint16_t before[COAT_MATERIALS], after[COAT_MATERIALS];
    int count;
    bool failed;
} coat;

/* The same surface in another colour: its pattern and gloss stay. The object gets materials of its own, once. */
static bool paint_triangle(void *user, scene_triangle *t)
{
    coat *c = user;
    int k = 0;
    while (k < c->count && c->before[k] != t->material && c->after[k] != t->material)
        k++;
    if (k == c->count) {
        scene_material m = c->scene->materials[t->material];
        memcpy(m.rgb, c->rgb, sizeof m.rgb);
        uint16_t painted = m.is_own ? t->material : scene_material_own(c->scene, m);
        if (k == COAT_MATERIALS || painted == 0) {
            c->failed = true;
            return false;
        }
        c->scene->materials[painted] = m;
        c->scene->materials[painted].is_own = true;
        c->before[k] = t->material;
        c->after[k] = painted;
        c->count++;
    }
    t->material = c->after[k];
    return false; /* nothing that a shadow would show */
}

bool town_scenery_object_paint(town_scenery *t, int index, const float rgb[3])
{
    coat c = { .scene = t->scene, .rgb = rgb };
    scene_edit(t->scene, &t->objects[index].bounds, t->objects[index].instance, paint_triangle, &c);
    return !c.failed;
}

/* ---- lamps ---- */

uint16_t scenery_lamp_add(town_scenery *t, base_vec3 at)
{
    if (t->lamp_count == t->lamp_capacity) {
        int wanted = t->lamp_capacity ? 2 * t->lamp_capacity : 256;
        scenery_lamp *moved = realloc(t->lamps, (size_t)wanted * sizeof *moved);
        if (!moved) {
            t->objects_failed = true;
            return t->material[MATERIAL_LAMP];
        }
        t->lamps = moved;
        t->lamp_capacity = wanted;
    }
    uint16_t lens = scene_material_own(t->scene, t->scene->materials[t->material[MATERIAL_LAMP]]);
    t->lamps[t->lamp_count++] = (scenery_lamp){ at, lens };
    return lens;
}

int town_scenery_lamp_count(const town_scenery *t) { return t->lamp_count; }

base_vec3 town_scenery_lamp_at(const town_scenery *t, int index) { return t->lamps[index].at; }

void town_scenery_lamp_set(town_scenery *t, int index, const float rgb[3], float emission)
{
    scene_material *lens = &t->scene->materials[t->lamps[index].lens];
    *lens = t->scene->materials[t->material[MATERIAL_LAMP]];
    lens->is_own = true;
    if (!rgb)
        return;
    memcpy(lens->rgb, rgb, sizeof lens->rgb);
    lens->emission = emission;
}
