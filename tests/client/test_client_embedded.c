/* The client against the embedded simulator: real sockets, the same drive through the same calls. */
#include "sim/road/road.h"
#include "tests/client/embedded.h"
#include <math.h>

/* Every release that the server can be: the same drive through the same calls. */
static void drives_in_every_version(void **state)
{
    (void)state;
    static const char *const versions[] = { "0.9.13", "0.9.14", "0.9.15", "0.9.16" };
    for (size_t v = 0; v < 4; v++) {
        server s = start(versions[v], NULL);
        client *c = connect_to(&s);
        base_error err = { 0 };
        assert_string_equal(client_version_text(c), versions[v]);
        assert_int_equal(client_version(c), 13 + v);
        CHECK(client_synchronous(c, 0.05, &err));
        wire_actor_id car = spawn_car(c, 0);
        wire_actor_id rgb = spawn_camera(c, car, "sensor.camera.rgb"),
                      tags = spawn_camera(c, car, "sensor.camera.semantic_segmentation");
        uint64_t first = 0;
        client_state begin = { 0 }, end;
        for (int i = 0; i < 60; i++) {
            client_image a, b;
            CHECK(client_tick(c, &err));
            uint64_t frame = client_snapshot_get(c).frame;
            first = i ? first : frame;
            assert_int_equal(frame, first + (uint64_t)i);
            CHECK(client_image_get(c, rgb, &a, &err) && client_image_get(c, tags, &b, &err));
            assert_true(a.frame == frame && b.frame == frame);
            assert_true(a.width_px == 64 && a.height_px == 32 && a.fov_deg == 100);
            if (i == 0)
                assert_true(client_state_get(c, car, &begin));
            uint8_t road = b.bgra[(28 * 64 + 32) * 4 + 2];
            assert_int_equal(road, wire_tag_to_wire(WIRE_TAG_ROADS, client_version(c)));
            CHECK(client_control(c, car, (wire_vehicle_control){ .throttle = 0.5F }, &err));
        }
        assert_true(client_state_get(c, car, &end));
        assert_true(base_vec3_length(base_vec3_sub(end.pose.location, begin.pose.location)) > 2);
        wire_vehicle_state vehicle;
        assert_true(client_vehicle_get(c, car, &vehicle) && vehicle.control.throttle == 0.5F);
        assert_int_equal(client_dropped(c), 0);
        CHECK(client_close(c, &err));
        stop(&s);
    }
}

static void closing_undoes_everything(void **state)
{
    (void)state;
    server s = start("0.9.16", NULL);
    client *watcher = connect_to(&s), *c = connect_to(&s);
    base_error err = { 0 };
    client_state unused;
    CHECK(client_synchronous(c, 0.05, &err));
    wire_actor_id car = spawn_car(c, 0), camera = spawn_camera(c, car, "sensor.camera.depth");
    CHECK(client_tick(c, &err));
    CHECK(client_actor(watcher, camera, &err));
    assert_string_equal(client_actor(watcher, camera, &err)->description.id, "sensor.camera.depth");
    assert_string_equal(client_actor_attribute(client_actor(watcher, camera, &err), "image_size_x"), "64");
    CHECK(client_close(c, &err));
    /* asynchronous again: the watcher sees ticks come by themselves, without those actors */
    CHECK(client_wait_for_tick(watcher, &err) && client_wait_for_tick(watcher, &err) && client_wait_for_tick(watcher, &err));
    assert_false(client_state_get(watcher, car, &unused) || client_state_get(watcher, camera, &unused));
    CHECK(client_close(watcher, &err));
    stop(&s);
}

static void world_and_map(void **state)
{
    (void)state;
    server s = start("0.9.16", NULL);
    client *c = connect_to(&s);
    base_error err = { 0 };
    wire_weather w, back;
    wire_text_list maps;
    size_t count;
    CHECK(client_map_xodr(c, &err));
    assert_non_null(strstr(client_map_xodr(c, &err), "<OpenDRIVE"));
    const road_map *map = client_road_map(c, &err);
    CHECK(map);
    const base_pose *points = client_spawn_points(c, &count, &err);
    road_waypoint on;
    assert_true(count > 0 && road_waypoint_at(map, points[0].location, ROAD_LANE_DRIVING, false, &on));
    assert_true(wire_weather_preset(&w, "HardRainSunset"));
    CHECK(client_weather_set(c, &w, &err));
    CHECK(client_weather(c, &back, &err));
    assert_true(back.sun_altitude_angle == 15 && back.precipitation == 100);
    CHECK(client_maps(c, &maps, &err));
    assert_true(maps.count > 0);
    assert_true(client_spectator(c, &err) != 0);
    assert_null(client_blueprint(c, "vehicle.no.such", &err));
    assert_int_equal(err.code, BASE_ARGUMENT);
    CHECK(client_blueprint(c, "vehicle.lincoln.mkz_2020", &err));
    /* what the simulator refuses, it says */
    wire_actor_id car = spawn_car(c, 0), second;
    assert_false(
        client_spawn(c, &(client_spawn_options){ .blueprint = "vehicle.lincoln.mkz_2020", .pose = points[0] }, &second, &err));
    assert_int_equal(err.code, BASE_REMOTE);
    assert_non_null(strstr(err.text, "collision at spawn position"));
    assert_false(client_listen(c, car, &err));
    assert_non_null(strstr(err.text, "is not a sensor"));
    assert_null(client_actor(c, 999999, &err));
    assert_false(client_tick(c, &err));
    assert_non_null(strstr(err.text, "asynchronous mode"));
    CHECK(client_close(c, &err));
    stop(&s);
}

static void batches_and_small_sensors(void **state)
{
    (void)state;
    server s = start("0.9.16", NULL);
    client *c = connect_to(&s);
    base_error err = { 0 };
    size_t count;
    wire_outcome_list got;
    wire_imu imu;
    wire_geo_location place;
    wire_actor_id car, imu_id, gnss;
    client_state state_now;
    const base_pose *points = client_spawn_points(c, &count, &err);
    const wire_actor_definition *bp = client_blueprint(c, "vehicle.lincoln.mkz_2020", &err);
    CHECK(bp && points);
    CHECK(client_synchronous(c, 0.05, &err));
    wire_attribute_value role = { "role_name", WIRE_ATTRIBUTE_TEXT, "hero" };
    wire_command spawn[2] = { { .kind = WIRE_COMMAND_SPAWN_ACTOR },
                              { .kind = WIRE_COMMAND_DESTROY_ACTOR, .as.destroy = { 999999 } } };
    spawn[0].as.spawn = (wire_args_spawn_command){ .description = { bp->uid, bp->id, { &role, 1 } },
                                                   .transform = wire_transform_from_pose(points[count - 1]) };
    CHECK(client_batch(c, spawn, 2, &got, &err));
    assert_true(got.items[0].kind == WIRE_OUTCOME_ACTOR && got.items[1].kind == WIRE_OUTCOME_ERROR);
    car = got.items[0].as.actor;
    CHECK(client_spawn(c, &(client_spawn_options){ .blueprint = "sensor.other.imu", .parent = car }, &imu_id, &err));
    CHECK(client_spawn(c, &(client_spawn_options){ .blueprint = "sensor.other.gnss", .parent = car }, &gnss, &err));
    CHECK(client_listen(c, imu_id, &err) && client_listen(c, gnss, &err));
    for (int i = 0; i < 40; i++)
        CHECK(client_tick(c, &err));
    CHECK(client_imu_get(c, imu_id, &imu, &err) && client_gnss_get(c, gnss, &place, &err));
    assert_true(imu.accelerometer.z > 9 && imu.accelerometer.z < 10.6);
    assert_true(client_state_get(c, car, &state_now));
    base_vec3 geo = road_map_geolocation(client_road_map(c, &err), (int)client_version(c), state_now.pose.location);
    assert_true(fabs(place.latitude - geo.x) < 1e-4 && fabs(place.longitude - geo.y) < 1e-4);
    assert_false(client_imu_get(c, gnss, &imu, &err));
    assert_string_equal(client_actor_attribute(client_actor(c, car, &err), "role_name"), "hero");
    client_unlisten(c, imu_id);
    CHECK(client_tick(c, &err));
    CHECK(client_destroy(c, car, &err));
    assert_false(client_destroy(c, car, &err));
    assert_int_equal(err.code, BASE_REMOTE);
    CHECK(client_close(c, &err));
    stop(&s);
}

/* A car that is pushed into another one: the event arrives with both actors. */
static void collisions(void **state)
{
    (void)state;
    server s = start("0.9.16", NULL);
    client *c = connect_to(&s);
    base_error err = { 0 };
    size_t count;
    client_collision hit = { 0 };
    wire_actor_id other, bumper;
    bool seen = false;
    const base_pose *points = client_spawn_points(c, &count, &err);
    CHECK(client_synchronous(c, 0.05, &err));
    wire_actor_id car = spawn_car(c, 0);
    base_pose ahead = points[0];
    ahead.location = base_pose_to_world(&points[0], (base_vec3){ 9, 0, 0.3 });
    CHECK(client_spawn(c, &(client_spawn_options){ .blueprint = "vehicle.lincoln.mkz_2020", .pose = ahead }, &other, &err));
    CHECK(client_spawn(c, &(client_spawn_options){ .blueprint = "sensor.other.collision", .parent = car }, &bumper, &err));
    CHECK(client_listen(c, bumper, &err));
    for (int i = 0; i < 120 && !seen; i++) {
        CHECK(client_control(c, car, (wire_vehicle_control){ .throttle = 1 }, &err));
        CHECK(client_tick(c, &err));
        seen = client_collision_next(c, bumper, &hit);
    }
    assert_true(seen);
    assert_int_equal(hit.actor, car);
    assert_int_equal(hit.other, other);
    assert_string_equal(hit.other_type, "vehicle.lincoln.mkz_2020");
    assert_true(base_vec3_length(hit.normal_impulse_ns) > 0);
    CHECK(client_close(c, &err));
    stop(&s);
}

/* Two cars that talk: awareness messages by themselves, a text when one is told to. */
static void vehicles_talk(void **state)
{
    (void)state;
    server s = start("0.9.16", NULL);
    client *c = connect_to(&s);
    base_error err = { 0 };
    CHECK(client_synchronous(c, 0.05, &err));
    wire_actor_id car[2] = { spawn_car(c, 0), spawn_car(c, 4) }, aware[2], text[2];
    for (int i = 0; i < 2; i++) {
        CHECK(client_spawn(c, &(client_spawn_options){ .blueprint = "sensor.other.v2x", .parent = car[i] }, &aware[i], &err));
        CHECK(client_spawn(c, &(client_spawn_options){ .blueprint = "sensor.other.v2x_custom", .parent = car[i] }, &text[i],
                           &err));
    }
    CHECK(client_listen(c, aware[0], &err) && client_listen(c, text[0], &err));
    int cams = 0;
    bool heard = false;
    CHECK(client_tick(c, &err) && client_v2x_send(c, text[1], "good evening", &err));
    for (int i = 0; i < 40; i++) {
        client_v2x v;
        CHECK(client_tick(c, &err));
        if (client_v2x_get(c, aware[0], &v, &err)) {
            cams++;
            assert_int_equal(v.count, 1);
            assert_int_equal(v.cams[0].header.station_id, car[1]);
            assert_int_equal(v.cams[0].station_type, 5);
        }
        if (client_v2x_get(c, text[0], &v, &err)) {
            heard = true;
            assert_int_equal(v.count, 1);
            assert_string_equal(v.messages[0].message, "good evening");
        }
    }
    assert_true(heard && cams >= 2);
    CHECK(client_close(c, &err));
    stop(&s);
}

static void loads_another_world(void **state)
{
    (void)state;
    server s = start("0.9.16", NULL);
    client *c = connect_to(&s);
    base_error err = { 0 };
    wire_text_list maps;
    client_state unused;
    CHECK(client_synchronous(c, 0.05, &err));
    wire_actor_id car = spawn_car(c, 0);
    CHECK(client_tick(c, &err));
    uint64_t before = client_snapshot_get(c).episode;
    CHECK(client_maps(c, &maps, &err));
    char name[256];
    snprintf(name, sizeof name, "%s", maps.items[maps.count - 1]);
    CHECK(client_load_world(c, name, true, &err));
    CHECK(client_tick(c, &err));
    assert_true(client_snapshot_get(c).episode != before);
    assert_false(client_state_get(c, car, &unused));
    const char *now = client_map_name(c, &err);
    CHECK(now);
    assert_string_equal(strrchr(now, '/') + 1, strrchr(name, '/') ? strrchr(name, '/') + 1 : name);
    spawn_car(c, 0);
    CHECK(client_tick(c, &err));
    assert_false(client_load_world(c, "NoSuchTown", false, &err));
    assert_int_equal(err.code, BASE_REMOTE);
    CHECK(client_tick(c, &err)); /* still in the old one */
    CHECK(client_close(c, &err));
    stop(&s);
}

/* Somebody else destroys a camera: ticks say which data is missing and why, and the client goes on without it. */
static void a_sensor_is_taken_away(void **state)
{
    (void)state;
    server s = start("0.9.16", NULL);
    base_error err = { 0 };
    client_options o = client_options_default();
    o.port = s.port;
    o.call_timeout_s = 3;
    client *other = connect_to(&s), *c = client_connect(&o, &err);
    CHECK(c);
    CHECK(client_synchronous(c, 0.05, &err));
    wire_actor_id car = spawn_car(c, 0), camera = spawn_camera(c, car, "sensor.camera.rgb");
    CHECK(client_tick(c, &err));
    CHECK(client_destroy(other, camera, &err));
    assert_false(client_tick(c, &err));
    assert_int_equal(err.code, BASE_TIMEOUT);
    assert_non_null(strstr(err.text, "(sensor.camera.rgb), whose stream the server has closed"));
    client_unlisten(c, camera);
    CHECK(client_tick(c, &err) && client_tick(c, &err));
    CHECK(client_close(c, &err) && client_close(other, &err));
    stop(&s);
}

/* A server that dies in the middle: one clear error, and closing does not hang. */
static void server_dies(void **state)
{
    (void)state;
    server s = start("0.9.16", NULL);
    client *c = connect_to(&s);
    base_error err = { 0 };
    CHECK(client_synchronous(c, 0.05, &err));
    spawn_car(c, 0);
    CHECK(client_tick(c, &err));
    stop(&s);
    assert_false(client_tick(c, &err));
    assert_int_equal(err.code, BASE_NETWORK);
    base_error again = { 0 };
    assert_false(client_tick(c, &again));
    assert_string_equal(again.text, err.text);
    assert_false(client_close(c, &err)); /* the car could not be destroyed */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(drives_in_every_version),
        cmocka_unit_test(closing_undoes_everything),
        cmocka_unit_test(world_and_map),
        cmocka_unit_test(batches_and_small_sensors),
        cmocka_unit_test(collisions),
        cmocka_unit_test(vehicles_talk),
        cmocka_unit_test(loads_another_world),
        cmocka_unit_test(a_sensor_is_taken_away),
        cmocka_unit_test(server_dies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
