#include "base/file.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

bool base_file_read(const char *path, size_t max_bytes, unsigned char **data, size_t *bytes, base_error *err)
{
    *data = NULL;
    *bytes = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return base_fail(err, BASE_IO, "%s: cannot open: %s", path, strerror(errno));
    bool ok = false;
    size_t capacity = 0, used = 0;
    struct stat st;
    if (fstat(fd, &st) != 0 || S_ISDIR(st.st_mode)) {
        base_fail(err, BASE_IO, "%s: %s", path, S_ISDIR(st.st_mode) ? "is a directory, a file was expected" : strerror(errno));
        goto done;
    }
    if (st.st_size > 0 && (uintmax_t)st.st_size > max_bytes) {
        base_fail(err, BASE_FORMAT, "%s: %jd bytes, at most %zu are read", path, (intmax_t)st.st_size, max_bytes);
        goto done;
    }
    capacity = (size_t)st.st_size + 1; /* pipes and /proc report 0: the buffer grows below */
    *data = malloc(capacity + 1);
    while (*data) {
        ssize_t n = read(fd, *data + used, capacity - used);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            base_fail(err, BASE_IO, "%s: offset %zu: %s", path, used, strerror(errno));
            goto done;
        }
        if (n == 0) {
            (*data)[used] = 0;
            *bytes = used;
            ok = true;
            goto done;
        }
        used += (size_t)n;
        if (used > max_bytes) {
            base_fail(err, BASE_FORMAT, "%s: more than %zu bytes, at most these are read", path, max_bytes);
            goto done;
        }
        if (used == capacity) {
            capacity *= 2;
            unsigned char *grown = realloc(*data, capacity + 1);
            if (!grown)
                break;
            *data = grown;
        }
    }
    base_fail(err, BASE_MEMORY, "%s: out of memory for %zu bytes", path, capacity);
done:
    close(fd);
    if (!ok) {
        free(*data);
        *data = NULL;
    }
    return ok;
}

/* Flush the directory entry of path, so that a rename survives a power cut. Best effort: some file systems refuse. */
static void sync_parent(const char *path)
{
    char parent[PATH_MAX];
    if (snprintf(parent, sizeof parent, "%s", path) >= (int)sizeof parent)
        return;
    char *slash = strrchr(parent, '/');
    if (slash)
        *(slash == parent ? slash + 1 : slash) = 0;
    else
        strcpy(parent, ".");
    int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
}

bool base_file_write(const char *path, const void *data, size_t bytes, bool durable, base_error *err)
{
    char tmp[PATH_MAX];
    if (snprintf(tmp, sizeof tmp, "%s.tmp-%ld", path, (long)getpid()) >= (int)sizeof tmp)
        return base_fail(err, BASE_ARGUMENT, "%s: path longer than %d", path, PATH_MAX - 24);
    int fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0)
        return base_fail(err, BASE_IO, "%s: cannot create: %s", tmp, strerror(errno));
    const char *p = data;
    size_t left = bytes;
    bool ok = true;
    while (ok && left) {
        ssize_t n = write(fd, p, left);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            ok = base_fail(err, BASE_IO, "%s: offset %zu: %s", tmp, bytes - left, strerror(errno));
        else {
            p += n;
            left -= (size_t)n;
        }
    }
    if (ok && durable && fsync(fd) != 0)
        ok = base_fail(err, BASE_IO, "%s: fsync: %s", tmp, strerror(errno));
    if (close(fd) != 0 && ok)
        ok = base_fail(err, BASE_IO, "%s: close: %s", tmp, strerror(errno));
    if (ok && rename(tmp, path) != 0)
        ok = base_fail(err, BASE_IO, "%s: cannot rename into place: %s", path, strerror(errno));
    if (!ok)
        unlink(tmp);
    else if (durable)
        sync_parent(path);
    return ok;
}

bool base_dir_create(const char *path, base_error *err)
{
    char part[PATH_MAX];
    size_t n = strlen(path);
    if (n == 0 || n >= sizeof part)
        return base_fail(err, BASE_ARGUMENT, "a directory name of %zu characters was given, 1 to %zu are possible", n,
                         sizeof part - 1);
    for (size_t i = 1; i <= n; i++) {
        if (path[i] != '/' && path[i] != 0)
            continue;
        memcpy(part, path, i);
        part[i] = 0;
        struct stat st;
        if (mkdir(part, 0777) == 0 || (errno == EEXIST && stat(part, &st) == 0 && S_ISDIR(st.st_mode)))
            continue;
        return base_fail(err, BASE_IO, "%s: cannot create the directory: %s", part,
                         errno == EEXIST ? "a file of that name is in the way" : strerror(errno));
    }
    return true;
}

bool base_file_exists(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0;
}

/* One directory tree below dir_fd; depth-first. */
static bool remove_tree(int dir_fd, const char *name, const char *shown, int depth, base_error *err)
{
    if (unlinkat(dir_fd, name, 0) == 0 || errno == ENOENT)
        return true;
    if (errno != EISDIR && errno != EPERM)
        return base_fail(err, BASE_IO, "%s: cannot remove: %s", shown, strerror(errno));
    if (depth > 64)
        return base_fail(err, BASE_IO, "%s: directories nested deeper than 64", shown);
    int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
    if (!d) {
        if (fd >= 0)
            close(fd);
        return base_fail(err, BASE_IO, "%s: cannot open: %s", shown, strerror(errno));
    }
    bool ok = true;
    struct dirent *e;
    while (ok && (e = readdir(d)))
        if (strcmp(e->d_name, ".") && strcmp(e->d_name, ".."))
            ok = remove_tree(dirfd(d), e->d_name, shown, depth + 1, err);
    closedir(d);
    if (ok && unlinkat(dir_fd, name, AT_REMOVEDIR) != 0)
        ok = base_fail(err, BASE_IO, "%s: cannot remove: %s", shown, strerror(errno));
    return ok;
}

bool base_dir_remove(const char *path, base_error *err) { return remove_tree(AT_FDCWD, path, path, 0, err); }

static bool sync_directory_files(const char *dir, base_error *err)
{
    DIR *d = opendir(dir);
    if (!d)
        return base_fail(err, BASE_IO, "%s: cannot open: %s", dir, strerror(errno));
    bool ok = true;
    struct dirent *e;
    while (ok && (e = readdir(d))) {
        if (e->d_name[0] == '.')
            continue;
        int fd = openat(dirfd(d), e->d_name, O_RDONLY | O_CLOEXEC);
        if (fd < 0 || fsync(fd) != 0)
            ok = base_fail(err, BASE_IO, "%s/%s: cannot flush to disk: %s", dir, e->d_name, strerror(errno));
        if (fd >= 0)
            close(fd);
    }
    if (ok && fsync(dirfd(d)) != 0 && errno != EINVAL)
        ok = base_fail(err, BASE_IO, "%s: cannot flush to disk: %s", dir, strerror(errno));
    closedir(d);
    return ok;
}

bool base_dir_replace(const char *dir_tmp, const char *dir, base_error *err)
{
    if (!sync_directory_files(dir_tmp, err))
        return false;
    char old[PATH_MAX];
    if (snprintf(old, sizeof old, "%s.old-%ld", dir, (long)getpid()) >= (int)sizeof old)
        return base_fail(err, BASE_ARGUMENT, "%s: path longer than %d", dir, PATH_MAX - 24);
    bool had = base_file_exists(dir);
    /* One step where the file system can: a program killed between two renames would leave no directory of that name. */
    if (had && renameat2(AT_FDCWD, dir_tmp, AT_FDCWD, dir, RENAME_EXCHANGE) == 0) {
        sync_parent(dir);
        return base_dir_remove(dir_tmp, err);
    }
    if (had && rename(dir, old) != 0)
        return base_fail(err, BASE_IO, "%s: cannot move aside: %s", dir, strerror(errno));
    if (rename(dir_tmp, dir) != 0) {
        base_fail(err, BASE_IO, "%s: cannot rename into place: %s", dir, strerror(errno));
        if (had)
            rename(old, dir);
        return false;
    }
    sync_parent(dir);
    return !had || base_dir_remove(old, err);
}

bool base_path_join(char *out, size_t bytes, const char *a, const char *b, base_error *err)
{
    size_t n = strlen(a);
    bool slash = n > 0 && a[n - 1] != '/';
    if (snprintf(out, bytes, "%s%s%s", a, slash ? "/" : "", b) >= (int)bytes)
        return base_fail(err, BASE_ARGUMENT, "%s/%s: path longer than %zu", a, b, bytes - 1);
    return true;
}

uint32_t base_crc32(uint32_t crc, const void *data, size_t bytes) { return (uint32_t)crc32_z(crc, data, bytes); }
