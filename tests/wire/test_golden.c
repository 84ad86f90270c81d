/* The wire room against bytes that CARLA's own serialisers and clients wrote: decode, compare the fields, encode, compare the bytes.
 * Every row of tests/golden/wire is one value; each test prints how many of its values pass. */
#include "base/file.h"
#include "sim/wire/wire.h"
#include <cjson/cJSON.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* What one row needs while it is checked. */
typedef struct bench {
    wire_memory *memory;
    base_buffer bytes, reply, want, got, text;
    _Alignas(16) char value[4096];
    char why[600];
} bench;

static bool no(bench *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
static bool no(bench *b, const char *format, ...)
{
    va_list a;
    va_start(a, format);
    vsnprintf(b->why, sizeof b->why, format, a);
    va_end(a);
    return false;
}
#define NEED(CONDITION, ...)                                                                                                   \
    do {                                                                                                                       \
        if (!(CONDITION))                                                                                                      \
            return no(b, __VA_ARGS__);                                                                                         \
    } while (0)

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
static double number_of(const cJSON *row, const char *key) { return cJSON_GetObjectItem(row, key)->valuedouble; }

static void append_hex(base_buffer *out, const char *hex)
{
    for (size_t i = 0; hex && hex[i] && hex[i + 1]; i += 2) {
        unsigned x;
        assert_int_equal(sscanf(hex + i, "%2x", &x), 1);
        base_buffer_append(out, &(uint8_t){ (uint8_t)x }, 1);
    }
}

/* row[key] as bytes, with the row's filling behind it. */
static void load(base_buffer *out, const cJSON *row, const char *key)
{
    base_buffer_clear(out);
    append_hex(out, text_of(row, key));
    if (text_of(row, "fill"))
        for (int n = cJSON_GetObjectItem(row, "count")->valueint; n > 0; n--)
            append_hex(out, text_of(row, "fill"));
}

static bool same_bytes(bench *b, const base_buffer *want, const base_buffer *got)
{
    size_t i = 0;
    while (i < want->bytes && i < got->bytes && want->data[i] == got->data[i])
        i++;
    NEED(i == want->bytes && i == got->bytes, "%zu bytes expected, %zu written, first difference at offset %zu (%02x, %02x)",
         want->bytes, got->bytes, i, i < want->bytes ? want->data[i] : 0, i < got->bytes ? got->data[i] : 0);
    return true;
}

/* Run the check on every row of the file. Says what failed and how many passed. */
static void check_rows(const char *file, const char *what, int at_least, bool (*check)(bench *b, const cJSON *row))
{
    char path[128];
    bench *b = calloc(1, sizeof *b);
    b->memory = wire_memory_create(WIRE_MEMORY_DEFAULT, NULL);
    snprintf(path, sizeof path, "tests/golden/wire/%s", file);
    cJSON *rows = read_lines(path), *row;
    int passed = 0, all = 0;
    cJSON_ArrayForEach(row, rows)
    {
        wire_memory_reset(b->memory);
        base_buffer_clear(&b->got);
        base_buffer_clear(&b->want);
        all++;
        if (check(b, row))
            passed++;
        else
            print_message("%s: %s: %s\n", file, text_of(row, cJSON_HasObjectItem(row, "name") ? "name" : "method"), b->why);
    }
    print_message("%s: %d of %d %s\n", file, passed, all, what);
    base_buffer *buffers[] = { &b->bytes, &b->reply, &b->want, &b->got, &b->text };
    for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++)
        base_buffer_free(buffers[i]);
    wire_memory_destroy(b->memory);
    free(b);
    cJSON_Delete(rows);
    assert_int_equal(passed, all);
    assert_true(all >= at_least);
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

static bool same_fields(bench *b, const cJSON *want, const wire_type *type, const void *value, wire_version version)
{
    base_buffer_clear(&b->text);
    wire_value_print(&b->text, type, value, version);
    base_buffer_append(&b->text, "", 1);
    cJSON *got = cJSON_Parse((char *)b->text.data);
    NEED(got, "prints as %.100s, which is not JSON", b->text.data);
    char where[256] = "";
    bool ok = same(want, got, where, sizeof where);
    cJSON_Delete(got);
    NEED(ok, "%s", where);
    return true;
}

/* ---- values ---- */

static const wire_field metadata_field[] = { { "asynchronous", &wire_type_flag, 0, WIRE_0_9_13 } };
static const wire_type metadata = { "metadata", WIRE_KIND_STRUCT, sizeof(bool), metadata_field, NULL, 1, NULL, 0 };
static const wire_type attribute_number = { "attribute_type", WIRE_KIND_ATTRIBUTE, sizeof(uint8_t), NULL, NULL, 0, NULL, 0 };
static const wire_field attribute_field[] = { { "type", &attribute_number, 0, WIRE_0_9_13 } };
static const wire_type attribute_type = {
    "attribute_type", WIRE_KIND_STRUCT, sizeof(uint8_t), attribute_field, NULL, 1, NULL, 0
};

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
    TYPE(bytes),
    TYPE(text_list),
    TYPE(u32_list),
    TYPE(endpoint),
    TYPE(vehicle_light_list),
    TYPE(optional_f64),
    TYPE(optional_u32),
    TYPE(texture),
    TYPE(float_texture),
    TYPE(bones_in),
    TYPE(bones_out),
    TYPE(command_list),
    { "metadata", &metadata },
    { "attribute_type", &attribute_type },
};

static const wire_type *type_named(const char *name)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(types[i].name, name) == 0)
            return types[i].type;
    fail_msg("no wire_type_%s", name);
    return NULL;
}

/* The arguments of a call in the shape of an older release, read as 0.9.16 reads that client. */
static bool check_arguments(bench *b, const cJSON *row)
{
    const char *name = text_of(row, "method");
    const wire_method *method = wire_method_find(name, strlen(name), WIRE_0_9_16);
    base_error err = { 0 };
    wire_request r;
    bool ignore;
    base_buffer_clear(&b->bytes);
    append_hex(&b->bytes, "940001");
    base_buffer_append(&b->bytes, &(uint8_t){ (uint8_t)(0xa0 | strlen(name)) }, 1);
    base_buffer_append(&b->bytes, name, strlen(name));
    append_hex(&b->bytes, text_of(row, "hex"));
    NEED(wire_request_decode(&r, &ignore, b->bytes.data, b->bytes.bytes, b->memory, &err) &&
             wire_arguments_decode(b->value, &r, method, WIRE_0_9_16, b->memory, &err),
         "%s", err.text);
    NEED(r.argument_count + 1 == wire_method_argument_count(method, WIRE_0_9_16), "%zu arguments", r.argument_count);
    return true;
}

static bool check_value(bench *b, const cJSON *row)
{
    if (text_of(row, "method"))
        return check_arguments(b, row);
    const wire_type *type = type_named(text_of(row, "type"));
    wire_version version = (wire_version)cJSON_GetObjectItem(row, "version")->valueint;
    base_error err = { 0 };
    bool decode_only = cJSON_IsTrue(cJSON_GetObjectItem(row, "decode_only"));
    assert_true(type->bytes <= sizeof b->value);
    load(&b->bytes, row, "hex");
    load(&b->want, row, cJSON_HasObjectItem(row, "out") ? "out" : "hex");
    /* The older spawn commands were cut from newer bytes: read them as 0.9.16 reads a client of 0.9.15. */
    NEED(wire_value_read(b->bytes.data, b->bytes.bytes, type, b->value, decode_only ? WIRE_0_9_16 : version, b->memory, &err),
         "%s", err.text);
    const cJSON *fields = cJSON_GetObjectItem(row, "fields");
    if (fields && !cJSON_IsNull(fields) && !same_fields(b, fields, type, b->value, version))
        return false;
    if (decode_only)
        return true;
    NEED(wire_value_encode(&b->got, type, b->value, version, &err), "%s", err.text);
    return same_bytes(b, &b->want, &b->got);
}
static void values_both_ways(void **state)
{
    (void)state;
    check_rows("values.jsonl", "values", 228, check_value);
}

/* ---- results ---- */

static bool check_response(bench *b, const cJSON *row)
{
    const char *name = text_of(row, "method"), *error = text_of(row, "error");
    const wire_method *method = wire_method_find(name, strlen(name), WIRE_0_9_16);
    static const char head[] = "940107c0";
    base_error err = { 0 };
    wire_response r;
    NEED(method, "no function %s", name);
    base_buffer_clear(&b->bytes);
    append_hex(&b->bytes, head);
    append_hex(&b->bytes, text_of(row, "hex"));
    append_hex(&b->want, head);
    append_hex(&b->want, text_of(row, cJSON_HasObjectItem(row, "out") ? "out" : "hex"));
    NEED(wire_response_decode(&r, b->bytes.data, b->bytes.bytes, b->memory, &err), "%s", err.text);
    bool ok = wire_result_decode(b->value, &r, method, WIRE_0_9_16, b->memory, &err);
    NEED(ok == !error && (ok || err.code == BASE_REMOTE), "%s", err.text);
    if (error)
        NEED(strstr(err.text, error), "the error is: %s", err.text);
    const cJSON *fields = cJSON_GetObjectItem(row, "fields");
    if (fields && !same_fields(b, fields, method->result, b->value, WIRE_0_9_16))
        return false;
    NEED(error ? wire_error_encode(&b->got, 7, method, error)
               : wire_result_encode(&b->got, 7, method, b->value, WIRE_0_9_16, &err),
         "%s", err.text);
    if (!same_bytes(b, &b->want, &b->got))
        return false;
    if (!error || strcmp(error, "unknown error") != 0)
        return true;
    base_buffer_clear(&b->got);
    NEED(wire_unheeded_encode(&b->got, 7, method), "cannot encode");
    return same_bytes(b, &b->want, &b->got);
}
static void results_both_ways(void **state)
{
    (void)state;
    check_rows("responses.jsonl", "values", 24, check_response);
}

/* ---- whole messages ---- */

/* b->bytes holds the request; it must come out again as b->want. Calls with another release's argument count are read only: the
 * recorded client is of August 2024, when replay_file had no offset yet. */
static bool check_request(bench *b, wire_request *r, const wire_method *method, wire_version version)
{
    base_error err = { 0 };
    bool ignore;
    NEED(wire_request_decode(r, &ignore, b->bytes.data, b->bytes.bytes, b->memory, &err), "%s", err.text);
    NEED(!ignore, "not taken for a call");
    if (!method)
        return true;
    base_buffer_clear(&b->got);
    assert_true(method->args->bytes <= sizeof b->value);
    NEED(strcmp(r->name, method->name) == 0, "is a call of %s", r->name);
    NEED(wire_arguments_decode(b->value, r, method, version, b->memory, &err) &&
             wire_request_encode(&b->got, r->id, method, r->asynchronous, b->value, version, &err),
         "%s", err.text);
    return r->argument_count != wire_method_argument_count(method, version) || same_bytes(b, &b->want, &b->got);
}

/* b->reply holds what CARLA's server answered, b->want what ours must write for it. */
static bool check_reply(bench *b, const wire_request *r, const wire_method *method)
{
    wire_response answer;
    base_error err = { 0 };
    base_buffer_clear(&b->got);
    assert_true(method->result->bytes <= sizeof b->value);
    NEED(wire_response_decode(&answer, b->reply.data, b->reply.bytes, b->memory, &err), "%s", err.text);
    NEED(answer.id == r->id, "id %u answers %u", answer.id, r->id);
    bool ok = wire_result_decode(b->value, &answer, method, WIRE_0_9_16, b->memory, &err);
    NEED(ok || err.code == BASE_REMOTE, "%s", err.text);
    const char *message = ok ? NULL : strstr(err.text, ": ");
    if (r->asynchronous)
        NEED(wire_unheeded_encode(&b->got, r->id, method), "cannot encode");
    else
        NEED(ok ? wire_result_encode(&b->got, r->id, method, b->value, WIRE_0_9_16, &err)
                : message && wire_error_encode(&b->got, r->id, method, message + 2),
             "%s", err.text);
    return same_bytes(b, &b->want, &b->got);
}

/* The text of a map, half a megabyte, is kept as its length and first bytes. */
static bool check_long_reply(bench *b, const cJSON *row, const wire_request *r, const wire_method *method)
{
    const size_t all = (size_t)number_of(row, "bytes");
    base_error err = { 0 };
    append_hex(&b->want, text_of(row, "begin"));
    char *text = calloc(1, all + 1);
    const void *result = &text;
    wire_bytes bytes = { (uint8_t *)text, 0 };
    const size_t head = 4 + 3 + 5 + (r->id > 127); /* response (whose id may take a byte more), Response<T>, length */
    memset(text, ' ', all - head);
    for (size_t i = head; i < b->want.bytes; i++)
        text[i - head] = (char)b->want.data[i];
    bytes.bytes = all - head;
    if (method->result == &wire_type_bytes)
        result = &bytes;
    bool ok = wire_result_encode(&b->got, r->id, method, result, WIRE_0_9_16, &err);
    free(text);
    NEED(ok, "%s", err.text);
    NEED(b->got.bytes == all, "%zu bytes expected, %zu written", all, b->got.bytes);
    b->got.bytes = b->want.bytes;
    return same_bytes(b, &b->want, &b->got);
}

static bool check_call(bench *b, const cJSON *row)
{
    const char *name = text_of(row, "method");
    const wire_method *method = wire_method_find(name, strlen(name), WIRE_0_9_16);
    wire_request r;
    NEED(method, "no such function");
    load(&b->bytes, row, "request");
    load(&b->want, row, cJSON_HasObjectItem(row, "request_out") ? "request_out" : "request");
    if (!check_request(b, &r, method, WIRE_0_9_16))
        return false;
    if (text_of(row, "begin")) {
        base_buffer_clear(&b->got);
        base_buffer_clear(&b->want);
        return check_long_reply(b, row, &r, method);
    }
    if (!text_of(row, "reply"))
        return true; /* the recording ends before the answer */
    load(&b->reply, row, "reply");
    load(&b->want, row, cJSON_HasObjectItem(row, "out") ? "out" : "reply");
    return check_reply(b, &r, method);
}
static void sessions_both_ways(void **state)
{
    (void)state;
    check_rows("sessions.jsonl", "calls", 308, check_call);
}

/* CARLA's wrappers around rpclib, with functions that the recording's server had beside its own. */
typedef struct two_doubles {
    double a, b;
} two_doubles;
static const wire_field sum_fields[] = { { "a", &wire_type_f64, offsetof(two_doubles, a), WIRE_0_9_13 },
                                         { "b", &wire_type_f64, offsetof(two_doubles, b), WIRE_0_9_13 } };
static const wire_type sum_args = { "add", WIRE_KIND_STRUCT, sizeof(two_doubles), sum_fields, NULL, 2, NULL, 0 };
#define ONE(NAME, TYPE)                                                                                                        \
    static const wire_field NAME##_field[] = { { "x", &wire_type_##TYPE, 0, WIRE_0_9_13 } };                                   \
    static const wire_type NAME##_args = { #NAME, WIRE_KIND_STRUCT, 64, NAME##_field, NULL, 1, NULL, 0 }
ONE(transform, transform);
ONE(text, text);
ONE(number, u32);
static const wire_method own_functions[] = {
    { WIRE_METHOD_COUNT, "add", &sum_args, &wire_type_f64, WIRE_0_9_13, false },
    { WIRE_METHOD_COUNT, "echo_transform", &transform_args, &wire_type_transform, WIRE_0_9_13, false },
    { WIRE_METHOD_COUNT, "text_length", &text_args, &wire_type_u64, WIRE_0_9_13, false },
    { WIRE_METHOD_COUNT, "fail", &number_args, &wire_type_flag, WIRE_0_9_13, false },
    { WIRE_METHOD_COUNT, "slow", &number_args, &wire_type_u32, WIRE_0_9_13, false },
    { WIRE_METHOD_COUNT, "nothing", &wire_type_none, &wire_type_none, WIRE_0_9_13, false },
    { WIRE_METHOD_COUNT, "nothing_fails", &wire_type_none, &wire_type_none, WIRE_0_9_13, false },
    { WIRE_METHOD_COUNT, "throws", &wire_type_none, &wire_type_none, WIRE_0_9_13, false },
    { WIRE_METHOD_COUNT, "not_wrapped", &wire_type_none, &wire_type_u32_list, WIRE_0_9_13, true },
};

static const wire_method *own_function(const char *name)
{
    for (size_t i = 0; i < sizeof own_functions / sizeof *own_functions; i++)
        if (strcmp(own_functions[i].name, name) == 0)
            return &own_functions[i];
    return wire_method_find(name, strlen(name), WIRE_0_9_16);
}

/* What rpclib's own errors say must be what our server would say of the same request. */
static bool check_fault(bench *b, const wire_request *r, const wire_method *method, const char *fault)
{
    base_error err = { 0 }, why = { 0 };
    base_buffer_clear(&b->got);
    if (method && wire_arguments_decode(b->value, r, method, WIRE_0_9_16, b->memory, &why)) {
        /* The function was reached and threw. */
        const char *said = strstr(fault, "information: ");
        NEED(said, "the arguments are good, the recorded server said: %s", fault);
        base_fail(&why, BASE_FORMAT, "%.*s", (int)strlen(said + 13) - 1, said + 13);
    } else if (method && why.code != BASE_ARGUMENT)
        base_fail(&why, BASE_FORMAT, "std::bad_cast"); /* msgpack's word for a wrong type; ours says more */
    NEED(wire_fault_encode(&b->got, r, method, WIRE_0_9_16, &why), "%s", err.text);
    return same_bytes(b, &b->want, &b->got);
}

static bool check_message(bench *b, const cJSON *row)
{
    wire_request r;
    wire_response answer;
    base_error err = { 0 };
    bool ignore;
    load(&b->bytes, row, "request");
    NEED(wire_request_decode(&r, &ignore, b->bytes.data, b->bytes.bytes, b->memory, &err), "%s", err.text);
    const wire_method *method = own_function(r.name);
    if (!text_of(row, "reply")) {
        NEED(r.notification, "no answer was recorded");
        return true;
    }
    base_buffer_clear(&b->reply);
    append_hex(&b->reply, text_of(row, "reply"));
    NEED(wire_response_decode(&answer, b->reply.data, b->reply.bytes, b->memory, &err), "%s", err.text);
    NEED(answer.id == r.id, "id %u answers %u", answer.id, r.id);
    if (answer.fault) {
        base_buffer_append(&b->want, b->reply.data, b->reply.bytes);
        return check_fault(b, &r, method, answer.fault);
    }
    NEED(method, "no function %s", r.name);
    bool integers = method->args == &sum_args && b->bytes.bytes < 20; /* this client packed 1 and -2 for doubles: decode only */
    if (integers)
        NEED(wire_arguments_decode(b->value, &r, method, WIRE_0_9_16, b->memory, &err) &&
                 ((two_doubles *)(void *)b->value)->b == -2,
             "%s", err.text);
    else {
        base_buffer_append(&b->want, b->bytes.data, b->bytes.bytes);
        if (!check_request(b, &r, method, WIRE_0_9_16))
            return false;
    }
    base_buffer_clear(&b->want);
    base_buffer_append(&b->want, b->reply.data, b->reply.bytes);
    return check_reply(b, &r, method);
}
static void messages_both_ways(void **state)
{
    (void)state;
    check_rows("traffic.jsonl", "messages", 25, check_message);
}

/* What the released clients send, each function once. */
static bool check_official(bench *b, const cJSON *row)
{
    wire_version version = (wire_version)cJSON_GetObjectItem(row, "version")->valueint;
    const char *name = text_of(row, "method");
    const wire_method *method = wire_method_find(name, strlen(name), version);
    wire_request r;
    NEED(method, "no such function in %s", wire_version_name(version));
    load(&b->bytes, row, "request");
    base_error err = { 0 };
    bool ignore;
    NEED(wire_request_decode(&r, &ignore, b->bytes.data, b->bytes.bytes, b->memory, &err) &&
             wire_arguments_decode(b->value, &r, method, version, b->memory, &err) &&
             wire_request_encode(&b->got, r.id, method, r.asynchronous, b->value, version, &err),
         "%s", err.text);
    return same_bytes(b, &b->bytes, &b->got);
}
static void released_clients_both_ways(void **state)
{
    (void)state;
    check_rows("official.jsonl", "requests", 200, check_official);
}

/* ---- sensors ---- */

static const struct {
    const char *starts;
    wire_sensor sensor;
    const wire_type *type;
} objects[] = {
    { "collision", WIRE_SENSOR_COLLISION, &wire_type_collision },
    { "obstacle", WIRE_SENSOR_OBSTACLE, &wire_type_obstacle },
    { "imu", WIRE_SENSOR_IMU, &wire_type_imu },
    { "gnss", WIRE_SENSOR_GNSS, &wire_type_geo_location },
};

/* Field by field of one actor in a snapshot; what depends on its kind is written again into `again`. */
static bool check_actor(bench *b, const cJSON *a, const wire_actor_state *s, wire_actor_state *again)
{
    const char *kind = text_of(a, "kind");
    NEED(s->life == number_of(a, "actor_state"), "%s: state %d", kind, s->life);
    if (!same_fields(b, cJSON_GetObjectItem(a, "transform"), &wire_type_transform, &s->transform, WIRE_0_9_16) ||
        !same_fields(b, cJSON_GetObjectItem(a, "velocity"), &wire_type_vector3, &s->velocity, WIRE_0_9_16) ||
        !same_fields(b, cJSON_GetObjectItem(a, "angular_velocity"), &wire_type_vector3, &s->angular_velocity, WIRE_0_9_16) ||
        !same_fields(b, cJSON_GetObjectItem(a, "acceleration"), &wire_type_vector3, &s->acceleration, WIRE_0_9_16))
        return false;
    if (strcmp(kind, "vehicle") == 0) {
        wire_vehicle_state v;
        wire_vehicle_state_read(&v, s, WIRE_0_9_16);
        if (!same_fields(b, cJSON_GetObjectItem(a, "control"), &wire_type_vehicle_control, &v.control, WIRE_0_9_16))
            return false;
        NEED(v.has_traffic_light && v.traffic_light_id == 33 && v.failure_state == 3 && v.speed_limit == 30.5F,
             "vehicle state");
        wire_vehicle_state_write(again, &v, WIRE_0_9_16);
    } else if (strcmp(kind, "walker") == 0) {
        wire_walker_control w;
        wire_walker_state_read(&w, s);
        if (!same_fields(b, cJSON_GetObjectItem(a, "control"), &wire_type_walker_control, &w, WIRE_0_9_16))
            return false;
        wire_walker_state_write(again, &w);
    } else if (strcmp(kind, "traffic light") == 0) {
        wire_light_state l;
        wire_light_state_read(&l, s);
        NEED(strcmp(l.sign_id, text_of(a, "sign_id")) == 0 && l.green_time == 10.5F && l.red_time == 2.125F &&
                 l.pole_index == 2 && l.time_is_frozen && l.state == WIRE_LIGHT_GREEN,
             "traffic light state");
        wire_light_state_write(again, &l);
    } else if (strncmp(kind, "traffic sign", 12) == 0) {
        wire_sign_state sign;
        wire_sign_state_read(&sign, s);
        NEED(memcmp(sign.sign_id, text_of(a, "sign_id"), 32) == 0, "sign id"); /* fills the field, no zero byte */
        wire_sign_state_write(again, &sign);
    }
    NEED(memcmp(again->state, s->state, sizeof again->state) == 0, "%s: its state does not come out as it went in", kind);
    return true;
}

/* fields NULL: bytes only. The message, prefix and all, goes to b->got. */
static bool again_snapshot(bench *b, const cJSON *fields, const uint8_t *message, size_t bytes)
{
    base_error err = { 0 };
    wire_header h;
    wire_snapshot s;
    size_t count;
    NEED(wire_snapshot_read(&h, &s, &count, message, bytes, WIRE_0_9_16, &err), "%s", err.text);
    const cJSON *actors = cJSON_GetObjectItem(fields, "actors"), *origin = cJSON_GetObjectItem(fields, "map_origin");
    if (fields) {
        NEED((int)count == cJSON_GetArraySize(actors), "%zu actors", count);
        NEED(s.simulation_state == number_of(fields, "simulation_state") &&
                 s.delta_seconds == (float)number_of(fields, "delta_seconds"),
             "state %u, delta %g", s.simulation_state, (double)s.delta_seconds);
        for (int i = 0; i < 3; i++)
            NEED(s.map_origin[i] == cJSON_GetArrayItem(origin, i)->valueint, "map origin");
    }
    wire_actor_state *states = wire_memory_take(b->memory, count + 1, sizeof *states, NULL);
    for (size_t i = 0; i < count; i++) {
        wire_snapshot_actor(&states[i], message, i);
        wire_actor_state again = states[i];
        NEED(wire_snapshot_actor_id(message, i) == states[i].id, "actor id");
        if (fields && !check_actor(b, cJSON_GetArrayItem(actors, (int)i), &states[i], &again))
            return false;
    }
    size_t start = wire_frame_begin(&b->got);
    NEED(wire_snapshot_append(&b->got, h.frame, h.timestamp, &s, states, count, WIRE_0_9_16, &err) &&
             wire_frame_end(&b->got, start),
         "%s", err.text);
    return true;
}

static bool again_image(bench *b, const cJSON *fields, wire_sensor sensor, const uint8_t *message, size_t bytes)
{
    base_error err = { 0 };
    wire_header h;
    wire_image image;
    const uint8_t *pixels;
    NEED(wire_image_read(&h, &image, &pixels, message, bytes, WIRE_0_9_16, &err), "%s", err.text);
    if (fields)
        NEED(image.width == number_of(fields, "width") && image.height == number_of(fields, "height") &&
                 image.fov == (float)number_of(fields, "fov_angle"),
             "%u x %u, fov %g", image.width, image.height, (double)image.fov);
    const cJSON *bgra = cJSON_GetObjectItem(fields, "pixels_bgra_row_major"), *flow = cJSON_GetObjectItem(fields, "pixels_xy");
    NEED(!fields || bgra || flow, "no pixels to compare");
    for (int i = 0; bgra && i < cJSON_GetArraySize(bgra) * 4; i++)
        NEED(pixels[i] == cJSON_GetArrayItem(cJSON_GetArrayItem(bgra, i / 4), i % 4)->valueint, "byte %d is %d", i, pixels[i]);
    size_t start = wire_frame_begin(&b->got);
    NEED(wire_image_append(&b->got, sensor, h.frame, h.timestamp, h.transform, &image, WIRE_0_9_16, &err), "%s", err.text);
    for (int i = 0; flow && i < cJSON_GetArraySize(flow); i++) {
        wire_flow f = wire_flow_read(pixels + 8 * i);
        const cJSON *xy = cJSON_GetArrayItem(flow, i);
        uint8_t out[8];
        NEED(f.x == (float)cJSON_GetArrayItem(xy, 0)->valuedouble && f.y == (float)cJSON_GetArrayItem(xy, 1)->valuedouble,
             "flow %d is %g, %g", i, (double)f.x, (double)f.y);
        wire_flow_write(out, f);
        base_buffer_append(&b->got, out, sizeof out);
    }
    if (!flow)
        base_buffer_append(&b->got, pixels, (size_t)image.width * image.height * (size_t)wire_sensor_pixel_bytes(sensor));
    NEED(wire_frame_end(&b->got, start), "length");
    return true;
}

/* Records against rows of the recording: [..] in the order of the fields, or {..} with all or some of them. */
static bool check_records(bench *b, const cJSON *want, const wire_records *r)
{
    if (!want)
        return true;
    NEED((int)r->count == cJSON_GetArraySize(want), "%zu records", r->count);
    for (size_t i = 0; i < r->count; i++) {
        const cJSON *row = cJSON_GetArrayItem(want, (int)i);
        char record[512], where[128] = "no such field";
        assert_true(r->type->bytes <= sizeof record);
        wire_record_read(record, r, i);
        base_buffer_clear(&b->text);
        wire_value_print(&b->text, r->type, record, WIRE_0_9_16);
        base_buffer_append(&b->text, "", 1);
        cJSON *got = cJSON_Parse((char *)b->text.data);
        bool ok = got && (cJSON_IsObject(row) || cJSON_GetArraySize(row) == cJSON_GetArraySize(got));
        int n = 0;
        for (const cJSON *w = ok ? row->child : NULL; w && ok; w = w->next, n++) {
            const cJSON *g = w->string ? cJSON_GetObjectItemCaseSensitive(got, w->string) : cJSON_GetArrayItem(got, n);
            ok = g && same(w, g, where, sizeof where);
        }
        cJSON_Delete(got);
        NEED(ok, "record %zu: %s", i, where);
    }
    return true;
}

static bool again_measurement(bench *b, const cJSON *fields, wire_sensor sensor, const uint8_t *message, size_t bytes)
{
    base_error err = { 0 };
    wire_header h;
    wire_records channels = { 0 }, records;
    wire_image image;
    float angle = 0;
    bool lidar = sensor == WIRE_SENSOR_LIDAR || sensor == WIRE_SENSOR_SEMANTIC_LIDAR;
    NEED(lidar                         ? wire_lidar_read(&h, &angle, &channels, &records, message, bytes, WIRE_0_9_16, &err)
         : sensor == WIRE_SENSOR_DVS   ? wire_dvs_read(&h, &image, &records, message, bytes, WIRE_0_9_16, &err)
         : sensor == WIRE_SENSOR_RADAR ? wire_radar_read(&h, &records, message, bytes, WIRE_0_9_16, &err)
                                       : wire_v2x_read(&h, &records, message, bytes, WIRE_0_9_16, &err),
         "%s", err.text);
    static const char *const names[] = { "points_xyzi", "points", "events", "detections_velocity_azimuth_altitude_depth",
                                         "messages" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!check_records(b, cJSON_GetObjectItem(fields, names[i]), &records))
            return false;
    uint32_t counts[16] = { 0 };
    NEED(channels.count <= 16, "%zu channels", channels.count);
    for (size_t i = 0; i < channels.count; i++) {
        wire_record_read(&counts[i], &channels, i);
        const cJSON *want = cJSON_GetObjectItem(fields, "points_per_channel");
        NEED(!want || counts[i] == (uint32_t)cJSON_GetArrayItem(want, (int)i)->valueint, "channel %zu has %u", i, counts[i]);
    }
    if (lidar && fields)
        NEED(angle == (float)number_of(fields, "horizontal_angle"), "angle %g", (double)angle);
    uint8_t *all = wire_memory_take(b->memory, records.count + 1, records.type->bytes, NULL);
    for (size_t i = 0; i < records.count; i++)
        wire_record_read(all + i * records.type->bytes, &records, i);
    size_t start = wire_frame_begin(&b->got);
    NEED(lidar ? wire_lidar_append(&b->got, sensor, h.frame, h.timestamp, h.transform, angle, counts, (uint32_t)channels.count,
                                   all, WIRE_0_9_16, &err)
         : sensor == WIRE_SENSOR_DVS ? wire_dvs_append(&b->got, h.frame, h.timestamp, h.transform, &image, (void *)all,
                                                       records.count, WIRE_0_9_16, &err)
         : sensor == WIRE_SENSOR_RADAR
             ? wire_radar_append(&b->got, h.frame, h.timestamp, h.transform, (void *)all, records.count, WIRE_0_9_16, &err)
             : wire_v2x_append(&b->got, sensor, h.frame, h.timestamp, h.transform, all, records.count, WIRE_0_9_16, &err),
         "%s", err.text);
    NEED(wire_frame_end(&b->got, start), "length");
    return true;
}

static bool again_object(bench *b, const cJSON *fields, wire_sensor sensor, const uint8_t *message, size_t bytes)
{
    base_error err = { 0 };
    wire_header h;
    for (size_t i = 0; i < sizeof objects / sizeof *objects; i++) {
        if (objects[i].sensor != sensor)
            continue;
        NEED(wire_object_read(&h, objects[i].type, b->value, message, bytes, WIRE_0_9_16, b->memory, &err), "%s", err.text);
        if (fields && !same_fields(b, fields, objects[i].type, b->value, WIRE_0_9_16))
            return false;
        size_t start = wire_frame_begin(&b->got);
        NEED(wire_object_append(&b->got, sensor, h.frame, h.timestamp, h.transform, objects[i].type, b->value, WIRE_0_9_16,
                                &err) &&
                 wire_frame_end(&b->got, start),
             "%s", err.text);
        return true;
    }
    return no(b, "no payload known for sensor type %d", (int)sensor);
}

/* One message of a stream with its prefix in b->bytes. row: its fields, or only its bytes; "out" is the payload as we write it. */
static bool check_stream_message(bench *b, const cJSON *row)
{
    base_error err = { 0 };
    wire_header h;
    size_t bytes;
    NEED(wire_frame_look(b->bytes.data, b->bytes.bytes, WIRE_FRAME_MAX_BYTES, &bytes, &err), "%s", err.text);
    NEED(bytes == b->bytes.bytes - WIRE_FRAME_PREFIX_BYTES, "length %zu of %zu", bytes, b->bytes.bytes);
    uint8_t *message = b->bytes.data + WIRE_FRAME_PREFIX_BYTES;
    NEED(wire_header_read(&h, message, bytes, &err), "%s", err.text);
    const cJSON *header = cJSON_GetObjectItem(row, "header"), *fields = cJSON_GetObjectItem(row, "fields");
    if (header && !same_fields(b, header, &wire_type_header, &h, WIRE_0_9_16))
        return false;
    wire_sensor sensor = wire_sensor_from_index(h.sensor_type, WIRE_0_9_16);
    NEED(sensor < WIRE_SENSOR_COUNT && wire_sensor_index(sensor, WIRE_0_9_16) == (int)h.sensor_type, "sensor type");
    base_buffer_clear(&b->got);
    bool ok;
    switch (sensor) {
    case WIRE_SENSOR_SNAPSHOT:
        memset(message + 24, 0, 24); /* the recording put a transform there; a server leaves it zero, and so do we */
        ok = again_snapshot(b, fields, message, bytes);
        break;
    case WIRE_SENSOR_LIDAR:
    case WIRE_SENSOR_SEMANTIC_LIDAR:
    case WIRE_SENSOR_RADAR:
    case WIRE_SENSOR_DVS:
    case WIRE_SENSOR_V2X:
    case WIRE_SENSOR_V2X_CUSTOM: ok = again_measurement(b, fields, sensor, message, bytes); break;
    default:
        ok = wire_sensor_pixel_bytes(sensor) ? again_image(b, fields, sensor, message, bytes)
                                             : again_object(b, fields, sensor, message, bytes);
    }
    if (!ok)
        return false;
    base_buffer_clear(&b->want);
    base_buffer_append(&b->want, b->bytes.data, b->bytes.bytes);
    if (text_of(row, "out")) {
        b->want.bytes = WIRE_FRAME_PREFIX_BYTES + WIRE_HEADER_BYTES;
        append_hex(&b->want, text_of(row, "out"));
        wire_frame_end(&b->want, 0);
    }
    return same_bytes(b, &b->want, &b->got);
}

static bool check_sensor(bench *b, const cJSON *row)
{
    load(&b->bytes, row, "hex");
    return check_stream_message(b, row);
}
static void sensors_both_ways(void **state)
{
    (void)state;
    check_rows("sensors.jsonl", "messages", 18, check_sensor);
}
static void v2x_both_ways(void **state)
{
    (void)state;
    check_rows("v2x.jsonl", "messages", 2, check_sensor);
}

/* One connection: what the client says first, then messages. */
static bool check_stream(bench *b, const cJSON *row)
{
    const cJSON *message, *messages = cJSON_GetObjectItem(row, "messages");
    base_error err = { 0 };
    if (text_of(row, "join")) {
        uint8_t again[WIRE_JOIN_BYTES];
        load(&b->bytes, row, "join");
        NEED(b->bytes.bytes == WIRE_JOIN_BYTES, "%zu bytes", b->bytes.bytes);
        wire_join_write(again, wire_join_read(b->bytes.data));
        NEED(memcmp(again, b->bytes.data, sizeof again) == 0, "the stream id does not come out as it went in");
    }
    if (text_of(row, "token")) {
        wire_token t;
        uint8_t bytes[WIRE_TOKEN_BYTES] = { 0 }, again[WIRE_TOKEN_BYTES];
        load(&b->bytes, row, "token");
        memcpy(bytes, b->bytes.data, 8);
        NEED(wire_token_read(&t, (wire_bytes){ bytes, sizeof bytes }) && t.stream_id == number_of(row, "stream_id") &&
                 t.protocol == 1 && t.address_type == 0,
             "stream %u, protocol %u", t.stream_id, t.protocol);
        wire_token_write(&t, again);
        NEED(memcmp(again, bytes, sizeof again) == 0, "the token does not come out as it went in");
    }
    if (text_of(row, "frame")) {
        size_t bytes;
        load(&b->bytes, row, "frame");
        bool ok = wire_frame_look(b->bytes.data, b->bytes.bytes, 1 << 20, &bytes, &err);
        NEED(ok == (b->bytes.bytes > WIRE_FRAME_PREFIX_BYTES), "%s", ok ? "a length of 0 is accepted" : err.text);
        NEED(!ok || bytes == b->bytes.bytes - WIRE_FRAME_PREFIX_BYTES, "length %zu", bytes);
    }
    cJSON_ArrayForEach(message, messages)
    {
        load(&b->bytes, message, "hex");
        if (!check_stream_message(b, message))
            return false;
    }
    return true;
}
static void streams_both_ways(void **state)
{
    (void)state;
    check_rows("streams.jsonl", "connections", 18, check_stream);
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
        assert_int_equal(got.bytes, want.bytes);
        assert_memory_equal(got.data, want.data, want.bytes);
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
        cmocka_unit_test(results_both_ways),
        cmocka_unit_test(messages_both_ways),
        cmocka_unit_test(sessions_both_ways),
        cmocka_unit_test(released_clients_both_ways),
        cmocka_unit_test(sensors_both_ways),
        cmocka_unit_test(v2x_both_ways),
        cmocka_unit_test(streams_both_ways),
        cmocka_unit_test(weather_presets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
