/* A bounding-volume tree over straight pieces of lane centres, and the walk that looks at the nearest ones first. */
#include "sim/road/road_map.h"
#include <float.h>
#include <stdlib.h>

#define LEAF_MAX 4

static double axis_of(const road_piece *p, int axis)
{
    return axis == 0 ? p->a.x + p->b.x : axis == 1 ? p->a.y + p->b.y : p->a.z + p->b.z;
}

/* Put the median by `axis` in the middle (Hoare's selection; ties do not matter for correctness). */
static void select_median(road_piece *p, int count, int axis)
{
    int lo = 0, hi = count - 1, k = count / 2;
    while (lo < hi) {
        double pivot = axis_of(&p[(lo + hi) / 2], axis);
        int i = lo, j = hi;
        while (i <= j) {
            while (axis_of(&p[i], axis) < pivot)
                i++;
            while (axis_of(&p[j], axis) > pivot)
                j--;
            if (i <= j) {
                road_piece swap = p[i];
                p[i++] = p[j];
                p[j--] = swap;
            }
        }
        if (k <= j)
            hi = j;
        else if (k >= i)
            lo = i;
        else
            return;
    }
}

static int build_node(road_tree *tree, int first, int count)
{
    road_node *n = ROAD_PUSH_MOST(tree->nodes, 1 << 24);
    if (!n)
        return -1;
    int at = tree->nodes.count - 1;
    base_vec3 low = { DBL_MAX, DBL_MAX, DBL_MAX }, high = { -DBL_MAX, -DBL_MAX, -DBL_MAX };
    uint32_t types = 0;
    for (int i = first; i < first + count; i++) {
        road_widen(&low, &high, tree->pieces.items[i].a);
        road_widen(&low, &high, tree->pieces.items[i].b);
        types |= tree->pieces.items[i].type;
    }
    /* floats rounded outwards, so that pruning stays safe */
    float inf = INFINITY;
    *n = (road_node){ { nextafterf((float)low.x, -inf), nextafterf((float)low.y, -inf), nextafterf((float)low.z, -inf) },
                      { nextafterf((float)high.x, inf), nextafterf((float)high.y, inf), nextafterf((float)high.z, inf) },
                      types,
                      first,
                      count,
                      0 };
    if (count <= LEAF_MAX)
        return at;
    double dx = high.x - low.x, dy = high.y - low.y, dz = high.z - low.z;
    select_median(tree->pieces.items + first, count, dx >= dy && dx >= dz ? 0 : dy >= dz ? 1 : 2);
    if (build_node(tree, first, count / 2) < 0)
        return -1;
    int other = build_node(tree, first + count / 2, count - count / 2);
    tree->nodes.items[at].count = 0;
    tree->nodes.items[at].other = other;
    return other < 0 ? -1 : at;
}

bool road_tree_build(road_tree *tree) { return tree->pieces.count == 0 || build_node(tree, 0, tree->pieces.count) >= 0; }

void road_tree_free(road_tree *tree)
{
    free(tree->pieces.items);
    free(tree->nodes.items);
}

static double box_distance2(const road_node *n, base_vec3 p)
{
    double dx = fmax(fmax(n->low[0] - p.x, p.x - n->high[0]), 0), dy = fmax(fmax(n->low[1] - p.y, p.y - n->high[1]), 0),
           dz = fmax(fmax(n->low[2] - p.z, p.z - n->high[2]), 0);
    return dx * dx + dy * dy + dz * dz;
}

static double piece_distance2(const road_piece *q, base_vec3 p, double *along)
{
    base_vec3 d = base_vec3_sub(q->b, q->a), e = base_vec3_sub(p, q->a);
    double dd = base_vec3_dot(d, d);
    *along = dd > 0 ? fmin(fmax(base_vec3_dot(d, e) / dd, 0), 1) : 0;
    base_vec3 r = base_vec3_sub(e, base_vec3_scale(d, *along));
    return base_vec3_dot(r, r);
}

void road_tree_near(const road_tree *tree, base_vec3 at, uint32_t types, road_tree_visit *visit, void *user)
{
    struct {
        int node;
        double d2;
    } stack[64]; /* depth of a median tree over 2^22 pieces is below 24 */
    int depth = 0;
    double limit2 = INFINITY;
    if (tree->nodes.count == 0 || !isfinite(at.x) || !isfinite(at.y) || !isfinite(at.z))
        return;
    stack[depth].node = 0;
    stack[depth++].d2 = box_distance2(&tree->nodes.items[0], at);
    while (depth > 0) {
        depth--;
        const road_node *n = &tree->nodes.items[stack[depth].node];
        if (stack[depth].d2 > limit2 || !(n->types & types))
            continue;
        for (int i = n->first; i < n->first + n->count; i++) {
            const road_piece *q = &tree->pieces.items[i];
            double along, d2;
            if ((q->type & types) && (d2 = piece_distance2(q, at, &along)) <= limit2)
                limit2 = visit(user, q, along, d2);
        }
        if (n->count)
            continue;
        int left = (int)(n - tree->nodes.items) + 1, right = n->other;
        double dl = box_distance2(&tree->nodes.items[left], at), dr = box_distance2(&tree->nodes.items[right], at);
        bool left_last = dl < dr; /* the nearer child is pushed last and looked at first */
        stack[depth].node = left_last ? right : left;
        stack[depth++].d2 = left_last ? dr : dl;
        stack[depth].node = left_last ? left : right;
        stack[depth++].d2 = left_last ? dl : dr;
    }
}
