#include "sim/wire/rpc.h"
#include "sim/wire/memory.h"
#include <stdio.h>
#include <string.h>

static int write_to_buffer(void *buffer, const char *data, size_t bytes)
{
    return base_buffer_append(buffer, data, bytes) ? 0 : -1;
}

static bool written(const base_buffer *out, const char *what, base_error *err)
{
    return !out->failed ||
           base_fail(err, BASE_MEMORY, "%s: does not fit the output of at most %zu bytes", what, out->max_bytes);
}

static void pack_text(msgpack_packer *p, const char *text)
{
    msgpack_pack_str(p, strlen(text));
    msgpack_pack_str_body(p, text, strlen(text));
}

/* --- requests ------------------------------------------------------------------------------------------------------------- */

bool wire_request_encode(base_buffer *out, uint32_t id, const wire_method *m, bool asynchronous, const void *args,
                         wire_version version, base_error *err)
{
    msgpack_packer p;
    msgpack_packer_init(&p, out, write_to_buffer);
    if (m->since > version)
        return base_fail(err, BASE_UNSUPPORTED, "%s: CARLA has it since %s, the peer speaks %s", m->name,
                         wire_version_name(m->since), wire_version_name(version));
    msgpack_pack_array(&p, 4);
    msgpack_pack_int(&p, 0);
    msgpack_pack_uint32(&p, id);
    pack_text(&p, m->name);
    msgpack_pack_array(&p, wire_method_argument_count(m, version));
    msgpack_pack_array(&p, 1); /* Metadata */
    asynchronous ? msgpack_pack_true(&p) : msgpack_pack_false(&p);
    for (size_t i = 0; i < m->args->count; i++) {
        const wire_field *f = &m->args->fields[i];
        if (f->since <= version && !wire_value_encode(out, f->type, (const uint8_t *)args + f->offset, version, err))
            return base_fail_in(err, "%s: %s", m->name, f->name);
    }
    return written(out, m->name, err);
}

static bool take_id(uint32_t *id, const msgpack_object *o, base_error *err)
{
    if (o->type != MSGPACK_OBJECT_POSITIVE_INTEGER || o->via.u64 > UINT32_MAX)
        return base_fail(err, BASE_FORMAT, "message id: expected an integer of 32 bits, found %s", wire_object_name(o));
    *id = (uint32_t)o->via.u64;
    return true;
}

/* Names and messages of a peer end up in logs and on terminals: control characters become '?'. */
static const char *take_text(const msgpack_object *o, size_t max, wire_memory *m, base_error *err)
{
    if (o->type != MSGPACK_OBJECT_STR) {
        base_fail(err, BASE_FORMAT, "expected text, found %s", wire_object_name(o));
        return NULL;
    }
    size_t n = o->via.str.size < max ? o->via.str.size : max;
    char *text = wire_memory_take(m, n + 1, 1, err);
    for (size_t i = 0; text && i < n; i++) {
        unsigned char c = (unsigned char)o->via.str.ptr[i];
        text[i] = c < 0x20 || c == 0x7f ? '?' : (char)c;
    }
    return text;
}

bool wire_request_decode(wire_request *r, bool *ignore, const void *data, size_t bytes, wire_memory *m, base_error *err)
{
    msgpack_object o;
    *r = (wire_request){ 0 };
    *ignore = false;
    if (!wire_memory_unpack(m, &o, data, bytes, err))
        return false;
    if (o.type != MSGPACK_OBJECT_ARRAY)
        return base_fail(err, BASE_FORMAT, "request: expected an array, found %s", wire_object_name(&o));
    const msgpack_object *e = o.via.array.ptr;
    if (o.via.array.size != 3 && o.via.array.size != 4) {
        *ignore = true;
        return true;
    }
    r->notification = o.via.array.size == 3; /* rpclib looks at the length alone, not at the type number */
    if (!r->notification && !take_id(&r->id, &e[1], err))
        return false;
    const msgpack_object *name = &e[r->notification ? 1 : 2], *params = name + 1;
    if (!(r->name = take_text(name, 127, m, err)))
        return base_fail_in(err, "function name");
    if (params->type != MSGPACK_OBJECT_ARRAY)
        return base_fail(err, BASE_FORMAT, "%s: expected an array of arguments, found %s", r->name, wire_object_name(params));
    r->argument_count = params->via.array.size;
    const msgpack_object *metadata = params->via.array.ptr;
    if (r->argument_count) {
        r->arguments = metadata + 1;
        r->asynchronous = metadata->type == MSGPACK_OBJECT_ARRAY && metadata->via.array.size >= 1 &&
                          metadata->via.array.ptr[0].type == MSGPACK_OBJECT_BOOLEAN && metadata->via.array.ptr[0].via.boolean;
    }
    return true;
}

bool wire_arguments_decode(void *args, const wire_request *r, const wire_method *m, wire_version version, wire_memory *memory,
                           base_error *err)
{
    size_t want = wire_method_argument_count(m, version), got = r->argument_count;
    bool known = false; /* the count of any release will do */
    for (int v = WIRE_VERSION_FIRST; v <= WIRE_VERSION_LATEST; v++)
        known |= got == wire_method_argument_count(m, (wire_version)v);
    if (!known)
        return base_fail(err, BASE_ARGUMENT, "%s: expected %zu arguments, found %zu", m->name, want, got);
    msgpack_object all = { .type = MSGPACK_OBJECT_ARRAY };
    all.via.array.size = (uint32_t)(got - 1);
    all.via.array.ptr = (msgpack_object *)(uintptr_t)r->arguments; /* msgpack has no const arrays; nothing is written */
    if (!wire_value_decode(&all, m->args, args, version, memory, err))
        return base_fail_in(err, "%s", m->name);
    const char *name = "?";
    if (!wire_value_is_finite(m->args, args, &name))
        return base_fail(err, BASE_FORMAT, "%s: %s: expected a finite number", m->name, name);
    return true;
}

/* --- responses ------------------------------------------------------------------------------------------------------------ */

static void response_head(msgpack_packer *p, base_buffer *out, uint32_t id)
{
    msgpack_packer_init(p, out, write_to_buffer);
    msgpack_pack_array(p, 4);
    msgpack_pack_int(p, 1);
    msgpack_pack_uint32(p, id);
}

bool wire_result_encode(base_buffer *out, uint32_t id, const wire_method *m, const void *result, wire_version version,
                        base_error *err)
{
    msgpack_packer p;
    response_head(&p, out, id);
    msgpack_pack_nil(&p);
    if (m->bare)
        return wire_value_encode(out, m->result, result, version, err);
    msgpack_pack_array(&p, 1);
    if (m->result == &wire_type_none) {
        msgpack_pack_array(&p, 1);
        msgpack_pack_false(&p);
        return written(out, m->name, err);
    }
    msgpack_pack_array(&p, 2);
    msgpack_pack_int(&p, 1);
    return wire_value_encode(out, m->result, result, version, err) || base_fail_in(err, "%s", m->name);
}

bool wire_error_encode(base_buffer *out, uint32_t id, const wire_method *m, const char *message)
{
    msgpack_packer p;
    response_head(&p, out, id);
    msgpack_pack_nil(&p);
    if (m->bare) { /* a batch answers per command and has no place for an error of its own */
        msgpack_pack_array(&p, 0);
        return !out->failed;
    }
    msgpack_pack_array(&p, 1);
    msgpack_pack_array(&p, 2);
    m->result == &wire_type_none ? msgpack_pack_true(&p) : msgpack_pack_int(&p, 0);
    msgpack_pack_array(&p, 1);
    pack_text(&p, message);
    return !out->failed;
}

bool wire_unheeded_encode(base_buffer *out, uint32_t id, const wire_method *m)
{
    return wire_error_encode(out, id, m, "unknown error");
}

bool wire_fault_encode(base_buffer *out, const wire_request *r, const wire_method *m, wire_version version,
                       const base_error *why)
{
    char text[1400];
    if (!m)
        snprintf(text, sizeof text, "rpclib: server could not find function '%s' with argument count %zu.", r->name,
                 r->argument_count);
    else if (why->code == BASE_ARGUMENT) /* rpclib has "expected" and "got" the wrong way round; clients may parse it */
        snprintf(
            text, sizeof text,
            "rpclib: client error C0002: Function '%s' was called with an invalid number of arguments. Expected: %zu, got: %zu",
            r->name, r->argument_count, wire_method_argument_count(m, version));
    else
        snprintf(
            text, sizeof text,
            "rpclib: function '%s' (called with %zu arg(s)) threw an exception. The exception contained this information: %s.",
            r->name, r->argument_count, why->text);
    msgpack_packer p;
    response_head(&p, out, r->id);
    pack_text(&p, text);
    msgpack_pack_nil(&p);
    return !out->failed;
}

bool wire_response_decode(wire_response *r, const void *data, size_t bytes, wire_memory *m, base_error *err)
{
    msgpack_object o;
    *r = (wire_response){ 0 };
    if (!wire_memory_unpack(m, &o, data, bytes, err))
        return false;
    const msgpack_object *e = o.via.array.ptr;
    if (o.type != MSGPACK_OBJECT_ARRAY || o.via.array.size != 4 || e[0].type != MSGPACK_OBJECT_POSITIVE_INTEGER ||
        e[0].via.u64 != 1)
        return base_fail(err, BASE_FORMAT, "response: expected [1, id, error, result], found %s", wire_object_name(&o));
    if (!take_id(&r->id, &e[1], err))
        return false;
    if (e[2].type != MSGPACK_OBJECT_NIL && !(r->fault = take_text(&e[2], 1000, m, NULL)))
        r->fault = "an error that is not text";
    wire_object *result = wire_memory_take(m, 1, sizeof *result, err);
    if (!result)
        return false;
    *result = e[3];
    r->result = result;
    return true;
}

bool wire_result_decode(void *result, const wire_response *r, const wire_method *m, wire_version version, wire_memory *memory,
                        base_error *err)
{
    if (r->fault)
        return base_fail(err, BASE_REMOTE, "%s: %s", m->name, r->fault);
    if (m->bare)
        return wire_value_decode(r->result, m->result, result, version, memory, err) || base_fail_in(err, "%s", m->name);
    bool is_void = m->result == &wire_type_none;
    const msgpack_object *o = r->result, *inner = o->via.array.ptr;
    if (o->type != MSGPACK_OBJECT_ARRAY || o->via.array.size < 1 || inner->type != MSGPACK_OBJECT_ARRAY ||
        inner->via.array.size < 1)
        return base_fail(err, BASE_FORMAT, "%s: expected a Response, found %s", m->name, wire_object_name(o));
    const msgpack_object *e = inner->via.array.ptr;
    size_t count = inner->via.array.size;
    bool failed;
    if (is_void && e[0].type == MSGPACK_OBJECT_BOOLEAN)
        failed = e[0].via.boolean;
    else if (!is_void && e[0].type == MSGPACK_OBJECT_POSITIVE_INTEGER && e[0].via.u64 <= 1)
        failed = e[0].via.u64 == 0;
    else
        return base_fail(err, BASE_FORMAT, "%s: a Response that begins with %s", m->name, wire_object_name(&e[0]));
    if (!failed && is_void)
        return true;
    if (count < 2)
        return base_fail(err, BASE_FORMAT, "%s: a Response without its value", m->name);
    if (!failed)
        return wire_value_decode(&e[1], m->result, result, version, memory, err) || base_fail_in(err, "%s", m->name);
    const char *message = NULL;
    if (e[1].type == MSGPACK_OBJECT_ARRAY && e[1].via.array.size >= 1)
        message = take_text(&e[1].via.array.ptr[0], 1000, memory, NULL);
    return base_fail(err, BASE_REMOTE, "%s: %s", m->name, message ? message : "an error without text");
}
