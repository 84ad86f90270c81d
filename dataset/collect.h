/* dataset/collect.h — let the expert drive and record what the cameras see.
 *
 * A config lists groups of episodes; dataset_collect_expand makes the episodes of them: map, weather, sun, place on the route,
 * perturbation and a seed of its own each, all fixed by the config. An episode starts in a freshly loaded world, so it does not depend on
 * those before it, and a collect that was killed or stopped is completed by running it again: finished episodes are left alone, the
 * open one is replayed and compared (dataset/writer.h).
 *
 * One tick of an episode: client_tick, images and state of exactly that frame, the expert decides, the control is sent (it acts in the
 * next tick), the frame is kept or not. Kept are frames after the warm-up that are far enough from the last kept one in metres,
 * degrees or seconds; of a standstill one frame.
 *
 *     dataset_collect_config *c = dataset_collect_config_read("configs/collect/demo_train.json", &err);
 *     dataset_collect(c, &run, &result, &err);  dataset_collect_config_free(c); */
#ifndef DATASET_COLLECT_H
#define DATASET_COLLECT_H
#include "base/options.h"
#include "base/progress.h"
#include "dataset/dataset.h"
#include "sim/agents/agents.h"

#define DATASET_MAX_GROUPS         32
#define DATASET_MAX_GROUP_WEATHERS 32
#define DATASET_MAX_GROUP_TOWNS    32

typedef struct dataset_weather {
    char name[DATASET_NAME_BYTES];
    wire_weather parameters;
} dataset_weather;

/* Episodes that share a map and a stretch of road. */
typedef struct dataset_collect_group {
    char map[256]; /* OpenDRIVE file for the embedded simulator, or the name of a map that an outside one has */
    int split;     /* dataset_split */
    int episodes;  /* how many; default 1 */
    int frames;    /* kept per episode; default 100 */
    dataset_weather weathers[DATASET_MAX_GROUP_WEATHERS]; /* episode k has weather k mod count; default ClearNoon */
    int weather_count;
    /* Seeds of the embedded simulator's scenery: another seed is another town around the same roads. The episodes are shared out evenly,
     * in order; none: the config's seed. An outside simulator has its own scenery. */
    uint64_t towns[DATASET_MAX_GROUP_TOWNS];
    int town_count;
    int vehicles; /* standing on spawn points beside the route, other ones in each episode; as many as find a place; default 0 */
    double sun_azimuth_spread_deg;  /* the weather's sun is turned by up to this, drawn per episode; default 0 */
    double sun_altitude_spread_deg; /* and raised or lowered; default 0 */
    int spawn;         /* spawn point of the map where the route begins; -1: another one for each episode, drawn; default 0 */
    double from_m;     /* the stretch of that route that the episodes share: they start spread over it, and end at its end */
    double to_m;       /* 0: the whole lap when the route closes, else all of it; default 0, 0 */
    double cruise_mps; /* default 9 */
    agents_perturbation perturbation; /* its seed is the episode's */
} dataset_collect_group;

typedef struct dataset_collect_config {
    uint64_t seed;    /* default 1 */
    double dt_s;      /* default 0.05 */
    char vehicle[64]; /* blueprint; default vehicle.lincoln.mkz_2020 */
    dataset_camera
        cameras[DATASET_MAX_CAMERAS]; /* default one: front, 256 x 128, 90 degrees, x 1.5 z 1.8 pitch -8, rgb and seg */
    int camera_count;
    int warmup_ticks;    /* not recorded at the start of an episode; default 20 */
    double keep_metres;  /* keep a frame this far from the last one ... default 2 */
    double keep_degrees; /* ... or turned this much; default 5 */
    double keep_seconds; /* ... or this much later; default 2 */
    int quality; /* of the embedded simulator's colour: 0 plain, 1 with shadows, 2 also anti-aliased, 3 also cameras' default effects; default 2 */
    bool camera_effects; /* the colour cameras' enable_postprocess_effects; default true */
    dataset_collect_group groups[DATASET_MAX_GROUPS];
    int group_count;
} dataset_collect_config;

/* On the heap; free with dataset_collect_config_free. */
dataset_collect_config *dataset_collect_config_default(void);
dataset_collect_config *dataset_collect_config_read(const char *path, base_error *err);
void dataset_collect_config_free(dataset_collect_config *c);
cJSON *dataset_collect_config_print(const dataset_collect_config *c);

/* One episode of the plan. */
typedef struct dataset_collect_episode {
    const dataset_collect_group *group; /* borrowed from the config */
    char map_name[DATASET_NAME_BYTES];
    dataset_weather weather; /* sun as drawn */
    uint64_t seed;
    uint64_t town; /* seed of the scenery */
    double place;  /* 0..1: where in the group's stretch it starts */
} dataset_collect_episode;
/* *episodes: heap, in order of number. */
bool dataset_collect_expand(const dataset_collect_config *c, dataset_collect_episode **episodes, int *count, base_error *err);

/* What a simulator shall show. */
typedef struct dataset_collect_world {
    const char *map; /* of the config */
    uint64_t town;   /* this and the next: what only the embedded simulator can be asked for */
    int quality;
} dataset_collect_world;

typedef struct dataset_collect_run {
    const char *out; /* folder of the dataset */
    /* Give the address of a simulator that has, or can load, a map of the config. Asked whenever map or town change; the address
     * counts until the next question. */
    bool (*simulator)(void *user, const dataset_collect_world *world, const char **host, int *port, base_error *err);
    void *user;
    bool (*stop)(void);      /* true: end at once with BASE_INTERRUPTED, resumable; may be NULL */
    base_progress *progress; /* may be NULL */
    const base_log *log;     /* may be NULL */
    int threads;             /* that encode; 0 = one per core */
} dataset_collect_run;

typedef struct dataset_collect_result {
    int episodes, skipped_episodes;
    int64_t frames, ticks;
} dataset_collect_result;

/* Record all episodes that are not complete. frames and ticks count what this call did. */
bool dataset_collect(const dataset_collect_config *c, const dataset_collect_run *run, dataset_collect_result *result,
                     base_error *err);
#endif
