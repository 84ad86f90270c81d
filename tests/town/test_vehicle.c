/* Vehicle dynamics against figures that follow from the model's parameters, and against what is known of CARLA's cars. */
#include "sim/town/internal.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define DT 0.005

typedef struct car {
    town_physics physics;
    town_vehicle_model model;
    town_vehicle_state state;
    town_vehicle_control control;
    double x, y, yaw; /* yaw in radians, clockwise from above */
} car;

static car start(const char *id)
{
    const town_blueprint *b = town_blueprint_find(id);
    assert_non_null(b);
    car c = { .physics = town_vehicle_physics_default(b->vehicle) };
    town_box box = { { 0, 0, b->vehicle->extent_m[2] },
                     { b->vehicle->extent_m[0], b->vehicle->extent_m[1], b->vehicle->extent_m[2] } };
    c.model = town_vehicle_model_of(&c.physics, &box);
    c.state.gear = 1;
    return c;
}

static void drive(car *c, double seconds)
{
    for (int i = 0; i < (int)lround(seconds / DT); i++) {
        town_vehicle_step(&c->physics, &c->model, &c->state, &c->control, 0, 0, 1, DT);
        double u = c->state.forward_mps, v = c->state.right_mps;
        c->x += (u * cos(c->yaw) - v * sin(c->yaw)) * DT;
        c->y += (u * sin(c->yaw) + v * cos(c->yaw)) * DT;
        c->yaw += c->state.yaw_rate_radps * DT;
    }
}

static void assert_between(double value, double lo, double hi, const char *what)
{
    if (!(value >= lo && value <= hi))
        fail_msg("%s: got %.6g, want %.6g .. %.6g", what, value, lo, hi);
}

static void test_straight_line(void **state)
{
    (void)state;
    car c = start("vehicle.tesla.model3");
    c.control.throttle = 1;
    drive(&c, 2);
    /* 4.5 m/s^2 less rolling (0.12), after a lag of 0.15 s */
    assert_between(c.state.forward_mps, 7.5, 8.7, "speed after 2 s of full throttle");
    drive(&c, 6);
    /* beyond 13 m/s power limits: P = 110 kW, so v^2 grows by 2 P/m = 119 m^2/s^2 per second less losses */
    assert_between(c.state.forward_mps, 24, 31, "speed after 8 s of full throttle");
    assert_between(fabs(c.y) + fabs(c.yaw), 0, 0, "sideways drift without steering");
    drive(&c, 120);
    double top = c.state.forward_mps;
    drive(&c, 5);
    assert_between(c.state.forward_mps - top, -0.01, 0.05, "top speed is reached");
}

static void test_throttle_is_proportional(void **state)
{
    (void)state;
    car half = start("vehicle.lincoln.mkz_2020"), full = half;
    half.control.throttle = 0.5f;
    full.control.throttle = 1;
    drive(&half, 2);
    drive(&full, 2);
    assert_between(half.state.forward_mps / full.state.forward_mps, 0.44, 0.52, "speed at half throttle over full");
}

static void test_braking(void **state)
{
    (void)state;
    car c = start("vehicle.tesla.model3");
    c.state.forward_mps = 20;
    c.control.brake = 1;
    drive(&c, 4);
    /* The front brakes 2 x 1500 N m, the rear at its tyres' limit: 8 m/s^2 plus rolling and the engine's drag after 0.1 s:
     * 20^2 / (2 * 8.6) + 20 * 0.1 = 25.3 m */
    assert_between(c.x, 24, 27, "stopping distance from 20 m/s");
    assert_between(c.state.forward_mps, 0, 0, "speed after stopping: brakes do not push backwards");
    double stood = c.x;
    drive(&c, 5);
    assert_between(c.x - stood, 0, 0, "creep at standstill");
    car roll = start("vehicle.tesla.model3");
    roll.state.forward_mps = 10;
    drive(&roll, 1);
    assert_between(roll.state.forward_mps, 9.4, 9.7, "coasting loses rolling, drag and engine braking");
}

static void test_hand_brake_holds_on_a_slope(void **state)
{
    (void)state;
    car c = start("vehicle.tesla.model3");
    for (int i = 0; i < 400; i++)
        town_vehicle_step(&c.physics, &c.model, &c.state, &c.control, -TOWN_GRAVITY * 0.1, 0, 1, DT);
    assert_between(c.state.forward_mps, -2.5, -0.8, "rolls back on a 10 % slope");
    c = start("vehicle.tesla.model3");
    c.control.hand_brake = true;
    for (int i = 0; i < 400; i++)
        town_vehicle_step(&c.physics, &c.model, &c.state, &c.control, -TOWN_GRAVITY * 0.1, 0, 1, DT);
    assert_between(c.state.forward_mps, 0, 0, "hand brake on a 10 % slope");
}

static void test_reverse(void **state)
{
    (void)state;
    car c = start("vehicle.tesla.model3");
    c.control = (town_vehicle_control){ .throttle = 0.5f, .reverse = true, .steer = 0.3f };
    drive(&c, 2);
    assert_between(c.state.forward_mps, -6, -2, "speed in reverse");
    assert_int_equal(c.state.gear, -1);
    assert_true(c.state.yaw_rate_radps < 0); /* steering right while going back turns the nose left */
}

/* Hold a speed and a steering value until the turn is steady; return the curvature. */
static double steady_curvature(car c, double steer, double speed)
{
    c.state.forward_mps = speed;
    c.control.steer = (float)steer;
    for (int i = 0; i < 4000; i++) {
        c.control.throttle = (float)fmax(0, fmin(1, 0.3 * (speed - c.state.forward_mps) + 0.05));
        drive(&c, DT);
    }
    return c.state.yaw_rate_radps / hypot(c.state.forward_mps, c.state.right_mps);
}

static void test_circle_follows_steering(void **state)
{
    (void)state;
    /* Rolling without slip at walking pace: the inner wheel turns by steer x curve x 70 degrees, both about one point, so the
     * middle of the rear axle runs on 1 / (L / tan(inner) + half the track), and the centre of mass 1.44 m ahead of it. */
    static const double steer[] = { 0.05, 0.1, 0.3, 0.5, 0.8, -0.3 };
    car c = start("vehicle.tesla.model3");
    c.physics.steering_points = 1; /* no curve: the lock does not depend on the speed */
    double half = c.model.track_m / 2, rear = c.model.rear_m, base = c.model.front_m + rear;
    for (size_t i = 0; i < sizeof steer / sizeof steer[0]; i++) {
        double axle = copysign(1, steer[i]) / (base / tan(BASE_RAD(70) * fabs(steer[i])) + half);
        double want = sin(atan(rear * axle)) / rear;
        double got = steady_curvature(c, steer[i], 0.8);
        assert_between(got / want, 0.97, 1.03, "curvature over the geometric one at 0.8 m/s");
    }
    /* World on Rails' fit to CARLA (town speeds, steering held for short times): 0.0278 at steer 0.1, 0.0831 at 0.3, 0.269 at 1.
     * A steady turn is tighter at small angles, as it has no lag; at full lock the tyres limit it. */
    assert_between(steady_curvature(start("vehicle.tesla.model3"), 0.1, 20 / 3.6), 0.0278, 0.0278 * 1.4,
                   "curvature at steer 0.1, 20 km/h");
    assert_between(steady_curvature(start("vehicle.tesla.model3"), 0.3, 20 / 3.6), 0.0831, 0.0831 * 1.4,
                   "curvature at steer 0.3, 20 km/h");
    assert_between(steady_curvature(start("vehicle.tesla.model3"), 1, 20 / 3.6), 0.269 * 0.8, 0.269 * 1.25,
                   "curvature at steer 1, 20 km/h");
}

/* 70 degrees inside, 48 outside: the angles CARLA's own cars show at full lock. */
static void test_wheels_turn_about_one_point(void **state)
{
    (void)state;
    car c = start("vehicle.tesla.model3");
    c.control.steer = 1;
    drive(&c, 2);
    double left = BASE_DEG(town_wheel_angle(&c.physics, &c.state, 0)),
           right = BASE_DEG(town_wheel_angle(&c.physics, &c.state, 1));
    assert_between(right, 69.5, 70, "inner wheel");
    assert_between(left, 45, 50, "outer wheel");
    double base = c.model.front_m + c.model.rear_m;
    assert_between(base / tan(BASE_RAD(left)) - base / tan(BASE_RAD(right)), c.model.track_m - 0.01, c.model.track_m + 0.01,
                   "the wheels' axes meet on the rear axle's line");
    assert_between(town_wheel_angle(&c.physics, &c.state, 2), 0, 0, "rear wheel");
    c.control.steer = -1;
    drive(&c, 3);
    assert_between(BASE_DEG(town_wheel_angle(&c.physics, &c.state, 1)), -left - 0.5, -left + 0.5, "the same to the left");
}

static void test_understeer_grows_with_speed(void **state)
{
    (void)state;
    /* delta = L kappa + K v^2 kappa with K = m (l_r C_r - l_f C_f) / (L C_f C_r) */
    car c = start("vehicle.tesla.model3");
    const town_vehicle_model *m = &c.model;
    double base = m->front_m + m->rear_m, speed = 15, steer = 0.04;
    double gain = m->mass_kg * (m->rear_m * m->stiffness_rear - m->front_m * m->stiffness_front) /
                  (base * m->stiffness_front * m->stiffness_rear);
    double delta = steer * BASE_RAD(70) * town_curve_at(c.physics.steering_curve, c.physics.steering_points, speed * 3.6);
    double want = delta / (base + gain * speed * speed);
    assert_between(steady_curvature(c, steer, speed) / want, 0.97, 1.03, "steady-state curvature over the linear formula");
}

static void test_tyres_saturate(void **state)
{
    (void)state;
    car c = start("vehicle.tesla.model3");
    c.state.forward_mps = 25;
    c.control.steer = 1;
    drive(&c, 0.6);
    double lateral = fabs(c.state.yaw_rate_radps) * hypot(c.state.forward_mps, c.state.right_mps);
    assert_true(isfinite(lateral));
    for (int i = 0; i < 400; i++) {
        double vx = c.state.forward_mps, vy = c.state.right_mps, yaw = c.yaw;
        drive(&c, DT);
        double ax = (c.state.forward_mps * cos(c.yaw) - c.state.right_mps * sin(c.yaw)) - (vx * cos(yaw) - vy * sin(yaw));
        double ay = (c.state.forward_mps * sin(c.yaw) + c.state.right_mps * cos(c.yaw)) - (vx * sin(yaw) + vy * cos(yaw));
        assert_between(hypot(ax, ay) / DT, 0, 1.35 * TOWN_GRAVITY, "acceleration beyond what the tyres can give");
    }
}

static void test_step_size_matters_little(void **state)
{
    (void)state;
    car coarse = start("vehicle.tesla.model3"), fine = coarse;
    coarse.control = fine.control = (town_vehicle_control){ .throttle = 0.6f, .steer = 0.1f };
    for (int i = 0; i < 1000; i++)
        town_vehicle_step(&coarse.physics, &coarse.model, &coarse.state, &coarse.control, 0, 0, 1, 0.005);
    for (int i = 0; i < 5000; i++)
        town_vehicle_step(&fine.physics, &fine.model, &fine.state, &fine.control, 0, 0, 1, 0.001);
    assert_between(coarse.state.forward_mps / fine.state.forward_mps, 0.99, 1.01, "speed at 5 ms over 1 ms");
    assert_between(coarse.state.yaw_rate_radps / fine.state.yaw_rate_radps, 0.97, 1.03, "yaw rate at 5 ms over 1 ms");
}

/* Every blueprint drives straight, stops, and survives full lock without a number that is not finite. */
static void test_every_vehicle(void **state)
{
    (void)state;
    for (uint32_t uid = 1; uid <= town_blueprint_count(); uid++) {
        const town_blueprint *b = town_blueprint_at(uid);
        if (b->kind != TOWN_VEHICLE)
            continue;
        car c = start(b->id);
        c.control.throttle = 1;
        drive(&c, 3);
        assert_between(c.state.forward_mps, 2, 20, b->id);
        c.control.steer = 1;
        drive(&c, 3);
        c.control = (town_vehicle_control){ .brake = 1, .steer = -1 };
        drive(&c, 8);
        assert_true(isfinite(c.x + c.y + c.yaw));
        assert_between(c.state.forward_mps, 0, 0, b->id);
    }
}

/* ---- every field of the physics control acts ---- */

static car with(car c)
{
    const town_blueprint *b = town_blueprint_find("vehicle.tesla.model3");
    town_box box = { { 0, 0, b->vehicle->extent_m[2] },
                     { b->vehicle->extent_m[0], b->vehicle->extent_m[1], b->vehicle->extent_m[2] } };
    c.model = town_vehicle_model_of(&c.physics, &box);
    return c;
}

static car model3(void) { return start("vehicle.tesla.model3"); }

static double speed_after(car c, double seconds, float throttle)
{
    c = with(c);
    c.control.throttle = throttle;
    drive(&c, seconds);
    return c.state.forward_mps;
}

static double coasted(car c, double from_mps, double seconds)
{
    c = with(c);
    c.state.forward_mps = from_mps;
    drive(&c, seconds);
    return from_mps - c.state.forward_mps;
}

static double stopping_distance(car c, double from_mps, town_vehicle_control control)
{
    c = with(c);
    c.state.forward_mps = from_mps;
    c.control = control;
    drive(&c, 30);
    return c.x;
}

static const town_vehicle_control full_brake = { .brake = 1 }, hand_brake = { .hand_brake = true };

static void test_engine_fields_act(void **state)
{
    (void)state;
    double usual = speed_after(model3(), 2, 1);
    car c = model3();
    for (int i = 0; i < c.physics.torque_points; i++)
        c.physics.torque_curve[i].y /= 2;
    assert_between(speed_after(c, 2, 1) / usual, 0.44, 0.52, "torque_curve halved: speed after 2 s");
    c = model3();
    c.physics.max_rpm = 3000; /* 3000 / 60 x 2 pi / 9 x 0.36 = 12.6 m/s */
    assert_between(speed_after(c, 60, 1), 11.5, 12.6, "max_rpm 3000: top speed");
    c = model3();
    c.physics.moi = 10; /* (1845 + 625) / (1845 + 6250) = 0.31 */
    assert_between(speed_after(c, 2, 1) / usual, 0.22, 0.33, "moi 10: speed after 2 s");
    c = model3();
    c.physics.final_ratio = 4.5f; /* half the force, less inertia: (1 + 0.339) / (2 (1 + 0.085)) = 0.62 */
    assert_between(speed_after(c, 2, 1) / usual, 0.55, 0.65, "final_ratio halved: speed after 2 s");
    c = model3();
    c.physics.gears[0].ratio = 0.5f;
    assert_between(speed_after(c, 2, 1) / usual, 0.55, 0.65, "gear ratio halved: the same");
    c = model3();
    c.physics.clutch_strength = 0.5f; /* 0.75 / 0.5 s instead of 0.075 s until the torque is there */
    assert_between(speed_after(c, 2, 1) / usual, 0.2, 0.7, "weak clutch: speed after 2 s");
    c.physics.clutch_strength = 0;
    assert_between(speed_after(c, 2, 1), 0, 0, "no clutch: no drive");
    c = model3();
    c.physics.damping_full_throttle = 50;
    assert_between(speed_after(c, 10, 1) / speed_after(model3(), 10, 1), 0.2, 0.5, "damping_full_throttle");
    double rolls = coasted(model3(), 10, 2);
    c = model3();
    c.physics.damping_zero_throttle_engaged = 20;
    assert_between(coasted(c, 10, 2) / rolls, 2, 8, "damping_zero_throttle_clutch_engaged: coasting");
    c = model3();
    c.physics.mass_kg *= 2; /* (1845 + 625) / (3690 + 625) = 0.57 */
    assert_between(speed_after(c, 2, 1) / usual, 0.52, 0.6, "mass doubled: speed after 2 s");
    c = model3();
    c.physics.drag_coefficient = 3;
    assert_between(speed_after(c, 200, 1) / speed_after(model3(), 200, 1), 0.4, 0.7, "drag: top speed");
    c = model3();
    for (int i = 0; i < 4; i++)
        c.physics.wheels[i].radius_cm = 72; /* half the force, less inertia, as with the ratio */
    assert_between(speed_after(c, 2, 1) / usual, 0.55, 0.65, "radius doubled: speed after 2 s");
}

/* Engine speed of a car out of gear, 1 s after the throttle was let go. */
static double revs_left(float damping)
{
    car c = model3();
    c.physics.damping_zero_throttle_disengaged = damping;
    c = with(c);
    c.control = (town_vehicle_control){ .throttle = 1, .manual_gear_shift = true, .gear = 0 };
    drive(&c, 2);
    assert_between(c.state.engine_rpm, 4000, 15000, "the engine turns freely in neutral");
    assert_between(c.state.forward_mps, 0, 0, "... and moves nothing");
    double before = c.state.engine_rpm;
    c.control.throttle = 0;
    drive(&c, 1);
    return c.state.engine_rpm / before;
}

static void test_gears_act(void **state)
{
    (void)state;
    assert_between(revs_left(0.35f), 0.65, 0.8, "exp(-0.35) of the speed after 1 s in neutral");
    assert_between(revs_left(3), 0.02, 0.12, "damping_zero_throttle_clutch_disengaged");
    car c = model3();
    c.physics.gear_count = 3;
    c.physics.gears[0] = (town_gear){ 2.0f, 0.1f, 0.3f };
    c.physics.gears[1] = (town_gear){ 1.0f, 0.1f, 0.3f };
    c.physics.gears[2] = (town_gear){ 0.5f, 0.1f, 0.9f };
    car slow = c, manual = c, fixed = c;
    c = with(c);
    c.control.throttle = 1;
    double shifted_at[4] = { 0 };
    for (int i = 0; i < 4000; i++) {
        int before = c.state.gear;
        double rpm = c.state.engine_rpm;
        drive(&c, DT);
        if (c.state.gear > before)
            shifted_at[before] = rpm;
    }
    assert_int_equal(c.state.gear, 3);
    assert_between(shifted_at[1], 4500, 4700, "up at 0.3 x 15000 rpm");
    assert_between(shifted_at[2], 4500, 4700, "and again");
    c.control = full_brake;
    drive(&c, 10);
    assert_int_equal(c.state.gear, 1); /* down_ratio on the way */
    double quick = speed_after(slow, 6, 1);
    slow.physics.gear_switch_s = 0.5f;
    assert_between(speed_after(slow, 6, 1) / quick, 0.7, 0.97, "gear_switch_time: no drive while shifting");
    manual = with(manual);
    manual.control = (town_vehicle_control){ .throttle = 1, .manual_gear_shift = true, .gear = 3 };
    drive(&manual, 2);
    assert_int_equal(manual.state.gear, 3);
    assert_between(manual.state.forward_mps / speed_after(model3(), 2, 1), 0.5, 0.7, "manual shift: started in third");
    manual.control.gear = 99;
    drive(&manual, DT);
    assert_int_equal(manual.state.gear, 3);
    fixed.physics.use_gear_autobox = false;
    fixed = with(fixed);
    fixed.control.throttle = 1;
    drive(&fixed, 20);
    assert_int_equal(fixed.state.gear, 1);
}

static void test_brake_fields_act(void **state)
{
    (void)state;
    double usual = stopping_distance(model3(), 20, full_brake), hand = stopping_distance(model3(), 20, hand_brake);
    car c = model3();
    for (int i = 0; i < 4; i++)
        c.physics.wheels[i].max_brake_torque_nm = 500; /* 4 x 500 / 0.36 / 1845 = 3.0 m/s^2 + 0.4 */
    assert_between(stopping_distance(c, 20, full_brake), 52, 64, "max_brake_torque 500 N m: 20 m/s");
    c = model3();
    for (int i = 2; i < 4; i++)
        c.physics.wheels[i].max_handbrake_torque_nm = 500;
    assert_between(stopping_distance(c, 20, hand_brake) / hand, 1.5, 4, "max_handbrake_torque");
    c = model3();
    for (int i = 0; i < 4; i++)
        c.physics.wheels[i].tire_friction = 1.75f;
    assert_between(stopping_distance(c, 20, full_brake) / usual, 1.5, 1.9, "tire_friction halved: 4.9 m/s^2 instead of 8");
    c = model3();
    for (int i = 0; i < 4; i++)
        c.physics.wheels[i].long_stiff_value = 100; /* at most 981 N per wheel: 2.1 m/s^2 */
    assert_between(stopping_distance(c, 20, full_brake), 70, 95, "long_stiff_value 100: 20 m/s");
    c = model3();
    for (int i = 0; i < 4; i++)
        c.physics.wheels[i].damping_rate = 5;
    assert_between(coasted(c, 10, 2) / coasted(model3(), 10, 2), 2, 5, "damping_rate of the wheels: coasting");
    c = model3();
    c.physics.wheels[1].max_brake_torque_nm = c.physics.wheels[3].max_brake_torque_nm = 0;
    c = with(c);
    c.state.forward_mps = 15;
    c.control.brake = 0.4f;
    drive(&c, 1);
    assert_between(c.yaw, -0.3, -0.02, "the left wheels alone brake"); /* the left wheels alone brake: the car turns left */
    c = model3();
    c.physics.center_of_mass_m.y = 0.4;
    c = with(c);
    assert_between(c.model.wheels[1].rest_load_n / c.model.wheels[0].rest_load_n, 2, 5,
                   "centre of mass to the right loads the right");
    c = model3();
    c.physics.center_of_mass_m.x = 0.5;
    c = with(c);
    assert_between(c.model.wheels[0].rest_load_n / c.model.wheels[2].rest_load_n, 1.94 / 0.94 - 0.01, 1.94 / 0.94 + 0.01,
                   "centre of mass to the front");
    c = model3();
    c.physics.center_of_mass_m.z = 0.4;
    assert_between(stopping_distance(c, 20, full_brake) / usual, 1.03, 1.4,
                   "a higher centre of mass takes load off the rear brakes");
}

static void test_steering_fields_act(void **state)
{
    (void)state;
    double usual = steady_curvature(model3(), 0.05, 15);
    car c = model3();
    c.physics.steering_points = 1;
    c.physics.steering_curve[0] = (town_curve_point){ 0, 0.5f };
    double share = town_curve_at(model3().physics.steering_curve, 4, 54);
    assert_between(steady_curvature(with(c), 0.05, 15) / usual, 0.5 / share - 0.03, 0.5 / share + 0.03, "steering_curve");
    c = model3();
    c.physics.wheels[0].max_steer_deg = c.physics.wheels[1].max_steer_deg = 35;
    assert_between(steady_curvature(with(c), 0.05, 15) / usual, 0.48, 0.53, "max_steer_angle halved");
    c = model3();
    c.physics.wheels[2].max_steer_deg = c.physics.wheels[3].max_steer_deg = 70;
    assert_between(steady_curvature(with(c), 0.05, 0.9), -1e-3, 1e-3, "rear wheels that steer as much: the car moves aside");
    double slip[3];
    for (int i = 0; i < 3; i++) {
        c = model3();
        for (int k = 0; k < 4 && i == 1; k++)
            c.physics.wheels[k].lat_stiff_value = 8.5f;
        for (int k = 0; k < 4 && i == 2; k++)
            c.physics.wheels[k].lat_stiff_max_load = 0.5f; /* full stiffness already at half the load: 1 instead of 0.875 */
        c = with(c);
        c.state.forward_mps = 15;
        c.control.steer = 0.02f;
        for (int n = 0; n < 600; n++) {
            c.control.throttle = (float)fmax(0, 0.3 * (15 - c.state.forward_mps) + 0.1);
            drive(&c, DT);
        }
        slip[i] = c.state.wheels[2].slip_rad / (c.state.yaw_rate_radps * c.state.forward_mps);
    }
    assert_between(slip[1] / slip[0], 1.9, 2.1, "lat_stiff_value halved: slip angle per lateral acceleration");
    assert_between(slip[2] / slip[0], 0.86, 0.89, "lat_stiff_max_load");
}

/* What telemetry reports follows Newton: loads carry the weight, forces make the acceleration. */
static void test_tyres_carry_the_car(void **state)
{
    (void)state;
    car c = model3();
    c.state.forward_mps = 12;
    c.control = (town_vehicle_control){ .throttle = 0.5f, .steer = 0.1f };
    drive(&c, 2);
    double load = 0, along = 0, across = 0, speed = c.state.forward_mps;
    for (int i = 0; i < 4; i++) {
        const town_wheel_state *w = &c.state.wheels[i];
        double angle = town_wheel_angle(&c.physics, &c.state, i);
        load += w->load_n;
        along += w->long_n * cos(angle) - w->lat_n * sin(angle);
        across += w->long_n * sin(angle) + w->lat_n * cos(angle);
        assert_between(w->omega_radps * 0.36 / speed, 0.9, 1.3, "a driven wheel turns a little faster than the ground goes by");
        assert_true(w->slip > 0 && w->torque_nm > 0 && w->slip_rad > 0 && w->lat_n > 0);
    }
    assert_between(load / (1845 * TOWN_GRAVITY), 0.999, 1.001, "loads");
    assert_true(c.state.wheels[0].load_n > 1.1 * c.state.wheels[1].load_n); /* turning right leans to the left */
    assert_between(across / 1845 / (c.state.yaw_rate_radps * speed), 0.95, 1.05, "lateral forces over m v r");
    double before = c.state.forward_mps, v = c.state.right_mps, r = c.state.yaw_rate_radps;
    drive(&c, DT);
    double losses = 0.012 * TOWN_GRAVITY + (c.model.drag_n_per_mps2 * before * before + 4 * 0.25 / 0.36 / 0.36 * before) / 1845;
    assert_between((c.state.forward_mps - before) / DT - v * r, along / 1845 - losses - 0.02, along / 1845 - losses + 0.02,
                   "forces along over mass");
    c.control = (town_vehicle_control){ .hand_brake = true };
    drive(&c, 0.5);
    assert_true(c.state.wheels[2].slip == -1 && c.state.wheels[2].omega_radps == 0); /* the hand brake locks, */
    c.control = (town_vehicle_control){ .brake = 1 };
    drive(&c, 0.3);
    assert_true(c.state.wheels[2].slip > -1); /* the foot brake does not */
}

/* The figures of docs/simulator.md. */
static void test_figures(void **state)
{
    (void)state;
    static const char *const ids[] = { "vehicle.tesla.model3", "vehicle.lincoln.mkz_2020", "vehicle.carlamotors.firetruck",
                                       "vehicle.yamaha.yzf", "vehicle.bh.crossbike" };
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        car c = start(ids[i]);
        double to_50 = NAN, to_100 = NAN;
        c.control.throttle = 1;
        for (int n = 0; n < 60000; n++) {
            drive(&c, DT);
            if (isnan(to_50) && c.state.forward_mps >= 50 / 3.6)
                to_50 = n * DT;
            if (isnan(to_100) && c.state.forward_mps >= 100 / 3.6)
                to_100 = n * DT;
        }
        double top = c.state.forward_mps * 3.6;
        car b = start(ids[i]);
        b.state.forward_mps = 8;
        b.control.brake = 1;
        drive(&b, 5);
        car d = start(ids[i]);
        d.control = (town_vehicle_control){ .steer = 1, .throttle = 0.1f };
        drive(&d, 3);
        double radius = 0;
        for (int n = 0; n < 400; n++) {
            d.control.throttle = (float)fmax(0, fmin(1, 0.3 * (1 - d.state.forward_mps) + 0.02));
            drive(&d, DT);
            radius = hypot(d.state.forward_mps, d.state.right_mps) / fabs(d.state.yaw_rate_radps);
        }
        print_message(
            "# %s: 0-50 km/h %.1f s, 0-100 km/h %.1f s, top %.0f km/h, stops from 8 m/s in %.1f m, circle of radius %.1f m\n",
            ids[i], to_50, to_100, top, b.x, radius);
        if (i == 0) {
            assert_between(to_100, 6, 11, "0 - 100 km/h");
            assert_between(top, 180, 227, "top speed, km/h: 15000 rpm are 226");
            assert_between(b.x, 4, 6.5, "LB1's fit to CARLA stops from 8 m/s in 6.5 m");
        }
        assert_true(top > 10 && b.x < 9 && radius < 12);
    }
    static const double steer[] = { 0.1, 0.3, 0.5, 1.0 }, fit[] = { 0.0278, 0.0831, 0.138, 0.269 };
    for (int i = 0; i < 4; i++)
        print_message("# curvature at steer %.1f, 20 km/h: %.4f 1/m; World on Rails' fit to CARLA %.4f\n", steer[i],
                      steady_curvature(model3(), steer[i], 20 / 3.6), fit[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_straight_line),
        cmocka_unit_test(test_throttle_is_proportional),
        cmocka_unit_test(test_braking),
        cmocka_unit_test(test_hand_brake_holds_on_a_slope),
        cmocka_unit_test(test_reverse),
        cmocka_unit_test(test_circle_follows_steering),
        cmocka_unit_test(test_wheels_turn_about_one_point),
        cmocka_unit_test(test_understeer_grows_with_speed),
        cmocka_unit_test(test_tyres_saturate),
        cmocka_unit_test(test_step_size_matters_little),
        cmocka_unit_test(test_every_vehicle),
        cmocka_unit_test(test_engine_fields_act),
        cmocka_unit_test(test_gears_act),
        cmocka_unit_test(test_brake_fields_act),
        cmocka_unit_test(test_steering_fields_act),
        cmocka_unit_test(test_tyres_carry_the_car),
        cmocka_unit_test(test_figures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
