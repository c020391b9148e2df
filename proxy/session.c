#include "config.h"
#include "proxy/session.h"

#include <stdarg.h>
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
#include "proxy/gateway.h"
#include "proxy/libvirt_hosts.h"
#include "proxy/login.h"
#include "proxy/monitor.h"
#include "proxy/registry.h"
#include "proxy/request.h"
#include "proxy/snapshot.h"
#include "qmp/scan.h"

/* --- phases ----------------------------------------------------------------------------------- */

const char *session_phase_name(enum session_phase phase)
{
    static const char *const names[] = {
        [SESSION_AUTH] = "auth",
        [SESSION_ATTACH] = "attach",
        [SESSION_NEGOTIATE] = "negotiate",
        [SESSION_READY] = "ready",
    };
    return names[phase];
}

void session_set_phase(struct session *s, enum session_phase phase)
{
    struct client *c = s->client;
    s->phase = phase;
    registry_set_phase(c->loop->daemon->registry, c->registry, session_phase_name(phase),
                       s->vm ? s->vm->name : NULL);
    if (phase == SESSION_READY || (phase == SESSION_ATTACH && s->negotiated))
        client_set_idle_deadline(c);
    else
        client_set_deadline(c, c->loop->snapshot->conf->limits.negotiate_seconds,
                            "negotiation took too long");
}

void session_init(struct session *s, struct client *client)
{
    *s = (struct session){ .client = client, .phase = SESSION_AUTH };
}

static void send_own_greeting(struct session *s)
{
    gateway_write_greeting(client_out(s->client));
    client_touch(s->client);
}

void session_anonymous(struct session *s)
{
    session_set_phase(s, SESSION_AUTH);
    send_own_greeting(s);
}

void session_identified(struct session *s)
{
    session_set_phase(s, SESSION_ATTACH);
    if (!attach_by_listener(s))
        send_own_greeting(s);
}

/* The beginning of the answer to what settles the VM: an attach, or a login. */
static struct buf begin_answer(struct session *s)
{
    struct buf value = s->login_reply;
    s->login_reply = (struct buf){ 0 };
    if (!buf_len(&value))
        BUF_ADD_LIT(&value, "{");
    return value;
}

static void end_answer(struct request *r, struct buf *take_value)
{
    BUF_ADD_LIT(take_value, "}");
    session_return(r, (struct span){ buf_data(take_value), buf_len(take_value) });
    buf_free(take_value);
}

void session_logged_in(struct session *s, struct request *r, struct buf *take_reply, bool again)
{
    if (again) {
        end_answer(r, take_reply);
        return;
    }
    session_set_phase(s, SESSION_ATTACH);
    s->login_reply = *take_reply;
    s->attach_request = r;
    if (attach_by_listener(s))
        return;
    s->attach_request = NULL;
    *take_reply = begin_answer(s);
    end_answer(r, take_reply);
}

static void release_vm(struct session *s)
{
    if (s->monitor)
        monitor_detach(s->monitor, s);
    s->monitor = NULL;
    acl_rights_unref(s->rights);
    s->rights = NULL;
    vm_unref(s->vm);
    s->vm = NULL;
    s->oob = false;
}

/* A command of our own that runs has nobody but its session to end it. */
static void forget_local(struct session *s, struct request *r)
{
    if (r->recorded)
        dispatch_unknown(s->client->loop, r, AUDIT_CODE_SESSION_ENDED,
                         "the session ended before the answer");
    request_free(r);
}

static void orphan_all(struct session *s, struct request **list)
{
    struct request *r, *next;
    DL_FOREACH_SAFE (*list, r, next) {
        DL_DELETE(*list, r);
        if (r->state == REQUEST_DONE)
            request_free(r);
        else if (r->kind == REQUEST_LOCAL && r->state == REQUEST_SENT)
            forget_local(s, r);
        else
            request_orphan(r);
    }
}

static void count_queued(struct session *s, int change)
{
    s->n_queued = (unsigned)((int)s->n_queued + change);
    atomic_store_explicit(&registry_counters(s->client->registry)->queued, s->n_queued,
                          memory_order_relaxed);
}

void session_stop(struct session *s)
{
    struct request *r, *next;
    DL_FOREACH_SAFE (s->queue, r, next) {
        DL_DELETE(s->queue, r);
        STATS_INC(s->client->loop, cancelled);
        request_free(r);
        count_queued(s, -1);
    }
    if (s->monitor)
        monitor_detach(s->monitor, s);
    s->monitor = NULL;
}

void session_end(struct session *s, const char *reason)
{
    session_stop(s);
    orphan_all(s, &s->flight);
    orphan_all(s, &s->oob_flight);
    s->attach_request = NULL;
    s->attaching = false;
    s->n_queued = 0;
    release_vm(s);
    login_free(TAKE_PTR(s->login));
    identity_unref(TAKE_PTR(s->external));
    buf_free(&s->login_reply);
}

/* --- answers ---------------------------------------------------------------------------------- */

static void maybe_finished(struct session *s)
{
    if (s->n_queued == 0 && s->giving_up && !s->attaching)
        client_finish(s->client, s->giving_up_code, s->giving_up);
}

void session_give_up(struct session *s, enum audit_code code, const char *reason)
{
    s->giving_up_code = code;
    s->giving_up = reason;
    maybe_finished(s);
}

/* What is answered at the head of the flight goes out. */
static void flush_flight(struct session *s)
{
    struct request *r;
    while ((r = s->flight) && r->state == REQUEST_DONE) {
        DL_DELETE(s->flight, r);
        if (buf_len(&r->answer))
            buf_add(client_out(s->client), buf_data(&r->answer), buf_len(&r->answer));
        request_free(r);
        count_queued(s, -1);
    }
    client_touch(s->client);
    session_pump(s);
}

bool session_awaits_vm(const struct session *s)
{
    return s->flight && s->flight->kind == REQUEST_VM;
}

/* Where the answer goes: straight out if nothing of the client is before it. */
static struct buf *answer_buf(struct request *r)
{
    struct session *s = r->session;
    return s->flight == r || r->oob ? client_out(s->client) : &r->answer;
}

static void finish(struct request *r)
{
    struct session *s = r->session;
    if (s->attach_request == r)
        s->attach_request = NULL;
    if (r->kind == REQUEST_LOCAL)
        s->local_in_flight = false;
    if (r->oob) {
        DL_DELETE(s->oob_flight, r);
        request_free(r);
        count_queued(s, -1);
        client_touch(s->client);
        session_pump(s);
    } else {
        r->state = REQUEST_DONE;
        if (s->flight == r)
            flush_flight(s);
    }
    if (s->n_queued == 0)
        maybe_finished(s);
}

void session_return(struct request *r, struct span value)
{
    if (!r->session) {
        request_free(r);
        return;
    }
    if (r->kind == REQUEST_LOCAL)
        dispatch_local_outcome(r->session, r, NULL);
    qmp_write_return(answer_buf(r), value, r->id);
    finish(r);
}

void session_error(struct request *r, enum qmp_error_class c, const char *fmt, ...)
{
    if (!r->session) {
        request_free(r);
        return;
    }
    char text[2 * ERROR_TEXT_MAX];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (r->kind == REQUEST_LOCAL)
        dispatch_local_outcome(r->session, r, text);
    qmp_write_error(answer_buf(r), c, (struct span){ text, strlen(text) }, r->id);
    finish(r);
}

void session_error_object(struct request *r, struct span object)
{
    if (!r->session) {
        request_free(r);
        return;
    }
    qmp_write_error_object(answer_buf(r), object, r->id);
    finish(r);
}

void session_forget(struct request *r)
{
    if (r->session)
        finish(r);
    else
        request_free(r);
}

/* --- the queue -------------------------------------------------------------------------------- */

static void push(struct session *s, struct request *r)
{
    r->session = s;
    r->caller = caller_ref(s->caller);
    r->queued_us = loop_monotonic_us(s->client->loop);
    DL_APPEND(s->queue, r);
    count_queued(s, 1);
}

struct request *session_head(struct session *s)
{
    return s->queue;
}

bool session_next_is_for_vm(const struct session *s)
{
    const struct request *r = s->queue;
    return r && s->phase == SESSION_READY && s->client->state == CLIENT_OPEN &&
           !s->local_in_flight && !r->broken.mem && !r->oob &&
           !gateway_find(request_command(r), s->phase);
}

void session_depart(struct session *s, struct request *r)
{
    DL_DELETE(s->queue, r);
    if (r->oob)
        DL_APPEND(s->oob_flight, r);
    else
        DL_APPEND(s->flight, r);
}

static void answer_broken(struct session *s, struct request *r)
{
    session_depart(s, r);
    session_error(r, QMP_ERROR_GENERIC, "%s", buf_data(&r->broken));
}

/* Out-of-band was asked for in a way that cannot be: as QEMU says it. */
static void refuse_oob(struct session *s, struct request *r)
{
    r->oob = false;
    session_depart(s, r);
    session_error(r, QMP_ERROR_GENERIC, "QMP input member 'exec-oob' is unexpected");
}

/* What a command that is not ours gets before there is a VM that is negotiated with. */
static void refuse_phase(struct session *s, struct request *r)
{
    struct span name = request_command(r);
    session_depart(s, r);
    if (!s->negotiated)
        session_error(r, QMP_ERROR_COMMAND_NOT_FOUND,
                      "Expecting capabilities negotiation with 'qmp_capabilities'");
    else
        session_error(r, QMP_ERROR_GENERIC, "no VM is attached: %s first (command '%.*s')",
                      s->phase == SESSION_AUTH ? "log in" : "gateway-attach",
                      (int)(name.len > 64 ? 64 : name.len), name.data);
}

static void run_local(struct session *s, struct request *r, const struct gateway_command *command)
{
    session_depart(s, r);
    r->kind = REQUEST_LOCAL;
    s->local_in_flight = true;
    gateway_submit(s, r, command);
}

/* Deals with the request at the head if that is possible now; true if the next may be looked at. */
static bool step(struct session *s, struct request *r)
{
    if (s->local_in_flight)
        return false; /* it may change the phase */
    if (r->broken.mem) {
        answer_broken(s, r);
        return true;
    }
    const struct gateway_command *command = gateway_find(request_command(r), s->phase);
    if (r->oob && (command || !s->oob)) {
        refuse_oob(s, r);
        return true;
    }
    if (command) {
        if (s->flight)
            return false;
        run_local(s, r, command);
        return true;
    }
    if (s->phase != SESSION_READY) {
        refuse_phase(s, r);
        return true;
    }
    monitor_enqueue(s->monitor, s);
    return false;
}

void session_pump(struct session *s)
{
    if (s->pumping)
        return;
    s->pumping = true;
    while (s->queue && s->client->state == CLIENT_OPEN && !s->attaching) {
        if (!step(s, s->queue))
            break;
    }
    s->pumping = false;
    struct client *c = s->client;
    if ((c->paused || buf_len(&c->in)) && session_wants_input(s) && !client_is_slow(c))
        client_resume(c);
}

/* --- input ------------------------------------------------------------------------------------ */

bool session_wants_input(const struct session *s)
{
    return !s->attaching && !s->giving_up && !s->client->move_to &&
           s->n_queued < s->client->loop->snapshot->conf->limits.queued_commands;
}

static bool is_oob_now(const struct session *s, const struct request *r)
{
    return r->oob && s->phase == SESSION_READY && s->oob &&
           !gateway_find(request_command(r), s->phase);
}

bool session_handle(struct session *s, const struct qmp_tape *tape)
{
    struct qmp_request view;
    struct error err;
    int rc = qmp_request_parse(tape, &view, &err);
    if (rc < 0) {
        STATS_INC(s->client->loop, malformed);
        view.oob = false;
    }
    struct request *r = request_new(REQUEST_VM, tape, &view);
    bool secret = r->secret = gateway_is_secret(request_command(r));
    if (rc < 0)
        buf_add(&r->broken, err.text, strlen(err.text) + 1);
    push(s, r);
    if (rc == 0 && is_oob_now(s, r)) {
        session_depart(s, r);
        dispatch_request(s->monitor, r);
    } else {
        session_pump(s);
    }
    return secret;
}

void session_handle_broken(struct session *s, const struct qmp_tape *tape,
                           const struct qmp_fault *fault)
{
    static const struct qmp_tape nothing = { .text = "" };
    struct qmp_request view = { QMP_NONE, QMP_NONE, QMP_NONE, false };
    if (tape)
        view.id = qmp_find_id(tape);
    struct request *r = request_new(REQUEST_VM, tape ? tape : &nothing, &view);
    buf_printf(&r->broken, "Invalid QMP input: %s at byte %zu", fault->text, fault->offset);
    buf_add_char(&r->broken, '\0');
    push(s, r);
    session_pump(s);
}

/* --- events ----------------------------------------------------------------------------------- */

#define EVENT_DATA_MAX \
    (1u << 20) /* bytes that conditions look at; of more nobody who depends hears */
#define EVENT_TOKENS_MAX 65536u

/* What a condition looks at is scanned when the first one does. */
static const struct qmp_tape *event_data(struct vm_event *e)
{
    static const struct qmp_scan_limits limits = {
        .max_bytes = EVENT_DATA_MAX,
        .max_depth = ACL_PATH_DEPTH_MAX,
        .max_tokens = EVENT_TOKENS_MAX,
    };
    if (!e->scanned && e->data.len > 0)
        e->scanner = qmp_scan_object(&limits, e->data);
    e->scanned = true;
    return e->scanner ? qmp_scanner_tape(e->scanner) : NULL;
}

static bool hears(const struct session *s, struct vm_event *e)
{
    static const struct qmp_tape nothing = { .text = "" };
    enum acl_decision decision = acl_check_event(s->rights, e->name, NULL, QMP_NONE);
    if (decision != ACL_CONDITIONAL)
        return decision == ACL_ALLOWED;
    const struct qmp_tape *t = event_data(e);
    if (!t && e->data.len > 0)
        return false; /* nothing that can be judged */
    return acl_check_event(s->rights, e->name, t ? t : &nothing, t ? 0 : QMP_NONE) == ACL_ALLOWED;
}

void session_event(struct session *s, struct vm_event *e)
{
    struct client *c = s->client;
    struct span line = e->line;
    if (s->phase != SESSION_READY || c->state != CLIENT_OPEN || !s->rights || !hears(s, e))
        return;
    if (c->events_lost || !client_has_room(c, line.len)) {
        client_lose_event(c);
        return;
    }
    STATS_INC(c->loop, events_sent);
    buf_add_span(client_out(c), line);
    client_touch(c);
}

void session_gateway_event(struct session *s, const char *name, struct span data)
{
    if (!s->negotiated || s->client->state != CLIENT_OPEN)
        return;
    qmp_write_gateway_event(client_out(s->client), name, data, clock_utc_us());
    client_touch(s->client);
}

/* --- attach ----------------------------------------------------------------------------------- */

void session_attached(struct session *s, struct span greeting)
{
    struct request *r = s->attach_request;
    STATS_INC(s->client->loop, attached);
    s->attaching = false;
    struct audit_record record = dispatch_session_record(s, AUDIT_ATTACH);
    CLEANUP_FREE char *way =
        s->vm->connection
            ? libvirt_hosts_describe(s->client->loop->daemon->libvirt, s->vm->connection)
            : NULL;
    record.result = AUDIT_OK;
    record.text = (struct span){ way, way ? strlen(way) : 0 };
    dispatch_record(s->client->loop, &record);
    if (r && !gateway_take_enable(s, r, &s->oob)) {
        session_detach(s);
        return;
    }
    session_set_phase(s, s->negotiated ? SESSION_READY : SESSION_NEGOTIATE);
    if (r) {
        struct buf value = begin_answer(s);
        gateway_write_attached(&value, s, greeting);
        end_answer(r, &value);
    } else {
        struct buf *out = client_out(s->client);
        BUF_ADD_LIT(out, "{\"QMP\": ");
        buf_add_span(out, greeting);
        BUF_ADD_LIT(out, "}\r\n");
        client_touch(s->client);
    }
    session_pump(s);
    client_resume(s->client);
    maybe_finished(s);
}

void session_vm_moved(struct session *s, struct vm *vm, bool restarted)
{
    struct loop *loop = s->client->loop;
    vm_unref(s->vm);
    s->vm = vm_ref(vm);
    CLEANUP_FREE char *way = libvirt_hosts_describe(loop->daemon->libvirt, vm->connection);
    CLEANUP_FREE char *text =
        mem_printf(restarted ? "restarted at %s" : "moved to %s", way ? way : vm->connection);
    struct audit_record record = dispatch_session_record(s, AUDIT_ATTACH);
    record.result = AUDIT_OK;
    record.text = (struct span){ text, strlen(text) };
    dispatch_record(loop, &record);
    CLEANUP_BUF struct buf data = { 0 };
    BUF_ADD_LIT(&data, "{\"host\": ");
    buf_add_json_string(&data, vm->connection, strlen(vm->connection));
    BUF_ADD_LIT(&data, "}");
    session_gateway_event(s, restarted ? "GATEWAY_VM_RESTARTED" : "GATEWAY_VM_MOVED",
                          (struct span){ buf_data(&data), buf_len(&data) });
}

/* Of a login all the same a success: it may attach to another VM now. */
static void answer_attach_failed(struct session *s, struct request *r, const char *why)
{
    if (!buf_len(&s->login_reply)) {
        session_error(r, QMP_ERROR_GENERIC, "%s", why);
        return;
    }
    struct buf value = begin_answer(s);
    BUF_ADD_LIT(&value, ", \"attach-error\": ");
    buf_add_json_string(&value, why, strlen(why));
    end_answer(r, &value);
}

void session_attach_failed(struct session *s, enum audit_code code, const char *why)
{
    struct request *r = s->attach_request;
    STATS_INC(s->client->loop, attach_failures);
    s->attaching = false;
    struct audit_record record = dispatch_session_record(s, AUDIT_ATTACH);
    record.result = AUDIT_DENIED;
    record.code = code;
    record.text = (struct span){ why, strlen(why) };
    dispatch_record(s->client->loop, &record);
    s->monitor = NULL;
    release_vm(s);
    session_set_phase(s, SESSION_ATTACH);
    if (r) {
        answer_attach_failed(s, r, why);
        session_pump(s);
        client_resume(s->client);
    } else {
        struct span none = { 0 };
        qmp_write_error(client_out(s->client), QMP_ERROR_GENERIC, (struct span){ why, strlen(why) },
                        none);
        client_finish(s->client, code, why);
    }
}

void session_detach(struct session *s)
{
    client_record_lost(s->client);
    struct audit_record record = dispatch_session_record(s, AUDIT_DETACH);
    record.result = AUDIT_OK;
    dispatch_record(s->client->loop, &record);
    release_vm(s);
    session_set_phase(s, SESSION_ATTACH);
}

void session_vm_down(struct session *s, enum audit_code code, const char *why)
{
    struct request *r;
    while ((r = s->queue)) {
        r->oob = false; /* its answer takes its place among the others */
        session_depart(s, r);
        STATS_INC(s->client->loop, cancelled);
        session_error(r, QMP_ERROR_GENERIC, "the VM went away; this command was not run (%s)", why);
    }
    CLEANUP_BUF struct buf data = { 0 };
    BUF_ADD_LIT(&data, "{\"reason\": ");
    buf_add_json_string(&data, why, strlen(why));
    BUF_ADD_LIT(&data, "}");
    session_gateway_event(s, "GATEWAY_VM_DOWN", (struct span){ buf_data(&data), buf_len(&data) });
    client_finish(s->client, code, "VM down");
}
