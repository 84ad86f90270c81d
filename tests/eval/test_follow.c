/* eval/follow: a single-track car steered by masks drawn from the driving map, and what happens when the mask says nothing. */
#include "eval/follow.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { OTHER, DRIVABLE, LINE, WIDTH = 256, HEIGHT = 128 };

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || defined(__clang__)
enum { LONG_M = 200, SHORT_M = 150 }; /* drawing masks is slow under sanitizers: the first bends must do */
#else
enum { LONG_M = 700, SHORT_M = 500 };
#endif

static eval_follow_options options(void)
{
    eval_follow_options o = eval_follow_options_default();
    o.path = (eval_path_options){ .drivable_class = DRIVABLE, .line_class = LINE, .lane_width_m = 3.5, .far_m = 25 };
    o.path.camera =
        (dataset_camera){ .width_px = WIDTH, .height_px = HEIGHT, .fov_deg = 90, .mount = { { 1.5, 0, 1.8 }, { -8, 0, 0 } } };
    return o;
}

typedef struct car {
    base_pose pose; /* origin at the middle of the wheelbase */
    double speed_mps, yaw_rate_rps;
} car;

/* Kinematic single track: the rear axle moves along the heading. turn_share: what the wheels really do of what they say. */
static void move(car *c, const agents_vehicle *v, double steer, double turn_share, double dt_s)
{
    double kappa = turn_share * agents_steer_curvature(v, steer, c->speed_mps), yaw = BASE_RAD(c->pose.rotation.yaw_deg);
    double rear_x = c->pose.location.x + v->rear_axle_m * cos(yaw), rear_y = c->pose.location.y + v->rear_axle_m * sin(yaw);
    c->yaw_rate_rps = kappa * c->speed_mps;
    double middle = yaw + 0.5 * c->yaw_rate_rps * dt_s, next = yaw + c->yaw_rate_rps * dt_s;
    rear_x += c->speed_mps * dt_s * cos(middle);
    rear_y += c->speed_mps * dt_s * sin(middle);
    c->pose.location.x = rear_x - v->rear_axle_m * cos(next);
    c->pose.location.y = rear_y - v->rear_axle_m * sin(next);
    c->pose.rotation.yaw_deg = BASE_DEG(next);
}

/* What a perfect network would say: lines 0.12 m wide at the borders of the lane and of the opposite one. */
static void draw(const eval_follow_options *o, const road_route *route, const car *c, double s_m, uint8_t *mask)
{
    memset(mask, OTHER, (size_t)WIDTH * HEIGHT);
    for (int v = 0; v < HEIGHT; v++)
        for (int u = 0; u < WIDTH; u++) {
            double x, y;
            if (!eval_ground_point(&o->path.camera, u + 0.5, v + 0.5, &x, &y) || x > 40)
                continue;
            base_vec3 world = base_pose_to_world(&c->pose, (base_vec3){ x, y, 0 });
            double lateral = road_route_locate(route, world, s_m - 5, s_m + 45).lateral_m;
            if (lateral > -5.3 && lateral < 1.8)
                mask[v * WIDTH + u] = DRIVABLE;
            for (int k = 0; k < 3; k++)
                if (fabs(lateral - 1.75 + 3.5 * k) < 0.06)
                    mask[v * WIDTH + u] = LINE;
        }
}

typedef struct drive_result {
    double worst_m, driven_m;
} drive_result;

/* frozen_after_s: the mask stays as it was; all_road: it never was one. */
static drive_result drive(double length_m, double turn_share, bool all_road, double frozen_after_s)
{
    base_error err = { 0 };
    road_map *map = road_map_read("configs/maps/driving_loop.xodr", NULL, &err);
    if (!map)
        fail_msg("%s", err.text);
    size_t count;
    const base_pose *spawn = road_map_spawn_points(map, &count);
    road_waypoint start;
    road_route route = { 0 };
    assert_true(road_waypoint_at(map, spawn[0].location, ROAD_LANE_DRIVING, true, &start));
    assert_true(road_route_follow(map, &start, length_m + 60, 1, 1, &route, &err));
    eval_follow_options o = options();
    eval_follow f = eval_follow_start(&o);
    agents_speed_limits limits = agents_speed_limits_default();
    limits.cruise_mps = 9;
    limits.limit_share = 0;
    car c = { .pose = road_waypoint_pose(map, &start) };
    uint8_t *mask = malloc((size_t)WIDTH * HEIGHT);
    memset(mask, DRIVABLE, (size_t)WIDTH * HEIGHT);
    drive_result r = { 0, 0 };
    double waiting_steer = 0;
    for (int i = 0; r.driven_m < length_m && i < 20000; i++) {
        road_route_place place = road_route_locate(&route, c.pose.location, fmax(0, r.driven_m - 5), r.driven_m + 20);
        r.driven_m = place.s_m;
        r.worst_m = fmax(r.worst_m, fabs(place.lateral_m));
        if (r.worst_m > 4)
            break;
        if (!all_road && i * o.dt_s <= frozen_after_s)
            draw(&o, &route, &c, place.s_m, mask);
        eval_command command = { .option = ROAD_OPTION_LANE_FOLLOW };
        eval_follow_output out = eval_follow_step(&f, mask, c.speed_mps, c.yaw_rate_rps, &command);
        double wanted = agents_route_speed(&route, place.s_m, &limits, false).speed_mps;
        c.speed_mps += fmin(fmax(wanted - c.speed_mps, -0.2), 0.1);
        move(&c, &o.vehicle, waiting_steer, turn_share, o.dt_s);
        waiting_steer = out.steer; /* frame t's image acts in frame t+1 */
    }
    free(mask);
    road_route_free(&route);
    road_map_destroy(map);
    return r;
}

static void perfect_masks_keep_the_lane(void **state)
{
    (void)state;
    drive_result r = drive(LONG_M, 1.0, false, INFINITY);
    print_message("worst offset %.3f m over %.0f m\n", r.worst_m, r.driven_m);
    assert_true(r.driven_m >= LONG_M && r.worst_m < 0.5); /* 0.8 m would be a departure */
}

static void a_car_that_turns_less_is_learned(void **state)
{
    (void)state;
    drive_result r = drive(SHORT_M, 0.5, false, INFINITY);
    print_message("worst offset %.3f m over %.0f m\n", r.worst_m, r.driven_m);
    assert_true(r.driven_m >= SHORT_M && r.worst_m < 0.7);
}

static void controls_leave_the_lane(void **state)
{
    (void)state;
    assert_true(drive(500, 1.0, true, INFINITY).worst_m > 2);
    assert_true(drive(500, 1.0, false, 5).worst_m > 2);
}

static void a_lost_mask_goes_through_the_states(void **state)
{
    (void)state;
    eval_follow_options o = options();
    eval_follow f = eval_follow_start(&o);
    uint8_t *mask = calloc((size_t)WIDTH * HEIGHT, 1);
    eval_command command = { .option = ROAD_OPTION_LANE_FOLLOW };
    eval_follow_state seen[40];
    for (int i = 0; i < 40; i++) {
        eval_follow_output out = eval_follow_step(&f, mask, 8, 0, &command);
        seen[i] = out.state;
        assert_true(isfinite(out.steer) && fabs(out.steer) <= 1);
        if (i == 39)
            assert_true(out.wanted_mps == 0);
    }
    assert_int_equal(seen[0], EVAL_FOLLOW_COAST);
    assert_int_equal(seen[15], EVAL_FOLLOW_SLOW);
    assert_int_equal(seen[39], EVAL_FOLLOW_STOP);
    memset(mask, DRIVABLE, (size_t)WIDTH * HEIGHT);
    for (int i = 0; i < 6; i++)
        seen[i] = eval_follow_step(&f, mask, 1, 0, &command).state;
    assert_int_equal(seen[0], EVAL_FOLLOW_RECOVER);
    assert_int_equal(seen[5], EVAL_FOLLOW_TRACK);
    free(mask);
}

static void junction_arcs_are_dead_reckoned(void **state)
{
    (void)state;
    eval_follow_options o = options();
    eval_follow f = eval_follow_start(&o);
    uint8_t *mask = calloc((size_t)WIDTH * HEIGHT, 1); /* nothing to see in the junction */
    car c = { .speed_mps = 5 };
    eval_command command = {
        .option = ROAD_OPTION_RIGHT, .junction_arc = true, .arc_length_m = 15.7, .arc_turn_rad = BASE_PI / 2
    };
    double driven = 0;
    for (; driven < 15.7; driven += c.speed_mps * o.dt_s) {
        eval_follow_output out = eval_follow_step(&f, mask, c.speed_mps, c.yaw_rate_rps, &command);
        assert_int_equal(out.state, EVAL_FOLLOW_ARC);
        move(&c, &o.vehicle, out.steer, 1, o.dt_s);
    }
    /* A quarter circle of 10 m to the right ends near (10, 10), heading 90 degrees. */
    assert_true(hypot(c.pose.location.x - 10, c.pose.location.y - 10) < 1.5);
    assert_true(fabs(c.pose.rotation.yaw_deg - 90) < 15);
    free(mask);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(perfect_masks_keep_the_lane),     cmocka_unit_test(a_car_that_turns_less_is_learned),
        cmocka_unit_test(controls_leave_the_lane),         cmocka_unit_test(a_lost_mask_goes_through_the_states),
        cmocka_unit_test(junction_arcs_are_dead_reckoned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
