/* Controllers against hand-computed vectors, their limits, and closed loops on simple plants. */
#include "sim/agents/agents.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

static void near(double got, double wanted, double tolerance, const char *what)
{
    if (!(fabs(got - wanted) <= tolerance))
        fail_msg("%s: got %.9g, wanted %.9g within %g", what, got, wanted, tolerance);
}

static void pursuit_vectors(void **state)
{
    (void)state;
    near(agents_arc_curvature(8, 0.5), 0.015564, 1e-6, "target (8, 0.5)");
    near(atan(2.875 * agents_arc_curvature(8, 0.5)), 0.044717, 1e-6, "its wheel angle for L 2.875");
    near(agents_arc_curvature(0, 0), 0, 0, "a target at the axle steers straight");
    agents_pursuit_options o = agents_pursuit_options_default();
    near(agents_lookahead(&o, 0), 4, 0, "least");
    near(agents_lookahead(&o, 8), 7, 1e-12, "3 + 0.5 * 8");
    near(agents_lookahead(&o, 100), 20, 0, "most");
}

/* Points on a circle through the rear axle: pure pursuit must find its radius whatever the look-ahead. */
static void pursuit_on_circles(void **state)
{
    (void)state;
    agents_vehicle v = agents_vehicle_default();
    agents_pursuit_options o = agents_pursuit_options_default();
    for (double radius = -60; radius <= 60; radius += 7.5) {
        if (fabs(radius) < 12)
            continue;
        agents_point path[400];
        int n = 0;
        for (double s = -3; s < 25; s += 0.1) {
            double a = s / radius;
            path[n++] = (agents_point){ v.rear_axle_m + radius * sin(a), radius * (1 - cos(a)) };
        }
        for (double speed = 0; speed <= 20; speed += 5)
            near(agents_pure_pursuit(&v, &o, path, n, speed), 1 / radius, 2e-5,
                 "circle"); /* chords of 0.1 m at R 15: sag 8e-5 m */
    }
    agents_point ahead[2] = { { 30, 1 }, { 40, 1 } }, one[1] = { { 6, -1 } };
    near(agents_pure_pursuit(&v, &o, ahead, 2, 5), agents_arc_curvature(31.44, 1), 1e-12,
         "a path that begins beyond the circle: its first point");
    near(agents_pure_pursuit(&v, &o, one, 1, 20), agents_arc_curvature(7.44, -1), 1e-12,
         "a path that ends inside: its last point");
    near(agents_pure_pursuit(&v, &o, NULL, 0, 5), 0, 0, "no path");
}

static void stanley_vectors(void **state)
{
    (void)state;
    agents_stanley_options o = { 1, 1, 0 };
    near(agents_stanley_angle(&o, 0.05, 0.3, 8), 0.083321, 1e-6, "psi 0.05, e 0.3, v 8, k 1, k_s 1");
    agents_vehicle v = agents_vehicle_default();
    agents_point path[60];
    for (int i = 0; i < 60; i++) /* straight, 0.3 m to the right, turned by 0.05 rad about the front axle's foot */
        path[i] =
            (agents_point){ 1.44 - 0.3 * sin(0.05) + (i - 20) * 0.5 * cos(0.05), 0.3 * cos(0.05) + (i - 20) * 0.5 * sin(0.05) };
    near(agents_stanley(&v, &o, path, 60, 8, 0), 0.083321, 1e-6, "the same from points");
    o.yaw_gain_s = 0.1;
    near(agents_stanley(&v, &o, path, 60, 8, 0.2), 0.083321 - 0.02, 1e-6, "yaw rate damps");
    near(agents_stanley(&v, &o, path, 1, 8, 0), 0, 0, "one point is no path");
    /* front axle on a circle of 30 m, heading as a car that holds it: the angle must be the car's own */
    double delta = asin(v.wheelbase_m / 30);
    o.yaw_gain_s = 0;
    for (int i = 0; i < 60; i++) {
        double a = (i - 20) * 0.5 / 30, h = delta; /* path heading at the front axle relative to the car */
        path[i] = (agents_point){ 1.44 + 30 * (sin(h + a) - sin(h)), -30 * (cos(h + a) - cos(h)) };
    }
    near(agents_stanley(&v, &o, path, 60, 8, 0), delta, 1e-4, "circle");
}

static void steering_inverts(void **state)
{
    (void)state;
    agents_vehicle v = agents_vehicle_default();
    for (double speed = 0; speed <= 40; speed += 2.5)
        for (double steer = -1; steer <= 1; steer += 0.05)
            near(agents_steer_command(&v, agents_steer_curvature(&v, steer, speed), speed), steer, 1e-9,
                 "command -> curvature -> command");
    near(agents_steer_command(&v, 10, 5), 1, 0, "beyond the lock clamps");
    near(agents_steer_curvature(&v, 0.1, 20 / 3.6), tan(0) + 0.0245, 5e-4, "about 0.025 1/m at 0.1 and 20 km/h");
}

static void calibration_recovers(void **state)
{
    (void)state;
    agents_vehicle truth = agents_vehicle_default(), fit = truth;
    agents_steer_sample samples[60];
    size_t n = 0;
    truth.steer_max_rad = 0.61;
    truth.understeer_rad_s2pm = 0.0023;
    for (double speed = 3; speed <= 12; speed += 3)
        for (double steer = -0.6; steer <= 0.61; steer += 0.2)
            samples[n++] =
                (agents_steer_sample){ steer, speed, BASE_DEG(agents_steer_curvature(&truth, steer, speed) * speed) };
    assert_true(agents_calibrate(&fit, samples, n, NULL));
    near(fit.steer_max_rad, 0.61, 1e-9, "full lock");
    near(fit.understeer_rad_s2pm, 0.0023, 1e-9, "understeer");
    base_error err = { 0 };
    assert_false(agents_calibrate(&fit, samples, 2, &err));
    assert_int_equal(err.code, BASE_ARGUMENT);
    near(fit.steer_max_rad, 0.61, 1e-9, "a failed fit changes nothing");
}

/* A point mass with throttle lag; the speed loop must settle without overshoot beyond 5 %, also after a long saturation. */
static void speed_loop_settles(void **state)
{
    (void)state;
    agents_speed_options o = agents_speed_options_default();
    agents_speed s = { 0 };
    double v = 0, throttle = 0, brake = 0, most = 0, dt = 0.05;
    for (int i = 0; i < 1200; i++) {
        double target = i < 600 ? 9 : i < 900 ? 4 : 0;
        agents_pedals p = agents_speed_step(&o, &s, target, 0, v, dt);
        assert_true(p.throttle >= 0 && p.throttle <= o.throttle_max && p.brake >= 0 && p.brake <= o.brake_max);
        assert_true(p.throttle == 0 || p.brake == 0);
        throttle += (p.throttle - throttle) * (1 - exp(-dt / 0.15));
        brake += (p.brake - brake) * (1 - exp(-dt / 0.1));
        double a = 4.5 * throttle - 8 * brake - (v > 0 ? 0.12 + 2.2e-4 * v * v + (throttle < 0.01 ? 0.3 : 0) : 0);
        v = fmax(v + a * dt, 0);
        if (i < 600)
            most = fmax(most, v);
        if (i == 599)
            near(v, 9, 0.05, "holds 9 m/s");
        if (i == 899)
            near(v, 4, 0.1, "holds 4 m/s");
    }
    assert_true(most < 9 * 1.05);
    near(v, 0, 1e-9, "stands");
    near(agents_speed_step(&o, &s, 0, 0, v, dt).brake, 0.5, 0, "the brake holds at rest");
}

static void pid_does_not_wind_up(void **state)
{
    (void)state;
    agents_pid_options o = { 1, 1, 0, -1, 1 };
    agents_pid s = { 0 };
    for (int i = 0; i < 1000; i++)
        near(agents_pid_step(&o, &s, 10, true, 0.05), 1, 0, "saturated");
    assert_true(s.integral < 1.01);
    int steps = 0; /* after 50 s of saturation the output must leave the limit at once when the error turns */
    while (agents_pid_step(&o, &s, -1, true, 0.05) > 0)
        steps++;
    assert_true(steps < 2);
    s = (agents_pid){ 0 };
    agents_pid_step(&o, &s, 0.5, false, 0.05);
    near(s.integral, 0, 0, "held when told not to integrate");
}

static void path_speed(void **state)
{
    (void)state;
    agents_speed_limits o = agents_speed_limits_default();
    agents_point path[64];
    double circle[4] = { 0, 0, 1 / 40.0, 0 }, straight[4] = { 0, 0, 0, 0 };
    int n = agents_path_from_cubic(straight, 2, 30, 0.5, path, 64);
    assert_int_equal(n, 57);
    near(path[56].x, 30, 0, "the far end is included");
    near(agents_path_speed(path, n, &o).speed_mps, 10, 1e-9, "straight: cruise");
    n = agents_path_from_cubic(straight, 2, 8, 0.5, path, 64);
    near(agents_path_speed(path, n, &o).speed_mps, sqrt(4 * 1.5 * 6), 1e-9, "short sight: must be able to stop");
    n = agents_path_from_cubic(circle, 0, 20, 0.5, path, 64);
    double v = agents_path_speed(path, n, &o).speed_mps; /* radius 20 m at x = 0 */
    near(v, sqrt(2 * 20), 0.15, "R 20: 6.3 m/s");
    near(agents_path_speed(path, 1, &o).speed_mps, 0, 0, "no path: stop");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pursuit_vectors),      cmocka_unit_test(pursuit_on_circles),   cmocka_unit_test(stanley_vectors),
        cmocka_unit_test(steering_inverts),     cmocka_unit_test(calibration_recovers), cmocka_unit_test(speed_loop_settles),
        cmocka_unit_test(pid_does_not_wind_up), cmocka_unit_test(path_speed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
