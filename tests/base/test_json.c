/* base: strict JSON and option tables. */
#include "base/options.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void good_json_keeps_its_lines(void **state)
{
    (void)state;
    static const char text[] = "{\n \"a\": [1,\n 2.5e3],\n \"b\": {\"c\": \"\\u00e9\\ud83d\\ude00 \xc3\xa9\"},"
                               " \"n\": \"18446744073709551615\" }\n";
    base_json j;
    base_error err;
    double d;
    uint64_t n;
    assert_true(base_json_parse(&j, text, strlen(text), "t", &err));
    const cJSON *a = cJSON_GetObjectItem(j.root, "a"), *b = cJSON_GetObjectItem(j.root, "b");
    assert_int_equal(base_json_line_of(&j, a), 2);
    assert_int_equal(base_json_line_of(&j, cJSON_GetArrayItem(a, 1)), 3);
    assert_int_equal(base_json_line_of(&j, b), 4);
    assert_true(base_json_u64(&j, j.root, "n", &n, &err) && n == UINT64_MAX);
    assert_false(base_json_double(&j, j.root, "b", &d, &err));
    assert_string_equal(err.text, "t:4: \"b\": a number expected, found an object");
    assert_null(base_json_member(&j, b, "x", &err));
    assert_string_equal(err.text, "t:4: key \"x\" is missing");
    base_json_free(&j);
}

static void bad_json_is_refused_with_its_line(void **state)
{
    (void)state;
    static const struct {
        const char *text, *part, *why;
    } cases[] = {
        { "", "t:1:", "empty" },
        { "{\"a\":1,\n\"b\":2,\n\"a\":3}", "t:3: key \"a\" stands twice, first on line 1", "duplicate key" },
        { "{\"a\":1} x", "t:1: the end of the text expected, found 'x'", "trailing text" },
        { "{\"a\":\n1e999}", "t:2: 1e999 is too large", "infinite number" },
        { "{\"a\":01}", "found '1'", "leading zero" },
        { "{\"a\":+1}", "a value expected", "plus sign" },
        { "{\"a\":1.}", "a digit expected", "no digit behind the point" },
        { "[1,]", "a value expected", "trailing comma" },
        { "{'a':1}", "a string expected", "wrong quotes" },
        { "{\"a\":tru}", "a value expected", "cut word" },
        { "{\"a\":\"x\n\"}", "closing quote", "line break in a string" },
        { "\"\\ud800\"", "low surrogate", "half a surrogate pair" },
        { "\"\\u0000\"", "hexadecimal", "NUL would cut the string" },
        { "\"\xff\"", "UTF-8 expected", "not UTF-8" },
        { "\"\xe0\x80\x80\"", "UTF-8 expected", "overlong" },
        { "{\"a\":1", "',' or '}' expected, found the end", "cut in half" },
        { "NaN", "a value expected", "not a number" },
        { "1111111111111111111111111111111111111111111111111111111111111111111", "at most 63", "cJSON would cut it" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        base_json j;
        base_error err = { 0 };
        if (base_json_parse(&j, cases[i].text, strlen(cases[i].text), "t", &err))
            fail_msg("%s was accepted", cases[i].why);
        if (!strstr(err.text, cases[i].part))
            fail_msg("%s: got \"%s\", wanted \"%s\"", cases[i].why, err.text, cases[i].part);
        assert_int_equal(err.code, BASE_FORMAT);
    }
    char deep[100];
    memset(deep, '[', sizeof deep);
    base_json j;
    base_error err;
    assert_false(base_json_parse(&j, deep, sizeof deep, "t", &err));
    assert_non_null(strstr(err.text, "nested deeper than 32"));
}

typedef struct sample_options {
    bool flag;
    int count;
    uint64_t seed;
    float rate;
    double far;
    char name[8];
    int kind;
    int inner;
} sample_options;
static const char *const kinds[] = { "red", "green", NULL };
static const base_option inner_table[] = { { "x", BASE_OPTION_INT, 0, 0, 0, 10, NULL, NULL, NULL, "" } };
static const base_option table[] = {
    { "flag", BASE_OPTION_BOOL, offsetof(sample_options, flag), 0, 0, 0, NULL, NULL, NULL, "" },
    { "count", BASE_OPTION_INT, offsetof(sample_options, count), 0, 1, 100, NULL, NULL, NULL, "" },
    { "seed", BASE_OPTION_U64, offsetof(sample_options, seed), 0, 0, 0, NULL, NULL, NULL, "" },
    { "rate", BASE_OPTION_FLOAT, offsetof(sample_options, rate), 0, 0, 1, NULL, NULL, NULL, "" },
    { "far", BASE_OPTION_DOUBLE, offsetof(sample_options, far), 0, -1e9, 1e9, NULL, NULL, NULL, "" },
    { "name", BASE_OPTION_STRING, offsetof(sample_options, name), 8, 0, 0, NULL, NULL, NULL, "" },
    { "kind", BASE_OPTION_ENUM, offsetof(sample_options, kind), 0, 0, 0, kinds, NULL, NULL, "" },
    { "inner", BASE_OPTION_OBJECT, offsetof(sample_options, inner), 1, 0, 0, NULL, inner_table, NULL, "" },
};
enum { TABLE = sizeof table / sizeof *table };

static void options_round_trip(void **state)
{
    (void)state;
    sample_options o = { true, 7, UINT64_MAX, 0.0005f, -2.5, "abc", 1, 3 }, back = { 0 };
    cJSON *printed = base_options_print(&o, table, TABLE);
    char *text = cJSON_PrintUnformatted(printed);
    assert_non_null(strstr(text, "\"rate\":0.0005,")); /* not 0.00050000002 */
    base_json j;
    base_error err;
    assert_true(base_json_parse(&j, text, strlen(text), "t", &err));
    assert_true(base_options_read(&back, table, TABLE, &j, j.root, &err));
    assert_true(back.flag && back.count == 7 && back.seed == UINT64_MAX && back.rate == 0.0005f && back.far == -2.5);
    assert_true(back.kind == 1 && back.inner == 3);
    assert_string_equal(back.name, "abc");
    base_json_free(&j);
    free(text);
    cJSON_Delete(printed);
}

static void bad_options_name_key_and_line(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want;
    } cases[] = {
        { "{\n\"cuont\":1}", "t:2: unknown key \"cuont\"; known: flag, count, seed, rate, far, name, kind, inner" },
        { "{\"count\":\"8x\"}", "t:1: \"count\": a whole number expected, found a string" },
        { "{\"count\":1.5}", "t:1: \"count\": a whole number expected, found 1.5" },
        { "{\"count\":0}", "t:1: \"count\": 1 to 100 expected, found 0" },
        { "{\"rate\":2}", "t:1: \"rate\": 0 to 1 expected, found 2" },
        { "{\"name\":\"12345678\"}", "t:1: \"name\": at most 7 characters expected, found 8" },
        { "{\"kind\":\"blue\"}", "t:1: \"kind\": one of \"red\", \"green\" expected, found \"blue\"" },
        { "{\"inner\":{\n\"x\":11}}", "t:2: \"x\": 0 to 10 expected, found 11" },
        { "{\"seed\":-1}",
          "t:1: \"seed\": a whole number from 0 to 2^53 (larger ones as a decimal string) expected, found -1" },
        { "{\"seed\":\"12 \"}", "t:1: \"seed\": decimal digits below 2^64 expected, found \"12 \"" },
        { "[]", "t:1: an object with options expected" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sample_options o = { 0 };
        base_json j;
        base_error err = { 0 };
        assert_true(base_json_parse(&j, cases[i].text, strlen(cases[i].text), "t", &err));
        assert_false(base_options_read(&o, table, TABLE, &j, j.root, &err));
        assert_string_equal(err.text, cases[i].want);
        base_json_free(&j);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_json_keeps_its_lines),
        cmocka_unit_test(bad_json_is_refused_with_its_line),
        cmocka_unit_test(options_round_trip),
        cmocka_unit_test(bad_options_name_key_and_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
