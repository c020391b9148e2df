#include "config.h"
#include "libqmp/session_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"

/* --- requests --------------------------------------------------------------------------------- */

struct session_request *session_find(const struct qmp_session *s, uint64_t id)
{
    for (size_t i = 0; i < s->n_requests; i++) {
        if (s->requests[i].id == id)
            return &s->requests[i];
    }
    return NULL;
}

struct session_request *session_add_request(struct qmp_session *s, const char *command)
{
    mem_grow((void **)&s->requests, &s->requests_cap, s->n_requests + 1, sizeof(*s->requests));
    struct session_request *r = &s->requests[s->n_requests++];
    *r = (struct session_request){ .id = ++s->last_id,
                                   .begins = s->queued,
                                   .is_quit = strcmp(command, "quit") == 0 };
    return r;
}

void session_remove(struct qmp_session *s, struct session_request *r)
{
    free(r->reply);
    s->n_requests--;
    memmove(r, r + 1, (size_t)(s->requests + s->n_requests - r) * sizeof(*r));
}

void session_queue(struct qmp_session *s, struct span text)
{
    buf_add_span(&s->out, text);
    s->queued += text.len;
}

int qmp_session_submit(struct qmp_session *s, const struct qmp_msg *msg, uint64_t *id,
                       struct qmp_error **err)
{
    char name[CODEC_COMMAND_NAME_MAX], tail[32];
    struct span text = { qmp_msg_json(msg), qmp_msg_length(msg) };
    if (s->lost)
        return session_lost(s, QMP_OUTCOME_NOT_SENT, err);
    if (!codec_msg_command(msg, name))
        return problem_set(err, QMP_ERROR_KIND_ARGUMENT, QMP_OUTCOME_NOT_SENT,
                           "the message is empty, or has an id of its own");
    struct session_request *r = session_add_request(s, name);
    *id = r->id;
    text.len--; /* its last brace */
    session_queue(s, text);
    int n = snprintf(tail, sizeof(tail), ",\"id\":%llu}\n", (unsigned long long)*id);
    session_queue(s, (struct span){ tail, (size_t)n });
    r->length = text.len + (size_t)n;
    return 0;
}

int qmp_session_take_reply(struct qmp_session *s, uint64_t *id, char **json)
{
    for (size_t i = 0; i < s->n_requests; i++) {
        struct session_request *r = &s->requests[i];
        if (r->reply && (*id == 0 || *id == r->id)) {
            *id = r->id;
            *json = TAKE_PTR(r->reply);
            session_remove(s, r);
            return 1;
        }
    }
    return 0;
}

enum qmp_outcome qmp_session_outcome(const struct qmp_session *s, uint64_t id)
{
    const struct session_request *r = session_find(s, id);
    return r && s->written <= r->begins ? QMP_OUTCOME_NOT_SENT : QMP_OUTCOME_UNKNOWN;
}

/* Of a request that did not begin to leave nothing ever does. */
static void take_back(struct qmp_session *s, struct session_request *r)
{
    char *at = buf_data(&s->out) + (r->begins - s->written);
    size_t behind = (size_t)(s->queued - r->begins) - r->length;
    memmove(at, at + r->length, behind);
    buf_truncate(&s->out, buf_len(&s->out) - r->length);
    s->queued -= r->length;
    for (struct session_request *later = r + 1; later < s->requests + s->n_requests; later++)
        later->begins -= r->length;
    session_remove(s, r);
}

void qmp_session_forget(struct qmp_session *s, uint64_t id)
{
    struct session_request *r = session_find(s, id);
    if (!r)
        return;
    if (r->reply)
        session_remove(s, r);
    else if (s->written <= r->begins)
        take_back(s, r);
    else
        r->forgotten = true; /* until its reply comes */
}

/* --- what comes ------------------------------------------------------------------------------- */

static int lose(struct qmp_session *s, const char *why)
{
    if (!s->lost)
        s->lost = mem_strdup(why);
    return -1;
}

int session_lost(const struct qmp_session *s, enum qmp_outcome outcome, struct qmp_error **err)
{
    return problem_set(err, QMP_ERROR_KIND_CONNECTION, outcome, "%s", s->lost);
}

static void keep_event(struct qmp_session *s, struct span text)
{
    if (s->n_events == LIMIT_API_EVENTS) {
        free(s->events[0]);
        memmove(s->events, s->events + 1, --s->n_events * sizeof(*s->events));
        s->events_lost++;
    }
    mem_grow((void **)&s->events, &s->events_cap, s->n_events + 1, sizeof(*s->events));
    s->events[s->n_events++] = mem_strndup(text.data, text.len);
}

static int keep_reply(struct qmp_session *s, const struct qmp_tape *t, struct span text)
{
    int64_t id;
    uint32_t token = qmp_tape_find(t, 0, SPAN_LIT("id"));
    struct session_request *r = NULL;
    if (token != QMP_NONE && qmp_tape_int64(t, token, &id))
        r = session_find(s, (uint64_t)id);
    if (!r || r->reply)
        return lose(s, "the monitor answered what nobody asked");
    if (r->forgotten)
        session_remove(s, r);
    else
        r->reply = mem_strndup(text.data, text.len);
    return 0;
}

static int take_message(struct qmp_session *s)
{
    const struct qmp_tape *t = qmp_scanner_tape(s->scanner);
    if (qmp_tape_kind(t, 0) != QMP_KIND_OBJECT)
        return lose(s, "the monitor sent something else than an object");
    struct span text = qmp_tape_raw(t, 0);
    if (!s->greeting) {
        if (qmp_tape_find(t, 0, SPAN_LIT("QMP")) == QMP_NONE)
            return lose(s, "there is no monitor: it does not greet");
        s->greeting = mem_strndup(text.data, text.len);
        return 0;
    }
    if (qmp_tape_find(t, 0, SPAN_LIT("event")) != QMP_NONE) {
        keep_event(s, text);
        return 0;
    }
    return keep_reply(s, t, text);
}

/* All messages that are whole. */
static int take_messages(struct qmp_session *s)
{
    for (;;) {
        size_t consumed = 0;
        enum qmp_frame_status status =
            qmp_framer_next(&s->framer, s->scanner, buf_data(&s->in), buf_len(&s->in), &consumed);
        if (status == QMP_FRAME_MORE) {
            buf_consume(&s->in, consumed);
            return 0;
        }
        if (status != QMP_FRAME_MESSAGE)
            return lose(s, "the monitor sent something else than JSON");
        int rc = take_message(s);
        buf_consume(&s->in, consumed);
        if (rc < 0)
            return rc;
    }
}

/* --- bytes ------------------------------------------------------------------------------------ */

int qmp_session_fd(const struct qmp_session *s)
{
    return stream_fd(s->stream);
}

unsigned qmp_session_wants(const struct qmp_session *s)
{
    if (s->lost)
        return 0;
    return QMP_WANTS_READ | (buf_len(&s->out) ? QMP_WANTS_WRITE : 0u);
}

static int send_bytes(struct qmp_session *s)
{
    struct error e = { 0 };
    while (buf_len(&s->out)) {
        size_t n;
        enum stream_status status =
            stream_write(s->stream, buf_data(&s->out), buf_len(&s->out), &n, &e);
        if (status == STREAM_FAILED || status == STREAM_EOF)
            return lose(s, e.text);
        if (status != STREAM_OK)
            return 0;
        buf_consume(&s->out, n);
        s->written += n;
    }
    return 0;
}

static int receive_bytes(struct qmp_session *s)
{
    struct error e = { 0 };
    for (;;) {
        size_t n;
        char *room = buf_reserve(&s->in, LIMIT_API_READ_BYTES);
        enum stream_status status = stream_read(s->stream, room, LIMIT_API_READ_BYTES, &n, &e);
        if (status == STREAM_EOF)
            return lose(s, "the monitor ended the connection");
        if (status == STREAM_FAILED)
            return lose(s, e.text);
        if (status != STREAM_OK)
            return 0;
        buf_commit(&s->in, n);
        if (take_messages(s) < 0)
            return -1;
        if (n < LIMIT_API_READ_BYTES && stream_pending(s->stream) == 0)
            return 0;
    }
}

int qmp_session_notify(struct qmp_session *s, struct qmp_error **err)
{
    /* what came before the end is read even if nothing can be written any more */
    if (!s->lost) {
        (void)send_bytes(s);
        char *why = TAKE_PTR(s->lost);
        (void)receive_bytes(s);
        if (why && !s->lost)
            s->lost = why;
        else
            free(why);
    }
    return s->lost ? session_lost(s, QMP_OUTCOME_UNKNOWN, err) : 0;
}

uint64_t qmp_session_events_lost(const struct qmp_session *s)
{
    return s->events_lost;
}
