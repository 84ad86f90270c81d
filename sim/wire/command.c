#include "sim/wire/command.h"
#include "sim/wire/table.h"

static const wire_field fields_args_actor[] = { FIELD(wire_args_actor, actor, u32) };
STRUCT_TYPE(args_actor);
static const wire_field fields_args_actor_vector[] = { FIELD(wire_args_actor_vector, actor, u32),
                                                       FIELD(wire_args_actor_vector, vector, vector3) };
STRUCT_TYPE(args_actor_vector);
static const wire_field fields_args_actor_transform[] = {
    FIELD(wire_args_actor_transform, actor, u32),
    FIELD(wire_args_actor_transform, transform, transform),
};
STRUCT_TYPE(args_actor_transform);
static const wire_field fields_args_actor_flag[] = { FIELD(wire_args_actor_flag, actor, u32),
                                                     FIELD(wire_args_actor_flag, flag, flag) };
STRUCT_TYPE(args_actor_flag);
static const wire_field fields_args_actor_u8[] = { FIELD(wire_args_actor_u8, actor, u32),
                                                   FIELD(wire_args_actor_u8, value, u8) };
STRUCT_TYPE(args_actor_u8);
static const wire_field fields_args_actor_u32[] = { FIELD(wire_args_actor_u32, actor, u32),
                                                    FIELD(wire_args_actor_u32, value, u32) };
STRUCT_TYPE(args_actor_u32);
static const wire_field fields_args_vehicle_control[] = {
    FIELD(wire_args_vehicle_control, actor, u32),
    FIELD(wire_args_vehicle_control, control, vehicle_control),
};
STRUCT_TYPE(args_vehicle_control);
static const wire_field fields_args_ackermann[] = {
    FIELD(wire_args_ackermann, actor, u32),
    FIELD(wire_args_ackermann, control, ackermann_control),
};
STRUCT_TYPE(args_ackermann);
static const wire_field fields_args_walker_control[] = {
    FIELD(wire_args_walker_control, actor, u32),
    FIELD(wire_args_walker_control, control, walker_control),
};
STRUCT_TYPE(args_walker_control);
static const wire_field fields_args_walker_state[] = {
    FIELD(wire_args_walker_state, actor, u32),
    FIELD(wire_args_walker_state, transform, transform),
    FIELD(wire_args_walker_state, speed, f32),
};
STRUCT_TYPE(args_walker_state);
static const wire_field fields_args_physics[] = { FIELD(wire_args_physics, actor, u32),
                                                  FIELD(wire_args_physics, physics, vehicle_physics) };
STRUCT_TYPE(args_physics);
static const wire_field fields_args_text[] = { FIELD(wire_args_text, text, text) };
STRUCT_TYPE(args_text);

static const wire_field fields_args_spawn_command[] = {
    FIELD(wire_args_spawn_command, description, actor_description), FIELD(wire_args_spawn_command, transform, transform),
    FIELD(wire_args_spawn_command, parent, optional_u32),           FIELD_SINCE(wire_args_spawn_command, attachment, u8, 16),
    FIELD_SINCE(wire_args_spawn_command, socket_name, text, 16),    FIELD(wire_args_spawn_command, do_after, command_list),
};
static STRUCT_TYPE(args_spawn_command);

static const wire_alternative kinds[WIRE_COMMAND_COUNT] = {
    /*                                                                                           0.9.13  14  15  16 */
    [WIRE_COMMAND_SPAWN_ACTOR] = { "spawn_actor", &wire_type_args_spawn_command, { 0, 0, 0, 0 } },
    [WIRE_COMMAND_DESTROY_ACTOR] = { "destroy_actor", &wire_type_args_actor, { 1, 1, 1, 1 } },
    [WIRE_COMMAND_VEHICLE_CONTROL] = { "vehicle_control", &wire_type_args_vehicle_control, { 2, 2, 2, 2 } },
    [WIRE_COMMAND_ACKERMANN_CONTROL] = { "ackermann_control", &wire_type_args_ackermann, { -1, 3, 3, 3 } },
    [WIRE_COMMAND_WALKER_CONTROL] = { "walker_control", &wire_type_args_walker_control, { 3, 4, 4, 4 } },
    [WIRE_COMMAND_VEHICLE_PHYSICS] = { "vehicle_physics", &wire_type_args_physics, { 4, 5, 5, 5 } },
    [WIRE_COMMAND_TRANSFORM] = { "transform", &wire_type_args_actor_transform, { 5, 6, 6, 6 } },
    [WIRE_COMMAND_WALKER_STATE] = { "walker_state", &wire_type_args_walker_state, { 6, 7, 7, 7 } },
    [WIRE_COMMAND_TARGET_VELOCITY] = { "target_velocity", &wire_type_args_actor_vector, { 7, 8, 8, 8 } },
    [WIRE_COMMAND_TARGET_ANGULAR_VELOCITY] = { "target_angular_velocity", &wire_type_args_actor_vector, { 8, 9, 9, 9 } },
    [WIRE_COMMAND_IMPULSE] = { "impulse", &wire_type_args_actor_vector, { 9, 10, 10, 10 } },
    [WIRE_COMMAND_FORCE] = { "force", &wire_type_args_actor_vector, { 10, 11, 11, 11 } },
    [WIRE_COMMAND_ANGULAR_IMPULSE] = { "angular_impulse", &wire_type_args_actor_vector, { 11, 12, 12, 12 } },
    [WIRE_COMMAND_TORQUE] = { "torque", &wire_type_args_actor_vector, { 12, 13, 13, 13 } },
    [WIRE_COMMAND_SIMULATE_PHYSICS] = { "simulate_physics", &wire_type_args_actor_flag, { 13, 14, 14, 14 } },
    [WIRE_COMMAND_ENABLE_GRAVITY] = { "enable_gravity", &wire_type_args_actor_flag, { 14, 15, 15, 15 } },
    [WIRE_COMMAND_AUTOPILOT] = { "autopilot", &wire_type_args_actor_flag, { 15, 16, 16, 16 } },
    [WIRE_COMMAND_SHOW_DEBUG_TELEMETRY] = { "show_debug_telemetry", &wire_type_args_actor_flag, { 16, 17, 17, 17 } },
    [WIRE_COMMAND_VEHICLE_LIGHT_STATE] = { "vehicle_light_state", &wire_type_args_actor_u32, { 17, 18, 18, 18 } },
    [WIRE_COMMAND_LOCATION] = { "location", &wire_type_args_actor_vector, { -1, 19, 19, 19 } },
    [WIRE_COMMAND_CONSOLE] = { "console", &wire_type_args_text, { -1, 20, 20, 20 } },
    [WIRE_COMMAND_TRAFFIC_LIGHT_STATE] = { "traffic_light_state", &wire_type_args_actor_u8, { -1, 21, 21, 21 } },
};
static const wire_type command_body = {
    "command", WIRE_KIND_VARIANT, sizeof(wire_command), NULL, kinds, WIRE_COMMAND_COUNT, NULL, offsetof(wire_command, as)
};
static const wire_field command_field[] = { { "command", &command_body, 0, WIRE_0_9_13 } };
const wire_type wire_type_command = { "command", WIRE_KIND_STRUCT, sizeof(wire_command), command_field, NULL, 1, NULL, 0 };
LIST_TYPE(command_list, command);

wire_actor_id *wire_command_actor(wire_command *c)
{
    switch (c->kind) {
    case WIRE_COMMAND_SPAWN_ACTOR:
    case WIRE_COMMAND_CONSOLE: return NULL;
    default: return &c->as.destroy.actor; /* the first member of every other argument struct */
    }
}

/* CommandResponse is Response<ActorId>; its error is one text in an array of one. */
static const wire_field outcome_error_fields[] = { { "message", &wire_type_text, 0, WIRE_0_9_13 } };
static const wire_type outcome_error = {
    "error", WIRE_KIND_STRUCT, sizeof(const char *), outcome_error_fields, NULL, 1, NULL, 0
};
static const wire_alternative outcome_kinds[] = {
    [WIRE_OUTCOME_ERROR] = { "error", &outcome_error, { 0, 0, 0, 0 } },
    [WIRE_OUTCOME_ACTOR] = { "actor", &wire_type_u32, { 1, 1, 1, 1 } },
};
static const wire_type outcome_body = { "outcome", WIRE_KIND_VARIANT,         sizeof(wire_outcome), NULL, outcome_kinds, 2,
                                        NULL,      offsetof(wire_outcome, as) };
static const wire_field outcome_field[] = { { "outcome", &outcome_body, 0, WIRE_0_9_13 } };
const wire_type wire_type_outcome = { "outcome", WIRE_KIND_STRUCT, sizeof(wire_outcome), outcome_field, NULL, 1, NULL, 0 };
LIST_TYPE(outcome_list, outcome);
