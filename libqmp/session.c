#include "config.h"
#include "libqmp/session_internal.h"

#include <libqmp/events.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/limits.h"
#include "base/mem.h"
#include "libqmp/object.h"
#include "qmp/message.h"

#define TLS_RECORD_BYTES 16384u /* what it takes at once */

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
                                   .passes_fd = s->next_fd >= 0,
                                   .fd = s->next_fd,
                                   .is_quit = strcmp(command, "quit") == 0 };
    s->next_fd = -1;
    return r;
}

void session_remove(struct qmp_session *s, struct session_request *r)
{
    free(r->reply);
    if (r->fd >= 0)
        close(r->fd);
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

uint64_t session_submit_secret(struct qmp_session *s, const char *command, struct span arguments)
{
    CLEANUP(buf_free_secret) struct buf text = { 0 };
    struct session_request *r = session_add_request(s, command);
    buf_reserve(&text, arguments.len + strlen(command) + 128); /* so that it never moves */
    buf_printf(&text, "{\"execute\":\"%s\",\"arguments\":", command);
    buf_add_span(&text, arguments);
    buf_printf(&text, ",\"id\":%llu}\n", (unsigned long long)r->id);
    r->length = buf_len(&text);
    buf_add_secret(&s->out, buf_data(&text), buf_len(&text));
    s->queued += r->length;
    return r->id;
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

/* Has any of it left, or can it not be held back? */
static bool is_leaving(const struct qmp_session *s, const struct session_request *r)
{
    return s->written > r->begins || s->offered > r->begins;
}

enum qmp_outcome qmp_session_outcome(const struct qmp_session *s, uint64_t id)
{
    const struct session_request *r = session_find(s, id);
    return r && !is_leaving(s, r) ? QMP_OUTCOME_NOT_SENT : QMP_OUTCOME_UNKNOWN;
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
    else if (!is_leaving(s, r))
        take_back(s, r);
    else
        r->forgotten = true; /* until its reply comes */
}

/* --- descriptors ------------------------------------------------------------------------------ */

static bool one_is_under_way(const struct qmp_session *s)
{
    for (size_t i = 0; i < s->n_requests; i++) {
        if (s->requests[i].passes_fd && !s->requests[i].reply)
            return true;
    }
    return false;
}

int qmp_session_pass_fd(struct qmp_session *s, int fd, struct qmp_error **err)
{
    if (!s->passes_fds)
        return problem_set(err, QMP_ERROR_KIND_ARGUMENT, QMP_OUTCOME_NOT_SENT,
                           "descriptors go along over UNIX sockets only");
    /* QEMU keeps the latest it was sent, and drops the one before */
    if (s->next_fd >= 0 || one_is_under_way(s))
        return problem_set(err, QMP_ERROR_KIND_ARGUMENT, QMP_OUTCOME_NOT_SENT,
                           "one descriptor at a time: the one before is not taken yet");
    s->next_fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    if (s->next_fd < 0)
        return problem_set(err, QMP_ERROR_KIND_ARGUMENT, QMP_OUTCOME_NOT_SENT,
                           "the descriptor cannot be duplicated: %s", strerror(errno));
    return 0;
}

/* --- what comes ------------------------------------------------------------------------------- */

/* The end of the stream is the reply to a `quit` that left: QEMU may be gone before it answers. */
static int lose(struct qmp_session *s, const char *why)
{
    if (!s->lost)
        s->lost = s->advice ? mem_printf("%s (%s)", why, s->advice) : mem_strdup(why);
    for (size_t i = 0; i < s->n_requests; i++) {
        struct session_request *r = &s->requests[i];
        if (r->is_quit && !r->reply && !r->forgotten && is_leaving(s, r))
            r->reply = mem_strdup("{\"return\":{}}");
    }
    return -1;
}

int session_lost(const struct qmp_session *s, enum qmp_outcome outcome, struct qmp_error **err)
{
    return problem_set(err, QMP_ERROR_KIND_CONNECTION, outcome, "%s", s->lost);
}

/* GATEWAY_CLOSED says why the end of the stream is near. Source: qmpgate-protocol(7). */
char *session_closing_words(struct span event)
{
    CLEANUP_FREE char *json = mem_strndup(event.data, event.len);
    CLEANUP_SCANNER struct qmp_scanner *scanner = object_scan(json);
    if (!scanner)
        return NULL;
    const struct qmp_tape *t = qmp_scanner_tape(scanner);
    uint32_t name = object_find_kind(t, 0, "event", QMP_KIND_STRING);
    if (name == QMP_NONE || !qmp_tape_string_is(t, name, SPAN_LIT("GATEWAY_CLOSED")))
        return NULL;
    CLEANUP_FREE char *reason = object_text(t, object_find(t, 0, "data"), "reason");
    return mem_printf("the gateway closed this session: %s%s",
                      reason ? reason : "it does not say why",
                      reason && strstr(reason, "login") ? " (start again to log in again)" : "");
}

static void note_closing(struct qmp_session *s, struct span text)
{
    char *words = session_closing_words(text);
    if (!words)
        return;
    free(s->closing);
    s->closing = words;
}

char *session_take_event(struct qmp_session *s)
{
    if (s->n_events == 0)
        return NULL;
    char *json = s->events[0];
    memmove(s->events, s->events + 1, --s->n_events * sizeof(*s->events));
    return json;
}

int qmp_session_take_event(struct qmp_session *s, char **json)
{
    *json = session_take_event(s);
    return *json ? 1 : 0;
}

static void keep_event(struct qmp_session *s, struct span text)
{
    if (s->n_events == LIMIT_API_EVENTS) {
        free(session_take_event(s));
        s->events_lost++;
    }
    mem_grow((void **)&s->events, &s->events_cap, s->n_events + 1, sizeof(*s->events));
    s->events[s->n_events++] = mem_strndup(text.data, text.len);
}

static struct session_request *find_asked(const struct qmp_session *s, const struct qmp_tape *t,
                                          uint32_t token)
{
    int64_t id;
    return token != QMP_NONE && qmp_tape_int64(t, token, &id) ? session_find(s, (uint64_t)id)
                                                              : NULL;
}

/* What the client before us did not wait for QEMU 7.2 gives to us, behind its greeting or before. A
 * gateway does not; an error in place of its greeting is its own. */
static bool is_anothers(struct qmp_session *s, const struct qmp_tape *t,
                        const struct qmp_answer *answer)
{
    bool is_reply = answer->kind == QMP_ANSWER_RETURN ||
                    (answer->kind == QMP_ANSWER_ERROR && (s->greeting || answer->id != QMP_NONE));
    return is_reply && !s->settled && !s->gateway && !find_asked(s, t, answer->id) &&
           s->n_others++ < LIMIT_OTHERS_REPLIES;
}

static int keep_reply(struct qmp_session *s, const struct qmp_tape *t, uint32_t token,
                      struct span text)
{
    struct session_request *r = find_asked(s, t, token);
    if (!r || r->reply)
        return lose(s, "the monitor answered what nobody asked");
    if (r->forgotten)
        session_remove(s, r);
    else
        r->reply = mem_strndup(text.data, text.len);
    return 0;
}

/* An error that answers nothing is a last word: a gateway's to somebody whom it does not know. */
static int hear_last_word(struct qmp_session *s, struct span text)
{
    CLEANUP_FREE char *json = mem_strndup(text.data, text.len);
    struct qmp_error *err = NULL;
    struct codec_command nothing = { .name = "the monitor" };
    (void)codec_parse_reply(&nothing, json, NULL, &err);
    int rc = lose(s, err ? qmp_error_text(err) : "the monitor answered what nobody asked");
    qmp_error_free(err);
    return rc;
}

static int take_greeting(struct qmp_session *s, struct span text)
{
    if (s->greeting)
        return lose(s, "the monitor greets a second time");
    s->greeting = mem_strndup(text.data, text.len);
    s->gateway = session_greeting_offers(s->greeting, "gateway");
    return 0;
}

static int take_event(struct qmp_session *s, const struct qmp_tape *t, uint32_t name,
                      struct span text)
{
    if (qmp_tape_string_is(t, name, SPAN_LIT("GATEWAY_CLOSED")))
        note_closing(s, text);
    keep_event(s, text);
    return 0;
}

static int take_message(struct qmp_session *s)
{
    const struct qmp_tape *t = qmp_scanner_tape(s->scanner);
    struct span text = qmp_tape_raw(t, 0);
    struct qmp_answer answer;
    struct error e;
    free(s->advice);
    s->advice = NULL;
    if (qmp_answer_parse(t, QMP_UNKNOWN_IGNORED, &answer, &e) < 0)
        return lose(s, e.text);
    if (answer.kind == QMP_ANSWER_GREETING)
        return take_greeting(s, text);
    if (is_anothers(s, t, &answer))
        return 0;
    if (answer.kind == QMP_ANSWER_ERROR && answer.id == QMP_NONE)
        return hear_last_word(s, text);
    if (!s->greeting)
        return lose(s, "there is no monitor: it does not greet");
    if (answer.kind == QMP_ANSWER_EVENT)
        return take_event(s, t, answer.event, text);
    return keep_reply(s, t, answer.id, text);
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

/* The request whose descriptor goes along with what comes next, if any; *len: not beyond it. */
static struct session_request *next_with_fd(struct qmp_session *s, size_t *len)
{
    for (size_t i = 0; i < s->n_requests; i++) {
        struct session_request *r = &s->requests[i];
        if (r->fd < 0 || r->begins < s->written)
            continue;
        size_t before = (size_t)(r->begins - s->written);
        *len = before == 0 ? *len : before < *len ? before : *len;
        return before == 0 ? r : NULL;
    }
    return NULL;
}

static enum stream_status send_some(struct qmp_session *s, size_t *n, struct error *e)
{
    size_t len = buf_len(&s->out);
    struct session_request *r = next_with_fd(s, &len);
    if (!r) {
        bool tls = stream_tls(s->stream) != NULL;
        if (tls && len > TLS_RECORD_BYTES)
            len = TLS_RECORD_BYTES;
        enum stream_status status = stream_write(s->stream, buf_data(&s->out), len, n, e);
        if (tls && status != STREAM_OK) /* it wants these again, and keeps what it made of them */
            s->offered = s->written + len;
        return status;
    }
    enum stream_status status = stream_write_fd(s->stream, buf_data(&s->out), len, r->fd, n, e);
    if (status == STREAM_OK) {
        close(r->fd);
        r->fd = -1;
    }
    return status;
}

static int send_bytes(struct qmp_session *s)
{
    struct error e = { 0 };
    while (buf_len(&s->out)) {
        size_t n;
        enum stream_status status = send_some(s, &n, &e);
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
            return lose(s, s->closing ? s->closing : "the other side closed the connection");
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

void qmp_session_set_event_handler(struct qmp_session *s, qmp_event_fn *handler, void *opaque)
{
    s->on_event = handler;
    s->opaque = opaque;
}

/* The handler may use the session: what comes by that is told when it is back. */
static void tell_events(struct qmp_session *s)
{
    while (s->on_event && !s->telling && s->n_events > 0) {
        CLEANUP_FREE char *json = session_take_event(s);
        struct qmp_event *event;
        if (qmp_event_parse(json, &event, NULL) < 0) {
            s->events_lost++;
            continue;
        }
        s->telling = true;
        s->on_event(s->opaque, s, event);
        s->telling = false;
        qmp_event_free(event);
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
        tell_events(s);
    }
    return s->lost ? session_lost(s, QMP_OUTCOME_UNKNOWN, err) : 0;
}

uint64_t qmp_session_events_lost(const struct qmp_session *s)
{
    return s->events_lost;
}
