/* A step of a connection that blocks, run away from its loop: a handshake whose key is in a token,
 * the look-up of a user. One at a time a connection.
 *
 * The step owns all that its work needs: copies, or what the connection gives away until it is back
 * (a stream). Its work runs on a worker, which sees nothing but the step. The step then comes home
 * through the loop's inbox. The slot belongs to the connection and stays on its loop, which alone
 * looks at the tie between the two: a connection that ends meanwhile cuts it, and the step then
 * comes home to nobody, or is not begun at all. So a connection must not move to another loop while
 * a step of it is away. */
#ifndef PROXY_OFFLOAD_H
#define PROXY_OFFLOAD_H

#include "proxy/inbox.h"
#include "proxy/worker.h"

struct offload;

/* In the connection. */
struct offload_slot {
    struct offload *step; /* that is away; NULL: none */
};

struct offload_ops {
    /* On a worker: may block. */
    void (*work)(struct offload *step);
    /* On the loop: the work is done, and somebody waits for it. May begin the next step, or end the
     * connection. The step is freed afterwards. */
    void (*home)(struct offload_slot *slot, struct offload *step);
    /* On the loop: nobody waits any more, while work() may be running. NULL: nothing to do. */
    void (*cancelled)(struct offload *step);
    /* On the loop: the last of it. */
    void (*free)(struct offload *step);
};

/* The first part of each kind of step. */
struct offload {
    struct worker_job job;
    struct loop_message message;
    const struct offload_ops *ops;
    struct worker_pool *pool;
    struct inbox *inbox;       /* home */
    struct offload_slot *slot; /* the loop's: who waits; NULL: nobody any more */
};

/* On the loop, whose inbox it is. Takes the step in any case: if it returns ERROR_LIMIT (too many
 * wait for the pool already) or ERROR_STATE (one is away), it is freed. */
int offload_start(struct offload_slot *slot, struct offload *take_step,
                  const struct offload_ops *ops, struct worker_pool *pool,
                  struct inbox *inbox) MUST_CHECK;

/* On the loop, before the slot goes. Nothing to do if nothing is away. */
void offload_cancel(struct offload_slot *slot);

#endif
