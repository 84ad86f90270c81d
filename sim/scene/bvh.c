/* sim/scene/bvh.c — binned surface-area hierarchy (Wald, On fast construction of SAH-based bounding volume hierarchies, 2007).
 *
 * Bounds are float and contain their triangles exactly (vertices are float too); rays are double, and a box test gives a
 * millionth of the coordinates away, so that what a ray hits does not depend on the shape of the tree. */
#include "sim/scene/bvh.h"
#include <stdlib.h>
#include <string.h>
#include <float.h>

enum { BINS = 12, LEAF_MAX = 4, DEPTH_MAX = 60 };

typedef struct reference { /* a triangle while the tree is built */
    scene_bounds bounds;
    float centre[3];
    uint32_t triangle;
} reference;

static scene_bounds empty_bounds(void)
{
    return (scene_bounds){ { FLT_MAX, FLT_MAX, FLT_MAX }, { -FLT_MAX, -FLT_MAX, -FLT_MAX } };
}

static void bounds_add(scene_bounds *b, const scene_bounds *x)
{
    for (int k = 0; k < 3; k++) {
        b->lo[k] = x->lo[k] < b->lo[k] ? x->lo[k] : b->lo[k];
        b->hi[k] = x->hi[k] > b->hi[k] ? x->hi[k] : b->hi[k];
    }
}

static float half_area(const scene_bounds *b)
{
    float x = b->hi[0] - b->lo[0], y = b->hi[1] - b->lo[1], z = b->hi[2] - b->lo[2];
    return x * y + y * z + z * x;
}

typedef struct split {
    int axis; /* -1: none worth it */
    int bin;  /* first bin of the right side */
    float lo, scale;
} split;

static int bin_of(const split *s, const reference *r)
{
    int bin = (int)((r->centre[s->axis] - s->lo) * s->scale);
    return bin < 0 ? 0 : bin >= BINS ? BINS - 1 : bin;
}

static split best_split(const reference *r, uint32_t count, const scene_bounds *node)
{
    scene_bounds centres = empty_bounds();
    for (uint32_t i = 0; i < count; i++)
        for (int k = 0; k < 3; k++) {
            centres.lo[k] = r[i].centre[k] < centres.lo[k] ? r[i].centre[k] : centres.lo[k];
            centres.hi[k] = r[i].centre[k] > centres.hi[k] ? r[i].centre[k] : centres.hi[k];
        }
    split best = { -1, 0, 0, 0 };
    float best_cost = count <= LEAF_MAX ? (float)count * half_area(node) : FLT_MAX;
    int widest = 0; /* only this axis is tried: a third of the time for rays that are hardly slower */
    for (int k = 1; k < 3; k++)
        if (centres.hi[k] - centres.lo[k] > centres.hi[widest] - centres.lo[widest])
            widest = k;
    float extent = centres.hi[widest] - centres.lo[widest];
    if (extent > 0) {
        int axis = widest;
        split s = { axis, 0, centres.lo[axis], BINS * 0.9999f / extent };
        scene_bounds bounds[BINS], right[BINS], left = empty_bounds(), all = empty_bounds();
        uint32_t counts[BINS] = { 0 }, right_count = 0, left_count = 0;
        for (int b = 0; b < BINS; b++)
            bounds[b] = empty_bounds();
        for (uint32_t i = 0; i < count; i++) {
            int b = bin_of(&s, &r[i]);
            counts[b]++;
            bounds_add(&bounds[b], &r[i].bounds);
        }
        for (int b = BINS - 1; b > 0; b--) {
            bounds_add(&all, &bounds[b]);
            right[b] = all;
        }
        for (int b = 1; b < BINS; b++)
            right_count += counts[b];
        for (int b = 1; b < BINS; b++) {
            bounds_add(&left, &bounds[b - 1]);
            left_count += counts[b - 1];
            if (left_count && right_count) {
                float cost =
                    half_area(&left) * (float)left_count + half_area(&right[b]) * (float)right_count + 0.5f * half_area(node);
                if (cost < best_cost) {
                    best_cost = cost;
                    best = s;
                    best.bin = b;
                }
            }
            right_count -= counts[b];
        }
    }
    return best;
}

static void build_node(scene_part *p, reference *refs, uint32_t node, uint32_t first, uint32_t count, int depth)
{
    scene_bounds bounds = empty_bounds();
    for (uint32_t i = first; i < first + count; i++)
        bounds_add(&bounds, &refs[i].bounds);
    p->nodes[node] = (scene_node){ bounds, first, count };
    if (count <= 1 || depth >= DEPTH_MAX)
        return;
    split s = best_split(refs + first, count, &bounds);
    uint32_t left = count / 2;
    if (s.axis >= 0) { /* partition in place */
        uint32_t i = first, j = first + count;
        while (i < j) {
            if (bin_of(&s, &refs[i]) < s.bin) {
                i++;
            } else {
                reference swap = refs[--j];
                refs[j] = refs[i];
                refs[i] = swap;
            }
        }
        left = i - first;
    } else if (count <= LEAF_MAX * 4) {
        return; /* not worth splitting, or all centres equal */
    }
    uint32_t child = p->node_count;
    p->node_count += 2;
    p->nodes[node].first = child;
    p->nodes[node].count = 0;
    build_node(p, refs, child, first, left, depth + 1);
    build_node(p, refs, child + 1, first + left, count - left, depth + 1);
}

bool scene_bvh_build(scene_part *p, base_error *err)
{
    uint32_t n = p->triangle_count;
    p->bounds = (scene_bounds){ { 0 }, { 0 } };
    if (n == 0)
        return true;
    reference *refs = malloc((size_t)n * sizeof *refs);
    p->nodes = malloc((size_t)n * 2 * sizeof *p->nodes);
    p->order = malloc((size_t)n * sizeof *p->order);
    if (!refs || !p->nodes || !p->order) {
        free(refs);
        return base_fail(err, BASE_MEMORY, "scene: no memory for a hierarchy over %u triangles", n);
    }
    for (uint32_t i = 0; i < n; i++) {
        refs[i].bounds = empty_bounds();
        refs[i].triangle = i;
        for (int v = 0; v < 3; v++) {
            const float *x = p->vertices[p->triangles[i].vertex[v]].position;
            bounds_add(&refs[i].bounds, &(scene_bounds){ { x[0], x[1], x[2] }, { x[0], x[1], x[2] } });
        }
        for (int k = 0; k < 3; k++)
            refs[i].centre[k] = 0.5f * (refs[i].bounds.lo[k] + refs[i].bounds.hi[k]);
    }
    p->node_count = 1;
    build_node(p, refs, 0, 0, n, 0);
    for (uint32_t i = 0; i < n; i++)
        p->order[i] = refs[i].triangle;
    p->bounds = p->nodes[0].bounds;
    free(refs);
    scene_node *fitted = realloc(p->nodes, (size_t)p->node_count * sizeof *p->nodes);
    p->nodes = fitted ? fitted : p->nodes;
    return true;
}

/* ---- rays */

typedef struct ray {
    double origin[3], direction[3], inverse[3];
} ray;

/* Entry distance of the ray into a box grown by a millionth, or a negative number when it misses [0, limit]. */
static double enter(const ray *r, const scene_bounds *b, double limit)
{
    double t0 = 0, t1 = limit;
    for (int k = 0; k < 3; k++) {
        double margin = 1e-6 * (1 + fabs(b->lo[k]) + fabs(b->hi[k]));
        double lo = b->lo[k] - margin - r->origin[k], hi = b->hi[k] + margin - r->origin[k];
        if (r->direction[k] == 0) {
            if (lo > 0 || hi < 0)
                return -1;
            continue;
        }
        double a = lo * r->inverse[k], c = hi * r->inverse[k];
        double first = a < c ? a : c, last = a < c ? c : a;
        t0 = first > t0 ? first : t0;
        t1 = last < t1 ? last : t1;
    }
    return t0 <= t1 ? t0 : -1;
}

static base_vec3 vertex_at(const scene_part *p, uint32_t v)
{
    const float *x = p->vertices[v].position;
    return (base_vec3){ x[0], x[1], x[2] };
}

/* Moeller and Trumbore, edges included with a margin so that no ray slips between two triangles. */
static bool hit_triangle(const scene_part *p, const scene_triangle *tri, base_vec3 origin, base_vec3 direction, bool seen_only,
                         double *t)
{
    base_vec3 a = vertex_at(p, tri->vertex[0]);
    base_vec3 ab = base_vec3_sub(vertex_at(p, tri->vertex[1]), a), ac = base_vec3_sub(vertex_at(p, tri->vertex[2]), a);
    base_vec3 q = base_vec3_cross(direction, ac);
    double det = base_vec3_dot(ab, q);
    if (det == 0 || (seen_only && det < 0 && !(tri->flags & SCENE_TWO_SIDED)))
        return false;
    base_vec3 s = base_vec3_sub(origin, a);
    double u = base_vec3_dot(s, q) / det;
    base_vec3 w = base_vec3_cross(s, ab);
    double v = base_vec3_dot(direction, w) / det;
    if (!(u >= -1e-9) || !(v >= -1e-9) || !(u + v <= 1 + 2e-9))
        return false;
    *t = base_vec3_dot(ac, w) / det;
    return true;
}

bool scene_bvh_ray(const scene_part *p, base_vec3 origin, base_vec3 direction, uint32_t tag_mask, bool seen_only,
                   scene_bvh_hit *hit)
{
    if (p->node_count == 0)
        return false;
    ray r = { { origin.x, origin.y, origin.z }, { direction.x, direction.y, direction.z }, { 0 } };
    for (int k = 0; k < 3; k++)
        r.inverse[k] = r.direction[k] != 0 ? 1 / r.direction[k] : 0;
    bool found = false;
    struct {
        uint32_t node;
        double t;
    } stack[DEPTH_MAX + 4];
    int top = 0;
    double t = enter(&r, &p->nodes[0].bounds, hit->t);
    if (t < 0)
        return false;
    stack[top].node = 0;
    stack[top++].t = t;
    while (top > 0) {
        top--;
        if (stack[top].t > hit->t)
            continue;
        const scene_node *n = &p->nodes[stack[top].node];
        if (n->count) {
            for (uint32_t i = n->first; i < n->first + n->count; i++) {
                const scene_triangle *tri = &p->triangles[p->order[i]];
                if (!(tag_mask >> (tri->tag & 31) & 1) || (tri->flags & SCENE_HIDDEN) ||
                    !hit_triangle(p, tri, origin, direction, seen_only, &t))
                    continue;
                if (t >= 0 && (t < hit->t || (t == hit->t && (!found || p->order[i] < hit->triangle)))) {
                    *hit = (scene_bvh_hit){ t, p->order[i] };
                    found = true;
                }
            }
            continue;
        }
        double t0 = enter(&r, &p->nodes[n->first].bounds, hit->t), t1 = enter(&r, &p->nodes[n->first + 1].bounds, hit->t);
        int near_child = t1 >= 0 && (t0 < 0 || t1 < t0); /* nearer child on top of the stack */
        for (int k = 0; k < 2; k++) {
            int child = k == 0 ? !near_child : near_child;
            double entry = child ? t1 : t0;
            if (entry >= 0) {
                stack[top].node = n->first + (uint32_t)child;
                stack[top++].t = entry;
            }
        }
    }
    return found;
}

void scene_bvh_walk(const scene_part *p, const scene_bounds *box, bool (*visit)(void *user, uint32_t triangle), void *user)
{
    if (p->node_count == 0)
        return;
    uint32_t stack[DEPTH_MAX + 4];
    int top = 0;
    stack[top++] = 0;
    while (top > 0) {
        const scene_node *n = &p->nodes[stack[--top]];
        bool apart = false;
        for (int k = 0; k < 3; k++)
            apart = apart || n->bounds.lo[k] > box->hi[k] || n->bounds.hi[k] < box->lo[k];
        if (apart)
            continue;
        if (n->count == 0) {
            stack[top++] = n->first + 1;
            stack[top++] = n->first;
            continue;
        }
        for (uint32_t i = n->first; i < n->first + n->count; i++)
            if (!visit(user, p->order[i]))
                return;
    }
}
