#include "eval/score.h"
#include "base/arena.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const eval_leaderboard_names[] = { "1.0", "2.0", "2.1", NULL };

/* CARLA Leaderboard: factors of 1.0 and 2.0 multiply, weights of 2.1 add up to IP = (1 - outside) / (1 + sum). */
static const double factors[2][EVAL_INFRACTIONS] = {
    { 0.50, 0.60, 0.65, 0.70, 0.80 },
    { 0.50, 0.60, 0.65, 0.70, 0.80 },
};
static const double weights_2_1[EVAL_INFRACTIONS] = { 1.0, 0.7, 0.6, 0.4, 0.25 };

double eval_penalty(eval_leaderboard version, const int *counts, double outside_pct)
{
    double inside = 1.0 - outside_pct / 100.0;
    if (version == EVAL_LEADERBOARD_2_1) {
        double sum = 0;
        for (int i = 0; i < EVAL_INFRACTIONS; i++)
            sum += weights_2_1[i] * counts[i];
        return inside / (1.0 + sum);
    }
    double product = inside;
    for (int i = 0; i < EVAL_INFRACTIONS; i++)
        product *= pow(factors[version][i], counts[i]);
    return product;
}

eval_score_options eval_score_options_default(void)
{
    return (eval_score_options){ .leaderboard = EVAL_LEADERBOARD_2_1, .dt_s = 0.05, .deviation_m = 8, .blocked_s = 20 };
}

const char *eval_status_name(eval_status s)
{
    static const char *const names[] = { "running", "completed", "left the route", "blocked", "timed out", "stopped" };
    return names[s];
}

struct eval_scorer {
    const road_map *map;
    const road_route *route;
    eval_score_options o;
    eval_score score;
    road_route_place place;
    base_vec3 last_location;
    double last_steer;
    long steps, tracked;
    double outside_m, slow_since_s;
    /* departure in progress: the event ends when all tyres were inside for 0.5 s */
    bool departed;
    double inside_since_s, departed_since_s, excursion_m;
    /* collisions */
    base_vec3 counted_at;
    bool counted_place;
    uint32_t counted_actor;
    double counted_time_s;
    double heading_sum, cross_sum, cross_square_sum, steer_sum;
    double lane_cross_sum;
    long lane_tracked;
    float *cross; /* |e_y| of every tracked step, for the percentile */
    size_t cross_capacity;
};

eval_scorer *eval_scorer_create(const road_map *map, const road_route *route, const eval_score_options *o, base_error *err)
{
    if (o->wheel_count < 1 || o->wheel_count > EVAL_MAX_WHEELS) {
        base_fail(err, BASE_ARGUMENT, "score: %d wheels, 1 to %d are possible", o->wheel_count, EVAL_MAX_WHEELS);
        return NULL;
    }
    eval_scorer *s = calloc(1, sizeof *s);
    if (!s) {
        base_fail(err, BASE_MEMORY, "score: out of memory");
        return NULL;
    }
    s->map = map;
    s->route = route;
    s->o = *o;
    if (s->o.timeout_s <= 0)
        s->o.timeout_s = fmax(60, route->length_m);
    s->score.route_length_m = route->length_m;
    s->score.first_departure_m = NAN;
    s->slow_since_s = -1;
    return s;
}

void eval_scorer_destroy(eval_scorer *s)
{
    if (!s)
        return;
    free(s->cross);
    free(s);
}

/* False: no memory; the step then enters none of the statistics, so that sums and count stay of the same steps. */
static bool keep_cross_track(eval_scorer *s, double e)
{
    size_t n = (size_t)s->tracked;
    if (n == s->cross_capacity) {
        size_t capacity = n ? 2 * n : 4096;
        float *grown = realloc(s->cross, capacity * sizeof *grown);
        if (!grown)
            return false;
        s->cross = grown;
        s->cross_capacity = capacity;
    }
    s->cross[n] = (float)fabs(e);
    s->tracked++;
    return true;
}

/* How far the worst tyre is outside the route's lane. */
static double worst_excursion(const eval_scorer *s, const eval_step *step)
{
    double worst = -INFINITY;
    for (int i = 0; i < s->o.wheel_count; i++) {
        base_vec3 p = base_pose_to_world(&step->pose, s->o.wheels[i]);
        road_route_place at = road_route_locate(s->route, p, s->place.s_m - 5, s->place.s_m + 8);
        double half = 0.5 * road_route_at(s->route, at.s_m).lane_width_m;
        worst = fmax(worst, fabs(at.lateral_m) - half);
    }
    return worst;
}

static void score_departure(eval_scorer *s, const eval_step *step)
{
    const double tolerance_m = 0.05, settle_s = 0.5;
    s->excursion_m = worst_excursion(s, step);
    bool outside = s->excursion_m > tolerance_m;
    if (outside) {
        s->score.departure_s += s->o.dt_s;
        s->score.max_excursion_m = fmax(s->score.max_excursion_m, s->excursion_m);
        s->inside_since_s = -1;
        if (!s->departed) {
            s->departed = true;
            s->score.lane_departures++;
            if (road_route_at(s->route, s->place.s_m).junction >= 0)
                s->score.junction_departures++;
            if (isnan(s->score.first_departure_m))
                s->score.first_departure_m = s->place.s_m;
        }
    } else if (s->departed) {
        if (s->inside_since_s < 0)
            s->inside_since_s = step->time_s;
        if (step->time_s - s->inside_since_s >= settle_s)
            s->departed = false;
    }
}

static void score_collision(eval_scorer *s, const eval_step *step)
{
    double radius_m = s->o.leaderboard == EVAL_LEADERBOARD_1_0 ? 3 : 5;
    if (step->time_s - s->counted_time_s > 5)
        s->counted_actor = 0;
    if (step->collisions == 0 || step->speed_mps < 0.1)
        return;
    if (step->collision_actor && step->collision_actor == s->counted_actor)
        return;
    if (s->counted_place && base_vec3_length(base_vec3_sub(step->pose.location, s->counted_at)) <= radius_m)
        return;
    s->counted_place = true;
    s->counted_at = step->pose.location;
    s->counted_time_s = step->time_s;
    s->counted_actor = step->collision_actor;
    s->score.collisions++;
    s->score.infractions[step->collision_kind]++;
}

static bool outside_lanes(const eval_scorer *s, const eval_step *step)
{
    road_waypoint w;
    if (!road_waypoint_at(s->map, step->pose.location, ROAD_LANE_DRIVING | ROAD_LANE_PARKING, true, &w))
        return true;
    base_pose lane = road_waypoint_pose(s->map, &w);
    double allowance_m = s->o.leaderboard == EVAL_LEADERBOARD_1_0 ? 1.3 : 0.5;
    double distance = base_vec3_length(base_vec3_sub(step->pose.location, lane.location));
    if (distance > 0.5 * road_waypoint_width(s->map, &w) + allowance_m)
        return true;
    return road_waypoint_junction(s->map, &w) < 0 &&
           fabs(base_wrap_deg(step->pose.rotation.yaw_deg - lane.rotation.yaw_deg)) >= 120;
}

eval_status eval_scorer_step(eval_scorer *s, const eval_step *step)
{
    bool first = s->steps++ == 0;
    double from = first ? 0 : s->place.s_m - 5, to = first ? 50 : s->place.s_m + 20;
    s->place = road_route_locate(s->route, step->pose.location, from, to);
    eval_score *r = &s->score;
    r->time_s = step->time_s;
    r->route_m = fmax(r->route_m, s->place.s_m);
    if (!first) {
        double moved = base_vec3_length(base_vec3_sub(step->pose.location, s->last_location));
        r->distance_m += moved;
        if (outside_lanes(s, step))
            s->outside_m += moved;
        s->steer_sum += fabs(step->steer - s->last_steer);
    }
    s->last_location = step->pose.location;
    s->last_steer = step->steer;
    score_departure(s, step);
    score_collision(s, step);
    if (step->time_s >= 2 && step->speed_mps > 0.5 && keep_cross_track(s, s->place.lateral_m)) {
        double e = s->place.lateral_m;
        bool lane = road_route_at(s->route, s->place.s_m).junction < 0;
        s->cross_sum += fabs(e);
        s->cross_square_sum += e * e;
        s->heading_sum += fabs(base_wrap_deg(step->pose.rotation.yaw_deg - s->place.yaw_deg));
        r->max_cross_track_m = fmax(r->max_cross_track_m, fabs(e));
        if (lane) {
            s->lane_cross_sum += fabs(e);
            s->lane_tracked++;
            r->lane_route_m += step->speed_mps * s->o.dt_s;
        }
    }
    if (step->speed_mps >= 0.1)
        s->slow_since_s = step->time_s;
    double completion = 100 * r->route_m / s->route->length_m;
    const road_route_point *end = &s->route->points[s->route->count - 1];
    if (completion > 99 && hypot(step->pose.location.x - end->x, step->pose.location.y - end->y) < 10) {
        r->route_m = s->route->length_m;
        return r->status = EVAL_COMPLETED;
    }
    if (fabs(s->place.lateral_m) > s->o.deviation_m)
        return r->status = EVAL_DEVIATED;
    if (step->time_s - fmax(s->slow_since_s, 0) > s->o.blocked_s)
        return r->status = EVAL_BLOCKED;
    if (step->time_s > s->o.timeout_s)
        return r->status = EVAL_TIMED_OUT;
    return r->status = EVAL_RUNNING;
}

road_route_place eval_scorer_place(const eval_scorer *s) { return s->place; }

double eval_scorer_excursion(const eval_scorer *s) { return s->excursion_m; }

static int by_value(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static double percentile_95(const eval_scorer *s)
{
    size_t n = (size_t)s->tracked;
    float *sorted = n ? malloc(n * sizeof *sorted) : NULL;
    if (!sorted)
        return NAN;
    memcpy(sorted, s->cross, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, by_value);
    double v = sorted[(size_t)(0.95 * (double)(n - 1))];
    free(sorted);
    return v;
}

eval_score eval_scorer_result(const eval_scorer *s)
{
    eval_score r = s->score;
    if (r.status == EVAL_RUNNING)
        r.status = EVAL_STOPPED;
    r.route_completion_pct = 100 * r.route_m / s->route->length_m;
    r.outside_pct = r.distance_m > 0 ? 100 * s->outside_m / r.distance_m : 0;
    r.penalty = eval_penalty(s->o.leaderboard, r.infractions, r.outside_pct);
    r.driving_score_pct = r.route_completion_pct * r.penalty;
    r.mean_speed_mps = r.time_s > 0 ? r.distance_m / r.time_s : 0;
    r.steer_rate_per_s = r.time_s > 0 ? s->steer_sum / r.time_s : 0;
    if (s->tracked) {
        r.mean_cross_track_m = s->cross_sum / (double)s->tracked;
        r.rms_cross_track_m = sqrt(s->cross_square_sum / (double)s->tracked);
        r.mean_heading_error_deg = s->heading_sum / (double)s->tracked;
        r.p95_cross_track_m = percentile_95(s);
    } else {
        r.mean_cross_track_m = r.rms_cross_track_m = r.mean_heading_error_deg = r.p95_cross_track_m = NAN;
    }
    r.lane_mean_cross_track_m = s->lane_tracked ? s->lane_cross_sum / (double)s->lane_tracked : NAN;
    return r;
}
