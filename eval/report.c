#include "eval/report.h"
#include "base/file.h"
#include "base/json.h"
#include "eval/plot.h"
#include "eval/runlog.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_PATH = 4096 };
static const size_t MAX_JSON_BYTES = (size_t)4 << 20;

/* Order of the rows where present; other names follow in alphabetical order. */
static const char *const known_drives[] = {
    "expert", "fp32", "int8", "control_all_road", "control_untrained", "control_frozen"
};
static const char *const drive_keys[] = { "route_m",          "route_completion_pct", "collisions",
                                          "lane_departures",  "mean_cross_track_m",   "mean_speed_mps",
                                          "driving_score_pct" };
static const char *const eval_keys[] = { "road_iou", "line_iou", "model_bytes", "infer_ms" };
#define COUNT(a) (sizeof(a) / sizeof *(a))

typedef struct part { /* one eval/NAME.json or drive/NAME.json */
    char name[64];
    cJSON *json;
} part;

typedef struct part_list {
    part *items;
    size_t count;
} part_list;

struct eval_report {
    char dir[MAX_PATH];
    cJSON *demo;
    part_list evals, drives;
    eval_table train_steps, train_epochs;
    bool has_training;
};

/* ---- reading ---- */

static cJSON *read_json(const char *path, base_error *err)
{
    base_json j;
    unsigned char *text;
    size_t bytes;
    if (!base_file_read(path, MAX_JSON_BYTES, &text, &bytes, err))
        return NULL;
    bool ok = base_json_parse(&j, (const char *)text, bytes, path, err);
    free(text);
    if (!ok)
        return NULL;
    cJSON *root = j.root;
    j.root = NULL; /* keep the tree, drop the line numbers */
    base_json_free(&j);
    return root;
}

static int rank_of(const char *name)
{
    for (size_t i = 0; i < COUNT(known_drives); i++)
        if (!strcmp(name, known_drives[i]))
            return (int)i;
    return (int)COUNT(known_drives);
}

static int by_rank(const void *a, const void *b)
{
    const part *x = a, *y = b;
    int d = rank_of(x->name) - rank_of(y->name);
    return d ? d : strcmp(x->name, y->name);
}

static bool read_parts(const char *dir, const char *sub, part_list *list, base_error *err)
{
    char path[MAX_PATH];
    eval_names names = { 0 };
    if (!base_path_join(path, sizeof path, dir, sub, err))
        return false;
    if (!base_file_exists(path))
        return true;
    bool ok = eval_names_read(path, ".json", &names, err);
    if (ok && !(list->items = calloc(names.count + 1, sizeof *list->items)))
        ok = base_fail(err, BASE_MEMORY, "%s: out of memory for %zu files", path, names.count);
    for (size_t i = 0; ok && i < names.count; i++) {
        char file[MAX_PATH];
        part *p = &list->items[list->count];
        if (strlen(names.items[i]) - 5 >= sizeof p->name) {
            ok = base_fail(err, BASE_FORMAT, "%s/%s: name longer than %zu", path, names.items[i], sizeof p->name - 1);
            break;
        }
        memcpy(p->name, names.items[i], strlen(names.items[i]) - 5);
        ok = base_path_join(file, sizeof file, path, names.items[i], err) && (p->json = read_json(file, err));
        list->count += ok;
    }
    eval_names_free(&names);
    if (ok)
        qsort(list->items, list->count, sizeof *list->items, by_rank);
    return ok;
}

static bool read_training(eval_report *r, base_error *err)
{
    static const char *const places[] = { "train/log.jsonl", "log.jsonl" };
    for (size_t i = 0; i < COUNT(places) && !r->has_training; i++) {
        char path[MAX_PATH];
        if (!base_path_join(path, sizeof path, r->dir, places[i], err))
            return false;
        if (!base_file_exists(path))
            continue;
        static const char *const step_keys[] = { "step", "loss", "lr", NULL };
        static const char *const epoch_keys[] = { "step", "train_loss", "val_loss", "road_iou_pct", "miou_pct", NULL };
        if (!eval_runlog_read(path, "step", step_keys, &r->train_steps, err) ||
            !eval_runlog_read(path, "epoch", epoch_keys, &r->train_epochs, err))
            return false;
        r->has_training = true;
    }
    return true;
}

eval_report *eval_report_read(const char *dir, base_error *err)
{
    char path[MAX_PATH];
    eval_report *r = calloc(1, sizeof *r);
    if (!r) {
        base_fail(err, BASE_MEMORY, "out of memory");
        return NULL;
    }
    bool ok = snprintf(r->dir, sizeof r->dir, "%s", dir) < (int)sizeof r->dir || base_fail(err, BASE_ARGUMENT, "path too long");
    ok = ok && base_path_join(path, sizeof path, dir, "demo.json", err);
    if (ok && base_file_exists(path))
        ok = (r->demo = read_json(path, err)) != NULL;
    ok = ok && read_parts(dir, "eval", &r->evals, err) && read_parts(dir, "drive", &r->drives, err) && read_training(r, err);
    if (ok && !r->demo && !r->evals.count && !r->drives.count && !r->has_training)
        ok = base_fail(err, BASE_FORMAT,
                       "%s: neither demo.json, log.jsonl, train/log.jsonl, eval/*.json nor drive/*.json is here", dir);
    if (!ok) {
        eval_report_destroy(r);
        return NULL;
    }
    return r;
}

static void free_parts(part_list *l)
{
    for (size_t i = 0; i < l->count; i++)
        cJSON_Delete(l->items[i].json);
    free(l->items);
}

void eval_report_destroy(eval_report *r)
{
    if (!r)
        return;
    cJSON_Delete(r->demo);
    free_parts(&r->evals);
    free_parts(&r->drives);
    eval_table_free(&r->train_steps);
    eval_table_free(&r->train_epochs);
    free(r);
}

static double number_of(const cJSON *object, const char *key)
{
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(object, key);
    return cJSON_IsNumber(v) ? v->valuedouble : NAN;
}

static const char *text_of(const cJSON *object, const char *key)
{
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(object, key);
    return cJSON_IsString(v) ? v->valuestring : "";
}

/* ---- summary.json ---- */

static void copy_number(cJSON *to, const char *key, const cJSON *from, const char *from_key)
{
    double v = number_of(from, from_key);
    cJSON_AddItemToObject(to, key, isfinite(v) ? cJSON_CreateNumber(v) : cJSON_CreateNull());
}

bool eval_report_write_summary(const eval_report *r, const char *path, base_error *err)
{
    cJSON *o = r->demo ? cJSON_Duplicate(r->demo, true) : cJSON_CreateObject();
    for (size_t k = 0; k < COUNT(eval_keys); k++)
        for (size_t i = 0; i < r->evals.count; i++) {
            char key[128];
            snprintf(key, sizeof key, "%s_%s", eval_keys[k], r->evals.items[i].name);
            copy_number(o, key, r->evals.items[i].json, eval_keys[k]);
        }
    for (size_t i = 0; i < r->drives.count; i++) {
        cJSON *row = cJSON_CreateObject();
        for (size_t k = 0; k < COUNT(drive_keys); k++)
            copy_number(row, drive_keys[k], r->drives.items[i].json, drive_keys[k]);
        cJSON_AddStringToObject(row, "status", text_of(r->drives.items[i].json, "status"));
        cJSON_AddItemToObject(o, r->drives.items[i].name, row);
    }
    char *text = cJSON_Print(o);
    cJSON_Delete(o);
    bool ok = text ? base_file_write(path, text, strlen(text), false, err) : base_fail(err, BASE_MEMORY, "out of memory");
    free(text);
    return ok;
}

/* ---- the table ---- */

bool eval_report_table(const eval_report *r, base_buffer *out, base_error *err)
{
    if (r->evals.count) {
        base_buffer_printf(out, "%-18s %9s %9s %12s %10s\n", "network", "road IoU", "line IoU", "model bytes", "infer ms");
        for (size_t i = 0; i < r->evals.count; i++) {
            const cJSON *e = r->evals.items[i].json;
            base_buffer_printf(out, "%-18s %9.4f %9.4f %12.0f %10.3f\n", r->evals.items[i].name, number_of(e, "road_iou"),
                               number_of(e, "line_iou"), number_of(e, "model_bytes"), number_of(e, "infer_ms"));
        }
        base_buffer_printf(out, "\n");
    }
    if (r->drives.count) {
        base_buffer_printf(out, "%-18s %8s %7s %6s %7s %8s %7s %8s  %s\n", "drive", "route m", "done %", "collis", "departs",
                           "|e_y| m", "m/s", "score %", "end");
        for (size_t i = 0; i < r->drives.count; i++) {
            const cJSON *d = r->drives.items[i].json;
            base_buffer_printf(out, "%-18s %8.0f %7.1f %6.0f %7.0f %8.3f %7.2f %8.1f  %s\n", r->drives.items[i].name,
                               number_of(d, "route_m"), number_of(d, "route_completion_pct"), number_of(d, "collisions"),
                               number_of(d, "lane_departures"), number_of(d, "mean_cross_track_m"),
                               number_of(d, "mean_speed_mps"), number_of(d, "driving_score_pct"), text_of(d, "status"));
        }
    }
    return !out->failed || base_fail(err, BASE_MEMORY, "out of memory");
}

/* ---- report.html ---- */

static void put_escaped(base_buffer *h, const char *text)
{
    for (; *text; text++) {
        const char *entity = *text == '&'   ? "&amp;"
                             : *text == '<' ? "&lt;"
                             : *text == '>' ? "&gt;"
                             : *text == '"' ? "&quot;"
                                            : NULL;
        if (entity)
            base_buffer_append(h, entity, strlen(entity));
        else
            base_buffer_append(h, text, 1);
    }
}

static void put_base64(base_buffer *h, const unsigned char *data, size_t bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < bytes; i += 3) {
        unsigned v =
            (unsigned)data[i] << 16 | (i + 1 < bytes ? (unsigned)data[i + 1] << 8 : 0) | (i + 2 < bytes ? data[i + 2] : 0);
        char four[4] = { digits[v >> 18 & 63], digits[v >> 12 & 63], i + 1 < bytes ? digits[v >> 6 & 63] : '=',
                         i + 2 < bytes ? digits[v & 63] : '=' };
        base_buffer_append(h, four, 4);
    }
}

static void put_image(base_buffer *h, const char *type, const unsigned char *data, size_t bytes, const char *alt)
{
    base_buffer_printf(h, "<img alt=\"%s\" src=\"data:image/%s;base64,", alt, type);
    put_base64(h, data, bytes);
    base_buffer_printf(h, "\">\n");
}

/* A plot that has nothing finite to draw is left out. */
static void put_plot(base_buffer *h, const eval_plot_options *o, const eval_series *series, int count)
{
    base_buffer svg = { 0 };
    base_error ignored;
    if (count > 0 && eval_plot_lines(&svg, o, series, count, &ignored))
        put_image(h, "svg+xml", svg.data, svg.bytes, o->title);
    base_buffer_free(&svg);
}

static void put_training(const eval_report *r, base_buffer *h)
{
    if (!r->has_training)
        return;
    const eval_table *s = &r->train_steps, *e = &r->train_epochs;
    base_buffer_printf(h, "<h2>Training</h2>\n<div class=\"row\">\n");
    eval_series loss[] = {
        { "step", eval_table_column(s, 0), eval_table_column(s, 1), s->rows, 5, 0.7, .dashed = false },
        { "epoch mean", eval_table_column(e, 0), eval_table_column(e, 1), e->rows, 0, 1.8, .dashed = false },
        { "validation", eval_table_column(e, 0), eval_table_column(e, 2), e->rows, 1, 1.8, .dashed = false },
    };
    put_plot(h, &(eval_plot_options){ .title = "Loss", .x_label = "step", .log_y = true }, loss, 3);
    eval_series iou[] = {
        { "road (Roads + RoadLine)", eval_table_column(e, 0), eval_table_column(e, 3), e->rows, 2, 1.8, .dashed = false },
        { "mean over classes", eval_table_column(e, 0), eval_table_column(e, 4), e->rows, 3, 1.8, .dashed = false },
    };
    put_plot(h, &(eval_plot_options){ .title = "Validation IoU", .x_label = "step", .y_label = "%" }, iou, 2);
    base_buffer_printf(h, "</div>\n");
}

static void put_networks(const eval_report *r, base_buffer *h)
{
    if (!r->evals.count)
        return;
    base_buffer_printf(h,
                       "<h2>Network on held-out frames</h2>\n<table><tr><th>network<th>frames<th>road IoU<th>line IoU<th>file, "
                       "bytes<th>inference, ms</tr>\n");
    for (size_t i = 0; i < r->evals.count; i++) {
        const cJSON *e = r->evals.items[i].json;
        base_buffer_printf(h, "<tr><td>");
        put_escaped(h, r->evals.items[i].name);
        base_buffer_printf(h, "<td>%.0f<td>%.4f<td>%.4f<td>%.0f<td>%.3f</tr>\n", number_of(e, "frames"),
                           number_of(e, "road_iou"), number_of(e, "line_iou"), number_of(e, "model_bytes"),
                           number_of(e, "infer_ms"));
    }
    base_buffer_printf(
        h, "</table>\n<p>IoU are hard and global: all pixels of all held-out frames summed first, one division last. Road is "
           "the union of the tags Roads and RoadLine.</p>\n");
}

static void put_drives_table(const eval_report *r, base_buffer *h)
{
    base_buffer_printf(
        h, "<h2>Driving</h2>\n<table><tr><th>driver<th>route, m<th>completed, %%<th>collisions<th>lane departures<th>mean "
           "|e<sub>y</sub>|, m<th>max |e<sub>y</sub>|, m<th>mean speed, m/s<th>score, %%<th>end</tr>\n");
    for (size_t i = 0; i < r->drives.count; i++) {
        const cJSON *d = r->drives.items[i].json;
        base_buffer_printf(h, "<tr><td>");
        put_escaped(h, r->drives.items[i].name);
        base_buffer_printf(h, "<td>%.0f<td>%.1f<td>%.0f<td>%.0f<td>%.3f<td>%.2f<td>%.2f<td>%.1f<td>", number_of(d, "route_m"),
                           number_of(d, "route_completion_pct"), number_of(d, "collisions"), number_of(d, "lane_departures"),
                           number_of(d, "mean_cross_track_m"), number_of(d, "max_cross_track_m"),
                           number_of(d, "mean_speed_mps"), number_of(d, "driving_score_pct"));
        put_escaped(h, text_of(d, "status"));
        base_buffer_printf(h, "</tr>\n");
    }
    const cJSON *first = r->drives.items[0].json, *options = cJSON_GetObjectItemCaseSensitive(first, "options");
    base_buffer_printf(
        h,
        "</table>\n<p>Score: CARLA Leaderboard %s driving score, of the criteria collisions and outside route lanes. "
        "Longitudinal control: ",
        text_of(first, "leaderboard"));
    put_escaped(h, text_of(options, "longitudinal"));
    base_buffer_printf(h, "; junctions: ");
    put_escaped(h, text_of(options, "junction"));
    base_buffer_printf(h, "; map: ");
    put_escaped(h, text_of(first, "map"));
    base_buffer_printf(h, "; seed ");
    if (isfinite(number_of(options, "seed")))
        base_buffer_printf(h, "%.0f", number_of(options, "seed"));
    put_escaped(h, text_of(options, "seed")); /* above 2^53 it is a string */
    base_buffer_printf(h, "; weather ");
    put_escaped(h, text_of(options, "weather"));
    base_buffer_printf(h, "; server version ");
    put_escaped(h, text_of(first, "server_version"));
    base_buffer_printf(
        h,
        ". A departure is a tyre more than 0.05 m outside the lane. The controls (a mask of road only, an untrained network, "
        "a mask frozen after 5 s) show what the same controller does without a working mask.</p>\n");
}

static bool read_csv(const eval_report *r, const char *name, const char *const *keys, eval_table *t, base_error *err)
{
    char file[160], path[MAX_PATH];
    snprintf(file, sizeof file, "drive/%s.csv", name);
    return base_path_join(path, sizeof path, r->dir, file, err) &&
           (!base_file_exists(path) || eval_csv_read(path, keys, t, err));
}

/* The lane's two borders as one series with a gap. Freed by the caller. */
static bool lane_borders(const eval_table *route, double **x, double **y, size_t *count)
{
    *count = 2 * route->rows + 1;
    *x = malloc(*count * sizeof **x);
    *y = malloc(*count * sizeof **y);
    if (!*x || !*y)
        return false;
    const double *cx = eval_table_column(route, 0), *cy = eval_table_column(route, 1), *yaw = eval_table_column(route, 2),
                 *width = eval_table_column(route, 3);
    for (size_t i = 0; i < route->rows; i++)
        for (int side = 0; side < 2; side++) {
            double a = yaw[i] * 3.14159265358979323846 / 180, half = (side ? 0.5 : -0.5) * width[i];
            size_t at = side ? route->rows + 1 + i : i;
            (*x)[at] = cx[i] - sin(a) * half;
            (*y)[at] = cy[i] + cos(a) * half;
        }
    (*x)[route->rows] = (*y)[route->rows] = NAN;
    return true;
}

static bool put_drive_plots(const eval_report *r, base_buffer *h, base_error *err)
{
    enum { MOST = 8 };
    static const char *const route_keys[] = { "x", "y", "yaw_deg", "lane_width_m", NULL };
    static const char *const tick_keys[] = { "x", "y", "s_m", "cross_track_m", "speed_mps", "steer", NULL };
    eval_table route = { 0 }, ticks[MOST] = { { 0 } };
    eval_series map[MOST + 1], cross[MOST], speed[MOST];
    double *bx = NULL, *by = NULL;
    size_t border_count = 0;
    int count = 0, drawn = 0;
    bool ok = read_csv(r, "route", route_keys, &route, err);
    if (ok && route.rows && lane_borders(&route, &bx, &by, &border_count))
        map[drawn++] = (eval_series){ "lane", bx, by, border_count, 6, 0.8, .dashed = false };
    for (size_t i = 0; ok && i < r->drives.count && count < MOST; i++, count++) {
        const char *name = r->drives.items[i].name;
        eval_table *t = &ticks[count];
        ok = read_csv(r, name, tick_keys, t, err);
        bool control = !strncmp(name, "control", 7);
        map[drawn++] =
            (eval_series){ name, eval_table_column(t, 0), eval_table_column(t, 1), t->rows, count, 1.5, .dashed = control };
        cross[count] =
            (eval_series){ name, eval_table_column(t, 2), eval_table_column(t, 3), t->rows, count, 1.2, .dashed = control };
        speed[count] =
            (eval_series){ name, eval_table_column(t, 2), eval_table_column(t, 4), t->rows, count, 1.2, .dashed = control };
    }
    if (ok) {
        base_buffer_printf(h, "<div class=\"row\">\n");
        put_plot(h,
                 &(eval_plot_options){ .title = "Driven paths on the map (CARLA frame)",
                                       .x_label = "x, m",
                                       .y_label = "y, m",
                                       .width = 1140,
                                       .height = 640,
                                       .same_scale = true },
                 map, drawn);
        put_plot(h,
                 &(eval_plot_options){ .title = "Distance from the lane's centre",
                                       .x_label = "route, m",
                                       .y_label = "e_y, m (right positive)",
                                       .width = 1140,
                                       .y_min = -2,
                                       .y_max = 2 },
                 cross, count);
        put_plot(h, &(eval_plot_options){ .title = "Speed", .x_label = "route, m", .y_label = "m/s", .width = 1140 }, speed,
                 count);
        base_buffer_printf(h, "</div>\n");
    }
    for (int i = 0; i < MOST; i++)
        eval_table_free(&ticks[i]);
    eval_table_free(&route);
    free(bx);
    free(by);
    return ok;
}

static bool put_pictures(const eval_report *r, base_buffer *h, base_error *err)
{
    char dir[MAX_PATH];
    eval_names names = { 0 };
    if (!base_path_join(dir, sizeof dir, r->dir, "drive", err) || !eval_names_read(dir, ".png", &names, err))
        return false;
    bool ok = true;
    if (names.count)
        base_buffer_printf(
            h,
            "<h2>What the network saw</h2>\n<p>Camera image beside the same image tinted by the mask (purple drivable, green "
            "lane line); blue: lane borders found, red: the path to follow.</p>\n<div class=\"row\">\n");
    for (size_t i = 0; ok && i < names.count; i++) {
        unsigned char *data;
        size_t bytes;
        char path[MAX_PATH];
        if (strncmp(names.items[i], "fp32", 4) && strncmp(names.items[i], "int8", 4) &&
            strncmp(names.items[i], "control_untrained_0", 19))
            continue;
        ok = base_path_join(path, sizeof path, dir, names.items[i], err) &&
             base_file_read(path, MAX_JSON_BYTES, &data, &bytes, err);
        if (!ok)
            break;
        base_buffer_printf(h, "<figure>");
        put_image(h, "png", data, bytes, "mask");
        base_buffer_printf(h, "<figcaption>");
        put_escaped(h, names.items[i]);
        base_buffer_printf(h, "</figcaption></figure>\n");
        free(data);
    }
    if (names.count)
        base_buffer_printf(h, "</div>\n");
    eval_names_free(&names);
    return ok;
}

bool eval_report_write_html(const eval_report *r, const char *path, base_error *err)
{
    base_buffer h = { .max_bytes = (size_t)256 << 20 };
    base_buffer_printf(&h, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>laneloop report: ");
    put_escaped(&h, r->dir);
    base_buffer_printf(
        &h,
        "</title>\n<style>body{font:15px/1.5 system-ui,sans-serif;max-width:1180px;margin:2em auto;padding:0 1em;color:#222}"
        "table{border-collapse:collapse;margin:1em 0}th,td{border-bottom:1px solid #ddd;padding:.3em .8em;text-align:right}"
        "th{vertical-align:bottom;font-weight:600}td:first-child,th:first-child,td:last-child,th:last-child{text-align:left}"
        ".row{display:flex;flex-wrap:wrap;gap:12px}img{max-width:100%%}figure{margin:0;width:560px;max-width:100%%}"
        "figcaption{font-size:12px;color:#666}h2{margin-top:2em}</style></head>\n<body><h1>laneloop</h1>\n");
    if (r->demo)
        base_buffer_printf(&h, "<p>%.0f frames collected; the whole run took %.0f s.</p>\n", number_of(r->demo, "frames"),
                           number_of(r->demo, "seconds"));
    put_networks(r, &h);
    bool ok = true;
    if (r->drives.count) {
        put_drives_table(r, &h);
        ok = put_drive_plots(r, &h, err) && put_pictures(r, &h, err);
    }
    put_training(r, &h);
    base_buffer_printf(
        &h,
        "<p><small>Simulator: laneloop's own, speaking CARLA's protocol, unless a host was named. No Unreal CARLA server took "
        "part.</small></p>\n</body></html>\n");
    ok = ok && (!h.failed || base_fail(err, BASE_MEMORY, "%s: the page grew past %zu bytes", path, h.max_bytes));
    ok = ok && base_file_write(path, h.data, h.bytes, false, err);
    base_buffer_free(&h);
    return ok;
}
