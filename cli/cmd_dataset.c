/* laneloop dataset check|stats|show|import — is a recorded set whole, what is in it, how does it look; pictures made elsewhere. */
#include "cli/cli.h"
#include "dataset/import.h"
#include "dataset/inspect.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const cli_command overview = {
    .usage = "laneloop dataset check|stats|show|import DIR ...",
    .summary =
        "Look at a recorded dataset: `check` reads every file and reports what is wrong, `stats` counts, `show` draws a contact\n"
        "sheet. `import` makes a dataset of labelled pictures from elsewhere. `laneloop dataset check --help` and so on tell more.",
    .example = "laneloop dataset check runs/demo/dataset",
};

static base_progress progress_on(bool json, const char *what) { return base_progress_start(json ? NULL : stderr, what, 0); }

/* ---- check ---- */

typedef struct check_output {
    bool json;
} check_output;

static void print_json_line(cJSON *object)
{
    char *text = cJSON_PrintUnformatted(object);
    puts(text ? text : "{}");
    cJSON_free(text);
    cJSON_Delete(object);
}

static void print_finding(void *user, const char *line)
{
    if (((const check_output *)user)->json) {
        cJSON *o = cJSON_CreateObject();
        cJSON_AddStringToObject(o, "finding", line);
        print_json_line(o);
    } else
        puts(line);
}

static int run_check(int argc, char **argv)
{
    static const cli_command command = {
        .usage = "laneloop dataset check DIR [--json] [--threads N]",
        .summary =
            "Read every file of a dataset and print one line per finding: bad index lines, missing or changed files, broken\n"
            "PNG, wrong sizes, unknown tags, duplicate IDs, leaks between splits. Exit status 1 when there is a finding.",
        .example = "laneloop dataset check runs/demo/dataset",
    };
    bool json = false;
    const char *dir, *threads_text = NULL;
    const cli_flag flags[] = { { "--json", NULL, "one JSON object per line", NULL, &json },
                               { "--threads", "N", "that read files; 0 = one per core", &threads_text, NULL } };
    int status = cli_parse(&command, flags, 2, argc, argv, &dir, 1, 1, NULL), threads = 0;
    base_error err = { 0 };
    if (status != CLI_GO)
        return status;
    if (!cli_int("--threads", threads_text, 0, 1024, &threads, &err))
        return cli_usage(&command, "%s", err.text);
    check_output out = { json };
    dataset_findings findings = { print_finding, &out, 0 };
    base_progress progress = progress_on(json, "check");
    if (!dataset_check(dir, threads, &findings, &progress, &err))
        return cli_fail(&err);
    base_progress_end(&progress, progress.total, NULL);
    if (json) {
        cJSON *o = cJSON_CreateObject();
        cJSON_AddNumberToObject(o, "frames", (double)progress.total);
        cJSON_AddNumberToObject(o, "findings", (double)findings.count);
        print_json_line(o);
    } else if (!findings.count)
        printf("%s: %llu frames, every file is whole\n", dir, (unsigned long long)progress.total);
    if (!findings.count)
        return 0;
    fflush(stdout);
    base_fail(&err, BASE_FORMAT, "%s: %llu finding%s in %llu frames", dir, (unsigned long long)findings.count,
              findings.count == 1 ? "" : "s", (unsigned long long)progress.total);
    return cli_fail(&err);
}

/* ---- stats ---- */

static cJSON *split_counts(const int counts[DATASET_SPLITS])
{
    cJSON *o = cJSON_CreateObject();
    for (int i = 0; i < DATASET_SPLITS; i++)
        cJSON_AddNumberToObject(o, dataset_split_names[i], counts[i]);
    return o;
}

static uint64_t all_tag_pixels(const dataset_stats *s)
{
    uint64_t all = 0;
    for (int i = 0; i < DATASET_MAX_TAGS; i++)
        all += s->tag_pixels[i];
    return all;
}

/* "label_colours": {"Roads": {"rgb": [r, g, b], "deviation": brightness}}, 0 to 255, where colours were read. */
static void add_colours(cJSON *o, const dataset *d, const dataset_stats *s)
{
    const dataset_info *info = dataset_info_of(d);
    cJSON *list = cJSON_AddObjectToObject(o, "label_colours");
    for (int i = 0; i < info->taxonomy.count; i++) {
        if (!s->tag_pixels[i] || !s->tag_colours[i].brightness)
            continue;
        cJSON *one = cJSON_AddObjectToObject(list, info->taxonomy.tags[i].name), *rgb = cJSON_AddArrayToObject(one, "rgb");
        for (int k = 0; k < 3; k++)
            cJSON_AddItemToArray(rgb, cJSON_CreateNumber((double)s->tag_colours[i].rgb[k] / (double)s->tag_pixels[i]));
        cJSON_AddNumberToObject(one, "deviation", dataset_stats_brightness_deviation(s, i));
    }
}

static void print_stats_json(const dataset *d, const dataset_stats *s)
{
    const dataset_info *info = dataset_info_of(d);
    cJSON *o = cJSON_CreateObject(), *maps, *weathers, *tags, *list;
    cJSON_AddNumberToObject(o, "frames", s->frames);
    cJSON_AddNumberToObject(o, "episodes", s->episodes);
    cJSON_AddNumberToObject(o, "open_episodes", s->open_episodes);
    cJSON_AddNumberToObject(o, "perturbed_frames", s->perturbed);
    cJSON_AddNumberToObject(o, "bytes", (double)s->bytes);
    cJSON_AddNumberToObject(o, "distance_m", s->distance_m);
    cJSON_AddNumberToObject(o, "mean_abs_lane_offset_m", s->mean_abs_offset_m);
    cJSON_AddNumberToObject(o, "max_abs_lane_offset_m", s->max_abs_offset_m);
    cJSON_AddItemToObject(o, "splits", split_counts(s->per_split));
    maps = cJSON_AddObjectToObject(o, "maps");
    for (int i = 0; i < s->map_count; i++)
        cJSON_AddItemToObject(maps, s->maps[i].name, split_counts(s->maps[i].frames));
    weathers = cJSON_AddObjectToObject(o, "weathers");
    for (int i = 0; i < s->weather_count; i++)
        cJSON_AddItemToObject(weathers, s->weathers[i].name, split_counts(s->weathers[i].frames));
    tags = cJSON_AddObjectToObject(o, "label_pct"); /* percent of the pixels of the frames counted */
    for (int i = 0; i < info->taxonomy.count; i++)
        if (s->tag_pixels[i])
            cJSON_AddNumberToObject(tags, info->taxonomy.tags[i].name,
                                    100.0 * (double)s->tag_pixels[i] / (double)all_tag_pixels(s));
    cJSON_AddNumberToObject(o, "label_frames", s->tag_frames);
    add_colours(o, d, s);
    list = cJSON_AddArrayToObject(o, "curvature_frames"); /* |curvature| < 0.002, < 0.01, < 0.05, more, 1/m */
    for (int i = 0; i < DATASET_CURVATURE_BINS; i++)
        cJSON_AddItemToArray(list, cJSON_CreateNumber(s->curvature[i]));
    list = cJSON_AddArrayToObject(o, "speed_frames"); /* 1 m/s each */
    for (int i = 0; i < DATASET_SPEED_BINS; i++)
        cJSON_AddItemToArray(list, cJSON_CreateNumber(s->speed[i]));
    print_json_line(o);
}

static void print_bar(const char *name, double count, double of)
{
    static const char bar[] = "########################################";
    int n = of > 0 ? (int)(40 * count / of + 0.5) : 0;
    printf("  %-18s %7.2f %% %.*s\n", name, of > 0 ? 100 * count / of : 0, n > 40 ? 40 : n, bar);
}

static void print_colours(const dataset *d, const dataset_stats *s)
{
    const dataset_info *info = dataset_info_of(d);
    bool head = false;
    for (int i = 0; i < info->taxonomy.count; i++) {
        const struct dataset_stats_colour *c = &s->tag_colours[i];
        double n = (double)s->tag_pixels[i];
        if (!s->tag_pixels[i] || !c->brightness)
            continue;
        if (!head)
            printf("\n%-20s %5s %5s %5s %22s\n", "mean colour, 0 to 255", "R", "G", "B", "brightness deviates");
        head = true;
        printf("  %-18s %5.0f %5.0f %5.0f %22.1f\n", info->taxonomy.tags[i].name, (double)c->rgb[0] / n, (double)c->rgb[1] / n,
               (double)c->rgb[2] / n, dataset_stats_brightness_deviation(s, i));
    }
}

static void print_stats_text(const dataset *d, const dataset_stats *s)
{
    const dataset_info *info = dataset_info_of(d);
    char name[64];
    printf("%s: %d frames in %d episodes%s, %.1f MB, %.0f m driven, CARLA %s\n", dataset_dir(d), s->frames, s->episodes,
           s->open_episodes ? " (and an unfinished one)" : "", (double)s->bytes / 1e6, s->distance_m, info->server_version);
    for (int i = 0; i < info->camera_count; i++)
        printf("camera %s: %d x %d px, field of view %g degrees, at x %g z %g m, pitch %g degrees\n", info->cameras[i].name,
               info->cameras[i].width_px, info->cameras[i].height_px, info->cameras[i].fov_deg,
               info->cameras[i].mount.location.x, info->cameras[i].mount.location.z, info->cameras[i].mount.rotation.pitch_deg);
    printf("\n%-20s %8s %8s %8s\n", "frames", "train", "val", "test");
    printf("%-20s %8d %8d %8d\n", "all", s->per_split[0], s->per_split[1], s->per_split[2]);
    for (int i = 0; i < s->map_count; i++)
        printf("%-20s %8d %8d %8d\n", s->maps[i].name, s->maps[i].frames[0], s->maps[i].frames[1], s->maps[i].frames[2]);
    for (int i = 0; i < s->weather_count; i++)
        printf("%-20s %8d %8d %8d\n", s->weathers[i].name, s->weathers[i].frames[0], s->weathers[i].frames[1],
               s->weathers[i].frames[2]);
    printf("\nperturbed frames %d; distance from the lane's centre: mean %.3f m, largest %.3f m\n", s->perturbed,
           s->mean_abs_offset_m, s->max_abs_offset_m);
    printf("\nlabels (%d frames)\n", s->tag_frames);
    for (int i = 0; i < info->taxonomy.count; i++)
        if (s->tag_pixels[i])
            print_bar(info->taxonomy.tags[i].name, (double)s->tag_pixels[i], (double)all_tag_pixels(s));
    print_colours(d, s);
    printf("\ncurvature of the lane, 1/m\n");
    for (int i = 0; i < DATASET_CURVATURE_BINS; i++) {
        if (i < DATASET_CURVATURE_BINS - 1)
            snprintf(name, sizeof name, "below %g", dataset_curvature_edges[i]);
        else
            snprintf(name, sizeof name, "%g and more", dataset_curvature_edges[i - 1]);
        print_bar(name, s->curvature[i], s->frames);
    }
    printf("\nspeed, m/s\n");
    for (int i = 0; i < DATASET_SPEED_BINS; i++)
        if (s->speed[i]) {
            snprintf(name, sizeof name, i == DATASET_SPEED_BINS - 1 ? "%d and more" : "%d to %d", i, i + 1);
            print_bar(name, s->speed[i], s->frames);
        }
}

static int run_stats(int argc, char **argv)
{
    static const cli_command command = {
        .usage = "laneloop dataset stats DIR [--json] [--labels-every K] [--colours]",
        .summary =
            "Count a dataset: frames per split, map and weather, label classes, curvature, speed, distance from the lane's centre;\n"
            "with --colours also the mean colour of each label and how much its brightness varies.",
        .example = "laneloop dataset stats runs/demo/dataset",
    };
    bool json = false, colours = false;
    const char *dir, *every = NULL;
    const cli_flag flags[] = { { "--json", NULL, "one JSON object", NULL, &json },
                               { "--labels-every", "K", "count the labels of every K-th frame, 0 = none (default 1)", &every,
                                 NULL },
                               { "--colours", NULL, "what colours the labels have in the pictures", NULL, &colours } };
    int status = cli_parse(&command, flags, 3, argc, argv, &dir, 1, 1, NULL), stride = 1;
    base_error err = { 0 };
    dataset_stats stats;
    if (status != CLI_GO)
        return status;
    if (!cli_int("--labels-every", every, 0, 1000000, &stride, &err))
        return cli_usage(&command, "%s", err.text);
    dataset *d = dataset_open(dir, NULL, &err);
    bool ok = d && dataset_stats_read(d, stride, colours, 0, &stats, &err);
    if (ok && json)
        print_stats_json(d, &stats);
    else if (ok)
        print_stats_text(d, &stats);
    dataset_close(d);
    return ok ? 0 : cli_fail(&err);
}

/* ---- show ---- */

static int run_show(int argc, char **argv)
{
    static const cli_command command = {
        .usage =
            "laneloop dataset show DIR [--out FILE.png] [--split train|val|test] [--columns N] [--rows N] [--width PX] [--first N]\n"
            "                             [--step N] [--camera NAME]",
        .summary = "Draw a contact sheet: each frame's colour image beside the same image with its labels laid over.",
        .example = "laneloop dataset show runs/demo/dataset --out sheet.png",
    };
    const char *dir, *out = "sheet.png", *split = NULL, *columns = NULL, *rows = NULL, *width = NULL, *first = NULL,
                     *step = NULL, *camera = NULL;
    const cli_flag flags[] = {
        { "--out", "FILE.png", "where to write the sheet (default sheet.png)", &out, NULL },
        { "--split", "NAME", "frames of one split only", &split, NULL },
        { "--columns", "N", "cells side by side (default 3)", &columns, NULL },
        { "--rows", "N", "rows of cells (default 4)", &rows, NULL },
        { "--width", "PX", "of one image (default 256)", &width, NULL },
        { "--first", "N", "number of the first frame (default 0)", &first, NULL },
        { "--step", "N", "frames from cell to cell; 0 spreads the cells over the set (default)", &step, NULL },
        { "--camera", "NAME", "default: the first", &camera, NULL },
    };
    int status = cli_parse(&command, flags, (int)(sizeof flags / sizeof flags[0]), argc, argv, &dir, 1, 1, NULL);
    if (status != CLI_GO)
        return status;
    base_error err = { 0 };
    dataset_sheet_options o = dataset_sheet_options_default();
    if (!cli_int("--columns", columns, 1, 32, &o.columns, &err) || !cli_int("--rows", rows, 1, 32, &o.rows, &err) ||
        !cli_int("--width", width, 64, 1024, &o.cell_width_px, &err) ||
        !cli_int("--first", first, 0, DATASET_MAX_FRAMES, &o.first, &err) ||
        !cli_int("--step", step, 0, DATASET_MAX_FRAMES, &o.step, &err))
        return cli_usage(&command, "%s", err.text);
    for (int i = 0; split && i < DATASET_SPLITS; i++)
        if (!strcmp(split, dataset_split_names[i]))
            o.split = i;
    if (split && o.split < 0)
        return cli_usage(&command, "--split: train, val or test expected, found '%s'", split);
    dataset *d = dataset_open(dir, NULL, &err);
    dataset_image sheet = { 0 };
    bool ok = d != NULL;
    if (ok && camera && (o.camera = dataset_camera_index(d, camera)) < 0)
        ok = base_fail(&err, BASE_ARGUMENT, "%s: no camera is named %s", dir, camera);
    ok = ok && dataset_sheet(d, &o, &sheet, &err) &&
         dataset_png_write_rgb(out, sheet.pixels, sheet.width_px, sheet.height_px, &err);
    if (ok)
        printf("wrote %s, %d x %d\n", out, sheet.width_px, sheet.height_px);
    dataset_image_free(&sheet);
    dataset_close(d);
    return ok ? 0 : cli_fail(&err);
}

/* ---- import ---- */

/* Position of a flag's text in a NULL-terminated list. */
static bool choose(const char *flag, const char *text, const char *const *names, int *out, base_error *err)
{
    char known[128] = "";
    for (int i = 0; names[i]; i++) {
        if (!strcmp(text, names[i])) {
            *out = i;
            return true;
        }
        strcat(strcat(known, i ? ", " : ""), names[i]);
    }
    return base_fail(err, BASE_ARGUMENT, "%s: one of %s expected, found '%s'", flag, known, text);
}

static bool parse_size(const char *text, dataset_import_options *o, base_error *err)
{
    char tail;
    if (text && (sscanf(text, "%5dx%5d%c", &o->width_px, &o->height_px, &tail) != 2 || o->width_px < 1 || o->height_px < 1))
        return base_fail(err, BASE_ARGUMENT, "--size: width and height such as 256x128 expected, found '%s'", text);
    return true;
}

static int run_import(int argc, char **argv)
{
    static const cli_command command = {
        .usage =
            "laneloop dataset import PICTURES --out DIR [--labels DIR] [--rgb-suffix S] [--label-suffix S] [--format tags|palette]\n"
            "                               [--carla-version V] [--size WxH] [--fit crop|stretch] [--split NAME] [--map NAME] [--fov DEG]",
        .summary =
            "Make a dataset of labelled pictures from elsewhere, such as recordings of CARLA: PNG pictures NAME_rgb.png beside labels\n"
            "NAME_seg.png. One line per bad file, which is left out (exit status 1 then). Importing into a dataset that imports made\n"
            "adds an episode to it.",
        .example = "laneloop dataset import frames --label-suffix _color.png --format palette --size 256x128 --out data/carla",
    };
    dataset_import_options o = dataset_import_options_default();
    const char *dir, *format = "tags", *fit = "crop", *split = "test", *version = NULL, *size = NULL, *fov = NULL,
                     *threads = NULL;
    bool json = false;
    const cli_flag flags[] = {
        { "--out", "DIR", "folder of the dataset (needed)", &o.out, NULL },
        { "--labels", "DIR", "folder of the labels (default: that of the pictures)", &o.labels, NULL },
        { "--rgb-suffix", "S", "end of a picture's name (default _rgb.png)", &o.rgb_suffix, NULL },
        { "--label-suffix", "S", "end of a label's name (default _seg.png)", &o.label_suffix, NULL },
        { "--format", "NAME", "tags: numbers, grey or in the red channel (default); palette: CARLA's colours", &format, NULL },
        { "--carla-version", "V", "whose numbers tags are: " WIRE_VERSION_RANGE " (default 0.9.16)", &version, NULL },
        { "--size", "WxH", "of the dataset (default: the pictures', all the same)", &size, NULL },
        { "--fit", "NAME", "crop the middle to --size's proportions (default), or stretch", &fit, NULL },
        { "--split", "NAME", "train, val or test (default test)", &split, NULL },
        { "--map", "NAME", "where the pictures are from (default imported)", &o.map, NULL },
        { "--fov", "DEG", "horizontal field of view to note (default 90)", &fov, NULL },
        { "--threads", "N", "that encode images; 0 = one per core (default)", &threads, NULL },
        { "--json", NULL, "one JSON object per line", NULL, &json },
    };
    int status = cli_parse(&command, flags, (int)(sizeof flags / sizeof flags[0]), argc, argv, &dir, 1, 1, NULL), choice = 0,
        frames = 0;
    base_error err = { 0 };
    if (status != CLI_GO)
        return status;
    o.pictures = dir;
    if (!o.out)
        return cli_usage(&command, "--out: the folder of the dataset is needed");
    bool ok = choose("--format", format, dataset_label_format_names, &choice, &err);
    o.format = (dataset_label_format)choice;
    ok = ok && choose("--fit", fit, dataset_fit_names, &choice, &err);
    o.fit = (dataset_fit)choice;
    ok = ok && choose("--split", split, dataset_split_names, &choice, &err);
    o.split = (dataset_split)choice;
    if (!ok || (version && !wire_version_parse(&o.table, version, &err)) || !parse_size(size, &o, &err) ||
        !cli_double("--fov", fov, 1, 179, &o.fov_deg, &err) || !cli_int("--threads", threads, 0, 1024, &o.threads, &err))
        return cli_usage(&command, "%s", err.text);
    check_output out = { json };
    dataset_findings findings = { print_finding, &out, 0 };
    base_progress progress = progress_on(json, "import");
    o.progress = &progress;
    if (!dataset_import(&o, &findings, &frames, &err))
        return cli_fail(&err);
    base_progress_end(&progress, progress.total, NULL);
    if (json) {
        cJSON *object = cJSON_CreateObject();
        cJSON_AddStringToObject(object, "out", o.out);
        cJSON_AddNumberToObject(object, "frames", frames);
        cJSON_AddNumberToObject(object, "findings", (double)findings.count);
        print_json_line(object);
    } else
        printf("%s: %d frames imported\n", o.out, frames);
    if (!findings.count)
        return 0;
    fflush(stdout);
    base_fail(&err, BASE_FORMAT, "%s: %llu finding%s; what they name was left out", dir, (unsigned long long)findings.count,
              findings.count == 1 ? "" : "s");
    return cli_fail(&err);
}

int cli_dataset(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(int argc, char **argv);
    } actions[] = { { "check", run_check }, { "stats", run_stats }, { "show", run_show }, { "import", run_import } };
    for (size_t i = 0; argc > 1 && i < sizeof actions / sizeof actions[0]; i++)
        if (!strcmp(argv[1], actions[i].name))
            return actions[i].run(argc - 1, argv + 1);
    if (argc > 1 && strcmp(argv[1], "--help") && strcmp(argv[1], "-h"))
        return cli_usage(&overview, "check, stats, show or import expected, found '%s'", argv[1]);
    const char *none;
    return argc > 1 ? cli_parse(&overview, NULL, 0, argc, argv, &none, 0, 1, NULL)
                    : cli_usage(&overview, "check, stats, show or import expected");
}
