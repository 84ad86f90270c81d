/* eval/view.h — a live page of a running simulator: what the ego sees, the labels of it, and the town from above, in a browser.
 *
 *     eval_view *view = eval_view_create(town_server_watch(server, &err), &options, &err);     before town_server_run
 *     town_server_run(server, ...);
 *     eval_view_destroy(view);                                                                 before town_server_destroy
 *
 * The page is read-only and looks on through a town_watch: no client can tell that it is open. Pictures are drawn only while a page
 * is open, at most rate_hz a second, on one thread at low priority; every page shows the same ones, so that more pages cost
 * no more drawing. What it answers, to GET and HEAD:
 *
 *     /            the page, with /view.js, /view.css and /icon.svg
 *     /events      server-sent events: `state` for each copy of the world, `shapes` when the debug shapes have changed
 *     /map.json    the roads from above
 *     /camera.jpg  /labels.png     the newest picture; ?from=ego (default) or spectator, as for /events
 *
 * Anything else is 404, another method 405. Only requests whose Host is an address or localhost are answered, so that no web site
 * can reach the page by a name of its own that it points here (DNS rebinding), and none from other sites' pages. One page more
 * than `viewers` is told 503, and so is everyone, with a time to come again after, while the simulator is too busy to answer.
 *
 * Needs libmicrohttpd and libjpeg. A build without them has the functions; eval_view_create then says what is missing. */
#ifndef EVAL_VIEW_H
#define EVAL_VIEW_H
#include "base/error.h"
#include "base/log.h"
#include "sim/town/town.h"

typedef struct eval_view_options {
    const char *bind;    /* IPv4 address to listen on; default "127.0.0.1" */
    int port;            /* 0: any free one; default 8080 */
    int rate_hz;         /* pictures a second at most, 1 .. 30; default 10 */
    int width_px;        /* of a picture, 64 .. 1920; default 640 */
    int viewers;         /* pages open at a time, 1 .. 64; default 8 */
    const base_log *log; /* may be NULL; borrowed */
} eval_view_options;
eval_view_options eval_view_options_default(void);
bool eval_view_options_check(const eval_view_options *o, base_error *err);

typedef struct eval_view eval_view;
/* The libraries of this build, "libmicrohttpd 0.9.75, libjpeg 62"; false: it has none, and text says how to get them. */
bool eval_view_libraries(char *text, size_t bytes);
/* Listens at once. The watch is borrowed, and used by no one else until eval_view_destroy. */
eval_view *eval_view_create(town_watch *watch, const eval_view_options *o, base_error *err);
void eval_view_destroy(eval_view *v); /* closes all pages; NULL is accepted */
int eval_view_port(const eval_view *v);
#endif
