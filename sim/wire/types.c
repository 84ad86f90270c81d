/* The tables of types.h. A row is a field in wire order; a column is the release that brought it. */
#include "sim/wire/types.h"
#include "sim/wire/table.h"
#include <string.h>

/* --- geometry ----------------------------------------------------------------------------------------------------------- */
static const wire_field fields_vector2[] = { FIELD(wire_vector2, x, f32), FIELD(wire_vector2, y, f32) };
STRUCT_TYPE(vector2);
static const wire_field fields_vector3[] = { FIELD(wire_vector3, x, f32), FIELD(wire_vector3, y, f32),
                                             FIELD(wire_vector3, z, f32) };
STRUCT_TYPE(vector3);
static const wire_field fields_rotation[] = {
    FIELD(wire_rotation, pitch, f32),
    FIELD(wire_rotation, yaw, f32),
    FIELD(wire_rotation, roll, f32),
};
STRUCT_TYPE(rotation);
static const wire_field fields_transform[] = { FIELD(wire_transform, location, vector3),
                                               FIELD(wire_transform, rotation, rotation) };
STRUCT_TYPE(transform);
static const wire_field fields_bounding_box[] = {
    FIELD(wire_bounding_box, location, vector3),
    FIELD(wire_bounding_box, extent, vector3),
    FIELD(wire_bounding_box, rotation, rotation),
    FIELD_SINCE(wire_bounding_box, actor_id, u32, 16),
};
STRUCT_TYPE(bounding_box);
static const wire_field fields_geo_location[] = {
    FIELD(wire_geo_location, latitude, f64),
    FIELD(wire_geo_location, longitude, f64),
    FIELD(wire_geo_location, altitude, f64),
};
STRUCT_TYPE(geo_location);
static const wire_field fields_color[] = { FIELD(wire_color, r, u8), FIELD(wire_color, g, u8), FIELD(wire_color, b, u8) };
STRUCT_TYPE(color);
static const wire_field fields_float_color[] = {
    FIELD(wire_float_color, r, f32),
    FIELD(wire_float_color, g, f32),
    FIELD(wire_float_color, b, f32),
    FIELD(wire_float_color, a, f32),
};
STRUCT_TYPE(float_color);

LIST_TYPE(text_list, text);
LIST_TYPE(u32_list, u32);
LIST_TYPE(u64_list, u64);
LIST_TYPE(vector2_list, vector2);
LIST_TYPE(transform_list, transform);
LIST_TYPE(bounding_box_list, bounding_box);
OPTIONAL_TYPE(optional_f64, f64);
OPTIONAL_TYPE(optional_u32, u32);

base_vec3 wire_vector3_to_vec3(wire_vector3 v) { return (base_vec3){ v.x, v.y, v.z }; }
wire_vector3 wire_vector3_from_vec3(base_vec3 v) { return (wire_vector3){ (float)v.x, (float)v.y, (float)v.z }; }
base_pose wire_transform_to_pose(wire_transform t)
{
    return (base_pose){ wire_vector3_to_vec3(t.location), { t.rotation.pitch, t.rotation.yaw, t.rotation.roll } };
}
wire_transform wire_transform_from_pose(base_pose p)
{
    return (wire_transform){ wire_vector3_from_vec3(p.location),
                             { (float)p.rotation.pitch_deg, (float)p.rotation.yaw_deg, (float)p.rotation.roll_deg } };
}

/* --- actors and blueprints ------------------------------------------------------------------------------------------------ */
static const wire_type wire_type_attribute_type = {
    "attribute_type", WIRE_KIND_ATTRIBUTE, sizeof(uint8_t), NULL, NULL, 0, NULL, 0
};
static const wire_field fields_attribute_value[] = {
    FIELD(wire_attribute_value, id, text),
    FIELD(wire_attribute_value, type, attribute_type),
    FIELD(wire_attribute_value, value, text),
};
STRUCT_TYPE(attribute_value);
static LIST_TYPE(attribute_value_list, attribute_value);
static const wire_field fields_actor_description[] = {
    FIELD(wire_actor_description, uid, u32),
    FIELD(wire_actor_description, id, text),
    FIELD(wire_actor_description, attributes, attribute_value_list),
};
STRUCT_TYPE(actor_description);
static const wire_field fields_attribute[] = {
    FIELD(wire_attribute, id, text),
    FIELD(wire_attribute, type, attribute_type),
    FIELD(wire_attribute, value, text),
    FIELD(wire_attribute, recommended_values, text_list),
    FIELD(wire_attribute, is_modifiable, flag),
    FIELD(wire_attribute, restrict_to_recommended, flag),
};
STRUCT_TYPE(attribute);
static LIST_TYPE(attribute_list, attribute);
static const wire_field fields_actor_definition[] = {
    FIELD(wire_actor_definition, uid, u32),
    FIELD(wire_actor_definition, id, text),
    FIELD(wire_actor_definition, tags, text),
    FIELD(wire_actor_definition, attributes, attribute_list),
};
STRUCT_TYPE(actor_definition);
LIST_TYPE(actor_definition_list, actor_definition);
static const wire_field fields_actor[] = {
    FIELD(wire_actor, id, u32),
    FIELD(wire_actor, parent_id, u32),
    FIELD(wire_actor, description, actor_description),
    FIELD(wire_actor, bounding_box, bounding_box),
    FIELD(wire_actor, semantic_tags, bytes),
    FIELD(wire_actor, stream_token, bytes),
};
STRUCT_TYPE(actor);
LIST_TYPE(actor_list, actor);

/* --- episode and map ------------------------------------------------------------------------------------------------------ */
static const wire_type wire_type_address = { "address", WIRE_KIND_CHARS, 16, NULL, NULL, 0, NULL, 0 };
static const wire_field fields_token[] = {
    FIELD(wire_token, stream_id, u32),   FIELD(wire_token, port, u16),        FIELD(wire_token, protocol, u8),
    FIELD(wire_token, address_type, u8), FIELD(wire_token, address, address),
};
/* The bare 24 bytes as msgpack bin, and CARLA's Token class around them: an array of one. */
const wire_type wire_type_token_data = {
    "token_data", WIRE_KIND_PACKED, sizeof(wire_token), fields_token, NULL, COUNT_OF(fields_token), NULL, 0
};
static const wire_field token_field[] = { { "data", &wire_type_token_data, 0, WIRE_0_9_13 } };
const wire_type wire_type_token = { "token", WIRE_KIND_STRUCT, sizeof(wire_token), token_field, NULL, 1, NULL, 0 };

void wire_token_write(const wire_token *t, uint8_t dst[WIRE_TOKEN_BYTES])
{
    wire_packed_write(dst, &wire_type_token_data, t, WIRE_VERSION_LATEST);
}

bool wire_token_read(wire_token *t, wire_bytes field)
{
    if (field.bytes != WIRE_TOKEN_BYTES)
        return false;
    wire_packed_read(field.data, &wire_type_token_data, t, WIRE_VERSION_LATEST);
    return true;
}

static const wire_field fields_episode_info[] = { FIELD(wire_episode_info, id, u64), FIELD(wire_episode_info, token, token) };
STRUCT_TYPE(episode_info);
static const wire_field fields_map_info[] = {
    FIELD(wire_map_info, name, text),
    FIELD(wire_map_info, recommended_spawn_points, transform_list),
};
STRUCT_TYPE(map_info);
static const wire_field fields_episode_settings[] = {
    FIELD(wire_episode_settings, synchronous_mode, flag),
    FIELD(wire_episode_settings, no_rendering_mode, flag),
    FIELD(wire_episode_settings, fixed_delta_seconds, optional_f64),
    FIELD(wire_episode_settings, substepping, flag),
    FIELD(wire_episode_settings, max_substep_delta_time, f64),
    FIELD(wire_episode_settings, max_substeps, i32),
    FIELD(wire_episode_settings, max_culling_distance, f32),
    FIELD(wire_episode_settings, deterministic_ragdolls, flag),
    FIELD(wire_episode_settings, tile_stream_distance, f32),
    FIELD(wire_episode_settings, actor_active_distance, f32),
    FIELD_SINCE(wire_episode_settings, spectator_as_ego, flag, 15),
};
STRUCT_TYPE(episode_settings);

wire_episode_settings wire_episode_settings_default(void)
{
    return (wire_episode_settings){ .substepping = true,
                                    .max_substep_delta_time = 0.01,
                                    .max_substeps = 10,
                                    .deterministic_ragdolls = true,
                                    .tile_stream_distance = 3000,
                                    .actor_active_distance = 2000,
                                    .spectator_as_ego = true };
}

static const wire_field fields_opendrive_parameters[] = {
    FIELD(wire_opendrive_parameters, vertex_distance, f64),
    FIELD(wire_opendrive_parameters, max_road_length, f64),
    FIELD(wire_opendrive_parameters, wall_height, f64),
    FIELD(wire_opendrive_parameters, additional_width, f64),
    FIELD(wire_opendrive_parameters, smooth_junctions, flag),
    FIELD(wire_opendrive_parameters, enable_mesh_visibility, flag),
    FIELD(wire_opendrive_parameters, enable_pedestrian_navigation, flag),
};
STRUCT_TYPE(opendrive_parameters);
static const wire_field fields_weather[] = {
    FIELD(wire_weather, cloudiness, f32),
    FIELD(wire_weather, precipitation, f32),
    FIELD(wire_weather, precipitation_deposits, f32),
    FIELD(wire_weather, wind_intensity, f32),
    FIELD(wire_weather, sun_azimuth_angle, f32),
    FIELD(wire_weather, sun_altitude_angle, f32),
    FIELD(wire_weather, fog_density, f32),
    FIELD(wire_weather, fog_distance, f32),
    FIELD(wire_weather, fog_falloff, f32),
    FIELD(wire_weather, wetness, f32),
    FIELD(wire_weather, scattering_intensity, f32),
    FIELD(wire_weather, mie_scattering_scale, f32),
    FIELD(wire_weather, rayleigh_scattering_scale, f32),
    FIELD_SINCE(wire_weather, dust_storm, f32, 14),
};
STRUCT_TYPE(weather);

/* --- controls ------------------------------------------------------------------------------------------------------------- */
static const wire_field fields_vehicle_control[] = {
    FIELD(wire_vehicle_control, throttle, f32), FIELD(wire_vehicle_control, steer, f32),
    FIELD(wire_vehicle_control, brake, f32),    FIELD(wire_vehicle_control, hand_brake, flag),
    FIELD(wire_vehicle_control, reverse, flag), FIELD(wire_vehicle_control, manual_gear_shift, flag),
    FIELD(wire_vehicle_control, gear, i32),
};
STRUCT_TYPE(vehicle_control);
static const wire_field fields_ackermann_control[] = {
    FIELD(wire_ackermann_control, steer, f32), FIELD(wire_ackermann_control, steer_speed, f32),
    FIELD(wire_ackermann_control, speed, f32), FIELD(wire_ackermann_control, acceleration, f32),
    FIELD(wire_ackermann_control, jerk, f32),
};
STRUCT_TYPE(ackermann_control);
static const wire_field fields_ackermann_settings[] = {
    FIELD(wire_ackermann_settings, speed_kp, f32), FIELD(wire_ackermann_settings, speed_ki, f32),
    FIELD(wire_ackermann_settings, speed_kd, f32), FIELD(wire_ackermann_settings, accel_kp, f32),
    FIELD(wire_ackermann_settings, accel_ki, f32), FIELD(wire_ackermann_settings, accel_kd, f32),
};
STRUCT_TYPE(ackermann_settings);
static const wire_field fields_walker_control[] = {
    FIELD(wire_walker_control, direction, vector3),
    FIELD(wire_walker_control, speed, f32),
    FIELD(wire_walker_control, jump, flag),
};
STRUCT_TYPE(walker_control);
static const wire_field fields_bone_in[] = { FIELD(wire_bone_in, name, text), FIELD(wire_bone_in, transform, transform) };
static STRUCT_TYPE(bone_in);
static LIST_TYPE(bone_in_list, bone_in);
static const wire_field fields_bones_in[] = { FIELD(wire_bones_in, bone_transforms, bone_in_list) };
STRUCT_TYPE(bones_in);
static const wire_field fields_bone_out[] = {
    FIELD(wire_bone_out, bone_name, text),
    FIELD(wire_bone_out, world, transform),
    FIELD(wire_bone_out, component, transform),
    FIELD(wire_bone_out, relative, transform),
};
static STRUCT_TYPE(bone_out);
static LIST_TYPE(bone_out_list, bone_out);
static const wire_field fields_bones_out[] = { FIELD(wire_bones_out, bone_transforms, bone_out_list) };
STRUCT_TYPE(bones_out);
static const wire_field fields_gear[] = { FIELD(wire_gear, ratio, f32), FIELD(wire_gear, down_ratio, f32),
                                          FIELD(wire_gear, up_ratio, f32) };
STRUCT_TYPE(gear);
static LIST_TYPE(gear_list, gear);
static const wire_field fields_wheel[] = {
    FIELD(wire_wheel, tire_friction, f32),      FIELD(wire_wheel, damping_rate, f32),
    FIELD(wire_wheel, max_steer_angle, f32),    FIELD(wire_wheel, radius, f32),
    FIELD(wire_wheel, max_brake_torque, f32),   FIELD(wire_wheel, max_handbrake_torque, f32),
    FIELD(wire_wheel, lat_stiff_max_load, f32), FIELD(wire_wheel, lat_stiff_value, f32),
    FIELD(wire_wheel, long_stiff_value, f32),   FIELD(wire_wheel, position, vector3),
};
STRUCT_TYPE(wheel);
static LIST_TYPE(wheel_list, wheel);
static const wire_field fields_vehicle_physics[] = {
    FIELD(wire_vehicle_physics, torque_curve, vector2_list),
    FIELD(wire_vehicle_physics, max_rpm, f32),
    FIELD(wire_vehicle_physics, moi, f32),
    FIELD(wire_vehicle_physics, damping_rate_full_throttle, f32),
    FIELD(wire_vehicle_physics, damping_rate_zero_throttle_clutch_engaged, f32),
    FIELD(wire_vehicle_physics, damping_rate_zero_throttle_clutch_disengaged, f32),
    FIELD(wire_vehicle_physics, use_gear_autobox, flag),
    FIELD(wire_vehicle_physics, gear_switch_time, f32),
    FIELD(wire_vehicle_physics, clutch_strength, f32),
    FIELD(wire_vehicle_physics, final_ratio, f32),
    FIELD(wire_vehicle_physics, forward_gears, gear_list),
    FIELD(wire_vehicle_physics, mass, f32),
    FIELD(wire_vehicle_physics, drag_coefficient, f32),
    FIELD(wire_vehicle_physics, center_of_mass, vector3),
    FIELD(wire_vehicle_physics, steering_curve, vector2_list),
    FIELD(wire_vehicle_physics, wheels, wheel_list),
    FIELD(wire_vehicle_physics, use_sweep_wheel_collision, flag),
};
STRUCT_TYPE(vehicle_physics);

static const wire_field light_flags_field[] = { { "light_state", &wire_type_u32, 0, WIRE_0_9_13 } };
const wire_type wire_type_light_flags = {
    "light_flags", WIRE_KIND_STRUCT, sizeof(uint32_t), light_flags_field, NULL, 1, NULL, 0
};
static const wire_field fields_vehicle_light[] = { FIELD(wire_vehicle_light, id, u32), FIELD(wire_vehicle_light, flags, u32) };
static STRUCT_TYPE(vehicle_light);
LIST_TYPE(vehicle_light_list, vehicle_light);

static const wire_field fields_wheel_telemetry[] = {
    FIELD(wire_wheel_telemetry, tire_friction, f32),
    FIELD(wire_wheel_telemetry, lat_slip, f32),
    FIELD(wire_wheel_telemetry, long_slip, f32),
    FIELD(wire_wheel_telemetry, omega, f32),
    FIELD(wire_wheel_telemetry, tire_load, f32),
    FIELD(wire_wheel_telemetry, normalized_tire_load, f32),
    FIELD(wire_wheel_telemetry, torque, f32),
    FIELD(wire_wheel_telemetry, long_force, f32),
    FIELD(wire_wheel_telemetry, lat_force, f32),
    FIELD(wire_wheel_telemetry, normalized_long_force, f32),
    FIELD(wire_wheel_telemetry, normalized_lat_force, f32),
};
STRUCT_TYPE(wheel_telemetry);
static LIST_TYPE(wheel_telemetry_list, wheel_telemetry);
static const wire_field fields_vehicle_telemetry[] = {
    FIELD(wire_vehicle_telemetry, speed, f32),      FIELD(wire_vehicle_telemetry, steer, f32),
    FIELD(wire_vehicle_telemetry, throttle, f32),   FIELD(wire_vehicle_telemetry, brake, f32),
    FIELD(wire_vehicle_telemetry, engine_rpm, f32), FIELD(wire_vehicle_telemetry, gear, i32),
    FIELD(wire_vehicle_telemetry, drag, f32),       FIELD(wire_vehicle_telemetry, wheels, wheel_telemetry_list),
};
STRUCT_TYPE(vehicle_telemetry);

/* --- world objects -------------------------------------------------------------------------------------------------------- */
static const wire_field fields_labelled_point[] = { FIELD(wire_labelled_point, location, vector3),
                                                    FIELD(wire_labelled_point, label, u8) };
STRUCT_TYPE(labelled_point);
LIST_TYPE(labelled_point_list, labelled_point);
static const wire_field fields_projection[] = { FIELD(wire_projection, hit, flag),
                                                FIELD(wire_projection, point, labelled_point) };
STRUCT_TYPE(projection);
static const wire_field fields_environment_object[] = {
    FIELD(wire_environment_object, transform, transform),
    FIELD(wire_environment_object, bounding_box, bounding_box),
    FIELD(wire_environment_object, id, u64),
    FIELD(wire_environment_object, name, text),
    FIELD(wire_environment_object, type, u8),
};
STRUCT_TYPE(environment_object);
LIST_TYPE(environment_object_list, environment_object);
static const wire_field fields_street_light[] = {
    FIELD(wire_street_light, id, u32),   FIELD(wire_street_light, location, vector3), FIELD(wire_street_light, intensity, f32),
    FIELD(wire_street_light, group, u8), FIELD(wire_street_light, color, color),      FIELD(wire_street_light, active, flag),
};
STRUCT_TYPE(street_light);
LIST_TYPE(street_light_list, street_light);
static const wire_field fields_endpoint[] = { FIELD(wire_endpoint, host, text), FIELD(wire_endpoint, port, u16) };
STRUCT_TYPE(endpoint);

/* --- textures ------------------------------------------------------------------------------------------------------------- */
static const wire_field fields_pixel[] = { FIELD(wire_pixel, r, u8), FIELD(wire_pixel, g, u8), FIELD(wire_pixel, b, u8),
                                           FIELD(wire_pixel, a, u8) };
static STRUCT_TYPE(pixel);
static LIST_TYPE(pixel_list, pixel);
static LIST_TYPE(float_color_list, float_color);
static const wire_field fields_texture[] = {
    FIELD(wire_texture, width, u32),
    FIELD(wire_texture, height, u32),
    FIELD(wire_texture, pixels, pixel_list),
};
STRUCT_TYPE(texture);
static const wire_field fields_float_texture[] = {
    FIELD(wire_float_texture, width, u32),
    FIELD(wire_float_texture, height, u32),
    FIELD(wire_float_texture, pixels, float_color_list),
};
STRUCT_TYPE(float_texture);

/* --- debug drawing -------------------------------------------------------------------------------------------------------- */
static const wire_field fields_debug_point[] = { FIELD(wire_debug_point, location, vector3),
                                                 FIELD(wire_debug_point, size, f32) };
static STRUCT_TYPE(debug_point);
static const wire_field fields_debug_line[] = {
    FIELD(wire_debug_line, begin, vector3),
    FIELD(wire_debug_line, end, vector3),
    FIELD(wire_debug_line, thickness, f32),
};
static STRUCT_TYPE(debug_line);
static const wire_field fields_debug_arrow[] = { FIELD(wire_debug_arrow, line, debug_line),
                                                 FIELD(wire_debug_arrow, arrow_size, f32) };
static STRUCT_TYPE(debug_arrow);
static const wire_field fields_debug_box[] = {
    FIELD(wire_debug_box, box, bounding_box),
    FIELD(wire_debug_box, rotation, rotation),
    FIELD(wire_debug_box, thickness, f32),
};
static STRUCT_TYPE(debug_box);
static const wire_field fields_debug_text[] = {
    FIELD(wire_debug_text, location, vector3),
    FIELD(wire_debug_text, text, text),
    FIELD(wire_debug_text, draw_shadow, flag),
};
static STRUCT_TYPE(debug_text);
static const wire_alternative debug_kinds[] = {
    { "point", &wire_type_debug_point, { 0, 0, 0, 0 } },      { "line", &wire_type_debug_line, { 1, 1, 1, 1 } },
    { "arrow", &wire_type_debug_arrow, { 2, 2, 2, 2 } },      { "box", &wire_type_debug_box, { 3, 3, 3, 3 } },
    { "text", &wire_type_debug_text, { 4, 4, 4, 4 } },        { "hud_point", &wire_type_debug_point, { -1, -1, -1, 5 } },
    { "hud_line", &wire_type_debug_line, { -1, -1, -1, 6 } }, { "hud_arrow", &wire_type_debug_arrow, { -1, -1, -1, 7 } },
    { "hud_box", &wire_type_debug_box, { -1, -1, -1, 8 } },
};
static const wire_type wire_type_debug_primitive = { "debug_primitive",
                                                     WIRE_KIND_VARIANT,
                                                     sizeof(wire_debug_primitive),
                                                     NULL,
                                                     debug_kinds,
                                                     COUNT_OF(debug_kinds),
                                                     NULL,
                                                     offsetof(wire_debug_primitive, as) };
static const wire_field fields_debug_shape[] = {
    FIELD(wire_debug_shape, primitive, debug_primitive),
    FIELD(wire_debug_shape, color, color),
    FIELD(wire_debug_shape, life_time, f32),
    FIELD(wire_debug_shape, persistent_lines, flag),
};
STRUCT_TYPE(debug_shape);
