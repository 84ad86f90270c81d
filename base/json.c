#include "base/json.h"
#include "base/file.h"
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the scanner: strict grammar, one line number per value in document order ---- */

enum { MAX_DEPTH = 32 };

typedef struct scanner {
    const char *text;
    size_t bytes, at;
    int line;
    const char *name;
    base_error *err;
    int *value_line; /* [count] in document order */
    size_t count, capacity;
} scanner;

static bool scan_fail(scanner *s, const char *expected)
{
    char found[32];
    if (s->at >= s->bytes)
        snprintf(found, sizeof found, "the end of the text");
    else if ((unsigned char)s->text[s->at] < 0x20 || (unsigned char)s->text[s->at] > 0x7e)
        snprintf(found, sizeof found, "byte 0x%02x", (unsigned char)s->text[s->at]);
    else
        snprintf(found, sizeof found, "'%c'", s->text[s->at]);
    return base_fail(s->err, BASE_FORMAT, "%s:%d: %s expected, found %s", s->name, s->line, expected, found);
}

static void skip_space(scanner *s)
{
    for (; s->at < s->bytes; s->at++) {
        char c = s->text[s->at];
        if (c == '\n')
            s->line++;
        else if (c != ' ' && c != '\t' && c != '\r')
            return;
    }
}

static bool next_is(const scanner *s, char c) { return s->at < s->bytes && s->text[s->at] == c; }

static bool note_value(scanner *s)
{
    if (s->count == s->capacity) {
        size_t capacity = s->capacity ? s->capacity * 2 : 64;
        int *grown = realloc(s->value_line, capacity * sizeof *grown);
        if (!grown)
            return base_fail(s->err, BASE_MEMORY, "%s: out of memory", s->name);
        s->value_line = grown;
        s->capacity = capacity;
    }
    s->value_line[s->count++] = s->line;
    return true;
}

static int hex4(const char *p)
{
    int v = 0;
    for (int i = 0; i < 4; i++) {
        char c = p[i];
        int d = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
        if (d < 0)
            return -1;
        v = v * 16 + d;
    }
    return v;
}

/* Length of a valid UTF-8 sequence at p (left bytes available), 0 when it is none. */
static size_t utf8_length(const unsigned char *p, size_t left)
{
    if (p[0] < 0x80)
        return 1;
    size_t n = p[0] >= 0xc2 && p[0] < 0xe0 ? 2 : p[0] >= 0xe0 && p[0] < 0xf0 ? 3 : p[0] >= 0xf0 && p[0] < 0xf5 ? 4 : 0;
    if (n == 0 || n > left)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) || (p[0] == 0xf0 && p[1] < 0x90) ||
        (p[0] == 0xf4 && p[1] > 0x8f))
        return 0;
    return n;
}

static bool scan_string(scanner *s)
{
    if (!next_is(s, '"'))
        return scan_fail(s, "a string");
    s->at++;
    while (s->at < s->bytes) {
        unsigned char c = (unsigned char)s->text[s->at];
        if (c == '"') {
            s->at++;
            return true;
        }
        if (c < 0x20)
            return scan_fail(s, "a closing quote");
        if (c == '\\') {
            s->at++;
            if (s->at >= s->bytes || !strchr("\"\\/bfnrtu", s->text[s->at]) || !s->text[s->at])
                return scan_fail(s, "one of \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\u");
            if (s->text[s->at] == 'u') {
                int high = s->at + 5 <= s->bytes ? hex4(s->text + s->at + 1) : -1;
                if (high < 0 || high == 0)
                    return scan_fail(s, "four hexadecimal digits, not 0000,");
                if (high >= 0xdc00 && high < 0xe000)
                    return scan_fail(s, "a high surrogate first");
                s->at += 4;
                if (high >= 0xd800 && high < 0xdc00) {
                    int low = s->at + 7 <= s->bytes && s->text[s->at + 1] == '\\' && s->text[s->at + 2] == 'u'
                                  ? hex4(s->text + s->at + 3)
                                  : -1;
                    if (low < 0xdc00 || low > 0xdfff)
                        return scan_fail(s, "a low surrogate behind the high one");
                    s->at += 6;
                }
            }
            s->at++;
            continue;
        }
        size_t n = utf8_length((const unsigned char *)s->text + s->at, s->bytes - s->at);
        if (n == 0)
            return scan_fail(s, "UTF-8");
        s->at += n;
    }
    return scan_fail(s, "a closing quote");
}

static bool scan_number(scanner *s)
{
    size_t start = s->at;
    if (next_is(s, '-'))
        s->at++;
    if (next_is(s, '0'))
        s->at++;
    else {
        size_t digits = s->at;
        while (s->at < s->bytes && s->text[s->at] >= '0' && s->text[s->at] <= '9')
            s->at++;
        if (s->at == digits)
            return scan_fail(s, "a value");
    }
    if (next_is(s, '.')) {
        size_t digits = ++s->at;
        while (s->at < s->bytes && s->text[s->at] >= '0' && s->text[s->at] <= '9')
            s->at++;
        if (s->at == digits)
            return scan_fail(s, "a digit");
    }
    if (next_is(s, 'e') || next_is(s, 'E')) {
        s->at++;
        if (next_is(s, '+') || next_is(s, '-'))
            s->at++;
        size_t digits = s->at;
        while (s->at < s->bytes && s->text[s->at] >= '0' && s->text[s->at] <= '9')
            s->at++;
        if (s->at == digits)
            return scan_fail(s, "a digit");
    }
    size_t n = s->at - start;
    char copy[64]; /* cJSON itself reads at most 63 characters of a number */
    if (n >= sizeof copy)
        return base_fail(s->err, BASE_FORMAT, "%s:%d: a number of %zu characters, at most 63 are read", s->name, s->line, n);
    memcpy(copy, s->text + start, n);
    copy[n] = 0;
    double v = strtod(copy, NULL);
    if (!isfinite(v))
        return base_fail(s->err, BASE_FORMAT, "%s:%d: %s is too large for a number", s->name, s->line, copy);
    return true;
}

static bool scan_value(scanner *s, int depth);

static bool scan_items(scanner *s, int depth, char close, bool keyed)
{
    s->at++;
    skip_space(s);
    if (next_is(s, close)) {
        s->at++;
        return true;
    }
    for (;;) {
        if (keyed) {
            if (!scan_string(s))
                return false;
            skip_space(s);
            if (!next_is(s, ':'))
                return scan_fail(s, "':'");
            s->at++;
            skip_space(s);
        }
        if (!scan_value(s, depth + 1))
            return false;
        skip_space(s);
        if (next_is(s, close)) {
            s->at++;
            return true;
        }
        if (!next_is(s, ','))
            return scan_fail(s, keyed ? "',' or '}'" : "',' or ']'");
        s->at++;
        skip_space(s);
    }
}

static bool scan_value(scanner *s, int depth)
{
    if (depth > MAX_DEPTH)
        return base_fail(s->err, BASE_FORMAT, "%s:%d: nested deeper than %d", s->name, s->line, MAX_DEPTH);
    if (!note_value(s))
        return false;
    if (next_is(s, '{'))
        return scan_items(s, depth, '}', true);
    if (next_is(s, '['))
        return scan_items(s, depth, ']', false);
    if (next_is(s, '"'))
        return scan_string(s);
    static const char *const words[] = { "true", "false", "null" };
    for (int i = 0; i < 3; i++) {
        size_t n = strlen(words[i]);
        if (s->bytes - s->at >= n && !memcmp(s->text + s->at, words[i], n)) {
            s->at += n;
            return true;
        }
    }
    return scan_number(s);
}

/* ---- the document: cJSON's tree with the scanner's lines ---- */

static int by_key(const void *a, const void *b)
{
    return strcmp((*(const cJSON *const *)a)->string, (*(const cJSON *const *)b)->string);
}

static bool check_keys(const base_json *j, const cJSON *object, base_error *err)
{
    size_t count = 0;
    for (const cJSON *c = object->child; c; c = c->next)
        count++;
    if (count < 2)
        return true;
    const cJSON **sorted = malloc(count * sizeof *sorted);
    if (!sorted)
        return base_fail(err, BASE_MEMORY, "%s: out of memory for %zu keys", j->name, count);
    count = 0;
    for (const cJSON *c = object->child; c; c = c->next)
        sorted[count++] = c;
    qsort(sorted, count, sizeof *sorted, by_key);
    bool ok = true;
    for (size_t i = 1; ok && i < count; i++)
        if (!strcmp(sorted[i - 1]->string, sorted[i]->string)) {
            int a = base_json_line_of(j, sorted[i - 1]), b = base_json_line_of(j, sorted[i]);
            ok = base_json_fail(j, sorted[a > b ? i - 1 : i], err, "key \"%s\" stands twice, first on line %d",
                                sorted[i]->string, a < b ? a : b);
        }
    free(sorted);
    return ok;
}

/* Walk in document order; *index counts values. */
static bool attach_lines(base_json *j, const cJSON *value, const int *lines, size_t *index, base_error *err)
{
    if (*index >= j->line_count)
        return base_fail(err, BASE_FORMAT, "%s: the two JSON readers disagree", j->name);
    j->lines[*index] = (struct base_json_line){ value, lines[*index] };
    (*index)++;
    for (const cJSON *child = value->child; child; child = child->next)
        if (!attach_lines(j, child, lines, index, err))
            return false;
    return !cJSON_IsObject(value) || check_keys(j, value, err);
}

static int by_address(const void *a, const void *b)
{
    const cJSON *x = ((const struct base_json_line *)a)->value, *y = ((const struct base_json_line *)b)->value;
    return (x > y) - (x < y);
}

bool base_json_parse(base_json *j, const char *text, size_t bytes, const char *name, base_error *err)
{
    *j = (base_json){ 0 };
    snprintf(j->name, sizeof j->name, "%s", name);
    if (bytes > BASE_JSON_MAX_BYTES)
        return base_fail(err, BASE_FORMAT, "%s: %zu bytes of JSON, at most %zu are read", name, bytes, BASE_JSON_MAX_BYTES);
    scanner s = { .text = text, .bytes = bytes, .line = 1, .name = j->name, .err = err };
    bool ok = false;
    skip_space(&s);
    if (!scan_value(&s, 0))
        goto done;
    skip_space(&s);
    if (s.at != s.bytes) {
        scan_fail(&s, "the end of the text");
        goto done;
    }
    j->root = cJSON_ParseWithLength(text, bytes);
    j->lines = calloc(s.count, sizeof *j->lines);
    j->line_count = s.count;
    if (!j->root || !j->lines) {
        base_fail(err, BASE_MEMORY, "%s: out of memory for %zu values", name, s.count);
        goto done;
    }
    size_t index = 0;
    ok = attach_lines(j, j->root, s.value_line, &index, err);
    if (ok) {
        qsort(j->lines, j->line_count, sizeof *j->lines, by_address);
        j->sorted = true;
    }
done:
    free(s.value_line);
    if (!ok)
        base_json_free(j);
    return ok;
}

bool base_json_read(base_json *j, const char *path, base_error *err)
{
    unsigned char *text;
    size_t bytes;
    *j = (base_json){ 0 };
    if (!base_file_read(path, BASE_JSON_MAX_BYTES, &text, &bytes, err))
        return false;
    bool ok = base_json_parse(j, (const char *)text, bytes, path, err);
    free(text);
    return ok;
}

void base_json_free(base_json *j)
{
    cJSON_Delete(j->root);
    free(j->lines);
    *j = (base_json){ 0 };
}

int base_json_line_of(const base_json *j, const cJSON *value)
{
    size_t lo = 0, hi = j->line_count;
    for (size_t i = 0; !j->sorted && i < j->line_count; i++) /* only for a message while the tree is being built */
        if (j->lines[i].value == value)
            return j->lines[i].line;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (j->lines[mid].value < value)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < j->line_count && j->lines[lo].value == value ? j->lines[lo].line : 0;
}

bool base_json_fail(const base_json *j, const cJSON *value, base_error *err, const char *format, ...)
{
    char text[768];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return base_fail(err, BASE_FORMAT, "%s:%d: %s", j->name, base_json_line_of(j, value), text);
}

static const char *type_name(const cJSON *v)
{
    return cJSON_IsObject(v)   ? "an object"
           : cJSON_IsArray(v)  ? "a list"
           : cJSON_IsString(v) ? "a string"
           : cJSON_IsNumber(v) ? "a number"
           : cJSON_IsBool(v)   ? "true or false"
                               : "null";
}

const cJSON *base_json_member(const base_json *j, const cJSON *object, const char *key, base_error *err)
{
    if (!cJSON_IsObject(object)) {
        base_json_fail(j, object, err, "an object with \"%s\" expected, found %s", key, type_name(object));
        return NULL;
    }
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(object, key);
    if (!v)
        base_json_fail(j, object, err, "key \"%s\" is missing", key);
    return v;
}

bool base_json_int(const base_json *j, const cJSON *object, const char *key, int64_t lo, int64_t hi, int64_t *out,
                   base_error *err)
{
    const cJSON *v = base_json_member(j, object, key, err);
    if (!v)
        return false;
    if (!cJSON_IsNumber(v))
        return base_json_fail(j, v, err, "\"%s\": a whole number expected, found %s", key, type_name(v));
    if (v->valuedouble != floor(v->valuedouble) || fabs(v->valuedouble) > 0x1p53)
        return base_json_fail(j, v, err, "\"%s\": a whole number expected, found %.17g", key, v->valuedouble);
    if (v->valuedouble < (double)lo || v->valuedouble > (double)hi)
        return base_json_fail(j, v, err, "\"%s\": %lld to %lld expected, found %.17g", key, (long long)lo, (long long)hi,
                              v->valuedouble);
    *out = (int64_t)v->valuedouble;
    return true;
}

bool base_json_double(const base_json *j, const cJSON *object, const char *key, double *out, base_error *err)
{
    const cJSON *v = base_json_member(j, object, key, err);
    if (!v)
        return false;
    if (!cJSON_IsNumber(v))
        return base_json_fail(j, v, err, "\"%s\": a number expected, found %s", key, type_name(v));
    *out = v->valuedouble;
    return true;
}

bool base_json_string(const base_json *j, const cJSON *object, const char *key, const char **out, base_error *err)
{
    const cJSON *v = base_json_member(j, object, key, err);
    if (!v)
        return false;
    if (!cJSON_IsString(v))
        return base_json_fail(j, v, err, "\"%s\": a string expected, found %s", key, type_name(v));
    *out = v->valuestring;
    return true;
}

bool base_json_bool(const base_json *j, const cJSON *object, const char *key, bool *out, base_error *err)
{
    const cJSON *v = base_json_member(j, object, key, err);
    if (!v)
        return false;
    if (!cJSON_IsBool(v))
        return base_json_fail(j, v, err, "\"%s\": true or false expected, found %s", key, type_name(v));
    *out = cJSON_IsTrue(v);
    return true;
}

bool base_json_u64(const base_json *j, const cJSON *object, const char *key, uint64_t *out, base_error *err)
{
    const cJSON *v = base_json_member(j, object, key, err);
    if (!v)
        return false;
    if (cJSON_IsNumber(v)) {
        if (v->valuedouble < 0 || v->valuedouble > 0x1p53 || v->valuedouble != floor(v->valuedouble))
            return base_json_fail(
                j, v, err, "\"%s\": a whole number from 0 to 2^53 (larger ones as a decimal string) expected, found %.17g", key,
                v->valuedouble);
        *out = (uint64_t)v->valuedouble;
        return true;
    }
    if (!cJSON_IsString(v))
        return base_json_fail(j, v, err, "\"%s\": a whole number expected, found %s", key, type_name(v));
    const char *s = v->valuestring;
    char *end;
    errno = 0;
    unsigned long long n = strtoull(s, &end, 10);
    if (*s < '0' || *s > '9' || *end || errno == ERANGE)
        return base_json_fail(j, v, err, "\"%s\": decimal digits below 2^64 expected, found \"%.40s\"", key, s);
    *out = n;
    return true;
}
