/* The inside of a session, shared by session.c (bytes and queues), session_open.c (how it begins)
 * and session_call.c (waiting). */
#ifndef LIBQMP_SESSION_INTERNAL_H
#define LIBQMP_SESSION_INTERNAL_H

#include <libqmp/session.h>
#include "libqmp/command.h"
#include "net/stream.h"
#include "qmp/frame.h"

/* A request whose reply has not come, or was not taken. */
struct session_request {
    uint64_t id;
    uint64_t begins; /* at this byte of all that was ever queued, and not taken back */
    size_t length;   /* bytes */
    char *reply;     /* owned; JSON text, or NULL: none yet */
    bool forgotten;
    bool is_quit; /* the end of the stream is its reply */
};

struct qmp_session {
    struct stream *stream; /* owned */
    struct qmp_scanner *scanner;
    struct qmp_framer framer;
    struct buf in, out;
    uint64_t queued, written; /* bytes, ever */
    uint64_t last_id;
    struct session_request *requests; /* in order of their ids */
    size_t n_requests, requests_cap;
    char **events; /* JSON texts, oldest first */
    size_t n_events, events_cap;
    uint64_t events_lost;
    char *greeting; /* owned; NULL until it has come */
    bool oob;
    int timeout_ms;
    char *lost; /* why the connection is, or NULL */
};

/* Before its greeting. */
struct qmp_session *session_new(int take_fd, int timeout_ms);

/* Queues text; `begins` of the request is set by it. */
void session_queue(struct qmp_session *s, struct span text);
struct session_request *session_find(const struct qmp_session *s, uint64_t id);
struct session_request *session_add_request(struct qmp_session *s, const char *command);
void session_remove(struct qmp_session *s, struct session_request *r);

/* The error that the connection is lost; -1. */
int session_lost(const struct qmp_session *s, enum qmp_outcome outcome, struct qmp_error **err);

/* Moves bytes until `done` says so, the time is over (1) or the connection is lost (-1). */
int session_wait(struct qmp_session *s, int timeout_ms,
                 bool (*done)(const struct qmp_session *s, uint64_t id), uint64_t id);

#endif
