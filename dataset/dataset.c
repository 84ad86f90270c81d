#include "dataset/dataset.h"
#include "base/file.h"
#include "dataset/format.h"
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_WEATHERS = 4096 };
#define MAX_EPISODE_BYTES ((size_t)512 << 20)

struct dataset {
    char dir[PATH_MAX];
    dataset_info info;
    dataset_frame *frames;
    int frame_count, frame_capacity;
    dataset_file *files;
    size_t file_count, file_capacity;
    char **weathers; /* every name once; frames borrow them */
    int weather_count;
    int episode_count, open_episodes;
};

void dataset_finding(dataset_findings *f, const char *format, ...)
{
    char line[1200];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    f->count++;
    if (f->add)
        f->add(f->user, line);
}

const char *dataset_dir(const dataset *d) { return d->dir; }
const dataset_info *dataset_info_of(const dataset *d) { return &d->info; }
int dataset_frame_count(const dataset *d) { return d->frame_count; }
const dataset_frame *dataset_frame_at(const dataset *d, int frame) { return &d->frames[frame]; }
const dataset_file *dataset_files_of(const dataset *d, const dataset_frame *f) { return d->files + f->first_file; }
int dataset_episode_count(const dataset *d) { return d->episode_count; }
int dataset_open_episodes(const dataset *d) { return d->open_episodes; }

int dataset_camera_index(const dataset *d, const char *name)
{
    for (int i = 0; i < d->info.camera_count; i++)
        if (!strcmp(d->info.cameras[i].name, name))
            return i;
    return -1;
}

void dataset_close(dataset *d)
{
    if (!d)
        return;
    for (int i = 0; i < d->weather_count; i++)
        free(d->weathers[i]);
    free(d->weathers);
    free(d->files);
    free(d->frames);
    free(d);
}

/* ---- the index ---- */

static const char *intern_weather(dataset *d, const char *name, base_error *err)
{
    for (int i = d->weather_count; i-- > 0;) /* the latest first: it is nearly always the one */
        if (!strcmp(d->weathers[i], name))
            return d->weathers[i];
    if (d->weather_count == MAX_WEATHERS) {
        base_fail(err, BASE_FORMAT, "%s: more than %d weather names", d->dir, MAX_WEATHERS);
        return NULL;
    }
    char **grown = realloc(d->weathers, (size_t)(d->weather_count + 1) * sizeof *grown);
    if (grown)
        d->weathers = grown;
    char *copy = grown ? strdup(name) : NULL;
    if (!copy) {
        base_fail(err, BASE_MEMORY, "out of memory for a weather name");
        return NULL;
    }
    return d->weathers[d->weather_count++] = copy;
}

static bool append_frame(dataset *d, const dataset_line *line, base_error *err)
{
    if (d->frame_count == DATASET_MAX_FRAMES)
        return base_fail(err, BASE_FORMAT, "%s: more than %d frames", d->dir, DATASET_MAX_FRAMES);
    if (d->frame_count == d->frame_capacity) {
        int capacity = d->frame_capacity ? d->frame_capacity * 2 : 256;
        dataset_frame *grown = realloc(d->frames, (size_t)capacity * sizeof *grown);
        if (!grown)
            return base_fail(err, BASE_MEMORY, "%s: out of memory for %d frames", d->dir, capacity);
        d->frames = grown;
        d->frame_capacity = capacity;
    }
    size_t needed = d->file_count + (size_t)line->frame.file_count;
    if (needed > d->file_capacity) {
        size_t capacity = d->file_capacity ? d->file_capacity * 2 : 1024;
        dataset_file *grown = realloc(d->files, capacity * sizeof *grown);
        if (!grown)
            return base_fail(err, BASE_MEMORY, "%s: out of memory for %zu files", d->dir, capacity);
        d->files = grown;
        d->file_capacity = capacity;
    }
    dataset_frame f = line->frame;
    if (!(f.weather = intern_weather(d, line->weather, err)))
        return false;
    for (int i = 0; i < d->info.map_count; i++)
        if (!strcmp(d->info.maps[i].name, line->map))
            f.map = d->info.maps[i].name;
    f.first_file = (uint32_t)d->file_count;
    memcpy(d->files + d->file_count, line->files, (size_t)f.file_count * sizeof *d->files);
    d->file_count = needed;
    d->frames[d->frame_count++] = f;
    return true;
}

/* One line; false only with err set, i.e. strictly. `expected`: the index that this line should have; returned one further. */
static bool read_line(dataset *d, const char *name, int number, const char *text, size_t bytes, uint32_t episode,
                      uint32_t *expected, dataset_findings *findings, base_error *err)
{
    dataset_line line;
    base_error why = { 0 };
    bool ok = dataset_line_decode(&line, &d->info, text, bytes, name, number, &why);
    if (ok && line.frame.episode != episode)
        ok = base_fail(&why, BASE_FORMAT, "%s:%d: id of episode %06u in the file of episode %06u", name, number,
                       (unsigned)line.frame.episode, (unsigned)episode);
    if (ok && line.frame.index < *expected)
        ok = base_fail(&why, BASE_FORMAT, "%s:%d: id %06u_%06u stands twice (or out of order)", name, number, (unsigned)episode,
                       (unsigned)line.frame.index);
    else if (ok && line.frame.index > *expected) {
        ok = base_fail(&why, BASE_FORMAT, "%s:%d: id %06u_%06u expected, found %06u: lines are missing", name, number,
                       (unsigned)episode, (unsigned)*expected, (unsigned)line.frame.index);
        *expected = line.frame.index + 1; /* report a gap once */
    } else if (ok)
        *expected += 1;
    if (!ok && findings) {
        dataset_finding(findings, "%s", why.text);
        return true;
    }
    if (!ok)
        return base_fail(err, why.code, "%s", why.text);
    return append_frame(d, &line, err);
}

static bool read_episode(dataset *d, const char *file, dataset_findings *findings, base_error *err)
{
    char name[64], path[PATH_MAX];
    unsigned char *text;
    size_t bytes;
    uint32_t episode = (uint32_t)strtoul(file, NULL, 10), expected = 0;
    snprintf(name, sizeof name, "episodes/%.32s", file);
    if (!base_path_join(path, sizeof path, d->dir, name, err) || !base_file_read(path, MAX_EPISODE_BYTES, &text, &bytes, err))
        return false;
    bool ok = true;
    int number = 1;
    for (size_t at = 0; ok && at < bytes; number++) {
        const char *start = (const char *)text + at, *end = memchr(start, '\n', bytes - at);
        if (!end) {
            const char *what = "the last line is torn (no newline)";
            if (findings)
                dataset_finding(findings, "%s:%d: %s", name, number, what);
            else
                ok = base_fail(err, BASE_FORMAT, "%s:%d: %s", path, number, what);
            break;
        }
        ok = read_line(d, findings ? name : path, number, start, (size_t)(end - start), episode, &expected, findings, err);
        at += (size_t)(end - start) + 1;
    }
    free(text);
    d->episode_count += ok;
    return ok;
}

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

/* Names EEEEEE.jsonl in the episodes folder, sorted; others are left alone, open ones are counted. */
static bool list_episodes(dataset *d, char ***names, int *count, base_error *err)
{
    char path[PATH_MAX];
    *names = NULL;
    *count = 0;
    if (!base_path_join(path, sizeof path, d->dir, "episodes", err))
        return false;
    DIR *folder = opendir(path);
    if (!folder)
        return base_fail(err, BASE_IO, "%s: cannot open the folder: %s", path, strerror(errno));
    bool ok = true;
    const struct dirent *e;
    while (ok && (e = readdir(folder))) {
        if (strspn(e->d_name, "0123456789") != 6)
            continue;
        d->open_episodes += !strcmp(e->d_name + 6, ".jsonl.open");
        if (strcmp(e->d_name + 6, ".jsonl"))
            continue;
        char **grown = realloc(*names, (size_t)(*count + 1) * sizeof *grown);
        if (grown)
            *names = grown;
        char *copy = grown ? strdup(e->d_name) : NULL;
        if (!copy)
            ok = base_fail(err, BASE_MEMORY, "%s: out of memory for file names", path);
        else
            (*names)[(*count)++] = copy;
    }
    closedir(folder);
    if (*count)
        qsort(*names, (size_t)*count, sizeof **names, by_name);
    return ok;
}

dataset *dataset_open(const char *dir, dataset_findings *findings, base_error *err)
{
    char path[PATH_MAX];
    unsigned char *text = NULL;
    size_t bytes;
    char **names = NULL;
    int count = 0;
    bool ok = false;
    dataset *d = calloc(1, sizeof *d);
    if (!d) {
        base_fail(err, BASE_MEMORY, "out of memory for a dataset");
        return NULL;
    }
    if (snprintf(d->dir, sizeof d->dir, "%s", dir) >= (int)sizeof d->dir) {
        base_fail(err, BASE_ARGUMENT, "the dataset's path is longer than %d", PATH_MAX - 1);
        goto done;
    }
    if (!base_file_exists(dir)) {
        base_fail(err, BASE_IO, "%s: no such dataset (a folder with dataset.json expected)", dir);
        goto done;
    }
    if (!base_path_join(path, sizeof path, dir, "dataset.json", err) ||
        !base_file_read(path, (size_t)16 << 20, &text, &bytes, err) ||
        !dataset_info_decode(&d->info, (const char *)text, bytes, path, err))
        goto done;
    if (!list_episodes(d, &names, &count, err))
        goto done;
    ok = true;
    for (int i = 0; ok && i < count; i++)
        ok = read_episode(d, names[i], findings, err);
done:
    for (int i = 0; i < count; i++)
        free(names[i]);
    free(names);
    free(text);
    if (ok)
        return d;
    dataset_close(d);
    return NULL;
}

/* ---- images ---- */

bool dataset_read(const dataset *d, const dataset_frame *f, int camera, dataset_kind kind, dataset_image *image,
                  base_error *err)
{
    char name[256], path[PATH_MAX], id[DATASET_ID_BYTES];
    const dataset_file *file = NULL;
    dataset_frame_id(f, id);
    for (int i = 0; i < f->file_count; i++) {
        const dataset_file *one = dataset_files_of(d, f) + i;
        if (one->camera == camera && one->kind == kind)
            file = one;
    }
    if (!file)
        return base_fail(err, BASE_ARGUMENT, "%s: frame %s has no %s image of camera %d", d->dir, id, dataset_kind_names[kind],
                         camera);
    if (!dataset_file_path(&d->info, f, camera, kind, name, sizeof name, err) ||
        !base_path_join(path, sizeof path, d->dir, name, err))
        return false;
    unsigned char *data;
    size_t bytes;
    if (!base_file_exists(path))
        return base_fail(err, BASE_IO, "%s: missing (frame %s of the index names it)", path, id);
    if (!base_file_read(path, DATASET_MAX_IMAGE_BYTES, &data, &bytes, err))
        return false;
    const dataset_camera *c = &d->info.cameras[camera];
    uint32_t crc32 = base_crc32(0, data, bytes);
    bool ok = false;
    if (bytes != file->bytes)
        base_fail(err, BASE_FORMAT, "%s: %zu bytes, the index says %u", path, bytes, (unsigned)file->bytes);
    else if (crc32 != file->crc32)
        base_fail(err, BASE_FORMAT, "%s: CRC-32 %08x, the index says %08x: the file was changed or is corrupt", path,
                  (unsigned)crc32, (unsigned)file->crc32);
    else
        ok = kind == DATASET_RGB   ? dataset_png_decode_rgb(image, data, bytes, path, err)
             : kind == DATASET_SEG ? dataset_png_decode_index(image, data, bytes, path, err)
                                   : dataset_png_decode_grey16(image, data, bytes, path, err);
    free(data);
    if (!ok)
        return false;
    if (image->width_px != c->width_px || image->height_px != c->height_px)
        return base_fail(err, BASE_FORMAT, "%s: %d x %d pixels, camera %s has %d x %d", path, image->width_px, image->height_px,
                         c->name, c->width_px, c->height_px);
    if (kind == DATASET_SEG) {
        const uint8_t *tags = image->pixels;
        size_t pixels = (size_t)c->width_px * (size_t)c->height_px;
        for (size_t i = 0; i < pixels; i++)
            if (tags[i] >= d->info.taxonomy.count)
                return base_fail(err, BASE_FORMAT, "%s: pixel (%zu, %zu) has tag %d, the taxonomy of %s ends at %d", path,
                                 i % (size_t)c->width_px, i / (size_t)c->width_px, tags[i], d->info.server_version,
                                 d->info.taxonomy.count - 1);
    }
    return true;
}
