#include "base/spans.h"
#include "base/clock.h"

double base_spans_start(const base_spans *s) { return s ? base_clock_s() : 0; }

void base_spans_end(base_spans *s, int node, int work, double start_s)
{
    if (!s)
        return;
    if (s->count == s->capacity) {
        s->lost++;
        return;
    }
    s->list[s->count++] = (base_span){ node, work, start_s, base_clock_s() };
}
