/* eval/path: ground geometry against published vectors, and paths recovered from masks drawn from known roads. */
#include "eval/path.h"
#include "base/random.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { OTHER, DRIVABLE, LINE };

static eval_path_options demo_options(void)
{
    eval_path_options o = { .drivable_class = DRIVABLE, .line_class = LINE, .lane_width_m = 3.5, .far_m = 25 };
    o.camera = (dataset_camera){ .width_px = 256, .height_px = 128, .fov_deg = 90 };
    o.camera.mount = (base_pose){ { 1.5, 0, 1.8 }, { -8, 0, 0 } };
    return o;
}

/* Numbers of a hand calculation: 640x480, fov 90, camera (1.5, 0, 2.4) with pitch -15; and (1.5, 0.3, 2.4) with yaw 3. */
static void ground_points_match_known_values(void **state)
{
    (void)state;
    dataset_camera c = { .width_px = 640, .height_px = 480, .fov_deg = 90, .mount = { { 1.5, 0, 2.4 }, { -15, 0, 0 } } };
    static const struct {
        double v, x;
    } rows[] = { { 480, 3.384 }, { 320, 5.823 }, { 260, 8.641 }, { 200, 18.852 }, { 170, 53.141 } };
    double x, y;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_true(eval_ground_point(&c, 320, rows[i].v, &x, &y));
        assert_true(fabs(x - rows[i].x) < 2e-3 && fabs(y) < 1e-9);
    }
    assert_false(eval_ground_point(&c, 320, 154, &x, &y)); /* the horizon is at 154.256 */
    c.mount = (base_pose){ { 1.5, 0.3, 2.4 }, { -15, 3, 0 } };
    assert_true(eval_ground_point(&c, 365.0135, 243.5300, &x, &y));
    assert_true(fabs(x - 10) < 1e-3 && fabs(y - 2) < 1e-3);
    assert_true(eval_ground_point(&c, 245.4415, 197.7051, &x, &y));
    assert_true(fabs(x - 20) < 2e-3 && fabs(y + 3) < 1e-3);
}

/* A two-lane road around a lane centre that starts at lateral `offset`, heading `heading` rad, with constant curvature. */
static void draw_road(const eval_path_options *o, double offset, double heading, double curvature, bool lines, uint8_t *mask)
{
    const dataset_camera *c = &o->camera;
    for (int v = 0; v < c->height_px; v++)
        for (int u = 0; u < c->width_px; u++) {
            double x, y, lateral;
            uint8_t value = OTHER;
            if (eval_ground_point(c, u + 0.5, v + 0.5, &x, &y) && x < 80) {
                if (fabs(curvature) < 1e-9) {
                    lateral = -(x * sin(heading)) + (y - offset) * cos(heading);
                } else { /* distance from the circle whose centre lies 1/k to the right of the start */
                    double cx = -sin(heading) / curvature, cy = offset + cos(heading) / curvature;
                    lateral = (1 / fabs(curvature) - hypot(x - cx, y - cy)) * (curvature > 0 ? 1 : -1);
                }
                /* the own lane is the right one: borders at +-1.75, opposite lane to -5.25 */
                if (lateral > -5.35 && lateral < 1.85)
                    value = DRIVABLE;
                for (int k = 0; lines && k < 3; k++)
                    if (fabs(lateral - (1.75 - 3.5 * k)) < 0.1)
                        value = LINE;
            }
            mask[v * c->width_px + u] = value;
        }
}

/* Lateral position of the true lane centre at x. */
static double truth_at(double offset, double heading, double curvature, double x)
{
    if (fabs(curvature) < 1e-9)
        return offset + x * tan(heading);
    double cx = -sin(heading) / curvature, cy = offset + cos(heading) / curvature;
    double root = sqrt(1 / (curvature * curvature) - (x - cx) * (x - cx));
    return curvature > 0 ? cy - root : cy + root;
}

static void lanes_are_recovered_from_lines(void **state)
{
    (void)state;
    static const struct {
        double offset, heading, curvature;
        const char *why;
    } cases[] = {
        { 0, 0, 0, "centred on a straight" },
        { 0.6, 0, 0, "car left of the centre" },
        { -0.5, 0.06, 0, "car right of the centre, turned left" },
        { 0, 0, 1 / 60.0, "gentle right bend" },
        { 0.2, -0.03, -1 / 30.0, "tight left bend" },
        { 0, 0, 1 / 25.0, "tightest right bend of the driving map" },
    };
    eval_path_options o = demo_options();
    uint8_t *mask = malloc((size_t)o.camera.width_px * o.camera.height_px);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        draw_road(&o, cases[i].offset, cases[i].heading, cases[i].curvature, true, mask);
        eval_path expected = eval_path_straight(3.5), p;
        expected.c[0] = cases[i].offset * 0.7; /* the filter knows roughly where it is */
        expected.c[2] = cases[i].curvature * 0.35;
        expected = eval_path_from_mask(&o, mask, &expected); /* the second image, as in a drive */
        p = eval_path_from_mask(&o, mask, &expected);
        assert_int_equal(p.source, EVAL_PATH_LINES);
        for (double x = 5; x <= 14; x += 3) {
            double want = truth_at(cases[i].offset, cases[i].heading, cases[i].curvature, x);
            if (fabs(eval_path_at(&p, x) - want) > 0.15)
                fail_msg("%s: at %.0f m got %.3f, wanted %.3f", cases[i].why, x, eval_path_at(&p, x), want);
        }
    }
    free(mask);
}

static void a_wider_lane_is_noticed(void **state)
{
    (void)state;
    eval_path_options o = demo_options();
    uint8_t *mask = malloc((size_t)o.camera.width_px * o.camera.height_px);
    draw_road(&o, 0, 0, 0, true, mask);
    eval_path expected = eval_path_straight(4.0);
    for (int i = 0; i < 10; i++)
        expected = eval_path_from_mask(&o, mask, &expected);
    assert_true(fabs(expected.lane_width_m - 3.5) < 0.1);
    free(mask);
}

static void without_lines_the_right_edge_serves(void **state)
{
    (void)state;
    eval_path_options o = demo_options();
    uint8_t *mask = malloc((size_t)o.camera.width_px * o.camera.height_px);
    draw_road(&o, 0.3, 0, 1 / 80.0, false, mask);
    eval_path expected = eval_path_straight(3.5);
    eval_path p = eval_path_from_mask(&o, mask, &expected);
    assert_int_equal(p.source, EVAL_PATH_EDGE);
    for (double x = 6; x <= 15; x += 3)
        assert_true(fabs(eval_path_at(&p, x) - truth_at(0.3, 0, 1 / 80.0, x)) < 0.35);
    free(mask);
}

static void masks_without_a_road_are_told_apart(void **state)
{
    (void)state;
    eval_path_options o = demo_options();
    size_t pixels = (size_t)o.camera.width_px * o.camera.height_px;
    uint8_t *mask = malloc(pixels);
    eval_path expected = eval_path_straight(3.5);
    memset(mask, OTHER, pixels);
    assert_int_equal(eval_path_from_mask(&o, mask, &expected).source, EVAL_PATH_NONE);
    memset(mask, DRIVABLE, pixels); /* all road: straight ahead, whatever the road does */
    eval_path p = eval_path_from_mask(&o, mask, &expected);
    assert_int_equal(p.source, EVAL_PATH_REGION);
    assert_true(fabs(eval_path_at(&p, 10)) < 0.1);
    base_random r = base_random_start(7, "noise", 0, 0); /* salt and pepper: any answer, but a finite one */
    for (int k = 0; k < 50; k++) {
        for (size_t i = 0; i < pixels; i++)
            mask[i] = (uint8_t)base_random_below(&r, 3);
        p = eval_path_from_mask(&o, mask, &expected);
        for (int i = 0; i < 4; i++)
            assert_true(isfinite(p.c[i]));
    }
    free(mask);
}

static void a_path_moves_with_the_vehicle(void **state)
{
    (void)state;
    /* Driving along a circular lane keeps the same path: y = k x^2 / 2 near the car. */
    eval_path p = eval_path_straight(3.5);
    p.c[2] = 0.5 / 40.0;
    eval_path q = eval_path_moved(&p, 0.4, 0.4 / 40.0);
    assert_true(fabs(q.c[0]) < 1e-4 && fabs(q.c[1]) < 1e-4 && fabs(q.c[2] - p.c[2]) < 1e-9);
    /* Standing on a straight and turning right by 0.1 rad: the path leaves to the left. */
    p = eval_path_straight(3.5);
    q = eval_path_moved(&p, 0, 0.1);
    assert_true(fabs(q.c[1] + 0.1) < 1e-12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ground_points_match_known_values),
        cmocka_unit_test(lanes_are_recovered_from_lines),
        cmocka_unit_test(a_wider_lane_is_noticed),
        cmocka_unit_test(without_lines_the_right_edge_serves),
        cmocka_unit_test(masks_without_a_road_are_told_apart),
        cmocka_unit_test(a_path_moves_with_the_vehicle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
