/* How often the same peer may be written down for being refused. A table of fixed size; each batch
 * has its own, so it takes no lock, and a client sits on one loop. */
#ifndef AUDIT_RATE_H
#define AUDIT_RATE_H

#include "audit/audit.h"

/* A person who is refused a hundred times in a row still sees each in the log; a loop that hammers
 * leaves 5 records a second, some 150 MB a day. */
#define AUDIT_RATE_BURST      100u /* records at once from one (host, identity) */
#define AUDIT_RATE_PER_SECOND 5u   /* and then so many a second */
/* All keys together: a peer that changes its address is one of them. */
#define AUDIT_RATE_ALL_BURST      2000u
#define AUDIT_RATE_ALL_PER_SECOND 100u
#define AUDIT_RATE_TELL_SECONDS   10 /* seconds after which a count of what was left out is due */

struct rate_limiter;

#define AUDIT_RATE_RECORD_BYTES 1024u /* a longer record counts for more than one */

struct rate_limiter *rate_limiter_new(const struct audit_rates *rates);
void rate_limiter_free(struct rate_limiter *l);

/* What was left out of the records of one key. */
struct rate_surplus {
    uint64_t count;
    int64_t since_us;     /* UTC, of the first */
    const char *host;     /* "*" for all keys together; borrowed */
    const char *identity; /* "" for none */
};

/* Where the counts go. */
struct rate_sink {
    void (*tell)(void *opaque, const struct rate_surplus *s);
    void *opaque;
};

/* True if the record is one that is limited. */
bool rate_applies(const struct audit_record *r);

/* True if the record is to be written, false if it was counted instead. A count that gives way to a
 * new key is told first. */
bool rate_allow(struct rate_limiter *l, const struct audit_record *r, const struct rate_sink *sink);

/* The record that was allowed last has so many bytes. So what one key, and all of them, can bring
 * about is bounded in bytes too. */
void rate_charge(struct rate_limiter *l, size_t bytes);

/* Tells the counts that are due at `utc_us`, or all of them. */
void rate_tell_due(struct rate_limiter *l, int64_t utc_us, bool all, const struct rate_sink *sink);

#endif
