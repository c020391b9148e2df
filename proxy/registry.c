#include "config.h"
#include "proxy/registry.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>
#include "base/clock.h"
#include "base/mem.h"

/* How many connections an address or an identity has. */
struct tally {
    UT_hash_handle hh;
    unsigned count;
    char key[];
};

struct registry_entry {
    UT_hash_handle hh;
    uint64_t number;
    struct registry_counters counters;
    struct tally *host, *identity;
    struct loop *loop;
    const char *phase;
    char *acting;
    char *vm;
    char *peer;
    char *listener;
    int64_t since_utc_us;
};

struct registry {
    pthread_mutex_t lock;
    uint64_t last_number;
    struct registry_entry *entries; /* uthash; insertion order is the order of numbers */
    struct tally *hosts, *identities;
    unsigned n_entries, n_unauthenticated;
};

static struct tally *tally_up(struct tally **table, const char *key)
{
    struct tally *t;
    size_t len = strlen(key);
    HASH_FIND(hh, *table, key, len, t);
    if (!t) {
        t = mem_zalloc(sizeof(*t) + len + 1);
        memcpy(t->key, key, len + 1);
        HASH_ADD_KEYPTR(hh, *table, t->key, len, t);
    }
    t->count++;
    return t;
}

static void tally_down(struct tally **table, struct tally *t)
{
    if (t && --t->count == 0) {
        HASH_DELETE(hh, *table, t);
        free(t);
    }
}

static unsigned tally_of(struct tally *table, const char *key)
{
    struct tally *t;
    HASH_FIND(hh, table, key, strlen(key), t);
    return t ? t->count : 0;
}

struct registry *registry_new(void)
{
    struct registry *r = MEM_NEW(struct registry);
    pthread_mutex_init(&r->lock, NULL);
    return r;
}

void registry_free(struct registry *r)
{
    if (!r)
        return;
    struct registry_entry *e, *next;
    HASH_ITER (hh, r->entries, e, next)
        registry_remove(r, e);
    pthread_mutex_destroy(&r->lock);
    free(r);
}

static int check_host(const struct registry *r, const struct conf_limits *limits, const char *host,
                      struct error *err)
{
    if (host && tally_of(r->hosts, host) >= limits->connections_per_address)
        return error_set(err, ERROR_LIMIT,
                         "too many connections from %s (limits: connections_per_address = %u)",
                         host, limits->connections_per_address);
    return 0;
}

static int check_limits(const struct registry *r, const struct conf_limits *limits,
                        const char *host, struct error *err)
{
    if (r->n_entries >= limits->connections)
        return error_set(err, ERROR_LIMIT, "too many connections (limits: connections = %u)",
                         limits->connections);
    if (r->n_unauthenticated >= limits->connections_unauthenticated)
        return error_set(err, ERROR_LIMIT,
                         "too many connections that have not logged in "
                         "(limits: connections_unauthenticated = %u)",
                         limits->connections_unauthenticated);
    return check_host(r, limits, host, err);
}

int registry_add(struct registry *r, const struct conf_limits *limits, const char *host,
                 const char *peer, const char *listener, struct loop *loop,
                 struct registry_entry **out, struct error *err)
{
    pthread_mutex_lock(&r->lock);
    int rc = check_limits(r, limits, host, err);
    if (rc == 0) {
        struct registry_entry *e = MEM_NEW(struct registry_entry);
        e->number = ++r->last_number;
        e->loop = loop;
        e->phase = "connecting";
        e->peer = mem_strdup(peer);
        e->listener = mem_strdup(listener);
        e->since_utc_us = clock_utc_us();
        e->host = host ? tally_up(&r->hosts, host) : NULL;
        HASH_ADD(hh, r->entries, number, sizeof(e->number), e);
        r->n_entries++;
        r->n_unauthenticated++;
        *out = e;
    }
    pthread_mutex_unlock(&r->lock);
    return rc;
}

int registry_set_peer(struct registry *r, const struct conf_limits *limits,
                      struct registry_entry *e, const char *host, const char *peer,
                      struct error *err)
{
    pthread_mutex_lock(&r->lock);
    int rc = check_host(r, limits, host, err);
    if (rc == 0) {
        e->host = tally_up(&r->hosts, host);
        free(e->peer);
        e->peer = mem_strdup(peer);
    }
    pthread_mutex_unlock(&r->lock);
    return rc;
}

int registry_identify(struct registry *r, const struct conf_limits *limits,
                      struct registry_entry *e, const char *identity, struct error *err)
{
    int rc = 0;
    pthread_mutex_lock(&r->lock);
    if (tally_of(r->identities, identity) >= limits->connections_per_identity) {
        rc = error_set(
            err, ERROR_LIMIT,
            "too many connections of this identity (limits: connections_per_identity = %u)",
            limits->connections_per_identity);
    } else {
        e->identity = tally_up(&r->identities, identity);
        r->n_unauthenticated--;
    }
    pthread_mutex_unlock(&r->lock);
    return rc;
}

void registry_set_acting(struct registry *r, struct registry_entry *e, const char *identity)
{
    char *copy = mem_strdup(identity);
    pthread_mutex_lock(&r->lock);
    char *old = e->acting;
    e->acting = copy;
    pthread_mutex_unlock(&r->lock);
    free(old);
}

void registry_remove(struct registry *r, struct registry_entry *e)
{
    pthread_mutex_lock(&r->lock);
    if (!e->identity)
        r->n_unauthenticated--;
    r->n_entries--;
    tally_down(&r->hosts, e->host);
    tally_down(&r->identities, e->identity);
    HASH_DELETE(hh, r->entries, e);
    pthread_mutex_unlock(&r->lock);
    free(e->acting);
    free(e->vm);
    free(e->peer);
    free(e->listener);
    free(e);
}

uint64_t registry_number(const struct registry_entry *e)
{
    return e->number;
}

struct registry_counters *registry_counters(struct registry_entry *e)
{
    return &e->counters;
}

void registry_set_loop(struct registry *r, struct registry_entry *e, struct loop *loop)
{
    pthread_mutex_lock(&r->lock);
    e->loop = loop;
    pthread_mutex_unlock(&r->lock);
}

void registry_set_phase(struct registry *r, struct registry_entry *e, const char *phase,
                        const char *vm)
{
    char *copy = mem_strdup(vm);
    pthread_mutex_lock(&r->lock);
    char *old = e->vm;
    e->phase = phase;
    e->vm = copy;
    pthread_mutex_unlock(&r->lock);
    free(old);
}

struct loop *registry_find_loop(struct registry *r, uint64_t number)
{
    struct registry_entry *e;
    pthread_mutex_lock(&r->lock);
    HASH_FIND(hh, r->entries, &number, sizeof(number), e);
    struct loop *loop = e ? e->loop : NULL;
    pthread_mutex_unlock(&r->lock);
    return loop;
}

void registry_visit(struct registry *r,
                    void (*visit)(void *opaque, const struct registry_view *view), void *opaque)
{
    struct registry_entry *e, *next;
    pthread_mutex_lock(&r->lock);
    HASH_ITER (hh, r->entries, e, next) {
        struct registry_view view = {
            .number = e->number,
            .identity = e->identity ? e->identity->key : NULL,
            .acting = e->acting,
            .peer = e->peer,
            .listener = e->listener,
            .phase = e->phase,
            .vm = e->vm,
            .since_utc_us = e->since_utc_us,
            .commands = atomic_load_explicit(&e->counters.commands, memory_order_relaxed),
            .refused = atomic_load_explicit(&e->counters.refused, memory_order_relaxed),
            .queued = atomic_load_explicit(&e->counters.queued, memory_order_relaxed),
        };
        visit(opaque, &view);
    }
    pthread_mutex_unlock(&r->lock);
}

void registry_get_totals(struct registry *r, struct registry_totals *out)
{
    pthread_mutex_lock(&r->lock);
    *out = (struct registry_totals){
        .connections = r->n_entries,
        .unauthenticated = r->n_unauthenticated,
        .identities = HASH_COUNT(r->identities),
    };
    pthread_mutex_unlock(&r->lock);
}
