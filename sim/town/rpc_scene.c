/* Handlers: questions to the scene, and things taken out of it. */
#include "sim/town/handler.h"
#include "sim/wire/tag.h"

#define HITS_MAX 256

HANDLER(cast_ray)
{
    ARGS(wire_args_segment);
    town_hit hits[HITS_MAX];
    wire_labelled_point_list *out = c->result;
    int count = town_cast_ray(c->world, wire_vector3_to_vec3(a->begin), wire_vector3_to_vec3(a->end), hits, HITS_MAX);
    out->items = wire_memory_take(c->memory, (size_t)count + 1, sizeof *out->items, c->err);
    out->count = out->items ? (size_t)count : 0;
    for (size_t i = 0; i < out->count; i++)
        out->items[i] = (wire_labelled_point){ wire_vector3_from_vec3(hits[i].point), town_tag_number(c->world, hits[i].tag) };
    return out->items != NULL;
}

HANDLER(project_point)
{
    ARGS(wire_args_project);
    base_vec3 from = wire_vector3_to_vec3(a->location), along = wire_vector3_to_vec3(a->direction);
    double length = base_vec3_length(along);
    town_hit hit;
    wire_projection *out = c->result;
    if (length > 0 && a->distance > 0)
        out->hit = town_cast_ray(c->world, from, base_vec3_add(from, base_vec3_scale(along, (double)a->distance / length)),
                                 &hit, 1) > 0;
    if (out->hit)
        out->point = (wire_labelled_point){ wire_vector3_from_vec3(hit.point), town_tag_number(c->world, hit.tag) };
    return true;
}

/* ---- things of the scenery ---- */

/* Tags are compared as numbers of the release: in 0.9.13 every kind of vehicle has the same one. */
static bool is_asked_for(const town_call *c, uint8_t tag, uint8_t asked)
{
    return asked == WIRE_TAG_ANY || town_tag_number(c->world, tag) == asked;
}

HANDLER(get_environment_objects)
{
    ARGS(wire_args_u8);
    wire_environment_object_list *out = c->result;
    int count = town_object_count(c->world);
    out->items = wire_memory_take(c->memory, (size_t)count + 1, sizeof *out->items, c->err);
    if (!out->items)
        return false;
    for (int i = 0; i < count; i++) {
        town_object o;
        if (!town_object_get(c->world, i, &o) || !is_asked_for(c, o.tag, a->value))
            continue;
        wire_transform place = wire_transform_from_pose(o.pose);
        wire_bounding_box box = { wire_vector3_from_vec3(o.center), wire_vector3_from_vec3(o.extent), place.rotation, 0 };
        out->items[out->count++] = (wire_environment_object){ place, box, o.id, o.name, town_tag_number(c->world, o.tag) };
    }
    return true;
}

HANDLER(enable_environment_objects)
{
    ARGS(wire_args_objects_flag);
    for (size_t i = 0; i < a->objects.count; i++) /* CARLA passes over ids that it does not know */
        town_object_enable(c->world, a->objects.items[i], a->flag);
    return true;
}

HANDLER(get_names_of_all_objects)
{
    wire_text_list *out = c->result;
    int count = town_object_count(c->world);
    out->items = wire_memory_take(c->memory, (size_t)count + 1, sizeof *out->items, c->err);
    if (!out->items)
        return false;
    for (int i = 0; i < count; i++) {
        town_object o;
        if (town_object_get(c->world, i, &o))
            out->items[out->count++] = o.name;
    }
    return true;
}

/* Boxes of everything that is there at this moment: scenery, vehicles and walkers. */
HANDLER(get_all_level_BBs)
{
    ARGS(wire_args_u8);
    wire_bounding_box_list *out = c->result;
    int objects = town_object_count(c->world), actors = town_actor_count(c->world);
    out->items = wire_memory_take(c->memory, (size_t)objects + (size_t)actors + 1, sizeof *out->items, c->err);
    if (!out->items)
        return false;
    for (int i = 0; i < objects; i++) {
        town_object o;
        if (town_object_get(c->world, i, &o) && o.is_shown && is_asked_for(c, o.tag, a->value))
            out->items[out->count++] = (wire_bounding_box){ wire_vector3_from_vec3(o.center), wire_vector3_from_vec3(o.extent),
                                                            wire_transform_from_pose(o.pose).rotation, 0 };
    }
    for (int i = 0; i < actors; i++) {
        town_actor_view v;
        if (!town_actor_get(c->world, town_actor_id_at(c->world, i), &v) || (v.kind != TOWN_VEHICLE && v.kind != TOWN_WALKER) ||
            !is_asked_for(c, v.tag, a->value))
            continue;
        out->items[out->count++] =
            (wire_bounding_box){ wire_vector3_from_vec3(base_pose_to_world(&v.pose, v.box.center)),
                                 wire_vector3_from_vec3(v.box.extent), wire_transform_from_pose(v.pose).rotation, v.id };
    }
    return true;
}

/* ---- textures: an object takes the mean colour of what a client wants to see on it ---- */

/* Only the diffuse colour shows here; CARLA's other three parameters are refused rather than lost. */
static bool paint(town_call *c, const wire_text_list *names, uint8_t material, size_t width, size_t height, size_t pixels,
                  const float rgb[3])
{
    const char *function = c->method->name;
    if (width == 0 || height == 0 || width > 8192 || height > 8192 || width * height != pixels)
        return base_fail(c->err, BASE_REMOTE, "%s: a texture of %zu x %zu with %zu pixels", function, width, height, pixels);
    if (material != WIRE_MATERIAL_DIFFUSE)
        return base_fail(c->err, BASE_UNSUPPORTED, "%s: only the diffuse texture can be set here", function);
    for (size_t i = 0; i < names->count; i++)
        if (!town_object_paint(c->world, names->items[i], rgb))
            return base_fail(c->err, BASE_REMOTE, "%s: no object is called '%.100s'", function, names->items[i]);
    return true;
}

HANDLER(apply_color_texture_to_objects)
{
    ARGS(wire_args_texture);
    const wire_pixel_list *p = &a->texture.pixels;
    double sum[3] = { 0, 0, 0 };
    for (size_t i = 0; i < p->count; i++) {
        sum[0] += p->items[i].r;
        sum[1] += p->items[i].g;
        sum[2] += p->items[i].b;
    }
    float rgb[3];
    for (int k = 0; k < 3; k++)
        rgb[k] = (float)scene_linear_from_srgb(p->count ? sum[k] / (double)p->count / 255 : 0);
    return paint(c, &a->objects, a->material, a->texture.width, a->texture.height, p->count, rgb);
}

HANDLER(apply_float_color_texture_to_objects)
{
    ARGS(wire_args_float_texture);
    const wire_float_color_list *p = &a->texture.pixels;
    double sum[3] = { 0, 0, 0 };
    for (size_t i = 0; i < p->count; i++) {
        const float value[3] = { p->items[i].r, p->items[i].g, p->items[i].b };
        for (int k = 0; k < 3; k++)
            sum[k] += fmax(0, fmin(1, (double)value[k]));
    }
    float rgb[3]; /* already linear */
    for (int k = 0; k < 3; k++)
        rgb[k] = (float)(p->count ? sum[k] / (double)p->count : 0);
    return paint(c, &a->objects, a->material, a->texture.width, a->texture.height, p->count, rgb);
}

HANDLER(set_annotations_traverse_translucency)
{
    (void)c; /* nothing here is translucent: windows are opaque to labels, whatever is set */
    return true;
}

HANDLER(load_map_layer)
{
    ARGS(wire_args_u16);
    town_layers_set(c->world, town_layers_get(c->world) | a->value);
    return true;
}

HANDLER(unload_map_layer)
{
    ARGS(wire_args_u16);
    town_layers_set(c->world, town_layers_get(c->world) & (uint16_t)~a->value);
    return true;
}

const town_row town_rows_scene[] = {
    { WIRE_METHOD_project_point, project_point },
    { WIRE_METHOD_cast_ray, cast_ray },
    { WIRE_METHOD_get_environment_objects, get_environment_objects },
    { WIRE_METHOD_enable_environment_objects, enable_environment_objects },
    { WIRE_METHOD_get_names_of_all_objects, get_names_of_all_objects },
    { WIRE_METHOD_get_all_level_BBs, get_all_level_BBs },
    { WIRE_METHOD_apply_color_texture_to_objects, apply_color_texture_to_objects },
    { WIRE_METHOD_apply_float_color_texture_to_objects, apply_float_color_texture_to_objects },
    { WIRE_METHOD_set_annotations_traverse_translucency, set_annotations_traverse_translucency },
    { WIRE_METHOD_load_map_layer, load_map_layer },
    { WIRE_METHOD_unload_map_layer, unload_map_layer },
    { WIRE_METHOD_COUNT, NULL },
};
