/* sim/road/xodr.h — reading OpenDRIVE XML; for the xodr files of this room only.
 *
 *     xodr.c             the parser: which element is where, what is skipped
 *     xodr_attribute.c   attributes, kept text, errors with a line
 *     xodr_road.c        roads: links, types, reference line and profiles
 *     xodr_lane.c        lane sections, lanes, road marks
 *     xodr_sign.c        objects, signals, controllers, junctions
 *
 * The three readers append to the map's flat arrays in the order of the file; the newest element of a list is the one whose
 * children are being read. order.c then checks and sorts what was read. */
#ifndef XODR_H
#define XODR_H
#include "sim/road/road_map.h"
#include <expat.h>
#include <locale.h>

#define XODR_DEPTH_MAX   64
#define XODR_IGNORED_MAX 48
#define XODR_NUMBER_MAX  1e8 /* metres, radians, anything */

/* Where the parser stands: what the open element is, and so which children it may have. */
typedef enum xodr_state {
    S_SKIP, /* inside an element that is not read */
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
} xodr_state;

typedef struct xodr_parser {
    road_map *m;
    XML_Parser xml;
    const char *name;
    base_error *err;
    locale_t c_locale; /* numbers are written with a point, whatever the process's locale */
    bool failed;
    int depth;
    xodr_state stack[XODR_DEPTH_MAX];
    char geo_reference[512];
    size_t geo_bytes;
    bool geometry_has_shape; /* the newest geometry has its line, arc, ... */
    int outline_depth;       /* outlines seen in the newest object */
    struct {
        char name[40];
        int count;
    } ignored[XODR_IGNORED_MAX];
    int ignored_count, ignored_rest;
} xodr_parser;

/* An element that is read: where it may stand, who reads its attributes (NULL: nobody), what it opens. */
typedef struct xodr_row {
    xodr_state parent;
    const char *name; /* NULL ends a table */
    void (*on)(xodr_parser *, const char **atts);
    xodr_state state;
} xodr_row;
extern const xodr_row xodr_road_rows[], xodr_lane_rows[], xodr_sign_rows[];

/* ---- xodr_attribute.c ---- */
/* "name:LINE: text" for the element at hand; stops the parser. The first error stays. */
void xodr_fail(xodr_parser *p, const char *format, ...) __attribute__((format(printf, 2, 3)));
void xodr_no_room(xodr_parser *p);
int xodr_line(xodr_parser *p);
const char *xodr_text(const char **atts, const char *key); /* NULL: absent */
#define REQUIRED NAN
/* A finite number within +-limit (xodr_number: +-XODR_NUMBER_MAX); absent: the fallback, or an error when that is REQUIRED. */
double xodr_number_within(xodr_parser *p, const char **atts, const char *key, double fallback, double limit);
double xodr_number(xodr_parser *p, const char **atts, const char *key, double fallback);
int64_t xodr_integer(xodr_parser *p, const char **atts, const char *key, int64_t fallback, bool required, int64_t lo,
                     int64_t hi);
/* An attribute kept among the map's strings: its offset; "" and absent are 0. */
size_t xodr_keep(xodr_parser *p, const char **atts, const char *key);
size_t xodr_keep_text(xodr_parser *p, const char *text);
/* A record a, b, c, d that begins at attribute `start` after `base`. */
road_cubic xodr_cubic(xodr_parser *p, const char **atts, const char *start, double base);

/* ---- xodr_road.c ---- */
double xodr_speed_mps(xodr_parser *p, const char **atts); /* of a <speed> element; 0: no limit given */

#define PUSH(p, list) ROAD_PUSH((p)->m->list)
#define LAST(list)    (&p->m->list.items[p->m->list.count - 1])
#endif
