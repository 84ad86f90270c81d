/* sim/wire/command.h — the 22 commands of apply_batch, and the argument structs that they share with the RPC methods. */
#ifndef SIM_WIRE_COMMAND_H
#define SIM_WIRE_COMMAND_H
#include "sim/wire/types.h"

typedef struct wire_args_actor {
    wire_actor_id actor;
} wire_args_actor;
typedef struct wire_args_actor_vector {
    wire_actor_id actor;
    wire_vector3 vector;
} wire_args_actor_vector;
typedef struct wire_args_actor_transform {
    wire_actor_id actor;
    wire_transform transform;
} wire_args_actor_transform;
typedef struct wire_args_actor_flag {
    wire_actor_id actor;
    bool flag;
} wire_args_actor_flag;
typedef struct wire_args_actor_u8 {
    wire_actor_id actor;
    uint8_t value;
} wire_args_actor_u8;
typedef struct wire_args_actor_u32 {
    wire_actor_id actor;
    uint32_t value;
} wire_args_actor_u32;
typedef struct wire_args_vehicle_control {
    wire_actor_id actor;
    wire_vehicle_control control;
} wire_args_vehicle_control;
typedef struct wire_args_ackermann {
    wire_actor_id actor;
    wire_ackermann_control control;
} wire_args_ackermann;
typedef struct wire_args_walker_control {
    wire_actor_id actor;
    wire_walker_control control;
} wire_args_walker_control;
typedef struct wire_args_walker_state {
    wire_actor_id actor;
    wire_transform transform;
    float speed;
} wire_args_walker_state;
typedef struct wire_args_physics {
    wire_actor_id actor;
    wire_vehicle_physics physics;
} wire_args_physics;
typedef struct wire_args_text {
    const char *text;
} wire_args_text;

typedef enum wire_command_kind { /* our numbers; those on the wire depend on the release */
                                 WIRE_COMMAND_SPAWN_ACTOR,
                                 WIRE_COMMAND_DESTROY_ACTOR,
                                 WIRE_COMMAND_VEHICLE_CONTROL,
                                 WIRE_COMMAND_ACKERMANN_CONTROL, /* since 0.9.14 */
                                 WIRE_COMMAND_WALKER_CONTROL,
                                 WIRE_COMMAND_VEHICLE_PHYSICS,
                                 WIRE_COMMAND_TRANSFORM,
                                 WIRE_COMMAND_WALKER_STATE,
                                 WIRE_COMMAND_TARGET_VELOCITY,
                                 WIRE_COMMAND_TARGET_ANGULAR_VELOCITY,
                                 WIRE_COMMAND_IMPULSE,
                                 WIRE_COMMAND_FORCE,
                                 WIRE_COMMAND_ANGULAR_IMPULSE,
                                 WIRE_COMMAND_TORQUE,
                                 WIRE_COMMAND_SIMULATE_PHYSICS,
                                 WIRE_COMMAND_ENABLE_GRAVITY,
                                 WIRE_COMMAND_AUTOPILOT,
                                 WIRE_COMMAND_SHOW_DEBUG_TELEMETRY,
                                 WIRE_COMMAND_VEHICLE_LIGHT_STATE,
                                 WIRE_COMMAND_LOCATION, /* since 0.9.14, as are the two below */
                                 WIRE_COMMAND_CONSOLE,
                                 WIRE_COMMAND_TRAFFIC_LIGHT_STATE,
                                 WIRE_COMMAND_COUNT
} wire_command_kind;

typedef struct wire_command wire_command;
typedef struct wire_command_list {
    wire_command *items;
    size_t count;
} wire_command_list;

typedef struct wire_args_spawn_command {
    wire_actor_description description;
    wire_transform transform;
    wire_optional_u32 parent;
    uint8_t attachment; /* wire_attachment; since 0.9.16, as is the next */
    const char *socket_name;
    wire_command_list do_after; /* their actor is 0 until the server puts the new one in */
} wire_args_spawn_command;

struct wire_command {
    int kind; /* wire_command_kind */
    union {
        wire_args_spawn_command spawn;
        wire_args_actor destroy;
        wire_args_vehicle_control vehicle_control;
        wire_args_ackermann ackermann;
        wire_args_walker_control walker_control;
        wire_args_physics physics;
        wire_args_actor_transform transform;
        wire_args_walker_state walker_state;
        wire_args_actor_vector vector; /* velocities, impulses, forces, torques, location */
        wire_args_actor_flag flag;     /* simulate physics, gravity, autopilot, telemetry */
        wire_args_actor_u32 light_state;
        wire_args_text console;
        wire_args_actor_u8 traffic_light;
    } as;
};
/* Where a command keeps its actor id; NULL for spawn and console. */
wire_actor_id *wire_command_actor(wire_command *c);

typedef enum wire_outcome_kind { WIRE_OUTCOME_ERROR = 0, WIRE_OUTCOME_ACTOR = 1 } wire_outcome_kind;
typedef struct wire_outcome { /* what one command of a batch answers */
    int kind;                 /* wire_outcome_kind */
    union {
        struct {
            const char *message;
        } error;
        wire_actor_id actor;
    } as;
} wire_outcome;
typedef struct wire_outcome_list {
    wire_outcome *items;
    size_t count;
} wire_outcome_list;

extern const wire_type wire_type_command, wire_type_command_list, wire_type_outcome, wire_type_outcome_list;
extern const wire_type wire_type_args_actor, wire_type_args_actor_vector, wire_type_args_actor_transform,
    wire_type_args_actor_flag, wire_type_args_actor_u8, wire_type_args_actor_u32, wire_type_args_vehicle_control,
    wire_type_args_ackermann, wire_type_args_walker_control, wire_type_args_walker_state, wire_type_args_physics,
    wire_type_args_text;
#endif
