/* base/arena.h — a stack of memory for plan-then-run code.
 *
 * Usual order: compute the bytes a plan needs, base_arena_create once, then per step: mark, take ..., release to the mark.
 * Blocks are 64-byte aligned and not cleared. An arena never grows: running over is a bug of the plan and asserts. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H
#include "base/error.h"

typedef struct base_arena {
    unsigned char *memory; /* 64-byte aligned */
    size_t capacity_bytes;
    size_t used_bytes;
    size_t peak_bytes; /* highest used_bytes ever */
} base_arena;

bool base_arena_create(base_arena *a, size_t bytes, base_error *err);
void base_arena_destroy(base_arena *a); /* {0} is accepted */
void *base_arena_take(base_arena *a, size_t bytes);
size_t base_arena_mark(const base_arena *a);
void base_arena_release(base_arena *a, size_t mark);

/* Bytes that `bytes` really cost in an arena (rounded up to 64). */
size_t base_arena_round(size_t bytes);

/* 64-byte aligned heap block; free with free(). Fails with BASE_MEMORY. bytes may be 0. */
void *base_alloc(size_t bytes, base_error *err);
/* The same, cleared; count * size is checked for overflow. */
void *base_alloc_zero(size_t count, size_t size, base_error *err);
#endif
