#include "dataset/format.h"
#include "base/json.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const dataset_split_names[DATASET_SPLITS + 1] = { "train", "val", "test", NULL };
const char *const dataset_kind_names[DATASET_KINDS + 1] = { "rgb", "seg", "depth", NULL };

bool dataset_name_check(const char *name, const char *what, base_error *err)
{
    size_t n = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.");
    if (n == 0 || name[n] || n >= DATASET_NAME_BYTES || !strcmp(name, ".") || !strcmp(name, ".."))
        return base_fail(err, BASE_FORMAT, "%s: a name of 1 to %d letters, digits, '_', '-', '.' expected, found '%.60s'", what,
                         DATASET_NAME_BYTES - 1, name);
    return true;
}

dataset_intrinsics dataset_camera_intrinsics(const dataset_camera *c)
{
    double f = c->width_px / (2.0 * tan(BASE_RAD(c->fov_deg) / 2.0));
    return (dataset_intrinsics){ f, f, c->width_px / 2.0, c->height_px / 2.0 };
}

void dataset_frame_id(const dataset_frame *f, char id[DATASET_ID_BYTES])
{
    snprintf(id, DATASET_ID_BYTES, "%06u_%06u", (unsigned)(f->episode % 1000000), (unsigned)(f->index % 1000000));
}

bool dataset_file_path(const dataset_info *info, const dataset_frame *f, int camera, dataset_kind kind, char *out, size_t bytes,
                       base_error *err)
{
    char id[DATASET_ID_BYTES];
    dataset_frame_id(f, id);
    int n = info->camera_count > 1
                ? snprintf(out, bytes, "%s/%s/%s/%s.png", dataset_kind_names[kind], dataset_split_names[f->split],
                           info->cameras[camera].name, id)
                : snprintf(out, bytes, "%s/%s/%s.png", dataset_kind_names[kind], dataset_split_names[f->split], id);
    if (n < 0 || (size_t)n >= bytes)
        return base_fail(err, BASE_ARGUMENT, "the path of frame %s needs %d bytes, %zu are there", id, n + 1, bytes);
    return true;
}

/* ---- dataset.json ---- */

static bool camera_check(const dataset_camera *c, base_error *err)
{
    if (!dataset_name_check(c->name, "camera name", err))
        return false;
    if (c->width_px < 1 || c->height_px < 1 || c->width_px > DATASET_MAX_IMAGE_SIDE || c->height_px > DATASET_MAX_IMAGE_SIDE)
        return base_fail(err, BASE_FORMAT, "camera %s: %d x %d pixels, sides of 1 to %d expected", c->name, c->width_px,
                         c->height_px, DATASET_MAX_IMAGE_SIDE);
    if (!(c->fov_deg > 0 && c->fov_deg < 180))
        return base_fail(err, BASE_FORMAT, "camera %s: a field of view between 0 and 180 degrees expected, found %g", c->name,
                         c->fov_deg);
    for (int k = 0; k < DATASET_KINDS; k++)
        if (c->has[k])
            return true;
    return base_fail(err, BASE_FORMAT, "camera %s: no images: at least one of rgb, seg, depth expected", c->name);
}

bool dataset_info_check(const dataset_info *info, base_error *err)
{
    if (info->camera_count < 1 || info->camera_count > DATASET_MAX_CAMERAS)
        return base_fail(err, BASE_FORMAT, "1 to %d cameras expected, found %d", DATASET_MAX_CAMERAS, info->camera_count);
    for (int i = 0; i < info->camera_count; i++) {
        if (!camera_check(&info->cameras[i], err))
            return false;
        for (int k = 0; k < i; k++)
            if (!strcmp(info->cameras[i].name, info->cameras[k].name))
                return base_fail(err, BASE_FORMAT, "two cameras are named %s", info->cameras[i].name);
    }
    if (info->map_count < 1 || info->map_count > DATASET_MAX_MAPS)
        return base_fail(err, BASE_FORMAT, "1 to %d maps expected, found %d", DATASET_MAX_MAPS, info->map_count);
    for (int i = 0; i < info->map_count; i++) {
        if (!dataset_name_check(info->maps[i].name, "map name", err))
            return false;
        for (int k = 0; k < i; k++)
            if (!strcmp(info->maps[i].name, info->maps[k].name))
                return base_fail(err, BASE_FORMAT, "two maps are named %s", info->maps[i].name);
    }
    if (info->taxonomy.count < 1 || info->taxonomy.count > DATASET_MAX_TAGS)
        return base_fail(err, BASE_FORMAT, "1 to %d tags expected, found %d", DATASET_MAX_TAGS, info->taxonomy.count);
    for (int i = 0; i < info->taxonomy.count; i++)
        if (!dataset_name_check(info->taxonomy.tags[i].name, "tag name", err))
            return false;
    if (!(info->dt_s > 0 && info->dt_s <= 10))
        return base_fail(err, BASE_FORMAT, "dt_s: a step of 0 to 10 s expected, found %g", info->dt_s);
    return dataset_name_check(info->server_version, "server version", err);
}

bool dataset_info_encode(base_buffer *out, const dataset_info *info, const char *plan, base_error *err)
{
    if (!dataset_info_check(info, err))
        return false;
    base_buffer_printf(out,
                       "{\n  \"format\": \"laneloop-dataset\",\n  \"format_version\": %d,\n  \"server_version\": \"%s\",\n",
                       DATASET_FORMAT_VERSION, info->server_version);
    const char *quote = info->seed > ((uint64_t)1 << 53) ? "\"" : "";
    base_buffer_printf(out, "  \"seed\": %s%" PRIu64 "%s,\n  \"dt_s\": %.10g,\n  \"maps\": [", quote, info->seed, quote,
                       info->dt_s);
    for (int i = 0; i < info->map_count; i++)
        base_buffer_printf(out, "%s\n    {\"name\": \"%s\", \"crc32\": \"%08" PRIx32 "\"}", i ? "," : "", info->maps[i].name,
                           info->maps[i].crc32);
    base_buffer_printf(out, "\n  ],\n  \"cameras\": [");
    for (int i = 0; i < info->camera_count; i++) {
        const dataset_camera *c = &info->cameras[i];
        dataset_intrinsics k = dataset_camera_intrinsics(c);
        base_buffer_printf(
            out,
            "%s\n    {\"name\": \"%s\", \"width_px\": %d, \"height_px\": %d, \"fov_deg\": %.10g,\n"
            "     \"intrinsics\": {\"fx\": %.10g, \"fy\": %.10g, \"cx\": %.10g, \"cy\": %.10g},\n"
            "     \"mount\": {\"x\": %.10g, \"y\": %.10g, \"z\": %.10g, \"pitch_deg\": %.10g, \"yaw_deg\": %.10g, "
            "\"roll_deg\": %.10g},\n     \"images\": [",
            i ? "," : "", c->name, c->width_px, c->height_px, c->fov_deg, k.fx, k.fy, k.cx, k.cy, c->mount.location.x,
            c->mount.location.y, c->mount.location.z, c->mount.rotation.pitch_deg, c->mount.rotation.yaw_deg,
            c->mount.rotation.roll_deg);
        for (int kind = 0, n = 0; kind < DATASET_KINDS; kind++)
            if (c->has[kind])
                base_buffer_printf(out, "%s\"%s\"", n++ ? ", " : "", dataset_kind_names[kind]);
        base_buffer_printf(out, "]}");
    }
    base_buffer_printf(out, "\n  ],\n  \"taxonomy\": [");
    for (int i = 0; i < info->taxonomy.count; i++) {
        const dataset_tag *t = &info->taxonomy.tags[i];
        base_buffer_printf(out, "%s\n    {\"tag\": %d, \"name\": \"%s\", \"rgb\": [%d, %d, %d]}", i ? "," : "", i, t->name,
                           t->rgb[0], t->rgb[1], t->rgb[2]);
    }
    base_buffer_printf(out, "\n  ]");
    if (plan)
        base_buffer_printf(out, ",\n  \"plan\": %s", plan);
    base_buffer_printf(out, "\n}\n");
    return !out->failed || base_fail(err, BASE_MEMORY, "out of memory for dataset.json");
}

/* The elements of an array member, at most `most`. NULL with err when it is none. */
static const cJSON *array_member(const base_json *j, const cJSON *object, const char *key, int most, int *count,
                                 base_error *err)
{
    const cJSON *a = base_json_member(j, object, key, err);
    if (!a)
        return NULL;
    if (!cJSON_IsArray(a)) {
        base_json_fail(j, a, err, "\"%s\": an array expected", key);
        return NULL;
    }
    *count = cJSON_GetArraySize(a);
    if (*count > most) {
        base_json_fail(j, a, err, "\"%s\": at most %d entries expected, found %d", key, most, *count);
        return NULL;
    }
    return a;
}

static bool read_name(const base_json *j, const cJSON *object, const char *key, char out[DATASET_NAME_BYTES], base_error *err)
{
    const char *text;
    base_error why = { 0 };
    if (!base_json_string(j, object, key, &text, err))
        return false;
    if (!dataset_name_check(text, key, &why))
        return base_json_fail(j, cJSON_GetObjectItemCaseSensitive(object, key), err, "%s", why.text);
    snprintf(out, DATASET_NAME_BYTES, "%s", text);
    return true;
}

static bool read_hex32(const base_json *j, const cJSON *object, const char *key, uint32_t *out, base_error *err)
{
    const char *text;
    if (!base_json_string(j, object, key, &text, err))
        return false;
    if (strlen(text) != 8 || strspn(text, "0123456789abcdef") != 8)
        return base_json_fail(j, cJSON_GetObjectItemCaseSensitive(object, key), err,
                              "\"%s\": 8 lower-case hexadecimal digits expected, found \"%.60s\"", key, text);
    *out = (uint32_t)strtoul(text, NULL, 16);
    return true;
}

static bool read_pose(const base_json *j, const cJSON *object, const char *key, base_pose *p, base_error *err)
{
    const cJSON *o = base_json_member(j, object, key, err);
    if (!o)
        return false;
    if (!cJSON_IsObject(o))
        return base_json_fail(j, o, err, "\"%s\": an object expected", key);
    return base_json_double(j, o, "x", &p->location.x, err) && base_json_double(j, o, "y", &p->location.y, err) &&
           base_json_double(j, o, "z", &p->location.z, err) &&
           base_json_double(j, o, "pitch_deg", &p->rotation.pitch_deg, err) &&
           base_json_double(j, o, "yaw_deg", &p->rotation.yaw_deg, err) &&
           base_json_double(j, o, "roll_deg", &p->rotation.roll_deg, err);
}

static int name_index(const char *const *names, const char *name)
{
    for (int i = 0; names[i]; i++)
        if (!strcmp(names[i], name))
            return i;
    return -1;
}

static bool camera_decode(dataset_camera *c, const base_json *j, const cJSON *o, base_error *err)
{
    int64_t w, h;
    int count;
    if (!cJSON_IsObject(o))
        return base_json_fail(j, o, err, "\"cameras\": objects expected");
    if (!read_name(j, o, "name", c->name, err) || !base_json_int(j, o, "width_px", 1, DATASET_MAX_IMAGE_SIDE, &w, err) ||
        !base_json_int(j, o, "height_px", 1, DATASET_MAX_IMAGE_SIDE, &h, err) ||
        !base_json_double(j, o, "fov_deg", &c->fov_deg, err) || !read_pose(j, o, "mount", &c->mount, err))
        return false;
    c->width_px = (int)w;
    c->height_px = (int)h;
    const cJSON *images = array_member(j, o, "images", DATASET_KINDS, &count, err), *e;
    if (!images)
        return false;
    cJSON_ArrayForEach(e, images)
    {
        int kind = cJSON_IsString(e) ? name_index(dataset_kind_names, e->valuestring) : -1;
        if (kind < 0 || c->has[kind])
            return base_json_fail(j, e, err, "\"images\": rgb, seg, depth, each at most once, expected");
        c->has[kind] = true;
    }
    return true;
}

static bool tag_decode(dataset_tag *t, int index, const base_json *j, const cJSON *o, base_error *err)
{
    int64_t tag;
    int count, k = 0;
    if (!cJSON_IsObject(o))
        return base_json_fail(j, o, err, "\"taxonomy\": objects expected");
    if (!base_json_int(j, o, "tag", index, index, &tag, err) || !read_name(j, o, "name", t->name, err))
        return false;
    const cJSON *rgb = array_member(j, o, "rgb", 3, &count, err), *e;
    if (!rgb)
        return false;
    if (count != 3)
        return base_json_fail(j, rgb, err, "\"rgb\": 3 values expected, found %d", count);
    cJSON_ArrayForEach(e, rgb)
    {
        if (!cJSON_IsNumber(e) || e->valuedouble < 0 || e->valuedouble > 255 || e->valuedouble != (int)e->valuedouble)
            return base_json_fail(j, e, err, "\"rgb\": whole numbers 0 to 255 expected");
        t->rgb[k++] = (uint8_t)e->valuedouble;
    }
    return true;
}

static bool info_decode(dataset_info *info, const base_json *j, base_error *err)
{
    const char *format;
    int64_t version;
    const cJSON *a, *e;
    if (!cJSON_IsObject(j->root))
        return base_json_fail(j, j->root, err, "an object expected");
    if (!base_json_string(j, j->root, "format", &format, err))
        return false;
    if (strcmp(format, "laneloop-dataset"))
        return base_json_fail(j, j->root, err, "\"format\": \"laneloop-dataset\" expected, found \"%.60s\"", format);
    if (!base_json_int(j, j->root, "format_version", 1, INT32_MAX, &version, err))
        return false;
    if (version != DATASET_FORMAT_VERSION)
        return base_fail(err, BASE_VERSION, "%s: format version %d, this build reads %d", j->name, (int)version,
                         DATASET_FORMAT_VERSION);
    if (!read_name(j, j->root, "server_version", info->server_version, err) ||
        !base_json_u64(j, j->root, "seed", &info->seed, err) || !base_json_double(j, j->root, "dt_s", &info->dt_s, err))
        return false;
    if (!(a = array_member(j, j->root, "maps", DATASET_MAX_MAPS, &info->map_count, err)))
        return false;
    int i = 0;
    cJSON_ArrayForEach(e, a)
    {
        if (!cJSON_IsObject(e))
            return base_json_fail(j, e, err, "\"maps\": objects expected");
        if (!read_name(j, e, "name", info->maps[i].name, err) || !read_hex32(j, e, "crc32", &info->maps[i].crc32, err))
            return false;
        i++;
    }
    if (!(a = array_member(j, j->root, "cameras", DATASET_MAX_CAMERAS, &info->camera_count, err)))
        return false;
    i = 0;
    cJSON_ArrayForEach(e, a)
    {
        if (!camera_decode(&info->cameras[i++], j, e, err))
            return false;
    }
    if (!(a = array_member(j, j->root, "taxonomy", DATASET_MAX_TAGS, &info->taxonomy.count, err)))
        return false;
    i = 0;
    cJSON_ArrayForEach(e, a)
    {
        if (!tag_decode(&info->taxonomy.tags[i], i, j, e, err))
            return false;
        i++;
    }
    return dataset_info_check(info, err) || base_fail_in(err, "%s", j->name);
}

bool dataset_info_decode(dataset_info *info, const char *text, size_t bytes, const char *name, base_error *err)
{
    base_json j;
    *info = (dataset_info){ 0 };
    if (!base_json_parse(&j, text, bytes, name, err))
        return false;
    bool ok = info_decode(info, &j, err);
    base_json_free(&j);
    return ok;
}

/* ---- one line of an episode ---- */

bool dataset_line_encode(base_buffer *out, const dataset_info *info, const dataset_frame *f, const dataset_file *files,
                         int file_count, base_error *err)
{
    char id[DATASET_ID_BYTES], path[256];
    dataset_frame_id(f, id);
    if (!dataset_name_check(f->map, "map name", err) || !dataset_name_check(f->weather, "weather name", err))
        return false;
    base_buffer_printf(out,
                       "{\"id\":\"%s\",\"tick\":%" PRIu32 ",\"time_s\":%.4f,\"split\":\"%s\",\"map\":\"%s\",\"weather\":\"%s\","
                       "\"sun_azimuth_deg\":%.4f,\"sun_altitude_deg\":%.4f,",
                       id, f->tick, f->time_s, dataset_split_names[f->split], f->map, f->weather, f->sun_azimuth_deg,
                       f->sun_altitude_deg);
    base_buffer_printf(out,
                       "\"pose\":{\"x\":%.4f,\"y\":%.4f,\"z\":%.4f,\"pitch_deg\":%.4f,\"yaw_deg\":%.4f,\"roll_deg\":%.4f},",
                       f->pose.location.x, f->pose.location.y, f->pose.location.z, f->pose.rotation.pitch_deg,
                       f->pose.rotation.yaw_deg, f->pose.rotation.roll_deg);
    base_buffer_printf(out,
                       "\"speed_mps\":%.4f,\"yaw_rate_dps\":%.4f,\"control\":{\"throttle\":%.6f,\"steer\":%.6f,\"brake\":%.6f},"
                       "\"expert_steer\":%.6f,\"perturbed\":%s,\"lane_offset_m\":%.4f,\"lane_width_m\":%.4f,"
                       "\"curvature_1pm\":%.6f,\"files\":[",
                       f->speed_mps, f->yaw_rate_dps, f->throttle, f->steer, f->brake, f->expert_steer,
                       f->perturbed ? "true" : "false", f->lane_offset_m, f->lane_width_m, f->curvature_1pm);
    for (int i = 0; i < file_count; i++) {
        if (!dataset_file_path(info, f, files[i].camera, (dataset_kind)files[i].kind, path, sizeof path, err))
            return false;
        base_buffer_printf(
            out, "%s{\"camera\":\"%s\",\"kind\":\"%s\",\"path\":\"%s\",\"bytes\":%" PRIu32 ",\"crc32\":\"%08" PRIx32 "\"}",
            i ? "," : "", info->cameras[files[i].camera].name, dataset_kind_names[files[i].kind], path, files[i].bytes,
            files[i].crc32);
    }
    base_buffer_printf(out, "]}\n");
    return !out->failed || base_fail(err, BASE_MEMORY, "out of memory for the line of frame %s", id);
}

static bool read_id(dataset_frame *f, const base_json *j, const cJSON *o, base_error *err)
{
    const char *id;
    if (!base_json_string(j, o, "id", &id, err))
        return false;
    if (strlen(id) != 13 || strspn(id, "0123456789") != 6 || id[6] != '_' || strspn(id + 7, "0123456789") != 6)
        return base_json_fail(j, o, err, "\"id\": EEEEEE_FFFFFF expected, found \"%.60s\"", id);
    f->episode = (uint32_t)strtoul(id, NULL, 10);
    f->index = (uint32_t)strtoul(id + 7, NULL, 10);
    return true;
}

static bool file_decode(dataset_line *line, const dataset_info *info, const base_json *j, const cJSON *o, base_error *err)
{
    dataset_frame *f = &line->frame;
    const char *camera, *kind, *path;
    char expected[256];
    int64_t bytes;
    dataset_file file = { 0 };
    if (!cJSON_IsObject(o))
        return base_json_fail(j, o, err, "\"files\": objects expected");
    if (!base_json_string(j, o, "camera", &camera, err) || !base_json_string(j, o, "kind", &kind, err) ||
        !base_json_string(j, o, "path", &path, err) ||
        !base_json_int(j, o, "bytes", 1, (int64_t)DATASET_MAX_IMAGE_BYTES, &bytes, err) ||
        !read_hex32(j, o, "crc32", &file.crc32, err))
        return false;
    int c = 0, k = name_index(dataset_kind_names, kind);
    while (c < info->camera_count && strcmp(info->cameras[c].name, camera))
        c++;
    if (c == info->camera_count || k < 0 || !info->cameras[c].has[k])
        return base_json_fail(j, o, err, "\"files\": camera \"%.40s\" has no image \"%.40s\" in dataset.json", camera, kind);
    file.camera = (uint8_t)c;
    file.kind = (uint8_t)k;
    file.bytes = (uint32_t)bytes;
    if (!dataset_file_path(info, f, c, (dataset_kind)k, expected, sizeof expected, err))
        return false;
    if (strcmp(path, expected))
        return base_json_fail(j, o, err, "\"path\": \"%s\" expected, found \"%.100s\"", expected, path);
    for (int i = 0; i < f->file_count; i++)
        if (line->files[i].camera == file.camera && line->files[i].kind == file.kind)
            return base_json_fail(j, o, err, "\"files\": %s stands twice", path);
    line->files[f->file_count++] = file; /* no room check needed: a pair stands once, and there are that many pairs */
    return true;
}

static bool line_decode(dataset_line *line, const dataset_info *info, const base_json *j, base_error *err)
{
    dataset_frame *f = &line->frame;
    const cJSON *o = j->root, *control, *files, *e;
    const char *split;
    int64_t tick;
    int count;
    if (!cJSON_IsObject(o))
        return base_json_fail(j, o, err, "an object expected");
    if (!read_id(f, j, o, err) || !base_json_int(j, o, "tick", 0, INT32_MAX, &tick, err) ||
        !base_json_double(j, o, "time_s", &f->time_s, err) || !base_json_string(j, o, "split", &split, err) ||
        !read_name(j, o, "map", line->map, err) || !read_name(j, o, "weather", line->weather, err) ||
        !base_json_double(j, o, "sun_azimuth_deg", &f->sun_azimuth_deg, err) ||
        !base_json_double(j, o, "sun_altitude_deg", &f->sun_altitude_deg, err) || !read_pose(j, o, "pose", &f->pose, err) ||
        !base_json_double(j, o, "speed_mps", &f->speed_mps, err) ||
        !base_json_double(j, o, "yaw_rate_dps", &f->yaw_rate_dps, err) || !(control = base_json_member(j, o, "control", err)) ||
        !base_json_double(j, o, "expert_steer", &f->expert_steer, err) ||
        !base_json_bool(j, o, "perturbed", &f->perturbed, err) ||
        !base_json_double(j, o, "lane_offset_m", &f->lane_offset_m, err) ||
        !base_json_double(j, o, "lane_width_m", &f->lane_width_m, err) ||
        !base_json_double(j, o, "curvature_1pm", &f->curvature_1pm, err))
        return false;
    if (!cJSON_IsObject(control))
        return base_json_fail(j, control, err, "\"control\": an object expected");
    if (!base_json_double(j, control, "throttle", &f->throttle, err) ||
        !base_json_double(j, control, "steer", &f->steer, err) || !base_json_double(j, control, "brake", &f->brake, err))
        return false;
    f->tick = (uint32_t)tick;
    int s = name_index(dataset_split_names, split);
    if (s < 0)
        return base_json_fail(j, o, err, "\"split\": train, val or test expected, found \"%.60s\"", split);
    f->split = (dataset_split)s;
    int m = 0;
    while (m < info->map_count && strcmp(info->maps[m].name, line->map))
        m++;
    if (m == info->map_count)
        return base_json_fail(j, o, err, "\"map\": \"%s\" is not among the maps of dataset.json", line->map);
    if (!(files = array_member(j, o, "files", DATASET_MAX_FRAME_FILES, &count, err)))
        return false;
    cJSON_ArrayForEach(e, files)
    {
        if (!file_decode(line, info, j, e, err))
            return false;
    }
    int expected = 0;
    for (int c = 0; c < info->camera_count; c++)
        for (int k = 0; k < DATASET_KINDS; k++)
            expected += info->cameras[c].has[k];
    if (f->file_count != expected)
        return base_json_fail(j, files, err, "\"files\": %d entries expected, found %d", expected, f->file_count);
    return true;
}

/* The JSON reader counts lines from 1 within one line's text: put the file's line in its place. */
static bool renumber(base_error *err, const char *name, int line_number)
{
    char prefix[300], rest[sizeof err->text];
    int n = snprintf(prefix, sizeof prefix, "%.255s:1: ", name);
    if (err && !strncmp(err->text, prefix, (size_t)n)) {
        snprintf(rest, sizeof rest, "%s", err->text + n);
        base_fail(err, err->code, "%.255s:%d: %s", name, line_number, rest);
    }
    return false;
}

bool dataset_line_decode(dataset_line *line, const dataset_info *info, const char *text, size_t bytes, const char *name,
                         int line_number, base_error *err)
{
    base_json j;
    *line = (dataset_line){ 0 };
    if (bytes > DATASET_MAX_LINE_BYTES)
        return base_fail(err, BASE_FORMAT, "%s:%d: a line of %zu bytes, at most %d are read", name, line_number, bytes,
                         DATASET_MAX_LINE_BYTES);
    if (!base_json_parse(&j, text, bytes, name, err))
        return renumber(err, name, line_number);
    for (size_t i = 0; i < j.line_count; i++)
        j.lines[i].line = line_number;
    bool ok = line_decode(line, info, &j, err);
    base_json_free(&j);
    return ok;
}
