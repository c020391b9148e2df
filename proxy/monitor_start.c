#include "config.h"
#include "proxy/monitor_start.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <utlist.h>
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "proxy/client.h"
#include "proxy/daemon.h"
#include "proxy/request.h"
#include "proxy/session.h"
#include "proxy/snapshot.h"
#include "proxy/worker.h"

#define BACK_OFF_FIRST_MS  100u  /* after a first failure */
#define BACK_OFF_MAX_MS    5000u /* doubling up to here */
#define BACK_OFF_DOUBLINGS 6u
#define ERROR_DETAIL_MAX   300 /* characters of what a VM says that are cited */

/* --- commands of our own ---------------------------------------------------------------------- */

typedef void reply_fn(struct monitor *m, const struct qmp_tape *tape,
                      const struct qmp_answer *answer);

static void ask(struct monitor *m, const char *text, reply_fn *reply)
{
    struct qmp_scan_limits limits = { .max_bytes = 1024, .max_depth = 8, .max_tokens = 32 };
    struct qmp_scanner *scanner = qmp_scan_object(&limits, (struct span){ text, strlen(text) });
    struct qmp_request view;
    struct error err;
    if (!scanner || qmp_request_parse(qmp_scanner_tape(scanner), &view, &err) < 0)
        abort(); /* the text is a constant of this file */
    struct request *r = request_new(REQUEST_INTERNAL, qmp_scanner_tape(scanner), &view);
    qmp_scanner_free(scanner);
    r->reply = reply;
    monitor_stage(m, r);
    monitor_send(m, r);
}

/* --- the schema ------------------------------------------------------------------------------- */

/* Parsing it and compiling policy against it takes milliseconds: on a worker. */
struct schema_job {
    struct worker_job job;
    struct loop_message message;
    struct loop *loop;
    struct snapshot *snapshot;
    char *vm;
    uint64_t generation;
    char *json;
    size_t len;
    struct qmp_schema *schema; /* results */
    struct acl_program *program;
    struct error err;
};

static void free_schema_job(struct schema_job *j)
{
    snapshot_unref(j->snapshot);
    qmp_schema_unref(j->schema);
    acl_program_unref(j->program);
    free(j->vm);
    free(j->json);
    free(j);
}

static void become_ready(struct monitor *m)
{
    struct session *s;
    m->state = MONITOR_READY;
    m->failures = 0;
    event_del(&m->start_timer);
    if (m->moved) /* what sessions may do was what they might at the old host */
        monitor_take_vm(m, vm_ref(m->vm));
    STATS_INC(m->loop, monitors_connected);
    log_info("VM %s: monitor connected", m->vm->name);
    monitor_show(m, "connected");
    monitor_moved(m);
    monitor_follow(m, m->vm); /* it may be about to move */
    while ((s = m->waiting)) {
        DL_DELETE2(m->waiting, s, monitor_prev, monitor_next);
        monitor_join(m, s);
    }
    if (!m->n_sessions && !m->vm->hold) { /* whoever asked is gone already */
        struct timeval tv = { .tv_sec = m->loop->snapshot->conf->limits.monitor_linger_seconds };
        event_add(&m->linger_timer, &tv);
    }
}

static void run_schema_done(struct loop *loop, struct loop_message *message)
{
    struct schema_job *j = container_of(message, struct schema_job, message);
    struct monitor *m;
    HASH_FIND(hh, loop->monitors, j->vm, strlen(j->vm), m);
    if (m && m->generation == j->generation && m->state == MONITOR_STARTING) {
        if (!j->schema) {
            monitor_lost(m, AUDIT_CODE_VM_PROTOCOL, j->err.text);
        } else {
            qmp_schema_unref(m->schema); /* of a host that it has left */
            acl_program_unref(m->program);
            m->schema = qmp_schema_ref(j->schema);
            if (m->backend_ops->learnt_schema)
                m->backend_ops->learnt_schema(m->backend, m->schema);
            /* a reload may have come meanwhile: then this makes it anew */
            m->program = snapshot_program(loop->snapshot, m->schema);
            become_ready(m);
        }
    }
    free_schema_job(j);
}

static void run_schema(struct worker_job *job)
{
    struct schema_job *j = container_of(job, struct schema_job, job);
    if (!j->schema && qmp_schema_parse(j->json, j->len, &j->schema, &j->err) < 0) {
        j->schema = NULL;
        error_prefix(&j->err, "its query-qmp-schema cannot be used");
    } else {
        j->program = snapshot_program(j->snapshot, j->schema);
    }
    j->message.run = run_schema_done;
    loop_post(j->loop, &j->message);
}

/* As JSON, or as it is known already. */
static void use_schema(struct monitor *m, struct span json, struct qmp_schema *take_known)
{
    struct schema_job *j = MEM_NEW(struct schema_job);
    j->job.run = run_schema;
    j->loop = m->loop;
    j->snapshot = snapshot_ref(m->loop->snapshot);
    j->vm = mem_strdup(m->vm->name);
    j->generation = m->generation;
    j->json = mem_dup(json.data, json.len);
    j->len = json.len;
    j->schema = take_known;
    if (worker_submit(m->loop->daemon->pools[POOL_GENERAL], &j->job) < 0) {
        free_schema_job(j);
        monitor_lost(m, AUDIT_CODE_BUSY, "the gateway is too busy: try again");
    }
}

static void got_schema(struct monitor *m, const struct qmp_tape *tape,
                       const struct qmp_answer *answer)
{
    struct span body = qmp_tape_raw(tape, answer->body);
    if (answer->kind != QMP_ANSWER_RETURN || body.len > LIMIT_SCHEMA_BYTES)
        monitor_lost(m, AUDIT_CODE_VM_PROTOCOL,
                     "it does not show its schema (query-qmp-schema failed)");
    else
        use_schema(m, body, NULL);
}

/* --- who is it -------------------------------------------------------------------------------- */

static void take_uuid(struct monitor *m, struct span text)
{
    if (text.len != sizeof(m->uuid) - 1)
        return;
    memcpy(m->uuid, text.data, text.len);
    m->uuid[text.len] = '\0';
    if (strspn(m->uuid, "0123456789abcdefABCDEF-") != text.len)
        m->uuid[0] = '\0';
}

static void read_uuid(struct monitor *m, struct span body)
{
    struct qmp_scan_limits limits = { .max_bytes = 4096, .max_depth = 8, .max_tokens = 32 };
    struct qmp_scanner *scanner = qmp_scan_object(&limits, body);
    if (!scanner)
        return;
    const struct qmp_tape *t = qmp_scanner_tape(scanner);
    uint32_t token = qmp_tape_find(t, 0, SPAN_LIT("UUID"));
    if (token != QMP_NONE && qmp_tape_kind(t, token) == QMP_KIND_STRING)
        take_uuid(m, qmp_tape_string(t, token));
    qmp_scanner_free(scanner);
}

static void got_uuid(struct monitor *m, const struct qmp_tape *tape,
                     const struct qmp_answer *answer)
{
    static const char nil[] = "00000000-0000-0000-0000-000000000000";
    if (answer->kind == QMP_ANSWER_RETURN)
        read_uuid(m, qmp_tape_raw(tape, answer->body));
    if (m->vm->uuid && strcasecmp(m->uuid, m->vm->uuid) != 0) {
        struct error err;
        error_set(&err, ERROR_PEER,
                  "its UUID is not the configured one (another VM has its place?)");
        log_error("VM %s: UUID is %s, configured is %s", m->vm->name,
                  m->uuid[0] ? m->uuid : "unknown", m->vm->uuid);
        monitor_lost(m, AUDIT_CODE_VM_IDENTITY, err.text);
        return;
    }
    if (strcmp(m->uuid, nil) == 0)
        m->uuid[0] = '\0';
    struct qmp_schema *known =
        m->backend_ops->known_schema ? m->backend_ops->known_schema(m->backend) : NULL;
    if (known)
        use_schema(m, SPAN_LIT(""), known);
    else
        ask(m, "{\"execute\":\"query-qmp-schema\"}", got_schema);
}

static void got_capabilities(struct monitor *m, const struct qmp_tape *tape,
                             const struct qmp_answer *answer)
{
    (void)tape;
    if (answer->kind != QMP_ANSWER_RETURN)
        monitor_lost(m, AUDIT_CODE_VM_PROTOCOL, "it refused negotiation");
    else
        ask(m, "{\"execute\":\"query-uuid\"}", got_uuid);
}

/* Does the greeting offer out-of-band? */
static bool offers_oob(struct span greeting)
{
    struct qmp_scan_limits limits = { .max_bytes = 65536, .max_depth = 16, .max_tokens = 256 };
    struct qmp_scanner *scanner = qmp_scan_object(&limits, greeting);
    bool found = false;
    if (!scanner)
        return false;
    const struct qmp_tape *t = qmp_scanner_tape(scanner);
    uint32_t list = qmp_tape_find(t, 0, SPAN_LIT("capabilities"));
    if (list != QMP_NONE && qmp_tape_kind(t, list) == QMP_KIND_ARRAY) {
        QMP_TAPE_ELEMENTS (t, list, item) {
            if (qmp_tape_kind(t, item) == QMP_KIND_STRING &&
                qmp_tape_string_is(t, item, SPAN_LIT("oob")))
                found = true;
        }
    }
    qmp_scanner_free(scanner);
    return found;
}

void monitor_greeted(struct monitor *m, const struct qmp_tape *tape,
                     const struct qmp_answer *greeting)
{
    struct span body = qmp_tape_raw(tape, greeting->body);
    if (body.len > LIMIT_GREETING_BYTES) {
        monitor_lost(m, AUDIT_CODE_VM_PROTOCOL, "its greeting is too long");
        return;
    }
    free(m->greeting);
    m->greeting = mem_dup(body.data, body.len);
    m->greeting_len = body.len;
    m->oob = offers_oob(body);
    m->state = MONITOR_STARTING;
    struct timeval tv = { .tv_sec = m->loop->snapshot->conf->limits.vm_timeout_seconds };
    event_add(&m->start_timer, &tv);
    ask(m,
        m->oob ? "{\"execute\":\"qmp_capabilities\",\"arguments\":{\"enable\":[\"oob\"]}}"
               : "{\"execute\":\"qmp_capabilities\"}",
        got_capabilities);
}

/* --- attempts --------------------------------------------------------------------------------- */

static void on_start_timeout(evutil_socket_t fd, short what, void *opaque)
{
    struct monitor *m = opaque;
    (void)fd, (void)what;
    if (m->state == MONITOR_CONNECTING)
        monitor_lost(m, m->backend_ops->late_code, m->backend_ops->late);
    else if (m->state == MONITOR_STARTING)
        monitor_lost(m, AUDIT_CODE_VM_SILENT, "it does not answer");
}

static void on_hold(evutil_socket_t fd, short what, void *opaque)
{
    struct monitor *m = opaque;
    (void)fd, (void)what;
    if (m->state == MONITOR_IDLE && m->vm->hold && !m->loop->draining)
        monitor_start(m);
}

void monitor_start_init(struct monitor *m)
{
    event_assign(&m->start_timer, m->loop->base, -1, 0, on_start_timeout, m);
    event_assign(&m->hold_timer, m->loop->base, -1, 0, on_hold, m);
}

void monitor_start(struct monitor *m)
{
    struct error err;
    const struct backend_ops *ops = m->vm->agent_of     ? &backend_agent
                                    : m->vm->connection ? &backend_libvirt
                                                        : &backend_socket;
    struct timeval tv = { .tv_sec = ops->start_ms / 1000, .tv_usec = ops->start_ms % 1000 * 1000 };
    m->state = MONITOR_CONNECTING;
    m->generation = ++m->loop->generations;
    event_add(&m->start_timer, &tv);
    m->backend_ops = ops;
    m->backend = m->backend_ops->open(m->loop, m, m->vm, &err);
    if (!m->backend)
        monitor_lost(m, AUDIT_CODE_VM_UNREACHABLE, err.text);
}

void monitor_back_off(struct monitor *m, bool was_ready)
{
    if (was_ready)
        m->failures = 0;
    unsigned doublings = m->failures < BACK_OFF_DOUBLINGS ? m->failures : BACK_OFF_DOUBLINGS;
    unsigned ms = BACK_OFF_FIRST_MS << doublings;
    if (ms > BACK_OFF_MAX_MS)
        ms = BACK_OFF_MAX_MS;
    m->failures++;
    m->retry_us = was_ready ? 0 : clock_monotonic_us() + ms * USEC_PER_MSEC;
    if (m->vm->hold && !m->dead && !m->loop->draining) {
        struct timeval tv = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };
        event_add(&m->hold_timer, &tv);
    }
}

void monitor_hold(struct loop *loop, struct vm *vm)
{
    struct monitor *m = monitor_get(loop, vm);
    if (m->state == MONITOR_IDLE && clock_monotonic_us() >= m->retry_us)
        monitor_start(m);
}
