/* The live page's answers over HTTP: a thread of libmicrohttpd's for each connection, since an event stream waits most of its life. */
#ifdef EVAL_VIEW_BUILT
#include "eval/view_internal.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <microhttpd.h>

#define CONNECTIONS_BESIDE 24 /* beyond one per page: its files and pictures */
#define IDLE_S             15 /* a connection that neither asks nor takes anything is closed */
#define BEAT_S             1.0
#define HEADER_BYTES       ((size_t)16 << 10)

struct view_http {
    eval_view *view;
    const base_log *log;
    struct MHD_Daemon *daemon;
    int port;
};

/* ---- answers ---- */

/* Headers of every answer: nothing from elsewhere runs in the page, nothing of it is shown or kept elsewhere. */
static const char *const headers[][2] = {
    { "Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
                                 "base-uri 'none'; form-action 'none'; frame-ancestors 'none'" },
    { "X-Content-Type-Options", "nosniff" },
    { "Cross-Origin-Resource-Policy", "same-origin" },
    { "Referrer-Policy", "no-referrer" },
    { "Cache-Control", "no-store" },
};

/* Takes r over. */
static enum MHD_Result answer(struct MHD_Connection *c, unsigned status, const char *type, struct MHD_Response *r)
{
    if (!r)
        return MHD_NO;
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++)
        MHD_add_response_header(r, headers[i][0], headers[i][1]);
    MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
        MHD_add_response_header(r, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
    if (status == MHD_HTTP_SERVICE_UNAVAILABLE)
        MHD_add_response_header(r, MHD_HTTP_HEADER_RETRY_AFTER, "5");
    enum MHD_Result ok = MHD_queue_response(c, status, r);
    MHD_destroy_response(r);
    return ok;
}

static enum MHD_Result say(struct MHD_Connection *c, unsigned status, const char *text)
{
    return answer(c, status, "text/plain; charset=utf-8",
                  MHD_create_response_from_buffer(strlen(text), (void *)(uintptr_t)text, MHD_RESPMEM_PERSISTENT));
}

static enum MHD_Result give(struct MHD_Connection *c, view_http *h, view_part part, view_from from, const char *type)
{
    base_buffer body = { 0 };
    if (!eval_view_get(h->view, part, from, &body)) {
        base_buffer_free(&body);
        return say(c, MHD_HTTP_SERVICE_UNAVAILABLE, "the simulator does not answer now\n");
    }
    /* The response frees the bytes. */
    return answer(c, MHD_HTTP_OK, type, MHD_create_response_from_buffer(body.bytes, body.data, MHD_RESPMEM_MUST_FREE));
}

/* ---- events ---- */

typedef struct page { /* an open event stream */
    eval_view *view;
    view_from from;
    uint64_t serial, shapes;
    base_buffer out;
    size_t sent;
    bool ends;
} page;

static ssize_t page_read(void *user, uint64_t position, char *to, size_t most)
{
    page *p = user;
    (void)position;
    if (p->sent == p->out.bytes) {
        if (p->ends)
            return MHD_CONTENT_READER_END_OF_STREAM;
        base_buffer_clear(&p->out);
        p->sent = 0;
        p->ends = !eval_view_events(p->view, &p->serial, &p->shapes, BEAT_S, &p->out);
    }
    size_t bytes = p->out.bytes - p->sent < most ? p->out.bytes - p->sent : most;
    memcpy(to, p->out.data + p->sent, bytes);
    p->sent += bytes;
    return (ssize_t)bytes;
}

static void page_close(void *user)
{
    page *p = user;
    eval_view_leave(p->view, p->from);
    base_buffer_free(&p->out);
    free(p);
}

static enum MHD_Result open_page(struct MHD_Connection *c, view_http *h, view_from from)
{
    static const char type[] = "text/event-stream";
    page *p = calloc(1, sizeof *p);
    if (!p || !eval_view_join(h->view, from, &p->serial)) {
        free(p);
        return say(c, MHD_HTTP_SERVICE_UNAVAILABLE, "as many pages are open as this simulator allows; try again later\n");
    }
    p->view = h->view;
    p->from = from;
    p->shapes = UINT64_MAX;
    base_buffer_printf(&p->out, "retry: 1000\n\n");
    struct MHD_Response *r = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 32 << 10, page_read, p, page_close);
    if (!r)
        page_close(p);
    return answer(c, MHD_HTTP_OK, type, r);
}

/* ---- requests ---- */

static bool camera_of(struct MHD_Connection *c, view_from *from)
{
    const char *name = MHD_lookup_connection_value(c, MHD_GET_ARGUMENT_KIND, "from");
    *from = name && !strcmp(name, "spectator") ? VIEW_SPECTATOR : VIEW_EGO;
    return !name || *from == VIEW_SPECTATOR || !strcmp(name, "ego");
}

/* A page of another site that has our pictures in it, or a script of one: browsers say so. Following a link to our page is fine. */
static bool is_foreign(struct MHD_Connection *c, const char *path)
{
    const char *site = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Sec-Fetch-Site");
    return site && strcmp(path, "/") != 0 && strcmp(site, "same-origin") != 0 && strcmp(site, "none") != 0;
}

static enum MHD_Result handle(void *user, struct MHD_Connection *c, const char *path, const char *method, const char *version,
                              const char *upload, size_t *upload_bytes, void **state)
{
    static const char headers_read = 0;
    view_http *h = user;
    (void)version, (void)upload, (void)upload_bytes;
    const char *host = MHD_lookup_connection_value(c, MHD_HEADER_KIND, MHD_HTTP_HEADER_HOST);
    if (!host || !eval_view_host_allowed(host))
        return say(c, MHD_HTTP_FORBIDDEN, "ask for this page by the machine's address or as localhost\n");
    if (is_foreign(c, path))
        return say(c, MHD_HTTP_FORBIDDEN, "this is not for the pages of other sites\n");
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
        return say(c, MHD_HTTP_METHOD_NOT_ALLOWED, "this page is for looking only\n");
    /* The first call comes before the body. Who answers there closes the connection afterwards: right for what is refused above. */
    if (!*state) {
        *state = (void *)(uintptr_t)&headers_read;
        return MHD_YES;
    }
    view_file file;
    if (eval_view_file(&file, path))
        return answer(c, MHD_HTTP_OK, file.type,
                      MHD_create_response_from_buffer(file.bytes, (void *)(uintptr_t)file.data, MHD_RESPMEM_PERSISTENT));
    static const struct {
        const char *path, *type;
        view_part part;
    } parts[] = { { "/map.json", "application/json", VIEW_MAP },
                  { "/camera.jpg", "image/jpeg", VIEW_CAMERA },
                  { "/labels.png", "image/png", VIEW_LABELS },
                  { "/events", NULL, VIEW_STATE } };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        view_from from;
        if (strcmp(path, parts[i].path) != 0)
            continue;
        if (!camera_of(c, &from))
            return say(c, MHD_HTTP_BAD_REQUEST, "from: expected ego or spectator\n");
        return parts[i].type ? give(c, h, parts[i].part, from, parts[i].type) : open_page(c, h, from);
    }
    return say(c, MHD_HTTP_NOT_FOUND, "no such page\n");
}

/* ---- life ---- */

static int listen_on(const char *host, int port, base_error *err)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
    if (inet_pton(AF_INET, host, &a.sin_addr) != 1) {
        base_fail(err, BASE_ARGUMENT, "live page: '%s': expected an IPv4 address such as 127.0.0.1 or 0.0.0.0", host);
        return -1;
    }
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), yes = 1;
    if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) == 0 &&
        bind(fd, (struct sockaddr *)&a, sizeof a) == 0 && listen(fd, 32) == 0)
        return fd;
    if (errno == EADDRINUSE)
        base_fail(err, BASE_NETWORK, "live page: %s:%d is in use; choose another port, or 0 for a free one", host, port);
    else
        base_fail(err, BASE_NETWORK, "live page: cannot listen on %s:%d: %s", host, port, strerror(errno));
    if (fd >= 0)
        close(fd);
    return -1;
}

static void log_line(void *user, const char *format, va_list args)
{
    char line[512];
    vsnprintf(line, sizeof line, format, args);
    line[strcspn(line, "\n")] = 0;
    base_log_write(((const view_http *)user)->log, BASE_LOG_DEBUG, "live page: %s", line);
}

view_http *eval_view_http_start(eval_view *v, const eval_view_options *o, base_error *err)
{
    int fd = listen_on(o->bind, o->port, err);
    if (fd < 0)
        return NULL;
    struct sockaddr_in a = { 0 };
    socklen_t bytes = sizeof a;
    getsockname(fd, (struct sockaddr *)&a, &bytes);
    view_http *h = calloc(1, sizeof *h);
    if (!h) {
        close(fd);
        base_fail(err, BASE_MEMORY, "out of memory for the live page");
        return NULL;
    }
    *h = (view_http){ .view = v, .log = o->log, .port = ntohs(a.sin_port) };
    h->daemon = MHD_start_daemon(MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_ERROR_LOG, 0, NULL,
                                 NULL, handle, h, MHD_OPTION_EXTERNAL_LOGGER, log_line, (void *)h, MHD_OPTION_LISTEN_SOCKET, fd,
                                 MHD_OPTION_CONNECTION_LIMIT, (unsigned)(o->viewers + CONNECTIONS_BESIDE),
                                 MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
                                 2 * HEADER_BYTES, MHD_OPTION_END);
    if (!h->daemon) {
        close(fd);
        free(h);
        base_fail(err, BASE_NETWORK, "live page: libmicrohttpd does not start: %s", strerror(errno));
        return NULL;
    }
    return h;
}

void eval_view_http_stop(view_http *h)
{
    if (!h)
        return;
    MHD_stop_daemon(h->daemon); /* closes the socket, too */
    free(h);
}

int eval_view_http_port(const view_http *h) { return h->port; }
const char *eval_view_http_version(void) { return MHD_get_version(); }
#endif
