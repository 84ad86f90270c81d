/* OpenDRIVE <laneSection>: lanes with their links, widths, heights, speeds and road marks. */
#include "sim/road/xodr.h"
#include <math.h>
#include <string.h>

static void on_section(xodr_parser *p, const char **atts)
{
    road_section *sec = PUSH(p, sections);
    if (!sec) {
        xodr_no_room(p);
        return;
    }
    *sec = (road_section){ .road = p->m->roads.count - 1, .first_lane = p->m->lanes.count, .line = xodr_line(p) };
    sec->s0 = xodr_number(p, atts, "s", REQUIRED);
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

static void on_lane(xodr_parser *p, const char **atts)
{
    road_lane *l = PUSH(p, lanes);
    if (!l) {
        xodr_no_room(p);
        return;
    }
    road_map *m = p->m;
    const char *type = xodr_text(atts, "type");
    l->id = (int)xodr_integer(p, atts, "id", 0, true, -ROAD_LANE_ID_MAX, ROAD_LANE_ID_MAX);
    l->section = m->sections.count - 1;
    l->line = xodr_line(p);
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
static void on_lane_predecessor(xodr_parser *p, const char **atts)
{
    LAST(lanes)->before = (int)xodr_integer(p, atts, "id", 0, true, -ROAD_LANE_ID_MAX, ROAD_LANE_ID_MAX);
}
static void on_lane_successor(xodr_parser *p, const char **atts)
{
    LAST(lanes)->after = (int)xodr_integer(p, atts, "id", 0, true, -ROAD_LANE_ID_MAX, ROAD_LANE_ID_MAX);
}
static void lane_cubic(xodr_parser *p, const char **atts, bool border)
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
        xodr_no_room(p);
        return;
    }
    *c = xodr_cubic(p, atts, "sOffset", LAST(sections)->s0);
    l->border = border;
    l->width_count++;
}
static void on_width(xodr_parser *p, const char **atts) { lane_cubic(p, atts, false); }
static void on_border(xodr_parser *p, const char **atts) { lane_cubic(p, atts, true); }
static void on_height(xodr_parser *p, const char **atts)
{
    road_height *h = PUSH(p, heights);
    if (!h) {
        xodr_no_room(p);
        return;
    }
    *h = (road_height){ LAST(sections)->s0 + xodr_number(p, atts, "sOffset", 0), xodr_number(p, atts, "inner", 0),
                        xodr_number(p, atts, "outer", 0) };
    LAST(lanes)->height_count++;
}
static void on_lane_speed(xodr_parser *p, const char **atts)
{
    road_speed *v = PUSH(p, lane_speeds);
    if (!v) {
        xodr_no_room(p);
        return;
    }
    *v = (road_speed){ LAST(sections)->s0 + xodr_number(p, atts, "sOffset", 0), xodr_speed_mps(p, atts) };
    LAST(lanes)->speed_count++;
}

static const char *const mark_types[] = { "other",         "broken",     "solid", "solid solid", "solid broken", "broken solid",
                                          "broken broken", "botts dots", "grass", "curb",        "none" };
static const char *const mark_colors[] = { "white", "blue", "green", "red", "yellow" };

static void on_mark(xodr_parser *p, const char **atts)
{
    road_mark *k = PUSH(p, marks);
    if (!k) {
        xodr_no_room(p);
        return;
    }
    const char *type = xodr_text(atts, "type"), *color = xodr_text(atts, "color"), *change = xodr_text(atts, "laneChange");
    k->s0 = LAST(sections)->s0 + xodr_number(p, atts, "sOffset", 0);
    k->type = ROAD_MARK_OTHER;
    for (int i = 0; type && i < (int)(sizeof mark_types / sizeof *mark_types); i++)
        if (strcasecmp(type, mark_types[i]) == 0)
            k->type = (road_mark_type)i;
    k->color = color && strcasecmp(color, "standard") != 0 ? ROAD_COLOR_OTHER : ROAD_COLOR_WHITE;
    for (int i = 0; color && i < (int)(sizeof mark_colors / sizeof *mark_colors); i++)
        if (strcasecmp(color, mark_colors[i]) == 0)
            k->color = (road_mark_color)i;
    bool paint = k->type == ROAD_MARK_BROKEN || (k->type >= ROAD_MARK_SOLID && k->type <= ROAD_MARK_BOTTS_DOTS);
    k->width_m = xodr_number_within(p, atts, "width", paint ? 0.125 : 0, 100);
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
static void on_mark_line(xodr_parser *p, const char **atts)
{
    road_mark *k = LAST(marks);
    double length = xodr_number(p, atts, "length", 0), space = xodr_number(p, atts, "space", 0);
    if (k->strip_count >= ROAD_STRIPS_MAX || p->failed)
        return;
    if (length < 0 || space < 0 || (space > 0 && length < 0.01)) {
        xodr_fail(p, "mark line: length %g and space %g make no pattern", length, space);
        return;
    }
    k->strips[k->strip_count++] = (road_strip){ .right_m = -xodr_number_within(p, atts, "tOffset", 0, 100),
                                                .width_m = fabs(xodr_number_within(p, atts, "width", k->width_m, 100)),
                                                .dash_m = length,
                                                .gap_m = space,
                                                .s_offset_m = xodr_number(p, atts, "sOffset", 0) };
}

/* ---- Which elements are read here ---- */

const xodr_row xodr_lane_rows[] = {
    { S_LANES, "laneSection", on_section, S_SECTION },
    { S_SECTION, "left", NULL, S_SIDE },
    { S_SECTION, "center", NULL, S_SIDE },
    { S_SECTION, "right", NULL, S_SIDE },
    { S_SIDE, "lane", on_lane, S_LANE },
    { S_LANE, "link", NULL, S_LANE_LINK },
    { S_LANE_LINK, "predecessor", on_lane_predecessor, S_LEAF },
    { S_LANE_LINK, "successor", on_lane_successor, S_LEAF },
    { S_LANE, "width", on_width, S_LEAF },
    { S_LANE, "border", on_border, S_LEAF },
    { S_LANE, "height", on_height, S_LEAF },
    { S_LANE, "speed", on_lane_speed, S_LEAF },
    { S_LANE, "roadMark", on_mark, S_MARK },
    { S_MARK, "type", NULL, S_MARK_TYPE },
    { S_MARK_TYPE, "line", on_mark_line, S_LEAF },
    { 0 },
};
