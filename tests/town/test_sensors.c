/* Ray sensors and special cameras against the world they look at: the renderer is the lidar's judge, geometry the radar's. */
#include "base/file.h"
#include "sim/scene/scene.h"
#include "sim/town/town.h"
#include "tests/support/sanitized.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define TRAINING "configs/maps/training_loop.xodr"
enum { KINDS = TOWN_RSS + 1, WIDTH = 1600, HEIGHT = 800 };

typedef struct fixture {
    town_map *map;
} fixture;

static int load(void **state)
{
    static fixture f;
    base_error err = { 0 };
    f.map = town_map_load(TRAINING, &err);
    if (!f.map)
        print_message("%s\n", err.text);
    *state = &f;
    return f.map ? 0 : -1;
}

static int unload(void **state)
{
    fixture *f = *state;
    town_map_destroy(f->map);
    return 0;
}

/* ---- what the sensors said last, copied */

typedef struct heard {
    town_measurement last[KINDS];
    void *copy[KINDS];
    uint32_t channels[KINDS][256];
    int count[KINDS];
    uint32_t crc;
    double time_s[64]; /* of every measurement of `watched` */
    town_sensor_kind watched;
    int times;
} heard;

static void hear(void *user, const town_measurement *m)
{
    heard *h = user;
    size_t bytes = 0;
    const void *data = m->bgra     ? (bytes = (size_t)m->width_px * m->height_px * 4, (const void *)m->bgra)
                       : m->flow   ? (bytes = (size_t)m->width_px * m->height_px * 8, (const void *)m->flow)
                       : m->points ? (bytes = m->item_count * sizeof *m->points, (const void *)m->points)
                       : m->semantic_points
                           ? (bytes = m->item_count * sizeof *m->semantic_points, (const void *)m->semantic_points)
                       : m->detections ? (bytes = m->item_count * sizeof *m->detections, (const void *)m->detections)
                       : m->events     ? (bytes = m->item_count * sizeof *m->events, (const void *)m->events)
                                       : NULL;
    free(h->copy[m->kind]);
    h->copy[m->kind] = malloc(bytes + 1);
    if (bytes)
        memcpy(h->copy[m->kind], data, bytes);
    h->last[m->kind] = *m;
    if (m->channel_points)
        memcpy(h->channels[m->kind], m->channel_points, (size_t)m->channel_count * sizeof(uint32_t));
    h->count[m->kind]++;
    if (m->kind == h->watched && h->times < 64)
        h->time_s[h->times++] = m->time_s;
    /* padding of events is not theirs to repeat */
    for (size_t i = 0; m->events && i < m->item_count; i++) {
        h->crc = base_crc32(h->crc, &m->events[i].x, 4);
        h->crc = base_crc32(h->crc, &m->events[i].time_ns, 9);
    }
    if (!m->events)
        h->crc = base_crc32(h->crc, data ? data : "", bytes);
    const double numbers[] = { m->accelerometer.x, m->accelerometer.y, m->accelerometer.z, m->gyroscope.x,   m->gyroscope.y,
                               m->gyroscope.z,     m->compass_rad,     m->latitude_deg,    m->longitude_deg, m->altitude_m };
    h->crc = base_crc32(h->crc, numbers, sizeof numbers);
}

static town_sink sink_of(heard *h) { return (town_sink){ .measurement = hear, .user = h }; }

static void forget(heard *h)
{
    for (int i = 0; i < KINDS; i++)
        free(h->copy[i]);
    *h = (heard){ 0 };
}

static town_world *world_on(const fixture *f, base_pool *pool)
{
    town_options o = town_options_default();
    base_error err = { 0 };
    o.pool = pool;
    o.quality = 0;
    town_world *w = town_world_create(f->map, &o, &err);
    if (!w)
        fail_msg("%s", err.text);
    return w;
}

/* attributes: "id=value", ... NULL */
static uint32_t spawn(town_world *w, const char *id, base_pose pose, uint32_t parent, const char *const *attributes)
{
    town_attribute list[16];
    char text[16][64];
    int count = 0;
    for (; attributes && attributes[count]; count++) {
        snprintf(text[count], sizeof text[count], "%s", attributes[count]);
        char *equals = strchr(text[count], '=');
        *equals = 0;
        list[count] = (town_attribute){ text[count], TOWN_STRING, equals + 1 };
    }
    base_error err = { 0 };
    town_description d = { 0, id, list, count };
    uint32_t actor = town_spawn(w, &d, pose, parent, TOWN_RIGID, &err);
    if (!actor)
        fail_msg("%s: %s", id, err.text);
    return actor;
}
#define WITH(...) ((const char *const[]){ __VA_ARGS__, NULL })

static void ticks(town_world *w, int count, double dt_s, town_sink sink)
{
    base_error err = { 0 };
    for (int i = 0; i < count; i++)
        if (!town_tick(w, dt_s, sink, &err))
            fail_msg("tick %d: %s", i, err.text);
}

static base_pose pose_ahead(const fixture *f, int point, double forward, double right, double up)
{
    int count;
    const base_pose *p = town_map_spawn_points(f->map, &count);
    assert_true(point < count);
    base_pose local = { { forward, right, up }, { 0, 0, 0 } };
    return base_pose_compose(&p[point], &local);
}

static double depth_of(const uint8_t *bgra) { return (bgra[2] + 256.0 * bgra[1] + 65536.0 * bgra[0]) / 16777215 * 1000; }

/* ---- lidar */

/* A picture of this size shows every detail within 90 m, as rays meet it. Depth and tags of the cameras must be what the lidar's rays met: two ways to the same geometry. */
static void test_lidar_agrees_with_the_cameras(void **state)
{
    const fixture *f = *state;
    town_world *w = world_on(f, NULL);
    base_pose eye = pose_ahead(f, 0, 0, 0, 2);
    const char *const *size = WITH("image_size_x=1600", "image_size_y=800");
    spawn(w, "vehicle.audi.tt", pose_ahead(f, 0, 12, 0.5, 0), 0, NULL);
    spawn(w, "walker.pedestrian.0001", pose_ahead(f, 0, 8, -3, 1), 0, NULL);
    spawn(w, "sensor.camera.depth", eye, 0, size);
    spawn(w, "sensor.camera.instance_segmentation", eye, 0, size);
    spawn(
        w, "sensor.lidar.ray_cast_semantic", eye, 0,
        WITH("channels=48", "range=80", "points_per_second=960000", "rotation_frequency=20", "upper_fov=20", "lower_fov=-24"));
    heard h = { 0 };
    ticks(w, 20, 0.05, sink_of(&h));
    const uint8_t *depth = h.copy[TOWN_CAMERA_DEPTH], *label = h.copy[TOWN_CAMERA_INSTANCE];
    const town_measurement *m = &h.last[TOWN_LIDAR_SEMANTIC];
    const town_semantic_point *points = h.copy[TOWN_LIDAR_SEMANTIC];
    assert_int_equal(m->channel_count, 48);
    size_t sum = 0;
    for (int c = 0; c < 48; c++) {
        assert_in_range(h.channels[TOWN_LIDAR_SEMANTIC][c], 0, 1000);
        sum += h.channels[TOWN_LIDAR_SEMANTIC][c];
    }
    assert_int_equal(sum, m->item_count);
    int seen = 0, agree = 0, tags = 0, on_actor = 0, actors = 0;
    for (size_t i = 0; i < m->item_count; i++) {
        const town_semantic_point *p = &points[i];
        if (p->x < 1)
            continue;
        double u = WIDTH / 2.0 + WIDTH / 2.0 * p->y / p->x, v = HEIGHT / 2.0 - WIDTH / 2.0 * p->z / p->x;
        if (u < 1 || v < 1 || u >= WIDTH - 1 || v >= HEIGHT - 1)
            continue;
        int x = (int)u, y = (int)v;
        /* The pixel's centre is up to 0.7 pixels away: its neighbours bound what a smooth surface may show there. */
        double lo = 1e9, hi = 0;
        bool same = true;
        const uint8_t *here = label + ((size_t)y * WIDTH + x) * 4;
        for (int dy = -1; dy <= 1; dy++)
            for (int dx = -1; dx <= 1; dx++) {
                size_t at = ((size_t)(y + dy) * WIDTH + x + dx) * 4;
                lo = fmin(lo, depth_of(depth + at));
                hi = fmax(hi, depth_of(depth + at));
                same = same && !memcmp(label + at, here, 4);
            }
        if (!same)
            continue; /* an outline */
        seen++;
        agree += p->x > lo - 0.01 && p->x < hi + 0.01;
        tags += p->tag == here[2];
        if (p->actor_id) {
            on_actor++;
            actors += p->actor_id == (uint32_t)(here[1] + 256 * here[0]);
        }
        assert_true(p->cos_incidence >= 0 && p->cos_incidence <= 1.0001f);
        assert_true(sqrt(p->x * p->x + p->y * p->y + p->z * p->z) <= 80.001);
    }
    print_message("lidar: %d points inside surfaces of the picture, %d agree, %d by tag, %d on actors\n", seen, agree, tags,
                  on_actor);
    assert_true(seen > 2000 && on_actor > 50);
    assert_true(agree > seen * 0.995);
    assert_true(tags > seen * 0.995);
    assert_int_equal(actors, on_actor);
    forget(&h);
    town_world_destroy(w);
}

/* The head turns by frequency x field of view x dt, and a half turn ahead of it lies at angle hfov / 2. */
static void test_lidar_turns_with_time(void **state)
{
    const fixture *f = *state;
    town_world *w = world_on(f, NULL);
    spawn(w, "sensor.lidar.ray_cast_semantic", pose_ahead(f, 0, 0, 0, 2), 0,
          WITH("channels=1", "range=100", "points_per_second=2000", "rotation_frequency=5", "upper_fov=-20", "lower_fov=-20"));
    heard h = { 0 };
    for (int tick = 1; tick <= 9; tick++) {
        ticks(w, 1, 0.05, sink_of(&h)); /* a quarter turn each */
        double want = fmod(90.0 * tick, 360);
        assert_true(fabs(BASE_DEG(h.last[TOWN_LIDAR_SEMANTIC].horizontal_angle_rad) - want) < 1e-3);
        const town_semantic_point *p = h.copy[TOWN_LIDAR_SEMANTIC];
        assert_int_equal(h.last[TOWN_LIDAR_SEMANTIC].item_count, 100); /* the ground, all around */
        double first = BASE_DEG(atan2(p[0].y, p[0].x)), last = BASE_DEG(atan2(p[99].y, p[99].x));
        assert_true(fabs(base_wrap_deg(first - (90.0 * (tick - 1) - 180))) < 1e-3);
        assert_true(fabs(base_wrap_deg(last - (90.0 * tick - 180 - 0.9))) < 1e-3);
        for (int i = 0; i < 100; i++) {
            double level = sqrt((double)p[i].x * p[i].x + (double)p[i].y * p[i].y);
            assert_true(fabs(p[i].z / level - tan(BASE_RAD(-20))) < 1e-5);
        }
    }
    forget(&h);
    town_world_destroy(w);
}

static void test_lidar_loses_points_as_told(void **state)
{
    const fixture *f = *state;
    static const struct {
        const char *general, *limit, *zero, *attenuation;
        double want; /* share of the returns that stay; every distance below is about 5.85 m */
    } cases[] = {
        { "0.0", "1.0", "0.0", "0.004", 1 },
        { "0.45", "0.0", "0.4", "0.004", 0.55 },
        { "0.0", "1.0", "0.6", "0.1", 0.4 + 0.6 * 0.557 }, /* below the limit: slope x intensity + 1 - zero */
        { "0.5", "0.5", "1.0", "0.5", 0.5 * 0.0537 / 0.5 },
    };
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        town_world *w = world_on(f, NULL);
        char general[64], limit[64], zero[64], attenuation[64];
        snprintf(general, sizeof general, "dropoff_general_rate=%s", cases[c].general);
        snprintf(limit, sizeof limit, "dropoff_intensity_limit=%s", cases[c].limit);
        snprintf(zero, sizeof zero, "dropoff_zero_intensity=%s", cases[c].zero);
        snprintf(attenuation, sizeof attenuation, "atmosphere_attenuation_rate=%s", cases[c].attenuation);
        spawn(w, "sensor.lidar.ray_cast", pose_ahead(f, 0, 0, 0, 1.5), 0,
              WITH("channels=1", "range=100", "points_per_second=400000", "upper_fov=-20", "lower_fov=-20", "horizontal_fov=40",
                   "noise_stddev=0.05", general, limit, zero, attenuation));
        heard h = { 0 };
        ticks(w, 1, 0.05, sink_of(&h));
        size_t n = h.last[TOWN_LIDAR].item_count;
        const town_lidar_point *p = h.copy[TOWN_LIDAR];
        double share = n / 20000.0, rate = strtod(cases[c].attenuation, NULL), sum = 0, square = 0;
        for (size_t i = 0; i < n; i++) {
            double noisy = sqrt((double)p[i].x * p[i].x + (double)p[i].y * p[i].y + (double)p[i].z * p[i].z);
            double off = noisy + log(p[i].intensity) / rate; /* intensity tells the distance before the noise */
            sum += off;
            square += off * off;
        }
        print_message("drop-off case %zu: %.4f of the points stay, expected %.4f; noise %.4f m\n", c, share, cases[c].want,
                      sqrt(square / n));
        assert_true(fabs(share - cases[c].want) < 0.02);
        assert_true(fabs(sum / n) < 0.05 * 4 / sqrt(n) + 1e-3 && fabs(sqrt(square / n) - 0.05) < 0.004);
        forget(&h);
        town_world_destroy(w);
    }
}

/* ---- radar and obstacle */

static void test_radar_measures_speed(void **state)
{
    const fixture *f = *state;
    town_world *w = world_on(f, NULL);
    uint32_t ego = spawn(w, "vehicle.lincoln.mkz_2020", pose_ahead(f, 0, 0, 0, 0), 0, NULL);
    uint32_t car = spawn(w, "vehicle.audi.tt", pose_ahead(f, 0, 20, 0, 0), 0, NULL);
    base_pose front = { { 2.6, 0, 0.8 }, { 0, 0, 0 } };
    spawn(w, "sensor.other.radar", front, ego, WITH("points_per_second=20000", "horizontal_fov=20", "vertical_fov=10"));
    town_constant_velocity_set(w, ego, true, (base_vec3){ 4, 0, 0 });
    town_constant_velocity_set(w, car, true, (base_vec3){ 10, 0, 0 });
    heard h = { 0 };
    ticks(w, 10, 0.05, sink_of(&h));
    const town_radar_detection *d = h.copy[TOWN_RADAR];
    size_t n = h.last[TOWN_RADAR].item_count;
    int car_hits = 0, still = 0, other = 0;
    for (size_t i = 0; i < n; i++) {
        assert_true(fabs(d[i].azimuth_rad) <= BASE_RAD(10) + 1e-5 && fabs(d[i].altitude_rad) <= BASE_RAD(5) + 1e-5);
        double ahead = cos(d[i].azimuth_rad) * cos(d[i].altitude_rad);
        if (fabs(d[i].velocity_mps - 6 * ahead) < 0.2)
            car_hits++;
        else if (fabs(d[i].velocity_mps + 4 * ahead) < 0.3)
            still++;
        else
            other++;
        if (fabs(d[i].velocity_mps - 6 * ahead) < 0.2)
            assert_true(d[i].depth_m > 14 && d[i].depth_m < 23);
    }
    print_message("radar: %zu returns, %d from the car, %d from what stands, %d others\n", n, car_hits, still, other);
    assert_true(car_hits > 50 && still > 50);
    assert_true(other < (int)n / 50);
    forget(&h);
    town_world_destroy(w);
}

static void test_obstacle_sees_what_is_ahead(void **state)
{
    const fixture *f = *state;
    town_world *w = world_on(f, NULL);
    uint32_t ego = spawn(w, "vehicle.lincoln.mkz_2020", pose_ahead(f, 0, 0, 0, 0), 0, NULL);
    base_pose nose = { { 0, 0, 1.0 }, { 0, 0, 0 } }; /* inside the car: its own body does not count */
    spawn(w, "sensor.other.obstacle", nose, ego, WITH("distance=12", "hit_radius=0.5"));
    heard h = { 0 };
    ticks(w, 40, 0.05, sink_of(&h));
    assert_int_equal(h.count[TOWN_OBSTACLE], 0); /* the road is 0.5 m below the ball */
    town_actor_view v;
    assert_true(town_actor_get(w, ego, &v));
    base_pose ahead = { { 9, 0, 0.5 }, { 0, 90, 0 } };
    uint32_t box = spawn(w, "static.prop.streetbarrier", base_pose_compose(&v.pose, &ahead), 0, NULL);
    uint32_t car = spawn(w, "vehicle.audi.tt", pose_ahead(f, 0, 16, 0, 0), 0, NULL);
    (void)car;
    ticks(w, 20, 0.05, sink_of(&h));
    assert_int_equal(h.count[TOWN_OBSTACLE], 20);
    const town_measurement *m = &h.last[TOWN_OBSTACLE];
    assert_int_equal(m->other_id, box);
    assert_true(m->distance_m > 7 && m->distance_m < 9);
    forget(&h);
    town_world_destroy(w);

    /* A wall of scenery: only_dynamics does not see it, the ball stops its radius short. */
    w = world_on(f, NULL);
    base_pose down = pose_ahead(f, 0, 0, 0, 3);
    down.rotation.pitch_deg = -90;
    uint32_t all = spawn(w, "sensor.other.obstacle", down, 0, WITH("distance=8", "hit_radius=0.75"));
    uint32_t ray = spawn(w, "sensor.lidar.ray_cast_semantic", down, 0,
                         WITH("channels=1", "points_per_second=20", "upper_fov=0", "lower_fov=0", "horizontal_fov=0.001"));
    (void)ray;
    ticks(w, 1, 0.05, sink_of(&h));
    m = &h.last[TOWN_OBSTACLE];
    assert_int_equal(m->other_id, 0);
    assert_int_equal(m->actor_id, all);
    const town_semantic_point *p = h.copy[TOWN_LIDAR_SEMANTIC];
    assert_int_equal(h.last[TOWN_LIDAR_SEMANTIC].item_count, 1);
    assert_true(fabs(p->x - 0.75 - m->distance_m) < 0.01);
    town_destroy(w, all);
    spawn(w, "sensor.other.obstacle", down, 0, WITH("distance=8", "hit_radius=0.75", "only_dynamics=true"));
    int before = h.count[TOWN_OBSTACLE];
    ticks(w, 3, 0.05, sink_of(&h));
    assert_int_equal(h.count[TOWN_OBSTACLE], before);
    forget(&h);
    town_world_destroy(w);
}

/* ---- cameras that see more than colour */

typedef struct eye {
    base_pose pose;
    double focal, cx, cy;
} eye;

static eye eye_of(const town_measurement *m)
{
    double f = m->width_px / (2 * tan(BASE_RAD((double)m->fov_deg) / 2));
    return (eye){ m->pose, f, m->width_px / 2.0, m->height_px / 2.0 };
}

/* The world's point that pixel (x, y) shows. */
static base_vec3 point_at(const eye *e, const uint8_t *depth, int width, int x, int y)
{
    double d = depth_of(depth + ((size_t)y * (size_t)width + (size_t)x) * 4);
    return base_pose_to_world(&e->pose, (base_vec3){ d, d * (x + 0.5 - e->cx) / e->focal, d * (e->cy - y - 0.5) / e->focal });
}

/* No outline within a pixel of (x, y): one thing, without a step in depth. */
static bool is_inside(const uint8_t *label, const uint8_t *depth, int width, int x, int y)
{
    size_t here = ((size_t)y * (size_t)width + (size_t)x) * 4;
    double d = depth_of(depth + here);
    for (int dy = -1; dy <= 1; dy++)
        for (int dx = -1; dx <= 1; dx++) {
            size_t at = here + (size_t)((dy * width + dx) * 4);
            if (memcmp(label + at, label + here, 4) || fabs(depth_of(depth + at) - d) > 0.02 * d)
                return false;
        }
    return true;
}

static void test_normals_stand_on_the_surfaces(void **state)
{
    const fixture *f = *state;
    town_world *w = world_on(f, NULL);
    base_pose from = pose_ahead(f, 0, 0, 0, 3);
    from.rotation = (base_rotation){ -10, from.rotation.yaw_deg + 35, 5 };
    const char *const *size = WITH("image_size_x=512", "image_size_y=256", "fov=70");
    spawn(w, "sensor.camera.depth", from, 0, size);
    spawn(w, "sensor.camera.instance_segmentation", from, 0, size);
    spawn(w, "sensor.camera.normals", from, 0, size);
    heard h = { 0 };
    ticks(w, 1, 0.05, sink_of(&h));
    const uint8_t *depth = h.copy[TOWN_CAMERA_DEPTH], *label = h.copy[TOWN_CAMERA_INSTANCE], *n = h.copy[TOWN_CAMERA_NORMALS];
    eye e = eye_of(&h.last[TOWN_CAMERA_DEPTH]);
    int seen = 0, agree = 0, walls = 0;
    for (int y = 1; y < 255; y++)
        for (int x = 1; x < 511; x++) {
            size_t at = ((size_t)y * 512 + (size_t)x) * 4;
            uint8_t tag = label[at + 2];
            double d = depth_of(depth + at);
            if ((tag != SCENE_TAG_ROADS && tag != SCENE_TAG_BUILDINGS) || d > 40 || !is_inside(label, depth, 512, x, y))
                continue; /* what is flat, and near enough for 24 bits of depth */
            base_vec3 right = base_vec3_sub(point_at(&e, depth, 512, x + 1, y), point_at(&e, depth, 512, x - 1, y));
            base_vec3 down = base_vec3_sub(point_at(&e, depth, 512, x, y + 1), point_at(&e, depth, 512, x, y - 1));
            base_vec3 want = base_vec3_cross(right, down); /* towards the eye */
            base_vec3 got = { n[at + 2] / 127.5 - 1, n[at + 1] / 127.5 - 1, n[at] / 127.5 - 1 };
            assert_true(fabs(base_vec3_length(got) - 1) < 0.02);
            double cosine = base_vec3_dot(got, want) / (base_vec3_length(got) * base_vec3_length(want));
            seen++;
            walls += tag == SCENE_TAG_BUILDINGS;
            agree += cosine > cos(BASE_RAD(4));
        }
    print_message("normals: %d pixels, %d of them walls, %d within 4 degrees of what depth says\n", seen, walls, agree);
    assert_true(seen > 10000);
    assert_true(agree > seen * 0.98);
    forget(&h);
    town_world_destroy(w);
}

static void test_flow_is_the_motion_of_what_is_seen(void **state)
{
    const fixture *f = *state;
    town_world *w = world_on(f, NULL);
    uint32_t ego = spawn(w, "vehicle.lincoln.mkz_2020", pose_ahead(f, 0, 0, 0, 0), 0, NULL);
    uint32_t other = spawn(w, "vehicle.audi.tt", pose_ahead(f, 0, 11, 1, 0), 0, NULL);
    base_pose front = { { 1.5, 0, 1.8 }, { -8, 0, 0 } };
    const char *const *size = WITH("image_size_x=512", "image_size_y=256");
    uint32_t camera = spawn(w, "sensor.camera.optical_flow", front, ego, size);
    spawn(w, "sensor.camera.depth", front, ego, size);
    spawn(w, "sensor.camera.instance_segmentation", front, ego, size);
    town_constant_velocity_set(w, ego, true, (base_vec3){ 12, 0, 0 });
    town_constant_velocity_set(w, other, true, (base_vec3){ 9, 2, 0 });
    town_vehicle_control_set(w, ego, (town_vehicle_control){ .steer = 0.4f });
    heard h = { 0 };
    ticks(w, 1, 0.05, sink_of(&h));
    const float *flow = h.copy[TOWN_CAMERA_FLOW];
    for (int i = 0; i < 512 * 256 * 2; i++)
        assert_true(fabsf(flow[i]) < 1e-6f); /* nothing to compare with */
    ticks(w, 4, 0.05, sink_of(&h));
    town_actor_view eye_before, car_before, car_now;
    town_actor_get(w, camera, &eye_before);
    town_actor_get(w, other, &car_before);
    ticks(w, 1, 0.05, sink_of(&h));
    town_actor_get(w, other, &car_now);
    const uint8_t *depth = h.copy[TOWN_CAMERA_DEPTH], *label = h.copy[TOWN_CAMERA_INSTANCE];
    eye e = eye_of(&h.last[TOWN_CAMERA_DEPTH]);
    flow = h.copy[TOWN_CAMERA_FLOW];
    int seen = 0, agree = 0, on_car = 0, car_agree = 0, sky = 0, sky_agree = 0;
    double farthest = 0;
    for (int y = 1; y < 255; y++)
        for (int x = 1; x < 511; x++) {
            size_t at = (size_t)y * 512 + (size_t)x;
            if (!is_inside(label, depth, 512, x, y))
                continue;
            bool is_sky = label[4 * at + 2] == SCENE_TAG_SKY;
            uint32_t id = label[4 * at + 1] + 256u * label[4 * at];
            base_vec3 p = point_at(&e, depth, 512, x, y);
            if (is_sky) /* farther than 1000 m, so that the camera's own step does not count */
                p = base_vec3_add(e.pose.location, base_vec3_scale(base_vec3_sub(p, e.pose.location), 1e6));
            if (id == other)
                p = base_pose_to_world(&car_before.pose, base_pose_to_local(&car_now.pose, p));
            base_vec3 q = base_pose_to_local(&eye_before.pose, p);
            double dx = x + 0.5 - (e.cx + e.focal * q.y / q.x), dy = y + 0.5 - (e.cy - e.focal * q.z / q.x);
            if (fabs(dx) > 250 || fabs(dy) > 120)
                continue;
            farthest = fmax(farthest, hypot(dx, dy));
            bool same = fabs(flow[2 * at] * 256 - dx) < 0.05 && fabs(flow[2 * at + 1] * -128 - dy) < 0.05;
            if (is_sky) {
                sky++;
                sky_agree += same;
            } else if (id == other) {
                on_car++;
                car_agree += same;
            } else {
                seen++;
                agree += same;
            }
        }
    print_message("flow up to %.1f pixels: scenery %d of %d, car %d of %d, sky %d of %d\n", farthest, agree, seen, car_agree,
                  on_car, sky_agree, sky);
    assert_true(farthest > 10 && seen > 20000 && on_car > 300 && sky > 1000);
    assert_true(agree > seen * 0.99 && sky_agree == sky);
    assert_true(car_agree > on_car * 0.7); /* wheels turn beside, and roll on their own */
    forget(&h);
    town_world_destroy(w);
}

/* A dynamic vision sensor's promise: at any time the events of a pixel, a threshold each, add up to its brightness to within
 * one threshold. */
static void test_dvs_follows_the_brightness(void **state)
{
    const fixture *f = *state;
    town_world *w = world_on(f, NULL);
    uint32_t ego = spawn(w, "vehicle.lincoln.mkz_2020", pose_ahead(f, 0, 0, 0, 0), 0, NULL);
    base_pose front = { { 1.5, 0, 1.8 }, { -8, 0, 0 } };
    spawn(w, "sensor.camera.rgb", front, ego, WITH("image_size_x=128", "image_size_y=64"));
    spawn(w, "sensor.camera.dvs", front, ego,
          WITH("image_size_x=128", "image_size_y=64", "positive_threshold=0.25", "negative_threshold=0.35", "log_eps=0.01"));
    town_constant_velocity_set(w, ego, true, (base_vec3){ 10, 0, 0 });
    heard h = { 0 };
    ticks(w, 1, 0.05, sink_of(&h));
    assert_int_equal(h.count[TOWN_CAMERA_DVS], 0); /* the first picture */
    enum { PIXELS = 128 * 64 };
    double *first = malloc(PIXELS * sizeof *first), *sum = calloc(PIXELS, sizeof *sum);
    assert_true(first && sum);
    size_t events = 0;
    int64_t from = 0;
    for (int tick = 0; tick < 20; tick++) {
        const uint8_t *c = h.copy[TOWN_CAMERA_RGB];
        int64_t last = (int64_t)(h.last[TOWN_CAMERA_RGB].time_s * 1e9);
        for (int i = 0; i < PIXELS; i++) {
            double level = log(0.01 + (0.2989 * c[4 * i + 2] + 0.587 * c[4 * i + 1] + 0.114 * c[4 * i]) / 255);
            if (tick == 0)
                first[i] = level;
            double off = level - first[i] - sum[i];
            if (!(off < 0.25 + 1e-4 && off > -0.35 - 1e-4))
                fail_msg("tick %d pixel %d: brightness is %.4f from what the events say", tick, i, off);
        }
        from = last;
        ticks(w, 1, 0.05, sink_of(&h));
        const town_dvs_event *e = h.copy[TOWN_CAMERA_DVS];
        const town_measurement *m = &h.last[TOWN_CAMERA_DVS];
        assert_true(m->frame == h.last[TOWN_CAMERA_RGB].frame);
        for (size_t i = 0; i < m->item_count; i++) {
            assert_true(e[i].x < 128 && e[i].y < 64);
            assert_true(e[i].time_ns >= from && e[i].time_ns <= (int64_t)(m->time_s * 1e9) + 1);
            assert_true(i == 0 || e[i].time_ns >= e[i - 1].time_ns);
            sum[e[i].y * 128 + e[i].x] += e[i].brighter ? 0.25 : -0.35;
        }
        events += m->item_count;
    }
    print_message("dvs: %zu events in 20 frames\n", events);
    assert_true(events > 1000);
    free(first);
    free(sum);
    forget(&h);
    town_world_destroy(w);
}

/* Two rest periods instead of one: fewer events, and never two of a pixel within the period. */
static void test_dvs_rests(void **state)
{
    const fixture *f = *state;
    town_world *w = world_on(f, NULL);
    uint32_t ego = spawn(w, "vehicle.lincoln.mkz_2020", pose_ahead(f, 0, 0, 0, 0), 0, NULL);
    base_pose front = { { 1.5, 0, 1.8 }, { -8, 0, 0 } };
    spawn(w, "sensor.camera.dvs", front, ego,
          WITH("image_size_x=128", "image_size_y=64", "positive_threshold=0.1", "negative_threshold=0.1", "use_log=true",
               "refractory_period_ns=30000000"));
    town_constant_velocity_set(w, ego, true, (base_vec3){ 10, 0, 0 });
    heard h = { 0 };
    int64_t *last = malloc(128 * 64 * sizeof *last);
    assert_non_null(last);
    for (int i = 0; i < 128 * 64; i++)
        last[i] = INT64_MIN / 2;
    size_t events = 0;
    for (int tick = 0; tick < 10; tick++) {
        int before = h.count[TOWN_CAMERA_DVS];
        ticks(w, 1, 0.05, sink_of(&h));
        const town_dvs_event *e = h.copy[TOWN_CAMERA_DVS];
        for (size_t i = 0; h.count[TOWN_CAMERA_DVS] > before && i < h.last[TOWN_CAMERA_DVS].item_count; i++) {
            int64_t *mine = &last[e[i].y * 128 + e[i].x];
            assert_true(e[i].time_ns - *mine >= 30000000);
            *mine = e[i].time_ns;
            events++;
        }
    }
    assert_true(events > 300);
    free(last);
    forget(&h);
    town_world_destroy(w);
}

/* ---- all of them */

/* idle: ticks of the world before the episode begins in which all happens. */
static uint32_t crc_of_run(const fixture *f, int threads, int idle)
{
    base_error err = { 0 };
    base_pool *pool = base_pool_create(threads, &err);
    town_world *w = world_on(f, pool);
    ticks(w, idle, 0.037, (town_sink){ 0 });
    assert_true(town_episode_restart(w, f->map, false, &err));
    uint32_t ego = spawn(w, "vehicle.lincoln.mkz_2020", pose_ahead(f, 0, 0, 0, 0), 0, NULL);
    spawn(w, "vehicle.audi.tt", pose_ahead(f, 0, 15, 0, 0), 0, NULL);
    base_pose roof = { { 0, 0, 2.2 }, { 0, 0, 0 } };
    spawn(w, "sensor.lidar.ray_cast", roof, ego, WITH("range=60", "noise_stddev=0.02", "points_per_second=200000"));
    spawn(w, "sensor.lidar.ray_cast_semantic", roof, ego, WITH("range=60", "points_per_second=200000"));
    spawn(w, "sensor.other.radar", roof, ego, WITH("points_per_second=20000"));
    spawn(w, "sensor.other.obstacle", roof, ego, WITH("distance=30"));
    const char *const *size = WITH("image_size_x=256", "image_size_y=128");
    spawn(w, "sensor.camera.normals", roof, ego, size);
    spawn(w, "sensor.camera.optical_flow", roof, ego, size);
    spawn(w, "sensor.camera.dvs", roof, ego,
          WITH("image_size_x=256", "image_size_y=128", "sigma_positive_threshold=0.1", "sigma_negative_threshold=0.1"));
    spawn(w, "sensor.other.imu", roof, ego, WITH("noise_accel_stddev_x=0.1", "noise_gyro_stddev_z=0.1"));
    spawn(w, "sensor.other.gnss", roof, ego, WITH("noise_lat_stddev=0.001"));
    town_vehicle_control_set(w, ego, (town_vehicle_control){ .throttle = 0.6f });
    heard h = { 0 };
    ticks(w, 30, 0.05, sink_of(&h));
    uint32_t crc = h.crc;
    forget(&h);
    town_world_destroy(w);
    base_pool_destroy(pool);
    return crc;
}

static void test_same_bytes_for_any_threads(void **state)
{
    uint32_t one = crc_of_run(*state, 1, 0);
    assert_int_equal(crc_of_run(*state, 1, 0), one);
    assert_int_equal(crc_of_run(*state, 2, 0), one);
    assert_int_equal(crc_of_run(*state, 5, 0), one);
}

/* A server ticks by itself until a client makes it synchronous, how often nobody knows: an episode that begins then is the same. */
static void test_an_episode_forgets_what_was_before(void **state)
{
    uint32_t one = crc_of_run(*state, 1, 0);
    assert_int_equal(crc_of_run(*state, 1, 1), one);
    assert_int_equal(crc_of_run(*state, 1, 17), one);
}

static void test_compass_goes_around(void **state)
{
    static const double yaw_deg[] = { -90, -89, 0, 90, 179, -180, -91, 400, -1000 };
    for (size_t i = 0; i < sizeof yaw_deg / sizeof *yaw_deg; i++) {
        town_world *w = world_on(*state, NULL);
        spawn(w, "sensor.other.imu", (base_pose){ .rotation.yaw_deg = yaw_deg[i] }, 0, NULL);
        heard h = { 0 };
        ticks(w, 1, 0.05, sink_of(&h));
        double compass = h.last[TOWN_IMU].compass_rad, want = BASE_RAD(fmod(yaw_deg[i] + 90 + 3600, 360));
        if (fabs(compass - want) > 1e-6)
            fail_msg("yaw %g: compass %g, expected %g", yaw_deg[i], compass, want);
        forget(&h);
        town_world_destroy(w);
    }
}

static void test_nonsense_is_refused(void **state)
{
    const fixture *f = *state;
    static const struct {
        const char *id, *attribute, *why;
    } cases[] = {
        { "sensor.lidar.ray_cast", "channels=0", "no channel" },
        { "sensor.lidar.ray_cast", "channels=2.5", "half a channel" },
        { "sensor.lidar.ray_cast", "channels=100000000", "sizes an allocation" },
        { "sensor.lidar.ray_cast", "points_per_second=1e300", "sizes an allocation" },
        { "sensor.lidar.ray_cast", "range=nan", "no number" },
        { "sensor.lidar.ray_cast", "horizontal_fov=0", "the angle is taken modulo it" },
        { "sensor.lidar.ray_cast_semantic", "upper_fov=x", "no number" },
        { "sensor.other.radar", "horizontal_fov=180", "tan of 90 degrees" },
        { "sensor.other.obstacle", "hit_radius=-1", "negative" },
        { "sensor.other.imu", "noise_accel_stddev_x=nan", "no number" },
        { "sensor.other.imu", "noise_gyro_bias_z=much", "no number" },
        { "sensor.other.gnss", "noise_lat_bias=1e400", "no number" },
        { "sensor.other.gnss", "noise_seed=x", "no number" },
        { "sensor.camera.depth", "sensor_tick=often", "no number" },
        { "sensor.other.radar", "sensor_tick=nan", "no number" },
    };
    town_world *w = world_on(f, NULL);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[64];
        snprintf(text, sizeof text, "%s", cases[i].attribute);
        *strchr(text, '=') = 0;
        town_attribute a = { text, TOWN_STRING, text + strlen(text) + 1 };
        town_description d = { 0, cases[i].id, &a, 1 };
        base_error err = { 0 };
        if (town_spawn(w, &d, (base_pose){ 0 }, 0, TOWN_RIGID, &err))
            fail_msg("%s with %s (%s) was accepted", cases[i].id, cases[i].attribute, cases[i].why);
        assert_non_null(strstr(err.text, "invalid actor description"));
    }
    town_world_destroy(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lidar_agrees_with_the_cameras),
        cmocka_unit_test(test_lidar_turns_with_time),
        cmocka_unit_test(test_lidar_loses_points_as_told),
        cmocka_unit_test(test_radar_measures_speed),
        cmocka_unit_test(test_obstacle_sees_what_is_ahead),
        cmocka_unit_test(test_normals_stand_on_the_surfaces),
        cmocka_unit_test(test_flow_is_the_motion_of_what_is_seen),
        cmocka_unit_test(test_dvs_follows_the_brightness),
        cmocka_unit_test(test_dvs_rests),
        cmocka_unit_test(test_same_bytes_for_any_threads),
        cmocka_unit_test(test_an_episode_forgets_what_was_before),
        cmocka_unit_test(test_compass_goes_around),
        cmocka_unit_test(test_nonsense_is_refused),
    };
    if (THREAD_SANITIZED)
        cmocka_set_test_filter(TESTS_WITH_THREADS);
    return cmocka_run_group_tests(tests, load, unload);
}
