#include "eval/runlog.h"
#include "base/file.h"
#include "base/json.h"
#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_COLUMNS = 16 };
static const size_t MAX_LOG_BYTES = (size_t)256 << 20;

void eval_table_free(eval_table *t)
{
    free(t->values);
    *t = (eval_table){ 0 };
}

const double *eval_table_column(const eval_table *t, size_t column)
{
    return t->values ? t->values + column * t->capacity : NULL;
}

static size_t count_keys(const char *const *keys)
{
    size_t n = 0;
    while (keys[n])
        n++;
    return n;
}

/* Room for as many rows as the text has lines: the file's own size bounds it. */
static bool start_table(eval_table *t, const char *text, size_t columns, const char *path, base_error *err)
{
    size_t lines = 1;
    for (const char *p = text; (p = strchr(p, '\n')); p++)
        lines++;
    *t = (eval_table){ .columns = columns, .capacity = lines };
    t->values = calloc(lines * columns, sizeof *t->values);
    return t->values || base_fail(err, BASE_MEMORY, "%s: out of memory for %zu lines", path, lines);
}

static bool read_text(const char *path, char **text, base_error *err)
{
    size_t bytes;
    unsigned char *data;
    if (!base_file_read(path, MAX_LOG_BYTES, &data, &bytes, err))
        return false;
    *text = (char *)data;
    return true;
}

bool eval_runlog_read(const char *path, const char *kind, const char *const *keys, eval_table *t, base_error *err)
{
    char *text;
    size_t columns = count_keys(keys);
    if (!read_text(path, &text, err))
        return false;
    bool ok = start_table(t, text, columns, path, err);
    int number = 1;
    for (char *line = text; ok && *line; number++) {
        char *end = strchr(line, '\n');
        if (!end)
            break; /* torn by a kill */
        *end = 0;
        base_json j;
        char name[300];
        snprintf(name, sizeof name, "%s:%d", path, number);
        ok = base_json_parse(&j, line, (size_t)(end - line), name, err);
        if (ok) {
            const cJSON *k = cJSON_GetObjectItemCaseSensitive(j.root, "kind");
            if (cJSON_IsString(k) && !strcmp(k->valuestring, kind)) {
                for (size_t c = 0; c < columns; c++) {
                    const cJSON *v = cJSON_GetObjectItemCaseSensitive(j.root, keys[c]);
                    t->values[c * t->capacity + t->rows] = cJSON_IsNumber(v) ? v->valuedouble : NAN;
                }
                t->rows++;
            }
            base_json_free(&j);
        }
        line = end + 1;
    }
    free(text);
    if (!ok)
        eval_table_free(t);
    return ok;
}

/* Position of each key in the header line; -1 for none. */
static void find_columns(char *header, const char *const *keys, size_t count, int *at)
{
    for (size_t c = 0; c < count; c++)
        at[c] = -1;
    int position = 0;
    for (char *save, *field = strtok_r(header, ",", &save); field; field = strtok_r(NULL, ",", &save), position++)
        for (size_t c = 0; c < count; c++)
            if (!strcmp(field, keys[c]))
                at[c] = position;
}

static bool read_row(char *line, const int *at, eval_table *t)
{
    size_t found = 0;
    int position = 0;
    for (char *save, *field = strtok_r(line, ",", &save); field; field = strtok_r(NULL, ",", &save), position++)
        for (size_t c = 0; c < t->columns; c++)
            if (at[c] == position) {
                char *end;
                t->values[c * t->capacity + t->rows] = strtod(field, &end);
                found += end != field && !*end;
            }
    return found == t->columns;
}

bool eval_csv_read(const char *path, const char *const *keys, eval_table *t, base_error *err)
{
    char *text, *line;
    int at[MAX_COLUMNS], number = 2;
    size_t columns = count_keys(keys);
    if (columns > MAX_COLUMNS)
        return base_fail(err, BASE_ARGUMENT, "%s: %zu columns asked for, %d are possible", path, columns, MAX_COLUMNS);
    if (!read_text(path, &text, err))
        return false;
    bool ok = start_table(t, text, columns, path, err);
    line = strchr(text, '\n');
    if (ok && !line)
        ok = base_fail(err, BASE_FORMAT, "%s:1: a header line expected", path);
    if (ok) {
        *line++ = 0;
        find_columns(text, keys, columns, at);
        for (size_t c = 0; ok && c < columns; c++)
            if (at[c] < 0)
                ok = base_fail(err, BASE_FORMAT, "%s:1: column \"%s\" expected, not found", path, keys[c]);
    }
    for (char *end; ok && (end = strchr(line, '\n')); line = end + 1, number++) {
        *end = 0;
        ok = read_row(line, at, t) || base_fail(err, BASE_FORMAT, "%s:%d: %zu numbers expected", path, number, columns);
        t->rows += ok;
    }
    free(text);
    if (!ok)
        eval_table_free(t);
    return ok;
}

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

bool eval_names_read(const char *dir, const char *suffix, eval_names *names, base_error *err)
{
    *names = (eval_names){ 0 };
    DIR *d = opendir(dir);
    if (!d)
        return base_fail(err, BASE_IO, "%s: cannot open: %s", dir, strerror(errno));
    bool ok = true;
    struct dirent *e;
    while (ok && (e = readdir(d))) {
        size_t n = strlen(e->d_name), k = strlen(suffix);
        if (e->d_name[0] == '.' || n <= k || strcmp(e->d_name + n - k, suffix))
            continue;
        char **grown = realloc(names->items, (names->count + 1) * sizeof *grown);
        char *copy = grown ? strdup(e->d_name) : NULL;
        if (grown)
            names->items = grown;
        if (copy)
            names->items[names->count++] = copy;
        else
            ok = base_fail(err, BASE_MEMORY, "%s: out of memory", dir);
    }
    closedir(d);
    if (!ok)
        eval_names_free(names);
    else if (names->count)
        qsort(names->items, names->count, sizeof *names->items, by_name);
    return ok;
}

void eval_names_free(eval_names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->items[i]);
    free(names->items);
    *names = (eval_names){ 0 };
}
