/* Rotating lidars, as CARLA 0.9.13 - 0.9.16 model them (RayCastLidar.cpp, RayCastSemanticLidar.cpp):
 *
 *   channel i looks up by upper_fov - i (upper_fov - lower_fov) / (channels - 1); in a step of dt each sends
 *   round(points_per_second dt / channels) rays, spread evenly over the rotation_frequency horizontal_fov dt degrees that the
 *   head turns; the angle runs from 0 to horizontal_fov, and half of that is straight ahead.
 *
 *   Intensity is exp(-attenuation distance). Of the plain lidar's rays a share dropoff_general_rate is never sent; a return below
 *   dropoff_intensity_limit stays with a probability that falls from 1 (at the limit) to 1 - dropoff_zero_intensity (at 0).
 *   noise_stddev moves points along their ray.
 *
 * With sensor_tick a message covers the turn of one simulation step only, and the head stands still in between: CARLA's does. */
#include "sim/town/sense.h"
#include <stdlib.h>
#include <string.h>

typedef struct scan {
    const town_world *world;
    const town_actor *sensor;
    const scene_rays *rays;
    const town_lidar *l;
    base_mat3 turn;
    int per_channel;
    double turn_deg; /* of this step */
    uint32_t *counts;
    void *items;
} scan;

static base_vec3 ray_of(const scan *s, int channel, int i)
{
    const town_lidar *l = s->l;
    double step = l->channels > 1 ? (l->upper_deg - l->lower_deg) / (l->channels - 1) : 0;
    double up = BASE_RAD(l->upper_deg - channel * step);
    double around = fmod(l->angle_deg + s->turn_deg / s->per_channel * i, l->horizontal_deg) - l->horizontal_deg / 2;
    return (base_vec3){ cos(up) * cos(BASE_RAD(around)), cos(up) * sin(BASE_RAD(around)), sin(up) };
}

static void scan_plain(const scan *s, int channel)
{
    const town_lidar *l = s->l;
    town_lidar_point *out = (town_lidar_point *)s->items + (size_t)channel * s->per_channel;
    base_random r = town_sense_random(s->world, s->sensor, "lidar", (uint64_t)channel);
    uint32_t count = 0;
    for (int i = 0; i < s->per_channel; i++) {
        if (l->drop_rate > 0 && base_random_uniform(&r) < l->drop_rate)
            continue;
        base_vec3 local = ray_of(s, channel, i);
        scene_hit hit;
        if (!scene_rays_hit(s->rays, s->sensor->pose.location, base_mat3_apply(&s->turn, local), l->range_m, &hit))
            continue;
        double intensity = exp(-l->attenuation * hit.distance_m), at = hit.distance_m;
        if (l->noise_m > 0)
            at += l->noise_m * base_random_normal(&r);
        if (intensity <= l->drop_limit) {
            double slope = l->drop_limit > 0 ? l->drop_at_zero / l->drop_limit : 0;
            if (base_random_uniform(&r) >= slope * intensity + 1 - l->drop_at_zero)
                continue;
        }
        out[count++] =
            (town_lidar_point){ (float)(local.x * at), (float)(local.y * at), (float)(local.z * at), (float)intensity };
    }
    s->counts[channel] = count;
}

static void scan_semantic(const scan *s, int channel)
{
    town_semantic_point *out = (town_semantic_point *)s->items + (size_t)channel * s->per_channel;
    uint32_t count = 0;
    for (int i = 0; i < s->per_channel; i++) {
        base_vec3 local = ray_of(s, channel, i), world = base_mat3_apply(&s->turn, local);
        scene_hit hit;
        if (!scene_rays_hit(s->rays, s->sensor->pose.location, world, s->l->range_m, &hit))
            continue;
        out[count++] = (town_semantic_point){ (float)(local.x * hit.distance_m),   (float)(local.y * hit.distance_m),
                                              (float)(local.z * hit.distance_m),   (float)-base_vec3_dot(world, hit.normal),
                                              hit.dynamic >= 0 ? hit.instance : 0, town_tag_number(s->world, hit.tag) };
    }
    s->counts[channel] = count;
}

static void scan_channel(void *user, int channel, int worker)
{
    (void)worker;
    const scan *s = user;
    if (s->sensor->sensor == TOWN_LIDAR)
        scan_plain(s, channel);
    else
        scan_semantic(s, channel);
}

/* Close the gaps between the channels; returns the number of points. */
static size_t pack(const scan *s, size_t item_bytes)
{
    char *items = s->items;
    size_t total = 0;
    for (int c = 0; c < s->l->channels; c++) {
        memmove(items + total * item_bytes, items + (size_t)c * s->per_channel * item_bytes, s->counts[c] * item_bytes);
        total += s->counts[c];
    }
    return total;
}

bool town_lidar_measure(town_world *w, town_actor *sensor, const scene_rays *rays, const town_sink *sink, base_error *err)
{
    struct town_sense *sense = sensor->sense;
    town_lidar *l = &sense->is.lidar;
    size_t item_bytes = sensor->sensor == TOWN_LIDAR ? sizeof(town_lidar_point) : sizeof(town_semantic_point);
    double wanted = fmin(round(l->points_per_second * w->delta_s / l->channels), TOWN_POINTS_MAX / l->channels);
    int per_channel = (int)wanted;
    if (per_channel < 1) /* CARLA sends nothing either */
        return true;
    if (!sense->channel_points && !(sense->channel_points = malloc((size_t)l->channels * sizeof(uint32_t))))
        return base_fail(err, BASE_MEMORY, "out of memory for %d channels", l->channels);
    if (!town_sense_room(sense, (size_t)l->channels * (size_t)per_channel * item_bytes, err))
        return false;
    scan s = { .world = w,
               .sensor = sensor,
               .rays = rays,
               .l = l,
               .turn = base_rotation_matrix(sensor->pose.rotation),
               .per_channel = per_channel,
               .turn_deg = l->rotation_hz * l->horizontal_deg * w->delta_s,
               .counts = sense->channel_points,
               .items = sense->items };
    base_pool_run(w->options.pool, l->channels, scan_channel, &s);
    l->angle_deg = fmod(l->angle_deg + s.turn_deg, l->horizontal_deg);
    town_measurement m = town_measurement_of(w, sensor);
    m.item_count = pack(&s, item_bytes);
    if (sensor->sensor == TOWN_LIDAR)
        m.points = sense->items;
    else
        m.semantic_points = sense->items;
    m.channel_points = sense->channel_points;
    m.channel_count = l->channels;
    m.horizontal_angle_rad = (float)BASE_RAD(l->angle_deg);
    sink->measurement(sink->user, &m);
    return true;
}
