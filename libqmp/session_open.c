/* How a session begins: its greeting, the VM, negotiation. */
#include "config.h"
#include "libqmp/session_internal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/mem.h"
#include "base/random.h"
#include "libqmp/login.h"
#include "qmp/scan.h"

#define HOST_NAME_LEN 256 /* of this machine, with its NUL */

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
    s->deadline = DEADLINE_NEVER;
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
    buf_free_secret(&s->out); /* of a login that was broken off */
    stream_free(s->stream);
    qmp_scanner_free(s->scanner);
    free(s->greeting);
    free(s->vm);
    free(s->advice);
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

bool qmp_session_is_gateway(const struct qmp_session *s)
{
    return s->gateway;
}

const char *qmp_session_vm(const struct qmp_session *s)
{
    return s->vm;
}

const char *qmp_session_mechanism(const struct qmp_session *s)
{
    return s->mechanism;
}

/* --- beginning -------------------------------------------------------------------------------- */

static bool is_greeted(const struct qmp_session *s, uint64_t unused)
{
    return s->greeting != NULL;
}

static int greet(struct qmp_session *s, struct qmp_error **err)
{
    int64_t left = (s->deadline - clock_monotonic_us()) / USEC_PER_MSEC;
    int rc = session_wait(s,
                          s->deadline == DEADLINE_NEVER ? -1
                          : left > 1                    ? (int)left
                                                        : 1,
                          is_greeted, 0);
    if (rc == 0)
        return 0;
    return rc == SESSION_LATE
               ? problem_set(err, QMP_ERROR_KIND_TIMEOUT, QMP_OUTCOME_NOT_SENT,
                             "connected, but it does not greet in time: a QEMU socket serves one "
                             "client at a time, and another one may hold it")
               : session_lost(s, QMP_OUTCOME_NOT_SENT, err);
}

static struct qmp_session *session_on(struct session_way *way, int timeout_ms, int64_t deadline)
{
    struct qmp_session *s = session_new(TAKE_PTR(way->stream), timeout_ms);
    s->deadline = deadline;
    s->passes_fds = way->passes_fds;
    s->vm = TAKE_PTR(way->vm);
    s->advice = TAKE_PTR(way->advice);
    return s;
}

/* What is verified is what Kerberos is asked for: the name of the certificate. */
static void set_server(struct login *l, const struct session_way *way)
{
    char here[HOST_NAME_LEN] = { 0 };
    const char *name = way->server;
    if (!name)
        name = gethostname(here, sizeof(here) - 1) == 0 ? here : "localhost";
    free(l->server);
    l->server = mem_strndup(name, strcspn(name, "%")); /* an address' zone is no part of a name */
    l->tls = way->tls;
    l->certificate = way->certificate;
}

static int begin_once(const char *uri, struct login *l, struct qmp_session **out,
                      struct qmp_error **err)
{
    struct error e;
    struct session_way way = { 0 };
    int64_t deadline = deadline_after(l->settings->timeout_ms * USEC_PER_MSEC);
    if (session_connect(uri, l->settings, deadline, &way, &e) < 0)
        return problem_from(err, &e, QMP_ERROR_KIND_CONNECTION, QMP_OUTCOME_NOT_SENT);
    return session_begin_on(&way, l, deadline, out, err);
}

int session_begin_on(struct session_way *take_way, struct login *l, int64_t deadline,
                     struct qmp_session **out, struct qmp_error **err)
{
    set_server(l, take_way);
    struct qmp_session *s = session_on(take_way, l->settings->timeout_ms, deadline);
    session_way_clear(take_way);
    if (greet(s, err) < 0 || session_identify(s, l, err) < 0) {
        qmp_close(s);
        return -1;
    }
    *out = s;
    return 0;
}

/* Once more, if a password is needed and somebody has it. */
int session_begin(const char *uri, const struct qmp_settings *settings, struct qmp_session **out,
                  struct qmp_error **err)
{
    struct login login;
    struct qmp_error *why = NULL;
    *out = NULL;
    if (login_init(&login, settings, err) < 0)
        return -1;
    int rc = begin_once(uri, &login, out, &why);
    if (rc < 0 && login.wants_password) {
        qmp_error_free(TAKE_PTR(why));
        rc = login_ask(&login, &why);
        if (rc == 0)
            rc = begin_once(uri, &login, out, &why);
    }
    login_clear(&login);
    if (rc < 0 && err)
        *err = TAKE_PTR(why);
    qmp_error_free(why);
    return rc;
}

static int negotiate(struct qmp_session *s, struct qmp_error **err)
{
    s->oob = session_greeting_offers(s->greeting, "oob");
    s->last_id = random_id(); /* which the client before us did not have */
    int rc =
        qmp_execute(s, "qmp_capabilities", s->oob ? "{\"enable\":[\"oob\"]}" : NULL, NULL, err);
    s->last_id = 0;
    s->settled = true;
    return rc;
}

int qmp_open_with(const char *uri, const struct qmp_settings *settings,
                  struct qmp_session **session, struct qmp_error **err)
{
    struct qmp_session *s;
    *session = NULL;
    if (session_begin(uri, settings, &s, err) < 0)
        return -1;
    if (negotiate(s, err) < 0) {
        qmp_close(s);
        return -1;
    }
    s->deadline = DEADLINE_NEVER;
    *session = s;
    return 0;
}

int qmp_open(const char *uri, int timeout_ms, struct qmp_session **session, struct qmp_error **err)
{
    const struct qmp_settings settings = { .timeout_ms = timeout_ms };
    return qmp_open_with(uri, &settings, session, err);
}
