/* Handlers: questions to the scene. */
#include "sim/town/handler.h"

#define HITS_MAX 64

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

const town_row town_rows_scene[] = {
    { WIRE_METHOD_project_point, project_point },
    { WIRE_METHOD_cast_ray, cast_ray },
    { WIRE_METHOD_COUNT, NULL },
};
