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

/* --- logging in ---
 * A gateway that does not know us by a certificate may want a login by SASL (RFC 4422). It is by
 * the strongest mechanism that both have: GSSAPI, with the ticket of Kerberos that there is;
 * SCRAM-SHA-256-PLUS, SCRAM-SHA-256, with a password that is not handed over; EXTERNAL, which is
 * the certificate; PLAIN, over TLS only. A password is asked for while no connection waits: the one
 * that found out that it is needed is closed, and another one opened with it.
 *
 * libsasl2 has one state for the whole process. libqmp starts it (sasl_set_mutex, sasl_set_alloc,
 * sasl_client_init, with the plugins of these mechanisms) when the first session has to log in, and
 * never ends it; what comes second there is passed over by libsasl2. So a program that uses
 * libsasl2 itself calls its own sasl_client_init or sasl_server_init first: libqmp then leaves
 * locks, memory and plugins as they are, and copies of passwords that libsasl2 makes are wiped only
 * if the program sees to it. */

/* Who logs in; a ticket or a certificate of somebody else is refused. QMPGATE_USER. A user or a
 * mechanism that was set (and not by the environment) where no login is asked for is an error. */
void qmp_settings_set_user(struct qmp_settings *settings, const char *user);
/* This one and no other. QMPGATE_MECHANISM. */
void qmp_settings_set_mechanism(struct qmp_settings *settings, const char *mechanism);
/* Its first line is the password; nobody else may read it (mode 0600). QMPGATE_PASSWORD_FILE. */
void qmp_settings_set_password_file(struct qmp_settings *settings, const char *file);
/* Where there is no file: asked while no connection waits, at most once for a session. The result
 * is of malloc, and is wiped and freed; NULL: there is none. `server`: who will get it, or be
 * convinced by it. */
typedef char *(qmp_password_fn)(void *opaque, const char *user, const char *server);
void qmp_settings_set_password_function(struct qmp_settings *settings, qmp_password_fn *function,
                                        void *opaque);
/* What the file or the function gives is kept for further sessions with these settings, until they
 * are freed; one thread at a time may use them then. Otherwise it is wiped when a session is open.
 */
void qmp_settings_keep_password(struct qmp_settings *settings);
/* Whom to act for, as the gateway's policy allows: "sasl:bob@example.com". */
void qmp_settings_set_act_as(struct qmp_settings *settings, const char *identity);

/* --- at a gateway --- */

enum qmp_target {
    QMP_TARGET_VM = 0,      /* the URI's VM, or the one that there is no choice of */
    QMP_TARGET_ANY = 1,     /* the same; if there is none, the gateway itself will do */
    QMP_TARGET_GATEWAY = 2, /* the gateway itself; the URI's VM is passed over */
    QMP_TARGET_DOOR = 3,    /* the same, and nobody logs in: it says how one could (gateway-info) */
};
void qmp_settings_set_target(struct qmp_settings *settings, enum qmp_target target);

/* What errors call a setting, for who can set it: "--user NAME". At first: its variable. */
enum qmp_setting {
    QMP_SETTING_CA = 0,
    QMP_SETTING_CERTIFICATE = 1,
    QMP_SETTING_KEY = 2,
    QMP_SETTING_USER = 3,
    QMP_SETTING_MECHANISM = 4,
    QMP_SETTING_PASSWORD_FILE = 5,
    QMP_SETTING_ACT_AS = 6,
};
void qmp_settings_set_name(struct qmp_settings *settings, enum qmp_setting setting,
                           const char *name);

/* Is what was set complete and good, as far as can be told without connecting? Reads certificates
 * and the key. */
int qmp_settings_check(const struct qmp_settings *settings, const char *uri,
                       struct qmp_error **err) QMP_MUST_CHECK;

int qmp_open_with(const char *uri, const struct qmp_settings *settings,
                  struct qmp_session **session, struct qmp_error **err) QMP_MUST_CHECK;

/* Leads a stock QMP client, at the other end of a stream socket, to what the URI names, through
 * login and attachment: it finds the VM's greeting, negotiates, and goes on by itself. Waits until
 * both sides have ended, which is success; shutdown(2) on the descriptor ends it too. The
 * descriptor stays the caller's, and is made non-blocking. If there is no way (the error's outcome
 * is QMP_OUTCOME_NOT_SENT) the client is told why, as a gateway tells it. */
int qmp_tunnel(const char *uri, const struct qmp_settings *settings, int fd,
               struct qmp_error **err) QMP_MUST_CHECK;

void qmp_session_set_timeout(struct qmp_session *session, int timeout_ms);
/* Is it the gateway itself, and no VM? */
bool qmp_session_is_gateway(const struct qmp_session *session);
/* The VM that the URI named, by name or UUID; NULL: it named none. Lives as long as the session. */
const char *qmp_session_vm(const struct qmp_session *session);
/* By which mechanism it logged in; NULL: it did not have to. */
const char *qmp_session_mechanism(const struct qmp_session *session);
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
/* The oldest event that nobody took, as text for qmp_event_parse, to be freed with free(): 1, or 0.
 */
int qmp_session_take_event(struct qmp_session *session, char **json) QMP_MUST_CHECK;
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
