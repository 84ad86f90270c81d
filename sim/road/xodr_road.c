/* OpenDRIVE <road>: links, types, reference line, elevation, superelevation, laneOffset. */
#include "sim/road/xodr.h"
#include <math.h>
#include <string.h>

static void on_road(xodr_parser *p, const char **atts)
{
    road_road *r = PUSH(p, roads);
    if (!r) {
        xodr_no_room(p);
        return;
    }
    road_map *m = p->m;
    r->id = (uint32_t)xodr_integer(p, atts, "id", 0, true, 0, UINT32_MAX);
    r->name = xodr_keep(p, atts, "name");
    r->line = xodr_line(p);
    r->length = xodr_number_within(p, atts, "length", REQUIRED, ROAD_LENGTH_MAX);
    if (r->length < 0)
        xodr_fail(p, "road %u: length %g is negative", r->id, r->length);
    r->junction_id = xodr_integer(p, atts, "junction", -1, false, -1, INT32_MAX);
    r->junction = -1;
    r->first_geometry = m->geometries.count;
    r->first_elevation = m->elevations.count;
    r->first_super = m->supers.count;
    r->first_offset = m->offsets.count;
    r->first_speed = m->speeds.count;
    r->first_section = m->sections.count;
}

static road_end_link end_link(xodr_parser *p, const char **atts)
{
    const char *type = xodr_text(atts, "elementType"), *contact = xodr_text(atts, "contactPoint");
    road_end_link l = { .given = true, .junction = type && strcmp(type, "junction") == 0 };
    l.id = xodr_integer(p, atts, "elementId", -1, true, -1, UINT32_MAX);
    l.contact = contact && strcmp(contact, "end") == 0     ? ROAD_AT_END
                : contact && strcmp(contact, "start") == 0 ? ROAD_AT_START
                                                           : ROAD_AT_NONE;
    if (!l.junction && l.contact == ROAD_AT_NONE)
        xodr_fail(p, "road link: expected contactPoint \"start\" or \"end\", found \"%.20s\"", contact ? contact : "");
    return l;
}
static void on_road_predecessor(xodr_parser *p, const char **atts) { LAST(roads)->predecessor = end_link(p, atts); }
static void on_road_successor(xodr_parser *p, const char **atts) { LAST(roads)->successor = end_link(p, atts); }

double xodr_speed_mps(xodr_parser *p, const char **atts)
{
    const char *max = xodr_text(atts, "max"), *unit = xodr_text(atts, "unit");
    if (!max || strcmp(max, "no limit") == 0 || strcmp(max, "undefined") == 0)
        return 0;
    double v = xodr_number_within(p, atts, "max", 0, 1e4);
    if (v < 0)
        v = 0;
    if (unit && strcmp(unit, "mph") == 0)
        return v * 1609.344 / 3600;
    if (unit && strcmp(unit, "km/h") == 0)
        return v / 3.6;
    return v; /* "m/s" and OpenDRIVE's default */
}

static void on_road_type(xodr_parser *p, const char **atts)
{
    road_speed *v = PUSH(p, speeds);
    if (!v) {
        xodr_no_room(p);
        return;
    }
    v->start = xodr_number(p, atts, "s", 0);
    LAST(roads)->speed_count++;
}
static void on_type_speed(xodr_parser *p, const char **atts) { LAST(speeds)->mps = xodr_speed_mps(p, atts); }

static void on_geometry(xodr_parser *p, const char **atts)
{
    road_geometry *g = PUSH(p, geometries);
    if (!g) {
        xodr_no_room(p);
        return;
    }
    *g = (road_geometry){ .s = xodr_number(p, atts, "s", REQUIRED),
                          .x = xodr_number(p, atts, "x", REQUIRED),
                          .y = xodr_number(p, atts, "y", REQUIRED),
                          .heading = xodr_number(p, atts, "hdg", REQUIRED),
                          .length = xodr_number_within(p, atts, "length", REQUIRED, ROAD_LENGTH_MAX),
                          .kind = ROAD_LINE };
    g->cosine = cos(g->heading);
    g->sine = sin(g->heading);
    if (g->length < 0)
        xodr_fail(p, "geometry: length %g is negative", g->length);
    p->geometry_has_shape = false;
    LAST(roads)->geometry_count++;
}

static bool one_shape(xodr_parser *p)
{
    if (p->geometry_has_shape)
        xodr_fail(p, "geometry with two shapes");
    p->geometry_has_shape = true;
    return !p->failed;
}
static void on_line(xodr_parser *p, const char **atts)
{
    (void)atts;
    one_shape(p);
}
static void on_arc(xodr_parser *p, const char **atts)
{
    if (!one_shape(p))
        return;
    LAST(geometries)->kind = ROAD_ARC;
    LAST(geometries)->k0 = xodr_number_within(p, atts, "curvature", REQUIRED, ROAD_CURVATURE_MAX);
}
static void on_spiral(xodr_parser *p, const char **atts)
{
    if (!one_shape(p))
        return;
    road_geometry *g = LAST(geometries);
    double k0 = xodr_number_within(p, atts, "curvStart", REQUIRED, ROAD_CURVATURE_MAX);
    double k1 = xodr_number_within(p, atts, "curvEnd", REQUIRED, ROAD_CURVATURE_MAX);
    if (fmax(fabs(k0), fabs(k1)) * g->length > ROAD_SPIRAL_TURN_MAX)
        xodr_fail(p, "spiral turns by more than %g rad", ROAD_SPIRAL_TURN_MAX);
    g->kind = k0 == k1 ? ROAD_ARC : ROAD_SPIRAL;
    g->k0 = k0;
    g->kd = g->kind == ROAD_SPIRAL && g->length > 0 ? (k1 - k0) / g->length : 0;
}
static void parametric(xodr_parser *p, road_parametric c, double p_end)
{
    road_geometry *g = LAST(geometries);
    if (p->failed || g->length < 1e-6)
        return;
    if (!road_parametric_prepare(&c, p_end, g->length)) {
        xodr_fail(p, "polynomial curve without length");
        return;
    }
    road_parametric *kept = PUSH(p, parametrics);
    if (!kept) {
        xodr_no_room(p);
        return;
    }
    *kept = c;
    g->kind = ROAD_PARAMETRIC;
    g->parametric = p->m->parametrics.count - 1;
}
static void on_poly3(xodr_parser *p, const char **atts)
{
    if (!one_shape(p))
        return;
    road_parametric c = { .u = { 0, 1, 0, 0 },
                          .v = { xodr_number(p, atts, "a", 0), xodr_number(p, atts, "b", 0), xodr_number(p, atts, "c", 0),
                                 xodr_number(p, atts, "d", 0) } };
    parametric(p, c, 0);
}
static void on_param_poly3(xodr_parser *p, const char **atts)
{
    if (!one_shape(p))
        return;
    const char *range = xodr_text(atts, "pRange");
    road_parametric c = { .u = { xodr_number(p, atts, "aU", 0), xodr_number(p, atts, "bU", 0), xodr_number(p, atts, "cU", 0),
                                 xodr_number(p, atts, "dU", 0) },
                          .v = { xodr_number(p, atts, "aV", 0), xodr_number(p, atts, "bV", 0), xodr_number(p, atts, "cV", 0),
                                 xodr_number(p, atts, "dV", 0) } };
    if (range && strcmp(range, "normalized") != 0 && strcmp(range, "arcLength") != 0)
        xodr_fail(p, "pRange=\"%.20s\": expected \"arcLength\" or \"normalized\"", range);
    parametric(p, c, range && strcmp(range, "normalized") == 0 ? 1 : LAST(geometries)->length);
}

static void on_elevation(xodr_parser *p, const char **atts)
{
    road_cubic *c = PUSH(p, elevations);
    if (!c) {
        xodr_no_room(p);
        return;
    }
    *c = xodr_cubic(p, atts, "s", 0);
    LAST(roads)->elevation_count++;
}
static void on_superelevation(xodr_parser *p, const char **atts)
{
    road_cubic *c = PUSH(p, supers);
    if (!c) {
        xodr_no_room(p);
        return;
    }
    *c = xodr_cubic(p, atts, "s", 0);
    LAST(roads)->super_count++;
}
static void on_lane_offset(xodr_parser *p, const char **atts)
{
    road_cubic *c = PUSH(p, offsets);
    if (!c) {
        xodr_no_room(p);
        return;
    }
    *c = xodr_cubic(p, atts, "s", 0);
    LAST(roads)->offset_count++;
}

/* ---- Which elements are read here ---- */

const xodr_row xodr_road_rows[] = {
    { S_OPENDRIVE, "road", on_road, S_ROAD },
    { S_ROAD, "link", NULL, S_ROAD_LINK },
    { S_ROAD_LINK, "predecessor", on_road_predecessor, S_LEAF },
    { S_ROAD_LINK, "successor", on_road_successor, S_LEAF },
    { S_ROAD, "type", on_road_type, S_ROAD_TYPE },
    { S_ROAD_TYPE, "speed", on_type_speed, S_LEAF },
    { S_ROAD, "planView", NULL, S_PLAN },
    { S_PLAN, "geometry", on_geometry, S_GEOMETRY },
    { S_GEOMETRY, "line", on_line, S_LEAF },
    { S_GEOMETRY, "arc", on_arc, S_LEAF },
    { S_GEOMETRY, "spiral", on_spiral, S_LEAF },
    { S_GEOMETRY, "poly3", on_poly3, S_LEAF },
    { S_GEOMETRY, "paramPoly3", on_param_poly3, S_LEAF },
    { S_ROAD, "elevationProfile", NULL, S_ELEVATION },
    { S_ELEVATION, "elevation", on_elevation, S_LEAF },
    { S_ROAD, "lateralProfile", NULL, S_LATERAL },
    { S_LATERAL, "superelevation", on_superelevation, S_LEAF },
    { S_ROAD, "lanes", NULL, S_LANES },
    { S_LANES, "laneOffset", on_lane_offset, S_LEAF },
    { 0 },
};
