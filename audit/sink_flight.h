/* What was sent and is not known to have arrived. Not each record is remembered, but where the
 * records of some time end: a mark. So what is under way costs the same memory, however much it is.
 * Pure: no I/O, and the clock is the caller's. */
#ifndef AUDIT_SINK_FLIGHT_H
#define AUDIT_SINK_FLIGHT_H

#include "audit/chain.h"
#include "audit/sink_transport.h"
#include "base/clock.h"

#define FLIGHT_MARKS_MAX 128u
#define FLIGHT_MARK_US   (50 * USEC_PER_MSEC) /* sent within this: one mark */

struct flight_mark {
    struct audit_chain at; /* the last record sent */
    uint64_t target;       /* sink_progress.sent by then */
    int64_t sent_us;       /* when the first of its records was sent */
    int64_t taken_us;      /* when it was seen to be taken; 0: not yet */
};

struct sink_flight {
    struct flight_mark marks[FLIGHT_MARKS_MAX]; /* a ring */
    unsigned first, n;
};

/* A connection begins: nothing is under way. */
void flight_clear(struct sink_flight *f);

/* Up to this record all is sent. */
void flight_add(struct sink_flight *f, const struct audit_chain *at, uint64_t target,
                int64_t now_us);

/* Notes what has been taken. */
void flight_progress(struct sink_flight *f, const struct sink_progress *p, int64_t now_us);

/* The marks that were taken `settle_us` before the connection was last seen alive are done with:
 * *at is set to the newest of them. False: there is none. */
bool flight_settle(struct sink_flight *f, int64_t alive_us, int64_t settle_us,
                   struct audit_chain *at);

/* When the oldest mark that is not taken was sent; 0: all are. */
int64_t flight_waiting_since(const struct sink_flight *f);

static inline bool flight_is_empty(const struct sink_flight *f)
{
    return f->n == 0;
}

#endif
