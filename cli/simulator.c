/* Find the simulator of a command: an outside server, or our own as a child process. */
#include "cli/cli.h"
#include "base/process.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { START_TIMEOUT_S = 60 };

/* The child takes our environment. */
static bool start_at_level(base_process *child, const char *const argv[], const char *level, base_error *err)
{
    const char *ours = getenv("LANELOOP_ISA");
    char *before = ours ? strdup(ours) : NULL;
    if (level)
        setenv("LANELOOP_ISA", level, 1);
    bool ok = base_process_start(child, argv, err);
    if (level && before)
        setenv("LANELOOP_ISA", before, 1);
    else if (level)
        unsetenv("LANELOOP_ISA");
    free(before);
    return ok;
}

bool cli_simulator_serve(cli_simulator *s, const cli_simulator_options *o, base_error *err)
{
    *s = (cli_simulator){ .host = "127.0.0.1" };
    char self[4096], seed_text[24], threads_text[16], line[256];
    if (!base_process_self(self, sizeof self, err))
        return false;
    snprintf(seed_text, sizeof seed_text, "%llu", (unsigned long long)o->seed);
    snprintf(threads_text, sizeof threads_text, "%d", o->threads);
    const char *argv[16] = { self, "serve", "--port", "0", "--ready-fd", "3", "--seed", seed_text, "--threads", threads_text };
    int n = 10;
    if (o->map) {
        argv[n++] = "--map";
        argv[n++] = o->map;
    }
    if (o->quality) {
        argv[n++] = "--quality";
        argv[n++] = o->quality;
    }
    s->child = calloc(1, sizeof *s->child);
    if (!s->child)
        return base_fail(err, BASE_MEMORY, "out of memory");
    base_json j = { 0 };
    int64_t rpc_port = 0;
    bool ok = start_at_level(s->child, argv, o->level, err) &&
              base_process_read_line(s->child, line, sizeof line, START_TIMEOUT_S, err) &&
              base_json_parse(&j, line, strlen(line), "ready line", err) &&
              base_json_int(&j, j.root, "rpc_port", 1, 65535, &rpc_port, err);
    base_json_free(&j);
    if (!ok) {
        base_fail_in(err, "the embedded simulator did not start");
        cli_simulator_stop(s);
        return false;
    }
    s->port = (int)rpc_port;
    return true;
}

bool cli_simulator_start(cli_simulator *s, const char *host, int port, const char *map, uint64_t seed, base_error *err)
{
    if (!host)
        return cli_simulator_serve(s, &(cli_simulator_options){ .map = map, .seed = seed }, err);
    *s = (cli_simulator){ .port = port };
    if (snprintf(s->host, sizeof s->host, "%s", host) >= (int)sizeof s->host)
        return base_fail(err, BASE_ARGUMENT, "--host: longer than %zu characters", sizeof s->host - 1);
    return true;
}

void cli_simulator_stop(cli_simulator *s)
{
    if (s->child)
        base_process_stop(s->child, 5.0);
    free(s->child);
    s->child = NULL;
}
