/* One request of a client (or of the gateway itself) from the moment it was understood until its
 * answer is out. One allocation: the tape that will be judged and sent is inside. */
#ifndef PROXY_REQUEST_H
#define PROXY_REQUEST_H

#include <stdbool.h>
#include "base/buf.h"
#include "proxy/caller.h"
#include "qmp/message.h"

struct gateway_command;
struct monitor;
struct request;
struct session;

enum request_kind {
    REQUEST_VM,       /* for the VM, when policy allows it */
    REQUEST_LOCAL,    /* answered by the gateway itself */
    REQUEST_INTERNAL, /* of the gateway's own, to the VM */
};

enum request_state {
    REQUEST_QUEUED,
    REQUEST_STAGED, /* judged, intent in the batch, not sent */
    REQUEST_SENT,   /* the VM has it; one of our own: it runs */
    REQUEST_DONE,   /* answered; waits for earlier answers of its client to go first */
};

struct request {
    struct request *prev, *next;               /* in its session's queue, then in its flight */
    struct request *stage_next;                /* in the loop's staged or parked list */
    struct request *window_prev, *window_next; /* in its monitor's in-band window */

    struct session *session; /* NULL once the session ended */
    struct monitor *monitor; /* from staged to answered */
    struct caller *caller;   /* own reference; NULL for internal ones */
    enum request_kind kind;
    enum request_state state;
    bool oob;
    bool quit;   /* the stream may end before the reply */
    bool secret; /* its arguments are nobody's business: not recorded, wiped after use */
    unsigned slot;
    uint64_t number;            /* ties the audit records together */
    uint64_t ticket;            /* of the commit of its intent */
    int64_t queued_us, sent_us; /* monotonic */

    struct span id; /* the client's id, raw; borrowed from tape or id_text */
    struct buf id_text;
    struct buf broken; /* not empty: no proper request; the text of its error, NUL-terminated */
    struct buf answer; /* held back until earlier ones are out */

    /* REQUEST_LOCAL */
    const struct gateway_command *command;
    bool recorded; /* its intent is in the log, so its outcome will be */
    /* REQUEST_INTERNAL: called with the reply, or with NULL if the monitor was lost */
    void (*reply)(struct monitor *monitor, const struct qmp_tape *tape,
                  const struct qmp_answer *answer);

    size_t bytes; /* what it costs in the fair queue */
    struct qmp_request view;
    struct qmp_tape *tape; /* in the same allocation */
};

/* Copies the tape. `view` may be of a broken message: then only id counts. */
struct request *request_new(enum request_kind kind, const struct qmp_tape *tape,
                            const struct qmp_request *view);
void request_free(struct request *r);

/* Decoded name of the command; empty for a broken message. */
struct span request_command(const struct request *r);

/* The same of nobody: for the audit, of what the VM still owes when its client has been answered.
 */
struct request *request_twin(const struct request *r);

/* The session ended: what is still in flight belongs to nobody. */
void request_orphan(struct request *r);

#endif
