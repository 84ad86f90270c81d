/* The RPC port: bytes of a connection in, requests through the handlers' table, answers out, in order. */
#include "sim/town/serve.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_BYTES ((size_t)256 << 10)
#define KEEP_BYTES ((size_t)1 << 20) /* buffers beyond this are given back when they are empty */

town_peer *town_peer_create(int fd, double now_s)
{
    town_peer *p = calloc(1, sizeof *p);
    if (p) {
        p->fd = fd;
        p->since_s = p->moved_s = now_s;
        p->in.max_bytes = TOWN_REQUEST_MAX + READ_BYTES;
        wire_scan_start(&p->scan, NULL);
    }
    return p;
}

void town_peer_destroy(town_peer *p)
{
    if (!p)
        return;
    close(p->fd);
    base_buffer_free(&p->in);
    base_buffer_free(&p->out);
    free(p);
}

static void give_back(base_buffer *b)
{
    if (b->bytes > 0 || b->capacity_bytes <= KEEP_BYTES)
        return;
    size_t most = b->max_bytes;
    base_buffer_free(b);
    *b = (base_buffer){ .max_bytes = most };
}

bool town_peer_read(town_peer *p, double now_s)
{
    p->moved_s = now_s;
    unsigned char *room = base_buffer_reserve(&p->in, READ_BYTES);
    if (!room)
        return false;
    ssize_t got = recv(p->fd, room, READ_BYTES, 0);
    if (got < 0)
        return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
    if (got == 0)
        p->at_end = true; /* what it asked before closing is still done: the last controls of a script count */
    else
        p->in.bytes += (size_t)got;
    return true;
}

bool town_peer_write(town_server *s, town_peer *p)
{
    while (p->sent < p->out.bytes) {
        ssize_t put = send(p->fd, p->out.data + p->sent, p->out.bytes - p->sent, MSG_NOSIGNAL);
        if (put < 0)
            return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
        p->sent += (size_t)put;
        s->stats.bytes_sent += (uint64_t)put;
    }
    p->sent = 0;
    base_buffer_clear(&p->out);
    give_back(&p->out);
    return true;
}

/* ---- dispatch ---- */

town_handler town_handler_of(wire_method_id id)
{
    const town_row *const tables[] = { town_rows_world,  town_rows_scene,   town_rows_actor, town_rows_vehicle,
                                       town_rows_walker, town_rows_traffic, town_rows_batch, town_rows_lights,
                                       town_rows_parts,  town_rows_recorder };
    for (size_t t = 0; t < sizeof tables / sizeof tables[0]; t++)
        for (const town_row *row = tables[t]; row->handler; row++)
            if (row->method == id)
                return row->handler;
    return NULL;
}

bool town_call_refuse(town_call *c, const char *reason, uint32_t actor)
{
    return base_fail(c->err, BASE_REMOTE, "Responding error from function %s: %s.  Actor Id: %u", c->method->name, reason,
                     actor);
}

/* What an asynchronous call did is not told, as in CARLA, which answers such a call before it runs it: "unknown error". */
static bool answer(town_server *s, town_peer *p, const wire_request *r, const wire_method *m)
{
    base_buffer *out = &p->out;
    base_error why = { 0 };
    wire_version version = town_wire_version(s);
    void *args = wire_memory_take(s->memory, 1, m->args->bytes ? m->args->bytes : 1, &why);
    void *result = wire_memory_take(s->memory, 1, m->result->bytes ? m->result->bytes : 1, &why);
    if (!args || !result || !wire_arguments_decode(args, r, m, version, s->memory, &why)) {
        s->stats.request_errors++;
        return r->notification || wire_fault_encode(out, r, m, version, &why);
    }
    town_call call = { .server = s,
                       .peer = p->fd,
                       .world = s->world,
                       .method = m,
                       .args = args,
                       .result = result,
                       .memory = s->memory,
                       .err = &why };
    town_handler handler = town_handler_of(m->id);
    bool ok = handler ? handler(&call)
                      : base_fail(&why, BASE_UNSUPPORTED, "Responding error from function %s: not available in this simulator",
                                  m->name);
    if (!ok) {
        s->stats.request_errors++;
        base_log_write(s->options.log, BASE_LOG_DEBUG, "%s refused: %s", m->name, why.text);
    }
    if (r->notification)
        return true;
    if (r->asynchronous)
        return wire_unheeded_encode(out, r->id, m);
    return ok ? wire_result_encode(out, r->id, m, result, version, &why) : wire_error_encode(out, r->id, m, why.text);
}

/* One complete message. False: the bytes are no msgpack-rpc, the connection is lost. */
static bool serve_message(town_server *s, town_peer *p, const unsigned char *data, size_t bytes)
{
    wire_request r;
    bool ignore = false;
    base_error why = { 0 };
    wire_memory_reset(s->memory);
    s->stats.requests++;
    if (!wire_request_decode(&r, &ignore, data, bytes, s->memory, &why)) {
        base_log_write(s->options.log, BASE_LOG_WARNING, "an RPC connection is closed: %s", why.text);
        return false;
    }
    if (ignore)
        return true;
    base_log_write(s->options.log, BASE_LOG_DEBUG, "%s %s", r.asynchronous ? "hears" : "answers", r.name);
    const wire_method *m = wire_method_find(r.name, strlen(r.name), town_wire_version(s));
    if (!m) {
        s->stats.request_errors++;
        return r.notification || wire_fault_encode(&p->out, &r, NULL, town_wire_version(s), &why);
    }
    return answer(s, p, &r, m);
}

bool town_peer_serve(town_server *s, town_peer *p)
{
    /* What was answered is dropped at the end, in one piece: to move up the rest of up to 64 MiB behind every small request would
     * let one client that sends faster than it reads hold up all others. */
    size_t done = 0;
    while (!s->tick_pending && p->in.bytes > done && p->out.bytes - p->sent < TOWN_ANSWERS_HIGH) {
        base_error why = { 0 };
        wire_scan_result scan = wire_scan_feed(&p->scan, p->in.data + done, p->in.bytes - done, &why);
        if (scan == WIRE_SCAN_MORE)
            break;
        if (scan == WIRE_SCAN_BAD) {
            base_log_write(s->options.log, BASE_LOG_WARNING, "an RPC connection is closed: %s", why.text);
            return false;
        }
        size_t bytes = p->scan.offset;
        p->has_asked = true;
        bool ok = serve_message(s, p, p->in.data + done, bytes);
        done += bytes;
        wire_scan_start(&p->scan, NULL);
        if (!ok || p->out.failed)
            return false;
    }
    if (done)
        base_buffer_consume(&p->in, done);
    give_back(&p->in);
    return town_peer_write(s, p);
}
