/* laneloop serve — the embedded simulator behind CARLA's two ports. */
#include "base/process.h"
#include "cli/cli.h"
#include "eval/view.h"
#include "sim/town/town.h"
#include "sim/wire/version.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const cli_command command = {
    "laneloop serve [--map NAME|FILE.xodr] [--port 2000|0] [--seed N] [--carla-version V] [--view [PORT]]",
    "A headless simulator that speaks CARLA's protocol: the official CARLA client and laneloop's own commands connect to it. "
    "Runs until Ctrl-C.",
    "laneloop serve --map training_loop --port 2000",
};

/* One line for whoever started us: {"rpc_port":N,"stream_port":M}, and "view_port":K with a live page. */
static bool announce(int fd, const town_server *s, const eval_view *view, base_error *err)
{
    char line[128], page[32] = "";
    if (view)
        snprintf(page, sizeof page, ",\"view_port\":%d", eval_view_port(view));
    int bytes = snprintf(line, sizeof line, "{\"rpc_port\":%d,\"stream_port\":%d%s}\n", town_server_rpc_port(s),
                         town_server_stream_port(s), page);
    if (write(fd, line, (size_t)bytes) != bytes)
        return base_fail(err, BASE_IO, "--ready-fd %d: %s", fd, strerror(errno));
    close(fd); /* the reader sees the end of the line and of the file */
    return true;
}

static void print_stats(const base_log *log, const town_server *s)
{
    town_server_stats t = town_server_stats_get(s);
    base_log_write(log, BASE_LOG_INFO,
                   "served %llu ticks, %llu requests (%llu refused), %llu stream messages (%llu dropped), %.1f MB",
                   (unsigned long long)t.ticks, (unsigned long long)t.requests, (unsigned long long)t.request_errors,
                   (unsigned long long)t.frames_sent, (unsigned long long)t.frames_dropped, (double)t.bytes_sent / 1e6);
}

static eval_view *open_view(town_server *s, const eval_view_options *o, base_error *err)
{
    town_watch *watch = town_server_watch(s, err);
    return watch ? eval_view_create(watch, o, err) : NULL;
}

int cli_serve(int argc, char **argv)
{
    const char *map = "training_loop", *bind_to = "127.0.0.1", *version = "0.9.16", *quality = "2";
    const char *port_text = NULL, *seed_text = NULL, *threads_text = NULL, *ready_text = NULL, *recordings = NULL;
    const char *view_port = NULL, *view_bind = NULL, *view_rate = NULL;
    bool verbose = false, wants_view = false;
    const cli_flag flags[] = {
        { "--map", "NAME|FILE", "a map of configs/maps, or an OpenDRIVE file (default training_loop)", &map, NULL },
        { "--port", "N", "RPC port, streams use the next one; 0: any free pair (default 2000)", &port_text, NULL },
        { "--bind", "ADDRESS", "IPv4 address to listen on; 0.0.0.0 lets other machines in (default 127.0.0.1)", &bind_to,
          NULL },
        { "--seed", "N", "scenery, sensor noise, episode ids (default 1)", &seed_text, NULL },
        { "--carla-version", "V", "release to speak: " WIRE_VERSION_RANGE " (default 0.9.16)", &version, NULL },
        { "--threads", "N", "rendering threads; 0: one per core (default 0)", &threads_text, NULL },
        { "--quality", "0|1|2|3",
          "colour: 0 plain, 1 with shadows, 2 also anti-aliased (default 2), 3 also cameras' default effects", &quality, NULL },
        { "--ready-fd", "FD", "write {\"rpc_port\":N,\"stream_port\":M} there once ready, and exit when standard input ends",
          &ready_text, NULL },
        { "--recordings", "DIR", "folder of recordings (default laneloop/recordings in XDG_STATE_HOME or ~/.local/state)",
          &recordings, NULL },
        { "--view", "[PORT]", "a live page to look at with a browser; 0: any free port (default 8080)", &view_port,
          &wants_view },
        { "--view-bind", "ADDRESS", "IPv4 address of the live page (default 127.0.0.1: this machine only)", &view_bind, NULL },
        { "--view-rate", "N", "pictures a second that it draws at most (default 10)", &view_rate, NULL },
        { "--verbose", NULL, "log connections and refused requests", NULL, &verbose },
    };
    int status = cli_parse(&command, flags, sizeof flags / sizeof flags[0], argc, argv, NULL, 0, 0, NULL);
    if (status != CLI_GO)
        return status;
    base_error err = { 0 };
    base_log log = base_log_stderr(verbose ? BASE_LOG_DEBUG : ready_text ? BASE_LOG_WARNING : BASE_LOG_INFO);
    town_server_options o = town_server_options_default();
    eval_view_options page = eval_view_options_default();
    wire_version v;
    int ready_fd = -1;
    o.map = map;
    o.bind = bind_to;
    o.recordings = recordings;
    o.log = page.log = &log;
    if (!cli_int("--port", port_text, 0, 65534, &o.port, &err) || !cli_u64("--seed", seed_text, &o.seed, &err) ||
        !cli_int("--threads", threads_text, 0, 256, &o.threads, &err) ||
        !cli_int("--quality", quality, 0, 3, &o.quality, &err) ||
        !cli_int("--ready-fd", ready_text, 0, 1 << 20, &ready_fd, &err) || !wire_version_parse(&v, version, &err) ||
        !cli_int("--view", view_port, 0, 65535, &page.port, &err) ||
        !cli_int("--view-rate", view_rate, 1, 30, &page.rate_hz, &err))
        return cli_usage(&command, "%s", err.text);
    if (!wants_view && (view_rate || view_bind))
        return cli_usage(&command, "%s is of the live page and needs --view", view_rate ? "--view-rate" : "--view-bind");
    if (view_bind)
        page.bind = view_bind;
    o.version = (int)v;
    base_stop_install();
    town_server *s = town_server_create(&o, &err);
    if (!s)
        return cli_fail(&err);
    eval_view *view = wants_view ? open_view(s, &page, &err) : NULL;
    if (wants_view && !view) {
        town_server_destroy(s);
        return cli_fail(&err);
    }
    base_log_write(&log, BASE_LOG_INFO, "CARLA %s on %s, RPC port %d, streams %d, map %s; Ctrl-C ends it", wire_version_name(v),
                   bind_to, town_server_rpc_port(s), town_server_stream_port(s), map);
    if (view)
        base_log_write(&log, BASE_LOG_INFO, "live page: http://%s:%d/", page.bind, eval_view_port(view));
    bool ok = (ready_fd < 0 || announce(ready_fd, s, view, &err)) &&
              town_server_run(s, base_stop_requested, ready_fd < 0 ? -1 : 0, &err);
    print_stats(&log, s);
    eval_view_destroy(view);
    town_server_destroy(s);
    return ok ? 0 : cli_fail(&err);
}
