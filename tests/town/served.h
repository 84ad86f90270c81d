/* tests/town/served.h — what the tests of the server share: a server on a thread of its own, ended by closing a pipe, clients of it, and
 * raw sockets for those who do not keep to the protocol. Everything fails the test instead of returning an error. */
#ifndef TESTS_TOWN_SERVED_H
#define TESTS_TOWN_SERVED_H
#include "sim/client/client.h"
#include "sim/town/town.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

typedef struct served {
    town_server *server;
    pthread_t thread;
    int pipe[2];
    bool ok;
    base_error err;
    base_log log;
    atomic_int warnings, losses; /* lines of the log: warnings, and readers that lost frames */
    client *client;              /* for tests with one; served_stop closes it */
} served;

static inline void served_count(void *user, base_log_level level, const char *line)
{
    if (level == BASE_LOG_WARNING)
        atomic_fetch_add(&((served *)user)->warnings, 1);
    if (strstr(line, "too slow for"))
        atomic_fetch_add(&((served *)user)->losses, 1);
}

static inline void *served_run(void *user)
{
    served *s = user;
    s->ok = town_server_run(s->server, NULL, s->pipe[0], &s->err);
    return NULL;
}

/* On the training map, with free ports and one thread for pictures; the rest as o says. */
static inline served *served_open(town_server_options o)
{
    served *s = calloc(1, sizeof *s);
    assert_non_null(s);
    s->log = (base_log){ served_count, s, BASE_LOG_INFO };
    o.map = "configs/maps/training_loop.xodr";
    o.maps_dir = "configs/maps";
    o.port = 0;
    o.threads = 1;
    o.log = &s->log;
    s->server = town_server_create(&o, &s->err);
    if (!s->server)
        fail_msg("%s", s->err.text);
    return s;
}

static inline served *served_go(served *s)
{
    assert_int_equal(pipe(s->pipe), 0);
    assert_int_equal(pthread_create(&s->thread, NULL, served_run, s), 0);
    return s;
}

static inline served *served_start(town_server_options o) { return served_go(served_open(o)); }

static inline town_server_stats served_stop(served *s)
{
    client_close(s->client, NULL);
    close(s->pipe[1]);
    pthread_join(s->thread, NULL);
    close(s->pipe[0]);
    if (!s->ok)
        fail_msg("server: %s", s->err.text);
    town_server_stats stats = town_server_stats_get(s->server);
    town_server_destroy(s->server);
    free(s);
    return stats;
}

/* Processor time of the server's thread. */
static inline double served_busy_s(const served *s)
{
    clockid_t clock;
    struct timespec t;
    assert_int_equal(pthread_getcpuclockid(s->thread, &clock), 0);
    assert_int_equal(clock_gettime(clock, &t), 0);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static inline client *served_join(const served *s)
{
    client_options o = client_options_default();
    base_error err = { 0 };
    o.port = town_server_rpc_port(s->server);
    client *c = client_connect(&o, &err);
    if (!c)
        fail_msg("%s", err.text);
    return c;
}

/* A server of a release with one client of it. */
static inline served *served_with_client(int version)
{
    town_server_options o = town_server_options_default();
    o.version = version;
    served *s = served_start(o);
    s->client = served_join(s);
    return s;
}

static inline void served_call(served *s, wire_method_id method, const void *args, void *result)
{
    base_error err = { 0 };
    if (!client_call(s->client, method, args, result, NULL, &err))
        fail_msg("%s", err.text);
}

#define MUST(CALL)                                                                                                             \
    do {                                                                                                                       \
        if (!(CALL))                                                                                                           \
            fail_msg("%s: %s", #CALL, err.text);                                                                               \
    } while (0)

/* ---- raw sockets ---- */

static inline int dial(int port)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    return fd;
}

static inline void put(int fd, const void *data, size_t bytes) { assert_int_equal(send(fd, data, bytes, MSG_NOSIGNAL), bytes); }
#define PUT(FD, TEXT) put(FD, TEXT, sizeof(TEXT) - 1)

/* Bytes that come within a while; 0: closed, -1: silence. */
static inline ssize_t get(int fd, void *data, size_t bytes, int wait_ms)
{
    struct pollfd p = { fd, POLLIN, 0 };
    if (poll(&p, 1, wait_ms) <= 0)
        return -1;
    ssize_t got = recv(fd, data, bytes, 0);
    return got < 0 ? 0 : got;
}

#define VERSION_CALL "\x94\x00\x01\xa7version\x91\x91\xc2"

static inline void assert_version_answered(int fd)
{
    char bytes[256];
    ssize_t got = get(fd, bytes, sizeof bytes, 5000);
    static const char want[] = "\x94\x01\x01\xc0\x91\x92\x01\xa6"
                               "0.9.16";
    assert_int_equal(got, sizeof want - 1);
    assert_memory_equal(bytes, want, sizeof want - 1);
}

static inline void send_join(int fd, uint32_t stream)
{
    uint8_t bytes[4] = { (uint8_t)stream, (uint8_t)(stream >> 8), (uint8_t)(stream >> 16), (uint8_t)(stream >> 24) };
    put(fd, bytes, 4);
}

static inline int listen_to(const served *s, uint32_t stream)
{
    int fd = dial(town_server_stream_port(s->server));
    send_join(fd, stream);
    return fd;
}
#endif
