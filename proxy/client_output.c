/* What a client is told: gathered in a turn, sent at its end, within limits. */
#include "config.h"
#include "proxy/client_internal.h"

#include <stdio.h>
#include "base/log.h"
#include "proxy/daemon.h"
#include "proxy/dispatch.h"

#define OUT_KEEP_BYTES 1024 /* an idle client keeps no more than this */

void client_count_output(struct client *c)
{
    size_t now = buf_len(&c->out);
    if (now != c->out_counted) {
        atomic_fetch_add_explicit(&c->loop->daemon->output_bytes, now - c->out_counted,
                                  memory_order_relaxed);
        c->out_counted = now;
    }
}

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
    return buf_len(&c->out) > client_limits(c)->output_soft_bytes;
}

bool client_has_room(const struct client *c, size_t bytes)
{
    return buf_len(&c->out) + bytes <= client_limits(c)->output_soft_bytes;
}

void client_lose_event(struct client *c)
{
    c->events_lost++;
    if (c->lost.count++ == 0)
        c->lost.since_us = loop_utc_us(c->loop);
    STATS_INC(c->loop, events_lost);
    client_touch(c); /* the marker goes when there is room for it */
}

void client_record_lost(struct client *c)
{
    if (c->lost.count == 0)
        return;
    struct audit_record record = dispatch_session_record(&c->session, AUDIT_EVENTS_LOST);
    record.code = AUDIT_CODE_SLOW_READER;
    record.count = c->lost.count;
    record.since_us = c->lost.since_us;
    dispatch_record(c->loop, &record);
    c->lost.count = 0;
    c->lost.recorded_us = loop_monotonic_us(c->loop);
}

static void tell_lost_events(struct client *c)
{
    if (c->events_lost == 0 || buf_len(&c->out) > client_limits(c)->output_soft_bytes / 2)
        return;
    char data[64];
    int n = snprintf(data, sizeof(data), "{\"count\": %llu}", (unsigned long long)c->events_lost);
    c->events_lost = 0;
    session_gateway_event(&c->session, "GATEWAY_EVENTS_LOST", (struct span){ data, (size_t)n });
}

/* False if the client is gone. */
static bool check_output_limits(struct client *c)
{
    const struct conf_limits *limits = client_limits(c);
    client_count_output(c);
    bool too_much = buf_len(&c->out) > limits->output_hard_bytes;
    if (!too_much && client_is_slow(c))
        too_much = atomic_load_explicit(&c->loop->daemon->output_bytes, memory_order_relaxed) >
                   limits->output_total_bytes;
    if (too_much) {
        STATS_INC(c->loop, slow_disconnects);
        log_info("connection %llu: disconnected: does not read what it asked for",
                 (unsigned long long)c->number);
        client_close(c, AUDIT_CODE_SLOW_READER, "reads too slowly");
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
            client_close(c, AUDIT_CODE_CONNECTION_LOST, "connection lost");
            return;
        }
    }
    if (!check_output_limits(c))
        return;
    tell_lost_events(c);
    if (buf_len(&c->out) == 0) {
        buf_trim(&c->out, OUT_KEEP_BYTES);
        if (c->state == CLIENT_FLUSHING)
            client_start_lingering(c);
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
            client_do_move(c);
        c = next;
    }
}
