/* What moves, as the renderer and the rays want it: a list of scene instances for all actors, once per tick. */
#include "sim/town/internal.h"
#include <stdlib.h>

static void tint_of(const town_actor *a, float tint[3])
{
    for (int i = 0; i < 3; i++)
        tint[i] = (float)scene_linear_from_srgb(a->color[i] / 255.0);
}

/* Bodies are shared by kinds of vehicles and props that CARLA tags differently: the blueprint knows. (Riders sit on two wheels only.) */
static int tagged(scene_instance *parts, int count, uint8_t tag)
{
    for (int i = 0; i < count; i++)
        parts[i].tag = tag;
    return count;
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
    town_lamps_glow(a->vehicle_lights, car.glow);
    int count = town_scenery_vehicle(w->scenery, &car, parts);
    return a->tag == SCENE_TAG_BICYCLE || a->tag == SCENE_TAG_MOTORCYCLE ? count : tagged(parts, count, a->tag);
}

static int show_actor(const town_world *w, const town_actor *a, scene_instance *parts)
{
    if (a->kind == TOWN_VEHICLE)
        return show_vehicle(w, a, parts);
    if (a->kind == TOWN_WALKER) {
        static const float cloth[8][3] = { { 0.05f, 0.07f, 0.20f },  { 0.30f, 0.05f, 0.05f }, { 0.06f, 0.06f, 0.065f },
                                           { 0.40f, 0.35f, 0.20f },  { 0.05f, 0.20f, 0.10f }, { 0.50f, 0.50f, 0.48f },
                                           { 0.16f, 0.04f, 0.055f }, { 0.20f, 0.22f, 0.24f } };
        base_pose feet = a->pose;
        feet.location.z -= a->box.extent.z;
        return town_scenery_walker(w->scenery, &feet, a->box.extent.z, a->stride, cloth[a->id * 2654435761u >> 29], a->id,
                                   parts);
    }
    if (a->kind == TOWN_PROP)
        return tagged(parts, town_scenery_prop(w->scenery, a->type_id, &a->pose, a->box.extent, a->id, parts), a->tag);
    if (a->light)
        return town_scenery_light(w->scenery, a->light->signal, a->light->state, a->id, parts);
    return 0;
}

static bool make_room(struct town_shown *s, int most, base_error *err)
{
    if (most <= s->capacity)
        return true;
    scene_instance **lists[] = { &s->instances, &s->last, &s->before };
    for (int i = 0; i < 3; i++) {
        scene_instance *more = realloc(*lists[i], (size_t)most * sizeof *more);
        if (!more)
            return base_fail(err, BASE_MEMORY, "out of memory for %d instances", most);
        *lists[i] = more;
    }
    s->capacity = most;
    return true;
}

/* Both lists are in order of actors; an actor's parts are in the same order in every frame. */
static void find_before(struct town_shown *s)
{
    int j = 0;
    for (int i = 0; i < s->count; i++) {
        uint32_t id = s->instances[i].id;
        while (j < s->last_count && s->last[j].id < id)
            j++;
        bool same = j < s->last_count && s->last[j].id == id;
        s->before[i] = same ? s->last[j++] : s->instances[i];
    }
}

int town_shown_list(const town_world *w, scene_instance *instances)
{
    int count = 0;
    for (int i = 0; i < w->actor_count; i++)
        count += show_actor(w, w->actors[i], instances + count);
    return count;
}

bool town_shown_update(town_world *w, base_error *err)
{
    struct town_shown *s = &w->shown;
    if (!make_room(s, w->actor_count * TOWN_SCENERY_PARTS, err))
        return false;
    scene_instance *list = s->last;
    s->last = s->instances;
    s->last_count = s->frame && s->frame + 1 == w->frame ? s->count : 0;
    s->instances = list;
    s->frame = w->frame;
    s->count = town_shown_list(w, s->instances);
    find_before(s);
    return true;
}

void town_shown_free(town_world *w)
{
    free(w->shown.instances);
    free(w->shown.last);
    free(w->shown.before);
}
