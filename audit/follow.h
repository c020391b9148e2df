/* Records one after the other, from a number on, as they come: through all files of a log, across
 * rotation, compression and files that are renamed meanwhile. No record is left out and none comes
 * twice; if records are gone from the disk, that is said, with their numbers.
 *
 * For one thread at a time. Nothing is checked but numbers: audit/verify.h does that. */
#ifndef AUDIT_FOLLOW_H
#define AUDIT_FOLLOW_H

#include <stdbool.h>
#include <stdint.h>
#include "base/error.h"

struct audit_follow;

#define AUDIT_FOLLOW_NEW UINT64_MAX /* only what comes from now on */

struct audit_follow_settings {
    const char *path; /* of the log; it may not be there yet, its directory must. Or a directory */
    uint64_t from;    /* number of the first record that is wanted; 0: from the first there is */
    /* Readable: stop waiting (an eventfd, say). Not read from. -1 for none. */
    int wake_fd;
    /* The last record that may be handed out, asked again and again: a writer's own thread keeps by
     * it from what is not sure yet (audit_durable). NULL: all that is in the files, of which the
     * last ones may be taken back, by a writer whose disk is full or fails. */
    uint64_t (*limit)(void *opaque);
    void *opaque;
    /* What is damaged, a line that is no record or the rest of a compressed file, is a gap as soon
     * as something comes after it; otherwise it is an error. */
    bool pass_over;
};

int audit_follow_open(const struct audit_follow_settings *settings, struct audit_follow **out,
                      struct error *err) MUST_CHECK;
void audit_follow_close(struct audit_follow *f);

enum audit_follow_event {
    AUDIT_FOLLOW_RECORD,
    AUDIT_FOLLOW_GAP,  /* the records from `seq` to `last` are in no file, or damaged */
    AUDIT_FOLLOW_IDLE, /* nothing came in that time */
    AUDIT_FOLLOW_WOKEN /* wake_fd is readable, and there is nothing to hand out at once */
};

struct audit_follow_item {
    enum audit_follow_event event;
    uint64_t seq;
    uint64_t last;    /* of a gap */
    struct span line; /* of a record, with its line feed; good until the next call */
};

/* The next one; waits for it up to `timeout_ms` (0: not at all, -1: for ever). wake_fd is looked at
 * only when there is nothing to hand out: who wants to stop in the midst of much looks at its own
 * flag. After an error the next call tries again from the same record. */
int audit_follow_next(struct audit_follow *f, int timeout_ms, struct audit_follow_item *out,
                      struct error *err) MUST_CHECK;

/* Number of the record that is due next; 0 as long as none was seen. */
uint64_t audit_follow_position(const struct audit_follow *f);

#endif
