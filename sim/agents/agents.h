/* sim/agents/agents.h — drivers: lateral and longitudinal controllers, and the privileged expert that drives for data.
 *
 * Controllers are plain functions: a path in the vehicle's frame and a speed in, a curvature, a wheel angle or pedals out. The
 * expert composes them along a route; it sees pose and map, which is why only data collection may use it.
 *
 *     agents_vehicle car = agents_vehicle_default();                        or agents_vehicle_read(client, id, &car, &err)
 *     double k     = agents_pure_pursuit(&car, &pursuit, points, count, speed);   1/m
 *     double steer = agents_steer_command(&car, k, speed);                        -1 .. 1
 *     agents_pedals p = agents_speed_step(&speed_options, &speed_state, target, 0, speed, dt);
 *
 * Vehicle frame: origin at the actor's location, x forward, y right, metres. Angles in radians, right positive (CARLA's yaw grows
 * clockwise), unless the name says deg. Curvature in 1/m, right positive. All types are plain values; any thread may hold its own. */
#ifndef SIM_AGENTS_AGENTS_H
#define SIM_AGENTS_AGENTS_H
#include "sim/client/client.h"
#include "sim/road/road.h"

/* ---- The vehicle's steering ------------------------------------------------------------------------------------------- */

/* Command to motion, steady state: the command times steer_max times share(speed) is the angle of the inner front wheel; the mean
 * angle of both follows from the track (Ackermann geometry), and
 *     mean angle = atan(wheelbase * curvature) + understeer * curvature * v^2                     (single track, linear tyres) */
#define AGENTS_CURVE_MAX 8
typedef struct agents_vehicle {
    double wheelbase_m;   /* > 0; default 2.88 */
    double rear_axle_m;   /* x of the rear axle in the vehicle's frame; default -1.44 */
    double track_m;       /* between the front wheels; default 0: steer_max is the mean angle's limit */
    double steer_max_rad; /* at command 1 and share 1; default 45 degrees with track 0 */
    double share_kmh[AGENTS_CURVE_MAX],
        share[AGENTS_CURVE_MAX]; /* steering curve, km/h ascending; default 1, .9, .8, .7 at 0, 20, 60, 120 */
    int share_count;
    double understeer_rad_s2pm; /* default 0.0011 */
} agents_vehicle;
agents_vehicle agents_vehicle_default(void);
/* Wheelbase, track, steering angle and curve from the simulator's physics control of that vehicle. What CARLA's own cars make of them
 * was never measured here: calibrate there (agents_calibrate). */
bool agents_vehicle_read(client *c, wire_actor_id vehicle, agents_vehicle *out, base_error *err);

/* Steer command for a curvature at a speed, clamped to [-1, 1]; and back. Exact inverses of one another inside the clamp. */
double agents_steer_command(const agents_vehicle *v, double curvature, double speed_mps);
double agents_steer_curvature(const agents_vehicle *v, double steer, double speed_mps);
/* Mean front wheel angle (rad) to a steer command. */
double agents_steer_from_angle(const agents_vehicle *v, double angle_rad, double speed_mps);

/* A vehicle driven with a constant command until its yaw rate is steady. */
typedef struct agents_steer_sample {
    double steer, speed_mps, yaw_rate_dps;
} agents_steer_sample;
/* Fit steer_max_rad and understeer_rad_s2pm to samples (linear least squares; samples below 1 m/s or |steer| 0.01 are left out). Fails
 * with BASE_ARGUMENT when fewer than 3 remain or they say nothing. Samples at one speed only fix steer_max and keep understeer. */
bool agents_calibrate(agents_vehicle *v, const agents_steer_sample *samples, size_t count, base_error *err);

/* ---- Lateral control -------------------------------------------------------------------------------------------------- */

typedef struct agents_point {
    double x, y;
} agents_point; /* vehicle frame, metres */

/* Points of y(x) = c0 + c1 x + c2 x^2 + c3 x^3 every step_m in x, ends included. Returns how many were written (<= capacity). */
int agents_path_from_cubic(const double c[4], double x_near, double x_far, double step_m, agents_point *points, int capacity);

typedef struct agents_pursuit_options {
    double gain_s;          /* look-ahead per m/s; default 0.5 */
    double base_m;          /* added; default 3 */
    double least_m, most_m; /* clamp; default 4 and 20 */
} agents_pursuit_options;
agents_pursuit_options agents_pursuit_options_default(void);
double agents_lookahead(const agents_pursuit_options *o, double speed_mps);
/* Arc through the rear axle, tangent to the vehicle, to a target given relative to the rear axle: 2 y / (x^2 + y^2). */
double agents_arc_curvature(double x, double y);
/* Pure pursuit: where the path leaves the look-ahead circle about the rear axle (the last point if it never does; a path that begins
 * outside: its first point). Returns the curvature; 0 for an empty path. Points ascend along travel. */
double agents_pure_pursuit(const agents_vehicle *v, const agents_pursuit_options *o, const agents_point *path, int count,
                           double speed_mps);

typedef struct agents_stanley_options {
    double gain_per_s;    /* default 1.5 */
    double softening_mps; /* default 1 */
    double yaw_gain_s;    /* damping by yaw rate; default 0.05 */
} agents_stanley_options;
agents_stanley_options agents_stanley_options_default(void);
/* heading_error = path heading - vehicle heading; offset = path's lateral position at the front axle, right positive. */
double agents_stanley_angle(const agents_stanley_options *o, double heading_error_rad, double offset_m, double speed_mps);
/* Stanley's law at the front axle for a path of points: returns the front wheel angle, rad. On a circle the heading error at the front
 * axle is the very angle that holds it, so no curvature is fed forward; the yaw term damps towards speed * path curvature. 0 for fewer
 * than 2 points. yaw_rate in rad/s, right positive. */
double agents_stanley(const agents_vehicle *v, const agents_stanley_options *o, const agents_point *path, int count,
                      double speed_mps, double yaw_rate_radps);

/* PID with clamped output and anti-windup: the integral is held while the output saturates in its direction, and while `integrate` is
 * false (near standstill). The derivative is of the error, averaged over two steps. */
typedef struct agents_pid_options {
    double kp, ki, kd, low, high;
} agents_pid_options;
typedef struct agents_pid {
    double integral, error, slope;
    bool started;
} agents_pid; /* start from {0} */
double agents_pid_step(const agents_pid_options *o, agents_pid *s, double error, bool integrate, double dt_s);

/* ---- Longitudinal control ---------------------------------------------------------------------------------------------- */

typedef struct agents_speed_options {
    double kp_per_s, ki_per_s2;     /* wanted acceleration per error and per its integral; default 1.2 and 0.2 */
    double throttle_mps2;           /* acceleration of full throttle; default 4.5 */
    double brake_mps2;              /* deceleration of full brake; default 8 */
    double drag_mps2, drag_per_m;   /* rolling and air resistance to make up for, a + b v^2; default 0.12 and 2.5e-4 */
    double throttle_max, brake_max; /* default 0.85 and 1 */
    double dead_mps2;               /* brake only beyond this wanted deceleration; coasting does the rest; default 0.35 */
} agents_speed_options;
typedef struct agents_speed {
    agents_pid pid;
} agents_speed; /* start from {0} */
typedef struct agents_pedals {
    double throttle, brake;
} agents_pedals; /* 0..1; never both */
agents_speed_options agents_speed_options_default(void);
/* accel_mps2: acceleration the plan holds at this moment (0 when unknown). target 0 holds the car at rest with the brake. */
agents_pedals agents_speed_step(const agents_speed_options *o, agents_speed *s, double target_mps, double accel_mps2,
                                double speed_mps, double dt_s);

typedef struct agents_speed_limits {
    double cruise_mps;   /* never faster; default 10 */
    double lateral_mps2; /* v^2 |curvature| <= this; default 2 */
    double brake_mps2;   /* comfortable deceleration before bends; default 1.5 */
    double limit_share;  /* of the map's speed limit; default 0.9; 0 = ignore the limit */
} agents_speed_limits;
agents_speed_limits agents_speed_limits_default(void);
typedef struct agents_speed_plan {
    double speed_mps, accel_mps2;
} agents_speed_plan;
/* Highest speed at s from which every bend ahead can be met: min over d of sqrt(v(d)^2 + 2 brake d), v from curvature and limit; the
 * route's end counts as a stop when stop_at_end. accel is -brake where a coming bend binds, else 0. */
agents_speed_plan agents_route_speed(const road_route *route, double s_m, const agents_speed_limits *o, bool stop_at_end);
/* The same from what is seen: curvature along the path's points, and a stop within the trusted range (less 2 m) at twice the
 * comfortable deceleration. */
agents_speed_plan agents_path_speed(const agents_point *path, int count, const agents_speed_limits *o);

/* ---- The privileged expert ---------------------------------------------------------------------------------------------- */

typedef enum agents_lateral { AGENTS_PURE_PURSUIT, AGENTS_STANLEY } agents_lateral;
extern const char *const agents_lateral_names[]; /* "pure_pursuit", "stanley", NULL */

/* Off-centre states for the data: a clean expert never shows them. All by seed, the same for every run.
 *  wander:  the expert keeps to a line that drifts sideways within +-wander_m, smoothly, by place along the route.
 *  impulse: every impulse_every_s (times 0.5 to 1.5) a triangular push of the steering, sized so that it alone would move the car by
 *           up to impulse_m; the expert answers it, and its answer is what expert_steer says.
 *  noise:   Ornstein-Uhlenbeck noise on the command (theta 2 1/s) of that standard deviation. */
typedef struct agents_perturbation {
    double wander_m;         /* default 0 */
    double impulse_m;        /* default 0 */
    double impulse_every_s;  /* default 8 */
    double impulse_length_s; /* default 1 */
    double noise_steer;      /* default 0 */
    uint64_t seed;           /* default 1 */
} agents_perturbation;

typedef struct agents_expert_options {
    agents_vehicle vehicle;
    agents_lateral lateral; /* default pure pursuit */
    agents_pursuit_options pursuit;
    agents_stanley_options stanley;
    agents_speed_options speed;
    agents_speed_limits limits;
    agents_perturbation perturbation;
    bool stop_at_end; /* default true; false for laps */
} agents_expert_options;
agents_expert_options agents_expert_options_default(void);

/* What the expert is told each step: the truth. */
typedef struct agents_ego {
    base_pose pose;
    double speed_mps /* forward */, yaw_rate_dps;
} agents_ego;
/* The state of an actor in the client's last snapshot; false when it is not in it. */
bool agents_ego_read(const client *c, wire_actor_id id, agents_ego *out);

typedef struct agents_expert_step {
    double steer, throttle, brake; /* to execute */
    double expert_steer;           /* the clean command, without impulse and noise: the label */
    bool perturbed;                /* an impulse is acting, or acted within the last 0.3 s */
    double target_mps;
    road_route_place place; /* lateral_m is the offset from the lane's centre, wander not counted */
    double lane_width_m;
    road_option option;
    bool finished; /* the route's end is nearer than 2 m, or behind */
} agents_expert_step;

/* A plain value; begin anew with agents_expert_start. The route is borrowed and must outlive it. */
typedef struct agents_expert {
    agents_expert_options options;
    const road_route *route;
    agents_speed speed;
    double time_s, s_m, impulse_at_s, impulse_s, impulse_shift_m, noise;
    uint64_t step, impulses;
    bool located;
} agents_expert;
void agents_expert_start(agents_expert *e, const road_route *route, const agents_expert_options *o);
/* One simulation step of dt_s; call it once per tick, in order. */
agents_expert_step agents_expert_drive(agents_expert *e, const agents_ego *ego, double dt_s);
#endif
