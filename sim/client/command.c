/* What is sent to actors: one call each, or many in a batch. */
#include "sim/client/internal.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static wire_vector3 vector(base_vec3 v) { return wire_vector3_from_vec3(v); }

/* --- any actor ------------------------------------------------------------------------------------------------------------ */

bool client_pose_set(client *c, wire_actor_id id, base_pose pose, base_error *err)
{
    SEND(set_actor_transform, actor_transform, id, wire_transform_from_pose(pose));
}

bool client_location_set(client *c, wire_actor_id id, base_vec3 location, base_error *err)
{
    SEND(set_actor_location, actor_vector, id, vector(location));
}

bool client_velocity_set(client *c, wire_actor_id id, base_vec3 mps, base_error *err)
{
    SEND(set_actor_target_velocity, actor_vector, id, vector(mps));
}

bool client_angular_velocity_set(client *c, wire_actor_id id, base_vec3 dps, base_error *err)
{
    SEND(set_actor_target_angular_velocity, actor_vector, id, vector(dps));
}

bool client_constant_velocity_set(client *c, wire_actor_id id, base_vec3 local_mps, base_error *err)
{
    SEND(enable_actor_constant_velocity, actor_vector, id, vector(local_mps));
}

bool client_constant_velocity_end(client *c, wire_actor_id id, base_error *err)
{
    SEND(disable_actor_constant_velocity, actor, id);
}

bool client_impulse(client *c, wire_actor_id id, base_vec3 ns, base_error *err)
{
    SEND(add_actor_impulse, actor_vector, id, vector(ns));
}

bool client_impulse_at(client *c, wire_actor_id id, base_vec3 ns, base_vec3 location, base_error *err)
{
    SEND(add_actor_impulse_at_location, actor_vector_at, id, vector(ns), vector(location));
}

bool client_force(client *c, wire_actor_id id, base_vec3 n, base_error *err)
{
    SEND(add_actor_force, actor_vector, id, vector(n));
}

bool client_force_at(client *c, wire_actor_id id, base_vec3 n, base_vec3 location, base_error *err)
{
    SEND(add_actor_force_at_location, actor_vector_at, id, vector(n), vector(location));
}

bool client_angular_impulse(client *c, wire_actor_id id, base_vec3 v, base_error *err)
{
    SEND(add_actor_angular_impulse, actor_vector, id, vector(v));
}

bool client_torque(client *c, wire_actor_id id, base_vec3 v, base_error *err)
{
    SEND(add_actor_torque, actor_vector, id, vector(v));
}

bool client_physics_set(client *c, wire_actor_id id, bool simulate, base_error *err)
{
    SEND(set_actor_simulate_physics, actor_flag, id, simulate);
}

bool client_gravity_set(client *c, wire_actor_id id, bool on, base_error *err)
{
    SEND(set_actor_enable_gravity, actor_flag, id, on);
}

bool client_collisions_set(client *c, wire_actor_id id, bool on, base_error *err)
{
    SEND(set_actor_collisions, actor_flag, id, on);
}

bool client_dead_set(client *c, wire_actor_id id, base_error *err) { SEND(set_actor_dead, actor, id); }

bool client_bounding_box(client *c, wire_actor_id id, wire_bounding_box *box, base_error *err)
{
    if (c->version >= WIRE_0_9_16)
        CALL(get_actor_bounding_box, actor, box, id);
    const wire_actor *a = client_actor(c, id, err);
    if (a)
        *box = a->bounding_box;
    return a != NULL;
}

/* --- vehicles ------------------------------------------------------------------------------------------------------------- */

bool client_control(client *c, wire_actor_id vehicle, wire_vehicle_control control, base_error *err)
{
    SEND(apply_control_to_vehicle, vehicle_control, vehicle, control);
}

bool client_ackermann(client *c, wire_actor_id vehicle, wire_ackermann_control control, base_error *err)
{
    SEND(apply_ackermann_control_to_vehicle, ackermann, vehicle, control);
}

bool client_ackermann_settings(client *c, wire_actor_id vehicle, wire_ackermann_settings *s, base_error *err)
{
    CALL(get_ackermann_controller_settings, actor, s, vehicle);
}

bool client_ackermann_settings_set(client *c, wire_actor_id vehicle, const wire_ackermann_settings *s, base_error *err)
{
    SEND(apply_ackermann_controller_settings, ackermann_settings, vehicle, *s);
}

bool client_vehicle_physics(client *c, wire_actor_id vehicle, wire_vehicle_physics *p, base_error *err)
{
    CALL(get_physics_control, actor, p, vehicle);
}

bool client_vehicle_physics_set(client *c, wire_actor_id vehicle, const wire_vehicle_physics *p, base_error *err)
{
    SEND(apply_physics_control, physics, vehicle, *p);
}

bool client_telemetry(client *c, wire_actor_id vehicle, wire_vehicle_telemetry *t, base_error *err)
{
    CALL(get_telemetry_data, actor, t, vehicle);
}

bool client_debug_telemetry_set(client *c, wire_actor_id vehicle, bool show, base_error *err)
{
    SEND(show_vehicle_debug_telemetry, actor_flag, vehicle, show);
}

bool client_vehicle_lights(client *c, wire_actor_id vehicle, uint32_t *flags, base_error *err)
{
    CALL(get_vehicle_light_state, actor, flags, vehicle);
}

bool client_vehicle_lights_set(client *c, wire_actor_id vehicle, uint32_t flags, base_error *err)
{
    SEND(set_vehicle_light_state, light_flags, vehicle, flags);
}

bool client_all_vehicle_lights(client *c, wire_vehicle_light_list *lights, base_error *err)
{
    return client_call(c, WIRE_METHOD_get_vehicle_light_states, NULL, lights, NULL, err);
}

bool client_door_set(client *c, wire_actor_id vehicle, client_door door, bool open, base_error *err)
{
    wire_args_actor_u8 args = { vehicle, (uint8_t)door };
    return client_send(c, open ? WIRE_METHOD_open_vehicle_door : WIRE_METHOD_close_vehicle_door, &args, err);
}

bool client_wheel_steer(client *c, wire_actor_id vehicle, client_wheel wheel, double *deg, base_error *err)
{
    float got = 0;
    wire_args_actor_u8 args = { vehicle, (uint8_t)wheel };
    bool ok = client_call(c, WIRE_METHOD_get_wheel_steer_angle, &args, &got, NULL, err);
    *deg = (double)got;
    return ok;
}

bool client_wheel_steer_set(client *c, wire_actor_id vehicle, client_wheel wheel, double deg, base_error *err)
{
    SEND(set_wheel_steer_direction, wheel, vehicle, (uint8_t)wheel, (float)deg);
}

/* --- walkers -------------------------------------------------------------------------------------------------------------- */

bool client_walk(client *c, wire_actor_id walker, wire_walker_control control, base_error *err)
{
    SEND(apply_control_to_walker, walker_control, walker, control);
}

bool client_bones(client *c, wire_actor_id walker, wire_bones_out *bones, base_error *err)
{
    CALL(get_bones_transform, actor, bones, walker);
}

bool client_bones_set(client *c, wire_actor_id walker, const wire_bone_in *bones, size_t count, base_error *err)
{
    SEND(set_bones_transform, bones, walker, { { (wire_bone_in *)(uintptr_t)bones, count } }); /* encoding does not write */
}

bool client_bones_blend(client *c, wire_actor_id walker, double share, base_error *err)
{
    SEND(blend_pose, actor_f32, walker, (float)share);
}

bool client_bones_from_animation(client *c, wire_actor_id walker, base_error *err)
{
    SEND(get_pose_from_animation, actor, walker);
}

/* --- traffic lights ------------------------------------------------------------------------------------------------------- */

bool client_traffic_light_set(client *c, wire_actor_id light, wire_light_color color, base_error *err)
{
    SEND(set_traffic_light_state, actor_u8, light, (uint8_t)color);
}

bool client_traffic_light_times_set(client *c, wire_actor_id light, double green_s, double yellow_s, double red_s,
                                    base_error *err)
{
    const struct {
        wire_method_id method;
        double value;
    } all[] = { { WIRE_METHOD_set_traffic_light_green_time, green_s },
                { WIRE_METHOD_set_traffic_light_yellow_time, yellow_s },
                { WIRE_METHOD_set_traffic_light_red_time, red_s } };
    for (size_t i = 0; i < 3; i++)
        if (all[i].value >= 0 && !client_send(c, all[i].method, &(wire_args_actor_f32){ light, (float)all[i].value }, err))
            return false;
    return true;
}

bool client_traffic_light_freeze(client *c, wire_actor_id light, bool frozen, base_error *err)
{
    SEND(freeze_traffic_light, actor_flag, light, frozen);
}

bool client_traffic_lights_freeze(client *c, bool frozen, base_error *err) { SEND(freeze_all_traffic_lights, flag, frozen); }

bool client_traffic_light_reset(client *c, wire_actor_id light, base_error *err)
{
    SEND(reset_traffic_light_group, actor, light);
}

bool client_traffic_lights_reset(client *c, base_error *err)
{
    return client_call(c, WIRE_METHOD_reset_all_traffic_lights, NULL, NULL, NULL, err);
}

bool client_traffic_light_group(client *c, wire_actor_id light, wire_u32_list *lights, base_error *err)
{
    CALL(get_group_traffic_lights, actor, lights, light);
}

bool client_traffic_light_boxes(client *c, wire_actor_id light, wire_bounding_box_list *boxes, base_error *err)
{
    CALL(get_light_boxes, actor, boxes, light);
}

/* --- making commands ------------------------------------------------------------------------------------------------------ */

wire_command client_command_destroy(wire_actor_id id)
{
    return (wire_command){ WIRE_COMMAND_DESTROY_ACTOR, { .destroy = { id } } };
}

wire_command client_command_control(wire_actor_id id, wire_vehicle_control control)
{
    return (wire_command){ WIRE_COMMAND_VEHICLE_CONTROL, { .vehicle_control = { id, control } } };
}

wire_command client_command_ackermann(wire_actor_id id, wire_ackermann_control control)
{
    return (wire_command){ WIRE_COMMAND_ACKERMANN_CONTROL, { .ackermann = { id, control } } };
}

wire_command client_command_walk(wire_actor_id id, wire_walker_control control)
{
    return (wire_command){ WIRE_COMMAND_WALKER_CONTROL, { .walker_control = { id, control } } };
}

wire_command client_command_walker_state(wire_actor_id id, base_pose pose, double speed_mps)
{
    return (wire_command){ WIRE_COMMAND_WALKER_STATE,
                           { .walker_state = { id, wire_transform_from_pose(pose), (float)speed_mps } } };
}

wire_command client_command_vehicle_physics(wire_actor_id id, const wire_vehicle_physics *p)
{
    return (wire_command){ WIRE_COMMAND_VEHICLE_PHYSICS, { .physics = { id, *p } } };
}

wire_command client_command_pose(wire_actor_id id, base_pose pose)
{
    return (wire_command){ WIRE_COMMAND_TRANSFORM, { .transform = { id, wire_transform_from_pose(pose) } } };
}

wire_command client_command_vector(wire_command_kind kind, wire_actor_id id, base_vec3 v)
{
    return (wire_command){ (int)kind, { .vector = { id, vector(v) } } };
}

wire_command client_command_flag(wire_command_kind kind, wire_actor_id id, bool on)
{
    return (wire_command){ (int)kind, { .flag = { id, on } } };
}

wire_command client_command_vehicle_lights(wire_actor_id id, uint32_t flags)
{
    return (wire_command){ WIRE_COMMAND_VEHICLE_LIGHT_STATE, { .light_state = { id, flags } } };
}

wire_command client_command_console(const char *text)
{
    return (wire_command){ WIRE_COMMAND_CONSOLE, { .console = { text } } };
}

wire_command client_command_traffic_light(wire_actor_id id, wire_light_color color)
{
    return (wire_command){ WIRE_COMMAND_TRAFFIC_LIGHT_STATE, { .traffic_light = { id, (uint8_t)color } } };
}
