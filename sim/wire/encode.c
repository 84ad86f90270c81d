/* Values to msgpack and to JSON. The reverse of decode.c: keep the two in step. */
#include "sim/wire/value.h"
#include <inttypes.h>
#include <math.h>
#include <msgpack.h>
#include <string.h>

#define SCALAR(name, kind, ctype) const wire_type wire_type_##name = { #name, kind, sizeof(ctype), NULL, NULL, 0, NULL, 0 }
SCALAR(flag, WIRE_KIND_BOOL, bool);
SCALAR(u8, WIRE_KIND_U8, uint8_t);
SCALAR(u16, WIRE_KIND_U16, uint16_t);
SCALAR(u32, WIRE_KIND_U32, uint32_t);
SCALAR(u64, WIRE_KIND_U64, uint64_t);
SCALAR(i32, WIRE_KIND_I32, int32_t);
SCALAR(i64, WIRE_KIND_I64, int64_t);
SCALAR(f32, WIRE_KIND_F32, float);
SCALAR(f64, WIRE_KIND_F64, double);
SCALAR(text, WIRE_KIND_TEXT, const char *);
SCALAR(bytes, WIRE_KIND_BYTES, wire_bytes);
const wire_type wire_type_none = { "none", WIRE_KIND_STRUCT, 0, NULL, NULL, 0, NULL, 0 };

static int write_to_buffer(void *buffer, const char *data, size_t bytes)
{
    return base_buffer_append(buffer, data, bytes) ? 0 : -1;
}

/* The C layouts { T *items; size_t count; } and { bool has; T value; } of any T, read without knowing T. */
static void list_view(const void *value, const uint8_t **items, size_t *count)
{
    memcpy(items, value, sizeof *items);
    memcpy(count, (const uint8_t *)value + sizeof(void *), sizeof *count);
}

#define LOAD(ctype, value)                                                                                                     \
    __extension__({                                                                                                            \
        ctype loaded_;                                                                                                         \
        memcpy(&loaded_, (value), sizeof loaded_);                                                                             \
        loaded_;                                                                                                               \
    })

static size_t present_fields(const wire_type *t, wire_version v)
{
    size_t n = 0;
    for (size_t i = 0; i < t->count; i++)
        n += t->fields[i].since <= v;
    return n;
}

static bool pack(msgpack_packer *p, const wire_type *t, const void *value, wire_version v, base_error *err)
{
    const uint8_t *at = value;
    switch (t->kind) {
    case WIRE_KIND_BOOL: LOAD(bool, at) ? msgpack_pack_true(p) : msgpack_pack_false(p); break;
    case WIRE_KIND_U8: msgpack_pack_uint8(p, *at); break;
    case WIRE_KIND_U16: msgpack_pack_uint16(p, LOAD(uint16_t, at)); break;
    case WIRE_KIND_U32: msgpack_pack_uint32(p, LOAD(uint32_t, at)); break;
    case WIRE_KIND_U64: msgpack_pack_uint64(p, LOAD(uint64_t, at)); break;
    case WIRE_KIND_I32: msgpack_pack_int32(p, LOAD(int32_t, at)); break;
    case WIRE_KIND_I64: msgpack_pack_int64(p, LOAD(int64_t, at)); break;
    case WIRE_KIND_F32: msgpack_pack_float(p, LOAD(float, at)); break;
    case WIRE_KIND_F64: msgpack_pack_double(p, LOAD(double, at)); break;
    case WIRE_KIND_TEXT: {
        const char *text = LOAD(const char *, at);
        size_t n = text ? strlen(text) : 0;
        msgpack_pack_str(p, n);
        msgpack_pack_str_body(p, text, n);
        break;
    }
    case WIRE_KIND_BYTES: {
        wire_bytes b = LOAD(wire_bytes, at);
        msgpack_pack_bin(p, b.bytes);
        msgpack_pack_bin_body(p, b.data, b.bytes);
        break;
    }
    case WIRE_KIND_ATTRIBUTE: msgpack_pack_uint8(p, (uint8_t)(v >= WIRE_0_9_16 ? *at : *at - 1)); break;
    case WIRE_KIND_STRUCT:
        msgpack_pack_array(p, present_fields(t, v));
        for (size_t i = 0; i < t->count; i++)
            if (t->fields[i].since <= v && !pack(p, t->fields[i].type, at + t->fields[i].offset, v, err))
                return base_fail_in(err, "%s", t->fields[i].name);
        break;
    case WIRE_KIND_PACKED: {
        uint8_t bytes[256];
        size_t n = wire_packed_bytes(t, v);
        wire_packed_write(bytes, t, value, v);
        msgpack_pack_bin(p, n);
        msgpack_pack_bin_body(p, bytes, n);
        break;
    }
    case WIRE_KIND_LIST: {
        const uint8_t *items;
        size_t count;
        list_view(value, &items, &count);
        msgpack_pack_array(p, count);
        for (size_t i = 0; i < count; i++)
            if (!pack(p, t->element, items + i * t->element->bytes, v, err))
                return base_fail_in(err, "%s %zu", t->element->name, i);
        break;
    }
    case WIRE_KIND_OPTIONAL:
        if (!LOAD(bool, at)) {
            msgpack_pack_array(p, 1);
            msgpack_pack_false(p);
            break;
        }
        msgpack_pack_array(p, 2);
        msgpack_pack_true(p);
        return pack(p, t->element, at + t->offset, v, err);
    case WIRE_KIND_VARIANT: {
        int kind = LOAD(int, at);
        if (kind < 0 || (size_t)kind >= t->count)
            return base_fail(err, BASE_ARGUMENT, "%s: no kind %d", t->name, kind);
        const wire_alternative *c = &t->choices[kind];
        if (c->index[WIRE_VERSION_INDEX(v)] < 0)
            return base_fail(err, BASE_UNSUPPORTED, "%s: CARLA %s has no %s", t->name, wire_version_name(v), c->name);
        msgpack_pack_array(p, 2);
        msgpack_pack_uint8(p, (uint8_t)c->index[WIRE_VERSION_INDEX(v)]);
        return pack(p, c->type, at + t->offset, v, err);
    }
    case WIRE_KIND_CHARS: return base_fail(err, BASE_ARGUMENT, "%s exists in packed records only", t->name);
    }
    return true;
}

bool wire_value_encode(base_buffer *out, const wire_type *type, const void *value, wire_version version, base_error *err)
{
    msgpack_packer p;
    msgpack_packer_init(&p, out, write_to_buffer);
    if (!pack(&p, type, value, version, err))
        return false;
    if (out->failed)
        return base_fail(err, BASE_MEMORY, "%s: does not fit the output of at most %zu bytes", type->name, out->max_bytes);
    return true;
}

/* Text is UTF-8 already; raw characters (`latin1`) become the code points of their values. */
static void print_text(base_buffer *out, const char *text, size_t bytes, bool latin1)
{
    base_buffer_append(out, "\"", 1);
    for (size_t i = 0; i < bytes; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == '"' || c == '\\')
            base_buffer_printf(out, "\\%c", c);
        else if (c < 0x20 || (latin1 && c >= 0x7f))
            base_buffer_printf(out, "\\u%04x", c);
        else
            base_buffer_append(out, &text[i], 1);
    }
    base_buffer_append(out, "\"", 1);
}

static void print_float(base_buffer *out, double x, int digits)
{
    if (isfinite(x))
        base_buffer_printf(out, "%.*g", digits, x);
    else
        base_buffer_printf(out, "null");
}

#define EXACT_IN_DOUBLE (UINT64_C(1) << 53)

void wire_value_print(base_buffer *out, const wire_type *t, const void *value, wire_version v)
{
    const uint8_t *at = value;
    switch (t->kind) {
    case WIRE_KIND_BOOL: base_buffer_printf(out, LOAD(bool, at) ? "true" : "false"); break;
    case WIRE_KIND_ATTRIBUTE:
    case WIRE_KIND_U8: base_buffer_printf(out, "%u", *at); break;
    case WIRE_KIND_U16: base_buffer_printf(out, "%u", LOAD(uint16_t, at)); break;
    case WIRE_KIND_U32: base_buffer_printf(out, "%" PRIu32, LOAD(uint32_t, at)); break;
    case WIRE_KIND_U64: {
        uint64_t x = LOAD(uint64_t, at);
        base_buffer_printf(out, x <= EXACT_IN_DOUBLE ? "%" PRIu64 : "\"%" PRIu64 "\"", x);
        break;
    }
    case WIRE_KIND_I32: base_buffer_printf(out, "%" PRId32, LOAD(int32_t, at)); break;
    case WIRE_KIND_I64: {
        int64_t x = LOAD(int64_t, at);
        bool exact = x <= (int64_t)EXACT_IN_DOUBLE && x >= -(int64_t)EXACT_IN_DOUBLE;
        base_buffer_printf(out, exact ? "%" PRId64 : "\"%" PRId64 "\"", x);
        break;
    }
    case WIRE_KIND_F32: print_float(out, LOAD(float, at), 9); break;
    case WIRE_KIND_F64: print_float(out, LOAD(double, at), 17); break;
    case WIRE_KIND_TEXT: {
        const char *text = LOAD(const char *, at);
        print_text(out, text ? text : "", text ? strlen(text) : 0, false);
        break;
    }
    case WIRE_KIND_CHARS: print_text(out, (const char *)at, strnlen((const char *)at, t->bytes), true); break;
    case WIRE_KIND_BYTES: {
        wire_bytes b = LOAD(wire_bytes, at);
        base_buffer_printf(out, "\"");
        for (size_t i = 0; i < b.bytes; i++)
            base_buffer_printf(out, "%02x", b.data[i]);
        base_buffer_printf(out, "\"");
        break;
    }
    case WIRE_KIND_STRUCT:
    case WIRE_KIND_PACKED: {
        const char *comma = "";
        base_buffer_printf(out, "{");
        for (size_t i = 0; i < t->count; i++) {
            if (t->fields[i].since > v)
                continue;
            base_buffer_printf(out, "%s\"%s\":", comma, t->fields[i].name);
            wire_value_print(out, t->fields[i].type, at + t->fields[i].offset, v);
            comma = ",";
        }
        base_buffer_printf(out, "}");
        break;
    }
    case WIRE_KIND_LIST: {
        const uint8_t *items;
        size_t count;
        list_view(value, &items, &count);
        base_buffer_printf(out, "[");
        for (size_t i = 0; i < count; i++) {
            base_buffer_printf(out, i ? "," : "");
            wire_value_print(out, t->element, items + i * t->element->bytes, v);
        }
        base_buffer_printf(out, "]");
        break;
    }
    case WIRE_KIND_OPTIONAL:
        if (LOAD(bool, at))
            wire_value_print(out, t->element, at + t->offset, v);
        else
            base_buffer_printf(out, "null");
        break;
    case WIRE_KIND_VARIANT: {
        int kind = LOAD(int, at);
        if (kind < 0 || (size_t)kind >= t->count) {
            base_buffer_printf(out, "null");
            break;
        }
        base_buffer_printf(out, "{\"%s\":", t->choices[kind].name);
        wire_value_print(out, t->choices[kind].type, at + t->offset, v);
        base_buffer_printf(out, "}");
        break;
    }
    }
}

bool wire_value_is_finite(const wire_type *t, const void *value, const char **name)
{
    const uint8_t *at = value;
    switch (t->kind) {
    case WIRE_KIND_F32: return isfinite(LOAD(float, at));
    case WIRE_KIND_F64: return isfinite(LOAD(double, at));
    case WIRE_KIND_STRUCT:
    case WIRE_KIND_PACKED:
        for (size_t i = 0; i < t->count; i++) {
            const wire_type *f = t->fields[i].type;
            if (!wire_value_is_finite(f, at + t->fields[i].offset, name)) {
                if (f->kind == WIRE_KIND_F32 || f->kind == WIRE_KIND_F64)
                    *name = t->fields[i].name;
                return false;
            }
        }
        return true;
    case WIRE_KIND_LIST: {
        const uint8_t *items;
        size_t count;
        list_view(value, &items, &count);
        for (size_t i = 0; i < count; i++)
            if (!wire_value_is_finite(t->element, items + i * t->element->bytes, name))
                return false;
        return true;
    }
    case WIRE_KIND_OPTIONAL: return !LOAD(bool, at) || wire_value_is_finite(t->element, at + t->offset, name);
    case WIRE_KIND_VARIANT: {
        int kind = LOAD(int, at);
        return kind < 0 || (size_t)kind >= t->count || wire_value_is_finite(t->choices[kind].type, at + t->offset, name);
    }
    default: return true;
    }
}
