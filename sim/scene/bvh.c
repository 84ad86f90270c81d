/* sim/scene/bvh.c — binned surface-area hierarchy (Wald, On fast construction of SAH-based bounding volume hierarchies, 2007).
 *
 * Bounds are float and contain their triangles exactly (vertices are float too); what a ray hits is decided in
 * double and does not depend on the shape of the tree. */
#include "sim/scene/bvh.h"
#include <stdlib.h>
#include <string.h>
#include <float.h>

enum {
    BINS = 12,
    LEAF_MAX = 4,
    DEPTH_MAX = 60,
    ONE_BITS = 0x3f800000,
    SUBTREE_MIN = 4096, /* boxes of a subtree that is worth a task */
    SUBTREES = 24,      /* a node with more than this share of all boxes belongs to the top of the tree */
    SUBTREES_MAX = 2 * SUBTREES * DEPTH_MAX,
    BLOCK = 16384 /* triangles of a task */
};

typedef float f4 __attribute__((vector_size(16)));
#if defined(__SSE2__)
#include <emmintrin.h>
static inline f4 least(f4 a, f4 b) { return (f4)_mm_min_ps((__m128)a, (__m128)b); }
static inline f4 most(f4 a, f4 b) { return (f4)_mm_max_ps((__m128)a, (__m128)b); }
static inline unsigned not_above(f4 a, f4 b) { return (unsigned)_mm_movemask_ps(_mm_cmple_ps((__m128)a, (__m128)b)); }
#else
static inline f4 least(f4 a, f4 b)
{
    for (int i = 0; i < 4; i++)
        a[i] = a[i] < b[i] ? a[i] : b[i];
    return a;
}
static inline f4 most(f4 a, f4 b)
{
    for (int i = 0; i < 4; i++)
        a[i] = a[i] > b[i] ? a[i] : b[i];
    return a;
}
static inline unsigned not_above(f4 a, f4 b)
{
    unsigned mask = 0;
    for (int i = 0; i < 4; i++)
        mask |= (unsigned)(a[i] <= b[i]) << i;
    return mask;
}
#endif

typedef struct cuboid { /* x, y, z; the fourth number means nothing */
    f4 lo, hi;
} cuboid;

typedef struct reference { /* a triangle while the tree is built */
    cuboid
        box; /* the bits of hi[3] are those of 1 and the triangle's number: sums of such numbers are fast, others need not be */
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

static cuboid empty_box(void) { return (cuboid){ (f4){ 0 } + FLT_MAX, (f4){ 0 } - FLT_MAX }; }

static inline void box_add(cuboid *b, const cuboid *x)
{
    b->lo = least(x->lo, b->lo);
    b->hi = most(x->hi, b->hi);
}

static float box_half_area(const cuboid *b)
{
    f4 d = b->hi - b->lo;
    return d[0] * d[1] + d[1] * d[2] + d[2] * d[0];
}

typedef struct split {
    int axis; /* -1: none worth it */
    int bin;  /* first bin of the right side */
    float lo, scale;
} split;

static inline int bin_of(const split *s, const reference *r)
{
    float centre = 0.5f * (r->box.lo[s->axis] + r->box.hi[s->axis]);
    int bin = (int)((centre - s->lo) * s->scale);
    return bin < 0 ? 0 : bin >= BINS ? BINS - 1 : bin;
}

/* centres: bounds of the references' centres. */
static split best_split(const reference *r, uint32_t count, float node_area, const cuboid *centres)
{
    split best = { -1, 0, 0, 0 };
    float best_cost = count <= LEAF_MAX ? (float)count * node_area : FLT_MAX;
    f4 extents = centres->hi - centres->lo;
    int axis = 0; /* only the widest is tried: a third of the time for rays that are hardly slower */
    for (int k = 1; k < 3; k++)
        if (extents[k] > extents[axis])
            axis = k;
    if (!(extents[axis] > 0))
        return best;
    split s = { axis, 0, centres->lo[axis], BINS * 0.9999f / extents[axis] };
    cuboid bounds[BINS], right[BINS], left = empty_box(), all = empty_box();
    uint32_t counts[BINS] = { 0 }, right_count = 0, left_count = 0;
    for (int b = 0; b < BINS; b++)
        bounds[b] = empty_box();
    for (uint32_t i = 0; i < count; i++) {
        int b = bin_of(&s, &r[i]);
        counts[b]++;
        box_add(&bounds[b], &r[i].box);
    }
    for (int b = BINS - 1; b > 0; b--) {
        box_add(&all, &bounds[b]);
        right[b] = all;
    }
    for (int b = 1; b < BINS; b++)
        right_count += counts[b];
    for (int b = 1; b < BINS; b++) {
        box_add(&left, &bounds[b - 1]);
        left_count += counts[b - 1];
        if (left_count && right_count) {
            float cost =
                box_half_area(&left) * (float)left_count + box_half_area(&right[b]) * (float)right_count + 0.5f * node_area;
            if (cost < best_cost) {
                best_cost = cost;
                best = s;
                best.bin = b;
            }
        }
        right_count -= counts[b];
    }
    return best;
}

/* The top of the tree is built by the caller; nodes below it with few enough boxes are roots of subtrees, tasks for a pool. Where the
 * tree is cut depends on the boxes alone, so any number of threads builds the same one. */
typedef struct subtree {
    uint32_t root; /* its node at the top */
    uint32_t first, count, depth;
    uint32_t used;  /* of its own nodes, 0 is the root again */
    uint32_t place; /* of its node 1 in the whole tree; the others follow */
    uint32_t wide;  /* place of its first wide node */
} subtree;

typedef struct build {
    scene_part *part;
    reference *refs;
    uint32_t count;
    scene_node *nodes; /* of the top; room for all */
    scene_node *below; /* of subtrees: nodes [2 * first, 2 * (first + count)) are one's own */
    subtree *subtrees;
    uint32_t subtree_count, cut; /* nodes with at most `cut` boxes are subtrees */
    uint32_t top;                /* nodes of the top, subtrees' roots among them */
} build;

/* Build `node` of `nodes` over refs [first, first + count); *used nodes are taken. b->subtrees takes what is small enough where `top`. */
static void build_node(build *b, scene_node *nodes, uint32_t *used, bool top, uint32_t node, uint32_t first, uint32_t count,
                       uint32_t depth)
{
    if (top && count <= b->cut && b->subtree_count < SUBTREES_MAX) {
        b->subtrees[b->subtree_count++] = (subtree){ .root = node, .first = first, .count = count, .depth = depth, .used = 1 };
        return;
    }
    reference *refs = b->refs;
    cuboid all = empty_box(), centres = empty_box();
    for (uint32_t i = first; i < first + count; i++) {
        const cuboid *box = &refs[i].box;
        f4 centre = (box->lo + box->hi) * 0.5f;
        box_add(&all, box);
        box_add(&centres, &(cuboid){ centre, centre });
    }
    nodes[node] = (scene_node){ { { all.lo[0], all.lo[1], all.lo[2] }, { all.hi[0], all.hi[1], all.hi[2] } }, first, count };
    if (count <= 1 || depth >= DEPTH_MAX)
        return;
    split s = best_split(refs + first, count, box_half_area(&all), &centres);
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
    uint32_t child = *used;
    *used += 2;
    nodes[node].first = child;
    nodes[node].count = 0;
    build_node(b, nodes, used, top, child, first, left, depth + 1);
    build_node(b, nodes, used, top, child + 1, first + left, count - left, depth + 1);
}

static void build_subtree(void *user, int item, int worker)
{
    (void)worker;
    build *b = user;
    subtree *t = &b->subtrees[item];
    build_node(b, b->below + 2 * (size_t)t->first, &t->used, false, 0, t->first, t->count, t->depth);
}

/* Subtrees' nodes hang behind those of the top, in order; items beyond the subtrees copy a block of refs' numbers to the order. */
static void join_item(void *user, int item, int worker)
{
    (void)worker;
    const build *b = user;
    if ((uint32_t)item < b->subtree_count) {
        const subtree *t = &b->subtrees[item];
        const scene_node *from = b->below + 2 * (size_t)t->first;
        for (uint32_t k = 0; k < t->used; k++) {
            scene_node n = from[k];
            if (n.count == 0)
                n.first += t->place - 1; /* node 1 of the subtree becomes node `place` */
            b->nodes[k == 0 ? t->root : t->place + k - 1] = n;
        }
        return;
    }
    uint32_t first = ((uint32_t)item - b->subtree_count) * BLOCK, end = first + BLOCK < b->count ? first + BLOCK : b->count;
    for (uint32_t i = first; i < end; i++) {
        uint32_t bits;
        memcpy(&bits, (const char *)&b->refs[i].box.hi + 3 * sizeof(float), sizeof bits);
        b->part->order[i] = bits - ONE_BITS;
    }
}

/* ---- rays
 *
 * Four children are tested at once in float. A box is stored a millionth of its coordinates larger, the ray's origin moved by what
 * float rounds off it, and the distances compared with a few units in the last place to spare: no box that the ray enters is missed.
 * Triangles are then tested in double, so which one is hit, and where, does not depend on the tree. */

struct scene_wide {
    f4 lo[3], hi[3];   /* of the children; lo > hi: there is none */
    uint32_t first[4]; /* of an inner child: its node; of a leaf: its place in `order` */
    uint32_t count[4]; /* 0: inner */
};

/* The next float above (below) a finite x, as nextafterf finds it. */
static inline float step_from(float x, bool up)
{
    uint32_t bits;
    if (x == 0)
        return up ? FLT_TRUE_MIN : -FLT_TRUE_MIN;
    memcpy(&bits, &x, sizeof bits);
    bits += (x > 0) == up ? 1u : UINT32_MAX;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static void set_child(struct scene_wide *w, int i, const scene_node *n)
{
    w->first[i] = n->first;
    w->count[i] = n->count;
    for (int k = 0; k < 3; k++) {
        double margin = 1e-6 * (1 + fabs((double)n->bounds.lo[k]) + fabs((double)n->bounds.hi[k]));
        w->lo[k][i] = step_from((float)(n->bounds.lo[k] - margin), false);
        w->hi[k][i] = step_from((float)(n->bounds.hi[k] + margin), true);
    }
}

/* Which of the top's nodes are roots of subtrees, while wide nodes are made; a subtree's own nodes never are. */
typedef struct widening {
    const scene_part *part;
    const uint32_t *subtree_at; /* [top] number of the subtree that has its root there; UINT32_MAX: none */
    const subtree *subtrees;
    uint32_t top; /* 0 inside a subtree */
} widening;

static bool is_root(const widening *g, uint32_t node) { return node < g->top && g->subtree_at[node] != UINT32_MAX; }

/* Up to four nodes that make up `node`: the largest inner one is opened until there are four; roots of subtrees stay closed. */
static int open_children(const widening *g, uint32_t node, uint32_t out[4])
{
    const scene_part *p = g->part;
    int count = 1;
    out[0] = node;
    while (count < 4) {
        int widest = -1;
        for (int i = 0; i < count; i++)
            if (p->nodes[out[i]].count == 0 && !is_root(g, out[i]) &&
                (widest < 0 || half_area(&p->nodes[out[i]].bounds) > half_area(&p->nodes[out[widest]].bounds)))
                widest = i;
        if (widest < 0)
            break;
        uint32_t first = p->nodes[out[widest]].first;
        out[widest] = first;
        out[count++] = first + 1;
    }
    return count;
}

/* Wide nodes for `node` and what is below, from place *used on; returns the first one's place. */
static uint32_t widen(const widening *g, uint32_t node, uint32_t *used)
{
    const scene_part *p = g->part;
    uint32_t at = (*used)++, child[4];
    int count = open_children(g, node, child);
    struct scene_wide *w = &p->wide[at];
    for (int i = 0; i < 4; i++) {
        w->first[i] = w->count[i] = 0;
        for (int k = 0; k < 3; k++) {
            w->lo[k][i] = INFINITY;
            w->hi[k][i] = -INFINITY;
        }
    }
    for (int i = 0; i < count; i++) {
        const scene_node *n = &p->nodes[child[i]];
        set_child(w, i, n);
        if (n->count == 0)
            w->first[i] = is_root(g, child[i]) ? g->subtrees[g->subtree_at[child[i]]].wide : widen(g, child[i], used);
    }
    return at;
}

/* Wide nodes of the top are the first; those of each subtree have a place of their own, so that nobody waits for another. A wide node replaces at least
 * one inner node; what remains free between the places is never touched. */
static bool place_wide(build *b, base_error *err)
{
    uint32_t place = b->top;
    for (uint32_t i = 0; i < b->subtree_count; i++) {
        b->subtrees[i].wide = place;
        place += b->subtrees[i].used / 2;
    }
    b->part->wide = aligned_alloc(_Alignof(struct scene_wide), (size_t)place * sizeof *b->part->wide);
    return b->part->wide || base_fail(err, BASE_MEMORY, "scene: no memory for %u nodes", place);
}

/* A tree without subtrees, most often a small one: keep no more than it needs. */
static void fit_wide(scene_part *p, uint32_t used)
{
    struct scene_wide *fitted = aligned_alloc(_Alignof(struct scene_wide), used * sizeof *fitted);
    if (!fitted)
        return;
    memcpy(fitted, p->wide, used * sizeof *fitted);
    free(p->wide);
    p->wide = fitted;
}

/* Item 0 widens the top, each other a subtree, which cannot fail. */
static bool widen_item(const build *b, int item, base_error *err)
{
    if (item > 0) {
        const subtree *t = &b->subtrees[item - 1];
        uint32_t used = t->wide;
        if (b->nodes[t->root].count == 0)
            widen(&(widening){ .part = b->part }, t->root, &used);
        return true;
    }
    uint32_t *at = malloc(b->top * sizeof *at), used = 0;
    if (!at)
        return base_fail(err, BASE_MEMORY, "scene: no memory for a hierarchy over %u boxes", b->count);
    memset(at, 0xff, b->top * sizeof *at);
    for (uint32_t i = 0; i < b->subtree_count; i++)
        at[b->subtrees[i].root] = i;
    widen(&(widening){ b->part, at, b->subtrees, b->top }, 0, &used);
    free(at);
    if (!b->subtree_count)
        fit_wide(b->part, used);
    return true;
}

typedef struct ray {
    f4 origin_lo[3], origin_hi[3], inverse[3]; /* origin_lo <= origin <= origin_hi */
    bool backwards[3];
} ray;

static ray ray_from(base_vec3 origin, base_vec3 direction)
{
    const double o[3] = { origin.x, origin.y, origin.z }, d[3] = { direction.x, direction.y, direction.z };
    const double steep = 1e30; /* stands for 1 / 0: farther than any limit, and finite */
    ray r;
    for (int k = 0; k < 3; k++) {
        double slack = 2.4e-7 * fabs(o[k]) + 1e-30, inverse = fabs(d[k]) > 1 / steep ? 1 / d[k] : steep;
        r.origin_lo[k] = (f4){ 0 } + (float)(o[k] - slack);
        r.origin_hi[k] = (f4){ 0 } + (float)(o[k] + slack);
        r.inverse[k] = (f4){ 0 } + (float)inverse;
        r.backwards[k] = inverse < 0;
    }
    return r;
}

/* Children that the ray enters before `limit`, as bits; *t: where. */
static inline unsigned enter(const ray *r, const struct scene_wide *w, float limit, f4 *t)
{
    f4 t0 = { 0 }, t1 = (f4){ 0 } + limit;
    for (int k = 0; k < 3; k++) {
        f4 lo = (w->lo[k] - r->origin_hi[k]) * r->inverse[k], hi = (w->hi[k] - r->origin_lo[k]) * r->inverse[k];
        t0 = most(t0, r->backwards[k] ? hi : lo);
        t1 = least(t1, r->backwards[k] ? lo : hi);
    }
    *t = t0 * (1 - 5e-7f);
    return not_above(*t, t1 * (1 + 5e-7f));
}

static float round_up(double x) { return x < FLT_MAX ? nextafterf((float)x, INFINITY) : FLT_MAX; }

typedef struct pending {
    uint32_t first, count;
    float t;
} pending;
enum { PENDING_MAX = 3 * (DEPTH_MAX + 4) };

/* Put the entered children on the stack, the nearest on top. */
static inline int push(pending *stack, int top, const struct scene_wide *w, unsigned mask, f4 t)
{
    int base = top;
    for (; mask; mask &= mask - 1) {
        int i = __builtin_ctz(mask), at = top++;
        for (; at > base && stack[at - 1].t < t[i]; at--)
            stack[at] = stack[at - 1];
        stack[at] = (pending){ w->first[i], w->count[i], t[i] };
    }
    return top;
}

/* Moeller and Trumbore, edges included with a margin so that no ray slips between two triangles. det > 0: seen from the front. */
static bool hit_triangle(const float c[9], base_vec3 origin, base_vec3 direction, double limit, double *t, double *det)
{
    base_vec3 a = { c[0], c[1], c[2] };
    base_vec3 ab = { c[3] - a.x, c[4] - a.y, c[5] - a.z }, ac = { c[6] - a.x, c[7] - a.y, c[8] - a.z };
    base_vec3 q = base_vec3_cross(direction, ac);
    *det = base_vec3_dot(ab, q);
    if (*det == 0)
        return false;
    base_vec3 s = base_vec3_sub(origin, a);
    double u = base_vec3_dot(s, q) / *det;
    if (!(u >= -1e-9) || !(u <= 1 + 4e-9))
        return false;
    base_vec3 w = base_vec3_cross(s, ab);
    double v = base_vec3_dot(direction, w) / *det;
    if (!(v >= -1e-9) || !(u + v <= 1 + 2e-9))
        return false;
    *t = base_vec3_dot(ac, w) / *det;
    return *t >= 0 && *t <= limit;
}

bool scene_bvh_ray(const scene_part *p, base_vec3 origin, base_vec3 direction, uint32_t tag_mask, bool seen_only,
                   scene_bvh_hit *hit)
{
    if (p->node_count == 0)
        return false;
    ray r = ray_from(origin, direction);
    pending stack[PENDING_MAX];
    int top = 0;
    bool found = false;
    float limit = round_up(hit->t);
    stack[top++] = (pending){ 0, 0, 0 };
    while (top > 0) {
        pending next = stack[--top];
        if (next.t > limit)
            continue;
        if (next.count == 0) {
            f4 t;
            unsigned mask = enter(&r, &p->wide[next.first], limit, &t);
            top = push(stack, top, &p->wide[next.first], mask, t);
            continue;
        }
        for (uint32_t i = next.first; i < next.first + next.count; i++) {
            double t, det;
            uint32_t number = p->order[i];
            if (!hit_triangle(p->corners[i], origin, direction, hit->t, &t, &det) ||
                (t == hit->t && found && number > hit->triangle))
                continue;
            const scene_triangle *tri = &p->triangles[number]; /* far away in memory: looked at last */
            if (!(tag_mask >> (tri->tag & 31) & 1) || (tri->flags & SCENE_HIDDEN) ||
                (seen_only && det < 0 && !(tri->flags & SCENE_TWO_SIDED)))
                continue;
            *hit = (scene_bvh_hit){ t, number };
            limit = round_up(t);
            found = true;
        }
    }
    return found;
}

void scene_bvh_ray_boxes(const scene_part *p, base_vec3 origin, base_vec3 direction, double *limit_t,
                         void (*visit)(void *user, uint32_t box, double *limit_t), void *user)
{
    if (p->node_count == 0)
        return;
    ray r = ray_from(origin, direction);
    pending stack[PENDING_MAX];
    int top = 0;
    stack[top++] = (pending){ 0, 0, 0 };
    while (top > 0) {
        pending next = stack[--top];
        float limit = round_up(*limit_t);
        if (next.t > limit)
            continue;
        if (next.count == 0) {
            f4 t;
            unsigned mask = enter(&r, &p->wide[next.first], limit, &t);
            top = push(stack, top, &p->wide[next.first], mask, t);
            continue;
        }
        for (uint32_t i = next.first; i < next.first + next.count; i++)
            visit(user, p->order[i], limit_t);
    }
}

/* ---- building */

void scene_bvh_free(scene_part *p)
{
    free(p->nodes);
    free(p->order);
    free(p->wide);
    free(p->corners);
}

static void build_free(build *b)
{
    free(b->below);
    free(b->subtrees);
}

/* Nodes and order of a part over the boxes of b->refs; build_free follows, in any case. */
static bool build_tree(build *b, base_pool *pool, base_error *err)
{
    scene_part *p = b->part;
    uint32_t count = b->count;
    b->cut = count / SUBTREES;
    if (b->cut < SUBTREE_MIN)
        b->cut = count <= SUBTREE_MIN ? 0 : SUBTREE_MIN;
    p->nodes = b->nodes = malloc((size_t)count * 2 * sizeof *p->nodes);
    p->order = malloc((size_t)count * sizeof *p->order);
    b->below = b->cut ? malloc((size_t)count * 2 * sizeof *b->below) : NULL;
    b->subtrees = malloc(SUBTREES_MAX * sizeof *b->subtrees);
    if (!b->nodes || !p->order || !b->subtrees || (!b->below && b->cut))
        return base_fail(err, BASE_MEMORY, "scene: no memory for a hierarchy over %u boxes", count);
    b->top = 1;
    build_node(b, b->nodes, &b->top, true, 0, 0, count, 0);
    base_pool_run(pool, (int)b->subtree_count, build_subtree, b);
    p->node_count = b->top;
    for (uint32_t i = 0; i < b->subtree_count; i++) {
        b->subtrees[i].place = p->node_count;
        p->node_count += b->subtrees[i].used - 1;
    }
    base_pool_run(pool, (int)(b->subtree_count + (count + BLOCK - 1) / BLOCK), join_item, b);
    p->bounds = p->nodes[0].bounds;
    scene_node *fitted = realloc(p->nodes, (size_t)p->node_count * sizeof *p->nodes);
    p->nodes = b->nodes = fitted ? fitted : p->nodes;
    return place_wide(b, err);
}

static void set_reference(reference *r, uint32_t number, const float lo[3], const float hi[3])
{
    uint32_t bits = ONE_BITS + number;
    r->box = (cuboid){ { lo[0], lo[1], lo[2] }, { hi[0], hi[1], hi[2] } };
    memcpy((char *)&r->box.hi + 3 * sizeof(float), &bits, sizeof bits);
}

static reference *take_references(scene_part *p, uint32_t count, base_error *err)
{
    reference *refs = aligned_alloc(_Alignof(reference), ((size_t)count + 1) * sizeof *refs);
    p->bounds = (scene_bounds){ { 0 }, { 0 } };
    p->node_count = 0;
    if (!refs)
        base_fail(err, BASE_MEMORY, "scene: no memory for a hierarchy over %u boxes", count);
    return refs;
}

bool scene_bvh_build_boxes(scene_part *p, const scene_bounds *boxes, uint32_t count, base_error *err)
{
    reference *refs = take_references(p, count, err);
    for (uint32_t i = 0; refs && i < count; i++)
        set_reference(&refs[i], i, boxes[i].lo, boxes[i].hi);
    build b = { .part = p, .refs = refs, .count = count };
    bool good = refs && (count == 0 || build_tree(&b, NULL, err));
    for (uint32_t item = 0; good && count && item <= b.subtree_count; item++)
        good = widen_item(&b, (int)item, err);
    build_free(&b);
    free(refs);
    return good;
}

/* What the tasks over blocks of triangles share. */
typedef struct triangles {
    scene_part *part;
    build build;
    bool wide; /* the top has its wide nodes */
    base_error *err;
} triangles;

static void bound_block(void *user, int item, int worker)
{
    (void)worker;
    const triangles *t = user;
    uint32_t end =
        ((uint32_t)item + 1) * BLOCK < t->part->triangle_count ? ((uint32_t)item + 1) * BLOCK : t->part->triangle_count;
    for (uint32_t i = (uint32_t)item * BLOCK; i < end; i++) {
        scene_bounds box = empty_bounds();
        for (int v = 0; v < 3; v++) {
            const float *x = t->part->vertices[t->part->triangles[i].vertex[v]].position;
            bounds_add(&box, &(scene_bounds){ { x[0], x[1], x[2] }, { x[0], x[1], x[2] } });
        }
        set_reference(&t->build.refs[i], i, box.lo, box.hi);
    }
}

/* Wide nodes of the top and of each subtree; the other items copy a block's corners in order of the tree. */
static void finish_item(void *user, int item, int worker)
{
    (void)worker;
    triangles *t = user;
    scene_part *p = t->part;
    if ((uint32_t)item <= t->build.subtree_count) {
        bool good = widen_item(&t->build, item, item == 0 ? t->err : NULL);
        if (item == 0)
            t->wide = good;
        return;
    }
    uint32_t first = ((uint32_t)item - 1 - t->build.subtree_count) * BLOCK,
             end = first + BLOCK < p->triangle_count ? first + BLOCK : p->triangle_count;
    for (uint32_t i = first; i < end; i++)
        for (int v = 0; v < 3; v++)
            memcpy(p->corners[i] + 3 * v, p->vertices[p->triangles[p->order[i]].vertex[v]].position, 3 * sizeof(float));
}

bool scene_bvh_build(scene_part *p, base_pool *pool, base_error *err)
{
    uint32_t n = p->triangle_count;
    triangles t = { .part = p, .build = { .part = p, .refs = take_references(p, n, err), .count = n }, .err = err };
    int blocks = (int)((n + BLOCK - 1) / BLOCK);
    p->corners = malloc(((size_t)n + 1) * sizeof *p->corners);
    bool good = t.build.refs && p->corners;
    if (t.build.refs && !p->corners)
        base_fail(err, BASE_MEMORY, "scene: no memory for a hierarchy over %u triangles", n);
    if (good && n) {
        base_pool_run(pool, blocks, bound_block, &t);
        good = build_tree(&t.build, pool, err);
        if (good) {
            base_pool_run(pool, 1 + (int)t.build.subtree_count + blocks, finish_item, &t);
            good = t.wide;
        }
    }
    build_free(&t.build);
    free(t.build.refs);
    return good;
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
