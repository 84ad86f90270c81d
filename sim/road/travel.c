/* Moving along lanes: what lies so many metres ahead or behind, and which lanes come next. */
#include "sim/road/road_map.h"
#include <assert.h>
#include <float.h>
#include <stdlib.h>

#define BRANCH_MAX 4096
#define VISIT_MAX  100000 /* lane sections entered by one call: ends rings of roads without length */

typedef struct walker {
    const road_map *m;
    bool backward; /* against travel */
    road_waypoint *out;
    int capacity, found, visits;
} walker;

/* Depth first with a stack of our own: maps decide how long a chain of short sections is. */
static void walk(walker *w, int lane, double s, double distance)
{
    typedef struct place {
        int lane;
        double s, left;
    } place;
    place *stack = malloc(sizeof *stack * BRANCH_MAX);
    int depth = 0;
    if (!stack)
        return;
    stack[depth++] = (place){ lane, s, distance };
    while (depth > 0 && w->visits++ < VISIT_MAX) {
        place at = stack[--depth];
        const road_lane *l = &w->m->lanes.items[at.lane];
        const road_section *sec = &w->m->sections.items[l->section];
        bool grow = road_lane_forward(l) != w->backward;
        double room = grow ? sec->s1 - at.s : at.s - sec->s0;
        if (at.left <= room) {
            if (w->found < w->capacity)
                w->out[w->found] = road_lane_waypoint(w->m, at.lane, grow ? at.s + at.left : at.s - at.left);
            if (++w->found >= BRANCH_MAX)
                break;
            continue;
        }
        int count = w->backward ? l->previous_count : l->next_count, first = w->backward ? l->first_previous : l->first_next;
        for (int i = count - 1; i >= 0 && depth < BRANCH_MAX; i--) { /* last pushed comes out first: file order */
            int to = w->m->links.items[first + i];
            const road_lane *t = &w->m->lanes.items[to];
            stack[depth++] =
                (place){ to, w->backward ? road_lane_end(w->m, t) : road_lane_start(w->m, t), at.left - fmax(room, 0) };
        }
    }
    free(stack);
}

static int move(const road_map *m, const road_waypoint *w, double distance_m, bool backward, road_waypoint *out, int capacity)
{
    assert(distance_m > 0);
    walker k = { m, backward, out, capacity, 0, 0 };
    walk(&k, road_lane_index(m, w->road, w->section, w->lane), w->s, distance_m);
    return k.found;
}

int road_waypoint_next(const road_map *m, const road_waypoint *w, double distance_m, road_waypoint *out, int capacity)
{
    return move(m, w, distance_m, false, out, capacity);
}
int road_waypoint_previous(const road_map *m, const road_waypoint *w, double distance_m, road_waypoint *out, int capacity)
{
    return move(m, w, distance_m, true, out, capacity);
}

int road_waypoint_successors(const road_map *m, const road_waypoint *w, road_waypoint *out, int capacity)
{
    const road_lane *l = &m->lanes.items[road_lane_index(m, w->road, w->section, w->lane)];
    for (int i = 0; i < l->next_count && i < capacity; i++) {
        int to = m->links.items[l->first_next + i];
        out[i] = road_lane_waypoint(m, to, road_lane_start(m, &m->lanes.items[to]));
    }
    return l->next_count;
}
int road_waypoint_predecessors(const road_map *m, const road_waypoint *w, road_waypoint *out, int capacity)
{
    const road_lane *l = &m->lanes.items[road_lane_index(m, w->road, w->section, w->lane)];
    for (int i = 0; i < l->previous_count && i < capacity; i++) {
        int to = m->links.items[l->first_previous + i];
        out[i] = road_lane_waypoint(m, to, road_lane_end(m, &m->lanes.items[to]));
    }
    return l->previous_count;
}

#define UNTIL_MAX 4096

static int until(const road_map *m, const road_waypoint *w, double distance_m, bool backward, road_waypoint *out, int capacity)
{
    road_waypoint last = *w, next[2];
    int count = 0;
    while (count < UNTIL_MAX && move(m, &last, distance_m, backward, next, 2) == 1 && next[0].road == w->road) {
        last = next[0];
        if (count < capacity)
            out[count] = last;
        count++;
    }
    bool grow = (w->lane < 0) != backward;
    double rest = grow ? m->roads.items[w->road].length - last.s : last.s;
    if (rest > 1e-9 && move(m, &last, rest, backward, next, 1) > 0) {
        if (count < capacity)
            out[count] = next[0];
        count++;
    }
    return count;
}

int road_waypoint_until_end(const road_map *m, const road_waypoint *w, double distance_m, road_waypoint *out, int capacity)
{
    return until(m, w, distance_m, false, out, capacity);
}
int road_waypoint_until_start(const road_map *m, const road_waypoint *w, double distance_m, road_waypoint *out, int capacity)
{
    return until(m, w, distance_m, true, out, capacity);
}

size_t road_map_waypoints(const road_map *m, double distance_m, road_waypoint *out, size_t capacity)
{
    assert(distance_m > 0);
    const double hair = 10 * DBL_EPSILON; /* CARLA's first place, so that its sums and ours round alike at a road's end */
    size_t count = 0;
    for (int r = 0; r < m->roads.count; r++)
        for (double s = hair; s < m->roads.items[r].length - hair; s += distance_m) {
            const road_section *sec = &m->sections.items[m->roads.items[r].first_section + road_find_section(m, r, s)];
            for (int i = 0; i < sec->lane_count; i++) {
                const road_lane *l = &m->lanes.items[sec->first_lane + i];
                if (l->type != ROAD_LANE_DRIVING || l->id == 0)
                    continue;
                if (count < capacity)
                    out[count] = road_lane_waypoint(m, sec->first_lane + i, s);
                count++;
            }
        }
    return count;
}
