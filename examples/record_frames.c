/* Record colour, depth and tags of the same moment: three cameras in synchronous mode, a PNG each per frame, and a lidar's point count.
 *
 *     record_frames HOST PORT DIR FRAMES
 *
 * DIR must exist. Writes rgb_N.png (8 bit), depth_N.png (16 bit, centimetres, 65535 = far), tags_N.png (semantic tag in the grey value). */
#include "sim/client/client.h"
#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = 320, HEIGHT = 240, CAMERAS = 3 };
static const char *const blueprints[CAMERAS] = { "sensor.camera.rgb", "sensor.camera.depth",
                                                 "sensor.camera.semantic_segmentation" };
static const char *const names[CAMERAS] = { "rgb", "depth", "tags" };

static bool write_png(const char *dir, const char *name, uint64_t number, uint32_t format, const void *pixels, base_error *err)
{
    char path[4096];
    png_image image = { .version = PNG_IMAGE_VERSION, .width = WIDTH, .height = HEIGHT, .format = format };
    snprintf(path, sizeof path, "%s/%s_%06llu.png", dir, name, (unsigned long long)number);
    return png_image_write_to_file(&image, path, 0, pixels, 0, NULL) || base_fail(err, BASE_IO, "%s: %s", path, image.message);
}

static bool write_depth(const client_image *image, const char *dir, uint64_t number, base_error *err)
{
    static uint16_t cm[WIDTH * HEIGHT];
    for (size_t i = 0; i < WIDTH * HEIGHT; i++) {
        float d = wire_depth_decode(image->bgra + 4 * i) * 100;
        cm[i] = d < 65535 ? (uint16_t)d : 65535;
    }
    return write_png(dir, "depth", number, PNG_FORMAT_LINEAR_Y, cm, err);
}

static bool write_tags(const client_image *image, const char *dir, uint64_t number, base_error *err)
{
    static uint8_t tags[WIDTH * HEIGHT];
    for (size_t i = 0; i < WIDTH * HEIGHT; i++)
        tags[i] = image->bgra[4 * i + 2]; /* the red byte */
    return write_png(dir, "tags", number, PNG_FORMAT_GRAY, tags, err);
}

static bool spawn_sensor(client *c, const char *blueprint, wire_actor_id car, wire_actor_id *id, base_error *err)
{
    static const client_attribute size[] = { { "image_size_x", "320" }, { "image_size_y", "240" } };
    client_spawn_options o = { .blueprint = blueprint,
                               .pose = { { 1.5, 0, 1.8 }, { -8, 0, 0 } },
                               .parent = car,
                               .attributes = size,
                               .attribute_count = strncmp(blueprint, "sensor.camera.", 14) == 0 ? 2 : 0 };
    return client_spawn(c, &o, id, err) && client_listen(c, *id, err);
}

static bool record(client *c, const char *dir, int frames, base_error *err)
{
    size_t points;
    wire_actor_id car, cameras[CAMERAS], lidar;
    const base_pose *at = client_spawn_points(c, &points, err);
    if (!at || !client_synchronous(c, 0.05, err) || !client_weather_preset(c, "ClearSunset", err) ||
        !client_spawn(c, &(client_spawn_options){ .blueprint = "vehicle.lincoln.mkz_2020", .pose = at[0] }, &car, err))
        return false;
    for (int i = 0; i < CAMERAS; i++)
        if (!spawn_sensor(c, blueprints[i], car, &cameras[i], err))
            return false;
    if (!spawn_sensor(c, "sensor.lidar.ray_cast", car, &lidar, err))
        return false;
    for (int n = 0; n < frames; n++) {
        client_image images[CAMERAS];
        client_lidar cloud;
        if (!client_control(c, car, (wire_vehicle_control){ .throttle = 0.4F }, err) || !client_tick(c, err))
            return false;
        uint64_t frame = client_snapshot_get(c).frame;
        for (int i = 0; i < CAMERAS; i++)
            if (!client_image_get(c, cameras[i], &images[i], err))
                return false;
        if (!client_lidar_get(c, lidar, &cloud, err))
            return false;
        /* client_tick has made sure of it: all of this is frame `frame` */
        if (images[0].frame != frame || images[1].frame != frame || images[2].frame != frame || cloud.frame != frame)
            return base_fail(err, BASE_FORMAT, "frames do not match");
        if (!write_png(dir, names[0], (uint64_t)n, PNG_FORMAT_BGRA, images[0].bgra, err) ||
            !write_depth(&images[1], dir, (uint64_t)n, err) || !write_tags(&images[2], dir, (uint64_t)n, err))
            return false;
        printf("frame %llu: 3 images, %zu lidar points\n", (unsigned long long)frame, cloud.point_count);
    }
    return true;
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        fprintf(stderr, "usage: record_frames HOST PORT DIR FRAMES\n");
        return 2;
    }
    base_error err = { 0 };
    client_options o = client_options_default();
    o.host = argv[1];
    o.port = atoi(argv[2]);
    client *c = client_connect(&o, &err);
    bool ok = c && record(c, argv[3], atoi(argv[4]), &err);
    ok = client_close(c, ok ? &err : NULL) && ok;
    if (!ok)
        fprintf(stderr, "record_frames: %s\n", err.text);
    return ok ? 0 : 1;
}
