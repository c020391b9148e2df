#include "config.h"
#include "proxy/libvirt_backend.h"

#include <string.h>
#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "proxy/daemon.h"
#include "proxy/snapshot.h"
#include "proxy/vms.h"
#include "qmp/write.h"

bool libvirt_backend_may_open(struct loop *loop, const struct vm *vm, struct error *err)
{
    char why[ERROR_TEXT_MAX];
    if (vm->contested)
        error_set(err, ERROR_DENIED, "two VMs that run claim its UUID");
    else if (!libvirt_hosts_is_up(loop->daemon->libvirt, vm->connection, why))
        error_set(err, ERROR_STATE, "%s", why);
    else if (vm->arriving)
        error_set(err, ERROR_STATE, "it is just starting, or migrating to another host");
    else if (vm->incarnation == 0)
        error_set(err, ERROR_STATE, "it is not running (%s)", vm->power);
    else
        return true;
    return false;
}

struct libvirt_call *libvirt_backend_call(struct monitor *m, char *take_command,
                                          void (*run)(struct loop *loop,
                                                      struct loop_message *message))
{
    struct libvirt_call *call = MEM_NEW(struct libvirt_call);
    call->message.run = run;
    call->loop = m->loop;
    call->vm = mem_strdup(m->name);
    call->generation = m->generation;
    call->connection = mem_strdup(m->vm->connection);
    memcpy(call->uuid, m->vm->uuid, sizeof(call->uuid));
    call->incarnation = m->vm->incarnation;
    call->command = take_command;
    call->not_after_us =
        clock_monotonic_us() + m->loop->snapshot->conf->limits.vm_timeout_seconds * USEC_PER_SEC;
    return call;
}

/* --- a way ------------------------------------------------------------------------------------ */

void libvirt_way_init(struct libvirt_way *way, struct monitor *m, const struct vm *vm, bool agent,
                      void (*run_event)(struct loop *loop, struct loop_message *message),
                      void (*release)(struct libvirt_way *way))
{
    const struct libvirt_tap_owner owner = {
        .loop = m->loop,
        .vm = m->name,
        .agent = agent,
        .generation = m->generation,
        .run = run_event,
    };
    *way = (struct libvirt_way){ .monitor = m, .loop = m->loop, .release = release };
    way->tap = libvirt_tap_open(m->loop->daemon->libvirt, vm->connection, vm->uuid, &owner);
}

void libvirt_way_fini(struct libvirt_way *way)
{
    if (way->tap)
        libvirt_tap_close(way->tap);
    buf_free(&way->native);
}

void libvirt_way_enter(struct libvirt_way *way)
{
    way->busy = true;
}

void libvirt_way_leave(struct libvirt_way *way)
{
    way->busy = false;
    if (!way->monitor)
        way->release(way);
}

void libvirt_way_flush(struct libvirt_way *way)
{
    if (!buf_len(&way->native))
        return;
    CLEANUP_BUF struct buf answer = way->native;
    way->native = (struct buf){ 0 };
    libvirt_way_enter(way);
    libvirt_backend_reply(way->monitor, (struct span){ buf_data(&answer), buf_len(&answer) });
    libvirt_way_leave(way);
}

void libvirt_way_close(struct libvirt_way *way)
{
    way->monitor = NULL;
    if (!way->busy)
        way->release(way);
}

struct backend *libvirt_way_find(struct loop *loop, const struct backend_ops *ops, const char *vm,
                                 uint64_t generation)
{
    struct monitor *m;
    HASH_FIND(hh, loop->monitors, vm, strlen(vm), m);
    bool ours = m && m->backend && m->backend_ops == ops && m->generation == generation;
    return ours ? m->backend : NULL;
}

/* --- messages --------------------------------------------------------------------------------- */

struct span libvirt_backend_json(const char *text)
{
    return (struct span){ text, strcspn(text, "\r\n") };
}

bool libvirt_backend_tell(struct monitor *m, struct span text, libvirt_message_fn *take)
{
    struct qmp_scan_limits limits = {
        .max_bytes = m->loop->snapshot->conf->limits.reply_bytes,
        .max_depth = LIMIT_REPLY_DEPTH,
        .max_tokens = LIMIT_REPLY_TOKENS,
        .top_level_only = true,
    };
    struct qmp_scanner *scanner = qmp_scan_object(&limits, text);
    struct qmp_answer answer;
    struct error err;
    bool good = scanner && qmp_answer_parse(qmp_scanner_tape(scanner), QMP_UNKNOWN_REFUSED, &answer,
                                            &err) == 0;
    if (good) {
        answer.id = QMP_NONE;
        take(m, qmp_scanner_tape(scanner), &answer);
    }
    qmp_scanner_free(scanner);
    return good;
}

void libvirt_backend_reply(struct monitor *m, struct span text)
{
    if (!libvirt_backend_tell(m, text, monitor_message))
        monitor_lost(m, AUDIT_CODE_VM_PROTOCOL, "libvirt passed on what is no reply of QMP");
}

void libvirt_backend_error(struct monitor *m, const char *desc)
{
    CLEANUP_BUF struct buf text = { 0 };
    struct span none = { 0 };
    qmp_write_error(&text, QMP_ERROR_GENERIC, (struct span){ desc, strlen(desc) }, none);
    libvirt_backend_reply(m, (struct span){ buf_data(&text), buf_len(&text) });
}

void libvirt_backend_not_sent(struct monitor *m, const char *why)
{
    CLEANUP_FREE char *desc = mem_printf("%s: the command was not run", why);
    libvirt_backend_error(m, desc);
}

/* --- what cannot go this way ------------------------------------------------------------------ */

/* libvirt ends a string at its first NUL: what would be sent is not what was judged. */
static bool has_nul(const struct qmp_tape *t)
{
    for (uint32_t i = 0; i < t->n_tokens; i++) {
        if (qmp_tape_kind(t, i) != QMP_KIND_STRING)
            continue;
        struct span text = qmp_tape_string(t, i);
        if (memchr(text.data, 0, text.len))
            return true;
    }
    return false;
}

const char *libvirt_backend_objection(const struct qmp_tape *tape)
{
    if (has_nul(tape))
        return "it has a NUL in a string, which libvirt would cut short";
    if (tape->text_len > LIMIT_LIBVIRT_REQUEST)
        return "it is longer than what libvirt takes";
    return NULL;
}

const char libvirt_backend_too_large[] = "its reply could be larger than what libvirt passes on";

bool libvirt_backend_asks_over(const struct qmp_tape *t, const struct qmp_request *r,
                               struct span name, int64_t most)
{
    int64_t n;
    uint32_t token = r->arguments == QMP_NONE ? QMP_NONE : qmp_tape_find(t, r->arguments, name);
    return token != QMP_NONE && (!qmp_tape_int64(t, token, &n) || n < 0 || n > most);
}
