/* Handlers: traffic lights. */
#include "sim/town/handler.h"

#define NO_LIGHT "Actor is not a traffic light"

HANDLER(set_traffic_light_state)
{
    ARGS(wire_args_actor_u8);
    return town_light_state_set(c->world, a->actor, a->value) || town_call_refuse(c, NO_LIGHT, a->actor);
}

static bool set_time(town_call *c, int which)
{
    ARGS(wire_args_actor_f32);
    float t[3] = { -1, -1, -1 };
    t[which] = a->value;
    return town_light_times_set(c->world, a->actor, t[0], t[1], t[2]) || town_call_refuse(c, NO_LIGHT, a->actor);
}
HANDLER(set_traffic_light_green_time) { return set_time(c, 0); }
HANDLER(set_traffic_light_yellow_time) { return set_time(c, 1); }
HANDLER(set_traffic_light_red_time) { return set_time(c, 2); }

HANDLER(freeze_traffic_light)
{
    ARGS(wire_args_actor_flag);
    town_lights_freeze(c->world, a->flag);
    return true;
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
    int count = town_light_group(c->world, a->actor, NULL, 0);
    if (count == 0)
        return town_call_refuse(c, NO_LIGHT, a->actor);
    out->items = wire_memory_take(c->memory, (size_t)count, sizeof *out->items, c->err);
    out->count = out->items ? (size_t)town_light_group(c->world, a->actor, out->items, count) : 0;
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
    { WIRE_METHOD_reset_traffic_light_group, reset_all_traffic_lights },
    { WIRE_METHOD_get_group_traffic_lights, get_group_traffic_lights },
    { WIRE_METHOD_COUNT, NULL },
};
