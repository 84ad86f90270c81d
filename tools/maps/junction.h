/* tools/maps/junction.h — roads that meet: which lanes lead on to which, and the roads inside the junction that carry them.
 *
 * An arm is the end of a road at a junction. Traffic drives on the right: lanes towards the junction lie on the right of an arm's
 * road where the road ends there, on the left where it starts. Every connecting road runs with its traffic along the left border
 * of the lanes it carries; beyond them it may carry on what the arms have at their right: a bike lane, the gutter, the sidewalk. */
#ifndef TOOLS_MAPS_JUNCTION_H
#define TOOLS_MAPS_JUNCTION_H
#include "tools/maps/net.h"

typedef struct arm {
    net_road *road;
    bool at_end;
} arm;

/* What lies on one side of an arm, numbered outwards; `in` is the side of the traffic towards the junction. */
typedef struct arm_side {
    int driving, lane[NET_SIDE_MAX]; /* ids of the driving lanes, the innermost first */
    int biking, sidewalk;            /* ids, 0 = none */
    double driving_m, gap_m /* from the last driving lane to the sidewalk, or to the edge */, sidewalk_m, biking_m;
    double total_m;
} arm_side;
arm_side arm_side_of(arm a, bool in);

double arm_s(arm a);               /* of the junction's border on the arm's road */
double arm_travel(arm a, bool in); /* heading of that traffic at the border */
double arm_right_t(arm a, bool in,
                   double right_m); /* t on the arm's road so far to the right of its centre, along that traffic */

typedef struct way {
    int from, to, count; /* driving lanes of the arms, counted from the innermost as 0, and how many go side by side */
    double lead_m;       /* straight at both ends of a bend, at least */
    bool edge, biking;   /* carry the gutter and the sidewalk; the bike lane, when both have one */
} way;
/* Connect lanes of one arm to lanes of another: the road inside, its links, the connection. */
net_road *junction_connect(net *n, net_junction *j, arm a, arm b, way w);

typedef enum right_of_way { PRIORITY, STOP, YIELD, LIGHT } right_of_way;

/* A crossing of up to four arms, given counter-clockwise, none of them one-way: all turns but U-turns, sidewalks around the corners;
 * a crosswalk in front of each arm whose flag is set; and how each arm may enter. An arm turns right from its outermost and left
 * from its innermost lane. */
typedef struct crossing {
    const char *name;
    arm arm[4];
    right_of_way rule[4];
    bool crosswalk[4];
    int arms;
} crossing;
void junction_cross(net *n, const crossing *c);

/* A stop or yield sign for the traffic of an arm into the junction. */
void junction_sign(net *n, arm a, right_of_way rule);
/* Lights for arms of a junction, one stage after the other. `where[i]` carries the signal of the i-th arm at s, on its right side as it
 * heads, shown to traffic of that arm; every road that leaves the arm inside the junction refers to it. */
void junction_light(net *n, net_junction *j, arm a, net_road *where, double s, double t, int sequence);

#define CROSSWALK_BAND_M 5.0 /* between the border of a junction and its first bend: room for a crosswalk */
#define CORNER_M         7.67 /* smallest kerb radius at a corner; not round, so that ways are no whole metres long (see town.c) */
#endif
