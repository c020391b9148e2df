/* How a session begins: its greeting, the VM, negotiation. */
#include "config.h"
#include "libqmp/session_internal.h"

#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/mem.h"
#include "libqmp/settings.h"
#include "qmp/scan.h"

static const struct qmp_scan_limits line_limits = {
    .max_bytes = LIMIT_API_TEXT_BYTES,
    .max_depth = LIMIT_API_LINE_DEPTH,
    .max_tokens = LIMIT_API_LINE_TOKENS,
    .top_level_only = true,
    .one_line = true,
};

/* --- life ------------------------------------------------------------------------------------- */

struct qmp_session *session_new(struct stream *take_stream, int timeout_ms)
{
    struct qmp_session *s = MEM_NEW(struct qmp_session);
    s->stream = take_stream;
    s->scanner = qmp_scanner_new(&line_limits);
    s->timeout_ms = timeout_ms;
    s->next_fd = -1;
    s->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return s;
}

void qmp_close(struct qmp_session *s)
{
    if (!s)
        return;
    while (s->n_requests)
        session_remove(s, &s->requests[s->n_requests - 1]);
    for (size_t i = 0; i < s->n_events; i++)
        free(s->events[i]);
    if (s->next_fd >= 0)
        close(s->next_fd);
    if (s->wake_fd >= 0)
        close(s->wake_fd);
    free(s->requests);
    free(s->events);
    buf_free(&s->in);
    buf_free(&s->out);
    stream_free(s->stream);
    qmp_scanner_free(s->scanner);
    free(s->greeting);
    free(s->closing);
    free(s->lost);
    free(s);
}

void qmp_session_set_timeout(struct qmp_session *s, int timeout_ms)
{
    s->timeout_ms = timeout_ms;
}

const char *qmp_session_greeting(const struct qmp_session *s)
{
    return s->greeting;
}

bool qmp_session_has_oob(const struct qmp_session *s)
{
    return s->oob;
}

/* --- beginning -------------------------------------------------------------------------------- */

static bool is_greeted(const struct qmp_session *s, uint64_t unused)
{
    return s->greeting != NULL;
}

/* For what waits next: what is left of the time, a moment at least. */
static int left_ms(int64_t deadline)
{
    int64_t left = (deadline - clock_monotonic_us()) / USEC_PER_MSEC;
    return deadline == DEADLINE_NEVER ? -1 : left > 1 ? (int)left : 1;
}

static int greet(struct qmp_session *s, int64_t deadline, struct qmp_error **err)
{
    int rc = session_wait(s, left_ms(deadline), is_greeted, 0);
    if (rc == 0)
        return 0;
    return rc == SESSION_LATE
               ? problem_set(err, QMP_ERROR_KIND_TIMEOUT, QMP_OUTCOME_NOT_SENT,
                             "the monitor does not greet: another client may hold it")
               : session_lost(s, QMP_OUTCOME_NOT_SENT, err);
}

static int begin(struct qmp_session *s, const char *vm, int64_t deadline, struct qmp_error **err)
{
    if (greet(s, deadline, err) < 0)
        return -1;
    s->timeout_ms = left_ms(deadline);
    if (session_choose_vm(s, vm, err) < 0)
        return -1;
    s->timeout_ms = left_ms(deadline);
    s->oob = session_greeting_offers(s->greeting, "oob");
    return qmp_execute(s, "qmp_capabilities", s->oob ? "{\"enable\":[\"oob\"]}" : NULL, NULL, err);
}

static int cannot_connect(const struct error *e, struct qmp_error **err)
{
    bool ours = e->code == ERROR_INVALID || e->code == ERROR_DENIED || e->code == ERROR_STATE;
    return problem_set(err, ours ? QMP_ERROR_KIND_ARGUMENT : QMP_ERROR_KIND_CONNECTION,
                       QMP_OUTCOME_NOT_SENT, "%s", e->text);
}

int qmp_open_with(const char *uri, const struct qmp_settings *settings,
                  struct qmp_session **session, struct qmp_error **err)
{
    struct error e;
    struct session_way way;
    int64_t deadline = deadline_after(settings->timeout_ms * USEC_PER_MSEC);
    *session = NULL;
    if (session_connect(uri, settings, deadline, &way, &e) < 0)
        return cannot_connect(&e, err);
    struct qmp_session *s = session_new(way.stream, settings->timeout_ms);
    s->passes_fds = way.passes_fds;
    int rc = begin(s, way.vm, deadline, err);
    free(way.vm);
    if (rc < 0) {
        qmp_close(s);
        return -1;
    }
    s->timeout_ms = settings->timeout_ms;
    *session = s;
    return 0;
}

int qmp_open(const char *uri, int timeout_ms, struct qmp_session **session, struct qmp_error **err)
{
    const struct qmp_settings settings = { .timeout_ms = timeout_ms };
    return qmp_open_with(uri, &settings, session, err);
}
