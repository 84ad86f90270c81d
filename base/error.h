/* base/error.h — the one error type of the project.
 *
 * A function that can fail takes a `base_error *err` as its last parameter (may be NULL) and returns bool or a pointer.
 * The text says where (file, offset or line), what was expected and what was found, in one line without a newline.
 * Libraries neither print nor exit: cli/ prints the text once. */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H
#include <stdbool.h>
#include <stddef.h>

typedef enum base_code {
    BASE_OK = 0,
    BASE_ARGUMENT,    /* the caller's value is out of range or inconsistent */
    BASE_FORMAT,      /* bytes from a file or a peer are not what the format says */
    BASE_IO,          /* the operating system refused: open, read, write, rename, ... */
    BASE_NETWORK,     /* connection refused, reset or closed */
    BASE_TIMEOUT,     /* a peer did not answer in time */
    BASE_REMOTE,      /* a peer answered with an error */
    BASE_VERSION,     /* a peer or a file speaks a version that this build does not */
    BASE_MEMORY,      /* an allocation failed or would pass its bound */
    BASE_UNSUPPORTED, /* asked for something that this build or machine does not have */
    BASE_INTERRUPTED  /* the user asked to stop */
} base_code;

typedef struct base_error {
    base_code code;
    char text[1024];
} base_error;

/* Fill err (when not NULL) and return false, so that `return base_fail(...)` reads well. Always false. */
bool base_fail(base_error *err, base_code code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Put "context: " before the text that is already in err; keeps the code. Always false. */
bool base_fail_in(base_error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Replace what a terminal would obey (control characters, also C1 as UTF-8) by '?', in place: texts may quote a peer or a file.
 * The functions above do it to what they write. */
void base_text_clean(char *text);

/* One lower-case word for a code: "format", "timeout", ... Never NULL. */
const char *base_code_name(base_code code);
#endif
