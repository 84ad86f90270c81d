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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
