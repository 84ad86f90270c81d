/* Props: cones, barrels, barriers and the like, that a client puts on the road.
 *
 * Each mesh fills a unit box (x and y from -1 to 1, z from 0 to 1) and is scaled to the prop's extent. */
#include "sim/town/scenery_internal.h"
#include <string.h>

typedef enum prop_kind { PROP_CONE, PROP_BARREL, PROP_BARRIER, PROP_BOX, PROP_CONTAINER, PROP_BENCH, PROP_SIGN } prop_kind;

static scene_surface of(const town_scenery *t, scenery_material m)
{
    return (scene_surface){ t->material[m], SCENE_TAG_STATIC, 0, 0 };
}

static void block(scene_mesh *m, base_vec3 low, base_vec3 high, scene_surface s)
{
    base_pose at = { base_vec3_scale(base_vec3_add(low, high), 0.5), { 0, 0, 0 } };
    scene_mesh_box(m, &at, base_vec3_scale(base_vec3_sub(high, low), 0.5), true, s);
}

static void upright(scene_mesh *m, double from_z, double to_z, double radius_from, double radius_to, scene_surface s)
{
    scene_mesh_tube(m, (base_vec3){ 0, 0, from_z }, (base_vec3){ 0, 0, to_z }, radius_from, radius_to, 16, true, s);
}

static void cone(const town_scenery *t, scene_mesh *m)
{
    static const double ring[] = { 0.08, 0.35, 0.55, 0.70, 0.85, 1.0 };
    block(m, (base_vec3){ -1, -1, 0 }, (base_vec3){ 1, 1, 0.08 }, of(t, MATERIAL_BLACK));
    for (int i = 0; i < 5; i++) /* red with two white bands */
        upright(m, ring[i], ring[i + 1], 0.75 - 0.6 * ring[i], 0.75 - 0.6 * ring[i + 1],
                of(t, i % 2 ? MATERIAL_WHITE_PAINT : MATERIAL_RED_PAINT));
}

static void barrel(const town_scenery *t, scene_mesh *m)
{
    upright(m, 0, 1, 0.93, 0.93, of(t, MATERIAL_HOUSING));
    for (int i = 0; i < 4; i++) /* rolling hoops */
        upright(m, 0.02 + 0.305 * i, 0.06 + 0.305 * i, 1, 1, of(t, MATERIAL_POLE));
}

static void barrier(const town_scenery *t, scene_mesh *m)
{
    for (int side = -1; side <= 1; side += 2) {
        block(m, (base_vec3){ -1, 0.8 * side - 0.08, 0 }, (base_vec3){ 1, 0.8 * side + 0.08, 0.06 }, of(t, MATERIAL_BLACK));
        block(m, (base_vec3){ -0.2, 0.8 * side - 0.04, 0.06 }, (base_vec3){ 0.2, 0.8 * side + 0.04, 1 }, of(t, MATERIAL_POLE));
    }
    for (int plank = 0; plank < 2; plank++)
        for (int i = 0; i < 8; i++)
            block(m, (base_vec3){ -0.3, -1 + 0.25 * i, 0.45 + 0.32 * plank },
                  (base_vec3){ 0.3, -0.75 + 0.25 * i, 0.65 + 0.32 * plank },
                  of(t, (i + plank) % 2 ? MATERIAL_WHITE_PAINT : MATERIAL_RED_PAINT));
}

static void box(const town_scenery *t, scene_mesh *m)
{
    block(m, (base_vec3){ -1, -1, 0 }, (base_vec3){ 1, 1, 1 }, of(t, MATERIAL_WOOD));
}

static void container(const town_scenery *t, scene_mesh *m)
{
    block(m, (base_vec3){ -0.95, -0.95, 0.12 }, (base_vec3){ 0.95, 0.95, 0.88 }, of(t, MATERIAL_GREEN_PAINT));
    block(m, (base_vec3){ -1, -1, 0.88 }, (base_vec3){ 1, 1, 1 }, of(t, MATERIAL_HOUSING));
    for (int i = 0; i < 4; i++) {
        double x = i & 1 ? 0.8 : -0.8, y = i & 2 ? 0.8 : -0.8;
        block(m, (base_vec3){ x - 0.08, y - 0.1, 0 }, (base_vec3){ x + 0.08, y + 0.1, 0.12 }, of(t, MATERIAL_TYRE));
    }
}

static void bench(const town_scenery *t, scene_mesh *m)
{
    for (int side = -1; side <= 1; side += 2)
        block(m, (base_vec3){ -0.8, 0.8 * side - 0.06, 0 }, (base_vec3){ 0.8, 0.8 * side + 0.06, 0.48 },
              of(t, MATERIAL_HOUSING));
    for (int i = 0; i < 3; i++)
        block(m, (base_vec3){ -0.7 + 0.55 * i, -1, 0.48 }, (base_vec3){ -0.25 + 0.55 * i, 1, 0.54 }, of(t, MATERIAL_WOOD));
    for (int i = 0; i < 2; i++)
        block(m, (base_vec3){ -1, -1, 0.62 + 0.2 * i }, (base_vec3){ -0.88, 1, 0.78 + 0.2 * i }, of(t, MATERIAL_WOOD));
}

static void sign(const town_scenery *t, scene_mesh *m)
{
    block(m, (base_vec3){ -1, -0.6, 0 }, (base_vec3){ 1, 0.6, 0.06 }, of(t, MATERIAL_BLACK));
    block(m, (base_vec3){ -0.1, -0.08, 0.06 }, (base_vec3){ 0.1, 0.08, 0.4 }, of(t, MATERIAL_POLE));
    block(m, (base_vec3){ -0.12, -1, 0.4 }, (base_vec3){ 0.12, 1, 1 }, of(t, MATERIAL_RED_PAINT));
    block(m, (base_vec3){ -0.16, -0.75, 0.48 }, (base_vec3){ 0.16, 0.75, 0.92 }, of(t, MATERIAL_WHITE_PAINT));
}

bool scenery_props_build(town_scenery *t, base_error *err)
{
    static void (*const draw[SCENERY_PROPS])(const town_scenery *, scene_mesh *) = { cone,      barrel, barrier, box,
                                                                                     container, bench,  sign };
    for (int i = 0; i < SCENERY_PROPS; i++) {
        scene_mesh m = { 0 };
        draw[i](t, &m);
        if (!scene_add_mesh(t->scene, &m, &t->prop[i], err))
            return false;
    }
    return true;
}

static prop_kind kind_of(const char *blueprint)
{
    static const struct {
        const char *part;
        prop_kind kind;
    } names[] = {
        { "cone", PROP_CONE },           { "barrel", PROP_BARREL }, { "barrier", PROP_BARRIER },
        { "container", PROP_CONTAINER }, { "bench", PROP_BENCH },   { "warning", PROP_SIGN },
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strstr(blueprint, names[i].part))
            return names[i].kind;
    return PROP_BOX;
}

int town_scenery_prop(const town_scenery *t, const char *blueprint, const base_pose *pose, base_vec3 extent, uint32_t id,
                      scene_instance *part)
{
    *part = (scene_instance){
        .mesh = t->prop[kind_of(blueprint)], .pose = *pose, .scale = { extent.x, extent.y, 2 * extent.z }, .id = id
    };
    return 1;
}
