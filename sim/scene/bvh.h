/* sim/scene/bvh.h — the bounding volume hierarchy inside one scene_part (internal to the scene room). */
#ifndef SIM_SCENE_BVH_H
#define SIM_SCENE_BVH_H
#include "base/pool.h"
#include "sim/scene/scene.h"

void scene_bvh_free(scene_part *p); /* the hierarchy alone */
/* Fill nodes, order and bounds from vertices and triangles (at least one triangle; none: a part without nodes). pool may be NULL; the
 * result is the same. */
bool scene_bvh_build(scene_part *p, base_pool *pool, base_error *err);

typedef struct scene_bvh_hit {
    double t;          /* origin + t * direction */
    uint32_t triangle; /* UINT32_MAX: none */
} scene_bvh_hit;

/* Nearest triangle with t in [0, hit->t] whose tag is in tag_mask; ties go to the lower triangle. seen_only: only from the side
 * from which it is drawn. hit->t is the limit on entry; true when *hit was filled. */
bool scene_bvh_ray(const scene_part *p, base_vec3 origin, base_vec3 direction, uint32_t tag_mask, bool seen_only,
                   scene_bvh_hit *hit);

/* A hierarchy over `count` boxes, for whatever they hold: only nodes, order and wide of *p are filled. */
bool scene_bvh_build_boxes(scene_part *p, const scene_bounds *boxes, uint32_t count, base_error *err);
/* Visit every box that the ray enters before *limit_t, roughly from near to far; visit may lower the limit. */
void scene_bvh_ray_boxes(const scene_part *p, base_vec3 origin, base_vec3 direction, double *limit_t,
                         void (*visit)(void *user, uint32_t box, double *limit_t), void *user);

/* Walk the triangles whose bounds touch `box` in order of the hierarchy; stop when visit returns false. */
void scene_bvh_walk(const scene_part *p, const scene_bounds *box, bool (*visit)(void *user, uint32_t triangle), void *user);

/* Point of a triangle nearest to `to` (box.c). */
base_vec3 scene_triangle_nearest(const base_vec3 p[3], base_vec3 to);
#endif
