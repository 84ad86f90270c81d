#include "dataset/import.h"
#include "base/file.h"
#include "dataset/classes.h"
#include "dataset/writer.h"
#include "sim/wire/tag.h"
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_PAIRS = 1000000 }; /* an episode's six digits */

const char *const dataset_label_format_names[] = { "tags", "palette", NULL };
const char *const dataset_fit_names[] = { "crop", "stretch", NULL };

dataset_import_options dataset_import_options_default(void)
{
    return (dataset_import_options){ .rgb_suffix = "_rgb.png",
                                     .label_suffix = "_seg.png",
                                     .table = WIRE_VERSION_LATEST,
                                     .fov_deg = 90,
                                     .split = DATASET_TEST,
                                     .map = "imported" };
}

/* ---- labels ---- */

/* Colours that earlier releases of CARLA gave to a tag. */
static const struct {
    uint8_t rgb[3];
    wire_tag tag;
} older_colors[] = {
    { { 100, 40, 40 }, WIRE_TAG_FENCE },     /* 0.9.10 to 0.9.13 */
    { { 145, 170, 100 }, WIRE_TAG_TERRAIN }, /* 0.9.10 to 0.9.13 */
    { { 250, 170, 160 }, WIRE_TAG_OTHER },   /* until 0.9.9 */
};

static wire_tag tag_of_color(const uint8_t *rgb)
{
    for (int tag = 0; tag < WIRE_TAG_COUNT; tag++) {
        uint8_t known[3];
        wire_tag_color(tag, known);
        if (!memcmp(known, rgb, 3))
            return (wire_tag)tag;
    }
    for (size_t i = 0; i < sizeof older_colors / sizeof older_colors[0]; i++)
        if (!memcmp(older_colors[i].rgb, rgb, 3))
            return older_colors[i].tag;
    return WIRE_TAG_COUNT;
}

/* In place: one tag per pixel needs a third of the room, and pixel i is read before byte i is written. */
static bool tags_from_colors(dataset_image *image, const char *name, base_error *err)
{
    uint8_t *p = image->pixels;
    size_t count = (size_t)image->width_px * (size_t)image->height_px;
    uint8_t last[3] = { 0 };
    wire_tag tag = WIRE_TAG_UNLABELED; /* of `last` */
    for (size_t i = 0; i < count; i++) {
        if (memcmp(p + 3 * i, last, 3)) {
            memcpy(last, p + 3 * i, 3);
            tag = tag_of_color(last);
        }
        if (tag == WIRE_TAG_COUNT)
            return base_fail(err, BASE_FORMAT, "%s: pixel (%zu, %zu): a colour of CARLA's palette expected, found (%d, %d, %d)",
                             name, i % (size_t)image->width_px, i / (size_t)image->width_px, last[0], last[1], last[2]);
        p[i] = (uint8_t)tag;
    }
    image->format = DATASET_INDEX8;
    return true;
}

/* In place as well. step: bytes per pixel as decoded, of which the first is the number. */
static bool tags_from_numbers(dataset_image *image, size_t step, wire_version table, const char *name, base_error *err)
{
    uint8_t *p = image->pixels;
    size_t count = (size_t)image->width_px * (size_t)image->height_px;
    for (size_t i = 0; i < count; i++) {
        wire_tag tag = wire_tag_from_wire(p[step * i], table);
        if (tag == WIRE_TAG_COUNT)
            return base_fail(err, BASE_FORMAT, "%s: pixel (%zu, %zu): a tag of CARLA %s expected, found %d", name,
                             i % (size_t)image->width_px, i / (size_t)image->width_px, wire_version_name(table), p[step * i]);
        p[i] = (uint8_t)tag;
    }
    image->format = DATASET_INDEX8;
    return true;
}

bool dataset_label_decode(dataset_image *tags, const void *png, size_t bytes, dataset_label_format format, wire_version table,
                          const char *name, base_error *err)
{
    enum { BITS_AT = 24, COLOR_AT = 25, GREY = 0, PALETTE = 3 }; /* of a PNG file: IHDR is its first chunk */
    const uint8_t *head = png;
    if (format == DATASET_LABEL_PALETTE)
        return dataset_png_decode_rgb(tags, png, bytes, name, err) && tags_from_colors(tags, name, err);
    bool known = bytes > COLOR_AT && !memcmp(head, "\x89PNG\r\n\x1a\n", 8); /* else the decoder says what it is not */
    if (known && head[BITS_AT] > 8)
        return base_fail(err, BASE_FORMAT, "%s: labels of at most 8 bits per channel expected, found %d", name, head[BITS_AT]);
    if (known && head[COLOR_AT] != GREY && head[COLOR_AT] != PALETTE)
        return dataset_png_decode_rgb(tags, png, bytes, name, err) && tags_from_numbers(tags, 3, table, name, err);
    return dataset_png_decode_index(tags, png, bytes, name, err) && tags_from_numbers(tags, 1, table, name, err);
}

/* ---- pairs of files ---- */

typedef struct stems {
    char **items; /* sorted */
    int count, capacity;
} stems;

static void stems_free(stems *s)
{
    for (int i = 0; i < s->count; i++)
        free(s->items[i]);
    free(s->items);
}

static int by_text(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static bool stems_add(stems *s, const char *name, size_t bytes, base_error *err)
{
    if (s->count == MAX_PAIRS)
        return base_fail(err, BASE_ARGUMENT, "more than %d pictures in one import", MAX_PAIRS);
    if (s->count == s->capacity) {
        int capacity = s->capacity ? 2 * s->capacity : 64;
        char **grown = realloc(s->items, (size_t)capacity * sizeof *grown);
        if (!grown)
            return base_fail(err, BASE_MEMORY, "out of memory for %d names", capacity);
        s->items = grown;
        s->capacity = capacity;
    }
    if (!(s->items[s->count] = strndup(name, bytes)))
        return base_fail(err, BASE_MEMORY, "out of memory for a name");
    s->count++;
    return true;
}

/* Names of a folder that end with the suffix, without it. */
static bool stems_read(stems *s, const char *folder, const char *suffix, base_error *err)
{
    DIR *dir = opendir(folder);
    size_t tail = strlen(suffix);
    bool ok = dir || base_fail(err, BASE_IO, "%s: cannot read the folder: %s", folder, strerror(errno));
    for (const struct dirent *e; ok && (e = readdir(dir));) {
        size_t n = strlen(e->d_name);
        if (n > tail && !strcmp(e->d_name + n - tail, suffix))
            ok = stems_add(s, e->d_name, n - tail, err);
    }
    if (dir)
        closedir(dir);
    if (s->count)
        qsort(s->items, (size_t)s->count, sizeof *s->items, by_text);
    return ok;
}

static bool stems_have(const stems *s, const char *stem)
{
    return s->count && bsearch(&stem, s->items, (size_t)s->count, sizeof *s->items, by_text);
}

/* ---- importing ---- */

typedef struct import_job {
    const dataset_import_options *o;
    dataset_writer *writer; /* opened by the first good pair, whose size it needs */
    uint32_t episode;
    int width_px, height_px, frames;
    dataset_image rgb, tags; /* as read, then cut */
    uint8_t *small_rgb, *small_tags;
} import_job;

static bool read_file(const char *folder, const char *stem, const char *suffix, char path[PATH_MAX], unsigned char **data,
                      size_t *bytes, base_error *err)
{
    if (snprintf(path, PATH_MAX, "%s/%s%s", folder, stem, suffix) >= PATH_MAX)
        return base_fail(err, BASE_ARGUMENT, "%.60s...: a path of %d bytes or more", folder, PATH_MAX);
    return base_file_read(path, DATASET_MAX_IMAGE_BYTES, data, bytes, err);
}

static bool read_pair(import_job *job, const char *stem, base_error *err)
{
    const dataset_import_options *o = job->o;
    char path[PATH_MAX];
    unsigned char *data = NULL;
    size_t bytes;
    bool ok = read_file(o->pictures, stem, o->rgb_suffix, path, &data, &bytes, err) &&
              dataset_png_decode_rgb(&job->rgb, data, bytes, path, err);
    free(data);
    data = NULL;
    ok = ok && read_file(o->labels ? o->labels : o->pictures, stem, o->label_suffix, path, &data, &bytes, err) &&
         dataset_label_decode(&job->tags, data, bytes, o->format, o->table, path, err);
    free(data);
    if (ok && (job->rgb.width_px != job->tags.width_px || job->rgb.height_px != job->tags.height_px))
        ok = base_fail(err, BASE_FORMAT, "%s: %d x %d pixels, its picture has %d x %d", path, job->tags.width_px,
                       job->tags.height_px, job->rgb.width_px, job->rgb.height_px);
    if (ok && job->writer && !o->width_px && (job->rgb.width_px != job->width_px || job->rgb.height_px != job->height_px))
        ok = base_fail(err, BASE_FORMAT, "%s: %d x %d pixels, those before have %d x %d; say what size the dataset shall have",
                       path, job->rgb.width_px, job->rgb.height_px, job->width_px, job->height_px);
    return ok;
}

/* The dataset and a new episode in it, once the size is known. */
static bool open_writer(import_job *job, base_error *err)
{
    const dataset_import_options *o = job->o;
    dataset_info info = { .camera_count = 1, .map_count = 1, .dt_s = 1, .taxonomy = dataset_taxonomy_carla() };
    dataset_writer_options w = dataset_writer_options_default();
    job->width_px = o->width_px ? o->width_px : job->rgb.width_px;
    job->height_px = o->height_px ? o->height_px : job->rgb.height_px;
    info.cameras[0] = (dataset_camera){
        .name = "front", .width_px = job->width_px, .height_px = job->height_px, .fov_deg = o->fov_deg, .has = { true, true }
    };
    if (!dataset_name_check(o->map, "map name", err))
        return false;
    strcpy(info.maps[0].name, o->map);
    strcpy(info.server_version, "imported");
    size_t pixels = (size_t)job->width_px * (size_t)job->height_px;
    w.dir = o->out;
    w.log = o->log;
    w.threads = o->threads;
    if (!(job->writer = dataset_writer_open(&info, &w, err)))
        return false;
    if (!(job->small_rgb = malloc(pixels * 3)) || !(job->small_tags = malloc(pixels)))
        return base_fail(err, BASE_MEMORY, "out of memory for images of %d x %d", job->width_px, job->height_px);
    while (job->episode < DATASET_MAX_EPISODES && dataset_writer_state(job->writer, job->episode) == DATASET_EPISODE_DONE)
        job->episode++;
    return dataset_writer_begin(job->writer, job->episode, NULL, err);
}

/* Keep the columns x .. x+w-1 and rows y .. y+h-1, in place. */
static void cut(dataset_image *image, int x, int y, int w, int h)
{
    size_t pixel = dataset_pixel_bytes(image->format), pitch = (size_t)image->width_px * pixel;
    uint8_t *p = image->pixels;
    for (int row = 0; row < h; row++)
        memmove(p + (size_t)row * (size_t)w * pixel, p + (size_t)(y + row) * pitch + (size_t)x * pixel, (size_t)w * pixel);
    image->width_px = w;
    image->height_px = h;
}

static void cut_to_proportions(import_job *job)
{
    int64_t w = job->rgb.width_px, h = job->rgb.height_px;
    int64_t fit_w = h * job->width_px / job->height_px, fit_h = w * job->height_px / job->width_px;
    int cut_w = (int)(fit_w < w ? fit_w : w), cut_h = (int)(fit_w < w ? h : fit_h);
    cut_w = cut_w < 1 ? 1 : cut_w;
    cut_h = cut_h < 1 ? 1 : cut_h;
    int x = ((int)w - cut_w) / 2, y = ((int)h - cut_h) / 2;
    cut(&job->rgb, x, y, cut_w, cut_h);
    cut(&job->tags, x, y, cut_w, cut_h);
}

static bool add_pair(import_job *job, base_error *err)
{
    dataset_frame f = { .episode = job->episode,
                        .index = (uint32_t)job->frames,
                        .tick = (uint32_t)job->frames,
                        .time_s = job->frames,
                        .split = job->o->split,
                        .map = job->o->map,
                        .weather = "unknown" };
    if (job->o->fit == DATASET_FIT_CROP)
        cut_to_proportions(job);
    dataset_resize_rgb(job->small_rgb, job->width_px, job->height_px, job->rgb.pixels, job->rgb.width_px, job->rgb.height_px);
    dataset_resize_index(job->small_tags, job->width_px, job->height_px, job->tags.pixels, job->tags.width_px,
                         job->tags.height_px);
    const dataset_pixels images[] = { { 0, DATASET_RGB, job->small_rgb }, { 0, DATASET_SEG, job->small_tags } };
    if (!dataset_writer_add(job->writer, &f, images, 2, err))
        return false;
    job->frames++;
    return true;
}

static bool options_check(const dataset_import_options *o, base_error *err)
{
    if (!o->pictures || !o->out || !o->rgb_suffix[0] || !o->label_suffix[0])
        return base_fail(err, BASE_ARGUMENT, "a folder of pictures, a folder for the dataset and two suffixes expected");
    if ((!o->labels || !strcmp(o->labels, o->pictures)) && !strcmp(o->rgb_suffix, o->label_suffix))
        return base_fail(err, BASE_ARGUMENT, "pictures and labels both end with \"%s\" in the same folder", o->rgb_suffix);
    if ((o->width_px == 0) != (o->height_px == 0) || o->width_px < 0 || o->height_px < 0)
        return base_fail(err, BASE_ARGUMENT, "a size of width and height expected, found %d x %d", o->width_px, o->height_px);
    return true;
}

bool dataset_import(const dataset_import_options *o, dataset_findings *findings, int *frames, base_error *err)
{
    import_job job = { .o = o };
    stems pictures = { 0 }, labels = { 0 };
    *frames = 0;
    bool ok = options_check(o, err) && stems_read(&pictures, o->pictures, o->rgb_suffix, err) &&
              stems_read(&labels, o->labels ? o->labels : o->pictures, o->label_suffix, err);
    if (ok && !pictures.count)
        ok = base_fail(err, BASE_ARGUMENT, "%s: no file's name ends with \"%s\"", o->pictures, o->rgb_suffix);
    for (int i = 0; ok && i < labels.count; i++)
        if (!stems_have(&pictures, labels.items[i]))
            dataset_finding(findings, "%s%s: no picture %s%s belongs to it", labels.items[i], o->label_suffix, labels.items[i],
                            o->rgb_suffix);
    if (o->progress)
        o->progress->total = (uint64_t)pictures.count;
    for (int i = 0; ok && i < pictures.count; i++) {
        base_error bad = { 0 };
        if (!stems_have(&labels, pictures.items[i]))
            dataset_finding(findings, "%s%s: no label %s%s belongs to it", pictures.items[i], o->rgb_suffix, pictures.items[i],
                            o->label_suffix);
        else if (!read_pair(&job, pictures.items[i], &bad))
            dataset_finding(findings, "%s", bad.text);
        else
            ok = (job.writer || open_writer(&job, err)) && add_pair(&job, err);
        base_progress_step(o->progress, (uint64_t)i + 1, NULL);
    }
    if (ok && !job.frames)
        ok = base_fail(err, BASE_FORMAT, "%s: not one good pair among %d pictures", o->pictures, pictures.count);
    ok = ok && dataset_writer_end(job.writer, err);
    if (!dataset_writer_close(job.writer, ok ? err : NULL))
        ok = false;
    if (ok)
        *frames = job.frames;
    dataset_image_free(&job.rgb);
    dataset_image_free(&job.tags);
    free(job.small_rgb);
    free(job.small_tags);
    stems_free(&pictures);
    stems_free(&labels);
    return ok;
}
