/* What stands in the scenery, seen from the world: which things clients took away, and which layers of the map are loaded. */
#include "sim/town/internal.h"
#include <string.h>

static void show_by_rule(town_world *w, int index)
{
    const town_scenery_object *o = town_scenery_object_at(w->scenery, index);
    bool layer = o->layer == 0 || (w->layers & o->layer);
    town_watch_hold(w->watch);
    town_scenery_object_show(w->scenery, index, layer && !o->taken);
    town_watch_release(w->watch);
}

int town_object_count(const town_world *w) { return w->scenery ? town_scenery_object_count(w->scenery) : 0; }

bool town_object_get(const town_world *w, int index, town_object *o)
{
    const town_scenery_object *have = town_scenery_object_at(w->scenery, index);
    *o = (town_object){ .id = have->id,
                        .name = have->name,
                        .tag = have->tag,
                        .pose = have->pose,
                        .center = have->box.pose.location,
                        .extent = have->box.extent,
                        .is_shown = have->shown };
    return have->triangles > 0;
}

bool town_object_enable(town_world *w, uint64_t id, bool enable)
{
    int index = w->scenery ? town_scenery_object_find(w->scenery, id) : -1;
    if (index < 0)
        return false;
    town_scenery_object_take(w->scenery, index, !enable);
    show_by_rule(w, index);
    return true;
}

bool town_object_paint(town_world *w, const char *name, const float rgb[3])
{
    for (int i = 0; i < town_object_count(w); i++)
        if (!strcmp(town_scenery_object_at(w->scenery, i)->name, name)) {
            w->is_painted = true;
            town_watch_hold(w->watch);
            bool ok = town_scenery_object_paint(w->scenery, i, rgb);
            town_watch_release(w->watch);
            return ok;
        }
    return false;
}

void town_layers_set(town_world *w, uint16_t layers)
{
    w->layers = layers;
    for (int i = 0; i < town_object_count(w); i++)
        show_by_rule(w, i);
}

uint16_t town_layers_get(const town_world *w) { return w->layers; }

/* An episode begins: everything is back. */
void town_objects_reset(town_world *w)
{
    w->layers = TOWN_LAYER_ALL;
    for (int i = 0; i < town_object_count(w); i++) {
        town_scenery_object_take(w->scenery, i, false);
        show_by_rule(w, i);
    }
}
