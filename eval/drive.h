/* eval/drive.h — closed loop: a driver, a simulator behind the client, a score.
 *
 *     eval_drive_run(client, &setup, "fp32", EVAL_DRIVER_MODEL, predictor, "runs/a/drive", &result, err)
 *
 * One run spawns the car at the route's start, ticks until the scorer ends it, and writes NAME.json (score, settings), NAME.csv (a line per
 * tick) and a few NAME_*.png (image beside the mask with the path drawn). Frame t's image drives frame t+1.
 *
 * Controls show that the mask is what steers: a mask that says road everywhere, an untrained network of the same architecture, and a mask
 * frozen after 5 s must each leave the lane where the trained network does not. */
#ifndef EVAL_DRIVE_H
#define EVAL_DRIVE_H
#include "base/options.h"
#include "eval/follow.h"
#include "eval/predictor.h"
#include "eval/score.h"
#include "sim/client/client.h"

typedef enum eval_driver {
    EVAL_DRIVER_EXPERT,    /* sim/agents' expert: sees pose and map; the upper bound */
    EVAL_DRIVER_MODEL,     /* the network's mask */
    EVAL_DRIVER_ALL_ROAD,  /* control: every pixel is drivable */
    EVAL_DRIVER_UNTRAINED, /* control: the mask of a network with random weights */
    EVAL_DRIVER_FROZEN,    /* control: the network's mask of t = 5 s for ever after */
    EVAL_DRIVERS
} eval_driver;
extern const char *const eval_driver_names[EVAL_DRIVERS + 1]; /* "expert", "model", "control_all_road", ..., NULL */
bool eval_driver_uses_model(eval_driver d);                   /* model, untrained, frozen */

typedef enum eval_longitudinal { EVAL_LONGITUDINAL_PRIVILEGED, EVAL_LONGITUDINAL_PERCEPTION } eval_longitudinal;
typedef enum eval_junction { EVAL_JUNCTION_MAP_ARC, EVAL_JUNCTION_NONE } eval_junction;
extern const char *const eval_longitudinal_names[]; /* "privileged", "perception", NULL */
extern const char *const eval_junction_names[];     /* "map_arc", "none", NULL */

typedef struct eval_drive_options {
    char map[256];         /* for the embedded simulator: NAME or FILE.xodr; default "driving_loop" */
    uint64_t seed;         /* of the simulator, of the route's choices at forks, of the untrained network; default 1 */
    char weather[64];      /* a CARLA preset; default "ClearNoon" */
    char vehicle[96];      /* blueprint; default "vehicle.lincoln.mkz_2020" */
    dataset_camera camera; /* must be the camera that the network was trained with */
    int spawn_point;       /* index into the map's spawn points; default 0 */
    double route_m;        /* length of the route; default 1250 */
    double dt_s;           /* default 0.05 */
    int longitudinal;      /* eval_longitudinal; default privileged: speed from the map's curvature */
    int junction;          /* eval_junction; default map_arc */
    int leaderboard;       /* eval_leaderboard; default 2.1 */
    double max_speed_mps;  /* default 9 */
    double lateral_mps2;   /* in bends; default 2.0 */
    double deviation_m;    /* default 8, see eval/score.h */
    double lane_width_m;   /* expected by the path finder; default 3.5 */
    double lookahead_s, lookahead_m, filter_gain; /* see eval/follow.h */
    char drivable_class[32], line_class[32];      /* names in the model's class list; default "drivable", "lane_line" */
    int winograd;                                 /* model_winograd (model/plan.h) of an fp32 model; default auto */
    bool runs[EVAL_DRIVERS];                      /* which drivers run; default all */
} eval_drive_options;
eval_drive_options eval_drive_options_default(void);
extern const base_option eval_drive_table[];
extern const size_t eval_drive_table_count;
bool eval_drive_options_check(const eval_drive_options *o, base_error *err);

typedef struct eval_drive_result {
    char name[64]; /* "expert", "fp32", "int8", "control_frozen", ... */
    eval_score score;
    long ticks, lost_images;
    double infer_ms;           /* median over the run, network alone; NaN without a network */
    double road_iou, line_iou; /* of the masks of this drive against the simulator's labels; NaN without a network */
} eval_drive_result;

/* dir: exists. predictor: NULL for drivers without a network. progress_line may be NULL: called about once a second of simulated
 * time. Everything that the run spawned is destroyed before it returns, also after errors. */
bool eval_drive_run(client *c, const eval_drive_options *o, eval_driver driver, const char *name, eval_predictor *predictor,
                    const char *dir, void (*progress_line)(void *user, const char *line), void *user, eval_drive_result *result,
                    base_error *err);

/* The route that a run of these options follows on a map (the caller frees it), and DIR/route.csv with it for reports. */
bool eval_drive_route(const road_map *map, const base_pose *spawn_points, size_t spawn_count, const eval_drive_options *o,
                      road_route *route, base_error *err);
bool eval_drive_route_write(const road_route *route, const char *dir, base_error *err);
#endif
