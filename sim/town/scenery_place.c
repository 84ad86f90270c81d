/* sim/town/scenery_place.c — buildings, trees, lamps, fences and signals where the raster leaves room.
 *
 * Everything is placed from the road outwards: walk along each road outside junctions, step off its edge, draw from the seed
 * what stands there, and ask the raster whether it may. A thing takes its cells, so nothing overlaps; the order (signals,
 * lamps, buildings, fences, trees) says who wins. */
#include "sim/town/scenery_yard.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- trees */

typedef struct tree_style {
    double height, crown_low, crown_radius, trunk;
    int cards;
    double card_m;
    scenery_material leaf;
} tree_style;

static void leaf_card(yard *y, base_random *d, base_vec3 at, base_vec3 centre, double size, double light, scene_surface s)
{
    base_vec3 out = base_vec3_sub(at, centre);
    double length = base_vec3_length(out);
    out = length > 1e-6 ? base_vec3_scale(out, 1 / length) : (base_vec3){ 0, 0, 1 };
    /* Leaves lean out and up; their light is that of the crown's round shape. */
    base_vec3 axis = { out.x + yard_pick(d, -0.9, 0.9), out.y + yard_pick(d, -0.9, 0.9),
                       out.z * 0.5 + yard_pick(d, -0.4, 0.9) };
    base_vec3 a = base_vec3_cross(axis, (base_vec3){ yard_pick(d, -1, 1), yard_pick(d, -1, 1), yard_pick(d, -1, 1) });
    double la = base_vec3_length(a);
    if (la < 1e-3)
        return;
    a = base_vec3_scale(a, 1 / la);
    base_vec3 b = base_vec3_cross(axis, a);
    b = base_vec3_scale(b, 1 / fmax(1e-6, base_vec3_length(b)));
    base_vec3 n = { out.x, out.y, out.z + 0.35 };
    /* A spray of three leaves from one point: no straight silhouettes. */
    double u = yard_pick(d, 0, 2), v = yard_pick(d, 0, 2), turn = yard_pick(d, 0, 2 * BASE_PI);
    for (int k = 0; k < 3; k++) {
        double angle = turn + 2.1 * k + yard_pick(d, -0.5, 0.5), reach = size * yard_pick(d, 0.55, 0.95),
               wide = size * yard_pick(d, 0.26, 0.42);
        base_vec3 along = base_vec3_add(base_vec3_scale(a, cos(angle)), base_vec3_scale(b, sin(angle)));
        base_vec3 side = base_vec3_add(base_vec3_scale(a, -wide * sin(angle)), base_vec3_scale(b, wide * cos(angle)));
        base_vec3 back = base_vec3_add(at, base_vec3_scale(along, -0.25 * size)),
                  tip = base_vec3_add(at, base_vec3_scale(along, reach));
        base_vec3 belly = base_vec3_add(at, base_vec3_add(base_vec3_scale(along, 0.3 * reach), side));
        uint32_t i = scene_mesh_vertex(y->mesh, base_vec3_sub(back, side), n, u, v, light * 0.8);
        scene_mesh_vertex(y->mesh, belly, n, u + size, v, light);
        scene_mesh_vertex(y->mesh, tip, n, u + size, v + size, light);
        scene_mesh_triangle(y->mesh, i, i + 1, i + 2, s);
    }
}

/* Ball of few triangles, its corners pushed in and out by `rough` parts: the mass of a crown, hedge balls. */
static void blob(yard *y, base_random *d, base_vec3 c, double rx, double rz, double light, int around, int rings, double rough,
                 scene_surface s)
{
    enum { AROUND_MAX = 12 };
    uint32_t first = y->mesh->vertex_count;
    for (int j = 0; j <= rings; j++) {
        double out[AROUND_MAX];
        for (int i = 0; i < around; i++)
            out[i] = j > 0 && j < rings ? 1 + yard_pick(d, -rough, rough) : 1 + 0.5 * yard_pick(d, -rough, 0);
        for (int i = 0; i <= around; i++) {
            double a = 2 * BASE_PI * (i + 0.5 * (j & 1)) / around, b = BASE_PI * j / rings,
                   r = out[j == 0 || j == rings ? 0 : i % around];
            base_vec3 n = { sin(b) * cos(a), sin(b) * sin(a), cos(b) };
            scene_mesh_vertex(y->mesh, (base_vec3){ c.x + r * rx * n.x, c.y + r * rx * n.y, c.z + r * rz * n.z },
                              (base_vec3){ n.x, n.y, n.z + 0.2 }, rx * a, rz * b,
                              light * (0.62 + 0.38 * n.z) * (0.55 + 0.45 * r));
        }
    }
    for (int j = 0; j < rings; j++)
        for (int i = 0; i < around; i++) {
            uint32_t v = first + (uint32_t)(j * (around + 1) + i), w = v + (uint32_t)around + 1;
            if (j > 0)
                scene_mesh_triangle(y->mesh, v, v + 1, w + 1, s);
            if (j < rings - 1)
                scene_mesh_triangle(y->mesh, v, w + 1, w, s);
        }
}

static void broadleaf(yard *y, base_random *d, base_vec3 foot, const tree_style *t)
{
    scene_surface bark = yard_known(y, MATERIAL_BARK, SCENE_TAG_VEGETATION, 0);
    scene_surface leaf = yard_known(y, t->leaf, SCENE_TAG_VEGETATION, SCENE_TWO_SIDED | SCENE_THIN);
    scene_surface core = yard_known(y, t->leaf, SCENE_TAG_VEGETATION, SCENE_THIN);
    bool detail = t->cards > 40;
    double lean_x = yard_pick(d, -0.3, 0.3), lean_y = yard_pick(d, -0.3, 0.3), crown_height = t->height - t->crown_low;
    base_vec3 top = { foot.x + lean_x, foot.y + lean_y, foot.z + t->crown_low + 0.35 * crown_height };
    scene_mesh_tube(y->mesh, (base_vec3){ foot.x, foot.y, foot.z - 0.4 }, top, t->trunk, t->trunk * 0.55, detail ? 7 : 4, false,
                    bark);
    base_vec3 middle = { foot.x + lean_x, foot.y + lean_y, foot.z + t->crown_low + 0.5 * crown_height };
    enum { LOBES_MAX = 5 };
    base_vec3 lobe[LOBES_MAX] = { { 0, 0, 0 } };
    double radius[LOBES_MAX] = { 0 };
    int lobes = detail ? 5 : 3;
    for (int k = 0; k < lobes; k++) { /* a crown is a few overlapping balls */
        double a = 2 * BASE_PI * (k + yard_pick(d, -0.2, 0.2)) / (lobes - 1),
               r = k ? t->crown_radius * yard_pick(d, 0.40, 0.58) : 0;
        lobe[k] = (base_vec3){ middle.x + r * cos(a), middle.y + r * sin(a),
                               middle.z + (k ? yard_pick(d, -0.22, 0.16) : yard_pick(d, 0.12, 0.22)) * crown_height };
        radius[k] = t->crown_radius * (k ? yard_pick(d, 0.48, 0.62) : yard_pick(d, 0.60, 0.70));
        bark.flags = SCENE_DETAIL;
        if (k && detail)
            scene_mesh_tube(y->mesh, top, lobe[k], t->trunk * 0.35, 0.03, 4, false, bark);
        double squash = fmin(1.0, 0.5 * crown_height / t->crown_radius);
        blob(y, d, lobe[k], radius[k] * 0.92, radius[k] * 0.92 * squash, 0.92, detail ? 8 : 5, detail ? 5 : 4, 0.17, core);
    }
    double squash = fmin(1.1, 0.55 * crown_height / t->crown_radius);
    for (int k = 0; k < t->cards; k++) {
        int l = (int)base_random_below(d, (uint32_t)lobes);
        double z = yard_pick(d, -0.85, 1), a = yard_pick(d, 0, 2 * BASE_PI), flat = sqrt(1 - z * z),
               r = radius[l] * yard_pick(d, 0.82, 1.06);
        base_vec3 at = { lobe[l].x + r * flat * cos(a), lobe[l].y + r * flat * sin(a), lobe[l].z + r * z * squash };
        double height = (at.z - foot.z - t->crown_low) / fmax(0.5, crown_height);
        /* Three quarters of a near tree's leaves are only drawn from nearby; the rest are larger. */
        bool fine = detail && k % 4 != 0;
        leaf.flags = SCENE_TWO_SIDED | SCENE_THIN | (fine ? SCENE_DETAIL : SCENE_DETAIL_FAR);
        leaf_card(y, d, at, middle, t->card_m * yard_pick(d, 0.7, 1.2) * (detail && !fine ? 1.35 : 1),
                  fmax(0.35, fmin(1, 0.52 + 0.5 * height)), leaf);
    }
}

static void conifer(yard *y, base_random *d, base_vec3 foot, double height, double radius, bool detail)
{
    scene_surface bark = yard_known(y, MATERIAL_BARK, SCENE_TAG_VEGETATION, 0);
    scene_surface leaf = yard_known(y, MATERIAL_LEAF_DARK, SCENE_TAG_VEGETATION, SCENE_TWO_SIDED | SCENE_THIN);
    scene_mesh_tube(y->mesh, (base_vec3){ foot.x, foot.y, foot.z - 0.4 }, (base_vec3){ foot.x, foot.y, foot.z + 0.9 * height },
                    0.018 * height, 0.03, 6, false, bark);
    int layers = detail ? 8 : 4, around = detail ? 8 : 5;
    for (int k = 0; k < layers; k++) { /* drooping fans with ragged rims */
        double part = (double)k / layers, z = foot.z + height * (0.14 + 0.80 * part), r = radius * (1 - 0.92 * part);
        double tip = z + height * 0.24 * (1 - 0.55 * part), turn = yard_pick(d, 0, 1);
        uint32_t apex = scene_mesh_vertex(y->mesh, (base_vec3){ foot.x, foot.y, fmin(tip, foot.z + height) },
                                          (base_vec3){ 0, 0, 1 }, 0, 0, 0.5);
        for (int i = 0; i <= 2 * around; i++) {
            double a = BASE_PI * (i % (2 * around) + turn) / around, rim = r * (i & 1 ? 0.62 : yard_pick(d, 0.9, 1.12));
            double low = z - (i & 1 ? 0 : 0.05 * height * (1 - part));
            scene_mesh_vertex(y->mesh, (base_vec3){ foot.x + rim * cos(a), foot.y + rim * sin(a), low },
                              (base_vec3){ cos(a), sin(a), 0.5 }, 2 * a, r, i & 1 ? 0.45 : 0.95);
        }
        for (int i = 0; i < 2 * around; i++)
            scene_mesh_triangle(y->mesh, apex, apex + 1 + (uint32_t)i, apex + 2 + (uint32_t)i, leaf);
    }
}

/* Slender trunk with a head of drooping fronds, each a roof of two sides. */
static void palm(yard *y, base_random *d, base_vec3 foot)
{
    scene_surface bark = yard_known(y, MATERIAL_BARK_LIGHT, SCENE_TAG_VEGETATION, 0);
    scene_surface leaf = yard_known(y, MATERIAL_LEAF, SCENE_TAG_VEGETATION, SCENE_TWO_SIDED | SCENE_THIN);
    double height = yard_pick(d, 7, 11), lean = yard_pick(d, -0.4, 0.4);
    base_vec3 top = { foot.x + lean, foot.y + 0.5 * lean, foot.z + height };
    scene_mesh_tube(y->mesh, (base_vec3){ foot.x, foot.y, foot.z - 0.4 }, top, 0.24, 0.15, 7, false, bark);
    enum { FRONDS = 15, JOINTS = 3 };
    for (int k = 0; k < FRONDS; k++) {
        double a = 2.4 * k + yard_pick(d, -0.25, 0.25), reach = yard_pick(d, 1.8, 2.5), rise = 1.1 - 1.7 * k / FRONDS;
        base_vec3 along = { cos(a), sin(a), 0 }, side = { -sin(a), cos(a), 0 };
        base_vec3 spine[JOINTS + 1];
        for (int j = 0; j <= JOINTS; j++) {
            double t = (double)j / JOINTS;
            spine[j] = base_vec3_add(top, base_vec3_scale(along, reach * t));
            spine[j].z += rise * t * 1.6 - (1.5 + 0.5 * rise) * t * t;
        }
        for (int j = 0; j < JOINTS; j++)
            for (int s = -1; s <= 1; s += 2) {
                double w0 = s * (j == 0 ? 0.08 : 0.34), w1 = s * (j == JOINTS - 1 ? 0.02 : 0.34), light = 0.65 + 0.12 * j;
                base_vec3 p[4] = { spine[j], spine[j + 1], base_vec3_add(spine[j + 1], base_vec3_scale(side, w1)),
                                   base_vec3_add(spine[j], base_vec3_scale(side, w0)) };
                p[2].z -= 0.22;
                p[3].z -= 0.22;
                base_vec3 n = { 0.3 * along.x + 0.3 * s * side.x, 0.3 * along.y + 0.3 * s * side.y, 1 };
                uint32_t v = scene_mesh_vertex(y->mesh, p[0], n, reach * j / JOINTS, 0, light);
                for (int c = 1; c < 4; c++)
                    scene_mesh_vertex(y->mesh, p[c], n, reach * (j + (c < 3)) / JOINTS, c >= 2 ? 0.4 : 0, light);
                scene_mesh_triangle(y->mesh, v, v + 1, v + 2, leaf);
                scene_mesh_triangle(y->mesh, v, v + 2, v + 3, leaf);
            }
    }
}

/* A tall narrow one: cypress or poplar. */
static void cypress(yard *y, base_random *d, base_vec3 foot)
{
    double height = yard_pick(d, 6, 11), radius = 0.09 * height;
    scene_surface leaf = yard_known(y, MATERIAL_LEAF_DARK, SCENE_TAG_VEGETATION, SCENE_THIN);
    scene_mesh_tube(y->mesh, (base_vec3){ foot.x, foot.y, foot.z - 0.4 }, (base_vec3){ foot.x, foot.y, foot.z + 0.3 * height },
                    0.13, 0.10, 6, false, yard_known(y, MATERIAL_BARK, SCENE_TAG_VEGETATION, 0));
    blob(y, d, (base_vec3){ foot.x, foot.y, foot.z + 0.36 * height }, radius, 0.30 * height, 0.9, 8, 5, 0.14, leaf);
    blob(y, d, (base_vec3){ foot.x, foot.y, foot.z + 0.66 * height }, 0.72 * radius, 0.34 * height, 1, 7, 5, 0.14, leaf);
}

/* kind: 0 what grows anywhere, 1 palm, 2 cypress */
static void tree(yard *y, base_random *d, double px, double py, bool detail, int species)
{
    base_vec3 foot = { px, py, scenery_ground_z(y->town, px, py) };
    double kind = base_random_uniform(d);
    if (!species && kind > 0.16 && kind < 0.24)
        species = 2;
    yard_begin(y, species == 1 ? "Palm" : species == 2 ? "Cypress" : "Tree", SCENE_TAG_VEGETATION, TOWN_LAYER_FOLIAGE, foot, 0);
    if (species) {
        (species == 1 ? palm : cypress)(y, d, foot);
        return;
    }
    if (kind < 0.16) {
        double height = yard_pick(d, 7, 13);
        conifer(y, d, foot, height, height * yard_pick(d, 0.17, 0.24), detail);
        return;
    }
    static const scenery_material leaves[3] = { MATERIAL_LEAF, MATERIAL_LEAF, MATERIAL_LEAF_LIGHT };
    double height = kind < 0.55 ? yard_pick(d, 7, 11) : yard_pick(d, 5, 7.5);
    tree_style t = { .height = height,
                     .crown_low = height * yard_pick(d, 0.26, 0.36),
                     .crown_radius = height * yard_pick(d, 0.30, 0.38),
                     .trunk = 0.022 * height + 0.06,
                     .cards = detail ? 96 : 0,
                     .card_m = 0.055 * height,
                     .leaf = leaves[base_random_below(d, 3)] };
    broadleaf(y, d, foot, &t);
}

static bool place_tree(yard *y, base_random *d, double px, double py, double clearance, bool detail, int species)
{
    plot p = { px, py, 1, 0, 0.6, 0.6 };
    if (!plot_free(y, &p, clearance))
        return false;
    plot_take(y, &p, 1.6);
    tree(y, d, px, py, detail, species);
    return true;
}

/* ---- buildings */

typedef struct building {
    plot plot;
    double low, height;
    int floors;
    uint16_t wall;
    uint16_t base;
    bool gabled, shop;
} building;

/* A wall from a to b (seen from outside: left to right) between two heights; pictures repeat in whole bays. */
static void wall(yard *y, base_vec3 a, base_vec3 b, double low, double high, double bay_v0, double floors, scene_surface s)
{
    double length = base_vec3_length(base_vec3_sub(b, a)), bays = fmax(1, floor(length / 3.1 + 0.5));
    base_vec3 n = base_vec3_cross(base_vec3_sub(b, a), (base_vec3){ 0, 0, -1 });
    double u1 = bays * 3, v0 = bay_v0, v1 = bay_v0 + floors * 3;
    uint32_t i = scene_mesh_vertex(y->mesh, (base_vec3){ a.x, a.y, low }, n, 0, v0, 0.80);
    scene_mesh_vertex(y->mesh, (base_vec3){ a.x, a.y, high }, n, 0, v1, 1);
    scene_mesh_vertex(y->mesh, (base_vec3){ b.x, b.y, high }, n, u1, v1, 1);
    scene_mesh_vertex(y->mesh, (base_vec3){ b.x, b.y, low }, n, u1, v0, 0.80);
    scene_mesh_triangle(y->mesh, i, i + 1, i + 2, s);
    scene_mesh_triangle(y->mesh, i, i + 2, i + 3, s);
}

static void gable(yard *y, const building *b, double top)
{
    const plot *p = &b->plot;
    scene_surface tiles = yard_known(y, MATERIAL_ROOF_TILES, SCENE_TAG_BUILDINGS, 0),
                  side = yard_thing(y, b->base, SCENE_TAG_BUILDINGS, 0);
    double over = 0.45, rise = 0.45 * p->half_y + 0.8, hx = p->half_x + over, hy = p->half_y + over,
           drop = over * rise / p->half_y;
    base_vec3 r0 = plot_point(p, -hx, 0, top + rise), r1 = plot_point(p, hx, 0, top + rise);
    for (int k = -1; k <= 1; k += 2) {
        base_vec3 e0 = plot_point(p, -hx, k * hy, top - drop), e1 = plot_point(p, hx, k * hy, top - drop);
        if (k > 0)
            scene_mesh_quad(y->mesh, r0, r1, e1, e0, 0, 0, tiles);
        else
            scene_mesh_quad(y->mesh, r1, r0, e0, e1, 0, 0, tiles);
        base_vec3 apex = plot_point(p, k * p->half_x, 0, top + rise), c0 = plot_point(p, k * p->half_x, -p->half_y, top),
                  c1 = plot_point(p, k * p->half_x, p->half_y, top);
        base_vec3 n = { k * p->cos_yaw, k * p->sin_yaw, 0 };
        uint32_t i = scene_mesh_vertex(y->mesh, apex, n, 0, rise, 1);
        scene_mesh_vertex(y->mesh, k > 0 ? c0 : c1, n, p->half_y, 0, 1);
        scene_mesh_vertex(y->mesh, k > 0 ? c1 : c0, n, -p->half_y, 0, 1);
        scene_mesh_triangle(y->mesh, i, i + 1, i + 2, side);
        /* the eaves' underside is never seen from the street, its edge is */
        base_vec3 f0 = { e0.x, e0.y, e0.z - 0.18 }, f1 = { e1.x, e1.y, e1.z - 0.18 };
        if (k > 0)
            scene_mesh_quad(y->mesh, e0, e1, f1, f0, 0, 0, yard_known(y, MATERIAL_WHITE, SCENE_TAG_BUILDINGS, 0));
        else
            scene_mesh_quad(y->mesh, e1, e0, f0, f1, 0, 0, yard_known(y, MATERIAL_WHITE, SCENE_TAG_BUILDINGS, 0));
    }
    plot_box(y, p, 0.4 * p->half_x, 0.3 * p->half_y, top + rise * 0.9, (base_vec3){ 0.35, 0.35, 0.9 }, side); /* chimney */
}

static void flat_roof(yard *y, base_random *d, const building *b, double top)
{
    const plot *p = &b->plot;
    scene_surface rim = yard_thing(y, b->base, SCENE_TAG_BUILDINGS, 0),
                  roof = yard_known(y, MATERIAL_ROOF, SCENE_TAG_BUILDINGS, 0);
    base_vec3 c[4] = { plot_point(p, -p->half_x, -p->half_y, top), plot_point(p, p->half_x, -p->half_y, top),
                       plot_point(p, p->half_x, p->half_y, top), plot_point(p, -p->half_x, p->half_y, top) };
    scene_mesh_quad(y->mesh, c[0], c[1], c[2], c[3], 0, 0, roof);
    double out = 0.22, high = 0.35; /* cornice all around, also the parapet */
    for (int k = -1; k <= 1; k += 2) {
        plot_box(y, p, 0, k * p->half_y, top + 0.1, (base_vec3){ p->half_x + out, out, high }, rim);
        plot_box(y, p, k * p->half_x, 0, top + 0.1, (base_vec3){ out, p->half_y + out, high }, rim);
    }
    int boxes = 1 + (int)base_random_below(d, 3);
    for (int k = 0; k < boxes; k++) {
        double hx = yard_pick(d, 0.8, 2.2), hy = yard_pick(d, 0.8, 2.0), hz = yard_pick(d, 0.6, 1.5);
        plot_box(y, p, yard_pick(d, -0.6, 0.6) * p->half_x, yard_pick(d, -0.5, 0.5) * p->half_y, top + hz,
                 (base_vec3){ hx, hy, hz },
                 yard_known(y, k ? MATERIAL_POLE : MATERIAL_KERB, SCENE_TAG_BUILDINGS, SCENE_DETAIL_FAR));
    }
}

static void balconies(yard *y, base_random *d, const building *b, double storey)
{
    const plot *p = &b->plot;
    int bays = (int)fmax(1, floor(2 * p->half_x / 3.1 + 0.5));
    scene_surface slab = yard_known(y, MATERIAL_KERB, SCENE_TAG_BUILDINGS, SCENE_DETAIL_FAR),
                  rail = yard_known(y, MATERIAL_POLE, SCENE_TAG_BUILDINGS, SCENE_DETAIL);
    for (int k = 0; k < bays; k++) {
        if (base_random_uniform(d) > 0.34)
            continue;
        double x = -p->half_x + 2 * p->half_x * (k + 0.5) / bays;
        for (int f = 1; f < b->floors; f++) { /* the front is the side of -y, towards the street */
            double z = b->low + storey * f;
            plot_box(y, p, x, -p->half_y - 0.55, z, (base_vec3){ 1.15, 0.55, 0.09 }, slab);
            plot_box(y, p, x, -p->half_y - 1.07, z + 0.55, (base_vec3){ 1.15, 0.03, 0.45 }, rail);
            for (int side = -1; side <= 1; side += 2)
                plot_box(y, p, x + side * 1.12, -p->half_y - 0.55, z + 0.55, (base_vec3){ 0.03, 0.52, 0.45 }, rail);
        }
    }
}

static void erect(yard *y, base_random *d, const building *b)
{
    const plot *p = &b->plot;
    yard_begin(y, b->gabled ? "House" : "Building", SCENE_TAG_BUILDINGS, TOWN_LAYER_BUILDINGS,
               (base_vec3){ p->x, p->y, b->low }, BASE_DEG(atan2(p->sin_yaw, p->cos_yaw)));
    base_vec3 c[4] = { plot_point(p, -p->half_x, -p->half_y, 0), plot_point(p, p->half_x, -p->half_y, 0),
                       plot_point(p, p->half_x, p->half_y, 0), plot_point(p, -p->half_x, p->half_y, 0) };
    double storey = b->height / b->floors, top = b->low + b->height, first = b->low + (b->shop ? storey : 0);
    scene_surface face = yard_thing(y, b->wall, SCENE_TAG_BUILDINGS, 0),
                  plinth = yard_thing(y, b->base, SCENE_TAG_BUILDINGS, 0);
    uint16_t shop_front = y->wall[y->wall_count - 1];
    for (int k = 0; k < 4; k++) {
        base_vec3 from = c[(k + 1) % 4], to = c[k]; /* outside, left to right */
        if (k == 0)
            from = c[1], to = c[0];
        wall(y, from, to, first, top, b->shop ? 3 : 0, b->floors - (b->shop ? 1 : 0), face);
        if (b->shop)
            wall(y, from, to, b->low, first, 0, 1, yard_thing(y, shop_front, SCENE_TAG_BUILDINGS, 0));
        wall(y, from, to, b->low - 2.5, b->low, 0, 0.5, plinth);
    }
    if (b->shop)
        for (int k = -1; k <= 1; k += 2)
            plot_box(y, p, 0, k * p->half_y, first, (base_vec3){ p->half_x + 0.18, 0.2, 0.16 }, plinth);
    if (b->gabled)
        gable(y, b, top);
    else
        flat_roof(y, d, b, top);
    if (!b->gabled && !b->shop && b->floors >= 3)
        balconies(y, d, b, storey);
    if (b->gabled) { /* door and step towards the street */
        plot_box(y, p, 0, -p->half_y - 0.02, b->low + 1.05, (base_vec3){ 0.52, 0.06, 1.05 },
                 yard_known(y, MATERIAL_WOOD, SCENE_TAG_BUILDINGS, 0));
        plot_box(y, p, 0, -p->half_y - 0.5, b->low + 0.02, (base_vec3){ 0.9, 0.5, 0.1 }, plinth);
    }
}

static void wall_materials(yard *y)
{
    static const struct {
        float rgb[3];
        scene_texture texture;
    } looks[] = {
        { { 0.36f, 0.17f, 0.12f }, SCENE_FACADE_BRICK },   { { 0.42f, 0.29f, 0.20f }, SCENE_FACADE_BRICK },
        { { 0.28f, 0.21f, 0.18f }, SCENE_FACADE_BRICK },   { { 0.55f, 0.50f, 0.41f }, SCENE_FACADE_PLASTER },
        { { 0.58f, 0.55f, 0.50f }, SCENE_FACADE_PLASTER }, { { 0.52f, 0.42f, 0.30f }, SCENE_FACADE_PLASTER },
        { { 0.42f, 0.46f, 0.48f }, SCENE_FACADE_PLASTER }, { { 0.50f, 0.38f, 0.33f }, SCENE_FACADE_PLASTER },
        { { 0.40f, 0.41f, 0.42f }, SCENE_FACADE_OFFICE },  { { 0.30f, 0.29f, 0.27f }, SCENE_FACADE_OFFICE },
        { { 0.26f, 0.28f, 0.29f }, SCENE_FACADE_GLASS },   { { 0.10f, 0.105f, 0.11f }, SCENE_FACADE_GLASS },
        { { 0.44f, 0.39f, 0.31f }, SCENE_FACADE_STONE },   { { 0.52f, 0.50f, 0.46f }, SCENE_FACADE_STONE },
        { { 0.38f, 0.36f, 0.34f }, SCENE_FACADE_SHOP },
    };
    y->wall_count = (int)(sizeof looks / sizeof *looks);
    for (int k = 0; k < y->wall_count; k++) {
        scene_material m = { .texture = looks[k].texture, .gloss = 0.02f };
        memcpy(m.rgb, looks[k].rgb, sizeof m.rgb);
        y->wall[k] = scene_material_add(y->town->scene, m);
    }
}

/* Plain colour of a wall picture: gables, plinths, cornices. */
static uint16_t plain_of(yard *y, int wall_index)
{
    scene_material m = y->town->scene->materials[y->wall[wall_index]];
    m.texture = m.texture == SCENE_FACADE_BRICK ? SCENE_BRICK : SCENE_CONCRETE;
    return scene_material_add(y->town->scene, m);
}

/* How built-up a place is, 0..1, in patches of about 120 m. */
static double density(const yard *y, double px, double py)
{
    double fx = px / 120, fy = py / 120, ix = floor(fx), iy = floor(fy), tx = fx - ix, ty = fy - iy, sum = 0;
    for (int k = 0; k < 4; k++) {
        base_random d =
            base_random_start(y->town->seed, "density", (uint64_t)(int64_t)(ix + (k & 1)), (uint64_t)(int64_t)(iy + (k >> 1)));
        sum += base_random_uniform(&d) * (k & 1 ? tx : 1 - tx) * (k >> 1 ? ty : 1 - ty);
    }
    return sum;
}

/* The ground between a town's building and the street, and a little around it. */
static void pave_yard(yard *y, const plot *p, double setback)
{
    scenery_raster *r = &y->town->raster;
    for (double v = -p->half_y - setback - 1; v <= p->half_y + 1.2; v += 0.35)
        for (double u = -p->half_x - 2.5; u <= p->half_x + 2.5; u += 0.35) {
            if (v > 2 - p->half_y && v < p->half_y - 2 && fabs(u) < p->half_x - 2)
                continue; /* below the building */
            base_vec3 q = plot_point(p, u, v, 0);
            int at = scenery_cell(r, q.x, q.y);
            if (at >= 0)
                r->yard[at] = 1;
        }
}

/* A building whose front stands `setback` metres beside the edge point; true when there was room. */
static bool place_building(yard *y, base_random *d, base_vec3 edge, double out_x, double out_y, bool town, double *frontage)
{
    bool house = !town || base_random_uniform(d) < 0.30;
    building b = { .gabled = house };
    bool centre = !house && density(y, edge.x, edge.y) > 0.62;
    b.floors = house    ? 1 + (int)base_random_below(d, 2)
               : centre ? 5 + (int)base_random_below(d, 9)
                        : 3 + (int)base_random_below(d, 4);
    b.plot.half_x = house ? yard_pick(d, 4.5, 7.5) : yard_pick(d, 7, 14);
    b.plot.half_y = house ? yard_pick(d, 4, 5.5) : yard_pick(d, 5.5, 8);
    double setback = house ? yard_pick(d, 5, 11) : yard_pick(d, 2.4, 4.6);
    *frontage = 2 * b.plot.half_x;
    /* Local y points away from the street: (-sin, cos) = out. */
    b.plot.cos_yaw = out_y;
    b.plot.sin_yaw = -out_x;
    b.plot.x = edge.x + out_x * (setback + b.plot.half_y);
    b.plot.y = edge.y + out_y * (setback + b.plot.half_y);
    int look = house ? (int)base_random_below(d, 8) : (int)base_random_below(d, (uint32_t)y->wall_count - 1);
    b.shop = !house && base_random_uniform(d) < 0.5;
    b.height = b.floors * (house ? 2.9 : 3.2);
    if (!plot_free(y, &b.plot, house ? 4 : 2))
        return false;
    b.low = -1e9;
    for (int k = 0; k < 4; k++) {
        base_vec3 q = plot_point(&b.plot, k & 1 ? b.plot.half_x : -b.plot.half_x, k & 2 ? b.plot.half_y : -b.plot.half_y, 0);
        b.low = fmax(b.low, scenery_ground_z(y->town, q.x, q.y) + 0.05);
    }
    b.wall = y->wall[look];
    b.base = plain_of(y, look);
    plot_take(y, &b.plot, house ? 1.5 : 0.6);
    if (!house)
        pave_yard(y, &b.plot, setback);
    erect(y, d, &b);
    return true;
}

/* ---- what stands at the roadside */

/* Cloth on both sides of a lamp post, along the street: on a third of the posts. */
static void banners(yard *y, base_vec3 foot, double toward_x, double toward_y)
{
    base_random d = base_random_start(y->town->seed, "banner", (uint64_t)y->town->object_count, 0);
    if (base_random_uniform(&d) > 0.34)
        return;
    scenery_material cloth = (scenery_material)(MATERIAL_BANNER_A + base_random_below(&d, 3));
    yard_begin(y, "Banner", SCENE_TAG_OTHER, TOWN_LAYER_PROPS, foot, BASE_DEG(atan2(toward_y, toward_x)));
    scene_surface s = yard_known(y, cloth, SCENE_TAG_OTHER, SCENE_TWO_SIDED | SCENE_DETAIL_FAR);
    for (int side = -1; side <= 1; side += 2) {
        double x0 = -toward_y * side, y0 = toward_x * side;
        base_vec3 a = { foot.x + 0.12 * x0, foot.y + 0.12 * y0, foot.z + 5.3 },
                  b = { foot.x + 0.80 * x0, foot.y + 0.80 * y0, foot.z + 5.3 };
        base_vec3 c = { b.x, b.y, foot.z + 3.7 }, e = { a.x, a.y, foot.z + 3.7 };
        scene_mesh_quad(y->mesh, a, b, c, e, side, 0, s);
    }
}

static void lamp(yard *y, base_vec3 foot, double toward_x, double toward_y)
{
    plot p = { foot.x, foot.y, 1, 0, 0.1, 0.1 };
    plot_take(y, &p, 0.6);
    yard_begin(y, "StreetLight", SCENE_TAG_POLES, TOWN_LAYER_STREET_LIGHTS, foot, BASE_DEG(atan2(toward_y, toward_x)));
    uint32_t self = y->instance;
    scene_surface pole = yard_known(y, MATERIAL_POLE, SCENE_TAG_POLES, 0);
    double high = 7.2, arm = 2.2;
    base_vec3 top = { foot.x, foot.y, foot.z + high },
              bend = { foot.x + 0.35 * toward_x, foot.y + 0.35 * toward_y, foot.z + high + 0.55 };
    base_vec3 end = { foot.x + arm * toward_x, foot.y + arm * toward_y, foot.z + high + 0.85 };
    scene_mesh_tube(y->mesh, (base_vec3){ foot.x, foot.y, foot.z - 0.3 }, (base_vec3){ foot.x, foot.y, foot.z + 1.0 }, 0.13,
                    0.11, 8, true, pole);
    scene_mesh_tube(y->mesh, (base_vec3){ foot.x, foot.y, foot.z + 1.0 }, top, 0.085, 0.055, 8, false, pole);
    scene_mesh_tube(y->mesh, top, bend, 0.055, 0.05, 6, false, pole);
    scene_mesh_tube(y->mesh, bend, end, 0.05, 0.04, 6, false, pole);
    base_pose head = { { end.x + 0.3 * toward_x, end.y + 0.3 * toward_y, end.z },
                       { 0, BASE_DEG(atan2(toward_y, toward_x)), 0 } };
    scene_mesh_box(y->mesh, &head, (base_vec3){ 0.38, 0.14, 0.06 }, true, pole);
    banners(y, foot, toward_x, toward_y);
    y->instance = self;
    head.location.z -= 0.065;
    scene_mesh_box(y->mesh, &head, (base_vec3){ 0.28, 0.10, 0.02 }, true,
                   yard_thing(y, scenery_lamp_add(y->town, head.location), SCENE_TAG_POLES, 0));
}

static void delineator(yard *y, base_vec3 foot)
{
    yard_begin(y, "Delineator", SCENE_TAG_POLES, TOWN_LAYER_PROPS, foot, 0);
    base_pose at = { { foot.x, foot.y, foot.z + 0.48 }, { 0, 0, 0 } };
    scene_mesh_box(y->mesh, &at, (base_vec3){ 0.055, 0.055, 0.52 }, false, yard_known(y, MATERIAL_WHITE, SCENE_TAG_POLES, 0));
    at.location.z = foot.z + 0.80;
    scene_mesh_box(y->mesh, &at, (base_vec3){ 0.058, 0.058, 0.09 }, false, yard_known(y, MATERIAL_BLACK, SCENE_TAG_POLES, 0));
}

/* One piece of fence, hedge or wall from a to b. */
static void fence_piece(yard *y, base_random *d, base_vec3 a, base_vec3 b, int kind)
{
    double dx = b.x - a.x, dy = b.y - a.y, length = sqrt(dx * dx + dy * dy);
    if (length < 0.3)
        return;
    plot p = { (a.x + b.x) / 2, (a.y + b.y) / 2, dx / length, dy / length, fmax(0.2, length / 2 - 0.8), 0.15 };
    if (!plot_free(y, &p, 0.8)) /* its ends may touch the next piece's */
        return;
    plot_take(y, &p, 0.2);
    double z = fmin(a.z, b.z), yaw = BASE_DEG(atan2(dy, dx));
    base_pose at = { { p.x, p.y, z }, { 0, yaw, 0 } };
    static const struct {
        const char *name;
        uint8_t tag;
        uint16_t layer;
    } kinds[3] = { { "Hedge", SCENE_TAG_VEGETATION, TOWN_LAYER_FOLIAGE },
                   { "Fence", SCENE_TAG_FENCES, TOWN_LAYER_WALLS },
                   { "Wall", SCENE_TAG_WALLS, TOWN_LAYER_WALLS } };
    yard_begin(y, kinds[kind].name, kinds[kind].tag, kinds[kind].layer, at.location, yaw);
    if (kind == 0) { /* hedge: a trimmed body with leaves sticking out */
        scene_surface leaf = yard_known(y, MATERIAL_LEAF_DARK, SCENE_TAG_VEGETATION, 0);
        at.location.z = z + 0.55;
        scene_mesh_box(y->mesh, &at, (base_vec3){ length / 2 + 0.05, 0.34, 0.62 }, false, leaf);
        leaf.flags = SCENE_TWO_SIDED | SCENE_THIN | SCENE_DETAIL;
        for (int k = 0; k < 10; k++) {
            double u = yard_pick(d, -0.5, 0.5) * length, w = yard_pick(d, 0, 1) < 0.5 ? -0.35 : 0.35,
                   h = yard_pick(d, 0.25, 1.15);
            bool top = base_random_uniform(d) < 0.4;
            base_vec3 q = plot_point(&p, u, top ? yard_pick(d, -0.34, 0.34) : w, z + (top ? 1.17 : h));
            leaf_card(y, d, q, (base_vec3){ p.x, p.y, z + 0.5 }, 0.20, 0.95, leaf);
        }
    } else if (kind == 1) { /* planks between posts */
        scene_surface wood = yard_known(y, MATERIAL_WOOD, SCENE_TAG_FENCES, SCENE_DETAIL_FAR);
        at.location.z = z + 0.62;
        scene_mesh_box(y->mesh, &at, (base_vec3){ length / 2, 0.02, 0.52 }, true, wood);
        base_pose post = { { a.x, a.y, z + 0.55 }, { 0, yaw, 0 } };
        scene_mesh_box(y->mesh, &post, (base_vec3){ 0.06, 0.06, 0.72 }, false, wood);
    } else { /* low wall with a coping */
        at.location.z = z + 0.3;
        scene_mesh_box(y->mesh, &at, (base_vec3){ length / 2 + 0.02, 0.14, 0.50 }, false,
                       yard_known(y, MATERIAL_KERB, SCENE_TAG_WALLS, 0));
        at.location.z = z + 0.84;
        scene_mesh_box(y->mesh, &at, (base_vec3){ length / 2 + 0.02, 0.19, 0.05 }, true,
                       yard_known(y, MATERIAL_PAVING, SCENE_TAG_WALLS, 0));
    }
}

static void visit_lamp(yard *y, base_random *d, const edge_point *e, int road, int step, bool right)
{
    (void)d, (void)road;
    if (!e->walk && (e->deck || yard_has_rail(y, e)))
        return;
    if (!e->walk) {
        base_vec3 p = { e->at.x + 0.7 * e->out_x, e->at.y + 0.7 * e->out_y, 0 };
        int at = scenery_cell(&y->town->raster, p.x, p.y);
        if (at < 0 || y->town->raster.kind[at] != PAVED_NONE)
            return;
        p.z = scenery_ground_z(y->town, p.x, p.y);
        delineator(y, p);
        return;
    }
    if ((step & 1) != right)
        return;
    base_vec3 foot = { e->at.x - 0.35 * e->out_x, e->at.y - 0.35 * e->out_y, e->at.z };
    int at = scenery_cell(&y->town->raster, foot.x, foot.y);
    if (at < 0 || y->town->raster.kind[at] == PAVED_ROAD)
        return;
    lamp(y, foot, -e->out_x, -e->out_y);
}

static void visit_building(yard *y, base_random *d, const edge_point *e, int road, int step, bool right)
{
    (void)road, (void)step, (void)right;
    double built = density(y, e->at.x, e->at.y), frontage;
    if (e->deck)
        return;
    bool town = e->walk && built > 0.42;
    if (base_random_uniform(d) > (e->walk ? 0.35 + 0.75 * built : 0.55 * built))
        return;
    for (int attempt = 0; attempt < 2; attempt++)
        if (place_building(y, d, e->at, e->out_x, e->out_y, town, &frontage))
            return;
}

static void visit_fence(yard *y, base_random *d, const edge_point *e, int road, int step, bool right)
{
    /* Runs of about 24 m share a kind; some runs have none. */
    base_random run =
        base_random_start(y->town->seed, "fence run", (uint64_t)road, (uint64_t)(step / 10) * 2 + (uint64_t)right);
    double which = base_random_uniform(&run), gap = base_random_uniform(d);
    if (which > (e->walk ? 0.62 : 0.25) || gap < 0.12 || e->deck || yard_has_rail(y, e))
        return;
    int kind = which < 0.26 ? 0 : which < 0.46 ? 1 : 2;
    double off = e->walk ? 1.1 : 3.4, half = 1.25;
    base_vec3 a = { e->at.x + off * e->out_x + half * e->out_y, e->at.y + off * e->out_y - half * e->out_x, 0 };
    base_vec3 b = { e->at.x + off * e->out_x - half * e->out_y, e->at.y + off * e->out_y + half * e->out_x, 0 };
    int before = scenery_cell(&y->town->raster, e->at.x + off * e->out_x, e->at.y + off * e->out_y);
    if (before >= 0 && y->town->raster.yard[before])
        return;
    a.z = scenery_ground_z(y->town, a.x, a.y);
    b.z = scenery_ground_z(y->town, b.x, b.y);
    fence_piece(y, d, a, b, kind);
}

static void visit_tree(yard *y, base_random *d, const edge_point *e, int road, int step, bool right)
{
    (void)step, (void)right;
    if (e->deck || base_random_uniform(d) < 0.38)
        return;
    /* A town's street is planted with one kind of tree. */
    base_random street = base_random_start(y->town->seed, "avenue", (uint64_t)road, 0);
    double kind = base_random_uniform(&street);
    int species = !e->walk ? 0 : kind < 0.22 ? 1 : kind < 0.34 ? 2 : 0;
    double off = e->walk ? (species ? 1.75 : yard_pick(d, 1.8, 5.5)) : yard_pick(d, 4, 9);
    place_tree(y, d, e->at.x + off * e->out_x, e->at.y + off * e->out_y, e->walk ? 1.0 : 3.0, true, species);
}

static void visit_bush(yard *y, base_random *d, const edge_point *e, int road, int step, bool right)
{
    (void)road, (void)step, (void)right;
    if (base_random_uniform(d) < 0.6)
        return;
    double off = yard_pick(d, 2.5, 14), size = yard_pick(d, 0.4, 1.0);
    base_vec3 p = { e->at.x + off * e->out_x, e->at.y + off * e->out_y, 0 };
    int cell = scenery_cell(&y->town->raster, p.x, p.y);
    if (cell >= 0 && y->town->raster.yard[cell])
        return;
    plot room = { p.x, p.y, 1, 0, size, size };
    if (!plot_free(y, &room, 1.5))
        return;
    plot_take(y, &room, 0.2);
    p.z = scenery_ground_z(y->town, p.x, p.y);
    yard_begin(y, "Bush", SCENE_TAG_VEGETATION, TOWN_LAYER_FOLIAGE, p, 0);
    p.z += 0.3 * size;
    scene_surface leaf = yard_known(y, base_random_uniform(d) < 0.5 ? MATERIAL_LEAF : MATERIAL_LEAF_DARK, SCENE_TAG_VEGETATION,
                                    SCENE_TWO_SIDED | SCENE_THIN);
    blob(y, d, p, 0.9 * size, 0.85 * size, 0.8, 7, 4, 0.18, leaf);
    leaf.flags |= SCENE_DETAIL;
    for (int k = 0; k < 26; k++) {
        double a = yard_pick(d, 0, 2 * BASE_PI), z = yard_pick(d, -0.2, 1), r = size * sqrt(1 - z * z);
        leaf_card(y, d, (base_vec3){ p.x + r * cos(a), p.y + r * sin(a), p.z + 0.9 * size * z }, p, 0.24 * size + 0.06,
                  0.6 + 0.4 * z, leaf);
    }
}

/* Woods and single trees away from the roads. */
static void plant_fields(yard *y)
{
    const scenery_raster *r = &y->town->raster;
    double x0 = r->x0 - 90, y0 = r->y0 - 90, span_x = r->width * r->cell_m + 180, span_y = r->height * r->cell_m + 180,
           step = 13;
    while (span_x / step * (span_y / step) > 5000)
        step *= 1.25;
    int nx = (int)(span_x / step), ny = (int)(span_y / step);
    for (int j = 0; j < ny; j++)
        for (int i = 0; i < nx; i++) {
            base_random d = base_random_start(y->town->seed, "field tree", (uint64_t)i, (uint64_t)j);
            double px = x0 + (i + base_random_uniform(&d)) * step, py = y0 + (j + base_random_uniform(&d)) * step;
            double wood = density(y, px * 1.7 + 5000, py * 1.7);
            if (scenery_outside_m(r, px, py) > 170 || base_random_uniform(&d) > (wood > 0.60 ? 0.85 : wood > 0.5 ? 0.16 : 0.03))
                continue;
            place_tree(y, &d, px, py, 12, false, 0);
        }
}

/* ---- signals */

static void pole(yard *y, base_vec3 foot, double high, double radius)
{
    scene_mesh_tube(y->mesh, (base_vec3){ foot.x, foot.y, foot.z - 0.5 }, (base_vec3){ foot.x, foot.y, foot.z + high }, radius,
                    radius * 0.8, 8, true, yard_known(y, MATERIAL_POLE, SCENE_TAG_POLES, 0));
}

/* Round disc facing yaw with a rim: speed limits; eight sides for stop. */
static void sign_plate(yard *y, base_vec3 centre, double yaw_deg, double radius, int sides, scenery_material rim,
                       scenery_material field)
{
    double c = cos(BASE_RAD(yaw_deg)), s = sin(BASE_RAD(yaw_deg));
    base_vec3 back = { centre.x - 0.012 * c, centre.y - 0.012 * s, centre.z },
              front = { centre.x + 0.012 * c, centre.y + 0.012 * s, centre.z };
    base_vec3 face = { front.x + 0.006 * c, front.y + 0.006 * s, centre.z };
    scene_mesh_tube(y->mesh, back, front, radius, radius, sides, true, yard_known(y, rim, SCENE_TAG_TRAFFIC_SIGNS, 0));
    scene_mesh_tube(y->mesh, front, face, radius * 0.78, radius * 0.78, sides, true,
                    yard_known(y, field, SCENE_TAG_TRAFFIC_SIGNS, 0));
}

/* Text on a plate, in front of its face: read by those who look against yaw. */
static void sign_text(yard *y, base_vec3 centre, double yaw_deg, const char *text, double pitch, double high,
                      scenery_material m)
{
    double c = cos(BASE_RAD(yaw_deg)), s = sin(BASE_RAD(yaw_deg));
    scenery_text_run runs[SCENERY_TEXT_RUNS];
    int count = scenery_text_runs(text, runs, SCENERY_TEXT_RUNS);
    scene_surface ink = yard_known(y, m, SCENE_TAG_TRAFFIC_SIGNS, SCENE_TWO_SIDED | SCENE_DETAIL_FAR);
    base_vec3 at = { centre.x + 0.022 * c, centre.y + 0.022 * s, centre.z };
    for (int i = 0; i < count; i++) { /* the reader's right is (s, -c) */
        double l = pitch * runs[i].left, r = pitch * runs[i].right, low = at.z + high * runs[i].low,
               top = at.z + high * runs[i].high;
        scene_mesh_quad(y->mesh, (base_vec3){ at.x + l * s, at.y - l * c, top }, (base_vec3){ at.x + r * s, at.y - r * c, top },
                        (base_vec3){ at.x + r * s, at.y - r * c, low }, (base_vec3){ at.x + l * s, at.y - l * c, low }, 0, 0,
                        ink);
    }
}

static void light_head(yard *y, const base_pose *head)
{
    scene_surface box = yard_known(y, MATERIAL_HOUSING, SCENE_TAG_TRAFFIC_LIGHT, 0),
                  lens = yard_known(y, MATERIAL_DARK_LENS, SCENE_TAG_TRAFFIC_LIGHT, SCENE_DETAIL_FAR);
    scene_mesh_box(y->mesh, head, SCENERY_LIGHT_HEAD, true, box);
    for (int k = -1; k <= 1; k++) {
        base_vec3 from = base_pose_to_world(head, (base_vec3){ 0.14, 0, 0.32 * k }),
                  to = base_pose_to_world(head, (base_vec3){ 0.165, 0, 0.32 * k });
        scene_mesh_tube(y->mesh, from, to, 0.125, 0.115, 14, true, lens);
        base_pose visor = base_pose_compose(head, &(base_pose){ { 0.24, 0, 0.32 * k + 0.135 }, { 0, 0, 0 } });
        scene_mesh_box(y->mesh, &visor, (base_vec3){ 0.11, 0.125, 0.012 }, true, lens);
    }
}

/* Foot of a signal: its own place, moved off driving lanes to the right of the traffic it faces. */
static base_vec3 signal_foot(const yard *y, const road_signal *g, double right_x, double right_y)
{
    base_vec3 p = g->pose.location;
    for (int k = 0; k < 24; k++) {
        int at = scenery_cell(&y->town->raster, p.x, p.y);
        if (at < 0 || y->town->raster.kind[at] != PAVED_ROAD)
            break;
        p.x += 0.5 * right_x;
        p.y += 0.5 * right_y;
    }
    int at = scenery_cell(&y->town->raster, p.x, p.y);
    if (at >= 0 && y->town->raster.kind[at] == PAVED_NONE)
        p.z = scenery_ground_z(y->town, p.x, p.y);
    else if (at >= 0 && y->town->raster.kind[at] == PAVED_WALK)
        p.z = y->town->raster.level[at];
    return p;
}

/* How far a mast must reach from the kerb to hang over the near lane of a wide road; 0: the road is narrow or not there. */
static double mast_reach(const yard *y, base_vec3 foot, double left_x, double left_y)
{
    const scenery_raster *r = &y->town->raster;
    double kerb = 0;
    for (; kerb < 3.6; kerb += 0.25) {
        int at = scenery_cell(r, foot.x + kerb * left_x, foot.y + kerb * left_y);
        if (at >= 0 && r->kind[at] == PAVED_ROAD)
            break;
    }
    for (double wide = 0.5; wide < 6.5; wide += 0.5) {
        int at = scenery_cell(r, foot.x + (kerb + wide) * left_x, foot.y + (kerb + wide) * left_y);
        if (at < 0 || r->kind[at] != PAVED_ROAD)
            return 0;
    }
    return kerb + 2.4;
}

static void place_signal(yard *y, int index)
{
    road_signal g = road_map_signal(y->town->map, index);
    if (g.painted)
        return;
    /* Signals show against their own heading: towards traffic that comes along it. */
    double yaw = base_wrap_deg(g.pose.rotation.yaw_deg + 180), c = cos(BASE_RAD(yaw)), s = sin(BASE_RAD(yaw));
    base_vec3 foot = signal_foot(y, &g, s, -c); /* the traffic's right: it drives towards -c, -s */
    plot p = { foot.x, foot.y, 1, 0, 0.2, 0.2 };
    if (g.kind == ROAD_SIGNAL_TRAFFIC_LIGHT) {
        yard_begin(y, "TrafficLightPole", SCENE_TAG_POLES, 0, foot, yaw);
        base_pose head = { { foot.x + 0.16 * c, foot.y + 0.16 * s, foot.z + 3.2 }, { 0, yaw, 0 } };
        double mast = mast_reach(y, foot, -s, c), high = 6.1;
        if (mast > 0) { /* the head hangs over the lane */
            pole(y, foot, high, 0.12);
            base_vec3 end = { foot.x - (mast + 0.3) * s, foot.y + (mast + 0.3) * c, foot.z + high - 0.1 };
            scene_mesh_tube(y->mesh, (base_vec3){ foot.x, foot.y, foot.z + high - 0.5 }, end, 0.075, 0.05, 6, true,
                            yard_known(y, MATERIAL_POLE, SCENE_TAG_POLES, 0));
            head.location = (base_vec3){ foot.x - mast * s + 0.16 * c, foot.y + mast * c + 0.16 * s, foot.z + high - 0.35 };
        } else {
            pole(y, foot, 3.1, 0.085);
        }
        yard_begin(y, "TrafficLight", SCENE_TAG_TRAFFIC_LIGHT, 0, head.location, yaw);
        light_head(y, &head);
        y->town->lights[index] = (town_scenery_light_head){ head, true };
    } else if (g.kind == ROAD_SIGNAL_SPEED_LIMIT || g.kind == ROAD_SIGNAL_STOP || g.kind == ROAD_SIGNAL_YIELD) {
        yard_begin(y, "SignPole", SCENE_TAG_POLES, 0, foot, yaw);
        pole(y, foot, 2.6, 0.04);
        base_vec3 plate = { foot.x + 0.06 * c, foot.y + 0.06 * s, foot.z + 2.3 };
        bool stop = g.kind == ROAD_SIGNAL_STOP;
        yard_begin(y,
                   stop                          ? "StopSign"
                   : g.kind == ROAD_SIGNAL_YIELD ? "YieldSign"
                                                 : "SpeedLimitSign",
                   SCENE_TAG_TRAFFIC_SIGNS, 0, plate, yaw);
        sign_plate(y, plate, yaw, stop ? 0.40 : 0.34,
                   stop                          ? 8
                   : g.kind == ROAD_SIGNAL_YIELD ? 3
                                                 : 20,
                   MATERIAL_RED_PAINT, stop ? MATERIAL_RED_PAINT : MATERIAL_WHITE);
        char number[16];
        snprintf(number, sizeof number, "%.0f", g.value);
        if (stop)
            sign_text(y, plate, yaw, "STOP", 0.155, 0.22, MATERIAL_WHITE);
        else if (g.kind == ROAD_SIGNAL_SPEED_LIMIT && g.value >= 1 && g.value < 1000)
            sign_text(y, plate, yaw, number, g.value < 99.5 ? 0.21 : 0.155, 0.26, MATERIAL_BLACK);
    } else {
        return;
    }
    plot_take(y, &p, 0.8);
}

bool scenery_objects_build(town_scenery *t, scene_mesh *m, base_error *err)
{
    yard y = { .town = t, .mesh = m };
    wall_materials(&y);
    t->light_count = road_signal_count(t->map);
    t->lights = calloc((size_t)t->light_count + 1, sizeof *t->lights);
    if (!t->lights)
        return base_fail(err, BASE_MEMORY, "scenery: no memory for %d signals", t->light_count);
    for (int k = 0; k < t->light_count; k++)
        place_signal(&y, k);
    yard_rails(&y);
    yard_along_roads(&y, "lamp", 24, visit_lamp);
    yard_streets(&y);
    yard_along_roads(&y, "building", 9, visit_building);
    yard_along_roads(&y, "fence", 2.5, visit_fence);
    yard_along_roads(&y, "tree", 11, visit_tree);
    yard_along_roads(&y, "bush", 7, visit_bush);
    plant_fields(&y);
    return !m->failed || base_fail(err, BASE_MEMORY, "scenery: no memory for buildings and trees");
}
