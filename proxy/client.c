#include "config.h"
#include "proxy/client_internal.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "proxy/client_admit.h"
#include "proxy/daemon.h"
#include "proxy/dispatch.h"
#include "proxy/registry.h"
#include "proxy/snapshot.h"

#define FLUSH_SECONDS       5u  /* for last words */
#define LINGER_SECONDS      1u  /* for the peer to close after them */
#define LOST_RECORD_SECONDS 10u /* between two records of events that a client lost */
#define REVERIFY_A_TURN     32u /* certificates; 0.2 ms each */

struct qmp_scan_limits client_scan_limits(const struct loop *loop)
{
    return (struct qmp_scan_limits){
        .max_bytes = loop->snapshot->conf->limits.request_bytes,
        .max_depth = LIMIT_REQUEST_DEPTH,
        .max_tokens = LIMIT_REQUEST_TOKENS,
    };
}

/* --- end -------------------------------------------------------------------------------------- */

void client_close(struct client *c, enum audit_code code, const char *reason)
{
    if (c->state == CLIENT_CLOSED)
        return;
    struct loop *loop = c->loop;
    const char *why = c->close_reason ? c->close_reason : reason;
    client_record_lost(c);
    if (c->session.caller && c->session.caller->identity) {
        struct audit_record record = dispatch_session_record(&c->session, AUDIT_SESSION_CLOSE);
        record.code = c->close_reason ? c->close_code : code;
        record.text = (struct span){ why, strlen(why) };
        dispatch_record(loop, &record);
    }
    log_debug("connection %llu: closed: %s", (unsigned long long)c->number, why);
    c->state = CLIENT_CLOSED;
    session_end(&c->session, why);
    event_del(&c->read_event);
    event_del(&c->write_event);
    offload_cancel(&c->away);
    HASH_DELETE(hh, loop->clients, c);
    registry_remove(loop->daemon->registry, c->registry);
    c->registry = NULL;
    buf_clear(&c->out);
    client_count_output(c);
    c->dead_next = loop->graveyard;
    loop->graveyard = c;
}

static void free_client(struct client *c)
{
    stream_free(c->stream);
    if (c->fd >= 0)
        close(c->fd);
    qmp_scanner_free(c->scanner);
    buf_free_secret(&c->in);
    buf_free(&c->out);
    caller_unref(c->session.caller);
    free(c->listener);
    free(c->site);
    free(c->close_reason);
    free(c);
}

void client_bury(struct loop *loop)
{
    struct client **at = &loop->graveyard;
    while (*at) {
        struct client *c = *at;
        if (c->dirty) { /* on a list until the next turn */
            at = &c->dead_next;
            continue;
        }
        *at = c->dead_next;
        free_client(c);
    }
}

void client_finish(struct client *c, enum audit_code code, const char *reason)
{
    if (c->state >= CLIENT_FLUSHING)
        return;
    if (c->state != CLIENT_OPEN) {
        client_close(c, code, reason);
        return;
    }
    c->close_code = code;
    c->close_reason = mem_strdup(reason); /* its end comes later than this call's */
    c->state = CLIENT_FLUSHING;
    session_stop(&c->session);
    event_del(&c->read_event);
    client_set_deadline(c, FLUSH_SECONDS, "flush");
    client_touch(c);
}

void client_dismiss(struct client *c, enum audit_code code, const char *reason)
{
    CLEANUP_BUF struct buf data = { 0 };
    BUF_ADD_LIT(&data, "{\"reason\": ");
    buf_add_json_string(&data, reason, strlen(reason));
    BUF_ADD_LIT(&data, "}");
    session_gateway_event(&c->session, "GATEWAY_CLOSED",
                          (struct span){ buf_data(&data), buf_len(&data) });
    client_finish(c, code, reason);
}

/* Our side is closed; reading on until the peer closes keeps the kernel from answering what it
 * still sends with a reset, which could overtake our last words. */
void client_start_lingering(struct client *c)
{
    stream_shutdown(c->stream);
    if (c->loop->draining) { /* nobody waits for the slow when the house is closed */
        client_close(c, AUDIT_CODE_PEER_CLOSED, "finished");
        return;
    }
    c->state = CLIENT_LINGERING;
    client_set_deadline(c, LINGER_SECONDS, "linger");
    event_add(&c->read_event, NULL);
}

/* --- deadlines -------------------------------------------------------------------------------- */

void client_set_deadline(struct client *c, unsigned seconds, const char *what)
{
    c->deadline_us = seconds ? clock_monotonic_us() + seconds * USEC_PER_SEC : 0;
    c->deadline_what = what;
    c->deadline_idle = false;
}

void client_set_idle_deadline(struct client *c)
{
    client_set_deadline(c, client_limits(c)->idle_seconds, "idle for too long");
    c->deadline_idle = true;
}

static void on_deadline(struct client *c)
{
    if (c->state == CLIENT_LINGERING || c->state == CLIENT_FLUSHING) {
        client_close(c, AUDIT_CODE_PEER_CLOSED, "finished");
        return;
    }
    STATS_INC(c->loop, timeouts);
    log_info("connection %llu: %s: closed", (unsigned long long)c->number, c->deadline_what);
    client_dismiss(c, c->deadline_idle ? AUDIT_CODE_IDLE : AUDIT_CODE_TOO_SLOW, c->deadline_what);
}

/* Its input is not read while its attach is pending, so its end is looked for. Who has ended its
 * input only still gets its answers: that is shutdown(2) on a UNIX socket, which hangs up when both
 * directions are over, and close_notify in TLS, under which the end of TCP's stream is the end. */
static bool has_left(const struct client *c)
{
    struct pollfd p = { .fd = stream_fd(c->stream), .events = c->tls ? POLLRDHUP : 0 };
    return poll(&p, 1, 0) > 0;
}

static bool is_login_old(const struct client *c, int64_t now)
{
    unsigned seconds = c->loop->snapshot->conf->sasl.session_seconds;
    return c->login_us && seconds && now - c->login_us > seconds * USEC_PER_SEC;
}

void client_check_deadlines(struct loop *loop, int64_t now)
{
    struct client *c, *next;
    time_t wall = time(NULL);
    bool due = false;
    HASH_ITER (hh, loop->clients, c, next) {
        due |= client_admit_is_due(c, wall);
        if (c->lost.count && (!c->lost.recorded_us ||
                              now - c->lost.recorded_us >= LOST_RECORD_SECONDS * USEC_PER_SEC))
            client_record_lost(c);
        if (c->state == CLIENT_OPEN && c->session.attaching && has_left(c)) {
            client_close(c, AUDIT_CODE_PEER_CLOSED,
                         "closed by the peer while its attach was pending");
            continue;
        }
        if (c->deadline_idle && (c->active || c->session.n_queued)) {
            c->active = false;
            client_set_idle_deadline(c);
        }
        bool stuck =
            c->resync_since_us && now - c->resync_since_us > LIMIT_RESYNC_SECONDS * USEC_PER_SEC;
        if (stuck && c->state == CLIENT_OPEN)
            client_finish(c, AUDIT_CODE_NOT_QMP, "no line feed after what is not QMP");
        else if (c->state == CLIENT_OPEN && is_login_old(c, now))
            client_dismiss(c, AUDIT_CODE_LOGIN, "its login is too old");
        else if (c->deadline_us && now > c->deadline_us)
            on_deadline(c);
    }
    if (due && loop->reverify_done == loop->reverify_count) /* otherwise they are at it */
        client_reverify_all(loop);
}

/* --- all of a loop ---------------------------------------------------------------------------- */

struct client *client_find(struct loop *loop, uint64_t number)
{
    struct client *c;
    HASH_FIND(hh, loop->clients, &number, sizeof(number), c);
    return c;
}

void client_close_all(struct loop *loop, enum audit_code code, const char *reason)
{
    struct client *c, *next;
    HASH_ITER (hh, loop->clients, c, next)
        client_close(c, code, reason);
}

static void on_reverify(evutil_socket_t fd, short what, void *opaque)
{
    struct loop *loop = opaque;
    (void)fd, (void)what;
    for (unsigned i = 0; i < REVERIFY_A_TURN && loop->reverify_done < loop->reverify_count; i++) {
        struct client *c = client_find(loop, loop->reverify[loop->reverify_done++]);
        if (c)
            client_admit_recheck(c);
    }
    if (loop->reverify_done < loop->reverify_count)
        event_active(&loop->reverify_event, EV_TIMEOUT, 0);
}

void client_reverify_init(struct loop *loop)
{
    event_assign(&loop->reverify_event, loop->base, -1, 0, on_reverify, loop);
}

void client_reverify_all(struct loop *loop)
{
    struct client *c, *next;
    unsigned n = HASH_COUNT(loop->clients);
    loop->reverify = mem_realloc_array(loop->reverify, n, sizeof(*loop->reverify));
    loop->reverify_count = loop->reverify_done = 0;
    HASH_ITER (hh, loop->clients, c, next)
        loop->reverify[loop->reverify_count++] = c->number;
    if (n)
        event_active(&loop->reverify_event, EV_TIMEOUT, 0);
}
