#include "base/file.h"
#include "base/pool.h"
#include "dataset/inspect.h"
#include <dirent.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK = 128 }; /* frames read between two reports */
#define LEAK_DISTANCE_M 2.0
#define LEAK_ANGLE_DEG  15.0

/* ---- files of the index ---- */

typedef struct read_job {
    const dataset *d;
    int first;
    char *text[CHUNK];     /* what is wrong with a frame, lines joined by '\n'; NULL: nothing */
    dataset_image *images; /* [threads] */
} read_job;

static void add_text(char **text, const char *line)
{
    size_t old = *text ? strlen(*text) : 0;
    char *grown = realloc(*text, old + strlen(line) + 2);
    if (!grown)
        return; /* the finding's text is lost, but then the next allocation fails loudly */
    sprintf(grown + old, "%s%s", old ? "\n" : "", line);
    *text = grown;
}

static void read_item(void *user, int item, int worker)
{
    read_job *job = user;
    const dataset_frame *f = dataset_frame_at(job->d, job->first + item);
    const dataset_file *files = dataset_files_of(job->d, f);
    for (int i = 0; i < f->file_count; i++) {
        base_error err = { 0 };
        if (!dataset_read(job->d, f, files[i].camera, (dataset_kind)files[i].kind, &job->images[worker], &err))
            add_text(&job->text[item], err.text);
    }
}

static bool check_files(const dataset *d, int threads, dataset_findings *findings, base_progress *progress, base_error *err)
{
    base_pool *pool = base_pool_create(threads, err);
    if (!pool)
        return false;
    read_job job = { .d = d, .images = calloc((size_t)base_pool_threads(pool), sizeof *job.images) };
    bool ok = job.images || base_fail(err, BASE_MEMORY, "out of memory for image buffers");
    int n = dataset_frame_count(d);
    for (job.first = 0; ok && job.first < n; job.first += CHUNK) {
        int count = n - job.first < CHUNK ? n - job.first : CHUNK;
        base_pool_run(pool, count, read_item, &job);
        for (int i = 0; i < count; i++) {
            char *save = NULL;
            for (char *line = job.text[i] ? strtok_r(job.text[i], "\n", &save) : NULL; line; line = strtok_r(NULL, "\n", &save))
                dataset_finding(findings, "%s", line);
            free(job.text[i]);
            job.text[i] = NULL;
        }
        base_progress_step(progress, (uint64_t)(job.first + count), NULL);
    }
    for (int i = 0; job.images && i < base_pool_threads(pool); i++)
        dataset_image_free(&job.images[i]);
    free(job.images);
    base_pool_destroy(pool);
    return ok;
}

/* ---- files that no line names ---- */

/* Frames are in order of episode and index. */
static const dataset_frame *find_frame(const dataset *d, uint32_t episode, uint32_t index)
{
    int lo = 0, hi = dataset_frame_count(d);
    while (lo < hi) {
        int mid = lo + (hi - lo) / 2;
        const dataset_frame *f = dataset_frame_at(d, mid);
        if (f->episode < episode || (f->episode == episode && f->index < index))
            lo = mid + 1;
        else
            hi = mid;
    }
    const dataset_frame *f = lo < dataset_frame_count(d) ? dataset_frame_at(d, lo) : NULL;
    return f && f->episode == episode && f->index == index ? f : NULL;
}

static bool is_named(const dataset *d, const char *file, dataset_split split)
{
    if (strspn(file, "0123456789") != 6 || file[6] != '_' || strspn(file + 7, "0123456789") != 6 || strcmp(file + 13, ".png"))
        return false;
    uint32_t episode = (uint32_t)strtoul(file, NULL, 10);
    const dataset_frame *f = find_frame(d, episode, (uint32_t)strtoul(file + 7, NULL, 10));
    if (f)
        return f->split == split;
    char name[64], path[PATH_MAX]; /* an open episode's files get their lines when it is completed */
    snprintf(name, sizeof name, "episodes/%06u.jsonl.open", (unsigned)episode);
    return base_path_join(path, sizeof path, dataset_dir(d), name, NULL) && base_file_exists(path);
}

static int by_name(const struct dirent **a, const struct dirent **b) { return strcmp((*a)->d_name, (*b)->d_name); }
static int not_dots(const struct dirent *e) { return strcmp(e->d_name, ".") && strcmp(e->d_name, ".."); }

static void check_folder(const dataset *d, int camera, int kind, int split, dataset_findings *findings)
{
    const dataset_info *info = dataset_info_of(d);
    char name[256], path[PATH_MAX];
    struct dirent **entries;
    bool several = info->camera_count > 1;
    snprintf(name, sizeof name, "%s/%s%s%s", dataset_kind_names[kind], dataset_split_names[split], several ? "/" : "",
             several ? info->cameras[camera].name : "");
    if (!base_path_join(path, sizeof path, dataset_dir(d), name, NULL))
        return;
    int count = scandir(path, &entries, not_dots, by_name);
    for (int i = 0; i < count; i++) {
        if (!is_named(d, entries[i]->d_name, (dataset_split)split))
            dataset_finding(findings, "%s/%s: no line of the index names this file", path, entries[i]->d_name);
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
}

/* ---- leaks between splits ---- */

typedef struct sighting {
    int frame, map, x, y;
    uint64_t content;
} sighting;

static int by_content(const void *a, const void *b)
{
    const sighting *s = a, *t = b;
    return s->content != t->content ? (s->content < t->content ? -1 : 1) : s->frame - t->frame;
}

static int by_cell(const void *a, const void *b)
{
    const sighting *s = a, *t = b;
    if (s->map != t->map)
        return s->map < t->map ? -1 : 1;
    if (s->x != t->x)
        return s->x < t->x ? -1 : 1;
    if (s->y != t->y)
        return s->y < t->y ? -1 : 1;
    return s->frame - t->frame;
}

static void check_same_bytes(const dataset *d, sighting *all, int count, dataset_findings *findings)
{
    qsort(all, (size_t)count, sizeof *all, by_content);
    for (int i = 1; i < count; i++) {
        const dataset_frame *a = dataset_frame_at(d, all[i - 1].frame), *b = dataset_frame_at(d, all[i].frame);
        char x[DATASET_ID_BYTES], y[DATASET_ID_BYTES];
        if (all[i - 1].content != all[i].content || a->split == b->split)
            continue;
        dataset_frame_id(a, x);
        dataset_frame_id(b, y);
        dataset_finding(findings, "splits leak: %s (%s) and %s (%s) are the same image, byte for byte", x,
                        dataset_split_names[a->split], y, dataset_split_names[b->split]);
    }
}

static bool same_view(const dataset_frame *a, const dataset_frame *b)
{
    return hypot(a->pose.location.x - b->pose.location.x, a->pose.location.y - b->pose.location.y) <= LEAK_DISTANCE_M &&
           fabs(a->pose.location.z - b->pose.location.z) <= LEAK_DISTANCE_M &&
           fabs(base_wrap_deg(a->pose.rotation.yaw_deg - b->pose.rotation.yaw_deg)) <= LEAK_ANGLE_DEG;
}

/* Frames of `from` that have a close one in another split, per pair of episodes. */
typedef struct leak {
    uint32_t a, b;
    dataset_split split_a, split_b;
    int frames;
} leak;
typedef struct leak_list {
    leak *items;
    int count, capacity;
} leak_list;

static void note_leak(leak_list *list, const dataset_frame *a, const dataset_frame *b)
{
    for (int i = 0; i < list->count; i++)
        if (list->items[i].a == a->episode && list->items[i].b == b->episode) {
            list->items[i].frames++;
            return;
        }
    if (list->count == list->capacity) {
        int capacity = list->capacity ? list->capacity * 2 : 16;
        leak *grown = realloc(list->items, (size_t)capacity * sizeof *grown);
        if (!grown)
            return;
        list->items = grown;
        list->capacity = capacity;
    }
    list->items[list->count++] = (leak){ a->episode, b->episode, a->split, b->split, 1 };
}

static const sighting *first_in_cell(const sighting *all, int count, const sighting *cell)
{
    int lo = 0, hi = count;
    while (lo < hi) {
        int mid = lo + (hi - lo) / 2;
        if (by_cell(&all[mid], cell) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return all + lo;
}

/* One pair of episodes is noted at most once per frame of the later split. */
static void leaks_of_frame(const dataset *d, const sighting *all, int count, const sighting *from, leak_list *list)
{
    const dataset_frame *f = dataset_frame_at(d, from->frame);
    uint32_t noted[64];
    int noted_count = 0;
    if (!dataset_info_of(d)->maps[from->map].crc32) /* imported: neither map nor poses are known */
        return;
    for (int k = 0; k < 9; k++) {
        sighting cell = { .frame = -1, .map = from->map, .x = from->x + k % 3 - 1, .y = from->y + k / 3 - 1 };
        for (const sighting *s = first_in_cell(all, count, &cell);
             s < all + count && s->map == cell.map && s->x == cell.x && s->y == cell.y; s++) {
            const dataset_frame *g = dataset_frame_at(d, s->frame);
            bool known = false;
            if (g->split >= f->split || !same_view(f, g))
                continue;
            for (int i = 0; i < noted_count; i++)
                known = known || noted[i] == g->episode;
            if (known)
                continue;
            if (noted_count < (int)(sizeof noted / sizeof noted[0]))
                noted[noted_count++] = g->episode;
            note_leak(list, g, f);
        }
    }
}

/* A file may say anything: far outside of every map is one cell. */
static int cell_of(double metres) { return (int)floor(fmax(-1e9, fmin(1e9, metres / LEAK_DISTANCE_M))); }

static bool check_leaks(const dataset *d, dataset_findings *findings, base_error *err)
{
    int n = dataset_frame_count(d);
    leak_list leaks = { 0 };
    sighting *all = calloc((size_t)n + 1, sizeof *all);
    if (!all)
        return base_fail(err, BASE_MEMORY, "out of memory to compare %d frames", n);
    for (int i = 0; i < n; i++) {
        const dataset_frame *f = dataset_frame_at(d, i), *before = i ? dataset_frame_at(d, i - 1) : NULL;
        if (before && before->episode == f->episode && before->split != f->split)
            dataset_finding(findings, "splits leak: episode %06u changes from %s to %s at frame %u", (unsigned)f->episode,
                            dataset_split_names[before->split], dataset_split_names[f->split], (unsigned)f->index);
        all[i] = (sighting){ .frame = i, .x = cell_of(f->pose.location.x), .y = cell_of(f->pose.location.y) };
        const dataset_info *info = dataset_info_of(d);
        while (all[i].map < info->map_count && info->maps[all[i].map].name != f->map)
            all[i].map++;
        const dataset_file *files = dataset_files_of(d, f);
        for (int k = 0; k < f->file_count; k++)
            if (files[k].kind == DATASET_RGB && files[k].camera == 0)
                all[i].content = (uint64_t)files[k].bytes << 32 | files[k].crc32;
        if (!all[i].content)
            all[i].content = UINT64_MAX - (uint64_t)i; /* no colour image: equal to nothing */
    }
    check_same_bytes(d, all, n, findings);
    qsort(all, (size_t)n, sizeof *all, by_cell);
    for (int i = 0; i < n; i++)
        leaks_of_frame(d, all, n, &all[i], &leaks);
    for (int i = 0; i < leaks.count; i++) {
        const leak *l = &leaks.items[i];
        dataset_finding(
            findings,
            "splits leak: episodes %06u (%s) and %06u (%s) see the same road: %d frames of the latter are within %g m "
            "and %g degrees of the former",
            (unsigned)l->a, dataset_split_names[l->split_a], (unsigned)l->b, dataset_split_names[l->split_b], l->frames,
            LEAK_DISTANCE_M, LEAK_ANGLE_DEG);
    }
    free(leaks.items);
    free(all);
    return true;
}

bool dataset_check(const char *dir, int threads, dataset_findings *findings, base_progress *progress, base_error *err)
{
    dataset *d = dataset_open(dir, findings, err);
    if (!d)
        return false;
    if (progress)
        progress->total = (uint64_t)dataset_frame_count(d);
    const dataset_info *info = dataset_info_of(d);
    if (dataset_open_episodes(d))
        dataset_finding(findings, "%s: %d episode%s left open: run collect again to complete %s", dir, dataset_open_episodes(d),
                        dataset_open_episodes(d) == 1 ? " is" : "s are", dataset_open_episodes(d) == 1 ? "it" : "them");
    if (dataset_frame_count(d) == 0)
        dataset_finding(findings, "%s: no frames", dir);
    bool ok = check_files(d, threads, findings, progress, err);
    for (int c = 0; ok && c < info->camera_count; c++)
        for (int kind = 0; kind < DATASET_KINDS; kind++)
            for (int split = 0; split < DATASET_SPLITS; split++)
                if (info->cameras[c].has[kind])
                    check_folder(d, c, kind, split, findings);
    ok = ok && check_leaks(d, findings, err);
    dataset_close(d);
    return ok;
}
