/* Looking on: what the watch shows is what clients see, and nobody can tell that it is there. */
#include "tests/town/served.h"
#include "base/clock.h"
#include "sim/road/road.h"

enum { WIDTH = 96, HEIGHT = 64, PX = WIDTH * HEIGHT };

/* ---- somebody who looks on all the time, on a thread of its own ---- */

typedef struct looker {
    town_watch *watch;
    pthread_t thread;
    atomic_bool stop;
    atomic_int pictures, between_maps;
    bool ok;
    base_error err;
} looker;

static void count_roads(void *user, const struct road_map *roads) { *(int *)user = road_map_describe(roads).roads; }

static void *look(void *user)
{
    looker *l = user;
    static uint8_t bgra[PX * 4], tag[PX];
    while (l->ok && !atomic_load(&l->stop)) {
        const town_seen *seen;
        bool drawn = false;
        int roads = 0;
        l->ok = town_watch_next(l->watch, 0.2, &seen, &l->err);
        if (!l->ok || !seen)
            continue;
        town_watch_view view = { .pose = seen->spectator, .fov_deg = 90, .width_px = WIDTH, .height_px = HEIGHT };
        l->ok = town_watch_draw(l->watch, &view, bgra, tag, &drawn, &l->err);
        atomic_fetch_add(drawn ? &l->pictures : &l->between_maps, 1);
        if (town_watch_roads(l->watch, count_roads, &roads) && roads == 0)
            l->ok = base_fail(&l->err, BASE_FORMAT, "a map without roads");
    }
    return NULL;
}

static void look_start(looker *l, town_server *s)
{
    base_error err = { 0 };
    *l = (looker){ .ok = true };
    l->watch = town_server_watch(s, &err);
    if (!l->watch)
        fail_msg("%s", err.text);
    assert_ptr_equal(l->watch, town_server_watch(s, &err));
    assert_int_equal(pthread_create(&l->thread, NULL, look, l), 0);
}

static void look_stop(looker *l)
{
    atomic_store(&l->stop, true);
    pthread_join(l->thread, NULL);
    if (!l->ok)
        fail_msg("looking on: %s", l->err.text);
}

/* ---- tests ---- */

static wire_actor_id spawn(client *c, const char *blueprint, base_pose pose, wire_actor_id parent, const char *role)
{
    base_error err = { 0 };
    wire_actor_id id;
    client_attribute attributes[] = { { "role_name", role }, { "image_size_x", "96" }, { "image_size_y", "64" } };
    client_spawn_options o = {
        .blueprint = blueprint, .pose = pose, .parent = parent, .attributes = attributes, .attribute_count = parent ? 3 : 1
    };
    MUST(client_spawn(c, &o, &id, &err));
    return id;
}

/* The copy holds what was spawned, drawn and set; its pictures are byte for byte those that cameras of the same frame send. */
static void test_shows_what_clients_see(void **state)
{
    (void)state;
    served *s = served_open(town_server_options_default());
    base_error err = { 0 };
    town_watch *watch = town_server_watch(s->server, &err);
    assert_non_null(watch);
    served_go(s);
    client *c = s->client = served_join(s);
    size_t count;
    MUST(client_synchronous(c, 0.05, &err));
    base_pose at = client_spawn_points(c, &count, &err)[5];
    wire_actor_id car = spawn(c, "vehicle.tesla.model3", at, 0, "hero");
    base_pose mount = { { 1.5, 0, 1.8 }, { -8, 0, 0 } };
    wire_actor_id rgb = spawn(c, "sensor.camera.rgb", mount, car, "front");
    wire_actor_id tags = spawn(c, "sensor.camera.semantic_segmentation", mount, car, "front");
    MUST(client_listen(c, rgb, &err) && client_listen(c, tags, &err));
    MUST(client_draw_line(c, at.location, (base_vec3){ 1, 2, 3 }, 0.1, (wire_color){ 10, 20, 30 }, -1, &err));
    MUST(client_weather_preset(c, "HardRainSunset", &err));
    for (int i = 0; i < 20; i++) {
        MUST(client_control(c, car, (wire_vehicle_control){ .throttle = 0.8f }, &err));
        MUST(client_tick(c, &err));
    }
    client_image image, labels;
    client_state st;
    MUST(client_image_get(c, rgb, &image, &err) && client_image_get(c, tags, &labels, &err));
    assert_true(client_state_get(c, car, &st));

    const town_seen *seen;
    MUST(town_watch_next(watch, 10, &seen, &err));
    assert_non_null(seen);
    assert_int_equal(seen->frame, image.frame);
    assert_string_equal(seen->map, "training_loop");
    assert_true(seen->settings.synchronous_mode && seen->settings.fixed_delta_s == 0.05);
    assert_float_equal(seen->weather.precipitation, 100, 1e-6);
    assert_int_equal(seen->stats.rpc_connections, 1);
    assert_int_equal(seen->shape_count, 1);
    assert_int_equal(seen->shapes[0].color[1], 20);
    const town_seen_actor *hero = NULL, *camera = NULL;
    int lights = 0;
    for (int i = 0; i < seen->actor_count; i++) {
        const town_seen_actor *a = &seen->actors[i];
        hero = a->id == car ? a : hero;
        camera = a->id == rgb ? a : camera;
        lights += a->kind == TOWN_TRAFFIC_LIGHT;
        assert_int_not_equal(a->kind, TOWN_SPECTATOR);
    }
    assert_non_null(hero);
    assert_non_null(camera);
    assert_int_equal(hero->kind, TOWN_VEHICLE);
    assert_string_equal(hero->type_id, "vehicle.tesla.model3");
    assert_string_equal(hero->role, "hero");
    assert_float_equal(hero->pose.location.x, st.pose.location.x, 1e-3);
    assert_float_equal(hero->speed_mps, base_vec3_length(st.velocity_mps), 1e-3);
    assert_int_equal(camera->parent_id, car);
    assert_int_equal(camera->camera_w_px, WIDTH);
    assert_int_equal(camera->camera_h_px, HEIGHT);

    static uint8_t bgra[PX * 4], tag[PX];
    bool drawn;
    town_watch_view view = {
        .pose = camera->pose, .fov_deg = camera->fov_deg, .width_px = camera->camera_w_px, .height_px = camera->camera_h_px
    };
    MUST(town_watch_draw(watch, &view, bgra, tag, &drawn, &err));
    assert_true(drawn);
    assert_memory_equal(bgra, image.bgra, sizeof bgra);
    for (int i = 0; i < PX; i++)
        assert_int_equal(tag[i], labels.bgra[4 * i + 2]);

    /* The car that the camera is in can be left out: seen from inside its body the street comes back. */
    static uint8_t hidden[PX], inside[PX];
    view.pose = hero->pose;
    view.pose.location.z += 1;
    view.hidden_id = car;
    MUST(town_watch_draw(watch, &view, NULL, hidden, &drawn, &err));
    view.hidden_id = 0;
    MUST(town_watch_draw(watch, &view, NULL, inside, &drawn, &err));
    assert_null(memchr(hidden, WIRE_TAG_CAR, PX));
    assert_non_null(memchr(inside, WIRE_TAG_CAR, PX));
    served_stop(s);
}

/* Everything a client gets in a drive, as one number: pictures, flow, rays, poses, ids, the count of actors and of requests. */
static uint64_t drive_hash(bool watched, int *pictures)
{
    served *s = served_open(town_server_options_default());
    looker l;
    if (watched)
        look_start(&l, s->server);
    served_go(s);
    client *c = s->client = served_join(s);
    base_error err = { 0 };
    size_t count;
    uint64_t hash = 14695981039346656037u;
#define ADD(DATA, BYTES)                                                                                                       \
    for (size_t k_ = 0; k_ < (BYTES); k_++)                                                                                    \
        hash = (hash ^ ((const uint8_t *)(DATA))[k_]) * 1099511628211u;
    MUST(client_synchronous(c, 0.05, &err));
    const base_pose *points = client_spawn_points(c, &count, &err);
    wire_actor_id car = spawn(c, "vehicle.lincoln.mkz_2020", points[7], 0, "hero");
    base_pose mount = { { -6, 0, 3 }, { -15, 0, 0 } }; /* the car itself is in the picture */
    wire_actor_id rgb = spawn(c, "sensor.camera.rgb", mount, car, "front");
    wire_actor_id flow = spawn(c, "sensor.camera.optical_flow", mount, car, "front");
    wire_actor_id other = spawn(c, "vehicle.audi.tt", points[9], 0, "autopilot");
    for (int i = 0; i < 12; i++) {
        client_image image, motion;
        client_state st;
        if (watched) { /* somebody has looked between any two ticks */
            int had = atomic_load(&l.pictures);
            for (double until = base_clock_s() + 20; atomic_load(&l.pictures) == had && base_clock_s() < until;)
                base_sleep_s(0.001);
            assert_int_not_equal(atomic_load(&l.pictures), had);
        }
        if (i == 4) /* the first frame that a client looks at: motion against the one before, at which nobody has */
            MUST(client_listen(c, flow, &err));
        if (i == 5)
            MUST(client_listen(c, rgb, &err));
        MUST(client_control(c, car, (wire_vehicle_control){ .throttle = 0.9f, .steer = 0.1f }, &err));
        MUST(client_control(c, other, (wire_vehicle_control){ .throttle = 0.5f }, &err));
        MUST(client_tick(c, &err));
        client_snapshot shot = client_snapshot_get(c);
        if (i >= 5) {
            MUST(client_image_get(c, rgb, &image, &err));
            ADD(image.bgra, PX * 4);
        }
        if (i >= 4) {
            MUST(client_image_get(c, flow, &motion, &err));
            ADD(motion.bgra, PX * 8);
        }
        ADD(&shot.frame, sizeof shot.frame);
        ADD(&shot.actor_count, sizeof shot.actor_count);
        for (size_t k = 0; k < shot.actor_count; k++) {
            wire_actor_id id = client_snapshot_actor(c, k);
            assert_true(client_state_get(c, id, &st));
            ADD(&id, sizeof id);
            ADD(&st.pose, sizeof st.pose);
        }
    }
    const wire_actor *const *all = client_actors(c, &count, &err);
    assert_non_null(all);
    ADD(&count, sizeof count);
    if (watched) {
        look_stop(&l);
        *pictures = atomic_load(&l.pictures);
    }
    town_server_stats stats = served_stop(s);
    ADD(&stats.requests, sizeof stats.requests);
    ADD(&stats.ticks, sizeof stats.ticks);
    return hash;
}

static void test_nobody_can_tell(void **state)
{
    (void)state;
    int pictures = 0;
    uint64_t alone = drive_hash(false, NULL), watched = drive_hash(true, &pictures);
    print_message("# %d pictures drawn beside 12 ticks\n", pictures);
    assert_true(pictures >= 12);
    assert_int_equal(alone, watched);
}

/* Lamps, objects, paint and the map itself change while pictures are drawn (the thread sanitizer reads this test, too). */
static void test_the_scenery_changes_under_it(void **state)
{
    (void)state;
    served *s = served_open(town_server_options_default());
    looker l;
    look_start(&l, s->server);
    served_go(s);
    client *c = s->client = served_join(s);
    base_error err = { 0 };
    MUST(client_synchronous(c, 0.05, &err));
    wire_environment_object_list objects;
    for (int i = 0; i < 8; i++) {
        MUST(client_environment_objects(c, WIRE_TAG_BUILDING, &objects, &err));
        assert_true(objects.count > 0);
        MUST(client_environment_objects_enable(c, &objects.items[i % (int)objects.count].id, 1, i & 1, &err));
        MUST(client_weather_preset(c, i & 1 ? "ClearNight" : "ClearNoon", &err));
        MUST(client_tick(c, &err));
        if (i == 2)
            MUST(client_load_world(c, "driving_loop", true, &err));
        if (i == 5)
            MUST(client_load_world(c, "training_loop", true, &err));
        int had = atomic_load(&l.pictures); /* of this map */
        for (double until = base_clock_s() + 20; atomic_load(&l.pictures) < had + 2 && base_clock_s() < until;)
            base_sleep_s(0.001);
        assert_true(atomic_load(&l.pictures) >= had + 2);
    }
    look_stop(&l);
    served_stop(s);
}

/* A looker that has what it wanted, or comes when nobody serves, waits for no one and holds up no one. */
static void test_waits_for_nobody(void **state)
{
    (void)state;
    served *s = served_open(town_server_options_default());
    base_error err = { 0 };
    const town_seen *seen;
    town_watch *watch = town_server_watch(s->server, &err);
    double start_s = base_clock_s();
    MUST(town_watch_next(watch, 0.05, &seen, &err)); /* the server does not run yet */
    assert_null(seen);
    assert_true(base_clock_s() - start_s >= 0.05);
    served_go(s);
    client *c = s->client = served_join(s);
    MUST(client_synchronous(c, 0.05, &err));
    MUST(client_tick(c, &err));
    MUST(town_watch_next(watch, 10, &seen, &err));
    assert_non_null(seen);
    uint64_t frame = seen->frame;
    for (int i = 0; i < 50; i++)
        MUST(client_tick(c, &err));
    assert_int_equal(seen->frame, frame); /* a copy stays as it is until the next one is asked for */
    MUST(town_watch_next(watch, 10, &seen, &err));
    assert_int_equal(seen->frame, frame + 50);
    served_stop(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shows_what_clients_see),
        cmocka_unit_test(test_nobody_can_tell),
        cmocka_unit_test(test_the_scenery_changes_under_it),
        cmocka_unit_test(test_waits_for_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
