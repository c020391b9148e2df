/* A conversation with a VM or a gateway: greeting, choice of the VM, negotiation, then calls and
 * events. Blocking, one call at a time. Together with cli/connect.h this is the seam where a
 * library can take over. Source: QMP specification, sections 2.2 to 2.5; docs/protocol of this
 * project for gateway-*. */
#ifndef CLI_SESSION_H
#define CLI_SESSION_H

#include <json-c/json_object.h>
#include <stdbool.h>
#include "cli/connect.h"

struct login;
struct session;
struct tls_session;

struct session_settings {
    struct transport_settings transport; /* its URI names the VM */
    struct login *login;                 /* borrowed: who we are, where that is asked for */
    int64_t timeout_us;                  /* for connecting, and for each reply; 0: for ever */
    bool oob;               /* out-of-band commands are wanted: an error if the VM has none */
    bool stay_unattached;   /* the gateway itself is meant: the URI's VM is passed over */
    bool leave_negotiation; /* for session_take_transport: the user of it negotiates */
};

/* Connects, logs in if the gateway wants that, chooses the VM that the URI names, makes sure that
 * it is this one, and negotiates. Where a password is needed first, somebody is asked for it and it
 * connects once more. An error has the code ERROR_INVALID if the settings are at fault,
 * ERROR_DENIED if the gateway refuses, ERROR_STATE if something on this side is missing and
 * ERROR_PEER if the VM cannot be reached. */
int session_open(const struct session_settings *settings, struct session **out,
                 struct error *err) MUST_CHECK;
void session_free(struct session *s);

/* The greeting's QMP object: the VM's, or the gateway's while no VM is attached. Borrowed. */
struct json_object *session_greeting(const struct session *s);

/* True if the gateway answers by itself: no VM is attached. */
bool session_is_unattached(const struct session *s);

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
    struct span secret_arguments;  /* in place of them, as JSON; copies of it are wiped */
    bool oob;
};

/* Sends the request and waits for its reply; events that come meanwhile go to the handler. 0: there
 * is a reply, good or bad. ERROR_STATE: the wait was interrupted, the command goes on without us,
 * and the session can be used further. A `quit` that ends the stream has succeeded. */
int session_call(struct session *s, const struct session_request *request,
                 struct session_reply *reply, struct error *err) MUST_CHECK;

/* `event` is the whole event object, borrowed. */
typedef void session_event_fn(void *opaque, struct json_object *event);
void session_set_event_handler(struct session *s, session_event_fn *handler, void *opaque);

/* Why the gateway is about to end the session, if this event says so; NULL: it does not. Borrowed.
 */
const char *session_closing_reason(struct json_object *event);

/* What to tell of it: ERROR_PEER. */
int session_tell_closed(const char *reason, struct error *err);

/* Handles one message, or none by the deadline: 1, 0, or negative when the session is over. */
int session_pump(struct session *s, int64_t deadline, struct error *err) MUST_CHECK;

/* False once the stream has ended or broke. */
bool session_is_alive(const struct session *s);

/* NULL: not over TLS. */
struct tls_session *session_tls(struct session *s);

/* For poll beside other descriptors; what was read already is not seen by it, so pump until 0
 * first. */
int session_fd(const struct session *s);

/* See transport_watch_signals. */
void session_watch_signals(struct session *s, const sigset_t *wait_mask);

/* Ends the session but not the connection. `rest` gets what a client that has just connected would
 * see: the VM's greeting as a line, and what came after it. */
struct transport *session_take_transport(struct session *take_s, struct buf *rest);

#endif
