/* The nearest lane: every lane centre cut into straight pieces, a bounding-volume tree over them, and a few Newton steps on
 * the exact curve at the end. Cutting is fine enough (2 cm of sag) that the right piece is found; the refinement makes s exact. */
#include "sim/road/road_map.h"
#include <assert.h>
#include <float.h>
#include <stdlib.h>

#define SAG_MAX   0.02 /* metres between piece and curve */
#define PIECE_MAX 20.0 /* metres */
#define LEAF_MAX  4

static void widen(base_vec3 *low, base_vec3 *high, base_vec3 p)
{
    *low = (base_vec3){ fmin(low->x, p.x), fmin(low->y, p.y), fmin(low->z, p.z) };
    *high = (base_vec3){ fmax(high->x, p.x), fmax(high->y, p.y), fmax(high->z, p.z) };
}

/* Pieces of all lanes of one section share their s, chosen for its outermost borders. */
static bool cut_section(road_map *m, int index, base_error *err)
{
    const road_section *sec = &m->sections.items[index];
    const road_road *r = &m->roads.items[sec->road];
    int section = index - r->first_section;
    int count = road_section_samples(m, sec->road, section, SAG_MAX, PIECE_MAX, NULL, 0);
    if (count > 256 + ROAD_PIECES_PER_M * (sec->s1 - sec->s0) ||
        (int64_t)count * sec->lane_count > ROAD_PIECES_MAX - m->pieces.count)
        return base_fail(err, BASE_FORMAT,
                         "%s:%d: road %u needs %d straight pieces per lane: it bends without end, or the map is too large",
                         m->name, r->line, r->id, count);
    double *s = malloc(sizeof *s * (size_t)count);
    if (!s)
        return base_fail(err, BASE_MEMORY, "%s: no memory", m->name);
    road_section_samples(m, sec->road, section, SAG_MAX, PIECE_MAX, s, count);
    bool ok = true;
    for (int i = 0; i < sec->lane_count && ok; i++) {
        const road_lane *l = &m->lanes.items[sec->first_lane + i];
        base_vec3 inner, outer, before = road_lane_center(m, l, s[0]).at;
        for (int k = 0; k < count && ok; k++) {
            road_lane_borders(m, sec->road, section, l->id, s[k], &inner, &outer);
            widen(&m->low, &m->high, inner);
            widen(&m->low, &m->high, outer);
            if (k == 0 || l->id == 0)
                continue;
            base_vec3 here = road_lane_center(m, l, s[k]).at;
            road_piece *p = ROAD_PUSH(m->pieces);
            if ((ok = p != NULL))
                *p = (road_piece){ before, here, s[k - 1], s[k], sec->first_lane + i, l->type };
            before = here;
        }
        if (count == 1 && l->id != 0 && ok) { /* a section without length is a point */
            road_piece *p = ROAD_PUSH(m->pieces);
            if ((ok = p != NULL))
                *p = (road_piece){ before, before, s[0], s[0], sec->first_lane + i, l->type };
        }
    }
    free(s);
    return ok || base_fail(err, BASE_MEMORY, "%s: no memory", m->name);
}

/* ---- The tree ---- */

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

static int build_node(road_map *m, int first, int count)
{
    road_node *n = ROAD_PUSH_MOST(m->nodes, 1 << 24);
    if (!n)
        return -1;
    int at = m->nodes.count - 1;
    base_vec3 low = { DBL_MAX, DBL_MAX, DBL_MAX }, high = { -DBL_MAX, -DBL_MAX, -DBL_MAX };
    uint32_t types = 0;
    for (int i = first; i < first + count; i++) {
        widen(&low, &high, m->pieces.items[i].a);
        widen(&low, &high, m->pieces.items[i].b);
        types |= m->pieces.items[i].type;
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
    select_median(m->pieces.items + first, count, dx >= dy && dx >= dz ? 0 : dy >= dz ? 1 : 2);
    if (build_node(m, first, count / 2) < 0)
        return -1;
    int other = build_node(m, first + count / 2, count - count / 2);
    m->nodes.items[at].count = 0;
    m->nodes.items[at].other = other;
    return other < 0 ? -1 : at;
}

bool road_nearest_build(road_map *m, base_error *err)
{
    m->low = (base_vec3){ DBL_MAX, DBL_MAX, DBL_MAX };
    m->high = (base_vec3){ -DBL_MAX, -DBL_MAX, -DBL_MAX };
    for (int i = 0; i < m->sections.count; i++)
        if (!cut_section(m, i, err))
            return false;
    if (m->pieces.count && build_node(m, 0, m->pieces.count) < 0)
        return base_fail(err, BASE_MEMORY, "%s: no memory", m->name);
    return true;
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

/* Foot of the perpendicular from `at` on the exact centre: Newton on (p - c(s)) . c'(s) = 0, with c'' along the normal. */
static double refine(const road_map *m, const road_lane *l, base_vec3 at, double s, double *distance2)
{
    const road_section *sec = &m->sections.items[l->section];
    for (int i = 0; i < 5; i++) {
        road_center c = road_lane_center(m, l, s);
        base_vec3 e = base_vec3_sub(at, c.at);
        *distance2 = base_vec3_dot(e, e);
        double left = -(e.x * sin(c.heading) + e.y * cos(c.heading)); /* offset to the left; e.y is CARLA's */
        double slope = base_vec3_dot(c.along, c.along) * fmax(1 - c.curvature * left, 0.2);
        double step = base_vec3_dot(e, c.along) / fmax(slope, 1e-12);
        double next = fmin(fmax(s + fmin(fmax(step, -5), 5), sec->s0), sec->s1);
        if (fabs(next - s) < 1e-9)
            return s; /* distance2 belongs to s */
        s = next;
    }
    base_vec3 e = base_vec3_sub(at, road_lane_center(m, l, s).at);
    *distance2 = base_vec3_dot(e, e);
    return s;
}

/* Pieces within twice their sag of the nearest one may belong to the truly nearest lane (lanes overlap in junctions): a few
 * of them are kept, one per lane, and refined. */
#define RIVALS 8
typedef struct rival {
    int lane;
    double s, d;
} rival;

static int rival_add(rival *list, int count, rival r, double limit)
{
    int worst = 0;
    for (int i = 0; i < count; i++) {
        if (list[i].lane == r.lane) {
            if (r.d < list[i].d)
                list[i] = r;
            return count;
        }
        if (list[i].d > list[worst].d)
            worst = i;
    }
    if (count < RIVALS) {
        list[count] = r;
        return count + 1;
    }
    if (list[worst].d > fmin(r.d, limit))
        list[worst] = r;
    return count;
}

bool road_waypoint_at(const road_map *m, base_vec3 at, uint32_t types, bool project, road_waypoint *out)
{
    struct {
        int node;
        double d2;
    } stack[64]; /* depth of a median tree over 2^22 pieces is below 24 */
    rival rivals[RIVALS];
    int depth = 0, count = 0;
    double best = INFINITY, limit2 = INFINITY;
    if (m->nodes.count == 0 || !isfinite(at.x) || !isfinite(at.y) || !isfinite(at.z))
        return false;
    stack[depth].node = 0;
    stack[depth++].d2 = box_distance2(&m->nodes.items[0], at);
    while (depth > 0) {
        depth--;
        const road_node *n = &m->nodes.items[stack[depth].node];
        if (stack[depth].d2 > limit2 || !(n->types & types))
            continue;
        for (int i = n->first; i < n->first + n->count; i++) {
            const road_piece *q = &m->pieces.items[i];
            double along, d2;
            if (!(q->type & types) || (d2 = piece_distance2(q, at, &along)) > limit2)
                continue;
            double d = sqrt(d2);
            count = rival_add(rivals, count, (rival){ q->lane, q->sa + (q->sb - q->sa) * along, d }, best + 2 * SAG_MAX);
            if (d < best)
                best = d, limit2 = (d + 2 * SAG_MAX) * (d + 2 * SAG_MAX);
        }
        if (n->count)
            continue;
        int left = (int)(n - m->nodes.items) + 1, right = n->other;
        double dl = box_distance2(&m->nodes.items[left], at), dr = box_distance2(&m->nodes.items[right], at);
        bool left_last = dl < dr; /* the nearer child is pushed last and looked at first */
        stack[depth].node = left_last ? right : left;
        stack[depth++].d2 = left_last ? dr : dl;
        stack[depth].node = left_last ? left : right;
        stack[depth++].d2 = left_last ? dl : dr;
    }
    int lane = -1;
    double nearest2 = INFINITY, s = 0;
    for (int i = 0; i < count; i++) {
        double d2, foot;
        if (rivals[i].d > best + 2 * SAG_MAX)
            continue;
        foot = refine(m, &m->lanes.items[rivals[i].lane], at, rivals[i].s, &d2);
        /* equal to a tenth of a millimetre: the lane first in the file, so that ties do not hang on rounding */
        if (lane < 0 || d2 < nearest2 - 1e-8 || (d2 < nearest2 + 1e-8 && rivals[i].lane < lane))
            lane = rivals[i].lane, nearest2 = d2, s = foot;
    }
    if (lane < 0)
        return false;
    const road_lane *l = &m->lanes.items[lane];
    if (!project) {
        base_vec3 c = road_lane_center(m, l, s).at;
        if (!(hypot(at.x - c.x, at.y - c.y) < road_width_at(m, l, s) / 2))
            return false;
    }
    *out = road_lane_waypoint(m, lane, s);
    return true;
}
