/* The wire room against bytes that CARLA's own serialisers wrote: decode, compare the fields, encode, compare the bytes. */
#include "base/file.h"
#include "sim/wire/wire.h"
#include <cjson/cJSON.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static cJSON *read_lines(const char *path)
{
    unsigned char *text;
    size_t bytes;
    base_error err;
    if (!base_file_read(path, (size_t)16 << 20, &text, &bytes, &err))
        fail_msg("%s", err.text);
    cJSON *rows = cJSON_CreateArray();
    for (char *line = strtok((char *)text, "\n"); line; line = strtok(NULL, "\n")) {
        cJSON *row = cJSON_Parse(line);
        if (!row)
            fail_msg("%s: line is not JSON: %.60s", path, line);
        cJSON_AddItemToArray(rows, row);
    }
    free(text);
    return rows;
}

static const char *text_of(const cJSON *row, const char *key) { return cJSON_GetStringValue(cJSON_GetObjectItem(row, key)); }

static void append_hex(base_buffer *b, const char *hex)
{
    for (size_t i = 0; hex && hex[i] && hex[i + 1]; i += 2) {
        unsigned x;
        assert_int_equal(sscanf(hex + i, "%2x", &x), 1);
        base_buffer_append(b, &(uint8_t){ (uint8_t)x }, 1);
    }
}

static void assert_bytes(const char *name, const base_buffer *want, const base_buffer *got)
{
    size_t i = 0;
    while (i < want->bytes && i < got->bytes && want->data[i] == got->data[i])
        i++;
    if (i < want->bytes || i < got->bytes)
        fail_msg("%s: %zu bytes expected, %zu written, first difference at offset %zu (%02x, %02x)", name, want->bytes,
                 got->bytes, i, i < want->bytes ? want->data[i] : 0, i < got->bytes ? got->data[i] : 0);
}

/* Same keys and values; numbers equal exactly or as floats (the recordings print some floats with fewer digits). */
static bool same(const cJSON *want, const cJSON *got, char *where, size_t bytes)
{
    char here[128] = "";
    bool ok = true;
    if (cJSON_IsNumber(want) && cJSON_IsNumber(got))
        ok = want->valuedouble == got->valuedouble || (float)want->valuedouble == (float)got->valuedouble;
    else if (cJSON_IsString(want) && cJSON_IsString(got))
        ok = strcmp(want->valuestring, got->valuestring) == 0;
    else if ((want->type & 0xff) != (got->type & 0xff))
        ok = false;
    else if (cJSON_IsArray(want) || cJSON_IsObject(want)) {
        if (cJSON_GetArraySize(want) != cJSON_GetArraySize(got)) {
            snprintf(where, bytes, "%d members expected, %d found", cJSON_GetArraySize(want), cJSON_GetArraySize(got));
            return false;
        }
        const cJSON *w = want->child, *g = got->child;
        for (; w && g; w = w->next, g = g->next) {
            const cJSON *other = cJSON_IsObject(want) ? cJSON_GetObjectItemCaseSensitive(got, w->string) : g;
            if (!other) {
                snprintf(where, bytes, "no field %s", w->string);
                return false;
            }
            if (!same(w, other, here, sizeof here)) {
                snprintf(where, bytes, "%s: %s", w->string ? w->string : "item", here);
                return false;
            }
        }
        return true;
    }
    if (!ok) {
        char *a = cJSON_PrintUnformatted(want), *b = cJSON_PrintUnformatted(got);
        snprintf(where, bytes, "expected %.40s, found %.40s", a, b);
        free(a);
        free(b);
    }
    return ok;
}

static void assert_fields(const char *name, const cJSON *want, const wire_type *type, const void *value, wire_version version)
{
    base_buffer text = { 0 };
    wire_value_print(&text, type, value, version);
    base_buffer_append(&text, "", 1);
    cJSON *got = cJSON_Parse((char *)text.data);
    char where[256] = "";
    if (!got)
        fail_msg("%s: prints as %s, which is not JSON", name, text.data);
    if (!same(want, got, where, sizeof where))
        fail_msg("%s: %s", name, where);
    cJSON_Delete(got);
    base_buffer_free(&text);
}

#define TYPE(name)                                                                                                             \
    {                                                                                                                          \
#name, &wire_type_##name                                                                                               \
    }
static const struct {
    const char *name;
    const wire_type *type;
} types[] = {
    TYPE(u8),
    TYPE(u16),
    TYPE(u32),
    TYPE(u64),
    TYPE(i32),
    TYPE(i64),
    TYPE(f32),
    TYPE(f64),
    TYPE(flag),
    TYPE(text),
    TYPE(vector2),
    TYPE(vector3),
    TYPE(rotation),
    TYPE(transform),
    TYPE(bounding_box),
    TYPE(geo_location),
    TYPE(token),
    TYPE(color),
    TYPE(float_color),
    TYPE(attribute_value),
    TYPE(attribute),
    TYPE(actor_description),
    TYPE(actor_definition),
    TYPE(actor_definition_list),
    TYPE(actor),
    TYPE(actor_list),
    TYPE(episode_info),
    TYPE(episode_settings),
    TYPE(map_info),
    TYPE(weather),
    TYPE(environment_object),
    TYPE(labelled_point),
    TYPE(projection),
    TYPE(opendrive_parameters),
    TYPE(vehicle_control),
    TYPE(ackermann_control),
    TYPE(ackermann_settings),
    TYPE(walker_control),
    TYPE(gear),
    TYPE(wheel),
    TYPE(vehicle_physics),
    TYPE(vehicle_telemetry),
    TYPE(street_light),
    TYPE(street_light_list),
    TYPE(light_flags),
    TYPE(command),
    TYPE(debug_shape),
    TYPE(outcome),
    TYPE(outcome_list),
};

static const wire_type *type_named(const char *name)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(types[i].name, name) == 0)
            return types[i].type;
    fail_msg("no wire_type_%s", name);
    return NULL;
}

static void values_both_ways(void **state)
{
    (void)state;
    wire_memory *m = wire_memory_create(WIRE_MEMORY_DEFAULT, NULL);
    cJSON *rows = read_lines("tests/golden/wire/values.jsonl"), *row;
    int compared = 0;
    cJSON_ArrayForEach(row, rows)
    {
        const char *name = text_of(row, "name");
        const wire_type *type = type_named(text_of(row, "type"));
        wire_version version = (wire_version)cJSON_GetObjectItem(row, "version")->valueint;
        base_buffer bytes = { 0 }, want = { 0 }, got = { 0 };
        base_error err = { 0 };
        char value[1024];
        bool decode_only = cJSON_IsTrue(cJSON_GetObjectItem(row, "decode_only"));
        assert_true(type->bytes <= sizeof value);
        append_hex(&bytes, text_of(row, "hex"));
        append_hex(&want, text_of(row, cJSON_HasObjectItem(row, "out") ? "out" : "hex"));
        /* The older spawn commands were cut from newer bytes: read them as 0.9.16 reads a client of 0.9.15. */
        if (!wire_value_read(bytes.data, bytes.bytes, type, value, decode_only ? WIRE_0_9_16 : version, m, &err))
            fail_msg("%s: %s", name, err.text);
        const cJSON *fields = cJSON_GetObjectItem(row, "fields");
        if (!cJSON_IsNull(fields)) {
            assert_fields(name, fields, type, value, version);
            compared++;
        }
        if (!decode_only) {
            if (!wire_value_encode(&got, type, value, version, &err))
                fail_msg("%s: %s", name, err.text);
            assert_bytes(name, &want, &got);
        }
        base_buffer_free(&bytes);
        base_buffer_free(&want);
        base_buffer_free(&got);
        wire_memory_reset(m);
    }
    assert_true(compared > 100);
    cJSON_Delete(rows);
    wire_memory_destroy(m);
}

/* Whole messages of CARLA's client and of a server built on CARLA's classes. */
static void calls_both_ways(void **state)
{
    (void)state;
    wire_memory *m = wire_memory_create(WIRE_MEMORY_DEFAULT, NULL);
    cJSON *rows = read_lines("tests/golden/wire/calls.jsonl"), *row;
    int requests = 0, replies = 0, unknown = 0;
    cJSON_ArrayForEach(row, rows)
    {
        const char *name = text_of(row, "method");
        const wire_method *method = wire_method_find(name, strlen(name), WIRE_0_9_16);
        if (!method) {
            unknown++;
            continue;
        }
        base_buffer request = { 0 }, reply = { 0 }, want = { 0 }, got = { 0 };
        base_error err = { 0 };
        char value[4096];
        wire_request r;
        bool ignore;
        append_hex(&request, text_of(row, "request"));
        assert_true(method->args->bytes <= sizeof value && method->result->bytes <= sizeof value);
        if (!wire_request_decode(&r, &ignore, request.data, request.bytes, m, &err) ||
            !wire_arguments_decode(value, &r, method, WIRE_0_9_16, m, &err) ||
            !wire_request_encode(&got, r.id, method, r.asynchronous, value, WIRE_0_9_16, &err))
            fail_msg("%s: %s", name, err.text);
        assert_false(ignore || r.notification);
        assert_string_equal(r.name, name);
        /* The recorded client was older than the release here: replay_file had no offset yet, and a drawn box no actor id. */
        if (method->id != WIRE_METHOD_draw_debug_shape && r.argument_count == wire_method_argument_count(method, WIRE_0_9_16))
            assert_bytes(name, &request, &got);
        requests++;
        if (text_of(row, "reply")) {
            wire_response answer;
            append_hex(&reply, text_of(row, "reply"));
            append_hex(&want, text_of(row, cJSON_HasObjectItem(row, "out") ? "out" : "reply"));
            if (!wire_response_decode(&answer, reply.data, reply.bytes, m, &err))
                fail_msg("%s: %s", name, err.text);
            assert_int_equal(answer.id, r.id);
            base_buffer_clear(&got);
            if (wire_result_decode(value, &answer, method, WIRE_0_9_16, m, &err)) {
                if (r.asynchronous && method->bare)
                    assert_true(wire_unheeded_encode(&got, answer.id, method));
                else if (!wire_result_encode(&got, answer.id, method, value, WIRE_0_9_16, &err))
                    fail_msg("%s: %s", name, err.text);
            } else {
                assert_int_equal(err.code, BASE_REMOTE);
                const char *message = strstr(err.text, ": ");
                assert_non_null(message);
                assert_true(r.asynchronous ? wire_unheeded_encode(&got, answer.id, method)
                                           : wire_error_encode(&got, answer.id, method, message + 2));
            }
            assert_bytes(name, &want, &got);
            replies++;
        }
        base_buffer_free(&request);
        base_buffer_free(&reply);
        base_buffer_free(&want);
        base_buffer_free(&got);
        wire_memory_reset(m);
    }
    print_message("%d requests, %d replies, %d of functions without a row\n", requests, replies, unknown);
    assert_true(requests > 80 && replies > 80 && unknown <= 8);
    cJSON_Delete(rows);
    wire_memory_destroy(m);
}

static const struct {
    const char *starts;
    const wire_type *type;
} objects[] = {
    { "collision", &wire_type_collision },
    { "obstacle", &wire_type_obstacle },
    { "imu", &wire_type_imu },
    { "gnss", &wire_type_geo_location },
};

static void check_snapshot(const char *name, const cJSON *fields, const uint8_t *message, size_t bytes)
{
    base_error err = { 0 };
    wire_header h;
    wire_snapshot s;
    size_t count;
    if (!wire_snapshot_read(&h, &s, &count, message, bytes, WIRE_0_9_16, &err))
        fail_msg("%s: %s", name, err.text);
    const cJSON *actors = cJSON_GetObjectItem(fields, "actors"), *origin = cJSON_GetObjectItem(fields, "map_origin");
    assert_int_equal(count, cJSON_GetArraySize(actors));
    assert_int_equal(s.simulation_state, cJSON_GetObjectItem(fields, "simulation_state")->valueint);
    assert_true(s.delta_seconds == (float)cJSON_GetObjectItem(fields, "delta_seconds")->valuedouble);
    for (int i = 0; i < 3; i++)
        assert_int_equal(s.map_origin[i], cJSON_GetArrayItem(origin, i)->valueint);
    wire_actor_state *states = calloc(count + 1, sizeof *states);
    for (size_t i = 0; i < count; i++) {
        const cJSON *a = cJSON_GetArrayItem(actors, (int)i);
        const char *kind = text_of(a, "kind");
        wire_snapshot_actor(&states[i], message, i);
        assert_int_equal(states[i].life, cJSON_GetObjectItem(a, "actor_state")->valueint);
        assert_fields(kind, cJSON_GetObjectItem(a, "transform"), &wire_type_transform, &states[i].transform, WIRE_0_9_16);
        assert_fields(kind, cJSON_GetObjectItem(a, "velocity"), &wire_type_vector3, &states[i].velocity, WIRE_0_9_16);
        assert_fields(kind, cJSON_GetObjectItem(a, "angular_velocity"), &wire_type_vector3, &states[i].angular_velocity,
                      WIRE_0_9_16);
        assert_fields(kind, cJSON_GetObjectItem(a, "acceleration"), &wire_type_vector3, &states[i].acceleration, WIRE_0_9_16);
        wire_actor_state again = states[i];
        if (strcmp(kind, "vehicle") == 0) {
            wire_vehicle_state v;
            wire_vehicle_state_read(&v, &states[i], WIRE_0_9_16);
            assert_fields(kind, cJSON_GetObjectItem(a, "control"), &wire_type_vehicle_control, &v.control, WIRE_0_9_16);
            assert_true(v.has_traffic_light && v.traffic_light_id == 33 && v.failure_state == 3 && v.speed_limit == 30.5F);
            wire_vehicle_state_write(&again, &v, WIRE_0_9_16);
        } else if (strcmp(kind, "walker") == 0) {
            wire_walker_control w;
            wire_walker_state_read(&w, &states[i]);
            assert_fields(kind, cJSON_GetObjectItem(a, "control"), &wire_type_walker_control, &w, WIRE_0_9_16);
            wire_walker_state_write(&again, &w);
        } else if (strcmp(kind, "traffic light") == 0) {
            wire_light_state l;
            wire_light_state_read(&l, &states[i]);
            assert_string_equal(l.sign_id, text_of(a, "sign_id"));
            assert_true(l.green_time == 10.5F && l.red_time == 2.125F && l.pole_index == 2 && l.time_is_frozen &&
                        l.state == WIRE_LIGHT_GREEN);
            wire_light_state_write(&again, &l);
        } else if (strncmp(kind, "traffic sign", 12) == 0) {
            wire_sign_state sign;
            wire_sign_state_read(&sign, &states[i]);
            assert_memory_equal(sign.sign_id, text_of(a, "sign_id"), 32); /* fills the field, no zero byte */
            wire_sign_state_write(&again, &sign);
        }
        assert_memory_equal(again.state, states[i].state, sizeof again.state);
    }
    base_buffer want = { 0 }, got = { 0 };
    base_buffer_append(&want, message, bytes);
    assert_true(wire_snapshot_append(&got, h.frame, h.timestamp, &s, states, count, WIRE_0_9_16, &err));
    memset(want.data + 24, 0, 24); /* the recording put a transform there; a server leaves it zero, and so do we */
    assert_bytes(name, &want, &got);
    base_buffer_free(&want);
    base_buffer_free(&got);
    free(states);
}

static void sensors_both_ways(void **state)
{
    (void)state;
    wire_memory *m = wire_memory_create(WIRE_MEMORY_DEFAULT, NULL);
    cJSON *rows = read_lines("tests/golden/wire/sensors.jsonl"), *row;
    int checked = 0;
    cJSON_ArrayForEach(row, rows)
    {
        const char *name = text_of(row, "name");
        const cJSON *fields = cJSON_GetObjectItem(row, "fields");
        base_buffer bytes = { 0 }, got = { 0 }, payload = { 0 };
        base_error err = { 0 };
        wire_header h;
        size_t payload_bytes;
        append_hex(&bytes, text_of(row, "hex"));
        assert_true(wire_frame_look(bytes.data, bytes.bytes, WIRE_FRAME_MAX_BYTES, &payload_bytes, &err));
        assert_int_equal(payload_bytes, bytes.bytes - WIRE_FRAME_PREFIX_BYTES);
        const uint8_t *message = bytes.data + WIRE_FRAME_PREFIX_BYTES;
        assert_true(wire_header_read(&h, message, payload_bytes, &err));
        assert_fields(name, cJSON_GetObjectItem(row, "header"), &wire_type_header, &h, WIRE_0_9_16);
        wire_sensor sensor = wire_sensor_from_index(h.sensor_type, WIRE_0_9_16);
        assert_int_equal(wire_sensor_index(sensor, WIRE_0_9_16), h.sensor_type);
        size_t start = wire_frame_begin(&got);
        if (sensor == WIRE_SENSOR_SNAPSHOT) {
            check_snapshot(name, fields, message, payload_bytes);
            checked++;
        } else if (wire_sensor_pixel_bytes(sensor)) {
            wire_image image;
            const uint8_t *pixels;
            if (!wire_image_read(&h, &image, &pixels, message, payload_bytes, WIRE_0_9_16, &err))
                fail_msg("%s: %s", name, err.text);
            assert_int_equal(image.width, cJSON_GetObjectItem(fields, "width")->valueint);
            assert_true(image.fov == (float)cJSON_GetObjectItem(fields, "fov_angle")->valuedouble);
            const cJSON *bgra = cJSON_GetObjectItem(fields, "pixels_bgra_row_major");
            for (int i = 0; bgra && i < cJSON_GetArraySize(bgra) * 4; i++)
                assert_int_equal(pixels[i], cJSON_GetArrayItem(cJSON_GetArrayItem(bgra, i / 4), i % 4)->valueint);
            assert_true(wire_image_append(&got, sensor, h.frame, h.timestamp, h.transform, &image, WIRE_0_9_16, &err));
            base_buffer_append(&got, pixels, (size_t)image.width * image.height * (size_t)wire_sensor_pixel_bytes(sensor));
            assert_true(wire_frame_end(&got, start));
            assert_bytes(name, &bytes, &got);
            checked++;
        }
        for (size_t i = 0; i < sizeof objects / sizeof *objects; i++) {
            char value[1024];
            if (strncmp(name, objects[i].starts, strlen(objects[i].starts)) != 0)
                continue;
            if (!wire_object_read(&h, objects[i].type, value, message, payload_bytes, WIRE_0_9_16, m, &err))
                fail_msg("%s: %s", name, err.text);
            assert_fields(name, fields, objects[i].type, value, WIRE_0_9_16);
            assert_true(
                wire_object_append(&got, sensor, h.frame, h.timestamp, h.transform, objects[i].type, value, WIRE_0_9_16, &err));
            assert_true(wire_frame_end(&got, start));
            base_buffer_append(&payload, bytes.data + 4, WIRE_HEADER_BYTES);
            if (text_of(row, "out"))
                append_hex(&payload, text_of(row, "out"));
            else
                base_buffer_append(&payload, message + WIRE_HEADER_BYTES, payload_bytes - WIRE_HEADER_BYTES);
            base_buffer_consume(&got, WIRE_FRAME_PREFIX_BYTES);
            assert_bytes(name, &payload, &got);
            checked++;
        }
        base_buffer_free(&bytes);
        base_buffer_free(&got);
        base_buffer_free(&payload);
        wire_memory_reset(m);
    }
    assert_true(checked >= 12);
    cJSON_Delete(rows);
    wire_memory_destroy(m);
}

/* CARLA's presets are constants of its client; the recordings hold them as bytes. */
static void weather_presets(void **state)
{
    (void)state;
    cJSON *rows = read_lines("tests/golden/wire/values.jsonl"), *row;
    size_t seen = 0;
    cJSON_ArrayForEach(row, rows)
    {
        const char *preset = strstr(text_of(row, "name"), "preset ");
        wire_weather w;
        if (!preset)
            continue;
        if (!wire_weather_preset(&w, preset + 7))
            fail_msg("no preset %s", preset + 7);
        base_buffer want = { 0 }, got = { 0 };
        append_hex(&want, text_of(row, "hex"));
        assert_true(wire_value_encode(&got, &wire_type_weather, &w, WIRE_0_9_16, NULL));
        assert_bytes(preset, &want, &got);
        base_buffer_free(&want);
        base_buffer_free(&got);
        seen++;
    }
    assert_true(seen > 20);
    assert_non_null(wire_weather_preset_name(seen - 1));
    assert_null(wire_weather_preset_name(seen));
    cJSON_Delete(rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_both_ways),
        cmocka_unit_test(calls_both_ways),
        cmocka_unit_test(sensors_both_ways),
        cmocka_unit_test(weather_presets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
