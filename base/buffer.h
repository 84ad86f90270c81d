/* base/buffer.h — a growing byte string for encoders and readers, with a bound given at creation. */
#ifndef BASE_BUFFER_H
#define BASE_BUFFER_H
#include "base/error.h"

typedef struct base_buffer {
    unsigned char *data; /* NULL while capacity is 0 */
    size_t bytes, capacity_bytes;
    size_t max_bytes; /* 0 = no bound */
    bool failed;      /* an append was refused (bound or memory); later appends do nothing */
} base_buffer;

/* All appends return false and set `failed` when the bound or memory is exceeded; check once at the end. */
bool base_buffer_append(base_buffer *b, const void *data, size_t bytes);
bool base_buffer_printf(base_buffer *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Room for `bytes` more at data + b->bytes (the caller advances b->bytes), or NULL. */
void *base_buffer_reserve(base_buffer *b, size_t bytes);
/* Drop the first `bytes`, moving the rest to the front. */
void base_buffer_consume(base_buffer *b, size_t bytes);
void base_buffer_clear(base_buffer *b); /* keeps the memory, clears failed */
void base_buffer_free(base_buffer *b);
#endif
