/* Handlers: vehicles. */
#include "sim/town/handler.h"

HANDLER(apply_control_to_vehicle)
{
    ARGS(wire_args_vehicle_control);
    const wire_vehicle_control *w = &a->control;
    town_vehicle_control control = {
        w->throttle, w->steer, w->brake, w->hand_brake, w->reverse, w->manual_gear_shift, w->gear
    };
    return town_vehicle_control_set(c->world, a->actor, control) || town_call_refuse(c, TOWN_NOT_FOUND, a->actor);
}

HANDLER(set_actor_autopilot)
{
    ARGS(wire_args_actor_flag); /* the traffic manager of a client does the driving; CARLA's server only notes the wish */
    town_actor_view v;
    if (!town_actor_get(c->world, a->actor, &v))
        return town_call_refuse(c, TOWN_NOT_FOUND, a->actor);
    return v.kind == TOWN_VEHICLE || town_call_refuse(c, "Autopilot is not supported by the Actor", a->actor);
}

void town_wire_physics(const town_physics *p, const base_pose *pose, wire_vehicle_physics *out, wire_memory *m)
{
    *out = (wire_vehicle_physics){
        .max_rpm = p->max_rpm,
        .moi = p->moi,
        .damping_rate_full_throttle = p->damping_full_throttle,
        .damping_rate_zero_throttle_clutch_engaged = p->damping_zero_throttle_engaged,
        .damping_rate_zero_throttle_clutch_disengaged = p->damping_zero_throttle_disengaged,
        .use_gear_autobox = p->use_gear_autobox,
        .gear_switch_time = p->gear_switch_s,
        .clutch_strength = p->clutch_strength,
        .final_ratio = p->final_ratio,
        .mass = p->mass_kg,
        .drag_coefficient = p->drag_coefficient,
        .center_of_mass = wire_vector3_from_vec3(p->center_of_mass_m),
        .use_sweep_wheel_collision = p->use_sweep_wheel_collision,
        .torque_curve = { wire_memory_take(m, TOWN_CURVE_MAX, sizeof(wire_vector2), NULL), 0 },
        .steering_curve = { wire_memory_take(m, TOWN_CURVE_MAX, sizeof(wire_vector2), NULL), 0 },
        .forward_gears = { wire_memory_take(m, TOWN_GEARS_MAX, sizeof(wire_gear), NULL), 0 },
        .wheels = { wire_memory_take(m, 4, sizeof(wire_wheel), NULL), 0 },
    };
    for (int i = 0; out->torque_curve.items && i < p->torque_points; i++)
        out->torque_curve.items[out->torque_curve.count++] = (wire_vector2){ p->torque_curve[i].x, p->torque_curve[i].y };
    for (int i = 0; out->steering_curve.items && i < p->steering_points; i++)
        out->steering_curve.items[out->steering_curve.count++] =
            (wire_vector2){ p->steering_curve[i].x, p->steering_curve[i].y };
    for (int i = 0; out->forward_gears.items && i < p->gear_count; i++)
        out->forward_gears.items[out->forward_gears.count++] =
            (wire_gear){ p->gears[i].ratio, p->gears[i].down_ratio, p->gears[i].up_ratio };
    for (int i = 0; out->wheels.items && i < p->wheel_count; i++) {
        const town_wheel *w = &p->wheels[i];
        base_vec3 world_cm = base_vec3_scale(base_pose_to_world(pose, w->position_m), 100);
        out->wheels.items[out->wheels.count++] = (wire_wheel){ w->tire_friction,       w->damping_rate,
                                                               w->max_steer_deg,       w->radius_cm,
                                                               w->max_brake_torque_nm, w->max_handbrake_torque_nm,
                                                               w->lat_stiff_max_load,  w->lat_stiff_value,
                                                               w->long_stiff_value,    wire_vector3_from_vec3(world_cm) };
    }
}

HANDLER(get_physics_control)
{
    ARGS(wire_args_actor);
    town_physics p;
    town_actor_view v;
    if (!town_physics_get(c->world, a->actor, &p) || !town_actor_get(c->world, a->actor, &v))
        return town_call_refuse(c, town_actor_get(c->world, a->actor, &v) ? TOWN_NO_VEHICLE : TOWN_NOT_FOUND, a->actor);
    town_wire_physics(&p, &v.pose, c->result, c->memory);
    return true;
}

static int curve_from_wire(town_curve_point *out, const wire_vector2_list *in)
{
    for (size_t i = 0; i < in->count; i++)
        out[i] = (town_curve_point){ in->items[i].x, in->items[i].y };
    return (int)in->count;
}

bool town_physics_from_wire(const wire_vehicle_physics *in, const base_pose *pose, town_physics *out, base_error *err)
{
    if (in->torque_curve.count > TOWN_CURVE_MAX || in->steering_curve.count > TOWN_CURVE_MAX ||
        in->forward_gears.count > TOWN_GEARS_MAX || in->wheels.count > 4)
        return base_fail(err, BASE_REMOTE, "physics control: at most %d curve points, %d gears and 4 wheels", TOWN_CURVE_MAX,
                         TOWN_GEARS_MAX);
    *out = (town_physics){
        .max_rpm = in->max_rpm,
        .moi = in->moi,
        .damping_full_throttle = in->damping_rate_full_throttle,
        .damping_zero_throttle_engaged = in->damping_rate_zero_throttle_clutch_engaged,
        .damping_zero_throttle_disengaged = in->damping_rate_zero_throttle_clutch_disengaged,
        .use_gear_autobox = in->use_gear_autobox,
        .gear_switch_s = in->gear_switch_time,
        .clutch_strength = in->clutch_strength,
        .final_ratio = in->final_ratio,
        .mass_kg = in->mass,
        .drag_coefficient = in->drag_coefficient,
        .center_of_mass_m = wire_vector3_to_vec3(in->center_of_mass),
        .use_sweep_wheel_collision = in->use_sweep_wheel_collision,
        .gear_count = (int)in->forward_gears.count,
        .wheel_count = (int)in->wheels.count,
    };
    out->torque_points = curve_from_wire(out->torque_curve, &in->torque_curve);
    out->steering_points = curve_from_wire(out->steering_curve, &in->steering_curve);
    for (int i = 0; i < out->gear_count; i++)
        out->gears[i] = (town_gear){ in->forward_gears.items[i].ratio, in->forward_gears.items[i].down_ratio,
                                     in->forward_gears.items[i].up_ratio };
    for (int i = 0; i < out->wheel_count; i++) {
        const wire_wheel *w = &in->wheels.items[i];
        base_vec3 world = base_vec3_scale(wire_vector3_to_vec3(w->position), 0.01);
        out->wheels[i] = (town_wheel){ w->tire_friction,      w->damping_rate,
                                       w->max_steer_angle,    w->radius,
                                       w->max_brake_torque,   w->max_handbrake_torque,
                                       w->lat_stiff_max_load, w->lat_stiff_value,
                                       w->long_stiff_value,   base_pose_to_local(pose, world) };
    }
    return true;
}

HANDLER(apply_physics_control)
{
    ARGS(wire_args_physics);
    town_physics p, now;
    town_actor_view v;
    if (!town_physics_get(c->world, a->actor, &now) || !town_actor_get(c->world, a->actor, &v))
        return town_call_refuse(c, TOWN_NOT_FOUND, a->actor);
    if (!town_physics_from_wire(&a->physics, &v.pose, &p, c->err))
        return false;
    for (int i = 0; i < p.wheel_count; i++) /* positions are read-only in CARLA; the car has moved since they were read */
        p.wheels[i].position_m = now.wheels[i].position_m;
    return town_physics_set(c->world, a->actor, &p, c->err);
}

HANDLER(get_telemetry_data)
{
    ARGS(wire_args_actor);
    const town_actor *v = town_actor_find(c->world, a->actor);
    if (!v || v->kind != TOWN_VEHICLE)
        return town_call_refuse(c, v ? TOWN_NO_VEHICLE : TOWN_NOT_FOUND, a->actor);
    wire_vehicle_telemetry *t = c->result;
    *t = (wire_vehicle_telemetry){ .speed = (float)v->state.forward_mps,
                                   .steer = v->control.steer,
                                   .throttle = v->control.throttle,
                                   .brake = v->control.brake,
                                   .engine_rpm = (float)v->state.engine_rpm,
                                   .gear = v->state.gear,
                                   .drag = (float)(v->model.drag_n_per_mps2 * v->state.forward_mps * v->state.forward_mps) };
    t->wheels.items = wire_memory_take(c->memory, 4, sizeof *t->wheels.items, c->err);
    for (int i = 0; t->wheels.items && i < v->physics.wheel_count; i++)
        t->wheels.items[t->wheels.count++] =
            (wire_wheel_telemetry){ .tire_friction = v->physics.wheels[i].tire_friction,
                                    .omega = (float)(v->state.forward_mps / v->model.radius_m),
                                    .tire_load = (float)(v->model.mass_kg * TOWN_GRAVITY / v->physics.wheel_count),
                                    .normalized_tire_load = 1 };
    return t->wheels.items != NULL;
}

HANDLER(get_wheel_steer_angle)
{
    ARGS(wire_args_actor_u8);
    const town_actor *v = town_actor_find(c->world, a->actor);
    if (!v || v->kind != TOWN_VEHICLE)
        return town_call_refuse(c, v ? TOWN_NO_VEHICLE : TOWN_NOT_FOUND, a->actor);
    bool front = v->physics.wheel_count == 4 ? a->value < 2 : a->value == 0;
    return RESULT(float, front ? (float)BASE_DEG(v->state.steer_rad) : 0);
}

HANDLER(get_vehicle_light_state)
{
    ARGS(wire_args_actor);
    town_actor_view v;
    if (!town_actor_get(c->world, a->actor, &v) || v.kind != TOWN_VEHICLE)
        return town_call_refuse(c, TOWN_NO_VEHICLE, a->actor);
    return RESULT(uint32_t, v.vehicle_lights);
}

HANDLER(set_vehicle_light_state)
{
    ARGS(wire_args_light_flags);
    return town_vehicle_lights_set(c->world, a->actor, a->flags) || town_call_refuse(c, TOWN_NO_VEHICLE, a->actor);
}

HANDLER(get_vehicle_light_states)
{
    wire_vehicle_light_list *out = c->result;
    int count = town_actor_count(c->world);
    out->items = wire_memory_take(c->memory, (size_t)count + 1, sizeof *out->items, c->err);
    for (int i = 0; out->items && i < count; i++) {
        town_actor_view v;
        if (town_actor_get(c->world, town_actor_id_at(c->world, i), &v) && v.kind == TOWN_VEHICLE)
            out->items[out->count++] = (wire_vehicle_light){ v.id, v.vehicle_lights };
    }
    return out->items != NULL;
}

const town_row town_rows_vehicle[] = {
    { WIRE_METHOD_apply_control_to_vehicle, apply_control_to_vehicle },
    { WIRE_METHOD_set_actor_autopilot, set_actor_autopilot },
    { WIRE_METHOD_get_physics_control, get_physics_control },
    { WIRE_METHOD_apply_physics_control, apply_physics_control },
    { WIRE_METHOD_get_telemetry_data, get_telemetry_data },
    { WIRE_METHOD_get_wheel_steer_angle, get_wheel_steer_angle },
    { WIRE_METHOD_get_vehicle_light_state, get_vehicle_light_state },
    { WIRE_METHOD_set_vehicle_light_state, set_vehicle_light_state },
    { WIRE_METHOD_get_vehicle_light_states, get_vehicle_light_states },
    { WIRE_METHOD_COUNT, NULL },
};
