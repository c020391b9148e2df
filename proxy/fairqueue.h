/* Deficit round-robin: who may send next. Flows take turns; in each turn a flow may send what its
 * deficit covers, and the deficit grows by a quantum a turn, so that everybody gets the same number
 * of bytes, however long the queue of anyone is. Knows nothing of what is queued.
 * Source: M. Shreedhar, G. Varghese, "Efficient Fair Queueing using Deficit Round Robin", 1995. */
#ifndef PROXY_FAIRQUEUE_H
#define PROXY_FAIRQUEUE_H

#include <stdbool.h>
#include <stddef.h>

struct flow {
    struct flow *prev, *next; /* in the ring; NULL while idle */
    size_t deficit;           /* bytes it may still send in this turn */
};

struct fairqueue {
    struct flow *ring; /* whose turn it is */
    size_t quantum;    /* bytes a turn */
};

/* Into the ring, at its end; no change if it is there already. */
void fairqueue_add(struct fairqueue *q, struct flow *f);

/* Out of the ring; no change if it is not there. What was left of its turn is forgotten. */
void fairqueue_remove(struct fairqueue *q, struct flow *f);

/* The flow whose head goes next, or NULL if all are idle. cost() gives the bytes of a flow's head.
 * Does not charge it. */
struct flow *fairqueue_peek(struct fairqueue *q, size_t (*cost)(struct flow *f));

/* The peeked flow has sent `bytes`. */
void fairqueue_charge(struct flow *f, size_t bytes);

static inline bool fairqueue_waiting(const struct flow *f)
{
    return f->next != NULL;
}

#endif
