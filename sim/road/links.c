/* Which lane follows which: links resolved once at load, then topology, moving along lanes, and places to start from. */
#include "sim/road/road_map.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

int road_find_road_id(const road_map *m, int64_t id)
{
    int lo = 0, hi = m->roads.count - 1;
    while (lo <= hi) {
        int middle = (lo + hi) / 2, at = m->road_order[middle];
        int64_t found = m->roads.items[at].id;
        if (found == id)
            return at;
        if (found < id)
            lo = middle + 1;
        else
            hi = middle - 1;
    }
    return -1;
}

/* Index of lane `id` in the first or last section of a road; -1 if absent. */
static int edge_lane(const road_map *m, int road, road_contact contact, int id)
{
    if (road < 0 || id == 0)
        return -1;
    const road_road *r = &m->roads.items[road];
    const road_section *sec = &m->sections.items[r->first_section + (contact == ROAD_AT_END ? r->section_count - 1 : 0)];
    return id < sec->low || id > sec->high ? -1 : sec->first_lane + id - sec->low;
}

/* A lane entered at the start of its road must run forward, at the end backward. */
static bool enters(const road_map *m, int lane, road_contact contact)
{
    return road_lane_forward(&m->lanes.items[lane]) == (contact == ROAD_AT_START);
}

static bool add_link(road_map *m, road_lane *from, int to, bool consistent)
{
    if (to < 0 || !consistent) {
        m->dropped_links++;
        return true;
    }
    for (int i = 0; i < from->next_count; i++)
        if (m->links.items[from->first_next + i] == to)
            return true;
    int *slot = ROAD_PUSH(m->links);
    if (!slot)
        return false;
    *slot = to;
    from->next_count++;
    return true;
}

typedef struct by_incoming {
    int64_t road;
    int connection;
} by_incoming;

static int compare_incoming(const void *a, const void *b)
{
    const by_incoming *x = a, *y = b;
    return x->road != y->road ? (x->road > y->road) - (x->road < y->road) : x->connection - y->connection;
}

static bool junction_links(road_map *m, road_lane *l, const road_road *r, int64_t junction_id, const by_incoming *order)
{
    int lo = 0, hi = m->connections.count;
    while (lo < hi) {
        int middle = (lo + hi) / 2;
        if (order[middle].road < r->id)
            lo = middle + 1;
        else
            hi = middle;
    }
    for (int i = lo; i < m->connections.count && order[i].road == r->id; i++) {
        const road_connection *c = &m->connections.items[order[i].connection];
        if (m->junctions.items[c->junction].id != junction_id)
            continue;
        for (int k = 0; k < c->link_count; k++) {
            const road_lane_link *link = &m->lane_links.items[c->first_link + k];
            if (link->from != l->id)
                continue;
            int to = edge_lane(m, road_find_road_id(m, c->connecting), c->contact, link->to);
            if (!add_link(m, l, to, to >= 0 && enters(m, to, c->contact)))
                return false;
        }
    }
    return true;
}

static bool resolve_next(road_map *m, int index, const by_incoming *order)
{
    road_lane *l = &m->lanes.items[index];
    const road_section *sec = &m->sections.items[l->section];
    const road_road *r = &m->roads.items[sec->road];
    bool forward = road_lane_forward(l);
    int link = forward ? l->after : l->before;
    int beside = l->section + (forward ? 1 : -1);
    l->first_next = m->links.count;
    if (beside >= r->first_section && beside < r->first_section + r->section_count) {
        const road_section *next = &m->sections.items[beside];
        if (link == 0)
            return true;
        int to = link < next->low || link > next->high ? -1 : next->first_lane + link - next->low;
        return add_link(m, l, to, to >= 0 && road_lane_forward(&m->lanes.items[to]) == forward);
    }
    const road_end_link *end = forward ? &r->successor : &r->predecessor;
    if (!end->given)
        return true;
    if (end->junction)
        return junction_links(m, l, r, end->id, order);
    if (link == 0)
        return true;
    int to = edge_lane(m, road_find_road_id(m, end->id), end->contact, link);
    return add_link(m, l, to, to >= 0 && enters(m, to, end->contact));
}

static bool resolve_previous(road_map *m)
{
    int next_total = m->links.count;
    for (int i = 0; i < m->lanes.count; i++)
        for (int k = 0; k < m->lanes.items[i].next_count; k++)
            m->lanes.items[m->links.items[m->lanes.items[i].first_next + k]].previous_count++;
    int at = next_total;
    for (int i = 0; i < m->lanes.count; i++) {
        m->lanes.items[i].first_previous = at;
        at += m->lanes.items[i].previous_count;
        m->lanes.items[i].previous_count = 0;
    }
    for (int i = 0; i < next_total; i++)
        if (!ROAD_PUSH_MOST(m->links, 1 << 23))
            return false;
    for (int i = 0; i < m->lanes.count; i++)
        for (int k = 0; k < m->lanes.items[i].next_count; k++) {
            road_lane *to = &m->lanes.items[m->links.items[m->lanes.items[i].first_next + k]];
            m->links.items[to->first_previous + to->previous_count++] = i;
        }
    return true;
}

static double lane_start_s(const road_map *m, const road_lane *l)
{
    const road_section *sec = &m->sections.items[l->section];
    return road_lane_forward(l) ? sec->s0 : sec->s1;
}
static double lane_end_s(const road_map *m, const road_lane *l)
{
    const road_section *sec = &m->sections.items[l->section];
    return road_lane_forward(l) ? sec->s1 : sec->s0;
}

road_waypoint road_lane_waypoint(const road_map *m, int lane, double s)
{
    const road_lane *l = &m->lanes.items[lane];
    const road_section *sec = &m->sections.items[l->section];
    const road_road *r = &m->roads.items[sec->road];
    return (road_waypoint){ sec->road, r->id, l->section - r->first_section, l->id, s };
}

static bool build_topology(road_map *m)
{
    for (int i = 0; i < m->lanes.count; i++) {
        const road_lane *l = &m->lanes.items[i];
        if (l->type != ROAD_LANE_DRIVING || l->id == 0)
            continue;
        road_waypoint from = road_lane_waypoint(m, i, lane_start_s(m, l));
        base_vec3 end = road_lane_center(m, l, lane_end_s(m, l)).at;
        for (int k = 0; k < (l->next_count ? l->next_count : 1); k++) {
            int next = l->next_count ? m->links.items[l->first_next + k] : i;
            road_edge *e = ROAD_PUSH(m->topology);
            if (!e)
                return false;
            const road_lane *to = &m->lanes.items[next];
            *e = (road_edge){ from, road_lane_waypoint(m, next, l->next_count ? lane_start_s(m, to) : lane_end_s(m, to)) };
            base_vec3 start = road_lane_center(m, to, e->to.s).at;
            m->gap_links += l->next_count > 0 && base_vec3_length(base_vec3_sub(start, end)) > 0.05;
        }
    }
    return true;
}

/* ---- Spawn points ---- */

#define SPAWN_STEP   12.0
#define SPAWN_MARGIN 6.0
#define SPAWN_HEIGHT 0.5

static bool add_spawn(road_map *m, int lane, double s)
{
    base_pose *at = ROAD_PUSH(m->spawns);
    if (!at)
        return false;
    road_waypoint w = road_lane_waypoint(m, lane, s);
    *at = road_waypoint_pose(m, &w);
    at->location.z += SPAWN_HEIGHT;
    return true;
}

static bool build_spawns(road_map *m)
{
    int longest = -1;
    double longest_m = 0;
    for (int i = 0; i < m->lanes.count; i++) {
        const road_lane *l = &m->lanes.items[i];
        const road_section *sec = &m->sections.items[l->section];
        double length = sec->s1 - sec->s0;
        if (l->type != ROAD_LANE_DRIVING || l->id == 0)
            continue;
        if (longest < 0 || length > longest_m)
            longest = i, longest_m = length;
        if (m->roads.items[sec->road].junction >= 0)
            continue;
        for (int k = 0; SPAWN_MARGIN + SPAWN_STEP * k <= length - SPAWN_MARGIN; k++) {
            double d = SPAWN_MARGIN + SPAWN_STEP * k;
            if (road_width_at(m, l, sec->s0 + d) < 2) /* a lane that is just appearing */
                continue;
            if (!add_spawn(m, i, road_lane_forward(l) ? sec->s0 + d : sec->s1 - d))
                return false;
        }
    }
    if (m->spawns.count == 0 && longest >= 0) {
        const road_section *sec = &m->sections.items[m->lanes.items[longest].section];
        return add_spawn(m, longest, (sec->s0 + sec->s1) / 2);
    }
    return true;
}

static int compare_int64(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Roads name their junction by id; number them and list each junction's roads. */
static bool link_junctions(road_map *m, base_error *err)
{
    size_t count = (size_t)m->junctions.count;
    int64_t *ids = malloc(sizeof *ids * (count + 1) * 2); /* pairs (id, index), sorted */
    if (!ids)
        return base_fail(err, BASE_MEMORY, "%s: no memory", m->name);
    for (size_t i = 0; i < count; i++)
        ids[2 * i] = m->junctions.items[i].id, ids[2 * i + 1] = (int64_t)i;
    qsort(ids, count, 2 * sizeof *ids, compare_int64);
    for (int i = 0; i < m->roads.count; i++) {
        road_road *r = &m->roads.items[i];
        int64_t *found = r->junction_id < 0 ? NULL : bsearch(&r->junction_id, ids, count, 2 * sizeof *ids, compare_int64);
        if (r->junction_id >= 0 && !found) {
            free(ids);
            return base_fail(err, BASE_FORMAT, "%s:%d: road %u belongs to junction %lld, which does not exist", m->name,
                             r->line, r->id, (long long)r->junction_id);
        }
        if (found) {
            r->junction = (int)found[1];
            m->junctions.items[r->junction].road_count++;
        }
    }
    free(ids);
    int at = 0;
    for (int i = 0; i < m->junctions.count; i++) {
        m->junctions.items[i].first_road = at;
        at += m->junctions.items[i].road_count;
        m->junctions.items[i].road_count = 0;
    }
    for (int i = 0; i < at; i++)
        if (!ROAD_PUSH(m->junction_roads))
            return base_fail(err, BASE_MEMORY, "%s: no memory", m->name);
    for (int i = 0; i < m->roads.count; i++)
        if (m->roads.items[i].junction >= 0) {
            road_junction_data *j = &m->junctions.items[m->roads.items[i].junction];
            m->junction_roads.items[j->first_road + j->road_count++] = i;
        }
    return true;
}

bool road_links_build(road_map *m, base_error *err)
{
    if (!link_junctions(m, err))
        return false;
    by_incoming *order = malloc(sizeof *order * ((size_t)m->connections.count + 1));
    bool ok = order != NULL;
    for (int i = 0; ok && i < m->connections.count; i++)
        order[i] = (by_incoming){ m->connections.items[i].incoming, i };
    if (ok)
        qsort(order, (size_t)m->connections.count, sizeof *order, compare_incoming);
    for (int i = 0; ok && i < m->lanes.count; i++)
        if (m->lanes.items[i].id != 0)
            ok = resolve_next(m, i, order);
    free(order);
    if (!ok || !resolve_previous(m) || !build_topology(m) || !build_spawns(m))
        return base_fail(err, BASE_MEMORY, "%s: too many lane links, or no memory for them", m->name);
    return true;
}

const road_edge *road_map_topology(const road_map *m, size_t *count)
{
    *count = (size_t)m->topology.count;
    return m->topology.items;
}

const base_pose *road_map_spawn_points(const road_map *m, size_t *count)
{
    *count = (size_t)m->spawns.count;
    return m->spawns.items;
}

/* ---- Moving along lanes ---- */

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
            stack[depth++] = (place){ to, w->backward ? lane_end_s(w->m, t) : lane_start_s(w->m, t), at.left - fmax(room, 0) };
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
        out[i] = road_lane_waypoint(m, to, lane_start_s(m, &m->lanes.items[to]));
    }
    return l->next_count;
}
int road_waypoint_predecessors(const road_map *m, const road_waypoint *w, road_waypoint *out, int capacity)
{
    const road_lane *l = &m->lanes.items[road_lane_index(m, w->road, w->section, w->lane)];
    for (int i = 0; i < l->previous_count && i < capacity; i++) {
        int to = m->links.items[l->first_previous + i];
        out[i] = road_lane_waypoint(m, to, lane_end_s(m, &m->lanes.items[to]));
    }
    return l->previous_count;
}
