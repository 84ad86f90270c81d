/* sim/town/scenery_body.c — vehicles, walkers and the lamps of traffic lights.
 *
 * A vehicle's body is lofted from a few cross-sections in a box of length 2, width 2 and height 1 that the instance scales to
 * the blueprint's extent: x -1..1 from tail to nose, y -1..1, z 0 on the ground, 1 at the roof. Wheels are instances of
 * their own, so that they turn and steer. */
#include "sim/town/scenery_sketch.h"
#include <string.h>

typedef enum body_kind {
    BODY_SEDAN,
    BODY_HATCH,
    BODY_SUV,
    BODY_VAN,
    BODY_TRUCK,
    BODY_BUS,
    BODY_MOTORCYCLE,
    BODY_BICYCLE
} body_kind;

typedef struct body_shape {                                      /* in the unit box */
    double hood_z, deck_z, belt_z;                               /* heights of nose, tail and window sill */
    double screen_low_x, screen_high_x, rear_high_x, rear_low_x; /* windscreen and rear window, from the front backwards */
    double floor_z, roof_y, axle_front_x, axle_rear_x;
    double arch_x, arch_z; /* half length and height of the dark arches around the wheels */
    int windows;           /* per side */
    uint8_t tag;
} body_shape;

static const body_shape shapes[] = {
    [BODY_SEDAN] = { 0.56, 0.62, 0.63, 0.36, 0.05, -0.42, -0.74, 0.13, 0.70, 0.60, -0.58, 0.165, 0.275, 2, SCENE_TAG_CAR },
    [BODY_HATCH] = { 0.56, 0.60, 0.60, 0.48, 0.16, -0.74, -0.96, 0.13, 0.74, 0.62, -0.60, 0.190, 0.270, 2, SCENE_TAG_CAR },
    [BODY_SUV] = { 0.60, 0.60, 0.61, 0.40, 0.16, -0.80, -0.97, 0.15, 0.78, 0.60, -0.58, 0.172, 0.245, 3, SCENE_TAG_CAR },
    [BODY_VAN] = { 0.48, 0.52, 0.52, 0.74, 0.46, -0.95, -0.98, 0.12, 0.86, 0.64, -0.58, 0.148, 0.180, 3, SCENE_TAG_CAR },
    [BODY_TRUCK] = { 0.42, 0.50, 0.50, 0.92, 0.82, 0.52, 0.50, 0.16, 0.90, 0.66, -0.62, 0.165, 0.185, 1, SCENE_TAG_TRUCK },
    [BODY_BUS] = { 0.40, 0.42, 0.42, 0.97, 0.93, -0.96, -0.98, 0.10, 0.94, 0.60, -0.50, 0.102, 0.135, 6, SCENE_TAG_BUS },
};

/* Quad given in any order around; turned so that its front faces away from (cx, 0, cz). */
static void panel(sketch *k, base_vec3 a, base_vec3 b, base_vec3 c, base_vec3 d, base_vec3 inside, scenery_material m)
{
    base_vec3 n = base_vec3_cross(base_vec3_sub(c, a), base_vec3_sub(d, b));
    base_vec3 middle = base_vec3_scale(base_vec3_add(base_vec3_add(a, b), base_vec3_add(c, d)), 0.25);
    if (base_vec3_dot(n, base_vec3_sub(middle, inside)) >= 0)
        scene_mesh_quad(&k->mesh, a, b, c, d, 0, 0, sketch_with(k, m));
    else
        scene_mesh_quad(&k->mesh, a, d, c, b, 0, 0, sketch_with(k, m));
}

/* Both sides of a symmetric panel. */
static void panels(sketch *k, base_vec3 a, base_vec3 b, base_vec3 c, base_vec3 d, base_vec3 inside, scenery_material m)
{
    panel(k, a, b, c, d, inside, m);
    a.y = -a.y, b.y = -b.y, c.y = -c.y, d.y = -d.y;
    panel(k, a, b, c, d, inside, m);
}

typedef struct section {
    double x, half_y, top_z, low_z;
} section; /* of the lower body */

enum { RING = 6 };

static void ring_of(const section *s, base_vec3 p[RING])
{
    double w = s->half_y, t = s->top_z, b = s->low_z;
    p[0] = (base_vec3){ s->x, w * 0.84, b };
    p[1] = (base_vec3){ s->x, w * 0.97, b + 0.05 };
    p[2] = (base_vec3){ s->x, w, b + 0.55 * (t - b) };
    p[3] = (base_vec3){ s->x, w * 0.975, t - 0.07 };
    p[4] = (base_vec3){ s->x, w * 0.90, t - 0.012 };
    p[5] = (base_vec3){ s->x, 0, t + 0.008 };
}

/* Skin over sections from tail to nose with smooth normals, closed at both ends. */
static void loft(sketch *k, const section *s, int count, scenery_material m)
{
    for (int side = -1; side <= 1; side += 2) {
        uint32_t first = k->mesh.vertex_count;
        for (int i = 0; i < count; i++) {
            base_vec3 p[RING], q[RING], o[RING];
            ring_of(&s[i], p);
            ring_of(&s[i + 1 < count ? i + 1 : i], q);
            ring_of(&s[i ? i - 1 : 0], o);
            for (int j = 0; j < RING; j++) {
                base_vec3 along = base_vec3_sub(q[j], o[j]);
                base_vec3 across = base_vec3_sub(p[j + 1 < RING ? j + 1 : j], p[j ? j - 1 : 0]);
                base_vec3 n = base_vec3_cross(along, across); /* y positive: tail to nose, then upwards-inwards */
                n = base_vec3_scale(n, -1);
                if (j == RING - 1)
                    n.y = 0;
                scene_mesh_vertex(&k->mesh, (base_vec3){ p[j].x, side * p[j].y, p[j].z }, (base_vec3){ n.x, side * n.y, n.z },
                                  p[j].x, p[j].z, j < 2 ? 0.55 : 1);
            }
        }
        for (int i = 0; i + 1 < count; i++)
            for (int j = 0; j + 1 < RING; j++) {
                uint32_t a = first + (uint32_t)(i * RING + j), b = a + RING;
                uint32_t v[4] = { a, a + 1, b + 1, b };
                if (side > 0) { /* seen from the right, tail is on the left: up, then forward */
                    scene_mesh_triangle(&k->mesh, v[0], v[1], v[2], sketch_with(k, m));
                    scene_mesh_triangle(&k->mesh, v[0], v[2], v[3], sketch_with(k, m));
                } else {
                    scene_mesh_triangle(&k->mesh, v[0], v[2], v[1], sketch_with(k, m));
                    scene_mesh_triangle(&k->mesh, v[0], v[3], v[2], sketch_with(k, m));
                }
            }
    }
    for (int end = 0; end < 2; end++) {
        base_vec3 p[RING];
        const section *e = &s[end ? count - 1 : 0];
        ring_of(e, p);
        base_vec3 inside = { end ? e->x - 1 : e->x + 1, 0, e->top_z / 2 };
        for (int j = 0; j + 1 < RING; j++) {
            base_vec3 a = p[j], b = p[j + 1], c = { b.x, 0, b.z }, d = { a.x, 0, a.z };
            panels(k, a, b, c, d, inside, m);
        }
    }
}

static base_vec3 between(base_vec3 a, base_vec3 b, double t)
{
    return base_vec3_add(a, base_vec3_scale(base_vec3_sub(b, a), t));
}

/* A pane on the quad a b c d (around), inset by parts u0..u1 along a->b and v0..v1 along a->d, `out` off it. */
static void pane_on(sketch *k, base_vec3 a, base_vec3 b, base_vec3 c, base_vec3 d, double u0, double u1, double v0, double v1,
                    base_vec3 inside, bool both, scenery_material m)
{
    base_vec3 low0 = between(a, b, u0), low1 = between(a, b, u1), high0 = between(d, c, u0), high1 = between(d, c, u1);
    base_vec3 q[4] = { between(low0, high0, v0), between(low1, high1, v0), between(low1, high1, v1), between(low0, high0, v1) };
    base_vec3 n = base_vec3_cross(base_vec3_sub(q[2], q[0]), base_vec3_sub(q[3], q[1]));
    n = base_vec3_scale(n, 0.007 / fmax(1e-9, base_vec3_length(n)));
    if (base_vec3_dot(n, base_vec3_sub(q[0], inside)) < 0)
        n = base_vec3_scale(n, -1);
    for (int i = 0; i < 4; i++)
        q[i] = base_vec3_add(q[i], n);
    if (both)
        panels(k, q[0], q[1], q[2], q[3], inside, m);
    else
        panel(k, q[0], q[1], q[2], q[3], inside, m);
}

static void cabin(sketch *k, const body_shape *b)
{
    double top = 0.985, belt = b->belt_z, yb = 0.93, yr = b->roof_y;
    base_vec3 fl = { b->screen_low_x, yb, belt }, fh = { b->screen_high_x, yr, top - 0.03 };
    base_vec3 rh = { b->rear_high_x, yr, top - 0.03 }, rl = { b->rear_low_x, yb, belt };
    base_vec3 inside = { 0.5 * (b->screen_high_x + b->rear_high_x), 0, 0.5 * belt };
    base_vec3 mirror[4] = { fl, fh, rh, rl };
    for (int i = 0; i < 4; i++)
        mirror[i].y = -mirror[i].y;
    panels(k, fl, fh, rh, rl, inside, MATERIAL_CAR_PAINT);
    panel(k, fl, fh, mirror[1], mirror[0], inside, MATERIAL_CAR_PAINT);
    panel(k, rl, rh, mirror[2], mirror[3], inside, MATERIAL_CAR_PAINT);
    /* the roof is slightly arched */
    base_vec3 f0 = { fh.x, 0, top }, r0 = { rh.x, 0, top };
    panels(k, fh, rh, r0, f0, inside, MATERIAL_CAR_PAINT);
    pane_on(k, fl, mirror[0], mirror[1], fh, 0.04, 0.96, 0.06, 0.94, inside, false, MATERIAL_CAR_GLASS);
    pane_on(k, rl, mirror[3], mirror[2], rh, 0.06, 0.94, 0.10, 0.92, inside, false, MATERIAL_CAR_GLASS);
    for (int w = 0; w < b->windows; w++) {
        double step = 0.92 / b->windows, u0 = 0.05 + step * w;
        pane_on(k, fl, rl, rh, fh, u0, u0 + step - 0.025, 0.08, 0.90, inside, true, MATERIAL_CAR_GLASS);
    }
}

/* Dark disc above each wheel, lamps, grille, plates. */
static void trim(sketch *k, const body_shape *b)
{
    const base_vec3 inside = { 0, 0, 0.3 };
    for (int axle = 0; axle < 2; axle++) {
        double x0 = axle ? b->axle_rear_x : b->axle_front_x;
        base_vec3 before = { 0 };
        for (int i = 0; i <= 10; i++) { /* arch as a fan of panels */
            double a = BASE_PI * i / 10;
            base_vec3 p = { x0 + b->arch_x * cos(a), 1.004, fmin(0.52, b->arch_z * (0.73 + sin(a))) };
            if (i)
                panels(k, (base_vec3){ x0, 1.004, b->floor_z }, before, p, (base_vec3){ x0, 1.004, b->floor_z }, inside,
                       MATERIAL_BLACK);
            before = p;
        }
    }
    double nose = 1.003, tail = -1.003, hz = b->hood_z - 0.13, tz = b->deck_z - 0.16;
    base_vec3 front[4] = {
        { nose, 0.86, hz }, { nose, 0.52, hz - 0.01 }, { nose, 0.52, hz + 0.07 }, { nose, 0.84, hz + 0.085 }
    };
    panels(k, front[0], front[1], front[2], front[3], inside, MATERIAL_HEADLIGHT);
    panel(k, (base_vec3){ nose, 0.44, hz - 0.09 }, (base_vec3){ nose, -0.44, hz - 0.09 }, (base_vec3){ nose, -0.46, hz + 0.05 },
          (base_vec3){ nose, 0.46, hz + 0.05 }, inside, MATERIAL_BLACK);
    panels(k, (base_vec3){ tail, 0.90, tz }, (base_vec3){ tail, 0.56, tz }, (base_vec3){ tail, 0.58, tz + 0.085 },
           (base_vec3){ tail, 0.89, tz + 0.095 }, inside, MATERIAL_TAILLIGHT);
    for (int end = 0; end < 2; end++) {
        double x = end ? tail : nose * 1.001, z = end ? tz - 0.06 : 0.24;
        panel(k, (base_vec3){ x, 0.27, z }, (base_vec3){ x, -0.27, z }, (base_vec3){ x, -0.27, z + 0.075 },
              (base_vec3){ x, 0.27, z + 0.075 }, inside, MATERIAL_WHITE);
    }
    panel(k, (base_vec3){ tail, 0.8, b->floor_z + 0.04 }, (base_vec3){ tail, -0.8, b->floor_z + 0.04 },
          (base_vec3){ tail, -0.8, b->floor_z + 0.12 }, (base_vec3){ tail, 0.8, b->floor_z + 0.12 }, inside, MATERIAL_BLACK);
}

static void mirrors(sketch *k, const body_shape *b)
{
    k->flags = SCENE_DETAIL;
    for (int side = -1; side <= 1; side += 2) {
        base_pose at = { { b->screen_low_x - 0.06, side * 0.97, b->belt_z + 0.04 }, { 0, 0, 0 } };
        scene_mesh_box(&k->mesh, &at, (base_vec3){ 0.025, 0.045, 0.030 }, true, sketch_with(k, MATERIAL_CAR_PAINT));
    }
    k->flags = 0;
}

static void four_wheeler(sketch *k, body_kind kind)
{
    const body_shape *b = &shapes[kind];
    const section skin[] = {
        { -1.0, 0.86, b->deck_z - 0.05, b->floor_z + 0.10 },
        { -0.975, 0.92, b->deck_z - 0.01, b->floor_z + 0.04 },
        { -0.88, 0.965, b->deck_z, b->floor_z },
        { b->rear_low_x * 0.8, 0.985, b->belt_z + 0.01, b->floor_z },
        { 0.0, 0.99, b->belt_z, b->floor_z },
        { b->screen_low_x, 0.985, b->belt_z, b->floor_z },
        { 0.5 * (b->screen_low_x + 0.97), 0.97, 0.5 * (b->belt_z + b->hood_z), b->floor_z },
        { 0.93, 0.93, b->hood_z - 0.02, b->floor_z + 0.01 },
        { 0.985, 0.86, b->hood_z - 0.07, b->floor_z + 0.05 },
        { 1.0, 0.78, b->hood_z - 0.11, b->floor_z + 0.09 },
    };
    loft(k, skin, (int)(sizeof skin / sizeof *skin), MATERIAL_CAR_PAINT);
    cabin(k, b);
    trim(k, b);
    mirrors(k, b);
    if (kind == BODY_TRUCK) { /* load box behind the cab */
        base_pose at = { { -0.27, 0, 0.60 }, { 0, 0, 0 } };
        scene_mesh_box(&k->mesh, &at, (base_vec3){ 0.72, 0.98, 0.38 }, true, sketch_with(k, MATERIAL_WHITE));
    }
}

void sketch_sphere(sketch *k, base_vec3 centre, base_vec3 radius, int around, int rings, scenery_material m)
{
    uint32_t first = k->mesh.vertex_count;
    for (int j = 0; j <= rings; j++)
        for (int i = 0; i <= around; i++) {
            double a = 2 * BASE_PI * i / around, b = BASE_PI * j / rings;
            base_vec3 n = { sin(b) * cos(a), sin(b) * sin(a), cos(b) };
            scene_mesh_vertex(&k->mesh,
                              (base_vec3){ centre.x + radius.x * n.x, centre.y + radius.y * n.y, centre.z + radius.z * n.z }, n,
                              a, b, 1);
        }
    for (int j = 0; j < rings; j++)
        for (int i = 0; i < around; i++) {
            uint32_t v = first + (uint32_t)(j * (around + 1) + i), w = v + (uint32_t)around + 1;
            scene_mesh_triangle(&k->mesh, v, v + 1, w + 1, sketch_with(k, m));
            scene_mesh_triangle(&k->mesh, v, w + 1, w, sketch_with(k, m));
        }
}

void sketch_box(sketch *k, base_vec3 centre, base_vec3 extent, scenery_material m)
{
    base_pose at = { centre, { 0, 0, 0 } };
    scene_mesh_box(&k->mesh, &at, extent, true, sketch_with(k, m));
}

/* Wheel of radius 1 and half width 1 about the y axis; the outer side is +y. */
static void wheel(sketch *k)
{
    enum { SIDES = 16 };
    scene_mesh_tube(&k->mesh, (base_vec3){ 0, -1, 0 }, (base_vec3){ 0, 1, 0 }, 1, 1, SIDES, true,
                    sketch_with(k, MATERIAL_TYRE));
    k->flags = SCENE_DETAIL;
    for (int side = -1; side <= 1; side += 2) {
        scene_mesh_tube(&k->mesh, (base_vec3){ 0, side * 1.0, 0 }, (base_vec3){ 0, side * 1.03, 0 }, 0.64, 0.60, SIDES, true,
                        sketch_with(k, MATERIAL_RIM));
        for (int i = 0; i < 5; i++) { /* gaps between spokes */
            double a = 2 * BASE_PI * i / 5, r0 = 0.20, r1 = 0.53;
            base_vec3 q[4] = { { r0 * cos(a - 0.25), side * 1.035, r0 * sin(a - 0.25) },
                               { r1 * cos(a - 0.38), side * 1.035, r1 * sin(a - 0.38) },
                               { r1 * cos(a + 0.38), side * 1.035, r1 * sin(a + 0.38) },
                               { r0 * cos(a + 0.25), side * 1.035, r0 * sin(a + 0.25) } };
            panel(k, q[0], q[1], q[2], q[3], (base_vec3){ 0, 0, 0 }, MATERIAL_BLACK);
        }
    }
    k->flags = 0;
}

bool sketch_add(town_scenery *t, sketch *k, int *mesh, base_error *err)
{
    bool good = scene_add_mesh(t->scene, &k->mesh, mesh, err);
    k->mesh = (scene_mesh){ 0 };
    return good;
}

/* A body with its wheels, in metres: what stands parked. */
static void park_body(town_scenery *t, const sketch *k, body_kind kind, base_vec3 e, scene_mesh *parked)
{
    scene_mesh_append(parked, &k->mesh, NULL);
    for (uint32_t i = 0; i < parked->vertex_count; i++) {
        scene_vertex *v = &parked->vertices[i];
        const double scale[3] = { e.x, e.y, 2 * e.z };
        double n[3], length = 0;
        for (int a = 0; a < 3; a++) {
            v->position[a] = (float)(v->position[a] * scale[a]);
            n[a] = v->normal[a] / scale[a];
            length += n[a] * n[a];
        }
        for (int a = 0; a < 3; a++)
            v->normal[a] = (int16_t)lrint(32767 * n[a] / fmax(1e-9, sqrt(length)));
    }
    for (uint32_t i = 0; i < parked->triangle_count; i++) /* lamps of parked cars are off: nothing to switch */
        if (parked->triangles[i].material == t->material[MATERIAL_HEADLIGHT])
            parked->triangles[i].material = t->material[MATERIAL_LAMP];
    double radius = fmin(0.55, 0.30 + 0.06 * e.z);
    scene_surface tyre = scenery_surface(t, MATERIAL_TYRE, k->tag, 0),
                  rim = scenery_surface(t, MATERIAL_RIM, k->tag, SCENE_DETAIL_FAR);
    for (int i = 0; i < 4; i++) {
        double side = i & 1 ? 1 : -1, x = (i < 2 ? shapes[kind].axle_front_x : shapes[kind].axle_rear_x) * e.x;
        base_vec3 in = { x, side * (e.y - 0.2), radius }, out = { x, side * (e.y + 0.005), radius };
        scene_mesh_tube(parked, in, out, radius, radius, 12, true, tyre);
        scene_mesh_tube(parked, out, (base_vec3){ x, out.y + 0.006 * side, radius }, 0.62 * radius, 0.56 * radius, 8, true,
                        rim);
    }
}

bool scenery_bodies_build(town_scenery *t, base_error *err)
{
    sketch k = { .town = t };
    static const base_vec3 usual[SCENERY_PARKED] = {
        { 2.40, 0.97, 0.74 }, { 1.98, 0.92, 0.76 }, { 2.30, 0.97, 0.87 }, { 2.45, 0.99, 1.02 }
    };
    for (int kind = BODY_SEDAN; kind <= BODY_BICYCLE; kind++) {
        k.tag = kind == BODY_MOTORCYCLE ? SCENE_TAG_MOTORCYCLE : kind == BODY_BICYCLE ? SCENE_TAG_BICYCLE : shapes[kind].tag;
        if (kind == BODY_MOTORCYCLE)
            sketch_motorcycle(&k);
        else if (kind == BODY_BICYCLE)
            sketch_bicycle(&k);
        else
            four_wheeler(&k, (body_kind)kind);
        if (kind < SCENERY_PARKED)
            park_body(t, &k, (body_kind)kind, usual[kind], &t->parked[kind]);
        if (!sketch_add(t, &k, &t->body[kind], err))
            return false;
    }
    k.tag = SCENE_TAG_CAR;
    wheel(&k);
    if (!sketch_add(t, &k, &t->wheel, err))
        return false;
    k.tag = SCENE_TAG_BICYCLE;
    sketch_spoked_wheel(&k);
    if (!sketch_add(t, &k, &t->spoked_wheel, err))
        return false;
    k.tag = SCENE_TAG_PEDESTRIANS;
    for (int variant = 0; variant < SCENERY_PEOPLE; variant++)
        for (int i = 0; i < SCENERY_PHASES; i++) {
            sketch_walker(&k, (double)i / SCENERY_PHASES, variant);
            if (!sketch_add(t, &k, &t->walker[variant][i], err))
                return false;
        }
    k.tag = SCENE_TAG_TRAFFIC_LIGHT;
    static const scenery_material lamp[3] = { MATERIAL_RED_LIGHT, MATERIAL_YELLOW_LIGHT, MATERIAL_GREEN_LIGHT };
    for (int i = 0; i < 3; i++) { /* in the head's frame: +x is where it shines; red on top */
        scene_mesh_tube(&k.mesh, (base_vec3){ 0.17, 0, 0.32 - 0.32 * i }, (base_vec3){ 0.185, 0, 0.32 - 0.32 * i }, 0.115,
                        0.105, 14, true, sketch_with(&k, lamp[i]));
        if (!sketch_add(t, &k, &t->lamp[i], err))
            return false;
    }
    return true;
}

/* ---- instances of one frame */

static body_kind kind_of(const char *id, base_vec3 e)
{
    static const struct {
        const char *part;
        body_kind kind;
    } known[] = {
        { "fusorosa", BODY_BUS },
        { "firetruck", BODY_TRUCK },
        { "carlacola", BODY_TRUCK },
        { "ambulance", BODY_VAN },
        { "european_hgv", BODY_TRUCK },
        { "sprinter", BODY_VAN },
        { "volkswagen.t2", BODY_VAN },
        { "cybertruck", BODY_SUV },
        { "patrol", BODY_SUV },
        { "wrangler", BODY_SUV },
        { "etron", BODY_SUV },
        { "cooper", BODY_HATCH },
        { "micra", BODY_HATCH },
        { "citroen.c3", BODY_HATCH },
        { "seat.leon", BODY_HATCH },
        { "audi.a2", BODY_HATCH },
        { "microlino", BODY_HATCH },
        { "prius", BODY_HATCH },
        { "grandtourer", BODY_SUV },
        { "crossbike", BODY_BICYCLE },
        { "century", BODY_BICYCLE },
        { "omafiets", BODY_BICYCLE },
        { "low_rider", BODY_MOTORCYCLE },
        { "ninja", BODY_MOTORCYCLE },
        { "zx125", BODY_MOTORCYCLE },
        { "yzf", BODY_MOTORCYCLE },
    };
    for (size_t i = 0; id && i < sizeof known / sizeof *known; i++)
        if (strstr(id, known[i].part))
            return known[i].kind;
    if (e.y < 0.5)
        return BODY_MOTORCYCLE;
    if (e.x > 4.2)
        return BODY_BUS;
    if (e.z > 1.2)
        return BODY_VAN;
    if (e.z > 0.82)
        return BODY_SUV;
    return e.x < 2.05 ? BODY_HATCH : BODY_SEDAN;
}

int town_scenery_vehicle(const town_scenery *t, const town_scenery_car *car, scene_instance *parts)
{
    base_vec3 e = car->extent;
    body_kind kind = kind_of(car->blueprint, e);
    bool two = kind >= BODY_MOTORCYCLE;
    scene_instance base = { .mesh = t->body[kind], .pose = car->pose, .scale = { e.x, e.y, 2 * e.z }, .id = car->id };
    memcpy(base.tint, car->tint, sizeof base.tint);
    memcpy(base.glow, car->glow, sizeof base.glow);
    if (two)
        base.scale.y = 1; /* people have one width, whatever the handlebar's */
    parts[0] = base;
    double radius = car->wheel_radius_m > 0 ? car->wheel_radius_m : two ? 0.32 : fmin(0.55, 0.30 + 0.06 * e.z);
    double front = two ? e.x - radius : shapes[kind].axle_front_x * e.x,
           rear = two ? radius - e.x : shapes[kind].axle_rear_x * e.x;
    if (car->wheelbase_m > 0) {
        double middle = 0.5 * (front + rear), half = fmin(0.5 * car->wheelbase_m, 0.85 * e.x);
        front = middle + half;
        rear = middle - half;
    }
    int wheels = two ? 2 : 4;
    for (int i = 0; i < wheels; i++) {
        bool is_front = two ? i == 0 : i < 2;
        double half_width = kind == BODY_BICYCLE ? 0.022 : two ? 0.065 : 0.11, side = two ? 0 : i & 1 ? 1 : -1;
        base_pose at = { { is_front ? front : rear, side * (e.y - half_width * 0.92), radius },
                         { -car->roll_deg, is_front ? car->steer_deg : 0, 0 } };
        parts[1 + i] =
            (scene_instance){ .mesh = kind == BODY_BICYCLE ? t->spoked_wheel : t->wheel,
                              .pose = base_pose_compose(&car->pose, &at),
                              .scale = { radius, half_width, radius },
                              .tag = two ? (kind == BODY_BICYCLE ? SCENE_TAG_BICYCLE : SCENE_TAG_MOTORCYCLE) : shapes[kind].tag,
                              .id = car->id };
    }
    return 1 + wheels;
}

int town_scenery_lamps(const char *blueprint, base_vec3 extent, base_vec3 lamps[4])
{
    body_kind kind = kind_of(blueprint, extent);
    if (kind >= BODY_MOTORCYCLE) {
        lamps[0] = (base_vec3){ 0.80 * extent.x, 0, 0.62 * 2 * extent.z };
        lamps[1] = (base_vec3){ -0.80 * extent.x, 0, 0.50 * 2 * extent.z };
        return 2;
    }
    const body_shape *b = &shapes[kind]; /* as trim() draws them */
    base_vec3 front = { extent.x, 0.69 * extent.y, (b->hood_z - 0.095) * 2 * extent.z };
    base_vec3 rear = { -extent.x, 0.73 * extent.y, (b->deck_z - 0.115) * 2 * extent.z };
    for (int i = 0; i < 2; i++) {
        double side = i ? 1 : -1;
        lamps[i] = (base_vec3){ front.x, side * front.y, front.z };
        lamps[2 + i] = (base_vec3){ rear.x, side * rear.y, rear.z };
    }
    return 4;
}

int town_scenery_walker(const town_scenery *t, const base_pose *pose, double extent_z, double phase, const float tint[3],
                        uint32_t id, scene_instance *part)
{
    double height = 2 * extent_z, in_stride = phase - floor(phase);
    *part = (scene_instance){ .mesh = t->walker[id % SCENERY_PEOPLE][(int)(in_stride * SCENERY_PHASES + 0.5) % SCENERY_PHASES],
                              .pose = *pose,
                              .scale = { height, height, height },
                              .id = id };
    memcpy(part->tint, tint, sizeof part->tint);
    return 1;
}

int town_scenery_light(const town_scenery *t, int signal, int state, uint32_t id, scene_instance *part)
{
    if (signal < 0 || signal >= t->light_count || !t->lights[signal].is_light || state < 0 || state > 2)
        return 0;
    *part = (scene_instance){ .mesh = t->lamp[state], .pose = t->lights[signal].pose, .id = id };
    return 1;
}

bool town_scenery_light_box(const town_scenery *t, int signal, base_pose *pose, base_vec3 *extent)
{
    if (!t || signal < 0 || signal >= t->light_count || !t->lights[signal].is_light)
        return false;
    *pose = t->lights[signal].pose;
    *extent = SCENERY_LIGHT_HEAD;
    return true;
}
