/* Where a command is judged and recorded: the only place that sees both acl and audit. A command
 * that leaves its queue is judged; allowed, its intent goes into the loop's batch and it is staged;
 * at the end of the turn the batch is committed, and only then what was staged goes to the VM (or,
 * for a command of the gateway's own, runs). */
#ifndef PROXY_DISPATCH_H
#define PROXY_DISPATCH_H

#include "audit/audit.h"
#include "proxy/loop.h"
#include "proxy/request.h"
#include "qmp/validate.h"

struct monitor;
struct session;

/* Judges a request that just left its session's queue, and stages or answers it. */
void dispatch_request(struct monitor *m, struct request *r);

/* Stages a command of the gateway's own that was found to be permitted by `rule`. */
void dispatch_local(struct session *s, struct request *r, const char *rule);
void dispatch_local_outcome(struct session *s, struct request *r, const char *error);

/* Records a refusal; the caller answers. */
void dispatch_refused(struct session *s, struct request *r, enum audit_code code, const char *rule,
                      const char *why);
/* Are these the arguments of the command, by its VM's schema? True as well of a command that policy
 * does not open to the session by its name: who may not run it learns nothing of what it takes.
 * `t` and `arguments` as for qmp_validate. */
bool dispatch_arguments_fit(const struct session *s, struct span name, const struct qmp_tape *t,
                            uint32_t arguments, struct qmp_argument_fault *fault) MUST_CHECK;
/* What may be said of a verdict beyond its rule and reason: nothing unless refusal_detail = "full".
 */
void dispatch_refusal_detail(struct session *s, struct span command, struct buf *out);

/* Ends a turn: commits the audit batch, sends what it covers, refuses what could not be recorded.
 */
void dispatch_settle(struct loop *loop);

/* sync = "data": more of the log is on disk, or a sync failed. */
void dispatch_durable(struct loop *loop);

/* The end, when all sessions are over: what waits for the disk is cancelled. */
void dispatch_drop_parked(struct loop *loop);

/* Takes a staged request out again: its VM is gone. */
void dispatch_unstage(struct loop *loop, struct request *r);

/* The VM answered; or its outcome will never be known; or the command never left. */
void dispatch_outcome(struct loop *loop, const struct request *r, const struct qmp_tape *tape,
                      const struct qmp_answer *answer);
void dispatch_unknown(struct loop *loop, const struct request *r, enum audit_code code,
                      const char *why);
void dispatch_unacknowledged(struct loop *loop, const struct request *r);
void dispatch_cancelled(struct loop *loop, const struct request *r, enum audit_code code,
                        const char *why);

/* What an administrative command did: to whom, to which connection, to how many; NULL and 0 where
 * that does not apply. */
void dispatch_admin(struct session *s, const struct request *r, const char *subject,
                    uint64_t subject_connection, uint64_t count);

/* Records of connections. */
void dispatch_record(struct loop *loop, const struct audit_record *record);
struct audit_record dispatch_session_record(struct session *s, enum audit_type type);

#endif
