/* Maps: loading, and finding them by name. */
#include "base/file.h"
#include "base/process.h"
#include "sim/town/navmesh.h"
#include "sim/town/serve.h"
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A map whose sidewalks are too many for one mesh has none; the client then says that there is no navigation. */
static bool make_navigation(town_map *m, base_error *err)
{
    nav_mesh mesh = { 0 };
    base_buffer file = { 0 };
    base_error why = { 0 };
    bool ok = nav_mesh_build(&mesh, m->road, &why) && nav_mesh_write(&mesh, &file, &why);
    nav_mesh_free(&mesh);
    if (ok) {
        m->navigation = file.data; /* the buffer's memory becomes the map's */
        m->navigation_bytes = file.bytes;
        return true;
    }
    base_buffer_free(&file);
    return why.code == BASE_UNSUPPORTED || base_fail(err, BASE_MEMORY, "%s: %s", town_map_name(m), why.text);
}

static town_map *map_of(char *text, size_t bytes, const char *name, base_error *err)
{
    town_map *m = calloc(1, sizeof *m);
    if (!m) {
        free(text);
        base_fail(err, BASE_MEMORY, "%s: out of memory", name);
        return NULL;
    }
    m->xodr = text;
    m->xodr_bytes = bytes;
    m->scenery = town_scenery_options_default();
    m->road = road_map_parse(text, bytes, name, NULL, err);
    if (!m->road || !make_navigation(m, err)) {
        town_map_destroy(m);
        return NULL;
    }
    return m;
}

town_map *town_map_load(const char *path, base_error *err)
{
    unsigned char *text = NULL;
    size_t bytes;
    if (!base_file_read(path, ROAD_XML_BYTES_MAX, &text, &bytes, err))
        return NULL;
    const char *slash = strrchr(path, '/');
    char name[256];
    snprintf(name, sizeof name, "%s", slash ? slash + 1 : path);
    char *dot = strrchr(name, '.');
    if (dot && !strcmp(dot, ".xodr"))
        *dot = 0;
    town_map *m = map_of((char *)text, bytes, name, err);
    if (!m)
        base_fail_in(err, "%s", path);
    return m;
}

town_map *town_map_parse(const char *xodr, size_t bytes, const char *name, base_error *err)
{
    char *copy = malloc(bytes + 1);
    if (!copy) {
        base_fail(err, BASE_MEMORY, "%s: out of memory", name);
        return NULL;
    }
    memcpy(copy, xodr, bytes);
    copy[bytes] = 0;
    return map_of(copy, bytes, name, err);
}

void town_map_destroy(town_map *m)
{
    if (!m)
        return;
    road_map_destroy(m->road);
    free(m->xodr);
    free(m->navigation);
    free(m);
}

const char *town_map_name(const town_map *m) { return road_map_describe(m->road).name; }

const char *town_map_xodr(const town_map *m, size_t *bytes)
{
    *bytes = m->xodr_bytes;
    return m->xodr;
}

const base_pose *town_map_spawn_points(const town_map *m, int *count)
{
    size_t n;
    const base_pose *points = road_map_spawn_points(m->road, &n);
    *count = (int)n;
    return points;
}

/* ---- finding ---- */

/* Beside the program: build/release/laneloop -> configs/maps three levels up at most; bin/laneloop -> ../share/laneloop/maps. */
bool town_maps_find(char *dir, size_t bytes, base_error *err)
{
    const char *given = getenv("LANELOOP_MAPS");
    if (given && *given) {
        if (base_file_exists(given) && snprintf(dir, bytes, "%s", given) < (int)bytes)
            return true;
        return base_fail(err, BASE_IO, "LANELOOP_MAPS is '%s': no such folder", given);
    }
    char self[1024];
    if (!base_process_self(self, sizeof self, err))
        return false;
    char *slash = strrchr(self, '/');
    *slash = 0;
    static const char *const beside[] = { "../share/laneloop/maps", "configs/maps",          "../configs/maps",
                                          "../../configs/maps",     "../../../configs/maps", "../../../../configs/maps" };
    for (size_t i = 0; i < sizeof beside / sizeof beside[0]; i++)
        if (snprintf(dir, bytes, "%s/%s", self, beside[i]) < (int)bytes && base_file_exists(dir))
            return true;
    return base_fail(
        err, BASE_IO,
        "no folder with maps: looked for %s/../share/laneloop/maps and for configs/maps in %s and up to four folders above; "
        "LANELOOP_MAPS can name it",
        self, self);
}

static int is_map(const struct dirent *e)
{
    size_t length = strlen(e->d_name);
    return length > 5 && !strcmp(e->d_name + length - 5, ".xodr");
}

static void list_names(const char *dir, char *text, size_t bytes)
{
    struct dirent **entries = NULL;
    int count = scandir(dir, &entries, is_map, alphasort);
    size_t used = 0;
    text[0] = 0;
    for (int i = 0; i < count; i++) {
        int length = (int)strlen(entries[i]->d_name) - 5;
        if (used + (size_t)length + 3 < bytes)
            used += (size_t)snprintf(text + used, bytes - used, "%s%.*s", used ? ", " : "", length, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
}

bool town_map_path(const char *maps_dir, const char *name, char *path, size_t bytes, base_error *err)
{
    size_t length = strlen(name);
    bool is_file = strchr(name, '/') || (length > 5 && !strcmp(name + length - 5, ".xodr"));
    if (is_file) {
        if (!base_file_exists(name))
            return base_fail(err, BASE_IO, "map '%s': no such file", name);
        return snprintf(path, bytes, "%s", name) < (int)bytes || base_fail(err, BASE_ARGUMENT, "map '%s': name too long", name);
    }
    if (snprintf(path, bytes, "%s/%s.xodr", maps_dir, name) < (int)bytes && base_file_exists(path))
        return true;
    char names[512];
    list_names(maps_dir, names, sizeof names);
    return base_fail(err, BASE_IO, "map '%s': not in %s, which has: %s", name, maps_dir, names[0] ? names : "no maps");
}

/* ---- files that a client may ask for: none of them is on disk ---- */

static const struct {
    const char *folder, *suffix;
} kinds_of_file[] = { { "OpenDrive", ".xodr" }, { "Nav", ".bin" } };

int town_map_file_count(void) { return (int)(sizeof kinds_of_file / sizeof kinds_of_file[0]); }

bool town_map_file_name(const town_map *m, int index, char *name, size_t bytes)
{
    bool there = index == 0 || m->navigation_bytes > 0;
    return there && snprintf(name, bytes, "Carla/Maps/%s/%s%s", kinds_of_file[index].folder, town_map_name(m),
                             kinds_of_file[index].suffix) < (int)bytes;
}

bool town_map_file(const town_map *m, const char *name, const void **data, size_t *bytes)
{
    char have[400];
    for (int i = 0; i < town_map_file_count(); i++)
        if (town_map_file_name(m, i, have, sizeof have) && !strcmp(have, name)) {
            *data = i ? (const void *)m->navigation : (const void *)m->xodr;
            *bytes = i ? m->navigation_bytes : m->xodr_bytes;
            return true;
        }
    return false;
}

/* ---- maps of a server ---- */

bool town_server_map_add(town_server *s, town_map *map, base_error *err)
{
    /* An older map of the same name goes, unless the world stands on it; the newest is last. */
    int count = 0;
    for (int i = 0; i < s->map_count; i++)
        if (s->maps[i] != town_world_map(s->world) && !strcmp(town_map_name(s->maps[i]), town_map_name(map)))
            town_map_destroy(s->maps[i]);
        else
            s->maps[count++] = s->maps[i];
    s->map_count = count;
    if (s->map_count == TOWN_MAPS_MAX) {
        town_map_destroy(map);
        return base_fail(err, BASE_MEMORY, "%d maps are loaded, no room for another", TOWN_MAPS_MAX);
    }
    s->maps[s->map_count++] = map;
    return true;
}

const town_map *town_server_map(town_server *s, const char *name, base_error *err)
{
    if (!*name)
        return town_world_map(s->world);
    /* Clients write "/Game/Carla/Maps/Town01"; only the last part counts, so no folder but ours is ever opened. */
    const char *slash = strrchr(name, '/');
    const char *last = slash ? slash + 1 : name;
    size_t length = strlen(last);
    if (length > 5 && !strcmp(last + length - 5, ".xodr"))
        length -= 5;
    for (int i = s->map_count - 1; i >= 0; i--) { /* the newest of several "OpenDriveMap" */
        const char *have = town_map_name(s->maps[i]);
        if (strlen(have) == length && !strncmp(have, last, length))
            return s->maps[i];
    }
    char path[1400];
    snprintf(path, sizeof path, "%s/%.*s.xodr", s->maps_dir, (int)(length > 200 ? 200 : length), last);
    if (!s->maps_dir[0] || last[0] == '.' || length == 0 || length > 200 || !base_file_exists(path)) {
        base_fail(err, BASE_REMOTE, "Map '%.200s' not found", name);
        return NULL;
    }
    town_map *map = town_map_load(path, err);
    return map && town_server_map_add(s, map, err) ? map : NULL;
}
