/* A bounded pool of threads for what blocks: name look-ups, reading keys, compiling policy. A job
 * carries copies; its result goes home through a loop's inbox or the main loop. */
#ifndef PROXY_WORKER_H
#define PROXY_WORKER_H

#include "base/error.h"

struct worker_pool;

struct worker_job {
    struct worker_job *next;
    void (*run)(struct worker_job *job); /* on a pool thread; owns the job */
};

struct worker_pool *worker_pool_new(unsigned threads, unsigned max_queued, struct error *err);
/* Waits for the jobs that are queued. */
void worker_pool_free(struct worker_pool *pool);

/* From any thread. Takes the job if it returns 0; ERROR_LIMIT if too many wait. */
int worker_submit(struct worker_pool *pool, struct worker_job *job) MUST_CHECK;

#endif
