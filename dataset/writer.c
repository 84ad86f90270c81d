#include "dataset/writer.h"
#include "base/file.h"
#include "base/pool.h"
#include "dataset/classes.h"
#include "dataset/format.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_GROUP = 64 };
#define MAX_EPISODE_BYTES ((size_t)512 << 20)

/* One image on its way to disk. */
typedef struct pending_image {
    dataset_file file;
    size_t raw_bytes;
    void *raw;           /* pixels, reused from group to group */
    base_buffer encoded; /* reused */
    base_error err;
} pending_image;

typedef struct pending_frame {
    dataset_frame frame;
    char map[DATASET_NAME_BYTES], weather[DATASET_NAME_BYTES];
    pending_image images[DATASET_MAX_FRAME_FILES];
} pending_frame;

struct dataset_writer {
    char dir[PATH_MAX];
    dataset_info info;
    const base_log *log;
    uint8_t palette[DATASET_MAX_TAGS][3];
    int images_per_frame;
    base_pool *pool;
    int group, waiting;
    pending_frame *pending; /* [group] */
    bool failed;

    bool open; /* an episode is open */
    uint32_t episode, next_index;
    int fd;    /* of EEEEEE.jsonl.open, positioned at its end */
    char *old; /* lines that were on disk at _begin, whole lines only */
    size_t old_bytes, old_at;
    uint32_t old_count;
    uint32_t rewritten; /* files of old lines that had to be written again */
    base_buffer lines;  /* scratch */
};

dataset_writer_options dataset_writer_options_default(void) { return (dataset_writer_options){ .group = 8 }; }

static bool path_of(const dataset_writer *w, const char *name, char out[PATH_MAX], base_error *err)
{
    return base_path_join(out, PATH_MAX, w->dir, name, err);
}

static bool episode_path(const dataset_writer *w, uint32_t episode, const char *suffix, char out[PATH_MAX], base_error *err)
{
    char name[64];
    snprintf(name, sizeof name, "episodes/%06u.jsonl%s", (unsigned)episode, suffix);
    return path_of(w, name, out, err);
}

/* ---- dataset.json: written once, then compared ---- */

static bool is_empty_folder(const char *path)
{
    DIR *folder = opendir(path);
    bool empty = true;
    for (const struct dirent *e; folder && (e = readdir(folder));)
        empty = empty && (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."));
    if (folder)
        closedir(folder);
    return empty;
}

/* Show the first line in which two texts differ. Always false. */
static bool fail_different(const char *path, const char *old, const char *now, base_error *err)
{
    int number = 1;
    size_t a = strcspn(old, "\n"), b = strcspn(now, "\n");
    while (a == b && !memcmp(old, now, a) && old[a] && now[b]) {
        old += a + 1;
        now += b + 1;
        number++;
        a = strcspn(old, "\n");
        b = strcspn(now, "\n");
    }
    return base_fail(err, BASE_ARGUMENT,
                     "%s:%d: recorded with another configuration: the file says \"%.*s\", now it would be \"%.*s\"; "
                     "choose another folder or restore the configuration",
                     path, number, (int)(a > 200 ? 200 : a), old, (int)(b > 200 ? 200 : b), now);
}

static bool claim_folder(dataset_writer *w, const char *plan, base_error *err)
{
    char path[PATH_MAX], classes[PATH_MAX];
    base_buffer text = { 0 };
    unsigned char *old = NULL;
    size_t old_bytes;
    bool ok = false;
    if (!path_of(w, "dataset.json", path, err) || !path_of(w, "classes.json", classes, err) ||
        !dataset_info_encode(&text, &w->info, plan, err) || !base_buffer_append(&text, "", 1))
        goto done;
    if (base_file_exists(path)) {
        if (!base_file_read(path, (size_t)16 << 20, &old, &old_bytes, err))
            goto done;
        ok = !strcmp((char *)old, (char *)text.data) || fail_different(path, (char *)old, (char *)text.data, err);
        goto done;
    }
    if (base_file_exists(w->dir) && !is_empty_folder(w->dir)) {
        base_fail(err, BASE_ARGUMENT, "%s: has files but no dataset.json; a new dataset needs an empty or new folder", w->dir);
        goto done;
    }
    for (int kind = 0; kind < DATASET_KINDS; kind++)
        for (int split = 0; split < DATASET_SPLITS; split++)
            for (int c = 0; c < w->info.camera_count; c++) {
                char folder[PATH_MAX], name[256];
                if (!w->info.cameras[c].has[kind])
                    continue;
                snprintf(name, sizeof name, "%s/%s%s%s", dataset_kind_names[kind], dataset_split_names[split],
                         w->info.camera_count > 1 ? "/" : "", w->info.camera_count > 1 ? w->info.cameras[c].name : "");
                if (!path_of(w, name, folder, err) || !base_dir_create(folder, err))
                    goto done;
            }
    char episodes[PATH_MAX];
    ok = path_of(w, "episodes", episodes, err) && base_dir_create(episodes, err) &&
         dataset_legacy_classes_write(classes, &w->info.taxonomy, err) &&
         base_file_write(path, text.data, text.bytes - 1, true, err); /* last: its presence says that the rest is there */
done:
    base_buffer_free(&text);
    free(old);
    return ok;
}

dataset_writer *dataset_writer_open(const dataset_info *info, const dataset_writer_options *o, base_error *err)
{
    if (o->group < 1 || o->group > MAX_GROUP) {
        base_fail(err, BASE_ARGUMENT, "group: 1 to %d expected, found %d", MAX_GROUP, o->group);
        return NULL;
    }
    dataset_writer *w = calloc(1, sizeof *w);
    if (!w || !(w->pending = calloc((size_t)o->group, sizeof *w->pending))) {
        free(w);
        base_fail(err, BASE_MEMORY, "out of memory for a dataset writer");
        return NULL;
    }
    w->info = *info;
    w->log = o->log;
    w->group = o->group;
    w->fd = -1;
    for (int i = 0; i < info->taxonomy.count && i < DATASET_MAX_TAGS; i++)
        memcpy(w->palette[i], info->taxonomy.tags[i].rgb, 3);
    for (int c = 0; c < info->camera_count && c < DATASET_MAX_CAMERAS; c++)
        for (int k = 0; k < DATASET_KINDS; k++)
            w->images_per_frame += info->cameras[c].has[k];
    bool ok = snprintf(w->dir, sizeof w->dir, "%s", o->dir) < (int)sizeof w->dir ||
              base_fail(err, BASE_ARGUMENT, "the dataset's path is longer than %d", PATH_MAX - 1);
    if (ok && claim_folder(w, o->plan, err) && (w->pool = base_pool_create(o->threads, err)))
        return w;
    dataset_writer_close(w, NULL);
    return NULL;
}

dataset_episode_state dataset_writer_state(const dataset_writer *w, uint32_t episode)
{
    char path[PATH_MAX];
    if (episode_path(w, episode, "", path, NULL) && base_file_exists(path))
        return DATASET_EPISODE_DONE;
    if (episode_path(w, episode, ".open", path, NULL) && base_file_exists(path))
        return DATASET_EPISODE_OPEN;
    return DATASET_EPISODE_NEW;
}

/* ---- an episode ---- */

bool dataset_writer_begin(dataset_writer *w, uint32_t episode, uint32_t *kept, base_error *err)
{
    char path[PATH_MAX];
    if (w->open || episode >= DATASET_MAX_EPISODES)
        return base_fail(err, BASE_ARGUMENT,
                         w->open ? "episode %u: another one is open" : "episode %u: six digits are the limit",
                         (unsigned)episode);
    if (dataset_writer_state(w, episode) == DATASET_EPISODE_DONE)
        return base_fail(err, BASE_ARGUMENT, "%s: episode %06u is complete already", w->dir, (unsigned)episode);
    if (!episode_path(w, episode, ".open", path, err))
        return false;
    unsigned char *text = NULL;
    size_t bytes = 0, whole = 0;
    if (base_file_exists(path) && !base_file_read(path, MAX_EPISODE_BYTES, &text, &bytes, err))
        return false;
    w->old_count = 0;
    for (size_t i = 0; i < bytes; i++)
        if (text[i] == '\n') {
            whole = i + 1;
            w->old_count++;
        }
    w->fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    if (w->fd < 0 || ftruncate(w->fd, (off_t)whole) != 0 || lseek(w->fd, 0, SEEK_END) < 0) {
        base_fail(err, BASE_IO, "%s: cannot open for writing: %s", path, strerror(errno));
        if (w->fd >= 0)
            close(w->fd);
        w->fd = -1;
        free(text);
        return false;
    }
    if (whole < bytes)
        base_log_write(w->log, BASE_LOG_INFO, "%s: cut a torn last line of %zu bytes", path, bytes - whole);
    w->old = (char *)text;
    w->old_bytes = whole;
    w->old_at = 0;
    w->rewritten = 0;
    w->episode = episode;
    w->next_index = 0;
    w->open = true;
    if (kept)
        *kept = w->old_count;
    return true;
}

static void forget_episode(dataset_writer *w)
{
    if (w->fd >= 0)
        close(w->fd);
    w->fd = -1;
    free(w->old);
    w->old = NULL;
    w->open = false;
    w->waiting = 0;
}

static size_t raw_bytes(const dataset_camera *c, dataset_kind kind)
{
    static const size_t per_pixel[DATASET_KINDS] = { 3, 1, 2 };
    return (size_t)c->width_px * (size_t)c->height_px * per_pixel[kind];
}

static bool keep_pixels(dataset_writer *w, pending_image *slot, const dataset_pixels *image, base_error *err)
{
    size_t bytes = raw_bytes(&w->info.cameras[image->camera], image->kind);
    if (bytes > slot->raw_bytes) {
        void *grown = realloc(slot->raw, bytes);
        if (!grown)
            return base_fail(err, BASE_MEMORY, "out of memory for an image of %zu bytes", bytes);
        slot->raw = grown;
        slot->raw_bytes = bytes;
    }
    memcpy(slot->raw, image->pixels, bytes);
    slot->file = (dataset_file){ .camera = (uint8_t)image->camera, .kind = (uint8_t)image->kind };
    return true;
}

/* Tags that the palette lacks would be written as broken PNG. */
static bool tags_check(const dataset_writer *w, const dataset_pixels *image, base_error *err)
{
    const uint8_t *tags = image->pixels;
    size_t pixels = raw_bytes(&w->info.cameras[image->camera], DATASET_SEG);
    for (size_t i = 0; i < pixels; i++)
        if (tags[i] >= w->info.taxonomy.count)
            return base_fail(
                err, BASE_FORMAT, "episode %06u, frame %u: label pixel %zu has tag %d, the taxonomy of %s ends at %d",
                (unsigned)w->episode, (unsigned)w->next_index, i, tags[i], w->info.server_version, w->info.taxonomy.count - 1);
    return true;
}

bool dataset_writer_add(dataset_writer *w, const dataset_frame *f, const dataset_pixels *images, int count, base_error *err)
{
    if (w->failed || !w->open || f->episode != w->episode || f->index != w->next_index || f->index > 999999)
        return base_fail(err, BASE_ARGUMENT, "frame %u of episode %u cannot be added: %s", (unsigned)f->index,
                         (unsigned)f->episode,
                         w->failed ? "an earlier write failed" : "it is not the next one of the open episode");
    if (count != w->images_per_frame)
        return base_fail(err, BASE_ARGUMENT, "%d images expected, found %d", w->images_per_frame, count);
    pending_frame *p = &w->pending[w->waiting];
    int n = 0;
    for (int c = 0; c < w->info.camera_count; c++) /* index order on disk: camera, then kind */
        for (int k = 0; k < DATASET_KINDS; k++) {
            const dataset_pixels *image = NULL;
            if (!w->info.cameras[c].has[k])
                continue;
            for (int i = 0; i < count; i++)
                if (images[i].camera == c && (int)images[i].kind == k)
                    image = &images[i];
            if (!image)
                return base_fail(err, BASE_ARGUMENT, "camera %s: the %s image is not given", w->info.cameras[c].name,
                                 dataset_kind_names[k]);
            if (k == DATASET_SEG && !tags_check(w, image, err))
                return false;
            if (!keep_pixels(w, &p->images[n++], image, err))
                return false;
        }
    if (!dataset_name_check(f->map, "map name", err) || !dataset_name_check(f->weather, "weather name", err))
        return false;
    p->frame = *f;
    snprintf(p->map, sizeof p->map, "%s", f->map);
    snprintf(p->weather, sizeof p->weather, "%s", f->weather);
    p->frame.map = p->map;
    p->frame.weather = p->weather;
    w->next_index++;
    w->waiting++;
    return w->waiting < w->group || dataset_writer_flush(w, err);
}

/* Encode one image of the group; runs in any thread. */
static void encode_item(void *user, int item, int worker)
{
    (void)worker;
    dataset_writer *w = user;
    pending_image *p = &w->pending[item / w->images_per_frame].images[item % w->images_per_frame];
    const dataset_camera *c = &w->info.cameras[p->file.camera];
    base_buffer_clear(&p->encoded);
    p->err = (base_error){ 0 };
    bool ok = p->file.kind == DATASET_RGB ? dataset_png_encode_rgb(&p->encoded, p->raw, c->width_px, c->height_px, &p->err)
              : p->file.kind == DATASET_SEG
                  ? dataset_png_encode_index(&p->encoded, p->raw, c->width_px, c->height_px, (const uint8_t(*)[3])w->palette,
                                             w->info.taxonomy.count, &p->err)
                  : dataset_png_encode_grey16(&p->encoded, p->raw, c->width_px, c->height_px, &p->err);
    if (ok && p->encoded.bytes > DATASET_MAX_IMAGE_BYTES)
        base_fail(&p->err, BASE_FORMAT, "an image of %zu encoded bytes", p->encoded.bytes);
    p->file.bytes = (uint32_t)p->encoded.bytes;
    p->file.crc32 = base_crc32(0, p->encoded.data, p->encoded.bytes);
}

/* A plain write: the line that follows is what makes the file count, and a torn file without a line is written again. */
static bool write_file(const char *path, const void *data, size_t bytes, base_error *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0)
        return base_fail(err, BASE_IO, "%s: cannot create: %s", path, strerror(errno));
    bool ok = true;
    for (size_t at = 0; ok && at < bytes;) {
        ssize_t n = write(fd, (const char *)data + at, bytes - at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            ok = base_fail(err, BASE_IO, "%s: offset %zu: %s", path, at, n < 0 ? strerror(errno) : "nothing was written");
        else
            at += (size_t)n;
    }
    if (close(fd) != 0 && ok)
        ok = base_fail(err, BASE_IO, "%s: %s", path, strerror(errno));
    return ok;
}

static bool file_is(const char *path, const base_buffer *content)
{
    unsigned char *data;
    size_t bytes;
    if (!base_file_read(path, DATASET_MAX_IMAGE_BYTES, &data, &bytes, NULL))
        return false;
    bool same = bytes == content->bytes && !memcmp(data, content->data, bytes);
    free(data);
    return same;
}

/* The next line that was on disk must be the one at `line`; its files are repaired where they differ. */
static bool verify_frame(dataset_writer *w, const pending_frame *p, const char *line, size_t bytes, base_error *err)
{
    char id[DATASET_ID_BYTES];
    const char *old = w->old + w->old_at;
    size_t old_bytes = (size_t)((const char *)memchr(old, '\n', w->old_bytes - w->old_at) - old) + 1, at = 0;
    dataset_frame_id(&p->frame, id);
    if (old_bytes != bytes || memcmp(old, line, bytes)) {
        while (at < bytes && at < old_bytes && old[at] == line[at])
            at++;
        size_t from = at > 40 ? at - 40 : 0;
        return base_fail(
            err, BASE_FORMAT,
            "%s/episodes/%06u.jsonl.open:%u: the replayed frame differs from the recorded one at column %zu: recorded "
            "\"%.*s\", now \"%.*s\"; another build or simulator? Remove the .open file to record the episode anew",
            w->dir, (unsigned)w->episode, (unsigned)p->frame.index + 1, at + 1,
            (int)(old_bytes - 1 - from > 80 ? 80 : old_bytes - 1 - from), old + from,
            (int)(bytes - 1 - from > 80 ? 80 : bytes - 1 - from), line + from);
    }
    w->old_at += bytes;
    for (int i = 0; i < w->images_per_frame; i++) {
        char name[256], path[PATH_MAX];
        const pending_image *image = &p->images[i];
        if (!dataset_file_path(&w->info, &p->frame, image->file.camera, (dataset_kind)image->file.kind, name, sizeof name,
                               err) ||
            !path_of(w, name, path, err))
            return false;
        if (file_is(path, &image->encoded))
            continue;
        w->rewritten++;
        base_log_write(w->log, BASE_LOG_WARNING, "%s: missing or changed, written again", path);
        if (!write_file(path, image->encoded.data, image->encoded.bytes, err))
            return false;
    }
    return true;
}

static bool write_frame(dataset_writer *w, const pending_frame *p, const char *line, size_t bytes, base_error *err)
{
    for (int i = 0; i < w->images_per_frame; i++) {
        char name[256], path[PATH_MAX];
        const pending_image *image = &p->images[i];
        if (!dataset_file_path(&w->info, &p->frame, image->file.camera, (dataset_kind)image->file.kind, name, sizeof name,
                               err) ||
            !path_of(w, name, path, err) || !write_file(path, image->encoded.data, image->encoded.bytes, err))
            return false;
    }
    for (size_t at = 0; at < bytes;) {
        ssize_t n = write(w->fd, line + at, bytes - at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return base_fail(err, BASE_IO, "%s/episodes/%06u.jsonl.open: cannot write: %s", w->dir, (unsigned)w->episode,
                             strerror(errno));
        at += (size_t)n;
    }
    return true;
}

bool dataset_writer_flush(dataset_writer *w, base_error *err)
{
    base_pool_run(w->pool, w->waiting * w->images_per_frame, encode_item, w);
    bool ok = true;
    for (int i = 0; ok && i < w->waiting; i++) {
        pending_frame *p = &w->pending[i];
        dataset_file files[DATASET_MAX_FRAME_FILES];
        for (int k = 0; ok && k < w->images_per_frame; k++) {
            files[k] = p->images[k].file;
            if (p->images[k].err.code != BASE_OK)
                ok = base_fail(err, p->images[k].err.code, "%s", p->images[k].err.text);
        }
        base_buffer_clear(&w->lines);
        ok = ok && dataset_line_encode(&w->lines, &w->info, &p->frame, files, w->images_per_frame, err);
        const char *line = (const char *)w->lines.data;
        ok = ok && (p->frame.index < w->old_count ? verify_frame(w, p, line, w->lines.bytes, err)
                                                  : write_frame(w, p, line, w->lines.bytes, err));
    }
    w->waiting = 0;
    w->failed = w->failed || !ok;
    return ok;
}

bool dataset_writer_end(dataset_writer *w, base_error *err)
{
    char from[PATH_MAX], to[PATH_MAX];
    if (!w->open)
        return base_fail(err, BASE_ARGUMENT, "no episode is open");
    if (w->failed || !dataset_writer_flush(w, err))
        return false;
    if (w->next_index < w->old_count)
        return base_fail(
            err, BASE_FORMAT,
            "%s/episodes/%06u.jsonl.open: has %u frames, the replay gave %u: another build or simulator? Remove the "
            ".open file to record the episode anew",
            w->dir, (unsigned)w->episode, (unsigned)w->old_count, (unsigned)w->next_index);
    if (!episode_path(w, w->episode, ".open", from, err) || !episode_path(w, w->episode, "", to, err))
        return false;
    if (fsync(w->fd) != 0 || rename(from, to) != 0)
        return base_fail(err, BASE_IO, "%s: cannot finish the episode: %s", to, strerror(errno));
    if (w->old_count)
        base_log_write(w->log, BASE_LOG_INFO, "episode %06u: %u frames were on disk, %u files repaired", (unsigned)w->episode,
                       (unsigned)w->old_count, (unsigned)w->rewritten);
    forget_episode(w);
    return true;
}

bool dataset_writer_close(dataset_writer *w, base_error *err)
{
    if (!w)
        return true;
    bool ok = !w->open || w->failed || dataset_writer_flush(w, err);
    forget_episode(w);
    for (int i = 0; i < w->group; i++)
        for (int k = 0; k < DATASET_MAX_FRAME_FILES; k++) {
            free(w->pending[i].images[k].raw);
            base_buffer_free(&w->pending[i].images[k].encoded);
        }
    free(w->pending);
    base_buffer_free(&w->lines);
    base_pool_destroy(w->pool);
    free(w);
    return ok;
}
