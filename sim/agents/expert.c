/* The privileged expert: the route's centre line, a speed that meets every bend, and disturbances for recovery data. */
#include "sim/agents/agents.h"
#include "base/random.h"
#include <assert.h>
#include <math.h>

#define PATH_STEP_M   1.0
#define PATH_BEHIND_M 4.0
#define PATH_POINTS   40
#define WANDER_KNOT_M 25.0 /* the wandering line changes its mind this often */
#define NOISE_THETA   2.0  /* 1/s */
#define AFTER_S       0.3  /* frames this soon after an impulse still count as perturbed */

agents_expert_options agents_expert_options_default(void)
{
    return (agents_expert_options){ .vehicle = agents_vehicle_default(),
                                    .lateral = AGENTS_PURE_PURSUIT,
                                    .pursuit = agents_pursuit_options_default(),
                                    .stanley = agents_stanley_options_default(),
                                    .speed = agents_speed_options_default(),
                                    .limits = agents_speed_limits_default(),
                                    .perturbation = { 0, 0, 8, 1, 0, 1 },
                                    .stop_at_end = true };
}

/* Time of the next impulse after `from`: the interval times 0.5 to 1.5. */
static double next_impulse(const agents_perturbation *p, uint64_t number, double from)
{
    base_random r = base_random_start(p->seed, "expert impulse time", number, 0);
    return from + p->impulse_every_s * base_random_range(&r, 0.5, 1.5);
}

void agents_expert_start(agents_expert *e, const road_route *route, const agents_expert_options *o)
{
    assert(route->count >= 2);
    *e = (agents_expert){ .options = *o, .route = route, .impulse_s = -1 };
    e->impulse_at_s = next_impulse(&o->perturbation, 0, 0);
}

/* Offset of the wandering line at s: cubic between knots drawn by hash. */
static double wander_at(const agents_perturbation *p, double s)
{
    if (p->wander_m <= 0)
        return 0;
    double k = fmax(s, 0) / WANDER_KNOT_M, u = k - floor(k), knot[2];
    for (int i = 0; i < 2; i++) {
        base_random r = base_random_start(p->seed, "expert wander", (uint64_t)floor(k) + (uint64_t)i, 0);
        knot[i] = p->wander_m * base_random_range(&r, -1, 1);
    }
    return knot[0] + (knot[1] - knot[0]) * u * u * (3 - 2 * u);
}

/* The route about s, sideways by the wandering line, in the vehicle's frame. */
static int path_ahead(const agents_expert *e, const agents_ego *ego, double s, agents_point *points)
{
    double yaw = BASE_RAD(ego->pose.rotation.yaw_deg), c = cos(yaw), n = sin(yaw);
    int count = 0;
    for (; count < PATH_POINTS; count++) {
        double at = s - PATH_BEHIND_M + count * PATH_STEP_M;
        if (at < 0 || at > e->route->length_m) {
            /* beyond the ends the route goes on straight, so that the look-ahead never shrinks to nothing */
            double end = at < 0 ? 0 : e->route->length_m, over = at - end;
            road_route_point p = road_route_at(e->route, end);
            double h = BASE_RAD(p.yaw_deg), x = p.x + over * cos(h) - ego->pose.location.x,
                   y = p.y + over * sin(h) - ego->pose.location.y;
            points[count] = (agents_point){ c * x + n * y, -n * x + c * y };
            continue;
        }
        road_route_point p = road_route_at(e->route, at);
        double h = BASE_RAD(p.yaw_deg), w = wander_at(&e->options.perturbation, at);
        double x = p.x - w * sin(h) - ego->pose.location.x, y = p.y + w * cos(h) - ego->pose.location.y;
        points[count] = (agents_point){ c * x + n * y, -n * x + c * y };
    }
    return count;
}

/* Curvature of the impulse now; starts and ends impulses. A triangle of peak k and length T turns the car by k v T / 2 and moves it
 * aside by about k (v T)^2 / 4. */
static double impulse_curvature(agents_expert *e, double speed_mps)
{
    const agents_perturbation *p = &e->options.perturbation;
    if (p->impulse_m <= 0 || p->impulse_length_s <= 0)
        return 0;
    if (e->impulse_s < 0 && e->time_s >= e->impulse_at_s) {
        base_random r = base_random_start(p->seed, "expert impulse", e->impulses++, 0);
        double size = base_random_range(&r, 0.3, 1.0);
        e->impulse_shift_m = (base_random_bits(&r) & 1 ? 1 : -1) * size * p->impulse_m;
        e->impulse_s = e->time_s;
    }
    if (e->impulse_s < 0)
        return 0;
    double u = (e->time_s - e->impulse_s) / p->impulse_length_s;
    if (u > 1 + AFTER_S / p->impulse_length_s) {
        e->impulse_s = -1;
        e->impulse_at_s = next_impulse(p, e->impulses, e->time_s);
        return 0;
    }
    double way = fmax(speed_mps, 3) * p->impulse_length_s, peak = 4 * e->impulse_shift_m / (way * way);
    return u >= 1 ? 0 : peak * (1 - fabs(2 * u - 1));
}

static double noise_step(agents_expert *e, double dt_s)
{
    const agents_perturbation *p = &e->options.perturbation;
    if (p->noise_steer <= 0)
        return 0;
    base_random r = base_random_start(p->seed, "expert noise", e->step, 0);
    e->noise += -NOISE_THETA * e->noise * dt_s + p->noise_steer * sqrt(2 * NOISE_THETA * dt_s) * base_random_normal(&r);
    return e->noise;
}

agents_expert_step agents_expert_drive(agents_expert *e, const agents_ego *ego, double dt_s)
{
    const agents_expert_options *o = &e->options;
    agents_expert_step out = { 0 };
    agents_point path[PATH_POINTS];
    /* a window about the last place: loops pass near themselves */
    out.place =
        road_route_locate(e->route, ego->pose.location, e->located ? e->s_m - 5 : 0, e->located ? e->s_m + 20 : INFINITY);
    e->s_m = out.place.s_m;
    e->located = true;
    int count = path_ahead(e, ego, e->s_m, path);
    double clean, v = ego->speed_mps;
    if (o->lateral == AGENTS_STANLEY) {
        double angle = agents_stanley(&o->vehicle, &o->stanley, path, count, v, BASE_RAD(ego->yaw_rate_dps));
        clean = tan(fmin(fmax(angle, -1.2), 1.2)) / o->vehicle.wheelbase_m; /* as a curvature: pushes add to either law alike */
        out.expert_steer = agents_steer_from_angle(&o->vehicle, angle + o->vehicle.understeer_rad_s2pm * clean * v * v, v);
    } else {
        clean = agents_pure_pursuit(&o->vehicle, &o->pursuit, path, count, v);
        out.expert_steer = agents_steer_command(&o->vehicle, clean, v);
    }
    double push = impulse_curvature(e, v);
    out.perturbed = e->impulse_s >= 0;
    out.steer = agents_steer_command(&o->vehicle, agents_steer_curvature(&o->vehicle, out.expert_steer, v) + push, v) +
                noise_step(e, dt_s);
    out.steer = fmin(fmax(push == 0 && o->perturbation.noise_steer <= 0 ? out.expert_steer : out.steer, -1), 1);

    agents_speed_plan plan = agents_route_speed(e->route, e->s_m, &o->limits, o->stop_at_end);
    agents_pedals pedals = agents_speed_step(&o->speed, &e->speed, plan.speed_mps, plan.accel_mps2, v, dt_s);
    out.throttle = pedals.throttle;
    out.brake = pedals.brake;
    out.target_mps = plan.speed_mps;
    road_route_point here = road_route_at(e->route, e->s_m);
    out.lane_width_m = here.lane_width_m;
    out.option = here.option;
    out.finished = e->s_m > e->route->length_m - 2;
    e->time_s += dt_s;
    e->step++;
    return out;
}
