/* PATH.lock: keeps a second daemon off the chain, and remembers the chain's end, so that a log that
 * is missing at the next start, or ends too early, does not pass for a new one. */
#ifndef AUDIT_LOCK_H
#define AUDIT_LOCK_H

#include "audit/chain.h"

struct lock_state {
    bool known; /* false: a new lock */
    bool clean; /* written at the end; otherwise the chain may have gone on after it */
    struct audit_chain chain;
    uint64_t segment; /* number of the one that the chain's end is in; 0: none yet */
    uint64_t sealed;  /* number of the last record that a seal covers; 0: none */
    unsigned char key[AUDIT_HASH_BYTES]; /* of the last seal; zeros: there was none */
};

/* Returns the descriptor, which holds the lock until it is closed, or a negative code. */
int audit_lock_take(const char *path, struct lock_state *state, struct error *err) MUST_CHECK;

/* Only a hint for the next start, which otherwise takes the log's end: a failure is logged. */
void audit_lock_write(int fd, const struct lock_state *state);

/* The state's text, of any bytes. False if it is none. */
bool lock_state_parse(struct span text, struct lock_state *out);

#endif
