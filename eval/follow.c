#include "eval/follow.h"
#include <math.h>

eval_follow_options eval_follow_options_default(void)
{
    return (eval_follow_options){ .dt_s = 0.05,          .filter_gain = 0.5,   .lookahead_s = 0.45,  .lookahead_m = 2.5,
                                  .lookahead_min_m = 4,  .lookahead_max_m = 12, .lateral_mps2 = 2.2, .max_speed_mps = 9 };
}

const char *eval_follow_state_name(eval_follow_state s)
{
    static const char *const names[] = { "track", "coast", "slow", "stop", "recover", "arc" };
    return names[s];
}

static double clamp(double x, double lo, double hi) { return x < lo ? lo : x > hi ? hi : x; }

/* ---- the car ---- */

static double full_lock(const eval_vehicle *v, double speed_mps)
{
    double kmh = speed_mps * 3.6, share = v->curve_points ? v->curve_share[0] : 1;
    for (int i = 1; i < v->curve_points; i++) {
        double x0 = v->curve_kmh[i - 1], x1 = v->curve_kmh[i];
        if (kmh >= x1)
            share = v->curve_share[i];
        else if (kmh > x0)
            share = v->curve_share[i - 1] + (v->curve_share[i] - v->curve_share[i - 1]) * (kmh - x0) / (x1 - x0);
    }
    return v->max_steer_rad * share;
}

double eval_vehicle_curvature(const eval_vehicle *v, double steer, double speed_mps)
{
    return tan(clamp(steer, -1, 1) * full_lock(v, speed_mps)) / v->wheelbase_m;
}

double eval_vehicle_steer(const eval_vehicle *v, double curvature_1pm, double speed_mps)
{
    return clamp(atan(curvature_1pm * v->wheelbase_m) / full_lock(v, speed_mps), -1, 1);
}

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

/* Beyond what was seen the path goes on straight. */
static double path_y(const eval_path *p, double x)
{
    double end = p->x_far + 2;
    return x <= end ? eval_path_at(p, x) : eval_path_at(p, end) + (x - end) * eval_path_heading(p, end);
}

/* Curvature towards the first point of the path that is `far` from the rear axle. */
static double pursue(const eval_follow *f, const eval_path *p, double far)
{
    double rear = f->o.vehicle.rear_axle_x_m, x = fmax(0, rear + 0.5 * far), y = path_y(p, x);
    while (hypot(x - rear, y) < far && x < rear + far)
        y = path_y(p, x += 0.1);
    double square = (x - rear) * (x - rear) + y * y;
    return 2 * y / square;
}

/* The same for an arc: points of the arc in the frame of its start, seen from the dead-reckoned car. */
static double pursue_arc(const eval_follow *f, double far)
{
    double kappa = f->arc_turn_rad / fmax(f->arc_length_m, 1), rear = f->o.vehicle.rear_axle_x_m;
    double c = cos(f->arc_yaw_rad), s = sin(f->arc_yaw_rad), best = 0;
    for (double d = 0; d < f->arc_length_m + 20; d += 0.25) {
        double t = fmin(d, f->arc_length_m), beyond = d - t, yaw = f->arc_start_heading + kappa * t;
        double x = fabs(kappa) > 1e-6 ? (sin(yaw) - sin(f->arc_start_heading)) / kappa : t * cos(f->arc_start_heading);
        double y = fabs(kappa) > 1e-6 ? (cos(f->arc_start_heading) - cos(yaw)) / kappa : t * sin(f->arc_start_heading);
        x += beyond * cos(yaw) - f->arc_x;
        y += f->arc_start_y + beyond * sin(yaw) - f->arc_y;
        double ahead = x * c + y * s - rear, right = -x * s + y * c, square = ahead * ahead + right * right;
        if (ahead > 0 && square > 0) {
            best = 2 * right / square;
            if (square >= far * far)
                break;
        }
    }
    return best;
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

static double wanted_speed(const eval_follow *f, double speed_mps)
{
    const double brake_mps2 = 1.8;
    switch (f->state) {
    case EVAL_FOLLOW_SLOW: return fmin(3, speed_mps);
    case EVAL_FOLLOW_STOP: return 0;
    case EVAL_FOLLOW_RECOVER: return fmin(f->o.max_speed_mps, speed_mps + f->o.dt_s);
    case EVAL_FOLLOW_COAST: return fmax(0, speed_mps - 2 * f->o.dt_s);
    case EVAL_FOLLOW_ARC: return fmin(5, f->o.max_speed_mps);
    case EVAL_FOLLOW_TRACK: break;
    }
    double v = f->o.max_speed_mps, seen = f->path.x_far;
    for (double x = 0; x < seen; x += 1) {
        double bend = sqrt(f->o.lateral_mps2 / fmax(fabs(eval_path_curvature(&f->path, x)), 1e-4));
        v = fmin(v, sqrt(bend * bend + 2 * brake_mps2 * x));
    }
    return fmin(v, sqrt(2 * brake_mps2 * fmax(0.5, seen - 2))); /* must be able to stop within what it sees */
}

/* Compare the curvature just driven with what the last command should have given. */
static void learn_turn_ratio(eval_follow *f, double speed_mps, double yaw_rate_rps)
{
    double expected = eval_vehicle_curvature(&f->o.vehicle, f->last_steer, speed_mps);
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

    double far = clamp(f->o.lookahead_s * speed_mps + f->o.lookahead_m, f->o.lookahead_min_m, f->o.lookahead_max_m);
    eval_path ahead = eval_path_moved(&f->path, ds, dyaw); /* the command acts one tick later */
    double kappa = f->on_arc ? pursue_arc(f, fmin(far, 5)) : pursue(f, &ahead, far);
    if (!isfinite(kappa))
        kappa = 0;
    double steer = eval_vehicle_steer(&f->o.vehicle, kappa / f->turn_ratio, speed_mps);
    f->last_steer = steer;
    return (eval_follow_output){ steer, kappa, wanted_speed(f, speed_mps), f->state, f->path };
}
