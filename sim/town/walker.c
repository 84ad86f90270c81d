/* Walkers: what a client sets on one. How they move is in physics.c, how they collide in collide.c, their skeleton in bones.c.
 *
 * A walker's origin is the middle of its upright body. A control asks for direction times speed, as CARLA's character movement does:
 * a direction of length 2 doubles the speed. set_walker_state, by which CARLA's client moves its pedestrians, names the place
 * of the feet, where its navigation mesh lies. */
#include "sim/town/internal.h"

base_vec3 town_walker_wish(const town_walker_control *c)
{
    base_vec3 v = { c->direction.x * c->speed_mps, c->direction.y * c->speed_mps, 0 };
    double speed = hypot(v.x, v.y);
    return speed > TOWN_WALKER_MPS_MAX ? base_vec3_scale(v, TOWN_WALKER_MPS_MAX / speed) : v;
}

#define STRIDE_M 1.4 /* two steps */

void town_walker_stride(town_actor *a, double dt_s)
{
    a->stride = fmod(a->stride + hypot(a->velocity.x, a->velocity.y) * dt_s / STRIDE_M, 1);
}

void town_walker_carried(town_actor *a, bool carried, double dt_s)
{
    base_vec3 moved = base_vec3_sub(a->pose.location, a->carried_to);
    bool known = carried && a->carried;
    a->carried = carried;
    a->carried_to = a->pose.location;
    if (!carried || a->parent)
        return;
    base_vec3 velocity = base_vec3_scale(moved, 1 / dt_s);
    if (!known || base_vec3_length(velocity) > TOWN_WALKER_MPS_MAX) /* the first tick, or a leap: no way of walking */
        velocity = (base_vec3){ 0, 0, 0 };
    a->acceleration = base_vec3_scale(base_vec3_sub(velocity, a->velocity), 1 / dt_s);
    a->velocity = velocity;
    town_walker_stride(a, dt_s);
}

static town_actor *walker(town_world *w, uint32_t id)
{
    town_actor *a = town_actor_find(w, id);
    return a && a->kind == TOWN_WALKER ? a : NULL;
}

bool town_walker_control_set(town_world *w, uint32_t id, town_walker_control c)
{
    town_actor *a = walker(w, id);
    if (!a || a->dead || !isfinite(c.direction.x + c.direction.y + c.direction.z) || !isfinite(c.speed_mps))
        return false;
    c.speed_mps = fmax(0, c.speed_mps);
    a->walker = c;
    return true;
}

bool town_walker_kill(town_world *w, uint32_t id)
{
    town_actor *a = walker(w, id);
    if (!a || a->dead)
        return false;
    a->walker = (town_walker_control){ .direction = a->walker.direction };
    a->dead = true;
    return true;
}

bool town_walker_state_set(town_world *w, uint32_t id, base_pose feet, double speed_mps)
{
    town_actor *a = walker(w, id);
    if (!a)
        return false;
    feet.location.z += a->box.extent.z;
    double yaw = BASE_RAD(feet.rotation.yaw_deg);
    town_walker_control ahead = { { cos(yaw), sin(yaw), 0 }, speed_mps, false };
    if (!town_pose_set(w, id, feet) || !town_walker_control_set(w, id, ahead))
        return false;
    a->on_ground = true; /* the next step puts it on the ground there, or lets it fall if that is far below */
    return true;
}
