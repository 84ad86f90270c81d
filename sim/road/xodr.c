/* Reading OpenDRIVE XML with expat into a road_map's flat arrays.
 *
 * A table of rows (parent element, name, handler, own state) says which elements are read; whatever is not in it is skipped
 * with all its children and counted for the note. Entities are refused (no expansion to bound), depth and every list are
 * bounded, every number must be finite and within a stated range. Then the map is put in order and linked. */
#include "sim/road/road_map.h"
#include "base/file.h"
#include <assert.h>
#include <errno.h>
#include <expat.h>
#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX   64
#define IGNORED_MAX 48
#define COORD_MAX   1e8

enum state {
    S_SKIP,
    S_DOCUMENT,
    S_OPENDRIVE,
    S_HEADER,
    S_GEOREFERENCE,
    S_ROAD,
    S_ROAD_LINK,
    S_ROAD_TYPE,
    S_PLAN,
    S_GEOMETRY,
    S_ELEVATION,
    S_LATERAL,
    S_LANES,
    S_SECTION,
    S_SIDE,
    S_LANE,
    S_LANE_LINK,
    S_MARK,
    S_MARK_TYPE,
    S_OBJECTS,
    S_OBJECT,
    S_OUTLINES,
    S_OUTLINE,
    S_SIGNALS,
    S_SIGNAL,
    S_REFERENCE,
    S_CONTROLLER,
    S_JUNCTION,
    S_CONNECTION,
    S_LEAF
};

typedef struct parser {
    road_map *m;
    XML_Parser xml;
    const char *name;
    base_error *err;
    locale_t c_locale; /* numbers are written with a point, whatever the process's locale */
    bool failed;
    int depth;
    enum state stack[DEPTH_MAX];
    char geo_reference[512];
    size_t geo_bytes;
    bool geometry_has_shape;
    double object_scale; /* unused members of the current element live in the map itself */
    int outline_depth;
    struct {
        char name[40];
        int count;
    } ignored[IGNORED_MAX];
    int ignored_count, ignored_rest;
} parser;

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

/* "name:LINE: text" for the element at hand; stops the parser. The first error stays. */
__attribute__((format(printf, 2, 3))) static void fail(parser *p, const char *format, ...)
{
    if (p->failed)
        return;
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    p->failed = true;
    base_fail(p->err, BASE_FORMAT, "%s:%lu: %s", p->name, (unsigned long)XML_GetCurrentLineNumber(p->xml), text);
    XML_StopParser(p->xml, XML_FALSE);
}

static int line_of(parser *p) { return (int)XML_GetCurrentLineNumber(p->xml); }

static void no_room(parser *p) { fail(p, "too many elements, or no memory for them"); }

#define PUSH(p, list) ROAD_PUSH((p)->m->list)

/* ---- Attributes ---- */

static const char *text_of(const char **atts, const char *key)
{
    for (; *atts; atts += 2)
        if (strcmp(atts[0], key) == 0)
            return atts[1];
    return NULL;
}

static bool parse_number(parser *p, const char *text, double *value)
{
    char *end;
    *value = strtod_l(text, &end, p->c_locale);
    if (end == text)
        return false;
    while (*end == ' ' || *end == '\t')
        end++;
    return *end == 0 && isfinite(*value);
}

/* A finite number within +-limit; absent: the fallback, or an error when the fallback is NAN. */
static double number_within(parser *p, const char **atts, const char *key, double fallback, double limit)
{
    const char *text = text_of(atts, key);
    double value;
    if (!text) {
        if (isnan(fallback)) {
            fail(p, "attribute %s is missing", key);
            return 0;
        }
        return fallback;
    }
    if (!parse_number(p, text, &value) || fabs(value) > limit) {
        fail(p, "%s=\"%.40s\": expected a finite number within +-%g", key, text, limit);
        return 0;
    }
    return value;
}
static double number(parser *p, const char **atts, const char *key, double fallback)
{
    return number_within(p, atts, key, fallback, COORD_MAX);
}
#define REQUIRED NAN

static int64_t integer(parser *p, const char **atts, const char *key, int64_t fallback, bool required, int64_t lo, int64_t hi)
{
    const char *text = text_of(atts, key);
    if (!text) {
        if (required)
            fail(p, "attribute %s is missing", key);
        return fallback;
    }
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (end == text || *end || errno || value < lo || value > hi) {
        fail(p, "%s=\"%.40s\": expected an integer from %lld to %lld", key, text, (long long)lo, (long long)hi);
        return fallback;
    }
    return value;
}

/* Append to the map's strings; "" and absent are offset 0. */
static size_t keep_text(parser *p, const char *text)
{
    if (!text || !*text)
        return 0;
    size_t bytes = strlen(text) + 1, at = (size_t)p->m->text.count;
    if (bytes > 4096)
        bytes = 4096;
    for (size_t i = 0; i < bytes; i++) {
        char *c = ROAD_PUSH_MOST(p->m->text, 1 << 28);
        if (!c) {
            no_room(p);
            return 0;
        }
        *c = i + 1 < bytes ? text[i] : 0;
    }
    return at;
}
static size_t keep(parser *p, const char **atts, const char *key) { return keep_text(p, text_of(atts, key)); }

static road_cubic cubic(parser *p, const char **atts, const char *start, double base)
{
    return (road_cubic){ base + number(p, atts, start, 0), number(p, atts, "a", 0), number(p, atts, "b", 0),
                         number(p, atts, "c", 0), number(p, atts, "d", 0) };
}

#define LAST(list) (&p->m->list.items[p->m->list.count - 1])

/* ---- Header ---- */

static void georeference_text(void *user, const char *text, int bytes)
{
    parser *p = user;
    if (p->depth == 0 || p->stack[p->depth - 1] != S_GEOREFERENCE)
        return;
    for (int i = 0; i < bytes && p->geo_bytes + 1 < sizeof p->geo_reference; i++)
        p->geo_reference[p->geo_bytes++] = text[i];
}

/* "+lat_0=49 +lon_0=8" within a proj string; CARLA's defaults when either is missing. */
static void georeference_read(parser *p)
{
    const char *lat = strstr(p->geo_reference, "+lat_0="), *lon = strstr(p->geo_reference, "+lon_0=");
    double a = NAN, b = NAN;
    if (lat && lon) {
        a = strtod_l(lat + 7, NULL, p->c_locale);
        b = strtod_l(lon + 7, NULL, p->c_locale);
    }
    bool good = isfinite(a) && isfinite(b) && fabs(a) < 90 && fabs(b) <= 360;
    p->m->latitude_deg = good ? a : 42;
    p->m->longitude_deg = good ? b : 2;
}

/* ---- Roads ---- */

static void on_road(parser *p, const char **atts)
{
    road_road *r = PUSH(p, roads);
    if (!r) {
        no_room(p);
        return;
    }
    road_map *m = p->m;
    r->id = (uint32_t)integer(p, atts, "id", 0, true, 0, UINT32_MAX);
    r->name = keep(p, atts, "name");
    r->line = line_of(p);
    r->length = number_within(p, atts, "length", REQUIRED, ROAD_LENGTH_MAX);
    if (r->length < 0)
        fail(p, "road %u: length %g is negative", r->id, r->length);
    r->junction_id = integer(p, atts, "junction", -1, false, -1, INT32_MAX);
    r->junction = -1;
    r->first_geometry = m->geometries.count;
    r->first_elevation = m->elevations.count;
    r->first_super = m->supers.count;
    r->first_offset = m->offsets.count;
    r->first_speed = m->speeds.count;
    r->first_section = m->sections.count;
}

static road_end_link end_link(parser *p, const char **atts)
{
    const char *type = text_of(atts, "elementType"), *contact = text_of(atts, "contactPoint");
    road_end_link l = { .given = true, .junction = type && strcmp(type, "junction") == 0 };
    l.id = integer(p, atts, "elementId", -1, true, -1, UINT32_MAX);
    l.contact = contact && strcmp(contact, "end") == 0     ? ROAD_AT_END
                : contact && strcmp(contact, "start") == 0 ? ROAD_AT_START
                                                           : ROAD_AT_NONE;
    if (!l.junction && l.contact == ROAD_AT_NONE)
        fail(p, "road link: expected contactPoint \"start\" or \"end\", found \"%.20s\"", contact ? contact : "");
    return l;
}
static void on_road_predecessor(parser *p, const char **atts) { LAST(roads)->predecessor = end_link(p, atts); }
static void on_road_successor(parser *p, const char **atts) { LAST(roads)->successor = end_link(p, atts); }

static double speed_mps(parser *p, const char **atts)
{
    const char *max = text_of(atts, "max"), *unit = text_of(atts, "unit");
    if (!max || strcmp(max, "no limit") == 0 || strcmp(max, "undefined") == 0)
        return 0;
    double v = number_within(p, atts, "max", 0, 1e4);
    if (v < 0)
        v = 0;
    if (unit && strcmp(unit, "mph") == 0)
        return v * 1609.344 / 3600;
    if (unit && strcmp(unit, "km/h") == 0)
        return v / 3.6;
    return v; /* "m/s" and OpenDRIVE's default */
}

static void on_road_type(parser *p, const char **atts)
{
    road_speed *v = PUSH(p, speeds);
    if (!v) {
        no_room(p);
        return;
    }
    v->start = number(p, atts, "s", 0);
    LAST(roads)->speed_count++;
}
static void on_type_speed(parser *p, const char **atts) { LAST(speeds)->mps = speed_mps(p, atts); }

static void on_geometry(parser *p, const char **atts)
{
    road_geometry *g = PUSH(p, geometries);
    if (!g) {
        no_room(p);
        return;
    }
    *g = (road_geometry){ .s = number(p, atts, "s", REQUIRED),
                          .x = number(p, atts, "x", REQUIRED),
                          .y = number(p, atts, "y", REQUIRED),
                          .heading = number(p, atts, "hdg", REQUIRED),
                          .length = number_within(p, atts, "length", REQUIRED, ROAD_LENGTH_MAX),
                          .kind = ROAD_LINE };
    if (g->length < 0)
        fail(p, "geometry: length %g is negative", g->length);
    p->geometry_has_shape = false;
    LAST(roads)->geometry_count++;
}

static bool one_shape(parser *p)
{
    if (p->geometry_has_shape)
        fail(p, "geometry with two shapes");
    p->geometry_has_shape = true;
    return !p->failed;
}
static void on_line(parser *p, const char **atts)
{
    (void)atts;
    one_shape(p);
}
static void on_arc(parser *p, const char **atts)
{
    if (!one_shape(p))
        return;
    LAST(geometries)->kind = ROAD_ARC;
    LAST(geometries)->k0 = number_within(p, atts, "curvature", REQUIRED, ROAD_CURVATURE_MAX);
}
static void on_spiral(parser *p, const char **atts)
{
    if (!one_shape(p))
        return;
    road_geometry *g = LAST(geometries);
    double k0 = number_within(p, atts, "curvStart", REQUIRED, ROAD_CURVATURE_MAX);
    double k1 = number_within(p, atts, "curvEnd", REQUIRED, ROAD_CURVATURE_MAX);
    if (fmax(fabs(k0), fabs(k1)) * g->length > ROAD_SPIRAL_TURN_MAX)
        fail(p, "spiral turns by more than %g rad", ROAD_SPIRAL_TURN_MAX);
    g->kind = k0 == k1 ? ROAD_ARC : ROAD_SPIRAL;
    g->k0 = k0;
    g->kd = g->kind == ROAD_SPIRAL && g->length > 0 ? (k1 - k0) / g->length : 0;
}
static void parametric(parser *p, road_parametric c, double p_end)
{
    road_geometry *g = LAST(geometries);
    if (p->failed || g->length < 1e-6)
        return;
    if (!road_parametric_prepare(&c, p_end, g->length)) {
        fail(p, "polynomial curve without length");
        return;
    }
    road_parametric *kept = PUSH(p, parametrics);
    if (!kept) {
        no_room(p);
        return;
    }
    *kept = c;
    g->kind = ROAD_PARAMETRIC;
    g->parametric = p->m->parametrics.count - 1;
}
static void on_poly3(parser *p, const char **atts)
{
    if (!one_shape(p))
        return;
    road_parametric c = { .u = { 0, 1, 0, 0 },
                          .v = { number(p, atts, "a", 0), number(p, atts, "b", 0), number(p, atts, "c", 0),
                                 number(p, atts, "d", 0) } };
    parametric(p, c, 0);
}
static void on_param_poly3(parser *p, const char **atts)
{
    if (!one_shape(p))
        return;
    const char *range = text_of(atts, "pRange");
    road_parametric c = {
        .u = { number(p, atts, "aU", 0), number(p, atts, "bU", 0), number(p, atts, "cU", 0), number(p, atts, "dU", 0) },
        .v = { number(p, atts, "aV", 0), number(p, atts, "bV", 0), number(p, atts, "cV", 0), number(p, atts, "dV", 0) }
    };
    if (range && strcmp(range, "normalized") != 0 && strcmp(range, "arcLength") != 0)
        fail(p, "pRange=\"%.20s\": expected \"arcLength\" or \"normalized\"", range);
    parametric(p, c, range && strcmp(range, "normalized") == 0 ? 1 : LAST(geometries)->length);
}

static void on_elevation(parser *p, const char **atts)
{
    road_cubic *c = PUSH(p, elevations);
    if (!c) {
        no_room(p);
        return;
    }
    *c = cubic(p, atts, "s", 0);
    LAST(roads)->elevation_count++;
}
static void on_superelevation(parser *p, const char **atts)
{
    road_cubic *c = PUSH(p, supers);
    if (!c) {
        no_room(p);
        return;
    }
    *c = cubic(p, atts, "s", 0);
    LAST(roads)->super_count++;
}
static void on_lane_offset(parser *p, const char **atts)
{
    road_cubic *c = PUSH(p, offsets);
    if (!c) {
        no_room(p);
        return;
    }
    *c = cubic(p, atts, "s", 0);
    LAST(roads)->offset_count++;
}

/* ---- Lanes ---- */

static void on_section(parser *p, const char **atts)
{
    road_section *sec = PUSH(p, sections);
    if (!sec) {
        no_room(p);
        return;
    }
    *sec = (road_section){ .road = p->m->roads.count - 1, .first_lane = p->m->lanes.count, .line = line_of(p) };
    sec->s0 = number(p, atts, "s", REQUIRED);
    LAST(roads)->section_count++;
}

static const struct {
    const char *name;
    uint32_t type;
} lane_types[] = {
    { "driving", ROAD_LANE_DRIVING },
    { "stop", ROAD_LANE_STOP },
    { "shoulder", ROAD_LANE_SHOULDER },
    { "biking", ROAD_LANE_BIKING },
    { "sidewalk", ROAD_LANE_SIDEWALK },
    { "border", ROAD_LANE_BORDER },
    { "restricted", ROAD_LANE_RESTRICTED },
    { "parking", ROAD_LANE_PARKING },
    { "bidirectional", ROAD_LANE_BIDIRECTIONAL },
    { "median", ROAD_LANE_MEDIAN },
    { "special1", ROAD_LANE_SPECIAL1 },
    { "special2", ROAD_LANE_SPECIAL2 },
    { "special3", ROAD_LANE_SPECIAL3 },
    { "roadWorks", ROAD_LANE_ROADWORKS },
    { "tram", ROAD_LANE_TRAM },
    { "rail", ROAD_LANE_RAIL },
    { "entry", ROAD_LANE_ENTRY },
    { "exit", ROAD_LANE_EXIT },
    { "offRamp", ROAD_LANE_OFFRAMP },
    { "onRamp", ROAD_LANE_ONRAMP },
    { "none", ROAD_LANE_NONE },
};

const char *road_lane_type_name(uint32_t type)
{
    for (size_t i = 0; i < sizeof lane_types / sizeof *lane_types; i++)
        if (lane_types[i].type == type)
            return lane_types[i].name;
    return "none";
}

static void on_lane(parser *p, const char **atts)
{
    road_lane *l = PUSH(p, lanes);
    if (!l) {
        no_room(p);
        return;
    }
    road_map *m = p->m;
    const char *type = text_of(atts, "type");
    l->id = (int)integer(p, atts, "id", 0, true, -ROAD_LANE_ID_MAX, ROAD_LANE_ID_MAX);
    l->section = m->sections.count - 1;
    l->line = line_of(p);
    l->type = ROAD_LANE_NONE;
    for (size_t i = 0; type && i < sizeof lane_types / sizeof *lane_types; i++)
        if (strcasecmp(lane_types[i].name, type) == 0)
            l->type = lane_types[i].type;
    l->first_width = m->widths.count;
    l->first_mark = m->marks.count;
    l->first_height = m->heights.count;
    l->first_speed = m->lane_speeds.count;
    LAST(sections)->lane_count++;
}
static void on_lane_predecessor(parser *p, const char **atts)
{
    LAST(lanes)->before = (int)integer(p, atts, "id", 0, true, -ROAD_LANE_ID_MAX, ROAD_LANE_ID_MAX);
}
static void on_lane_successor(parser *p, const char **atts)
{
    LAST(lanes)->after = (int)integer(p, atts, "id", 0, true, -ROAD_LANE_ID_MAX, ROAD_LANE_ID_MAX);
}
static void lane_cubic(parser *p, const char **atts, bool border)
{
    road_lane *l = LAST(lanes);
    if (l->width_count && l->border != border) {
        if (border)
            return; /* OpenDRIVE: where both are given, width counts */
        p->m->widths.count -= l->width_count;
        l->width_count = 0;
    }
    road_cubic *c = PUSH(p, widths);
    if (!c) {
        no_room(p);
        return;
    }
    *c = cubic(p, atts, "sOffset", LAST(sections)->s0);
    l->border = border;
    l->width_count++;
}
static void on_width(parser *p, const char **atts) { lane_cubic(p, atts, false); }
static void on_border(parser *p, const char **atts) { lane_cubic(p, atts, true); }
static void on_height(parser *p, const char **atts)
{
    road_height *h = PUSH(p, heights);
    if (!h) {
        no_room(p);
        return;
    }
    *h = (road_height){ LAST(sections)->s0 + number(p, atts, "sOffset", 0), number(p, atts, "inner", 0),
                        number(p, atts, "outer", 0) };
    LAST(lanes)->height_count++;
}
static void on_lane_speed(parser *p, const char **atts)
{
    road_speed *v = PUSH(p, lane_speeds);
    if (!v) {
        no_room(p);
        return;
    }
    *v = (road_speed){ LAST(sections)->s0 + number(p, atts, "sOffset", 0), speed_mps(p, atts) };
    LAST(lanes)->speed_count++;
}

static const char *const mark_types[] = { "other",         "broken",     "solid", "solid solid", "solid broken", "broken solid",
                                          "broken broken", "botts dots", "grass", "curb",        "none" };
static const char *const mark_colors[] = { "white", "blue", "green", "red", "yellow" };

static void on_mark(parser *p, const char **atts)
{
    road_mark *k = PUSH(p, marks);
    if (!k) {
        no_room(p);
        return;
    }
    const char *type = text_of(atts, "type"), *color = text_of(atts, "color"), *change = text_of(atts, "laneChange");
    k->s0 = LAST(sections)->s0 + number(p, atts, "sOffset", 0);
    k->type = ROAD_MARK_OTHER;
    for (int i = 0; type && i < (int)(sizeof mark_types / sizeof *mark_types); i++)
        if (strcasecmp(type, mark_types[i]) == 0)
            k->type = (road_mark_type)i;
    k->color = color && strcasecmp(color, "standard") != 0 ? ROAD_COLOR_OTHER : ROAD_COLOR_WHITE;
    for (int i = 0; color && i < (int)(sizeof mark_colors / sizeof *mark_colors); i++)
        if (strcasecmp(color, mark_colors[i]) == 0)
            k->color = (road_mark_color)i;
    bool paint = k->type == ROAD_MARK_BROKEN || (k->type >= ROAD_MARK_SOLID && k->type <= ROAD_MARK_BOTTS_DOTS);
    k->width_m = number_within(p, atts, "width", paint ? 0.125 : 0, 100);
    if (k->width_m < 0)
        k->width_m = 0;
    if (!change) /* not said: broken may be crossed, solid not, as painted; other kinds count as both, as in CARLA */
        k->lane_change = k->type == ROAD_MARK_SOLID || k->type == ROAD_MARK_SOLID_SOLID || k->type == ROAD_MARK_CURB
                             ? ROAD_CHANGE_NONE
                             : ROAD_CHANGE_BOTH;
    else
        k->lane_change = strcasecmp(change, "both") == 0       ? ROAD_CHANGE_BOTH
                         : strcasecmp(change, "increase") == 0 ? ROAD_CHANGE_RIGHT
                         : strcasecmp(change, "decrease") == 0 ? ROAD_CHANGE_LEFT
                                                               : ROAD_CHANGE_NONE;
    LAST(lanes)->mark_count++;
}
/* <roadMark><type><line length space tOffset sOffset width/>: strips as the author drew them. */
static void on_mark_line(parser *p, const char **atts)
{
    road_mark *k = LAST(marks);
    double length = number(p, atts, "length", 0), space = number(p, atts, "space", 0);
    if (k->strip_count >= ROAD_STRIPS_MAX || p->failed)
        return;
    if (length < 0 || space < 0 || (space > 0 && length < 0.01)) {
        fail(p, "mark line: length %g and space %g make no pattern", length, space);
        return;
    }
    k->strips[k->strip_count++] = (road_strip){ .right_m = -number_within(p, atts, "tOffset", 0, 100),
                                                .width_m = fabs(number_within(p, atts, "width", k->width_m, 100)),
                                                .dash_m = length,
                                                .gap_m = space,
                                                .s_offset_m = number(p, atts, "sOffset", 0) };
}

/* ---- Objects ---- */

static void on_object(parser *p, const char **atts)
{
    road_object_data *o = PUSH(p, objects);
    if (!o) {
        no_room(p);
        return;
    }
    *o = (road_object_data){ .id = keep(p, atts, "id"),
                             .name = keep(p, atts, "name"),
                             .type = keep(p, atts, "type"),
                             .road = p->m->roads.count - 1,
                             .line = line_of(p),
                             .s = number(p, atts, "s", REQUIRED),
                             .t = number(p, atts, "t", 0),
                             .z_offset = number(p, atts, "zOffset", 0),
                             .heading = number(p, atts, "hdg", 0),
                             .length = number(p, atts, "length", 0),
                             .width = number(p, atts, "width", 0),
                             .height = number(p, atts, "height", 0),
                             .first_corner = p->m->corners.count };
    p->outline_depth = 0;
}
static void on_outline(parser *p, const char **atts)
{
    (void)atts;
    p->outline_depth++; /* of several outlines the first is kept */
}
static void corner(parser *p, road_corner c)
{
    if (p->outline_depth != 1 || p->failed)
        return;
    road_corner *kept = PUSH(p, corners);
    if (!kept) {
        no_room(p);
        return;
    }
    *kept = c;
    LAST(objects)->corner_count++;
}
static void on_corner_local(parser *p, const char **atts)
{
    corner(p, (road_corner){ false, number(p, atts, "u", REQUIRED), number(p, atts, "v", REQUIRED), number(p, atts, "z", 0) });
}
static void on_corner_road(parser *p, const char **atts)
{
    corner(p, (road_corner){ true, number(p, atts, "s", REQUIRED), number(p, atts, "t", REQUIRED), number(p, atts, "dz", 0) });
}

/* ---- Signals ---- */

static road_orientation orientation_of(const char **atts)
{
    const char *o = text_of(atts, "orientation");
    return o && strcmp(o, "+") == 0   ? ROAD_ORIENTATION_PLUS
           : o && strcmp(o, "-") == 0 ? ROAD_ORIENTATION_MINUS
                                      : ROAD_ORIENTATION_BOTH;
}
static road_use_data *add_use(parser *p, road_use_data u)
{
    road_use_data *kept = PUSH(p, uses);
    if (!kept)
        no_room(p);
    else
        *kept = u;
    return kept;
}
static void on_signal(parser *p, const char **atts)
{
    road_signal_data *g = PUSH(p, signals);
    if (!g) {
        no_room(p);
        return;
    }
    const char *dynamic = text_of(atts, "dynamic");
    *g = (road_signal_data){ .id = keep(p, atts, "id"),
                             .name = keep(p, atts, "name"),
                             .type = keep(p, atts, "type"),
                             .subtype = keep(p, atts, "subtype"),
                             .country = keep(p, atts, "country"),
                             .unit = keep(p, atts, "unit"),
                             .dynamic = dynamic && strcmp(dynamic, "yes") == 0,
                             .orientation = orientation_of(atts),
                             .road = p->m->roads.count - 1,
                             .line = line_of(p),
                             .value = number(p, atts, "value", 0),
                             .s = number(p, atts, "s", REQUIRED),
                             .t = number(p, atts, "t", REQUIRED),
                             .z_offset = number(p, atts, "zOffset", number(p, atts, "zOffSet", 0)),
                             .h_offset = number(p, atts, "hOffset", 0),
                             .width = number(p, atts, "width", 0),
                             .height = number(p, atts, "height", 0) };
    add_use(
        p, (road_use_data){
               .signal = p->m->signals.count - 1, .road = g->road, .line = g->line, .s = g->s, .orientation = g->orientation });
}
static void on_position_inertial(parser *p, const char **atts)
{
    road_signal_data *g = LAST(signals);
    g->inertial = true;
    g->ix = number(p, atts, "x", REQUIRED);
    g->iy = number(p, atts, "y", REQUIRED);
    g->iz = number(p, atts, "z", 0);
    g->ih = number(p, atts, "hdg", 0);
}
static void on_signal_reference(parser *p, const char **atts)
{
    add_use(p, (road_use_data){ .signal = -1,
                                .signal_id = keep(p, atts, "id"),
                                .road = p->m->roads.count - 1,
                                .line = line_of(p),
                                .s = number(p, atts, "s", REQUIRED),
                                .orientation = orientation_of(atts),
                                .reference = true });
}
static void on_validity(parser *p, const char **atts)
{
    road_use_data u = *LAST(uses);
    int from = (int)integer(p, atts, "fromLane", 0, true, -ROAD_LANE_ID_MAX, ROAD_LANE_ID_MAX);
    int to = (int)integer(p, atts, "toLane", 0, true, -ROAD_LANE_ID_MAX, ROAD_LANE_ID_MAX);
    road_use_data *kept = u.valid ? add_use(p, u) : LAST(uses); /* a second validity is a use of its own */
    if (!kept)
        return;
    kept->valid = true;
    kept->from = from < to ? from : to;
    kept->to = from < to ? to : from;
}
static void on_controller(parser *p, const char **atts)
{
    road_controller_data *c = PUSH(p, controllers);
    if (!c) {
        no_room(p);
        return;
    }
    *c = (road_controller_data){ .id = keep(p, atts, "id"), .name = keep(p, atts, "name"), .line = line_of(p) };
}
static void on_control(parser *p, const char **atts)
{
    road_id_use *u = PUSH(p, controls);
    if (!u) {
        no_room(p);
        return;
    }
    *u = (road_id_use){ p->m->controllers.count - 1, keep(p, atts, "signalId") };
}

/* ---- Junctions ---- */

static void on_junction(parser *p, const char **atts)
{
    road_junction_data *j = PUSH(p, junctions);
    if (!j) {
        no_room(p);
        return;
    }
    *j = (road_junction_data){ .id = integer(p, atts, "id", 0, true, 0, INT32_MAX),
                               .name = keep(p, atts, "name"),
                               .line = line_of(p) };
}
static void on_connection(parser *p, const char **atts)
{
    road_connection *c = PUSH(p, connections);
    if (!c) {
        no_room(p);
        return;
    }
    const char *contact = text_of(atts, "contactPoint");
    *c = (road_connection){ .junction = p->m->junctions.count - 1,
                            .line = line_of(p),
                            .incoming = integer(p, atts, "incomingRoad", -1, true, -1, UINT32_MAX),
                            .connecting = integer(p, atts, "connectingRoad", -1, true, -1, UINT32_MAX),
                            .contact = contact && strcmp(contact, "end") == 0 ? ROAD_AT_END : ROAD_AT_START,
                            .first_link = p->m->lane_links.count };
}
static void on_junction_lane_link(parser *p, const char **atts)
{
    road_lane_link *l = PUSH(p, lane_links);
    if (!l) {
        no_room(p);
        return;
    }
    *l = (road_lane_link){ p->m->connections.count - 1,
                           (int)integer(p, atts, "from", 0, true, -ROAD_LANE_ID_MAX, ROAD_LANE_ID_MAX),
                           (int)integer(p, atts, "to", 0, true, -ROAD_LANE_ID_MAX, ROAD_LANE_ID_MAX) };
    LAST(connections)->link_count++;
}
static void on_junction_controller(parser *p, const char **atts)
{
    road_id_use *u = PUSH(p, junction_controls);
    if (!u) {
        no_room(p);
        return;
    }
    *u = (road_id_use){ p->m->junctions.count - 1, keep(p, atts, "id") };
}

/* ---- The table of elements ---- */

static void nothing(parser *p, const char **atts)
{
    (void)p;
    (void)atts;
}

static const struct row {
    enum state parent;
    const char *name;
    void (*on)(parser *, const char **);
    enum state state;
} rows[] = {
    { S_DOCUMENT, "OpenDRIVE", nothing, S_OPENDRIVE },
    { S_OPENDRIVE, "header", nothing, S_HEADER },
    { S_HEADER, "geoReference", nothing, S_GEOREFERENCE },
    { S_OPENDRIVE, "road", on_road, S_ROAD },
    { S_ROAD, "link", nothing, S_ROAD_LINK },
    { S_ROAD_LINK, "predecessor", on_road_predecessor, S_LEAF },
    { S_ROAD_LINK, "successor", on_road_successor, S_LEAF },
    { S_ROAD, "type", on_road_type, S_ROAD_TYPE },
    { S_ROAD_TYPE, "speed", on_type_speed, S_LEAF },
    { S_ROAD, "planView", nothing, S_PLAN },
    { S_PLAN, "geometry", on_geometry, S_GEOMETRY },
    { S_GEOMETRY, "line", on_line, S_LEAF },
    { S_GEOMETRY, "arc", on_arc, S_LEAF },
    { S_GEOMETRY, "spiral", on_spiral, S_LEAF },
    { S_GEOMETRY, "poly3", on_poly3, S_LEAF },
    { S_GEOMETRY, "paramPoly3", on_param_poly3, S_LEAF },
    { S_ROAD, "elevationProfile", nothing, S_ELEVATION },
    { S_ELEVATION, "elevation", on_elevation, S_LEAF },
    { S_ROAD, "lateralProfile", nothing, S_LATERAL },
    { S_LATERAL, "superelevation", on_superelevation, S_LEAF },
    { S_ROAD, "lanes", nothing, S_LANES },
    { S_LANES, "laneOffset", on_lane_offset, S_LEAF },
    { S_LANES, "laneSection", on_section, S_SECTION },
    { S_SECTION, "left", nothing, S_SIDE },
    { S_SECTION, "center", nothing, S_SIDE },
    { S_SECTION, "right", nothing, S_SIDE },
    { S_SIDE, "lane", on_lane, S_LANE },
    { S_LANE, "link", nothing, S_LANE_LINK },
    { S_LANE_LINK, "predecessor", on_lane_predecessor, S_LEAF },
    { S_LANE_LINK, "successor", on_lane_successor, S_LEAF },
    { S_LANE, "width", on_width, S_LEAF },
    { S_LANE, "border", on_border, S_LEAF },
    { S_LANE, "height", on_height, S_LEAF },
    { S_LANE, "speed", on_lane_speed, S_LEAF },
    { S_LANE, "roadMark", on_mark, S_MARK },
    { S_MARK, "type", nothing, S_MARK_TYPE },
    { S_MARK_TYPE, "line", on_mark_line, S_LEAF },
    { S_ROAD, "objects", nothing, S_OBJECTS },
    { S_OBJECTS, "object", on_object, S_OBJECT },
    { S_OBJECT, "outlines", nothing, S_OUTLINES },
    { S_OBJECT, "outline", on_outline, S_OUTLINE },
    { S_OUTLINES, "outline", on_outline, S_OUTLINE },
    { S_OUTLINE, "cornerLocal", on_corner_local, S_LEAF },
    { S_OUTLINE, "cornerRoad", on_corner_road, S_LEAF },
    { S_ROAD, "signals", nothing, S_SIGNALS },
    { S_SIGNALS, "signal", on_signal, S_SIGNAL },
    { S_SIGNAL, "validity", on_validity, S_LEAF },
    { S_SIGNAL, "positionInertial", on_position_inertial, S_LEAF },
    { S_SIGNALS, "signalReference", on_signal_reference, S_REFERENCE },
    { S_REFERENCE, "validity", on_validity, S_LEAF },
    { S_OPENDRIVE, "controller", on_controller, S_CONTROLLER },
    { S_CONTROLLER, "control", on_control, S_LEAF },
    { S_OPENDRIVE, "junction", on_junction, S_JUNCTION },
    { S_JUNCTION, "connection", on_connection, S_CONNECTION },
    { S_CONNECTION, "laneLink", on_junction_lane_link, S_LEAF },
    { S_JUNCTION, "controller", on_junction_controller, S_LEAF },
};

static void ignore(parser *p, const char *name)
{
    for (int i = 0; i < p->ignored_count; i++)
        if (strncmp(p->ignored[i].name, name, sizeof p->ignored[i].name - 1) == 0) {
            p->ignored[i].count++;
            return;
        }
    if (p->ignored_count == IGNORED_MAX) {
        p->ignored_rest++;
        return;
    }
    snprintf(p->ignored[p->ignored_count].name, sizeof p->ignored[0].name, "%s", name);
    p->ignored[p->ignored_count++].count = 1;
}

static void on_start(void *user, const char *name, const char **atts)
{
    parser *p = user;
    if (p->failed)
        return;
    if (p->depth == DEPTH_MAX) {
        fail(p, "elements nested deeper than %d", DEPTH_MAX);
        return;
    }
    enum state parent = p->depth ? p->stack[p->depth - 1] : S_DOCUMENT, state = S_SKIP;
    for (size_t i = 0; parent != S_SKIP && i < sizeof rows / sizeof *rows; i++)
        if (rows[i].parent == parent && strcmp(rows[i].name, name) == 0) {
            rows[i].on(p, atts);
            state = rows[i].state;
            break;
        }
    if (p->depth == 0 && state == S_SKIP)
        fail(p, "expected <OpenDRIVE>, found <%.40s>", name);
    else if (state == S_SKIP && parent != S_SKIP)
        ignore(p, name);
    if (!p->failed)
        p->stack[p->depth++] = state;
}

static void on_end(void *user, const char *name)
{
    parser *p = user;
    (void)name;
    if (p->failed)
        return;
    if (p->stack[--p->depth] == S_GEOMETRY && !p->geometry_has_shape)
        fail(p, "geometry without line, arc, spiral, poly3 or paramPoly3");
}

static void on_doctype(void *user, const char *doctype, const char *sysid, const char *pubid, int has_internal_subset)
{
    (void)doctype;
    (void)sysid;
    (void)pubid;
    if (has_internal_subset)
        fail(user, "a document type with declarations is refused");
}

/* ---- Putting the map in order ---- */

static bool bad(parser *p, int line, const char *format, ...) __attribute__((format(printf, 3, 4)));
static bool bad(parser *p, int line, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return base_fail(p->err, BASE_FORMAT, "%s:%d: %s", p->name, line, text);
}

/* Records of any kind whose first member is `double start`. */
static double start_of(const void *records, size_t step_bytes, int i)
{
    double start;
    memcpy(&start, (const unsigned char *)records + step_bytes * (size_t)i, sizeof start);
    return start;
}

static bool ascending(parser *p, const road_road *r, const char *what, const void *records, size_t step_bytes, int count)
{
    for (int i = 1; i < count; i++) {
        double before = start_of(records, step_bytes, i - 1), here = start_of(records, step_bytes, i);
        if (here < before - 1e-6)
            return bad(p, r->line, "road %u: %s records must ascend, found s %g after %g", r->id, what, here, before);
    }
    return true;
}
#define ASCENDING(r, what, list, first, n) (ascending(p, (r), (what), (list).items + (first), sizeof *(list).items, (n)))

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

static bool order_lanes(parser *p, road_road *r, road_section *sec)
{
    road_map *m = p->m;
    road_lane *lanes = m->lanes.items + sec->first_lane;
    if (sec->lane_count == 0)
        return bad(p, sec->line, "road %u: laneSection without lanes", r->id);
    qsort(lanes, (size_t)sec->lane_count, sizeof *lanes, compare_lane);
    sec->low = lanes[0].id;
    sec->high = lanes[sec->lane_count - 1].id;
    for (int i = 0; i < sec->lane_count; i++) {
        road_lane *l = &lanes[i];
        if (i && l->id == lanes[i - 1].id)
            return bad(p, l->line, "road %u: lane %d twice in one section", r->id, l->id);
        if (i && l->id != lanes[i - 1].id + 1)
            return bad(p, l->line, "road %u: lane ids must be consecutive, found %d after %d", r->id, l->id, lanes[i - 1].id);
        if (!ASCENDING(r, "lane width", m->widths, l->first_width, l->width_count) ||
            !ASCENDING(r, "lane height", m->heights, l->first_height, l->height_count))
            return false;
        double speed = r->speed_count ? m->speeds.items[r->first_speed].mps : 0;
        for (int j = 0; j < l->mark_count; j++) {
            road_mark *k = &m->marks.items[l->first_mark + j];
            k->s1 = j + 1 < l->mark_count ? k[1].s0 : sec->s1;
            if (k->s1 < k->s0 - 1e-6 && j + 1 < l->mark_count)
                return bad(p, l->line, "road %u: roadMark records must ascend, found s %g after %g", r->id, k->s1, k->s0);
            k->s1 = fmax(fmin(k->s1, sec->s1), k->s0);
            mark_strips(k, speed);
        }
        if (l->type == ROAD_LANE_DRIVING)
            m->driving_lane_m += sec->s1 - sec->s0;
    }
    if (sec->low > 0 || sec->high < 0)
        return bad(p, sec->line, "road %u: laneSection without a centre lane (id 0)", r->id);
    return true;
}

static bool order_road(parser *p, road_road *r)
{
    road_map *m = p->m;
    if (r->geometry_count == 0)
        return bad(p, r->line, "road %u: no planView geometry", r->id);
    if (r->section_count == 0)
        return bad(p, r->line, "road %u: no laneSection", r->id);
    road_geometry *g = m->geometries.items + r->first_geometry;
    for (int i = 1; i < r->geometry_count; i++)
        if (g[i].s < g[i - 1].s - 1e-6)
            return bad(p, r->line, "road %u: geometries must ascend, found s %g after %g", r->id, g[i].s, g[i - 1].s);
    int kept = 0; /* drop pieces without length, but never all */
    for (int i = 0; i < r->geometry_count; i++)
        if (g[i].length >= 1e-6 || (i == r->geometry_count - 1 && kept == 0))
            g[kept++] = g[i];
    r->geometry_count = kept;
    double end = g[kept - 1].s + g[kept - 1].length;
    if (fabs(end - r->length) > fmax(0.1, 1e-3 * r->length))
        return bad(p, r->line, "road %u: length %g, but its geometries end at %g", r->id, r->length, end);
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
            return bad(p, sec->line, "road %u: laneSection from s %g to %g of a road of length %g", r->id, sec->s0, sec->s1,
                       r->length);
        sec->s1 = fmax(sec->s1, sec->s0);
        if (!order_lanes(p, r, sec))
            return false;
    }
    return true;
}

static int compare_road(const void *a, const void *b, void *roads)
{
    const road_road *x = (const road_road *)roads + *(const int *)a, *y = (const road_road *)roads + *(const int *)b;
    return (x->id > y->id) - (x->id < y->id);
}

static bool order_map(parser *p)
{
    road_map *m = p->m;
    if (m->roads.count == 0)
        return base_fail(p->err, BASE_FORMAT, "%s: no <road> in this OpenDRIVE document", p->name);
    for (int i = 0; i < m->roads.count; i++)
        if (!order_road(p, &m->roads.items[i]))
            return false;
    m->road_order = malloc(sizeof(int) * (size_t)m->roads.count);
    if (!m->road_order)
        return base_fail(p->err, BASE_MEMORY, "%s: no memory", p->name);
    for (int i = 0; i < m->roads.count; i++)
        m->road_order[i] = i;
    qsort_r(m->road_order, (size_t)m->roads.count, sizeof(int), compare_road, m->roads.items);
    for (int i = 1; i < m->roads.count; i++) {
        const road_road *r = &m->roads.items[m->road_order[i]], *before = &m->roads.items[m->road_order[i - 1]];
        if (r->id == before->id)
            return bad(p, r->line > before->line ? r->line : before->line, "road id %u is given twice", r->id);
    }
    return true;
}

static bool write_note(parser *p)
{
    char note[2048];
    size_t n = 0;
    note[0] = 0;
    for (int i = 0; i < p->ignored_count && n < sizeof note - 80; i++)
        n += (size_t)snprintf(note + n, sizeof note - n, "%s%s x%d", i ? ", " : "ignored: ", p->ignored[i].name,
                              p->ignored[i].count);
    if (p->ignored_rest && n < sizeof note - 80)
        n += (size_t)snprintf(note + n, sizeof note - n, " and %d others", p->ignored_rest);
    if (p->m->dropped_links && n < sizeof note - 120)
        n += (size_t)snprintf(note + n, sizeof note - n, "%s%d lane links to lanes that do not exist or run the other way",
                              n ? "; dropped: " : "dropped: ", p->m->dropped_links);
    if (p->m->gap_links && n < sizeof note - 120)
        snprintf(note + n, sizeof note - n, "%s%d driving lane links with a gap above 0.05 m", n ? "; " : "", p->m->gap_links);
    p->m->note = strdup(note);
    return p->m->note || base_fail(p->err, BASE_MEMORY, "%s: no memory", p->name);
}

static bool parse_xml(parser *p, const char *xml, size_t bytes)
{
    p->xml = XML_ParserCreate(NULL);
    if (!p->xml)
        return base_fail(p->err, BASE_MEMORY, "%s: no memory for the XML parser", p->name);
    XML_SetUserData(p->xml, p);
    XML_SetElementHandler(p->xml, on_start, on_end);
    XML_SetCharacterDataHandler(p->xml, georeference_text);
    XML_SetStartDoctypeDeclHandler(p->xml, on_doctype);
    enum XML_Status status = XML_Parse(p->xml, xml, (int)bytes, XML_TRUE);
    if (status != XML_STATUS_OK && !p->failed) {
        p->failed = true;
        base_fail(p->err, BASE_FORMAT, "%s:%lu: not well-formed XML: %s", p->name,
                  (unsigned long)XML_GetCurrentLineNumber(p->xml), XML_ErrorString(XML_GetErrorCode(p->xml)));
    }
    XML_ParserFree(p->xml);
    return !p->failed;
}

/* Lists that are indexed by "first of an owner" begin with memory, so that an empty list never means arithmetic on NULL. */
static bool reserve_lists(road_map *m)
{
#define RESERVE(list) (ROAD_PUSH(m->list) && (m->list.count = 0, true))
    return RESERVE(geometries) && RESERVE(elevations) && RESERVE(supers) && RESERVE(offsets) && RESERVE(speeds) &&
           RESERVE(widths) && RESERVE(marks) && RESERVE(heights) && RESERVE(lane_speeds) && RESERVE(links) &&
           RESERVE(junction_roads) && RESERVE(junction_controllers) && RESERVE(controller_signals) && RESERVE(outlines) &&
           RESERVE(sections) && RESERVE(lanes);
#undef RESERVE
}

road_map *road_map_parse(const char *xml, size_t bytes, const char *name, const base_log *log, base_error *err)
{
    if (!name)
        name = "map";
    if (bytes > ROAD_XML_BYTES_MAX) {
        base_fail(err, BASE_FORMAT, "%s: %zu bytes of OpenDRIVE, at most %zu are read", name, bytes, ROAD_XML_BYTES_MAX);
        return NULL;
    }
    parser p = { .name = name, .err = err, .m = calloc(1, sizeof *p.m) };
    road_map *m = p.m, *result = NULL;
    p.c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (!m || !p.c_locale || !ROAD_PUSH(m->text) || !reserve_lists(m) || !(m->name = strdup(name))) {
        base_fail(err, BASE_MEMORY, "%s: no memory", name);
        goto done;
    }
    if (!parse_xml(&p, xml, bytes) || !order_map(&p))
        goto done;
    georeference_read(&p);
    if (!road_links_build(m, err) || !road_nearest_build(m, err) || !road_signals_build(m, err) || !write_note(&p))
        goto done;
    if (m->note[0])
        base_log_write(log, BASE_LOG_INFO, "%s: %s", name, m->note);
    result = m;
done:
    if (p.c_locale)
        freelocale(p.c_locale);
    if (!result)
        road_map_destroy(m);
    return result;
}

road_map *road_map_read(const char *path, const base_log *log, base_error *err)
{
    unsigned char *data;
    size_t bytes;
    if (!base_file_read(path, ROAD_XML_BYTES_MAX, &data, &bytes, err))
        return NULL;
    const char *slash = strrchr(path, '/');
    char name[256];
    snprintf(name, sizeof name, "%s", path);
    road_map *m = road_map_parse((const char *)data, bytes, name, log, err); /* messages carry the path */
    free(data);
    if (m) {
        snprintf(m->name, strlen(m->name) + 1, "%s", slash ? slash + 1 : path);
        size_t n = strlen(m->name);
        if (n > 5 && strcmp(m->name + n - 5, ".xodr") == 0)
            m->name[n - 5] = 0;
    }
    return m;
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
                      m->controllers.items,
                      m->controller_signals.items,
                      m->objects.items,
                      m->corners.items,
                      m->outlines.items,
                      m->controls.items,
                      m->junction_controls.items,
                      m->pieces.items,
                      m->nodes.items,
                      m->topology.items,
                      m->spawns.items };
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        free(lists[i]);
    free(m);
}
