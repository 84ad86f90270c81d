/* eval/report and eval/runlog: a run folder in, summary and page out; broken files are named. */
#include "base/file.h"
#include "base/json.h"
#include "eval/plot.h"
#include "eval/report.h"
#include "eval/runlog.h"
#include <limits.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static char dir[] = "/tmp/laneloop-report-XXXXXX";

static const char *put(const char *name, const char *text)
{
    static char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    if (text)
        assert_true(base_file_write(path, text, strlen(text), false, NULL));
    return path;
}

static void torn_logs_are_read_and_broken_ones_named(void **state)
{
    (void)state;
    static const char *const keys[] = { "step", "loss", NULL };
    eval_table t;
    base_error err;
    const char *path = put("log.jsonl", "{\"kind\":\"step\",\"step\":1,\"loss\":2}\n{\"kind\":\"epoch\",\"loss\":9}\n"
                                        "{\"kind\":\"step\",\"step\":2,\"loss\":null}\n{\"kind\":\"st");
    assert_true(eval_runlog_read(path, "step", keys, &t, &err));
    assert_int_equal(t.rows, 2);
    assert_true(eval_table_column(&t, 0)[1] == 2 && eval_table_column(&t, 1)[0] == 2 && isnan(eval_table_column(&t, 1)[1]));
    eval_table_free(&t);
    put("log.jsonl", "{\"kind\":\"step\"}\n{\"kind\":}\n");
    assert_false(eval_runlog_read(path, "step", keys, &t, &err));
    assert_non_null(strstr(err.text, "log.jsonl:2:1: a value expected"));
}

static void csv_columns_are_found_by_name(void **state)
{
    (void)state;
    static const char *const keys[] = { "y", "x", NULL };
    eval_table t;
    base_error err;
    const char *path = put("a.csv", "x,state,y\n1,run,2\n3,run,-4.5\n5,torn");
    assert_true(eval_csv_read(path, keys, &t, &err));
    assert_int_equal(t.rows, 2);
    assert_true(eval_table_column(&t, 0)[1] == -4.5 && eval_table_column(&t, 1)[1] == 3);
    eval_table_free(&t);
    put("a.csv", "x,state\n1,run\n");
    assert_false(eval_csv_read(path, keys, &t, &err));
    assert_non_null(strstr(err.text, "a.csv:1: column \"y\" expected"));
    put("a.csv", "x,state,y\n1,run,2\n1,run,2x\n");
    assert_false(eval_csv_read(path, keys, &t, &err));
    assert_non_null(strstr(err.text, "a.csv:3: 2 numbers expected"));
}

static void plots_are_svg_documents(void **state)
{
    (void)state;
    base_error err;
    base_buffer svg = { 0 };
    double x[] = { 0, 1, NAN, 3 }, y[] = { 1, 10, 100, 1000 }, none[] = { NAN, NAN };
    eval_series s = { "a", x, y, 4, 0, 0, .dashed = false }, empty = { "b", none, none, 2, 0, 0, .dashed = false };
    assert_true(eval_plot_lines(&svg, &(eval_plot_options){ .title = "t", .log_y = true }, &s, 1, &err));
    assert_true(base_buffer_append(&svg, "", 1));
    assert_non_null(strstr((char *)svg.data, "<svg"));
    assert_non_null(strstr((char *)svg.data, "</svg>"));
    base_buffer_free(&svg);
    assert_false(eval_plot_lines(&svg, &(eval_plot_options){ .title = "t" }, &empty, 1, &err));
    assert_non_null(strstr(err.text, "no finite value"));
}

/* How often `what` stands in the document that the series make; values of a logarithmic axis must be above 0. */
static int times_in_plot(const eval_series *s, bool log_x, const char *what)
{
    base_error err;
    base_buffer svg = { 0 };
    int count = 0;
    assert_true(eval_plot_lines(&svg, &(eval_plot_options){ .log_x = log_x }, s, 1, &err));
    assert_true(base_buffer_append(&svg, "", 1));
    for (const char *at = (char *)svg.data; (at = strstr(at, what)); at++)
        count++;
    base_buffer_free(&svg);
    return count;
}

static void dots_stand_where_a_line_would_run(void **state)
{
    (void)state;
    double x[] = { 0, 1, 10, 100 }, y[] = { 1, 2, 3, 4 };
    const char *labels[] = { NULL, "decoder", NULL, NULL };
    eval_series line = { "", x, y, 4, 0, 0, .dots = false }, dots = { "", x, y, 4, 0, 0, .dots = true };
    const char *fill = "fill:rgb(0%,45"; /* the series' colour, as an area: a dot */
    assert_int_equal(times_in_plot(&line, false, fill), 0);
    assert_int_equal(times_in_plot(&dots, false, fill), 4);
    assert_int_equal(times_in_plot(&dots, true, fill), 3); /* 0 has no place there */
    int without = times_in_plot(&dots, true, "<use");
    dots.labels = labels;
    assert_true(times_in_plot(&dots, true, "<use") > without); /* letters */
}

static void a_run_folder_becomes_summary_and_page(void **state)
{
    (void)state;
    base_error err;
    char path[PATH_MAX];
    assert_true(base_dir_create(put("run/eval", NULL), &err) && base_dir_create(put("run/drive", NULL), &err));
    put("run/demo.json", "{\"seconds\": 12, \"frames\": 400}");
    put("run/eval/int8.json", "{\"road_iou\":0.97,\"line_iou\":0.6,\"model_bytes\":1234,\"infer_ms\":2.5,\"frames\":9}");
    put("run/drive/route.csv", "s_m,x,y,yaw_deg,curvature_1pm,lane_width_m,junction\n0,0,0,0,0,3.5,-1\n9,9,0,0,0,3.5,-1\n");
    put("run/drive/control_frozen.csv", "x,y,s_m,cross_track_m,speed_mps,steer\n0,0,0,0,5,0\n9,1,9,1,5,0\n");
    put("run/drive/control_frozen.json", "{\"route_m\":9,\"route_completion_pct\":100,\"collisions\":0,\"lane_departures\":1,"
                                         "\"mean_cross_track_m\":0.5,\"mean_speed_mps\":5,\"driving_score_pct\":90,"
                                         "\"status\":\"completed <b>\"}");
    eval_report *r = eval_report_read(put("run", NULL), &err);
    if (!r)
        fail_msg("%s", err.text);
    snprintf(path, sizeof path, "%s", put("run/summary.json", NULL));
    assert_true(eval_report_write_summary(r, path, &err));
    base_json j;
    double v;
    assert_true(base_json_read(&j, path, &err));
    assert_true(base_json_double(&j, j.root, "seconds", &v, &err) && v == 12);
    assert_true(base_json_double(&j, j.root, "model_bytes_int8", &v, &err) && v == 1234);
    const cJSON *drive = base_json_member(&j, j.root, "control_frozen", &err);
    assert_true(drive && base_json_double(&j, drive, "lane_departures", &v, &err) && v == 1);
    base_json_free(&j);
    unsigned char *page;
    size_t bytes;
    snprintf(path, sizeof path, "%s", put("run/report.html", NULL));
    assert_true(eval_report_write_html(r, path, &err));
    assert_true(base_file_read(path, 1 << 24, &page, &bytes, &err));
    assert_non_null(strstr((char *)page, "completed &lt;b&gt;")); /* text from files is escaped */
    assert_null(strstr((char *)page, "http"));                    /* self-contained */
    assert_non_null(strstr((char *)page, "data:image/svg+xml;base64,"));
    free(page);
    eval_report_destroy(r);
    put("run/eval/int8.json", "{\"road_iou\":0.97,");
    assert_null(eval_report_read(put("run", NULL), &err));
    assert_non_null(strstr(err.text, "int8.json:1:"));
    assert_true(base_dir_create(put("empty", NULL), &err));
    assert_null(eval_report_read(put("empty", NULL), &err));
}

static int make_dir(void **state)
{
    (void)state;
    return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
    (void)state;
    return base_dir_remove(dir, NULL) ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(torn_logs_are_read_and_broken_ones_named),
        cmocka_unit_test(csv_columns_are_found_by_name),
        cmocka_unit_test(plots_are_svg_documents),
        cmocka_unit_test(dots_stand_where_a_line_would_run),
        cmocka_unit_test(a_run_folder_becomes_summary_and_page),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
