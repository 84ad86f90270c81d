/* Find the simulator of a command: an outside server, or our own as a child process. */
#include "cli/cli.h"
#include "base/process.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { START_TIMEOUT_S = 60 };

bool cli_simulator_start(cli_simulator *s, const char *host, int port, const char *map, uint64_t seed, base_error *err)
{
    *s = (cli_simulator){ .port = port };
    if (host) {
        if (snprintf(s->host, sizeof s->host, "%s", host) >= (int)sizeof s->host)
            return base_fail(err, BASE_ARGUMENT, "--host: longer than %zu characters", sizeof s->host - 1);
        return true;
    }
    strcpy(s->host, "127.0.0.1");
    char self[4096], seed_text[24], line[256];
    if (!base_process_self(self, sizeof self, err))
        return false;
    snprintf(seed_text, sizeof seed_text, "%llu", (unsigned long long)seed);
    const char *argv[] = {
        self, "serve", "--port", "0", "--ready-fd", "3", "--seed", seed_text, map ? "--map" : NULL, map, NULL
    };
    s->child = calloc(1, sizeof *s->child);
    if (!s->child)
        return base_fail(err, BASE_MEMORY, "out of memory");
    base_json j = { 0 };
    int64_t rpc_port = 0;
    bool ok = base_process_start(s->child, argv, err) &&
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

void cli_simulator_stop(cli_simulator *s)
{
    if (s->child)
        base_process_stop(s->child, 5.0);
    free(s->child);
    s->child = NULL;
}
