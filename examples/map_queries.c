/* What a map can be asked: waypoints, lanes, what lies ahead, routes, latitude and longitude. All of it runs in the client.
 *
 *     map_queries [HOST [PORT]] */
#include "sim/client/client.h"
#include <stdio.h>
#include <stdlib.h>

static bool ask(client *c, base_error *err)
{
    size_t points, edges;
    const struct road_map *map = client_road_map(c, err);
    const base_pose *at = map ? client_spawn_points(c, &points, err) : NULL;
    if (!at)
        return false;
    road_map_info info = road_map_describe(map);
    road_map_topology(map, &edges);
    printf("%s: %d roads, %.0f m, %d junctions, %zu lane links, %zu spawn points\n", client_map_name(c, err), info.roads,
           info.length_m, info.junctions, edges, points);

    road_waypoint w, next[8], left;
    if (!road_waypoint_at(map, at[0].location, ROAD_LANE_DRIVING, true, &w))
        return base_fail(err, BASE_REMOTE, "no driving lane on this map");
    base_pose center = road_waypoint_pose(map, &w);
    printf("nearest lane: road %u, lane %d, s %.1f m, %.2f m wide, heading %.0f degrees, curvature %.4f 1/m\n", w.road_id,
           w.lane, w.s, road_waypoint_width(map, &w), center.rotation.yaw_deg, road_waypoint_curvature(map, &w));
    road_mark l, r;
    road_waypoint_marks(map, &w, &l, &r);
    int change = road_waypoint_lane_change(map, &w);
    printf("marks: left type %d, right type %d; lane change %s%s%s\n", l.type, r.type, change & ROAD_CHANGE_LEFT ? "left " : "",
           change & ROAD_CHANGE_RIGHT ? "right" : "", change ? "" : "forbidden");
    if (road_waypoint_left(map, &w, &left))
        printf("lane to the left: %d (%s)\n", left.lane, road_lane_type_name(road_waypoint_type(map, &left)));
    int n = road_waypoint_next(map, &w, 50, next, 8);
    printf("50 m ahead: %d way%s\n", n, n == 1 ? "" : "s");

    road_route route;
    if (!road_route_follow(map, &w, 300, 2, 1, &route, err))
        return false;
    printf("route: %.0f m in %zu points, ends at %.1f, %.1f\n", route.length_m, route.count, route.points[route.count - 1].x,
           route.points[route.count - 1].y);
    road_route_free(&route);

    wire_geo_location geo;
    base_vec3 back;
    if (!client_geolocation(c, at[0].location, &geo, err) || !client_location(c, geo, &back, err))
        return false;
    printf("first spawn point: %.6f N %.6f E, and back: %.3f m off\n", geo.latitude, geo.longitude,
           base_vec3_length(base_vec3_sub(back, at[0].location)));
    return true;
}

int main(int argc, char **argv)
{
    base_error err = { 0 };
    client_options o = client_options_default();
    if (argc > 1)
        o.host = argv[1];
    if (argc > 2)
        o.port = atoi(argv[2]);
    client *c = client_connect(&o, &err);
    bool ok = c && ask(c, &err);
    ok = client_close(c, ok ? &err : NULL) && ok;
    if (!ok)
        fprintf(stderr, "map_queries: %s\n", err.text);
    return ok ? 0 : 1;
}
