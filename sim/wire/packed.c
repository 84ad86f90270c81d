/* The little-endian records of the sensor streams, from the same tables as the msgpack forms. */
#include "sim/wire/value.h"
#include <assert.h>
#include <string.h>

size_t wire_packed_bytes(const wire_type *t, wire_version v)
{
    switch (t->kind) {
    case WIRE_KIND_BOOL: return 1;
    case WIRE_KIND_STRUCT:
    case WIRE_KIND_PACKED: {
        size_t n = 0;
        for (size_t i = 0; i < t->count; i++)
            n += t->fields[i].since <= v ? wire_packed_bytes(t->fields[i].type, v) : 0;
        return n;
    }
    default:
        assert(t->kind != WIRE_KIND_TEXT && t->kind != WIRE_KIND_BYTES && t->kind < WIRE_KIND_LIST);
        return t->bytes; /* numbers and char arrays are as wide as in C */
    }
}

/* Numbers are written byte by byte from the low end, so that the host's byte order does not matter. */
static void put(uint8_t *dst, uint64_t bits, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        dst[i] = (uint8_t)(bits >> (8 * i));
}

static uint64_t get(const uint8_t *src, size_t bytes)
{
    uint64_t bits = 0;
    for (size_t i = 0; i < bytes; i++)
        bits |= (uint64_t)src[i] << (8 * i);
    return bits;
}

static uint64_t load(const void *value, size_t bytes)
{
    uint8_t u8;
    uint16_t u16;
    uint32_t u32;
    uint64_t u64;
    switch (bytes) {
    case 1: memcpy(&u8, value, 1); return u8;
    case 2: memcpy(&u16, value, 2); return u16;
    case 4: memcpy(&u32, value, 4); return u32;
    default: memcpy(&u64, value, 8); return u64;
    }
}

static void store(void *value, uint64_t bits, size_t bytes)
{
    switch (bytes) {
    case 1: memcpy(value, &(uint8_t){ (uint8_t)bits }, 1); break;
    case 2: memcpy(value, &(uint16_t){ (uint16_t)bits }, 2); break;
    case 4: memcpy(value, &(uint32_t){ (uint32_t)bits }, 4); break;
    default: memcpy(value, &bits, 8); break;
    }
}

void wire_packed_write(uint8_t *dst, const wire_type *t, const void *value, wire_version v)
{
    switch (t->kind) {
    case WIRE_KIND_BOOL: {
        bool b;
        memcpy(&b, value, sizeof b);
        *dst = b;
        break;
    }
    case WIRE_KIND_CHARS: memcpy(dst, value, t->bytes); break;
    case WIRE_KIND_STRUCT:
    case WIRE_KIND_PACKED:
        for (size_t i = 0; i < t->count; i++)
            if (t->fields[i].since <= v) {
                wire_packed_write(dst, t->fields[i].type, (const uint8_t *)value + t->fields[i].offset, v);
                dst += wire_packed_bytes(t->fields[i].type, v);
            }
        break;
    default: put(dst, load(value, t->bytes), t->bytes); break;
    }
}

void wire_packed_read(const uint8_t *src, const wire_type *t, void *value, wire_version v)
{
    switch (t->kind) {
    case WIRE_KIND_BOOL: memcpy(value, &(bool){ *src != 0 }, sizeof(bool)); break;
    case WIRE_KIND_CHARS: memcpy(value, src, t->bytes); break;
    case WIRE_KIND_STRUCT:
    case WIRE_KIND_PACKED:
        for (size_t i = 0; i < t->count; i++)
            if (t->fields[i].since <= v) {
                wire_packed_read(src, t->fields[i].type, (uint8_t *)value + t->fields[i].offset, v);
                src += wire_packed_bytes(t->fields[i].type, v);
            }
        break;
    default: store(value, get(src, t->bytes), t->bytes); break;
    }
}
