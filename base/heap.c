#include "base/heap.h"
#include <limits.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

void base_heap_keep(void)
{
#ifdef __GLIBC__
    mallopt(M_MMAP_THRESHOLD, 32 << 20); /* the most that it takes */
    mallopt(M_TRIM_THRESHOLD, INT_MAX);
    mallopt(M_TOP_PAD, 16 << 20);
#endif
}

void base_heap_release(void)
{
#ifdef __GLIBC__
    mallopt(M_TRIM_THRESHOLD, 64 << 20); /* where glibc's own rule ends up once a large block was freed */
    mallopt(M_TOP_PAD, 128 << 10);
    malloc_trim(0);
#endif
}
