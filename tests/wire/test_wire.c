/* The wire room without golden bytes: bounds, versions, rubbish. */
#include "sim/wire/wire.h"
#include "base/random.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* --- the scan ------------------------------------------------------------------------------------------------------------- */

static const struct {
    const char *bytes;
    size_t count;
    wire_scan_result want;
    const char *part, *why;
} scans[] = {
    { "\x00", 1, WIRE_SCAN_COMPLETE, NULL, "the smallest message" },
    { "\xdd\x10\x00\x00\x00", 5, WIRE_SCAN_BAD, "268435456 values announced", "msgpack's unpacker would reserve 6 GB for it" },
    { "\xdf\x10\x00\x00\x00", 5, WIRE_SCAN_BAD, "536870912 values announced", "the same as a map" },
    { "\xdb\xff\xff\xff\xff", 5, WIRE_SCAN_BAD, "4294967295 bytes announced", "text" },
    { "\xc6\xff\xff\xff\xff", 5, WIRE_SCAN_BAD, "4294967295 bytes announced", "bytes" },
    { "\xc9\xff\xff\xff\xff\x01", 6, WIRE_SCAN_BAD, "4294967296 bytes announced", "an extension" },
    { "\xdd\x00\x60\x00\x00", 5, WIRE_SCAN_BAD, "more than 4194304 values",
      "fits the bytes, but not msgpack's 24 bytes per value" },
    { "\xc1", 1, WIRE_SCAN_BAD, "0xc1", "the byte that is no type" },
    { "\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x00", 18, WIRE_SCAN_BAD, "deeper than 16",
      "17 levels" },
    { "\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x00", 17, WIRE_SCAN_COMPLETE, NULL, "16 levels" },
    { "\x92\x01", 2, WIRE_SCAN_MORE, NULL, "an element is missing" },
    { "\xa3"
      "ab",
      3, WIRE_SCAN_MORE, NULL, "a letter is missing" },
    { "\xda\x00", 2, WIRE_SCAN_MORE, NULL, "a length is cut" },
    { "", 0, WIRE_SCAN_MORE, NULL, "nothing yet" },
    { "\x90", 1, WIRE_SCAN_COMPLETE, NULL, "an empty array" },
    { "\x80", 1, WIRE_SCAN_COMPLETE, NULL, "an empty map" },
    { "\x82\x01\x90\x02\x91\xc0", 6, WIRE_SCAN_COMPLETE, NULL, "a map counts keys and values" },
    { "\xd8"
      "t0123456789abcdef",
      18, WIRE_SCAN_COMPLETE, NULL, "fixext 16" },
};

static void scan_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof scans / sizeof *scans; i++) {
        wire_scan s;
        base_error err = { 0 };
        wire_scan_start(&s, NULL);
        wire_scan_result got = wire_scan_feed(&s, scans[i].bytes, scans[i].count, &err);
        if (got != scans[i].want || (scans[i].part && !strstr(err.text, scans[i].part)))
            fail_msg("%s: result %d, wanted %d; %s", scans[i].why, got, scans[i].want, err.text);
        if (got == WIRE_SCAN_COMPLETE)
            assert_int_equal(s.offset, scans[i].count);
    }
}

/* A message fed byte by byte ends where it ends fed whole, and what follows it is not touched. */
static void scan_in_pieces(void **state)
{
    (void)state;
    base_buffer b = { 0 };
    wire_command batch[2] = { { .kind = WIRE_COMMAND_AUTOPILOT },
                              { .kind = WIRE_COMMAND_CONSOLE, .as.console = { "stat fps" } } };
    wire_args_batch args = { { batch, 2 }, true };
    const wire_method *m = wire_method_get(WIRE_METHOD_apply_batch);
    assert_true(wire_request_encode(&b, 70000, m, false, &args, WIRE_0_9_16, NULL));
    size_t one = b.bytes;
    assert_true(wire_request_encode(&b, 1, m, false, &args, WIRE_0_9_16, NULL));
    wire_scan s;
    wire_scan_start(&s, NULL);
    for (size_t n = 0; n < one; n++)
        assert_int_equal(wire_scan_feed(&s, b.data, n, NULL), WIRE_SCAN_MORE);
    assert_int_equal(wire_scan_feed(&s, b.data, b.bytes, NULL), WIRE_SCAN_COMPLETE);
    assert_int_equal(s.offset, one);
    base_buffer_free(&b);
    /* The last value is text: its payload must be there too. */
    wire_scan_start(&s, NULL);
    for (size_t n = 0; n < 6; n++)
        assert_int_equal(wire_scan_feed(&s, "\x92\x01\xa3xyz", n, NULL), WIRE_SCAN_MORE);
    assert_int_equal(wire_scan_feed(&s, "\x92\x01\xa3xyz", 6, NULL), WIRE_SCAN_COMPLETE);
}

static void scan_bounds_are_options(void **state)
{
    (void)state;
    wire_limits limits = wire_limits_default();
    wire_scan s;
    limits.max_bytes = 10;
    wire_scan_start(&s, &limits);
    assert_int_equal(wire_scan_feed(&s,
                                    "\xa9"
                                    "123456789",
                                    10, NULL),
                     WIRE_SCAN_COMPLETE);
    wire_scan_start(&s, &limits);
    assert_int_equal(wire_scan_feed(&s,
                                    "\xaa"
                                    "1234567890",
                                    11, NULL),
                     WIRE_SCAN_BAD);
}

/* --- versions ------------------------------------------------------------------------------------------------------------- */

/* Rows of the version table of the specification: elements on the wire per release. */
static const struct {
    const wire_type *type;
    int elements[WIRE_VERSION_COUNT];
} columns[] = {
    { &wire_type_weather, { 13, 14, 14, 14 } },
    { &wire_type_episode_settings, { 10, 10, 11, 11 } },
    { &wire_type_bounding_box, { 3, 3, 3, 4 } },
};
static const struct {
    wire_method_id id;
    int arguments[WIRE_VERSION_COUNT];
} arguments[] = {
    /* with the hidden Metadata; 0: unknown */
    { WIRE_METHOD_spawn_actor_with_parent, { 5, 5, 5, 6 } },
    { WIRE_METHOD_replay_file, { 6, 6, 6, 7 } },
    { WIRE_METHOD_get_sensor_token, { 0, 2, 2, 2 } },
    { WIRE_METHOD_get_actor_bounding_box, { 0, 0, 0, 2 } },
    { WIRE_METHOD_tick_cue, { 1, 1, 1, 1 } },
};

static void version_columns(void **state)
{
    (void)state;
    for (int v = 0; v < WIRE_VERSION_COUNT; v++) {
        wire_version version = (wire_version)(WIRE_VERSION_FIRST + v);
        for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
            uint64_t zero[32] = { 0 };
            base_buffer b = { 0 };
            assert_true(wire_value_encode(&b, columns[i].type, zero, version, NULL));
            assert_int_equal(b.data[0], 0x90 | columns[i].elements[v]);
            base_buffer_free(&b);
        }
        for (size_t i = 0; i < sizeof arguments / sizeof *arguments; i++) {
            const wire_method *m = wire_method_get(arguments[i].id);
            assert_true((wire_method_find(m->name, strlen(m->name), version) != NULL) == (arguments[i].arguments[v] != 0));
            if (arguments[i].arguments[v])
                assert_int_equal(wire_method_argument_count(m, version), arguments[i].arguments[v]);
        }
    }
    assert_int_equal(wire_packed_bytes(&wire_type_vehicle_state, WIRE_0_9_13), 29);
    assert_int_equal(wire_packed_bytes(&wire_type_vehicle_state, WIRE_0_9_14), 30);
    assert_int_equal(wire_packed_bytes(&wire_type_actor_state, WIRE_0_9_16), WIRE_ACTOR_STATE_BYTES);
    assert_int_equal(wire_packed_bytes(&wire_type_header, WIRE_0_9_16), WIRE_HEADER_BYTES);
    assert_int_equal(wire_packed_bytes(&wire_type_snapshot, WIRE_0_9_16), WIRE_SNAPSHOT_BYTES);
    assert_int_equal(wire_packed_bytes(&wire_type_image, WIRE_0_9_16), WIRE_IMAGE_BYTES);
    assert_int_equal(wire_packed_bytes(&wire_type_light_state, WIRE_0_9_16), WIRE_ACTOR_UNION_BYTES);
    assert_int_equal(wire_sensor_index(WIRE_SENSOR_SNAPSHOT, WIRE_0_9_13), 15);
    assert_int_equal(wire_sensor_index(WIRE_SENSOR_SNAPSHOT, WIRE_0_9_14), 16);
    assert_int_equal(wire_sensor_index(WIRE_SENSOR_SNAPSHOT, WIRE_0_9_16), 17);
    assert_int_equal(wire_sensor_index(WIRE_SENSOR_RGB, WIRE_0_9_13), 12);
    assert_int_equal(wire_sensor_from_index(13, WIRE_0_9_16), WIRE_SENSOR_RGB);
    assert_int_equal(wire_sensor_from_index(99, WIRE_0_9_16), WIRE_SENSOR_COUNT);
    assert_int_equal(wire_sensor_from_index(UINT64_MAX, WIRE_0_9_16), WIRE_SENSOR_COUNT);
    assert_int_equal(wire_sensor_from_blueprint("sensor.camera.rgb"), WIRE_SENSOR_RGB);
    assert_int_equal(wire_sensor_from_blueprint("vehicle.tesla.model3"), WIRE_SENSOR_COUNT);
}

/* Every value that a release can write, it reads back; what it does not have yet reads as zero. */
static void commands_of_every_version(void **state)
{
    (void)state;
    wire_memory *m = wire_memory_create(WIRE_MEMORY_DEFAULT, NULL);
    for (int v = WIRE_VERSION_FIRST; v <= (int)WIRE_VERSION_LATEST; v++)
        for (int kind = 0; kind < WIRE_COMMAND_COUNT; kind++) {
            wire_command inner = { .kind = WIRE_COMMAND_AUTOPILOT, .as.flag = { 0, true } }, got;
            wire_command c = { .kind = kind };
            if (kind == WIRE_COMMAND_SPAWN_ACTOR) {
                c.as.spawn = (wire_args_spawn_command){ .description = { 3, "vehicle.a.b", { NULL, 0 } },
                                                        .parent = { true, 9 },
                                                        .attachment = 2,
                                                        .socket_name = "head",
                                                        .do_after = { &inner, 1 } };
            } else if (wire_command_actor(&c))
                *wire_command_actor(&c) = 4000000000U;
            base_buffer b = { 0 };
            base_error err = { 0 };
            bool has = wire_value_encode(&b, &wire_type_command, &c, (wire_version)v, &err);
            bool should = v >= 14 || (kind != WIRE_COMMAND_ACKERMANN_CONTROL && kind < WIRE_COMMAND_LOCATION);
            if (has != should)
                fail_msg("0.9.%d: command %d: %s", v, kind, err.text);
            if (has) {
                if (!wire_value_read(b.data, b.bytes, &wire_type_command, &got, (wire_version)v, m, &err))
                    fail_msg("0.9.%d: command %d: %s", v, kind, err.text);
                assert_int_equal(got.kind, kind);
                if (kind == WIRE_COMMAND_SPAWN_ACTOR) {
                    assert_int_equal(got.as.spawn.attachment, v >= 16 ? 2 : 0);
                    assert_true(v >= 16 ? strcmp(got.as.spawn.socket_name, "head") == 0 : got.as.spawn.socket_name == NULL);
                    assert_true(got.as.spawn.do_after.count == 1 && got.as.spawn.do_after.items[0].as.flag.flag);
                } else if (wire_command_actor(&got))
                    assert_int_equal(*wire_command_actor(&got), 4000000000U);
            } else
                assert_int_equal(err.code, BASE_UNSUPPORTED);
            base_buffer_free(&b);
            wire_memory_reset(m);
        }
    wire_memory_destroy(m);
}

static void version_texts(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int want;
    } cases[] = { { "0.9.13", 13 }, { "0.9.16", 16 }, { "0.9.15-12-gabc", 15 }, { "0.9.12", 0 }, { "0.9.17", 0 },
                  { "0.9.1", 0 },   { "0.9.160", 0 }, { "0.10.0", 0 },          { "", 0 } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        wire_version v = (wire_version)0;
        base_error err = { 0 };
        if (wire_version_parse(&v, cases[i].text, &err) != (cases[i].want != 0) || (int)v != cases[i].want)
            fail_msg("\"%s\": %d", cases[i].text, (int)v);
        assert_int_equal(err.code, cases[i].want ? BASE_OK : BASE_VERSION);
    }
}

/* --- requests that must be refused ---------------------------------------------------------------------------------------- */

static void append_call(base_buffer *b, const char *name, int count, const char *params, size_t bytes)
{
    base_buffer_append(b, "\x94\x00\x07", 3);
    base_buffer_append(b, &(uint8_t){ (uint8_t)(0xa0 | strlen(name)) }, 1);
    base_buffer_append(b, name, strlen(name));
    base_buffer_append(b, &(uint8_t){ (uint8_t)(0x90 | (count + 1)) }, 1);
    base_buffer_append(b, "\x91\xc2", 2);
    base_buffer_append(b, params, bytes);
}

static const struct {
    const char *name;
    int count;
    const char *params;
    size_t bytes;
    base_code code;
    const char *part;
} bad_calls[] = {
    { "destroy_actor", 0, "", 0, BASE_ARGUMENT, "expected 2 arguments, found 1" },
    { "destroy_actor", 2, "\x01\x01", 2, BASE_ARGUMENT, "expected 2 arguments, found 3" },
    { "destroy_actor", 1, "\xff", 1, BASE_FORMAT, "actor: expected an integer of 0 to 4294967295" },
    { "destroy_actor", 1, "\xcf\x00\x00\x00\x01\x00\x00\x00\x00", 9, BASE_FORMAT,
      "actor: expected an integer of 0 to 4294967295" },
    { "destroy_actor", 1, "\xca\x3f\x80\x00\x00", 5, BASE_FORMAT, "expected an integer, found a float" },
    { "set_actor_location", 2, "\x01\x93\x00\x00\xca\x7f\xc0\x00\x00", 9, BASE_FORMAT, "z: expected a finite number" },
    { "set_actor_location", 2, "\x01\x93\x00\x00\xca\x7f\x80\x00\x00", 9, BASE_FORMAT, "z: expected a finite number" },
    { "set_actor_location", 2, "\x01\x92\x00\x00", 4, BASE_FORMAT, "vector: expected an array of 3 for vector3, found 2" },
    { "get_required_files", 1,
      "\xa3"
      "a\0b",
      4, BASE_FORMAT, "text with a zero byte" },
    { "get_required_files", 1, "\xc0", 1, BASE_FORMAT, "text: expected text, found nil" },
    { "set_actor_enable_gravity", 2, "\x01\x01", 2, BASE_FORMAT, "flag: expected a boolean, found an integer" },
    { "apply_batch", 2, "\x91\x91\x92\x63\x90\xc2", 6, BASE_FORMAT, "CARLA 0.9.16 has no number 99" },
    { "apply_batch", 2, "\x91\x91\x92\x01\xc0\xc2", 6, BASE_FORMAT, "destroy_actor: expected an array, found nil" },
    { "load_new_episode", 3, "\xa0\xc3\xce\x00\x01\x00\x00", 7, BASE_FORMAT, "map_layers: expected an integer of 0 to 65535" },
};

static void refused_calls(void **state)
{
    (void)state;
    wire_memory *m = wire_memory_create(WIRE_MEMORY_DEFAULT, NULL);
    for (size_t i = 0; i < sizeof bad_calls / sizeof *bad_calls; i++) {
        base_buffer b = { 0 }, out = { 0 };
        base_error err = { 0 };
        wire_request r;
        bool ignore;
        char args[1024];
        append_call(&b, bad_calls[i].name, bad_calls[i].count, bad_calls[i].params, bad_calls[i].bytes);
        assert_true(wire_request_decode(&r, &ignore, b.data, b.bytes, m, &err));
        const wire_method *method = wire_method_find(r.name, strlen(r.name), WIRE_0_9_16);
        assert_non_null(method);
        if (wire_arguments_decode(args, &r, method, WIRE_0_9_16, m, &err) || err.code != bad_calls[i].code ||
            !strstr(err.text, bad_calls[i].part))
            fail_msg("%s: wanted \"%s\", got %s: %s", bad_calls[i].name, bad_calls[i].part, base_code_name(err.code), err.text);
        /* and rpclib's own form of the refusal can be read again */
        wire_response answer;
        assert_true(wire_fault_encode(&out, &r, method, WIRE_0_9_16, &err));
        assert_true(wire_response_decode(&answer, out.data, out.bytes, m, &err));
        assert_int_equal(answer.id, 7);
        assert_non_null(strstr(answer.fault, bad_calls[i].name));
        base_buffer_free(&b);
        base_buffer_free(&out);
        wire_memory_reset(m);
    }
    wire_memory_destroy(m);
}

/* rpclib's words, which clients may look at (recorded from CARLA's fork of it). */
static void fault_texts(void **state)
{
    (void)state;
    static const struct {
        const char *method;
        size_t count;
        const char *want;
    } cases[] = {
        { NULL, 3, "rpclib: server could not find function 'add' with argument count 3." },
        { "destroy_actor", 1,
          "rpclib: client error C0002: Function 'add' was called with an invalid number of arguments. Expected: 1, got: 2" },
    };
    wire_memory *m = wire_memory_create(WIRE_MEMORY_DEFAULT, NULL);
    for (size_t i = 0; i < 2; i++) {
        wire_request r = { .name = "add", .id = 12, .argument_count = cases[i].count };
        base_buffer out = { 0 };
        wire_response answer;
        const wire_method *method =
            cases[i].method ? wire_method_find(cases[i].method, strlen(cases[i].method), WIRE_0_9_16) : NULL;
        assert_true(wire_fault_encode(&out, &r, method, WIRE_0_9_16, &(base_error){ BASE_ARGUMENT, "" }));
        assert_true(wire_response_decode(&answer, out.data, out.bytes, m, NULL));
        assert_string_equal(answer.fault, cases[i].want);
        base_buffer_free(&out);
    }
    wire_memory_destroy(m);
}

static void odd_requests(void **state)
{
    (void)state;
    wire_memory *m = wire_memory_create(WIRE_MEMORY_DEFAULT, NULL);
    wire_request r;
    bool ignore;
    base_error err;
    assert_true(wire_request_decode(&r, &ignore, "\x92\x00\x01", 3, m, &err) && ignore);
    assert_true(wire_request_decode(&r, &ignore,
                                    "\x93\x02\xa1"
                                    "f\x90",
                                    5, m, &err) &&
                !ignore && r.notification && r.argument_count == 0);
    assert_true(wire_request_decode(&r, &ignore,
                                    "\x93\x02\xa4"
                                    "f\x1b\x00g\x90",
                                    8, m, &err));
    assert_string_equal(r.name, "f??g"); /* a name goes to logs and terminals */
    assert_false(wire_request_decode(&r, &ignore, "\x01", 1, m, &err));
    assert_false(wire_request_decode(&r, &ignore,
                                     "\x94\x00\xff\xa1"
                                     "f\x90",
                                     6, m, &err));                                      /* negative id */
    assert_false(wire_request_decode(&r, &ignore, "\x94\x00\x01\x05\x90", 5, m, &err)); /* name is a number */
    assert_false(wire_request_decode(&r, &ignore,
                                     "\x94\x00\x01\xa1"
                                     "f\xc0",
                                     6, m, &err)); /* arguments are nil */
    wire_memory_destroy(m);
}

static void decoded_memory_is_bounded(void **state)
{
    (void)state;
    /* 100,000 empty arrays, a byte each, would become as many structs of some hundred bytes. */
    enum { COUNT = 100000 };
    base_buffer b = { 0 };
    base_buffer_append(&b, "\xdd\x00\x01\x86\xa0", 5);
    for (int i = 0; i < COUNT; i++)
        base_buffer_append(&b, "\x90", 1);
    wire_memory *m = wire_memory_create((size_t)1 << 20, NULL);
    wire_actor_list list;
    base_error err;
    assert_false(wire_value_read(b.data, b.bytes, &wire_type_actor_list, &list, WIRE_0_9_16, m, &err));
    assert_int_equal(err.code, BASE_MEMORY);
    wire_memory_destroy(m);
    base_buffer_free(&b);
}

/* --- streams -------------------------------------------------------------------------------------------------------------- */

static void bad_sensor_messages(void **state)
{
    (void)state;
    base_buffer b = { 0 };
    wire_header h;
    wire_image image = { 4, 3, 90 }, got;
    const uint8_t *pixels;
    size_t n;
    base_error err;
    uint8_t zero[48] = { 0 };
    assert_true(wire_image_append(&b, WIRE_SENSOR_RGB, 5, 1.0, (wire_transform){ 0 }, &image, WIRE_0_9_16, NULL));
    base_buffer_append(&b, zero, sizeof zero);
    assert_true(wire_image_read(&h, &got, &pixels, b.data, b.bytes, WIRE_0_9_16, &err));
    for (size_t cut = 0; cut < b.bytes; cut++)
        assert_false(wire_image_read(&h, &got, &pixels, b.data, cut, WIRE_0_9_16, &err));
    memset(b.data + 48, 0xff, 8); /* 2^32-1 squared pixels */
    assert_false(wire_image_read(&h, &got, &pixels, b.data, b.bytes, WIRE_0_9_16, &err));
    memset(b.data + 48, 0, 8);
    assert_false(wire_image_read(&h, &got, &pixels, b.data, b.bytes, WIRE_0_9_16, &err));
    base_buffer_clear(&b);
    wire_snapshot s = { 0 };
    wire_actor_state a[2] = { 0 };
    size_t count;
    assert_true(wire_snapshot_append(&b, 1, 0, &s, a, 2, WIRE_0_9_16, NULL));
    assert_true(wire_snapshot_read(&h, &s, &count, b.data, b.bytes, WIRE_0_9_16, &err) && count == 2);
    assert_false(wire_snapshot_read(&h, &s, &count, b.data, b.bytes - 1, WIRE_0_9_16, &err));
    assert_false(wire_snapshot_read(&h, &s, &count, b.data, b.bytes, WIRE_0_9_13, &err)); /* number 17 is nothing there */
    assert_true(wire_frame_look((const uint8_t *)"\x05\0\0", 3, 100, &n, &err) && n == 0);
    assert_true(wire_frame_look((const uint8_t *)"\x05\0\0\0", 4, 100, &n, &err) && n == 5);
    assert_false(wire_frame_look((const uint8_t *)"\0\0\0\0", 4, 100, &n, &err));
    assert_false(wire_frame_look((const uint8_t *)"\x65\0\0\0", 4, 100, &n, &err));
    base_buffer_free(&b);
}

static void depth_is_exact_to_its_step(void **state)
{
    (void)state;
    base_random r = base_random_start(1, "depth", 0, 0);
    uint8_t p[4];
    for (int i = 0; i < 1000; i++) {
        float metres = (float)base_random_range(&r, 0, 1000);
        wire_depth_encode(p, metres);
        assert_true(fabsf(wire_depth_decode(p) - metres) <=
                    1000.0F / 16777215); /* half a step, and float32 of 1000 m has 6e-5 */
    }
    wire_depth_encode(p, 5000);
    assert_memory_equal(p, "\xff\xff\xff\xff", 4);
    wire_depth_encode(p, -1);
    assert_true(wire_depth_decode(p) == 0);
    wire_depth_encode(p, NAN);
    assert_true(wire_depth_decode(p) == 0);
}

/* --- tags ----------------------------------------------------------------------------------------------------------------- */

static void tags(void **state)
{
    (void)state;
    uint8_t rgb[3];
    assert_int_equal(wire_tag_from_name("Roads"), 1);
    assert_int_equal(wire_tag_from_name("RoadLine"), 24);
    assert_int_equal(wire_tag_from_name("GuardRail"), 28);
    assert_int_equal(wire_tag_from_name("roads"), WIRE_TAG_COUNT);
    assert_int_equal(wire_tag_to_wire(WIRE_TAG_ROAD_LINE, WIRE_0_9_13), 6);
    assert_int_equal(wire_tag_to_wire(WIRE_TAG_TRUCK, WIRE_0_9_13), 10);
    assert_int_equal(wire_tag_from_wire(10, WIRE_0_9_13), WIRE_TAG_CAR);
    assert_int_equal(wire_tag_from_wire(23, WIRE_0_9_13), WIRE_TAG_COUNT);
    assert_int_equal(wire_tag_from_wire(29, WIRE_0_9_16), WIRE_TAG_COUNT);
    for (int t = 0; t < WIRE_TAG_COUNT; t++) {
        assert_non_null(wire_tag_name(t));
        assert_int_equal(wire_tag_from_name(wire_tag_name(t)), t);
        assert_int_equal(wire_tag_from_wire(wire_tag_to_wire((wire_tag)t, WIRE_0_9_15), WIRE_0_9_15), t);
        uint8_t old = wire_tag_to_wire((wire_tag)t, WIRE_0_9_13);
        assert_int_equal(wire_tag_to_wire(wire_tag_from_wire(old, WIRE_0_9_13), WIRE_0_9_13), old);
    }
    assert_null(wire_tag_name(WIRE_TAG_COUNT));
    assert_null(wire_tag_name(-1));
    wire_tag_color(WIRE_TAG_ROADS, rgb);
    assert_memory_equal(rgb, "\x80\x40\x80", 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scan_cases),
        cmocka_unit_test(scan_in_pieces),
        cmocka_unit_test(scan_bounds_are_options),
        cmocka_unit_test(version_columns),
        cmocka_unit_test(commands_of_every_version),
        cmocka_unit_test(version_texts),
        cmocka_unit_test(refused_calls),
        cmocka_unit_test(fault_texts),
        cmocka_unit_test(odd_requests),
        cmocka_unit_test(decoded_memory_is_bounded),
        cmocka_unit_test(bad_sensor_messages),
        cmocka_unit_test(depth_is_exact_to_its_step),
        cmocka_unit_test(tags),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
