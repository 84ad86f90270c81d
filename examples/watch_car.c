/* Watch a car that another client drives: what it hits and which marks it crosses, with the frame of each event.
 *
 *     watch_car HOST PORT ACTOR FRAMES */
#include "sim/client/client.h"
#include <stdio.h>
#include <stdlib.h>

static const char *const types[] = { "Other",        "Broken",    "Solid", "SolidSolid", "SolidBroken", "BrokenSolid",
                                     "BrokenBroken", "BottsDots", "Grass", "Curb",       "NONE" };

static bool watch(client *c, wire_actor_id car, uint64_t frames, base_error *err)
{
    wire_actor_id lanes, bumper;
    client_lane_invasion invasion;
    client_collision hit;
    client_spawn_options o = { .blueprint = "sensor.other.lane_invasion", .parent = car };
    if (!client_spawn(c, &o, &lanes, err))
        return false;
    o.blueprint = "sensor.other.collision";
    if (!client_spawn(c, &o, &bumper, err) || !client_listen(c, lanes, err) || !client_listen(c, bumper, err) ||
        !client_wait_for_tick_within(c, 60, err))
        return false;
    uint64_t end = client_snapshot_get(c).frame + frames;
    printf("watching from frame %llu\n", (unsigned long long)client_snapshot_get(c).frame);
    fflush(stdout);
    while (client_snapshot_get(c).frame < end) {
        if (!client_wait_for_tick_within(c, 60, err))
            return false;
        while (client_lane_invasion_next(c, lanes, &invasion))
            for (int i = 0; i < invasion.mark_count; i++)
                printf("frame %llu: crossed %s\n", (unsigned long long)invasion.frame, types[invasion.types[i]]);
        while (client_collision_next(c, bumper, &hit))
            printf("frame %llu: hit %s\n", (unsigned long long)hit.frame, hit.other_type);
    }
    return true;
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        fprintf(stderr, "usage: watch_car HOST PORT ACTOR FRAMES\n");
        return 2;
    }
    base_error err = { 0 };
    client_options o = client_options_default();
    o.host = argv[1];
    o.port = atoi(argv[2]);
    client *c = client_connect(&o, &err);
    bool ok = c && watch(c, (wire_actor_id)strtoul(argv[3], NULL, 10), strtoull(argv[4], NULL, 10), &err);
    ok = client_close(c, ok ? &err : NULL) && ok;
    if (!ok)
        fprintf(stderr, "watch_car: %s\n", err.text);
    return ok ? 0 : 1;
}
