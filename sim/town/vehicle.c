/* Vehicle dynamics: a single-track model with saturating tyres, an engine with gears, brakes and actuator lags.
 *
 *     m (u' - v r) = F_x - F_yf sin(delta) - drag - rolling + m g_forward
 *     m (v' + u r) = F_yf cos(delta) + F_yr             + m g_right
 *     I r'         = l_f F_yf cos(delta) - l_r F_yr
 *     alpha_f = delta - atan2(v + l_f r, |u|),  alpha_r = -atan2(v - l_r r, |u|)
 *     F_y = F_max tanh(C alpha / F_max),        F_max = sqrt((mu F_z)^2 - F_x^2) per axle (friction circle)
 *
 * u forward, v right, r yaw rate (positive right, as CARLA's yaw grows clockwise). Below 3 m/s slip angles are ill-conditioned:
 * from 1 to 3 m/s the result is blended with the kinematic model r = u tan(delta) / L, v = l_r r.
 *
 * Calibration. Mass 1845 kg and drag coefficient 0.15 are what public projects read from CARLA's Tesla Model 3. The steering
 * angle is 45 degrees with CARLA's usual steering curve (1, 0.9, 0.8, 0.7 at 0, 20, 60, 120 km/h): the single-track model that
 * World on Rails fitted to CARLA has curvature 0.028, 0.083, 0.138, 0.269 1/m at steer 0.1, 0.3, 0.5, 1.0; this one gives 0.025,
 * 0.075, 0.128, 0.297 at 20 km/h. CARLA itself reports 70 degrees, an inner-wheel limit that its cars never reach; we report
 * the angle that acts, so that a client which reads the physics control and computes with it is right. Drive: 4.5 m/s^2 up to
 * 110 kW; brakes 8 m/s^2; both below the tyres' limit. CARLA's tire_friction of 3.5 stands for a coefficient of 1.0 here. */
#include "sim/town/internal.h"
#include <string.h>

#define STEER_MAX_DEG       45.0
#define BRAKE_MPS2          8.0
#define ROLLING             0.012 /* share of the weight */
#define ENGINE_BRAKE_MPS2   0.3   /* no throttle, gear engaged */
#define THROTTLE_LAG_S      0.15
#define BRAKE_LAG_S         0.1
#define STEER_LAG_S         0.1
#define STEER_RATE_PER_S    3.5  /* of the full angle */
#define FRICTION_REFERENCE  3.5f /* CARLA's default tire_friction; stands for a coefficient of 1 */
#define KINEMATIC_BELOW_MPS 1.0
#define DYNAMIC_ABOVE_MPS   3.0

double town_curve_at(const town_curve_point *points, int count, double x)
{
    if (count < 1)
        return 0;
    if (x <= (double)points[0].x)
        return (double)points[0].y;
    for (int i = 1; i < count; i++)
        if (x < (double)points[i].x) {
            double span = (double)points[i].x - (double)points[i - 1].x;
            return (double)points[i - 1].y +
                   ((double)points[i].y - (double)points[i - 1].y) * (x - (double)points[i - 1].x) / span;
        }
    return (double)points[count - 1].y;
}

/* Torque that gives the spec's acceleration up to its power, then falls as 1/rpm; one gear, as an electric car. */
static void set_engine(town_physics *p, const town_vehicle_spec *spec, double radius_m)
{
    p->final_ratio = 9.0f;
    p->max_rpm = 15000;
    double peak_nm = spec->peak_mps2 * spec->mass_kg * radius_m / (double)p->final_ratio;
    double corner_rpm = spec->power_kw * 1000 / peak_nm * 60 / (2 * BASE_PI);
    static const double multiple[] = { 1.0, 1.25, 1.6, 2.0, 2.6, 3.4, 4.5, 6.0 };
    p->torque_curve[0] = (town_curve_point){ 0, (float)peak_nm };
    p->torque_points = 1;
    for (size_t i = 0; i < sizeof multiple / sizeof multiple[0]; i++)
        p->torque_curve[p->torque_points++] =
            (town_curve_point){ (float)(corner_rpm * multiple[i]), (float)(peak_nm / multiple[i]) };
    p->gears[0] = (town_gear){ 1.0f, 0.5f, 0.65f };
    p->gear_count = 1;
}

town_physics town_vehicle_physics_default(const town_vehicle_spec *spec)
{
    double radius_m = spec->wheels == 4 ? (spec->mass_kg > 3500 ? 0.45 : 0.36) : 0.32;
    town_physics p = {
        .moi = 1.0f,
        .damping_full_throttle = 0.15f,
        .damping_zero_throttle_engaged = 2.0f,
        .damping_zero_throttle_disengaged = 0.35f,
        .use_gear_autobox = true,
        .gear_switch_s = 0.0f,
        .clutch_strength = 10.0f,
        .mass_kg = (float)spec->mass_kg,
        .drag_coefficient = spec->mass_kg > 3500 ? 0.45f
                            : spec->wheels == 4  ? 0.15f
                                                 : 0.6f,
        .center_of_mass_m = { 0, 0, spec->wheels == 4 ? 0.45 : 0.6 },
        .steering_curve = { { 0, 1.0f }, { 20, 0.9f }, { 60, 0.8f }, { 120, 0.7f } },
        .steering_points = 4,
        .wheel_count = spec->wheels,
        .use_sweep_wheel_collision = false,
    };
    set_engine(&p, spec, radius_m);
    double brake_nm = BRAKE_MPS2 * spec->mass_kg * radius_m / spec->wheels;
    for (int i = 0; i < spec->wheels; i++) {
        bool front = spec->wheels == 4 ? i < 2 : i == 0;
        double side = spec->wheels == 4 ? (i % 2 ? 1 : -1) * (spec->extent_m[1] - 0.18) : 0;
        p.wheels[i] = (town_wheel){
            .tire_friction = FRICTION_REFERENCE,
            .damping_rate = 0.25f,
            .max_steer_deg = front ? (float)STEER_MAX_DEG : 0,
            .radius_cm = (float)(radius_m * 100),
            .max_brake_torque_nm = (float)brake_nm,
            .max_handbrake_torque_nm = front ? 0 : (float)(2 * brake_nm),
            .lat_stiff_max_load = 2,
            .lat_stiff_value = 17,
            .long_stiff_value = 1000,
            .position_m = { (front ? 0.5 : -0.5) * spec->wheelbase_m, side, radius_m },
        };
    }
    return p;
}

town_vehicle_model town_vehicle_model_of(const town_physics *p, const town_box *box)
{
    town_vehicle_model m = { .mass_kg = (double)p->mass_kg };
    double length = 2 * box->extent.x, width = 2 * box->extent.y;
    double front_x = 0, rear_x = 0;
    int fronts = 0, rears = 0;
    for (int i = 0; i < p->wheel_count; i++) {
        const town_wheel *wheel = &p->wheels[i];
        double radius = (double)wheel->radius_cm / 100;
        if (p->wheel_count == 4 ? i < 2 : i == 0) {
            fronts++;
            front_x += wheel->position_m.x;
            m.friction_front += (double)(wheel->tire_friction / FRICTION_REFERENCE);
            m.steer_max_rad += BASE_RAD((double)wheel->max_steer_deg);
            m.brake_front_n += (double)wheel->max_brake_torque_nm / radius;
        } else {
            rears++;
            rear_x += wheel->position_m.x;
            m.friction_rear += (double)(wheel->tire_friction / FRICTION_REFERENCE);
            m.brake_rear_n += (double)wheel->max_brake_torque_nm / radius;
            m.hand_brake_rear_n += (double)wheel->max_handbrake_torque_nm / radius;
        }
        m.radius_m += radius / p->wheel_count;
    }
    m.friction_front /= fronts;
    m.friction_rear /= rears;
    m.steer_max_rad /= fronts;
    m.front_m = fmax(0.2, front_x / fronts - p->center_of_mass_m.x);
    m.rear_m = fmax(0.2, p->center_of_mass_m.x - rear_x / rears);
    m.height_m = p->center_of_mass_m.z;
    m.inertia_kgm2 = m.mass_kg * (length * length + width * width) / 12 * 0.72; /* Model 3: 3100 kg m^2; a solid box has more */
    m.stiffness_front = 1.2e5 * m.mass_kg / 1845;
    m.stiffness_rear = 1.4e5 * m.mass_kg / 1845; /* more than the front: understeers */
    m.drag_n_per_mps2 = 0.5 * 1.225 * (double)p->drag_coefficient * width * 2 * box->extent.z;
    return m;
}

/* Drive force at the road for the engaged gear, N; negative for engine braking relative to the direction of motion. */
static double engine_force(const town_physics *p, const town_vehicle_model *m, town_vehicle_state *s,
                           const town_vehicle_control *c, double dt_s)
{
    int wanted = c->reverse ? -1 : 1;
    if (c->manual_gear_shift)
        wanted = c->gear < -1 ? -1 : c->gear > p->gear_count ? p->gear_count : c->gear;
    else if (p->use_gear_autobox && s->gear >= 1 && !c->reverse) {
        const town_gear *now = &p->gears[s->gear - 1];
        double share = s->engine_rpm / (double)p->max_rpm;
        wanted = s->gear;
        if (share > (double)now->up_ratio && s->gear < p->gear_count)
            wanted++;
        else if (share < (double)now->down_ratio && s->gear > 1)
            wanted--;
    }
    if (wanted != s->gear) {
        s->gear = wanted;
        s->shift_left_s = (double)p->gear_switch_s;
    }
    if (s->shift_left_s > 0)
        s->shift_left_s -= dt_s;
    double ratio = s->gear == 0 ? 0 : (double)p->gears[s->gear > 0 ? s->gear - 1 : 0].ratio * (double)p->final_ratio;
    s->engine_rpm = fabs(s->forward_mps) / m->radius_m * ratio * 60 / (2 * BASE_PI);
    if (s->gear == 0 || s->shift_left_s > 0)
        return 0;
    double direction = s->gear > 0 ? 1 : -1;
    double force = 0;
    if (s->engine_rpm < (double)p->max_rpm || s->forward_mps * direction < 0)
        force = direction * s->throttle * town_curve_at(p->torque_curve, p->torque_points, s->engine_rpm) * ratio / m->radius_m;
    if (s->throttle < 0.01)
        force -= copysign(ENGINE_BRAKE_MPS2 * m->mass_kg * fmin(1, fabs(s->forward_mps)), s->forward_mps);
    return force;
}

static double toward(double value, double target, double lag_s, double dt_s)
{
    return value + (target - value) * (1 - exp(-dt_s / lag_s));
}

static void move_actuators(const town_physics *p, const town_vehicle_model *m, town_vehicle_state *s,
                           const town_vehicle_control *c, double dt_s)
{
    s->throttle = toward(s->throttle, (double)c->throttle, THROTTLE_LAG_S, dt_s);
    s->brake = toward(s->brake, (double)c->brake, BRAKE_LAG_S, dt_s);
    double speed_kmh = 3.6 * hypot(s->forward_mps, s->right_mps);
    double target = (double)c->steer * m->steer_max_rad * town_curve_at(p->steering_curve, p->steering_points, speed_kmh);
    double move = toward(s->steer_rad, target, STEER_LAG_S, dt_s) - s->steer_rad;
    double most = STEER_RATE_PER_S * m->steer_max_rad * dt_s;
    s->steer_rad += fmax(-most, fmin(most, move));
}

/* Lateral force of an axle whose tyres already carry `along_n`. */
static double side_force(double stiffness, double slip_rad, double limit_n, double along_n)
{
    double left = limit_n * limit_n - along_n * along_n;
    double most = left > 0 ? sqrt(left) : 0;
    most = fmax(most, 0.1 * limit_n); /* a locked wheel still drags sideways a little; keeps tanh's argument finite */
    return most > 0 ? most * tanh(stiffness * slip_rad / most) : 0;
}

void town_vehicle_step(const town_physics *p, const town_vehicle_model *m, town_vehicle_state *s, const town_vehicle_control *c,
                       double slope_forward_mps2, double slope_right_mps2, double grip, double dt_s)
{
    move_actuators(p, m, s, c, dt_s);
    double u = s->forward_mps, v = s->right_mps, r = s->yaw_rate_radps;
    double base = m->front_m + m->rear_m;
    double drive = engine_force(p, m, s, c, dt_s) * grip;
    if (grip <= 0) { /* in the air: only drag acts on the plane motion */
        double speed = hypot(u, v), k = m->drag_n_per_mps2 * speed / m->mass_kg * dt_s;
        s->forward_mps = u - k * u + v * r * dt_s;
        s->right_mps = v - k * v - u * r * dt_s;
        s->acceleration_mps2 = 0;
        return;
    }
    double weight = m->mass_kg * TOWN_GRAVITY;
    double transfer = m->mass_kg * s->acceleration_mps2 * m->height_m / base;
    double load_front = fmax(0.05 * weight, weight * m->rear_m / base - transfer);
    double load_rear = fmax(0.05 * weight, weight * m->front_m / base + transfer);
    double limit_front = m->friction_front * load_front, limit_rear = m->friction_rear * load_rear;

    /* Along: drive is shared by load; brakes oppose motion and cannot reverse it. */
    double brake_front = s->brake * m->brake_front_n;
    double brake_rear = s->brake * m->brake_rear_n + (c->hand_brake ? m->hand_brake_rear_n : 0);
    brake_front = fmin(brake_front, limit_front);
    brake_rear = fmin(brake_rear, limit_rear);
    double rolling = ROLLING * weight;
    double drive_front = fmax(-limit_front, fmin(limit_front, drive * load_front / (load_front + load_rear)));
    double drive_rear = fmax(-limit_rear, fmin(limit_rear, drive * load_rear / (load_front + load_rear)));
    double push = drive_front + drive_rear - m->drag_n_per_mps2 * u * fabs(u) + m->mass_kg * slope_forward_mps2;
    double hold = brake_front + brake_rear + rolling; /* friction: opposes motion, or holds at rest */

    /* Across. */
    double speed_along = fmax(fabs(u), 0.5), sign = u < 0 ? -1 : 1;
    double slip_front = sign * s->steer_rad - atan2(v + m->front_m * r, speed_along);
    double slip_rear = -atan2(v - m->rear_m * r, speed_along);
    double front = side_force(m->stiffness_front, slip_front, limit_front, brake_front + fabs(drive_front));
    double rear = side_force(m->stiffness_rear, slip_rear, limit_rear, brake_rear + fabs(drive_rear));
    double cosine = cos(s->steer_rad), sine = sin(s->steer_rad);

    double along_n = push - front * sine * sign;
    double u_free = u + (along_n / m->mass_kg + v * r) * dt_s;
    double hold_dv = hold / m->mass_kg * dt_s;
    double u_next = fabs(u_free) <= hold_dv ? 0 : u_free - copysign(hold_dv, u_free);

    double v_dynamic = v + ((front * cosine + rear) / m->mass_kg - u * r + slope_right_mps2) * dt_s;
    double r_dynamic = r + (m->front_m * front * cosine - m->rear_m * rear) / m->inertia_kgm2 * dt_s;
    double r_rolling = u_next * tan(s->steer_rad) / base;
    double v_rolling = m->rear_m * r_rolling;
    /* Side slip left over from a crash decays by tyre friction, at most mu g. */
    double fade = fmin(1, m->friction_rear * TOWN_GRAVITY * dt_s / fmax(1e-9, fabs(v - v_rolling)));
    double v_slow = v + (v_rolling - v) * fade;
    double r_slow = r + (r_rolling - r) * fmin(1, fmax(fade, 10 * dt_s));
    double blend = (fabs(u) - KINEMATIC_BELOW_MPS) / (DYNAMIC_ABOVE_MPS - KINEMATIC_BELOW_MPS);
    blend = fmax(0, fmin(1, blend));

    s->right_mps = blend * v_dynamic + (1 - blend) * v_slow;
    s->yaw_rate_radps = blend * r_dynamic + (1 - blend) * r_slow;
    s->acceleration_mps2 = (u_next - u) / dt_s - v * r;
    s->forward_mps = u_next;
}
