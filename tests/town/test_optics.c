/* Camera attributes, through the world: each acts on its own camera and on no other, labels stay labels, and the default attributes leave the
 * renderer's picture. */
#include "base/file.h"
#include "sim/render/optics.h"
#include "sim/scene/scene.h"
#include "sim/town/town.h"
#include "tests/support/sanitized.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { W = 320, H = 160, PIXELS = W * H, CAMERAS = 40 };

static int load(void **state)
{
    base_error err = { 0 };
    town_map *map = town_map_load("configs/maps/training_loop.xodr", &err);
    if (!map)
        print_message("%s\n", err.text);
    *state = map;
    return map ? 0 : -1;
}

static int unload(void **state)
{
    town_map_destroy(*state);
    return 0;
}

/* ---- what the cameras sent last, by id */

typedef struct heard {
    uint32_t id[CAMERAS];
    void *picture[CAMERAS];
    int count, messages;
    uint32_t crc;
} heard;

static void hear(void *user, const town_measurement *m)
{
    heard *h = user;
    const void *data = m->bgra ? (const void *)m->bgra : (const void *)m->flow;
    size_t bytes = (size_t)m->width_px * (size_t)m->height_px * (m->bgra ? 4 : 8);
    h->messages++;
    if (!data)
        return;
    int k = 0;
    while (k < h->count && h->id[k] != m->sensor_id)
        k++;
    assert_true(k < CAMERAS);
    h->count = k == h->count ? k + 1 : h->count;
    h->id[k] = m->sensor_id;
    free(h->picture[k]);
    h->picture[k] = malloc(bytes);
    memcpy(h->picture[k], data, bytes);
    h->crc = base_crc32(h->crc, data, bytes);
}

static const uint8_t *picture(const heard *h, uint32_t id)
{
    for (int k = 0; k < h->count; k++)
        if (h->id[k] == id)
            return h->picture[k];
    fail_msg("camera %u sent nothing", id);
    return NULL;
}

static void forget(heard *h)
{
    for (int k = 0; k < h->count; k++)
        free(h->picture[k]);
    *h = (heard){ 0 };
}

static town_world *world_on(void **state, base_pool *pool, int quality)
{
    town_options o = town_options_default();
    base_error err = { 0 };
    o.pool = pool;
    o.quality = quality;
    town_world *w = town_world_create(*state, &o, &err);
    if (!w)
        fail_msg("%s", err.text);
    return w;
}

static uint32_t try_spawn(town_world *w, const char *id, base_pose pose, uint32_t parent, const char *const *attributes)
{
    town_attribute list[16] = { { "image_size_x", TOWN_INT, "320" }, { "image_size_y", TOWN_INT, "160" } };
    char text[16][64];
    int count = strncmp(id, "sensor", 6) ? 0 : 2;
    for (int i = 0; attributes && attributes[i]; i++, count++) {
        snprintf(text[i], sizeof text[i], "%s", attributes[i]);
        char *equals = strchr(text[i], '=');
        *equals = 0;
        list[count] = (town_attribute){ text[i], TOWN_STRING, equals + 1 };
    }
    base_error err = { 0 };
    town_description d = { 0, id, list, count };
    return town_spawn(w, &d, pose, parent, TOWN_RIGID, &err);
}

static uint32_t spawn(town_world *w, const char *id, base_pose pose, uint32_t parent, const char *const *attributes)
{
    uint32_t actor = try_spawn(w, id, pose, parent, attributes);
    if (!actor)
        fail_msg("%s was refused", id);
    return actor;
}
#define WITH(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define RGB       "sensor.camera.rgb"

static void ticks(town_world *w, int count, heard *h)
{
    base_error err = { 0 };
    town_sink sink = { .measurement = hear, .user = h };
    for (int i = 0; i < count; i++)
        if (!town_tick(w, 0.05, sink, &err))
            fail_msg("tick %d: %s", i, err.text);
}

static base_pose ahead(void **state, double forward, double right, double up)
{
    int count;
    const base_pose *p = town_map_spawn_points(*state, &count);
    base_pose local = { { forward, right, up }, { 0, 0, 0 } };
    return base_pose_compose(&p[0], &local);
}

static double mean(const uint8_t *bgra, int channel)
{
    double sum = 0;
    for (int i = 0; i < PIXELS; i++)
        sum += bgra[4 * i + channel];
    return sum / PIXELS;
}

static int differing(const uint8_t *a, const uint8_t *b)
{
    int n = 0;
    for (int i = 0; i < PIXELS; i++)
        n += memcmp(a + 4 * i, b + 4 * i, 4) != 0;
    return n;
}

/* ---- */

/* One pass for all; and what the others ask for changes nothing for those who ask for nothing. */
static void others_at_the_same_place_change_nothing(void **state)
{
    uint32_t crc[2];
    for (int k = 0; k < 2; k++) {
        town_world *w = world_on(state, NULL, 2);
        uint32_t ego = spawn(w, "vehicle.lincoln.mkz_2020", ahead(state, 0, 0, 0), 0, NULL);
        base_pose front = { { 1.5, 0, 1.8 }, { -8, 0, 0 } };
        uint32_t plain[5] = { spawn(w, RGB, front, ego, NULL), spawn(w, "sensor.camera.depth", front, ego, NULL),
                              spawn(w, "sensor.camera.semantic_segmentation", front, ego, NULL),
                              spawn(w, "sensor.camera.optical_flow", front, ego, NULL),
                              spawn(w, "sensor.camera.instance_segmentation", front, ego, NULL) };
        if (k) {
            spawn(w, RGB, front, ego, WITH("lens_circle_multiplier=3", "lens_circle_falloff=3"));
            spawn(w, RGB, front, ego, WITH("motion_blur_intensity=0.9", "motion_blur_max_distortion=5", "iso=800"));
            spawn(w, RGB, front, ego, WITH("exposure_mode=manual", "focal_distance=200", "sensor_tick=0.1"));
            spawn(w, "sensor.camera.dvs", front, ego, WITH("bloom_intensity=1"));
            spawn(w, "sensor.camera.depth", front, ego, WITH("lens_circle_multiplier=3"));
        }
        town_constant_velocity_set(w, ego, true, (base_vec3){ 10, 0, 0 });
        heard h = { 0 };
        ticks(w, 5, &h);
        crc[k] = 0;
        for (int i = 0; i < 5; i++)
            crc[k] = base_crc32(crc[k], picture(&h, plain[i]), PIXELS * (i == 3 ? 8 : 4));
        forget(&h);
        town_world_destroy(w);
    }
    assert_int_equal(crc[0], crc[1]);
}

static void defaults_given_in_words_are_defaults(void **state)
{
    town_world *w = world_on(state, NULL, 2);
    base_pose eye = ahead(state, 0, 0, 2);
    uint32_t plain = spawn(w, RGB, eye, 0, NULL);
    uint32_t same[] = {
        spawn(w, RGB, eye, 0,
              WITH("gamma=2.2", "exposure_mode=histogram", "bloom_intensity=0.675", "motion_blur_intensity=0.45",
                   "lens_flare_intensity=0.1")),
        spawn(w, RGB, eye, 0, WITH("bloom_intensity=0", "motion_blur_intensity=0.0", "lens_flare_intensity=0")),
        spawn(w, RGB, eye, 0,
              WITH("lens_k=-5", "lens_kcube=3", "lens_circle_falloff=1", "calibration_constant=3", "shutter_speed=10")),
        spawn(w, RGB, eye, 0,
              WITH("enable_postprocess_effects=false", "exposure_mode=manual", "iso=6400", "gamma=4", "bloom_intensity=3")),
    };
    heard h = { 0 };
    ticks(w, 2, &h);
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        if (differing(picture(&h, plain), picture(&h, same[i])))
            fail_msg("case %zu: %d pixels differ", i, differing(picture(&h, plain), picture(&h, same[i])));
    forget(&h);
    town_world_destroy(w);
}

static void every_attribute_acts(void **state)
{
    static const struct {
        const char *set[4];
        int channel, sign; /* which channel's mean goes where; 0: the picture only differs */
    } cases[] = {
        { { "exposure_mode=manual", "shutter_speed=3000" }, 1, -1 },
        { { "exposure_mode=manual" }, 1, 1 }, /* EV 8.6: far brighter than noon wants */
        { { "exposure_mode=manual", "iso=50", "fstop=8" }, 1, -1 },
        { { "exposure_compensation=1" }, 1, 1 },
        { { "exposure_compensation=-1" }, 1, -1 },
        { { "exposure_min_bright=13", "exposure_max_bright=14" }, 1, -1 },
        { { "exposure_min_bright=8", "exposure_max_bright=9" }, 1, 1 },
        { { "exposure_speed_up=2" }, 1, 0 },
        { { "gamma=3" }, 1, 1 },
        { { "slope=1.3" }, 1, 0 },
        { { "toe=0.3" }, 1, 0 },
        { { "shoulder=0.6" }, 1, 0 },
        { { "black_clip=0.05" }, 1, 0 },
        { { "white_clip=0.3" }, 1, 0 },
        { { "temp=3500" }, 0, 1 },
        { { "temp=12000" }, 2, 1 },
        { { "tint=0.5" }, 1, 0 },
        { { "iso=1600" }, 1, 0 },
        { { "chromatic_aberration_intensity=2" }, 1, 0 },
        { { "lens_circle_multiplier=3" }, 1, 0 },
        { { "bloom_intensity=3", "exposure_compensation=2" }, 1, 1 },
        { { "lens_flare_intensity=3", "exposure_compensation=2" }, 1, 1 },
        { { "focal_distance=150", "fstop=0.05", "min_fstop=0.05" }, 1, 0 },
        { { "blur_radius=20", "blur_amount=0.02" }, 1, 0 },
    };
    enum { CASES = sizeof cases / sizeof *cases };
    town_world *w = world_on(state, NULL, 0);
    base_pose eye = ahead(state, 0, 0, 2);
    uint32_t plain = spawn(w, RGB, eye, 0, NULL), id[CASES];
    for (int i = 0; i < CASES; i++)
        id[i] = spawn(w, RGB, eye, 0, cases[i].set);
    heard h = { 0 };
    ticks(w, 2, &h);
    const uint8_t *was = picture(&h, plain);
    for (int i = 0; i < CASES; i++) {
        const uint8_t *now = picture(&h, id[i]);
        double change = (mean(now, cases[i].channel) - mean(was, cases[i].channel)) * cases[i].sign;
        if (cases[i].sign ? change < 1 : differing(was, now) < PIXELS / 50)
            fail_msg("%s: %d pixels differ, mean by %.2f", cases[i].set[0], differing(was, now), change);
    }
    forget(&h);
    town_world_destroy(w);
}

/* With quality 3 the defaults are what they are in CARLA: written out a little differently, they show nearly the same. */
static void defaults_act_when_the_world_says_so(void **state)
{
    for (int quality = 2; quality <= 3; quality++) {
        town_world *w = world_on(state, NULL, quality);
        base_pose eye = ahead(state, 0, 0, 2);
        uint32_t plain = spawn(w, RGB, eye, 0, NULL);
        uint32_t near = spawn(w, RGB, eye, 0,
                              WITH("bloom_intensity=0.676", "motion_blur_intensity=0.451", "lens_flare_intensity=0.101",
                                   "exposure_speed_up=3.001"));
        uint32_t off = spawn(w, RGB, eye, 0, WITH("enable_postprocess_effects=false"));
        town_weather weather = town_weather_get(w);
        weather.sun_altitude_deg = 4; /* a sun that glows */
        town_weather_set(w, &weather);
        heard h = { 0 };
        ticks(w, 3, &h);
        int from_near = 0, from_off = 0;
        for (int i = 0; i < 4 * PIXELS; i++) {
            from_near += abs(picture(&h, plain)[i] - picture(&h, near)[i]) > 2;
            from_off += abs(picture(&h, plain)[i] - picture(&h, off)[i]) > 2;
        }
        print_message("quality %d: %d bytes from the same in words, %d from none\n", quality, from_near, from_off);
        assert_true(quality == 3 ? from_near == 0 : from_near > PIXELS / 20);
        assert_true(quality == 3 ? from_off > PIXELS / 20 : from_off == 0);
        forget(&h);
        town_world_destroy(w);
    }
}

/* A camera metered from the picture shows noon and dusk alike, the dusk after a while; by the weather dusk is darker. */
static void the_meter_gets_used_to_dusk(void **state)
{
    town_world *w = world_on(state, NULL, 0);
    base_pose eye = ahead(state, 0, 0, 2);
    uint32_t plain = spawn(w, RGB, eye, 0, NULL);
    uint32_t metered = spawn(w, RGB, eye, 0, WITH("exposure_min_bright=-5", "exposure_max_bright=20", "exposure_speed_down=2"));
    heard h = { 0 };
    ticks(w, 2, &h);
    double noon = mean(picture(&h, metered), 1), noon_plain = mean(picture(&h, plain), 1);
    town_weather weather = town_weather_get(w);
    weather.sun_altitude_deg = 0.5f;
    town_weather_set(w, &weather);
    ticks(w, 1, &h);
    double sudden = mean(picture(&h, metered), 1);
    ticks(w, 120, &h);
    double dusk = mean(picture(&h, metered), 1), dusk_plain = mean(picture(&h, plain), 1);
    print_message("noon %.0f, at once %.0f, six seconds later %.0f; by the weather %.0f and %.0f\n", noon, sudden, dusk,
                  noon_plain, dusk_plain);
    assert_true(sudden < 0.6 * noon);
    assert_true(fabs(dusk - noon) < 15);
    assert_true(dusk_plain < noon_plain - 20);
    forget(&h);
    town_world_destroy(w);
}

static void bent_labels_are_the_labels_that_were_there(void **state)
{
    static const char *const kinds[] = { "depth", "semantic_segmentation", "instance_segmentation", "normals", "optical_flow" };
    enum { KINDS = sizeof kinds / sizeof *kinds };
    town_world *w = world_on(state, NULL, 0);
    uint32_t ego = spawn(w, "vehicle.lincoln.mkz_2020", ahead(state, 0, 0, 0), 0, NULL), straight[KINDS], bent[KINDS];
    base_pose front = { { 1.5, 0, 1.8 }, { -8, 0, 0 } };
    for (int i = 0; i < KINDS; i++) {
        char id[64];
        snprintf(id, sizeof id, "sensor.camera.%s", kinds[i]);
        straight[i] = spawn(w, id, front, ego, NULL);
        bent[i] = spawn(w, id, front, ego, WITH("lens_circle_multiplier=2.0", "lens_circle_falloff=3.0"));
    }
    town_constant_velocity_set(w, ego, true, (base_vec3){ 10, 0, 0 });
    heard h = { 0 };
    ticks(w, 4, &h);
    const render_distortion lens = { -1, 0, 0.08f, 0.08f, 2, 3 };
    for (int i = 0; i < KINDS; i++) {
        const uint8_t *a = picture(&h, straight[i]), *b = picture(&h, bent[i]);
        size_t bytes = i == 4 ? 8 : 4;
        int moved = 0, wrong = 0;
        for (int p = 0; p < PIXELS; p++) {
            double x = p % W + 0.5, y = p / W + 0.5;
            render_distortion_source(&lens, W, H, &x, &y);
            int sx = (int)fmax(0, fmin(W - 1, x)), sy = (int)fmax(0, fmin(H - 1, y));
            bool near = fabs(x - floor(x) - 0.5) > 0.48 || fabs(y - floor(y) - 0.5) > 0.48; /* between two pixels: either */
            wrong += !near && memcmp(b + bytes * (size_t)p, a + bytes * ((size_t)sy * W + (size_t)sx), bytes) != 0;
            moved += memcmp(b + bytes * (size_t)p, a + bytes * (size_t)p, bytes) != 0;
        }
        if (wrong || moved < PIXELS / 100)
            fail_msg("%s: %d pixels moved, %d of them wrongly", kinds[i], moved, wrong);
    }
    forget(&h);
    town_world_destroy(w);
}

/* From a car that stands nothing trails; from one that drives the near does and the far ahead does not. */
static void only_motion_blurs(void **state)
{
    for (int drives = 0; drives < 2; drives++) {
        town_world *w = world_on(state, NULL, 0);
        uint32_t ego = spawn(w, "vehicle.lincoln.mkz_2020", ahead(state, 0, 0, 0), 0, NULL);
        base_pose front = { { 1.5, 0, 1.8 }, { 0, 0, 0 } };
        uint32_t plain = spawn(w, RGB, front, ego, NULL);
        /* Without trails, but developed as the other is. */
        uint32_t sharp = spawn(w, RGB, front, ego, WITH("exposure_compensation=0.5"));
        uint32_t blurred =
            spawn(w, RGB, front, ego,
                  WITH("exposure_compensation=0.5", "motion_blur_intensity=0.8", "motion_blur_max_distortion=10"));
        if (drives)
            town_constant_velocity_set(w, ego, true, (base_vec3){ 15, 0, 0 });
        heard h = { 0 };
        ticks(w, 20, &h);
        const uint8_t *a = picture(&h, sharp), *b = picture(&h, blurred);
        (void)picture(&h, plain);
        int below = 0, middle = 0;
        for (int i = 0; i < PIXELS; i++) {
            bool differs = memcmp(a + 4 * i, b + 4 * i, 4) != 0;
            below += differs && i / W > 3 * H / 4;
            middle += differs && abs(i % W - W / 2) < 6 && abs(i / W - H / 2) < 6;
        }
        print_message("%s: %d of %d pixels below differ, %d of 121 in the middle\n", drives ? "driving" : "standing", below,
                      PIXELS / 4, middle);
        if (drives)
            assert_true(below > PIXELS / 4 / 3 && middle < 12);
        else
            assert_int_equal(differing(a, b), 0);
        forget(&h);
        town_world_destroy(w);
    }
}

static uint32_t crc_of_run(void **state, int threads)
{
    base_error err = { 0 };
    base_pool *pool = base_pool_create(threads, &err);
    town_world *w = world_on(state, pool, 2);
    uint32_t ego = spawn(w, "vehicle.lincoln.mkz_2020", ahead(state, 0, 0, 0), 0, NULL);
    base_pose front = { { 1.5, 0, 1.8 }, { -8, 0, 0 } };
    spawn(w, RGB, front, ego,
          WITH("lens_circle_multiplier=3", "lens_circle_falloff=3", "chromatic_aberration_intensity=0.5",
               "exposure_min_bright=5", "bloom_intensity=1", "iso=800", "motion_blur_intensity=0.6",
               "motion_blur_max_distortion=5", "temp=5000", "focal_distance=500"));
    spawn(w, "sensor.camera.semantic_segmentation", front, ego, WITH("lens_circle_multiplier=3"));
    town_vehicle_control_set(w, ego, (town_vehicle_control){ .throttle = 0.6f });
    heard h = { 0 };
    ticks(w, 15, &h);
    uint32_t crc = h.crc;
    forget(&h);
    town_world_destroy(w);
    base_pool_destroy(pool);
    return crc;
}

static void same_bytes_for_any_threads(void **state)
{
    uint32_t one = crc_of_run(state, 1);
    assert_int_equal(crc_of_run(state, 1), one);
    assert_int_equal(crc_of_run(state, 2), one);
    assert_int_equal(crc_of_run(state, 3), one);
}

/* What grain a picture has follows from the camera's age and place, not from what the server did before. */
static void grain_does_not_know_the_past(void **state)
{
    uint8_t *kept = NULL, *other = NULL;
    for (int late = 0; late < 2; late++) {
        town_world *w = world_on(state, NULL, 0);
        base_pose down = ahead(state, 0, 0, 6), aside = ahead(state, 0, 0.01, 6);
        down.rotation.pitch_deg = aside.rotation.pitch_deg = -90; /* nothing moves there */
        heard h = { 0 };
        if (late) {
            town_destroy(w, spawn(w, RGB, down, 0, NULL));
            ticks(w, 7, &h);
        }
        uint32_t eye = spawn(w, RGB, down, 0, WITH("iso=1600")), near = spawn(w, RGB, aside, 0, WITH("iso=1600"));
        ticks(w, 3, &h);
        const uint8_t *now = picture(&h, eye);
        if (late)
            assert_memory_equal(now, kept, PIXELS * 4);
        kept = realloc(kept, PIXELS * 4);
        other = realloc(other, PIXELS * 4);
        memcpy(kept, now, PIXELS * 4);
        memcpy(other, picture(&h, near), PIXELS * 4);
        assert_true(differing(kept, other) > PIXELS / 2);
        forget(&h);
        town_world_destroy(w);
    }
    free(kept);
    free(other);
}

static void nonsense_is_refused(void **state)
{
    static const char *const cases[][2] = {
        { "rgb", "iso=0" },         { "rgb", "iso=x" },           { "rgb", "fstop=-1" },
        { "rgb", "gamma=0" },       { "rgb", "gamma=nan" },       { "rgb", "bloom_intensity=-1" },
        { "dvs", "slope=0" },       { "depth", "lens_k=inf" },    { "semantic_segmentation", "lens_circle_falloff=-2" },
        { "rgb", "blur_amount=0" }, { "rgb", "blade_count=many" }
    };
    town_world *w = world_on(state, NULL, 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char id[64];
        snprintf(id, sizeof id, "sensor.camera.%s", cases[i][0]);
        if (try_spawn(w, id, ahead(state, 0, 0, 2), 0, WITH(cases[i][1])))
            fail_msg("%s with %s was accepted", id, cases[i][1]);
    }
    town_world_destroy(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(others_at_the_same_place_change_nothing),
        cmocka_unit_test(defaults_given_in_words_are_defaults),
        cmocka_unit_test(every_attribute_acts),
        cmocka_unit_test(defaults_act_when_the_world_says_so),
        cmocka_unit_test(the_meter_gets_used_to_dusk),
        cmocka_unit_test(bent_labels_are_the_labels_that_were_there),
        cmocka_unit_test(only_motion_blurs),
        cmocka_unit_test(same_bytes_for_any_threads),
        cmocka_unit_test(grain_does_not_know_the_past),
        cmocka_unit_test(nonsense_is_refused),
    };
    if (THREAD_SANITIZED)
        cmocka_set_test_filter(TESTS_WITH_THREADS);
    return cmocka_run_group_tests(tests, load, unload);
}
