/* The configuration of collect and its expansion; the recording itself is tested against the real simulator in test_collect.sh. */
#include "base/file.h"
#include "dataset/collect.h"
#include "tests/support/synthetic_dataset.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static dataset_collect_config *config_of(const char *text, base_error *err)
{
    char dir[256], path[512];
    synthetic_dir(dir);
    snprintf(path, sizeof path, "%s/c.json", dir);
    assert_true(base_file_write(path, text, strlen(text), false, NULL));
    dataset_collect_config *c = dataset_collect_config_read(path, err);
    synthetic_dir_remove(dir);
    return c;
}

static const struct {
    const char *text, *expected;
} wrong[] = {
    { "{\"sed\": 1}", "c.json:1: " },
    { "{\n\"dt_s\": \"fast\"}", "c.json:2: " },
    { "{\"seed\": 1,\n\"seed\": 2}", "c.json:2: key \"seed\" stands twice" },
    { "{\"dt_s\": 5}", "\"dt_s\": 0.005 to 0.1 expected, found 5" },
    { "{\"episodes\": []}", "\"episodes\": an array of 1 to 32 objects expected" },
    { "{\"episodes\": [{\"frames\": 3}]}", "\"map\": an OpenDRIVE file or the name of a map expected" },
    { "{\"episodes\": [{\"map\": \"a\",\n \"split\": \"training\"}]}", "c.json:2: \"split\"" },
    { "{\"episodes\": [{\"map\": \"a\", \"from_m\": 10, \"to_m\": 5}]}", "\"to_m\": more than from_m (10) expected, found 5" },
    { "{\"episodes\": [{\"map\": \"a\", \"weathers\": [\"Sunny\"]}]}",
      "no weather is called \"Sunny\"; CARLA's are Default, ClearNoon" },
    { "{\"episodes\": [{\"map\": \"a\", \"weathers\": [{\"name\": \"x\", \"fog\": 3}]}]}",
      "unknown weather parameter \"fog\"" },
    { "{\"cameras\": [{\"width\": 3}]}", "c.json:1: " },
    { "{\"quality\": 4}", "\"quality\": 0 to 3 expected, found 4" },
    { "{\"episodes\": [{\"map\": \"a\", \"towns\": [1,\n -2]}]}", "c.json:2: \"towns\": whole numbers" },
    { "{\"seed\": 1} x", "the end of the text expected" },
};

static void wrong_configurations_name_the_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        base_error err = { 0 };
        if (config_of(wrong[i].text, &err))
            fail_msg("%s was accepted", wrong[i].text);
        if (!strstr(err.text, wrong[i].expected))
            fail_msg("%s gave \"%s\", \"%s\" expected in it", wrong[i].text, err.text, wrong[i].expected);
    }
}

static const char two_groups[] =
    "{\"seed\": 5, \"cameras\": [{\"name\": \"a\", \"depth\": true}, {\"name\": \"b\", \"yaw_deg\": 90, \"rgb\": false}],\n"
    " \"episodes\": [{\"map\": \"maps/one.xodr\", \"episodes\": 4, \"frames\": 7, \"sun_azimuth_spread_deg\": 180,\n"
    "   \"sun_altitude_spread_deg\": 10, \"weathers\": [\"ClearNoon\", {\"name\": \"fog\", \"like\": \"CloudySunset\", \"fog_density\": 60}]},\n"
    "  {\"map\": \"Town01\", \"split\": \"test\", \"spawn\": -1, \"perturbation\": {\"impulse_m\": 0.5},\n"
    "   \"episodes\": 5, \"towns\": [11, 9007199254740992], \"vehicles\": 7}], \"quality\": 1, \"camera_effects\": false}";

static void configurations_expand_to_episodes(void **state)
{
    (void)state;
    base_error err = { 0 };
    dataset_collect_config *c = config_of(two_groups, &err);
    if (!c)
        fail_msg("%s", err.text);
    assert_int_equal(c->camera_count, 2);
    assert_true(c->cameras[0].has[DATASET_DEPTH] && !c->cameras[1].has[DATASET_RGB] && c->cameras[1].has[DATASET_SEG]);
    dataset_collect_episode *e, *again;
    int count, count_again;
    assert_true(dataset_collect_expand(c, &e, &count, &err));
    assert_int_equal(count, 9);
    assert_string_equal(e[0].map_name, "one");
    assert_string_equal(e[4].map_name, "Town01");
    assert_string_equal(e[1].weather.name, "fog");
    assert_true(e[1].weather.parameters.fog_density == 60 && e[1].weather.parameters.cloudiness == 60);
    assert_string_equal(e[2].weather.name, "ClearNoon");
    assert_true(e[4].group->perturbation.impulse_m == 0.5);
    assert_true(c->quality == 1 && !c->camera_effects);
    assert_int_equal(e[4].group->vehicles, 7);
    for (int i = 0; i < 9; i++) /* none given: the config's seed; else in order, as evenly as they go */
        assert_true(e[i].town == (i < 4 ? 5 : i < 7 ? 11 : 9007199254740992u));
    for (int i = 0; i < 4; i++) {
        double base = i % 2 ? 15 : 45; /* sunset and noon */
        assert_true(fabs(e[i].weather.parameters.sun_altitude_angle - base) <= 10);
        assert_true(e[i].weather.parameters.sun_azimuth_angle >= 0 && e[i].weather.parameters.sun_azimuth_angle < 360);
        assert_true(e[i].place >= i / 4.0 && e[i].place < (i + 0.51) / 4.0); /* spread over the stretch */
        for (int k = 0; k < i; k++)
            assert_true(e[i].seed != e[k].seed &&
                        e[i].weather.parameters.sun_azimuth_angle != e[k].weather.parameters.sun_azimuth_angle);
    }
    c->group_count = 1; /* an episode does not depend on those behind it */
    assert_true(dataset_collect_expand(c, &again, &count_again, &err));
    assert_int_equal(count_again, 4);
    for (int i = 0; i < 4; i++)
        assert_true(again[i].seed == e[i].seed && again[i].place == e[i].place &&
                    !memcmp(&again[i].weather, &e[i].weather, sizeof e[i].weather));
    c->seed = 6;
    free(again);
    assert_true(dataset_collect_expand(c, &again, &count_again, &err));
    assert_true(again[0].seed != e[0].seed);
    free(again);
    free(e);
    dataset_collect_config_free(c);
}

static void printed_configurations_read_back(void **state)
{
    (void)state;
    base_error err = { 0 };
    dataset_collect_config *c = config_of(two_groups, &err);
    cJSON *o = dataset_collect_config_print(c);
    char *text = cJSON_Print(o);
    dataset_collect_config *back = config_of(text, &err);
    if (!back)
        fail_msg("%s", err.text);
    cJSON *o2 = dataset_collect_config_print(back);
    char *text2 = cJSON_Print(o2);
    assert_string_equal(text, text2);
    cJSON_free(text);
    cJSON_free(text2);
    cJSON_Delete(o);
    cJSON_Delete(o2);
    dataset_collect_config_free(c);
    dataset_collect_config_free(back);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_configurations_name_the_place),
        cmocka_unit_test(configurations_expand_to_episodes),
        cmocka_unit_test(printed_configurations_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
