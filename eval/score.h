/* eval/score.h — what a drive is worth: route completion, lane keeping, infractions, driving score.
 *
 * Scored from the simulator's truth (pose, map), which the steering never sees. Reference line: the centre of the route's lane.
 *
 *     e_y = (p - r(s)) . n(s)       p: actor origin, n: unit right normal; positive = right of the centre
 *     RC  = 100 * s_max / length    the place s is searched in a window [-5, +20] m about the last one, so jumps do not count;
 *                                   100 once RC > 99 and the end is less than 10 m away
 *     departure: a tyre contact point more than 0.05 m outside the route's lane; ends when all are inside for 0.5 s
 *     DS  = RC * IP                 CARLA Leaderboard; the penalty IP of versions 1.0, 2.0 and 2.1 is data, see score.c
 *
 * Leaderboard criteria that a run without traffic rules cannot trip (red lights, stop signs, scenarios, minimum speed) are not scored.
 * "Outside" is the Leaderboard's: origin more than half a lane width + 0.5 m (1.3 m in 1.0) from the nearest driving or parking
 * lane's centre, or on a lane whose direction differs by 120 degrees or more; in share of the distance driven.
 * Collisions count as in the Leaderboard: another actor than the last one counted (forgotten after 5 s) and more than 5 m (1.0: 3 m) from the last
 * counted place, at 0.1 m/s or more.
 * The first 2 s and standstill (below 0.5 m/s) do not enter the cross-track statistics. */
#ifndef EVAL_SCORE_H
#define EVAL_SCORE_H
#include "sim/road/road.h"

typedef enum eval_leaderboard {
    EVAL_LEADERBOARD_1_0,
    EVAL_LEADERBOARD_2_0,
    EVAL_LEADERBOARD_2_1,
    EVAL_LEADERBOARDS
} eval_leaderboard;
extern const char *const eval_leaderboard_names[EVAL_LEADERBOARDS + 1]; /* "1.0", "2.0", "2.1", NULL */

typedef enum eval_infraction {
    EVAL_COLLISION_PEDESTRIAN,
    EVAL_COLLISION_VEHICLE,
    EVAL_COLLISION_LAYOUT,
    EVAL_RED_LIGHT,
    EVAL_STOP_SIGN,
    EVAL_INFRACTIONS
} eval_infraction;

/* IP in (0, 1]: counts[EVAL_INFRACTIONS], outside_pct 0..100. */
double eval_penalty(eval_leaderboard version, const int *counts, double outside_pct);

#define EVAL_MAX_WHEELS 4

typedef struct eval_score_options {
    eval_leaderboard leaderboard;      /* default 2.1 */
    double dt_s;                       /* one step; default 0.05 */
    base_vec3 wheels[EVAL_MAX_WHEELS]; /* tyre contact points in the vehicle's frame, metres */
    int wheel_count;
    double deviation_m; /* the run ends when |e_y| passes this; default 8 */
    double blocked_s;   /* ... after this long below 0.1 m/s; default 20 */
    double timeout_s;   /* ... after this much simulated time; 0 = route length / 1 m/s; default 0 */
} eval_score_options;
eval_score_options eval_score_options_default(void);

/* One step of the truth. */
typedef struct eval_step {
    double time_s; /* since the run began */
    base_pose pose;
    double speed_mps, yaw_rate_dps;
    double steer, throttle, brake;
    int collisions;           /* events of this step */
    uint32_t collision_actor; /* id of the last one, 0 = static world */
    eval_infraction collision_kind;
} eval_step;

typedef enum eval_status {
    EVAL_RUNNING,
    EVAL_COMPLETED,
    EVAL_DEVIATED, /* further than deviation_m from the lane's centre */
    EVAL_BLOCKED,
    EVAL_TIMED_OUT,
    EVAL_STOPPED /* by the user or by an error */
} eval_status;
const char *eval_status_name(eval_status s); /* "completed", ... */

typedef struct eval_score {
    eval_status status;
    double time_s, route_length_m;
    double route_m;    /* of the route driven: s_max */
    double distance_m; /* driven by the actor's origin */
    double route_completion_pct, penalty, driving_score_pct, outside_pct;
    int infractions[EVAL_INFRACTIONS];
    int collisions;                      /* counted ones */
    int lane_departures;                 /* events */
    int junction_departures;             /* of these, events that began inside a junction */
    double departure_s, max_excursion_m; /* time outside; furthest tyre point outside */
    double first_departure_m;            /* route metres until the first event, NaN when there is none */
    double mean_cross_track_m, rms_cross_track_m, p95_cross_track_m, max_cross_track_m; /* of |e_y| */
    double mean_heading_error_deg;
    double mean_speed_mps;                        /* distance over time */
    double steer_rate_per_s;                      /* mean |change of the steer command| per second */
    double lane_route_m, lane_mean_cross_track_m; /* outside junctions only */
} eval_score;

typedef struct eval_scorer eval_scorer;
/* map and route are borrowed and must outlive the scorer. */
eval_scorer *eval_scorer_create(const road_map *map, const road_route *route, const eval_score_options *o, base_error *err);
void eval_scorer_destroy(eval_scorer *s); /* NULL is accepted */
/* EVAL_RUNNING, or why the run ends with this step. */
eval_status eval_scorer_step(eval_scorer *s, const eval_step *step);
/* Place found by the last step: for logs and for privileged speed control. */
road_route_place eval_scorer_place(const eval_scorer *s);
/* Whether a tyre is outside in the last step, and how far the worst one is (negative = inside). */
double eval_scorer_excursion(const eval_scorer *s);
eval_score eval_scorer_result(const eval_scorer *s);
#endif
