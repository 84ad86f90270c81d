/* tools/maps/loops.h — maps that are one closed road.
 *
 * A loop is a list of legs: a straight, then a bend of clothoid, arc, clothoid. Headings close because the angles add up to 360
 * degrees; the position closes because two straights, named per loop, are solved for (the end point is linear in them). Heights
 * close because what the legs climb too much is taken back evenly along the loop. */
#ifndef TOOLS_MAPS_LOOPS_H
#define TOOLS_MAPS_LOOPS_H
#include "tools/maps/net.h"

net *loops_training(void);
net *loops_driving(void);
net *loops_country(void);  /* rolling land, fast bends, two villages */
net *loops_mountain(void); /* hairpins up one side, bends down the other, banked */
#endif
