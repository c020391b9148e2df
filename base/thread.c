#include "config.h"
#include "base/thread.h"

#include <signal.h>
#include <time.h>
#include "base/clock.h"

int thread_start(pthread_t *thread, void *(*run)(void *), void *opaque)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(thread, NULL, run, opaque);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc;
}

void thread_cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

bool thread_wait_until(pthread_cond_t *cond, pthread_mutex_t *mutex, int64_t until_us)
{
    struct timespec until = { .tv_sec = until_us / USEC_PER_SEC,
                              .tv_nsec = until_us % USEC_PER_SEC * 1000 };
    return pthread_cond_timedwait(cond, mutex, &until) == 0;
}
