/* Trees of four kinds: broadleaf, conifer, palm, cypress. */
#include "sim/town/scenery_yard.h"

typedef struct tree_style {
    double height, crown_low, crown_radius, trunk;
    int cards;
    double card_m;
    scenery_material leaf;
} tree_style;

void yard_leaf_card(yard *y, base_random *d, base_vec3 at, base_vec3 centre, double size, double light, scene_surface s)
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

void yard_blob(yard *y, base_random *d, base_vec3 c, double rx, double rz, double light, int around, int rings, double rough,
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
        yard_blob(y, d, lobe[k], radius[k] * 0.92, radius[k] * 0.92 * squash, 0.92, detail ? 8 : 5, detail ? 5 : 4, 0.17, core);
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
        yard_leaf_card(y, d, at, middle, t->card_m * yard_pick(d, 0.7, 1.2) * (detail && !fine ? 1.35 : 1),
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
    yard_blob(y, d, (base_vec3){ foot.x, foot.y, foot.z + 0.36 * height }, radius, 0.30 * height, 0.9, 8, 5, 0.14, leaf);
    yard_blob(y, d, (base_vec3){ foot.x, foot.y, foot.z + 0.66 * height }, 0.72 * radius, 0.34 * height, 1, 7, 5, 0.14, leaf);
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

bool yard_tree(yard *y, base_random *d, double px, double py, double clearance, bool detail, int species)
{
    plot p = { px, py, 1, 0, 0.6, 0.6 };
    if (!plot_free(y, &p, clearance))
        return false;
    plot_take(y, &p, 1.6);
    tree(y, d, px, py, detail, species);
    return true;
}
