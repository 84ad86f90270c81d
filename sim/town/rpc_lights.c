/* Handlers: street lights and drawings for debugging. */
#include "sim/town/handler.h"
#include <stdio.h>

/* Clients name themselves by the address they reach us at, which is the same for all of them: the connection tells them apart. */
static const char *listener(const town_call *c, const char *name, char text[64])
{
    snprintf(text, 64, "%d %.48s", c->peer, name);
    return text;
}

HANDLER(query_lights_state)
{
    ARGS(wire_args_text);
    wire_street_light_list *out = c->result;
    int count = town_street_light_count(c->world);
    out->items = wire_memory_take(c->memory, (size_t)count + 1, sizeof *out->items, c->err);
    if (!out->items)
        return false;
    for (int i = 0; i < count; i++) {
        town_street_light l = town_street_light_at(c->world, i);
        out->items[out->count++] = (wire_street_light){ l.id,    wire_vector3_from_vec3(l.location),     l.intensity,
                                                        l.group, { l.color[0], l.color[1], l.color[2] }, l.is_on };
    }
    char name[64];
    town_street_lights_heard(c->world, listener(c, a->text, name));
    return true;
}

HANDLER(update_lights_state)
{
    ARGS(wire_args_update_lights);
    bool any = false, all = true;
    char name[64];
    listener(c, a->client, name);
    for (size_t i = 0; i < a->lights.count; i++) {
        const wire_street_light *l = &a->lights.items[i];
        town_street_light next = { l->id,    wire_vector3_to_vec3(l->location),      l->intensity,
                                   l->group, { l->color.r, l->color.g, l->color.b }, l->active };
        bool set = town_street_light_set(c->world, &next);
        any |= set;
        all &= set;
    }
    if (any)
        town_street_lights_changed(c->world, name);
    if (a->discard_client)
        town_street_lights_leave(c->world, name);
    return all || base_fail(c->err, BASE_REMOTE,
                            "update_lights_state: a light that is not there, or an intensity that is negative or no number");
}

HANDLER(update_day_night_cycle)
{
    ARGS(wire_args_text_flag);
    town_street_lights_cycle(c->world, a->flag);
    return true;
}

/* ---- drawings ---- */

static void take_line(town_debug_shape *out, const wire_debug_line *l)
{
    out->from = wire_vector3_to_vec3(l->begin);
    out->to = wire_vector3_to_vec3(l->end);
    out->size = l->thickness;
}

/* At most `bytes` - 1 bytes, never half a character. */
static void take_text(char *out, size_t bytes, const char *text)
{
    size_t length = strlen(text);
    if (length >= bytes)
        for (length = bytes - 1; length > 0 && ((unsigned char)text[length] & 0xc0) == 0x80;)
            length--;
    memcpy(out, text, length);
    out[length] = 0;
}

HANDLER(draw_debug_shape)
{
    const wire_debug_shape *a = &((const wire_args_debug_shape *)c->args)->shape;
    const wire_debug_primitive *p = &a->primitive;
    bool on_hud = p->kind >= WIRE_DEBUG_HUD_POINT;
    int kind = on_hud ? p->kind - WIRE_DEBUG_HUD_POINT : p->kind;
    town_debug_shape s = { .kind = (town_shape_kind)kind,
                           .on_hud = on_hud,
                           .color = { a->color.r, a->color.g, a->color.b },
                           .is_persistent = a->persistent_lines };
    switch (kind) {
    case WIRE_DEBUG_POINT:
        s.from = s.to = wire_vector3_to_vec3(p->as.point.location);
        s.size = p->as.point.size;
        break;
    case WIRE_DEBUG_LINE: take_line(&s, &p->as.line); break;
    case WIRE_DEBUG_ARROW:
        take_line(&s, &p->as.arrow.line);
        s.head_m = p->as.arrow.arrow_size;
        break;
    case WIRE_DEBUG_BOX:
        s.from = wire_vector3_to_vec3(p->as.box.box.location);
        s.to = wire_vector3_to_vec3(p->as.box.box.extent);
        s.rotation = (base_rotation){ p->as.box.rotation.pitch, p->as.box.rotation.yaw, p->as.box.rotation.roll };
        s.size = p->as.box.thickness;
        break;
    case WIRE_DEBUG_TEXT:
        s.from = s.to = wire_vector3_to_vec3(p->as.text.location);
        s.has_shadow = p->as.text.draw_shadow;
        take_text(s.text, sizeof s.text, p->as.text.text);
        break;
    }
    return town_debug_draw(c->world, &s, a->life_time, c->err);
}

HANDLER(clear_debug_shape)
{
    town_debug_clear_shapes(c->world);
    return true;
}

HANDLER(clear_debug_string)
{
    town_debug_clear_texts(c->world);
    return true;
}

const town_row town_rows_lights[] = {
    { WIRE_METHOD_query_lights_state, query_lights_state },
    { WIRE_METHOD_update_lights_state, update_lights_state },
    { WIRE_METHOD_update_day_night_cycle, update_day_night_cycle },
    { WIRE_METHOD_draw_debug_shape, draw_debug_shape },
    { WIRE_METHOD_clear_debug_shape, clear_debug_shape },
    { WIRE_METHOD_clear_debug_string, clear_debug_string },
    { WIRE_METHOD_COUNT, NULL },
};
