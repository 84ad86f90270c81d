/* What is left of a radio signal on its way between two vehicles, as CARLA 0.9.16 models it (PathLossModel.cpp, after ETSI TR 103 257-1):
 *
 *   free sight       winner: 32.4 + 20 lg d + 20 lg f on highways, 38.77 + 16.7 lg d + 18.2 lg f elsewhere (d metres, f GHz)
 *                    geometric: two rays, the second one mirrored by the ground (relative permittivity 1.02)
 *   past vehicles    the same (geometric: 20 lg d + 20 lg (4 pi / lambda)) and the worst knife edge, whose height is the vehicle's
 *   past scenery     winner: 36.85 + 30 lg d + 18.9 lg f; geometric: free space up to d_ref, then 10 exponent lg (d / d_ref)
 *
 * and on top of it shadow fading, normal in dB. The receiver's attributes decide all but the sender's power. */
#include "sim/town/sense.h"

#define LIGHT_MPS    299792458.0
#define PERMITTIVITY 1.02 /* of the ground, relative */
#define GAP_M        1e-3 /* behind a hit, where the ray goes on */

static double wavelength_m(const town_radio *r) { return LIGHT_MPS / (r->frequency_ghz * 1e9); }

static double two_rays_db(const town_radio *r, double distance_m, double from_m, double to_m)
{
    double ground = sqrt(fmax(0, distance_m * distance_m - (from_m - to_m) * (from_m - to_m)));
    double mirrored = sqrt(distance_m * distance_m + 4 * from_m * to_m);
    double sine = (from_m + to_m) / mirrored, cosine = ground / mirrored, root = sqrt(PERMITTIVITY - cosine * cosine);
    double gamma = (sine - root) / (sine + root), phase = 2 * BASE_PI / wavelength_m(r) * (distance_m - mirrored);
    double real = 1 + gamma * cos(phase), imaginary = gamma * sin(phase);
    return 20 * log10(4 * BASE_PI * fmax(ground, 0.1) / wavelength_m(r) / sqrt(real * real + imaginary * imaginary));
}

static double knife_edge_db(const town_radio *r, double before_m, double behind_m, double height_m)
{
    double d1 = fmax(before_m, 0.1), d2 = fmax(behind_m, 0.1);
    double v = height_m * sqrt(2 * (d1 + d2) / (wavelength_m(r) * d1 * d2));
    return v >= -0.78 ? 6.9 + 20 * log10(sqrt((v - 0.1) * (v - 0.1) + 1) + v - 0.1) : 0;
}

double town_radio_loss_db(const town_radio *r, const town_radio_way *way)
{
    double d = fmax(way->distance_m, 0.1), lg = log10(d), f = log10(r->frequency_ghz);
    if (way->state == TOWN_RADIO_SCENERY)
        return r->geometric
                   ? 20 * log10(4 * BASE_PI * r->reference_m / wavelength_m(r)) + 10 * r->exponent * log10(d / r->reference_m)
                   : 36.85 + 30 * lg + 18.9 * f;
    double edge = way->state == TOWN_RADIO_VEHICLES ? way->edge_db : 0;
    if (!r->geometric)
        return (r->scenario == TOWN_RADIO_HIGHWAY ? 32.4 + 20 * lg + 20 * f : 38.77 + 16.7 * lg + 18.2 * f) + edge;
    if (way->state == TOWN_RADIO_VEHICLES)
        return 20 * lg + 20 * log10(4 * BASE_PI / wavelength_m(r)) + edge;
    return two_rays_db(r, d, way->from_m, way->to_m);
}

double town_radio_fading_db(const town_radio *r, town_radio_state state)
{
    static const double etsi[3][3] = { /* free, vehicles, scenery; by scenario */
                                       [TOWN_RADIO_HIGHWAY] = { 3.3, 3.8, 6.8 },
                                       [TOWN_RADIO_RURAL] = { 4.25, 4.55, 6.8 },
                                       [TOWN_RADIO_URBAN] = { 5.2, 5.3, 6.8 }
    };
    return r->etsi_fading ? etsi[r->scenario][state] : r->fading_db;
}

/* Two actors talk: what lies between their antennas, neither of them counted. */
town_radio_way town_radio_between(const town_world *w, const town_radio *r, const scene_rays *rays, uint32_t from_id,
                                  base_vec3 from, uint32_t to_id, base_vec3 to, double ground_m)
{
    base_vec3 along = base_vec3_sub(to, from);
    double length = base_vec3_length(along), gone = 0;
    town_radio_way way = { TOWN_RADIO_FREE, length, from.z - ground_m, to.z - ground_m, 0 };
    while (gone < length) {
        scene_hit hit;
        base_vec3 start = base_vec3_add(from, base_vec3_scale(along, gone / length));
        if (!scene_rays_hit(rays, start, along, length - gone, &hit))
            break;
        gone += hit.distance_m + GAP_M;
        const town_actor *a = hit.dynamic >= 0 ? town_actor_find(w, hit.instance) : NULL;
        if (a && (a->id == from_id || a->id == to_id))
            continue;
        if (!a || a->kind != TOWN_VEHICLE) {
            way.state = TOWN_RADIO_SCENERY;
            break;
        }
        base_vec3 place = a->pose.location;
        double top_m = place.z + a->box.center.z + a->box.extent.z + TOWN_ANTENNA_M - ground_m;
        double edge = knife_edge_db(r, hypot(place.x - from.x, place.y - from.y), hypot(to.x - place.x, to.y - place.y), top_m);
        way.state = TOWN_RADIO_VEHICLES;
        way.edge_db = fmax(way.edge_db, edge);
    }
    return way;
}
