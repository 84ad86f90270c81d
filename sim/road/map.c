/* A road_map as a thing: its memory, its description, and plain questions about roads, sections and lanes. */
#include "sim/road/road_map.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

void *road_grow(void *items, int count, int *capacity, size_t size, int most)
{
    if (count < *capacity)
        return items;
    int wanted = *capacity ? *capacity * 2 : 16;
    if (count >= most)
        return items;
    void *grown = realloc(items, size * (size_t)wanted);
    if (!grown)
        return items;
    memset((char *)grown + size * (size_t)*capacity, 0, size * (size_t)(wanted - *capacity));
    *capacity = wanted;
    return grown;
}

bool road_map_reserve(road_map *m)
{
#define RESERVE(list) (ROAD_PUSH(m->list) && (m->list.count = 0, true))
    return RESERVE(geometries) && RESERVE(elevations) && RESERVE(supers) && RESERVE(offsets) && RESERVE(speeds) &&
           RESERVE(widths) && RESERVE(marks) && RESERVE(heights) && RESERVE(lane_speeds) && RESERVE(links) &&
           RESERVE(junction_roads) && RESERVE(junction_controllers) && RESERVE(controller_signals) && RESERVE(outlines) &&
           RESERVE(sections) && RESERVE(lanes) && RESERVE(public_uses) && RESERVE(corners);
#undef RESERVE
}

void road_map_destroy(road_map *m)
{
    if (!m)
        return;
    void *lists[] = { m->name,
                      m->note,
                      m->road_order,
                      m->text.items,
                      m->roads.items,
                      m->geometries.items,
                      m->parametrics.items,
                      m->elevations.items,
                      m->supers.items,
                      m->offsets.items,
                      m->speeds.items,
                      m->sections.items,
                      m->lanes.items,
                      m->widths.items,
                      m->marks.items,
                      m->heights.items,
                      m->lane_speeds.items,
                      m->links.items,
                      m->junctions.items,
                      m->connections.items,
                      m->lane_links.items,
                      m->junction_roads.items,
                      m->junction_controllers.items,
                      m->signals.items,
                      m->uses.items,
                      m->public_uses.items,
                      m->landmarks.items,
                      m->controllers.items,
                      m->controller_signals.items,
                      m->objects.items,
                      m->corners.items,
                      m->outlines.items,
                      m->controls.items,
                      m->junction_controls.items,
                      m->topology.items,
                      m->spawns.items };
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        free(lists[i]);
    road_tree_free(&m->tree);
    free(m);
}

/* ---- Description and lookup ---- */

static const road_section *section_at(const road_map *m, int road, int section)
{
    assert(road >= 0 && road < m->roads.count && section >= 0 && section < m->roads.items[road].section_count);
    return &m->sections.items[m->roads.items[road].first_section + section];
}

int road_lane_index(const road_map *m, int road, int section, int lane)
{
    const road_section *sec = section_at(m, road, section);
    assert(lane >= sec->low && lane <= sec->high);
    return sec->first_lane + lane - sec->low;
}

static const road_lane *lane_at(const road_map *m, int road, int section, int lane)
{
    return &m->lanes.items[road_lane_index(m, road, section, lane)];
}

road_map_info road_map_describe(const road_map *m)
{
    road_map_info i = { .name = m->name,
                        .roads = m->roads.count,
                        .sections = m->sections.count,
                        .lanes = m->lanes.count - m->sections.count, /* each section has one centre lane */
                        .junctions = m->junctions.count,
                        .signals = m->signals.count,
                        .controllers = m->controllers.count,
                        .objects = m->objects.count,
                        .driving_lane_m = m->driving_lane_m,
                        .latitude_deg = m->latitude_deg,
                        .longitude_deg = m->longitude_deg,
                        .low = m->low,
                        .high = m->high };
    for (int r = 0; r < m->roads.count; r++)
        i.length_m += m->roads.items[r].length;
    return i;
}

const char *road_map_note(const road_map *m) { return m->note; }

road_info road_map_road(const road_map *m, int road)
{
    assert(road >= 0 && road < m->roads.count);
    const road_road *r = &m->roads.items[road];
    double speed = r->speed_count ? m->speeds.items[r->first_speed].mps : 0;
    return (road_info){ r->id, m->text.items + r->name, r->length, r->junction, r->section_count, speed };
}

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

int road_find_road(const road_map *m, uint32_t road_id) { return road_find_road_id(m, road_id); }

road_section_info road_map_section(const road_map *m, int road, int section)
{
    const road_section *s = section_at(m, road, section);
    return (road_section_info){ s->s0, s->s1, s->low, s->high };
}

int road_find_section(const road_map *m, int road, double s)
{
    assert(road >= 0 && road < m->roads.count);
    const road_road *r = &m->roads.items[road];
    const road_section *sec = m->sections.items + r->first_section;
    int lo = 0, hi = r->section_count;
    while (hi - lo > 1) {
        int middle = (lo + hi) / 2;
        if (sec[middle].s0 <= s)
            lo = middle;
        else
            hi = middle;
    }
    return lo;
}

bool road_find_lane(const road_map *m, int road, int section, int lane)
{
    const road_section *sec = section_at(m, road, section);
    return lane >= sec->low && lane <= sec->high;
}

uint32_t road_lane_type(const road_map *m, int road, int section, int lane) { return lane_at(m, road, section, lane)->type; }

const road_mark *road_lane_marks(const road_map *m, int road, int section, int lane, int *count)
{
    const road_lane *l = lane_at(m, road, section, lane);
    *count = l->mark_count;
    return m->marks.items + l->first_mark;
}

double road_lane_start(const road_map *m, const road_lane *l)
{
    const road_section *sec = &m->sections.items[l->section];
    return road_lane_forward(l) ? sec->s0 : sec->s1;
}

double road_lane_end(const road_map *m, const road_lane *l)
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
