/* Playing recordings: recorded actors are put where they were, in between by interpolation, while the world ticks on.
 *
 * A recorded actor is one of the world's when the world has an actor of that id and type, else it is spawned; traffic lights are those
 * that stand where the recorded ones stood. Physics of the moved actors rest until the end. */
#include "sim/town/internal.h"
#include "sim/town/recording.h"
#include <stdlib.h>
#include <string.h>

typedef struct player {    /* a recorded actor */
    uint32_t recorded, id; /* id 0: not shown */
    bool is_own;           /* spawned here */
    base_pose now, next;
    size_t now_frame, next_frame; /* +1; 0: none */
} player;

struct town_replayer {
    recording recording;
    size_t frame; /* that was entered last */
    double time_s, end_s;
    uint32_t follow; /* recorded id */
    bool sensors;
    base_pose offset;
    player *players; /* ascending recorded ids */
    int count, capacity;
    recording_item item, ahead;
};

#define PLAYERS_MAX TOWN_ACTORS_MAX

static int place_of(const struct town_replayer *r, uint32_t recorded)
{
    int low = 0, high = r->count;
    while (low < high) {
        int middle = low + (high - low) / 2;
        if (r->players[middle].recorded < recorded)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static player *player_of(struct town_replayer *r, uint32_t recorded)
{
    int at = place_of(r, recorded);
    return at < r->count && r->players[at].recorded == recorded ? &r->players[at] : NULL;
}

static player *player_add(struct town_replayer *r, uint32_t recorded)
{
    player *old = player_of(r, recorded);
    if (old)
        return old;
    if (r->count == r->capacity) {
        int wanted = r->capacity ? 2 * r->capacity : 64;
        player *moved = wanted <= PLAYERS_MAX ? realloc(r->players, (size_t)wanted * sizeof *moved) : NULL;
        if (!moved)
            return NULL;
        r->players = moved;
        r->capacity = wanted;
    }
    int at = place_of(r, recorded);
    memmove(&r->players[at + 1], &r->players[at], (size_t)(r->count - at) * sizeof *r->players);
    r->count++;
    r->players[at] = (player){ .recorded = recorded };
    return &r->players[at];
}

/* ---- who plays a recorded actor ---- */

static const char *role_of(const recording_item *i)
{
    for (int k = 0; k < i->is.add.pair_count; k++)
        if (!strcmp(i->is.add.pairs[k].id, "role_name"))
            return i->is.add.pairs[k].value;
    return "";
}

static uint32_t light_at(const town_world *w, base_vec3 place)
{
    for (int i = 0; i < w->actor_count; i++)
        if (w->actors[i]->kind == TOWN_TRAFFIC_LIGHT && base_vec3_length(base_vec3_sub(w->actors[i]->pose.location, place)) < 1)
            return w->actors[i]->id;
    return 0;
}

/* Who it hangs on, as the same frame says behind all births; 0: nobody that is here. */
static uint32_t parent_of(struct town_replayer *r, uint32_t recorded)
{
    recording_walk walk = recording_walk_frame(&r->recording, r->frame);
    while (recording_next(&walk, &r->ahead))
        if (r->ahead.packet == RECORDING_PARENT && r->ahead.id == recorded) {
            const player *p = player_of(r, r->ahead.other);
            return p ? p->id : 0;
        }
    return 0;
}

static uint32_t spawn(town_world *w, const recording_item *i)
{
    uint32_t parent = i->is.add.type == RECORDING_IS_SENSOR ? parent_of(w->replayer, i->id) : 0;
    town_attribute attributes[RECORDING_PAIRS_MAX];
    for (int k = 0; k < i->is.add.pair_count; k++)
        attributes[k] = (town_attribute){ i->is.add.pairs[k].id, TOWN_STRING, i->is.add.pairs[k].value };
    town_description d = { 0, i->is.add.id, attributes, i->is.add.pair_count };
    /* Born where nobody stands: the first frame puts it in its place, which others may be leaving just then. */
    base_pose pose = i->pose;
    pose.location.z += 1000 + 10 * (double)(i->id % 1000);
    uint32_t id = town_spawn(w, &d, pose, parent, TOWN_RIGID, NULL);
    if (id)
        town_pose_set(w, id, i->pose);
    return id;
}

static void enter(town_world *w, const recording_item *i)
{
    struct town_replayer *r = w->replayer;
    player *p = player_add(r, i->id);
    if (!p || p->id)
        return;
    if (i->is.add.type == RECORDING_IS_LIGHT) {
        p->id = light_at(w, i->pose.location);
        return;
    }
    if (!strcmp(i->is.add.id, "spectator")) {
        p->id = w->replay.ignore_spectator ? 0 : w->spectator;
        return;
    }
    bool moves = i->is.add.type == RECORDING_IS_VEHICLE || i->is.add.type == RECORDING_IS_WALKER ||
                 !strncmp(i->is.add.id, "static.prop.", 12);
    if ((!moves && !(r->sensors && i->is.add.type == RECORDING_IS_SENSOR)) ||
        (w->replay.ignore_hero && !strcmp(role_of(i), "hero")))
        return;
    const town_actor *mine = town_actor_find(w, i->id);
    p->is_own = !mine || strcmp(mine->type_id, i->is.add.id);
    p->id = p->is_own ? spawn(w, i) : i->id;
    if (!p->id)
        base_log_write(w->options.log, BASE_LOG_WARNING, "replay: actor %u, a %s, cannot be spawned here", i->id, i->is.add.id);
    else if (moves)
        town_simulate_physics_set(w, p->id, false);
}

static void leave(town_world *w, const recording_item *i)
{
    player *p = player_of(w->replayer, i->id);
    if (!p)
        return;
    if (p->id && p->is_own)
        town_destroy(w, p->id);
    p->id = 0;
}

/* ---- frames ---- */

static void apply(town_world *w, const recording_item *i, size_t frame)
{
    if (i->packet == RECORDING_ADD)
        enter(w, i);
    else if (i->packet == RECORDING_DELETE)
        leave(w, i);
    player *p = player_of(w->replayer, i->id);
    if (!p || !p->id)
        return;
    switch (i->packet) {
    case RECORDING_POSITION:
        p->now = i->pose;
        p->now_frame = frame + 1;
        break;
    case RECORDING_LIGHT_STATE: town_light_state_set(w, p->id, i->is.light.state); break;
    case RECORDING_VEHICLE:
        town_vehicle_control_set(w, p->id,
                                 (town_vehicle_control){ .throttle = i->is.vehicle.throttle,
                                                         .steer = i->is.vehicle.steer,
                                                         .brake = i->is.vehicle.brake,
                                                         .hand_brake = i->is.vehicle.hand_brake,
                                                         .gear = i->is.vehicle.gear < -1  ? -1
                                                                 : i->is.vehicle.gear > 7 ? 7
                                                                                          : i->is.vehicle.gear });
        break;
    case RECORDING_VEHICLE_LIGHTS: town_vehicle_lights_set(w, p->id, i->is.lights); break;
    default: break;
    }
}

static void enter_frame(town_world *w, size_t frame)
{
    struct town_replayer *r = w->replayer;
    recording_walk walk = recording_walk_frame(&r->recording, frame);
    r->frame = frame;
    while (recording_next(&walk, &r->item))
        apply(w, &r->item, frame);
    if (frame + 1 == r->recording.frame_count)
        return;
    walk = recording_walk_frame(&r->recording, frame + 1);
    while (recording_next(&walk, &r->item)) {
        player *p = r->item.packet == RECORDING_POSITION ? player_of(r, r->item.id) : NULL;
        if (!p)
            continue;
        p->next = r->item.pose;
        p->next_frame = frame + 1;
    }
}

static double turn(double from, double to, double part) { return base_wrap_deg(from + part * base_wrap_deg(to - from)); }

static base_pose between(const base_pose *a, const base_pose *b, double part)
{
    base_pose p = { base_vec3_add(a->location, base_vec3_scale(base_vec3_sub(b->location, a->location), part)),
                    { turn(a->rotation.pitch_deg, b->rotation.pitch_deg, part),
                      turn(a->rotation.yaw_deg, b->rotation.yaw_deg, part),
                      turn(a->rotation.roll_deg, b->rotation.roll_deg, part) } };
    return p;
}

static void place_players(town_world *w, double dt_s)
{
    struct town_replayer *r = w->replayer;
    const recording_frame *f = &r->recording.frames[r->frame];
    bool last = r->frame + 1 == r->recording.frame_count;
    double span = last ? 0 : f[1].elapsed_s - f->elapsed_s;
    double part = span > 0 ? fmax(0, fmin(1, (r->time_s - f->elapsed_s) / span)) : 0;
    for (int i = 0; i < r->count; i++) {
        player *p = &r->players[i];
        town_actor *a = p->id ? town_actor_find(w, p->id) : NULL;
        if (!a || p->now_frame != r->frame + 1)
            continue;
        bool both = p->next_frame == r->frame + 1;
        base_vec3 before = a->pose.location;
        town_pose_set(w, p->id, both ? between(&p->now, &p->next, part) : p->now);
        if (dt_s > 0)
            a->velocity = base_vec3_scale(base_vec3_sub(a->pose.location, before), 1 / dt_s);
    }
    player *led = r->follow ? player_of(r, r->follow) : NULL;
    const town_actor *leader = led && led->id ? town_actor_find(w, led->id) : NULL;
    if (leader)
        town_pose_set(w, w->spectator, base_pose_compose(&leader->pose, &r->offset));
}

void town_replay_tick(town_world *w, double dt_s)
{
    struct town_replayer *r = w->replayer;
    if (!r)
        return;
    r->time_s += dt_s * w->replay.time_factor;
    bool over = r->time_s >= r->end_s;
    if (over)
        r->time_s = r->end_s;
    while (r->frame + 1 < r->recording.frame_count && r->recording.frames[r->frame + 1].elapsed_s <= r->time_s)
        enter_frame(w, r->frame + 1);
    place_players(w, dt_s);
    if (over)
        town_replay_stop(w, true);
}

bool town_replay_start(town_world *w, const char *path, const char *name, const town_replay_options *o, double *from_s,
                       double *to_s, base_error *err)
{
    town_replay_stop(w, false);
    struct town_replayer *r = calloc(1, sizeof *r);
    if (!r)
        return base_fail(err, BASE_MEMORY, "out of memory for a replay");
    if (!recording_read(&r->recording, path, name, err)) {
        free(r);
        return false;
    }
    double total = r->recording.frames[r->recording.frame_count - 1].elapsed_s;
    double start = o->start_s < 0 ? fmax(0, total + o->start_s) : fmin(o->start_s, total); /* negative: from the end */
    r->end_s = o->duration_s > 0 ? fmin(total, start + o->duration_s) : total;
    r->time_s = start;
    r->follow = o->follow;
    r->sensors = o->sensors;
    r->offset = o->offset;
    w->replayer = r;
    enter_frame(w, 0);
    while (r->frame + 1 < r->recording.frame_count && r->recording.frames[r->frame + 1].elapsed_s <= start)
        enter_frame(w, r->frame + 1);
    place_players(w, 0);
    *from_s = start;
    *to_s = r->end_s;
    return true;
}

bool town_replay_factor_set(town_world *w, double time_factor, base_error *err)
{
    if (!(time_factor >= 0) || !(time_factor <= 100))
        return base_fail(err, BASE_ARGUMENT, "time factor of the replay: %g, expected 0 .. 100", time_factor);
    w->replay.time_factor = time_factor;
    return true;
}

double town_replay_factor_get(const town_world *w) { return w->replay.time_factor; }

void town_replay_ignore_hero_set(town_world *w, bool ignore) { w->replay.ignore_hero = ignore; }
void town_replay_ignore_spectator_set(town_world *w, bool ignore) { w->replay.ignore_spectator = ignore; }

bool town_replay_runs(const town_world *w) { return w->replayer != NULL; }

void town_replay_stop(town_world *w, bool keep_actors)
{
    struct town_replayer *r = w->replayer;
    w->replayer = NULL;
    if (!r)
        return;
    for (int i = 0; i < r->count; i++) {
        player *p = &r->players[i];
        const town_actor *a = p->id ? town_actor_find(w, p->id) : NULL;
        if (!a)
            continue;
        if (!keep_actors && p->is_own)
            town_destroy(w, p->id);
        else if (a->kind == TOWN_VEHICLE || a->kind == TOWN_WALKER || a->kind == TOWN_PROP)
            town_simulate_physics_set(w, p->id, true);
    }
    recording_free(&r->recording);
    free(r->players);
    free(r);
}
