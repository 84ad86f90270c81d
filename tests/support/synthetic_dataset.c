#include "tests/support/synthetic_dataset.h"
#include "base/file.h"
#include "base/random.h"
#include "dataset/classes.h"
#include "sim/wire/tag.h"
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

dataset_info synthetic_info(const synthetic_options *o)
{
    dataset_info info = { .camera_count = 1,
                          .taxonomy = dataset_taxonomy_carla(),
                          .server_version = "0.9.16",
                          .maps = { { "drawn", 0x12345678 } },
                          .map_count = 1,
                          .seed = o->seed,
                          .dt_s = 0.05 };
    info.cameras[0] = (dataset_camera){ .name = "front",
                                        .width_px = o->width_px,
                                        .height_px = o->height_px,
                                        .fov_deg = 90,
                                        .mount = { { 1.5, 0, 1.8 }, { -8, 0, 0 } },
                                        .has = { true, true, o->depth } };
    return info;
}

dataset_split synthetic_split(const synthetic_options *o, int episode)
{
    return episode == o->episodes - 1 ? DATASET_TEST : episode == o->episodes - 2 ? DATASET_VAL : DATASET_TRAIN;
}

static wire_tag tag_at(double x, double y, double bend, int index)
{
    if (y < 0.45)
        return WIRE_TAG_SKY;
    double below = (y - 0.45) / 0.55, half = 0.04 + 0.42 * below, centre = 0.5 + bend * (1 - below) * (1 - below);
    double across = (x - centre) / half;
    if (fabs(across) > 1.0)
        return WIRE_TAG_TERRAIN;
    if (fabs(fabs(across) - 0.9) < 0.06)
        return WIRE_TAG_ROAD_LINE;
    if (fabs(across) < 0.04 && ((int)(8 / (below + 0.1)) + index) % 2)
        return WIRE_TAG_ROAD_LINE;
    return WIRE_TAG_ROADS;
}

void synthetic_frame(const synthetic_options *o, int episode, int index, dataset_frame *f, uint8_t *rgb, uint8_t *tags,
                     uint16_t *depth)
{
    static const uint8_t colors[WIRE_TAG_COUNT][3] = { [WIRE_TAG_SKY] = { 150, 190, 230 },
                                                       [WIRE_TAG_TERRAIN] = { 80, 120, 60 },
                                                       [WIRE_TAG_ROADS] = { 90, 90, 95 },
                                                       [WIRE_TAG_ROAD_LINE] = { 230, 230, 225 } };
    base_random r = base_random_start(o->seed, "synthetic", (uint64_t)episode, (uint64_t)index);
    double bend = 0.3 * sin(episode * 1.7 + index * 0.2);
    for (int y = 0; y < o->height_px; y++)
        for (int x = 0; x < o->width_px; x++) {
            size_t at = (size_t)y * (size_t)o->width_px + (size_t)x;
            wire_tag tag = tag_at((x + 0.5) / o->width_px, (y + 0.5) / o->height_px, bend, index);
            uint64_t noise = base_random_bits(&r);
            tags[at] = (uint8_t)tag;
            for (int c = 0; c < 3; c++)
                rgb[3 * at + (size_t)c] = (uint8_t)(colors[tag][c] + (noise >> (8 * c) & 15));
            if (depth)
                depth[at] = (uint16_t)(tag == WIRE_TAG_SKY ? 0 : 256 + 50 * (o->height_px - y));
        }
    *f = (dataset_frame){ .episode = (uint32_t)episode,
                          .index = (uint32_t)index,
                          .tick = (uint32_t)(index * 4),
                          .split = synthetic_split(o, episode),
                          .map = "drawn",
                          .weather = episode % 2 ? "CloudyNoon" : "ClearNoon",
                          .time_s = index * 0.2,
                          .sun_azimuth_deg = 30,
                          .sun_altitude_deg = 45,
                          .pose = { { 1000.0 * episode + index * 1.5, -3.25, 0.03 }, { 0, 90, 0 } },
                          .speed_mps = 7.5,
                          .yaw_rate_dps = 1.25,
                          .throttle = 0.3,
                          .steer = 0.1 * bend,
                          .expert_steer = 0.05 * bend,
                          .perturbed = index % 5 == 4,
                          .lane_offset_m = 0.1 * bend,
                          .lane_width_m = 3.5,
                          .curvature_1pm = 0.05 * bend };
}

bool synthetic_write(const char *dir, const synthetic_options *o, int threads, int stop_after, base_error *err)
{
    dataset_info info = synthetic_info(o);
    dataset_writer_options options = dataset_writer_options_default();
    options.dir = dir;
    options.threads = threads;
    options.plan = "{\"drawn\": true}";
    size_t pixels = (size_t)o->width_px * (size_t)o->height_px;
    uint8_t *rgb = malloc(3 * pixels), *tags = malloc(pixels);
    uint16_t *depth = malloc(2 * pixels);
    dataset_writer *w = dataset_writer_open(&info, &options, err);
    bool ok = w != NULL;
    int added = 0;
    for (int e = 0; ok && e < o->episodes && added != stop_after; e++) {
        if (dataset_writer_state(w, (uint32_t)e) == DATASET_EPISODE_DONE)
            continue;
        ok = dataset_writer_begin(w, (uint32_t)e, NULL, err);
        for (int i = 0; ok && i < o->frames && added != stop_after; i++, added++) {
            dataset_frame f;
            synthetic_frame(o, e, i, &f, rgb, tags, depth);
            dataset_pixels images[] = { { 0, DATASET_SEG, tags }, { 0, DATASET_RGB, rgb }, { 0, DATASET_DEPTH, depth } };
            ok = dataset_writer_add(w, &f, images, o->depth ? 3 : 2, err);
        }
        if (ok && added != stop_after)
            ok = dataset_writer_end(w, err);
    }
    ok = dataset_writer_close(w, ok ? err : NULL) && ok;
    free(rgb);
    free(tags);
    free(depth);
    return ok;
}

void synthetic_dir(char path[256])
{
    const char *tmp = getenv("TMPDIR");
    snprintf(path, 256, "%s/laneloop-test-XXXXXX", tmp ? tmp : "/tmp");
    if (!mkdtemp(path)) {
        perror(path);
        abort();
    }
}

void synthetic_dir_remove(const char *path) { base_dir_remove(path, NULL); }

static uint64_t mix(uint64_t hash, const void *data, size_t bytes)
{
    const unsigned char *p = data; /* FNV-1a */
    for (size_t i = 0; i < bytes; i++)
        hash = (hash ^ p[i]) * UINT64_C(0x100000001b3);
    return hash;
}

static int by_name(const struct dirent **a, const struct dirent **b) { return strcmp((*a)->d_name, (*b)->d_name); }

static uint64_t hash_below(uint64_t hash, const char *dir)
{
    struct dirent **entries;
    int count = scandir(dir, &entries, NULL, by_name);
    for (int i = 0; i < count; i++) {
        char path[1024];
        unsigned char *data;
        size_t bytes;
        snprintf(path, sizeof path, "%s/%s", dir, entries[i]->d_name);
        if (strcmp(entries[i]->d_name, ".") && strcmp(entries[i]->d_name, "..")) {
            hash = mix(hash, entries[i]->d_name, strlen(entries[i]->d_name) + 1);
            if (entries[i]->d_type == DT_DIR)
                hash = hash_below(hash, path);
            else if (base_file_read(path, SIZE_MAX, &data, &bytes, NULL)) {
                hash = mix(hash, data, bytes);
                free(data);
            }
        }
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
    return hash;
}

uint64_t synthetic_tree_hash(const char *dir) { return hash_below(UINT64_C(0xcbf29ce484222325), dir); }
