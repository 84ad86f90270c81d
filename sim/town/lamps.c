/* Lamps that light their surroundings: street lights that are on, and the lamps of vehicles by CARLA's light flags. How bright: a street
 * light of CARLA's usual intensity gives the ground below about a tenth of a noon's light, a low beam as much to a wall 30 m ahead. */
#include "sim/render/render.h"
#include "sim/town/internal.h"
#include <string.h>

enum { /* CARLA's VehicleLightState */
       POSITION = 1,
       LOW_BEAM = 2,
       HIGH_BEAM = 4,
       BRAKE = 8,
       REVERSE = 64,
       FOG = 128
};
enum { PER_VEHICLE = 4 };

void town_lamps_glow(uint32_t lights, float *glow)
{
    glow[SCENE_GLOW_FRONT] = lights & HIGH_BEAM ? 5 : lights & LOW_BEAM ? 3 : lights & POSITION ? 0.7f : 0;
    glow[SCENE_GLOW_REAR] = lights & BRAKE ? 3 : lights & (POSITION | LOW_BEAM | HIGH_BEAM) ? 0.9f : 0;
}

static render_lamp street_lamp(const town_street_light *l)
{
    double strength = 7 * fmin(20, (double)l->intensity / 1000);
    render_lamp lamp = {
        .location = l->location, .range_m = 30, .soft_m = 1, .direction = { 0, 0, -1 }, .cos_inner = 0.55f, .cos_outer = 0.05f
    };
    for (int k = 0; k < 3; k++)
        lamp.rgb[k] = (float)(scene_linear_from_srgb(l->color[k] / 255.0) * strength);
    return lamp;
}

/* A pair of lamps is one, in the middle between them: from a few metres on nobody sees the difference. */
static render_lamp pair(const town_actor *a, base_vec3 one, base_vec3 other, const float rgb[3], float range_m)
{
    base_pose between = { base_vec3_scale(base_vec3_add(one, other), 0.5), { 0, 0, 0 } };
    render_lamp lamp = { .location = base_pose_compose(&a->pose, &between).location, .range_m = range_m };
    memcpy(lamp.rgb, rgb, sizeof lamp.rgb);
    return lamp;
}

static void aim(render_lamp *lamp, const town_actor *a, double yaw_deg, double pitch_deg, float cos_inner, float cos_outer)
{
    base_pose body = { { 0, 0, 0 }, a->pose.rotation }, turn = { { 0, 0, 0 }, { pitch_deg, yaw_deg, 0 } },
              ahead = { { 1, 0, 0 }, { 0, 0, 0 } };
    base_pose beam = base_pose_compose(&body, &turn);
    base_vec3 d = base_pose_compose(&beam, &ahead).location;
    lamp->direction[0] = (float)d.x;
    lamp->direction[1] = (float)d.y;
    lamp->direction[2] = (float)d.z;
    lamp->cos_inner = cos_inner;
    lamp->cos_outer = cos_outer;
}

static int vehicle_lamps(const town_actor *a, render_lamp *lamps)
{
    static const float low[3] = { 150, 140, 120 }, high[3] = { 420, 400, 360 }, fog[3] = { 30, 29, 25 },
                       tail[3] = { 0.5f, 0.02f, 0.02f }, brake[3] = { 1.8f, 0.06f, 0.05f }, white[3] = { 3, 2.9f, 2.7f };
    uint32_t on = a->vehicle_lights;
    base_vec3 at[4];
    int places = town_scenery_lamps(a->type_id, a->box.extent, at), n = 0;
    base_vec3 *rear = places == 4 ? at + 2 : at + 1, front2 = places == 4 ? at[1] : at[0], rear2 = places == 4 ? at[3] : at[1];
    if (on & (LOW_BEAM | HIGH_BEAM | FOG)) {
        bool is_high = on & HIGH_BEAM, is_low = on & LOW_BEAM;
        lamps[n] = pair(a, at[0], front2, is_high ? high : is_low ? low : fog, is_high ? 90 : is_low ? 55 : 20);
        lamps[n].soft_m = 12;
        aim(&lamps[n++], a, 0, is_high ? -1 : -3, is_high ? 0.985f : 0.96f, is_high ? 0.90f : 0.80f);
    }
    if (on & (POSITION | LOW_BEAM | HIGH_BEAM | BRAKE)) {
        lamps[n] = pair(a, rear[0], rear2, on & BRAKE ? brake : tail, on & BRAKE ? 9 : 6);
        aim(&lamps[n++], a, 180, 0, 0.6f, 0);
    }
    if (on & REVERSE) {
        lamps[n] = pair(a, rear[0], rear2, white, 12);
        aim(&lamps[n++], a, 180, -5, 0.7f, 0.1f);
    }
    return n;
}

int town_lamps_most(const town_world *w) { return town_street_light_count(w) + PER_VEHICLE * w->actor_count; }

int town_lamps_list(const town_world *w, render_lamp *lamps)
{
    int n = 0;
    for (int i = 0; i < town_street_light_count(w); i++) {
        town_street_light l = town_street_light_at(w, i);
        if (l.is_on && l.intensity > 0)
            lamps[n++] = street_lamp(&l);
    }
    for (int i = 0; i < w->actor_count; i++)
        if (w->actors[i]->kind == TOWN_VEHICLE && w->actors[i]->vehicle_lights)
            n += vehicle_lamps(w->actors[i], lamps + n);
    return n;
}
