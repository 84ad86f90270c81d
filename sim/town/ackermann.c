/* Ackermann control: from a steering angle and a speed to pedals, by the rules of CARLA's controller.
 *
 * Once per tick. Steering goes to its target at the given rate. The speed's PID gives a change of the wanted acceleration, which is
 * kept within what the client allows; the acceleration's PID gives a change of the pedal, -1 .. 1. Both PIDs differentiate the
 * measurement, not the error, and their output is at most 1 either way. A car at rest that is to stay at rest brakes; only a
 * car at rest changes direction. Numbers: CARLA 0.9.14's; in particular the default gains are low, so that a speed is
 * reached with a delay of seconds and some overshoot, as it is there. */
#include "sim/town/internal.h"

#define REST_MPS   0.1
#define ACCEL_MPS2 3.0
#define DECEL_MPS2 8.0
#define KEEP       0.8 /* share of the old value in the smoothed acceleration */

town_ackermann_settings town_ackermann_settings_default(void)
{
    return (town_ackermann_settings){ 0.15f, 0, 0.25f, 0.01f, 0, 0.01f };
}

void town_ackermann_reset(town_ackermann_state *s) { *s = (town_ackermann_state){ .settings = s->settings }; }

static double within(double x, double lo, double hi) { return fmax(lo, fmin(hi, x)); }

static double pid(struct town_pid *p, double kp, double ki, double kd, double target, double input, double dt_s)
{
    double error = target - input, slope = (input - p->input_before) / dt_s;
    p->integral = within(p->integral + ki * error * dt_s, -1, 1);
    p->input_before = input;
    return within(kp * error + p->integral - kd * slope, -1, 1);
}

static double steer_next(const town_ackermann *t, double now_rad, double most_rad, double dt_s)
{
    double target = within((double)t->steer_rad, -most_rad, most_rad), rate = fabs((double)t->steer_speed_radps);
    if (rate < 0.001)
        return target;
    return now_rad + within(target - now_rad, -rate * dt_s, rate * dt_s);
}

/* Speed to aim at: none while the car still rolls the other way. */
static double direct(town_ackermann_state *s)
{
    double wanted = (double)s->target.speed_mps;
    if (fabs(s->speed_mps) < REST_MPS)
        s->reverse = wanted < 0;
    else if (s->speed_mps * wanted < 0)
        return 0;
    return wanted;
}

void town_ackermann_step(town_ackermann_state *s, town_vehicle_control *control, double speed_mps, double steer_max_rad,
                         double dt_s)
{
    const town_ackermann_settings *k = &s->settings;
    double acceleration = (speed_mps - s->speed_mps) / dt_s;
    s->acceleration_mps2 = KEEP * s->acceleration_mps2 + (1 - KEEP) * acceleration;
    s->speed_mps = speed_mps;
    double steer = steer_next(&s->target, (double)control->steer * steer_max_rad, steer_max_rad, dt_s);
    control->steer = steer_max_rad > 0 ? (float)within(steer / steer_max_rad, -1, 1) : 0;
    if (fabs(speed_mps) < REST_MPS && fabs((double)s->target.speed_mps) < REST_MPS) {
        control->throttle = 0;
        control->brake = 1;
        return;
    }
    double target = direct(s), most = fabs((double)s->target.acceleration_mps2);
    double change = pid(&s->speed, (double)k->speed_kp, (double)k->speed_ki, (double)k->speed_kd, target, speed_mps, dt_s);
    bool unlimited = most < 1e-4;
    s->accel_target_mps2 =
        within(s->accel_target_mps2 + change, unlimited ? -DECEL_MPS2 : -most, unlimited ? ACCEL_MPS2 : most);
    s->pedal += pid(&s->acceleration, (double)k->accel_kp, (double)k->accel_ki, (double)k->accel_kd, s->accel_target_mps2,
                    s->acceleration_mps2, dt_s);
    s->pedal = within(s->pedal, -1, 1);
    bool drive = (s->pedal < 0) == s->reverse;
    control->throttle = drive ? (float)fabs(s->pedal) : 0;
    control->brake = drive ? 0 : (float)fabs(s->pedal);
    control->reverse = s->reverse;
}
