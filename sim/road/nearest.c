/* The nearest lane: every lane centre cut into straight pieces, a bounding-volume tree over them, and a few Newton steps on
 * the exact curve at the end. Cutting is fine enough (2 cm of sag) that the right piece is found; the refinement makes s exact. */
#include "sim/road/road_map.h"
#include <assert.h>
#include <float.h>
#include <stdlib.h>

#define SAG_MAX   0.02 /* metres between piece and curve */
#define PIECE_MAX 20.0 /* metres */

/* Pieces of all lanes of one section share their s, chosen for its outermost borders. */
static bool cut_section(road_map *m, int index, base_error *err)
{
    const road_section *sec = &m->sections.items[index];
    const road_road *r = &m->roads.items[sec->road];
    int section = index - r->first_section;
    int count = road_section_samples(m, sec->road, section, SAG_MAX, PIECE_MAX, NULL, 0);
    if (count > 256 + ROAD_PIECES_PER_M * (sec->s1 - sec->s0) ||
        (int64_t)count * sec->lane_count > ROAD_PIECES_MAX - m->tree.pieces.count)
        return base_fail(err, BASE_FORMAT,
                         "%s:%d: road %u needs %d straight pieces per lane: it bends without end, or the map is too large",
                         m->name, r->line, r->id, count);
    double *s = malloc(sizeof *s * (size_t)count);
    road_row *rows = malloc(sizeof *rows * 2 * (size_t)sec->lane_count), *before = rows, *here = rows + sec->lane_count;
    bool ok = s && rows;
    if (ok)
        road_section_samples(m, sec->road, section, SAG_MAX, PIECE_MAX, s, count);
    for (int k = 0; k < count && ok; k++) {
        road_section_row(m, sec, s[k], here);
        for (int i = 0; i < sec->lane_count && ok; i++) {
            const road_lane *l = &m->lanes.items[sec->first_lane + i];
            road_widen(&m->low, &m->high, here[i].outer);
            if (l->id == 0 || (k == 0 && count > 1))
                continue;
            road_piece *p = ROAD_PUSH(m->tree.pieces);
            int from = k ? k - 1 : 0; /* a section without length is a point */
            if ((ok = p != NULL))
                *p = (road_piece){
                    k ? before[i].center : here[i].center, here[i].center, s[from], s[k], sec->first_lane + i, l->type
                };
        }
        road_row *swap = before;
        before = here;
        here = swap;
    }
    free(rows);
    free(s);
    return ok || base_fail(err, BASE_MEMORY, "%s: no memory", m->name);
}

bool road_nearest_build(road_map *m, base_error *err)
{
    m->low = (base_vec3){ DBL_MAX, DBL_MAX, DBL_MAX };
    m->high = (base_vec3){ -DBL_MAX, -DBL_MAX, -DBL_MAX };
    for (int i = 0; i < m->sections.count; i++)
        if (!cut_section(m, i, err))
            return false;
    if (!road_tree_build(&m->tree))
        return base_fail(err, BASE_MEMORY, "%s: no memory", m->name);
    return true;
}

/* Foot of the perpendicular from `at` on the exact centre: Newton on (p - c(s)) . c'(s) = 0, with c'' along the normal. */
static double refine(const road_map *m, const road_lane *l, base_vec3 at, double s, double *distance2)
{
    const road_section *sec = &m->sections.items[l->section];
    for (int i = 0; i < 40; i++) { /* mostly 3; near the centre of a bend the slope nearly vanishes */
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

typedef struct search {
    rival rivals[RIVALS];
    int count;
    double best;
} search;

static double visit(void *user, const road_piece *q, double along, double d2)
{
    search *w = user;
    double d = sqrt(d2);
    w->count = rival_add(w->rivals, w->count, (rival){ q->lane, q->sa + (q->sb - q->sa) * along, d }, w->best + 2 * SAG_MAX);
    w->best = fmin(w->best, d);
    return (w->best + 2 * SAG_MAX) * (w->best + 2 * SAG_MAX);
}

bool road_waypoint_at(const road_map *m, base_vec3 at, uint32_t types, bool project, road_waypoint *out)
{
    search w = { .best = INFINITY };
    road_tree_near(&m->tree, at, types, visit, &w);
    int lane = -1;
    double nearest2 = INFINITY, s = 0;
    for (int i = 0; i < w.count; i++) {
        double d2, foot;
        if (w.rivals[i].d > w.best + 2 * SAG_MAX)
            continue;
        foot = refine(m, &m->lanes.items[w.rivals[i].lane], at, w.rivals[i].s, &d2);
        /* equal to a tenth of a millimetre: the lane first in the file, so that ties do not hang on rounding */
        if (lane < 0 || d2 < nearest2 - 1e-8 || (d2 < nearest2 + 1e-8 && w.rivals[i].lane < lane))
            lane = w.rivals[i].lane, nearest2 = d2, s = foot;
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
