/* What CARLA's clients ask a map besides lanes: landmarks, junctions, crosswalks, geolocation, waypoints until a lane's end, the
 * nearest lane by CARLA's own rule. Numbers with many digits are answers of the official clients 0.9.15 and 0.9.16 on
 * tests/golden/road/junction.xodr; tests/interop/test_maps.py asks them the same on whole towns. */
#include "sim/road/road.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static road_map *load(void)
{
    base_error err = { 0 };
    road_map *m = road_map_read("tests/golden/road/junction.xodr", NULL, &err);
    if (!m)
        fail_msg("%s", err.text);
    return m;
}

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
        fail_msg("%s: got %.15g, wanted %.15g within %g", what, got, wanted, tolerance);
}

#define LANE(id)                                                                                                               \
    "<lane id=\"" #id "\" type=\"driving\"><link><predecessor id=\"" #id "\"/><successor id=\"" #id                            \
    "\"/></link><width sOffset=\"0\" a=\"4\" b=\"0\" c=\"0\" d=\"0\"/></lane>"
#define CENTRE "<center><lane id=\"0\" type=\"none\"/></center>"
#define BEGIN(id, y)                                                                                                           \
    "<road id=\"" id "\" length=\"100\" junction=\"-1\"><planView><geometry s=\"0\" x=\"0\" y=\"" y                            \
    "\" hdg=\"0\" length=\"100\"><line/></geometry></planView><lanes><laneSection s=\"0\"><left>" LANE(                        \
        1) "</left>" CENTRE "<right>" LANE(-1) "</right></laneSection>"
#define PLAIN(id, y, sections) BEGIN(id, y) sections "</lanes></road>"
#define ROAD(inside)           "<OpenDRIVE><header/>" BEGIN("1", "0") "</lanes>" inside "</road></OpenDRIVE>"

static void geolocation(void **state)
{
    (void)state;
    road_map *m = load(); /* +lat_0=49 +lon_0=8 */
    base_vec3 at = { 100, 200, 3 };
    base_vec3 transverse = road_map_geolocation(m, 16, at), mercator = road_map_geolocation(m, 15, at);
    near(transverse.x, 49.001797341400, 1e-9, "latitude, 0.9.16: y to the north");
    near(transverse.y, 8.001369857202, 1e-9, "longitude, 0.9.16");
    assert_true(mercator.x < 49 && mercator.y > 8); /* y to the south */
    near(transverse.z, 3, 0, "altitude");
    for (int release = 13; release <= 16; release++) {
        base_vec3 back = road_map_location(m, release, road_map_geolocation(m, release, at));
        near(back.x, at.x, 1e-6, "there and back, x");
        near(back.y, at.y, 1e-6, "there and back, y");
    }
    base_vec3 origin = road_map_geolocation(m, 16, (base_vec3){ 0, 0, 0 });
    near(origin.x, 49, 1e-12, "the origin's latitude");
    near(origin.y, 8, 1e-12, "the origin's longitude");
    road_map_destroy(m);
    m = parse(ROAD(""));
    base_vec3 none = road_map_geolocation(m, 16, at);
    near(none.x, 42.001797343162, 1e-9, "without a geoReference: CARLA's latitude");
    near(none.y, 2.001209320320, 1e-9, "and longitude");
    road_map_destroy(m);
}

static void one_light(void **state)
{
    (void)state;
    road_map *m = load();
    int found[4];
    assert_int_equal(road_landmark_count(m), 1);
    assert_int_equal(road_find_landmarks(m, "s1", NULL, found, 4), 1);
    assert_int_equal(road_find_landmarks(m, NULL, "1000001", found, 4), 1);
    assert_int_equal(road_find_landmarks(m, NULL, "206", found, 4), 0);
    assert_int_equal(road_landmark_group(m, 0, found, 4), 1);
    road_landmark l = road_map_landmark(m, 0);
    assert_true(!l.reference && l.s == 3 && l.use_count == 1 && l.uses[0].from_lane == 1 && l.uses[0].to_lane == 1);
    base_pose old = road_signal_place(m, 0, 15), new = road_signal_place(m, 0, 16);
    near(old.location.x, 55.3, 1e-5, "pushed off the lane");
    near(old.location.y, 12.75, 1e-5, "a quarter of a metre along its heading");
    near(old.location.z, 0, 0, "0.9.15 reads no zOffset");
    near(new.location.z, -0.5, 0, "0.9.16 does");
    near(base_wrap_deg(new.rotation.yaw_deg - 90), 0, 1e-9, "heading of the lane that it was pushed off");
    road_map_destroy(m);
}

static void landmarks_of_every_kind(void **state)
{
    (void)state;
    road_map *m = parse(ROAD(
        "<objects><object id=\"7\" name=\"Speed_60\" s=\"20\" t=\"-6\" zOffset=\"1.5\" orientation=\"-\"/>"
        "<object id=\"8\" name=\"Stencil_STOP\" s=\"90\" t=\"-2\" orientation=\"-\"/></objects>"
        "<signals><signal id=\"a\" s=\"50\" t=\"6\" type=\"205\" orientation=\"none\"/>"
        "<signal id=\"b\" s=\"60\" t=\"-6\" type=\"206\" orientation=\"+\"><validity fromLane=\"0\" toLane=\"0\"/></signal>"
        "<signalReference id=\"a\" s=\"70\" t=\"0\" orientation=\"-\"><validity fromLane=\"-1\" toLane=\"-1\"/><validity "
        "fromLane=\"1\" toLane=\"1\"/></signalReference></signals>"));
    assert_int_equal(road_signal_count(m), 4);
    assert_int_equal(road_landmark_count(m), 4); /* b is for no lane; a twice */
    road_signal speed = road_map_signal(m, 0), stencil = road_map_signal(m, 1);
    assert_true(speed.kind == ROAD_SIGNAL_SPEED_LIMIT && speed.value == 60 && strcmp(speed.text, "60") == 0 && !speed.painted);
    assert_true(stencil.kind == ROAD_SIGNAL_STOP && stencil.painted);
    road_landmark yield = road_map_landmark(m, 2), again = road_map_landmark(m, 3);
    assert_int_equal(yield.use_count, 2); /* without validity and orientation: a record for each side */
    assert_true(yield.uses[0].from_lane == 1 && yield.uses[1].to_lane == -1);
    assert_true(again.reference && again.use_count == 2 && again.signal == yield.signal);

    road_waypoint w;
    road_landmark_ahead ahead[8];
    assert_true(road_waypoint_xodr(m, 1, -1, 10, &w));
    assert_int_equal(road_waypoint_landmarks(m, &w, 60, false, ahead, 8), 3); /* 20, 50, 70: the end counts */
    assert_true(ahead[0].landmark == 0 && fabs(ahead[0].distance_m - 10) < 1e-12 && ahead[0].waypoint.lane == -1);
    assert_int_equal(road_waypoint_landmarks(m, &w, 59.9, false, ahead, 8), 2);
    assert_int_equal(road_waypoint_landmarks(m, &w, 1000, false, ahead, 1), 4); /* the count is true without room */
    assert_true(road_waypoint_xodr(m, 1, 1, 80, &w)); /* the other way: neither the speed limit nor the stop */
    assert_int_equal(road_waypoint_landmarks(m, &w, 1000, false, ahead, 8), 2);
    assert_true(ahead[0].distance_m == 10 || ahead[1].distance_m == 10);
    road_map_destroy(m);
}

static void junctions(void **state)
{
    (void)state;
    road_map *m = load();
    assert_int_equal(road_find_junction(m, 9), 0);
    assert_int_equal(road_find_junction(m, 8), -1);
    road_junction j = road_map_junction(m, 0);
    road_edge pairs[8];
    int count = road_junction_waypoints(m, 0, ROAD_LANE_DRIVING, pairs, 8);
    assert_int_equal(count, 2); /* straight on, and the turn whose road runs the other way */
    for (int i = 0; i < count; i++) {
        assert_true(pairs[i].from.road == pairs[i].to.road && pairs[i].from.lane == pairs[i].to.lane);
        for (int end = 0; end < 2; end++) {
            base_vec3 p = road_waypoint_pose(m, end ? &pairs[i].to : &pairs[i].from).location;
            assert_true(fabs(p.x - j.center.x) <= j.extent.x + 1e-6 && fabs(p.y - j.center.y) <= j.extent.y + 1e-6);
        }
    }
    assert_int_equal(road_junction_waypoints(m, 0, ROAD_LANE_DRIVING, pairs, 1), 2);
    assert_int_equal(road_junction_waypoints(m, 0, ROAD_LANE_BIKING, pairs, 8), 0);
    road_map_destroy(m);
}

static void crosswalks(void **state)
{
    (void)state;
    road_map *m = load();
    base_vec3 drawn[8], old[8];
    assert_int_equal(road_map_crosswalks(m, 16, drawn, 8), 5); /* closed, as the file has it */
    assert_int_equal(road_map_crosswalks(m, 15, old, 8), 5);
    assert_int_equal(road_map_crosswalks(m, 16, NULL, 0), 5);
    assert_memory_equal(&drawn[0], &drawn[4], sizeof *drawn);
    /* u from -1 to 1 along a road that runs south: drawn 2 m long, 4 m long in older releases */
    near(fabs(drawn[0].y - drawn[1].y), 2, 1e-9, "as drawn");
    near(fabs(old[0].y - old[1].y), 4, 1e-6, "a metre more at either end");
    road_map_destroy(m);
}

static void until_the_end(void **state)
{
    (void)state;
    road_map *m = parse(ROAD(""));
    road_waypoint w, found[32];
    for (int lane = -1; lane <= 1; lane += 2) {
        assert_true(road_waypoint_xodr(m, 1, lane, 48, &w));
        double end = lane < 0 ? 100 : 0;
        int count = road_waypoint_until_end(m, &w, 10, found, 32);
        assert_int_equal(count, lane < 0 ? 6 : 5);
        near(found[count - 1].s, end, 1e-9, "the lane's end");
        near(fabs(found[0].s - 48), 10, 1e-9, "the first step");
        count = road_waypoint_until_start(m, &w, 10, found, 32);
        assert_int_equal(count, lane < 0 ? 5 : 6);
        near(found[count - 1].s, 100 - end, 1e-9, "the lane's start");
        assert_int_equal(road_waypoint_until_start(m, &w, 10, found, 2), count);
    }
    road_map_destroy(m);
}

static void every_waypoint(void **state)
{
    (void)state;
    road_map *m = parse(ROAD(""));
    road_waypoint all[64];
    assert_int_equal(road_map_waypoints(m, 10, all, 64), 20); /* s = 0 .. 90, two lanes */
    assert_int_equal(road_map_waypoints(m, 10, NULL, 0), 20);
    assert_int_equal(road_map_waypoints(m, 1000, all, 64), 2);
    for (int i = 0; i < 2; i++)
        assert_true(fabs(all[i].s) < 1e-12 && (all[i].lane == 1 || all[i].lane == -1));
    road_map_destroy(m);
}

/* A quarter circle of 10 m: CARLA's chords there are a metre long, so their s falls short by the sagging of a chord. */
static void nearest_as_carla(void **state)
{
    (void)state;
    base_error err = { 0 };
    road_map *m = load();
    road_carla_index *x = road_carla_index_create(m, &err);
    if (!x)
        fail_msg("%s", err.text);
    road_waypoint exact, theirs;
    base_vec3 beside = { 20, 2.25, 0 };
    assert_true(road_waypoint_at(m, beside, ROAD_LANE_DRIVING, true, &exact));
    assert_true(road_carla_waypoint_at(x, beside, ROAD_LANE_DRIVING, true, &theirs));
    assert_true(exact.lane == theirs.lane && exact.road_id == theirs.road_id);
    near(theirs.s, exact.s, 1e-5, "on a straight lane both are exact");
    assert_false(road_carla_waypoint_at(x, (base_vec3){ 20, 9, 0 }, ROAD_LANE_DRIVING, false, &theirs));
    assert_false(road_carla_waypoint_at(x, (base_vec3){ NAN, 0, 0 }, ROAD_LANE_DRIVING, true, &theirs));
    assert_false(road_carla_waypoint_at(x, beside, ROAD_LANE_BIKING, true, &theirs));
    /* answers of get_waypoint of 0.9.15 and 0.9.16; exact: road 5 lane -1 s 0.0968 */
    assert_true(road_carla_waypoint_at(x, (base_vec3){ 51.6129036, 10.0967741, 0.5 }, ROAD_LANE_DRIVING, true, &theirs));
    assert_true(theirs.road_id == 3 && theirs.lane == 1);
    near(theirs.s, 0.26221326985632354, 1e-4, "s along the chord");
    road_carla_index_destroy(x);
    road_carla_index_destroy(NULL);
    road_map_destroy(m);
}

/* A second road upon the first adds no places to start from; one beside it does; a lane in short sections is spaced as a whole. */
static void places_keep_apart(void **state)
{
    (void)state;
    static const struct {
        const char *y, *sections;
        size_t count;
    } cases[] = {
        { "0", "", 16 },  /* 8 places on each lane of 100 m: 6, 18, ... 90 */
        { "1", "", 16 },  /* a metre aside: still in their way */
        { "50", "", 32 }, /* elsewhere */
        { "50", "<laneSection s=\"33\"><left>" LANE(1) "</left>" CENTRE "<right>" LANE(-1) "</right></laneSection>", 32 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char xml[8192];
        snprintf(xml, sizeof xml, "<OpenDRIVE><header/>" PLAIN("1", "%s", "%s") PLAIN("2", "%s", "%s") "</OpenDRIVE>", "0", "",
                 cases[i].y, cases[i].sections);
        road_map *m = parse(xml);
        size_t count;
        const base_pose *p = road_map_spawn_points(m, &count);
        if (count != cases[i].count)
            fail_msg("case %zu: %zu places, wanted %zu", i, count, cases[i].count);
        for (size_t k = 0; k < count; k++) {
            double from = fmod(fabs(p[k].rotation.yaw_deg) < 90 ? p[k].location.x : 100 - p[k].location.x, 12);
            near(from, 6, 1e-9, "6 m from the road's start, then every 12 m");
            near(p[k].location.z, 0.5, 1e-12, "half a metre up");
        }
        road_map_destroy(m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(geolocation),       cmocka_unit_test(one_light),      cmocka_unit_test(landmarks_of_every_kind),
        cmocka_unit_test(junctions),         cmocka_unit_test(crosswalks),     cmocka_unit_test(until_the_end),
        cmocka_unit_test(places_keep_apart), cmocka_unit_test(every_waypoint), cmocka_unit_test(nearest_as_carla),
    };
    return cmocka_run_group_tests_name("landmark", tests, NULL, NULL);
}
