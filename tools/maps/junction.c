/* Junctions: the roads inside, and the signs and lights at them. */
#include "tools/maps/junction.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Arms ---- */

double arm_s(arm a) { return a.at_end ? a.road->length : 0; }

static net_section *arm_section(arm a) { return &a.road->section[a.at_end ? a.road->sections - 1 : 0]; }

/* Lanes of this side have ids of this sign. */
static int arm_sign(arm a, bool in) { return in == a.at_end ? -1 : 1; }

double arm_travel(arm a, bool in)
{
    double h;
    net_at(a.road, arm_s(a), 0, NULL, NULL, &h);
    return net_wrap(h + (arm_sign(a, in) < 0 ? 0 : NET_PI));
}

double arm_right_t(arm a, bool in, double right_m) { return arm_sign(a, in) * right_m; }

arm_side arm_side_of(arm a, bool in)
{
    arm_side side = { 0 };
    net_section *sec = arm_section(a);
    int sign = arm_sign(a, in);
    for (int k = 1; net_lane_of(sec, sign * k); k++) {
        const char *type = net_lane_of(sec, sign * k)->type;
        double width = net_lane_width(a.road, sec, sign * k, arm_s(a));
        if (!strcmp(type, "driving")) {
            side.lane[side.driving++] = sign * k;
            side.driving_m += width;
        } else if (!strcmp(type, "sidewalk")) {
            side.sidewalk = sign * k;
            side.sidewalk_m = width;
        } else if (side.driving) {
            if (!strcmp(type, "biking")) {
                side.biking = sign * k;
                side.biking_m = width;
            }
            side.gap_m += width;
        }
        side.total_m += width;
    }
    return side;
}

/* ---- Ways through ---- */

static net_cubic widen(double s, double length, double from, double to) { return net_hermite(s, length, from, 0, to, 0); }

static net_lane *carry(net_road *r, const char *type, double from, double to, int before, int after, const char *mark)
{
    net_lane *l = net_add_lane(&r->section[0], -1, type, from, mark);
    l->width[0] = widen(0, r->length, from, to);
    l->before = before;
    l->after = after;
    return l;
}

static double lane_width(arm a, int id) { return net_lane_width(a.road, arm_section(a), id, arm_s(a)); }

/* The inner border of a lane at the junction: where it is and which way its traffic goes; how high, and how steep that way. */
static void border(arm a, bool in, int id, double *x, double *y, double *heading, double *z, double *grade)
{
    net_at(a.road, arm_s(a), net_inner_border(a.road, arm_section(a), id, arm_s(a)), x, y, NULL);
    *heading = arm_travel(a, in);
    *z = net_profile_at(&a.road->elevation, arm_s(a), grade);
    *grade *= arm_sign(a, in) < 0 ? 1 : -1;
}

net_road *junction_connect(net *n, net_junction *j, arm a, arm b, way w)
{
    arm_side from = arm_side_of(a, true), to = arm_side_of(b, false);
    double x0, y0, h0, z0, g0, x1, y1, h1, z1, g1;
    char name[48];
    if (w.from + w.count > from.driving || w.to + w.count > to.driving)
        net_fail("%s: a way for lanes that are not there", j->name);
    border(a, true, from.lane[w.from], &x0, &y0, &h0, &z0, &g0);
    border(b, false, to.lane[w.to], &x1, &y1, &h1, &z1, &g1);
    snprintf(name, sizeof name, "%.40s way", j->name);
    net_road *r = net_add_road(n, name, x0, y0, h0);
    r->junction = j->id;
    r->before = (net_end){ NET_ROAD, a.road->id, a.at_end };
    r->after = (net_end){ NET_ROAD, b.road->id, b.at_end };
    net_lay_to(r, x1, y1, h1, w.lead_m);
    if (z0 != 0 || g0 != 0 || z1 != 0 || g1 != 0)
        net_rise(r, z0, g0, z1, g1);
    net_add_mark(net_add_section(r, 0), 0, "none", "white", 0, "none");

    if (j->connections >= (int)(sizeof j->connection / sizeof *j->connection))
        net_fail("%s: too many connections", j->name);
    net_connection *c = &j->connection[j->connections++];
    *c = (net_connection){ .incoming = a.road->id, .connecting = r->id };
    for (int k = 0; k < w.count; k++) {
        int id = from.lane[w.from + k], after = to.lane[w.to + k];
        carry(r, "driving", lane_width(a, id), lane_width(b, after), id, after, k + 1 < w.count ? "broken" : "none");
        c->from[c->count] = id;
        c->to[c->count++] = -k - 1;
    }
    double gap0 = from.gap_m, gap1 = to.gap_m;
    if (w.biking && from.biking && to.biking) {
        carry(r, "biking", from.biking_m, to.biking_m, from.biking, to.biking, "none");
        gap0 -= from.biking_m, gap1 -= to.biking_m;
    }
    if (w.edge && (gap0 > 0 || gap1 > 0))
        carry(r, "shoulder", gap0, gap1, 0, 0, from.sidewalk || to.sidewalk ? "curb" : "none");
    if (w.edge && from.sidewalk && to.sidewalk)
        carry(r, "sidewalk", from.sidewalk_m, to.sidewalk_m, from.sidewalk, to.sidewalk, "none");
    return r;
}

/* ---- Signs and lights ---- */

#define SIGN_ASIDE_M 0.6 /* from the kerb */

void junction_sign(net *n, arm a, right_of_way rule)
{
    arm_side side = arm_side_of(a, true);
    double s = arm_s(a) + (a.at_end ? -0.3 : 0.3), t = arm_right_t(a, true, side.driving_m + side.gap_m + SIGN_ASIDE_M);
    int first = side.lane[0], last = side.lane[side.driving - 1];
    net_add_sign(n, a.road, rule == STOP ? "Stop" : "Yield", rule == STOP ? "206" : "205", -1, s, t, !a.at_end,
                 first < last ? first : last, first < last ? last : first);
}

static void refer(net_road *r, int id)
{
    int lanes = 0;
    for (int k = 1; net_lane_of(&r->section[0], -k) && !strcmp(net_lane_of(&r->section[0], -k)->type, "driving"); k++)
        lanes = k;
    if (r->signals == NET_SIGNS_MAX)
        net_fail("%s: too many signals", r->name);
    r->signal[r->signals++] = (net_signal){ .id = id, .reference = true, .s = 0.5, .from_lane = -lanes, .to_lane = -1 };
}

void junction_light(net *n, net_junction *j, arm a, net_road *where, double s, double t, int sequence)
{
    double heading;
    net_at(where, s, 0, NULL, NULL, &heading);
    int id = net_add_sign(n, where, "Light", "1000001", -1, s, t, false, 0, 0);
    net_signal *g = &where->signal[where->signals - 1];
    g->dynamic = true;
    g->h_offset = net_wrap(arm_travel(a, true) - heading);
    for (int i = 0; i < j->connections; i++)
        if (j->connection[i].incoming == a.road->id && n->road[j->connection[i].connecting]->before.at_end == a.at_end)
            refer(n->road[j->connection[i].connecting], id);
    if (n->controllers == (int)(sizeof n->controller / sizeof *n->controller) || j->controllers == 8)
        net_fail("%s: too many lights", j->name);
    n->controller[n->controllers++] = (net_controller){ n->next_id, sequence, id };
    j->controller[j->controllers++] = n->next_id++;
}

/* ---- Crossings ---- */

enum { RIGHT, AHEAD, LEFT, TURNS };

/* Which arm lies to the right of arm i, ahead of it, to its left; -1: none. */
static void find_turns(const crossing *c, int i, int turn[TURNS])
{
    double in = arm_travel(c->arm[i], true);
    turn[RIGHT] = turn[AHEAD] = turn[LEFT] = -1;
    for (int k = 0; k < c->arms; k++) {
        double by = net_wrap(arm_travel(c->arm[k], false) - in);
        if (k != i)
            turn[by < -NET_PI / 4 ? RIGHT : by > NET_PI / 4 ? LEFT : AHEAD] = k;
    }
}

static int least(int a, int b) { return a < b ? a : b; }

/* The light stands at the far right corner, on the way ahead; at a T's stem beside the way that passes in front of it. */
static void light_arm(net *n, net_junction *j, const crossing *c, int i, const int turn[TURNS], net_road *ways[4][TURNS])
{
    net_road *where = ways[i][AHEAD];
    arm_side side = arm_side_of(c->arm[i], true);
    if (where) {
        arm_side far = arm_side_of(c->arm[turn[AHEAD]], false);
        double width = 0;
        for (int k = 1; net_lane_of(&where->section[0], -k); k++)
            if (strcmp(net_lane_of(&where->section[0], -k)->type, "sidewalk") != 0)
                width += net_lane_width(where, &where->section[0], -k, where->length);
        junction_light(n, j, c->arm[i], where, where->length - 0.5, -fmax(width, far.driving_m + far.gap_m) - SIGN_ASIDE_M, i);
        return;
    }
    int passing[TURNS];
    find_turns(c, turn[RIGHT], passing);
    where = ways[turn[RIGHT]][AHEAD]; /* comes from the right, its right side is the far side */
    side = arm_side_of(c->arm[turn[RIGHT]], true);
    junction_light(n, j, c->arm[i], where, where->length / 2, -side.driving_m - side.gap_m - SIGN_ASIDE_M, i);
}

void junction_cross(net *n, const crossing *c)
{
    net_junction *j = net_add_junction(n, c->name);
    net_road *ways[4][TURNS] = { { NULL } };
    int turn[4][TURNS];
    for (int i = 0; i < c->arms; i++) {
        arm_side in = arm_side_of(c->arm[i], true);
        find_turns(c, i, turn[i]);
        for (int t = 0; t < TURNS; t++) {
            if (turn[i][t] < 0)
                continue;
            arm_side out = arm_side_of(c->arm[turn[i][t]], false);
            int count = t == AHEAD ? least(in.driving, out.driving) : 1;
            bool outermost = t == RIGHT || (t == AHEAD && turn[i][RIGHT] < 0);
            ways[i][t] = junction_connect(n, j, c->arm[i], c->arm[turn[i][t]],
                                          (way){ .from = t == RIGHT ? in.driving - 1 : 0,
                                                 .to = t == RIGHT ? out.driving - 1 : 0,
                                                 .count = count,
                                                 .lead_m = CROSSWALK_BAND_M,
                                                 .edge = outermost,
                                                 .biking = t == AHEAD && count == in.driving });
        }
        if (c->arm[i].at_end)
            c->arm[i].road->after = (net_end){ NET_JUNCTION, j->id, false };
        else
            c->arm[i].road->before = (net_end){ NET_JUNCTION, j->id, false };
    }
    for (int i = 0; i < c->arms; i++) {
        arm_side in = arm_side_of(c->arm[i], true), out = arm_side_of(c->arm[i], false);
        if (c->crosswalk
                [i]) { /* on a way that leaves the arm: from kerb to kerb, its place counted from that way's left border */
            net_road *r = ways[i][LEFT] ? ways[i][LEFT] : ways[i][AHEAD];
            double right = in.driving_m + in.gap_m, left = out.driving_m + out.gap_m;
            net_add_crosswalk(n, r, 2.6, (left - right) / 2, NET_PI / 2, (left + right) / 2, 1.5);
        }
        if (c->rule[i] == LIGHT)
            light_arm(n, j, c, i, turn[i], ways);
        else if (c->rule[i] != PRIORITY)
            junction_sign(n, c->arm[i], c->rule[i]);
    }
}
