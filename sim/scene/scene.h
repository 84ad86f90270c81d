/* sim/scene/scene.h — the world as triangles: what is drawn, hit by rays and collided with is the same geometry.
 *
 * Usual order: scene_create, scene_material_add for each material, build meshes (scene_mesh_vertex, _triangle, _quad, _box),
 * scene_add_static and scene_add_mesh, scene_finish once; from then on its shape is constant and any thread may read it. What
 * static triangles look like, and whether they are there at all, may still change between two frames: scene_edit.
 * What moves is not in the scene: each frame lists scene_instance values (mesh, pose, colour, id) beside it.
 *
 * Frame: CARLA's (left-handed, x forward, y right, z up, metres). A triangle's front is the side from which its vertices
 * run clockwise on the screen; normals are given per vertex and used for light only.
 *
 * Texture coordinates are in metres along the surface; a material's texture says how many metres one repeat covers. */
#ifndef SIM_SCENE_SCENE_H
#define SIM_SCENE_SCENE_H
#include "base/error.h"
#include "base/geom.h"
#include "base/pool.h"
#include <stdint.h>

/* Semantic tags, CARLA's numbers from 0.9.14 on. sim/wire translates them for older versions. */
enum {
    SCENE_TAG_NONE = 0,
    SCENE_TAG_ROADS = 1,
    SCENE_TAG_SIDEWALKS = 2,
    SCENE_TAG_BUILDINGS = 3,
    SCENE_TAG_WALLS = 4,
    SCENE_TAG_FENCES = 5,
    SCENE_TAG_POLES = 6,
    SCENE_TAG_TRAFFIC_LIGHT = 7,
    SCENE_TAG_TRAFFIC_SIGNS = 8,
    SCENE_TAG_VEGETATION = 9,
    SCENE_TAG_TERRAIN = 10,
    SCENE_TAG_SKY = 11,
    SCENE_TAG_PEDESTRIANS = 12,
    SCENE_TAG_RIDER = 13,
    SCENE_TAG_CAR = 14,
    SCENE_TAG_TRUCK = 15,
    SCENE_TAG_BUS = 16,
    SCENE_TAG_TRAIN = 17,
    SCENE_TAG_MOTORCYCLE = 18,
    SCENE_TAG_BICYCLE = 19,
    SCENE_TAG_STATIC = 20,
    SCENE_TAG_DYNAMIC = 21,
    SCENE_TAG_OTHER = 22,
    SCENE_TAG_WATER = 23,
    SCENE_TAG_ROAD_LINE = 24,
    SCENE_TAG_GROUND = 25,
    SCENE_TAG_BRIDGE = 26,
    SCENE_TAG_RAIL_TRACK = 27,
    SCENE_TAG_GUARD_RAIL = 28
};

/* Surface patterns; the renderer makes the pictures, the scene only names them. */
typedef enum scene_texture {
    SCENE_PLAIN,          /* colour with a faint grain */
    SCENE_ASPHALT,        /* 8 m per repeat */
    SCENE_PAINT,          /* worn road paint, 4 m */
    SCENE_PAVING,         /* slabs with joints, 3 m */
    SCENE_CONCRETE,       /* 4 m */
    SCENE_GRASS,          /* 8 m */
    SCENE_EARTH,          /* 8 m */
    SCENE_BRICK,          /* bricks, 2 m */
    SCENE_FACADE_BRICK,   /* one window bay and floor per 3 x 3 m, four different ones per repeat: brick wall */
    SCENE_FACADE_PLASTER, /* same: plain wall, tall windows */
    SCENE_FACADE_OFFICE,  /* same: ribbon glazing */
    SCENE_FACADE_SHOP,    /* same: ground floor with shop windows */
    SCENE_ROOF,           /* gravel and seams, 4 m */
    SCENE_BARK,           /* 1 m */
    SCENE_LEAF,           /* leaf mass, 2 m */
    SCENE_WOOD,           /* planks, 2 m */
    SCENE_METAL,          /* brushed, 2 m */
    SCENE_CAR_PAINT,      /* clear coat: reflects the sky; takes the instance's tint */
    SCENE_GLASS,          /* dark, reflects the sky */
    SCENE_RUBBER,
    SCENE_FACADE_GLASS, /* as the other facades: curtain wall of glass between thin mullions */
    SCENE_FACADE_STONE, /* same: blocks of stone, round-headed windows */
    SCENE_BANNER,       /* printed cloth or poster, 3 m: patches of other colours */
    SCENE_TEXTURE_COUNT
} scene_texture;

/* Metres covered by one repeat of a texture, along u and v. */
float scene_texture_repeat_m(scene_texture t);

typedef struct scene_material {
    float rgb[3]; /* reflectance, linear, 0..1; multiplies the texture */
    scene_texture texture;
    float gloss;    /* 0 = matt, 1 = mirror-like reflection of the sky at grazing angles */
    float emission; /* light given off, as a multiple of rgb (lamps); 0 for almost everything */
    bool is_own;    /* made by scene_material_own */
    uint8_t glow;   /* 0, or 1 + the number of the instance's glow that is added to emission: lamps of things that move */
} scene_material;

/* Reflectance as a material wants it, from a colour as files and clients give it (sRGB, 0..1; IEC 61966-2-1). */
double scene_linear_from_srgb(double srgb);

typedef struct scene_vertex {
    float position[3];
    float uv[2];       /* metres along the surface */
    int16_t normal[3]; /* unit vector * 32767 */
    uint16_t light;    /* baked share of sky light, 65535 = open (corners, crowns and kerbs are darker) */
} scene_vertex;

enum {
    SCENE_TWO_SIDED = 1, /* leaves, fences: drawn from both sides, the normal turned towards the eye */
    SCENE_NO_SHADOW = 2, /* casts none: roads, terrain */
    /* Too small to matter from afar: pictures leave it out beyond a distance (render_options), rays do not. */
    SCENE_DETAIL = 8,
    SCENE_DETAIL_FAR = 16, /* the same, at four times that distance */
    SCENE_THIN = 4,        /* not an obstacle for scene_box_hit: leaves, grass */
    SCENE_HIDDEN = 32      /* taken out by scene_edit: not drawn, casts no shadow, stops neither ray nor box */
};

typedef struct scene_triangle {
    uint32_t vertex[3];
    uint16_t material;
    uint8_t tag, flags;
    uint32_t instance; /* id in instance segmentation; 0 = none */
} scene_triangle;

/* A growing triangle mesh. Start from {0}; a failed allocation sets `failed`, later calls do nothing, and
 * scene_add_static / scene_add_mesh report it. */
typedef struct scene_mesh {
    scene_vertex *vertices;
    scene_triangle *triangles;
    uint32_t vertex_count, vertex_capacity, triangle_count, triangle_capacity;
    bool failed;
} scene_mesh;

/* What all triangles of one call share. */
typedef struct scene_surface {
    uint16_t material;
    uint8_t tag, flags;
    uint32_t instance;
} scene_surface;

/* normal need not have unit length; light 0..1. Returns the index of the new vertex. */
uint32_t scene_mesh_vertex(scene_mesh *m, base_vec3 position, base_vec3 normal, double u, double v, double light);
void scene_mesh_triangle(scene_mesh *m, uint32_t a, uint32_t b, uint32_t c, scene_surface s);
/* Flat quad a, b, c, d clockwise seen from the front; own vertices, flat normal; u runs a->b, v runs a->d, in metres from (u0, v0). */
void scene_mesh_quad(scene_mesh *m, base_vec3 a, base_vec3 b, base_vec3 c, base_vec3 d, double u0, double v0, scene_surface s);
/* Box with its six (or, without the bottom, five) faces; extent = half sizes in the pose's frame. */
void scene_mesh_box(scene_mesh *m, const base_pose *centre, base_vec3 extent, bool bottom, scene_surface s);
/* Prism around the axis from `from` to `to` with `sides` smooth sides: poles, trunks, wheels (caps on request). */
void scene_mesh_tube(scene_mesh *m, base_vec3 from, base_vec3 to, double radius_from, double radius_to, int sides, bool caps,
                     scene_surface s);
/* Append src, moved by pose (NULL: as it is). */
void scene_mesh_append(scene_mesh *m, const scene_mesh *src, const base_pose *pose);
void scene_mesh_free(scene_mesh *m);

typedef struct scene_bounds {
    float lo[3], hi[3];
} scene_bounds;

/* Static triangles of one cell of the ground plane: what the renderer culls as a whole. */
typedef struct scene_chunk {
    uint32_t first_triangle, triangle_count;
    uint32_t first_vertex, vertex_count;
    uint8_t detail; /* 0, or SCENE_DETAIL or SCENE_DETAIL_FAR when it holds only such triangles */
    scene_bounds bounds;
} scene_chunk;

typedef struct scene_node { /* of a bounding volume hierarchy: count 0 = inner node, children at first and first + 1 */
    scene_bounds bounds;
    uint32_t first, count;
} scene_node;

/* Triangles with their hierarchy: the static part of the scene, or one mesh that moves. */
typedef struct scene_part {
    scene_vertex *vertices;
    scene_triangle *triangles;
    scene_node *nodes;       /* nodes[0] is the root; leaves hold order[first .. first+count) */
    uint32_t *order;         /* triangle numbers */
    struct scene_wide *wide; /* the same hierarchy for rays, four children a node (bvh.c) */
    float (*corners)[9];     /* of order[i]: three corners beside each other */
    uint32_t vertex_count, triangle_count, node_count;
    scene_bounds bounds;
} scene_part;

/* A flat convex quad, clockwise seen from its front, that static triangles of one instance cover without a gap and hide from there
 * whatever lies behind: a house's wall. Pictures leave out what is wholly behind one. */
typedef struct scene_occluder {
    float corner[4][3]; /* as the vertices have them: rounded, far from the origin by centimetres */
    uint32_t instance;
    bool hidden; /* scene_edit has taken triangles of the instance out */
} scene_occluder;

typedef struct scene { /* read-only for everyone after scene_finish */
    scene_part world;  /* all static triangles, ordered by chunk */
    scene_chunk *chunks;
    scene_part *meshes; /* for instances */
    scene_material *materials;
    scene_occluder *occluders;
    uint32_t chunk_count, mesh_count, material_count, material_capacity, occluder_count, occluder_capacity;
    uint32_t edits; /* how often scene_edit changed something: who keeps pictures of the scene (shadows) renews them */
    bool finished;
    struct scene_build *build; /* while building */
} scene;

scene *scene_create(base_error *err);
void scene_destroy(scene *s);
/* Number of a material; an equal one is reused. At most 65535. On failure (memory) returns 0 and scene_finish fails. A finished
 * scene takes new ones too while nobody reads it. */
uint16_t scene_material_add(scene *s, scene_material m);
/* A material that no other surface shares, so that it may be changed in s->materials between two frames. */
uint16_t scene_material_own(scene *s, scene_material m);
/* Take over all triangles of m (m is empty afterwards). */
bool scene_add_static(scene *s, scene_mesh *m, base_error *err);
/* Promise that the scene's static triangles will cover the quad (scene_occluder says how). Instances come in ascending order. On failure
 * (memory) scene_finish fails. */
void scene_add_occluder(scene *s, const base_vec3 corner[4], uint32_t instance);
/* Take over m as a mesh for instances; *mesh becomes its number. */
bool scene_add_mesh(scene *s, scene_mesh *m, int *mesh, base_error *err);
/* Sort the static triangles into chunks of about `chunk_m` metres (0 = 48) and build the hierarchies. pool (NULL: the caller alone)
 * helps; the result is the same. */
bool scene_finish(scene *s, double chunk_m, base_pool *pool, base_error *err);

/* Change the static triangles of one instance id, all of which lie within `where`: visit may set material and SCENE_HIDDEN and
 * says whether it changed anything. Not while somebody reads the scene. Returns how many triangles changed. */
uint32_t scene_edit(scene *s, const scene_bounds *where, uint32_t instance, bool (*visit)(void *user, scene_triangle *t),
                    void *user);

/* Lamps of a moving thing that are switched one by one. */
enum { SCENE_GLOW_FRONT, SCENE_GLOW_REAR, SCENE_GLOWS };

/* A moving thing in one frame. */
typedef struct scene_instance {
    int mesh;
    base_pose pose;
    base_vec3 scale;         /* factors along the mesh's own axes, applied before the pose; a 0 counts as 1 */
    float tint[3];           /* linear reflectance for SCENE_CAR_PAINT surfaces */
    float glow[SCENE_GLOWS]; /* emission of its lamps that are on, by the materials' number */
    uint8_t tag;             /* 0 = the tags of the mesh */
    uint32_t id;             /* instance id of all its pixels; 0 = those of the mesh */
} scene_instance;

/* The factors that count. */
static inline base_vec3 scene_instance_scale(const scene_instance *i)
{
    return (base_vec3){ i->scale.x != 0 ? i->scale.x : 1, i->scale.y != 0 ? i->scale.y : 1, i->scale.z != 0 ? i->scale.z : 1 };
}

typedef struct scene_hit {
    double distance_m;
    base_vec3 point, normal; /* normal of the triangle's plane, turned against the ray */
    uint8_t tag;
    uint32_t instance; /* as the instance picture would show it */
    int dynamic;       /* index into the instances, -1 = static */
    uint32_t triangle; /* of the world or of the instance's mesh */
} scene_hit;

/* First triangle on the ray within max_m metres, from either side. direction need not have unit length.
 * instances may be NULL; hit may be NULL (is there anything?). Exact and independent of the hierarchy's shape: ties go to
 * the static part, then to the lower index. */
bool scene_ray(const scene *s, const scene_instance *instances, int instance_count, base_vec3 origin, base_vec3 direction,
               double max_m, scene_hit *hit);
/* Straight down from (x, y, from_z), static surfaces with a tag in tag_mask (bit 1u << tag); the next one below. */
bool scene_ground(const scene *s, double x, double y, double from_z, uint32_t tag_mask, scene_hit *hit);

typedef struct scene_box {
    base_pose pose;   /* of the centre */
    base_vec3 extent; /* half sizes along its own axes */
} scene_box;

/* Does a static triangle with a tag outside ignore_mask touch the box? SCENE_THIN triangles never count.
 * hit (may be NULL) gets triangle, tag, instance, normal and the touched point nearest to the box's centre. */
bool scene_box_hit(const scene *s, const scene_box *box, uint32_t ignore_mask, scene_hit *hit);
/* Do two oriented boxes overlap (separating axes, 15 of them)? Touching counts. */
bool scene_boxes_overlap(const scene_box *a, const scene_box *b);
#endif
