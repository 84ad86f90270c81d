/* sim/town/scenery.h — the scene around a road map: what the embedded simulator's cameras see and its cars run into.
 *
 * Usual order: town_scenery_build once per map, render_create on its scene, and for each frame a list of scene_instance
 * values filled by town_scenery_vehicle, _walker and _lights; town_scenery_destroy at the end.
 *
 * Roads are cut, not painted over: a mark is its own strip of the road's surface (tag RoadLine), flush with it. Lanes keep
 * their types (driving, shoulder, sidewalk behind a kerb, grass); junctions are filled; the ground follows the roads' height and
 * leaves them free; buildings, trees, lamps and fences keep off them. Everything follows from map and seed.
 *
 * Where one road crosses high above another it is a bridge, and the ground slopes between roads of different height.
 *
 * Not modelled: interiors. */
#ifndef SIM_TOWN_SCENERY_H
#define SIM_TOWN_SCENERY_H
#include "base/pool.h"
#include "sim/road/road.h"
#include "sim/scene/scene.h"

typedef struct town_scenery town_scenery;

/* What CARLA's generator for OpenDRIVE files can be told. */
typedef struct town_scenery_options {
    double wall_height_m;      /* of walls along both edges of roads outside junctions, 0 .. 50; 0: none; default 0 */
    double additional_width_m; /* that roads in junctions get on each side, 0 .. 10; default 0 */
    double vertex_distance_m;  /* roads are cut across at least this often, 0.1 .. 100; default 10 */
    base_pool *pool; /* works while the scenery is built, the result is the same; NULL, the default: the caller alone */
} town_scenery_options;
town_scenery_options town_scenery_options_default(void);
bool town_scenery_options_check(const town_scenery_options *o, base_error *err);

/* map NULL: an endless plain at z = 0 (2 km across). The map must outlive the scenery. options NULL: the defaults. */
town_scenery *town_scenery_build(const road_map *map, uint64_t seed, base_error *err);
town_scenery *town_scenery_build_with(const road_map *map, uint64_t seed, const town_scenery_options *o, base_error *err);
void town_scenery_destroy(town_scenery *t);
const scene *town_scenery_scene(const town_scenery *t); /* borrowed until destroy; finished */

/* ---- what stands there, thing by thing: road pieces, buildings, trees, lamps, fences, signs ---- */

enum { /* CARLA's MapLayer bits */
       TOWN_LAYER_BUILDINGS = 1,
       TOWN_LAYER_DECALS = 2,
       TOWN_LAYER_FOLIAGE = 4,
       TOWN_LAYER_GROUND = 8,
       TOWN_LAYER_PARKED_VEHICLES = 0x10,
       TOWN_LAYER_PARTICLES = 0x20,
       TOWN_LAYER_PROPS = 0x40,
       TOWN_LAYER_STREET_LIGHTS = 0x80,
       TOWN_LAYER_WALLS = 0x100,
       TOWN_LAYER_ALL = 0xffff
};

typedef struct town_scenery_object {
    uint64_t id;       /* from the name: the same after every build of the same map and seed */
    char name[40];     /* "Building_12", "Road_7": unique in the map */
    uint32_t instance; /* of its triangles */
    uint8_t tag;
    uint16_t layer;    /* TOWN_LAYER_*; 0: in no layer, always there */
    base_pose pose;    /* where it stands */
    scene_box box;     /* in the world, along the pose's axes */
    double sheet_m;    /* a sheet of paint or bitumen this far above the road that carries it; 0: no sheet */
    bool shown, taken; /* taken: a client took it away */
    /* working values of the builder */
    scene_bounds bounds;
    base_vec3 low, high; /* in the pose's frame */
    uint32_t triangles;  /* 0: nothing of it is to be seen (covered, or too short) */
} town_scenery_object;

int town_scenery_object_count(const town_scenery *t);
const town_scenery_object *town_scenery_object_at(const town_scenery *t, int index); /* borrowed until destroy */
int town_scenery_object_find(const town_scenery *t, uint64_t id);                    /* -1: none */
int town_scenery_object_of(const town_scenery *t, uint32_t instance);                /* of a static triangle; -1: none */
double town_scenery_sheet_m(const town_scenery *t,
                            uint32_t instance); /* how far the road is below a triangle of this instance */
/* Take it out of picture, rays and collisions, or put it back. Not while somebody reads the scene. */
void town_scenery_object_show(town_scenery *t, int index, bool shown);
void town_scenery_object_take(town_scenery *t, int index, bool taken); /* only noted */
/* Give all its surfaces this linear reflectance; their patterns stay. */
bool town_scenery_object_paint(town_scenery *t, int index, const float rgb[3]); /* false: too many materials */

/* Street lamps: lens of each, which shines in a colour or not at all. */
int town_scenery_lamp_count(const town_scenery *t);
base_vec3 town_scenery_lamp_at(const town_scenery *t, int index);
/* rgb NULL: dark; else linear colour, and light given off as a multiple of it. Not while somebody reads the scene. */
void town_scenery_lamp_set(town_scenery *t, int index, const float rgb[3], float emission);

#define TOWN_SCENERY_PARTS 5 /* instances of one vehicle at most: body and wheels */

typedef struct town_scenery_car { /* what a vehicle looks like in one frame */
    const char *blueprint;        /* "vehicle.lincoln.mkz_2020": chooses the body; unknown ids go by their size */
    base_vec3 extent;             /* half sizes of its box; the body is scaled to fill it */
    double wheel_radius_m;        /* 0: a usual one for the size */
    double wheelbase_m;           /* distance of the axles; 0: a usual one */
    base_pose pose;               /* of the actor: on the ground, below the middle of the box */
    double steer_deg;             /* front wheels, right positive */
    double roll_deg;              /* how far the wheels have turned, forward positive */
    float tint[3];                /* linear reflectance of the paint */
    float glow[SCENE_GLOWS];      /* emission of its lamps */
    uint32_t id;                  /* instance id of all its parts */
} town_scenery_car;

/* Writes parts[TOWN_SCENERY_PARTS], returns how many. */
int town_scenery_vehicle(const town_scenery *t, const town_scenery_car *car, scene_instance *parts);
/* Middles of the lamps of that body in the actor's frame: front left, front right, rear left, rear right; of a two-wheeler front,
 * rear. Returns 4 or 2. */
int town_scenery_lamps(const char *blueprint, base_vec3 extent, base_vec3 lamps[4]);
/* A walker of half height extent_z, standing at pose (ground level); phase: steps taken, 1.0 = one stride. One instance. */
int town_scenery_walker(const town_scenery *t, const base_pose *pose, double extent_z, double phase, const float tint[3],
                        uint32_t id, scene_instance *part);
/* A "static.prop.*" of these half sizes standing at pose (ground level); unknown ids are wooden boxes. One instance. */
int town_scenery_prop(const town_scenery *t, const char *blueprint, const base_pose *pose, base_vec3 extent, uint32_t id,
                      scene_instance *part);
/* Lit lamp of one of the map's traffic lights; state: 0 red, 1 yellow, 2 green, others dark. Poles and heads are part of the
 * scene. Returns 0 or 1 instance. signal: index into the map's signals. */
int town_scenery_light(const town_scenery *t, int signal, int state, uint32_t id, scene_instance *part);
/* Housing of its lamps, in the world; false: the signal is no light. extent: half sizes */
bool town_scenery_light_box(const town_scenery *t, int signal, base_pose *pose, base_vec3 *extent);
#endif
