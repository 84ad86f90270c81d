/* OpenDRIVE <objects>, <signals>, <controller> and <junction>. */
#include "sim/road/xodr.h"
#include <stdlib.h>
#include <string.h>

/* ---- Objects ---- */

static road_orientation orientation_of(const char **atts)
{
    const char *o = xodr_text(atts, "orientation");
    return o && strcmp(o, "+") == 0   ? ROAD_ORIENTATION_PLUS
           : o && strcmp(o, "-") == 0 ? ROAD_ORIENTATION_MINUS
                                      : ROAD_ORIENTATION_BOTH;
}
static road_use_data *add_use(xodr_parser *p, road_use_data u)
{
    road_use_data *kept = PUSH(p, uses);
    if (!kept)
        xodr_no_room(p);
    else
        *kept = u;
    return kept;
}
static void use_newest_signal(xodr_parser *p)
{
    const road_signal_data *g = LAST(signals);
    add_use(p, (road_use_data){ .signal = p->m->signals.count - 1,
                                .road = g->road,
                                .line = g->line,
                                .s = g->s,
                                .t = g->t,
                                .orientation = g->orientation });
}

/* RoadRunner draws speed limits and painted stops as objects; CARLA makes signals of them, by their names. */
static void object_signal(xodr_parser *p, const char **atts)
{
    const char *name = xodr_text(atts, "name");
    bool speed = name && strncasecmp(name, "speed_", 6) == 0, stop = name && strstr(name, "Stencil_STOP");
    if (!speed && !stop)
        return;
    road_signal_data *g = PUSH(p, signals);
    if (!g) {
        xodr_no_room(p);
        return;
    }
    const road_object_data *o = LAST(objects);
    const char *limit = speed ? name + strcspn(name, "0123456789") : "";
    *g = (road_signal_data){ .id = o->id,
                             .name = o->name,
                             .type = xodr_keep_text(p, speed ? "274" : "206"),
                             .subtype = xodr_keep_text(p, limit),
                             .country = xodr_keep_text(p, "OpenDRIVE"),
                             .unit = xodr_keep_text(p, "mph"),
                             .text = xodr_keep_text(p, limit),
                             .painted = !speed,
                             .orientation = orientation_of(atts),
                             .road = o->road,
                             .line = o->line,
                             .value = strtod_l(limit, NULL, p->c_locale),
                             .s = o->s,
                             .t = o->t,
                             .z_offset = o->z_offset,
                             .lift = o->z_offset,
                             .h_offset = o->heading,
                             .pitch = xodr_number(p, atts, "pitch", 0),
                             .roll = xodr_number(p, atts, "roll", 0),
                             .width = o->width,
                             .height = o->height };
    use_newest_signal(p);
}

static void on_object(xodr_parser *p, const char **atts)
{
    road_object_data *o = PUSH(p, objects);
    if (!o) {
        xodr_no_room(p);
        return;
    }
    *o = (road_object_data){ .id = xodr_keep(p, atts, "id"),
                             .name = xodr_keep(p, atts, "name"),
                             .type = xodr_keep(p, atts, "type"),
                             .road = p->m->roads.count - 1,
                             .line = xodr_line(p),
                             .s = xodr_number(p, atts, "s", REQUIRED),
                             .t = xodr_number(p, atts, "t", 0),
                             .z_offset = xodr_number(p, atts, "zOffset", 0),
                             .heading = xodr_number(p, atts, "hdg", 0),
                             .length = xodr_number(p, atts, "length", 0),
                             .width = xodr_number(p, atts, "width", 0),
                             .height = xodr_number(p, atts, "height", 0),
                             .first_corner = p->m->corners.count };
    p->outline_depth = 0;
    object_signal(p, atts);
}
static void on_outline(xodr_parser *p, const char **atts)
{
    (void)atts;
    p->outline_depth++; /* of several outlines the first is kept */
}
static void corner(xodr_parser *p, road_corner c)
{
    if (p->outline_depth != 1 || p->failed)
        return;
    road_corner *kept = PUSH(p, corners);
    if (!kept) {
        xodr_no_room(p);
        return;
    }
    *kept = c;
    LAST(objects)->corner_count++;
}
static void on_corner_local(xodr_parser *p, const char **atts)
{
    corner(p, (road_corner){ false, xodr_number(p, atts, "u", REQUIRED), xodr_number(p, atts, "v", REQUIRED),
                             xodr_number(p, atts, "z", 0) });
}
static void on_corner_road(xodr_parser *p, const char **atts)
{
    corner(p, (road_corner){ true, xodr_number(p, atts, "s", REQUIRED), xodr_number(p, atts, "t", REQUIRED),
                             xodr_number(p, atts, "dz", 0) });
}

/* ---- Signals ---- */

static void on_signal(xodr_parser *p, const char **atts)
{
    road_signal_data *g = PUSH(p, signals);
    if (!g) {
        xodr_no_room(p);
        return;
    }
    const char *dynamic = xodr_text(atts, "dynamic");
    *g = (road_signal_data){ .id = xodr_keep(p, atts, "id"),
                             .name = xodr_keep(p, atts, "name"),
                             .type = xodr_keep(p, atts, "type"),
                             .subtype = xodr_keep(p, atts, "subtype"),
                             .country = xodr_keep(p, atts, "country"),
                             .unit = xodr_keep(p, atts, "unit"),
                             .text = xodr_keep(p, atts, "text"),
                             .dynamic = dynamic && strcmp(dynamic, "yes") == 0,
                             .orientation = orientation_of(atts),
                             .road = p->m->roads.count - 1,
                             .line = xodr_line(p),
                             .value = xodr_number(p, atts, "value", 0),
                             .s = xodr_number(p, atts, "s", REQUIRED),
                             .t = xodr_number(p, atts, "t", REQUIRED),
                             .z_offset = xodr_number(p, atts, "zOffset", xodr_number(p, atts, "zOffSet", 0)),
                             .lift = xodr_number(p, atts, "zOffSet", 0),
                             .h_offset = xodr_number(p, atts, "hOffset", 0),
                             .pitch = xodr_number(p, atts, "pitch", 0),
                             .roll = xodr_number(p, atts, "roll", 0),
                             .width = xodr_number(p, atts, "width", 0),
                             .height = xodr_number(p, atts, "height", 0) };
    use_newest_signal(p);
}
static void on_position_inertial(xodr_parser *p, const char **atts)
{
    road_signal_data *g = LAST(signals);
    g->inertial = true;
    g->ix = xodr_number(p, atts, "x", REQUIRED);
    g->iy = xodr_number(p, atts, "y", REQUIRED);
    g->iz = xodr_number(p, atts, "z", 0);
    g->ih = xodr_number(p, atts, "hdg", 0);
}
static void on_signal_reference(xodr_parser *p, const char **atts)
{
    add_use(p, (road_use_data){ .signal = -1,
                                .signal_id = xodr_keep(p, atts, "id"),
                                .road = p->m->roads.count - 1,
                                .line = xodr_line(p),
                                .s = xodr_number(p, atts, "s", REQUIRED),
                                .t = xodr_number(p, atts, "t", 0),
                                .orientation = orientation_of(atts),
                                .reference = true });
}
static void on_validity(xodr_parser *p, const char **atts)
{
    road_use_data u = *LAST(uses);
    int from = (int)xodr_integer(p, atts, "fromLane", 0, true, -ROAD_LANE_ID_MAX, ROAD_LANE_ID_MAX);
    int to = (int)xodr_integer(p, atts, "toLane", 0, true, -ROAD_LANE_ID_MAX, ROAD_LANE_ID_MAX);
    road_use_data *kept = u.valid ? add_use(p, u) : LAST(uses); /* a second validity is a use of its own */
    if (!kept)
        return;
    kept->more = u.valid;
    kept->valid = true;
    kept->from = from < to ? from : to;
    kept->to = from < to ? to : from;
}
static void on_controller(xodr_parser *p, const char **atts)
{
    road_controller_data *c = PUSH(p, controllers);
    if (!c) {
        xodr_no_room(p);
        return;
    }
    *c = (road_controller_data){ .id = xodr_keep(p, atts, "id"), .name = xodr_keep(p, atts, "name"), .line = xodr_line(p) };
}
static void on_control(xodr_parser *p, const char **atts)
{
    road_id_use *u = PUSH(p, controls);
    if (!u) {
        xodr_no_room(p);
        return;
    }
    *u = (road_id_use){ p->m->controllers.count - 1, xodr_keep(p, atts, "signalId") };
}

/* ---- Junctions ---- */

static void on_junction(xodr_parser *p, const char **atts)
{
    road_junction_data *j = PUSH(p, junctions);
    if (!j) {
        xodr_no_room(p);
        return;
    }
    *j = (road_junction_data){ .id = xodr_integer(p, atts, "id", 0, true, 0, INT32_MAX),
                               .name = xodr_keep(p, atts, "name"),
                               .line = xodr_line(p) };
}
static void on_connection(xodr_parser *p, const char **atts)
{
    road_connection *c = PUSH(p, connections);
    if (!c) {
        xodr_no_room(p);
        return;
    }
    const char *contact = xodr_text(atts, "contactPoint");
    *c = (road_connection){ .junction = p->m->junctions.count - 1,
                            .line = xodr_line(p),
                            .incoming = xodr_integer(p, atts, "incomingRoad", -1, true, -1, UINT32_MAX),
                            .connecting = xodr_integer(p, atts, "connectingRoad", -1, true, -1, UINT32_MAX),
                            .contact = contact && strcmp(contact, "end") == 0 ? ROAD_AT_END : ROAD_AT_START,
                            .first_link = p->m->lane_links.count };
}
static void on_junction_lane_link(xodr_parser *p, const char **atts)
{
    road_lane_link *l = PUSH(p, lane_links);
    if (!l) {
        xodr_no_room(p);
        return;
    }
    *l = (road_lane_link){ p->m->connections.count - 1,
                           (int)xodr_integer(p, atts, "from", 0, true, -ROAD_LANE_ID_MAX, ROAD_LANE_ID_MAX),
                           (int)xodr_integer(p, atts, "to", 0, true, -ROAD_LANE_ID_MAX, ROAD_LANE_ID_MAX) };
    LAST(connections)->link_count++;
}
static void on_junction_controller(xodr_parser *p, const char **atts)
{
    road_id_use *u = PUSH(p, junction_controls);
    if (!u) {
        xodr_no_room(p);
        return;
    }
    *u = (road_id_use){ p->m->junctions.count - 1, xodr_keep(p, atts, "id") };
}

/* ---- Which elements are read here ---- */

const xodr_row xodr_sign_rows[] = {
    { S_ROAD, "objects", NULL, S_OBJECTS },
    { S_OBJECTS, "object", on_object, S_OBJECT },
    { S_OBJECT, "outlines", NULL, S_OUTLINES },
    { S_OBJECT, "outline", on_outline, S_OUTLINE },
    { S_OUTLINES, "outline", on_outline, S_OUTLINE },
    { S_OUTLINE, "cornerLocal", on_corner_local, S_LEAF },
    { S_OUTLINE, "cornerRoad", on_corner_road, S_LEAF },
    { S_ROAD, "signals", NULL, S_SIGNALS },
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
    { 0 },
};
