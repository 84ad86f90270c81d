#include "base/log.h"
#include "base/error.h"
#include <stdarg.h>
#include <stdio.h>

void base_log_write(const base_log *log, base_log_level level, const char *format, ...)
{
    if (!log || !log->write || level < log->least)
        return;
    char line[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    base_text_clean(line);
    log->write(log->user, level, line);
}

static void write_stderr(void *user, base_log_level level, const char *line)
{
    static const char *const names[] = { "debug: ", "", "warning: " };
    (void)user;
    fprintf(stderr, "laneloop: %s%s\n", names[level], line);
}

base_log base_log_stderr(base_log_level least) { return (base_log){ write_stderr, NULL, least }; }
