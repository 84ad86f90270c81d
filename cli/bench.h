/* cli/bench.h — the benchmarks of `laneloop bench`: one file each, a row in cmd_bench.c. argv[0] is the benchmark's name. */
#ifndef CLI_BENCH_H
#define CLI_BENCH_H

int cli_bench_kernels(int argc, char **argv);
int cli_bench_int8(int argc, char **argv);
int cli_bench_net(int argc, char **argv);
int cli_bench_serve(int argc, char **argv);
#endif
