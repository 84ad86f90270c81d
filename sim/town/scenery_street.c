/* sim/town/scenery_street.c — what stands along a town's streets: parked cars, benches, bins, hydrants, bus stops, banners.
 *
 * Cars are parked on parking lanes only, in bays of SCENERY_BAY_M that are painted too. Low things stand in a band beside the kerb or beyond the
 * sidewalk's outer edge, so that a walker's way between them stays free. Tags are those that CARLA's own pictures show: street furniture is
 * Static, banners are Other, plants are Vegetation. */
#include "sim/town/scenery_yard.h"
#include <string.h>

/* ---- parked cars */

static void park(yard *y, base_random *d, base_vec3 at, double yaw_deg)
{
    town_scenery *t = y->town;
    int kind = (int)base_random_below(d, SCENERY_PARKED), coat = (int)base_random_below(d, SCENERY_COATS);
    base_pose pose = { at,
                       { 0, base_wrap_deg(yaw_deg + (base_random_uniform(d) < 0.12 ? 180 : 0) + yard_pick(d, -1.2, 1.2)), 0 } };
    y->instance = scenery_object_begin(t, "ParkedCar", NULL, SCENE_TAG_CAR, TOWN_LAYER_PARKED_VEHICLES, pose);
    uint32_t first = y->mesh->triangle_count;
    scene_mesh_append(y->mesh, &t->parked[kind], &pose);
    for (uint32_t k = first; k < y->mesh->triangle_count; k++) {
        scene_triangle *tr = &y->mesh->triangles[k];
        tr->instance = y->instance;
        if (tr->material == t->material[MATERIAL_CAR_PAINT])
            tr->material = t->coat[coat];
    }
}

static bool lane_ends_soon(const road_map *map, int road, int section, int lane, double s)
{
    return road_lane_width(map, road, section, lane, s - SCENERY_BAY_M / 2) < 2.0 ||
           road_lane_width(map, road, section, lane, s + SCENERY_BAY_M / 2) < 2.0;
}

static void park_along(yard *y, int road, int section, int lane)
{
    const road_map *map = y->town->map;
    road_section_info info = road_map_section(map, road, section);
    double half_road = road_map_road(map, road).length_m;
    base_random street = base_random_start(y->town->seed, "parked cars", (uint64_t)road, (uint64_t)(uint32_t)(lane + 64));
    double full = yard_pick(&street, 0.35, 0.85);
    for (int k = 0; info.s0 + (k + 0.5) * SCENERY_BAY_M < info.s1; k++) {
        double s = info.s0 + (k + 0.5) * SCENERY_BAY_M;
        base_random d = base_random_start(y->town->seed, "parked car", (uint64_t)road << 20 | (uint64_t)(uint32_t)section,
                                          (uint64_t)k * 128 + (uint64_t)(uint32_t)(lane + 64));
        if (base_random_uniform(&d) > full || s < 6 || s > half_road - 6 || s + SCENERY_BAY_M / 2 > info.s1 ||
            lane_ends_soon(map, road, section, lane, s))
            continue;
        road_waypoint w = { road, road_map_road(map, road).id, section, lane, s };
        base_pose p = road_waypoint_pose(map, &w);
        park(y, &d, p.location, p.rotation.yaw_deg);
    }
}

/* ---- furniture: foot on the ground, yaw towards the road */

static plot plot_at(base_vec3 foot, double toward_x, double toward_y, double half_x, double half_y)
{
    return (plot){ foot.x, foot.y, toward_x, toward_y, half_x, half_y };
}

static scene_surface piece(const yard *y, scenery_material m) { return yard_known(y, m, SCENE_TAG_STATIC, SCENE_DETAIL_FAR); }

static void start(yard *y, const char *kind, base_vec3 foot, const plot *p)
{
    yard_begin(y, kind, SCENE_TAG_STATIC, TOWN_LAYER_PROPS, foot, BASE_DEG(atan2(p->sin_yaw, p->cos_yaw)));
}

static void upright(yard *y, base_vec3 foot, double from, double to, double r0, double r1, int sides, scene_surface s)
{
    scene_mesh_tube(y->mesh, (base_vec3){ foot.x, foot.y, foot.z + from }, (base_vec3){ foot.x, foot.y, foot.z + to }, r0, r1,
                    sides, true, s);
}

static void bench(yard *y, base_vec3 foot, const plot *p)
{
    start(y, "Bench", foot, p);
    for (int side = -1; side <= 1; side += 2) {
        plot_box(y, p, -0.02, 0.72 * side, foot.z + 0.21, (base_vec3){ 0.20, 0.03, 0.23 }, piece(y, MATERIAL_BLACK));
        plot_box(y, p, -0.22, 0.72 * side, foot.z + 0.62, (base_vec3){ 0.025, 0.03, 0.22 }, piece(y, MATERIAL_BLACK));
    }
    for (int k = 0; k < 3; k++)
        plot_box(y, p, -0.14 + 0.15 * k, 0, foot.z + 0.46, (base_vec3){ 0.06, 0.85, 0.02 }, piece(y, MATERIAL_WOOD));
    for (int k = 0; k < 2; k++)
        plot_box(y, p, -0.20, 0, foot.z + 0.62 + 0.17 * k, (base_vec3){ 0.02, 0.85, 0.06 }, piece(y, MATERIAL_WOOD));
}

static void bin(yard *y, base_vec3 foot, const plot *p, bool green)
{
    start(y, "Bin", foot, p);
    upright(y, foot, -0.1, 0.85, 0.24, 0.28, 10, piece(y, green ? MATERIAL_CABINET : MATERIAL_BLACK));
    upright(y, foot, 0.85, 0.95, 0.30, 0.22, 10, piece(y, MATERIAL_POLE));
}

static void hydrant(yard *y, base_vec3 foot, const plot *p)
{
    start(y, "Hydrant", foot, p);
    scene_surface red = piece(y, MATERIAL_RED_PAINT);
    upright(y, foot, -0.1, 0.06, 0.15, 0.15, 8, red);
    upright(y, foot, 0.06, 0.55, 0.10, 0.10, 8, red);
    upright(y, foot, 0.55, 0.70, 0.13, 0.05, 8, red);
    plot_box(y, p, 0, 0, foot.z + 0.40, (base_vec3){ 0.06, 0.17, 0.05 }, red);
}

static void mailbox(yard *y, base_vec3 foot, const plot *p)
{
    start(y, "Mailbox", foot, p);
    plot_box(y, p, 0, 0, foot.z + 0.58, (base_vec3){ 0.25, 0.24, 0.46 }, piece(y, MATERIAL_BLUE_PAINT));
    plot_box(y, p, 0, 0, foot.z + 1.08, (base_vec3){ 0.20, 0.24, 0.06 }, piece(y, MATERIAL_BLUE_PAINT));
    plot_box(y, p, 0, 0, foot.z + 0.05, (base_vec3){ 0.22, 0.20, 0.10 }, piece(y, MATERIAL_BLACK));
}

static void cabinet(yard *y, base_vec3 foot, const plot *p)
{
    start(y, "Cabinet", foot, p);
    plot_box(y, p, 0, 0, foot.z + 0.6, (base_vec3){ 0.22, 0.45, 0.65 }, piece(y, MATERIAL_CABINET));
    plot_box(y, p, 0, 0, foot.z + 1.27, (base_vec3){ 0.26, 0.49, 0.03 }, piece(y, MATERIAL_POLE));
}

static void planter(yard *y, base_random *d, base_vec3 foot, const plot *p)
{
    start(y, "Planter", foot, p);
    upright(y, foot, -0.1, 0.45, 0.32, 0.48, 8, piece(y, MATERIAL_KERB));
    yard_begin(y, "PlanterFlowers", SCENE_TAG_VEGETATION, TOWN_LAYER_FOLIAGE, foot, 0);
    scene_surface leaf = yard_known(y, MATERIAL_LEAF, SCENE_TAG_VEGETATION, SCENE_THIN | SCENE_DETAIL_FAR);
    upright(y, foot, 0.42, 0.62, 0.45, 0.22, 7, leaf);
    for (int k = 0; k < 5; k++) {
        double a = 1.2566 * k + yard_pick(d, -0.3, 0.3), r = yard_pick(d, 0.1, 0.36);
        base_pose at = { { foot.x + r * cos(a), foot.y + r * sin(a), foot.z + 0.60 }, { 0, 40.0 * k, 0 } };
        scene_mesh_box(
            y->mesh, &at, (base_vec3){ 0.06, 0.06, 0.05 }, false,
            yard_known(y, k & 1 ? MATERIAL_RED_PAINT : MATERIAL_YELLOW_PAINT, SCENE_TAG_VEGETATION, SCENE_THIN | SCENE_DETAIL));
    }
}

/* Glass back, roof, a bench and a sign; open towards the road. */
static void bus_stop(yard *y, base_vec3 foot, const plot *p)
{
    start(y, "BusStop", foot, p);
    scene_surface frame = yard_known(y, MATERIAL_POLE, SCENE_TAG_STATIC, 0),
                  glass = yard_known(y, MATERIAL_CAR_GLASS, SCENE_TAG_STATIC, 0);
    for (int side = -1; side <= 1; side += 2)
        for (int front = -1; front <= 1; front += 2)
            plot_box(y, p, 0.55 * front, 1.9 * side, foot.z + 1.2, (base_vec3){ 0.04, 0.04, 1.3 }, frame);
    plot_box(y, p, 0.05, 0, foot.z + 2.52, (base_vec3){ 0.85, 2.1, 0.06 }, frame);
    plot_box(y, p, -0.56, 0, foot.z + 1.35, (base_vec3){ 0.015, 1.85, 0.95 }, glass);
    plot_box(y, p, 0, -1.9, foot.z + 1.35, (base_vec3){ 0.5, 0.015, 0.95 },
             yard_known(y, MATERIAL_BANNER_A, SCENE_TAG_STATIC, 0));
    plot_box(y, p, -0.30, 0.2, foot.z + 0.46, (base_vec3){ 0.18, 1.2, 0.03 }, piece(y, MATERIAL_WOOD));
    for (int side = -1; side <= 1; side += 2)
        plot_box(y, p, -0.30, 0.2 + 0.9 * side, foot.z + 0.2, (base_vec3){ 0.05, 0.05, 0.25 }, piece(y, MATERIAL_BLACK));
}

static void bollard(yard *y, base_vec3 foot, const plot *p)
{
    start(y, "Bollard", foot, p);
    upright(y, foot, -0.1, 0.9, 0.07, 0.06, 7, piece(y, MATERIAL_BLACK));
}

/* ---- where */

/* Beside the kerb: thin things. */
static void kerbside(yard *y, base_random *d, const edge_point *e, double limit)
{
    double what = base_random_uniform(d);
    if (what > limit)
        return;
    double in = e->lane_m - 0.42;
    base_vec3 foot = { e->at.x - in * e->out_x, e->at.y - in * e->out_y, e->at.z };
    plot p = plot_at(foot, -e->out_x, -e->out_y, 0.12, 0.12);
    if (!plot_paved(y, &p, PAVED_WALK))
        return;
    plot_take(y, &p, 0.5);
    if (what < 0.35 * limit)
        hydrant(y, foot, &p);
    else
        bollard(y, foot, &p);
}

/* Beyond the outer edge, on the ground there. */
static void outside(yard *y, base_random *d, const edge_point *e, int road, int step)
{
    double what = base_random_uniform(d);
    bool stop = road % 3 == 0 && step % 8 == 2;
    double half_x = stop ? 0.9 : 0.35, half_y = stop ? 2.1 : what < 0.30 ? 0.9 : 0.5, off = half_x + 0.15;
    base_vec3 foot = { e->at.x + off * e->out_x, e->at.y + off * e->out_y, 0 };
    plot p = plot_at(foot, -e->out_x, -e->out_y, half_x, half_y);
    if (!plot_free(y, &p, 0.0))
        return;
    foot.z = fmax(scenery_ground_z(y->town, foot.x, foot.y), e->at.z - 0.2);
    plot_take(y, &p, 0.3);
    if (stop)
        bus_stop(y, foot, &p);
    else if (what < 0.30)
        bench(y, foot, &p);
    else if (what < 0.52)
        bin(y, foot, &p, what < 0.4);
    else if (what < 0.66)
        mailbox(y, foot, &p);
    else if (what < 0.80)
        cabinet(y, foot, &p);
    else
        planter(y, d, foot, &p);
}

static void visit_walk(yard *y, base_random *d, const edge_point *e, int road, int step, bool right)
{
    (void)right;
    if (!e->walk || e->deck)
        return;
    if (e->lane_m > 1.6)
        kerbside(y, d, e, 0.30);
    if (base_random_uniform(d) < 0.42)
        outside(y, d, e, road, step);
}

void yard_streets(yard *y)
{
    const road_map *map = y->town->map;
    road_map_info info = road_map_describe(map);
    for (int road = 0; road < info.roads; road++) {
        road_info r = road_map_road(map, road);
        if (r.junction >= 0)
            continue;
        for (int section = 0; section < r.sections; section++) {
            road_section_info s = road_map_section(map, road, section);
            for (int lane = s.lane_low; lane <= s.lane_high; lane++)
                if (lane && road_lane_type(map, road, section, lane) == ROAD_LANE_PARKING)
                    park_along(y, road, section, lane);
        }
    }
    yard_along_roads(y, "street", 13, visit_walk);
}
