/* Every group of functions of client.h against the embedded simulator: what is set must show, in an answer or in the next snapshots. */
#include "tests/client/embedded.h"
#include <math.h>

/* A straight road of 400 m along x with two lanes each way, a light for the lanes along +x, street-side nothing. */
static const char road_with_light[] =
    "<OpenDRIVE><header revMajor=\"1\" revMinor=\"4\"><geoReference><![CDATA[+proj=tmerc +lat_0=49 +lon_0=8]]></geoReference></header>"
    "<road name=\"\" length=\"400\" id=\"7\" junction=\"-1\">"
    "<planView><geometry s=\"0\" x=\"-200\" y=\"0\" hdg=\"0\" length=\"400\"><line/></geometry></planView>"
    "<lanes><laneSection s=\"0\"><left><lane id=\"1\" type=\"driving\"><width sOffset=\"0\" a=\"3.5\" b=\"0\" c=\"0\" d=\"0\"/>"
    "<roadMark sOffset=\"0\" type=\"solid\" color=\"white\" width=\"0.15\" laneChange=\"none\"/></lane></left>"
    "<center><lane id=\"0\" type=\"none\"><roadMark sOffset=\"0\" type=\"broken\" color=\"yellow\" width=\"0.12\" laneChange=\"both\"/>"
    "</lane></center><right><lane id=\"-1\" type=\"driving\"><width sOffset=\"0\" a=\"3.5\" b=\"0\" c=\"0\" d=\"0\"/>"
    "<roadMark sOffset=\"0\" type=\"broken\" color=\"white\" width=\"0.13\" laneChange=\"both\"/></lane>"
    "<lane id=\"-2\" type=\"driving\"><width sOffset=\"0\" a=\"3.5\" b=\"0\" c=\"0\" d=\"0\"/>"
    "<roadMark sOffset=\"0\" type=\"solid\" color=\"white\" width=\"0.2\" laneChange=\"none\"/></lane></right></laneSection></lanes>"
    "<signals><signal s=\"300\" t=\"-8\" id=\"901\" name=\"light\" dynamic=\"yes\" orientation=\"+\" zOffset=\"0\" country=\"OpenDRIVE\" "
    "type=\"1000001\" subtype=\"-1\" value=\"-1\" height=\"1\" width=\"1\"/></signals></road></OpenDRIVE>";

typedef struct fixture {
    server s;
    client *c;
    wire_actor_id car;
} fixture;

static fixture begin(const char *version)
{
    base_error err = { 0 };
    fixture f = { .s = start(version, NULL) };
    f.c = connect_to(&f.s);
    CHECK(client_synchronous(f.c, 0.05, &err));
    f.car = spawn_car(f.c, 0);
    CHECK(client_tick(f.c, &err));
    return f;
}

static void end(fixture *f)
{
    base_error err = { 0 };
    CHECK(client_close(f->c, &err));
    stop(&f->s);
}

static client_state state_after(fixture *f, wire_actor_id id, int ticks)
{
    client_state s;
    base_error err = { 0 };
    for (int i = 0; i < ticks; i++)
        CHECK(client_tick(f->c, &err));
    assert_true(client_state_get(f->c, id, &s));
    return s;
}

static void motion(void **state)
{
    (void)state;
    fixture f = begin("0.9.16");
    base_error err = { 0 };
    client_state s = state_after(&f, f.car, 20);
    base_pose start_pose = s.pose;
    base_vec3 ahead = base_vec3_sub(base_pose_to_world(&start_pose, (base_vec3){ 1, 0, 0 }), start_pose.location);
    wire_vehicle_physics p;
    CHECK(client_vehicle_physics(f.c, f.car, &p, &err));
    assert_true(p.mass > 500 && p.wheels.count == 4 && p.torque_curve.count > 1 && p.forward_gears.count >= 1);
    double mass = (double)p.mass;
    CHECK(client_impulse(f.c, f.car, base_vec3_scale(ahead, mass * 5), &err)); /* 5 m/s */
    s = state_after(&f, f.car, 1);
    assert_float_equal(base_vec3_dot(s.velocity_mps, ahead), 5, 0.6);
    CHECK(client_velocity_set(f.c, f.car, (base_vec3){ 0, 0, 0 }, &err));
    s = state_after(&f, f.car, 2);
    assert_true(base_vec3_length(s.velocity_mps) < 0.5);
    CHECK(client_force(f.c, f.car, base_vec3_scale(ahead, mass * 40), &err)); /* 40 m/s2 for one step of 0.05 s */
    s = state_after(&f, f.car, 1);
    assert_float_equal(base_vec3_dot(s.velocity_mps, ahead), 2, 0.6);
    CHECK(client_constant_velocity_set(f.c, f.car, (base_vec3){ 3, 0, 0 }, &err));
    s = state_after(&f, f.car, 20);
    assert_float_equal(base_vec3_length(s.velocity_mps), 3, 0.1);
    CHECK(client_constant_velocity_end(f.c, f.car, &err));
    /* heavier, by the numbers the server takes back */
    CHECK(client_vehicle_physics(f.c, f.car, &p, &err));
    p.mass *= 2;
    CHECK(client_vehicle_physics_set(f.c, f.car, &p, &err));
    CHECK(client_vehicle_physics(f.c, f.car, &p, &err));
    assert_float_equal((double)p.mass, 2 * mass, 1);
    CHECK(client_physics_set(f.c, f.car, false, &err) && client_gravity_set(f.c, f.car, true, &err));
    base_pose up = start_pose;
    up.location.z += 20;
    CHECK(client_pose_set(f.c, f.car, up, &err));
    s = state_after(&f, f.car, 20);
    assert_float_equal(s.pose.location.z, up.location.z, 0.01); /* without physics it stays up there */
    CHECK(client_location_set(f.c, f.car, start_pose.location, &err));
    s = state_after(&f, f.car, 1);
    assert_float_equal(s.pose.location.z, start_pose.location.z, 0.5);
    wire_bounding_box box;
    CHECK(client_bounding_box(f.c, f.car, &box, &err));
    assert_true(box.extent.x > 2 && box.extent.x < 3 && box.actor_id == f.car);
    end(&f);
}

static void vehicle_parts(void **state)
{
    (void)state;
    fixture f = begin("0.9.16");
    base_error err = { 0 };
    uint32_t flags;
    wire_vehicle_light_list all;
    CHECK(client_vehicle_lights_set(f.c, f.car, CLIENT_LIGHT_LOW_BEAM | CLIENT_LIGHT_LEFT_BLINKER, &err));
    CHECK(client_vehicle_lights(f.c, f.car, &flags, &err));
    assert_int_equal(flags, CLIENT_LIGHT_LOW_BEAM | CLIENT_LIGHT_LEFT_BLINKER);
    CHECK(client_all_vehicle_lights(f.c, &all, &err));
    assert_true(all.count == 1 && all.items[0].id == f.car && all.items[0].flags == flags);
    CHECK(client_door_set(f.c, f.car, CLIENT_DOOR_ALL, true, &err) &&
          client_door_set(f.c, f.car, CLIENT_DOOR_TRUNK, false, &err));
    double deg = 0;
    CHECK(client_control(f.c, f.car, (wire_vehicle_control){ .steer = 1 }, &err));
    state_after(&f, f.car, 20);
    CHECK(client_wheel_steer(f.c, f.car, CLIENT_WHEEL_FRONT_LEFT, &deg, &err));
    assert_true(deg > 20 && deg < 90); /* right is positive */
    wire_ackermann_settings k;
    CHECK(client_ackermann_settings(f.c, f.car, &k, &err));
    k.speed_kp = 0.25F;
    CHECK(client_ackermann_settings_set(f.c, f.car, &k, &err));
    CHECK(client_ackermann_settings(f.c, f.car, &k, &err));
    assert_true(k.speed_kp == 0.25F);
    CHECK(client_ackermann(f.c, f.car, (wire_ackermann_control){ .speed = 5 }, &err));
    client_state s = state_after(&f, f.car, 120);
    assert_true(base_vec3_length(s.velocity_mps) > 2);
    wire_vehicle_telemetry t;
    CHECK(client_telemetry(f.c, f.car, &t, &err));
    assert_int_equal(t.wheels.count, 4);
    assert_float_equal((double)t.speed, base_vec3_length(s.velocity_mps), 0.5);
    end(&f);
}

static void newer_than_the_server(void **state)
{
    (void)state;
    fixture f = begin("0.9.13");
    base_error err = { 0 };
    wire_vehicle_telemetry t;
    assert_false(client_telemetry(f.c, f.car, &t, &err));
    assert_int_equal(err.code, BASE_VERSION);
    assert_string_equal(err.text, "get_telemetry_data: since CARLA 0.9.16, the server is 0.9.13");
    assert_false(client_ackermann(f.c, f.car, (wire_ackermann_control){ .speed = 5 }, &err));
    assert_int_equal(err.code, BASE_VERSION);
    wire_command newer = client_command_traffic_light(f.car, WIRE_LIGHT_RED);
    assert_false(client_batch(f.c, &newer, 1, NULL, &err));
    CHECK(client_tick(f.c, &err)); /* nothing was sent, all still works */
    /* tags are 0.9.14's numbers here too */
    client_state s;
    wire_projection ground;
    assert_true(client_state_get(f.c, f.car, &s));
    base_vec3 beside = base_pose_to_world(&s.pose, (base_vec3){ 8, 0, 3 });
    CHECK(client_ground(f.c, beside, 50, &ground, &err));
    assert_true(ground.hit);
    assert_int_equal(ground.point.label, WIRE_TAG_ROADS);
    end(&f);
}

static void surroundings(void **state)
{
    (void)state;
    fixture f = begin("0.9.16");
    base_error err = { 0 };
    wire_environment_object_list objects;
    wire_bounding_box_list boxes;
    wire_labelled_point_list hits;
    wire_weather w;
    CHECK(client_environment_objects(f.c, WIRE_TAG_ANY, &objects, &err));
    size_t all = objects.count;
    assert_true(all > 10);
    CHECK(client_environment_objects(f.c, WIRE_TAG_POLE, &objects, &err));
    assert_true(objects.count < all);
    for (size_t i = 0; i < objects.count; i++)
        assert_int_equal(objects.items[i].type, WIRE_TAG_POLE);
    CHECK(client_environment_objects(f.c, WIRE_TAG_ANY, &objects, &err));
    uint64_t id = objects.items[0].id;
    CHECK(client_environment_objects_enable(f.c, &id, 1, false, &err) &&
          client_environment_objects_enable(f.c, &id, 1, true, &err));
    CHECK(client_level_boxes(f.c, WIRE_TAG_ANY, &boxes, &err));
    assert_true(boxes.count > 0);
    client_state s = state_after(&f, f.car, 1);
    base_vec3 above = base_pose_to_world(&s.pose, (base_vec3){ 10, 0, 30 }), below = above;
    below.z -= 60;
    CHECK(client_cast_ray(f.c, above, below, &hits, &err));
    assert_true(hits.count >= 1);
    assert_int_equal(hits.items[0].label, WIRE_TAG_ROADS);
    for (size_t i = 0; wire_weather_preset_name(i); i++) {
        wire_weather wanted;
        CHECK(client_weather_preset(f.c, wire_weather_preset_name(i), &err) && client_weather(f.c, &w, &err));
        assert_true(wire_weather_preset(&wanted, wire_weather_preset_name(i)));
        if (i > 0) /* "Default" is all -1: keep */
            assert_true(w.cloudiness == wanted.cloudiness && w.fog_density == wanted.fog_density &&
                        w.wetness == wanted.wetness);
        assert_true(i < 23);
    }
    assert_false(client_weather_preset(f.c, "Nice", &err));
    assert_int_equal(err.code, BASE_ARGUMENT);
    wire_color red = { 255, 0, 0 };
    CHECK(client_draw_point(f.c, above, 0.1, red, 1, &err) && client_draw_line(f.c, above, below, 0.1, red, 1, &err) &&
          client_draw_arrow(f.c, above, below, 0.1, 0.2, red, 1, &err) && client_draw_text(f.c, above, "here", red, 1, &err) &&
          client_draw_box(f.c, &(wire_bounding_box){ .extent = { 1, 1, 1 } }, s.pose.rotation, 0.1, red, 1, &err));
    wire_text_list files;
    CHECK(client_files(f.c, "", &files, &err));
    wire_geo_location geo;
    base_vec3 back;
    CHECK(client_geolocation(f.c, s.pose.location, &geo, &err) && client_location(f.c, geo, &back, &err));
    assert_true(base_vec3_length(base_vec3_sub(back, s.pose.location)) < 1e-3);
    wire_street_light_list lights;
    CHECK(client_street_lights(f.c, &lights, &err));
    CHECK(client_tick(f.c, &err));
    end(&f);
}

static void generated_world_with_a_light(void **state)
{
    (void)state;
    fixture f = begin("0.9.16");
    base_error err = { 0 };
    size_t count;
    wire_actor_id light = 0;
    CHECK(client_generate_world(f.c, road_with_light, NULL, true, &err));
    CHECK(client_tick(f.c, &err));
    const wire_actor *const *all = client_actors(f.c, &count, &err);
    CHECK(all);
    for (size_t i = 0; i < count; i++)
        if (strcmp(all[i]->description.id, "traffic.traffic_light") == 0)
            light = all[i]->id;
    assert_true(light);
    wire_light_state s;
    wire_u32_list group;
    wire_bounding_box_list boxes;
    CHECK(client_traffic_light_get(f.c, light, &s));
    assert_string_equal(s.sign_id, "901");
    CHECK(client_traffic_lights_freeze(f.c, true, &err));
    CHECK(client_traffic_light_set(f.c, light, WIRE_LIGHT_YELLOW, &err));
    CHECK(client_traffic_light_times_set(f.c, light, 7, -1, 5, &err));
    CHECK(client_tick(f.c, &err) && client_traffic_light_get(f.c, light, &s));
    assert_true(s.state == WIRE_LIGHT_YELLOW && s.time_is_frozen && s.green_time == 7 && s.red_time == 5 && s.yellow_time == 3);
    CHECK(client_traffic_light_freeze(f.c, light, false, &err) && client_traffic_lights_freeze(f.c, false, &err));
    CHECK(client_traffic_light_group(f.c, light, &group, &err));
    assert_true(group.count >= 1);
    CHECK(client_traffic_light_boxes(f.c, light, &boxes, &err));
    assert_true(boxes.count >= 1);
    CHECK(client_traffic_light_reset(f.c, light, &err) && client_traffic_lights_reset(f.c, &err));
    CHECK(client_tick(f.c, &err));
    assert_false(client_generate_world(f.c, "<OpenDRIVE/>", NULL, true, &err));
    assert_int_equal(err.code, BASE_REMOTE);
    end(&f);
}

/* The lane-invasion sensor: pushed sideways from lane -1 into -2 and back over the centre line, the marks are those of the map. */
static void lane_invasion(void **state)
{
    (void)state;
    fixture f = begin("0.9.16");
    base_error err = { 0 };
    wire_actor_id sensor;
    client_lane_invasion e;
    int marks[3] = { 0 };
    CHECK(client_generate_world(f.c, road_with_light, NULL, true, &err));
    base_pose at = { { 0, 1.75, 0.5 }, { 0, 0, 0 } };
    wire_actor_id car;
    CHECK(client_spawn(f.c, &(client_spawn_options){ .blueprint = "vehicle.lincoln.mkz_2020", .pose = at }, &car, &err));
    CHECK(client_spawn(f.c, &(client_spawn_options){ .blueprint = "sensor.other.lane_invasion" }, &sensor, &err));
    assert_false(client_listen(f.c, sensor, &err)); /* nobody's: there is nothing to watch */
    assert_int_equal(err.code, BASE_ARGUMENT);
    CHECK(
        client_spawn(f.c, &(client_spawn_options){ .blueprint = "sensor.other.lane_invasion", .parent = car }, &sensor, &err));
    CHECK(client_listen(f.c, sensor, &err));
    assert_false(client_listen(f.c, sensor, &err)); /* listening already */
    CHECK(client_physics_set(f.c, car, false, &err));
    for (int i = 0; i < 70;
         i++) { /* y from 1.75 over the broken white mark at 3.5 to 5.25, then back over the yellow one at 0 */
        at.location.x += 0.2;
        at.location.y += i < 35 ? 0.1 : -0.2;
        CHECK(client_pose_set(f.c, car, at, &err) && client_tick(f.c, &err));
        while (client_lane_invasion_next(f.c, sensor, &e)) {
            assert_int_equal(e.frame, client_snapshot_get(f.c).frame);
            for (int k = 0; k < e.mark_count; k++) {
                bool yellow = e.colors[k] == ROAD_COLOR_YELLOW;
                assert_true(e.types[k] == ROAD_MARK_BROKEN && fabs(e.widths_m[k] - (yellow ? 0.12 : 0.13)) < 1e-6);
                marks[i < 35 ? 0 : yellow ? 2 : 1]++;
            }
        }
    }
    assert_int_equal(marks[0], 4); /* each corner once */
    assert_int_equal(marks[1], 4);
    assert_int_equal(marks[2], 4);
    client_unlisten(f.c, sensor);
    CHECK(client_tick(f.c, &err));
    end(&f);
}

static void walkers(void **state)
{
    (void)state;
    fixture f = begin("0.9.16");
    base_error err = { 0 };
    size_t count;
    const base_pose *points = client_spawn_points(f.c, &count, &err);
    CHECK(points);
    base_pose at = points[count / 3];
    at.location.z += 1;
    wire_actor_id walker;
    CHECK(client_spawn(f.c, &(client_spawn_options){ .blueprint = "walker.pedestrian.0001", .pose = at }, &walker, &err));
    CHECK(client_walk(f.c, walker, (wire_walker_control){ { 1, 0, 0 }, 1.5F, false }, &err));
    client_state first = state_after(&f, walker, 2), last = state_after(&f, walker, 40);
    assert_float_equal(last.pose.location.x - first.pose.location.x, 3, 0.2); /* 40 ticks of 0.05 s at 1.5 m/s */
    wire_walker_control w;
    CHECK(client_walker_get(f.c, walker, &w));
    assert_true(w.speed == 1.5F && w.direction.x == 1);
    end(&f);
}

static wire_actor_id spawn_sensor(client *c, wire_actor_id parent, const char *blueprint, const client_attribute *a,
                                  size_t count)
{
    base_error err = { 0 };
    wire_actor_id id;
    client_spawn_options o = { .blueprint = blueprint,
                               .pose = { { 2.5, 0, 1 }, { 0, 0, 0 } },
                               .parent = parent,
                               .attributes = a,
                               .attribute_count = count };
    CHECK(client_spawn(c, &o, &id, &err));
    CHECK(client_listen(c, id, &err));
    return id;
}

/* A car stands 15 m ahead of ours: everything that measures must find it there, in the frame of the tick. */
static void measurements(void **state)
{
    (void)state;
    fixture f = begin("0.9.16");
    base_error err = { 0 };
    client_state s = state_after(&f, f.car, 20), target;
    base_pose there = s.pose;
    there.location = base_pose_to_world(&s.pose, (base_vec3){ 15, 0, 0.3 });
    wire_actor_id other;
    CHECK(client_spawn(f.c, &(client_spawn_options){ .blueprint = "vehicle.lincoln.mkz_2020", .pose = there }, &other, &err));
    static const client_attribute size[] = { { "image_size_x", "64" }, { "image_size_y", "32" } }, reach = { "distance", "20" },
                                  range = { "range", "40" };
    wire_actor_id lidar = spawn_sensor(f.c, f.car, "sensor.lidar.ray_cast", &range, 1),
                  semantic = spawn_sensor(f.c, f.car, "sensor.lidar.ray_cast_semantic", &range, 1),
                  radar = spawn_sensor(f.c, f.car, "sensor.other.radar", NULL, 0),
                  obstacle = spawn_sensor(f.c, f.car, "sensor.other.obstacle", &reach, 1),
                  dvs = spawn_sensor(f.c, f.car, "sensor.camera.dvs", size, 2),
                  flow = spawn_sensor(f.c, f.car, "sensor.camera.optical_flow", size, 2);
    state_after(&f, f.car, 10);
    assert_true(client_state_get(f.c, f.car, &s) && client_state_get(f.c, other, &target));
    double gap = base_pose_to_local(&s.pose, target.pose.location).x - 2.5; /* from the sensors to its centre */
    uint64_t frame = client_snapshot_get(f.c).frame;

    client_lidar cloud;
    CHECK(client_lidar_get(f.c, lidar, &cloud, &err));
    uint64_t sum = 0;
    for (size_t i = 0; i < cloud.channel_count; i++)
        sum += cloud.channels[i];
    assert_true(cloud.frame == frame && cloud.points && !cloud.semantic_points && cloud.point_count > 100);
    assert_int_equal(sum, cloud.point_count);
    CHECK(client_lidar_get(f.c, semantic, &cloud, &err));
    assert_true(cloud.frame == frame && !cloud.points && cloud.semantic_points);
    size_t on_car = 0;
    double nearest = 1000;
    /* one message is half a turn; the car is in one of two */
    for (int turn = 0; turn < 4; turn++) {
        CHECK(client_lidar_get(f.c, semantic, &cloud, &err));
        for (size_t i = 0; i < cloud.point_count; i++)
            if (cloud.semantic_points[i].object == other) {
                on_car++;
                nearest = fmin(nearest, (double)cloud.semantic_points[i].x);
                assert_int_equal(cloud.semantic_points[i].object_tag, WIRE_TAG_CAR);
            }
        CHECK(client_tick(f.c, &err));
    }
    assert_true(on_car > 5);
    assert_float_equal(nearest, gap - 2.4, 0.6); /* its rear bumper */
    client_radar echoes;
    CHECK(client_radar_get(f.c, radar, &echoes, &err));
    nearest = 1000;
    for (size_t i = 0; i < echoes.count; i++)
        if (fabs((double)echoes.detections[i].azimuth) < 0.05 && fabs((double)echoes.detections[i].altitude) < 0.05)
            nearest = fmin(nearest, (double)echoes.detections[i].depth);
    assert_float_equal(nearest, gap - 2.4, 0.6);
    client_obstacle ahead;
    assert_true(client_obstacle_next(f.c, obstacle, &ahead));
    assert_int_equal(ahead.other, other);
    assert_string_equal(ahead.other_type, "vehicle.lincoln.mkz_2020");
    assert_float_equal(ahead.distance_m, gap - 2.4, 1);
    assert_false(client_radar_get(f.c, lidar, &echoes, &err));
    assert_int_equal(err.code, BASE_ARGUMENT);

    /* Turning to the right, the picture moves to the left, and events fire. */
    client_dvs events;
    client_image motion_image;
    CHECK(client_physics_set(f.c, f.car, false, &err));
    for (int i = 0; i < 3; i++) {
        s.pose.rotation.yaw_deg += 2;
        CHECK(client_pose_set(f.c, f.car, s.pose, &err) && client_tick(f.c, &err));
    }
    CHECK(client_dvs_get(f.c, dvs, &events, &err) && client_image_get(f.c, flow, &motion_image, &err));
    assert_true(events.count > 0 && events.width_px == 64 && events.height_px == 32);
    for (size_t i = 0; i < events.count; i++)
        assert_true(events.events[i].x < 64 && events.events[i].y < 32 && events.events[i].t > 0);
    wire_flow center = client_flow_pixel(&motion_image, 16 * 64 + 32);
    assert_float_equal(fabs((double)center.x), 32 * tan(BASE_RAD(2)), 0.15);
    end(&f);
}

static void bones(void **state)
{
    (void)state;
    fixture f = begin("0.9.16");
    base_error err = { 0 };
    size_t count;
    const base_pose *points = client_spawn_points(f.c, &count, &err);
    base_pose at = points[count / 3];
    at.location.z += 1;
    wire_actor_id walker;
    wire_bones_out out;
    CHECK(client_spawn(f.c, &(client_spawn_options){ .blueprint = "walker.pedestrian.0001", .pose = at }, &walker, &err));
    CHECK(client_tick(f.c, &err) && client_bones(f.c, walker, &out, &err));
    assert_true(out.bone_transforms.count > 20);
    wire_bone_in arm = { "crl_arm__R", { { 0, 0, 0 }, { 33, 0, 0 } } };
    for (size_t i = 0; i < out.bone_transforms.count; i++)
        if (strcmp(out.bone_transforms.items[i].bone_name, arm.name) == 0)
            arm.transform.location = out.bone_transforms.items[i].relative.location;
    CHECK(client_bones_set(f.c, walker, &arm, 1, &err) && client_bones_blend(f.c, walker, 1, &err));
    CHECK(client_tick(f.c, &err) && client_bones(f.c, walker, &out, &err));
    bool found = false;
    for (size_t i = 0; i < out.bone_transforms.count; i++)
        if (strcmp(out.bone_transforms.items[i].bone_name, arm.name) == 0) {
            found = true;
            assert_float_equal(out.bone_transforms.items[i].relative.rotation.pitch, 33, 0.01);
        }
    assert_true(found);
    CHECK(client_bones_from_animation(f.c, walker, &err) && client_tick(f.c, &err));
    end(&f);
}

/* All 22 commands in one batch, each answered for itself. */
static void every_command(void **state)
{
    (void)state;
    fixture f = begin("0.9.16");
    base_error err = { 0 };
    size_t count;
    const base_pose *points = client_spawn_points(f.c, &count, &err);
    base_pose there = points[count / 2], high = points[0];
    wire_actor_id walker;
    wire_vehicle_physics physics;
    wire_outcome_list got;
    CHECK(points);
    high.location.z += 1;
    CHECK(client_spawn(f.c, &(client_spawn_options){ .blueprint = "walker.pedestrian.0001", .pose = points[count / 3] },
                       &walker, &err));
    char red[16] = "10,20,30";
    client_attribute color = { "color", red };
    wire_command all[WIRE_COMMAND_COUNT], after[2];
    CHECK(client_command_spawn(
        f.c,
        &(client_spawn_options){
            .blueprint = "vehicle.lincoln.mkz_2020", .pose = there, .attributes = &color, .attribute_count = 1 },
        &all[0], &err));
    memset(red, 'x', 3); /* the command has its own copy */
    after[0] = client_command_vehicle_lights(0, CLIENT_LIGHT_FOG);
    after[1] = client_command_control(0, (wire_vehicle_control){ .throttle = 1 });
    all[0].as.spawn.do_after = (wire_command_list){ after, 2 };
    CHECK(client_vehicle_physics(f.c, f.car, &physics, &err)); /* borrowed until the next call that waits: the batch */
    wire_actor_id car = f.car;
    all[1] = client_command_control(car, (wire_vehicle_control){ .throttle = 0.25F });
    all[2] = client_command_ackermann(car, (wire_ackermann_control){ .speed = 1 });
    all[3] = client_command_walk(walker, (wire_walker_control){ { 0, 1, 0 }, 1, false });
    all[4] = client_command_vehicle_physics(car, &physics);
    all[5] = client_command_pose(car, high);
    all[6] = client_command_walker_state(walker, points[count / 3], 1);
    static const wire_command_kind vectors[] = { WIRE_COMMAND_TARGET_VELOCITY, WIRE_COMMAND_TARGET_ANGULAR_VELOCITY,
                                                 WIRE_COMMAND_IMPULSE,         WIRE_COMMAND_FORCE,
                                                 WIRE_COMMAND_ANGULAR_IMPULSE, WIRE_COMMAND_TORQUE };
    for (int i = 0; i < 6; i++)
        all[7 + i] = client_command_vector(vectors[i], car, (base_vec3){ 0, 0, 0 });
    all[13] = client_command_vector(WIRE_COMMAND_LOCATION, car, high.location);
    all[14] = client_command_flag(WIRE_COMMAND_SIMULATE_PHYSICS, car, true);
    all[15] = client_command_flag(WIRE_COMMAND_ENABLE_GRAVITY, car, true);
    all[16] = client_command_flag(WIRE_COMMAND_AUTOPILOT, car, false);
    all[17] = client_command_flag(WIRE_COMMAND_SHOW_DEBUG_TELEMETRY, car, false);
    all[18] = client_command_vehicle_lights(car, CLIENT_LIGHT_BRAKE);
    all[19] = client_command_console("stat fps");                /* Unreal's console: our server has none */
    all[20] = client_command_traffic_light(car, WIRE_LIGHT_RED); /* not a light: an error of its own */
    all[21] = client_command_destroy(999999);                    /* nobody's */
    CHECK(client_batch_tick(f.c, all, WIRE_COMMAND_COUNT, &got, &err));
    assert_int_equal(got.count, WIRE_COMMAND_COUNT);
    for (size_t i = 0; i < got.count; i++) {
        bool refused = got.items[i].kind == WIRE_OUTCOME_ERROR;
        if (refused != (i >= 19))
            fail_msg("command %zu (kind %d): %s", i, all[i].kind, refused ? got.items[i].as.error.message : "not refused");
    }
    wire_actor_id spawned = got.items[0].as.actor;
    client_state s;
    uint32_t flags;
    assert_true(client_state_get(f.c, spawned, &s)); /* the tick is done */
    CHECK(client_vehicle_lights(f.c, spawned, &flags, &err));
    assert_int_equal(flags, CLIENT_LIGHT_FOG);
    assert_string_equal(client_actor_attribute(client_actor(f.c, spawned, &err), "color"), "10,20,30");
    uint64_t frame = client_snapshot_get(f.c).frame;
    wire_command stop_it = client_command_control(spawned, (wire_vehicle_control){ .brake = 1 });
    CHECK(client_batch_send(f.c, &stop_it, 1, true, &err)); /* ticks once by itself */
    CHECK(client_tick(f.c, &err));
    assert_int_equal(client_snapshot_get(f.c).frame, frame + 2);
    wire_vehicle_state v;
    assert_true(client_vehicle_get(f.c, spawned, &v) && v.control.brake == 1);
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(motion),
        cmocka_unit_test(vehicle_parts),
        cmocka_unit_test(newer_than_the_server),
        cmocka_unit_test(surroundings),
        cmocka_unit_test(generated_world_with_a_light),
        cmocka_unit_test(lane_invasion),
        cmocka_unit_test(walkers),
        cmocka_unit_test(measurements),
        cmocka_unit_test(bones),
        cmocka_unit_test(every_command),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
