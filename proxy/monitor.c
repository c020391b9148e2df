#include "config.h"
#include "proxy/monitor.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "proxy/attach.h"
#include "proxy/client.h"
#include "proxy/daemon.h"
#include "proxy/dispatch.h"
#include "proxy/redaction.h"
#include "proxy/monitor_start.h"
#include "proxy/request.h"
#include "proxy/session.h"
#include "proxy/snapshot.h"
#include "proxy/vm_board.h"
#include "qmp/write.h"

#define QUANTUM_BYTES \
    512u /* of a client's turn: a window of common commands, whose replies go out together */

struct rights_entry {
    UT_hash_handle hh;
    struct acl_rights *rights;
    char key[]; /* of an identity */
};

/* --- slots and window ------------------------------------------------------------------------- */

static bool window_has_room(const struct monitor *m, size_t bytes)
{
    unsigned most = m->backend_ops->window ? m->backend_ops->window : LIMIT_WINDOW_COMMANDS;
    return m->n_window == 0 ||
           (m->n_window < most && m->window_bytes + bytes <= LIMIT_WINDOW_BYTES);
}

static int free_slot(const struct monitor *m, bool oob)
{
    unsigned first = oob ? LIMIT_WINDOW_COMMANDS : 0;
    unsigned last = oob ? MONITOR_SLOTS : LIMIT_WINDOW_COMMANDS;
    for (unsigned i = first; i < last; i++) {
        if (!m->slots[i])
            return (int)i;
    }
    return -1;
}

bool monitor_oob_slot_free(const struct monitor *m)
{
    return free_slot(m, true) >= 0;
}

/* There is a slot: the window (or dispatch, for out-of-band) saw to it. */
void monitor_stage(struct monitor *m, struct request *r)
{
    int slot = free_slot(m, r->oob);
    r->slot = (unsigned)slot;
    r->monitor = m;
    m->slots[slot] = r;
    if (!r->oob) {
        DL_APPEND2(m->window, r, window_prev, window_next);
        m->n_window++;
        m->window_bytes += r->bytes;
    }
}

void monitor_unstage(struct monitor *m, struct request *r)
{
    m->slots[r->slot] = NULL;
    r->monitor = NULL;
    if (!r->oob) {
        DL_DELETE2(m->window, r, window_prev, window_next);
        m->n_window--;
        m->window_bytes -= r->bytes;
    }
    monitor_mark_dirty(m);
}

void monitor_send(struct monitor *m, struct request *r)
{
    r->state = REQUEST_SENT;
    r->sent_us = loop_monotonic_us(m->loop);
    m->backend_ops->submit(m->backend, r->tape, &r->view, r->slot);
    monitor_mark_dirty(m);
}

/* --- the fair queue --------------------------------------------------------------------------- */

void monitor_mark_dirty(struct monitor *m)
{
    if (m->dirty || m->dead)
        return;
    m->dirty = true;
    m->dirty_next = m->loop->dirty_monitors;
    m->loop->dirty_monitors = m;
}

void monitor_enqueue(struct monitor *m, struct session *s)
{
    fairqueue_add(&m->queue, &s->flow);
    monitor_mark_dirty(m);
}

static struct session *session_of(struct flow *f)
{
    return container_of(f, struct session, flow);
}

static size_t head_cost(struct flow *f)
{
    return session_head(session_of(f))->bytes;
}

/* Lets commands leave the queue as long as the window has room. A VM that does not answer takes
 * none: then they leave to be refused. Of one that moves, who may not go stands aside. */
static void pump(struct monitor *m)
{
    struct flow *f;
    monitor_try_move(m);
    while ((m->state == MONITOR_READY || m->barrier_us) &&
           (f = fairqueue_peek(&m->queue, head_cost))) {
        struct session *s = session_of(f);
        struct request *r = session_head(s);
        if (monitor_holds(m, r)) {
            fairqueue_remove(&m->queue, f);
            continue;
        }
        if (!m->unresponsive && !window_has_room(m, r->bytes))
            return;
        fairqueue_charge(f, r->bytes);
        session_depart(s, r);
        if (!session_head(s))
            fairqueue_remove(&m->queue, f);
        dispatch_request(m, r);
        if (fairqueue_waiting(f) && !session_next_is_for_vm(s))
            fairqueue_remove(&m->queue, f);
        session_pump(s);
    }
}

void monitor_pump_dirty(struct loop *loop)
{
    for (struct monitor *m = loop->dirty_monitors; m; m = m->dirty_next)
        pump(m);
}

void monitor_flush_dirty(struct loop *loop)
{
    struct monitor *m = loop->dirty_monitors;
    loop->dirty_monitors = NULL;
    while (m) {
        struct monitor *next = m->dirty_next;
        m->dirty = false;
        if (m->backend)
            m->backend_ops->flush(m->backend);
        if (m->queue.ring && m->state == MONITOR_READY &&
            (m->unresponsive || window_has_room(m, head_cost(m->queue.ring))))
            monitor_mark_dirty(m);
        m = next;
    }
}

/* --- sessions --------------------------------------------------------------------------------- */

struct acl_rights *monitor_rights(struct monitor *m, const struct identity *who)
{
    struct rights_entry *e;
    size_t len = strlen(who->key);
    HASH_FIND(hh, m->rights, who->key, len, e);
    if (!e) {
        e = mem_zalloc(sizeof(*e) + len + 1);
        memcpy(e->key, who->key, len + 1);
        e->rights = acl_rights_new(m->program, subject_of(who), &m->vm->acl);
        HASH_ADD_KEYPTR(hh, m->rights, e->key, len, e);
    }
    return e->rights;
}

static void forget_rights(struct monitor *m)
{
    struct rights_entry *e, *next;
    HASH_ITER (hh, m->rights, e, next) {
        HASH_DELETE(hh, m->rights, e);
        acl_rights_unref(e->rights);
        free(e);
    }
}

/* Policy may have changed since the attach was asked for. */
void monitor_join(struct monitor *m, struct session *s)
{
    if (!acl_policy_sees(m->loop->snapshot->policy, caller_subject(s->caller), &m->vm->acl)) {
        session_attach_failed(s, AUDIT_CODE_NO_VM, attach_no_such_vm);
        return;
    }
    DL_APPEND2(m->sessions, s, monitor_prev, monitor_next);
    m->n_sessions++;
    event_del(&m->linger_timer);
    s->rights = acl_rights_ref(monitor_rights(m, caller_rights_of(s->caller)));
    session_attached(s, (struct span){ m->greeting, m->greeting_len });
}

void monitor_attach(struct monitor *m, struct session *s)
{
    s->monitor = m;
    if (m->loop->draining) {
        session_attach_failed(s, AUDIT_CODE_SHUTDOWN, "the gateway is shutting down");
    } else if (m->state == MONITOR_READY && m->restarts) { /* only who was here waits */
        session_attach_failed(s, AUDIT_CODE_VM_UNREACHABLE, "the VM is not running");
    } else if (m->state == MONITOR_READY) {
        monitor_join(m, s);
    } else if (m->state == MONITOR_IDLE && clock_monotonic_us() < m->retry_us) {
        session_attach_failed(s, m->last_code, m->last_error);
    } else {
        DL_APPEND2(m->waiting, s, monitor_prev, monitor_next);
        if (m->state == MONITOR_IDLE)
            monitor_start(m);
    }
}

static bool is_waiting(const struct monitor *m, const struct session *s)
{
    const struct session *w;
    DL_FOREACH2(m->waiting, w, monitor_next)
    {
        if (w == s)
            return true;
    }
    return false;
}

static void maybe_linger(struct monitor *m)
{
    unsigned seconds = m->loop->snapshot->conf->limits.monitor_linger_seconds;
    if (m->state != MONITOR_READY || m->n_sessions || m->waiting || m->vm->hold)
        return;
    struct timeval tv = { .tv_sec = seconds };
    event_add(&m->linger_timer, &tv);
}

void monitor_detach(struct monitor *m, struct session *s)
{
    fairqueue_remove(&m->queue, &s->flow);
    if (is_waiting(m, s)) {
        DL_DELETE2(m->waiting, s, monitor_prev, monitor_next);
        return;
    }
    DL_DELETE2(m->sessions, s, monitor_prev, monitor_next);
    if (--m->n_sessions == 0) {
        forget_rights(m);
        maybe_linger(m);
    }
}

static void on_linger(evutil_socket_t fd, short what, void *opaque)
{
    struct monitor *m = opaque;
    (void)fd, (void)what;
    if (m->n_sessions || m->waiting || m->state != MONITOR_READY)
        return;
    if (m->n_window) { /* what ended sessions left in flight completes first */
        maybe_linger(m);
        return;
    }
    log_info("VM %s: nobody is attached: let go of its monitor", m->vm->name);
    monitor_disconnect(m);
    monitor_show(m, "idle");
}

/* --- replies and events ----------------------------------------------------------------------- */

static void tell_event(struct monitor *m, const struct qmp_tape *t, const struct qmp_answer *a)
{
    struct session *s, *next;
    CLEANUP_BUF struct buf line = { 0 };
    STATS_INC(m->loop, events);
    monitor_watch_move(m, t, a);
    if (m->state != MONITOR_READY || !m->sessions)
        return;
    struct span none = { 0 };
    qmp_write_event(&line, a->timestamp == QMP_NONE ? none : qmp_tape_raw(t, a->timestamp),
                    qmp_tape_raw(t, a->event),
                    a->body == QMP_NONE ? none : qmp_tape_raw(t, a->body));
    struct vm_event e = {
        .name = qmp_tape_string(t, a->event),
        .data = a->body == QMP_NONE ? none : qmp_tape_raw(t, a->body),
        .line = { buf_data(&line), buf_len(&line) },
    };
    DL_FOREACH_SAFE2(m->sessions, s, next, monitor_next)
    session_event(s, &e);
    qmp_scanner_free(e.scanner);
}

/* A slot's number is its id at the VM; slot 0 has none, so that a VM with one command at a time
 * reads no id. */
static unsigned answered_slot(const struct qmp_tape *t, const struct qmp_answer *a)
{
    if (a->id == QMP_NONE)
        return 0;
    struct span id = qmp_tape_raw(t, a->id);
    return id.len == 1 && id.data[0] != '0' ? (unsigned)(id.data[0] - '0') : MONITOR_SLOTS;
}

/* The request that a reply belongs to, or NULL with a reason. In-band replies come in order. */
static struct request *match_reply(struct monitor *m, const struct qmp_tape *t,
                                   const struct qmp_answer *a, const char **why)
{
    unsigned slot = answered_slot(t, a);
    struct request *r = slot < MONITOR_SLOTS ? m->slots[slot] : NULL;
    if (!r || r->state != REQUEST_SENT) {
        *why = a->id == QMP_NONE ? "it sent a reply that nobody asked for"
                                 : "it answered an id that nobody asked for";
        return NULL;
    }
    if (!r->oob && r != m->window) {
        *why = "it answered out of order";
        return NULL;
    }
    return r;
}

static void leave_slot(struct monitor *m, struct request *r)
{
    monitor_unstage(m, r);
    if (r->oob || !m->unresponsive)
        return;
    m->unresponsive = false;
    log_info("VM %s: answers again", m->vm->name);
}

static void complete(struct monitor *m, struct request *r, const struct qmp_tape *t,
                     const struct qmp_answer *a)
{
    struct loop *loop = m->loop;
    STATS_INC(loop, replies);
    if (r->kind == REQUEST_INTERNAL) {
        leave_slot(m, r);
        r->reply(m, t, a);
        request_free(r);
        return;
    }
    dispatch_outcome(loop, r, t, a);
    leave_slot(m, r);
    if (a->kind == QMP_ANSWER_RETURN)
        redaction_return(m, r, qmp_tape_raw(t, a->body));
    else
        session_error_object(r, qmp_tape_raw(t, a->body));
}

void monitor_message(struct monitor *m, const struct qmp_tape *tape,
                     const struct qmp_answer *answer)
{
    const char *why = "it sent a second greeting";
    struct request *r = NULL;
    switch (answer->kind) {
    case QMP_ANSWER_EVENT:
        tell_event(m, tape, answer);
        return;
    case QMP_ANSWER_GREETING:
        break;
    case QMP_ANSWER_RETURN:
    case QMP_ANSWER_ERROR:
        r = match_reply(m, tape, answer, &why);
        break;
    }
    if (r)
        complete(m, r, tape, answer);
    else
        monitor_lost(m, AUDIT_CODE_VM_PROTOCOL, why);
}

void monitor_events_lost(struct monitor *m, unsigned count)
{
    struct session *s;
    if (m->vm->agent_of) /* it has none */
        return;
    DL_FOREACH2(m->sessions, s, monitor_next)
    {
        s->client->events_lost += count;
        client_touch(s->client);
    }
}

/* --- loss ------------------------------------------------------------------------------------- */

void monitor_unknown(struct monitor *m, const char *why)
{
    struct request *r = m->window;
    if (!r || r->state != REQUEST_SENT)
        return;
    if (r->kind == REQUEST_INTERNAL) {
        monitor_lost(m, AUDIT_CODE_VM_LOST, why);
        return;
    }
    dispatch_unknown(m->loop, r, AUDIT_CODE_VM_LOST, why);
    leave_slot(m, r);
    if (r->quit)
        session_forget(r);
    else
        session_error(r, QMP_ERROR_GENERIC, "%s: the command's outcome is unknown", why);
}

void monitor_unacknowledged(struct monitor *m)
{
    struct request *r = m->window;
    if (!r || r->state != REQUEST_SENT || r->kind == REQUEST_INTERNAL)
        return;
    dispatch_unacknowledged(m->loop, r);
    leave_slot(m, r);
    session_return(r, SPAN_LIT("{}"));
}

/* The client is told; what the VM answers after all is for the audit. */
static void give_up_waiting(struct monitor *m, struct request *r)
{
    struct request *late = request_twin(r);
    m->slots[r->slot] = late;
    DL_DELETE2(m->window, r, window_prev, window_next);
    DL_PREPEND2(m->window, late, window_prev, window_next); /* it was the oldest */
    r->monitor = NULL;
    session_error(r, QMP_ERROR_GENERIC,
                  "the VM has not answered in time: the command's outcome is unknown");
}

static void lose_request(struct monitor *m, struct request *r, enum audit_code code,
                         const char *why)
{
    struct loop *loop = m->loop;
    bool sent = r->state == REQUEST_SENT;
    if (r->kind == REQUEST_INTERNAL) {
        monitor_unstage(m, r);
        request_free(r);
        return;
    }
    if (sent) {
        dispatch_unknown(loop, r, code, why);
    } else {
        dispatch_unstage(loop, r);
        dispatch_cancelled(loop, r, code, why);
    }
    monitor_unstage(m, r);
    if (sent && r->quit)
        session_forget(r);
    else if (sent)
        session_error(r, QMP_ERROR_GENERIC,
                      "the VM went away while the command was in flight: its outcome is unknown");
    else
        session_error(r, QMP_ERROR_GENERIC, "the VM went away: the command was not run");
}

/* In-band ones oldest first, so that answers keep their order. */
void monitor_lose_requests(struct monitor *m, enum audit_code code, const char *why)
{
    while (m->window)
        lose_request(m, m->window, code, why);
    for (unsigned i = LIMIT_WINDOW_COMMANDS; i < MONITOR_SLOTS; i++) {
        if (m->slots[i])
            lose_request(m, m->slots[i], code, why);
    }
}

void monitor_disconnect(struct monitor *m)
{
    event_del(&m->start_timer);
    event_del(&m->linger_timer);
    if (m->backend)
        m->backend_ops->close(m->backend);
    m->backend = NULL;
    m->state = MONITOR_IDLE;
    m->unresponsive = false;
    m->cut_off_us = 0;
    monitor_forget_move(m);
    m->oob = false;
    m->generation = ++m->loop->generations;
    m->uuid[0] = '\0';
    free(m->greeting);
    m->greeting = NULL;
    forget_rights(m);
    acl_program_unref(m->program);
    m->program = NULL;
    qmp_schema_unref(m->schema);
    m->schema = NULL;
}

void monitor_show(struct monitor *m, const char *state)
{
    struct vm_status status = { .state = state };
    memcpy(status.uuid, m->uuid, sizeof(status.uuid));
    if (strcmp(state, "unreachable") == 0)
        memcpy(status.reason, m->last_error, sizeof(status.reason));
    vm_board_set(m->loop->daemon->board, m->vm->name, &status);
}

/* Everybody who is attached, or waits to be, hears it and goes. */
static void end_sessions(struct monitor *m, enum audit_code code, const char *why)
{
    struct session *s, *next;
    DL_FOREACH_SAFE2(m->waiting, s, next, monitor_next)
    {
        DL_DELETE2(m->waiting, s, monitor_prev, monitor_next);
        s->monitor = NULL;
        session_attach_failed(s, code, why);
    }
    DL_FOREACH_SAFE2(m->sessions, s, next, monitor_next)
    {
        fairqueue_remove(&m->queue, &s->flow);
        session_vm_down(s, code, why);
    }
}

void monitor_lost(struct monitor *m, enum audit_code code, const char *why)
{
    struct error words;
    if (m->state == MONITOR_IDLE)
        return;
    bool was_ready = m->state == MONITOR_READY;
    error_set(&words, ERROR_PEER, "VM '%s' is unreachable: %s", m->vm->name, why);
    memcpy(m->last_error, words.text, sizeof(m->last_error));
    m->last_code = code;
    if (was_ready) {
        STATS_INC(m->loop, monitors_lost);
        log_warning("VM %s: monitor lost: %s", m->vm->name, why);
    } else {
        log_warning("%s", words.text);
    }
    monitor_lose_requests(m, code, why);
    end_sessions(m, code, was_ready ? why : words.text);
    monitor_disconnect(m);
    monitor_back_off(m, was_ready);
    monitor_show(m, was_ready ? "idle" : "unreachable");
}

/* --- life ------------------------------------------------------------------------------------- */

static void set_vm(struct monitor *m, struct vm *take_vm)
{
    vm_unref(m->vm);
    m->vm = take_vm;
}

/* Who asks for it now means what its name stands for now, and not what it did. */
static void meet(struct monitor *m, struct vm *vm)
{
    if (!vm_same_target(m->vm, vm) && !monitor_follow(m, vm)) {
        monitor_lost(m, AUDIT_CODE_VM_REMOVED, "another VM has its name now");
        m->retry_us = 0;
    }
    if (m->state == MONITOR_IDLE && m->vm != vm)
        set_vm(m, vm_ref(vm));
}

struct monitor *monitor_get(struct loop *loop, struct vm *vm)
{
    struct monitor *m;
    HASH_FIND(hh, loop->monitors, vm->name, strlen(vm->name), m);
    if (m) {
        meet(m, vm);
        return m;
    }
    m = MEM_NEW(struct monitor);
    m->loop = loop;
    m->vm = vm_ref(vm);
    m->queue.quantum = QUANTUM_BYTES;
    monitor_start_init(m);
    monitor_gone_init(m);
    event_assign(&m->linger_timer, loop->base, -1, 0, on_linger, m);
    m->name = mem_strdup(vm->name);
    HASH_ADD_KEYPTR(hh, loop->monitors, m->name, strlen(m->name), m);
    monitor_show(m, "idle");
    return m;
}

void monitor_kill(struct monitor *m, enum audit_code code, const char *why)
{
    monitor_lost(m, code, why);
    HASH_DELETE(hh, m->loop->monitors, m);
    vm_board_forget(m->loop->daemon->board, m->vm->name);
    event_del(&m->hold_timer);
    event_del(&m->gone_timer);
    m->dead = true;
    m->dead_next = m->loop->dead_monitors;
    m->loop->dead_monitors = m;
}

void monitor_bury(struct loop *loop)
{
    while (loop->dead_monitors) {
        struct monitor *m = loop->dead_monitors;
        if (m->n_sessions || m->dirty)
            return; /* their goodbyes are still on the way */
        loop->dead_monitors = m->dead_next;
        monitor_disconnect(m);
        vm_unref(m->vm);
        free(m->name);
        free(m);
    }
}

void monitor_close_all(struct loop *loop)
{
    struct monitor *m, *next;
    HASH_ITER (hh, loop->monitors, m, next)
        monitor_kill(m, AUDIT_CODE_SHUTDOWN, "shutdown");
}

/* --- time ------------------------------------------------------------------------------------- */

static void check_deadline(struct monitor *m, int64_t now)
{
    struct request *oldest = m->window;
    int64_t timeout = m->loop->snapshot->conf->limits.vm_timeout_seconds * USEC_PER_SEC;
    unsigned silence_ms = m->backend_ops->silence_ms;
    int64_t silence =
        silence_ms && silence_ms * USEC_PER_MSEC < timeout ? silence_ms * USEC_PER_MSEC : timeout;
    if (!oldest || !oldest->sent_us || now - oldest->sent_us < silence)
        return;
    if (!m->unresponsive) {
        m->unresponsive = true;
        log_warning("VM %s: no answer for %lld s: what is queued is refused", m->vm->name,
                    (long long)(silence / USEC_PER_SEC));
        monitor_mark_dirty(m);
    }
    if (m->backend_ops->gives_up && oldest->session && now - oldest->sent_us >= timeout)
        give_up_waiting(m, oldest);
}

void monitor_check_deadlines(struct loop *loop, int64_t now)
{
    struct monitor *m, *next;
    HASH_ITER (hh, loop->monitors, m, next) {
        if (m->state == MONITOR_READY)
            check_deadline(m, now);
        monitor_check_cut_off(m, now);
        monitor_check_move(m, now);
    }
}

/* --- reload ----------------------------------------------------------------------------------- */

static void rejudge(struct monitor *m)
{
    struct session *s, *next;
    struct acl_policy *policy = m->loop->snapshot->policy;
    forget_rights(m);
    if (m->schema) {
        acl_program_unref(m->program);
        m->program = snapshot_program(m->loop->snapshot, m->schema);
    }
    DL_FOREACH_SAFE2(m->sessions, s, next, monitor_next)
    {
        acl_rights_unref(s->rights);
        s->rights = acl_rights_ref(monitor_rights(m, caller_rights_of(s->caller)));
        if (!acl_policy_sees(policy, caller_subject(s->caller), &m->vm->acl))
            client_dismiss(s->client, AUDIT_CODE_POLICY, "policy no longer admits it to this VM");
    }
}

void monitor_take_vm(struct monitor *m, struct vm *take_vm)
{
    set_vm(m, take_vm);
    rejudge(m);
}

void monitor_apply_snapshot(struct loop *loop)
{
    struct monitor *m, *next;
    HASH_ITER (hh, loop->monitors, m, next) {
        struct vm *vm = vms_find_name(loop->daemon->vms, m->vm->name);
        if (!vm) {
            monitor_kill(m, AUDIT_CODE_VM_REMOVED, "it is no longer configured");
            continue;
        }
        bool same = vm_same_target(vm, m->vm), follows = !same && monitor_follow(m, vm);
        if (!same && !follows)
            monitor_lost(m, AUDIT_CODE_VM_REMOVED, "its configuration changed");
        if (follows)
            vm_unref(vm);
        else
            set_vm(m, vm);
        rejudge(m);
        maybe_linger(m); /* `hold` may have been taken away */
    }
}
