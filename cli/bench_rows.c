/* laneloop bench serve: rows by name. */
#include "cli/bench_rows.h"
#include "base/cpu.h"
#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct {
    const char *name, *blueprint;
} sensors[ROW_SENSORS] = {
    [ROW_RGB] = { "rgb", "sensor.camera.rgb" },
    [ROW_TAGS] = { "tags", "sensor.camera.semantic_segmentation" },
    [ROW_DEPTH] = { "depth", "sensor.camera.depth" },
    [ROW_INSTANCE] = { "instance", "sensor.camera.instance_segmentation" },
    [ROW_NORMALS] = { "normals", "sensor.camera.normals" },
    [ROW_FLOW] = { "flow", "sensor.camera.optical_flow" },
    [ROW_LIDAR] = { "lidar", "sensor.lidar.ray_cast" },
    [ROW_SEMANTIC_LIDAR] = { "semantic_lidar", "sensor.lidar.ray_cast_semantic" },
    [ROW_RADAR] = { "radar", "sensor.other.radar" },
};

const char *bench_sensor_blueprint(row_sensor s) { return sensors[s].blueprint; }
bool bench_sensor_is_camera(row_sensor s) { return s <= ROW_FLOW; }

bool bench_sensors_parse(unsigned *bits, const char *list, base_error *err)
{
    *bits = 0;
    while (*list) {
        size_t length = strcspn(list, ",");
        int found = -1;
        for (int s = 0; s < ROW_SENSORS; s++)
            if (strlen(sensors[s].name) == length && !strncmp(sensors[s].name, list, length))
                found = s;
        if (found < 0)
            return base_fail(
                err, BASE_ARGUMENT,
                "--sensors: expected names of rgb, tags, depth, instance, normals, flow, lidar, semantic_lidar, radar with "
                "commas between, found \"%.*s\"",
                (int)length, list);
        *bits |= 1u << found;
        list += length + (list[length] == ',');
    }
    return *bits ? true : base_fail(err, BASE_ARGUMENT, "--sensors: expected at least one name");
}

static void sensor_names(unsigned bits, char *text, size_t bytes)
{
    text[0] = '\0';
    for (int s = 0; s < ROW_SENSORS; s++)
        if (bits & 1u << s)
            snprintf(text + strlen(text), bytes - strlen(text), "%s%s", *text ? "," : "", sensors[s].name);
}

bool bench_weather(wire_weather *w, const char *name, base_error *err)
{
    static const char *const names[][2] = { { "noon", "ClearNoon" },           { "dusk", "ClearSunset" },
                                            { "night", "ClearNight" },         { "rain", "HardRainNoon" },
                                            { "night_rain", "HardRainNight" }, { "fog", "CloudyNoon" } };
    const char *preset = name;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(name, names[i][0]))
            preset = names[i][1];
    if (!wire_weather_preset(w, preset))
        return base_fail(err, BASE_ARGUMENT,
                         "--weather: expected noon, dusk, night, rain, night_rain, fog or one of CARLA's presets, found \"%s\"",
                         name);
    if (!strcmp(name, "fog")) {
        w->fog_density = 60;
        w->fog_distance = 5;
    }
    return true;
}

/* ---- sets ---- */

typedef struct list {
    bench_row *rows;
    int count, capacity;
    bool failed;
} list;

static bench_row *add(list *l, const bench_row *base)
{
    static bench_row spare;
    if (l->count == l->capacity) {
        int capacity = l->capacity ? 2 * l->capacity : 16;
        bench_row *more = realloc(l->rows, (size_t)capacity * sizeof *more);
        if (!more) {
            l->failed = true;
            return &spare;
        }
        l->rows = more;
        l->capacity = capacity;
    }
    l->rows[l->count] = *base;
    return &l->rows[l->count++];
}

static void add_light(list *l, const bench_row *base)
{
    static const char *const weathers[] = { "dusk", "night", "rain", "night_rain", "fog" };
    bench_row *r = add(l, base);
    r->shadow = r->antialias = false;
    for (int aa = 0; aa < 2; aa++) {
        r = add(l, base);
        r->shadow = true;
        r->antialias = aa;
        for (size_t i = 0; i < sizeof weathers / sizeof *weathers; i++) {
            r = add(l, base);
            r->shadow = true;
            r->antialias = aa;
            r->weather = weathers[i];
        }
    }
}

static void add_sizes(list *l, const bench_row *base)
{
    static const int sizes[][2] = { { 1280, 720 }, { 800, 600 }, { 320, 160 }, { 256, 128 } };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int aa = 0; aa < 2; aa++) {
            bench_row *r = add(l, base);
            r->width_px = sizes[i][0];
            r->height_px = sizes[i][1];
            r->antialias = aa;
        }
}

static void add_levels(list *l, const bench_row *base)
{
    static const char *const levels[] = { "scalar", "avx2", "avx512" };
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
        uint32_t bits;
        if (base_cpu_select(levels[i], &bits, NULL)) /* one that this CPU lacks is no row */
            add(l, base)->level = levels[i];
    }
}

static void add_numbers(list *l, const bench_row *base, bool cameras)
{
    static const int vehicles[] = { 1, 10, 100 }, places[] = { 1, 4, 8 };
    for (int i = 0; i < 3; i++) {
        bench_row *r = add(l, base);
        if (cameras)
            r->cameras = places[i];
        else
            r->vehicles = vehicles[i];
    }
}

static void add_maps(list *l, const bench_row *base)
{
    static const char *const bundled[] = { "training_loop", "driving_loop", "country_loop",
                                           "town_grid",     "highway_ring", "mountain_road" };
    static char towns[2][4096];
    static const char *const official[] = { "Town01", "Town10HD" };
    for (size_t i = 0; i < sizeof bundled / sizeof *bundled; i++)
        add(l, base)->map = bundled[i];
    const char *top = getenv("LANELOOP_TOWNS");
    for (int i = 0; i < 2; i++) {
        snprintf(towns[i], sizeof towns[i], "%s/2020/%s.xodr", top ? top : "", official[i]);
        if (top && access(towns[i], R_OK) == 0)
            add(l, base)->map = towns[i];
    }
}

static void add_lidar(list *l, const bench_row *base)
{
    static const row_sensor kinds[] = { ROW_LIDAR, ROW_SEMANTIC_LIDAR, ROW_RADAR };
    for (int i = 0; i < 3; i++)
        add(l, base)->sensors = 1u << kinds[i];
}

/* What docs/renderer.md shows. */
static void add_table(list *l, const bench_row *base)
{
    static const struct {
        int width, height;
        bool antialias;
        const char *weather;
    } pictures[] = { { 800, 600, false, "noon" },      { 800, 600, true, "noon" },  { 800, 600, false, "night_rain" },
                     { 800, 600, true, "night_rain" }, { 320, 160, false, "noon" }, { 320, 160, true, "noon" },
                     { 1280, 720, false, "noon" },     { 1280, 720, true, "noon" } };
    static const char *const levels[] = { NULL, "avx2", "scalar" };
    for (int k = 0; k < 3; k++)
        for (size_t i = 0; i < sizeof pictures / sizeof *pictures; i++) {
            uint32_t bits;
            if (levels[k] && !base_cpu_select(levels[k], &bits, NULL))
                continue;
            bench_row *r = add(l, base);
            r->width_px = pictures[i].width;
            r->height_px = pictures[i].height;
            r->antialias = pictures[i].antialias;
            r->weather = pictures[i].weather;
            r->level = levels[k];
        }
    add(l, base)->threads = 1;
    add_numbers(l, base, false);
    add_numbers(l, base, true);
    add_maps(l, base);
    add_lidar(l, base);
}

bench_row *bench_rows(const char *set, const bench_row *base, int *count, base_error *err)
{
    static const char *const names[] = { "light", "sizes", "levels", "vehicles", "cameras", "maps", "lidar" };
    list l = { 0 };
    bool all = !strcmp(set, "all"), known = all;
    if (!strcmp(set, "table")) {
        known = true;
        add_table(&l, base);
    }
    if (!strcmp(set, "one") || !strcmp(set, "usual")) {
        known = true;
        bench_row *r = add(&l, base);
        if (!strcmp(set, "usual")) {
            r->antialias = false;
            r = add(&l, base);
            r->antialias = true;
            r = add(&l, base);
            r->width_px = 320;
            r->height_px = 160;
            r->antialias = false;
        }
    }
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (!all && strcmp(set, names[i]) != 0)
            continue;
        known = true;
        switch (i) {
        case 0: add_light(&l, base); break;
        case 1: add_sizes(&l, base); break;
        case 2: add_levels(&l, base); break;
        case 3: add_numbers(&l, base, false); break;
        case 4: add_numbers(&l, base, true); break;
        case 5: add_maps(&l, base); break;
        default: add_lidar(&l, base); break;
        }
    }
    if (known && !l.failed) {
        *count = l.count;
        return l.rows;
    }
    free(l.rows);
    if (known)
        base_fail(err, BASE_MEMORY, "out of memory");
    else
        base_fail(err, BASE_ARGUMENT,
                  "--rows: expected usual, light, sizes, levels, vehicles, cameras, maps, lidar, all or table, found \"%s\"",
                  set);
    return NULL;
}

/* ---- printing ---- */

static const char *level_name(const bench_row *row, const bench_result *r)
{
    uint32_t bits;
    if (row->level)
        return row->level;
    return r->start_s >= 0 && base_cpu_select(NULL, &bits, NULL) ? base_cpu_level_name(bits) : "unknown";
}

void bench_row_print_head(FILE *out, bench_format format)
{
    if (format == BENCH_TEXT)
        fprintf(out, "%-14s %-9s %-28s %-9s %-10s %3s %3s %2s %-10s %7s %8s %8s %8s %9s %7s %6s\n", "map", "size", "sensors",
                "light", "weather", "veh", "cam", "th", "level", "fps", "median", "p95 ms", "CPU ms", "points/s", "rss MB",
                "start");
    if (format == BENCH_MARKDOWN)
        fprintf(
            out,
            "| map | size | sensors | light | vehicles | cameras | level, threads | frames/s | p95 ms | CPU ms | points/s | MB "
            "| start s |\n|---|---|---|---|---|---|---|---|---|---|---|---|---|\n");
}

/* A number that may be unknown. */
static const char *number(char text[32], const char *format, double x)
{
    snprintf(text, 32, x >= 0 ? format : "-", x);
    return text;
}

static void print_markdown(FILE *out, const bench_row *row, const bench_result *r, const char *map, const char *names)
{
    char points[32], cpu[32], rss[32], start[32], threads[32] = "";
    if (row->threads)
        snprintf(threads, sizeof threads, ", %d", row->threads);
    fprintf(out, "| %s | %dx%d | %s | %s, %s | %d | %d | %s%s | %.1f | %.1f | %s | %s | %s | %s |\n", map, row->width_px,
            row->height_px, names, row->weather,
            row->antialias ? "shadow, anti-aliased"
            : row->shadow  ? "shadow"
                           : "plain",
            row->vehicles, row->cameras, level_name(row, r), threads, r->fps, r->p95_ms, number(cpu, "%.1f", r->cpu_ms),
            number(points, "%.0f", r->points_per_s > 0 ? r->points_per_s : -1), number(rss, "%.0f", r->rss_mb),
            number(start, "%.2f", r->start_s));
}

static void print_json(FILE *out, const bench_row *row, const bench_result *r, const char *map, const char *names)
{
    char size[32];
    snprintf(size, sizeof size, "%dx%d", row->width_px, row->height_px);
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "map", map);
    cJSON_AddStringToObject(o, "size", size);
    cJSON_AddStringToObject(o, "sensors", names);
    cJSON_AddBoolToObject(o, "shadow", row->shadow);
    cJSON_AddBoolToObject(o, "aa", row->antialias);
    cJSON_AddStringToObject(o, "weather", row->weather);
    cJSON_AddNumberToObject(o, "vehicles", row->vehicles);
    cJSON_AddNumberToObject(o, "cameras", row->cameras);
    cJSON_AddNumberToObject(o, "threads", row->threads);
    cJSON_AddStringToObject(o, "level", level_name(row, r));
    cJSON_AddBoolToObject(o, "over_socket", true);
    cJSON_AddNumberToObject(o, "frames", r->frames);
    cJSON_AddNumberToObject(o, "fps", r->fps);
    cJSON_AddNumberToObject(o, "median_ms", r->median_ms);
    cJSON_AddNumberToObject(o, "p95_ms", r->p95_ms);
    if (r->cpu_ms >= 0)
        cJSON_AddNumberToObject(o, "cpu_ms", r->cpu_ms);
    else
        cJSON_AddNullToObject(o, "cpu_ms");
    cJSON_AddNumberToObject(o, "points_per_s", r->points_per_s);
    if (r->start_s >= 0) {
        cJSON_AddNumberToObject(o, "rss_mb", r->rss_mb);
        cJSON_AddNumberToObject(o, "start_s", r->start_s);
    } else {
        cJSON_AddNullToObject(o, "rss_mb");
        cJSON_AddNullToObject(o, "start_s");
    }
    char *text = cJSON_PrintUnformatted(o);
    if (text)
        fprintf(out, "%s\n", text);
    cJSON_free(text);
    cJSON_Delete(o);
}

static void print_text(FILE *out, const bench_row *row, const bench_result *r, const char *map, const char *names)
{
    char size[32], points[32], cpu[32], rss[32], start[32];
    snprintf(size, sizeof size, "%dx%d", row->width_px, row->height_px);
    fprintf(out, "%-14s %-9s %-28s %-9s %-10s %3d %3d %2d %-10s %7.1f %8.2f %8.2f %8s %9s %7s %6s\n", map, size, names,
            row->antialias ? "shadow+aa"
            : row->shadow  ? "shadow"
                           : "plain",
            row->weather, row->vehicles, row->cameras, row->threads, level_name(row, r), r->fps, r->median_ms, r->p95_ms,
            number(cpu, "%.1f", r->cpu_ms), number(points, "%.0f", r->points_per_s > 0 ? r->points_per_s : -1),
            number(rss, "%.0f", r->rss_mb), number(start, "%.2fs", r->start_s));
}

void bench_row_print(FILE *out, const bench_row *row, const bench_result *r, bench_format format)
{
    char names[96];
    const char *slash = strrchr(row->map, '/'), *map = slash ? slash + 1 : row->map;
    sensor_names(row->sensors, names, sizeof names);
    if (format == BENCH_JSON)
        print_json(out, row, r, map, names);
    else if (format == BENCH_MARKDOWN)
        print_markdown(out, row, r, map, names);
    else
        print_text(out, row, r, map, names);
    fflush(out);
}
