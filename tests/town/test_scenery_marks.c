/* Every type and colour of road mark, on a road of two lane sections with every type of lane: scanned across and along with rays. */
#include "sim/town/scenery.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define MARK(type, color) "<roadMark sOffset=\"0\" type=\"" type "\" color=\"" color "\" width=\"0.16\" laneChange=\"none\"/>"
#define LANE(id, type, width, mark)                                                                                            \
    "<lane id=\"" #id "\" type=\"" type "\" level=\"false\"><width sOffset=\"0\" a=\"" #width                                  \
    "\" b=\"0\" c=\"0\" d=\"0\"/>" mark "</lane>"
/* From left to right: sidewalk, border, biking, driving | driving, driving, parking, shoulder, median, driving */
#define SECTION(s)                                                                                                               \
    "<laneSection s=\"" #s "\"><left>" LANE(4, "sidewalk", 2, "") LANE(3, "border", 1, MARK("none", "standard")) LANE(           \
        2, "biking", 1.6, MARK("solid", "green"))                                                                                \
        LANE(1, "driving", 3.5, MARK("broken", "standard")) "</left><center><lane id=\"0\" type=\"none\" level=\"false\">" MARK( \
            "solid solid", "yellow") "</lane></center><right>" LANE(-1, "driving", 3.5, MARK("solid broken", "standard"))        \
            LANE(-2, "driving", 3.5, MARK("broken solid", "red")) LANE(-3, "parking", 2.4, MARK("botts dots", "standard"))       \
                LANE(-4, "driving", 3.5, MARK("broken broken", "blue")) LANE(-5, "shoulder", 1.5, "")                            \
                    LANE(-6, "median", 2, "") "</right></laneSection>"
static const char text[] =
    "<?xml version=\"1.0\"?><OpenDRIVE><header revMajor=\"1\" revMinor=\"4\"/><road name=\"\" length=\"200\" id=\"1\" "
    "junction=\"-1\"><planView><geometry s=\"0\" x=\"0\" y=\"0\" hdg=\"0\" length=\"200\"><line/></geometry>"
    "</planView><lanes>" SECTION(0) SECTION(47.3) SECTION(101) "</lanes></road></OpenDRIVE>";

static road_map *map;
static town_scenery *scenery;
static const scene *built;

static int build(void **state)
{
    (void)state;
    base_error err;
    map = road_map_parse(text, sizeof text - 1, "marks", NULL, &err);
    scenery = map ? town_scenery_build(map, 1, &err) : NULL;
    if (!scenery) {
        print_error("%s\n", err.text);
        return -1;
    }
    built = town_scenery_scene(scenery);
    return 0;
}

static int destroy(void **state)
{
    (void)state;
    town_scenery_destroy(scenery);
    road_map_destroy(map);
    return 0;
}

/* The road runs along +x, y grows to the right. Crowns of trees are looked through. */
static const scene_triangle *below(double x, double y)
{
    scene_hit hit;
    uint32_t ground = 1u << SCENE_TAG_ROADS | 1u << SCENE_TAG_ROAD_LINE | 1u << SCENE_TAG_SIDEWALKS | 1u << SCENE_TAG_TERRAIN;
    return scene_ground(built, x, y, 1, ground, &hit) ? &built->world.triangles[hit.triangle] : NULL;
}

static bool is_paint(const scene_triangle *t) { return t && t->tag == SCENE_TAG_ROAD_LINE; }

/* Middle and width of each painted run across the road at x between two places. */
static int runs_across(double x, double from, double to, double middle[4], double width[4], const float *rgb[4])
{
    const double step = 0.004;
    int n = 0;
    double began = NAN;
    for (double y = from; y <= to; y += step) {
        const scene_triangle *t = below(x, y);
        if (is_paint(t) && isnan(began) && n < 4) {
            began = y;
            rgb[n] = built->materials[t->material].rgb;
        } else if (!is_paint(t) && !isnan(began)) {
            middle[n] = 0.5 * (began + y);
            width[n++] = y - began;
            began = NAN;
        }
    }
    return n;
}

/* A double mark is two strips of one width, one width apart; which is solid follows from its name. */
static void every_type_of_mark_has_its_strips(void **state)
{
    (void)state;
    static const struct {
        const char *why;
        double border; /* y */
        int strips;
        bool solid[2];
        float rgb[3]; /* which channels are strong */
    } marks[] = {
        { "solid solid, yellow, of the centre", 0, 2, { true, true }, { 1, 1, 0 } },
        { "broken, white, left of lane 1", -3.5, 1, { false, false }, { 1, 1, 1 } },
        { "solid, green, left of the biking lane", -5.1, 1, { true, false }, { 0, 1, 0 } },
        { "solid broken, white", 3.5, 2, { true, false }, { 1, 1, 1 } },
        { "broken solid, red", 7.0, 2, { false, true }, { 1, 0, 0 } },
        { "botts dots, white", 9.4, 1, { false, false }, { 1, 1, 1 } },
        { "broken broken, blue", 12.9, 2, { false, false }, { 0, 0, 1 } },
    };
    for (size_t k = 0; k < sizeof marks / sizeof *marks; k++) {
        double full[2] = { 0, 0 };
        int places = 0, most = 0;
        for (double x = 30; x < 90; x += 0.061) {
            double middle[4], width[4];
            const float *rgb[4];
            int n = runs_across(x, marks[k].border - 0.36, marks[k].border + 0.36, middle, width, rgb);
            most = n > most ? n : most;
            places++;
            for (int i = 0; i < n; i++) {
                int strip = marks[k].strips == 2 && middle[i] > marks[k].border;
                double wanted = marks[k].strips == 2 ? marks[k].border + (strip ? 0.16 : -0.16) : marks[k].border;
                if (fabs(middle[i] - wanted) > 0.01 || fabs(width[i] - 0.16) > 0.012)
                    fail_msg("%s at x %.2f: a strip of %.3f m at %.3f m from the border", marks[k].why, x, width[i],
                             middle[i] - marks[k].border);
                full[strip]++;
                for (int c = 0; c < 3; c++) {
                    float strongest = fmaxf(rgb[i][0], fmaxf(rgb[i][1], rgb[i][2]));
                    assert_true((rgb[i][c] > 0.6f * strongest) == (marks[k].rgb[c] > 0));
                }
            }
        }
        assert_int_equal(most, marks[k].strips);
        for (int i = 0; i < marks[k].strips; i++) {
            double share = full[i] / places;
            if (marks[k].solid[i] ? share < 0.999 : share < 0.05 || share > 0.5)
                fail_msg("%s: strip %d is there on %.2f of the way", marks[k].why, i, share);
        }
    }
}

/* Lane sections end at 47.3 and 101 m; the dashes do not notice. */
static void dashes_keep_their_rhythm_over_sections(void **state)
{
    (void)state;
    static const struct {
        double y;
        const char *why;
    } lines[] = { { -3.5, "broken" }, { 3.5 + 0.16, "broken half of solid broken" }, { 12.9 - 0.16, "left of broken broken" } };
    for (size_t k = 0; k < sizeof lines / sizeof *lines; k++) {
        double last = NAN, period = NAN;
        int dashes = 0;
        bool before = true;
        for (double x = 1; x < 190; x += 0.02) {
            bool here = is_paint(below(x, lines[k].y));
            if (here && !before) { /* a dash begins */
                if (!isnan(last) && isnan(period))
                    period = x - last;
                if (!isnan(last) && fabs(x - last - period) > 0.05)
                    fail_msg("%s: dashes begin at %.2f and %.2f, others every %.2f m", lines[k].why, last, x, period);
                last = x;
                dashes++;
            }
            before = here;
        }
        assert_true(dashes > 12 && period > 5);
    }
}

static void every_type_of_lane_has_its_surface(void **state)
{
    (void)state;
    static const struct {
        double y, height;
        uint8_t tag;
        const char *why;
    } lanes[] = {
        { -7.1, 0.15, SCENE_TAG_SIDEWALKS, "sidewalk, behind its kerb" },
        { -5.6, 0, SCENE_TAG_ROADS, "border" },
        { -4.3, 0, SCENE_TAG_ROADS, "biking" },
        { -1.75, 0, SCENE_TAG_ROADS, "driving" },
        { 8.2, 0, SCENE_TAG_ROADS, "parking" },
        { 13.7, 0, SCENE_TAG_ROADS, "shoulder" },
        { 15.4, 0.15, SCENE_TAG_TERRAIN, "median, behind its kerb" },
    };
    for (size_t k = 0; k < sizeof lanes / sizeof *lanes; k++) {
        int right = 0, places = 0;
        for (double x = 20; x < 180; x += 0.37, places++) {
            scene_hit hit;
            uint32_t ground =
                1u << SCENE_TAG_ROADS | 1u << SCENE_TAG_ROAD_LINE | 1u << SCENE_TAG_SIDEWALKS | 1u << SCENE_TAG_TERRAIN;
            assert_true(scene_ground(built, x, lanes[k].y, 1, ground, &hit));
            right += hit.tag == lanes[k].tag && fabs(hit.point.z - lanes[k].height) < 0.004;
        }
        if (right < 0.95 * places) /* the rest: bays' lines */
            fail_msg("%s: %d of %d places", lanes[k].why, right, places);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_of_mark_has_its_strips),
        cmocka_unit_test(dashes_keep_their_rhythm_over_sections),
        cmocka_unit_test(every_type_of_lane_has_its_surface),
    };
    return cmocka_run_group_tests(tests, build, destroy);
}
