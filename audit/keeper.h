/* Two threads that look after the log. The keeper closes segments by size and time; the loops may
 * wait for it, so it has their priority. The janitor compresses and removes closed ones, with what
 * the other threads leave of a processor. What is slow happens here, never on a loop, and never
 * under the writer's mutex. */
#ifndef AUDIT_KEEPER_H
#define AUDIT_KEEPER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include "audit/audit.h"

struct keeper {
    pthread_mutex_t rounds;   /* one round of closed segments at a time; taken before all others */
    pthread_mutex_t rotating; /* one rotation at a time; taken before the writer's */

    /* under the writer's mutex */
    struct audit_keeping settings;
    pthread_cond_t wake;      /* on CLOCK_MONOTONIC */
    pthread_cond_t round;     /* the same, for the janitor */
    pthread_cond_t caught_up; /* a sync that a rotation may wait for is over, well or not */
    bool large;               /* the segment has reached its size */
    _Atomic bool stop;        /* written under the mutex; read without it */
    int64_t retry_us;         /* a rotation failed: not again before */
    int64_t round_us;         /* when closed segments are looked at next */

    pthread_t thread, janitor;
    bool running, sweeping; /* the one, the other */
};

void keeper_init(struct keeper *k, const struct audit_keeping *settings);
void keeper_destroy(struct keeper *k);

int keeper_start(struct audit *a, struct error *err) MUST_CHECK;
void keeper_stop(struct audit *a);

/* Under the mutex, by the flusher: the closed segment is on disk, so the file that waits for it
 * takes its place. */
int keeper_end_wait(struct audit *a, struct error *err) MUST_CHECK;

/* Under the mutex, after each sync, whether it failed or not. */
void keeper_note_sync(struct audit *a);

/* Under the mutex, after each commit. */
void keeper_note_commit(struct audit *a);

#endif
