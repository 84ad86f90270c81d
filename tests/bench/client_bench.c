/* Our side of tests/bench/client/compare.py: median round trip of `version`, and synchronous frames per second of one camera, as one line of
 * JSON. Usage: client_bench PORT CALLS FRAMES WIDTH HEIGHT; without arguments it says so and ends, for `make bench` runs every bench. */
#include "base/clock.h"
#include "sim/client/client.h"
#include <stdio.h>
#include <stdlib.h>

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static bool round_trips(client *c, int calls, double *us, base_error *err)
{
    double *times = malloc((size_t)calls * sizeof *times);
    bool ok = times != NULL;
    for (int i = 0; ok && i < calls; i++) {
        const char *text;
        double start = base_clock_s();
        ok = client_call(c, WIRE_METHOD_version, NULL, &text, NULL, err);
        times[i] = base_clock_s() - start;
    }
    if (ok) {
        qsort(times, (size_t)calls, sizeof *times, by_value);
        *us = 1e6 * times[calls / 2];
    }
    free(times);
    return ok;
}

static bool camera_frames(client *c, int frames, const char *width, const char *height, double *rate, base_error *err)
{
    size_t points;
    wire_actor_id car, camera;
    client_image image;
    client_attribute size[] = { { "image_size_x", width }, { "image_size_y", height } };
    const base_pose *at = client_spawn_points(c, &points, err);
    if (!at || !client_synchronous(c, 0.05, err) ||
        !client_spawn(c, &(client_spawn_options){ .blueprint = "vehicle.lincoln.mkz_2020", .pose = at[0] }, &car, err) ||
        !client_spawn(c,
                      &(client_spawn_options){ .blueprint = "sensor.camera.rgb",
                                               .pose = { { 1.5, 0, 1.8 }, { 0, 0, 0 } },
                                               .parent = car,
                                               .attributes = size,
                                               .attribute_count = 2 },
                      &camera, err) ||
        !client_listen(c, camera, err))
        return false;
    double start = 0;
    for (int i = 0; i < frames + 20; i++) {
        if (i == 20)
            start = base_clock_s();
        if (!client_tick(c, err) || !client_image_get(c, camera, &image, err))
            return false;
    }
    *rate = frames / (base_clock_s() - start);
    return true;
}

int main(int argc, char **argv)
{
    if (argc != 6) {
        printf("client_bench: run by tests/bench/client/run.sh\n");
        return 0;
    }
    base_error err = { 0 };
    client_options o = client_options_default();
    o.port = atoi(argv[1]);
    double us = 0, rate = 0;
    client *c = client_connect(&o, &err);
    bool ok = c && round_trips(c, atoi(argv[2]), &us, &err) && camera_frames(c, atoi(argv[3]), argv[4], argv[5], &rate, &err);
    ok = client_close(c, ok ? &err : NULL) && ok;
    if (!ok) {
        fprintf(stderr, "client_bench: %s\n", err.text);
        return 1;
    }
    printf("{\"call_us\": %.3f, \"frames_per_s\": %.3f}\n", us, rate);
    return 0;
}
