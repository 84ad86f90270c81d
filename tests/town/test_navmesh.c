/* The navigation mesh: its polygons and neighbours, crosswalks between sidewalks, and the bytes of the file. */
#include "base/clock.h"
#include "sim/town/navmesh.h"
#include "sim/town/scenery.h"
#include "sim/town/town.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static road_map *read_map(const char *path)
{
    base_error err = { 0 };
    road_map *map = road_map_read(path, NULL, &err);
    if (!map)
        fail_msg("%s", err.text);
    return map;
}

/* A street to the east with sidewalks on both sides; a crosswalk over it at s = 50 when asked for. */
static road_map *street(bool sidewalks, bool crosswalk)
{
    static char text[8192];
    const char *lane =
        "<lane id=\"%d\" type=\"%s\" level=\"false\"><width sOffset=\"0\" a=\"%g\" b=\"0\" c=\"0\" d=\"0\"/></lane>";
    char lanes[4][256];
    for (int i = 0; i < 4; i++)
        snprintf(lanes[i], sizeof lanes[i], lane, (int[]){ 2, 1, -1, -2 }[i], i == 0 || i == 3 ? "sidewalk" : "driving", 3.0);
    snprintf(
        text, sizeof text,
        "<?xml version=\"1.0\"?><OpenDRIVE><header revMajor=\"1\" revMinor=\"4\"/><road name=\"a\" length=\"100\" id=\"1\" "
        "junction=\"-1\"><link/><planView><geometry s=\"0\" x=\"0\" y=\"0\" hdg=\"0\" length=\"100\"><line/></geometry>"
        "</planView><lanes><laneSection s=\"0\"><left>%s%s</left><center><lane id=\"0\" type=\"none\" level=\"false\"/>"
        "</center><right>%s%s</right></laneSection></lanes>%s</road></OpenDRIVE>",
        sidewalks ? lanes[0] : "", lanes[1], lanes[2], sidewalks ? lanes[3] : "",
        !crosswalk
            ? ""
            : "<objects><object id=\"9\" name=\"zebra\" s=\"50\" t=\"0\" zOffset=\"0\" hdg=\"1.5707963\" orientation=\"+\" "
              "type=\"crosswalk\"><outline><cornerLocal u=\"-3\" v=\"-2\" z=\"0\"/><cornerLocal u=\"3\" v=\"-2\" z=\"0\"/>"
              "<cornerLocal u=\"3\" v=\"2\" z=\"0\"/><cornerLocal u=\"-3\" v=\"2\" z=\"0\"/></outline></object></objects>");
    base_error err = { 0 };
    road_map *map = road_map_parse(text, strlen(text), "street", NULL, &err);
    if (!map)
        fail_msg("%s", err.text);
    return map;
}

static nav_mesh built(const road_map *map)
{
    nav_mesh mesh;
    base_error err = { 0 };
    if (!nav_mesh_build(&mesh, map, &err))
        fail_msg("%s", err.text);
    return mesh;
}

static double area_of(const nav_polygon *p) /* negative: clockwise with y upwards, as Detour wants it */
{
    double twice = 0;
    for (int i = 0; i < p->count; i++) {
        base_vec3 a = p->corner[i], b = p->corner[(i + 1) % p->count];
        twice += a.x * b.y - b.x * a.y;
    }
    return twice / 2;
}

static double area_total(const nav_mesh *m, nav_area kind)
{
    double sum = 0;
    for (int i = 0; i < m->count; i++)
        sum -= m->polygons[i].area == kind ? area_of(&m->polygons[i]) : 0;
    return sum;
}

/* Every polygon turns the right way, every edge leads to a polygon that begins where the edge is. */
static void check_mesh(const nav_mesh *m, const char *name)
{
    for (int i = 0; i < m->count; i++) {
        const nav_polygon *p = &m->polygons[i];
        if (p->count < 3 || p->count > NAV_CORNERS_MAX || !(area_of(p) < 0))
            fail_msg("%s: polygon %d has %d corners and area %g", name, i, p->count, area_of(p));
        for (int k = 0; k < p->count; k++) {
            if (p->beyond[k] < -1 || p->beyond[k] >= m->count || p->beyond[k] == i)
                fail_msg("%s: polygon %d leads to %d", name, i, p->beyond[k]);
            if (p->beyond[k] < 0)
                continue;
            const nav_polygon *q = &m->polygons[p->beyond[k]];
            base_vec3 a = p->corner[k], b = p->corner[(k + 1) % p->count], middle = { (a.x + b.x) / 2, (a.y + b.y) / 2, 0 };
            double nearest = INFINITY;
            for (int e = 0; e < q->count; e++) {
                base_vec3 c = q->corner[e], d = base_vec3_sub(q->corner[(e + 1) % q->count], c);
                double length = d.x * d.x + d.y * d.y,
                       t = ((middle.x - c.x) * d.x + (middle.y - c.y) * d.y) / fmax(length, 1e-9);
                t = fmax(0, fmin(1, t));
                nearest = fmin(nearest, hypot(middle.x - c.x - t * d.x, middle.y - c.y - t * d.y));
            }
            if (nearest > 0.6)
                fail_msg("%s: polygon %d edge %d leads to %d, %.2f m off", name, i, k, p->beyond[k], nearest);
        }
    }
}

static int root(int *up, int i)
{
    while (up[i] != i)
        i = up[i] = up[up[i]];
    return i;
}

/* Share of the sidewalks' area in the largest part that can be walked through without leaving sidewalks and crosswalks. */
static double largest_part(const nav_mesh *m)
{
    int *up = malloc((size_t)m->count * sizeof *up);
    double *sum = calloc((size_t)m->count, sizeof *sum), most = 0;
    for (int i = 0; i < m->count; i++)
        up[i] = i;
    for (int i = 0; i < m->count; i++)
        for (int k = 0; k < m->polygons[i].count; k++) {
            int j = m->polygons[i].beyond[k];
            if (j >= 0 && m->polygons[i].area <= NAV_CROSSWALK && m->polygons[j].area <= NAV_CROSSWALK)
                up[root(up, i)] = root(up, j);
        }
    for (int i = 0; i < m->count; i++)
        if (m->polygons[i].area == NAV_SIDEWALK)
            most = fmax(most, sum[root(up, i)] -= area_of(&m->polygons[i]));
    free(up);
    free(sum);
    return most / area_total(m, NAV_SIDEWALK);
}

static void test_street(void **state)
{
    (void)state;
    road_map *map = street(true, false);
    nav_mesh m = built(map);
    check_mesh(&m, "street");
    assert_true(fabs(area_total(&m, NAV_SIDEWALK) - 2 * 100 * 2.15) < 0.1); /* 3 m less 0.2 and 0.65 m on the two sides */
    assert_true(fabs(area_total(&m, NAV_ROAD) - 2 * 100 * 3.2) < 0.1);      /* which begin where the sidewalks end */
    assert_true(fabs(largest_part(&m) - 0.5) < 1e-6);                       /* no way over the road */
    nav_mesh_free(&m);
    road_map_destroy(map);
}

static void test_crosswalk_joins_sidewalks(void **state)
{
    (void)state;
    road_map *map = street(true, true);
    nav_mesh m = built(map);
    check_mesh(&m, "crosswalk");
    assert_true(fabs(area_total(&m, NAV_CROSSWALK) - 4 * 6.4) < 0.1); /* from sidewalk to sidewalk: 6 m and twice 0.2 m */
    assert_true(fabs(area_total(&m, NAV_SIDEWALK) - 2 * 100 * 2.15) < 0.1);
    assert_true(largest_part(&m) > 0.999);
    nav_mesh_free(&m);
    road_map_destroy(map);
}

static int32_t int_at(const base_buffer *b, size_t offset)
{
    int32_t v;
    assert_true(offset + 4 <= b->bytes);
    memcpy(&v, b->data + offset, 4);
    return v;
}

static void test_no_sidewalks(void **state)
{
    (void)state;
    road_map *map = street(false, false);
    nav_mesh m = built(map);
    base_buffer file = { 0 };
    assert_int_equal(m.count, 0);
    assert_true(nav_mesh_write(&m, &file, NULL));
    assert_int_equal(file.bytes, 40);
    assert_memory_equal(file.data, "TESM\1\0\0\0\0\0\0\0", 12);
    base_buffer_free(&file);
    nav_mesh_free(&m);
    road_map_destroy(map);
}

static void test_file(void **state)
{
    (void)state;
    road_map *map = street(true, true);
    nav_mesh m = built(map);
    base_buffer file = { 0 };
    assert_true(nav_mesh_write(&m, &file, NULL));
    assert_memory_equal(file.data, "TESM\1\0\0\0\1\0\0\0", 12);
    assert_int_equal(int_at(&file, 44), (int)file.bytes - 48); /* the tile is the rest */
    assert_memory_equal(file.data + 48, "VAND\7\0\0\0", 8);
    int polygons = int_at(&file, 48 + 24), corners = int_at(&file, 48 + 28), links = int_at(&file, 48 + 32),
        triangles = int_at(&file, 48 + 44), nodes = int_at(&file, 48 + 48);
    assert_int_equal(polygons, m.count);
    assert_int_equal(nodes, 2 * m.count - 1);
    assert_true(corners < 4 * m.count); /* shared ones are there once */
    size_t at = 48 + 100 + 12 * (size_t)corners, links_at = at + 32 * (size_t)polygons;
    size_t tree_at = links_at + 12 * (size_t)links + 12 * (size_t)polygons + 4 * (size_t)triangles;
    assert_int_equal(tree_at + 16 * (size_t)nodes, file.bytes);
    for (int i = 0; i < polygons; i++) { /* polygons name existing corners and neighbours */
        const uint8_t *p = file.data + at + 32 * (size_t)i;
        for (int k = 0; k < p[30]; k++) {
            uint16_t corner, beyond;
            memcpy(&corner, p + 4 + 2 * k, 2);
            memcpy(&beyond, p + 16 + 2 * k, 2);
            assert_in_range(corner, 0, (uint64_t)corners - 1);
            assert_int_equal(beyond, m.polygons[i].beyond[k] + 1);
        }
    }
    int seen = 0; /* the tree names every polygon once, and escapes lead forward */
    for (int i = 0; i < nodes; i++) {
        int index = int_at(&file, tree_at + 16 * (size_t)i + 12);
        seen += index >= 0;
        assert_true(index < polygons && i - index <= nodes);
    }
    assert_int_equal(seen, polygons);
    base_buffer_free(&file);
    nav_mesh_free(&m);
    road_map_destroy(map);
}

static void test_our_maps(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        int sidewalks; /* on both sides of its streets; none along the country roads between them */
    } maps[] = { { "configs/maps/training_loop.xodr", 8 }, { "configs/maps/driving_loop.xodr", 6 } };
    for (size_t i = 0; i < 2; i++) {
        road_map *map = read_map(maps[i].path);
        nav_mesh m = built(map);
        check_mesh(&m, maps[i].path);
        assert_true(area_total(&m, NAV_SIDEWALK) > 1000);
        assert_true(largest_part(&m) > 1.0 / maps[i].sidewalks); /* the longest one is in one piece */
        nav_mesh_free(&m);
        road_map_destroy(map);
    }
}

static double distance_to(base_vec3 p, base_vec3 a, base_vec3 b)
{
    double dx = b.x - a.x, dy = b.y - a.y, length2 = dx * dx + dy * dy;
    double t = length2 > 0 ? fmax(0, fmin(1, ((p.x - a.x) * dx + (p.y - a.y) * dy) / length2)) : 0;
    return hypot(p.x - a.x - t * dx, p.y - a.y - t * dy);
}

/* Of a place from a polygon seen from above, 0 inside. */
static double distance_from(const nav_polygon *p, base_vec3 place)
{
    double nearest = INFINITY;
    bool inside = false;
    for (int i = 0; i < p->count; i++) {
        base_vec3 a = p->corner[i], b = p->corner[(i + 1) % p->count];
        nearest = fmin(nearest, distance_to(place, a, b));
        if ((a.y > place.y) != (b.y > place.y) && place.x < (b.x - a.x) * (place.y - a.y) / (b.y - a.y) + a.x)
            inside = !inside;
    }
    return inside ? 0 : nearest;
}

/* Who keeps to the mesh does not walk through street lights, whose feet are 0.1 m thick; polygons cut corners in bends. */
static void test_room_beside_street_lights(void **state)
{
    (void)state;
    static const char *const paths[] = { "configs/maps/training_loop.xodr", "configs/maps/town_grid.xodr" };
    base_error err;
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        road_map *map = read_map(paths[i]);
        nav_mesh m = built(map);
        town_scenery *scenery = town_scenery_build(map, 1, &err);
        if (!scenery)
            fail_msg("%s", err.text);
        int lights = 0;
        for (int k = 0; k < town_scenery_object_count(scenery); k++) {
            const town_scenery_object *o = town_scenery_object_at(scenery, k);
            if (strncmp(o->name, "StreetLight", 11) != 0)
                continue;
            lights++;
            for (int n = 0; n < m.count; n++)
                if (m.polygons[n].area == NAV_SIDEWALK && distance_from(&m.polygons[n], o->pose.location) < 0.2)
                    fail_msg("%s: %s at (%.2f, %.2f) is %.2f m from where people walk", paths[i], o->name, o->pose.location.x,
                             o->pose.location.y, distance_from(&m.polygons[n], o->pose.location));
        }
        assert_true(lights > 20);
        town_scenery_destroy(scenery);
        nav_mesh_free(&m);
        road_map_destroy(map);
    }
}

static void test_towns(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        double sidewalk_m2, crosswalk_m2, largest;
    } towns[] = { { "2020/Town01", 10000, 0, 0.2 }, { "2020/Town10HD", 5000, 500, 0.5 } };
    const char *dir = getenv("LANELOOP_TOWNS");
    if (!dir) {
        print_message("skip: LANELOOP_TOWNS names no folder with CARLA's towns\n");
        skip();
    }
    for (size_t i = 0; i < sizeof towns / sizeof towns[0]; i++) {
        char path[1024];
        snprintf(path, sizeof path, "%s/%s.xodr", dir, towns[i].name);
        road_map *map = read_map(path);
        double start = base_clock_s();
        nav_mesh m = built(map);
        base_buffer file = { 0 };
        assert_true(nav_mesh_write(&m, &file, NULL));
        double walk = area_total(&m, NAV_SIDEWALK), cross = area_total(&m, NAV_CROSSWALK), part = largest_part(&m);
        print_message("%s: %d polygons, %zu bytes in %.0f ms; sidewalks %.0f m2, the largest part %.2f; crosswalks %.0f m2\n",
                      towns[i].name, m.count, file.bytes, (base_clock_s() - start) * 1e3, walk, part, cross);
        check_mesh(&m, towns[i].name);
        assert_true(walk > towns[i].sidewalk_m2 && cross >= towns[i].crosswalk_m2 && part > towns[i].largest);
        base_buffer_free(&file);
        nav_mesh_free(&m);
        road_map_destroy(map);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_street),
        cmocka_unit_test(test_crosswalk_joins_sidewalks),
        cmocka_unit_test(test_no_sidewalks),
        cmocka_unit_test(test_file),
        cmocka_unit_test(test_our_maps),
        cmocka_unit_test(test_towns),
        cmocka_unit_test(test_room_beside_street_lights),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
