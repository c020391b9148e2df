/* Calls that wait, upon those that do not. */
#include "config.h"
#include "libqmp/session_internal.h"

#include <libqmp/events.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/mem.h"
#include "net/connect.h"

/* Milliseconds to the deadline, for poll(2), rounded up; -1: none. */
static int time_left(int64_t deadline_us)
{
    if (deadline_us < 0)
        return -1;
    int64_t left = deadline_us - clock_monotonic_us();
    return left <= 0 ? 0 : (int)((left + USEC_PER_MSEC - 1) / USEC_PER_MSEC);
}

/* 1: somebody called qmp_session_interrupt; -1: nobody can wait. */
static int wait_for_bytes(struct qmp_session *s, int left_ms)
{
    unsigned wants = qmp_session_wants(s);
    struct pollfd p[] = { { .fd = qmp_session_fd(s),
                            .events = (short)((wants & QMP_WANTS_READ ? POLLIN : 0) |
                                              (wants & QMP_WANTS_WRITE ? POLLOUT : 0)) },
                          { .fd = s->wake_fd, .events = POLLIN } };
    uint64_t count;
    if (poll(p, 2, left_ms) < 0 && errno != EINTR)
        return -1;
    return p[1].revents && read(s->wake_fd, &count, sizeof(count)) > 0 ? 1 : 0;
}

int session_wait(struct qmp_session *s, int timeout_ms,
                 bool (*done)(const struct qmp_session *s, uint64_t id), uint64_t id)
{
    int64_t deadline = timeout_ms < 0 ? -1 : clock_monotonic_us() + timeout_ms * USEC_PER_MSEC;
    for (;;) {
        int rc = qmp_session_notify(s, NULL);
        if (done(s, id))
            return 0;
        if (rc < 0)
            return SESSION_LOST;
        int left = time_left(deadline);
        if (left == 0)
            return SESSION_LATE;
        rc = wait_for_bytes(s, left);
        if (rc != 0)
            return rc < 0 ? SESSION_LOST : SESSION_INTERRUPTED;
    }
}

void qmp_session_interrupt(struct qmp_session *s)
{
    int saved = errno;
    uint64_t one = 1;
    while (write(s->wake_fd, &one, sizeof(one)) < 0 && errno == EINTR)
        ;
    errno = saved;
}

/* --- commands --------------------------------------------------------------------------------- */

static bool reply_is_there(const struct qmp_session *s, uint64_t id)
{
    const struct session_request *r = session_find(s, id);
    return r && r->reply;
}

/* Milliseconds for the next reply; -1: without end. While a session is opened: what is left of the
 * time for all of it, a moment at least. */
static int reply_time(const struct qmp_session *s)
{
    if (s->deadline == DEADLINE_NEVER)
        return s->timeout_ms > 0 ? s->timeout_ms : -1;
    int left = time_left(s->deadline);
    return left > 1 ? left : 1;
}

/* The reply's text, owned; NULL with an error. */
static char *wait_reply(struct qmp_session *s, const char *command, uint64_t id,
                        struct qmp_error **err)
{
    char *json = NULL;
    int rc = session_wait(s, reply_time(s), reply_is_there, id);
    enum qmp_outcome outcome = qmp_session_outcome(s, id);
    if (rc == 0 && qmp_session_take_reply(s, &id, &json) == 1)
        return json;
    qmp_session_forget(s, id);
    if (rc == SESSION_LATE)
        problem_set(err, QMP_ERROR_KIND_TIMEOUT, outcome, "%s: no reply in %d ms", command,
                    s->timeout_ms);
    else if (rc == SESSION_INTERRUPTED)
        problem_set(err, QMP_ERROR_KIND_INTERRUPTED, outcome, "%s: interrupted", command);
    else
        session_lost(s, outcome, err);
    return NULL;
}

int codec_call(const struct codec_command *command, struct qmp_session *s, const void *args,
               void *ret, struct qmp_error **err)
{
    uint64_t id;
    char *json = NULL;
    struct qmp_msg *msg = qmp_msg_new();
    if (ret && command->returns)
        memset(ret, 0, codec_place_size(command->returns));
    if (codec_build(command, args, msg, err) == 0 && qmp_session_submit(s, msg, &id, err) == 0)
        json = wait_reply(s, command->name, id, err);
    qmp_msg_free(msg);
    int rc = json ? codec_parse_reply(command, json, ret, err) : -1;
    free(json);
    return rc;
}

int qmp_execute(struct qmp_session *s, const char *name, const char *arguments, char **result,
                struct qmp_error **err)
{
    uint64_t id;
    CLEANUP_FREE char *json = NULL;
    struct qmp_msg *msg = qmp_msg_new();
    if (result)
        *result = NULL;
    if (qmp_execute_build(name, arguments, msg, err) == 0 &&
        qmp_session_submit(s, msg, &id, err) == 0)
        json = wait_reply(s, name, id, err);
    qmp_msg_free(msg);
    return json ? codec_parse_any(name, json, result, err) : -1;
}

int session_call_secret(struct qmp_session *s, const char *command, struct span arguments,
                        char **result, struct qmp_error **err)
{
    *result = NULL;
    if (s->lost)
        return session_lost(s, QMP_OUTCOME_NOT_SENT, err);
    uint64_t id = session_submit_secret(s, command, arguments);
    CLEANUP_FREE char *json = wait_reply(s, command, id, err);
    if (buf_len(&s->out) == 0)
        buf_free_secret(&s->out);
    return json ? codec_parse_any(command, json, result, err) : -1;
}

/* --- events ----------------------------------------------------------------------------------- */

static bool event_is_there(const struct qmp_session *s, uint64_t unused)
{
    return s->n_events > 0;
}

int qmp_session_wait_event(struct qmp_session *s, int timeout_ms, struct qmp_event **event,
                           struct qmp_error **err)
{
    *event = NULL;
    int rc = session_wait(s, timeout_ms, event_is_there, 0);
    if (rc == SESSION_LOST)
        return session_lost(s, QMP_OUTCOME_UNKNOWN, err);
    if (rc == SESSION_INTERRUPTED)
        return problem_set(err, QMP_ERROR_KIND_INTERRUPTED, QMP_OUTCOME_UNKNOWN, "interrupted");
    if (rc == SESSION_LATE)
        return 0;
    CLEANUP_FREE char *json = session_take_event(s);
    return qmp_event_parse(json, event, err) < 0 ? -1 : 1;
}
