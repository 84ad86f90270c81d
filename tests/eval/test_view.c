/* The live page: what it is told, what it answers to good and bad requests, and what a real browser makes of it. */
#include "tests/town/served.h"
#include "base/clock.h"
#include "dataset/image.h"
#include "eval/view.h"
#include "eval/view_internal.h"
#include "sim/road/road.h"
#include <cjson/cJSON.h>
#include <math.h>
#include <signal.h>

enum { WIDTH = 96, HEIGHT = 64, REPLY_MAX = 4 << 20 };

/* ---- what it is told ---- */

static void test_hosts(void **state)
{
    (void)state;
    static const struct {
        const char *host;
        bool allowed;
        const char *why;
    } cases[] = {
        { "127.0.0.1:8080", true, "what a browser sends for the default address" },
        { "localhost", true, "no port: 80, or a proxy on it" },
        { "LocalHost:9000", true, "names have no case; an ssh tunnel has a port of its own" },
        { "192.168.1.7:8080", true, "with --view-bind, by address" },
        { "evil.example:8080", false, "a name that somebody points here" },
        { "localhost.evil.example", false, "begins well" },
        { "127.0.0.1.evil.example", false, "begins well, too" },
        { "127.0.0.1:80a", false, "no port" },
        { "127.0.0.1:", false, "no port" },
        { "127.0.0.1:123456", false, "no port" },
        { "", false, "nothing" },
        { ":8080", false, "nothing but a port" },
        { "[::1]:8080", false, "nothing listens on IPv6" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (eval_view_host_allowed(cases[i].host) != cases[i].allowed)
            fail_msg("Host '%s' (%s): got %d", cases[i].host, cases[i].why, !cases[i].allowed);
}

static void test_texts(void **state)
{
    (void)state;
    static const char text[] = "a \"quoted\" \\ line\nwith </script> \x01 and \xc3\xa9";
    base_buffer out = { 0 };
    eval_view_json_text(&out, text);
    assert_null(memchr(out.data, '\n', out.bytes)); /* it would end the event */
    cJSON *back = cJSON_ParseWithLength((const char *)out.data, out.bytes);
    assert_non_null(back);
    assert_string_equal(back->valuestring, text);
    cJSON_Delete(back);
    base_buffer_free(&out);
}

static void test_pace(void **state)
{
    (void)state;
    view_pace p = { 0 };
    eval_view_pace(&p, 1000, 50);
    assert_float_equal(p.per_s, 0, 0); /* nothing to compare with */
    eval_view_pace(&p, 1010, 50.5);
    assert_float_equal(p.per_s, 0, 0);
    eval_view_pace(&p, 1040, 52);
    assert_float_equal(p.per_s, 20, 1e-9);
    eval_view_pace(&p, 1040, 54);
    assert_float_equal(p.per_s, 0, 1e-9); /* stands still */
    eval_view_pace(&p, 9000, 100);
    assert_float_equal(p.per_s, 0, 1e-9); /* nobody has looked for long: no mean over that */
}

static void test_whose_eyes(void **state)
{
    (void)state;
    town_seen_actor actors[] = {
        { .id = 3, .kind = TOWN_VEHICLE, .role = "autopilot", .box = { .extent = { 2, 1, 0.8 } } },
        { .id = 4, .kind = TOWN_VEHICLE, .role = "", .box = { .extent = { 2, 1, 0.8 } } },
        { .id = 5,
          .kind = TOWN_SENSOR,
          .sensor = TOWN_CAMERA_RGB,
          .parent_id = 4,
          .camera_w_px = 800,
          .camera_h_px = 200,
          .fov_deg = 70,
          .pose = { { 7, 8, 9 }, { 0, 0, 0 } } },
        { .id = 6,
          .kind = TOWN_VEHICLE,
          .role = "hero",
          .box = { { 0.5, 0, 0.8 }, { 2, 1, 0.8 } },
          .pose = { { 100, 50, 0 }, { 0, 90, 0 } } },
    };
    town_seen seen = { .actors = actors, .actor_count = 4, .spectator = { { 1, 2, 30 }, { -90, 0, 0 } } };
    assert_ptr_equal(eval_view_ego(&seen), &actors[3]);
    town_watch_view v = eval_view_camera(&seen, VIEW_EGO, 640);
    assert_int_equal(v.hidden_id, 6); /* it has no camera: from above its windscreen */
    assert_int_equal(v.width_px, 640);
    assert_int_equal(v.height_px, 360);
    assert_true(fabs(v.pose.location.x - 100) < 1e-9 && v.pose.location.y > 50.5 && v.pose.location.y < 52);
    assert_true(v.pose.location.z > 1.6 && v.pose.location.z < 2);
    actors[3].role[0] = 0;
    assert_ptr_equal(eval_view_ego(&seen), &actors[1]); /* who has a camera */
    v = eval_view_camera(&seen, VIEW_EGO, 640);
    assert_int_equal(v.hidden_id, 0);
    assert_int_equal(v.height_px, 160);
    assert_float_equal(v.fov_deg, 70, 0);
    assert_float_equal(v.pose.location.z, 9, 0);
    seen.actor_count = 1;
    assert_null(eval_view_ego(&seen));
    v = eval_view_camera(&seen, VIEW_EGO, 640);
    assert_float_equal(v.pose.location.z, 30, 0); /* nobody: the spectator */
    v = eval_view_camera(&seen, VIEW_SPECTATOR, 101);
    assert_float_equal(v.pose.rotation.pitch_deg, -90, 0);
    assert_int_equal(v.height_px % 2, 0);
}

/* Numbers that JSON does not know, and every kind of actor and shape: still one line of JSON. */
static void test_any_world_is_json(void **state)
{
    (void)state;
    town_seen_actor actors[TOWN_TRAFFIC_SIGN + 1];
    town_debug_shape shapes[TOWN_SHAPE_TEXT + 1];
    for (int i = 0; i <= TOWN_TRAFFIC_SIGN; i++)
        actors[i] = (town_seen_actor){ .id = (uint32_t)i + 10,
                                       .kind = (town_kind)i,
                                       .type_id = "x.y",
                                       .role = "\"",
                                       .speed_mps = NAN,
                                       .pose = { { INFINITY, 0, 0 }, { 0, 0, 0 } } };
    for (int i = 0; i <= TOWN_SHAPE_TEXT; i++)
        shapes[i] = (town_debug_shape){ .kind = (town_shape_kind)i, .text = "\n", .color = { 1, 2, 3 }, .size = 1 };
    town_seen seen = { .map = "a \"map\"",
                       .actors = actors,
                       .actor_count = TOWN_TRAFFIC_SIGN + 1,
                       .shapes = shapes,
                       .shape_count = TOWN_SHAPE_TEXT + 1,
                       .episode_id = UINT64_MAX };
    base_buffer out = { 0 };
    eval_view_state_json(&out, &seen, 7, 20);
    cJSON *j = cJSON_ParseWithLength((const char *)out.data, out.bytes);
    assert_non_null(j);
    assert_string_equal(cJSON_GetObjectItem(j, "episode")->valuestring, "18446744073709551615");
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(j, "actors")), 6); /* no controller, no spectator */
    cJSON_Delete(j);
    base_buffer_clear(&out);
    eval_view_shapes_json(&out, &seen);
    j = cJSON_ParseWithLength((const char *)out.data, out.bytes);
    assert_int_equal(cJSON_GetArraySize(j), 5);
    cJSON_Delete(j);
    base_buffer_free(&out);
}

/* The lanes of the plan cover the driving area that the map itself tells, and every map is JSON. */
static void test_plan(void **state)
{
    (void)state;
    static const char *const maps[] = { "configs/maps/training_loop.xodr", "configs/maps/driving_loop.xodr" };
    for (size_t m = 0; m < sizeof maps / sizeof *maps; m++) {
        base_error err = { 0 };
        road_map *roads = road_map_read(maps[m], NULL, &err);
        assert_non_null(roads);
        base_buffer out = { 0 };
        eval_view_map_json(&out, roads);
        cJSON *j = cJSON_ParseWithLength((const char *)out.data, out.bytes), *lane;
        assert_non_null(j);
        double area = 0, wanted = 0;
        cJSON_ArrayForEach(lane, cJSON_GetObjectItem(j, "lanes"))
        {
            cJSON *points = cJSON_GetArrayItem(lane, 1);
            if (strcmp(cJSON_GetArrayItem(lane, 0)->valuestring, "driving") != 0)
                continue;
            double twice = 0, x0 = 0, y0 = 0, xb = 0, yb = 0;
            int count = cJSON_GetArraySize(points) / 2, k = 0;
            assert_true(count >= 4);
            for (cJSON *p = points->child; p; p = p->next->next, k++) {
                double x = p->valuedouble, y = p->next->valuedouble;
                if (k == 0)
                    x0 = x, y0 = y;
                else
                    twice += (xb - x0) * (y - y0) - (x - x0) * (yb - y0);
                xb = x, yb = y;
            }
            area += fabs(twice) / 2;
        }
        road_map_info info = road_map_describe(roads);
        for (int road = 0; road < info.roads; road++)
            for (int section = 0; section < road_map_road(roads, road).sections; section++) {
                road_section_info s = road_map_section(roads, road, section);
                for (int l = s.lane_low; l <= s.lane_high; l++)
                    if (l && road_find_lane(roads, road, section, l) &&
                        road_lane_type(roads, road, section, l) == ROAD_LANE_DRIVING)
                        wanted += (s.s1 - s.s0) * road_lane_width(roads, road, section, l, (s.s0 + s.s1) / 2);
            }
        print_message("# %s: %.0f m2 of driving lanes drawn, %.0f m2 by length and width\n", maps[m], area, wanted);
        assert_true(fabs(area / wanted - 1) < 0.03); /* inner bends are shorter, outer ones longer; widths change */
        assert_true(cJSON_GetArraySize(cJSON_GetObjectItem(j, "marks")) > 4);
        cJSON_Delete(j);
        base_buffer_free(&out);
        road_map_destroy(roads);
    }
}

/* ---- what it answers ---- */

typedef struct shown { /* a server with a page and a client: a hero with two cameras, traffic, shapes */
    served *s;
    eval_view *view;
    client *c;
    int port;
    wire_actor_id hero, rgb, tags;
} shown;

static wire_actor_id spawn(client *c, const char *blueprint, base_pose pose, wire_actor_id parent, const char *role)
{
    base_error err = { 0 };
    wire_actor_id id;
    client_attribute attributes[] = { { "role_name", role }, { "image_size_x", "96" }, { "image_size_y", "64" } };
    client_spawn_options o = {
        .blueprint = blueprint, .pose = pose, .parent = parent, .attributes = attributes, .attribute_count = parent ? 3 : 1
    };
    MUST(client_spawn(c, &o, &id, &err));
    return id;
}

static shown show(eval_view_options o)
{
    base_error err = { 0 };
    char libraries[128];
    if (!eval_view_libraries(libraries, sizeof libraries)) {
        assert_null(eval_view_create(NULL, &o, &err));
        assert_non_null(strstr(err.text, "apt install libmicrohttpd-dev libjpeg62-turbo-dev"));
        print_message("skip: this build has no live page: %s\n", libraries);
        skip();
    }
    shown h = { .s = served_open(town_server_options_default()) };
    o.port = 0;
    h.view = eval_view_create(town_server_watch(h.s->server, &err), &o, &err);
    if (!h.view)
        fail_msg("%s", err.text);
    h.port = eval_view_port(h.view);
    served_go(h.s);
    h.c = h.s->client = served_join(h.s);
    size_t count;
    MUST(client_synchronous(h.c, 0.05, &err));
    const base_pose *points = client_spawn_points(h.c, &count, &err);
    base_pose mount = { { 1.5, 0, 1.8 }, { -8, 0, 0 } };
    for (int i = 0; i < 3; i++)
        spawn(h.c, "vehicle.audi.tt", points[5 + i], 0, "autopilot");
    h.hero = spawn(h.c, "vehicle.lincoln.mkz_2020", points[3], 0, "hero");
    h.rgb = spawn(h.c, "sensor.camera.rgb", mount, h.hero, "front");
    h.tags = spawn(h.c, "sensor.camera.semantic_segmentation", mount, h.hero, "front");
    MUST(client_listen(h.c, h.tags, &err));
    base_vec3 at = points[3].location;
    MUST(client_draw_text(h.c, at, "\"hero\" <b>&", (wire_color){ 255, 0, 0 }, -1, &err));
    MUST(client_draw_arrow(h.c, at, points[5].location, 0.2, 0.5, (wire_color){ 0, 255, 0 }, -1, &err));
    for (int i = 0; i < 5; i++)
        MUST(client_tick(h.c, &err));
    return h;
}

static void end(shown *h)
{
    double start_s = base_clock_s();
    eval_view_destroy(h->view);                 /* with pages open or not */
    assert_true(base_clock_s() - start_s < 20); /* the thread that draws gives way to all others on a busy machine */
    served_stop(h->s);
}

static char reply[REPLY_MAX + 1];

/* One request on a connection of its own; the reply until its end. Returns the status, *body the first byte after the headers. */
static int ask_once(int port, const char *request, const char **body, size_t *bytes)
{
    int fd = dial(port);
    put(fd, request, strlen(request));
    size_t had = 0;
    ssize_t got;
    double until_s = base_clock_s() + 10;
    while (had < REPLY_MAX && base_clock_s() < until_s && (got = get(fd, reply + had, REPLY_MAX - had, 5000)) > 0)
        had += (size_t)got;
    close(fd);
    reply[had] = 0;
    const char *end_of_headers = strstr(reply, "\r\n\r\n");
    if (!end_of_headers)
        fail_msg("no answer to %s: '%.200s'", request, reply);
    *body = end_of_headers + 4;
    *bytes = had - (size_t)(*body - reply);
    assert_non_null(strstr(reply, "Content-Security-Policy: default-src 'none'"));
    assert_non_null(strstr(reply, "Cross-Origin-Resource-Policy: same-origin"));
    return atoi(reply + strlen("HTTP/1.1 "));
}

/* The same, again while the simulator is too busy to answer, as 503 asks for. */
static int ask(int port, const char *request, const char **body, size_t *bytes)
{
    double until_s = base_clock_s() + 60;
    int status;
    while ((status = ask_once(port, request, body, bytes)) == 503 && base_clock_s() < until_s)
        assert_non_null(strstr(reply, "Retry-After: "));
    return status;
}

static int ask_path(int port, const char *path, const char **body, size_t *bytes)
{
    char request[256];
    snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: close\r\n\r\n", path, port);
    return ask(port, request, body, bytes);
}

static void test_answers(void **state)
{
    (void)state;
    eval_view_options o = eval_view_options_default();
    o.width_px = WIDTH;
    shown h = show(o);
    static const struct {
        int status;
        const char *request, *headers, *why;
    } cases[] = {
        { 200, "GET /", "Host: localhost", "the page" },
        { 200, "GET /?from=elsewhere", "Host: localhost", "with a query that means nothing to it" },
        { 200, "HEAD /view.js", "Host: localhost", "what a proxy may ask" },
        { 200, "GET /", "Host: localhost\r\nSec-Fetch-Site: cross-site", "a link on another site leads to the page" },
        { 200, "GET /map.json", "Host: localhost\r\nSec-Fetch-Site: same-origin", "the page's own request" },
        { 403, "GET /camera.jpg", "Host: localhost\r\nSec-Fetch-Site: cross-site", "another site shows our picture" },
        { 403, "GET /events", "Host: localhost\r\nSec-Fetch-Site: same-site", "another port of this machine" },
        { 403, "GET /", "Host: evil.example", "a name pointed at us" },
        { 403, "GET /map.json", "Host: evil.example:8080", "the same" },
        { 403, "POST /", "Host: evil.example\r\nContent-Length: 0", "whatever it wants" },
        { 400, "GET /camera.jpg?from=elsewhere", "Host: localhost", "no such camera" },
        { 404, "GET /nothing", "Host: localhost", "" },
        { 404, "GET /index.html", "Host: localhost", "the page has one name" },
        { 404, "GET /../../../../etc/passwd", "Host: localhost", "out of the folder, if there were one" },
        { 404, "GET /%2e%2e/%2e%2e/etc/passwd", "Host: localhost", "the same in disguise" },
        { 404, "GET //etc/passwd", "Host: localhost", "the same" },
        { 404, "GET /eval/page/view.js", "Host: localhost", "the source tree" },
        { 404, "GET /view.js/", "Host: localhost", "longer than a name it knows" },
        { 405, "POST /", "Host: localhost\r\nContent-Length: 3\r\n\r\nabc", "for looking only" },
        { 405, "PUT /camera.jpg", "Host: localhost\r\nContent-Length: 0", "the same" },
        { 405, "DELETE /map.json", "Host: localhost", "the same" },
        { 405, "OPTIONS /", "Host: localhost", "no site is given leave" },
        { 405, "POST /nothing", "Host: localhost\r\nContent-Length: 0", "wherever" },
    };
    const char *body;
    size_t bytes;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char request[512];
        snprintf(request, sizeof request, "%s HTTP/1.1\r\nConnection: close\r\n%s\r\n\r\n", cases[i].request, cases[i].headers);
        int status = ask(h.port, request, &body, &bytes);
        if (status != cases[i].status)
            fail_msg("%s with '%s' (%s): got %d, wanted %d", cases[i].request, cases[i].headers, cases[i].why, status,
                     cases[i].status);
        if (status == 405)
            assert_non_null(strstr(reply, "Allow: GET, HEAD\r\n"));
        if (!strncmp(cases[i].request, "HEAD", 4))
            assert_int_equal(bytes, 0);
    }
    int fd = dial(h.port); /* no Host at all, which HTTP/1.0 may do */
    PUT(fd, "GET / HTTP/1.0\r\n\r\n");
    char start[16] = "";
    assert_true(get(fd, start, sizeof start - 1, 5000) > 0);
    assert_memory_equal(start + strlen("HTTP/1.x "), "403", 3);
    close(fd);

    /* The pictures: the labels are those of the hero's own camera, tag by tag. */
    base_error err = { 0 };
    client_image image;
    MUST(client_image_get(h.c, h.tags, &image, &err));
    assert_int_equal(ask_path(h.port, "/labels.png?from=ego", &body, &bytes), 200);
    assert_non_null(strstr(reply, "Content-Type: image/png\r\n"));
    dataset_image labels = { 0 };
    MUST(dataset_png_decode_index(&labels, body, bytes, "labels.png", &err));
    assert_int_equal(labels.width_px, WIDTH);
    assert_int_equal(labels.height_px, HEIGHT);
    for (int i = 0; i < WIDTH * HEIGHT; i++)
        assert_int_equal(((const uint8_t *)labels.pixels)[i], image.bgra[4 * i + 2]);
    dataset_image_free(&labels);
    assert_int_equal(ask_path(h.port, "/camera.jpg", &body, &bytes), 200);
    assert_non_null(strstr(reply, "Content-Type: image/jpeg\r\n"));
    assert_true(bytes > 500);
    assert_memory_equal(body, "\xff\xd8\xff", 3);
    assert_memory_equal(body + bytes - 2, "\xff\xd9", 2);
    end(&h);
}

/* ---- events ---- */

static int open_events(int port)
{
    int fd = dial(port);
    PUT(fd, "GET /events?from=ego HTTP/1.1\r\nHost: localhost\r\n\r\n");
    return fd;
}

/* The status line of an event stream; 0: closed. */
static int status_of(int fd)
{
    char line[13] = "";
    for (size_t had = 0; had < 12;) {
        ssize_t got = get(fd, line + had, 12 - had, 5000);
        if (got <= 0)
            return 0;
        had += (size_t)got;
    }
    return atoi(line + 9);
}

/* Read on until the data of the next event of that name is complete; chunk headers of HTTP are taken out. */
static cJSON *next_event(int fd, char *text, size_t *had, const char *name)
{
    char mark[64];
    snprintf(mark, sizeof mark, "event: %s\ndata: ", name);
    for (double until_s = base_clock_s() + 10; base_clock_s() < until_s;) {
        char *begin = strstr(text, mark), *end_of_data = begin ? strstr(begin, "\n\n") : NULL;
        if (end_of_data) {
            *end_of_data = 0;
            cJSON *j = cJSON_Parse(begin + strlen(mark));
            size_t used = (size_t)(end_of_data + 2 - text);
            memmove(text, text + used, *had - used + 1);
            *had -= used;
            if (!j)
                fail_msg("event %s is no JSON", name);
            return j;
        }
        /* Chunks: "HEX\r\n" bytes "\r\n". Each event is shorter than the reader's block here, so that a chunk is whole texts. */
        ssize_t got = get(fd, text + *had, REPLY_MAX - *had, 5000);
        assert_true(got > 0);
        text[*had + (size_t)got] = 0;
        char *p = text + *had - (*had > 0); /* a \r may have come before its \n */
        *had += (size_t)got;
        for (char *cr; (cr = strstr(p, "\r\n"));) { /* drop the line of the chunk's length */
            char *line = cr;
            while (line > text && line[-1] != '\n')
                line--;
            memmove(line, cr + 2, *had - (size_t)(cr + 2 - text) + 1);
            *had -= (size_t)(cr + 2 - line);
            p = line;
        }
    }
    fail_msg("no event %s", name);
    return NULL;
}

static double field(const cJSON *j, const char *name)
{
    const cJSON *f = cJSON_GetObjectItem(j, name);
    assert_true(cJSON_IsNumber(f) || cJSON_IsBool(f));
    return cJSON_IsBool(f) ? cJSON_IsTrue(f) : f->valuedouble;
}

static void test_events(void **state)
{
    (void)state;
    eval_view_options o = eval_view_options_default();
    o.width_px = WIDTH;
    o.rate_hz = 30;
    shown h = show(o);
    base_error err = { 0 };
    static char text[REPLY_MAX + 1];
    size_t had = 0;
    text[0] = 0;
    int fd = open_events(h.port);
    cJSON *shapes = next_event(fd, text, &had, "shapes");
    assert_int_equal(cJSON_GetArraySize(shapes), 2);
    cJSON *label = cJSON_GetArrayItem(shapes, 0);
    assert_string_equal(cJSON_GetArrayItem(label, 0)->valuestring, "text");
    assert_string_equal(cJSON_GetArrayItem(label, 1)->valuestring, "#ff0000");
    assert_string_equal(cJSON_GetArrayItem(label, 8)->valuestring, "\"hero\" <b>&");
    cJSON_Delete(shapes);
    double serial = 0, frame = 0;
    for (int i = 0; i < 4; i++) {
        MUST(client_control(h.c, h.hero, (wire_vehicle_control){ .throttle = 1 }, &err) && client_tick(h.c, &err));
        cJSON *s = next_event(fd, text, &had, "state");
        assert_true(field(s, "serial") > serial);
        assert_true(field(s, "frame") >= frame);
        serial = field(s, "serial");
        frame = field(s, "frame");
        assert_int_equal(field(s, "ego"), h.hero);
        assert_int_equal(field(s, "synchronous"), 1);
        assert_int_equal(field(s, "clients"), 1);
        assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(s, "actors")), 6); /* four cars, two sensors */
        if (i == 3) {
            const char *body;
            size_t bytes;
            assert_int_equal(ask_path(h.port, "/map.json", &body, &bytes), 200);
            cJSON *map = cJSON_ParseWithLength(body, bytes);
            assert_string_equal(cJSON_GetObjectItem(map, "episode")->valuestring,
                                cJSON_GetObjectItem(s, "episode")->valuestring);
            assert_string_equal(cJSON_GetObjectItem(cJSON_GetObjectItem(map, "roads"), "name")->valuestring, "training_loop");
            assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(map, "tags")), WIRE_TAG_COUNT);
            cJSON_Delete(map);
        }
        cJSON_Delete(s);
    }
    MUST(client_draw_clear(h.c, &err)); /* texts stay, as in CARLA */
    shapes = next_event(fd, text, &had, "shapes");
    cJSON_Delete(shapes);
    close(fd);
    end(&h);
}

/* A page that takes nothing, half a request, and more pages than allowed: others are served, and ticks do not wait. */
static void test_bad_readers(void **state)
{
    (void)state;
    eval_view_options o = eval_view_options_default();
    o.width_px = WIDTH;
    o.viewers = 2;
    shown h = show(o);
    base_error err = { 0 };
    int deaf = open_events(h.port), second = open_events(h.port), half = dial(h.port);
    PUT(half, "GET /events HTTP/1.1\r\nHost: loc");
    assert_int_equal(status_of(second), 200);
    assert_int_equal(status_of(deaf), 200);
    int third = open_events(h.port);
    assert_int_equal(status_of(third), 503);
    close(third);
    double start_s = base_clock_s();
    for (int i = 0; i < 100; i++)
        MUST(client_tick(h.c, &err));
    assert_true(base_clock_s() - start_s < 30);
    close(second); /* its place is free as soon as something is written to it */
    int status = 0;
    for (double until_s = base_clock_s() + 10; status != 200 && base_clock_s() < until_s; base_sleep_s(0.1)) {
        MUST(client_tick(h.c, &err));
        third = open_events(h.port);
        status = status_of(third);
        close(third);
    }
    assert_int_equal(status, 200);
    end(&h); /* two connections are still open */
    close(deaf);
    close(half);
}

static void test_places(void **state)
{
    (void)state;
    eval_view_options o = eval_view_options_default();
    shown h = show(o);
    base_error err = { 0 };
    o.port = h.port;
    assert_null(eval_view_create(town_server_watch(h.s->server, &err), &o, &err));
    assert_non_null(strstr(err.text, "is in use"));
    o.port = 0;
    o.bind = "nowhere";
    assert_null(eval_view_create(town_server_watch(h.s->server, &err), &o, &err));
    assert_non_null(strstr(err.text, "'nowhere': expected an IPv4 address"));
    o = eval_view_options_default();
    o.rate_hz = 0;
    assert_null(eval_view_create(town_server_watch(h.s->server, &err), &o, &err));
    assert_non_null(strstr(err.text, "pictures a second is 0, expected 1 .. 30"));
    end(&h);
}

/* ---- a browser ---- */

typedef struct ticker {
    shown *h;
    atomic_bool stop;
    bool ok;
    base_error err;
} ticker;

static void *tick_on(void *user)
{
    ticker *t = user;
    t->ok = true;
    while (t->ok && !atomic_load(&t->stop)) {
        t->ok = client_control(t->h->c, t->h->hero, (wire_vehicle_control){ .throttle = 0.4f }, &t->err) &&
                client_tick(t->h->c, &t->err);
        base_sleep_s(0.02);
    }
    return NULL;
}

/* tests/eval/browser.py opens the page in headless Chromium, looks at what is there, presses its buttons, and says what is wrong. */
static void test_in_a_browser(void **state)
{
    (void)state;
    if (system("command -v chromium >/dev/null && command -v python3 >/dev/null") != 0) {
        print_message("skip: needs chromium and python3 (apt install chromium python3)\n");
        skip();
    }
    eval_view_options o = eval_view_options_default();
    o.width_px = 480;
    shown h = show(o);
    base_error err = { 0 };
    MUST(client_weather_preset(h.c, "HardRainSunset", &err));
    ticker t = { .h = &h };
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, tick_on, &t), 0);
    char command[512], line[512];
    const char *picture = getenv("LANELOOP_SCREENSHOT"); /* where to put what it looked like; NULL: nowhere */
    snprintf(command, sizeof command, "timeout 120 python3 tests/eval/browser.py http://127.0.0.1:%d/ %u %s 2>&1", h.port,
             h.hero, picture ? picture : "");
    FILE *p = popen(command, "r");
    assert_non_null(p);
    while (fgets(line, sizeof line, p))
        print_message("# browser: %s", line);
    int status = pclose(p);
    atomic_store(&t.stop, true);
    pthread_join(thread, NULL);
    if (!t.ok)
        fail_msg("ticking beside the browser: %s", t.err.text);
    assert_int_equal(status, 0);
    end(&h);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hosts),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_pace),
        cmocka_unit_test(test_whose_eyes),
        cmocka_unit_test(test_any_world_is_json),
        cmocka_unit_test(test_plan),
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_events),
        cmocka_unit_test(test_bad_readers),
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_in_a_browser),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
