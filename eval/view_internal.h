/* eval/view_internal.h — what the files of the live page share: view_json.c (what is said), view_picture.c (what is drawn), view.c
 * (the thread that draws), view_http.c (the answers), view_page.c (the files of the page). */
#ifndef EVAL_VIEW_INTERNAL_H
#define EVAL_VIEW_INTERNAL_H
#include "base/buffer.h"
#include "eval/view.h"
#include "sim/road/road.h"

/* ---- what is said (view_json.c); no library needed ---- */

typedef enum view_from { VIEW_EGO, VIEW_SPECTATOR, VIEW_FROM_COUNT } view_from;
/* The actor that drives: a vehicle or walker of role hero or ego_vehicle, else the vehicle with the first RGB camera. NULL: none. */
const town_seen_actor *eval_view_ego(const town_seen *seen);
/* Ego: through its own first RGB camera, else from above its windscreen with its body left out; the spectator's view without an ego.
 * The picture is width_px wide, in the camera's own proportions as far as they are between 4:1 and 1:1. */
town_watch_view eval_view_camera(const town_seen *seen, view_from from, int width_px);

typedef struct view_pace { /* ticks a second over the last second or so */
    uint64_t ticks, had_ticks;
    double since_s, per_s;
} view_pace;
void eval_view_pace(view_pace *p, uint64_t ticks, double now_s);

/* One line of JSON each; docs/view.md names the fields. */
void eval_view_state_json(base_buffer *out, const town_seen *seen, uint64_t serial, double ticks_per_s);
void eval_view_shapes_json(base_buffer *out, const town_seen *seen);
void eval_view_map_json(base_buffer *out, const road_map *roads);
void eval_view_tags_json(base_buffer *out); /* names and colours of the labels, by tag */
/* A Host header, "name[:port]", that is an IPv4 address or localhost. */
bool eval_view_host_allowed(const char *host);
/* `text` as a JSON string with its quotes. */
void eval_view_json_text(base_buffer *out, const char *text);

/* ---- what is drawn (view_picture.c) ---- */

/* Append a JPEG of bgra [height][width][4]. */
bool eval_view_jpeg(base_buffer *out, const uint8_t *bgra, int width_px, int height_px, base_error *err);
/* Append a palette PNG of tags [height][width] in CARLA's colours. */
bool eval_view_labels(base_buffer *out, const uint8_t *tag, int width_px, int height_px, base_error *err);

/* ---- the page's own files (view_page.c) ---- */

typedef struct view_file {
    const char *type;
    const unsigned char *data; /* lives as long as the program */
    size_t bytes;
} view_file;
bool eval_view_file(view_file *f, const char *path); /* false: no such file */

/* ---- what the drawing thread has made (view.c), for the threads that answer ---- */

typedef enum view_part { VIEW_STATE, VIEW_SHAPES, VIEW_MAP, VIEW_CAMERA, VIEW_LABELS } view_part;
/* Somebody looks through this camera from now on, and waits for what is newer than *serial. False: all places are taken. */
bool eval_view_join(eval_view *v, view_from from, uint64_t *serial);
void eval_view_leave(eval_view *v, view_from from);
/* Append the newest of a part to out, made now if nobody has looked for a while. False: there is none, the simulator does not answer. */
bool eval_view_get(eval_view *v, view_part part, view_from from, base_buffer *out);
/* Wait for a copy of the world newer than *serial, timeout_s at most; then append its events. shapes: number of the list of shapes that
 * this reader has. False: the page closes. */
bool eval_view_events(eval_view *v, uint64_t *serial, uint64_t *shapes, double timeout_s, base_buffer *out);

/* ---- the answers (view_http.c) ---- */

typedef struct view_http view_http;
view_http *eval_view_http_start(eval_view *v, const eval_view_options *o, base_error *err);
void eval_view_http_stop(view_http *h); /* every eval_view_events must have been told to end; NULL is accepted */
int eval_view_http_port(const view_http *h);
const char *eval_view_http_version(void);
#endif
