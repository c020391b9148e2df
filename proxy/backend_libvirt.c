/* A VM's monitor by way of libvirt, one command at a time. The monitor is libvirt's own: there is
 * no greeting and no negotiation to be had, so both are made here; ids are libvirt's. */
#include "config.h"
#include "proxy/backend.h"

#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "proxy/daemon.h"
#include "proxy/emulators.h"
#include "proxy/libvirt_backend.h"
#include "proxy/libvirt_hosts.h"
#include "proxy/loop.h"
#include "proxy/monitor.h"
#include "proxy/snapshot.h"
#include "proxy/vms.h"
#include "qmp/write.h"

/* After an answer: for so long the VM is the one that gave it. Nobody stops one and starts it anew
 * in less. */
#define SURE_US (100 * USEC_PER_MSEC)

typedef void answer_fn(struct backend *b, const struct libvirt_call *call);

struct backend {
    struct libvirt_way way;
    answer_fn *take;     /* the answer to what was asked */
    int64_t answered_us; /* monotonic: the VM was the one that it was; 0: not known */

    char *emulator;           /* which QEMU it is, for emulators; or NULL */
    char *version;            /* what it says, or one like it has said; NULL: not known */
    struct qmp_schema *known; /* of one like it; NULL: it is asked itself */
    bool proven;              /* it is like it */
    char *held;               /* a command that waits for that proof; or NULL */
    int64_t held_until_us;    /* monotonic: then its client hears that its outcome is unknown */
};

static void release(struct libvirt_way *way)
{
    struct backend *b = container_of(way, struct backend, way);
    libvirt_way_fini(way);
    qmp_schema_unref(b->known);
    free(b->emulator);
    free(b->version);
    free(b->held);
    free(b);
}

/* --- commands --------------------------------------------------------------------------------- */

static void run_answered(struct loop *loop, struct loop_message *message);

/* Sent to the VM that is meant, not to one that was started meanwhile: libvirt knows a VM by its
 * UUID only. While answers come, it is; after a silence, an error or a hand-over libvirt is asked
 * first. */
static bool is_sure(const struct backend *b)
{
    return b->answered_us && !b->way.monitor->barrier_us &&
           clock_monotonic_us() - b->answered_us < SURE_US;
}

static void ask(struct backend *b, char *take_command, answer_fn *take)
{
    struct monitor *m = b->way.monitor;
    struct libvirt_call *call = libvirt_backend_call(m, take_command, run_answered);
    if (is_sure(b))
        call->sure_until_us = b->answered_us + SURE_US;
    b->take = take;
    libvirt_hosts_submit(b->way.loop->daemon->libvirt, call);
}

static void ask_version(struct backend *b, answer_fn *take)
{
    ask(b, mem_strdup("{\"execute\":\"query-version\"}"), take);
}

static void take_reply(struct backend *b, const struct libvirt_call *call)
{
    switch (call->result) {
    case LIBVIRT_REPLY:
        libvirt_backend_reply(b->way.monitor, libvirt_backend_json(call->reply));
        break;
    case LIBVIRT_NOT_SENT:
        libvirt_backend_not_sent(b->way.monitor, call->err.text);
        break;
    case LIBVIRT_REFUSED: /* of agents only */
    case LIBVIRT_SILENT:
    case LIBVIRT_UNKNOWN:
        monitor_unknown(b->way.monitor, call->err.text);
        break;
    }
}

/* libvirt negotiates for itself, and has a monitor that is negotiated with. */
static bool is_negotiation(const struct qmp_tape *tape, const struct qmp_request *request)
{
    return qmp_tape_string_is(tape, request->command, SPAN_LIT("qmp_capabilities"));
}

/* What libvirt has told already, in QEMU's words. While the monitor starts, only of a VM that need
 * not be asked anything: the others are tainted anyway, and asked. */
static bool answer_natively(struct backend *b, const struct qmp_tape *tape,
                            const struct qmp_request *request)
{
    const struct vm *vm = b->way.monitor->vm;
    bool name = qmp_tape_string_is(tape, request->command, SPAN_LIT("query-name"));
    bool uuid = qmp_tape_string_is(tape, request->command, SPAN_LIT("query-uuid"));
    bool may = b->way.monitor->state == MONITOR_READY || b->known;
    if (!vm->native || !may || !(name || uuid))
        return false;
    const char *value = name ? vm->domain : vm->uuid;
    buf_printf(&b->way.native, "{\"return\":{\"%s\":", name ? "name" : "UUID");
    buf_add_json_string(&b->way.native, value, strlen(value));
    BUF_ADD_LIT(&b->way.native, "}}");
    return true;
}

static answer_fn take_proof;

static void submit(struct backend *b, const struct qmp_tape *tape,
                   const struct qmp_request *request, unsigned id)
{
    (void)id;
    if (is_negotiation(tape, request)) {
        BUF_ADD_LIT(&b->way.native, "{\"return\":{}}");
        monitor_mark_dirty(b->way.monitor);
        return;
    }
    if (answer_natively(b, tape, request)) {
        monitor_mark_dirty(b->way.monitor);
        return;
    }
    CLEANUP_BUF struct buf text = { 0 };
    qmp_write_request(&text, tape, request, 0);
    struct span line = { buf_data(&text), buf_len(&text) };
    char *command = mem_strndup(line.data, line.len - 1); /* without its line feed */
    if (b->known && !b->proven) {
        b->held = command;
        b->held_until_us = clock_monotonic_us() +
                           b->way.loop->snapshot->conf->limits.vm_timeout_seconds * USEC_PER_SEC;
        ask_version(b, take_proof);
    } else {
        ask(b, command, take_reply);
    }
}

static void flush(struct backend *b)
{
    libvirt_way_flush(&b->way);
}

/* --- the greeting ----------------------------------------------------------------------------- */

static void greet(struct backend *b)
{
    CLEANUP_BUF struct buf text = { 0 };
    BUF_ADD_LIT(&text, "{\"QMP\":{\"version\":");
    buf_add_str(&text, b->version);
    BUF_ADD_LIT(&text, ",\"capabilities\":[]}}"); /* libvirt has no out-of-band for us */
    if (!libvirt_backend_tell(b->way.monitor, (struct span){ buf_data(&text), buf_len(&text) },
                              monitor_greeted))
        monitor_lost(b->way.monitor, AUDIT_CODE_VM_PROTOCOL, "it does not tell its version");
}

static struct span version_in(const struct qmp_tape *tape, const struct qmp_answer *answer)
{
    bool there = answer->kind == QMP_ANSWER_RETURN && answer->body != QMP_NONE;
    struct span version = there ? qmp_tape_raw(tape, answer->body) : SPAN_LIT("");
    return version.len <= LIMIT_GREETING_BYTES / 2 ? version : SPAN_LIT("");
}

static void got_version(struct monitor *m, const struct qmp_tape *tape,
                        const struct qmp_answer *answer)
{
    struct backend *b = m->backend;
    struct span version = version_in(tape, answer);
    if (!version.len) {
        monitor_lost(m, AUDIT_CODE_VM_PROTOCOL, "it does not tell its version");
        return;
    }
    b->version = mem_strndup(version.data, version.len);
    greet(b);
}

static void take_version(struct backend *b, const struct libvirt_call *call)
{
    if (call->result != LIBVIRT_REPLY)
        monitor_lost(b->way.monitor, AUDIT_CODE_VM_UNREACHABLE, call->err.text);
    else if (!libvirt_backend_tell(b->way.monitor, libvirt_backend_json(call->reply), got_version))
        monitor_lost(b->way.monitor, AUDIT_CODE_VM_PROTOCOL,
                     "libvirt passed on what is no reply of QMP");
}

/* --- what others of its like have said -------------------------------------------------------- */

static void take_xml(struct backend *b, const struct libvirt_call *call)
{
    struct emulators *emulators = b->way.loop->daemon->emulators;
    if (call->result == LIBVIRT_REPLY)
        b->emulator = emulator_key(call->connection, call->reply);
    if (b->emulator && emulators_find(emulators, b->emulator, &b->version, &b->known))
        greet(b);
    else
        ask_version(b, take_version);
}

static struct qmp_schema *known_schema(struct backend *b)
{
    return b->known ? qmp_schema_ref(b->known) : NULL;
}

static void learnt_schema(struct backend *b, struct qmp_schema *schema)
{
    if (b->emulator && !b->known)
        emulators_learn(b->way.loop->daemon->emulators, b->emulator, b->version, schema);
}

static void end_by_mistake(struct backend *b)
{
    static const char why[] = "its QEMU is not the one that it was taken for: attach again";
    emulators_forget(b->way.loop->daemon->emulators, b->emulator);
    libvirt_backend_not_sent(b->way.monitor, why);
    if (b->way.monitor)
        monitor_lost(b->way.monitor, AUDIT_CODE_VM_IDENTITY, why);
}

/* The first command that it is really asked: before that goes, it proves what it was taken for, by
 * its version and then by its schema, byte for byte. It would be tainted anyway by now. Of what
 * came too late the client has heard that its outcome is unknown. False: the command does not go.
 */
static bool hear_proof(struct backend *b, const struct libvirt_call *call,
                       libvirt_message_fn *judge)
{
    b->proven = false;
    if (call->result != LIBVIRT_REPLY)
        libvirt_backend_not_sent(b->way.monitor, call->err.text);
    else if (clock_monotonic_us() > b->held_until_us)
        libvirt_backend_not_sent(b->way.monitor, "the VM answered too late");
    else if (!libvirt_backend_tell(b->way.monitor, libvirt_backend_json(call->reply), judge) ||
             !b->proven)
        end_by_mistake(b);
    else
        return true;
    b->proven = false;
    return false;
}

static void judge_schema(struct monitor *m, const struct qmp_tape *tape,
                         const struct qmp_answer *answer)
{
    struct backend *b = m->backend;
    struct qmp_schema *schema;
    struct error err;
    if (answer->kind != QMP_ANSWER_RETURN || answer->body == QMP_NONE)
        return;
    struct span body = qmp_tape_raw(tape, answer->body);
    if (body.len > LIMIT_SCHEMA_BYTES || qmp_schema_parse(body.data, body.len, &schema, &err) < 0)
        return;
    b->proven = schema == b->known; /* the same bytes are the same object */
    qmp_schema_unref(schema);
}

/* It may have begun to migrate meanwhile. */
static void take_schema_proof(struct backend *b, const struct libvirt_call *call)
{
    CLEANUP_FREE char *held = TAKE_PTR(b->held);
    struct monitor *m = b->way.monitor;
    if (!hear_proof(b, call, judge_schema))
        return;
    if (m->cut_off_us || (m->window && monitor_is_barred(m, m->window)))
        libvirt_backend_not_sent(m, "the VM moves or stops");
    else
        ask(b, TAKE_PTR(held), take_reply);
}

static void judge_version(struct monitor *m, const struct qmp_tape *tape,
                          const struct qmp_answer *answer)
{
    struct backend *b = m->backend;
    struct span version = version_in(tape, answer);
    b->proven = version.len == strlen(b->version) && !memcmp(version.data, b->version, version.len);
}

static void take_proof(struct backend *b, const struct libvirt_call *call)
{
    if (hear_proof(b, call, judge_version)) {
        b->proven = false;
        ask(b, mem_strdup("{\"execute\":\"query-qmp-schema\"}"), take_schema_proof);
    } else {
        free(b->held);
        b->held = NULL;
    }
}

/* --- from libvirt ----------------------------------------------------------------------------- */

static void run_answered(struct loop *loop, struct loop_message *message)
{
    struct libvirt_call *call = container_of(message, struct libvirt_call, message);
    struct backend *b = libvirt_way_find(loop, &backend_libvirt, call->vm, call->generation);
    if (b) {
        libvirt_way_enter(&b->way);
        b->answered_us = call->result == LIBVIRT_REPLY ? call->answered_us : 0;
        b->take(b, call);
        libvirt_way_leave(&b->way);
    }
    libvirt_call_free(call);
}

static void run_event(struct loop *loop, struct loop_message *message)
{
    struct libvirt_event *e = container_of(message, struct libvirt_event, message);
    struct backend *b = libvirt_way_find(loop, &backend_libvirt, e->vm, e->generation);
    if (b) {
        libvirt_way_enter(&b->way);
        if (e->lost)
            monitor_events_lost(b->way.monitor, e->lost);
        if (!libvirt_backend_tell(b->way.monitor, (struct span){ e->json, e->len },
                                  monitor_message))
            monitor_events_lost(b->way.monitor, 1); /* its data are no JSON object */
        libvirt_way_leave(&b->way);
    }
    libvirt_event_free(e);
}

/* --- what cannot go this way ------------------------------------------------------------------ */

static uint32_t argument(const struct qmp_tape *t, const struct qmp_request *r, struct span name)
{
    return r->arguments == QMP_NONE ? QMP_NONE : qmp_tape_find(t, r->arguments, name);
}

/* The words of `x /FMT ADDRESS` and its like: a count of more than four digits. */
static bool dumps_too_much(const struct qmp_tape *t, const struct qmp_request *r)
{
    uint32_t token = argument(t, r, SPAN_LIT("command-line"));
    if (token == QMP_NONE || qmp_tape_kind(t, token) != QMP_KIND_STRING)
        return false;
    struct span line = qmp_tape_string(t, token);
    const char *slash = memchr(line.data, '/', line.len), *end = line.data + line.len;
    size_t digits = 0;
    while (slash && slash + 1 + digits < end && slash[1 + digits] >= '0' &&
           slash[1 + digits] <= '9')
        digits++;
    return line.len > 0 && strchr("xip", line.data[0]) && digits > 4;
}

/* A reply over 4 MiB is lost although the command has run, and one over 10 MiB leaves the domain's
 * monitor broken until it is restarted. */
static const char *objection(const struct qmp_tape *tape, const struct qmp_request *request)
{
    const char *why = libvirt_backend_objection(tape);
    if (why)
        return why;
    if ((qmp_tape_string_is(tape, request->command, SPAN_LIT("ringbuf-read")) &&
         libvirt_backend_asks_over(tape, request, SPAN_LIT("size"), LIMIT_RINGBUF_BYTES)) ||
        (qmp_tape_string_is(tape, request->command, SPAN_LIT("human-monitor-command")) &&
         dumps_too_much(tape, request)))
        return libvirt_backend_too_large;
    return NULL;
}

/* --- life ------------------------------------------------------------------------------------- */

static struct backend *open_libvirt(struct loop *loop, struct monitor *monitor, const struct vm *vm,
                                    struct error *err)
{
    if (!libvirt_backend_may_open(loop, vm, err))
        return NULL;
    struct backend *b = MEM_NEW(struct backend);
    libvirt_way_init(&b->way, monitor, vm, false, run_event, release);
    if (vm->native)
        ask(b, NULL, take_xml);
    else
        ask_version(b, take_version);
    return b;
}

static void close_libvirt(struct backend *b)
{
    libvirt_way_close(&b->way);
}

const struct backend_ops backend_libvirt = {
    .name = "libvirt",
    .window = 1,
    .start_ms = LIMIT_LIBVIRT_START_MS,
    .silence_ms = LIMIT_QUARANTINE_MS,
    .gives_up = true,
    .late = "it does not answer (by way of libvirt)",
    .late_code = AUDIT_CODE_VM_SILENT,
    .open = open_libvirt,
    .submit = submit,
    .flush = flush,
    .close = close_libvirt,
    .objection = objection,
    .known_schema = known_schema,
    .learnt_schema = learnt_schema,
};
