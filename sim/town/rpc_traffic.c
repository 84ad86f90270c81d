/* Handlers: traffic lights. Texts of refusals are CARLA's. */
#include "sim/town/handler.h"

/* True for a light; else refuses. */
static bool is_light(town_call *c, uint32_t id)
{
    town_actor_view v;
    if (!town_actor_get(c->world, id, &v))
        return town_call_refuse(c, TOWN_NOT_FOUND, id);
    return v.kind == TOWN_TRAFFIC_LIGHT || town_call_refuse(c, "Actor is not a traffic light", id);
}

HANDLER(set_traffic_light_state)
{
    ARGS(wire_args_actor_u8);
    if (!is_light(c, a->actor))
        return false;
    return town_light_state_set(c->world, a->actor, a->value) ||
           base_fail(c->err, BASE_REMOTE, "set_traffic_light_state: state is %u, expected 0 to 4", (unsigned)a->value);
}

static bool set_time(town_call *c, int which)
{
    ARGS(wire_args_actor_f32);
    float t[3] = { -1, -1, -1 };
    t[which] = a->value;
    if (!is_light(c, a->actor))
        return false;
    return (a->value >= 0 && town_light_times_set(c->world, a->actor, t[0], t[1], t[2])) ||
           base_fail(c->err, BASE_REMOTE, "%s: time is %g s, expected a finite one from 0 up", c->method->name,
                     (double)a->value);
}
HANDLER(set_traffic_light_green_time) { return set_time(c, 0); }
HANDLER(set_traffic_light_yellow_time) { return set_time(c, 1); }
HANDLER(set_traffic_light_red_time) { return set_time(c, 2); }

HANDLER(freeze_traffic_light)
{
    ARGS(wire_args_actor_flag);
    return is_light(c, a->actor) && town_light_freeze(c->world, a->actor, a->flag);
}

HANDLER(reset_traffic_light_group)
{
    ARGS(wire_args_actor);
    return is_light(c, a->actor) && town_light_group_reset(c->world, a->actor);
}

HANDLER(freeze_all_traffic_lights)
{
    ARGS(wire_args_flag);
    town_lights_freeze(c->world, a->flag);
    return true;
}

HANDLER(reset_all_traffic_lights)
{
    town_lights_reset(c->world);
    return true;
}

HANDLER(get_group_traffic_lights)
{
    ARGS(wire_args_actor);
    wire_u32_list *out = c->result;
    town_actor_view v;
    if (!town_actor_get(c->world, a->actor, &v))
        return base_fail(c->err, BASE_REMOTE, "unable to get group traffic lights: actor not found");
    int count = town_light_group(c->world, a->actor, NULL, 0);
    if (count == 0)
        return base_fail(c->err, BASE_REMOTE, "unable to get group traffic lights: actor is not a traffic light");
    out->items = wire_memory_take(c->memory, (size_t)count, sizeof *out->items, c->err);
    out->count = out->items ? (size_t)town_light_group(c->world, a->actor, out->items, count) : 0;
    return out->items != NULL;
}

HANDLER(get_light_boxes)
{
    ARGS(wire_args_actor);
    wire_bounding_box_list *out = c->result;
    if (!is_light(c, a->actor))
        return false;
    town_placed_box boxes[TOWN_LIGHT_HEADS_MAX];
    int count = town_light_heads(c->world, a->actor, boxes, TOWN_LIGHT_HEADS_MAX);
    out->items = wire_memory_take(c->memory, (size_t)count + 1, sizeof *out->items, c->err);
    for (int i = 0; out->items && i < count; i++) {
        wire_transform t = wire_transform_from_pose(boxes[i].pose);
        out->items[out->count++] =
            (wire_bounding_box){ t.location, wire_vector3_from_vec3(boxes[i].extent), t.rotation, a->actor };
    }
    return out->items != NULL;
}

const town_row town_rows_traffic[] = {
    { WIRE_METHOD_set_traffic_light_state, set_traffic_light_state },
    { WIRE_METHOD_set_traffic_light_green_time, set_traffic_light_green_time },
    { WIRE_METHOD_set_traffic_light_yellow_time, set_traffic_light_yellow_time },
    { WIRE_METHOD_set_traffic_light_red_time, set_traffic_light_red_time },
    { WIRE_METHOD_freeze_traffic_light, freeze_traffic_light },
    { WIRE_METHOD_freeze_all_traffic_lights, freeze_all_traffic_lights },
    { WIRE_METHOD_reset_all_traffic_lights, reset_all_traffic_lights },
    { WIRE_METHOD_reset_traffic_light_group, reset_traffic_light_group },
    { WIRE_METHOD_get_group_traffic_lights, get_group_traffic_lights },
    { WIRE_METHOD_get_light_boxes, get_light_boxes },
    { WIRE_METHOD_COUNT, NULL },
};
