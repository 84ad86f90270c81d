/* `laneloop doctor` as a user runs it: exit status and findings, against the embedded simulator as each release and against peers that are
 * broken in a known way. */
#include "base/clock.h"
#include "base/process.h"
#include "sim/client/client.h"
#include "tests/support/scripted_peer.h"
#include <cjson/cJSON.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

static const char *program(void) { return getenv("LANELOOP") ? getenv("LANELOOP") : "build/release/laneloop"; }

typedef struct report {
    int status;
    char text[65536]; /* stdout: a JSON object per line; stderr: lines that begin with "laneloop: " */
} report;

/* signal_after_s > 0: a Ctrl-C then; in the foreground, because timeout otherwise signals twice, and twice means at once. */
static FILE *start_doctor(int port, const char *more, double signal_after_s)
{
    char command[512];
    if (port)
        snprintf(command, sizeof command,
                 "exec timeout --foreground -s INT %g %s doctor --json --host 127.0.0.1 --port %d %s 2>&1",
                 signal_after_s > 0 ? signal_after_s : 120, program(), port, more);
    else
        snprintf(command, sizeof command, "exec timeout --foreground -s INT 120 %s doctor --json %s 2>&1", program(), more);
    FILE *f = popen(command, "r");
    assert_non_null(f);
    return f;
}

static report report_of(FILE *f)
{
    static report r;
    size_t n = fread(r.text, 1, sizeof r.text - 1, f);
    r.text[n] = 0;
    int status = pclose(f);
    r.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return r;
}

static report run_doctor(int port, const char *more, double signal_after_s)
{
    return report_of(start_doctor(port, more, signal_after_s));
}

/* Some finding has that grade and subject, and its text contains `part`; anything not "ok" says what to do. */
static bool says(const report *r, const char *grade, const char *about, const char *part)
{
    bool found = false;
    char line[4096];
    for (const char *at = r->text; *at;) {
        size_t n = strcspn(at, "\n");
        snprintf(line, sizeof line, "%.*s", (int)n, at);
        at += n + (at[n] == '\n');
        cJSON *j = line[0] == '{' ? cJSON_Parse(line) : NULL;
        if (!j)
            continue;
        const char *g = cJSON_GetStringValue(cJSON_GetObjectItem(j, "grade")),
                   *a = cJSON_GetStringValue(cJSON_GetObjectItem(j, "about")),
                   *f = cJSON_GetStringValue(cJSON_GetObjectItem(j, "finding"));
        assert_true(g && a && f);
        if (strcmp(g, "ok") != 0)
            assert_non_null(cJSON_GetObjectItem(j, "action"));
        found = found || (!strcmp(g, grade) && !strcmp(a, about) && strstr(f, part));
        cJSON_Delete(j);
    }
    return found;
}

#define EXPECT(r, grade, about, part)                                                                                          \
    do {                                                                                                                       \
        if (!says(&(r), grade, about, part))                                                                                   \
            fail_msg("no finding %s/%s with \"%s\" in:\n%s", grade, about, part, (r).text);                                    \
    } while (0)
#define EXPECT_STATUS(r, wanted)                                                                                               \
    do {                                                                                                                       \
        if ((r).status != (wanted))                                                                                            \
            fail_msg("exit status %d, expected %d:\n%s", (r).status, wanted, (r).text);                                        \
    } while (0)

static base_process start_server(const char *version, int *port)
{
    base_process s = { 0 };
    base_error err = { 0 };
    char line[256];
    const char *argv[] = { program(), "serve", "--port", "0", "--ready-fd", "3", "--carla-version", version, NULL };
    if (!base_process_start(&s, argv, &err) || !base_process_read_line(&s, line, sizeof line, 60, &err))
        fail_msg("%s", err.text);
    assert_int_equal(sscanf(line, "{\"rpc_port\":%d", port), 1);
    return s;
}

static client *connect_to(int port)
{
    base_error err = { 0 };
    client_options o = client_options_default();
    o.port = port;
    client *c = client_connect(&o, &err);
    if (!c)
        fail_msg("%s", err.text);
    return c;
}

static void a_sound_server_of_every_release(void **state)
{
    (void)state;
    static const char *const versions[] = { "0.9.13", "0.9.14", "0.9.15", "0.9.16" };
    for (size_t v = 0; v < 4; v++) {
        int port;
        base_process s = start_server(versions[v], &port);
        report r = run_doctor(port, "", 0);
        EXPECT_STATUS(r, 0);
        EXPECT(r, "ok", "version", versions[v]);
        EXPECT(r, "ok", "map", "training_loop");
        EXPECT(r, "ok", "frames", "20 ticks");
        EXPECT(r, "ok", "poses", "agree");
        EXPECT(r, "ok", "pictures", "");
        EXPECT(r, "ok", "clean-up", "");
        assert_null(strstr(r.text, "broken"));
        base_process_stop(&s, 20);
    }
}

static void without_a_host(void **state)
{
    (void)state;
    report r = run_doctor(0, "", 0);
    EXPECT_STATUS(r, 0);
    EXPECT(r, "ok", "libraries", "msgpack");
    EXPECT(r, "ok", "frames", "20 ticks");
    setenv("LANELOOP_ISA", "pentium", 1);
    r = run_doctor(0, "", 0);
    unsetenv("LANELOOP_ISA");
    EXPECT_STATUS(r, 1);
    EXPECT(r, "broken", "processor", "pentium");
}

static void nobody_listens(void **state)
{
    (void)state;
    int port;
    close(peer_listen_any(&port)); /* a port that was free a moment ago */
    report r = run_doctor(port, "", 0);
    EXPECT_STATUS(r, 1);
    EXPECT(r, "broken", "connection", "cannot connect");
    assert_non_null(strstr(r.text, "laneloop: broken: connection\n"));
}

static const struct {
    peer script;
    const char *about, *part, *why;
} sick[] = {
    { { .rubbish_on = "version" }, "connection", "not CARLA's protocol", "a web server" },
    { { .silent_on = "version" }, "connection", "no answer to version within 5 s", "accepts and says nothing" },
    { { .version = "0.9.11" }, "connection", "the server is CARLA 0.9.11", "too old" },
    { { .version = "0.9.16-\x1b[2J\xc2\x9b"
                   "2J" },
      "clock",
      "no world snapshot comes",
      "answers, does not tick, sends terminal codes" },
    { { .left_synchronous = true, .car_mps = 8, .pose_lag = 1 }, "poses", "of the frame before", "what 0.9.14 and 0.9.15 do" },
    { { .left_synchronous = true, .car_mps = 8, .pose_lag = 3 }, "poses", "message to parent", "another pose altogether" },
    { { .left_synchronous = true, .car_mps = 8, .ahead = 1 },
      "frames",
      "its data of this frame is missing",
      "a frame is skipped" },
    { { .left_synchronous = true, .car_mps = 8, .skip_frame = 1 }, "frames", "no data within 5 s", "a frame is lost" },
};

/* All at once: most of the time a doctor waits for what does not come. */
static void sick_servers(void **state)
{
    (void)state;
    enum { SICK = sizeof sick / sizeof *sick };
    static peer peers[SICK];
    FILE *doctors[SICK];
    for (size_t i = 0; i < SICK; i++) {
        peers[i] = sick[i].script;
        peer_start(&peers[i]);
        doctors[i] = start_doctor(peers[i].rpc_port, "", 0);
    }
    for (size_t i = 0; i < SICK; i++) {
        report r = report_of(doctors[i]);
        print_message("%s: %s\n", sick[i].why, r.status == 1 ? "noticed" : "NOT noticed");
        EXPECT(r, "broken", sick[i].about, sick[i].part);
        EXPECT_STATUS(r, 1);
        for (const char *c = r.text; *c; c++)
            assert_true(*c == '\n' || (unsigned char)*c >= 0x20);
        assert_int_equal(peers[i].destroyed, peers[i].spawned);
        peer_stop(&peers[i]);
    }
}

static void left_in_synchronous_mode(void **state)
{
    (void)state;
    int port;
    base_error err = { 0 };
    base_process s = start_server("0.9.16", &port);
    client *c = connect_to(port);
    assert_true(client_synchronous(c, 0.05, &err));
    client_settings_keep(c);
    assert_true(client_close(c, &err)); /* as a client that died: the mode stays */
    report r = run_doctor(port, "", 0);
    EXPECT_STATUS(r, 0);
    EXPECT(r, "warning", "settings", "nobody ticks");
    EXPECT(r, "ok", "frames", "20 ticks"); /* the doctor ticks by itself */
    c = connect_to(port);
    assert_true(client_settings(c).synchronous_mode); /* restored as found */
    assert_true(client_close(c, &err));
    r = run_doctor(port, "--reset", 0);
    EXPECT_STATUS(r, 0);
    c = connect_to(port);
    assert_false(client_settings(c).synchronous_mode || client_settings(c).fixed_delta_seconds.has);
    wire_episode_settings odd = client_settings(c);
    odd.synchronous_mode = odd.no_rendering_mode = true;
    assert_true(client_settings_set(c, &odd, &err));
    r = run_doctor(port, "", 0);
    EXPECT(r, "warning", "settings", "without a fixed step");
    EXPECT(r, "warning", "settings", "no_rendering_mode");
    assert_true(client_close(c, &err));
    base_process_stop(&s, 20);
}

static void interrupted(void **state)
{
    (void)state;
    static const double after_s[] = { 0.3, 1.0, 1.3, 1.6 }; /* the last ones fall into the self-test on an idle machine */
    int port;
    base_error err = { 0 };
    base_process s = start_server("0.9.16", &port);
    for (size_t i = 0; i < sizeof after_s / sizeof *after_s; i++) {
        report r = run_doctor(port, "", after_s[i]);
        /* on a busy machine the first signal may come before the program has begun */
        if (r.status != 0 && r.text[0] && !strstr(r.text, "laneloop: stopped"))
            fail_msg("exit status %d:\n%s", r.status, r.text);
        client *c = connect_to(port);
        size_t count;
        assert_false(client_settings(c).synchronous_mode);
        assert_true(client_wait_for_tick(c, &err) && client_wait_for_tick(c, &err));
        const wire_actor *const *all = client_actors(c, &count, &err);
        assert_non_null(all);
        for (size_t k = 0; k < count; k++)
            assert_true(strncmp(all[k]->description.id, "vehicle.", 8) != 0 &&
                        strncmp(all[k]->description.id, "sensor.", 7) != 0);
        assert_true(client_close(c, &err));
    }
    base_process_stop(&s, 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sound_server_of_every_release),
        cmocka_unit_test(without_a_host),
        cmocka_unit_test(nobody_listens),
        cmocka_unit_test(sick_servers),
        cmocka_unit_test(left_in_synchronous_mode),
        cmocka_unit_test(interrupted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
