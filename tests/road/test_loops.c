/* The two maps of this project: the stated properties, measured through the road room. Run from the repository's root. */
#include "sim/road/road.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

typedef struct wanted {
    const char *path;
    double length_lo, length_hi, radius_lo, radius_hi, straight_pct;
    int left, right;
} wanted;
static const wanted training = { "configs/maps/training_loop.xodr", 2000, 3000, 20, 150, 50, 7, 7 };
static const wanted driving = { "configs/maps/driving_loop.xodr", 1300, 1600, 25, 60, 50, 4, 4 };

static road_map *load(const wanted *w)
{
    base_error err = { 0 };
    road_map *m = road_map_read(w->path, NULL, &err);
    if (!m)
        fail_msg("%s", err.text);
    assert_string_equal(road_map_note(m), "");
    return m;
}

static road_waypoint begin(const road_map *m, int lane)
{
    road_waypoint w;
    assert_true(road_waypoint_xodr(m, 0, lane, 1.0, &w));
    return w;
}

/* Once round on a lane: the keys are equal, so the route is a full loop. */
static road_route once_round(const road_map *m, int lane, double step)
{
    road_waypoint w = begin(m, lane), keys[2] = { w, w };
    road_route r;
    base_error err = { 0 };
    if (!road_route_find(m, keys, 2, step, &r, &err))
        fail_msg("%s", err.text);
    return r;
}

static void properties(void **state)
{
    const wanted *w = *state;
    road_map *m = load(w);
    road_map_info info = road_map_describe(m);
    double straight = 0, tightest = INFINITY;
    int left = 0, right = 0;
    assert_true(info.length_m >= w->length_lo && info.length_m <= w->length_hi);
    assert_int_equal(info.junctions, 0);
    assert_true(info.low.z == 0 && info.high.z == 0);
    for (int r = 0; r < info.roads; r++) {
        double length = road_map_road(m, r).length_m, before = 0;
        for (double s = 0; s < length; s += 0.05) {
            /* curvature of the reference line: yaw change of its pose over 2 cm */
            double a = road_surface_pose(m, r, s, 0, 0).rotation.yaw_deg,
                   b = road_surface_pose(m, r, s + 0.02, 0, 0).rotation.yaw_deg;
            double k = BASE_RAD(base_wrap_deg(b - a)) / 0.02;
            straight += fabs(k) < 1e-5 ? 0.05 : 0;
            if (fabs(k) > 1.0 / 151) /* in the bend; its flanks are below that curvature only near their ends */
                tightest = fmin(tightest, 1 / fabs(k));
            bool bend = fabs(k) >= 1 / (w->radius_hi + 0.5), was = fabs(before) >= 1 / (w->radius_hi + 0.5);
            if (bend && !was)
                k > 0 ? right++ : left++;
            before = k;
        }
    }
    print_message("# %s: %.1f m, straight %.1f %%, %d left and %d right bends of at most %g m, tightest %.2f m\n", w->path,
                  info.length_m, 100 * straight / info.length_m, left, right, w->radius_hi, tightest);
    assert_true(straight / info.length_m * 100 <= w->straight_pct);
    assert_true(left >= w->left && right >= w->right);
    assert_true(tightest >= w->radius_lo - 0.05);
    road_map_destroy(m);
}

/* Position and heading at every joint of geometries and of roads, for each lane border. */
static void smooth(void **state)
{
    const wanted *w = *state;
    road_map *m = load(w);
    int roads = road_map_describe(m).roads;
    for (int r = 0; r < roads; r++) {
        double length = road_map_road(m, r).length_m;
        for (double s = 0; s < length - 0.01; s += 0.005) {
            base_pose a = road_surface_pose(m, r, s, 0, 0), b = road_surface_pose(m, r, s + 0.005, 0, 0);
            double step = base_vec3_length(base_vec3_sub(a.location, b.location));
            double turn = fabs(base_wrap_deg(a.rotation.yaw_deg - b.rotation.yaw_deg));
            if (fabs(step - 0.005) > 1e-6 || turn > BASE_DEG(0.005 / 19)) /* 19 m: below the tightest radius */
                fail_msg("%s: road %d s %.3f: a step of 5 mm moves %.9f m and turns %.7f deg", w->path, r, s, step, turn);
        }
        base_pose end = road_surface_pose(m, r, length, 0, 0), start = road_surface_pose(m, (r + 1) % roads, 0, 0, 0);
        assert_true(base_vec3_length(base_vec3_sub(end.location, start.location)) < 1e-6);
        assert_true(fabs(base_wrap_deg(end.rotation.yaw_deg - start.rotation.yaw_deg)) < BASE_DEG(1e-6));
    }
    road_map_destroy(m);
}

static void both_lanes_go_round(void **state)
{
    const wanted *w = *state;
    road_map *m = load(w);
    double length = road_map_describe(m).length_m, sum = 0;
    for (int lane = -1; lane <= 1; lane += 2) {
        road_route r = once_round(m, lane, 0.5);
        double turn = 0;
        for (size_t i = 0; i + 1 < r.count; i++) {
            turn += base_wrap_deg(r.points[i + 1].yaw_deg - r.points[i].yaw_deg);
            assert_true(r.points[i].junction == -1 && r.points[i].option == ROAD_OPTION_LANE_FOLLOW);
            assert_true(fabs(r.points[i].lane_width_m - 3.5) < 1e-9);
            assert_true(fabs(r.points[i].speed_limit_mps - 50 / 3.6) < 1e-9);
        }
        /* an offset curve's length differs by offset times total turn: 1.75 m * 2 pi, longer outside */
        double expected = length + (lane < 0 ? 1 : -1) * 1.75 * 2 * BASE_PI;
        if (fabs(r.length_m - expected) > 0.05)
            fail_msg("%s: lane %d is %.3f m round, expected %.3f", w->path, lane, r.length_m, expected);
        assert_true(fabs(fabs(turn) - 360) < 1e-3);
        sum += turn;
        road_route_free(&r);
    }
    assert_true(fabs(sum) < 1e-3); /* opposite senses */
    road_map_destroy(m);
}

/* One long road with bends both ways: the lane's centre is not uniformly longer than the reference line. */
static void followed_lengths_are_what_was_asked(void **state)
{
    road_map *m = load(*state);
    for (int lane = -1; lane <= 1; lane += 2)
        for (double length = 100; length < 3000; length += 173) { /* also more than once round */
            road_waypoint w = begin(m, lane);
            road_route r;
            base_error err = { 0 };
            assert_true(road_route_follow(m, &w, length, 1.0, 1, &r, &err));
            if (fabs(r.length_m - length) > 0.15)
                fail_msg("lane %d: asked for %.1f m, got %.2f m", lane, length, r.length_m);
            road_route_free(&r);
        }
    road_map_destroy(m);
}

static void lines_on_both_sides(void **state)
{
    const wanted *w = *state;
    road_map *m = load(w);
    int broken = 0, solid = 0;
    for (int r = 0; r < road_map_describe(m).roads; r++)
        for (int lane = -1; lane <= 1; lane += 2)
            for (double s = 0; s < road_map_road(m, r).length_m; s += 1) {
                road_waypoint at;
                road_mark left, right;
                assert_true(road_waypoint_xodr(m, road_map_road(m, r).id, lane, s, &at));
                road_waypoint_marks(m, &at, &left, &right);
                assert_int_equal(right.type, ROAD_MARK_SOLID);
                assert_int_equal(right.strip_count, 1);
                assert_true(right.strips[0].gap_m == 0);
                assert_int_equal(left.strip_count, 1);
                assert_true((left.type == ROAD_MARK_BROKEN) == (left.strips[0].gap_m > 0));
                broken += left.type == ROAD_MARK_BROKEN;
                solid += left.type == ROAD_MARK_SOLID;
                assert_int_equal(road_waypoint_type(m, &at), ROAD_LANE_DRIVING);
            }
    assert_true(broken > 0 && solid > 0);
    road_map_destroy(m);
}

int main(void)
{
#define BOTH(f)                                                                                                                \
    { #f " training", f, NULL, NULL, (void *)(size_t)&training }, { #f " driving", f, NULL, NULL, (void *)(size_t)&driving }
    const struct CMUnitTest tests[] = { BOTH(properties), BOTH(smooth), BOTH(both_lanes_go_round), BOTH(lines_on_both_sides),
                                        BOTH(followed_lengths_are_what_was_asked) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
