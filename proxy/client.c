#include "config.h"
#include "proxy/client.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/secret.h"
#include "proxy/client_admit.h"
#include "proxy/daemon.h"
#include "proxy/dispatch.h"
#include "proxy/registry.h"
#include "proxy/snapshot.h"

#define READS_A_TURN    4    /* so that one client's flood does not hold up the others */
#define OUT_KEEP_BYTES  1024 /* an idle client keeps no more than this */
#define FLUSH_SECONDS   5u   /* for last words */
#define LINGER_SECONDS  1u   /* for the peer to close after them */
#define REVERIFY_A_TURN 32u  /* certificates; 0.2 ms each */

static const struct conf_limits *limits_of(const struct client *c)
{
    return &c->loop->snapshot->conf->limits;
}

struct qmp_scan_limits client_scan_limits(const struct loop *loop)
{
    return (struct qmp_scan_limits){
        .max_bytes = loop->snapshot->conf->limits.request_bytes,
        .max_depth = LIMIT_REQUEST_DEPTH,
        .max_tokens = LIMIT_REQUEST_TOKENS,
    };
}

/* --- end -------------------------------------------------------------------------------------- */

static void count_output(struct client *c)
{
    size_t now = buf_len(&c->out);
    if (now != c->out_counted) {
        atomic_fetch_add_explicit(&c->loop->daemon->output_bytes, now - c->out_counted,
                                  memory_order_relaxed);
        c->out_counted = now;
    }
}

void client_close(struct client *c, const char *reason)
{
    if (c->state == CLIENT_CLOSED)
        return;
    struct loop *loop = c->loop;
    const char *why = c->close_reason ? c->close_reason : reason;
    if (c->session.caller && c->session.caller->identity) {
        struct audit_record record = dispatch_session_record(&c->session, AUDIT_SESSION_CLOSE);
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
    count_output(c);
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

void client_finish(struct client *c, const char *reason)
{
    if (c->state >= CLIENT_FLUSHING)
        return;
    if (c->state != CLIENT_OPEN) {
        client_close(c, reason);
        return;
    }
    c->close_reason = mem_strdup(reason); /* its end comes later than this call's */
    c->state = CLIENT_FLUSHING;
    session_stop(&c->session);
    event_del(&c->read_event);
    client_set_deadline(c, FLUSH_SECONDS, "flush");
    client_touch(c);
}

void client_dismiss(struct client *c, const char *reason)
{
    CLEANUP_BUF struct buf data = { 0 };
    BUF_ADD_LIT(&data, "{\"reason\": ");
    buf_add_json_string(&data, reason, strlen(reason));
    BUF_ADD_LIT(&data, "}");
    session_gateway_event(&c->session, "GATEWAY_CLOSED",
                          (struct span){ buf_data(&data), buf_len(&data) });
    client_finish(c, reason);
}

/* Our side is closed; reading on until the peer closes keeps the kernel from answering what it
 * still sends with a reset, which could overtake our last words. */
static void start_lingering(struct client *c)
{
    stream_shutdown(c->stream);
    if (c->loop->draining) { /* nobody waits for the slow when the house is closed */
        client_close(c, "finished");
        return;
    }
    c->state = CLIENT_LINGERING;
    client_set_deadline(c, LINGER_SECONDS, "linger");
    event_add(&c->read_event, NULL);
}

static void on_lingering(struct client *c)
{
    size_t n;
    struct error err;
    for (int i = 0; i < READS_A_TURN; i++) {
        switch (stream_read(c->stream, c->loop->read_bytes, LOOP_READ_BYTES, &n, &err)) {
        case STREAM_OK:
            break;
        case STREAM_WANT_READ:
        case STREAM_WANT_WRITE:
            return;
        case STREAM_EOF:
        case STREAM_FAILED:
            client_close(c, "finished");
            return;
        }
    }
}

/* --- output ----------------------------------------------------------------------------------- */

void client_touch(struct client *c)
{
    if (c->dirty || c->state == CLIENT_CLOSED)
        return;
    c->dirty = true;
    c->dirty_next = c->loop->dirty_clients;
    c->loop->dirty_clients = c;
}

bool client_is_slow(const struct client *c)
{
    return buf_len(&c->out) > limits_of(c)->output_soft_bytes;
}

bool client_has_room(const struct client *c, size_t bytes)
{
    return buf_len(&c->out) + bytes <= limits_of(c)->output_soft_bytes;
}

static void tell_lost_events(struct client *c)
{
    if (c->events_lost == 0 || buf_len(&c->out) > limits_of(c)->output_soft_bytes / 2)
        return;
    char data[64];
    int n = snprintf(data, sizeof(data), "{\"count\": %llu}", (unsigned long long)c->events_lost);
    c->events_lost = 0;
    session_gateway_event(&c->session, "GATEWAY_EVENTS_LOST", (struct span){ data, (size_t)n });
}

/* False if the client is gone. */
static bool check_output_limits(struct client *c)
{
    const struct conf_limits *limits = limits_of(c);
    count_output(c);
    bool too_much = buf_len(&c->out) > limits->output_hard_bytes;
    if (!too_much && client_is_slow(c))
        too_much = atomic_load_explicit(&c->loop->daemon->output_bytes, memory_order_relaxed) >
                   limits->output_total_bytes;
    if (too_much) {
        STATS_INC(c->loop, slow_disconnects);
        log_info("connection %llu: disconnected: does not read what it asked for",
                 (unsigned long long)c->number);
        client_close(c, "reads too slowly");
        return false;
    }
    return true;
}

static void flush_output(struct client *c)
{
    struct error err;
    size_t n;
    while (buf_len(&c->out)) {
        enum stream_status st =
            stream_write(c->stream, buf_data(&c->out), buf_len(&c->out), &n, &err);
        if (st == STREAM_OK) {
            buf_consume(&c->out, n);
        } else if (st == STREAM_WANT_WRITE) {
            event_add(&c->write_event, NULL);
            break;
        } else if (st == STREAM_WANT_READ) {
            break;
        } else {
            client_close(c, "connection lost");
            return;
        }
    }
    if (!check_output_limits(c))
        return;
    tell_lost_events(c);
    if (buf_len(&c->out) == 0) {
        buf_trim(&c->out, OUT_KEEP_BYTES);
        if (c->state == CLIENT_FLUSHING)
            start_lingering(c);
    }
    if ((c->paused || buf_len(&c->in)) && !client_is_slow(c) && session_wants_input(&c->session))
        client_resume(c);
}

/* More of its answers are on the way from the VM: for one turn what is there waits for them. It
 * stays dirty, so that nobody else puts it on a list. */
static bool hold(struct client *c)
{
    if (c->held || c->state != CLIENT_OPEN || c->move_to || c->loop->stopping ||
        !session_awaits_vm(&c->session))
        return false;
    c->held = true;
    c->dirty_next = c->loop->held_clients;
    c->loop->held_clients = c;
    return true;
}

void client_take_held(struct loop *loop)
{
    while (loop->held_clients) {
        struct client *c = loop->held_clients;
        loop->held_clients = c->dirty_next;
        c->dirty_next = loop->dirty_clients;
        loop->dirty_clients = c;
    }
}

static void do_move(struct client *c);

void client_flush_dirty(struct loop *loop)
{
    struct client *c = loop->dirty_clients;
    loop->dirty_clients = NULL;
    while (c) {
        struct client *next = c->dirty_next;
        if (hold(c)) {
            c = next;
            continue;
        }
        c->dirty = c->held = false;
        if (c->stream && c->state != CLIENT_CLOSED)
            flush_output(c);
        if (c->move_to && c->state == CLIENT_OPEN && !c->dirty)
            do_move(c);
        c = next;
    }
}

/* --- input ------------------------------------------------------------------------------------ */

static struct qmp_scanner *new_scanner(struct loop *loop)
{
    struct qmp_scan_limits limits = client_scan_limits(loop);
    return qmp_scanner_new(&limits);
}

/* The scanner stays with the client while it holds half a message of it. */
static void settle_scanner(struct client *c)
{
    struct loop *loop = c->loop;
    if (qmp_framer_mid_message(&c->framer)) {
        if (!c->scanner) {
            c->scanner = loop->scanner;
            loop->scanner = new_scanner(loop);
        }
    } else if (c->scanner) {
        qmp_scanner_free(c->scanner);
        c->scanner = NULL;
    }
}

/* One frame; false if no more can be taken now. */
static bool take_frame(struct client *c, char *data, size_t len, size_t *done)
{
    struct qmp_scanner *scanner = c->scanner ? c->scanner : c->loop->scanner;
    size_t consumed = 0;
    enum qmp_frame_status st = qmp_framer_next(&c->framer, scanner, data, len, &consumed);
    switch (st) {
    case QMP_FRAME_MORE:
        break;
    case QMP_FRAME_MESSAGE:
        if (session_handle(&c->session, qmp_scanner_tape(scanner))) {
            secret_wipe(data, consumed);
            qmp_scanner_wipe(scanner);
        }
        break;
    case QMP_FRAME_BROKEN:
        STATS_INC(c->loop, malformed);
        session_handle_broken(&c->session, qmp_scanner_tape(scanner), &c->framer.fault);
        break;
    case QMP_FRAME_GARBAGE:
        STATS_INC(c->loop, malformed);
        session_handle_broken(&c->session, NULL, &c->framer.fault);
        break;
    case QMP_FRAME_CLOSE:
        STATS_INC(c->loop, malformed);
        if (c->framer.fault.text)
            session_handle_broken(&c->session, NULL, &c->framer.fault);
        session_give_up(&c->session, "too much that is not QMP");
        c->input_ended = true;
        break;
    }
    *done = consumed;
    settle_scanner(c);
    return st != QMP_FRAME_MORE && st != QMP_FRAME_CLOSE;
}

/* Takes what can be taken of data[0..len); the number of bytes that are done with. */
static size_t take_input(struct client *c, char *data, size_t len)
{
    size_t done = 0, n;
    bool more = true;
    while (more && done < len && c->state == CLIENT_OPEN && session_wants_input(&c->session)) {
        more = take_frame(c, data + done, len - done, &n);
        done += n;
    }
    if (!qmp_framer_skipping(&c->framer))
        c->resync_since_us = 0;
    else if (c->resync_since_us == 0)
        c->resync_since_us = clock_monotonic_us();
    return done;
}

static void take_buffered(struct client *c)
{
    size_t n = take_input(c, buf_data(&c->in), buf_len(&c->in));
    buf_consume(&c->in, n);
    buf_trim(&c->in, 0);
}

/* Who may log in may be in the middle of a password. */
static void keep_input(struct client *c, char *data, size_t len)
{
    if (c->session.phase != SESSION_AUTH && !c->session.logged_in) {
        buf_add(&c->in, data, len);
    } else {
        buf_add_secret(&c->in, data, len);
        secret_wipe(data, len);
    }
}

static void handle_input(struct client *c, char *data, size_t len)
{
    c->active = true;
    if (buf_len(&c->in)) {
        keep_input(c, data, len);
        take_buffered(c);
    } else {
        size_t n = take_input(c, data, len);
        if (n < len)
            keep_input(c, data + n, len - n);
    }
}

/* The peer has closed: what it asked for is still answered, then the connection ends. */
static void end_of_input(struct client *c)
{
    c->input_ended = true;
    event_del(&c->read_event);
    session_give_up(&c->session, "closed by the peer");
}

static void read_input(struct client *c)
{
    struct error err;
    size_t n;
    if (buf_len(&c->in) && !qmp_framer_mid_message(&c->framer))
        take_buffered(c);
    for (int i = 0; i < READS_A_TURN; i++) {
        if (c->state != CLIENT_OPEN || c->input_ended)
            return;
        if (!session_wants_input(&c->session) || client_is_slow(c)) {
            event_del(&c->read_event); /* client_resume adds it again */
            c->paused = true;
            return;
        }
        switch (stream_read(c->stream, c->loop->read_bytes, LOOP_READ_BYTES, &n, &err)) {
        case STREAM_OK:
            handle_input(c, c->loop->read_bytes, n);
            break;
        case STREAM_WANT_WRITE:
            event_add(&c->write_event, NULL);
            return;
        case STREAM_WANT_READ:
            return;
        case STREAM_EOF:
            end_of_input(c);
            return;
        case STREAM_FAILED:
            client_close(c, "connection lost");
            return;
        }
        if (c->state == CLIENT_OPEN && stream_pending(c->stream) == 0)
            return; /* poll tells of the rest */
    }
    if (c->state == CLIENT_OPEN)
        event_active(&c->read_event, EV_READ, 0);
}

void client_resume(struct client *c)
{
    if (c->state != CLIENT_OPEN || c->input_ended || c->move_to)
        return;
    if (c->paused) {
        c->paused = false;
        event_add(&c->read_event, NULL);
    }
    event_active(&c->read_event, EV_READ, 0);
}

/* --- events ----------------------------------------------------------------------------------- */

static void on_readable(evutil_socket_t fd, short what, void *opaque)
{
    struct client *c = opaque;
    (void)fd, (void)what;
    switch (c->state) {
    case CLIENT_PROXY_HEADER:
    case CLIENT_HANDSHAKE:
        client_admit_continue(c);
        break;
    case CLIENT_OPEN:
        read_input(c);
        break;
    case CLIENT_LINGERING:
        on_lingering(c);
        break;
    case CLIENT_IDENTIFY:
    case CLIENT_FLUSHING:
    case CLIENT_CLOSED:
        break;
    }
}

static void on_writable(evutil_socket_t fd, short what, void *opaque)
{
    struct client *c = opaque;
    (void)fd, (void)what;
    if (c->state == CLIENT_HANDSHAKE) {
        client_admit_continue(c);
        return;
    }
    client_touch(c);
    if (c->state == CLIENT_OPEN && !c->paused && !c->input_ended)
        event_active(&c->read_event, EV_READ, 0);
}

void client_watch(struct client *c, int fd)
{
    event_assign(&c->read_event, c->loop->base, fd, EV_READ | EV_PERSIST, on_readable, c);
    event_assign(&c->write_event, c->loop->base, fd, EV_WRITE, on_writable, c);
}

/* --- moving ----------------------------------------------------------------------------------- */

struct move_message {
    struct loop_message message;
    struct client *client;
    void (*arrived)(struct client *c);
};

static void drain(struct client *c)
{
    struct span none = { 0 };
    if (c->state == CLIENT_OPEN) {
        session_gateway_event(&c->session, "GATEWAY_SHUTDOWN", none);
        session_give_up(&c->session, "the gateway is shutting down");
    } else if (c->state < CLIENT_OPEN) {
        client_close(c, "the gateway is shutting down");
    }
}

static void run_move(struct loop *loop, struct loop_message *message)
{
    struct move_message *m = (struct move_message *)message;
    struct client *c = m->client;
    c->loop = loop;
    HASH_ADD(hh, loop->clients, number, sizeof(c->number), c);
    client_watch(c, stream_fd(c->stream));
    if (!c->paused && !c->input_ended)
        event_add(&c->read_event, NULL);
    if (buf_len(&c->out))
        client_touch(c);
    m->arrived(c);
    client_resume(c); /* what is buffered in us or in TLS is not seen by poll */
    client_admit_recheck(c);
    if (loop->draining && !c->session.giving_up) /* everybody here was told before it came */
        drain(c);
    free(m);
}

static void do_move(struct client *c)
{
    struct loop *to = c->move_to;
    struct move_message *m = MEM_NEW(struct move_message);
    m->message.run = run_move;
    m->client = c;
    m->arrived = c->move_arrived;
    c->move_to = NULL;
    event_del(&c->read_event);
    event_del(&c->write_event);
    HASH_DELETE(hh, c->loop->clients, c);
    registry_set_loop(c->loop->daemon->registry, c->registry, to);
    c->loop = NULL;
    loop_post(to, &m->message);
}

void client_move(struct client *c, struct loop *to, void (*arrived)(struct client *c))
{
    c->move_to = to;
    c->move_arrived = arrived;
    client_touch(c);
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
    client_set_deadline(c, limits_of(c)->idle_seconds, "idle for too long");
    c->deadline_idle = true;
}

static void on_deadline(struct client *c)
{
    if (c->state == CLIENT_LINGERING || c->state == CLIENT_FLUSHING) {
        client_close(c, "finished");
        return;
    }
    STATS_INC(c->loop, timeouts);
    log_info("connection %llu: %s: closed", (unsigned long long)c->number, c->deadline_what);
    client_dismiss(c, c->deadline_what);
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
    HASH_ITER (hh, loop->clients, c, next) {
        if (c->state == CLIENT_OPEN && c->session.attaching && has_left(c)) {
            client_close(c, "closed by the peer while its attach was pending");
            continue;
        }
        if (c->deadline_idle && (c->active || c->session.n_queued)) {
            c->active = false;
            client_set_idle_deadline(c);
        }
        bool stuck =
            c->resync_since_us && now - c->resync_since_us > LIMIT_RESYNC_SECONDS * USEC_PER_SEC;
        if (stuck && c->state == CLIENT_OPEN)
            client_finish(c, "no line feed after what is not QMP");
        else if (c->state == CLIENT_OPEN && is_login_old(c, now))
            client_dismiss(c, "its login is too old");
        else if (c->deadline_us && now > c->deadline_us)
            on_deadline(c);
    }
}

/* --- all of a loop ---------------------------------------------------------------------------- */

struct client *client_find(struct loop *loop, uint64_t number)
{
    struct client *c;
    HASH_FIND(hh, loop->clients, &number, sizeof(number), c);
    return c;
}

void client_close_all(struct loop *loop, const char *reason)
{
    struct client *c, *next;
    HASH_ITER (hh, loop->clients, c, next)
        client_close(c, reason);
}

void client_drain_all(struct loop *loop)
{
    struct client *c, *next;
    HASH_ITER (hh, loop->clients, c, next)
        drain(c);
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
