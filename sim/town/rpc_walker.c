/* Handlers: walkers. */
#include "sim/town/handler.h"

/* True for a walker; else refuses with CARLA's words. */
static bool is_walker(town_call *c, uint32_t id)
{
    town_actor_view v;
    if (!town_actor_get(c->world, id, &v))
        return town_call_refuse(c, TOWN_NOT_FOUND, id);
    return v.kind == TOWN_WALKER || town_call_refuse(c, "Actor is not a Walker", id);
}

/* ... for one that can still move. */
static bool is_alive(town_call *c, uint32_t id)
{
    town_actor_view v;
    return is_walker(c, id) && town_actor_get(c->world, id, &v) &&
           (!v.dead || town_call_refuse(c, "Walker is already dead", id));
}

HANDLER(set_actor_dead)
{
    ARGS(wire_args_actor);
    town_actor_view v;
    if (town_actor_get(c->world, a->actor, &v) && v.kind != TOWN_WALKER)
        return town_call_refuse(c, "Actor does not match the expected type", a->actor);
    return is_alive(c, a->actor) && town_walker_kill(c->world, a->actor);
}

HANDLER(set_walker_state)
{
    ARGS(wire_args_walker_state);
    return is_alive(c, a->actor) &&
           (town_walker_state_set(c->world, a->actor, wire_transform_to_pose(a->transform), (double)a->speed) ||
            base_fail(c->err, BASE_REMOTE, "set_walker_state: the place or the speed is not finite, or out of the world"));
}

HANDLER(apply_control_to_walker)
{
    ARGS(wire_args_walker_control);
    town_walker_control control = { wire_vector3_to_vec3(a->control.direction), (double)a->control.speed, a->control.jump };
    return is_alive(c, a->actor) && (town_walker_control_set(c->world, a->actor, control) ||
                                     base_fail(c->err, BASE_REMOTE, "apply_control_to_walker: the control is not finite"));
}

/* ---- bones ---- */

HANDLER(get_bones_transform)
{
    ARGS(wire_args_actor);
    wire_bone_out_list *out = &((wire_bones_out *)c->result)->bone_transforms;
    town_bone bones[TOWN_BONES];
    if (!is_walker(c, a->actor) || !town_bones_get(c->world, a->actor, bones))
        return false;
    out->items = wire_memory_take(c->memory, TOWN_BONES, sizeof *out->items, c->err);
    for (int i = 0; out->items && i < TOWN_BONES; i++)
        out->items[out->count++] =
            (wire_bone_out){ bones[i].name, wire_transform_from_pose(bones[i].world),
                             wire_transform_from_pose(bones[i].component), wire_transform_from_pose(bones[i].relative) };
    return out->items != NULL;
}

HANDLER(set_bones_transform)
{
    ARGS(wire_args_bones);
    const wire_bone_in_list *in = &a->bones.bone_transforms;
    if (!is_walker(c, a->actor))
        return false;
    town_bone_setting *settings = wire_memory_take(c->memory, in->count + 1, sizeof *settings, c->err);
    if (!settings)
        return false;
    for (size_t i = 0; i < in->count; i++)
        settings[i] = (town_bone_setting){ in->items[i].name, wire_transform_to_pose(in->items[i].transform) };
    return town_bones_set(c->world, a->actor, settings, in->count, c->err);
}

HANDLER(blend_pose)
{
    ARGS(wire_args_actor_f32);
    return is_walker(c, a->actor) && (town_bones_blend(c->world, a->actor, (double)a->value) ||
                                      base_fail(c->err, BASE_MEMORY, "out of memory for the pose of a walker"));
}

HANDLER(get_pose_from_animation)
{
    ARGS(wire_args_actor);
    return is_walker(c, a->actor) &&
           (town_bones_capture(c->world, a->actor) || base_fail(c->err, BASE_MEMORY, "out of memory for the pose of a walker"));
}

const town_row town_rows_walker[] = {
    { WIRE_METHOD_set_walker_state, set_walker_state },
    { WIRE_METHOD_set_actor_dead, set_actor_dead },
    { WIRE_METHOD_apply_control_to_walker, apply_control_to_walker },
    { WIRE_METHOD_get_bones_transform, get_bones_transform },
    { WIRE_METHOD_set_bones_transform, set_bones_transform },
    { WIRE_METHOD_blend_pose, blend_pose },
    { WIRE_METHOD_get_pose_from_animation, get_pose_from_animation },
    { WIRE_METHOD_COUNT, NULL },
};
