/* Administration: who is here, out with him, reload, figures, the end of the audit log. */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <utlist.h>
#include "audit/read.h"
#include "base/clock.h"
#include "base/mem.h"
#include "proxy/client.h"
#include "proxy/daemon.h"
#include "proxy/dispatch.h"
#include "proxy/expiry.h"
#include "proxy/gateway.h"
#include "proxy/registry.h"
#include "proxy/reload.h"
#include "proxy/sinks.h"
#include "proxy/snapshot.h"
#include "proxy/vm_board.h"
#include "proxy/vms.h"
#include "proxy/worker.h"

#define AUDIT_TAIL_DEFAULT   20
#define AUDIT_TAIL_MAX       1000
#define AUDIT_TAIL_BYTES_MAX (4u << 20) /* of the log that are read to find them */

/* --- answers that come later ------------------------------------------------------------------ */

/* Who waits for an answer that another thread makes: found again by its numbers, or not at all. */
struct ticket {
    struct daemon *daemon;
    uint64_t connection, request;
};

static struct ticket ticket_of(struct session *s, const struct request *r)
{
    return (struct ticket){ s->client->loop->daemon, s->caller->connection, r->number };
}

struct late_answer {
    struct loop_message message;
    struct ticket ticket;
    bool ok;
    struct buf text; /* the value, or an error's text */
};

static void run_late_answer(struct loop *loop, struct loop_message *message)
{
    struct late_answer *a = container_of(message, struct late_answer, message);
    struct client *c = client_find(loop, a->ticket.connection);
    struct request *r;
    if (c) {
        DL_FOREACH (c->session.flight, r) {
            if (r->kind == REQUEST_LOCAL && r->number == a->ticket.request &&
                r->state != REQUEST_DONE)
                break;
        }
        if (r && a->ok)
            session_return(r, gateway_buf_span(&a->text));
        else if (r)
            session_error(r, QMP_ERROR_GENERIC, "%.*s", (int)buf_len(&a->text), buf_data(&a->text));
    }
    buf_free(&a->text);
    free(a);
}

/* From any thread. A client with an answer outstanding does not move. */
static void answer_late(const struct ticket *ticket, bool ok, struct buf *take_text)
{
    struct loop *loop = registry_find_loop(ticket->daemon->registry, ticket->connection);
    if (!loop) {
        buf_free(take_text);
        return;
    }
    struct late_answer *a = MEM_NEW(struct late_answer);
    a->message.run = run_late_answer;
    a->ticket = *ticket;
    a->ok = ok;
    a->text = *take_text;
    loop_post(loop, &a->message);
}

/* --- gateway-sessions ------------------------------------------------------------------------- */

static void add_text(struct buf *b, const char *name, const char *value)
{
    if (!value)
        return;
    buf_printf(b, ", \"%s\": ", name);
    buf_add_json_string(b, value, strlen(value));
}

/* What was seen under the registry's mutex; VMs that the caller may not see are taken out after it.
 */
struct session_list {
    struct {
        char *vm;
        struct buf text;
    } * items;
    size_t n, cap;
};

static void collect(void *opaque, const struct registry_view *v)
{
    struct session_list *list = opaque;
    char since[CLOCK_UTC_TEXT];
    struct buf b = { 0 };
    clock_format_utc(v->since_utc_us, since);
    buf_printf(&b, "{\"connection\": %llu", (unsigned long long)v->number);
    add_text(&b, "identity", v->identity);
    add_text(&b, "acting-for", v->acting);
    add_text(&b, "peer", v->peer);
    add_text(&b, "listener", v->listener);
    add_text(&b, "vm", v->vm);
    add_text(&b, "phase", v->phase);
    add_text(&b, "since", since);
    buf_printf(&b, ", \"commands\": %llu, \"refused\": %llu, \"queued\": %u}",
               (unsigned long long)v->commands, (unsigned long long)v->refused, v->queued);
    mem_grow((void **)&list->items, &list->cap, list->n + 1, sizeof(*list->items));
    list->items[list->n].vm = mem_strdup(v->vm);
    list->items[list->n++].text = b;
}

void gateway_sessions(struct session *s, struct request *r)
{
    struct session_list list = { 0 };
    CLEANUP_BUF struct buf b = { 0 };
    registry_visit(s->client->loop->daemon->registry, collect, &list);
    BUF_ADD_LIT(&b, "[");
    for (size_t i = 0; i < list.n; i++) {
        if (!list.items[i].vm || gateway_sees_vm(s, list.items[i].vm)) {
            if (buf_len(&b) > 1)
                BUF_ADD_LIT(&b, ", ");
            buf_add_span(&b, gateway_buf_span(&list.items[i].text));
        }
        free(list.items[i].vm);
        buf_free(&list.items[i].text);
    }
    free(list.items);
    BUF_ADD_LIT(&b, "]");
    session_return(r, gateway_buf_span(&b));
}

/* --- gateway-session-close -------------------------------------------------------------------- */

struct close_message {
    struct loop_message message;
    uint64_t connection;
};

/* A connection that is between two loops is not there yet: the message comes back until it is. */
static void run_close(struct loop *loop, struct loop_message *message)
{
    struct close_message *m = container_of(message, struct close_message, message);
    struct client *c = client_find(loop, m->connection);
    struct loop *elsewhere = c ? NULL : registry_find_loop(loop->daemon->registry, m->connection);
    if (c && c->state > CLIENT_OPEN) /* was told already: whoever asks twice waits no longer */
        client_close(c, AUDIT_CODE_ADMINISTRATOR, "closed by an administrator");
    else if (c)
        client_dismiss(c, AUDIT_CODE_ADMINISTRATOR, "closed by an administrator");
    if (elsewhere)
        loop_post(elsewhere, &m->message);
    else
        free(m);
}

static bool post_close(struct daemon *d, uint64_t connection)
{
    struct loop *loop = registry_find_loop(d->registry, connection);
    if (!loop)
        return false;
    struct close_message *m = MEM_NEW(struct close_message);
    m->message.run = run_close;
    m->connection = connection;
    loop_post(loop, &m->message);
    return true;
}

/* Connections of one number, or of one identity: who logged in, or for whom he acts. */
struct close_search {
    int64_t connection;
    const char *identity;
    struct {
        uint64_t connection;
        char *vm, *identity;
    } * found;
    size_t n, cap;
};

static bool is_wanted(const struct close_search *search, const struct registry_view *v)
{
    if (!search->identity)
        return v->number == (uint64_t)search->connection;
    return (v->identity && strcmp(v->identity, search->identity) == 0) ||
           (v->acting && strcmp(v->acting, search->identity) == 0);
}

static void find_connections(void *opaque, const struct registry_view *v)
{
    struct close_search *search = opaque;
    if (!is_wanted(search, v))
        return;
    mem_grow((void **)&search->found, &search->cap, search->n + 1, sizeof(*search->found));
    search->found[search->n].connection = v->number;
    search->found[search->n].identity = mem_strdup(v->identity);
    search->found[search->n++].vm = mem_strdup(v->vm);
}

/* Of those that the caller may see. */
static unsigned close_found(struct session *s, const struct request *r, struct close_search *search)
{
    unsigned closed = 0;
    for (size_t i = 0; i < search->n; i++) {
        uint64_t connection = search->found[i].connection;
        char *vm = search->found[i].vm, *identity = search->found[i].identity;
        if ((!vm || gateway_sees_vm(s, vm)) && post_close(s->client->loop->daemon, connection)) {
            dispatch_admin(s, r, identity, connection, 0);
            closed++;
        }
        free(identity);
        free(vm);
    }
    free(search->found);
    return closed;
}

void gateway_session_close(struct session *s, struct request *r)
{
    struct close_search search = { .connection = 0 };
    struct span name = { NULL, 0 };
    bool by_number = gateway_int_argument(r, "connection", &search.connection);
    bool by_name = gateway_string_argument(r, "identity", &name);
    if (by_number == by_name) {
        session_error(r, QMP_ERROR_GENERIC, "say which: connection, or identity");
        return;
    }
    CLEANUP_FREE char *identity = by_name ? mem_strndup(name.data, name.len) : NULL;
    search.identity = identity;
    registry_visit(s->client->loop->daemon->registry, find_connections, &search);
    unsigned closed = close_found(s, r, &search);
    if (closed == 0 && by_number) {
        session_error(r, QMP_ERROR_GENERIC, "no connection %lld", (long long)search.connection);
        return;
    }
    CLEANUP_BUF struct buf value = { 0 };
    buf_printf(&value, "{\"closed\": %u}", closed);
    session_return(r, gateway_buf_span(&value));
}

/* --- gateway-reload --------------------------------------------------------------------------- */

struct reload_answer {
    struct reload_waiter waiter;
    struct ticket ticket;
};

static void add_notes(struct buf *b, const char *text)
{
    bool first = true;
    while (*text) {
        size_t len = strcspn(text, "\n");
        if (!first)
            BUF_ADD_LIT(b, ", ");
        buf_add_json_string(b, text, len);
        first = false;
        text += len + (text[len] == '\n');
    }
}

static void reloaded(struct reload_waiter *w, const struct reload_result *result)
{
    struct reload_answer *a = container_of(w, struct reload_answer, waiter);
    struct buf b = { 0 };
    if (result->ok) {
        BUF_ADD_LIT(&b, "{\"ok\": true");
        add_text(&b, "config", a->ticket.daemon->config_file);
        add_text(&b, "policy", result->policy);
        BUF_ADD_LIT(&b, ", \"notes\": [");
        add_notes(&b, result->text);
        BUF_ADD_LIT(&b, "]}");
    } else {
        buf_printf(&b, "reload failed, what served before goes on serving: %s", result->text);
    }
    answer_late(&a->ticket, result->ok, &b);
    free(a);
}

void gateway_reload(struct session *s, struct request *r)
{
    struct reload_answer *a = MEM_NEW(struct reload_answer);
    a->waiter.done = reloaded;
    a->ticket = ticket_of(s, r);
    dispatch_admin(s, r, NULL, 0, 0);
    reload_request(a->ticket.daemon, &a->waiter);
}

/* --- gateway-stats ---------------------------------------------------------------------------- */

static uint64_t sum(const struct daemon *d, size_t offset)
{
    uint64_t total = 0;
    for (unsigned i = 0; i < d->n_vm_loops + d->n_front_loops; i++) {
        const struct loop *loop =
            i < d->n_vm_loops ? d->vm_loops[i] : d->front_loops[i - d->n_vm_loops];
        const char *base = (const char *)&loop->stats;
        total += atomic_load_explicit((const _Atomic uint64_t *)(const void *)(base + offset),
                                      memory_order_relaxed);
    }
    return total;
}

static void write_counter(struct buf *b, const char *name, uint64_t value)
{
    if (buf_data(b)[buf_len(b) - 1] != '{')
        BUF_ADD_LIT(b, ", ");
    BUF_ADD_LIT(b, "\"");
    for (; *name; name++)
        buf_add_char(b, *name == '_' ? '-' : *name);
    BUF_ADD_LIT(b, "\": ");
    buf_add_uint(b, value);
}

static void write_counters(struct buf *b, const struct daemon *d)
{
#define X(name, what) write_counter(b, #name, sum(d, offsetof(struct loop_stats, name)));
    LOOP_STATS(X)
#undef X
}

static void write_audit_stats(struct buf *b, struct daemon *d)
{
    struct audit_stats a;
    audit_get_stats(d->audit, &a);
    buf_printf(
        b,
        "\"audit\": {\"records\": %llu, \"failures\": %llu, \"suppressed\": %llu, \"failing\": %s",
        (unsigned long long)a.records, (unsigned long long)a.failures,
        (unsigned long long)a.suppressed, a.failing ? "true" : "false");
    if (a.last_error[0])
        add_text(b, "last-error", a.last_error);
    buf_printf(b, ", \"reserve-bytes\": %llu, \"reserve-short\": %s", (unsigned long long)a.reserve,
               a.reserve_short ? "true" : "false");
    buf_printf(b, ", \"segment\": %llu, \"rotations\": %llu, \"rotation-failures\": %llu",
               (unsigned long long)a.segment, (unsigned long long)a.rotations,
               (unsigned long long)a.rotation_failures);
    if (a.rotation_error[0])
        add_text(b, "rotation-error", a.rotation_error);
    buf_printf(b, ", \"segments\": %llu, \"disk-bytes\": %llu", (unsigned long long)a.segments,
               (unsigned long long)a.disk_bytes);
    if (a.oldest_us) {
        char oldest[CLOCK_UTC_TEXT];
        clock_format_utc(a.oldest_us, oldest);
        buf_printf(b, ", \"oldest-segment\": %llu", (unsigned long long)a.oldest_segment);
        add_text(b, "oldest-record", oldest);
    }
    buf_printf(b, ", \"retention-held\": %s, \"upkeep-failures\": %llu",
               a.retention_held ? "true" : "false", (unsigned long long)a.upkeep_failures);
    if (a.upkeep_error[0])
        add_text(b, "upkeep-error", a.upkeep_error);
    if (a.sealing) {
        buf_printf(b, ", \"unsealed\": %llu, \"seals\": %llu, \"seal-failures\": %llu",
                   (unsigned long long)a.unsealed, (unsigned long long)a.seals,
                   (unsigned long long)a.seal_failures);
        if (a.seal_age_us >= 0)
            buf_printf(b, ", \"last-seal-seconds\": %lld",
                       (long long)(a.seal_age_us / USEC_PER_SEC));
        if (a.seal_error[0])
            add_text(b, "seal-error", a.seal_error);
        buf_printf(b, ", \"seal-command-failures\": %llu, \"seal-command-failing\": %s",
                   (unsigned long long)a.seal_command_failures,
                   a.seal_command_failing ? "true" : "false");
    }
    BUF_ADD_LIT(b, ", \"sinks\": ");
    sinks_write(b, d->sinks);
    BUF_ADD_LIT(b, "}");
}

void gateway_stats(struct session *s, struct request *r)
{
    struct daemon *d = s->client->loop->daemon;
    struct registry_totals totals;
    CLEANUP_BUF struct buf b = { 0 };
    registry_get_totals(d->registry, &totals);
    buf_printf(&b,
               "{\"uptime-seconds\": %lld, \"connections\": %u, \"unauthenticated\": %u, "
               "\"identities\": %u, ",
               (long long)((clock_utc_us() - d->started_utc_us) / USEC_PER_SEC), totals.connections,
               totals.unauthenticated, totals.identities);
    buf_printf(&b, "\"monitors\": %u, ", vm_board_count(d->board));
    buf_printf(
        &b, "\"output-bytes\": %llu, \"reloads\": %llu, \"failed-reloads\": %llu, \"counters\": {",
        (unsigned long long)atomic_load(&d->output_bytes),
        (unsigned long long)atomic_load(&d->reloads),
        (unsigned long long)atomic_load(&d->failed_reloads));
    write_counters(&b, d);
    BUF_ADD_LIT(&b, "}, ");
    write_audit_stats(&b, d);
    BUF_ADD_LIT(&b, ", \"workers\": ");
    pools_write(&b, d->pools);
    BUF_ADD_LIT(&b, ", \"logins\": ");
    gateway_write_logins(&b, d);
    BUF_ADD_LIT(&b, ", \"expiring\": ");
    expiry_write(&b, s->client->loop->snapshot);
    BUF_ADD_LIT(&b, "}");
    session_return(r, gateway_buf_span(&b));
}

/* --- gateway-audit-tail ----------------------------------------------------------------------- */

struct tail_job {
    struct worker_job job;
    struct ticket ticket;
    struct snapshot *snapshot;
    struct acl_view *view; /* of the snapshot's policy */
    bool all;              /* the caller may read everything */
    struct buf own;        /* his name, as a record has it */
    uint64_t count;
    struct tail_line *lines; /* newest first */
    size_t n_lines, cap;
};

/* An outcome does not say which machine of that name it was: its intent, which comes later here,
 * does, and until then the outcome waits. */
struct tail_line {
    struct buf text;
    uint64_t connection, request;
    bool waits;
};

enum may_read { READ_NO, READ_YES, READ_AS_INTENT };

static bool is_type(const struct audit_line *line, struct span type)
{
    return line->type.len == type.len && memcmp(line->type.data, type.data, type.len) == 0;
}

/* Who comes and goes is nobody else's business. */
static bool is_personal(const struct audit_line *line)
{
    return is_type(line, SPAN_LIT("auth")) || is_type(line, SPAN_LIT("session-open")) ||
           is_type(line, SPAN_LIT("session-close"));
}

static bool is_own(const struct tail_job *j, const struct audit_line *line)
{
    return line->identity.len == buf_len(&j->own) &&
           memcmp(line->identity.data, buf_data(&j->own), buf_len(&j->own)) == 0;
}

/* A name may have been another VM's before. */
static enum may_read is_same_vm(const struct vm *vm, const struct audit_line *line)
{
    struct span uuid = line->uuid;
    if (!vm->uuid)
        return READ_YES;
    if (!uuid.len)
        return is_type(line, SPAN_LIT("outcome")) ? READ_AS_INTENT : READ_NO;
    return strlen(vm->uuid) == uuid.len && strncasecmp(vm->uuid, uuid.data, uuid.len) == 0
               ? READ_YES
               : READ_NO;
}

static enum may_read sees_vm(const struct tail_job *j, const struct audit_line *line)
{
    CLEANUP_FREE char *name = mem_strndup(line->vm.data, line->vm.len);
    struct vm *vm = vms_find_name(j->ticket.daemon->vms, name);
    enum may_read may = vm && acl_view_sees(j->view, &vm->acl) ? is_same_vm(vm, line) : READ_NO;
    vm_unref(vm);
    return may;
}

static enum may_read may_read(const struct tail_job *j, const struct audit_line *line)
{
    enum may_read may = READ_YES;
    if (j->all)
        return may;
    if (line->vm.len)
        may = sees_vm(j, line);
    if (may == READ_NO || (line->vm.len && !is_personal(line)))
        return may;
    return is_own(j, line) ? may : READ_NO;
}

static void drop_line(struct tail_job *j, size_t i)
{
    buf_free(&j->lines[i].text);
    j->n_lines--;
    memmove(j->lines + i, j->lines + i + 1, (j->n_lines - i) * sizeof(*j->lines));
}

/* The intent of what waits is here. */
static void settle(struct tail_job *j, const struct audit_line *intent, bool readable)
{
    for (size_t i = j->n_lines; i-- > 0;) {
        struct tail_line *l = &j->lines[i];
        if (!l->waits || l->connection != intent->connection || l->request != intent->request)
            continue;
        l->waits = false;
        if (!readable)
            drop_line(j, i);
        return;
    }
}

/* Numbers of connections begin anew at a start: what still waits has its intent nowhere. */
static void drop_waiting(struct tail_job *j)
{
    for (size_t i = j->n_lines; i-- > 0;)
        if (j->lines[i].waits)
            drop_line(j, i);
}

static void keep_line(struct tail_job *j, const struct audit_line *line, bool waits)
{
    mem_grow((void **)&j->lines, &j->cap, j->n_lines + 1, sizeof(*j->lines));
    j->lines[j->n_lines] = (struct tail_line){
        .connection = line->connection,
        .request = line->request,
        .waits = waits,
    };
    buf_add_span(&j->lines[j->n_lines++].text, line->text);
}

/* What waits does not count, so that its intent is still come to. */
static bool wanted(void *opaque, const struct audit_line *line)
{
    struct tail_job *j = opaque;
    enum may_read may = may_read(j, line);
    if (is_type(line, SPAN_LIT("start")))
        drop_waiting(j);
    else if (is_type(line, SPAN_LIT("intent")))
        settle(j, line, may == READ_YES);
    if (may != READ_NO)
        keep_line(j, line, may == READ_AS_INTENT);
    return may == READ_YES;
}

static void limit_lines(struct tail_job *j)
{
    drop_waiting(j);
    while (j->n_lines > j->count)
        drop_line(j, j->n_lines - 1);
}

static void free_tail(struct tail_job *j)
{
    acl_view_free(j->view);
    snapshot_unref(j->snapshot);
    buf_free(&j->own);
    free(j);
}

static void run_tail(struct worker_job *job)
{
    struct tail_job *j = container_of(job, struct tail_job, job);
    struct error err;
    struct buf b = { 0 };
    bool ok = audit_tail_log(j->ticket.daemon->audit_path, j->count, AUDIT_TAIL_BYTES_MAX, wanted,
                             j, &err) == 0;
    limit_lines(j);
    BUF_ADD_LIT(&b, "[");
    for (size_t i = j->n_lines; i-- > 0;) {
        buf_add_span(&b, gateway_buf_span(&j->lines[i].text));
        if (i)
            BUF_ADD_LIT(&b, ", ");
        buf_free(&j->lines[i].text);
    }
    BUF_ADD_LIT(&b, "]");
    if (!ok) {
        buf_clear(&b);
        buf_add_str(&b, err.text);
    }
    answer_late(&j->ticket, ok, &b);
    free(j->lines);
    free_tail(j);
}

/* Without the quotes. */
static void write_own_name(struct buf *out, const char *name)
{
    buf_add_json_string(out, name, strlen(name));
    buf_truncate(out, buf_len(out) - 1);
    buf_consume(out, 1);
}

void gateway_audit_tail(struct session *s, struct request *r)
{
    int64_t count = AUDIT_TAIL_DEFAULT;
    gateway_int_argument(r, "count", &count);
    if (count < 1 || count > AUDIT_TAIL_MAX) {
        session_error(r, QMP_ERROR_GENERIC, "count is 1 to %d", AUDIT_TAIL_MAX);
        return;
    }
    struct tail_job *j = MEM_NEW(struct tail_job);
    j->job.run = run_tail;
    j->ticket = ticket_of(s, r);
    j->snapshot = snapshot_ref(s->client->loop->snapshot);
    j->view = acl_view_new(j->snapshot->policy, caller_subject(s->caller));
    j->all = acl_policy_admin(j->snapshot->policy, caller_subject(s->caller)) & ACL_ADMIN_AUDIT_ALL;
    write_own_name(&j->own, caller_name(s->caller));
    j->count = (uint64_t)count;
    if (worker_submit(j->ticket.daemon->pools[POOL_GENERAL], &j->job) < 0) {
        free_tail(j);
        session_error(r, QMP_ERROR_GENERIC, "the gateway is too busy: try again");
    }
}

/* --- gateway-audit-rotate --------------------------------------------------------------------- */

struct rotate_job {
    struct worker_job job;
    struct ticket ticket;
};

static void run_rotate(struct worker_job *job)
{
    struct rotate_job *j = container_of(job, struct rotate_job, job);
    struct audit_stats stats;
    struct error err;
    struct buf b = { 0 };
    bool ok = audit_rotate(j->ticket.daemon->audit, &err) == 0;
    audit_get_stats(j->ticket.daemon->audit, &stats);
    if (ok)
        buf_printf(&b, "{\"segment\": %llu}", (unsigned long long)stats.segment);
    else
        buf_add_str(&b, err.text);
    answer_late(&j->ticket, ok, &b);
    free(j);
}

void gateway_audit_rotate(struct session *s, struct request *r)
{
    struct rotate_job *j = MEM_NEW(struct rotate_job);
    j->job.run = run_rotate;
    j->ticket = ticket_of(s, r);
    if (worker_submit(j->ticket.daemon->pools[POOL_GENERAL], &j->job) < 0) {
        session_error(r, QMP_ERROR_GENERIC, "the gateway is too busy: try again");
        free(j);
    }
}
