/* Handlers: version, episode, map, settings, weather, ticks, streams, traffic managers. */
#include "base/clock.h"
#include "sim/town/handler.h"
#include <assert.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

HANDLER(version) { return RESULT(const char *, wire_version_name(town_wire_version(c->server))); }

/* ---- maps ---- */

static int compare_text(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

HANDLER(get_available_maps)
{
    const town_server *s = c->server;
    wire_text_list *out = c->result;
    char **names = wire_memory_take(c->memory, TOWN_MAPS_MAX * 2, sizeof *names, c->err);
    if (!names)
        return false;
    size_t count = 0;
    DIR *dir = s->maps_dir[0] ? opendir(s->maps_dir) : NULL;
    for (struct dirent *e; dir && count < TOWN_MAPS_MAX && (e = readdir(dir));) {
        size_t length = strlen(e->d_name);
        if (length <= 5 || strcmp(e->d_name + length - 5, ".xodr"))
            continue;
        char *name = wire_memory_take(c->memory, length + 32, 1, c->err);
        if (!name)
            break;
        snprintf(name, length + 32, "/Game/Carla/Maps/%.*s", (int)length - 5, e->d_name);
        names[count++] = name;
    }
    if (dir)
        closedir(dir);
    for (int i = 0; i < s->map_count && count < 2 * TOWN_MAPS_MAX; i++) {
        char full[320];
        snprintf(full, sizeof full, "/Game/Carla/Maps/%s", town_map_name(s->maps[i]));
        bool known = false;
        for (size_t k = 0; k < count; k++)
            known |= !strcmp(names[k], full);
        char *copy = known ? NULL : wire_memory_take(c->memory, strlen(full) + 1, 1, c->err);
        if (copy)
            names[count++] = strcpy(copy, full);
    }
    qsort(names, count, sizeof *names, compare_text);
    *out = (wire_text_list){ (const char **)names, count };
    return true;
}

HANDLER(get_map_info)
{
    wire_map_info *out = c->result;
    const town_map *map = town_world_map(c->world);
    int count;
    const base_pose *points = town_map_spawn_points(map, &count);
    char *name = wire_memory_take(c->memory, 320, 1, c->err);
    wire_transform *t = wire_memory_take(c->memory, (size_t)count + 1, sizeof *t, c->err);
    if (!name || !t)
        return false;
    snprintf(name, 320, "Carla/Maps/%s", town_map_name(map));
    for (int i = 0; i < count; i++)
        t[i] = wire_transform_from_pose(points[i]);
    *out = (wire_map_info){ name, { t, (size_t)count } };
    return true;
}

HANDLER(get_map_data)
{
    size_t bytes;
    return RESULT(const char *, town_map_xodr(town_world_map(c->world), &bytes));
}

/* CARLA's folders are those of its Content tree; "Nav" means the folder of that name among the map's. "" is all. */
static bool lies_below(const char *file, const char *folder)
{
    size_t length = strlen(folder);
    while (length > 0 && folder[length - 1] == '/')
        length--;
    while (length > 0 && *folder == '/')
        folder++, length--;
    if (length == 0)
        return true;
    for (const char *at = file; at; at = strchr(at, '/') ? strchr(at, '/') + 1 : NULL)
        if (!strncmp(at, folder, length) && at[length] == '/')
            return true;
    return false;
}

HANDLER(get_required_files)
{
    ARGS(wire_args_text);
    const town_map *map = town_world_map(c->world);
    wire_text_list *out = c->result;
    out->items = wire_memory_take(c->memory, (size_t)town_map_file_count(), sizeof *out->items, c->err);
    if (!out->items)
        return false;
    for (int i = 0; i < town_map_file_count(); i++) {
        char *name = wire_memory_take(c->memory, 400, 1, c->err);
        if (!name)
            return false;
        if (town_map_file_name(map, i, name, 400) && lies_below(name, a->text))
            out->items[out->count++] = name;
    }
    return true;
}

HANDLER(request_file)
{
    ARGS(wire_args_text);
    const void *data;
    wire_bytes *out = c->result;
    if (!town_map_file(town_world_map(c->world), a->text, &data, &out->bytes))
        return base_fail(c->err, BASE_REMOTE, "request_file: '%.200s' is none of the map's files", a->text);
    out->data = data;
    return true;
}

HANDLER(get_navigation_mesh)
{
    const town_map *map = town_world_map(c->world);
    wire_bytes mesh = { map->navigation, map->navigation_bytes };
    return RESULT(wire_bytes, mesh);
}

HANDLER(console_command)
{
    ARGS(wire_args_text);
    return base_fail(c->err, BASE_UNSUPPORTED, "console_command: '%.100s' was not run, there is no Unreal console here",
                     a->text);
}

/* How long a new world that ticks by itself waits for its first tick. Client 0.9.16 leaves its snapshot stream and joins it again as soon as
 * load_new_episode is answered; a snapshot meanwhile makes it crash, because the old subscription then outlives the new one and ends it. */
#define REJOIN_S 0.08

bool town_server_enter(town_server *s, const town_map *map, bool reset_settings, base_error *err)
{
    if (!map || !town_episode_restart(s->world, map, reset_settings, err))
        return false;
    town_snapshot_map_changed(s);
    s->next_tick_s = base_clock_s() + REJOIN_S;
    town_streams_prune(s);
    return true;
}

HANDLER(load_new_episode)
{
    ARGS(wire_args_load);
    if (!town_server_enter(c->server, town_server_map(c->server, a->map_name, c->err), a->reset_settings, c->err))
        return false;
    town_layers_set(c->world, a->map_layers);
    return true;
}

HANDLER(copy_opendrive_to_file)
{
    ARGS(wire_args_opendrive); /* nothing is written: the next load_new_episode("OpenDriveMap") finds it in memory */
    const wire_opendrive_parameters *p = &a->parameters;
    town_scenery_options scenery = town_scenery_options_default();
    scenery.wall_height_m = p->wall_height;
    scenery.additional_width_m = p->additional_width;
    if (p->vertex_distance != 0)
        scenery.vertex_distance_m = p->vertex_distance;
    if (!town_scenery_options_check(&scenery, c->err))
        return false;
    town_map *map = town_map_parse(a->xodr, strlen(a->xodr), "OpenDriveMap", c->err);
    if (map)
        map->scenery = scenery;
    return map && town_server_map_add(c->server, map, c->err);
}

/* ---- episode ---- */

static wire_token token_of(const town_server *s, uint32_t stream)
{
    return (wire_token){ .stream_id = stream, .port = (uint16_t)s->stream_port, .protocol = 1 };
}

HANDLER(get_episode_info)
{
    wire_episode_info info = { town_episode_id(c->world), token_of(c->server, WIRE_STREAM_SNAPSHOT) };
    return RESULT(wire_episode_info, info);
}

HANDLER(get_sensor_token)
{
    ARGS(wire_args_stream);
    town_stream_expect(c->server, a->stream_id, base_clock_s());
    return RESULT(wire_token, token_of(c->server, a->stream_id));
}

HANDLER(get_episode_settings)
{
    town_settings s = town_settings_get(c->world);
    wire_episode_settings out = {
        s.synchronous_mode,      s.no_rendering_mode,      { s.has_fixed_delta, s.fixed_delta_s },
        s.substepping,           s.max_substep_delta_s,    s.max_substeps,
        s.max_culling_distance,  s.deterministic_ragdolls, s.tile_stream_distance,
        s.actor_active_distance, s.spectator_as_ego,
    };
    return RESULT(wire_episode_settings, out);
}

HANDLER(set_episode_settings)
{
    const wire_episode_settings *w = &((const wire_args_settings *)c->args)->settings;
    bool fixed = w->fixed_delta_seconds.has && w->fixed_delta_seconds.value != 0; /* 0 means "variable" too */
    town_settings s = {
        w->synchronous_mode,
        w->no_rendering_mode,
        fixed,
        fixed ? w->fixed_delta_seconds.value : 0,
        w->substepping,
        w->max_substep_delta_time,
        w->max_substeps,
        w->max_culling_distance,
        w->deterministic_ragdolls,
        w->tile_stream_distance,
        w->actor_active_distance,
        w->spectator_as_ego,
    };
    return town_settings_set(c->world, &s, c->err) && RESULT(uint64_t, town_frame(c->world));
}

HANDLER(tick_cue) { return RESULT(uint64_t, town_server_cue(c->server)); }

HANDLER(get_weather_parameters)
{
    static_assert(sizeof(town_weather) == sizeof(wire_weather), "same fields in the same order");
    town_weather w = town_weather_get(c->world);
    memcpy(c->result, &w, sizeof w);
    return true;
}

HANDLER(set_weather_parameters)
{
    town_weather w;
    memcpy(&w, &((const wire_args_weather *)c->args)->weather, sizeof w);
    town_weather_set(c->world, &w);
    return true;
}

HANDLER(get_imui_gravity) { return RESULT(float, town_imu_gravity_get(c->world)); }

HANDLER(set_imui_gravity)
{
    ARGS(wire_args_f32);
    return town_imu_gravity_set(c->world, a->value, c->err);
}

/* ---- traffic managers: clients host them, the server only keeps the list ---- */

static town_manager *manager_at(town_server *s, uint16_t port)
{
    for (int i = 0; i < TOWN_MANAGERS_MAX; i++)
        if (s->managers[i].port == port)
            return &s->managers[i];
    return NULL;
}

HANDLER(is_traffic_manager_running)
{
    ARGS(wire_args_u16);
    return RESULT(bool, a->value &&manager_at(c->server, a->value));
}

HANDLER(get_traffic_manager_running)
{
    ARGS(wire_args_u16);
    const town_manager *m = a->value ? manager_at(c->server, a->value) : NULL;
    wire_endpoint none = { "", 0 }, found = { m ? m->host : "", m ? m->port : 0 };
    return RESULT(wire_endpoint, m ? found : none);
}

HANDLER(add_traffic_manager_running)
{
    ARGS(wire_args_endpoint);
    town_manager *entry = manager_at(c->server, 0);
    bool free_port =
        a->endpoint.port && !manager_at(c->server, a->endpoint.port) && entry && strlen(a->endpoint.host) < sizeof entry->host;
    if (free_port) {
        snprintf(entry->host, sizeof entry->host, "%s", a->endpoint.host);
        entry->port = a->endpoint.port;
    }
    return RESULT(bool, free_port);
}

HANDLER(destroy_traffic_manager)
{
    ARGS(wire_args_u16);
    town_manager *m = a->value ? manager_at(c->server, a->value) : NULL;
    if (m)
        *m = (town_manager){ .port = 0 };
    return RESULT(bool, m != NULL);
}

const town_row town_rows_world[] = {
    { WIRE_METHOD_version, version },
    { WIRE_METHOD_get_available_maps, get_available_maps },
    { WIRE_METHOD_get_episode_info, get_episode_info },
    { WIRE_METHOD_get_map_info, get_map_info },
    { WIRE_METHOD_get_map_data, get_map_data },
    { WIRE_METHOD_get_required_files, get_required_files },
    { WIRE_METHOD_request_file, request_file },
    { WIRE_METHOD_get_navigation_mesh, get_navigation_mesh },
    { WIRE_METHOD_console_command, console_command },
    { WIRE_METHOD_get_episode_settings, get_episode_settings },
    { WIRE_METHOD_set_episode_settings, set_episode_settings },
    { WIRE_METHOD_tick_cue, tick_cue },
    { WIRE_METHOD_load_new_episode, load_new_episode },
    { WIRE_METHOD_copy_opendrive_to_file, copy_opendrive_to_file },
    { WIRE_METHOD_get_weather_parameters, get_weather_parameters },
    { WIRE_METHOD_set_weather_parameters, set_weather_parameters },
    { WIRE_METHOD_get_imui_gravity, get_imui_gravity },
    { WIRE_METHOD_set_imui_gravity, set_imui_gravity },
    { WIRE_METHOD_get_sensor_token, get_sensor_token },
    { WIRE_METHOD_is_traffic_manager_running, is_traffic_manager_running },
    { WIRE_METHOD_get_traffic_manager_running, get_traffic_manager_running },
    { WIRE_METHOD_add_traffic_manager_running, add_traffic_manager_running },
    { WIRE_METHOD_destroy_traffic_manager, destroy_traffic_manager },
    { WIRE_METHOD_COUNT, NULL },
};
