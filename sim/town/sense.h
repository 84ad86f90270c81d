/* sim/town/sense.h — what a sensor was told at its spawn and what it remembers between measurements (internal to sensor*.c). */
#ifndef TOWN_SENSE_H
#define TOWN_SENSE_H
#include "base/random.h"
#include "sim/render/optics.h"
#include "sim/scene/rays.h"
#include "sim/town/internal.h"
#include "sim/wire/sensor.h"

/* A message holds at most this many points: 100 MB as the semantic lidar packs them. More is cut down evenly over the channels. */
#define TOWN_POINTS_MAX   (1 << 22)
#define TOWN_CHANNELS_MAX 4096

typedef struct town_lidar {
    int channels;
    double range_m, points_per_second, rotation_hz, upper_deg, lower_deg, horizontal_deg;
    double attenuation, drop_rate, drop_limit, drop_at_zero, noise_m; /* of the plain lidar */
    double angle_deg;                                                 /* where it stands, 0 .. horizontal_deg */
} town_lidar;

typedef struct town_radar {
    double horizontal_deg, vertical_deg, range_m, points_per_second;
} town_radar;

typedef struct town_obstacle {
    double distance_m, radius_m;
    bool only_dynamics;
} town_obstacle;

typedef struct town_dvs {
    double threshold_up, threshold_down, sigma_up, sigma_down, log_eps;
    int64_t refractory_ns;
    bool use_log;
} town_dvs;

typedef struct town_noise { /* of IMU (accelerometer, then gyroscope) and GNSS (latitude, longitude, altitude) */
    double deviation[6], bias[6];
} town_noise;

typedef enum town_radio_scenario { TOWN_RADIO_HIGHWAY, TOWN_RADIO_RURAL, TOWN_RADIO_URBAN } town_radio_scenario;
typedef struct town_radio {
    double power_dbm, sensitivity_dbm, frequency_ghz, gain_db, exponent, reference_m, filter_m, fading_db;
    town_radio_scenario scenario;
    bool geometric, etsi_fading;
} town_radio;

/* What lies between two antennas (radio.c). */
typedef enum town_radio_state { TOWN_RADIO_FREE, TOWN_RADIO_VEHICLES, TOWN_RADIO_SCENERY } town_radio_state;
typedef struct town_radio_way {
    town_radio_state state;
    double distance_m, from_m, to_m; /* between the antennas; their heights above the lower carrier */
    double edge_db;                  /* what the worst vehicle between them costs */
} town_radio_way;
#define TOWN_ANTENNA_M 0.02 /* above the roof of who carries it */
double town_radio_loss_db(const town_radio *r, const town_radio_way *way);
double town_radio_fading_db(const town_radio *r, town_radio_state state); /* its standard deviation */
town_radio_way town_radio_between(const town_world *w, const town_radio *r, const scene_rays *rays, uint32_t from_id,
                                  base_vec3 from, uint32_t to_id, base_vec3 to, double ground_m);

typedef struct town_v2x {
    town_radio radio;
    double gen_min_s, gen_max_s;
    bool fixed_rate, has_sent, has_text;
    double deviation[9], bias[9];          /* noise_of in sensor_v2x.c */
    double last_s, last_low_s, interval_s; /* of the messages sent */
    base_vec3 last_place;
    double last_mps, last_yaw_deg;
    int slow_count;
    uint64_t sent_frame; /* of what follows */
    wire_cam cam;
    wire_v2x_message message;
} town_v2x;

/* Of a camera whose attributes ask for another picture than the renderer's own. */
struct town_optics {
    render_optics is;
    render_camera *camera; /* NULL: of labels, which are only distorted */
};

struct town_sense {
    union {
        town_noise noise;
        town_v2x v2x;
        town_lidar lidar;
        town_radar radar;
        town_obstacle obstacle;
        town_dvs dvs;
    } is;
    /* points: [channels][capacity / channels], then packed */
    void *items;
    size_t item_bytes; /* allocated */
    uint32_t *channel_points;
    /* dvs: brightness last seen, brightness of the last event, time of the last event (-1: none) */
    float *before, *reference;
    int64_t *event_ns, time_ns;
    town_dvs_event *events;
    size_t event_capacity;
    struct town_optics *optics; /* NULL: the renderer's own picture */
    base_pose pose_before;      /* flow and motion blur: of the camera, in frame_before; 0 is none */
    uint64_t frame_before;
};

/* Draws of one sensor in one frame for one purpose: the same whatever else is measured, and on any number of threads. Frames count
 * from the sensor's spawn: how long the server ticked before a client came must not change what it measures. */
base_random town_sense_random(const town_world *w, const town_actor *sensor, const char *purpose, uint64_t part);
/* At least `bytes` in s->items; false: out of memory. */
bool town_sense_room(struct town_sense *s, size_t bytes, base_error *err);
bool town_sense_flag(const town_actor *a, const char *id); /* an attribute that is true or 1 */

bool town_lidar_measure(town_world *w, town_actor *sensor, const scene_rays *rays, const town_sink *sink, base_error *err);
bool town_radar_measure(town_world *w, town_actor *sensor, const scene_rays *rays, const town_sink *sink, base_error *err);
bool town_obstacle_measure(town_world *w, town_actor *sensor, const scene_rays *rays, const town_sink *sink);
/* Before any V2X sensor measures: what each of them sends in this frame, heard or not. */
void town_v2x_prepare(town_world *w);
bool town_v2x_measure(town_world *w, town_actor *sensor, const scene_rays *rays, const town_sink *sink, base_error *err);
/* bgra: the colour picture of this frame. Sends nothing when nothing has changed. */
bool town_dvs_measure(town_world *w, town_actor *camera, const uint8_t *bgra, const town_sink *sink, base_error *err);
/* Read what the attributes ask of a camera's optics into a->sense->optics; false: out of range, or out of memory. */
bool town_optics_create(const town_world *w, town_actor *a);
void town_optics_free(struct town_optics *o);
/* Does the picture need to know where everything was one frame ago? */
bool town_optics_looks_back(const town_actor *a);
/* Where a camera that looks back is in this frame: the next one shows motion against it. */
void town_flow_remember(const town_world *w, town_actor *camera);
/* "static.building", as CARLA names what is no actor. */
void town_scenery_type(char *text, size_t bytes, uint8_t tag);
#endif
