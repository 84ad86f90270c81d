/* base/file.h — whole files, written so that a reader sees the old or the new content and never half of it. */
#ifndef BASE_FILE_H
#define BASE_FILE_H
#include "base/error.h"
#include <stdint.h>

/* Read a whole file. *data is heap memory with one zero byte behind the end (free() it). Larger than max_bytes: BASE_FORMAT. */
bool base_file_read(const char *path, size_t max_bytes, unsigned char **data, size_t *bytes, base_error *err);

/* Write path.tmp-PID beside the target, flush it to disk (fsync) when `durable`, rename it into place. */
bool base_file_write(const char *path, const void *data, size_t bytes, bool durable, base_error *err);

/* mkdir -p. An existing directory is fine, an existing file is an error. */
bool base_dir_create(const char *path, base_error *err);
/* rm -r of one directory tree; a missing one is fine. Does not follow links. */
bool base_dir_remove(const char *path, base_error *err);
bool base_file_exists(const char *path); /* a regular file or directory */
/* Write dir_tmp's content under its final name as one step: fsync the directory's files, rename dir_tmp -> dir.
 * An existing dir is moved aside first and removed afterwards. */
bool base_dir_replace(const char *dir_tmp, const char *dir, base_error *err);

/* Join with one '/', snprintf style; fails with BASE_ARGUMENT when it does not fit. */
bool base_path_join(char *out, size_t bytes, const char *a, const char *b, base_error *err);

/* CRC-32 (zlib's, ISO 3309), start with 0. */
uint32_t base_crc32(uint32_t crc, const void *data, size_t bytes);
#endif
