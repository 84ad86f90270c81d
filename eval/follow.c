#include "eval/follow.h"
#include <math.h>

enum { MAX_POINTS = 128 };

eval_follow_options eval_follow_options_default(void)
{
    return (eval_follow_options){ .vehicle = agents_vehicle_default(),
                                  .pursuit = { .gain_s = 0.45, .base_m = 2.5, .least_m = 4, .most_m = 12 },
                                  .limits = agents_speed_limits_default(),
                                  .dt_s = 0.05,
                                  .filter_gain = 0.5 };
}

const char *eval_follow_state_name(eval_follow_state s)
{
    static const char *const names[] = { "track", "coast", "slow", "stop", "recover", "arc" };
    return names[s];
}

static double clamp(double x, double lo, double hi) { return x < lo ? lo : x > hi ? hi : x; }

/* ---- the path ---- */

eval_follow eval_follow_start(const eval_follow_options *o)
{
    return (eval_follow){ .o = *o, .path = eval_path_straight(o->path.lane_width_m), .turn_ratio = 1 };
}

static void correct(eval_follow *f, const eval_path *measured)
{
    double g = f->images < 3 ? 1 : f->o.filter_gain; /* the first images set the path */
    eval_path *p = &f->path;
    for (int i = 0; i < 4; i++)
        p->c[i] += g * (measured->c[i] - p->c[i]);
    p->lane_width_m += 0.1 * (measured->lane_width_m - p->lane_width_m);
    p->x_near = measured->x_near;
    p->x_far = measured->x_far;
    p->rms_m = measured->rms_m;
    p->left_samples = measured->left_samples;
    p->right_samples = measured->right_samples;
    p->source = measured->source;
}

/* The path as points from the rear axle on; beyond what was seen it goes on straight. */
static int lay_points(const eval_follow *f, const eval_path *p, agents_point *points)
{
    double end = p->x_far + 2, x = f->o.vehicle.rear_axle_m;
    int count = 0;
    for (; count < MAX_POINTS && x < f->o.pursuit.most_m + 2; x += 0.25, count++)
        points[count] =
            (agents_point){ x, x <= end ? eval_path_at(p, x) : eval_path_at(p, end) + (x - end) * eval_path_heading(p, end) };
    return count;
}

/* The same for an arc: its points in the frame of its start, seen from the dead-reckoned car. */
static int lay_arc(const eval_follow *f, agents_point *points)
{
    double kappa = f->arc_turn_rad / fmax(f->arc_length_m, 1), c = cos(f->arc_yaw_rad), s = sin(f->arc_yaw_rad);
    double x = 0, y = f->arc_start_y, step = (f->arc_length_m + 16) / MAX_POINTS;
    int count = 0;
    for (int i = 0; i < MAX_POINTS; i++) {
        double dx = x - f->arc_x, dy = y - f->arc_y, ahead = dx * c + dy * s;
        if (ahead > f->o.vehicle.rear_axle_m)
            points[count++] = (agents_point){ ahead, -dx * s + dy * c };
        double yaw = f->arc_start_heading + kappa * fmin((i + 0.5) * step, f->arc_length_m);
        x += step * cos(yaw);
        y += step * sin(yaw);
    }
    return count;
}

static void dead_reckon(eval_follow *f, double ds, double dyaw)
{
    f->arc_x += ds * cos(f->arc_yaw_rad + 0.5 * dyaw);
    f->arc_y += ds * sin(f->arc_yaw_rad + 0.5 * dyaw);
    f->arc_yaw_rad += dyaw;
}

/* ---- state and speed ---- */

static eval_follow_state next_state(eval_follow *f, bool seen)
{
    if (!seen) {
        f->good_images = 0;
        f->lost_s += f->o.dt_s;
        f->lost_images++;
        return f->lost_s <= 0.5 ? EVAL_FOLLOW_COAST : f->lost_s <= 1.5 ? EVAL_FOLLOW_SLOW : EVAL_FOLLOW_STOP;
    }
    f->good_images++;
    bool was_lost = f->state == EVAL_FOLLOW_SLOW || f->state == EVAL_FOLLOW_STOP || f->state == EVAL_FOLLOW_RECOVER;
    if (was_lost && f->good_images < 5)
        return EVAL_FOLLOW_RECOVER;
    f->lost_s = 0;
    return EVAL_FOLLOW_TRACK;
}

static double wanted_speed(const eval_follow *f, const agents_point *points, int count, double speed_mps)
{
    switch (f->state) {
    case EVAL_FOLLOW_SLOW: return fmin(3, speed_mps);
    case EVAL_FOLLOW_STOP: return 0;
    case EVAL_FOLLOW_RECOVER: return fmin(f->o.limits.cruise_mps, speed_mps + f->o.dt_s);
    case EVAL_FOLLOW_COAST: return fmax(0, speed_mps - 2 * f->o.dt_s);
    case EVAL_FOLLOW_ARC: return fmin(5, f->o.limits.cruise_mps);
    case EVAL_FOLLOW_TRACK: break;
    }
    return agents_path_speed(points, count, &f->o.limits).speed_mps;
}

/* Compare the curvature just driven with what the last command should have given. */
static void learn_turn_ratio(eval_follow *f, double speed_mps, double yaw_rate_rps)
{
    double expected = agents_steer_curvature(&f->o.vehicle, f->last_steer, speed_mps);
    if (speed_mps < 3 || fabs(expected) < 0.008)
        return;
    double ratio = clamp(yaw_rate_rps / speed_mps / expected, 0.3, 2.0);
    f->turn_ratio += 0.03 * (ratio - f->turn_ratio); /* about 1.5 s: slower than the steering actuator */
}

eval_follow_output eval_follow_step(eval_follow *f, const uint8_t *mask, double speed_mps, double yaw_rate_rps,
                                    const eval_command *command)
{
    double ds = speed_mps * f->o.dt_s, dyaw = yaw_rate_rps * f->o.dt_s;
    learn_turn_ratio(f, speed_mps, yaw_rate_rps);
    if (f->images > 0)
        f->path = eval_path_moved(&f->path, ds, dyaw);
    eval_path measured = eval_path_from_mask(&f->o.path, mask, &f->path);
    bool seen = measured.source != EVAL_PATH_NONE;

    if (command->junction_arc && !f->on_arc) {
        f->on_arc = true;
        f->arc_length_m = command->arc_length_m;
        f->arc_turn_rad = command->arc_turn_rad;
        f->arc_x = f->arc_y = f->arc_yaw_rad = 0;
        f->arc_start_y = clamp(f->path.c[0], -1, 1);
        f->arc_start_heading = clamp(f->path.c[1], -0.2, 0.2);
    } else if (f->on_arc) {
        dead_reckon(f, ds, dyaw);
        if (!command->junction_arc) { /* behind the junction the lane begins where the car points */
            f->on_arc = false;
            f->path = eval_path_straight(f->o.path.lane_width_m);
            f->images = 0;
            measured = eval_path_from_mask(&f->o.path, mask, &f->path);
            seen = measured.source != EVAL_PATH_NONE;
        }
    }
    if (f->on_arc) {
        f->state = EVAL_FOLLOW_ARC;
        f->lost_s = 0;
    } else {
        if (seen)
            correct(f, &measured);
        f->state = next_state(f, seen);
    }
    f->images++;

    agents_point points[MAX_POINTS];
    eval_path ahead = eval_path_moved(&f->path, ds, dyaw); /* the command acts one tick later */
    agents_pursuit_options pursuit = f->o.pursuit;
    if (f->on_arc)
        pursuit.most_m = fmin(pursuit.most_m, 5);
    int count = f->on_arc ? lay_arc(f, points) : lay_points(f, &ahead, points);
    double kappa = agents_pure_pursuit(&f->o.vehicle, &pursuit, points, count, speed_mps);
    if (!isfinite(kappa))
        kappa = 0;
    double steer = agents_steer_command(&f->o.vehicle, kappa / f->turn_ratio, speed_mps);
    f->last_steer = steer;
    return (eval_follow_output){ steer, kappa, wanted_speed(f, points, count, speed_mps), f->state, f->path };
}
