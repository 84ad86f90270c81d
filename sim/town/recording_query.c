/* What CARLA's clients are told about a recording: its frames, collisions, actors that stood still. */
#include "sim/town/recording.h"
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TEXT_BYTES_MAX ((size_t)8 << 20) /* then the list is cut and says so */

static void describe_head(const recording *r, base_buffer *out)
{
    time_t date = (time_t)r->date_s;
    struct tm parts;
    char text[64] = "unknown";
    if (gmtime_r(&date, &parts))
        strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S UTC", &parts);
    base_buffer_printf(out, "Version: %d\nMap: %s\nDate: %s\n\n", r->version, r->map, text);
}

static void describe_tail(const recording *r, base_buffer *out)
{
    const recording_frame *last = &r->frames[r->frame_count - 1];
    base_buffer_printf(out, "\nFrames: %zu\nDuration: %g seconds\n", r->frame_count, last->elapsed_s);
}

static void describe_item(const recording_item *i, base_buffer *out)
{
    const base_vec3 at = base_vec3_scale(i->pose.location, 100), v = i->velocity;
    switch (i->packet) {
    case RECORDING_ADD:
        base_buffer_printf(out, " Create %u: %s (%d) at (%g, %g, %g)\n", i->id, i->is.add.id, i->is.add.type, at.x, at.y, at.z);
        for (int k = 0; k < i->is.add.pair_count; k++)
            base_buffer_printf(out, "  %s = %s\n", i->is.add.pairs[k].id, i->is.add.pairs[k].value);
        break;
    case RECORDING_DELETE: base_buffer_printf(out, " Destroy %u\n", i->id); break;
    case RECORDING_PARENT: base_buffer_printf(out, " Parenting %u with %u (parent)\n", i->id, i->other); break;
    case RECORDING_COLLISION:
        base_buffer_printf(out, " Collision id %u between %u%s with %u%s\n", i->is.collision.number, i->id,
                           i->is.collision.hero ? " (hero) " : "", i->other, i->is.collision.other_hero ? " (hero) " : "");
        break;
    case RECORDING_POSITION:
        base_buffer_printf(out, "  Id: %u Location: (%g, %g, %g) Rotation: (%g, %g, %g)\n", i->id, at.x, at.y, at.z,
                           i->pose.rotation.roll_deg, i->pose.rotation.pitch_deg, i->pose.rotation.yaw_deg);
        break;
    case RECORDING_LIGHT_STATE:
        base_buffer_printf(out, "  Id: %u state: %d frozen: %d elapsedTime: %g\n", i->id, i->is.light.state, i->is.light.frozen,
                           (double)i->is.light.elapsed_s);
        break;
    case RECORDING_VEHICLE:
        base_buffer_printf(out, "  Id: %u Steering: %g Throttle: %g Brake: %g Handbrake: %d Gear: %d\n", i->id,
                           (double)i->is.vehicle.steer, (double)i->is.vehicle.throttle, (double)i->is.vehicle.brake,
                           i->is.vehicle.hand_brake, i->is.vehicle.gear);
        break;
    case RECORDING_WALKER: base_buffer_printf(out, "  Id: %u speed: %g\n", i->id, (double)i->is.walker_mps * 100); break;
    case RECORDING_VEHICLE_LIGHTS: base_buffer_printf(out, "  Id: %u lights: 0x%x\n", i->id, i->is.lights); break;
    case RECORDING_KINEMATICS:
        base_buffer_printf(out, "  Id: %u linear_velocity: (%g, %g, %g) angular_velocity: (%g, %g, %g)\n", i->id, 100 * v.x,
                           100 * v.y, 100 * v.z, i->spin.x, i->spin.y, i->spin.z);
        break;
    case RECORDING_BOX:
        base_buffer_printf(out, "  Id: %u origin: (%g, %g, %g) extension: (%g, %g, %g)\n", i->id, at.x, at.y, at.z, 100 * v.x,
                           100 * v.y, 100 * v.z);
        break;
    default: break;
    }
}

void recording_describe(const recording *r, bool all, base_buffer *out)
{
    static const char *const titles[] = {
        [RECORDING_POSITION] = "Positions",
        [RECORDING_LIGHT_STATE] = "State traffic lights",
        [RECORDING_VEHICLE] = "Vehicle animations",
        [RECORDING_WALKER] = "Walker animations",
        [RECORDING_VEHICLE_LIGHTS] = "Vehicle light animations",
        [RECORDING_KINEMATICS] = "Dynamic actors",
        [RECORDING_BOX] = "Actor bounding boxes",
    };
    recording_walk w = recording_walk_all(r);
    recording_item *item = calloc(1, sizeof *item);
    recording_frame frame = { 0 };
    bool frame_told = false;
    describe_head(r, out);
    while (item && recording_next(&w, item)) {
        if (out->bytes > TEXT_BYTES_MAX) {
            base_buffer_printf(out, "... (the list is longer)\n");
            break;
        }
        if (item->packet == RECORDING_FRAME_END)
            continue;
        bool event = item->packet >= RECORDING_ADD && item->packet <= RECORDING_COLLISION;
        if (item->packet == RECORDING_FRAME_START) {
            frame = item->is.frame;
            frame_told = false;
        }
        if (!all && !event)
            continue;
        if (!frame_told)
            base_buffer_printf(out, "Frame %llu at %g seconds\n", (unsigned long long)frame.number, frame.elapsed_s);
        frame_told = true;
        if (item->packet >= RECORDING_POSITION && item->index == 0)
            base_buffer_printf(out, " %s: %u\n", titles[item->packet], item->total);
        describe_item(item, out);
    }
    free(item);
    describe_tail(r, out);
}

/* ---- who is who ---- */

typedef struct person { /* an actor of the recording */
    uint32_t id;
    uint8_t type;
    char name[RECORDING_TEXT_MAX];
    base_vec3 at;
    double since_s, still_s;
    bool seen;
} person;

typedef struct cast {
    person *people; /* ascending ids */
    size_t count, capacity;
} cast;

static size_t place_of(const cast *c, uint32_t id)
{
    size_t low = 0, high = c->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (c->people[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static person *find(cast *c, uint32_t id)
{
    size_t at = place_of(c, id);
    return at < c->count && c->people[at].id == id ? &c->people[at] : NULL;
}

#define CAST_MAX 65536

static void enter(cast *c, const recording_item *i)
{
    person *p = find(c, i->id);
    if (!p) {
        if (c->count == CAST_MAX)
            return;
        if (c->count == c->capacity) {
            size_t wanted = c->capacity ? 2 * c->capacity : 64;
            person *moved = realloc(c->people, wanted * sizeof *moved);
            if (!moved)
                return; /* nameless in the text */
            c->people = moved;
            c->capacity = wanted;
        }
        size_t at = place_of(c, i->id);
        memmove(&c->people[at + 1], &c->people[at], (c->count - at) * sizeof *c->people);
        c->count++;
        p = &c->people[at];
    }
    *p = (person){ .id = i->id, .type = i->is.add.type };
    memcpy(p->name, i->is.add.id, sizeof p->name);
}

/* ---- collisions ---- */

static bool fits(char wanted, const person *p, bool hero)
{
    char is = !p                                ? 'o'
              : p->type == RECORDING_IS_VEHICLE ? 'v'
              : p->type == RECORDING_IS_WALKER  ? 'w'
              : p->type == RECORDING_IS_LIGHT   ? 't'
                                                : 'o';
    return wanted == 'a' || wanted == is || (wanted == 'h' && hero);
}

void recording_collisions(const recording *r, char type1, char type2, base_buffer *out)
{
    enum { TOUCHING_MAX = 4096 };
    typedef struct pair {
        uint32_t a, b;
        uint64_t frame;
    } pair;
    pair *touching = malloc(TOUCHING_MAX * sizeof *touching); /* a collision that goes on is one */
    size_t touching_count = 0;
    cast people = { 0 };
    recording_walk w = recording_walk_all(r);
    recording_item *item = calloc(1, sizeof *item);
    recording_frame frame = { 0 };
    describe_head(r, out);
    base_buffer_printf(out, "%8s%8s%8s %-35s%8s %-35s\n", "Time", "Types", "Id", "Actor 1", "Id", "Actor 2");
    while (item && touching && out->bytes < TEXT_BYTES_MAX && recording_next(&w, item)) {
        if (item->packet == RECORDING_FRAME_START)
            frame = item->is.frame;
        if (item->packet == RECORDING_ADD)
            enter(&people, item);
        if (item->packet != RECORDING_COLLISION)
            continue;
        bool known = false;
        size_t kept = 0;
        for (size_t i = 0; i < touching_count; i++) {
            pair p = touching[i];
            if (p.frame + 1 < frame.number)
                continue;
            if (p.a == item->id && p.b == item->other) {
                known = true;
                p.frame = frame.number;
            }
            touching[kept++] = p;
        }
        touching_count = kept;
        if (known)
            continue;
        if (touching_count < TOUCHING_MAX)
            touching[touching_count++] = (pair){ item->id, item->other, frame.number };
        const person *a = find(&people, item->id), *b = find(&people, item->other);
        if (!fits(type1, a, item->is.collision.hero) || !fits(type2, b, item->is.collision.other_hero))
            continue;
        char types[4] = { item->is.collision.hero ? 'h'
                          : !a || a->type == 0    ? 'o'
                          : a->type == 1          ? 'v'
                                                  : 'w',
                          ' ',
                          item->is.collision.other_hero ? 'h'
                          : !b || b->type == 0          ? 'o'
                          : b->type == 1                ? 'v'
                                                        : 'w',
                          0 };
        base_buffer_printf(out, "%8.2f%8s%8u %-35s%8u %-35s\n", frame.elapsed_s, types, item->id, a ? a->name : "", item->other,
                           b ? b->name : "");
    }
    free(touching);
    free(people.people);
    free(item);
    describe_tail(r, out);
}

/* ---- actors that stand still ---- */

static void tell_blocked(const person *p, double min_s, base_buffer *out)
{
    if (p->seen && p->still_s >= min_s && out->bytes < TEXT_BYTES_MAX)
        base_buffer_printf(out, "%8.2f%8u %-35s%10.2f\n", p->since_s, p->id, p->name, p->still_s);
}

void recording_blocked(const recording *r, double min_s, double min_cm, base_buffer *out)
{
    cast people = { 0 };
    recording_walk w = recording_walk_all(r);
    recording_item *item = calloc(1, sizeof *item);
    double now_s = 0;
    describe_head(r, out);
    base_buffer_printf(out, "%8s%8s %-35s%10s\n", "Time", "Id", "Actor", "Duration");
    while (item && recording_next(&w, item)) {
        if (item->packet == RECORDING_FRAME_START)
            now_s = item->is.frame.elapsed_s;
        if (item->packet == RECORDING_ADD)
            enter(&people, item);
        person *p = item->packet == RECORDING_POSITION ? find(&people, item->id) : NULL;
        if (!p || (p->type != RECORDING_IS_VEHICLE && p->type != RECORDING_IS_WALKER))
            continue;
        if (!p->seen || 100 * base_vec3_length(base_vec3_sub(p->at, item->pose.location)) >= min_cm) {
            tell_blocked(p, min_s, out);
            p->at = item->pose.location;
            p->since_s = now_s;
            p->seen = true;
        }
        p->still_s = now_s - p->since_s;
    }
    for (size_t i = 0; i < people.count; i++)
        tell_blocked(&people.people[i], min_s, out);
    free(people.people);
    free(item);
    describe_tail(r, out);
}
