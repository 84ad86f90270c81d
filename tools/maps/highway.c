/* The highway: two carriageways around a stadium, the outer one counter-clockwise, the inner one clockwise, a median between them.
 * In the middle of each long side a road crosses above, and ramps join it to both carriageways (a diamond):
 *
 *              ______off___T_out___on______            T_out, T_in  where ramps meet the crossing road
 *     >-------X-------------||-------------M------>    X, M         where they leave and join the carriageway
 *     <-------M-------------||-------------X------<
 *              ``````on````T_in````off`````
 *                           |  to the other side's
 *
 * A carriageway's reference line is the left edge of its lanes. At one interchange both carriageways are the same but for a turn
 * by 180 degrees about the crossing, and both interchanges are the same about the map's middle: all is laid out once, in the frame
 * of a carriageway that runs along +x with the crossing at x = 0. */
#include "tools/maps/highway.h"
#include "tools/maps/junction.h"
#include <math.h>
#include <stdio.h>

#define MIDDLE_M     260.0 /* from the map's middle to the median's */
#define MEDIAN_M     4.0   /* from its middle to the lanes */
#define LANE_M       3.6
#define INNER_M      0.75 /* shoulders: left, right, right of ramps */
#define OUTER_M      2.5
#define RAMP_OUTER_M 1.5
#define RAMP_LANE_M  4.0
/* Along x. Not in round numbers: where a step lands on a road's end to the micrometre, the official client's next_until_lane_end throws. */
#define GORE_M        209.71 /* where a ramp is on its own */
#define FORK_M        310.17 /* where it begins to leave */
#define BEND_M        371.39 /* where the straights end */
#define RAMP_ASIDE_M  14.7   /* of a ramp's left edge from the median's middle, at the gore */
#define TERMINAL_M    48.73  /* at the crossing road */
#define SETBACK_M     18.29  /* of the arms from where they cross */
#define BRIDGE_Z_M    7.0
#define VALLEY_Z_M    2.0  /* of the crossing road half-way between the interchanges */
#define BANK          0.04 /* slope across in the bends */
#define CROSS_LANE_M  3.5
#define CROSS_OUTER_M 1.0

typedef struct frame {
    double x, y, turn; /* of the crossing, and of the carriageway's direction there */
} frame;

static frame frame_of(int half, bool inner)
{
    double turn = half ? NET_PI : 0;
    return (frame){ MIDDLE_M * sin(turn), -MIDDLE_M * cos(turn), turn + (inner ? NET_PI : 0) };
}

static void place(frame f, double *x, double *y, double *heading)
{
    double c = cos(f.turn), s = sin(f.turn), px = *x, py = *y;
    *x = f.x + c * px - s * py;
    *y = f.y + s * px + c * py;
    *heading = net_wrap(*heading + f.turn);
}

static net_road *begin(net *n, frame f, const char *name, double x, double y, double heading)
{
    char numbered[48];
    snprintf(numbered, sizeof numbered, "%s %d", name, n->roads);
    place(f, &x, &y, &heading);
    return net_add_road(n, numbered, x, y, heading);
}

static void lay_to(net_road *r, frame f, double x, double y, double heading)
{
    place(f, &x, &y, &heading);
    net_lay_to(r, x, y, heading, 0);
}

/* ---- Lanes ---- */

static void limit(net *n, net_road *r, int kmh, double aside, int lanes)
{
    net_add_sign(n, r, "Speed limit", "274", kmh, 12.3, -aside, false, -lanes, -1);
}

static void one_way(net *n, net_road *r, int lanes, double lane_m, double outer_m, int kmh)
{
    net_section *sec = net_add_section(r, 0);
    net_add_mark(sec, 0, "solid", "yellow", 0.15, "none");
    net_add_lane(sec, 1, "shoulder", INNER_M, "none");
    for (int i = 0; i < lanes; i++)
        net_add_lane(sec, -1, "driving", lane_m, i + 1 < lanes ? "broken" : "solid");
    net_add_lane(sec, -1, "shoulder", outer_m, "none");
    r->type = lanes > 1 ? "motorway" : "rural";
    r->speed_kmh = kmh;
    limit(n, r, kmh, lanes * lane_m + outer_m + 1, lanes);
}

static void crossing_road(net *n, net_road *r)
{
    net_section *sec = net_add_section(r, 0);
    net_add_mark(sec, 0, "solid solid", "yellow", 0.12, "none");
    for (int sign = -1; sign <= 1; sign += 2) {
        net_add_lane(sec, sign, "driving", CROSS_LANE_M, "solid");
        net_add_lane(sec, sign, "shoulder", CROSS_OUTER_M, "none");
    }
    r->type = "rural";
    r->speed_kmh = 50;
    limit(n, r, 50, CROSS_LANE_M + CROSS_OUTER_M + 0.7, 1);
    net_add_sign(n, r, "Speed limit", "274", 50, r->length - 12.3, CROSS_LANE_M + CROSS_OUTER_M + 0.7, true, 1, 1);
}

/* ---- One carriageway at one interchange ---- */

typedef struct side {
    net_road *under, *off, *on;
    net_road *bend; /* to the other interchange */
} side;

static void bank_bend(net_road *r)
{
    double lean = r->piece[1].k0 > 0 ? -BANK : BANK, ramp = r->piece[0].length; /* inwards, grown along the straights */
    net_add_cubic(&r->superelevation, (net_cubic){ 0, 0, lean / ramp, 0, 0 });
    net_add_cubic(&r->superelevation, (net_cubic){ ramp, lean, 0, 0, 0 });
    net_add_cubic(&r->superelevation, (net_cubic){ r->length - ramp, lean, -lean / ramp, 0, 0 });
}

static side lay_side(net *n, int half, bool inner)
{
    frame f = frame_of(half, inner);
    side d;
    d.under = begin(n, f, "Highway", -GORE_M, -MEDIAN_M, 0);
    lay_to(d.under, f, GORE_M, -MEDIAN_M, 0);
    one_way(n, d.under, 2, LANE_M, OUTER_M, 100);

    d.off = begin(n, f, "Exit", -GORE_M, -RAMP_ASIDE_M, 0);
    lay_to(d.off, f, -SETBACK_M, -TERMINAL_M, 0);
    one_way(n, d.off, 1, RAMP_LANE_M, RAMP_OUTER_M, 60);
    net_rise(d.off, 0, 0, BRIDGE_Z_M, 0);
    d.on = begin(n, f, "Entrance", SETBACK_M, -TERMINAL_M, 0);
    lay_to(d.on, f, GORE_M, -RAMP_ASIDE_M, 0);
    one_way(n, d.on, 1, RAMP_LANE_M, RAMP_OUTER_M, 60);
    net_rise(d.on, BRIDGE_Z_M, 0, 0, 0);

    d.bend = begin(n, f, "Highway", FORK_M, -MEDIAN_M, 0);
    double radius = inner ? MIDDLE_M - MEDIAN_M : MIDDLE_M + MEDIAN_M, k = (inner ? -1 : 1) / radius;
    net_lay(d.bend, BEND_M - FORK_M, 0, 0);
    net_lay(d.bend, NET_PI * radius, k, k);
    net_lay(d.bend, BEND_M - FORK_M, 0, 0);
    one_way(n, d.bend, 2, LANE_M, OUTER_M, 100);
    bank_bend(d.bend);
    return d;
}

static void link(arm a, const net_junction *j)
{
    *(a.at_end ? &a.road->after : &a.road->before) = (net_end){ NET_JUNCTION, j->id, false };
}

/* The lanes that go on, with the left edge beside them, and the right shoulder where the ramp is far enough aside: at one end. */
static void go_on(net *n, net_junction *j, arm from, arm to, bool at_end)
{
    net_road *r = junction_connect(n, j, from, to, (way){ .count = 2 });
    r->section[0].marks = 0;
    net_add_mark(&r->section[0], 0, "solid", "yellow", 0.15, "none");
    net_lane *left = net_add_lane(&r->section[0], 1, "shoulder", INNER_M, "none");
    left->before = left->after = 1;
    net_lane *right = net_add_lane(&r->section[0], -1, "shoulder", 0, "none");
    double from_m = 0.6 * r->length, part = r->length - from_m;
    if (at_end) {
        right->width[0] = (net_cubic){ 0 };
        right->width[1] = net_hermite(from_m, part, 0, 0, OUTER_M, 0);
    } else {
        right->width[0] = net_hermite(0, part, OUTER_M, 0, 0, 0);
        right->width[1] = (net_cubic){ part, 0, 0, 0, 0 };
    }
    right->widths = 2;
    *(at_end ? &right->after : &right->before) = -3;
}

static void join_ramps(net *n, const side *d, net_road *bend_before)
{
    arm before = { bend_before, true }, under = { d->under, false }, off = { d->off, false };
    net_junction *fork = net_add_junction(n, "Exit");
    go_on(n, fork, before, under, true);
    junction_connect(n, fork, before, off, (way){ .from = 1, .count = 1, .edge = true });
    link(before, fork), link(under, fork), link(off, fork);

    arm end = { d->under, true }, on = { d->on, true }, after = { d->bend, false };
    net_junction *merge = net_add_junction(n, "Entrance");
    go_on(n, merge, end, after, false);
    junction_connect(n, merge, on, after, (way){ .to = 1, .count = 1, .edge = true });
    link(end, merge), link(on, merge), link(after, merge);
}

/* ---- Where ramps meet the crossing road ---- */

/* Every one of `from` leads on to every one of `to`, but not back into itself. */
static void meet(net *n, const char *name, const arm *arms, int count, arm off, arm on)
{
    net_junction *j = net_add_junction(n, name);
    for (int i = 0; i < count; i++) {
        junction_connect(n, j, off, arms[i], (way){ .count = 1, .edge = true });
        junction_connect(n, j, arms[i], on, (way){ .count = 1, .edge = true });
        for (int k = 0; k < count; k++)
            if (k != i)
                junction_connect(n, j, arms[i], arms[k], (way){ .count = 1 });
        link(arms[i], j);
    }
    junction_connect(n, j, off, on, (way){ .count = 1, .edge = count < 2 });
    link(off, j), link(on, j);
    junction_sign(n, off, STOP);
}

net *highway_ring(void)
{
    net *n = net_create("laneloop highway ring");
    side sides[2][2]; /* [interchange][outer, inner] */
    net_road *bridge[2];
    for (int half = 0; half < 2; half++)
        for (int inner = 0; inner < 2; inner++)
            sides[half][inner] = lay_side(n, half, inner);
    for (int half = 0; half < 2; half++) {
        frame f = frame_of(half, false);
        bridge[half] = begin(n, f, "Bridge", 0, -TERMINAL_M + SETBACK_M, NET_PI / 2);
        lay_to(bridge[half], f, 0, TERMINAL_M - SETBACK_M, NET_PI / 2);
        crossing_road(n, bridge[half]);
        net_rise(bridge[half], BRIDGE_Z_M, 0, BRIDGE_Z_M, 0);
    }
    frame f = frame_of(0, false);
    net_road *between = begin(n, f, "Crossing road", 0, TERMINAL_M + SETBACK_M, NET_PI / 2);
    lay_to(between, f, 0, 2 * MIDDLE_M - TERMINAL_M - SETBACK_M, NET_PI / 2);
    crossing_road(n, between);
    double part = between->length / 2;
    net_add_cubic(&between->elevation, net_hermite(0, part, BRIDGE_Z_M, 0, VALLEY_Z_M, 0));
    net_add_cubic(&between->elevation, net_hermite(part, part, VALLEY_Z_M, 0, BRIDGE_Z_M, 0));

    for (int half = 0; half < 2; half++) {
        side *outer = &sides[half][0], *inner = &sides[half][1];
        for (int k = 0; k < 2; k++) /* a carriageway comes from the other interchange */
            join_ramps(n, &sides[half][k], sides[1 - half][k].bend);
        meet(n, "Outer ramps", &(arm){ bridge[half], false }, 1, (arm){ outer->off, true }, (arm){ outer->on, false });
        meet(n, "Inner ramps", (arm[]){ { bridge[half], true }, { between, half == 1 } }, 2, (arm){ inner->off, true },
             (arm){ inner->on, false });
    }
    return n;
}
