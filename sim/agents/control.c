/* Lateral controllers and the steering of a vehicle: curvature, wheel angle, command. */
#include "sim/agents/agents.h"
#include <math.h>

const char *const agents_lateral_names[] = { "pure_pursuit", "stanley", NULL };

static double clamp(double x, double lo, double hi) { return fmin(fmax(x, lo), hi); }

agents_vehicle agents_vehicle_default(void)
{
    return (agents_vehicle){ .wheelbase_m = 2.88,
                             .rear_axle_m = -1.44,
                             .steer_max_rad = BASE_RAD(45),
                             .share_kmh = { 0, 20, 60, 120 },
                             .share = { 1, 0.9, 0.8, 0.7 },
                             .share_count = 4,
                             .understeer_rad_s2pm = 0.0011 };
}

static double share_at(const agents_vehicle *v, double speed_mps)
{
    double kmh = fabs(speed_mps) * 3.6;
    if (v->share_count < 1)
        return 1;
    if (kmh <= v->share_kmh[0])
        return v->share[0];
    for (int i = 1; i < v->share_count; i++)
        if (kmh < v->share_kmh[i]) {
            double u = (kmh - v->share_kmh[i - 1]) / (v->share_kmh[i] - v->share_kmh[i - 1]);
            return v->share[i - 1] + u * (v->share[i] - v->share[i - 1]);
        }
    return v->share[v->share_count - 1];
}

/* The wheels turn about one point on the rear axle's line: cot(inner) = cot(mean) - track / (2 L). */
static double inner_angle(const agents_vehicle *v, double mean_rad)
{
    if (mean_rad == 0 || v->track_m <= 0)
        return mean_rad;
    double cot = 1 / tan(fabs(mean_rad)) - v->track_m / (2 * v->wheelbase_m);
    return copysign(atan2(1, fmax(cot, 1e-3)), mean_rad);
}

static double mean_angle(const agents_vehicle *v, double inner_rad)
{
    if (inner_rad == 0 || v->track_m <= 0)
        return inner_rad;
    return copysign(atan2(1, 1 / tan(fabs(inner_rad)) + v->track_m / (2 * v->wheelbase_m)), inner_rad);
}

double agents_steer_from_angle(const agents_vehicle *v, double angle_rad, double speed_mps)
{
    return clamp(inner_angle(v, angle_rad) / (v->steer_max_rad * share_at(v, speed_mps)), -1, 1);
}

double agents_steer_command(const agents_vehicle *v, double curvature, double speed_mps)
{
    double angle = atan(v->wheelbase_m * curvature) + v->understeer_rad_s2pm * curvature * speed_mps * speed_mps;
    return agents_steer_from_angle(v, angle, speed_mps);
}

/* The angle grows with curvature, so Newton from the kinematic answer finds the inverse in a few steps. */
double agents_steer_curvature(const agents_vehicle *v, double steer, double speed_mps)
{
    double angle = mean_angle(v, clamp(steer, -1, 1) * v->steer_max_rad * share_at(v, speed_mps)),
           bend = v->understeer_rad_s2pm * speed_mps * speed_mps;
    double k = angle / (v->wheelbase_m + bend);
    for (int i = 0; i < 20; i++) {
        double lk = v->wheelbase_m * k, f = atan(lk) + bend * k - angle, slope = v->wheelbase_m / (1 + lk * lk) + bend;
        double step = f / slope;
        k -= step;
        if (fabs(step) < 1e-14)
            break;
    }
    return k;
}

/* steer * share(v) * steer_max - K * kappa v^2 = inner(atan(L kappa)): linear in steer_max and K. (The give K is added behind the
 * geometry here and before it in agents_steer_command; it is small where they differ, at large angles.) */
bool agents_calibrate(agents_vehicle *v, const agents_steer_sample *samples, size_t count, base_error *err)
{
    double aa = 0, ab = 0, bb = 0, ay = 0, by = 0;
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        const agents_steer_sample *q = &samples[i];
        if (q->speed_mps < 1 || fabs(q->steer) < 0.01 || !isfinite(q->yaw_rate_dps) || !isfinite(q->speed_mps) ||
            !isfinite(q->steer))
            continue;
        double k = BASE_RAD(q->yaw_rate_dps) / q->speed_mps, a = q->steer * share_at(v, q->speed_mps),
               b = -k * q->speed_mps * q->speed_mps;
        double y = inner_angle(v, atan(v->wheelbase_m * k));
        aa += a * a, ab += a * b, bb += b * b, ay += a * y, by += b * y;
        used++;
    }
    if (used < 3)
        return base_fail(err, BASE_ARGUMENT, "steering calibration: %zu usable samples, expected at least 3", used);
    double det = aa * bb - ab * ab, steer_max, understeer = v->understeer_rad_s2pm;
    if (det > 1e-3 * aa * bb) {
        steer_max = (ay * bb - by * ab) / det;
        understeer = (by * aa - ay * ab) / det;
    } else {
        steer_max = (ay - understeer * ab) / aa; /* one speed: the two effects look alike */
    }
    if (!(steer_max > 0.01 && steer_max < 1.6))
        return base_fail(err, BASE_ARGUMENT, "steering calibration: full lock comes out as %.3f rad, expected 0.01 to 1.6",
                         steer_max);
    v->steer_max_rad = steer_max;
    v->understeer_rad_s2pm = understeer;
    return true;
}

int agents_path_from_cubic(const double c[4], double x_near, double x_far, double step_m, agents_point *points, int capacity)
{
    int n = 0;
    if (!(step_m > 0) || !(x_far >= x_near))
        return 0;
    for (double x = x_near; n < capacity; x += step_m) {
        bool last = x >= x_far - 1e-9;
        x = last ? x_far : x;
        points[n++] = (agents_point){ x, c[0] + x * (c[1] + x * (c[2] + x * c[3])) };
        if (last)
            break;
    }
    return n;
}

/* ---- Pure pursuit ---- */

agents_pursuit_options agents_pursuit_options_default(void) { return (agents_pursuit_options){ 0.5, 3, 4, 20 }; }

double agents_lookahead(const agents_pursuit_options *o, double speed_mps)
{
    return clamp(o->base_m + o->gain_s * fmax(speed_mps, 0), o->least_m, o->most_m);
}

double agents_arc_curvature(double x, double y)
{
    double d2 = x * x + y * y;
    return d2 > 1e-9 ? 2 * y / d2 : 0;
}

/* Where the segment a-b leaves the circle of that radius about the origin: a is inside, b outside. */
static agents_point leave_circle(agents_point a, agents_point b, double radius)
{
    double dx = b.x - a.x, dy = b.y - a.y, dd = dx * dx + dy * dy, ad = a.x * dx + a.y * dy,
           c = a.x * a.x + a.y * a.y - radius * radius;
    double u = dd > 0 ? (-ad + sqrt(fmax(ad * ad - dd * c, 0))) / dd : 0;
    u = clamp(u, 0, 1);
    return (agents_point){ a.x + u * dx, a.y + u * dy };
}

double agents_pure_pursuit(const agents_vehicle *v, const agents_pursuit_options *o, const agents_point *path, int count,
                           double speed_mps)
{
    double radius = agents_lookahead(o, speed_mps);
    agents_point target = { 0, 0 }, before = { 0, 0 };
    for (int i = 0; i < count; i++) {
        agents_point p = { path[i].x - v->rear_axle_m, path[i].y };
        bool outside = hypot(p.x, p.y) >= radius && p.x > 0;
        target = outside && i > 0 ? leave_circle(before, p, radius) : p;
        if (outside)
            break;
        before = p;
    }
    return agents_arc_curvature(target.x, target.y);
}

/* ---- Stanley ---- */

agents_stanley_options agents_stanley_options_default(void) { return (agents_stanley_options){ 1.5, 1, 0.05 }; }

double agents_stanley_angle(const agents_stanley_options *o, double heading_error_rad, double offset_m, double speed_mps)
{
    return heading_error_rad + atan2(o->gain_per_s * offset_m, fmax(speed_mps, 0) + o->softening_mps);
}

static double segment_heading(const agents_point *path, int count, int i)
{
    i = i < 0 ? 0 : i > count - 2 ? count - 2 : i;
    return atan2(path[i + 1].y - path[i].y, path[i + 1].x - path[i].x);
}
/* Heading at a point: the mean of its two segments, so that the heading changes continuously along the path. */
static double point_heading(const agents_point *path, int count, int i)
{
    double before = segment_heading(path, count, i - 1), after = segment_heading(path, count, i);
    return before + base_wrap_rad(after - before) / 2;
}

double agents_stanley(const agents_vehicle *v, const agents_stanley_options *o, const agents_point *path, int count,
                      double speed_mps, double yaw_rate_radps)
{
    double front = v->rear_axle_m + v->wheelbase_m, best = INFINITY, best_u = 0;
    int at = 0;
    if (count < 2)
        return 0;
    for (int i = 0; i + 1 < count; i++) {
        double dx = path[i + 1].x - path[i].x, dy = path[i + 1].y - path[i].y, dd = dx * dx + dy * dy;
        double u = dd > 0 ? clamp(((front - path[i].x) * dx - path[i].y * dy) / dd, 0, 1) : 0;
        double ex = path[i].x + u * dx - front, ey = path[i].y + u * dy, d2 = ex * ex + ey * ey;
        if (d2 < best)
            best = d2, best_u = u, at = i;
    }
    double h0 = point_heading(path, count, at), h1 = point_heading(path, count, at + 1), turn = base_wrap_rad(h1 - h0);
    double length = hypot(path[at + 1].x - path[at].x, path[at + 1].y - path[at].y);
    double heading = h0 + best_u * turn, curvature = length > 1e-6 ? turn / length : 0;
    double ex = path[at].x + best_u * (path[at + 1].x - path[at].x) - front,
           ey = path[at].y + best_u * (path[at + 1].y - path[at].y);
    double offset = -sin(heading) * ex + cos(heading) * ey;
    return agents_stanley_angle(o, heading, offset, speed_mps) + o->yaw_gain_s * (speed_mps * curvature - yaw_rate_radps);
}
