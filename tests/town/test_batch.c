/* apply_batch over the socket: each of the 22 commands with do_tick, judged by what the next world snapshot, or a question, shows. */
#include "tests/town/served.h"
#include "base/file.h"
#include "sim/wire/wire.h"
#include <math.h>
#include <sys/time.h>

#define DT 0.05

typedef struct bench {
    served *served;
    int rpc, stream;
    uint32_t last_id;
    wire_memory *memory; /* of all answers of a test */
    base_buffer out, in, snapshot;
    uint64_t frame;
    bool tried[WIRE_COMMAND_COUNT];
    wire_actor_definition_list definitions;
    wire_transform *points;
    size_t point_count;
    wire_actor_id car, other, walker, light, sensor;
} bench;

/* ---- the wire ---- */

static int dial_patiently(int port)
{
    struct timeval patience = { 20, 0 };
    int fd = dial(port);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    return fd;
}

static void receive(int fd, void *data, size_t bytes)
{
    for (size_t done = 0; done < bytes;) {
        ssize_t got = recv(fd, (char *)data + done, bytes - done, 0);
        assert_true(got > 0);
        done += (size_t)got;
    }
}

/* The function's result, or NULL and the refusal in err. */
static void *ask(bench *b, wire_method_id id, const void *args, base_error *err)
{
    const wire_method *m = wire_method_get(id);
    wire_response r;
    wire_scan scan;
    void *result = wire_memory_take(b->memory, 1, m->result->bytes + 1, err);
    char bytes[4096];
    base_buffer_clear(&b->out);
    base_buffer_clear(&b->in);
    assert_true(wire_request_encode(&b->out, ++b->last_id, m, false, args, WIRE_0_9_16, err));
    assert_int_equal(send(b->rpc, b->out.data, b->out.bytes, MSG_NOSIGNAL), b->out.bytes);
    wire_scan_start(&scan, NULL);
    do {
        ssize_t got = recv(b->rpc, bytes, sizeof bytes, 0);
        assert_true(got > 0);
        base_buffer_append(&b->in, bytes, (size_t)got);
    } while (wire_scan_feed(&scan, b->in.data, b->in.bytes, NULL) == WIRE_SCAN_MORE);
    assert_true(wire_response_decode(&r, b->in.data, b->in.bytes, b->memory, err));
    return wire_result_decode(result, &r, m, WIRE_0_9_16, b->memory, err) ? result : NULL;
}

static void *must_ask(bench *b, wire_method_id id, const void *args)
{
    base_error err = { 0 };
    void *result = ask(b, id, args, &err);
    if (!result)
        fail_msg("%s", err.text);
    return result;
}

/* The next world snapshot, which must be of the next frame: a batch with do_tick ticks once. */
static void next_snapshot(bench *b)
{
    uint8_t prefix[WIRE_FRAME_PREFIX_BYTES];
    size_t bytes = 0, count;
    wire_header h;
    wire_snapshot s;
    base_error err;
    receive(b->stream, prefix, sizeof prefix);
    assert_true(wire_frame_look(prefix, sizeof prefix, WIRE_FRAME_MAX_BYTES, &bytes, NULL));
    base_buffer_clear(&b->snapshot);
    receive(b->stream, base_buffer_reserve(&b->snapshot, bytes), bytes);
    b->snapshot.bytes = bytes;
    if (!wire_snapshot_read(&h, &s, &count, b->snapshot.data, bytes, WIRE_0_9_16, &err))
        fail_msg("%s", err.text);
    if (b->frame)
        assert_int_equal(h.frame, b->frame + 1);
    b->frame = h.frame;
}

static bool find(bench *b, wire_actor_id id, wire_actor_state *a)
{
    wire_header h;
    wire_snapshot s;
    size_t count;
    assert_true(wire_snapshot_read(&h, &s, &count, b->snapshot.data, b->snapshot.bytes, WIRE_0_9_16, NULL));
    for (size_t i = 0; i < count; i++)
        if (wire_snapshot_actor_id(b->snapshot.data, i) == id) {
            wire_snapshot_actor(a, b->snapshot.data, i);
            return true;
        }
    return false;
}

static wire_actor_state look(bench *b, wire_actor_id id)
{
    wire_actor_state a;
    if (!find(b, id, &a))
        fail_msg("actor %u is not in the snapshot", id);
    return a;
}

static wire_outcome_list batch(bench *b, wire_command *commands, size_t count)
{
    for (size_t i = 0; i < count; i++)
        b->tried[commands[i].kind] = true;
    wire_outcome_list *got = must_ask(b, WIRE_METHOD_apply_batch, &(wire_args_batch){ { commands, count }, true });
    assert_int_equal(got->count, count);
    next_snapshot(b);
    return *got;
}

/* One command, which must succeed and answer with its actor. */
static wire_actor_id run(bench *b, wire_command c)
{
    const wire_actor_id *actor = wire_command_actor(&c);
    wire_outcome o = batch(b, &c, 1).items[0];
    if (o.kind != WIRE_OUTCOME_ACTOR)
        fail_msg("command %d: %s", c.kind, o.as.error.message);
    if (actor)
        assert_int_equal(o.as.actor, *actor);
    return o.as.actor;
}

static const char *refuse(bench *b, wire_command c)
{
    wire_outcome o = batch(b, &c, 1).items[0];
    if (o.kind != WIRE_OUTCOME_ERROR)
        fail_msg("command %d succeeded", c.kind);
    return o.as.error.message;
}

static void ticks(bench *b, int count)
{
    while (count-- > 0)
        batch(b, NULL, 0);
}

/* ---- the world ---- */

static double length(wire_vector3 v) { return sqrt((double)v.x * v.x + (double)v.y * v.y + (double)v.z * v.z); }
static double apart(wire_vector3 a, wire_vector3 b) { return length((wire_vector3){ a.x - b.x, a.y - b.y, a.z - b.z }); }

static void assert_above(const char *what, double x, double least)
{
    if (!(x > least))
        fail_msg("%s: %g, expected more than %g", what, x, least);
}

static void assert_near(const char *what, double x, double want, double tolerance)
{
    if (!(fabs(x - want) <= tolerance))
        fail_msg("%s: %g, expected %g +- %g", what, x, want, tolerance);
}

static wire_vector3 along(wire_transform t, float by)
{
    float yaw = t.rotation.yaw * (float)M_PI / 180;
    return (wire_vector3){ by * cosf(yaw), by * sinf(yaw), 0 };
}

static wire_actor_description description(bench *b, const char *id)
{
    for (size_t i = 0; i < b->definitions.count; i++)
        if (strcmp(b->definitions.items[i].id, id) == 0)
            return (wire_actor_description){ b->definitions.items[i].uid, id, { NULL, 0 } };
    fail_msg("no blueprint %s", id);
    return (wire_actor_description){ 0 };
}

static wire_command spawn(bench *b, const char *id, wire_transform t)
{
    wire_command c = { .kind = WIRE_COMMAND_SPAWN_ACTOR };
    c.as.spawn = (wire_args_spawn_command){ .description = description(b, id), .transform = t, .socket_name = "" };
    return c;
}

static wire_command vector(int kind, wire_actor_id id, wire_vector3 v)
{
    return (wire_command){ .kind = kind, .as.vector = { id, v } };
}
static wire_command flag(int kind, wire_actor_id id, bool on) { return (wire_command){ .kind = kind, .as.flag = { id, on } }; }
static wire_command drive(wire_actor_id id, float throttle, float brake)
{
    return (wire_command){ .kind = WIRE_COMMAND_VEHICLE_CONTROL,
                           .as.vehicle_control = { id, { .throttle = throttle, .brake = brake } } };
}
static wire_command move_to(wire_actor_id id, wire_transform t)
{
    return (wire_command){ .kind = WIRE_COMMAND_TRANSFORM, .as.transform = { id, t } };
}

/* The car at a place of its own, at rest, in neutral. */
static wire_transform rest(bench *b, wire_actor_id id, size_t point)
{
    wire_command c[] = { move_to(id, b->points[point]), drive(id, 0, 0),
                         vector(WIRE_COMMAND_TARGET_VELOCITY, id, (wire_vector3){ 0 }),
                         vector(WIRE_COMMAND_TARGET_ANGULAR_VELOCITY, id, (wire_vector3){ 0 }) };
    batch(b, c, 4);
    ticks(b, 20);
    return look(b, id).transform;
}

#define SIGNAL                                                                                                                 \
    "<signals><signal s=\"60\" t=\"-4\" id=\"900\" name=\"900\" dynamic=\"yes\" orientation=\"-\" zOffset=\"0\" "              \
    "country=\"OpenDRIVE\" type=\"1000001\" subtype=\"-1\" value=\"-1\"><validity fromLane=\"-1\" toLane=\"-1\"/></signal>"    \
    "</signals>"

static void load_town_with_a_light(bench *b)
{
    unsigned char *bytes;
    size_t count;
    assert_true(base_file_read("configs/maps/training_loop.xodr", (size_t)8 << 20, &bytes, &count, NULL));
    char *text = wire_memory_take(b->memory, count + 1, 1, NULL),
         *xodr = wire_memory_take(b->memory, count + sizeof SIGNAL, 1, NULL);
    memcpy(text, bytes, count);
    free(bytes);
    char *at = strstr(text, "<signals/>");
    assert_non_null(at);
    sprintf(xodr, "%.*s%s%s", (int)(at - text), text, SIGNAL, at + strlen("<signals/>"));
    must_ask(b, WIRE_METHOD_copy_opendrive_to_file, &(wire_args_opendrive){ xodr, { 2, 50, 1, 0.6, true, true, true } });
    must_ask(b, WIRE_METHOD_load_new_episode, &(wire_args_load){ "OpenDriveMap", true, 0xffff });
}

static int setup(void **state)
{
    bench *b = calloc(1, sizeof *b);
    b->served = served_start(town_server_options_default());
    b->memory = wire_memory_create(WIRE_MEMORY_DEFAULT, NULL);
    b->rpc = dial_patiently(town_server_rpc_port(b->served->server));
    load_town_with_a_light(b);
    wire_args_settings settings = { wire_episode_settings_default() };
    settings.settings.synchronous_mode = true;
    settings.settings.fixed_delta_seconds = (wire_optional_f64){ true, DT };
    must_ask(b, WIRE_METHOD_set_episode_settings, &settings);
    wire_token *t = must_ask(b, WIRE_METHOD_get_sensor_token, &(wire_args_stream){ WIRE_STREAM_SNAPSHOT });
    uint8_t join[WIRE_JOIN_BYTES];
    b->stream = dial_patiently(t->port);
    wire_join_write(join, t->stream_id);
    assert_int_equal(send(b->stream, join, sizeof join, MSG_NOSIGNAL), sizeof join);
    b->definitions = *(wire_actor_definition_list *)must_ask(b, WIRE_METHOD_get_actor_definitions, NULL);
    wire_map_info *map = must_ask(b, WIRE_METHOD_get_map_info, NULL);
    b->points = map->recommended_spawn_points.items;
    b->point_count = map->recommended_spawn_points.count;
    assert_true(b->point_count > 25);
    uint32_t ids[64];
    for (uint32_t i = 0; i < 64; i++)
        ids[i] = i + 1;
    wire_actor_list *actors = must_ask(b, WIRE_METHOD_get_actors_by_id, &(wire_args_actors){ { ids, 64 } });
    for (size_t i = 0; i < actors->count; i++)
        if (strcmp(actors->items[i].description.id, "traffic.traffic_light") == 0)
            b->light = actors->items[i].id;
    assert_true(b->light);
    ticks(b, 1);
    *state = b;
    return 0;
}

static int teardown(void **state)
{
    bench *b = *state;
    close(b->rpc);
    close(b->stream);
    served_stop(b->served);
    base_buffer_free(&b->out);
    base_buffer_free(&b->in);
    base_buffer_free(&b->snapshot);
    wire_memory_destroy(b->memory);
    free(b);
    return 0;
}

/* ---- the commands ---- */

static void spawns(bench *b)
{
    wire_command after[] = { drive(0, 0.25F, 0), { .kind = WIRE_COMMAND_VEHICLE_LIGHT_STATE, .as.light_state = { 0, 4 } } };
    wire_transform high = b->points[10];
    high.location.z += 1;
    wire_command c[] = { spawn(b, "vehicle.lincoln.mkz_2020", b->points[0]), spawn(b, "vehicle.lincoln.mkz_2020", b->points[5]),
                         spawn(b, "walker.pedestrian.0001", high), spawn(b, "vehicle.lincoln.mkz_2020", b->points[0]) };
    c[0].as.spawn.do_after = (wire_command_list){ after, 2 };
    wire_outcome_list got = batch(b, c, 4);
    for (int i = 0; i < 3; i++)
        assert_int_equal(got.items[i].kind, WIRE_OUTCOME_ACTOR);
    assert_int_equal(got.items[3].kind, WIRE_OUTCOME_ERROR);
    assert_non_null(strstr(got.items[3].as.error.message, "collision"));
    b->car = got.items[0].as.actor;
    b->other = got.items[1].as.actor;
    b->walker = got.items[2].as.actor;
    wire_vehicle_state v;
    wire_actor_state a = look(b, b->car); /* what comes after a spawn is done to the spawned actor, before the tick */
    wire_vehicle_state_read(&v, &a, WIRE_0_9_16);
    assert_near("throttle of the spawned", (double)v.control.throttle, 0.25, 1e-6);
    uint32_t *lights = must_ask(b, WIRE_METHOD_get_vehicle_light_state, &(wire_args_actor){ b->car });
    assert_int_equal(*lights, 4);
    wire_command child = spawn(b, "sensor.other.imu", (wire_transform){ 0 });
    child.as.spawn.parent = (wire_optional_u32){ true, b->car };
    b->sensor = run(b, child);
    wire_actor_list *actors = must_ask(b, WIRE_METHOD_get_actors_by_id, &(wire_args_actors){ { &b->sensor, 1 } });
    assert_int_equal(actors->items[0].parent_id, b->car);
}

static void controls(bench *b)
{
    rest(b, b->car, 0);
    run(b, drive(b->car, 0.7F, 0));
    ticks(b, 20);
    assert_above("speed under throttle", length(look(b, b->car).velocity), 1);
    rest(b, b->other, 5);
    wire_command ackermann = { .kind = WIRE_COMMAND_ACKERMANN_CONTROL,
                               .as.ackermann = { b->other, { .speed = 4, .acceleration = 2 } } };
    run(b, ackermann);
    ticks(b, 80);
    assert_near("speed under Ackermann control", length(look(b, b->other).velocity), 4, 1);
    wire_vector3 from = look(b, b->walker).transform.location;
    wire_command walk = { .kind = WIRE_COMMAND_WALKER_CONTROL, .as.walker_control = { b->walker, { { 1, 0, 0 }, 2, false } } };
    run(b, walk);
    ticks(b, 20);
    assert_above("metres walked", (double)(look(b, b->walker).transform.location.x - from.x), 1);
    wire_transform to = { { from.x - 3, from.y, from.z }, { 0, 90, 0 } };
    run(b, (wire_command){ .kind = WIRE_COMMAND_WALKER_STATE, .as.walker_state = { b->walker, to, 0 } });
    assert_near("walker put somewhere", apart(look(b, b->walker).transform.location, to.location), 0, 1.5);
    wire_vehicle_physics *physics = must_ask(b, WIRE_METHOD_get_physics_control, &(wire_args_actor){ b->car });
    physics->mass = 2345;
    run(b, (wire_command){ .kind = WIRE_COMMAND_VEHICLE_PHYSICS, .as.physics = { b->car, *physics } });
    physics = must_ask(b, WIRE_METHOD_get_physics_control, &(wire_args_actor){ b->car });
    assert_near("mass", (double)physics->mass, 2345, 0.01);
}

static void motion(bench *b)
{
    run(b, move_to(b->car, b->points[15]));
    assert_near("transform", apart(look(b, b->car).transform.location, b->points[15].location), 0, 1);
    wire_vector3 place = b->points[20].location;
    run(b, vector(WIRE_COMMAND_LOCATION, b->car, place));
    assert_near("location", apart(look(b, b->car).transform.location, place), 0, 1);
    wire_transform t = rest(b, b->car, 15);
    run(b, vector(WIRE_COMMAND_TARGET_VELOCITY, b->car, along(t, 6)));
    assert_near("target velocity", length(look(b, b->car).velocity), 6, 1);
    /* A standing car's tyres hold it: what turns it is tried on a rolling one. */
    t = rest(b, b->car, 15);
    wire_command turn[] = { vector(WIRE_COMMAND_TARGET_VELOCITY, b->car, along(t, 8)),
                            vector(WIRE_COMMAND_TARGET_ANGULAR_VELOCITY, b->car, (wire_vector3){ 0, 0, 40 }) };
    batch(b, turn, 2);
    assert_above("yaw rate set", (double)look(b, b->car).angular_velocity.z, 5);
    t = rest(b, b->car, 15);
    run(b, vector(WIRE_COMMAND_IMPULSE, b->car, along(t, 8000)));
    assert_above("speed after an impulse", length(look(b, b->car).velocity), 1);
    t = rest(b, b->car, 15);
    for (int i = 0; i < 20; i++)
        run(b, vector(WIRE_COMMAND_FORCE, b->car, along(t, 9000)));
    assert_above("speed after a second of force", length(look(b, b->car).velocity), 1);
    t = rest(b, b->car, 15);
    wire_command kick[] = { vector(WIRE_COMMAND_TARGET_VELOCITY, b->car, along(t, 8)),
                            vector(WIRE_COMMAND_ANGULAR_IMPULSE, b->car, (wire_vector3){ 0, 0, 100000 }) };
    batch(b, kick, 2);
    assert_above("yaw rate after an angular impulse", (double)look(b, b->car).angular_velocity.z, 1);
    t = rest(b, b->car, 15);
    run(b, vector(WIRE_COMMAND_TARGET_VELOCITY, b->car, along(t, 8)));
    double before = (double)look(b, b->car).angular_velocity.z;
    run(b, vector(WIRE_COMMAND_TORQUE, b->car, (wire_vector3){ 0, 0, 1000000 }));
    assert_above("yaw rate gained by a torque", (double)look(b, b->car).angular_velocity.z - before, 1);
}

static void switches(bench *b)
{
    rest(b, b->car, 15);
    wire_command frozen[] = { flag(WIRE_COMMAND_SIMULATE_PHYSICS, b->car, false), drive(b->car, 1, 0) };
    batch(b, frozen, 2);
    wire_vector3 place = look(b, b->car).transform.location;
    ticks(b, 20);
    assert_near("metres driven without physics", apart(look(b, b->car).transform.location, place), 0, 1e-3);
    run(b, flag(WIRE_COMMAND_SIMULATE_PHYSICS, b->car, true));
    ticks(b, 20);
    assert_above("metres driven with physics", apart(look(b, b->car).transform.location, place), 0.5);
    wire_transform high = b->points[20];
    high.location.z += 20;
    wire_command float_up[] = { flag(WIRE_COMMAND_ENABLE_GRAVITY, b->other, false), move_to(b->other, high),
                                vector(WIRE_COMMAND_TARGET_VELOCITY, b->other, (wire_vector3){ 0 }) };
    batch(b, float_up, 3);
    ticks(b, 20);
    assert_near("height without gravity", (double)look(b, b->other).transform.location.z, (double)high.location.z, 1);
    run(b, flag(WIRE_COMMAND_ENABLE_GRAVITY, b->other, true));
    ticks(b, 20);
    assert_above("metres fallen", (double)(high.location.z - look(b, b->other).transform.location.z), 2);
    run(b, (wire_command){ .kind = WIRE_COMMAND_VEHICLE_LIGHT_STATE, .as.light_state = { b->car, 3 } });
    assert_int_equal(*(uint32_t *)must_ask(b, WIRE_METHOD_get_vehicle_light_state, &(wire_args_actor){ b->car }), 3);
    /* A client's traffic manager drives; the server takes the flag of a vehicle and of nothing else. */
    run(b, flag(WIRE_COMMAND_AUTOPILOT, b->car, true));
    assert_non_null(strstr(refuse(b, flag(WIRE_COMMAND_AUTOPILOT, b->sensor, true)), "Autopilot is not supported"));
    run(b, flag(WIRE_COMMAND_SHOW_DEBUG_TELEMETRY, b->car, true));
    assert_non_null(strstr(refuse(b, flag(WIRE_COMMAND_SHOW_DEBUG_TELEMETRY, b->walker, true)), "not a Vehicle"));
    for (uint8_t color = WIRE_LIGHT_RED; color <= WIRE_LIGHT_GREEN; color++) {
        run(b, (wire_command){ .kind = WIRE_COMMAND_TRAFFIC_LIGHT_STATE, .as.traffic_light = { b->light, color } });
        wire_light_state l;
        wire_actor_state a = look(b, b->light);
        wire_light_state_read(&l, &a);
        assert_int_equal(l.state, color);
    }
    wire_command console = { .kind = WIRE_COMMAND_CONSOLE, .as.console = { "stat fps" } };
    assert_non_null(strstr(refuse(b, console), "console"));
}

static void ends(bench *b)
{
    wire_actor_state a;
    wire_command c[] = { { .kind = WIRE_COMMAND_DESTROY_ACTOR, .as.destroy = { b->sensor } },
                         { .kind = WIRE_COMMAND_DESTROY_ACTOR, .as.destroy = { b->car } },
                         { .kind = WIRE_COMMAND_DESTROY_ACTOR, .as.destroy = { b->car } },
                         drive(b->car, 1, 0) };
    wire_outcome_list got = batch(b, c, 4);
    assert_int_equal(got.items[0].kind, WIRE_OUTCOME_ACTOR);
    assert_int_equal(got.items[1].kind, WIRE_OUTCOME_ACTOR);
    assert_int_equal(got.items[2].kind, WIRE_OUTCOME_ERROR); /* done in order: it is gone already */
    assert_int_equal(got.items[3].kind, WIRE_OUTCOME_ERROR);
    assert_false(find(b, b->car, &a) || find(b, b->sensor, &a));
    assert_true(find(b, b->other, &a));
}

static void every_command_has_its_effect(void **state)
{
    bench *b = *state;
    spawns(b);
    controls(b);
    motion(b);
    switches(b);
    ends(b);
    int tried = 0;
    for (int i = 0; i < WIRE_COMMAND_COUNT; i++)
        tried += b->tried[i];
    print_message("%d of %d commands\n", tried, WIRE_COMMAND_COUNT);
    assert_int_equal(tried, WIRE_COMMAND_COUNT);
}

/* Without do_tick nothing moves on: the next snapshot is that of the cue behind it. */
static void ticks_when_told(void **state)
{
    bench *b = *state;
    uint64_t frame = b->frame;
    wire_command c = spawn(b, "vehicle.lincoln.mkz_2020", b->points[0]);
    must_ask(b, WIRE_METHOD_apply_batch, &(wire_args_batch){ { &c, 1 }, false });
    uint64_t *cue = must_ask(b, WIRE_METHOD_tick_cue, NULL);
    next_snapshot(b);
    assert_int_equal(*cue, frame + 1);
    assert_int_equal(b->frame, frame + 1);
    batch(b, NULL, 0);
    assert_int_equal(b->frame, frame + 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_command_has_its_effect, setup, teardown),
        cmocka_unit_test_setup_teardown(ticks_when_told, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
