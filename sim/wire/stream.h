/* sim/wire/stream.h — what the files of sensor messages share; of this room alone. */
#ifndef SIM_WIRE_STREAM_H
#define SIM_WIRE_STREAM_H
#include "sim/wire/sensor.h"

bool wire_packed_append(base_buffer *out, const wire_type *type, const void *value, wire_version version, base_error *err);
/* Read the header and refuse a message of another sensor. */
bool wire_expect_sensor(wire_header *h, wire_sensor s, const uint8_t *message, size_t bytes, wire_version version,
                        base_error *err);
#endif
