/* laneloop bench serve — frames per second of the embedded simulator as a client sees them: through the sockets, in synchronous mode, all
 * data of every tick received. Each row has a server of its own. The car with the cameras and the other vehicles are moved along their
 * lanes at 10 and 8 m/s, so that each frame shows something new and shadows move. */
#include "base/clock.h"
#include "base/cpu.h"
#include "base/process.h"
#include "cli/bench.h"
#include "cli/bench_rows.h"
#include "cli/cli.h"
#include "sim/client/client.h"
#include "sim/road/road.h"
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { CAMERAS_MAX = 16, SENSORS_MAX = CAMERAS_MAX * ROW_SENSORS, VEHICLES_MAX = 200 };
static const double tick_s = 0.05, own_mps = 10, others_mps = 8, route_m = 1000;

typedef struct mover {
    wire_actor_id id;
    road_route route;
} mover;

typedef struct sensor {
    wire_actor_id id;
    row_sensor kind;
} sensor;

typedef struct serve_bench {
    client *client;
    const bench_row *row;
    double seconds;
    mover movers[1 + VEHICLES_MAX]; /* the first carries the sensors */
    int mover_count;
    sensor sensors[SENSORS_MAX];
    int sensor_count;
    uint64_t points;
    int server_pid; /* 0: an outside server */
} serve_bench;

static int compare_times(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static bool add_sensor(serve_bench *b, row_sensor kind, double yaw_deg, base_error *err)
{
    char width[16], height[16];
    snprintf(width, sizeof width, "%d", b->row->width_px);
    snprintf(height, sizeof height, "%d", b->row->height_px);
    const client_attribute camera[] = { { "image_size_x", width }, { "image_size_y", height }, { "fov", "90" } };
    static const client_attribute lidar[] = {
        { "channels", "64" }, { "points_per_second", "1300000" }, { "rotation_frequency", "20" }, { "range", "100" }
    };
    static const client_attribute radar[] = { { "points_per_second", "100000" } };
    bool is_camera = bench_sensor_is_camera(kind);
    client_spawn_options o = { .blueprint = bench_sensor_blueprint(kind),
                               .parent = b->movers[0].id,
                               .pose = { { 1.5, 0, is_camera ? 1.8 : 2.4 }, { is_camera ? -8 : 0, yaw_deg, 0 } },
                               .attributes = is_camera           ? camera
                                             : kind == ROW_RADAR ? radar
                                                                 : lidar,
                               .attribute_count = is_camera           ? 3
                                                  : kind == ROW_RADAR ? 1
                                                                      : 4 };
    sensor *s = &b->sensors[b->sensor_count];
    s->kind = kind;
    if (!client_spawn(b->client, &o, &s->id, err) || !client_listen(b->client, s->id, err))
        return false;
    b->sensor_count++;
    return true;
}

static bool add_sensors(serve_bench *b, base_error *err)
{
    for (int place = 0; place < b->row->cameras; place++)
        for (int kind = 0; kind < ROW_SENSORS; kind++)
            if (b->row->sensors & 1u << kind && (place == 0 || bench_sensor_is_camera((row_sensor)kind)) &&
                !add_sensor(b, (row_sensor)kind, 360.0 * place / b->row->cameras, err))
                return false;
    return true;
}

static bool received(serve_bench *b, const sensor *s, base_error *err)
{
    client_image image;
    client_lidar lidar;
    client_radar radar;
    uint64_t frame, now = client_snapshot_get(b->client).frame;
    if (bench_sensor_is_camera(s->kind)) {
        if (!client_image_get(b->client, s->id, &image, err))
            return false;
        frame = image.frame;
    } else if (s->kind == ROW_RADAR) {
        if (!client_radar_get(b->client, s->id, &radar, err))
            return false;
        frame = radar.frame;
        b->points += radar.count;
    } else {
        if (!client_lidar_get(b->client, s->id, &lidar, err))
            return false;
        frame = lidar.frame;
        b->points += lidar.point_count;
    }
    return frame == now || base_fail(err, BASE_FORMAT, "%s: data of frame %llu in tick %llu", bench_sensor_blueprint(s->kind),
                                     (unsigned long long)frame, (unsigned long long)now);
}

/* Everybody a step further along the lane, one tick; all data have come when this returns. */
static bool step(serve_bench *b, int tick, base_error *err)
{
    wire_command moves[1 + VEHICLES_MAX];
    for (int i = 0; i < b->mover_count; i++) {
        const mover *m = &b->movers[i];
        road_route_point p = road_route_at(&m->route, fmod((i ? others_mps : own_mps) * tick_s * tick, m->route.length_m));
        moves[i] = client_command_pose(m->id, (base_pose){ { p.x, p.y, p.z }, { 0, p.yaw_deg, 0 } });
    }
    if (!client_batch_tick(b->client, moves, (size_t)b->mover_count, NULL, err))
        return false;
    for (int k = 0; k < b->sensor_count; k++)
        if (!received(b, &b->sensors[k], err))
            return false;
    return true;
}

/* CPU time of us and of the server, all threads; below 0: unknown. */
static double cpu_s(const serve_bench *b)
{
    struct rusage us;
    char path[64], line[1024];
    snprintf(path, sizeof path, "/proc/%d/stat", b->server_pid);
    FILE *f = b->server_pid ? fopen(path, "r") : NULL;
    size_t got = f ? fread(line, 1, sizeof line - 1, f) : 0;
    if (f)
        fclose(f);
    line[got] = '\0';
    const char *rest =
        strrchr(line, ')'); /* proc(5): the name may hold anything; then the state, ten numbers, utime and stime in ticks */
    unsigned long user, system;
    if (!rest || sscanf(rest, ") %*c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %lu %lu", &user, &system) != 2 ||
        getrusage(RUSAGE_SELF, &us) != 0)
        return -1;
    return (double)(user + system) / (double)sysconf(_SC_CLK_TCK) + (double)(us.ru_utime.tv_sec + us.ru_stime.tv_sec) +
           1e-6 * (double)(us.ru_utime.tv_usec + us.ru_stime.tv_usec);
}

static bool measure(serve_bench *b, bench_result *r, base_error *err)
{
    enum { FRAMES_MAX = 20000, WARM_UP = 10 };
    double *times = malloc(FRAMES_MAX * sizeof *times);
    if (!times)
        return base_fail(err, BASE_MEMORY, "out of memory");
    bool ok = true;
    int n = 0;
    double start = 0, total = 0, cpu_before = 0;
    for (int i = 0; ok && n < FRAMES_MAX && !base_stop_requested(); i++) {
        double before = base_clock_s();
        if (i == WARM_UP) {
            start = before;
            b->points = 0;
            cpu_before = cpu_s(b);
        }
        if (i > WARM_UP && before - start > b->seconds)
            break;
        ok = step(b, i, err);
        if (i >= WARM_UP)
            times[n++] = base_clock_s() - before;
    }
    if (ok && n == 0)
        ok = base_fail(err, BASE_INTERRUPTED, "stopped before a frame was measured");
    if (ok) {
        for (int i = 0; i < n; i++)
            total += times[i];
        qsort(times, (size_t)n, sizeof *times, compare_times);
        r->frames = n;
        r->fps = n / total;
        r->median_ms = 1e3 * times[n / 2];
        r->p95_ms = 1e3 * times[(int)(0.95 * (n - 1))];
        r->points_per_s = (double)b->points / total;
        r->cpu_ms = cpu_before >= 0 ? 1e3 * (cpu_s(b) - cpu_before) / n : -1;
    }
    free(times);
    return ok;
}

/* A vehicle on spawn point `at` that follows its lane from there; *placed false: the place is taken. */
static bool add_mover(serve_bench *b, const road_map *map, base_pose at, bool *placed, base_error *err)
{
    static const char *const models[] = { "vehicle.lincoln.mkz_2020", "vehicle.tesla.model3", "vehicle.audi.tt" };
    mover *m = &b->movers[b->mover_count];
    client_spawn_options o = { .blueprint = models[b->mover_count % 3], .pose = at };
    road_waypoint start;
    base_error refused;
    *placed =
        road_waypoint_at(map, at.location, ROAD_LANE_DRIVING, true, &start) && client_spawn(b->client, &o, &m->id, &refused);
    if (!*placed)
        return true;
    if (!road_route_follow(map, &start, route_m, 0.5, (uint64_t)b->mover_count + 1, &m->route, err))
        return false;
    b->mover_count++;
    return client_physics_set(b->client, m->id, false, err);
}

static bool populate(serve_bench *b, base_error *err)
{
    size_t count;
    const base_pose *spawns = client_spawn_points(b->client, &count, err);
    const road_map *map = spawns ? client_road_map(b->client, err) : NULL;
    if (!map)
        return false;
    size_t stride = count / 7 * 2 + 1;
    for (size_t k = 0; k < count && b->mover_count <= b->row->vehicles; k++) {
        bool placed;
        if (!add_mover(b, map, spawns[(k * stride) % count], &placed, err))
            return false;
    }
    if (b->mover_count <= b->row->vehicles)
        return base_fail(err, BASE_REMOTE, "only %d of %d vehicles found a place", b->mover_count, b->row->vehicles + 1);
    return true;
}

/* Weather, and lamps when the sun is down. */
static bool set_weather(serve_bench *b, base_error *err)
{
    enum { POSITION_AND_LOW_BEAM = 3 };
    wire_weather w;
    if (!bench_weather(&w, b->row->weather, err) || !client_weather_set(b->client, &w, err))
        return false;
    for (int i = 0; i < b->mover_count; i++)
        if (w.sun_altitude_angle < 5 && !client_vehicle_lights_set(b->client, b->movers[i].id, POSITION_AND_LOW_BEAM, err))
            return false;
    return true;
}

static double resident_mb(const cli_simulator *s)
{
    char path[64], line[256];
    double kib = 0;
    snprintf(path, sizeof path, "/proc/%d/status", (int)s->child->pid);
    FILE *f = fopen(path, "r");
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "VmRSS: %lf", &kib) == 1)
            break;
    if (f)
        fclose(f);
    return kib / 1024;
}

static bool run_row(const bench_row *row, const char *host, int port, double seconds, bench_result *r, base_error *err)
{
    static const char *const qualities[] = { "0", "1", "2" };
    cli_simulator simulator;
    serve_bench *b = calloc(1, sizeof *b);
    if (!b)
        return base_fail(err, BASE_MEMORY, "out of memory");
    *b = (serve_bench){ .row = row, .seconds = seconds };
    *r = (bench_result){ .rss_mb = -1, .start_s = -1 };
    double before_s = base_clock_s();
    cli_simulator_options how = { .map = row->map,
                                  .seed = 1,
                                  .threads = row->threads,
                                  .quality = qualities[row->antialias ? 2 : row->shadow],
                                  .level = row->level };
    bool ok = host ? cli_simulator_start(&simulator, host, port, NULL, 1, err) : cli_simulator_serve(&simulator, &how, err);
    if (ok) {
        if (!host) {
            r->start_s = base_clock_s() - before_s;
            b->server_pid = (int)simulator.child->pid;
        }
        client_options o = client_options_default();
        o.host = simulator.host;
        o.port = simulator.port;
        o.call_timeout_s = 60;
        o.stop = base_stop_requested;
        b->client = client_connect(&o, err);
        ok = b->client && client_synchronous(b->client, tick_s, err) && populate(b, err) && set_weather(b, err) &&
             add_sensors(b, err) && measure(b, r, err);
        if (ok && !host)
            r->rss_mb = resident_mb(&simulator);
        base_error closing;
        if (b->client && !client_close(b->client, &closing) && ok) {
            *err = closing;
            ok = false;
        }
        cli_simulator_stop(&simulator);
    }
    for (int i = 0; i < b->mover_count; i++)
        road_route_free(&b->movers[i].route);
    free(b);
    return ok;
}

static bool on_or_off(const char *flag, const char *text, bool *value, base_error *err)
{
    if (text && strcmp(text, "on") != 0 && strcmp(text, "off") != 0)
        return base_fail(err, BASE_ARGUMENT, "%s: expected on or off, found \"%s\"", flag, text);
    if (text)
        *value = !strcmp(text, "on");
    return true;
}

int cli_bench_serve(int argc, char **argv)
{
    static const cli_command command = {
        "laneloop bench serve [--rows SET] [--map MAP] [--size WxH] [--sensors LIST] [--shadow on|off] [--aa on|off]\n"
        "       [--weather NAME] [--vehicles N] [--cameras N] [--threads N] [--level ISA] [--seconds S] [--host H --port P] [--json | --markdown]",
        "Frames per second of `laneloop serve` through its sockets: a car with sensors and other vehicles move along their lanes,\n"
        "each tick waits for all data. The flags describe a row; --rows names a set derived from it, each row with a server of its own.",
        "laneloop bench serve --map town_grid --size 800x600 --aa on --weather night_rain",
    };
    bench_row base = { .map = "training_loop",
                       .width_px = 800,
                       .height_px = 600,
                       .sensors = 1u << ROW_RGB | 1u << ROW_TAGS | 1u << ROW_DEPTH | 1u << ROW_INSTANCE,
                       .shadow = true,
                       .weather = "noon",
                       .vehicles = 30,
                       .cameras = 1 };
    const char *set = NULL, *size = NULL, *sensors = NULL, *shadow = NULL, *aa = NULL, *vehicles = NULL, *cameras = NULL,
               *threads = NULL, *seconds_text = NULL, *host = NULL, *port_text = NULL;
    bool json = false, markdown = false;
    const cli_flag flags[] = {
        { "--rows", "SET",
          "one, usual, light, sizes, levels, vehicles, cameras, maps, lidar, all or table (default usual; one with --size, --aa, --shadow, --level)",
          &set, NULL },
        { "--map", "MAP", "NAME or FILE.xodr (default training_loop)", &base.map, NULL },
        { "--size", "WxH", "of the pictures (default 800x600)", &size, NULL },
        { "--sensors", "LIST",
          "of rgb, tags, depth, instance, normals, flow, lidar, semantic_lidar, radar (default rgb,tags,depth,instance)",
          &sensors, NULL },
        { "--shadow", "on|off", "shadows of the sun (default on)", &shadow, NULL },
        { "--aa", "on|off", "anti-aliased colour, only with shadows (default off)", &aa, NULL },
        { "--weather", "NAME", "noon, dusk, night, rain, night_rain, fog or a preset of CARLA (default noon)", &base.weather,
          NULL },
        { "--vehicles", "N", "other vehicles, moving (default 30)", &vehicles, NULL },
        { "--cameras", "N", "places of cameras, looking around (default 1)", &cameras, NULL },
        { "--threads", "N", "of the server; 0: one per core (default 0)", &threads, NULL },
        { "--level", "ISA", "instruction set of the server: scalar, avx2, avx512 (default the best)", &base.level, NULL },
        { "--seconds", "S", "time for each row (default 3)", &seconds_text, NULL },
        { "--host", "H", "measure a running server, its map and settings, one row", &host, NULL },
        { "--port", "P", "its RPC port (default 2000)", &port_text, NULL },
        { "--json", NULL, "one JSON line per row", NULL, &json },
        { "--markdown", NULL, "a table for a document", NULL, &markdown },
    };
    int status = cli_parse(&command, flags, sizeof flags / sizeof *flags, argc, argv, NULL, 0, 0, NULL);
    if (status != CLI_GO)
        return status;
    base_error err;
    double seconds = 3;
    int port = 2000, count = 0;
    char tail;
    uint32_t bits;
    wire_weather w;
    if (size && (sscanf(size, "%dx%d%c", &base.width_px, &base.height_px, &tail) != 2 || base.width_px < 1 ||
                 base.height_px < 1 || base.width_px > 4096 || base.height_px > 4096))
        return cli_usage(&command, "--size: expected WxH with 1..4096 each, found \"%s\"", size);
    if ((sensors && !bench_sensors_parse(&base.sensors, sensors, &err)) || !on_or_off("--shadow", shadow, &base.shadow, &err) ||
        !on_or_off("--aa", aa, &base.antialias, &err) || !bench_weather(&w, base.weather, &err) ||
        !cli_int("--vehicles", vehicles, 0, VEHICLES_MAX, &base.vehicles, &err) ||
        !cli_int("--cameras", cameras, 1, CAMERAS_MAX, &base.cameras, &err) ||
        !cli_int("--threads", threads, 0, 256, &base.threads, &err) || !cli_int("--port", port_text, 1, 65535, &port, &err) ||
        !cli_double("--seconds", seconds_text, 0.1, 600, &seconds, &err) ||
        (base.level && !base_cpu_select(base.level, &bits, &err)))
        return cli_usage(&command, "%s", err.text);
    if (base.antialias && !base.shadow)
        return cli_usage(&command, "--aa on needs --shadow on: the server has no other combination");
    if (host && set)
        return cli_usage(&command, "--rows needs servers of its own: not with --host");
    bool one_row = host || size || aa || shadow || base.level;
    bench_row *rows = bench_rows(set ? set : one_row ? "one" : "usual", &base, &count, &err);
    if (!rows)
        return cli_usage(&command, "%s", err.text);
    base_stop_install();
    bench_format format = json ? BENCH_JSON : markdown ? BENCH_MARKDOWN : BENCH_TEXT;
    bench_row_print_head(stdout, format);
    bool ok = true;
    for (int i = 0; ok && i < count; i++) {
        bench_result r;
        ok = run_row(&rows[i], host, port, seconds, &r, &err);
        if (ok)
            bench_row_print(stdout, &rows[i], &r, format);
    }
    free(rows);
    return ok ? 0 : cli_fail(&err);
}
