/* The thread that draws for the live page. It works only while somebody looks, publishes what it has made under one lock, and every
 * answer is a copy of that: so that a slow page holds up nobody. */
#include "eval/view_internal.h"
#include <stdio.h>
#ifdef EVAL_VIEW_BUILT
#include "base/clock.h"
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include <time.h>
#include <jpeglib.h> /* after stdio.h, which it needs */

#define STILL_S       0.5  /* between looks at a world that does not move */
#define ASKED_S       2.0  /* a single picture keeps the drawing going for so long */
#define WAIT_S        3.0  /* for the first picture */
#define LOOK_S        0.25 /* for the simulator to be between two ticks */
#define NICENESS      10   /* of the drawing thread: ticks go first */
#define STATE_MAX     ((size_t)8 << 20)
#define MAP_MAX       ((size_t)64 << 20)
#define PICTURE_MAX   ((size_t)16 << 20)
#define FAILURE_GAP_S 60.0

typedef struct picture {
    base_buffer jpeg, png;
    double drawn_s; /* 0: never */
} picture;

struct eval_view {
    eval_view_options options;
    town_watch *watch;
    view_http *http;
    pthread_t thread;
    bool has_thread;

    /* of the drawing thread alone */
    uint8_t *bgra, *tag;
    base_buffer work;
    view_pace pace;
    double failed_s;
    char map_key[300];
    uint64_t last_frame;

    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t changed;
    bool stopping;
    int viewers[VIEW_FROM_COUNT];
    double asked_s[VIEW_FROM_COUNT]; /* last time that a single picture was asked for */
    uint64_t serial, shapes_serial;
    double published_s;
    base_buffer state, shapes, map;
    picture pictures[VIEW_FROM_COUNT];
};

/* ---- the thread that draws ---- */

static void publish(base_buffer *made, base_buffer *place)
{
    base_buffer was = *place;
    *place = *made;
    *made = was;
}

static void report(eval_view *v, const base_error *err)
{
    double now_s = base_clock_s();
    if (v->failed_s > 0 && now_s - v->failed_s < FAILURE_GAP_S)
        return;
    v->failed_s = now_s;
    base_log_write(v->options.log, BASE_LOG_WARNING, "live page: %s", err->text);
}

static void visit_roads(void *user, const struct road_map *roads) { eval_view_map_json(user, roads); }

/* The roads, when they are not those of last time. */
static void make_map(eval_view *v, const town_seen *seen)
{
    char key[sizeof v->map_key];
    snprintf(key, sizeof key, "%s %llu", seen->map, (unsigned long long)seen->episode_id);
    if (!strcmp(key, v->map_key))
        return;
    base_buffer map = { .max_bytes = MAP_MAX };
    base_buffer_printf(&map, "{\"episode\":\"%llu\",\"tags\":", (unsigned long long)seen->episode_id);
    eval_view_tags_json(&map);
    base_buffer_printf(&map, ",\"roads\":");
    if (!town_watch_roads(v->watch, visit_roads, &map) || !base_buffer_append(&map, "}", 1)) {
        base_buffer_free(&map);
        return;
    }
    memcpy(v->map_key, key, sizeof key);
    pthread_mutex_lock(&v->lock);
    publish(&map, &v->map);
    pthread_mutex_unlock(&v->lock);
    base_buffer_free(&map);
}

static void make_state(eval_view *v, const town_seen *seen)
{
    eval_view_pace(&v->pace, seen->stats.ticks, base_clock_s());
    base_buffer_clear(&v->work);
    eval_view_state_json(&v->work, seen, v->serial + 1, v->pace.per_s); /* only this thread writes the serial */
    pthread_mutex_lock(&v->lock);
    if (!v->work.failed)
        publish(&v->work, &v->state);
    pthread_mutex_unlock(&v->lock);
    base_buffer_clear(&v->work);
    eval_view_shapes_json(&v->work, seen);
    pthread_mutex_lock(&v->lock);
    if (!v->work.failed && (v->work.bytes != v->shapes.bytes || memcmp(v->work.data, v->shapes.data, v->work.bytes) != 0)) {
        publish(&v->work, &v->shapes);
        v->shapes_serial++;
    }
    pthread_mutex_unlock(&v->lock);
}

static bool make_picture(eval_view *v, const town_seen *seen, view_from from, base_error *err)
{
    town_watch_view view = eval_view_camera(seen, from, v->options.width_px);
    base_buffer jpeg = { .max_bytes = PICTURE_MAX }, png = { .max_bytes = PICTURE_MAX };
    bool drawn = false;
    bool ok = town_watch_draw(v->watch, &view, v->bgra, v->tag, &drawn, err);
    ok = ok && (!drawn || (eval_view_jpeg(&jpeg, v->bgra, view.width_px, view.height_px, err) &&
                           eval_view_labels(&png, v->tag, view.width_px, view.height_px, err)));
    if (ok && drawn) {
        pthread_mutex_lock(&v->lock);
        publish(&jpeg, &v->pictures[from].jpeg);
        publish(&png, &v->pictures[from].png);
        v->pictures[from].drawn_s = base_clock_s();
        pthread_mutex_unlock(&v->lock);
    }
    base_buffer_free(&jpeg);
    base_buffer_free(&png);
    return ok;
}

static bool is_wanted(const eval_view *v, view_from from, double now_s)
{
    return v->viewers[from] > 0 || (v->asked_s[from] > 0 && now_s - v->asked_s[from] < ASKED_S);
}

static struct timespec at(double monotonic_s)
{
    struct timespec t = { (time_t)monotonic_s, 0 };
    t.tv_nsec = (long)((monotonic_s - (double)t.tv_sec) * 1e9);
    return t;
}

/* Wait until somebody looks and the next picture is due. False: the end. */
static bool wait_for_viewers(eval_view *v, double due_s, bool wanted[VIEW_FROM_COUNT])
{
    struct timespec due = at(due_s);
    pthread_mutex_lock(&v->lock);
    for (;;) {
        double now_s = base_clock_s();
        bool any = false;
        for (int i = 0; i < VIEW_FROM_COUNT; i++)
            any |= wanted[i] = is_wanted(v, (view_from)i, now_s);
        if (v->stopping || (any && now_s >= due_s))
            break;
        if (any)
            pthread_cond_timedwait(&v->changed, &v->lock, &due);
        else
            pthread_cond_wait(&v->changed, &v->lock);
    }
    bool goes_on = !v->stopping;
    pthread_mutex_unlock(&v->lock);
    return goes_on;
}

static void *draw(void *user)
{
    eval_view *v = user;
    setpriority(PRIO_PROCESS, (id_t)gettid(), NICENESS); /* of this thread only, on Linux */
    double due_s = 0;
    bool wanted[VIEW_FROM_COUNT];
    while (wait_for_viewers(v, due_s, wanted)) {
        base_error err = { 0 };
        const town_seen *seen;
        double start_s = base_clock_s();
        due_s = start_s + 1.0 / v->options.rate_hz;
        if (!town_watch_next(v->watch, LOOK_S, &seen, &err))
            report(v, &err);
        if (!seen)
            continue;
        if (seen->frame == v->last_frame)
            due_s = start_s + fmax(STILL_S, 1.0 / v->options.rate_hz);
        v->last_frame = seen->frame;
        make_map(v, seen);
        make_state(v, seen);
        for (int i = 0; i < VIEW_FROM_COUNT; i++)
            if (wanted[i] && !make_picture(v, seen, (view_from)i, &err))
                report(v, &err);
        pthread_mutex_lock(&v->lock);
        v->serial++;
        v->published_s = base_clock_s();
        pthread_cond_broadcast(&v->changed);
        pthread_mutex_unlock(&v->lock);
    }
    return NULL;
}

/* ---- for the threads that answer ---- */

bool eval_view_join(eval_view *v, view_from from, uint64_t *serial)
{
    pthread_mutex_lock(&v->lock);
    int viewers = 0;
    for (int i = 0; i < VIEW_FROM_COUNT; i++)
        viewers += v->viewers[i];
    bool room = viewers < v->options.viewers && !v->stopping;
    if (room) {
        v->viewers[from]++;
        *serial = v->serial;
        pthread_cond_broadcast(&v->changed);
    }
    pthread_mutex_unlock(&v->lock);
    return room;
}

void eval_view_leave(eval_view *v, view_from from)
{
    pthread_mutex_lock(&v->lock);
    v->viewers[from]--;
    pthread_mutex_unlock(&v->lock);
}

/* The part as it is now; NULL when there is none, or when it has not been kept up since `since_s`. */
static const base_buffer *part_of(const eval_view *v, view_part part, view_from from, double since_s)
{
    const picture *p = &v->pictures[from];
    bool is_picture = part == VIEW_CAMERA || part == VIEW_LABELS;
    if ((is_picture ? p->drawn_s : v->published_s) < since_s)
        return NULL;
    const base_buffer *b = part == VIEW_STATE    ? &v->state
                           : part == VIEW_SHAPES ? &v->shapes
                           : part == VIEW_MAP    ? &v->map
                           : part == VIEW_CAMERA ? &p->jpeg
                                                 : &p->png;
    return b->bytes ? b : NULL;
}

bool eval_view_get(eval_view *v, view_part part, view_from from, base_buffer *out)
{
    double now_s = base_clock_s();
    struct timespec until = at(now_s + WAIT_S);
    const base_buffer *b;
    pthread_mutex_lock(&v->lock);
    bool fresh = now_s - v->asked_s[from] < ASKED_S || v->viewers[from] > 0; /* it is being drawn all the time */
    v->asked_s[from] = now_s;
    pthread_cond_broadcast(&v->changed);
    while (!(b = part_of(v, part, from, fresh ? 1e-9 : now_s)) && !v->stopping)
        if (pthread_cond_timedwait(&v->changed, &v->lock, &until) == ETIMEDOUT)
            break;
    bool ok = b && base_buffer_append(out, b->data, b->bytes);
    pthread_mutex_unlock(&v->lock);
    return ok;
}

bool eval_view_events(eval_view *v, uint64_t *serial, uint64_t *shapes, double timeout_s, base_buffer *out)
{
    struct timespec until = at(base_clock_s() + timeout_s);
    pthread_mutex_lock(&v->lock);
    while (v->serial == *serial && !v->stopping)
        if (pthread_cond_timedwait(&v->changed, &v->lock, &until) == ETIMEDOUT)
            break;
    if (v->serial == *serial) {
        base_buffer_printf(out, ": still here\n\n");
    } else {
        if (v->shapes_serial != *shapes) {
            base_buffer_printf(out, "event: shapes\ndata: ");
            base_buffer_append(out, v->shapes.data, v->shapes.bytes);
            base_buffer_printf(out, "\n\n");
        }
        base_buffer_printf(out, "event: state\ndata: ");
        base_buffer_append(out, v->state.data, v->state.bytes);
        base_buffer_printf(out, "\n\n");
        *serial = v->serial;
        *shapes = v->shapes_serial;
    }
    bool goes_on = !v->stopping && !out->failed;
    pthread_mutex_unlock(&v->lock);
    return goes_on;
}

/* ---- life ---- */

eval_view *eval_view_create(town_watch *watch, const eval_view_options *o, base_error *err)
{
    if (!eval_view_options_check(o, err))
        return NULL;
    eval_view *v = calloc(1, sizeof *v);
    if (!v)
        return base_fail(err, BASE_MEMORY, "out of memory for the live page"), NULL;
    v->options = *o;
    v->watch = watch;
    v->work.max_bytes = v->state.max_bytes = v->shapes.max_bytes = STATE_MAX;
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&v->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&v->lock, NULL);
    size_t px = (size_t)o->width_px * ((size_t)o->width_px + 1); /* a square picture is the largest */
    v->bgra = malloc(px * 4);
    v->tag = malloc(px);
    if (!v->bgra || !v->tag) {
        base_fail(err, BASE_MEMORY, "out of memory for the live page's pictures");
    } else if ((v->http = eval_view_http_start(v, o, err))) {
        v->has_thread = pthread_create(&v->thread, NULL, draw, v) == 0;
        if (v->has_thread)
            return v;
        base_fail(err, BASE_MEMORY, "live page: no thread to draw on");
    }
    eval_view_destroy(v);
    return NULL;
}

void eval_view_destroy(eval_view *v)
{
    if (!v)
        return;
    pthread_mutex_lock(&v->lock);
    v->stopping = true;
    pthread_cond_broadcast(&v->changed);
    pthread_mutex_unlock(&v->lock);
    eval_view_http_stop(v->http);
    if (v->has_thread)
        pthread_join(v->thread, NULL);
    for (int i = 0; i < VIEW_FROM_COUNT; i++) {
        base_buffer_free(&v->pictures[i].jpeg);
        base_buffer_free(&v->pictures[i].png);
    }
    base_buffer_free(&v->state);
    base_buffer_free(&v->shapes);
    base_buffer_free(&v->map);
    base_buffer_free(&v->work);
    pthread_cond_destroy(&v->changed);
    pthread_mutex_destroy(&v->lock);
    free(v->bgra);
    free(v->tag);
    free(v);
}

int eval_view_port(const eval_view *v) { return eval_view_http_port(v->http); }

bool eval_view_libraries(char *text, size_t bytes)
{
    snprintf(text, bytes, "libmicrohttpd %s, libjpeg %d", eval_view_http_version(), JPEG_LIB_VERSION);
    return true;
}

#else

static const char missing[] = "apt install libmicrohttpd-dev libjpeg62-turbo-dev, then build again";

eval_view *eval_view_create(town_watch *watch, const eval_view_options *o, base_error *err)
{
    (void)watch;
    if (eval_view_options_check(o, err))
        base_fail(err, BASE_UNSUPPORTED, "this build has no live page, for lack of libmicrohttpd or libjpeg: %s", missing);
    return NULL;
}

void eval_view_destroy(eval_view *v) { (void)v; }
int eval_view_port(const eval_view *v) { return (void)v, 0; }

bool eval_view_libraries(char *text, size_t bytes)
{
    snprintf(text, bytes, "%s", missing);
    return false;
}
#endif

eval_view_options eval_view_options_default(void)
{
    return (eval_view_options){ .bind = "127.0.0.1", .port = 8080, .rate_hz = 10, .width_px = 640, .viewers = 8 };
}

bool eval_view_options_check(const eval_view_options *o, base_error *err)
{
    const struct {
        const char *name;
        int value, least, most;
    } numbers[] = { { "port", o->port, 0, 65535 },
                    { "pictures a second", o->rate_hz, 1, 30 },
                    { "width in pixels", o->width_px, 64, 1920 },
                    { "viewers", o->viewers, 1, 64 } };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (numbers[i].value < numbers[i].least || numbers[i].value > numbers[i].most)
            return base_fail(err, BASE_ARGUMENT, "live page: %s is %d, expected %d .. %d", numbers[i].name, numbers[i].value,
                             numbers[i].least, numbers[i].most);
    return true;
}
