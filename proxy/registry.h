/* Every connection of the daemon, for limits and for administration. Under one mutex that is taken
 * when a connection comes, changes its phase, or goes: never on the way of a command. */
#ifndef PROXY_REGISTRY_H
#define PROXY_REGISTRY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include "base/error.h"
#include "conf/conf.h"

struct loop;
struct registry;

/* One connection. Fields are the registry's; the counters are written by the connection's loop. */
struct registry_entry;

struct registry_counters {
    _Atomic uint64_t commands;
    _Atomic uint64_t refused;
    _Atomic unsigned queued;
};

struct registry *registry_new(void);
void registry_free(struct registry *r);

/* A connection came in: gives it a number, or ERROR_LIMIT. `host` is what it is counted by; NULL
 * while a trusted balancer has yet to say it (registry_set_peer). */
int registry_add(struct registry *r, const struct conf_limits *limits, const char *host,
                 const char *peer, const char *listener, struct loop *loop,
                 struct registry_entry **out, struct error *err) MUST_CHECK;
int registry_set_peer(struct registry *r, const struct conf_limits *limits,
                      struct registry_entry *e, const char *host, const char *peer,
                      struct error *err) MUST_CHECK;
/* It is somebody now, or ERROR_LIMIT. */
int registry_identify(struct registry *r, const struct conf_limits *limits,
                      struct registry_entry *e, const char *identity, struct error *err) MUST_CHECK;
/* For whom it acts; NULL: for itself. */
void registry_set_acting(struct registry *r, struct registry_entry *e, const char *identity);
void registry_remove(struct registry *r, struct registry_entry *e);

uint64_t registry_number(const struct registry_entry *e);
struct registry_counters *registry_counters(struct registry_entry *e);

void registry_set_loop(struct registry *r, struct registry_entry *e, struct loop *loop);
/* phase: a constant string; vm: NULL for none. */
void registry_set_phase(struct registry *r, struct registry_entry *e, const char *phase,
                        const char *vm);

/* The loop that has the connection, or NULL if it is gone. If it moved meanwhile, that loop asks
 * again. */
struct loop *registry_find_loop(struct registry *r, uint64_t number);

struct registry_view {
    uint64_t number;
    const char *identity; /* NULL while nobody */
    const char *acting;   /* or NULL */
    const char *peer, *listener, *phase;
    const char *vm; /* or NULL */
    int64_t since_utc_us;
    uint64_t commands, refused;
    unsigned queued;
};
/* Calls visit for each connection, in the order of numbers, under the mutex: it copies, and calls
 * nothing back. */
void registry_visit(struct registry *r,
                    void (*visit)(void *opaque, const struct registry_view *view), void *opaque);

struct registry_totals {
    unsigned connections, unauthenticated, identities;
};
void registry_get_totals(struct registry *r, struct registry_totals *out);

#endif
