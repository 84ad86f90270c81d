/* laneloop bench serve — frames per second of the embedded simulator as a client sees them: through the sockets, in
 * synchronous mode, every image of every tick received. The car with the cameras is moved along its lane at 10 m/s, so that each frame
 * shows something new; other vehicles stand along the map. */
#include "base/clock.h"
#include "base/process.h"
#include "cli/bench.h"
#include "cli/cli.h"
#include "sim/client/client.h"
#include "sim/road/road.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SENSORS_MAX = 4, VEHICLES_MAX = 200 };

typedef struct setting { /* one line of the result */
    int width, height, sensors;
} setting;

static const char *const kinds[SENSORS_MAX] = { "sensor.camera.rgb", "sensor.camera.semantic_segmentation",
                                                "sensor.camera.depth", "sensor.camera.instance_segmentation" };
static const char *const names[SENSORS_MAX] = { "RGB", "tags", "depth", "instance" };

typedef struct serve_bench {
    client *client;
    wire_actor_id car;
    road_route route;
    double seconds;
    bool json;
} serve_bench;

static int compare_times(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static bool spawn_cameras(serve_bench *b, const setting *s, wire_actor_id *ids, base_error *err)
{
    char width[16], height[16];
    snprintf(width, sizeof width, "%d", s->width);
    snprintf(height, sizeof height, "%d", s->height);
    const client_attribute attributes[] = { { "image_size_x", width }, { "image_size_y", height }, { "fov", "90" } };
    for (int k = 0; k < s->sensors; k++) {
        client_spawn_options o = { .blueprint = kinds[k],
                                   .parent = b->car,
                                   .pose = { { 1.5, 0, 1.8 }, { -8, 0, 0 } },
                                   .attributes = attributes,
                                   .attribute_count = 3 };
        if (!client_spawn(b->client, &o, &ids[k], err) || !client_listen(b->client, ids[k], err))
            return false;
    }
    return true;
}

/* Put the car `metres` along the route and tick; all images have come when this returns. */
static bool step(serve_bench *b, double metres, const wire_actor_id *ids, int count, base_error *err)
{
    road_route_point p = road_route_at(&b->route, fmod(metres, b->route.length_m));
    base_pose pose = { { p.x, p.y, p.z }, { 0, p.yaw_deg, 0 } };
    if (!client_pose_set(b->client, b->car, pose, err) || !client_tick(b->client, err))
        return false;
    for (int k = 0; k < count; k++) {
        client_image image;
        if (!client_image_get(b->client, ids[k], &image, err))
            return false;
        if (image.frame != client_snapshot_get(b->client).frame)
            return base_fail(err, BASE_FORMAT, "%s: image of frame %llu in tick %llu", kinds[k],
                             (unsigned long long)image.frame, (unsigned long long)client_snapshot_get(b->client).frame);
    }
    return true;
}

static bool measure(serve_bench *b, const setting *s, base_error *err)
{
    enum { FRAMES_MAX = 20000, WARM_UP = 10 };
    wire_actor_id ids[SENSORS_MAX];
    double *times = malloc(FRAMES_MAX * sizeof *times);
    if (!times)
        return base_fail(err, BASE_MEMORY, "out of memory");
    bool ok = spawn_cameras(b, s, ids, err);
    int n = 0;
    double start = 0;
    for (int i = 0; ok && n < FRAMES_MAX && !base_stop_requested(); i++) {
        double before = base_clock_s();
        if (i == WARM_UP)
            start = before;
        if (i > WARM_UP && before - start > b->seconds)
            break;
        ok = step(b, 0.5 * i, ids, s->sensors, err);
        if (i >= WARM_UP)
            times[n++] = base_clock_s() - before;
    }
    double total = 0;
    for (int i = 0; i < n; i++)
        total += times[i];
    if (ok && n == 0)
        ok = base_fail(err, BASE_INTERRUPTED, "stopped before a frame was measured");
    if (ok) {
        qsort(times, (size_t)n, sizeof *times, compare_times);
        double median = times[n / 2], p95 = times[(int)(0.95 * (n - 1))];
        if (b->json)
            printf(
                "{\"width\":%d,\"height\":%d,\"sensors\":%d,\"frames\":%d,\"frames_per_s\":%.2f,\"median_ms\":%.3f,\"p95_ms\":%.3f}\n",
                s->width, s->height, s->sensors, n, n / total, median * 1e3, p95 * 1e3);
        else {
            char what[64] = "";
            for (int k = 0; k < s->sensors; k++)
                snprintf(what + strlen(what), sizeof what - strlen(what), "%s%s", k ? " + " : "", names[k]);
            printf("%4d x %-4d %-30s %8.1f frames/s   median %7.2f ms   p95 %7.2f ms   (%d frames)\n", s->width, s->height,
                   what, n / total, median * 1e3, p95 * 1e3, n);
        }
        fflush(stdout);
    }
    for (int k = 0; ok && k < s->sensors; k++)
        ok = client_destroy(b->client, ids[k], err);
    free(times);
    return ok;
}

/* The car with the cameras on the first spawn point, the others spread over the rest, each with its brakes on. */
static bool populate(serve_bench *b, int vehicles, base_error *err)
{
    static const char *const models[] = { "vehicle.tesla.model3", "vehicle.lincoln.mkz_2020" };
    size_t count;
    const base_pose *spawns = client_spawn_points(b->client, &count, err);
    const road_map *map = spawns ? client_road_map(b->client, err) : NULL;
    if (!map)
        return false;
    if (count < 2)
        return base_fail(err, BASE_FORMAT, "the map has %zu spawn points, expected at least 2", count);
    road_waypoint start;
    if (!road_waypoint_at(map, spawns[0].location, ROAD_LANE_DRIVING, true, &start))
        return base_fail(err, BASE_FORMAT, "no driving lane at the first spawn point");
    if (!road_route_follow(map, &start, 2000, 0.5, 1, &b->route, err))
        return false;
    client_spawn_options o = { .blueprint = models[1], .pose = spawns[0] };
    if (!client_spawn(b->client, &o, &b->car, err) || !client_physics_set(b->client, b->car, false, err))
        return false;
    int placed = 0;
    for (size_t k = 1; k < count && placed < vehicles; k++) { /* taken places are skipped */
        size_t at = (k * (count / 7 * 2 + 1)) % count;
        wire_actor_id id;
        base_error refused;
        o = (client_spawn_options){ .blueprint = models[placed & 1], .pose = spawns[at] };
        if (at == 0 || !client_spawn(b->client, &o, &id, &refused))
            continue;
        if (!client_physics_set(b->client, id, false, err))
            return false;
        placed++;
    }
    if (placed < vehicles)
        return base_fail(err, BASE_REMOTE, "only %d of %d vehicles found a place", placed, vehicles);
    return true;
}

static bool run(serve_bench *b, const char *host, int port, const char *map, int vehicles, const setting *settings, int count,
                base_error *err)
{
    cli_simulator simulator;
    if (!cli_simulator_start(&simulator, host, port, map, 1, err))
        return false;
    client_options o = client_options_default();
    o.host = simulator.host;
    o.port = simulator.port;
    o.call_timeout_s = 60;
    o.stop = base_stop_requested;
    b->client = client_connect(&o, err);
    bool ok = b->client && client_synchronous(b->client, 0.05, err) && populate(b, vehicles, err);
    for (int i = 0; ok && i < count; i++)
        ok = measure(b, &settings[i], err);
    road_route_free(&b->route);
    base_error closing;
    if (b->client && !client_close(b->client, &closing) && ok) {
        *err = closing;
        ok = false;
    }
    cli_simulator_stop(&simulator);
    return ok;
}

int cli_bench_serve(int argc, char **argv)
{
    static const cli_command command = {
        "laneloop bench serve [--size WxH] [--sensors N] [--vehicles N] [--map MAP] [--seconds S] [--host H --port P] [--json]",
        "Frames per second of `laneloop serve` through its sockets: a car with cameras (RGB, tags, depth, instance) moves along its lane,\n"
        "each tick waits for all images. Without --host the embedded simulator is measured.",
        "laneloop bench serve --size 800x600 --sensors 3 --vehicles 30",
    };
    static const setting usual[] = { { 800, 600, 4 }, { 800, 600, 3 }, { 800, 600, 1 }, { 320, 160, 4 }, { 256, 128, 2 } };
    const char *size = NULL, *sensors = NULL, *vehicles_text = NULL, *seconds = NULL, *host = NULL, *port_text = NULL,
               *map = NULL;
    serve_bench b = { .seconds = 5 };
    const cli_flag flags[] = {
        { "--size", "WxH", "one picture size instead of the usual ones", &size, NULL },
        { "--sensors", "1..4", "with --size: RGB, then tags, depth, instance; default 4", &sensors, NULL },
        { "--vehicles", "N", "standing vehicles; default 30", &vehicles_text, NULL },
        { "--map", "MAP", "NAME or FILE.xodr for the embedded simulator; default its own", &map, NULL },
        { "--seconds", "S", "time for each line; default 5", &seconds, NULL },
        { "--host", "H", "measure a running server instead", &host, NULL },
        { "--port", "P", "its RPC port; default 2000", &port_text, NULL },
        { "--json", NULL, "one JSON line per setting", NULL, &b.json },
    };
    int status = cli_parse(&command, flags, sizeof flags / sizeof *flags, argc, argv, NULL, 0, 0, NULL);
    if (status != CLI_GO)
        return status;
    base_error err;
    int vehicles = 30, port = 2000;
    setting one = { .sensors = 4 };
    char tail;
    if (size && (sscanf(size, "%dx%d%c", &one.width, &one.height, &tail) != 2 || one.width < 1 || one.height < 1 ||
                 one.width > 4096 || one.height > 4096))
        return cli_usage(&command, "--size: expected WxH with 1..4096 each, found \"%s\"", size);
    if (!cli_int("--sensors", sensors, 1, SENSORS_MAX, &one.sensors, &err) ||
        !cli_int("--vehicles", vehicles_text, 0, VEHICLES_MAX, &vehicles, &err) ||
        !cli_int("--port", port_text, 1, 65535, &port, &err) || !cli_double("--seconds", seconds, 0.1, 600, &b.seconds, &err))
        return cli_usage(&command, "%s", err.text);
    base_stop_install();
    bool ok = run(&b, host, port, map, vehicles, size ? &one : usual, size ? 1 : (int)(sizeof usual / sizeof *usual), &err);
    return ok ? 0 : cli_fail(&err);
}
