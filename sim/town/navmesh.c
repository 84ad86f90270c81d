/* Polygons of the navigation mesh from lanes and crosswalks.
 *
 *     |  road   | road |kerb  sidewalk |       A section is cut at stations across all its lanes; each cell between two
 *   --+---------+------+---------------+--     stations is a polygon. Sidewalks keep a pace off their borders, so that
 *     |         |      |               |       a walker's body stays on them.
 *   ==+=========+======+===============+==     A crosswalk is carried on until it meets a sidewalk's border: there the
 *     |    crosswalk    ...            |       section gets two more stations, and the sidewalk's edge between them
 *   ==+=========+======+===============+==     leads onto the crosswalk. */
#include "sim/town/navmesh.h"
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define KERB_M        0.15 /* sidewalks are raised by this, as they are built (scenery_road.c) */
#define INSET_INNER_M 0.2  /* towards the road */
#define INSET_OUTER_M 0.65 /* street lights stand there, 0.35 m inside and 0.1 m thick, and a body is 0.2 m wide on each side */
#define REACH_M       6.0  /* how far beyond its end a crosswalk looks for a sidewalk */
#define JOIN_M        0.5  /* ends of lanes nearer than this are one place */
#define STATIONS_MAX  4096
#define CROSSINGS_MAX 1024

enum { EDGE_START, EDGE_OUTER, EDGE_END, EDGE_INNER }; /* of a cell: corners inner, outer at s0, outer, inner at s1 */

typedef struct border { /* a piece of a sidewalk's border */
    int road, section, lane, edge;
    double s0, s1;
    base_vec3 a, b;
} border;

typedef struct landing { /* where a crosswalk meets a sidewalk */
    bool found;
    int road, section, lane, edge;
    double low, high; /* stations */
    int cells[2], cell_count;
} landing;

typedef struct crossing {
    base_vec3 centre, along, across; /* level unit vectors */
    double half_length, half_width;
    landing ends[2];
} crossing;

typedef struct lane_end {
    int polygon, edge;
    base_vec3 a, b;
} lane_end;

typedef struct builder {
    const road_map *map;
    nav_mesh *mesh;
    double error_m, step_m;
    bool with_roads;
    border *borders;
    int border_count, border_capacity;
    crossing *crossings;
    int crossing_count;
    lane_end *ends;
    int end_count, end_capacity;
    int *cells; /* [lanes][STATIONS_MAX] of the section at work */
    int cells_capacity;
    bool failed; /* memory */
} builder;

/* Room for one more item; false: memory is out. */
static bool grow(void *items, int count, int *capacity, size_t size)
{
    if (count < *capacity)
        return true;
    int more = *capacity ? 2 * *capacity : 256;
    void *moved = realloc(*(void **)items, (size_t)more * size);
    if (!moved)
        return false;
    *(void **)items = moved;
    *capacity = more;
    return true;
}

/* ---- lanes ---- */

static nav_area area_of(uint32_t type)
{
    if (type & ROAD_LANE_SIDEWALK)
        return NAV_SIDEWALK;
    if (type & (ROAD_LANE_MEDIAN | ROAD_LANE_BORDER | ROAD_LANE_RESTRICTED))
        return NAV_GRASS;
    return NAV_ROAD;
}

static bool is_sidewalk(const road_map *map, int road, int section, int lane)
{
    return lane != 0 && road_find_lane(map, road, section, lane) &&
           (road_lane_type(map, road, section, lane) & ROAD_LANE_SIDEWALK);
}

/* The two borders of a lane as a walker uses them. What lies beside a sidewalk reaches up to the sidewalk's own border: where polygons
 * that know each other have a gap between them, Detour's walkers stop. */
static void walk_borders(const road_map *map, int road, int section, int lane, double s, base_vec3 *inner, base_vec3 *outer)
{
    road_lane_borders(map, road, section, lane, s, inner, outer);
    if (!is_sidewalk(map, road, section, lane)) {
        int step = lane > 0 ? 1 : -1;
        base_vec3 far;
        if (is_sidewalk(map, road, section, lane + step))
            walk_borders(map, road, section, lane + step, s, outer, &far);
        if (is_sidewalk(map, road, section, lane - step))
            walk_borders(map, road, section, lane - step, s, &far, inner);
        return;
    }
    base_vec3 span = base_vec3_sub(*outer, *inner);
    double width = hypot(span.x, span.y), inside = INSET_INNER_M, outside = INSET_OUTER_M;
    if (width < 2 * (INSET_INNER_M + INSET_OUTER_M)) /* too narrow for that: the middle half is left */
        inside = outside = width / 4;
    if (width > 1e-6) {
        *outer = base_vec3_sub(*outer, base_vec3_scale(span, outside / width));
        *inner = base_vec3_add(*inner, base_vec3_scale(span, inside / width));
    }
    double up = fmin(KERB_M, width / 2);
    inner->z += up;
    outer->z += up;
}

static int stations_of(const builder *b, int road, int section, double *s)
{
    int count = road_section_samples(b->map, road, section, b->error_m, b->step_m, s, STATIONS_MAX);
    return count < STATIONS_MAX ? count : STATIONS_MAX;
}

static void list_borders(builder *b, int road, int section, double *s)
{
    road_section_info info = road_map_section(b->map, road, section);
    int count = info.s1 - info.s0 > 0.01 ? stations_of(b, road, section, s) : 0;
    for (int lane = info.lane_low; lane <= info.lane_high; lane++) {
        if (lane == 0 || !(road_lane_type(b->map, road, section, lane) & ROAD_LANE_SIDEWALK))
            continue;
        base_vec3 before[2], here[2];
        for (int k = 0; k < count; k++) {
            walk_borders(b->map, road, section, lane, s[k], &here[0], &here[1]);
            for (int side = 0; side < 2 && k > 0; side++) {
                if (!grow(&b->borders, b->border_count, &b->border_capacity, sizeof *b->borders)) {
                    b->failed = true;
                    return;
                }
                b->borders[b->border_count++] =
                    (border){ road, section, lane, side ? EDGE_OUTER : EDGE_INNER, s[k - 1], s[k], before[side], here[side] };
            }
            before[0] = here[0];
            before[1] = here[1];
        }
    }
}

/* ---- crosswalks ---- */

static bool crossing_of(const road_object *o, crossing *c)
{
    if (strcmp(o->type, "crosswalk") != 0 || o->outline_count < 4)
        return false;
    double yaw = BASE_RAD(o->pose.rotation.yaw_deg), low[2] = { INFINITY, INFINITY }, high[2] = { -INFINITY, -INFINITY }, z = 0;
    base_vec3 axis[2] = { { cos(yaw), sin(yaw), 0 }, { -sin(yaw), cos(yaw), 0 } };
    for (int i = 0; i < o->outline_count; i++) {
        z += o->outline[i].z / o->outline_count;
        for (int k = 0; k < 2; k++) {
            double at = base_vec3_dot(o->outline[i], axis[k]);
            low[k] = fmin(low[k], at);
            high[k] = fmax(high[k], at);
        }
    }
    int length = high[0] - low[0] >= high[1] - low[1] ? 0 : 1; /* one walks along the longer side */
    memset(c, 0, sizeof *c);
    c->along = axis[length];
    c->across = axis[1 - length];
    c->half_length = (high[length] - low[length]) / 2;
    c->half_width = fmin((high[1 - length] - low[1 - length]) / 2, 5);
    c->centre =
        base_vec3_add(base_vec3_scale(axis[0], (low[0] + high[0]) / 2), base_vec3_scale(axis[1], (low[1] + high[1]) / 2));
    c->centre.z = z;
    return c->half_width > 0.4 && c->half_length > 0.5;
}

/* Where a level ray crosses a border: distance along the ray, and the station. */
static bool meets(const border *p, base_vec3 from, base_vec3 along, double *distance, double *s)
{
    double ex = p->b.x - p->a.x, ey = p->b.y - p->a.y, det = along.y * ex - along.x * ey;
    double dx = p->a.x - from.x, dy = p->a.y - from.y;
    if (fabs(det) < 1e-9 || fabs(p->a.z - from.z) > 3)
        return false;
    double t = (dy * ex - dx * ey) / det, share = (along.x * dy - along.y * dx) / det;
    if (share < 0 || share > 1)
        return false;
    *distance = t;
    *s = p->s0 + share * (p->s1 - p->s0);
    return true;
}

static landing find_landing(const builder *b, const crossing *c, double direction)
{
    landing l = { .found = false };
    base_vec3 along = base_vec3_scale(c->along, direction);
    double best = c->half_length + REACH_M, middle = 0;
    for (int i = 0; i < b->border_count; i++) {
        double t, s;
        if (!meets(&b->borders[i], c->centre, along, &t, &s) || t < 0.5 || t >= best)
            continue;
        const border *p = &b->borders[i];
        best = t;
        middle = s;
        l = (landing){ .found = true, .road = p->road, .section = p->section, .lane = p->lane, .edge = p->edge };
    }
    if (!l.found)
        return l;
    double reach[2] = { -c->half_width, c->half_width };
    l.low = l.high = middle;
    for (int side = 0; side < 2; side++) { /* where the long sides meet the same border */
        base_vec3 from = base_vec3_add(c->centre, base_vec3_scale(c->across, reach[side]));
        double nearest = 6;
        for (int i = 0; i < b->border_count; i++) {
            const border *p = &b->borders[i];
            double t, s;
            if (p->road == l.road && p->section == l.section && p->lane == l.lane && p->edge == l.edge &&
                meets(p, from, along, &t, &s) && fabs(t - best) < nearest) {
                nearest = fabs(t - best);
                l.low = fmin(l.low, s);
                l.high = fmax(l.high, s);
            }
        }
    }
    road_section_info info = road_map_section(b->map, l.road, l.section);
    double spare = 1 - (l.high - l.low); /* at a corner's end the sides miss: at least a metre wide, as far as there is one */
    if (spare > 0) {
        l.low -= spare / 2;
        l.high += spare / 2;
    }
    l.low = fmax(l.low, info.s0);
    l.high = fmin(l.high, info.s1);
    if (l.low - info.s0 < 0.3)
        l.low = info.s0;
    if (info.s1 - l.high < 0.3)
        l.high = info.s1;
    l.found = l.high - l.low > 0.3;
    return l;
}

static void find_crossings(builder *b)
{
    int objects = road_object_count(b->map);
    b->crossings = calloc((size_t)objects + 1, sizeof *b->crossings);
    if (!b->crossings) {
        b->failed = true;
        return;
    }
    for (int i = 0; i < objects && b->crossing_count < CROSSINGS_MAX; i++) {
        road_object o = road_map_object(b->map, i);
        crossing *c = &b->crossings[b->crossing_count];
        if (!crossing_of(&o, c))
            continue;
        c->ends[0] = find_landing(b, c, 1);
        c->ends[1] = find_landing(b, c, -1);
        if (c->ends[0].found || c->ends[1].found)
            b->crossing_count++;
    }
}

/* ---- cells of a section ---- */

static int add_polygon(builder *b, nav_polygon p)
{
    if (!grow(&b->mesh->polygons, b->mesh->count, &b->mesh->capacity, sizeof *b->mesh->polygons)) {
        b->failed = true;
        return -1;
    }
    b->mesh->polygons[b->mesh->count] = p;
    return b->mesh->count++;
}

static int compare_stations(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The section's stations and those of the landings in it; a landing is one cell where no other landing cuts it. */
static int cut_stations(const builder *b, int road, int section, double *s)
{
    int count = stations_of(b, road, section, s), cut_count = 0;
    double cuts[64];
    for (int i = 0; i < b->crossing_count; i++)
        for (int e = 0; e < 2; e++) {
            const landing *l = &b->crossings[i].ends[e];
            if (!l->found || l->road != road || l->section != section || cut_count + 2 > 64)
                continue;
            int kept = 0;
            for (int k = 0; k < count; k++)
                if (k == 0 || k == count - 1 || s[k] < l->low - 0.3 || s[k] > l->high + 0.3)
                    s[kept++] = s[k];
            count = kept;
            cuts[cut_count++] = l->low;
            cuts[cut_count++] = l->high;
        }
    for (int k = 0; k < cut_count && count < STATIONS_MAX; k++)
        s[count++] = cuts[k];
    qsort(s, (size_t)count, sizeof *s, compare_stations);
    int kept = 0;
    for (int k = 0; k < count; k++)
        if (kept == 0 || s[k] - s[kept - 1] > 1e-3)
            s[kept++] = s[k];
    return kept;
}

static int cell_of(builder *b, int road, int section, int lane, double s0, double s1)
{
    nav_polygon p = { .count = 4, .area = area_of(road_lane_type(b->map, road, section, lane)), .beyond = { -1, -1, -1, -1 } };
    walk_borders(b->map, road, section, lane, s0, &p.corner[0], &p.corner[1]);
    walk_borders(b->map, road, section, lane, s1, &p.corner[3], &p.corner[2]);
    return add_polygon(b, p);
}

static void add_end(builder *b, int polygon, int edge)
{
    const nav_polygon *p = &b->mesh->polygons[polygon];
    if (!grow(&b->ends, b->end_count, &b->end_capacity, sizeof *b->ends)) {
        b->failed = true;
        return;
    }
    b->ends[b->end_count++] = (lane_end){ polygon, edge, p->corner[edge], p->corner[(edge + 1) % 4] };
}

static void link_cells(builder *b, int low, int high, int cells)
{
    for (int lane = low; lane <= high; lane++)
        for (int k = 0; k < cells; k++) {
            int here = b->cells[(lane - low) * cells + k];
            if (here < 0)
                continue;
            int *beyond = b->mesh->polygons[here].beyond;
            int outward = lane + (lane > 0 ? 1 : -1), inward = lane - (lane > 0 ? 1 : -1);
            if (inward == 0)
                inward = lane > 0 ? -1 : 1;
            if (k > 0)
                beyond[EDGE_START] = b->cells[(lane - low) * cells + k - 1];
            if (k + 1 < cells)
                beyond[EDGE_END] = b->cells[(lane - low) * cells + k + 1];
            if (outward >= low && outward <= high)
                beyond[EDGE_OUTER] = b->cells[(outward - low) * cells + k];
            if (inward >= low && inward <= high)
                beyond[EDGE_INNER] = b->cells[(inward - low) * cells + k];
        }
}

static void note_landings(builder *b, int road, int section, const double *s, int cells, int low)
{
    for (int i = 0; i < b->crossing_count; i++)
        for (int e = 0; e < 2; e++) {
            landing *l = &b->crossings[i].ends[e];
            if (!l->found || l->road != road || l->section != section)
                continue;
            for (int k = 0; k < cells && l->cell_count < 2; k++)
                if (s[k] > l->low - 2e-3 && s[k + 1] < l->high + 2e-3)
                    l->cells[l->cell_count++] = b->cells[(l->lane - low) * cells + k];
        }
}

static void build_section(builder *b, int road, int section, double *s)
{
    road_section_info info = road_map_section(b->map, road, section);
    if (info.s1 - info.s0 < 0.01)
        return;
    int cells = cut_stations(b, road, section, s) - 1, lanes = info.lane_high - info.lane_low + 1;
    if (cells < 1 || lanes < 1)
        return;
    if (lanes * cells > b->cells_capacity) {
        int *more = realloc(b->cells, (size_t)lanes * (size_t)cells * sizeof *more);
        if (!more) {
            b->failed = true;
            return;
        }
        b->cells = more;
        b->cells_capacity = lanes * cells;
    }
    for (int lane = info.lane_low; lane <= info.lane_high; lane++) {
        uint32_t type = lane ? road_lane_type(b->map, road, section, lane) : ROAD_LANE_NONE;
        bool walked =
            !(type & (ROAD_LANE_NONE | ROAD_LANE_RAIL | ROAD_LANE_TRAM)) && (b->with_roads || area_of(type) == NAV_SIDEWALK);
        for (int k = 0; k < cells && !b->failed; k++)
            b->cells[(lane - info.lane_low) * cells + k] = walked ? cell_of(b, road, section, lane, s[k], s[k + 1]) : -1;
        if (walked && !b->failed) {
            add_end(b, b->cells[(lane - info.lane_low) * cells], EDGE_START);
            add_end(b, b->cells[(lane - info.lane_low) * cells + cells - 1], EDGE_END);
        }
    }
    if (b->failed)
        return;
    link_cells(b, info.lane_low, info.lane_high, cells);
    note_landings(b, road, section, s, cells, info.lane_low);
}

/* ---- ends of lanes that lie in the same place ---- */

static int compare_ends(const void *a, const void *b)
{
    const lane_end *x = a, *y = b;
    double d = x->a.x + x->b.x - y->a.x - y->b.x;
    return d ? (d > 0) - (d < 0) : (x->polygon > y->polygon) - (x->polygon < y->polygon);
}

static double level_distance(base_vec3 a, base_vec3 b)
{
    return fabs(a.z - b.z) > 0.6 ? INFINITY : hypot(a.x - b.x, a.y - b.y);
}

static void join_ends(builder *b)
{
    qsort(b->ends, (size_t)b->end_count, sizeof *b->ends, compare_ends);
    for (int i = 0; i < b->end_count; i++) {
        const lane_end *e = &b->ends[i];
        double best = JOIN_M;
        int found = -1, other = -1;
        bool turned_round = false;
        for (int direction = -1; direction <= 1; direction += 2)
            for (int k = i + direction; k >= 0 && k < b->end_count; k += direction) {
                const lane_end *o = &b->ends[k];
                if (fabs(o->a.x + o->b.x - e->a.x - e->b.x) > 2 * JOIN_M)
                    break;
                if (o->polygon == e->polygon || b->mesh->polygons[o->polygon].area != b->mesh->polygons[e->polygon].area)
                    continue;
                double straight = fmax(level_distance(e->a, o->a), level_distance(e->b, o->b));
                double turned = fmax(level_distance(e->a, o->b), level_distance(e->b, o->a));
                if (fmin(straight, turned) < best) {
                    best = fmin(straight, turned);
                    found = o->polygon;
                    other = k;
                    turned_round = turned < straight;
                }
            }
        nav_polygon *p = &b->mesh->polygons[e->polygon];
        p->beyond[e->edge] = found;
        if (found >= 0 && found < e->polygon) { /* no gap: one of the two moves */
            const lane_end *o = &b->ends[other];
            const nav_polygon *q = &b->mesh->polygons[found];
            int first = turned_round ? (o->edge + 1) % 4 : o->edge, last = turned_round ? o->edge : (o->edge + 1) % 4;
            p->corner[e->edge] = q->corner[first];
            p->corner[(e->edge + 1) % 4] = q->corner[last];
        }
    }
}

/* ---- crosswalks as polygons ---- */

/* Corners of one end in order, and the cells behind its edges: those of the sidewalk, or the crosswalk's own corners. */
static int end_corners(const builder *b, const crossing *c, int end, base_vec3 *corners, int *behind)
{
    const landing *l = &c->ends[end];
    if (!l->found || l->cell_count == 0) {
        base_vec3 tip = base_vec3_add(c->centre, base_vec3_scale(c->along, end == 0 ? c->half_length : -c->half_length));
        corners[0] = base_vec3_sub(tip, base_vec3_scale(c->across, c->half_width));
        corners[1] = base_vec3_add(tip, base_vec3_scale(c->across, c->half_width));
        behind[0] = -1;
        return 2;
    }
    for (int k = 0; k < l->cell_count; k++) { /* cells follow one another along s */
        const nav_polygon *p = &b->mesh->polygons[l->cells[k]];
        corners[k] = l->edge == EDGE_INNER ? p->corner[0] : p->corner[1];
        corners[k + 1] = l->edge == EDGE_INNER ? p->corner[3] : p->corner[2];
        behind[k] = l->cells[k];
    }
    return l->cell_count + 1;
}

static void add_crosswalk(builder *b, const crossing *c)
{
    base_vec3 corners[2][3];
    int behind[2][2], counts[2];
    for (int e = 0; e < 2; e++)
        counts[e] = end_corners(b, c, e, corners[e], behind[e]);
    /* Round the outline: up one end, down the other one. */
    bool turn = base_vec3_length(base_vec3_sub(corners[0][counts[0] - 1], corners[1][0])) >
                base_vec3_length(base_vec3_sub(corners[0][counts[0] - 1], corners[1][counts[1] - 1]));
    nav_polygon p = { .area = NAV_CROSSWALK };
    for (int e = 0; e < 2; e++)
        for (int k = 0; k < counts[e]; k++) {
            bool backwards = e == 1 && turn;
            p.corner[p.count] = corners[e][backwards ? counts[e] - 1 - k : k];
            p.beyond[p.count++] = k + 1 == counts[e] ? -1 : behind[e][backwards ? counts[e] - 2 - k : k];
        }
    int index = add_polygon(b, p);
    for (int e = 0; e < 2 && index >= 0; e++)
        for (int k = 0; k < c->ends[e].cell_count; k++)
            b->mesh->polygons[c->ends[e].cells[k]].beyond[c->ends[e].edge] = index;
}

/* ---- the whole ---- */

/* Edges without length go, corners turn the way Detour wants them. False: nothing is left. */
static bool clean(nav_polygon *p)
{
    nav_polygon q = { .area = p->area };
    double twice = 0;
    for (int i = 0; i < p->count; i++)
        if (base_vec3_length(base_vec3_sub(p->corner[i], p->corner[(i + 1) % p->count])) > 0.01) {
            q.corner[q.count] = p->corner[i];
            q.beyond[q.count++] = p->beyond[i];
        }
    for (int i = 0; i < q.count; i++) {
        base_vec3 a = q.corner[i], c = q.corner[(i + 1) % q.count];
        twice += a.x * c.y - c.x * a.y;
    }
    if (q.count < 3 || !(fabs(twice) > 0.01))
        return false;
    *p = q;
    for (int i = 0; i < q.count && twice > 0; i++) { /* the edge that began at corner i now ends there */
        p->corner[i] = q.corner[q.count - 1 - i];
        p->beyond[i] = q.beyond[(2 * q.count - 2 - i) % q.count];
    }
    return true;
}

static bool drop_empty(nav_mesh *m)
{
    int *moved = malloc(((size_t)m->count + 1) * sizeof *moved), kept = 0;
    if (!moved)
        return false;
    for (int i = 0; i < m->count; i++) {
        moved[i] = -1;
        if (clean(&m->polygons[i])) {
            moved[i] = kept;
            m->polygons[kept++] = m->polygons[i];
        }
    }
    m->count = kept;
    for (int i = 0; i < kept; i++)
        for (int k = 0; k < m->polygons[i].count; k++)
            if (m->polygons[i].beyond[k] >= 0)
                m->polygons[i].beyond[k] = moved[m->polygons[i].beyond[k]];
    free(moved);
    return true;
}

static bool build_once(nav_mesh *mesh, const road_map *map, double error_m, bool with_roads)
{
    builder b = { .map = map, .mesh = mesh, .error_m = error_m, .step_m = fmin(120 * error_m, 60), .with_roads = with_roads };
    double *s = malloc(2 * STATIONS_MAX * sizeof *s);
    int roads = road_map_describe(map).roads;
    mesh->count = 0;
    b.failed = !s;
    for (int r = 0; r < roads && !b.failed; r++)
        for (int k = 0; k < road_map_road(map, r).sections && !b.failed; k++)
            list_borders(&b, r, k, s);
    if (!b.failed && b.border_count > 0) {
        find_crossings(&b);
        for (int r = 0; r < roads && !b.failed && mesh->count <= NAV_POLYGONS_MAX; r++)
            for (int k = 0; k < road_map_road(map, r).sections && !b.failed && mesh->count <= NAV_POLYGONS_MAX; k++)
                build_section(&b, r, k, s);
        if (!b.failed)
            join_ends(&b);
        for (int i = 0; i < b.crossing_count && !b.failed; i++)
            add_crosswalk(&b, &b.crossings[i]);
    }
    free(s);
    free(b.borders);
    free(b.crossings);
    free(b.ends);
    free(b.cells);
    return !b.failed && drop_empty(mesh);
}

bool nav_mesh_build(nav_mesh *mesh, const road_map *map, base_error *err)
{
    static const struct {
        double error_m;
        bool with_roads;
    } tries[] = { { 0.1, true }, { 0.4, true }, { 0.2, false }, { 1, false } };
    memset(mesh, 0, sizeof *mesh);
    for (size_t i = 0; i < sizeof tries / sizeof tries[0]; i++) {
        if (!build_once(mesh, map, tries[i].error_m, tries[i].with_roads)) {
            nav_mesh_free(mesh);
            return base_fail(err, BASE_MEMORY, "out of memory for the navigation mesh");
        }
        if (mesh->count <= NAV_POLYGONS_MAX)
            return true;
    }
    nav_mesh_free(mesh);
    return base_fail(err, BASE_UNSUPPORTED, "the map's sidewalks need more than %d polygons", NAV_POLYGONS_MAX);
}

void nav_mesh_free(nav_mesh *mesh)
{
    free(mesh->polygons);
    memset(mesh, 0, sizeof *mesh);
}
