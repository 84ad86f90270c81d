#include "base/process.h"
#include "base/clock.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { CHILD_READY_FD = 3 };

bool base_process_start(base_process *p, const char *const argv[], base_error *err)
{
    *p = (base_process){ .ready_fd = -1, .alive_fd = -1 };
    int ready[2] = { -1, -1 }, alive[2] = { -1, -1 };
    if (pipe2(ready, O_CLOEXEC) != 0 || pipe2(alive, O_CLOEXEC) != 0) {
        base_fail(err, BASE_IO, "pipe: %s", strerror(errno));
        goto failed;
    }
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    /* dup2 onto itself would keep the close-on-exec flag: move a descriptor that already sits on the target away first. */
    while (ready[1] == CHILD_READY_FD || ready[1] == 0 || alive[0] == CHILD_READY_FD || alive[0] == 0) {
        int *fd = ready[1] == CHILD_READY_FD || ready[1] == 0 ? &ready[1] : &alive[0];
        int moved = fcntl(*fd, F_DUPFD_CLOEXEC, 10);
        if (moved < 0)
            break;
        close(*fd);
        *fd = moved;
    }
    posix_spawn_file_actions_adddup2(&actions, alive[0], 0);
    posix_spawn_file_actions_adddup2(&actions, 2, 1);
    posix_spawn_file_actions_adddup2(&actions, ready[1], CHILD_READY_FD);
    /* Its own process group: Ctrl-C on the terminal reaches us, and we stop the child after using it. */
    posix_spawnattr_setpgroup(&attributes, 0);
    sigset_t none, defaults;
    sigemptyset(&none);
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGINT);
    sigaddset(&defaults, SIGTERM);
    sigaddset(&defaults, SIGPIPE);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    int status = posix_spawnp(&p->pid, argv[0], &actions, &attributes, (char *const *)argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    if (status != 0) {
        p->pid = 0;
        base_fail(err, BASE_IO, "%s: cannot start: %s", argv[0], strerror(status));
        goto failed;
    }
    close(ready[1]);
    close(alive[0]);
    p->ready_fd = ready[0];
    p->alive_fd = alive[1];
    return true;
failed:
    for (int i = 0; i < 2; i++) {
        if (ready[i] >= 0)
            close(ready[i]);
        if (alive[i] >= 0)
            close(alive[i]);
    }
    return false;
}

bool base_process_read_line(base_process *p, char *line, size_t bytes, double timeout_s, base_error *err)
{
    double until = base_clock_s() + timeout_s;
    size_t used = 0;
    for (;;) {
        double left = until - base_clock_s();
        struct pollfd f = { p->ready_fd, POLLIN, 0 };
        int n = left > 0 ? poll(&f, 1, (int)(left * 1000) + 1) : 0;
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return base_fail(err, BASE_TIMEOUT, "the child process was not ready within %.0f s", timeout_s);
        char c;
        ssize_t got = read(p->ready_fd, &c, 1);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return base_fail(err, BASE_IO, "the child process ended before it was ready");
        if (c == '\n') {
            line[used] = 0;
            return true;
        }
        if (used + 1 >= bytes)
            return base_fail(err, BASE_FORMAT, "the child process wrote a line longer than %zu", bytes - 1);
        line[used++] = c;
    }
}

int base_process_stop(base_process *p, double grace_s)
{
    if (p->alive_fd >= 0)
        close(p->alive_fd);
    if (p->ready_fd >= 0)
        close(p->ready_fd);
    p->alive_fd = p->ready_fd = -1;
    int status = 0;
    if (p->pid <= 0)
        return 0;
    static const int signals[] = { 0, SIGTERM, SIGKILL };
    for (int i = 0; i < 3; i++) {
        if (signals[i])
            kill(p->pid, signals[i]);
        double until = base_clock_s() + grace_s;
        do {
            pid_t got = waitpid(p->pid, &status, i == 2 ? 0 : WNOHANG);
            if (got == p->pid || (got < 0 && errno != EINTR)) {
                p->pid = 0;
                return status;
            }
            base_sleep_s(0.005);
        } while (base_clock_s() < until);
    }
    p->pid = 0;
    return status;
}

bool base_process_self(char *path, size_t bytes, base_error *err)
{
    ssize_t n = readlink("/proc/self/exe", path, bytes - 1);
    if (n < 0)
        return base_fail(err, BASE_IO, "/proc/self/exe: %s", strerror(errno));
    path[n] = 0;
    return true;
}

static volatile sig_atomic_t stop_flag; /* a signal handler can reach nothing but a global */

static void on_stop(int signal_number)
{
    if (stop_flag) {
        signal(signal_number, SIG_DFL);
        raise(signal_number);
    }
    stop_flag = 1;
}

void base_stop_install(void)
{
    struct sigaction a = { .sa_handler = on_stop };
    sigemptyset(&a.sa_mask);
    sigaction(SIGINT, &a, NULL);
    sigaction(SIGTERM, &a, NULL);
    struct sigaction ignore = { .sa_handler = SIG_IGN };
    sigaction(SIGPIPE, &ignore, NULL);
}

bool base_stop_requested(void) { return stop_flag != 0; }
