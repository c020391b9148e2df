/* Where the chain went on, when the log is not at its path at the start: whoever moves a log away
 * (the gateway itself, or logrotate) may be followed by a crash before there is a new one. Then the
 * lock's state is older than the chain's end, and going on from there would fork the chain. */
#ifndef AUDIT_MOVED_H
#define AUDIT_MOVED_H

#include "audit/file.h"
#include "audit/segment.h"

struct moved_end {
    bool found;
    struct segment_facts facts;
    struct file_tail tail; /* the chain's end, and a torn line that was set aside */
};

/* Looks at the regular files beside `path` whose names begin as its own does. Of those that follow
 * from `known`, or hold it, and those that follow from them, the one with the highest number has
 * the chain's end; of all of them, if nothing is known (NULL): a power failure can leave the lock
 * empty.
 */
int moved_find(const char *path, const struct audit_chain *known, struct moved_end *out,
               struct error *err) MUST_CHECK;

#endif
