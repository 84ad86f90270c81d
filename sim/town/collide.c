/* Collisions: oriented boxes against each other and against the scenery's triangles.
 *
 * Bodies stand on the ground, so contacts are found in the plane: the outlines of two boxes as seen from above, when their
 * heights overlap. The axis of least overlap is the normal, the middle of the common area the point. The response is the usual
 * impulse of two rigid bodies in the plane with restitution and Coulomb friction; scenery has infinite mass. */
#include "sim/town/internal.h"
#include <stdlib.h>
#include <string.h>

#define RESTITUTION   0.1 /* cars crumple */
#define FRICTION      0.4
#define WALKER_KG     75.0
#define SOLID_ABOVE_M 0.25 /* scenery below this height above a body's bottom is driven over */
#define EVENT_NS      1.0  /* smaller impulses are no collision */

#define BIT(TAG) (1u << (TAG))
static const uint32_t not_solid = BIT(SCENE_TAG_ROADS) | BIT(SCENE_TAG_ROAD_LINE) | BIT(SCENE_TAG_SIDEWALKS) |
                                  BIT(SCENE_TAG_TERRAIN) | BIT(SCENE_TAG_GROUND) | BIT(SCENE_TAG_SKY) | BIT(SCENE_TAG_WATER);

scene_box town_box_in_world(const base_pose *actor, const town_box *box)
{
    scene_box b = { *actor, box->extent };
    b.pose.location = base_pose_to_world(actor, box->center);
    return b;
}

/* ---- two outlines seen from above ---- */

typedef struct point {
    double x, y;
} point;
typedef struct outline {
    point corner[4], axis[2], center;
    double half[2];
} outline;

static outline outline_of(const scene_box *b)
{
    double yaw = BASE_RAD(b->pose.rotation.yaw_deg), c = cos(yaw), s = sin(yaw);
    outline o = { .axis = { { c, s }, { -s, c } },
                  .center = { b->pose.location.x, b->pose.location.y },
                  .half = { b->extent.x, b->extent.y } };
    static const int signs[4][2] = { { 1, 1 }, { -1, 1 }, { -1, -1 }, { 1, -1 } };
    for (int i = 0; i < 4; i++) {
        double f = signs[i][0] * o.half[0], r = signs[i][1] * o.half[1];
        o.corner[i] = (point){ o.center.x + f * c - r * s, o.center.y + f * s + r * c };
    }
    return o;
}

static double reach(const outline *o, point axis)
{
    return o->half[0] * fabs(o->axis[0].x * axis.x + o->axis[0].y * axis.y) +
           o->half[1] * fabs(o->axis[1].x * axis.x + o->axis[1].y * axis.y);
}

/* Sutherland-Hodgman: keep what lies inside the half-plane a.x + b.y <= c. */
static int clip(point *out, const point *in, int count, double a, double b, double c)
{
    int kept = 0;
    for (int i = 0; i < count; i++) {
        point p = in[i], q = in[(i + 1) % count];
        double dp = a * p.x + b * p.y - c, dq = a * q.x + b * q.y - c;
        if (dp <= 0)
            out[kept++] = p;
        if ((dp < 0 && dq > 0) || (dp > 0 && dq < 0)) {
            double t = dp / (dp - dq);
            out[kept++] = (point){ p.x + t * (q.x - p.x), p.y + t * (q.y - p.y) };
        }
    }
    return kept;
}

static point middle_of_overlap(const outline *a, const outline *b)
{
    point one[16], two[16];
    int count = 4;
    memcpy(one, a->corner, sizeof a->corner);
    for (int i = 0; i < 2; i++)
        for (int side = -1; side <= 1; side += 2) {
            point n = { side * b->axis[i].x, side * b->axis[i].y };
            count = clip(two, one, count, n.x, n.y, n.x * b->center.x + n.y * b->center.y + b->half[i]);
            memcpy(one, two, sizeof one);
        }
    if (count == 0)
        return (point){ (a->center.x + b->center.x) / 2, (a->center.y + b->center.y) / 2 };
    point sum = { 0, 0 };
    for (int i = 0; i < count; i++) {
        sum.x += one[i].x / count;
        sum.y += one[i].y / count;
    }
    return sum;
}

bool town_boxes_contact(const scene_box *a, const scene_box *b, town_contact *c)
{
    if (fabs(a->pose.location.z - b->pose.location.z) >= a->extent.z + b->extent.z)
        return false;
    outline p = outline_of(a), q = outline_of(b);
    point between = { p.center.x - q.center.x, p.center.y - q.center.y };
    double least = INFINITY;
    point normal = { 0, 0 };
    for (int i = 0; i < 4; i++) {
        point axis = i < 2 ? p.axis[i] : q.axis[i - 2];
        double gap = between.x * axis.x + between.y * axis.y;
        double depth = reach(&p, axis) + reach(&q, axis) - fabs(gap);
        if (depth <= 0)
            return false;
        if (depth < least) {
            least = depth;
            normal = gap < 0 ? (point){ -axis.x, -axis.y } : axis;
        }
    }
    point at = middle_of_overlap(&p, &q);
    *c = (town_contact){ { at.x, at.y, fmin(a->pose.location.z, b->pose.location.z) }, { normal.x, normal.y, 0 }, least };
    return true;
}

/* ---- scenery ---- */

/* The body without its lowest part, which rolls over kerbs. */
static scene_box raised(const scene_box *box)
{
    scene_box b = *box;
    double cut = fmin(SOLID_ABOVE_M, b.extent.z);
    b.pose.location.z += cut / 2;
    b.extent.z -= cut / 2;
    return b;
}

bool town_scenery_contact(const town_world *w, const scene_box *box, town_contact *c, uint8_t *tag)
{
    if (!w->scenery)
        return false;
    scene_box b = raised(box);
    scene_hit hit;
    if (!scene_box_hit(town_scenery_scene(w->scenery), &b, not_solid, &hit))
        return false;
    /* Push along the surface's normal as seen from above; out of a flat top, away from the touched point. */
    base_vec3 n = { hit.normal.x, hit.normal.y, 0 };
    base_vec3 away = { b.pose.location.x - hit.point.x, b.pose.location.y - hit.point.y, 0 };
    double length = base_vec3_length(n), distance = base_vec3_length(away);
    if (length < 0.3)
        n = distance > 1e-6 ? base_vec3_scale(away, 1 / distance) : (base_vec3){ 1, 0, 0 };
    else
        n = base_vec3_scale(n, 1 / length);
    if (base_vec3_dot(n, away) < 0)
        n = base_vec3_scale(n, -1);
    outline o = outline_of(&b);
    double depth = reach(&o, (point){ n.x, n.y }) - base_vec3_dot(n, away);
    *c = (town_contact){ hit.point, n, fmax(1e-4, fmin(depth, 1.0)) };
    *tag = hit.tag;
    return true;
}

bool town_spawn_blocked(const town_world *w, const base_pose *pose, const town_box *box)
{
    scene_box mine = town_box_in_world(pose, box);
    scene_box wide = mine;
    wide.extent = base_vec3_add(wide.extent, (base_vec3){ 0.05, 0.05, 0.05 });
    for (int i = 0; i < w->actor_count; i++) {
        const town_actor *a = w->actors[i];
        if (!a->collisions)
            continue;
        scene_box other = town_box_in_world(&a->pose, &a->box);
        if (scene_boxes_overlap(&wide, &other))
            return true;
    }
    town_contact c;
    uint8_t tag;
    return town_scenery_contact(w, &mine, &c, &tag);
}

/* ---- which bodies may meet in this tick ---- */

static double radius_of(const town_actor *a) { return base_vec3_length(a->box.extent) + base_vec3_length(a->box.center); }

static bool moves(const town_actor *a) { return a->collisions && a->simulate_physics && a->kind != TOWN_PROP; }

static void add_pair(town_world *w, int a, int b)
{
    if (w->pair_count == w->pair_capacity) {
        int capacity = w->pair_capacity ? 2 * w->pair_capacity : 64;
        struct town_pair *more = realloc(w->pairs, (size_t)capacity * sizeof *more);
        if (!more)
            return; /* a missed contact is found in the next tick */
        w->pairs = more;
        w->pair_capacity = capacity;
    }
    w->pairs[w->pair_count++] = (struct town_pair){ a, b };
}

static bool near_scenery(const town_world *w, const town_actor *a, double dt_s)
{
    if (!w->scenery)
        return false;
    scene_box b = town_box_in_world(&a->pose, &a->box);
    double margin = base_vec3_length(a->velocity) * dt_s + 0.5;
    b = raised(&b);
    b.extent.x += margin;
    b.extent.y += margin;
    return scene_box_hit(town_scenery_scene(w->scenery), &b, not_solid, NULL);
}

void town_collisions_prepare(town_world *w, double dt_s)
{
    w->pair_count = 0;
    w->event_count = 0;
    for (int i = 0; i < w->actor_count; i++) {
        const town_actor *a = w->actors[i];
        if (!a->collisions)
            continue;
        for (int k = i + 1; k < w->actor_count; k++) {
            const town_actor *b = w->actors[k];
            if (!b->collisions || (!moves(a) && !moves(b)))
                continue;
            double reach_m =
                radius_of(a) + radius_of(b) + (base_vec3_length(a->velocity) + base_vec3_length(b->velocity)) * dt_s + 1;
            base_vec3 between = base_vec3_sub(a->pose.location, b->pose.location);
            if (base_vec3_dot(between, between) < reach_m * reach_m)
                add_pair(w, i, k);
        }
        if (moves(a) && near_scenery(w, a, dt_s))
            add_pair(w, i, -1);
    }
}

/* ---- response ---- */

typedef struct mover { /* a body in the plane; inverse mass 0 = does not move */
    town_actor *actor;
    double inverse_mass, inverse_inertia;
    double vx, vy, spin;
} mover;

static mover mover_of(town_actor *a)
{
    mover m = { .actor = a };
    if (!a)
        return m;
    if (a->kind == TOWN_VEHICLE) {
        double yaw = BASE_RAD(a->pose.rotation.yaw_deg), c = cos(yaw), s = sin(yaw);
        m.vx = a->state.forward_mps * c - a->state.right_mps * s;
        m.vy = a->state.forward_mps * s + a->state.right_mps * c;
        m.spin = a->state.yaw_rate_radps;
    } else {
        m.vx = a->velocity.x;
        m.vy = a->velocity.y;
    }
    if (moves(a)) {
        m.inverse_mass = a->kind == TOWN_VEHICLE ? 1 / a->model.mass_kg : 1 / WALKER_KG;
        m.inverse_inertia = a->kind == TOWN_VEHICLE ? 1 / a->model.inertia_kgm2 : 0;
    }
    return m;
}

static void put_back(const mover *m)
{
    town_actor *a = m->actor;
    if (!a || m->inverse_mass == 0)
        return;
    if (a->kind == TOWN_VEHICLE) {
        double yaw = BASE_RAD(a->pose.rotation.yaw_deg), c = cos(yaw), s = sin(yaw);
        a->state.forward_mps = m->vx * c + m->vy * s;
        a->state.right_mps = -m->vx * s + m->vy * c;
        a->state.yaw_rate_radps = m->spin;
    } else {
        a->velocity.x = m->vx;
        a->velocity.y = m->vy;
    }
}

static void push(mover *m, const town_contact *c, double px, double py)
{
    double rx = m->actor ? c->point.x - m->actor->pose.location.x : 0,
           ry = m->actor ? c->point.y - m->actor->pose.location.y : 0;
    m->vx += px * m->inverse_mass;
    m->vy += py * m->inverse_mass;
    m->spin += (rx * py - ry * px) * m->inverse_inertia;
}

static void speed_at(const mover *m, const town_contact *c, double *vx, double *vy)
{
    double rx = m->actor ? c->point.x - m->actor->pose.location.x : 0,
           ry = m->actor ? c->point.y - m->actor->pose.location.y : 0;
    *vx = m->vx - m->spin * ry;
    *vy = m->vy + m->spin * rx;
}

static double resistance(const mover *m, const town_contact *c, double nx, double ny)
{
    double rx = m->actor ? c->point.x - m->actor->pose.location.x : 0,
           ry = m->actor ? c->point.y - m->actor->pose.location.y : 0;
    double arm = rx * ny - ry * nx;
    return m->inverse_mass + arm * arm * m->inverse_inertia;
}

/* Impulse on a; b gets the opposite. */
static base_vec3 exchange(mover *a, mover *b, const town_contact *c)
{
    double ax, ay, bx, by;
    speed_at(a, c, &ax, &ay);
    speed_at(b, c, &bx, &by);
    double nx = c->normal.x, ny = c->normal.y;
    double closing = (ax - bx) * nx + (ay - by) * ny;
    if (closing >= 0)
        return (base_vec3){ 0, 0, 0 };
    double along = -(1 + RESTITUTION) * closing / (resistance(a, c, nx, ny) + resistance(b, c, nx, ny));
    double tx = -ny, ty = nx;
    double sliding = (ax - bx) * tx + (ay - by) * ty;
    double across = -sliding / (resistance(a, c, tx, ty) + resistance(b, c, tx, ty));
    across = fmax(-FRICTION * along, fmin(FRICTION * along, across));
    base_vec3 impulse = { along * nx + across * tx, along * ny + across * ty, 0 };
    push(a, c, impulse.x, impulse.y);
    push(b, c, -impulse.x, -impulse.y);
    return impulse;
}

static void note(town_world *w, uint32_t actor, uint32_t other, uint8_t tag, base_vec3 impulse)
{
    for (int i = 0; i < w->event_count; i++) {
        town_event *e = &w->events[i];
        if (e->actor == actor && e->other == other && (other || e->other_tag == tag)) {
            e->normal_impulse_ns = base_vec3_add(e->normal_impulse_ns, impulse);
            return;
        }
    }
    if (w->event_count < TOWN_EVENTS_MAX)
        w->events[w->event_count++] = (town_event){ actor, other, tag, impulse };
}

static void settle(town_world *w, town_actor *a, town_actor *b, const town_contact *c, uint8_t tag)
{
    mover m = mover_of(a), n = mover_of(b);
    base_vec3 impulse = exchange(&m, &n, c);
    put_back(&m);
    put_back(&n);
    double total = m.inverse_mass + n.inverse_mass;
    if (total > 0) {
        base_vec3 apart = base_vec3_scale(c->normal, c->depth_m / total);
        a->pose.location = base_vec3_add(a->pose.location, base_vec3_scale(apart, m.inverse_mass));
        if (b)
            b->pose.location = base_vec3_sub(b->pose.location, base_vec3_scale(apart, n.inverse_mass));
    }
    if (base_vec3_length(impulse) < EVENT_NS)
        return;
    note(w, a->id, b ? b->id : 0, tag, impulse);
    if (b)
        note(w, b->id, a->id, a->tag, base_vec3_scale(impulse, -1));
}

void town_collisions_resolve(town_world *w)
{
    for (int i = 0; i < w->pair_count; i++) {
        town_actor *a = w->actors[w->pairs[i].a], *b = w->pairs[i].b < 0 ? NULL : w->actors[w->pairs[i].b];
        scene_box mine = town_box_in_world(&a->pose, &a->box);
        town_contact c;
        uint8_t tag = b ? b->tag : 0;
        if (b) {
            scene_box theirs = town_box_in_world(&b->pose, &b->box);
            if (town_boxes_contact(&mine, &theirs, &c))
                settle(w, a, b, &c, tag);
            continue;
        }
        /* A corner of a building touches two walls: a few rounds find both. */
        for (int round = 0; round < 3 && town_scenery_contact(w, &mine, &c, &tag); round++) {
            settle(w, a, NULL, &c, tag);
            mine = town_box_in_world(&a->pose, &a->box);
        }
    }
}
