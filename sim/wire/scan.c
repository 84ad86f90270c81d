/* The bounded look over a msgpack message before anything is allocated for it. */
#include "sim/wire/rpc.h"
#include <assert.h>

wire_limits wire_limits_default(void) { return (wire_limits){ (size_t)64 << 20, UINT32_C(4) << 20, 16 }; }

void wire_scan_start(wire_scan *s, const wire_limits *limits)
{
    *s = (wire_scan){ .limits = limits ? *limits : wire_limits_default(), .left = { 1 } };
    assert(s->limits.max_depth <= WIRE_SCAN_DEPTH);
}

/* What one type byte announces: how many length bytes follow it, and then either that many payload bytes or that many values. */
typedef struct lead {
    int length_bytes;
    bool is_container;
    uint64_t fixed; /* payload bytes or values, when length_bytes is 0; beside the length otherwise (an extension's type) */
    int per_item;   /* values per item of a container: 2 for maps */
} lead;

static bool lead_of(uint8_t b, lead *l)
{
    *l = (lead){ 0, false, 0, 1 };
    if (b <= 0x7f || b >= 0xe0) /* small integers */
        return true;
    if (b <= 0x8f)
        *l = (lead){ 0, true, b & 0x0f, 2 };
    else if (b <= 0x9f)
        *l = (lead){ 0, true, b & 0x0f, 1 };
    else if (b <= 0xbf)
        l->fixed = b & 0x1f;
    else
        switch (b) {
        case 0xc0:
        case 0xc2:
        case 0xc3: break; /* nil, false, true */
        case 0xc4:
        case 0xd9: l->length_bytes = 1; break;
        case 0xc5:
        case 0xda: l->length_bytes = 2; break;
        case 0xc6:
        case 0xdb: l->length_bytes = 4; break;
        case 0xc7: l->length_bytes = 1, l->fixed = 1; break;
        case 0xc8: l->length_bytes = 2, l->fixed = 1; break;
        case 0xc9: l->length_bytes = 4, l->fixed = 1; break;
        case 0xca:
        case 0xce:
        case 0xd2: l->fixed = 4; break;
        case 0xcb:
        case 0xcf:
        case 0xd3: l->fixed = 8; break;
        case 0xcc:
        case 0xd0: l->fixed = 1; break;
        case 0xcd:
        case 0xd1: l->fixed = 2; break;
        case 0xd4:
        case 0xd5:
        case 0xd6:
        case 0xd7:
        case 0xd8: l->fixed = 1 + (UINT64_C(1) << (b - 0xd4)); break;
        case 0xdc: *l = (lead){ 2, true, 0, 1 }; break;
        case 0xdd: *l = (lead){ 4, true, 0, 1 }; break;
        case 0xde: *l = (lead){ 2, true, 0, 2 }; break;
        case 0xdf: *l = (lead){ 4, true, 0, 2 }; break;
        default: return false; /* 0xc1 */
        }
    return true;
}

wire_scan_result wire_scan_feed(wire_scan *s, const void *data, size_t bytes, base_error *err)
{
    const uint8_t *p = data;
    for (;;) {
        if (s->offset > bytes) /* a payload reaches beyond what is there, perhaps the last one of the message */
            return WIRE_SCAN_MORE;
        while (s->left[s->depth] == 0) {
            if (s->depth == 0)
                return WIRE_SCAN_COMPLETE;
            s->depth--;
        }
        if (s->offset == bytes)
            return WIRE_SCAN_MORE;
        lead l;
        if (!lead_of(p[s->offset], &l))
            return base_fail(err, BASE_FORMAT, "offset %zu: byte 0xc1 begins no msgpack value", s->offset), WIRE_SCAN_BAD;
        if (bytes - s->offset < 1 + (size_t)l.length_bytes)
            return WIRE_SCAN_MORE;
        uint64_t length = 0;
        for (int i = 0; i < l.length_bytes; i++)
            length = length << 8 | p[s->offset + 1 + (size_t)i];
        size_t after = s->offset + 1 + (size_t)l.length_bytes;
        uint64_t count = (length + l.fixed) * (uint64_t)l.per_item; /* < 2^34 */
        size_t left = after <= s->limits.max_bytes ? s->limits.max_bytes - after : 0;
        if (after > s->limits.max_bytes || count > left) /* a value takes at least one byte, so this bounds counts too */
            return base_fail(err, BASE_FORMAT, "offset %zu: %llu %s announced, the bound is %zu bytes for a message", s->offset,
                             (unsigned long long)count, l.is_container ? "values" : "bytes", s->limits.max_bytes),
                   WIRE_SCAN_BAD;
        s->left[s->depth]--;
        if (!l.is_container) {
            s->offset = after + (size_t)count;
            continue;
        }
        if (count > s->limits.max_elements - s->elements)
            return base_fail(err, BASE_FORMAT, "offset %zu: more than %u values in a message", s->offset,
                             s->limits.max_elements),
                   WIRE_SCAN_BAD;
        if (s->depth == s->limits.max_depth)
            return base_fail(err, BASE_FORMAT, "offset %zu: nested deeper than %d", s->offset, s->limits.max_depth),
                   WIRE_SCAN_BAD;
        s->elements += (uint32_t)count;
        s->left[++s->depth] = (uint32_t)count;
        s->offset = after;
    }
}
