/* Putting what was read in order: records must ascend, lanes are sorted and complete, sections get their ends, marks their
 * strips, and roads an index by id. Everything later code relies on without asking is checked here. */
#include "sim/road/road_map.h"
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

__attribute__((format(printf, 4, 5))) static bool bad(const road_map *m, base_error *err, int line, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return base_fail(err, BASE_FORMAT, "%s:%d: %s", m->name, line, text);
}

/* Records of any kind whose first member is `double start`. */
static double start_of(const void *records, size_t step_bytes, int i)
{
    double start;
    memcpy(&start, (const unsigned char *)records + step_bytes * (size_t)i, sizeof start);
    return start;
}

static bool ascending(const road_map *m, base_error *err, const road_road *r, const char *what, const void *records,
                      size_t step_bytes, int count)
{
    for (int i = 1; i < count; i++) {
        double before = start_of(records, step_bytes, i - 1), here = start_of(records, step_bytes, i);
        if (here < before - 1e-6)
            return bad(m, err, r->line, "road %u: %s records must ascend, found s %g after %g", r->id, what, here, before);
    }
    return true;
}
#define ASCENDING(r, what, list, first, n) (ascending(m, err, (r), (what), (list).items + (first), sizeof *(list).items, (n)))

static int compare_lane(const void *a, const void *b)
{
    const road_lane *x = a, *y = b;
    return (x->id > y->id) - (x->id < y->id);
}

/* Dashes where the file gives no pattern: US MUTCD's 3 m on, 9 m off on fast roads; denser in towns. */
static void mark_strips(road_mark *k, double speed_mps)
{
    double dash = 3.0, gap = speed_mps > 50 / 3.6 + 0.01 ? 9.0 : 4.5, w = k->width_m;
    if (k->strip_count > 0 || w <= 0)
        return;
    road_strip solid = { 0, w, 1, 0, 0 }, broken = { 0, w, dash, gap, 0 };
    road_strip left = solid, right = solid;
    switch (k->type) {
    case ROAD_MARK_SOLID: k->strips[k->strip_count++] = solid; return;
    case ROAD_MARK_BROKEN: k->strips[k->strip_count++] = broken; return;
    case ROAD_MARK_BOTTS_DOTS: k->strips[k->strip_count++] = (road_strip){ 0, w, w, fmax(1.0, w), 0 }; return;
    case ROAD_MARK_SOLID_SOLID: break;
    case ROAD_MARK_BROKEN_BROKEN: left = right = broken; break;
    case ROAD_MARK_SOLID_BROKEN: right = broken; break;
    case ROAD_MARK_BROKEN_SOLID: left = broken; break;
    default: return;
    }
    left.right_m = -w;
    right.right_m = w;
    k->strips[k->strip_count++] = left;
    k->strips[k->strip_count++] = right;
}

static bool order_lanes(road_map *m, base_error *err, road_road *r, road_section *sec)
{
    road_lane *lanes = m->lanes.items + sec->first_lane;
    if (sec->lane_count == 0)
        return bad(m, err, sec->line, "road %u: laneSection without lanes", r->id);
    qsort(lanes, (size_t)sec->lane_count, sizeof *lanes, compare_lane);
    sec->low = lanes[0].id;
    sec->high = lanes[sec->lane_count - 1].id;
    for (int i = 0; i < sec->lane_count; i++) {
        road_lane *l = &lanes[i];
        if (i && l->id == lanes[i - 1].id)
            return bad(m, err, l->line, "road %u: lane %d twice in one section", r->id, l->id);
        if (i && l->id != lanes[i - 1].id + 1)
            return bad(m, err, l->line, "road %u: lane ids must be consecutive, found %d after %d", r->id, l->id,
                       lanes[i - 1].id);
        if (!ASCENDING(r, "lane width", m->widths, l->first_width, l->width_count) ||
            !ASCENDING(r, "lane height", m->heights, l->first_height, l->height_count))
            return false;
        double speed = r->speed_count ? m->speeds.items[r->first_speed].mps : 0;
        for (int j = 0; j < l->mark_count; j++) {
            road_mark *k = &m->marks.items[l->first_mark + j];
            k->s1 = j + 1 < l->mark_count ? k[1].s0 : sec->s1;
            if (k->s1 < k->s0 - 1e-6 && j + 1 < l->mark_count)
                return bad(m, err, l->line, "road %u: roadMark records must ascend, found s %g after %g", r->id, k->s1, k->s0);
            k->s1 = fmax(fmin(k->s1, sec->s1), k->s0);
            mark_strips(k, speed);
        }
        if (l->type == ROAD_LANE_DRIVING)
            m->driving_lane_m += sec->s1 - sec->s0;
    }
    if (sec->low > 0 || sec->high < 0)
        return bad(m, err, sec->line, "road %u: laneSection without a centre lane (id 0)", r->id);
    return true;
}

static bool order_road(road_map *m, base_error *err, road_road *r)
{
    if (r->geometry_count == 0)
        return bad(m, err, r->line, "road %u: no planView geometry", r->id);
    if (r->section_count == 0)
        return bad(m, err, r->line, "road %u: no laneSection", r->id);
    road_geometry *g = m->geometries.items + r->first_geometry;
    for (int i = 1; i < r->geometry_count; i++)
        if (g[i].s < g[i - 1].s - 1e-6)
            return bad(m, err, r->line, "road %u: geometries must ascend, found s %g after %g", r->id, g[i].s, g[i - 1].s);
    int kept = 0; /* drop pieces without length, but never all */
    for (int i = 0; i < r->geometry_count; i++)
        if (g[i].length >= 1e-6 || (i == r->geometry_count - 1 && kept == 0))
            g[kept++] = g[i];
    r->geometry_count = kept;
    double end = g[kept - 1].s + g[kept - 1].length;
    if (fabs(end - r->length) > fmax(0.1, 1e-3 * r->length))
        return bad(m, err, r->line, "road %u: length %g, but its geometries end at %g", r->id, r->length, end);
    if (g[kept - 1].length < r->length - g[kept - 1].s) /* rounding: let the last piece reach the end */
        g[kept - 1].length = r->length - g[kept - 1].s;
    if (!ASCENDING(r, "elevation", m->elevations, r->first_elevation, r->elevation_count) ||
        !ASCENDING(r, "superelevation", m->supers, r->first_super, r->super_count) ||
        !ASCENDING(r, "laneOffset", m->offsets, r->first_offset, r->offset_count) ||
        !ASCENDING(r, "type", m->speeds, r->first_speed, r->speed_count))
        return false;
    for (int i = 0; i < r->section_count; i++) {
        road_section *sec = &m->sections.items[r->first_section + i];
        sec->s1 = i + 1 < r->section_count ? sec[1].s0 : r->length;
        if (sec->s0 < -1e-6 || sec->s1 < sec->s0 - 1e-6 || (i == 0 && sec->s0 > 1e-3))
            return bad(m, err, sec->line, "road %u: laneSection from s %g to %g of a road of length %g", r->id, sec->s0,
                       sec->s1, r->length);
        sec->s1 = fmax(sec->s1, sec->s0);
        if (!order_lanes(m, err, r, sec))
            return false;
    }
    return true;
}

static int compare_road(const void *a, const void *b, void *roads)
{
    const road_road *x = (const road_road *)roads + *(const int *)a, *y = (const road_road *)roads + *(const int *)b;
    return (x->id > y->id) - (x->id < y->id);
}

bool road_order_build(road_map *m, base_error *err)
{
    if (m->roads.count <= 0)
        return base_fail(err, BASE_FORMAT, "%s: no <road> in this OpenDRIVE document", m->name);
    for (int i = 0; i < m->roads.count; i++)
        if (!order_road(m, err, &m->roads.items[i]))
            return false;
    m->road_order = malloc(sizeof(int) * (size_t)m->roads.count);
    if (!m->road_order)
        return base_fail(err, BASE_MEMORY, "%s: no memory", m->name);
    for (int i = 0; i < m->roads.count; i++)
        m->road_order[i] = i;
    qsort_r(m->road_order, (size_t)m->roads.count, sizeof(int), compare_road, m->roads.items);
    for (int i = 1; i < m->roads.count; i++) {
        const road_road *r = &m->roads.items[m->road_order[i]], *before = &m->roads.items[m->road_order[i - 1]];
        if (r->id == before->id)
            return bad(m, err, r->line > before->line ? r->line : before->line, "road id %u is given twice", r->id);
    }
    return true;
}
