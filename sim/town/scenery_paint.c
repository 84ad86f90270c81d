/* sim/town/scenery_paint.c — what is painted across roads, and what years do to asphalt.
 *
 * Marks along lanes are cut into the road (scenery_road.c). What lies across them — crosswalks, stop lines, arrows, letters — and
 * tar lines, patches and manholes are thin sheets 3 or 6 mm above the uppermost road surface: in junctions several surfaces lie on
 * top of each other, and none of them could be cut. Wheels do not feel the sheets (town_scenery_sheet_m).
 *
 * Where the map names stop lines or arrows (RoadRunner's "StopLine", "Stencil_Arrow..."), those are drawn and no others; else a
 * stop line stands where a lane with a light or a stop sign enters a junction, and arrows where an approach has several lanes or a
 * light: they point where the lane's successors lead. */
#include "sim/town/scenery_yard.h"
#include <stdlib.h>
#include <string.h>

#define PAINT_M      0.006 /* above the road */
#define WEAR_M       0.003 /* below paint */
#define STOP_WIDE_M  0.40
#define BAR_WIDE_M   0.50 /* of a crosswalk, and the gap between bars */
#define ARROW_LONG_M 4.0

/* A place on the road: x along travel, y to the right. */
typedef struct stencil {
    double x, y, z, cos_yaw, sin_yaw;
} stencil;

static stencil stencil_at(base_vec3 p, double yaw_rad) { return (stencil){ p.x, p.y, p.z, cos(yaw_rad), sin(yaw_rad) }; }

static base_vec3 on_stencil(const stencil *s, double u, double v)
{
    return (base_vec3){ s->x + u * s->cos_yaw - v * s->sin_yaw, s->y + u * s->sin_yaw + v * s->cos_yaw, s->z };
}

/* The road's height there; where only filling lies (junction corners), that of the place. */
static base_vec3 on_road(const yard *y, base_vec3 p)
{
    double z;
    if (scenery_surface_z(y->town, PAVED_ROAD, p.x, p.y, p.z, &z))
        p.z = z;
    return p;
}

static base_vec3 mix(base_vec3 a, base_vec3 b, double t) { return base_vec3_add(a, base_vec3_scale(base_vec3_sub(b, a), t)); }

static base_vec3 in_quad(const base_vec3 c[4], double u, double v) { return mix(mix(c[0], c[1], u), mix(c[3], c[2], u), v); }

/* Corners around, either way; cut into pieces where the road is not flat below it. c[3] may equal c[2]: a triangle. */
static void sheet(yard *y, base_vec3 a, base_vec3 b, base_vec3 c, base_vec3 d, scene_surface s)
{
    base_vec3 corner[4] = { a, b, c, d }, middle;
    double turn = (c.x - a.x) * (d.y - b.y) - (c.y - a.y) * (d.x - b.x);
    if (a.x == d.x && a.y == d.y)
        turn = (b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x);
    if (turn < 0) { /* clockwise from above, where y grows to the right */
        corner[0] = d, corner[1] = c, corner[2] = b, corner[3] = a;
    }
    double z = 0, lift = s.tag == SCENE_TAG_ROADS ? WEAR_M : PAINT_M;
    for (int k = 0; k < 4; k++) {
        corner[k] = on_road(y, corner[k]);
        z += corner[k].z / 4;
    }
    middle = on_road(y, in_quad(corner, 0.5, 0.5));
    bool flat = fabs(middle.z - z) < 0.002 && fabs(corner[0].z + corner[2].z - corner[1].z - corner[3].z) < 0.004;
    double long_u = base_vec3_length(base_vec3_sub(corner[1], corner[0])),
           long_v = base_vec3_length(base_vec3_sub(corner[3], corner[0]));
    int nu = flat ? 1 : 1 + (int)fmin(64, long_u / 0.8), nv = flat ? 1 : 1 + (int)fmin(64, long_v / 0.8);
    for (int j = 0; j < nv; j++)
        for (int i = 0; i < nu; i++) {
            base_vec3 p[4];
            for (int k = 0; k < 4; k++) {
                p[k] = on_road(y, in_quad(corner, (double)(i + (k == 1 || k == 2)) / nu, (double)(j + (k >= 2)) / nv));
                p[k].z += lift;
            }
            base_vec3 n = base_vec3_cross(base_vec3_sub(p[2], p[0]), base_vec3_sub(p[3], p[1]));
            n = n.z < 0 ? base_vec3_scale(n, -1) : n;
            uint32_t v = 0;
            for (int k = 0; k < 4; k++) {
                uint32_t at = scene_mesh_vertex(y->mesh, p[k], n, p[k].x, p[k].y, 1);
                v = k ? v : at;
            }
            scene_mesh_triangle(y->mesh, v, v + 1, v + 2, s);
            if (p[3].x != p[2].x || p[3].y != p[2].y)
                scene_mesh_triangle(y->mesh, v, v + 2, v + 3, s);
        }
}

static void sheet_begin(yard *y, const char *kind, uint8_t tag, base_vec3 at, double yaw_deg)
{
    yard_begin(y, kind, tag, TOWN_LAYER_DECALS, at, yaw_deg);
    if (y->town->object_count && y->instance)
        y->town->objects[y->town->object_count - 1].sheet_m = tag == SCENE_TAG_ROADS ? WEAR_M : PAINT_M;
}

static scene_surface paint(const yard *y) { return yard_known(y, MATERIAL_WHITE_PAINT, SCENE_TAG_ROAD_LINE, SCENE_NO_SHADOW); }

/* ---- crosswalks */

static void crosswalk(yard *y, const road_object *o)
{
    base_vec3 c[4];
    if (o->outline_count == 4) {
        memcpy(c, o->outline, sizeof c);
    } else {
        if (!(o->length_m > 1) || !(o->width_m > 0.5))
            return;
        stencil s = stencil_at(o->pose.location, BASE_RAD(o->pose.rotation.yaw_deg));
        for (int k = 0; k < 4; k++)
            c[k] = on_stencil(&s, (k == 1 || k == 2 ? 0.5 : -0.5) * o->length_m, (k >= 2 ? 0.5 : -0.5) * o->width_m);
    }
    double first = base_vec3_length(base_vec3_sub(c[1], c[0])) + base_vec3_length(base_vec3_sub(c[3], c[2]));
    double other = base_vec3_length(base_vec3_sub(c[2], c[1])) + base_vec3_length(base_vec3_sub(c[0], c[3]));
    if (first < other) { /* c[0] to c[1] leads across the road */
        base_vec3 was = c[0];
        c[0] = c[1], c[1] = c[2], c[2] = c[3], c[3] = was;
    }
    double across = 0.5 * fmax(first, other);
    if (!(across > 1) || !(across < 100))
        return;
    sheet_begin(y, "Crosswalk", SCENE_TAG_ROAD_LINE, o->pose.location, o->pose.rotation.yaw_deg);
    int bars = (int)fmax(1, floor((across + BAR_WIDE_M) / (2 * BAR_WIDE_M)));
    double pitch = across / bars, wide = 0.5 * pitch;
    for (int k = 0; k < bars; k++) {
        double u0 = (k * pitch + 0.25 * pitch) / across, u1 = u0 + wide / across;
        sheet(y, in_quad(c, u0, 0), in_quad(c, u1, 0), in_quad(c, u1, 1), in_quad(c, u0, 1), paint(y));
    }
    if (strstr(o->name, "Ladder")) /* and two rails */
        for (int k = 0; k < 2; k++) {
            double deep = 0.15 / fmax(0.5, base_vec3_length(base_vec3_sub(c[3], c[0])));
            double v0 = k ? 1 : -deep, v1 = k ? 1 + deep : 0;
            sheet(y, in_quad(c, 0, v0), in_quad(c, 1, v0), in_quad(c, 1, v1), in_quad(c, 0, v1), paint(y));
        }
}

/* ---- arrows and letters */

enum { WAY_LEFT = 1, WAY_AHEAD = 2, WAY_RIGHT = 4 };

static void triangle(yard *y, base_vec3 a, base_vec3 b, base_vec3 c) { sheet(y, a, b, c, c, paint(y)); }

/* Middle of the arrow at the stencil. */
static void arrow(yard *y, const stencil *at, int ways)
{
    stencil s = *at;
    base_vec3 tail = on_stencil(at, -ARROW_LONG_M / 2, 0);
    s.x = tail.x, s.y = tail.y;
    double h = 0.09, bend = ways & WAY_AHEAD ? 1.1 : 2.2, stem = ways & WAY_AHEAD ? 2.7 : bend;
    sheet_begin(y,
                ways == WAY_AHEAD   ? "ArrowAhead"
                : ways == WAY_LEFT  ? "ArrowLeft"
                : ways == WAY_RIGHT ? "ArrowRight"
                                    : "Arrow",
                SCENE_TAG_ROAD_LINE, (base_vec3){ at->x, at->y, at->z }, BASE_DEG(atan2(at->sin_yaw, at->cos_yaw)));
    sheet(y, on_stencil(&s, 0, -h), on_stencil(&s, stem, -h), on_stencil(&s, stem, h), on_stencil(&s, 0, h), paint(y));
    if (ways & WAY_AHEAD)
        triangle(y, on_stencil(&s, stem, -0.38), on_stencil(&s, ARROW_LONG_M, 0), on_stencil(&s, stem, 0.38));
    for (int side = -1; side <= 1; side += 2) {
        if (!(ways & (side < 0 ? WAY_LEFT : WAY_RIGHT)))
            continue;
        sheet(y, on_stencil(&s, bend - 0.05, -side * h), on_stencil(&s, bend - 0.05, side * h),
              on_stencil(&s, bend + 0.45, side * 0.52), on_stencil(&s, bend + 0.72, side * 0.42), paint(y));
        triangle(y, on_stencil(&s, bend + 0.05, side * 0.62), on_stencil(&s, bend + 1.12, side * 0.30),
                 on_stencil(&s, bend + 0.98, side * 1.05));
    }
}

/* Letters and digits of 3 x 5 squares, top row first. */
static const struct {
    char letter;
    uint8_t rows[5];
} font[] = { { 'S', { 7, 4, 7, 1, 7 } }, { 'T', { 7, 2, 2, 2, 2 } }, { 'O', { 7, 5, 5, 5, 7 } }, { 'P', { 7, 5, 7, 4, 4 } },
             { '0', { 7, 5, 5, 5, 7 } }, { '1', { 2, 6, 2, 2, 7 } }, { '2', { 7, 1, 7, 4, 7 } }, { '3', { 7, 1, 7, 1, 7 } },
             { '4', { 5, 5, 7, 1, 1 } }, { '5', { 7, 4, 7, 1, 7 } }, { '6', { 7, 4, 7, 5, 7 } }, { '7', { 7, 1, 1, 2, 2 } },
             { '8', { 7, 5, 7, 5, 7 } }, { '9', { 7, 5, 7, 1, 7 } } };

int scenery_text_runs(const char *text, scenery_text_run *runs, int most)
{
    int count = 0;
    double letters = (double)strlen(text), wide = letters - 0.25;
    for (int i = 0; text[i]; i++)
        for (size_t f = 0; f < sizeof font / sizeof *font; f++) {
            if (font[f].letter != text[i])
                continue;
            for (int row = 0; row < 5; row++)
                for (int column = 0; column < 3; column++) {
                    int run = 0;
                    while (column + run < 3 && font[f].rows[row] >> (2 - column - run) & 1)
                        run++;
                    if (!run || count == most)
                        continue;
                    runs[count++] = (scenery_text_run){ i + 0.25 * column - 0.5 * wide, i + 0.25 * (column + run) - 0.5 * wide,
                                                        0.3 - 0.2 * row, 0.5 - 0.2 * row };
                    column += run - 1;
                }
        }
    return count;
}

static void letters(yard *y, const stencil *at, const char *text)
{
    scenery_text_run runs[SCENERY_TEXT_RUNS];
    int count = scenery_text_runs(text, runs, SCENERY_TEXT_RUNS);
    double pitch = 0.56, high = 2.4;
    sheet_begin(y, "Letters", SCENE_TAG_ROAD_LINE, (base_vec3){ at->x, at->y, at->z },
                BASE_DEG(atan2(at->sin_yaw, at->cos_yaw)));
    for (int i = 0; i < count; i++) {
        double v0 = pitch * runs[i].left, v1 = pitch * runs[i].right, u0 = high * runs[i].low, u1 = high * runs[i].high;
        sheet(y, on_stencil(at, u0, v0), on_stencil(at, u1, v0), on_stencil(at, u1, v1), on_stencil(at, u0, v1), paint(y));
    }
}

/* ---- stop lines */

static void stop_line(yard *y, const stencil *at, double wide)
{
    sheet_begin(y, "StopLine", SCENE_TAG_ROAD_LINE, (base_vec3){ at->x, at->y, at->z },
                BASE_DEG(atan2(at->sin_yaw, at->cos_yaw)));
    double u = STOP_WIDE_M / 2, v = wide / 2;
    sheet(y, on_stencil(at, -u, -v), on_stencil(at, u, -v), on_stencil(at, u, v), on_stencil(at, -u, v), paint(y));
}

/* ---- what the map names */

typedef struct named {
    bool stop_lines, arrows;
} named;

static named draw_objects(yard *y)
{
    const road_map *map = y->town->map;
    named found = { false, false };
    for (int k = 0; k < road_object_count(map); k++) {
        road_object o = road_map_object(map, k);
        double yaw = BASE_RAD(o.pose.rotation.yaw_deg);
        if (!strcmp(o.type, "crosswalk")) {
            crosswalk(y, &o);
        } else if (!strncmp(o.name, "StopLine", 8) && o.length_m > 0.5 && o.length_m < 50) {
            stencil s = stencil_at(o.pose.location, yaw + BASE_PI / 2); /* its length runs along the heading */
            stop_line(y, &s, o.length_m);
            found.stop_lines = true;
        } else if (!strncmp(o.name, "Stencil_Arrow", 13)) {
            /* The heading is the road's; traffic of lanes right of the line runs along it. */
            road_waypoint w;
            bool known = road_waypoint_at(map, o.pose.location, ROAD_LANE_DRIVING, true, &w);
            base_pose p = known ? road_waypoint_pose(map, &w) : o.pose;
            stencil s = stencil_at(o.pose.location, BASE_RAD(p.rotation.yaw_deg));
            size_t n = strlen(o.name);
            arrow(y, &s, n && o.name[n - 1] == 'L' ? WAY_LEFT : n && o.name[n - 1] == 'R' ? WAY_RIGHT : WAY_AHEAD);
            found.arrows = true;
        } else if (!strncmp(o.name, "Stencil_STOP", 12)) {
            road_waypoint w;
            bool known = road_waypoint_at(map, o.pose.location, ROAD_LANE_DRIVING, true, &w);
            base_pose p = known ? road_waypoint_pose(map, &w) : o.pose;
            stencil s = stencil_at(o.pose.location, BASE_RAD(p.rotation.yaw_deg));
            letters(y, &s, "STOP");
        }
    }
    return found;
}

/* ---- what follows from lanes */

/* Where the lane leads beyond the junction ahead. */
static int ways_of(const road_map *map, const road_waypoint *end)
{
    road_waypoint next[16];
    int n = road_waypoint_successors(map, end, next, 16), ways = 0;
    double yaw = road_waypoint_pose(map, end).rotation.yaw_deg;
    for (int k = 0; k < (n < 16 ? n : 16); k++) {
        if (road_waypoint_junction(map, &next[k]) < 0)
            continue;
        road_waypoint out[1];
        if (road_waypoint_until_end(map, &next[k], 1000, out, 1) < 1)
            continue;
        road_waypoint last = next[k];
        road_section_info s = road_map_section(map, next[k].road, next[k].section);
        last.s = next[k].lane < 0 ? s.s1 : s.s0;
        double turn = base_wrap_deg(road_waypoint_pose(map, &last).rotation.yaw_deg - yaw);
        if (fabs(turn) < 25)
            ways |= WAY_AHEAD;
        else if (fabs(turn) < 150)
            ways |= turn > 0 ? WAY_RIGHT : WAY_LEFT;
    }
    return ways;
}

/* A light or a stop sign for this lane within 30 m of its end (of its road's, or on a junction's road that follows). */
static bool is_held(const road_map *map, const road_waypoint *end)
{
    road_landmark_ahead ahead[8];
    road_waypoint from = *end;
    double back = end->lane < 0 ? -20 : 20;
    road_section_info s = road_map_section(map, end->road, end->section);
    from.s = fmax(s.s0 + 0.01, fmin(s.s1 - 0.01, end->s + back));
    int n = road_waypoint_landmarks(map, &from, 32, false, ahead, 8);
    for (int k = 0; k < (n < 8 ? n : 8); k++) {
        road_signal g = road_map_signal(map, road_map_landmark(map, ahead[k].landmark).signal);
        if (g.kind == ROAD_SIGNAL_TRAFFIC_LIGHT || g.kind == ROAD_SIGNAL_STOP)
            return true;
    }
    return false;
}

/* How far before the lane's end the nearest crosswalk on its road begins, 0: none. */
static double crosswalk_before(const road_map *map, const road_waypoint *end)
{
    double before = 0;
    for (int k = 0; k < road_object_count(map); k++) {
        road_object o = road_map_object(map, k);
        if (o.road != end->road || strcmp(o.type, "crosswalk") || o.length_m > 100)
            continue;
        double away = fabs(o.s - end->s) + 0.5 * fmin(o.width_m, 6);
        if (away < 15)
            before = fmax(before, away);
    }
    return before;
}

static int lanes_of_direction(const road_map *map, const road_waypoint *w)
{
    road_section_info s = road_map_section(map, w->road, w->section);
    int n = 0;
    for (int lane = s.lane_low; lane <= s.lane_high; lane++)
        n += lane * w->lane > 0 && road_lane_type(map, w->road, w->section, lane) == ROAD_LANE_DRIVING;
    return n;
}

static void approach(yard *y, const road_waypoint *end, named found)
{
    const road_map *map = y->town->map;
    int ways = ways_of(map, end);
    if (!ways)
        return; /* no junction ahead */
    bool held = is_held(map, end);
    road_section_info info = road_map_section(map, end->road, end->section);
    double back = 0.35 + crosswalk_before(map, end) + (crosswalk_before(map, end) > 0 ? 0.9 : 0),
           along = end->lane < 0 ? -1 : 1;
    road_waypoint w = *end;
    w.s = end->s + along * back;
    if (held && !found.stop_lines && w.s > info.s0 && w.s < info.s1) {
        base_pose p = road_waypoint_pose(map, &w);
        stencil s = stencil_at(p.location, BASE_RAD(p.rotation.yaw_deg));
        stop_line(y, &s, road_waypoint_width(map, &w) - 0.25);
    }
    if (found.arrows || (!held && lanes_of_direction(map, end) < 2))
        return;
    for (int k = 0; k < 2; k++) {
        w.s = end->s + along * (back + 6 + 22 * k);
        if (w.s < info.s0 + 4 || w.s > info.s1 - 4 || road_waypoint_width(map, &w) < 2.4)
            continue;
        base_pose p = road_waypoint_pose(map, &w);
        stencil s = stencil_at(p.location, BASE_RAD(p.rotation.yaw_deg));
        arrow(y, &s, ways);
    }
}

static void draw_approaches(yard *y, named found)
{
    const road_map *map = y->town->map;
    road_map_info info = road_map_describe(map);
    for (int road = 0; road < info.roads; road++) {
        road_info r = road_map_road(map, road);
        if (r.junction >= 0 || r.length_m < 8)
            continue;
        for (int section = 0; section < r.sections; section++) {
            road_section_info s = road_map_section(map, road, section);
            for (int lane = s.lane_low; lane <= s.lane_high; lane++) {
                if (lane == 0 || road_lane_type(map, road, section, lane) != ROAD_LANE_DRIVING)
                    continue;
                road_waypoint end = { road, r.id, section, lane, lane < 0 ? s.s1 : s.s0 };
                approach(y, &end, found);
            }
        }
    }
}

/* ---- marks of ramps' forks and merges: junctions that lead along, not across */

#define ALONG_M   40.0 /* at least so long */
#define ALONG_DEG 12.0 /* and turning by less */

static void strip_along(yard *y, int road, int section, int lane, const road_mark *mark, const road_strip *strip,
                        scene_surface s)
{
    const road_map *map = y->town->map;
    bool dashed = strip->dash_m > 0.01 && strip->gap_m > 0.01;
    double period = dashed ? strip->dash_m + strip->gap_m : 5, painted = dashed ? strip->dash_m : period;
    for (double from = mark->s0 + strip->s_offset_m; from < mark->s1; from += period) {
        base_vec3 low[2], high[2];
        for (int e = 0; e < 2; e++) {
            double at = fmin(mark->s1, from + (e ? painted : 0)),
                   yaw = BASE_RAD(road_surface_pose(map, road, at, 0, 0).rotation.yaw_deg);
            base_vec3 border, right = { -sin(yaw), cos(yaw), 0 };
            road_lane_borders(map, road, section, lane, at, NULL, &border);
            low[e] = base_vec3_add(border, base_vec3_scale(right, strip->right_m - strip->width_m / 2));
            high[e] = base_vec3_add(border, base_vec3_scale(right, strip->right_m + strip->width_m / 2));
        }
        sheet(y, low[0], low[1], high[1], high[0], s);
    }
}

static void draw_along(yard *y)
{
    const road_map *map = y->town->map;
    road_map_info info = road_map_describe(map);
    for (int road = 0; road < info.roads; road++) {
        road_info r = road_map_road(map, road);
        if (r.junction < 0 || r.length_m < ALONG_M)
            continue;
        base_pose from = road_surface_pose(map, road, 0, 0, 0), to = road_surface_pose(map, road, r.length_m, 0, 0);
        if (fabs(base_wrap_deg(to.rotation.yaw_deg - from.rotation.yaw_deg)) > ALONG_DEG)
            continue;
        sheet_begin(y, "Marks", SCENE_TAG_ROAD_LINE, from.location, from.rotation.yaw_deg);
        for (int section = 0; section < r.sections; section++) {
            road_section_info k = road_map_section(map, road, section);
            for (int lane = k.lane_low; lane <= k.lane_high; lane++) {
                int count;
                const road_mark *marks = road_lane_marks(map, road, section, lane, &count);
                for (int i = 0; i < count; i++)
                    for (int n = 0; n < marks[i].strip_count; n++)
                        if (marks[i].strips[n].width_m > 0.01 && fabs(marks[i].strips[n].right_m) < 2)
                            strip_along(y, road, section, lane, &marks[i], &marks[i].strips[n],
                                        yard_known(y, scenery_paint_of(marks[i].color), SCENE_TAG_ROAD_LINE, SCENE_NO_SHADOW));
            }
        }
    }
}

/* ---- wear */

/* A point v metres right of the lane's middle at s. */
static base_vec3 in_lane(const road_map *map, int road, int section, int lane, double s, double v)
{
    base_vec3 inner, outer;
    road_lane_borders(map, road, section, lane, s, &inner, &outer);
    double wide = fmax(0.1, base_vec3_length(base_vec3_sub(outer, inner)));
    return mix(inner, outer, fmax(0.16, fmin(0.84, 0.5 + v / wide)));
}

/* Bitumen over a crack: a wavering line along the lane or across it. */
static void tar_line(yard *y, base_random *d, int road, int section, int lane, double s0, double s1, bool across)
{
    const road_map *map = y->town->map;
    scene_surface tar = yard_known(y, MATERIAL_TAR, SCENE_TAG_ROADS, SCENE_NO_SHADOW | SCENE_DETAIL_FAR);
    int pieces = across ? 12 : (int)fmax(6, (s1 - s0) / 0.6);
    double v = yard_pick(d, -0.9, 0.9), half = yard_pick(d, 0.025, 0.05), s = s0;
    base_vec3 before[2] = { { 0, 0, 0 } };
    for (int k = 0; k <= pieces; k++) {
        double part = (double)k / pieces;
        s = across ? s + yard_pick(d, -0.10, 0.10) : s0 + (s1 - s0) * part;
        v = across ? -1.3 + 2.6 * part : v + yard_pick(d, -0.09, 0.09);
        double h = k == 0 || k == pieces ? 0.012 : half * yard_pick(d, 0.6, 1.4);
        base_vec3 at[2] = { across ? in_lane(map, road, section, lane, s - h, v) : in_lane(map, road, section, lane, s, v - h),
                            across ? in_lane(map, road, section, lane, s + h, v)
                                   : in_lane(map, road, section, lane, s, v + h) };
        if (k)
            sheet(y, before[0], at[0], at[1], before[1], tar);
        before[0] = at[0];
        before[1] = at[1];
    }
}

static void disc(yard *y, base_vec3 centre, double radius, int sides, scene_surface s)
{
    for (int k = 0; k < sides; k++) {
        double a = 2 * BASE_PI * k / sides, b = 2 * BASE_PI * (k + 1) / sides;
        base_vec3 p = { centre.x + radius * cos(a), centre.y + radius * sin(a), centre.z };
        base_vec3 q = { centre.x + radius * cos(b), centre.y + radius * sin(b), centre.z };
        sheet(y, centre, p, q, q, s);
    }
}

static void wear_at(yard *y, base_random *d, int road, int section, int lane, double s, double end)
{
    const road_map *map = y->town->map;
    double what = base_random_uniform(d);
    base_vec3 here = in_lane(map, road, section, lane, s, 0);
    bool town = road_map_road(map, road).speed_mps < 17;
    if (what < 0.34) {
        sheet_begin(y, "TarLine", SCENE_TAG_ROADS, here, 0);
        tar_line(y, d, road, section, lane, s, fmin(end, s + yard_pick(d, 5, 14)), false);
    } else if (what < 0.52) {
        sheet_begin(y, "TarLine", SCENE_TAG_ROADS, here, 0);
        tar_line(y, d, road, section, lane, s, s, true);
    } else if (what < 0.66) { /* a trench that was filled, with its seam */
        double s1 = fmin(end, s + yard_pick(d, 1.2, 5)), v0 = yard_pick(d, -1.1, 0), v1 = v0 + yard_pick(d, 0.6, 1.2);
        sheet_begin(y, "Patch", SCENE_TAG_ROADS, here, 0);
        int pieces = 1 + (int)((s1 - s) / 2.5);
        for (int k = 0; k < pieces; k++) {
            double a = s + (s1 - s) * k / pieces, b = s + (s1 - s) * (k + 1) / pieces;
            sheet(y, in_lane(map, road, section, lane, a, v0), in_lane(map, road, section, lane, b, v0),
                  in_lane(map, road, section, lane, b, v1), in_lane(map, road, section, lane, a, v1),
                  yard_known(y, MATERIAL_PATCH, SCENE_TAG_ROADS, SCENE_NO_SHADOW));
        }
    } else if (what < 0.80 && town) {
        base_vec3 at = in_lane(map, road, section, lane, s, yard_pick(d, -0.5, 0.5));
        sheet_begin(y, "Manhole", SCENE_TAG_ROADS, at, 0);
        disc(y, at, 0.33, 10, yard_known(y, MATERIAL_MANHOLE, SCENE_TAG_ROADS, SCENE_NO_SHADOW | SCENE_DETAIL_FAR));
    }
}

static void draw_wear(yard *y)
{
    const road_map *map = y->town->map;
    road_map_info info = road_map_describe(map);
    for (int road = 0; road < info.roads; road++) {
        road_info r = road_map_road(map, road);
        if (r.junction >= 0)
            continue;
        for (int section = 0; section < r.sections; section++) {
            road_section_info k = road_map_section(map, road, section);
            for (int lane = k.lane_low; lane <= k.lane_high; lane++) {
                if (lane == 0 || road_lane_type(map, road, section, lane) != ROAD_LANE_DRIVING)
                    continue;
                double step = 17;
                for (int n = 0; k.s0 + 8 + n * step < k.s1 - 12; n++) { /* free of what approach() paints at the ends */
                    base_random d = base_random_start(y->town->seed, "wear", (uint64_t)road << 20 | (uint64_t)(uint32_t)section,
                                                      (uint64_t)n * 64 + (uint64_t)(uint32_t)(lane + 32));
                    double s = k.s0 + 8 + n * step + yard_pick(&d, 0, step - 6);
                    if (s + 2 < k.s1 && road_lane_width(map, road, section, lane, s) > 2.4 &&
                        road_lane_width(map, road, section, lane, fmin(k.s1, s + 14)) > 2.4)
                        wear_at(y, &d, road, section, lane, s, k.s1 - 1);
                }
            }
        }
    }
}

/* ---- parking bays */

static void draw_bays(yard *y)
{
    const road_map *map = y->town->map;
    road_map_info info = road_map_describe(map);
    for (int road = 0; road < info.roads; road++) {
        road_info r = road_map_road(map, road);
        for (int section = 0; r.junction < 0 && section < r.sections; section++) {
            road_section_info k = road_map_section(map, road, section);
            for (int lane = k.lane_low; lane <= k.lane_high; lane++) {
                if (!lane || road_lane_type(map, road, section, lane) != ROAD_LANE_PARKING)
                    continue;
                base_vec3 first = road_surface_pose(map, road, k.s0, 0, 0).location;
                sheet_begin(y, "Bays", SCENE_TAG_ROAD_LINE, first, 0);
                for (int n = 0; k.s0 + n * SCENERY_BAY_M < k.s1; n++) {
                    double s = k.s0 + n * SCENERY_BAY_M;
                    base_vec3 a[2], b[2];
                    if (road_lane_width(map, road, section, lane, s) < 1.8 || s - 0.06 < k.s0 || s + 0.06 > k.s1)
                        continue;
                    for (int e = 0; e < 2; e++)
                        road_lane_borders(map, road, section, lane, s + (e ? 0.06 : -0.06), &a[e], &b[e]);
                    sheet(y, mix(a[0], b[0], 0.16), mix(a[1], b[1], 0.16), mix(a[1], b[1], 0.84), mix(a[0], b[0], 0.84),
                          paint(y));
                }
            }
        }
    }
}

bool scenery_paint_build(town_scenery *t, scene_mesh *m, base_error *err)
{
    yard y = { .town = t, .mesh = m };
    draw_wear(&y);
    draw_bays(&y);
    draw_along(&y);
    draw_approaches(&y, draw_objects(&y));
    return !m->failed || base_fail(err, BASE_MEMORY, "scenery: no memory for the roads' paint");
}
