/* base/heap.h — how the C library's heap treats memory that is freed. By default it hands large blocks back to the system at once, and a program
 * that fills and frees large arrays one after another pays for fresh pages each time. */
#ifndef BASE_HEAP_H
#define BASE_HEAP_H
/* From now on freed memory stays with the process, in blocks of up to 32 MiB. glibc; elsewhere nothing. */
void base_heap_keep(void);
/* Hand back what is free now, and from now on what grows beyond 64 MiB. */
void base_heap_release(void);
#endif
