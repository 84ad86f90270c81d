/* sim/town/scenery_yard.h — what the builders of standing things share: surfaces, room on the raster, walking along roads. */
#ifndef SIM_TOWN_SCENERY_YARD_H
#define SIM_TOWN_SCENERY_YARD_H
#include "base/random.h"
#include "sim/town/scenery_internal.h"

typedef struct yard { /* the builders' common state */
    town_scenery *town;
    scene_mesh *mesh;
    uint32_t instance; /* of the thing being built */
    uint16_t wall[16];
    int wall_count;
} yard;

/* A thing begins; surfaces from here on are its. */
void yard_begin(yard *y, const char *kind, uint8_t tag, uint16_t layer, base_vec3 foot, double yaw_deg);
static inline scene_surface yard_thing(const yard *y, uint16_t material, uint8_t tag, uint8_t flags)
{
    return (scene_surface){ .material = material, .tag = tag, .flags = flags, .instance = y->instance };
}
static inline scene_surface yard_known(const yard *y, scenery_material m, uint8_t tag, uint8_t flags)
{
    return yard_thing(y, y->town->material[m], tag, flags);
}
static inline double yard_pick(base_random *d, double lo, double hi) { return base_random_range(d, lo, hi); }

/* ---- room on the raster */

typedef struct plot {
    double x, y, cos_yaw, sin_yaw, half_x, half_y;
} plot; /* rectangle, its x axis along cos, sin */

base_vec3 plot_point(const plot *p, double x, double y, double z);
/* Nothing stands there, and all of it is `clearance` metres off any pavement. */
bool plot_free(const yard *y, const plot *p, double clearance);
/* Nothing stands there, and all of it is on this kind of pavement. */
bool plot_paved(const yard *y, const plot *p, scenery_paved kind);
void plot_take(yard *y, const plot *p, double margin);
/* A box on a plot: (x, v) in its frame, z in the world. */
void plot_box(yard *y, const plot *p, double x, double v, double z, base_vec3 extent, scene_surface s);

/* ---- walking along roads */

typedef struct edge_point {
    base_vec3 at;
    double out_x, out_y;
    bool walk;
    bool deck;          /* the road is a bridge there (known to visitors) */
    uint32_t lane_type; /* of the outermost lane */
    double lane_m;      /* its width */
    double limit_mps;   /* speed limit there, 0: unknown */
} edge_point;           /* pavement's edge, unit vector off the road */

bool yard_edge(const road_map *map, int road, double s, bool right, edge_point *e);
typedef void (*yard_visitor)(yard *y, base_random *d, const edge_point *e, int road, int step, bool right);
/* Visit both edges of every road outside junctions, every `step_m` metres from half a step on. */
void yard_along_roads(yard *y, const char *purpose, double step_m, yard_visitor visit);
/* ---- scenery_rail.c */

/* Does a guard rail run along this edge? On fast roads, and above a drop. */
bool yard_has_rail(const yard *y, const edge_point *e);
/* Bridges and guard rails of all roads. */
void yard_rails(yard *y);

/* ---- scenery_street.c */

/* Parked cars on parking lanes, furniture along sidewalks. */
void yard_streets(yard *y);

/* ---- scenery_tree.c */

/* A spray of leaves at a place of a crown or hedge about `centre`. */
void yard_leaf_card(yard *y, base_random *d, base_vec3 at, base_vec3 centre, double size, double light, scene_surface s);
/* Ball of few triangles, its corners pushed in and out by `rough` parts: the mass of a crown, hedge balls. */
void yard_blob(yard *y, base_random *d, base_vec3 c, double rx, double rz, double light, int around, int rings, double rough,
               scene_surface s);
/* species: 0 what grows anywhere, 1 palm, 2 cypress. detail: with leaves of its own. True when there was room. */
bool yard_tree(yard *y, base_random *d, double px, double py, double clearance, bool detail, int species);

/* ---- scenery_building.c */

void yard_wall_materials(yard *y); /* y->wall: before the first building */
/* How built-up a place is, 0..1, in patches of about 120 m. */
double yard_density(const yard *y, double px, double py);
/* A building beside the edge point; *frontage is how far it reaches along the road. True when there was room. */
bool yard_building(yard *y, base_random *d, base_vec3 edge, double out_x, double out_y, bool town, double *frontage);

/* ---- scenery_signal.c */

void yard_signal(yard *y, int index); /* of the map's signals */

#endif
