/* The configuration of collect: JSON both ways, and its expansion to episodes. */
#include "base/random.h"
#include "dataset/collect.h"
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(table) (sizeof(table) / sizeof(table)[0])
enum { MAX_PLAN = 100000 };

/* ---- arrays of objects ---- */

/* Read the objects of a JSON array, each over `fallback`, into items of `bytes` each. */
static bool read_array(void *items, int *count, int most, size_t bytes, const void *fallback, const base_option *table,
                       size_t table_count, const char *what, const base_json *j, const cJSON *value, base_error *err)
{
    const cJSON *e;
    int n = 0;
    if (!cJSON_IsArray(value) || cJSON_GetArraySize(value) < 1 || cJSON_GetArraySize(value) > most)
        return base_json_fail(j, value, err, "\"%s\": an array of 1 to %d objects expected", what, most);
    cJSON_ArrayForEach(e, value)
    {
        void *item = (char *)items + (size_t)n++ * bytes;
        if (!cJSON_IsObject(e))
            return base_json_fail(j, e, err, "\"%s\": an object expected", what);
        memcpy(item, fallback, bytes);
        if (!base_options_read(item, table, table_count, j, e, err))
            return false;
    }
    *count = n;
    return true;
}

static cJSON *print_array(const void *items, int count, size_t bytes, const base_option *table, size_t table_count)
{
    cJSON *array = cJSON_CreateArray();
    for (int i = 0; i < count; i++)
        cJSON_AddItemToArray(array, base_options_print((const char *)items + (size_t)i * bytes, table, table_count));
    return array;
}

/* ---- cameras ---- */

static const base_option camera_table[] = {
    { .key = "name", .type = BASE_OPTION_STRING, .offset = offsetof(dataset_camera, name), .size = DATASET_NAME_BYTES },
    { .key = "width_px", .type = BASE_OPTION_INT, .offset = offsetof(dataset_camera, width_px), .lo = 16, .hi = 4096 },
    { .key = "height_px", .type = BASE_OPTION_INT, .offset = offsetof(dataset_camera, height_px), .lo = 16, .hi = 4096 },
    { .key = "fov_deg",
      .type = BASE_OPTION_DOUBLE,
      .offset = offsetof(dataset_camera, fov_deg),
      .lo = 10,
      .hi = 170,
      .help = "horizontal" },
    { .key = "x_m", .type = BASE_OPTION_DOUBLE, .offset = offsetof(dataset_camera, mount.location.x), .lo = -20, .hi = 20 },
    { .key = "y_m", .type = BASE_OPTION_DOUBLE, .offset = offsetof(dataset_camera, mount.location.y), .lo = -20, .hi = 20 },
    { .key = "z_m", .type = BASE_OPTION_DOUBLE, .offset = offsetof(dataset_camera, mount.location.z), .lo = -5, .hi = 50 },
    { .key = "pitch_deg",
      .type = BASE_OPTION_DOUBLE,
      .offset = offsetof(dataset_camera, mount.rotation.pitch_deg),
      .lo = -90,
      .hi = 90 },
    { .key = "yaw_deg",
      .type = BASE_OPTION_DOUBLE,
      .offset = offsetof(dataset_camera, mount.rotation.yaw_deg),
      .lo = -180,
      .hi = 180 },
    { .key = "roll_deg",
      .type = BASE_OPTION_DOUBLE,
      .offset = offsetof(dataset_camera, mount.rotation.roll_deg),
      .lo = -180,
      .hi = 180 },
    { .key = "rgb", .type = BASE_OPTION_BOOL, .offset = offsetof(dataset_camera, has[DATASET_RGB]) },
    { .key = "seg", .type = BASE_OPTION_BOOL, .offset = offsetof(dataset_camera, has[DATASET_SEG]) },
    { .key = "depth", .type = BASE_OPTION_BOOL, .offset = offsetof(dataset_camera, has[DATASET_DEPTH]) },
};

static dataset_camera camera_default(void)
{
    return (dataset_camera){ .name = "front",
                             .width_px = 256,
                             .height_px = 128,
                             .fov_deg = 90,
                             .mount = { { 1.5, 0, 1.8 }, { -8, 0, 0 } },
                             .has = { true, true, false } };
}

static bool read_cameras(void *field, const base_json *j, const cJSON *value, base_error *err)
{
    dataset_collect_config *c = (dataset_collect_config *)(void *)((char *)field - offsetof(dataset_collect_config, cameras));
    dataset_camera fallback = camera_default();
    return read_array(c->cameras, &c->camera_count, DATASET_MAX_CAMERAS, sizeof *c->cameras, &fallback, camera_table,
                      COUNT(camera_table), "cameras", j, value, err);
}

static cJSON *print_cameras(const void *field)
{
    const dataset_collect_config *c =
        (const dataset_collect_config *)(const void *)((const char *)field - offsetof(dataset_collect_config, cameras));
    return print_array(c->cameras, c->camera_count, sizeof *c->cameras, camera_table, COUNT(camera_table));
}

static const base_option_custom cameras_option = { read_cameras, print_cameras };

/* ---- weathers: names of CARLA's presets, or {"name": ..., "like": preset, parameter: value, ...} ---- */

#define WEATHER(field)                                                                                                         \
    {                                                                                                                          \
        .key = #field, .type = BASE_OPTION_FLOAT, .offset = offsetof(wire_weather, field), .lo = -1e6, .hi = 1e6               \
    }
static const base_option weather_table[] = {
    WEATHER(cloudiness),
    WEATHER(precipitation),
    WEATHER(precipitation_deposits),
    WEATHER(wind_intensity),
    WEATHER(sun_azimuth_angle),
    WEATHER(sun_altitude_angle),
    WEATHER(fog_density),
    WEATHER(fog_distance),
    WEATHER(fog_falloff),
    WEATHER(wetness),
    WEATHER(scattering_intensity),
    WEATHER(mie_scattering_scale),
    WEATHER(rayleigh_scattering_scale),
    WEATHER(dust_storm),
};

static bool preset(dataset_weather *w, const char *name, const base_json *j, const cJSON *value, base_error *err)
{
    if (wire_weather_preset(&w->parameters, name)) {
        snprintf(w->name, sizeof w->name, "%s", name);
        return true;
    }
    char known[700] = "";
    size_t used = 0;
    for (size_t i = 0; wire_weather_preset_name(i) && used < sizeof known; i++)
        used += (size_t)snprintf(known + used, sizeof known - used, "%s%s", i ? ", " : "", wire_weather_preset_name(i));
    return base_json_fail(j, value, err, "no weather is called \"%.60s\"; CARLA's are %s", name, known);
}

static bool read_weather(dataset_weather *w, const base_json *j, const cJSON *value, base_error *err)
{
    const cJSON *e;
    const char *name, *like = "ClearNoon";
    base_error why = { 0 };
    if (cJSON_IsString(value))
        return preset(w, value->valuestring, j, value, err);
    if (!cJSON_IsObject(value))
        return base_json_fail(j, value, err, "\"weathers\": a name or {\"name\": ..., \"like\": ..., parameters} expected");
    if (!base_json_string(j, value, "name", &name, err))
        return false;
    if (!dataset_name_check(name, "name", &why))
        return base_json_fail(j, value, err, "%s", why.text);
    if (cJSON_GetObjectItemCaseSensitive(value, "like") && !base_json_string(j, value, "like", &like, err))
        return false;
    if (!preset(w, like, j, value, err))
        return false;
    snprintf(w->name, sizeof w->name, "%s", name);
    cJSON_ArrayForEach(e, value)
    {
        const base_option *o = NULL;
        double number;
        if (!strcmp(e->string, "name") || !strcmp(e->string, "like"))
            continue;
        for (size_t i = 0; i < COUNT(weather_table); i++)
            if (!strcmp(e->string, weather_table[i].key))
                o = &weather_table[i];
        if (!o)
            return base_json_fail(j, e, err, "unknown weather parameter \"%.60s\"", e->string);
        if (!base_json_double(j, value, e->string, &number, err))
            return false;
        *(float *)(void *)((char *)&w->parameters + o->offset) = (float)number;
    }
    return true;
}

static bool read_weathers(void *field, const base_json *j, const cJSON *value, base_error *err)
{
    dataset_collect_group *g = (dataset_collect_group *)(void *)((char *)field - offsetof(dataset_collect_group, weathers));
    const cJSON *e;
    int n = 0;
    if (!cJSON_IsArray(value) || cJSON_GetArraySize(value) < 1 || cJSON_GetArraySize(value) > DATASET_MAX_GROUP_WEATHERS)
        return base_json_fail(j, value, err, "\"weathers\": an array of 1 to %d weathers expected", DATASET_MAX_GROUP_WEATHERS);
    cJSON_ArrayForEach(e, value)
    {
        if (!read_weather(&g->weathers[n++], j, e, err))
            return false;
    }
    g->weather_count = n;
    return true;
}

static cJSON *print_weathers(const void *field)
{
    const dataset_collect_group *g =
        (const dataset_collect_group *)(const void *)((const char *)field - offsetof(dataset_collect_group, weathers));
    cJSON *array = cJSON_CreateArray();
    for (int i = 0; i < g->weather_count; i++) {
        wire_weather known;
        if (wire_weather_preset(&known, g->weathers[i].name)) {
            cJSON_AddItemToArray(array, cJSON_CreateString(g->weathers[i].name));
            continue;
        }
        cJSON *o = cJSON_CreateObject(),
              *all = base_options_print(&g->weathers[i].parameters, weather_table, COUNT(weather_table));
        cJSON_AddStringToObject(o, "name", g->weathers[i].name);
        while (all && all->child) {
            cJSON *one = cJSON_DetachItemViaPointer(all, all->child);
            cJSON_AddItemToObject(o, one->string, one);
        }
        cJSON_Delete(all);
        cJSON_AddItemToArray(array, o);
    }
    return array;
}

static const base_option_custom weathers_option = { read_weathers, print_weathers };

/* ---- towns: an array of seeds ---- */

static bool read_towns(void *field, const base_json *j, const cJSON *value, base_error *err)
{
    dataset_collect_group *g = (dataset_collect_group *)(void *)((char *)field - offsetof(dataset_collect_group, towns));
    const cJSON *e;
    int n = 0;
    if (!cJSON_IsArray(value) || cJSON_GetArraySize(value) > DATASET_MAX_GROUP_TOWNS)
        return base_json_fail(j, value, err, "\"towns\": an array of up to %d seeds expected", DATASET_MAX_GROUP_TOWNS);
    cJSON_ArrayForEach(e, value)
    {
        if (!cJSON_IsNumber(e) || !(e->valuedouble >= 0 && e->valuedouble <= 9007199254740992.0) ||
            e->valuedouble != floor(e->valuedouble))
            return base_json_fail(j, e, err, "\"towns\": whole numbers of 0 to 2^53 expected");
        g->towns[n++] = (uint64_t)e->valuedouble;
    }
    g->town_count = n;
    return true;
}

static cJSON *print_towns(const void *field)
{
    const dataset_collect_group *g =
        (const dataset_collect_group *)(const void *)((const char *)field - offsetof(dataset_collect_group, towns));
    cJSON *array = cJSON_CreateArray();
    for (int i = 0; i < g->town_count; i++)
        cJSON_AddItemToArray(array, cJSON_CreateNumber((double)g->towns[i]));
    return array;
}

static const base_option_custom towns_option = { read_towns, print_towns };

/* ---- groups ---- */

#define PERTURBATION(field, most, text)                                                                                        \
    {                                                                                                                          \
        .key = #field, .type = BASE_OPTION_DOUBLE, .offset = offsetof(agents_perturbation, field), .hi = most, .help = text    \
    }
static const base_option perturbation_table[] = {
    PERTURBATION(wander_m, 3, "drift about the lane's centre"),
    PERTURBATION(impulse_m, 3, "sideways push of a steering impulse"),
    { .key = "impulse_every_s",
      .type = BASE_OPTION_DOUBLE,
      .offset = offsetof(agents_perturbation, impulse_every_s),
      .lo = 0.5,
      .hi = 1000,
      .help = "mean time between impulses" },
    { .key = "impulse_length_s",
      .type = BASE_OPTION_DOUBLE,
      .offset = offsetof(agents_perturbation, impulse_length_s),
      .lo = 0.1,
      .hi = 10,
      .help = "length of one impulse" },
    PERTURBATION(noise_steer, 0.5, "deviation of noise on the command"),
};

static const base_option group_table[] = {
    { .key = "map", .type = BASE_OPTION_STRING, .offset = offsetof(dataset_collect_group, map), .size = 256 },
    { .key = "split",
      .type = BASE_OPTION_ENUM,
      .offset = offsetof(dataset_collect_group, split),
      .names = dataset_split_names },
    { .key = "episodes",
      .type = BASE_OPTION_INT,
      .offset = offsetof(dataset_collect_group, episodes),
      .lo = 1,
      .hi = MAX_PLAN },
    { .key = "frames",
      .type = BASE_OPTION_INT,
      .offset = offsetof(dataset_collect_group, frames),
      .lo = 1,
      .hi = 999999,
      .help = "kept per episode" },
    { .key = "weathers",
      .type = BASE_OPTION_CUSTOM,
      .offset = offsetof(dataset_collect_group, weathers),
      .custom = &weathers_option },
    { .key = "towns", .type = BASE_OPTION_CUSTOM, .offset = offsetof(dataset_collect_group, towns), .custom = &towns_option },
    { .key = "vehicles", .type = BASE_OPTION_INT, .offset = offsetof(dataset_collect_group, vehicles), .hi = 200 },
    { .key = "sun_azimuth_spread_deg",
      .type = BASE_OPTION_DOUBLE,
      .offset = offsetof(dataset_collect_group, sun_azimuth_spread_deg),
      .hi = 180 },
    { .key = "sun_altitude_spread_deg",
      .type = BASE_OPTION_DOUBLE,
      .offset = offsetof(dataset_collect_group, sun_altitude_spread_deg),
      .hi = 90 },
    { .key = "spawn", .type = BASE_OPTION_INT, .offset = offsetof(dataset_collect_group, spawn), .lo = -1, .hi = 1000000 },
    { .key = "from_m", .type = BASE_OPTION_DOUBLE, .offset = offsetof(dataset_collect_group, from_m), .hi = 1e6 },
    { .key = "to_m", .type = BASE_OPTION_DOUBLE, .offset = offsetof(dataset_collect_group, to_m), .hi = 1e6 },
    { .key = "cruise_mps",
      .type = BASE_OPTION_DOUBLE,
      .offset = offsetof(dataset_collect_group, cruise_mps),
      .lo = 1,
      .hi = 40 },
    { .key = "perturbation",
      .type = BASE_OPTION_OBJECT,
      .offset = offsetof(dataset_collect_group, perturbation),
      .size = COUNT(perturbation_table),
      .table = perturbation_table },
};

static void group_default(dataset_collect_group *g)
{
    *g = (dataset_collect_group){ .map = "configs/maps/training_loop.xodr",
                                  .episodes = 1,
                                  .frames = 100,
                                  .weather_count = 1,
                                  .cruise_mps = 9,
                                  .perturbation = agents_expert_options_default().perturbation };
    strcpy(g->weathers[0].name, "ClearNoon");
    wire_weather_preset(&g->weathers[0].parameters, "ClearNoon");
}

static bool read_groups(void *field, const base_json *j, const cJSON *value, base_error *err)
{
    dataset_collect_config *c = (dataset_collect_config *)(void *)((char *)field - offsetof(dataset_collect_config, groups));
    dataset_collect_group fallback;
    group_default(&fallback);
    fallback.map[0] = 0; /* a group must say its map */
    if (!read_array(c->groups, &c->group_count, DATASET_MAX_GROUPS, sizeof *c->groups, &fallback, group_table,
                    COUNT(group_table), "episodes", j, value, err))
        return false;
    for (int i = 0; i < c->group_count; i++) {
        const cJSON *e = cJSON_GetArrayItem(value, i);
        if (!c->groups[i].map[0])
            return base_json_fail(j, e, err, "\"map\": an OpenDRIVE file or the name of a map expected");
        if (c->groups[i].to_m != 0 && c->groups[i].to_m <= c->groups[i].from_m)
            return base_json_fail(j, e, err, "\"to_m\": more than from_m (%g) expected, found %g", c->groups[i].from_m,
                                  c->groups[i].to_m);
    }
    return true;
}

static cJSON *print_groups(const void *field)
{
    const dataset_collect_config *c =
        (const dataset_collect_config *)(const void *)((const char *)field - offsetof(dataset_collect_config, groups));
    return print_array(c->groups, c->group_count, sizeof *c->groups, group_table, COUNT(group_table));
}

static const base_option_custom groups_option = { read_groups, print_groups };

static const base_option config_table[] = {
    { .key = "seed", .type = BASE_OPTION_U64, .offset = offsetof(dataset_collect_config, seed) },
    { .key = "dt_s",
      .type = BASE_OPTION_DOUBLE,
      .offset = offsetof(dataset_collect_config, dt_s),
      .lo = 0.005,
      .hi = 0.1,
      .help = "simulation step" },
    { .key = "vehicle", .type = BASE_OPTION_STRING, .offset = offsetof(dataset_collect_config, vehicle), .size = 64 },
    { .key = "cameras",
      .type = BASE_OPTION_CUSTOM,
      .offset = offsetof(dataset_collect_config, cameras),
      .custom = &cameras_option },
    { .key = "warmup_ticks", .type = BASE_OPTION_INT, .offset = offsetof(dataset_collect_config, warmup_ticks), .hi = 10000 },
    { .key = "keep_metres", .type = BASE_OPTION_DOUBLE, .offset = offsetof(dataset_collect_config, keep_metres), .hi = 1000 },
    { .key = "keep_degrees", .type = BASE_OPTION_DOUBLE, .offset = offsetof(dataset_collect_config, keep_degrees), .hi = 360 },
    { .key = "keep_seconds", .type = BASE_OPTION_DOUBLE, .offset = offsetof(dataset_collect_config, keep_seconds), .hi = 1000 },
    { .key = "quality",
      .type = BASE_OPTION_INT,
      .offset = offsetof(dataset_collect_config, quality),
      .hi = 3,
      .help = "of the embedded simulator: 0 plain, 1 with shadows, 2 also anti-aliased, 3 also cameras' default effects" },
    { .key = "camera_effects",
      .type = BASE_OPTION_BOOL,
      .offset = offsetof(dataset_collect_config, camera_effects),
      .help = "the colour cameras' enable_postprocess_effects" },
    { .key = "episodes",
      .type = BASE_OPTION_CUSTOM,
      .offset = offsetof(dataset_collect_config, groups),
      .custom = &groups_option },
};

dataset_collect_config *dataset_collect_config_default(void)
{
    dataset_collect_config *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    c->seed = 1;
    c->dt_s = 0.05;
    strcpy(c->vehicle, "vehicle.lincoln.mkz_2020");
    c->cameras[0] = camera_default();
    c->camera_count = 1;
    c->warmup_ticks = 20;
    c->keep_metres = 2;
    c->keep_degrees = 5;
    c->keep_seconds = 2;
    c->quality = 2;
    c->camera_effects = true;
    c->group_count = 1;
    group_default(&c->groups[0]);
    return c;
}

dataset_collect_config *dataset_collect_config_read(const char *path, base_error *err)
{
    base_json j;
    dataset_collect_config *c = dataset_collect_config_default();
    if (!c) {
        base_fail(err, BASE_MEMORY, "out of memory for a configuration");
        return NULL;
    }
    bool ok = base_json_read(&j, path, err);
    if (ok) {
        ok = base_options_read(c, config_table, COUNT(config_table), &j, j.root, err);
        base_json_free(&j);
    }
    if (ok)
        return c;
    dataset_collect_config_free(c);
    return NULL;
}

void dataset_collect_config_free(dataset_collect_config *c) { free(c); }

cJSON *dataset_collect_config_print(const dataset_collect_config *c)
{
    return base_options_print(c, config_table, COUNT(config_table));
}

/* ---- expansion ---- */

/* "configs/maps/training_loop.xodr" and "Carla/Maps/Town01" to "training_loop" and "Town01". */
static bool map_name(const char *map, char out[DATASET_NAME_BYTES], base_error *err)
{
    const char *slash = strrchr(map, '/');
    char name[256];
    snprintf(name, sizeof name, "%s", slash ? slash + 1 : map);
    size_t n = strlen(name);
    if (n > 5 && !strcmp(name + n - 5, ".xodr"))
        name[n - 5] = 0;
    if (!dataset_name_check(name, "map", err))
        return false;
    snprintf(out, DATASET_NAME_BYTES, "%s", name);
    return true;
}

static double wrap360(double deg)
{
    double r = fmod(deg, 360.0);
    return r < 0 ? r + 360.0 : r;
}

bool dataset_collect_expand(const dataset_collect_config *c, dataset_collect_episode **episodes, int *count, base_error *err)
{
    int64_t total = 0;
    for (int g = 0; g < c->group_count; g++)
        total += c->groups[g].episodes;
    if (total < 1 || total > MAX_PLAN)
        return base_fail(err, BASE_ARGUMENT, "1 to %d episodes expected, found %lld", MAX_PLAN, (long long)total);
    *count = 0;
    *episodes = calloc((size_t)total, sizeof **episodes);
    if (!*episodes)
        return base_fail(err, BASE_MEMORY, "out of memory for %lld episodes", (long long)total);
    for (int g = 0; g < c->group_count; g++) {
        const dataset_collect_group *group = &c->groups[g];
        for (int k = 0; k < group->episodes; k++) {
            int number = (*count)++;
            dataset_collect_episode *e = &(*episodes)[number];
            base_random r = base_random_start(c->seed, "episode", (uint64_t)number, 0);
            e->group = group;
            e->seed = base_random_bits(&r);
            e->weather = group->weathers[k % group->weather_count];
            e->town = group->town_count ? group->towns[(int64_t)k * group->town_count / group->episodes] : c->seed;
            double turn = base_random_range(&r, -1, 1) * group->sun_azimuth_spread_deg,
                   rise = base_random_range(&r, -1, 1) * group->sun_altitude_spread_deg, jitter = base_random_uniform(&r);
            wire_weather *w = &e->weather.parameters;
            w->sun_azimuth_angle = (float)wrap360(w->sun_azimuth_angle + turn);
            w->sun_altitude_angle = (float)fmax(-90, fmin(90, w->sun_altitude_angle + rise));
            e->place = group->episodes > 1 ? (k + 0.5 * jitter) / group->episodes : 0;
            if (!map_name(group->map, e->map_name, err)) {
                free(*episodes);
                *episodes = NULL;
                return false;
            }
        }
    }
    return true;
}
