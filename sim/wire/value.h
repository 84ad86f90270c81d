/* sim/wire/value.h — values on the wire, described once as data and encoded, decoded and printed by that description.
 *
 * A wire_type says how a C value is laid out in memory and how it travels; types.h has the C structs and their wire_types. In
 * msgpack a struct is the array of its fields in table order; a field that a release does not have yet (`since`) is left out.
 * The same tables describe the packed little-endian records of the sensor streams.
 *
 * Decoding is lenient where CARLA's own reader is (text for bytes and bytes for text, integers for floats, longer arrays) and
 * strict elsewhere. A struct array shorter than the release asks for is accepted only when it has exactly the length of another
 * supported release; the fields that are then missing read as zero.
 *
 * What decoding allocates (text, lists) lives in a wire_memory until that is reset; text always ends in a zero byte. */
#ifndef SIM_WIRE_VALUE_H
#define SIM_WIRE_VALUE_H
#include "base/buffer.h"
#include "base/error.h"
#include "sim/wire/version.h"
#include <stdint.h>

typedef enum wire_kind {
    WIRE_KIND_BOOL, /* bool */
    WIRE_KIND_U8,
    WIRE_KIND_U16,
    WIRE_KIND_U32,
    WIRE_KIND_U64,
    WIRE_KIND_I32,
    WIRE_KIND_I64,
    WIRE_KIND_F32,
    WIRE_KIND_F64,
    WIRE_KIND_TEXT,      /* const char *, zero-terminated; NULL encodes as "" */
    WIRE_KIND_BYTES,     /* wire_bytes: msgpack bin, which CARLA uses for vector<uint8_t> */
    WIRE_KIND_CHARS,     /* char[bytes], zero padded, perhaps unterminated; packed records only */
    WIRE_KIND_ATTRIBUTE, /* uint8_t holding a wire_attribute_type, whose numbers changed in 0.9.16 */
    WIRE_KIND_STRUCT,    /* msgpack array of the fields */
    WIRE_KIND_PACKED,    /* msgpack bin holding the packed fields */
    WIRE_KIND_LIST,      /* { T *items; size_t count; }: msgpack array */
    WIRE_KIND_OPTIONAL,  /* { bool has; T value; }: [false] or [true, value] */
    WIRE_KIND_VARIANT    /* { int kind; union as; }: [index, value], the index depends on the release */
} wire_kind;

typedef struct wire_type wire_type;

typedef struct wire_field {
    const char *name;
    const wire_type *type;
    size_t offset; /* in the C struct */
    wire_version since;
} wire_field;

typedef struct wire_alternative { /* one row per value of the C enum `kind`, in its order */
    const char *name;
    const wire_type *type;
    signed char index[WIRE_VERSION_COUNT]; /* number on the wire per release; -1: not in that release */
} wire_alternative;

struct wire_type {
    const char *name;
    wire_kind kind;
    size_t bytes;                    /* sizeof the C value */
    const wire_field *fields;        /* struct, packed */
    const wire_alternative *choices; /* variant */
    size_t count;                    /* of fields or choices */
    const wire_type *element;        /* list, optional */
    size_t offset;                   /* of an optional's value or a variant's union */
};

typedef struct wire_bytes {
    const uint8_t *data;
    size_t bytes;
} wire_bytes;

/* Memory of decoded values: grows in chunks, freed all at once, refuses to pass its bound. */
typedef struct wire_memory wire_memory;
wire_memory *wire_memory_create(size_t max_bytes, base_error *err);
void wire_memory_reset(wire_memory *m);
void wire_memory_destroy(wire_memory *m);
void *wire_memory_take(wire_memory *m, size_t count, size_t size, base_error *err); /* cleared */
#define WIRE_MEMORY_DEFAULT ((size_t)256 << 20)

/* A decoded but untyped msgpack value (msgpack.h's msgpack_object). */
struct msgpack_object;
typedef struct msgpack_object wire_object;

/* Append the msgpack form. Fails when a variant has no number in that release or the buffer is full. */
bool wire_value_encode(base_buffer *out, const wire_type *type, const void *value, wire_version version, base_error *err);
/* Fill *value (type->bytes, cleared first). The error names the path to the bad field. */
bool wire_value_decode(const wire_object *object, const wire_type *type, void *value, wire_version version, wire_memory *m,
                       base_error *err);
/* Scan and decode exactly one msgpack value that fills `data`. */
bool wire_value_read(const void *data, size_t bytes, const wire_type *type, void *value, wire_version version, wire_memory *m,
                     base_error *err);
/* Append JSON with the field names; integers beyond 2^53 and bytes (hex) as strings, non-finite floats as null. */
void wire_value_print(base_buffer *out, const wire_type *type, const void *value, wire_version version);
/* False when a float anywhere in the value is NaN or infinite; *name is then the innermost field. */
bool wire_value_is_finite(const wire_type *type, const void *value, const char **name);

/* Packed little-endian form, no padding; scalars, chars and structs of them only. */
size_t wire_packed_bytes(const wire_type *type, wire_version version);
void wire_packed_write(uint8_t *dst, const wire_type *type, const void *value, wire_version version);
void wire_packed_read(const uint8_t *src, const wire_type *type, void *value, wire_version version);

/* Scalars, for fields, arguments and results. */
extern const wire_type wire_type_none, wire_type_flag, wire_type_u8, wire_type_u16, wire_type_u32, wire_type_u64, wire_type_i32,
    wire_type_i64, wire_type_f32, wire_type_f64, wire_type_text, wire_type_bytes;
#endif
