/* Handlers: blueprints, spawning, actors, vehicles, walkers, traffic lights. */
#include "sim/town/serve.h"
#include <stdio.h>
#include <string.h>

#define HANDLER(NAME)       static bool NAME(town_call *c)
#define ARGS(TYPE)          const TYPE *a = c->args
#define RESULT(TYPE, VALUE) (*(TYPE *)c->result = (VALUE), true)

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
    return spawn(c, &a->description, &a->transform, a->parent, a->attachment);
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

HANDLER(set_walker_state)
{
    ARGS(wire_args_walker_state);
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

/* ---- vehicles and walkers ---- */

HANDLER(apply_control_to_vehicle)
{
    ARGS(wire_args_vehicle_control);
    const wire_vehicle_control *w = &a->control;
    town_vehicle_control control = {
        w->throttle, w->steer, w->brake, w->hand_brake, w->reverse, w->manual_gear_shift, w->gear
    };
    return town_vehicle_control_set(c->world, a->actor, control) || town_call_refuse(c, TOWN_NOT_FOUND, a->actor);
}

HANDLER(apply_control_to_walker)
{
    ARGS(wire_args_walker_control);
    town_walker_control control = { wire_vector3_to_vec3(a->control.direction), (double)a->control.speed, a->control.jump };
    return town_walker_control_set(c->world, a->actor, control) || town_call_refuse(c, "Actor is not a Walker", a->actor);
}

HANDLER(set_actor_autopilot)
{
    ARGS(wire_args_actor_flag); /* the traffic manager of a client does the driving; CARLA's server only notes the wish */
    town_actor_view v;
    if (!town_actor_get(c->world, a->actor, &v))
        return town_call_refuse(c, TOWN_NOT_FOUND, a->actor);
    return v.kind == TOWN_VEHICLE || town_call_refuse(c, "Autopilot is not supported by the Actor", a->actor);
}

void town_wire_physics(const town_physics *p, const base_pose *pose, wire_vehicle_physics *out, wire_memory *m)
{
    *out = (wire_vehicle_physics){
        .max_rpm = p->max_rpm,
        .moi = p->moi,
        .damping_rate_full_throttle = p->damping_full_throttle,
        .damping_rate_zero_throttle_clutch_engaged = p->damping_zero_throttle_engaged,
        .damping_rate_zero_throttle_clutch_disengaged = p->damping_zero_throttle_disengaged,
        .use_gear_autobox = p->use_gear_autobox,
        .gear_switch_time = p->gear_switch_s,
        .clutch_strength = p->clutch_strength,
        .final_ratio = p->final_ratio,
        .mass = p->mass_kg,
        .drag_coefficient = p->drag_coefficient,
        .center_of_mass = wire_vector3_from_vec3(p->center_of_mass_m),
        .use_sweep_wheel_collision = p->use_sweep_wheel_collision,
        .torque_curve = { wire_memory_take(m, TOWN_CURVE_MAX, sizeof(wire_vector2), NULL), 0 },
        .steering_curve = { wire_memory_take(m, TOWN_CURVE_MAX, sizeof(wire_vector2), NULL), 0 },
        .forward_gears = { wire_memory_take(m, TOWN_GEARS_MAX, sizeof(wire_gear), NULL), 0 },
        .wheels = { wire_memory_take(m, 4, sizeof(wire_wheel), NULL), 0 },
    };
    for (int i = 0; out->torque_curve.items && i < p->torque_points; i++)
        out->torque_curve.items[out->torque_curve.count++] = (wire_vector2){ p->torque_curve[i].x, p->torque_curve[i].y };
    for (int i = 0; out->steering_curve.items && i < p->steering_points; i++)
        out->steering_curve.items[out->steering_curve.count++] =
            (wire_vector2){ p->steering_curve[i].x, p->steering_curve[i].y };
    for (int i = 0; out->forward_gears.items && i < p->gear_count; i++)
        out->forward_gears.items[out->forward_gears.count++] =
            (wire_gear){ p->gears[i].ratio, p->gears[i].down_ratio, p->gears[i].up_ratio };
    for (int i = 0; out->wheels.items && i < p->wheel_count; i++) {
        const town_wheel *w = &p->wheels[i];
        base_vec3 world_cm = base_vec3_scale(base_pose_to_world(pose, w->position_m), 100);
        out->wheels.items[out->wheels.count++] = (wire_wheel){ w->tire_friction,       w->damping_rate,
                                                               w->max_steer_deg,       w->radius_cm,
                                                               w->max_brake_torque_nm, w->max_handbrake_torque_nm,
                                                               w->lat_stiff_max_load,  w->lat_stiff_value,
                                                               w->long_stiff_value,    wire_vector3_from_vec3(world_cm) };
    }
}

HANDLER(get_physics_control)
{
    ARGS(wire_args_actor);
    town_physics p;
    town_actor_view v;
    if (!town_physics_get(c->world, a->actor, &p) || !town_actor_get(c->world, a->actor, &v))
        return town_call_refuse(c, town_actor_get(c->world, a->actor, &v) ? TOWN_NO_VEHICLE : TOWN_NOT_FOUND, a->actor);
    town_wire_physics(&p, &v.pose, c->result, c->memory);
    return true;
}

static int curve_from_wire(town_curve_point *out, const wire_vector2_list *in)
{
    for (size_t i = 0; i < in->count; i++)
        out[i] = (town_curve_point){ in->items[i].x, in->items[i].y };
    return (int)in->count;
}

bool town_physics_from_wire(const wire_vehicle_physics *in, const base_pose *pose, town_physics *out, base_error *err)
{
    if (in->torque_curve.count > TOWN_CURVE_MAX || in->steering_curve.count > TOWN_CURVE_MAX ||
        in->forward_gears.count > TOWN_GEARS_MAX || in->wheels.count > 4)
        return base_fail(err, BASE_REMOTE, "physics control: at most %d curve points, %d gears and 4 wheels", TOWN_CURVE_MAX,
                         TOWN_GEARS_MAX);
    *out = (town_physics){
        .max_rpm = in->max_rpm,
        .moi = in->moi,
        .damping_full_throttle = in->damping_rate_full_throttle,
        .damping_zero_throttle_engaged = in->damping_rate_zero_throttle_clutch_engaged,
        .damping_zero_throttle_disengaged = in->damping_rate_zero_throttle_clutch_disengaged,
        .use_gear_autobox = in->use_gear_autobox,
        .gear_switch_s = in->gear_switch_time,
        .clutch_strength = in->clutch_strength,
        .final_ratio = in->final_ratio,
        .mass_kg = in->mass,
        .drag_coefficient = in->drag_coefficient,
        .center_of_mass_m = wire_vector3_to_vec3(in->center_of_mass),
        .use_sweep_wheel_collision = in->use_sweep_wheel_collision,
        .gear_count = (int)in->forward_gears.count,
        .wheel_count = (int)in->wheels.count,
    };
    out->torque_points = curve_from_wire(out->torque_curve, &in->torque_curve);
    out->steering_points = curve_from_wire(out->steering_curve, &in->steering_curve);
    for (int i = 0; i < out->gear_count; i++)
        out->gears[i] = (town_gear){ in->forward_gears.items[i].ratio, in->forward_gears.items[i].down_ratio,
                                     in->forward_gears.items[i].up_ratio };
    for (int i = 0; i < out->wheel_count; i++) {
        const wire_wheel *w = &in->wheels.items[i];
        base_vec3 world = base_vec3_scale(wire_vector3_to_vec3(w->position), 0.01);
        out->wheels[i] = (town_wheel){ w->tire_friction,      w->damping_rate,
                                       w->max_steer_angle,    w->radius,
                                       w->max_brake_torque,   w->max_handbrake_torque,
                                       w->lat_stiff_max_load, w->lat_stiff_value,
                                       w->long_stiff_value,   base_pose_to_local(pose, world) };
    }
    return true;
}

HANDLER(apply_physics_control)
{
    ARGS(wire_args_physics);
    town_physics p, now;
    town_actor_view v;
    if (!town_physics_get(c->world, a->actor, &now) || !town_actor_get(c->world, a->actor, &v))
        return town_call_refuse(c, TOWN_NOT_FOUND, a->actor);
    if (!town_physics_from_wire(&a->physics, &v.pose, &p, c->err))
        return false;
    for (int i = 0; i < p.wheel_count; i++) /* positions are read-only in CARLA; the car has moved since they were read */
        p.wheels[i].position_m = now.wheels[i].position_m;
    return town_physics_set(c->world, a->actor, &p, c->err);
}

HANDLER(get_telemetry_data)
{
    ARGS(wire_args_actor);
    const town_actor *v = town_actor_find(c->world, a->actor);
    if (!v || v->kind != TOWN_VEHICLE)
        return town_call_refuse(c, v ? TOWN_NO_VEHICLE : TOWN_NOT_FOUND, a->actor);
    wire_vehicle_telemetry *t = c->result;
    *t = (wire_vehicle_telemetry){ .speed = (float)v->state.forward_mps,
                                   .steer = v->control.steer,
                                   .throttle = v->control.throttle,
                                   .brake = v->control.brake,
                                   .engine_rpm = (float)v->state.engine_rpm,
                                   .gear = v->state.gear,
                                   .drag = (float)(v->model.drag_n_per_mps2 * v->state.forward_mps * v->state.forward_mps) };
    t->wheels.items = wire_memory_take(c->memory, 4, sizeof *t->wheels.items, c->err);
    for (int i = 0; t->wheels.items && i < v->physics.wheel_count; i++)
        t->wheels.items[t->wheels.count++] =
            (wire_wheel_telemetry){ .tire_friction = v->physics.wheels[i].tire_friction,
                                    .omega = (float)(v->state.forward_mps / v->model.radius_m),
                                    .tire_load = (float)(v->model.mass_kg * TOWN_GRAVITY / v->physics.wheel_count),
                                    .normalized_tire_load = 1 };
    return t->wheels.items != NULL;
}

HANDLER(get_wheel_steer_angle)
{
    ARGS(wire_args_actor_u8);
    const town_actor *v = town_actor_find(c->world, a->actor);
    if (!v || v->kind != TOWN_VEHICLE)
        return town_call_refuse(c, v ? TOWN_NO_VEHICLE : TOWN_NOT_FOUND, a->actor);
    bool front = v->physics.wheel_count == 4 ? a->value < 2 : a->value == 0;
    return RESULT(float, front ? (float)BASE_DEG(v->state.steer_rad) : 0);
}

HANDLER(get_vehicle_light_state)
{
    ARGS(wire_args_actor);
    town_actor_view v;
    if (!town_actor_get(c->world, a->actor, &v) || v.kind != TOWN_VEHICLE)
        return town_call_refuse(c, TOWN_NO_VEHICLE, a->actor);
    return RESULT(uint32_t, v.vehicle_lights);
}

HANDLER(set_vehicle_light_state)
{
    ARGS(wire_args_light_flags);
    return town_vehicle_lights_set(c->world, a->actor, a->flags) || town_call_refuse(c, TOWN_NO_VEHICLE, a->actor);
}

HANDLER(get_vehicle_light_states)
{
    wire_vehicle_light_list *out = c->result;
    int count = town_actor_count(c->world);
    out->items = wire_memory_take(c->memory, (size_t)count + 1, sizeof *out->items, c->err);
    for (int i = 0; out->items && i < count; i++) {
        town_actor_view v;
        if (town_actor_get(c->world, town_actor_id_at(c->world, i), &v) && v.kind == TOWN_VEHICLE)
            out->items[out->count++] = (wire_vehicle_light){ v.id, v.vehicle_lights };
    }
    return out->items != NULL;
}

/* ---- traffic lights ---- */

#define NO_LIGHT "Actor is not a traffic light"

HANDLER(set_traffic_light_state)
{
    ARGS(wire_args_actor_u8);
    return town_light_state_set(c->world, a->actor, a->value) || town_call_refuse(c, NO_LIGHT, a->actor);
}

static bool set_time(town_call *c, int which)
{
    ARGS(wire_args_actor_f32);
    float t[3] = { -1, -1, -1 };
    t[which] = a->value;
    return town_light_times_set(c->world, a->actor, t[0], t[1], t[2]) || town_call_refuse(c, NO_LIGHT, a->actor);
}
HANDLER(set_traffic_light_green_time) { return set_time(c, 0); }
HANDLER(set_traffic_light_yellow_time) { return set_time(c, 1); }
HANDLER(set_traffic_light_red_time) { return set_time(c, 2); }

HANDLER(freeze_traffic_light)
{
    ARGS(wire_args_actor_flag);
    town_lights_freeze(c->world, a->flag);
    return true;
}

HANDLER(freeze_all_traffic_lights)
{
    ARGS(wire_args_flag);
    town_lights_freeze(c->world, a->flag);
    return true;
}

HANDLER(reset_all_traffic_lights)
{
    town_lights_reset(c->world);
    return true;
}

HANDLER(get_group_traffic_lights)
{
    ARGS(wire_args_actor);
    wire_u32_list *out = c->result;
    int count = town_light_group(c->world, a->actor, NULL, 0);
    if (count == 0)
        return town_call_refuse(c, NO_LIGHT, a->actor);
    out->items = wire_memory_take(c->memory, (size_t)count, sizeof *out->items, c->err);
    out->count = out->items ? (size_t)town_light_group(c->world, a->actor, out->items, count) : 0;
    return out->items != NULL;
}

const town_row town_rows_actor[] = {
    { WIRE_METHOD_get_actor_definitions, get_actor_definitions },
    { WIRE_METHOD_get_spectator, get_spectator },
    { WIRE_METHOD_get_actors_by_id, get_actors_by_id },
    { WIRE_METHOD_spawn_actor, spawn_actor },
    { WIRE_METHOD_spawn_actor_with_parent, spawn_actor_with_parent },
    { WIRE_METHOD_destroy_actor, destroy_actor },
    { WIRE_METHOD_get_actor_bounding_box, get_actor_bounding_box },
    { WIRE_METHOD_set_actor_location, set_actor_location },
    { WIRE_METHOD_set_actor_transform, set_actor_transform },
    { WIRE_METHOD_set_walker_state, set_walker_state },
    { WIRE_METHOD_set_actor_target_velocity, set_actor_target_velocity },
    { WIRE_METHOD_set_actor_target_angular_velocity, set_actor_target_angular_velocity },
    { WIRE_METHOD_enable_actor_constant_velocity, enable_actor_constant_velocity },
    { WIRE_METHOD_disable_actor_constant_velocity, disable_actor_constant_velocity },
    { WIRE_METHOD_add_actor_impulse, add_actor_impulse },
    { WIRE_METHOD_add_actor_force, add_actor_force },
    { WIRE_METHOD_add_actor_angular_impulse, add_actor_angular_impulse },
    { WIRE_METHOD_set_actor_simulate_physics, set_actor_simulate_physics },
    { WIRE_METHOD_set_actor_enable_gravity, set_actor_enable_gravity },
    { WIRE_METHOD_set_actor_collisions, set_actor_collisions },
    { WIRE_METHOD_apply_control_to_vehicle, apply_control_to_vehicle },
    { WIRE_METHOD_apply_control_to_walker, apply_control_to_walker },
    { WIRE_METHOD_set_actor_autopilot, set_actor_autopilot },
    { WIRE_METHOD_get_physics_control, get_physics_control },
    { WIRE_METHOD_apply_physics_control, apply_physics_control },
    { WIRE_METHOD_get_telemetry_data, get_telemetry_data },
    { WIRE_METHOD_get_wheel_steer_angle, get_wheel_steer_angle },
    { WIRE_METHOD_get_vehicle_light_state, get_vehicle_light_state },
    { WIRE_METHOD_set_vehicle_light_state, set_vehicle_light_state },
    { WIRE_METHOD_get_vehicle_light_states, get_vehicle_light_states },
    { WIRE_METHOD_set_traffic_light_state, set_traffic_light_state },
    { WIRE_METHOD_set_traffic_light_green_time, set_traffic_light_green_time },
    { WIRE_METHOD_set_traffic_light_yellow_time, set_traffic_light_yellow_time },
    { WIRE_METHOD_set_traffic_light_red_time, set_traffic_light_red_time },
    { WIRE_METHOD_freeze_traffic_light, freeze_traffic_light },
    { WIRE_METHOD_freeze_all_traffic_lights, freeze_all_traffic_lights },
    { WIRE_METHOD_reset_all_traffic_lights, reset_all_traffic_lights },
    { WIRE_METHOD_reset_traffic_light_group, reset_all_traffic_lights },
    { WIRE_METHOD_get_group_traffic_lights, get_group_traffic_lights },
    { WIRE_METHOD_COUNT, NULL },
};
