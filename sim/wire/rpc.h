/* sim/wire/rpc.h — msgpack-rpc messages as rpclib and CARLA's wrapper around it send them.
 *
 *     request       [0, id, "name", [[asynchronous], argument ...]]
 *     response      [1, id, nil, result]        result: Response<T> = [[1, T]] or [[0, ["message"]]]
 *                                               Response<void> = [[false]] or [[true, ["message"]]]
 *     fault         [1, id, "text", nil]        rpclib's own errors: unknown function, wrong arguments
 *     notification  [2, "name", [...]]          nothing is answered
 *
 * Messages follow each other on the stream without a length. Usual order for a reader: append what arrived to a buffer, wire_scan_feed
 * until it says complete, decode scan.offset bytes, drop them, start the scan anew.
 *
 * The scan comes first because msgpack's own unpacker believes every count it is told: the five bytes dd 10 00 00 00 make it
 * reserve gigabytes. Only a message that is wholly there, within the limits, is handed to it. */
#ifndef SIM_WIRE_RPC_H
#define SIM_WIRE_RPC_H
#include "sim/wire/method.h"

typedef struct wire_limits {
    size_t max_bytes;      /* of a message; default 64 MiB. A client that fetches maps may raise it */
    uint32_t max_elements; /* values in a message; default 4 Mi (msgpack needs 24 bytes for each) */
    int max_depth;         /* of nesting, <= WIRE_SCAN_DEPTH; default 16 */
} wire_limits;
#define WIRE_SCAN_DEPTH 32
wire_limits wire_limits_default(void);

typedef struct wire_scan {
    wire_limits limits;
    size_t offset; /* bytes looked at so far; of the whole message once complete */
    uint32_t elements;
    int depth;
    uint32_t left[WIRE_SCAN_DEPTH + 1]; /* values still to come per open level */
} wire_scan;
typedef enum wire_scan_result { WIRE_SCAN_BAD, WIRE_SCAN_MORE, WIRE_SCAN_COMPLETE } wire_scan_result;
void wire_scan_start(wire_scan *s, const wire_limits *limits); /* limits NULL: the defaults */
/* data: the bytes of the message that are there, from its first one; call again with more. Never reads one twice, so that a
 * large message that comes in small pieces costs no more than one that comes whole. */
wire_scan_result wire_scan_feed(wire_scan *s, const void *data, size_t bytes, base_error *err);

/* --- requests ------------------------------------------------------------------------------------------------------------- */
typedef struct wire_request {
    bool notification; /* answer nothing */
    uint32_t id;
    const char *name;             /* zero-terminated, at most 127 bytes */
    bool asynchronous;            /* the client throws the answer away */
    size_t argument_count;        /* as sent, Metadata included */
    const wire_object *arguments; /* behind the Metadata */
} wire_request;

/* args: the method's argument struct (NULL for none). */
bool wire_request_encode(base_buffer *out, uint32_t id, const wire_method *m, bool asynchronous, const void *args,
                         wire_version version, base_error *err);
/* data must hold exactly one scanned message and outlive the request. *ignore is set for arrays of a size that is neither a call
 * nor a notification, which rpclib drops without a word. */
bool wire_request_decode(wire_request *r, bool *ignore, const void *data, size_t bytes, wire_memory *m, base_error *err);
/* Fill the method's argument struct. A wrong count is BASE_ARGUMENT, a wrong type or a NaN BASE_FORMAT. A call with the argument
 * count of another release is accepted, as with all structs. */
bool wire_arguments_decode(void *args, const wire_request *r, const wire_method *m, wire_version version, wire_memory *memory,
                           base_error *err);

/* --- responses ------------------------------------------------------------------------------------------------------------ */
bool wire_result_encode(base_buffer *out, uint32_t id, const wire_method *m, const void *result, wire_version version,
                        base_error *err);
/* An error inside the Response: what CARLA's functions answer when they refuse. apply_batch has none. */
bool wire_error_encode(base_buffer *out, uint32_t id, const wire_method *m, const char *message);
/* What CARLA answers to an asynchronous call at once: a default-constructed Response ("unknown error"; [] for a batch). */
bool wire_unheeded_encode(base_buffer *out, uint32_t id, const wire_method *m);
/* rpclib's fault. m NULL: no such function. why->code BASE_ARGUMENT: wrong count. Else "threw an exception" with why's text. */
bool wire_fault_encode(base_buffer *out, const wire_request *r, const wire_method *m, wire_version version,
                       const base_error *why);

typedef struct wire_response {
    uint32_t id;
    const char *fault; /* rpclib's text, or NULL */
    const wire_object *result;
} wire_response;
bool wire_response_decode(wire_response *r, const void *data, size_t bytes, wire_memory *m, base_error *err);
/* Fill the method's result; result may be NULL for wire_type_none. A fault or an error of the server is BASE_REMOTE with its text. */
bool wire_result_decode(void *result, const wire_response *r, const wire_method *m, wire_version version, wire_memory *memory,
                        base_error *err);
#endif
