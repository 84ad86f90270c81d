/* dataset/format.h — the text of dataset.json and of one episode line, both ways; nothing here opens an image.
 * For the reader, the writer and the tests; other rooms use dataset/dataset.h. */
#ifndef DATASET_FORMAT_H
#define DATASET_FORMAT_H
#include "base/buffer.h"
#include "dataset/dataset.h"

#define DATASET_MAX_FRAME_FILES (DATASET_MAX_CAMERAS * DATASET_KINDS)

/* Names, sizes, ranges, uniqueness: what the writer accepts and the reader demands. */
bool dataset_info_check(const dataset_info *info, base_error *err);
/* Append dataset.json; plan: JSON text stored as it is, or NULL. */
bool dataset_info_encode(base_buffer *out, const dataset_info *info, const char *plan, base_error *err);
bool dataset_info_decode(dataset_info *info, const char *text, size_t bytes, const char *name, base_error *err);

/* A decoded line owns its names; frame.map and frame.weather are NULL in it. */
typedef struct dataset_line {
    dataset_frame frame;
    char map[DATASET_NAME_BYTES], weather[DATASET_NAME_BYTES];
    dataset_file files[DATASET_MAX_FRAME_FILES];
} dataset_line;

/* Append the line with its newline. files[file_count] in order of camera and kind. */
bool dataset_line_encode(base_buffer *out, const dataset_info *info, const dataset_frame *f, const dataset_file *files,
                         int file_count, base_error *err);
/* text without the newline. Errors read "NAME:LINE: ...". Every image that info's cameras have must be listed exactly once, under
 * the path that its ID, split and camera give. */
bool dataset_line_decode(dataset_line *line, const dataset_info *info, const char *text, size_t bytes, const char *name,
                         int line_number, base_error *err);
#endif
