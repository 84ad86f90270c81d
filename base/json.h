/* base/json.h — strict JSON with line numbers, over cJSON.
 *
 * cJSON keeps no positions, takes duplicate keys and trailing text. A scanner runs first: it refuses duplicates, trailing
 * bytes, bad UTF-8 escapes, numbers that are not finite, nesting past 32 and texts past max_bytes, and notes the line of every value.
 * Errors read "FILE:LINE: what was expected, what was found". Integers above 2^53 are written as decimal strings. */
#ifndef BASE_JSON_H
#define BASE_JSON_H
#include "base/error.h"
#include <cjson/cJSON.h>
#include <stdint.h>

typedef struct base_json {
    cJSON *root;    /* owned by the base_json */
    char name[256]; /* for messages: the path */
    struct base_json_line {
        const cJSON *value;
        int line;
    } * lines;
    size_t line_count;
    bool sorted; /* lines are in order of address: set when the tree is complete */
} base_json;

#define BASE_JSON_MAX_BYTES ((size_t)64 << 20)

bool base_json_parse(base_json *j, const char *text, size_t bytes, const char *name, base_error *err);
bool base_json_read(base_json *j, const char *path, base_error *err);
void base_json_free(base_json *j);                             /* {0} is accepted */
int base_json_line_of(const base_json *j, const cJSON *value); /* 1-based; 0 when value is not of j */

/* "NAME:LINE: text" as a BASE_FORMAT error about one value. Always false. */
bool base_json_fail(const base_json *j, const cJSON *value, base_error *err, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Members of an object; a missing or mistyped one is an error that names key, line, expected and found type. */
const cJSON *base_json_member(const base_json *j, const cJSON *object, const char *key, base_error *err);
bool base_json_int(const base_json *j, const cJSON *object, const char *key, int64_t lo, int64_t hi, int64_t *out,
                   base_error *err);
bool base_json_double(const base_json *j, const cJSON *object, const char *key, double *out, base_error *err);
bool base_json_string(const base_json *j, const cJSON *object, const char *key, const char **out, base_error *err);
bool base_json_bool(const base_json *j, const cJSON *object, const char *key, bool *out, base_error *err);
/* Accepts a number or a decimal string (for 64-bit values). */
bool base_json_u64(const base_json *j, const cJSON *object, const char *key, uint64_t *out, base_error *err);
#endif
