/* cli/bench_profile.h — where the time of a round went: a table per node, totals per kind of work, JSON lines, a Chrome trace.
 *
 * GFLOP/s (of int8: Gop/s) are nominal: two operations per multiply-add of convolutions, padding taps counted. GB/s count each tensor that the work must pass
 * over, once per pass: a convolution reads its input and weights and writes its output, BatchNorm with batch statistics reads its input
 * twice forward, and input and gradient twice backward. What caches keep is counted all the same. */
#ifndef CLI_BENCH_PROFILE_H
#define CLI_BENCH_PROFILE_H
#include "cli/bench_subject.h"
#include <stdio.h>

typedef struct bench_profile {
    const model_graph *graph;
    bench_mode mode;
    int batch;
    const base_spans *spans; /* of one round */
    const double *least_s;   /* [spans->count]: the least that the same piece took in any round; NULL: not known */
    double round_s;          /* of the round of `spans`, measured around it */
    double peak;             /* operations per second */
    double copy;             /* bytes read and written per second by copying large blocks; 0: not measured */
} bench_profile;

/* All runs of one node's work in the round (an image each, where a round takes them one by one). */
typedef struct bench_profile_total {
    double flops, bytes;
    double round_s, least_s;
} bench_profile_total;

/* Of the work of spans->list[index]; false where an earlier span is of the same work, which has it all. */
bool bench_profile_node(const bench_profile *p, size_t index, bench_profile_total *total);
/* "GFLOP/s", of int8 "Gop/s". */
const char *bench_profile_unit(bench_mode mode);
/* Nominal operations of the convolutions in a round. */
double bench_profile_flops(const bench_profile *p);
/* One line per node and kind of work in order of execution, or JSON {"node","op","work","ms","ms_min","gflops","peak_pct","gbs"}: null
 * where there is nothing to count. `ms` is of the one round and adds up to it; `ms_min` is the least of all rounds, and the rates are of
 * that: other work on the machine hits some node in every round. The text ends with totals per kind and the sum beside the whole. */
void bench_profile_print(FILE *out, const bench_profile *p, bool json);
/* {"traceEvents": [...]}, times in microseconds from the first span on; chrome://tracing and Perfetto read it. */
bool bench_profile_trace(const char *path, const bench_profile *p, base_error *err);
#endif
