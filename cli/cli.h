/* cli/cli.h — what the subcommands share: arguments, errors, configuration files.
 *
 * One file per subcommand (cli/cmd_NAME.c) with one entry `int cli_NAME(int argc, char **argv)`; argv[0] is the command's name.
 * Exit status: 0 done, 1 failed (one clear line on stderr), 2 wrong usage. Only this room prints, parses arguments and exits. */
#ifndef CLI_CLI_H
#define CLI_CLI_H
#include "base/error.h"
#include "base/log.h"
#include "base/options.h"
#include "base/progress.h"
#include <cjson/cJSON.h>

typedef struct cli_flag {
    const char *name;    /* "--out" */
    const char *metavar; /* "DIR"; "[PORT]": the value may be left out; NULL: a switch without a value */
    const char *help;
    const char **value; /* set to the argument (flags with metavar) */
    bool *set;          /* set to true when the flag was given; may be NULL when value is not */
} cli_flag;

typedef struct cli_command {
    const char *usage;   /* "laneloop collect CONFIG [--out DIR]" */
    const char *summary; /* one or two sentences */
    const char *example; /* one complete command line */
} cli_command;

/* Parse argv[1..]. "--flag value" and "--flag=value"; a value that may be left out is taken unless it begins with "-"; "--" ends flags; --help prints the help of the command.
 * Returns CLI_GO, or the exit status to return with at once. */
#define CLI_GO (-1)
int cli_parse(const cli_command *c, const cli_flag *flags, int flag_count, int argc, char **argv, const char **positional,
              int min_positional, int max_positional, int *positional_count);

/* Print "laneloop: TEXT" on stderr, return 1. */
int cli_fail(const base_error *err);
/* Print "laneloop: ..." and the usage line on stderr, return 2. */
int cli_usage(const cli_command *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A decimal integer in lo..hi with no tail, else BASE_ARGUMENT naming the flag. text NULL leaves *out alone. */
bool cli_int(const char *flag, const char *text, long lo, long hi, int *out, base_error *err);
bool cli_u64(const char *flag, const char *text, uint64_t *out, base_error *err);
/* The index of text in a NULL-terminated list of names. */
bool cli_name(const char *flag, const char *text, const char *const *names, int *out, base_error *err);
bool cli_double(const char *flag, const char *text, double lo, double hi, double *out, base_error *err);

/* Read a configuration file into *options (defaults already in it). */
bool cli_config_read(const char *path, void *options, const base_option *table, size_t count, base_error *err);
/* --print-config: print the options as JSON on stdout, return the exit status. */
int cli_config_print(const void *options, const base_option *table, size_t count);

/* Where a command finds its simulator: --host/--port given: connect there; no --host: start `laneloop serve` as a child. */
typedef struct cli_simulator {
    char host[256];
    int port;                   /* RPC port */
    struct base_process *child; /* NULL when an outside server is used */
} cli_simulator;
/* How to run the embedded server; zero: its defaults. */
typedef struct cli_simulator_options {
    const char *map; /* NAME or FILE.xodr */
    uint64_t seed;
    int threads;         /* of rendering; 0: one per core */
    const char *quality; /* "0", "1" or "2" as --quality of serve; NULL: its default */
    const char *level;   /* LANELOOP_ISA of the server; NULL: as ours */
} cli_simulator_options;
bool cli_simulator_serve(cli_simulator *s, const cli_simulator_options *o, base_error *err);
/* map, seed: for the embedded server only. host NULL = embedded. */
bool cli_simulator_start(cli_simulator *s, const char *host, int port, const char *map, uint64_t seed, base_error *err);
void cli_simulator_stop(cli_simulator *s); /* {0} is accepted */

/* Entries of the subcommands. */
int cli_serve(int argc, char **argv);
int cli_collect(int argc, char **argv);
int cli_dataset(int argc, char **argv);
int cli_train(int argc, char **argv);
int cli_infer(int argc, char **argv);
int cli_eval(int argc, char **argv);
int cli_quantize(int argc, char **argv);
int cli_drive(int argc, char **argv);
int cli_bench(int argc, char **argv);
int cli_report(int argc, char **argv);
int cli_doctor(int argc, char **argv);
#endif
