#include "config.h"
#include "proxy/reload.h"

#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "proxy/attach.h"
#include "proxy/client.h"
#include "proxy/expiry.h"
#include "proxy/keeping.h"
#include "proxy/libvirt_hosts.h"
#include "proxy/listener.h"
#include "proxy/monitor.h"
#include "proxy/service.h"
#include "proxy/snapshot.h"
#include "proxy/vm_directory.h"
#include "proxy/vms.h"
#include "proxy/worker.h"

struct reload_job {
    struct worker_job job;
    struct loop_message message;
    struct daemon *daemon;
    char *file;
    struct snapshot *before;
    struct snapshot *after; /* NULL: it failed */
    enum audit_code failed; /* with what, then */
    struct buf text;
    struct reload_waiter *waiters;
};

/* --- on a loop -------------------------------------------------------------------------------- */

static void run_apply(struct loop *loop, struct loop_message *message)
{
    struct snapshot *old = loop->snapshot;
    loop->snapshot = snapshot_current(loop->daemon);
    struct qmp_scan_limits limits = client_scan_limits(loop);
    qmp_scanner_set_limits(loop->scanner, &limits);
    client_reverify_all(loop);
    monitor_apply_snapshot(loop);
    reload_hold_vms(loop);
    snapshot_unref(old);
    free(message);
}

static void run_hold(struct loop *loop, struct loop_message *message)
{
    reload_hold_vms(loop);
    free(message);
}

void reload_hold_vms(struct loop *loop)
{
    size_t n;
    if (loop->front || loop->draining)
        return;
    struct vm **list = vms_list(loop->daemon->vms, &n);
    for (size_t i = 0; i < n; i++) {
        if (list[i]->hold && attach_loop_of(loop->daemon, list[i]->name) == loop)
            monitor_hold(loop, list[i]);
        vm_unref(list[i]);
    }
    free(list);
}

/* --- on a worker ------------------------------------------------------------------------------ */

static void add_line(void *opaque, const char *line)
{
    struct buf *b = opaque;
    if (buf_len(b))
        buf_add_char(b, '\n');
    buf_add_str(b, line);
}

static void run_done(struct loop *none, struct loop_message *message);

static void run_load(struct worker_job *job)
{
    struct reload_job *j = container_of(job, struct reload_job, job);
    int rc = snapshot_load(j->file, j->before, add_line, &j->text, &j->after);
    if (rc < 0) {
        j->after = NULL;
        j->failed = rc == ERROR_DENIED ? AUDIT_CODE_POLICY_TEXT : AUDIT_CODE_CONFIGURATION;
    }
    j->message.run = run_done;
    inbox_post(&j->daemon->inbox, &j->message);
}

/* --- on the main thread ----------------------------------------------------------------------- */

static void log_lines(bool ok, const char *text)
{
    CLEANUP_FREE char *copy = mem_strdup(text);
    char *save = NULL;
    for (char *line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
        log_write(ok ? LOG_LEVEL_WARNING : LOG_LEVEL_ERROR, "reload: %s", line);
}

static void record_load(struct daemon *d, enum audit_type type, enum audit_code failed,
                        const char *text)
{
    struct audit_record record = {
        .type = type,
        .result = failed ? AUDIT_ERROR : AUDIT_OK,
        .code = failed,
        .utc_us = clock_utc_us(),
        .arguments = QMP_NONE,
        .latency_us = -1,
        .text = { text, strlen(text) },
    };
    daemon_record(d, &record);
}

static void apply(struct daemon *d, struct reload_job *j)
{
    struct snapshot *old = d->snapshot;
    struct conf *conf = j->after->conf;
    conf_not_reloadable(old->conf, conf, add_line, &j->text);
    pthread_mutex_lock(&d->snapshot_lock);
    d->snapshot = TAKE_PTR(j->after);
    pthread_mutex_unlock(&d->snapshot_lock);
    snapshot_unref(old);
    vms_set_configured(d->vms, conf);
    vm_directories_apply(d->directories, conf);
    libvirt_hosts_apply(d->libvirt, conf);
    listeners_commit(d->listeners, conf);
    struct audit_keeping keeping = keeping_of(d->snapshot);
    audit_configure(d->audit, &keeping);
    expiry_check(d->expiry, d->snapshot);
    daemon_post_all(d, run_apply);
}

static void tell_waiters(struct reload_waiter *w, const struct reload_result *result)
{
    while (w) {
        struct reload_waiter *next = w->next;
        w->done(w, result);
        w = next;
    }
}

static const struct reload_result shutting_down = { false, "the gateway is shutting down", "" };

static void free_job(struct reload_job *j)
{
    snapshot_unref(j->before);
    snapshot_unref(j->after);
    buf_free(&j->text);
    free(j->file);
    free(j);
}

static void finish(struct daemon *d, struct reload_job *j)
{
    bool ok = !j->failed;
    buf_add_char(&j->text, '\0');
    struct reload_result result = { ok, buf_data(&j->text), acl_policy_hash(d->snapshot->policy) };
    log_lines(ok, result.text);
    log_info(ok ? "reload: done, policy %.16s..." : "reload: failed, policy %.16s... stays",
             result.policy);
    if (j->failed != AUDIT_CODE_POLICY_TEXT)
        record_load(d, AUDIT_CONFIG_LOAD, j->failed, ok ? d->config_file : result.text);
    if (ok || j->failed == AUDIT_CODE_POLICY_TEXT)
        record_load(d, AUDIT_POLICY_LOAD, j->failed, ok ? result.policy : result.text);
    tell_waiters(j->waiters, &result);
    free_job(j);
    d->reloading = false;
    service_ready(d->service);
    if (d->reload_again) /* what was changed meanwhile may have come too late */
        reload_start(d, NULL);
}

static void run_done(struct loop *none, struct loop_message *message)
{
    struct reload_job *j = container_of(message, struct reload_job, message);
    struct daemon *d = j->daemon;
    if (d->draining) { /* nothing is left to apply it to */
        tell_waiters(j->waiters, &shutting_down);
        free_job(j);
        return;
    }
    (void)none;
    struct error err;
    if (!j->failed && listeners_prepare(d->listeners, j->after->conf, &err) < 0) {
        add_line(&j->text, err.text);
        j->failed = AUDIT_CODE_LISTENER;
    }
    atomic_fetch_add(j->failed ? &d->failed_reloads : &d->reloads, 1);
    if (!j->failed)
        apply(d, j);
    finish(d, j);
}

void reload_start(struct daemon *d, struct reload_waiter *take_waiter)
{
    if (take_waiter) {
        take_waiter->next = d->reload_waiters;
        d->reload_waiters = take_waiter;
    }
    d->reload_again = d->reloading;
    if (d->reloading)
        return;
    struct reload_job *j = MEM_NEW(struct reload_job);
    j->job.run = run_load;
    j->daemon = d;
    j->file = mem_strdup(d->config_file);
    j->before = snapshot_current(d);
    j->waiters = TAKE_PTR(d->reload_waiters);
    d->reloading = true;
    service_reloading(d->service);
    if (worker_submit(d->pools[POOL_GENERAL], &j->job) < 0) {
        add_line(&j->text, "the gateway is too busy to reload: try again");
        atomic_fetch_add(&d->failed_reloads, 1);
        j->failed = AUDIT_CODE_BUSY;
        finish(d, j);
    }
}

struct request_message {
    struct loop_message message;
    struct daemon *daemon;
    struct reload_waiter *waiter;
};

static void run_request(struct loop *none, struct loop_message *message)
{
    struct request_message *m = container_of(message, struct request_message, message);
    (void)none;
    if (m->daemon->draining) /* the workers may be gone */
        m->waiter->done(m->waiter, &shutting_down);
    else
        reload_start(m->daemon, m->waiter);
    free(m);
}

void reload_request(struct daemon *d, struct reload_waiter *take_waiter)
{
    struct request_message *m = MEM_NEW(struct request_message);
    m->message.run = run_request;
    m->daemon = d;
    m->waiter = take_waiter;
    inbox_post(&d->inbox, &m->message);
}

void reload_hold_everywhere(struct daemon *d)
{
    daemon_post_all(d, run_hold);
}
