/* The order of messages: which phase a connection is in, what may come in it, and in which order
 * answers leave. In-band requests of a client stand in one queue, whoever answers them; what has
 * left the queue is in flight until its answer is out, and answers leave in the order of requests.
 * Out-of-band requests pass them all. */
#ifndef PROXY_SESSION_H
#define PROXY_SESSION_H

#include <stdbool.h>
#include "acl/acl.h"
#include "audit/codes.h"
#include "base/buf.h"
#include "proxy/caller.h"
#include "proxy/fairqueue.h"
#include "qmp/write.h"

struct client;
struct qmp_fault;
struct monitor;
struct request;
struct vm;

enum session_phase {
    SESSION_AUTH,      /* nobody yet */
    SESSION_ATTACH,    /* somebody, no VM */
    SESSION_NEGOTIATE, /* a VM; waits for qmp_capabilities */
    SESSION_READY,
};

#define SESSION_PHASE_BIT(p) (1u << (p))

struct session {
    struct client *client;
    struct caller *caller;
    enum session_phase phase;
    bool negotiated; /* qmp_capabilities succeeded, in whatever phase */
    bool oob;        /* the client has out-of-band enabled */
    bool pumping;
    bool local_in_flight;  /* one of ours runs: what follows waits, for it may change the phase */
    const char *giving_up; /* why: no input any more, ends when all is answered */
    enum audit_code giving_up_code;

    /* attach: from the request (or SNI) until the monitor is there or not */
    struct request *attach_request; /* NULL where SNI or the listener names the VM */
    bool attaching;

    struct vm *vm; /* own reference, from attaching on */
    struct monitor *monitor;
    struct acl_rights *rights;
    struct login *login; /* an exchange that is under way, or may begin; NULL: none yet */
    struct identity
        *external;          /* known from below, where that alone does not let anybody in; owned */
    const char *logged_in;  /* the mechanism of SASL, a constant string; NULL: without */
    struct buf login_reply; /* the members that a login's answer begins with, while it attaches */

    struct session *monitor_prev, *monitor_next; /* among the monitor's sessions */

    struct request *queue;  /* in-band, in order; utlist */
    struct request *flight; /* left the queue, answer not out; utlist */
    struct request *oob_flight;
    unsigned n_queued; /* requests that are not answered yet, of all three */
    struct flow flow;  /* its turn at the monitor */

    unsigned explains; /* gateway-explain in the present minute */
    int64_t explain_minute;
};

void session_init(struct session *s, struct client *client);
/* The connection is about to end: what is queued is cancelled, and the monitor knows it no more. */
void session_stop(struct session *s);
/* The same, and lets go of the VM, and forgets what is in flight (its outcome is still audited). */
void session_end(struct session *s, const char *reason);

/* Somebody is known now: to ATTACH, with our own greeting, unless `vm_wanted` says what to attach
 * to. */
void session_identified(struct session *s);
/* Nobody can be known here yet: AUTH, with our own greeting. */
void session_anonymous(struct session *s);

/* Who logged in by SASL with `r` is known: as session_identified, but what comes of it is the
 * answer to the request, which begins with the members in take_reply. `again`: he was known before.
 */
void session_logged_in(struct session *s, struct request *r, struct buf *take_reply, bool again);

const char *session_phase_name(enum session_phase phase);
/* The only place where the phase changes. */
void session_set_phase(struct session *s, enum session_phase phase);

/* --- input, from client ----------------------------------------------------------------------- */

/* One whole message. True if it holds a secret: then it is to be wiped wherever it lies. */
bool session_handle(struct session *s, const struct qmp_tape *tape);
/* A message that breaks a rule, or no message at all. */
void session_handle_broken(struct session *s, const struct qmp_tape *tape,
                           const struct qmp_fault *fault);

/* No more input will come, or is wanted: when all is answered the connection ends. */
void session_give_up(struct session *s, enum audit_code code, const char *reason);

/* May more input be taken: is the queue not full, no attach under way? */
bool session_wants_input(const struct session *s);

/* --- answers ---------------------------------------------------------------------------------- */

/* Runs what is at the head of the queue and can run. */
void session_pump(struct session *s);

/* The request that would go to the VM next, or NULL. */
struct request *session_head(struct session *s);
/* Would the head of the queue be for the VM if its turn came now? */
bool session_next_is_for_vm(const struct session *s);
/* It leaves the queue: in flight from now on. */
void session_depart(struct session *s, struct request *r);

/* Is the answer that would go out next one that the VM owes? */
bool session_awaits_vm(const struct session *s);

/* Answers a request that left the queue; it is freed. With no session left nothing is sent. */
void session_return(struct request *r, struct span value);
void session_error(struct request *r, enum qmp_error_class c, const char *fmt, ...) PRINTF(3, 4);
void session_error_object(struct request *r, struct span object);
/* Ends it without an answer. */
void session_forget(struct request *r);

/* --- events ----------------------------------------------------------------------------------- */

/* A VM's event: to each session that may see it and is ready. */
struct vm_event {
    struct span name; /* decoded */
    struct span line; /* as clients get it */
    struct span data; /* its data, raw; empty if it has none */
    bool scanned;     /* private: the data, once somebody's rights depend on them */
    struct qmp_scanner *scanner;
};
void session_event(struct session *s, struct vm_event *e);
/* One of ours: always shown from negotiation on. data: JSON object or empty. */
void session_gateway_event(struct session *s, const char *name, struct span data);

/* --- from attach ------------------------------------------------------------------------------ */

/* The monitor took the session; greeting is the raw value of the VM's QMP member. */
void session_attached(struct session *s, struct span greeting);
/* It did not work; the words are the client's to see. */
void session_attach_failed(struct session *s, enum audit_code code, const char *why);
/* The VM is on another host now, or was started anew, and the session with it. */
void session_vm_moved(struct session *s, struct vm *vm, bool restarted);
/* No VM any more (gateway-detach). */
void session_detach(struct session *s);
/* The monitor was lost: what was queued is answered, and the connection ends, as QEMU's would. */
void session_vm_down(struct session *s, enum audit_code code, const char *why);

#endif
