#include "sim/wire/memory.h"
#include <stdlib.h>
#include <string.h>

wire_memory *wire_memory_create(size_t max_bytes, base_error *err)
{
    wire_memory *m = calloc(1, sizeof *m);
    if (!m || !msgpack_zone_init(&m->zone, MSGPACK_ZONE_CHUNK_SIZE)) {
        free(m);
        base_fail(err, BASE_MEMORY, "no memory for decoded values");
        return NULL;
    }
    m->max_bytes = max_bytes;
    return m;
}

void wire_memory_reset(wire_memory *m)
{
    msgpack_zone_clear(&m->zone);
    m->used_bytes = 0;
}

void wire_memory_destroy(wire_memory *m)
{
    if (!m)
        return;
    msgpack_zone_destroy(&m->zone);
    free(m);
}

void *wire_memory_take(wire_memory *m, size_t count, size_t size, base_error *err)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes) || bytes > m->max_bytes - m->used_bytes) {
        base_fail(err, BASE_MEMORY, "%zu values of %zu bytes pass the bound of %zu bytes for decoded values", count, size,
                  m->max_bytes);
        return NULL;
    }
    void *p = msgpack_zone_malloc(&m->zone, bytes ? bytes : 1);
    if (!p) {
        base_fail(err, BASE_MEMORY, "no memory for %zu bytes of decoded values", bytes);
        return NULL;
    }
    m->used_bytes += bytes;
    memset(p, 0, bytes);
    return p;
}

bool wire_memory_unpack(wire_memory *m, msgpack_object *object, const void *data, size_t bytes, base_error *err)
{
    size_t offset = 0;
    msgpack_unpack_return got = msgpack_unpack(data, bytes, &offset, &m->zone, object);
    if (got == MSGPACK_UNPACK_NOMEM_ERROR)
        return base_fail(err, BASE_MEMORY, "no memory to unpack a message of %zu bytes", bytes);
    /* EXTRA_BYTES is how this older entry point reports success with the input not used up. */
    if (got != MSGPACK_UNPACK_SUCCESS || offset != bytes)
        return base_fail(err, BASE_FORMAT, "offset %zu: not one msgpack value of %zu bytes", offset, bytes);
    return true;
}

const char *wire_object_name(const msgpack_object *o)
{
    switch (o->type) {
    case MSGPACK_OBJECT_NIL: return "nil";
    case MSGPACK_OBJECT_BOOLEAN: return "a boolean";
    case MSGPACK_OBJECT_POSITIVE_INTEGER:
    case MSGPACK_OBJECT_NEGATIVE_INTEGER: return "an integer";
    case MSGPACK_OBJECT_FLOAT32:
    case MSGPACK_OBJECT_FLOAT64: return "a float";
    case MSGPACK_OBJECT_STR: return "text";
    case MSGPACK_OBJECT_BIN: return "bytes";
    case MSGPACK_OBJECT_ARRAY: return "an array";
    case MSGPACK_OBJECT_MAP: return "a map";
    default: return "an extension";
    }
}
