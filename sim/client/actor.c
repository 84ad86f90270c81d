/* Blueprints, spawning and destroying. What this client spawned is remembered, to be destroyed at the end. */
#include "sim/client/internal.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* --- blueprints ----------------------------------------------------------------------------------------------------------- */

const wire_actor_definition *client_blueprints(client *c, size_t *count, base_error *err)
{
    *count = 0;
    if (!c->blueprints_known) {
        wire_memory_reset(c->blueprint_memory);
        if (!client_call(c, WIRE_METHOD_get_actor_definitions, NULL, &c->blueprints, c->blueprint_memory, err))
            return NULL;
        c->blueprints_known = true;
    }
    *count = c->blueprints.count;
    return c->blueprints.items;
}

const wire_actor_definition *client_blueprint(client *c, const char *id, base_error *err)
{
    size_t count;
    const wire_actor_definition *all = client_blueprints(c, &count, err);
    for (size_t i = 0; i < count; i++)
        if (strcmp(all[i].id, id) == 0)
            return &all[i];
    if (all)
        base_fail(err, BASE_ARGUMENT, "blueprint %s: the server has none such (%zu others)", id, count);
    return NULL;
}

static bool is_color(const char *value)
{
    unsigned r, g, b;
    int end = 0;
    return sscanf(value, "%u,%u,%u%n", &r, &g, &b, &end) == 3 && value[end] == 0 && r < 256 && g < 256 && b < 256;
}

/* The value as its type wants it; the server would take any text and misread it. */
static bool value_fits(const wire_attribute *a, const char *value)
{
    char *end;
    switch (a->type) {
    case WIRE_ATTRIBUTE_BOOL: return strcasecmp(value, "true") == 0 || strcasecmp(value, "false") == 0;
    case WIRE_ATTRIBUTE_INT: return strtol(value, &end, 10), *value && !*end;
    case WIRE_ATTRIBUTE_FLOAT: return isfinite(strtod(value, &end)) && *value && !*end;
    case WIRE_ATTRIBUTE_COLOR: return is_color(value);
    default: return true;
    }
}

static bool attribute_check(const char *blueprint, const wire_attribute *a, const char *value, base_error *err)
{
    static const char *const kinds[] = { "?", "true or false", "an integer", "a number", "text", "a colour R,G,B" };
    if (!a->is_modifiable)
        return base_fail(err, BASE_ARGUMENT, "%s: attribute %s cannot be set", blueprint, a->id);
    if (!value || !value_fits(a, value))
        return base_fail(err, BASE_ARGUMENT, "%s: attribute %s: expected %s, found \"%s\"", blueprint, a->id, kinds[a->type],
                         value ? value : "");
    bool listed = !a->restrict_to_recommended;
    for (size_t i = 0; i < a->recommended_values.count && !listed; i++)
        listed = strcmp(a->recommended_values.items[i], value) == 0;
    if (!listed)
        return base_fail(err, BASE_ARGUMENT, "%s: attribute %s: \"%s\" is not among the values it may have", blueprint, a->id,
                         value);
    return true;
}

bool client_describe(client *c, const client_spawn_options *o, wire_actor_description *d, base_error *err)
{
    const wire_actor_definition *b = client_blueprint(c, o->blueprint, err);
    if (!b)
        return false;
    *d = (wire_actor_description){ b->uid,
                                   b->id,
                                   { calloc(b->attributes.count + 1, sizeof *d->attributes.items), b->attributes.count } };
    if (!d->attributes.items)
        return base_fail(err, BASE_MEMORY, "no memory for %zu attributes", b->attributes.count);
    for (size_t i = 0; i < b->attributes.count; i++) {
        const wire_attribute *a = &b->attributes.items[i];
        d->attributes.items[i] = (wire_attribute_value){ a->id, a->type, a->value };
    }
    for (size_t k = 0; k < o->attribute_count; k++) {
        size_t i = 0;
        while (i < b->attributes.count && strcmp(b->attributes.items[i].id, o->attributes[k].id) != 0)
            i++;
        if (i == b->attributes.count) {
            base_fail(err, BASE_ARGUMENT, "%s: no attribute %s", b->id, o->attributes[k].id);
            goto failed;
        }
        if (!attribute_check(b->id, &b->attributes.items[i], o->attributes[k].value, err))
            goto failed;
        d->attributes.items[i].value = o->attributes[k].value;
    }
    return true;
failed:
    free(d->attributes.items);
    return false;
}

/* --- records -------------------------------------------------------------------------------------------------------------- */

client_record *client_record_find(const client *c, wire_actor_id id)
{
    for (size_t i = c->record_count; i-- > 0;)
        if (c->records[i]->id == id)
            return c->records[i];
    return NULL;
}

void client_record_free(client_record *r)
{
    if (r)
        wire_memory_destroy(r->memory);
    free(r);
}

bool client_record_add(client *c, client_record *r, base_error *err)
{
    void *grown = realloc(c->records, (c->record_count + 1) * sizeof(client_record *));
    if (!grown)
        return base_fail(err, BASE_MEMORY, "no memory for an actor");
    c->records = grown;
    c->records[c->record_count++] = r;
    return true;
}

client_record *client_record_new(base_error *err)
{
    client_record *r = calloc(1, sizeof *r);
    if (r && (r->memory = wire_memory_create((size_t)1 << 20, err)))
        return r;
    free(r);
    base_fail(err, BASE_MEMORY, "no memory for an actor");
    return NULL;
}

void client_record_drop(client *c, wire_actor_id id)
{
    for (size_t i = 0; i < c->record_count; i++)
        if (c->records[i]->id == id) {
            client_record_free(c->records[i]);
            memmove(&c->records[i], &c->records[i + 1], (c->record_count - i - 1) * sizeof *c->records);
            c->record_count--;
            return;
        }
}

void client_records_free(client *c)
{
    for (size_t i = 0; i < c->record_count; i++)
        client_record_free(c->records[i]);
    free(c->records);
    free(c->listed);
    c->records = NULL;
    c->listed = NULL;
    c->record_count = 0;
}

/* --- spawning and destroying ---------------------------------------------------------------------------------------------- */

bool client_spawn(client *c, const client_spawn_options *o, wire_actor_id *id, base_error *err)
{
    wire_actor_description d;
    *id = 0;
    if (!client_describe(c, o, &d, err))
        return false;
    client_record *r = client_record_new(err);
    bool ok = r != NULL;
    if (ok && o->parent) {
        wire_args_spawn_with_parent args = { d, wire_transform_from_pose(o->pose), o->parent, (uint8_t)o->attachment, "" };
        ok = client_call(c, WIRE_METHOD_spawn_actor_with_parent, &args, &r->actor, r->memory, err);
    } else if (ok) {
        wire_args_spawn args = { d, wire_transform_from_pose(o->pose) };
        ok = client_call(c, WIRE_METHOD_spawn_actor, &args, &r->actor, r->memory, err);
    }
    free(d.attributes.items);
    if (ok) {
        r->id = r->actor.id;
        r->mine = r->known = true;
        ok = client_record_add(c, r, err);
    }
    if (!ok) {
        client_record_free(r);
        return base_fail_in(err, "%s", o->blueprint);
    }
    *id = r->id;
    return true;
}

bool client_destroy(client *c, wire_actor_id id, base_error *err)
{
    wire_args_actor args = { id };
    bool existed = false;
    client_unlisten(c, id);
    if (!client_call(c, WIRE_METHOD_destroy_actor, &args, &existed, NULL, err))
        return false;
    client_record_drop(c, id);
    return existed || base_fail(err, BASE_REMOTE, "destroy_actor: the server knows no actor %u", id);
}

bool client_destroy_mine(client *c, base_error *err)
{
    bool ok = true;
    for (size_t i = c->record_count; i-- > 0;) {
        if (!c->records[i]->mine)
            continue;
        base_error why = { 0 };
        bool existed;
        wire_args_actor args = { c->records[i]->id };
        if (client_call(c, WIRE_METHOD_destroy_actor, &args, &existed, NULL, &why))
            continue;
        if (why.code == BASE_REMOTE) { /* gone already: with its parent, or by somebody else's hand */
            base_log_write(c->options.log, BASE_LOG_DEBUG, "%s", why.text);
            continue;
        }
        if (ok && err)
            *err = why;
        ok = false;
        if (why.code == BASE_TIMEOUT || why.code == BASE_NETWORK) /* the others would only take as long */
            break;
    }
    return ok;
}

const wire_actor *client_actor(client *c, wire_actor_id id, base_error *err)
{
    client_record *r = client_record_find(c, id);
    if (r && r->known)
        return &r->actor;
    wire_args_actors args = { { &id, 1 } };
    wire_actor_list found;
    client_record *fresh = r ? r : client_record_new(err);
    if (!fresh)
        return NULL;
    bool ok = client_call(c, WIRE_METHOD_get_actors_by_id, &args, &found, fresh->memory, err);
    if (ok && found.count == 0)
        ok = base_fail(err, BASE_REMOTE, "get_actors_by_id: the server knows no actor %u", id);
    if (ok) {
        fresh->id = id;
        fresh->actor = found.items[0];
        fresh->known = true;
        ok = r || client_record_add(c, fresh, err);
    }
    if (!ok && !r)
        client_record_free(fresh);
    return ok ? &fresh->actor : NULL;
}

/* Make the record of one actor of a decoded list: a copy, because the list's memory is for all of them. */
static bool record_copy(client *c, const wire_actor *a, base_error *err)
{
    client_record *known = client_record_find(c, a->id), *r = known ? known : client_record_new(err);
    base_buffer bytes = { 0 };
    if (!r)
        return false;
    bool ok = wire_value_encode(&bytes, &wire_type_actor, a, c->version, err) &&
              wire_value_read(bytes.data, bytes.bytes, &wire_type_actor, &r->actor, c->version, r->memory, err);
    base_buffer_free(&bytes);
    if (ok) {
        r->id = a->id;
        r->known = true;
        ok = known || client_record_add(c, r, err);
    }
    if (!ok && !known)
        client_record_free(r);
    return ok;
}

/* Records of actors that are neither ours nor in the snapshot any more. */
static void drop_vanished(client *c)
{
    client_state unused;
    for (size_t i = c->record_count; i-- > 0;)
        if (!c->records[i]->mine && !client_state_get(c, c->records[i]->id, &unused))
            client_record_drop(c, c->records[i]->id);
}

static bool fetch_unknown(client *c, base_error *err)
{
    wire_u32_list ids = { calloc(c->snapshot.actor_count + 1, sizeof *ids.items), 0 };
    wire_actor_list found = { NULL, 0 };
    if (!ids.items)
        return base_fail(err, BASE_MEMORY, "no memory for %zu actors", c->snapshot.actor_count);
    for (size_t i = 0; i < c->snapshot.actor_count; i++) {
        const client_record *r = client_record_find(c, client_snapshot_actor(c, i));
        if (!r || !r->known)
            ids.items[ids.count++] = client_snapshot_actor(c, i);
    }
    wire_args_actors args = { ids };
    wire_memory_reset(c->list_memory);
    bool ok = ids.count == 0 || client_call(c, WIRE_METHOD_get_actors_by_id, &args, &found, c->list_memory, err);
    for (size_t i = 0; ok && i < found.count; i++)
        ok = record_copy(c, &found.items[i], err);
    free(ids.items);
    return ok;
}

const wire_actor *const *client_actors(client *c, size_t *count, base_error *err)
{
    *count = 0;
    drop_vanished(c);
    void *grown = realloc(c->listed, (c->snapshot.actor_count + 1) * sizeof *c->listed);
    if (!grown) {
        base_fail(err, BASE_MEMORY, "no memory for %zu actors", c->snapshot.actor_count);
        return NULL;
    }
    c->listed = grown;
    if (!fetch_unknown(c, err))
        return NULL;
    for (size_t i = 0; i < c->snapshot.actor_count; i++) {
        const client_record *r = client_record_find(c, client_snapshot_actor(c, i));
        if (r && r->known)
            c->listed[(*count)++] = &r->actor;
    }
    return c->listed;
}

const char *client_actor_attribute(const wire_actor *a, const char *id)
{
    for (size_t i = 0; i < a->description.attributes.count; i++)
        if (strcmp(a->description.attributes.items[i].id, id) == 0)
            return a->description.attributes.items[i].value;
    return NULL;
}
