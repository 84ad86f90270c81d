/* base/process.h — start a child program with posix_spawn (never a bare fork: OpenMP teams do not survive it) and talk over a pipe;
 * and a stop flag that Ctrl-C sets. */
#ifndef BASE_PROCESS_H
#define BASE_PROCESS_H
#include "base/error.h"
#include <sys/types.h>

typedef struct base_process {
    pid_t pid;    /* 0: none */
    int ready_fd; /* read end: what the child writes to its descriptor `ready` */
    int alive_fd; /* write end: closes with us, the child sees end of file on its standard input */
} base_process;

/* argv[0] is a path or a name on PATH; argv ends with NULL. In the child, descriptor 3 is the ready pipe and standard input the
 * alive pipe; standard output goes to stderr. */
bool base_process_start(base_process *p, const char *const argv[], base_error *err);
/* Read one line (without the newline) from the ready pipe; end of file or timeout is an error. */
bool base_process_read_line(base_process *p, char *line, size_t bytes, double timeout_s, base_error *err);
/* Close the alive pipe, wait grace_s for the exit, then SIGTERM, then SIGKILL. Returns the wait status (0 = clean exit). */
int base_process_stop(base_process *p, double grace_s);
/* Path of the running program (/proc/self/exe). */
bool base_process_self(char *path, size_t bytes, base_error *err);

/* Ctrl-C and SIGTERM set a flag instead of ending the process; a second Ctrl-C ends it at once. */
void base_stop_install(void);
bool base_stop_requested(void);
#endif
