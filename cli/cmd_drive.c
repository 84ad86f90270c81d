/* laneloop drive — closed-loop driving by a network, scored beside the expert and the controls. */
#include "cli/cli.h"
#include "base/file.h"
#include "base/process.h"
#include "eval/drive.h"
#include "model/plan.h"
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const cli_command command = {
    "laneloop drive CONFIG MODEL [--out DIR] [--host H] [--port P] [--map MAP] [--seed N] [--runs LIST] [--json]",
    "Let MODEL (an fp32 checkpoint or an int8 model) drive a route: its mask of frame t steers frame t+1. The expert and\n"
    "three controls (a mask of road only, an untrained network, a mask frozen after 5 s) drive the same route.\n"
    "Writes DIR/NAME.json, NAME.csv and pictures for each run; NAME is expert, fp32 or int8, control_...\n"
    "Without --host the simulator inside is started; with it a CARLA server (0.9.13 to 0.9.16) is used.",
    "laneloop drive configs/drive/demo.json runs/demo/int8 --out runs/demo/drive",
};

static bool choose_runs(const char *list, eval_drive_options *o, base_error *err)
{
    memset(o->runs, 0, sizeof o->runs);
    while (*list) {
        size_t n = strcspn(list, ",");
        int d = 0;
        while (d < EVAL_DRIVERS && !(strlen(eval_driver_names[d]) == n && !strncmp(list, eval_driver_names[d], n)))
            d++;
        if (d == EVAL_DRIVERS)
            return base_fail(
                err, BASE_ARGUMENT,
                "--runs: expert, model, control_all_road, control_untrained or control_frozen expected, found '%.*s'", (int)n,
                list);
        o->runs[d] = true;
        list += n + (list[n] == ',');
    }
    return true;
}

static void print_progress(void *user, const char *line)
{
    bool terminal = *(bool *)user;
    if (terminal)
        fprintf(stderr, "\r%s\033[K", line);
}

static void print_json(const eval_drive_result *r)
{
    const eval_score *s = &r->score;
    printf(
        "{\"run\":\"%s\",\"status\":\"%s\",\"route_m\":%.2f,\"route_completion_pct\":%.2f,\"collisions\":%d,\"lane_departures\":%d,"
        "\"mean_cross_track_m\":%.4f,\"mean_speed_mps\":%.3f,\"driving_score_pct\":%.3f}\n",
        r->name, eval_status_name(s->status), s->route_m, s->route_completion_pct, s->collisions, s->lane_departures,
        isfinite(s->mean_cross_track_m) ? s->mean_cross_track_m : 0, s->mean_speed_mps, s->driving_score_pct);
}

static void print_row(const eval_drive_result *r, bool first)
{
    const eval_score *s = &r->score;
    if (first)
        printf("%-18s %8s %7s %6s %7s %8s %7s %7s  %s\n", "run", "route m", "done %", "collis", "departs", "|e_y| m", "m/s",
               "score %", "end");
    printf("%-18s %8.0f %7.1f %6d %7d %8.3f %7.2f %7.1f  %s\n", r->name, s->route_m, s->route_completion_pct, s->collisions,
           s->lane_departures, s->mean_cross_track_m, s->mean_speed_mps, s->driving_score_pct, eval_status_name(s->status));
    fflush(stdout);
}

/* One driver with a connection of its own, so that every run starts from the same empty world. */
static bool run_one(const cli_simulator *sim, const eval_drive_options *o, eval_driver driver, const char *model,
                    const char *out, eval_drive_result *result, base_error *err)
{
    bool terminal = isatty(2);
    char name[64];
    eval_predictor *predictor = NULL;
    snprintf(name, sizeof name, "%s", eval_driver_names[driver]);
    if (eval_driver_uses_model(driver)) {
        eval_predictor_options p = eval_predictor_options_default();
        p.width_px = o->camera.width_px;
        p.height_px = o->camera.height_px;
        p.untrained = driver == EVAL_DRIVER_UNTRAINED;
        p.seed = o->seed;
        p.winograd = o->winograd;
        if (!(predictor = eval_predictor_open(model, &p, err)))
            return false;
        if (driver == EVAL_DRIVER_MODEL)
            snprintf(name, sizeof name, "%s", eval_predictor_about(predictor)->kind_name);
    }
    client_options c = client_options_default();
    c.host = sim->host;
    c.port = sim->port;
    c.stop = base_stop_requested;
    client *connection = client_connect(&c, err);
    bool ok = connection && eval_drive_run(connection, o, driver, name, predictor, out, print_progress, &terminal, result, err);
    if (terminal)
        fputs("\r\033[K", stderr);
    if (connection)
        ok = client_close(connection, ok ? err : NULL) && ok;
    eval_predictor_close(predictor);
    return ok || base_fail_in(err, "%s", name);
}

int cli_drive(int argc, char **argv)
{
    const char *positional[2] = { NULL, NULL }, *out = "runs/drive", *host = NULL, *port_text = NULL, *runs = NULL,
               *seed = NULL, *map = NULL, *winograd = NULL;
    bool json = false, print_config = false;
    const cli_flag flags[] = {
        { "--out", "DIR", "folder for results; default runs/drive", &out, NULL },
        { "--host", "H", "an outside CARLA server instead of the simulator inside", &host, NULL },
        { "--port", "P", "its RPC port; default 2000", &port_text, NULL },
        { "--runs", "LIST", "drivers, comma-separated, instead of the configuration's", &runs, NULL },
        { "--seed", "N", "instead of the configuration's", &seed, NULL },
        { "--map", "MAP", "bundled map or OpenDRIVE file, instead of the configuration's", &map, NULL },
        { "--winograd", "NAME", "of an fp32 model, instead of the configuration's: off, f2, f4 or auto", &winograd, NULL },
        { "--json", NULL, "one JSON line per run", NULL, &json },
        { "--print-config", NULL, "print the configuration with its defaults and stop", NULL, &print_config },
    };
    eval_drive_options o = eval_drive_options_default();
    base_error err = { 0 };
    int count, status = cli_parse(&command, flags, sizeof flags / sizeof *flags, argc, argv, positional, 0, 2, &count);
    if (status != CLI_GO)
        return status;
    if (count >= 1 && (!cli_config_read(positional[0], &o, eval_drive_table, eval_drive_table_count, &err)))
        return cli_fail(&err);
    if (print_config)
        return cli_config_print(&o, eval_drive_table, eval_drive_table_count);
    if (count < 2)
        return cli_usage(&command, "CONFIG and MODEL are needed");
    if (port_text && !host)
        return cli_usage(&command, "--port needs --host");
    int port = 2000;
    if (!cli_u64("--seed", seed, &o.seed, &err))
        return cli_fail(&err);
    if (map && snprintf(o.map, sizeof o.map, "%s", map) >= (int)sizeof o.map)
        return cli_usage(&command, "--map: longer than %zu characters", sizeof o.map - 1);
    if (!eval_drive_options_check(&o, &err) || !cli_int("--port", port_text, 1, 65535, &port, &err) ||
        !cli_name("--winograd", winograd, model_winograd_names, &o.winograd, &err) || (runs && !choose_runs(runs, &o, &err)))
        return cli_fail(&err);
    base_stop_install();
    cli_simulator sim = { 0 };
    bool ok = base_dir_create(out, &err) && cli_simulator_start(&sim, host, port, o.map, o.seed, &err);
    bool first = true;
    for (int d = 0; ok && d < EVAL_DRIVERS; d++) {
        eval_drive_result result;
        if (!o.runs[d])
            continue;
        ok = run_one(&sim, &o, (eval_driver)d, positional[1], out, &result, &err);
        if (!ok)
            break;
        if (json)
            print_json(&result);
        else
            print_row(&result, first);
        first = false;
    }
    cli_simulator_stop(&sim);
    return ok ? 0 : cli_fail(&err);
}
