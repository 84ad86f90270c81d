/* Questions to the scene and changes of it, through the calls that clients make: things of the scenery, rays, layers. */
#include "tests/town/served.h"
#include "sim/scene/scene.h"
#include <math.h>

static const char *refused(served *s, wire_method_id method, const void *args, void *result)
{
    static base_error err;
    err.text[0] = 0;
    assert_false(client_call(s->client, method, args, result, NULL, &err));
    return err.text;
}

static wire_environment_object_list objects_of(served *s, uint8_t tag)
{
    wire_args_u8 a = { tag };
    wire_environment_object_list list;
    served_call(s, WIRE_METHOD_get_environment_objects, &a, &list);
    return list;
}

static void enable(served *s, uint64_t id, bool on)
{
    wire_args_objects_flag a = { { &id, 1 }, on };
    served_call(s, WIRE_METHOD_enable_environment_objects, &a, NULL);
}

static uint32_t uid_of(const char *id)
{
    uint32_t uid = 1;
    while (strcmp(town_blueprint_id(town_blueprint_at(uid)), id))
        uid++;
    return uid;
}

/* Labels along a segment. */
static wire_labelled_point_list cast(served *s, wire_vector3 from, wire_vector3 to)
{
    wire_args_segment a = { from, to };
    wire_labelled_point_list list;
    served_call(s, WIRE_METHOD_cast_ray, &a, &list);
    return list;
}

static bool meets(wire_labelled_point_list l, uint8_t label)
{
    for (size_t i = 0; i < l.count; i++)
        if (l.items[i].label == label)
            return true;
    return false;
}

/* ---- things of the scenery ---- */

static void things_have_names_boxes_and_lasting_ids(void **state)
{
    (void)state;
    served *s = served_with_client(16);
    wire_environment_object_list all = objects_of(s, 255);
    size_t count = all.count, of_tag[32] = { 0 };
    assert_true(count > 500);
    uint64_t *ids = calloc(count, sizeof *ids);
    for (size_t i = 0; i < count; i++) {
        const wire_environment_object *o = &all.items[i];
        assert_true(o->type < 32 && o->name[0]);
        of_tag[o->type]++;
        ids[i] = o->id;
        for (size_t k = 0; k < i; k++)
            if (ids[k] == o->id)
                fail_msg("%s has the id of an earlier object", o->name);
        if (!(o->bounding_box.extent.x >= 0) || !(o->bounding_box.extent.z >= 0) || !(o->bounding_box.extent.x < 3000))
            fail_msg("%s: extent %g %g %g", o->name, o->bounding_box.extent.x, o->bounding_box.extent.y,
                     o->bounding_box.extent.z);
    }
    static const uint8_t expected[] = { SCENE_TAG_ROADS,      SCENE_TAG_SIDEWALKS, SCENE_TAG_BUILDINGS,
                                        SCENE_TAG_FENCES,     SCENE_TAG_POLES,     SCENE_TAG_WALLS,
                                        SCENE_TAG_VEGETATION, SCENE_TAG_ROAD_LINE, SCENE_TAG_TERRAIN };
    for (size_t i = 0; i < sizeof expected; i++)
        if (of_tag[expected[i]] == 0)
            fail_msg("no object of tag %d", expected[i]);
    assert_int_equal(objects_of(s, SCENE_TAG_BUILDINGS).count, of_tag[SCENE_TAG_BUILDINGS]);
    assert_int_equal(objects_of(s, SCENE_TAG_TRAIN).count, 0);
    wire_text_list names;
    served_call(s, WIRE_METHOD_get_names_of_all_objects, NULL, &names);
    assert_int_equal(names.count, count);
    wire_args_load again = { "", true, 0xffff };
    served_call(s, WIRE_METHOD_load_new_episode, &again, NULL);
    all = objects_of(s, 255);
    assert_int_equal(all.count, count);
    for (size_t i = 0; i < count; i++)
        assert_true(all.items[i].id == ids[i]);
    free(ids);
    served_stop(s);
}

static void boxes_hold_what_rays_hit(void **state)
{
    (void)state;
    served *s = served_with_client(16);
    wire_environment_object_list houses = objects_of(s, SCENE_TAG_BUILDINGS);
    enum { MOST = 12 };
    wire_bounding_box boxes[MOST];
    size_t count = houses.count < MOST ? houses.count : MOST;
    for (size_t i = 0; i < count; i++)
        boxes[i] = houses.items[i].bounding_box;
    for (size_t i = 0; i < count; i++) {
        wire_vector3 c = boxes[i].location, up = { c.x, c.y, c.z + boxes[i].extent.z + 40 };
        wire_labelled_point_list hits = cast(s, up, c);
        bool inside = false;
        for (size_t k = 0; k < hits.count; k++)
            inside |= hits.items[k].label == SCENE_TAG_BUILDINGS && hits.items[k].location.z <= c.z + boxes[i].extent.z + 0.01f;
        if (!inside)
            fail_msg("nothing of building %zu lies below its box's top", i);
    }
    served_stop(s);
}

static void a_thing_taken_away_stops_nothing(void **state)
{
    (void)state;
    served *s = served_with_client(16);
    wire_environment_object house = objects_of(s, SCENE_TAG_BUILDINGS).items[0];
    wire_vector3 c = house.bounding_box.location, up = { c.x, c.y, c.z + 60 };
    assert_true(meets(cast(s, up, c), SCENE_TAG_BUILDINGS));
    wire_args_u8 buildings = { SCENE_TAG_BUILDINGS };
    wire_bounding_box_list level;
    served_call(s, WIRE_METHOD_get_all_level_BBs, &buildings, &level);
    size_t before = level.count;
    wire_args_spawn car = { { uid_of("vehicle.audi.tt"), "vehicle.audi.tt", { NULL, 0 } },
                            { { c.x, c.y, house.transform.location.z + 0.6f }, house.transform.rotation } };
    wire_actor actor;
    car.transform.location.x += house.bounding_box.extent.x * (float)cos(house.transform.rotation.yaw * 3.14159265 / 180);
    car.transform.location.y += house.bounding_box.extent.x * (float)sin(house.transform.rotation.yaw * 3.14159265 / 180);
    const char *why = refused(s, WIRE_METHOD_spawn_actor, &car, &actor);
    if (!strstr(why, "collision"))
        fail_msg("%s", why);
    enable(s, house.id, false);
    assert_false(meets(cast(s, up, c), SCENE_TAG_BUILDINGS));
    served_call(s, WIRE_METHOD_get_all_level_BBs, &buildings, &level);
    assert_int_equal(level.count, before - 1);
    assert_int_equal(objects_of(s, SCENE_TAG_BUILDINGS).count, before); /* it can still be found, to put it back */
    served_call(s, WIRE_METHOD_spawn_actor, &car, &actor);
    wire_args_actor gone = { actor.id };
    bool ok;
    served_call(s, WIRE_METHOD_destroy_actor, &gone, &ok);
    enable(s, house.id, true);
    assert_true(meets(cast(s, up, c), SCENE_TAG_BUILDINGS));
    /* a new episode brings everything back; unknown ids are passed over */
    enable(s, house.id, false);
    enable(s, 4711, false);
    wire_args_load again = { "", true, 0xffff };
    served_call(s, WIRE_METHOD_load_new_episode, &again, NULL);
    assert_true(meets(cast(s, up, c), SCENE_TAG_BUILDINGS));
    served_stop(s);
}

static size_t level_boxes(served *s, uint8_t tag)
{
    wire_args_u8 a = { tag };
    wire_bounding_box_list l;
    served_call(s, WIRE_METHOD_get_all_level_BBs, &a, &l);
    return l.count;
}

static void layers_come_and_go(void **state)
{
    (void)state;
    served *s = served_with_client(16);
    size_t houses = level_boxes(s, SCENE_TAG_BUILDINGS), trees = level_boxes(s, SCENE_TAG_VEGETATION);
    wire_environment_object house = objects_of(s, SCENE_TAG_BUILDINGS).items[0];
    wire_args_u16 buildings = { 1 }, foliage = { 4 };
    assert_true(houses > 0 && trees > 0);
    served_call(s, WIRE_METHOD_unload_map_layer, &buildings, NULL);
    assert_int_equal(level_boxes(s, SCENE_TAG_BUILDINGS), 0);
    assert_int_equal(level_boxes(s, SCENE_TAG_VEGETATION), trees);
    enable(s, house.id, false);
    served_call(s, WIRE_METHOD_load_map_layer, &buildings, NULL);
    assert_int_equal(level_boxes(s, SCENE_TAG_BUILDINGS), houses - 1); /* what was taken away stays away */
    served_call(s, WIRE_METHOD_unload_map_layer, &foliage, NULL);
    assert_int_equal(level_boxes(s, SCENE_TAG_VEGETATION), 0);
    wire_args_load bare = { "", true, 0 };
    served_call(s, WIRE_METHOD_load_new_episode, &bare, NULL);
    assert_int_equal(level_boxes(s, SCENE_TAG_BUILDINGS), 0);
    assert_true(level_boxes(s, SCENE_TAG_ROADS) > 0);
    served_stop(s);
}

static void older_clients_get_their_labels(void **state)
{
    (void)state;
    served *s = served_with_client(13);
    wire_environment_object_list houses = objects_of(s, 1); /* Buildings were 1 */
    assert_true(houses.count > 0);
    for (size_t i = 0; i < houses.count; i++)
        assert_true(houses.items[i].type == 1);
    wire_vector3 c = houses.items[0].bounding_box.location, up = { c.x, c.y, c.z + 60 };
    assert_true(meets(cast(s, up, c), 1));
    served_stop(s);
}

/* ---- a picture of it ---- */

typedef struct picture {
    uint8_t *tags;
    int pixels;
} picture;

static void keep(void *user, const town_measurement *m)
{
    picture *p = user;
    p->pixels = m->width_px * m->height_px;
    p->tags = realloc(p->tags, (size_t)p->pixels);
    for (int i = 0; i < p->pixels; i++)
        p->tags[i] = m->bgra[4 * i + 2];
}

static int seen(town_world *w, picture *p, uint8_t tag)
{
    base_error err = { 0 };
    if (!town_tick(w, 0.05, (town_sink){ NULL, NULL, keep, p }, &err))
        fail_msg("%s", err.text);
    int count = 0;
    for (int i = 0; i < p->pixels; i++)
        count += p->tags[i] == tag;
    return count;
}

static void pictures_lose_what_was_taken_away(void **state)
{
    (void)state;
    base_error err = { 0 };
    town_map *map = town_map_load("configs/maps/training_loop.xodr", &err);
    town_options o = town_options_default();
    town_world *w = map ? town_world_create(map, &o, &err) : NULL;
    if (!w)
        fail_msg("%s", err.text);
    town_object house = { 0 };
    for (int i = 0; i < town_object_count(w) && house.tag != SCENE_TAG_BUILDINGS; i++)
        town_object_get(w, i, &house);
    base_pose above = { { house.center.x, house.center.y, house.center.z + 60 }, { -90, 0, 0 } };
    town_attribute size[] = { { "image_size_x", TOWN_INT, "64" }, { "image_size_y", TOWN_INT, "64" } };
    town_description d = { 0, "sensor.camera.semantic_segmentation", size, 2 };
    assert_true(town_spawn(w, &d, above, 0, TOWN_RIGID, &err));
    picture p = { 0 };
    int before = seen(w, &p, SCENE_TAG_BUILDINGS);
    assert_true(before > 20);
    assert_true(town_object_enable(w, house.id, false));
    assert_true(seen(w, &p, SCENE_TAG_BUILDINGS) < before - 20);
    assert_true(town_object_enable(w, house.id, true));
    assert_int_equal(seen(w, &p, SCENE_TAG_BUILDINGS), before);
    assert_false(town_object_enable(w, 4711, true));
    free(p.tags);
    town_world_destroy(w);
    town_map_destroy(map);
}

/* ---- rays ---- */

static void rays_meet_actors_in_order_and_each_thing_once(void **state)
{
    (void)state;
    base_error err = { 0 };
    town_map *map = town_map_load("configs/maps/training_loop.xodr", &err);
    town_options o = town_options_default();
    town_world *w = map ? town_world_create(map, &o, &err) : NULL;
    if (!w)
        fail_msg("%s", err.text);
    int spawns;
    base_pose place = town_map_spawn_points(map, &spawns)[0];
    town_description d = { 0, "vehicle.tesla.model3", NULL, 0 };
    uint32_t car = town_spawn(w, &d, place, 0, TOWN_RIGID, &err);
    for (int i = 0; i < 20; i++)
        assert_true(town_tick(w, 0.05, (town_sink){ NULL, NULL, NULL, NULL }, &err));
    town_actor_view v;
    assert_true(town_actor_get(w, car, &v));
    base_vec3 up = v.pose.location, down = up;
    up.z += 8;
    down.z -= 8;
    town_hit hits[32];
    int count = town_cast_ray(w, up, down, hits, 32);
    assert_true(count >= 2);
    assert_true(hits[0].is_actor && hits[0].body == car && hits[0].tag == SCENE_TAG_CAR);
    bool road = false;
    for (int i = 1; i < count; i++) {
        assert_false(hits[i].is_actor);
        assert_true(hits[i].point.z <= hits[i - 1].point.z);
        road |= hits[i].tag == SCENE_TAG_ROADS || hits[i].tag == SCENE_TAG_ROAD_LINE;
        for (int k = 0; k < i; k++)
            assert_true(hits[i].body != hits[k].body);
    }
    assert_true(road);
    assert_int_equal(town_cast_ray(w, up, down, hits, 1), 1);
    /* segments that are none */
    assert_int_equal(town_cast_ray(w, up, up, hits, 32), 0);
    assert_int_equal(town_cast_ray(w, up, (base_vec3){ NAN, 0, 0 }, hits, 32), 0);
    assert_int_equal(town_cast_ray(w, (base_vec3){ 0, 0, INFINITY }, down, hits, 32), 0);
    assert_true(town_cast_ray(w, (base_vec3){ 1e30, 1e30, 1e30 }, down, hits, 32) >= 0);
    assert_int_equal(town_cast_ray(w, up, down, hits, 0), 0);
    town_world_destroy(w);
    town_map_destroy(map);
}

static void keep_force(void *user, const town_measurement *m)
{
    if (m->kind == TOWN_IMU)
        *(base_vec3 *)user = m->accelerometer;
}

static void the_imu_feels_the_gravity_it_is_told(void **state)
{
    (void)state;
    base_error err = { 0 };
    town_options o = town_options_default();
    town_world *w = town_world_create(NULL, &o, &err);
    town_description d = { 0, "sensor.other.imu", NULL, 0 };
    assert_true(town_spawn(w, &d, (base_pose){ { 0, 0, 5 }, { 0, 0, 0 } }, 0, TOWN_RIGID, &err));
    base_vec3 force = { 0, 0, 0 };
    const town_sink sink = { NULL, NULL, keep_force, &force };
    assert_true(town_tick(w, 0.05, sink, &err));
    assert_true(fabs(force.z - 9.81) < 1e-5);
    assert_true(town_imu_gravity_set(w, 1.62f, &err));
    assert_true(town_tick(w, 0.05, sink, &err));
    assert_true(fabs(force.z - 1.62) < 1e-5);
    assert_false(town_imu_gravity_set(w, NAN, &err));
    town_world_destroy(w);
}

/* ---- street lights ---- */

static wire_street_light_list lights_for(served *s, const char *name)
{
    wire_args_text a = { name };
    wire_street_light_list l;
    served_call(s, WIRE_METHOD_query_lights_state, &a, &l);
    return l;
}

static void street_lights_are_switched(void **state)
{
    (void)state;
    served *s = served_with_client(16);
    wire_street_light_list l = lights_for(s, "one:1");
    size_t count = l.count;
    assert_true(count > 10);
    wire_street_light lamp = l.items[3];
    assert_false(lamp.active);
    assert_int_equal(lamp.group, 2);
    lights_for(s, "two:2");
    wire_street_light change = { lamp.id, { 1, 2, 3 }, 250, 4, { 10, 20, 30 }, true };
    wire_args_update_lights u = { "one:1", { &change, 1 }, false };
    served_call(s, WIRE_METHOD_update_lights_state, &u, NULL);
    wire_street_light got = lights_for(s, "one:1").items[3];
    assert_true(got.active && got.group == 4 && got.color.r == 10 && got.color.g == 20 && got.color.b == 30);
    assert_true(fabsf(got.intensity - 250) < 1e-6f);
    assert_true(!memcmp(&got.location, &lamp.location, sizeof got.location)); /* lamps do not walk */
    change.id = (uint32_t)count + 1;
    refused(s, WIRE_METHOD_update_lights_state, &u, NULL);
    change = (wire_street_light){ 1, { 0, 0, 0 }, NAN, 0, { 0, 0, 0 }, true };
    refused(s, WIRE_METHOD_update_lights_state, &u, NULL);
    served_stop(s);
}

static void who_asked_for_the_lights_hears_of_changes(void **state)
{
    (void)state;
    base_error err = { 0 };
    town_options o = town_options_default();
    town_world *w = town_world_create(NULL, &o, &err);
    const town_sink deaf = { NULL, NULL, NULL, NULL };
    town_street_lights_heard(w, "a");
    town_street_lights_changed(w, "a");
    assert_false(town_street_lights_pending(w)); /* it knows what it did itself */
    town_street_lights_heard(w, "b");
    town_street_lights_changed(w, "a");
    assert_true(town_street_lights_pending(w));
    town_street_lights_heard(w, "b");
    assert_false(town_street_lights_pending(w));
    town_street_lights_changed(w, "b");
    assert_true(town_street_lights_pending(w));
    town_street_lights_leave(w, "a");
    assert_false(town_street_lights_pending(w));
    town_street_lights_changed(w, NULL); /* b never asks again */
    for (int i = 0; i < 500; i++)
        assert_true(town_tick(w, 0.05, deaf, &err));
    assert_false(town_street_lights_pending(w));
    char name[16];
    for (int i = 0; i < 1000; i++) {
        snprintf(name, sizeof name, "client %d", i);
        town_street_lights_heard(w, name);
    }
    town_street_lights_changed(w, "client 999");
    assert_true(town_street_lights_pending(w));
    town_world_destroy(w);
}

static void lamps_follow_the_sun(void **state)
{
    (void)state;
    served *s = served_with_client(16);
    wire_args_weather a;
    served_call(s, WIRE_METHOD_get_weather_parameters, NULL, &a.weather);
    a.weather.sun_altitude_angle = -20;
    served_call(s, WIRE_METHOD_set_weather_parameters, &a, NULL);
    assert_true(lights_for(s, "x:1").items[0].active);
    wire_args_text_flag cycle = { "x:1", false };
    served_call(s, WIRE_METHOD_update_day_night_cycle, &cycle, NULL);
    a.weather.sun_altitude_angle = 40;
    served_call(s, WIRE_METHOD_set_weather_parameters, &a, NULL);
    assert_true(lights_for(s, "x:1").items[0].active); /* nobody switches them off now */
    cycle.flag = true;
    served_call(s, WIRE_METHOD_update_day_night_cycle, &cycle, NULL);
    assert_false(lights_for(s, "x:1").items[0].active);
    served_stop(s);
}

static void weather_comes_back_as_it_was_set(void **state)
{
    (void)state;
    served *s = served_with_client(16);
    wire_args_weather a = { { 11.5f, 22.25f, 33.125f, 44, 210.75f, -12.5f, 17, 3.5f, 0.7f, 61, 0.9f, 0.07f, 0.0441f, 13 } };
    wire_weather got;
    served_call(s, WIRE_METHOD_set_weather_parameters, &a, NULL);
    served_call(s, WIRE_METHOD_get_weather_parameters, NULL, &got);
    assert_memory_equal(&got, &a.weather, sizeof got);
    a.weather.cloudiness = a.weather.sun_azimuth_angle = -1; /* as CARLA's "Default" has it */
    served_call(s, WIRE_METHOD_set_weather_parameters, &a, NULL);
    served_call(s, WIRE_METHOD_get_weather_parameters, NULL, &got);
    assert_memory_equal(&got, &a.weather, sizeof got);
    served_stop(s);
}

/* ---- drawings ---- */

static void draw(served *s, float life, int kind)
{
    wire_args_debug_shape a = { { { .kind = kind }, { 255, 0, 0 }, life, false } };
    if (kind == WIRE_DEBUG_TEXT)
        a.shape.primitive.as.text.text = "here";
    served_call(s, WIRE_METHOD_draw_debug_shape, &a, NULL);
}

static void drawings_are_taken_and_cleared(void **state)
{
    (void)state;
    served *s = served_with_client(16);
    for (int kind = WIRE_DEBUG_POINT; kind <= WIRE_DEBUG_HUD_BOX; kind++)
        draw(s, -1, kind);
    wire_args_debug_shape bad = { { { .kind = WIRE_DEBUG_POINT }, { 0, 0, 0 }, NAN, false } };
    const char *why = refused(s, WIRE_METHOD_draw_debug_shape, &bad, NULL);
    if (!strstr(why, "life_time: expected a finite number"))
        fail_msg("%s", why);
    served_call(s, WIRE_METHOD_clear_debug_shape, NULL, NULL);
    served_call(s, WIRE_METHOD_clear_debug_string, NULL, NULL);
    served_stop(s);
}

static void drawings_live_as_long_as_they_are_told(void **state)
{
    (void)state;
    base_error err = { 0 };
    town_options o = town_options_default();
    town_world *w = town_world_create(NULL, &o, &err);
    town_debug_shape line = { .kind = TOWN_SHAPE_LINE, .to = { 1, 0, 0 } }, text = { .kind = TOWN_SHAPE_TEXT, .text = "a" };
    const town_sink deaf = { NULL, NULL, NULL, NULL };
    assert_true(town_debug_draw(w, &line, 0, &err));
    assert_true(town_debug_draw(w, &line, 0.12, &err));
    assert_true(town_debug_draw(w, &text, -1, &err));
    assert_int_equal(town_debug_count(w), 3);
    assert_true(town_tick(w, 0.05, deaf, &err));
    assert_int_equal(town_debug_count(w), 2);
    assert_true(town_tick(w, 0.05, deaf, &err));
    assert_int_equal(town_debug_count(w), 2);
    assert_true(town_tick(w, 0.05, deaf, &err));
    assert_int_equal(town_debug_count(w), 1);
    assert_true(isinf(town_debug_at(w, 0)->until_s));
    for (int i = 0; i < TOWN_SHAPES_MAX + 10; i++) {
        line.from.x = i;
        assert_true(town_debug_draw(w, &line, -1, &err));
    }
    assert_int_equal(town_debug_count(w), TOWN_SHAPES_MAX);
    assert_true(fabs(town_debug_at(w, 0)->from.x - 10) < 1e-9); /* the oldest ten lines and the text went */
    assert_true(town_debug_draw(w, &text, -1, &err));
    town_debug_clear_shapes(w);
    assert_int_equal(town_debug_count(w), 1);
    town_debug_clear_texts(w);
    assert_int_equal(town_debug_count(w), 0);
    town_world_destroy(w);
}

/* ---- files, generated worlds, textures ---- */

static void files_are_the_maps_own_and_nothing_else(void **state)
{
    (void)state;
    served *s = served_with_client(16);
    wire_text_list list;
    wire_args_text all = { "" }, maps = { "Carla/Maps/" }, folder = { "OpenDrive" }, none = { "Secret" };
    served_call(s, WIRE_METHOD_get_required_files, &all, &list);
    assert_true(list.count >= 1);
    assert_string_equal(list.items[0], "Carla/Maps/OpenDrive/training_loop.xodr");
    served_call(s, WIRE_METHOD_get_required_files, &maps, &list);
    assert_true(list.count >= 1);
    served_call(s, WIRE_METHOD_get_required_files, &folder, &list);
    assert_int_equal(list.count, 1);
    served_call(s, WIRE_METHOD_get_required_files, &none, &list);
    assert_int_equal(list.count, 0);
    wire_args_text file = { "Carla/Maps/OpenDrive/training_loop.xodr" };
    wire_bytes bytes;
    served_call(s, WIRE_METHOD_request_file, &file, &bytes);
    assert_true(bytes.bytes > 1000 && !memcmp(bytes.data, "<?xml", 5));
    static const char *const others[] = { "/etc/passwd", "../../etc/passwd", "configs/maps/training_loop.xodr", "",
                                          "Carla/Maps/OpenDrive/../OpenDrive/training_loop.xodr" };
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        wire_args_text other = { others[i] };
        assert_non_null(strstr(refused(s, WIRE_METHOD_request_file, &other, &bytes), "none of the map's files"));
    }
    served_stop(s);
}

static size_t edge_walls(served *s)
{
    wire_environment_object_list walls = objects_of(s, SCENE_TAG_WALLS);
    size_t count = 0;
    for (size_t i = 0; i < walls.count; i++)
        count += !strncmp(walls.items[i].name, "EdgeWall_", 9);
    return count;
}

static void generated_worlds_have_the_walls_they_ask_for(void **state)
{
    (void)state;
    served *s = served_with_client(16);
    assert_int_equal(edge_walls(s), 0);
    const char *text;
    served_call(s, WIRE_METHOD_get_map_data, NULL, &text);
    char *xodr = strdup(text);
    wire_args_opendrive a = { xodr, { 2, 50, 1.5, 0.6, true, true, true } };
    wire_args_load load = { "OpenDriveMap", true, 0xffff };
    served_call(s, WIRE_METHOD_copy_opendrive_to_file, &a, NULL);
    served_call(s, WIRE_METHOD_load_new_episode, &load, NULL);
    assert_true(edge_walls(s) > 0);
    a.parameters.wall_height = 0;
    served_call(s, WIRE_METHOD_copy_opendrive_to_file, &a, NULL);
    served_call(s, WIRE_METHOD_load_new_episode, &load, NULL);
    assert_int_equal(edge_walls(s), 0);
    a.parameters.wall_height = 1e9;
    assert_non_null(strstr(refused(s, WIRE_METHOD_copy_opendrive_to_file, &a, NULL), "wall_height"));
    free(xodr);
    served_stop(s);
}

static void textures_go_to_objects_that_exist(void **state)
{
    (void)state;
    served *s = served_with_client(16);
    const char *name = strdup(objects_of(s, SCENE_TAG_BUILDINGS).items[0].name), *nobody = "Nobody_1";
    wire_pixel pixels[4] = { { 255, 0, 0, 255 }, { 255, 0, 0, 255 }, { 255, 0, 0, 255 }, { 255, 0, 0, 255 } };
    wire_args_texture a = { { &name, 1 }, WIRE_MATERIAL_DIFFUSE, { 2, 2, { pixels, 4 } } };
    served_call(s, WIRE_METHOD_apply_color_texture_to_objects, &a, NULL);
    a.objects.items = &nobody;
    assert_non_null(strstr(refused(s, WIRE_METHOD_apply_color_texture_to_objects, &a, NULL), "Nobody_1"));
    a.objects.items = &name;
    a.texture.width = 3;
    assert_non_null(strstr(refused(s, WIRE_METHOD_apply_color_texture_to_objects, &a, NULL), "3 x 2 with 4 pixels"));
    a.texture.width = 2;
    a.material = WIRE_MATERIAL_NORMAL;
    assert_non_null(strstr(refused(s, WIRE_METHOD_apply_color_texture_to_objects, &a, NULL), "diffuse"));
    wire_float_color red[1] = { { 1, 0, 0, 1 } };
    wire_args_float_texture f = { { &name, 1 }, WIRE_MATERIAL_DIFFUSE, { 1, 1, { red, 1 } } };
    served_call(s, WIRE_METHOD_apply_float_color_texture_to_objects, &f, NULL);
    free((char *)name);
    served_stop(s);
}

static void count_red(void *user, const town_measurement *m)
{
    int *red = user;
    *red = 0;
    for (int i = 0; i < m->width_px * m->height_px; i++)
        *red += m->bgra[4 * i + 2] > m->bgra[4 * i] + 60 && m->bgra[4 * i + 2] > m->bgra[4 * i + 1] + 60;
}

static void painted_objects_are_seen_in_their_colour(void **state)
{
    (void)state;
    base_error err = { 0 };
    town_map *map = town_map_load("configs/maps/training_loop.xodr", &err);
    town_options o = town_options_default();
    town_world *w = map ? town_world_create(map, &o, &err) : NULL;
    if (!w)
        fail_msg("%s", err.text);
    town_object house = { 0 };
    for (int i = 0; i < town_object_count(w) && house.tag != SCENE_TAG_BUILDINGS; i++)
        town_object_get(w, i, &house);
    base_pose above = { { house.center.x, house.center.y, house.center.z + 60 }, { -90, 0, 0 } };
    town_attribute size[] = { { "image_size_x", TOWN_INT, "64" }, { "image_size_y", TOWN_INT, "64" } };
    town_description d = { 0, "sensor.camera.rgb", size, 2 };
    assert_true(town_spawn(w, &d, above, 0, TOWN_RIGID, &err));
    int before = 0, after = 0;
    assert_true(town_tick(w, 0.05, (town_sink){ NULL, NULL, count_red, &before }, &err));
    assert_true(town_object_paint(w, house.name, (float[3]){ 0.9f, 0, 0 }));
    assert_true(town_tick(w, 0.05, (town_sink){ NULL, NULL, count_red, &after }, &err));
    assert_true(after > before + 20);
    town_world_destroy(w);
    town_map_destroy(map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(things_have_names_boxes_and_lasting_ids),
        cmocka_unit_test(boxes_hold_what_rays_hit),
        cmocka_unit_test(a_thing_taken_away_stops_nothing),
        cmocka_unit_test(layers_come_and_go),
        cmocka_unit_test(older_clients_get_their_labels),
        cmocka_unit_test(pictures_lose_what_was_taken_away),
        cmocka_unit_test(rays_meet_actors_in_order_and_each_thing_once),
        cmocka_unit_test(the_imu_feels_the_gravity_it_is_told),
        cmocka_unit_test(street_lights_are_switched),
        cmocka_unit_test(who_asked_for_the_lights_hears_of_changes),
        cmocka_unit_test(lamps_follow_the_sun),
        cmocka_unit_test(weather_comes_back_as_it_was_set),
        cmocka_unit_test(drawings_are_taken_and_cleared),
        cmocka_unit_test(drawings_live_as_long_as_they_are_told),
        cmocka_unit_test(files_are_the_maps_own_and_nothing_else),
        cmocka_unit_test(generated_worlds_have_the_walls_they_ask_for),
        cmocka_unit_test(textures_go_to_objects_that_exist),
        cmocka_unit_test(painted_objects_are_seen_in_their_colour),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
