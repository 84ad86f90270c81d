/* tools/contact_sheet.c — one street of a map in five weathers, each picture above its labels, on one sheet for docs/.
 *
 *     contact_sheet LANELOOP MAP OUT.png [--spawn N] [--cars N] [--walkers N] [--width PX] [--seed N] [--title TEXT]
 *
 * LANELOOP is the program whose `serve` draws: the sheet shows what a client of the simulator gets, lamps, lights of vehicles and the camera's
 * own effects included. The camera stands where a car's would at spawn point N; vehicles stand on the spawn points ahead of it, walkers on
 * the pavement. After each change of weather a few ticks pass before the picture is taken. */
#include "base/process.h"
#include "dataset/image.h"
#include "sim/client/client.h"
#include <cairo.h>
#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COLUMNS = 5, MARGIN = 6, CAPTION = 18, CARS_MAX = 40, SETTLE_TICKS = 8 };
#define NEAR_M 7.0   /* vehicles stand this far ahead of the camera at least */
#define FAR_M  120.0 /* and this far at most */

typedef struct settings {
    const char *program, *map, *out, *seed, *title;
    int spawn, cars, walkers, width, height;
} settings;

/* CARLA's presets, with what dusk and fog need changed. */
static const struct {
    const char *caption, *preset;
    float sun_altitude_deg, fog_density, fog_distance_m; /* NAN: as in the preset */
} columns[COLUMNS] = {
    { "noon", "ClearNoon", NAN, NAN, NAN },           { "dusk (sun at 4 degrees)", "CloudySunset", 4, NAN, NAN },
    { "night", "ClearNight", NAN, NAN, NAN },         { "hard rain", "HardRainNoon", NAN, NAN, NAN },
    { "fog (density 60)", "CloudyNoon", NAN, 60, 5 },
};

typedef struct sheet {
    const settings *s;
    client *client;
    base_pose camera_pose;
    wire_actor_id cars[CARS_MAX], rgb, tags;
    int car_count;
    cairo_surface_t *surface;
} sheet;

static int usage(void)
{
    fprintf(stderr, "usage: contact_sheet LANELOOP MAP OUT.png [--spawn N] [--cars N] [--walkers N] [--width PX] [--seed N] "
                    "[--title TEXT]\n");
    return 2;
}

static bool parse(settings *s, int argc, char **argv)
{
    *s = (settings){ .seed = "1", .cars = 12, .walkers = 3, .width = 320 };
    if (argc < 4 || argc % 2)
        return false;
    s->program = argv[1];
    s->map = argv[2];
    s->out = argv[3];
    for (int i = 4; i < argc; i += 2) {
        bool good = true;
        char tail;
        if (!strcmp(argv[i], "--spawn"))
            good = sscanf(argv[i + 1], "%d%c", &s->spawn, &tail) == 1 && s->spawn >= 0;
        else if (!strcmp(argv[i], "--cars"))
            good = sscanf(argv[i + 1], "%d%c", &s->cars, &tail) == 1 && s->cars >= 0 && s->cars <= CARS_MAX;
        else if (!strcmp(argv[i], "--walkers"))
            good = sscanf(argv[i + 1], "%d%c", &s->walkers, &tail) == 1 && s->walkers >= 0 && s->walkers <= 20;
        else if (!strcmp(argv[i], "--width"))
            good = sscanf(argv[i + 1], "%d%c", &s->width, &tail) == 1 && s->width >= 64 && s->width <= 1024;
        else if (!strcmp(argv[i], "--seed"))
            s->seed = argv[i + 1];
        else if (!strcmp(argv[i], "--title"))
            s->title = argv[i + 1];
        else
            return false;
        if (!good)
            return false;
    }
    s->height = s->width * 9 / 16;
    s->title = s->title ? s->title : s->map;
    return true;
}

/* ---- the simulator and what stands in it ---- */

static client *start(base_process *child, const settings *s, base_error *err)
{
    const char *argv[] = { s->program, "serve", "--map", s->map, "--seed", s->seed, "--port", "0", "--ready-fd", "3", NULL };
    char line[256];
    client_options o = client_options_default();
    if (!base_process_start(child, argv, err) || !base_process_read_line(child, line, sizeof line, 120, err))
        return NULL;
    cJSON *ready = cJSON_Parse(line);
    const cJSON *port = cJSON_GetObjectItemCaseSensitive(ready, "rpc_port");
    o.port = cJSON_IsNumber(port) ? (int)port->valuedouble : 0;
    o.call_timeout_s = 120; /* a loaded machine */
    cJSON_Delete(ready);
    return client_connect(&o, err);
}

/* Metres ahead of the camera, and in *side metres to its right. */
static double ahead(const sheet *h, base_vec3 p, double *side)
{
    double yaw = BASE_RAD(h->camera_pose.rotation.yaw_deg), x = p.x - h->camera_pose.location.x,
           y = p.y - h->camera_pose.location.y;
    *side = y * cos(yaw) - x * sin(yaw);
    return x * cos(yaw) + y * sin(yaw);
}

static bool place_cars(sheet *h, const base_pose *spawns, size_t count, base_error *err)
{
    static const char *const models[] = {
        "vehicle.tesla.model3",        "vehicle.lincoln.mkz_2020",     "vehicle.mini.cooper_s", "vehicle.nissan.patrol",
        "vehicle.mercedes.sprinter",   "vehicle.kawasaki.ninja",       "vehicle.audi.a2",       "vehicle.mitsubishi.fusorosa",
        "vehicle.diamondback.century", "vehicle.carlamotors.carlacola"
    };
    static const char *const paints[] = { "23,25,29",    "150,20,20",  "200,200,196", "30,60,120",
                                          "110,115,120", "226,183,40", "40,90,60" };
    for (size_t i = 0; i < count && h->car_count < h->s->cars; i++) {
        double side, metres = ahead(h, spawns[i].location, &side);
        const client_attribute paint = { "color", paints[h->car_count % (int)(sizeof paints / sizeof paints[0])] };
        client_spawn_options o = { .blueprint = models[h->car_count % (int)(sizeof models / sizeof models[0])],
                                   .pose = spawns[i],
                                   .attributes = &paint,
                                   .attribute_count = 1 };
        base_error refused = { 0 };
        wire_actor_id id;
        if (metres < NEAR_M || metres > FAR_M || fabs(side) > metres)
            continue;
        bool placed = client_spawn(h->client, &o, &id, &refused);
        if (!placed && refused.code == BASE_ARGUMENT) { /* a model with a paint of its own */
            o.attribute_count = 0;
            placed = client_spawn(h->client, &o, &id, &refused);
        }
        if (placed)
            h->cars[h->car_count++] = id;
        else if (refused.code != BASE_REMOTE) /* taken: two spawn points can be close */
            return base_fail(err, refused.code, "%s", refused.text);
    }
    return true;
}

static bool place_walkers(sheet *h, const road_map *map, base_error *err)
{
    for (int i = 0; i < h->s->walkers; i++) {
        double yaw = BASE_RAD(h->camera_pose.rotation.yaw_deg), metres = 9 + 6 * i, side = i % 2 ? -8 : 8;
        base_vec3 at = h->camera_pose.location;
        at.x += metres * cos(yaw) - side * sin(yaw);
        at.y += metres * sin(yaw) + side * cos(yaw);
        road_waypoint w;
        char blueprint[40];
        wire_actor_id id;
        base_error refused = { 0 };
        if (!road_waypoint_at(map, at, ROAD_LANE_SIDEWALK, true, &w))
            return true; /* a map without pavements */
        snprintf(blueprint, sizeof blueprint, "walker.pedestrian.%04d", 1 + 3 * i);
        client_spawn_options o = { .blueprint = blueprint, .pose = road_waypoint_pose(map, &w) };
        o.pose.location.z += 1;
        if (!client_spawn(h->client, &o, &id, &refused) && refused.code != BASE_REMOTE)
            return base_fail(err, refused.code, "%s", refused.text);
    }
    return true;
}

static bool place_camera(sheet *h, const char *blueprint, wire_actor_id *id, base_error *err)
{
    char width[16], height[16];
    const client_attribute attributes[] = { { "image_size_x", width }, { "image_size_y", height }, { "fov", "90" } };
    client_spawn_options o = { .blueprint = blueprint, .pose = h->camera_pose, .attributes = attributes, .attribute_count = 3 };
    snprintf(width, sizeof width, "%d", h->s->width);
    snprintf(height, sizeof height, "%d", h->s->height);
    return client_spawn(h->client, &o, id, err) && client_listen(h->client, *id, err);
}

static bool populate(sheet *h, base_error *err)
{
    size_t count;
    const base_pose *spawns = client_spawn_points(h->client, &count, err);
    const road_map *map = spawns ? client_road_map(h->client, err) : NULL;
    if (!map)
        return false;
    if (!count)
        return base_fail(err, BASE_FORMAT, "%s: the map has no spawn points", h->s->map);
    base_pose car = spawns[(size_t)h->s->spawn % count], mount = { { 1.5, 0, 1.8 }, { -8, 0, 0 } };
    car.location.z -= 0.5; /* spawn points hang in the air */
    h->camera_pose = base_pose_compose(&car, &mount);
    return place_cars(h, spawns, count, err) && place_walkers(h, map, err) &&
           place_camera(h, "sensor.camera.rgb", &h->rgb, err) &&
           place_camera(h, "sensor.camera.semantic_segmentation", &h->tags, err);
}

/* ---- drawing ---- */

static int column_x(const settings *s, int column) { return MARGIN + column * (s->width + MARGIN); }
static int sheet_width(const settings *s) { return column_x(s, COLUMNS); }
static int rgb_y(void) { return MARGIN + 2 * CAPTION; }
static int tags_y(const settings *s) { return rgb_y() + s->height + MARGIN; }
static int sheet_height(const settings *s) { return tags_y(s) + s->height + MARGIN; }

static void put(const sheet *h, const client_image *image, int x0, int y0, bool labels)
{
    unsigned char *data = cairo_image_surface_get_data(h->surface);
    size_t pitch = (size_t)cairo_image_surface_get_stride(h->surface);
    const uint8_t *p = image->bgra;
    for (int y = 0; y < image->height_px; y++) {
        uint32_t *row = (uint32_t *)(void *)(data + (size_t)(y0 + y) * pitch) + x0;
        for (int x = 0; x < image->width_px; x++, p += 4) {
            uint8_t rgb[3] = { p[2], p[1], p[0] };
            if (labels)
                wire_tag_color((int)wire_tag_from_wire(p[2], client_version(h->client)), rgb);
            row[x] = (uint32_t)rgb[0] << 16 | (uint32_t)rgb[1] << 8 | rgb[2];
        }
    }
}

static bool take_column(sheet *h, int column, base_error *err)
{
    wire_weather w;
    client_image image;
    if (!wire_weather_preset(&w, columns[column].preset))
        return base_fail(err, BASE_ARGUMENT, "no weather is called %s", columns[column].preset);
    if (isfinite(columns[column].sun_altitude_deg))
        w.sun_altitude_angle = columns[column].sun_altitude_deg;
    if (isfinite(columns[column].fog_density)) {
        w.fog_density = columns[column].fog_density;
        w.fog_distance = columns[column].fog_distance_m;
    }
    bool dark = w.sun_altitude_angle < 10 || w.fog_density > 30 || w.precipitation > 30;
    if (!client_weather_set(h->client, &w, err))
        return false;
    for (int i = 0; i < h->car_count; i++)
        if (!client_vehicle_lights_set(h->client, h->cars[i], dark ? CLIENT_LIGHT_POSITION | CLIENT_LIGHT_LOW_BEAM : 0, err))
            return false;
    for (int i = 0; i < SETTLE_TICKS; i++)
        if (!client_tick(h->client, err))
            return false;
    cairo_surface_flush(h->surface);
    if (!client_image_get(h->client, h->rgb, &image, err))
        return false;
    put(h, &image, column_x(h->s, column), rgb_y(), false);
    if (!client_image_get(h->client, h->tags, &image, err))
        return false;
    put(h, &image, column_x(h->s, column), tags_y(h->s), true);
    cairo_surface_mark_dirty(h->surface);
    return true;
}

static void write_captions(const sheet *h)
{
    char text[512];
    cairo_t *cr = cairo_create(h->surface);
    cairo_select_font_face(cr, "sans-serif", CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_NORMAL);
    cairo_set_source_rgb(cr, 0.92, 0.92, 0.92);
    cairo_set_font_size(cr, 13);
    snprintf(text, sizeof text, "%s, spawn point %d, seed %s: colour above, labels in CARLA's palette below", h->s->title,
             h->s->spawn, h->s->seed);
    cairo_move_to(cr, MARGIN, MARGIN + CAPTION - 5);
    cairo_show_text(cr, text);
    cairo_set_font_size(cr, 12);
    for (int i = 0; i < COLUMNS; i++) {
        snprintf(text, sizeof text, "%s: %s", columns[i].caption, columns[i].preset);
        cairo_move_to(cr, column_x(h->s, i), MARGIN + 2 * CAPTION - 5);
        cairo_show_text(cr, text);
    }
    cairo_destroy(cr);
    cairo_surface_flush(h->surface);
}

static bool draw(sheet *h, base_error *err)
{
    h->surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, sheet_width(h->s), sheet_height(h->s));
    if (cairo_surface_status(h->surface) != CAIRO_STATUS_SUCCESS)
        return base_fail(err, BASE_MEMORY, "no memory for a sheet of %d x %d", sheet_width(h->s), sheet_height(h->s));
    cairo_t *cr = cairo_create(h->surface);
    cairo_set_source_rgb(cr, 0.12, 0.13, 0.15);
    cairo_paint(cr);
    cairo_destroy(cr);
    for (int i = 0; i < COLUMNS; i++)
        if (!take_column(h, i, err))
            return base_fail_in(err, "%s", columns[i].caption);
    write_captions(h);
    return cairo_surface_write_to_png(h->surface, h->s->out) == CAIRO_STATUS_SUCCESS ||
           base_fail(err, BASE_IO, "%s: cannot write the sheet", h->s->out);
}

int main(int argc, char **argv)
{
    settings s;
    base_error err = { 0 };
    base_process child = { 0 };
    if (!parse(&s, argc, argv))
        return usage();
    sheet h = { .s = &s };
    h.client = start(&child, &s, &err);
    bool ok = h.client && client_synchronous(h.client, 0.05, &err) && populate(&h, &err) && draw(&h, &err);
    if (h.client && !client_close(h.client, ok ? &err : NULL))
        ok = false;
    if (child.pid)
        base_process_stop(&child, 5);
    cairo_surface_destroy(h.surface);
    if (!ok)
        fprintf(stderr, "contact_sheet: %s\n", err.text);
    return ok ? 0 : 1;
}
