/* The inside of a session, shared by session.c (bytes and queues), session_open.c (how it begins),
 * session_connect.c (where), session_identify.c (who we are), session_attach.c (the VM behind a
 * gateway), session_call.c (waiting) and tunnel.c (bytes of others). */
#ifndef LIBQMP_SESSION_INTERNAL_H
#define LIBQMP_SESSION_INTERNAL_H

#include <libqmp/session.h>
#include "libqmp/command.h"
#include "libqmp/settings.h"
#include "net/connect.h"
#include "qmp/frame.h"

/* A request whose reply has not come, or was not taken. */
struct session_request {
    uint64_t id;
    uint64_t begins; /* at this byte of all that was ever queued, and not taken back */
    size_t length;   /* bytes */
    char *reply;     /* owned; JSON text, or NULL: none yet */
    bool forgotten;
    bool is_quit;   /* the end of the stream is its reply */
    bool passes_fd; /* a descriptor went along, or will */
    int fd;         /* owned; -1: none, or it is gone */
};

struct qmp_session {
    struct stream *stream; /* owned */
    struct qmp_scanner *scanner;
    struct qmp_framer framer;
    struct buf in, out;
    uint64_t queued, written; /* bytes, ever */
    uint64_t offered;         /* of which TLS may hold these: they leave, come what may */
    uint64_t last_id;
    struct session_request *requests; /* in order of their ids */
    size_t n_requests, requests_cap;
    char **events; /* JSON texts, oldest first */
    size_t n_events, events_cap;
    uint64_t events_lost;
    qmp_event_fn *on_event; /* NULL: they are kept */
    void *opaque;
    bool telling;   /* on_event runs */
    char *greeting; /* owned; NULL until it has come */
    bool settled;   /* all replies are to us: what may come before, see session.c */
    unsigned n_others;
    bool oob;
    bool passes_fds;
    int next_fd; /* owned; for the next request; -1: none */
    int wake_fd; /* owned; qmp_session_interrupt */
    int timeout_ms;
    int64_t deadline;      /* of opening it; DEADLINE_NEVER: it is open, or has no end */
    bool gateway;          /* the greeting is a gateway's own */
    char *vm;              /* owned; NULL: none was named */
    const char *mechanism; /* that logged in, or NULL */
    char *advice;          /* what may be wrong if it ends before it began; owned, or NULL */
    char *closing;         /* why the gateway is about to close it; owned, or NULL */
    char *lost;            /* why the connection is, or NULL */
};

/* Before its greeting. */
struct qmp_session *session_new(struct stream *take_stream, int timeout_ms);

/* A way to a monitor. */
struct session_way {
    struct stream *stream;
    bool passes_fds;
    bool tls, certificate; /* the server was verified; it was shown ours */
    char *vm;              /* owned; NULL: there is no choice */
    char *server;          /* owned: the name that was verified, or NULL */
    char *advice;          /* owned: what may be wrong if it ends at once, or NULL */
};
int session_connect(const char *uri, const struct qmp_settings *settings, int64_t deadline,
                    struct session_way *way, struct error *err) MUST_CHECK;
void session_way_clear(struct session_way *way);

/* From connecting up to negotiation, which the caller does. */
int session_begin(const char *uri, const struct qmp_settings *settings, struct qmp_session **out,
                  struct qmp_error **err) MUST_CHECK;

/* The same on a way that is there. With an error *out is left alone. */
struct login;
int session_begin_on(struct session_way *take_way, struct login *login, int64_t deadline,
                     struct qmp_session **out, struct qmp_error **err) MUST_CHECK;

/* Behind the greeting: logs in, acts for whom it should, and chooses the VM. */
int session_identify(struct qmp_session *s, struct login *login, struct qmp_error **err) MUST_CHECK;

bool session_greeting_offers(const char *greeting, const char *capability);
/* A reply that attached the VM has its greeting in it. */
bool session_take_greeting(struct qmp_session *s, const char *reply);
int session_attach(struct qmp_session *s, const char *vm, struct qmp_error **err) MUST_CHECK;
/* Somebody chose before we could: is it the one? By what gateway-info or a login says. */
int session_compare_vm(const char *about, const char *vm, struct qmp_error **err) MUST_CHECK;
int session_check_vm(struct qmp_session *s, const char *vm, struct qmp_error **err) MUST_CHECK;

/* Its arguments are not left in memory. */
int session_call_secret(struct qmp_session *s, const char *command, struct span arguments,
                        char **result, struct qmp_error **err) MUST_CHECK;
uint64_t session_submit_secret(struct qmp_session *s, const char *command, struct span arguments);

/* Why the gateway is about to close, if this event says so: a sentence, owned; or NULL. */
char *session_closing_words(struct span event);

/* Queues text; `begins` of the request is set by it. */
void session_queue(struct qmp_session *s, struct span text);
struct session_request *session_find(const struct qmp_session *s, uint64_t id);
struct session_request *session_add_request(struct qmp_session *s, const char *command);
void session_remove(struct qmp_session *s, struct session_request *r);

/* The error that the connection is lost; -1. */
int session_lost(const struct qmp_session *s, enum qmp_outcome outcome, struct qmp_error **err);

/* Moves bytes until `done` says so (0), or for another reason. */
enum { SESSION_LATE = 1, SESSION_INTERRUPTED = 2, SESSION_LOST = -1 };
int session_wait(struct qmp_session *s, int timeout_ms,
                 bool (*done)(const struct qmp_session *s, uint64_t id), uint64_t id);
/* The oldest event, owned; NULL: none. */
char *session_take_event(struct qmp_session *s);

#endif
