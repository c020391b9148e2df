#include "config.h"
#include "proxy/loop.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "proxy/client.h"
#include "proxy/daemon.h"
#include "proxy/dispatch.h"
#include "proxy/monitor.h"
#include "proxy/snapshot.h"

#define LOOP_TICK_MS 250 /* how exactly deadlines of clients and VMs are kept */

/* --- a turn ----------------------------------------------------------------------------------- */

int64_t loop_utc_us(struct loop *loop)
{
    if (!loop->turn_utc_us)
        loop->turn_utc_us = clock_utc_us();
    return loop->turn_utc_us;
}

int64_t loop_monotonic_us(struct loop *loop)
{
    if (!loop->turn_monotonic_us)
        loop->turn_monotonic_us = clock_monotonic_us();
    return loop->turn_monotonic_us;
}

static void finish_turn(struct loop *loop)
{
    client_take_held(loop);
    do {
        monitor_pump_dirty(loop);
        dispatch_settle(loop);
        monitor_flush_dirty(loop);
        client_flush_dirty(loop);
    } while (loop->dirty_monitors || loop->dirty_clients || loop->audit_dirty);
    client_bury(loop);
    monitor_bury(loop);
    loop->turn_utc_us = loop->turn_monotonic_us = 0;
}

static void on_tick(evutil_socket_t fd, short what, void *opaque)
{
    struct loop *loop = opaque;
    (void)fd, (void)what;
    int64_t now = clock_monotonic_us();
    atomic_store_explicit(&loop->heartbeat_us, now, memory_order_relaxed);
    if (now - loop->audit_ticked_us >= USEC_PER_SEC) { /* what was over a rate is due to be told */
        loop->audit_ticked_us = now;
        audit_batch_tick(loop->audit, clock_utc_us());
        loop->audit_dirty = !audit_batch_empty(loop->audit);
    }
    client_check_deadlines(loop, now);
    monitor_check_deadlines(loop, now);
}

static void *loop_main(void *opaque)
{
    struct loop *loop = opaque;
    pthread_setname_np(pthread_self(), loop->name);
    while (!loop->stopping) {
        event_base_loop(loop->base, EVLOOP_ONCE | (loop->held_clients ? EVLOOP_NONBLOCK : 0));
        finish_turn(loop);
    }
    return NULL;
}

/* --- life ------------------------------------------------------------------------------------- */

struct loop *loop_new(struct daemon *daemon, unsigned index, bool front, struct error *err)
{
    struct loop *loop = MEM_NEW(struct loop);
    loop->daemon = daemon;
    loop->index = index;
    loop->front = front;
    snprintf(loop->name, sizeof(loop->name), "%s-%u", front ? "front" : "vm", index);
    loop->staged_tail = &loop->staged;
    loop->parked_tail = &loop->parked;
    loop->base = event_base_new();
    if (!loop->base || inbox_init(&loop->inbox, loop->base, loop, err) < 0) {
        error_prefix(err, "cannot make an event loop");
        loop_free(loop);
        return NULL;
    }
    loop->read_bytes = mem_alloc(LOOP_READ_BYTES);
    loop->snapshot = snapshot_current(daemon);
    loop->audit = audit_batch_new(daemon->audit);
    struct qmp_scan_limits limits = client_scan_limits(loop);
    loop->scanner = qmp_scanner_new(&limits);
    event_assign(&loop->tick_event, loop->base, -1, EV_PERSIST, on_tick, loop);
    struct timeval tick = { .tv_usec = LOOP_TICK_MS * 1000 };
    event_add(&loop->tick_event, &tick);
    client_reverify_init(loop);
    return loop;
}

int loop_start(struct loop *loop, struct error *err)
{
    int rc = pthread_create(&loop->thread, NULL, loop_main, loop);
    if (rc) {
        errno = rc;
        return error_set_errno(err, "cannot start a thread");
    }
    loop->thread_started = true;
    return 0;
}

static void run_stop(struct loop *loop, struct loop_message *message)
{
    loop->stopping = true;
    free(message);
}

void loop_stop(struct loop *loop)
{
    if (!loop->thread_started)
        return;
    struct loop_message *m = MEM_NEW(struct loop_message);
    m->run = run_stop;
    loop_post(loop, m);
    pthread_join(loop->thread, NULL);
    loop->thread_started = false;
}

void loop_settle(struct loop *loop)
{
    if (!loop)
        return;
    loop->draining = true;
    inbox_run(&loop->inbox);
    client_close_all(loop, AUDIT_CODE_SHUTDOWN, "shutdown");
    monitor_close_all(loop);
    finish_turn(loop);
    dispatch_drop_parked(loop);
}

void loop_free(struct loop *loop)
{
    if (!loop)
        return;
    if (loop->scanner) {
        loop_settle(loop); /* a client that was between two loops */
        event_del(&loop->tick_event);
        event_del(&loop->reverify_event);
    }
    inbox_destroy(&loop->inbox);
    audit_batch_free(loop->audit);
    acl_workspace_fini(&loop->acl);
    acl_workspace_fini(&loop->shadow_acl);
    qmp_scanner_free(loop->scanner);
    snapshot_unref(loop->snapshot);
    if (loop->base)
        event_base_free(loop->base);
    free(loop->reverify);
    free(loop->read_bytes);
    free(loop);
}
