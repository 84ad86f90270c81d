/* sim/town/scenery_internal.h — what the scenery builders share.
 *
 *   scenery.c          order of building, the public functions
 *   scenery_road.c     lanes, marks, kerbs -> strips of surface, and the footprint they leave
 *   scenery_raster.c   footprint -> raster of what is paved, distances, gaps between roads
 *   scenery_ground.c   the ground around it
 *   scenery_surface.c  footprint -> the height of the road at a point
 *   scenery_paint.c    crosswalks, stop lines, arrows, letters, and the wear of asphalt
 *   scenery_rail.c     bridges: decks, pillars, parapets; guard rails
 *   scenery_yard.c     what builders of standing things share
 *   scenery_place.c    who stands where: scenery_building.c, scenery_tree.c, scenery_signal.c, and lamps, fences, bushes
 *   scenery_street.c   parked cars and street furniture
 *   scenery_object.c   the list of all these things
 *   scenery_body.c     cars, wheels, lamps of traffic lights
 *   scenery_rider.c    walkers and riders */
#ifndef SIM_TOWN_SCENERY_INTERNAL_H
#define SIM_TOWN_SCENERY_INTERNAL_H
#include "sim/town/scenery.h"

/* Materials by name, so that builders need not know numbers. */
typedef enum scenery_material {
    MATERIAL_ASPHALT,
    MATERIAL_SHOULDER,
    MATERIAL_PATCH,
    MATERIAL_TAR,
    MATERIAL_MANHOLE,
    MATERIAL_WHITE_PAINT,
    MATERIAL_YELLOW_PAINT,
    MATERIAL_BLUE_PAINT,
    MATERIAL_GREEN_PAINT,
    MATERIAL_RED_PAINT,
    MATERIAL_PAVING,
    MATERIAL_KERB,
    MATERIAL_GRASS,
    MATERIAL_ROOF,
    MATERIAL_ROOF_TILES,
    MATERIAL_BARK,
    MATERIAL_BARK_LIGHT,
    MATERIAL_LEAF,
    MATERIAL_LEAF_DARK,
    MATERIAL_LEAF_LIGHT,
    MATERIAL_POLE,
    MATERIAL_RAIL,
    MATERIAL_WOOD,
    MATERIAL_WHITE,
    MATERIAL_BLACK,
    MATERIAL_LAMP,
    MATERIAL_RED_LIGHT,
    MATERIAL_YELLOW_LIGHT,
    MATERIAL_GREEN_LIGHT,
    MATERIAL_DARK_LENS,
    MATERIAL_HOUSING,
    MATERIAL_CAR_PAINT,
    MATERIAL_CAR_GLASS,
    MATERIAL_TYRE,
    MATERIAL_RIM,
    MATERIAL_HEADLIGHT,
    MATERIAL_TAILLIGHT,
    MATERIAL_SKIN,
    MATERIAL_CLOTH,
    MATERIAL_TROUSERS,
    MATERIAL_JEANS,
    MATERIAL_BEIGE,
    MATERIAL_SKIN_DARK,
    MATERIAL_HAIR,
    MATERIAL_HAIR_FAIR,
    MATERIAL_CABINET,
    MATERIAL_BANNER_A,
    MATERIAL_BANNER_B,
    MATERIAL_BANNER_C,
    MATERIAL_COUNT
} scenery_material;

/* ---- footprint of the roads: quads in the plane with heights */

typedef enum scenery_paved { PAVED_NONE, PAVED_ROAD, PAVED_WALK, PAVED_GREEN } scenery_paved;

typedef struct scenery_quad {
    float x[4], y[4], z[4];
    uint8_t kind; /* scenery_paved */
    bool deck;    /* of a bridge: the ground below goes its own way */
} scenery_quad;

typedef struct scenery_footprint {
    scenery_quad *quads;
    size_t count, capacity;
    bool failed;
} scenery_footprint;

#define SCENERY_COARSE_M 16.0 /* cells of the ground, which the raster is a whole number of */

/* ---- raster of the ground plane: cells of cell_m, row by row along +y, from (x0, y0) */

typedef struct scenery_raster {
    double x0, y0, cell_m;
    int width, height;
    uint8_t *kind;    /* [height][width] scenery_paved */
    float *level;     /* [height][width] z of the pavement; where there is none, of the ground that slopes between pavements */
    float *outside_m; /* [height][width] distance to the nearest paved cell, 0 on it */
    uint8_t *taken;   /* [height][width] 1 = a building, tree, ... stands here */
    uint8_t *yard;    /* [height][width] 1 = paved ground before a town's building: no hedges, no grass */
} scenery_raster;

#define SCENERY_LIGHT_HEAD ((base_vec3){ 0.14, 0.19, 0.52 }) /* half sizes of the housing of three lamps */
typedef struct town_scenery_light_head {
    base_pose pose;
    bool is_light;
} town_scenery_light_head;

#define SCENERY_PROPS     7
#define SCENERY_KINDS_MAX 64
#define SCENERY_BAY_M     6.2 /* of parking lanes, along the road */
#define SCENERY_PARKED    4   /* bodies that stand parked: sedan, hatch, SUV, van */
#define SCENERY_PEOPLE    3
#define SCENERY_PHASES    12 /* meshes of one stride of a walker */
#define SCENERY_COATS     8  /* and their colours */

/* Quads of the footprint by square cells of the ground plane. */
typedef struct scenery_surface_index {
    double x0, y0;
    int width, height;
    uint32_t *first; /* [height*width + 1] into members */
    uint32_t *members;
} scenery_surface_index;

typedef struct scenery_lamp {
    base_vec3 at;
    uint16_t lens; /* its own material */
} scenery_lamp;

typedef struct town_scenery_id {
    uint64_t id;
    int index;
} town_scenery_id;

struct town_scenery {
    const road_map *map; /* NULL: a plain */
    town_scenery_options options;
    uint64_t seed;
    scene *scene;
    uint16_t material[MATERIAL_COUNT];
    scene_mesh parked[SCENERY_PARKED]; /* in metres, wheels included; until the scene is finished */
    uint16_t coat[SCENERY_COATS];
    int body[8], wheel, spoked_wheel, walker[SCENERY_PEOPLE][SCENERY_PHASES], lamp[3], prop[SCENERY_PROPS];
    town_scenery_light_head *lights; /* [signals]; of dark or other signals is_light is false */
    int light_count;
    scenery_footprint footprint;
    scenery_surface_index surface;
    scenery_raster raster;
    town_scenery_object *objects;
    int object_count, object_capacity;
    bool objects_failed;
    town_scenery_id *ids; /* ascending */
    scenery_lamp *lamps;
    int lamp_count, lamp_capacity;
    struct {
        const char *name;
        int count;
    } kinds[SCENERY_KINDS_MAX];
    int kind_count;
    /* the stretch of ground being built: an object per tag, begun by the first surface that has it */
    char piece_name[24];
    base_pose piece_at;
    uint32_t piece[32];
};

static inline scene_surface scenery_surface(const town_scenery *t, scenery_material m, uint8_t tag, uint8_t flags)
{
    return (scene_surface){ .material = t->material[m], .tag = tag, .flags = flags };
}

/* A thing begins: returns the instance number for its triangles (0: out of memory, noted). kind, and tag, are those of its name and
 * main surface; suffix NULL: things of a kind are numbered. */
uint32_t scenery_object_begin(town_scenery *t, const char *kind, const char *suffix, uint8_t tag, uint16_t layer, base_pose at);
/* From here on surfaces from scenery_piece_surface belong to this stretch: "Road_<suffix>", "Sidewalk_<suffix>", ... */
void scenery_piece_begin(town_scenery *t, const char *suffix, base_pose at);
scene_surface scenery_piece_surface(town_scenery *t, scenery_material m, uint8_t tag, uint8_t flags);
/* A street lamp whose lens is at this place; returns the lens's material. */
uint16_t scenery_lamp_add(town_scenery *t, base_vec3 at);
/* All triangles are there: boxes and ids. */
bool scenery_objects_finish(town_scenery *t, const scene_mesh *m, base_error *err);

void scenery_materials_add(town_scenery *t);

scenery_material scenery_paint_of(road_mark_color c);
bool scenery_roads_build(town_scenery *t, scene_mesh *m, base_error *err);
/* Raster from the footprint; fills gaps that roads enclose (added to m as asphalt). */
bool scenery_raster_build(town_scenery *t, scene_mesh *m, base_error *err);
void scenery_raster_free(scenery_raster *r);
bool scenery_ground_build(town_scenery *t, scene_mesh *m, base_error *err);
bool scenery_plain_build(town_scenery *t, scene_mesh *m, base_error *err); /* without a map */
/* Height of the ground where nothing is paved. */
double scenery_ground_z(const town_scenery *t, double x, double y);
int scenery_cell(const scenery_raster *r, double x, double y); /* index or -1 */
/* Distance to the nearest pavement; beyond the raster an estimate from its rim. */
double scenery_outside_m(const scenery_raster *r, double x, double y);
/* Does the quad cover the point (seen from above), and at what height? */
bool scenery_quad_z(const scenery_quad *q, double x, double y, double *z);
bool scenery_surface_build(town_scenery *t, base_error *err);
void scenery_surface_free(town_scenery *t);
/* Height of the uppermost surface of this kind at (x, y) within 1 m of z; false: there is none. */
bool scenery_surface_z(const town_scenery *t, scenery_paved kind, double x, double y, double z, double *out);
/* Is the road surface at this height there a bridge's? */
bool scenery_is_deck(const town_scenery *t, double x, double y, double z);
/* Text as rectangles, in letters' pitches across from the middle and in heights of a letter up from the middle. */
typedef struct scenery_text_run {
    double left, right, low, high;
} scenery_text_run;
#define SCENERY_TEXT_RUNS 64
int scenery_text_runs(const char *text, scenery_text_run *runs,
                      int most); /* how many; letters that the font lacks stay blank */
bool scenery_paint_build(town_scenery *t, scene_mesh *m, base_error *err);
bool scenery_objects_build(town_scenery *t, scene_mesh *m, base_error *err);
bool scenery_bodies_build(town_scenery *t, base_error *err);
bool scenery_props_build(town_scenery *t, base_error *err);
#endif
