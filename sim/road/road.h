/* sim/road/road.h — OpenDRIVE maps: lanes, waypoints, topology, routes, spawn points, signals, and data for meshes.
 *
 * Usual order: road_map_read (or road_map_parse) once, then any number of queries, then road_map_destroy.
 *
 *     road_map *map = road_map_read("configs/maps/training_loop.xodr", NULL, &err);
 *     road_waypoint w;
 *     if (road_waypoint_at(map, car.location, ROAD_LANE_DRIVING, true, &w))
 *         pose = road_waypoint_pose(map, &w);
 *
 * A map is constant after loading: every query takes `const road_map *` and may run in any thread.
 *
 * Frames. Everything that enters or leaves is in CARLA's frame (left-handed, x forward/east, y right/south, z up, metres,
 * degrees; yaw clockwise from above). OpenDRIVE is right-handed: its y, t and heading are negated at the parser's door.
 * `s` is always OpenDRIVE's: metres along the road's reference line from the road's start, whatever the lane's direction.
 * Lane ids are OpenDRIVE's: negative = right of the reference line, travelled with growing s; positive = left, travelled
 * against it (right-hand traffic, as CARLA; `rule` is ignored as there); 0 = the centre line, never a waypoint.
 * Curvature is positive where travel turns right (yaw grows). Lateral offsets are positive to the right of travel.
 *
 * Indices: roads, sections, junctions, signals, objects and controllers are numbered 0.. in file order; OpenDRIVE's own ids
 * (road id, junction id, signal id) are kept beside. Passing an index, lane or section that does not exist is a bug of the
 * caller (asserted); whatever a file or peer says must be resolved by road_find_road, road_find_lane or road_waypoint_xodr.
 *
 * Sources of the rules: OpenDRIVE 1.4 (with 1.5+ elements where they are plain), CARLA's documented waypoint semantics.
 * Not read: lateralProfile/shape and crossfall, bridges, tunnels, railroad, lane access/rule/visibility/material; what of
 * these a file holds is counted and reported by road_map_note. */
#ifndef ROAD_H
#define ROAD_H
#include "base/error.h"
#include "base/geom.h"
#include "base/log.h"
#include <stdint.h>

typedef struct road_map road_map;

/* ---- Loading ------------------------------------------------------------------------------------------------------ */

#define ROAD_XML_BYTES_MAX ((size_t)128 << 20) /* larger files are refused; CARLA's largest towns stay below 20 MiB */

/* Parse an OpenDRIVE document. `name` is used in messages and kept as the map's name (NULL: "map"). Refused with one line
 * "name:LINE: ...": ill-formed or truncated XML, DTDs with entities, no roads, duplicate road ids, non-finite or absurd
 * numbers, counts beyond the bounds. What is ignored or repaired is logged as one line each (log may be NULL). */
road_map *road_map_parse(const char *xml, size_t bytes, const char *name, const base_log *log, base_error *err);
/* The same from a file; the name is the file name without directories and ".xodr". */
road_map *road_map_read(const char *path, const base_log *log, base_error *err);
void road_map_destroy(road_map *map); /* NULL is fine */

typedef struct road_map_info {
    const char *name;                      /* borrowed until destroy, as every string of this header */
    int roads, sections, lanes, junctions; /* lanes without centre lanes */
    int signals, controllers, objects;
    double length_m, driving_lane_m;    /* sum of reference lines; of driving lanes along s */
    double latitude_deg, longitude_deg; /* origin: header/geoReference, 42 and 2 when absent, as CARLA */
    base_vec3 low, high;                /* box around all lane borders, CARLA frame */
} road_map_info;
road_map_info road_map_describe(const road_map *map);
/* One line of what the file holds that was ignored or repaired, e.g. "ignored: shape x12, bridge x1"; "" if nothing. */
const char *road_map_note(const road_map *map);

/* Where a location is on Earth, as CARLA 0.9.`release` (13 .. 16) computes it: latitude and longitude in degrees, altitude in
 * metres. Both ways of projecting are centred on header/geoReference's +lat_0 and +lon_0 (42 and 2 when either is missing); +proj,
 * +k, +ellps and the rest are ignored, as there.
 *     up to 0.9.15: Mercator, scaled by cos(lat_0), on a sphere of 6378137 m; y grows to the south
 *     0.9.16:       transverse Mercator on the same sphere with a scale of 0.9996; y grows to the NORTH: that client forgets
 *                   the turn from CARLA's y to the map's, and so does this when asked for it
 * Agrees with the client's transform_to_geolocation to 1e-9 degrees, and road_map_location with its inverse. */
base_vec3 road_map_geolocation(const road_map *map, int release, base_vec3 location);
base_vec3 road_map_location(const road_map *map, int release, base_vec3 geolocation);

/* ---- Roads, sections, lanes --------------------------------------------------------------------------------------- */

/* Lane types: CARLA's bits, so that a set of types is a mask. */
enum {
    ROAD_LANE_NONE = 0x1,
    ROAD_LANE_DRIVING = 0x2,
    ROAD_LANE_STOP = 0x4,
    ROAD_LANE_SHOULDER = 0x8,
    ROAD_LANE_BIKING = 0x10,
    ROAD_LANE_SIDEWALK = 0x20,
    ROAD_LANE_BORDER = 0x40,
    ROAD_LANE_RESTRICTED = 0x80,
    ROAD_LANE_PARKING = 0x100,
    ROAD_LANE_BIDIRECTIONAL = 0x200,
    ROAD_LANE_MEDIAN = 0x400,
    ROAD_LANE_SPECIAL1 = 0x800,
    ROAD_LANE_SPECIAL2 = 0x1000,
    ROAD_LANE_SPECIAL3 = 0x2000,
    ROAD_LANE_ROADWORKS = 0x4000,
    ROAD_LANE_TRAM = 0x8000,
    ROAD_LANE_RAIL = 0x10000,
    ROAD_LANE_ENTRY = 0x20000,
    ROAD_LANE_EXIT = 0x40000,
    ROAD_LANE_OFFRAMP = 0x80000,
    ROAD_LANE_ONRAMP = 0x100000
};
#define ROAD_LANE_ANY 0xfffffffeu               /* all but NONE */
const char *road_lane_type_name(uint32_t type); /* "driving", "sidewalk", ...; "none" for anything else */

typedef struct road_info {
    uint32_t id; /* OpenDRIVE's */
    const char *name;
    double length_m;
    int junction; /* index, or -1 when the road is not part of a junction */
    int sections;
    double speed_mps; /* first road/type speed record, 0 = not given */
} road_info;
road_info road_map_road(const road_map *map, int road);
int road_find_road(const road_map *map, uint32_t road_id); /* index or -1 */

typedef struct road_section_info {
    double s0, s1;           /* s1 > s0, except in roads of length 0 */
    int lane_low, lane_high; /* lowest (right-most) and highest (left-most) id; ids in between all exist */
} road_section_info;
road_section_info road_map_section(const road_map *map, int road, int section);
int road_find_section(const road_map *map, int road, double s); /* s clamped into the road */
bool road_find_lane(const road_map *map, int road, int section, int lane);
/* One of ROAD_LANE_*; lane 0 has a type too (mostly none). */
uint32_t road_lane_type(const road_map *map, int road, int section, int lane);
/* Width polynomial at s, >= 0; 0 for lane 0. s outside the section is clamped into it. */
double road_lane_width(const road_map *map, int road, int section, int lane, double s);

/* ---- Surfaces, for builders of meshes ------------------------------------------------------------------------------ */

/* Positions s at which a section must be sampled so that straight pieces between them stay within max_error_m of the
 * curved borders and no piece is longer than max_step_m. Includes both ends of the section and every change of records (geometry,
 * width, offset, elevation, marks). Ascending, no duplicates (one position in a section without
 * length). Returns the number needed; writes at most `capacity`. */
int road_section_samples(const road_map *map, int road, int section, double max_error_m, double max_step_m, double *s,
                         int capacity);

/* The two border points of a lane at s, evaluated inside this section: at s1 the section's own left-hand limit is taken, so
 * that neighbouring sections do not leak into each other. `inner` is the side towards lane 0. For lane 0
 * both are the centre line. With laneOffset, elevation, superelevation and lane height records applied. Either pointer may be NULL. */
void road_lane_borders(const road_map *map, int road, int section, int lane, double s, base_vec3 *inner, base_vec3 *outer);
/* A point t_m to the right (towards negative lanes) of the reference line (laneOffset not included) and h_m above the
 * road surface, with the frame of the reference line at s (yaw along growing s). */
base_pose road_surface_pose(const road_map *map, int road, double s, double t_m, double h_m);

typedef enum road_mark_type { /* CARLA's LaneMarkingType */
                              ROAD_MARK_OTHER,
                              ROAD_MARK_BROKEN,
                              ROAD_MARK_SOLID,
                              ROAD_MARK_SOLID_SOLID,
                              ROAD_MARK_SOLID_BROKEN,
                              ROAD_MARK_BROKEN_SOLID,
                              ROAD_MARK_BROKEN_BROKEN,
                              ROAD_MARK_BOTTS_DOTS,
                              ROAD_MARK_GRASS,
                              ROAD_MARK_CURB,
                              ROAD_MARK_NONE
} road_mark_type;
typedef enum road_mark_color { /* CARLA's LaneMarkingColor; "standard" is white */
                               ROAD_COLOR_WHITE,
                               ROAD_COLOR_BLUE,
                               ROAD_COLOR_GREEN,
                               ROAD_COLOR_RED,
                               ROAD_COLOR_YELLOW,
                               ROAD_COLOR_OTHER
} road_mark_color;
enum { ROAD_CHANGE_NONE = 0, ROAD_CHANGE_RIGHT = 1, ROAD_CHANGE_LEFT = 2, ROAD_CHANGE_BOTH = 3 };

/* One strip of paint along a border. Double marks are two strips. Dashes start at mark s0 + s_offset_m. */
typedef struct road_strip {
    double right_m; /* centre of the strip, to the right of the border (towards negative lanes) */
    double width_m;
    double dash_m, gap_m; /* gap 0 = continuous */
    double s_offset_m;
} road_strip;
#define ROAD_STRIPS_MAX 4

/* A mark along the OUTER border of its lane (lane 0: along the centre line), valid for s in [s0, s1). */
typedef struct road_mark {
    road_mark_type type;
    road_mark_color color;
    double width_m;  /* of one strip */
    int lane_change; /* ROAD_CHANGE_*, as written for the record: increase -> RIGHT, decrease -> LEFT as CARLA does */
    double s0, s1;
    int strip_count;                    /* 0 for none, curb, grass and anything that is not paint */
    road_strip strips[ROAD_STRIPS_MAX]; /* from <type><line> children if given; else by type: dashes 3 m with
                                 gap 9 m above 50 km/h, 3 m with gap 4.5 m below; double lines one width apart */
} road_mark;
/* The mark records of one lane, ascending, one after another without gaps where the file gives several. Borrowed. */
const road_mark *road_lane_marks(const road_map *map, int road, int section, int lane, int *count);

/* ---- Waypoints ------------------------------------------------------------------------------------------------------ */

/* A place on the centre of a lane: a plain value. */
typedef struct road_waypoint {
    int road;         /* index */
    uint32_t road_id; /* OpenDRIVE's id of the same road */
    int section;      /* 0-based within the road */
    int lane;         /* != 0 */
    double s;         /* along the reference line */
} road_waypoint;

/* Nearest lane centre (3-D distance, z included as in CARLA) among lanes of the given types. `project` false: only when the
 * location lies within half a lane width (2-D) of that centre. False when there is none (out untouched).
 * Exact to about 1e-6 m (refined from a grid index). A few microseconds: it may be called per tick and actor. */
bool road_waypoint_at(const road_map *map, base_vec3 location, uint32_t lane_types, bool project, road_waypoint *out);
/* The same question as CARLA's get_waypoint answers it, for programs that must get the very waypoint that its clients get. CARLA
 * searches among chords of the lanes, cut at every 1.8 degrees of turn, and takes metres along a chord for metres of s: in
 * bends its s slips by up to half a metre, and where lanes run close together in junctions it may choose the other one. Needs
 * an index of its own, borrowed map included; as constant as the map, and about as quick. */
typedef struct road_carla_index road_carla_index;
road_carla_index *road_carla_index_create(const road_map *map, base_error *err);
void road_carla_index_destroy(road_carla_index *index); /* NULL is fine */
bool road_carla_waypoint_at(const road_carla_index *index, base_vec3 location, uint32_t lane_types, bool project,
                            road_waypoint *out);

/* By OpenDRIVE ids; false: road unknown, lane absent at s, s outside [0, length). */
bool road_waypoint_xodr(const road_map *map, uint32_t road_id, int lane, double s, road_waypoint *out);

/* Centre of the lane; yaw and pitch along travel (lanes > 0: against s), roll from superelevation. */
base_pose road_waypoint_pose(const road_map *map, const road_waypoint *w);
double road_waypoint_width(const road_map *map, const road_waypoint *w);
uint32_t road_waypoint_type(const road_map *map, const road_waypoint *w);
double road_waypoint_curvature(const road_map *map, const road_waypoint *w); /* of the lane centre, 1/m, right positive */
int road_waypoint_junction(const road_map *map, const road_waypoint *w);     /* junction's OpenDRIVE id, -1 = none */
/* Speed limit in m/s: the speed record of road/type (or of the lane) valid at s; 0 = the map gives none there. */
double road_waypoint_speed_limit(const road_map *map, const road_waypoint *w);
/* Right: the own lane's outer mark; left: the mark of the next lane towards the centre. type NONE where there is none. */
void road_waypoint_marks(const road_map *map, const road_waypoint *w, road_mark *left, road_mark *right);
int road_waypoint_lane_change(const road_map *map, const road_waypoint *w); /* ROAD_CHANGE_* bits in travel direction */
/* Signed distance of a location from the lane centre at its own s, positive to the right of travel, metres (2-D). */
double road_waypoint_lateral(const road_map *map, const road_waypoint *w, base_vec3 location);
/* Same road, section and lane, and s in the same half centimetre (CARLA's equality). */
bool road_waypoint_equal(const road_waypoint *a, const road_waypoint *b);

/* Neighbours in the same section. Left of lane +-1 is the opposite direction's lane -+1, as in CARLA. */
bool road_waypoint_left(const road_map *map, const road_waypoint *w, road_waypoint *out);
bool road_waypoint_right(const road_map *map, const road_waypoint *w, road_waypoint *out);

/* Waypoints distance_m ahead (behind) along travel, one per branch, distance measured along s as in CARLA; none at dead
 * ends. Returns how many there are; writes at most `capacity`. distance_m > 0. At most 4096 branches are followed. */
int road_waypoint_next(const road_map *map, const road_waypoint *w, double distance_m, road_waypoint *out, int capacity);
int road_waypoint_previous(const road_map *map, const road_waypoint *w, double distance_m, road_waypoint *out, int capacity);
/* First waypoints of the lanes that follow this lane section; returns how many, writes at most `capacity`. */
int road_waypoint_successors(const road_map *map, const road_waypoint *w, road_waypoint *out, int capacity);
int road_waypoint_predecessors(const road_map *map, const road_waypoint *w, road_waypoint *out,
                               int capacity); /* their last ones */

/* CARLA's next_until_lane_end and previous_until_lane_start: a waypoint every distance_m while there is exactly one and it is on
 * the same road, then the road's end (start). Returns how many there are, at most 4096; writes at most `capacity`. */
int road_waypoint_until_end(const road_map *map, const road_waypoint *w, double distance_m, road_waypoint *out, int capacity);
int road_waypoint_until_start(const road_map *map, const road_waypoint *w, double distance_m, road_waypoint *out, int capacity);
/* CARLA's generate_waypoints: on every road, in order of its index, at s = 0 (plus a hair), distance_m, 2 distance_m, ..., one for
 * each driving lane there. Returns how many there are; writes at most `capacity`. */
size_t road_map_waypoints(const road_map *map, double distance_m, road_waypoint *out, size_t capacity);

/* Pairs (start of a driving lane section, start of each successor; its own end at dead ends), CARLA's get_topology.
 * CARLA leaves out dead ends that lie at the end of s; they are here. */
typedef struct road_edge {
    road_waypoint from, to;
} road_edge;
const road_edge *road_map_topology(const road_map *map, size_t *count); /* borrowed until destroy */

/* Places to start from (CARLA's own are placed by hand in its levels and in no map file): every driving lane outside junctions, each
 * 12 m from 6 m after its road's start to 6 m before its end, through all sections of the road, where it is 2.5 m wide; heading
 * along travel, 0.5 m above the road; none within 5.5 m along and 2.3 m aside of another. In order of (road, section, lane, s),
 * the same for every load. At least one per map with a driving lane. Borrowed until destroy. */
const base_pose *road_map_spawn_points(const road_map *map, size_t *count);

/* ---- Routes --------------------------------------------------------------------------------------------------------- */

typedef enum road_option { /* CARLA's RoadOption */
                           ROAD_OPTION_VOID = -1,
                           ROAD_OPTION_LEFT = 1,
                           ROAD_OPTION_RIGHT = 2,
                           ROAD_OPTION_STRAIGHT = 3,
                           ROAD_OPTION_LANE_FOLLOW = 4,
                           ROAD_OPTION_CHANGE_LEFT = 5,
                           ROAD_OPTION_CHANGE_RIGHT = 6
} road_option;

typedef struct road_route_point {
    double x, y, z, yaw_deg;
    double s_m;             /* along the route, from 0 */
    double curvature_per_m; /* right positive; analytic, of the lane centre */
    double lane_width_m;
    double speed_limit_mps; /* 0 = none given */
    road_waypoint waypoint;
    int junction;       /* OpenDRIVE id of the junction, -1 outside */
    road_option option; /* LEFT/RIGHT/STRAIGHT inside junctions, CHANGE_* on lane changes, else LANE_FOLLOW */
} road_route_point;

/* Dense points along lane centres, about step_m apart (the last one exactly at the end). */
typedef struct road_route {
    road_route_point *points;
    size_t count; /* >= 2 */
    double length_m;
} road_route;

/* Shortest way by lane length through all `key_count` >= 2 waypoints in order (lane changes allowed where the marks allow
 * them, each costs 5 m extra). A key equal to the one before it asks for a full loop back to it. Fails with
 * BASE_ARGUMENT if some leg has no way. */
bool road_route_find(const road_map *map, const road_waypoint *keys, size_t key_count, double step_m, road_route *out,
                     base_error *err);
/* Follow the lane from `start` for length_m, choosing at each fork by hash(seed, number of the fork). Ends early (no
 * error) at a dead end; fails when nothing lies ahead. On a closed road it goes round as often as the length asks. */
bool road_route_follow(const road_map *map, const road_waypoint *start, double length_m, double step_m, uint64_t seed,
                       road_route *out, base_error *err);
void road_route_free(road_route *route); /* {0} is fine */

/* Where a location is along a route. */
typedef struct road_route_place {
    size_t index;     /* segment points[index] .. points[index + 1] */
    double s_m;       /* along the route, 0 .. length_m */
    double lateral_m; /* positive right of the route, 2-D */
    double yaw_deg;   /* of the route there */
    double curvature_per_m;
} road_route_place;
/* Nearest segment with s in [from_s_m, to_s_m] (pass 0 and INFINITY to search all; a window about the last place keeps a
 * route that crosses or repeats itself apart, and makes the call cheap). */
road_route_place road_route_locate(const road_route *route, base_vec3 location, double from_s_m, double to_s_m);
/* Interpolated point at s (clamped to the route); discrete members are those of the point before. */
road_route_point road_route_at(const road_route *route, double s_m);

/* ---- Signals, controllers, junctions, objects ------------------------------------------------------------------------ */

typedef enum road_orientation { ROAD_ORIENTATION_PLUS, ROAD_ORIENTATION_MINUS, ROAD_ORIENTATION_BOTH } road_orientation;
/* Signal kinds by OpenDRIVE type string, as CARLA reads them: lights 1000001, 1000002, 1000007..1000020, F, W, A;
 * stop 206; yield 205; speed limit 274. */
typedef enum road_signal_kind {
    ROAD_SIGNAL_OTHER,
    ROAD_SIGNAL_TRAFFIC_LIGHT,
    ROAD_SIGNAL_STOP,
    ROAD_SIGNAL_YIELD,
    ROAD_SIGNAL_SPEED_LIMIT
} road_signal_kind;

typedef struct road_signal {
    const char *id, *name, *type, *subtype, *country, *unit, *text; /* never NULL */
    road_signal_kind kind;
    bool dynamic;
    bool painted; /* a stop written on the road: no post */
    road_orientation orientation;
    double value;      /* as written, 0 when absent */
    int road;          /* index of the road that carries it */
    double s, t_m;     /* t positive to the right (OpenDRIVE's negated), reference line without laneOffset */
    double z_offset_m; /* as written; NOT in the pose, as in CARLA (its maps use it for pole bases) */
    double h_offset_rad, pitch_rad, roll_rad; /* as written: OpenDRIVE's sense */
    double width_m, height_m;
    base_pose pose; /* z on the road surface; yaw = along s plus hOffset; pitch = roll = 0 */
} road_signal;
int road_signal_count(const road_map *map);
/* Objects named Speed_30 (any number) or Stencil_STOP are signals too, of kind SPEED_LIMIT and STOP, as in CARLA. */
road_signal road_map_signal(const road_map *map, int signal);

/* Which lanes a signal is for: one record per <validity> of the signal and of each signalReference. A record without
 * validity follows CARLA's rule: '+' -> lanes 1..max, '-' -> min..-1, none -> one record for each side. */
typedef struct road_signal_use {
    int signal, road; /* indices */
    double s;
    int from_lane, to_lane; /* inclusive, from <= to */
    bool reference;         /* from a signalReference */
} road_signal_use;
const road_signal_use *road_map_signal_uses(const road_map *map, size_t *count);

/* A landmark is what CARLA calls a signal or a reference to one: the same light may be a landmark on several roads. */
typedef struct road_landmark {
    int signal, road; /* indices */
    double s, t_m;    /* on that road; t positive to the right */
    road_orientation orientation;
    bool reference;
    const road_signal_use *uses; /* its lanes; borrowed until destroy */
    int use_count;
} road_landmark;
/* In file order: signals and references of a road, then the next road's. Those whose only lane is 0 are none; signals painted on the
 * road are some up to 0.9.15, 0.9.16 leaves them out. */
int road_landmark_count(const road_map *map);
road_landmark road_map_landmark(const road_map *map, int landmark);
/* Landmarks with this signal id and of this OpenDRIVE type (NULL: any). Returns how many; writes at most `capacity` indices. */
int road_find_landmarks(const road_map *map, const char *signal_id, const char *type, int *out, int capacity);
/* Those of all signals that share a controller with this one's signal, in CARLA the group that switches together. */
int road_landmark_group(const road_map *map, int landmark, int *out, int capacity);
/* Where the landmark.transform of CARLA 0.9.`release` puts the signal: lights 0.25 m along their heading, and whatever stands
 * within 0.7 lane widths of a driving or shoulder lane's centre pushed off it to the side. Up to 0.9.15 zOffset counts for
 * objects only (it is looked for as "zOffSet" in signals); 0.9.16 adds it for both. */
base_pose road_signal_place(const road_map *map, int signal, int release);
/* Landmarks ahead of a waypoint that are for the lane, along travel and through all branches, each once, as CARLA's
 * get_landmarks. At most 4096 are found. */
typedef struct road_landmark_ahead {
    int landmark;
    double distance_m;      /* along s */
    road_waypoint waypoint; /* on the lane searched, beside the landmark */
} road_landmark_ahead;
int road_waypoint_landmarks(const road_map *map, const road_waypoint *w, double distance_m, bool stop_at_junction,
                            road_landmark_ahead *out, int capacity);

typedef struct road_controller {
    const char *id, *name;
    const int *signals; /* indices, without repetitions */
    int signal_count;
} road_controller;
int road_controller_count(const road_map *map);
road_controller road_map_controller(const road_map *map, int controller);

typedef struct road_junction {
    int id; /* OpenDRIVE's */
    const char *name;
    const int *roads; /* indices of its connecting roads */
    int road_count;
    const int *controllers; /* indices */
    int controller_count;
    base_vec3 low, high;      /* box around its lanes' borders */
    base_vec3 center, extent; /* CARLA's bounding_box: around lane centres, sampled at a tenth of each lane */
} road_junction;
int road_junction_count(const road_map *map);
road_junction road_map_junction(const road_map *map, int junction);
int road_find_junction(const road_map *map, int id); /* index or -1 */
/* CARLA's junction.get_waypoints: start and end of every lane of these types, for each connection. Returns how many pairs there
 * are; writes at most `capacity`. */
int road_junction_waypoints(const road_map *map, int junction, uint32_t lane_types, road_edge *out, int capacity);

/* Objects: crosswalks, stop lines, parking places, anything with a name. Outlines are given in the world. */
typedef struct road_object {
    const char *id, *name, *type; /* type lower-case, e.g. "crosswalk"; "" when absent */
    int road;
    double s, t_m;                      /* t positive right */
    base_pose pose;                     /* z includes zOffset; yaw = road's plus hdg */
    double length_m, width_m, height_m; /* 0 = not given */
    const base_vec3 *outline;           /* corners, first one not repeated */
    int outline_count;                  /* 0 = none */
} road_object;
int road_object_count(const road_map *map);
road_object road_map_object(const road_map *map, int object);
/* get_crosswalks of CARLA 0.9.`release`: the corners of all crosswalks one after the other, each outline closed by its first
 * corner where the file repeats it. 0.9.16 gives the outlines as drawn; up to 0.9.15 they are one metre longer at either
 * end, to reach the sidewalks, not mirrored with the frame, and t is turned with them. Returns how many corners; writes at
 * most `capacity`. */
int road_map_crosswalks(const road_map *map, int release, base_vec3 *out, int capacity);
#endif
