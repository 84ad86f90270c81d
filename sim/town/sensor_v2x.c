/* V2X sensors of 0.9.16: cooperative awareness messages (sensor.other.v2x) and texts of clients (sensor.other.v2x_custom).
 *
 * When a CAM is sent follows ETSI EN 302 637-2 as CARLA does it (CaService.cpp): at the earliest gen_cam_min after the last one, when the
 * heading has turned by 4 degrees, the place moved by 4 m or the speed changed by 0.5 m/s, or when it is time: the interval of
 * the last such change, after three messages again gen_cam_max. fixed_rate sends every gen_cam_min. What tells the vehicle's role and
 * lights comes every 0.5 s. A traffic light or sign that carries the sensor is a road side unit and sends every 0.5 s.
 *
 * Where this differs from CARLA: a message tells the state of the frame in which it is received, CARLA's of one step before; its time counts
 * from the episode's start, not from 2004, so that runs repeat; lengths are in decimetres, as ETSI wants them (CARLA writes
 * millimetres); the path history and the zones of road side units are left empty, as they cannot travel anyhow (sim/wire/sensor.h). */
#include "sim/town/sense.h"
#include <stddef.h>
#include <string.h>

enum { /* of ITS-Container and CAM-PDU-Descriptions */
       CAM_ID = 2,
       TEXT_ID = 0,
       PROTOCOL_VERSION = 2,
       CONFIDENCE_NONE = 4095,
       HEADING_NONE = 3601,
       ALTITUDE_CONFIDENCE_NONE = 15,
       HEADING_WITHIN_ONE_DEGREE = 10,
       SPEED_CONFIDENCE_3_CMPS = 3,
       SPEED_MOST = 16382,
       LENGTH_CONFIDENCE_NONE = 4,
       ACCELERATION_NONE = 161,
       ACCELERATION_CONFIDENCE_NONE = 102,
       CURVATURE_NONE = 30001,
       CURVATURE_CONFIDENCE_NONE = 7,
       YAW_RATE_NONE = 32767,
       YAW_RATE_CONFIDENCE_NONE = 8,
       LOW_DYNAMICS_LIMIT = 3
};
#define LOW_FREQUENCY_S  0.5
#define ROAD_SIDE_UNIT_S 0.5
#define MAST_M           5.0  /* of road side units */
#define TIME_SLACK_S     1e-6 /* steps add up to a little less than they should */

typedef enum noise_of {
    OF_LATITUDE,
    OF_LONGITUDE,
    OF_ALTITUDE,
    OF_HEADING,
    OF_ACCEL,
    OF_YAW_RATE = OF_ACCEL + 3,
    OF_SPEED
} noise_of;

static double noisy(const town_world *w, const town_actor *sensor, double value, noise_of k)
{
    const town_v2x *v = &sensor->sense->is.v2x;
    base_random r = town_sense_random(w, sensor, "cam", (uint64_t)k);
    return value + v->bias[k] + (v->deviation[k] != 0 ? v->deviation[k] * base_random_normal(&r) : 0);
}

/* ---- what a CAM says */

static int64_t station_of(const town_actor *a)
{
    if (a->kind == TOWN_TRAFFIC_LIGHT || a->kind == TOWN_TRAFFIC_SIGN)
        return 15;
    if (a->blueprint && a->blueprint->vehicle && a->blueprint->vehicle->special &&
        !strcmp(a->blueprint->vehicle->special, "emergency"))
        return 10;
    switch (a->tag) {
    case SCENE_TAG_PEDESTRIANS: return 1;
    case SCENE_TAG_BICYCLE: return 2;
    case SCENE_TAG_MOTORCYCLE: return 4;
    case SCENE_TAG_CAR: return 5;
    case SCENE_TAG_BUS: return 6;
    case SCENE_TAG_TRUCK: return 7;
    default: return 0;
    }
}

static double forward_mps(const town_actor *a)
{
    base_mat3 turn = base_rotation_matrix(a->pose.rotation);
    return base_mat3_apply_inverse(&turn, a->velocity).x;
}

static int64_t in_tenths(double mps2) { return mps2 >= -16 && mps2 <= 16.1 ? llround(10 * mps2) : ACCELERATION_NONE; }

static void tell_motion(const town_world *w, const town_actor *sensor, const town_actor *a, wire_cam *m)
{
    base_mat3 turn = base_rotation_matrix(a->pose.rotation);
    base_vec3 felt = a->acceleration;
    felt.z += TOWN_GRAVITY;
    felt = base_mat3_apply_inverse(&turn, felt);
    double forward = forward_mps(a), speed = fmax(0, noisy(w, sensor, forward, OF_SPEED));
    double yaw_rate = noisy(w, sensor, base_mat3_apply_inverse(&turn, a->angular_radps).z, OF_YAW_RATE);
    double heading = noisy(w, sensor, base_wrap_deg(a->pose.rotation.yaw_deg + 90), OF_HEADING);
    m->high_frequency_present = 1;
    m->heading = (wire_its_value){ llround(10 * (heading < 0 ? heading + 360 : heading)), HEADING_WITHIN_ONE_DEGREE };
    m->speed = (wire_its_value){ llround(fmin(SPEED_MOST, 100 * speed)), SPEED_CONFIDENCE_3_CMPS };
    m->drive_direction = forward >= 0 ? 0 : 1;
    m->vehicle_length = (wire_its_value){ llround(20 * a->box.extent.x), LENGTH_CONFIDENCE_NONE };
    m->vehicle_width = llround(20 * a->box.extent.y);
    m->longitudinal_acceleration =
        (wire_its_value){ in_tenths(noisy(w, sensor, felt.x, OF_ACCEL)), ACCELERATION_CONFIDENCE_NONE };
    m->curvature = (wire_its_value){ CURVATURE_NONE, CURVATURE_CONFIDENCE_NONE };
    double centidegrees = 100 * BASE_DEG(yaw_rate);
    m->yaw_rate =
        (wire_its_value){ fabs(centidegrees) <= 32766 ? llround(centidegrees) : YAW_RATE_NONE, YAW_RATE_CONFIDENCE_NONE };
    m->has_lateral_acceleration = m->has_vertical_acceleration = true;
    m->lateral_acceleration =
        (wire_its_value){ in_tenths(noisy(w, sensor, felt.y, OF_ACCEL + 1)), ACCELERATION_CONFIDENCE_NONE };
    m->vertical_acceleration =
        (wire_its_value){ in_tenths(noisy(w, sensor, felt.z, OF_ACCEL + 2)), ACCELERATION_CONFIDENCE_NONE };
}

/* CARLA's flags of vehicle lights to ITS' bits, which count from the left. */
static uint8_t lights_of(uint32_t flags)
{
    static const struct {
        uint32_t flag;
        int bit;
    } rows[] = { { 0x2, 0 }, { 0x4, 1 }, { 0x20, 2 }, { 0x10, 3 }, { 0x40, 5 }, { 0x80, 6 }, { 0x1, 7 } };
    unsigned bits = 0;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        bits |= flags & rows[i].flag ? 1u << (7 - rows[i].bit) : 0;
    return (uint8_t)bits;
}

static void make_cam(const town_world *w, town_actor *sensor, const town_actor *a)
{
    town_v2x *v = &sensor->sense->is.v2x;
    wire_cam *m = &v->cam;
    memset(m, 0, sizeof *m);
    m->header = (wire_its_header){ PROTOCOL_VERSION, CAM_ID, a->id };
    m->generation_delta_time = llround(w->elapsed_s * 1000) % 65536;
    m->station_type = station_of(a);
    base_vec3 geo = { 0, 0, 0 };
    if (w->map)
        geo = road_map_geolocation(w->map->road, w->options.version, a->pose.location);
    m->latitude = llround(noisy(w, sensor, geo.x, OF_LATITUDE) * 1e6) * 10;
    m->longitude = llround(noisy(w, sensor, geo.y, OF_LONGITUDE) * 1e6) * 10;
    m->semi_major_confidence = m->semi_minor_confidence = CONFIDENCE_NONE;
    m->semi_major_orientation = HEADING_NONE;
    m->altitude = (wire_its_value){ llround(noisy(w, sensor, geo.z, OF_ALTITUDE) * 100), ALTITUDE_CONFIDENCE_NONE };
    if (m->station_type == 15)
        m->high_frequency_present = 2;
    if (a->kind != TOWN_VEHICLE)
        return;
    tell_motion(w, sensor, a, m);
    if (w->elapsed_s - v->last_low_s < LOW_FREQUENCY_S - TIME_SLACK_S)
        return;
    v->last_low_s = w->elapsed_s;
    m->low_frequency_present = 1;
    m->vehicle_role = m->station_type == 10 ? 6 : m->station_type == 6 ? 1 : 0;
    m->exterior_lights = lights_of(a->vehicle_lights);
}

/* ---- when */

static bool has_changed(const town_v2x *v, const town_actor *a)
{
    return fabs(base_wrap_deg(a->pose.rotation.yaw_deg - v->last_yaw_deg)) > 4 ||
           base_vec3_length(base_vec3_sub(a->pose.location, v->last_place)) > 4 || fabs(forward_mps(a) - v->last_mps) > 0.5;
}

static bool is_time(town_v2x *v, const town_actor *a, double passed_s)
{
    if (a->kind == TOWN_TRAFFIC_LIGHT || a->kind == TOWN_TRAFFIC_SIGN)
        return passed_s >= ROAD_SIDE_UNIT_S - TIME_SLACK_S;
    if (passed_s < v->gen_min_s - TIME_SLACK_S)
        return false;
    if (v->fixed_rate)
        return true;
    if (has_changed(v, a)) {
        v->interval_s = fmin(passed_s, v->gen_max_s);
        v->slow_count = 0;
        return true;
    }
    if (passed_s < v->interval_s - TIME_SLACK_S)
        return false;
    if (++v->slow_count >= LOW_DYNAMICS_LIMIT)
        v->interval_s = v->gen_max_s;
    return true;
}

static void send_cam(const town_world *w, town_actor *sensor, const town_actor *a)
{
    town_v2x *v = &sensor->sense->is.v2x;
    if (!v->has_sent) { /* as if the last message had been sent when it is due again */
        v->interval_s = v->gen_max_s;
        v->last_low_s = -LOW_FREQUENCY_S;
        v->last_place = (base_vec3){ INFINITY, 0, 0 };
    }
    if (v->has_sent && !is_time(v, a, w->elapsed_s - v->last_s))
        return;
    v->has_sent = true;
    v->last_s = w->elapsed_s;
    v->last_place = a->pose.location;
    v->last_mps = forward_mps(a);
    v->last_yaw_deg = a->pose.rotation.yaw_deg;
    make_cam(w, sensor, a);
    v->sent_frame = w->frame;
}

static bool is_v2x(const town_actor *a) { return a->sensor == TOWN_V2X || a->sensor == TOWN_V2X_CUSTOM; }

void town_v2x_prepare(town_world *w)
{
    for (int i = 0; i < w->actor_count; i++) {
        town_actor *sensor = w->actors[i];
        if (!is_v2x(sensor))
            continue;
        town_v2x *v = &sensor->sense->is.v2x;
        const town_actor *carrier = town_actor_find(w, sensor->parent);
        if (!carrier)
            continue; /* CARLA's has no voice without one either */
        if (sensor->sensor == TOWN_V2X)
            send_cam(w, sensor, carrier);
        else if (v->has_text) {
            v->has_text = false;
            v->sent_frame = w->frame;
        }
    }
}

bool town_v2x_send(town_world *w, uint32_t id, const char *text, base_error *err)
{
    town_actor *sensor = town_actor_find(w, id);
    if (!sensor || sensor->sensor != TOWN_V2X_CUSTOM)
        return base_fail(err, BASE_ARGUMENT, "send: actor %u is no sensor.other.v2x_custom", id);
    town_v2x *v = &sensor->sense->is.v2x;
    if (strlen(text) >= sizeof v->message.message)
        return base_fail(err, BASE_ARGUMENT, "send: a message of %zu bytes, expected at most %zu", strlen(text),
                         sizeof v->message.message - 1);
    memset(&v->message, 0, sizeof v->message);
    v->message.header = (wire_its_header){ PROTOCOL_VERSION, TEXT_ID, sensor->parent };
    memcpy(v->message.message, text, strlen(text));
    v->has_text = true;
    return true;
}

/* ---- who hears it */

static base_vec3 antenna_of(const town_actor *carrier)
{
    bool has_roof =
        carrier->kind == TOWN_VEHICLE || carrier->kind == TOWN_WALKER; /* boxes of lights and signs are where they act */
    base_vec3 top = carrier->pose.location;
    top.z += has_roof ? carrier->box.center.z + carrier->box.extent.z + TOWN_ANTENNA_M : MAST_M;
    return top;
}

static bool hears(const town_world *w, const town_actor *sensor, const town_actor *sender, const scene_rays *rays, float *power)
{
    const town_radio *r = &sensor->sense->is.v2x.radio;
    const town_actor *here = town_actor_find(w, sensor->parent), *there = town_actor_find(w, sender->parent);
    base_vec3 from = antenna_of(here), to = antenna_of(there);
    if (!(base_vec3_length(base_vec3_sub(to, from)) < r->filter_m))
        return false;
    double ground_m = fmin(here->pose.location.z, there->pose.location.z);
    town_radio_way way = town_radio_between(w, r, rays, here->id, from, there->id, to, ground_m);
    base_random draw = town_sense_random(w, sensor, "radio", (uint64_t)there->id - here->id);
    double fading = town_radio_fading_db(r, way.state) * base_random_normal(&draw);
    *power = (float)(sender->sense->is.v2x.radio.power_dbm + r->gain_db - town_radio_loss_db(r, &way) - fading);
    return *power >= r->sensitivity_dbm;
}

_Static_assert(offsetof(wire_cam, power) == 0 && offsetof(wire_v2x_message, power) == 0, "the power received is put first");

static bool may_be_heard(const town_world *w, const town_actor *sensor, const town_actor *sender)
{
    return sender->sensor == sensor->sensor && sender->parent != sensor->parent &&
           sender->sense->is.v2x.sent_frame == w->frame && town_actor_find(w, sender->parent);
}

bool town_v2x_measure(town_world *w, town_actor *sensor, const scene_rays *rays, const town_sink *sink, base_error *err)
{
    bool custom = sensor->sensor == TOWN_V2X_CUSTOM;
    size_t item = custom ? sizeof(wire_v2x_message) : sizeof(wire_cam), most = 0, count = 0;
    if (!town_actor_find(w, sensor->parent))
        return true;
    for (int i = 0; i < w->actor_count; i++)
        most += may_be_heard(w, sensor, w->actors[i]);
    if (!town_sense_room(sensor->sense, most * item, err))
        return false;
    for (int i = 0; i < w->actor_count; i++) {
        const town_actor *sender = w->actors[i];
        float power;
        if (!may_be_heard(w, sensor, sender) || !hears(w, sensor, sender, rays, &power))
            continue;
        char *to = (char *)sensor->sense->items + count++ * item;
        memcpy(to, custom ? (const void *)&sender->sense->is.v2x.message : (const void *)&sender->sense->is.v2x.cam, item);
        memcpy(to, &power, sizeof power);
    }
    if (count == 0) /* CARLA sends nothing either */
        return true;
    town_measurement m = town_measurement_of(w, sensor);
    m.v2x = sensor->sense->items;
    m.item_count = count;
    sink->measurement(sink->user, &m);
    return true;
}
