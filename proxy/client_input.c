/* What a client says: read, framed, scanned, and handed to its session a message at a time. */
#include "config.h"
#include "proxy/client_internal.h"

#include "base/clock.h"
#include "base/secret.h"
#include "proxy/client_admit.h"

#define READS_A_TURN 4 /* so that one client's flood does not hold up the others */

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
        session_give_up(&c->session, AUDIT_CODE_NOT_QMP, "too much that is not QMP");
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
    session_give_up(&c->session, AUDIT_CODE_PEER_CLOSED, "closed by the peer");
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
            client_close(c, AUDIT_CODE_CONNECTION_LOST, "connection lost");
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
            client_close(c, AUDIT_CODE_PEER_CLOSED, "finished");
            return;
        }
    }
}

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
