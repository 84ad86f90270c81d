/* The world around the actors: weather, files, what stands there, rays, street lights, drawing, the recorder. */
#include "sim/client/internal.h"
#include "sim/road/road.h"
#include <stdio.h>
#include <string.h>

/* --- weather, spectator --------------------------------------------------------------------------------------------------- */

bool client_weather(client *c, wire_weather *w, base_error *err)
{
    return client_call(c, WIRE_METHOD_get_weather_parameters, NULL, w, NULL, err);
}

bool client_weather_set(client *c, const wire_weather *w, base_error *err) { CALL(set_weather_parameters, weather, NULL, *w); }

bool client_weather_preset(client *c, const char *name, base_error *err)
{
    wire_weather w;
    if (!wire_weather_preset(&w, name))
        return base_fail(err, BASE_ARGUMENT, "weather: no preset is called \"%s\"", name);
    return client_weather_set(c, &w, err);
}

wire_actor_id client_spectator(client *c, base_error *err)
{
    wire_actor a;
    if (!c->spectator && client_call(c, WIRE_METHOD_get_spectator, NULL, &a, NULL, err))
        c->spectator = a.id;
    return c->spectator;
}

/* --- map ------------------------------------------------------------------------------------------------------------------ */

bool client_geolocation(client *c, base_vec3 location, wire_geo_location *geo, base_error *err)
{
    const struct road_map *map = client_road_map(c, err);
    if (!map)
        return false;
    base_vec3 g = road_map_geolocation(map, (int)c->version, location);
    *geo = (wire_geo_location){ g.x, g.y, g.z };
    return true;
}

bool client_location(client *c, wire_geo_location geo, base_vec3 *location, base_error *err)
{
    const struct road_map *map = client_road_map(c, err);
    if (!map)
        return false;
    base_vec3 g = { geo.latitude, geo.longitude, geo.altitude };
    *location = road_map_location(map, (int)c->version, g);
    return true;
}

bool client_map_layers(client *c, uint16_t layers, bool load, base_error *err)
{
    wire_args_u16 args = { layers };
    return client_call_for(c, load ? WIRE_METHOD_load_map_layer : WIRE_METHOD_unload_map_layer, &args, NULL, c->result_memory,
                           c->options.load_timeout_s, err);
}

bool client_files(client *c, const char *folder, wire_text_list *paths, base_error *err)
{
    CALL(get_required_files, text, paths, folder);
}

bool client_file(client *c, const char *path, wire_bytes *content, base_error *err)
{
    wire_memory_reset(c->result_memory);
    return client_call_for(c, WIRE_METHOD_request_file, &(wire_args_text){ path }, content, c->result_memory,
                           c->options.load_timeout_s, err);
}

/* --- what stands there ---------------------------------------------------------------------------------------------------- */

/* Tags travel as the release numbers them; inside they are wire_tag. Numbers that are none stay as they are. */
static uint8_t tag_out(const client *c, wire_tag tag) { return tag == WIRE_TAG_ANY ? 255 : wire_tag_to_wire(tag, c->version); }

static uint8_t tag_in(const client *c, uint8_t number)
{
    wire_tag tag = wire_tag_from_wire(number, c->version);
    return tag == WIRE_TAG_COUNT ? number : (uint8_t)tag;
}

bool client_environment_objects(client *c, wire_tag tag, wire_environment_object_list *objects, base_error *err)
{
    wire_args_u8 args = { tag_out(c, tag) };
    if (!client_call(c, WIRE_METHOD_get_environment_objects, &args, objects, NULL, err))
        return false;
    for (size_t i = 0; i < objects->count; i++)
        objects->items[i].type = tag_in(c, objects->items[i].type);
    return true;
}

bool client_environment_objects_enable(client *c, const uint64_t *ids, size_t count, bool visible, base_error *err)
{
    SEND(enable_environment_objects, objects_flag, { (uint64_t *)(uintptr_t)ids, count }, visible);
}

bool client_level_boxes(client *c, wire_tag tag, wire_bounding_box_list *boxes, base_error *err)
{
    CALL(get_all_level_BBs, u8, boxes, tag_out(c, tag));
}

bool client_cast_ray(client *c, base_vec3 from, base_vec3 to, wire_labelled_point_list *hits, base_error *err)
{
    wire_args_segment args = { wire_vector3_from_vec3(from), wire_vector3_from_vec3(to) };
    if (!client_call(c, WIRE_METHOD_cast_ray, &args, hits, NULL, err))
        return false;
    for (size_t i = 0; i < hits->count; i++)
        hits->items[i].label = tag_in(c, hits->items[i].label);
    return true;
}

bool client_project(client *c, base_vec3 location, base_vec3 direction, double distance_m, wire_projection *p, base_error *err)
{
    wire_args_project args = { wire_vector3_from_vec3(location), wire_vector3_from_vec3(direction), (float)distance_m };
    if (!client_call(c, WIRE_METHOD_project_point, &args, p, NULL, err))
        return false;
    p->point.label = tag_in(c, p->point.label);
    return true;
}

bool client_ground(client *c, base_vec3 location, double distance_m, wire_projection *p, base_error *err)
{
    return client_project(c, location, (base_vec3){ 0, 0, -1 }, distance_m, p, err);
}

/* --- street lights -------------------------------------------------------------------------------------------------------- */

static const char *endpoint(client *c)
{
    snprintf(c->endpoint, sizeof c->endpoint, "%s:%d", c->host, c->options.port);
    return c->endpoint;
}

bool client_street_lights(client *c, wire_street_light_list *lights, base_error *err)
{
    if (!c->street_lights_known) {
        wire_memory_reset(c->street_memory);
        if (!client_call(c, WIRE_METHOD_query_lights_state, &(wire_args_text){ endpoint(c) }, &c->street_lights,
                         c->street_memory, err))
            return false;
        c->street_lights_known = true;
    }
    *lights = c->street_lights;
    return true;
}

bool client_street_lights_set(client *c, const wire_street_light *lights, size_t count, base_error *err)
{
    c->street_lights_known = false;
    SEND(update_lights_state, update_lights, endpoint(c), { (wire_street_light *)(uintptr_t)lights, count }, false);
}

bool client_day_night_cycle_set(client *c, bool on, base_error *err)
{
    SEND(update_day_night_cycle, text_flag, endpoint(c), on);
}

/* --- drawing -------------------------------------------------------------------------------------------------------------- */

bool client_draw(client *c, const wire_debug_primitive *shape, wire_color color, double life_s, base_error *err)
{
    SEND(draw_debug_shape, debug_shape, { *shape, color, (float)life_s, false });
}

bool client_draw_point(client *c, base_vec3 at, double size, wire_color color, double life_s, base_error *err)
{
    wire_debug_primitive p = { WIRE_DEBUG_POINT, { .point = { wire_vector3_from_vec3(at), (float)size } } };
    return client_draw(c, &p, color, life_s, err);
}

static wire_debug_line line(base_vec3 from, base_vec3 to, double thickness)
{
    return (wire_debug_line){ wire_vector3_from_vec3(from), wire_vector3_from_vec3(to), (float)thickness };
}

bool client_draw_line(client *c, base_vec3 from, base_vec3 to, double thickness, wire_color color, double life_s,
                      base_error *err)
{
    wire_debug_primitive p = { WIRE_DEBUG_LINE, { .line = line(from, to, thickness) } };
    return client_draw(c, &p, color, life_s, err);
}

bool client_draw_arrow(client *c, base_vec3 from, base_vec3 to, double thickness, double head, wire_color color, double life_s,
                       base_error *err)
{
    wire_debug_primitive p = { WIRE_DEBUG_ARROW, { .arrow = { line(from, to, thickness), (float)head } } };
    return client_draw(c, &p, color, life_s, err);
}

bool client_draw_box(client *c, const wire_bounding_box *box, base_rotation rotation, double thickness, wire_color color,
                     double life_s, base_error *err)
{
    wire_rotation r = { (float)rotation.pitch_deg, (float)rotation.yaw_deg, (float)rotation.roll_deg };
    wire_debug_primitive p = { WIRE_DEBUG_BOX, { .box = { *box, r, (float)thickness } } };
    return client_draw(c, &p, color, life_s, err);
}

bool client_draw_text(client *c, base_vec3 at, const char *text, wire_color color, double life_s, base_error *err)
{
    wire_debug_primitive p = { WIRE_DEBUG_TEXT, { .text = { wire_vector3_from_vec3(at), text, false } } };
    return client_draw(c, &p, color, life_s, err);
}

bool client_draw_clear(client *c, base_error *err)
{
    return client_call(c, WIRE_METHOD_clear_debug_shape, NULL, NULL, NULL, err) &&
           client_call(c, WIRE_METHOD_clear_debug_string, NULL, NULL, NULL, err);
}

/* --- recorder ------------------------------------------------------------------------------------------------------------- */

bool client_recorder_start(client *c, const char *name, bool additional_data, const char **text, base_error *err)
{
    CALL(start_recorder, text_flag, text, name, additional_data);
}

bool client_recorder_stop(client *c, base_error *err)
{
    return client_call(c, WIRE_METHOD_stop_recorder, NULL, NULL, NULL, err);
}

bool client_recorder_info(client *c, const char *name, bool all, const char **text, base_error *err)
{
    CALL(show_recorder_file_info, text_flag, text, name, all);
}

bool client_recorder_collisions(client *c, const char *name, char kind1, char kind2, const char **text, base_error *err)
{
    CALL(show_recorder_collisions, recorder_collisions, text, name, (uint8_t)kind1, (uint8_t)kind2);
}

bool client_recorder_blocked(client *c, const char *name, double min_time_s, double min_distance_cm, const char **text,
                             base_error *err)
{
    CALL(show_recorder_actors_blocked, recorder_blocked, text, name, min_time_s, min_distance_cm);
}

bool client_replay(client *c, const char *name, const client_replay_options *o, const char **text, base_error *err)
{
    CALL(replay_file, replay, text, name, o->start_s, o->duration_s, o->follow, o->sensors,
         wire_transform_from_pose(o->offset));
}

bool client_replay_stop(client *c, bool keep_actors, base_error *err) { SEND(stop_replayer, flag, keep_actors); }

bool client_replay_speed(client *c, double factor, base_error *err) { SEND(set_replayer_time_factor, f64, factor); }

bool client_replay_ignore(client *c, bool hero, bool spectator, base_error *err)
{
    wire_args_flag h = { hero }, s = { spectator };
    return client_send(c, WIRE_METHOD_set_replayer_ignore_hero, &h, err) &&
           (c->version < WIRE_0_9_15 || client_send(c, WIRE_METHOD_set_replayer_ignore_spectator, &s, err));
}
