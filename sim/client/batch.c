/* Batches of commands, and the one command that needs the blueprints. */
#include "sim/client/internal.h"
#include <stdlib.h>
#include <string.h>

static const char *keep_text(client *c, const char *text, base_error *err)
{
    size_t bytes = strlen(text) + 1;
    char *kept = wire_memory_take(c->command_memory, bytes, 1, err);
    return kept ? memcpy(kept, text, bytes) : NULL;
}

bool client_command_spawn(client *c, const client_spawn_options *o, wire_command *command, base_error *err)
{
    wire_actor_description d;
    *command = (wire_command){ WIRE_COMMAND_SPAWN_ACTOR,
                               { .spawn = { .transform = wire_transform_from_pose(o->pose),
                                            .parent = { o->parent != 0, o->parent },
                                            .attachment = (uint8_t)o->attachment,
                                            .socket_name = "" } } };
    if (!client_describe(c, o, &d, err))
        return base_fail_in(err, "%s", o->blueprint);
    wire_attribute_value *items = wire_memory_take(c->command_memory, d.attributes.count + 1, sizeof *items, err);
    for (size_t i = 0; items && i < d.attributes.count; i++) {
        items[i] = d.attributes.items[i];
        if (!(items[i].value = keep_text(c, items[i].value, err))) /* the caller's text may go before the batch does */
            items = NULL;
    }
    free(d.attributes.items);
    d.attributes.items = items;
    command->as.spawn.description = d;
    return items != NULL;
}

bool client_batch(client *c, const wire_command *commands, size_t count, wire_outcome_list *outcomes, base_error *err)
{
    wire_outcome_list mine = { 0 }, *got = outcomes ? outcomes : &mine;
    wire_args_batch args = { { (wire_command *)(uintptr_t)commands, count }, false }; /* encoding does not write */
    wire_memory_reset(c->batch_memory);
    bool ok = client_call(c, WIRE_METHOD_apply_batch, &args, got, c->batch_memory, err);
    wire_memory_reset(c->command_memory);
    if (!ok)
        return false;
    if (got->count != count)
        return base_fail(err, BASE_FORMAT, "apply_batch: %zu commands, %zu answers", count, got->count);
    for (size_t i = 0; i < count; i++) {
        if (got->items[i].kind != WIRE_OUTCOME_ACTOR)
            continue;
        if (commands[i].kind == WIRE_COMMAND_DESTROY_ACTOR) {
            client_unlisten(c, commands[i].as.destroy.actor);
            client_record_drop(c, commands[i].as.destroy.actor);
        } else if (commands[i].kind == WIRE_COMMAND_SPAWN_ACTOR) {
            client_record *r = client_record_new(err);
            if (!r)
                return false;
            r->id = got->items[i].as.actor;
            r->mine = true;
            if (!client_record_add(c, r, err)) {
                client_record_free(r);
                return false;
            }
        }
    }
    return true;
}

bool client_batch_tick(client *c, const wire_command *commands, size_t count, wire_outcome_list *outcomes, base_error *err)
{
    return client_batch(c, commands, count, outcomes, err) && client_tick(c, err);
}

bool client_batch_send(client *c, const wire_command *commands, size_t count, bool tick, base_error *err)
{
    wire_args_batch args = { { (wire_command *)(uintptr_t)commands, count }, tick }; /* encoding does not write */
    bool ok = client_send(c, WIRE_METHOD_apply_batch, &args, err);
    wire_memory_reset(c->command_memory);
    return ok;
}
