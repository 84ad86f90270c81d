/* Physics of one tick: substeps of at most 5 ms for all bodies together, then poses and velocities as the snapshot shows them.
 *
 * The ground under a body is a plane found at the start of the tick (heights under its four corners) and used by the substeps;
 * at the end of the tick the body is put on the real ground again. Bodies in the air fall; suspension is not modelled. */
#include "sim/town/internal.h"

#define SUBSTEP_S 0.005 /* the yaw mode of the tyre model has time constants down to 10 ms at 1 m/s */
#define STICK_M   0.25  /* a body on the ground follows it down by this much at most; a deeper drop is a fall */

static void find_ground(const town_world *w, town_actor *a)
{
    double yaw = BASE_RAD(a->pose.rotation.yaw_deg), c = cos(yaw), s = sin(yaw);
    double f = a->box.extent.x * 0.6, r = a->box.extent.y * 0.8;
    base_vec3 at = a->pose.location;
    double support = a->kind == TOWN_WALKER ? a->box.extent.z : 0;
    double height[4], here;
    if (!town_ground_at(w, at.x, at.y, at.z - support, &here))
        here = a->on_ground ? a->ground_m : -1e3; /* beyond the edge of the world the plane goes on */
    static const int corner[4][2] = { { 1, -1 }, { 1, 1 }, { -1, -1 }, { -1, 1 } };
    for (int i = 0; i < 4; i++) {
        double x = at.x + corner[i][0] * f * c - corner[i][1] * r * s, y = at.y + corner[i][0] * f * s + corner[i][1] * r * c;
        if (!town_ground_at(w, x, y, at.z - support, &height[i]) || fabs(height[i] - here) > 1.0)
            height[i] = here;
    }
    double forward = (height[0] + height[1] - height[2] - height[3]) / (4 * f);
    double right = (height[1] + height[3] - height[0] - height[2]) / (4 * r);
    a->ground_at = at;
    a->ground_m = (height[0] + height[1] + height[2] + height[3]) / 4 + support;
    a->slope_x = forward * c - right * s;
    a->slope_y = forward * s + right * c;
}

static double plane_under(const town_actor *a)
{
    base_vec3 d = base_vec3_sub(a->pose.location, a->ground_at);
    return a->ground_m + a->slope_x * d.x + a->slope_y * d.y;
}

static void move_vertically(town_actor *a, double dt_s)
{
    double ground = plane_under(a);
    if (a->on_ground && a->pose.location.z - ground < STICK_M) {
        a->pose.location.z = ground;
        a->fall_mps = 0;
        return;
    }
    a->on_ground = false;
    if (a->gravity)
        a->fall_mps -= TOWN_GRAVITY * dt_s;
    a->pose.location.z += a->fall_mps * dt_s;
    if (a->pose.location.z <= ground) {
        a->pose.location.z = ground;
        a->fall_mps = 0;
        a->on_ground = true;
    }
}

/* Share of the dry road's friction: a film of water takes a third of it, standing water half. CARLA's own physics does not know
 * the weather. */
static double road_grip(const town_weather *w)
{
    double film = fmax(0, fmin(1, w->wetness / 100.0)), standing = fmax(0, fmin(1, w->precipitation_deposits / 100.0));
    return 1 - fmax(0.33 * film, 0.33 * fmin(1, 2 * standing) + 0.17 * fmax(0, 2 * standing - 1));
}

static void step_vehicle(town_actor *a, double grip, double dt_s)
{
    double yaw = BASE_RAD(a->pose.rotation.yaw_deg), c = cos(yaw), s = sin(yaw);
    double forward = a->slope_x * c + a->slope_y * s, right = -a->slope_x * s + a->slope_y * c;
    town_vehicle_step(&a->physics, &a->model, &a->state, &a->control, -TOWN_GRAVITY * forward, -TOWN_GRAVITY * right,
                      a->on_ground ? grip : 0, dt_s);
    if (a->constant_velocity) {
        a->state.forward_mps = a->constant_mps.x;
        a->state.right_mps = a->constant_mps.y;
    }
    double u = a->state.forward_mps, v = a->state.right_mps;
    a->pose.location.x += (u * c - v * s) * dt_s;
    a->pose.location.y += (u * s + v * c) * dt_s;
    a->pose.rotation.yaw_deg = base_wrap_deg(a->pose.rotation.yaw_deg + BASE_DEG(a->state.yaw_rate_radps) * dt_s);
    move_vertically(a, dt_s);
}

static void step_walker(town_actor *a, double dt_s)
{
    base_vec3 wish = town_walker_wish(&a->walker);
    if (hypot(wish.x, wish.y) > 1e-6) {
        a->velocity.x = wish.x;
        a->velocity.y = wish.y;
        a->pose.rotation.yaw_deg = BASE_DEG(atan2(wish.y, wish.x));
    } else if (a->on_ground) {
        a->velocity.x = a->velocity.y = 0;
    }
    if (a->walker.jump && a->on_ground) {
        a->fall_mps = TOWN_WALKER_JUMP_MPS;
        a->on_ground = false;
        a->pose.location.z += STICK_M * 1e-3;
    }
    a->pose.location.x += a->velocity.x * dt_s;
    a->pose.location.y += a->velocity.y * dt_s;
    move_vertically(a, dt_s);
}

static void apply_pushes(town_actor *a, double dt_s)
{
    double mass = a->kind == TOWN_VEHICLE ? a->model.mass_kg : 75;
    base_vec3 dv = base_vec3_scale(base_vec3_add(a->impulse, base_vec3_scale(a->force, dt_s)), 1 / mass);
    if (base_vec3_dot(dv, dv) > 0) {
        town_actor *t = a;
        double yaw = BASE_RAD(t->pose.rotation.yaw_deg), c = cos(yaw), s = sin(yaw);
        t->state.forward_mps += dv.x * c + dv.y * s;
        t->state.right_mps += -dv.x * s + dv.y * c;
        t->velocity = base_vec3_add(t->velocity, dv);
        t->fall_mps += dv.z;
        if (dv.z > 0.5)
            t->on_ground = false;
    }
    if (a->kind == TOWN_VEHICLE) {
        double turn_nms = BASE_RAD(a->angular_impulse.z + a->torque.z * dt_s) + a->turn_nms + a->turn_nm * dt_s;
        a->state.yaw_rate_radps += turn_nms / a->model.inertia_kgm2;
    }
    a->impulse = a->force = a->angular_impulse = a->torque = (base_vec3){ 0, 0, 0 };
    a->turn_nms = a->turn_nm = 0;
}

static bool simulated(const town_actor *a)
{
    return a->simulate_physics && (a->kind == TOWN_VEHICLE || a->kind == TOWN_WALKER || a->kind == TOWN_PROP);
}

/* Pitch and roll of something that stands on a plane with these slopes. */
static void stand_on_plane(town_actor *a)
{
    double yaw = BASE_RAD(a->pose.rotation.yaw_deg), c = cos(yaw), s = sin(yaw);
    double forward = a->slope_x * c + a->slope_y * s, right = -a->slope_x * s + a->slope_y * c;
    a->pose.rotation.pitch_deg = BASE_DEG(atan(forward));
    a->pose.rotation.roll_deg = BASE_DEG(atan(-right * cos(atan(forward))));
}

static void finish(const town_world *w, town_actor *a, base_vec3 before, base_vec3 velocity_before, double dt_s)
{
    find_ground(w, a);
    if (a->on_ground && fabs(a->pose.location.z - a->ground_m) < STICK_M)
        a->pose.location.z = a->ground_m;
    if (a->kind == TOWN_VEHICLE) {
        if (a->on_ground)
            stand_on_plane(a);
        double yaw = BASE_RAD(a->pose.rotation.yaw_deg), c = cos(yaw), s = sin(yaw);
        a->velocity.x = a->state.forward_mps * c - a->state.right_mps * s;
        a->velocity.y = a->state.forward_mps * s + a->state.right_mps * c;
        a->angular_radps = (base_vec3){ 0, 0, a->state.yaw_rate_radps };
        a->wheel_turn_deg = fmod(a->wheel_turn_deg + BASE_DEG(a->state.forward_mps * dt_s / a->model.radius_m), 360);
    } else if (a->kind == TOWN_WALKER) {
        town_walker_stride(a, dt_s);
    }
    a->velocity.z = (a->pose.location.z - before.z) / dt_s;
    a->acceleration = base_vec3_scale(base_vec3_sub(a->velocity, velocity_before), 1 / dt_s);
}

/* Impulses and turning rates of any finite size are taken, and a few of them overflow. A body that they throw out of the world
 * stays where it was, at rest: no pose may keep others, or the cameras on it, from being computed. */
static void step_body(town_actor *a, double grip, double dt_s)
{
    base_pose before = a->pose;
    if (a->kind == TOWN_VEHICLE)
        step_vehicle(a, grip, dt_s);
    else if (a->kind == TOWN_WALKER)
        step_walker(a, dt_s);
    else
        move_vertically(a, dt_s);
    const town_vehicle_state *s = &a->state;
    if (town_pose_is_sane(&a->pose) && isfinite(s->forward_mps + s->right_mps + s->yaw_rate_radps + s->acceleration_mps2) &&
        isfinite(a->velocity.x + a->velocity.y + a->velocity.z + a->fall_mps))
        return;
    a->pose = before;
    a->state.forward_mps = a->state.right_mps = a->state.yaw_rate_radps = a->state.acceleration_mps2 = 0;
    a->velocity = (base_vec3){ 0, 0, 0 };
    a->fall_mps = 0;
}

void town_physics_tick(town_world *w, double dt_s)
{
    for (int i = 0; i < w->actor_count; i++) {
        town_actor *a = w->actors[i];
        a->place_before = a->pose.location;
        a->velocity_before = a->velocity;
        if (a->kind == TOWN_WALKER)
            town_walker_carried(a, !simulated(a), dt_s);
        if (!simulated(a))
            continue;
        if (a->ackermann.active)
            town_ackermann_step(&a->ackermann, &a->control, a->state.forward_mps,
                                BASE_RAD((double)a->physics.wheels[0].max_steer_deg), dt_s);
        apply_pushes(a, dt_s);
        find_ground(w, a);
    }
    town_collisions_prepare(w, dt_s);
    int steps = (int)ceil(dt_s / SUBSTEP_S - 1e-9);
    double h = dt_s / steps;
    for (int k = 0; k < steps; k++) {
        for (int i = 0; i < w->actor_count; i++) {
            town_actor *a = w->actors[i];
            if (simulated(a))
                step_body(a, road_grip(&w->weather), h);
        }
        town_collisions_resolve(w);
    }
    for (int i = 0; i < w->actor_count; i++)
        if (simulated(w->actors[i]))
            finish(w, w->actors[i], w->actors[i]->place_before, w->actors[i]->velocity_before, dt_s);
}
