/* Let CARLA's traffic manager, hosted by some other process, drive our vehicles. In that process, with CARLA's own client:
 *
 *     carla.Client("127.0.0.1", 2000).get_trafficmanager(8000)
 *
 *     remote_traffic_manager HOST PORT TM_PORT VEHICLES TICKS SPEED_DIFFERENCE_PERCENT */
#include "sim/client/client.h"
#include <stdio.h>
#include <stdlib.h>

enum { VEHICLES_MAX = 64 };

static bool run(client *c, int port, size_t wanted, int ticks, double slower_percent, base_error *err)
{
    wire_actor_id cars[VEHICLES_MAX];
    size_t points, count = 0;
    client_state s;
    const base_pose *at = client_spawn_points(c, &points, err);
    if (!at || !client_synchronous(c, 0.05, err))
        return false;
    for (size_t i = 0; i < points && count < wanted; i += points / wanted) {
        client_spawn_options o = { .blueprint = "vehicle.lincoln.mkz_2020", .pose = at[i] };
        if (client_spawn(c, &o, &cars[count], err))
            count++;
    }
    client_tm *tm = client_tick(c, err) ? client_tm_connect(c, port, err) : NULL;
    bool ok = tm && client_tm_switch_set(tm, 0, CLIENT_TM_SYNCHRONOUS, true, err) && client_tm_seed(tm, 1, err) &&
              client_tm_set_all(tm, CLIENT_TM_DISTANCE, 3, err) && client_tm_register(tm, cars, count, true, err);
    for (size_t i = 0; ok && i < count; i++)
        ok = client_tm_set(tm, cars[i], CLIENT_TM_SPEED_DIFFERENCE, slower_percent, err) &&
             client_tm_switch_set(tm, cars[i], CLIENT_TM_AUTO_LANE_CHANGE, false, err);
    double metres = 0, fastest = 0;
    for (int t = 0; ok && t < ticks; t++) {
        ok = client_tick(c, err) && client_tm_tick(tm, err);
        for (size_t i = 0; ok && i < count; i++)
            if (client_state_get(c, cars[i], &s)) {
                double speed = base_vec3_length(s.velocity_mps);
                metres += speed * 0.05;
                fastest = speed > fastest ? speed : fastest;
            }
    }
    if (ok)
        printf("%zu vehicles, %d ticks: %.1f m each, fastest %.2f m/s\n", count, ticks, metres / (double)count, fastest);
    /* hand them back before they are destroyed, and leave the manager as it was found */
    if (tm && !(client_tm_register(tm, cars, count, false, ok ? err : NULL) &&
                client_tm_switch_set(tm, 0, CLIENT_TM_SYNCHRONOUS, false, ok ? err : NULL)))
        ok = false;
    client_tm_close(tm);
    return ok;
}

int main(int argc, char **argv)
{
    if (argc != 7 || atoi(argv[4]) < 1 || atoi(argv[4]) > VEHICLES_MAX) {
        fprintf(stderr, "usage: remote_traffic_manager HOST PORT TM_PORT VEHICLES TICKS SPEED_DIFFERENCE_PERCENT\n");
        return 2;
    }
    base_error err = { 0 };
    client_options o = client_options_default();
    o.host = argv[1];
    o.port = atoi(argv[2]);
    client *c = client_connect(&o, &err);
    bool ok = c && run(c, atoi(argv[3]), (size_t)atoi(argv[4]), atoi(argv[5]), atof(argv[6]), &err);
    ok = client_close(c, ok ? &err : NULL) && ok;
    if (!ok)
        fprintf(stderr, "remote_traffic_manager: %s\n", err.text);
    return ok ? 0 : 1;
}
