/* What the live page is told: the world, its debug shapes and its roads as JSON, and where its cameras stand. */
#include "eval/view_internal.h"
#include "sim/wire/tag.h"
#include <arpa/inet.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- cameras ---- */

static const town_seen_actor *find(const town_seen *seen, uint32_t id)
{
    for (int i = 0; i < seen->actor_count; i++)
        if (seen->actors[i].id == id)
            return &seen->actors[i];
    return NULL;
}

static const town_seen_actor *camera_on(const town_seen *seen, uint32_t parent)
{
    for (int i = 0; i < seen->actor_count; i++) {
        const town_seen_actor *a = &seen->actors[i];
        if (a->sensor == TOWN_CAMERA_RGB && a->parent_id && (!parent || a->parent_id == parent))
            return a;
    }
    return NULL;
}

static const town_seen_actor *with_role(const town_seen *seen, const char *role)
{
    for (int i = 0; i < seen->actor_count; i++) {
        const town_seen_actor *a = &seen->actors[i];
        if ((a->kind == TOWN_VEHICLE || a->kind == TOWN_WALKER) && !strcmp(a->role, role))
            return a;
    }
    return NULL;
}

const town_seen_actor *eval_view_ego(const town_seen *seen)
{
    const town_seen_actor *ego = with_role(seen, "hero");
    if (!ego)
        ego = with_role(seen, "ego_vehicle"); /* the ROS bridge's name for it */
    if (ego)
        return ego;
    const town_seen_actor *camera = camera_on(seen, 0);
    const town_seen_actor *carrier = camera ? find(seen, camera->parent_id) : NULL;
    return carrier && carrier->kind == TOWN_VEHICLE ? carrier : NULL;
}

/* Picture height for a lens of w x h, even as JPEG's half-size colours like it. */
static int height_for(int width_px, int w, int h)
{
    double share = fmax(0.25, fmin(1, w > 0 && h > 0 ? (double)h / w : 9.0 / 16));
    int height = (int)(width_px * share + 0.5);
    return height + (height & 1);
}

town_watch_view eval_view_camera(const town_seen *seen, view_from from, int width_px)
{
    town_watch_view view = {
        .pose = seen->spectator, .fov_deg = 90, .width_px = width_px, .height_px = height_for(width_px, 16, 9)
    };
    const town_seen_actor *ego = from == VIEW_EGO ? eval_view_ego(seen) : NULL;
    if (!ego)
        return view;
    const town_seen_actor *camera = camera_on(seen, ego->id);
    if (camera) {
        view.pose = camera->pose;
        view.fov_deg = fmax(1, fmin(170, camera->fov_deg));
        view.height_px = height_for(width_px, camera->camera_w_px, camera->camera_h_px);
        return view;
    }
    base_pose mount = { { ego->box.center.x + 0.3 * ego->box.extent.x, ego->box.center.y,
                          ego->box.center.z + ego->box.extent.z + 0.2 },
                        { -8, 0, 0 } };
    view.pose = base_pose_compose(&ego->pose, &mount);
    view.hidden_id = ego->id;
    return view;
}

/* ---- pace ---- */

void eval_view_pace(view_pace *p, uint64_t ticks, double now_s)
{
    double passed_s = now_s - p->since_s;
    if (p->since_s == 0 || ticks < p->had_ticks || passed_s > 10) { /* the first look, or the first for long */
        p->per_s = 0;
    } else {
        if (passed_s < 1)
            return;
        p->per_s = (double)(ticks - p->had_ticks) / passed_s;
    }
    p->had_ticks = ticks;
    p->since_s = now_s;
}

/* ---- JSON ---- */

void eval_view_json_text(base_buffer *out, const char *text)
{
    base_buffer_append(out, "\"", 1);
    for (const char *p = text; *p; p++) {
        unsigned char c = (unsigned char)*p;
        if (c == '"' || c == '\\')
            base_buffer_printf(out, "\\%c", c);
        else if (c < 0x20 || c == 0x7f)
            base_buffer_printf(out, "\\u%04x", c);
        else
            base_buffer_append(out, p, 1);
    }
    base_buffer_append(out, "\"", 1);
}

static void separate(base_buffer *out, bool *first)
{
    if (!*first)
        base_buffer_append(out, ",", 1);
    *first = false;
}

/* JSON has no word for what is no number. */
static double number(double x) { return isfinite(x) ? x : 0; }

static const char *kind_name(const town_seen_actor *a)
{
    switch (a->kind) {
    case TOWN_VEHICLE: return "vehicle";
    case TOWN_WALKER: return "walker";
    case TOWN_PROP: return "prop";
    case TOWN_SENSOR: return "sensor";
    case TOWN_TRAFFIC_LIGHT: return "light";
    case TOWN_TRAFFIC_SIGN: return "sign";
    default: return NULL; /* nothing that stands anywhere */
    }
}

static void put_actor(base_buffer *out, const town_seen_actor *a, const char *kind)
{
    bool has_body = a->kind == TOWN_VEHICLE || a->kind == TOWN_WALKER || a->kind == TOWN_PROP;
    base_buffer_printf(out, "[%u,\"%s\",%.2f,%.2f,%.1f,", a->id, kind, number(a->pose.location.x), number(a->pose.location.y),
                       number(a->pose.rotation.yaw_deg));
    base_buffer_printf(out, "%.2f,%.2f,%.2f,%.2f,", has_body ? a->box.center.x : 0, has_body ? a->box.center.y : 0,
                       has_body ? a->box.extent.x : 0, has_body ? a->box.extent.y : 0);
    base_buffer_printf(out, "%.2f,%d,", number(a->speed_mps), a->light_state);
    eval_view_json_text(out, a->type_id);
    base_buffer_append(out, ",", 1);
    eval_view_json_text(out, a->role);
    base_buffer_append(out, "]", 1);
}

static void put_camera(base_buffer *out, const town_seen *seen, view_from from)
{
    town_watch_view v = eval_view_camera(seen, from, 640);
    base_buffer_printf(out, "[%.2f,%.2f,%.1f,%.1f]", number(v.pose.location.x), number(v.pose.location.y),
                       number(v.pose.rotation.yaw_deg), v.fov_deg);
}

static void put_weather(base_buffer *out, const town_weather *w)
{
    const struct {
        const char *name;
        float value;
    } fields[] = { { "cloudiness", w->cloudiness },
                   { "precipitation", w->precipitation },
                   { "precipitation_deposits", w->precipitation_deposits },
                   { "wind_intensity", w->wind_intensity },
                   { "sun_azimuth_angle", w->sun_azimuth_deg },
                   { "sun_altitude_angle", w->sun_altitude_deg },
                   { "fog_density", w->fog_density },
                   { "fog_distance", w->fog_distance_m },
                   { "wetness", w->wetness } };
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        base_buffer_printf(out, "%s\"%s\":%.4g", i ? "," : "{", fields[i].name, number((double)fields[i].value));
    base_buffer_append(out, "}", 1);
}

void eval_view_state_json(base_buffer *out, const town_seen *seen, uint64_t serial, double ticks_per_s)
{
    const town_seen_actor *ego = eval_view_ego(seen);
    base_buffer_printf(out, "{\"serial\":%llu,\"episode\":\"%llu\",\"map\":", (unsigned long long)serial,
                       (unsigned long long)seen->episode_id); /* 64 bits do not fit a number of JavaScript's */
    eval_view_json_text(out, seen->map);
    base_buffer_printf(out, ",\"frame\":%llu,\"time_s\":%.3f,\"delta_s\":%.4f,\"synchronous\":%s,\"ticks_per_s\":%.1f",
                       (unsigned long long)seen->frame, seen->elapsed_s, seen->delta_s,
                       seen->settings.synchronous_mode ? "true" : "false", ticks_per_s);
    base_buffer_printf(out, ",\"clients\":%d,\"streams\":%d,\"frames_dropped\":%llu,\"weather\":", seen->stats.rpc_connections,
                       seen->stats.stream_sessions, (unsigned long long)seen->stats.frames_dropped);
    put_weather(out, &seen->weather);
    base_buffer_printf(out, ",\"ego\":%u,\"ego_speed_mps\":%.2f,\"cameras\":{\"ego\":", ego ? ego->id : 0,
                       ego ? number(ego->speed_mps) : 0);
    put_camera(out, seen, VIEW_EGO);
    base_buffer_printf(out, ",\"spectator\":");
    put_camera(out, seen, VIEW_SPECTATOR);
    base_buffer_printf(out, "},\"actors\":[");
    bool first = true;
    for (int i = 0; i < seen->actor_count; i++) {
        const char *kind = kind_name(&seen->actors[i]);
        if (!kind)
            continue;
        separate(out, &first);
        put_actor(out, &seen->actors[i], kind);
    }
    base_buffer_printf(out, "]}");
}

void eval_view_shapes_json(base_buffer *out, const town_seen *seen)
{
    static const char *const names[] = { "point", "line", "arrow", "box", "text" };
    base_buffer_append(out, "[", 1);
    for (int i = 0; i < seen->shape_count; i++) {
        const town_debug_shape *s = &seen->shapes[i];
        base_buffer_printf(out, "%s[\"%s\",\"#%02x%02x%02x\",%.2f,%.2f,%.2f,%.2f,%.1f,%.2f", i ? "," : "", names[s->kind],
                           s->color[0], s->color[1], s->color[2], number(s->from.x), number(s->from.y), number(s->to.x),
                           number(s->to.y), number(s->rotation.yaw_deg), number((double)s->size));
        if (s->kind == TOWN_SHAPE_TEXT) {
            base_buffer_append(out, ",", 1);
            eval_view_json_text(out, s->text);
        }
        base_buffer_append(out, "]", 1);
    }
    base_buffer_append(out, "]", 1);
}

/* ---- the roads from above ---- */

enum { SAMPLES_MAX = 4096 };
#define SHAPE_ERROR_M 0.05
#define SHAPE_STEP_M  200.0

static void put_point(base_buffer *out, base_vec3 p, bool first)
{
    base_buffer_printf(out, "%s%.2f,%.2f", first ? "" : ",", number(p.x), number(p.y));
}

static void put_lane(base_buffer *out, const road_map *roads, int road, int section, int lane, const double *s, int count)
{
    uint32_t type = road_lane_type(roads, road, section, lane);
    base_vec3 inner, outer;
    base_buffer_printf(out, "[\"%s\",[", road_lane_type_name(type));
    for (int i = 0; i < count; i++) {
        road_lane_borders(roads, road, section, lane, s[i], &inner, NULL);
        put_point(out, inner, i == 0);
    }
    for (int i = count - 1; i >= 0; i--) {
        road_lane_borders(roads, road, section, lane, s[i], NULL, &outer);
        put_point(out, outer, false);
    }
    base_buffer_append(out, "]]", 2);
}

/* Paint along the outer border of a lane, from sample to sample: where a record begins or ends there is one. */
static void put_marks(base_buffer *out, const road_map *roads, int road, int section, int lane, const double *s, int count,
                      bool *first)
{
    int mark_count;
    const road_mark *marks = road_lane_marks(roads, road, section, lane, &mark_count);
    for (int k = 0; k < mark_count; k++) {
        const road_mark *m = &marks[k];
        int written = 0;
        for (int i = 0; m->strip_count > 0 && i < count; i++) {
            base_vec3 at;
            if (s[i] < m->s0 - 1e-6 || s[i] > m->s1 + 1e-6)
                continue;
            road_lane_borders(roads, road, section, lane, s[i], NULL, &at);
            if (written++ == 0) {
                separate(out, first);
                base_buffer_printf(out, "[%d,%d,[", m->color == ROAD_COLOR_YELLOW, m->strips[0].gap_m > 0);
            }
            put_point(out, at, written == 1);
        }
        if (written)
            base_buffer_append(out, "]]", 2);
    }
}

typedef void (*visit_section)(base_buffer *out, const road_map *roads, int road, int section, const double *s, int count,
                              bool *first);

static void lanes_of(base_buffer *out, const road_map *roads, int road, int section, const double *s, int count, bool *first)
{
    road_section_info info = road_map_section(roads, road, section);
    for (int lane = info.lane_low; lane <= info.lane_high; lane++)
        if (lane != 0 && road_find_lane(roads, road, section, lane)) {
            separate(out, first);
            put_lane(out, roads, road, section, lane, s, count);
        }
}

static void marks_of(base_buffer *out, const road_map *roads, int road, int section, const double *s, int count, bool *first)
{
    road_section_info info = road_map_section(roads, road, section);
    for (int lane = info.lane_low; lane <= info.lane_high; lane++)
        if (road_find_lane(roads, road, section, lane))
            put_marks(out, roads, road, section, lane, s, count, first);
}

static void each_section(base_buffer *out, const road_map *roads, visit_section visit)
{
    bool first = true;
    double *s = malloc(SAMPLES_MAX * sizeof *s);
    int road_count = s ? road_map_describe(roads).roads : 0;
    for (int road = 0; road < road_count; road++) {
        int sections = road_map_road(roads, road).sections;
        for (int section = 0; section < sections; section++) {
            int count = road_section_samples(roads, road, section, SHAPE_ERROR_M, SHAPE_STEP_M, s, SAMPLES_MAX);
            visit(out, roads, road, section, s, count < SAMPLES_MAX ? count : SAMPLES_MAX, &first);
        }
    }
    free(s);
}

void eval_view_map_json(base_buffer *out, const road_map *roads)
{
    road_map_info info = road_map_describe(roads);
    base_buffer_printf(out, "{\"name\":");
    eval_view_json_text(out, info.name);
    base_buffer_printf(out, ",\"low\":[%.2f,%.2f],\"high\":[%.2f,%.2f],\"lanes\":[", number(info.low.x), number(info.low.y),
                       number(info.high.x), number(info.high.y));
    each_section(out, roads, lanes_of);
    base_buffer_printf(out, "],\"marks\":[");
    each_section(out, roads, marks_of);
    base_buffer_printf(out, "],\"crosswalks\":[");
    bool first = true;
    for (int i = 0; i < road_object_count(roads); i++) {
        road_object o = road_map_object(roads, i);
        if (strcmp(o.type, "crosswalk") != 0 || o.outline_count < 3)
            continue;
        separate(out, &first);
        base_buffer_append(out, "[", 1);
        for (int k = 0; k < o.outline_count; k++)
            put_point(out, o.outline[k], k == 0);
        base_buffer_append(out, "]", 1);
    }
    base_buffer_printf(out, "]}");
}

void eval_view_tags_json(base_buffer *out)
{
    for (int i = 0; i < WIRE_TAG_COUNT; i++) {
        uint8_t rgb[3];
        wire_tag_color(i, rgb);
        base_buffer_printf(out, "%s[\"%s\",\"#%02x%02x%02x\"]", i ? "," : "[", wire_tag_name(i), rgb[0], rgb[1], rgb[2]);
    }
    base_buffer_append(out, "]", 1);
}

/* ---- who may ask ---- */

bool eval_view_host_allowed(const char *host)
{
    char name[64];
    size_t length = strcspn(host, ":");
    if (length == 0 || length >= sizeof name)
        return false;
    memcpy(name, host, length);
    name[length] = 0;
    if (host[length] == ':') {
        const char *port = host + length + 1;
        size_t digits = strspn(port, "0123456789");
        if (digits == 0 || digits > 5 || port[digits])
            return false;
    }
    struct in_addr address;
    return !strcasecmp(name, "localhost") || inet_pton(AF_INET, name, &address) == 1;
}
