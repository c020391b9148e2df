#include "config.h"
#include "proxy/dispatch.h"

#include <stdlib.h>
#include <string.h>
#include "acl/acl.h"
#include "base/clock.h"
#include "base/log.h"
#include "proxy/client.h"
#include "proxy/daemon.h"
#include "proxy/gateway.h"
#include "proxy/monitor.h"
#include "proxy/registry.h"
#include "proxy/session.h"
#include "proxy/snapshot.h"

static struct span text_span(const char *text)
{
    return (struct span){ text, text ? strlen(text) : 0 };
}

/* --- records ---------------------------------------------------------------------------------- */

void dispatch_record(struct loop *loop, const struct audit_record *record)
{
    audit_batch_add(loop->audit, record);
    loop->audit_dirty = true;
}

static const char *vm_uuid(const struct vm *vm, const struct monitor *m)
{
    if (vm && vm->uuid)
        return vm->uuid;
    return m && m->uuid[0] ? m->uuid : NULL;
}

static struct audit_record caller_record(struct loop *loop, const struct caller *caller,
                                         enum audit_type type)
{
    return (struct audit_record){
        .type = type,
        .utc_us = loop_utc_us(loop),
        .connection = caller->connection,
        .peer = caller->peer,
        .identity = caller_name(caller),
        .acting_for = caller_acting_name(caller),
        .arguments = QMP_NONE,
        .latency_us = -1,
    };
}

struct audit_record dispatch_session_record(struct session *s, enum audit_type type)
{
    struct audit_record record = caller_record(s->client->loop, s->caller, type);
    record.vm = s->vm ? s->vm->name : NULL;
    record.uuid = vm_uuid(s->vm, s->monitor);
    return record;
}

static struct audit_record request_record(struct loop *loop, const struct request *r,
                                          const struct vm *vm, const struct monitor *m,
                                          enum audit_type type)
{
    struct audit_record record = caller_record(loop, r->caller, type);
    record.vm = vm ? vm->name : NULL;
    record.uuid = vm_uuid(vm, m);
    record.request = r->number;
    record.command = request_command(r);
    record.oob = r->oob;
    return record;
}

static void add_arguments(struct audit_record *record, const struct request *r)
{
    if (r->secret)
        return;
    record->tape = r->tape;
    record->arguments = r->view.arguments;
}

static uint64_t next_number(struct loop *loop)
{
    return atomic_fetch_add_explicit(&loop->daemon->last_request, 1, memory_order_relaxed) + 1;
}

/* --- judging ---------------------------------------------------------------------------------- */

static void stage(struct loop *loop, struct request *r)
{
    r->state = REQUEST_STAGED;
    r->stage_next = NULL;
    *loop->staged_tail = r;
    loop->staged_tail = &r->stage_next;
}

/* What another policy, which is tried beside the one in force, says of a command. */
struct shadow {
    enum audit_result result; /* NONE: the same, or there is none */
    const char *rule;         /* or the reason; good until the next one is asked */
};

static struct shadow ask_shadow(struct loop *loop, const struct session *s, const struct request *r,
                                bool allowed)
{
    const struct acl_rights *rights = acl_rights_shadow(s->rights);
    if (!rights)
        return (struct shadow){ AUDIT_RESULT_NONE, NULL };
    struct acl_verdict v =
        acl_check(rights, &loop->shadow_acl, request_command(r), r->tape, r->view.arguments);
    if ((v.decision == ACL_ALLOWED) == allowed)
        return (struct shadow){ AUDIT_RESULT_NONE, NULL };
    STATS_INC(loop, shadow_differences);
    return allowed ? (struct shadow){ AUDIT_DENIED, v.reason }
                   : (struct shadow){ AUDIT_OK, v.rule };
}

static bool is_administration(const struct request *r)
{
    return r->kind == REQUEST_LOCAL && r->command->admin;
}

static void record_intent(struct loop *loop, struct request *r, const struct vm *vm,
                          const struct monitor *m, const char *rule, struct shadow shadow)
{
    r->number = next_number(loop);
    r->recorded = true;
    struct audit_record record = request_record(loop, r, vm, m, AUDIT_INTENT);
    add_arguments(&record, r);
    record.administration = is_administration(r);
    record.rule = rule;
    record.shadow = shadow.result;
    record.shadow_rule = shadow.rule;
    dispatch_record(loop, &record);
}

static struct audit_record refusal_record(struct session *s, struct request *r,
                                          enum audit_result result, enum audit_code code,
                                          const char *rule, const char *why, struct shadow shadow)
{
    struct audit_record record =
        request_record(s->client->loop, r, s->vm, s->monitor, AUDIT_REFUSED);
    add_arguments(&record, r);
    /* what does not fit the schema may hold a secret where nobody looks for one */
    record.shape_only = code == AUDIT_CODE_BAD_ARGUMENTS;
    record.result = result;
    record.code = code;
    record.rule = rule;
    record.text = text_span(why);
    record.shadow = shadow.result;
    record.shadow_rule = shadow.rule;
    return record;
}

static void record_refusal(struct session *s, struct request *r, enum audit_code code,
                           const char *rule, const char *why, struct shadow shadow)
{
    struct loop *loop = s->client->loop;
    struct audit_record record = refusal_record(s, r, AUDIT_DENIED, code, rule, why, shadow);
    dispatch_record(loop, &record);
    STATS_INC(loop, refused);
    atomic_fetch_add_explicit(&registry_counters(s->client->registry)->refused, 1,
                              memory_order_relaxed);
}

void dispatch_refused(struct session *s, struct request *r, enum audit_code code, const char *rule,
                      const char *why)
{
    record_refusal(s, r, code, rule, why, (struct shadow){ 0 });
}

void dispatch_refusal_detail(struct session *s, struct span command, struct buf *out)
{
    if (s->client->loop->snapshot->conf->refusal_detail == CONF_REFUSAL_FULL)
        acl_check_detail(s->rights, &s->client->loop->acl, command, out);
}

/* What of a verdict the reason says in words: those that depend on arguments are in the workspace.
 */
static enum audit_code refusal_code(const struct loop *loop, const struct acl_verdict *v)
{
    if (v->reason == loop->acl.reason)
        return AUDIT_CODE_CONDITION;
    return strcmp(v->rule, "default") == 0 ? AUDIT_CODE_NO_RULE : AUDIT_CODE_DENIED;
}

/* Refused by policy: the words name the command and the rule. */
static void refuse(struct session *s, struct request *r, const struct acl_verdict *v,
                   struct shadow shadow)
{
    struct span name = request_command(r);
    char shown[LOG_ESCAPE_MAX];
    if (v->decision == ACL_UNKNOWN_COMMAND) {
        record_refusal(s, r, AUDIT_CODE_UNKNOWN_COMMAND, v->rule, "not in the VM's schema", shadow);
        session_error(r, QMP_ERROR_COMMAND_NOT_FOUND, "The command %s has not been found",
                      log_escape(name.data, name.len, shown));
        return;
    }
    record_refusal(s, r, refusal_code(s->client->loop, v), v->rule, v->reason, shadow);
    CLEANUP_BUF struct buf detail = { 0 };
    dispatch_refusal_detail(s, name, &detail);
    session_error(r, QMP_ERROR_GENERIC, "permission denied: command '%s': %s%s%.*s",
                  log_escape(name.data, name.len, shown), v->reason, buf_len(&detail) ? ": " : "",
                  (int)buf_len(&detail), buf_len(&detail) ? buf_data(&detail) : "");
}

static void refuse_arguments(struct session *s, struct request *r,
                             const struct qmp_argument_fault *fault)
{
    char why[QMP_ARGUMENT_TEXT_MAX], text[QMP_ARGUMENT_TEXT_MAX];
    qmp_argument_fault_reason(fault, why);
    record_refusal(s, r, AUDIT_CODE_BAD_ARGUMENTS, NULL, why, (struct shadow){ 0 });
    session_error(r, QMP_ERROR_GENERIC, "%s", qmp_argument_fault_text(fault, r->tape, text));
}

bool dispatch_arguments_fit(const struct session *s, struct span name, const struct qmp_tape *t,
                            uint32_t arguments, struct qmp_argument_fault *fault)
{
    const struct qmp_schema *schema = s->monitor->schema;
    int command = schema ? qmp_schema_find_command(schema, name) : -1;
    return command < 0 || !acl_allows_command(s->rights, (unsigned)command) ||
           qmp_validate(schema, (unsigned)command, t, arguments, fault);
}

/* It moves, or is waited for. */
static enum audit_code barred_code(const struct monitor *m)
{
    return m->restarts ? AUDIT_CODE_VM_LOST : AUDIT_CODE_MIGRATING;
}

/* Why a command cannot go to its VM now, whatever policy says. */
static enum audit_code obstacle(const struct loop *loop, const struct monitor *m,
                                const struct request *r)
{
    if (loop->draining)
        return AUDIT_CODE_SHUTDOWN;
    if (monitor_is_barred(m, r))
        return barred_code(m);
    if (m->state != MONITOR_READY)
        return AUDIT_CODE_VM_LOST;
    if (m->cut_off_us)
        return AUDIT_CODE_VM_UNREACHABLE;
    if (m->unresponsive && !r->oob)
        return AUDIT_CODE_VM_SILENT;
    if (r->oob && !monitor_oob_slot_free(m))
        return AUDIT_CODE_OUT_OF_BAND_FULL;
    return AUDIT_CODE_NONE;
}

static const char *const obstacles[AUDIT_N_CODES] = {
    [AUDIT_CODE_SHUTDOWN] = "the gateway is shutting down",
    [AUDIT_CODE_MIGRATING] = "the VM is migrating to another host",
    [AUDIT_CODE_VM_LOST] = "the VM is not connected",
    [AUDIT_CODE_VM_UNREACHABLE] = "the VM cannot be reached by way of its libvirt now",
    [AUDIT_CODE_VM_SILENT] =
        "the VM does not answer (an earlier command has been waiting for too long)",
    [AUDIT_CODE_OUT_OF_BAND_FULL] = "too many out-of-band commands are in flight",
};

/* Policy allows it by `rule`; it never leaves. */
static void refuse_for(struct session *s, struct request *r, enum audit_code code, const char *rule)
{
    struct loop *loop = s->client->loop;
    struct audit_record record =
        refusal_record(s, r, AUDIT_CANCELLED, code, rule, obstacles[code], (struct shadow){ 0 });
    dispatch_record(loop, &record);
    STATS_INC(loop, cancelled);
    session_error(r, QMP_ERROR_GENERIC, "%s: the command was not run", obstacles[code]);
}

static bool is_quit(struct span name)
{
    return name.len == 4 && memcmp(name.data, "quit", 4) == 0;
}

static bool passes_descriptors(struct span name)
{
    char text[LOG_ESCAPE_MAX];
    return acl_is_fd_command(log_escape(name.data, name.len, text));
}

void dispatch_request(struct monitor *m, struct request *r)
{
    struct session *s = r->session;
    struct loop *loop = m->loop;
    struct span name = request_command(r);
    struct qmp_argument_fault fault;
    if (!dispatch_arguments_fit(s, name, r->tape, r->view.arguments, &fault)) {
        refuse_arguments(s, r, &fault);
        return;
    }
    struct acl_verdict v = acl_check(s->rights, &loop->acl, name, r->tape, r->view.arguments);
    struct shadow shadow = ask_shadow(loop, s, r, v.decision == ACL_ALLOWED);
    if (v.decision != ACL_ALLOWED) {
        refuse(s, r, &v, shadow);
        return;
    }
    if (passes_descriptors(name)) {
        dispatch_refused(s, r, AUDIT_CODE_DESCRIPTORS, v.rule, "passes descriptors");
        session_error(r, QMP_ERROR_GENERIC,
                      "permission denied: command '%.*s' passes descriptors, which cannot go "
                      "through the gateway",
                      (int)name.len, name.data);
        return;
    }
    const char *why =
        m->backend_ops->objection ? m->backend_ops->objection(r->tape, &r->view) : NULL;
    if (why) {
        dispatch_refused(s, r, AUDIT_CODE_NOT_BY_LIBVIRT, v.rule, why);
        session_error(r, QMP_ERROR_GENERIC,
                      "command '%.*s' cannot go through libvirt: %s: it was not run", (int)name.len,
                      name.data, why);
        return;
    }
    enum audit_code code = obstacle(loop, m, r);
    if (code) {
        refuse_for(s, r, code, v.rule);
        return;
    }
    r->quit = is_quit(name);
    record_intent(loop, r, m->vm, m, v.rule, shadow);
    monitor_stage(m, r);
    stage(loop, r);
}

void dispatch_local(struct session *s, struct request *r, const char *rule)
{
    struct loop *loop = s->client->loop;
    if (!caller_name(s->caller)) { /* nobody yet: strangers do not fill the disk */
        gateway_run(s, r);
        return;
    }
    record_intent(loop, r, s->vm, s->monitor, rule, (struct shadow){ 0 });
    stage(loop, r);
}

/* --- settling --------------------------------------------------------------------------------- */

static void cancel_orphan(struct loop *loop, struct request *r)
{
    dispatch_cancelled(loop, r, AUDIT_CODE_SESSION_ENDED,
                       "the session ended before the command was sent");
    if (r->monitor)
        monitor_unstage(r->monitor, r);
    request_free(r);
}

/* Its session is about to end: by policy, or because its VM is gone. */
static void cancel_late(struct loop *loop, struct request *r)
{
    static const char why[] = "the session is over: the command was not run";
    if (r->monitor) {
        dispatch_cancelled(loop, r, AUDIT_CODE_SESSION_ENDED, why);
        monitor_unstage(r->monitor, r);
    }
    session_error(r, QMP_ERROR_GENERIC, "%s", why);
}

/* Its VM began to move, ended, or went out of reach, before it was sent. */
static void cancel_barred(struct loop *loop, struct request *r)
{
    enum audit_code code =
        monitor_is_barred(r->monitor, r) ? barred_code(r->monitor) : AUDIT_CODE_VM_UNREACHABLE;
    CLEANUP_FREE char *why = mem_printf("%s: the command was not run", obstacles[code]);
    dispatch_cancelled(loop, r, code, why);
    monitor_unstage(r->monitor, r);
    session_error(r, QMP_ERROR_GENERIC, "%s", why);
}

/* Its intent is written. */
static void release(struct loop *loop, struct request *r)
{
    if (!r->session) {
        cancel_orphan(loop, r);
    } else if (r->session->client->state != CLIENT_OPEN) {
        cancel_late(loop, r);
    } else if (r->kind == REQUEST_LOCAL) {
        gateway_run(r->session, r);
    } else if (monitor_is_barred(r->monitor, r) || r->monitor->cut_off_us) {
        cancel_barred(loop, r);
    } else {
        STATS_INC(loop, commands);
        atomic_fetch_add_explicit(&registry_counters(r->session->client->registry)->commands, 1,
                                  memory_order_relaxed);
        monitor_send(r->monitor, r);
    }
}

/* What takes rights away runs though nothing may be left of its record, for who may still give it.
 */
static bool runs_anyway(const struct request *r)
{
    return r->session->client->state == CLIENT_OPEN && r->kind == REQUEST_LOCAL &&
           r->command->always;
}

static void run_unrecorded(struct loop *loop, struct request *r)
{
    STATS_INC(loop, unrecorded);
    gateway_run(r->session, r);
}

/* Its intent is not in the log, or an outcome is there already: nothing more is recorded of it. */
static void refuse_unrecorded(struct loop *loop, struct request *r, const char *why)
{
    r->recorded = false;
    if (r->monitor)
        monitor_unstage(r->monitor, r);
    if (!r->session) {
        request_free(r);
        return;
    }
    STATS_INC(loop, audit_refused);
    session_error(r, QMP_ERROR_GENERIC,
                  "the audit log cannot be written, so the command was not run: %s", why);
}

/* Its intent could not be written: fail closed. */
static void settle_unwritten(struct loop *loop, struct request *r, const char *why)
{
    r->recorded = false;
    if (r->session && runs_anyway(r))
        run_unrecorded(loop, r);
    else
        refuse_unrecorded(loop, r, why);
}

/* Its intent is written, but not on the disk, and may get there all the same: fail closed, and let
 * the one outcome that it has say what became of it. */
static void settle_not_durable(struct loop *loop, struct request *r, const char *why)
{
    if (!r->session) {
        cancel_orphan(loop, r);
    } else if (r->session->client->state != CLIENT_OPEN) {
        cancel_late(loop, r);
    } else if (runs_anyway(r)) {
        run_unrecorded(loop, r);
    } else {
        dispatch_cancelled(loop, r, AUDIT_CODE_NOT_DURABLE, why);
        refuse_unrecorded(loop, r, why);
    }
}

/* What is durable by now waits all the same behind what is parked: a VM gets its commands in the
 * order of its window. */
static void settle_one(struct loop *loop, struct request *r, uint64_t ticket,
                       const struct error *failed)
{
    struct audit *audit = loop->daemon->audit;
    r->ticket = ticket;
    if (failed && !(ticket && is_administration(r))) {
        settle_unwritten(loop, r, failed->text);
    } else if (!loop->parked && audit_durable(audit) >= ticket) {
        release(loop, r);
    } else {
        r->stage_next = NULL;
        *loop->parked_tail = r;
        loop->parked_tail = &r->stage_next;
    }
}

void dispatch_settle(struct loop *loop)
{
    struct error err;
    uint64_t ticket = 0;
    if (!loop->audit_dirty)
        return;
    loop->audit_dirty = false;
    /* before it is asked what is durable: the flusher looks at this after it has changed that */
    atomic_store(&loop->wants_durable, loop->staged || loop->parked);
    bool failed = audit_batch_commit(loop->audit, &ticket, &err) < 0;
    struct request *r = loop->staged;
    loop->staged = NULL;
    loop->staged_tail = &loop->staged;
    while (r) {
        struct request *next = r->stage_next;
        settle_one(loop, r, ticket, failed ? &err : NULL);
        r = next;
    }
    atomic_store(&loop->wants_durable, loop->parked != NULL);
}

void dispatch_durable(struct loop *loop)
{
    struct audit *audit = loop->daemon->audit;
    uint64_t durable = audit_durable(audit);
    struct error err = { .text = "the log could not be synchronised to disk" };
    uint64_t asked = 0; /* requests of one turn have one ticket */
    bool failed = false;
    while (loop->parked) {
        struct request *r = loop->parked;
        if (r->ticket != asked)
            failed = audit_ticket_failed(audit, r->ticket);
        asked = r->ticket;
        if (!failed && r->ticket > durable)
            break;
        loop->parked = r->stage_next;
        if (!loop->parked)
            loop->parked_tail = &loop->parked;
        if (failed)
            settle_not_durable(loop, r, err.text);
        else
            release(loop, r);
    }
    atomic_store(&loop->wants_durable, loop->parked != NULL);
}

void dispatch_drop_parked(struct loop *loop)
{
    while (loop->parked) {
        struct request *r = loop->parked;
        loop->parked = r->stage_next;
        cancel_orphan(loop, r);
    }
    loop->parked_tail = &loop->parked;
}

static bool remove_from(struct request **list, struct request ***tail, struct request *r)
{
    for (struct request **p = list; *p; p = &(*p)->stage_next) {
        if (*p != r)
            continue;
        *p = r->stage_next;
        if (*tail == &r->stage_next)
            *tail = p;
        return true;
    }
    return false;
}

void dispatch_unstage(struct loop *loop, struct request *r)
{
    if (!remove_from(&loop->staged, &loop->staged_tail, r))
        remove_from(&loop->parked, &loop->parked_tail, r);
}

/* --- outcomes --------------------------------------------------------------------------------- */

/* The two members of an error object, from its raw text; empty where a hostile VM has none. */
struct error_words {
    struct qmp_scanner *scanner; /* owns what the spans borrow */
    struct span class, desc;
};

static struct span member_string(const struct qmp_tape *t, struct span name)
{
    uint32_t token = qmp_tape_find(t, 0, name);
    if (token == QMP_NONE || qmp_tape_kind(t, token) != QMP_KIND_STRING)
        return (struct span){ "", 0 };
    return qmp_tape_string(t, token);
}

static void scan_error(struct error_words *w, struct span object)
{
    struct qmp_scan_limits limits = { .max_bytes = object.len + 1,
                                      .max_depth = 8,
                                      .max_tokens = 64 };
    *w = (struct error_words){ .scanner = qmp_scan_object(&limits, object) };
    if (!w->scanner)
        return;
    const struct qmp_tape *t = qmp_scanner_tape(w->scanner);
    w->class = member_string(t, SPAN_LIT("class"));
    w->desc = member_string(t, SPAN_LIT("desc"));
}

/* An outcome's intent has them. */
static void leave_to_intent(struct audit_record *record)
{
    record->peer = record->identity = record->acting_for = record->uuid = NULL;
}

static struct audit_record outcome_record(struct loop *loop, const struct request *r,
                                          enum audit_result result)
{
    struct monitor *m = r->monitor;
    struct audit_record record = request_record(loop, r, m ? m->vm : NULL, m, AUDIT_OUTCOME);
    record.result = result;
    leave_to_intent(&record);
    if (r->sent_us)
        record.latency_us = loop_monotonic_us(loop) - r->sent_us;
    return record;
}

void dispatch_outcome(struct loop *loop, const struct request *r, const struct qmp_tape *tape,
                      const struct qmp_answer *answer)
{
    bool ok = answer->kind == QMP_ANSWER_RETURN;
    struct audit_record record = outcome_record(loop, r, ok ? AUDIT_OK : AUDIT_ERROR);
    if (ok) {
        dispatch_record(loop, &record);
        return;
    }
    struct error_words words;
    scan_error(&words, qmp_tape_raw(tape, answer->body));
    add_arguments(&record, r);
    record.error_class = words.class;
    record.text = words.desc;
    dispatch_record(loop, &record);
    qmp_scanner_free(words.scanner);
}

void dispatch_unknown(struct loop *loop, const struct request *r, enum audit_code code,
                      const char *why)
{
    struct audit_record record = outcome_record(loop, r, AUDIT_UNKNOWN);
    record.code = code;
    record.text = text_span(why);
    dispatch_record(loop, &record);
    STATS_INC(loop, unknown_outcomes);
}

void dispatch_unacknowledged(struct loop *loop, const struct request *r)
{
    struct audit_record record = outcome_record(loop, r, AUDIT_UNACKNOWLEDGED);
    dispatch_record(loop, &record);
}

void dispatch_cancelled(struct loop *loop, const struct request *r, enum audit_code code,
                        const char *why)
{
    struct audit_record record = outcome_record(loop, r, AUDIT_CANCELLED);
    record.code = code;
    record.text = text_span(why);
    dispatch_record(loop, &record);
    STATS_INC(loop, cancelled);
}

void dispatch_local_outcome(struct session *s, struct request *r, const char *error)
{
    if (!r->recorded)
        return;
    struct loop *loop = s->client->loop;
    struct audit_record record = request_record(loop, r, s->vm, s->monitor, AUDIT_OUTCOME);
    record.result = error ? AUDIT_ERROR : AUDIT_OK;
    leave_to_intent(&record);
    if (r->sent_us)
        record.latency_us = loop_monotonic_us(loop) - r->sent_us;
    record.text = text_span(error);
    dispatch_record(loop, &record);
}

void dispatch_admin(struct session *s, const struct request *r, const char *subject,
                    uint64_t subject_connection, uint64_t count)
{
    struct loop *loop = s->client->loop;
    struct audit_record record = request_record(loop, r, NULL, NULL, AUDIT_ADMIN);
    record.result = AUDIT_OK;
    record.subject = subject;
    record.subject_connection = subject_connection;
    record.count = count;
    dispatch_record(loop, &record);
}
