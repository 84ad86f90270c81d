/* What the renderer itself costs, without sockets: a camera drives along a lane past standing cars; prints CPU time per frame (all threads),
 * its parts by the wall clock, triangles, and a hash of every byte of every picture, which tells whether a change of code changed pictures.
 *
 *     render_bench [MAP.xodr] [--size WxH] [--aa] [--cars N] [--frames N] [--threads N] [--step M] [--sun DEG] [--rain PERCENT]
 *                  [--moving]
 *
 * --moving drives the cars too: every shadow changes in every frame. */
#include "base/clock.h"
#include "sim/render/render.h"
#include "sim/town/scenery.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { CARS_MAX = 200 };

typedef struct settings {
    const char *map;
    int width, height, cars, frames, threads;
    double step_m, sun_deg, rain;
    bool antialias, moving;
} settings;

typedef struct total {
    double cpu_s, geometry_s, shadow_s, tiles_s;
    double triangles_in, triangles_set_up, shadow_pieces;
    uint64_t hash;
} total;

static bool parse(settings *s, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        const char *v = i + 1 < argc ? argv[i + 1] : "";
        bool good = true;
        if (!strcmp(argv[i], "--aa")) {
            s->antialias = true;
            continue;
        }
        if (!strcmp(argv[i], "--moving")) {
            s->moving = true;
            continue;
        }
        if (argv[i][0] != '-') {
            s->map = argv[i];
            continue;
        }
        if (!strcmp(argv[i], "--size"))
            good = sscanf(v, "%dx%d", &s->width, &s->height) == 2;
        else if (!strcmp(argv[i], "--cars"))
            good = sscanf(v, "%d", &s->cars) == 1 && s->cars >= 0 && s->cars <= CARS_MAX;
        else if (!strcmp(argv[i], "--frames"))
            good = sscanf(v, "%d", &s->frames) == 1 && s->frames > 0;
        else if (!strcmp(argv[i], "--threads"))
            good = sscanf(v, "%d", &s->threads) == 1;
        else if (!strcmp(argv[i], "--step"))
            good = sscanf(v, "%lf", &s->step_m) == 1;
        else if (!strcmp(argv[i], "--sun"))
            good = sscanf(v, "%lf", &s->sun_deg) == 1;
        else if (!strcmp(argv[i], "--rain"))
            good = sscanf(v, "%lf", &s->rain) == 1;
        else
            good = false;
        if (!good || i + 1 >= argc) {
            fprintf(stderr, "render_bench: cannot use \"%s %s\"\n", argv[i], v);
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

static uint64_t hash_bytes(uint64_t h, const void *data, size_t bytes) /* FNV-1a over words */
{
    const uint8_t *p = data;
    for (size_t i = 0; i + 8 <= bytes; i += 8) {
        uint64_t w;
        memcpy(&w, p + i, 8);
        h = (h ^ w) * 0x100000001b3u;
        h ^= h >> 29;
    }
    return h;
}

static int place_cars(const settings *s, const town_scenery *scenery, const road_route *route, int frame, scene_instance *parts)
{
    static const char *const models[] = { "vehicle.tesla.model3", "vehicle.lincoln.mkz_2020", "vehicle.mini.cooper_s",
                                          "vehicle.nissan.patrol" };
    int n = 0;
    for (int i = 0; i < s->cars; i++) {
        double at = fmod(route->length_m * (i + 0.5) / s->cars + (s->moving ? 0.4 * frame : 0), route->length_m);
        road_route_point p = road_route_at(route, at);
        double side = BASE_RAD(p.yaw_deg + 90); /* on the next lane to the right */
        town_scenery_car car = { .blueprint = models[i % 4],
                                 .extent = { 2.4, 1.0, 0.75 },
                                 .pose = { { p.x + 3.5 * cos(side), p.y + 3.5 * sin(side), p.z }, { 0, p.yaw_deg, 0 } },
                                 .tint = { 0.3f, 0.1f, 0.05f },
                                 .id = 100 + (uint32_t)i };
        n += town_scenery_vehicle(scenery, &car, parts + n);
    }
    return n;
}

static bool drive(const settings *s, render *r, const town_scenery *scenery, const road_route *route, scene_instance *parts,
                  const render_output *out, total *t, base_error *err)
{
    enum { WARM_UP = 3 };
    render_weather w = render_weather_default();
    w.sun_altitude_deg = (float)s->sun_deg;
    w.precipitation = w.wetness = w.cloudiness = (float)s->rain;
    render_environment light = render_environment_from_weather(&w, 0);
    size_t n = (size_t)s->width * s->height;
    for (int i = 0; i < s->frames + WARM_UP; i++) {
        road_route_point p = road_route_at(route, fmod(s->step_m * i, route->length_m));
        base_pose car = { { p.x, p.y, p.z }, { 0, p.yaw_deg, 0 } }, mount = { { 1.5, 0, 1.8 }, { -8, 0, 0 } };
        render_view view = { .pose = base_pose_compose(&car, &mount),
                             .width = s->width,
                             .height = s->height,
                             .fov_deg = 90,
                             .antialias = s->antialias };
        int count = place_cars(s, scenery, route, i, parts);
        double before = cpu_s();
        if (!render_frame(r, &view, &light, parts, count, out, err))
            return false;
        double used = cpu_s() - before;
        t->hash = hash_bytes(t->hash, out->bgra, 4 * n);
        t->hash = hash_bytes(t->hash, out->tag, n);
        t->hash = hash_bytes(t->hash, out->id, 4 * n);
        t->hash = hash_bytes(t->hash, out->depth, 4 * n);
        if (i < WARM_UP)
            continue;
        render_stats st = render_last_stats(r);
        t->cpu_s += used / s->frames;
        t->geometry_s += st.geometry_s / s->frames;
        t->shadow_s += st.shadow_s / s->frames;
        t->tiles_s += st.tiles_s / s->frames;
        t->triangles_in += (double)st.triangles_in / s->frames;
        t->triangles_set_up += (double)st.triangles_set_up / s->frames;
        t->shadow_pieces += (double)st.shadow_tiles_drawn / s->frames;
    }
    return true;
}

int main(int argc, char **argv)
{
    settings s = { .map = "configs/maps/driving_loop.xodr",
                   .width = 800,
                   .height = 600,
                   .cars = 30,
                   .frames = 60,
                   .step_m = 0.5,
                   .sun_deg = 45 };
    if (!parse(&s, argc, argv))
        return 2;
    base_error err = { 0 };
    total t = { .hash = 1469598103934665603u };
    size_t n = (size_t)s.width * s.height, spawns = 0;
    render_output out = { .bgra = malloc(4 * n), .tag = malloc(n), .id = malloc(4 * n), .depth = malloc(4 * n) };
    scene_instance *parts = malloc((CARS_MAX + 1) * TOWN_SCENERY_PARTS * sizeof *parts);
    base_pool *pool = base_pool_create(s.threads, &err);
    road_map *map = pool ? road_map_read(s.map, NULL, &err) : NULL;
    double start = base_clock_s();
    town_scenery *scenery = map ? town_scenery_build(map, 1, &err) : NULL;
    double built = base_clock_s();
    render *r = scenery ? render_create(town_scenery_scene(scenery), pool, NULL, &err) : NULL;
    double created = base_clock_s();
    const base_pose *spawn = r ? road_map_spawn_points(map, &spawns) : NULL;
    road_waypoint from;
    road_route route = { 0 };
    bool good = spawns && parts && out.bgra && out.tag && out.id && out.depth &&
                road_waypoint_at(map, spawn[0].location, ROAD_LANE_DRIVING, true, &from) &&
                road_route_follow(map, &from, 2000, 0.5, 1, &route, &err) &&
                drive(&s, r, scenery, &route, parts, &out, &t, &err);
    if (good)
        printf(
            "%-30s %4dx%-4d %s cpu %6.2f ms (wall: geometry %5.2f shadow %5.2f tiles %5.2f) triangles %6.0f of %6.0f, new shadow "
            "pieces %.2f, scenery %3.0f ms, renderer %3.0f ms, hash %016llx\n",
            s.map + (strlen(s.map) > 30 ? strlen(s.map) - 30 : 0), s.width, s.height, s.antialias ? "aa" : "  ", 1e3 * t.cpu_s,
            1e3 * t.geometry_s, 1e3 * t.shadow_s, 1e3 * t.tiles_s, t.triangles_set_up, t.triangles_in, t.shadow_pieces,
            1e3 * (built - start), 1e3 * (created - built), (unsigned long long)t.hash);
    else
        fprintf(stderr, "render_bench: %s\n", err.text[0] ? err.text : "no memory, or no spawn points");
    road_route_free(&route);
    render_destroy(r);
    town_scenery_destroy(scenery);
    road_map_destroy(map);
    base_pool_destroy(pool);
    free(parts);
    free(out.bgra);
    free(out.tag);
    free(out.id);
    free(out.depth);
    return good ? 0 : 1;
}
