#include "base/buffer.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *base_buffer_reserve(base_buffer *b, size_t bytes)
{
    if (b->failed)
        return NULL;
    size_t need;
    if (__builtin_add_overflow(b->bytes, bytes, &need) || (b->max_bytes && need > b->max_bytes)) {
        b->failed = true;
        return NULL;
    }
    if (need > b->capacity_bytes || !b->data) {
        size_t capacity = b->capacity_bytes ? b->capacity_bytes : 256;
        while (capacity < need)
            capacity += capacity / 2 + 64;
        if (b->max_bytes && capacity > b->max_bytes)
            capacity = b->max_bytes; /* still >= need */
        unsigned char *data = realloc(b->data, capacity);
        if (!data) {
            b->failed = true;
            return NULL;
        }
        b->data = data;
        b->capacity_bytes = capacity;
    }
    return b->data + b->bytes;
}

bool base_buffer_append(base_buffer *b, const void *data, size_t bytes)
{
    void *to = base_buffer_reserve(b, bytes);
    if (!to)
        return false;
    if (bytes)
        memcpy(to, data, bytes);
    b->bytes += bytes;
    return true;
}

bool base_buffer_printf(base_buffer *b, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int need = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *to = need < 0 ? NULL : base_buffer_reserve(b, (size_t)need + 1);
    if (!to) {
        b->failed = true;
        return false;
    }
    va_start(args, format);
    vsnprintf(to, (size_t)need + 1, format, args);
    va_end(args);
    b->bytes += (size_t)need;
    return true;
}

void base_buffer_consume(base_buffer *b, size_t bytes)
{
    if (bytes >= b->bytes) {
        b->bytes = 0;
        return;
    }
    memmove(b->data, b->data + bytes, b->bytes - bytes);
    b->bytes -= bytes;
}

void base_buffer_clear(base_buffer *b)
{
    b->bytes = 0;
    b->failed = false;
}

void base_buffer_free(base_buffer *b)
{
    free(b->data);
    b->data = NULL;
    b->bytes = b->capacity_bytes = 0;
    b->failed = false;
}
