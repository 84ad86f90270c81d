/* base/spans.h — how long each piece of work took: a list that whoever runs the work fills, for profiles; never for results.
 *
 *     base_spans spans = { .list = list, .capacity = 1000 };        the caller's memory; count 0 begins anew
 *     double start = base_spans_start(to);                          to NULL: nobody asked, no clock is read
 *     ... work ...
 *     base_spans_end(to, node, work, start);
 *
 * What does not fit is left out and counted. */
#ifndef BASE_SPANS_H
#define BASE_SPANS_H
#include <stddef.h>

typedef struct base_span {
    int node;              /* of a graph; -1: none */
    int work;              /* kind of work, named by whoever runs it */
    double start_s, end_s; /* base_clock_s */
} base_span;

typedef struct base_spans {
    base_span *list;
    size_t count, capacity, lost;
} base_spans;

double base_spans_start(const base_spans *s);
void base_spans_end(base_spans *s, int node, int work, double start_s);
#endif
