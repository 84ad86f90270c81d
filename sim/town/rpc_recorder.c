/* Handlers: recordings. They lie in one folder of the server's own; a client names a file in it, never a path. */
#include "base/file.h"
#include "sim/town/handler.h"
#include "sim/town/recording.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#define NAME_MAX_BYTES 100

/* The folder from the options, or the user's own for state. */
static bool folder(const town_server *s, char *dir, size_t bytes, base_error *err)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    int length = s->options.recordings ? snprintf(dir, bytes, "%s", s->options.recordings)
                 : state && *state     ? snprintf(dir, bytes, "%s/laneloop/recordings", state)
                 : home && *home       ? snprintf(dir, bytes, "%s/.local/state/laneloop/recordings", home)
                                       : -1;
    if (length < 0)
        return base_fail(err, BASE_IO, "no folder for recordings: neither --recordings nor XDG_STATE_HOME nor HOME is set");
    return (size_t)length < bytes || base_fail(err, BASE_ARGUMENT, "the folder of recordings has too long a name");
}

/* The reason is text for the client; nothing of the folder is told. */
static bool place(town_call *c, const char *name, bool create, char *path, size_t bytes)
{
    char dir[1024];
    bool plain = *name && *name != '.' && strlen(name) <= NAME_MAX_BYTES;
    for (const char *p = name; plain && *p; p++)
        plain = isalnum((unsigned char)*p) || strchr("._-+ ", *p);
    if (!plain)
        return base_fail(
            c->err, BASE_ARGUMENT,
            "%s: '%.120s' is no name for a recording: 1 to %d letters, digits, '.', '_', '-', '+' or spaces, without a "
            "folder",
            c->method->name, name, NAME_MAX_BYTES);
    return folder(c->server, dir, sizeof dir, c->err) && (!create || base_dir_create(dir, c->err)) &&
           base_path_join(path, bytes, dir, name, c->err);
}

/* Text that lives as long as the answer. */
static bool answer(town_call *c, const char *text, size_t bytes)
{
    char *copy = wire_memory_take(c->memory, bytes + 1, 1, c->err);
    if (!copy)
        return false;
    memcpy(copy, text, bytes);
    copy[bytes] = 0;
    return RESULT(const char *, copy);
}

HANDLER(start_recorder)
{
    ARGS(wire_args_text_flag);
    char path[1200];
    return place(c, a->text, true, path, sizeof path) && town_recorder_start(c->world, path, a->flag, c->err) &&
           answer(c, a->text, strlen(a->text));
}

HANDLER(stop_recorder)
{
    town_recorder_stop(c->world);
    return true;
}

/* ---- questions ---- */

/* CARLA answers with a text, not with an error, when there is no such file. */
static bool no_file(town_call *c, const char *name)
{
    char text[NAME_MAX_BYTES + 64];
    int length = snprintf(text, sizeof text, "File %s not found on server\n", name);
    return answer(c, text, (size_t)length);
}

typedef void (*describer)(const recording *r, const void *how, base_buffer *out);

static bool describe(town_call *c, const char *name, describer how, const void *with)
{
    char path[1200];
    if (!place(c, name, false, path, sizeof path))
        return false;
    if (!base_file_exists(path))
        return no_file(c, name);
    recording r;
    if (!recording_read(&r, path, name, c->err))
        return false;
    base_buffer out = { .max_bytes = (size_t)16 << 20 };
    how(&r, with, &out);
    bool ok = out.failed ? base_fail(c->err, BASE_MEMORY, "%s: out of memory for the text", name)
                         : answer(c, (const char *)out.data, out.bytes);
    base_buffer_free(&out);
    recording_free(&r);
    return ok;
}

static void as_info(const recording *r, const void *how, base_buffer *out) { recording_describe(r, *(const bool *)how, out); }

HANDLER(show_recorder_file_info)
{
    ARGS(wire_args_text_flag);
    return describe(c, a->text, as_info, &a->flag);
}

static void as_collisions(const recording *r, const void *how, base_buffer *out)
{
    const wire_args_recorder_collisions *a = how;
    recording_collisions(r, (char)a->type1, (char)a->type2, out);
}

HANDLER(show_recorder_collisions)
{
    ARGS(wire_args_recorder_collisions);
    if (!a->type1 || !a->type2 || !strchr("hvwtoa", a->type1) || !strchr("hvwtoa", a->type2))
        return base_fail(c->err, BASE_ARGUMENT, "show_recorder_collisions: types are two of h, v, w, t, o, a");
    return describe(c, a->name, as_collisions, a);
}

static void as_blocked(const recording *r, const void *how, base_buffer *out)
{
    const wire_args_recorder_blocked *a = how;
    recording_blocked(r, a->min_time, a->min_distance, out);
}

HANDLER(show_recorder_actors_blocked)
{
    ARGS(wire_args_recorder_blocked);
    return describe(c, a->name, as_blocked, a);
}

/* ---- replays ---- */

/* A recording is played on its own map. */
static bool go_to_map(town_call *c, const char *path, const char *name)
{
    recording r;
    if (!recording_read(&r, path, name, c->err))
        return false;
    const char *slash = strrchr(r.map, '/'), *map = slash ? slash + 1 : r.map;
    const town_map *here = town_world_map(c->world);
    bool ok = true;
    if (*map && (!here || strcmp(town_map_name(here), map)))
        ok = town_server_enter(c->server, town_server_map(c->server, map, c->err), false, c->err);
    recording_free(&r);
    return ok;
}

HANDLER(replay_file)
{
    ARGS(wire_args_replay);
    char path[1200];
    if (!place(c, a->name, false, path, sizeof path))
        return false;
    if (!base_file_exists(path))
        return no_file(c, a->name);
    if (!isfinite(a->start) || !isfinite(a->duration) || a->duration < 0)
        return base_fail(c->err, BASE_ARGUMENT, "replay_file: from %g s for %g s", a->start, a->duration);
    if (!go_to_map(c, path, a->name))
        return false;
    town_replay_options o = {
        .start_s = a->start, .duration_s = a->duration, .follow = a->follow_id, .sensors = a->replay_sensors
    };
    o.offset = town_wire_version(c->server) >= WIRE_0_9_16 ? wire_transform_to_pose(a->offset)
                                                           : (base_pose){ { -10, 0, 5 }, { -25, 0, 0 } };
    double from_s, to_s;
    if (!town_replay_start(c->world, path, a->name, &o, &from_s, &to_s, c->err))
        return false;
    char text[400];
    int length = snprintf(text, sizeof text, "Replaying File: %s\nReplaying from %.2f s - %.2f s (%.2f s) at %.1fx\n", a->name,
                          from_s, to_s, to_s - from_s, town_replay_factor_get(c->world));
    return answer(c, text, (size_t)length);
}

HANDLER(stop_replayer)
{
    ARGS(wire_args_flag);
    town_replay_stop(c->world, a->flag);
    town_streams_prune(c->server);
    return true;
}

HANDLER(set_replayer_time_factor)
{
    ARGS(wire_args_f64);
    return town_replay_factor_set(c->world, a->value, c->err);
}

HANDLER(set_replayer_ignore_hero)
{
    ARGS(wire_args_flag);
    town_replay_ignore_hero_set(c->world, a->flag);
    return true;
}

HANDLER(set_replayer_ignore_spectator)
{
    ARGS(wire_args_flag);
    town_replay_ignore_spectator_set(c->world, a->flag);
    return true;
}

const town_row town_rows_recorder[] = {
    { WIRE_METHOD_start_recorder, start_recorder },
    { WIRE_METHOD_stop_recorder, stop_recorder },
    { WIRE_METHOD_show_recorder_file_info, show_recorder_file_info },
    { WIRE_METHOD_show_recorder_collisions, show_recorder_collisions },
    { WIRE_METHOD_show_recorder_actors_blocked, show_recorder_actors_blocked },
    { WIRE_METHOD_replay_file, replay_file },
    { WIRE_METHOD_stop_replayer, stop_replayer },
    { WIRE_METHOD_set_replayer_time_factor, set_replayer_time_factor },
    { WIRE_METHOD_set_replayer_ignore_hero, set_replayer_ignore_hero },
    { WIRE_METHOD_set_replayer_ignore_spectator, set_replayer_ignore_spectator },
    { WIRE_METHOD_COUNT, NULL },
};
