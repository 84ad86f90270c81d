// The client from C++: a small wrapper that closes by itself and throws, a semantic lidar, and lane-invasion events.
//
//     cpp_client [HOST [PORT]]
#include "sim/client/client.h"
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <stdexcept>

namespace {

struct closer {
    void operator()(client *c) const { client_close(c, nullptr); }
};
using connection = std::unique_ptr<client, closer>;

// Calls f(..., &err) and throws what went wrong.
template <class F> void check(F f)
{
    base_error err{};
    if (!f(&err))
        throw std::runtime_error(err.text);
}

wire_actor_id spawn(client *c, const char *blueprint, base_pose pose, wire_actor_id parent = 0)
{
    client_spawn_options o{};
    o.blueprint = blueprint;
    o.pose = pose;
    o.parent = parent;
    wire_actor_id id = 0;
    check([&](base_error *err) { return client_spawn(c, &o, &id, err); });
    return id;
}

void drive(client *c)
{
    size_t points = 0;
    const base_pose *at = nullptr;
    check([&](base_error *err) { return (at = client_spawn_points(c, &points, err)) != nullptr; });
    check([&](base_error *err) { return client_synchronous(c, 0.05, err); });
    wire_actor_id car = spawn(c, "vehicle.lincoln.mkz_2020", at[0]);
    wire_actor_id lidar = spawn(c, "sensor.lidar.ray_cast_semantic", base_pose{ { 0, 0, 2.2 }, { 0, 0, 0 } }, car);
    wire_actor_id lanes = spawn(c, "sensor.other.lane_invasion", base_pose{}, car);
    check([&](base_error *err) { return client_listen(c, lidar, err) && client_listen(c, lanes, err); });
    int crossings = 0;
    std::map<int, int> tags;
    for (int i = 0; i < 100; i++) {
        wire_vehicle_control control{};
        control.throttle = 0.5f;
        control.steer = i > 40 ? 0.05f : 0; // drift out of the lane
        check([&](base_error *err) { return client_control(c, car, control, err) && client_tick(c, err); });
        client_lidar cloud{};
        check([&](base_error *err) { return client_lidar_get(c, lidar, &cloud, err); });
        for (size_t k = 0; k < cloud.point_count; k++)
            tags[(int)cloud.semantic_points[k].object_tag]++;
        client_lane_invasion invasion;
        while (client_lane_invasion_next(c, lanes, &invasion))
            crossings += invasion.mark_count;
    }
    for (const auto &t : tags)
        std::printf("%-14s %d points\n", wire_tag_name(t.first) ? wire_tag_name(t.first) : "?", t.second);
    std::printf("marks crossed: %d\n", crossings);
}

} // namespace

int main(int argc, char **argv)
{
    client_options o = client_options_default();
    if (argc > 1)
        o.host = argv[1];
    if (argc > 2)
        o.port = std::atoi(argv[2]);
    try {
        connection c;
        check([&](base_error *err) { return (c = connection(client_connect(&o, err))) != nullptr; });
        drive(c.get());
    } catch (const std::exception &e) {
        std::fprintf(stderr, "cpp_client: %s\n", e.what());
        return 1;
    }
    return 0;
}
