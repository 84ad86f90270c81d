/* laneloop — one program, one subcommand per step of the loop. */
#include "cli/cli.h"
#include "base/process.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef LANELOOP_VERSION
#define LANELOOP_VERSION "0.1.0"
#endif

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    bool shares_cores; /* a simulator runs beside it: waiting threads must sleep */
    const char *summary;
} commands[] = {
    { "serve", cli_serve, true, "the embedded simulator behind CARLA's protocol" },
    { "collect", cli_collect, true, "record a dataset: the expert drives" },
    { "dataset", cli_dataset, false, "check, count and show a recorded dataset" },
    { "train", cli_train, false, "fit a network to a dataset" },
    { "infer", cli_infer, false, "masks and overlays of images" },
    { "quantize", cli_quantize, false, "an fp32 checkpoint to an int8 model, with size and IoU before and after" },
    { "eval", cli_eval, false, "IoU of a model, fp32 or int8, over a dataset" },
    { "drive", cli_drive, true, "closed-loop driving by a network, with expert and controls" },
    { "bench", cli_bench, false, "speed of the kernels and of the server, as ratios of this machine's limits" },
    { "report", cli_report, false, "summary, table and page of a run folder" },
    { "doctor", cli_doctor, true, "what this build offers, and a check-up of a server" },
    { NULL, NULL, false, NULL },
};

static void print_help(FILE *out)
{
    fprintf(out,
            "laneloop %s — closes the loop between the CARLA simulator and a segmentation network on a plain CPU\n\n"
            "usage: laneloop COMMAND [ARGUMENTS]     laneloop COMMAND --help\n\n",
            LANELOOP_VERSION);
    for (size_t i = 0; commands[i].name; i++)
        fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].summary);
}

/* libgomp reads its waiting policy before main runs, so setenv here is too late: the program executes itself once more.
 * Spinning barriers cost 3x when simulator, client and network share two cores. */
static void reexec_with_passive_waiting(char **argv)
{
    if (getenv("OMP_WAIT_POLICY"))
        return;
    char path[4096];
    if (setenv("OMP_WAIT_POLICY", "passive", 1) == 0 && base_process_self(path, sizeof path, NULL))
        execv(path, argv); /* returns only on failure: then go on with the default policy */
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        print_help(stderr);
        return 2;
    }
    if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
        print_help(stdout);
        return 0;
    }
    if (!strcmp(argv[1], "--version")) {
        printf("laneloop %s\n", LANELOOP_VERSION);
        return 0;
    }
    for (size_t i = 0; commands[i].name; i++)
        if (!strcmp(argv[1], commands[i].name)) {
            if (commands[i].shares_cores)
                reexec_with_passive_waiting(argv);
            return commands[i].run(argc - 1, argv + 1);
        }
    fprintf(stderr, "laneloop: unknown command '%s'; `laneloop --help` lists them\n", argv[1]);
    return 2;
}
