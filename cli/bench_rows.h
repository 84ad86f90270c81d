/* cli/bench_rows.h — the rows of `laneloop bench serve`: what is measured, the named sets of rows, and how a result is printed. */
#ifndef CLI_BENCH_ROWS_H
#define CLI_BENCH_ROWS_H
#include "base/error.h"
#include "sim/wire/types.h"
#include <stdio.h>

typedef enum row_sensor {
    ROW_RGB,
    ROW_TAGS,
    ROW_DEPTH,
    ROW_INSTANCE,
    ROW_NORMALS,
    ROW_FLOW,
    ROW_LIDAR,
    ROW_SEMANTIC_LIDAR,
    ROW_RADAR,
    ROW_SENSORS
} row_sensor;

typedef struct bench_row {
    const char *map;         /* NAME or FILE.xodr of the embedded simulator */
    int width_px, height_px; /* of cameras */
    unsigned sensors;        /* bits 1 << row_sensor */
    bool shadow, antialias;
    const char *weather;   /* noon, dusk, night, rain, night_rain, fog, or one of CARLA's presets */
    int vehicles, cameras; /* cameras: places, each with all the camera kinds of `sensors`; their headings divide the circle */
    int threads;           /* of the server; 0: one per core */
    const char *level;     /* instruction set of the server, as LANELOOP_ISA names them; NULL: the best */
} bench_row;

typedef struct bench_result {
    int frames;
    double fps, median_ms, p95_ms; /* of a tick with all its data */
    double
        cpu_ms; /* CPU time of a tick, server and client together: what others on the machine change least; below 0: unknown */
    double points_per_s;    /* of lidars and radars, simulated rays that hit something */
    double rss_mb, start_s; /* of the embedded server; below 0: an outside server, unknown */
} bench_result;

const char *bench_sensor_blueprint(row_sensor s); /* "sensor.camera.rgb" */
bool bench_sensor_is_camera(row_sensor s);
/* "rgb,tags,depth" to bits; BASE_ARGUMENT names the unknown one and lists the known. */
bool bench_sensors_parse(unsigned *sensors, const char *list, base_error *err);
/* Weather of a row's name; BASE_ARGUMENT lists the short names. */
bool bench_weather(wire_weather *w, const char *name, base_error *err);

/* Rows of a named set derived from `base`, with `base` itself for "one"; *count of them, free() the array. Sets: usual, light (shadow,
 * anti-aliasing, weathers), sizes, levels, vehicles, cameras, maps, lidar, all, and table, the rows of docs/renderer.md. CARLA's towns are added to maps when the folder LANELOOP_TOWNS
 * names has them. NULL and BASE_ARGUMENT: unknown set. */
bench_row *bench_rows(const char *set, const bench_row *base, int *count, base_error *err);

typedef enum bench_format { BENCH_TEXT, BENCH_JSON, BENCH_MARKDOWN } bench_format;

/* One line each; JSON has the keys map, size, sensors, shadow, aa, weather, vehicles, cameras, threads, level, over_socket, frames, fps,
 * median_ms, p95_ms, cpu_ms, points_per_s, rss_mb, start_s, and no head. Markdown leaves out columns that a table of ours never varies. */
void bench_row_print_head(FILE *out, bench_format format);
void bench_row_print(FILE *out, const bench_row *row, const bench_result *r, bench_format format);
#endif
