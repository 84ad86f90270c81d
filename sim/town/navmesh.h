/* sim/town/navmesh.h — where pedestrians may walk: convex polygons from a map's lanes, and the file that CARLA's client reads.
 *
 *     nav_mesh mesh;
 *     if (nav_mesh_build(&mesh, map, &err) && nav_mesh_write(&mesh, &file, &err)) ...
 *     nav_mesh_free(&mesh);
 *
 * CARLA's client walks pedestrians itself, with Detour, over a navigation mesh that the server hands out. A polygon is a piece of
 * one lane between two stations: sidewalks, crosswalks, and everything else that is paved as road. Polygons that touch know
 * each other edge by edge; pieces of the same section by construction, the ends of sections by lying in the same place. */
#ifndef TOWN_NAVMESH_H
#define TOWN_NAVMESH_H
#include "base/buffer.h"
#include "base/geom.h"
#include "sim/road/road.h"

typedef enum nav_area { NAV_SIDEWALK = 1, NAV_CROSSWALK = 2, NAV_ROAD = 3, NAV_GRASS = 4 } nav_area; /* CARLA's numbers */

#define NAV_CORNERS_MAX 6
typedef struct nav_polygon {
    base_vec3
        corner[NAV_CORNERS_MAX]; /* CARLA frame; seen from above against the clock (x to the right, y upwards: clockwise) */
    int beyond[NAV_CORNERS_MAX]; /* polygon behind the edge from corner i to the next one; -1: none */
    int count;
    nav_area area;
} nav_polygon;

typedef struct nav_mesh {
    nav_polygon *polygons;
    int count, capacity;
} nav_mesh;

#define NAV_POLYGONS_MAX 16000 /* Detour counts corners in 16 bits; larger maps are sampled more coarsely */
bool nav_mesh_build(nav_mesh *mesh, const road_map *map, base_error *err); /* a map without sidewalks gives an empty mesh */
void nav_mesh_free(nav_mesh *mesh);
/* The bytes of CARLA's Nav/<map>.bin, layout in navmesh_file.c. The buffer must be empty. */
bool nav_mesh_write(const nav_mesh *mesh, base_buffer *file, base_error *err);
#endif
