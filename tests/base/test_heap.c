/* Freed memory stays, until it is handed back. */
#include "base/heap.h"
#include "tests/support/sanitized.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>
#include <cmocka.h>

enum { ARRAYS = 4, BYTES = 24 << 20 }; /* together more than glibc keeps by itself */

static long resident_pages(void)
{
    long size = 0, resident = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    assert_non_null(f);
    assert_int_equal(fscanf(f, "%ld %ld", &size, &resident), 2);
    fclose(f);
    return resident;
}

/* Page faults of filling and freeing large arrays. */
static long faults(void)
{
    struct rusage before, after;
    char *p[ARRAYS];
    getrusage(RUSAGE_SELF, &before);
    for (int i = 0; i < ARRAYS; i++) {
        p[i] = malloc(BYTES);
        assert_non_null(p[i]);
        memset(p[i], 1, BYTES);
        __asm__ volatile("" : : "r"(p[i]) : "memory"); /* or the array is left out */
    }
    for (int i = 0; i < ARRAYS; i++)
        free(p[i]);
    getrusage(RUSAGE_SELF, &after);
    return after.ru_minflt - before.ru_minflt;
}

static void kept_until_released(void **state)
{
    (void)state;
#if !defined(__GLIBC__)
    skip();
#endif
    if (SANITIZED) /* a heap of its own */
        skip();
    prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0); /* large pages are fewer faults */
    const long pages = ARRAYS * (BYTES / sysconf(_SC_PAGESIZE));
    for (int i = 0; i < 3; i++)
        assert_true(faults() > pages / 2);
    base_heap_keep();
    faults();
    assert_true(faults() < pages / 10);
    long before = resident_pages();
    base_heap_release();
    assert_true(resident_pages() < before - pages / 2);
    for (int i = 0; i < 3; i++)
        assert_true(faults() > pages / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kept_until_released),
    };
    return cmocka_run_group_tests_name("heap", tests, NULL, NULL);
}
