/* Places to start from: along every driving lane outside junctions, far enough apart for lorries, none upon another.
 *
 * Roads are cut into many short sections where anything changes; a lane is followed through all sections of its road, so that
 * the spacing does not start anew at each. */
#include "sim/road/road_map.h"
#include <stdlib.h>

#define SPAWN_STEP    12.0
#define SPAWN_MARGIN  6.0 /* from the ends of a road */
#define SPAWN_HEIGHT  0.5 /* above the road, as CARLA's generated ones */
#define SPAWN_WIDTH   2.5 /* narrower lanes are just appearing */
#define ROOM_LENGTH   5.5 /* two places clash when one lies within this far ahead or behind, */
#define ROOM_WIDTH    2.3 /* this far aside, */
#define ROOM_HEIGHT   3.0 /* and on the same level */
#define CELL          8.0 /* metres; larger than the reach of a clash */
#define BUCKETS_START 1024

/* The places so far by cell: chains of indices, so that a clash is looked for among neighbours only. */
typedef struct occupied {
    int *bucket, *next;
    int buckets, capacity;
} occupied;

static unsigned bucket_of(const occupied *o, double x, double y)
{
    uint64_t h =
        (uint64_t)(int64_t)floor(x / CELL) * 0x9e3779b97f4a7c15u + (uint64_t)(int64_t)floor(y / CELL) * 0xc2b2ae3d27d4eb4fu;
    return (unsigned)((h ^ h >> 32) % (unsigned)o->buckets);
}

static bool clash(const base_pose *a, const base_pose *b)
{
    double yaw = BASE_RAD(a->rotation.yaw_deg), x = b->location.x - a->location.x, y = b->location.y - a->location.y;
    double ahead = cos(yaw) * x + sin(yaw) * y, aside = cos(yaw) * y - sin(yaw) * x;
    return fabs(ahead) < ROOM_LENGTH && fabs(aside) < ROOM_WIDTH && fabs(b->location.z - a->location.z) < ROOM_HEIGHT;
}

static bool is_free(const road_map *m, const occupied *o, const base_pose *p)
{
    for (int j = -1; j <= 1; j++)
        for (int i = -1; i <= 1; i++)
            for (int k = o->bucket[bucket_of(o, p->location.x + i * CELL, p->location.y + j * CELL)]; k >= 0; k = o->next[k])
                if (clash(p, &m->spawns.items[k]) || clash(&m->spawns.items[k], p))
                    return false;
    return true;
}

static void file_place(const road_map *m, occupied *o, int index)
{
    base_vec3 at = m->spawns.items[index].location;
    int *bucket = &o->bucket[bucket_of(o, at.x, at.y)];
    o->next[index] = *bucket;
    *bucket = index;
}

/* Room for twice as many places, all filed anew. */
static bool grow(const road_map *m, occupied *o)
{
    int buckets = o->buckets ? 2 * o->buckets : BUCKETS_START;
    int *bucket = realloc(o->bucket, sizeof *bucket * (size_t)buckets);
    if (bucket)
        o->bucket = bucket;
    int *next = realloc(o->next, sizeof *next * (size_t)buckets);
    if (next)
        o->next = next;
    if (!bucket || !next)
        return false;
    o->buckets = buckets;
    for (int i = 0; i < buckets; i++)
        o->bucket[i] = -1;
    for (int i = 0; i < m->spawns.count; i++)
        file_place(m, o, i);
    return true;
}

static bool add_spawn(road_map *m, occupied *o, int lane, double s)
{
    road_waypoint w = road_lane_waypoint(m, lane, s);
    base_pose at = road_waypoint_pose(m, &w);
    at.location.z += SPAWN_HEIGHT;
    if (m->spawns.count == o->buckets && !grow(m, o))
        return false;
    if (!is_free(m, o, &at))
        return true;
    base_pose *kept = ROAD_PUSH(m->spawns);
    if (!kept)
        return false;
    *kept = at;
    file_place(m, o, m->spawns.count - 1);
    return true;
}

static double length_of(const road_map *m, int lane)
{
    const road_section *sec = &m->sections.items[m->lanes.items[lane].section];
    return sec->s1 - sec->s0;
}

/* The driving lane of the next section of the road that goes on where this one ends (or, backward, came before); -1: none. */
static int same_road(const road_map *m, int lane, bool backward)
{
    const road_lane *l = &m->lanes.items[lane];
    int first = backward ? l->first_previous : l->first_next, count = backward ? l->previous_count : l->next_count;
    int section = l->section + (road_lane_forward(l) != backward ? 1 : -1);
    for (int i = first; i < first + count; i++) {
        const road_lane *to = &m->lanes.items[m->links.items[i]];
        if (to->type == ROAD_LANE_DRIVING && to->section == section &&
            m->sections.items[section].road == m->sections.items[l->section].road)
            return m->links.items[i];
    }
    return -1;
}

/* Places along a lane and what it runs into on its road. */
static bool fill_lane(road_map *m, occupied *o, int lane)
{
    double total = 0, start = 0, next = SPAWN_MARGIN;
    for (int at = lane; at >= 0; at = same_road(m, at, false))
        total += length_of(m, at);
    for (int at = lane; at >= 0; at = same_road(m, at, false)) {
        const road_lane *l = &m->lanes.items[at];
        double end = start + length_of(m, at);
        for (; next < end && next <= total - SPAWN_MARGIN; next += SPAWN_STEP) {
            double s = road_lane_start(m, l) + (road_lane_forward(l) ? 1 : -1) * (next - start);
            if (road_width_at(m, l, s) >= SPAWN_WIDTH && !add_spawn(m, o, at, s))
                return false;
        }
        start = end;
    }
    return true;
}

bool road_spawns_build(road_map *m, base_error *err)
{
    occupied o = { 0 };
    int longest = -1;
    bool ok = true;
    for (int i = 0; i < m->lanes.count && ok; i++) {
        const road_lane *l = &m->lanes.items[i];
        if (l->type != ROAD_LANE_DRIVING || l->id == 0)
            continue;
        if (longest < 0 || length_of(m, i) > length_of(m, longest))
            longest = i;
        if (m->roads.items[m->sections.items[l->section].road].junction < 0 && same_road(m, i, true) < 0)
            ok = fill_lane(m, &o, i);
    }
    if (ok && m->spawns.count == 0 && longest >= 0) {
        const road_section *sec = &m->sections.items[m->lanes.items[longest].section];
        ok = add_spawn(m, &o, longest, (sec->s0 + sec->s1) / 2);
    }
    free(o.bucket);
    free(o.next);
    return ok || base_fail(err, BASE_MEMORY, "%s: no memory for places to start from", m->name);
}

const base_pose *road_map_spawn_points(const road_map *m, size_t *count)
{
    *count = (size_t)m->spawns.count;
    return m->spawns.items;
}
