#include "config.h"
#include "proxy/worker.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <utlist.h>
#include "base/mem.h"
#include "base/thread.h"

struct worker_pool {
    const char *name;
    bool patient;
    unsigned max_queued, n_threads;
    pthread_t *threads;

    pthread_mutex_t lock;
    pthread_cond_t wake, idle;
    /* under lock */
    struct worker_job *queue; /* utlist, in the order they came */
    unsigned queued, running;
    uint64_t refused;
    bool stopping;
};

/* --- a thread --------------------------------------------------------------------------------- */

static struct worker_job *take_job(struct worker_pool *pool)
{
    struct worker_job *job = pool->queue;
    if (job) {
        DL_DELETE(pool->queue, job);
        job->queued = false;
        pool->queued--;
    }
    return job;
}

static void *worker_main(void *opaque)
{
    struct worker_pool *pool = opaque;
    struct worker_job *job;
    if (pool->patient)
        pthread_setschedparam(pthread_self(), SCHED_IDLE, &(struct sched_param){ 0 });
    pthread_mutex_lock(&pool->lock);
    for (;;) {
        while (!(job = take_job(pool)) && !pool->stopping)
            pthread_cond_wait(&pool->wake, &pool->lock);
        if (!job)
            break;
        pool->running++;
        pthread_mutex_unlock(&pool->lock);
        job->run(job);
        pthread_mutex_lock(&pool->lock);
        pool->running--;
        if (pool->running == 0)
            pthread_cond_broadcast(&pool->idle);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

static int start_thread(struct worker_pool *pool, struct error *err)
{
    char name[16];
    pthread_t *thread = &pool->threads[pool->n_threads];
    int rc = pthread_create(thread, NULL, worker_main, pool);
    if (rc) {
        errno = rc;
        return error_set_errno(err, "cannot start a worker thread");
    }
    snprintf(name, sizeof(name), "%s-%u", pool->name, pool->n_threads++);
    pthread_setname_np(*thread, name);
    return 0;
}

/* --- life ------------------------------------------------------------------------------------- */

struct worker_pool *worker_pool_new(const char *name, unsigned threads, bool patient,
                                    unsigned max_queued, struct error *err)
{
    struct worker_pool *pool = MEM_NEW(struct worker_pool);
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->wake, NULL);
    thread_cond_init(&pool->idle);
    pool->name = name;
    pool->patient = patient;
    pool->max_queued = max_queued;
    pool->threads = MEM_NEW_N(pthread_t, threads);
    while (pool->n_threads < threads) {
        if (start_thread(pool, err) < 0) {
            worker_pool_free(pool);
            return NULL;
        }
    }
    return pool;
}

static void join_threads(struct worker_pool *pool)
{
    while (pool->n_threads > 0)
        pthread_join(pool->threads[--pool->n_threads], NULL);
}

static void ask_to_stop(struct worker_pool *pool)
{
    pool->stopping = true;
    pthread_cond_broadcast(&pool->wake);
}

bool worker_pool_stop(struct worker_pool *pool, int64_t deadline_us)
{
    bool in_time = true;
    pthread_mutex_lock(&pool->lock);
    ask_to_stop(pool);
    while ((pool->queued || pool->running) && in_time)
        in_time = thread_wait_until(&pool->idle, &pool->lock, deadline_us);
    bool done = !pool->queued && !pool->running;
    pthread_mutex_unlock(&pool->lock);
    if (done)
        join_threads(pool);
    return done;
}

void worker_pool_abandon(struct worker_pool *pool)
{
    while (pool->n_threads > 0)
        pthread_detach(pool->threads[--pool->n_threads]);
}

void worker_pool_free(struct worker_pool *pool)
{
    if (!pool)
        return;
    pthread_mutex_lock(&pool->lock);
    ask_to_stop(pool);
    pthread_mutex_unlock(&pool->lock);
    join_threads(pool);
    pthread_cond_destroy(&pool->idle);
    pthread_cond_destroy(&pool->wake);
    pthread_mutex_destroy(&pool->lock);
    free(pool->threads);
    free(pool);
}

/* --- jobs ------------------------------------------------------------------------------------- */

int worker_submit(struct worker_pool *pool, struct worker_job *job)
{
    int rc = ERROR_LIMIT;
    pthread_mutex_lock(&pool->lock);
    if (pool->queued < pool->max_queued && !pool->stopping) {
        job->queued = true;
        DL_APPEND(pool->queue, job);
        pool->queued++;
        pthread_cond_signal(&pool->wake);
        rc = 0;
    } else {
        pool->refused++;
    }
    pthread_mutex_unlock(&pool->lock);
    return rc;
}

bool worker_withdraw(struct worker_pool *pool, struct worker_job *job)
{
    pthread_mutex_lock(&pool->lock);
    bool waits = job->queued;
    if (waits) {
        DL_DELETE(pool->queue, job);
        job->queued = false;
        pool->queued--;
    }
    pthread_mutex_unlock(&pool->lock);
    return waits;
}

void worker_pool_get_stats(struct worker_pool *pool, struct worker_stats *out)
{
    pthread_mutex_lock(&pool->lock);
    *out = (struct worker_stats){
        .threads = pool->n_threads,
        .running = pool->running,
        .queued = pool->queued,
        .refused = pool->refused,
    };
    pthread_mutex_unlock(&pool->lock);
}
