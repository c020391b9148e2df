#include "config.h"
#include "proxy/daemon.h"

#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sysexits.h>
#include <unistd.h>
#include "auth/sasl.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/tls.h"
#include "proxy/audit_watch.h"
#include "proxy/client.h"
#include "proxy/dispatch.h"
#include "proxy/emulators.h"
#include "proxy/expiry.h"
#include "proxy/keeping.h"
#include "proxy/libvirt_hosts.h"
#include "proxy/listener.h"
#include "proxy/login_backoff.h"
#include "proxy/monitor.h"
#include "proxy/privileges.h"
#include "proxy/registry.h"
#include "proxy/reload.h"
#include "proxy/service.h"
#include "proxy/sinks.h"
#include "proxy/snapshot.h"
#include "proxy/vm_board.h"
#include "proxy/vm_directory.h"
#include "proxy/vms.h"

#define DRAIN_LOOK_MS 20 /* how often the end of the drain is looked for */

/* --- all loops -------------------------------------------------------------------------------- */

void daemon_post_all(struct daemon *d, void (*run)(struct loop *loop, struct loop_message *message))
{
    for (unsigned i = 0; i < d->n_vm_loops + d->n_front_loops; i++) {
        struct loop_message *m = MEM_NEW(struct loop_message);
        m->run = run;
        loop_post(i < d->n_vm_loops ? d->vm_loops[i] : d->front_loops[i - d->n_vm_loops], m);
    }
}

void daemon_record(struct daemon *d, const struct audit_record *record)
{
    struct error err;
    uint64_t ticket;
    audit_batch_add(d->batch, record);
    if (audit_batch_commit(d->batch, &ticket, &err) < 0)
        log_error("%s", err.text);
}

static void record_life(struct daemon *d, enum audit_type type, enum audit_result result,
                        const char *text)
{
    struct audit_record record = {
        .type = type,
        .result = result,
        .utc_us = clock_utc_us(),
        .arguments = QMP_NONE,
        .latency_us = -1,
        .text = { text, strlen(text) },
    };
    daemon_record(d, &record);
}

/* --- drain ------------------------------------------------------------------------------------ */

static void run_drain(struct loop *loop, struct loop_message *message)
{
    loop->draining = true;
    client_drain_all(loop);
    free(message);
}

static void on_drain(evutil_socket_t fd, short what, void *opaque)
{
    struct daemon *d = opaque;
    struct registry_totals totals;
    (void)fd, (void)what;
    registry_get_totals(d->registry, &totals);
    if (totals.connections == 0 || clock_monotonic_us() > d->drain_until_us) {
        if (totals.connections)
            log_warning("%u connections are closed with commands in flight", totals.connections);
        event_base_loopbreak(d->base);
    }
}

static void start_drain(struct daemon *d)
{
    struct timeval tv = { .tv_usec = DRAIN_LOOK_MS * 1000 };
    if (d->draining) { /* asked twice: now */
        event_base_loopbreak(d->base);
        return;
    }
    d->draining = true;
    log_info("stopping: no new connections, commands in flight have %u s",
             d->snapshot->conf->limits.drain_seconds);
    service_stopping(d->service);
    listeners_close(TAKE_PTR(d->listeners));
    d->drain_until_us =
        clock_monotonic_us() + d->snapshot->conf->limits.drain_seconds * USEC_PER_SEC;
    daemon_post_all(d, run_drain);
    event_add(d->drain_timer, &tv);
}

void daemon_drain(struct daemon *d, int exit_code)
{
    if (d->draining)
        return;
    d->exit_code = exit_code;
    start_drain(d);
}

/* --- signals ---------------------------------------------------------------------------------- */

static void on_signal(evutil_socket_t number, short what, void *opaque)
{
    struct daemon *d = opaque;
    struct error err;
    (void)what;
    if (number != SIGHUP) {
        start_drain(d);
        return;
    }
    if (d->draining)
        return;
    if (audit_reopen(d->audit, &err) < 0)
        log_error("%s", err.text);
    reload_start(d, NULL);
}

/* --- audit's flusher -------------------------------------------------------------------------- */

static void run_durable(struct loop *loop, struct loop_message *message)
{
    atomic_store(&loop->durable_posted, false);
    dispatch_durable(loop);
    free(message);
}

static void tell_durable(struct loop *loop)
{
    if (!atomic_load(&loop->wants_durable) || atomic_exchange(&loop->durable_posted, true))
        return;
    struct loop_message *m = MEM_NEW(struct loop_message);
    m->run = run_durable;
    loop_post(loop, m);
}

/* From the flusher's thread, which outlives the loops. */
static void on_durable(void *opaque)
{
    struct daemon *d = opaque;
    pthread_mutex_lock(&d->loops_lock);
    for (unsigned i = 0; d->loops_live && i < d->n_vm_loops; i++)
        tell_durable(d->vm_loops[i]);
    for (unsigned i = 0; d->loops_live && i < d->n_front_loops; i++)
        tell_durable(d->front_loops[i]);
    pthread_mutex_unlock(&d->loops_lock);
}

static void set_loops_live(struct daemon *d, bool live)
{
    pthread_mutex_lock(&d->loops_lock);
    d->loops_live = live;
    pthread_mutex_unlock(&d->loops_lock);
}

/* --- start ------------------------------------------------------------------------------------ */

static void print_line(void *opaque, const char *line)
{
    (void)opaque;
    fprintf(stderr, "%s\n", line);
}

/* Each client is a descriptor, each monitor another. */
static void raise_descriptor_limit(unsigned connections)
{
    struct rlimit limit;
    rlim_t wanted = (rlim_t)connections * 2 + 256;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= wanted)
        return;
    limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur < wanted)
        log_warning("only %llu descriptors may be open: limits: connections = %u wants %llu",
                    (unsigned long long)limit.rlim_cur, connections, (unsigned long long)wanted);
}

static unsigned thread_count(unsigned configured)
{
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    return configured ? configured : cpus > 0 ? (unsigned)cpus : 1;
}

static int make_loops(struct daemon *d, struct error *err)
{
    const struct conf *conf = d->snapshot->conf;
    unsigned n_vm = thread_count(conf->threads), n_front = thread_count(conf->front_threads);
    d->vm_loops = MEM_NEW_N(struct loop *, n_vm);
    d->front_loops = MEM_NEW_N(struct loop *, n_front);
    for (; d->n_vm_loops < n_vm; d->n_vm_loops++) {
        if (!(d->vm_loops[d->n_vm_loops] = loop_new(d, d->n_vm_loops, false, err)))
            return ERROR_SYSTEM;
    }
    for (; d->n_front_loops < n_front; d->n_front_loops++) {
        if (!(d->front_loops[d->n_front_loops] = loop_new(d, d->n_front_loops, true, err)))
            return ERROR_SYSTEM;
    }
    for (unsigned i = 0; i < n_vm + n_front; i++) {
        if (loop_start(i < n_vm ? d->vm_loops[i] : d->front_loops[i - n_vm], err) < 0)
            return ERROR_SYSTEM;
    }
    return 0;
}

static int open_audit(struct daemon *d, struct error *err)
{
    static const enum audit_sync audit_syncs[] = {
        [CONF_SYNC_WRITE] = AUDIT_SYNC_WRITE,
        [CONF_SYNC_DATA] = AUDIT_SYNC_DATA,
        [CONF_SYNC_NONE] = AUDIT_SYNC_NONE,
    };
    const struct conf *conf = d->snapshot->conf;
    struct audit_settings settings = {
        .path = conf->audit.path,
        .sinks = (unsigned)conf->n_sinks,
        .sync = audit_syncs[conf->audit.sync],
        .rates = {
            .burst = conf->audit.refusals_burst,
            .per_second = conf->audit.refusals_per_second,
            .all_burst = conf->audit.all_refusals_burst,
            .all_per_second = conf->audit.all_refusals_per_second,
        },
        .reserve = (uint64_t)conf->audit.reserve_kilobytes << 10,
        .keeping = keeping_of(d->snapshot),
        .old_signer = d->snapshot->seal_old_key,
        .durable = on_durable,
        .opaque = d,
    };
    d->audit_path = mem_strdup(conf->audit.path);
    int rc = audit_open(&settings, &d->audit, err);
    if (rc == 0)
        d->batch = audit_batch_new(d->audit);
    return rc;
}

/* What needs no other thread. */
static void on_vm_left(void *opaque, const char *vm)
{
    monitor_post_left(opaque, vm);
}

static int make_parts(struct daemon *d, struct error *err)
{
    static const int numbers[] = { SIGHUP, SIGTERM, SIGINT };
    d->base = event_base_new();
    if (!d->base || inbox_init(&d->inbox, d->base, NULL, err) < 0)
        return error_set(err, ERROR_SYSTEM, "cannot make the main event loop");
    for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
        d->signals[i] = evsignal_new(d->base, numbers[i], on_signal, d);
        event_add(d->signals[i], NULL);
    }
    d->drain_timer = event_new(d->base, -1, EV_PERSIST, on_drain, d);
    d->registry = registry_new();
    d->backoff = login_backoff_new();
    d->vms = vms_new();
    d->board = vm_board_new();
    d->emulators = emulators_new();
    d->libvirt = libvirt_hosts_new(d);
    d->service = service_new(d);
    d->expiry = expiry_new(d->base);
    return vm_directories_new(d->base, d->vms, on_vm_left, d, &d->directories, err);
}

static int start(struct daemon *d, struct error *err)
{
    struct conf *conf = d->snapshot->conf;
    int rc = make_parts(d, err);
    if (rc == 0)
        rc = open_audit(d, err);
    if (rc == 0)
        rc = sinks_start(d, conf, &d->sinks, err);
    if (rc < 0)
        return rc;
    raise_descriptor_limit(conf->limits.connections);
    rc = pools_start(d->pools, err);
    if (rc < 0)
        return rc;
    vms_set_configured(d->vms, conf);
    vm_directories_apply(d->directories, conf);
    record_life(d, AUDIT_START, AUDIT_RESULT_NONE, PACKAGE_VERSION);
    record_life(d, AUDIT_CONFIG_LOAD, AUDIT_OK, d->config_file);
    record_life(d, AUDIT_POLICY_LOAD, AUDIT_OK, acl_policy_hash(d->snapshot->policy));
    rc = make_loops(d, err);
    if (rc < 0)
        return rc;
    set_loops_live(d, true);
    d->audit_watch = audit_watch_new(d);
    libvirt_hosts_apply(d->libvirt, conf);
    listeners_start(d->listeners, d);
    reload_hold_everywhere(d);
    expiry_check(d->expiry, d->snapshot);
    return 0;
}

/* --- end -------------------------------------------------------------------------------------- */

static void settle_loops(struct daemon *d)
{
    for (unsigned i = 0; i < d->n_front_loops; i++)
        loop_settle(d->front_loops[i]);
    for (unsigned i = 0; i < d->n_vm_loops; i++)
        loop_settle(d->vm_loops[i]);
}

/* After it no thread of ours runs, and no connection is left. False: but for workers that hang. */
static bool stop_threads(struct daemon *d)
{
    set_loops_live(d, false);
    for (unsigned i = 0; i < d->n_front_loops; i++)
        loop_stop(d->front_loops[i]);
    for (unsigned i = 0; i < d->n_vm_loops; i++)
        loop_stop(d->vm_loops[i]);
    bool done = pools_stop(d->pools); /* results go to inboxes that are emptied below */
    done = libvirt_hosts_stop(d->libvirt) && done;
    settle_loops(d);
    settle_loops(d); /* a client that was between two loops */
    return done;
}

static void free_loops(struct daemon *d)
{
    for (unsigned i = 0; i < d->n_front_loops; i++)
        loop_free(d->front_loops[i]);
    for (unsigned i = 0; i < d->n_vm_loops; i++)
        loop_free(d->vm_loops[i]);
    free(d->front_loops);
    free(d->vm_loops);
}

static void drop_waiters(struct daemon *d)
{
    struct reload_result result = { false, "the gateway is shutting down", "" };
    while (d->reload_waiters) {
        struct reload_waiter *w = d->reload_waiters;
        d->reload_waiters = w->next;
        w->done(w, &result);
    }
}

/* What the world sees of the end. False: workers hang in a library, and go on using what there is.
 */
static bool end(struct daemon *d)
{
    listeners_close(TAKE_PTR(d->listeners));
    bool done = stop_threads(d);
    drop_waiters(d);
    if (d->batch)
        record_life(d, AUDIT_STOP, AUDIT_RESULT_NONE, PACKAGE_VERSION);
    return done;
}

/* What the audit writes at its end is sent as well. False: the key of the seals hangs, or a
 * sink. */
static bool close_audit(struct daemon *d)
{
    sinks_detach(d->sinks);
    bool done = audit_close(TAKE_PTR(d->audit));
    return sinks_stop(TAKE_PTR(d->sinks)) && done;
}

/* False: who hangs goes on using libraries. */
static bool free_all(struct daemon *d)
{
    free_loops(d);
    pools_free(d->pools);
    libvirt_hosts_free(d->libvirt);
    bool done = close_audit(d);
    free(d->audit_path);
    vm_directories_free(d->directories);
    expiry_free(d->expiry);
    audit_watch_free(d->audit_watch);
    service_free(d->service);
    inbox_destroy(&d->inbox);
    registry_free(d->registry);
    login_backoff_free(d->backoff);
    sasl_process_stop();
    vms_free(d->vms);
    vm_board_free(d->board);
    emulators_free(d->emulators);
    for (size_t i = 0; i < ARRAY_SIZE(d->signals); i++) {
        if (d->signals[i])
            event_free(d->signals[i]);
    }
    if (d->drain_timer)
        event_free(d->drain_timer);
    if (d->base)
        event_base_free(d->base);
    snapshot_unref(d->snapshot);
    pthread_mutex_destroy(&d->snapshot_lock);
    pthread_mutex_destroy(&d->loops_lock);
    return done;
}

/* Sockets are bound before root is given up; all that a reload reads again is read after it, so
 * that what works at the start works at a reload. */
static int prepare(struct daemon *d, struct error *err)
{
    struct conf *conf;
    if (conf_load(d->config_file, print_line, NULL, &conf) < 0)
        return error_set(err, ERROR_INVALID, "%s: not usable", d->config_file);
    int rc = privileges_check(conf, err);
    if (rc == 0)
        rc = listeners_open(conf, &d->listeners, err);
    if (rc == 0)
        rc = privileges_drop(conf, err);
    conf_unref(conf);
    if (rc == 0 && snapshot_load(d->config_file, NULL, print_line, NULL, &d->snapshot) < 0)
        rc = error_set(err, ERROR_INVALID, "%s: not usable", d->config_file);
    return rc;
}

int daemon_run(const char *config_file)
{
    struct error err;
    struct daemon d = { .config_file = config_file, .started_utc_us = clock_utc_us() };
    pthread_mutex_init(&d.snapshot_lock, NULL);
    pthread_mutex_init(&d.loops_lock, NULL);
    privileges_dump_no_core();
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file size limit under the audit is an error, not a death */
    int code = 0;
    if (tls_init(&err) < 0 || prepare(&d, &err) < 0) {
        log_error("%s", err.text);
        code = err.code == ERROR_SYSTEM ? EX_UNAVAILABLE : EX_CONFIG;
    } else if (start(&d, &err) < 0) {
        log_error("%s", err.text);
        code = EX_UNAVAILABLE;
    } else {
        service_ready(d.service);
        log_info("qmpgated " PACKAGE_VERSION ": ready");
        event_base_dispatch(d.base);
        log_info("stopped");
        code = d.exit_code;
    }
    bool done = end(&d);
    audit_batch_free(d.batch);
    done = done ? free_all(&d) : close_audit(&d) && false;
    if (!done)
        _exit(code); /* nothing is freed under who hangs, and no library is asked to clean up */
    return code;
}
