#include "sim/client/internal.h"
#include "base/clock.h"
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

bool client_broken(client *c, base_error *err)
{
    base_error *why = err ? err : &(base_error){ BASE_NETWORK, "connection lost" };
    if (c->broken.code == BASE_OK)
        c->broken = *why;
    return false;
}

bool client_pump(client *c, double timeout_s, bool want_write, base_error *err)
{
    if (c->broken.code != BASE_OK) {
        if (err)
            *err = c->broken;
        return false;
    }
    client_streams_retry(c);
    size_t n = c->stream_count + 1;
    struct pollfd few[16], *fds = n <= 16 ? few : malloc(n * sizeof *fds);
    if (!fds)
        return base_fail(err, BASE_MEMORY, "no memory to poll %zu sockets", n);
    fds[0] = (struct pollfd){ c->rpc.fd, (short)(POLLIN | (want_write ? POLLOUT : 0)), 0 };
    for (size_t i = 0; i < c->stream_count; i++)
        fds[i + 1] = (struct pollfd){ c->streams[i]->socket.fd, POLLIN, 0 };
    int ready = poll(fds, n, timeout_s <= 0 ? 0 : (int)(timeout_s * 1000) + 1);
    bool ok = true;
    if (ready < 0 && errno != EINTR)
        ok = base_fail(err, BASE_NETWORK, "poll: %s", strerror(errno));
    if (ready > 0) {
        if (fds[0].revents & ~POLLOUT)
            ok = client_rpc_read(c, err);
        for (size_t i = 0; ok && i < c->stream_count; i++)
            if (fds[i + 1].revents)
                ok = client_stream_read(c, c->streams[i], err);
    }
    if (fds != few)
        free(fds);
    return ok || client_broken(c, err);
}

bool client_wait(client *c, double deadline_s, base_error *err)
{
    double left = deadline_s - base_clock_s();
    if (!c->closing && c->options.stop && c->options.stop())
        return base_fail(err, BASE_INTERRUPTED, "stopped while waiting for the simulator");
    if (left <= 0)
        return base_fail(err, BASE_TIMEOUT, "time-out");
    return client_pump(c, left < 0.2 ? left : 0.2, false,
                       err); /* a signal between the question above and poll must not be lost for long */
}
