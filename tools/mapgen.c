/* mapgen — writes the two OpenDRIVE maps of this project: a training loop and a driving loop.
 *
 *     mapgen training > configs/maps/training_loop.xodr
 *     mapgen driving  > configs/maps/driving_loop.xodr
 *
 * A loop is a list of legs: a straight, then a bend of clothoid, arc, clothoid. Headings close because the angles add up to
 * 360 degrees; the position closes because two straights, named per loop, are solved for (the end point is linear in
 * them). Both maps are flat, two lanes of 3.5 m in opposite directions, solid white edge lines, a white centre line
 * (broken; solid through tight bends), a paved shoulder, and sidewalks along the roads called streets. Coordinates are
 * printed to 1e-10 m, so that the text is the same wherever libm is good to the last few bits. */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define PI            3.14159265358979323846
#define LANE_M        3.5
#define SHOULDER_M    0.75
#define SIDEWALK_M    2.5
#define LINE_M        0.12
#define SOLID_BELOW_M 45.0 /* bends tighter than this forbid overtaking: solid centre line */
#define LEGS_MAX      32
#define PIECES_MAX    (4 * LEGS_MAX)

typedef struct leg {
    double straight_m, radius_m, angle_deg /* left positive */, clothoid_m; /* each of the two */
    enum { SAME_ROAD, STREET, COUNTRY } begins;                             /* a new road begins with this leg's straight */
} leg;

typedef struct loop {
    const char *key, *name;
    int legs, free_a, free_b; /* legs whose straights are solved for */
    leg leg[LEGS_MAX];
} loop;

/* Found by a random search for loops that keep 45 m clear of themselves, then kept by hand. */
static const loop loops[] = {
    { "training",
      "laneloop training loop",
      16,
      15,
      14,
      { { 70, 35, -30, 10, STREET },
        { 60, 60, 90, 20, SAME_ROAD },
        { 45, 25, 130, 15, COUNTRY },
        { 70, 35, -75, 20, SAME_ROAD },
        { 45, 22, 55, 15, STREET },
        { 30, 20, -65, 15, SAME_ROAD },
        { 55, 100, 45, 30, COUNTRY },
        { 95, 60, 85, 30, SAME_ROAD },
        { 100, 50, -30, 15, STREET },
        { 20, 30, 130, 10, SAME_ROAD },
        { 65, 150, -60, 30, COUNTRY },
        { 70, 150, -35, 30, SAME_ROAD },
        { 55, 22, 100, 15, STREET },
        { 80, 30, 50, 20, SAME_ROAD },
        { 70, 80, 85, 30, COUNTRY },
        { 90, 40, -115, 20, SAME_ROAD } } },
    { "driving",
      "laneloop driving loop",
      12,
      7,
      0,
      { { 85, 58, -100, 20, STREET },
        { 35, 32, 115, 10, SAME_ROAD },
        { 25, 45, 105, 20, COUNTRY },
        { 65, 50, -80, 15, SAME_ROAD },
        { 45, 45, 130, 15, STREET },
        { 35, 40, -55, 10, SAME_ROAD },
        { 25, 50, -30, 20, COUNTRY },
        { 15, 32, 130, 15, SAME_ROAD },
        { 50, 40, 70, 10, STREET },
        { 25, 32, -80, 10, SAME_ROAD },
        { 50, 45, 80, 10, COUNTRY },
        { 70, 32, 75, 10, SAME_ROAD } } },
};

/* One geometry record; curvature runs linearly from k0 to k1. */
typedef struct piece {
    double x, y, heading, length, k0, k1;
    int leg;
} piece;

/* End of a piece, by 64 Gauss-Legendre panels of 3 points: exact to rounding for every bend above. */
static void advance(const piece *p, double *x, double *y, double *heading)
{
    static const double at[3] = { -0.7745966692414834, 0, 0.7745966692414834 }, weight[3] = { 5.0 / 9, 8.0 / 9, 5.0 / 9 };
    double kd = p->length > 0 ? (p->k1 - p->k0) / p->length : 0, half = p->length / 128, dx = 0, dy = 0;
    for (int i = 0; i < 64; i++)
        for (int j = 0; j < 3; j++) {
            double s = half * (2 * i + 1 + at[j]), a = p->heading + p->k0 * s + kd * s * s / 2;
            dx += weight[j] * cos(a);
            dy += weight[j] * sin(a);
        }
    *x = p->x + half * dx;
    *y = p->y + half * dy;
    *heading = p->heading + (p->k0 + p->k1) / 2 * p->length;
}

/* Lay all pieces one after another from (0, 0); returns their count and the end point. */
static int lay(const loop *l, piece *out, double *end_x, double *end_y)
{
    double x = 0, y = 0, h = 0, degrees = 0;
    int count = 0;
    for (int i = 0; i < l->legs; i++) {
        const leg *g = &l->leg[i];
        double k = (g->angle_deg > 0 ? 1 : -1) / g->radius_m, arc = fabs(g->angle_deg) * PI / 180 * g->radius_m - g->clothoid_m;
        double part[4][3] = { { g->straight_m, 0, 0 }, { g->clothoid_m, 0, k }, { arc, k, k }, { g->clothoid_m, k, 0 } };
        h = degrees * PI / 180; /* exact at each leg: errors of angles do not add up */
        for (int j = 0; j < 4; j++) {
            out[count] = (piece){ x, y, h, part[j][0], part[j][1], part[j][2], i };
            advance(&out[count++], &x, &y, &h);
        }
        degrees += g->angle_deg;
    }
    *end_x = x;
    *end_y = y;
    return count;
}

/* Make the loop meet itself: the end moves along the heading of a free leg when its straight grows. */
static bool close_loop(loop *l)
{
    piece pieces[PIECES_MAX];
    double x, y, total = 0;
    lay(l, pieces, &x, &y);
    for (int i = 0; i < l->legs; i++)
        total += l->leg[i].angle_deg;
    double ha = pieces[4 * l->free_a].heading, hb = pieces[4 * l->free_b].heading;
    double det = cos(ha) * sin(hb) - cos(hb) * sin(ha);
    if (total != 360 || fabs(det) < 0.1)
        return false;
    l->leg[l->free_a].straight_m += (-x * sin(hb) + y * cos(hb)) / det;
    l->leg[l->free_b].straight_m += (-y * cos(ha) + x * sin(ha)) / det;
    lay(l, pieces, &x, &y);
    return hypot(x, y) < 1e-9 && l->leg[l->free_a].straight_m > 5 && l->leg[l->free_b].straight_m > 5;
}

/* ---- XML ---- */

static void write_lane(int id, const char *type, double width, const char *mark, double mark_width, bool before, bool after)
{
    printf("                    <lane id=\"%d\" type=\"%s\" level=\"false\">\n                        <link>\n", id, type);
    if (before)
        printf("                            <predecessor id=\"%d\"/>\n", id);
    if (after)
        printf("                            <successor id=\"%d\"/>\n", id);
    printf("                        </link>\n                        <width sOffset=\"0\" a=\"%g\" b=\"0\" c=\"0\" d=\"0\"/>\n",
           width);
    printf(
        "                        <roadMark sOffset=\"0\" type=\"%s\" weight=\"standard\" material=\"standard\" color=\"white\"",
        mark);
    if (mark_width > 0)
        printf(" width=\"%g\"", mark_width);
    printf(" laneChange=\"none\"/>\n                    </lane>\n");
}

static void write_side(int sign, bool street, bool before, bool after)
{
    /* from the highest id to the lowest, as OpenDRIVE lists lanes */
    for (int k = sign > 0 ? 3 : 1; k >= 1 && k <= 3; k -= sign) {
        if (k == 1)
            write_lane(sign, "driving", LANE_M, "solid", LINE_M, true, true);
        else if (k == 2)
            write_lane(2 * sign, "shoulder", SHOULDER_M, street ? "curb" : "none", street ? 0.1524 : 0, true, true);
        else if (street)
            write_lane(3 * sign, "sidewalk", SIDEWALK_M, "none", 0, before, after);
    }
}

static void write_center(const leg *legs, const piece *pieces, int count)
{
    printf(
        "                <center>\n                    <lane id=\"0\" type=\"none\" level=\"false\">\n                        <link/>\n");
    double s = 0;
    int solid = -1;
    for (int i = 0; i < count; i++) {
        int want = legs[pieces[i].leg].radius_m < SOLID_BELOW_M && (pieces[i].k0 != 0 || pieces[i].k1 != 0);
        if (want != solid)
            printf(
                "                        <roadMark sOffset=\"%.10f\" type=\"%s\" weight=\"standard\" material=\"standard\" color=\"white\" width=\"%g\" "
                "laneChange=\"%s\"/>\n",
                s, want ? "solid" : "broken", LINE_M, want ? "none" : "both");
        solid = want;
        s += pieces[i].length;
    }
    printf("                    </lane>\n                </center>\n");
}

static void write_geometry(const piece *pieces, int count, double ox, double oy)
{
    double s = 0;
    for (int i = 0; i < count; i++) {
        const piece *p = &pieces[i];
        printf("            <geometry s=\"%.10f\" x=\"%.10f\" y=\"%.10f\" hdg=\"%.12f\" length=\"%.10f\">\n", s, p->x - ox,
               p->y - oy, p->heading, p->length);
        if (p->k0 == 0 && p->k1 == 0)
            printf("                <line/>\n");
        else if (p->k0 == p->k1)
            printf("                <arc curvature=\"%.12f\"/>\n", p->k0);
        else
            printf("                <spiral curvStart=\"%.12f\" curvEnd=\"%.12f\"/>\n", p->k0, p->k1);
        printf("            </geometry>\n");
        s += p->length;
    }
}

static void write_road(const loop *l, int id, int roads, const piece *pieces, int count, const bool street[], double ox,
                       double oy)
{
    double length = 0;
    int before = (id + roads - 1) % roads, after = (id + 1) % roads;
    for (int i = 0; i < count; i++)
        length += pieces[i].length;
    printf("    <road name=\"%s %d\" length=\"%.10f\" id=\"%d\" junction=\"-1\">\n", street[id] ? "Street" : "Country road", id,
           length, id);
    printf("        <link>\n            <predecessor elementType=\"road\" elementId=\"%d\" contactPoint=\"end\"/>\n", before);
    printf("            <successor elementType=\"road\" elementId=\"%d\" contactPoint=\"start\"/>\n        </link>\n", after);
    printf(
        "        <type s=\"0\" type=\"town\">\n            <speed max=\"50\" unit=\"km/h\"/>\n        </type>\n        <planView>\n");
    write_geometry(pieces, count, ox, oy);
    printf(
        "        </planView>\n        <elevationProfile>\n            <elevation s=\"0\" a=\"0\" b=\"0\" c=\"0\" d=\"0\"/>\n");
    printf(
        "        </elevationProfile>\n        <lateralProfile/>\n        <lanes>\n            <laneOffset s=\"0\" a=\"0\" b=\"0\" c=\"0\" d=\"0\"/>\n");
    printf("            <laneSection s=\"0\">\n                <left>\n");
    write_side(1, street[id], street[before], street[after]);
    printf("                </left>\n");
    write_center(l->leg, pieces, count);
    printf("                <right>\n");
    write_side(-1, street[id], street[before], street[after]);
    printf(
        "                </right>\n            </laneSection>\n        </lanes>\n        <objects/>\n        <signals/>\n    </road>\n");
}

static void write_map(const loop *l, const piece *pieces, int count)
{
    double west = INFINITY, east = -INFINITY, south = INFINITY, north = -INFINITY;
    for (int i = 0; i < count; i++)
        for (int k = 0; k <= 16; k++) { /* 16 places per piece give the box well within its margin of 10 m */
            piece part = pieces[i];
            double x, y, h, u = k / 16.0;
            part.length *= u;
            part.k1 = pieces[i].k0 + u * (pieces[i].k1 - pieces[i].k0);
            advance(&part, &x, &y, &h);
            west = fmin(west, x), east = fmax(east, x), south = fmin(south, y), north = fmax(north, y);
        }
    double ox = round((west + east) / 2), oy = round((south + north) / 2); /* the map's middle becomes the origin */
    printf("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!-- Written by tools/mapgen.c; change it there. -->\n<OpenDRIVE>\n");
    printf(
        "    <header revMajor=\"1\" revMinor=\"4\" name=\"%s\" version=\"1\" north=\"%.0f\" south=\"%.0f\" east=\"%.0f\" west=\"%.0f\">\n",
        l->name, north - oy + 10, south - oy - 10, east - ox + 10, west - ox - 10);
    printf(
        "        <geoReference><![CDATA[+proj=tmerc +lat_0=49 +lon_0=8 +k=1 +x_0=0 +y_0=0 +datum=WGS84 +units=m +no_defs]]></geoReference>\n");
    printf("    </header>\n");
    int first[LEGS_MAX + 1], roads = 0;
    bool street[LEGS_MAX];
    for (int i = 0; i < count; i += 4)
        if (l->leg[pieces[i].leg].begins != SAME_ROAD) {
            street[roads] = l->leg[pieces[i].leg].begins == STREET;
            first[roads++] = i;
        }
    first[roads] = count;
    for (int id = 0; id < roads; id++)
        write_road(l, id, roads, pieces + first[id], first[id + 1] - first[id], street, ox, oy);
    printf("</OpenDRIVE>\n");
}

int main(int argc, char **argv)
{
    for (size_t i = 0; argc == 2 && i < sizeof loops / sizeof *loops; i++) {
        if (strcmp(argv[1], loops[i].key) != 0)
            continue;
        loop l = loops[i];
        piece pieces[PIECES_MAX];
        double x, y;
        if (!close_loop(&l)) {
            fprintf(stderr, "mapgen: the %s loop does not close: angles must add up to 360, free straights must cross\n",
                    l.key);
            return 1;
        }
        int count = lay(&l, pieces, &x, &y);
        write_map(&l, pieces, count);
        if (fflush(stdout) != 0) {
            perror("mapgen: standard output");
            return 1;
        }
        return 0;
    }
    fprintf(stderr, "usage: mapgen training|driving > FILE.xodr\n");
    return 2;
}
