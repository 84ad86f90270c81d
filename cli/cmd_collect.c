/* laneloop collect — record a dataset: the expert drives, the cameras are written to disk. */
#include "base/file.h"
#include "base/process.h"
#include "cli/cli.h"
#include "dataset/collect.h"
#include <stdio.h>
#include <string.h>

static const cli_command command = {
    .usage = "laneloop collect CONFIG [--host H] [--port P] [--out DIR] [--seed N] [--threads N] [--json] [--print-config]",
    .summary =
        "Let the expert drive the episodes of CONFIG and record what the cameras see. Without --host the embedded simulator is\n"
        "started. An unfinished recording goes on where it stopped; the bytes are the same as if it had not stopped.",
    .example = "laneloop collect configs/collect/demo_train.json --out data/demo_train",
};

typedef struct source {
    cli_simulator simulator;
    const char *host;
    int port;
} source;

static bool give_simulator(void *user, const dataset_collect_world *world, const char **host, int *port, base_error *err)
{
    source *s = user;
    if (!s->host && strchr(world->map, '/') && !base_file_exists(world->map))
        return base_fail(err, BASE_IO, "%s: no such map", world->map);
    cli_simulator_stop(&s->simulator); /* the embedded one is started anew for another map or town */
    static const char *const qualities[] = { "0", "1", "2", "3" };
    const cli_simulator_options o = { .map = world->map, .seed = world->town, .quality = qualities[world->quality] };
    if (s->host ? !cli_simulator_start(&s->simulator, s->host, s->port, world->map, world->town, err)
                : !cli_simulator_serve(&s->simulator, &o, err))
        return false;
    *host = s->simulator.host;
    *port = s->simulator.port;
    return true;
}

static void print_result(bool json, const char *out, const dataset_collect_result *r)
{
    if (json) {
        cJSON *o = cJSON_CreateObject();
        cJSON_AddStringToObject(o, "out", out);
        cJSON_AddNumberToObject(o, "episodes", r->episodes);
        cJSON_AddNumberToObject(o, "skipped_episodes", r->skipped_episodes);
        cJSON_AddNumberToObject(o, "frames", (double)r->frames);
        cJSON_AddNumberToObject(o, "ticks", (double)r->ticks);
        char *text = cJSON_PrintUnformatted(o);
        puts(text ? text : "{}");
        cJSON_free(text);
        cJSON_Delete(o);
    } else if (r->episodes == 0)
        printf("%s: all %d episodes are complete\n", out, r->skipped_episodes);
    else
        printf("%s: %lld frames of %lld ticks in %d episodes%s\n", out, (long long)r->frames, (long long)r->ticks, r->episodes,
               r->skipped_episodes ? "; the others were complete" : "");
}

/* configs/collect/demo_train.json -> data/demo_train */
static void default_out(const char *config, char *out, size_t bytes)
{
    const char *slash = strrchr(config, '/'), *name = slash ? slash + 1 : config, *dot = strrchr(name, '.');
    snprintf(out, bytes, "data/%.*s", (int)(dot ? (size_t)(dot - name) : strlen(name)), name);
}

int cli_collect(int argc, char **argv)
{
    bool json = false, print = false;
    const char *path = NULL, *host = NULL, *port = NULL, *out = NULL, *seed = NULL, *threads = NULL;
    const cli_flag flags[] = {
        { "--host", "H", "use the simulator there instead of the embedded one", &host, NULL },
        { "--port", "P", "its RPC port (default 2000)", &port, NULL },
        { "--out", "DIR", "folder of the dataset (default data/NAME of the config)", &out, NULL },
        { "--seed", "N", "instead of the config's", &seed, NULL },
        { "--threads", "N", "that encode images; 0 = one per core (default)", &threads, NULL },
        { "--json", NULL, "one JSON object as result, no progress bar", NULL, &json },
        { "--print-config", NULL, "print the effective configuration and end", NULL, &print },
    };
    int count = 0, status = cli_parse(&command, flags, (int)(sizeof flags / sizeof flags[0]), argc, argv, &path, 0, 1, &count);
    if (status != CLI_GO)
        return status;
    if (!count && !print)
        return cli_usage(&command, "1 argument is missing");
    base_error err = { 0 };
    source from = { .host = host, .port = 2000 };
    int thread_count = 0;
    if (!cli_int("--port", port, 1, 65535, &from.port, &err) || !cli_int("--threads", threads, 0, 1024, &thread_count, &err))
        return cli_usage(&command, "%s", err.text);
    if (port && !host)
        return cli_usage(&command, "--port needs --host");
    dataset_collect_config *config = count ? dataset_collect_config_read(path, &err) : dataset_collect_config_default();
    if (!config)
        return cli_fail(&err);
    if (!cli_u64("--seed", seed, &config->seed, &err)) {
        dataset_collect_config_free(config);
        return cli_usage(&command, "%s", err.text);
    }
    if (print) {
        cJSON *o = dataset_collect_config_print(config);
        char *text = o ? cJSON_Print(o) : NULL;
        puts(text ? text : "{}");
        cJSON_free(text);
        cJSON_Delete(o);
        dataset_collect_config_free(config);
        return 0;
    }
    char folder[512];
    if (!out) {
        default_out(path, folder, sizeof folder);
        out = folder;
    }
    base_stop_install();
    base_log log = base_log_stderr(BASE_LOG_INFO);
    base_progress progress = base_progress_start(json ? NULL : stderr, "collect", 0);
    dataset_collect_result result = { 0 };
    dataset_collect_run run = { .out = out,
                                .simulator = give_simulator,
                                .user = &from,
                                .stop = base_stop_requested,
                                .progress = &progress,
                                .log = &log,
                                .threads = thread_count };
    bool ok = dataset_collect(config, &run, &result, &err);
    cli_simulator_stop(&from.simulator);
    if (ok) {
        base_progress_end(&progress, progress.total, NULL);
        print_result(json, out, &result);
    } else if (err.code == BASE_INTERRUPTED)
        base_fail(&err, BASE_INTERRUPTED, "stopped; the same command goes on from here (frames so far are in %s)", out);
    dataset_collect_config_free(config);
    return ok ? 0 : cli_fail(&err);
}
