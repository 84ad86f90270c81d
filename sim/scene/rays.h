/* sim/scene/rays.h — many rays through one moment: lidar, radar, sweeps.
 *
 * Usual order: scene_rays_create with the instances of the frame, scene_rays_hit from any number of threads, destroy. The
 * instances are borrowed until then. A triangle is met from the side from which a picture shows it (SCENE_TWO_SIDED: from both): a
 * sensor inside a closed body looks out of it, as a camera does. scene_ray meets both sides. */
#ifndef SIM_SCENE_RAYS_H
#define SIM_SCENE_RAYS_H
#include "sim/scene/scene.h"

typedef struct scene_rays scene_rays;
scene_rays *scene_rays_create(const scene *s, const scene_instance *instances, int instance_count, base_error *err);
void scene_rays_destroy(scene_rays *r);
/* First triangle within max_m metres; otherwise as scene_ray. */
bool scene_rays_hit(const scene_rays *r, base_vec3 origin, base_vec3 direction, double max_m, scene_hit *hit);

/* First triangle that a ball touches whose centre moves from `from` to `to`; hit->distance_m is how far the centre comes (0: it
 * touches at the start), hit->point the place on the triangle. Exact; slow for long ways, which it takes in pieces.
 * with_static false: instances only. */
bool scene_rays_sweep(const scene_rays *r, base_vec3 from, base_vec3 to, double radius_m, bool with_static,
                      bool (*skip)(void *user, int instance), void *user, scene_hit *hit);
#endif
