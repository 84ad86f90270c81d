/* tests/support/random_scene.c — see random_scene.h. */
#include "tests/support/random_scene.h"
#include "base/random.h"
#include <stdlib.h>

static base_vec3 anywhere(base_random *d, double lo_z, double hi_z)
{
    double e = RANDOM_SCENE_EXTENT_M - 8;
    return (base_vec3){ base_random_range(d, -e, e), base_random_range(d, -e, e), base_random_range(d, lo_z, hi_z) };
}

static base_rotation any_rotation(base_random *d)
{
    return (base_rotation){ base_random_range(d, -80, 80), base_random_range(d, -180, 180), base_random_range(d, -180, 180) };
}

static void add_solid(scene_mesh *m, base_random *d, const uint16_t *materials, int material_count, uint32_t id)
{
    scene_surface s = { .material = materials[base_random_below(d, (uint32_t)material_count)],
                        .tag = (uint8_t)(1 + base_random_below(d, 24)),
                        .instance = id };
    if (s.tag == SCENE_TAG_SKY)
        s.tag = SCENE_TAG_BUILDINGS;
    base_pose at = { anywhere(d, 0, 7), any_rotation(d) };
    double pick = base_random_uniform(d);
    if (pick < 0.5) {
        scene_mesh_box(m, &at,
                       (base_vec3){ base_random_range(d, 0.1, 4), base_random_range(d, 0.1, 4), base_random_range(d, 0.1, 2) },
                       true, s);
    } else if (pick < 0.85) {
        base_vec3 to = base_pose_to_world(&at, (base_vec3){ base_random_range(d, 0.5, 5), 0, 0 });
        scene_mesh_tube(m, at.location, to, base_random_range(d, 0.05, 1.5), base_random_range(d, 0.05, 1.5),
                        3 + (int)base_random_below(d, 12), true, s);
    } else { /* a leaf: a lone two-sided triangle */
        s.flags = SCENE_TWO_SIDED | SCENE_THIN;
        base_vec3 n = { 0, 0, 1 };
        uint32_t v = scene_mesh_vertex(m, at.location, n, 0, 0, 1);
        scene_mesh_vertex(m, base_pose_to_world(&at, (base_vec3){ 1.5, 0, 0 }), n, 1, 0, 1);
        scene_mesh_vertex(m, base_pose_to_world(&at, (base_vec3){ 0.3, 1.1, 0.2 }), n, 0, 1, 0.7);
        scene_mesh_triangle(m, v, v + 1, v + 2, s);
    }
}

scene *random_scene(uint64_t seed, int solids)
{
    base_error err;
    base_random d = base_random_start(seed, "random scene", 0, 0);
    scene *s = scene_create(&err);
    if (!s)
        abort();
    uint16_t materials[SCENE_TEXTURE_COUNT];
    for (int k = 0; k < SCENE_TEXTURE_COUNT; k++)
        materials[k] =
            scene_material_add(s, (scene_material){ .rgb = { 0.1f + 0.04f * (float)k, 0.5f, 0.8f - 0.03f * (float)k },
                                                    .texture = (scene_texture)k,
                                                    .gloss = k % 3 ? 0 : 0.6f });
    scene_mesh m = { 0 };
    double e = RANDOM_SCENE_EXTENT_M;
    scene_surface ground = {
        .material = materials[SCENE_GRASS], .tag = SCENE_TAG_GROUND, .flags = SCENE_NO_SHADOW, .instance = 7
    };
    for (int j = -2; j < 2; j++) /* several pieces, so that there are chunks */
        for (int i = -2; i < 2; i++) {
            double x = i * e / 2, y = j * e / 2;
            scene_mesh_quad(&m, (base_vec3){ x, y, 0 }, (base_vec3){ x + e / 2, y, 0 }, (base_vec3){ x + e / 2, y + e / 2, 0 },
                            (base_vec3){ x, y + e / 2, 0 }, x, y, ground);
        }
    for (int k = 0; k < solids; k++)
        add_solid(&m, &d, materials, SCENE_TEXTURE_COUNT, 100 + (uint32_t)k);
    int mesh;
    if (!scene_add_static(s, &m, &err))
        abort();
    scene_surface body = { .material = materials[SCENE_CAR_PAINT], .tag = SCENE_TAG_CAR };
    scene_mesh_box(&m, &(base_pose){ { 0, 0, 0.75 }, { 0, 0, 0 } }, (base_vec3){ 2, 1, 0.75 }, true, body);
    if (!scene_add_mesh(s, &m, &mesh, &err))
        abort();
    body.tag = SCENE_TAG_POLES;
    scene_mesh_tube(&m, (base_vec3){ 0, 0, 0 }, (base_vec3){ 0, 0, 2 }, 0.4, 0.2, 9, true, body);
    if (!scene_add_mesh(s, &m, &mesh, &err) || !scene_finish(s, 24, NULL, &err))
        abort();
    return s;
}

void random_instances(uint64_t seed, scene_instance *instances, int count)
{
    for (int k = 0; k < count; k++) {
        base_random d = base_random_start(seed, "random instance", (uint64_t)k, 0);
        instances[k] =
            (scene_instance){ .mesh = k & 1, .pose = { anywhere(&d, 0, 3), any_rotation(&d) }, .tint = { 0.7f, 0.1f, 0.1f } };
        if (k % 3 == 0)
            instances[k].scale =
                (base_vec3){ base_random_range(&d, 0.5, 2), base_random_range(&d, 0.5, 2), base_random_range(&d, 0.5, 2) };
        if (k % 4)
            instances[k].id = 5000 + (uint32_t)k;
        if (k % 5 == 0)
            instances[k].tag = SCENE_TAG_TRUCK;
    }
}

base_pose random_camera(const scene *s, uint64_t seed, uint64_t number)
{
    for (uint64_t attempt = 0;; attempt++) {
        base_random d = base_random_start(seed, "random camera", number, attempt);
        base_pose p = { anywhere(&d, 1, 10),
                        { base_random_range(&d, -40, 25), base_random_range(&d, -180, 180), base_random_range(&d, -15, 15) } };
        scene_box around = { { p.location, { 0, 0, 0 } }, { 0.4, 0.4, 0.4 } };
        scene_hit up, down;
        /* Outside: nothing touches it, and looking straight up and down the nearest faces are not seen from behind. */
        if (scene_box_hit(s, &around, 0, NULL))
            continue;
        if (scene_ray(s, NULL, 0, p.location, (base_vec3){ 0, 0, 1 }, 50, &up) && up.tag != SCENE_TAG_GROUND)
            continue;
        if (scene_ray(s, NULL, 0, p.location, (base_vec3){ 0, 0, -1 }, 50, &down))
            return p;
    }
}
