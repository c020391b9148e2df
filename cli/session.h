/* A session of libqmp's, by its public interface, as the verbs use it: calls and events as json-c
 * documents, and waits that a signal may end. Blocking, one call at a time. */
#ifndef CLI_SESSION_H
#define CLI_SESSION_H

#include <json-c/json_object.h>
#include <libqmp/session.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include "base/error.h"
#include "base/util.h"

struct session;

/* Takes it over. `timeout_us`: for each reply; 0: for ever. */
struct session *session_wrap(struct qmp_session *take_qmp, int64_t timeout_us);
void session_free(struct session *s);

/* To ask it what needs no waiting. */
const struct qmp_session *session_qmp(const struct session *s);

/* What libqmp complains of, in our terms: ERROR_INVALID if the settings are at fault, ERROR_DENIED
 * if the gateway refuses, ERROR_STATE if something on this side is missing, and otherwise
 * ERROR_PEER. Frees it; returns the code. */
int session_error(struct qmp_error *take_err, struct error *err);

/* What a command came back with: exactly one of value and error_desc is set. */
struct session_reply {
    struct json_object *value; /* owned */
    char *error_class;         /* owned */
    char *error_desc;          /* owned */
};
void session_reply_clear(struct session_reply *r);
#define CLEANUP_REPLY CLEANUP(session_reply_clear)

/* A refusal by the gateway's policy, as against an error of the VM. */
bool session_reply_is_denied(const struct session_reply *r);

struct session_request {
    const char *command;
    struct json_object *arguments; /* borrowed; NULL: none */
    bool oob;
};

/* Sends the request and waits for its reply; events that come meanwhile go to the handler. 0: there
 * is a reply, good or bad. ERROR_STATE: the wait was interrupted, the command goes on without us,
 * and the session can be used further. */
int session_call(struct session *s, const struct session_request *request,
                 struct session_reply *reply, struct error *err) MUST_CHECK;

/* `event` is the whole event object, borrowed. */
typedef void session_event_fn(void *opaque, struct json_object *event);
void session_set_event_handler(struct session *s, session_event_fn *handler, void *opaque);

/* Handles events until there was one, or none by the deadline: 1, 0, or negative when the session
 * is over. */
int session_pump(struct session *s, int64_t deadline, struct error *err) MUST_CHECK;

/* False once the stream has ended or broke. */
bool session_is_alive(const struct session *s);

/* From now on the signals of the set, which are blocked otherwise, may interrupt a wait. */
void session_watch_signals(struct session *s, const sigset_t *wait_mask);

#endif
