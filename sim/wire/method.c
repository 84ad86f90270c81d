#include "sim/wire/method.h"
#include "sim/wire/table.h"
#include <string.h>

#define ARGS1(name, m1, t1)                                                                                                    \
    static const wire_field fields_args_##name[] = { FIELD(wire_args_##name, m1, t1) };                                        \
    static STRUCT_TYPE(args_##name)
#define ARGS2(name, m1, t1, m2, t2)                                                                                            \
    static const wire_field fields_args_##name[] = { FIELD(wire_args_##name, m1, t1), FIELD(wire_args_##name, m2, t2) };       \
    static STRUCT_TYPE(args_##name)
#define ARGS3(name, m1, t1, m2, t2, m3, t3)                                                                                    \
    static const wire_field fields_args_##name[] = { FIELD(wire_args_##name, m1, t1), FIELD(wire_args_##name, m2, t2),         \
                                                     FIELD(wire_args_##name, m3, t3) };                                        \
    static STRUCT_TYPE(args_##name)

ARGS1(settings, settings, episode_settings);
ARGS3(load, map_name, text, reset_settings, flag, map_layers, u16);
ARGS1(u8, value, u8);
ARGS1(u16, value, u16);
ARGS1(f32, value, f32);
ARGS1(f64, value, f64);
ARGS1(flag, flag, flag);
ARGS2(opendrive, xodr, text, parameters, opendrive_parameters);
ARGS1(weather, weather, weather);
ARGS2(objects_flag, objects, u64_list, flag, flag);
ARGS1(actors, actors, u32_list);
ARGS2(spawn, description, actor_description, transform, transform);
ARGS1(stream, stream_id, u32);
ARGS3(actor_vector_at, actor, u32, vector, vector3, location, vector3);
ARGS2(actor_text, actor, u32, text, text);
ARGS2(actor_f32, actor, u32, value, f32);
ARGS2(light_flags, actor, u32, flags, light_flags);
ARGS3(wheel, actor, u32, wheel, u8, degrees, f32);
ARGS2(ackermann_settings, actor, u32, settings, ackermann_settings);
ARGS1(debug_shape, shape, debug_shape);
ARGS3(update_lights, client, text, lights, street_light_list, discard_client, flag);
ARGS2(text_flag, text, text, flag, flag);
ARGS3(project, location, vector3, direction, vector3, distance, f32);
ARGS2(segment, begin, vector3, end, vector3);
ARGS2(batch, commands, command_list, do_tick_cue, flag);
ARGS3(recorder_collisions, name, text, type1, u8, type2, u8);
ARGS3(recorder_blocked, name, text, min_time, f64, min_distance, f64);
ARGS3(texture, objects, text_list, material, u8, texture, texture);
ARGS3(float_texture, objects, text_list, material, u8, texture, float_texture);
ARGS2(actor_list, actor, u32, others, u32_list);
ARGS2(bones, actor, u32, bones, bones_in);
ARGS1(endpoint, endpoint, endpoint);

static const wire_field fields_args_spawn_with_parent[] = {
    FIELD(wire_args_spawn_with_parent, description, actor_description),
    FIELD(wire_args_spawn_with_parent, transform, transform),
    FIELD(wire_args_spawn_with_parent, parent, u32),
    FIELD(wire_args_spawn_with_parent, attachment, u8),
    FIELD_SINCE(wire_args_spawn_with_parent, socket_name, text, 16),
};
static STRUCT_TYPE(args_spawn_with_parent);
static const wire_field fields_args_chrono[] = {
    FIELD(wire_args_chrono, actor, u32),
    FIELD(wire_args_chrono, max_substeps, u64),
    FIELD(wire_args_chrono, max_substep_delta_time, f32),
    FIELD(wire_args_chrono, vehicle_json, text),
    FIELD(wire_args_chrono, powertrain_json, text),
    FIELD(wire_args_chrono, tire_json, text),
    FIELD(wire_args_chrono, base_json_path, text),
};
static STRUCT_TYPE(args_chrono);
static const wire_field fields_args_replay[] = {
    FIELD(wire_args_replay, name, text),           FIELD(wire_args_replay, start, f64),
    FIELD(wire_args_replay, duration, f64),        FIELD(wire_args_replay, follow_id, u32),
    FIELD(wire_args_replay, replay_sensors, flag), FIELD_SINCE(wire_args_replay, offset, transform, 16),
};
static STRUCT_TYPE(args_replay);

static const wire_method methods[WIRE_METHOD_COUNT] = {
#define X(name, args, result, since)                                                                                           \
    { WIRE_METHOD_##name, #name,                                                                                               \
      &wire_type_##args,  &wire_type_##result,                                                                                 \
      WIRE_0_9_##since,   WIRE_METHOD_##name == WIRE_METHOD_apply_batch },
    WIRE_METHODS(X)
#undef X
};

const wire_method *wire_method_get(wire_method_id id) { return &methods[id]; }

const wire_method *wire_method_find(const char *name, size_t bytes, wire_version version)
{
    for (size_t i = 0; i < WIRE_METHOD_COUNT; i++)
        if (strncmp(methods[i].name, name, bytes) == 0 && methods[i].name[bytes] == 0)
            return methods[i].since <= version ? &methods[i] : NULL;
    return NULL;
}

size_t wire_method_argument_count(const wire_method *m, wire_version version)
{
    size_t n = 1;
    for (size_t i = 0; i < m->args->count; i++)
        n += m->args->fields[i].since <= version;
    return n;
}
