/* Handlers: components, bones and sockets of actors (since 0.9.16). */
#include "sim/town/handler.h"

/* The parts and the actor's pose; false: refused. */
static int parts_of(town_call *c, uint32_t id, town_part_kind kind, town_part parts[TOWN_PARTS_MAX], base_pose *pose)
{
    town_actor_view v;
    int count = town_actor_parts(c->world, id, kind, parts);
    if (count < 0 || !town_actor_get(c->world, id, &v)) {
        town_call_refuse(c, TOWN_NOT_FOUND, id);
        return -1;
    }
    *pose = v.pose;
    return count;
}

static bool list_names(town_call *c, town_part_kind kind)
{
    ARGS(wire_args_actor);
    town_part parts[TOWN_PARTS_MAX];
    base_pose pose;
    int count = parts_of(c, a->actor, kind, parts, &pose);
    wire_text_list *out = c->result;
    if (count < 0)
        return false;
    out->items = wire_memory_take(c->memory, (size_t)count + 1, sizeof *out->items, c->err);
    for (int i = 0; out->items && i < count; i++)
        out->items[out->count++] = parts[i].name;
    return out->items != NULL;
}

static bool list_places(town_call *c, town_part_kind kind, bool world)
{
    ARGS(wire_args_actor);
    town_part parts[TOWN_PARTS_MAX];
    base_pose pose;
    int count = parts_of(c, a->actor, kind, parts, &pose);
    wire_transform_list *out = c->result;
    if (count < 0)
        return false;
    out->items = wire_memory_take(c->memory, (size_t)count + 1, sizeof *out->items, c->err);
    for (int i = 0; out->items && i < count; i++)
        out->items[out->count++] = wire_transform_from_pose(world ? base_pose_compose(&pose, &parts[i].pose) : parts[i].pose);
    return out->items != NULL;
}

static bool component_place(town_call *c, bool world)
{
    ARGS(wire_args_actor_text);
    town_part parts[TOWN_PARTS_MAX];
    base_pose pose;
    int count = parts_of(c, a->actor, TOWN_PART_COMPONENTS, parts, &pose);
    for (int i = 0; i < count; i++)
        if (!strcmp(parts[i].name, a->text)) {
            base_pose at = world ? base_pose_compose(&pose, &parts[i].pose) : parts[i].pose;
            return RESULT(wire_transform, wire_transform_from_pose(at));
        }
    return count >= 0 && town_call_refuse(c, "Component could not be found in this actor", a->actor);
}

/* ---- bones: walkers have a skeleton of their own ---- */

static bool is_walker(const town_call *c, uint32_t id)
{
    town_actor_view v;
    return town_actor_get(c->world, id, &v) && v.kind == TOWN_WALKER;
}

HANDLER(get_actor_bone_names)
{
    ARGS(wire_args_actor);
    wire_text_list *out = c->result;
    if (!is_walker(c, a->actor))
        return list_names(c, TOWN_PART_BONES);
    out->items = wire_memory_take(c->memory, TOWN_BONES, sizeof *out->items, c->err);
    for (int i = 0; out->items && i < TOWN_BONES; i++)
        out->items[out->count++] = town_bone_name(i);
    return out->items != NULL;
}

static bool list_bones(town_call *c, bool world)
{
    ARGS(wire_args_actor);
    wire_transform_list *out = c->result;
    town_bone bones[TOWN_BONES];
    if (!is_walker(c, a->actor))
        return list_places(c, TOWN_PART_BONES, world);
    if (!town_bones_get(c->world, a->actor, bones))
        return false;
    out->items = wire_memory_take(c->memory, TOWN_BONES, sizeof *out->items, c->err);
    for (int i = 0; out->items && i < TOWN_BONES; i++)
        out->items[out->count++] = wire_transform_from_pose(world ? bones[i].world : bones[i].relative);
    return out->items != NULL;
}
HANDLER(get_actor_bone_world_transforms) { return list_bones(c, true); }
HANDLER(get_actor_bone_relative_transforms) { return list_bones(c, false); }

/* ---- components and sockets ---- */

HANDLER(get_actor_component_names) { return list_names(c, TOWN_PART_COMPONENTS); }
HANDLER(get_actor_socket_names) { return list_names(c, TOWN_PART_SOCKETS); }
HANDLER(get_actor_component_world_transform) { return component_place(c, true); }
HANDLER(get_actor_component_relative_transform) { return component_place(c, false); }
HANDLER(get_actor_socket_world_transforms) { return list_places(c, TOWN_PART_SOCKETS, true); }
HANDLER(get_actor_socket_relative_transforms) { return list_places(c, TOWN_PART_SOCKETS, false); }

HANDLER(get_vehicle_bone_world_transforms)
{
    ARGS(wire_args_actor);
    town_actor_view v;
    if (town_actor_get(c->world, a->actor, &v) && v.kind != TOWN_VEHICLE)
        return town_call_refuse(c, TOWN_NO_VEHICLE, a->actor);
    return list_places(c, TOWN_PART_BONES, true);
}

const town_row town_rows_parts[] = {
    { WIRE_METHOD_get_actor_component_names, get_actor_component_names },
    { WIRE_METHOD_get_actor_bone_names, get_actor_bone_names },
    { WIRE_METHOD_get_actor_socket_names, get_actor_socket_names },
    { WIRE_METHOD_get_actor_component_world_transform, get_actor_component_world_transform },
    { WIRE_METHOD_get_actor_component_relative_transform, get_actor_component_relative_transform },
    { WIRE_METHOD_get_actor_bone_world_transforms, get_actor_bone_world_transforms },
    { WIRE_METHOD_get_actor_bone_relative_transforms, get_actor_bone_relative_transforms },
    { WIRE_METHOD_get_actor_socket_world_transforms, get_actor_socket_world_transforms },
    { WIRE_METHOD_get_actor_socket_relative_transforms, get_actor_socket_relative_transforms },
    { WIRE_METHOD_get_vehicle_bone_world_transforms, get_vehicle_bone_world_transforms },
    { WIRE_METHOD_COUNT, NULL },
};
