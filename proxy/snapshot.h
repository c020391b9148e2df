/* What the daemon works by at one time: configuration, policy, TLS credentials. Built and validated
 * whole, then swapped in; immutable but for the cache of compiled policies; reference counted. */
#ifndef PROXY_SNAPSHOT_H
#define PROXY_SNAPSHOT_H

#include <pthread.h>
#include "acl/acl.h"
#include "audit/sign.h"
#include "auth/sasl.h"
#include "conf/conf.h"
#include "net/address.h"
#include "net/tls.h"

struct daemon;

struct snapshot_listener {
    const struct conf_listener *conf;
    struct address_range *proxy_from;
    size_t n_proxy_from;
};

struct snapshot {
    uint64_t number; /* one more than that of the snapshot before */
    struct conf *conf;
    struct acl_policy *policy;
    struct acl_policy *shadow;           /* tried beside it; NULL if there is none */
    struct tls_context *tls;             /* NULL without TLS listeners */
    bool tls_key_in_token;               /* a handshake may wait for it, for long */
    struct snapshot_listener *listeners; /* as in conf */
    struct audit_signer *seal_key;       /* NULL: the audit is not sealed */
    struct audit_signer *seal_old_key;   /* NULL: none */

    /* private */
    _Atomic unsigned refs;
    pthread_mutex_t lock;
    struct acl_program **programs; /* one a schema, under lock */
    struct qmp_schema **schemas;
    size_t n_programs;
};

/* Loads and checks everything that `file` names. Each error is reported as a line. Blocks: not on a
 * loop. Policies are compiled for the schemas that `before` (may be NULL) has met. ERROR_DENIED if
 * nothing is wrong but a policy. */
int snapshot_load(const char *file, struct snapshot *before, conf_report_fn *report, void *opaque,
                  struct snapshot **out) MUST_CHECK;
struct snapshot *snapshot_ref(struct snapshot *s);
void snapshot_unref(struct snapshot *s);

/* The daemon's present one, with a reference. Thread-safe. */
struct snapshot *snapshot_current(struct daemon *daemon);

/* The policy compiled against a schema: from the cache, or made now (milliseconds: not on a loop,
 * except where it is known to be there). Carries a reference. Thread-safe. */
struct acl_program *snapshot_program(struct snapshot *s, struct qmp_schema *schema);

/* What logins by SASL go by; borrowed from the snapshot. */
struct sasl_settings snapshot_sasl(const struct snapshot *s);

/* The listener of this name, or NULL. */
const struct snapshot_listener *snapshot_listener(const struct snapshot *s, const char *name);

#endif
