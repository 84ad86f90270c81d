/* Components, bones and sockets of actors: names and places that follow from the geometry the cameras show. */
#include "sim/town/internal.h"

typedef struct part_list {
    town_part *parts;
    int count;
} part_list;

static void add(part_list *l, const char *name, base_pose pose)
{
    if (l->count < TOWN_PARTS_MAX)
        l->parts[l->count++] = (town_part){ name, pose };
}

static void add_at(part_list *l, const char *name, base_vec3 at, double yaw_deg)
{
    add(l, name, (base_pose){ at, { 0, yaw_deg, 0 } });
}

/* Lamps look where they shine. */
static void add_lamps(part_list *l, const town_actor *a)
{
    static const char *const four[] = { "HeadLight_Left", "HeadLight_Right", "TailLight_Left", "TailLight_Right" };
    static const char *const two[] = { "HeadLight", "TailLight" };
    if (!a->blueprint->vehicle->has_lights)
        return;
    base_vec3 lamps[4];
    int count = town_scenery_lamps(a->type_id, a->box.extent, lamps);
    for (int i = 0; i < count; i++)
        add_at(l, count == 4 ? four[i] : two[i], lamps[i], i < count / 2 ? 0 : 180);
}

static void add_wheels(part_list *l, const town_world *w, const town_actor *a)
{
    static const char *const four[] = { "Wheel_Front_Left", "Wheel_Front_Right", "Wheel_Rear_Left", "Wheel_Rear_Right" };
    static const char *const two[] = { "Wheel_Front", "Wheel_Rear" };
    for (int i = 0; i < a->physics.wheel_count; i++) {
        float steer = 0, pitch = 0;
        town_wheel_steer_get(w, a->id, i, &steer);
        town_wheel_pitch_get(w, a->id, i, &pitch);
        base_pose at = { a->physics.wheels[i].position_m, { -(double)pitch, (double)steer, 0 } };
        add(l, a->physics.wheel_count == 4 ? four[i] : two[i], at);
    }
}

static void vehicle_parts(part_list *l, const town_world *w, const town_actor *a, town_part_kind kind)
{
    base_vec3 origin = { 0, 0, 0 };
    switch (kind) {
    case TOWN_PART_COMPONENTS:
        add_at(l, "VehicleMesh", origin, 0);
        add_at(l, "VehicleBounds", a->box.center, 0);
        add_lamps(l, a);
        break;
    case TOWN_PART_BONES:
        add_at(l, "Vehicle_Base", origin, 0);
        add_wheels(l, w, a);
        break;
    case TOWN_PART_SOCKETS:
        add_lamps(l, a);
        add_at(l, "Roof", (base_vec3){ 0, 0, 2 * a->box.extent.z }, 0);
        break;
    }
}

int town_actor_parts(const town_world *w, uint32_t id, town_part_kind kind, town_part parts[TOWN_PARTS_MAX])
{
    const town_actor *a = town_actor_find(w, id);
    part_list l = { parts, 0 };
    if (!a)
        return -1;
    if (a->kind == TOWN_VEHICLE)
        vehicle_parts(&l, w, a, kind);
    else if (kind == TOWN_PART_COMPONENTS)
        add_at(&l, "RootComponent", (base_vec3){ 0, 0, 0 }, 0);
    return l.count;
}
