/* Writing recordings, a frame per tick, in CARLA's format (recording.h).
 *
 * A frame waits in memory until the next tick says how long it lasted; then it goes to the file as a whole, so that a recording that
 * was cut off ends behind a frame. */
#include "sim/town/internal.h"
#include "sim/town/recording.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct town_recorder {
    FILE *file;
    char path[1200];
    bool additional;
    base_buffer frame; /* the last one, not yet in the file */
    size_t written;
    uint64_t number;
    double elapsed_s;
    uint32_t *known; /* actors that were added, ascending */
    int known_count, known_capacity;
    uint32_t collisions;
};

/* ---- bytes ---- */

static void put(base_buffer *b, uint64_t v, int bytes)
{
    unsigned char out[8];
    for (int i = 0; i < bytes; i++)
        out[i] = (unsigned char)(v >> (8 * i));
    base_buffer_append(b, out, (size_t)bytes);
}

static void put_f32(base_buffer *b, double v)
{
    float f = (float)v;
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    put(b, bits, 4);
}

static void put_f64(base_buffer *b, double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    put(b, bits, 8);
}

static void put_text(base_buffer *b, const char *text)
{
    size_t bytes = strlen(text);
    bytes = bytes > 65535 ? 65535 : bytes;
    put(b, bytes, 2);
    base_buffer_append(b, text, bytes);
}

static void put_vector(base_buffer *b, base_vec3 v)
{
    put_f32(b, v.x);
    put_f32(b, v.y);
    put_f32(b, v.z);
}

static void put_metres(base_buffer *b, base_vec3 v) { put_vector(b, base_vec3_scale(v, 100)); }

static void put_pose(base_buffer *b, const base_pose *p)
{
    put_metres(b, p->location);
    put_vector(b, (base_vec3){ p->rotation.roll_deg, p->rotation.pitch_deg, p->rotation.yaw_deg });
}

/* A packet of records: its size and count are filled in behind. */
static size_t packet_begin(base_buffer *b, recording_packet id)
{
    put(b, id, 1);
    size_t at = b->bytes;
    put(b, 0, 4);
    put(b, 0, 2);
    return at;
}

static void packet_end(base_buffer *b, size_t at, uint32_t count)
{
    if (b->failed)
        return;
    uint32_t bytes = (uint32_t)(b->bytes - at - 4);
    for (int i = 0; i < 4; i++)
        b->data[at + (size_t)i] = (unsigned char)(bytes >> (8 * i));
    b->data[at + 4] = (unsigned char)count;
    b->data[at + 5] = (unsigned char)(count >> 8);
}

/* ---- a frame ---- */

static uint8_t type_of(const town_actor *a)
{
    switch (a->kind) {
    case TOWN_VEHICLE: return RECORDING_IS_VEHICLE;
    case TOWN_WALKER: return RECORDING_IS_WALKER;
    case TOWN_TRAFFIC_LIGHT: return RECORDING_IS_LIGHT;
    case TOWN_TRAFFIC_SIGN: return RECORDING_IS_SIGN;
    case TOWN_SENSOR: return RECORDING_IS_SENSOR;
    default: return RECORDING_OTHER;
    }
}

static bool is_hero(const town_actor *a)
{
    const char *role = a ? town_actor_attribute(a, "role_name") : NULL;
    return role && !strcmp(role, "hero");
}

static void put_add(base_buffer *b, const town_actor *a)
{
    put(b, a->id, 4);
    put(b, type_of(a), 1);
    put_pose(b, &a->pose);
    put(b, a->blueprint ? town_blueprint_uid(a->blueprint) : 0, 4);
    put_text(b, a->type_id);
    put(b, (uint64_t)a->attribute_count, 2);
    for (int i = 0; i < a->attribute_count; i++) {
        put(b, a->attributes[i].type, 1);
        put_text(b, a->attributes[i].id);
        put_text(b, a->attributes[i].value);
    }
}

/* Actors and what was known of them are both in order of id: one pass finds who came and who went. */
static void put_events(struct town_recorder *r, const town_world *w)
{
    base_buffer *b = &r->frame;
    uint32_t added = 0, gone = 0;
    size_t at = packet_begin(b, RECORDING_ADD);
    int k = 0;
    for (int i = 0; i < w->actor_count; i++) {
        while (k < r->known_count && r->known[k] < w->actors[i]->id)
            k++;
        if (k < r->known_count && r->known[k] == w->actors[i]->id)
            continue;
        put_add(b, w->actors[i]);
        added++;
    }
    packet_end(b, at, added);
    at = packet_begin(b, RECORDING_DELETE);
    for (int i = 0, q = 0; q < r->known_count; q++) {
        while (i < w->actor_count && w->actors[i]->id < r->known[q])
            i++;
        if (i < w->actor_count && w->actors[i]->id == r->known[q])
            continue;
        put(b, r->known[q], 4);
        gone++;
    }
    packet_end(b, at, gone);
    at = packet_begin(b, RECORDING_PARENT);
    uint32_t parents = 0;
    k = 0;
    for (int i = 0; i < w->actor_count; i++) {
        while (k < r->known_count && r->known[k] < w->actors[i]->id)
            k++;
        bool is_new = k == r->known_count || r->known[k] != w->actors[i]->id;
        if (!is_new || !w->actors[i]->parent)
            continue;
        put(b, w->actors[i]->id, 4);
        put(b, w->actors[i]->parent, 4);
        parents++;
    }
    packet_end(b, at, parents);
}

static bool remember(struct town_recorder *r, const town_world *w)
{
    if (w->actor_count > r->known_capacity) {
        uint32_t *moved = realloc(r->known, (size_t)w->actor_count * sizeof *moved);
        if (!moved)
            return false;
        r->known = moved;
        r->known_capacity = w->actor_count;
    }
    r->known_count = w->actor_count;
    for (int i = 0; i < w->actor_count; i++)
        r->known[i] = w->actors[i]->id;
    return true;
}

static void put_collisions(struct town_recorder *r, const town_world *w)
{
    size_t at = packet_begin(&r->frame, RECORDING_COLLISION);
    for (int i = 0; i < w->event_count; i++) {
        const town_event *e = &w->events[i];
        put(&r->frame, r->collisions++, 4);
        put(&r->frame, e->actor, 4);
        put(&r->frame, e->other, 4);
        put(&r->frame, is_hero(town_actor_find(w, e->actor)), 1);
        put(&r->frame, e->other && is_hero(town_actor_find(w, e->other)), 1);
    }
    packet_end(&r->frame, at, (uint32_t)w->event_count);
}

typedef bool (*record_writer)(base_buffer *b, const town_actor *a);

static bool put_position(base_buffer *b, const town_actor *a)
{
    if (a->kind != TOWN_VEHICLE && a->kind != TOWN_WALKER && a->kind != TOWN_PROP && a->kind != TOWN_SPECTATOR)
        return false;
    put(b, a->id, 4);
    put_pose(b, &a->pose);
    return true;
}

static bool put_light(base_buffer *b, const town_actor *a)
{
    if (a->kind != TOWN_TRAFFIC_LIGHT || !a->light)
        return false;
    put(b, a->id, 4);
    put(b, 0, 1);
    put_f32(b, (double)a->light->elapsed_s);
    put(b, (uint64_t)a->light->state, 1);
    return true;
}

static bool put_vehicle(base_buffer *b, const town_actor *a)
{
    if (a->kind != TOWN_VEHICLE)
        return false;
    put(b, a->id, 4);
    put_f32(b, (double)a->control.steer);
    put_f32(b, (double)a->control.throttle);
    put_f32(b, (double)a->control.brake);
    put(b, a->control.hand_brake, 1);
    put(b, (uint32_t)a->state.gear, 4);
    return true;
}

static bool put_walker(base_buffer *b, const town_actor *a)
{
    if (a->kind != TOWN_WALKER)
        return false;
    put(b, a->id, 4);
    put_f32(b, 100 * a->walker.speed_mps);
    return true;
}

static bool put_vehicle_lights(base_buffer *b, const town_actor *a)
{
    if (a->kind != TOWN_VEHICLE)
        return false;
    put(b, a->id, 4);
    put(b, a->vehicle_lights, 4);
    return true;
}

static bool put_kinematics(base_buffer *b, const town_actor *a)
{
    if (a->kind != TOWN_VEHICLE && a->kind != TOWN_WALKER)
        return false;
    put(b, a->id, 4);
    put_metres(b, a->velocity);
    put_vector(b, base_vec3_scale(a->angular_radps, BASE_DEG(1)));
    return true;
}

static bool put_box(base_buffer *b, const town_actor *a)
{
    if (a->kind != TOWN_VEHICLE && a->kind != TOWN_WALKER)
        return false;
    put(b, a->id, 4);
    put_metres(b, a->box.center);
    put_metres(b, a->box.extent);
    return true;
}

static void put_all(base_buffer *b, const town_world *w, recording_packet id, record_writer write)
{
    size_t at = packet_begin(b, id);
    uint32_t count = 0;
    for (int i = 0; i < w->actor_count; i++)
        count += write(b, w->actors[i]);
    packet_end(b, at, count);
}

/* The frame that waits goes to the file; duration -1: nobody knows. */
static bool flush(struct town_recorder *r, double duration_s)
{
    base_buffer *b = &r->frame;
    if (b->bytes == 0)
        return true;
    if (b->failed)
        return false;
    base_buffer value = { 0 };
    put_f64(&value, duration_s);
    bool ok = !value.failed;
    if (ok)
        memcpy(b->data + 13, value.data, 8); /* behind id, size and number */
    base_buffer_free(&value);
    ok = ok && fwrite(b->data, 1, b->bytes, r->file) == b->bytes && fflush(r->file) == 0;
    r->written += b->bytes;
    base_buffer_clear(b);
    return ok;
}

void town_recorder_tick(town_world *w, double dt_s)
{
    struct town_recorder *r = w->recorder;
    if (!r)
        return;
    bool ok = flush(r, dt_s);
    r->elapsed_s += r->number ? dt_s : 0;
    base_buffer *b = &r->frame;
    put(b, RECORDING_FRAME_START, 1);
    put(b, 24, 4);
    put(b, ++r->number, 8);
    put_f64(b, -1);
    put_f64(b, r->elapsed_s);
    put_events(r, w);
    put_collisions(r, w);
    put_all(b, w, RECORDING_POSITION, put_position);
    put_all(b, w, RECORDING_LIGHT_STATE, put_light);
    put_all(b, w, RECORDING_VEHICLE, put_vehicle);
    put_all(b, w, RECORDING_WALKER, put_walker);
    put_all(b, w, RECORDING_VEHICLE_LIGHTS, put_vehicle_lights);
    if (r->additional) {
        put_all(b, w, RECORDING_KINEMATICS, put_kinematics);
        put_all(b, w, RECORDING_BOX, put_box);
    }
    put(b, RECORDING_FRAME_END, 1);
    put(b, 0, 4);
    if (ok && !b->failed && remember(r, w) && r->written + b->bytes < RECORDING_BYTES_MAX)
        return;
    base_log_write(w->options.log, BASE_LOG_WARNING, "%s: the recording ends here: %s", r->path,
                   r->written + b->bytes < RECORDING_BYTES_MAX ? "no memory or disk space" : "it is as long as one may be");
    town_recorder_stop(w);
}

bool town_recorder_start(town_world *w, const char *path, bool additional, base_error *err)
{
    town_recorder_stop(w);
    struct town_recorder *r = calloc(1, sizeof *r);
    if (!r)
        return base_fail(err, BASE_MEMORY, "out of memory for a recording");
    snprintf(r->path, sizeof r->path, "%s", path);
    r->additional = additional;
    r->file = fopen(path, "wb");
    if (!r->file) {
        base_fail(err, BASE_IO, "%s: %s", path, strerror(errno));
        free(r);
        return false;
    }
    base_buffer head = { 0 };
    char map[300] = "";
    if (w->map)
        snprintf(map, sizeof map, "Carla/Maps/%s", town_map_name(w->map));
    put(&head, RECORDING_VERSION, 2);
    put_text(&head, RECORDING_MAGIC);
    put(&head, (uint64_t)time(NULL), 8);
    put_text(&head, map);
    bool ok = !head.failed && fwrite(head.data, 1, head.bytes, r->file) == head.bytes;
    r->written = head.bytes;
    base_buffer_free(&head);
    w->recorder = r;
    if (!ok) {
        town_recorder_stop(w);
        return base_fail(err, BASE_IO, "%s: cannot be written", path);
    }
    town_recorder_tick(w, 0); /* the world as it stands is the first frame */
    return w->recorder != NULL || base_fail(err, BASE_IO, "%s: cannot be written", path);
}

void town_recorder_stop(town_world *w)
{
    struct town_recorder *r = w->recorder;
    w->recorder = NULL;
    if (!r)
        return;
    flush(r, -1);
    if (fclose(r->file) != 0)
        base_log_write(w->options.log, BASE_LOG_WARNING, "%s: %s", r->path, strerror(errno));
    base_buffer_free(&r->frame);
    free(r->known);
    free(r);
}
