/* Labels of dots keep off each other. */
#include "eval/plot.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { GLYPHS_MAX = 512, DOTS = 5 };

/* Where the document puts its glyphs. */
static int glyphs(const base_buffer *svg, double at[GLYPHS_MAX][2])
{
    int count = 0;
    char *text = strndup((const char *)svg->data, svg->bytes);
    for (const char *p = text; (p = strstr(p, "<use ")) && count < GLYPHS_MAX; p++) {
        const char *x = strstr(p, " x=\""), *y = strstr(p, " y=\"");
        assert_true(x && y && sscanf(x, " x=\"%lf", &at[count][0]) == 1 && sscanf(y, " y=\"%lf", &at[count][1]) == 1);
        count++;
    }
    free(text);
    return count;
}

static int draw(const char *const labels[DOTS], const double x[DOTS], const double y[DOTS], double at[GLYPHS_MAX][2])
{
    base_error err;
    base_buffer svg = { 0 };
    eval_series series[DOTS];
    for (int i = 0; i < DOTS; i++) /* each a series of its own */
        series[i] =
            (eval_series){ .name = "", .x = x + i, .y = y + i, .count = 1, .color = i, .dots = true, .labels = labels + i };
    if (!eval_plot_lines(&svg, &(eval_plot_options){ .title = "" }, series, DOTS, &err))
        fail_msg("%s", err.text);
    int count = glyphs(&svg, at);
    base_buffer_free(&svg);
    return count;
}

static void labels_keep_apart(void **state)
{
    (void)state;
    static const double x[DOTS] = { 5, 5.001, 4.999, 0, 10 }, y[DOTS] = { 5, 5.01, 4.99, 0, 10 };
    static const char *const none[DOTS] = { NULL }, *const five[DOTS] = { "decoder", "encoder", "neck", "low", "high" };
    static double bare[GLYPHS_MAX][2], at[GLYPHS_MAX][2];
    int axes = draw(none, x, y, bare), all = draw(five, x, y, at);
    assert_int_equal(all, axes + 7 + 7 + 4 + 3 + 4);
    for (int i = axes; i < all; i++) {
        assert_true(at[i][0] > 40 && at[i][0] < 560 - 12); /* in the plot area, also that of the dot in the corner */
        for (int j = i + 1; j < all; j++)
            if (fabs(at[i][1] - at[j][1]) < 7 && fabs(at[i][0] - at[j][0]) < 1.5)
                fail_msg("glyphs %d and %d lie on each other at %.1f, %.1f", i, j, at[i][0], at[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(labels_keep_apart),
    };
    return cmocka_run_group_tests_name("plot", tests, NULL, NULL);
}
