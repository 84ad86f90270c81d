/* Looking on: a copy of the world between two ticks, and pictures drawn from it on another thread.
 *
 * Two locks. `copying` guards the one copy: whoever looks asks for it and waits; the server's thread fills it between two ticks, and
 * never touches it unasked, so that the looker reads it without a lock until it asks again. `drawing` guards what a picture is made
 * of beside the copy, the scenery and the renderer on it: the looker holds it while it draws, and the server's thread takes it only
 * to change the scenery. A tick takes neither.
 *
 * The list of instances is not the world's own (shown.c): that one remembers when it was last asked for, and optical flow would
 * tell whether somebody looked. */
#include "base/clock.h"
#include "sim/render/render.h"
#include "sim/town/serve.h"
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct town_watch {
    pthread_mutex_t copying;
    pthread_cond_t copied;
    atomic_bool asked; /* written with `copying` held; read without it by the server, which mostly finds false */
    bool is_filled, is_failed;
    town_seen seen; /* its arrays are these: */
    town_seen_actor *actors;
    town_debug_shape *shapes;
    scene_instance *instances;
    int actor_capacity, shape_capacity, instance_count;
    render_environment light;
    render_lamp *lamps;
    int lamp_count, lamp_capacity;
    uint64_t seen_scenery; /* which scenery the instances' meshes are of */

    pthread_mutex_t drawing;
    town_scenery *scenery;  /* NULL: between two maps */
    const road_map *roads;  /* of the same map */
    render *renderer;       /* made by the first picture */
    uint64_t scenery_count; /* how many there have been */
    int quality;
    uint64_t seed;
};

/* ---- the server's side ---- */

town_watch *town_server_watch(town_server *s, base_error *err)
{
    if (s->watch)
        return s->watch;
    town_watch *w = calloc(1, sizeof *w);
    if (!w) {
        base_fail(err, BASE_MEMORY, "out of memory for looking on");
        return NULL;
    }
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&w->copied, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&w->copying, NULL);
    pthread_mutex_init(&w->drawing, NULL);
    atomic_init(&w->asked, false);
    s->watch = s->world->watch = w;
    town_watch_enter(w, s->world);
    return w;
}

void town_watch_destroy(town_watch *w)
{
    if (!w)
        return;
    render_destroy(w->renderer);
    pthread_mutex_destroy(&w->drawing);
    pthread_mutex_destroy(&w->copying);
    pthread_cond_destroy(&w->copied);
    free(w->actors);
    free(w->shapes);
    free(w->instances);
    free(w->lamps);
    free(w);
}

static bool make_room(town_watch *w, int actors, int shapes, int lamps)
{
    if (actors > w->actor_capacity) {
        free(w->actors);
        free(w->instances);
        w->actors = malloc((size_t)actors * sizeof *w->actors);
        w->instances = malloc((size_t)actors * TOWN_SCENERY_PARTS * sizeof *w->instances);
        w->actor_capacity = w->actors && w->instances ? actors : 0;
    }
    if (shapes > w->shape_capacity) {
        free(w->shapes);
        w->shapes = malloc((size_t)shapes * sizeof *w->shapes);
        w->shape_capacity = w->shapes ? shapes : 0;
    }
    if (lamps > w->lamp_capacity) {
        free(w->lamps);
        w->lamps = malloc((size_t)lamps * sizeof *w->lamps);
        w->lamp_capacity = w->lamps ? lamps : 0;
    }
    return w->actor_capacity >= actors && w->shape_capacity >= shapes && w->lamp_capacity >= lamps;
}

static void copy_actor(town_seen_actor *to, const town_actor *a)
{
    *to = (town_seen_actor){ .id = a->id,
                             .parent_id = a->parent,
                             .kind = a->kind,
                             .sensor = a->sensor,
                             .pose = a->pose,
                             .box = a->box,
                             .speed_mps = base_vec3_length(a->velocity),
                             .light_state = a->light ? a->light->state : 0,
                             .dead = a->dead };
    const char *role = town_actor_attribute(a, "role_name");
    snprintf(to->type_id, sizeof to->type_id, "%s", a->type_id);
    snprintf(to->role, sizeof to->role, "%s", role ? role : "");
    if (a->sensor >= TOWN_CAMERA_RGB && a->sensor <= TOWN_CAMERA_DVS) {
        to->camera_w_px = a->camera.width_px;
        to->camera_h_px = a->camera.height_px;
        to->fov_deg = a->camera.fov_deg;
    }
}

static bool copy_world(town_watch *w, const town_server *s)
{
    const town_world *world = s->world;
    if (!make_room(w, world->actor_count, world->drawn.count, town_lamps_most(world)))
        return false;
    int count = 0;
    for (int i = 0; i < world->actor_count; i++)
        if (world->actors[i]->kind != TOWN_SPECTATOR)
            copy_actor(&w->actors[count++], world->actors[i]);
    if (world->drawn.count)
        memcpy(w->shapes, world->drawn.shapes, (size_t)world->drawn.count * sizeof *w->shapes);
    w->instance_count = world->scenery ? town_shown_list(world, w->instances) : 0;
    w->light = town_environment(world);
    w->lamp_count = town_lamps_list(world, w->lamps);
    w->seen_scenery = w->scenery_count; /* written by this thread only */
    const town_actor *spectator = town_actor_find(world, world->spectator);
    base_pose from = { 0 };
    if (spectator)
        from = spectator->pose;
    w->seen = (town_seen){ .episode_id = world->episode_id,
                           .frame = world->frame,
                           .elapsed_s = world->elapsed_s,
                           .delta_s = world->delta_s,
                           .settings = world->settings,
                           .weather = world->weather,
                           .stats = town_server_stats_get(s),
                           .spectator = from,
                           .actors = w->actors,
                           .actor_count = count,
                           .shapes = w->shapes,
                           .shape_count = world->drawn.count };
    snprintf(w->seen.map, sizeof w->seen.map, "%s", world->map ? town_map_name(world->map) : "");
    return true;
}

void town_watch_serve(town_server *s)
{
    town_watch *w = s->watch;
    if (!w || !atomic_load_explicit(&w->asked, memory_order_relaxed))
        return;
    pthread_mutex_lock(&w->copying);
    if (atomic_load(&w->asked)) {
        w->is_failed = !copy_world(w, s);
        w->is_filled = true;
        atomic_store(&w->asked, false);
        pthread_cond_signal(&w->copied);
    }
    pthread_mutex_unlock(&w->copying);
}

void town_watch_hold(town_watch *w)
{
    if (w)
        pthread_mutex_lock(&w->drawing);
}

void town_watch_release(town_watch *w)
{
    if (w)
        pthread_mutex_unlock(&w->drawing);
}

void town_watch_leave(town_watch *w)
{
    if (!w)
        return;
    pthread_mutex_lock(&w->drawing);
    render_destroy(w->renderer);
    w->renderer = NULL;
    w->scenery = NULL;
    w->roads = NULL;
    pthread_mutex_unlock(&w->drawing);
}

void town_watch_enter(town_watch *w, const town_world *world)
{
    if (!w)
        return;
    pthread_mutex_lock(&w->drawing);
    w->scenery = world->scenery;
    w->roads = world->map ? world->map->road : NULL;
    w->quality = world->options.quality;
    w->seed = world->options.seed;
    w->scenery_count++;
    pthread_mutex_unlock(&w->drawing);
}

/* ---- the looker's side ---- */

static struct timespec after(double seconds)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    double whole = floor(seconds);
    t.tv_sec += (time_t)whole;
    t.tv_nsec += (long)((seconds - whole) * 1e9);
    if (t.tv_nsec >= 1000000000L) {
        t.tv_nsec -= 1000000000L;
        t.tv_sec++;
    }
    return t;
}

bool town_watch_next(town_watch *w, double timeout_s, const town_seen **seen, base_error *err)
{
    struct timespec until = after(timeout_s);
    pthread_mutex_lock(&w->copying);
    w->is_filled = w->is_failed = false;
    atomic_store(&w->asked, true);
    while (!w->is_filled && pthread_cond_timedwait(&w->copied, &w->copying, &until) != ETIMEDOUT)
        ;
    atomic_store(&w->asked, false);
    *seen = w->is_filled && !w->is_failed ? &w->seen : NULL;
    bool failed = w->is_failed;
    pthread_mutex_unlock(&w->copying);
    return !failed || base_fail(err, BASE_MEMORY, "out of memory for a copy of the world");
}

static bool make_renderer(town_watch *w, base_error *err)
{
    if (w->renderer)
        return true;
    render_options o = render_options_default();
    o.shadows = w->quality >= 1;
    o.seed = w->seed;
    /* No pool: the server's serves one job at a time, and a picture must not stand in a tick's way. */
    w->renderer = render_create(town_scenery_scene(w->scenery), NULL, &o, err);
    return w->renderer != NULL;
}

bool town_watch_draw(town_watch *w, const town_watch_view *v, uint8_t *bgra, uint8_t *tag, bool *drawn, base_error *err)
{
    render_view view = { .pose = town_drawable(v->pose),
                         .width = v->width_px,
                         .height = v->height_px,
                         .fov_deg = v->fov_deg,
                         .hidden_id = v->hidden_id,
                         .lamps = w->lamps,
                         .lamp_count = w->lamp_count };
    render_output out = { .bgra = bgra, .tag = tag };
    *drawn = false;
    pthread_mutex_lock(&w->drawing);
    bool ok = true;
    if (w->scenery && w->seen_scenery == w->scenery_count) {
        view.antialias = w->quality >= 2;
        ok = make_renderer(w, err) && render_frame(w->renderer, &view, &w->light, w->instances, w->instance_count, &out, err);
        *drawn = ok;
    }
    pthread_mutex_unlock(&w->drawing);
    return ok;
}

bool town_watch_roads(town_watch *w, void (*visit)(void *user, const struct road_map *roads), void *user)
{
    pthread_mutex_lock(&w->drawing);
    bool there = w->roads != NULL;
    if (there)
        visit(user, w->roads);
    pthread_mutex_unlock(&w->drawing);
    return there;
}
