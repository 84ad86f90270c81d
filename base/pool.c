#include "base/pool.h"
#include <assert.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

struct base_pool {
    int threads;       /* including the caller */
    pthread_t *worker; /* [threads - 1] */
    int started;
    pthread_mutex_t lock;
    pthread_cond_t wake, idle;
    unsigned job; /* counts up with every run; workers wait for a change */
    int busy;     /* workers inside the current job */
    bool quit, running;
    base_pool_item item;
    void *user;
    int count;
    atomic_int next;
};

struct worker_argument {
    base_pool *pool;
    int worker;
};

static void take_items(base_pool *p, int worker)
{
    for (;;) {
        int i = atomic_fetch_add_explicit(&p->next, 1, memory_order_relaxed);
        if (i >= p->count)
            return;
        p->item(p->user, i, worker);
    }
}

static void *worker_main(void *argument)
{
    struct worker_argument a = *(struct worker_argument *)argument;
    free(argument);
    base_pool *p = a.pool;
    unsigned seen = 0;
    pthread_mutex_lock(&p->lock);
    for (;;) {
        while (p->job == seen && !p->quit)
            pthread_cond_wait(&p->wake, &p->lock);
        if (p->quit)
            break;
        seen = p->job;
        pthread_mutex_unlock(&p->lock);
        take_items(p, a.worker);
        pthread_mutex_lock(&p->lock);
        if (--p->busy == 0)
            pthread_cond_signal(&p->idle);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

int base_cores(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) != 0)
        return 1;
    int n = CPU_COUNT(&set);
    return n > 0 ? n : 1;
}

base_pool *base_pool_create(int threads, base_error *err)
{
    if (threads < 0 || threads > 1024) {
        base_fail(err, BASE_ARGUMENT, "pool: %d threads asked for, 0 to 1024 are possible", threads);
        return NULL;
    }
    base_pool *p = calloc(1, sizeof *p);
    if (p) {
        p->threads = threads ? threads : base_cores();
        p->worker = calloc((size_t)p->threads, sizeof *p->worker);
    }
    if (!p || !p->worker) {
        free(p);
        base_fail(err, BASE_MEMORY, "pool: out of memory");
        return NULL;
    }
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->wake, NULL);
    pthread_cond_init(&p->idle, NULL);
    for (; p->started < p->threads - 1; p->started++) {
        struct worker_argument *a = malloc(sizeof *a);
        if (a)
            *a = (struct worker_argument){ p, p->started + 1 };
        if (!a || pthread_create(&p->worker[p->started], NULL, worker_main, a) != 0) {
            free(a);
            base_pool_destroy(p);
            base_fail(err, BASE_MEMORY, "pool: the system gives no more threads");
            return NULL;
        }
    }
    return p;
}

void base_pool_destroy(base_pool *p)
{
    if (!p)
        return;
    pthread_mutex_lock(&p->lock);
    p->quit = true;
    pthread_cond_broadcast(&p->wake);
    pthread_mutex_unlock(&p->lock);
    for (int i = 0; i < p->started; i++)
        pthread_join(p->worker[i], NULL);
    pthread_cond_destroy(&p->idle);
    pthread_cond_destroy(&p->wake);
    pthread_mutex_destroy(&p->lock);
    free(p->worker);
    free(p);
}

int base_pool_threads(const base_pool *p) { return p ? p->threads : 1; }

void base_pool_run(base_pool *p, int count, base_pool_item item, void *user)
{
    if (!p || p->threads == 1 || count <= 1) {
        for (int i = 0; i < count; i++)
            item(user, i, 0);
        return;
    }
    pthread_mutex_lock(&p->lock);
    assert(!p->running && "one job at a time per pool");
    p->running = true;
    p->item = item;
    p->user = user;
    p->count = count;
    atomic_store_explicit(&p->next, 0, memory_order_relaxed);
    p->busy = p->started;
    p->job++;
    pthread_cond_broadcast(&p->wake);
    pthread_mutex_unlock(&p->lock);
    take_items(p, 0);
    pthread_mutex_lock(&p->lock);
    while (p->busy)
        pthread_cond_wait(&p->idle, &p->lock);
    p->running = false;
    pthread_mutex_unlock(&p->lock);
}
