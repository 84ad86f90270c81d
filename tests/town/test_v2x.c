/* V2X sensors: what the radio loses, when a vehicle sends, what it says, who hears it. */
#include "sim/town/sense.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* ---- the radio alone */

static town_radio usual(void)
{
    return (town_radio){ .power_dbm = 21.5,
                         .sensitivity_dbm = -99,
                         .frequency_ghz = 5.9,
                         .gain_db = 10,
                         .exponent = 2.7,
                         .reference_m = 1,
                         .filter_m = 500,
                         .etsi_fading = true };
}

static void test_losses(void **state)
{
    (void)state;
    static const struct {
        bool geometric;
        town_radio_scenario scenario;
        town_radio_way way;
        double loss_db;
        const char *why;
    } cases[] = {
        { false, TOWN_RADIO_HIGHWAY, { TOWN_RADIO_FREE, 100, 1.5, 1.5, 0 }, 87.817, "32.4 + 40 + 20 lg 5.9" },
        { false, TOWN_RADIO_URBAN, { TOWN_RADIO_FREE, 100, 1.5, 1.5, 0 }, 86.200, "38.77 + 33.4 + 18.2 lg 5.9" },
        { false, TOWN_RADIO_RURAL, { TOWN_RADIO_FREE, 10, 1.5, 1.5, 0 }, 69.500, "38.77 + 16.7 + 18.2 lg 5.9" },
        { false, TOWN_RADIO_HIGHWAY, { TOWN_RADIO_VEHICLES, 100, 1.5, 1.5, 12.5 }, 100.317, "the first and the edge" },
        { false, TOWN_RADIO_HIGHWAY, { TOWN_RADIO_SCENERY, 100, 1.5, 1.5, 0 }, 111.419, "36.85 + 60 + 18.9 lg 5.9" },
        { true,
          TOWN_RADIO_HIGHWAY,
          { TOWN_RADIO_VEHICLES, 100, 1.5, 1.5, 12.5 },
          100.365,
          "free space of 87.865 and the edge" },
        { true, TOWN_RADIO_HIGHWAY, { TOWN_RADIO_SCENERY, 100, 1.5, 1.5, 0 }, 101.865, "47.865 at 1 m + 27 lg 100" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        town_radio r = usual();
        r.geometric = cases[i].geometric;
        r.scenario = cases[i].scenario;
        double loss = town_radio_loss_db(&r, &cases[i].way);
        if (fabs(loss - cases[i].loss_db) > 2e-3)
            fail_msg("%s: %.4f dB, expected %.4f", cases[i].why, loss, cases[i].loss_db);
    }
    /* Two rays: far away twice the distance costs 12 dB (the fourth power), near by it swings about free space's. */
    town_radio r = usual();
    r.geometric = true;
    town_radio_way far = { TOWN_RADIO_FREE, 2e4, 1.5, 1.5, 0 }, farther = { TOWN_RADIO_FREE, 4e4, 1.5, 1.5, 0 };
    assert_true(fabs(town_radio_loss_db(&r, &farther) - town_radio_loss_db(&r, &far) - 12.04) < 0.05);
    double most = -INFINITY, least = INFINITY;
    for (double d = 10; d < 60; d += 0.1) {
        town_radio_way way = { TOWN_RADIO_FREE, d, 1.5, 1.5, 0 };
        double more = town_radio_loss_db(&r, &way) - (20 * log10(d) + 47.865);
        most = fmax(most, more);
        least = fmin(least, more);
    }
    assert_true(least > -6.03 && least < -3 && most > 3);
}

/* ---- in the world */

typedef struct fixture {
    town_map *map;
    town_world *w;
    uint32_t near, far; /* cars, 40 m apart on a straight */
    base_pose near_pose;
} fixture;

typedef struct heard {
    uint32_t sensor; /* whose messages count */
    int events;
    uint64_t frame[200];
    wire_cam cam[200];
    wire_v2x_message text;
} heard;

static void hear(void *user, const town_measurement *m)
{
    heard *h = user;
    if (!m->v2x || m->sensor_id != h->sensor || h->events == 200)
        return;
    assert_int_equal(m->item_count, 1);
    h->frame[h->events] = m->frame;
    if (m->kind == TOWN_V2X)
        memcpy(&h->cam[h->events], m->v2x, sizeof(wire_cam));
    else
        memcpy(&h->text, m->v2x, sizeof h->text);
    h->events++;
}

static uint32_t spawn(town_world *w, const char *id, base_pose pose, uint32_t parent, const char *const *attributes)
{
    town_attribute list[8];
    char text[8][64];
    int count = 0;
    for (; attributes && attributes[count]; count++) {
        snprintf(text[count], sizeof text[count], "%s", attributes[count]);
        char *equals = strchr(text[count], '=');
        *equals = 0;
        list[count] = (town_attribute){ text[count], TOWN_STRING, equals + 1 };
    }
    base_error err = { 0 };
    town_description d = { 0, id, list, count };
    uint32_t actor = town_spawn(w, &d, pose, parent, TOWN_RIGID, &err);
    if (!actor)
        fail_msg("%s: %s", id, err.text);
    return actor;
}
#define HERE      ((base_pose){ { 0, 0, 0 }, { 0, 0, 0 } })
#define WITH(...) ((const char *const[]){ __VA_ARGS__, NULL })

static void ticks(town_world *w, int count, heard *h)
{
    base_error err = { 0 };
    for (int i = 0; i < count; i++)
        if (!town_tick(w, 0.05, (town_sink){ .measurement = hear, .user = h }, &err))
            fail_msg("%s", err.text);
}

static base_pose ahead_of(const fixture *f, double forward, double right)
{
    base_pose local = { { forward, right, 0 }, { 0, 0, 0 } };
    return base_pose_compose(&f->near_pose, &local);
}

static int load(void **state)
{
    static fixture f;
    base_error err = { 0 };
    f.map = town_map_load("configs/maps/highway_ring.xodr", &err);
    int count = 0;
    f.near_pose = f.map ? town_map_spawn_points(f.map, &count)[0] : (base_pose){ 0 };
    *state = &f;
    return f.map ? 0 : -1;
}

static int unload(void **state)
{
    fixture *f = *state;
    town_map_destroy(f->map);
    return 0;
}

static int begin(void **state)
{
    fixture *f = *state;
    base_error err = { 0 };
    town_options o = town_options_default();
    o.quality = 0;
    f->w = town_world_create(f->map, &o, &err);
    if (!f->w)
        fail_msg("%s", err.text);
    f->near = spawn(f->w, "vehicle.tesla.model3", f->near_pose, 0, NULL);
    f->far = spawn(f->w, "vehicle.ford.ambulance", ahead_of(f, 40, 0), 0, NULL);
    ticks(f->w, 20, &(heard){ .events = 0 });
    return 0;
}

static int end(void **state)
{
    fixture *f = *state;
    town_world_destroy(f->w);
    return 0;
}

static void check_frames(const heard *h, uint64_t first, const int *steps, int count)
{
    for (int i = 0; i < count; i++)
        if (i >= h->events || h->frame[i] != first + (uint64_t)steps[i])
            fail_msg("message %d of %d in frame %lld, expected %d", i, h->events,
                     i < h->events ? (long long)(h->frame[i] - first) : -1LL, steps[i]);
    assert_int_equal(h->events, count);
}

/* A car that stands sends every gen_cam_max; one that drives at 9 m/s every 0.45 s, the first step beyond 4 m. A change sets the interval
 * for the three messages after it. */
static void test_when_a_vehicle_sends(void **state)
{
    fixture *f = *state;
    heard h = { .sensor = spawn(f->w, "sensor.other.v2x", HERE, f->near, NULL) };
    spawn(f->w, "sensor.other.v2x", HERE, f->far, WITH("gen_cam_max=0.8"));
    uint64_t first = town_frame(f->w) + 1;
    ticks(f->w, 50, &h);
    check_frames(&h, first, (int[]){ 0, 16, 32, 48 }, 4);
    h.events = 0;
    town_constant_velocity_set(f->w, f->far, true, (base_vec3){ 9, 0, 0 });
    first = town_frame(f->w) + 1;
    ticks(f->w, 33, &h); /* at once for the speed, 0.1 s after the last; that thrice; then for the place */
    check_frames(&h, first, (int[]){ 0, 2, 4, 6, 15, 24 }, 6);
    /* Standing again: at once, three at the interval of that change, then at the longest one. */
    h.events = 0;
    town_constant_velocity_set(f->w, f->far, true, (base_vec3){ 0, 0, 0 });
    first = town_frame(f->w) + 1;
    ticks(f->w, 70, &h);
    check_frames(&h, first, (int[]){ 0, 9, 18, 27, 43, 59 }, 6);
}

static void test_fixed_rate(void **state)
{
    fixture *f = *state;
    heard h = { .sensor = spawn(f->w, "sensor.other.v2x", HERE, f->near, NULL) };
    spawn(f->w, "sensor.other.v2x", HERE, f->far, WITH("fixed_rate=true", "gen_cam_min=0.15"));
    uint64_t first = town_frame(f->w) + 1;
    ticks(f->w, 10, &h);
    check_frames(&h, first, (int[]){ 0, 3, 6, 9 }, 4);
}

/* A sign that carries the sensor is a road side unit: every 0.5 s, where it is, nothing of vehicles. */
static void test_road_side_unit(void **state)
{
    fixture *f = *state;
    uint32_t sign = 0;
    for (int i = 0; i < f->w->actor_count && !sign; i++)
        if (f->w->actors[i]->kind == TOWN_TRAFFIC_SIGN)
            sign = f->w->actors[i]->id;
    assert_true(sign);
    heard h = { .sensor =
                    spawn(f->w, "sensor.other.v2x", HERE, f->near, WITH("filter_distance=1e5", "receiver_sensitivity=-500")) };
    spawn(f->w, "sensor.other.v2x", HERE, sign, NULL);
    uint64_t first = town_frame(f->w) + 1;
    ticks(f->w, 25, &h);
    check_frames(&h, first, (int[]){ 0, 10, 20 }, 3);
    assert_int_equal(h.cam[1].station_type, 15);
    assert_int_equal(h.cam[1].header.station_id, sign);
    assert_int_equal(h.cam[1].high_frequency_present, 2);
    assert_int_equal(h.cam[1].low_frequency_present, 0);
}

static void test_what_it_says(void **state)
{
    fixture *f = *state;
    heard h = { .sensor = spawn(f->w, "sensor.other.v2x", HERE, f->near, WITH("use_etsi_fading=false")) };
    spawn(f->w, "sensor.other.v2x", HERE, f->far, WITH("noise_head_bias=10", "noise_lat_bias=0.5", "transmit_power=3"));
    town_vehicle_lights_set(f->w, f->far, 0x1 | 0x4 | 0x20 | 0x40);
    town_constant_velocity_set(f->w, f->far, true, (base_vec3){ -7, 0, 0 });
    ticks(f->w, 1, &h);
    assert_int_equal(h.events, 1);
    const wire_cam *m = &h.cam[0];
    town_actor_view v, me;
    town_actor_get(f->w, f->far, &v);
    town_actor_get(f->w, f->near, &me);
    base_vec3 geo = road_map_geolocation(f->map->road, 16, v.pose.location);
    assert_int_equal(m->header.protocol_version, 2);
    assert_int_equal(m->header.message_id, 2);
    assert_int_equal(m->header.station_id, f->far);
    assert_int_equal(m->station_type, 10); /* special: an ambulance */
    assert_true(llabs(m->latitude - llround((geo.x + 0.5) * 1e7)) <= 5);
    assert_true(llabs(m->longitude - llround(geo.y * 1e7)) <= 5);
    assert_int_equal(m->altitude.value, llround(geo.z * 100));
    assert_int_equal(m->high_frequency_present, 1);
    double heading = fmod(v.pose.rotation.yaw_deg + 90 + 10 + 720, 360);
    assert_true(llabs(m->heading.value - llround(10 * heading)) <= 1);
    assert_int_equal(m->speed.value, 0); /* forward only, and it goes backward */
    assert_int_equal(m->drive_direction, 1);
    assert_int_equal(m->vehicle_length.value, llround(20 * v.box.extent.x));
    assert_int_equal(m->vehicle_width, llround(20 * v.box.extent.y));
    assert_int_equal(m->low_frequency_present, 1);
    assert_int_equal(m->vehicle_role, 6);
    assert_int_equal(m->exterior_lights, 0x01 | 0x40 | 0x20 | 0x04); /* parking, high beam, left, reverse */
    double d = base_vec3_length(base_vec3_sub(v.pose.location, me.pose.location)),
           loss = 32.4 + 20 * log10(d) + 20 * log10(5.9);
    assert_true(fabs((double)m->power - (3 + 10 - loss)) < 0.1);
}

/* What stands between costs: a vehicle a knife edge, a thing that is no vehicle the whole sight; sensitivity and distance cut off. */
static void test_who_hears(void **state)
{
    fixture *f = *state;
    heard h = { .sensor = spawn(f->w, "sensor.other.v2x", HERE, f->near, WITH("use_etsi_fading=false")) };
    spawn(f->w, "sensor.other.v2x", HERE, f->far, WITH("fixed_rate=true"));
    ticks(f->w, 1, &h);
    double sight = (double)h.cam[0].power;
    uint32_t truck = spawn(f->w, "vehicle.carlamotors.firetruck", ahead_of(f, 20, 0), 0, NULL);
    h.events = 0;
    ticks(f->w, 4, &h);
    assert_true(h.events > 0);
    double past = (double)h.cam[0].power;
    assert_true(past < sight - 15 && past > sight - 40);
    town_destroy(f->w, truck);
    base_pose crate = ahead_of(f, 20, 0);
    crate.location.z += 1.2;
    uint32_t box = spawn(f->w, "static.prop.container", crate, 0, NULL);
    h.events = 0;
    ticks(f->w, 4, &h);
    assert_true(h.events > 0);
    town_actor_view a, b;
    town_actor_get(f->w, f->near, &a);
    town_actor_get(f->w, f->far, &b);
    double d = base_vec3_length(base_vec3_sub(a.pose.location, b.pose.location));
    assert_true(fabs((double)h.cam[0].power - (31.5 - 36.85 - 30 * log10(d) - 18.9 * log10(5.9))) < 0.1);
    town_destroy(f->w, box);
    static const char *const deaf[] = { "filter_distance=39", "receiver_sensitivity=-40", "combined_antenna_gain=-60" };
    for (size_t i = 0; i < sizeof deaf / sizeof *deaf; i++) {
        heard none = { .sensor = spawn(f->w, "sensor.other.v2x", HERE, f->near, WITH(deaf[i])) };
        ticks(f->w, 8, &none);
        if (none.events)
            fail_msg("%s: heard %d messages", deaf[i], none.events);
    }
}

/* The power spreads as custom_fading_stddev says, and two runs draw the same. */
static void test_fading(void **state)
{
    fixture *f = *state;
    heard h = { .sensor = spawn(f->w, "sensor.other.v2x", HERE, f->near,
                                WITH("use_etsi_fading=false", "custom_fading_stddev=3", "receiver_sensitivity=-300")) };
    spawn(f->w, "sensor.other.v2x", HERE, f->far, WITH("fixed_rate=true", "gen_cam_min=0"));
    ticks(f->w, 200, &h);
    assert_int_equal(h.events, 200);
    double sum = 0, square = 0;
    for (int i = 0; i < 200; i++) {
        sum += (double)h.cam[i].power;
        square += (double)h.cam[i].power * (double)h.cam[i].power;
    }
    double mean = sum / 200, deviation = sqrt(square / 200 - mean * mean), loss = 32.4 + 20 * log10(40) + 20 * log10(5.9);
    assert_true(fabs(mean - (31.5 - loss)) < 4 * 3 / sqrt(200) + 0.1);
    assert_true(fabs(deviation - 3) < 4 * 3 / sqrt(400));
}

static void test_texts(void **state)
{
    fixture *f = *state;
    base_error err = { 0 };
    heard h = { .sensor = spawn(f->w, "sensor.other.v2x_custom", HERE, f->near, NULL) };
    uint32_t voice = spawn(f->w, "sensor.other.v2x_custom", HERE, f->far, NULL);
    uint32_t alone = spawn(f->w, "sensor.other.v2x_custom", ahead_of(f, 10, 0), 0, NULL);
    uint32_t cam = spawn(f->w, "sensor.other.v2x", HERE, f->far, NULL);
    ticks(f->w, 2, &h);
    assert_int_equal(h.events, 0);
    assert_true(town_v2x_send(f->w, voice, "first", &err) && town_v2x_send(f->w, voice, "hello", &err));
    assert_true(town_v2x_send(f->w, alone, "nobody carries me", &err));
    ticks(f->w, 3, &h);
    assert_int_equal(h.events, 1);
    assert_string_equal(h.text.message, "hello");
    assert_int_equal(h.text.header.station_id, f->far);
    char longest[101];
    memset(longest, 'x', 100);
    longest[100] = 0;
    assert_false(town_v2x_send(f->w, voice, longest, &err));
    assert_non_null(strstr(err.text, "100 bytes, expected at most 99"));
    longest[99] = 0;
    assert_true(town_v2x_send(f->w, voice, longest, &err));
    assert_false(town_v2x_send(f->w, cam, "x", &err));
    assert_false(town_v2x_send(f->w, f->far, "x", &err));
    assert_false(town_v2x_send(f->w, 99999, "x", &err));
    town_destroy(f->w, f->far); /* the sensor stays, without a voice */
    h.events = 0;
    ticks(f->w, 2, &h);
    assert_int_equal(h.events, 0);
}

static void test_nonsense_is_refused(void **state)
{
    fixture *f = *state;
    static const char *const cases[] = { "frequency_ghz=0",        "d_ref=0",           "scenario=moon",
                                         "path_loss_model=none",   "gen_cam_min=x",     "transmit_power=nan",
                                         "noise_lat_stddev=1e400", "filter_distance=-1" };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[64];
        snprintf(text, sizeof text, "%s", cases[i]);
        *strchr(text, '=') = 0;
        town_attribute a = { text, TOWN_STRING, text + strlen(text) + 1 };
        town_description d = { 0, "sensor.other.v2x", &a, 1 };
        base_error err = { 0 };
        if (town_spawn(f->w, &d, HERE, f->near, TOWN_RIGID, &err))
            fail_msg("%s was accepted", cases[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_losses),
        cmocka_unit_test_setup_teardown(test_when_a_vehicle_sends, begin, end),
        cmocka_unit_test_setup_teardown(test_fixed_rate, begin, end),
        cmocka_unit_test_setup_teardown(test_road_side_unit, begin, end),
        cmocka_unit_test_setup_teardown(test_what_it_says, begin, end),
        cmocka_unit_test_setup_teardown(test_who_hears, begin, end),
        cmocka_unit_test_setup_teardown(test_fading, begin, end),
        cmocka_unit_test_setup_teardown(test_texts, begin, end),
        cmocka_unit_test_setup_teardown(test_nonsense_is_refused, begin, end),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
