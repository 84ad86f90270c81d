/* The reader on small documents of our own: geometry by formula, profiles, lanes, marks, links, signals, objects; and what it
 * says to bad ones. */
#include "sim/road/road.h"
#include "base/random.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define HEAD                                                                                                                   \
    "<?xml version=\"1.0\"?>\n<OpenDRIVE><header><geoReference><![CDATA[+proj=tmerc +lat_0=49 +lon_0=8]]></geoReference></header>\n"
#define TAIL "</OpenDRIVE>\n"
#define GEOMETRY(s, x, y, h, length, shape)                                                                                    \
    "<geometry s=\"" s "\" x=\"" x "\" y=\"" y "\" hdg=\"" h "\" length=\"" length "\">" shape "</geometry>"
#define LANE(id, type, width, more)                                                                                            \
    "<lane id=\"" id "\" type=\"" type "\">" more "<width sOffset=\"0\" a=\"" width "\" b=\"0\" c=\"0\" d=\"0\"/></lane>"
#define CENTER "<center><lane id=\"0\" type=\"none\"/></center>"
#define TWO_LANES                                                                                                              \
    "<laneSection s=\"0\"><left>" LANE("1", "driving", "3.5", "") "</left>" CENTER "<right>" LANE("-1", "driving", "3.5",      \
                                                                                                  "") "</right></laneSection>"
#define ROAD(id, length, plan, more, lanes)                                                                                    \
    "<road name=\"r\" length=\"" length "\" id=\"" id "\" junction=\"-1\"><planView>" plan "</planView>" more "<lanes>" lanes  \
    "</lanes></road>\n"
#define STRAIGHT(length) GEOMETRY("0", "0", "0", "0", length, "<line/>")

static road_map *parse(const char *xml)
{
    base_error err = { 0 };
    road_map *m = road_map_parse(xml, strlen(xml), "test", NULL, &err);
    if (!m)
        fail_msg("%s", err.text);
    return m;
}

static void near(double got, double wanted, double tolerance, const char *what)
{
    if (!(fabs(got - wanted) <= tolerance))
        fail_msg("%s: got %.12g, wanted %.12g within %g", what, got, wanted, tolerance);
}

/* Reference pose of road 0 at s against x, y, heading in OpenDRIVE's frame. */
static void expect_pose(const road_map *m, double s, double x, double y, double heading, double tolerance, const char *what)
{
    base_pose p = road_surface_pose(m, 0, s, 0, 0);
    near(p.location.x, x, tolerance, what);
    near(p.location.y, -y, tolerance, what);
    near(base_wrap_deg(p.rotation.yaw_deg + BASE_DEG(heading)), 0, BASE_DEG(tolerance), what);
}

static void line_and_arc(void **state)
{
    (void)state;
    road_map *m =
        parse(HEAD ROAD("5", "20", GEOMETRY("0", "10", "5", "0.3", "20", "<arc curvature=\"0.05\"/>"), "", TWO_LANES) TAIL);
    expect_pose(m, 20, 23.360760, 18.756753, 1.3, 1e-6, "arc of the reference notes");
    for (double s = 0; s <= 20; s += 2.5)
        expect_pose(m, s, 10 + (sin(0.3 + 0.05 * s) - sin(0.3)) / 0.05, 5 - (cos(0.3 + 0.05 * s) - cos(0.3)) / 0.05,
                    0.3 + 0.05 * s, 1e-12, "arc");
    road_waypoint w;
    assert_true(road_waypoint_xodr(m, 5, -1, 7, &w));
    near(road_waypoint_curvature(m, &w), -0.05 / (1 + 0.05 * 1.75), 1e-12, "outside a left bend: flatter; left is negative");
    assert_true(road_waypoint_xodr(m, 5, 1, 7, &w));
    near(road_waypoint_curvature(m, &w), 0.05 / (1 - 0.05 * 1.75), 1e-12, "inside, travelled backwards: right");
    base_pose a = road_waypoint_pose(m, &w);
    near(base_wrap_deg(a.rotation.yaw_deg - (180 - BASE_DEG(0.3 + 0.35))), 0, 1e-9, "lane 1 runs against s");
    assert_false(road_waypoint_xodr(m, 5, -1, 20, &w));
    assert_false(road_waypoint_xodr(m, 5, -1, -0.1, &w));
    assert_false(road_waypoint_xodr(m, 5, 2, 1, &w));
    assert_false(road_waypoint_xodr(m, 5, 0, 1, &w));
    assert_false(road_waypoint_xodr(m, 4, -1, 1, &w));
    road_map_destroy(m);
}

static void spiral(void **state)
{
    (void)state;
    road_map *m = parse(HEAD ROAD(
        "0", "30", GEOMETRY("0", "0", "0", "0", "30", "<spiral curvStart=\"0.01\" curvEnd=\"0.05\"/>"), "", TWO_LANES) TAIL);
    expect_pose(m, 30, 27.226725, 9.895773, 0.9, 1e-6, "spiral of the reference notes");
    /* against Simpson with 3000 intervals, whose error is below 1e-12 here */
    double x = 0, y = 0, h = 0.01;
    for (int i = 0; i < 3000; i++) {
        double f[3][2];
        for (int j = 0; j < 3; j++) {
            double t = (i + j / 2.0) * h, a = 0.01 * t + 0.04 / 30 * t * t / 2;
            f[j][0] = cos(a), f[j][1] = sin(a);
        }
        x += h / 6 * (f[0][0] + 4 * f[1][0] + f[2][0]);
        y += h / 6 * (f[0][1] + 4 * f[1][1] + f[2][1]);
    }
    expect_pose(m, 30, x, y, 0.9, 1e-10, "spiral by Simpson");
    /* spiral with equal ends is an arc (CARLA divides by zero here); one through curvature 0 changes sides */
    road_map_destroy(m);
    m = parse(HEAD ROAD("0", "20", GEOMETRY("0", "0", "0", "0", "20", "<spiral curvStart=\"0.05\" curvEnd=\"0.05\"/>"), "",
                        TWO_LANES) TAIL);
    expect_pose(m, 20, sin(1.0) / 0.05, (1 - cos(1.0)) / 0.05, 1.0, 1e-12, "spiral of constant curvature");
    road_map_destroy(m);
    m = parse(HEAD ROAD("0", "40", GEOMETRY("0", "0", "0", "0", "40", "<spiral curvStart=\"0.05\" curvEnd=\"-0.05\"/>"), "",
                        TWO_LANES) TAIL);
    base_pose middle = road_surface_pose(m, 0, 20, 0, 0), end = road_surface_pose(m, 0, 40, 0, 0);
    near(end.rotation.yaw_deg, 0, 1e-9, "an S turns back");
    for (double d = 2; d <= 20; d += 3) { /* point symmetric about its middle */
        base_vec3 a = road_surface_pose(m, 0, 20 - d, 0, 0).location, b = road_surface_pose(m, 0, 20 + d, 0, 0).location;
        near(a.x + b.x, 2 * middle.location.x, 1e-10, "x of the S");
        near(a.y + b.y, 2 * middle.location.y, 1e-10, "y of the S");
    }
    near(-middle.rotation.yaw_deg, BASE_DEG(0.5), 1e-9, "half way of the S");
    road_map_destroy(m);
}

/* A quarter of a circle of 20 m as a cubic Bezier in paramPoly3 is within 5.5e-3 m of it; its own ends are exact. */
static void polynomials(void **state)
{
    (void)state;
    const double k = 20 * 0.5522847498307936; /* Bezier circle constant */
    double length = 0;
    for (int i = 0; i < 20000; i++) { /* arc length by midpoints */
        double p = (i + 0.5) / 20000, du = 3 * k + 2 * p * (3 * 20 - 6 * k) + 3 * p * p * (3 * k - 2 * 20);
        double dv = 2 * p * 3 * (20 - k) + 3 * p * p * (20 - 3 * (20 - k));
        length += hypot(du, dv) / 20000;
    }
    char xml[4096];
    snprintf(
        xml, sizeof xml,
        HEAD
        "<road name=\"\" length=\"%.12f\" id=\"0\" junction=\"-1\"><planView><geometry s=\"0\" x=\"0\" y=\"0\" hdg=\"0\" length=\"%.12f\">"
        "<paramPoly3 aU=\"0\" bU=\"%.12f\" cU=\"%.12f\" dU=\"%.12f\" aV=\"0\" bV=\"0\" cV=\"%.12f\" dV=\"%.12f\" pRange=\"normalized\"/>"
        "</geometry></planView><lanes>" TWO_LANES "</lanes></road>" TAIL,
        length, length, 3 * k, 3 * 20 - 6 * k, 3 * k - 2 * 20, 3 * (20 - k), 20 - 3 * (20 - k));
    road_map *m = parse(xml);
    expect_pose(m, length, 20, 20, BASE_PI / 2, 1e-6, "end of the quarter");
    for (double u = 0.05; u < 1; u += 0.1) {
        base_pose p = road_surface_pose(m, 0, u * length, 0, 0);
        near(hypot(p.location.x, 20 + p.location.y), 20, 6e-3, "on the circle");
        near(-p.rotation.yaw_deg, 90 * u, 0.1, "heading grows evenly: s is arc length");
    }
    base_vec3 before = road_surface_pose(m, 0, 0, 0, 0).location;
    for (int i = 1; i <= 300; i++) { /* equal steps of s are equal steps on the curve */
        base_vec3 here = road_surface_pose(m, 0, length * i / 300, 0, 0).location;
        near(base_vec3_length(base_vec3_sub(here, before)), length / 300, 2e-6, "arc length step");
        before = here;
    }
    road_map_destroy(m);
    /* poly3 v = 0.01 u^2: arc length from 0 to u is u sqrt(1 + c^2)/2 + asinh(c)/(4 * 0.01), c = 0.02 u */
    double u = 25, c = 0.02 * u, arc = u * sqrt(1 + c * c) / 2 + asinh(c) / 0.04;
    snprintf(
        xml, sizeof xml,
        HEAD
        "<road name=\"\" length=\"%.12f\" id=\"0\" junction=\"-1\"><planView><geometry s=\"0\" x=\"0\" y=\"0\" hdg=\"0\" length=\"%.12f\">"
        "<poly3 a=\"0\" b=\"0\" c=\"0.01\" d=\"0\"/></geometry></planView><lanes>" TWO_LANES "</lanes></road>" TAIL,
        arc, arc);
    m = parse(xml);
    expect_pose(m, arc, 25, 6.25, atan(0.5), 1e-6, "end of the parabola");
    road_map_destroy(m);
}

/* Curvature and heading of a lane whose width grows along a spiral and along an arc, against differences of its own poses. */
static void lane_curvature(void **state)
{
    (void)state;
    static const char *const shapes[] = { "<arc curvature=\"0.04\"/>", "<spiral curvStart=\"-0.01\" curvEnd=\"0.05\"/>" };
    for (int i = 0; i < 2; i++) {
        char xml[2048];
        snprintf(
            xml, sizeof xml,
            HEAD
            "<road name=\"\" length=\"40\" id=\"0\" junction=\"-1\"><planView><geometry s=\"0\" x=\"3\" y=\"4\" hdg=\"1\" length=\"40\">%s"
            "</geometry></planView><lanes><laneOffset s=\"0\" a=\"0.5\" b=\"0.02\" c=\"0.001\" d=\"0\"/><laneSection s=\"0\"><left><lane id=\"1\" "
            "type=\"driving\"><width sOffset=\"0\" a=\"3\" b=\"0.05\" c=\"-0.002\" d=\"0.0001\"/></lane></left>" CENTER
            "<right><lane id=\"-1\" type=\"driving\"><width sOffset=\"0\" a=\"3\" b=\"0.1\" c=\"0\" d=\"0\"/></lane></right></laneSection></lanes>"
            "</road>" TAIL,
            shapes[i]);
        road_map *m = parse(xml);
        for (int lane = -1; lane <= 1; lane += 2)
            for (double s = 1; s < 40; s += 3) {
                road_waypoint w, a, b;
                assert_true(road_waypoint_xodr(m, 0, lane, s, &w));
                a = b = w;
                a.s -= lane < 0 ? 1e-3 : -1e-3;
                b.s += lane < 0 ? 1e-3 : -1e-3;
                base_pose p = road_waypoint_pose(m, &a), q = road_waypoint_pose(m, &b), here = road_waypoint_pose(m, &w);
                double dx = q.location.x - p.location.x, dy = q.location.y - p.location.y;
                near(base_wrap_deg(BASE_DEG(atan2(dy, dx)) - here.rotation.yaw_deg), 0, 1e-4, "heading is the tangent");
                near(road_waypoint_curvature(m, &w),
                     BASE_RAD(base_wrap_deg(q.rotation.yaw_deg - p.rotation.yaw_deg)) / hypot(dx, dy), 1e-7,
                     "curvature is the turn per metre");
            }
        road_map_destroy(m);
    }
}

static void profiles(void **state)
{
    (void)state;
    road_map *m = parse(HEAD ROAD(
        "0", "100", STRAIGHT("100"),
        "<elevationProfile><elevation s=\"0\" a=\"1\" b=\"0.1\" c=\"0\" d=\"0\"/><elevation s=\"50\" a=\"6\" b=\"0.1\" c=\"-0.002\" d=\"0\"/>"
        "</elevationProfile><lateralProfile><superelevation s=\"0\" a=\"0.1\" b=\"0\" c=\"0\" d=\"0\"/></lateralProfile>",
        TWO_LANES) TAIL);
    road_waypoint w;
    assert_true(road_waypoint_xodr(m, 0, -1, 60, &w));
    base_pose p = road_waypoint_pose(m, &w);
    near(p.location.z, 6 + 0.1 * 10 - 0.002 * 100 - 1.75 * sin(0.1), 1e-12, "falls to the right");
    near(p.location.y, 1.75 * cos(0.1), 1e-12, "right is +y");
    near(p.rotation.pitch_deg, BASE_DEG(atan(0.1 - 0.004 * 10)), 1e-9, "nose up");
    near(p.rotation.roll_deg, BASE_DEG(0.1), 1e-9, "right side down");
    assert_true(road_waypoint_xodr(m, 0, 1, 60, &w));
    p = road_waypoint_pose(m, &w);
    near(p.rotation.pitch_deg, -BASE_DEG(atan(0.06)), 1e-9, "the other way is downhill");
    near(p.rotation.roll_deg, -BASE_DEG(0.1), 1e-9, "left side down");
    base_pose t = road_surface_pose(m, 0, 60, 2, 0.5);
    near(t.location.z, 6.8 - 2 * sin(0.1) + 0.5, 1e-12, "surface pose");
    road_map_destroy(m);
}

/* laneOffset and width jump at a section border: either side must see its own. */
static void one_sided(void **state)
{
    (void)state;
    road_map *m = parse(HEAD ROAD(
        "0", "100", STRAIGHT("100"), "",
        "<laneOffset s=\"0\" a=\"0\" b=\"0\" c=\"0\" d=\"0\"/><laneOffset s=\"50\" a=\"3.5\" b=\"0\" c=\"0\" d=\"0\"/>"
        "<laneSection s=\"0\">" CENTER
        "<right><lane id=\"-1\" type=\"driving\"><link><successor id=\"-2\"/></link><width sOffset=\"0\" a=\"3.5\"/></lane></right></laneSection>"
        "<laneSection s=\"50\">" CENTER
        "<right><lane id=\"-1\" type=\"driving\"><width sOffset=\"0\" a=\"3.5\"/></lane><lane id=\"-2\" type=\"driving\"><link><predecessor id=\"-1\"/></link>"
        "<width sOffset=\"0\" a=\"3.5\"/><width sOffset=\"10\" a=\"3.5\" b=\"0.1\"/></lane></right></laneSection>") TAIL);
    base_vec3 in, out;
    road_lane_borders(m, 0, 0, -1, 50, &in, &out);
    near(in.y, 0, 1e-12, "the old section's end keeps its offset");
    near(out.y, 3.5, 1e-12, "and its width");
    road_lane_borders(m, 0, 1, -2, 50, &in, &out);
    near(in.y, 0, 1e-12, "the new section starts with its own");
    near(out.y, 3.5, 1e-12, "so that lane centres meet");
    near(road_lane_width(m, 0, 1, -2, 70), 3.5 + 0.1 * 10, 1e-12, "second width record, from its own offset");
    near(road_lane_width(m, 0, 1, -2, 60 - 1e-9), 3.5, 1e-9, "first width record");
    road_waypoint w, next[4];
    assert_true(road_waypoint_xodr(m, 0, -1, 40, &w));
    assert_int_equal(road_waypoint_next(m, &w, 30, next, 4), 1);
    assert_true(next[0].section == 1 && next[0].lane == -2);
    near(next[0].s, 70, 1e-12, "moved 30 m across the border");
    assert_int_equal(road_waypoint_previous(m, &next[0], 30, next, 4), 1);
    assert_true(next[0].section == 0 && next[0].lane == -1);
    near(next[0].s, 40, 1e-12, "and back");
    assert_int_equal(road_waypoint_next(m, &w, 60.001, next, 4), 0); /* dead end at 100 */
    double s[64];
    int n = road_section_samples(m, 0, 1, 0.01, 20, s, 64);
    assert_true(n >= 3 && n <= 64);
    near(s[0], 50, 0, "first sample");
    near(s[n - 1], 100, 0, "last sample");
    bool record = false;
    for (int i = 0; i + 1 < n; i++) {
        assert_true(s[i + 1] > s[i] && s[i + 1] - s[i] <= 20 + 1e-9);
        record |= s[i] == 60;
    }
    assert_true(record); /* where the width record changes */
    road_map_destroy(m);
}

static void marks(void **state)
{
    (void)state;
    road_map *m = parse(HEAD ROAD(
        "0", "100", STRAIGHT("100"),
        "<type s=\"0\" type=\"town\"><speed max=\"30\" unit=\"mph\"/></type><type s=\"60\" type=\"rural\"><speed max=\"90\" unit=\"km/h\"/></type>",
        "<laneSection s=\"0\"><left>" LANE(
            "1", "driving", "3.5",
            "<roadMark sOffset=\"0\" type=\"solid\" color=\"white\" width=\"0.2\" laneChange=\"none\"/>") "</left>"
                                                                                                          "<center><lane id=\"0\" type=\"none\"><roadMark sOffset=\"0\" type=\"broken\" color=\"yellow\" laneChange=\"both\"/>"
                                                                                                          "<roadMark sOffset=\"40\" type=\"solid broken\" color=\"standard\" width=\"0.1\" laneChange=\"increase\"/></lane></center><right>" LANE(
                                                                                                              "-1", "driving",
                                                                                                              "3.5",
                                                                                                              "<roadMark sOffset=\"0\" type=\"broken\" color=\"white\" width=\"0.15\" laneChange=\"both\"><type name=\"b\" width=\"0.15\">"
                                                                                                              "<line length=\"6\" space=\"2\" tOffset=\"0.05\" sOffset=\"1\" width=\"0.11\"/></type></roadMark>")
                                                                                                              LANE(
                                                                                                                  "-2",
                                                                                                                  "driving",
                                                                                                                  "3.5",
                                                                                                                  "<roadMark sOffset=\"0\" type=\"curb\"/>") "</right></laneSection>")
                            TAIL);
    road_waypoint w, v;
    road_mark left, right;
    assert_true(road_waypoint_xodr(m, 0, -1, 10, &w));
    road_waypoint_marks(m, &w, &left, &right);
    assert_true(left.type == ROAD_MARK_BROKEN && left.color == ROAD_COLOR_YELLOW && left.s1 == 40);
    assert_true(left.strip_count == 1 && left.strips[0].gap_m == 4.5 && left.strips[0].dash_m == 3);
    assert_true(right.type == ROAD_MARK_BROKEN && right.strip_count == 1 && right.strips[0].dash_m == 6 &&
                right.strips[0].gap_m == 2);
    near(right.strips[0].right_m, -0.05, 1e-12, "tOffset is to the left");
    near(right.strips[0].width_m, 0.11, 1e-12, "line width");
    assert_int_equal(road_waypoint_lane_change(m, &w), ROAD_CHANGE_BOTH);
    near(road_waypoint_speed_limit(m, &w), 30 * 0.44704, 1e-9, "30 mph");
    assert_true(road_waypoint_right(m, &w, &v) && v.lane == -2);
    road_waypoint_marks(m, &v, &left, &right);
    assert_true(right.type == ROAD_MARK_CURB && right.strip_count == 0);
    assert_int_equal(road_waypoint_lane_change(m, &v), ROAD_CHANGE_LEFT);
    assert_false(road_waypoint_right(m, &v, &v));
    assert_true(road_waypoint_left(m, &w, &v) && v.lane == 1); /* over the centre, as in CARLA */
    w.s = 70;
    road_waypoint_marks(m, &w, &left, &right);
    assert_true(left.type == ROAD_MARK_SOLID_BROKEN && left.color == ROAD_COLOR_WHITE && left.strip_count == 2);
    assert_true(left.strips[0].gap_m == 0 && left.strips[0].right_m < 0); /* first word: left strip */
    near(road_waypoint_speed_limit(m, &w), 25, 1e-9, "90 km/h");
    assert_int_equal(road_waypoint_lane_change(m, &w), ROAD_CHANGE_RIGHT); /* increase means right: not to the left */
    w.lane = 1;
    assert_int_equal(road_waypoint_lane_change(m, &w),
                     ROAD_CHANGE_NONE); /* nor from the other side: the mark is lane 0's own */
    road_map_destroy(m);
}

/* Three roads and a junction with two ways, the second entered at its end. */
static const char junction_xml[] = HEAD
    "<road name=\"in\" length=\"50\" id=\"1\" junction=\"-1\"><link><successor elementType=\"junction\" elementId=\"9\"/></link><planView>" STRAIGHT(
        "50") "</planView><lanes>" TWO_LANES "</lanes></road>\n"
              "<road name=\"ahead\" length=\"20\" id=\"2\" junction=\"9\"><link><predecessor elementType=\"road\" elementId=\"1\" contactPoint=\"end\"/>"
              "<successor elementType=\"road\" elementId=\"4\" contactPoint=\"start\"/></link><planView>" GEOMETRY(
                  "0", "50", "0", "0",
                  "20", "<line/>") "</planView><lanes><laneSection s=\"0\">" CENTER
                                   "<right>" LANE("-1", "driving", "3.5", "<link><predecessor id=\"-1\"/><successor id=\"-1\"/></link>") "</right></laneSection></lanes></road>\n"
                                                                                                                                         /* a right turn of 10 m radius for the lane, drawn backwards: from the exit to the entry */
                                                                                                                                         "<road name=\"turn\" length=\"15.707963267948966\" id=\"3\" junction=\"9\"><link><predecessor elementType=\"road\" elementId=\"5\" contactPoint=\"start\"/>"
                                                                                                                                         "<successor elementType=\"road\" elementId=\"1\" contactPoint=\"end\"/></link><planView>" GEOMETRY(
                                                                                                                                             "0",
                                                                                                                                             "60", "-10", "1.5707963267948966", "15.707963267948966", "<arc curvature=\"0.1\"/>") "</planView><lanes><laneSection s=\"0\"><left>" LANE("1", "driving", "3.5", "<link><predecessor id=\"-1\"/><successor id=\"-1\"/></link>") "</left>" CENTER
                                                                                                                                                                                                                                                                                                                                                                             "</laneSection></lanes></road>\n"
                                                                                                                                                                                                                                                                                                                                                                             "<road name=\"east\" length=\"40\" id=\"4\" junction=\"-1\"><link><predecessor elementType=\"junction\" elementId=\"9\"/></link><planView>" GEOMETRY("0",
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                  "70", "0", "0", "40", "<line/>") "</planView><lanes>" TWO_LANES
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                   "</lanes></road>\n"
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                   "<road name=\"south\" length=\"40\" id=\"5\" junction=\"-1\"><link><predecessor elementType=\"junction\" elementId=\"9\"/></link><planView>" GEOMETRY(
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                       "0",
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                       "60",
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                       "-10",
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                       "-1.5707963267948966", "40", "<line/>") "</planView><lanes>" TWO_LANES
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                               "</lanes>"
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                               "<objects><object id=\"77\" name=\"Zebra\" type=\"Crosswalk\" s=\"5\" t=\"0\" hdg=\"0\"><outline><cornerLocal u=\"-1\" v=\"2\" z=\"0\"/><cornerLocal u=\"1\" v=\"2\" z=\"0\"/>"
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                               "<cornerLocal u=\"1\" v=\"-2\" z=\"0\"/><cornerLocal u=\"-1\" v=\"-2\" z=\"0\"/><cornerLocal u=\"-1\" v=\"2\" z=\"0\"/></outline></object></objects>"
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                               "<signals><signal id=\"s1\" name=\"Light\" s=\"3\" t=\"-4\" zOffset=\"-0.5\" hOffset=\"3.141592653589793\" dynamic=\"yes\" orientation=\"+\" type=\"1000001\" subtype=\"-1\" country=\"OpenDRIVE\" value=\"-1\">"
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                               "<validity fromLane=\"1\" toLane=\"1\"/></signal></signals></road>\n"
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                               "<controller id=\"c1\" name=\"ctrl\"><control signalId=\"s1\"/><control signalId=\"s1\"/><control signalId=\"none\"/></controller>"
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                               "<junction id=\"9\" name=\"x\"><connection id=\"0\" incomingRoad=\"1\" connectingRoad=\"2\" contactPoint=\"start\"><laneLink from=\"-1\" to=\"-1\"/></connection>"
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                               "<connection id=\"1\" incomingRoad=\"1\" connectingRoad=\"3\" contactPoint=\"end\"><laneLink from=\"-1\" to=\"1\"/></connection><controller id=\"c1\"/></junction>\n" TAIL;

static void junction(void **state)
{
    (void)state;
    road_map *m = parse(junction_xml);
    road_waypoint w, next[4];
    assert_true(road_waypoint_xodr(m, 1, -1, 45, &w));
    assert_int_equal(road_waypoint_junction(m, &w), -1);
    assert_int_equal(road_waypoint_next(m, &w, 10, next, 4), 2);
    assert_true(next[0].road_id == 2 && next[0].lane == -1 && fabs(next[0].s - 5) < 1e-12);
    assert_true(next[1].road_id == 3 && next[1].lane == 1 && fabs(next[1].s - (15.707963267948966 - 5)) < 1e-9);
    assert_int_equal(road_waypoint_junction(m, &next[1]), 9);
    assert_int_equal(road_waypoint_next(m, &w, 10, next, 1), 2); /* the count is true even where there is no room */
    /* the turn's lane ends where the south road's begins, heading south: +y in CARLA's frame */
    assert_int_equal(road_waypoint_next(m, &next[1], 30, next, 4), 1);
    assert_true(next[0].road_id == 5 && next[0].lane == -1);
    near(road_waypoint_pose(m, &next[0]).rotation.yaw_deg, 90, 1e-9, "south");
    assert_int_equal(road_waypoint_predecessors(m, &next[0], next, 4), 1);
    assert_true(next[0].road_id == 3);
    size_t count;
    const road_edge *e = road_map_topology(m, &count);
    int forks = 0;
    for (size_t i = 0; i < count; i++)
        forks += e[i].from.road_id == 1 && e[i].from.lane == -1;
    assert_int_equal(forks, 2);
    road_waypoint keys[2];
    road_route r;
    base_error err = { 0 };
    assert_true(road_waypoint_xodr(m, 1, -1, 10, &keys[0]));
    assert_true(road_waypoint_xodr(m, 5, -1, 30, &keys[1]));
    assert_true(road_route_find(m, keys, 2, 0.5, &r, &err));
    /* 40 + a quarter with radius 10 - 1.75 (lane inside the right turn) + 30 */
    near(r.length_m, 40 + BASE_PI / 2 * 8.25 + 30, 1e-3, "route length");
    for (size_t i = 0; i < r.count; i++) {
        bool inside = r.points[i].junction == 9;
        assert_int_equal(r.points[i].option, inside ? ROAD_OPTION_RIGHT : ROAD_OPTION_LANE_FOLLOW);
        if (inside && i + 1 < r.count && r.points[i + 1].junction == 9)
            near(r.points[i].curvature_per_m, 1 / 8.25, 1e-9, "right is positive");
    }
    road_route_place place = road_route_locate(&r, (base_vec3){ 20, 2.25, 0 }, 0, INFINITY);
    near(place.lateral_m, 0.5, 1e-9, "half a metre right of the lane's centre");
    near(place.s_m, 10, 1e-6, "10 m from the start");
    road_route_free(&r);
    keys[1] = keys[0];
    assert_true(road_waypoint_xodr(m, 4, 1, 30, &keys[0])); /* ends at the junction, which leads nowhere from there */
    assert_false(road_route_find(m, keys, 2, 0.5, &r, &err));
    assert_int_equal(err.code, BASE_ARGUMENT);
    road_map_destroy(m);
}

static void signals(void **state)
{
    (void)state;
    road_map *m = parse(junction_xml);
    assert_int_equal(road_signal_count(m), 1);
    road_signal s = road_map_signal(m, 0);
    assert_string_equal(s.id, "s1");
    assert_true(s.kind == ROAD_SIGNAL_TRAFFIC_LIGHT && s.dynamic && s.orientation == ROAD_ORIENTATION_PLUS);
    near(s.pose.location.x, 56, 1e-9, "4 m right of a road that runs south: west");
    near(s.pose.location.y, 13, 1e-9, "3 m down");
    near(fabs(base_wrap_deg(s.pose.rotation.yaw_deg + 90)), 0, 1e-9, "faces north");
    near(s.pose.location.z, 0, 0, "zOffset is not in the pose");
    near(s.z_offset_m, -0.5, 0, "but kept");
    size_t uses;
    const road_signal_use *u = road_map_signal_uses(m, &uses);
    assert_int_equal(uses, 1);
    assert_true(u[0].from_lane == 1 && u[0].to_lane == 1 && !u[0].reference);
    road_controller c = road_map_controller(m, 0);
    assert_int_equal(c.signal_count, 1); /* repeated and unknown signals dropped */
    road_junction j = road_map_junction(m, 0);
    assert_true(j.id == 9 && j.road_count == 2 && j.controller_count == 1 && j.controllers[0] == 0);
    assert_true(j.low.x > 40 && j.high.x < 80 && j.low.y > -5 && j.high.y < 15);
    assert_int_equal(road_object_count(m), 1);
    road_object o = road_map_object(m, 0);
    assert_string_equal(o.type, "crosswalk");
    assert_int_equal(o.outline_count, 4); /* the repeated corner is gone */
    /* the road runs south: u (along) is +y, v (left) is +x */
    near(o.outline[0].x, 62, 1e-9, "corner x");
    near(o.outline[0].y, 10 + 5 - 1, 1e-9, "corner y");
    base_vec3 geo = road_map_geolocation(m, 15, (base_vec3){ 0, 0, 3 });
    near(geo.x, 49, 1e-9, "latitude");
    near(geo.y, 8, 1e-9, "longitude");
    assert_true(road_map_geolocation(m, 15, (base_vec3){ 0, 100, 0 }).x < 49); /* +y is south */
    road_map_destroy(m);
}

static void nearest(void **state)
{
    (void)state;
    road_map *m = parse(junction_xml);
    road_waypoint w;
    assert_true(road_waypoint_at(m, (base_vec3){ 20, 1, 0 }, ROAD_LANE_DRIVING, false, &w));
    assert_true(w.road_id == 1 && w.lane == -1);
    near(w.s, 20, 1e-9, "foot");
    near(road_waypoint_lateral(m, &w, (base_vec3){ 20, 1, 0 }), -0.75, 1e-9, "left of the centre");
    assert_false(road_waypoint_at(m, (base_vec3){ 20, 4, 0 }, ROAD_LANE_DRIVING, false, &w));
    assert_true(road_waypoint_at(m, (base_vec3){ 20, 4, 0 }, ROAD_LANE_DRIVING, true, &w));
    assert_false(road_waypoint_at(m, (base_vec3){ 20, 1, 0 }, ROAD_LANE_SIDEWALK, true, &w));
    assert_false(road_waypoint_at(m, (base_vec3){ NAN, 1, 0 }, ROAD_LANE_DRIVING, true, &w));
    assert_true(road_waypoint_at(m, (base_vec3){ -1e6, 3e5, 0 }, ROAD_LANE_ANY, true, &w)); /* far away is fine */
    assert_true(w.road_id == 1);
    road_map_destroy(m);
}

/* Two lanes one way for 200 m: the way to the other lane is a lane change, spread over 25 m, only where the paint allows it. */
static void lane_change(void **state)
{
    (void)state;
    static const char xml[] = HEAD ROAD(
        "0", "200", STRAIGHT("200"), "",
        "<laneSection s=\"0\">" CENTER
        "<right>" LANE("-1", "driving", "3.5",
                       "<roadMark sOffset=\"0\" type=\"solid\" color=\"white\" laneChange=\"none\"/>"
                       "<roadMark sOffset=\"100\" type=\"broken\" color=\"white\" laneChange=\"both\"/>")
            LANE("-2", "driving", "3.5",
                 "<roadMark sOffset=\"0\" type=\"solid\" color=\"white\" laneChange=\"none\"/>") "</right></laneSection>") TAIL;
    road_map *m = parse(xml);
    road_waypoint keys[2];
    road_route r;
    base_error err = { 0 };
    assert_true(road_waypoint_xodr(m, 0, -1, 10, &keys[0]));
    assert_true(road_waypoint_xodr(m, 0, -2, 190, &keys[1]));
    if (!road_route_find(m, keys, 2, 0.5, &r, &err))
        fail_msg("%s", err.text);
    double before = r.points[0].y;
    for (size_t i = 0; i < r.count; i++) {
        const road_route_point *p = &r.points[i];
        assert_true(p->y >= before - 1e-9);                   /* sideways only one way, */
        assert_true(p->y - before < 0.15);                    /* smoothly: at most 1.5 * 3.5 / 25 per metre */
        assert_true(p->x >= 100 || fabs(p->y - 1.75) < 1e-9); /* and not before the broken line */
        if (fabs(p->y - 1.75) > 0.01 && fabs(p->y - 5.25) > 0.01) {
            assert_int_equal(p->option, ROAD_OPTION_CHANGE_RIGHT);
            assert_true(p->yaw_deg > 0 && p->yaw_deg < 13);
        }
        before = p->y;
    }
    near(r.points[r.count - 1].x, 190, 1e-6, "reaches the key");
    near(r.points[r.count - 1].y, 5.25, 1e-6, "in its lane");
    near(r.length_m, 180, 1, "a lane change costs little length");
    road_route_free(&r);
    assert_true(road_waypoint_xodr(m, 0, -2, 60, &keys[1])); /* before the broken line begins */
    assert_false(road_route_find(m, keys, 2, 0.5, &r, &err));
    road_map_destroy(m);
}

/* Forks by seed: the same seed repeats itself, and over many seeds both ways are taken. */
static void follow(void **state)
{
    (void)state;
    road_map *m = parse(junction_xml);
    road_waypoint w;
    int turns = 0;
    assert_true(road_waypoint_xodr(m, 1, -1, 10, &w));
    for (uint64_t seed = 0; seed < 40; seed++) {
        road_route a, b;
        assert_true(road_route_follow(m, &w, 75, 1, seed, &a, NULL) && road_route_follow(m, &w, 75, 1, seed, &b, NULL));
        assert_int_equal(a.count, b.count);
        const road_route_point *end = &a.points[a.count - 1];
        near(a.length_m, 75, 0.01, "as long as asked");
        near(b.points[a.count - 1].x, end->x, 0, "the same again");
        turns += end->waypoint.road_id == 5;
        road_route_point p = road_route_at(&a, 20.25);
        near(p.x, 30.25, 1e-9, "between two points");
        near(road_route_at(&a, -5).x, 10, 1e-9, "clamped to the start");
        road_route_free(&a);
        road_route_free(&b);
    }
    assert_true(turns > 8 && turns < 32);
    road_route r;
    base_error err = { 0 };
    assert_true(road_route_follow(m, &w, 1000, 1, 1, &r, &err)); /* ends early at the dead end */
    assert_true(r.length_m < 110);
    road_route_free(&r);
    assert_false(road_route_follow(m, &w, -1, 1, 1, &r, &err));
    assert_false(road_route_follow(m, &w, 100, 0, 1, &r, &err));
    road_map_destroy(m);
}

/* ---- Bad input ---- */

static const struct {
    const char *xml, *says, *why;
} bad[] = {
    { "", "no element", "empty text" },
    { "<OpenDRIVE>", "no element", "truncated" },
    { "<OpenDRIVE></OpenDRIVE>", "no <road>", "a map without roads" },
    { "<osm></osm>", "expected <OpenDRIVE>, found <osm>", "another format" },
    { "<OpenDRIVE>\n\n<road></OpenDRIVE>", ":3:", "the line is named" },
    { HEAD "<road id=\"x\" length=\"1\"/>" TAIL, "id=\"x\"", "string ids" },
    { HEAD "<road id=\"1\"/>" TAIL, "length is missing", "no length" },
    { HEAD "<road id=\"1\" length=\"nan\"/>" TAIL, "finite", "not a number" },
    { HEAD "<road id=\"1\" length=\"1e999\"/>" TAIL, "finite", "infinite" },
    { HEAD "<road id=\"1\" length=\"-5\"/>" TAIL, "negative", "negative length" },
    { HEAD "<road id=\"1\" length=\"5x\"/>" TAIL, "5x", "a number with a tail" },
    { HEAD "<road id=\"1\" length=\"10\"/>" TAIL, "no planView geometry", "road without geometry" },
    { HEAD ROAD("1", "10", STRAIGHT("10"), "", "") TAIL, "no laneSection", "road without lanes" },
    { HEAD ROAD("1", "10", STRAIGHT("5"), "", TWO_LANES) TAIL, "geometries end at 5", "road longer than its geometry" },
    { HEAD ROAD("1", "10", GEOMETRY("0", "0", "0", "0", "10", ""), "", TWO_LANES) TAIL, "without line, arc",
      "geometry without shape" },
    { HEAD ROAD("1", "10", GEOMETRY("0", "0", "0", "0", "10", "<line/><line/>"), "", TWO_LANES) TAIL, "two shapes",
      "two shapes" },
    { HEAD ROAD("1", "10", GEOMETRY("0", "0", "0", "0", "10", "<spiral curvStart=\"900\" curvEnd=\"-900\"/>"), "", TWO_LANES)
          TAIL,
      "turns by more", "endless spiral" },
    { HEAD ROAD("1", "10", GEOMETRY("0", "0", "0", "0", "10", "<paramPoly3 pRange=\"other\"/>"), "", TWO_LANES) TAIL, "pRange",
      "unknown range" },
    { HEAD ROAD("1", "10", GEOMETRY("0", "0", "0", "0", "10", "<paramPoly3/>"), "", TWO_LANES) TAIL, "without length",
      "degenerate curve" },
    { HEAD ROAD("1", "10", STRAIGHT("10"), "",
                "<laneSection s=\"0\"><right>" LANE("-1", "driving", "3", "") "</right></laneSection>") TAIL,
      "without a centre lane", "no lane 0" },
    { HEAD ROAD("1", "10", STRAIGHT("10"), "",
                "<laneSection s=\"0\">" CENTER "<right>" LANE("-2", "driving", "3", "") "</right></laneSection>") TAIL,
      "consecutive", "a gap in lane ids" },
    { HEAD ROAD("1", "10", STRAIGHT("10"), "",
                "<laneSection s=\"0\">" CENTER "<right>" LANE("-1", "driving", "3", "")
                    LANE("-1", "driving", "3", "") "</right></laneSection>") TAIL,
      "twice", "a lane twice" },
    { HEAD ROAD("1", "10", STRAIGHT("10"), "", TWO_LANES "<laneSection s=\"20\">" CENTER "</laneSection>") TAIL,
      "laneSection from s", "section beyond the road" },
    { HEAD ROAD("1", "10", STRAIGHT("10"), "", TWO_LANES) ROAD("1", "10", STRAIGHT("10"), "", TWO_LANES) TAIL, "given twice",
      "duplicate road id" },
    { HEAD ROAD("1", "10", STRAIGHT("10"),
                "<elevationProfile><elevation s=\"5\" a=\"0\"/><elevation s=\"2\" a=\"0\"/></elevationProfile>", TWO_LANES)
          TAIL,
      "must ascend", "records out of order" },
    { HEAD "<road name=\"\" length=\"10\" id=\"1\" junction=\"7\"><planView>" STRAIGHT("10") "</planView><lanes>" TWO_LANES
                                                                                             "</lanes></road>" TAIL,
      "junction 7, which does not exist", "unknown junction" },
    { "<?xml version=\"1.0\"?><!DOCTYPE OpenDRIVE [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;&a;\">]><OpenDRIVE>&b;</OpenDRIVE>",
      "document type", "entities" },
    { HEAD ROAD("1", "1000", STRAIGHT("1000"),
                "<elevationProfile><elevation s=\"0\" a=\"0\" b=\"0\" c=\"1e6\"/></elevationProfile>", TWO_LANES) TAIL,
      "bends without end", "more pieces than any map" },
};

static void refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        base_error err = { 0 };
        road_map *m = road_map_parse(bad[i].xml, strlen(bad[i].xml), "bad", NULL, &err);
        if (m)
            fail_msg("%s: accepted", bad[i].why);
        if (err.code != BASE_FORMAT || !strstr(err.text, bad[i].says) || strncmp(err.text, "bad:", 4) != 0 ||
            strchr(err.text, '\n'))
            fail_msg("%s: expected one line with \"%s\", got: %s", bad[i].why, bad[i].says, err.text);
    }
    base_error err = { 0 };
    assert_null(road_map_read("/nonexistent/map.xodr", NULL, &err));
    assert_int_equal(err.code, BASE_IO);
    assert_non_null(strstr(err.text, "/nonexistent/map.xodr"));
}

/* Cut anywhere and with bits flipped: an error or a map, never a crash; a map must answer queries. */
static void damaged(void **state)
{
    (void)state;
    size_t bytes = sizeof junction_xml - 1;
    char *copy = malloc(bytes + 1);
    base_random r = base_random_start(21, "damage", 0, 0);
    int parsed = 0;
    for (size_t cut = 0; cut < bytes - sizeof TAIL + 2; cut += 7) {
        memcpy(copy, junction_xml, cut);
        base_error err = { 0 };
        assert_null(road_map_parse(copy, cut, "cut", NULL, &err));
        assert_true(err.text[0] != 0);
    }
    for (int k = 0; k < 2000; k++) {
        memcpy(copy, junction_xml, bytes);
        size_t at = base_random_below(&r, (uint32_t)bytes);
        while (k % 2 && !(copy[at] >= '0' && copy[at] <= '9')) /* every other time another digit: most maps then still parse */
            at = base_random_below(&r, (uint32_t)bytes);
        copy[at] = k % 2 ? (char)('0' + base_random_below(&r, 10)) : (char)(copy[at] ^ (1 << base_random_below(&r, 7)));
        base_error err = { 0 };
        road_map *m = road_map_parse(copy, bytes, "flipped", NULL, &err);
        if (!m) {
            assert_true(err.text[0] != 0);
            continue;
        }
        parsed++;
        road_waypoint w, next[4];
        if (road_waypoint_at(m, (base_vec3){ 40, 1, 0 }, ROAD_LANE_ANY, true, &w)) {
            base_pose p = road_waypoint_pose(m, &w);
            assert_true(isfinite(p.location.x) && isfinite(p.rotation.yaw_deg));
            road_waypoint_next(m, &w, 25, next, 4);
        }
        road_map_destroy(m);
    }
    assert_true(parsed > 100);
    free(copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(line_and_arc), cmocka_unit_test(spiral),    cmocka_unit_test(polynomials),
        cmocka_unit_test(profiles),     cmocka_unit_test(one_sided), cmocka_unit_test(marks),
        cmocka_unit_test(junction),     cmocka_unit_test(signals),   cmocka_unit_test(nearest),
        cmocka_unit_test(refused),      cmocka_unit_test(damaged),   cmocka_unit_test(lane_curvature),
        cmocka_unit_test(lane_change),  cmocka_unit_test(follow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
