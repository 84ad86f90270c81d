/* laneloop report — summary.json, report.html and a table from run folders. */
#include "cli/cli.h"
#include "base/file.h"
#include "eval/report.h"
#include <stdio.h>

static const cli_command command = {
    "laneloop report RUN...",
    "Gather what a run folder holds (training log, evaluations, drives) into RUN/summary.json and the self-contained page\n"
    "RUN/report.html, and print the tables.",
    "laneloop report runs/demo",
};

static bool report_one(const char *dir, base_error *err)
{
    char summary[4096], page[4096];
    base_buffer table = { 0 };
    eval_report *r = eval_report_read(dir, err);
    bool ok = r && base_path_join(summary, sizeof summary, dir, "summary.json", err) &&
              base_path_join(page, sizeof page, dir, "report.html", err) && eval_report_write_summary(r, summary, err) &&
              eval_report_write_html(r, page, err) && eval_report_table(r, &table, err);
    if (ok)
        printf("%.*s\nsummary: %s\nreport:  %s\n", (int)table.bytes, (const char *)table.data, summary, page);
    base_buffer_free(&table);
    eval_report_destroy(r);
    return ok;
}

int cli_report(int argc, char **argv)
{
    enum { MOST = 64 };
    const char *runs[MOST];
    int count, status = cli_parse(&command, NULL, 0, argc, argv, runs, 1, MOST, &count);
    if (status != CLI_GO)
        return status;
    for (int i = 0; i < count; i++) {
        base_error err = { 0 };
        if (!report_one(runs[i], &err))
            return cli_fail(&err);
    }
    return 0;
}
