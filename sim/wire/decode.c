/* Values from msgpack. The reverse of encode.c: keep the two in step. */
#include "sim/wire/memory.h"
#include "sim/wire/rpc.h"
#include <string.h>

static bool mismatch(base_error *err, const char *expected, const msgpack_object *o)
{
    return base_fail(err, BASE_FORMAT, "expected %s, found %s", expected, wire_object_name(o));
}

static bool take_unsigned(const msgpack_object *o, uint64_t max, uint64_t *x, base_error *err)
{
    if (o->type != MSGPACK_OBJECT_POSITIVE_INTEGER && o->type != MSGPACK_OBJECT_NEGATIVE_INTEGER)
        return mismatch(err, "an integer", o);
    if (o->type == MSGPACK_OBJECT_NEGATIVE_INTEGER || o->via.u64 > max)
        return base_fail(err, BASE_FORMAT, "expected an integer of 0 to %llu, found one outside", (unsigned long long)max);
    *x = o->via.u64;
    return true;
}

static bool take_signed(const msgpack_object *o, int64_t min, int64_t max, int64_t *x, base_error *err)
{
    if (o->type != MSGPACK_OBJECT_POSITIVE_INTEGER && o->type != MSGPACK_OBJECT_NEGATIVE_INTEGER)
        return mismatch(err, "an integer", o);
    bool outside = o->type == MSGPACK_OBJECT_POSITIVE_INTEGER ? o->via.u64 > (uint64_t)max : o->via.i64 < min;
    if (outside)
        return base_fail(err, BASE_FORMAT, "expected an integer of %lld to %lld, found one outside", (long long)min,
                         (long long)max);
    *x = o->via.i64;
    return true;
}

static bool take_float(const msgpack_object *o, double *x, base_error *err)
{
    switch (o->type) {
    case MSGPACK_OBJECT_FLOAT32:
    case MSGPACK_OBJECT_FLOAT64: *x = o->via.f64; return true;
    case MSGPACK_OBJECT_POSITIVE_INTEGER: *x = (double)o->via.u64; return true;
    case MSGPACK_OBJECT_NEGATIVE_INTEGER: *x = (double)o->via.i64; return true;
    default: return mismatch(err, "a number", o);
    }
}

static bool take_bytes(const msgpack_object *o, const char *expected, wire_bytes *b, base_error *err)
{
    /* str and bin lie in the union at the same place, but that is msgpack's business */
    if (o->type == MSGPACK_OBJECT_STR)
        *b = (wire_bytes){ (const uint8_t *)o->via.str.ptr, o->via.str.size };
    else if (o->type == MSGPACK_OBJECT_BIN)
        *b = (wire_bytes){ (const uint8_t *)o->via.bin.ptr, o->via.bin.size };
    else
        return mismatch(err, expected, o);
    if (!b->bytes)
        b->data = (const uint8_t *)""; /* msgpack's empty text has no pointer */
    return true;
}

static size_t fields_of(const wire_type *t, wire_version v)
{
    size_t n = 0;
    for (size_t i = 0; i < t->count; i++)
        n += t->fields[i].since <= v;
    return n;
}

/* The release whose column to read an array of `count` elements by: ours, or when that one has more fields, the newest older one
 * with exactly as many. 0 when there is none. */
static int column_for(const wire_type *t, size_t count, wire_version v)
{
    if (count >= fields_of(t, v)) {
        /* An older server meets a newer client: what looks like extra elements may be another release's fields in the middle. */
        if (count > fields_of(t, v))
            for (int other = v + 1; other <= WIRE_VERSION_LATEST; other++)
                if (fields_of(t, (wire_version)other) == count)
                    return other;
        return v;
    }
    for (int other = v - 1; other >= (int)WIRE_VERSION_FIRST; other--)
        if (fields_of(t, (wire_version)other) == count)
            return other;
    return 0;
}

static bool unpack(const msgpack_object *o, const wire_type *t, void *value, wire_version v, wire_memory *m, base_error *err);

static bool unpack_struct(const msgpack_object *items, size_t count, const wire_type *t, void *value, wire_version v,
                          wire_memory *m, base_error *err)
{
    int column = column_for(t, count, v);
    if (!column)
        return base_fail(err, BASE_FORMAT, "expected an array of %zu for %s, found %zu", fields_of(t, v), t->name, count);
    size_t next = 0;
    for (size_t i = 0; i < t->count; i++) {
        if ((int)t->fields[i].since > column)
            continue;
        if (!unpack(&items[next++], t->fields[i].type, (uint8_t *)value + t->fields[i].offset, v, m, err))
            return base_fail_in(err, "%s", t->fields[i].name);
    }
    return true;
}

static bool unpack(const msgpack_object *o, const wire_type *t, void *value, wire_version v, wire_memory *m, base_error *err)
{
    uint8_t *at = value;
    uint64_t u = 0;
    int64_t i = 0;
    double x = 0;
    switch (t->kind) {
    case WIRE_KIND_BOOL:
        if (o->type != MSGPACK_OBJECT_BOOLEAN)
            return mismatch(err, "a boolean", o);
        memcpy(at, &o->via.boolean, sizeof(bool));
        return true;
    case WIRE_KIND_U8:
        if (!take_unsigned(o, UINT8_MAX, &u, err))
            return false;
        *at = (uint8_t)u;
        return true;
    case WIRE_KIND_U16: {
        if (!take_unsigned(o, UINT16_MAX, &u, err))
            return false;
        uint16_t narrow = (uint16_t)u;
        memcpy(at, &narrow, sizeof narrow);
        return true;
    }
    case WIRE_KIND_U32: {
        if (!take_unsigned(o, UINT32_MAX, &u, err))
            return false;
        uint32_t narrow = (uint32_t)u;
        memcpy(at, &narrow, sizeof narrow);
        return true;
    }
    case WIRE_KIND_U64:
        if (!take_unsigned(o, UINT64_MAX, &u, err))
            return false;
        memcpy(at, &u, sizeof u);
        return true;
    case WIRE_KIND_I32: {
        if (!take_signed(o, INT32_MIN, INT32_MAX, &i, err))
            return false;
        int32_t narrow = (int32_t)i;
        memcpy(at, &narrow, sizeof narrow);
        return true;
    }
    case WIRE_KIND_I64:
        if (!take_signed(o, INT64_MIN, INT64_MAX, &i, err))
            return false;
        memcpy(at, &i, sizeof i);
        return true;
    case WIRE_KIND_F32: {
        if (!take_float(o, &x, err))
            return false;
        float narrow = (float)x;
        memcpy(at, &narrow, sizeof narrow);
        return true;
    }
    case WIRE_KIND_F64:
        if (!take_float(o, &x, err))
            return false;
        memcpy(at, &x, sizeof x);
        return true;
    case WIRE_KIND_TEXT: {
        wire_bytes b = { 0 };
        if (!take_bytes(o, "text", &b, err))
            return false;
        if (memchr(b.data, 0, b.bytes))
            return base_fail(err, BASE_FORMAT, "text with a zero byte inside");
        char *copy = wire_memory_take(m, b.bytes + 1, 1, err);
        if (!copy)
            return false;
        memcpy(copy, b.data, b.bytes);
        memcpy(at, &copy, sizeof copy);
        return true;
    }
    case WIRE_KIND_BYTES: {
        wire_bytes b = { 0 };
        if (!take_bytes(o, "bytes", &b, err))
            return false;
        uint8_t *copy = wire_memory_take(m, b.bytes, 1, err);
        if (!copy)
            return false;
        memcpy(copy, b.data, b.bytes);
        b.data = copy;
        memcpy(at, &b, sizeof b);
        return true;
    }
    case WIRE_KIND_ATTRIBUTE: {
        unsigned first = v >= WIRE_0_9_16 ? 1 : 0;
        if (!take_unsigned(o, first + 4, &u, err) || u < first)
            return base_fail(err, BASE_FORMAT, "expected an attribute type of %u to %u", first, first + 4);
        *at = (uint8_t)(u - first + 1);
        return true;
    }
    case WIRE_KIND_STRUCT:
        if (o->type != MSGPACK_OBJECT_ARRAY)
            return mismatch(err, "an array", o);
        return unpack_struct(o->via.array.ptr, o->via.array.size, t, value, v, m, err);
    case WIRE_KIND_PACKED: {
        wire_bytes b = { 0 };
        if (!take_bytes(o, "bytes", &b, err))
            return false;
        if (b.bytes != wire_packed_bytes(t, v))
            return base_fail(err, BASE_FORMAT, "expected %zu bytes for %s, found %zu", wire_packed_bytes(t, v), t->name,
                             b.bytes);
        wire_packed_read(b.data, t, value, v);
        return true;
    }
    case WIRE_KIND_LIST: {
        if (o->type != MSGPACK_OBJECT_ARRAY)
            return mismatch(err, "an array", o);
        size_t count = o->via.array.size;
        uint8_t *items = wire_memory_take(m, count, t->element->bytes, err);
        if (!items)
            return false;
        for (size_t k = 0; k < count; k++)
            if (!unpack(&o->via.array.ptr[k], t->element, items + k * t->element->bytes, v, m, err))
                return base_fail_in(err, "%s %zu", t->element->name, k);
        memcpy(at, &items, sizeof items);
        memcpy(at + sizeof(void *), &count, sizeof count);
        return true;
    }
    case WIRE_KIND_OPTIONAL: {
        const msgpack_object *e = o->via.array.ptr;
        if (o->type != MSGPACK_OBJECT_ARRAY || o->via.array.size < 1 || e[0].type != MSGPACK_OBJECT_BOOLEAN)
            return base_fail(err, BASE_FORMAT, "expected [false] or [true, value], found %s", wire_object_name(o));
        if (!e[0].via.boolean)
            return true; /* the value was cleared */
        if (o->via.array.size < 2)
            return base_fail(err, BASE_FORMAT, "expected [true, value], found [true]");
        memcpy(at, &(bool){ true }, sizeof(bool));
        return unpack(&e[1], t->element, at + t->offset, v, m, err);
    }
    case WIRE_KIND_VARIANT: {
        const msgpack_object *e = o->via.array.ptr;
        if (o->type != MSGPACK_OBJECT_ARRAY || o->via.array.size != 2 || e[0].type != MSGPACK_OBJECT_POSITIVE_INTEGER)
            return base_fail(err, BASE_FORMAT, "expected [index, value] for %s, found %s", t->name, wire_object_name(o));
        for (size_t k = 0; k < t->count; k++) {
            int index = t->choices[k].index[WIRE_VERSION_INDEX(v)];
            if (index < 0 || (uint64_t)index != e[0].via.u64)
                continue;
            memcpy(at, &(int){ (int)k }, sizeof(int));
            return unpack(&e[1], t->choices[k].type, at + t->offset, v, m, err) || base_fail_in(err, "%s", t->choices[k].name);
        }
        return base_fail(err, BASE_FORMAT, "%s: CARLA %s has no number %llu", t->name, wire_version_name(v),
                         (unsigned long long)e[0].via.u64);
    }
    case WIRE_KIND_CHARS: break;
    }
    return base_fail(err, BASE_ARGUMENT, "%s exists in packed records only", t->name);
}

bool wire_value_decode(const wire_object *object, const wire_type *type, void *value, wire_version version, wire_memory *m,
                       base_error *err)
{
    if (type->bytes)
        memset(value, 0, type->bytes);
    return unpack(object, type, value, version, m, err);
}

bool wire_value_read(const void *data, size_t bytes, const wire_type *type, void *value, wire_version version, wire_memory *m,
                     base_error *err)
{
    wire_scan scan;
    wire_scan_start(&scan, NULL);
    wire_scan_result got = wire_scan_feed(&scan, data, bytes, err);
    if (got == WIRE_SCAN_BAD)
        return false;
    if (got == WIRE_SCAN_MORE || scan.offset != bytes)
        return base_fail(err, BASE_FORMAT, "%s: %s after %zu of %zu bytes", type->name,
                         got == WIRE_SCAN_MORE ? "the value is cut off" : "the value ends", scan.offset, bytes);
    msgpack_object o;
    return wire_memory_unpack(m, &o, data, bytes, err) && wire_value_decode(&o, type, value, version, m, err);
}
