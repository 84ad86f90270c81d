/* Sensors: their attributes, and which of them measure in a tick. */
#include "sim/town/sense.h"
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- attributes ---- */

typedef struct number_row {
    const char *id;
    double lo, hi;
    size_t offset; /* of a double in the sensor's settings */
} number_row;
#define ROW(TYPE, FIELD, ID, LO, HI)                                                                                           \
    {                                                                                                                          \
        ID, LO, HI, offsetof(TYPE, FIELD)                                                                                      \
    }

static const number_row lidar_rows[] = {
    ROW(town_lidar, range_m, "range", 0, 1e5),
    ROW(town_lidar, points_per_second, "points_per_second", 0, 1e9),
    ROW(town_lidar, rotation_hz, "rotation_frequency", 0, 1e4),
    ROW(town_lidar, upper_deg, "upper_fov", -90, 90),
    ROW(town_lidar, lower_deg, "lower_fov", -90, 90),
    ROW(town_lidar, horizontal_deg, "horizontal_fov", 1e-3, 360),
};
static const number_row plain_lidar_rows[] = {
    ROW(town_lidar, attenuation, "atmosphere_attenuation_rate", 0, 1e3),
    ROW(town_lidar, drop_rate, "dropoff_general_rate", 0, 1),
    ROW(town_lidar, drop_limit, "dropoff_intensity_limit", 0, 1),
    ROW(town_lidar, drop_at_zero, "dropoff_zero_intensity", 0, 1),
    ROW(town_lidar, noise_m, "noise_stddev", 0, 1e3),
};
static const number_row radar_rows[] = {
    ROW(town_radar, horizontal_deg, "horizontal_fov", 0, 179),
    ROW(town_radar, vertical_deg, "vertical_fov", 0, 179),
    ROW(town_radar, range_m, "range", 0, 1e5),
    ROW(town_radar, points_per_second, "points_per_second", 0, 1e9),
};
static const number_row obstacle_rows[] = {
    ROW(town_obstacle, distance_m, "distance", 0, 1e4),
    ROW(town_obstacle, radius_m, "hit_radius", 0, 1e3),
};
static const number_row dvs_rows[] = {
    ROW(town_dvs, threshold_up, "positive_threshold", 1e-3, 1e3),
    ROW(town_dvs, threshold_down, "negative_threshold", 1e-3, 1e3),
    ROW(town_dvs, sigma_up, "sigma_positive_threshold", 0, 1e3),
    ROW(town_dvs, sigma_down, "sigma_negative_threshold", 0, 1e3),
    ROW(town_dvs, log_eps, "log_eps", 1e-9, 1e3),
};

static const number_row imu_rows[] = {
    ROW(town_noise, deviation[0], "noise_accel_stddev_x", -1e9, 1e9),
    ROW(town_noise, deviation[1], "noise_accel_stddev_y", -1e9, 1e9),
    ROW(town_noise, deviation[2], "noise_accel_stddev_z", -1e9, 1e9),
    ROW(town_noise, deviation[3], "noise_gyro_stddev_x", -1e9, 1e9),
    ROW(town_noise, deviation[4], "noise_gyro_stddev_y", -1e9, 1e9),
    ROW(town_noise, deviation[5], "noise_gyro_stddev_z", -1e9, 1e9),
    ROW(town_noise, bias[3], "noise_gyro_bias_x", -1e9, 1e9),
    ROW(town_noise, bias[4], "noise_gyro_bias_y", -1e9, 1e9),
    ROW(town_noise, bias[5], "noise_gyro_bias_z", -1e9, 1e9),
};
static const number_row gnss_rows[] = {
    ROW(town_noise, deviation[0], "noise_lat_stddev", -1e9, 1e9), ROW(town_noise, deviation[1], "noise_lon_stddev", -1e9, 1e9),
    ROW(town_noise, deviation[2], "noise_alt_stddev", -1e9, 1e9), ROW(town_noise, bias[0], "noise_lat_bias", -1e9, 1e9),
    ROW(town_noise, bias[1], "noise_lon_bias", -1e9, 1e9),        ROW(town_noise, bias[2], "noise_alt_bias", -1e9, 1e9),
};

static const number_row radio_rows[] = {
    ROW(town_v2x, radio.power_dbm, "transmit_power", -1e3, 1e3),
    ROW(town_v2x, radio.sensitivity_dbm, "receiver_sensitivity", -1e4, 1e3),
    ROW(town_v2x, radio.frequency_ghz, "frequency_ghz", 1e-3, 1e3),
    ROW(town_v2x, radio.gain_db, "combined_antenna_gain", -1e3, 1e3),
    ROW(town_v2x, radio.exponent, "path_loss_exponent", 0, 100),
    ROW(town_v2x, radio.reference_m, "d_ref", 1e-3, 1e5),
    ROW(town_v2x, radio.filter_m, "filter_distance", 0, 1e6),
    ROW(town_v2x, radio.fading_db, "custom_fading_stddev", 0, 1e3),
};
static const number_row cam_rows[] = {
    ROW(town_v2x, gen_min_s, "gen_cam_min", 0, 1e6),
    ROW(town_v2x, gen_max_s, "gen_cam_max", 0, 1e6),
    ROW(town_v2x, deviation[0], "noise_lat_stddev", -1e9, 1e9),
    ROW(town_v2x, bias[0], "noise_lat_bias", -1e9, 1e9),
    ROW(town_v2x, deviation[1], "noise_lon_stddev", -1e9, 1e9),
    ROW(town_v2x, bias[1], "noise_lon_bias", -1e9, 1e9),
    ROW(town_v2x, deviation[2], "noise_alt_stddev", -1e9, 1e9),
    ROW(town_v2x, bias[2], "noise_alt_bias", -1e9, 1e9),
    ROW(town_v2x, deviation[3], "noise_head_stddev", -1e9, 1e9),
    ROW(town_v2x, bias[3], "noise_head_bias", -1e9, 1e9),
    ROW(town_v2x, deviation[4], "noise_accel_stddev_x", -1e9, 1e9),
    ROW(town_v2x, deviation[5], "noise_accel_stddev_y", -1e9, 1e9),
    ROW(town_v2x, deviation[6], "noise_accel_stddev_z", -1e9, 1e9),
    ROW(town_v2x, deviation[7], "noise_yawrate_stddev", -1e9, 1e9),
    ROW(town_v2x, bias[7], "noise_yawrate_bias", -1e9, 1e9),
    ROW(town_v2x, deviation[8], "noise_vel_stddev_x", -1e9, 1e9),
};

static bool read_rows(const town_actor *a, void *settings, const number_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        double value;
        if (!town_actor_number(a, rows[i].id, rows[i].lo, rows[i].hi, &value))
            return false;
        memcpy((char *)settings + rows[i].offset, &value, sizeof value);
    }
    return true;
}
#define READ_ROWS(A, SETTINGS, ROWS) read_rows(A, SETTINGS, ROWS, sizeof ROWS / sizeof ROWS[0])

/* "true", "True" or "1", as CARLA's bool attributes are read. */
bool town_sense_flag(const town_actor *a, const char *id)
{
    const char *text = town_actor_attribute(a, id);
    return text && (!strcasecmp(text, "true") || !strcmp(text, "1"));
}

static bool read_camera(const town_world *w, town_actor *a)
{
    double width, height, fov;
    if (!town_actor_number(a, "image_size_x", 1, 4096, &width) || !town_actor_number(a, "image_size_y", 1, 4096, &height) ||
        !town_actor_number(a, "fov", 1, 170, &fov) || width != floor(width) || height != floor(height))
        return false;
    a->camera = (town_camera){ (int)width, (int)height, fov };
    return town_optics_create(w, a);
}

static bool read_lidar(const town_actor *a, town_lidar *l)
{
    double channels;
    if (!town_actor_number(a, "channels", 1, TOWN_CHANNELS_MAX, &channels) || channels != floor(channels) ||
        !READ_ROWS(a, l, lidar_rows))
        return false;
    l->channels = (int)channels;
    return a->sensor == TOWN_LIDAR_SEMANTIC || READ_ROWS(a, l, plain_lidar_rows);
}

static bool read_dvs(const town_actor *a, town_dvs *d)
{
    double refractory;
    if (!READ_ROWS(a, d, dvs_rows) || !town_actor_number(a, "refractory_period_ns", 0, 1e15, &refractory))
        return false;
    d->refractory_ns = (int64_t)refractory;
    d->use_log = town_sense_flag(a, "use_log");
    return true;
}

static bool read_v2x(const town_actor *a, town_v2x *v)
{
    static const char *const scenarios[] = { "highway", "rural", "urban" };
    const char *scenario = town_actor_attribute(a, "scenario"), *model = town_actor_attribute(a, "path_loss_model");
    int k = 0;
    while (k < 3 && scenario && strcmp(scenario, scenarios[k]) != 0)
        k++;
    if (k == 3 || !READ_ROWS(a, v, radio_rows))
        return false;
    v->radio.scenario = (town_radio_scenario)k;
    v->radio.geometric = model && !strcmp(model, "geometric");
    if (!v->radio.geometric && model && strcmp(model, "winner") != 0)
        return false;
    v->radio.etsi_fading = town_sense_flag(a, "use_etsi_fading");
    v->fixed_rate = town_sense_flag(a, "fixed_rate");
    return a->sensor == TOWN_V2X_CUSTOM || READ_ROWS(a, v, cam_rows);
}

bool town_sense_create(const town_world *w, town_actor *a)
{
    double tick_s = 0, seed = 0;
    bool has_tick = town_actor_attribute(a, "sensor_tick"), has_seed = town_actor_attribute(a, "noise_seed");
    if ((has_tick && !town_actor_number(a, "sensor_tick", -1e9, 1e9, &tick_s)) || /* below 0 is every tick, as in Unreal */
        (has_seed && !town_actor_number(a, "noise_seed", INT32_MIN, UINT32_MAX, &seed)))
        return false;
    a->sensor_tick_s = fmax(0, tick_s);
    a->noise_seed = (uint64_t)(int64_t)seed;
    a->sense = calloc(1, sizeof *a->sense);
    if (!a->sense)
        return false;
    switch (a->sensor) {
    case TOWN_CAMERA_RGB:
    case TOWN_CAMERA_DEPTH:
    case TOWN_CAMERA_SEMANTIC:
    case TOWN_CAMERA_INSTANCE:
    case TOWN_CAMERA_NORMALS:
    case TOWN_CAMERA_FLOW: return read_camera(w, a);
    case TOWN_CAMERA_DVS: return read_camera(w, a) && read_dvs(a, &a->sense->is.dvs);
    case TOWN_LIDAR:
    case TOWN_LIDAR_SEMANTIC: return read_lidar(a, &a->sense->is.lidar);
    case TOWN_RADAR: return READ_ROWS(a, &a->sense->is.radar, radar_rows);
    case TOWN_OBSTACLE:
        a->sense->is.obstacle.only_dynamics = town_sense_flag(a, "only_dynamics");
        return READ_ROWS(a, &a->sense->is.obstacle, obstacle_rows);
    case TOWN_IMU: return READ_ROWS(a, &a->sense->is.noise, imu_rows);
    case TOWN_GNSS: return READ_ROWS(a, &a->sense->is.noise, gnss_rows);
    case TOWN_V2X:
    case TOWN_V2X_CUSTOM: return read_v2x(a, &a->sense->is.v2x);
    case TOWN_COLLISION:
    case TOWN_LANE_INVASION:
    case TOWN_RSS:
    case TOWN_SENSOR_NONE: break;
    }
    return true;
}

void town_sense_free(struct town_sense *s)
{
    if (!s)
        return;
    free(s->items);
    free(s->channel_points);
    free(s->before);
    free(s->reference);
    free(s->event_ns);
    free(s->events);
    town_optics_free(s->optics);
    free(s);
}

/* ---- what the files of sensors share ---- */

town_measurement town_measurement_of(const town_world *w, const town_actor *sensor)
{
    return (town_measurement){ .sensor_id = sensor->id,
                               .stream_id = sensor->stream_id,
                               .kind = sensor->sensor,
                               .frame = w->frame,
                               .time_s = w->elapsed_s,
                               .pose = sensor->pose };
}

base_random town_sense_random(const town_world *w, const town_actor *sensor, const char *purpose, uint64_t part)
{
    return base_random_start(w->options.seed ^ sensor->noise_seed, purpose, w->frame - sensor->spawn_frame, part);
}

bool town_sense_room(struct town_sense *s, size_t bytes, base_error *err)
{
    if (bytes <= s->item_bytes)
        return true;
    free(s->items);
    s->items = malloc(bytes);
    s->item_bytes = s->items ? bytes : 0;
    return s->items || base_fail(err, BASE_MEMORY, "out of memory for a measurement of %zu bytes", bytes);
}

/* ---- measuring ---- */

static bool is_due(const town_world *w, town_actor *a, const town_sink *sink)
{
    if (a->kind != TOWN_SENSOR || w->elapsed_s < a->next_measure_s - 1e-6)
        return false;
    if (sink->wants && !sink->wants(sink->user, a->stream_id))
        return false;
    double from_s = a->has_measured ? a->next_measure_s : w->elapsed_s;
    a->has_measured = true;
    a->next_measure_s = a->sensor_tick_s > 0 ? fmax(from_s + a->sensor_tick_s, w->elapsed_s) : w->elapsed_s;
    return true;
}

static bool is_event(town_sensor_kind kind) /* comes from physics or from the client, not from a clock */
{
    return kind == TOWN_COLLISION || kind == TOWN_LANE_INVASION || kind == TOWN_RSS;
}

static bool is_camera(town_sensor_kind kind) { return kind >= TOWN_CAMERA_RGB && kind <= TOWN_CAMERA_DVS; }

static bool measure_rays(town_world *w, town_actor *const *due, int count, const town_sink *sink, base_error *err)
{
    if (!w->scenery)
        return base_fail(err, BASE_ARGUMENT, "a world without a map has nothing for rays to hit");
    scene_rays *rays = scene_rays_create(town_scenery_scene(w->scenery), w->shown.instances, w->shown.count, err);
    bool ok = rays != NULL;
    for (int i = 0; ok && i < count; i++)
        ok = due[i]->sensor == TOWN_V2X || due[i]->sensor == TOWN_V2X_CUSTOM ? town_v2x_measure(w, due[i], rays, sink, err)
             : due[i]->sensor == TOWN_RADAR                                  ? town_radar_measure(w, due[i], rays, sink, err)
             : due[i]->sensor == TOWN_OBSTACLE                               ? town_obstacle_measure(w, due[i], rays, sink)
                                                                             : town_lidar_measure(w, due[i], rays, sink, err);
    scene_rays_destroy(rays);
    return ok;
}

bool town_sensors_measure(town_world *w, const town_sink *sink, base_error *err)
{
    town_actor **cameras = malloc(2 * (size_t)(w->actor_count ? w->actor_count : 1) * sizeof *cameras);
    if (!cameras)
        return base_fail(err, BASE_MEMORY, "out of memory for %d sensors", w->actor_count);
    town_actor **rays = cameras + w->actor_count;
    int camera_count = 0, ray_count = 0;
    bool ok = true, motion = false;
    town_collisions_measure(w, sink);
    town_v2x_prepare(w);
    for (int i = 0; i < w->actor_count; i++) {
        town_actor *a = w->actors[i];
        motion = motion || (town_optics_looks_back(a) && a->has_measured); /* needs every frame */
        bool hidden = is_camera(a->sensor) && w->settings.no_rendering_mode;
        if (is_event(a->sensor) || hidden || !is_due(w, a, sink))
            continue;
        if (a->sensor == TOWN_IMU)
            town_imu_measure(w, a, sink);
        else if (a->sensor == TOWN_GNSS)
            town_gnss_measure(w, a, sink);
        else if (is_camera(a->sensor))
            cameras[camera_count++] = a;
        else
            rays[ray_count++] = a;
    }
    ok = ok && ((camera_count + ray_count == 0 && !motion) || !w->scenery || town_shown_update(w, err));
    ok = ok && (ray_count == 0 || measure_rays(w, rays, ray_count, sink, err));
    ok = ok && (camera_count == 0 || town_cameras_measure(w, cameras, camera_count, sink, err));
    for (int i = 0; i < w->actor_count; i++)
        if (town_optics_looks_back(w->actors[i]))
            town_flow_remember(w, w->actors[i]);
    free(cameras);
    return ok;
}
