#include "base/arena.h"
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { ALIGNMENT = 64 };
/* Blocks that are walked in long strides: on pages of 4 KiB every line would miss the TLB, and prefetching ends with each page. */
#define HUGE_PAGE ((size_t)2 << 20)
#define LARGE     (4 * HUGE_PAGE)

size_t base_arena_round(size_t bytes) { return (bytes + (ALIGNMENT - 1)) & ~(size_t)(ALIGNMENT - 1); }

void *base_alloc(size_t bytes, base_error *err)
{
    if (bytes > SIZE_MAX - ALIGNMENT) {
        base_fail(err, BASE_MEMORY, "a block of %zu bytes was asked for", bytes);
        return NULL;
    }
    bool large = bytes >= LARGE;
    void *p = NULL;
    if (posix_memalign(&p, large ? HUGE_PAGE : ALIGNMENT, base_arena_round(bytes ? bytes : 1)) != 0)
        p = NULL;
    if (p && large)
        madvise(p, bytes, MADV_HUGEPAGE); /* refused: small pages then */
    if (!p)
        base_fail(err, BASE_MEMORY, "out of memory: %zu bytes were asked for", bytes);
    return p;
}

void *base_alloc_zero(size_t count, size_t size, base_error *err)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) {
        base_fail(err, BASE_MEMORY, "%zu items of %zu bytes were asked for", count, size);
        return NULL;
    }
    void *p = base_alloc(bytes, err);
    if (p)
        memset(p, 0, bytes);
    return p;
}

bool base_arena_create(base_arena *a, size_t bytes, base_error *err)
{
    *a = (base_arena){ 0 };
    a->memory = base_alloc(bytes, err);
    if (!a->memory)
        return false;
    a->capacity_bytes = base_arena_round(bytes);
    return true;
}

void base_arena_destroy(base_arena *a)
{
    free(a->memory);
    *a = (base_arena){ 0 };
}

void *base_arena_take(base_arena *a, size_t bytes)
{
    size_t rounded = base_arena_round(bytes);
    assert(rounded >= bytes && rounded <= a->capacity_bytes - a->used_bytes && "the plan asked for less than it uses");
    void *p = a->memory + a->used_bytes;
    a->used_bytes += rounded;
    if (a->used_bytes > a->peak_bytes)
        a->peak_bytes = a->used_bytes;
    return p;
}

size_t base_arena_mark(const base_arena *a) { return a->used_bytes; }

void base_arena_release(base_arena *a, size_t mark)
{
    assert(mark <= a->used_bytes);
    a->used_bytes = mark;
}
