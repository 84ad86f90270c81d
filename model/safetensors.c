#include "model/safetensors.h"
#include "base/buffer.h"
#include "base/file.h"
#include "base/json.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_TENSORS 65536 /* more entries than any of our networks has by far */

static const struct {
    const char *name;
    size_t bytes;
} dtypes[] = {
    [MODEL_F32] = { "F32", 4 }, [MODEL_F64] = { "F64", 8 }, [MODEL_I64] = { "I64", 8 },
    [MODEL_I32] = { "I32", 4 }, [MODEL_I8] = { "I8", 1 },   [MODEL_U8] = { "U8", 1 },
};
#define DTYPE_COUNT (sizeof dtypes / sizeof dtypes[0])

size_t model_dtype_bytes(model_dtype t) { return dtypes[t].bytes; }
const char *model_dtype_name(model_dtype t) { return dtypes[t].name; }

/* "[2,3]" for messages. */
static const char *shape_text(int rank, const int64_t *dims, char text[128])
{
    size_t at = (size_t)snprintf(text, 128, "[");
    for (int i = 0; i < rank && at < 100; i++)
        at += (size_t)snprintf(text + at, 128 - at, i ? ",%lld" : "%lld", (long long)dims[i]);
    snprintf(text + at, 128 - at, "]");
    return text;
}

/* ---- reading ---- */

static bool read_dtype(const base_json *j, const cJSON *entry, model_dtype *out, base_error *err)
{
    const char *text;
    if (!base_json_string(j, entry, "dtype", &text, err))
        return false;
    for (size_t i = 0; i < DTYPE_COUNT; i++)
        if (!strcmp(dtypes[i].name, text)) {
            *out = (model_dtype)i;
            return true;
        }
    return base_json_fail(j, entry, err, "tensor %s: type \"%s\" is not one of F32, F64, I64, I32, I8, U8", entry->string,
                          text);
}

/* A whole number that double holds exactly. */
static bool whole(const cJSON *v, double max, int64_t *out)
{
    if (!cJSON_IsNumber(v) || !(v->valuedouble >= 0 && v->valuedouble <= max) ||
        v->valuedouble != (double)(int64_t)v->valuedouble)
        return false;
    *out = (int64_t)v->valuedouble;
    return true;
}

/* One header entry; begin and end count from the first data byte. */
static bool read_entry(const base_json *j, const cJSON *entry, size_t data_bytes, model_tensor *t, size_t *begin,
                       base_error *err)
{
    *t = (model_tensor){ .rank = 0 };
    if (!cJSON_IsObject(entry) || !entry->string || entry->string[0] == '\0' || strlen(entry->string) >= sizeof t->name)
        return base_json_fail(j, entry, err, "tensor name must have 1..%zu bytes and an object for a value",
                              sizeof t->name - 1);
    snprintf(t->name, sizeof t->name, "%s", entry->string);
    if (!read_dtype(j, entry, &t->dtype, err))
        return false;

    const cJSON *shape = base_json_member(j, entry, "shape", err), *offsets, *d;
    if (!shape)
        return false;
    size_t bytes = model_dtype_bytes(t->dtype);
    if (!cJSON_IsArray(shape) || cJSON_GetArraySize(shape) > MODEL_TENSOR_MAX_RANK)
        return base_json_fail(j, shape, err, "tensor %s: shape must be an array of at most %d sizes", t->name,
                              MODEL_TENSOR_MAX_RANK);
    cJSON_ArrayForEach(d, shape)
    {
        int64_t side;
        if (!whole(d, 1e12, &side) || (side > 0 && bytes > data_bytes / (size_t)side))
            return base_json_fail(j, d, err, "tensor %s: shape does not fit a file with %zu bytes of data", t->name,
                                  data_bytes);
        bytes *= (size_t)side;
        t->dims[t->rank++] = side;
    }
    if (!(offsets = base_json_member(j, entry, "data_offsets", err)))
        return false;
    int64_t from, to;
    if (!cJSON_IsArray(offsets) || cJSON_GetArraySize(offsets) != 2 || !whole(offsets->child, 9e15, &from) ||
        !whole(offsets->child->next, 9e15, &to) || from > to || (uint64_t)to > data_bytes)
        return base_json_fail(j, offsets, err, "tensor %s: data_offsets must be [begin, end] within %zu bytes of data", t->name,
                              data_bytes);
    if ((uint64_t)(to - from) != bytes)
        return base_json_fail(j, offsets, err, "tensor %s: holds %lld bytes, its shape needs %zu", t->name,
                              (long long)(to - from), bytes);
    t->bytes = bytes;
    *begin = (size_t)from;
    return true;
}

static int by_data(const void *a, const void *b)
{
    const model_tensor *x = a, *y = b;
    if (x->data != y->data)
        return (const char *)x->data < (const char *)y->data ? -1 : 1;
    return (x->bytes > y->bytes) - (x->bytes < y->bytes); /* empty tensors before the one at the same place */
}

/* s->file is filled; find the tensors in it. */
static bool parse(model_safetensors *s, base_error *err)
{
    base_json j = { 0 };
    bool ok = false;
    uint64_t header = 0;
    if (s->file_bytes < 8)
        return base_fail(err, BASE_FORMAT, "%s: %zu bytes are too few for the 8-byte header length", s->path, s->file_bytes);
    for (int i = 7; i >= 0; i--)
        header = header << 8 | s->file[i];
    if (header > MODEL_SAFETENSORS_MAX_HEADER || header > s->file_bytes - 8)
        return base_fail(err, BASE_FORMAT, "%s: offset 0: header of %llu bytes, but %zu bytes follow and %zu are allowed",
                         s->path, (unsigned long long)header, s->file_bytes - 8, MODEL_SAFETENSORS_MAX_HEADER);
    unsigned char *data = s->file + 8 + header;
    size_t data_bytes = s->file_bytes - 8 - (size_t)header, covered = 0;
    if (!base_json_parse(&j, (const char *)s->file + 8, (size_t)header, s->path, err))
        return false;
    if (!cJSON_IsObject(j.root)) {
        base_fail(err, BASE_FORMAT, "%s: offset 8: the header is not a JSON object", s->path);
        goto done;
    }
    int count = cJSON_GetArraySize(j.root);
    if (count > MAX_TENSORS) {
        base_fail(err, BASE_FORMAT, "%s: %d tensors, at most %d are read", s->path, count, MAX_TENSORS);
        goto done;
    }
    if (!(s->tensors = calloc((size_t)count + 1, sizeof *s->tensors))) {
        base_fail(err, BASE_MEMORY, "%s: no memory for %d tensors", s->path, count);
        goto done;
    }
    const cJSON *entry;
    cJSON_ArrayForEach(entry, j.root)
    {
        if (!strcmp(entry->string, "__metadata__"))
            continue;
        size_t begin = 0;
        if (!read_entry(&j, entry, data_bytes, &s->tensors[s->count], &begin, err))
            goto done;
        s->tensors[s->count++].data = data + begin;
    }
    qsort(s->tensors, s->count, sizeof *s->tensors, by_data);
    for (size_t i = 0; i < s->count; covered += s->tensors[i++].bytes)
        if (s->tensors[i].data != data + covered) {
            base_fail(err, BASE_FORMAT, "%s: tensor %s begins at byte %zu of the data, expected %zu (no gaps, no overlap)",
                      s->path, s->tensors[i].name, (size_t)((const unsigned char *)s->tensors[i].data - data), covered);
            goto done;
        }
    if (covered != data_bytes) {
        base_fail(err, BASE_FORMAT, "%s: tensors cover %zu bytes, the file holds %zu", s->path, covered, data_bytes);
        goto done;
    }
    ok = true;
done:
    base_json_free(&j);
    return ok;
}

bool model_safetensors_read(model_safetensors *s, const char *path, base_error *err)
{
    *s = (model_safetensors){ 0 };
    snprintf(s->path, sizeof s->path, "%s", path);
    if (base_file_read(path, MODEL_SAFETENSORS_MAX_FILE, &s->file, &s->file_bytes, err) && parse(s, err))
        return true;
    model_safetensors_free(s);
    return false;
}

bool model_safetensors_parse(model_safetensors *s, const void *bytes, size_t count, const char *name, base_error *err)
{
    *s = (model_safetensors){ .file_bytes = count };
    snprintf(s->path, sizeof s->path, "%s", name);
    if (!(s->file = malloc(count + 1)))
        return base_fail(err, BASE_MEMORY, "%s: no memory for %zu bytes", name, count);
    memcpy(s->file, bytes, count);
    if (parse(s, err))
        return true;
    model_safetensors_free(s);
    return false;
}

void model_safetensors_free(model_safetensors *s)
{
    free(s->file);
    free(s->tensors);
    *s = (model_safetensors){ 0 };
}

const model_tensor *model_safetensors_find(const model_safetensors *s, const char *name)
{
    for (size_t i = 0; i < s->count; i++)
        if (!strcmp(s->tensors[i].name, name))
            return &s->tensors[i];
    return NULL;
}

bool model_safetensors_get(const model_safetensors *s, const char *name, model_dtype dtype, int rank, const int64_t *dims,
                           void *dst, base_error *err)
{
    char wanted[128], found[128];
    const model_tensor *t = model_safetensors_find(s, name);
    if (!t)
        return base_fail(err, BASE_FORMAT, "%s: has no tensor %s, expected %s %s", s->path, name, model_dtype_name(dtype),
                         shape_text(rank, dims, wanted));
    if (t->dtype != dtype || t->rank != rank || memcmp(t->dims, dims, (size_t)rank * sizeof *dims) != 0)
        return base_fail(err, BASE_FORMAT, "%s: tensor %s: expected %s %s, found %s %s", s->path, name, model_dtype_name(dtype),
                         shape_text(rank, dims, wanted), model_dtype_name(t->dtype), shape_text(t->rank, t->dims, found));
    if (dst)
        memcpy(dst, t->data, t->bytes);
    return true;
}

char *model_safetensors_metadata(const model_safetensors *s, const char *key, base_error *err)
{
    /* the header was judged when the file was read; its length is in the first eight bytes */
    size_t header = 0;
    for (int i = 7; i >= 0; i--)
        header = header << 8 | s->file[i];
    cJSON *root = cJSON_ParseWithLength((const char *)s->file + 8, header);
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(root, "__metadata__"), key);
    char *text = NULL;
    if (!cJSON_IsString(value))
        base_fail(err, BASE_FORMAT, "%s: metadata has no text \"%s\"", s->path, key);
    else if (!(text = strdup(value->valuestring)))
        base_fail(err, BASE_MEMORY, "%s: no memory for the metadata", s->path);
    cJSON_Delete(root);
    return text;
}

/* ---- writing ---- */

model_tensor model_tensor_make(const char *name, model_dtype dtype, int rank, const int64_t *dims, const void *data)
{
    model_tensor t = { .dtype = dtype, .rank = rank, .bytes = model_dtype_bytes(dtype), .data = data };
    snprintf(t.name, sizeof t.name, "%s", name);
    for (int i = 0; i < rank; i++) {
        t.dims[i] = dims[i];
        t.bytes *= (size_t)dims[i];
    }
    return t;
}

static cJSON *print_entry(const model_tensor *t, size_t begin)
{
    cJSON *entry = cJSON_CreateObject(), *shape = cJSON_CreateArray(), *offsets = cJSON_CreateArray();
    for (int k = 0; k < t->rank; k++)
        cJSON_AddItemToArray(shape, cJSON_CreateNumber((double)t->dims[k]));
    cJSON_AddItemToArray(offsets, cJSON_CreateNumber((double)begin));
    cJSON_AddItemToArray(offsets, cJSON_CreateNumber((double)(begin + t->bytes)));
    cJSON_AddStringToObject(entry, "dtype", model_dtype_name(t->dtype));
    cJSON_AddItemToObject(entry, "shape", shape);
    cJSON_AddItemToObject(entry, "data_offsets", offsets);
    return entry;
}

bool model_safetensors_write(const char *path, const model_tensor *tensors, size_t count, const model_metadata *metadata,
                             size_t metadata_count, base_error *err)
{
    static const char spaces[8] = "       ";
    base_buffer out = { 0 };
    cJSON *header = cJSON_CreateObject(), *about = metadata_count ? cJSON_AddObjectToObject(header, "__metadata__") : NULL;
    for (size_t i = 0; i < metadata_count; i++)
        cJSON_AddStringToObject(about, metadata[i].key, metadata[i].value);
    size_t begin = 0;
    for (size_t i = 0; i < count; begin += tensors[i++].bytes)
        cJSON_AddItemToObject(header, tensors[i].name, print_entry(&tensors[i], begin));
    char *text = cJSON_PrintUnformatted(header);
    cJSON_Delete(header);
    if (!text)
        return base_fail(err, BASE_MEMORY, "%s: no memory for the header of %zu tensors", path, count);

    size_t length = strlen(text), padded = (length + 7) / 8 * 8;
    unsigned char prefix[8];
    for (int i = 0; i < 8; i++)
        prefix[i] = (unsigned char)(padded >> (8 * i));
    base_buffer_append(&out, prefix, 8);
    base_buffer_append(&out, text, length);
    base_buffer_append(&out, spaces, padded - length);
    for (size_t i = 0; i < count; i++)
        base_buffer_append(&out, tensors[i].data, tensors[i].bytes);
    bool ok = out.failed ? base_fail(err, BASE_MEMORY, "%s: no memory for %zu bytes", path, 8 + padded + begin)
                         : base_file_write(path, out.data, out.bytes, true, err);
    base_buffer_free(&out);
    free(text);
    return ok;
}
