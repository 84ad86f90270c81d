/* Drive a square: forward, turn, four times. The shortest complete program: connect, spawn, tick, read the snapshot, control. It makes a
 * world of its own for it, a yard of 120 x 120 m, from an OpenDRIVE text.
 *
 *     drive_square [HOST [PORT]]         default 127.0.0.1 2000; start a server with `laneloop serve` */
#include "sim/client/client.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const char yard[] =
    "<OpenDRIVE><header revMajor=\"1\" revMinor=\"4\"/><road name=\"yard\" length=\"120\" id=\"1\" junction=\"-1\">"
    "<planView><geometry s=\"0\" x=\"-60\" y=\"0\" hdg=\"0\" length=\"120\"><line/></geometry></planView><lanes><laneSection s=\"0\">"
    "<left><lane id=\"1\" type=\"driving\"><width sOffset=\"0\" a=\"60\" b=\"0\" c=\"0\" d=\"0\"/></lane></left>"
    "<center><lane id=\"0\" type=\"none\"/></center>"
    "<right><lane id=\"-1\" type=\"driving\"><width sOffset=\"0\" a=\"60\" b=\"0\" c=\"0\" d=\"0\"/></lane></right>"
    "</laneSection></lanes></road></OpenDRIVE>";
static const double dt_s = 0.05, side_m = 12, corner_deg = 82; /* the car rolls on a little */

/* Tick with this control until the car has gone so far or turned so much. */
static bool until(client *c, wire_actor_id car, wire_vehicle_control control, double metres, double degrees, base_error *err)
{
    client_state begin, now;
    if (!client_tick(c, err) || !client_state_get(c, car, &begin))
        return false;
    for (int i = 0; i < 400; i++) { /* 20 s at most */
        if (!client_control(c, car, control, err) || !client_tick(c, err) || !client_state_get(c, car, &now))
            return false;
        double gone = base_vec3_length(base_vec3_sub(now.pose.location, begin.pose.location));
        double turned = fabs(base_wrap_deg(now.pose.rotation.yaw_deg - begin.pose.rotation.yaw_deg));
        if ((metres > 0 && gone >= metres) || (degrees > 0 && turned >= degrees))
            return true;
    }
    return base_fail(err, BASE_REMOTE, "the car got stuck");
}

static bool brake(client *c, wire_actor_id car, base_error *err)
{
    client_state now = { .velocity_mps = { 1, 0, 0 } };
    for (int i = 0; i < 400 && base_vec3_length(now.velocity_mps) > 0.1; i++)
        if (!client_control(c, car, (wire_vehicle_control){ .brake = 1 }, err) || !client_tick(c, err) ||
            !client_state_get(c, car, &now))
            return false;
    return true;
}

static bool drive(client *c, base_error *err)
{
    wire_actor_id car;
    client_state corner;
    client_spawn_options o = { .blueprint = "vehicle.lincoln.mkz_2020", .pose = { { -20, -15, 0.5 }, { 0, 0, 0 } } };
    if (!client_generate_world(c, yard, NULL, false, err) || !client_synchronous(c, dt_s, err) ||
        !client_spawn(c, &o, &car, err))
        return false;
    for (int side = 0; side < 4; side++) {
        if (!until(c, car, (wire_vehicle_control){ .throttle = 0.5F }, side_m, 0, err) || !brake(c, car, err) ||
            !until(c, car, (wire_vehicle_control){ .throttle = 0.35F, .steer = 1 }, 0, corner_deg, err) ||
            !brake(c, car, err) || !client_state_get(c, car, &corner))
            return false;
        printf("corner %d: x %.1f m, y %.1f m, heading %.0f degrees\n", side + 1, corner.pose.location.x,
               corner.pose.location.y, corner.pose.rotation.yaw_deg);
    }
    return true;
}

int main(int argc, char **argv)
{
    base_error err = { 0 };
    client_options o = client_options_default();
    if (argc > 1)
        o.host = argv[1];
    if (argc > 2)
        o.port = atoi(argv[2]);
    client *c = client_connect(&o, &err);
    bool ok = c && drive(c, &err);
    ok = client_close(c, ok ? &err : NULL) && ok; /* destroys the car, restores the settings */
    if (!ok)
        fprintf(stderr, "drive_square: %s\n", err.text);
    return ok ? 0 : 1;
}
