#include "dataset/collect.h"
#include "base/file.h"
#include "base/random.h"
#include "dataset/classes.h"
#include "dataset/writer.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STANDING_MPS        0.1  /* slower is standing: one frame of each standstill is kept */
#define STUCK_S             60.0 /* no frame kept for so long: the expert does not get on */
#define ROUTE_STEP_M        1.0
#define SPAWN_HEIGHT_M      0.5 /* above the lane, as the spawn points of maps */
#define LANE_MARGIN_M       1.0 /* beyond the lane's border: the expert has lost it */
#define LONGEST_STRETCH_M   20000.0
#define VEHICLE_CLEARANCE_M 3.2 /* of a standing vehicle's middle from the route: two cars 2.1 m wide and 1.1 m between them */

/* One camera of the rig as the simulator knows it, and its pixels as the dataset wants them. */
typedef struct sensor {
    int camera;
    dataset_kind kind;
    wire_actor_id id;
    void *pixels;
} sensor;

typedef struct session {
    const dataset_collect_config *config;
    const dataset_collect_run *run;
    const dataset_collect_episode *episodes;
    int episode_count;
    client *client;
    const char *open_map; /* of the config; borrowed */
    uint64_t open_town;
    road_map *map;
    uint32_t map_crc32;
    dataset_info info;
    dataset_writer *writer;
    sensor sensors[DATASET_MAX_CAMERAS * DATASET_KINDS];
    int sensor_count;
    uint8_t tag_of_wire[256]; /* a server's tag numbers to ours */
    int64_t planned_done;     /* frames of episodes that are behind us, for the progress bar */
    dataset_collect_result result;
} session;

/* ---- the world ---- */

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static void close_world(session *s)
{
    base_error err = { 0 };
    if (s->client && !client_close(s->client, &err))
        base_log_write(s->run->log, BASE_LOG_WARNING, "leaving the simulator: %s", err.text);
    road_map_destroy(s->map);
    s->client = NULL;
    s->map = NULL;
    s->open_map = NULL;
}

/* Be connected to a simulator that runs the episode's map, and know that map. */
static bool open_world(session *s, const dataset_collect_episode *e, base_error *err)
{
    const dataset_collect_world world = { .map = e->group->map, .town = e->town, .quality = s->config->quality };
    const char *host, *name;
    int port;
    if (s->client && !strcmp(s->open_map, world.map) && s->open_town == world.town)
        return true;
    close_world(s);
    if (!s->run->simulator(s->run->user, &world, &host, &port, err))
        return false;
    client_options o = client_options_default();
    o.host = host;
    o.port = port;
    o.stop = s->run->stop;
    o.log = s->run->log;
    if (!(s->client = client_connect(&o, err)) || !(name = client_map_name(s->client, err)))
        return false;
    if (strcmp(last_part(name), e->map_name) && !client_load_world(s->client, e->map_name, true, err))
        return base_fail_in(err, "the simulator runs %s, not %s", last_part(name), e->map_name);
    const char *xodr = client_map_xodr(s->client, err);
    if (!xodr)
        return false;
    s->map_crc32 = base_crc32(0, xodr, strlen(xodr));
    s->map = road_map_parse(xodr, strlen(xodr), e->map_name, s->run->log, err);
    s->open_map = world.map;
    s->open_town = world.town;
    return s->map != NULL;
}

/* The server's release and the maps' checksums go into dataset.json before the first frame: visit every map once. */
static bool fill_info(session *s, base_error *err)
{
    dataset_info *info = &s->info;
    memcpy(info->cameras, s->config->cameras, sizeof info->cameras);
    info->camera_count = s->config->camera_count;
    info->taxonomy = dataset_taxonomy_carla();
    info->seed = s->config->seed;
    info->dt_s = s->config->dt_s;
    for (int i = 0; i < s->episode_count; i++) {
        const dataset_collect_episode *e = &s->episodes[i];
        int m = 0;
        while (m < info->map_count && strcmp(info->maps[m].name, e->map_name))
            m++;
        if (m < info->map_count)
            continue;
        if (m == DATASET_MAX_MAPS)
            return base_fail(err, BASE_ARGUMENT, "more than %d maps", DATASET_MAX_MAPS);
        if (!open_world(s, e, err))
            return false;
        snprintf(info->maps[m].name, sizeof info->maps[m].name, "%s", e->map_name);
        info->maps[m].crc32 = s->map_crc32;
        info->map_count++;
        snprintf(info->server_version, sizeof info->server_version, "%s", wire_version_name(client_version(s->client)));
    }
    for (int i = 0; i < 256; i++) {
        wire_tag tag = wire_tag_from_wire((uint8_t)i, client_version(s->client));
        s->tag_of_wire[i] = tag == WIRE_TAG_COUNT ? WIRE_TAG_ANY : (uint8_t)tag; /* 255: the writer refuses it by name */
    }
    return true;
}

/* What is recorded, for dataset.json: a line per episode, so that a difference is found and shown. */
static bool print_plan(const session *s, base_buffer *out, base_error *err)
{
    const dataset_collect_config *c = s->config;
    base_buffer_printf(out,
                       "{\n    \"vehicle\": \"%s\", \"warmup_ticks\": %d, \"keep_metres\": %.9g, \"keep_degrees\": %.9g, "
                       "\"keep_seconds\": %.9g,\n    \"quality\": %d, \"camera_effects\": %s,\n    \"episodes\": [",
                       c->vehicle, c->warmup_ticks, c->keep_metres, c->keep_degrees, c->keep_seconds, c->quality,
                       c->camera_effects ? "true" : "false");
    for (int i = 0; i < s->episode_count; i++) {
        const dataset_collect_episode *e = &s->episodes[i];
        const dataset_collect_group *g = e->group;
        const wire_weather *w = &e->weather.parameters;
        const agents_perturbation *p = &g->perturbation;
        base_buffer_printf(
            out,
            "%s\n      {\"episode\": %d, \"map\": \"%s\", \"split\": \"%s\", \"frames\": %d, \"seed\": \"%" PRIu64
            "\", \"town\": \"%" PRIu64
            "\", \"vehicles\": %d, \"spawn\": %d, \"from_m\": %.9g, \"to_m\": %.9g, \"place\": %.9g, \"cruise_mps\": %.9g,\n",
            i ? "," : "", i, e->map_name, dataset_split_names[g->split], g->frames, e->seed, e->town, g->vehicles, g->spawn,
            g->from_m, g->to_m, e->place, g->cruise_mps);
        base_buffer_printf(out,
                           "       \"perturbation\": {\"wander_m\": %.9g, \"impulse_m\": %.9g, \"impulse_every_s\": %.9g, "
                           "\"impulse_length_s\": %.9g, \"noise_steer\": %.9g},\n",
                           p->wander_m, p->impulse_m, p->impulse_every_s, p->impulse_length_s, p->noise_steer);
        base_buffer_printf(
            out,
            "       \"weather\": {\"name\": \"%s\", \"cloudiness\": %.7g, \"precipitation\": %.7g, "
            "\"precipitation_deposits\": %.7g, \"wind_intensity\": %.7g, \"sun_azimuth_angle\": %.7g, "
            "\"sun_altitude_angle\": %.7g, \"fog_density\": %.7g, \"fog_distance\": %.7g, \"fog_falloff\": %.7g, ",
            e->weather.name, w->cloudiness, w->precipitation, w->precipitation_deposits, w->wind_intensity,
            w->sun_azimuth_angle, w->sun_altitude_angle, w->fog_density, w->fog_distance, w->fog_falloff);
        base_buffer_printf(out,
                           "\"wetness\": %.7g, \"scattering_intensity\": %.7g, \"mie_scattering_scale\": %.7g, "
                           "\"rayleigh_scattering_scale\": %.7g, \"dust_storm\": %.7g}}",
                           w->wetness, w->scattering_intensity, w->mie_scattering_scale, w->rayleigh_scattering_scale,
                           w->dust_storm);
    }
    base_buffer_printf(out, "\n    ]\n  }");
    base_buffer_append(out, "", 1);
    return !out->failed || base_fail(err, BASE_MEMORY, "out of memory for the plan of %d episodes", s->episode_count);
}

/* ---- the route of an episode ---- */

/* Metres that the episode can need at most, start-up included. */
static double needed_m(const dataset_collect_config *c, const dataset_collect_group *g)
{
    double per_frame = fmin(c->keep_metres, c->keep_seconds * g->cruise_mps) + g->cruise_mps * c->dt_s;
    return fmin(g->frames * per_frame + c->warmup_ticks * c->dt_s * g->cruise_mps + 30, LONGEST_STRETCH_M);
}

/* Where the group's route begins. */
static bool route_origin(session *s, const dataset_collect_episode *e, road_waypoint *out, base_error *err)
{
    size_t count;
    const base_pose *points = client_spawn_points(s->client, &count, err);
    if (!points)
        return false;
    size_t spawn = (size_t)e->group->spawn;
    if (e->group->spawn < 0 && count) {
        base_random r = base_random_start(e->seed, "spawn", 0, 0);
        spawn = base_random_below(&r, (uint32_t)count);
    }
    if (spawn >= count)
        return base_fail(err, BASE_ARGUMENT, "map %s: spawn point %zu asked for, it has %zu", e->map_name, spawn, count);
    if (!road_waypoint_at(s->map, points[spawn].location, ROAD_LANE_DRIVING, true, out))
        return base_fail(err, BASE_FORMAT, "map %s: no driving lane near spawn point %zu", e->map_name, spawn);
    return true;
}

/* Length of the way round from w back to w, 0 when there is none. */
static double lap_length(const road_map *map, const road_waypoint *w)
{
    road_waypoint keys[2] = { *w, *w };
    road_route lap;
    if (!road_route_find(map, keys, 2, 2.0, &lap, NULL))
        return 0;
    double length = lap.length_m;
    road_route_free(&lap);
    return length;
}

/* Where on the group's route an episode starts and how far it may go, both in metres. */
static bool choose_stretch(const session *s, const dataset_collect_episode *e, const road_waypoint *origin, double *begin,
                           double *length, base_error *err)
{
    const dataset_collect_group *g = e->group;
    *length = needed_m(s->config, g);
    *begin = g->from_m;
    if (g->spawn < 0) /* a place of its own already */
        *begin = 0;
    else if (g->to_m > 0) { /* starts spread so that every episode fits, as far as the stretch allows */
        double last = g->episodes > 1 ? 1 - 0.5 / g->episodes : 1; /* the highest `place` there can be */
        *begin += fmax(0, g->to_m - g->from_m - *length) * e->place / last;
        *length = g->to_m - *begin;
    } else {
        double lap = lap_length(s->map, origin);
        if (lap > 0 && g->from_m >= lap)
            return base_fail(err, BASE_ARGUMENT, "map %s: from_m %g, the lap from spawn point %d is %.0f m long", e->map_name,
                             g->from_m, g->spawn, lap);
        *begin += fmax(0, lap - g->from_m) * e->place;
    }
    return true;
}

static bool plan_route(session *s, const dataset_collect_episode *e, road_route *route, base_error *err)
{
    road_waypoint start;
    double begin, length;
    int spawn = e->group->spawn;
    if (!route_origin(s, e, &start, err) || !choose_stretch(s, e, &start, &begin, &length, err))
        return false;
    if (begin > ROUTE_STEP_M) {
        road_route lead;
        if (!road_route_follow(s->map, &start, begin, ROUTE_STEP_M, 0, &lead, err))
            return false;
        double end = lead.length_m;
        start = lead.points[lead.count - 1].waypoint;
        road_route_free(&lead);
        if (end < 0.95 * begin - 1.0) /* asked along the roads, measured along the lane: bends differ a little */
            return base_fail(err, BASE_ARGUMENT, "map %s: the route from spawn point %d ends after %.0f m, %.0f m asked for",
                             e->map_name, spawn, end, begin);
    }
    return road_route_follow(s->map, &start, length, ROUTE_STEP_M, spawn >= 0 ? 0 : e->seed, route, err);
}

/* ---- car and cameras ---- */

static const char *const blueprints[DATASET_KINDS] = { "sensor.camera.rgb", "sensor.camera.semantic_segmentation",
                                                       "sensor.camera.depth" };

static bool spawn_sensor(session *s, sensor *one, wire_actor_id ego, base_error *err)
{
    const dataset_camera *c = &s->info.cameras[one->camera];
    char width[16], height[16], fov[32];
    const client_attribute attributes[] = { { "image_size_x", width },
                                            { "image_size_y", height },
                                            { "fov", fov },
                                            { "enable_postprocess_effects", s->config->camera_effects ? "true" : "false" } };
    snprintf(width, sizeof width, "%d", c->width_px);
    snprintf(height, sizeof height, "%d", c->height_px);
    snprintf(fov, sizeof fov, "%.6g", c->fov_deg);
    client_spawn_options o = { .blueprint = blueprints[one->kind],
                               .pose = c->mount,
                               .parent = ego,
                               .attributes = attributes,
                               .attribute_count = one->kind == DATASET_RGB ? 4 : 3 };
    return client_spawn(s->client, &o, &one->id, err) && client_listen(s->client, one->id, err);
}

/* The images of this tick's frame into the sensors' pixels. */
static bool fetch_images(session *s, base_error *err)
{
    for (int i = 0; i < s->sensor_count; i++) {
        sensor *one = &s->sensors[i];
        const dataset_camera *c = &s->info.cameras[one->camera];
        client_image image;
        uint64_t frame = client_snapshot_get(s->client).frame;
        if (!client_image_get(s->client, one->id, &image, err))
            return false;
        if (image.frame != frame || image.width_px != c->width_px || image.height_px != c->height_px)
            return base_fail(err, BASE_FORMAT,
                             "camera %s: %d x %d image of frame %" PRIu64 ", %d x %d of frame %" PRIu64 " expected", c->name,
                             image.width_px, image.height_px, image.frame, c->width_px, c->height_px, frame);
        size_t pixels = (size_t)c->width_px * (size_t)c->height_px;
        switch (one->kind) {
        case DATASET_RGB: dataset_rgb_from_bgra(one->pixels, image.bgra, pixels); break;
        case DATASET_DEPTH: dataset_depth_from_bgra(one->pixels, image.bgra, pixels); break;
        default: {
            uint8_t *tags = one->pixels;
            dataset_tags_from_bgra(tags, image.bgra, pixels);
            for (size_t k = 0; k < pixels; k++)
                tags[k] = s->tag_of_wire[tags[k]];
        }
        }
    }
    return true;
}

static bool make_sensors(session *s, base_error *err)
{
    static const size_t per_pixel[DATASET_KINDS] = { 3, 1, 2 };
    for (int c = 0; c < s->info.camera_count; c++)
        for (int k = 0; k < DATASET_KINDS; k++) {
            const dataset_camera *camera = &s->info.cameras[c];
            if (!camera->has[k])
                continue;
            sensor *one = &s->sensors[s->sensor_count++];
            *one = (sensor){ .camera = c, .kind = (dataset_kind)k };
            one->pixels = malloc((size_t)camera->width_px * (size_t)camera->height_px * per_pixel[k]);
            if (!one->pixels)
                return base_fail(err, BASE_MEMORY, "out of memory for images of %d x %d", camera->width_px, camera->height_px);
        }
    return true;
}

/* ---- one episode ---- */

/* When the last frame was kept. */
typedef struct keeper {
    bool any, standing_kept;
    base_pose pose;
    uint32_t tick;
} keeper;

static bool wanted(const keeper *k, const dataset_collect_config *c, const agents_ego *ego, uint32_t tick)
{
    bool standing = fabs(ego->speed_mps) < STANDING_MPS;
    if (standing && k->standing_kept)
        return false;
    return !k->any || base_vec3_length(base_vec3_sub(ego->pose.location, k->pose.location)) >= c->keep_metres ||
           fabs(base_wrap_deg(ego->pose.rotation.yaw_deg - k->pose.rotation.yaw_deg)) >= c->keep_degrees ||
           (tick - k->tick) * c->dt_s >= c->keep_seconds - 1e-9;
}

static void keep(keeper *k, const agents_ego *ego, uint32_t tick)
{
    *k = (keeper){ true, fabs(ego->speed_mps) < STANDING_MPS, ego->pose, tick };
}

/* Standing vehicles on spawn points, none within reach of the route. Which ones is drawn from the episode's seed alone. */
static bool place_vehicles(session *s, const dataset_collect_episode *e, const road_route *route, base_error *err)
{
    static const char *const models[] = { "vehicle.tesla.model3",  "vehicle.audi.a2",           "vehicle.lincoln.mkz_2020",
                                          "vehicle.mini.cooper_s", "vehicle.mercedes.sprinter", "vehicle.nissan.patrol",
                                          "vehicle.audi.tt" };
    static const char *const paints[] = { "23,25,29",    "140,22,20",  "200,200,196", "30,60,120",
                                          "110,115,120", "226,183,40", "40,90,60",    "90,70,55" };
    enum { MODELS = sizeof models / sizeof models[0], PAINTS = sizeof paints / sizeof paints[0] };
    size_t count;
    const base_pose *spawns = client_spawn_points(s->client, &count, err);
    uint32_t *order = spawns ? malloc((count + 1) * sizeof *order) : NULL;
    base_random r = base_random_start(e->seed, "vehicles", 0, 0);
    if (!order)
        return spawns && base_fail(err, BASE_MEMORY, "out of memory for %zu spawn points", count);
    for (size_t i = 0; i < count; i++) { /* Fisher and Yates, from the inside out */
        uint32_t k = base_random_below(&r, (uint32_t)i + 1);
        order[i] = order[k];
        order[k] = (uint32_t)i;
    }
    bool ok = true;
    int placed = 0;
    for (size_t i = 0; ok && i < count && placed < e->group->vehicles; i++) {
        const base_pose *p = &spawns[order[i]];
        double nearest = INFINITY;
        for (size_t k = 0; k < route->count; k++)
            nearest = fmin(nearest, hypot(route->points[k].x - p->location.x, route->points[k].y - p->location.y));
        const client_attribute paint = { "color", paints[base_random_below(&r, PAINTS)] };
        client_spawn_options o = {
            .blueprint = models[base_random_below(&r, MODELS)], .pose = *p, .attributes = &paint, .attribute_count = 1
        };
        base_error refused = { 0 };
        wire_actor_id id;
        if (nearest < VEHICLE_CLEARANCE_M)
            continue;
        if (client_spawn(s->client, &o, &id, &refused))
            placed++;
        else if (refused.code != BASE_REMOTE) /* the place is taken: the next one */
            ok = base_fail(err, refused.code, "%s", refused.text);
    }
    free(order);
    return ok;
}

static bool start_car(session *s, const dataset_collect_episode *e, const road_route *route, wire_actor_id *ego,
                      base_error *err)
{
    const wire_weather *weather = &e->weather.parameters;
    client_spawn_options car = { .blueprint = s->config->vehicle,
                                 .pose = road_waypoint_pose(s->map, &route->points[0].waypoint),
                                 .attributes = &(client_attribute){ "role_name", "hero" },
                                 .attribute_count = 1 };
    car.pose.location.z += SPAWN_HEIGHT_M;
    /* a world of its own: nothing is left of the episodes before, in a resumed run as in an undisturbed one */
    if (!client_load_world(s->client, "", true, err) || !client_synchronous(s->client, s->config->dt_s, err) ||
        !client_weather_set(s->client, weather, err) || !client_spawn(s->client, &car, ego, err) ||
        (e->group->vehicles && !place_vehicles(s, e, route, err)))
        return false;
    for (int i = 0; i < s->sensor_count; i++)
        if (!spawn_sensor(s, &s->sensors[i], *ego, err))
            return false;
    return true;
}

/* Sensors first: a stream that ends because its world is loaded anew would be joined again. */
static bool end_car(session *s, wire_actor_id ego, base_error *err)
{
    bool ok = true;
    for (int i = 0; i < s->sensor_count; i++) {
        client_unlisten(s->client, s->sensors[i].id);
        ok = client_destroy(s->client, s->sensors[i].id, ok ? err : NULL) && ok;
    }
    return client_destroy(s->client, ego, ok ? err : NULL) && ok;
}

static bool record(session *s, int number, uint32_t index, uint32_t tick, const agents_ego *ego, const agents_expert_step *step,
                   base_error *err)
{
    const dataset_collect_episode *e = &s->episodes[number];
    dataset_pixels images[DATASET_MAX_CAMERAS * DATASET_KINDS];
    dataset_frame f = { .episode = (uint32_t)number,
                        .index = index,
                        .tick = tick,
                        .split = (dataset_split)e->group->split,
                        .map = e->map_name,
                        .weather = e->weather.name,
                        .time_s = tick * s->config->dt_s,
                        .sun_azimuth_deg = e->weather.parameters.sun_azimuth_angle,
                        .sun_altitude_deg = e->weather.parameters.sun_altitude_angle,
                        .pose = ego->pose,
                        .speed_mps = ego->speed_mps,
                        .yaw_rate_dps = ego->yaw_rate_dps,
                        .throttle = step->throttle,
                        .steer = step->steer,
                        .brake = step->brake,
                        .expert_steer = step->expert_steer,
                        .perturbed = step->perturbed,
                        .lane_offset_m = step->place.lateral_m,
                        .lane_width_m = step->lane_width_m,
                        .curvature_1pm = step->place.curvature_per_m };
    if (!fetch_images(s, err))
        return false;
    for (int i = 0; i < s->sensor_count; i++)
        images[i] = (dataset_pixels){ s->sensors[i].camera, s->sensors[i].kind, s->sensors[i].pixels };
    return dataset_writer_add(s->writer, &f, images, s->sensor_count, err);
}

static bool drive_episode(session *s, int number, const road_route *route, wire_actor_id car, base_error *err)
{
    const dataset_collect_config *c = s->config;
    const dataset_collect_episode *e = &s->episodes[number];
    agents_expert_options o = agents_expert_options_default();
    agents_expert expert;
    keeper kept = { 0 };
    uint32_t count = 0;
    base_error why = { 0 };
    o.limits.cruise_mps = e->group->cruise_mps;
    o.perturbation = e->group->perturbation;
    o.perturbation.seed = e->seed;
    o.stop_at_end = false; /* the episode ends where the route does */
    if (!client_tick(s->client, err))
        return false;
    if (!agents_vehicle_read(s->client, car, &o.vehicle, &why))
        base_log_write(s->run->log, BASE_LOG_WARNING, "the car's physics are unknown, the default is used: %s", why.text);
    agents_expert_start(&expert, route, &o);
    for (uint32_t tick = 0; (int)count < e->group->frames; tick++) {
        agents_ego ego;
        if (s->run->stop && s->run->stop())
            return base_fail(err, BASE_INTERRUPTED, "stopped in episode %06d after %u frames", number, (unsigned)count);
        if (tick && !client_tick(s->client, err))
            return false;
        s->result.ticks++;
        if (!agents_ego_read(s->client, car, &ego))
            return base_fail(err, BASE_REMOTE, "episode %06d: the car is gone from the simulator", number);
        agents_expert_step step = agents_expert_drive(&expert, &ego, c->dt_s);
        if (fabs(step.place.lateral_m) > step.lane_width_m / 2 + LANE_MARGIN_M)
            return base_fail(err, BASE_FORMAT,
                             "episode %06d, tick %u: the expert is %.1f m off its lane at %.0f m of the route", number,
                             (unsigned)tick, step.place.lateral_m, step.place.s_m);
        if ((int)tick >= c->warmup_ticks && wanted(&kept, c, &ego, tick)) {
            if (!record(s, number, count, tick, &ego, &step, err))
                return false;
            keep(&kept, &ego, tick);
            s->result.frames++;
            count++;
            char note[96];
            snprintf(note, sizeof note, "episode %d/%d %s", number + 1, s->episode_count, e->weather.name);
            base_progress_step(s->run->progress, (uint64_t)(s->planned_done + count), note);
        }
        if ((tick - kept.tick) * c->dt_s > STUCK_S)
            return base_fail(
                err, BASE_FORMAT,
                "episode %06d, tick %u: nothing to record for %.0f s, the car does %.1f m/s at %.0f m of the route", number,
                (unsigned)tick, STUCK_S, ego.speed_mps, step.place.s_m);
        if (step.finished)
            break;
        wire_vehicle_control control = { .throttle = (float)step.throttle,
                                         .steer = (float)step.steer,
                                         .brake = (float)step.brake };
        if (!client_control(s->client, car, control, err))
            return false;
    }
    if ((int)count < e->group->frames)
        base_log_write(s->run->log, BASE_LOG_INFO, "episode %06d: the stretch of road ended after %u of %d frames", number,
                       (unsigned)count, e->group->frames);
    return true;
}

static bool run_episode(session *s, int number, base_error *err)
{
    road_route route = { 0 };
    wire_actor_id car;
    bool ok = open_world(s, &s->episodes[number], err) && plan_route(s, &s->episodes[number], &route, err) &&
              start_car(s, &s->episodes[number], &route, &car, err) &&
              dataset_writer_begin(s->writer, (uint32_t)number, NULL, err) && drive_episode(s, number, &route, car, err) &&
              dataset_writer_end(s->writer, err) && end_car(s, car, err);
    road_route_free(&route);
    return ok;
}

bool dataset_collect(const dataset_collect_config *c, const dataset_collect_run *run, dataset_collect_result *result,
                     base_error *err)
{
    dataset_collect_episode *episodes = NULL;
    base_buffer plan = { 0 };
    session s = { .config = c, .run = run };
    bool ok = dataset_collect_expand(c, &episodes, &s.episode_count, err);
    s.episodes = episodes;
    if (run->progress)
        run->progress->total = 0;
    for (int i = 0; run->progress && i < s.episode_count; i++)
        run->progress->total += (uint64_t)episodes[i].group->frames;
    ok = ok && fill_info(&s, err) && make_sensors(&s, err) && print_plan(&s, &plan, err);
    if (ok) {
        dataset_writer_options o = dataset_writer_options_default();
        o.dir = run->out;
        o.log = run->log;
        o.plan = (const char *)plan.data;
        o.threads = run->threads;
        ok = (s.writer = dataset_writer_open(&s.info, &o, err)) != NULL;
    }
    for (int i = 0; ok && i < s.episode_count; i++) {
        if (dataset_writer_state(s.writer, (uint32_t)i) == DATASET_EPISODE_DONE)
            s.result.skipped_episodes++;
        else {
            ok = run_episode(&s, i, err);
            s.result.episodes += ok;
        }
        s.planned_done += episodes[i].group->frames;
    }
    ok = dataset_writer_close(s.writer, ok ? err : NULL) && ok; /* after a stop: what was driven is written */
    close_world(&s);
    for (int i = 0; i < s.sensor_count; i++)
        free(s.sensors[i].pixels);
    base_buffer_free(&plan);
    free(episodes);
    if (result)
        *result = s.result;
    return ok;
}
