/* sim/wire/method.h — every RPC function of the simulator's port as a row: name, arguments, result, first release.
 *
 * A function's arguments are one C struct (without the hidden Metadata that rpc.h adds), so that a release that adds an argument
 * is a field with a later `since`. A function absent from a release is unknown to a server that speaks it.
 *
 * X(name, argument type, result type, since): the table, the enumeration and nothing else are generated from this list. */
#ifndef SIM_WIRE_METHOD_H
#define SIM_WIRE_METHOD_H
#include "sim/wire/command.h"

#define WIRE_METHODS(X)                                                                                                        \
    /* world, episode, files */                                                                                                \
    X(version, none, text, 13)                                                                                                 \
    X(get_available_maps, none, text_list, 13)                                                                                 \
    X(get_episode_info, none, episode_info, 13)                                                                                \
    X(get_map_info, none, map_info, 13)                                                                                        \
    X(get_map_data, none, text, 13)                                                                                            \
    X(get_required_files, args_text, text_list, 13)                                                                            \
    X(request_file, args_text, bytes, 13)                                                                                      \
    X(get_navigation_mesh, none, bytes, 13)                                                                                    \
    X(get_episode_settings, none, episode_settings, 13)                                                                        \
    X(set_episode_settings, args_settings, u64, 13)                                                                            \
    X(tick_cue, none, u64, 13)                                                                                                 \
    X(load_new_episode, args_load, none, 13)                                                                                   \
    X(load_map_layer, args_u16, none, 13)                                                                                      \
    X(unload_map_layer, args_u16, none, 13)                                                                                    \
    X(copy_opendrive_to_file, args_opendrive, none, 13)                                                                        \
    X(get_actor_definitions, none, actor_definition_list, 13)                                                                  \
    X(get_spectator, none, actor, 13)                                                                                          \
    X(get_weather_parameters, none, weather, 13)                                                                               \
    X(set_weather_parameters, args_weather, none, 13)                                                                          \
    X(get_imui_gravity, none, f32, 16)                                                                                         \
    X(set_imui_gravity, args_f32, none, 16)                                                                                    \
    X(get_all_level_BBs, args_u8, bounding_box_list, 13)                                                                       \
    X(get_environment_objects, args_u8, environment_object_list, 13)                                                           \
    X(enable_environment_objects, args_objects_flag, none, 13)                                                                 \
    X(set_annotations_traverse_translucency, args_flag, none, 16)                                                              \
    X(get_names_of_all_objects, none, text_list, 13)                                                                           \
    X(apply_color_texture_to_objects, args_texture, none, 13)                                                                  \
    X(apply_float_color_texture_to_objects, args_float_texture, none, 13)                                                      \
    X(console_command, args_text, flag, 14)                                                                                    \
    /* actors */                                                                                                               \
    X(get_actors_by_id, args_actors, actor_list, 13)                                                                           \
    X(spawn_actor, args_spawn, actor, 13)                                                                                      \
    X(spawn_actor_with_parent, args_spawn_with_parent, actor, 13)                                                              \
    X(destroy_actor, args_actor, flag, 13)                                                                                     \
    X(set_actor_location, args_actor_vector, none, 13)                                                                         \
    X(set_actor_transform, args_actor_transform, none, 13)                                                                     \
    X(set_walker_state, args_walker_state, none, 13)                                                                           \
    X(set_actor_target_velocity, args_actor_vector, none, 13)                                                                  \
    X(set_actor_target_angular_velocity, args_actor_vector, none, 13)                                                          \
    X(enable_actor_constant_velocity, args_actor_vector, none, 13)                                                             \
    X(disable_actor_constant_velocity, args_actor, none, 13)                                                                   \
    X(add_actor_impulse, args_actor_vector, none, 13)                                                                          \
    X(add_actor_force, args_actor_vector, none, 13)                                                                            \
    X(add_actor_impulse_at_location, args_actor_vector_at, none, 13)                                                           \
    X(add_actor_force_at_location, args_actor_vector_at, none, 13)                                                             \
    X(add_actor_angular_impulse, args_actor_vector, none, 13)                                                                  \
    X(add_actor_torque, args_actor_vector, none, 13)                                                                           \
    X(set_actor_simulate_physics, args_actor_flag, none, 13)                                                                   \
    X(set_actor_collisions, args_actor_flag, none, 15)                                                                         \
    X(set_actor_dead, args_actor, none, 15)                                                                                    \
    X(set_actor_enable_gravity, args_actor_flag, none, 13)                                                                     \
    X(get_actor_bounding_box, args_actor, bounding_box, 16)                                                                    \
    X(get_actor_component_world_transform, args_actor_text, transform, 16)                                                     \
    X(get_actor_component_relative_transform, args_actor_text, transform, 16)                                                  \
    X(get_actor_bone_world_transforms, args_actor, transform_list, 16)                                                         \
    X(get_actor_bone_relative_transforms, args_actor, transform_list, 16)                                                      \
    X(get_actor_component_names, args_actor, text_list, 16)                                                                    \
    X(get_actor_bone_names, args_actor, text_list, 16)                                                                         \
    X(get_actor_socket_names, args_actor, text_list, 16)                                                                       \
    X(get_actor_socket_world_transforms, args_actor, transform_list, 16)                                                       \
    X(get_actor_socket_relative_transforms, args_actor, transform_list, 16)                                                    \
    /* sensors */                                                                                                              \
    X(get_sensor_token, args_stream, token, 14)                                                                                \
    X(enable_sensor_for_ros, args_stream, none, 15)                                                                            \
    X(disable_sensor_for_ros, args_stream, none, 15)                                                                           \
    X(is_sensor_enabled_for_ros, args_stream, flag, 15)                                                                        \
    X(get_gbuffer_token, args_actor_u32, token_data, 14)                                                                       \
    X(enable_gbuffers, args_actor_flag, none, 16)                                                                              \
    X(are_gbuffers_enabled, args_actor, flag, 16)                                                                              \
    X(set_ignored_vehicles, args_actor_list, none, 16)                                                                         \
    X(send, args_actor_text, none, 16)                                                                                         \
    /* vehicles and walkers */                                                                                                 \
    X(get_physics_control, args_actor, vehicle_physics, 13)                                                                    \
    X(apply_physics_control, args_physics, none, 13)                                                                           \
    X(get_telemetry_data, args_actor, vehicle_telemetry, 16)                                                                   \
    X(get_vehicle_light_state, args_actor, light_flags, 13)                                                                    \
    X(set_vehicle_light_state, args_light_flags, none, 13)                                                                     \
    X(get_vehicle_light_states, none, vehicle_light_list, 13)                                                                  \
    X(open_vehicle_door, args_actor_u8, none, 13)                                                                              \
    X(close_vehicle_door, args_actor_u8, none, 13)                                                                             \
    X(set_wheel_steer_direction, args_wheel, none, 13)                                                                         \
    X(get_wheel_steer_angle, args_actor_u8, f32, 13)                                                                           \
    X(set_wheel_pitch_angle, args_wheel, none, 16)                                                                             \
    X(get_wheel_pitch_angle, args_actor_u8, f32, 16)                                                                           \
    X(get_vehicle_bone_world_transforms, args_actor, transform_list, 16)                                                       \
    X(apply_control_to_vehicle, args_vehicle_control, none, 13)                                                                \
    X(apply_ackermann_control_to_vehicle, args_ackermann, none, 14)                                                            \
    X(get_ackermann_controller_settings, args_actor, ackermann_settings, 14)                                                   \
    X(apply_ackermann_controller_settings, args_ackermann_settings, none, 14)                                                  \
    X(apply_control_to_walker, args_walker_control, none, 13)                                                                  \
    X(get_bones_transform, args_actor, bones_out, 13)                                                                          \
    X(set_bones_transform, args_bones, none, 13)                                                                               \
    X(blend_pose, args_actor_f32, none, 13)                                                                                    \
    X(get_pose_from_animation, args_actor, none, 13)                                                                           \
    X(set_actor_autopilot, args_actor_flag, none, 13)                                                                          \
    X(show_vehicle_debug_telemetry, args_actor_flag, none, 13)                                                                 \
    X(enable_carsim, args_actor_text, none, 13)                                                                                \
    X(use_carsim_road, args_actor_flag, none, 13)                                                                              \
    X(enable_chrono_physics, args_chrono, none, 13)                                                                            \
    X(restore_physx_physics, args_actor, none, 16)                                                                             \
    /* traffic lights, street lights, rays, drawing */                                                                         \
    X(set_traffic_light_state, args_actor_u8, none, 13)                                                                        \
    X(set_traffic_light_green_time, args_actor_f32, none, 13)                                                                  \
    X(set_traffic_light_yellow_time, args_actor_f32, none, 13)                                                                 \
    X(set_traffic_light_red_time, args_actor_f32, none, 13)                                                                    \
    X(freeze_traffic_light, args_actor_flag, none, 13)                                                                         \
    X(freeze_all_traffic_lights, args_flag, none, 13)                                                                          \
    X(reset_traffic_light_group, args_actor, none, 13)                                                                         \
    X(reset_all_traffic_lights, none, none, 13)                                                                                \
    X(get_group_traffic_lights, args_actor, u32_list, 13)                                                                      \
    X(get_light_boxes, args_actor, bounding_box_list, 13)                                                                      \
    X(draw_debug_shape, args_debug_shape, none, 13)                                                                            \
    X(clear_debug_shape, none, none, 16)                                                                                       \
    X(clear_debug_string, none, none, 16)                                                                                      \
    X(query_lights_state, args_text, street_light_list, 13)                                                                    \
    X(update_lights_state, args_update_lights, none, 13)                                                                       \
    X(update_day_night_cycle, args_text_flag, none, 14)                                                                        \
    X(project_point, args_project, projection, 13)                                                                             \
    X(cast_ray, args_segment, labelled_point_list, 13)                                                                         \
    /* batches */                                                                                                              \
    X(apply_batch, args_batch, outcome_list, 13)                                                                               \
    /* recorder */                                                                                                             \
    X(start_recorder, args_text_flag, text, 13)                                                                                \
    X(stop_recorder, none, none, 13)                                                                                           \
    X(show_recorder_file_info, args_text_flag, text, 13)                                                                       \
    X(show_recorder_collisions, args_recorder_collisions, text, 13)                                                            \
    X(show_recorder_actors_blocked, args_recorder_blocked, text, 13)                                                           \
    X(replay_file, args_replay, text, 13)                                                                                      \
    X(stop_replayer, args_flag, none, 13)                                                                                      \
    X(set_replayer_time_factor, args_f64, none, 13)                                                                            \
    X(set_replayer_ignore_hero, args_flag, none, 13)                                                                           \
    X(set_replayer_ignore_spectator, args_flag, none, 15)                                                                      \
    /* traffic managers that clients host */                                                                                   \
    X(is_traffic_manager_running, args_u16, flag, 13)                                                                          \
    X(get_traffic_manager_running, args_u16, endpoint, 13)                                                                     \
    X(add_traffic_manager_running, args_endpoint, flag, 13)                                                                    \
    X(destroy_traffic_manager, args_u16, flag, 13)

typedef enum wire_method_id {
#define X(name, args, result, since) WIRE_METHOD_##name,
    WIRE_METHODS(X)
#undef X
        WIRE_METHOD_COUNT
} wire_method_id;

typedef struct wire_method {
    wire_method_id id;
    const char *name;
    const wire_type *args;   /* a struct type; its C struct is what encode reads and decode fills */
    const wire_type *result; /* wire_type_none: Response<void> */
    wire_version since;
    bool bare; /* the result is not wrapped in a Response: apply_batch only */
} wire_method;

const wire_method *wire_method_get(wire_method_id id);
/* NULL when that release has no such function. */
const wire_method *wire_method_find(const char *name, size_t bytes, wire_version version);
/* Number of arguments on the wire in that release, the hidden Metadata included. */
size_t wire_method_argument_count(const wire_method *m, wire_version version);

/* Argument structs beside those of command.h. */
typedef struct wire_args_settings {
    wire_episode_settings settings;
} wire_args_settings;
typedef struct wire_args_load {
    const char *map_name;
    bool reset_settings;
    uint16_t map_layers;
} wire_args_load;
typedef struct wire_args_u8 {
    uint8_t value;
} wire_args_u8;
typedef struct wire_args_u16 {
    uint16_t value;
} wire_args_u16;
typedef struct wire_args_f32 {
    float value;
} wire_args_f32;
typedef struct wire_args_f64 {
    double value;
} wire_args_f64;
typedef struct wire_args_flag {
    bool flag;
} wire_args_flag;
typedef struct wire_args_opendrive {
    const char *xodr;
    wire_opendrive_parameters parameters;
} wire_args_opendrive;
typedef struct wire_args_weather {
    wire_weather weather;
} wire_args_weather;
typedef struct wire_args_objects_flag {
    wire_u64_list objects;
    bool flag;
} wire_args_objects_flag;
typedef struct wire_args_actors {
    wire_u32_list actors;
} wire_args_actors;
typedef struct wire_args_spawn {
    wire_actor_description description;
    wire_transform transform;
} wire_args_spawn;
typedef struct wire_args_spawn_with_parent {
    wire_actor_description description;
    wire_transform transform; /* relative to the parent */
    wire_actor_id parent;
    uint8_t attachment;      /* wire_attachment */
    const char *socket_name; /* since 0.9.16; a shorter call of an older client reads as NULL */
} wire_args_spawn_with_parent;
typedef struct wire_args_stream {
    uint32_t stream_id;
} wire_args_stream;
typedef struct wire_args_actor_vector_at {
    wire_actor_id actor;
    wire_vector3 vector, location;
} wire_args_actor_vector_at;
typedef struct wire_args_actor_text {
    wire_actor_id actor;
    const char *text;
} wire_args_actor_text;
typedef struct wire_args_actor_f32 {
    wire_actor_id actor;
    float value;
} wire_args_actor_f32;
typedef struct wire_args_light_flags {
    wire_actor_id actor;
    uint32_t flags;
} wire_args_light_flags;
typedef struct wire_args_wheel {
    wire_actor_id actor;
    uint8_t wheel;
    float degrees;
} wire_args_wheel;
typedef struct wire_args_ackermann_settings {
    wire_actor_id actor;
    wire_ackermann_settings settings;
} wire_args_ackermann_settings;
typedef struct wire_args_debug_shape {
    wire_debug_shape shape;
} wire_args_debug_shape;
typedef struct wire_args_update_lights {
    const char *client;
    wire_street_light_list lights;
    bool discard_client;
} wire_args_update_lights;
typedef struct wire_args_text_flag {
    const char *text;
    bool flag;
} wire_args_text_flag;
typedef struct wire_args_project {
    wire_vector3 location, direction;
    float distance;
} wire_args_project;
typedef struct wire_args_segment {
    wire_vector3 begin, end;
} wire_args_segment;
typedef struct wire_args_batch {
    wire_command_list commands;
    bool do_tick_cue;
} wire_args_batch;
typedef struct wire_args_recorder_collisions {
    const char *name;
    uint8_t type1, type2;
} wire_args_recorder_collisions;
typedef struct wire_args_recorder_blocked {
    const char *name;
    double min_time, min_distance;
} wire_args_recorder_blocked;
typedef struct wire_args_replay {
    const char *name;
    double start, duration;
    uint32_t follow_id;
    bool replay_sensors;
    wire_transform offset; /* since 0.9.16 */
} wire_args_replay;
typedef struct wire_args_texture {
    wire_text_list objects; /* names as get_names_of_all_objects gives them */
    uint8_t material;       /* wire_material */
    wire_texture texture;
} wire_args_texture;
typedef struct wire_args_float_texture {
    wire_text_list objects;
    uint8_t material;
    wire_float_texture texture;
} wire_args_float_texture;
typedef struct wire_args_actor_list { /* of one sensor: the actors that it is to leave out */
    wire_actor_id actor;
    wire_u32_list others;
} wire_args_actor_list;
typedef struct wire_args_bones {
    wire_actor_id actor;
    wire_bones_in bones;
} wire_args_bones;
typedef struct wire_args_chrono {
    wire_actor_id actor;
    uint64_t max_substeps;
    float max_substep_delta_time;
    const char *vehicle_json, *powertrain_json, *tire_json, *base_json_path;
} wire_args_chrono;
typedef struct wire_args_endpoint {
    wire_endpoint endpoint;
} wire_args_endpoint;
#endif
