/* Longitudinal control: PID with anti-windup, pedals, and how fast a bend may be taken. */
#include "sim/agents/agents.h"
#include <math.h>

double agents_pid_step(const agents_pid_options *o, agents_pid *s, double error, bool integrate, double dt_s)
{
    double slope = s->started && dt_s > 0 ? (error - s->error) / dt_s : 0;
    double smooth = s->started ? (slope + s->slope) / 2 : 0;
    double integral = s->integral + error * dt_s;
    double u = o->kp * error + o->ki * integral + o->kd * smooth;
    bool winds = (u > o->high && error > 0) || (u < o->low && error < 0);
    if (integrate && !winds)
        s->integral = integral;
    s->error = error;
    s->slope = slope;
    s->started = true;
    u = o->kp * error + o->ki * s->integral + o->kd * smooth;
    return fmin(fmax(u, o->low), o->high);
}

agents_speed_options agents_speed_options_default(void)
{
    return (agents_speed_options){ .kp_per_s = 1.2,
                                   .ki_per_s2 = 0.2,
                                   .throttle_mps2 = 4.5,
                                   .brake_mps2 = 8,
                                   .drag_mps2 = 0.12,
                                   .drag_per_m = 2.5e-4,
                                   .throttle_max = 0.85,
                                   .brake_max = 1,
                                   .dead_mps2 = 0.35 };
}

#define HOLD_BRAKE 0.5 /* CARLA's cars creep at idle */
#define STANDSTILL 0.5 /* m/s: below it the integral rests (reference: 0.5 m/s) */

agents_pedals agents_speed_step(const agents_speed_options *o, agents_speed *s, double target_mps, double accel_mps2,
                                double speed_mps, double dt_s)
{
    if (target_mps <= 0.05 && fabs(speed_mps) < STANDSTILL) {
        s->pid = (agents_pid){ 0 };
        return (agents_pedals){ 0, fmin(HOLD_BRAKE, o->brake_max) };
    }
    agents_pid_options pid = { o->kp_per_s, o->ki_per_s2, 0, -o->brake_mps2 * o->brake_max,
                               o->throttle_mps2 * o->throttle_max };
    double wanted = agents_pid_step(&pid, &s->pid, target_mps - speed_mps, fabs(speed_mps) > STANDSTILL, dt_s) + accel_mps2;
    double push = wanted + o->drag_mps2 + o->drag_per_m * speed_mps * speed_mps;
    if (wanted < -o->dead_mps2)
        return (agents_pedals){ 0, fmin((-wanted - o->dead_mps2) / o->brake_mps2, o->brake_max) };
    return (agents_pedals){ fmin(fmax(push / o->throttle_mps2, 0), o->throttle_max), 0 };
}

agents_speed_limits agents_speed_limits_default(void) { return (agents_speed_limits){ 10, 2, 1.5, 0.9 }; }

static double bend_speed(const agents_speed_limits *o, double curvature)
{
    double k = fabs(curvature);
    return k * o->cruise_mps * o->cruise_mps > o->lateral_mps2 ? sqrt(o->lateral_mps2 / k) : o->cruise_mps;
}

static void meet(agents_speed_plan *p, const agents_speed_limits *o, double speed_there, double distance)
{
    double now = sqrt(speed_there * speed_there + 2 * o->brake_mps2 * fmax(distance, 0));
    if (now < p->speed_mps) {
        p->speed_mps = now;
        p->accel_mps2 = distance > 0.1 ? -o->brake_mps2 : 0;
    }
}

agents_speed_plan agents_route_speed(const road_route *route, double s_m, const agents_speed_limits *o, bool stop_at_end)
{
    agents_speed_plan plan = { o->cruise_mps, 0 };
    double reach = o->cruise_mps * o->cruise_mps / (2 * o->brake_mps2) + 2;
    road_route_point here = road_route_at(route, s_m);
    for (double d = 0; d <= reach && s_m + d <= route->length_m; d += 1) {
        road_route_point p = d == 0 ? here : road_route_at(route, s_m + d);
        double v = bend_speed(o, p.curvature_per_m);
        if (o->limit_share > 0 && p.speed_limit_mps > 0)
            v = fmin(v, o->limit_share * p.speed_limit_mps);
        meet(&plan, o, v, d);
    }
    if (stop_at_end)
        meet(&plan, o, 0, route->length_m - 1 - s_m);
    return plan;
}

agents_speed_plan agents_path_speed(const agents_point *path, int count, const agents_speed_limits *o)
{
    agents_speed_plan plan = { o->cruise_mps, 0 };
    double length = 0;
    if (count < 2)
        return (agents_speed_plan){ 0, 0 };
    for (int i = 1; i + 1 < count; i++) {
        double ax = path[i].x - path[i - 1].x, ay = path[i].y - path[i - 1].y, bx = path[i + 1].x - path[i].x,
               by = path[i + 1].y - path[i].y;
        double a = hypot(ax, ay), b = hypot(bx, by), turn = atan2(ax * by - ay * bx, ax * bx + ay * by);
        length += a;
        if (a + b > 1e-6)
            meet(&plan, o, bend_speed(o, 2 * turn / (a + b)), length + fmax(path[0].x, 0));
    }
    double range = fmax(path[count - 1].x, 0);
    double stop = sqrt(4 * o->brake_mps2 * fmax(range - 2, 0)); /* twice the comfortable deceleration */
    if (stop < plan.speed_mps)
        plan = (agents_speed_plan){ stop, 0 };
    return plan;
}
