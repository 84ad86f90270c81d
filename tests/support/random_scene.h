/* tests/support/random_scene.h — seeded heaps of solids on a ground plane, for tests of rays and pictures. */
#ifndef TESTS_SUPPORT_RANDOM_SCENE_H
#define TESTS_SUPPORT_RANDOM_SCENE_H
#include "sim/scene/scene.h"

#define RANDOM_SCENE_EXTENT_M 60.0 /* everything stands within this of the origin; nothing is higher than 12 m */

/* Ground at z = 0 (tag Ground), `solids` boxes and tubes with various tags, materials and ids, some two-sided leaves, and two
 * meshes for instances: 0 a box of 4 x 2 x 1.5 m, 1 a capped tube. Finished. Aborts when out of memory. */
scene *random_scene(uint64_t seed, int solids);
/* Instances of its meshes at random poses, some scaled and rolled. */
void random_instances(uint64_t seed, scene_instance *instances, int count);
/* A camera between 1 and 10 m above the ground that is not inside any solid. */
base_pose random_camera(const scene *s, uint64_t seed, uint64_t number);
#endif
