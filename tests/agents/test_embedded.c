/* The expert on the embedded simulator: `laneloop serve` (environment variable LANELOOP) as a child process, real sockets, its vehicle
 * dynamics. The same loop would drive CARLA. */
#include "sim/agents/agents.h"
#include "base/process.h"
#include "base/file.h"
#include <cjson/cJSON.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define DT 0.05

typedef struct session {
    base_process process;
    client *c;
    road_map *map;
} session;

#define CHECK(call)                                                                                                            \
    do {                                                                                                                       \
        if (!(call))                                                                                                           \
            fail_msg("%s: %s", #call, err.text);                                                                               \
    } while (0)

static session start(const char *map)
{
    const char *program = getenv("LANELOOP");
    session s = { 0 };
    base_error err = { 0 };
    char line[256];
    const char *argv[] = {
        program ? program : "build/release/laneloop", "serve", "--port", "0", "--ready-fd", "3", "--map", map, NULL
    };
    CHECK(base_process_start(&s.process, argv, &err));
    CHECK(base_process_read_line(&s.process, line, sizeof line, 60, &err));
    cJSON *ports = cJSON_Parse(line);
    client_options o = client_options_default();
    o.port = (int)cJSON_GetNumberValue(cJSON_GetObjectItem(ports, "rpc_port"));
    o.call_timeout_s = 60; /* the sanitizer build on a busy machine */
    cJSON_Delete(ports);
    CHECK((s.c = client_connect(&o, &err)) != NULL);
    CHECK(client_synchronous(s.c, DT, &err));
    const char *xodr = client_map_xodr(s.c, &err);
    CHECK(xodr != NULL);
    CHECK((s.map = road_map_parse(xodr, strlen(xodr), map, NULL, &err)) != NULL);
    return s;
}

static void stop(session *s)
{
    base_error err = { 0 };
    road_map_destroy(s->map);
    CHECK(client_close(s->c, &err));
    assert_int_equal(base_process_stop(&s->process, 20), 0);
}

static wire_actor_id spawn(session *s, base_pose at)
{
    base_error err = { 0 };
    wire_actor_id car;
    CHECK(client_spawn(s->c, &(client_spawn_options){ .blueprint = "vehicle.lincoln.mkz_2020", .pose = at }, &car, &err));
    CHECK(client_tick(s->c, &err));
    return car;
}

static void control(session *s, wire_actor_id car, double throttle, double steer, double brake)
{
    base_error err = { 0 };
    wire_vehicle_control k = { .throttle = (float)throttle, .steer = (float)steer, .brake = (float)brake };
    CHECK(client_control(s->c, car, k, &err));
    CHECK(client_tick(s->c, &err));
}

/* What the physics control says must be how the car turns: drive constant steer, compare, and let the calibration find it again. */
static void steering_is_as_reported(void **state)
{
    (void)state;
    session s = start("driving_loop");
    base_error err = { 0 };
    size_t count;
    wire_actor_id car = spawn(&s, client_spawn_points(s.c, &count, &err)[0]);
    agents_vehicle v, fit = agents_vehicle_default();
    CHECK(agents_vehicle_read(s.c, car, &v, &err));
    print_message("# wheelbase %.3f m, rear axle at %.3f m, full lock %.2f deg, %d points of steering curve\n", v.wheelbase_m,
                  v.rear_axle_m, BASE_DEG(v.steer_max_rad), v.share_count);
    assert_true(fabs(v.wheelbase_m - 2.88) < 0.02 && fabs(v.rear_axle_m + 1.44) < 0.05);
    assert_true(v.share_count >= 2);
    agents_steer_sample samples[16];
    size_t n = 0;
    base_pose home = client_spawn_points(s.c, &count, &err)[0];
    for (int i = 0; i < 8; i++) { /* four angles either way at 3.5 and 6 m/s, from the same place each time */
        double steer = (i % 2 ? -1 : 1) * (0.06 + 0.06 * (double)(i / 2 % 2)), speed = i < 4 ? 3.5 : 6;
        agents_ego ego;
        agents_speed state_v = { 0 };
        agents_speed_options pedal = agents_speed_options_default();
        CHECK(client_pose_set(s.c, car, home, &err));
        for (int k = 0; k < 20; k++) /* come to rest */
            control(&s, car, 0, 0, 1);
        double yaw_rate = 0, mean_speed = 0, off_steer = 0;
        for (int k = 0; k < 100; k++) { /* straight, then 2 s of turning: longer would leave the road */
            assert_true(agents_ego_read(s.c, car, &ego));
            agents_pedals p = agents_speed_step(&pedal, &state_v, speed, 0, ego.speed_mps, DT);
            off_steer = k < 60 ? 0 : steer;
            control(&s, car, p.throttle, off_steer, p.brake);
            if (k >= 85)
                yaw_rate += ego.yaw_rate_dps / 15, mean_speed += ego.speed_mps / 15;
        }
        samples[n++] = (agents_steer_sample){ steer, mean_speed, yaw_rate };
        double k_real = BASE_RAD(yaw_rate) / mean_speed, k_model = agents_steer_curvature(&v, steer, mean_speed);
        print_message("# steer %+.2f at %.2f m/s: curvature %.5f, model %.5f\n", steer, mean_speed, k_real, k_model);
        assert_true(fabs(k_real - k_model) < 0.06 * fabs(k_model));
    }
    CHECK(agents_calibrate(&fit, samples, n, &err));
    print_message("# calibrated: full lock %.2f deg, understeer %.5f\n", BASE_DEG(fit.steer_max_rad), fit.understeer_rad_s2pm);
    assert_true(fabs(fit.steer_max_rad / v.steer_max_rad - 1) < 0.05);
    stop(&s);
}

/* 400 m of a map with the expert: lane kept, speed kept, nothing hit, by either law. */
static void drive(const char *map, agents_lateral law, double length, double mean_limit)
{
    session s = start(map);
    base_error err = { 0 };
    size_t count;
    base_pose at = client_spawn_points(s.c, &count, &err)[0];
    road_waypoint w;
    road_route r;
    assert_true(road_waypoint_at(s.map, at.location, ROAD_LANE_DRIVING, true, &w));
    CHECK(road_route_follow(s.map, &w, length, 1.0, 3, &r, &err));
    wire_actor_id car = spawn(&s, at), bump;
    CHECK(client_spawn(s.c, &(client_spawn_options){ .blueprint = "sensor.other.collision", .parent = car }, &bump, &err));
    CHECK(client_listen(s.c, bump, &err));
    agents_expert_options o = agents_expert_options_default();
    o.lateral = law;
    CHECK(agents_vehicle_read(s.c, car, &o.vehicle, &err));
    o.vehicle.understeer_rad_s2pm = agents_vehicle_default().understeer_rad_s2pm;
    agents_expert e;
    agents_expert_start(&e, &r, &o);
    double sum = 0, most = 0, distance = 0;
    int steps = 0;
    for (bool finished = false; !finished && steps < 4000; steps++) {
        agents_ego ego;
        assert_true(agents_ego_read(s.c, car, &ego));
        agents_expert_step u = agents_expert_drive(&e, &ego, DT);
        sum += fabs(u.place.lateral_m);
        most = fmax(most, fabs(u.place.lateral_m));
        distance += ego.speed_mps * DT;
        finished = u.finished;
        control(&s, car, u.throttle, u.steer, u.brake);
    }
    print_message("# %s, %s: mean |e| %.3f m, max %.3f m, %.2f m/s over %.0f m\n", map, agents_lateral_names[law], sum / steps,
                  most, distance / (steps * DT), distance);
    client_collision hit;
    assert_false(client_collision_next(s.c, bump, &hit));
    assert_true(distance > 0.97 * length - 5);
    assert_true(sum / steps < mean_limit);
    assert_true(most < 0.5); /* 0.66 m would be the line for a car 2.18 m wide in 3.5 m */
    assert_true(distance / (steps * DT) > 6);
    road_route_free(&r);
    stop(&s);
}

static void drives_the_loops(void **state)
{
    (void)state;
    drive("driving_loop", AGENTS_PURE_PURSUIT, 500, 0.1);
    drive("training_loop", AGENTS_STANLEY, 500, 0.1);
}

static void drives_a_town(void **state)
{
    (void)state;
    const char *places[] = { getenv("LANELOOP_TOWNS"), "../shared/maps" };
    char path[1024];
    for (int i = 0; i < 2; i++) {
        if (!places[i])
            continue;
        snprintf(path, sizeof path, "%s/2020/Town01.xodr", places[i]);
        if (base_file_exists(path)) {
            drive(path, AGENTS_PURE_PURSUIT, 400, 0.15);
            return;
        }
    }
    print_message("skip: Town01: CARLA's town maps are not here (set LANELOOP_TOWNS)\n");
    skip();
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(steering_is_as_reported), cmocka_unit_test(drives_the_loops),
                                        cmocka_unit_test(drives_a_town) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
