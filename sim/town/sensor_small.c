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

/* What quantity k is off by: one normal draw per sensor, frame and quantity, the same whatever else is measured. */
static double noise(const town_world *w, const town_actor *sensor, int k)
{
    const town_noise *n = &sensor->sense->is.noise;
    base_random r = town_sense_random(w, sensor, sensor->type_id, (uint64_t)k);
    return n->bias[k] + (n->deviation[k] != 0 ? n->deviation[k] * base_random_normal(&r) : 0);
}

void town_imu_measure(town_world *w, town_actor *sensor, const town_sink *sink)
{
    town_measurement m = town_measurement_of(w, sensor);
    base_mat3 turn = base_rotation_matrix(sensor->pose.rotation);
    base_vec3 felt = sensor->acceleration;
    felt.z += (double)w->imu_gravity_mps2;
    m.accelerometer = base_mat3_apply_inverse(&turn, felt);
    m.gyroscope = base_mat3_apply_inverse(&turn, sensor->angular_radps);
    m.accelerometer.x += noise(w, sensor, 0);
    m.accelerometer.y += noise(w, sensor, 1);
    m.accelerometer.z += noise(w, sensor, 2);
    m.gyroscope.x += noise(w, sensor, 3);
    m.gyroscope.y += noise(w, sensor, 4);
    m.gyroscope.z += noise(w, sensor, 5);
    double compass = BASE_RAD(base_wrap_deg(sensor->pose.rotation.yaw_deg + 90)); /* 0 looks along -y, north */
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
    m.latitude_deg += noise(w, sensor, 0);
    m.longitude_deg += noise(w, sensor, 1);
    m.altitude_m += noise(w, sensor, 2);
    sink->measurement(sink->user, &m);
}
