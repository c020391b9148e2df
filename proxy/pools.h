/* The daemon's pools of workers. What may block for long has a pool of its own, so that a token or
 * a directory service that does not answer holds up nothing but those who need it. */
#ifndef PROXY_POOLS_H
#define PROXY_POOLS_H

#include "base/buf.h"
#include "proxy/worker.h"

enum pool {
    POOL_GENERAL,  /* our own work: loading a snapshot, compiling for a schema, audit-tail */
    POOL_NAMES,    /* NSS: users and groups, perhaps from a directory service */
    POOL_TOKENS,   /* handshakes with a key in a token (PKCS#11) */
    POOL_LOGINS,   /* steps of SASL that ask nobody: files, and the arithmetic of SCRAM */
    POOL_ACCOUNTS, /* those that do: saslauthd, Kerberos */
    N_POOLS,
};

int pools_start(struct worker_pool *pools[N_POOLS], struct error *err) MUST_CHECK;
/* No more jobs come. Waits for a moment until those that are there are done; false if some are not:
 * then the process has to end under their threads, and nothing that these use may go before. */
bool pools_stop(struct worker_pool *pools[N_POOLS]) MUST_CHECK;
void pools_free(struct worker_pool *pools[N_POOLS]);

/* Their figures, a JSON object by the pools' names. */
void pools_write(struct buf *b, struct worker_pool *const pools[N_POOLS]);

#endif
