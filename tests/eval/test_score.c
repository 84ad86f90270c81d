/* eval/score: the Leaderboard's penalties, and a scripted car on a road that is known exactly. */
#include "eval/score.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

static void penalties_match_the_leaderboard(void **state)
{
    (void)state;
    static const struct {
        int counts[EVAL_INFRACTIONS];
        double outside, want[3];
        const char *why;
    } cases[] = {
        { { 0 }, 0, { 1, 1, 1 }, "none" },
        { { 1 }, 0, { 0.5, 0.5, 0.5 }, "one pedestrian" },
        { { 0, 1, 0, 1, 0 }, 0, { 0.42, 0.42, 1 / 2.1 }, "one vehicle and one red light" },
        { { 0, 0, 2, 0, 1 }, 0, { 0.338, 0.338, 1 / 2.45 }, "two static and one stop sign" },
        { { 0 }, 10, { 0.9, 0.9, 0.9 }, "a tenth of the way outside" },
        { { 0, 3 }, 0, { 0.216, 0.216, 1 / 3.1 }, "three vehicles" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int v = 0; v < EVAL_LEADERBOARDS; v++) {
            double got = eval_penalty((eval_leaderboard)v, cases[i].counts, cases[i].outside);
            if (fabs(got - cases[i].want[v]) > 1e-9)
                fail_msg("%s, version %s: got %.6f, wanted %.6f", cases[i].why, eval_leaderboard_names[v], got,
                         cases[i].want[v]);
        }
}

/* One straight road of 200 m along x with a driving lane of 3.5 m on each side of the reference line. */
static const char straight[] =
    "<?xml version=\"1.0\"?><OpenDRIVE><header revMajor=\"1\" revMinor=\"4\"/>"
    "<road name=\"\" length=\"200\" id=\"1\" junction=\"-1\"><link/>"
    "<planView><geometry s=\"0\" x=\"0\" y=\"0\" hdg=\"0\" length=\"200\"><line/></geometry></planView>"
    "<lanes><laneSection s=\"0\"><left><lane id=\"1\" type=\"driving\" level=\"false\"><width sOffset=\"0\" a=\"3.5\" b=\"0\" c=\"0\" d=\"0\"/></lane></left>"
    "<center><lane id=\"0\" type=\"none\" level=\"false\"/></center>"
    "<right><lane id=\"-1\" type=\"driving\" level=\"false\"><width sOffset=\"0\" a=\"3.5\" b=\"0\" c=\"0\" d=\"0\"/></lane></right>"
    "</laneSection></lanes></road></OpenDRIVE>";

typedef struct world {
    road_map *map;
    road_route route;
    eval_scorer *scorer;
} world;

static void start(world *out, double deviation_m) /* in place: the scorer borrows the route */
{
    base_error err = { 0 };
    *out = (world){ .map = road_map_parse(straight, strlen(straight), "straight", NULL, &err) };
    road_waypoint at;
    if (!out->map || !road_waypoint_xodr(out->map, 1, -1, 5, &at) ||
        !road_route_follow(out->map, &at, 150, 1, 1, &out->route, &err))
        fail_msg("%s", err.text);
    eval_score_options o = eval_score_options_default();
    o.deviation_m = deviation_m;
    o.wheel_count = 4;
    for (int i = 0; i < 4; i++)
        o.wheels[i] = (base_vec3){ i < 2 ? 1.4 : -1.4, i % 2 ? 0.8 : -0.8, 0 };
    out->scorer = eval_scorer_create(out->map, &out->route, &o, &err);
    assert_non_null(out->scorer);
}

static void stop(world *w)
{
    eval_scorer_destroy(w->scorer);
    road_route_free(&w->route);
    road_map_destroy(w->map);
}

/* Drive along x at 10 m/s with the lateral offset that f gives; lane centre is at y = +1.75 (CARLA: right = +y). */
static eval_score drive(world *w, double (*offset)(double x), int collide_at, uint32_t collide_with)
{
    eval_status status = EVAL_RUNNING;
    for (int i = 0; status == EVAL_RUNNING && i < 1000; i++) {
        double x = 5 + 0.5 * i;
        eval_step step = { .time_s = 0.05 * i, .pose = { { x, 1.75 + offset(x), 0 }, { 0, 0, 0 } }, .speed_mps = 10 };
        if (collide_at && i >= collide_at && i < collide_at + 3) { /* three events of one contact */
            step.collisions = 1;
            step.collision_actor = collide_with;
            step.collision_kind = EVAL_COLLISION_VEHICLE;
        }
        status = eval_scorer_step(w->scorer, &step);
    }
    return eval_scorer_result(w->scorer);
}

static double centred(double x) { return 0 * x; }
static double a_little_right(double x) { return 0.3 + 0 * x; }
static double swerving(double x) { return (x > 60 && x < 70) || (x > 100 && x < 110) ? 1.2 : 0; }
static double drifting(double x) { return 0.1 * (x - 5); }
static double opposite(double x) { return x > 40 ? -3.5 : 0; }

static void a_clean_drive_scores_full(void **state)
{
    (void)state;
    world w;
    start(&w, 8);
    eval_score r = drive(&w, centred, 0, 0);
    assert_int_equal(r.status, EVAL_COMPLETED);
    assert_true(r.route_completion_pct == 100 && r.driving_score_pct == 100 && r.lane_departures == 0 && r.collisions == 0);
    assert_true(r.mean_cross_track_m < 1e-6 && fabs(r.mean_speed_mps - 10) < 0.1);
    assert_true(isnan(r.first_departure_m));
    stop(&w);
}

static void offsets_are_measured(void **state)
{
    (void)state;
    world w;
    start(&w, 8);
    eval_score r = drive(&w, a_little_right, 0, 0);
    assert_true(fabs(r.mean_cross_track_m - 0.3) < 1e-6 && fabs(r.p95_cross_track_m - 0.3) < 1e-6);
    assert_int_equal(r.lane_departures, 0); /* 0.8 + 0.3 stays inside 1.75 */
    stop(&w);
}

static void departures_are_counted_once_each(void **state)
{
    (void)state;
    world w;
    start(&w, 8);
    eval_score r = drive(&w, swerving, 0, 0);
    assert_int_equal(r.lane_departures, 2);
    assert_true(fabs(r.max_excursion_m - 0.25) < 1e-6); /* 0.8 + 1.2 - 1.75 */
    assert_true(r.first_departure_m > 50 && r.first_departure_m < 60);
    assert_int_equal(r.status, EVAL_COMPLETED);
    stop(&w);
}

static void leaving_the_road_ends_the_run(void **state)
{
    (void)state;
    world w;
    start(&w, 8);
    eval_score r = drive(&w, drifting, 0, 0);
    assert_int_equal(r.status, EVAL_DEVIATED);
    assert_true(r.route_completion_pct > 40 && r.route_completion_pct < 65);
    assert_true(r.outside_pct > 0);
    stop(&w);
}

static void the_opposite_lane_is_outside(void **state)
{
    (void)state;
    world w;
    start(&w, 8);
    eval_score r = drive(&w, opposite, 0, 0);
    assert_true(r.outside_pct > 60 && r.lane_departures == 1);
    assert_true(fabs(r.driving_score_pct - r.route_completion_pct * (1 - r.outside_pct / 100)) < 1e-9);
    stop(&w);
}

static void one_contact_is_one_collision(void **state)
{
    (void)state;
    world w;
    start(&w, 8);
    eval_score r = drive(&w, centred, 100, 42);
    assert_int_equal(r.collisions, 1);
    assert_true(fabs(r.driving_score_pct - 100 / 1.7) < 1e-9);
    stop(&w);
}

static void standing_still_ends_the_run(void **state)
{
    (void)state;
    world w;
    start(&w, 8);
    eval_status status = EVAL_RUNNING;
    eval_step step = { .pose = { { 5, 1.75, 0 }, { 0, 0, 0 } } };
    for (int i = 0; status == EVAL_RUNNING && i < 1000; i++) {
        step.time_s = 0.05 * i;
        status = eval_scorer_step(w.scorer, &step);
    }
    assert_int_equal(status, EVAL_BLOCKED);
    assert_true(fabs(step.time_s - 20.05) < 0.01);
    stop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(penalties_match_the_leaderboard),
        cmocka_unit_test(a_clean_drive_scores_full),
        cmocka_unit_test(offsets_are_measured),
        cmocka_unit_test(departures_are_counted_once_each),
        cmocka_unit_test(leaving_the_road_ends_the_run),
        cmocka_unit_test(the_opposite_lane_is_outside),
        cmocka_unit_test(one_contact_is_one_collision),
        cmocka_unit_test(standing_still_ends_the_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
