/* Houses and blocks along the roads, with the yards in front of them. */
#include "sim/town/scenery_yard.h"
#include <string.h>

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
    double storey = b->height / b->floors, top = b->low + b->height, foot = b->low - 2.5,
           first = b->low + (b->shop ? storey : 0);
    scene_surface face = yard_thing(y, b->wall, SCENE_TAG_BUILDINGS, 0),
                  plinth = yard_thing(y, b->base, SCENE_TAG_BUILDINGS, 0);
    uint16_t shop_front = y->wall[y->wall_count - 1];
    for (int k = 0; k < 4; k++) {
        base_vec3 from = c[(k + 1) % 4], to = c[k]; /* outside, left to right */
        wall(y, from, to, first, top, b->shop ? 3 : 0, b->floors - (b->shop ? 1 : 0), face);
        if (b->shop)
            wall(y, from, to, b->low, first, 0, 1, yard_thing(y, shop_front, SCENE_TAG_BUILDINGS, 0));
        wall(y, from, to, foot, b->low, 0, 0.5, plinth);
        scene_add_occluder(y->town->scene,
                           (const base_vec3[4]){
                               { from.x, from.y, foot }, { from.x, from.y, top }, { to.x, to.y, top }, { to.x, to.y, foot } },
                           y->instance);
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

void yard_wall_materials(yard *y)
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

double yard_density(const yard *y, double px, double py)
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

bool yard_building(yard *y, base_random *d, base_vec3 edge, double out_x, double out_y, bool town, double *frontage)
{
    bool house = !town || base_random_uniform(d) < 0.30;
    building b = { .gabled = house };
    bool centre = !house && yard_density(y, edge.x, edge.y) > 0.62;
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
