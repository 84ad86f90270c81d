/* laneloop doctor — what this build can do, and whether a server keeps what CARLA's protocol promises. */
#include "base/process.h"
#include "cli/doctor.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const cli_command command = {
    "laneloop doctor [--host H [--port P] [--reset]] [--json]",
    "Without --host: what this build and this machine offer, and a self-test of the simulator inside. With --host: a server, CARLA or\n"
    "laneloop serve: version, map, settings, actors, latency, and a self-test of its sensors in synchronous mode. What the test\n"
    "spawns and sets is undone, also on Ctrl-C. One line per finding, with what to do about it. Exit status 1: something is broken.",
    "laneloop doctor --host 127.0.0.1 --port 2000",
};

static const char *const grades[DOCTOR_GRADES] = { "ok", "note", "warning", "broken" };

void doctor_number(doctor *d, const char *key, double value)
{
    if (!d->numbers)
        d->numbers = cJSON_CreateObject();
    cJSON_AddNumberToObject(d->numbers, key, value);
}

static void print_json(doctor *d, doctor_grade grade, const char *about, const char *action, const char *finding)
{
    cJSON *line = d->numbers ? d->numbers : cJSON_CreateObject();
    cJSON_AddStringToObject(line, "grade", grades[grade]);
    cJSON_AddStringToObject(line, "about", about);
    cJSON_AddStringToObject(line, "finding", finding);
    if (action)
        cJSON_AddStringToObject(line, "action", action);
    char *text = cJSON_PrintUnformatted(line);
    if (text)
        puts(text);
    free(text);
    cJSON_Delete(line);
    d->numbers = NULL;
}

void doctor_say(doctor *d, doctor_grade grade, const char *about, const char *action, const char *format, ...)
{
    char finding[1200];
    va_list args;
    va_start(args, format);
    vsnprintf(finding, sizeof finding, format, args);
    va_end(args);
    base_text_clean(finding);
    d->count[grade]++;
    if (grade == DOCTOR_BROKEN && !strstr(d->broken, about)) {
        size_t n = strlen(d->broken);
        snprintf(d->broken + n, sizeof d->broken - n, "%s%s", n ? ", " : "", about);
    }
    if (d->json) {
        print_json(d, grade, about, action, finding);
    } else {
        printf("%-8s %-12s %s%s%s\n", grades[grade], about, finding, action ? " -> " : "", action ? action : "");
        cJSON_Delete(d->numbers);
        d->numbers = NULL;
    }
    fflush(stdout);
}

int cli_doctor(int argc, char **argv)
{
    const char *host = NULL, *port_text = NULL;
    doctor d = { 0 };
    bool reset = false;
    const cli_flag flags[] = {
        { "--host", "H", "the server to look at; without it the simulator inside", &host, NULL },
        { "--port", "P", "its RPC port; default 2000", &port_text, NULL },
        { "--reset", NULL, "leave the server in asynchronous mode, as a dead client may not have", NULL, &reset },
        { "--json", NULL, "one JSON object per finding", NULL, &d.json },
    };
    int status = cli_parse(&command, flags, sizeof flags / sizeof *flags, argc, argv, NULL, 0, 0, NULL);
    if (status != CLI_GO)
        return status;
    if ((port_text || reset) && !host)
        return cli_usage(&command, "%s needs --host", reset ? "--reset" : "--port");
    int port = 2000;
    base_error err = { 0 };
    if (!cli_int("--port", port_text, 1, 65535, &port, &err))
        return cli_usage(&command, "%s", err.text);
    base_stop_install();
    cli_simulator sim = { 0 };
    if (!host)
        doctor_build(&d);
    bool finished = true;
    if (cli_simulator_start(&sim, host, port, NULL, 1, &err))
        finished = doctor_server(&d, sim.host, sim.port, reset);
    else
        doctor_say(&d, DOCTOR_BROKEN, "simulator", "run `laneloop serve --verbose` to see why", "%s", err.text);
    cli_simulator_stop(&sim);
    if (!d.json)
        printf("%d ok, %d notes, %d warnings, %d broken\n", d.count[DOCTOR_OK], d.count[DOCTOR_NOTE], d.count[DOCTOR_WARNING],
               d.count[DOCTOR_BROKEN]);
    if (!finished)
        base_fail(&err, BASE_INTERRUPTED, "stopped; the rest was not looked at");
    else if (d.count[DOCTOR_BROKEN])
        base_fail(&err, BASE_REMOTE, "broken: %s", d.broken);
    else
        return 0;
    return cli_fail(&err);
}
