/* tests/client/embedded.h — what the tests against `laneloop serve` (environment variable LANELOOP) share: a server as a child process, a
 * client of it, a car. For cmocka tests; everything fails the test instead of returning an error. */
#ifndef TESTS_CLIENT_EMBEDDED_H
#define TESTS_CLIENT_EMBEDDED_H
#include "base/process.h"
#include "sim/client/client.h"
#include <cjson/cJSON.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

typedef struct server {
    base_process process;
    int port;
} server;

static inline server start(const char *version, const char *map)
{
    const char *program = getenv("LANELOOP");
    server s = { 0 };
    base_error err = { 0 };
    char line[256];
    const char *argv[] = { program ? program : "build/release/laneloop",
                           "serve",
                           "--port",
                           "0",
                           "--ready-fd",
                           "3",
                           "--carla-version",
                           version,
                           map ? "--map" : NULL,
                           map,
                           NULL };
    if (!base_process_start(&s.process, argv, &err) || !base_process_read_line(&s.process, line, sizeof line, 60, &err))
        fail_msg("%s", err.text);
    cJSON *ports = cJSON_Parse(line);
    s.port = (int)cJSON_GetNumberValue(cJSON_GetObjectItem(ports, "rpc_port"));
    cJSON_Delete(ports);
    assert_true(s.port > 0);
    return s;
}

static inline void stop(server *s) { assert_int_equal(base_process_stop(&s->process, 20), 0); }

static inline client *connect_to(const server *s)
{
    base_error err = { 0 };
    client_options o = client_options_default();
    o.port = s->port;
    o.call_timeout_s = 60; /* the sanitizer build on a busy machine */
    client *c = client_connect(&o, &err);
    if (!c)
        fail_msg("%s", err.text);
    return c;
}

#define CHECK(call)                                                                                                            \
    do {                                                                                                                       \
        if (!(call))                                                                                                           \
            fail_msg("%s: %s", #call, err.text);                                                                               \
    } while (0)

static inline wire_actor_id spawn_car(client *c, size_t point)
{
    base_error err = { 0 };
    size_t count;
    wire_actor_id car;
    const base_pose *points = client_spawn_points(c, &count, &err);
    assert_true(count > point);
    CHECK(
        client_spawn(c, &(client_spawn_options){ .blueprint = "vehicle.lincoln.mkz_2020", .pose = points[point] }, &car, &err));
    return car;
}

static inline wire_actor_id spawn_camera(client *c, wire_actor_id car, const char *blueprint)
{
    static const client_attribute size[] = { { "image_size_x", "64" }, { "image_size_y", "32" }, { "fov", "100" } };
    base_error err = { 0 };
    wire_actor_id camera;
    CHECK(client_spawn(c,
                       &(client_spawn_options){ .blueprint = blueprint,
                                                .pose = { { 1.5, 0, 1.8 }, { -8, 0, 0 } },
                                                .parent = car,
                                                .attributes = size,
                                                .attribute_count = 3 },
                       &camera, &err));
    CHECK(client_listen(c, camera, &err));
    return camera;
}
#endif
