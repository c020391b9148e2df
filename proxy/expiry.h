/* Says in time that certificates and CRLs run out: in the log 30, 7 and 1 days before, and in
 * gateway-stats. */
#ifndef PROXY_EXPIRY_H
#define PROXY_EXPIRY_H

#include "base/buf.h"

struct event_base;
struct expiry_watch;
struct snapshot;

struct expiry_watch *expiry_new(struct event_base *base);
void expiry_free(struct expiry_watch *w);
/* Looks now, and every hour from now on. Takes a reference. Main thread. */
void expiry_check(struct expiry_watch *w, struct snapshot *s);

/* JSON array of {"what", "expires", "days"} of what runs out within 30 days. Any thread that holds
 * the snapshot. */
void expiry_write(struct buf *out, const struct snapshot *s);

#endif
