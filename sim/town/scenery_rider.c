/* sim/town/scenery_rider.c — people: walkers in all phases of their stride, and those who ride motorcycles and bicycles.
 *
 * A walker has the proportions and the gait of the skeleton in bones.c, so that what a client reads from the bones is what the camera sees:
 * thighs swing, knees bend while a leg is lifted, arms swing against the legs. */
#include "sim/town/scenery_sketch.h"

typedef struct looks {
    scenery_material top, trousers, hair, skin;
} looks;

static const looks people[SCENERY_PEOPLE] = {
    { MATERIAL_CLOTH, MATERIAL_TROUSERS, MATERIAL_HAIR, MATERIAL_SKIN },
    { MATERIAL_CLOTH, MATERIAL_JEANS, MATERIAL_HAIR_FAIR, MATERIAL_SKIN },
    { MATERIAL_CLOTH, MATERIAL_BEIGE, MATERIAL_HAIR, MATERIAL_SKIN_DARK },
};

static void limb(sketch *k, base_vec3 a, base_vec3 b, double ra, double rb, int sides, scenery_material m)
{
    scene_mesh_tube(&k->mesh, a, b, ra, rb, sides, false, sketch_with(k, m));
}

/* Trunk of ellipses from hips to neck, along the line from `low` to `high`; sizes in `unit`. */
static void trunk(sketch *k, base_vec3 low, base_vec3 high, double unit, int around, scenery_material m)
{
    static const struct {
        double at, deep, wide;
    } ring[] = { { -0.10, 0.030, 0.050 }, { -0.06, 0.064, 0.088 }, { 0.10, 0.066, 0.094 }, { 0.34, 0.058, 0.083 },
                 { 0.66, 0.068, 0.104 },  { 0.86, 0.058, 0.116 },  { 0.97, 0.040, 0.072 }, { 1.05, 0.024, 0.030 } };
    enum { RINGS = sizeof ring / sizeof *ring };
    base_vec3 along = base_vec3_sub(high, low), side = { 0, 1, 0 };
    double length = base_vec3_length(along);
    base_vec3 front = base_vec3_scale(base_vec3_cross(side, along), 1 / length); /* x for an upright trunk */
    uint32_t first = k->mesh.vertex_count;
    for (int j = 0; j < RINGS; j++)
        for (int i = 0; i <= around; i++) {
            double a = 2 * BASE_PI * i / around;
            base_vec3 out = base_vec3_add(base_vec3_scale(front, unit * ring[j].deep * cos(a)),
                                          base_vec3_scale(side, unit * ring[j].wide * sin(a)));
            base_vec3 p = base_vec3_add(base_vec3_add(low, base_vec3_scale(along, ring[j].at)), out);
            base_vec3 n =
                base_vec3_add(base_vec3_scale(front, cos(a) / ring[j].deep), base_vec3_scale(side, sin(a) / ring[j].wide));
            if (j >= 5) /* shoulders look up */
                n = base_vec3_add(n, base_vec3_scale(along, 14 / length));
            scene_mesh_vertex(&k->mesh, p, n, a * 0.1, ring[j].at * length, j == 0 ? 0.6 : 1);
        }
    for (int j = 0; j + 1 < RINGS; j++)
        for (int i = 0; i < around; i++) {
            uint32_t v = first + (uint32_t)(j * (around + 1) + i), w = v + (uint32_t)around + 1;
            scene_mesh_triangle(&k->mesh, v, w, w + 1, sketch_with(k, m));
            scene_mesh_triangle(&k->mesh, v, w + 1, v + 1, sketch_with(k, m));
        }
}

static void head(sketch *k, base_vec3 neck, base_vec3 centre, double unit, const looks *l, bool long_hair)
{
    limb(k, neck, centre, 0.030 * unit, 0.030 * unit, 7, l->skin);
    sketch_sphere(k, centre, (base_vec3){ 0.052 * unit, 0.042 * unit, 0.066 * unit }, 9, 7, l->skin);
    base_vec3 cap = { centre.x - 0.013 * unit, centre.y, centre.z + 0.018 * unit };
    sketch_sphere(k, cap, (base_vec3){ 0.050 * unit, 0.046 * unit, 0.055 * unit }, 9, 6, l->hair);
    if (long_hair)
        sketch_sphere(k, (base_vec3){ centre.x - 0.034 * unit, centre.y, centre.z - 0.03 * unit },
                      (base_vec3){ 0.026 * unit, 0.044 * unit, 0.075 * unit }, 7, 5, l->hair);
}

/* Swings forward by pitch (radians, positive forward) from straight down. */
static base_vec3 hang(base_vec3 from, double length, double pitch)
{
    return (base_vec3){ from.x + length * sin(pitch), from.y, from.z - length * cos(pitch) };
}

void sketch_walker(sketch *k, double phase, int variant)
{
    const looks *l = &people[variant];
    double turn = 2 * BASE_PI * phase, swing = BASE_RAD(26), dip = 0.012 * (1 - cos(2 * turn));
    for (int side = -1; side <= 1; side += 2) {
        double forward = sin(turn + (side > 0 ? BASE_PI : 0)), lift = fmax(0, cos(turn + (side > 0 ? BASE_PI : 0)));
        double thigh = swing * forward, knee = -BASE_RAD(6 + 48 * lift), foot = 0.5 * (thigh + knee);
        base_vec3 hip = { 0, side * 0.052, 0.51 - dip }, bend = hang(hip, 0.245, thigh),
                  ankle = hang(bend, 0.225, thigh + knee);
        limb(k, hip, bend, 0.060, 0.043, 8, l->trousers);
        sketch_sphere(k, bend, (base_vec3){ 0.043, 0.043, 0.043 }, 6, 4, l->trousers);
        limb(k, bend, ankle, 0.042, 0.030, 8, l->trousers);
        base_vec3 toe = { ankle.x + 0.10 * cos(foot), ankle.y + 0.012 * side, ankle.z - 0.022 + 0.10 * sin(foot) };
        base_vec3 heel = { ankle.x - 0.028, ankle.y, ankle.z - 0.016 };
        scene_mesh_tube(&k->mesh, heel, toe, 0.032, 0.020, 7, true, sketch_with(k, MATERIAL_BLACK));
        base_vec3 shoulder = { 0.0, side * 0.118, 0.79 - dip }, elbow = hang(shoulder, 0.165, -0.8 * swing * forward);
        base_vec3 hand = hang(elbow, 0.150, -0.8 * swing * forward + BASE_RAD(15));
        elbow.y += side * 0.014;
        hand.y += side * 0.020;
        sketch_sphere(k, shoulder, (base_vec3){ 0.040, 0.036, 0.036 }, 7, 5, l->top);
        limb(k, shoulder, elbow, 0.037, 0.030, 7, l->top);
        limb(k, elbow, hand, 0.029, 0.022, 7, l->top);
        sketch_sphere(k, (base_vec3){ hand.x + 0.006, hand.y, hand.z - 0.022 }, (base_vec3){ 0.020, 0.014, 0.034 }, 6, 4,
                      l->skin);
    }
    trunk(k, (base_vec3){ 0, 0, 0.50 - dip }, (base_vec3){ 0, 0, 0.83 - dip }, 1, 10, l->top);
    head(k, (base_vec3){ 0, 0, 0.83 - dip }, (base_vec3){ 0.012, 0, 0.925 - dip }, 1, l, variant == 1);
    if (variant == 2)
        sketch_box(k, (base_vec3){ -0.095, 0, 0.68 - dip }, (base_vec3){ 0.042, 0.075, 0.105 }, MATERIAL_BLACK);
}

/* ---- riders: in metres, brought to the box's measure at the end ---- */

static void fit(sketch *k, double half_length, double height)
{
    for (uint32_t i = 0; i < k->mesh.vertex_count; i++) {
        k->mesh.vertices[i].position[0] *= (float)(1 / half_length);
        k->mesh.vertices[i].position[2] *= (float)(1 / height);
    }
}

typedef struct posture {
    base_vec3 hips, shoulders, head, knee[2], foot[2], elbow,
        hand; /* left of pairs; the right side mirrors y of elbow and hand */
} posture;

static void rider(sketch *k, const posture *p, bool helmet, scenery_material trousers)
{
    static const looks l = { MATERIAL_CLOTH, MATERIAL_JEANS, MATERIAL_HAIR, MATERIAL_SKIN };
    const double unit = 1.75; /* metres tall */
    uint8_t vehicle = k->tag;
    k->tag = SCENE_TAG_RIDER;
    for (int i = 0; i < 2; i++) {
        double side = i ? 1 : -1;
        base_vec3 hip = { p->hips.x, side * 0.10, p->hips.z - 0.02 };
        limb(k, hip, p->knee[i], 0.095, 0.070, 8, trousers);
        sketch_sphere(k, p->knee[i], (base_vec3){ 0.070, 0.070, 0.070 }, 7, 5, trousers);
        limb(k, p->knee[i], p->foot[i], 0.068, 0.048, 8, trousers);
        scene_mesh_tube(&k->mesh, (base_vec3){ p->foot[i].x - 0.06, p->foot[i].y, p->foot[i].z - 0.03 },
                        (base_vec3){ p->foot[i].x + 0.17, p->foot[i].y, p->foot[i].z - 0.05 }, 0.05, 0.035, 7, true,
                        sketch_with(k, MATERIAL_BLACK));
        base_vec3 shoulder = { p->shoulders.x, side * 0.20, p->shoulders.z - 0.05 };
        base_vec3 elbow = { p->elbow.x, side * p->elbow.y, p->elbow.z }, hand = { p->hand.x, side * p->hand.y, p->hand.z };
        sketch_sphere(k, shoulder, (base_vec3){ 0.068, 0.062, 0.062 }, 7, 5, l.top);
        limb(k, shoulder, elbow, 0.060, 0.048, 7, l.top);
        limb(k, elbow, hand, 0.046, 0.036, 7, l.top);
        sketch_sphere(k, hand, (base_vec3){ 0.05, 0.04, 0.04 }, 6, 4, helmet ? MATERIAL_BLACK : l.skin);
    }
    trunk(k, p->hips, p->shoulders, unit, 10, l.top);
    if (helmet) {
        limb(k, p->shoulders, p->head, 0.055, 0.055, 7, MATERIAL_BLACK);
        sketch_sphere(k, p->head, (base_vec3){ 0.150, 0.120, 0.140 }, 10, 8, MATERIAL_CAR_PAINT);
        sketch_sphere(k, (base_vec3){ p->head.x + 0.045, 0, p->head.z + 0.005 }, (base_vec3){ 0.112, 0.108, 0.060 }, 10, 6,
                      MATERIAL_CAR_GLASS);
    } else {
        head(k, p->shoulders, p->head, unit, &l, false);
    }
    k->tag = vehicle;
}

static void rod(sketch *k, base_vec3 a, base_vec3 b, double r, scenery_material m)
{
    scene_mesh_tube(&k->mesh, a, b, r, r, 5, false, sketch_with(k, m));
}

void sketch_bicycle(sketch *k)
{
    const base_vec3 rear = { -0.50, 0, 0.33 }, front = { 0.50, 0, 0.33 }, crank = { -0.06, 0, 0.29 }, seat = { -0.22, 0, 0.80 },
                    low = { 0.39, 0, 0.66 }, high = { 0.35, 0, 0.82 }, stem = { 0.32, 0, 0.99 };
    const scenery_material paint = MATERIAL_CAR_PAINT;
    rod(k, crank, seat, 0.020, paint);
    rod(k, low, crank, 0.024, paint);
    rod(k, high, (base_vec3){ -0.20, 0, 0.72 }, 0.020, paint);
    rod(k, low, high, 0.022, paint);
    rod(k, high, stem, 0.016, MATERIAL_RIM);
    for (int side = -1; side <= 1; side += 2) {
        double y = 0.05 * side;
        rod(k, (base_vec3){ low.x, 0.02 * side, low.z }, (base_vec3){ front.x, y, front.z }, 0.014, paint);
        rod(k, (base_vec3){ crank.x, 0.02 * side, crank.z }, (base_vec3){ rear.x, y, rear.z }, 0.012, paint);
        rod(k, (base_vec3){ -0.19, 0.02 * side, 0.68 }, (base_vec3){ rear.x, y, rear.z }, 0.011, paint);
        double turn = side > 0 ? 0.6 : 0.6 + BASE_PI;
        base_vec3 pedal = { crank.x + 0.17 * cos(turn), 0.10 * side, crank.z + 0.17 * sin(turn) };
        rod(k, (base_vec3){ crank.x, 0.06 * side, crank.z }, pedal, 0.012, MATERIAL_RIM);
        sketch_box(k, pedal, (base_vec3){ 0.05, 0.04, 0.012 }, MATERIAL_BLACK);
        rod(k, stem, (base_vec3){ 0.27, 0.29 * side, 1.00 }, 0.014, MATERIAL_BLACK);
    }
    sketch_box(k, (base_vec3){ -0.25, 0, 0.84 }, (base_vec3){ 0.13, 0.06, 0.03 }, MATERIAL_BLACK);
    scene_mesh_tube(&k->mesh, (base_vec3){ crank.x, -0.03, crank.z }, (base_vec3){ crank.x, 0.03, crank.z }, 0.09, 0.09, 10,
                    true, sketch_with(k, MATERIAL_POLE));
    sketch_box(k, (base_vec3){ 0.42, 0, 0.88 }, (base_vec3){ 0.03, 0.03, 0.03 }, MATERIAL_HEADLIGHT);
    sketch_box(k, (base_vec3){ -0.30, 0, 0.72 }, (base_vec3){ 0.015, 0.03, 0.03 }, MATERIAL_TAILLIGHT);
    const posture p = { .hips = { -0.24, 0, 0.95 },
                        .shoulders = { 0.04, 0, 1.42 },
                        .head = { 0.13, 0, 1.60 },
                        .knee = { { 0.12, -0.13, 0.66 }, { 0.20, 0.13, 0.84 } },
                        .foot = { { -0.20, -0.13, 0.27 }, { 0.05, 0.13, 0.46 } },
                        .elbow = { 0.13, 0.30, 1.16 },
                        .hand = { 0.27, 0.28, 1.03 } };
    rider(k, &p, false, MATERIAL_JEANS);
    fit(k, 0.83, 1.72);
}

void sketch_motorcycle(sketch *k)
{
    const base_vec3 rear = { -0.70, 0, 0.32 };
    sketch_sphere(k, (base_vec3){ 0.02, 0, 0.45 }, (base_vec3){ 0.26, 0.16, 0.20 }, 10, 7, MATERIAL_POLE);
    sketch_sphere(k, (base_vec3){ 0.18, 0, 0.80 }, (base_vec3){ 0.28, 0.16, 0.14 }, 10, 7, MATERIAL_CAR_PAINT);
    sketch_sphere(k, (base_vec3){ -0.34, 0, 0.78 }, (base_vec3){ 0.36, 0.14, 0.08 }, 10, 6, MATERIAL_BLACK);
    sketch_sphere(k, (base_vec3){ -0.70, 0, 0.84 }, (base_vec3){ 0.24, 0.10, 0.07 }, 9, 6, MATERIAL_CAR_PAINT);
    sketch_sphere(k, (base_vec3){ 0.56, 0, 0.90 }, (base_vec3){ 0.17, 0.15, 0.20 }, 10, 7, MATERIAL_CAR_PAINT);
    sketch_sphere(k, (base_vec3){ 0.30, 0, 0.52 }, (base_vec3){ 0.26, 0.17, 0.17 }, 10, 7, MATERIAL_CAR_PAINT);
    sketch_sphere(k, (base_vec3){ 0.70, 0, 0.66 }, (base_vec3){ 0.24, 0.07, 0.05 }, 8, 5, MATERIAL_CAR_PAINT); /* mudguard */
    for (int side = -1; side <= 1; side += 2) {
        rod(k, (base_vec3){ 0.46, 0.09 * side, 0.98 }, (base_vec3){ 0.71, 0.09 * side, 0.32 }, 0.028, MATERIAL_RIM);
        rod(k, (base_vec3){ -0.05, 0.10 * side, 0.36 }, (base_vec3){ rear.x, 0.10 * side, rear.z }, 0.030, MATERIAL_BLACK);
        rod(k, (base_vec3){ 0.44, 0, 1.00 }, (base_vec3){ 0.38, 0.34 * side, 1.02 }, 0.018, MATERIAL_BLACK);
        sketch_box(k, (base_vec3){ 0.46, 0.30 * side, 1.14 }, (base_vec3){ 0.015, 0.06, 0.035 }, MATERIAL_BLACK); /* mirror */
    }
    scene_mesh_tube(&k->mesh, (base_vec3){ -0.05, 0.17, 0.30 }, (base_vec3){ -0.82, 0.18, 0.46 }, 0.045, 0.065, 8, true,
                    sketch_with(k, MATERIAL_RIM));
    sketch_box(k, (base_vec3){ 0.715, 0, 0.90 }, (base_vec3){ 0.02, 0.09, 0.06 }, MATERIAL_HEADLIGHT);
    sketch_box(k, (base_vec3){ -0.93, 0, 0.84 }, (base_vec3){ 0.015, 0.07, 0.03 }, MATERIAL_TAILLIGHT);
    sketch_box(k, (base_vec3){ -0.90, 0, 0.68 }, (base_vec3){ 0.01, 0.09, 0.06 }, MATERIAL_WHITE);
    const posture p = { .hips = { -0.30, 0, 0.92 },
                        .shoulders = { 0.06, 0, 1.32 },
                        .head = { 0.17, 0, 1.47 },
                        .knee = { { 0.14, -0.24, 0.74 }, { 0.14, 0.24, 0.74 } },
                        .foot = { { -0.14, -0.22, 0.36 }, { -0.14, 0.22, 0.36 } },
                        .elbow = { 0.16, 0.38, 1.10 },
                        .hand = { 0.36, 0.33, 1.03 } };
    rider(k, &p, true, MATERIAL_TROUSERS);
    fit(k, 1.02, 1.61);
}

void sketch_spoked_wheel(sketch *k)
{
    enum { SIDES = 18 };
    uint8_t flags = k->flags;
    k->flags = SCENE_TWO_SIDED;
    for (int ring = 0; ring < 2; ring++) { /* tyre, then the thinner rim within it */
        double outer = ring ? 0.90 : 1, inner = ring ? 0.85 : 0.90, half = ring ? 0.5 : 1;
        scene_surface s = sketch_with(k, ring ? MATERIAL_RIM : MATERIAL_TYRE);
        for (int i = 0; i < SIDES; i++) {
            double a = 2 * BASE_PI * i / SIDES, b = 2 * BASE_PI * (i + 1) / SIDES;
            base_vec3 p[2] = { { cos(a), 0, sin(a) }, { cos(b), 0, sin(b) } };
            for (int side = -1; side <= 1; side += 2)
                scene_mesh_quad(&k->mesh, (base_vec3){ outer * p[0].x, 0, outer * p[0].z },
                                (base_vec3){ outer * p[1].x, 0, outer * p[1].z },
                                (base_vec3){ inner * p[1].x, side * half, inner * p[1].z },
                                (base_vec3){ inner * p[0].x, side * half, inner * p[0].z }, 0, 0, s);
        }
    }
    k->flags = SCENE_TWO_SIDED | SCENE_DETAIL;
    for (int i = 0; i < 9; i++) {
        double a = 2 * BASE_PI * i / 9, w = 0.012;
        scene_mesh_quad(&k->mesh, (base_vec3){ -w * sin(a), 0, w * cos(a) },
                        (base_vec3){ 0.87 * cos(a) - w * sin(a), 0, 0.87 * sin(a) + w * cos(a) },
                        (base_vec3){ 0.87 * cos(a) + w * sin(a), 0, 0.87 * sin(a) - w * cos(a) },
                        (base_vec3){ w * sin(a), 0, -w * cos(a) }, 0, 0, sketch_with(k, MATERIAL_RIM));
    }
    k->flags = flags;
}
