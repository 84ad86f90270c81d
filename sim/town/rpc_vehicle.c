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

/* Normalised forces as CARLA's server computes them: |force| x normalised load / load. */
static wire_wheel_telemetry wheel_on_wire(const town_wheel_telemetry *w)
{
    float share = w->load_n > 0 ? w->normalized_load / w->load_n : 0;
    return (wire_wheel_telemetry){ w->tire_friction,
                                   w->lat_slip_deg,
                                   w->long_slip,
                                   w->omega_radps,
                                   w->load_n,
                                   w->normalized_load,
                                   w->torque_nm,
                                   w->long_force_n,
                                   w->lat_force_n,
                                   fabsf(w->long_force_n) * share,
                                   fabsf(w->lat_force_n) * share };
}

/* Says which of the two reasons it is that an actor is no vehicle. */
static bool refuse_vehicle(town_call *c, uint32_t id)
{
    town_actor_view v;
    return town_call_refuse(c, town_actor_get(c->world, id, &v) ? TOWN_NO_VEHICLE : TOWN_NOT_FOUND, id);
}

HANDLER(get_telemetry_data)
{
    ARGS(wire_args_actor);
    town_telemetry now;
    if (!town_telemetry_get(c->world, a->actor, &now))
        return refuse_vehicle(c, a->actor);
    wire_vehicle_telemetry *t = c->result;
    *t = (wire_vehicle_telemetry){ .speed = now.speed_mps,
                                   .steer = now.steer,
                                   .throttle = now.throttle,
                                   .brake = now.brake,
                                   .engine_rpm = now.engine_rpm,
                                   .gear = now.gear,
                                   .drag = now.drag_n };
    t->wheels.items = wire_memory_take(c->memory, 4, sizeof *t->wheels.items, c->err);
    for (int i = 0; t->wheels.items && i < now.wheel_count; i++)
        t->wheels.items[t->wheels.count++] = wheel_on_wire(&now.wheels[i]);
    return t->wheels.items != NULL;
}

/* ---- Ackermann control ---- */

HANDLER(apply_ackermann_control_to_vehicle)
{
    ARGS(wire_args_ackermann);
    const wire_ackermann_control *k = &a->control;
    town_ackermann target = { k->steer, k->steer_speed, k->speed, k->acceleration, k->jerk };
    return town_ackermann_set(c->world, a->actor, target) || refuse_vehicle(c, a->actor);
}

HANDLER(get_ackermann_controller_settings)
{
    ARGS(wire_args_actor);
    town_ackermann_settings s;
    if (!town_ackermann_settings_get(c->world, a->actor, &s))
        return refuse_vehicle(c, a->actor);
    wire_ackermann_settings out = { s.speed_kp, s.speed_ki, s.speed_kd, s.accel_kp, s.accel_ki, s.accel_kd };
    return RESULT(wire_ackermann_settings, out);
}

HANDLER(apply_ackermann_controller_settings)
{
    ARGS(wire_args_ackermann_settings);
    const wire_ackermann_settings *k = &a->settings;
    town_ackermann_settings s = { k->speed_kp, k->speed_ki, k->speed_kd, k->accel_kp, k->accel_ki, k->accel_kd };
    return town_ackermann_settings_set(c->world, a->actor, s) || refuse_vehicle(c, a->actor);
}

/* ---- doors and wheels ---- */

static bool set_door(town_call *c, bool open)
{
    ARGS(wire_args_actor_u8);
    town_actor_view v;
    if (town_door_set(c->world, a->actor, a->value, open))
        return true;
    if (!town_actor_get(c->world, a->actor, &v) || v.kind != TOWN_VEHICLE)
        return refuse_vehicle(c, a->actor);
    return base_fail(c->err, BASE_REMOTE, "%s: door %d, expected 0 to %d, the last for all of them", c->method->name, a->value,
                     TOWN_DOORS);
}
HANDLER(open_vehicle_door) { return set_door(c, true); }
HANDLER(close_vehicle_door) { return set_door(c, false); }

static bool refuse_wheel(town_call *c, uint32_t id, int wheel)
{
    town_physics p;
    if (!town_physics_get(c->world, id, &p))
        return refuse_vehicle(c, id);
    return base_fail(c->err, BASE_REMOTE, "%s: wheel %d, expected 0 to %d", c->method->name, wheel, p.wheel_count - 1);
}

HANDLER(get_wheel_steer_angle)
{
    ARGS(wire_args_actor_u8);
    return town_wheel_steer_get(c->world, a->actor, a->value, c->result) || refuse_wheel(c, a->actor, a->value);
}

HANDLER(set_wheel_steer_direction)
{
    ARGS(wire_args_wheel);
    return town_wheel_steer_set(c->world, a->actor, a->wheel, a->degrees) || refuse_wheel(c, a->actor, a->wheel);
}

HANDLER(get_wheel_pitch_angle)
{
    ARGS(wire_args_actor_u8);
    return town_wheel_pitch_get(c->world, a->actor, a->value, c->result) || refuse_wheel(c, a->actor, a->value);
}

HANDLER(set_wheel_pitch_angle)
{
    ARGS(wire_args_wheel);
    return town_wheel_pitch_set(c->world, a->actor, a->wheel, a->degrees) || refuse_wheel(c, a->actor, a->wheel);
}

/* ---- other physics engines, debugging ---- */

static bool vehicle_or_refuse(town_call *c, uint32_t id)
{
    town_actor_view v;
    return (town_actor_get(c->world, id, &v) && v.kind == TOWN_VEHICLE) || refuse_vehicle(c, id);
}

static bool no_carsim(town_call *c, uint32_t id)
{
    return vehicle_or_refuse(c, id) && town_call_refuse(c, "CarSim plugin is not enabled", id);
}
HANDLER(enable_carsim) { return no_carsim(c, ((const wire_args_actor_text *)c->args)->actor); }
HANDLER(use_carsim_road) { return no_carsim(c, ((const wire_args_actor_flag *)c->args)->actor); }

HANDLER(enable_chrono_physics)
{
    ARGS(wire_args_chrono);
    return vehicle_or_refuse(c, a->actor) && town_call_refuse(c, "Chrono is not enabled", a->actor);
}

HANDLER(restore_physx_physics) /* nothing else was ever in use */
{
    ARGS(wire_args_actor);
    return vehicle_or_refuse(c, a->actor);
}

HANDLER(show_vehicle_debug_telemetry) /* CARLA draws it into its window */
{
    ARGS(wire_args_actor_flag);
    return vehicle_or_refuse(c, a->actor);
}

/* ---- lights ---- */

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
    { WIRE_METHOD_apply_ackermann_control_to_vehicle, apply_ackermann_control_to_vehicle },
    { WIRE_METHOD_get_ackermann_controller_settings, get_ackermann_controller_settings },
    { WIRE_METHOD_apply_ackermann_controller_settings, apply_ackermann_controller_settings },
    { WIRE_METHOD_open_vehicle_door, open_vehicle_door },
    { WIRE_METHOD_close_vehicle_door, close_vehicle_door },
    { WIRE_METHOD_set_wheel_steer_direction, set_wheel_steer_direction },
    { WIRE_METHOD_get_wheel_pitch_angle, get_wheel_pitch_angle },
    { WIRE_METHOD_set_wheel_pitch_angle, set_wheel_pitch_angle },
    { WIRE_METHOD_enable_carsim, enable_carsim },
    { WIRE_METHOD_use_carsim_road, use_carsim_road },
    { WIRE_METHOD_enable_chrono_physics, enable_chrono_physics },
    { WIRE_METHOD_restore_physx_physics, restore_physx_physics },
    { WIRE_METHOD_show_vehicle_debug_telemetry, show_vehicle_debug_telemetry },
    { WIRE_METHOD_get_vehicle_light_state, get_vehicle_light_state },
    { WIRE_METHOD_set_vehicle_light_state, set_vehicle_light_state },
    { WIRE_METHOD_get_vehicle_light_states, get_vehicle_light_states },
    { WIRE_METHOD_COUNT, NULL },
};
