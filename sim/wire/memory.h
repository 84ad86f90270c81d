/* sim/wire/memory.h — inside of wire_memory, for the files of this room that hand its zone to msgpack. */
#ifndef SIM_WIRE_MEMORY_H
#define SIM_WIRE_MEMORY_H
#include "sim/wire/value.h"
#include <msgpack.h>

struct wire_memory {
    msgpack_zone zone;
    size_t used_bytes, max_bytes;
};

/* Unpack one scanned message that fills `data` into the memory's zone. Text and bytes of the object point into `data`. */
bool wire_memory_unpack(wire_memory *m, msgpack_object *object, const void *data, size_t bytes, base_error *err);

/* "text", "integer", ...: what a msgpack object holds, for error messages. */
const char *wire_object_name(const msgpack_object *o);
#endif
