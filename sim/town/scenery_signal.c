/* Traffic lights on poles and masts, and signs with their plates, where the map has signals. */
#include "sim/town/scenery_yard.h"
#include <stdio.h>

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

void yard_signal(yard *y, int index)
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
