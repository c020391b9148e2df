/* A bounded pool of threads for what blocks. A job carries copies; its result goes home through a
 * loop's inbox or the main loop's. A step of a connection is a job that proxy/offload.h looks
 * after. */
#ifndef PROXY_WORKER_H
#define PROXY_WORKER_H

#include <stdbool.h>
#include <stdint.h>
#include "base/error.h"

struct worker_pool;

struct worker_job {
    void (*run)(struct worker_job *job); /* on a pool thread; owns the job */

    /* the pool's */
    struct worker_job *prev, *next;
    bool queued;
};

/* `name` (a constant string) is what the threads are called. A patient pool takes only what other
 * threads leave of a processor (SCHED_IDLE): they do not wait for it, and it may wait for them. */
struct worker_pool *worker_pool_new(const char *name, unsigned threads, bool patient,
                                    unsigned max_queued, struct error *err);
/* No more jobs come. Waits until those that are there are done, but not past a (monotonic) time;
 * false if some are not: then their threads go on with them, and nothing that they use may go. */
bool worker_pool_stop(struct worker_pool *pool, int64_t deadline_us) MUST_CHECK;
/* Instead of worker_pool_free, after a stop that failed: the process ends under its threads. */
void worker_pool_abandon(struct worker_pool *pool);
/* Waits for the jobs that are there, however long. */
void worker_pool_free(struct worker_pool *pool);

/* From any thread. Takes the job if it returns 0; ERROR_LIMIT if too many wait. */
int worker_submit(struct worker_pool *pool, struct worker_job *job) MUST_CHECK;
/* From any thread, while the job is sure to exist. True: no thread has begun with it, and none
 * will; it is the caller's again. */
bool worker_withdraw(struct worker_pool *pool, struct worker_job *job) MUST_CHECK;

struct worker_stats {
    unsigned threads, running, queued;
    uint64_t refused; /* jobs, since the start */
};
void worker_pool_get_stats(struct worker_pool *pool, struct worker_stats *out);

#endif
