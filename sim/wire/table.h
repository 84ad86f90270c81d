/* sim/wire/table.h — the macros that the tables of this room are written with. */
#ifndef SIM_WIRE_TABLE_H
#define SIM_WIRE_TABLE_H
#include "sim/wire/value.h"

/* Rows: FIELD(member, type) inside STRUCT_TYPE, where S names the C struct. */
#define FIELD_SINCE(S, member, type, release)                                                                                  \
    {                                                                                                                          \
#member, &wire_type_##type, offsetof(S, member), WIRE_0_9_##release                                                    \
    }
#define FIELD(S, member, type) FIELD_SINCE(S, member, type, 13)
#define COUNT_OF(array)        (sizeof(array) / sizeof *(array))

/* wire_type_NAME for `struct wire_NAME` with the rows of fields_NAME. */
#define STRUCT_TYPE(name)                                                                                                      \
    const wire_type wire_type_##name = {                                                                                       \
        #name, WIRE_KIND_STRUCT, sizeof(wire_##name), fields_##name, NULL, COUNT_OF(fields_##name), NULL, 0                    \
    }
#define LIST_TYPE(name, item)                                                                                                  \
    const wire_type wire_type_##name = { #name, WIRE_KIND_LIST, sizeof(wire_##name), NULL, NULL, 0, &wire_type_##item, 0 }
#define OPTIONAL_TYPE(name, item)                                                                                              \
    const wire_type wire_type_##name = { #name, WIRE_KIND_OPTIONAL, sizeof(wire_##name),         NULL, NULL,                   \
                                         0,     &wire_type_##item,  offsetof(wire_##name, value) }
#endif
