#include "dataset/loader.h"
#include "base/pool.h"
#include "base/random.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One frame, decoded and resized, before augmentation: rgb [h][w][3], then label [h][w]. */
typedef struct cached_frame {
    uint8_t *bytes;
} cached_frame;

/* What one thread needs while it decodes. */
typedef struct worker_space {
    dataset_image rgb, seg;
    uint8_t *base; /* as a cached_frame's bytes */
} worker_space;

struct dataset_loader {
    const dataset *data;
    dataset_loader_options o;
    int camera, width, height;
    uint8_t label_of_tag[256];
    uint32_t *frames; /* [frame_count] of the split, in index order */
    uint32_t *order;  /* [frame_count] positions of `order_epoch` -> slot in frames */
    int frame_count, count;
    uint64_t order_epoch;
    bool order_valid;
    base_pool *pool;
    worker_space *spaces; /* [threads] */
    pthread_mutex_t lock; /* of the cache and the first error */
    cached_frame *cache;  /* [frame_count] by slot */
    uint64_t cached_bytes;
};

dataset_loader_options dataset_loader_options_default(void)
{
    return (dataset_loader_options){ .split = DATASET_TRAIN,
                                     .shuffle = true,
                                     .share = 1.0,
                                     .augment = dataset_augment_none(),
                                     .seed = 1,
                                     .cache_bytes = (uint64_t)512 << 20 };
}

bool dataset_loader_options_check(const dataset_loader_options *o, base_error *err)
{
    if ((int)o->split < 0 || o->split >= DATASET_SPLITS)
        return base_fail(err, BASE_ARGUMENT, "split: train, val or test expected");
    if (o->width_px < 0 || o->height_px < 0 || o->width_px > DATASET_MAX_IMAGE_SIDE || o->height_px > DATASET_MAX_IMAGE_SIDE ||
        !o->width_px != !o->height_px)
        return base_fail(err, BASE_ARGUMENT, "image size %d x %d: both 1 to %d, or both 0 (as recorded) expected", o->width_px,
                         o->height_px, DATASET_MAX_IMAGE_SIDE);
    if (!(o->share > 0 && o->share <= 1))
        return base_fail(err, BASE_ARGUMENT, "share: more than 0 and at most 1 expected, found %g", o->share);
    if (o->threads < 0 || o->threads > 1024)
        return base_fail(err, BASE_ARGUMENT, "threads: 0 to 1024 expected, found %d", o->threads);
    return dataset_augment_check(&o->augment, err);
}

/* Slots of the split in l->frames; an error that tells what there is when there is none. */
static bool choose_frames(dataset_loader *l, base_error *err)
{
    int n = dataset_frame_count(l->data), per_split[DATASET_SPLITS] = { 0 };
    for (int i = 0; i < n; i++)
        per_split[dataset_frame_at(l->data, i)->split]++;
    l->frame_count = per_split[l->o.split];
    if (l->frame_count == 0)
        return base_fail(err, BASE_ARGUMENT, "%s: no frames in split %s (train %d, val %d, test %d%s)", dataset_dir(l->data),
                         dataset_split_names[l->o.split], per_split[DATASET_TRAIN], per_split[DATASET_VAL],
                         per_split[DATASET_TEST],
                         dataset_open_episodes(l->data) ? "; an episode is unfinished: run collect again to complete it" : "");
    l->frames = calloc((size_t)l->frame_count, sizeof *l->frames);
    l->order = calloc((size_t)l->frame_count, sizeof *l->order);
    l->cache = calloc((size_t)l->frame_count, sizeof *l->cache);
    if (!l->frames || !l->order || !l->cache)
        return base_fail(err, BASE_MEMORY, "out of memory for %d samples", l->frame_count);
    for (int i = 0, k = 0; i < n; i++)
        if (dataset_frame_at(l->data, i)->split == l->o.split)
            l->frames[k++] = (uint32_t)i;
    l->count = (int)(l->o.share * l->frame_count + 0.5);
    l->count = l->count < 1 ? 1 : l->count;
    return true;
}

static size_t sample_bytes(const dataset_loader *l) { return (size_t)l->width * (size_t)l->height * 4; }

dataset_loader *dataset_loader_create(const dataset *d, const dataset_classes *classes, const dataset_loader_options *o,
                                      base_error *err)
{
    if (!dataset_loader_options_check(o, err))
        return NULL;
    dataset_loader *l = calloc(1, sizeof *l);
    if (!l) {
        base_fail(err, BASE_MEMORY, "out of memory for a loader");
        return NULL;
    }
    pthread_mutex_init(&l->lock, NULL);
    l->data = d;
    l->o = *o;
    const dataset_info *info = dataset_info_of(d);
    l->camera = o->camera[0] ? dataset_camera_index(d, o->camera) : 0;
    if (l->camera < 0) {
        base_fail(err, BASE_ARGUMENT, "%s: no camera is named %s; the first is %s", dataset_dir(d), o->camera,
                  info->cameras[0].name);
        goto fail;
    }
    const dataset_camera *c = &info->cameras[l->camera];
    if (!c->has[DATASET_RGB] || !c->has[DATASET_SEG]) {
        base_fail(err, BASE_ARGUMENT, "%s: camera %s has no %s images", dataset_dir(d), c->name,
                  c->has[DATASET_RGB] ? "seg" : "rgb");
        goto fail;
    }
    l->width = o->width_px ? o->width_px : c->width_px;
    l->height = o->height_px ? o->height_px : c->height_px;
    if (!dataset_classes_resolve(classes, &info->taxonomy, l->label_of_tag, err) || !choose_frames(l, err) ||
        !(l->pool = base_pool_create(o->threads, err)))
        goto fail;
    l->spaces = calloc((size_t)base_pool_threads(l->pool), sizeof *l->spaces);
    for (int i = 0; i < base_pool_threads(l->pool); i++)
        if (!l->spaces || !(l->spaces[i].base = malloc(sample_bytes(l)))) {
            base_fail(err, BASE_MEMORY, "out of memory for images of %d x %d", l->width, l->height);
            goto fail;
        }
    return l;
fail:
    dataset_loader_destroy(l);
    return NULL;
}

void dataset_loader_destroy(dataset_loader *l)
{
    if (!l)
        return;
    for (int i = 0; l->spaces && i < base_pool_threads(l->pool); i++) {
        dataset_image_free(&l->spaces[i].rgb);
        dataset_image_free(&l->spaces[i].seg);
        free(l->spaces[i].base);
    }
    for (int i = 0; l->cache && i < l->frame_count; i++)
        free(l->cache[i].bytes);
    free(l->spaces);
    base_pool_destroy(l->pool);
    free(l->cache);
    free(l->order);
    free(l->frames);
    pthread_mutex_destroy(&l->lock);
    free(l);
}

int dataset_loader_count(const dataset_loader *l) { return l->count; }
int dataset_loader_width(const dataset_loader *l) { return l->width; }
int dataset_loader_height(const dataset_loader *l) { return l->height; }

static uint32_t slot_at(dataset_loader *l, uint64_t epoch, int position)
{
    if (!l->order_valid || (l->o.shuffle && l->order_epoch != epoch)) {
        for (int i = 0; i < l->frame_count; i++)
            l->order[i] = (uint32_t)i;
        base_random r = base_random_start(l->o.seed, "shuffle", epoch, 0);
        if (l->o.shuffle)
            base_random_shuffle(&r, l->order, (uint32_t)l->frame_count);
        l->order_epoch = epoch;
        l->order_valid = true;
    }
    return l->order[position % l->count];
}

int dataset_loader_frame(dataset_loader *l, uint64_t epoch, int position)
{
    return (int)l->frames[slot_at(l, epoch, position)];
}

typedef struct batch_job {
    dataset_loader *l;
    uint64_t epoch;
    int first;
    uint8_t *rgb, *label;
    int failed_item; /* lowest one that failed */
    base_error err;
} batch_job;

/* rgb and label of a frame at the batch's size: from the cache, or decoded into the worker's space (and kept when it fits). */
static const uint8_t *load_sample(dataset_loader *l, uint32_t slot, worker_space *space, base_error *err)
{
    size_t pixels = (size_t)l->width * (size_t)l->height;
    pthread_mutex_lock(&l->lock);
    const uint8_t *kept = l->cache[slot].bytes;
    pthread_mutex_unlock(&l->lock);
    if (kept)
        return kept;
    const dataset_frame *f = dataset_frame_at(l->data, (int)l->frames[slot]);
    if (!dataset_read(l->data, f, l->camera, DATASET_RGB, &space->rgb, err) ||
        !dataset_read(l->data, f, l->camera, DATASET_SEG, &space->seg, err))
        return NULL;
    uint8_t *label = space->base + 3 * pixels;
    dataset_resize_rgb(space->base, l->width, l->height, space->rgb.pixels, space->rgb.width_px, space->rgb.height_px);
    dataset_resize_index(label, l->width, l->height, space->seg.pixels, space->seg.width_px, space->seg.height_px);
    for (size_t i = 0; i < pixels; i++)
        label[i] = l->label_of_tag[label[i]];
    pthread_mutex_lock(&l->lock);
    if (!l->cache[slot].bytes && l->cached_bytes + sample_bytes(l) <= l->o.cache_bytes) {
        uint8_t *copy = malloc(sample_bytes(l)); /* no memory: simply not kept */
        if (copy) {
            memcpy(copy, space->base, sample_bytes(l));
            l->cache[slot].bytes = copy;
            l->cached_bytes += sample_bytes(l);
        }
    }
    pthread_mutex_unlock(&l->lock);
    return space->base;
}

static void batch_item(void *user, int item, int worker)
{
    batch_job *job = user;
    dataset_loader *l = job->l;
    uint32_t slot = l->order[(job->first + item) % l->count];
    size_t pixels = (size_t)l->width * (size_t)l->height;
    base_error err = { 0 };
    const uint8_t *sample = load_sample(l, slot, &l->spaces[worker], &err);
    if (!sample) {
        pthread_mutex_lock(&l->lock);
        if (item < job->failed_item) {
            job->failed_item = item;
            job->err = err;
        }
        pthread_mutex_unlock(&l->lock);
        return;
    }
    uint8_t *rgb = job->rgb ? job->rgb + (size_t)item * pixels * 3 : NULL,
            *label = job->label ? job->label + (size_t)item * pixels : NULL;
    if (rgb && label)
        dataset_augment_apply(&l->o.augment, l->o.seed, job->epoch, l->frames[slot], l->width, l->height, sample,
                              sample + 3 * pixels, rgb, label);
    else if (rgb)
        memcpy(rgb, sample, 3 * pixels);
    else if (label)
        memcpy(label, sample + 3 * pixels, pixels);
}

bool dataset_loader_batch(dataset_loader *l, uint64_t epoch, int first, int n, uint8_t *rgb, uint8_t *label, base_error *err)
{
    if (first < 0 || n < 1 || n > 1 << 20)
        return base_fail(err, BASE_ARGUMENT, "a batch of %d samples from %d", n, first);
    if ((!rgb || !label) && l->o.augment.mode != DATASET_AUGMENT_OFF)
        return base_fail(err, BASE_ARGUMENT, "augmentation changes image and label together: ask for both");
    batch_job job = { .l = l, .epoch = epoch, .first = first % l->count, .rgb = rgb, .label = label, .failed_item = n };
    slot_at(l, epoch, 0); /* the epoch's order, before the threads read it */
    base_pool_run(l->pool, n, batch_item, &job);
    if (job.failed_item < n)
        return base_fail(err, job.err.code, "%s", job.err.text);
    return true;
}
