/* What a crash left open: commands that were under way, and sessions, when the process ended
 * without a word. Each is closed by a record that the next start writes before anything else, so
 * that numbers of connections and requests mean one thing between two records of type `start`. */
#ifndef AUDIT_RECOVER_H
#define AUDIT_RECOVER_H

#include "audit/internal.h"

/* Looks through the log at `path`, and the closed segments before it, from the chain's end, which
 * is in segment number `segment`, back to the last `start` (or `stop`), and composes the records
 * that are due: none if nothing was left open. Memory does not grow with the log: only what was
 * open at one time is kept. What cannot be read is said in the records and in the log. */
void audit_recover(const char *path, uint64_t segment, struct audit_recovery *out);
void audit_recovery_clear(struct audit_recovery *r);

#endif
