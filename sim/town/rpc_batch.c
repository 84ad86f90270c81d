/* apply_batch: a list of commands, each of which is what a function of the RPC table would do. */
#include "sim/town/serve.h"
#include <stdio.h>
#include <string.h>

#define BATCH_DEPTH_MAX 4 /* commands after a spawn may spawn again; CARLA's scripts never go deeper than 2 */

/* A command runs as a call of the function that does the same, so that both refuse with the same words. */
static bool run_as(town_call *outer, wire_method_id method, const void *args, base_error *err)
{
    town_call inner = *outer;
    inner.method = wire_method_get(method);
    inner.args = args;
    inner.err = err;
    inner.result = wire_memory_take(outer->memory, 1, inner.method->result->bytes ? inner.method->result->bytes : 1, err);
    if (!inner.result)
        return false;
    town_handler handler = town_handler_of(method);
    if (handler)
        return handler(&inner);
    return base_fail(err, BASE_UNSUPPORTED, "%s: not available in this simulator", inner.method->name);
}

/* Function of the same meaning and arguments; WIRE_METHOD_COUNT: none. */
static wire_method_id function_of(int kind)
{
    switch (kind) {
    case WIRE_COMMAND_DESTROY_ACTOR: return WIRE_METHOD_destroy_actor;
    case WIRE_COMMAND_VEHICLE_CONTROL: return WIRE_METHOD_apply_control_to_vehicle;
    case WIRE_COMMAND_ACKERMANN_CONTROL: return WIRE_METHOD_apply_ackermann_control_to_vehicle;
    case WIRE_COMMAND_WALKER_CONTROL: return WIRE_METHOD_apply_control_to_walker;
    case WIRE_COMMAND_VEHICLE_PHYSICS: return WIRE_METHOD_apply_physics_control;
    case WIRE_COMMAND_TRANSFORM: return WIRE_METHOD_set_actor_transform;
    case WIRE_COMMAND_WALKER_STATE: return WIRE_METHOD_set_walker_state;
    case WIRE_COMMAND_TARGET_VELOCITY: return WIRE_METHOD_set_actor_target_velocity;
    case WIRE_COMMAND_TARGET_ANGULAR_VELOCITY: return WIRE_METHOD_set_actor_target_angular_velocity;
    case WIRE_COMMAND_IMPULSE: return WIRE_METHOD_add_actor_impulse;
    case WIRE_COMMAND_FORCE: return WIRE_METHOD_add_actor_force;
    case WIRE_COMMAND_ANGULAR_IMPULSE: return WIRE_METHOD_add_actor_angular_impulse;
    case WIRE_COMMAND_TORQUE: return WIRE_METHOD_add_actor_torque;
    case WIRE_COMMAND_SIMULATE_PHYSICS: return WIRE_METHOD_set_actor_simulate_physics;
    case WIRE_COMMAND_ENABLE_GRAVITY: return WIRE_METHOD_set_actor_enable_gravity;
    case WIRE_COMMAND_AUTOPILOT: return WIRE_METHOD_set_actor_autopilot;
    case WIRE_COMMAND_SHOW_DEBUG_TELEMETRY: return WIRE_METHOD_show_vehicle_debug_telemetry;
    case WIRE_COMMAND_VEHICLE_LIGHT_STATE: return WIRE_METHOD_set_vehicle_light_state;
    case WIRE_COMMAND_LOCATION: return WIRE_METHOD_set_actor_location;
    case WIRE_COMMAND_CONSOLE: return WIRE_METHOD_console_command;
    case WIRE_COMMAND_TRAFFIC_LIGHT_STATE: return WIRE_METHOD_set_traffic_light_state;
    default: return WIRE_METHOD_COUNT;
    }
}

static uint32_t run(town_call *c, wire_command *command, int depth, base_error *err);

static uint32_t run_spawn(town_call *c, wire_command *command, int depth, base_error *err)
{
    const wire_args_spawn_command *s = &command->as.spawn;
    town_call inner = *c;
    inner.err = err;
    if (depth >= BATCH_DEPTH_MAX || s->description.uid == 0) {
        base_fail(err, BASE_REMOTE, "Spawn failed because of invalid actor description");
        return 0;
    }
    uint32_t id =
        town_spawn_from_wire(&inner, &s->description, &s->transform, s->parent.has ? s->parent.value : 0, s->attachment);
    for (size_t i = 0; id && i < s->do_after.count; i++) {
        wire_actor_id *actor = wire_command_actor(&s->do_after.items[i]);
        base_error unheard = { 0 };
        if (actor)
            *actor = id;
        run(c, &s->do_after.items[i], depth + 1, &unheard);
    }
    return id;
}

/* The command's actor, or 0 and an error text. */
static uint32_t run(town_call *c, wire_command *command, int depth, base_error *err)
{
    if (command->kind == WIRE_COMMAND_SPAWN_ACTOR)
        return run_spawn(c, command, depth, err);
    wire_method_id method = function_of(command->kind);
    const wire_actor_id *actor = wire_command_actor(command);
    uint32_t id = actor ? *actor : 0;
    if (method == WIRE_METHOD_COUNT) {
        base_fail(err, BASE_REMOTE, "unknown command");
        return 0;
    }
    /* The arguments of the light command are laid out as those of its function: actor, number. */
    return run_as(c, method, &command->as, err) ? id : 0;
}

static bool apply_batch(town_call *c)
{
    const wire_args_batch *a = c->args;
    wire_outcome_list *out = c->result;
    out->items = wire_memory_take(c->memory, a->commands.count + 1, sizeof *out->items, c->err);
    if (!out->items)
        return false;
    for (size_t i = 0; i < a->commands.count; i++) {
        base_error why = { 0 };
        uint32_t id = run(c, &a->commands.items[i], 0, &why);
        wire_outcome *o = &out->items[out->count++];
        if (why.code == BASE_OK) {
            *o = (wire_outcome){ .kind = WIRE_OUTCOME_ACTOR, .as.actor = id };
            continue;
        }
        char *text = wire_memory_take(c->memory, strlen(why.text) + 1, 1, c->err);
        *o = (wire_outcome){ .kind = WIRE_OUTCOME_ERROR, .as.error.message = text ? strcpy(text, why.text) : "out of memory" };
    }
    if (a->do_tick_cue)
        town_server_cue(c->server);
    return true;
}

const town_row town_rows_batch[] = {
    { WIRE_METHOD_apply_batch, apply_batch },
    { WIRE_METHOD_COUNT, NULL },
};
