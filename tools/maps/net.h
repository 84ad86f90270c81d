/* tools/maps/net.h — a road network under construction, and its OpenDRIVE 1.4 text.
 *
 * The frame is OpenDRIVE's: right-handed, metres, radians, headings counter-clockwise, t positive to the left. A road's reference
 * line is laid piece by piece from its cursor; lanes are stacked outwards from it. A generator that runs out of room or of
 * memory, or asks for a curve that does not exist, says so and exits: nothing here outlives one run. */
#ifndef TOOLS_MAPS_NET_H
#define TOOLS_MAPS_NET_H
#include <stdbool.h>

#define NET_PI 3.14159265358979323846

enum {
    NET_PIECES_MAX = 96,
    NET_SECTIONS_MAX = 6,
    NET_SIDE_MAX = 8,
    NET_MARKS_MAX = 64,
    NET_CUBICS_MAX = 96,
    NET_SIGNS_MAX = 12
};

/* One geometry record; curvature runs linearly from k0 to k1. */
typedef struct net_piece {
    double x, y, heading, length, k0, k1;
} net_piece;

typedef struct net_cubic {
    double s, a, b, c, d;
} net_cubic; /* a + b u + c u^2 + d u^3, u = distance from s */

typedef struct net_profile {
    net_cubic list[NET_CUBICS_MAX];
    int count;
} net_profile;

typedef struct net_mark {
    double s; /* from the section's start */
    const char *type, *color;
    double width; /* 0: not written */
    const char *change;
} net_mark;

typedef struct net_lane {
    const char *type;
    net_cubic width[3];
    int widths;
    net_mark mark;
    int before, after; /* lane ids, 0 = none */
} net_lane;

typedef struct net_section {
    double s;
    net_mark center[NET_MARKS_MAX];
    int marks;
    net_lane left[NET_SIDE_MAX], right[NET_SIDE_MAX]; /* [0] beside the centre: ids 1 and -1 */
    int lefts, rights;
} net_section;

typedef struct net_end {
    enum { NET_NOTHING, NET_ROAD, NET_JUNCTION } kind;
    int id;
    bool at_end; /* of that road */
} net_end;

typedef struct net_object {
    int id;
    const char *name, *type;
    double s, t, heading, half_u, half_v; /* a rectangle, u along its heading */
} net_object;

typedef struct net_signal {
    int id;
    const char *name, *type;
    int value; /* of speed limits, km/h; else -1 */
    bool dynamic, reference /* to the signal with this id */, backward /* for traffic against s */;
    double s, t, h_offset;
    int from_lane, to_lane; /* 0 and 0: for no lane of this road */
} net_signal;

typedef struct net_road {
    int id, junction; /* -1: outside */
    char name[48];
    const char *type; /* NULL: no <type>, as junctions' roads have it */
    double speed_kmh;
    net_end before, after;
    net_piece piece[NET_PIECES_MAX];
    int pieces;
    double x, y, heading, length; /* cursor: the end of what is laid */
    net_profile elevation, superelevation;
    net_section section[NET_SECTIONS_MAX];
    int sections;
    net_object object[NET_SIGNS_MAX];
    net_signal signal[NET_SIGNS_MAX];
    int objects, signals;
} net_road;

typedef struct net_connection {
    int incoming, connecting;
    int count, from[NET_SIDE_MAX], to[NET_SIDE_MAX];
} net_connection;

typedef struct net_junction {
    int id;
    char name[48];
    net_connection connection[64];
    int connections;
    int controller[8], controllers;
} net_junction;

typedef struct net_controller {
    int id, sequence, signal;
} net_controller;

typedef struct net {
    const char *name;
    net_road *road[512];
    net_junction *junction[64];
    net_controller controller[128];
    int roads, junctions, controllers, next_id; /* next_id: of objects, signals and controllers */
} net;

_Noreturn void net_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
net *net_create(const char *name);
void net_destroy(net *n);
void net_write(const net *n); /* to standard output */

/* A new road at (x, y, heading), outside junctions; it belongs to the network. */
net_road *net_add_road(net *n, const char *name, double x, double y, double heading);
net_junction *net_add_junction(net *n, const char *name);

/* Lay the next piece at the cursor. Pieces shorter than a micrometre are left out. */
void net_lay(net_road *r, double length, double k0, double k1);
/* From the cursor to another pose: a line, two opposite arcs, or line, arc, line with at least `lead` metres of line at both ends. */
void net_lay_to(net_road *r, double x, double y, double heading, double lead);
/* Point at s and offset t of what is laid, and the heading there. Any of the results may be NULL. */
void net_at(const net_road *r, double s, double t, double *x, double *y, double *heading);
/* End of a piece. */
void net_advance(const net_piece *p, double *x, double *y, double *heading);
double net_wrap(double angle); /* into (-pi, pi] */

void net_add_cubic(net_profile *p, net_cubic c);
double net_profile_at(const net_profile *p, double s, double *slope);
/* The cubic with these values and slopes at both ends. */
net_cubic net_hermite(double s, double length, double v0, double slope0, double v1, double slope1);
/* The whole road's elevation as one such cubic. */
void net_rise(net_road *r, double z0, double slope0, double z1, double slope1);

/* Sections and lanes. A section begins at s; lanes are added from the centre outwards, sign +1 left, -1 right. */
net_section *net_add_section(net_road *r, double s);
net_lane *net_add_lane(net_section *sec, int sign, const char *type, double width, const char *mark);
void net_add_mark(net_section *sec, double s, const char *type, const char *color, double width,
                  const char *change); /* of the centre */
net_lane *net_lane_of(net_section *sec, int id);
net_section *net_section_at(net_road *r, double s);
double net_lane_width(const net_road *r, const net_section *sec, int id, double s);
/* t of the border of lane `id` towards the centre; the lane may be one beyond the last. */
double net_inner_border(const net_road *r, const net_section *sec, int id, double s);
/* Links between following sections of a road: the n-th lane of a type on a side goes on as the n-th of that type. */
void net_link_sections(net_road *r);
/* The same from a road's end to another's start, with the roads' own links. */
void net_join(net_road *from, net_road *to);

/* Things beside and on the road; all return their id. */
int net_add_crosswalk(net *n, net_road *r, double s, double t, double heading, double half_across, double half_along);
int net_add_sign(net *n, net_road *r, const char *name, const char *type, int value, double s, double t, bool backward,
                 int from_lane, int to_lane);
#endif
