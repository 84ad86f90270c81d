/* Handlers: walkers. */
#include "sim/town/handler.h"

HANDLER(set_walker_state)
{
    ARGS(wire_args_walker_state);
    return town_pose_set(c->world, a->actor, wire_transform_to_pose(a->transform)) ||
           town_call_refuse(c, TOWN_NOT_FOUND, a->actor);
}

HANDLER(apply_control_to_walker)
{
    ARGS(wire_args_walker_control);
    town_walker_control control = { wire_vector3_to_vec3(a->control.direction), (double)a->control.speed, a->control.jump };
    return town_walker_control_set(c->world, a->actor, control) || town_call_refuse(c, "Actor is not a Walker", a->actor);
}

const town_row town_rows_walker[] = {
    { WIRE_METHOD_set_walker_state, set_walker_state },
    { WIRE_METHOD_apply_control_to_walker, apply_control_to_walker },
    { WIRE_METHOD_COUNT, NULL },
};
