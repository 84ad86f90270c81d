/* Handlers: blueprints, spawning, and what every actor can do. */
#include "sim/town/handler.h"
#include <stdio.h>
#include <string.h>

/* ---- between the world's types and the wire's ---- */

static uint8_t wire_attribute_number(town_attribute_type t)
{
    static const uint8_t number[] = { WIRE_ATTRIBUTE_BOOL, WIRE_ATTRIBUTE_INT, WIRE_ATTRIBUTE_FLOAT, WIRE_ATTRIBUTE_TEXT,
                                      WIRE_ATTRIBUTE_COLOR };
    return number[t];
}

static wire_bounding_box box_of(const town_actor_view *v)
{
    return (
        wire_bounding_box){ wire_vector3_from_vec3(v->box.center), wire_vector3_from_vec3(v->box.extent), { 0, 0, 0 }, v->id };
}

bool town_wire_actor(const town_server *s, uint32_t id, wire_actor *out, wire_memory *m, base_error *err)
{
    town_actor_view v;
    if (!town_actor_get(s->world, id, &v))
        return base_fail(err, BASE_REMOTE, TOWN_NOT_FOUND);
    wire_attribute_value *values = wire_memory_take(m, (size_t)v.attribute_count + 1, sizeof *values, err);
    uint8_t *token = wire_memory_take(m, WIRE_TOKEN_BYTES, 1, err), *tag = wire_memory_take(m, 1, 1, err);
    if (!values || !token || !tag)
        return false;
    for (int i = 0; i < v.attribute_count; i++)
        values[i] =
            (wire_attribute_value){ v.attributes[i].id, wire_attribute_number(v.attributes[i].type), v.attributes[i].value };
    *tag = town_tag_number(s->world, v.tag);
    *out = (wire_actor){
        .id = v.id,
        .parent_id = v.parent_id,
        .description = { v.blueprint ? town_blueprint_uid(v.blueprint) : 0, v.type_id, { values, (size_t)v.attribute_count } },
        .bounding_box = box_of(&v),
        .semantic_tags = { tag, v.tag ? 1 : 0 },
    };
    if (v.stream_id) {
        wire_token t = { .stream_id = v.stream_id, .port = (uint16_t)s->stream_port, .protocol = 1 };
        wire_token_write(&t, token);
        out->stream_token = (wire_bytes){ token, WIRE_TOKEN_BYTES };
    }
    return true;
}

/* "vehicle,tesla,model3" */
static const char *tags_of(const char *id, wire_memory *m, base_error *err)
{
    char *tags = wire_memory_take(m, strlen(id) + 1, 1, err);
    if (tags)
        for (size_t i = 0; id[i]; i++)
            tags[i] = id[i] == '.' ? ',' : id[i];
    return tags;
}

static bool define(const town_blueprint *b, uint32_t uid, int version, wire_actor_definition *out, wire_memory *m,
                   base_error *err)
{
    town_attribute_offer offers[TOWN_ATTRIBUTES_MAX];
    int count = town_blueprint_attributes(b, version, offers);
    wire_attribute *list = wire_memory_take(m, (size_t)count + 1, sizeof *list, err);
    *out = (wire_actor_definition){ uid, town_blueprint_id(b), tags_of(town_blueprint_id(b), m, err), { list, (size_t)count } };
    if (!list || !out->tags)
        return false;
    for (int i = 0; i < count; i++) {
        const town_attribute_offer *o = &offers[i];
        size_t choices = 0;
        while (o->recommended && o->recommended[choices])
            choices++;
        list[i] = (wire_attribute){ o->id,
                                    wire_attribute_number(o->type),
                                    o->value,
                                    { (const char **)(uintptr_t)o->recommended, choices },
                                    o->is_modifiable,
                                    o->restrict_to_recommended };
    }
    return true;
}

HANDLER(get_actor_definitions)
{
    wire_actor_definition_list *out = c->result;
    int version = c->server->options.version;
    out->items = wire_memory_take(c->memory, town_blueprint_count(), sizeof *out->items, c->err);
    if (!out->items)
        return false;
    for (uint32_t uid = 1; uid <= town_blueprint_count(); uid++) {
        const town_blueprint *b = town_blueprint_at(uid);
        if (town_blueprint_since(b) <= version && !define(b, uid, version, &out->items[out->count++], c->memory, c->err))
            return false;
    }
    return true;
}

/* ---- life ---- */

uint32_t town_spawn_from_wire(town_call *c, const wire_actor_description *d, const wire_transform *t, uint32_t parent,
                              uint8_t attachment)
{
    town_attribute *attributes = wire_memory_take(c->memory, d->attributes.count + 1, sizeof *attributes, c->err);
    if (!attributes)
        return 0;
    for (size_t i = 0; i < d->attributes.count; i++) /* the type is the blueprint's */
        attributes[i] = (town_attribute){ d->attributes.items[i].id, TOWN_STRING, d->attributes.items[i].value };
    int count = d->attributes.count > 1000 ? 1000 : (int)d->attributes.count;
    town_description description = { d->uid, d->id, attributes, count };
    return town_spawn(c->world, &description, wire_transform_to_pose(*t), parent,
                      attachment <= TOWN_SPRING_ARM_GHOST ? (town_attachment)attachment : TOWN_RIGID, c->err);
}

static bool spawn(town_call *c, const wire_actor_description *d, const wire_transform *t, uint32_t parent, uint8_t attachment)
{
    if (d->uid == 0) /* CARLA looks nothing up by name */
        return base_fail(c->err, BASE_REMOTE, "Spawn failed because of invalid actor description");
    uint32_t id = town_spawn_from_wire(c, d, t, parent, attachment);
    return id && town_wire_actor(c->server, id, c->result, c->memory, c->err);
}

HANDLER(spawn_actor)
{
    ARGS(wire_args_spawn);
    return spawn(c, &a->description, &a->transform, 0, 0);
}

HANDLER(spawn_actor_with_parent)
{
    ARGS(wire_args_spawn_with_parent);
    town_actor_view v;
    if (!town_actor_get(c->world, a->parent, &v))
        return base_fail(c->err, BASE_REMOTE, "unable to attach actor: parent actor not found");
    wire_transform at = a->transform; /* relative to the socket, where one is named */
    town_part sockets[TOWN_PARTS_MAX];
    int count = a->socket_name && a->socket_name[0] ? town_actor_parts(c->world, a->parent, TOWN_PART_SOCKETS, sockets) : 0;
    for (int i = 0; i < count; i++)
        if (!strcmp(sockets[i].name, a->socket_name)) {
            base_pose local = wire_transform_to_pose(at);
            at = wire_transform_from_pose(base_pose_compose(&sockets[i].pose, &local));
            break;
        }
    return spawn(c, &a->description, &at, a->parent, a->attachment);
}

HANDLER(destroy_actor)
{
    ARGS(wire_args_actor);
    if (!town_destroy(c->world, a->actor))
        return base_fail(c->err, BASE_REMOTE, "unable to destroy actor: not found");
    town_streams_prune(c->server);
    return RESULT(bool, true);
}

HANDLER(get_actors_by_id)
{
    ARGS(wire_args_actors);
    wire_actor_list *out = c->result;
    out->items = wire_memory_take(c->memory, a->actors.count + 1, sizeof *out->items, c->err);
    for (size_t i = 0; out->items && i < a->actors.count; i++)
        if (town_wire_actor(c->server, a->actors.items[i], &out->items[out->count], c->memory, NULL))
            out->count++;
    return out->items != NULL;
}

HANDLER(get_spectator) { return town_wire_actor(c->server, town_spectator(c->world), c->result, c->memory, c->err); }

HANDLER(get_actor_bounding_box)
{
    ARGS(wire_args_actor);
    town_actor_view v;
    wire_bounding_box none = { 0 };
    return RESULT(wire_bounding_box, town_actor_get(c->world, a->actor, &v) ? box_of(&v) : none);
}

/* ---- motion ---- */

HANDLER(set_actor_location)
{
    ARGS(wire_args_actor_vector);
    town_actor_view v;
    if (!town_actor_get(c->world, a->actor, &v))
        return town_call_refuse(c, TOWN_NOT_FOUND, a->actor);
    v.pose.location = wire_vector3_to_vec3(a->vector);
    return town_pose_set(c->world, a->actor, v.pose) || town_call_refuse(c, TOWN_NOT_FOUND, a->actor);
}

HANDLER(set_actor_transform)
{
    ARGS(wire_args_actor_transform);
    return town_pose_set(c->world, a->actor, wire_transform_to_pose(a->transform)) ||
           town_call_refuse(c, TOWN_NOT_FOUND, a->actor);
}

typedef bool (*vector_setter)(town_world *, uint32_t, base_vec3);
static bool set_vector(town_call *c, vector_setter set)
{
    ARGS(wire_args_actor_vector);
    return set(c->world, a->actor, wire_vector3_to_vec3(a->vector)) || town_call_refuse(c, TOWN_NOT_FOUND, a->actor);
}
HANDLER(set_actor_target_velocity) { return set_vector(c, town_velocity_set); }
HANDLER(set_actor_target_angular_velocity) { return set_vector(c, town_angular_velocity_set); }
HANDLER(add_actor_impulse) { return set_vector(c, town_impulse_add); }
HANDLER(add_actor_force) { return set_vector(c, town_force_add); }
HANDLER(add_actor_angular_impulse) { return set_vector(c, town_angular_impulse_add); }
HANDLER(add_actor_torque) { return set_vector(c, town_torque_add); }

static bool push_at(town_call *c, bool (*push)(town_world *, uint32_t, base_vec3, base_vec3))
{
    ARGS(wire_args_actor_vector_at);
    return push(c->world, a->actor, wire_vector3_to_vec3(a->vector), wire_vector3_to_vec3(a->location)) ||
           town_call_refuse(c, TOWN_NOT_FOUND, a->actor);
}
HANDLER(add_actor_impulse_at_location) { return push_at(c, town_impulse_add_at); }
HANDLER(add_actor_force_at_location) { return push_at(c, town_force_add_at); }

typedef bool (*flag_setter)(town_world *, uint32_t, bool);
static bool set_flag(town_call *c, flag_setter set)
{
    ARGS(wire_args_actor_flag);
    return set(c->world, a->actor, a->flag) || town_call_refuse(c, TOWN_NOT_FOUND, a->actor);
}
HANDLER(set_actor_simulate_physics) { return set_flag(c, town_simulate_physics_set); }
HANDLER(set_actor_enable_gravity) { return set_flag(c, town_gravity_set); }
HANDLER(set_actor_collisions) { return set_flag(c, town_collisions_set); }

HANDLER(enable_actor_constant_velocity)
{
    ARGS(wire_args_actor_vector);
    return town_constant_velocity_set(c->world, a->actor, true, wire_vector3_to_vec3(a->vector)) ||
           town_call_refuse(c, TOWN_NOT_FOUND, a->actor);
}

HANDLER(disable_actor_constant_velocity)
{
    ARGS(wire_args_actor);
    return town_constant_velocity_set(c->world, a->actor, false, (base_vec3){ 0, 0, 0 }) ||
           town_call_refuse(c, TOWN_NOT_FOUND, a->actor);
}

HANDLER(send_text) /* "send" on the wire */
{
    ARGS(wire_args_actor_text);
    return town_v2x_send(c->world, a->actor, a->text, c->err);
}

const town_row town_rows_actor[] = {
    { WIRE_METHOD_send, send_text },
    { WIRE_METHOD_get_actor_definitions, get_actor_definitions },
    { WIRE_METHOD_get_spectator, get_spectator },
    { WIRE_METHOD_get_actors_by_id, get_actors_by_id },
    { WIRE_METHOD_spawn_actor, spawn_actor },
    { WIRE_METHOD_spawn_actor_with_parent, spawn_actor_with_parent },
    { WIRE_METHOD_destroy_actor, destroy_actor },
    { WIRE_METHOD_get_actor_bounding_box, get_actor_bounding_box },
    { WIRE_METHOD_set_actor_location, set_actor_location },
    { WIRE_METHOD_set_actor_transform, set_actor_transform },
    { WIRE_METHOD_set_actor_target_velocity, set_actor_target_velocity },
    { WIRE_METHOD_set_actor_target_angular_velocity, set_actor_target_angular_velocity },
    { WIRE_METHOD_enable_actor_constant_velocity, enable_actor_constant_velocity },
    { WIRE_METHOD_disable_actor_constant_velocity, disable_actor_constant_velocity },
    { WIRE_METHOD_add_actor_impulse, add_actor_impulse },
    { WIRE_METHOD_add_actor_force, add_actor_force },
    { WIRE_METHOD_add_actor_angular_impulse, add_actor_angular_impulse },
    { WIRE_METHOD_add_actor_torque, add_actor_torque },
    { WIRE_METHOD_add_actor_impulse_at_location, add_actor_impulse_at_location },
    { WIRE_METHOD_add_actor_force_at_location, add_actor_force_at_location },
    { WIRE_METHOD_set_actor_simulate_physics, set_actor_simulate_physics },
    { WIRE_METHOD_set_actor_enable_gravity, set_actor_enable_gravity },
    { WIRE_METHOD_set_actor_collisions, set_actor_collisions },
    { WIRE_METHOD_COUNT, NULL },
};
