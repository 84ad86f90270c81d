/* sim/road/road_map.h — what a road_map is made of; for the files of this room only.
 *
 * Everything here is in OpenDRIVE's frame: right-handed, x east, y north, t to the left, headings counter-clockwise in
 * radians. road_flip_* are the door to CARLA's frame. All lists live in flat arrays; an owner holds first index and count.
 *
 *     road ──▶ sections ──▶ lanes (ids low..high, all present, 0 among them) ──▶ widths, marks, heights, speeds
 *       └────▶ geometries, elevations, superelevations, offsets, speeds
 *     lane ──▶ next / previous lanes along travel, indices into `links` */
#ifndef ROAD_MAP_H
#define ROAD_MAP_H
#include "sim/road/road.h"
#include <locale.h>

#define ROAD_LENGTH_MAX      1e5  /* metres, one road */
#define ROAD_CURVATURE_MAX   1e3  /* 1/m */
#define ROAD_SPIRAL_TURN_MAX 50.0 /* radians within one spiral: bounds the work of evaluating it */
#define ROAD_LANE_ID_MAX     1000
#define ROAD_PIECES_MAX      (1 << 20) /* index pieces of one map, and */
#define ROAD_PIECES_PER_M    20.0      /* of one section, per metre: a road of 1 m radius needs 8 */

/* value(ds) = a + b ds + c ds^2 + d ds^3, ds = s - start; start is absolute along the road (also for lanes). */
typedef struct road_cubic {
    double start, a, b, c, d;
} road_cubic;

typedef enum road_geometry_kind { ROAD_LINE, ROAD_ARC, ROAD_SPIRAL, ROAD_PARAMETRIC } road_geometry_kind;

#define ROAD_TABLE 32 /* intervals of the arc-length table of a parametric curve */
typedef struct road_parametric {
    double u[4], v[4];          /* cubic coefficients, local frame of the geometry's start */
    double p_end;               /* parameter at the end; arc length runs 0..length over 0..p_end */
    double arc[ROAD_TABLE + 1]; /* arc length at p_end * i / ROAD_TABLE */
} road_parametric;

typedef struct road_geometry {
    double s, x, y, heading, length;
    road_geometry_kind kind;
    double cosine, sine; /* of the heading */
    double k0, kd;       /* curvature at the start and its growth per metre */
    int parametric;      /* index, ROAD_PARAMETRIC only */
} road_geometry;

typedef struct road_height {
    double start, inner, outer;
} road_height;
typedef struct road_speed {
    double start, mps;
} road_speed;

typedef struct road_lane {
    int id, section; /* section: global index */
    uint32_t type;
    int line;          /* in the file */
    int before, after; /* linked lane id at the start / end of s; 0 = none */
    bool border;       /* `widths` hold border positions instead */
    int first_width, width_count, first_mark, mark_count, first_height, height_count, first_speed, speed_count;
    int first_next, next_count, first_previous, previous_count; /* into links */
} road_lane;

typedef struct road_section {
    int road, first_lane, lane_count, low, high, line;
    double s0, s1;
} road_section;

typedef enum road_contact { ROAD_AT_NONE, ROAD_AT_START, ROAD_AT_END } road_contact;
typedef struct road_end_link {
    bool given, junction;
    int64_t id;
    road_contact contact;
} road_end_link;

typedef struct road_road {
    uint32_t id;
    size_t name;        /* offset into text */
    int line, junction; /* junction index, -1 = none */
    int64_t junction_id;
    double length;
    road_end_link predecessor, successor;
    int first_geometry, geometry_count, first_elevation, elevation_count, first_super, super_count, first_offset, offset_count,
        first_speed, speed_count, first_section, section_count, first_landmark, landmark_count;
} road_road;

typedef struct road_lane_link {
    int connection, from, to;
} road_lane_link;
typedef struct road_connection {
    int junction, line;
    int64_t incoming, connecting; /* road ids */
    road_contact contact;
    int first_link, link_count;
} road_connection;

typedef struct road_junction_data {
    int64_t id;
    size_t name;
    int line, first_road, road_count;       /* into junction_roads */
    int first_controller, controller_count; /* into junction_controllers */
    base_vec3 low, high, center, extent;
} road_junction_data;

typedef struct road_signal_data {
    size_t id, name, type, subtype, country, unit, text;
    bool dynamic, painted, inertial; /* inertial: position given in the world */
    road_orientation orientation;
    int road, line;
    double value, s, t, z_offset, h_offset, pitch, roll, width, height;
    double lift; /* what CARLA adds to z: its reader of signals looks for "zOffSet", its reader of objects for "zOffset" */
    double ix, iy, iz, ih;
} road_signal_data;

typedef struct road_use_data {
    int signal;
    size_t signal_id;
    int road, line;
    double s, t;
    road_orientation orientation;
    int from, to;
    bool valid, reference;
    bool more; /* one more <validity> of the element before */
} road_use_data;
typedef struct road_landmark_data {
    int use;                  /* the first of its records as read, index into uses */
    int first_use, use_count; /* into public_uses */
    int signal;
} road_landmark_data;
typedef struct road_controller_data {
    size_t id, name;
    int first_signal, signal_count, line;
} road_controller_data;
typedef struct road_id_use {
    int owner;
    size_t id;
} road_id_use; /* control/@signalId, junction/controller/@id before resolving */

typedef struct road_object_data {
    size_t id, name, type;
    int road, line;
    double s, t, z_offset, heading, length, width, height;
    int first_corner, corner_count; /* without the repeated first corner, */
    bool closed;                    /* which was there */
} road_object_data;
typedef struct road_corner {
    bool on_road;
    double u, v, z;
} road_corner; /* on_road: u = s, v = t */

#define ROAD_ARRAY(type)                                                                                                       \
    struct {                                                                                                                   \
        type *items;                                                                                                           \
        int count, capacity;                                                                                                   \
    }

/* A straight piece of a lane's centre, for nearest queries. */
typedef struct road_piece {
    base_vec3 a, b;
    double sa, sb;
    int lane;
    uint32_t type;
} road_piece;
typedef struct road_node { /* inner: left child is the next node, `other` the right one; leaf: pieces first .. first + count */
    float low[3], high[3];
    uint32_t types; /* of all pieces below */
    int first, count, other;
} road_node;

typedef struct road_tree {
    ROAD_ARRAY(road_piece) pieces;
    ROAD_ARRAY(road_node) nodes;
} road_tree;

struct road_map {
    char *name, *note;
    double latitude_deg, longitude_deg;
    ROAD_ARRAY(char) text; /* all strings, each with its zero; offset 0 is "" */
    ROAD_ARRAY(road_road) roads;
    ROAD_ARRAY(road_geometry) geometries;
    ROAD_ARRAY(road_parametric) parametrics;
    ROAD_ARRAY(road_cubic) elevations;
    ROAD_ARRAY(road_cubic) supers;
    ROAD_ARRAY(road_cubic) offsets;
    ROAD_ARRAY(road_speed) speeds; /* road/type */
    ROAD_ARRAY(road_section) sections;
    ROAD_ARRAY(road_lane) lanes;
    ROAD_ARRAY(road_cubic) widths;
    ROAD_ARRAY(road_mark) marks;
    ROAD_ARRAY(road_height) heights;
    ROAD_ARRAY(road_speed) lane_speeds;
    ROAD_ARRAY(int) links; /* lane indices */
    ROAD_ARRAY(road_junction_data) junctions;
    ROAD_ARRAY(road_connection) connections;
    ROAD_ARRAY(road_lane_link) lane_links;
    ROAD_ARRAY(int) junction_roads;
    ROAD_ARRAY(int) junction_controllers;
    ROAD_ARRAY(road_signal_data) signals;
    ROAD_ARRAY(road_use_data) uses;
    ROAD_ARRAY(road_signal_use) public_uses;
    ROAD_ARRAY(road_landmark_data) landmarks;
    ROAD_ARRAY(road_controller_data) controllers;
    ROAD_ARRAY(int) controller_signals;
    ROAD_ARRAY(road_object_data) objects;
    ROAD_ARRAY(road_corner) corners;
    ROAD_ARRAY(base_vec3) outlines;   /* corners in the world, CARLA frame, same index as `corners` */
    ROAD_ARRAY(road_id_use) controls; /* only while loading */
    ROAD_ARRAY(road_id_use) junction_controls;
    road_tree tree; /* over all lane centres */
    ROAD_ARRAY(road_edge) topology;
    ROAD_ARRAY(base_pose) spawns;
    int *road_order;     /* indices of roads by id */
    base_vec3 low, high; /* CARLA frame */
    double driving_lane_m;
    int dropped_links, gap_links; /* for the note */
};

/* Grow by one and give the new, cleared element; NULL when memory ends or `most` is reached. */
void *road_grow(void *items, int count, int *capacity, size_t size, int most);
#define ROAD_PUSH_MOST(a, most)                                                                                                \
    ((a).items = road_grow((a).items, (a).count, &(a).capacity, sizeof *(a).items, (most)),                                    \
     (a).count < (a).capacity ? &(a).items[(a).count++] : NULL)
#define ROAD_PUSH(a) ROAD_PUSH_MOST(a, 1 << 22)

/* ---- map.c ---- */
/* Lists that are indexed by "first of an owner" begin with memory, so that an empty list never means arithmetic on NULL. */
bool road_map_reserve(road_map *m);
int road_lane_index(const road_map *m, int road, int section, int lane); /* asserts existence */
int road_find_road_id(const road_map *m, int64_t id);                    /* index or -1 */
road_waypoint road_lane_waypoint(const road_map *m, int lane, double s);
/* s where travel on a lane begins and ends. */
double road_lane_start(const road_map *m, const road_lane *l);
double road_lane_end(const road_map *m, const road_lane *l);
static inline bool road_lane_forward(const road_lane *l) { return l->id < 0; } /* travelled with growing s */

/* ---- order.c: checks what was read and puts it in order ---- */
bool road_order_build(road_map *m, base_error *err);

/* ---- geo.c ---- */
void road_geo_read(road_map *m, const char *text, locale_t c_locale); /* the text of header/geoReference */

/* ---- geometry.c: the reference line ---- */
typedef struct road_frame {
    double x, y, heading, cosine, sine, curvature, curvature_rate;
} road_frame;
/* Prepare a parametric curve: fills p_end (poly3: found from the length) and the arc table. False: degenerate. */
bool road_parametric_prepare(road_parametric *c, double p_end, double length);
road_frame road_geometry_at(const road_map *m, const road_geometry *g, double ds);
const road_geometry *road_geometry_of(const road_map *m, const road_road *r, double s);
road_frame road_reference_at(const road_map *m, const road_road *r, double s);

/* ---- surface.c: profiles, lanes ---- */
typedef struct road_value {
    double v, d1, d2;
} road_value; /* value, first and second derivative by s */
/* The record picked at s_pick, evaluated at s. */
road_value road_cubic_at(const road_cubic *records, int count, double s, double s_pick);
/* s moved a hair into the section, so that records which begin at its ends are picked one-sidedly. */
double road_section_pick(const road_section *sec, double s);
/* t of the lane's inner border, centre or outer border (side 0, 1, 2), laneOffset included. */
road_value road_lane_t(const road_map *m, const road_section *sec, int lane, int side, double s);
typedef struct road_center { /* of a lane at s, CARLA frame, along growing s */
    base_vec3 at;
    base_vec3 along;  /* d at / d s, not normalised */
    double heading;   /* OpenDRIVE, radians, along growing s */
    double reference; /* the reference line's */
    double aside;     /* d t / d s */
    double curvature; /* OpenDRIVE sign, along growing s */
    double roll;      /* superelevation, radians */
} road_center;
road_center road_lane_center(const road_map *m, const road_lane *lane, double s);
double road_width_at(const road_map *m, const road_lane *lane, double s);
typedef struct road_row { /* of a lane at one s, CARLA frame */
    base_vec3 center, inner, outer;
} road_row;
/* All lanes of a section at s at once: rows[lane id - low], as many as the section has lanes. */
void road_section_row(const road_map *m, const road_section *sec, double s, road_row *rows);

/* ---- tree.c ---- */
/* A box grows around a point. Comparisons: fmin would be a call each. */
static inline void road_widen(base_vec3 *low, base_vec3 *high, base_vec3 p)
{
    low->x = p.x < low->x ? p.x : low->x;
    low->y = p.y < low->y ? p.y : low->y;
    low->z = p.z < low->z ? p.z : low->z;
    high->x = p.x > high->x ? p.x : high->x;
    high->y = p.y > high->y ? p.y : high->y;
    high->z = p.z > high->z ? p.z : high->z;
}
bool road_tree_build(road_tree *tree); /* over its pieces, which are put in its order; false: no memory */
void road_tree_free(road_tree *tree);
/* Told of a piece, where along it (0 .. 1) the foot lies and how far it is; answers how far pieces still matter (squared). */
typedef double road_tree_visit(void *user, const road_piece *piece, double along, double distance2);
/* Pieces of these types, roughly from near to far, until none can matter. */
void road_tree_near(const road_tree *tree, base_vec3 at, uint32_t types, road_tree_visit *visit, void *user);

/* ---- What road_map_parse builds after reading, in this order ---- */
bool road_links_build(road_map *m, base_error *err);
bool road_spawns_build(road_map *m, base_error *err);
bool road_nearest_build(road_map *m, base_error *err);
bool road_signals_build(road_map *m, base_error *err);
bool road_objects_build(road_map *m, base_error *err);
bool road_junctions_build(road_map *m, base_error *err);
static inline const char *road_text(const road_map *m, size_t offset) { return m->text.items + offset; }
#endif
