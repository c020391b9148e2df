/* The agent in a VM's guest, by way of libvirt, one command at a time. It has neither greeting nor
 * schema: both are made here, of what guest-info says and of what is pinned (qmp/agent.h). It is
 * the guest's own program: nothing that it says opens anything. */
#include "config.h"
#include "proxy/backend.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "proxy/daemon.h"
#include "proxy/libvirt_backend.h"
#include "proxy/libvirt_hosts.h"
#include "proxy/loop.h"
#include "proxy/monitor.h"
#include "proxy/snapshot.h"
#include "proxy/vms.h"
#include "qmp/agent.h"
#include "qmp/write.h"

#define AGAIN_MS      200u
#define FIRST_SECONDS 5u /* for guest-info */

typedef void answer_fn(struct backend *b, const struct libvirt_call *call);

struct backend {
    struct libvirt_way way;
    answer_fn *take;    /* the answer to what was asked */
    struct event again; /* asks once more: where it has moved to, libvirt may not have it yet */
    bool *enabled;      /* by numbers of qmp/agent.h; owned */
};

static void release(struct libvirt_way *way)
{
    struct backend *b = container_of(way, struct backend, way);
    libvirt_way_fini(way);
    event_del(&b->again);
    free(b->enabled);
    free(b);
}

/* --- commands --------------------------------------------------------------------------------- */

static void run_answered(struct loop *loop, struct loop_message *message);

static void ask(struct backend *b, char *take_command, unsigned seconds, bool silent,
                answer_fn *take)
{
    struct libvirt_call *call = libvirt_backend_call(b->way.monitor, take_command, run_answered);
    call->agent_seconds = seconds;
    call->silent = silent;
    b->take = take;
    libvirt_hosts_submit(b->way.loop->daemon->libvirt, call);
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
    case LIBVIRT_REFUSED:
        libvirt_backend_error(b->way.monitor, call->err.text);
        break;
    case LIBVIRT_SILENT:
        monitor_unacknowledged(b->way.monitor);
        break;
    case LIBVIRT_UNKNOWN:
        monitor_unknown(b->way.monitor, call->err.text);
        break;
    }
}

/* What a monitor is asked while it starts, which an agent is not. */
static void answer_start(struct backend *b, const struct qmp_tape *tape,
                         const struct qmp_request *request)
{
    BUF_ADD_LIT(&b->way.native, "{\"return\": ");
    if (qmp_tape_string_is(tape, request->command, SPAN_LIT("query-qmp-schema"))) {
        qmp_agent_write_schema(b->enabled, &b->way.native);
    } else if (qmp_tape_string_is(tape, request->command, SPAN_LIT("query-uuid"))) {
        buf_printf(&b->way.native, "{\"UUID\": \"%s\"}", b->way.monitor->vm->uuid);
    } else {
        BUF_ADD_LIT(&b->way.native, "{}");
    }
    BUF_ADD_LIT(&b->way.native, "}");
    monitor_mark_dirty(b->way.monitor);
}

static void submit(struct backend *b, const struct qmp_tape *tape,
                   const struct qmp_request *request, unsigned id)
{
    (void)id;
    if (b->way.monitor->state != MONITOR_READY) {
        answer_start(b, tape, request);
        return;
    }
    CLEANUP_BUF struct buf text = { 0 };
    int command = qmp_agent_find_command(qmp_tape_string(tape, request->command));
    qmp_write_request(&text, tape, request, 0);
    char *line = mem_strndup(buf_data(&text), buf_len(&text) - 1); /* without its line feed */
    ask(b, line, b->way.loop->snapshot->conf->limits.vm_timeout_seconds,
        command >= 0 && qmp_agent_is_silent((unsigned)command), take_reply);
}

static void flush(struct backend *b)
{
    libvirt_way_flush(&b->way);
}

/* --- guest-info ------------------------------------------------------------------------------- */

static const char no_info[] = "its guest's agent does not tell what it can do";

static void greet(struct backend *b, const char *version)
{
    CLEANUP_BUF struct buf text = { 0 };
    CLEANUP_FREE char *package = mem_printf("guest agent %s", version);
    unsigned v[3] = { 0 };
    sscanf(version, "%3u.%3u.%3u", &v[0], &v[1], &v[2]);
    buf_printf(&text,
               "{\"QMP\": {\"version\": {\"qemu\": {\"micro\": %u, \"minor\": %u, \"major\": "
               "%u}, \"package\": ",
               v[2], v[1], v[0]);
    buf_add_json_string(&text, package, strlen(package));
    BUF_ADD_LIT(&text, "}, \"capabilities\": []}}");
    if (!libvirt_backend_tell(b->way.monitor, (struct span){ buf_data(&text), buf_len(&text) },
                              monitor_greeted))
        monitor_lost(b->way.monitor, AUDIT_CODE_VM_PROTOCOL, no_info);
}

static void got_info(struct monitor *m, const struct qmp_tape *tape,
                     const struct qmp_answer *answer)
{
    char version[QMP_AGENT_VERSION_MAX];
    bool there = answer->kind == QMP_ANSWER_RETURN && answer->body != QMP_NONE;
    if (there &&
        qmp_agent_read_info(qmp_tape_raw(tape, answer->body), m->backend->enabled, version))
        greet(m->backend, version);
    else
        monitor_lost(m, AUDIT_CODE_VM_PROTOCOL, no_info);
}

static answer_fn take_info;

static void ask_info(struct backend *b)
{
    ask(b, mem_strdup("{\"execute\":\"guest-info\"}"), FIRST_SECONDS, false, take_info);
}

static void on_again(evutil_socket_t fd, short what, void *opaque)
{
    (void)fd, (void)what;
    ask_info(opaque);
}

/* The start's own deadline ends it. */
static void ask_again(struct backend *b)
{
    struct timeval tv = { .tv_usec = AGAIN_MS * 1000 };
    event_add(&b->again, &tv);
}

static void take_info(struct backend *b, const struct libvirt_call *call)
{
    if (call->result == LIBVIRT_NOT_SENT && b->way.monitor->moved)
        ask_again(b);
    else if (call->result == LIBVIRT_REFUSED) /* words of the guest's, which logs would have */
        monitor_lost(b->way.monitor, AUDIT_CODE_VM_PROTOCOL, no_info);
    else if (call->result != LIBVIRT_REPLY)
        monitor_lost(b->way.monitor, AUDIT_CODE_VM_UNREACHABLE, call->err.text);
    else if (!libvirt_backend_tell(b->way.monitor, libvirt_backend_json(call->reply), got_info))
        monitor_lost(b->way.monitor, AUDIT_CODE_VM_PROTOCOL,
                     "libvirt passed on what is no reply of QMP");
}

/* --- from libvirt ----------------------------------------------------------------------------- */

static void run_answered(struct loop *loop, struct loop_message *message)
{
    struct libvirt_call *call = container_of(message, struct libvirt_call, message);
    struct backend *b = libvirt_way_find(loop, &backend_agent, call->vm, call->generation);
    if (b) {
        libvirt_way_enter(&b->way);
        b->take(b, call);
        libvirt_way_leave(&b->way);
    }
    libvirt_call_free(call);
}

/* QEMU's, which tell that the VM moves. Nobody who is attached hears them: an agent's schema has no
 * events. */
static void run_event(struct loop *loop, struct loop_message *message)
{
    struct libvirt_event *e = container_of(message, struct libvirt_event, message);
    struct backend *b = libvirt_way_find(loop, &backend_agent, e->vm, e->generation);
    if (b) {
        libvirt_way_enter(&b->way);
        (void)libvirt_backend_tell(b->way.monitor, (struct span){ e->json, e->len },
                                   monitor_message);
        libvirt_way_leave(&b->way);
    }
    libvirt_event_free(e);
}

/* --- what cannot go this way ------------------------------------------------------------------ */

/* A reply of more than 4 MiB is lost, though the command has run. */
static const char *objection(const struct qmp_tape *t, const struct qmp_request *r)
{
    const char *why = libvirt_backend_objection(t);
    if (!why && qmp_tape_string_is(t, r->command, SPAN_LIT("guest-file-read")) &&
        libvirt_backend_asks_over(t, r, SPAN_LIT("count"), LIMIT_AGENT_READ_BYTES))
        why = libvirt_backend_too_large;
    return why;
}

/* --- life ------------------------------------------------------------------------------------- */

static struct backend *open_agent(struct loop *loop, struct monitor *monitor, const struct vm *vm,
                                  struct error *err)
{
    if (!libvirt_backend_may_open(loop, vm, err))
        return NULL;
    struct backend *b = MEM_NEW(struct backend);
    b->enabled = MEM_NEW_N(bool, qmp_agent_n_commands());
    event_assign(&b->again, loop->base, -1, 0, on_again, b);
    libvirt_way_init(&b->way, monitor, vm, true, run_event, release);
    ask_info(b);
    return b;
}

static void close_agent(struct backend *b)
{
    libvirt_way_close(&b->way);
}

const struct backend_ops backend_agent = {
    .name = "agent",
    .window = 1,
    .start_ms = LIMIT_AGENT_START_MS,
    .gives_up = true,
    .late = "its guest's agent does not answer (by way of libvirt)",
    .late_code = AUDIT_CODE_VM_SILENT,
    .open = open_agent,
    .submit = submit,
    .flush = flush,
    .close = close_agent,
    .objection = objection,
};
