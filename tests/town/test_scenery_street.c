/* What lies and stands on and beside the streets of the bundled maps, held against the maps: crosswalks, stop lines and arrows. */
#include "sim/town/scenery.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

typedef struct town {
    road_map *map;
    town_scenery *scenery;
    const scene *scene;
} town;
static town grid, ring;

static bool build(town *t, const char *path)
{
    base_error err;
    t->map = road_map_read(path, NULL, &err);
    t->scenery = t->map ? town_scenery_build(t->map, 5, &err) : NULL;
    if (!t->scenery) {
        print_error("%s\n", err.text);
        return false;
    }
    t->scene = town_scenery_scene(t->scenery);
    return true;
}

static void destroy(town *t)
{
    town_scenery_destroy(t->scenery);
    road_map_destroy(t->map);
}

static int build_all(void **state)
{
    (void)state;
    return build(&grid, "configs/maps/town_grid.xodr") && build(&ring, "configs/maps/highway_ring.xodr") ? 0 : -1;
}

static int destroy_all(void **state)
{
    (void)state;
    destroy(&grid);
    destroy(&ring);
    return 0;
}

static bool is_kind(const town_scenery_object *o, const char *kind)
{
    size_t n = strlen(kind);
    return !strncmp(o->name, kind, n) && o->name[n] == '_';
}

static int count_kind(const town *t, const char *kind)
{
    int n = 0;
    for (int k = 0; k < town_scenery_object_count(t->scenery); k++)
        n += is_kind(town_scenery_object_at(t->scenery, k), kind);
    return n;
}

#define GROUND (1u << SCENE_TAG_ROADS | 1u << SCENE_TAG_ROAD_LINE | 1u << SCENE_TAG_SIDEWALKS)

/* ---- paint across the road ---- */

/* Along the middle line of each crosswalk half of the way is paint, half is road, in bars. */
static void crosswalks_are_bars(void **state)
{
    (void)state;
    int crosswalks = 0;
    for (int k = 0; k < road_object_count(grid.map); k++) {
        road_object o = road_map_object(grid.map, k);
        if (strcmp(o.type, "crosswalk"))
            continue;
        double yaw = BASE_RAD(o.pose.rotation.yaw_deg), half = o.length_m / 2;
        int painted = 0, bare = 0, changes = 0;
        uint8_t before = 0;
        for (double u = -half + 0.05; u < half; u += 0.05) {
            scene_hit hit;
            double x = o.pose.location.x + u * cos(yaw), y = o.pose.location.y + u * sin(yaw);
            assert_true(scene_ground(grid.scene, x, y, o.pose.location.z + 1, GROUND, &hit));
            painted += hit.tag == SCENE_TAG_ROAD_LINE;
            bare += hit.tag != SCENE_TAG_ROAD_LINE;
            changes += hit.tag != before;
            before = hit.tag;
        }
        if (fabs((double)painted / (painted + bare) - 0.5) > 0.12 || changes < (int)(o.length_m * 1.5))
            fail_msg("crosswalk %s of %.1f m: %d of %d places painted, %d changes", o.id, o.length_m, painted, painted + bare,
                     changes);
        crosswalks++;
    }
    assert_true(crosswalks >= 40);
    assert_int_equal(count_kind(&grid, "Crosswalk"), crosswalks);
}

/* Where a ramp leaves, the through lanes keep the marks that the map gives the ways through that junction. */
static void forks_keep_their_marks(void **state)
{
    (void)state;
    int painted = 0, wanted = 0;
    road_map_info info = road_map_describe(ring.map);
    for (int road = 0; road < info.roads; road++) {
        road_info r = road_map_road(ring.map, road);
        if (r.junction < 0 || r.length_m < 60)
            continue;
        road_section_info k = road_map_section(ring.map, road, 0);
        for (int lane = k.lane_low; lane <= k.lane_high; lane++) {
            int count;
            const road_mark *marks = road_lane_marks(ring.map, road, 0, lane, &count);
            for (double s = 3; count && s < r.length_m - 3; s += 1.3) {
                if (marks[0].type != ROAD_MARK_SOLID && marks[0].type != ROAD_MARK_BROKEN)
                    continue;
                double period = marks[0].strips[0].dash_m + marks[0].strips[0].gap_m, phase = fmod(s, period);
                bool paint = marks[0].type == ROAD_MARK_SOLID || phase < marks[0].strips[0].dash_m;
                if (marks[0].type == ROAD_MARK_BROKEN &&
                    (phase < 0.05 || fabs(phase - marks[0].strips[0].dash_m) < 0.05 || phase > period - 0.05))
                    continue;
                base_vec3 border;
                scene_hit hit;
                road_lane_borders(ring.map, road, 0, lane, s, NULL, &border);
                assert_true(scene_ground(ring.scene, border.x, border.y, border.z + 1, GROUND, &hit));
                if ((hit.tag == SCENE_TAG_ROAD_LINE) != paint)
                    fail_msg("road %u lane %d s %.1f: tag %d", r.id, lane, s, hit.tag);
                wanted++;
                painted += paint;
            }
        }
    }
    assert_true(wanted > 500 && painted > 300 && painted < wanted);
}

/* Every sheet lies on the road that carries it, as high above it as it says, and its middle bears its tag. */
static void sheets_lie_on_the_road(void **state)
{
    (void)state;
    const town *towns[] = { &grid, &ring };
    int seen = 0;
    for (int i = 0; i < 2; i++)
        for (int k = 0; k < town_scenery_object_count(towns[i]->scenery); k++) {
            const town_scenery_object *o = town_scenery_object_at(towns[i]->scenery, k);
            if (!(o->sheet_m > 0))
                continue;
            assert_true(o->tag == SCENE_TAG_ROADS || o->tag == SCENE_TAG_ROAD_LINE);
            assert_true(o->sheet_m < 0.01);
            assert_true(town_scenery_sheet_m(towns[i]->scenery, o->instance) == o->sheet_m);
            const scene_part *w = &towns[i]->scene->world;
            for (uint32_t n = 0; n < w->triangle_count; n += 1 + (uint32_t)(seen % 3)) {
                const scene_triangle *t = &w->triangles[n];
                if (t->instance != o->instance)
                    continue;
                double x = 0, y = 0, z = 0;
                for (int c = 0; c < 3; c++) {
                    x += (double)w->vertices[t->vertex[c]].position[0] / 3;
                    y += (double)w->vertices[t->vertex[c]].position[1] / 3;
                    z += (double)w->vertices[t->vertex[c]].position[2] / 3;
                }
                scene_hit top, below;
                assert_true(scene_ground(towns[i]->scene, x, y, z + 0.5, GROUND, &top));
                if (!scene_ground(towns[i]->scene, x, y, z - 0.0005, GROUND, &below))
                    fail_msg("%s at (%.3f, %.3f, %.3f): nothing below", o->name, x, y, z);
                if (top.point.z < z - 1e-3 || z - below.point.z > 0.025)
                    fail_msg("%s at (%.2f, %.2f): %.4f m above what lies below it", o->name, x, y, z - below.point.z);
                seen++;
                break;
            }
        }
    assert_true(seen > 200);
}

/* Does some way through the junction ahead of this lane turn by so many degrees? */
static bool leads(const road_map *map, base_vec3 at, double low_deg, double high_deg)
{
    road_waypoint w, end[1], out[16];
    if (!road_waypoint_at(map, at, ROAD_LANE_DRIVING, true, &w))
        return false;
    double yaw = road_waypoint_pose(map, &w).rotation.yaw_deg;
    if (road_waypoint_until_end(map, &w, 500, end, 1) < 1)
        return false;
    road_section_info s = road_map_section(map, w.road, w.section);
    w.s = w.lane < 0 ? s.s1 - 0.01 : s.s0 + 0.01;
    int n = road_waypoint_successors(map, &w, out, 16);
    for (int k = 0; k < n && k < 16; k++) {
        road_section_info through = road_map_section(map, out[k].road, out[k].section);
        road_waypoint last = out[k];
        last.s = last.lane < 0 ? through.s1 : through.s0;
        double turn = base_wrap_deg(road_waypoint_pose(map, &last).rotation.yaw_deg - yaw);
        if (turn > low_deg && turn < high_deg)
            return true;
    }
    return false;
}

static void arrows_point_where_lanes_lead(void **state)
{
    (void)state;
    static const struct {
        const char *kind;
        double low, high;
    } kinds[] = { { "ArrowAhead", -25, 25 }, { "ArrowLeft", -150, -25 }, { "ArrowRight", 25, 150 } };
    int arrows = 0;
    for (int k = 0; k < town_scenery_object_count(grid.scenery); k++) {
        const town_scenery_object *o = town_scenery_object_at(grid.scenery, k);
        if (strncmp(o->name, "Arrow", 5))
            continue;
        arrows++;
        scene_hit hit;
        assert_true(scene_ground(grid.scene, o->pose.location.x, o->pose.location.y, o->pose.location.z + 1, GROUND, &hit));
        assert_int_equal(hit.instance, o->instance);
        assert_int_equal(hit.tag, SCENE_TAG_ROAD_LINE);
        bool any = false;
        for (int i = 0; i < 3; i++) {
            bool there = leads(grid.map, o->pose.location, kinds[i].low, kinds[i].high);
            any = any || there;
            if (is_kind(o, kinds[i].kind) && !there)
                fail_msg("%s at (%.1f, %.1f): no such way", o->name, o->pose.location.x, o->pose.location.y);
        }
        assert_true(any);
    }
    assert_true(arrows > 20);
}

/* Where a lane with a light meets its junction, a stop line lies across it, within the lane. */
static void stop_lines_lie_before_lights(void **state)
{
    (void)state;
    int lines = 0;
    for (int k = 0; k < town_scenery_object_count(grid.scenery); k++) {
        const town_scenery_object *o = town_scenery_object_at(grid.scenery, k);
        if (!is_kind(o, "StopLine"))
            continue;
        lines++;
        road_waypoint w;
        assert_true(road_waypoint_at(grid.map, o->pose.location, ROAD_LANE_DRIVING, false, &w));
        assert_true(road_waypoint_junction(grid.map, &w) < 0);
        assert_true(fabs(road_waypoint_lateral(grid.map, &w, o->pose.location)) < 0.02);
        double wide = road_waypoint_width(grid.map, &w);
        assert_true(o->box.extent.y < wide / 2 && o->box.extent.y > wide / 2 - 0.4 && fabs(o->box.extent.x - 0.2) < 0.02);
        assert_true(fabs(base_wrap_deg(road_waypoint_pose(grid.map, &w).rotation.yaw_deg - o->pose.rotation.yaw_deg)) < 1);
        road_waypoint ahead[8];
        int n = road_waypoint_next(grid.map, &w, 16, ahead, 8);
        assert_true(n > 0);
        bool junction = false;
        for (int i = 0; i < n && i < 8; i++)
            junction = junction || road_waypoint_junction(grid.map, &ahead[i]) >= 0;
        assert_true(junction);
    }
    int lights = 0;
    for (int k = 0; k < road_signal_count(grid.map); k++)
        lights += road_map_signal(grid.map, k).kind == ROAD_SIGNAL_TRAFFIC_LIGHT;
    assert_true(lights > 10 && lines >= lights);
}

/* ---- guard rails and bridges ---- */

/* What a ray across the edge meets, 0.6 m above the road. */
static uint8_t beside(const town *t, int road, double s, bool right, bool *clear)
{
    road_section_info k = road_map_section(t->map, road, road_find_section(t->map, road, s));
    base_vec3 left_edge, right_edge;
    int section = road_find_section(t->map, road, s);
    road_lane_borders(t->map, road, section, k.lane_high > 0 ? k.lane_high : 0, s, NULL, &left_edge);
    road_lane_borders(t->map, road, section, k.lane_low < 0 ? k.lane_low : 0, s, NULL, &right_edge);
    base_vec3 out = base_vec3_sub(right ? right_edge : left_edge, right ? left_edge : right_edge);
    out = base_vec3_scale(out, 1 / base_vec3_length(out));
    base_vec3 from = right ? right_edge : left_edge;
    scene_hit hit;
    *clear = !scene_ground(t->scene, from.x + 0.8 * out.x, from.y + 0.8 * out.y, from.z + 0.3, GROUND, &hit) ||
             fabs(hit.point.z - from.z) > 1; /* no other road joins there */
    from.z += 0.6;
    from = base_vec3_sub(from, base_vec3_scale(out, 0.3));
    return scene_ray(t->scene, NULL, 0, from, (base_vec3){ out.x, out.y, 0 }, 1.5, &hit) ? hit.tag : SCENE_TAG_NONE;
}

static void fast_roads_have_guard_rails(void **state)
{
    (void)state;
    int fast = 0, with = 0, elsewhere = 0;
    road_map_info info = road_map_describe(ring.map);
    for (int road = 0; road < info.roads; road++) {
        road_info r = road_map_road(ring.map, road);
        if (r.junction >= 0 || r.speed_mps < 80 / 3.6 - 0.1)
            continue;
        for (double s = 10; s < r.length_m - 10; s += 17)
            for (int right = 0; right < 2; right++) {
                bool clear;
                uint8_t tag = beside(&ring, road, s, right, &clear);
                fast += clear;
                with += clear && tag == SCENE_TAG_GUARD_RAIL;
            }
    }
    for (uint32_t k = 0; k < grid.scene->world.triangle_count; k++)
        elsewhere += grid.scene->world.triangles[k].tag == SCENE_TAG_GUARD_RAIL;
    if (fast < 300 || with < 0.93 * fast)
        fail_msg("%d of %d places beside fast roads have a rail", with, fast);
    assert_int_equal(elsewhere, 0); /* a flat town of 50 km/h has none */
}

/* The highway passes below the crossing roads: room for a lorry, a slab above, and no hill between the carriageways. */
static void bridges_stand_free(void **state)
{
    (void)state;
    for (int side = -1; side <= 1; side += 2) {
        scene_hit hit;
        base_vec3 median = { 0, side * 260.0, 0.5 };
        assert_true(scene_ground(ring.scene, median.x, median.y, 3, 1u << SCENE_TAG_TERRAIN, &hit));
        assert_true(fabs(hit.point.z) < 1);
        for (double x = -3; x <= 3; x += 1.5)
            for (double aside = 5; aside < 11; aside += 1.5) {
                base_vec3 lane = { x, side * (260 + aside), 0.3 };
                if (!scene_ray(ring.scene, NULL, 0, lane, (base_vec3){ 0, 0, 1 }, 20, &hit))
                    fail_msg("nothing above (%.1f, %.1f)", lane.x, lane.y);
                assert_int_equal(hit.tag, SCENE_TAG_BRIDGE);
                assert_true(hit.point.z > 4.5 && hit.point.z < 7);
            }
        /* a car that leaves the bridge sideways is held */
        scene_box car = { { { 5, side * 260.0, 8 }, { 0, 0, 0 } }, { 1, 1, 0.6 } };
        assert_true(scene_box_hit(ring.scene, &car, 0, &hit));
        assert_true(hit.tag == SCENE_TAG_GUARD_RAIL || hit.tag == SCENE_TAG_BRIDGE);
    }
    assert_int_equal(count_kind(&ring, "Bridge"), 2);
}

/* The ground leads from one road's height to another's by slopes, not by walls. */
static void the_ground_slopes_between_roads(void **state)
{
    (void)state;
    const town *towns[] = { &grid, &ring };
    for (int i = 0; i < 2; i++) {
        const scene_part *w = &towns[i]->scene->world;
        double all = 0, steep = 0;
        for (uint32_t k = 0; k < w->triangle_count; k++) {
            if (w->triangles[k].tag != SCENE_TAG_TERRAIN)
                continue;
            base_vec3 p[3];
            for (int c = 0; c < 3; c++) {
                const float *q = w->vertices[w->triangles[k].vertex[c]].position;
                p[c] = (base_vec3){ q[0], q[1], q[2] };
            }
            base_vec3 n = base_vec3_cross(base_vec3_sub(p[1], p[0]), base_vec3_sub(p[2], p[0]));
            double level = fabs(n.z), across = hypot(n.x, n.y);
            all += level;
            steep += across > 1.2 * level ? level : 0; /* more than 50 degrees */
        }
        if (steep > 0.0005 * all)
            fail_msg("map %d: %.4f %% of the ground is steeper than 50 degrees", i, 100 * steep / all);
    }
}

/* ---- parked cars and furniture ---- */

/* All of a parked car is on a parking lane; nothing of it reaches over a driving or biking lane's border. */
static void parked_cars_stand_on_parking_lanes(void **state)
{
    (void)state;
    int cars = 0;
    for (int k = 0; k < town_scenery_object_count(grid.scenery); k++) {
        const town_scenery_object *o = town_scenery_object_at(grid.scenery, k);
        if (!is_kind(o, "ParkedCar"))
            continue;
        cars++;
        assert_int_equal(o->tag, SCENE_TAG_CAR);
        assert_int_equal(o->layer, TOWN_LAYER_PARKED_VEHICLES);
        for (int i = 0; i < 4; i++) {
            base_vec3 wheel = { (i & 1 ? 0.9 : -0.9) * o->box.extent.x, (i & 2 ? 0.85 : -0.85) * o->box.extent.y, 0 };
            base_pose stand = { o->box.pose.location, o->box.pose.rotation };
            stand.location.z = o->pose.location.z;
            base_vec3 at = base_pose_to_world(&stand, wheel);
            road_waypoint w;
            if (!road_waypoint_at(grid.map, at, ROAD_LANE_PARKING, false, &w)) /* within half its width */
                fail_msg("%s: its corner (%.2f, %.2f) is not on a parking lane", o->name, at.x, at.y);
        }
        assert_true(fabs(o->box.pose.location.z - o->box.extent.z - o->pose.location.z) < 0.05);
    }
    assert_true(cars >= 20);
    assert_int_equal(count_kind(&ring, "ParkedCar"), 0);
}

static void sidewalks_stay_free_in_their_middle(void **state)
{
    (void)state;
    static const char *const kinds[] = { "Bench", "Bin", "Hydrant", "Mailbox", "Cabinet", "Planter", "BusStop", "Bollard" };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (count_kind(&grid, kinds[i]) < 2)
            fail_msg("%d of %s", count_kind(&grid, kinds[i]), kinds[i]);
    road_map_info info = road_map_describe(grid.map);
    int places = 0;
    for (int road = 0; road < info.roads; road++) {
        road_info r = road_map_road(grid.map, road);
        for (int section = 0; r.junction < 0 && section < r.sections; section++) {
            road_section_info k = road_map_section(grid.map, road, section);
            for (int lane = k.lane_low; lane <= k.lane_high; lane++)
                for (double s = k.s0 + 1; s < k.s1 - 1; s += 0.7) {
                    if (!lane || road_lane_type(grid.map, road, section, lane) != ROAD_LANE_SIDEWALK)
                        continue;
                    base_vec3 inner, outer;
                    road_lane_borders(grid.map, road, section, lane, s, &inner, &outer);
                    base_vec3 p = base_vec3_scale(base_vec3_add(inner, outer), 0.5);
                    scene_box walker = { { { p.x, p.y, p.z + 1.1 }, { 0, 0, 0 } }, { 0.2, 0.2, 0.8 } };
                    scene_hit hit;
                    if (scene_box_hit(grid.scene, &walker, 1u << SCENE_TAG_VEGETATION, &hit))
                        fail_msg("road %d lane %d s %.1f: tag %d stands in a walker's way", road, lane, s, hit.tag);
                    places++;
                }
        }
    }
    assert_true(places > 1000);
}

/* A light either stands off the road, or hangs high enough over it for a lorry. */
static void lights_hang_high_over_lanes(void **state)
{
    (void)state;
    int over = 0, lights = 0;
    for (int k = 0; k < road_signal_count(grid.map); k++) {
        base_pose head;
        base_vec3 extent;
        if (!town_scenery_light_box(grid.scenery, k, &head, &extent))
            continue;
        lights++;
        road_waypoint w;
        base_vec3 below_it = { head.location.x, head.location.y, road_map_signal(grid.map, k).pose.location.z };
        if (!road_waypoint_at(grid.map, below_it, ROAD_LANE_DRIVING, false, &w))
            continue;
        over++;
        assert_true(head.location.z - extent.z - below_it.z > 4.5);
        /* and shines against those who come: its front, against the lane's direction or across it in the junction */
        scene_instance lamp;
        assert_int_equal(town_scenery_light(grid.scenery, k, 0, 1, &lamp), 1);
        assert_true(lamp.pose.location.z == head.location.z);
    }
    assert_true(lights > 10 && over >= 4);
}

/* Between the street and a town's building the ground is paved. */
/* Digits stand dark on the plate of a speed limit, so many as the number has, and read from left to right by those who come. */
static void speed_limits_say_their_number(void **state)
{
    (void)state;
    int signs = 0;
    for (int k = 0; k < town_scenery_object_count(ring.scenery); k++) {
        const town_scenery_object *o = town_scenery_object_at(ring.scenery, k);
        if (!is_kind(o, "SpeedLimitSign"))
            continue;
        signs++;
        double yaw = BASE_RAD(o->pose.rotation.yaw_deg), c = cos(yaw), s = sin(yaw);
        bool dark[61], shape[61];
        int groups = 0;
        for (int i = 0; i <= 60; i++) { /* columns of the plate from the reader's left to right: does any height show ink? */
            double right = -0.30 + 0.01 * i;
            dark[i] = shape[i] = false;
            for (double up = -0.125; up <= 0.125; up += 0.01) {
                base_vec3 eye = { o->pose.location.x + 2 * c + right * s, o->pose.location.y + 2 * s - right * c,
                                  o->pose.location.z + up };
                scene_hit hit;
                if (!scene_ray(ring.scene, NULL, 0, eye, (base_vec3){ -c, -s, 0 }, 3, &hit) || hit.instance != o->instance)
                    continue;
                const scene_triangle *t = &ring.scene->world.triangles[hit.triangle];
                bool ink = ring.scene->materials[t->material].rgb[0] < 0.1f;
                dark[i] = dark[i] || ink;
                shape[i] = true;
            }
            groups += dark[i] && !(i && dark[i - 1]);
        }
        double value = 0;
        int before = atoi(o->name + strlen("SpeedLimitSign_"));
        for (int n = 0; n < road_signal_count(ring.map); n++) { /* numbered in the order of the map's */
            road_signal g = road_map_signal(ring.map, n);
            if (g.kind == ROAD_SIGNAL_SPEED_LIMIT && before-- == 0)
                value = g.value;
        }
        assert_true(shape[30]);
        int digits = value >= 100 ? 3 : 2;
        assert_true(value > 0);
        if (groups != digits)
            fail_msg("%s: %d groups of ink for %g", o->name, groups, value);
    }
    assert_true(signs > 4);
}

static void yards_are_paved(void **state)
{
    (void)state;
    int paved = 0, all = 0;
    for (int k = 0; k < town_scenery_object_count(grid.scenery); k++) {
        const town_scenery_object *o = town_scenery_object_at(grid.scenery, k);
        if (!is_kind(o, "Building"))
            continue;
        base_pose level = { o->box.pose.location, o->pose.rotation };
        base_vec3 front = base_pose_to_world(&level, (base_vec3){ 0, -o->box.extent.y - 0.6, 0 });
        scene_hit hit;
        assert_true(scene_ground(grid.scene, front.x, front.y, o->pose.location.z + 1, GROUND | 1u << SCENE_TAG_TERRAIN, &hit));
        all++;
        paved += hit.tag == SCENE_TAG_SIDEWALKS;
    }
    assert_true(all > 15);
    if (paved < 0.9 * all)
        fail_msg("%d of %d", paved, all);
}

static void towns_have_many_kinds_of_things(void **state)
{
    (void)state;
    static const char *const kinds[] = { "Tree",  "Palm",     "Cypress",  "Bush",          "Hedge",  "Fence",
                                         "Wall",  "Building", "House",    "StreetLight",   "Banner", "TarLine",
                                         "Patch", "Manhole",  "StopSign", "SpeedLimitSign" };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (count_kind(&grid, kinds[i]) < 1)
            fail_msg("no %s", kinds[i]);
    bool facade[SCENE_TEXTURE_COUNT] = { false };
    for (uint32_t k = 0; k < grid.scene->world.triangle_count; k++)
        facade[grid.scene->materials[grid.scene->world.triangles[k].material].texture] = true;
    static const scene_texture styles[] = { SCENE_FACADE_BRICK, SCENE_FACADE_PLASTER, SCENE_FACADE_OFFICE,
                                            SCENE_FACADE_SHOP,  SCENE_FACADE_GLASS,   SCENE_FACADE_STONE };
    for (size_t i = 0; i < sizeof styles / sizeof *styles; i++)
        assert_true(facade[styles[i]]);
}

/* ---- people ---- */

/* Highest and lowest x of a walker's triangles of a height, and what share of the height they reach over. */
static double stride_of(const scene_part *p, double *lowest)
{
    double lo = 9, hi = -9;
    *lowest = 9;
    for (uint32_t v = 0; v < p->vertex_count; v++) {
        const float *q = p->vertices[v].position;
        *lowest = fmin(*lowest, q[2]);
        if (q[2] < 0.12) {
            lo = fmin(lo, q[0]);
            hi = fmax(hi, q[0]);
        }
    }
    return hi - lo;
}

static void walkers_swing_their_legs(void **state)
{
    (void)state;
    static const float tint[3] = { 0.2f, 0.2f, 0.2f };
    const base_pose pose = { { 0, 0, 0 }, { 0, 0, 0 } };
    double least = 9, most = 0;
    int meshes = 0, before = -1;
    for (int i = 0; i < 48; i++) {
        scene_instance part;
        assert_int_equal(town_scenery_walker(grid.scenery, &pose, 0.93, i / 48.0, tint, 6, &part), 1);
        double lowest, stride = stride_of(&grid.scene->meshes[part.mesh], &lowest);
        assert_true(fabs(lowest) < 0.035); /* of the height: feet meet the ground in every phase */
        least = fmin(least, stride);
        most = fmax(most, stride);
        meshes += part.mesh != before;
        before = part.mesh;
    }
    assert_true(meshes >= 10);
    if (!(most > 0.40) || !(least < 0.22)) /* two feet apart, and beside each other */
        fail_msg("feet reach over %.2f to %.2f of the height", least, most);
}

/* Two-wheelers carry a rider: in the pictures its pixels are Rider, the machine's are not. */
static void two_wheelers_carry_riders(void **state)
{
    (void)state;
    static const struct {
        const char *id;
        base_vec3 extent;
        uint8_t tag;
    } models[] = { { "vehicle.bh.crossbike", { 0.744, 0.430, 0.860 }, SCENE_TAG_BICYCLE },
                   { "vehicle.kawasaki.ninja", { 1.017, 0.398, 0.770 }, SCENE_TAG_MOTORCYCLE } };
    for (int i = 0; i < 2; i++) {
        town_scenery_car car = { .blueprint = models[i].id, .extent = models[i].extent, .id = 9 };
        scene_instance parts[TOWN_SCENERY_PARTS];
        assert_int_equal(town_scenery_vehicle(grid.scenery, &car, parts), 3);
        const scene_part *p = &grid.scene->meshes[parts[0].mesh];
        double top[32] = { 0 };
        for (uint32_t k = 0; k < p->triangle_count; k++)
            for (int c = 0; c < 3; c++) {
                double z = (double)p->vertices[p->triangles[k].vertex[c]].position[2] * parts[0].scale.z;
                uint8_t tag = p->triangles[k].tag;
                top[tag & 31] = fmax(top[tag & 31], z);
            }
        assert_true(top[SCENE_TAG_RIDER] > 1.35 && top[models[i].tag] > 0.7 && top[models[i].tag] < 1.25);
        assert_int_equal(parts[1].tag, models[i].tag);
        /* a bicycle's wheel is open: its middle shows spokes only */
        const scene_part *wheel = &grid.scene->meshes[parts[1].mesh];
        scene_instance one = { .mesh = parts[1].mesh, .scale = { 1, 1, 1 }, .pose = { { 0, 0, 1000 }, { 0, 0, 0 } } };
        scene_hit hit;
        int closed = 0;
        for (int n = 0; n < 36; n++) {
            double a = BASE_RAD(10 * n + 3);
            closed += scene_ray(grid.scene, &one, 1, (base_vec3){ 0.6 * cos(a), -3, 1000 + 0.6 * sin(a) },
                                (base_vec3){ 0, 1, 0 }, 6, &hit);
        }
        assert_true(wheel->triangle_count > 20);
        assert_true(i ? closed == 36 : closed < 12);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crosswalks_are_bars),
        cmocka_unit_test(forks_keep_their_marks),
        cmocka_unit_test(sheets_lie_on_the_road),
        cmocka_unit_test(arrows_point_where_lanes_lead),
        cmocka_unit_test(stop_lines_lie_before_lights),
        cmocka_unit_test(fast_roads_have_guard_rails),
        cmocka_unit_test(bridges_stand_free),
        cmocka_unit_test(the_ground_slopes_between_roads),
        cmocka_unit_test(parked_cars_stand_on_parking_lanes),
        cmocka_unit_test(sidewalks_stay_free_in_their_middle),
        cmocka_unit_test(lights_hang_high_over_lanes),
        cmocka_unit_test(speed_limits_say_their_number),
        cmocka_unit_test(yards_are_paved),
        cmocka_unit_test(towns_have_many_kinds_of_things),
        cmocka_unit_test(walkers_swing_their_legs),
        cmocka_unit_test(two_wheelers_carry_riders),
    };
    return cmocka_run_group_tests(tests, build_all, destroy_all);
}
