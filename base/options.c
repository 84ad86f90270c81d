#include "base/options.h"
#include <limits.h>
#include <stdio.h>
#include <string.h>

static const base_option *find(const base_option *table, size_t count, const char *key)
{
    for (size_t i = 0; i < count; i++)
        if (!strcmp(table[i].key, key))
            return &table[i];
    return NULL;
}

static bool read_enum(const base_option *o, int *field, const base_json *j, const cJSON *v, const cJSON *object,
                      base_error *err)
{
    const char *text;
    if (!base_json_string(j, object, o->key, &text, err))
        return false;
    char known[512] = "";
    size_t used = 0;
    for (int i = 0; o->names[i]; i++) {
        if (!strcmp(text, o->names[i])) {
            *field = i;
            return true;
        }
        if (used < sizeof known)
            used += (size_t)snprintf(known + used, sizeof known - used, "%s\"%s\"", i ? ", " : "", o->names[i]);
    }
    return base_json_fail(j, v, err, "\"%s\": one of %s expected, found \"%.60s\"", o->key, known, text);
}

static bool read_one(void *options, const base_option *o, const base_json *j, const cJSON *object, const cJSON *v,
                     base_error *err)
{
    void *field = (char *)options + o->offset;
    switch (o->type) {
    case BASE_OPTION_BOOL: return base_json_bool(j, object, o->key, field, err);
    case BASE_OPTION_INT: {
        int64_t n;
        if (!base_json_int(j, object, o->key, o->lo < INT_MIN ? INT_MIN : (int64_t)o->lo,
                           o->hi > INT_MAX ? INT_MAX : (int64_t)o->hi, &n, err))
            return false;
        *(int *)field = (int)n;
        return true;
    }
    case BASE_OPTION_U64: return base_json_u64(j, object, o->key, field, err);
    case BASE_OPTION_FLOAT:
    case BASE_OPTION_DOUBLE: {
        double d;
        if (!base_json_double(j, object, o->key, &d, err))
            return false;
        if (d < o->lo || d > o->hi)
            return base_json_fail(j, v, err, "\"%s\": %g to %g expected, found %g", o->key, o->lo, o->hi, d);
        if (o->type == BASE_OPTION_FLOAT)
            *(float *)field = (float)d;
        else
            *(double *)field = d;
        return true;
    }
    case BASE_OPTION_STRING: {
        const char *text;
        if (!base_json_string(j, object, o->key, &text, err))
            return false;
        if (strlen(text) >= o->size)
            return base_json_fail(j, v, err, "\"%s\": at most %zu characters expected, found %zu", o->key, o->size - 1,
                                  strlen(text));
        strcpy(field, text);
        return true;
    }
    case BASE_OPTION_ENUM: return read_enum(o, field, j, v, object, err);
    case BASE_OPTION_OBJECT: return base_options_read(field, o->table, o->size, j, v, err);
    case BASE_OPTION_CUSTOM: return o->custom->read(field, j, v, err);
    }
    return base_json_fail(j, v, err, "\"%s\": not readable", o->key);
}

bool base_options_read(void *options, const base_option *table, size_t count, const base_json *j, const cJSON *object,
                       base_error *err)
{
    if (!cJSON_IsObject(object))
        return base_json_fail(j, object, err, "an object with options expected");
    for (const cJSON *v = object->child; v; v = v->next) {
        const base_option *o = find(table, count, v->string);
        if (!o) {
            char known[512] = "";
            size_t used = 0;
            for (size_t i = 0; i < count && used < sizeof known; i++)
                used += (size_t)snprintf(known + used, sizeof known - used, "%s%s", i ? ", " : "", table[i].key);
            return base_json_fail(j, v, err, "unknown key \"%.60s\"; known: %s", v->string, known);
        }
        if (!read_one(options, o, j, object, v, err))
            return false;
    }
    return true;
}

static cJSON *print_one(const void *options, const base_option *o)
{
    const void *field = (const char *)options + o->offset;
    switch (o->type) {
    case BASE_OPTION_BOOL: return cJSON_CreateBool(*(const bool *)field);
    case BASE_OPTION_INT: return cJSON_CreateNumber(*(const int *)field);
    case BASE_OPTION_U64: {
        uint64_t n = *(const uint64_t *)field;
        char text[24];
        if (n <= (uint64_t)1 << 53)
            return cJSON_CreateNumber((double)n);
        snprintf(text, sizeof text, "%llu", (unsigned long long)n);
        return cJSON_CreateString(text);
    }
    case BASE_OPTION_FLOAT: {
        /* The shortest decimal that reads back as this float, so that 0.0005f is not printed as 0.00050000002. */
        char text[32];
        for (int digits = 6; digits <= 9; digits++) {
            snprintf(text, sizeof text, "%.*g", digits, (double)*(const float *)field);
            float back;
            if (sscanf(text, "%f", &back) == 1 && back == *(const float *)field)
                break;
        }
        double d;
        sscanf(text, "%lf", &d);
        return cJSON_CreateNumber(d);
    }
    case BASE_OPTION_DOUBLE: return cJSON_CreateNumber(*(const double *)field);
    case BASE_OPTION_STRING: return cJSON_CreateString(field);
    case BASE_OPTION_ENUM: return cJSON_CreateString(o->names[*(const int *)field]);
    case BASE_OPTION_OBJECT: return base_options_print(field, o->table, o->size);
    case BASE_OPTION_CUSTOM: return o->custom->print(field);
    }
    return NULL;
}

cJSON *base_options_print(const void *options, const base_option *table, size_t count)
{
    cJSON *object = cJSON_CreateObject();
    for (size_t i = 0; object && i < count; i++) {
        cJSON *v = print_one(options, &table[i]);
        if (!v || !cJSON_AddItemToObject(object, table[i].key, v)) {
            cJSON_Delete(v);
            cJSON_Delete(object);
            return NULL;
        }
    }
    return object;
}
