/* tools/snapshot.c — pictures of a map from the renderer, for docs/ and for looking at them.
 *
 *     snapshot MAP.xodr OUT.png [--size WxH] [--fov DEG] [--spawn N] [--at X,Y,Z,YAW,PITCH] [--ahead M] [--kind rgb|tag|depth|id]
 *              [--aa] [--weather CLOUD,RAIN,DEPOSITS,AZIMUTH,ALTITUDE,FOG,WET] [--cars N] [--parade] [--frames N]
 *
 * The camera stands where a car's demo camera would at spawn point N, or anywhere with --at. --frames repeats the frame and
 * prints the time of each part. --parade puts every kind of body, and walkers in all phases of a stride, in rows before the camera. */
#include "base/clock.h"
#include "base/cpu.h"
#include "base/random.h"
#include "sim/render/render.h"
#include "sim/town/scenery.h"
#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const uint8_t palette[29][3] = { /* CARLA's, for tags */
                                        { 0, 0, 0 },       { 128, 64, 128 },  { 244, 35, 232 },  { 70, 70, 70 },
                                        { 102, 102, 156 }, { 190, 153, 153 }, { 153, 153, 153 }, { 250, 170, 30 },
                                        { 220, 220, 0 },   { 107, 142, 35 },  { 152, 251, 152 }, { 70, 130, 180 },
                                        { 220, 20, 60 },   { 255, 0, 0 },     { 0, 0, 142 },     { 0, 0, 70 },
                                        { 0, 60, 100 },    { 0, 80, 100 },    { 0, 0, 230 },     { 119, 11, 32 },
                                        { 110, 190, 160 }, { 170, 120, 50 },  { 55, 90, 80 },    { 45, 60, 150 },
                                        { 157, 234, 50 },  { 81, 0, 81 },     { 150, 100, 100 }, { 230, 150, 140 },
                                        { 180, 165, 180 }
};

typedef struct settings {
    const char *map, *out, *kind;
    int width, height, spawn, cars, frames, threads;
    double fov, ahead, at[5];
    bool placed, antialias, parade;
    render_weather weather;
} settings;

static int usage(void)
{
    fprintf(stderr,
            "usage: snapshot MAP.xodr OUT.png [--size WxH] [--fov DEG] [--spawn N] [--at X,Y,Z,YAW,PITCH] [--ahead M]\n"
            "       [--kind rgb|tag|depth|id] [--aa] [--weather CLOUD,RAIN,DEPOSITS,AZIMUTH,ALTITUDE,FOG,WET] [--cars N]\n"
            "       [--parade] [--frames N] [--threads N]\n");
    return 2;
}

static bool parse(settings *s, int argc, char **argv)
{
    *s = (settings){ .kind = "rgb", .width = 800, .height = 600, .fov = 90, .frames = 1, .weather = render_weather_default() };
    if (argc < 3)
        return false;
    s->map = argv[1];
    s->out = argv[2];
    for (int i = 3; i < argc; i++) {
        const char *flag = argv[i], *v = i + 1 < argc ? argv[i + 1] : "";
        render_weather *w = &s->weather;
        bool good = true, takes = true;
        if (!strcmp(flag, "--size"))
            good = sscanf(v, "%dx%d", &s->width, &s->height) == 2;
        else if (!strcmp(flag, "--fov"))
            good = sscanf(v, "%lf", &s->fov) == 1;
        else if (!strcmp(flag, "--spawn"))
            good = sscanf(v, "%d", &s->spawn) == 1;
        else if (!strcmp(flag, "--cars"))
            good = sscanf(v, "%d", &s->cars) == 1;
        else if (!strcmp(flag, "--frames"))
            good = sscanf(v, "%d", &s->frames) == 1;
        else if (!strcmp(flag, "--threads"))
            good = sscanf(v, "%d", &s->threads) == 1;
        else if (!strcmp(flag, "--ahead"))
            good = sscanf(v, "%lf", &s->ahead) == 1;
        else if (!strcmp(flag, "--at"))
            good = s->placed = sscanf(v, "%lf,%lf,%lf,%lf,%lf", &s->at[0], &s->at[1], &s->at[2], &s->at[3], &s->at[4]) == 5;
        else if (!strcmp(flag, "--kind"))
            s->kind = v;
        else if (!strcmp(flag, "--weather"))
            good = sscanf(v, "%f,%f,%f,%f,%f,%f,%f", &w->cloudiness, &w->precipitation, &w->precipitation_deposits,
                          &w->sun_azimuth_deg, &w->sun_altitude_deg, &w->fog_density, &w->wetness) == 7;
        else if (!strcmp(flag, "--aa"))
            s->antialias = true, takes = false;
        else if (!strcmp(flag, "--parade"))
            s->parade = true, takes = false;
        else
            return false;
        if (!good || (takes && i + 1 >= argc))
            return false;
        i += takes;
    }
    return s->width > 0 && s->height > 0 && s->width <= 4096 && s->height <= 4096 && s->frames > 0 && s->cars >= 0 &&
           s->cars <= 200;
}

static void label_colour(const settings *s, const render_output *o, size_t i, uint8_t *rgb)
{
    if (!strcmp(s->kind, "tag")) {
        memcpy(rgb, palette[o->tag[i] < 29 ? o->tag[i] : 0], 3);
    } else if (!strcmp(s->kind, "depth")) {
        double g = 255 * (1 - log(fmax(1, fmin(o->depth[i], 400))) / log(400));
        rgb[0] = rgb[1] = rgb[2] = (uint8_t)g;
    } else if (!strcmp(s->kind, "id")) {
        uint32_t h = o->id[i] * 2654435761u;
        rgb[0] = (uint8_t)(h >> 24), rgb[1] = (uint8_t)(h >> 16), rgb[2] = (uint8_t)(h >> 8);
    } else {
        rgb[0] = o->bgra[4 * i + 2], rgb[1] = o->bgra[4 * i + 1], rgb[2] = o->bgra[4 * i];
    }
}

static bool write_png(const settings *s, const render_output *o)
{
    size_t n = (size_t)s->width * s->height;
    uint8_t *rgb = malloc(n * 3);
    png_image image = {
        .version = PNG_IMAGE_VERSION, .width = (png_uint_32)s->width, .height = (png_uint_32)s->height, .format = PNG_FORMAT_RGB
    };
    for (size_t i = 0; rgb && i < n; i++)
        label_colour(s, o, i, rgb + 3 * i);
    bool good = rgb && png_image_write_to_file(&image, s->out, 0, rgb, 0, NULL);
    free(rgb);
    return good;
}

static base_pose ground_pose(const base_pose *spawn)
{
    base_pose p = *spawn;
    p.location.z -= 0.5;
    return p;
}

static int place_cars(const settings *s, const town_scenery *scenery, const road_map *map, scene_instance *parts)
{
    static const char *const models[] = { "vehicle.lincoln.mkz_2020",    "vehicle.mini.cooper_s",
                                          "vehicle.nissan.patrol",       "vehicle.mercedes.sprinter",
                                          "vehicle.tesla.model3",        "vehicle.kawasaki.ninja",
                                          "vehicle.mitsubishi.fusorosa", "vehicle.carlamotors.carlacola" };
    static const base_vec3 extents[] = {
        { 2.45, 1.06, 0.76 }, { 1.90, 0.98, 0.74 }, { 2.30, 0.97, 0.93 }, { 2.96, 0.99, 1.28 },
        { 2.40, 1.08, 0.74 }, { 1.02, 0.40, 0.78 }, { 5.15, 1.97, 2.10 }, { 2.60, 1.31, 1.24 }
    };
    static const float tints[][3] = { { 0.02f, 0.02f, 0.025f }, { 0.45f, 0.04f, 0.03f }, { 0.60f, 0.60f, 0.58f },
                                      { 0.75f, 0.74f, 0.70f },  { 0.03f, 0.08f, 0.28f }, { 0.05f, 0.20f, 0.06f },
                                      { 0.70f, 0.45f, 0.05f },  { 0.50f, 0.05f, 0.04f } };
    size_t count, used = 0;
    const base_pose *spawns = road_map_spawn_points(map, &count);
    int n = 0;
    for (int i = 0; i < s->cars; i++) {
        size_t at = ((size_t)s->spawn + 1 + (size_t)i * 2 + used) % count;
        town_scenery_car car = {
            .blueprint = models[i % 8], .extent = extents[i % 8], .pose = ground_pose(&spawns[at]), .id = 100 + (uint32_t)i
        };
        memcpy(car.tint, tints[(i * 3 + 1) % 8], sizeof car.tint);
        n += town_scenery_vehicle(scenery, &car, parts + n);
    }
    return n;
}

enum { PARADE = 24 };

/* Vehicles side by side, 9 m before the camera and further, turned by 30 degrees; walkers before them. */
static int parade(const town_scenery *scenery, const base_pose *camera, scene_instance *parts)
{
    static const struct {
        const char *blueprint;
        base_vec3 extent;
        float tint[3];
    } models[] = { { "vehicle.lincoln.mkz_2020", { 2.45, 1.09, 0.75 }, { 0.02f, 0.02f, 0.025f } },
                   { "vehicle.mini.cooper_s", { 1.90, 0.98, 0.74 }, { 0.45f, 0.04f, 0.03f } },
                   { "vehicle.nissan.patrol", { 2.30, 0.97, 0.93 }, { 0.60f, 0.60f, 0.58f } },
                   { "vehicle.mercedes.sprinter", { 2.96, 0.99, 1.28 }, { 0.75f, 0.74f, 0.70f } },
                   { "vehicle.carlamotors.carlacola", { 2.60, 1.31, 1.24 }, { 0.45f, 0.04f, 0.03f } },
                   { "vehicle.mitsubishi.fusorosa", { 5.14, 1.12, 1.60 }, { 0.70f, 0.45f, 0.05f } },
                   { "vehicle.kawasaki.ninja", { 1.02, 0.40, 0.77 }, { 0.05f, 0.20f, 0.06f } },
                   { "vehicle.bh.crossbike", { 0.744, 0.43, 0.86 }, { 0.03f, 0.08f, 0.28f } } };
    int n = 0;
    base_pose level = { camera->location, { 0, camera->rotation.yaw_deg, 0 } };
    level.location.z = 0;
    for (int i = 0; i < 8; i++) {
        bool near = i >= 6;
        base_pose spot = { { near    ? 6.5
                             : i < 3 ? 11
                                     : 19,
                             near ? -4.2 + 1.9 * (i - 6) : (i % 3 - 1) * (i < 3 ? 6.0 : 9.0), 0 },
                           { 0, i == 1 || i == 4 ? -40 : 140, 0 } };
        town_scenery_car car = {
            .blueprint = models[i].blueprint, .extent = models[i].extent, .steer_deg = 15, .id = 100 + (uint32_t)i
        };
        car.pose = base_pose_compose(&level, &spot);
        memcpy(car.tint, models[i].tint, sizeof car.tint);
        n += town_scenery_vehicle(scenery, &car, parts + n);
    }
    for (int i = 0; i < 6; i++) {
        base_pose spot = { { 5.5, -0.6 + 0.9 * i, 0 }, { 0, i & 1 ? 150 : 70, 0 } };
        base_pose at = base_pose_compose(&level, &spot);
        n += town_scenery_walker(scenery, &at, i == 3 ? 0.55 : 0.93, i / 6.0, models[i].tint, 200 + (uint32_t)i, parts + n);
    }
    return n;
}

static base_pose camera_pose(const settings *s, const road_map *map)
{
    size_t count;
    const base_pose *spawns = road_map_spawn_points(map, &count);
    if (s->placed)
        return (base_pose){ { s->at[0], s->at[1], s->at[2] }, { s->at[4], s->at[3], 0 } };
    base_pose car = ground_pose(&spawns[(size_t)s->spawn % count]), mount = { { 1.5 + s->ahead, 0, 1.8 }, { -8, 0, 0 } };
    return base_pose_compose(&car, &mount);
}

int main(int argc, char **argv)
{
    settings s;
    base_error err = { 0 };
    if (!parse(&s, argc, argv))
        return usage();
    int status = 1;
    double t0 = base_clock_s();
    base_pool *pool = base_pool_create(s.threads, &err);
    road_map *map = pool ? road_map_read(s.map, NULL, &err) : NULL;
    double t1 = base_clock_s();
    town_scenery *scenery = map ? town_scenery_build(map, 1, &err) : NULL;
    double t2 = base_clock_s();
    render *r = scenery ? render_create(town_scenery_scene(scenery), pool, NULL, &err) : NULL;
    double t3 = base_clock_s();
    size_t n = (size_t)s.width * s.height;
    render_output out = { .bgra = malloc(n * 4), .tag = malloc(n), .id = malloc(n * 4), .depth = malloc(n * 4) };
    scene_instance *parts = malloc(((size_t)s.cars + PARADE + 1) * TOWN_SCENERY_PARTS * sizeof *parts);
    if (!r || !out.bgra || !out.tag || !out.id || !out.depth || !parts)
        goto done;
    const scene *sc = town_scenery_scene(scenery);
    printf("cpu %.0f ms: map %.0f ms, scenery %.0f ms (%u triangles, %u chunks), renderer %.0f ms\n",
           1e3 * (double)clock() / CLOCKS_PER_SEC, 1e3 * (t1 - t0), 1e3 * (t2 - t1), sc->world.triangle_count, sc->chunk_count,
           1e3 * (t3 - t2));
    uint32_t by_tag[32] = { 0 };
    for (uint32_t i = 0; i < sc->world.triangle_count; i++)
        by_tag[sc->world.triangles[i].tag & 31]++;
    printf("triangles by tag:");
    for (int i = 0; i < 32; i++)
        if (by_tag[i])
            printf(" %d:%u", i, by_tag[i]);
    printf("\n");
    int count = place_cars(&s, scenery, map, parts);
    base_pose camera = camera_pose(&s, map);
    if (s.parade)
        count += parade(scenery, &camera, parts + count);
    render_environment light = render_environment_from_weather(&s.weather, 0);
    render_view view = { .pose = camera, .width = s.width, .height = s.height, .fov_deg = s.fov, .antialias = s.antialias };
    for (int i = 0; i < s.frames; i++) {
        double start = base_clock_s();
        clock_t cpu = clock();
        if (!render_frame(r, &view, &light, parts, count, &out, &err))
            goto done;
        render_stats st = render_last_stats(r);
        printf("%s: %.2f ms, cpu %.2f ms (geometry %.2f, shadow %.2f [%u new], tiles %.2f), triangles %u of %u\n", st.kernel,
               1e3 * (base_clock_s() - start), 1e3 * (double)(clock() - cpu) / CLOCKS_PER_SEC, 1e3 * st.geometry_s,
               1e3 * st.shadow_s, st.shadow_tiles_drawn, 1e3 * st.tiles_s, st.triangles_set_up, st.triangles_in);
    }
    status = write_png(&s, &out) ? 0 : 1;
    if (status)
        base_fail(&err, BASE_IO, "%s: cannot write the picture", s.out);
done:
    if (status)
        fprintf(stderr, "snapshot: %s\n", err.text[0] ? err.text : "out of memory");
    free(parts);
    free(out.bgra);
    free(out.tag);
    free(out.id);
    free(out.depth);
    render_destroy(r);
    town_scenery_destroy(scenery);
    road_map_destroy(map);
    base_pool_destroy(pool);
    return status;
}
