/* Traffic of many vehicles, spawned and steered by batches: one message per tick, whatever their number. Every car keeps its lane by aiming
 * at the map's waypoint ahead, and keeps its distance by looking at the others.
 *
 *     traffic HOST PORT VEHICLES TICKS */
#include "sim/client/client.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VEHICLES_MAX = 256 };
static const double dt_s = 0.05, cruise_mps = 8, look_m = 7, gap_m = 12;

static bool is_car(const wire_actor_definition *d)
{
    for (size_t i = 0; i < d->attributes.count; i++)
        if (strcmp(d->attributes.items[i].id, "number_of_wheels") == 0)
            return strcmp(d->attributes.items[i].value, "4") == 0;
    return false;
}

/* The four-wheeled blueprints in turn. */
static size_t spawn_all(client *c, size_t wanted, wire_actor_id *cars, base_error *err)
{
    size_t points, count, made = 0;
    wire_command commands[VEHICLES_MAX], then[1];
    wire_outcome_list got;
    const base_pose *at = client_spawn_points(c, &points, err);
    const wire_actor_definition *all = at ? client_blueprints(c, &count, err) : NULL;
    if (!all)
        return 0;
    if (wanted > points)
        wanted = points;
    then[0] = client_command_vehicle_lights(0, CLIENT_LIGHT_LOW_BEAM); /* 0: the one being spawned */
    for (size_t i = 0, b = 0; i < wanted; i++) {
        for (size_t tried = 0; !is_car(&all[b % count]) && tried < count; tried++)
            b++;
        client_spawn_options o = { .blueprint = all[b++ % count].id, .pose = at[i * (points / wanted)] };
        if (!client_command_spawn(c, &o, &commands[i], err))
            return 0;
        commands[i].as.spawn.do_after.items = then;
        commands[i].as.spawn.do_after.count = 1;
    }
    if (!client_batch_tick(c, commands, wanted, &got, err))
        return 0;
    for (size_t i = 0; i < wanted; i++)
        if (got.items[i].kind == WIRE_OUTCOME_ACTOR)
            cars[made++] = got.items[i].as.actor;
        else
            printf("not spawned: %s\n", got.items[i].as.error.message);
    if (!made)
        base_fail(err, BASE_REMOTE, "no vehicle could be spawned");
    return made;
}

/* Distance to the nearest car in front, or far away. */
static double gap_ahead(const client_state *all, size_t count, size_t me)
{
    double nearest = 1000;
    for (size_t i = 0; i < count; i++) {
        base_vec3 p = base_pose_to_local(&all[me].pose, all[i].pose.location);
        if (i != me && p.x > 0 && fabs(p.y) < 2 + 0.1 * p.x && p.x < nearest)
            nearest = p.x;
    }
    return nearest;
}

static wire_vehicle_control steer(const struct road_map *map, const client_state *s, double gap)
{
    wire_vehicle_control control = { 0 };
    road_waypoint here, ahead;
    double speed = base_vec3_length(s->velocity_mps), wanted = gap < gap_m ? 0 : cruise_mps;
    if (road_waypoint_at(map, s->pose.location, ROAD_LANE_DRIVING, true, &here) &&
        road_waypoint_next(map, &here, look_m, &ahead, 1) > 0) {
        base_vec3 aim = base_pose_to_local(&s->pose, road_waypoint_pose(map, &ahead).location);
        control.steer = (float)fmax(-1, fmin(1, 2 * atan2(aim.y, aim.x)));
    } else {
        wanted = 0; /* the road ends */
    }
    double push = 0.4 * (wanted - speed);
    control.throttle = (float)fmax(0, fmin(0.7, push));
    control.brake = (float)fmax(0, fmin(1, -push));
    return control;
}

static bool run(client *c, size_t wanted, int ticks, base_error *err)
{
    static wire_actor_id cars[VEHICLES_MAX];
    static client_state states[VEHICLES_MAX];
    static wire_command commands[VEHICLES_MAX];
    const struct road_map *map = client_road_map(c, err);
    if (!map || !client_synchronous(c, dt_s, err))
        return false;
    size_t count = spawn_all(c, wanted, cars, err);
    double metres = 0;
    for (int t = 0; count && t < ticks; t++) {
        for (size_t i = 0; i < count; i++)
            client_state_get(c, cars[i], &states[i]);
        for (size_t i = 0; i < count; i++)
            commands[i] = client_command_control(cars[i], steer(map, &states[i], gap_ahead(states, count, i)));
        if (!client_batch_tick(c, commands, count, NULL, err))
            return false;
        for (size_t i = 0; i < count; i++)
            metres += base_vec3_length(states[i].velocity_mps) * dt_s;
    }
    if (count)
        printf("%zu vehicles, %d ticks: %.1f m each\n", count, ticks, metres / (double)count);
    return count > 0;
}

int main(int argc, char **argv)
{
    if (argc != 5 || atoi(argv[3]) < 1 || atoi(argv[3]) > VEHICLES_MAX) {
        fprintf(stderr, "usage: traffic HOST PORT VEHICLES TICKS      at most %d vehicles\n", VEHICLES_MAX);
        return 2;
    }
    base_error err = { 0 };
    client_options o = client_options_default();
    o.host = argv[1];
    o.port = atoi(argv[2]);
    client *c = client_connect(&o, &err);
    bool ok = c && run(c, (size_t)atoi(argv[3]), atoi(argv[4]), &err);
    ok = client_close(c, ok ? &err : NULL) && ok;
    if (!ok)
        fprintf(stderr, "traffic: %s\n", err.text);
    return ok ? 0 : 1;
}
