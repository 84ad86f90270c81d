/* base: errors, arena, buffer, random numbers, geometry, CPU levels, the sleeping pool. */
#include "base/arena.h"
#include "base/buffer.h"
#include "base/cpu.h"
#include "base/geom.h"
#include "base/log.h"
#include "base/pool.h"
#include "base/random.h"
#include "base/spans.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void errors_keep_their_own_text(void **state)
{
    (void)state;
    base_error err;
    assert_false(base_fail(&err, BASE_IO, "%s: gone", "a"));
    assert_false(base_fail_in(&err, "while reading %d", 3));
    assert_string_equal(err.text, "while reading 3: a: gone");
    assert_int_equal(err.code, BASE_IO);
    base_fail(&err, BASE_FORMAT, "again: %s", err.text); /* the argument is the buffer itself */
    assert_string_equal(err.text, "again: while reading 3: a: gone");
    char longer[2000];
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = 0;
    base_fail(&err, BASE_FORMAT, "%s", longer);
    base_fail_in(&err, "%s", longer);
    assert_true(strlen(err.text) < sizeof err.text);
    assert_false(base_fail(NULL, BASE_IO, "nobody listens"));
}

static void keep_line(void *user, base_log_level level, const char *line)
{
    assert_int_equal(level, BASE_LOG_WARNING);
    strcpy(user, line);
}

static void log_lines_cannot_steer_a_terminal(void **state)
{
    (void)state;
    char line[1024] = "nothing";
    base_log log = { keep_line, line, BASE_LOG_WARNING };
    base_log_write(&log, BASE_LOG_INFO, "below the least level");
    assert_string_equal(line, "nothing");
    base_log_write(&log, BASE_LOG_WARNING,
                   "map '%s' not found, 20 \xc2\xb0"
                   "C",
                   "a\x1b[2J\nlaneloop: b\x7f");
    assert_string_equal(line, "map 'a?[2J?laneloop: b?' not found, 20 \xc2\xb0"
                              "C");
    base_log_write(NULL, BASE_LOG_WARNING, "nobody listens");
}

static void arena_gives_aligned_blocks(void **state)
{
    (void)state;
    base_arena a;
    assert_true(base_arena_create(&a, 1000, NULL));
    char *p = base_arena_take(&a, 1), *q = base_arena_take(&a, 65);
    assert_int_equal((uintptr_t)p % 64, 0);
    assert_ptr_equal(q, p + 64);
    size_t mark = base_arena_mark(&a);
    base_arena_take(&a, 128);
    base_arena_release(&a, mark);
    assert_ptr_equal(base_arena_take(&a, 8), p + 192);
    assert_int_equal(a.peak_bytes, 320);
    base_arena_destroy(&a);
    base_error err;
    assert_null(base_alloc_zero(SIZE_MAX / 2, 3, &err));
    assert_int_equal(err.code, BASE_MEMORY);
}

static void buffers_stop_at_their_bound(void **state)
{
    (void)state;
    base_buffer b = { .max_bytes = 1000 };
    for (int i = 0; i < 99; i++)
        assert_true(base_buffer_append(&b, "0123456789", 10));
    assert_true(base_buffer_printf(&b, "%s", "abc"));
    assert_int_equal(b.bytes, 993);
    base_buffer_consume(&b, 988);
    assert_memory_equal(b.data, "89abc", 5);
    assert_false(base_buffer_append(&b, &b, 996));
    assert_true(b.failed);
    assert_false(base_buffer_append(&b, "x", 1)); /* stays failed until cleared */
    base_buffer_clear(&b);
    assert_true(base_buffer_append(&b, "x", 1));
    base_buffer_free(&b);
}

static void random_streams_are_independent_and_fair(void **state)
{
    (void)state;
    base_random a = base_random_start(1, "augment", 2, 3), b = a, c = base_random_start(1, "augment", 3, 2);
    assert_true(base_random_bits(&a) == base_random_bits(&b));
    assert_true(base_random_bits(&a) != base_random_bits(&c));
    /* The draws of a seed are part of every dataset and checkpoint: they must never change. */
    base_random golden = base_random_start(1, "golden", 0, 0);
    assert_true(base_random_bits(&golden) == 0xef5e6b10143d491au);
    double sum = 0, square = 0;
    int counts[7] = { 0 };
    enum { N = 70000 };
    for (int i = 0; i < N; i++) {
        double x = base_random_normal(&a);
        sum += x;
        square += x * x;
        counts[base_random_below(&a, 7)]++;
        double u = base_random_uniform(&a);
        assert_true(u >= 0 && u < 1);
    }
    assert_true(fabs(sum / N) < 0.02 && fabs(square / N - 1) < 0.03); /* 5 sigma of N draws */
    for (int i = 0; i < 7; i++)
        assert_true(abs(counts[i] - N / 7) < 500);
    uint32_t index[100];
    for (uint32_t i = 0; i < 100; i++)
        index[i] = i;
    base_random_shuffle(&a, index, 100);
    unsigned seen = 0, fixed = 0;
    for (uint32_t i = 0; i < 100; i++) {
        seen += index[i];
        fixed += index[i] == i;
    }
    assert_int_equal(seen, 4950);
    assert_true(fixed < 20);
}

static void rotations_follow_carla(void **state)
{
    (void)state;
    base_pose p = { { 10, 20, 5 }, { 0, 90, 0 } };
    base_vec3 v = base_pose_to_world(&p, (base_vec3){ 1, 0, 0 }); /* yaw 90: forward is +y */
    assert_true(fabs(v.x - 10) < 1e-12 && fabs(v.y - 21) < 1e-12);
    p.rotation = (base_rotation){ 30, 0, 0 }; /* nose up: forward gains height */
    v = base_pose_to_world(&p, (base_vec3){ 1, 0, 0 });
    assert_true(fabs(v.z - 5.5) < 1e-12);
    base_random r = base_random_start(5, "pose", 0, 0);
    for (int i = 0; i < 1000; i++) {
        base_pose a = { { base_random_range(&r, -9, 9), 2, 3 },
                        { base_random_range(&r, -89, 89), base_random_range(&r, -180, 180),
                          base_random_range(&r, -180, 180) } };
        base_pose b = { { 1, base_random_range(&r, -9, 9), 0 },
                        { base_random_range(&r, -89, 89), base_random_range(&r, -180, 180), 7 } };
        base_vec3 local = { 0.3, -2, 1 }, back = base_pose_to_local(&a, base_pose_to_world(&a, local));
        assert_true(base_vec3_length(base_vec3_sub(back, local)) < 1e-12);
        base_pose ab = base_pose_compose(&a, &b);
        base_vec3 twice = base_pose_to_world(&a, base_pose_to_world(&b, local)), once = base_pose_to_world(&ab, local);
        assert_true(base_vec3_length(base_vec3_sub(twice, once)) < 1e-9);
    }
    assert_true(base_wrap_deg(540) == 180 && base_wrap_deg(-190) == 170 && fabs(base_wrap_rad(7) - (7 - 2 * BASE_PI)) < 1e-12);
}

static void unknown_and_missing_levels_are_errors(void **state)
{
    (void)state;
    base_error err;
    uint32_t bits, have = base_cpu_detect();
    char *outer = getenv("LANELOOP_ISA");
    assert_true(base_cpu_select("scalar", &bits, &err) && bits == 0);
    assert_string_equal(base_cpu_level_name(0), "scalar");
    assert_false(base_cpu_select("sse9", &bits, &err));
    assert_int_equal(err.code, BASE_ARGUMENT);
    assert_non_null(strstr(err.text, "avx512vnni"));
    size_t count;
    const base_cpu_level *levels = base_cpu_levels(&count);
    int missing = 0;
    for (size_t i = 0; i < count; i++) {
        bool ok = base_cpu_select(levels[i].name, &bits, &err);
        assert_int_equal(ok, (levels[i].bits & ~have) == 0);
        missing += !ok; /* no CPU is both x86 and ARM */
        if (!ok)
            assert_int_equal(err.code, BASE_UNSUPPORTED);
    }
    assert_true(missing > 0);
    if (outer) { /* the caller chose a level for this whole run, and this CPU must have it */
        assert_true(base_cpu_select(NULL, &bits, &err));
        return;
    }
    setenv("LANELOOP_ISA", "scalar", 1);
    assert_true(base_cpu_select(NULL, &bits, &err) && bits == 0);
    unsetenv("LANELOOP_ISA");
    assert_true(base_cpu_select(NULL, &bits, &err) && bits == have);
}

typedef struct job {
    atomic_int runs[1000];
    atomic_int workers;
} job;

static void count_item(void *user, int item, int worker)
{
    job *j = user;
    atomic_fetch_add(&j->runs[item], 1);
    atomic_fetch_or(&j->workers, 1 << worker);
}

static void pool_runs_every_item_once(void **state)
{
    (void)state;
    static job j;
    for (int threads = 1; threads <= 8; threads *= 2) {
        base_pool *p = base_pool_create(threads, NULL);
        assert_non_null(p);
        assert_int_equal(base_pool_threads(p), threads);
        for (int round = 0; round < 200; round++) {
            memset(&j, 0, sizeof j);
            int count = round * 5;
            base_pool_run(p, count, count_item, &j);
            for (int i = 0; i < 1000; i++)
                assert_int_equal(j.runs[i], i < count);
            assert_true(j.workers < 1 << threads);
        }
        base_pool_destroy(p);
    }
    memset(&j, 0, sizeof j);
    base_pool_run(NULL, 10, count_item, &j); /* no pool: the caller does it */
    assert_int_equal(j.runs[9], 1);
    assert_null(base_pool_create(-1, NULL));
}

static void spans_stop_at_their_capacity(void **state)
{
    (void)state;
    base_span list[2];
    base_spans s = { .list = list, .capacity = 2 };
    assert_true(base_spans_start(NULL) == 0); /* nobody asked: no clock */
    base_spans_end(NULL, 1, 2, 0);
    for (int i = 0; i < 3; i++)
        base_spans_end(&s, i, 10 + i, base_spans_start(&s));
    assert_int_equal(s.count, 2);
    assert_int_equal(s.lost, 1);
    assert_int_equal(list[1].node, 1);
    assert_int_equal(list[1].work, 11);
    assert_true(list[0].start_s > 0 && list[0].start_s <= list[0].end_s && list[0].end_s <= list[1].start_s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_keep_their_own_text),
        cmocka_unit_test(log_lines_cannot_steer_a_terminal),
        cmocka_unit_test(arena_gives_aligned_blocks),
        cmocka_unit_test(buffers_stop_at_their_bound),
        cmocka_unit_test(random_streams_are_independent_and_fair),
        cmocka_unit_test(rotations_follow_carla),
        cmocka_unit_test(unknown_and_missing_levels_are_errors),
        cmocka_unit_test(pool_runs_every_item_once),
        cmocka_unit_test(spans_stop_at_their_capacity),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
