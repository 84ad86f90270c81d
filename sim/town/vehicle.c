/* Vehicle dynamics: a body in the plane on two or four wheels with saturating tyres, an engine with clutch and gears, brakes, lags.
 *
 *     m (u' - v r) = sum X_i - drag + m g_forward     X_i = D_i cos(delta_i) - Y_i sin(delta_i)   D_i: drive of wheel i
 *     m (v' + u r) = sum Z_i + m g_right              Z_i = D_i sin(delta_i) + Y_i cos(delta_i)
 *     I r'         = sum x_i Z_i - y_i X_i
 *     alpha_i = delta_i - atan2(v + x_i r, |u - y_i r|)
 *     Y_i = limit tanh(C_i alpha_i / limit),          limit = sqrt((mu F_i)^2 - D_i^2)   (friction circle)
 *
 * u forward, v right, r yaw rate (positive right, as CARLA's yaw grows clockwise), at the centre of mass; x_i, y_i of the wheels
 * from there. Loads F_i move with the acceleration of the step before. Brakes, rolling and bearing drag oppose motion and hold a
 * car at rest. Below 3 m/s slip angles are ill-conditioned: from 1 to 3 m/s the result is blended with rolling without slip,
 * r = u tan(delta) / L. Wheels have no state of their own: their slip is the one at which the tyre carries the wheel's torque,
 * which it reaches within a few milliseconds.
 *
 * Tyres as in PhysX 3, on which CARLA 0.9 runs: C_i = rest load x lat_stiff_value x f(3 load / (rest load x lat_stiff_max_load)),
 * f(x) = x - x^2/3 + x^3/27 up to x = 3, longitudinally long_stiff_value x g per unit of slip; with CARLA's 17, 2 and 1000 that is
 * 135 kN/rad per axle of a Model 3. Front axles are taken softer by the give of a steering, rear ones stiffer, so that cars
 * understeer. Steering as in PhysX, too: the inner wheel turns by steer x curve x max_steer_angle, the outer one by as much as lets
 * both roll about one point (48 degrees at CARLA's 70).
 *
 * Engine: torque_curve x throttle less damping, through a clutch that slips by torque / clutch_strength and builds its torque up
 * with the time constant of the two inertias it couples; the engine's inertia is part of what a throttle has to move.
 *
 * Calibration. Mass 1845 kg and drag coefficient 0.15 are what public projects read from CARLA's Tesla Model 3; 70 degrees, the
 * steering curve (1, 0.9, 0.8, 0.7 at 0, 20, 60, 120 km/h), moi 1, clutch 10, dampings 0.15 / 2 / 0.35, brakes 1500 / 3000 N m and the
 * tyres' figures are CARLA's. Drive: 4.5 m/s^2 up to 110 kW. A tire_friction of 3.5 stands for a coefficient of 1.0 here:
 * CARLA's own cars have more grip than any tyre. CARLA's damping of an engine without throttle would brake a coasting car with
 * several m/s^2 in gear; a share of it acts here, 0.2 m/s^2 at 10 m/s. */
#include "sim/town/internal.h"
#include <string.h>

#define STEER_MAX_DEG       70.0
#define BRAKE_NM            1500.0 /* of a car of CAR_KG; others in proportion to weight and radius */
#define HAND_BRAKE_NM       3000.0
#define CAR_KG              1845.0
#define CAR_RADIUS_M        0.36
#define ROLLING             0.012 /* share of the weight */
#define THROTTLE_LAG_S      0.075
#define BRAKE_LAG_S         0.1
#define STEER_LAG_S         0.1
#define STEER_RATE_PER_S    2.5  /* of the full lock */
#define FRICTION_REFERENCE  3.5f /* CARLA's default tire_friction; stands for a coefficient of 1 */
#define FRONT_GIVE          0.89
#define REAR_GIVE           1.04
#define ENGINE_DAMPING      0.04 /* share of the dampings that acts in gear */
#define KINEMATIC_BELOW_MPS 1.0
#define DYNAMIC_ABOVE_MPS   3.0
#define SIDE_KEPT           0.1 /* of a tyre's limit when it brakes or drives at the limit */

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
    double reach = (double)p->final_ratio / radius_m; /* engine radians per metre */
    double peak_nm = spec->peak_mps2 * (spec->mass_kg / reach + (double)p->moi * reach);
    double corner_rpm = spec->power_kw * 1000 / (spec->mass_kg * spec->peak_mps2) * reach * 60 / (2 * BASE_PI);
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
    double radius_m = spec->wheels == 4 ? (spec->mass_kg > 3500 ? 0.45 : CAR_RADIUS_M) : 0.32;
    town_physics p = {
        .moi = spec->wheels == 4 ? 1.0f : 0.05f,
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
        .steering_curve = { { 0, 1.0f }, { 20, 0.9f }, { 60, 0.8f }, { 120, 0.7f } },
        .steering_points = 4,
        .wheel_count = spec->wheels,
        .use_sweep_wheel_collision = false,
    };
    set_engine(&p, spec, radius_m);
    double brakes = spec->mass_kg / CAR_KG * radius_m / CAR_RADIUS_M * 4 / spec->wheels;
    for (int i = 0; i < spec->wheels; i++) {
        bool front = spec->wheels == 4 ? i < 2 : i == 0;
        double side = spec->wheels == 4 ? (i % 2 ? 1 : -1) * (spec->extent_m[1] - 0.18) : 0;
        p.wheels[i] = (town_wheel){
            .tire_friction = FRICTION_REFERENCE,
            .damping_rate = 0.25f,
            .max_steer_deg = front ? (float)STEER_MAX_DEG : 0,
            .radius_cm = (float)(radius_m * 100),
            .max_brake_torque_nm = (float)(BRAKE_NM * brakes),
            .max_handbrake_torque_nm = front ? 0 : (float)(HAND_BRAKE_NM * brakes),
            .lat_stiff_max_load = 2,
            .lat_stiff_value = 17,
            .long_stiff_value = (float)(1000 * fmax(1, spec->mass_kg / CAR_KG)), /* 1000 would not stop a truck */
            .position_m = { (front ? 0.5 : -0.5) * spec->wheelbase_m, side, radius_m },
        };
    }
    return p;
}

/* ---- the model's constants ---- */

static bool is_front(int wheel_count, int wheel) { return wheel_count == 4 ? wheel < 2 : wheel == 0; }

base_vec3 town_vehicle_center(const town_physics *p)
{
    /* As in CARLA the control's field moves the centre from where the body has it. */
    return base_vec3_add((base_vec3){ 0, 0, p->wheel_count == 4 ? 0.45 : 0.6 }, p->center_of_mass_m);
}

/* Mean place of the wheels of an axle. */
static base_vec3 axle(const town_physics *p, bool front)
{
    base_vec3 sum = { 0, 0, 0 };
    int count = 0;
    for (int i = 0; i < p->wheel_count; i++)
        if (is_front(p->wheel_count, i) == front) {
            sum = base_vec3_add(sum, p->wheels[i].position_m);
            count++;
        }
    return base_vec3_scale(sum, 1.0 / count);
}

static double track_of(const town_physics *p)
{
    return p->wheel_count == 4 ? fmax(0.3, p->wheels[1].position_m.y - p->wheels[0].position_m.y) : 0;
}

static town_model_wheel model_wheel(const town_physics *p, const town_vehicle_model *m, int i)
{
    const town_wheel *w = &p->wheels[i];
    bool front = is_front(p->wheel_count, i);
    double base = m->front_m + m->rear_m, radius = (double)w->radius_cm / 100;
    town_model_wheel out = { .x_m = front ? m->front_m : -m->rear_m, .radius_m = radius };
    double share = (front ? m->rear_m : m->front_m) / base;
    if (m->track_m > 0) {
        out.y_m = w->position_m.y - m->center_m.y;
        /* a wheel carries the more the nearer the centre of mass is to its side */
        double side = (i % 2 ? 0.5 : -0.5) * 2 * m->center_m.y / m->track_m;
        share *= fmax(0.05, fmin(0.95, 0.5 + side));
    }
    out.rest_load_n = m->mass_kg * TOWN_GRAVITY * share;
    out.friction = (double)(w->tire_friction / FRICTION_REFERENCE);
    out.stiffness_n = out.rest_load_n * (double)w->lat_stiff_value * (front ? FRONT_GIVE : REAR_GIVE);
    out.saturation = (double)w->lat_stiff_max_load;
    out.long_stiffness_n = (double)w->long_stiff_value * TOWN_GRAVITY;
    out.brake_n = (double)w->max_brake_torque_nm / radius;
    out.hand_brake_n = (double)w->max_handbrake_torque_nm / radius;
    out.damping_n_per_mps = (double)w->damping_rate / (radius * radius);
    return out;
}

/* PhysX's smoothing: 0 at 0, 1 from 3 on. */
static double smooth(double x) { return x >= 3 ? 1 : x - x * x / 3 + x * x * x / 27; }

static double stiffness_at(const town_model_wheel *w, double load_n)
{
    return w->stiffness_n * smooth(3 * load_n / (w->rest_load_n * w->saturation));
}

town_vehicle_model town_vehicle_model_of(const town_physics *p, const town_box *box)
{
    town_vehicle_model m = {
        .mass_kg = (double)p->mass_kg, .center_m = town_vehicle_center(p), .track_m = track_of(p), .wheel_count = p->wheel_count
    };
    double length = 2 * box->extent.x, width = 2 * box->extent.y;
    m.front_m = fmax(0.2, axle(p, true).x - m.center_m.x);
    m.rear_m = fmax(0.2, m.center_m.x - axle(p, false).x);
    m.inertia_kgm2 = m.mass_kg * (length * length + width * width) / 12 * 0.72; /* Model 3: 3100 kg m^2; a solid box has more */
    m.drag_n_per_mps2 = 0.5 * 1.225 * (double)p->drag_coefficient * width * 2 * box->extent.z;
    for (int i = 0; i < p->wheel_count; i++) {
        m.wheels[i] = model_wheel(p, &m, i);
        m.radius_m += m.wheels[i].radius_m / p->wheel_count;
        *(is_front(p->wheel_count, i) ? &m.stiffness_front : &m.stiffness_rear) +=
            stiffness_at(&m.wheels[i], m.wheels[i].rest_load_n);
    }
    return m;
}

/* ---- steering ---- */

double town_wheel_angle(const town_physics *p, const town_vehicle_state *s, int wheel)
{
    bool right = wheel % 2 == 1, inner = (s->steer > 0) == right;
    if (p->wheel_count != 4 || wheel > 1 || inner)
        return s->steer * BASE_RAD((double)p->wheels[wheel].max_steer_deg);
    double angle = fabs(s->steer) * BASE_RAD((double)p->wheels[1 - wheel].max_steer_deg);
    if (angle < 1e-9 || p->wheels[wheel].max_steer_deg <= 0)
        return 0;
    double base = fmax(0.4, axle(p, true).x - axle(p, false).x);
    return copysign(atan2(1, 1 / tan(angle) + track_of(p) / base), s->steer);
}

/* Curvature of rolling without slip, and the sideways speed per forward speed at the rear axle. */
static void rolling_path(const town_vehicle_model *m, const double angle[4], double *curvature, double *rear_slope)
{
    double front = tan(angle[0]), rear = tan(angle[m->wheel_count - 1]);
    if (m->wheel_count == 4 && angle[0] != 0 && angle[1] != 0)
        front = 2 / (1 / tan(angle[0]) + 1 / tan(angle[1]));
    *rear_slope = rear;
    *curvature = (front - rear) / (m->front_m + m->rear_m);
}

/* ---- engine ---- */

/* Sets out for another gear. While it shifts it takes no further decision: the engine's speed says nothing about the car's then. */
static void choose_gear(const town_physics *p, town_vehicle_state *s, const town_vehicle_control *c)
{
    if (s->shift_left_s > 0)
        return;
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
        s->clutch_nm = 0;
    }
}

static double toward(double value, double target, double lag_s, double dt_s)
{
    return lag_s > 0 ? value + (target - value) * (1 - exp(-dt_s / lag_s)) : target;
}

#define RPM_PER_RADPS (60 / (2 * BASE_PI))

/* Torque of all wheels together, N m. */
static double drive_torque(const town_physics *p, const town_vehicle_model *m, town_vehicle_state *s,
                           const town_vehicle_control *c, double dt_s)
{
    choose_gear(p, s, c);
    bool engaged = s->gear != 0 && s->shift_left_s <= 0 && p->clutch_strength > 0;
    double moi = (double)p->moi, throttle = s->throttle;
    double speed = s->engine_rpm / RPM_PER_RADPS;
    double full = (double)p->damping_full_throttle;
    double burn =
        s->engine_rpm < (double)p->max_rpm ? throttle * town_curve_at(p->torque_curve, p->torque_points, s->engine_rpm) : 0;
    s->shift_left_s = fmax(0, s->shift_left_s - dt_s);
    if (!engaged) {
        double damping = full * throttle + (double)p->damping_zero_throttle_disengaged * (1 - throttle);
        speed = (speed + burn / moi * dt_s) / (1 + damping / moi * dt_s);
        s->engine_rpm = fmax(0, fmin((double)p->max_rpm, speed * RPM_PER_RADPS));
        s->clutch_nm = 0;
        return 0;
    }
    double ratio = (double)p->gears[s->gear > 0 ? s->gear - 1 : 0].ratio * (double)p->final_ratio * (s->gear > 0 ? 1 : -1);
    double reach = ratio / m->radius_m, driven = s->forward_mps * reach, load = m->mass_kg / (reach * reach);
    double damping = (full * throttle + (double)p->damping_zero_throttle_engaged * (1 - throttle)) * ENGINE_DAMPING;
    /* damping opposes the turning of the driven side, whichever way that is, but not faster than it stops it */
    double drag = fmin(damping, 0.5 * (moi + load) / dt_s) * driven;
    double target = (burn - drag) * load / (load + moi);
    double strength = (double)p->clutch_strength;
    s->clutch_nm = toward(s->clutch_nm, target, 1 / (strength * (1 / moi + 1 / load)), dt_s);
    s->engine_rpm = fabs(driven + s->clutch_nm / strength) * RPM_PER_RADPS;
    return s->clutch_nm * ratio;
}

static void move_actuators(const town_physics *p, town_vehicle_state *s, const town_vehicle_control *c, double dt_s)
{
    s->throttle = toward(s->throttle, (double)c->throttle, THROTTLE_LAG_S, dt_s);
    s->brake = toward(s->brake, (double)c->brake, BRAKE_LAG_S, dt_s);
    double speed_kmh = 3.6 * hypot(s->forward_mps, s->right_mps);
    double target = (double)c->steer * town_curve_at(p->steering_curve, p->steering_points, speed_kmh);
    double move = toward(s->steer, target, STEER_LAG_S, dt_s) - s->steer;
    double most = STEER_RATE_PER_S * dt_s;
    s->steer += fmax(-most, fmin(most, move));
}

/* ---- tyres ---- */

static void share_load(const town_vehicle_model *m, town_vehicle_state *s)
{
    double base = m->front_m + m->rear_m;
    double along = m->mass_kg * s->acceleration_mps2 * m->center_m.z / base; /* to the rear axle */
    for (int i = 0; i < m->wheel_count; i++) {
        const town_model_wheel *w = &m->wheels[i];
        double load = w->rest_load_n;
        double axle_share = (w->x_m > 0 ? m->rear_m : m->front_m) / base;
        load += (w->x_m > 0 ? -along : along) * (m->wheel_count == 4 ? 0.5 : 1);
        if (m->track_m > 0) /* turning right loads the left wheels */
            load += (w->y_m < 0 ? 1 : -1) * m->mass_kg * s->side_mps2 * m->center_m.z / m->track_m * axle_share;
        s->wheels[i].load_n = fmax(0.05 * w->rest_load_n, load);
    }
}

typedef struct pushes { /* on the body */
    double along_n, across_n, turn_nm;
    double hold_n, hold_turn_nm; /* friction: opposes motion, or holds at rest; its moment when it acts */
} pushes;

typedef struct motion { /* over ground, at the centre of mass */
    double u, v, r;
    double slipping; /* share of the dynamic model, 0 where wheels roll without slip */
    double grip;     /* of the road: factor on the tyres' friction */
} motion;
typedef struct wheel_input {
    double angle_rad, drive_nm, brake_n;
    bool locks; /* a brake stronger than the tyre stops the wheel */
} wheel_input;

/* Force of one tyre, from the torques on its wheel and the motion over ground. */
static void turn_wheel(const town_model_wheel *w, town_wheel_state *t, wheel_input in, const motion *over, pushes *sum)
{
    double u = over->u - w->y_m * over->r, v = over->v + w->x_m * over->r, sign = over->u < 0 ? -1 : 1;
    double limit = over->grip * w->friction * t->load_n,
           most = fmin(limit, w->long_stiffness_n); /* beyond a slip of 1 there is no more */
    bool locked = in.locks && in.brake_n > most;
    double brake = fmin(in.brake_n, most), drive = fmax(-most, fmin(most, in.drive_nm / w->radius_m));
    double used = fabs(drive) + brake;
    double left = used < limit ? sqrt(limit * limit - used * used) : 0;
    left = fmax(left, SIDE_KEPT * limit); /* a locked wheel still drags sideways a little; keeps tanh's argument finite */
    t->slip_rad = over->slipping * (sign * in.angle_rad - atan2(v, fmax(fabs(u), 0.5)));
    double side = left > 0 ? left * tanh(stiffness_at(w, t->load_n) * t->slip_rad / left) : 0;
    double c = cos(in.angle_rad), s = sin(in.angle_rad);
    double along = drive * c - side * s, across = drive * s + side * c;
    double hold = brake + ROLLING * t->load_n + w->damping_n_per_mps * fabs(u);
    sum->along_n += along;
    sum->across_n += across;
    sum->turn_nm += w->x_m * across - w->y_m * along;
    sum->hold_n += hold;
    sum->hold_turn_nm += w->y_m * hold;
    t->long_n = drive - (over->u != 0 ? sign * brake : 0);
    t->lat_n = side;
    t->torque_nm = in.drive_nm - (over->u != 0 ? sign * in.brake_n * w->radius_m : 0);
    t->slip = locked ? -1 : w->long_stiffness_n > 0 ? fmax(-1, sign * t->long_n / w->long_stiffness_n) : 0;
    t->omega_radps = u * (1 + t->slip) / w->radius_m;
}

static pushes push_of_wheels(const town_vehicle_model *m, town_vehicle_state *s, const town_vehicle_control *c,
                             const double angle[4], double torque_nm, const motion *over)
{
    pushes sum = { 0 };
    double total = 0;
    share_load(m, s);
    for (int i = 0; i < m->wheel_count; i++)
        total += s->wheels[i].load_n;
    for (int i = 0; i < m->wheel_count; i++) {
        const town_model_wheel *w = &m->wheels[i];
        double hand = c->hand_brake ? w->hand_brake_n : 0; /* the foot brake does not lock a wheel, the hand brake does */
        wheel_input in = { angle[i], torque_nm * s->wheels[i].load_n / total, s->brake * w->brake_n + hand, hand > 0 };
        turn_wheel(w, &s->wheels[i], in, over, &sum);
    }
    return sum;
}

/* In the air: only drag acts on the plane motion, and the wheels turn as they did. */
static void fly(const town_vehicle_model *m, town_vehicle_state *s, double dt_s)
{
    double u = s->forward_mps, v = s->right_mps, r = s->yaw_rate_radps;
    double k = m->drag_n_per_mps2 * hypot(u, v) / m->mass_kg * dt_s;
    s->forward_mps = u - k * u + v * r * dt_s;
    s->right_mps = v - k * v - u * r * dt_s;
    s->acceleration_mps2 = s->side_mps2 = 0;
    for (int i = 0; i < m->wheel_count; i++)
        s->wheels[i] = (town_wheel_state){ .omega_radps = s->wheels[i].omega_radps };
}

void town_vehicle_step(const town_physics *p, const town_vehicle_model *m, town_vehicle_state *s, const town_vehicle_control *c,
                       double slope_forward_mps2, double slope_right_mps2, double grip, double dt_s)
{
    move_actuators(p, s, c, dt_s);
    double torque = drive_torque(p, m, s, c, dt_s);
    if (grip <= 0) {
        fly(m, s, dt_s);
        return;
    }
    double angle[4] = { 0 }, curvature, rear_slope;
    for (int i = 0; i < m->wheel_count; i++)
        angle[i] = town_wheel_angle(p, s, i);
    rolling_path(m, angle, &curvature, &rear_slope);
    double r = s->yaw_rate_radps; /* from here on at the centre of mass */
    double u = s->forward_mps - m->center_m.y * r, v = s->right_mps + m->center_m.x * r;
    double blend = (fabs(u) - KINEMATIC_BELOW_MPS) / (DYNAMIC_ABOVE_MPS - KINEMATIC_BELOW_MPS);
    blend = fmax(0, fmin(1, blend));
    pushes sum = push_of_wheels(m, s, c, angle, torque, &(motion){ u, v, r, blend, grip });

    /* Along: friction opposes motion and cannot reverse it. */
    double along_n = sum.along_n - m->drag_n_per_mps2 * u * fabs(u) + m->mass_kg * slope_forward_mps2;
    double u_free = u + (along_n / m->mass_kg + v * r) * dt_s;
    double hold_dv = sum.hold_n / m->mass_kg * dt_s;
    double u_next = fabs(u_free) <= hold_dv ? 0 : u_free - copysign(hold_dv, u_free);
    double turn_nm = sum.turn_nm + (u_next > 0 ? sum.hold_turn_nm : u_next < 0 ? -sum.hold_turn_nm : 0);

    /* Across, dynamic and rolling. */
    double v_dynamic = v + (sum.across_n / m->mass_kg - u * r + slope_right_mps2) * dt_s;
    double r_dynamic = r + turn_nm / m->inertia_kgm2 * dt_s;
    double r_rolling = u_next * curvature;
    double v_rolling = m->rear_m * r_rolling + u_next * rear_slope;
    /* Side slip left over from a crash decays by tyre friction, at most mu g. */
    double mu = grip * m->wheels[m->wheel_count - 1].friction;
    double fade = fmin(1, mu * TOWN_GRAVITY * dt_s / fmax(1e-9, fabs(v - v_rolling)));
    double v_slow = v + (v_rolling - v) * fade;
    double r_slow = r + (r_rolling - r) * fmin(1, fmax(fade, 10 * dt_s));
    double v_next = blend * v_dynamic + (1 - blend) * v_slow;

    s->yaw_rate_radps = blend * r_dynamic + (1 - blend) * r_slow;
    s->acceleration_mps2 = (u_next - u) / dt_s - v * r;
    s->side_mps2 = blend * sum.across_n / m->mass_kg + (1 - blend) * u * r;
    s->forward_mps = u_next + m->center_m.y * s->yaw_rate_radps;
    s->right_mps = v_next - m->center_m.x * s->yaw_rate_radps;
}
