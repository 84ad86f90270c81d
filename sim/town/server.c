/* The server: two listening sockets, one poll loop, and the clock of asynchronous mode. */
#include "base/clock.h"
#include "base/cpu.h"
#include "sim/town/serve.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ASK_STOP_MS       50
#define JOIN_S            10.0 /* a session that does not say its stream for so long is closed */
#define PAIR_TRIES        64   /* for two free ports side by side */
#define SEND_BUFFER_BYTES (4 << 20)
#define ACCEPT_PAUSE_S    1.0  /* after the process has run out of descriptors */
#define REFUSAL_LOG_S     10.0 /* a client that comes again and again gets one line in so many seconds */

town_server_options town_server_options_default(void)
{
    return (town_server_options){
        .bind = "127.0.0.1", .port = 2000, .version = 16, .seed = 1, .quality = 2, .async_period_s = 1.0 / 30, .stall_s = 10
    };
}

/* ---- listening ---- */

static int listen_on(const char *host, int port, base_error *err)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
    if (inet_pton(AF_INET, host, &a.sin_addr) != 1) {
        base_fail(err, BASE_ARGUMENT, "--bind %s: expected an IPv4 address such as 127.0.0.1 or 0.0.0.0", host);
        return -1;
    }
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), yes = 1;
    if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) == 0 &&
        bind(fd, (struct sockaddr *)&a, sizeof a) == 0 && listen(fd, 64) == 0)
        return fd;
    if (errno == EADDRINUSE)
        base_fail(err, BASE_NETWORK,
                  "%s:%d is in use, perhaps by another simulator; choose other ports with --port, or --port 0 for free ones",
                  host, port);
    else
        base_fail(err, BASE_NETWORK, "cannot listen on %s:%d: %s", host, port, strerror(errno));
    if (fd >= 0)
        close(fd);
    return -1;
}

static int port_of(int fd)
{
    struct sockaddr_in a;
    socklen_t bytes = sizeof a;
    return getsockname(fd, (struct sockaddr *)&a, &bytes) == 0 ? ntohs(a.sin_port) : 0;
}

static bool listen_pair(town_server *s, base_error *err)
{
    const town_server_options *o = &s->options;
    for (int i = 0; i < PAIR_TRIES; i++) {
        s->rpc_listen = listen_on(o->bind, o->port, err);
        if (s->rpc_listen < 0)
            return false;
        s->rpc_port = port_of(s->rpc_listen);
        s->stream_port = s->rpc_port + 1;
        s->stream_listen = s->stream_port <= 65535 ? listen_on(o->bind, s->stream_port, err) : -1;
        if (s->stream_listen >= 0)
            return true;
        close(s->rpc_listen);
        s->rpc_listen = -1;
        if (o->port)
            return base_fail_in(err, "stream port (RPC port + 1)");
    }
    return base_fail(err, BASE_NETWORK, "found no two free ports side by side on %s", o->bind);
}

/* ---- life ---- */

static bool open_world(town_server *s, base_error *err)
{
    const town_server_options *o = &s->options;
    base_error no_maps = { 0 };
    if (o->maps_dir)
        snprintf(s->maps_dir, sizeof s->maps_dir, "%s", o->maps_dir);
    else if (!town_maps_find(s->maps_dir, sizeof s->maps_dir, &no_maps))
        s->maps_dir[0] = 0;
    if (!s->maps_dir[0] && !strchr(o->map, '/') && !strstr(o->map, ".xodr"))
        return base_fail(err, no_maps.code, "map '%s': %s", o->map, no_maps.text);
    if (!town_map_path(s->maps_dir, o->map, s->start_path, sizeof s->start_path, err))
        return false;
    town_map *map = town_map_load(s->start_path, err);
    if (!map)
        return false;
    s->maps[s->map_count++] = map;
    town_options w = town_options_default();
    w.version = o->version;
    w.seed = o->seed;
    w.quality = o->quality;
    w.pool = s->pool;
    w.log = o->log;
    s->world = town_world_create(map, &w, err);
    return s->world != NULL;
}

town_server *town_server_create(const town_server_options *o, base_error *err)
{
    town_server *s = calloc(1, sizeof *s);
    if (!s) {
        base_fail(err, BASE_MEMORY, "out of memory for the server");
        return NULL;
    }
    s->options = *o;
    s->rpc_listen = s->stream_listen = -1;
    s->message.max_bytes = WIRE_FRAME_MAX_BYTES;
    uint32_t bits; /* the renderer chooses for itself, and would take the slowest for a level that it does not know */
    s->memory = base_cpu_select(NULL, &bits, err) ? wire_memory_create(WIRE_MEMORY_DEFAULT, err) : NULL;
    s->pool = s->memory ? base_pool_create(o->threads, err) : NULL;
    if (!s->pool || !listen_pair(s, err) || !open_world(s, err)) { /* the ports first: a busy one must fail at once */
        town_server_destroy(s);
        return NULL;
    }
    return s;
}

void town_server_destroy(town_server *s)
{
    if (!s)
        return;
    for (int i = 0; i < s->peer_count; i++)
        town_peer_destroy(s->peers[i]);
    for (int i = 0; i < s->session_count; i++)
        town_session_destroy(s->sessions[i]);
    if (s->rpc_listen >= 0)
        close(s->rpc_listen);
    if (s->stream_listen >= 0)
        close(s->stream_listen);
    if (s->world)
        s->world->watch = NULL;
    town_watch_destroy(s->watch); /* it has a renderer on the scenery */
    town_world_destroy(s->world);
    for (int i = 0; i < s->map_count; i++)
        town_map_destroy(s->maps[i]);
    base_pool_destroy(s->pool);
    base_buffer_free(&s->message);
    wire_memory_destroy(s->memory);
    free(s->states);
    free(s);
}

int town_server_rpc_port(const town_server *s) { return s->rpc_port; }
int town_server_stream_port(const town_server *s) { return s->stream_port; }

town_server_stats town_server_stats_get(const town_server *s)
{
    town_server_stats stats = s->stats;
    stats.rpc_connections = s->peer_count;
    stats.stream_sessions = s->session_count;
    return stats;
}

/* ---- connections ---- */

static void prepare_socket(int fd)
{
    int yes = 1, bytes = SEND_BUFFER_BYTES;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes); /* the kernel cuts it to its own limit */
}

static void close_peer(town_server *s, int index)
{
    town_peer_destroy(s->peers[index]);
    s->peers[index] = s->peers[--s->peer_count];
}

static void log_refusal(town_server *s, double now_s, const char *port, const char *why)
{
    s->stats.connections_refused++;
    if (s->stats.connections_refused > 1 && now_s - s->refusal_logged_s < REFUSAL_LOG_S)
        return;
    s->refusal_logged_s = now_s;
    base_log_write(s->options.log, BASE_LOG_WARNING, "a connection to the %s port is refused: %s (%llu refused so far)", port,
                   why, (unsigned long long)s->stats.connections_refused);
}

/* An official client may be silent for hours between calls, but each begins with one. Who has never asked anything gives way when all
 * places are taken, the longest here first. */
static void make_room(town_server *s, double now_s)
{
    int silent = -1;
    for (int i = 0; i < s->peer_count; i++)
        if (!s->peers[i]->has_asked && now_s - s->peers[i]->since_s > s->options.stall_s &&
            (silent < 0 || s->peers[i]->since_s < s->peers[silent]->since_s))
            silent = i;
    if (silent >= 0)
        close_peer(s, silent);
}

static void accept_all(town_server *s, int listener, bool rpc)
{
    const char *port = rpc ? "RPC" : "streaming";
    double now_s = base_clock_s();
    for (int i = 0; i < 16 && now_s >= s->accept_after_s; i++) {
        int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
                log_refusal(s, now_s, port, strerror(errno)); /* it stays in the queue and would wake the loop at once */
                s->accept_after_s = now_s + ACCEPT_PAUSE_S;
            }
            return;
        }
        prepare_socket(fd);
        if (rpc && s->peer_count == TOWN_PEERS_MAX)
            make_room(s, now_s);
        bool room = rpc ? s->peer_count < TOWN_PEERS_MAX : s->session_count < TOWN_PEERS_MAX;
        town_peer *p = room && rpc ? town_peer_create(fd, now_s) : NULL;
        town_session *t = room && !rpc ? town_session_create(fd, now_s) : NULL;
        if (p) {
            s->peers[s->peer_count++] = p;
        } else if (t) {
            s->sessions[s->session_count++] = t;
        } else {
            close(fd);
            log_refusal(s, now_s, port, room ? "out of memory" : "all places are taken");
        }
    }
}

/* ---- ticks ---- */

uint64_t town_server_cue(town_server *s)
{
    if (town_settings_get(s->world).synchronous_mode) {
        s->tick_pending = true;
        s->pending_since_s = base_clock_s();
    }
    return town_frame(s->world) + 1;
}

static bool run_tick(town_server *s, double dt_s)
{
    base_error err = { 0 };
    s->stats.ticks++;
    if (!town_tick(s->world, dt_s, town_server_sink(s), &err) && !s->failed) {
        s->failed = true;
        s->failure = err;
    }
    s->last_tick_s = base_clock_s();
    return !s->failed;
}

/* Who joined before the cue was sent is there, in the kernel's queues: take them in, so that they get this frame. */
static bool joins_ready(town_server *s, double now_s)
{
    accept_all(s, s->stream_listen, false);
    for (int i = s->session_count - 1; i >= 0; i--)
        if (s->sessions[i]->stream_id == 0 && !town_session_read(s, s->sessions[i], now_s))
            town_session_close(s, i);
    return !town_stream_expected(s, now_s);
}

/* Readers that still owe the last frame. Past the deadline they are closed, with a line in the log. */
static bool readers_ready(town_server *s, double now_s)
{
    bool ready = true, late = now_s - s->pending_since_s > s->options.stall_s;
    for (int i = s->session_count - 1; i >= 0; i--) {
        town_session *t = s->sessions[i];
        if (!town_session_waiting(t))
            continue;
        if (!late) {
            ready = false;
            continue;
        }
        base_log_write(s->options.log, BASE_LOG_WARNING,
                       "a reader of stream %u did not take a frame within %.0f s: its session is closed", t->stream_id,
                       s->options.stall_s);
        s->stats.sessions_stalled++;
        town_session_close(s, i);
    }
    return ready;
}

static bool tick_if_due(town_server *s)
{
    double now_s = base_clock_s();
    town_settings set = town_settings_get(s->world);
    double step_s = set.has_fixed_delta ? set.fixed_delta_s : s->options.async_period_s;
    if (set.synchronous_mode) {
        s->next_tick_s = now_s;
        s->tick_waiting = s->tick_pending && !(readers_ready(s, now_s) & joins_ready(s, now_s));
        if (!s->tick_pending || s->tick_waiting)
            return true;
        s->tick_pending = false;
        return run_tick(s, step_s);
    }
    s->tick_pending = s->tick_waiting = false;
    if (now_s < s->next_tick_s)
        return true;
    if (!set.has_fixed_delta) /* real time: the step is the wall time that passed, within reason */
        step_s = fmax(1e-3, fmin(0.1, now_s - s->last_tick_s));
    s->next_tick_s = fmax(now_s, s->next_tick_s + (set.has_fixed_delta ? set.fixed_delta_s : s->options.async_period_s));
    return run_tick(s, step_s);
}

/* ---- the loop ---- */

static bool peer_may_read(const town_server *s, const town_peer *p)
{
    return !p->at_end && !s->tick_pending && p->out.bytes - p->sent < TOWN_ANSWERS_HIGH && p->in.bytes < TOWN_REQUEST_MAX;
}

/* Half a message that does not go on would keep its memory for ever. */
static bool peer_stuck(const town_server *s, town_peer *p, double now_s)
{
    if (p->in.bytes == 0 || !peer_may_read(s, p))
        p->moved_s = now_s;
    if (now_s - p->moved_s <= s->options.stall_s)
        return false;
    base_log_write(s->options.log, BASE_LOG_WARNING,
                   "an RPC connection is closed: %zu bytes of a message came, and nothing more for %.0f s", p->in.bytes,
                   s->options.stall_s);
    return true;
}

static void handle_peers(town_server *s, const struct pollfd *polled, int polled_count)
{
    double now_s = base_clock_s();
    for (int i = polled_count - 1; i >= 0; i--) { /* backwards: closing moves the last one into the hole */
        town_peer *p = s->peers[i];
        short got = polled ? polled[i].revents : 0;
        bool keep = !(got & (POLLERR | POLLNVAL));
        if (keep && (got & POLLOUT))
            keep = town_peer_write(s, p);
        if (keep && (got & (POLLIN | POLLHUP)) && peer_may_read(s, p))
            keep = town_peer_read(p, now_s);
        if (keep && !s->tick_pending)
            keep = town_peer_serve(s, p);
        if (keep && p->at_end && !s->tick_pending && p->sent == p->out.bytes)
            keep = false;
        if (!keep || peer_stuck(s, p, now_s))
            close_peer(s, i);
    }
}

static void handle_sessions(town_server *s, const struct pollfd *polled, int polled_count)
{
    double now_s = base_clock_s();
    for (int i = polled_count - 1; i >= 0; i--) {
        town_session *t = s->sessions[i];
        bool keep = !(polled[i].revents & (POLLERR | POLLNVAL));
        if (keep && (polled[i].revents & (POLLIN | POLLHUP)))
            keep = town_session_read(s, t, now_s);
        if (keep && town_session_waiting(t))
            keep = town_session_write(s, t);
        if (t->close_at_s > 0 ? now_s >= t->close_at_s : t->stream_id == 0 && now_s - t->since_s > JOIN_S)
            keep = false;
        if (!keep)
            town_session_close(s, i);
    }
}

static short peer_events(const town_server *s, const town_peer *p)
{
    return (short)((peer_may_read(s, p) ? POLLIN : 0) | (p->sent < p->out.bytes ? POLLOUT : 0));
}

static int wait_ms(const town_server *s)
{
    if (s->tick_pending) /* a waiting tick is tried again when a socket moves, or soon */
        return s->tick_waiting ? 10 : 0;
    if (town_settings_get(s->world).synchronous_mode)
        return ASK_STOP_MS;
    double left_ms = ceil((s->next_tick_s - base_clock_s()) * 1000);
    return left_ms < 0 ? 0 : left_ms > ASK_STOP_MS ? ASK_STOP_MS : (int)left_ms;
}

/* False: the descriptor that keeps us alive has ended. */
static bool still_alive(int fd, short revents)
{
    char bytes[256];
    if (!(revents & (POLLIN | POLLHUP | POLLERR)))
        return true;
    ssize_t got = read(fd, bytes, sizeof bytes);
    return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
}

bool town_server_run(town_server *s, bool (*stop)(void), int extra_fd, base_error *err)
{
    static const int fixed = 3;
    struct pollfd *polled = malloc((size_t)(fixed + 2 * TOWN_PEERS_MAX) * sizeof *polled);
    if (!polled)
        return base_fail(err, BASE_MEMORY, "out of memory for the server's loop");
    s->last_tick_s = s->next_tick_s = base_clock_s();
    bool alive = true;
    while (alive && !s->failed && !(stop && stop())) {
        int peers = s->peer_count, sessions = s->session_count;
        bool accepts = base_clock_s() >= s->accept_after_s;
        polled[0] = (struct pollfd){ accepts ? s->rpc_listen : -1, POLLIN, 0 };
        polled[1] = (struct pollfd){ accepts ? s->stream_listen : -1, POLLIN, 0 };
        polled[2] = (struct pollfd){ extra_fd, POLLIN, 0 }; /* a negative descriptor is skipped */
        for (int i = 0; i < peers; i++)
            polled[fixed + i] = (struct pollfd){ s->peers[i]->fd, peer_events(s, s->peers[i]), 0 };
        for (int i = 0; i < sessions; i++)
            polled[fixed + peers + i] =
                (struct pollfd){ s->sessions[i]->fd, (short)(POLLIN | (town_session_waiting(s->sessions[i]) ? POLLOUT : 0)),
                                 0 };
        int timeout = wait_ms(s);
        if (poll(polled, (nfds_t)(fixed + peers + sessions), timeout) < 0 && errno != EINTR) {
            base_fail(err, BASE_IO, "poll: %s", strerror(errno));
            break;
        }
        alive = still_alive(extra_fd, polled[2].revents);
        handle_sessions(s, polled + fixed + peers,
                        sessions); /* joins before requests: a tick asked for after a join includes it */
        handle_peers(s, polled + fixed, peers);
        if (polled[1].revents)
            accept_all(s, s->stream_listen, false);
        if (polled[0].revents)
            accept_all(s, s->rpc_listen, true);
        tick_if_due(s);
        town_watch_serve(s);
        if (!s->tick_pending && s->peer_count)
            handle_peers(s, NULL, s->peer_count); /* requests that came while the tick was pending */
    }
    free(polled);
    if (s->failed)
        return base_fail(err, s->failure.code, "a tick failed: %s", s->failure.text);
    return true;
}
