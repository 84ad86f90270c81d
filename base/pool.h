/* base/pool.h — threads that sleep between jobs (renderer, encoders).
 *
 * libgomp's waiting threads spin and cost 3x when simulator, client and network share two cores; these wait on a
 * condition variable. A job is `count` items; workers (the caller is one of them) take items in order of index until none
 * is left. Which thread runs an item is not defined: results must not depend on it. One job at a time per pool; calling
 * run from two threads at once or from inside an item is a bug and asserts. */
#ifndef BASE_POOL_H
#define BASE_POOL_H
#include "base/error.h"

typedef struct base_pool base_pool;
typedef void (*base_pool_item)(void *user, int item, int worker); /* worker: 0 .. threads-1, 0 is the caller */

/* threads >= 1 counts the caller; 0 = one per core that this process may use. */
base_pool *base_pool_create(int threads, base_error *err);
void base_pool_destroy(base_pool *p);
int base_pool_threads(const base_pool *p);
/* Returns when every item has run. p may be NULL: items run in the caller. */
void base_pool_run(base_pool *p, int count, base_pool_item item, void *user);

/* Cores that this process may run on (sched_getaffinity), at least 1. */
int base_cores(void);
#endif
