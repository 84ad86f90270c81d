/* The bundled maps: what each of them promises to hold, and that all of them join, measured through the road room. Run from the
 * repository's root. */
#include "sim/road/road.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

typedef struct wanted {
    const char *path;
    double length_lo, rise_lo, rise_hi, bank_lo_deg, grade_hi; /* driving roads together; highest less lowest; steepest roll */
    int lights, stops, yields, limits, crosswalks, junctions;  /* at least; junctions exactly */
    uint32_t types;                                            /* of lanes, each must be there */
} wanted;
#define USUAL (ROAD_LANE_DRIVING | ROAD_LANE_SHOULDER)
static const wanted maps[] = {
    { "configs/maps/training_loop.xodr", 2000, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, USUAL | ROAD_LANE_SIDEWALK },
    { "configs/maps/driving_loop.xodr", 1300, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, USUAL | ROAD_LANE_SIDEWALK },
    { "configs/maps/country_loop.xodr", 3000, 15, 40, 1.5, 0.07, 0, 0, 0, 18, 4, 0, USUAL | ROAD_LANE_SIDEWALK },
    { "configs/maps/mountain_road.xodr", 2500, 50, 100, 2.5, 0.08, 0, 0, 0, 12, 0, 0, USUAL },
    { "configs/maps/town_grid.xodr", 4000, 0, 0, 0, 0, 14, 6, 6, 40, 40, 15,
      USUAL | ROAD_LANE_SIDEWALK | ROAD_LANE_PARKING | ROAD_LANE_BIKING | ROAD_LANE_BORDER },
    { "configs/maps/highway_ring.xodr", 7000, 6.9, 7.1, 2, 0.06, 0, 4, 0, 16, 0, 12, USUAL },
};

static road_map *load(const wanted *w)
{
    base_error err = { 0 };
    road_map *m = road_map_read(w->path, NULL, &err);
    if (!m)
        fail_msg("%s", err.text);
    assert_string_equal(road_map_note(m), "");
    return m;
}

static void promises(void **state)
{
    const wanted *w = *state;
    road_map *m = load(w);
    road_map_info info = road_map_describe(m);
    int kinds[ROAD_SIGNAL_SPEED_LIMIT + 1] = { 0 }, crosswalks = 0;
    uint32_t types = 0;
    double bank = 0, grade = 0, low = INFINITY, high = -INFINITY;
    for (int i = 0; i < road_signal_count(m); i++)
        kinds[road_map_signal(m, i).kind]++;
    for (int i = 0; i < road_object_count(m); i++)
        crosswalks += !strcmp(road_map_object(m, i).type, "crosswalk");
    for (int r = 0; r < info.roads; r++) {
        for (int k = 0; k < road_map_road(m, r).sections; k++) {
            road_section_info sec = road_map_section(m, r, k);
            for (int lane = sec.lane_low; lane <= sec.lane_high; lane++)
                if (lane != 0)
                    types |= road_lane_type(m, r, k, lane);
        }
        for (double s = 0; s < road_map_road(m, r).length_m; s += 1) {
            base_pose p = road_surface_pose(m, r, s, 0, 0);
            bank = fmax(bank, fabs(p.rotation.roll_deg));
            grade = fmax(grade, fabs(tan(BASE_RAD(p.rotation.pitch_deg))));
            low = fmin(low, p.location.z), high = fmax(high, p.location.z);
        }
    }
    print_message(
        "# %s: %.0f m, heights %.1f to %.1f m, grade %.1f %%, bank %.1f deg, %d lights, %d stop, %d yield, %d limits, %d "
        "crosswalks, %d junctions\n",
        w->path, info.length_m, low, high, 100 * grade, bank, kinds[ROAD_SIGNAL_TRAFFIC_LIGHT], kinds[ROAD_SIGNAL_STOP],
        kinds[ROAD_SIGNAL_YIELD], kinds[ROAD_SIGNAL_SPEED_LIMIT], crosswalks, info.junctions);
    assert_true(info.length_m >= w->length_lo);
    assert_true(high - low >= w->rise_lo && high - low <= w->rise_hi);
    assert_true(bank >= w->bank_lo_deg && bank < 4);
    assert_true(grade <= w->grade_hi);
    assert_true(kinds[ROAD_SIGNAL_TRAFFIC_LIGHT] >= w->lights && kinds[ROAD_SIGNAL_STOP] >= w->stops);
    assert_true(kinds[ROAD_SIGNAL_YIELD] >= w->yields && kinds[ROAD_SIGNAL_SPEED_LIMIT] >= w->limits);
    assert_true(crosswalks >= w->crosswalks);
    assert_int_equal(info.junctions, w->junctions);
    assert_int_equal(types & w->types, w->types);
    road_map_destroy(m);
}

/* Wherever a lane that one drives on ends, others begin: at the same place, height and heading, as wide, and as steep. */
static void lanes_join(void **state)
{
    const wanted *w = *state;
    road_map *m = load(w);
    size_t count;
    const road_edge *edges = road_map_topology(m, &count);
    assert_true(count > 0);
    for (size_t i = 0; i < count; i++) {
        road_waypoint next[8], from = edges[i].from;
        int branches = road_waypoint_successors(m, &from, next, 8);
        if (branches < 1)
            fail_msg("%s: road %d lane %d is a dead end", w->path, from.road, from.lane);
        road_section_info sec = road_map_section(m, from.road, from.section);
        from.s = from.lane < 0 ? sec.s1 : sec.s0;
        for (int k = 0; k < branches && k < 8; k++) {
            base_pose a = road_waypoint_pose(m, &from), b = road_waypoint_pose(m, &next[k]);
            double far = base_vec3_length(base_vec3_sub(a.location, b.location));
            double turn = fabs(base_wrap_deg(a.rotation.yaw_deg - b.rotation.yaw_deg)),
                   pitch = fabs(base_wrap_deg(a.rotation.pitch_deg - b.rotation.pitch_deg));
            double wider = fabs(road_waypoint_width(m, &from) - road_waypoint_width(m, &next[k]));
            if (far > 1e-3 || turn > 0.01 || pitch > 0.01 || wider > 1e-6)
                fail_msg(
                    "%s: road %d lane %d to road %d lane %d: %.4f m apart, turned %.3f, pitched %.3f degrees, %.3f m wider",
                    w->path, from.road, from.lane, next[k].road, next[k].lane, far, turn, pitch, wider);
        }
    }
    road_map_destroy(m);
}

/* Every light is for some lane, and belongs to a controller of a junction. */
static void lights_are_controlled(void **state)
{
    const wanted *w = *state;
    road_map *m = load(w);
    size_t uses;
    const road_signal_use *use = road_map_signal_uses(m, &uses);
    for (int i = 0; i < road_signal_count(m); i++) {
        if (road_map_signal(m, i).kind == ROAD_SIGNAL_OTHER)
            fail_msg("%s: signal %s has no kind", w->path, road_map_signal(m, i).id);
        bool used = false, controlled = road_map_signal(m, i).kind != ROAD_SIGNAL_TRAFFIC_LIGHT;
        for (size_t k = 0; k < uses; k++)
            used |= use[k].signal == i && use[k].from_lane <= use[k].to_lane && (use[k].from_lane != 0 || use[k].to_lane != 0);
        for (int j = 0; j < road_junction_count(m); j++) {
            road_junction junction = road_map_junction(m, j);
            for (int k = 0; k < junction.controller_count; k++) {
                road_controller c = road_map_controller(m, junction.controllers[k]);
                for (int n = 0; n < c.signal_count; n++)
                    controlled |= c.signals[n] == i;
            }
        }
        assert_true(used && controlled);
    }
    road_map_destroy(m);
}

/* Straight pieces between the samples of a section stay within the error, at its middle and at both of its edges. */
static void samples_keep_their_error(void **state)
{
    enum { MOST = 4096, LOOK = 16 };
    const double error = 0.02;
    const wanted *w = *state;
    road_map *m = load(w);
    double worst = 0;
    for (int r = 0; r < road_map_describe(m).roads; r++)
        for (int k = 0; k < road_map_road(m, r).sections; k++) {
            static double s[MOST];
            int count = road_section_samples(m, r, k, error, 50, s, MOST);
            road_section_info sec = road_map_section(m, r, k);
            int lanes[] = { sec.lane_low, sec.lane_high };
            assert_true(count <= MOST);
            for (int i = 0; i + 1 < count; i++)
                for (int j = 0; j < 2; j++) {
                    base_vec3 a, b, p;
                    if (lanes[j] == 0)
                        continue;
                    road_lane_borders(m, r, k, lanes[j], s[i] + 1e-9, NULL, &a);
                    road_lane_borders(m, r, k, lanes[j], s[i + 1] - 1e-9, NULL, &b);
                    base_vec3 along = base_vec3_sub(b, a);
                    for (int n = 1; n < LOOK; n++) {
                        road_lane_borders(m, r, k, lanes[j], s[i] + (s[i + 1] - s[i]) * n / LOOK, NULL, &p);
                        base_vec3 off = base_vec3_cross(base_vec3_sub(p, a), along);
                        double sag = base_vec3_length(off) / fmax(base_vec3_length(along), 1e-9);
                        worst = fmax(worst, sag);
                        if (sag > 1.25 * error) /* they are laid for their square, which holds for small steps */
                            fail_msg("%s: road %d section %d lane %d, %.2f to %.2f m: sag %.4f m", w->path, r, k, lanes[j],
                                     s[i], s[i + 1], sag);
                    }
                }
        }
    print_message("# %s: worst sag %.4f m of %.2f\n", w->path, worst, error);
    road_map_destroy(m);
}

int main(void)
{
    enum { MAPS = sizeof maps / sizeof *maps };
    struct CMUnitTest tests[4 * MAPS];
    for (size_t i = 0; i < MAPS; i++) {
        void *state = (void *)(size_t)&maps[i];
        tests[4 * i] = (struct CMUnitTest){ "promises", promises, NULL, NULL, state };
        tests[4 * i + 1] = (struct CMUnitTest){ "lanes_join", lanes_join, NULL, NULL, state };
        tests[4 * i + 2] = (struct CMUnitTest){ "lights_are_controlled", lights_are_controlled, NULL, NULL, state };
        tests[4 * i + 3] = (struct CMUnitTest){ "samples_keep_their_error", samples_keep_their_error, NULL, NULL, state };
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
