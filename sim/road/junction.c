/* Junctions: their boxes and the ways through them. */
#include "sim/road/road_map.h"
#include <assert.h>
#include <stdlib.h>

typedef struct lane_range { /* indices */
    int first, end;
} lane_range;

/* All lanes of the road that a connection leads over; none when there is no such road. */
static lane_range lanes_of(const road_map *m, const road_connection *c)
{
    int road = road_find_road_id(m, c->connecting);
    if (road < 0)
        return (lane_range){ 0, 0 };
    const road_road *r = &m->roads.items[road];
    const road_section *first = &m->sections.items[r->first_section], *last = first + r->section_count - 1;
    return (lane_range){ first->first_lane, last->first_lane + last->lane_count };
}

typedef struct box {
    base_vec3 low, high;
} box;
static const box nothing = { { INFINITY, INFINITY, INFINITY }, { -INFINITY, -INFINITY, -INFINITY } };

static box widened(box b, base_vec3 p, double by_m)
{
    return (box){ { fmin(b.low.x, p.x - by_m), fmin(b.low.y, p.y - by_m), fmin(b.low.z, p.z) },
                  { fmax(b.high.x, p.x + by_m), fmax(b.high.y, p.y + by_m), fmax(b.high.z, p.z) } };
}

/* Around the borders of all lanes, found from the pieces of the nearest index. */
static void box_borders(const road_map *m, box *boxes)
{
    for (int i = 0; i < m->tree.pieces.count; i++) {
        const road_piece *q = &m->tree.pieces.items[i];
        const road_lane *l = &m->lanes.items[q->lane];
        int junction = m->roads.items[m->sections.items[l->section].road].junction;
        if (junction < 0)
            continue;
        double half = road_width_at(m, l, q->sa) / 2;
        boxes[junction] = widened(widened(boxes[junction], q->a, half), q->b, half);
    }
}

static box around_centers(const road_map *m, box b, const road_lane *l)
{
    const road_section *sec = &m->sections.items[l->section];
    if (l->id == 0 || !(l->type & ROAD_LANE_ANY))
        return b;
    for (int tenth = 0; tenth <= 10; tenth += l->id < 0 ? 1 : 10)
        b = widened(b, road_lane_center(m, l, sec->s0 + (sec->s1 - sec->s0) * tenth / 10).at, 0);
    return b;
}

/* CARLA's: centres of all lanes of connecting roads; right lanes at every tenth, left lanes at their ends alone. */
static void box_centers(const road_map *m, box *boxes)
{
    for (int i = 0; i < m->connections.count; i++) {
        const road_connection *c = &m->connections.items[i];
        lane_range lanes = lanes_of(m, c);
        for (int k = lanes.first; k < lanes.end; k++)
            boxes[c->junction] = around_centers(m, boxes[c->junction], &m->lanes.items[k]);
    }
}

bool road_junctions_build(road_map *m, base_error *err)
{
    size_t count = (size_t)m->junctions.count;
    box *borders = malloc(sizeof *borders * (2 * count + 1));
    if (!borders)
        return base_fail(err, BASE_MEMORY, "%s: no memory for junctions", m->name);
    box *centers = borders + count;
    for (size_t i = 0; i < 2 * count; i++)
        borders[i] = nothing;
    box_borders(m, borders);
    box_centers(m, centers);
    for (size_t i = 0; i < count; i++) {
        road_junction_data *j = &m->junctions.items[i];
        if (borders[i].low.x <= borders[i].high.x)
            j->low = borders[i].low, j->high = borders[i].high;
        if (centers[i].low.x <= centers[i].high.x) {
            j->center = base_vec3_scale(base_vec3_add(centers[i].low, centers[i].high), 0.5);
            j->extent = base_vec3_scale(base_vec3_sub(centers[i].high, centers[i].low), 0.5);
        }
    }
    free(borders);
    return true;
}

int road_junction_count(const road_map *m) { return m->junctions.count; }

road_junction road_map_junction(const road_map *m, int junction)
{
    assert(junction >= 0 && junction < m->junctions.count);
    const road_junction_data *j = &m->junctions.items[junction];
    return (road_junction){ .id = (int)j->id,
                            .name = road_text(m, j->name),
                            .roads = m->junction_roads.items + j->first_road,
                            .road_count = j->road_count,
                            .controllers = m->junction_controllers.items + j->first_controller,
                            .controller_count = j->controller_count,
                            .low = j->low,
                            .high = j->high,
                            .center = j->center,
                            .extent = j->extent };
}

int road_find_junction(const road_map *m, int id)
{
    for (int i = 0; i < m->junctions.count; i++)
        if (m->junctions.items[i].id == id)
            return i;
    return -1;
}

int road_junction_waypoints(const road_map *m, int junction, uint32_t lane_types, road_edge *out, int capacity)
{
    assert(junction >= 0 && junction < m->junctions.count);
    int count = 0;
    for (int i = 0; i < m->connections.count; i++) {
        lane_range lanes =
            m->connections.items[i].junction == junction ? lanes_of(m, &m->connections.items[i]) : (lane_range){ 0, 0 };
        for (int k = lanes.first; k < lanes.end; k++) {
            const road_lane *l = &m->lanes.items[k];
            if (l->id == 0 || !(l->type & lane_types))
                continue;
            if (count < capacity)
                out[count] = (road_edge){ road_lane_waypoint(m, k, road_lane_start(m, l)),
                                          road_lane_waypoint(m, k, road_lane_end(m, l)) };
            count++;
        }
    }
    return count;
}
