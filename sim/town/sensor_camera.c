/* Cameras: all that look from one place with one lens share a pass of the renderer; then each gets its picture as CARLA
 * encodes it:
 *
 *   depth         24 bits of 1000 m          tags  in red; instances also the id's low bytes in green and blue
 *   normals       world axes x, y, z as red, green, blue: (n + 1) / 2 x 255
 *   optical flow  x, y as float: now minus before in units of half the picture, x right, y up. Unreal's velocity buffer, which
 *                 CARLA sends, is said to be so (carla issue 4795); no server was asked
 *   DVS           see sensor_dvs.c
 *
 * A camera whose attributes ask for another picture (sensor_optics.c) makes its own of the pass' light; labels are moved as its lens bends. */
#include "sim/render/render.h"
#include "sim/town/encode.h"
#include "sim/town/sense.h"
#include "sim/wire/tag.h"
#include <stdlib.h>
#include <string.h>

struct town_eye {
    render *renderer;
    const town_encode *encode;
    uint8_t *color;
    uint32_t *encoded[TOWN_CAMERA_DVS + 1]; /* by kind, those that were asked for */
    size_t capacity_px;
    int width;                       /* of the pass at hand */
    bool wants[TOWN_CAMERA_DVS + 1]; /* its kinds */
    float *vector;                   /* normals or motion: [capacity][3], when one was asked for */
    size_t vector_px;
    float *radiance; /* for cameras that make their own picture: [capacity][4], when one is there */
    float *depth;    /* [capacity], for the same */
    void *own;       /* one camera's own picture, 8 bytes a pixel */
    size_t own_px;
    uint32_t tag_word[256]; /* the pixel that shows a tag, by the world's version */
    render_lamp *lamps;     /* of this frame */
    int lamp_count, lamp_capacity;
};

struct town_eye *town_eye_create(town_world *w, base_error *err)
{
    if (!w->scenery)
        return base_fail(err, BASE_ARGUMENT, "a world without a map has nothing for cameras to see"), NULL;
    struct town_eye *e = calloc(1, sizeof *e);
    if (!e)
        return base_fail(err, BASE_MEMORY, "out of memory for the cameras"), NULL;
    render_options o = render_options_default();
    o.shadows = w->options.quality >= 1;
    o.seed = w->options.seed;
    e->renderer = render_create(town_scenery_scene(w->scenery), w->options.pool, &o, err);
    if (!e->renderer) {
        free(e);
        return NULL;
    }
    e->encode = town_encode_choose(o.cpu_bits);
    for (int i = 0; i < 256; i++)
        e->tag_word[i] = 0xff000000 | (i < WIRE_TAG_COUNT ? (uint32_t)town_tag_number(w, (uint8_t)i) << 16 : 0);
    return e;
}

static void free_pictures(struct town_eye *e)
{
    free(e->color);
    e->color = NULL;
    for (size_t i = 0; i < sizeof e->encoded / sizeof *e->encoded; i++) {
        free(e->encoded[i]);
        e->encoded[i] = NULL;
    }
    e->capacity_px = 0;
}

void town_eye_destroy(struct town_eye *e)
{
    if (!e)
        return;
    render_destroy(e->renderer);
    free_pictures(e);
    free(e->vector);
    free(e->radiance);
    free(e->depth);
    free(e->own);
    free(e->lamps);
    free(e);
}

static bool make_room(struct town_eye *e, size_t px, base_error *err)
{
    if (px <= e->capacity_px)
        return true;
    free_pictures(e);
    e->color = malloc(px * 4);
    if (!e->color)
        return base_fail(err, BASE_MEMORY, "out of memory for a picture of %zu pixels", px);
    e->capacity_px = px;
    return true;
}

/* wants[kind]: pictures that are not sent as they are drawn. */
static bool make_encoded(struct town_eye *e, const bool *wants, base_error *err)
{
    static const town_sensor_kind kinds[] = { TOWN_CAMERA_DEPTH, TOWN_CAMERA_SEMANTIC, TOWN_CAMERA_INSTANCE,
                                              TOWN_CAMERA_NORMALS };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        uint32_t **picture = &e->encoded[kinds[i]];
        if (wants[kinds[i]] && !*picture && !(*picture = malloc(e->capacity_px * sizeof **picture)))
            return base_fail(err, BASE_MEMORY, "out of memory for a picture of %zu pixels", e->capacity_px);
    }
    return true;
}

static bool make_vectors(struct town_eye *e, size_t px, base_error *err)
{
    if (px <= e->vector_px)
        return true;
    free(e->vector);
    e->vector = malloc(px * 5 * sizeof *e->vector); /* normals, then motion */
    e->vector_px = e->vector ? px : 0;
    return e->vector || base_fail(err, BASE_MEMORY, "out of memory for the normals of %zu pixels", px);
}

static bool make_own(struct town_eye *e, size_t px, base_error *err)
{
    if (px <= e->own_px)
        return true;
    free(e->own);
    free(e->radiance);
    free(e->depth);
    e->own = malloc(px * 8);
    e->radiance = aligned_alloc(64, (px * 4 * sizeof *e->radiance + 63) / 64 * 64);
    e->depth = malloc(px * sizeof *e->depth);
    e->own_px = e->own && e->radiance && e->depth ? px : 0;
    return e->own_px || base_fail(err, BASE_MEMORY, "out of memory for the light of %zu pixels", px);
}

/* ---- encodings ---- */

static void encode_normals(uint32_t *bgra, const float *n, size_t px)
{
    for (size_t i = 0; i < px; i++) {
        bgra[i] = 0xff000000;
        for (size_t k = 0; k < 3; k++)
            bgra[i] |= (uint32_t)((n[3 * i + k] + 1) * 127.5f + 0.5f) << (16 - 8 * k);
    }
}

/* The rows of a part lie apart in the picture: no hardware guesses where the next one begins. */
static void fetch_row(uint32_t *bgra, size_t px)
{
    for (size_t i = 0; i < px; i += 16)
        __builtin_prefetch(bgra + i, 1);
}

/* Each row of a finished part, while it is still in the cache. Pixels are B, G, R, A from the lowest byte of the number. */
static void encode_part(void *user, const render_part *part)
{
    const struct town_eye *e = user;
    size_t px = (size_t)(part->x1 - part->x0);
    for (int y = part->y0; y < part->y1; y++) {
        size_t at = (size_t)y * (size_t)e->width + (size_t)part->x0, from = (size_t)(y - part->y0) * RENDER_PART_PITCH;
        for (int k = 0; k <= TOWN_CAMERA_DVS && y + 2 < part->y1; k++)
            if (e->wants[k] && e->encoded[k])
                fetch_row(e->encoded[k] + at + 2 * (size_t)e->width, px);
        if (e->wants[TOWN_CAMERA_DEPTH])
            e->encode->depth(e->encoded[TOWN_CAMERA_DEPTH] + at, part->depth + from, px);
        if (e->wants[TOWN_CAMERA_SEMANTIC])
            e->encode->tags(e->encoded[TOWN_CAMERA_SEMANTIC] + at, part->tag + from, e->tag_word, px);
        if (e->wants[TOWN_CAMERA_INSTANCE])
            e->encode->instances(e->encoded[TOWN_CAMERA_INSTANCE] + at, part->tag + from, part->id + from, e->tag_word, px);
        if (e->wants[TOWN_CAMERA_NORMALS])
            encode_normals(e->encoded[TOWN_CAMERA_NORMALS] + at, e->vector + 3 * at, px);
    }
}

/* Pixels -> half pictures, y up, within what CARLA's 16-bit buffer can hold. */
static void encode_flow(float *motion, int width, int height)
{
    size_t px = (size_t)width * (size_t)height;
    for (size_t i = 0; i < px; i++) {
        motion[2 * i] = fmaxf(-2, fminf(2, motion[2 * i] * 2 / (float)width));
        motion[2 * i + 1] = fmaxf(-2, fminf(2, motion[2 * i + 1] * -2 / (float)height));
    }
}

/* ---- passes ---- */

static bool same_number(double a, double b) { return memcmp(&a, &b, sizeof a) == 0; }

static bool same_view(const town_actor *a, const town_actor *b)
{
    return a->camera.width_px == b->camera.width_px && a->camera.height_px == b->camera.height_px &&
           same_number(a->camera.fov_deg, b->camera.fov_deg) && !memcmp(&a->pose, &b->pose, sizeof a->pose);
}

/* Do both cameras that look back come from the same place too? */
static bool same_past(const town_actor *a, const town_actor *b)
{
    return a->sense->frame_before == b->sense->frame_before &&
           !memcmp(&a->sense->pose_before, &b->sense->pose_before, sizeof a->sense->pose_before);
}

static bool is_colour(town_sensor_kind kind) { return kind == TOWN_CAMERA_RGB || kind == TOWN_CAMERA_DVS; }

/* The camera's own picture, from the pass' light; *bgra is where it is. */
static bool develop(const town_world *w, struct town_eye *e, town_actor *camera, const render_exposed *pass,
                    const uint8_t **bgra, base_error *err)
{
    render_exposed in = *pass;
    in.picture = w->frame - camera->spawn_frame; /* as all noise: the same from the same age on */
    in.time_s = w->elapsed_s;
    *bgra = e->own;
    return render_camera_develop(camera->sense->optics->camera, w->options.pool, &in, e->own, err);
}

static bool send(town_world *w, struct town_eye *e, town_actor *camera, const render_exposed *pass, const town_sink *sink,
                 base_error *err)
{
    size_t px = (size_t)camera->camera.width_px * (size_t)camera->camera.height_px;
    const struct town_optics *optics = camera->sense->optics;
    const uint8_t *color = e->color;
    if (is_colour(camera->sensor) && optics && !develop(w, e, camera, pass, &color, err))
        return false;
    town_measurement m = town_measurement_of(w, camera);
    m.width_px = camera->camera.width_px;
    m.height_px = camera->camera.height_px;
    m.fov_deg = (float)camera->camera.fov_deg;
    m.bgra = (const uint8_t *)e->encoded[camera->sensor];
    switch (camera->sensor) {
    case TOWN_CAMERA_DVS: return town_dvs_measure(w, camera, color, sink, err);
    case TOWN_CAMERA_RGB: m.bgra = color; break;
    case TOWN_CAMERA_FLOW:
        m.bgra = NULL;
        m.flow = e->vector + 3 * px;
        break;
    default: break;
    }
    if (optics && !is_colour(camera->sensor)) {
        const void *labels = m.flow ? (const void *)m.flow : (const void *)m.bgra;
        render_distort(&optics->is.distortion, w->options.pool, m.width_px, m.height_px, m.flow ? 8 : 4, labels, e->own);
        m.flow = m.flow ? e->own : NULL;
        m.bgra = m.bgra ? e->own : NULL;
    }
    sink->measurement(sink->user, &m);
    return true;
}

/* The renderer refuses poses that its numbers cannot hold, and a refused picture ends the server. Attachments add up and clients
 * may give any finite angle: turn angles back into a circle, and look from the edge of the world at most. */
base_pose town_drawable(base_pose p)
{
    const double most = 1e6;
    double *angle[] = { &p.rotation.pitch_deg, &p.rotation.yaw_deg, &p.rotation.roll_deg };
    double *place[] = { &p.location.x, &p.location.y, &p.location.z };
    for (int i = 0; i < 3; i++) {
        *angle[i] = isfinite(*angle[i]) ? base_wrap_deg(*angle[i]) : 0;
        *place[i] = fmax(-most, fmin(most, *place[i]));
    }
    return p;
}

/* What the cameras of a pass want of it, beside their kinds. */
typedef struct pass_needs {
    bool plain, own, light, depth; /* the renderer's own picture; pictures of their own; light and depth for these */
} pass_needs;

static pass_needs needs_of(struct town_eye *e, town_actor *const *group, int count)
{
    pass_needs n = { false, false, false, false };
    memset(e->wants, 0, sizeof e->wants);
    for (int i = 0; i < count; i++) {
        const struct town_optics *optics = group[i]->sense->optics;
        e->wants[group[i]->sensor] = true;
        n.own = n.own || optics;
        n.plain = n.plain || (is_colour(group[i]->sensor) && !optics);
        n.light = n.light || (optics && optics->camera);
        n.depth = n.depth || (optics && optics->camera && render_optics_needs_depth(&optics->is));
    }
    return n;
}

/* flow: one of the cameras that look back, or NULL. */
static bool take_pass(town_world *w, struct town_eye *e, town_actor *const *group, int count, const town_actor *flow,
                      const render_environment *light, const town_sink *sink, base_error *err)
{
    const town_camera *lens = &group[0]->camera;
    const bool *wants = e->wants;
    pass_needs needs = needs_of(e, group, count);
    size_t px = (size_t)lens->width_px * (size_t)lens->height_px;
    if (!make_room(e, px, err) || !make_encoded(e, wants, err) || (needs.own && !make_own(e, px, err)) ||
        ((flow || wants[TOWN_CAMERA_NORMALS]) && !make_vectors(e, px, err)))
        return false;
    e->width = lens->width_px;
    render_view view = { .pose = town_drawable(group[0]->pose),
                         .width = lens->width_px,
                         .height = lens->height_px,
                         .fov_deg = lens->fov_deg,
                         .antialias = w->options.quality >= 2,
                         .lamps = e->lamps,
                         .lamp_count = e->lamp_count };
    render_output out = {
        .bgra = needs.plain ? e->color : NULL,
        .radiance = needs.light ? e->radiance : NULL,
        .depth = needs.depth ? e->depth : NULL,
        .normal = wants[TOWN_CAMERA_NORMALS] ? e->vector : NULL,
        .motion = flow ? e->vector + 3 * px : NULL,
        .finished = encode_part,
        .user = e,
        .part_labels = wants[TOWN_CAMERA_SEMANTIC] || wants[TOWN_CAMERA_INSTANCE] || wants[TOWN_CAMERA_DEPTH],
    };
    render_before before = { .instances = w->shown.before };
    if (flow && flow->sense->frame_before && flow->sense->frame_before + 1 == w->frame) {
        before.pose = flow->sense->pose_before;
        view.before = &before;
    }
    if (!render_frame(e->renderer, &view, light, w->shown.instances, w->shown.count, &out, err))
        return false;
    const render_exposed pass = { .radiance = e->radiance,
                                  .motion = out.motion,
                                  .depth = out.depth,
                                  .width = lens->width_px,
                                  .height = lens->height_px,
                                  .fov_deg = lens->fov_deg,
                                  .exposure = light->exposure,
                                  .motion_s = view.before ? w->delta_s : 0 };
    bool ok = true;
    for (int i = 0; ok && i < count; i++) /* first, for they want motion as it is drawn */
        ok = !is_colour(group[i]->sensor) || send(w, e, group[i], &pass, sink, err);
    if (wants[TOWN_CAMERA_FLOW])
        encode_flow(e->vector + 3 * px, lens->width_px, lens->height_px);
    for (int i = 0; ok && i < count; i++)
        ok = is_colour(group[i]->sensor) || send(w, e, group[i], &pass, sink, err);
    return ok;
}

void town_flow_remember(const town_world *w, town_actor *camera)
{
    camera->sense->pose_before = town_drawable(camera->pose);
    camera->sense->frame_before = w->frame;
}

render_environment town_environment(const town_world *w)
{
    const town_weather *s = &w->weather;
    render_weather weather = { s->cloudiness,     s->precipitation,   s->precipitation_deposits,
                               s->wind_intensity, s->sun_azimuth_deg, s->sun_altitude_deg,
                               s->fog_density,    s->fog_distance_m,  s->fog_falloff,
                               s->wetness };
    return render_environment_from_weather(&weather, w->elapsed_s);
}

static bool find_lamps(struct town_eye *e, const town_world *w, base_error *err)
{
    int most = town_lamps_most(w);
    if (most > e->lamp_capacity) {
        free(e->lamps);
        e->lamps = malloc((size_t)most * sizeof *e->lamps);
        e->lamp_capacity = e->lamps ? most : 0;
        if (!e->lamps)
            return base_fail(err, BASE_MEMORY, "out of memory for %d lamps", most);
    }
    e->lamp_count = town_lamps_list(w, e->lamps);
    return true;
}

bool town_cameras_measure(town_world *w, town_actor *const *due, int count, const town_sink *sink, base_error *err)
{
    if (!w->eye && !(w->eye = town_eye_create(w, err)))
        return false;
    render_environment light = town_environment(w);
    if (!find_lamps(w->eye, w, err))
        return false;
    town_actor **group = malloc(2 * (size_t)count * sizeof *group);
    if (!group)
        return base_fail(err, BASE_MEMORY, "out of memory for %d cameras", count);
    town_actor **left = group + count;
    memcpy(left, due, (size_t)count * sizeof *left);
    bool ok = true;
    while (ok && count > 0) {
        int members = 0, rest = 0;
        const town_actor *first = left[0], *flow = NULL;
        for (int i = 0; i < count; i++) {
            bool looks_back = town_optics_looks_back(left[i]);
            if (!same_view(first, left[i]) || (looks_back && flow && !same_past(flow, left[i]))) {
                left[rest++] = left[i];
                continue;
            }
            flow = looks_back ? left[i] : flow;
            group[members++] = left[i];
        }
        count = rest;
        ok = take_pass(w, w->eye, group, members, flow, &light, sink, err);
    }
    free(group);
    return ok;
}
