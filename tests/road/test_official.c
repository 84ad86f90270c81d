/* This room against CARLA's own map code: answers of the official client 0.9.16, made by tests/golden/road/make.py.
 * Run from the repository's root. `test_official MAP GOLDEN ...` checks other maps, such as CARLA's towns.
 *
 * Tolerances: CARLA computes in float (1e-4 m at 500 m), takes slopes as angles (yaw off by up to a degree where widths change
 * quickly), and finds the nearest lane on chords of 1 m (s off by centimetres in bends). */
#include "sim/road/road.h"
#include "base/file.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

typedef struct pair {
    const char *map, *golden;
} pair;
static const pair committed[] = {
    { "configs/maps/training_loop.xodr", "tests/golden/road/training_loop.txt" },
    { "configs/maps/driving_loop.xodr", "tests/golden/road/driving_loop.txt" },
    { "tests/golden/road/junction.xodr", "tests/golden/road/junction.txt" },
};

typedef struct name {
    uint32_t road;
    int section, lane;
    double s;
} name;

static bool read_name(char **text, name *n)
{
    int used = 0;
    if (sscanf(*text, "%u %d %d %lf%n", &n->road, &n->section, &n->lane, &n->s, &used) != 4)
        return false;
    *text += used;
    return true;
}

static bool find(const road_map *m, const name *n, road_waypoint *w)
{
    int road = road_find_road(m, n->road);
    if (road < 0 || n->section >= road_map_road(m, road).sections || !road_find_lane(m, road, n->section, n->lane))
        return false;
    *w = (road_waypoint){ road, n->road, n->section, n->lane, n->s };
    return true;
}

static bool same(const road_waypoint *w, const name *n, double tolerance)
{
    return w->road_id == n->road && w->section == n->section && w->lane == n->lane && fabs(w->s - n->s) <= tolerance;
}

static int topology_line(const road_map *m, char *text)
{
    name from, to;
    size_t count;
    const road_edge *e = road_map_topology(m, &count);
    if (!read_name(&text, &from) || !read_name(&text, &to))
        return 1;
    for (size_t i = 0; i < count; i++)
        if (same(&e[i].from, &from, 1e-6) && same(&e[i].to, &to, 1e-6))
            return 0;
    return 1;
}

static int waypoint_line(const road_map *m, char *text)
{
    name n;
    road_waypoint w;
    double v[6];
    int change, junction, left_type, right_type, right_color;
    if (!read_name(&text, &n) || !find(m, &n, &w) ||
        sscanf(text, "%lf %lf %lf %lf %lf %lf %d %d %d %d %d", &v[0], &v[1], &v[2], &v[3], &v[4], &v[5], &change, &junction,
               &left_type, &right_type, &right_color) != 11)
        return 1;
    base_pose p = road_waypoint_pose(m, &w);
    road_mark left, right;
    road_waypoint_marks(m, &w, &left, &right);
    int wrong = !(hypot(hypot(p.location.x - v[0], p.location.y - v[1]), p.location.z - v[2]) < 2e-3);
    double pitch =
        base_wrap_deg(v[3]); /* CARLA's is per metre of reference line, ours per metre of lane: 1 - curvature * t apart */
    wrong |=
        !(fabs(p.rotation.pitch_deg - pitch) < 0.1 + fabs(pitch)) || !(fabs(base_wrap_deg(p.rotation.yaw_deg - v[4])) < 1.0);
    wrong |= !(fabs(road_waypoint_width(m, &w) - v[5]) < 1e-4) || road_waypoint_lane_change(m, &w) != change;
    wrong |= (road_waypoint_junction(m, &w) >= 0) != (junction != 0);
    wrong |= left_type >= 0 && left.type != (road_mark_type)left_type;
    wrong |= right_type >= 0 && (right.type != (road_mark_type)right_type || right.color != (road_mark_color)right_color);
    if (wrong)
        print_message("ours: %.4f %.4f %.4f pitch %.4f yaw %.4f width %.4f change %d marks %d %d colour %d\n", p.location.x,
                      p.location.y, p.location.z, p.rotation.pitch_deg, p.rotation.yaw_deg, road_waypoint_width(m, &w),
                      road_waypoint_lane_change(m, &w), (int)left.type, (int)right.type, (int)right.color);
    return wrong;
}

static int moved_line(const road_map *m, char *text, bool ahead)
{
    name n, other;
    road_waypoint w, found[16];
    int count, used, ours;
    if (!read_name(&text, &n) || !find(m, &n, &w) || sscanf(text, "%d%n", &count, &used) != 1)
        return 1;
    text += used;
    ours = ahead ? road_waypoint_next(m, &w, 9.7, found, 16) : road_waypoint_previous(m, &w, 9.7, found, 16);
    if (ours != count)
        return 1;
    for (int i = 0; i < count; i++) {
        bool known = false;
        if (!read_name(&text, &other))
            return 1;
        for (int k = 0; k < ours; k++)
            known |= same(&found[k], &other, 1e-6);
        if (!known)
            return 1;
    }
    return 0;
}

static int nearest_line(const road_map *m, char *text)
{
    base_vec3 at;
    name n;
    road_waypoint w, theirs;
    int used;
    if (sscanf(text, "%lf %lf %lf%n", &at.x, &at.y, &at.z, &used) != 3)
        return 1;
    text += used;
    if (!read_name(&text, &n) || !find(m, &n, &theirs) || !road_waypoint_at(m, at, ROAD_LANE_DRIVING, true, &w))
        return 1;
    double ours_m = base_vec3_length(base_vec3_sub(road_waypoint_pose(m, &w).location, at));
    double theirs_m = base_vec3_length(base_vec3_sub(road_waypoint_pose(m, &theirs).location, at));
    /* CARLA adds metres of lane to metres of reference line: its foot slips by up to half a metre in bends, ours must be nearer */
    bool agree = ours_m <= theirs_m + 1e-3 && theirs_m - ours_m < 0.6;
    if (!agree)
        print_message("ours: road %u section %d lane %d s %.3f, %.4f m away; theirs is %.4f m away\n", w.road_id, w.section,
                      w.lane, w.s, ours_m, theirs_m);
    return !agree;
}

static void agrees(void **state)
{
    const pair *p = *state;
    base_error err = { 0 };
    road_map *m = road_map_read(p->map, NULL, &err);
    if (!m)
        fail_msg("%s", err.text);
    unsigned char *text;
    size_t bytes, ours;
    if (!base_file_read(p->golden, (size_t)64 << 20, &text, &bytes, &err))
        fail_msg("%s", err.text);
    int lines[5] = { 0 }, wrong[5] = { 0 };
    char kinds[] = "TWNPA", *rest = NULL;
    for (char *line = strtok_r((char *)text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        char *kind = strchr(kinds, line[0]);
        assert_non_null(kind);
        int k = (int)(kind - kinds), bad = k == 0   ? topology_line(m, line + 1)
                                           : k == 1 ? waypoint_line(m, line + 1)
                                           : k == 4 ? nearest_line(m, line + 1)
                                                    : moved_line(m, line + 1, k == 2);
        lines[k]++;
        if (bad && wrong[k]++ < 3)
            print_message("%s: %s\n", p->map, line);
    }
    print_message("# %s: topology %d of %d differ, waypoints %d of %d, next %d of %d, previous %d of %d, nearest %d of %d\n",
                  p->map, wrong[0], lines[0], wrong[1], lines[1], wrong[2], lines[2], wrong[3], lines[3], wrong[4], lines[4]);
    const road_edge *e = road_map_topology(m, &ours);
    size_t all = ours;
    for (size_t i = 0; i < all; i++) /* CARLA leaves out dead ends at the end of s, where its own lookup finds nothing */
        ours -= e[i].from.road == e[i].to.road && e[i].from.section == e[i].to.section && e[i].from.lane == e[i].to.lane &&
                e[i].to.lane < 0 && e[i].to.s > e[i].from.s;
    assert_int_equal(ours, lines[0]);
    for (int k = 0; k < 5; k++) {
        assert_true(lines[k] > 0);
        assert_int_equal(wrong[k], 0);
    }
    free(text);
    road_map_destroy(m);
}

int main(int argc, char **argv)
{
    struct CMUnitTest tests[64] = { 0 };
    pair given[64];
    size_t count = 0;
    for (int i = 1; i + 1 < argc && count < 64; i += 2) {
        given[count] = (pair){ argv[i], argv[i + 1] };
        tests[count] = (struct CMUnitTest){ argv[i], agrees, NULL, NULL, &given[count] };
        count++;
    }
    for (; argc < 3 && count < sizeof committed / sizeof *committed; count++)
        tests[count] = (struct CMUnitTest){ committed[count].map, agrees, NULL, NULL, (void *)(size_t)&committed[count] };
    return _cmocka_run_group_tests("official", tests, count, NULL, NULL);
}
