#include "config.h"
#include "proxy/libvirt_calls.h"

#include <libvirt/libvirt-qemu.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>
#include <utlist.h>
#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"
#include "proxy/libvirt_agent.h"
#include "proxy/libvirt_domain.h"
#include "proxy/loop.h"

#define CALLS_A_LINK      4u /* of the five that libvirtd serves */
#define RESERVED_PART     3u /* a third of the calls is for VMs that have answered lately */
#define LATELY_US         (60 * USEC_PER_SEC)
#define DOMAINS_KNOWN_MAX 4096u /* handles kept on a connection */
#define PROVEN_MAX        16384u

/* --- threads ---------------------------------------------------------------------------------- */

struct libvirt_threads {
    pthread_mutex_t lock;
    pthread_cond_t none;
    unsigned count;
};

struct libvirt_threads *libvirt_threads_new(void)
{
    struct libvirt_threads *t = MEM_NEW(struct libvirt_threads);
    pthread_mutex_init(&t->lock, NULL);
    thread_cond_init(&t->none);
    return t;
}

bool libvirt_threads_start(struct libvirt_threads *t, const char *name, void *(*run)(void *),
                           void *opaque)
{
    pthread_t thread;
    pthread_mutex_lock(&t->lock);
    t->count++;
    pthread_mutex_unlock(&t->lock);
    if (thread_start(&thread, run, opaque) != 0) {
        libvirt_threads_leave(t);
        return false;
    }
    pthread_setname_np(thread, name);
    pthread_detach(thread);
    return true;
}

void libvirt_threads_leave(struct libvirt_threads *t)
{
    pthread_mutex_lock(&t->lock);
    if (--t->count == 0)
        pthread_cond_broadcast(&t->none);
    pthread_mutex_unlock(&t->lock);
}

bool libvirt_threads_wait(struct libvirt_threads *t, int64_t deadline_us)
{
    bool in_time = true;
    pthread_mutex_lock(&t->lock);
    while (t->count && in_time)
        in_time = thread_wait_until(&t->none, &t->lock, deadline_us);
    bool none = t->count == 0;
    pthread_mutex_unlock(&t->lock);
    return none;
}

void libvirt_threads_free(struct libvirt_threads *t)
{
    pthread_cond_destroy(&t->none);
    pthread_mutex_destroy(&t->lock);
    free(t);
}

/* --- what there is ---------------------------------------------------------------------------- */

/* A handle of libvirt's for a domain: it means the UUID, whatever the domain's name is by now. */
struct known {
    UT_hash_handle hh;
    char uuid[37];
    virDomainPtr domain;
};

/* A connection. One call at a time: libvirtd would serve five, but of two threads on a connection
 * libvirt 9.0's client lets one sleep, now and then, until the next keep-alive (5 s, seen). Who
 * makes a call has it for himself; else it is in the list. */
struct link {
    virConnectPtr conn;
    struct known *known;
    struct link *prev, *next;
};

/* A VM that has answered: when. */
struct proof {
    UT_hash_handle hh;
    char uuid[37];
    int64_t at_us;
};

struct libvirt_calls {
    struct libvirt_threads *threads;
    char *uri;
    unsigned max;
    _Atomic unsigned refs; /* threads, and who made it */

    pthread_mutex_t lock; /* of all that follows */
    pthread_cond_t wake;
    bool stopping;
    struct libvirt_call *queue; /* utlist */
    unsigned n_queued, n_threads, n_idle, n_running;
    unsigned n_agents; /* of those that run, to guest agents */
    struct link *idle; /* utlist; the latest used first */
    struct proof *proofs;
};

struct libvirt_calls *libvirt_calls_new(struct libvirt_threads *threads, const char *uri,
                                        unsigned max_calls)
{
    struct libvirt_calls *c = MEM_NEW(struct libvirt_calls);
    c->threads = threads;
    c->uri = mem_strdup(uri);
    c->max = max_calls;
    atomic_store(&c->refs, 1);
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->wake, NULL);
    return c;
}

static void forget_domains(struct link *l)
{
    struct known *k, *next;
    HASH_ITER (hh, l->known, k, next) {
        HASH_DELETE(hh, l->known, k);
        virDomainFree(k->domain);
        free(k);
    }
}

static void forget_domain(struct link *l, const char *uuid)
{
    struct known *k;
    HASH_FIND_STR(l->known, uuid, k);
    if (!k)
        return;
    HASH_DELETE(hh, l->known, k);
    virDomainFree(k->domain);
    free(k);
}

static void free_link(struct link *l)
{
    forget_domains(l);
    virConnectClose(l->conn);
    free(l);
}

static void free_links(struct link *links)
{
    struct link *l, *next;
    DL_FOREACH_SAFE (links, l, next)
        free_link(l);
}

void libvirt_calls_unref(struct libvirt_calls *c)
{
    if (!c || atomic_fetch_sub(&c->refs, 1) != 1)
        return;
    struct proof *p, *next;
    free_links(c->idle);
    HASH_ITER (hh, c->proofs, p, next) {
        HASH_DELETE(hh, c->proofs, p);
        free(p);
    }
    pthread_cond_destroy(&c->wake);
    pthread_mutex_destroy(&c->lock);
    free(c->uri);
    free(c);
}

/* --- a call's end ----------------------------------------------------------------------------- */

void libvirt_call_free(struct libvirt_call *call)
{
    free(call->vm);
    free(call->connection);
    free(call->command);
    free(call->reply);
    free(call);
}

static void send_home(struct libvirt_call *call)
{
    loop_post(call->loop, &call->message);
}

void libvirt_call_refuse(struct libvirt_call *call, const char *why)
{
    call->result = LIBVIRT_NOT_SENT;
    error_set(&call->err, ERROR_STATE, "%s", why);
    send_home(call);
}

/* --- links ------------------------------------------------------------------------------------ */

/* An idle link, or NULL. One that has died meanwhile (libvirtd was restarted) is not used again:
 * what is sent by it would have no known outcome. These go to `dead`. Under the lock. */
static struct link *take_link(struct libvirt_calls *c, struct link **dead)
{
    struct link *l;
    while ((l = c->idle)) {
        DL_DELETE(c->idle, l);
        if (virConnectIsAlive(l->conn) == 1)
            return l;
        DL_APPEND(*dead, l);
    }
    return NULL;
}

/* libvirt's keep-alive ends it, and the call on it, if the other side is gone. */
static struct link *open_link(const struct libvirt_calls *c)
{
    virConnectPtr conn = virConnectOpen(c->uri);
    if (!conn)
        return NULL;
    virConnectSetKeepAlive(conn, LIMIT_KEEPALIVE_SECONDS, LIMIT_KEEPALIVE_COUNT);
    struct link *l = MEM_NEW(struct link);
    l->conn = conn;
    return l;
}

static void leave_link(struct libvirt_calls *c, struct link *take_l)
{
    if (virConnectIsAlive(take_l->conn) != 1) {
        free_link(take_l);
        return;
    }
    pthread_mutex_lock(&c->lock);
    DL_PREPEND(c->idle, take_l);
    pthread_mutex_unlock(&c->lock);
}

/* --- domains ---------------------------------------------------------------------------------- */

/* Borrowed from the link; NULL with libvirt's error. */
static virDomainPtr find_domain(struct link *l, const char *uuid)
{
    struct known *k;
    HASH_FIND_STR(l->known, uuid, k);
    if (k)
        return k->domain;
    virDomainPtr domain = virDomainLookupByUUIDString(l->conn, uuid);
    if (!domain)
        return NULL;
    if (HASH_COUNT(l->known) >= DOMAINS_KNOWN_MAX)
        forget_domains(l);
    k = MEM_NEW(struct known);
    memcpy(k->uuid, uuid, sizeof(k->uuid));
    k->domain = domain;
    HASH_ADD_STR(l->known, uuid, k);
    return domain;
}

/* --- making a call ---------------------------------------------------------------------------- */

static void carry_out(virDomainPtr domain, struct libvirt_call *call)
{
    bool done;
    if (call->agent_seconds) {
        libvirt_agent_call(domain, call);
        return;
    }
    if (call->command) {
        done = virDomainQemuMonitorCommand(domain, call->command, &call->reply, 0) == 0;
    } else {
        call->reply = virDomainGetXMLDesc(domain, 0); /* which libvirt knows without the VM */
        done = call->reply != NULL;
    }
    call->result = done ? LIBVIRT_REPLY : libvirt_call_error(&call->err);
}

/* A handle means the UUID only, whoever has it by now: a fresh one says who. */
static virDomainPtr find_incarnation(struct link *l, const struct libvirt_call *call)
{
    struct known *k;
    HASH_FIND_STR(l->known, call->uuid, k);
    bool sure = k && virDomainGetID(k->domain) == call->incarnation &&
                clock_monotonic_us() < call->sure_until_us;
    if (call->incarnation && !sure)
        forget_domain(l, call->uuid);
    return find_domain(l, call->uuid);
}

static void make_call(struct link *l, struct libvirt_call *call)
{
    virDomainPtr domain = find_incarnation(l, call);
    call->result = LIBVIRT_NOT_SENT;
    if (!domain)
        libvirt_call_error(&call->err);
    else if (call->incarnation && virDomainGetID(domain) != call->incarnation)
        error_set(&call->err, ERROR_STATE, "the VM was stopped, or started anew");
    else
        carry_out(domain, call);
}

static void run_call(struct libvirt_calls *c, struct libvirt_call *call, struct link *take_l)
{
    struct link *l = take_l ? take_l : open_link(c);
    if (!l) {
        libvirt_call_error(&call->err);
        call->result = LIBVIRT_NOT_SENT;
        return;
    }
    make_call(l, call);
    call->answered_us = clock_monotonic_us();
    leave_link(c, l);
}

/* --- whose turn it is ------------------------------------------------------------------------- */

static bool is_proven(const struct libvirt_calls *c, const char *uuid, int64_t now)
{
    struct proof *p;
    HASH_FIND_STR(c->proofs, uuid, p);
    return p && now - p->at_us < LATELY_US;
}

static void set_proven(struct libvirt_calls *c, const char *uuid)
{
    struct proof *p, *next;
    HASH_FIND_STR(c->proofs, uuid, p);
    if (!p && HASH_COUNT(c->proofs) >= PROVEN_MAX) {
        HASH_ITER (hh, c->proofs, p, next) {
            HASH_DELETE(hh, c->proofs, p);
            free(p);
        }
    }
    if (!p) {
        p = MEM_NEW(struct proof);
        memcpy(p->uuid, uuid, sizeof(p->uuid));
        HASH_ADD_STR(c->proofs, uuid, p);
    }
    p->at_us = clock_monotonic_us();
}

static bool may_begin(const struct libvirt_calls *c, const struct libvirt_call *call, int64_t now)
{
    unsigned reserved = c->max / RESERVED_PART;
    if (c->n_running >= c->max)
        return false;
    if (call->agent_seconds) /* guests, which may all hang on purpose, leave the rest to monitors */
        return c->n_agents < (reserved ? reserved : 1) && c->n_running < c->max - reserved;
    return c->n_running < c->max - reserved || is_proven(c, call->uuid, now);
}

static void unqueue(struct libvirt_calls *c, struct libvirt_call *call)
{
    DL_DELETE(c->queue, call);
    c->n_queued--;
}

/* The first that may begin, out of the queue. */
static struct libvirt_call *next_call(struct libvirt_calls *c)
{
    struct libvirt_call *call;
    int64_t now = clock_monotonic_us();
    DL_FOREACH (c->queue, call) {
        if (may_begin(c, call, now)) {
            unqueue(c, call);
            return call;
        }
    }
    return NULL;
}

void libvirt_calls_expire(struct libvirt_calls *c)
{
    struct libvirt_call *call, *next;
    int64_t now = clock_monotonic_us();
    pthread_mutex_lock(&c->lock);
    DL_FOREACH_SAFE (c->queue, call, next) {
        if (now <= call->not_after_us)
            continue;
        unqueue(c, call);
        libvirt_call_refuse(
            call, "all calls to its libvirt are taken by VMs that do not answer (max_calls)");
    }
    pthread_mutex_unlock(&c->lock);
}

/* --- threads ---------------------------------------------------------------------------------- */

static void *run_thread(void *opaque)
{
    struct libvirt_calls *c = opaque;
    struct libvirt_threads *threads = c->threads;
    pthread_mutex_lock(&c->lock);
    while (!c->stopping) {
        struct libvirt_call *call = next_call(c);
        if (!call) {
            c->n_idle++;
            pthread_cond_wait(&c->wake, &c->lock);
            c->n_idle--;
            continue;
        }
        struct link *dead = NULL, *l = take_link(c, &dead);
        bool agent = call->agent_seconds > 0;
        c->n_running++;
        c->n_agents += agent;
        pthread_mutex_unlock(&c->lock);
        free_links(dead);
        run_call(c, call, l);
        bool answered =
            call->result == LIBVIRT_REPLY && call->command && !agent; /* the VM itself */
        char uuid[sizeof(call->uuid)];
        memcpy(uuid, call->uuid, sizeof(uuid));
        send_home(call);
        pthread_mutex_lock(&c->lock);
        c->n_running--;
        c->n_agents -= agent;
        if (answered)
            set_proven(c, uuid);
    }
    c->n_threads--;
    pthread_mutex_unlock(&c->lock);
    libvirt_calls_unref(c);
    libvirt_threads_leave(threads);
    return NULL;
}

void libvirt_calls_submit(struct libvirt_calls *c, struct libvirt_call *take_call)
{
    pthread_mutex_lock(&c->lock);
    bool stopping = c->stopping;
    if (!stopping) {
        DL_APPEND(c->queue, take_call);
        c->n_queued++;
    }
    bool start = !stopping && c->n_queued > c->n_idle && c->n_threads < c->max;
    c->n_threads += start;
    if (!start)
        pthread_cond_signal(&c->wake);
    pthread_mutex_unlock(&c->lock);
    if (stopping)
        libvirt_call_refuse(take_call, "the connection to its libvirt was given up");
    if (!start)
        return;
    atomic_fetch_add(&c->refs, 1);
    if (libvirt_threads_start(c->threads, "libvirt-call", run_thread, c))
        return;
    log_error("no thread for calls to libvirt can be started");
    pthread_mutex_lock(&c->lock);
    c->n_threads--;
    pthread_mutex_unlock(&c->lock);
    libvirt_calls_unref(c);
}

void libvirt_calls_stop(struct libvirt_calls *c)
{
    struct libvirt_call *call, *next;
    pthread_mutex_lock(&c->lock);
    c->stopping = true;
    DL_FOREACH_SAFE (c->queue, call, next) {
        unqueue(c, call);
        libvirt_call_refuse(call, "the connection to its libvirt was given up");
    }
    pthread_cond_broadcast(&c->wake);
    pthread_mutex_unlock(&c->lock);
}
