/* Questions about a map on standard input, one per line; answers on standard output, one line of JSON each, in their order.
 * tests/interop/test_maps.py puts the same questions to CARLA's own client.
 *
 *     mapask MAP.xodr < questions
 *
 * W stands for a waypoint "road section lane s", in answers [road, section, lane, s]; lane types are CARLA's bits. Unknown
 * places are answered by null.
 *
 *     topology | waypoints STEP | junctions | spawns                              everything of that kind
 *     landmarks RELEASE | crosswalks RELEASE                                      the same, as CARLA 0.9.RELEASE has it
 *     about W                 pose, width, type, junction, lane change, marks, left and right neighbour
 *     next W D | previous W D | until_end W D | until_start W D                   waypoints along travel
 *     ahead W D STOP          landmarks ahead
 *     group LANDMARK          landmarks that switch together
 *     through JUNCTION TYPES  pairs of waypoints
 *     at X Y Z TYPES PROJECT | at_carla X Y Z TYPES PROJECT | xodr ROAD LANE S     one waypoint
 *     load                    seconds and bytes of reading the map, and of its index for at_carla
 *     geo RELEASE X Y Z | location RELEASE LATITUDE LONGITUDE ALTITUDE            three numbers */
#include "sim/road/road.h"
#include "base/clock.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MANY 4096

static void put_text(const char *text)
{
    putchar('"');
    for (; *text; text++)
        if (*text == '"' || *text == '\\' || (unsigned char)*text < 32)
            printf("\\u%04x", (unsigned)(unsigned char)*text);
        else
            putchar(*text);
    putchar('"');
}
static void put_waypoint(const road_waypoint *w) { printf("[%u,%d,%d,%.17g]", w->road_id, w->section, w->lane, w->s); }
static void put_waypoints(const road_waypoint *w, int count)
{
    putchar('[');
    for (int i = 0; i < count && i < MANY; i++) {
        printf("%s", i ? "," : "");
        put_waypoint(&w[i]);
    }
    putchar(']');
}
static void put_vec(base_vec3 v) { printf("[%.17g,%.17g,%.17g]", v.x, v.y, v.z); }
static void put_pose(base_pose p)
{
    printf("[%.17g,%.17g,%.17g,%.17g,%.17g,%.17g]", p.location.x, p.location.y, p.location.z, p.rotation.pitch_deg,
           p.rotation.yaw_deg, p.rotation.roll_deg);
}
static void put_edges(const road_edge *edges, size_t count)
{
    putchar('[');
    for (size_t i = 0; i < count; i++) {
        printf("%s[", i ? "," : "");
        put_waypoint(&edges[i].from);
        putchar(',');
        put_waypoint(&edges[i].to);
        putchar(']');
    }
    putchar(']');
}

/* ---- Everything of a kind ---- */

static void all_topology(const road_map *m)
{
    size_t count;
    const road_edge *edges = road_map_topology(m, &count);
    put_edges(edges, count);
}

static void all_waypoints(const road_map *m, double step)
{
    size_t count = step > 0 ? road_map_waypoints(m, step, NULL, 0) : 0;
    road_waypoint *all = malloc(sizeof *all * (count + 1));
    if (all && step > 0)
        road_map_waypoints(m, step, all, count);
    putchar('[');
    for (size_t i = 0; all && i < count; i++) {
        printf("%s", i ? "," : "");
        put_waypoint(&all[i]);
    }
    putchar(']');
    free(all);
}

static void put_landmark(const road_map *m, int index, int release)
{
    road_landmark l = road_map_landmark(m, index);
    road_signal g = road_map_signal(m, l.signal);
    printf("{\"id\":");
    put_text(g.id);
    printf(",\"name\":");
    put_text(g.name);
    printf(",\"type\":");
    put_text(g.type);
    printf(",\"sub_type\":");
    put_text(g.subtype);
    printf(",\"country\":");
    put_text(g.country);
    printf(",\"unit\":");
    put_text(g.unit);
    printf(",\"text\":");
    put_text(g.text);
    printf(",\"road_id\":%u,\"s\":%.17g,\"t\":%.17g,\"is_dynamic\":%s,\"orientation\":%d,\"value\":%.17g,\"height\":%.17g,"
           "\"width\":%.17g,\"h_offset\":%.17g,\"pitch\":%.17g,\"roll\":%.17g,\"painted\":%s,\"lanes\":[",
           road_map_road(m, l.road).id, l.s, -l.t_m, g.dynamic ? "true" : "false", (int)l.orientation, g.value, g.height_m,
           g.width_m, g.h_offset_rad, g.pitch_rad, g.roll_rad, g.painted ? "true" : "false");
    for (int k = 0; k < l.use_count; k++)
        printf("%s[%d,%d]", k ? "," : "", l.uses[k].from_lane, l.uses[k].to_lane);
    printf("],\"transform\":");
    put_pose(road_signal_place(m, l.signal, release));
    putchar('}');
}

static void all_landmarks(const road_map *m, int release)
{
    putchar('[');
    for (int i = 0; i < road_landmark_count(m); i++) {
        printf("%s", i ? "," : "");
        put_landmark(m, i, release);
    }
    putchar(']');
}

static void all_junctions(const road_map *m)
{
    putchar('[');
    for (int i = 0; i < road_junction_count(m); i++) {
        road_junction j = road_map_junction(m, i);
        printf("%s{\"id\":%d,\"center\":", i ? "," : "", j.id);
        put_vec(j.center);
        printf(",\"extent\":");
        put_vec(j.extent);
        putchar('}');
    }
    putchar(']');
}

static void all_crosswalks(const road_map *m, int release)
{
    int count = road_map_crosswalks(m, release, NULL, 0);
    base_vec3 *corners = malloc(sizeof *corners * ((size_t)count + 1));
    putchar('[');
    if (corners)
        road_map_crosswalks(m, release, corners, count);
    for (int i = 0; corners && i < count; i++) {
        printf("%s", i ? "," : "");
        put_vec(corners[i]);
    }
    putchar(']');
    free(corners);
}

static void all_spawns(const road_map *m)
{
    size_t count;
    const base_pose *poses = road_map_spawn_points(m, &count);
    putchar('[');
    for (size_t i = 0; i < count; i++) {
        printf("%s", i ? "," : "");
        put_pose(poses[i]);
    }
    putchar(']');
}

/* ---- About one place ---- */

static void put_mark(const road_mark *k)
{
    printf("[%d,%d,%.17g,%d]", (int)k->type, (int)k->color, k->width_m, k->lane_change);
}

static void about(const road_map *m, const road_waypoint *w)
{
    road_mark left, right;
    road_waypoint other;
    road_waypoint_marks(m, w, &left, &right);
    printf("{\"pose\":");
    put_pose(road_waypoint_pose(m, w));
    printf(",\"width\":%.17g,\"type\":%u,\"junction\":%d,\"change\":%d,\"left_mark\":", road_waypoint_width(m, w),
           road_waypoint_type(m, w), road_waypoint_junction(m, w), road_waypoint_lane_change(m, w));
    put_mark(&left);
    printf(",\"right_mark\":");
    put_mark(&right);
    printf(",\"left\":");
    if (road_waypoint_left(m, w, &other))
        put_waypoint(&other);
    else
        printf("null");
    printf(",\"right\":");
    if (road_waypoint_right(m, w, &other))
        put_waypoint(&other);
    else
        printf("null");
    putchar('}');
}

static void put_ahead(const road_map *m, const road_waypoint *w, double distance, bool stop)
{
    road_landmark_ahead found[MANY];
    int count = road_waypoint_landmarks(m, w, distance, stop, found, MANY);
    putchar('[');
    for (int i = 0; i < count; i++) {
        printf("%s[%d,%.17g,", i ? "," : "", found[i].landmark, found[i].distance_m);
        put_waypoint(&found[i].waypoint);
        putchar(']');
    }
    putchar(']');
}

static bool read_waypoint(const road_map *m, const char **text, road_waypoint *w)
{
    unsigned id;
    int section, lane, used;
    double s;
    if (sscanf(*text, " %u %d %d %lf%n", &id, &section, &lane, &s, &used) != 4)
        return false;
    *text += used;
    int road = road_find_road(m, id);
    if (road < 0 || section < 0 || section >= road_map_road(m, road).sections || lane == 0 ||
        !road_find_lane(m, road, section, lane))
        return false;
    *w = (road_waypoint){ road, id, section, lane, s };
    return true;
}

typedef int along(const road_map *, const road_waypoint *, double, road_waypoint *, int);
static const struct {
    const char *name;
    along *go;
} ways[] = {
    { "next", road_waypoint_next },
    { "previous", road_waypoint_previous },
    { "until_end", road_waypoint_until_end },
    { "until_start", road_waypoint_until_start },
};

/* Questions that begin with a waypoint; false: not one of them, or no such place. */
static bool ask_place(const road_map *m, const char *verb, const char *rest)
{
    static road_waypoint found[MANY];
    road_waypoint w;
    double distance;
    int stop;
    if (!read_waypoint(m, &rest, &w))
        return false;
    if (strcmp(verb, "about") == 0) {
        about(m, &w);
        return true;
    }
    if (strcmp(verb, "ahead") == 0 && sscanf(rest, "%lf %d", &distance, &stop) == 2) {
        put_ahead(m, &w, distance, stop != 0);
        return true;
    }
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
        if (strcmp(verb, ways[i].name) == 0 && sscanf(rest, "%lf", &distance) == 1 && distance > 0) {
            put_waypoints(found, ways[i].go(m, &w, distance, found, MANY));
            return true;
        }
    return false;
}

static void put_through(const road_map *m, int junction, uint32_t types)
{
    int count = road_junction_waypoints(m, junction, types, NULL, 0);
    road_edge *pairs = malloc(sizeof *pairs * ((size_t)count + 1));
    if (pairs)
        put_edges(pairs, (size_t)road_junction_waypoints(m, junction, types, pairs, count));
    free(pairs);
}

/* What loading took: seconds and growth of resident memory. */
typedef struct cost {
    double seconds, bytes;
} cost;

static cost cost_now(void)
{
    unsigned long pages = 0, resident = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (f && fscanf(f, "%lu %lu", &pages, &resident) != 2)
        resident = 0;
    if (f)
        fclose(f);
    return (cost){ base_clock_s(), (double)resident * (double)sysconf(_SC_PAGESIZE) };
}

static bool ask(const road_map *m, const road_carla_index *index, const char *verb, const char *rest)
{
    double x, y, z;
    unsigned types, id;
    int a, b;
    road_waypoint w;
    if (strcmp(verb, "topology") == 0)
        all_topology(m);
    else if (strcmp(verb, "waypoints") == 0 && sscanf(rest, "%lf", &x) == 1)
        all_waypoints(m, x);
    else if (strcmp(verb, "landmarks") == 0 && sscanf(rest, "%d", &a) == 1)
        all_landmarks(m, a);
    else if (strcmp(verb, "junctions") == 0)
        all_junctions(m);
    else if (strcmp(verb, "crosswalks") == 0 && sscanf(rest, "%d", &a) == 1)
        all_crosswalks(m, a);
    else if (strcmp(verb, "spawns") == 0)
        all_spawns(m);
    else if (strcmp(verb, "group") == 0 && sscanf(rest, "%d", &a) == 1 && a >= 0 && a < road_landmark_count(m)) {
        int group[MANY], count = road_landmark_group(m, a, group, MANY);
        putchar('[');
        for (int i = 0; i < count && i < MANY; i++)
            printf("%s%d", i ? "," : "", group[i]);
        putchar(']');
    } else if (strcmp(verb, "through") == 0 && sscanf(rest, "%d %u", &a, &types) == 2 && road_find_junction(m, a) >= 0)
        put_through(m, road_find_junction(m, a), types);
    else if (strcmp(verb, "at") == 0 && sscanf(rest, "%lf %lf %lf %u %d", &x, &y, &z, &types, &a) == 5 &&
             road_waypoint_at(m, (base_vec3){ x, y, z }, types, a != 0, &w))
        put_waypoint(&w);
    else if (strcmp(verb, "at_carla") == 0 && sscanf(rest, "%lf %lf %lf %u %d", &x, &y, &z, &types, &a) == 5 &&
             road_carla_waypoint_at(index, (base_vec3){ x, y, z }, types, a != 0, &w))
        put_waypoint(&w);
    else if (strcmp(verb, "xodr") == 0 && sscanf(rest, "%u %d %lf", &id, &b, &x) == 3 && road_waypoint_xodr(m, id, b, x, &w))
        put_waypoint(&w);
    else if (strcmp(verb, "geo") == 0 && sscanf(rest, "%d %lf %lf %lf", &a, &x, &y, &z) == 4)
        put_vec(road_map_geolocation(m, a, (base_vec3){ x, y, z }));
    else if (strcmp(verb, "location") == 0 && sscanf(rest, "%d %lf %lf %lf", &a, &x, &y, &z) == 4)
        put_vec(road_map_location(m, a, (base_vec3){ x, y, z }));
    else
        return ask_place(m, verb, rest);
    return true;
}

int main(int argc, char **argv)
{
    base_error err = { 0 };
    cost before = cost_now();
    road_map *m = argc == 2 ? road_map_read(argv[1], NULL, &err) : NULL;
    cost read = cost_now();
    road_carla_index *index = m ? road_carla_index_create(m, &err) : NULL;
    cost indexed = cost_now();
    if (!index) {
        fprintf(stderr, "mapask: %s\n", argc == 2 ? err.text : "usage: mapask MAP.xodr < questions");
        road_map_destroy(m);
        return argc == 2 ? 1 : 2;
    }
    char line[512], verb[32];
    while (fgets(line, sizeof line, stdin)) {
        int used = 0;
        if (sscanf(line, "%31s%n", verb, &used) != 1)
            continue;
        if (strcmp(verb, "load") == 0)
            printf("[%.9g,%.0f,%.9g,%.0f]", read.seconds - before.seconds, read.bytes - before.bytes,
                   indexed.seconds - read.seconds, indexed.bytes - read.bytes);
        else if (!ask(m, index, verb, line + used))
            printf("null");
        putchar('\n');
    }
    road_carla_index_destroy(index);
    road_map_destroy(m);
    return ferror(stdout) != 0;
}
