/* sim/scene/rays.c — rays and rolling balls through the static part and through instances. */
#include "sim/scene/rays.h"
#include "sim/scene/bvh.h"
#include <assert.h>
#include <stdlib.h>

static base_vec3 plane_normal(const scene_part *p, uint32_t triangle)
{
    base_vec3 x[3];
    for (int k = 0; k < 3; k++) {
        const float *v = p->vertices[p->triangles[triangle].vertex[k]].position;
        x[k] = (base_vec3){ v[0], v[1], v[2] };
    }
    return base_vec3_cross(base_vec3_sub(x[1], x[0]), base_vec3_sub(x[2], x[0]));
}

static base_vec3 unit_against(base_vec3 n, base_vec3 direction)
{
    double length = base_vec3_length(n);
    if (length == 0)
        return (base_vec3){ 0, 0, 1 };
    return base_vec3_scale(n, (base_vec3_dot(n, direction) > 0 ? -1 : 1) / length);
}

static void fill_static_hit(const scene *s, const scene_bvh_hit *h, base_vec3 origin, base_vec3 direction, scene_hit *hit)
{
    const scene_triangle *t = &s->world.triangles[h->triangle];
    *hit = (scene_hit){ .distance_m = h->t,
                        .point = base_vec3_add(origin, base_vec3_scale(direction, h->t)),
                        .normal = unit_against(plane_normal(&s->world, h->triangle), direction),
                        .tag = t->tag,
                        .instance = t->instance,
                        .dynamic = -1,
                        .triangle = h->triangle };
}

/* ---- instances */

typedef struct placed { /* an instance, ready for rays */
    const scene_instance *instance;
    const scene_part *part;
    base_mat3 turn;
    base_vec3 scale;
    base_vec3 centre; /* of a ball around it, in the world */
    double radius;
    base_vec3 reach; /* half sizes of an upright box around it */
} placed;

static placed place(const scene *s, const scene_instance *in)
{
    placed p = { .instance = in, .part = &s->meshes[in->mesh], .turn = base_rotation_matrix(in->pose.rotation) };
    p.scale = scene_instance_scale(in);
    const scene_bounds *b = &p.part->bounds;
    base_vec3 middle = { 0.5 * ((double)b->lo[0] + b->hi[0]) * p.scale.x, 0.5 * ((double)b->lo[1] + b->hi[1]) * p.scale.y,
                         0.5 * ((double)b->lo[2] + b->hi[2]) * p.scale.z };
    base_vec3 half = { 0.5 * ((double)b->hi[0] - b->lo[0]) * p.scale.x, 0.5 * ((double)b->hi[1] - b->lo[1]) * p.scale.y,
                       0.5 * ((double)b->hi[2] - b->lo[2]) * p.scale.z };
    p.centre = base_vec3_add(in->pose.location, base_mat3_apply(&p.turn, middle));
    p.radius = base_vec3_length(half) * (1 + 1e-6) + 1e-6;
    double *reach[3] = { &p.reach.x, &p.reach.y, &p.reach.z };
    for (int k = 0; k < 3; k++)
        *reach[k] = fabs(p.turn.m[k][0]) * half.x + fabs(p.turn.m[k][1]) * half.y + fabs(p.turn.m[k][2]) * half.z;
    return p;
}

/* Can the ray come into the ball before `limit`? direction has unit length. */
static bool meets_ball(const placed *p, base_vec3 origin, base_vec3 direction, double limit)
{
    base_vec3 to = base_vec3_sub(p->centre, origin);
    double along = base_vec3_dot(to, direction), r2 = p->radius * p->radius;
    return along > -p->radius && along - p->radius < limit && base_vec3_dot(to, to) - along * along < r2 * (1 + 1e-9);
}

static base_vec3 to_local(const placed *p, base_vec3 world)
{
    base_vec3 v = base_mat3_apply_inverse(&p->turn, base_vec3_sub(world, p->instance->pose.location));
    return (base_vec3){ v.x / p->scale.x, v.y / p->scale.y, v.z / p->scale.z };
}

static base_vec3 to_world(const placed *p, base_vec3 v)
{
    v = (base_vec3){ v.x * p->scale.x, v.y * p->scale.y, v.z * p->scale.z };
    return base_vec3_add(p->instance->pose.location, base_mat3_apply(&p->turn, v));
}

static bool hit_instance(const placed *p, base_vec3 origin, base_vec3 direction, bool seen_only, scene_bvh_hit *h)
{
    base_vec3 o = to_local(p, origin), d = base_mat3_apply_inverse(&p->turn, direction);
    /* Dividing by the scale keeps t: the ray's parameter is the world's distance in metres. */
    d = (base_vec3){ d.x / p->scale.x, d.y / p->scale.y, d.z / p->scale.z };
    return scene_bvh_ray(p->part, o, d, UINT32_MAX, seen_only, h);
}

static void fill_instance_hit(const placed *p, int index, const scene_bvh_hit *h, base_vec3 origin, base_vec3 direction,
                              scene_hit *hit)
{
    const scene_instance *in = p->instance;
    base_vec3 n = plane_normal(p->part, h->triangle);
    n = base_mat3_apply(&p->turn, (base_vec3){ n.x / p->scale.x, n.y / p->scale.y, n.z / p->scale.z });
    *hit = (scene_hit){ .distance_m = h->t,
                        .point = base_vec3_add(origin, base_vec3_scale(direction, h->t)),
                        .normal = unit_against(n, direction),
                        .tag = in->tag ? in->tag : p->part->triangles[h->triangle].tag,
                        .instance = in->id ? in->id : p->part->triangles[h->triangle].instance,
                        .dynamic = index,
                        .triangle = h->triangle };
}

/* ---- rays */

struct scene_rays {
    const scene *scene;
    placed *placed;
    int count;
    scene_part boxes; /* hierarchy over the boxes around the instances */
};

static float down(double x) { return nextafterf((float)x, -INFINITY); }
static float up(double x) { return nextafterf((float)x, INFINITY); }

static scene_bounds box_around(const placed *p)
{
    const double c[3] = { p->centre.x, p->centre.y, p->centre.z }, r[3] = { p->reach.x, p->reach.y, p->reach.z };
    scene_bounds b;
    for (int k = 0; k < 3; k++) {
        double margin = 1e-6 * (1 + fabs(c[k]) + r[k]);
        b.lo[k] = down(c[k] - r[k] - margin);
        b.hi[k] = up(c[k] + r[k] + margin);
    }
    return b;
}

scene_rays *scene_rays_create(const scene *s, const scene_instance *instances, int instance_count, base_error *err)
{
    assert(s->finished);
    scene_rays *r = calloc(1, sizeof *r);
    placed *p = malloc(((size_t)instance_count + 1) * sizeof *p);
    if (!r || !p) {
        free(r);
        free(p);
        base_fail(err, BASE_MEMORY, "scene: no memory for %d instances", instance_count);
        return NULL;
    }
    *r = (scene_rays){ .scene = s, .placed = p, .count = instance_count };
    scene_bounds *boxes = malloc(((size_t)instance_count + 1) * sizeof *boxes);
    for (int i = 0; boxes && i < instance_count; i++) {
        p[i] = place(s, &instances[i]);
        boxes[i] = box_around(&p[i]);
    }
    if (!boxes || !scene_bvh_build_boxes(&r->boxes, boxes, (uint32_t)instance_count, err)) {
        if (!boxes)
            base_fail(err, BASE_MEMORY, "scene: no memory for %d instances", instance_count);
        scene_rays_destroy(r);
        r = NULL;
    }
    free(boxes);
    return r;
}

void scene_rays_destroy(scene_rays *r)
{
    if (!r)
        return;
    free(r->placed);
    scene_bvh_free(&r->boxes);
    free(r);
}

/* Is the instance nearer than *best (found: there is one)? Ties stay with what came first. */
static bool hit_nearer(const placed *p, base_vec3 origin, base_vec3 direction, bool seen_only, bool found, scene_bvh_hit *best)
{
    scene_bvh_hit h = { best->t, UINT32_MAX };
    if (!meets_ball(p, origin, direction, best->t) || !hit_instance(p, origin, direction, seen_only, &h) ||
        (found && h.t >= best->t))
        return false;
    *best = h;
    return true;
}

typedef struct ray_search {
    const scene_rays *rays;
    base_vec3 origin, direction;
    scene_bvh_hit best;
    int dynamic;
    bool found;
} ray_search;

static void try_instance(void *user, uint32_t index, double *limit)
{
    ray_search *s = user;
    int i = (int)index;
    scene_bvh_hit h = { s->best.t, UINT32_MAX };
    if (!hit_instance(&s->rays->placed[i], s->origin, s->direction, true, &h))
        return;
    if (s->found && (h.t > s->best.t || (h.t == s->best.t && (s->dynamic < 0 || i > s->dynamic))))
        return; /* ties: the static part, then the lower instance, in whatever order they are tried */
    s->best = h;
    s->dynamic = i;
    s->found = true;
    *limit = h.t;
}

bool scene_rays_hit(const scene_rays *r, base_vec3 origin, base_vec3 direction, double max_m, scene_hit *hit)
{
    double length = base_vec3_length(direction);
    if (!(length > 0) || !(max_m >= 0))
        return false;
    direction = base_vec3_scale(direction, 1 / length);
    ray_search s = { r, origin, direction, { max_m, UINT32_MAX }, -1, false };
    s.found = scene_bvh_ray(&r->scene->world, origin, direction, UINT32_MAX, true, &s.best);
    double limit = s.best.t;
    scene_bvh_ray_boxes(&r->boxes, origin, direction, &limit, try_instance, &s);
    if (s.found && hit) {
        if (s.dynamic < 0)
            fill_static_hit(r->scene, &s.best, origin, direction, hit);
        else
            fill_instance_hit(&r->placed[s.dynamic], s.dynamic, &s.best, origin, direction, hit);
    }
    return s.found;
}

bool scene_ray(const scene *s, const scene_instance *instances, int instance_count, base_vec3 origin, base_vec3 direction,
               double max_m, scene_hit *hit)
{
    assert(s->finished);
    double length = base_vec3_length(direction);
    if (!(length > 0) || !(max_m >= 0))
        return false;
    direction = base_vec3_scale(direction, 1 / length);
    scene_bvh_hit best = { max_m, UINT32_MAX };
    int dynamic = -1;
    bool found = scene_bvh_ray(&s->world, origin, direction, UINT32_MAX, false, &best);
    for (int i = 0; i < instance_count; i++) {
        placed p = place(s, &instances[i]);
        if (!hit_nearer(&p, origin, direction, false, found, &best))
            continue;
        dynamic = i;
        found = true;
    }
    if (found && hit) {
        placed p = dynamic >= 0 ? place(s, &instances[dynamic]) : (placed){ 0 };
        if (dynamic < 0)
            fill_static_hit(s, &best, origin, direction, hit);
        else
            fill_instance_hit(&p, dynamic, &best, origin, direction, hit);
    }
    return found;
}

bool scene_ground(const scene *s, double x, double y, double from_z, uint32_t tag_mask, scene_hit *hit)
{
    assert(s->finished);
    base_vec3 origin = { x, y, from_z }, down = { 0, 0, -1 };
    scene_bvh_hit best = { 1e6, UINT32_MAX };
    if (!scene_bvh_ray(&s->world, origin, down, tag_mask, false, &best))
        return false;
    if (hit)
        fill_static_hit(s, &best, origin, down, hit);
    return true;
}

/* ---- sweeps */

typedef struct sweep {
    base_vec3 from, direction; /* unit */
    double radius, best;       /* best: way of the centre so far; INFINITY: none */
    const scene_part *part;
    const placed *placed; /* NULL: the world */
    base_vec3 point;      /* where it touches */
    uint32_t triangle;
    bool improved;
} sweep;

static base_vec3 along(const sweep *s, double t) { return base_vec3_add(s->from, base_vec3_scale(s->direction, t)); }

static void touch(sweep *s, double t, base_vec3 point, uint32_t triangle)
{
    if (!(t < s->best))
        return;
    s->best = t;
    s->point = point;
    s->triangle = triangle;
    s->improved = true;
}

static void touch_face(sweep *s, const base_vec3 p[3], uint32_t triangle)
{
    base_vec3 n = base_vec3_cross(base_vec3_sub(p[1], p[0]), base_vec3_sub(p[2], p[0]));
    double length = base_vec3_length(n), height, speed;
    if (length == 0)
        return;
    n = base_vec3_scale(n, 1 / length);
    height = base_vec3_dot(n, base_vec3_sub(s->from, p[0]));
    if (height < 0) {
        n = base_vec3_scale(n, -1);
        height = -height;
    }
    speed = -base_vec3_dot(n, s->direction);
    if (!(speed > 0) || height < s->radius)
        return; /* what touches at the start was found before; else an edge is met first */
    double t = (height - s->radius) / speed;
    base_vec3 q = base_vec3_sub(along(s, t), base_vec3_scale(n, s->radius));
    base_vec3 side = base_vec3_sub(q, scene_triangle_nearest(p, q));
    if (base_vec3_dot(side, side) < 1e-12)
        touch(s, t, q, triangle);
}

/* Ball against the edge from a to b, its ends included: the way's ray against a cylinder and two balls. */
static void touch_edge(sweep *s, base_vec3 a, base_vec3 b, uint32_t triangle)
{
    base_vec3 ab = base_vec3_sub(b, a), m = base_vec3_sub(s->from, a);
    double ab2 = base_vec3_dot(ab, ab), r2 = s->radius * s->radius;
    if (ab2 > 0) {
        base_vec3 d = base_vec3_sub(s->direction, base_vec3_scale(ab, base_vec3_dot(s->direction, ab) / ab2));
        base_vec3 o = base_vec3_sub(m, base_vec3_scale(ab, base_vec3_dot(m, ab) / ab2));
        double qa = base_vec3_dot(d, d), qb = base_vec3_dot(o, d), qc = base_vec3_dot(o, o) - r2, under = qb * qb - qa * qc;
        if (qa > 1e-18 && under >= 0) {
            double t = (-qb - sqrt(under)) / qa;
            double share = (base_vec3_dot(m, ab) + t * base_vec3_dot(s->direction, ab)) / ab2;
            if (t >= 0 && share >= 0 && share <= 1)
                touch(s, t, base_vec3_add(a, base_vec3_scale(ab, share)), triangle);
        }
    }
    double qb = base_vec3_dot(m, s->direction), under = qb * qb - base_vec3_dot(m, m) + r2;
    if (under >= 0 && -qb - sqrt(under) >= 0) /* corner a; b is the next edge's */
        touch(s, -qb - sqrt(under), a, triangle);
}

static bool sweep_triangle(void *user, uint32_t triangle)
{
    sweep *s = user;
    base_vec3 p[3];
    if (s->part->triangles[triangle].flags & SCENE_HIDDEN)
        return true;
    for (int k = 0; k < 3; k++) {
        const float *v = s->part->vertices[s->part->triangles[triangle].vertex[k]].position;
        p[k] = (base_vec3){ v[0], v[1], v[2] };
        if (s->placed)
            p[k] = to_world(s->placed, p[k]);
    }
    base_vec3 nearest = scene_triangle_nearest(p, s->from);
    if (base_vec3_length(base_vec3_sub(nearest, s->from)) <= s->radius) {
        touch(s, 0, nearest, triangle);
        return true;
    }
    touch_face(s, p, triangle);
    for (int e = 0; e < 3; e++)
        touch_edge(s, p[e], p[(e + 1) % 3], triangle);
    return true;
}

/* Everything of one part that the ball may touch between a and b (on its way). */
static void sweep_part(sweep *s, base_vec3 a, base_vec3 b)
{
    base_vec3 r = { s->radius, s->radius, s->radius };
    if (s->placed) {
        a = to_local(s->placed, a);
        b = to_local(s->placed, b);
        r = (base_vec3){ r.x / fabs(s->placed->scale.x), r.y / fabs(s->placed->scale.y), r.z / fabs(s->placed->scale.z) };
    }
    scene_bounds box = { { down(fmin(a.x, b.x) - r.x), down(fmin(a.y, b.y) - r.y), down(fmin(a.z, b.z) - r.z) },
                         { up(fmax(a.x, b.x) + r.x), up(fmax(a.y, b.y) + r.y), up(fmax(a.z, b.z) + r.z) } };
    scene_bvh_walk(s->part, &box, sweep_triangle, s);
}

bool scene_rays_sweep(const scene_rays *r, base_vec3 from, base_vec3 to, double radius_m, bool with_static,
                      bool (*skip)(void *user, int instance), void *user, scene_hit *hit)
{
    const double piece_m = 4;
    base_vec3 way = base_vec3_sub(to, from);
    double length = base_vec3_length(way);
    base_vec3 direction = length > 0 ? base_vec3_scale(way, 1 / length) : (base_vec3){ 1, 0, 0 };
    sweep s = { .from = from, .direction = direction, .radius = radius_m, .best = INFINITY };
    int dynamic = -1;
    for (double t = 0; t <= length && s.best > t; t += piece_m) {
        base_vec3 a = along(&s, t), b = along(&s, fmin(t + piece_m, length));
        s.part = &r->scene->world;
        s.placed = NULL;
        s.improved = false;
        if (with_static)
            sweep_part(&s, a, b);
        dynamic = s.improved ? -1 : dynamic;
        for (int i = 0; i < r->count; i++) {
            if (skip && skip(user, i))
                continue;
            s.placed = &r->placed[i];
            s.part = s.placed->part;
            s.improved = false;
            sweep_part(&s, a, b);
            dynamic = s.improved ? i : dynamic;
        }
    }
    if (!(s.best <= length))
        return false;
    const placed *p = dynamic >= 0 ? &r->placed[dynamic] : NULL;
    const scene_triangle *tri = p ? &p->part->triangles[s.triangle] : &r->scene->world.triangles[s.triangle];
    base_vec3 apart = base_vec3_sub(along(&s, s.best), s.point);
    double gap = base_vec3_length(apart);
    *hit = (scene_hit){ .distance_m = s.best,
                        .point = s.point,
                        .normal = gap > 0 ? base_vec3_scale(apart, 1 / gap) : base_vec3_scale(direction, -1),
                        .tag = p && p->instance->tag ? p->instance->tag : tri->tag,
                        .instance = p && p->instance->id ? p->instance->id : tri->instance,
                        .dynamic = dynamic,
                        .triangle = s.triangle };
    return true;
}
