/* sim/town/scenery_sketch.h — drawing the meshes of things that move. */
#ifndef SIM_TOWN_SCENERY_SKETCH_H
#define SIM_TOWN_SCENERY_SKETCH_H
#include "sim/town/scenery_internal.h"

typedef struct sketch { /* a mesh being drawn and the surfaces it is drawn with */
    const town_scenery *town;
    scene_mesh mesh;
    uint8_t tag, flags;
} sketch;

static inline scene_surface sketch_with(const sketch *k, scenery_material m)
{
    return scenery_surface(k->town, m, k->tag, k->flags);
}
void sketch_sphere(sketch *k, base_vec3 centre, base_vec3 radius, int around, int rings, scenery_material m);
void sketch_box(sketch *k, base_vec3 centre, base_vec3 extent, scenery_material m);
/* The mesh is taken over by the scene; the sketch begins anew. */
bool sketch_add(town_scenery *t, sketch *k, int *mesh, base_error *err);

/* Motorcycle or bicycle with its rider: x in half lengths, z in heights of the blueprint's box, y in metres. */
void sketch_motorcycle(sketch *k);
void sketch_bicycle(sketch *k);
/* Thin wheel with spokes, radius 1 and half width 1 about the y axis. */
void sketch_spoked_wheel(sketch *k);
/* A person of height 1 at this phase of the stride, 0..1; variant < SCENERY_PEOPLE: clothes, hair, skin. */
void sketch_walker(sketch *k, double phase, int variant);
#endif
