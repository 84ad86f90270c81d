/* eval/report.h — what a run folder tells: a summary for machines, a table for the terminal, a page for people.
 *
 * A run folder may hold, each part optional:
 *
 *     demo.json           {"seconds": S, "frames": N, ...}: what the script that made the folder measured
 *     train/log.jsonl     training log (model/train.h); or log.jsonl of the folder itself
 *     eval/NAME.json      one line of `laneloop eval --json`; NAME is fp32, int8, ...
 *     drive/NAME.json     result of one drive (eval/drive.h), with NAME.csv and NAME_*.png beside it, and route.csv
 *
 * summary.json gathers `seconds` and `frames` from demo.json; `road_iou_NAME`, `line_iou_NAME`, `model_bytes_NAME`, `infer_ms_NAME` for each
 * eval/NAME.json; and per drive an object NAME with route_m, route_completion_pct, collisions, lane_departures, mean_cross_track_m,
 * mean_speed_mps, driving_score_pct. IoU are 0..1. What a folder does not hold is absent. report.html is one file without
 * outside references. */
#ifndef EVAL_REPORT_H
#define EVAL_REPORT_H
#include "base/buffer.h"
#include <cjson/cJSON.h>

typedef struct eval_report eval_report;

/* Read a run folder. A folder with none of the parts is an error; a part that is there but unreadable is one too. */
eval_report *eval_report_read(const char *dir, base_error *err);
void eval_report_destroy(eval_report *r); /* NULL is accepted */

bool eval_report_write_summary(const eval_report *r, const char *path, base_error *err); /* summary.json */
bool eval_report_write_html(const eval_report *r, const char *path, base_error *err);    /* report.html */
/* The table as text lines, appended to out. */
bool eval_report_table(const eval_report *r, base_buffer *out, base_error *err);
#endif
