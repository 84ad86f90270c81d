/* `laneloop train` killed with SIGKILL at random moments and resumed gives the bytes of an undisturbed run. */
#include "base/clock.h"
#include "base/file.h"
#include "base/random.h"
#include "tests/support/synthetic_dataset.h"
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <setjmp.h>
#include <cmocka.h>

extern char **environ;

static char dir[256], config[300];

static pid_t start_training(const char *how, const char *run)
{
    const char *program = getenv("LANELOOP") ? getenv("LANELOOP") : "build/release/laneloop";
    char *argv[] = { (char *)program, "train", config, (char *)how, "--out", (char *)run, "--json", "--threads", "1", NULL };
    posix_spawn_file_actions_t quiet;
    posix_spawn_file_actions_init(&quiet);
    posix_spawn_file_actions_addopen(&quiet, 1, "/dev/null", O_WRONLY, 0);
    pid_t pid;
    int status = posix_spawn(&pid, program, &quiet, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&quiet);
    if (status != 0)
        fail_msg("%s: %s", program, strerror(status));
    return pid;
}

static long log_bytes(const char *run)
{
    char path[400];
    struct stat st;
    snprintf(path, sizeof path, "%s/log.jsonl", run);
    return stat(path, &st) == 0 ? (long)st.st_size : 0;
}

/* Wait for the end; kill it once its log has kill_at bytes (-1: never) and delay_s more have passed: a place in the run, not
 * on the clock of a busy machine. True when it ended by itself, and then with status 0. */
static bool run_until(const char *how, const char *run, long kill_at, double delay_s)
{
    pid_t pid = start_training(how, run);
    int status;
    while (waitpid(pid, &status, WNOHANG) == 0) {
        base_sleep_s(0.001);
        if (kill_at >= 0 && log_bytes(run) >= kill_at) {
            base_sleep_s(delay_s);
            kill(pid, SIGKILL);
            waitpid(pid, &status, 0);
            return WIFEXITED(status);
        }
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        fail_msg("train %s %s ended with status %d", how, run, status);
    return true;
}

static void check_same(const char *a, const char *b, const char *name)
{
    char pa[600], pb[600];
    unsigned char *da, *db;
    size_t na, nb;
    base_error err;
    snprintf(pa, sizeof pa, "%s/%s", a, name);
    snprintf(pb, sizeof pb, "%s/%s", b, name);
    if (!base_file_read(pa, 1 << 28, &da, &na, &err) || !base_file_read(pb, 1 << 28, &db, &nb, &err))
        fail_msg("%s", err.text);
    if (na != nb || memcmp(da, db, na) != 0)
        fail_msg("%s differs between %s and %s", name, a, b);
    free(da);
    free(db);
}

static void test_killed_and_resumed(void **state)
{
    (void)state;
    char whole[300], killed[300], last[400];
    base_error err;
    FILE *f;
    synthetic_dir(dir);
    const synthetic_options set = { .width_px = 96, .height_px = 64, .episodes = 6, .frames = 6, .seed = 3 };
    if (!synthetic_write(dir, &set, 1, -1, &err))
        fail_msg("%s", err.text);
    snprintf(config, sizeof config, "%s/config.json", dir);
    snprintf(whole, sizeof whole, "%s/whole", dir);
    snprintf(killed, sizeof killed, "%s/killed", dir);
    snprintf(last, sizeof last, "%s/checkpoints/last", killed);
    assert_non_null(f = fopen(config, "w"));
    fprintf(f,
            "{\"dataset\": \"%s\", \"net\": {\"base\": 8, \"depth\": 3}, \"epochs\": 4, \"batch\": 4, \"checkpoint_steps\": 2}",
            dir);
    fclose(f);

    assert_true(run_until("F", whole, -1, 0));
    long whole_bytes = log_bytes(whole);
    base_random r = base_random_start((uint64_t)getpid(), "kill", 0, 0);
    print_message("seed %d\n", (int)getpid());
    bool done = false;
    int kills = 0;
    for (int attempt = 0; !done && attempt < 20; attempt++) {
        /* eight times somewhere in the run, then to the end */
        long kill_at = attempt < 8 ? (long)(base_random_uniform(&r) * 0.8 * (double)whole_bytes) : -1;
        done = run_until(base_file_exists(last) ? "T" : "F", killed, kill_at, 0.03 * base_random_uniform(&r));
        kills += !done;
    }
    assert_true(done);
    assert_true(kills > 0);
    check_same(whole, killed, "checkpoints/last/model.safetensors");
    check_same(whole, killed, "checkpoints/last/optimizer.safetensors");
    check_same(whole, killed, "model/model.safetensors");
    synthetic_dir_remove(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_killed_and_resumed) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
