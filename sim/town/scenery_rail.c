/* sim/town/scenery_rail.c — bridges where roads cross, and guard rails.
 *
 * Which surfaces are a bridge's is known from the raster (scenery_raster.c). A bridge gets a slab below its road, fascias and parapets
 * along its edges, and rows of columns where the ground below is free; its ends rest on the embankment's slope. Guard rails run along
 * roads for 80 km/h and more, and along any edge without a sidewalk beside which the ground falls away. */
#include "sim/town/scenery_yard.h"

#define STEP_M    4.0
#define FAST_MPS  22.2 /* 80 km/h */
#define DROP_M    1.6  /* within DROP_AT_M of the edge */
#define DROP_AT_M 4.0
#define SLAB_M    0.9
#define BESIDE_M  0.45 /* of the rail from the pavement's edge */

bool yard_has_rail(const yard *y, const edge_point *e)
{
    if (e->walk || e->deck)
        return false;
    base_vec3 post = { e->at.x + BESIDE_M * e->out_x, e->at.y + BESIDE_M * e->out_y, 0 };
    base_vec3 out = { e->at.x + DROP_AT_M * e->out_x, e->at.y + DROP_AT_M * e->out_y, 0 };
    int at = scenery_cell(&y->town->raster, post.x, post.y);
    if (at < 0 || y->town->raster.kind[at] != PAVED_NONE || y->town->raster.taken[at])
        return false; /* another road joins here, or a sign stands there */
    return e->limit_mps >= FAST_MPS || e->at.z - scenery_ground_z(y->town, out.x, out.y) > DROP_M;
}

/* A sheet between two lines, seen from both sides. */
static void band(yard *y, const base_vec3 low[2], const base_vec3 high[2], scene_surface s)
{
    scene_mesh_quad(y->mesh, low[0], low[1], high[1], high[0], 0, 0, s);
}

static base_vec3 off(const edge_point *e, double out, double z)
{
    return (base_vec3){ e->at.x + out * e->out_x, e->at.y + out * e->out_y, z };
}

/* A beam with its typical groove between two posts. */
static void beam(yard *y, const edge_point e[2], double beside, const double z[2])
{
    static const struct {
        double z, out;
    } profile[] = { { 0.44, 0.04 }, { 0.53, -0.04 }, { 0.60, 0.03 }, { 0.67, -0.04 }, { 0.76, 0.04 } };
    scene_surface s = yard_known(y, MATERIAL_RAIL, SCENE_TAG_GUARD_RAIL, SCENE_TWO_SIDED);
    for (int k = 0; k + 1 < (int)(sizeof profile / sizeof *profile); k++) {
        base_vec3 low[2], high[2];
        for (int i = 0; i < 2; i++) {
            low[i] = off(&e[i], beside + profile[k].out, z[i] + profile[k].z);
            high[i] = off(&e[i], beside + profile[k + 1].out, z[i] + profile[k + 1].z);
        }
        band(y, low, high, s);
    }
    base_pose post = { off(&e[0], beside + 0.08, z[0] + 0.25), { 0, BASE_DEG(atan2(e[0].out_y, e[0].out_x)), 0 } };
    s.flags = SCENE_DETAIL_FAR;
    scene_mesh_box(y->mesh, &post, (base_vec3){ 0.05, 0.04, 0.45 }, false, s);
}

static void guard_rail(yard *y, const edge_point e[2])
{
    double z[2];
    for (int i = 0; i < 2; i++) {
        base_vec3 foot = off(&e[i], BESIDE_M, 0);
        z[i] = fmax(scenery_ground_z(y->town, foot.x, foot.y), e[i].at.z - 0.25);
    }
    plot taken = { off(&e[0], BESIDE_M, 0).x, off(&e[0], BESIDE_M, 0).y, 1, 0, 0.3, 0.3 };
    beam(y, e, BESIDE_M, z);
    plot_take(y, &taken, 0.3);
}

/* ---- bridges */

/* Slab and parapets between two stations: left and right edges at each. */
static void deck_piece(yard *y, const edge_point left[2], const edge_point right[2], bool begins)
{
    scene_surface concrete = yard_known(y, MATERIAL_KERB, SCENE_TAG_BRIDGE, SCENE_TWO_SIDED);
    base_vec3 bottom[2][2];
    for (int side = 0; side < 2; side++) {
        const edge_point *e = side ? right : left;
        base_vec3 low[2], high[2], inner[2];
        double z[2];
        for (int i = 0; i < 2; i++) {
            bottom[side][i] = low[i] = off(&e[i], 0.35, e[i].at.z - SLAB_M);
            high[i] = off(&e[i], 0.35, e[i].at.z + 0.30);
            inner[i] = off(&e[i], 0.02, e[i].at.z + 0.30);
            z[i] = e[i].at.z + 0.25;
        }
        band(y, low, high, concrete);
        band(y, high, inner, concrete);
        for (int i = 0; i < 2; i++) {
            low[i] = off(&e[i], 0.02, e[i].at.z - 0.2);
            high[i] = off(&e[i], 0.02, e[i].at.z + 0.30);
        }
        band(y, low, high, concrete);
        beam(y, e, 0.18, z);
    }
    band(y, bottom[0], bottom[1], concrete);
    if (begins) {
        base_vec3 top[2] = { off(&left[0], 0.35, left[0].at.z - 0.05), off(&right[0], 0.35, right[0].at.z - 0.05) };
        base_vec3 low[2] = { bottom[0][0], bottom[1][0] };
        band(y, low, top, concrete);
    }
}

static bool column_fits(const yard *y, base_vec3 p)
{
    return scenery_outside_m(&y->town->raster, p.x, p.y) >= 1.2 && p.z - scenery_ground_z(y->town, p.x, p.y) > 3;
}

/* Two columns and the beam that they carry, where both have room. */
static bool columns(yard *y, const edge_point *left, const edge_point *right)
{
    base_vec3 across = base_vec3_sub(right->at, left->at), foot[2];
    for (int k = 0; k < 2; k++) {
        foot[k] = base_vec3_add(left->at, base_vec3_scale(across, k ? 0.76 : 0.24));
        foot[k].z -= SLAB_M;
        if (!column_fits(y, foot[k]))
            return false;
    }
    scene_surface concrete = yard_known(y, MATERIAL_KERB, SCENE_TAG_BRIDGE, 0);
    for (int k = 0; k < 2; k++) {
        base_vec3 low = { foot[k].x, foot[k].y, scenery_ground_z(y->town, foot[k].x, foot[k].y) - 0.5 };
        scene_mesh_tube(y->mesh, low, foot[k], 0.45, 0.45, 10, false, concrete);
    }
    base_pose head = { base_vec3_scale(base_vec3_add(foot[0], foot[1]), 0.5), { 0, BASE_DEG(atan2(across.y, across.x)), 0 } };
    head.location.z -= 0.25;
    scene_mesh_box(y->mesh, &head, (base_vec3){ 0.40 * base_vec3_length(across), 0.5, 0.3 }, true, concrete);
    return true;
}

static void along_road(yard *y, int road, double length_m)
{
    const road_map *map = y->town->map;
    int steps = (int)ceil(length_m / STEP_M);
    edge_point before[2] = { { { 0, 0, 0 }, 0, 0, false, false, 0, 0, 0 } };
    bool known = false, rail_before[2] = { false, false }, in_bridge = false;
    uint32_t rail_instance[2] = { 0, 0 }, bridge_instance = 0;
    double since_columns = 1e9;
    for (int k = 0; k <= steps; k++) {
        edge_point e[2];
        bool here = yard_edge(map, road, fmin(length_m, k * length_m / steps), false, &e[0]) &&
                    yard_edge(map, road, fmin(length_m, k * length_m / steps), true, &e[1]);
        for (int side = 0; side < 2 && here; side++)
            e[side].deck =
                scenery_is_deck(y->town, e[side].at.x - 0.3 * e[side].out_x, e[side].at.y - 0.3 * e[side].out_y, e[side].at.z);
        bool deck = here && known && ((before[0].deck && before[1].deck) || (e[0].deck && e[1].deck));
        if (deck) {
            if (!in_bridge) {
                yard_begin(y, "Bridge", SCENE_TAG_BRIDGE, 0, e[0].at, 0);
                bridge_instance = y->instance;
            }
            y->instance = bridge_instance;
            deck_piece(y, (edge_point[]){ before[0], e[0] }, (edge_point[]){ before[1], e[1] }, !in_bridge);
            since_columns += STEP_M;
            if (since_columns > 9 && columns(y, &e[0], &e[1]))
                since_columns = 0;
        } else if (in_bridge && known) {
            y->instance = bridge_instance; /* closes the slab */
            deck_piece(y, (edge_point[]){ before[0], before[0] }, (edge_point[]){ before[1], before[1] }, true);
        }
        in_bridge = deck;
        for (int side = 0; side < 2; side++) {
            bool rail = here && yard_has_rail(y, &e[side]);
            if (rail && rail_before[side] && known && !deck) {
                if (!rail_instance[side] || k % 12 == 0) {
                    yard_begin(y, "GuardRail", SCENE_TAG_GUARD_RAIL, 0, before[side].at, 0);
                    rail_instance[side] = y->instance;
                }
                y->instance = rail_instance[side];
                guard_rail(y, (edge_point[]){ before[side], e[side] });
            } else {
                rail_instance[side] = 0;
            }
            rail_before[side] = rail;
            before[side] = e[side];
        }
        known = here;
    }
}

void yard_rails(yard *y)
{
    road_map_info info = road_map_describe(y->town->map);
    for (int road = 0; road < info.roads; road++) {
        road_info r = road_map_road(y->town->map, road);
        if (r.junction < 0 && r.length_m >= STEP_M)
            along_road(y, road, r.length_m);
    }
}
