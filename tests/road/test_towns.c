/* CARLA's own towns: they load, lane links meet, waypoints come back, routes connect.
 * The maps are not part of the repository: LANELOOP_TOWNS or ../shared/maps; skipped with a reason when absent. */
#include "sim/road/road.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/random.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

/* Counts measured with an independent script (see the reference notes of the maps); gap_links: lane starts that do not
 * meet their predecessor's end within 0.05 m. */
static const struct town {
    const char *file;
    int roads, junctions, signals;
    double length_m, gap_m;
} towns[] = {
    { "2019/Town01.xodr", 98, 12, 0, 3923, 0.05 },   { "2019/Town02.xodr", 68, 8, 0, 1758, 0.05 },
    { "2019/Town04.xodr", 242, 27, 0, 9750, 0.06 },  { "2019/Town07.xodr", 234, 31, 0, 4997, 0.05 },
    { "2020/Town01.xodr", 122, 12, 58, 4216, 0.05 }, { "2020/Town10HD.xodr", 108, 9, 24, 3354, 0.05 },
};

static road_map *load(const struct town *t, double *seconds)
{
    const char *places[] = { getenv("LANELOOP_TOWNS"), "../shared/maps" };
    char path[1024];
    for (int i = 0; i < 2; i++) {
        if (!places[i])
            continue;
        snprintf(path, sizeof path, "%s/%s", places[i], t->file);
        if (!base_file_exists(path))
            continue;
        base_error err = { 0 };
        double before = base_clock_s();
        road_map *m = road_map_read(path, NULL, &err);
        *seconds = base_clock_s() - before;
        if (!m)
            fail_msg("%s: %s", path, err.text);
        return m;
    }
    print_message("skip: %s: CARLA's town maps are not here (set LANELOOP_TOWNS)\n", t->file);
    skip();
    return NULL;
}

static double distance(base_vec3 a, base_vec3 b) { return base_vec3_length(base_vec3_sub(a, b)); }

static void loads(void **state)
{
    const struct town *t = *state;
    double seconds;
    road_map *m = load(t, &seconds);
    road_map_info i = road_map_describe(m);
    size_t spawns, edges;
    road_map_spawn_points(m, &spawns);
    road_map_topology(m, &edges);
    print_message(
        "# %s: %.0f ms, %d roads %.0f m, %d sections, %d lanes, %d junctions, %d signals, %zu spawns, %zu edges; %s\n", t->file,
        seconds * 1e3, i.roads, i.length_m, i.sections, i.lanes, i.junctions, i.signals, spawns, edges, road_map_note(m));
    assert_int_equal(i.roads, t->roads);
    assert_int_equal(i.junctions, t->junctions);
    assert_int_equal(i.signals, t->signals);
    assert_true(fabs(i.length_m - t->length_m) < 1);
    assert_true(spawns > 20);
    road_map_destroy(m);
}

/* Every driving lane's end must meet the start of each successor: position and direction. */
static void links_meet(void **state)
{
    const struct town *t = *state;
    double seconds, worst = 0;
    road_map *m = load(t, &seconds);
    size_t count, bad = 0;
    const road_edge *e = road_map_topology(m, &count);
    for (size_t i = 0; i < count; i++) {
        road_section_info sec = road_map_section(m, e[i].from.road, e[i].from.section);
        road_waypoint end = e[i].from;
        end.s = end.lane < 0 ? sec.s1 : sec.s0;
        base_pose a = road_waypoint_pose(m, &end), b = road_waypoint_pose(m, &e[i].to);
        double gap = distance(a.location, b.location), turn = fabs(base_wrap_deg(a.rotation.yaw_deg - b.rotation.yaw_deg));
        worst = fmax(worst, gap);
        if (gap > t->gap_m || turn > 5) {
            if (bad++ < 5)
                print_message("road %u lane %d end -> road %u lane %d: gap %.3f m, turn %.2f deg\n", end.road_id, end.lane,
                              e[i].to.road_id, e[i].to.lane, gap, turn);
        }
    }
    print_message("# %s: %zu links, worst gap %.4f m\n", t->file, count, worst);
    assert_int_equal(bad, 0);
    road_map_destroy(m);
}

/* waypoint -> pose -> waypoint_at comes back: same place within a micrometre (the lane may differ where lanes overlap in junctions). */
static void round_trip(void **state)
{
    const struct town *t = *state;
    double seconds;
    road_map *m = load(t, &seconds);
    size_t count, same = 0, tried = 0;
    const road_edge *e = road_map_topology(m, &count);
    base_random r = base_random_start(7, "towns", 0, 0);
    double before = base_clock_s();
    for (size_t i = 0; i < count; i++) {
        road_section_info sec = road_map_section(m, e[i].from.road, e[i].from.section);
        for (int k = 0; k < 4; k++) {
            road_waypoint w = e[i].from, back;
            w.s = base_random_range(&r, sec.s0, sec.s1);
            base_pose p = road_waypoint_pose(m, &w);
            tried++;
            assert_true(road_waypoint_at(m, p.location, ROAD_LANE_DRIVING, true, &back));
            double off = distance(road_waypoint_pose(m, &back).location, p.location);
            if (off > 1e-3)
                fail_msg("%s: road %u section %d lane %d s %.3f comes back %.6f m off (road %u lane %d s %.3f)", t->file,
                         w.road_id, w.section, w.lane, w.s, off, back.road_id, back.lane, back.s);
            same += back.road == w.road && back.lane == w.lane && fabs(back.s - w.s) < 1e-3;
        }
    }
    print_message("# %s: %zu of %zu the same lane, %.1f us each\n", t->file, same, tried,
                  (base_clock_s() - before) / (double)tried * 1e6);
    assert_true(same * 10 > tried * 6);
    road_map_destroy(m);
}

/* The tree against looking at everything: no sampled lane centre may be nearer than the answer. */
static void nearest_is_nearest(void **state)
{
    const struct town *t = *state;
    double seconds;
    road_map *m = load(t, &seconds);
    road_map_info info = road_map_describe(m);
    base_random r = base_random_start(11, "nearest", 0, 0);
    for (int k = 0; k < 40; k++) {
        base_vec3 at = { base_random_range(&r, info.low.x - 50, info.high.x + 50),
                         base_random_range(&r, info.low.y - 50, info.high.y + 50),
                         base_random_range(&r, info.low.z - 1, info.high.z + 3) };
        road_waypoint w;
        assert_true(road_waypoint_at(m, at, ROAD_LANE_DRIVING, true, &w));
        double found = distance(road_waypoint_pose(m, &w).location, at);
        for (int road = 0; road < info.roads; road++)
            for (int s = 0; s < road_map_road(m, road).sections; s++) {
                road_section_info sec = road_map_section(m, road, s);
                for (int lane = sec.lane_low; lane <= sec.lane_high; lane++) {
                    if (lane == 0 || road_lane_type(m, road, s, lane) != ROAD_LANE_DRIVING)
                        continue;
                    for (double x = sec.s0; x <= sec.s1; x += 5) {
                        road_waypoint v = { road, 0, s, lane, x };
                        double d = distance(road_waypoint_pose(m, &v).location, at);
                        if (d < found - 0.05) /* twice the sag of the pieces */
                            fail_msg("%s: (%.2f %.2f %.2f): found %.4f m, but road index %d lane %d s %.2f is %.4f m away",
                                     t->file, at.x, at.y, at.z, found, road, lane, x, d);
                    }
                }
            }
    }
    road_map_destroy(m);
}

/* Every place to start from lies on a driving lane outside junctions, faces along it, and leaves room around it. */
static void spawns_have_room(void **state)
{
    const struct town *t = *state;
    double seconds;
    road_map *m = load(t, &seconds);
    size_t count;
    const base_pose *spawn = road_map_spawn_points(m, &count);
    for (size_t i = 0; i < count; i++) {
        road_waypoint w;
        base_vec3 foot = spawn[i].location;
        foot.z -= 0.5;
        assert_true(road_waypoint_at(m, foot, ROAD_LANE_DRIVING, false, &w));
        base_pose lane = road_waypoint_pose(m, &w);
        double turned = fabs(base_wrap_deg(lane.rotation.yaw_deg - spawn[i].rotation.yaw_deg));
        if (distance(lane.location, foot) > 0.01 || road_waypoint_width(m, &w) < 2.5 ||
            (turned > 1 && turned < 179)) /* two lanes may share a centre, each its own way */
            fail_msg("%s: place %zu is %.3f m from its lane's centre, turned by %.1f degrees", t->file, i,
                     distance(lane.location, foot), turned);
        for (size_t k = 0; k < i; k++) {
            base_vec3 d = base_pose_to_local(&spawn[i], spawn[k].location);
            if (fabs(d.x) < 5.4 && fabs(d.y) < 2.2 && fabs(d.z) < 2.5)
                fail_msg("%s: places %zu and %zu are %.2f m ahead, %.2f m aside of each other", t->file, k, i, d.x, d.y);
        }
    }
    road_map_destroy(m);
}

/* Following any lane for 300 m never jumps, and the length along the points is what was asked. */
static void following_is_continuous(void **state)
{
    const struct town *t = *state;
    double seconds;
    road_map *m = load(t, &seconds);
    size_t count, full = 0;
    const base_pose *spawn = road_map_spawn_points(m, &count);
    for (size_t i = 0; i < count; i += 7) {
        road_waypoint w;
        road_route route;
        base_error err = { 0 };
        assert_true(road_waypoint_at(m, spawn[i].location, ROAD_LANE_DRIVING, false, &w));
        if (!road_route_follow(m, &w, 300, 1.0, i, &route, &err))
            fail_msg("%s", err.text);
        for (size_t k = 0; k + 1 < route.count; k++) {
            const road_route_point *a = &route.points[k], *b = a + 1;
            double gap = distance((base_vec3){ a->x, a->y, a->z }, (base_vec3){ b->x, b->y, b->z });
            if (gap > 1.1 || (gap < 0.9 && k + 2 < route.count))
                fail_msg("%s: spawn %zu: points %zu, %zu are %.3f m apart (road %u lane %d)", t->file, i, k, k + 1, gap,
                         a->waypoint.road_id, a->waypoint.lane);
        }
        full += fabs(route.length_m - 300) < 0.5;
        road_route_free(&route);
    }
    assert_true(full > 0);
    road_map_destroy(m);
}

/* Shortest routes between random spawn points: they begin and end there, do not jump, and no leg can be cut short by a
 * point in between (triangle inequality up to the lane changes' cost). */
static void routes_connect(void **state)
{
    const struct town *t = *state;
    double seconds;
    road_map *m = load(t, &seconds);
    size_t count;
    const base_pose *spawn = road_map_spawn_points(m, &count);
    base_random r = base_random_start(3, "routes", 0, 0);
    int found = 0;
    for (int k = 0; k < 30; k++) {
        road_waypoint w[2];
        base_pose at[2];
        for (int i = 0; i < 2; i++) {
            at[i] = spawn[base_random_below(&r, (uint32_t)count)];
            at[i].location.z -= 0.5; /* on a slope the nearest point to a place above the road lies aside */
            assert_true(road_waypoint_at(m, at[i].location, ROAD_LANE_DRIVING, true, &w[i]));
        }
        road_route route;
        base_error err = { 0 };
        if (!road_route_find(m, w, 2, 1.0, &route, &err)) {
            assert_int_equal(err.code, BASE_ARGUMENT);
            continue;
        }
        found++;
        const road_route_point *first = route.points, *last = &route.points[route.count - 1];
        assert_true(hypot(first->x - at[0].location.x, first->y - at[0].location.y) < 0.01);
        if (hypot(last->x - at[1].location.x, last->y - at[1].location.y) > 0.01 && last->option < ROAD_OPTION_CHANGE_LEFT)
            fail_msg("%s: route %d ends %.2f m off", t->file, k, hypot(last->x - at[1].location.x, last->y - at[1].location.y));
        for (size_t i = 0; i + 1 < route.count; i++) {
            double gap = hypot(route.points[i + 1].x - route.points[i].x, route.points[i + 1].y - route.points[i].y);
            if (gap > 1.5)
                fail_msg("%s: route %d: point %zu jumps %.2f m (option %d)", t->file, k, i, gap, (int)route.points[i].option);
        }
        road_route_free(&route);
    }
    print_message("# %s: %d of 30 pairs have a route\n", t->file, found);
    assert_true(found >= 15);
    road_map_destroy(m);
}

int main(void)
{
    enum { TESTS = 7, TOWNS = sizeof towns / sizeof *towns };
    static const struct {
        const char *name;
        CMUnitTestFunction run;
    } what[TESTS] = {
        { "loads", loads },
        { "links_meet", links_meet },
        { "round_trip", round_trip },
        { "nearest", nearest_is_nearest },
        { "following", following_is_continuous },
        { "routes", routes_connect },
        { "spawns", spawns_have_room },
    };
    static struct CMUnitTest tests[TESTS * TOWNS];
    static char names[TESTS * TOWNS][64];
    for (int i = 0; i < TESTS; i++)
        for (int k = 0; k < TOWNS; k++) {
            snprintf(names[i * TOWNS + k], sizeof names[0], "%s %s", what[i].name, towns[k].file);
            tests[i * TOWNS + k] =
                (struct CMUnitTest){ names[i * TOWNS + k], what[i].run, NULL, NULL, (void *)(size_t)&towns[k] };
        }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
