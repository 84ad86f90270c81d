/* eval/runlog.h — numbers out of log files: JSON lines, CSV with a header line, and the names in a folder. */
#ifndef EVAL_RUNLOG_H
#define EVAL_RUNLOG_H
#include "base/error.h"

/* rows x columns of doubles, column after column; NaN where a line has no such value. */
typedef struct eval_table {
    double *values;
    size_t rows, columns, capacity; /* capacity: rows that `values` has room for */
} eval_table;
void eval_table_free(eval_table *t);
const double *eval_table_column(const eval_table *t, size_t column); /* [rows]; borrowed */

/* keys ends with NULL; column k is keys[k]. A torn last line is left out; any other bad line is an error with its number.
 * JSON lines: only objects whose "kind" is that word. CSV: a key that the header lacks is an error. */
bool eval_runlog_read(const char *path, const char *kind, const char *const *keys, eval_table *t, base_error *err);
bool eval_csv_read(const char *path, const char *const *keys, eval_table *t, base_error *err);

/* File names in a folder that end with `suffix`, sorted. */
typedef struct eval_names {
    char **items;
    size_t count;
} eval_names;
bool eval_names_read(const char *dir, const char *suffix, eval_names *names, base_error *err);
void eval_names_free(eval_names *names);
#endif
