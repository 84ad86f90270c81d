/* sim/town/scenery.c — from a road map to a finished scene, step by step. */
#include "sim/town/scenery_internal.h"
#include <stdlib.h>

/* Reflectances are linear. Asphalt is 0.17 to 0.19 and brownish, three fifths of the
 * sidewalk's brightness, as CARLA's pictures of noon show it (real streets are darker). */
static const scene_material materials[MATERIAL_COUNT] = {
    [MATERIAL_ASPHALT] = { { 0.188f, 0.175f, 0.160f }, SCENE_ASPHALT, 0.02f, 0 },
    [MATERIAL_SHOULDER] = { { 0.212f, 0.199f, 0.184f }, SCENE_ASPHALT, 0.02f, 0 },
    [MATERIAL_PATCH] = { { 0.128f, 0.121f, 0.114f }, SCENE_ASPHALT, 0.02f, 0 },
    [MATERIAL_TAR] = { { 0.058f, 0.056f, 0.054f }, SCENE_PLAIN, 0.10f, 0 },
    [MATERIAL_MANHOLE] = { { 0.105f, 0.100f, 0.094f }, SCENE_METAL, 0.10f, 0 },
    [MATERIAL_WHITE_PAINT] = { { 0.70f, 0.70f, 0.68f }, SCENE_PAINT, 0.03f, 0 },
    [MATERIAL_YELLOW_PAINT] = { { 0.68f, 0.56f, 0.13f }, SCENE_PAINT, 0.03f, 0 },
    [MATERIAL_BLUE_PAINT] = { { 0.05f, 0.12f, 0.50f }, SCENE_PAINT, 0.03f, 0 },
    [MATERIAL_GREEN_PAINT] = { { 0.05f, 0.36f, 0.12f }, SCENE_PAINT, 0.03f, 0 },
    [MATERIAL_RED_PAINT] = { { 0.50f, 0.06f, 0.05f }, SCENE_PAINT, 0.03f, 0 },
    [MATERIAL_PAVING] = { { 0.385f, 0.355f, 0.320f }, SCENE_PAVING, 0.02f, 0 },
    [MATERIAL_KERB] = { { 0.37f, 0.345f, 0.315f }, SCENE_CONCRETE, 0.02f, 0 },
    [MATERIAL_GRASS] = { { 0.072f, 0.098f, 0.028f }, SCENE_GRASS, 0, 0 },
    [MATERIAL_ROOF] = { { 0.20f, 0.195f, 0.19f }, SCENE_ROOF, 0, 0 },
    [MATERIAL_ROOF_TILES] = { { 0.30f, 0.13f, 0.085f }, SCENE_BRICK, 0, 0 },
    [MATERIAL_BARK] = { { 0.125f, 0.090f, 0.062f }, SCENE_BARK, 0, 0 },
    [MATERIAL_BARK_LIGHT] = { { 0.27f, 0.22f, 0.165f }, SCENE_BARK, 0, 0 },
    [MATERIAL_LEAF] = { { 0.085f, 0.150f, 0.032f }, SCENE_LEAF, 0, 0 },
    [MATERIAL_LEAF_DARK] = { { 0.050f, 0.100f, 0.030f }, SCENE_LEAF, 0, 0 },
    [MATERIAL_LEAF_LIGHT] = { { 0.150f, 0.190f, 0.040f }, SCENE_LEAF, 0, 0 },
    [MATERIAL_POLE] = { { 0.17f, 0.175f, 0.18f }, SCENE_METAL, 0.15f, 0 },
    [MATERIAL_RAIL] = { { 0.40f, 0.41f, 0.42f }, SCENE_METAL, 0.25f, 0 },
    [MATERIAL_WOOD] = { { 0.26f, 0.19f, 0.125f }, SCENE_WOOD, 0, 0 },
    [MATERIAL_WHITE] = { { 0.66f, 0.65f, 0.62f }, SCENE_PLAIN, 0.05f, 0 },
    [MATERIAL_BLACK] = { { 0.022f, 0.022f, 0.024f }, SCENE_PLAIN, 0.1f, 0 },
    [MATERIAL_LAMP] = { { 0.60f, 0.60f, 0.56f }, SCENE_PLAIN, 0.3f, 0 },
    [MATERIAL_RED_LIGHT] = { { 1.0f, 0.06f, 0.03f }, SCENE_PLAIN, 0.3f, 2.2f },
    [MATERIAL_YELLOW_LIGHT] = { { 1.0f, 0.55f, 0.03f }, SCENE_PLAIN, 0.3f, 2.2f },
    [MATERIAL_GREEN_LIGHT] = { { 0.05f, 1.0f, 0.35f }, SCENE_PLAIN, 0.3f, 1.8f },
    [MATERIAL_DARK_LENS] = { { 0.045f, 0.045f, 0.04f }, SCENE_PLAIN, 0.3f, 0 },
    [MATERIAL_HOUSING] = { { 0.55f, 0.36f, 0.03f }, SCENE_PLAIN, 0.1f, 0 },
    [MATERIAL_CAR_PAINT] = { { 0.35f, 0.35f, 0.36f }, SCENE_CAR_PAINT, 0.8f, 0 },
    [MATERIAL_CAR_GLASS] = { { 0.018f, 0.021f, 0.024f }, SCENE_GLASS, 1.0f, 0 },
    [MATERIAL_TYRE] = { { 0.022f, 0.022f, 0.022f }, SCENE_RUBBER, 0, 0 },
    [MATERIAL_RIM] = { { 0.34f, 0.34f, 0.35f }, SCENE_METAL, 0.4f, 0 },
    [MATERIAL_HEADLIGHT] = { { 0.78f, 0.80f, 0.82f }, SCENE_PLAIN, 0.7f, 0, .glow = 1 + SCENE_GLOW_FRONT },
    [MATERIAL_TAILLIGHT] = { { 0.42f, 0.018f, 0.015f }, SCENE_PLAIN, 0.5f, 0.12f, .glow = 1 + SCENE_GLOW_REAR },
    [MATERIAL_SKIN] = { { 0.42f, 0.26f, 0.19f }, SCENE_PLAIN, 0, 0 },
    [MATERIAL_CLOTH] = { { 0.30f, 0.30f, 0.32f }, SCENE_CAR_PAINT, 0, 0 },
    [MATERIAL_TROUSERS] = { { 0.06f, 0.07f, 0.10f }, SCENE_PLAIN, 0, 0 },
    [MATERIAL_JEANS] = { { 0.055f, 0.085f, 0.16f }, SCENE_PLAIN, 0, 0 },
    [MATERIAL_BEIGE] = { { 0.30f, 0.24f, 0.16f }, SCENE_PLAIN, 0, 0 },
    [MATERIAL_SKIN_DARK] = { { 0.16f, 0.085f, 0.055f }, SCENE_PLAIN, 0, 0 },
    [MATERIAL_HAIR] = { { 0.030f, 0.022f, 0.017f }, SCENE_PLAIN, 0.05f, 0 },
    [MATERIAL_HAIR_FAIR] = { { 0.24f, 0.15f, 0.075f }, SCENE_PLAIN, 0.05f, 0 },
    [MATERIAL_CABINET] = { { 0.16f, 0.21f, 0.18f }, SCENE_METAL, 0.05f, 0 },
    [MATERIAL_BANNER_A] = { { 0.62f, 0.16f, 0.05f }, SCENE_BANNER, 0, 0 },
    [MATERIAL_BANNER_B] = { { 0.10f, 0.18f, 0.38f }, SCENE_BANNER, 0, 0 },
    [MATERIAL_BANNER_C] = { { 0.58f, 0.50f, 0.40f }, SCENE_BANNER, 0, 0 },
};

void scenery_materials_add(town_scenery *t)
{
    for (int i = 0; i < MATERIAL_COUNT; i++)
        t->material[i] = scene_material_add(t->scene, materials[i]);
    static const float coats[SCENERY_COATS][3] = { { 0.020f, 0.020f, 0.022f }, { 0.62f, 0.62f, 0.60f },
                                                   { 0.30f, 0.31f, 0.32f },    { 0.10f, 0.10f, 0.11f },
                                                   { 0.30f, 0.025f, 0.025f },  { 0.030f, 0.070f, 0.20f },
                                                   { 0.22f, 0.20f, 0.15f },    { 0.035f, 0.10f, 0.06f } };
    for (int i = 0; i < SCENERY_COATS; i++) {
        scene_material coat = materials[MATERIAL_CAR_PAINT];
        for (int k = 0; k < 3; k++)
            coat.rgb[k] = coats[i][k];
        t->coat[i] = scene_material_add(t->scene, coat);
    }
}

static bool build_world(town_scenery *t, base_error *err)
{
    scene_mesh m = { 0 };
    bool good = t->map ? scenery_roads_build(t, &m, err) && scenery_raster_build(t, &m, err) && scenery_surface_build(t, err) &&
                             scenery_paint_build(t, &m, err) && scenery_objects_build(t, &m, err) &&
                             scenery_ground_build(t, &m, err)
                       : scenery_plain_build(t, &m, err);
    good = good && scenery_objects_finish(t, &m, err) && scene_add_static(t->scene, &m, err);
    scene_mesh_free(&m);
    free(t->footprint.quads);
    t->footprint = (scenery_footprint){ 0 };
    scenery_surface_free(t);
    scenery_raster_free(&t->raster);
    for (int i = 0; i < SCENERY_PARKED; i++)
        scene_mesh_free(&t->parked[i]);
    return good;
}

town_scenery_options town_scenery_options_default(void) { return (town_scenery_options){ .vertex_distance_m = 10 }; }

bool town_scenery_options_check(const town_scenery_options *o, base_error *err)
{
    if (!(o->wall_height_m >= 0) || !(o->wall_height_m <= 50))
        return base_fail(err, BASE_ARGUMENT, "wall_height is %g m, expected 0 .. 50", o->wall_height_m);
    if (!(o->additional_width_m >= 0) || !(o->additional_width_m <= 10))
        return base_fail(err, BASE_ARGUMENT, "additional_width is %g m, expected 0 .. 10", o->additional_width_m);
    if (!(o->vertex_distance_m >= 0.1) || !(o->vertex_distance_m <= 100))
        return base_fail(err, BASE_ARGUMENT, "vertex_distance is %g m, expected 0.1 .. 100", o->vertex_distance_m);
    return true;
}

town_scenery *town_scenery_build(const road_map *map, uint64_t seed, base_error *err)
{
    return town_scenery_build_with(map, seed, NULL, err);
}

town_scenery *town_scenery_build_with(const road_map *map, uint64_t seed, const town_scenery_options *o, base_error *err)
{
    town_scenery_options options = o ? *o : town_scenery_options_default();
    if (!town_scenery_options_check(&options, err))
        return NULL;
    town_scenery *t = calloc(1, sizeof *t);
    if (!t) {
        base_fail(err, BASE_MEMORY, "scenery: out of memory");
        return NULL;
    }
    t->map = map;
    t->seed = seed;
    t->options = options;
    t->scene = scene_create(err);
    if (t->scene) {
        scenery_materials_add(t);
        if (scenery_bodies_build(t, err) && scenery_props_build(t, err) && build_world(t, err) &&
            scene_finish(t->scene, 0, options.pool, err))
            return t;
    }
    town_scenery_destroy(t);
    return NULL;
}

void town_scenery_destroy(town_scenery *t)
{
    if (!t)
        return;
    scene_destroy(t->scene);
    scenery_raster_free(&t->raster);
    free(t->footprint.quads);
    scenery_surface_free(t);
    for (int i = 0; i < SCENERY_PARKED; i++)
        scene_mesh_free(&t->parked[i]);
    free(t->lights);
    free(t->objects);
    free(t->ids);
    free(t->lamps);
    free(t);
}

const scene *town_scenery_scene(const town_scenery *t) { return t->scene; }
