/* sim/town/scenery_yard.c — what the builders of standing things share. */
#include "sim/town/scenery_yard.h"

void yard_begin(yard *y, const char *kind, uint8_t tag, uint16_t layer, base_vec3 foot, double yaw_deg)
{
    y->instance = scenery_object_begin(y->town, kind, NULL, tag, layer, (base_pose){ foot, { 0, yaw_deg, 0 } });
}

/* ---- room on the raster */

base_vec3 plot_point(const plot *p, double x, double y, double z)
{
    return (base_vec3){ p->x + x * p->cos_yaw - y * p->sin_yaw, p->y + x * p->sin_yaw + y * p->cos_yaw, z };
}

typedef bool (*cell_judge)(const scenery_raster *r, int at, double x, double y, double wanted);

static bool all_of(const yard *y, const plot *p, cell_judge judge, double wanted)
{
    const scenery_raster *r = &y->town->raster;
    double step = fmax(0.75, r->cell_m);
    int nx = (int)ceil(p->half_x / step), ny = (int)ceil(p->half_y / step);
    for (int j = -ny; j <= ny; j++)
        for (int i = -nx; i <= nx; i++) {
            base_vec3 q = plot_point(p, p->half_x * i / (nx ? nx : 1), p->half_y * j / (ny ? ny : 1), 0);
            if (!judge(r, scenery_cell(r, q.x, q.y), q.x, q.y, wanted))
                return false;
        }
    return true;
}

static bool is_off(const scenery_raster *r, int at, double x, double y, double clearance)
{
    return at >= 0 ? !r->taken[at] && r->outside_m[at] >= clearance : scenery_outside_m(r, x, y) >= clearance;
}

static bool is_kind(const scenery_raster *r, int at, double x, double y, double kind)
{
    (void)x, (void)y;
    return at >= 0 && !r->taken[at] && r->kind[at] == (int)kind;
}

bool plot_free(const yard *y, const plot *p, double clearance) { return all_of(y, p, is_off, clearance); }

bool plot_paved(const yard *y, const plot *p, scenery_paved kind) { return all_of(y, p, is_kind, kind); }

void plot_take(yard *y, const plot *p, double margin)
{
    scenery_raster *r = &y->town->raster;
    double step = 0.7 * r->cell_m;
    for (double v = -p->half_y - margin; v <= p->half_y + margin; v += step)
        for (double u = -p->half_x - margin; u <= p->half_x + margin; u += step) {
            base_vec3 q = plot_point(p, u, v, 0);
            int at = scenery_cell(r, q.x, q.y);
            if (at >= 0)
                r->taken[at] = 1;
        }
}

void plot_box(yard *y, const plot *p, double x, double v, double z, base_vec3 extent, scene_surface s)
{
    base_pose at = { plot_point(p, x, v, z), { 0, BASE_DEG(atan2(p->sin_yaw, p->cos_yaw)), 0 } };
    scene_mesh_box(y->mesh, &at, extent, false, s);
}

/* ---- walking along roads */

bool yard_edge(const road_map *map, int road, double s, bool right, edge_point *e)
{
    int section = road_find_section(map, road, s);
    road_section_info info = road_map_section(map, road, section);
    int lane = right ? info.lane_low : info.lane_high;
    if (lane == 0)
        lane = right ? info.lane_high : info.lane_low;
    if (lane == 0)
        return false;
    base_vec3 inner, outer, far_inner, far_outer;
    road_lane_borders(map, road, section, lane, s, &inner, &outer);
    int other = right ? info.lane_high : info.lane_low;
    if (other == 0)
        other = lane;
    road_lane_borders(map, road, section, other, s, &far_inner, &far_outer);
    bool own_side = right ? lane < 0 : lane > 0;
    e->at = own_side ? outer : inner;
    base_vec3 opposite = other == lane ? (own_side ? inner : outer) : far_outer;
    double dx = e->at.x - opposite.x, dy = e->at.y - opposite.y, length = sqrt(dx * dx + dy * dy);
    if (length < 0.5)
        return false;
    e->deck = false;
    e->out_x = dx / length;
    e->out_y = dy / length;
    e->lane_type = road_lane_type(map, road, section, lane);
    e->lane_m = road_lane_width(map, road, section, lane, s);
    e->walk = e->lane_type == ROAD_LANE_SIDEWALK;
    e->limit_mps = road_map_road(map, road).speed_mps;
    if (e->walk)
        e->at.z += 0.15;
    return true;
}

void yard_along_roads(yard *y, const char *purpose, double step_m, yard_visitor visit)
{
    const road_map *map = y->town->map;
    road_map_info info = road_map_describe(map);
    for (int road = 0; road < info.roads; road++) {
        road_info r = road_map_road(map, road);
        if (r.junction >= 0 || r.length_m < 4)
            continue;
        int steps = (int)(r.length_m / step_m);
        for (int k = 0; k < steps; k++)
            for (int right = 0; right < 2; right++) {
                edge_point e;
                base_random d = base_random_start(y->town->seed, purpose, (uint64_t)road, (uint64_t)k * 2 + (uint64_t)right);
                if (!yard_edge(map, road, (k + 0.5) * r.length_m / steps, right, &e))
                    continue;
                e.deck = scenery_is_deck(y->town, e.at.x - 0.3 * e.out_x, e.at.y - 0.3 * e.out_y, e.at.z);
                visit(y, &d, &e, road, k, right);
            }
    }
}
