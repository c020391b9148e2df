/* A session with one monitor: layer two of libqmp.
 *
 * Two ways to use one, which may be mixed. With waiting: qmp_X (the header of X's module has it),
 * qmp_execute and qmp_session_wait_event return when there is an answer or the time is over.
 * Without: the caller watches qmp_session_fd for what qmp_session_wants says, calls
 * qmp_session_notify, and takes what has come; messages that qmp_X_build made are given to
 * qmp_session_submit, as many at once as one likes (QEMU answers them in order; those out of band
 * when they are done).
 *
 * A session that lost its connection stays so: every further call says why. Whether to open
 * another is the caller's to decide; of commands that were under way qmp_error_outcome tells
 * what is known. One thread at a time.
 * Since: 0.1. Source: QEMU's QMP specification, sections 2.2 to 2.5. */
#ifndef LIBQMP_SESSION_H
#define LIBQMP_SESSION_H

#include <libqmp/base.h>

struct qmp_event; /* libqmp/events.h */

#if defined(__GNUC__)
#pragma GCC visibility push(default)
#endif
#ifdef __cplusplus
extern "C" {
#endif

struct qmp_session;

/* Connects, reads the greeting and negotiates, with out-of-band commands where QEMU offers them.
 * `uri`:
 *   unix:PATH                 QEMU's own socket
 *   unix:PATH?vm=VM           a VM, by name or UUID, behind a gateway's local listener
 *   tcp:HOST:PORT             where HOST is an address of this machine itself ("127.0.0.1",
 *                             "[::1]"), since nothing is encrypted
 *   qmps://HOST[:PORT]/VM     a VM behind a gateway (qmpgated), over TLS
 *   libvirt:VM?uri=URI        a VM, by name or UUID, of the libvirt that URI says as it is (without
 *                             it, of the one that libvirt chooses); see libqmp(3)
 * Bytes of a path or a VM may be written as %XX. `timeout_ms`: for all of it, and for each later
 * call that waits; 0 or less: without end (looking up a name takes what time it takes). A monitor
 * that another client holds says nothing: that is a timeout. */
int qmp_open(const char *uri, int timeout_ms, struct qmp_session **session,
             struct qmp_error **err) QMP_MUST_CHECK;
/* Ends the session at once; NULL is fine. */
void qmp_close(struct qmp_session *session);

/* What else there is to say. Each text is copied; NULL, as at first: the environment says it, in
 * the variable named here, which is passed over in a program with set-user-ID. Files are PEM. */
struct qmp_settings;

struct qmp_settings *qmp_settings_new(void);
void qmp_settings_free(struct qmp_settings *settings); /* NULL is fine */
void qmp_settings_set_timeout(struct qmp_settings *settings, int timeout_ms);
/* Who vouches for the gateway: certificates of authorities. QMPGATE_CA; needed for qmps. */
void qmp_settings_set_ca(struct qmp_settings *settings, const char *file);
/* Who we are; the key may be a "pkcs11:" URI. QMPGATE_CERT, QMPGATE_KEY. */
void qmp_settings_set_certificate(struct qmp_settings *settings, const char *cert, const char *key);
/* Asked for, and looked for in the gateway's certificate, in place of the URI's host.
 * QMPGATE_SERVER_NAME. */
void qmp_settings_set_server_name(struct qmp_settings *settings, const char *name);

int qmp_open_with(const char *uri, const struct qmp_settings *settings,
                  struct qmp_session **session, struct qmp_error **err) QMP_MUST_CHECK;

void qmp_session_set_timeout(struct qmp_session *session, int timeout_ms);
/* The greeting as QEMU sent it, JSON text: version and capabilities. Lives as long as the session.
 */
const char *qmp_session_greeting(const struct qmp_session *session);
/* Were out-of-band commands negotiated? */
bool qmp_session_has_oob(const struct qmp_session *session);

/* --- with waiting ----------------------------------------------------------------------------- */

/* Any command, whether libqmp knows it or not. `arguments`: JSON text of an object, or NULL.
 * `result`: what it returned as JSON text, to be freed with free(); NULL is fine. */
int qmp_execute(struct qmp_session *session, const char *command, const char *arguments,
                char **result, struct qmp_error **err) QMP_MUST_CHECK;

/* What waits in another thread ends at once, or else the next that would wait, with
 * QMP_ERROR_KIND_INTERRUPTED; the session goes on. The one function that may be called while
 * another thread uses the session, and in a signal handler. */
void qmp_session_interrupt(struct qmp_session *session);

/* Events by callback: from now on none is kept for qmp_session_wait_event. `handler` runs inside
 * whatever waits or is notified, for one event at a time; it may use the session, but not close it.
 * The event is borrowed. NULL: they are kept again. */
typedef void(qmp_event_fn)(void *opaque, struct qmp_session *session,
                           const struct qmp_event *event);
void qmp_session_set_event_handler(struct qmp_session *session, qmp_event_fn *handler,
                                   void *opaque);

/* Over a UNIX socket: the next command takes a copy of the descriptor along (qmp_getfd,
 * qmp_add_fd). One at a time: refused until the command before that took one along is answered. A
 * gateway refuses such commands. */
int qmp_session_pass_fd(struct qmp_session *session, int fd, struct qmp_error **err) QMP_MUST_CHECK;

/* The oldest event that nobody took: 1, or 0 if none came in time (0: does not wait; less: without
 * end), or -1. */
int qmp_session_wait_event(struct qmp_session *session, int timeout_ms, struct qmp_event **event,
                           struct qmp_error **err) QMP_MUST_CHECK;

/* --- without ---------------------------------------------------------------------------------- */

#define QMP_WANTS_READ  1u
#define QMP_WANTS_WRITE 2u

int qmp_session_fd(const struct qmp_session *session);
/* What to watch the descriptor for, level-triggered. */
unsigned qmp_session_wants(const struct qmp_session *session);
/* Reads and writes what can be without waiting. -1: the connection is lost; what came before is
 * there to be taken. */
int qmp_session_notify(struct qmp_session *session, struct qmp_error **err) QMP_MUST_CHECK;

/* Queues a copy of the message, which must have no id: the session gives it one, which is never 0.
 */
int qmp_session_submit(struct qmp_session *session, const struct qmp_msg *msg, uint64_t *id,
                       struct qmp_error **err) QMP_MUST_CHECK;
/* A reply that has come: 1 with its text for qmp_X_parse_reply, to be freed with free(), or 0. *id:
 * whose; 0 for the oldest, whosesoever, and then says whose it is. */
int qmp_session_take_reply(struct qmp_session *session, uint64_t *id, char **json) QMP_MUST_CHECK;
/* What became of a command whose reply will never come. */
enum qmp_outcome qmp_session_outcome(const struct qmp_session *session, uint64_t id);
/* Its reply is wanted no more. What did not begin to leave never will; the rest QEMU may run all
 * the same: ask qmp_session_outcome before. */
void qmp_session_forget(struct qmp_session *session, uint64_t id);

/* Events are kept until they are taken, the newest 1024 of them; how many older ones were lost. */
uint64_t qmp_session_events_lost(const struct qmp_session *session);

#ifdef __cplusplus
}
#endif
#if defined(__GNUC__)
#pragma GCC visibility pop
#endif
#endif
