/* sim/town/scenery_road.c — road surfaces from lane borders.
 *
 * A lane section is cut across at stations: where its borders bend, where marks and dashes begin and end. Between two
 * stations the section is a row of flat strips from left to right: lane, mark, lane, kerb, sidewalk ... A mark is such a strip
 * itself and lies flush in the road, so nothing can flicker or float, and a dash is a strip that is painted or not.
 *
 *     left edge                    border with a double line               right edge
 *     |  lane 1                    |##|  |##|  lane -1                      |__ kerb  sidewalk
 *
 * Pictures on asphalt and grass run with the world's x and y, not with the road, because in junctions roads lie on top of each
 * other and must look the same there. */
#include "sim/town/scenery_internal.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STATIONS_MAX = 1 << 16, LANES_MAX = 64 };

#define KERB_HEIGHT_M 0.15
#define KERB_STONE_M  0.18
#define SKIRT_M       0.45

typedef struct side {
    base_vec3 left, right;
} side; /* borders of one lane at one station */

typedef struct lane_piece { /* one lane between two stations */
    side end[2];
    uint32_t type;
    double width[2];
} lane_piece;

typedef struct border_piece { /* paint along one border between two stations; offsets right of the border, ascending */
    int count;
    double low[ROAD_STRIPS_MAX], high[ROAD_STRIPS_MAX];
    bool painted[ROAD_STRIPS_MAX];
    road_mark_color color;
} border_piece;

typedef struct builder {
    town_scenery *town;
    scene_mesh *mesh;
    bool junction;
    int lanes;
    lane_piece lane[LANES_MAX];
    border_piece border[LANES_MAX + 1];
} builder;

/* ---- what a lane type looks like */

typedef struct look {
    scenery_material material;
    uint8_t tag;
    scenery_paved paved;
    bool raised;
} look;

static look look_of(uint32_t type)
{
    switch (type) {
    case ROAD_LANE_SIDEWALK: return (look){ MATERIAL_PAVING, SCENE_TAG_SIDEWALKS, PAVED_WALK, true };
    case ROAD_LANE_MEDIAN: return (look){ MATERIAL_GRASS, SCENE_TAG_TERRAIN, PAVED_GREEN, true };
    case ROAD_LANE_SHOULDER: return (look){ MATERIAL_SHOULDER, SCENE_TAG_ROADS, PAVED_ROAD, false };
    case ROAD_LANE_NONE: return (look){ MATERIAL_GRASS, SCENE_TAG_TERRAIN, PAVED_GREEN, false };
    default: return (look){ MATERIAL_ASPHALT, SCENE_TAG_ROADS, PAVED_ROAD, false };
    }
}

scenery_material scenery_paint_of(road_mark_color c)
{
    switch (c) {
    case ROAD_COLOR_YELLOW: return MATERIAL_YELLOW_PAINT;
    case ROAD_COLOR_BLUE: return MATERIAL_BLUE_PAINT;
    case ROAD_COLOR_GREEN: return MATERIAL_GREEN_PAINT;
    case ROAD_COLOR_RED: return MATERIAL_RED_PAINT;
    default: return MATERIAL_WHITE_PAINT;
    }
}

/* ---- strips */

static base_vec3 lerp(base_vec3 a, base_vec3 b, double t) { return base_vec3_add(a, base_vec3_scale(base_vec3_sub(b, a), t)); }

static base_vec3 lift(base_vec3 p, double h) { return (base_vec3){ p.x, p.y, p.z + h }; }

/* Quad left[0], left[1], right[1], right[0] seen from above (index = station); light per side. */
static void strip(builder *b, const base_vec3 left[2], const base_vec3 right[2], double light_left, double light_right,
                  scene_surface s)
{
    if (base_vec3_length(base_vec3_sub(right[0], left[0])) < 1e-4 && base_vec3_length(base_vec3_sub(right[1], left[1])) < 1e-4)
        return;
    base_vec3 n = base_vec3_cross(base_vec3_sub(left[1], right[0]), base_vec3_sub(right[1], left[0]));
    if (n.z < 0) /* borders that cross (negative widths in the file): keep the surface up */
        n = base_vec3_scale(n, -1);
    scene_mesh *m = b->mesh;
    uint32_t i = scene_mesh_vertex(m, left[0], n, left[0].x, left[0].y, light_left);
    scene_mesh_vertex(m, left[1], n, left[1].x, left[1].y, light_left);
    scene_mesh_vertex(m, right[1], n, right[1].x, right[1].y, light_right);
    scene_mesh_vertex(m, right[0], n, right[0].x, right[0].y, light_right);
    scene_mesh_triangle(m, i, i + 1, i + 2, s);
    scene_mesh_triangle(m, i, i + 2, i + 3, s);
}

/* An upright face between a lower and an upper line; `towards_right`: seen from the right side. */
static void face(builder *b, const base_vec3 low[2], const base_vec3 high[2], bool towards_right, scene_surface s)
{
    if (towards_right)
        scene_mesh_quad(b->mesh, low[1], low[0], high[0], high[1], 0, 0, s);
    else
        scene_mesh_quad(b->mesh, low[0], low[1], high[1], high[0], 0, 0, s);
}

static void footprint_add(builder *b, const base_vec3 left[2], const base_vec3 right[2], scenery_paved kind)
{
    scenery_footprint *f = &b->town->footprint;
    if (f->count == f->capacity) {
        size_t wanted = f->capacity ? f->capacity * 2 : 4096;
        scenery_quad *moved = realloc(f->quads, wanted * sizeof *moved);
        if (!moved) {
            f->failed = true;
            return;
        }
        f->quads = moved;
        f->capacity = wanted;
    }
    const base_vec3 p[4] = { left[0], left[1], right[1], right[0] };
    scenery_quad *q = &f->quads[f->count++];
    q->kind = (uint8_t)kind;
    q->deck = false;
    for (int k = 0; k < 4; k++) {
        q->x[k] = (float)p[k].x;
        q->y[k] = (float)p[k].y;
        q->z[k] = (float)p[k].z;
    }
}

/* A point `offset` to the right of border k at one end: on the lane it falls in, or beyond the outermost one. */
static base_vec3 at_border(const builder *b, int k, int end, double offset)
{
    int lane = offset < 0 ? k - 1 : k;
    lane = lane < 0 ? 0 : lane >= b->lanes ? b->lanes - 1 : lane;
    const lane_piece *l = &b->lane[lane];
    double from_left = lane == k ? offset : l->width[end] + offset, width = l->width[end];
    if (width < 1e-6)
        return lane == k ? l->end[end].left : l->end[end].right;
    return lerp(l->end[end].left, l->end[end].right, from_left / width);
}

static void border_strips(builder *b, int k)
{
    const border_piece *p = &b->border[k];
    for (int i = 0; i < p->count; i++) {
        base_vec3 low[2], high[2], next[2];
        for (int e = 0; e < 2; e++) {
            low[e] = at_border(b, k, e, p->low[i]);
            high[e] = at_border(b, k, e, p->high[i]);
            if (i + 1 < p->count)
                next[e] = at_border(b, k, e, p->low[i + 1]);
        }
        look bare = look_of(b->lane[k > 0 ? k - 1 : 0].type);
        if (bare.raised)
            bare = look_of(ROAD_LANE_DRIVING);
        scene_surface s = p->painted[i]
                              ? scenery_piece_surface(b->town, scenery_paint_of(p->color), SCENE_TAG_ROAD_LINE, SCENE_NO_SHADOW)
                              : scenery_piece_surface(b->town, bare.material, bare.tag, SCENE_NO_SHADOW);
        strip(b, low, high, 1, 1, s);
        if (i + 1 < p->count)
            strip(b, high, next, 1, 1, scenery_piece_surface(b->town, bare.material, bare.tag, SCENE_NO_SHADOW));
    }
}

/* Where the paint of border k ends to its right (side 1) or begins to its left (side 0), as a distance >= 0 into the lane. */
static double paint_reach(const builder *b, int k, int side_of_border)
{
    const border_piece *p = &b->border[k];
    if (p->count == 0)
        return 0;
    return side_of_border ? fmax(0, p->high[p->count - 1]) : fmax(0, -p->low[0]);
}

static void flat_lane(builder *b, int i, look l)
{
    const lane_piece *p = &b->lane[i];
    double from = paint_reach(b, i, 1), to = paint_reach(b, i + 1, 0);
    base_vec3 left[2], right[2];
    for (int e = 0; e < 2; e++) {
        left[e] = p->width[e] > 1e-6 ? lerp(p->end[e].left, p->end[e].right, fmin(1, from / p->width[e])) : p->end[e].left;
        right[e] = p->width[e] > 1e-6 ? lerp(p->end[e].left, p->end[e].right, fmax(0, 1 - to / p->width[e])) : p->end[e].right;
    }
    scene_surface s = scenery_piece_surface(b->town, l.material, l.tag, SCENE_NO_SHADOW);
    footprint_add(b, (base_vec3[]){ p->end[0].left, p->end[1].left }, (base_vec3[]){ p->end[0].right, p->end[1].right },
                  l.paved);
    bool tracks = !b->junction && p->type == ROAD_LANE_DRIVING && p->width[0] > 2.5 && p->width[1] > 2.5;
    if (!tracks) {
        strip(b, left, right, 1, 1, s);
        return;
    }
    /* Tyres darken two tracks per lane, oil the middle between them a little. */
    enum { LINES = 5 };
    static const double at[LINES] = { 0.10, 0.25, 0.50, 0.75, 0.90 }, light[LINES] = { 1, 0.86, 0.94, 0.86, 1 };
    base_vec3 from_line[2] = { left[0], left[1] }, to_line[2];
    double before = 1;
    for (int k = 0; k <= LINES; k++) {
        double here = k < LINES ? light[k] : 1;
        for (int e = 0; e < 2; e++)
            to_line[e] = k < LINES ? lerp(left[e], right[e], at[k]) : right[e];
        strip(b, from_line, to_line, before, here, s);
        memcpy(from_line, to_line, sizeof to_line);
        before = here;
    }
}

/* A lane behind kerbs: raised, with a kerb stone and a face on each side that has a lower neighbour. */
static void raised_lane(builder *b, int i, look l)
{
    const lane_piece *p = &b->lane[i];
    bool stone_left = i > 0 && !look_of(b->lane[i - 1].type).raised;
    bool stone_right = i + 1 < b->lanes && !look_of(b->lane[i + 1].type).raised;
    scene_surface kerb = scenery_piece_surface(b->town, MATERIAL_KERB, SCENE_TAG_SIDEWALKS, SCENE_NO_SHADOW);
    scene_surface top = scenery_piece_surface(b->town, l.material, l.tag, SCENE_NO_SHADOW);
    base_vec3 low_left[2], low_right[2], left[2], right[2], in_left[2], in_right[2];
    for (int e = 0; e < 2; e++) {
        double h = fmin(KERB_HEIGHT_M, p->width[e] * 0.5), stone = fmin(KERB_STONE_M, p->width[e] * 0.3);
        low_left[e] = p->end[e].left;
        low_right[e] = p->end[e].right;
        left[e] = lift(low_left[e], h);
        right[e] = lift(low_right[e], h);
        double t = p->width[e] > 1e-6 ? stone / p->width[e] : 0;
        in_left[e] = stone_left ? lerp(left[e], right[e], t) : left[e];
        in_right[e] = stone_right ? lerp(left[e], right[e], 1 - t) : right[e];
    }
    if (stone_left) {
        face(b, low_left, left, false, kerb);
        strip(b, left, in_left, 1, 1, kerb);
    }
    strip(b, in_left, in_right, 1, 1, top);
    if (stone_right) {
        strip(b, in_right, right, 1, 1, kerb);
        face(b, low_right, right, true, kerb);
    }
    footprint_add(b, left, right, l.paved);
}

/* A wall on one outer edge, seen from both sides; its upper edge is level with the road's. */
static void edge_wall(builder *b, const base_vec3 edge[2])
{
    double high = b->town->options.wall_height_m;
    if (b->junction || high <= 0)
        return;
    face(b, edge, (base_vec3[]){ lift(edge[0], high), lift(edge[1], high) }, false,
         scenery_piece_surface(b->town, MATERIAL_KERB, SCENE_TAG_WALLS, SCENE_TWO_SIDED));
}

/* The pavement's outer edges go down into the ground. */
static void skirts(builder *b)
{
    for (int end_of_row = 0; end_of_row < 2; end_of_row++) {
        const lane_piece *p = &b->lane[end_of_row ? b->lanes - 1 : 0];
        look l = look_of(p->type);
        if (l.paved == PAVED_GREEN)
            continue;
        base_vec3 low[2], high[2];
        for (int e = 0; e < 2; e++) {
            int k = end_of_row ? b->lanes : 0;
            double reach = paint_reach(b, k, end_of_row);
            high[e] = l.raised ? lift(end_of_row ? p->end[e].right : p->end[e].left, fmin(KERB_HEIGHT_M, p->width[e] * 0.5))
                               : at_border(b, k, e, end_of_row ? reach : -reach);
            low[e] = lift(high[e], -SKIRT_M);
        }
        edge_wall(b, high);
        face(b, low, high, end_of_row == 1,
             scenery_piece_surface(b->town, l.raised ? MATERIAL_KERB : MATERIAL_SHOULDER, l.tag, SCENE_NO_SHADOW));
        if (!l.raised) /* lit as the road: a dark step beside it would look like a gap */
            for (uint32_t v = b->mesh->vertex_count - 4; !b->mesh->failed && v < b->mesh->vertex_count; v++)
                memcpy(b->mesh->vertices[v].normal, (const int16_t[3]){ 0, 0, 32767 }, sizeof b->mesh->vertices[v].normal);
    }
}

static void build_piece(builder *b)
{
    for (int i = 0; i < b->lanes; i++) {
        look l = look_of(b->lane[i].type);
        if (b->junction && l.paved == PAVED_GREEN)
            continue; /* other roads of the junction cross here; what they leave is filled from the raster */
        if (b->junction && l.material == MATERIAL_SHOULDER)
            l.material = MATERIAL_ASPHALT; /* surfaces overlap and must look the same */
        if (l.raised)
            raised_lane(b, i, l);
        else
            flat_lane(b, i, l);
    }
    for (int k = 0; k <= b->lanes; k++)
        border_strips(b, k);
    skirts(b);
}

/* ---- stations */

typedef struct stations {
    double *s;
    int count, capacity;
} stations;

static void add_station(stations *l, double s)
{
    if (l->count < l->capacity)
        l->s[l->count++] = s;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static bool dashed(const road_strip *s) { return s->gap_m > 0.01 && s->dash_m > 0.01; }

/* Where the dashes of a strip begin to count: at the first of the records before this one, through the sections of the road, whose strip is
 * the same and follows without a gap. A lane section that ends does not break the rhythm. */
static double dash_origin(const road_map *map, int road, int section, int lane, const road_mark *mark, int strip_number)
{
    double origin = mark->s0;
    const road_strip *s = &mark->strips[strip_number];
    for (int back = section; back >= 0 && back >= section - 1; back--) {
        road_section_info info = road_map_section(map, road, back);
        if (lane < info.lane_low || lane > info.lane_high)
            break;
        int count;
        const road_mark *marks = road_lane_marks(map, road, back, lane, &count);
        for (int i = count - 1; i >= 0; i--) { /* ascending: walked from the end, each may lead on to the one before */
            const road_strip *before = &marks[i].strips[strip_number];
            if (fabs(marks[i].s1 - origin) > 1e-6 || !(marks[i].s0 < origin) || strip_number >= marks[i].strip_count)
                continue;
            if (before->dash_m == s->dash_m && before->gap_m == s->gap_m && before->s_offset_m == 0 && s->s_offset_m == 0 &&
                marks[i].type == mark->type && marks[i].color == mark->color) {
                origin = marks[i].s0;
                section = back; /* go on into the section before this one */
            }
        }
    }
    return origin;
}

static void dash_stations(stations *l, const road_map *map, int road, int section, int lane, double s0, double s1)
{
    int count;
    const road_mark *marks = road_lane_marks(map, road, section, lane, &count);
    for (int i = 0; i < count; i++)
        for (int k = 0; k < marks[i].strip_count; k++) {
            const road_strip *strip_at = &marks[i].strips[k];
            double period = strip_at->dash_m + strip_at->gap_m;
            if (!dashed(strip_at))
                continue;
            double from = fmax(s0, marks[i].s0), to = fmin(s1, marks[i].s1),
                   first = dash_origin(map, road, section, lane, &marks[i], k) + strip_at->s_offset_m;
            for (double n = floor((from - first) / period); first + n * period < to && l->count + 2 < l->capacity; n++)
                for (int end = 0; end < 2; end++) {
                    double s = first + n * period + (end ? strip_at->dash_m : 0);
                    if (s > from && s < to)
                        add_station(l, s);
                }
        }
}

/* Ascending, at least 2 mm apart; the ends of the section are kept. */
static void find_stations(const builder *b, int road, int section, road_section_info info, stations *l)
{
    const road_map *map = b->town->map;
    l->count =
        road_section_samples(map, road, section, 0.01, fmin(10, b->town->options.vertex_distance_m), l->s, l->capacity / 2);
    l->count = l->count > l->capacity / 2 ? l->capacity / 2 : l->count;
    if (!b->junction)
        for (int lane = info.lane_low; lane <= info.lane_high; lane++)
            dash_stations(l, map, road, section, lane, info.s0, info.s1);
    qsort(l->s, (size_t)l->count, sizeof *l->s, ascending);
    int kept = 0;
    for (int i = 0; i < l->count; i++)
        if (kept == 0 || l->s[i] - l->s[kept - 1] > 2e-3)
            l->s[kept++] = l->s[i];
    if (kept > 1)
        l->s[kept - 1] = info.s1;
    l->count = kept;
}

/* ---- one section */

static void fill_border(builder *b, int k, int road, int section, int lane, double s)
{
    border_piece *p = &b->border[k];
    p->count = 0;
    if (b->junction)
        return; /* CARLA's towns carry no paint across junctions; their mark records there are artefacts */
    int count;
    const road_mark *marks = road_lane_marks(b->town->map, road, section, lane, &count);
    for (int i = 0; i < count; i++) {
        if (s < marks[i].s0 || s >= marks[i].s1)
            continue;
        p->color = marks[i].color;
        for (int q = 0; q < marks[i].strip_count && p->count < ROAD_STRIPS_MAX; q++) {
            const road_strip *st = &marks[i].strips[q];
            double low = st->right_m - st->width_m / 2, high = st->right_m + st->width_m / 2;
            int at = p->count;
            if (high - low < 0.01 || fabs(st->right_m) > 2)
                continue;
            while (at > 0 && p->low[at - 1] > low) { /* keep them from left to right */
                p->low[at] = p->low[at - 1];
                p->high[at] = p->high[at - 1];
                p->painted[at] = p->painted[at - 1];
                at--;
            }
            double origin = dashed(st) ? dash_origin(b->town->map, road, section, lane, &marks[i], q) : 0;
            double phase = fmod(s - origin - st->s_offset_m, st->dash_m + st->gap_m);
            p->low[at] = low;
            p->high[at] = high;
            p->painted[at] = !dashed(st) || (phase < 0 ? phase + st->dash_m + st->gap_m : phase) < st->dash_m;
            p->count++;
        }
    }
    for (int i = 1; i < p->count; i++)
        p->low[i] = fmax(p->low[i], p->high[i - 1]);
}

/* The outermost lanes reach further out. */
static void widen(builder *b, double by)
{
    for (int e = 0; e < 2; e++)
        for (int right = 0; right < 2; right++) {
            lane_piece *p = &b->lane[right ? b->lanes - 1 : 0];
            if (p->width[e] < 1e-3)
                continue;
            base_vec3 *outer = right ? &p->end[e].right : &p->end[e].left, *inner = right ? &p->end[e].left : &p->end[e].right;
            *outer = base_vec3_add(*outer, base_vec3_scale(base_vec3_sub(*outer, *inner), by / p->width[e]));
            p->width[e] += by;
        }
}

static void fill_piece(builder *b, int road, int section, road_section_info info, double s0, double s1)
{
    const road_map *map = b->town->map;
    b->lanes = 0;
    double middle = 0.5 * (s0 + s1);
    for (int lane = info.lane_high; lane >= info.lane_low && b->lanes < LANES_MAX; lane--) {
        if (lane == 0) {
            fill_border(b, b->lanes, road, section, 0, middle);
            continue;
        }
        lane_piece *p = &b->lane[b->lanes];
        p->type = road_lane_type(map, road, section, lane);
        for (int e = 0; e < 2; e++) {
            base_vec3 inner, outer;
            road_lane_borders(map, road, section, lane, e ? s1 : s0, &inner, &outer);
            p->end[e] = lane > 0 ? (side){ outer, inner } : (side){ inner, outer };
            p->width[e] = base_vec3_length(base_vec3_sub(outer, inner));
        }
        /* A left lane's own mark is on its left border, a right lane's on its right one. */
        fill_border(b, lane > 0 ? b->lanes : b->lanes + 1, road, section, lane, middle);
        b->lanes++;
    }
    if (b->junction && b->lanes && b->town->options.additional_width_m > 0)
        widen(b, b->town->options.additional_width_m);
}

static void build_section(builder *b, int road, int section, stations *l)
{
    road_section_info info = road_map_section(b->town->map, road, section);
    if (info.s1 - info.s0 < 1e-3)
        return;
    find_stations(b, road, section, info, l);
    for (int i = 0; i + 1 < l->count; i++) {
        memset(b->border, 0, sizeof b->border);
        fill_piece(b, road, section, info, l->s[i], l->s[i + 1]);
        if (b->lanes)
            build_piece(b);
    }
}

bool scenery_roads_build(town_scenery *t, scene_mesh *m, base_error *err)
{
    stations l = { malloc(STATIONS_MAX * sizeof(double)), 0, STATIONS_MAX };
    builder *b = calloc(1, sizeof *b);
    if (!l.s || !b) {
        free(l.s);
        free(b);
        return base_fail(err, BASE_MEMORY, "scenery: out of memory");
    }
    b->town = t;
    b->mesh = m;
    road_map_info info = road_map_describe(t->map);
    for (int road = 0; road < info.roads; road++) {
        road_info r = road_map_road(t->map, road);
        b->junction = r.junction >= 0;
        char id[16];
        snprintf(id, sizeof id, "%u", r.id);
        scenery_piece_begin(t, id, road_surface_pose(t->map, road, 0, 0, 0));
        for (int section = 0; section < r.sections; section++)
            build_section(b, road, section, &l);
    }
    free(l.s);
    free(b);
    if (m->failed || t->footprint.failed)
        return base_fail(err, BASE_MEMORY, "scenery: no memory for the roads' surfaces");
    return true;
}
