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

HANDLER(set_walker_state)
{
    ARGS(wire_args_walker_state);
    return is_walker(c, a->actor) &&
           (town_walker_state_set(c->world, a->actor, wire_transform_to_pose(a->transform), (double)a->speed) ||
            base_fail(c->err, BASE_REMOTE, "set_walker_state: the place or the speed is not finite, or out of the world"));
}

HANDLER(apply_control_to_walker)
{
    ARGS(wire_args_walker_control);
    town_walker_control control = { wire_vector3_to_vec3(a->control.direction), (double)a->control.speed, a->control.jump };
    return is_walker(c, a->actor) && (town_walker_control_set(c->world, a->actor, control) ||
                                      base_fail(c->err, BASE_REMOTE, "apply_control_to_walker: the control is not finite"));
}

const town_row town_rows_walker[] = {
    { WIRE_METHOD_set_walker_state, set_walker_state },
    { WIRE_METHOD_apply_control_to_walker, apply_control_to_walker },
    { WIRE_METHOD_COUNT, NULL },
};
