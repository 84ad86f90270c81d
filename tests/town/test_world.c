/* The world: actors, attachment, collisions, sensors, lights, and that the same calls give the same bytes. */
#include "base/file.h"
#include "sim/town/town.h"
#include "sim/scene/scene.h"
#include "tests/support/sanitized.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define TRAINING "configs/maps/training_loop.xodr"
static const town_sink deaf = { NULL, NULL, NULL, NULL };

static town_world *world_on(const town_map *map, base_pool *pool)
{
    town_options o = town_options_default();
    base_error err = { 0 };
    o.pool = pool;
    town_world *w = town_world_create(map, &o, &err);
    if (!w)
        fail_msg("%s", err.text);
    return w;
}

static base_pose at(double x, double y, double z, double yaw) { return (base_pose){ { x, y, z }, { 0, yaw, 0 } }; }

static uint32_t spawn(town_world *w, const char *id, base_pose pose, uint32_t parent, const town_attribute *attributes,
                      int count)
{
    base_error err = { 0 };
    town_description d = { 0, id, attributes, count };
    uint32_t actor = town_spawn(w, &d, pose, parent, TOWN_RIGID, &err);
    if (!actor)
        fail_msg("%s: %s", id, err.text);
    return actor;
}

static const char *spawn_fault(town_world *w, const char *id, base_pose pose, const town_attribute *attributes, int count)
{
    static base_error err;
    town_description d = { 0, id, attributes, count };
    err.text[0] = 0;
    assert_int_equal(town_spawn(w, &d, pose, 0, TOWN_RIGID, &err), 0);
    return err.text;
}

static void ticks(town_world *w, int count, town_sink sink)
{
    base_error err = { 0 };
    for (int i = 0; i < count; i++)
        if (!town_tick(w, 0.05, sink, &err))
            fail_msg("tick %d: %s", i, err.text);
}

static town_actor_view view(const town_world *w, uint32_t id)
{
    town_actor_view v;
    assert_true(town_actor_get(w, id, &v));
    return v;
}

static void test_actors_come_and_go(void **state)
{
    (void)state;
    town_world *w = world_on(NULL, NULL);
    uint32_t a = spawn(w, "vehicle.tesla.model3", at(0, 0, 0.5, 0), 0, NULL, 0);
    uint32_t b = spawn(w, "vehicle.audi.tt", at(10, 0, 0.5, 0), 0, NULL, 0);
    assert_true(b > a && a > town_spectator(w));
    assert_string_equal(view(w, a).type_id, "vehicle.tesla.model3");
    assert_true(town_destroy(w, a));
    assert_false(town_destroy(w, a));
    assert_false(town_vehicle_control_set(w, a, (town_vehicle_control){ 0 }));
    uint32_t c = spawn(w, "vehicle.tesla.model3", at(0, 0, 0.5, 0), 0, NULL, 0);
    assert_true(c > b); /* ids are never used again: clients cache descriptions by id */
    assert_false(town_destroy(w, town_spectator(w)));
    assert_int_equal(town_actor_count(w), 3);
    town_world_destroy(w);
}

/* A wheel that the hand brake has locked slides; on a wet road it slides farther, with puddles farther still. */
static void test_wet_roads_grip_less(void **state)
{
    (void)state;
    static const struct {
        float wetness, puddles;
        double low, high; /* way of braking against the dry road's */
    } roads[] = { { 0, 0, 1, 1 }, { 50, 0, 1.08, 1.45 }, { 100, 0, 1.25, 1.8 }, { 100, 100, 1.5, 2.4 } };
    double dry = 0;
    for (size_t i = 0; i < sizeof roads / sizeof roads[0]; i++) {
        town_world *w = world_on(NULL, NULL);
        town_weather weather = town_weather_get(w);
        weather.wetness = roads[i].wetness;
        weather.precipitation_deposits = roads[i].puddles;
        town_weather_set(w, &weather);
        uint32_t car = spawn(w, "vehicle.tesla.model3", at(0, 0, 0.05, 0), 0, NULL, 0);
        ticks(w, 10, deaf);
        assert_true(town_vehicle_control_set(w, car, (town_vehicle_control){ .throttle = 0.6f }));
        for (int k = 0; k < 400 && view(w, car).velocity_mps.x < 20; k++)
            ticks(w, 1, deaf);
        double from = view(w, car).pose.location.x, speed = view(w, car).velocity_mps.x;
        assert_true(town_vehicle_control_set(w, car, (town_vehicle_control){ .hand_brake = true }));
        ticks(w, 300, deaf);
        double way = (view(w, car).pose.location.x - from) / (speed * speed);
        dry = i ? dry : way;
        assert_true(fabs(view(w, car).velocity_mps.x) < 0.1 && way > 0);
        if (way / dry < roads[i].low - 1e-9 || way / dry > roads[i].high + 1e-9)
            fail_msg("wetness %g, puddles %g: %.2f times the dry road's way", (double)roads[i].wetness,
                     (double)roads[i].puddles, way / dry);
        town_world_destroy(w);
    }
}

static void test_spawning_refuses(void **state)
{
    (void)state;
    town_world *w = world_on(NULL, NULL);
    spawn(w, "vehicle.tesla.model3", at(0, 0, 0.5, 0), 0, NULL, 0);
    assert_string_equal(spawn_fault(w, "vehicle.audi.tt", at(3, 0, 0.5, 0), NULL, 0),
                        "Spawn failed because of collision at spawn position");
    assert_string_equal(spawn_fault(w, "vehicle.no.such", at(30, 0, 0, 0), NULL, 0),
                        "Spawn failed because of invalid actor description");
    assert_string_equal(spawn_fault(w, "vehicle.audi.tt", at(NAN, 0, 0, 0), NULL, 0),
                        "Spawn failed because of invalid actor description");
    static const char *const sizes[] = { "0", "-5", "5000", "12.5", "8x", "", "1e400" };
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        town_attribute size = { "image_size_x", TOWN_INT, sizes[i] };
        assert_string_equal(spawn_fault(w, "sensor.camera.rgb", at(0, 0, 2, 0), &size, 1),
                            "Spawn failed because of invalid actor description");
    }
    town_description d = { 0, "sensor.camera.rgb", NULL, 0 };
    base_error err = { 0 };
    assert_int_equal(town_spawn(w, &d, at(0, 0, 2, 0), 4711, TOWN_RIGID, &err), 0);
    assert_string_equal(err.text, "unable to attach actor: parent actor not found");
    /* beside it there is room: the two boxes are 2.164 and 1.994 m wide */
    spawn(w, "vehicle.audi.tt", at(0, 2.3, 0.5, 0), 0, NULL, 0);
    town_world_destroy(w);
}

static void test_blueprints_follow_the_version(void **state)
{
    (void)state;
    for (uint32_t uid = 1; uid <= town_blueprint_count(); uid++) {
        const town_blueprint *b = town_blueprint_at(uid);
        assert_ptr_equal(town_blueprint_find(town_blueprint_id(b)), b);
        for (int version = 13; version <= 16; version++) {
            town_attribute_offer offers[TOWN_ATTRIBUTES_MAX];
            int count = town_blueprint_attributes(b, version, offers);
            bool ros = false, read_only = false;
            assert_string_equal(offers[0].id, "role_name");
            assert_true(count < TOWN_ATTRIBUTES_MAX); /* the list is not cut */
            for (int i = 0; i < count; i++) {
                ros |= !strcmp(offers[i].id, "ros_name");
                read_only |= !offers[i].is_modifiable;
                assert_int_equal(offers[i].is_modifiable, offers[i].recommended != NULL);
            }
            assert_int_equal(ros, version >= 15);
            if (town_blueprint_kind(b) == TOWN_VEHICLE)
                assert_true(read_only);
        }
    }
    assert_null(town_blueprint_at(0));
    assert_null(town_blueprint_at(town_blueprint_count() + 1));
}

static void test_car_falls_and_stands(void **state)
{
    (void)state;
    town_world *w = world_on(NULL, NULL);
    uint32_t car = spawn(w, "vehicle.tesla.model3", at(0, 0, 0.5, 30), 0, NULL, 0);
    ticks(w, 4, deaf); /* 0.2 s: 0.5 - 9.81 * 0.04 / 2 = 0.304 */
    assert_true(fabs(view(w, car).pose.location.z - 0.304) < 0.02);
    ticks(w, 20, deaf);
    town_actor_view v = view(w, car);
    assert_true(v.pose.location.z == 0 && v.velocity_mps.z == 0);
    assert_true(fabs(v.pose.rotation.yaw_deg - 30) < 1e-9);
    assert_true(hypot(v.pose.location.x, v.pose.location.y) < 1e-9);
    town_world_destroy(w);
}

static void test_control_acts_in_the_next_tick(void **state)
{
    (void)state;
    town_world *w = world_on(NULL, NULL);
    uint32_t car = spawn(w, "vehicle.tesla.model3", at(0, 0, 0, 0), 0, NULL, 0);
    ticks(w, 5, deaf);
    assert_true(town_vehicle_control_set(w, car, (town_vehicle_control){ .throttle = 1 }));
    assert_true(view(w, car).velocity_mps.x == 0);
    ticks(w, 1, deaf);
    assert_true(view(w, car).velocity_mps.x > 0.01);
    assert_true(fabs(view(w, car).acceleration_mps2.x - view(w, car).velocity_mps.x / 0.05) < 1e-9);
    /* numbers that are none count as 0, those out of range are cut */
    assert_true(town_vehicle_control_set(w, car, (town_vehicle_control){ .throttle = NAN, .steer = 7, .brake = -INFINITY }));
    town_actor_view v = view(w, car);
    assert_true(v.control.throttle == 0 && v.control.steer == 1 && v.control.brake == 0);
    ticks(w, 100, deaf);
    v = view(w, car);
    assert_true(isfinite(v.pose.location.x + v.pose.location.y + v.pose.rotation.yaw_deg));
    town_world_destroy(w);
}

static void test_attached_sensor_follows(void **state)
{
    (void)state;
    town_world *w = world_on(NULL, NULL);
    uint32_t car = spawn(w, "vehicle.tesla.model3", at(5, 5, 0, 90), 0, NULL, 0);
    uint32_t camera = spawn(w, "sensor.camera.rgb", (base_pose){ { 1.5, 0.2, 1.8 }, { -8, 0, 0 } }, car, NULL, 0);
    town_vehicle_control_set(w, car, (town_vehicle_control){ .throttle = 0.7f, .steer = 0.3f });
    ticks(w, 60, deaf);
    town_actor_view parent = view(w, car), child = view(w, camera);
    base_vec3 want = base_pose_to_world(&parent.pose, (base_vec3){ 1.5, 0.2, 1.8 });
    assert_true(base_vec3_length(base_vec3_sub(child.pose.location, want)) < 1e-9);
    assert_true(fabs(child.pose.rotation.yaw_deg - parent.pose.rotation.yaw_deg) < 1e-6);
    assert_true(fabs(child.pose.rotation.pitch_deg + 8) < 1e-6);
    assert_int_equal(child.parent_id, car);
    town_world_destroy(w);
}

/* ---- collisions ---- */

typedef struct crash {
    int count;
    uint32_t actor, other;
    char type[64];
    base_vec3 impulse;
    uint64_t frame;
} crash;

static void note_crash(void *user, const town_measurement *m)
{
    crash *c = user;
    if (m->kind != TOWN_COLLISION)
        return;
    if (c->count++ == 0) {
        c->actor = m->actor_id;
        c->other = m->other_id;
        strncpy(c->type, m->other_type, sizeof c->type - 1);
        c->impulse = m->normal_impulse_ns;
        c->frame = m->frame;
    }
}

static void test_rear_end_collision(void **state)
{
    (void)state;
    town_world *w = world_on(NULL, NULL);
    uint32_t striker = spawn(w, "vehicle.tesla.model3", at(0, 0, 0, 0), 0, NULL, 0);
    uint32_t parked = spawn(w, "vehicle.lincoln.mkz_2020", at(12, 0, 0, 0), 0, NULL, 0);
    spawn(w, "sensor.other.collision", at(0, 0, 0, 0), striker, NULL, 0);
    crash seen = { 0 };
    town_sink sink = { NULL, NULL, note_crash, &seen };
    ticks(w, 3, sink);
    town_velocity_set(w, striker, (base_vec3){ 10, 0, 0 });
    for (int i = 0; i < 40 && !seen.count; i++)
        ticks(w, 1, sink);
    assert_int_equal(seen.actor, striker);
    assert_int_equal(seen.other, parked);
    assert_string_equal(seen.type, "vehicle.lincoln.mkz_2020");
    assert_int_equal(seen.frame, town_frame(w));
    /* equal masses, restitution 0.1: the impulse is about (1 + 0.1) m v / 2, v about 9.8 m/s */
    assert_true(seen.impulse.x < -0.85 * 1.1 * 1845 * 9.8 / 2 && seen.impulse.x > -1.15 * 1.1 * 1845 * 9.8 / 2);
    assert_true(fabs(seen.impulse.y) < 0.02 * fabs(seen.impulse.x));
    double v1 = view(w, striker).velocity_mps.x, v2 = view(w, parked).velocity_mps.x;
    assert_true(v2 > v1 && v1 > 2 && v2 < 6.5);
    assert_true(view(w, parked).pose.location.x - view(w, striker).pose.location.x > 2.446 + 2.396 - 0.02);
    town_world_destroy(w);
}

static void test_off_centre_hit_turns_the_car(void **state)
{
    (void)state;
    town_world *w = world_on(NULL, NULL);
    uint32_t striker = spawn(w, "vehicle.tesla.model3", at(0, 1.5, 0, 0), 0, NULL, 0);
    uint32_t parked = spawn(w, "vehicle.tesla.model3", at(8, 0, 0, 0), 0, NULL, 0);
    ticks(w, 2, deaf);
    town_velocity_set(w, striker, (base_vec3){ 8, 0, 0 });
    double most = 0;
    for (int i = 0; i < 30; i++) {
        ticks(w, 1, deaf);
        double spin = view(w, parked).angular_velocity_dps.z;
        most = fabs(spin) > fabs(most) ? spin : most;
    }
    /* pushed forward on its right rear corner (y > 0): the nose turns left, yaw falls */
    assert_true(most < -3);
    town_world_destroy(w);
}

static void test_same_height_is_needed(void **state)
{
    (void)state;
    town_world *w = world_on(NULL, NULL);
    uint32_t low = spawn(w, "vehicle.tesla.model3", at(0, 0, 0, 0), 0, NULL, 0);
    uint32_t high = spawn(w, "vehicle.tesla.model3", at(0, 0, 20, 0), 0, NULL, 0);
    town_gravity_set(w, high, false);
    ticks(w, 10, deaf);
    assert_true(view(w, low).velocity_mps.x == 0 && fabs(view(w, high).pose.location.z - 20) < 1e-9);
    assert_true(town_collisions_set(w, low, false));
    spawn(w, "vehicle.audi.tt", at(0, 0, 0.5, 0), 0, NULL, 0); /* through the one without collisions */
    town_world_destroy(w);
}

/* ---- on a map ---- */

typedef struct maps {
    town_map *training;
} maps;

static int load_maps(void **state)
{
    static maps m;
    base_error err = { 0 };
    m.training = town_map_load(TRAINING, &err);
    if (!m.training) {
        print_message("%s\n", err.text);
        return 1;
    }
    *state = &m;
    return 0;
}

static int free_maps(void **state)
{
    town_map_destroy(((maps *)*state)->training);
    return 0;
}

static void test_car_runs_into_scenery(void **state)
{
    town_world *w = world_on(((maps *)*state)->training, NULL);
    int count;
    const base_pose *points = town_map_spawn_points(((maps *)*state)->training, &count);
    assert_true(count > 50);
    int crashes = 0;
    for (int i = 0; i < 8; i++) {
        base_pose start = points[i * count / 8];
        start.rotation.yaw_deg += 90; /* off the road */
        town_description d = { 0, "vehicle.tesla.model3", NULL, 0 };
        uint32_t car = town_spawn(w, &d, start, 0, TOWN_RIGID, NULL);
        if (!car)
            continue;
        uint32_t sensor = spawn(w, "sensor.other.collision", at(0, 0, 0, 0), car, NULL, 0);
        crash seen = { 0 };
        town_sink sink = { NULL, NULL, note_crash, &seen };
        town_vehicle_control_set(w, car, (town_vehicle_control){ .throttle = 0.6f });
        for (int k = 0; k < 200 && !seen.count; k++)
            ticks(w, 1, sink);
        if (seen.count) {
            crashes++;
            assert_int_equal(seen.other, 0);
            assert_memory_equal(seen.type, "static.", 7);
            assert_true(base_vec3_length(seen.impulse) > 1);
            /* Whatever the throttle, the car does not end up inside something: a smaller one fits in its place. */
            ticks(w, 40, sink);
            base_pose end = view(w, car).pose;
            town_destroy(w, car);
            car = spawn(w, "vehicle.audi.a2", end, 0, NULL, 0);
        }
        town_destroy(w, sensor);
        town_destroy(w, car);
    }
    assert_true(crashes >= 4);
    town_world_destroy(w);
}

typedef struct picture {
    uint32_t crc[4];
    int count[8];
    uint8_t bgra[64 * 48 * 4];
    uint64_t frames[8][64];
} picture;

static void take_picture(void *user, const town_measurement *m)
{
    picture *p = user;
    size_t bytes = (size_t)m->width_px * (size_t)m->height_px * 4;
    if (!m->bgra)
        return;
    p->frames[m->kind][p->count[m->kind]++ % 64] = m->frame;
    p->crc[m->kind - TOWN_CAMERA_RGB] = base_crc32(p->crc[m->kind - TOWN_CAMERA_RGB], m->bgra, bytes);
    if (bytes == sizeof p->bgra)
        memcpy(p->bgra, m->bgra, bytes);
}

static const town_attribute small[] = { { "image_size_x", TOWN_INT, "64" }, { "image_size_y", TOWN_INT, "48" } };

static void drive_and_look(const town_map *map, base_pool *pool, picture *p, town_actor_view *last)
{
    town_world *w = world_on(map, pool);
    int count;
    const base_pose *points = town_map_spawn_points(map, &count);
    uint32_t car = spawn(w, "vehicle.lincoln.mkz_2020", points[3], 0, NULL, 0);
    spawn(w, "vehicle.audi.tt", points[5], 0, NULL, 0);
    static const char *const kinds[] = { "sensor.camera.rgb", "sensor.camera.depth", "sensor.camera.semantic_segmentation",
                                         "sensor.camera.instance_segmentation" };
    for (int i = 0; i < 4; i++)
        spawn(w, kinds[i], (base_pose){ { 1.5, 0, 1.8 }, { -8, 0, 0 } }, car, small, 2);
    memset(p, 0, sizeof *p);
    town_sink sink = { NULL, NULL, take_picture, p };
    for (int i = 0; i < 12; i++) {
        town_vehicle_control_set(w, car, (town_vehicle_control){ .throttle = 0.8f, .steer = 0.05f * (float)(i % 3) });
        ticks(w, 1, sink);
    }
    *last = view(w, car);
    town_world_destroy(w);
}

static void test_same_calls_same_bytes(void **state)
{
    const town_map *map = ((maps *)*state)->training;
    static picture one, two;
    town_actor_view a, b;
    base_pool *pool = base_pool_create(2, NULL);
    drive_and_look(map, NULL, &one, &a);
    drive_and_look(map, pool, &two, &b);
    base_pool_destroy(pool);
    assert_memory_equal(one.crc, two.crc, sizeof one.crc);
    assert_memory_equal(&a.pose, &b.pose, sizeof a.pose);
    assert_memory_equal(&a.velocity_mps, &b.velocity_mps, sizeof a.velocity_mps);
    assert_true(a.velocity_mps.x != 0 || a.velocity_mps.y != 0);
    for (int i = 0; i < 4; i++)
        assert_true(one.crc[i] != 0 && (i == 0 || one.crc[i] != one.crc[0]));
}

static void test_cameras_encode_as_carla(void **state)
{
    const town_map *map = ((maps *)*state)->training;
    town_world *w = world_on(map, NULL);
    int count;
    base_pose above = town_map_spawn_points(map, &count)[4];
    above.location.z += 4.5; /* spawn points stand 0.5 m above the lane: 5 m */
    above.rotation.pitch_deg = -90;
    static picture p;
    town_sink sink = { NULL, NULL, take_picture, &p };
    uint32_t depth = spawn(w, "sensor.camera.depth", above, 0, small, 2);
    memset(&p, 0, sizeof p);
    ticks(w, 1, sink);
    const uint8_t *px = p.bgra + (24 * 64 + 32) * 4;
    double metres = (px[2] + 256.0 * px[1] + 65536.0 * px[0]) / 16777215 * 1000;
    assert_true(fabs(metres - 5) < 0.01);
    assert_int_equal(px[3], 255);
    town_destroy(w, depth);
    spawn(w, "sensor.camera.semantic_segmentation", above, 0, small, 2);
    ticks(w, 1, sink);
    int roads = 0;
    for (int i = 0; i < 64 * 48; i++) {
        assert_true(p.bgra[4 * i] == 0 && p.bgra[4 * i + 1] == 0 && p.bgra[4 * i + 3] == 255);
        roads += p.bgra[4 * i + 2] == SCENE_TAG_ROADS;
    }
    assert_int_equal(p.bgra[(24 * 64 + 32) * 4 + 2], SCENE_TAG_ROADS);
    assert_true(roads > 64 * 48 / 5 && roads < 64 * 48);
    town_world_destroy(w);
}

static void test_sensor_tick_skips_frames(void **state)
{
    town_world *w = world_on(((maps *)*state)->training, NULL);
    town_attribute slow[] = { small[0], small[1], { "sensor_tick", TOWN_FLOAT, "0.1" } };
    static picture p;
    memset(&p, 0, sizeof p);
    spawn(w, "sensor.camera.depth", at(0, 0, 5, 0), 0, slow, 3);
    spawn(w, "sensor.camera.semantic_segmentation", at(0, 0, 5, 0), 0, small, 2);
    town_sink sink = { NULL, NULL, take_picture, &p };
    ticks(w, 10, sink);
    assert_int_equal(p.count[TOWN_CAMERA_SEMANTIC], 10);
    assert_int_equal(p.count[TOWN_CAMERA_DEPTH], 5);
    for (int i = 1; i < 5; i++)
        assert_int_equal(p.frames[TOWN_CAMERA_DEPTH][i] - p.frames[TOWN_CAMERA_DEPTH][i - 1], 2);
    town_settings s = town_settings_get(w);
    s.no_rendering_mode = true;
    assert_true(town_settings_set(w, &s, NULL));
    ticks(w, 3, sink);
    assert_int_equal(p.count[TOWN_CAMERA_SEMANTIC], 10);
    town_world_destroy(w);
}

/* What clients may send and the renderer cannot draw: no tick may fail, for a failed tick ends the server. */
static void test_cameras_anywhere(void **state)
{
    static const base_pose poses[] = {
        { { 0, 0, 5 }, { 0, 1e30, 0 } }, /* any finite angle is taken */
        { { 0, 0, 5 }, { -1e9, 0, 1e9 } },
        { { 9e5, -9e5, 9e5 }, { 0, 0, 0 } },
    };
    town_world *w = world_on(((maps *)*state)->training, NULL);
    static picture p;
    memset(&p, 0, sizeof p);
    town_sink sink = { NULL, NULL, take_picture, &p };
    for (int i = 0; i < 3; i++)
        spawn(w, "sensor.camera.depth", poses[i], 0, small, 2);
    uint32_t last = spawn(w, "sensor.other.imu", poses[2], 0, NULL, 0);
    for (int i = 0; i < 14; i++) /* a chain: 15 times 9e5 m from the origin */
        last = spawn(w, i < 13 ? "sensor.other.imu" : "sensor.camera.depth", (base_pose){ { 9e5, 0, 0 }, { 0, 0, 0 } }, last,
                     small, i < 13 ? 0 : 2);
    ticks(w, 2, sink);
    assert_int_equal(p.count[TOWN_CAMERA_DEPTH], 8);
    town_world_destroy(w);
}

static void test_no_push_is_too_hard(void **state)
{
    static const base_vec3 pushes[] = { { 1e38, 0, 0 }, { -1e38, 1e38, 1e38 }, { 0, 0, 1e38 }, { 1e12, 1e12, 0 } };
    const town_map *map = ((maps *)*state)->training;
    int count;
    base_pose place = town_map_spawn_points(map, &count)[0];
    for (size_t i = 0; i < sizeof pushes / sizeof pushes[0]; i++) {
        town_world *w = world_on(map, NULL);
        uint32_t car = spawn(w, "vehicle.tesla.model3", place, 0, NULL, 0);
        base_pose behind = place;
        behind.location = base_pose_to_world(&place, (base_vec3){ -6, 0, 0 });
        uint32_t parked = spawn(w, "vehicle.audi.tt", behind, 0, NULL, 0);
        assert_true(town_simulate_physics_set(w, parked, false));
        spawn(w, "sensor.camera.depth", (base_pose){ { 1.5, 0, 1.8 }, { 0, 0, 0 } }, car, small, 2);
        ticks(w, 5, deaf);
        static picture p;
        town_sink sink = { NULL, NULL, take_picture, &p };
        town_velocity_set(w, car, (base_vec3){ 20, 0, 0 });
        town_impulse_add(w, car, pushes[i]);
        town_force_add(w, car, pushes[i]);
        town_angular_impulse_add(w, car, pushes[i]);
        ticks(w, 1, sink);
        town_angular_velocity_set(w, car, pushes[i]);
        ticks(w, 5, sink);
        for (int k = 0; k < 2; k++) {
            town_actor_view v = view(w, k ? parked : car);
            if (!isfinite(v.velocity_mps.x + v.velocity_mps.y + v.velocity_mps.z) || !(fabs(v.pose.location.x) < 1e6) ||
                !(fabs(v.pose.location.y) < 1e6) || !(fabs(v.pose.location.z) < 1e6) || !isfinite(v.pose.rotation.yaw_deg))
                fail_msg("push %zu: %s at %g %g %g, yaw %g, speed %g %g %g", i, k ? "the parked car" : "the car",
                         v.pose.location.x, v.pose.location.y, v.pose.location.z, v.pose.rotation.yaw_deg, v.velocity_mps.x,
                         v.velocity_mps.y, v.velocity_mps.z);
        }
        town_world_destroy(w);
    }
}

static void test_episode_restarts(void **state)
{
    const town_map *map = ((maps *)*state)->training;
    town_world *w = world_on(map, NULL);
    uint64_t first = town_episode_id(w);
    int count;
    uint32_t car = spawn(w, "vehicle.tesla.model3", town_map_spawn_points(map, &count)[0], 0, NULL, 0);
    ticks(w, 3, deaf);
    uint64_t frame = town_frame(w);
    assert_true(town_episode_restart(w, map, true, NULL));
    assert_true(town_episode_id(w) != first);
    assert_int_equal(town_actor_count(w), 1);
    assert_int_equal(town_frame(w), frame); /* clients ignore snapshots whose frame does not grow */
    uint32_t next = spawn(w, "vehicle.tesla.model3", town_map_spawn_points(map, &count)[0], 0, NULL, 0);
    assert_true(next > car);
    ticks(w, 1, deaf);
    assert_int_equal(town_frame(w), frame + 1);
    town_world_destroy(w);
}

static void test_settings_are_checked(void **state)
{
    (void)state;
    town_world *w = world_on(NULL, NULL);
    base_error err = { 0 };
    town_settings good = town_settings_get(w), s = good;
    s.has_fixed_delta = true;
    static const double bad[] = { 0, -0.05, 11, NAN, INFINITY };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        s.fixed_delta_s = bad[i];
        assert_false(town_settings_set(w, &s, &err));
        assert_non_null(strstr(err.text, "fixed_delta_seconds"));
        assert_false(town_tick(w, bad[i], deaf, &err));
    }
    s = good;
    s.max_substeps = 0;
    assert_false(town_settings_set(w, &s, &err));
    s = town_settings_get(w);
    assert_int_equal(s.max_substeps, good.max_substeps);
    town_world_destroy(w);
}

static void test_physics_control_is_obeyed(void **state)
{
    (void)state;
    town_world *w = world_on(NULL, NULL);
    uint32_t light = spawn(w, "vehicle.tesla.model3", at(0, 0, 0, 0), 0, NULL, 0);
    uint32_t heavy = spawn(w, "vehicle.tesla.model3", at(0, 20, 0, 0), 0, NULL, 0);
    town_physics p;
    base_error err = { 0 };
    assert_true(town_physics_get(w, heavy, &p));
    p.mass_kg *= 2;
    assert_true(town_physics_set(w, heavy, &p, &err));
    ticks(w, 3, deaf);
    town_vehicle_control_set(w, light, (town_vehicle_control){ .throttle = 1 });
    town_vehicle_control_set(w, heavy, (town_vehicle_control){ .throttle = 1 });
    ticks(w, 40, deaf);
    double ratio = view(w, heavy).velocity_mps.x / view(w, light).velocity_mps.x;
    /* the engine's inertia, 1 kg m^2 behind a ratio of 9, adds 625 kg: (1845 + 625) / (3690 + 625) = 0.57 */
    assert_true(ratio > 0.50 && ratio < 0.60);
    /* in third gear when the box is changed for one with a single gear: it must go on driving */
    town_physics geared = p;
    geared.gear_count = 3;
    geared.gears[1] = geared.gears[2] = geared.gears[0];
    assert_true(town_physics_set(w, heavy, &geared, &err));
    town_vehicle_control_set(w, heavy, (town_vehicle_control){ .manual_gear_shift = true, .gear = 3 });
    ticks(w, 2, deaf);
    assert_int_equal(view(w, heavy).control.gear, 3);
    assert_true(town_physics_set(w, heavy, &p, &err));
    town_vehicle_control_set(w, heavy, (town_vehicle_control){ .throttle = 1 });
    double before = view(w, heavy).velocity_mps.x;
    ticks(w, 20, deaf);
    assert_int_equal(view(w, heavy).control.gear, 1);
    assert_true(view(w, heavy).velocity_mps.x > before + 1);
    p.mass_kg = 0;
    assert_false(town_physics_set(w, heavy, &p, &err));
    p.mass_kg = 1000;
    p.steering_curve[1].x = p.steering_curve[0].x;
    assert_false(town_physics_set(w, heavy, &p, &err));
    town_world_destroy(w);
}

/* A straight road with a light at s = 60 for the right lane. */
static const char with_light[] =
    "<?xml version=\"1.0\"?><OpenDRIVE><header revMajor=\"1\" revMinor=\"4\"/><road name=\"a\" length=\"100\" id=\"1\" junction=\"-1\"><link/>"
    "<planView><geometry s=\"0\" x=\"0\" y=\"0\" hdg=\"0\" length=\"100\"><line/></geometry></planView><lanes><laneSection s=\"0\"><center>"
    "<lane id=\"0\" type=\"none\" level=\"false\"/></center><right><lane id=\"-1\" type=\"driving\" level=\"false\"><width sOffset=\"0\" a=\"3.5\" "
    "b=\"0\" c=\"0\" d=\"0\"/></lane></right></laneSection></lanes><signals><signal s=\"60\" t=\"-4\" id=\"77\" name=\"light\" dynamic=\"yes\" "
    "orientation=\"-\" zOffset=\"0\" country=\"OpenDRIVE\" type=\"1000001\" subtype=\"-1\" value=\"-1\"><validity fromLane=\"-1\" toLane=\"-1\"/>"
    "</signal></signals></road></OpenDRIVE>";

static void test_traffic_light(void **state)
{
    (void)state;
    base_error err = { 0 };
    town_map *map = town_map_parse(with_light, sizeof with_light - 1, "light", &err);
    if (!map)
        fail_msg("%s", err.text);
    town_world *w = world_on(map, NULL);
    uint32_t light = 0;
    for (int i = 0; i < town_actor_count(w); i++)
        if (view(w, town_actor_id_at(w, i)).kind == TOWN_TRAFFIC_LIGHT)
            light = town_actor_id_at(w, i);
    assert_true(light != 0);
    assert_string_equal(view(w, light).sign_id, "77");
    assert_int_equal(view(w, light).light_state, 2);
    uint32_t away = spawn(w, "vehicle.tesla.model3", at(20, 1.75, 0.5, 0), 0, NULL, 0);
    uint32_t there = spawn(w, "vehicle.tesla.model3", at(56, 1.75, 0.5, 0), 0, NULL, 0);
    ticks(w, 20, deaf); /* 1 s */
    assert_int_equal(view(w, there).light_id, light);
    assert_int_equal(view(w, away).light_id, 0);
    /* green 10 s, yellow 3 s, red 10 s for a light of its own */
    static const struct {
        double until_s;
        int state;
    } phases[] = { { 9.5, 2 }, { 12.5, 1 }, { 22.5, 0 }, { 24, 2 } };
    for (size_t i = 0; i < sizeof phases / sizeof phases[0]; i++) {
        while (town_elapsed_s(w) < phases[i].until_s)
            ticks(w, 1, deaf);
        assert_int_equal(view(w, light).light_state, phases[i].state);
        assert_int_equal(view(w, there).light_state, phases[i].state);
    }
    town_lights_freeze(w, true);
    ticks(w, 600, deaf);
    assert_int_equal(view(w, light).light_state, 2);
    assert_true(town_light_state_set(w, light, 0));
    assert_false(town_light_state_set(w, there, 0));
    town_world_destroy(w);
    town_map_destroy(map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_actors_come_and_go),
        cmocka_unit_test(test_wet_roads_grip_less),
        cmocka_unit_test(test_spawning_refuses),
        cmocka_unit_test(test_blueprints_follow_the_version),
        cmocka_unit_test(test_car_falls_and_stands),
        cmocka_unit_test(test_control_acts_in_the_next_tick),
        cmocka_unit_test(test_attached_sensor_follows),
        cmocka_unit_test(test_rear_end_collision),
        cmocka_unit_test(test_off_centre_hit_turns_the_car),
        cmocka_unit_test(test_same_height_is_needed),
        cmocka_unit_test(test_settings_are_checked),
        cmocka_unit_test(test_physics_control_is_obeyed),
        cmocka_unit_test(test_traffic_light),
        cmocka_unit_test(test_car_runs_into_scenery),
        cmocka_unit_test(test_same_calls_same_bytes),
        cmocka_unit_test(test_cameras_encode_as_carla),
        cmocka_unit_test(test_sensor_tick_skips_frames),
        cmocka_unit_test(test_cameras_anywhere),
        cmocka_unit_test(test_no_push_is_too_hard),
        cmocka_unit_test(test_episode_restarts),
    };
    if (THREAD_SANITIZED)
        cmocka_set_test_filter(TESTS_WITH_THREADS);
    return cmocka_run_group_tests(tests, load_maps, free_maps);
}
