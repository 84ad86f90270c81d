#include "sim/client/internal.h"
#include "base/clock.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK_BYTES = 256 * 1024, QUEUE_IMAGES = 4 };

static bool open_stream(client *c, client_stream *s, base_error *err)
{
    uint8_t join[WIRE_JOIN_BYTES];
    if (!client_socket_open(&s->socket, s->host, s->port, c->options.connect_timeout_s, err))
        return base_fail_in(err, "stream of %s", s->name);
    wire_join_write(join, s->stream_id);
    if (client_socket_send(&s->socket, join, sizeof join, err) !=
        sizeof join) { /* 4 bytes into an empty socket buffer go at once */
        client_socket_close(&s->socket);
        return base_fail(err, BASE_NETWORK, "stream of %s: cannot join", s->name);
    }
    s->prefix_bytes = s->payload_bytes = 0;
    base_buffer_clear(&s->incoming);
    return true;
}

bool client_stream_join(client *c, uint32_t stream_id, wire_token token, wire_actor_id sensor, wire_sensor kind,
                        base_error *err)
{
    if (token.protocol != 1)
        return base_fail(err, BASE_FORMAT, "stream %u: the server offers protocol %u, expected 1 (TCP)", stream_id,
                         token.protocol);
    client_stream *s = calloc(1, sizeof *s);
    void *grown = realloc(c->streams, (c->stream_count + 1) * sizeof *c->streams);
    if (grown)
        c->streams = grown;
    if (!s || !grown) {
        free(s);
        return base_fail(err, BASE_MEMORY, "no memory for a stream");
    }
    s->sensor = sensor;
    s->stream_id = stream_id;
    s->kind = kind;
    s->port = token.port;
    s->awaited = kind == WIRE_SENSOR_SNAPSHOT;
    s->capacity = wire_sensor_pixel_bytes(kind) ? QUEUE_IMAGES : CLIENT_QUEUE_MAX;
    s->incoming.max_bytes = c->options.max_message_bytes;
    if (sensor)
        snprintf(s->name, sizeof s->name, "sensor %u (%s)", sensor, wire_sensor_blueprint(kind));
    else
        snprintf(s->name, sizeof s->name, "the world snapshot");
    if (token.address_type == 1 || token.address_type == 2)
        inet_ntop(token.address_type == 1 ? AF_INET : AF_INET6, token.address, s->host, sizeof s->host);
    else
        snprintf(s->host, sizeof s->host, "%s", c->host);
    if (!open_stream(c, s, err)) {
        free(s);
        return false;
    }
    c->streams[c->stream_count++] = s;
    return true;
}

bool client_stream_settle(client *c, base_error *err)
{
    c->unsettled = false;
    for (int i = 0; i < 2; i++) {
        const char *text;
        if (!client_call(c, WIRE_METHOD_version, NULL, &text, NULL, err))
            return false;
    }
    return true;
}

void client_stream_leave(client *c, client_stream *s)
{
    for (size_t i = 0; i < c->stream_count; i++)
        if (c->streams[i] == s) {
            memmove(&c->streams[i], &c->streams[i + 1], (c->stream_count - i - 1) * sizeof *c->streams);
            c->stream_count--;
            break;
        }
    client_socket_close(&s->socket);
    base_buffer_free(&s->incoming);
    base_buffer_free(&s->current.data);
    base_buffer_free(&s->unpacked[0]);
    base_buffer_free(&s->unpacked[1]);
    for (int i = 0; i < CLIENT_QUEUE_MAX; i++)
        base_buffer_free(&s->queue[i].data);
    free(s);
}

client_stream *client_stream_of(const client *c, wire_actor_id sensor)
{
    for (size_t i = 0; i < c->stream_count; i++)
        if (c->streams[i]->sensor == sensor)
            return c->streams[i];
    return NULL;
}

void client_stream_advance(client_stream *s)
{
    base_buffer spent = s->current.data;
    s->current = s->queue[s->first];
    s->queue[s->first].data = spent;
    base_buffer_clear(&s->queue[s->first].data);
    s->first = (s->first + 1) % s->capacity;
    s->count--;
}

static bool push(client *c, client_stream *s, base_error *err)
{
    wire_header h;
    if (!wire_header_read(&h, s->incoming.data, s->incoming.bytes, err))
        return base_fail_in(err, "%s", s->name);
    if (wire_sensor_from_index(h.sensor_type, c->version) != s->kind)
        return base_fail(err, BASE_FORMAT, "%s: expected sensor type %d of CARLA %s, found %llu", s->name,
                         wire_sensor_index(s->kind, c->version), wire_version_name(c->version),
                         (unsigned long long)h.sensor_type);
    if (s->count == s->capacity) { /* nobody has taken them: the oldest goes */
        s->first = (s->first + 1) % s->capacity;
        s->count--;
        c->dropped++;
    }
    client_message *m = &s->queue[(s->first + s->count++) % s->capacity];
    base_buffer spent = m->data;
    m->data = s->incoming;
    m->frame = h.frame;
    s->incoming = spent;
    s->incoming.max_bytes = c->options.max_message_bytes;
    base_buffer_clear(&s->incoming);
    s->prefix_bytes = s->payload_bytes = 0;
    s->reconnects = 0;
    return true;
}

static const double retry_s = 1; /* as CARLA's own client */

/* A closed stream is joined again at once, and then every second: the server may have closed it for its own reasons, or be starting
 * anew. Nothing of this is an error; who waits for its data runs into a time-out that says so. */
static void rejoin(client *c, client_stream *s)
{
    base_error why = { 0 };
    client_socket_close(&s->socket);
    c->unsettled = true;
    if (s->reconnects++ == 0) {
        base_log_write(c->options.log, BASE_LOG_WARNING, "stream of %s: closed by the server, joining again", s->name);
        if (open_stream(c, s, &why))
            return;
        base_log_write(c->options.log, BASE_LOG_WARNING, "%s", why.text);
    }
    s->retry_at_s = base_clock_s() + retry_s;
}

void client_streams_retry(client *c)
{
    for (size_t i = 0; i < c->stream_count; i++) {
        client_stream *s = c->streams[i];
        if (s->socket.curl || base_clock_s() < s->retry_at_s)
            continue;
        base_error why = { 0 };
        s->reconnects++;
        c->unsettled = true;
        if (!open_stream(c, s, &why))
            s->retry_at_s = base_clock_s() + retry_s;
    }
}

bool client_stream_read(client *c, client_stream *s, base_error *err)
{
    for (;;) {
        ptrdiff_t n;
        base_error why;
        if (!s->payload_bytes) {
            n = client_socket_receive(&s->socket, s->prefix + s->prefix_bytes, sizeof s->prefix - s->prefix_bytes, &why);
            if (n > 0) {
                s->prefix_bytes += (size_t)n;
                if (!wire_frame_look(s->prefix, s->prefix_bytes, c->options.max_message_bytes, &s->payload_bytes, err))
                    return base_fail_in(err, "%s", s->name);
                continue;
            }
        } else {
            /* Memory follows what has come, not what was announced. */
            size_t left = s->payload_bytes - s->incoming.bytes;
            size_t chunk = s->incoming.bytes > CHUNK_BYTES ? s->incoming.bytes : CHUNK_BYTES;
            if (chunk > left)
                chunk = left;
            void *to = base_buffer_reserve(&s->incoming, chunk);
            if (!to)
                return base_fail(err, BASE_MEMORY, "%s: no memory for a message of %zu bytes", s->name, s->payload_bytes);
            n = client_socket_receive(&s->socket, to, chunk, &why);
            if (n > 0) {
                s->incoming.bytes += (size_t)n;
                if (s->incoming.bytes == s->payload_bytes && !push(c, s, err))
                    return false;
                continue;
            }
        }
        if (n < 0)
            rejoin(c, s);
        return true;
    }
}
