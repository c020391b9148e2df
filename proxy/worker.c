#include "config.h"
#include "proxy/worker.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include "base/mem.h"

struct worker_pool {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct worker_job *head, **tail; /* under lock, as is all below */
    unsigned queued, max_queued;
    bool stopping;
    unsigned n_threads;
    pthread_t *threads;
};

static void *worker_main(void *opaque)
{
    struct worker_pool *pool = opaque;
    pthread_setname_np(pthread_self(), "worker");
    pthread_mutex_lock(&pool->lock);
    for (;;) {
        while (!pool->head && !pool->stopping)
            pthread_cond_wait(&pool->wake, &pool->lock);
        struct worker_job *job = pool->head;
        if (!job)
            break;
        pool->head = job->next;
        if (!pool->head)
            pool->tail = &pool->head;
        pool->queued--;
        pthread_mutex_unlock(&pool->lock);
        job->run(job);
        pthread_mutex_lock(&pool->lock);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

struct worker_pool *worker_pool_new(unsigned threads, unsigned max_queued, struct error *err)
{
    struct worker_pool *pool = MEM_NEW(struct worker_pool);
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->wake, NULL);
    pool->tail = &pool->head;
    pool->max_queued = max_queued;
    pool->threads = MEM_NEW_N(pthread_t, threads);
    for (; pool->n_threads < threads; pool->n_threads++) {
        int rc = pthread_create(&pool->threads[pool->n_threads], NULL, worker_main, pool);
        if (rc) {
            errno = rc;
            error_set_errno(err, "cannot start a worker thread");
            worker_pool_free(pool);
            return NULL;
        }
    }
    return pool;
}

void worker_pool_free(struct worker_pool *pool)
{
    if (!pool)
        return;
    pthread_mutex_lock(&pool->lock);
    pool->stopping = true;
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->lock);
    for (unsigned i = 0; i < pool->n_threads; i++)
        pthread_join(pool->threads[i], NULL);
    pthread_cond_destroy(&pool->wake);
    pthread_mutex_destroy(&pool->lock);
    free(pool->threads);
    free(pool);
}

int worker_submit(struct worker_pool *pool, struct worker_job *job)
{
    int rc = ERROR_LIMIT;
    pthread_mutex_lock(&pool->lock);
    if (pool->queued < pool->max_queued) {
        job->next = NULL;
        *pool->tail = job;
        pool->tail = &job->next;
        pool->queued++;
        pthread_cond_signal(&pool->wake);
        rc = 0;
    }
    pthread_mutex_unlock(&pool->lock);
    return rc;
}
