/* The nearest lane as CARLA's clients compute it, with their approximations. A lane that lies on one line of the reference is one
 * chord, whatever its width does; any other is walked metre by metre and cut where it has turned by more than a hundredth of
 * pi or a hundred metres have passed. The nearest chord wins, and metres along the chord, seen from above, count as metres of s. */
#include "sim/road/road_map.h"
#include <stdlib.h>

#define TURN_MAX   (BASE_PI / 100)
#define CHORD_M    100.0 /* longest chord of a lane that is not straight */
#define STEP_M     1.0
#define END_M      1e-6 /* chords end this far before the lane does */
#define CHORDS_MAX (1 << 22)
#define STEPS_MAX  2e7 /* of a whole index: bounds the work on absurd maps */

struct road_carla_index {
    const road_map *map;
    road_tree tree;
};

typedef struct place {
    double s;
    base_vec3 at, forward;
} place;

/* Heading and pitch take slopes as angles, as CARLA does. */
static place place_at(const road_map *m, const road_lane *l, double s)
{
    road_center c = road_lane_center(m, l, s);
    double heading = c.reference + c.aside, pitch = c.along.z;
    base_vec3 at = { (float)c.at.x, (float)c.at.y, (float)c.at.z };
    return (place){ s, at, { cos(pitch) * cos(heading), cos(pitch) * sin(heading), sin(pitch) } };
}

static bool add_chord(road_carla_index *x, int lane, place a, place b)
{
    road_piece *q = ROAD_PUSH_MOST(x->tree.pieces, CHORDS_MAX);
    if (q)
        *q = (road_piece){ a.at, b.at, a.s, b.s, lane, x->map->lanes.items[lane].type };
    return q != NULL;
}

/* One line of the reference covers the section, and the road nowhere bends in height. */
static bool is_straight(const road_map *m, const road_section *sec)
{
    const road_road *r = &m->roads.items[sec->road];
    const road_geometry *g = road_geometry_of(m, r, sec->s0);
    if (g->kind != ROAD_LINE || sec->s0 < g->s || sec->s1 > g->s + g->length)
        return false;
    for (int i = 0; i < r->elevation_count; i++)
        if (m->elevations.items[r->first_elevation + i].c != 0 || m->elevations.items[r->first_elevation + i].d != 0)
            return false;
    return true;
}

static bool cut_lane(road_carla_index *x, int lane)
{
    const road_map *m = x->map;
    const road_lane *l = &m->lanes.items[lane];
    const road_section *sec = &m->sections.items[l->section];
    double forward = road_lane_forward(l) ? 1 : -1, end = road_lane_end(m, l) - forward * END_M;
    place from = place_at(m, l, road_lane_start(m, l)), to = from;
    if (sec->s1 - sec->s0 < 2 * END_M)
        return true;
    if (is_straight(m, sec))
        return add_chord(x, lane, from, place_at(m, l, end));
    for (;;) {
        double left = forward * (end - to.s);
        if (left < END_M)
            return add_chord(x, lane, from, to);
        to = place_at(m, l, to.s + forward * fmin(STEP_M, left));
        if (acos(fmin(base_vec3_dot(from.forward, to.forward), 1)) > TURN_MAX || fabs(to.s - from.s) > CHORD_M) {
            if (!add_chord(x, lane, from, to))
                return false;
            from = to;
        }
    }
}

road_carla_index *road_carla_index_create(const road_map *m, base_error *err)
{
    road_carla_index *x = calloc(1, sizeof *x);
    double steps = 0;
    for (int i = 0; i < m->sections.count; i++)
        steps += (m->sections.items[i].s1 - m->sections.items[i].s0) * m->sections.items[i].lane_count;
    bool ok = x != NULL;
    if (steps > STEPS_MAX) {
        base_fail(err, BASE_FORMAT, "%s: %.0f m of lanes, an index as CARLA's takes at most %.0f", m->name, steps, STEPS_MAX);
        free(x);
        return NULL;
    }
    if (x)
        x->map = m;
    for (int i = 0; i < m->lanes.count && ok; i++)
        if (m->lanes.items[i].id != 0 && (m->lanes.items[i].type & ROAD_LANE_ANY))
            ok = cut_lane(x, i);
    if (ok && road_tree_build(&x->tree))
        return x;
    base_fail(err, BASE_MEMORY, "%s: no memory for the index of lanes", m->name);
    road_carla_index_destroy(x);
    return NULL;
}

void road_carla_index_destroy(road_carla_index *x)
{
    if (!x)
        return;
    road_tree_free(&x->tree);
    free(x);
}

typedef struct nearest {
    const road_piece *piece;
    double d2;
} nearest;

static double visit(void *user, const road_piece *q, double along, double d2)
{
    nearest *n = user;
    (void)along;
    if (d2 < n->d2 || (d2 == n->d2 && n->piece && q->lane < n->piece->lane))
        *n = (nearest){ q, d2 };
    return n->d2;
}

bool road_carla_waypoint_at(const road_carla_index *x, base_vec3 at, uint32_t types, bool project, road_waypoint *out)
{
    const road_map *m = x->map;
    nearest n = { NULL, INFINITY };
    road_tree_near(&x->tree, at, types, visit, &n);
    if (!n.piece)
        return false;
    const road_piece *q = n.piece;
    const road_lane *l = &m->lanes.items[q->lane];
    double dx = q->b.x - q->a.x, dy = q->b.y - q->a.y, length2 = dx * dx + dy * dy;
    double part = length2 > 0 ? fmin(fmax(((at.x - q->a.x) * dx + (at.y - q->a.y) * dy) / length2, 0), 1) : 0;
    double metres = part * sqrt(length2), s = q->sb > q->sa ? fmin(q->sa + metres, q->sb) : fmax(q->sa - metres, q->sb);
    if (!project) {
        base_vec3 c = road_lane_center(m, l, s).at;
        if (!(hypot(at.x - c.x, at.y - c.y) < road_width_at(m, l, s) / 2))
            return false;
    }
    *out = road_lane_waypoint(m, q->lane, s);
    return true;
}
