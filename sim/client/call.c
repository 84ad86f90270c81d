/* RPC: a request out, its answer in. Answers are matched by id: a server may answer out of order, and answers to what was sent without
 * waiting, or waited for in vain, come whenever they come. */
#include "sim/client/internal.h"
#include "base/clock.h"
#include <string.h>

enum { CHUNK_BYTES = 64 * 1024 };

/* Look at whole messages at the front of rpc_in; stop at the awaited one, drop the others. */
static bool sort_answers(client *c, base_error *err)
{
    while (!c->answered && c->rpc_in.bytes) {
        wire_scan_result got = wire_scan_feed(&c->scan, c->rpc_in.data, c->rpc_in.bytes, err);
        if (got == WIRE_SCAN_MORE)
            return true;
        if (got == WIRE_SCAN_BAD)
            return false;
        wire_memory_reset(c->rpc_memory);
        if (!wire_response_decode(&c->answer, c->rpc_in.data, c->scan.offset, c->rpc_memory, err))
            return false;
        if (c->awaited_id && c->answer.id == c->awaited_id) {
            c->answered = true;
            return true;
        }
        base_buffer_consume(&c->rpc_in, c->scan.offset);
        wire_scan_start(&c->scan, &c->scan.limits);
    }
    return true;
}

bool client_rpc_read(client *c, base_error *err)
{
    for (;;) {
        size_t chunk = c->rpc_in.bytes > CHUNK_BYTES ? c->rpc_in.bytes : CHUNK_BYTES;
        void *to = base_buffer_reserve(&c->rpc_in, chunk);
        if (!to) {
            c->rpc_in.failed = false;
            return base_fail(err, BASE_MEMORY, "%s:%d: no memory for an answer of more than %zu bytes", c->host,
                             c->options.port, c->rpc_in.bytes);
        }
        ptrdiff_t n = client_socket_receive(&c->rpc, to, chunk, err);
        if (n < 0)
            return base_fail_in(err, "%s:%d", c->host, c->options.port);
        if (n == 0)
            return true;
        c->rpc_in.bytes += (size_t)n;
        if (!sort_answers(c, err))
            return base_fail_in(err, "%s:%d: not CARLA's protocol", c->host, c->options.port);
        if (c->answered || (size_t)n < chunk) /* the answer points into rpc_in, which must not move now */
            return true;
    }
}

/* A request goes out whole, stop or no stop: half of one would make the connection useless for cleaning up. */
static bool send_request(client *c, wire_method_id id, bool asynchronous, const void *args, base_error *err)
{
    if (c->broken.code != BASE_OK) {
        if (err)
            *err = c->broken;
        return false;
    }
    const wire_method *m = wire_method_get(id);
    if (m->since > c->version)
        return base_fail(err, BASE_VERSION, "%s: since CARLA %s, the server is %s", m->name, wire_version_name(m->since),
                         wire_version_name(c->version));
    base_buffer_clear(&c->rpc_out);
    if (++c->last_id == 0)
        c->last_id = 1;
    if (!wire_request_encode(&c->rpc_out, c->last_id, m, asynchronous, args, c->version, err))
        return false;
    double deadline = base_clock_s() + c->options.call_timeout_s;
    for (size_t sent = 0; sent < c->rpc_out.bytes;) {
        ptrdiff_t n = client_socket_send(&c->rpc, c->rpc_out.data + sent, c->rpc_out.bytes - sent, err);
        if (n < 0)
            return base_fail_in(err, "%s:%d", c->host, c->options.port), client_broken(c, err);
        sent += (size_t)n;
        double left = deadline - base_clock_s();
        if (n == 0 && left <= 0) {
            base_fail(err, BASE_NETWORK, "%s:%d: the server does not read what it is sent", c->host, c->options.port);
            return client_broken(c, err);
        }
        if (n == 0 && !client_pump(c, left, true, err))
            return false;
    }
    return true;
}

bool client_call_for(client *c, wire_method_id id, const void *args, void *result, wire_memory *memory, double timeout_s,
                     base_error *err)
{
    const wire_method *m = wire_method_get(id);
    base_error why;
    if (!send_request(c, id, false, args, err))
        return false;
    c->awaited_id = c->last_id;
    c->answered = false;
    double deadline = base_clock_s() + timeout_s;
    bool ok = sort_answers(c, &why) || client_broken(c, &why);
    while (ok && !c->answered)
        ok = client_wait(c, deadline, &why);
    if (!ok && why.code == BASE_TIMEOUT)
        base_fail(&why, BASE_TIMEOUT, "%s:%d: no answer to %s within %g s", c->host, c->options.port, m->name, timeout_s);
    if (c->answered) {
        ok = wire_result_decode(result, &c->answer, m, c->version, memory, &why);
        base_buffer_consume(&c->rpc_in, c->scan.offset);
        wire_scan_start(&c->scan, &c->scan.limits);
    }
    c->awaited_id = 0;
    c->answered = false;
    if (!ok && err)
        *err = why;
    return ok;
}

bool client_call(client *c, wire_method_id method, const void *args, void *result, wire_memory *memory, base_error *err)
{
    if (!memory) {
        memory = c->result_memory;
        wire_memory_reset(memory);
    }
    return client_call_for(c, method, args, result, memory, c->options.call_timeout_s, err);
}

bool client_send(client *c, wire_method_id method, const void *args, base_error *err)
{
    if (!send_request(c, method, true, args, err))
        return false;
    return client_pump(c, 0, false, err); /* take in the answers to earlier ones, so that they do not pile up */
}
