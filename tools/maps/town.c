/* The town grid. Streets run along four lines each way; the outermost make a ring with round corners, whose inner side the others
 * end at:
 *
 *     +---Y---S---+     A  avenue: two lanes and a bike lane each way          L  lights
 *     |   A   |   |        (column 1, row 1)                                   S  stop, Y  yield, for what ends or crosses there
 *     S---S---O---S     -, |  elsewhere: streets with parking lanes;           O  roundabout
 *     |   A   |   |           on the ring one lane and a bike lane each way
 *     L-A-L-A-L-A-Y     +  a bend
 *     |   A   |   |
 *     +---L---S---+
 */
#include "tools/maps/town.h"
#include "tools/maps/junction.h"
#include <math.h>
#include <stdio.h>

enum { LINES = 4 };
/* Not in round numbers: where a step lands on a road's end to the micrometre, the official client's next_until_lane_end throws. */
static const double line_x[LINES] = { -190.37, -65.13, 64.71, 189.26 }, line_y[LINES] = { -169.31, -60.17, 59.58, 170.23 };

typedef enum kind { AVENUE, STREET, RING } kind;
static const struct {
    const char *name;
    int lanes;
    double lane_m, bike_m, parking_m, gutter_m, sidewalk_m;
    int kmh;
} kinds[] = {
    [AVENUE] = { "Avenue", 2, 3.25, 1.6, 0, 0.4, 3.0, 50 },
    [STREET] = { "Street", 1, 3.5, 0, 2.2, 0.4, 2.5, 30 },
    [RING] = { "Ring", 1, 3.5, 1.6, 0, 0.4, 2.5, 50 },
};
#define PLAIN_M        12.3 /* no parking so near to a junction */
#define TAPER_M        6.0
#define CORNER_BEND_M  25.0 /* the ring's, on its centre line */
#define ROUND_INNER_M  16.0 /* radius of the roundabout's inner edge */
#define ROUND_LANE_M   5.0
#define ROUND_APRON_M  1.5
#define ROUND_ARM_M    34.0 /* from its middle to the ends of its arms */
#define ROUND_HALF_DEG 35.0 /* its ring is part of an arm's junction so far to both sides */

static kind row_kind(int j) { return j == 1 ? AVENUE : j == 2 ? STREET : RING; }
static kind column_kind(int i) { return i == 1 ? AVENUE : i == 2 ? STREET : RING; }
static bool is_round(int i, int j) { return i == 2 && j == 2; }

static double half_width(kind k) { return kinds[k].lanes * kinds[k].lane_m + kinds[k].bike_m + kinds[k].gutter_m; }

/* How far before a node a street ends whose crossing street is of kind `other`. */
static double setback(int i, int j, kind other)
{
    return is_round(i, j) ? ROUND_ARM_M : half_width(other) + CORNER_M + CROSSWALK_BAND_M;
}

static void lay_lanes(net_section *sec, kind k, double parking_length)
{
    for (int sign = -1; sign <= 1; sign += 2) {
        for (int i = 0; i < kinds[k].lanes; i++)
            net_add_lane(sec, sign, "driving", kinds[k].lane_m, i + 1 < kinds[k].lanes ? "broken" : "solid");
        if (kinds[k].bike_m > 0)
            net_add_lane(sec, sign, "biking", kinds[k].bike_m, "none");
        if (parking_length > 0) {
            net_lane *l = net_add_lane(sec, sign, "parking", 0, "none");
            l->width[0] = net_hermite(0, TAPER_M, 0, 0, kinds[k].parking_m, 0);
            l->width[1] = (net_cubic){ TAPER_M, kinds[k].parking_m, 0, 0, 0 };
            l->width[2] = net_hermite(parking_length - TAPER_M, TAPER_M, kinds[k].parking_m, 0, 0, 0);
            l->widths = 3;
        }
        net_add_lane(sec, sign, "shoulder", kinds[k].gutter_m, "curb");
        net_add_lane(sec, sign, "sidewalk", kinds[k].sidewalk_m, "none");
    }
}

/* Sections, marks and signs of a street whose line is laid. */
static void dress(net *n, net_road *r, kind k)
{
    static const char *const color = "yellow";
    bool parking = kinds[k].parking_m > 0 && r->length > 2 * PLAIN_M + 4 * TAPER_M;
    double plain = r->length - PLAIN_M;
    net_section *sec = net_add_section(r, 0);
    lay_lanes(sec, k, 0);
    if (k == AVENUE) {
        net_add_mark(sec, 0, "solid solid", color, 0.12, "none");
    } else {
        net_add_mark(sec, 0, "solid", color, 0.12, "none");
        if (parking) {
            sec = net_add_section(r, PLAIN_M);
            lay_lanes(sec, k, plain - PLAIN_M);
        }
        net_add_mark(sec, PLAIN_M - sec->s, "broken", color, 0.12, "both");
        if (parking) {
            sec = net_add_section(r, plain);
            lay_lanes(sec, k, 0);
        }
        net_add_mark(sec, plain - sec->s, "solid", color, 0.12, "none");
    }
    net_link_sections(r);
    double foot = half_width(k) + 0.6;
    int lanes = kinds[k].lanes;
    net_add_sign(n, r, "Speed limit", "274", kinds[k].kmh, PLAIN_M - 2, -foot, false, -lanes, -1);
    net_add_sign(n, r, "Speed limit", "274", kinds[k].kmh, r->length - PLAIN_M + 2, foot, true, 1, lanes);
    r->type = "town";
    r->speed_kmh = kinds[k].kmh;
}

static net_road *street(net *n, kind k, double x0, double y0, double h0, double x1, double y1, double h1)
{
    char name[48];
    snprintf(name, sizeof name, "%s %d", kinds[k].name, n->roads);
    net_road *r = net_add_road(n, name, x0, y0, h0);
    double c = cos(h0), s = sin(h0), along = fabs(c * (x1 - x0) + s * (y1 - y0)), aside = fabs(c * (y1 - y0) - s * (x1 - x0));
    net_lay_to(r, x1, y1, h1, fmin(along, aside) - CORNER_BEND_M); /* all but the last bend is straight */
    dress(n, r, k);
    return r;
}

/* ---- Roundabout ---- */

typedef struct town {
    net *n;
    arm arms[LINES][LINES][4]; /* of each node, in the order east, north, west, south */
    bool has[LINES][LINES][4];
} town;

static void ring_lanes(net_section *sec)
{
    net_add_mark(sec, 0, "none", "white", 0, "none");
    net_add_lane(sec, 1, "border", ROUND_APRON_M, "curb");
    net_add_lane(sec, -1, "driving", ROUND_LANE_M, "none");
    net_add_lane(sec, -1, "shoulder", kinds[STREET].gutter_m, "curb");
    net_add_lane(sec, -1, "sidewalk", kinds[STREET].sidewalk_m, "none");
}

/* The ring between two arms. */
static net_road *ring_piece(net *n, double x, double y, double from_deg, double to_deg)
{
    double a = from_deg * NET_PI / 180, turn = (to_deg - from_deg) * NET_PI / 180;
    net_road *r = net_add_road(n, "Roundabout", x + ROUND_INNER_M * cos(a), y + ROUND_INNER_M * sin(a), a + NET_PI / 2);
    net_lay(r, turn * ROUND_INNER_M, 1 / ROUND_INNER_M, 1 / ROUND_INNER_M);
    ring_lanes(net_add_section(r, 0));
    r->type = "town";
    r->speed_kmh = kinds[STREET].kmh;
    return r;
}

/* Each arm has a junction of its own with the ring, which goes round counter-clockwise and has priority. */
static void roundabout(town *t, int i, int j)
{
    net_road *piece[4];
    for (int k = 0; k < 4; k++) /* from arm k to the next one */
        piece[k] = ring_piece(t->n, line_x[i], line_y[j], 90 * k + ROUND_HALF_DEG, 90 * (k + 1) - ROUND_HALF_DEG);
    for (int k = 0; k < 4; k++) {
        arm before = { piece[(k + 3) % 4], true }, after = { piece[k], false }, street = t->arms[i][j][k];
        net_junction *junction = net_add_junction(t->n, "Roundabout");
        net_road *round = junction_connect(t->n, junction, before, after, (way){ .count = 1 });
        net_lane *apron = net_add_lane(&round->section[0], 1, "border", ROUND_APRON_M, "curb");
        apron->before = apron->after = 1;
        junction_connect(t->n, junction, before, street, (way){ .count = 1, .edge = true });
        net_road *entry = junction_connect(t->n, junction, street, after, (way){ .count = 1, .edge = true });
        before.road->after = after.road->before = (net_end){ NET_JUNCTION, junction->id, false };
        *(street.at_end ? &street.road->after : &street.road->before) = (net_end){ NET_JUNCTION, junction->id, false };
        junction_sign(t->n, street, YIELD);
        net_add_crosswalk(t->n, entry, 2.2, 0, NET_PI / 2, half_width(STREET), 1.5);
    }
}

/* ---- The grid ---- */

enum { EAST, NORTH, WEST, SOUTH };

static void put_arm(town *t, int i, int j, int side, net_road *r, bool at_end)
{
    t->arms[i][j][side] = (arm){ r, at_end };
    t->has[i][j][side] = true;
}

static void lay_streets(town *t)
{
    const double east = 0, north = NET_PI / 2;
    for (int j = 0; j < LINES; j++)
        for (int i = 0; i + 1 < LINES; i++) {
            if ((j == 0 || j == LINES - 1) && (i == 0 || i + 2 == LINES))
                continue; /* part of a corner */
            net_road *r = street(t->n, row_kind(j), line_x[i] + setback(i, j, column_kind(i)), line_y[j], east,
                                 line_x[i + 1] - setback(i + 1, j, column_kind(i + 1)), line_y[j], east);
            put_arm(t, i, j, EAST, r, false);
            put_arm(t, i + 1, j, WEST, r, true);
        }
    for (int i = 0; i < LINES; i++)
        for (int j = 0; j + 1 < LINES; j++) {
            if ((i == 0 || i == LINES - 1) && (j == 0 || j + 2 == LINES))
                continue;
            net_road *r = street(t->n, column_kind(i), line_x[i], line_y[j] + setback(i, j, row_kind(j)), north, line_x[i],
                                 line_y[j + 1] - setback(i, j + 1, row_kind(j + 1)), north);
            put_arm(t, i, j, NORTH, r, false);
            put_arm(t, i, j + 1, SOUTH, r, true);
        }
    for (int right = 0; right < 2; right++) /* corners: from the row's inner node round to the column's */
        for (int top = 0; top < 2; top++) {
            int i = right ? LINES - 1 : 0, j = top ? LINES - 1 : 0, row_i = right ? i - 1 : 1, column_j = top ? j - 1 : 1;
            net_road *r =
                street(t->n, RING, line_x[row_i] + (right ? 1 : -1) * setback(row_i, j, column_kind(row_i)), line_y[j],
                       right ? east : NET_PI, line_x[i],
                       line_y[column_j] + (top ? 1 : -1) * setback(i, column_j, row_kind(column_j)), top ? -north : north);
            put_arm(t, row_i, j, right ? EAST : WEST, r, false);
            put_arm(t, i, column_j, top ? NORTH : SOUTH, r, true);
        }
}

/* Who has to give way at a node, and how. */
static right_of_way rule_at(int i, int j, int side)
{
    bool row = side == EAST || side == WEST;
    bool border_row = j == 0 || j == LINES - 1, border_column = i == 0 || i == LINES - 1;
    if ((i == 1 && j == 1) || (i == 2 && j == 1) || (i == 1 && j == 0) || (i == 0 && j == 1))
        return LIGHT;
    if (border_row || border_column) { /* what ends at the ring gives way to it */
        bool stem = border_row ? !row : row;
        bool yields = (i == 1 && j == LINES - 1) || (i == LINES - 1 && j == 1);
        return !stem ? PRIORITY : yields ? YIELD : STOP;
    }
    return row ? STOP : PRIORITY; /* the street across the avenue */
}

static void cross(town *t, int i, int j)
{
    crossing c = { .name = "" };
    char name[48];
    snprintf(name, sizeof name, "Crossing %d-%d", i, j);
    c.name = name;
    for (int side = 0; side < 4; side++) {
        if (!t->has[i][j][side])
            continue;
        c.arm[c.arms] = t->arms[i][j][side];
        c.rule[c.arms] = rule_at(i, j, side);
        c.crosswalk[c.arms++] = true;
    }
    junction_cross(t->n, &c);
}

net *town_grid(void)
{
    town t = { .n = net_create("laneloop town grid") };
    lay_streets(&t);
    for (int j = 0; j < LINES; j++)
        for (int i = 0; i < LINES; i++) {
            bool corner = (i == 0 || i == LINES - 1) && (j == 0 || j == LINES - 1);
            if (is_round(i, j))
                roundabout(&t, i, j);
            else if (!corner)
                cross(&t, i, j);
        }
    return t.n;
}
