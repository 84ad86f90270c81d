/* base/progress.h — a progress bar on a terminal, plain lines otherwise; quiet when out is NULL.
 * Created by cli/ and handed down; libraries call only step. */
#ifndef BASE_PROGRESS_H
#define BASE_PROGRESS_H
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

typedef struct base_progress {
    FILE *out; /* NULL: print nothing */
    bool terminal;
    const char *what; /* "collect", borrowed */
    uint64_t total;
    double started_s, printed_s;
} base_progress;

base_progress base_progress_start(FILE *out, const char *what, uint64_t total);
/* note: short text behind the bar, may be NULL. Prints at most 5 times a second on a terminal, every 10 s otherwise. p may be NULL. */
void base_progress_step(base_progress *p, uint64_t done, const char *note);
void base_progress_end(base_progress *p, uint64_t done, const char *note);
#endif
