#include "config.h"
#include "proxy/libvirt_host.h"

#include <libvirt/libvirt-qemu.h>
#include <libvirt/virterror.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>
#include "base/clock.h"
#include "base/glob.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"
#include "proxy/daemon.h"
#include "proxy/libvirt_domain.h"
#include "proxy/libvirt_labels.h"
#include "proxy/libvirt_tap.h"
#include "proxy/monitor.h"
#include "proxy/vm_domains.h"
#include "proxy/vms.h"

#define BACK_OFF_FIRST_MS 500u
#define BACK_OFF_MAX_MS   30000u
#define TICK_MS           1000u
#define NIL_UUID          "00000000-0000-0000-0000-000000000000"

/* A domain's UUID, in a set. */
struct named {
    UT_hash_handle hh;
    char uuid[VIR_UUID_STRING_BUFLEN];
    bool migrates; /* or may */
    bool leaves;   /* libvirt said that it stands still to be handed over */
    unsigned came; /* libvirt said that this one of its starts was by migrating in; 0: none */
};

struct libvirt_host {
    _Atomic unsigned refs; /* its thread, libvirt's callbacks, hosts */
    struct daemon *daemon;
    struct libvirt_threads *threads;
    char *name, *uri; /* as long as it lives */
    struct libvirt_calls *calls;
    struct libvirt_taps *taps;

    pthread_mutex_t lock; /* of all that follows, but for conn */
    pthread_cond_t wake;
    struct conf *conf;
    const struct conf_libvirt *section; /* in conf */
    bool stopping;
    bool up, was_up;
    bool lost;                /* libvirt said so */
    bool look_at_all;         /* labels or patterns may be others */
    struct named *todo;       /* domains that something happened to */
    char why[ERROR_TEXT_MAX]; /* it is not up */
    char *site;               /* which libvirtd it is; NULL before the first connection */
    char *hostname;

    virConnectPtr conn;    /* its thread's */
    struct named *leaving; /* likewise: domains that migrate out, looked at until they do not */
    int64_t looked_us;     /* at them */
    int lifecycle_id, metadata_id, monitor_id;
};

/* --- sets of UUIDs ---------------------------------------------------------------------------- */

static struct named *add_named(struct named **set, const char *uuid)
{
    struct named *n;
    HASH_FIND_STR(*set, uuid, n);
    if (n)
        return n;
    n = MEM_NEW(struct named);
    memcpy(n->uuid, uuid, sizeof(n->uuid));
    HASH_ADD_STR(*set, uuid, n);
    return n;
}

static void drop_named(struct named **set, const char *uuid)
{
    struct named *n;
    HASH_FIND_STR(*set, uuid, n);
    if (!n)
        return;
    HASH_DELETE(hh, *set, n);
    free(n);
}

static void free_set(struct named *set)
{
    struct named *n, *next;
    HASH_ITER (hh, set, n, next) {
        HASH_DELETE(hh, set, n);
        free(n);
    }
}

static bool is_in_set(void *opaque, const char *uuid)
{
    struct named *set = opaque, *n;
    HASH_FIND_STR(set, uuid, n);
    return n != NULL;
}

/* --- life ------------------------------------------------------------------------------------- */

struct libvirt_host *libvirt_host_ref(struct libvirt_host *h)
{
    atomic_fetch_add(&h->refs, 1);
    return h;
}

void libvirt_host_unref(struct libvirt_host *h)
{
    if (!h || atomic_fetch_sub(&h->refs, 1) != 1)
        return;
    libvirt_calls_unref(h->calls);
    libvirt_taps_unref(h->taps);
    free_set(h->todo);
    free_set(h->leaving);
    conf_unref(h->conf);
    pthread_cond_destroy(&h->wake);
    pthread_mutex_destroy(&h->lock);
    free(h->site);
    free(h->hostname);
    free(h->name);
    free(h->uri);
    free(h);
}

/* For libvirt, which lets go of a callback's opaque when it likes. */
static void let_go(void *opaque)
{
    libvirt_host_unref(opaque);
}

const char *libvirt_host_name(const struct libvirt_host *h)
{
    return h->name;
}

bool libvirt_host_is_up(struct libvirt_host *h, char *why)
{
    pthread_mutex_lock(&h->lock);
    bool up = h->up;
    memcpy(why, h->why, ERROR_TEXT_MAX);
    pthread_mutex_unlock(&h->lock);
    return up;
}

char *libvirt_host_describe(struct libvirt_host *h)
{
    pthread_mutex_lock(&h->lock);
    char *text = mem_printf("libvirt %s, %s, host %s", h->name, h->uri,
                            h->hostname ? h->hostname : "unknown");
    pthread_mutex_unlock(&h->lock);
    return text;
}

unsigned libvirt_host_grace_seconds(struct libvirt_host *h)
{
    pthread_mutex_lock(&h->lock);
    unsigned seconds = h->section->grace_seconds;
    pthread_mutex_unlock(&h->lock);
    return seconds;
}

void libvirt_host_submit(struct libvirt_host *h, struct libvirt_call *take_call)
{
    char why[ERROR_TEXT_MAX];
    if (libvirt_host_is_up(h, why))
        libvirt_calls_submit(h->calls, take_call);
    else
        libvirt_call_refuse(take_call, why);
}

struct libvirt_tap *libvirt_host_tap(struct libvirt_host *h, const char *uuid,
                                     const struct libvirt_tap_owner *owner)
{
    return libvirt_taps_open(h->taps, uuid, owner);
}

static bool is_stopping(struct libvirt_host *h)
{
    pthread_mutex_lock(&h->lock);
    bool stopping = h->stopping;
    pthread_mutex_unlock(&h->lock);
    return stopping;
}

void libvirt_host_stop(struct libvirt_host *h)
{
    pthread_mutex_lock(&h->lock);
    h->stopping = true;
    h->up = false;
    pthread_cond_broadcast(&h->wake);
    pthread_mutex_unlock(&h->lock);
    libvirt_calls_stop(h->calls);
}

bool libvirt_host_reconfigure(struct libvirt_host *h, struct conf *conf,
                              const struct conf_libvirt *section)
{
    bool same = strcmp(section->uri, h->uri) == 0 && section->max_calls == h->section->max_calls;
    if (!same)
        return false;
    pthread_mutex_lock(&h->lock);
    struct conf *old = h->conf;
    h->conf = conf_ref(conf);
    h->section = section;
    h->look_at_all = true;
    pthread_cond_broadcast(&h->wake);
    pthread_mutex_unlock(&h->lock);
    conf_unref(old);
    return true;
}

/* --- telling ---------------------------------------------------------------------------------- */

static void tell_changed(struct libvirt_host *h, struct vm_names *changed)
{
    for (size_t i = 0; i < changed->n; i++)
        monitor_post_changed(h->daemon, changed->items[i]);
    vm_names_free(changed);
}

/* Every loop hears it: monitors of this connection wait for it, or go on. */
static void set_up(struct libvirt_host *h, bool up, const char *why)
{
    pthread_mutex_lock(&h->lock);
    bool changed = h->up != up && !h->stopping;
    if (!h->stopping)
        h->up = up;
    h->was_up |= up;
    struct error words;
    error_set(&words, ERROR_STATE, "%s", why);
    memcpy(h->why, words.text, sizeof(h->why));
    pthread_mutex_unlock(&h->lock);
    if (changed)
        monitor_post_connection(h->daemon, h->name, up);
}

/* --- domains ---------------------------------------------------------------------------------- */

static bool matches(char *const *patterns, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++) {
        if (glob_match(patterns[i], strlen(patterns[i]), name, strlen(name)))
            return true;
    }
    return false;
}

static bool is_wanted(const struct conf_libvirt *section, const char *name)
{
    return (section->n_include == 0 || matches(section->include, section->n_include, name)) &&
           !matches(section->exclude, section->n_exclude, name);
}

/* What its metadata say, if that counts. Those that are not well formed say nothing. */
static void read_labels(struct libvirt_host *h, virDomainPtr domain, const char *uuid,
                        struct conf_labels *out)
{
    struct error err;
    pthread_mutex_lock(&h->lock);
    bool trust = h->section->trust_metadata;
    pthread_mutex_unlock(&h->lock);
    if (!trust)
        return;
    CLEANUP_FREE char *xml =
        virDomainGetMetadata(domain, VIR_DOMAIN_METADATA_ELEMENT, LIBVIRT_LABELS_URI, 0);
    if (xml && libvirt_labels_parse(xml, out, &err) < 0)
        log_warning("libvirt %s: domain %s: its metadata's element labels %s: left out", h->name,
                    uuid, err.text);
}

/* Its title or description, cut to so many bytes, between characters; NULL if it has none. */
static char *read_text(virDomainPtr domain, int which, size_t max)
{
    char *text = virDomainGetMetadata(domain, which, NULL, 0);
    size_t len = text ? strlen(text) : 0;
    if (len <= max)
        return text;
    while (max > 0 && (text[max] & 0xc0) == 0x80)
        max--;
    text[max] = '\0';
    return text;
}

/* Under the lock, so that nothing is told after libvirt_host_stop. */
static bool set_domain(struct libvirt_host *h, struct vm_domain *says,
                       const struct conf_labels *theirs, struct vm_names *changed)
{
    if (h->stopping || !is_wanted(h->section, says->name))
        return false;
    says->connection = h->name;
    says->site = h->site;
    says->native = h->section->readonly_native;
    says->follows = h->section->follow_restart;
    struct conf_labels labels = { 0 }; /* what is configured comes first, and wins */
    libvirt_labels_add(&labels, &h->section->labels);
    if (h->section->trust_metadata)
        libvirt_labels_add(&labels, theirs);
    says->labels = labels.items;
    says->n_labels = labels.n;
    vms_set_domain(h->daemon->vms, says, changed);
    libvirt_labels_free(&labels);
    return true;
}

/* Is it a VM of ours? Then it is told; `uuid` is its UUID in any case. */
static bool tell_domain(struct libvirt_host *h, virDomainPtr domain, struct vm_domain *domain_says,
                        char uuid[VIR_UUID_STRING_BUFLEN])
{
    struct vm_names changed = { 0 };
    const char *name = virDomainGetName(domain);
    if (!name || virDomainGetUUIDString(domain, uuid) < 0 || strcmp(uuid, NIL_UUID) == 0)
        return false;
    domain_says->leaving = domain_says->incarnation && is_in_set(h->leaving, uuid);
    if (domain_says->leaving) /* where it comes from it is paused for migration as well */
        domain_says->arriving = domain_says->came = false;
    domain_says->uuid = uuid;
    domain_says->name = name;
    struct conf_labels theirs = { 0 };
    read_labels(h, domain, uuid, &theirs);
    CLEANUP_FREE char *title = read_text(domain, VIR_DOMAIN_METADATA_TITLE, LIMIT_TITLE_BYTES);
    CLEANUP_FREE char *about =
        read_text(domain, VIR_DOMAIN_METADATA_DESCRIPTION, LIMIT_ABOUT_BYTES);
    domain_says->title = title;
    domain_says->about = about;
    pthread_mutex_lock(&h->lock);
    bool wanted = set_domain(h, domain_says, &theirs, &changed);
    pthread_mutex_unlock(&h->lock);
    libvirt_labels_free(&theirs);
    tell_changed(h, &changed);
    return wanted;
}

/* Likewise these: who is stopping has a successor, who has told of the same domains. */
static void forget_domain(struct libvirt_host *h, const char *uuid)
{
    struct vm_names changed = { 0 };
    pthread_mutex_lock(&h->lock);
    if (!h->stopping)
        vms_drop_domain(h->daemon->vms, h->name, uuid, &changed);
    pthread_mutex_unlock(&h->lock);
    tell_changed(h, &changed);
}

static void keep_domains(struct libvirt_host *h, bool (*keep)(void *opaque, const char *uuid),
                         struct named *set)
{
    struct vm_names changed = { 0 };
    pthread_mutex_lock(&h->lock);
    if (!h->stopping)
        vms_keep_domains(h->daemon->vms, h->name, keep, set, &changed);
    pthread_mutex_unlock(&h->lock);
    tell_changed(h, &changed);
}

/* Of one that runs: does it move? libvirt is asked only if something says that it may. */
static void look_at_move(struct libvirt_host *h, virDomainPtr domain, const struct named *about,
                         struct vm_domain *says)
{
    bool was = is_in_set(h->leaving, about->uuid);
    bool may = about->migrates || was || says->came;
    bool leaves = about->leaves || (may && libvirt_domain_is_leaving(domain, was));
    if (says->incarnation && leaves)
        add_named(&h->leaving, about->uuid);
    else
        drop_named(&h->leaving, about->uuid);
    says->came |= about->came && about->came == says->incarnation;
}

/* One that something happened to, as it is now. */
static void look_again(struct libvirt_host *h, const struct named *about)
{
    const char *uuid = about->uuid;
    char found[VIR_UUID_STRING_BUFLEN];
    struct vm_domain says = { 0 };
    virDomainPtr domain = virDomainLookupByUUIDString(h->conn, uuid);
    bool gone = !domain && virGetLastErrorCode() == VIR_ERR_NO_DOMAIN;
    if (domain && libvirt_domain_look(domain, &says) < 0)
        gone = virGetLastErrorCode() == VIR_ERR_NO_DOMAIN;
    else if (domain) {
        look_at_move(h, domain, about, &says);
        gone = !tell_domain(h, domain, &says, found);
    }
    if (domain)
        virDomainFree(domain);
    if (!gone)
        return;
    drop_named(&h->leaving, uuid);
    forget_domain(h, uuid);
}

static int integer_of(virDomainStatsRecordPtr stats, const char *field)
{
    int value = -1;
    virTypedParamsGetInt(stats->params, stats->nparams, field, &value);
    return value;
}

/* All of them, with one question. */
static int enumerate(struct libvirt_host *h, struct error *err)
{
    virDomainStatsRecordPtr *all = NULL;
    struct named *seen = NULL;
    int n = virConnectGetAllDomainStats(h->conn, VIR_DOMAIN_STATS_STATE, &all, 0);
    if (n < 0)
        return libvirt_error(err, "cannot list the domains");
    for (int i = 0; i < n; i++) {
        char uuid[VIR_UUID_STRING_BUFLEN];
        struct vm_domain says = { 0 };
        libvirt_domain_state(all[i]->dom, integer_of(all[i], "state.state"),
                             integer_of(all[i], "state.reason"), &says);
        if (tell_domain(h, all[i]->dom, &says, uuid))
            add_named(&seen, uuid);
    }
    virDomainStatsRecordListFree(all);
    keep_domains(h, is_in_set, seen);
    free_set(seen);
    return 0;
}

/* --- libvirt's callbacks, on the thread of its events ----------------------------------------- */

enum happened { CHANGED, MIGRATES, LEAVES, RESUMED, STARTED, CAME };

static void add_todo(struct libvirt_host *h, virDomainPtr domain, enum happened what)
{
    char uuid[VIR_UUID_STRING_BUFLEN];
    if (virDomainGetUUIDString(domain, uuid) < 0)
        return;
    pthread_mutex_lock(&h->lock);
    struct named *n = add_named(&h->todo, uuid);
    n->migrates |= what == MIGRATES;
    if (what >= LEAVES)
        n->leaves = what == LEAVES;
    if (what == STARTED || what == CAME)
        n->came = what == CAME ? virDomainGetID(domain) : 0;
    pthread_cond_broadcast(&h->wake);
    pthread_mutex_unlock(&h->lock);
}

static enum happened meaning_of(int event, int detail)
{
    switch (event) {
    case VIR_DOMAIN_EVENT_STARTED:
        return detail == VIR_DOMAIN_EVENT_STARTED_MIGRATED ? CAME : STARTED;
    case VIR_DOMAIN_EVENT_SUSPENDED:
        return detail == VIR_DOMAIN_EVENT_SUSPENDED_MIGRATED ? LEAVES : CHANGED;
    case VIR_DOMAIN_EVENT_RESUMED:
        return RESUMED;
    default:
        return CHANGED;
    }
}

static int on_lifecycle(virConnectPtr conn, virDomainPtr domain, int event, int detail,
                        void *opaque)
{
    (void)conn;
    add_todo(opaque, domain, meaning_of(event, detail));
    return 0;
}

static void on_metadata(virConnectPtr conn, virDomainPtr domain, int type, const char *uri,
                        void *opaque)
{
    (void)conn, (void)type, (void)uri;
    add_todo(opaque, domain, CHANGED);
}

static void on_monitor_event(virConnectPtr conn, virDomainPtr domain, const char *event,
                             long long seconds, unsigned micros, const char *details, void *opaque)
{
    struct libvirt_host *h = opaque;
    char uuid[VIR_UUID_STRING_BUFLEN];
    (void)conn;
    if (strcmp(event, "MIGRATION") == 0)
        add_todo(h, domain, MIGRATES);
    if (virDomainGetUUIDString(domain, uuid) == 0)
        libvirt_taps_tell(h->taps, uuid, event, seconds, micros, details);
}

static void on_close(virConnectPtr conn, int reason, void *opaque)
{
    struct libvirt_host *h = opaque;
    (void)conn, (void)reason;
    pthread_mutex_lock(&h->lock);
    h->lost = true;
    pthread_cond_broadcast(&h->wake);
    pthread_mutex_unlock(&h->lock);
}

/* --- connecting ------------------------------------------------------------------------------- */

static int listen_to_events(struct libvirt_host *h, struct error *err)
{
    h->lifecycle_id = virConnectDomainEventRegisterAny(h->conn, NULL, VIR_DOMAIN_EVENT_ID_LIFECYCLE,
                                                       VIR_DOMAIN_EVENT_CALLBACK(on_lifecycle),
                                                       libvirt_host_ref(h), let_go);
    if (h->lifecycle_id < 0) {
        libvirt_host_unref(h);
        return libvirt_error(err, "cannot listen to its domains");
    }
    h->metadata_id = virConnectDomainEventRegisterAny(
        h->conn, NULL, VIR_DOMAIN_EVENT_ID_METADATA_CHANGE, VIR_DOMAIN_EVENT_CALLBACK(on_metadata),
        libvirt_host_ref(h), let_go);
    if (h->metadata_id < 0)
        libvirt_host_unref(h);
    h->monitor_id = virConnectDomainQemuMonitorEventRegister(h->conn, NULL, NULL, on_monitor_event,
                                                             libvirt_host_ref(h), let_go, 0);
    if (h->monitor_id < 0) {
        libvirt_host_unref(h);
        if (virGetLastErrorCode() != VIR_ERR_NO_SUPPORT) /* libvirt's test driver has no monitors */
            return libvirt_error(err, "cannot listen to its monitors");
    }
    return 0;
}

/* Two connections are to one libvirtd if the machine and the path (system, or session by its URI)
 * are the same. */
static void find_site(struct libvirt_host *h)
{
    CLEANUP_FREE char *capabilities = virConnectGetCapabilities(h->conn);
    char *hostname = virConnectGetHostname(h->conn);
    const char *begin = capabilities ? strstr(capabilities, "<uuid>") : NULL;
    const char *end = begin ? strchr(begin + 6, '<') : NULL;
    CLEANUP_FREE char *uuid = end ? mem_strndup(begin + 6, (size_t)(end - begin - 6)) : NULL;
    bool is_system = strncmp(h->uri, "qemu", 4) == 0 && strstr(h->uri, "/system") != NULL;
    char *site = uuid && is_system ? mem_printf("%s/system", uuid) : mem_strdup(h->uri);
    pthread_mutex_lock(&h->lock);
    free(h->site);
    free(h->hostname);
    h->site = site;
    h->hostname = hostname;
    pthread_mutex_unlock(&h->lock);
}

/* libvirt's test driver is within this process. It takes a callback for the end of the connection,
 * and forgets it, without letting go of what it was given. */
static bool can_be_lost(const struct libvirt_host *h)
{
    return strncmp(h->uri, "test:", 5) != 0;
}

static int connect_to_it(struct libvirt_host *h, struct error *err)
{
    pthread_mutex_lock(&h->lock);
    h->lost = false;
    pthread_mutex_unlock(&h->lock);
    h->lifecycle_id = h->metadata_id = h->monitor_id = -1;
    h->conn = virConnectOpen(h->uri);
    if (!h->conn)
        return libvirt_error(err, "cannot connect");
    virConnectSetKeepAlive(h->conn, LIMIT_KEEPALIVE_SECONDS, LIMIT_KEEPALIVE_COUNT);
    if (can_be_lost(h) &&
        virConnectRegisterCloseCallback(h->conn, on_close, libvirt_host_ref(h), let_go) < 0)
        libvirt_host_unref(h);
    find_site(h);
    int rc = listen_to_events(h, err); /* first, so that nothing is missed */
    /* Who sees a domain may attach to it. Not so when it was lost: what waits for it waits until it
     * is known who was started anew. */
    if (rc == 0 && !h->was_up)
        set_up(h, true, "");
    return rc < 0 ? rc : enumerate(h, err);
}

static void disconnect(struct libvirt_host *h)
{
    if (!h->conn)
        return;
    if (h->lifecycle_id >= 0)
        virConnectDomainEventDeregisterAny(h->conn, h->lifecycle_id);
    if (h->metadata_id >= 0)
        virConnectDomainEventDeregisterAny(h->conn, h->metadata_id);
    if (h->monitor_id >= 0)
        virConnectDomainQemuMonitorEventDeregister(h->conn, h->monitor_id);
    if (can_be_lost(h))
        virConnectUnregisterCloseCallback(h->conn, on_close);
    virConnectClose(h->conn);
    h->conn = NULL;
}

/* --- its thread ------------------------------------------------------------------------------- */

/* Under the lock. */
static void wait_a_while(struct libvirt_host *h, unsigned ms)
{
    int64_t until_us = clock_monotonic_us() + ms * USEC_PER_MSEC;
    (void)thread_wait_until(&h->wake, &h->lock, until_us);
}

static void look_at_todo(struct libvirt_host *h, struct named *take_todo)
{
    struct named *n, *next;
    HASH_ITER (hh, take_todo, n, next) {
        if (!is_stopping(h))
            look_again(h, n);
    }
    free_set(take_todo);
}

/* No event tells that libvirt has given up a migration. Not each time that something happens. */
static void look_at_leaving(struct libvirt_host *h)
{
    struct named *n, *next;
    int64_t now = clock_monotonic_us();
    if (!h->leaving || now - h->looked_us < TICK_MS * USEC_PER_MSEC / 2)
        return;
    h->looked_us = now;
    HASH_ITER (hh, h->leaving, n, next) {
        struct named copy = *n;
        look_again(h, &copy);
    }
}

/* As long as there is a connection. */
static void serve(struct libvirt_host *h)
{
    for (;;) {
        struct error err;
        pthread_mutex_lock(&h->lock);
        if (!h->todo && !h->lost && !h->stopping && !h->look_at_all)
            wait_a_while(h, TICK_MS);
        struct named *todo = TAKE_PTR(h->todo);
        bool all = h->look_at_all, end = h->lost || h->stopping;
        h->look_at_all = false;
        pthread_mutex_unlock(&h->lock);
        libvirt_calls_expire(h->calls);
        if (end || virConnectIsAlive(h->conn) != 1) {
            free_set(todo);
            return;
        }
        if (all && enumerate(h, &err) < 0)
            log_error("libvirt %s: %s", h->name, err.text);
        look_at_todo(h, todo);
        look_at_leaving(h);
    }
}

static void back_off(struct libvirt_host *h, unsigned *ms)
{
    int64_t until = clock_monotonic_us() + *ms * USEC_PER_MSEC;
    pthread_mutex_lock(&h->lock);
    while (!h->stopping && clock_monotonic_us() < until) {
        wait_a_while(h, *ms < TICK_MS ? *ms : TICK_MS);
        pthread_mutex_unlock(&h->lock);
        libvirt_calls_expire(h->calls);
        pthread_mutex_lock(&h->lock);
    }
    pthread_mutex_unlock(&h->lock);
    *ms = *ms * 2 > BACK_OFF_MAX_MS ? BACK_OFF_MAX_MS : *ms * 2;
}

static void *run_host(void *opaque)
{
    struct libvirt_host *h = opaque;
    struct libvirt_threads *threads = h->threads;
    unsigned back_off_ms = BACK_OFF_FIRST_MS;
    while (!is_stopping(h)) {
        struct error err;
        CLEANUP_FREE char *why = NULL;
        if (connect_to_it(h, &err) == 0) {
            log_info("libvirt %s: connected", h->name);
            back_off_ms = BACK_OFF_FIRST_MS;
            set_up(h, true, "");
            serve(h);
            error_set(&err, ERROR_PEER, "the connection is lost");
        }
        if (!is_stopping(h))
            log_warning("libvirt %s: %s: trying again in %u ms", h->name, err.text, back_off_ms);
        why = mem_printf("the gateway has no connection to libvirt '%s'", h->name);
        set_up(h, false, why);
        disconnect(h);
        back_off(h, &back_off_ms);
    }
    disconnect(h);
    libvirt_host_unref(h);
    libvirt_threads_leave(threads);
    return NULL;
}

struct libvirt_host *libvirt_host_new(struct daemon *daemon, struct libvirt_threads *threads,
                                      struct conf *conf, const struct conf_libvirt *section,
                                      struct error *err)
{
    struct libvirt_host *h = MEM_NEW(struct libvirt_host);
    pthread_mutex_init(&h->lock, NULL);
    thread_cond_init(&h->wake);
    atomic_store(&h->refs, 2); /* its thread's, and the caller's */
    h->daemon = daemon;
    h->threads = threads;
    h->conf = conf_ref(conf);
    h->section = section;
    h->name = mem_strdup(section->name);
    h->uri = mem_strdup(section->uri);
    h->calls = libvirt_calls_new(threads, section->uri, section->max_calls);
    h->taps = libvirt_taps_new();
    struct error words;
    error_set(&words, ERROR_STATE, "the gateway is not connected to libvirt '%s' yet", h->name);
    memcpy(h->why, words.text, sizeof(h->why));
    if (libvirt_threads_start(threads, "libvirt-host", run_host, h))
        return h;
    error_set(err, ERROR_SYSTEM, "libvirt %s: cannot start a thread", section->name);
    libvirt_host_unref(h);
    libvirt_host_unref(h);
    return NULL;
}
