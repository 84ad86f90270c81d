#include "dataset/classes.h"
#include "base/buffer.h"
#include "base/file.h"
#include "sim/wire/tag.h"
#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void add_class(dataset_classes *c, const char *name, const char *tag)
{
    dataset_class *one = &c->list[c->count++];
    snprintf(one->name, sizeof one->name, "%s", name);
    snprintf(one->tags[one->tag_count++], DATASET_NAME_BYTES, "%s", tag);
}

dataset_classes dataset_classes_default(void)
{
    dataset_classes c = { 0 };
    add_class(&c, "other", "*");
    add_class(&c, "drivable", wire_tag_name(WIRE_TAG_ROADS));
    add_class(&c, "lane_line", wire_tag_name(WIRE_TAG_ROAD_LINE));
    return c;
}

int dataset_classes_find(const dataset_classes *c, const char *name)
{
    for (int i = 0; i < c->count; i++)
        if (!strcmp(c->list[i].name, name))
            return i;
    return -1;
}

/* Lower case without '_' and a final s: "Road_Lines" and "RoadLine" become "roadline". */
static void canonical(const char *name, char out[DATASET_NAME_BYTES])
{
    size_t n = 0;
    for (; *name && n + 1 < DATASET_NAME_BYTES; name++)
        if (*name != '_')
            out[n++] = (char)tolower((unsigned char)*name);
    if (n > 1 && out[n - 1] == 's')
        n--;
    out[n] = 0;
}

static bool same_tag(const char *a, const char *b)
{
    char x[DATASET_NAME_BYTES], y[DATASET_NAME_BYTES];
    canonical(a, x);
    canonical(b, y);
    return !strcmp(x, y);
}

int dataset_taxonomy_find(const dataset_taxonomy *t, const char *name)
{
    for (int i = 0; i < t->count; i++)
        if (same_tag(t->tags[i].name, name))
            return i;
    return -1;
}

bool dataset_classes_check(const dataset_classes *c, base_error *err)
{
    if (c->count < 1 || c->count > DATASET_MAX_CLASSES)
        return base_fail(err, BASE_ARGUMENT, "1 to %d classes expected, found %d", DATASET_MAX_CLASSES, c->count);
    for (int i = 0; i < c->count; i++) {
        const dataset_class *one = &c->list[i];
        if (!dataset_name_check(one->name, "class name", err))
            return false;
        if (dataset_classes_find(c, one->name) != i)
            return base_fail(err, BASE_ARGUMENT, "two classes are named %s", one->name);
        if (one->tag_count < 1 || one->tag_count > DATASET_MAX_CLASS_TAGS)
            return base_fail(err, BASE_ARGUMENT, "class %s: 1 to %d tags expected, found %d", one->name, DATASET_MAX_CLASS_TAGS,
                             one->tag_count);
        for (int k = 0; k < one->tag_count; k++) {
            if (strcmp(one->tags[k], "*") && !dataset_name_check(one->tags[k], "tag name", err))
                return base_fail_in(err, "class %s", one->name);
            for (int ii = 0; ii <= i; ii++)
                for (int kk = 0; kk < (ii < i ? c->list[ii].tag_count : k); kk++)
                    if (same_tag(c->list[ii].tags[kk], one->tags[k]))
                        return base_fail(err, BASE_ARGUMENT, "tag %s stands in class %s and in class %s", one->tags[k],
                                         c->list[ii].name, one->name);
        }
    }
    return true;
}

bool dataset_classes_resolve(const dataset_classes *c, const dataset_taxonomy *t, uint8_t label[256], base_error *err)
{
    if (!dataset_classes_check(c, err))
        return false;
    int rest = DATASET_IGNORED;
    memset(label, DATASET_IGNORED, 256);
    for (int i = 0; i < c->count; i++)
        for (int k = 0; k < c->list[i].tag_count; k++) {
            const char *name = c->list[i].tags[k];
            if (!strcmp(name, "*")) {
                rest = i;
                continue;
            }
            int tag = dataset_taxonomy_find(t, name);
            if (tag < 0) {
                char known[800] = "";
                size_t used = 0;
                for (int n = 0; n < t->count && used < sizeof known; n++)
                    used += (size_t)snprintf(known + used, sizeof known - used, "%s%s", n ? ", " : "", t->tags[n].name);
                return base_fail(err, BASE_ARGUMENT, "class %s: no tag is named %s; the dataset has %s", c->list[i].name, name,
                                 known);
            }
            label[tag] = (uint8_t)i;
        }
    for (int tag = 0; tag < t->count; tag++)
        if (label[tag] == DATASET_IGNORED)
            label[tag] = (uint8_t)rest;
    return true;
}

/* ---- JSON ---- */

static bool read_class(dataset_class *one, const base_json *j, const cJSON *o, base_error *err)
{
    const char *name;
    const cJSON *tags, *e;
    if (!cJSON_IsObject(o))
        return base_json_fail(j, o, err, "a class {\"name\": ..., \"tags\": [...]} expected");
    cJSON_ArrayForEach(e, o)
    {
        if (strcmp(e->string, "name") && strcmp(e->string, "tags"))
            return base_json_fail(j, e, err, "unknown key \"%.60s\"; a class has name and tags", e->string);
    }
    if (!base_json_string(j, o, "name", &name, err) || !(tags = base_json_member(j, o, "tags", err)))
        return false;
    if (strlen(name) >= sizeof one->name)
        return base_json_fail(j, o, err, "\"name\": at most %d characters expected", DATASET_NAME_BYTES - 1);
    snprintf(one->name, sizeof one->name, "%s", name);
    if (!cJSON_IsArray(tags))
        return base_json_fail(j, tags, err, "\"tags\": an array of tag names expected");
    cJSON_ArrayForEach(e, tags)
    {
        if (!cJSON_IsString(e) || strlen(e->valuestring) >= DATASET_NAME_BYTES)
            return base_json_fail(j, e, err, "\"tags\": names of at most %d characters expected", DATASET_NAME_BYTES - 1);
        if (one->tag_count == DATASET_MAX_CLASS_TAGS)
            return base_json_fail(j, e, err, "\"tags\": more than %d names", DATASET_MAX_CLASS_TAGS);
        snprintf(one->tags[one->tag_count++], DATASET_NAME_BYTES, "%s", e->valuestring);
    }
    return true;
}

static bool read_classes(void *field, const base_json *j, const cJSON *value, base_error *err)
{
    dataset_classes c = { 0 };
    base_error why = { 0 };
    const cJSON *e;
    if (!cJSON_IsArray(value))
        return base_json_fail(j, value, err, "\"classes\": an array of {\"name\": ..., \"tags\": [...]} expected");
    cJSON_ArrayForEach(e, value)
    {
        if (c.count == DATASET_MAX_CLASSES)
            return base_json_fail(j, e, err, "\"classes\": more than %d", DATASET_MAX_CLASSES);
        if (!read_class(&c.list[c.count++], j, e, err))
            return false;
    }
    if (!dataset_classes_check(&c, &why))
        return base_json_fail(j, value, err, "\"classes\": %s", why.text);
    *(dataset_classes *)field = c;
    return true;
}

static cJSON *print_classes(const void *field)
{
    const dataset_classes *c = field;
    cJSON *array = cJSON_CreateArray();
    for (int i = 0; i < c->count; i++) {
        cJSON *one = cJSON_CreateObject(), *tags = cJSON_CreateArray();
        for (int k = 0; k < c->list[i].tag_count; k++)
            cJSON_AddItemToArray(tags, cJSON_CreateString(c->list[i].tags[k]));
        cJSON_AddStringToObject(one, "name", c->list[i].name);
        cJSON_AddItemToObject(one, "tags", tags);
        cJSON_AddItemToArray(array, one);
    }
    return array;
}

const base_option_custom dataset_classes_option = { read_classes, print_classes };

/* ---- CARLA's tags and the older project's classes ---- */

dataset_taxonomy dataset_taxonomy_carla(void)
{
    dataset_taxonomy t = { .count = WIRE_TAG_COUNT };
    for (int i = 0; i < WIRE_TAG_COUNT; i++) {
        snprintf(t.tags[i].name, sizeof t.tags[i].name, "%s", wire_tag_name(i));
        wire_tag_color(i, t.tags[i].rgb);
    }
    return t;
}

/* In the older loader's order, which is CARLA's tag order up to 0.9.13: its target_channel 6 is RoadLine. */
static const struct legacy_class {
    const char *name;
    int tag_count;
    wire_tag tags[6];
} legacy_classes[] = {
    { "Unlabeled", 1, { WIRE_TAG_UNLABELED } },
    { "Building", 1, { WIRE_TAG_BUILDING } },
    { "Fence", 1, { WIRE_TAG_FENCE } },
    { "Other", 1, { WIRE_TAG_OTHER } },
    { "Pedestrian", 2, { WIRE_TAG_PEDESTRIAN, WIRE_TAG_RIDER } }, /* riders were pedestrians then */
    { "Pole", 1, { WIRE_TAG_POLE } },
    { "RoadLine", 1, { WIRE_TAG_ROAD_LINE } },
    { "Road", 1, { WIRE_TAG_ROADS } },
    { "SideWalk", 1, { WIRE_TAG_SIDEWALKS } },
    { "Vegetation", 1, { WIRE_TAG_VEGETATION } },
    { "Vehicles", 6, { WIRE_TAG_CAR, WIRE_TAG_TRUCK, WIRE_TAG_BUS, WIRE_TAG_TRAIN, WIRE_TAG_MOTORCYCLE, WIRE_TAG_BICYCLE } },
    { "Wall", 1, { WIRE_TAG_WALL } },
    { "TrafficSign", 1, { WIRE_TAG_TRAFFIC_SIGN } },
    { "Sky", 1, { WIRE_TAG_SKY } },
    { "Ground", 1, { WIRE_TAG_GROUND } },
    { "Bridge", 1, { WIRE_TAG_BRIDGE } },
    { "RailTrack", 1, { WIRE_TAG_RAIL_TRACK } },
    { "GuardRail", 1, { WIRE_TAG_GUARD_RAIL } },
    { "TrafficLight", 1, { WIRE_TAG_TRAFFIC_LIGHT } },
    { "Static", 1, { WIRE_TAG_STATIC } },
    { "Dynamic", 1, { WIRE_TAG_DYNAMIC } },
    { "Water", 1, { WIRE_TAG_WATER } },
    { "Terrain", 1, { WIRE_TAG_TERRAIN } },
};
enum { LEGACY_COUNT = sizeof legacy_classes / sizeof legacy_classes[0] };

bool dataset_legacy_classes_write(const char *path, const dataset_taxonomy *t, base_error *err)
{
    base_buffer out = { 0 };
    base_buffer_printf(&out, "[");
    for (int i = 0; i < LEGACY_COUNT; i++) {
        const struct legacy_class *c = &legacy_classes[i];
        int first = dataset_taxonomy_find(t, wire_tag_name(c->tags[0]));
        const uint8_t none[3] = { 0 }, *rgb = first < 0 ? none : t->tags[first].rgb;
        base_buffer_printf(&out, "%s\n  {\"name\": \"%s\", \"color\": [%d, %d, %d], \"tags\": [", i ? "," : "", c->name, rgb[0],
                           rgb[1], rgb[2]);
        for (int k = 0, n = 0; k < c->tag_count; k++) {
            int tag = dataset_taxonomy_find(t, wire_tag_name(c->tags[k]));
            if (tag >= 0)
                base_buffer_printf(&out, "%s\"%s\"", n++ ? ", " : "", t->tags[tag].name);
        }
        base_buffer_printf(&out, "]}");
    }
    base_buffer_printf(&out, "\n]\n");
    bool ok = out.failed ? base_fail(err, BASE_MEMORY, "out of memory for %s", path)
                         : base_file_write(path, out.data, out.bytes, true, err);
    base_buffer_free(&out);
    return ok;
}

static bool read_legacy(const base_json *j, int target, dataset_classes *out, base_error *err)
{
    const cJSON *tags, *e;
    const char *name;
    if (!cJSON_IsArray(j->root))
        return base_json_fail(j, j->root, err, "an array of classes expected");
    int count = cJSON_GetArraySize(j->root);
    if (target < 0 || target >= count)
        return base_fail(err, BASE_ARGUMENT, "target_channel %d: %s has the classes 0 to %d", target, j->name, count - 1);
    const cJSON *c = cJSON_GetArrayItem(j->root, target);
    if (!cJSON_IsObject(c))
        return base_json_fail(j, c, err, "an object with name and tags expected");
    if (!base_json_string(j, c, "name", &name, err) || !(tags = base_json_member(j, c, "tags", err)))
        return false;
    if (!cJSON_IsArray(tags) || cJSON_GetArraySize(tags) < 1 || cJSON_GetArraySize(tags) > DATASET_MAX_CLASS_TAGS)
        return base_json_fail(j, tags, err, "\"tags\": 1 to %d tag names expected", DATASET_MAX_CLASS_TAGS);
    *out = (dataset_classes){ 0 };
    add_class(out, "background", "*");
    dataset_class *one = &out->list[out->count++];
    snprintf(one->name, sizeof one->name, "%s", name);
    cJSON_ArrayForEach(e, tags)
    {
        if (!cJSON_IsString(e))
            return base_json_fail(j, e, err, "\"tags\": a tag name expected");
        snprintf(one->tags[one->tag_count++], DATASET_NAME_BYTES, "%s", e->valuestring);
    }
    return dataset_classes_check(out, err) || base_fail_in(err, "%s", j->name);
}

bool dataset_legacy_target(const char *dir, int target_channel, dataset_classes *out, base_error *err)
{
    char path[PATH_MAX];
    base_json j;
    if (!base_path_join(path, sizeof path, dir, "classes.json", err) || !base_json_read(&j, path, err))
        return false;
    bool ok = read_legacy(&j, target_channel, out, err);
    base_json_free(&j);
    return ok;
}
