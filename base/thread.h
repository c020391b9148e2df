/* Threads that get no signals, and waits that end at a time of CLOCK_MONOTONIC. */
#ifndef BASE_THREAD_H
#define BASE_THREAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include "base/util.h"

/* Signals are for the main thread: this one blocks all. 0, or what pthread_create returned. */
int thread_start(pthread_t *thread, void *(*run)(void *), void *opaque) MUST_CHECK;

/* For thread_wait_until; pthread_cond_destroy ends it. */
void thread_cond_init(pthread_cond_t *cond);

/* Waits under the mutex until the condition is signalled (or by chance), at the latest until
 * `until_us` of clock_monotonic_us. False: it is past that time. */
bool thread_wait_until(pthread_cond_t *cond, pthread_mutex_t *mutex, int64_t until_us);

#endif
