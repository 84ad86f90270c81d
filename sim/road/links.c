/* Which lane follows which: links resolved once at load, and the topology that they make. */
#include "sim/road/road_map.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

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

static bool build_topology(road_map *m)
{
    for (int i = 0; i < m->lanes.count; i++) {
        const road_lane *l = &m->lanes.items[i];
        if (l->type != ROAD_LANE_DRIVING || l->id == 0)
            continue;
        road_waypoint from = road_lane_waypoint(m, i, road_lane_start(m, l));
        base_vec3 end = road_lane_center(m, l, road_lane_end(m, l)).at;
        for (int k = 0; k < (l->next_count ? l->next_count : 1); k++) {
            int next = l->next_count ? m->links.items[l->first_next + k] : i;
            road_edge *e = ROAD_PUSH(m->topology);
            if (!e)
                return false;
            const road_lane *to = &m->lanes.items[next];
            *e =
                (road_edge){ from, road_lane_waypoint(m, next, l->next_count ? road_lane_start(m, to) : road_lane_end(m, to)) };
            base_vec3 start = road_lane_center(m, to, e->to.s).at;
            m->gap_links += l->next_count > 0 && base_vec3_length(base_vec3_sub(start, end)) > 0.05;
        }
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
    if (!ok || !resolve_previous(m) || !build_topology(m))
        return base_fail(err, BASE_MEMORY, "%s: too many lane links, or no memory for them", m->name);
    return true;
}

const road_edge *road_map_topology(const road_map *m, size_t *count)
{
    *count = (size_t)m->topology.count;
    return m->topology.items;
}
