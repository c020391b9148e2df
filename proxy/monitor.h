/* One VM's monitor, and everybody who shares it: connects when it is needed, checks who answers,
 * gives commands their turn and their window, puts replies to requests, and tells events to
 * sessions. Lives on its VM's loop. */
#ifndef PROXY_MONITOR_H
#define PROXY_MONITOR_H

#include <event2/event_struct.h>
#include <uthash.h>
#include "acl/acl.h"
#include "audit/codes.h"
#include "auth/identity.h"
#include "base/limits.h"
#include "proxy/backend.h"
#include "proxy/fairqueue.h"
#include "proxy/loop.h"
#include "proxy/vms.h"
#include "qmp/schema.h"

struct session;

enum monitor_state {
    MONITOR_IDLE,       /* no connection, nobody asked */
    MONITOR_CONNECTING, /* waits for the greeting */
    MONITOR_STARTING,   /* negotiates, checks the UUID, reads the schema */
    MONITOR_READY,
};

#define MONITOR_SLOTS (LIMIT_WINDOW_COMMANDS + LIMIT_WINDOW_OOB)

struct rights_entry; /* what identities may do here, kept while anybody is attached */

struct monitor {
    UT_hash_handle hh; /* in loop->monitors, by name */
    char *name;
    struct loop *loop;
    struct vm *vm;
    enum monitor_state state;
    uint64_t generation; /* one a connection: late results of jobs are told by it */
    const struct backend_ops *backend_ops;
    struct backend *backend; /* NULL without a connection */
    bool dirty, dead;
    struct monitor *dirty_next, *dead_next;

    struct session *sessions; /* attached; utlist by monitor_prev/next */
    struct session *waiting;  /* attach when it is ready; the same links */
    unsigned n_sessions;

    struct fairqueue queue;
    struct request *slots[MONITOR_SLOTS];
    struct request *window; /* in-band in flight, oldest first */
    unsigned n_window;
    size_t window_bytes;
    bool unresponsive; /* the oldest is older than vm_timeout */

    char *greeting; /* raw value of QMP */
    size_t greeting_len;
    bool oob;      /* negotiated with the VM */
    char uuid[37]; /* what it says it is; empty if it does not */
    struct qmp_schema *schema;
    struct acl_program *program; /* of loop->snapshot's policy; NULL until the schema is there */
    struct rights_entry *rights;

    int64_t cut_off_us;        /* monotonic: since then nothing goes to it: its libvirt cannot be
                                  reached, or says that it has ended; 0: all is well */
    int64_t barrier_us;        /* monotonic: since then libvirt moves it (monitor_move.c); 0: no */
    bool leaves;               /* libvirt says so, not only QEMU */
    bool handed_over;          /* what it was is elsewhere: nothing goes to it here */
    int64_t away_us;           /* monotonic: since then it is nowhere */
    bool restarts;             /* it does not move: it has ended, and is waited for where it was */
    bool moved;                /* connects to where it is now */
    struct vm *moving_to;      /* where it runs now; NULL: not known, or it is there */
    struct event start_timer;  /* greeting and start-up deadline */
    struct event linger_timer; /* lets go when nobody came back */
    struct event hold_timer;   /* hold = true: tries again */
    struct event gone_timer;   /* its VM has left: time for its last words */
    unsigned failures;         /* in a row */
    int64_t retry_us;          /* monotonic: not before then */
    enum audit_code last_code; /* of the last loss, as the words */
    char last_error[ERROR_TEXT_MAX];
};

/* --- for attach ------------------------------------------------------------------------------- */

/* The monitor of a VM on its own loop; made if it is not there. */
struct monitor *monitor_get(struct loop *loop, struct vm *vm);
/* Attaches the session now or when the monitor is ready; session_attached or session_attach_failed
 * follows, maybe before this returns. */
void monitor_attach(struct monitor *m, struct session *s);
void monitor_detach(struct monitor *m, struct session *s);

/* What somebody may do here; borrowed until the policy changes or the session leaves. */
struct acl_rights *monitor_rights(struct monitor *m, const struct identity *who);

/* --- the way of a command --------------------------------------------------------------------- */

/* The session has a request for the VM at its head. */
void monitor_enqueue(struct monitor *m, struct session *s);
/* Out-of-band: does not wait. */
bool monitor_oob_slot_free(const struct monitor *m);
void monitor_mark_dirty(struct monitor *m);

/* Takes a slot for a request; it waits for the commit of its intent (dispatch). */
void monitor_stage(struct monitor *m, struct request *r);
/* Its intent is written: to the VM. */
void monitor_send(struct monitor *m, struct request *r);
/* It will not be sent after all: gives the slot back. */
void monitor_unstage(struct monitor *m, struct request *r);

/* --- from the backend ------------------------------------------------------------------------- */

void monitor_greeted(struct monitor *m, const struct qmp_tape *tape,
                     const struct qmp_answer *greeting);
void monitor_message(struct monitor *m, const struct qmp_tape *tape,
                     const struct qmp_answer *answer);
/* The oldest command will not be answered, and may have run or not. */
void monitor_unknown(struct monitor *m, const char *why);
/* It was sent, and does not answer if it succeeds. */
void monitor_unacknowledged(struct monitor *m);
/* Events that will not be told. */
void monitor_events_lost(struct monitor *m, unsigned count);
/* The connection is over (or never was); code and why are for the log and for whoever waits. */
void monitor_lost(struct monitor *m, enum audit_code code, const char *why);

/* --- a VM that moves ---------------------------------------------------------------------------
 */

/* May it not be sent now, since its VM moves? It waits (monitor_holds), or has waited for too
 * long. */
bool monitor_is_barred(const struct monitor *m, const struct request *r);
/* What is known of its VM now, or NULL; true if it moves there, or is waited for: then the monitor
 * stays as it is. */
bool monitor_follow(struct monitor *m, struct vm *now);

/* --- for the loop ----------------------------------------------------------------------------- */

void monitor_pump_dirty(struct loop *loop);
void monitor_flush_dirty(struct loop *loop);
void monitor_check_deadlines(struct loop *loop, int64_t now);
/* A new snapshot: VMs that went or changed lose their sessions, rights are judged anew. */
void monitor_apply_snapshot(struct loop *loop);
void monitor_bury(struct loop *loop);
void monitor_close_all(struct loop *loop);
/* hold = true: connects though nobody asked. */
void monitor_hold(struct loop *loop, struct vm *vm);

/* From the main thread: a VM has left its directory, or is another one now. */
void monitor_post_left(struct daemon *daemon, const char *vm);
/* From any thread: what is known of a VM has changed. */
void monitor_post_changed(struct daemon *daemon, const char *vm);
/* From any thread: a libvirt was lost, or is there again (monitor_cut_off.c). */
void monitor_post_connection(struct daemon *daemon, const char *connection, bool up);

#endif
