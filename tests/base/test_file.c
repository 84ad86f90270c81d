/* base: atomic files and directories, child processes. */
#include "base/file.h"
#include "base/process.h"
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static char dir[] = "/tmp/laneloop-test-XXXXXX";

static const char *in(const char *name) /* one path at a time */
{
    static char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

static void files_appear_whole(void **state)
{
    (void)state;
    base_error err;
    unsigned char *data;
    size_t bytes;
    assert_true(base_dir_create(in("a/b/c"), &err));
    assert_true(base_dir_create(in("a/b/c"), &err));
    assert_true(base_file_write(in("a/b/c/file"), "hello", 5, true, &err));
    assert_true(base_file_read(in("a/b/c/file"), 5, &data, &bytes, &err));
    assert_int_equal(bytes, 5);
    assert_string_equal((char *)data, "hello");
    free(data);
    assert_false(base_file_read(in("a/b/c/file"), 4, &data, &bytes, &err));
    assert_non_null(strstr(err.text, "5 bytes, at most 4"));
    assert_false(base_file_read(dir, 4, &data, &bytes, &err));
    assert_false(base_file_read(in("missing"), 4, &data, &bytes, &err));
    assert_int_equal(err.code, BASE_IO);
    assert_false(base_dir_create(in("a/b/c/file"), &err)); /* a file is in the way */
    assert_int_equal(base_crc32(0, "123456789", 9), 0xcbf43926);
}

static void directories_are_replaced_as_a_whole(void **state)
{
    (void)state;
    base_error err;
    char tmp[PATH_MAX];
    assert_true(base_dir_create(in("whole"), &err));
    assert_true(base_file_write(in("whole/one"), "1", 1, false, &err));
    snprintf(tmp, sizeof tmp, "%s", in("whole.new"));
    assert_true(base_dir_create(tmp, &err));
    assert_true(base_file_write(in("whole.new/two"), "2", 1, false, &err));
    assert_true(base_dir_replace(tmp, in("whole"), &err));
    assert_true(base_file_exists(in("whole/two")));
    assert_false(base_file_exists(in("whole/one")));
    assert_false(base_file_exists(tmp));
}

static void removing_does_not_follow_links(void **state)
{
    (void)state;
    base_error err;
    char kept[PATH_MAX];
    snprintf(kept, sizeof kept, "%s", in("kept"));
    assert_true(base_dir_create(kept, &err) && base_dir_create(in("tree/x/y"), &err));
    assert_int_equal(symlink(kept, in("tree/x/link")), 0);
    assert_true(base_dir_remove(in("tree"), &err));
    assert_false(base_file_exists(in("tree")));
    assert_true(base_file_exists(kept));
    assert_true(base_dir_remove(in("tree"), &err)); /* a missing one is fine */
}

static void children_report_and_stop(void **state)
{
    (void)state;
    base_process p;
    base_error err;
    char line[64];
    const char *const ready[] = { "sh", "-c", "echo ready now >&3; cat >/dev/null", NULL };
    assert_true(base_process_start(&p, ready, &err));
    assert_true(base_process_read_line(&p, line, sizeof line, 10, &err));
    assert_string_equal(line, "ready now");
    assert_int_equal(base_process_stop(&p, 5), 0); /* it sees the end of its standard input and leaves by itself */
    const char *const dies[] = { "sh", "-c", "exit 3", NULL };
    assert_true(base_process_start(&p, dies, &err));
    assert_false(base_process_read_line(&p, line, sizeof line, 10, &err));
    assert_non_null(strstr(err.text, "ended before it was ready"));
    base_process_stop(&p, 5);
    const char *const silent[] = { "sleep", "60", NULL };
    assert_true(base_process_start(&p, silent, &err));
    assert_false(base_process_read_line(&p, line, sizeof line, 0.1, &err));
    assert_int_equal(err.code, BASE_TIMEOUT);
    assert_int_not_equal(base_process_stop(&p, 0.1), 0); /* had to be ended by a signal */
    const char *const none[] = { "/nonexistent/program", NULL };
    assert_false(base_process_start(&p, none, &err));
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
        cmocka_unit_test(files_appear_whole),
        cmocka_unit_test(directories_are_replaced_as_a_whole),
        cmocka_unit_test(removing_does_not_follow_links),
        cmocka_unit_test(children_report_and_stop),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
