/* tools/maps/highway.h — a ring of a divided highway, two lanes each way, with two interchanges and a road over it. */
#ifndef TOOLS_MAPS_HIGHWAY_H
#define TOOLS_MAPS_HIGHWAY_H
#include "tools/maps/net.h"

net *highway_ring(void);
#endif
