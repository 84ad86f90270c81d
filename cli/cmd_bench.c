/* laneloop bench — measurements as ratios of what this machine can do. */
#include "cli/bench.h"
#include "cli/cli.h"
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary;
} benches[] = {
    { "kernels", cli_bench_kernels, "fp32 convolution passes as a percentage of the multiply-add peak measured beside them" },
    { "int8", cli_bench_int8, "integer convolutions against the dot-product peak, and whole networks against fp32" },
    { "net", cli_bench_net, "whole networks: training step, fp32 and int8 inference, with the time of every node" },
    { "serve", cli_bench_serve, "frames per second of the embedded simulator through its sockets" },
};
enum { BENCHES = sizeof benches / sizeof *benches };

static void print_help(FILE *out)
{
    fprintf(out, "usage: laneloop bench NAME [ARGUMENTS]     laneloop bench NAME --help\n\n");
    for (int i = 0; i < BENCHES; i++)
        fprintf(out, "  %-10s %s\n", benches[i].name, benches[i].summary);
    fprintf(out, "\nexample: laneloop bench kernels --threads 1 --isa avx2\n");
}

int cli_bench(int argc, char **argv)
{
    if (argc < 2) {
        print_help(stderr);
        return 2;
    }
    if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
        print_help(stdout);
        return 0;
    }
    for (int i = 0; i < BENCHES; i++)
        if (!strcmp(argv[1], benches[i].name))
            return benches[i].run(argc - 1, argv + 1);
    fprintf(stderr, "laneloop: unknown benchmark '%s'; `laneloop bench --help` lists them\n", argv[1]);
    return 2;
}
