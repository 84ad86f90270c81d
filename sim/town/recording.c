/* Reading a recorder file: everything is bounded by the bytes that are there. */
#include "sim/town/recording.h"
#include "base/file.h"
#include <stdlib.h>
#include <string.h>

/* ---- bytes ---- */

typedef struct cursor {
    const unsigned char *data;
    size_t at, end;
    bool bad; /* asked for more than there is */
} cursor;

static uint64_t take(cursor *c, int bytes)
{
    uint64_t v = 0;
    if (c->bad || c->end - c->at < (size_t)bytes) {
        c->bad = true;
        return 0;
    }
    for (int i = 0; i < bytes; i++)
        v |= (uint64_t)c->data[c->at++] << (8 * i);
    return v;
}

/* Numbers that are none become 0: whatever is done with them must stay harmless. */
static float take_f32(cursor *c)
{
    uint32_t bits = (uint32_t)take(c, 4);
    float v;
    memcpy(&v, &bits, sizeof v);
    return isfinite(v) ? v : 0;
}

static double take_f64(cursor *c)
{
    uint64_t bits = take(c, 8);
    double v;
    memcpy(&v, &bits, sizeof v);
    return isfinite(v) ? v : 0;
}

static void take_text(cursor *c, char out[RECORDING_TEXT_MAX])
{
    size_t bytes = take(c, 2);
    out[0] = 0;
    if (c->bad || c->end - c->at < bytes) {
        c->bad = true;
        return;
    }
    size_t kept = bytes < RECORDING_TEXT_MAX ? bytes : RECORDING_TEXT_MAX - 1;
    for (size_t i = 0; i < kept; i++) { /* control characters would end up in logs and terminals */
        unsigned char b = c->data[c->at + i];
        out[i] = (char)(b < 32 || b == 127 ? '?' : b);
    }
    out[kept] = 0;
    c->at += bytes;
}

static base_vec3 take_vector(cursor *c)
{
    base_vec3 v;
    v.x = (double)take_f32(c);
    v.y = (double)take_f32(c);
    v.z = (double)take_f32(c);
    return v;
}

static base_vec3 take_metres(cursor *c) { return base_vec3_scale(take_vector(c), 0.01); }

static base_pose take_pose(cursor *c)
{
    base_pose p = { .location = take_metres(c) };
    base_vec3 turn = take_vector(c);
    p.rotation = (base_rotation){ .pitch_deg = turn.y, .yaw_deg = turn.z, .roll_deg = turn.x };
    return p;
}

/* ---- records ---- */

static void take_add(cursor *c, recording_item *item)
{
    item->is.add.type = (uint8_t)take(c, 1);
    item->pose = take_pose(c);
    item->is.add.uid = (uint32_t)take(c, 4);
    take_text(c, item->is.add.id);
    uint32_t count = (uint32_t)take(c, 2);
    item->is.add.pair_count = 0;
    recording_pair spare = { 0 };
    for (uint32_t i = 0; i < count && !c->bad; i++) {
        recording_pair *p = i < RECORDING_PAIRS_MAX ? &item->is.add.pairs[item->is.add.pair_count++] : &spare;
        p->type = (uint8_t)take(c, 1);
        take_text(c, p->id);
        take_text(c, p->value);
    }
}

static bool has_records(uint8_t packet)
{
    return (packet >= RECORDING_ADD && packet <= RECORDING_VEHICLE_LIGHTS) || packet == RECORDING_KINEMATICS ||
           packet == RECORDING_BOX;
}

static void take_record(cursor *c, recording_item *item)
{
    item->id = (uint32_t)take(c, 4);
    switch (item->packet) {
    case RECORDING_ADD: take_add(c, item); break;
    case RECORDING_PARENT: item->other = (uint32_t)take(c, 4); break;
    case RECORDING_COLLISION: /* its own number comes first */
        item->is.collision.number = item->id;
        item->id = (uint32_t)take(c, 4);
        item->other = (uint32_t)take(c, 4);
        item->is.collision.hero = take(c, 1);
        item->is.collision.other_hero = take(c, 1);
        break;
    case RECORDING_POSITION: item->pose = take_pose(c); break;
    case RECORDING_LIGHT_STATE:
        item->is.light.frozen = take(c, 1);
        item->is.light.elapsed_s = take_f32(c);
        item->is.light.state = (uint8_t)take(c, 1);
        break;
    case RECORDING_VEHICLE:
        item->is.vehicle.steer = take_f32(c);
        item->is.vehicle.throttle = take_f32(c);
        item->is.vehicle.brake = take_f32(c);
        item->is.vehicle.hand_brake = take(c, 1);
        item->is.vehicle.gear = (int32_t)take(c, 4);
        break;
    case RECORDING_WALKER: item->is.walker_mps = take_f32(c) / 100; break;
    case RECORDING_VEHICLE_LIGHTS: item->is.lights = (uint32_t)take(c, 4); break;
    case RECORDING_KINEMATICS:
        item->velocity = take_metres(c);
        item->spin = take_vector(c);
        break;
    case RECORDING_BOX:
        item->pose.location = take_metres(c);
        item->velocity = take_metres(c);
        break;
    default: break; /* DELETE: the id alone */
    }
}

/* The next packet, or record of the packet at hand. False at the end, and with *bad when the bytes are no recording. */
static bool step(recording_walk *w, recording_item *item, bool *bad)
{
    const unsigned char *data = w->recording->data;
    *bad = false;
    for (;;) {
        if (w->left) {
            cursor c = { data, w->at, w->packet_end, false };
            item->packet = (recording_packet)w->packet;
            item->total = w->total;
            item->index = w->total - w->left;
            take_record(&c, item);
            w->at = c.at;
            w->left--;
            *bad = c.bad;
            return !c.bad;
        }
        if (w->at < w->packet_end)
            w->at = w->packet_end; /* more bytes than records: of a later release */
        if (w->at >= w->end)
            return false;
        cursor c = { data, w->at, w->end, false };
        w->packet = (uint8_t)take(&c, 1);
        size_t bytes = take(&c, 4);
        if (c.bad || c.end - c.at < bytes) {
            *bad = true;
            return false;
        }
        size_t begin = w->at;
        w->packet_end = c.at + bytes;
        c.end = w->packet_end;
        w->at = c.at;
        if (w->packet == RECORDING_FRAME_START) {
            item->packet = RECORDING_FRAME_START;
            item->is.frame.number = take(&c, 8);
            item->is.frame.duration_s = take_f64(&c);
            item->is.frame.elapsed_s = take_f64(&c);
            item->is.frame.begin = begin;
            item->is.frame.end = 0;
        } else if (w->packet == RECORDING_FRAME_END) {
            item->packet = RECORDING_FRAME_END;
        } else {
            if (has_records(w->packet)) {
                w->left = w->total = (uint32_t)take(&c, 2);
                w->at = c.at;
            } else {
                w->at = w->packet_end;
            }
            if ((*bad = c.bad))
                return false;
            continue;
        }
        w->at = w->packet_end;
        *bad = c.bad;
        return !c.bad;
    }
}

bool recording_next(recording_walk *w, recording_item *item)
{
    bool bad;
    return step(w, item, &bad); /* parse saw that nothing is */
}

recording_walk recording_walk_all(const recording *r)
{
    return (recording_walk){ .recording = r, .at = r->packets, .packet_end = r->packets, .end = r->bytes };
}

recording_walk recording_walk_frame(const recording *r, size_t frame)
{
    const recording_frame *f = &r->frames[frame];
    return (recording_walk){ .recording = r, .at = f->begin, .packet_end = f->begin, .end = f->end };
}

/* ---- a whole file ---- */

static bool read_header(recording *r, const char *name, base_error *err)
{
    cursor c = { r->data, 0, r->bytes, false };
    char magic[RECORDING_TEXT_MAX];
    r->version = (uint16_t)take(&c, 2);
    take_text(&c, magic);
    if (c.bad || strcmp(magic, RECORDING_MAGIC))
        return base_fail(err, BASE_FORMAT, "%s: is no recording: no " RECORDING_MAGIC " at its start", name);
    r->date_s = (int64_t)take(&c, 8);
    take_text(&c, r->map);
    if (c.bad)
        return base_fail(err, BASE_FORMAT, "%s: ends at byte %zu, inside its header", name, r->bytes);
    if (r->version != RECORDING_VERSION)
        return base_fail(err, BASE_FORMAT, "%s: is of version %d, this build reads %d", name, r->version, RECORDING_VERSION);
    r->packets = c.at;
    return true;
}

static bool add_frame(recording *r, size_t *capacity, const recording_frame *f)
{
    if (r->frame_count == *capacity) {
        size_t wanted = *capacity ? 2 * *capacity : 256;
        recording_frame *moved = realloc(r->frames, wanted * sizeof *moved);
        if (!moved)
            return false;
        r->frames = moved;
        *capacity = wanted;
    }
    r->frames[r->frame_count++] = *f;
    return true;
}

static bool index_frames(recording *r, const char *name, base_error *err)
{
    recording_walk w = recording_walk_all(r);
    recording_item *item = calloc(1, sizeof *item);
    size_t capacity = 0;
    bool bad = false, open = false, ok = item != NULL;
    if (!ok)
        base_fail(err, BASE_MEMORY, "%s: out of memory", name);
    while (ok && step(&w, item, &bad)) {
        recording_frame *last = r->frame_count ? &r->frames[r->frame_count - 1] : NULL;
        if (item->packet == RECORDING_FRAME_END && open) {
            last->end = w.at;
            open = false;
        } else if (item->packet == RECORDING_FRAME_START) {
            if (open || (last && item->is.frame.elapsed_s < last->elapsed_s))
                ok = base_fail(err, BASE_FORMAT, "%s: offset %zu: a frame %s", name, item->is.frame.begin,
                               open ? "begins inside another" : "goes back in time");
            else if (!add_frame(r, &capacity, &item->is.frame))
                ok = base_fail(err, BASE_MEMORY, "%s: out of memory for its frames", name);
            open = true;
        } else if (!open) {
            ok = base_fail(err, BASE_FORMAT, "%s: offset %zu: packet %d stands outside of a frame", name, w.at, w.packet);
        }
    }
    free(item);
    if (ok && bad)
        return base_fail(err, BASE_FORMAT, "%s: offset %zu: packet %d reaches beyond its end or the file's", name, w.at,
                         w.packet);
    if (ok && (open || r->frame_count == 0))
        return base_fail(err, BASE_FORMAT, "%s: %s", name, open ? "its last frame has no end" : "holds no frame");
    return ok;
}

bool recording_parse(recording *r, unsigned char *data, size_t bytes, const char *name, base_error *err)
{
    *r = (recording){ .data = data, .bytes = bytes };
    if (read_header(r, name, err) && index_frames(r, name, err))
        return true;
    recording_free(r);
    return false;
}

bool recording_read(recording *r, const char *path, const char *name, base_error *err)
{
    unsigned char *data;
    size_t bytes;
    *r = (recording){ 0 };
    return base_file_read(path, RECORDING_BYTES_MAX, &data, &bytes, err) && recording_parse(r, data, bytes, name, err);
}

void recording_free(recording *r)
{
    free(r->data);
    free(r->frames);
    *r = (recording){ 0 };
}
