/* eval/follow.h — steering by what a segmentation mask shows.
 *
 * The driving rule: steering sees the mask, its own speed and yaw rate, and the route command, and nothing else; the signature
 * of eval_follow_step shows it. Pose and map go to the scorer (eval/score.h) only.
 *
 *     eval_follow f = eval_follow_start(&options);
 *     each tick:  out = eval_follow_step(&f, mask of frame t, speed, yaw rate, &command);      out.steer acts in frame t+1
 *
 * The path of the last image is moved by odometry (speed, yaw rate), corrected by the new measurement with a fixed gain, moved on by
 * the one tick that the command needs to act, and followed by pure pursuit about the rear axle (sim/agents). Curvature becomes a steer
 * command through the vehicle's own geometry, corrected by the ratio of measured to expected curvature that is estimated while
 * driving (a vehicle does not turn as its wheel angles say).
 *
 * In a junction there are no lane lines: with a junction arc in the command the car follows an arc of that length and turn from where
 * it entered, dead-reckoned. Without one it follows the mask there too. */
#ifndef EVAL_FOLLOW_H
#define EVAL_FOLLOW_H
#include "eval/path.h"
#include "sim/agents/agents.h"

typedef struct eval_command {
    road_option option;  /* lane follow, left, right, straight */
    bool junction_arc;   /* follow an arc now (see above) */
    double arc_length_m; /* of the whole arc */
    double arc_turn_rad; /* of the whole arc, right positive */
} eval_command;

typedef enum eval_follow_state {
    EVAL_FOLLOW_TRACK,   /* the mask shows a path */
    EVAL_FOLLOW_COAST,   /* it does not, for less than 0.5 s: the last path, moved by odometry */
    EVAL_FOLLOW_SLOW,    /* for less than 1.5 s: the same, wanting 3 m/s */
    EVAL_FOLLOW_STOP,    /* longer: wanting 0 */
    EVAL_FOLLOW_RECOVER, /* the path is back since fewer than 5 images */
    EVAL_FOLLOW_ARC      /* on a junction arc */
} eval_follow_state;
const char *eval_follow_state_name(eval_follow_state s);

typedef struct eval_follow_options {
    eval_path_options path;
    agents_vehicle vehicle;
    agents_pursuit_options pursuit; /* default 0.45 s + 2.5 m, 4 to 12 m */
    agents_speed_limits limits;     /* behind wanted_mps */
    double dt_s;                    /* default 0.05 */
    double filter_gain;             /* weight of a new measurement, (0, 1]; default 0.5 */
} eval_follow_options;
eval_follow_options eval_follow_options_default(void);

/* A plain value: copy it to replay a drive. */
typedef struct eval_follow {
    eval_follow_options o;
    eval_path path; /* at the last image */
    eval_follow_state state;
    double lost_s;     /* since the mask last showed a path */
    int good_images;   /* in a row */
    double turn_ratio; /* measured over expected curvature */
    double last_steer;
    bool on_arc;
    double arc_length_m, arc_turn_rad, arc_x, arc_y, arc_yaw_rad; /* the car in the frame of the arc's start */
    double arc_start_y, arc_start_heading;
    long images, lost_images;
} eval_follow;
eval_follow eval_follow_start(const eval_follow_options *o);

typedef struct eval_follow_output {
    double steer; /* CARLA's command, -1..1, right positive; never NaN */
    double curvature_1pm;
    double wanted_mps; /* what the mask alone would allow: for `longitudinal: perception` */
    eval_follow_state state;
    eval_path path; /* at this image, for pictures */
} eval_follow_output;
eval_follow_output eval_follow_step(eval_follow *f, const uint8_t *mask, double speed_mps, double yaw_rate_rps,
                                    const eval_command *command);
#endif
