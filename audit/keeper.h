/* The thread that looks after the log: closes segments by size and time, compresses and removes
 * them. What is slow happens here,
 * never on a loop, and never under the writer's mutex. */
#ifndef AUDIT_KEEPER_H
#define AUDIT_KEEPER_H

#include <pthread.h>
#include <stdbool.h>
#include "audit/audit.h"

struct keeper {
    pthread_mutex_t rounds;   /* one round of closed segments at a time; taken before all others */
    pthread_mutex_t rotating; /* one rotation at a time; taken before the writer's */

    /* under the writer's mutex */
    struct audit_keeping settings;
    pthread_cond_t wake; /* on CLOCK_MONOTONIC */
    bool large;          /* the segment has reached its size */
    bool stop;
    int64_t retry_us; /* a rotation failed: not again before */
    int64_t round_us; /* when closed segments are looked at next */

    pthread_t thread;
    bool running;
};

void keeper_init(struct keeper *k, const struct audit_keeping *settings);
void keeper_destroy(struct keeper *k);

int keeper_start(struct audit *a, struct error *err) MUST_CHECK;
void keeper_stop(struct audit *a);

/* Under the mutex, after each commit. */
void keeper_note_commit(struct audit *a);

#endif
