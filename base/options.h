/* base/options.h — a table that binds JSON keys to the fields of an options struct.
 *
 *     static const base_option train_table[] = {
 *         { "batch", BASE_OPTION_INT, offsetof(train_options, batch), 0, 1, 4096, NULL, NULL, NULL, "images per step" },
 *         ...
 *     };
 *     train_options o = train_options_default();
 *     base_options_read(&o, train_table, COUNT, &json, json.root, err)     unknown key, wrong type, out of range: FILE:LINE
 *     base_options_print(&o, train_table, COUNT)                            cJSON object with every value, in table order
 *
 * A key that is absent keeps the value the struct already has (the default). */
#ifndef BASE_OPTIONS_H
#define BASE_OPTIONS_H
#include "base/json.h"

typedef enum base_option_type {
    BASE_OPTION_BOOL,   /* bool */
    BASE_OPTION_INT,    /* int, lo..hi */
    BASE_OPTION_U64,    /* uint64_t; a number or a decimal string */
    BASE_OPTION_FLOAT,  /* float, lo..hi */
    BASE_OPTION_DOUBLE, /* double, lo..hi */
    BASE_OPTION_STRING, /* char[size] */
    BASE_OPTION_ENUM,   /* int: index into `names` (NULL-terminated) */
    BASE_OPTION_OBJECT, /* nested struct at offset, described by `table` */
    BASE_OPTION_CUSTOM  /* read / print decide */
} base_option_type;

typedef struct base_option base_option;
typedef struct base_option_custom {
    bool (*read)(void *field, const base_json *j, const cJSON *value, base_error *err);
    cJSON *(*print)(const void *field); /* a new value */
} base_option_custom;

struct base_option {
    const char *key;
    base_option_type type;
    size_t offset;
    size_t size;                      /* STRING: bytes of the field; OBJECT: entries of `table` */
    double lo, hi;                    /* INT, FLOAT, DOUBLE: inclusive range */
    const char *const *names;         /* ENUM */
    const base_option *table;         /* OBJECT */
    const base_option_custom *custom; /* CUSTOM */
    const char *help;                 /* one phrase with the unit */
};

bool base_options_read(void *options, const base_option *table, size_t count, const base_json *j, const cJSON *object,
                       base_error *err);
cJSON *base_options_print(const void *options, const base_option *table, size_t count); /* NULL: out of memory */
#endif
