/* What is set on and read from one vehicle of the world: physics control, Ackermann control, doors, wheels, telemetry. */
#include "sim/town/internal.h"
#include <string.h>

static town_actor *vehicle(const town_world *w, uint32_t id)
{
    town_actor *a = town_actor_find(w, id);
    return a && a->kind == TOWN_VEHICLE ? a : NULL;
}

static bool finite_vector(base_vec3 v) { return isfinite(v.x + v.y + v.z); }

/* ---- physics control ---- */

bool town_physics_get(const town_world *w, uint32_t id, town_physics *p)
{
    const town_actor *a = vehicle(w, id);
    if (a)
        *p = a->physics;
    return a != NULL;
}

static bool rising(const town_curve_point *points, int count)
{
    for (int i = 0; i < count; i++)
        if (!isfinite(points[i].x) || !isfinite(points[i].y) || (i && points[i].x <= points[i - 1].x))
            return false;
    return count >= 1 && count <= TOWN_CURVE_MAX;
}

static bool within(float x, float lo, float hi) { return x >= lo && x <= hi; }

static const char *physics_fault(const town_physics *p, int wheel_count)
{
    if (!within(p->mass_kg, 1, 1e6f))
        return "mass outside 1 .. 1e6 kg";
    if (!within(p->drag_coefficient, 0, 100) || !within(p->max_rpm, 1, 1e6f) || !within(p->final_ratio, 0.01f, 1000) ||
        !within(p->gear_switch_s, 0, 100))
        return "drag, rpm, final ratio or gear switch time out of range";
    if (!within(p->moi, 0.001f, 1e4f) || !within(p->clutch_strength, 0, 1e6f) || !within(p->damping_full_throttle, 0, 1e4f) ||
        !within(p->damping_zero_throttle_engaged, 0, 1e4f) || !within(p->damping_zero_throttle_disengaged, 0, 1e4f))
        return "moi, clutch strength or a damping rate out of range";
    if (p->gear_count < 1 || p->gear_count > TOWN_GEARS_MAX)
        return "no forward gear, or too many";
    for (int i = 0; i < p->gear_count; i++)
        if (!within(p->gears[i].ratio, 0.01f, 1000) || !isfinite(p->gears[i].up_ratio) || !isfinite(p->gears[i].down_ratio))
            return "gear ratio out of range";
    if (!rising(p->torque_curve, p->torque_points) || !rising(p->steering_curve, p->steering_points))
        return "curve points must be finite and rise in x";
    if (p->wheel_count != wheel_count)
        return "number of wheels differs from the vehicle's";
    for (int i = 0; i < wheel_count; i++) {
        const town_wheel *wheel = &p->wheels[i];
        if (!within(wheel->radius_cm, 1, 1000) || !within(wheel->tire_friction, 0, 100) ||
            !within(wheel->max_steer_deg, 0, 89) || !within(wheel->damping_rate, 0, 1e4f) ||
            !within(wheel->lat_stiff_max_load, 0.01f, 1000) || !within(wheel->lat_stiff_value, 0, 1e4f) ||
            !within(wheel->long_stiff_value, 0, 1e6f) || !within(wheel->max_brake_torque_nm, 0, 1e7f) ||
            !within(wheel->max_handbrake_torque_nm, 0, 1e7f) || !finite_vector(wheel->position_m))
            return "wheel out of range";
    }
    if (!finite_vector(p->center_of_mass_m))
        return "centre of mass is not finite";
    return NULL;
}

bool town_physics_set(town_world *w, uint32_t id, const town_physics *p, base_error *err)
{
    town_actor *a = vehicle(w, id);
    if (!a)
        return base_fail(err, BASE_ARGUMENT, "actor %u is no vehicle", id);
    const char *fault = physics_fault(p, a->physics.wheel_count);
    if (fault)
        return base_fail(err, BASE_ARGUMENT, "physics control: %s", fault);
    a->physics = *p;
    a->model = town_vehicle_model_of(p, &a->box);
    a->state.gear = a->state.gear > p->gear_count ? p->gear_count : a->state.gear; /* the gear it was in may be gone */
    return true;
}

/* A body whose physics are switched off keeps its place and has no speed until a client moves it; switched on again it starts from
 * rest, and its wheels are the model's. */
bool town_simulate_physics_set(town_world *w, uint32_t id, bool enable)
{
    town_actor *a = town_actor_find(w, id);
    if (!a || (a->kind != TOWN_VEHICLE && a->kind != TOWN_WALKER && a->kind != TOWN_PROP))
        return false;
    if (enable == a->simulate_physics)
        return true;
    a->simulate_physics = enable;
    a->velocity = a->acceleration = a->angular_radps = (base_vec3){ 0, 0, 0 };
    a->impulse = a->force = a->angular_impulse = a->torque = (base_vec3){ 0, 0, 0 };
    a->turn_nms = a->turn_nm = a->fall_mps = 0;
    a->on_ground = false;
    a->wheels_posed = false;
    if (a->kind == TOWN_VEHICLE)
        a->state = (town_vehicle_state){ .gear = 1, .steer = a->state.steer };
    return true;
}

/* ---- Ackermann control ---- */

bool town_ackermann_set(town_world *w, uint32_t id, town_ackermann t)
{
    town_actor *a = vehicle(w, id);
    if (!a || !isfinite(t.steer_rad + t.steer_speed_radps + t.speed_mps + t.acceleration_mps2 + t.jerk_mps3))
        return false;
    if (!a->ackermann.active)
        town_ackermann_reset(&a->ackermann);
    a->ackermann.active = true;
    a->ackermann.target = t;
    return true;
}

bool town_ackermann_settings_get(const town_world *w, uint32_t id, town_ackermann_settings *s)
{
    const town_actor *a = vehicle(w, id);
    if (a)
        *s = a->ackermann.settings;
    return a != NULL;
}

bool town_ackermann_settings_set(town_world *w, uint32_t id, town_ackermann_settings s)
{
    town_actor *a = vehicle(w, id);
    if (!a || !isfinite(s.speed_kp + s.speed_ki + s.speed_kd + s.accel_kp + s.accel_ki + s.accel_kd))
        return false;
    a->ackermann.settings = s;
    return true;
}

/* ---- doors and wheels ---- */

bool town_door_set(town_world *w, uint32_t id, int door, bool open)
{
    town_actor *a = vehicle(w, id);
    if (!a || door < 0 || door > TOWN_DOORS)
        return false;
    uint32_t which = door == TOWN_DOORS ? (1u << TOWN_DOORS) - 1 : 1u << door;
    if (a->blueprint->vehicle->doors)
        a->doors_open = open ? a->doors_open | which : a->doors_open & ~which;
    return true;
}

static town_actor *wheel_of(const town_world *w, uint32_t id, int wheel)
{
    town_actor *a = vehicle(w, id);
    return a && wheel >= 0 && wheel < a->physics.wheel_count ? a : NULL;
}

bool town_wheel_steer_get(const town_world *w, uint32_t id, int wheel, float *deg)
{
    const town_actor *a = wheel_of(w, id, wheel);
    if (a)
        *deg = a->wheels_posed ? a->posed_steer_deg[wheel] : (float)BASE_DEG(town_wheel_angle(&a->physics, &a->state, wheel));
    return a != NULL;
}

bool town_wheel_pitch_get(const town_world *w, uint32_t id, int wheel, float *deg)
{
    const town_actor *a = wheel_of(w, id, wheel);
    if (a)
        *deg = a->wheels_posed ? a->posed_pitch_deg[wheel] : (float)a->wheel_turn_deg;
    return a != NULL;
}

/* The first wheel that is turned by hand freezes the others where they are. */
static void pose_wheels(const town_world *w, town_actor *a)
{
    if (a->wheels_posed)
        return;
    for (int i = 0; i < a->physics.wheel_count; i++) {
        town_wheel_steer_get(w, a->id, i, &a->posed_steer_deg[i]);
        town_wheel_pitch_get(w, a->id, i, &a->posed_pitch_deg[i]);
    }
    a->wheels_posed = true;
}

static bool pose_wheel(town_world *w, uint32_t id, int wheel, bool pitch, float deg)
{
    town_actor *a = wheel_of(w, id, wheel);
    if (!a || !isfinite(deg))
        return false;
    if (a->simulate_physics)
        return true; /* CARLA writes a warning into its log and does nothing */
    pose_wheels(w, a);
    (pitch ? a->posed_pitch_deg : a->posed_steer_deg)[wheel] = deg;
    return true;
}

bool town_wheel_steer_set(town_world *w, uint32_t id, int wheel, float deg) { return pose_wheel(w, id, wheel, false, deg); }
bool town_wheel_pitch_set(town_world *w, uint32_t id, int wheel, float deg) { return pose_wheel(w, id, wheel, true, deg); }

/* ---- telemetry ---- */

bool town_telemetry_get(const town_world *w, uint32_t id, town_telemetry *t)
{
    const town_actor *a = vehicle(w, id);
    if (!a)
        return false;
    const town_vehicle_state *s = &a->state;
    *t = (town_telemetry){ .speed_mps = (float)s->forward_mps,
                           .steer = a->control.steer,
                           .throttle = a->control.throttle,
                           .brake = a->control.brake,
                           .engine_rpm = (float)s->engine_rpm,
                           .gear = s->gear,
                           .drag_n = (float)(a->model.drag_n_per_mps2 * s->forward_mps * s->forward_mps),
                           .wheel_count = a->physics.wheel_count };
    for (int i = 0; i < t->wheel_count; i++) {
        const town_wheel_state *wheel = &s->wheels[i];
        t->wheels[i] = (town_wheel_telemetry){ .tire_friction = a->physics.wheels[i].tire_friction,
                                               .lat_slip_deg = (float)BASE_DEG(wheel->slip_rad),
                                               .long_slip = (float)wheel->slip,
                                               .omega_radps = (float)wheel->omega_radps,
                                               .load_n = (float)wheel->load_n,
                                               .normalized_load = (float)(wheel->load_n / a->model.wheels[i].rest_load_n),
                                               .torque_nm = (float)wheel->torque_nm,
                                               .long_force_n = (float)wheel->long_n,
                                               .lat_force_n = (float)wheel->lat_n };
    }
    return true;
}
