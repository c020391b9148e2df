#include "config.h"
#include "proxy/pools.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#define QUEUED       4096u /* jobs that may wait, of each kind */
#define STOP_SECONDS 2     /* at the end: who has not come back by then hangs in a library */

static const struct {
    const char *name;
    unsigned threads;
    bool patient; /* arithmetic that nobody's command should wait for */
} kinds[N_POOLS] = {
    [POOL_GENERAL] = { "general", 2, false }, [POOL_ACCOUNTS] = { "accounts", 4, false },
    [POOL_LOGINS] = { "logins", 4, true },    [POOL_NAMES] = { "names", 2, false },
    [POOL_TOKENS] = { "tokens", 4, false },
};

int pools_start(struct worker_pool *pools[N_POOLS], struct error *err)
{
    for (enum pool i = 0; i < N_POOLS; i++) {
        pools[i] = worker_pool_new(kinds[i].name, kinds[i].threads, kinds[i].patient, QUEUED, err);
        if (!pools[i])
            return ERROR_SYSTEM;
    }
    return 0;
}

bool pools_stop(struct worker_pool *pools[N_POOLS])
{
    int64_t deadline = clock_monotonic_us() + STOP_SECONDS * USEC_PER_SEC;
    bool done = true;
    for (enum pool i = 0; i < N_POOLS; i++) {
        if (pools[i] && !worker_pool_stop(pools[i], deadline)) {
            log_warning("a worker of the pool '%s' does not come back", kinds[i].name);
            worker_pool_abandon(pools[i]);
            done = false;
        }
    }
    return done;
}

void pools_free(struct worker_pool *pools[N_POOLS])
{
    for (enum pool i = 0; i < N_POOLS; i++)
        worker_pool_free(TAKE_PTR(pools[i]));
}

void pools_write(struct buf *b, struct worker_pool *const pools[N_POOLS])
{
    for (enum pool i = 0; i < N_POOLS; i++) {
        struct worker_stats s;
        worker_pool_get_stats(pools[i], &s);
        buf_printf(
            b, "%s\"%s\": {\"threads\": %u, \"running\": %u, \"queued\": %u, \"refused\": %llu}",
            i ? ", " : "{", kinds[i].name, s.threads, s.running, s.queued,
            (unsigned long long)s.refused);
    }
    BUF_ADD_LIT(b, "}");
}
