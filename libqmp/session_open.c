/* How a session begins: where the monitor is, its greeting, negotiation. */
#include "config.h"
#include "libqmp/session_internal.h"

#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/mem.h"
#include "net/address.h"
#include "qmp/scan.h"

static const struct qmp_scan_limits line_limits = {
    .max_bytes = LIMIT_API_TEXT_BYTES,
    .max_depth = LIMIT_API_LINE_DEPTH,
    .max_tokens = LIMIT_API_LINE_TOKENS,
    .top_level_only = true,
    .one_line = true,
};

/* --- where ------------------------------------------------------------------------------------ */

/* "HOST:PORT" or "[HOST]:PORT"; `text` is changed. */
static int connect_loopback(char *text, struct error *err)
{
    struct sockaddr_storage a;
    socklen_t len;
    char *colon = strrchr(text, ':'), *end;
    unsigned long port = colon ? strtoul(colon + 1, &end, 10) : 0;
    if (!colon || port == 0 || port > UINT16_MAX || *end || colon[1] < '0' || colon[1] > '9')
        return error_set(err, ERROR_INVALID, "a tcp URI is tcp:HOST:PORT");
    *colon = '\0';
    if (*text == '[' && colon[-1] == ']') {
        colon[-1] = '\0';
        text++;
    }
    int rc = address_parse(text, (unsigned)port, &a, &len, err);
    if (rc < 0)
        return rc;
    if (!address_is_loopback(&a))
        return error_set(err, ERROR_DENIED,
                         "%s is another machine: nothing would be encrypted on the way", text);
    return connect_tcp(&a, len, err);
}

static int connect_uri(const char *uri, struct error *err)
{
    if (strncmp(uri, "unix:", 5) == 0)
        return connect_unix(uri + 5, err);
    if (strncmp(uri, "tcp:", 4) == 0) {
        CLEANUP_FREE char *rest = mem_strdup(uri + 4);
        return connect_loopback(rest, err);
    }
    return error_set(err, ERROR_INVALID, "a URI begins with unix: or tcp:");
}

/* --- life ------------------------------------------------------------------------------------- */

struct qmp_session *session_new(int take_fd, int timeout_ms)
{
    struct qmp_session *s = MEM_NEW(struct qmp_session);
    s->stream = stream_new_plain(take_fd);
    s->scanner = qmp_scanner_new(&line_limits);
    s->timeout_ms = timeout_ms;
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
    free(s->requests);
    free(s->events);
    buf_free(&s->in);
    buf_free(&s->out);
    stream_free(s->stream);
    qmp_scanner_free(s->scanner);
    free(s->greeting);
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

/* --- negotiation ------------------------------------------------------------------------------ */

static bool is_greeted(const struct qmp_session *s, uint64_t unused)
{
    return s->greeting != NULL;
}

static bool offers_oob(const char *greeting)
{
    struct qmp_scanner *scanner = codec_scan(greeting, QMP_ERROR_KIND_REPLY, NULL);
    bool found = false;
    if (!scanner)
        return false;
    const struct qmp_tape *t = qmp_scanner_tape(scanner);
    uint32_t qmp = qmp_tape_find(t, 0, SPAN_LIT("QMP")), list = QMP_NONE;
    if (qmp != QMP_NONE && qmp_tape_kind(t, qmp) == QMP_KIND_OBJECT)
        list = qmp_tape_find(t, qmp, SPAN_LIT("capabilities"));
    if (list != QMP_NONE && qmp_tape_kind(t, list) == QMP_KIND_ARRAY) {
        QMP_TAPE_ELEMENTS (t, list, e)
            found = found || (qmp_tape_kind(t, e) == QMP_KIND_STRING &&
                              qmp_tape_string_is(t, e, SPAN_LIT("oob")));
    }
    qmp_scanner_free(scanner);
    return found;
}

static int greet(struct qmp_session *s, int timeout_ms, int64_t begin_us, struct qmp_error **err)
{
    int rc = session_wait(s, timeout_ms, is_greeted, 0);
    if (rc < 0)
        return session_lost(s, QMP_OUTCOME_NOT_SENT, err);
    if (rc > 0)
        return problem_set(err, QMP_ERROR_KIND_TIMEOUT, QMP_OUTCOME_NOT_SENT,
                           "the monitor does not greet: another client may hold it");
    s->oob = offers_oob(s->greeting);
    if (timeout_ms > 0) { /* what is left of it, a moment at least */
        int64_t left = timeout_ms - (clock_monotonic_us() - begin_us) / USEC_PER_MSEC;
        s->timeout_ms = left > 1 ? (int)left : 1;
    }
    return qmp_execute(s, "qmp_capabilities", s->oob ? "{\"enable\":[\"oob\"]}" : NULL, NULL, err);
}

int qmp_open(const char *uri, int timeout_ms, struct qmp_session **session, struct qmp_error **err)
{
    struct error e;
    int64_t begin = clock_monotonic_us();
    *session = NULL;
    int fd = connect_uri(uri, &e);
    if (fd < 0)
        return problem_set(err,
                           e.code == ERROR_INVALID || e.code == ERROR_DENIED
                               ? QMP_ERROR_KIND_ARGUMENT
                               : QMP_ERROR_KIND_CONNECTION,
                           QMP_OUTCOME_NOT_SENT, "%s", e.text);
    struct qmp_session *s = session_new(fd, timeout_ms);
    int rc = greet(s, timeout_ms > 0 ? timeout_ms : -1, begin, err);
    if (rc < 0) {
        qmp_close(s);
        return -1;
    }
    s->timeout_ms = timeout_ms;
    *session = s;
    return 0;
}
