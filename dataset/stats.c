#include "base/pool.h"
#include "dataset/inspect.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const double dataset_curvature_edges[DATASET_CURVATURE_BINS - 1] = { 0.002, 0.01, 0.05 };

static void count_weather(dataset_stats *s, const dataset_frame *f)
{
    int i = 0;
    while (i < s->weather_count && strcmp(s->weathers[i].name, f->weather))
        i++;
    if (i == DATASET_MAX_WEATHERS)
        i--; /* the last entry became "others" when the list ran full */
    else if (i == s->weather_count)
        snprintf(s->weathers[s->weather_count++].name, DATASET_NAME_BYTES, "%s",
                 i == DATASET_MAX_WEATHERS - 1 ? "others" : f->weather);
    s->weathers[i].frames[f->split]++;
}

static void count_frame(dataset_stats *s, const dataset *d, const dataset_frame *f, const dataset_frame *before)
{
    s->frames++;
    s->perturbed += f->perturbed;
    s->per_split[f->split]++;
    for (int i = 0; i < s->map_count; i++)
        s->maps[i].frames[f->split] += !strcmp(s->maps[i].name, f->map);
    count_weather(s, f);
    for (int i = 0; i < f->file_count; i++)
        s->bytes += dataset_files_of(d, f)[i].bytes;
    int bin = 0;
    while (bin < DATASET_CURVATURE_BINS - 1 && fabs(f->curvature_1pm) >= dataset_curvature_edges[bin])
        bin++;
    s->curvature[bin]++;
    double speed = fabs(f->speed_mps);
    s->speed[speed < DATASET_SPEED_BINS ? (int)speed : DATASET_SPEED_BINS - 1]++;
    s->mean_abs_offset_m += fabs(f->lane_offset_m);
    s->max_abs_offset_m = fmax(s->max_abs_offset_m, fabs(f->lane_offset_m));
    if (before && before->episode == f->episode)
        s->distance_m += base_vec3_length(base_vec3_sub(f->pose.location, before->pose.location));
}

typedef struct label_job {
    const dataset *d;
    int stride;
    bool colours;
    struct label_space {
        dataset_image image, picture;
        uint64_t pixels[256];
        struct dataset_stats_colour sums[256];
        base_error err;
        int frame; /* of err */
    } * spaces;    /* [threads] */
} label_job;

static void add_colour(struct dataset_stats_colour *c, const uint8_t *rgb)
{
    uint64_t y = (77u * rgb[0] + 150u * rgb[1] + 29u * rgb[2]) >> 8;
    for (int k = 0; k < 3; k++)
        c->rgb[k] += rgb[k];
    c->brightness += y;
    c->squares += y * y;
}

static void label_item(void *user, int item, int worker)
{
    label_job *job = user;
    struct label_space *s = &job->spaces[worker];
    int frame = item * job->stride;
    base_error err = { 0 };
    if (!dataset_read(job->d, dataset_frame_at(job->d, frame), 0, DATASET_SEG, &s->image, &err) ||
        (job->colours && !dataset_read(job->d, dataset_frame_at(job->d, frame), 0, DATASET_RGB, &s->picture, &err))) {
        if (s->err.code == BASE_OK) { /* items come in rising order to each worker */
            s->err = err;
            s->frame = frame;
        }
        return;
    }
    const uint8_t *tags = s->image.pixels;
    size_t n = (size_t)s->image.width_px * (size_t)s->image.height_px;
    for (size_t i = 0; i < n; i++)
        s->pixels[tags[i]]++;
    for (size_t i = 0; job->colours && i < n; i++) /* both have the camera's size */
        add_colour(&s->sums[tags[i]], (const uint8_t *)s->picture.pixels + 3 * i);
}

static bool count_labels(const dataset *d, int stride, bool colours, int threads, dataset_stats *s, base_error *err)
{
    base_pool *pool = base_pool_create(threads, err);
    if (!pool)
        return false;
    int workers = base_pool_threads(pool);
    label_job job = { .d = d, .stride = stride, .colours = colours, .spaces = calloc((size_t)workers, sizeof *job.spaces) };
    bool ok = job.spaces || base_fail(err, BASE_MEMORY, "out of memory for label counts");
    if (ok) {
        s->tag_frames = (dataset_frame_count(d) + stride - 1) / stride;
        base_pool_run(pool, s->tag_frames, label_item, &job);
    }
    const struct label_space *first = NULL;
    for (int i = 0; ok && i < workers; i++) {
        const struct label_space *one = &job.spaces[i];
        if (one->err.code != BASE_OK && (!first || one->frame < first->frame))
            first = one;
        for (int tag = 0; tag < DATASET_MAX_TAGS; tag++) {
            s->tag_pixels[tag] += one->pixels[tag];
            for (int k = 0; k < 3; k++)
                s->tag_colours[tag].rgb[k] += one->sums[tag].rgb[k];
            s->tag_colours[tag].brightness += one->sums[tag].brightness;
            s->tag_colours[tag].squares += one->sums[tag].squares;
        }
    }
    if (first)
        ok = base_fail(err, first->err.code, "%s", first->err.text);
    for (int i = 0; job.spaces && i < workers; i++) {
        dataset_image_free(&job.spaces[i].image);
        dataset_image_free(&job.spaces[i].picture);
    }
    free(job.spaces);
    base_pool_destroy(pool);
    return ok;
}

double dataset_stats_brightness_deviation(const dataset_stats *s, int tag)
{
    double n = (double)s->tag_pixels[tag], mean = (double)s->tag_colours[tag].brightness / fmax(1, n);
    return sqrt(fmax(0, (double)s->tag_colours[tag].squares / fmax(1, n) - mean * mean));
}

bool dataset_stats_read(const dataset *d, int label_stride, bool colours, int threads, dataset_stats *s, base_error *err)
{
    const dataset_info *info = dataset_info_of(d);
    *s = (dataset_stats){ .episodes = dataset_episode_count(d),
                          .open_episodes = dataset_open_episodes(d),
                          .map_count = info->map_count };
    for (int i = 0; i < info->map_count; i++)
        memcpy(s->maps[i].name, info->maps[i].name, DATASET_NAME_BYTES);
    for (int i = 0; i < dataset_frame_count(d); i++)
        count_frame(s, d, dataset_frame_at(d, i), i ? dataset_frame_at(d, i - 1) : NULL);
    if (s->frames)
        s->mean_abs_offset_m /= s->frames;
    return label_stride < 1 || !info->cameras[0].has[DATASET_SEG] ||
           count_labels(d, label_stride, colours && info->cameras[0].has[DATASET_RGB], threads, s, err);
}
