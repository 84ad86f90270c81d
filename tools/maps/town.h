/* tools/maps/town.h — a town of four streets by four: avenues with bike lanes, streets with parked cars, lights, signs, a roundabout. */
#ifndef TOOLS_MAPS_TOWN_H
#define TOOLS_MAPS_TOWN_H
#include "tools/maps/net.h"

net *town_grid(void);
#endif
