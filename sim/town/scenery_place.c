/* sim/town/scenery_place.c — who stands where: buildings, trees, lamps, fences and signals where the raster leaves room.
 *
 * Everything is placed from the road outwards: walk along each road outside junctions, step off its edge, draw from the seed
 * what stands there, and ask the raster whether it may. A thing takes its cells, so nothing overlaps; the order (signals,
 * lamps, buildings, fences, trees) says who wins. */
#include "sim/town/scenery_yard.h"
#include <stdlib.h>

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
            yard_leaf_card(y, d, q, (base_vec3){ p.x, p.y, z + 0.5 }, 0.20, 0.95, leaf);
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
    double built = yard_density(y, e->at.x, e->at.y), frontage;
    if (e->deck)
        return;
    bool town = e->walk && built > 0.42;
    if (base_random_uniform(d) > (e->walk ? 0.35 + 0.75 * built : 0.55 * built))
        return;
    for (int attempt = 0; attempt < 2; attempt++)
        if (yard_building(y, d, e->at, e->out_x, e->out_y, town, &frontage))
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
    yard_tree(y, d, e->at.x + off * e->out_x, e->at.y + off * e->out_y, e->walk ? 1.0 : 3.0, true, species);
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
    yard_blob(y, d, p, 0.9 * size, 0.85 * size, 0.8, 7, 4, 0.18, leaf);
    leaf.flags |= SCENE_DETAIL;
    for (int k = 0; k < 26; k++) {
        double a = yard_pick(d, 0, 2 * BASE_PI), z = yard_pick(d, -0.2, 1), r = size * sqrt(1 - z * z);
        yard_leaf_card(y, d, (base_vec3){ p.x + r * cos(a), p.y + r * sin(a), p.z + 0.9 * size * z }, p, 0.24 * size + 0.06,
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
            double wood = yard_density(y, px * 1.7 + 5000, py * 1.7);
            if (scenery_outside_m(r, px, py) > 170 || base_random_uniform(&d) > (wood > 0.60 ? 0.85 : wood > 0.5 ? 0.16 : 0.03))
                continue;
            yard_tree(y, &d, px, py, 12, false, 0);
        }
}

/* ---- all of it, in order */

bool scenery_objects_build(town_scenery *t, scene_mesh *m, base_error *err)
{
    yard y = { .town = t, .mesh = m };
    yard_wall_materials(&y);
    t->light_count = road_signal_count(t->map);
    t->lights = calloc((size_t)t->light_count + 1, sizeof *t->lights);
    if (!t->lights)
        return base_fail(err, BASE_MEMORY, "scenery: no memory for %d signals", t->light_count);
    for (int k = 0; k < t->light_count; k++)
        yard_signal(&y, k);
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
