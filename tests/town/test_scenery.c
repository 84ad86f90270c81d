/* The scene around a road map against the map itself: marks where it has marks, lanes free, ground everywhere. */
#include "base/file.h"
#include "base/random.h"
#include "sim/town/scenery_internal.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static const char *const maps[] = { "configs/maps/training_loop.xodr", "configs/maps/driving_loop.xodr" };
enum { MAPS = sizeof maps / sizeof *maps };

typedef struct town {
    road_map *map;
    town_scenery *scenery;
    const scene *scene;
} town;
static town towns[MAPS];

static int build_all(void **state)
{
    (void)state;
    base_error err;
    for (int i = 0; i < MAPS; i++) {
        towns[i].map = road_map_read(maps[i], NULL, &err);
        towns[i].scenery = towns[i].map ? town_scenery_build(towns[i].map, 5, &err) : NULL;
        if (!towns[i].scenery) {
            print_error("%s\n", err.text);
            return -1;
        }
        towns[i].scene = town_scenery_scene(towns[i].scenery);
    }
    return 0;
}

static int destroy_all(void **state)
{
    (void)state;
    for (int i = 0; i < MAPS; i++) {
        town_scenery_destroy(towns[i].scenery);
        road_map_destroy(towns[i].map);
    }
    return 0;
}

static uint8_t tag_below(const scene *s, base_vec3 p, double *z)
{
    scene_hit hit;
    if (!scene_ground(s, p.x, p.y, p.z + 1.5, UINT32_MAX, &hit))
        return SCENE_TAG_NONE;
    *z = hit.point.z;
    return hit.tag;
}

typedef void (*lane_visitor)(const town *t, int road, int section, int lane, double s);

/* Every lane of every road outside junctions, every step_m metres. */
static void visit_lanes(const town *t, double step_m, lane_visitor visit)
{
    road_map_info info = road_map_describe(t->map);
    for (int road = 0; road < info.roads; road++) {
        road_info r = road_map_road(t->map, road);
        if (r.junction >= 0)
            continue;
        for (int section = 0; section < r.sections; section++) {
            road_section_info k = road_map_section(t->map, road, section);
            for (int lane = k.lane_low; lane <= k.lane_high; lane++)
                for (double s = k.s0 + 0.37; s < k.s1 - 0.37; s += step_m)
                    visit(t, road, section, lane, s);
        }
    }
}

static int counted[32];

static void check_middle(const town *t, int road, int section, int lane, double s)
{
    if (lane == 0)
        return;
    base_vec3 inner, outer;
    road_lane_borders(t->map, road, section, lane, s, &inner, &outer);
    base_vec3 p = base_vec3_scale(base_vec3_add(inner, outer), 0.5);
    uint32_t type = road_lane_type(t->map, road, section, lane);
    bool walk = type == ROAD_LANE_SIDEWALK;
    double z = 0;
    uint8_t tag = tag_below(t->scene, p, &z);
    if (tag == SCENE_TAG_POLES || tag == SCENE_TAG_VEGETATION)
        return;                                       /* a lamp's foot or a crown over the sidewalk */
    bool arrow = tag == SCENE_TAG_ROAD_LINE && !walk; /* or letters: sheets of paint, see test_scenery_street.c */
    if ((tag != (walk ? SCENE_TAG_SIDEWALKS : SCENE_TAG_ROADS) && !arrow) || fabs(z - p.z - (walk ? 0.15 : 0)) > 7e-3)
        fail_msg("road %d lane %d (%s) s %.2f: tag %d at height %.4f over the lane", road, lane, road_lane_type_name(type), s,
                 tag, z - p.z);
    counted[tag]++;
}

static void lanes_have_their_surface_at_their_height(void **state)
{
    (void)state;
    memset(counted, 0, sizeof counted);
    for (int i = 0; i < MAPS; i++)
        visit_lanes(&towns[i], 1.7, check_middle);
    assert_true(counted[SCENE_TAG_ROADS] > 5000 && counted[SCENE_TAG_SIDEWALKS] > 1000);
}

static int painted, bare;

/* Each strip of each mark, in its middle: paint exactly where the record says. */
static void check_marks(const town *t, int road, int section, int lane, double s)
{
    int count;
    const road_mark *marks = road_lane_marks(t->map, road, section, lane, &count);
    for (int i = 0; i < count; i++) {
        if (s < marks[i].s0 || s >= marks[i].s1)
            continue;
        for (int k = 0; k < marks[i].strip_count; k++) {
            const road_strip *strip = &marks[i].strips[k];
            base_vec3 inner, outer;
            road_lane_borders(t->map, road, section, lane, s, &inner, &outer);
            base_pose frame = road_surface_pose(t->map, road, s, 0, 0);
            double yaw = BASE_RAD(frame.rotation.yaw_deg);
            base_vec3 p = { outer.x - strip->right_m * sin(yaw), outer.y + strip->right_m * cos(yaw), outer.z };
            bool paint = true;
            if (strip->gap_m > 0) {
                double period = strip->dash_m + strip->gap_m, phase = fmod(s - marks[i].s0 - strip->s_offset_m, period);
                phase = phase < 0 ? phase + period : phase;
                paint = phase < strip->dash_m;
                if (fabs(phase - strip->dash_m) < 0.02 || phase < 0.02 || phase > period - 0.02)
                    continue; /* the end of a dash */
            }
            double z;
            uint8_t tag = tag_below(t->scene, p, &z);
            if (tag != (paint ? SCENE_TAG_ROAD_LINE : SCENE_TAG_ROADS))
                fail_msg("road %d lane %d s %.3f strip %d: tag %d, the map says %s", road, lane, s, k, tag,
                         paint ? "paint" : "no paint");
            painted += paint;
            bare += !paint;
        }
    }
}

static void marks_are_painted_where_the_map_has_them(void **state)
{
    (void)state;
    painted = bare = 0;
    for (int i = 0; i < MAPS; i++)
        visit_lanes(&towns[i], 0.73, check_marks);
    assert_true(painted > 10000 && bare > 2000);
}

static void check_room(const town *t, int road, int section, int lane, double s)
{
    if (road_lane_type(t->map, road, section, lane) != ROAD_LANE_DRIVING)
        return;
    base_vec3 inner, outer;
    road_lane_borders(t->map, road, section, lane, s, &inner, &outer);
    base_vec3 middle = base_vec3_scale(base_vec3_add(inner, outer), 0.5);
    base_pose frame = road_surface_pose(t->map, road, s, 0, 0);
    scene_box car = { { { middle.x, middle.y, middle.z + 1.2 }, frame.rotation },
                      { 2.6, 1.75, 1.0 } }; /* the lane's whole width, 2 m high */
    scene_hit hit;
    if (scene_box_hit(t->scene, &car, 0, &hit))
        fail_msg("road %d lane %d s %.1f: tag %d stands in the lane", road, lane, s, hit.tag);
    counted[0]++;
}

static void nothing_stands_on_driving_lanes(void **state)
{
    (void)state;
    memset(counted, 0, sizeof counted);
    for (int i = 0; i < MAPS; i++)
        visit_lanes(&towns[i], 2.1, check_room);
    assert_true(counted[0] > 2000);
}

/* The same on CARLA's own towns, which are not part of the repository. */
static void nothing_stands_on_the_lanes_of_carlas_towns(void **state)
{
    (void)state;
    static const char *const files[] = { "2020/Town01.xodr", "2020/Town10HD.xodr" };
    const char *places[] = { getenv("LANELOOP_TOWNS"), "../shared/maps", "../../shared/maps" };
    int checked = 0;
    for (size_t f = 0; f < sizeof files / sizeof *files; f++)
        for (size_t k = 0; k < sizeof places / sizeof *places; k++) {
            char path[1024];
            base_error err;
            if (!places[k] || !base_path_join(path, sizeof path, places[k], files[f], &err) || !base_file_exists(path))
                continue;
            town t = { .map = road_map_read(path, NULL, &err) };
            t.scenery = t.map ? town_scenery_build(t.map, 1, &err) : NULL;
            if (!t.scenery)
                fail_msg("%s", err.text);
            t.scene = town_scenery_scene(t.scenery);
            memset(counted, 0, sizeof counted);
            visit_lanes(&t, 2.1, check_room);
            checked += counted[0];
            town_scenery_destroy(t.scenery);
            road_map_destroy(t.map);
            break;
        }
    if (!checked) {
        print_message("skip: CARLA's town maps are not here (set LANELOOP_TOWNS)\n");
        skip();
    }
}

static void there_is_ground_everywhere(void **state)
{
    (void)state;
    for (int i = 0; i < MAPS; i++) {
        road_map_info info = road_map_describe(towns[i].map);
        for (uint64_t k = 0; k < 4000; k++) {
            base_random d = base_random_start(3, "ground", k, 0);
            double x = base_random_range(&d, info.low.x - 100, info.high.x + 100),
                   y = base_random_range(&d, info.low.y - 100, info.high.y + 100);
            uint32_t ground =
                1u << SCENE_TAG_ROADS | 1u << SCENE_TAG_ROAD_LINE | 1u << SCENE_TAG_SIDEWALKS | 1u << SCENE_TAG_TERRAIN;
            scene_hit hit;
            if (!scene_ground(towns[i].scene, x, y, 100, ground, &hit) || fabs(hit.point.z) > 25)
                fail_msg("%s: no ground at (%.1f, %.1f)", maps[i], x, y);
        }
    }
}

static uint32_t fingerprint(const scene *s)
{
    uint32_t crc = base_crc32(0, s->world.triangles, s->world.triangle_count * sizeof *s->world.triangles);
    return base_crc32(crc, s->world.vertices, s->world.vertex_count * sizeof *s->world.vertices);
}

static void the_same_seed_gives_the_same_town(void **state)
{
    (void)state;
    base_error err;
    town_scenery *same = town_scenery_build(towns[1].map, 5, &err), *other = town_scenery_build(towns[1].map, 6, &err);
    town_scenery_options threads = town_scenery_options_default();
    threads.pool = base_pool_create(3, &err);
    town_scenery *shared = town_scenery_build_with(towns[1].map, 5, &threads, &err);
    assert_non_null(same);
    assert_non_null(other);
    assert_non_null(shared);
    assert_int_equal(fingerprint(town_scenery_scene(shared)), fingerprint(towns[1].scene));
    town_scenery_destroy(shared);
    base_pool_destroy(threads.pool);
    assert_int_equal(fingerprint(town_scenery_scene(same)), fingerprint(towns[1].scene));
    assert_int_not_equal(fingerprint(town_scenery_scene(other)), fingerprint(towns[1].scene));
    town_scenery_destroy(same);
    town_scenery_destroy(other);
}

static void towns_are_furnished(void **state)
{
    (void)state;
    for (int i = 0; i < MAPS; i++) {
        uint32_t by_tag[32] = { 0 };
        for (uint32_t k = 0; k < towns[i].scene->world.triangle_count; k++)
            by_tag[towns[i].scene->world.triangles[k].tag & 31]++;
        assert_true(by_tag[SCENE_TAG_BUILDINGS] > 1000 && by_tag[SCENE_TAG_VEGETATION] > 10000 &&
                    by_tag[SCENE_TAG_POLES] > 500);
    }
}

/* A vehicle fills its blueprint's box, stands on its wheels, and front wheels steer. */
static void vehicles_fill_their_boxes(void **state)
{
    (void)state;
    static const struct {
        const char *id;
        base_vec3 extent;
    } cars[] = {
        { "vehicle.lincoln.mkz_2020", { 2.45, 1.06, 0.76 } },
        { "vehicle.mini.cooper_s", { 1.90, 0.98, 0.74 } },
        { "vehicle.mitsubishi.fusorosa", { 5.15, 1.97, 2.13 } },
        { "vehicle.kawasaki.ninja", { 1.02, 0.40, 0.78 } },
        { "vehicle.unknown.car", { 2.2, 0.9, 0.8 } },
    };
    const scene *s = towns[0].scene;
    for (size_t c = 0; c < sizeof cars / sizeof *cars; c++) {
        town_scenery_car car = { .blueprint = cars[c].id, .extent = cars[c].extent, .steer_deg = 20, .id = 77 };
        scene_instance parts[TOWN_SCENERY_PARTS];
        int n = town_scenery_vehicle(towns[0].scenery, &car, parts);
        assert_true(n == 5 || n == 3);
        double lo[3] = { 1e9, 1e9, 1e9 }, hi[3] = { -1e9, -1e9, -1e9 };
        for (int k = 0; k < n; k++) {
            assert_int_equal(parts[k].id, 77);
            const scene_part *p = &s->meshes[parts[k].mesh];
            for (uint32_t v = 0; v < p->vertex_count; v++) {
                const float *q = p->vertices[v].position;
                base_vec3 w = base_pose_to_world(
                    &parts[k].pose, (base_vec3){ q[0] * parts[k].scale.x, q[1] * parts[k].scale.y, q[2] * parts[k].scale.z });
                const double at[3] = { w.x, w.y, w.z };
                for (int a = 0; a < 3; a++) {
                    lo[a] = fmin(lo[a], at[a]);
                    hi[a] = fmax(hi[a], at[a]);
                }
            }
        }
        if (fabs(hi[0] - cars[c].extent.x) > 0.06 * cars[c].extent.x ||
            fabs(lo[0] + cars[c].extent.x) > 0.06 * cars[c].extent.x || hi[1] > cars[c].extent.y * 1.12 + 0.12 ||
            fabs(lo[2]) > 0.02 || fabs(hi[2] - 2 * cars[c].extent.z) > 0.06 * cars[c].extent.z)
            fail_msg("%s: x %.2f..%.2f, y ..%.2f, z %.2f..%.2f for extents %.2f %.2f %.2f", cars[c].id, lo[0], hi[0], hi[1],
                     lo[2], hi[2], cars[c].extent.x, cars[c].extent.y, cars[c].extent.z);
        assert_true(fabs(base_wrap_deg(parts[1].pose.rotation.yaw_deg - 20)) < 1e-6);
    }
}

#define ROAD(id, x)                                                                                                                          \
    "<road name=\"\" length=\"100\" id=\"" #id "\" junction=\"-1\"><planView><geometry s=\"0\" x=\"" #x                                      \
    "\" y=\"0\" hdg=\"0\" length=\"100\">"                                                                                                   \
    "<line/></geometry></planView><lanes><laneSection s=\"0\"><center><lane id=\"0\" type=\"none\" level=\"false\"/></center><right>"        \
    "<lane id=\"-1\" type=\"driving\" level=\"false\"><width sOffset=\"0\" a=\"3.5\" b=\"0\" c=\"0\" d=\"0\"/></lane></right></laneSection>" \
    "</lanes></road>"

/* The ground between them would be built: two roads must not be able to ask for all memory. */
static void roads_too_far_apart_are_refused(void **state)
{
    (void)state;
    static const char near[] =
        "<?xml version=\"1.0\"?><OpenDRIVE><header revMajor=\"1\" revMinor=\"4\"/>" ROAD(1, 0) ROAD(2, 12000) "</OpenDRIVE>";
    static const char far[] =
        "<?xml version=\"1.0\"?><OpenDRIVE><header revMajor=\"1\" revMinor=\"4\"/>" ROAD(1, 0) ROAD(2, 40000) "</OpenDRIVE>";
    base_error err = { 0 };
    road_map *m = road_map_parse(near, sizeof near - 1, "near", NULL, &err);
    town_scenery *t = m ? town_scenery_build(m, 1, &err) : NULL;
    if (!t)
        fail_msg("%s", err.text);
    town_scenery_destroy(t);
    road_map_destroy(m);
    m = road_map_parse(far, sizeof far - 1, "far", NULL, &err);
    assert_non_null(m);
    assert_null(town_scenery_build(m, 1, &err));
    assert_non_null(strstr(err.text, "far: the roads span 40100 x "));
    road_map_destroy(m);
}

static void a_world_without_a_map_is_a_plain(void **state)
{
    (void)state;
    base_error err;
    town_scenery *t = town_scenery_build(NULL, 1, &err);
    assert_non_null(t);
    scene_hit hit;
    assert_true(scene_ground(town_scenery_scene(t), 123.4, -567.8, 10, UINT32_MAX, &hit));
    assert_true(fabs(hit.point.z) < 1e-9 && hit.tag == SCENE_TAG_GROUND);
    town_scenery_destroy(t);
}

/* Of each cell around some pieces of pavement: as far from the nearest paved cell as a look at all of them says. Offsets that are handed from cell to
 * cell (Danielsson) are now and then a bit too long, by less than a tenth, and never too short. */
static void distances_to_pavement(void **state)
{
    (void)state;
    base_error err;
    scene_mesh mesh = { 0 };
    town_scenery t = { .seed = 1 };
    scenery_quad quads[12];
    base_random d = base_random_start(4, "pavement", 0, 0);
    for (int i = 0; i < 12; i++) {
        double x = base_random_range(&d, -60, 60), y = base_random_range(&d, -40, 40), z = base_random_range(&d, 0, 2);
        double w = base_random_range(&d, 1, 9), h = base_random_range(&d, 1, 9), slant = base_random_range(&d, -3, 3);
        quads[i] = (scenery_quad){ .x = { (float)x, (float)(x + w), (float)(x + w + slant), (float)(x + slant) },
                                   .y = { (float)y, (float)y, (float)(y + h), (float)(y + h) },
                                   .z = { (float)z, (float)z, (float)z, (float)z },
                                   .kind = PAVED_ROAD };
    }
    t.footprint.quads = quads;
    t.footprint.count = 12;
    if (!scenery_raster_build(&t, &mesh, &err))
        fail_msg("%s", err.text);
    const scenery_raster *r = &t.raster;
    int paved = 0, checked = 0;
    double worst = 0;
    for (int j = 0; j < r->height; j++)
        for (int i = 0; i < r->width; i++) {
            int at = j * r->width + i;
            if (r->kind[at] != PAVED_NONE) {
                assert_true(r->outside_m[at] == 0);
                paved++;
                continue;
            }
            if (i % 3 || j % 3)
                continue;
            double best = 1e9;
            for (int k = 0; k < r->width * r->height; k++)
                if (r->kind[k] != PAVED_NONE) {
                    double dx = k % r->width - i, dy = k / r->width - j;
                    best = fmin(best, dx * dx + dy * dy);
                }
            double want = r->cell_m * sqrt(best);
            assert_true(r->outside_m[at] >= want - 1e-4);
            worst = fmax(worst, (r->outside_m[at] - want) / want);
            checked++;
        }
    print_message("# of %d cells the worst is %.1f %% too far\n", checked, 100 * worst);
    assert_true(paved > 500 && checked > 5000 && worst < 0.1);
    scenery_raster_free(&t.raster);
    scene_mesh_free(&mesh);
    free(t.objects);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lanes_have_their_surface_at_their_height),
        cmocka_unit_test(marks_are_painted_where_the_map_has_them),
        cmocka_unit_test(nothing_stands_on_driving_lanes),
        cmocka_unit_test(nothing_stands_on_the_lanes_of_carlas_towns),
        cmocka_unit_test(there_is_ground_everywhere),
        cmocka_unit_test(the_same_seed_gives_the_same_town),
        cmocka_unit_test(towns_are_furnished),
        cmocka_unit_test(vehicles_fill_their_boxes),
        cmocka_unit_test(roads_too_far_apart_are_refused),
        cmocka_unit_test(a_world_without_a_map_is_a_plain),
        cmocka_unit_test(distances_to_pavement),
    };
    return cmocka_run_group_tests_name("scenery", tests, build_all, destroy_all);
}
