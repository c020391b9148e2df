/* Whom a connection belongs to, as records and limits cite it. Outlives the connection where a
 * command of it is still in flight. Reference counted. */
#ifndef PROXY_CALLER_H
#define PROXY_CALLER_H

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include "acl/acl.h"
#include "auth/identity.h"
#include "base/mem.h"

struct caller {
    _Atomic unsigned refs;
    uint64_t connection;
    char *peer;
    struct identity *identity; /* who logged in; NULL while nobody */
    struct identity *acting;   /* for whom it acts; NULL: for itself */
};

static inline struct caller *caller_new(uint64_t connection, const char *peer)
{
    struct caller *c = MEM_NEW(struct caller);
    atomic_store(&c->refs, 1);
    c->connection = connection;
    c->peer = mem_strdup(peer);
    return c;
}

static inline struct caller *caller_ref(struct caller *c)
{
    atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
    return c;
}

static inline void caller_unref(struct caller *c)
{
    if (!c || atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) != 1)
        return;
    identity_unref(c->identity);
    identity_unref(c->acting);
    free(c->peer);
    free(c);
}

/* Who logged in; NULL while nobody. */
static inline const char *caller_name(const struct caller *c)
{
    return c->identity ? c->identity->name : NULL;
}

/* For whom it acts; NULL: for itself. */
static inline const char *caller_acting_name(const struct caller *c)
{
    return c->acting ? c->acting->name : NULL;
}

/* Whose rights it has; NULL while nobody. Borrowed. */
static inline struct identity *caller_rights_of(const struct caller *c)
{
    return c->acting ? c->acting : c->identity;
}

/* An identity as policy wants to know it. */
static inline struct acl_subject subject_of(const struct identity *i)
{
    if (!i)
        return acl_subject_named(NULL);
    return (struct acl_subject){
        .name = i->name,
        .attributes = i->attributes,
        .n_attributes = i->n_attributes,
    };
}

static inline struct acl_subject caller_subject(const struct caller *c)
{
    return subject_of(caller_rights_of(c));
}

#endif
