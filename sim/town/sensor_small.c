/* Sensors that send a few numbers: collision, IMU, GNSS. */
#include "sim/town/sense.h"
#include "sim/wire/tag.h"
#include <ctype.h>
#include <stdio.h>

void town_scenery_type(char *text, size_t bytes, uint8_t tag)
{
    const char *name = wire_tag_name(tag);
    snprintf(text, bytes, "static.%s", name ? name : "unknown");
    for (char *c = text; *c; c++)
        *c = (char)tolower((unsigned char)*c);
}

void town_collisions_measure(town_world *w, const town_sink *sink)
{
    for (int i = 0; i < w->event_count; i++) {
        const town_event *e = &w->events[i];
        for (int k = 0; k < w->actor_count; k++) {
            const town_actor *sensor = w->actors[k];
            if (sensor->sensor != TOWN_COLLISION || sensor->parent != e->actor ||
                (sink->wants && !sink->wants(sink->user, sensor->stream_id)))
                continue;
            town_measurement m = town_measurement_of(w, sensor);
            char type[64];
            const town_actor *other = e->other ? town_actor_find(w, e->other) : NULL;
            town_scenery_type(type, sizeof type, e->other_tag);
            m.actor_id = e->actor;
            m.other_id = other ? other->id : 0;
            m.other_type = other ? other->type_id : type;
            m.other_tag = e->other_tag;
            m.normal_impulse_ns = e->normal_impulse_ns;
            sink->measurement(sink->user, &m);
        }
    }
}

/* One normal draw per sensor, frame and quantity: the same whatever else is measured. */
static double noise(const town_world *w, const town_actor *sensor, const char *attribute, uint64_t quantity)
{
    double deviation = 0;
    if (!town_actor_number(sensor, attribute, -1e9, 1e9, &deviation) || deviation == 0)
        return 0;
    base_random r = town_sense_random(w, sensor, attribute, quantity);
    return deviation * base_random_normal(&r);
}

static double bias(const town_actor *sensor, const char *attribute)
{
    double value = 0;
    town_actor_number(sensor, attribute, -1e9, 1e9, &value);
    return value;
}

void town_imu_measure(town_world *w, town_actor *sensor, const town_sink *sink)
{
    town_measurement m = town_measurement_of(w, sensor);
    base_mat3 turn = base_rotation_matrix(sensor->pose.rotation);
    base_vec3 felt = sensor->acceleration;
    felt.z += (double)w->imu_gravity_mps2;
    m.accelerometer = base_mat3_apply_inverse(&turn, felt);
    m.gyroscope = base_mat3_apply_inverse(&turn, sensor->angular_radps);
    m.accelerometer.x += noise(w, sensor, "noise_accel_stddev_x", 0);
    m.accelerometer.y += noise(w, sensor, "noise_accel_stddev_y", 1);
    m.accelerometer.z += noise(w, sensor, "noise_accel_stddev_z", 2);
    m.gyroscope.x += noise(w, sensor, "noise_gyro_stddev_x", 3) + bias(sensor, "noise_gyro_bias_x");
    m.gyroscope.y += noise(w, sensor, "noise_gyro_stddev_y", 4) + bias(sensor, "noise_gyro_bias_y");
    m.gyroscope.z += noise(w, sensor, "noise_gyro_stddev_z", 5) + bias(sensor, "noise_gyro_bias_z");
    double compass = BASE_RAD(sensor->pose.rotation.yaw_deg) + BASE_PI / 2; /* 0 looks along -y, north */
    m.compass_rad = compass < 0 ? compass + 2 * BASE_PI : compass;
    sink->measurement(sink->user, &m);
}

void town_gnss_measure(town_world *w, town_actor *sensor, const town_sink *sink)
{
    town_measurement m = town_measurement_of(w, sensor);
    if (w->map) {
        base_vec3 geo = road_map_geolocation(w->map->road, w->options.version, sensor->pose.location);
        m.latitude_deg = geo.x;
        m.longitude_deg = geo.y;
        m.altitude_m = geo.z;
    }
    m.latitude_deg += noise(w, sensor, "noise_lat_stddev", 0) + bias(sensor, "noise_lat_bias");
    m.longitude_deg += noise(w, sensor, "noise_lon_stddev", 1) + bias(sensor, "noise_lon_bias");
    m.altitude_m += noise(w, sensor, "noise_alt_stddev", 2) + bias(sensor, "noise_alt_bias");
    sink->measurement(sink->user, &m);
}
