/* RPC bytes as a server and as a client read them: scan, decode, encode again. Byte 0 picks the release. What decodes must encode,
 * and what was encoded must decode to the same bytes. */
#include "sim/wire/wire.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void as_server(const uint8_t *message, size_t bytes, wire_version version, wire_memory *m)
{
    wire_request r;
    bool ignore;
    base_error err;
    char args[2048];
    base_buffer out = { 0 }, again = { 0 };
    if (!wire_request_decode(&r, &ignore, message, bytes, m, &err) || ignore)
        return;
    const wire_method *method = wire_method_find(r.name, strlen(r.name), version);
    if (method && method->args->bytes > sizeof args)
        abort();
    if (method && wire_arguments_decode(args, &r, method, version, m, &err)) {
        wire_request copy;
        char second[2048];
        if (!wire_request_encode(&out, r.id, method, r.asynchronous, args, version, &err) ||
            !wire_request_decode(&copy, &ignore, out.data, out.bytes, m, &err) ||
            !wire_arguments_decode(second, &copy, method, version, m, &err) ||
            !wire_request_encode(&again, r.id, method, r.asynchronous, second, version, &err))
            abort();
        if (out.bytes != again.bytes || memcmp(out.data, again.data, out.bytes) != 0)
            abort();
        wire_value_print(&out, method->args, args, version);
    } else if (!wire_fault_encode(&out, &r, method, version, &err))
        abort();
    base_buffer_free(&out);
    base_buffer_free(&again);
}

/* The method is not in a response: try the one that the id names. */
static void as_client(const uint8_t *message, size_t bytes, wire_version version, wire_memory *m)
{
    wire_response r;
    base_error err;
    char result[2048];
    if (!wire_response_decode(&r, message, bytes, m, &err))
        return;
    const wire_method *method = wire_method_get((wire_method_id)(r.id % WIRE_METHOD_COUNT));
    if (method->result->bytes > sizeof result)
        abort();
    if (!wire_result_decode(result, &r, method, version, m, &err))
        return;
    base_buffer out = { 0 };
    if (!wire_result_encode(&out, r.id, method, result, version, &err))
        abort();
    base_buffer_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    wire_scan s;
    if (bytes < 2)
        return 0;
    wire_version version = (wire_version)(WIRE_VERSION_FIRST + data[0] % WIRE_VERSION_COUNT);
    wire_memory *m = wire_memory_create((size_t)16 << 20, NULL);
    data++, bytes--;
    wire_scan_start(&s, NULL);
    /* The same verdict in two pieces as in one. */
    wire_scan_result half = wire_scan_feed(&s, data, bytes / 2, NULL);
    wire_scan_result got = half == WIRE_SCAN_MORE ? wire_scan_feed(&s, data, bytes, NULL) : half;
    wire_scan whole;
    wire_scan_start(&whole, NULL);
    if (wire_scan_feed(&whole, data, bytes, NULL) != got || (got == WIRE_SCAN_COMPLETE && whole.offset != s.offset))
        abort();
    if (got == WIRE_SCAN_COMPLETE) {
        as_server(data, s.offset, version, m);
        wire_memory_reset(m);
        as_client(data, s.offset, version, m);
    }
    wire_memory_destroy(m);
    return 0;
}
