/* Stream sessions: joining, sending without blocking, losing frames (asynchronous mode) or making the tick wait. */
#include "base/clock.h"
#include "sim/town/serve.h"
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define EXPECT_S 0.25 /* how long a tick waits for a join */
#define PARK_S   1.0  /* how long a session on an unknown stream is kept before it is closed */
#define OUT_KEEP ((size_t)256 << 10)

town_session *town_session_create(int fd, double now_s)
{
    town_session *t = calloc(1, sizeof *t);
    if (t) {
        t->fd = fd;
        t->since_s = now_s;
        t->out.max_bytes = 2 * WIRE_FRAME_MAX_BYTES;
    }
    return t;
}

void town_session_destroy(town_session *t)
{
    if (!t)
        return;
    close(t->fd);
    base_buffer_free(&t->out);
    free(t);
}

void town_session_close(town_server *s, int index)
{
    town_session *t = s->sessions[index];
    if (t->dropped)
        base_log_write(s->options.log, BASE_LOG_INFO, "a reader of stream %u lost %llu frames that it was too slow for",
                       t->stream_id, (unsigned long long)t->dropped);
    town_session_destroy(t);
    s->sessions[index] = s->sessions[--s->session_count];
}

bool town_session_waiting(const town_session *t) { return t->sent < t->out.bytes; }

static bool stream_exists(const town_server *s, uint32_t id)
{
    return id == WIRE_STREAM_SNAPSHOT || town_sensor_of_stream(s->world, id) != 0;
}

void town_stream_expect(town_server *s, uint32_t stream_id, double now_s)
{
    if (!stream_id || !stream_exists(s, stream_id))
        return;
    town_join *oldest = &s->joins[0];
    for (int i = 0; i < TOWN_JOINS_MAX; i++)
        if (s->joins[i].stream_id == 0 || s->joins[i].since_s < oldest->since_s)
            oldest = &s->joins[i];
    *oldest = (town_join){ stream_id, now_s };
}

bool town_stream_expected(town_server *s, double now_s)
{
    bool waiting = false;
    for (int i = 0; i < TOWN_JOINS_MAX; i++) {
        if (s->joins[i].stream_id && now_s - s->joins[i].since_s > EXPECT_S)
            s->joins[i] = (town_join){ 0, 0 };
        waiting |= s->joins[i].stream_id != 0;
    }
    return waiting;
}

static void joined(town_server *s, uint32_t stream_id)
{
    for (int i = 0; i < TOWN_JOINS_MAX; i++)
        if (s->joins[i].stream_id == stream_id) {
            s->joins[i] = (town_join){ 0, 0 };
            return; /* another client may still be on its way to the same stream */
        }
}

bool town_session_read(town_server *s, town_session *t, double now_s)
{
    uint8_t more[64];
    size_t room = t->stream_id ? sizeof more : WIRE_JOIN_BYTES - t->join_bytes;
    ssize_t got = recv(t->fd, t->stream_id ? more : t->join + t->join_bytes, room, 0);
    if (got == 0)
        return false;
    if (got < 0)
        return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
    if (t->stream_id) /* a client has nothing more to say on this port */
        return true;
    t->join_bytes += (size_t)got;
    if (t->join_bytes < WIRE_JOIN_BYTES)
        return true;
    t->stream_id = wire_join_read(t->join);
    if (t->stream_id == 0)
        return false;
    joined(s, t->stream_id);
    if (!stream_exists(s, t->stream_id)) {
        base_log_write(s->options.log, BASE_LOG_DEBUG, "a client joined stream %u, which does not exist", t->stream_id);
        t->close_at_s = now_s + PARK_S;
    }
    return true;
}

bool town_session_write(town_server *s, town_session *t)
{
    while (town_session_waiting(t)) {
        ssize_t put = send(t->fd, t->out.data + t->sent, t->out.bytes - t->sent, MSG_NOSIGNAL);
        if (put < 0)
            return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
        t->sent += (size_t)put;
        s->stats.bytes_sent += (uint64_t)put;
    }
    t->sent = 0;
    if (t->out.capacity_bytes > OUT_KEEP) { /* one large picture that waited must not keep its memory for ever */
        size_t most = t->out.max_bytes;
        base_buffer_free(&t->out);
        t->out = (base_buffer){ .max_bytes = most };
    } else {
        base_buffer_clear(&t->out);
    }
    return true;
}

static bool takes(const town_session *t, uint32_t stream_id) { return t->stream_id == stream_id && t->close_at_s == 0; }

bool town_stream_wanted(const town_server *s, uint32_t stream_id)
{
    for (int i = 0; i < s->session_count; i++)
        if (takes(s->sessions[i], stream_id))
            return true;
    return false;
}

/* Straight to the socket first: in the usual case nothing is copied. False: the session is beyond help. */
static bool send_to(town_server *s, town_session *t, const base_buffer *head, const void *body, size_t body_bytes)
{
    size_t total = head->bytes + body_bytes, done = 0;
    if (!town_session_waiting(t)) {
        struct iovec parts[2] = { { head->data, head->bytes }, { (void *)(uintptr_t)body, body_bytes } };
        struct msghdr m = { .msg_iov = parts, .msg_iovlen = body_bytes ? 2 : 1 };
        ssize_t put = sendmsg(t->fd, &m, MSG_NOSIGNAL);
        if (put < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
            return false;
        done = put > 0 ? (size_t)put : 0;
        s->stats.bytes_sent += done;
    }
    if (done < head->bytes)
        base_buffer_append(&t->out, head->data + done, head->bytes - done);
    size_t body_done = done > head->bytes ? done - head->bytes : 0;
    if (done < total && body_bytes)
        base_buffer_append(&t->out, (const uint8_t *)body + body_done, body_bytes - body_done);
    return !t->out.failed;
}

/* To session i; false: in asynchronous mode it is behind and loses the message, or it is beyond help and closed. */
static bool deliver(town_server *s, int i, const base_buffer *head, const void *body, size_t body_bytes)
{
    town_session *t = s->sessions[i];
    if (!town_settings_get(s->world).synchronous_mode && town_session_waiting(t)) {
        t->dropped++;
        s->stats.frames_dropped++;
        return false;
    }
    s->stats.frames_sent++;
    if (send_to(s, t, head, body, body_bytes))
        return true;
    town_session_close(s, i);
    return false;
}

void town_stream_send(town_server *s, uint32_t stream_id, const base_buffer *head, const void *body, size_t body_bytes)
{
    for (int i = s->session_count - 1; i >= 0; i--)
        if (takes(s->sessions[i], stream_id))
            deliver(s, i, head, body, body_bytes);
}

bool town_snapshot_wanted(const town_server *s, bool unaware)
{
    for (int i = 0; i < s->session_count; i++)
        if (takes(s->sessions[i], WIRE_STREAM_SNAPSHOT) && s->sessions[i]->unaware == unaware)
            return true;
    return false;
}

void town_snapshot_send(town_server *s, bool unaware, const base_buffer *message)
{
    for (int i = s->session_count - 1; i >= 0; i--) {
        town_session *t = s->sessions[i];
        if (takes(t, WIRE_STREAM_SNAPSHOT) && t->unaware == unaware && deliver(s, i, message, NULL, 0))
            t->unaware = false;
    }
}

void town_snapshot_map_changed(town_server *s)
{
    for (int i = 0; i < s->session_count; i++)
        s->sessions[i]->unaware = takes(s->sessions[i], WIRE_STREAM_SNAPSHOT);
}

void town_streams_prune(town_server *s)
{
    for (int i = s->session_count - 1; i >= 0; i--) {
        town_session *t = s->sessions[i];
        if (t->stream_id && t->close_at_s == 0 && !stream_exists(s, t->stream_id))
            town_session_close(s, i);
    }
}
