/* A VM that libvirt moves to another host, or starts anew where it was, and its sessions with it.
 * From the first sign of it nothing but queries is sent, and from the hand-over on nothing at all:
 * what the VM here would take now, the one there does not know. What waits (for a time) goes to the
 * new host.
 *
 * Signs are QEMU's events, which come at once, and what libvirt says of its job, which is true. A
 * VM that comes elsewhere is followed only if its old libvirt says that it leaves, and the new one
 * that it came by migrating (vm_domains.c). Nothing is ever sent to both. */
#include "config.h"

#include <string.h>
#include <utlist.h>
#include "base/clock.h"
#include "base/log.h"
#include "proxy/client.h"
#include "proxy/daemon.h"
#include "proxy/libvirt_hosts.h"
#include "proxy/monitor.h"
#include "proxy/monitor_start.h"
#include "proxy/request.h"
#include "proxy/session.h"
#include "proxy/snapshot.h"

/* --- the barrier ------------------------------------------------------------------------------ */

static void bar(struct monitor *m, const char *who)
{
    if (m->barrier_us || m->state != MONITOR_READY)
        return;
    m->barrier_us = clock_monotonic_us();
    log_info("VM %s: it migrates (%s says): commands wait", m->vm->name, who);
}

void monitor_forget_move(struct monitor *m)
{
    m->barrier_us = m->away_us = 0;
    m->leaves = m->handed_over = m->restarts = m->moved = false;
    vm_unref(m->moving_to);
    m->moving_to = NULL;
}

/* What waited stands in line again. */
static void lift(struct monitor *m)
{
    struct session *s, *next;
    monitor_forget_move(m);
    DL_FOREACH_SAFE2(m->sessions, s, next, monitor_next)
    session_pump(s);
    monitor_mark_dirty(m);
}

static void stay(struct monitor *m)
{
    log_info("VM %s: its migration is over, and it is where it was", m->vm->name);
    lift(m);
}

bool monitor_is_barred(const struct monitor *m, const struct request *r)
{
    if (!m->barrier_us)
        return false;
    return m->state != MONITOR_READY || m->handed_over || !acl_is_query_command(request_command(r));
}

static bool has_waited(const struct monitor *m, const struct request *r, int64_t now)
{
    int64_t since = r->queued_us > m->barrier_us ? r->queued_us : m->barrier_us;
    return now - since >= m->loop->snapshot->conf->limits.barrier_wait_seconds * USEC_PER_SEC;
}

bool monitor_holds(const struct monitor *m, const struct request *r)
{
    return monitor_is_barred(m, r) && !has_waited(m, r, clock_monotonic_us());
}

/* Those whose first command has waited for too long stand in line, to be refused. */
static void call_up_late(struct monitor *m, int64_t now)
{
    struct session *s;
    DL_FOREACH2(m->sessions, s, monitor_next)
    {
        if (session_next_is_for_vm(s) && has_waited(m, session_head(s), now))
            monitor_enqueue(m, s);
    }
}

/* --- QEMU's events ---------------------------------------------------------------------------- */

/* The words of the member `status`; empty if there are none. */
static void read_status(struct span data, char out[24])
{
    struct qmp_scan_limits limits = { .max_bytes = 1024, .max_depth = 8, .max_tokens = 32 };
    struct qmp_scanner *scanner = qmp_scan_object(&limits, data);
    out[0] = '\0';
    if (!scanner)
        return;
    const struct qmp_tape *t = qmp_scanner_tape(scanner);
    uint32_t token = qmp_tape_find(t, 0, SPAN_LIT("status"));
    if (token != QMP_NONE && qmp_tape_kind(t, token) == QMP_KIND_STRING) {
        struct span text = qmp_tape_string(t, token);
        size_t len = text.len < 23 ? text.len : 23;
        memcpy(out, text.data, len);
        out[len] = '\0';
    }
    qmp_scanner_free(scanner);
}

static void watch_status(struct monitor *m, const char *status)
{
    bool over = strcmp(status, "failed") == 0 || strcmp(status, "cancelled") == 0;
    if (strcmp(status, "none") == 0 || strcmp(status, "cancelling") == 0)
        return;
    if (!over)
        bar(m, "QEMU");
    if (!m->barrier_us || m->moving_to)
        return;
    if (over)
        stay(m);
    else if (strcmp(status, "completed") == 0)
        m->handed_over = true;
}

void monitor_watch_move(struct monitor *m, const struct qmp_tape *t, const struct qmp_answer *event)
{
    char status[24];
    struct span name = qmp_tape_string(t, event->event);
    if (!m->vm->connection || m->restarts || m->moved) /* then it may be the next one's */
        return;
    if (name.len == 6 && memcmp(name.data, "RESUME", 6) == 0) {
        if (m->handed_over && !m->moving_to)
            stay(m); /* it goes on here after all */
    } else if (name.len == 9 && memcmp(name.data, "MIGRATION", 9) == 0 && event->body != QMP_NONE) {
        read_status(qmp_tape_raw(t, event->body), status);
        watch_status(m, status);
    }
}

/* --- going after it --------------------------------------------------------------------------- */

/* Its sessions stay, what it can do is kept until the new one has told what that can do. */
static void move(struct monitor *m)
{
    log_info("VM %s: %s libvirt '%s' now", m->vm->name,
             m->restarts ? "it was started anew at" : "it is at", m->moving_to->connection);
    event_del(&m->linger_timer);
    m->backend_ops->close(m->backend);
    m->backend = NULL;
    m->unresponsive = false;
    m->cut_off_us = m->away_us = 0;
    m->uuid[0] = '\0';
    vm_unref(m->vm);
    m->vm = m->moving_to;
    m->moving_to = NULL;
    m->leaves = false;
    m->moved = true;
    monitor_start(m);
}

void monitor_try_move(struct monitor *m)
{
    if (m->moving_to && m->state == MONITOR_READY && m->n_window == 0)
        move(m);
}

void monitor_moved(struct monitor *m)
{
    struct session *s, *next;
    if (!m->moved)
        return;
    monitor_events_lost(m, 1); /* there may have been any number */
    DL_FOREACH_SAFE2(m->sessions, s, next, monitor_next)
    {
        if (s->client->state == CLIENT_OPEN)
            session_vm_moved(s, m->vm, m->restarts);
    }
    lift(m);
}

static void go_after(struct monitor *m, struct vm *vm)
{
    bool known = m->moving_to != NULL;
    vm_unref(m->moving_to);
    m->moving_to = vm_ref(vm);
    m->handed_over = true;
    if (!known)
        m->away_us = clock_monotonic_us(); /* of what is in flight there */
    monitor_try_move(m);
}

/* It is where it was: does it leave, or does it not any more? */
static bool look_here(struct monitor *m, const struct vm *now)
{
    if (now->leaving) {
        bar(m, "libvirt");
        m->leaves = m->barrier_us != 0;
    } else if (m->leaves && !m->moving_to) {
        stay(m);
    }
    return false;
}

/* Where it was, and with its UUID; nothing is sent any more to what it was. Without anybody
 * attached there is nothing to follow. */
static bool follow_restart(struct monitor *m, struct vm *now)
{
    if (!now->follows || now->contested || !m->n_sessions || m->leaves || m->vm->leaving ||
        strcmp(now->uuid, m->vm->uuid) != 0 || strcmp(now->connection, m->vm->connection) != 0)
        return false;
    if (!m->restarts) {
        log_info("VM %s: it has ended: its sessions wait for its next start", m->vm->name);
        m->restarts = m->handed_over = true;
        m->barrier_us = m->away_us = clock_monotonic_us();
        monitor_show(m, "idle");
    }
    if (now->incarnation && !now->arriving) {
        go_after(m, now);
    } else {
        vm_unref(m->moving_to);
        m->moving_to = NULL;
    }
    return true;
}

bool monitor_follow(struct monitor *m, struct vm *now)
{
    bool leaves = m->leaves || m->vm->leaving;
    if (!now || !m->vm->connection || !now->connection || m->state != MONITOR_READY)
        return false;
    if (vm_same_target(now, m->vm))
        return look_here(m, now);
    if (follow_restart(m, now))
        return true;
    if (!leaves || !m->barrier_us || now->contested || strcmp(now->uuid, m->vm->uuid) != 0)
        return false;
    if (now->incarnation == 0 || now->arriving) { /* not here any more, and not there yet */
        if (!m->away_us)
            m->away_us = clock_monotonic_us();
        m->handed_over = true;
        return true;
    }
    if (strcmp(now->connection, m->vm->connection) == 0 || !now->came)
        return false;
    go_after(m, now);
    return true;
}

/* Not libvirt's doing (somebody saved its state, say), and it was paused, so that no RESUME comes.
 */
static bool is_over(const struct monitor *m, int64_t now)
{
    return m->handed_over && !m->leaves && !m->vm->leaving && !m->away_us &&
           now - m->barrier_us > LIMIT_MOVE_MS * USEC_PER_MSEC;
}

/* --- time ------------------------------------------------------------------------------------- */

void monitor_check_move(struct monitor *m, int64_t now)
{
    if (!m->barrier_us)
        return;
    call_up_late(m, now);
    if (m->state != MONITOR_READY)
        return;
    int64_t patience =
        m->restarts && !m->moving_to
            ? libvirt_hosts_grace_seconds(m->loop->daemon->libvirt, m->vm->connection) *
                  USEC_PER_SEC
            : LIMIT_MOVE_MS * USEC_PER_MSEC;
    bool late = m->away_us && now - m->away_us > patience;
    if (m->moving_to && late) {
        monitor_lose_requests(m, m->restarts ? AUDIT_CODE_VM_LOST : AUDIT_CODE_MIGRATING,
                              m->restarts ? "the VM ended, and its libvirt does not answer"
                                          : "the VM moved, and its old host does not answer");
        monitor_try_move(m);
    } else if (late && m->restarts) {
        monitor_lost(m, AUDIT_CODE_VM_REMOVED, "it does not run any more");
    } else if (late) { /* nobody whom we know has it */
        monitor_forget_move(m);
        monitor_look_again(m);
    } else if (is_over(m, now)) {
        stay(m);
    }
}
