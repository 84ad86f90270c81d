/* The maps that are one closed road. The legs were found by a random search for loops that keep clear of themselves (45 m; the
 * mountain 30 m, with the slopes between its arms as flat as can be), then kept by hand. */
#include "tools/maps/loops.h"
#include <math.h>
#include <stddef.h>
#include <stdio.h>

#define LINE_M   0.12
#define LEGS_MAX 20

typedef enum look { SAME_ROAD, STREET, COUNTRY, RURAL, VILLAGE, MOUNTAIN, LOOKS } look;

/* Roads of a loop look alike across: a lane each way, a paved shoulder, a sidewalk where it has a width. */
static const struct {
    const char *name, *type;
    double kmh, shoulder_m, sidewalk_m;
    const char *color, *solid; /* of the centre line where bends forbid overtaking */
    double solid_below_m;      /* bends tighter than this do */
    bool signs;                /* its speed limit stands at both ends */
} looks[LOOKS] = {
    [STREET] = { "Street", "town", 50, 0.75, 2.5, "white", "solid", 45, false },
    [COUNTRY] = { "Country road", "town", 50, 0.75, 0, "white", "solid", 45, false },
    [RURAL] = { "Country road", "rural", 60, 0.75, 0, "yellow", "solid solid", 105, true },
    [VILLAGE] = { "Village street", "town", 50, 0.75, 2.5, "white", "solid", 45, true },
    [MOUNTAIN] = { "Mountain road", "rural", 40, 0.5, 0, "yellow", "solid solid", 1000, true },
};

typedef struct leg {
    double straight_m, radius_m, angle_deg /* left positive */, clothoid_m; /* each of the two */
    look begins;                                                            /* a new road begins with this leg's straight */
    double climb_pct;                                                       /* half of it in hairpins */
} leg;

typedef struct loop {
    const char *name;
    double lane_m, bank /* slope across of a bend of 80 m and tighter, in the middle of the arc */;
    int legs, free_a, free_b; /* legs whose straights are solved for */
    leg leg[LEGS_MAX];
} loop;

#define HAIRPIN_M 25.0 /* bends tighter than this */

static const loop training = { "laneloop training loop",
                               3.5,
                               0,
                               16,
                               15,
                               14,
                               { { 70, 35, -30, 10, STREET, 0 },
                                 { 60, 60, 90, 20, SAME_ROAD, 0 },
                                 { 45, 25, 130, 15, COUNTRY, 0 },
                                 { 70, 35, -75, 20, SAME_ROAD, 0 },
                                 { 45, 22, 55, 15, STREET, 0 },
                                 { 30, 20, -65, 15, SAME_ROAD, 0 },
                                 { 55, 100, 45, 30, COUNTRY, 0 },
                                 { 95, 60, 85, 30, SAME_ROAD, 0 },
                                 { 100, 50, -30, 15, STREET, 0 },
                                 { 20, 30, 130, 10, SAME_ROAD, 0 },
                                 { 65, 150, -60, 30, COUNTRY, 0 },
                                 { 70, 150, -35, 30, SAME_ROAD, 0 },
                                 { 55, 22, 100, 15, STREET, 0 },
                                 { 80, 30, 50, 20, SAME_ROAD, 0 },
                                 { 70, 80, 85, 30, COUNTRY, 0 },
                                 { 90, 40, -115, 20, SAME_ROAD, 0 } } };
static const loop driving = { "laneloop driving loop",
                              3.5,
                              0,
                              12,
                              7,
                              0,
                              { { 85, 58, -100, 20, STREET, 0 },
                                { 35, 32, 115, 10, SAME_ROAD, 0 },
                                { 25, 45, 105, 20, COUNTRY, 0 },
                                { 65, 50, -80, 15, SAME_ROAD, 0 },
                                { 45, 45, 130, 15, STREET, 0 },
                                { 35, 40, -55, 10, SAME_ROAD, 0 },
                                { 25, 50, -30, 20, COUNTRY, 0 },
                                { 15, 32, 130, 15, SAME_ROAD, 0 },
                                { 50, 40, 70, 10, STREET, 0 },
                                { 25, 32, -80, 10, SAME_ROAD, 0 },
                                { 50, 45, 80, 10, COUNTRY, 0 },
                                { 70, 32, 75, 10, SAME_ROAD, 0 } } };
static const loop country = { "laneloop country loop",
                              3.25,
                              0.035,
                              16,
                              4,
                              11,
                              { { 90, 130, -40, 40, RURAL, 2 },
                                { 130, 60, 60, 30, SAME_ROAD, 4 },
                                { 90, 80, 35, 30, SAME_ROAD, -3 },
                                { 150, 110, -50, 40, RURAL, -4 },
                                { 110, 80, -70, 30, VILLAGE, 0.5 },
                                { 150, 100, 70, 40, RURAL, 5 },
                                { 120, 90, 90, 30, SAME_ROAD, 2 },
                                { 40, 60, 85, 40, RURAL, -4 },
                                { 70, 70, -90, 30, SAME_ROAD, -5 },
                                { 110, 70, 95, 30, RURAL, 3 },
                                { 170, 70, -35, 30, VILLAGE, 1 },
                                { 90, 150, 60, 40, SAME_ROAD, -1 },
                                { 160, 80, -85, 40, RURAL, 5 },
                                { 50, 80, 95, 30, SAME_ROAD, 2 },
                                { 90, 90, 35, 40, RURAL, -5 },
                                { 170, 80, 105, 30, SAME_ROAD, -3 } } };
static const loop mountain = { "laneloop mountain road",
                               3.0,
                               0.05,
                               17,
                               6,
                               12,
                               { { 120, 80, -25, 15, MOUNTAIN, 4 },
                                 { 50, 18, 175, 8, SAME_ROAD, 6 },
                                 { 80, 60, 20, 15, SAME_ROAD, 6 },
                                 { 80, 18, -170, 8, MOUNTAIN, 6 },
                                 { 80, 80, -25, 15, SAME_ROAD, 6 },
                                 { 80, 20, 170, 8, SAME_ROAD, 6 },
                                 { 120, 80, 25, 15, MOUNTAIN, 6 },
                                 { 50, 20, -170, 8, SAME_ROAD, 6 },
                                 { 100, 100, 20, 15, SAME_ROAD, 6 },
                                 { 80, 18, 180, 8, MOUNTAIN, 4 },
                                 { 90, 50, -80, 15, SAME_ROAD, 0 },
                                 { 70, 80, 70, 15, SAME_ROAD, -5 },
                                 { 80, 80, 55, 15, MOUNTAIN, -6 },
                                 { 110, 40, 60, 15, SAME_ROAD, -6 },
                                 { 50, 60, 65, 15, SAME_ROAD, -6 },
                                 { 110, 60, -60, 15, MOUNTAIN, -6 },
                                 { 90, 40, 50, 15, SAME_ROAD, -3 } } };

/* ---- Laying ---- */

static double bend_m(const leg *g) { return fabs(g->angle_deg) * NET_PI / 180 * g->radius_m + g->clothoid_m; }

static void lay_leg(net_road *r, const leg *g, double degrees)
{
    double k = (g->angle_deg > 0 ? 1 : -1) / g->radius_m;
    double arc = fabs(g->angle_deg) * NET_PI / 180 * g->radius_m - g->clothoid_m;
    r->heading = degrees * NET_PI / 180; /* exact at each leg: errors of angles do not add up */
    net_lay(r, g->straight_m, 0, 0);
    net_lay(r, g->clothoid_m, 0, k);
    net_lay(r, arc, k, k);
    net_lay(r, g->clothoid_m, k, 0);
}

/* Where the loop ends that begins at (0, 0). */
static void walk(const loop *l, double *x, double *y)
{
    net *scratch = net_create("");
    net_road *r = net_add_road(scratch, l->name, 0, 0, 0);
    double degrees = 0;
    for (int i = 0; i < l->legs; i++) {
        lay_leg(r, &l->leg[i], degrees);
        degrees += l->leg[i].angle_deg;
    }
    *x = r->x, *y = r->y;
    net_destroy(scratch);
}

/* Make the loop meet itself: the end moves along the heading of a free leg when its straight grows. */
static void close_loop(loop *l)
{
    double x, y, degrees = 0, ha = 0, hb = 0;
    for (int i = 0; i < l->legs; i++) {
        if (i == l->free_a)
            ha = degrees * NET_PI / 180;
        if (i == l->free_b)
            hb = degrees * NET_PI / 180;
        degrees += l->leg[i].angle_deg;
    }
    double det = cos(ha) * sin(hb) - cos(hb) * sin(ha);
    if (degrees != 360 || fabs(det) < 0.1)
        net_fail("the %s does not close: angles must add up to 360, free straights must cross", l->name);
    walk(l, &x, &y);
    double *a = &l->leg[l->free_a].straight_m, *b = &l->leg[l->free_b].straight_m;
    *a += (-x * sin(hb) + y * cos(hb)) / det;
    *b += (-y * cos(ha) + x * sin(ha)) / det;
    walk(l, &x, &y);
    if (hypot(x, y) > 1e-9 || *a < 5 || *b < 5)
        net_fail("the %s does not close: it ends at (%g, %g), free straights of %g and %g m", l->name, x, y, *a, *b);
}

/* ---- Heights and banks ---- */

typedef struct heights { /* knots at the start of each leg's straight and bend, and of the first again */
    double z[2 * LEGS_MAX + 1], slope[2 * LEGS_MAX + 1], length[2 * LEGS_MAX];
} heights;

static void find_heights(const loop *l, heights *h)
{
    double grade[2 * LEGS_MAX] = { 0 }, rise = 0, total = 0;
    int n = 2 * l->legs;
    for (int i = 0; i < n; i++) {
        const leg *g = &l->leg[i / 2];
        h->length[i] = i % 2 ? bend_m(g) : g->straight_m;
        grade[i] = g->climb_pct / 100 * (i % 2 && g->radius_m < HAIRPIN_M ? 0.5 : 1);
        rise += grade[i] * h->length[i];
        total += h->length[i];
    }
    double low = h->z[0] = 0;
    for (int i = 0; i < n; i++) {
        grade[i] -= rise / total;
        h->z[i + 1] = h->z[i] + grade[i] * h->length[i];
        low = fmin(low, h->z[i + 1]);
    }
    h->z[n] = h->z[0];
    for (int i = 0; i <= n; i++) {
        int a = (i + n - 1) % n, b = i % n;
        h->slope[i] = (grade[a] * h->length[b] + grade[b] * h->length[a]) / (h->length[a] + h->length[b]);
        h->z[i] -= low;
    }
}

static void raise_road(net_road *r, const heights *h, int first_leg, int end_leg)
{
    double s = 0;
    for (int i = 2 * first_leg; i < 2 * end_leg; i++) {
        net_add_cubic(&r->elevation, net_hermite(s, h->length[i], h->z[i], h->slope[i], h->z[i + 1], h->slope[i + 1]));
        s += h->length[i];
    }
}

/* Bends lean inwards, growing along the clothoid: with superelevation above zero the left side is the higher one. */
static void bank_road(net_road *r, double bank)
{
    double s = 0;
    for (int i = 0; i < r->pieces; i++) {
        const net_piece *p = &r->piece[i];
        double k[2] = { p->k0, p->k1 }, lean[2];
        for (int j = 0; j < 2; j++) /* in wide bends less; the bend's own radius is that of its tighter end */
            lean[j] =
                -bank * fmin(fabs(k[j]) * 80, fabs(k[j]) / fmax(1e-9, fmax(fabs(p->k0), fabs(p->k1)))) * (k[j] > 0 ? 1 : -1);
        net_add_cubic(&r->superelevation, (net_cubic){ s, lean[0], (lean[1] - lean[0]) / p->length, 0, 0 });
        s += p->length;
    }
}

/* ---- Lanes, marks and signs ---- */

static void stripe(const loop *l, net_road *r, look k)
{
    net_section *sec = net_add_section(r, 0);
    for (int sign = -1; sign <= 1; sign += 2) {
        bool walk_there = looks[k].sidewalk_m > 0;
        net_add_lane(sec, sign, "driving", l->lane_m, "solid");
        net_add_lane(sec, sign, "shoulder", looks[k].shoulder_m, walk_there ? "curb" : "none");
        if (walk_there)
            net_add_lane(sec, sign, "sidewalk", looks[k].sidewalk_m, "none");
    }
    double s = 0;
    int solid = -1;
    for (int i = 0; i < r->pieces; i++) {
        const net_piece *p = &r->piece[i];
        double bend = fmax(fabs(p->k0), fabs(p->k1));
        int want = bend > 0 && 1 / bend < looks[k].solid_below_m;
        if (want != solid)
            net_add_mark(sec, s, want ? looks[k].solid : "broken", looks[k].color, LINE_M, want ? "none" : "both");
        solid = want;
        s += p->length;
    }
}

#define SIGN_IN_M 4.0 /* from the road's end */

static void put_signs(net *n, const loop *l, net_road *r, look k)
{
    double aside = l->lane_m + looks[k].shoulder_m, foot = aside + (looks[k].sidewalk_m > 0 ? 0.6 : 1.2);
    int kmh = (int)looks[k].kmh;
    if (!looks[k].signs)
        return;
    net_add_sign(n, r, "Speed limit", "274", kmh, SIGN_IN_M, -foot, false, -1, -1);
    net_add_sign(n, r, "Speed limit", "274", kmh, r->length - SIGN_IN_M, foot, true, 1, 1);
    if (k == VILLAGE)
        for (int i = 1; i <= 2; i++)
            net_add_crosswalk(n, r, r->length * i / 3, 0, NET_PI / 2, aside, 1.5);
}

static net *build(const loop *plan)
{
    loop l = *plan;
    heights h;
    close_loop(&l);
    find_heights(&l, &h);
    net *n = net_create(l.name);
    double x = 0, y = 0, degrees = 0;
    for (int first = 0, end; first < l.legs; first = end) {
        look k = l.leg[first].begins;
        char name[48];
        snprintf(name, sizeof name, "%s %d", looks[k].name, n->roads);
        net_road *r = net_add_road(n, name, x, y, degrees * NET_PI / 180);
        r->type = looks[k].type;
        r->speed_kmh = looks[k].kmh;
        for (end = first; end < l.legs && (end == first || l.leg[end].begins == SAME_ROAD); end++) {
            lay_leg(r, &l.leg[end], degrees);
            degrees += l.leg[end].angle_deg;
        }
        x = r->x, y = r->y;
        stripe(&l, r, k);
        put_signs(n, &l, r, k);
        if (l.leg[0].climb_pct != 0)
            raise_road(r, &h, first, end);
        if (l.bank > 0)
            bank_road(r, l.bank);
    }
    for (int i = 0; i < n->roads; i++)
        net_join(n->road[i], n->road[(i + 1) % n->roads]);
    return n;
}

net *loops_training(void) { return build(&training); }
net *loops_driving(void) { return build(&driving); }
net *loops_country(void) { return build(&country); }
net *loops_mountain(void) { return build(&mountain); }
