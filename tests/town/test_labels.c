/* Labels on the bundled maps: every blueprint carries its tag in pictures of every release, pixels show what rays meet, and the same
 * seed gives the same bytes: in two runs, on one thread and two, on every instruction set; labels in any weather. */
#include "base/cpu.h"
#include "base/file.h"
#include "sim/scene/rays.h"
#include "sim/town/internal.h"
#include "sim/wire/tag.h"
#include "tests/support/sanitized.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static const char *const map_names[] = { "town_grid",     "highway_ring",  "country_loop",
                                         "mountain_road", "training_loop", "driving_loop" };
enum { MAPS = sizeof map_names / sizeof *map_names, WIDTH = 320, HEIGHT = 180, PIXELS = WIDTH * HEIGHT, CARS = 10 };

static town_map *load(const char *name)
{
    char path[200];
    base_error err = { 0 };
    snprintf(path, sizeof path, "configs/maps/%s.xodr", name);
    town_map *map = town_map_load(path, &err);
    if (!map)
        fail_msg("%s", err.text);
    return map;
}

static town_world *world_on(const town_map *map, base_pool *pool, int version)
{
    town_options o = town_options_default();
    base_error err = { 0 };
    o.pool = pool;
    o.version = version;
    town_world *w = town_world_create(map, &o, &err);
    if (!w)
        fail_msg("%s", err.text);
    return w;
}

/* 0: the place is taken */
static uint32_t try_spawn(town_world *w, const char *id, base_pose pose, uint32_t parent, const town_attribute *list, int count)
{
    base_error err = { 0 };
    town_description d = { 0, id, list, count };
    return town_spawn(w, &d, pose, parent, TOWN_RIGID, &err);
}

static void camera(town_world *w, const char *kind, base_pose pose, uint32_t parent)
{
    const town_attribute size[] = { { "image_size_x", TOWN_INT, "320" }, { "image_size_y", TOWN_INT, "180" } };
    char id[64];
    snprintf(id, sizeof id, "sensor.camera.%s", kind);
    if (!try_spawn(w, id, pose, parent, size, 2))
        fail_msg("no %s", id);
}

static void tick(town_world *w, town_sink sink)
{
    base_error err = { 0 };
    if (!town_tick(w, 0.05, sink, &err))
        fail_msg("%s", err.text);
}

/* ---- what the sensors said */

typedef struct heard {
    uint8_t picture[TOWN_CAMERA_DVS + 1][PIXELS * 4];
    uint32_t crc[TOWN_RSS + 1];
    base_pose pose;
} heard;

static void hear(void *user, const town_measurement *m)
{
    heard *h = user;
    size_t bytes = m->bgra              ? (size_t)PIXELS * 4
                   : m->flow            ? (size_t)PIXELS * 8
                   : m->points          ? m->item_count * sizeof *m->points
                   : m->semantic_points ? m->item_count * sizeof *m->semantic_points
                                        : 0;
    const void *data = m->bgra     ? (const void *)m->bgra
                       : m->flow   ? (const void *)m->flow
                       : m->points ? (const void *)m->points
                                   : (const void *)m->semantic_points;
    if (m->bgra && m->kind <= TOWN_CAMERA_DVS) {
        memcpy(h->picture[m->kind], m->bgra, bytes);
        h->pose = m->pose;
    }
    if (bytes)
        h->crc[m->kind] = base_crc32(h->crc[m->kind], data, bytes);
}

/* ---- tags of what can be spawned */

static uint8_t tag_wanted(const char *id)
{
    static const struct {
        const char *part;
        uint8_t tag;
    } rows[] = {
        { "bench", SCENE_TAG_STATIC },         { "static.prop", SCENE_TAG_DYNAMIC }, { "walker", SCENE_TAG_PEDESTRIANS },
        { "crossbike", SCENE_TAG_BICYCLE },    { "century", SCENE_TAG_BICYCLE },     { "omafiets", SCENE_TAG_BICYCLE },
        { "low_rider", SCENE_TAG_MOTORCYCLE }, { "ninja", SCENE_TAG_MOTORCYCLE },    { "vespa", SCENE_TAG_MOTORCYCLE },
        { "yzf", SCENE_TAG_MOTORCYCLE },       { "fusorosa", SCENE_TAG_BUS },        { "carlacola", SCENE_TAG_TRUCK },
        { "european_hgv", SCENE_TAG_TRUCK },   { "firetruck", SCENE_TAG_TRUCK },     { "ambulance", SCENE_TAG_TRUCK },
        { "sprinter", SCENE_TAG_TRUCK },       { "cybertruck", SCENE_TAG_TRUCK },    { "vehicle", SCENE_TAG_CAR },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strstr(id, rows[i].part))
            return rows[i].tag;
    return SCENE_TAG_NONE;
}

static void check_blueprint(town_world *w, heard *h, const town_blueprint *b, base_pose place, int version)
{
    place.location.z += town_blueprint_kind(b) == TOWN_WALKER ? 1 : 0;
    uint32_t id = try_spawn(w, town_blueprint_id(b), place, 0, NULL, 0);
    if (!id)
        fail_msg("%s: not spawned", town_blueprint_id(b));
    tick(w, (town_sink){ .measurement = hear, .user = h });
    uint8_t tag = tag_wanted(town_blueprint_id(b));
    int mine = 0, wrong = 0, riders = 0;
    for (int i = 0; i < PIXELS; i++) {
        const uint8_t *label = h->picture[TOWN_CAMERA_INSTANCE] + 4 * i;
        if (label[1] + 256u * label[0] != (id & 0xffff))
            continue;
        mine++;
        bool rider = label[2] == wire_tag_to_wire(WIRE_TAG_RIDER, (wire_version)version) &&
                     (tag == SCENE_TAG_BICYCLE || tag == SCENE_TAG_MOTORCYCLE);
        riders += rider;
        wrong += !rider && label[2] != wire_tag_to_wire((wire_tag)tag, (wire_version)version);
        assert_int_equal(h->picture[TOWN_CAMERA_SEMANTIC][4 * i + 2], label[2]);
    }
    if (mine < 20 || wrong)
        fail_msg("0.9.%d: %s shows %d pixels, %d without the tag %d", version, town_blueprint_id(b), mine, wrong, tag);
    if (tag == SCENE_TAG_BICYCLE || tag == SCENE_TAG_MOTORCYCLE)
        assert_true(riders > 5 && riders < mine);
    town_actor_view v;
    assert_true(town_actor_get(w, id, &v));
    assert_int_equal(v.tag, tag);
    assert_true(town_destroy(w, id));
}

static void test_every_blueprint_shows_its_tag(void **state)
{
    (void)state;
    town_map *map = load("training_loop");
    heard *h = calloc(1, sizeof *h);
    int count;
    base_pose place = town_map_spawn_points(map, &count)[0];
    base_pose beside = { { -7, 3, 1.5 }, { -8, -20, 0 } };
    static const int versions[] = { 16, 13 };
    for (size_t k = 0; k < 2; k++) {
        town_world *w = world_on(map, NULL, versions[k]);
        camera(w, "instance_segmentation", base_pose_compose(&place, &beside), 0);
        camera(w, "semantic_segmentation", base_pose_compose(&place, &beside), 0);
        int checked = 0;
        for (uint32_t uid = 1; uid <= town_blueprint_count(); uid += SANITIZED ? 4 : 1) {
            const town_blueprint *b = town_blueprint_at(uid);
            town_kind kind = town_blueprint_kind(b);
            if ((kind != TOWN_VEHICLE && kind != TOWN_WALKER && kind != TOWN_PROP) || town_blueprint_since(b) > versions[k])
                continue;
            check_blueprint(w, h, b, place, versions[k]);
            checked++;
        }
        assert_true(checked > (SANITIZED ? 20 : 80));
        town_world_destroy(w);
    }
    free(h);
    town_map_destroy(map);
}

/* ---- a street with traffic */

static const char *const fleet[] = { "vehicle.tesla.model3",         "vehicle.mitsubishi.fusorosa", "vehicle.yamaha.yzf",
                                     "vehicle.ford.ambulance",       "vehicle.gazelle.omafiets",    "vehicle.audi.tt",
                                     "vehicle.carlamotors.carlacola" };

/* The ego's cameras, and cars around that drive; returns the ego. */
static uint32_t populate(town_world *w, const town_map *map, const char *const *kinds, int kind_count)
{
    int count;
    const base_pose *points = town_map_spawn_points(map, &count);
    uint32_t ego = try_spawn(w, "vehicle.lincoln.mkz_2020", points[0], 0, NULL, 0);
    assert_true(ego);
    int cars = 0;
    for (double reach = 15; cars < CARS && reach < 120; reach += 15) /* those ahead first */
        for (int i = 1; i < count && cars < CARS; i++) {
            base_vec3 at = base_pose_to_local(&points[0], points[i].location);
            if (at.x < reach - 15 || at.x >= reach || fabs(at.y) > 20)
                continue;
            uint32_t car = try_spawn(w, fleet[cars % 7], points[i], 0, NULL, 0);
            if (!car)
                continue;
            town_vehicle_control_set(w, car, (town_vehicle_control){ .throttle = 0.5f, .steer = cars % 3 * 0.02f - 0.02f });
            town_vehicle_lights_set(w, car, 1u | 2u | 8u);
            cars++;
        }
    assert_true(cars >= 2);
    town_vehicle_control_set(w, ego, (town_vehicle_control){ .throttle = 0.7f });
    base_pose aside = { { 9, 4.2, 1 }, { 0, 0, 0 } };
    uint32_t walker = try_spawn(w, "walker.pedestrian.0002", base_pose_compose(&points[0], &aside), 0, NULL, 0);
    (void)walker;
    base_pose front = { { 1.5, 0, 1.8 }, { -5, 0, 0 } };
    for (int i = 0; i < kind_count; i++)
        camera(w, kinds[i], front, ego);
    return ego;
}

static bool near_outline(const heard *h, int x, int y)
{
    const uint8_t *here = h->picture[TOWN_CAMERA_INSTANCE] + 4 * (y * WIDTH + x);
    for (int j = -1; j <= 1; j++)
        for (int i = -1; i <= 1; i++)
            if (memcmp(here + 4 * (j * WIDTH + i), here, 4))
                return true;
    return false;
}

/* Beyond this the renderer leaves small things out that rays still meet (render_options.detail_range_m at this focal length). */
#define DETAIL_M 15.0

static void test_pixels_show_what_rays_meet(void **state)
{
    (void)state;
    static const char *const kinds[] = { "depth", "semantic_segmentation", "instance_segmentation" };
    heard *h = calloc(1, sizeof *h);
    for (int k = 0; k < (SANITIZED ? 2 : MAPS); k++) {
        base_error err = { 0 };
        town_map *map = load(map_names[k]);
        town_world *w = world_on(map, NULL, 16);
        populate(w, map, kinds, 3);
        int seen = 0, wrong = 0, actors = 0;
        for (int step = 0; step < 12; step++) {
            tick(w, (town_sink){ .measurement = hear, .user = h });
            if (step % 4 != 3)
                continue;
            scene_rays *rays = scene_rays_create(town_scenery_scene(w->scenery), w->shown.instances, w->shown.count, &err);
            assert_non_null(rays);
            base_mat3 m = base_rotation_matrix(h->pose.rotation);
            for (int y = 2; y < HEIGHT - 1; y += 3)
                for (int x = 1; x < WIDTH - 1; x += 3) {
                    base_vec3 local = { 1, (x + 0.5 - WIDTH / 2.0) / (WIDTH / 2.0), -(y + 0.5 - HEIGHT / 2.0) / (WIDTH / 2.0) };
                    base_vec3 ray = base_mat3_apply(&m, local);
                    const uint8_t *d = h->picture[TOWN_CAMERA_DEPTH] + 4 * (y * WIDTH + x),
                                  *label = h->picture[TOWN_CAMERA_INSTANCE] + 4 * (y * WIDTH + x);
                    double depth = (d[2] + 256.0 * d[1] + 65536.0 * d[0]) / 16777215 * 1000;
                    scene_hit hit;
                    if (near_outline(h, x, y) || depth > DETAIL_M)
                        continue;
                    bool found = scene_rays_hit(rays, h->pose.location, ray, 1e4, &hit);
                    seen++;
                    actors += found && hit.dynamic >= 0;
                    wrong += !found || label[2] != hit.tag || label[1] + 256u * label[0] != (hit.instance & 0xffff) ||
                             h->picture[TOWN_CAMERA_SEMANTIC][4 * (y * WIDTH + x) + 2] != hit.tag ||
                             fabs(depth - hit.distance_m / base_vec3_length(ray)) > 1e-3 * depth + 1e-4;
                }
            scene_rays_destroy(rays);
        }
        print_message("# %s: %d pixels, %d on actors, %d not what their rays meet\n", map_names[k], seen, actors, wrong);
        assert_true(seen > 2000 && actors > 20);
        assert_true(wrong * 500 < seen);
        town_world_destroy(w);
        town_map_destroy(map);
    }
    free(h);
}

/* ---- again and again */

typedef struct run {
    const char *level; /* of LANELOOP_ISA; NULL: the best */
    int threads;
    float sun_deg, rain;
    bool colour; /* must be equal too */
} run;

static void drive(const town_map *map, const run *r, heard *h)
{
    static const char *const kinds[] = { "rgb",          "depth", "semantic_segmentation", "instance_segmentation", "normals",
                                         "optical_flow", "dvs" };
    base_error err = { 0 };
    memset(h, 0, sizeof *h);
    if (r->level)
        setenv("LANELOOP_ISA", r->level, 1);
    base_pool *pool = base_pool_create(r->threads, &err);
    town_world *w = world_on(map, pool, 16);
    uint32_t ego = populate(w, map, kinds, 7);
    base_pose roof = { { 0, 0, 2.4 }, { 0, 0, 0 } };
    assert_true(try_spawn(w, "sensor.lidar.ray_cast_semantic", roof, ego, NULL, 0));
    assert_true(try_spawn(w, "sensor.lidar.ray_cast", roof, ego, NULL, 0));
    town_weather weather = town_weather_get(w);
    weather.sun_altitude_deg = r->sun_deg;
    weather.precipitation = weather.precipitation_deposits = weather.wetness = r->rain;
    weather.fog_density = 15;
    weather.cloudiness = 60;
    town_weather_set(w, &weather);
    for (int i = 0; i < 5; i++)
        tick(w, (town_sink){ .measurement = hear, .user = h });
    town_world_destroy(w);
    base_pool_destroy(pool);
    unsetenv("LANELOOP_ISA");
}

static void compare(const char *map, const run *r, const heard *want, const heard *got)
{
    for (int kind = 0; kind <= TOWN_RSS; kind++) {
        bool is_colour = kind == TOWN_CAMERA_RGB || kind == TOWN_CAMERA_DVS;
        if ((r->colour || !is_colour) && want->crc[kind] != got->crc[kind])
            fail_msg("%s, level %s, %d threads, sun %g, rain %g: sensor kind %d differs", map, r->level ? r->level : "best",
                     r->threads, (double)r->sun_deg, (double)r->rain, kind);
    }
}

static void test_same_bytes_again(void **state)
{
    (void)state;
    const char *before = getenv("LANELOOP_ISA");
    static const run night = { NULL, 1, -20, 70, true };
    static const run others[] = {
        { NULL, 2, -20, 70, true }, { NULL, 2, 45, 0, false }, { "scalar", 2, -20, 70, false }, { "avx2", 2, -20, 70, false }
    };
    heard *want = malloc(sizeof *want), *got = malloc(sizeof *got);
    char *kept = before ? strdup(before) : NULL;
    for (int k = 0; k < (SANITIZED ? 1 : 4); k++) {
        town_map *map = load(map_names[k]);
        drive(map, &night, want);
        assert_true(want->crc[TOWN_CAMERA_RGB] && want->crc[TOWN_CAMERA_FLOW] && want->crc[TOWN_LIDAR_SEMANTIC]);
        for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
            uint32_t bits;
            if (others[i].level && !base_cpu_select(others[i].level, &bits, NULL))
                continue;
            drive(map, &others[i], got);
            compare(map_names[k], &others[i], want, got);
        }
        town_map_destroy(map);
    }
    if (kept)
        setenv("LANELOOP_ISA", kept, 1);
    free(kept);
    free(want);
    free(got);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_blueprint_shows_its_tag),
        cmocka_unit_test(test_pixels_show_what_rays_meet),
        cmocka_unit_test(test_same_bytes_again),
    };
    if (THREAD_SANITIZED)
        cmocka_set_test_filter(TESTS_WITH_THREADS);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
