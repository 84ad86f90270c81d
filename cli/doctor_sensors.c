/* laneloop doctor: the sensor self-test. A car with a colour and a depth camera drives a curve in synchronous mode; every tick must bring
 * exactly its frame from both, and all four clocks and poses of that frame must agree: sensor message, sensor in the snapshot, parent in
 * the snapshot. 0.9.14 and 0.9.15 are known to break the last one: their messages carry the pose of another frame. */
#include "base/clock.h"
#include "base/process.h"
#include "cli/doctor.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WARM_UP = 20, TICKS = 20, SPAWN_TRIES = 32 };
static const double dt_s = 0.05, pose_m = 0.02, pose_deg = 0.1;
static const base_pose mount = { { 1.5, 0.2, 1.8 }, { -8, 5, 0 } };

typedef struct rig {
    wire_actor_id car, rgb, depth;
} rig;

typedef struct measure {
    int gaps;       /* snapshots whose number is not one more */
    int late;       /* images of another frame or time than the snapshot */
    double clock_s; /* worst error of the simulated clock */
    double record_m, parent_m,
        before_m; /* worst distance of the message's pose: snapshot, parent's, parent's one frame before */
    double record_deg, parent_deg, before_deg; /* and of its angles */
    double moved_m;                            /* of the car, in all */
    bool flat_color, flat_depth;               /* the last image is one value */
    double wall_s;
} measure;

static double angle(base_rotation a, base_rotation b)
{
    double p = fabs(base_wrap_deg(a.pitch_deg - b.pitch_deg)), y = fabs(base_wrap_deg(a.yaw_deg - b.yaw_deg)),
           r = fabs(base_wrap_deg(a.roll_deg - b.roll_deg));
    return fmax(p, fmax(y, r));
}

static void compare(base_pose a, base_pose b, double *worst_m, double *worst_deg)
{
    *worst_m = fmax(*worst_m, base_vec3_length(base_vec3_sub(a.location, b.location)));
    *worst_deg = fmax(*worst_deg, angle(a.rotation, b.rotation));
}

/* A four-wheeled car: the demo's, a common one, else the first. */
static const char *choose_car(client *c, base_error *err)
{
    static const char *const liked[] = { "vehicle.lincoln.mkz_2020", "vehicle.tesla.model3", "vehicle.audi.tt" };
    size_t count;
    const wire_actor_definition *all = client_blueprints(c, &count, err);
    for (size_t k = 0; k < sizeof liked / sizeof *liked; k++)
        for (size_t i = 0; i < count; i++)
            if (strcmp(all[i].id, liked[k]) == 0)
                return all[i].id;
    for (size_t i = 0; i < count; i++)
        for (size_t a = 0; strncmp(all[i].id, "vehicle.", 8) == 0 && a < all[i].attributes.count; a++)
            if (strcmp(all[i].attributes.items[a].id, "number_of_wheels") == 0 &&
                strcmp(all[i].attributes.items[a].value, "4") == 0)
                return all[i].id;
    if (all)
        base_fail(err, BASE_REMOTE, "no blueprint of a car among %zu", count);
    return NULL;
}

static bool spawn_camera(client *c, const char *blueprint, wire_actor_id car, wire_actor_id *id, base_error *err)
{
    static const client_attribute size[] = { { "image_size_x", "320" }, { "image_size_y", "240" } };
    return client_spawn(c,
                        &(client_spawn_options){
                            .blueprint = blueprint, .pose = mount, .parent = car, .attributes = size, .attribute_count = 2 },
                        id, err) &&
           client_listen(c, *id, err);
}

static bool build_rig(client *c, rig *r, base_error *err)
{
    size_t points;
    const base_pose *at = client_spawn_points(c, &points, err);
    const char *car = at ? choose_car(c, err) : NULL;
    if (!car)
        return false;
    if (points == 0)
        return base_fail(err, BASE_REMOTE, "the map has no spawn points");
    for (size_t i = 0; i < points && i < SPAWN_TRIES && !r->car; i++)
        if (!client_spawn(c, &(client_spawn_options){ .blueprint = car, .pose = at[i] }, &r->car, err) &&
            err->code != BASE_REMOTE)
            return false;
    return r->car && spawn_camera(c, "sensor.camera.rgb", r->car, &r->rgb, err) &&
           spawn_camera(c, "sensor.camera.depth", r->car, &r->depth, err);
}

static bool is_flat(const client_image *image)
{
    size_t pixels = (size_t)image->width_px * (size_t)image->height_px;
    for (size_t i = 1; i < pixels; i++)
        if (memcmp(image->bgra, image->bgra + i * 4, 3) != 0)
            return false;
    return true;
}

static bool look_at_image(client *c, wire_actor_id camera, const client_state *car, const base_pose *before, measure *m,
                          bool *flat, base_error *err)
{
    client_image image;
    client_state record;
    client_snapshot s = client_snapshot_get(c);
    if (!client_image_get(c, camera, &image, err))
        return false;
    m->late += image.frame != s.frame || fabs(image.time_s - s.time_s) > 1e-6;
    base_pose due = base_pose_compose(&car->pose, &mount), was = base_pose_compose(before, &mount);
    compare(image.pose, due, &m->parent_m, &m->parent_deg);
    compare(image.pose, was, &m->before_m, &m->before_deg);
    if (!client_state_get(c, camera, &record))
        return base_fail(err, BASE_REMOTE, "camera %u is not in the snapshot of frame %llu", camera,
                         (unsigned long long)s.frame);
    compare(image.pose, record.pose, &m->record_m, &m->record_deg);
    *flat = is_flat(&image);
    return true;
}

static bool drive(client *c, const rig *r, measure *m, base_error *err)
{
    client_state car;
    base_pose before = { 0 };
    client_snapshot last = { 0 };
    double start = 0;
    for (int i = 0; i < WARM_UP + TICKS; i++) {
        if (i == WARM_UP)
            start = base_clock_s();
        if (!client_control(c, r->car, (wire_vehicle_control){ .throttle = 0.7F, .steer = 0.15F }, err) || !client_tick(c, err))
            return false;
        client_snapshot s = client_snapshot_get(c);
        if (!client_state_get(c, r->car, &car))
            return base_fail(err, BASE_REMOTE, "car %u is not in the snapshot of frame %llu", r->car,
                             (unsigned long long)s.frame);
        if (i >= WARM_UP) {
            m->gaps += s.frame != last.frame + 1;
            m->clock_s = fmax(m->clock_s, fmax(fabs(s.delta_s - dt_s), fabs(s.time_s - last.time_s - dt_s)));
            m->moved_m += base_vec3_length(base_vec3_sub(car.pose.location, before.location));
            if (!look_at_image(c, r->rgb, &car, &before, m, &m->flat_color, err) ||
                !look_at_image(c, r->depth, &car, &before, m, &m->flat_depth, err))
                return false;
        }
        before = car.pose;
        last = s;
    }
    m->wall_s = base_clock_s() - start;
    return true;
}

static void judge_poses(doctor *d, const measure *m)
{
    bool parent = m->parent_m <= pose_m && m->parent_deg <= pose_deg,
         record = m->record_m <= pose_m && m->record_deg <= pose_deg;
    doctor_number(d, "message_to_parent_m", m->parent_m);
    doctor_number(d, "message_to_snapshot_m", m->record_m);
    if (m->moved_m < 1)
        doctor_say(d, DOCTOR_WARNING, "poses", "try another map: the car of the test stands in something",
                   "the car moved only %.2f m in %d ticks, so poses of neighbouring frames cannot be told apart", m->moved_m,
                   TICKS);
    else if (parent && record)
        doctor_say(d, DOCTOR_OK, "poses", NULL, "message, snapshot and parent agree (within %.4f m, %.3f degrees)",
                   fmax(m->parent_m, m->record_m), fmax(m->parent_deg, m->record_deg));
    else if (m->before_m <= pose_m && m->before_deg <= pose_deg)
        doctor_say(
            d, DOCTOR_BROKEN, "poses",
            "take poses from the snapshot of the frame (client_state_get) and not from the image; 0.9.14 and 0.9.15 are known for "
            "it, use 0.9.13 or 0.9.16 for data sets",
            "images carry the camera's pose of the frame before, up to %.2f m off", m->parent_m);
    else
        doctor_say(
            d, DOCTOR_BROKEN, "poses",
            "compute the camera's pose from its parent in the snapshot of the frame, and do not trust the message; 0.9.14 and 0.9.15 "
            "are known for it",
            "a camera's pose differs: message to parent %.3f m and %.2f degrees, message to snapshot %.3f m and %.2f degrees",
            m->parent_m, m->parent_deg, m->record_m, m->record_deg);
}

static void judge(doctor *d, const measure *m)
{
    double rate = TICKS / m->wall_s;
    if (m->gaps)
        doctor_say(d, DOCTOR_BROKEN, "frames", "let no second client tick; if none does, use another release of the server",
                   "%d of %d ticks did not advance the frame number by one", m->gaps, TICKS);
    else if (m->late)
        doctor_say(d, DOCTOR_BROKEN, "frames", "pair images by their time stamp, and use another release of the server",
                   "%d of %d images bear another time than the snapshot of their frame", m->late, 2 * TICKS);
    else
        doctor_say(d, DOCTOR_OK, "frames", NULL, "%d ticks, each with its colour image, its depth image and its snapshot",
                   TICKS);
    if (m->clock_s > 1e-4)
        doctor_say(d, DOCTOR_BROKEN, "step",
                   "look at sub-stepping and fixed_delta_seconds; measure with the time stamps, not with frame x step",
                   "the simulated clock is off the fixed step of %g s by %.4f s", dt_s, m->clock_s);
    else
        doctor_say(d, DOCTOR_OK, "step", NULL, "the simulated clock advances by %g s per tick", dt_s);
    judge_poses(d, m);
    if (m->flat_color || m->flat_depth)
        doctor_say(d, DOCTOR_BROKEN, "pictures",
                   "check no_rendering_mode, and the graphics driver of the server (-RenderOffScreen needs one)",
                   "the %s camera shows one value everywhere", m->flat_color ? "colour" : "depth");
    else
        doctor_say(d, DOCTOR_OK, "pictures", NULL, "colour and depth show something");
    doctor_number(d, "frames_per_s", rate);
    doctor_say(d, DOCTOR_OK, "rate", NULL, "%.1f ticks/s with two cameras of 320x240", rate);
}

void doctor_sensors(doctor *d, client *c)
{
    rig r = { 0 };
    measure m = { 0 };
    base_error err = { 0 };
    bool built = client_synchronous(c, dt_s, &err) && build_rig(c, &r, &err);
    d->spawned[0] = r.car;
    d->spawned[1] = r.rgb;
    d->spawned[2] = r.depth;
    if (built && drive(c, &r, &m, &err)) {
        judge(d, &m);
        return;
    }
    if (err.code == BASE_INTERRUPTED)
        return;
    if (!built)
        doctor_say(d, DOCTOR_BROKEN, "self-test",
                   "free the spawn points (destroy left-over vehicles, reload the map) and look again", "%s", err.text);
    else
        doctor_say(
            d, DOCTOR_BROKEN, "frames",
            "drop that sensor, or tick slower; a sensor that skips frames in synchronous mode makes pairs impossible. Check sensor_tick "
            "and the release",
            "%s", err.text);
}
