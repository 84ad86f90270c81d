/* sim/scene/bvh.h — the bounding volume hierarchy inside one scene_part (internal to the scene room). */
#ifndef SIM_SCENE_BVH_H
#define SIM_SCENE_BVH_H
#include "sim/scene/scene.h"

/* Fill nodes, order and bounds from vertices and triangles (at least one triangle; none: a part without nodes). */
bool scene_bvh_build(scene_part *p, base_error *err);

typedef struct scene_bvh_hit {
    double t;          /* origin + t * direction */
    uint32_t triangle; /* UINT32_MAX: none */
} scene_bvh_hit;

/* Nearest triangle with t in [0, hit->t] whose tag is in tag_mask; ties go to the lower triangle. seen_only: only from the side
 * from which it is drawn. hit->t is the limit on entry; true when *hit was filled. */
bool scene_bvh_ray(const scene_part *p, base_vec3 origin, base_vec3 direction, uint32_t tag_mask, bool seen_only,
                   scene_bvh_hit *hit);

/* Walk the triangles whose bounds touch `box` in order of the hierarchy; stop when visit returns false. */
void scene_bvh_walk(const scene_part *p, const scene_bounds *box, bool (*visit)(void *user, uint32_t triangle), void *user);

/* Point of a triangle nearest to `to` (box.c). */
base_vec3 scene_triangle_nearest(const base_vec3 p[3], base_vec3 to);
#endif
