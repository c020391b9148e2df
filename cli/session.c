#include "config.h"
#include "cli/session.h"

#include <json-c/json.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/mem.h"
#include "cli/document.h"
#include "net/connect.h"

#define DENIED_PREFIX "permission denied"

struct session {
    struct qmp_session *qmp;   /* owned */
    const sigset_t *wait_mask; /* borrowed; NULL: signals stay as they are */
    session_event_fn *on_event;
    void *opaque;
    int64_t timeout_us;
    bool ended; /* the stream has ended or broke */
};

struct session *session_wrap(struct qmp_session *take_qmp, int64_t timeout_us)
{
    struct session *s = MEM_NEW(struct session);
    s->qmp = take_qmp;
    s->timeout_us = timeout_us;
    return s;
}

void session_free(struct session *s)
{
    if (!s)
        return;
    qmp_close(s->qmp);
    free(s);
}

const struct qmp_session *session_qmp(const struct session *s)
{
    return s->qmp;
}

/* --- errors ----------------------------------------------------------------------------------- */

static enum error_code code_of(const struct qmp_error *e)
{
    if (qmp_error_is_denied(e))
        return ERROR_DENIED;
    switch (qmp_error_kind(e)) {
    case QMP_ERROR_KIND_ARGUMENT:
        return ERROR_INVALID;
    case QMP_ERROR_KIND_LOGIN:
        return ERROR_DENIED;
    case QMP_ERROR_KIND_LOCAL:
    case QMP_ERROR_KIND_INTERRUPTED:
        return ERROR_STATE;
    case QMP_ERROR_KIND_UNKNOWN:
    case QMP_ERROR_KIND_REPLY:
    case QMP_ERROR_KIND_REFUSED:
    case QMP_ERROR_KIND_CONNECTION:
    case QMP_ERROR_KIND_TIMEOUT:
        break;
    }
    return ERROR_PEER;
}

int session_error(struct qmp_error *take_err, struct error *err)
{
    error_set(err, code_of(take_err), "%s", qmp_error_text(take_err));
    qmp_error_free(take_err);
    return (int)err->code;
}

/* --- events and waiting ----------------------------------------------------------------------- */

void session_set_event_handler(struct session *s, session_event_fn *handler, void *opaque)
{
    s->on_event = handler;
    s->opaque = opaque;
}

/* All that have come; how many. */
static int tell_events(struct session *s)
{
    int n = 0;
    char *json;
    for (; qmp_session_take_event(s->qmp, &json) == 1; n++) {
        CLEANUP_DOCUMENT struct json_object *event = NULL;
        struct error ignored;
        if (s->on_event &&
            document_from_scanned((struct span){ json, strlen(json) }, &event, &ignored) == 0)
            s->on_event(s->opaque, event);
        free(json);
    }
    return n;
}

/* Moves what can be moved. Negative: the session is over; what came before was told. */
static int notify(struct session *s, int *n_events, struct error *err)
{
    struct qmp_error *why;
    int rc = qmp_session_notify(s->qmp, &why);
    s->ended = rc < 0;
    *n_events = tell_events(s);
    return rc < 0 ? session_error(why, err) : 0;
}

/* 1: bytes may be moved; 0: the deadline passed; ERROR_STATE: a signal came. */
static int wait_for_bytes(struct session *s, int64_t deadline, struct error *err)
{
    unsigned wants = qmp_session_wants(s->qmp);
    short events =
        (short)((wants & QMP_WANTS_READ ? POLLIN : 0) | (wants & QMP_WANTS_WRITE ? POLLOUT : 0));
    return wait_for_fd(qmp_session_fd(s->qmp), events, deadline, s->wait_mask, err);
}

int session_pump(struct session *s, int64_t deadline, struct error *err)
{
    for (;;) {
        int n_events, rc = notify(s, &n_events, err);
        if (n_events > 0)
            return 1; /* the end is told next time */
        if (rc == 0)
            rc = wait_for_bytes(s, deadline, err);
        if (rc <= 0)
            return rc;
    }
}

bool session_is_alive(const struct session *s)
{
    return !s->ended;
}

void session_watch_signals(struct session *s, const sigset_t *wait_mask)
{
    s->wait_mask = wait_mask;
}

/* --- calls ------------------------------------------------------------------------------------ */

void session_reply_clear(struct session_reply *r)
{
    json_object_put(r->value);
    free(r->error_class);
    free(r->error_desc);
    *r = (struct session_reply){ 0 };
}

bool session_reply_is_denied(const struct session_reply *r)
{
    return r->error_desc && strcmp(r->error_class, "GenericError") == 0 &&
           strncmp(r->error_desc, DENIED_PREFIX, strlen(DENIED_PREFIX)) == 0;
}

static int submit(struct session *s, const struct session_request *r, uint64_t *id,
                  struct error *err)
{
    struct qmp_error *why = NULL;
    struct qmp_msg *msg = qmp_msg_new();
    const char *arguments =
        r->arguments ? json_object_to_json_string_ext(
                           r->arguments, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)
                     : NULL;
    qmp_msg_set_oob(msg, r->oob);
    int rc = qmp_execute_build(r->command, arguments, msg, &why);
    if (rc == 0)
        rc = qmp_session_submit(s->qmp, msg, id, &why);
    qmp_msg_free(msg);
    return rc < 0 ? session_error(why, err) : 0;
}

static int late(const struct session *s, struct error *err)
{
    return error_set(err, ERROR_PEER,
                     "no reply in %g s; whether the command has run or will is unknown "
                     "(--timeout SECONDS waits longer)",
                     (double)s->timeout_us / (double)USEC_PER_SEC);
}

/* *json: the reply, owned. */
static int wait_reply(struct session *s, uint64_t id, char **json, struct error *err)
{
    int64_t deadline = deadline_after(s->timeout_us);
    for (;;) {
        int n_events, rc = notify(s, &n_events, err);
        if (qmp_session_take_reply(s->qmp, &id, json) == 1)
            return 0;
        if (rc < 0)
            return rc;
        rc = wait_for_bytes(s, deadline, err);
        if (rc > 0)
            continue;
        qmp_session_forget(s->qmp, id);
        return rc < 0 ? rc : late(s, err);
    }
}

static int read_reply(const char *json, struct session_reply *reply, struct error *err)
{
    CLEANUP_DOCUMENT struct json_object *whole = NULL;
    struct json_object *error;
    int rc = document_from_scanned((struct span){ json, strlen(json) }, &whole, err);
    if (rc < 0) {
        error_prefix(err, "the other side does not speak QMP");
        err->code = ERROR_PEER;
        return ERROR_PEER;
    }
    if (json_object_object_get_ex(whole, "error", &error)) {
        const char *class = document_string(error, "class"), *desc = document_string(error, "desc");
        reply->error_class = mem_strdup(class ? class : "GenericError");
        reply->error_desc = mem_strdup(desc ? desc : "an error without words");
        return 0;
    }
    if (!json_object_object_get_ex(whole, "return", &reply->value))
        return error_set(err, ERROR_PEER, "the other side's reply is none of QMP");
    json_object_get(reply->value);
    return 0;
}

int session_call(struct session *s, const struct session_request *r, struct session_reply *reply,
                 struct error *err)
{
    uint64_t id;
    CLEANUP_FREE char *json = NULL;
    *reply = (struct session_reply){ 0 };
    int rc = submit(s, r, &id, err);
    if (rc == 0)
        rc = wait_reply(s, id, &json, err);
    return rc < 0 ? rc : read_reply(json, reply, err);
}
