/* laneloop doctor: a server from outside — reachable, which release, map, settings, actors, clock, latency, and that the doctor itself
 * leaves nothing behind. */
#include "base/clock.h"
#include "base/process.h"
#include "cli/doctor.h"
#include "sim/road/road.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LATENCY_CALLS = 200 };
static const double answer_s = 5, quiet_s = 1, watch_s = 1;

static client_options options(const char *host, int port)
{
    client_options o = client_options_default();
    o.host = host;
    o.port = port;
    o.call_timeout_s = answer_s;
    o.stop = base_stop_requested;
    return o;
}

static void cannot_connect(doctor *d, const base_error *err)
{
    const char *action;
    switch (err->code) {
    case BASE_VERSION: action = "start a server of CARLA " WIRE_VERSION_RANGE ", or `laneloop serve`"; break;
    case BASE_FORMAT:
        action = "give CARLA's RPC port (-carla-rpc-port, default 2000); something else listens on this one";
        break;
    case BASE_TIMEOUT:
        action =
            "wait if it is still loading; else a firewall swallows the packets or its game thread hangs: restart the server";
        break;
    case BASE_NETWORK:
        action =
            "start one (`laneloop serve --port P`, or CarlaUE4.sh -carla-rpc-port=P), or correct --host and --port; the streaming "
            "port (RPC port + 1) must be open too";
        break;
    default: action = "look at the server's own log";
    }
    doctor_say(d, DOCTOR_BROKEN, "connection", action, "%s", err->text);
}

static void look_at_version(doctor *d, client *c)
{
    const char *text = client_version_text(c), *known = wire_version_name(client_version(c));
    if (strcmp(text, known) == 0)
        doctor_say(d, DOCTOR_OK, "version", NULL, "CARLA %s, which this client speaks", text);
    else
        doctor_say(d, DOCTOR_NOTE, "version", "if a call fails that should not, compare with the release itself",
                   "CARLA %s, a build of its own: read as %s", text, known);
}

static void look_at_map(doctor *d, client *c)
{
    base_error err = { 0 };
    size_t points, off = 0;
    const base_pose *at = client_spawn_points(c, &points, &err);
    const char *name = at ? client_map_name(c, &err) : NULL;
    const struct road_map *map = name ? client_road_map(c, &err) : NULL;
    if (!map) {
        doctor_say(d, DOCTOR_BROKEN, "map",
                   "load another map; this one's OpenDRIVE file is what waypoints and routes are made of", "%s%s%s",
                   name ? name : "", name ? ": " : "", err.text);
        return;
    }
    road_map_info i = road_map_describe(map);
    for (size_t k = 0; k < points; k++) {
        road_waypoint w;
        off += !road_waypoint_at(map, at[k].location, ROAD_LANE_ANY, false, &w);
    }
    doctor_number(d, "roads", i.roads);
    doctor_number(d, "spawn_points", (double)points);
    if (points == 0)
        doctor_say(d, DOCTOR_WARNING, "map", "take start poses from waypoints (road_map_spawn_points) instead",
                   "%s: %d roads, no spawn points", name, i.roads);
    else if (off)
        doctor_say(d, DOCTOR_WARNING, "map", "leave those out, or check that the map's OpenDRIVE file belongs to its mesh",
                   "%s: %d roads, %zu of %zu spawn points are on no lane", name, i.roads, off, points);
    else
        doctor_say(d, DOCTOR_OK, "map", NULL, "%s: %d roads, %.1f km of driving lanes, %zu spawn points, all on lanes", name,
                   i.roads, i.driving_lane_m / 1000, points);
}

/* What the settings alone say; whether somebody ticks comes from look_at_ticking. */
static void look_at_settings(doctor *d, client *c)
{
    wire_episode_settings s = client_settings(c);
    double dt = s.fixed_delta_seconds.has ? s.fixed_delta_seconds.value : 0;
    int before = d->count[DOCTOR_WARNING];
    if (s.synchronous_mode && dt <= 0)
        doctor_say(
            d, DOCTOR_WARNING, "settings",
            "set fixed_delta_seconds (client_synchronous(c, 0.05)) together with synchronous mode",
            "synchronous mode without a fixed step: steps are as long as the wall clock says, physics and sensors become irregular");
    if (dt > 0.1)
        doctor_say(d, DOCTOR_WARNING, "settings", "set fixed_delta_seconds to 0.05; CARLA's physics is made for 0.1 s at most",
                   "a fixed step of %g s", dt);
    if (dt > 0 && s.substepping && s.max_substep_delta_time * s.max_substeps < dt - 1e-9)
        doctor_say(d, DOCTOR_WARNING, "settings",
                   "raise max_substeps or max_substep_delta_time until their product is at least the step",
                   "a step of %g s, but sub-steps cover only %d x %g s: physics and clock drift apart", dt, s.max_substeps,
                   s.max_substep_delta_time);
    if (s.no_rendering_mode)
        doctor_say(d, DOCTOR_WARNING, "settings", "set no_rendering_mode to false before using cameras",
                   "no_rendering_mode is on: cameras send nothing or black");
    if (d->count[DOCTOR_WARNING] == before)
        doctor_say(d, DOCTOR_OK, "settings", NULL, "%s, %s", s.synchronous_mode ? "synchronous" : "asynchronous",
                   dt > 0 ? "fixed step" : "variable step");
}

typedef enum ticking { TICKS_ITSELF, TICKED_BY_OTHERS, WAITS_FOR_US, DEAD } ticking;

static bool watch_rate(doctor *d, client *c, base_error *err)
{
    client_snapshot first = client_snapshot_get(c), now = first;
    double start = base_clock_s(), end = start + watch_s;
    while (base_clock_s() < end) {
        if (!client_wait_for_tick_within(c, answer_s, err))
            return false;
        now = client_snapshot_get(c);
    }
    double wall = base_clock_s() - start, rate = (double)(now.frame - first.frame) / wall;
    double factor = (now.time_s - first.time_s) / wall;
    doctor_number(d, "ticks_per_s", rate);
    doctor_number(d, "real_time_factor", factor);
    if (factor < 0.9 || factor > 1.1)
        doctor_say(d, DOCTOR_NOTE, "clock",
                   "use synchronous mode where time matters; in asynchronous mode a fixed step runs as fast as it can",
                   "%.1f ticks/s, simulated time runs %.2f times as fast as the wall clock", rate, factor);
    else
        doctor_say(d, DOCTOR_OK, "clock", NULL, "%.1f ticks/s, simulated time follows the wall clock (%.2f)", rate, factor);
    return true;
}

static ticking look_at_ticking(doctor *d, client *c)
{
    base_error err = { 0 };
    bool synchronous = client_settings(c).synchronous_mode;
    if (client_wait_for_tick_within(c, synchronous ? quiet_s : answer_s, &err)) {
        if (!synchronous)
            return watch_rate(d, c, &err) ? TICKS_ITSELF : DEAD;
        doctor_say(
            d, DOCTOR_WARNING, "settings", "let one client tick and the others wait_for_tick; look again when it has ended",
            "synchronous mode, and another client is ticking: the sensor self-test is left out, for two tickers would run into "
            "each other");
        return TICKED_BY_OTHERS;
    }
    if (err.code == BASE_TIMEOUT && synchronous) {
        doctor_say(
            d, DOCTOR_WARNING, "settings",
            "if no client is at work, free the server: `laneloop doctor --host H --port P --reset`",
            "synchronous mode is on and nobody ticks: a client that died left it on, or one pauses; the simulation stands still");
        return WAITS_FOR_US;
    }
    if (err.code != BASE_INTERRUPTED)
        doctor_say(
            d, DOCTOR_BROKEN, "clock",
            "open the streaming port (RPC port + 1) in firewalls and containers; if it is open, the game thread hangs: restart the server",
            "calls are answered, but no world snapshot comes: %s", err.text);
    return DEAD;
}

static bool begins(const char *text, const char *with) { return strncmp(text, with, strlen(with)) == 0; }

static bool look_at_actors(doctor *d, client *c)
{
    base_error err = { 0 };
    size_t count, vehicles = 0, walkers = 0, sensors = 0, lights = 0, signs = 0;
    const wire_actor *const *all = client_actors(c, &count, &err);
    if (!all) {
        doctor_say(d, DOCTOR_BROKEN, "actors", "look at the server's own log", "%s", err.text);
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        const char *id = all[i]->description.id;
        bool light = begins(id, "traffic.traffic_light");
        vehicles += begins(id, "vehicle.");
        walkers += begins(id, "walker.");
        sensors += begins(id, "sensor.");
        lights += light;
        signs += begins(id, "traffic.") && !light;
    }
    size_t named = client_snapshot_get(c).actor_count;
    doctor_number(d, "actors", (double)count);
    doctor_number(d, "vehicles", (double)vehicles);
    doctor_number(d, "walkers", (double)walkers);
    doctor_number(d, "sensors", (double)sensors);
    if (count != named)
        doctor_say(d, DOCTOR_WARNING, "actors",
                   "tick once more and look again; ids that stay unknown belong to a map loading in pieces",
                   "the snapshot names %zu actors, get_actors_by_id knows %zu of them", named, count);
    else if (vehicles + walkers + sensors)
        doctor_say(d, DOCTOR_NOTE, "actors", "if no client is at work they were left behind: destroy them or reload the map",
                   "%zu vehicles, %zu walkers, %zu sensors, %zu lights, %zu signs", vehicles, walkers, sensors, lights, signs);
    else
        doctor_say(d, DOCTOR_OK, "actors", NULL, "%zu: %zu traffic lights, %zu signs, no vehicles, walkers or sensors", count,
                   lights, signs);
    return true;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static bool look_at_latency(doctor *d, client *c)
{
    double ms[LATENCY_CALLS];
    base_error err = { 0 };
    for (int i = 0; i < LATENCY_CALLS; i++) {
        const char *text;
        double start = base_clock_s();
        if (base_stop_requested() || !client_call(c, WIRE_METHOD_version, NULL, &text, NULL, &err)) {
            if (!base_stop_requested())
                doctor_say(d, DOCTOR_BROKEN, "latency", "look at the server's own log", "%s", err.text);
            return false;
        }
        ms[i] = (base_clock_s() - start) * 1000;
    }
    qsort(ms, LATENCY_CALLS, sizeof *ms, by_value);
    double median = ms[LATENCY_CALLS / 2], p99 = ms[LATENCY_CALLS * 99 / 100];
    doctor_number(d, "median_ms", median);
    doctor_number(d, "p99_ms", p99);
    if (median > 20)
        doctor_say(d, DOCTOR_WARNING, "latency",
                   "put client and server on one machine or one switch, and send commands in batches",
                   "a call takes %.1f ms (median of %d; p99 %.1f ms)", median, LATENCY_CALLS, p99);
    else
        doctor_say(d, DOCTOR_OK, "latency", NULL, "a call takes %.3f ms (median of %d; p99 %.3f ms)", median, LATENCY_CALLS,
                   p99);
    return true;
}

static void reset_settings(doctor *d, client *c)
{
    base_error err = { 0 };
    wire_episode_settings s = client_settings(c);
    s.synchronous_mode = false;
    s.fixed_delta_seconds = (wire_optional_f64){ false, 0 };
    if (client_settings_set(c, &s, &err))
        doctor_say(d, DOCTOR_OK, "settings", NULL, "reset: asynchronous mode, variable step");
    else
        doctor_say(d, DOCTOR_BROKEN, "settings", "restart the server", "%s", err.text);
    client_settings_keep(c);
}

static bool same_mode(wire_episode_settings a, wire_episode_settings b)
{
    return a.synchronous_mode == b.synchronous_mode && a.fixed_delta_seconds.has == b.fixed_delta_seconds.has &&
           (!a.fixed_delta_seconds.has || fabs(a.fixed_delta_seconds.value - b.fixed_delta_seconds.value) < 1e-9);
}

static int survivors(const doctor *d, client *c)
{
    int n = 0;
    for (size_t i = 0; i < sizeof d->spawned / sizeof *d->spawned; i++)
        n += d->spawned[i] && client_actor(c, d->spawned[i], NULL);
    return n;
}

/* Ask anew: what the server says now must be what was found. */
static void look_at_what_is_left(doctor *d, const char *host, int port, wire_episode_settings found)
{
    base_error err = { 0 };
    client_options o = options(host, port);
    o.stop = NULL; /* this one is short, and worth doing after Ctrl-C as well */
    client *c = client_connect(&o, &err);
    if (!c)
        doctor_say(d, DOCTOR_BROKEN, "clean-up", "restart the server", "cannot look whether all was undone: %s", err.text);
    else if (!same_mode(client_settings(c), found))
        doctor_say(d, DOCTOR_BROKEN, "clean-up", "laneloop doctor --host H --port P --reset",
                   "the server did not take its settings back");
    else if (survivors(d, c))
        doctor_say(d, DOCTOR_BROKEN, "clean-up", "reload the map", "%d actors of the test are still there", survivors(d, c));
    else
        doctor_say(d, DOCTOR_OK, "clean-up", NULL, "the settings found are in force again, what was spawned is destroyed");
    client_close(c, NULL);
}

bool doctor_server(doctor *d, const char *host, int port, bool reset)
{
    base_error err = { 0 };
    client_options o = options(host, port);
    client *c = client_connect(&o, &err);
    if (!c) {
        if (err.code != BASE_INTERRUPTED)
            cannot_connect(d, &err);
        return err.code != BASE_INTERRUPTED;
    }
    doctor_say(d, DOCTOR_OK, "connection", NULL, "%s:%d answers", host, port);
    look_at_version(d, c);
    if (reset)
        reset_settings(d, c);
    look_at_map(d, c);
    look_at_settings(d, c);
    wire_episode_settings found = client_settings(c);
    bool go_on = look_at_latency(d, c);
    ticking t = go_on ? look_at_ticking(d, c) : DEAD;
    if (t == TICKS_ITSELF || t == TICKED_BY_OTHERS)
        go_on = look_at_actors(d, c);
    if (go_on && (t == TICKS_ITSELF || t == WAITS_FOR_US))
        doctor_sensors(d, c);
    if (!client_close(c, &err))
        doctor_say(d, DOCTOR_BROKEN, "clean-up", "restart the server", "%s", err.text);
    else if (t != DEAD)
        look_at_what_is_left(d, host, port, found);
    return !base_stop_requested();
}
