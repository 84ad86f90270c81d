/* laneloop infer — masks and overlays of images, a folder of images or a dataset. */
#include "cli/cli.h"
#include "base/file.h"
#include "base/process.h"
#include "dataset/classes.h"
#include "dataset/dataset.h"
#include "dataset/image.h"
#include "eval/predictor.h"
#include "model/plan.h"
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_BYTES 4096

static const cli_command command = {
    .usage = "laneloop infer MODEL IMAGE|DIR|DATASET [--out DIR]",
    .summary =
        "Run a trained network. For each image NAME.png, DIR gets NAME_mask.png (palette PNG, the index is the class) and\n"
        "NAME_overlay.png. Images are resized to the size that the model was trained on, as in training, and masks back.",
    .example = "laneloop infer runs/demo/train/model runs/demo/heldout --split test --out masks",
};

/* Everything one run needs; masks and overlays are written at the size of the image. */
typedef struct infer_run {
    const char *model;
    eval_predictor *predictor;
    int h, w;    /* of the predictor */
    bool native; /* run at each image's own size */
    int threads, winograd;
    const char *out;
    bool json;
    uint8_t palette[DATASET_MAX_CLASSES][3];
    uint8_t *small_rgb, *small_mask; /* h x w */
    uint8_t *mask, *overlay;         /* of the image */
    size_t pixels;                   /* that mask and overlay hold */
    int images;
    double network_s;
} infer_run;

static const dataset_classes *classes_of(const infer_run *r) { return eval_predictor_about(r->predictor)->classes; }

/* A class has the colour that CARLA gives its first tag. */
static void choose_palette(infer_run *r)
{
    const dataset_taxonomy t = dataset_taxonomy_carla();
    const dataset_classes *classes = classes_of(r);
    for (int c = 0; c < classes->count; c++) {
        int tag = classes->list[c].tag_count > 0 ? dataset_taxonomy_find(&t, classes->list[c].tags[0]) : -1;
        if (tag >= 0)
            memcpy(r->palette[c], t.tags[tag].rgb, 3);
    }
}

/* A predictor for images of h x w; 0 = the size that the model was trained with. */
static bool make_predictor(infer_run *r, int h, int w, base_error *err)
{
    if (r->predictor && ((h == 0 && w == 0) || (r->h == h && r->w == w)))
        return true;
    eval_predictor_options o = eval_predictor_options_default();
    o.height_px = h;
    o.width_px = w;
    o.threads = r->threads;
    o.winograd = r->winograd;
    eval_predictor_close(r->predictor);
    if (!(r->predictor = eval_predictor_open(r->model, &o, err)))
        return false;
    free(r->small_rgb);
    free(r->small_mask);
    r->h = eval_predictor_about(r->predictor)->height_px;
    r->w = eval_predictor_about(r->predictor)->width_px;
    r->small_rgb = malloc((size_t)r->h * (size_t)r->w * 3);
    r->small_mask = malloc((size_t)r->h * (size_t)r->w);
    if (!r->small_rgb || !r->small_mask)
        return base_fail(err, BASE_MEMORY, "no memory for images of %d x %d", r->w, r->h);
    choose_palette(r);
    return true;
}

static bool make_room(infer_run *r, size_t pixels, base_error *err)
{
    if (pixels <= r->pixels)
        return true;
    free(r->mask);
    free(r->overlay);
    r->mask = malloc(pixels);
    r->overlay = malloc(pixels * 3);
    r->pixels = r->mask && r->overlay ? pixels : 0;
    return r->pixels || base_fail(err, BASE_MEMORY, "no memory for %zu pixels", pixels);
}

static bool write_mask(infer_run *r, const char *name, const dataset_image *image, base_error *err)
{
    char path[PATH_BYTES];
    base_buffer png = { 0 };
    if ((size_t)snprintf(path, sizeof path, "%s/%s_mask.png", r->out, name) >= sizeof path)
        return base_fail(err, BASE_ARGUMENT, "%s/%s: path too long", r->out, name);
    bool ok = dataset_png_encode_index(&png, r->mask, image->width_px, image->height_px, (const uint8_t(*)[3])r->palette,
                                       classes_of(r)->count, err) &&
              base_file_write(path, png.data, png.bytes, false, err);
    base_buffer_free(&png);
    return ok;
}

/* Half image, half class colour; class 0 shows the image alone. */
static bool write_overlay(infer_run *r, const char *name, const dataset_image *image, base_error *err)
{
    char path[PATH_BYTES];
    const uint8_t *rgb = image->pixels;
    size_t pixels = (size_t)image->width_px * (size_t)image->height_px;
    for (size_t i = 0; i < pixels; i++)
        for (int c = 0; c < 3; c++)
            r->overlay[3 * i + c] = r->mask[i] ? (uint8_t)((rgb[3 * i + c] + r->palette[r->mask[i]][c]) / 2) : rgb[3 * i + c];
    if ((size_t)snprintf(path, sizeof path, "%s/%s_overlay.png", r->out, name) >= sizeof path)
        return base_fail(err, BASE_ARGUMENT, "%s/%s: path too long", r->out, name);
    return dataset_png_write_rgb(path, r->overlay, image->width_px, image->height_px, err);
}

static void report(const infer_run *r, const char *name, size_t pixels, double seconds)
{
    size_t counts[256] = { 0 };
    for (size_t i = 0; i < pixels; i++)
        counts[r->mask[i]]++;
    cJSON *o = cJSON_CreateObject(), *share = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "image", name);
    cJSON_AddNumberToObject(o, "network_ms", seconds * 1e3);
    for (int c = 0; c < classes_of(r)->count; c++)
        cJSON_AddNumberToObject(share, classes_of(r)->list[c].name, 100.0 * (double)counts[c] / (double)pixels);
    cJSON_AddItemToObject(o, "class_pct", share);
    char *text = cJSON_PrintUnformatted(o);
    puts(text ? text : "{}");
    cJSON_free(text);
    cJSON_Delete(o);
}

static bool infer_image(infer_run *r, const char *name, const dataset_image *image, base_error *err)
{
    int w = image->width_px, h = image->height_px;
    size_t pixels = (size_t)w * (size_t)h;
    if (!make_predictor(r, r->native ? h : 0, r->native ? w : 0, err) || !make_room(r, pixels, err))
        return base_fail_in(err, "%s", name);
    dataset_resize_rgb(r->small_rgb, r->w, r->h, image->pixels, w, h);
    if (!eval_predictor_run(r->predictor, r->small_rgb, r->w, r->h, r->small_mask, err))
        return base_fail_in(err, "%s", name);
    double seconds = eval_predictor_last_s(r->predictor);
    r->network_s += seconds;
    r->images++;
    dataset_resize_index(r->mask, w, h, r->small_mask, r->w, r->h);
    if (r->json)
        report(r, name, pixels, seconds);
    return write_mask(r, name, image, err) && write_overlay(r, name, image, err);
}

/* ---- where images come from ---- */

static bool infer_file(infer_run *r, const char *path, base_error *err)
{
    dataset_image image = { 0 };
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path, *dot = strrchr(name, '.');
    char stem[256];
    snprintf(stem, sizeof stem, "%.*s", dot && dot > name ? (int)(dot - name) : (int)strlen(name), name);
    bool ok = dataset_png_read_rgb(&image, path, err) && infer_image(r, stem, &image, err);
    dataset_image_free(&image);
    return ok;
}

static int is_png(const struct dirent *e)
{
    size_t n = strlen(e->d_name);
    return n > 4 && !strcmp(e->d_name + n - 4, ".png");
}

static bool infer_folder(infer_run *r, const char *dir, base_progress *progress, base_error *err)
{
    struct dirent **entries;
    int count = scandir(dir, &entries, is_png, alphasort);
    bool ok = count > 0 || base_fail(err, BASE_ARGUMENT, "%s: no .png in it, and no dataset.json", dir);
    progress->total = count > 0 ? (uint64_t)count : 0;
    for (int i = 0; i < count; i++) {
        char path[PATH_BYTES];
        ok = ok && !base_stop_requested() && base_path_join(path, sizeof path, dir, entries[i]->d_name, err) &&
             infer_file(r, path, err);
        base_progress_step(progress, (uint64_t)i + 1, NULL);
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
    return ok;
}

static bool infer_dataset(infer_run *r, const char *dir, const char *split, base_progress *progress, base_error *err)
{
    dataset *d = dataset_open(dir, NULL, err);
    dataset_image image = { 0 };
    bool ok = d != NULL;
    int wanted = -1;
    for (int i = 0; i < DATASET_SPLITS; i++)
        wanted = !strcmp(split, dataset_split_names[i]) ? i : wanted;
    if (ok && wanted < 0)
        ok = base_fail(err, BASE_ARGUMENT, "--split: train, val or test expected, found '%s'", split);
    for (int i = 0; ok && i < dataset_frame_count(d); i++) {
        const dataset_frame *f = dataset_frame_at(d, i);
        char id[DATASET_ID_BYTES];
        if ((int)f->split != wanted)
            continue;
        dataset_frame_id(f, id);
        ok = !base_stop_requested() && dataset_read(d, f, 0, DATASET_RGB, &image, err) && infer_image(r, id, &image, err);
        base_progress_step(progress, (uint64_t)r->images, NULL);
    }
    if (ok && r->images == 0)
        ok = base_fail(err, BASE_ARGUMENT, "%s: no frames in split %s", dir, split);
    dataset_image_free(&image);
    dataset_close(d);
    return ok;
}

static bool is_dataset(const char *path)
{
    char inside[PATH_BYTES];
    return base_path_join(inside, sizeof inside, path, "dataset.json", NULL) && base_file_exists(inside);
}

static bool is_folder(const char *path)
{
    DIR *d = opendir(path);
    if (d)
        closedir(d);
    return d != NULL;
}

int cli_infer(int argc, char **argv)
{
    const char *positional[2], *out = "masks", *split = "val", *threads = NULL, *winograd = NULL;
    infer_run r = { 0 };
    const cli_flag flags[] = {
        { "--out", "DIR", "where masks and overlays go; default masks", &out, NULL },
        { "--split", "NAME", "of a dataset: train, val or test; default val", &split, NULL },
        { "--native", NULL, "run at each image's own size instead of the trained one", NULL, &r.native },
        { "--threads", "N", "OpenMP threads, 0 = one per core", &threads, NULL },
        { "--winograd", "NAME", "of an fp32 model's 3x3 convolutions: off, f2, f4 or auto (default: f4 where it pays)",
          &winograd, NULL },
        { "--json", NULL, "a JSON line per image", NULL, &r.json },
    };
    base_error err = { 0 };
    int status = cli_parse(&command, flags, sizeof flags / sizeof flags[0], argc, argv, positional, 2, 2, NULL);
    if (status != CLI_GO)
        return status;
    if (!cli_int("--threads", threads, 0, 1024, &r.threads, &err) ||
        !cli_name("--winograd", winograd, model_winograd_names, &r.winograd, &err))
        return cli_usage(&command, "%s", err.text);
    r.out = out;
    base_stop_install();
    base_progress progress = base_progress_start(r.json ? NULL : stderr, "infer", 0);
    r.model = positional[0];
    bool ok = (r.native || make_predictor(&r, 0, 0, &err)) && base_dir_create(out, &err);
    if (ok)
        ok = is_dataset(positional[1])  ? infer_dataset(&r, positional[1], split, &progress, &err)
             : is_folder(positional[1]) ? infer_folder(&r, positional[1], &progress, &err)
                                        : infer_file(&r, positional[1], &err);
    if (base_stop_requested())
        ok = base_fail(&err, BASE_INTERRUPTED, "stopped after %d images; run the same command again", r.images);
    base_progress_end(&progress, (uint64_t)r.images, NULL);
    if (ok && !r.json)
        printf("%d images, %.2f ms each in the network (%s, kernels %s), written to %s\n", r.images,
               1e3 * r.network_s / r.images, eval_predictor_about(r.predictor)->kind_name,
               eval_predictor_about(r.predictor)->level, out);
    eval_predictor_close(r.predictor);
    free(r.small_rgb);
    free(r.small_mask);
    free(r.mask);
    free(r.overlay);
    return ok ? 0 : cli_fail(&err);
}
