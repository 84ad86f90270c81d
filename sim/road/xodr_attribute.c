/* What every reader of elements needs: attributes as checked numbers and kept text, and errors that name the line. */
#include "sim/road/xodr.h"
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "name:LINE: text" for the element at hand; stops the parser. The first error stays. */
void xodr_fail(xodr_parser *p, const char *format, ...)
{
    if (p->failed)
        return;
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    p->failed = true;
    base_fail(p->err, BASE_FORMAT, "%s:%lu: %s", p->name, (unsigned long)XML_GetCurrentLineNumber(p->xml), text);
    XML_StopParser(p->xml, XML_FALSE);
}

int xodr_line(xodr_parser *p) { return (int)XML_GetCurrentLineNumber(p->xml); }

void xodr_no_room(xodr_parser *p) { xodr_fail(p, "too many elements, or no memory for them"); }

/* ---- Attributes ---- */

const char *xodr_text(const char **atts, const char *key)
{
    for (; *atts; atts += 2)
        if (strcmp(atts[0], key) == 0)
            return atts[1];
    return NULL;
}

static bool parse_number(xodr_parser *p, const char *text, double *value)
{
    char *end;
    *value = strtod_l(text, &end, p->c_locale);
    if (end == text)
        return false;
    while (*end == ' ' || *end == '\t')
        end++;
    return *end == 0 && isfinite(*value);
}

/* A finite number within +-limit; absent: the fallback, or an error when the fallback is NAN. */
double xodr_number_within(xodr_parser *p, const char **atts, const char *key, double fallback, double limit)
{
    const char *text = xodr_text(atts, key);
    double value;
    if (!text) {
        if (isnan(fallback)) {
            xodr_fail(p, "attribute %s is missing", key);
            return 0;
        }
        return fallback;
    }
    if (!parse_number(p, text, &value) || fabs(value) > limit) {
        xodr_fail(p, "%s=\"%.40s\": expected a finite number within +-%g", key, text, limit);
        return 0;
    }
    return value;
}
double xodr_number(xodr_parser *p, const char **atts, const char *key, double fallback)
{
    return xodr_number_within(p, atts, key, fallback, XODR_NUMBER_MAX);
}

int64_t xodr_integer(xodr_parser *p, const char **atts, const char *key, int64_t fallback, bool required, int64_t lo,
                     int64_t hi)
{
    const char *text = xodr_text(atts, key);
    if (!text) {
        if (required)
            xodr_fail(p, "attribute %s is missing", key);
        return fallback;
    }
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (end == text || *end || errno || value < lo || value > hi) {
        xodr_fail(p, "%s=\"%.40s\": expected an integer from %lld to %lld", key, text, (long long)lo, (long long)hi);
        return fallback;
    }
    return value;
}

size_t xodr_keep_text(xodr_parser *p, const char *text)
{
    if (!text || !*text)
        return 0;
    size_t bytes = strlen(text) + 1, at = (size_t)p->m->text.count;
    if (bytes > 4096)
        bytes = 4096;
    for (size_t i = 0; i < bytes; i++) {
        char *c = ROAD_PUSH_MOST(p->m->text, 1 << 28);
        if (!c) {
            xodr_no_room(p);
            return 0;
        }
        *c = i + 1 < bytes ? text[i] : 0;
    }
    return at;
}
size_t xodr_keep(xodr_parser *p, const char **atts, const char *key) { return xodr_keep_text(p, xodr_text(atts, key)); }

road_cubic xodr_cubic(xodr_parser *p, const char **atts, const char *start, double base)
{
    return (road_cubic){ base + xodr_number(p, atts, start, 0), xodr_number(p, atts, "a", 0), xodr_number(p, atts, "b", 0),
                         xodr_number(p, atts, "c", 0), xodr_number(p, atts, "d", 0) };
}
