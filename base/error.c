#include "base/error.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void base_text_clean(char *text)
{
    for (unsigned char *c = (unsigned char *)text; *c; c++) {
        if (*c < 0x20 || *c == 0x7f)
            *c = '?';
        if (c[0] == 0xc2 && c[1] >= 0x80 && c[1] <= 0x9f) /* U+0080..U+009F: U+009B begins a terminal's command */
            c[0] = c[1] = '?';
    }
}

bool base_fail(base_error *err, base_code code, const char *format, ...)
{
    if (!err)
        return false;
    char text[sizeof err->text]; /* the arguments may point into err->text */
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    base_text_clean(text);
    err->code = code;
    memcpy(err->text, text, sizeof text);
    return false;
}

bool base_fail_in(base_error *err, const char *format, ...)
{
    if (!err)
        return false;
    char text[sizeof err->text];
    va_list args;
    va_start(args, format);
    int used = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (used < 0)
        return false;
    if ((size_t)used + 3 < sizeof text)
        snprintf(text + used, sizeof text - (size_t)used, ": %.*s", (int)sizeof text - used - 3, err->text);
    base_text_clean(text);
    memcpy(err->text, text, sizeof text);
    return false;
}

const char *base_code_name(base_code code)
{
    static const char *const names[] = {
        [BASE_OK] = "ok",
        [BASE_ARGUMENT] = "argument",
        [BASE_FORMAT] = "format",
        [BASE_IO] = "io",
        [BASE_NETWORK] = "network",
        [BASE_TIMEOUT] = "timeout",
        [BASE_REMOTE] = "remote",
        [BASE_VERSION] = "version",
        [BASE_MEMORY] = "memory",
        [BASE_UNSUPPORTED] = "unsupported",
        [BASE_INTERRUPTED] = "interrupted",
    };
    if ((unsigned)code >= sizeof names / sizeof *names)
        return "unknown";
    return names[code];
}
