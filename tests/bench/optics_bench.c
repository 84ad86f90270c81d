/* What each camera effect costs: one picture of a street is developed again and again with one effect at a time. First what the renderer's part
 * costs, then what developing it does: CPU milliseconds per picture, all threads together, and a hash of the picture's bytes.
 *
 *     optics_bench [MAP.xodr] [--size WxH] [--frames N] [--threads N] [--sun DEG] [--at N] [--pictures DIR]
 *
 * --pictures writes DIR/EFFECT.png too. */
#include "base/clock.h"
#include "sim/render/optics.h"
#include "sim/town/scenery.h"
#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

typedef struct settings {
    const char *map, *pictures;
    int width, height, frames, threads, spawn;
    double sun_deg;
} settings;

typedef struct effect {
    const char *name;
    void (*set)(render_optics *o);
} effect;

static void as_it_is(render_optics *o) { o->gamma = 2.2f; }
static void exposed_by_hand(render_optics *o)
{
    o->metering = RENDER_METER_MANUAL;
    o->shutter_per_s = 2000;
}
static void metered(render_optics *o)
{
    o->metering = RENDER_METER_PICTURE;
    o->min_ev = -10;
    o->max_ev = 20;
}
static void brighter(render_optics *o) { o->compensation_ev = 1; }
static void lifted(render_optics *o) { o->gamma = 3; }
static void filmed(render_optics *o)
{
    o->own_film = true;
    o->slope = 1.2f;
}
static void warm(render_optics *o) { o->temperature_k = 9000; }
static void grainy(render_optics *o) { o->grain = 15; }
static void bent(render_optics *o) { o->distortion = (render_distortion){ -1, 0, 0.08f, 0.08f, 3, 3 }; }
static void fringed(render_optics *o) { o->fringe = 1; }
static void leaderboard(render_optics *o)
{
    bent(o);
    o->fringe = 0.5f;
}
static void glowing(render_optics *o) { o->bloom = 0.675f; }
static void flaring(render_optics *o)
{
    o->bloom = 0.675f;
    o->flare = 0.5f;
}
static void trailing(render_optics *o)
{
    o->blur = 0.45f;
    o->blur_max_percent = 5;
}
static void focused(render_optics *o)
{
    o->has_focus = true;
    o->focus_m = 3;
    o->fstop = 0.1f;
    o->min_fstop = 0.1f;
}
static void everything(render_optics *o)
{
    metered(o);
    warm(o);
    grainy(o);
    leaderboard(o);
    flaring(o);
    trailing(o);
}

static const effect effects[] = {
    { "developed_alone", as_it_is },
    { "manual_exposure", exposed_by_hand },
    { "histogram", metered },
    { "compensation", brighter },
    { "gamma", lifted },
    { "film_curve", filmed },
    { "temperature", warm },
    { "grain", grainy },
    { "distortion", bent },
    { "fringes", fringed },
    { "leaderboard", leaderboard },
    { "bloom", glowing },
    { "bloom_and_flare", flaring },
    { "motion_blur", trailing },
    { "depth_of_field", focused },
    { "everything", everything },
};

static bool parse(settings *s, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        const char *v = i + 1 < argc ? argv[i + 1] : "";
        bool good = i + 1 < argc;
        if (argv[i][0] != '-') {
            s->map = argv[i];
            continue;
        }
        if (!strcmp(argv[i], "--size"))
            good = sscanf(v, "%dx%d", &s->width, &s->height) == 2;
        else if (!strcmp(argv[i], "--frames"))
            good = sscanf(v, "%d", &s->frames) == 1 && s->frames > 0;
        else if (!strcmp(argv[i], "--threads"))
            good = sscanf(v, "%d", &s->threads) == 1;
        else if (!strcmp(argv[i], "--at"))
            good = sscanf(v, "%d", &s->spawn) == 1 && s->spawn >= 0;
        else if (!strcmp(argv[i], "--sun"))
            good = sscanf(v, "%lf", &s->sun_deg) == 1;
        else if (!strcmp(argv[i], "--pictures"))
            s->pictures = v;
        else
            good = false;
        if (!good) {
            fprintf(stderr, "optics_bench: cannot use \"%s %s\"\n", argv[i], v);
            return false;
        }
        i++;
    }
    return s->width >= 1 && s->height >= 1 && s->width <= 4096 && s->height <= 4096;
}

static double cpu_s(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + 1e-6 * (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static uint32_t hash_bytes(const uint8_t *p, size_t bytes)
{
    uint32_t h = 2166136261u;
    for (size_t i = 0; i < bytes; i++)
        h = (h ^ p[i]) * 16777619u;
    return h;
}

static bool write_png(const settings *s, const char *name, const uint8_t *bgra)
{
    if (!s->pictures)
        return true;
    char path[512];
    snprintf(path, sizeof path, "%s/%s.png", s->pictures, name);
    png_image image = { .version = PNG_IMAGE_VERSION,
                        .width = (png_uint_32)s->width,
                        .height = (png_uint_32)s->height,
                        .format = PNG_FORMAT_BGRA };
    return png_image_write_to_file(&image, path, 0, bgra, 0, NULL);
}

static bool measure(const settings *s, base_pool *pool, const effect *e, const render_exposed *in, uint8_t *bgra,
                    base_error *err)
{
    render_optics o = render_optics_default();
    e->set(&o);
    render_camera *c = render_camera_create(&o, err);
    if (!c)
        return false;
    bool good = true;
    double before = 0;
    for (int i = -2; good && i < s->frames; i++) { /* two to warm up */
        if (i == 0)
            before = cpu_s();
        good = render_camera_develop(c, pool, in, bgra, err);
    }
    if (good)
        printf("%-18s %6.2f ms  EV %5.2f  hash %08x\n", e->name, 1e3 * (cpu_s() - before) / s->frames,
               (double)render_camera_ev(c), hash_bytes(bgra, (size_t)s->width * s->height * 4));
    render_camera_destroy(c);
    return good && write_png(s, e->name, bgra);
}

/* The renderer's own picture, and what else it costs to give the effects what they work on. */
static bool draw(const settings *s, render *r, const base_pose *at, const render_output *all, uint8_t *bgra,
                 render_environment *light, base_error *err)
{
    render_weather w = render_weather_default();
    w.sun_altitude_deg = (float)s->sun_deg;
    *light = render_environment_from_weather(&w, 0);
    const base_pose mount = { { 1.5, 0, 1.8 }, { -8, 0, 0 } }, step = { { -0.5, 0, 0 }, { 0, -1.5, 0 } };
    base_pose eye = base_pose_compose(at, &mount);
    render_before before = { .pose = base_pose_compose(&eye, &step) };
    render_view view = {
        .pose = eye, .width = s->width, .height = s->height, .fov_deg = 90, .antialias = true, .before = &before
    };
    const struct {
        const char *name;
        render_output out;
    } rows[] = { { "own_picture", { .bgra = bgra } },
                 { "light", { .radiance = all->radiance } },
                 { "picture_and_light", { .bgra = bgra, .radiance = all->radiance } },
                 { "light_and_depth", { .radiance = all->radiance, .depth = all->depth } },
                 { "light_and_motion", { .radiance = all->radiance, .motion = all->motion } } };
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        double start = 0;
        for (int i = -2; i < s->frames; i++) {
            if (i == 0)
                start = cpu_s();
            if (!render_frame(r, &view, light, NULL, 0, &rows[k].out, err))
                return false;
        }
        printf("%-18s %6.2f ms\n", rows[k].name, 1e3 * (cpu_s() - start) / s->frames);
    }
    return true;
}

int main(int argc, char **argv)
{
    settings s = { .map = "configs/maps/driving_loop.xodr", .width = 800, .height = 600, .frames = 30, .sun_deg = 45 };
    if (!parse(&s, argc, argv))
        return 2;
    base_error err = { 0 };
    size_t n = (size_t)s.width * s.height, spawns = 0;
    uint8_t *bgra = malloc(4 * n);
    render_output out = { .radiance = aligned_alloc(64, (16 * n + 63) / 64 * 64),
                          .motion = malloc(8 * n),
                          .depth = malloc(4 * n) };
    base_pool *pool = base_pool_create(s.threads, &err);
    road_map *map = pool ? road_map_read(s.map, NULL, &err) : NULL;
    town_scenery *scenery = map ? town_scenery_build(map, 1, &err) : NULL;
    render *r = scenery ? render_create(town_scenery_scene(scenery), pool, NULL, &err) : NULL;
    const base_pose *spawn = r ? road_map_spawn_points(map, &spawns) : NULL;
    render_environment light;
    bool good = bgra && out.radiance && out.motion && out.depth && (size_t)s.spawn < spawns &&
                draw(&s, r, &spawn[s.spawn], &out, bgra, &light, &err) && write_png(&s, "own_picture", bgra);
    render_exposed in = { out.radiance, out.motion, out.depth, s.width, s.height, 90, good ? light.exposure : 1, 0.05, 0, 1 };
    for (size_t i = 0; good && i < sizeof effects / sizeof *effects; i++)
        good = measure(&s, pool, &effects[i], &in, bgra, &err);
    if (!good)
        fprintf(stderr, "optics_bench: %s\n",
                err.text[0] ? err.text : "no memory, no such spawn point, or no place for pictures");
    render_destroy(r);
    town_scenery_destroy(scenery);
    road_map_destroy(map);
    base_pool_destroy(pool);
    free(bgra);
    free(out.radiance);
    free(out.motion);
    free(out.depth);
    return good ? 0 : 1;
}
