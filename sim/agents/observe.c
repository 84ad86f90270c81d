/* What agents read from the client: the ego's state and its steering. */
#include "sim/agents/agents.h"
#include <math.h>

bool agents_ego_read(const client *c, wire_actor_id id, agents_ego *out)
{
    client_state s;
    if (!client_state_get(c, id, &s))
        return false;
    base_mat3 r = base_rotation_matrix(s.pose.rotation);
    base_vec3 local = base_mat3_apply_inverse(&r, s.velocity_mps);
    *out = (agents_ego){ s.pose, local.x, s.angular_velocity_dps.z };
    return true;
}

/* Wheel positions are centimetres in the world; 0.10 reports zeros, then the defaults stay. */
static void read_wheels(agents_vehicle *v, const wire_wheel_list *wheels, const client_state *state)
{
    base_vec3 axle[2] = { { 0, 0, 0 }, { 0, 0, 0 } };
    double angle = 0;
    if (wheels->count < 4)
        return;
    for (size_t i = 0; i < 4; i++) {
        const wire_wheel *w = &wheels->items[i];
        base_vec3 at = { (double)w->position.x / 200, (double)w->position.y / 200, (double)w->position.z / 200 };
        axle[i / 2] = base_vec3_add(axle[i / 2], at);
        angle += i < 2 ? (double)w->max_steer_angle / 2 : 0;
    }
    double wheelbase = base_vec3_length(base_vec3_sub(axle[0], axle[1]));
    if (angle > 1 && angle < 90)
        v->steer_max_rad = BASE_RAD(angle);
    if (!(wheelbase > 1 && wheelbase < 10))
        return;
    v->wheelbase_m = wheelbase;
    double track = base_vec3_length(base_vec3_sub(wire_vector3_to_vec3(wheels->items[0].position),
                                                  wire_vector3_to_vec3(wheels->items[1].position))) /
                   100;
    v->track_m = track > 0.3 && track < 4 ? track : 0;
    v->rear_axle_m = -wheelbase / 2;
    double rear = state ? base_pose_to_local(&state->pose, axle[1]).x : 0;
    if (rear < -0.2 && rear > -wheelbase) /* else the positions are those of another tick */
        v->rear_axle_m = rear;
}

bool agents_vehicle_read(client *c, wire_actor_id vehicle, agents_vehicle *out, base_error *err)
{
    wire_args_actor args = { .actor = vehicle };
    wire_vehicle_physics p;
    agents_vehicle v = agents_vehicle_default();
    client_state state;
    if (!client_call(c, WIRE_METHOD_get_physics_control, &args, &p, NULL, err))
        return false;
    read_wheels(&v, &p.wheels, client_state_get(c, vehicle, &state) ? &state : NULL);
    int count = 0;
    for (size_t i = 0; i < p.steering_curve.count && count < AGENTS_CURVE_MAX; i++) {
        double kmh = (double)p.steering_curve.items[i].x, share = (double)p.steering_curve.items[i].y;
        if (!isfinite(kmh) || !(share > 0.01 && share <= 2) || (count && kmh <= v.share_kmh[count - 1]))
            continue;
        v.share_kmh[count] = kmh;
        v.share[count++] = share;
    }
    if (count == 0) /* no curve: the full angle at any speed */
        v.share_kmh[0] = 0, v.share[0] = 1, count = 1;
    v.share_count = count;
    *out = v;
    return true;
}
