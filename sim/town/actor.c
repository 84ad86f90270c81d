/* Actors: the table of a world, spawning from blueprints, attachment, and everything that is set on one actor. */
#include "sim/town/internal.h"
#include <stdlib.h>
#include <string.h>

/* ---- the table: pointers in order of id; ids only grow, so a new actor goes to the end ---- */

static int index_of(const town_world *w, uint32_t id)
{
    int lo = 0, hi = w->actor_count;
    while (lo < hi) {
        int middle = lo + (hi - lo) / 2;
        if (w->actors[middle]->id < id)
            lo = middle + 1;
        else
            hi = middle;
    }
    return lo < w->actor_count && w->actors[lo]->id == id ? lo : -1;
}

town_actor *town_actor_find(const town_world *w, uint32_t id)
{
    int i = index_of(w, id);
    return i < 0 ? NULL : w->actors[i];
}

int town_actor_count(const town_world *w) { return w->actor_count; }
uint32_t town_actor_id_at(const town_world *w, int index) { return w->actors[index]->id; }
uint32_t town_spectator(const town_world *w) { return w->spectator; }

uint32_t town_sensor_of_stream(const town_world *w, uint32_t stream_id)
{
    for (int i = 0; i < w->actor_count; i++)
        if (w->actors[i]->stream_id == stream_id && stream_id)
            return w->actors[i]->id;
    return 0;
}

void town_actor_free(town_actor *a)
{
    if (!a)
        return;
    free(a->attributes);
    free(a->light);
    free(a->bone_pose);
    town_sense_free(a->sense);
    free(a);
}

static bool append(town_world *w, town_actor *a)
{
    if (w->actor_count >= TOWN_ACTORS_MAX)
        return false;
    if (w->actor_count == w->actor_capacity) {
        int capacity = w->actor_capacity ? 2 * w->actor_capacity : 64;
        town_actor **more = realloc(w->actors, (size_t)capacity * sizeof *more);
        if (!more)
            return false;
        w->actors = more;
        w->actor_capacity = capacity;
    }
    a->id = w->next_id++;
    w->actors[w->actor_count++] = a;
    return true;
}

town_actor *town_actor_add(town_world *w, town_kind kind, const char *type_id, base_pose pose)
{
    town_actor *a = calloc(1, sizeof *a);
    if (!a)
        return NULL;
    a->kind = kind;
    a->type_id = type_id;
    a->pose = pose;
    a->light_state = 2;
    if (!append(w, a)) {
        town_actor_free(a);
        return NULL;
    }
    return a;
}

/* ---- attributes ---- */

const char *town_actor_attribute(const town_actor *a, const char *id)
{
    for (int i = 0; i < a->attribute_count; i++)
        if (!strcmp(a->attributes[i].id, id))
            return a->attributes[i].value;
    return NULL;
}

bool town_actor_number(const town_actor *a, const char *id, double lo, double hi, double *out)
{
    const char *text = town_actor_attribute(a, id);
    if (!text)
        return false;
    char *end;
    double value = strtod(text, &end);
    if (end == text || !(value >= lo && value <= hi))
        return false;
    while (*end == ' ' || *end == 'f')
        end++;
    if (*end)
        return false;
    *out = value;
    return true;
}

#define ATTRIBUTE_BYTES_MAX 256

/* One block: the array, then the texts. Attributes the blueprint does not know are dropped, as CARLA's factory ignores them. */
static bool copy_attributes(town_actor *a, const town_description *d, const town_attribute_offer *offers, int count)
{
    const char *values[TOWN_ATTRIBUTES_MAX];
    size_t text_bytes = 0;
    for (int i = 0; i < count; i++) {
        values[i] = offers[i].value;
        for (int k = 0; k < d->attribute_count && offers[i].is_modifiable; k++)
            if (!strcmp(d->attributes[k].id, offers[i].id))
                values[i] = d->attributes[k].value;
        if (strlen(values[i]) >= ATTRIBUTE_BYTES_MAX)
            return false;
        text_bytes += strlen(values[i]) + 1;
    }
    a->attributes = malloc((size_t)count * sizeof *a->attributes + text_bytes);
    if (!a->attributes)
        return false;
    char *text = (char *)(a->attributes + count);
    for (int i = 0; i < count; i++) {
        size_t bytes = strlen(values[i]) + 1;
        memcpy(text, values[i], bytes);
        a->attributes[i] = (town_attribute){ offers[i].id, offers[i].type, text };
        text += bytes;
    }
    a->attribute_count = count;
    return true;
}

/* ---- spawning ---- */

static const char bad_description[] = "Spawn failed because of invalid actor description";

static town_box upright_box(const double extent_m[3])
{
    return (town_box){ { 0, 0, extent_m[2] }, { extent_m[0], extent_m[1], extent_m[2] } };
}

static void read_color(town_actor *a)
{
    const char *text = town_actor_attribute(a, "color");
    memset(a->color, 128, 3);
    for (int i = 0; text && i < 3; i++) {
        char *end;
        long value = strtol(text, &end, 10);
        if (end == text || value < 0 || value > 255)
            break;
        a->color[i] = (uint8_t)value;
        text = *end == ',' ? end + 1 : end;
    }
}

static bool shape_body(town_actor *a, const town_blueprint *b)
{
    a->collisions = a->simulate_physics = a->gravity = true;
    if (b->vehicle) {
        a->box = upright_box(b->vehicle->extent_m);
        a->tag = b->vehicle->tag;
        a->physics = town_vehicle_physics_default(b->vehicle);
        a->model = town_vehicle_model_of(&a->physics, &a->box);
        a->state.gear = 1;
        a->ackermann.settings = town_ackermann_settings_default();
        a->speed_limit_kmh = 30; /* what CARLA's vehicles begin with */
        a->light_state = 2;
        read_color(a);
    } else if (b->walker) {
        a->box = upright_box(b->walker->extent_m);
        a->box.center.z = 0; /* a walker's origin is the middle of its capsule */
        a->tag = SCENE_TAG_PEDESTRIANS;
    } else if (b->prop) {
        a->box = upright_box(b->prop->extent_m);
        a->tag = b->prop->tag;
        a->simulate_physics = false;
    } else {
        a->collisions = a->simulate_physics = false;
    }
    return true;
}

static bool shape_sensor(town_world *w, town_actor *a)
{
    a->stream_id = w->next_stream;
    if (!town_sense_create(w, a))
        return false;
    w->next_stream++;
    return true;
}

bool town_pose_is_sane(const base_pose *p)
{
    return isfinite(p->location.x + p->location.y + p->location.z) &&
           isfinite(p->rotation.pitch_deg + p->rotation.yaw_deg + p->rotation.roll_deg) && fabs(p->location.x) < 1e6 &&
           fabs(p->location.y) < 1e6 && fabs(p->location.z) < 1e6;
}

uint32_t town_spawn(town_world *w, const town_description *d, base_pose pose, uint32_t parent, town_attachment attachment,
                    base_error *err)
{
    const town_blueprint *b = d->uid ? town_blueprint_at(d->uid) : town_blueprint_find(d->id ? d->id : "");
    if (!b || b->since > w->options.version || (d->uid && d->id && d->id[0] && strcmp(d->id, b->id)) ||
        !town_pose_is_sane(&pose))
        return base_fail(err, BASE_ARGUMENT, "%s", bad_description);
    const town_actor *base = parent ? town_actor_find(w, parent) : NULL;
    if (parent && !base)
        return base_fail(err, BASE_ARGUMENT, "unable to attach actor: parent actor not found");
    town_actor *a = calloc(1, sizeof *a);
    if (!a)
        return base_fail(err, BASE_MEMORY, "Unknown error while trying to spawn actor");
    town_attribute_offer offers[TOWN_ATTRIBUTES_MAX];
    int count = town_blueprint_attributes(b, w->options.version, offers);
    a->kind = b->kind;
    a->sensor = b->sensor;
    a->blueprint = b;
    a->type_id = b->id;
    a->pose = a->relative = pose;
    const char *why = bad_description;
    if (!copy_attributes(a, d, offers, count) || !shape_body(a, b) || (b->kind == TOWN_SENSOR && !shape_sensor(w, a)))
        goto failed;
    a->parent = parent;
    a->attachment = attachment;
    a->next_measure_s = w->elapsed_s;
    a->spawn_frame = w->frame;
    if (base) {
        a->pose = base_pose_compose(&base->pose, &pose);
        a->spring_location = a->pose.location;
        if (b->kind != TOWN_SENSOR)
            a->simulate_physics = false;
    } else if (a->collisions && town_spawn_blocked(w, &a->pose, &a->box)) {
        why = "Spawn failed because of collision at spawn position";
        goto failed;
    }
    if (!append(w, a)) {
        why = "Unknown error while trying to spawn actor";
        goto failed;
    }
    return a->id;
failed:
    town_actor_free(a);
    return base_fail(err, BASE_ARGUMENT, "%s", why);
}

bool town_destroy(town_world *w, uint32_t id)
{
    int i = index_of(w, id);
    if (i < 0 || id == w->spectator || w->actors[i]->sign_id)
        return false;
    for (int k = 0; k < w->actor_count; k++)
        if (w->actors[k]->parent == id)
            w->actors[k]->parent = 0;
    town_actor_free(w->actors[i]);
    memmove(&w->actors[i], &w->actors[i + 1], (size_t)(w->actor_count - i - 1) * sizeof *w->actors);
    w->actor_count--;
    return true;
}

/* ---- reading ---- */

bool town_actor_get(const town_world *w, uint32_t id, town_actor_view *view)
{
    const town_actor *a = town_actor_find(w, id);
    if (!a)
        return false;
    *view = (town_actor_view){
        .id = a->id,
        .parent_id = a->parent,
        .kind = a->kind,
        .sensor = a->sensor,
        .stream_id = a->stream_id,
        .blueprint = a->blueprint,
        .type_id = a->type_id,
        .attributes = a->attributes,
        .attribute_count = a->attribute_count,
        .box = a->box,
        .tag = a->tag,
        .pose = a->pose,
        .velocity_mps = a->velocity,
        .angular_velocity_dps = base_vec3_scale(a->angular_radps, 180 / BASE_PI),
        .acceleration_mps2 = a->acceleration,
        .control = a->control,
        .walker = a->walker,
        .dead = a->dead,
        .speed_limit_kmh = a->speed_limit_kmh,
        .light_state = a->light_state,
        .light_id = a->light_id,
        .vehicle_lights = a->vehicle_lights,
        .sign_id = a->sign_id,
        .doors_open = a->doors_open,
        .ackermann = a->ackermann.active,
    };
    if (a->kind == TOWN_VEHICLE)
        view->control.gear = a->state.gear;
    if (a->light) {
        view->light_state = a->light->state;
        view->light_frozen = a->light->frozen;
        view->green_s = a->light->green_s;
        view->yellow_s = a->light->yellow_s;
        view->red_s = a->light->red_s;
        view->light_elapsed_s = a->light->elapsed_s;
        view->pole_index = a->light->pole_index;
    }
    return true;
}

/* ---- attachment ---- */

/* CARLA's spring arm trails its target with a lag; without an obstacle in between it ends at the relative pose. */
#define SPRING_LAG_S 0.2

static void place_child(const town_world *w, town_actor *a, double dt_s)
{
    const town_actor *parent = town_actor_find(w, a->parent);
    if (!parent)
        return;
    base_vec3 before = a->pose.location;
    base_pose target = base_pose_compose(&parent->pose, &a->relative);
    if (a->attachment != TOWN_RIGID) {
        double share = 1 - exp(-dt_s / SPRING_LAG_S);
        base_vec3 step = base_vec3_scale(base_vec3_sub(target.location, a->spring_location), share);
        target.location = a->spring_location = base_vec3_add(a->spring_location, step);
        target.rotation.roll_deg = 0;
    }
    a->pose = target;
    base_vec3 velocity = base_vec3_scale(base_vec3_sub(a->pose.location, before), 1 / dt_s);
    a->acceleration = base_vec3_scale(base_vec3_sub(velocity, a->velocity), 1 / dt_s);
    a->velocity = velocity;
    a->angular_radps = parent->angular_radps;
}

void town_attachments_update(town_world *w, double dt_s)
{
    /* A parent exists before its child, so its id is lower and it stands earlier in the table. */
    for (int i = 0; i < w->actor_count; i++)
        if (w->actors[i]->parent)
            place_child(w, w->actors[i], dt_s);
}

/* ---- setting ---- */

static town_actor *body(town_world *w, uint32_t id)
{
    town_actor *a = town_actor_find(w, id);
    return a && (a->kind == TOWN_VEHICLE || a->kind == TOWN_WALKER || a->kind == TOWN_PROP) ? a : NULL;
}

static town_actor *vehicle(const town_world *w, uint32_t id)
{
    town_actor *a = town_actor_find(w, id);
    return a && a->kind == TOWN_VEHICLE ? a : NULL;
}

static float clamp(float x, float lo, float hi) { return x >= lo ? (x <= hi ? x : hi) : x < lo ? lo : 0; }

static bool finite_vector(base_vec3 v) { return isfinite(v.x + v.y + v.z); }

bool town_vehicle_control_set(town_world *w, uint32_t id, town_vehicle_control c)
{
    town_actor *a = vehicle(w, id);
    if (!a)
        return false;
    c.throttle = clamp(c.throttle, 0, 1);
    c.steer = clamp(c.steer, -1, 1);
    c.brake = clamp(c.brake, 0, 1);
    a->control = c;
    a->ackermann.active = false;
    return true;
}

/* Keeps the world velocity, as CARLA's teleport does. */
bool town_pose_set(town_world *w, uint32_t id, base_pose pose)
{
    town_actor *a = town_actor_find(w, id);
    if (!a || !town_pose_is_sane(&pose) || a->sign_id)
        return false;
    base_vec3 velocity = a->velocity;
    const town_actor *parent = a->parent ? town_actor_find(w, a->parent) : NULL;
    a->pose = pose;
    a->on_ground = false;
    if (parent) {
        base_mat3 m = base_rotation_matrix(parent->pose.rotation);
        base_mat3 own = base_rotation_matrix(pose.rotation), turned;
        for (int column = 0; column < 3; column++) {
            base_vec3 axis = base_mat3_apply_inverse(&m, (base_vec3){ own.m[0][column], own.m[1][column], own.m[2][column] });
            turned.m[0][column] = axis.x;
            turned.m[1][column] = axis.y;
            turned.m[2][column] = axis.z;
        }
        a->relative.location = base_pose_to_local(&parent->pose, pose.location);
        a->relative.rotation = base_rotation_from_matrix(&turned);
        a->spring_location = pose.location;
    }
    if (a->kind == TOWN_VEHICLE)
        town_velocity_set(w, id, velocity);
    return true;
}

bool town_velocity_set(town_world *w, uint32_t id, base_vec3 velocity_mps)
{
    town_actor *a = body(w, id);
    if (!a || !finite_vector(velocity_mps) || base_vec3_length(velocity_mps) > 1000)
        return false;
    a->velocity = velocity_mps;
    double yaw = BASE_RAD(a->pose.rotation.yaw_deg);
    a->state.forward_mps = velocity_mps.x * cos(yaw) + velocity_mps.y * sin(yaw);
    a->state.right_mps = -velocity_mps.x * sin(yaw) + velocity_mps.y * cos(yaw);
    return true;
}

bool town_angular_velocity_set(town_world *w, uint32_t id, base_vec3 dps)
{
    town_actor *a = body(w, id);
    if (!a || !finite_vector(dps))
        return false;
    a->angular_radps = base_vec3_scale(dps, BASE_PI / 180);
    a->state.yaw_rate_radps = a->angular_radps.z;
    return true;
}

bool town_constant_velocity_set(town_world *w, uint32_t id, bool enable, base_vec3 local_mps)
{
    town_actor *a = body(w, id);
    if (!a || !finite_vector(local_mps) || base_vec3_length(local_mps) > 1000)
        return false;
    a->constant_velocity = enable;
    a->constant_mps = local_mps;
    return true;
}

#define COLLECT(NAME, FIELD)                                                                                                   \
    bool NAME(town_world *w, uint32_t id, base_vec3 amount)                                                                    \
    {                                                                                                                          \
        town_actor *a = body(w, id);                                                                                           \
        if (!a || !finite_vector(amount))                                                                                      \
            return false;                                                                                                      \
        a->FIELD = base_vec3_add(a->FIELD, amount);                                                                            \
        return true;                                                                                                           \
    }
COLLECT(town_impulse_add, impulse)
COLLECT(town_force_add, force)
COLLECT(town_angular_impulse_add, angular_impulse)
COLLECT(town_torque_add, torque)

/* Moment about z of a push at a place of the world, about the body's centre of mass. */
static double moment(const town_actor *a, base_vec3 push, base_vec3 at)
{
    base_vec3 center =
        a->kind == TOWN_VEHICLE ? base_pose_to_world(&a->pose, town_vehicle_center(&a->physics)) : a->pose.location;
    return (at.x - center.x) * push.y - (at.y - center.y) * push.x;
}

bool town_impulse_add_at(town_world *w, uint32_t id, base_vec3 newton_s, base_vec3 at)
{
    town_actor *a = body(w, id);
    if (!a || !finite_vector(newton_s) || !finite_vector(at))
        return false;
    a->impulse = base_vec3_add(a->impulse, newton_s);
    a->turn_nms += moment(a, newton_s, at);
    return true;
}

bool town_force_add_at(town_world *w, uint32_t id, base_vec3 newton, base_vec3 at)
{
    town_actor *a = body(w, id);
    if (!a || !finite_vector(newton) || !finite_vector(at))
        return false;
    a->force = base_vec3_add(a->force, newton);
    a->turn_nm += moment(a, newton, at);
    return true;
}

#define SWITCH(NAME, FIELD)                                                                                                    \
    bool NAME(town_world *w, uint32_t id, bool enable)                                                                         \
    {                                                                                                                          \
        town_actor *a = body(w, id);                                                                                           \
        if (!a)                                                                                                                \
            return false;                                                                                                      \
        a->FIELD = enable;                                                                                                     \
        return true;                                                                                                           \
    }
SWITCH(town_gravity_set, gravity)
SWITCH(town_collisions_set, collisions)

bool town_vehicle_lights_set(town_world *w, uint32_t id, uint32_t bits)
{
    town_actor *a = vehicle(w, id);
    if (a)
        a->vehicle_lights = bits;
    return a != NULL;
}
