/* What moves, as the renderer and the rays want it: a list of scene instances for all actors, once per tick. */
#include "sim/town/internal.h"
#include <stdlib.h>

static float linear(uint8_t srgb)
{
    double c = srgb / 255.0;
    return (float)(c <= 0.04045 ? c / 12.92 : pow((c + 0.055) / 1.055, 2.4));
}

static void tint_of(const town_actor *a, float tint[3])
{
    for (int i = 0; i < 3; i++)
        tint[i] = linear(a->color[i]);
}

static int show_vehicle(const town_world *w, const town_actor *a, scene_instance *parts)
{
    int last = a->physics.wheel_count - 1;
    town_scenery_car car = {
        .blueprint = a->type_id,
        .extent = a->box.extent,
        .wheel_radius_m = a->model.radius_m,
        .wheelbase_m = a->physics.wheels[0].position_m.x - a->physics.wheels[last].position_m.x,
        .pose = a->pose,
        .steer_deg = a->wheels_posed ? (double)a->posed_steer_deg[0] : BASE_DEG(town_wheel_angle(&a->physics, &a->state, 0)),
        .roll_deg = a->wheels_posed ? (double)a->posed_pitch_deg[0] : a->wheel_turn_deg,
        .id = a->id,
    };
    tint_of(a, car.tint);
    return town_scenery_vehicle(w->scenery, &car, parts);
}

static int show_actor(const town_world *w, const town_actor *a, scene_instance *parts)
{
    if (a->kind == TOWN_VEHICLE)
        return show_vehicle(w, a, parts);
    if (a->kind == TOWN_WALKER) {
        static const float cloth[5][3] = {
            { 0.05f, 0.07f, 0.2f }, { 0.3f, 0.05f, 0.05f }, { 0.1f, 0.1f, 0.1f }, { 0.4f, 0.35f, 0.2f }, { 0.05f, 0.2f, 0.1f }
        };
        base_pose feet = a->pose;
        feet.location.z -= a->box.extent.z;
        return town_scenery_walker(w->scenery, &feet, a->box.extent.z, a->stride, cloth[a->id % 5], a->id, parts);
    }
    if (a->kind == TOWN_PROP)
        return town_scenery_prop(w->scenery, a->type_id, &a->pose, a->box.extent, a->id, parts);
    if (a->light)
        return town_scenery_light(w->scenery, a->light->signal, a->light->state, a->id, parts);
    return 0;
}

bool town_shown_update(town_world *w, base_error *err)
{
    struct town_shown *s = &w->shown;
    int most = w->actor_count * TOWN_SCENERY_PARTS;
    if (most > s->capacity) {
        scene_instance *more = realloc(s->instances, (size_t)most * sizeof *more);
        if (!more)
            return base_fail(err, BASE_MEMORY, "out of memory for %d instances", most);
        s->instances = more;
        s->capacity = most;
    }
    s->count = 0;
    for (int i = 0; i < w->actor_count; i++)
        s->count += show_actor(w, w->actors[i], s->instances + s->count);
    return true;
}
