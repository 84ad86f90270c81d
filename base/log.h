/* base/log.h — log lines go to a callback that the caller owns; libraries never write to stderr themselves.
 *
 * A `const base_log *` may be NULL: then nothing is logged. Lines carry no trailing newline and no control
 * characters: they may quote a peer or a file, and end on terminals. The callback may be
 * called from any thread and must be thread-safe. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

typedef enum base_log_level { BASE_LOG_DEBUG, BASE_LOG_INFO, BASE_LOG_WARNING } base_log_level;

typedef struct base_log {
    void (*write)(void *user, base_log_level level, const char *line);
    void *user;
    base_log_level least; /* lines below this level are dropped before formatting */
} base_log;

void base_log_write(const base_log *log, base_log_level level, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* A log that writes "laneloop: warning: text" lines to stderr. */
base_log base_log_stderr(base_log_level least);
#endif
